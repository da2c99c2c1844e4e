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
        let reaches = &self.index().reaches.0;
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

/// How two states of a node differ in what pods ask of nodes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Changed {
    /// In anything.
    at_all: bool,
    /// In the taints of a node that takes pods.
    taints: bool,
}

impl Changed {
    pub(super) fn between(before: Option<&Node>, after: Option<&Node>) -> Self {
        let (Some(before), Some(after)) = (before, after) else {
            return Changed {
                at_all: before.is_some() || after.is_some(),
                taints: false,
            };
        };
        let taints = !before.lasting_taints().eq(after.lasting_taints());
        Changed {
            at_all: taints || before.labels != after.labels || before.unschedulable != after.unschedulable,
            taints: taints && !after.unschedulable,
        }
    }
}

impl Index {
    /// Forgets the answers that may be others now, and marks the workloads that asked. Those that ask for no nodes in
    /// particular are marked by taints alone: whether a node takes pods, and where it is, is looked at for every workload
    /// anyway.
    pub(super) fn reach_changed(&mut self, Changed { at_all, taints }: Changed) {
        if at_all {
            self.reaches.forget();
        }
        self.pending.confined |= at_all;
        self.pending.workloads |= taints;
    }
}
