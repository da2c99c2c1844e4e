//! The operator as its chart would run it, but as a process on this machine.
//!
//! The chart is installed for real: its rights, its service account, its Deployment. kwok runs the pods, which do
//! nothing; the operator's own binary is started beside, with the arguments and environment of the Deployment's
//! container and a kubeconfig that holds the service account's token only. So every request that it makes is subject
//! to the chart's RBAC, and the audit log tells which of the rights it used.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::{Error, IoContext, Result};
use crate::plane::{POLL, Plane, ports};
use crate::supervisor::{Launch, Supervised};

/// The release's name, and that of the Deployment and the service account.
pub const RELEASE: &str = "plimsoll";
/// Where it is installed.
pub const NAMESPACE: &str = "plimsoll-system";

/// The top of the workspace.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The chart's folder in this checkout.
#[must_use]
pub fn chart() -> PathBuf {
    workspace().join("charts").join("plimsoll")
}

/// Builds `plimsoll` in release mode with the cargo that runs this (`CARGO`), progress on stderr, and says where it
/// is.
///
/// # Errors
/// [`Error::Command`] when it does not compile.
pub fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let args = [
        "build",
        "--release",
        "--bin",
        "plimsoll",
        "--message-format=json-render-diagnostics",
    ];
    let output = Command::new(&cargo)
        .args(args)
        .current_dir(workspace())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .doing(|| format!("running {}", cargo.display()))?;
    let failed = |stderr: &str| Error::Command {
        command: format!("cargo {}", args.join(" ")),
        stderr: stderr.into(),
    };
    if !output.status.success() {
        return Err(failed("see above"));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut executables = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == "plimsoll")
            .then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    executables
        .next_back()
        .ok_or_else(|| failed("it named no executable"))
}

impl Plane {
    /// Installs or upgrades the chart of this checkout, with `--set` values such as `operator.timeScale=0.16`, and
    /// waits until kwok has its pods Ready (so there must be a node).
    ///
    /// # Errors
    /// [`Error::Command`] with helm's words.
    pub fn install_chart(&self, values: &[impl AsRef<str>]) -> Result<()> {
        let chart = chart().display().to_string();
        let mut args = vec![
            "upgrade",
            "--install",
            RELEASE,
            &chart,
            "-n",
            NAMESPACE,
            "--create-namespace",
        ];
        for value in values {
            args.extend(["--set", value.as_ref()]);
        }
        // Tests change what the chart made, by hand: then it is the chart's again.
        args.extend(["--force-conflicts", "--wait", "--timeout", "90s"]);
        self.helm(&args).map(drop)
    }
}

/// A running operator. It ends with this value; drop it before its plane.
#[derive(Debug)]
pub struct Operator {
    process: Supervised,
    address: SocketAddr,
    arguments: Vec<String>,
}

impl Operator {
    /// Starts one replica of the installed chart's Deployment: the `replica`th of its pods, counted from 0, so that
    /// several can run side by side. `env` is set on top of the Deployment's.
    ///
    /// # Errors
    /// [`Error::Command`] when the chart is not installed, [`Error::Component`] when the binary ends at once.
    pub fn start(plane: &Plane, binary: &Path, replica: usize, env: &[(&str, &str)]) -> Result<Self> {
        let deployment = plane.get(&["deployment", RELEASE, "-n", NAMESPACE])?;
        let template = &deployment["spec"]["template"];
        let account = template["spec"]["serviceAccountName"]
            .as_str()
            .unwrap_or("default");
        let pods = plane.get(&[
            "pods",
            "-n",
            NAMESPACE,
            "-l",
            &selector(&deployment["spec"]["selector"]),
        ])?;
        let container = &template["spec"]["containers"][0];
        let ports = ports_of(container)?;
        // More replicas than pods: a name of its own will do.
        let made_up = json!({"metadata": {"name": format!("{RELEASE}-{replica}"), "namespace": NAMESPACE}});
        let pod = pods["items"].get(replica).unwrap_or(&made_up);
        let kubeconfig = plane.service_account_kubeconfig(NAMESPACE, account)?;
        let mut environment = environment(container, pod, &ports);
        environment.insert("KUBECONFIG".into(), kubeconfig.display().to_string());
        environment.extend(
            env.iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        );
        let arguments: Vec<String> = container["args"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|arg| local(arg, &ports))
            .collect();
        // The first port is the one with probes and metrics.
        let health = ports.first().map_or(0, |(_, port)| *port);
        let process = Supervised::start(Launch {
            name: format!("operator-{replica}"),
            dir: plane.dir(),
            program: binary,
            args: arguments.clone(),
            env: Some(environment.into_iter().collect()),
        })?;
        Ok(Self {
            process,
            address: (Ipv4Addr::LOCALHOST, health).into(),
            arguments,
        })
    }

