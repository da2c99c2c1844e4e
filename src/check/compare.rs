//! Two environments side by side: in which settings that rules read do they differ?
//!
//! ```text
//! A ──> index ──> views ──> settings ──┐
//!                                      ├──> differences, workload by workload
//! B ──> index ──> views ──> settings ──┘
//! ```
//!
//! No difference of texts: names of revisions, images and labels differ between environments and are meant to. What is
//! not meant to differ is how a workload lives through a rollout and the loss of a pod, a node or a zone (outage 3: a
//! canary that finishes by itself in one environment and waits for a person in the other).

mod settings;

use std::collections::{BTreeMap, BTreeSet};

use self::settings::settings;
use super::Input;
use crate::index::Index;
use crate::model::config::ClusterVersion;
use crate::model::keys::{ObjectKey, is_system_namespace};
use crate::source::manifest::{InputError, Note};

/// Which workloads are compared.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    /// Only those of these namespaces of A; of all when there is none.
    pub namespaces: Vec<String>,
    /// What namespaces of A are called in B, where that is another name.
    pub renamed: BTreeMap<String, String>,
}

/// How two environments differ.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// What both have, by key, whether it differs or not.
    pub pairs: Vec<Pair>,
    /// Workloads that B lacks.
    pub only_in_a: Vec<ObjectKey>,
    /// Workloads that A lacks.
    pub only_in_b: Vec<ObjectKey>,
    /// What could not be read of either.
    pub errors: Vec<InputError>,
    /// What is worth knowing of either.
    pub notes: Vec<Note>,
}

/// One workload in both environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Its key in A.
    pub a: ObjectKey,
    /// Its key in B: another one where the namespace has another name.
    pub b: ObjectKey,
    /// In the order of the settings.
    pub differences: Vec<Difference>,
}

/// One setting that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `maxUnavailable`, `memory limit of app`.
    pub setting: String,
    /// What A says; `none` when it says nothing.
    pub a: String,
    /// What B says.
    pub b: String,
}

impl Comparison {
    /// Compares two inputs, both as `version` reads them.
    #[must_use]
    pub fn of(a: Input, b: Input, version: ClusterVersion, pairs: &Pairs) -> Self {
        let (a, b) = (a.index(version), b.index(version));
        let mut comparison = Comparison::of_indexes(&a.index, &b.index, pairs);
        for report in [a.report, b.report] {
            comparison.errors.extend(report.errors);
            comparison.notes.extend(report.notes);
        }
        comparison
    }

    fn of_indexes(a: &Index, b: &Index, pairs: &Pairs) -> Self {
        let mut comparison = Comparison::default();
        let mut left: BTreeSet<ObjectKey> = b.workload_keys().into_iter().collect();
        for key in a.workload_keys() {
            let there = pairs.in_b(&key);
            let is_there = left.remove(&there);
            if !pairs.is_wanted(&key) {
                continue;
            }
            match (a.view(&key), b.view(&there).filter(|_| is_there)) {
                (Some(here), Some(view)) => comparison.pairs.push(Pair {
                    differences: differences(&settings(&here), &settings(&view)),
                    a: key,
                    b: there,
                }),
                _ => comparison.only_in_a.push(key),
            }
        }
        let left = left.into_iter().filter(|key| pairs.is_wanted(&pairs.in_a(key)));
        comparison.only_in_b.extend(left);
        comparison
    }

    /// Whether anything differs at all, a missing workload included.
    #[must_use]
    pub fn differs(&self) -> bool {
        let alone = !self.only_in_a.is_empty() || !self.only_in_b.is_empty();
        alone || self.pairs.iter().any(|pair| !pair.differences.is_empty())
    }
}

impl Pairs {
    fn in_b(&self, key: &ObjectKey) -> ObjectKey {
        let namespace = self.renamed.get(&*key.namespace);
        let namespace = namespace.map_or_else(|| key.namespace.clone(), |name| name.as_str().into());
        ObjectKey {
            namespace,
            ..key.clone()
        }
    }

    fn in_a(&self, key: &ObjectKey) -> ObjectKey {
        let renamed = self.renamed.iter().find(|(_, b)| **b == *key.namespace);
        let namespace = renamed.map_or_else(|| key.namespace.clone(), |(a, _)| a.as_str().into());
        ObjectKey {
            namespace,
            ..key.clone()
        }
    }

    /// `key` is one of A.
    fn is_wanted(&self, key: &ObjectKey) -> bool {
        let namespace = &*key.namespace;
        !is_system_namespace(namespace)
            && (self.namespaces.is_empty() || self.namespaces.iter().any(|n| n == namespace))
    }
}

/// Settings that only one of them has are there too: `none` in the other.
fn differences(a: &[(String, String)], b: &[(String, String)]) -> Vec<Difference> {
    let value = |all: &[(String, String)], name: &str| {
        let found = all.iter().find(|(n, _)| n == name);
        found.map_or_else(|| settings::NONE.to_owned(), |(_, value)| value.clone())
    };
    let only_in_b = b.iter().filter(|(name, _)| !a.iter().any(|(n, _)| n == name));
    let names = a.iter().chain(only_in_b).map(|(name, _)| name);
    names
        .map(|name| Difference {
            setting: name.clone(),
            a: value(a, name),
            b: value(b, name),
        })
        .filter(|difference| difference.a != difference.b)
        .collect()
}

#[cfg(test)]
mod tests;
