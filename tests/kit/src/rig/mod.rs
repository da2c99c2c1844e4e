//! Finds or builds the binaries of the control plane.
//!
//! For each tool, the first that exists:
//!
//! 1. the file that its `TEST_ASSET_…` variable names (`TEST_ASSET_KUBE_APISERVER`, `TEST_ASSET_ETCD`, …);
//! 2. the file of its name in the folder `KUBEBUILDER_ASSETS`, so that those who have envtest's binaries keep them;
//! 3. the cache, `${XDG_CACHE_HOME:-~/.cache}/plimsoll/rig/<hash of go.mod, go.sum and Go files>/`;
//! 4. a build from the Go modules that `tests/rig` pins, into that cache: about eight minutes for all on two cores,
//!    once. Nothing but the Go module proxy is asked, and no binary is downloaded.

mod build;
mod progress;
mod stages;
mod tool;

use std::env;
use std::path::{Path, PathBuf};

pub use self::tool::Tool;
use crate::error::{Error, IoContext, Result};

/// The control plane's binaries, all present.
#[derive(Debug, Clone)]
pub struct Rig {
    paths: [PathBuf; Tool::CONTROL_PLANE.len()],
    stages: PathBuf,
}

impl Rig {
    /// Finds every binary and builds those that are missing, with progress on stderr.
    ///
    /// # Errors
    /// [`Error::NoGo`] when something is missing and there is no Go, [`Error::Build`] when Go fails.
    pub fn ready() -> Result<Self> {
        let mut found = Tool::CONTROL_PLANE.map(|tool| (tool, None));
        for (tool, path) in &mut found {
            *path = find(*tool)?;
        }
        let missing: Vec<Tool> = found
            .iter()
            .filter(|(_, path)| path.is_none())
            .map(|(tool, _)| *tool)
            .collect();
        let stages = stages::cached()?;
        if !missing.is_empty() || stages.is_none() {
            build::missing(&missing, true)?;
        }
        let mut paths: [PathBuf; Tool::CONTROL_PLANE.len()] = Default::default();
        for (slot, (tool, path)) in paths.iter_mut().zip(found) {
            *slot = match path {
                Some(path) => path,
                None => cache_path(tool)?,
            };
        }
        Ok(Self {
            paths,
            stages: stages::dir()?,
        })
    }

    /// Where a binary of the control plane is.
    ///
    /// # Panics
    /// For [`Tool::Oracle`], which is no part of it.
    #[must_use]
    pub fn path(&self, tool: Tool) -> &Path {
        let index = Tool::CONTROL_PLANE
            .iter()
            .position(|each| *each == tool)
            .expect("the oracle is no part of it: see `find_or_build`");
        &self.paths[index]
    }

    /// The folder with kwok's stage files.
    pub(crate) fn stages(&self) -> &Path {
        &self.stages
    }
}

/// One tool by itself, found or built like the others.
///
/// # Errors
/// As [`Rig::ready`].
pub fn find_or_build(tool: Tool) -> Result<PathBuf> {
    if let Some(path) = find(tool)? {
        return Ok(path);
    }
    build::missing(&[tool], false)?;
    cache_path(tool)
}

/// The version that the control plane is built from, such as `v1.36.4`.
///
/// # Errors
/// [`Error::Io`] when `tests/rig` can't be read.
pub fn kubernetes_version() -> Result<String> {
    Tool::KubeApiserver.module().version()
}

/// The file that is already there, if any.
fn find(tool: Tool) -> Result<Option<PathBuf>> {
    let variable = tool.variable();
    if let Some(path) = env::var_os(&variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
    {
        return if path.is_file() {
            Ok(Some(path))
        } else {
            Err(Error::BadOverride { variable, path })
        };
    }
    if let Some(folder) = env::var_os("KUBEBUILDER_ASSETS") {
        let path = Path::new(&folder).join(tool.name());
        if path.is_file() {
            return Ok(Some(path));
        }
    }
    let path = cache_path(tool)?;
    Ok(path.is_file().then_some(path))
}

/// Where the build of a tool belongs.
fn cache_path(tool: Tool) -> Result<PathBuf> {
    Ok(cache_root()?.join(tool.module().fingerprint()?).join(tool.name()))
}

/// The folder that outlives checkouts and `cargo clean`.
fn cache_root() -> Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => env::home_dir()
            .ok_or_else(|| std::io::Error::other("neither XDG_CACHE_HOME nor HOME is set"))
            .doing(|| "finding the cache folder".to_owned())?
            .join(".cache"),
    };
    Ok(base.join("plimsoll").join("rig"))
}
