//! All policies of a cluster, or of the files that `check --policy` was given.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::model::keys::Name;
use crate::model::policy::ResiliencePolicy;
use crate::model::selector::Labels;

/// Policies by name, in the order in which they go before each other.
#[derive(Debug, Default)]
pub struct Policies {
    by_name: BTreeMap<Name, ResiliencePolicy>,
    /// The highest priority first, ties by name.
    order: Vec<(Reverse<i32>, Name)>,
    revision: u64,
}

impl Policies {
    /// Puts a policy in, and returns the one of that name before.
    pub fn put(&mut self, policy: ResiliencePolicy) -> Option<ResiliencePolicy> {
        let before = self.remove(&policy.name.clone());
        let place = (Reverse(policy.spec.priority), policy.name.clone());
        self.revision += 1;
        let at = self.order.partition_point(|known| *known < place);
        self.order.insert(at, place);
        self.by_name.insert(policy.name.clone(), policy);
        before
    }

    /// Takes a policy out.
    pub fn remove(&mut self, name: &str) -> Option<ResiliencePolicy> {
        let gone = self.by_name.remove(name)?;
        self.order.retain(|(_, known)| **known != *name);
        self.revision += 1;
        Some(gone)
    }

    /// The policy of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ResiliencePolicy> {
        self.by_name.get(name)
    }

    /// Replaces a policy by one that asks for the same and differs in what else is known of it, such as its status.
    /// Returns whether there was such a one.
    pub fn refresh(&mut self, policy: &ResiliencePolicy) -> bool {
        let Some(known) = self
            .by_name
            .get_mut(&policy.name)
            .filter(|known| known.spec == policy.spec)
        else {
            return false;
        };
        if known != policy {
            known.clone_from(policy);
            self.revision += 1;
        }
        true
    }

    /// Another number whenever anything about a policy is known anew.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &ResiliencePolicy> {
        self.by_name.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Those that govern a workload with these labels, in a namespace of this name with these labels, the one that goes
    /// before all others first.
    #[must_use]
    pub fn governing(
        &self,
        namespace: &str,
        namespace_labels: Option<&Labels>,
        labels: &Labels,
    ) -> Vec<&ResiliencePolicy> {
        let all = self.order.iter().filter_map(|(_, name)| self.by_name.get(name));
        all.filter(|policy| policy.spec.governs(namespace, namespace_labels, labels))
            .collect()
    }
}