    /// Waits until `/readyz` says yes: every kind has been listed.
    ///
    /// # Errors
    /// [`Error::Component`] with the end of its log when it ends, or is not ready in time.
    pub fn wait_ready(&mut self, timeout: Duration) -> Result<()> {
        let started = Instant::now();
        loop {
            self.check()?;
            let answer = self.get("/readyz");
            if answer.as_ref().is_ok_and(|(code, _)| *code == 200) {
                return Ok(());
            }
            if started.elapsed() >= timeout {
                let seen =
                    answer.map_or_else(|error| error.to_string(), |(code, body)| format!("{code} {body}"));
                return Err(self
                    .process
                    .failed(&format!("is not ready after {timeout:?}: {}", seen.trim())));
            }
            thread::sleep(POLL);
        }
    }

    /// An error with the end of its log when it has ended.
    ///
    /// # Errors
    /// [`Error::Component`].
    pub fn check(&mut self) -> Result<()> {
        self.process.check()
    }

    /// GET on the address of probes and metrics: status and body.
    ///
    /// # Errors
    /// [`Error::Io`] when nobody listens.
    pub fn get(&self, path: &str) -> Result<(u16, String)> {
        let request = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(1))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address)?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            Ok(String::from_utf8_lossy(&answer).into_owned())
        };
        let answer = request().doing(|| format!("GET http://{}{path}", self.address))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let code = head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        Ok((code, body.to_owned()))
    }

    /// Sends a signal by name: `KILL` for a crash, `STOP` and `CONT` for a stalled machine, `TERM` for a rollout.
    ///
    /// # Errors
    /// [`Error::Component`] when it has ended.
    pub fn signal(&self, signal: &str) -> Result<()> {
        self.process.signal(signal)
    }

    /// Where probes and metrics are served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The arguments that it was started with.
    #[must_use]
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// Its log file.
    #[must_use]
    pub fn log(&self) -> &Path {
        self.process.log()
    }

    /// Its process id, to read its memory or end it by.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}

/// `key=value,…` for the labels of a selector.
fn selector(selector: &Value) -> String {
    let labels = selector["matchLabels"].as_object().into_iter().flatten();
    labels
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect::<Vec<_>>()
        .join(",")
}

/// Each port of the container, with a free one of this machine.
fn ports_of(container: &Value) -> Result<Vec<(u64, u16)>> {
    let listed = container["ports"].as_array().into_iter().flatten();
    listed
        .filter_map(|port| port["containerPort"].as_u64())
        .map(|port| Ok((port, ports::free()?)))
        .collect()
}

/// `0.0.0.0:8080` becomes `127.0.0.1:PORT`, also after `--flag=`; anything else stays.
fn local(value: &str, ports: &[(u64, u16)]) -> String {
    let (flag, address) = match value.split_once('=') {
        Some((flag, address)) => (format!("{flag}="), address),
        None => (String::new(), value),
    };
    let is_host = |host: &str| matches!(host, "" | "0.0.0.0" | "[::]" | "127.0.0.1" | "localhost");
    let here = address
        .rsplit_once(':')
        .filter(|(host, _)| is_host(host))
        .and_then(|(_, port)| {
            let port: u64 = port.parse().ok()?;
            ports
                .iter()
                .find(|(inside, _)| *inside == port)
                .map(|(_, here)| here)
        });
    here.map_or_else(|| value.to_owned(), |here| format!("{flag}127.0.0.1:{here}"))
}

/// The container's variables as the pod would see them. Values from Secrets and ConfigMaps are left out.
fn environment(container: &Value, pod: &Value, ports: &[(u64, u16)]) -> BTreeMap<String, String> {
    let variables = container["env"].as_array().into_iter().flatten();
    let named = variables.filter_map(|variable| {
        let value = match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
            Some("status.podIP") => "127.0.0.1".to_owned(),
            Some(path) => field(pod, path).to_owned(),
            None => local(variable["value"].as_str()?, ports),
        };
        Some((variable["name"].as_str()?.to_owned(), value))
    });
    named.collect()
}

/// `metadata.name` and the like.
fn field<'a>(object: &'a Value, path: &str) -> &'a str {
    path.split('.')
        .fold(object, |value, key| &value[key])
        .as_str()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_addresses_are_moved_and_others_are_not() {
        let ports = [(8080, 14000), (8443, 14001)];
        for (given, wanted) in [
            ("0.0.0.0:8080", "127.0.0.1:14000"),
            ("[::]:8443", "127.0.0.1:14001"),
            (":8080", "127.0.0.1:14000"),
            (
                "--health-address=0.0.0.0:8080",
                "--health-address=127.0.0.1:14000",
            ),
            ("operator", "operator"),
            ("example.com:8080", "example.com:8080"),
            ("0.0.0.0:9999", "0.0.0.0:9999"),
        ] {
            assert_eq!(local(given, &ports), wanted);
        }
    }

    #[test]
    fn variables_are_what_the_pod_would_see() {
        let container = json!({"env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "LISTEN", "value": "0.0.0.0:8080"},
            {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}},
        ]});
        let pod = json!({"metadata": {"name": "plimsoll-7d-abc"}});
        let seen = environment(&container, &pod, &[(8080, 14000)]);
        assert_eq!(seen["POD_NAME"], "plimsoll-7d-abc");
        assert_eq!(seen["LISTEN"], "127.0.0.1:14000");
        assert_eq!(seen.len(), 2);
    }
}
