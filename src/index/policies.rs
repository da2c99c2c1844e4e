//! The policies, and which workloads a change of one touches.

use super::Index;
use super::owners::Owner;
use crate::model::policy::{PolicySpec, ResiliencePolicy};

impl Index {
    /// Marks the workloads that the policy governed or governs now, if it asks for anything else than before. That its
    /// status changed marks nothing: we write it.
    pub(super) fn apply_policy(&mut self, policy: ResiliencePolicy) {
        if self.policies.refresh(&policy) {
            return;
        }
        self.mark_governed(&policy.spec);
        if let Some(before) = self.policies.put(policy) {
            self.mark_governed(&before.spec);
        }
    }

    pub(super) fn delete_policy(&mut self, name: &str) {
        if let Some(gone) = self.policies.remove(name) {
            self.mark_governed(&gone.spec);
        }
    }

    fn mark_governed(&mut self, spec: &PolicySpec) {
        let is_governed = |owner: &&Owner| {
            let key = &owner.key;
            let context = self.namespaces.get(&key.namespace);
            let namespace = context.and_then(|context| context.namespace.as_ref());
            let labels = owner.object.as_ref().map(|workload| &workload.labels);
            labels.is_some_and(|labels| spec.governs(&key.namespace, namespace.map(|n| &n.labels), labels))
        };
        let judged = self.owners.judged().map(|(_, owner)| owner);
        let governed = judged.filter(is_governed).map(|owner| owner.key.clone());
        self.dirty.workloads.extend(governed);
    }
}
