//! What a namespace holds beside pods: autoscalers of both kinds, budgets, Services, slices, LimitRanges.

use std::collections::{BTreeMap, BTreeSet};

use super::Index;
use super::budgets::concerns;
use super::owners::OwnerId;
use super::requires::Watched;
use super::volumes::BoundVolume;
use crate::model::autoscaler::{Autoscaler, ScaleTarget};
use crate::model::budget::DisruptionBudget;
use crate::model::context::{EndpointSlice, LimitRange, Namespace, Service};
use crate::model::keys::{Kind, Name, ObjectKey};

/// One namespace's objects, by name.
#[derive(Debug, Default)]
pub(super) struct NamespaceContext {
    pub(super) namespace: Option<Namespace>,
    /// The judged workloads.
    pub(super) workloads: BTreeSet<OwnerId>,
    /// ReplicaSets of controllers that are not read, while they have pods: they are judged by nobody, and may serve.
    pub(super) foreign: BTreeSet<OwnerId>,
    pub(super) autoscalers: BTreeMap<Name, Autoscaler>,
    pub(super) scaled_objects: BTreeMap<Name, Autoscaler>,
    pub(super) budgets: BTreeMap<Name, DisruptionBudget>,
    pub(super) services: BTreeMap<Name, Service>,
    pub(super) slices: BTreeMap<Name, EndpointSlice>,
    pub(super) limit_ranges: BTreeMap<Name, LimitRange>,
    /// What claims are bound to, by the claim's name.
    pub(super) volumes: BTreeMap<Name, BoundVolume>,
}

impl NamespaceContext {
    pub(super) fn is_empty(&self) -> bool {
        let NamespaceContext {
            namespace,
            workloads,
            foreign,
            autoscalers,
            scaled_objects,
            budgets,
            services,
            slices,
            limit_ranges,
            volumes,
        } = self;
        namespace.is_none()
            && workloads.is_empty()
            && foreign.is_empty()
            && autoscalers.is_empty()
            && scaled_objects.is_empty()
            && budgets.is_empty()
            && services.is_empty()
            && slices.is_empty()
            && limit_ranges.is_empty()
            && volumes.is_empty()
    }

    pub(super) fn count(&self, kind: Kind) -> usize {
        self.names(kind).count()
    }

    pub(super) fn keys(&self, namespace: &Name, kind: Kind) -> Vec<ObjectKey> {
        let scope = if kind.is_cluster_scoped() {
            "".into()
        } else {
            namespace.clone()
        };
        self.names(kind)
            .map(|name| ObjectKey {
                kind,
                namespace: scope.clone(),
                name: name.clone(),
            })
            .collect()
    }

    fn names(&self, kind: Kind) -> Box<dyn Iterator<Item = &Name> + '_> {
        match kind {
            Kind::Namespace => Box::new(self.namespace.iter().map(|n| &n.name)),
            Kind::HorizontalPodAutoscaler => Box::new(self.autoscalers.keys()),
            Kind::ScaledObject => Box::new(self.scaled_objects.keys()),
            Kind::PodDisruptionBudget => Box::new(self.budgets.keys()),
            Kind::Service => Box::new(self.services.keys()),
            Kind::EndpointSlice => Box::new(self.slices.keys()),
            Kind::LimitRange => Box::new(self.limit_ranges.keys()),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// The autoscalers with such a target, without those that KEDA makes for its ScaledObjects.
    pub(super) fn scaling<'a>(
        &'a self,
        such: impl Fn(&ScaleTarget) -> bool + Copy + 'a,
    ) -> impl Iterator<Item = &'a Autoscaler> {
        let horizontal = self.autoscalers.values().filter(move |hpa| such(&hpa.target));
        let horizontal = horizontal.filter(|hpa| self.maker(hpa).is_none());
        let scaled_objects = self.scaled_objects.values();
        horizontal.chain(scaled_objects.filter(move |scaled| such(&scaled.target)))
    }

    /// The ScaledObject that made a HorizontalPodAutoscaler.
    fn maker(&self, hpa: &Autoscaler) -> Option<&Autoscaler> {
        let named = hpa.horizontal().and_then(|own| own.scaled_object.as_ref());
        let named = named.and_then(|name| self.scaled_objects.get(name));
        let mut all = named.into_iter().chain(self.scaled_objects.values());
        all.find(|scaled| scaled.made(hpa))
    }

    fn autoscalers_of(&mut self, kind: Kind) -> &mut BTreeMap<Name, Autoscaler> {
        match kind {
            Kind::ScaledObject => &mut self.scaled_objects,
            _ => &mut self.autoscalers,
        }
    }

    /// Ready endpoints of a Service, and whether it has any slice at all.
    pub(super) fn endpoints(&self, service: &str) -> (u32, bool) {
        let mine = self
            .slices
            .values()
            .filter(|slice| slice.service.as_deref() == Some(service));
        mine.fold((0, false), |(ready, _), slice| (ready + slice.ready, true))
    }
}

/// Puts a value into a map and returns the old one; `None` when nothing changed.
fn replaced<T: PartialEq>(map: &mut BTreeMap<Name, T>, name: &Name, value: T) -> Option<Option<T>> {
    if map.get(name) == Some(&value) {
        None
    } else {
        Some(map.insert(name.clone(), value))
    }
}

