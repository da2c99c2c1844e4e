//! The client: where the API server is, how long to wait for it, and what its clock says.

mod clock;

use std::{path::PathBuf, time::Duration};

use http::{HeaderValue, header::USER_AGENT};
use kube::{
    Client, Config,
    client::{
        ClientBuilder,
        retry::{InvalidBackoff, RetryPolicy},
    },
    config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use tower::{buffer::BufferLayer, retry::RetryLayer};

pub(super) use clock::is_gateway;
pub use clock::{ServerClock, ServerClockService};

use super::silence::Hearing;
use crate::model::text::list;

/// How requests name themselves in audit logs and in `managedFields`: `plimsoll/<version>`.
pub const AGENT: &str = concat!("plimsoll/", env!("CARGO_PKG_VERSION"));

/// A TCP and TLS handshake that takes longer is a network that drops packets.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For sending a request. Reading has no timeout: watches are silent for minutes, and have their own idle timeout.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);
/// Requests that may wait for the retry layer; more watchers and writers than this never run at once.
const BUFFER: usize = 256;
/// After 429, 503 and 504: from 200 ms doubling up to 10 s, at most four times. kube's own default (15 tries, up to
/// 1,000 s) would keep a writer on one object for hours; what fails here is planned again from fresh state instead.
const RETRY_DELAYS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
const RETRIES: u32 = 4;
/// How many contexts are named to those who ask for another.
const NAMED: usize = 10;

/// Which API server to talk to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientOptions {
    /// `--kubeconfig`: this file and no other.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`: another than the kubeconfig's current one.
    pub context: Option<String>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The named kubeconfig does not serve.
    #[error("kubeconfig {}: {source}", path.display())]
    File {
        /// The file that was named.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<KubeconfigError>,
    },
    /// The kubeconfig of the environment does not serve.
    #[error("kubeconfig: {0}; name one with --kubeconfig or KUBECONFIG")]
    Environment(#[source] Box<KubeconfigError>),
    /// The kubeconfig lacks the context that was asked for.
    #[error("{place}: no context is called {name:?}; it has {known}")]
    Context {
        /// The kubeconfig, with its path if one was named.
        place: String,
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// The pod's service account does not serve.
    #[error("in-cluster configuration: {0}; is the service account's token mounted?")]
    InCluster(#[from] InClusterError),
    /// The configuration was read, but no client can be built from it.
    #[error("cannot build a client for {url}: {source}")]
    Build {
        /// The API server.
        url: String,
        /// What is wrong.
        source: Box<kube::Error>,
    },
    /// The retry constants of this module contradict each other.
    #[error("retry policy: {0}")]
    Retry(#[from] InvalidBackoff),
}

/// A client, and the clock of the API server that it talks to.
#[derive(Clone)]
pub struct Connection {
    /// Its default namespace is that of the context, or of the pod.
    pub client: Client,
    /// Learns from every response that the client receives.
    pub clock: ServerClock,
    /// Notes everything that the client receives.
    pub hearing: Hearing,
}

/// Reads the configuration and builds a client. Nothing is sent yet.
///
/// A named file or context wins, then `KUBECONFIG`, then the pod's service account, then `~/.kube/config`.
/// (kube's own `infer` takes a kubeconfig first even inside a pod.) The process must have installed a TLS provider.
///
/// # Errors
/// Every [`ClientError`], with the place that was looked at.
pub async fn connect(options: &ClientOptions) -> Result<Connection, ClientError> {
    let source = Source::of(options, |name| {
        std::env::var_os(name).is_some_and(|v| !v.is_empty())
    });
    let config = load(source, options.context.clone()).await?;
    build(config)
}

/// Where the configuration comes from.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    File(PathBuf),
    /// `KUBECONFIG` (which may list several files), or `~/.kube/config`.
    Environment,
    InCluster,
}

impl Source {
    fn of(options: &ClientOptions, is_set: impl Fn(&str) -> bool) -> Self {
        match &options.kubeconfig {
            Some(path) => Self::File(path.clone()),
            None if options.context.is_some() || is_set("KUBECONFIG") => Self::Environment,
            None if is_set("KUBERNETES_SERVICE_HOST") => Self::InCluster,
            None => Self::Environment,
        }
    }
}

async fn load(source: Source, context: Option<String>) -> Result<Config, ClientError> {
    match source {
        Source::File(path) => {
            let failed = |source| ClientError::File {
                path: path.clone(),
                source: Box::new(source),
            };
            let kubeconfig = Kubeconfig::read_from(&path).map_err(failed)?;
            config(
                kubeconfig,
                &format!("kubeconfig {}", path.display()),
                context,
                failed,
            )
            .await
        }
        Source::Environment => {
            let failed = |source| ClientError::Environment(Box::new(source));
            config(Kubeconfig::read().map_err(failed)?, "kubeconfig", context, failed).await
        }
        Source::InCluster => Ok(Config::incluster()?),
    }
}

/// The configuration of a context, or of the current one.
async fn config(
    kubeconfig: Kubeconfig,
    place: &str,
    context: Option<String>,
    failed: impl Fn(KubeconfigError) -> ClientError,
) -> Result<Config, ClientError> {
    if let Some(name) = &context {
        let names: Vec<&str> = kubeconfig.contexts.iter().map(|context| &*context.name).collect();
        if !names.contains(&name.as_str()) {
            let known = if names.is_empty() {
                "none: check which file it is".to_owned()
            } else {
                list(&names, NAMED)
            };
            return Err(ClientError::Context {
                place: place.to_owned(),
                name: name.clone(),
                known,
            });
        }
    }
    let options = KubeConfigOptions {
        context,
        ..KubeConfigOptions::default()
    };
    Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(failed)
}

/// The clock sits inside the retries, so that a retried request is measured from its last try.
fn build(config: Config) -> Result<Connection, ClientError> {
    let url = config.cluster_url.to_string();
    let retry = RetryPolicy::new(RETRY_DELAYS.0, RETRY_DELAYS.1, RETRIES, true)?;
    let (clock, hearing) = (ServerClock::new(), Hearing::new());
    let builder = ClientBuilder::try_from(tuned(config)).map_err(|source| ClientError::Build {
        url,
        source: Box::new(source),
    })?;
    let client = builder
        .with_layer(&clock)
        .with_layer(&hearing)
        .with_layer(&BufferLayer::new(BUFFER))
        .with_layer(&RetryLayer::new(retry))
        .build();
    Ok(Connection {
        client,
        clock,
        hearing,
    })
}

fn tuned(mut config: Config) -> Config {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.write_timeout = Some(WRITE_TIMEOUT);
    config.default_retry = false;
    config.headers.push((USER_AGENT, HeaderValue::from_static(AGENT)));
    config
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_named_file_wins(Some("f"), None, &["KUBECONFIG", "KUBERNETES_SERVICE_HOST"], Source::File("f".into()))]
    #[case::a_context_means_a_kubeconfig(None, Some("prod"), &["KUBERNETES_SERVICE_HOST"], Source::Environment)]
    #[case::the_variable_wins_over_the_pod(None, None, &["KUBECONFIG", "KUBERNETES_SERVICE_HOST"], Source::Environment)]
    #[case::in_a_pod(None, None, &["KUBERNETES_SERVICE_HOST"], Source::InCluster)]
    #[case::at_home(None, None, &[], Source::Environment)]
    fn the_configuration_comes_from(
        #[case] file: Option<&str>,
        #[case] context: Option<&str>,
        #[case] variables: &[&str],
        #[case] expected: Source,
    ) {
        let options = ClientOptions {
            kubeconfig: file.map(Into::into),
            context: context.map(Into::into),
        };
        assert_eq!(Source::of(&options, |name| variables.contains(&name)), expected);
    }

    const KUBECONFIG: &str = r"
apiVersion: v1
kind: Config
current-context: test
contexts:
- name: test
  context: {cluster: test, user: nobody, namespace: shop}
clusters:
- name: test
  cluster: {server: 'http://127.0.0.1:1'}
users:
- name: nobody
  user: {}
";

    fn kubeconfig() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kubeconfig");
        std::fs::write(&path, KUBECONFIG).expect("a file");
        (folder, path)
    }

    #[tokio::test]
    async fn a_kubeconfig_gives_a_client_for_its_namespace_and_our_agent() {
        let (_folder, path) = kubeconfig();
        let config = tuned(
            load(Source::File(path.clone()), None)
                .await
                .expect("a good kubeconfig"),
        );
        assert_eq!(config.headers, [(USER_AGENT, HeaderValue::from_static(AGENT))]);
        assert!(!config.default_retry && config.read_timeout.is_none());
        let options = ClientOptions {
            kubeconfig: Some(path),
            context: None,
        };
        let connection = connect(&options).await.expect("a client");
        assert_eq!(connection.client.default_namespace(), "shop");
        assert_eq!(connection.clock.silence(), None);
    }

    #[tokio::test]
    async fn errors_name_the_file_and_the_context() {
        let (_folder, path) = kubeconfig();
        let options = ClientOptions {
            kubeconfig: Some(path.clone()),
            context: Some("nowhere".into()),
        };
        let error = connect(&options)
            .await
            .err()
            .expect("no such context")
            .to_string();
        assert!(
            error.contains(&path.display().to_string()) && error.contains("nowhere"),
            "{error}"
        );
        let options = ClientOptions {
            kubeconfig: Some("/no/such/file".into()),
            context: None,
        };
        let error = connect(&options).await.err().expect("no such file").to_string();
        assert!(error.contains("/no/such/file"), "{error}");
    }
}
