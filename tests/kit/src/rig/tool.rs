//! The binaries: where their module is pinned, how they are built and who may bring their own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, IoContext, Result};

/// A binary of the rig.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tool {
    /// `kube-apiserver`.
    KubeApiserver,
    /// `kube-controller-manager`: node life cycle, taint eviction, workload controllers.
    KubeControllerManager,
    /// `kube-scheduler`.
    KubeScheduler,
    /// `kubectl`.
    Kubectl,
    /// `etcd`.
    Etcd,
    /// `kwok`: plays the kubelets.
    Kwok,
    /// `helm`.
    Helm,
    /// `oracle`: answers from Kubernetes' own libraries; no part of the control plane.
    Oracle,
    /// `kube-score`: what `check` is measured against; no part of the control plane.
    KubeScore,
}

impl Tool {
    /// Those of the control plane, in the order in which they are built (the slowest first).
    pub const CONTROL_PLANE: [Tool; 7] = [
        Tool::KubeApiserver,
        Tool::KubeControllerManager,
        Tool::KubeScheduler,
        Tool::Kubectl,
        Tool::Etcd,
        Tool::Kwok,
        Tool::Helm,
    ];

    /// The file name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Tool::KubeApiserver => "kube-apiserver",
            Tool::KubeControllerManager => "kube-controller-manager",
            Tool::KubeScheduler => "kube-scheduler",
            Tool::Kubectl => "kubectl",
            Tool::Etcd => "etcd",
            Tool::Kwok => "kwok",
            Tool::Helm => "helm",
            Tool::Oracle => "oracle",
            Tool::KubeScore => "kube-score",
        }
    }

    /// The environment variable that names a binary to use instead, in envtest's spelling:
    /// `TEST_ASSET_KUBE_APISERVER` and so on.
    #[must_use]
    pub fn variable(self) -> String {
        format!("TEST_ASSET_{}", self.name().replace('-', "_").to_uppercase())
    }

    /// Roughly how long a build takes on two cores with nothing cached, for the progress line.
    pub(crate) fn usual_seconds(self) -> u64 {
        match self {
            Tool::KubeApiserver => 240,
            Tool::KubeControllerManager | Tool::Helm | Tool::Oracle => 60,
            Tool::KubeScheduler => 5,
            Tool::Kubectl | Tool::KubeScore => 20,
            Tool::Etcd => 35,
            Tool::Kwok => 90,
        }
    }

    pub(crate) fn module(self) -> Module {
        match self {
            Tool::KubeApiserver | Tool::KubeControllerManager | Tool::KubeScheduler | Tool::Kubectl => {
                Module {
                    folder: "k8s",
                    path: "k8s.io/kubernetes",
                }
            }
            Tool::Etcd => Module {
                folder: "etcd",
                path: "go.etcd.io/etcd/server/v3",
            },
            Tool::Kwok => Module {
                folder: "kwok",
                path: "sigs.k8s.io/kwok",
            },
            Tool::Helm => Module {
                folder: "helm",
                path: "helm.sh/helm/v4",
            },
            Tool::Oracle => Module {
                folder: "oracle",
                path: "k8s.io/apimachinery",
            },
            Tool::KubeScore => Module {
                folder: "kube-score",
                path: "github.com/zegl/kube-score",
            },
        }
    }

    /// The Go package of its `main`. etcd's is the root of its module, the oracle's stands in the folder itself.
    pub(crate) fn package(self) -> String {
        let module = self.module().path;
        match self {
            Tool::Etcd => module.to_owned(),
            Tool::Oracle => ".".to_owned(),
            _ => format!("{module}/cmd/{}", self.name()),
        }
    }

    /// Linker flags: no symbols, and the version where the binary would otherwise not know it.
    /// Without them `/version` says `v0.0.0-master` and Helm's checks of `kubeVersion` fail.
    pub(crate) fn linker_flags(self, version: &str) -> String {
        let mut flags = vec!["-s -w".to_owned()];
        match self.module().folder {
            "k8s" => {
                let mut numbers = version.trim_start_matches('v').split('.');
                let (major, minor) = (numbers.next().unwrap_or("1"), numbers.next().unwrap_or("0"));
                for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
                    flags.push(format!(
                        "-X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor} \
                         -X {package}.gitTreeState=clean -X {package}.buildDate=1970-01-01T00:00:00Z"
                    ));
                }
            }
            "helm" => flags.push(format!("-X helm.sh/helm/v4/internal/version.version={version}")),
            _ => {}
        }
        flags.join(" ")
    }
}

/// A Go module under `tests/rig` that pins one or more tools.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Module {
    /// Its folder below `tests/rig`.
    pub(crate) folder: &'static str,
    /// The module that holds the tool, or whose version matters to it.
    pub(crate) path: &'static str,
}

impl Module {
    /// The folder with its `go.mod`.
    pub(crate) fn dir(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../rig")
            .join(self.folder)
    }