impl Index {
    pub(super) fn apply_namespace(&mut self, namespace: Namespace) {
        let name = namespace.name.clone();
        let context = self.context_mut(&name);
        if context.namespace.as_ref() != Some(&namespace) {
            context.namespace = Some(namespace);
            self.mark_in(&name, |_| true);
            self.dependents.touch(Watched::Namespace(name));
        }
    }

    pub(super) fn apply_autoscaler(&mut self, autoscaler: Autoscaler) {
        let (namespace, name) = (autoscaler.namespace.clone(), autoscaler.name.clone());
        let (kind, target) = (autoscaler.kind(), autoscaler.target.clone());
        let of_kind = self.context_mut(&namespace).autoscalers_of(kind);
        let Some(old) = replaced(of_kind, &name, autoscaler) else {
            return;
        };
        for target in [Some(target), old.map(|old| old.target)].into_iter().flatten() {
            self.mark_floors(&namespace, |w| target.is(&w.key));
        }
    }

    pub(super) fn apply_budget(&mut self, budget: DisruptionBudget) {
        let (namespace, name) = (budget.namespace.clone(), budget.name.clone());
        let new = budget.clone();
        let Some(old) = replaced(&mut self.context_mut(&namespace).budgets, &name, budget) else {
            return;
        };
        for budget in [Some(new), old].into_iter().flatten() {
            self.mark_in(&namespace, |w| concerns(&budget, w));
        }
    }

    pub(super) fn apply_service(&mut self, service: Service) {
        let (namespace, name) = (service.namespace.clone(), service.name.clone());
        let new = service.clone();
        let Some(old) = replaced(&mut self.context_mut(&namespace).services, &name, service) else {
            return;
        };
        for service in [Some(new), old].into_iter().flatten() {
            self.mark_in(&namespace, |w| service.selects(&w.template.labels));
        }
        self.dependents.touch(Watched::AllIn(namespace));
    }

    /// Marks only when a Service got its first slice, or its ready endpoints went from none to some or back: nothing
    /// else is read of them.
    pub(super) fn apply_slice(&mut self, slice: EndpointSlice) {
        let (namespace, name) = (slice.namespace.clone(), slice.name.clone());
        self.change_slice(&namespace, &name, Some(slice));
    }

    pub(super) fn apply_limit_range(&mut self, range: LimitRange) {
        let (namespace, name) = (range.namespace.clone(), range.name.clone());
        if replaced(&mut self.context_mut(&namespace).limit_ranges, &name, range).is_some() {
            self.mark_in(&namespace, |_| true);
        }
    }

    /// Deletes an object of one of this module's kinds.
    pub(super) fn delete_context(&mut self, key: &ObjectKey) {
        let ObjectKey {
            kind,
            namespace,
            name,
        } = key;
        // A Namespace is kept in the context that it names.
        let within = if *kind == Kind::Namespace { name } else { namespace };
        let Some(context) = self.namespaces.get_mut(within) else {
            return;
        };
        match kind {
            Kind::Namespace => {
                let gone = context.namespace.take().is_some();
                self.mark_in(within, |_| gone);
                self.dependents.touch(Watched::Namespace(within.clone()));
            }
            Kind::HorizontalPodAutoscaler | Kind::ScaledObject => {
                if let Some(old) = context.autoscalers_of(*kind).remove(name) {
                    self.mark_floors(within, |w| w.key.name == old.target.name);
                }
            }
            Kind::PodDisruptionBudget => {
                if let Some(old) = context.budgets.remove(name) {
                    self.mark_in(within, |w| concerns(&old, w));
                }
            }
            Kind::Service => {
                if let Some(old) = context.services.remove(name) {
                    self.mark_in(within, |w| old.selects(&w.template.labels));
                    self.dependents.touch(Watched::AllIn(within.clone()));
                }
            }
            Kind::EndpointSlice => self.change_slice(within, name, None),
            Kind::LimitRange => {
                let gone = context.limit_ranges.remove(name).is_some();
                self.mark_in(within, |_| gone);
            }
            _ => {}
        }
        self.forget_in_context(within, |_| {});
    }

    fn change_slice(&mut self, namespace: &str, name: &Name, slice: Option<EndpointSlice>) {
        let context = self.context_mut(namespace);
        let old = context.slices.get(name).and_then(|slice| slice.service.clone());
        let new = slice.as_ref().and_then(|slice| slice.service.clone());
        let touched: BTreeSet<Name> = [old, new].into_iter().flatten().collect();
        let states = |context: &NamespaceContext| -> Vec<(bool, bool)> {
            let endpoints = touched.iter().map(|service| context.endpoints(service));
            endpoints.map(|(ready, any)| (ready > 0, any)).collect()
        };
        let before = states(context);
        match slice {
            Some(slice) => drop(context.slices.insert(name.clone(), slice)),
            None => drop(context.slices.remove(name)),
        }
        let after = states(context);
        let flipped: Vec<Service> = touched
            .iter()
            .zip(before.iter().zip(&after))
            .filter(|(_, (before, after))| before != after)
            .filter_map(|(name, _)| context.services.get(name).cloned())
            .collect();
        for service in flipped {
            self.mark_in(namespace, |w| service.selects(&w.template.labels));
        }
    }
}
