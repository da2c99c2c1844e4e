//! A plane's folder: certificates, kubeconfigs, configuration, logs, data.

use std::fs;
use std::path::{Path, PathBuf};

use super::certs::{CLIENTS, Pki};
use super::options::Options;
use super::ports;
use crate::error::{Error, IoContext, Result};

/// kwok's delay before a node reports its status again, as its module ships it (ms; then the jitter).
const HEARTBEAT_DELAYS: [&str; 2] = ["600000", "610000"];
/// A day. The stage fires without a look at the Lease, and would make a silenced node Ready for a moment.
const A_DAY: &str = "86400000";

#[derive(Debug)]
pub(super) struct Ports {
    pub(super) etcd: u16,
    pub(super) etcd_peer: u16,
    pub(super) apiserver: u16,
    pub(super) controller_manager: u16,
    pub(super) scheduler: u16,
}

/// Everything that command lines refer to.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) dir: PathBuf,
    pub(super) ports: Ports,
    pub(super) pki: Pki,
    pub(super) options: Options,
}

impl Layout {
    /// Fills a fresh folder. `stages` is where kwok's stage files are.
    pub(super) fn create(dir: &Path, options: Options, stages: &Path) -> Result<Self> {
        for folder in ["logs", "run", "home"] {
            fs::create_dir_all(dir.join(folder))
                .doing(|| format!("creating {}", dir.join(folder).display()))?;
        }
        let ports = Ports {
            etcd: ports::free()?,
            etcd_peer: ports::free()?,
            apiserver: ports::free()?,
            controller_manager: ports::free()?,
            scheduler: ports::free()?,
        };
        let layout = Self {
            dir: dir.to_owned(),
            ports,
            pki: Pki::create(&dir.join("pki"))?,
            options,
        };
        layout.write("audit-policy.yaml", include_str!("audit-policy.yaml"))?;
        layout.write("kwok.yaml", &kwok_config(stages, layout.options.pods_recover)?)?;
        for (file, user, _) in CLIENTS {
            let (certificate, key) = (
                layout.pki.file(&format!("{file}.crt")),
                layout.pki.file(&format!("{file}.key")),
            );
            let credentials = serde_json::json!({"client-certificate": certificate, "client-key": key});
            layout.write_kubeconfig(file, user, &credentials)?;
        }
        Ok(layout)
    }

    /// A path in the folder, as flags want it.
    pub(super) fn path(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// The API server's address.
    pub(super) fn server(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports.apiserver)
    }

    /// The kubeconfig of a client.
    pub(super) fn kubeconfig(&self, name: &str) -> String {
        self.path(&format!("{name}.kubeconfig"))
    }

    /// Writes `NAME.kubeconfig` (JSON is YAML) with the authority inlined by path.
    pub(super) fn write_kubeconfig(
        &self,
        name: &str,
        user: &str,
        credentials: &serde_json::Value,
    ) -> Result<PathBuf> {
        let config = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "plimsoll", "cluster": {
                "server": self.server(), "certificate-authority": self.pki.file("ca.crt")}}],
            "users": [{"name": user, "user": credentials}],
            "contexts": [{"name": "plimsoll", "context": {"cluster": "plimsoll", "user": user}}],
            "current-context": "plimsoll",
        });
        let file = format!("{name}.kubeconfig");
        self.write(&file, &format!("{config:#}\n"))?;
        Ok(self.dir.join(file))
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.dir.join(name);
        fs::write(&path, text).doing(|| format!("writing {}", path.display()))
    }
}

/// All stages as one file, the node's heartbeat slowed down.
fn kwok_config(stages: &Path, pods_recover: bool) -> Result<String> {
    let mut documents = Vec::new();
    let mut files: Vec<PathBuf> = fs::read_dir(stages)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .doing(|| format!("reading {}", stages.display()))?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    for path in files {
        let text = fs::read_to_string(&path).doing(|| format!("reading {}", path.display()))?;
        documents.push(if path.ends_with("node-heartbeat-with-lease.yaml") {
            slowed(&path, &text)?
        } else {
            text
        });
    }
    if pods_recover {
        documents.push(include_str!("pod-ready-again.yaml").to_owned());
    }
    Ok(documents.join("\n---\n"))
}

fn slowed(path: &Path, stage: &str) -> Result<String> {
    let mut slowed = stage.to_owned();
    for delay in HEARTBEAT_DELAYS {
        if !slowed.contains(delay) {
            let problem = format!("no delay of {delay} ms: kwok's stage has changed, look at it again");
            return Err(Error::Rig {
                path: path.to_owned(),
                problem,
            });
        }
        slowed = slowed.replace(delay, A_DAY);
    }
    Ok(slowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heartbeat_is_slowed_and_the_pod_stage_is_optional() {
        let dir = tempfile::tempdir().unwrap();
        let heartbeat = "durationMilliseconds: 600000\njitterDurationMilliseconds: 610000\n";
        fs::write(dir.path().join("node-heartbeat-with-lease.yaml"), heartbeat).unwrap();
        fs::write(dir.path().join("pod-ready.yaml"), "name: pod-ready\n").unwrap();
        let with = kwok_config(dir.path(), true).unwrap();
        assert_eq!(with.matches(A_DAY).count(), 2);
        assert!(with.contains("pod-ready-again"));
        assert!(
            !kwok_config(dir.path(), false)
                .unwrap()
                .contains("pod-ready-again")
        );
    }

    #[test]
    fn a_changed_heartbeat_stage_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join("node-heartbeat-with-lease.yaml"),
            "durationMilliseconds: 5\n",
        )
        .unwrap();
        let error = kwok_config(dir.path(), true).unwrap_err().to_string();
        assert!(error.contains("kwok's stage has changed"), "{error}");
    }
}