    fn read(self, file: &str) -> Result<String> {
        let path = self.dir().join(file);
        fs::read_to_string(&path).doing(|| format!("reading {}", path.display()))
    }

    /// The pinned version, such as `v1.36.4`.
    pub(crate) fn version(self) -> Result<String> {
        let text = self.read("go.mod")?;
        pinned_version(&text, self.path)
            .map(str::to_owned)
            .ok_or_else(|| Error::Rig {
                path: self.dir().join("go.mod"),
                problem: format!("does not require {}", self.path),
            })
    }

    /// The Go version that the module asks for.
    pub(crate) fn go_version(self) -> Result<String> {
        let text = self.read("go.mod")?;
        Ok(text
            .lines()
            .find_map(|line| line.strip_prefix("go "))
            .unwrap_or("1.26")
            .trim()
            .to_owned())
    }

    /// Changes whenever what would be built changes, the pins or sources of our own: names the cache folder.
    pub(crate) fn fingerprint(self) -> Result<String> {
        let mut content = self.read("go.mod")? + &self.read("go.sum")?;
        for source in self.sources()? {
            content += &self.read(&source)?;
        }
        Ok(format!("{:016x}", fnv1a(content.bytes())))
    }

    /// The names of the Go files beside the `go.mod`, sorted.
    fn sources(self) -> Result<Vec<String>> {
        let list = || -> io::Result<Vec<String>> {
            let names = fs::read_dir(self.dir())?.map(|entry| Ok(entry?.file_name()));
            let names = names.collect::<io::Result<Vec<_>>>()?;
            Ok(names
                .iter()
                .map(|name| name.to_string_lossy().into_owned())
                .collect())
        };
        let mut names = list().doing(|| format!("listing {}", self.dir().display()))?;
        names.retain(|name| name.ends_with(".go"));
        names.sort();
        Ok(names)
    }
}

/// Finds `path vX.Y.Z` in a `require` line of a go.mod.
fn pinned_version<'a>(go_mod: &'a str, path: &str) -> Option<&'a str> {
    go_mod.lines().find_map(|line| {
        let mut words = line.trim().trim_start_matches("require ").split_whitespace();
        (words.next() == Some(path))
            .then(|| words.next())?
            .filter(|word| word.starts_with('v'))
    })
}

/// FNV-1a, 64 bits: stable across compilers, which `DefaultHasher` does not promise.
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_a_line_and_in_a_block() {
        assert_eq!(
            pinned_version("module x\nrequire a.b/c v1.2.3\n", "a.b/c"),
            Some("v1.2.3")
        );
        assert_eq!(
            pinned_version("require (\n\ta.b/c/d v9.0.0\n\ta.b/c v1.2.3\n)\n", "a.b/c"),
            Some("v1.2.3")
        );
        assert_eq!(
            pinned_version("tool a.b/c\nreplace a.b/c => a.b/c v2.0.0\n", "a.b/c"),
            None
        );
    }

    #[test]
    fn every_tool_is_pinned_by_its_module() {
        for tool in Tool::CONTROL_PLANE.into_iter().chain([Tool::Oracle]) {
            assert!(
                tool.module().version().unwrap().starts_with('v'),
                "{}",
                tool.name()
            );
            assert_eq!(tool.module().fingerprint().unwrap().len(), 16);
        }
    }

    #[test]
    fn only_the_oracle_has_sources_of_its_own() {
        for tool in Tool::CONTROL_PLANE {
            assert!(tool.module().sources().unwrap().is_empty(), "{}", tool.name());
        }
        assert!(
            Tool::Oracle
                .module()
                .sources()
                .unwrap()
                .contains(&"main.go".to_owned())
        );
    }

    /// Its answers count for the control plane that the other tests run on.
    #[test]
    fn the_oracle_is_of_the_control_planes_version() {
        let of = |tool: Tool| tool.module().version().unwrap();
        assert_eq!(
            of(Tool::Oracle).strip_prefix("v0."),
            of(Tool::KubeApiserver).strip_prefix("v1.")
        );
    }

    #[test]
    fn the_api_server_is_told_its_version() {
        let flags = Tool::KubeApiserver.linker_flags("v1.36.4");
        assert!(
            flags.contains("k8s.io/component-base/version.gitVersion=v1.36.4"),
            "{flags}"
        );
        assert!(
            flags.contains("k8s.io/client-go/pkg/version.gitMinor=36"),
            "{flags}"
        );
        assert_eq!(Tool::Etcd.linker_flags("v3.6.14"), "-s -w");
        assert_eq!(Tool::Oracle.linker_flags("v0.36.4"), "-s -w");
    }

    #[test]
    fn variables_are_spelled_as_envtest_does() {
        assert_eq!(Tool::KubeApiserver.variable(), "TEST_ASSET_KUBE_APISERVER");
        assert_eq!(Tool::Etcd.variable(), "TEST_ASSET_ETCD");
    }
}
