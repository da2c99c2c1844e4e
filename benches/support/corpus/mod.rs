//! Manifests as people write them, with what is true of them.
//!
//! ```text
//! app (by its number) ──choices──> scaling, spread, memory ──objects──> YAML documents
//!                                                          ──truth────> rows (workload, rule, subject) -> status
//! ```
//!
//! The truth is written down where an object is built, from the decisions in the project's table of rules; nothing here
//! asks a rule. The same number of documents is the same text, byte by byte.

mod choices;
mod objects;
mod truth;

use std::fs;
use std::io;
use std::path::Path;

use self::choices::{App, Team};
#[allow(unused_imports, reason = "the bench asks for no single row")]
pub(crate) use self::truth::Row;
pub(crate) use self::truth::{Differences, Truth, said};

/// Applications in a namespace.
const APPS: usize = 30;

/// Documents, what is true of them, and how many of them are of kinds that nobody reads.
#[derive(Default)]
pub(crate) struct Corpus {
    pub(crate) documents: Vec<String>,
    pub(crate) truth: Truth,
    pub(crate) passed_over: usize,
    /// Objects in versions that Kubernetes no longer serves.
    pub(crate) old: usize,
}

impl Corpus {
    /// So many documents, at least.
    pub(crate) fn new(documents: usize) -> Self {
        let mut corpus = Corpus::default();
        for number in 0.. {
            corpus.team(number);
            if corpus.documents.len() >= documents {
                break;
            }
        }
        corpus
    }

    fn team(&mut self, number: usize) {
        let team = Team::new(number);
        if !team.is_default() {
            self.documents.push(objects::namespace(&team));
        }
        self.documents.extend(objects::limit_range(&team));
        for app in 0..APPS {
            self.app(&App::new(&team, number * APPS + app));
        }
    }

    fn app(&mut self, app: &App<'_>) {
        self.documents.push(objects::workload(app));
        app.truth(&mut self.truth);
        self.documents.push(objects::config_map(app));
        self.passed_over += 1;
        if app.kind.is_scaled() {
            self.documents.push(objects::service(app));
        }
        if let Some(hpa) = objects::autoscaler(app) {
            self.documents.push(hpa);
        }
        if let Some(budget) = app.budget() {
            self.documents.push(objects::budget(app, budget));
        }
        if app.number.is_multiple_of(29) {
            self.documents.push(objects::owned_replica_set(app));
        }
        self.old += app.old_versions();
    }

    pub(crate) fn bytes(&self) -> usize {
        self.documents.iter().map(String::len).sum()
    }

    /// Writes them into so many files of a directory.
    pub(crate) fn write(&self, directory: &Path, files: usize) -> io::Result<()> {
        let each = self.documents.len().div_ceil(files);
        for (i, documents) in self.documents.chunks(each).enumerate() {
            fs::write(directory.join(format!("{i:05}.yaml")), documents.join("---\n"))?;
        }
        Ok(())
    }
}
