//! What if: the cluster with one object as somebody wants it to be, for as long as a question is asked.
//!
//! ```text
//! marks put aside ─> apply(candidate) ─> its marks = whom it concerns ─> ask ─> apply what was there ─> marks put back
//! ```
//!
//! The candidate goes the way that a watch event goes, so that whoever asks is told what the operator would say once it
//! were so. Afterwards the index answers, and has marked, what it had before.

use std::collections::BTreeSet;

use super::{Dirty, Index};
use crate::model::keys::{Kind, ObjectKey};
use crate::model::object::Object;

impl Index {
    /// The object of that key, as it was applied: of the kinds that [`Index::overlaid`] takes.
    #[must_use]
    pub fn object(&self, key: &ObjectKey) -> Option<Object> {
        if key.kind.is_workload() {
            let owner = self.owners.get(self.owners.find(key)?);
            return owner.object.clone().map(Object::Workload);
        }
        let context = self.namespaces.get(&key.namespace)?;
        match key.kind {
            Kind::HorizontalPodAutoscaler => context
                .autoscalers
                .get(&key.name)
                .cloned()
                .map(Object::Autoscaler),
            Kind::ScaledObject => context
                .scaled_objects
                .get(&key.name)
                .cloned()
                .map(Object::Autoscaler),
            Kind::PodDisruptionBudget => context
                .budgets
                .get(&key.name)
                .cloned()
                .map(Object::DisruptionBudget),
            _ => None,
        }
    }

    /// Asks about the cluster as it would be with `candidate` in it, in place of the object of its key if there is one.
    /// `ask` is also given the workloads whose answers that may change. Takes workloads that people make, autoscalers and
    /// budgets ([`Kind::is_admitted`]); of other kinds `None`.
    pub fn overlaid<T>(
        &mut self,
        candidate: Object,
        ask: impl FnOnce(&Index, &BTreeSet<ObjectKey>) -> T,
    ) -> Option<T> {
        let key = candidate.key();
        if !key.kind.is_admitted() {
            return None;
        }
        let before = self.object(&key);
        let dirty = std::mem::take(&mut self.dirty);
        let pending = std::mem::take(&mut self.pending);
        let touched = self.dependents.take_touched();
        // A list that is under way has not named it for that.
        let unseen = std::mem::take(&mut self.unseen);

        self.apply(candidate, super::Moment::default());
        let Dirty { workloads, .. } = self.take_dirty();
        let answer = ask(self, &workloads);
        match before {
            Some(object) => self.apply(object, super::Moment::default()),
            None => self.delete(&key),
        }

        self.take_dirty();
        self.dirty = dirty;
        self.pending = pending;
        self.dependents.put_touched(touched);
        self.unseen = unseen;
        Some(answer)
    }
}
