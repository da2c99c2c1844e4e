//! What tests say to a plane: kubectl, helm, manifests, tokens, a client.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{POLL, Plane};
use crate::error::{Error, IoContext, Result};
use crate::rig::Tool;

impl Plane {
    /// Runs kubectl as administrator and returns what it wrote to stdout.
    ///
    /// # Errors
    /// [`Error::Command`] with its stderr when it fails.
    pub fn kubectl(&self, args: &[&str]) -> Result<String> {
        self.run(Tool::Kubectl, args, None)
    }

    /// `kubectl` with these arguments: what it prints for people, warnings and refusals too, and whether it succeeded.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be run.
    pub fn kubectl_says(&self, args: &[&str]) -> Result<(bool, String)> {
        let mut command = self.command(Tool::Kubectl, args);
        let answer = command.stdin(Stdio::null()).output();
        let answer = answer.doing(|| format!("running `kubectl {}`", args.join(" ")))?;
        let text = [answer.stderr, answer.stdout].concat();
        Ok((
            answer.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        ))
    }

    /// `kubectl get … -o json`, parsed.
    ///
    /// # Errors
    /// [`Error::Command`] with its stderr when it fails.
    pub fn get(&self, args: &[&str]) -> Result<Value> {
        let text = self.kubectl(&[&["get", "-o", "json"], args].concat())?;
        let what = || format!("the answer to `kubectl get {}`", args.join(" "));
        serde_json::from_str(&text).map_err(|source| Error::Json { what: what(), source })
    }

    /// `kubectl apply` of a manifest (YAML or JSON, any number of documents).
    ///
    /// # Errors
    /// [`Error::Command`] with its stderr when it fails.
    pub fn apply(&self, manifest: &str) -> Result<String> {
        self.run(Tool::Kubectl, &["apply", "-f", "-"], Some(manifest))
    }

    /// `kubectl delete` of what a manifest names; what is not there is fine.
    ///
    /// # Errors
    /// [`Error::Command`] with its stderr when it fails.
    pub fn delete(&self, manifest: &str) -> Result<String> {
        self.run(
            Tool::Kubectl,
            &["delete", "--ignore-not-found", "-f", "-"],
            Some(manifest),
        )
    }

    /// Runs helm as administrator and returns what it wrote to stdout. Its caches stay in the plane's folder.
    ///
    /// # Errors
    /// [`Error::Command`] with its stderr when it fails.
    pub fn helm(&self, args: &[&str]) -> Result<String> {
        self.run(Tool::Helm, args, None)
    }

    /// A namespace (kept if it exists) in which pods can be created: its default service account is there.
    ///
    /// # Errors
    /// [`Error::Command`] when the name is refused, [`Error::Component`] when no controller fills it.
    pub fn namespace(&self, name: &str) -> Result<()> {
        let object = serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.apply(&object.to_string())?;
        self.wait_for_service_account(name, Instant::now() + Duration::from_secs(30))
    }

    /// Asks again and again until `look` returns a value.
    ///
    /// # Errors
    /// [`Error::Timeout`] with the last error or the last "not yet" of `look`, which says what it saw.
    pub fn eventually<T>(
        &self,
        what: &str,
        timeout: Duration,
        mut look: impl FnMut(&Self) -> Result<std::result::Result<T, String>>,
    ) -> Result<T> {
        let started = Instant::now();
        loop {
            let last = match look(self) {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(seen)) => seen,
                Err(error) => error.to_string(),
            };
            if started.elapsed() >= timeout {
                return Err(Error::Timeout {
                    after: timeout,
                    what: what.to_owned(),
                    last,
                });
            }
            thread::sleep(POLL);
        }
    }

    /// A kubeconfig that holds a service account's token (for a day) and nothing else: what a pod would have.
    ///
    /// # Errors
    /// [`Error::Command`] when there is no such service account.
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let token = self.kubectl(&["create", "token", name, "-n", namespace, "--duration", "24h"])?;
        let credentials = serde_json::json!({"token": token.trim()});
        self.layout
            .write_kubeconfig(&format!("{namespace}.{name}"), name, &credentials)
    }

    /// A client with the administrator's certificate. Needs the feature `client`.
    ///
    /// # Errors
    /// [`Error::Client`] when the kubeconfig can't be used.
    #[cfg(feature = "client")]
    pub async fn client(&self) -> Result<kube::Client> {
        self.client_with(self.kubeconfig()).await
    }

    /// A client for another kubeconfig of this plane. Needs the feature `client`.
    ///
    /// # Errors
    /// [`Error::Client`] when the kubeconfig can't be used.
    #[cfg(feature = "client")]
    pub async fn client_with(&self, kubeconfig: &std::path::Path) -> Result<kube::Client> {
        let failed = |error: &dyn std::error::Error| Error::Client(error.to_string());
        let file = kube::config::Kubeconfig::read_from(kubeconfig).map_err(|error| failed(&error))?;
        let options = kube::config::KubeConfigOptions::default();
        let mut config = kube::Config::from_custom_kubeconfig(file, &options)
            .await
            .map_err(|error| failed(&error))?;
        // Tests ask for the answer, not for patience: an eviction that a budget refuses (429) would be asked again.
        config.default_retry = false;
        kube::Client::try_from(config).map_err(|error| failed(&error))
    }

    fn run(&self, tool: Tool, args: &[&str], input: Option<&str>) -> Result<String> {
        output(self.command(tool, args), input)
    }

    fn command(&self, tool: Tool, args: &[&str]) -> Command {
        let mut command = Command::new(self.rig().path(tool));
        command.args(args).env("KUBECONFIG", self.kubeconfig());
        for (variable, folder) in [
            ("KUBECACHEDIR", "home/kubectl"),
            ("HELM_CACHE_HOME", "home/helm/cache"),
            ("HELM_CONFIG_HOME", "home/helm/config"),
            ("HELM_DATA_HOME", "home/helm/data"),
        ] {
            command.env(variable, self.dir().join(folder));
        }
        command
    }
}

/// Runs a command to its end, with `input` on stdin.
fn output(mut command: Command, input: Option<&str>) -> Result<String> {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let line = words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ");
    command.stdin(if input.is_some() {
        Stdio::piped()
    } else {
        Stdio::null()
    });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().doing(|| format!("running `{line}`"))?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // A command that ends without reading says why on stderr.
        let _ = stdin.write_all(input.as_bytes());
    }
    let answer = child.wait_with_output().doing(|| format!("running `{line}`"))?;
    if answer.status.success() {
        Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
    } else {
        Err(Error::Command {
            command: line,
            stderr: String::from_utf8_lossy(&answer.stderr).trim().to_owned(),
        })
    }
}
