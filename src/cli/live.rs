//! `plimsoll check --live`: the cluster as it is now, read once through the operator's projections.

use std::path::PathBuf;

use clap::Args;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::{Api, Client};

use crate::check::{Input, Report};
use crate::model::config::ClusterVersion;
use crate::model::keys::Kind;
use crate::operator::client::{self, ClientError, ClientOptions, Connection};
use crate::source::manifest::{InputError, Place};
use crate::source::watched::{
    CronJobs, DaemonSets, Deployments, HorizontalPodAutoscalers, Jobs, JudgedPods, LimitRanges, Namespaces,
    Nodes, PersistentVolumes, PodDisruptionBudgets, ReplicaSets, ResiliencePolicies, ScaledObjects, Services,
    StatefulSets, Watched, WatchedKind,
};

/// Objects a page.
const PAGE: u32 = 500;

/// Which cluster.
#[derive(Debug, Args)]
pub(super) struct LiveArgs {
    /// Judge a live cluster, once; needs to list what it judges, and changes nothing
    #[arg(long)]
    pub(super) live: bool,
    /// The kubeconfig to use [default: KUBECONFIG, the pod's service account, ~/.kube/config]
    #[arg(long, value_name = "FILE", requires = "live")]
    kubeconfig: Option<PathBuf>,
    /// Another context than the kubeconfig's current one
    #[arg(long, requires = "live")]
    context: Option<String>,
}

impl LiveArgs {
    /// That context of the kubeconfig that is found without being named.
    pub(super) fn of_context(context: &str) -> Self {
        LiveArgs {
            live: true,
            kubeconfig: None,
            context: Some(context.to_owned()),
        }
    }
}

/// Why a cluster cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// No client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// No runtime to run it on.
    #[error("cannot start: {0}")]
    Runtime(#[from] std::io::Error),
    /// The API server does not answer.
    #[error("{what} cannot be read: {source}; is the API server reachable?")]
    Unreachable {
        /// What was asked for.
        what: &'static str,
        /// What went wrong.
        source: Box<kube::Error>,
    },
}

/// Lists everything that rules read, of these namespaces or of all.
pub(super) fn read(args: &LiveArgs, namespaces: &[String]) -> Result<Input, LiveError> {
    super::operator::install_tls();
    let options = ClientOptions {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let Connection { client, .. } = client::connect(&options).await?;
        read_all(client, namespaces).await
    })
}

async fn read_all(client: Client, namespaces: &[String]) -> Result<Input, LiveError> {
    let info = client
        .apiserver_version()
        .await
        .map_err(|source| LiveError::Unreachable {
            what: "the cluster's version",
            source: Box::new(source),
        })?;
    let mut input = Input {
        live: true,
        version: ClusterVersion::parse(&info.git_version),
        ..Input::default()
    };
    take::<Nodes>(&mut input, Api::all(client.clone())).await?;
    take::<Namespaces>(&mut input, Api::all(client.clone())).await?;
    take::<PersistentVolumes>(&mut input, Api::all(client.clone())).await?;
    take::<ResiliencePolicies>(&mut input, Api::all(client.clone())).await?;
    let scopes: Vec<Option<&str>> = match namespaces {
        [] => vec![None],
        some => some.iter().map(|namespace| Some(namespace.as_str())).collect(),
    };
    for scope in scopes {
        let (client, input) = (&client, &mut input);
        take_scoped::<Deployments>(input, client, scope).await?;
        take_scoped::<StatefulSets>(input, client, scope).await?;
        take_scoped::<DaemonSets>(input, client, scope).await?;
        take_scoped::<CronJobs>(input, client, scope).await?;
        take_scoped::<Jobs>(input, client, scope).await?;
        take_scoped::<ReplicaSets>(input, client, scope).await?;
        take_scoped::<JudgedPods>(input, client, scope).await?;
        take_scoped::<HorizontalPodAutoscalers>(input, client, scope).await?;
        take_scoped::<ScaledObjects>(input, client, scope).await?;
        take_scoped::<PodDisruptionBudgets>(input, client, scope).await?;
        take_scoped::<Services>(input, client, scope).await?;
        take_scoped::<LimitRanges>(input, client, scope).await?;
    }
    Ok(input)
}

async fn take_scoped<K>(input: &mut Input, client: &Client, namespace: Option<&str>) -> Result<(), LiveError>
where
    K: WatchedKind<Scope = NamespaceResourceScope>,
{
    let api = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    take::<K>(input, api).await
}

/// Every page of a list.
async fn list<K: WatchedKind>(api: Api<Watched<K>>) -> Result<Vec<Watched<K>>, kube::Error> {
    let mut all = Vec::new();
    let mut params = ListParams::default().limit(PAGE);
    loop {
        let page = api.list(&params).await?;
        all.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(all),
        }
    }
}

/// Takes every object of a kind. A kind that may not be read is an error by name, and never looks like an empty cluster.
async fn take<K: WatchedKind>(input: &mut Input, api: Api<Watched<K>>) -> Result<(), LiveError> {
    let kind = K::KIND;
    match list(api).await {
        Ok(objects) => {
            for (key, object) in objects.into_iter().map(Watched::into_parts) {
                match object {
                    Ok(object) => input.objects.push((object, None)),
                    Err(e) => error(&mut input.report, format!("{key}: {e}")),
                }
            }
        }
        // Not installed: there are none.
        Err(kube::Error::Api(status)) if status.code == 404 && kind.is_optional() => {}
        // Plimsoll need not be installed in a cluster to be asked about it.
        Err(kube::Error::Api(status)) if status.code == 404 && kind == Kind::ResiliencePolicy => {}
        Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403 | 404) => {
            let message = format!("{} cannot be read: {}", kind.plural(), status.message);
            if !input.unreadable.iter().any(|(known, _)| *known == kind) {
                input.unreadable.push((kind, status.message.clone()));
            }
            error(&mut input.report, message);
        }
        Err(source) => {
            return Err(LiveError::Unreachable {
                what: kind.plural(),
                source: Box::new(source),
            });
        }
    }
    Ok(())
}

fn error(report: &mut Report, message: String) {
    report.errors.push(InputError {
        place: Place::default(),
        message,
    });
}
