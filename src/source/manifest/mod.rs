//! Manifests: files, directories and standard input, as YAML or JSON.
//!
//! ```text
//! paths ──files──> texts ──document──> trees that know their lines ──collect──> objects, errors, notes
//! ```
//!
//! Nothing that is broken ends the reading: each fault is an [`InputError`] with its file, line and column, and everything
//! else is still read.

mod collect;
mod document;
mod files;
mod json;
mod scalar;
mod tree;
mod versions;
mod yaml;

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

pub(super) use self::files::reason;
use crate::model::config::ClusterVersion;
use crate::model::object::Object;

/// A larger file is refused: nobody writes one by hand, and it is read as a whole.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// Where an object comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as it was given or found; `-` for standard input.
    pub file: Arc<str>,
    /// The line of the object's first field, from 1.
    pub line: usize,
}

/// A place in an input.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The path as it was given or found, `-` for standard input; `None` for what comes from a cluster.
    pub file: Option<Arc<str>>,
    /// From 1; `None` when the input as a whole is meant.
    pub line: Option<usize>,
    /// From 1, in characters.
    pub column: Option<usize>,
}

/// `web.yaml:3:5`, as far as it is known.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file.as_deref().unwrap_or("cluster"))?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        Ok(())
    }
}

/// Something that cannot be read, or that Kubernetes would refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// Where.
    pub place: Place,
    /// What, naming the object and field where there is one, and the way out.
    pub message: String,
}

/// Something worth knowing about an input that is fine otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
}

/// Everything that was read.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    /// The objects of the kinds that are read, in the order of the input; each once.
    pub objects: Vec<(Object, Source)>,
    /// What could not be read.
    pub errors: Vec<InputError>,
    /// What is worth knowing.
    pub notes: Vec<Note>,
    /// How many objects are of kinds that are not read.
    pub passed_over: usize,
}

/// Reads manifests. A directory stands for its `.yaml`, `.yml` and `.json` files, in subdirectories too (hidden ones left
/// out, links followed); `-` stands for `stdin`. A file that is named twice is read once.
pub fn read(paths: &[PathBuf], stdin: &mut dyn Read, version: ClusterVersion) -> Manifests {
    let mut collector = collect::Collector::new(version);
    for found in files::find(paths) {
        match found.and_then(|found| found.read(stdin)) {
            Ok(text) => collector.text(&text),
            Err(error) => collector.manifests.errors.push(error),
        }
    }
    collector.manifests
}

#[cfg(test)]
mod tests;
