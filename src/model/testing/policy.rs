//! ResiliencePolicies.

use super::selector;
use crate::model::field::Field;
use crate::model::object::Object;
use crate::model::policy::{
    ExemptionRight, NAMESPACE_NAME_LABEL, PolicySpec, ResiliencePolicy, RuleSetting, RuleSeverity, Thresholds,
};

/// A policy that governs everything and says nothing.
pub(crate) fn policy(name: &str) -> ResiliencePolicy {
    ResiliencePolicy {
        name: name.into(),
        uid: format!("uid-{name}").into(),
        generation: 1,
        ..ResiliencePolicy::default()
    }
}

impl ResiliencePolicy {
    /// Any other change of what it asks for.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut PolicySpec)) -> Self {
        change(&mut self.spec);
        self
    }
    pub(crate) fn priority(self, priority: i32) -> Self {
        self.with(|spec| spec.priority = priority)
    }
    /// Only in the namespace of this name.
    pub(crate) fn within(self, namespace: &str) -> Self {
        let selector = selector(&[(NAMESPACE_NAME_LABEL, namespace)]);
        self.with(|spec| spec.namespaces = Field::Set(selector))
    }
    /// Only for workloads with this label.
    pub(crate) fn on(self, key: &str, value: &str) -> Self {
        self.with(|spec| spec.workloads = Field::Set(selector(&[(key, value)])))
    }
    pub(crate) fn thresholds(self, change: impl FnOnce(&mut Thresholds)) -> Self {
        self.with(|spec| change(&mut spec.thresholds))
    }
    pub(crate) fn rule(self, name: &str, change: impl FnOnce(&mut RuleSetting)) -> Self {
        let mut rule = RuleSetting {
            name: name.into(),
            ..RuleSetting::default()
        };
        change(&mut rule);
        self.with(|spec| spec.rules.push(rule))
    }
    pub(crate) fn severity(self, rule: &str, severity: RuleSeverity) -> Self {
        self.rule(rule, |rule| rule.severity = Some(severity))
    }
    pub(crate) fn lock(self, rule: &str) -> Self {
        self.rule(rule, |rule| rule.locked = true)
    }
    pub(crate) fn exemptions(self, annotation: ExemptionRight) -> Self {
        self.with(|spec| spec.exemptions.annotation = Some(annotation))
    }
    /// Exemptions count in these namespaces only.
    pub(crate) fn exemptions_in(self, namespaces: &[&str]) -> Self {
        let names = namespaces.iter().map(|name| (*name).into()).collect();
        self.with(|spec| spec.exemptions.namespaces = Some(names))
    }
    pub(crate) fn object(self) -> Object {
        Object::Policy(Box::new(self))
    }
}
