//! Manifests: files, directories and standard input, as YAML or JSON.
//!
//! ```text
//! paths ──files──> texts ──document──> trees that know their lines ──collect──> objects, errors, notes
//!        (rendered: helm, kustomize)   (plain, yaml, json)
//! ```
//!
//! Nothing that is broken ends the reading: each fault is an [`InputError`] with its file, line and column, and everything
//! else is still read.

mod collect;
mod document;
pub mod edit;
mod files;
mod json;
mod plain;
mod program;
mod rendered;
mod scalar;
mod tree;
mod versions;
mod yaml;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::{fmt, thread};

use serde::Deserialize as _;

pub(super) use self::files::reason;
pub use self::rendered::Maker;
use crate::model::config::ClusterVersion;
use crate::model::object::Object;

/// A larger file is refused: nobody writes one by hand, and it is read as a whole.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// The path that stands for standard input.
pub const STDIN: &str = "-";

/// Where an object comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as it was given or found; `-` for standard input.
    pub file: Arc<str>,
    /// The line of the object's first field, from 1; 1 for what a program made.
    pub line: usize,
    /// The program that made the object out of that file and others.
    pub made_by: Option<Maker>,
}

/// `web.yaml:3`; without the line for what a program made.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.made_by {
            None => write!(f, "{}:{}", self.file, self.line),
            Some(_) => f.write_str(&self.file),
        }
    }
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

/// How manifests are read.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The Kubernetes version that they are for.
    pub version: ClusterVersion,
    /// Values files for Helm charts, the last one counting most.
    pub helm_values: &'a [PathBuf],
    /// Single values for Helm charts, `key=value`; they count more than files.
    pub helm_set: &'a [String],
    /// Is told, now and then, how many inputs are read, and of how many.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

impl Options<'_> {
    /// For that version, without values, telling nobody.
    #[must_use]
    pub const fn new(version: ClusterVersion) -> Self {
        Options {
            version,
            helm_values: &[],
            helm_set: &[],
            progress: &|_, _| {},
        }
    }
}

/// Reads manifests. A directory stands for its `.yaml`, `.yml` and `.json` files, in subdirectories too (hidden ones left
/// out, links followed), a Helm chart or a kustomization for what helm or kustomize make of it; `-` stands for `stdin`. A
/// file that is named twice is read once.
pub fn read(paths: &[PathBuf], stdin: &mut dyn Read, version: ClusterVersion) -> Manifests {
    read_as(&Options::new(version), paths, stdin)
}

/// As [`read`], as the options have it.
pub fn read_as(options: &Options<'_>, paths: &[PathBuf], stdin: &mut dyn Read) -> Manifests {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    read_with(threads, options, paths, stdin)
}

/// What one input holds, or why it cannot be read.
type Outcome = Result<Manifests, InputError>;

/// As [`read`], on so many threads. Each takes the next file when it is done with one, so that only as many texts are in
/// memory as there are threads; what is found is put together in the files' order, whichever is done first.
fn read_with(threads: usize, options: &Options<'_>, paths: &[PathBuf], stdin: &mut dyn Read) -> Manifests {
    let mut collector = collect::Collector::default();
    let read = |found: files::Found, stdin: &mut dyn Read| -> Outcome {
        Ok(collect::read(&found.read(options, stdin)?, options.version))
    };
    let files::Search { found: all, notes } = files::find(paths);
    collector.manifests.notes = notes;
    let (of, mut done) = (all.len(), 0);
    let mut add = |outcome: Outcome| {
        match outcome {
            Ok(found) => collector.add(found),
            Err(error) => collector.manifests.errors.push(error),
        }
        done += 1;
        (options.progress)(done, of);
    };
    (options.progress)(0, of);
    if threads == 1 || all.len() == 1 {
        for found in all {
            add(found.and_then(|found| read(found, stdin)));
        }
        return collector.manifests;
    }
    // Standard input is read on this thread, where it is.
    let of_stdin = |found: Result<files::Found, InputError>| match found {
        Ok(found) if found.is_stdin() => Err(read(found, &mut *stdin)),
        Ok(found) => Ok(found),
        Err(error) => Err(Err(error)),
    };
    let all: Vec<Result<files::Found, Outcome>> = all.into_iter().map(of_stdin).collect();
    let queue = Mutex::new(all.into_iter().enumerate());
    let (send, receive) = mpsc::channel();
    let work = |send: mpsc::Sender<(usize, Outcome)>| {
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        while let Some((i, found)) = next() {
            let outcome = found.map_or_else(|done| done, |found| read(found, &mut io::empty()));
            // Whoever receives lives longer.
            let _ = send.send((i, outcome));
        }
    };
    thread::scope(|scope| {
        // Where threads are rationed, those that can be started do it, or else this one.
        let start = || {
            let send = send.clone();
            thread::Builder::new().spawn_scoped(scope, || work(send))
        };
        if (0..threads).filter(|_| start().is_ok()).count() == 0 {
            work(send.clone());
        }
        drop(send);
        in_order(receive, &mut add);
    });
    collector.manifests
}

/// Passes on what comes with a number, by these numbers from 0 on.
fn in_order<T>(all: impl IntoIterator<Item = (usize, T)>, pass: &mut impl FnMut(T)) {
    let mut early = BTreeMap::new();
    let mut next = 0;
    for (number, one) in all {
        early.insert(number, one);
        while let Some(one) = early.remove(&next) {
            pass(one);
            next += 1;
        }
    }
}

/// The first document of a text as JSON, as the projections see it: for the tests that hold it against kubectl's.
///
/// # Errors
/// What is wrong with it.
#[doc(hidden)]
pub fn to_json(text: &str) -> Result<serde_json::Value, String> {
    let Some(document) = document::documents(text).into_iter().next() else {
        return Ok(serde_json::Value::Null);
    };
    let tree = document.tree().map_err(|broken| broken.message)?;
    serde_json::Value::deserialize(tree.root()).map_err(|e| e.to_string())
}

/// Reads every document of a text and throws it away, for the benches; how many documents there are that can be read.
#[doc(hidden)]
#[must_use]
pub fn parse(text: &str) -> usize {
    document::documents(text)
        .iter()
        .filter(|document| document.tree().is_ok())
        .count()
}

#[cfg(test)]
mod tests;
