//! `check` without its command line: objects in, every rule's answers out.
//!
//! ```text
//! manifests, a live cluster ──> Input ──> index ──> each workload's view ──> rules ──> Report ──> output
//! ```
//!
//! The command, the fuzz tests and the tests of the examples all judge here, so that they can't come to differ.

mod baseline;
mod compare;
mod report;

use hashbrown::HashMap;
use jiff::Timestamp;

pub use self::baseline::{Baseline, BaselineError};
pub use self::compare::{Comparison, Difference, Pair, Pairs};
pub use self::report::{Counts, JudgedWorkload, Report, Threshold};
use crate::index::Index;
use crate::model::config::ClusterVersion;
use crate::model::keys::{Kind, ObjectKey};
use crate::model::object::Object;
use crate::model::time::Moment;
use crate::policy::Policy;
use crate::policy::ownership::Ownership;
use crate::rules::{self, Question};
use crate::source::manifest::{Manifests, Source};

/// Everything that is to be judged.
#[derive(Debug, Default)]
pub struct Input {
    /// The objects, and where each was read; `None` for what comes from a cluster.
    pub objects: Vec<(Object, Option<Source>)>,
    /// Kinds that the cluster does not let us read, and why.
    pub unreadable: Vec<(Kind, String)>,
    /// What reading them brought to light; no workload yet.
    pub report: Report,
    /// It was read from a cluster, at least in part.
    pub live: bool,
    /// The cluster's version, where there is a cluster.
    pub version: Option<ClusterVersion>,
}

/// How to judge it.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The Kubernetes version to judge for.
    pub version: ClusterVersion,
    /// Only workloads of these namespaces; all when there is none. What relates to them is read from everywhere.
    pub namespaces: &'a [String],
    /// The built-in policy, over which the ResiliencePolicies of the input go.
    pub policy: &'a Policy,
    /// What time it is.
    pub now: Timestamp,
}

/// What came out, and what it came from: whoever ends soon may leave the index to the end of the process.
#[derive(Debug)]
pub struct Judged {
    /// Every rule's answers.
    pub report: Report,
    /// What was asked about.
    pub index: Index,
}

impl From<Manifests> for Input {
    fn from(manifests: Manifests) -> Self {
        let mut input = Input::default();
        input.add(manifests);
        input
    }
}

impl Input {
    /// Adds manifests.
    pub fn add(&mut self, manifests: Manifests) {
        let Manifests {
            objects,
            errors,
            notes,
            passed_over,
        } = manifests;
        let mut objects: Vec<_> = objects
            .into_iter()
            .map(|(object, source)| (object, Some(source)))
            .collect();
        if self.objects.is_empty() {
            // Where they lie already: nothing is moved.
            self.objects = objects;
        } else {
            self.objects.append(&mut objects);
        }
        self.report.errors.extend(errors);
        self.report.notes.extend(notes);
        self.report.passed_over += passed_over;
    }

    /// Asks every rule about every workload.
    #[must_use]
    pub fn judge(self, terms: &Terms<'_>) -> Judged {
        let Indexed {
            index,
            mut sources,
            report,
        } = self.index(terms.version);
        let wanted = |key: &ObjectKey| {
            terms.namespaces.is_empty() || terms.namespaces.iter().any(|n| **n == *key.namespace)
        };
        let judged = |key: ObjectKey| {
            let view = index.view(&key)?;
            let policy = Policy::of(terms.policy, &key.namespace, &view.policies());
            let question = Question {
                view,
                policy: &policy,
                now: terms.now,
            };
            let source = sources.remove(&key);
            Some(JudgedWorkload {
                ownership: Ownership::of(&question.view, question.policy),
                policies: question.policy.applied.clone(),
                ..JudgedWorkload::new(key, source, rules::judge(&question).results)
            })
        };
        let keys = index.workload_keys();
        let mut workloads: Vec<JudgedWorkload> = keys.into_iter().filter(wanted).filter_map(judged).collect();
        let strays = rules::judge_strays(&index).map(|(stray, result)| (stray.key(), result));
        let strays = strays.filter(|(key, _)| wanted(key)).map(|(key, result)| {
            let source = sources.remove(&key);
            JudgedWorkload::new(key, source, vec![result])
        });
        workloads.extend(strays);
        let report = Report { workloads, ..report };
        Judged { report, index }
    }

    /// The input as a cluster in memory.
    fn index(self, version: ClusterVersion) -> Indexed {
        let mut index = if self.live {
            Index::complete(version)
        } else {
            Index::of_files(version)
        };
        for (kind, why) in self.unreadable {
            index.set_unreadable(kind, why);
        }
        let mut sources = HashMap::with_capacity(self.objects.len());
        for (object, source) in self.objects {
            if let Some(source) = source {
                sources.insert(object.key(), source);
            }
            index.apply(object, Moment::default());
        }
        Indexed {
            index,
            sources,
            report: self.report,
        }
    }
}

/// An input that can be asked about.
struct Indexed {
    index: Index,
    sources: HashMap<ObjectKey, Source>,
    report: Report,
}
