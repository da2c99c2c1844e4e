//! How far pods may go: answers about all nodes, each worked out once while the nodes stay as they are.
//!
//! At 5,000 nodes a scan costs a quarter of a millisecond, and 5,000 workloads ask; but few differ in what they ask for.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Index, WorkloadView};
use crate::model::node::Node;
use crate::simulate::{Reach, Wish};

/// Answers that hold until a node changes.
#[derive(Debug, Default)]
pub(super) struct Reaches(Mutex<HashMap<Wish, Reach>>);

/// More different questions than that start over: the answers are small, but a cluster may be large.
const MOST: usize = 10_000;

impl Reaches {
    /// A node has changed in what pods ask of nodes.
    pub(super) fn forget(&mut self) {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl<'a> WorkloadView<'a> {
    /// How far pods that wish so may go among the nodes that are known.
    #[must_use]
    pub fn reach(&self, wish: &Wish) -> Reach {
        let reaches = &self.index.reaches.0;
        if let Some(known) = reaches.lock().unwrap_or_else(PoisonError::into_inner).get(wish) {
            return known.clone();
        }
        let reach = wish.among(self.nodes());
        let mut known = reaches.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(wish.clone(), reach.clone());
        reach
    }
}

/// In what pods ask of nodes, two states of a node differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Changed {
    labels: bool,
    /// Or the cordon, or whether the node is there at all.
    taints: bool,
}

impl Changed {
    pub(super) fn between(before: Option<&Node>, after: Option<&Node>) -> Self {
        let (Some(before), Some(after)) = (before, after) else {
            let changed = before.is_some() || after.is_some();
            return Changed {
                labels: changed,
                taints: changed,
            };
        };
        let same_taints = before.lasting_taints().eq(after.lasting_taints());
        Changed {
            labels: before.labels != after.labels,
            taints: before.unschedulable != after.unschedulable || !same_taints,
        }
    }
}

impl Index {
    /// Forgets the answers that may be others now, and marks the workloads that asked: by labels only those that ask for
    /// some nodes (the labels that say where a node is are looked at for every workload anyway).
    pub(super) fn reach_changed(&mut self, Changed { labels, taints }: Changed) {
        if labels || taints {
            self.reaches.forget();
        }
        self.pending.confined |= labels;
        self.pending.workloads |= taints;
    }
}
