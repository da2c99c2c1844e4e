//! kwok's stage files: how its nodes and pods behave. They come with kwok's module, so they are copied from there
//! into the cache when kwok is built, and later runs need no Go.

use std::fs;
use std::path::PathBuf;

use super::build::Go;
use super::cache_root;
use super::tool::Tool;
use crate::error::{IoContext, Result};

/// The stages of an ordinary cluster: nodes become Ready and keep a Lease, pods run at once, Jobs complete,
/// deleted pods go.
const FILES: [(&str, &str); 5] = [
    ("node/fast", "node-initialize.yaml"),
    ("node/heartbeat-with-lease", "node-heartbeat-with-lease.yaml"),
    ("pod/fast", "pod-ready.yaml"),
    ("pod/fast", "pod-complete.yaml"),
    ("pod/fast", "pod-delete.yaml"),
];

/// The folder in the cache, beside kwok.
pub(super) fn dir() -> Result<PathBuf> {
    Ok(cache_root()?
        .join(Tool::Kwok.module().fingerprint()?)
        .join("stages"))
}

/// The folder, if all files are in it.
pub(super) fn cached() -> Result<Option<PathBuf>> {
    let dir = dir()?;
    Ok(FILES
        .iter()
        .all(|(_, name)| dir.join(name).is_file())
        .then_some(dir))
}

/// Copies them out of the module.
pub(super) fn copy(go: &Go) -> Result<()> {
    let source = go.module_dir(Tool::Kwok)?.join("kustomize").join("stage");
    let target = dir()?;
    fs::create_dir_all(&target).doing(|| format!("creating {}", target.display()))?;
    for (folder, name) in FILES {
        let from = source.join(folder).join(name);
        let text = fs::read(&from).doing(|| format!("reading {}", from.display()))?;
        let (part, to) = (target.join(format!("{name}.part")), target.join(name));
        // Written anew, not copied: files of the module cache are read-only and would stay so.
        fs::write(&part, text)
            .and_then(|()| fs::rename(&part, &to))
            .doing(|| format!("writing {}", to.display()))?;
    }
    Ok(())
}
