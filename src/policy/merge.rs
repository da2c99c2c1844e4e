//! Several policies, made one.

use std::collections::BTreeMap;

use super::{DEFAULT_ADMISSION, DEFAULT_PATCH, ExemptionsInForce, Policy, RuleInForce, Said};
use crate::model::keys::Name;
use crate::model::policy::{
    AcrossNamespaces, OwnershipSetting, PolicySpec, ResiliencePolicy, RuleSetting, ScaleToZero, Thresholds,
};

/// What is in force in a namespace where these policies govern, the first to go before the others; `base` where they say
/// nothing.
#[must_use]
pub fn merge(base: &Policy, namespace: &str, governing: &[&ResiliencePolicy]) -> Policy {
    let specs = Specs(governing);
    let judge_scale_to_zero = specs.threshold(
        "min-replicas",
        |t| t.scale_to_zero.map(|said| said == ScaleToZero::Judge),
        base.judge_scale_to_zero,
        Ord::max,
    );
    let requires_across_namespaces = specs.threshold(
        "requires",
        |t| {
            t.requires_across_namespaces
                .map(|said| said == AcrossNamespaces::Allow)
        },
        base.requires_across_namespaces,
        Ord::max,
    );
    let keys = specs.threshold(
        "pod-spread",
        |t| t.topology_keys.clone(),
        Vec::new(),
        |a, b| a.into_iter().filter(|key| b.contains(key)).collect(),
    );
    let mut topology_keys = base.topology_keys.clone();
    for key in keys {
        if !topology_keys.iter().any(|known| **known == *key) {
            topology_keys.push(key.to_string());
        }
    }
    let keys = |of: fn(&OwnershipSetting) -> &Option<Vec<Name>>, default: &[String]| {
        let said = specs.first(|spec| of(&spec.ownership).clone());
        said.map_or_else(
            || default.to_vec(),
            |said| said.value.iter().map(ToString::to_string).collect(),
        )
    };
    let memory_limit = specs.first(|spec| spec.thresholds.memory_limit);
    Policy {
        min_replicas: specs.threshold("min-replicas", |t| t.min_replicas, base.min_replicas, Ord::max),
        topology_keys,
        judge_scale_to_zero,
        max_capacity_loss_percent: specs.threshold(
            "few-large-replicas",
            |t| t.max_capacity_loss_percent,
            base.max_capacity_loss_percent,
            Ord::min,
        ),
        max_limit_request_ratio: specs.threshold(
            "resource-requests",
            |t| t.max_limit_request_ratio,
            base.max_limit_request_ratio,
            Ord::min,
        ),
        max_toleration_seconds: specs.threshold(
            "eviction-tolerance",
            |t| t.max_toleration_seconds,
            base.max_toleration_seconds,
            Ord::min,
        ),
        // Remedies propose it; no answer depends on it, so that no lock does.
        memory_limit: memory_limit.map(|said| said.value).or(base.memory_limit),
        requires_across_namespaces,
        owner_keys: keys(|ownership| &ownership.owner_keys, &base.owner_keys),
        runbook_keys: keys(|ownership| &ownership.runbook_keys, &base.runbook_keys),
        criticality_keys: keys(|ownership| &ownership.criticality_keys, &base.criticality_keys),
        rules: rules(governing),
        exemptions: ExemptionsInForce {
            annotation: specs.first(|spec| spec.exemptions.annotation),
            namespaces: specs.first(|spec| spec.exemptions.namespaces.clone()),
        },
        applied: governing.iter().map(|policy| policy.name.clone()).collect(),
        names_namespace: governing.iter().any(|policy| policy.spec.names(namespace)),
    }
}

/// Policies, the first to go before the others.
struct Specs<'a>(&'a [&'a ResiliencePolicy]);

impl Specs<'_> {
    /// The first that says something.
    fn first<T>(&self, of: impl Fn(&PolicySpec) -> Option<T>) -> Option<Said<T>> {
        self.0.iter().find_map(|policy| {
            let value = of(&policy.spec)?;
            let by = policy.name.clone();
            Some(Said { value, by })
        })
    }

    /// A threshold that belongs to a rule: of the first policy that sets it. When the rule is locked, the strictest of all
    /// that are set; a policy that locks it and does not set the threshold stands for the default.
    fn threshold<T>(
        &self,
        rule: &str,
        of: impl Fn(&Thresholds) -> Option<T>,
        default: T,
        stricter: impl Fn(T, T) -> T,
    ) -> T
    where
        T: Clone,
    {
        if !self.0.iter().any(|policy| policy.spec.locks(rule)) {
            let said = self.first(|spec| of(&spec.thresholds));
            return said.map_or(default, |said| said.value);
        }
        let all = self.0.iter().filter_map(|policy| {
            let locked_default = || policy.spec.locks(rule).then(|| default.clone());
            of(&policy.spec.thresholds).or_else(locked_default)
        });
        all.reduce(&stricter).unwrap_or(default)
    }
}

/// What is in force for each rule that a policy names.
fn rules(governing: &[&ResiliencePolicy]) -> BTreeMap<Name, RuleInForce> {
    let mut named: BTreeMap<Name, Vec<(&Name, &RuleSetting)>> = BTreeMap::new();
    for policy in governing {
        for setting in &policy.spec.rules {
            let said = named.entry(setting.name.clone()).or_default();
            said.push((&policy.name, setting));
        }
    }
    let in_force = |(name, said): (Name, Vec<(&Name, &RuleSetting)>)| (name, rule(&said));
    named.into_iter().map(in_force).collect()
}

/// What is in force for a rule, from what each policy says of it.
fn rule(said: &[(&Name, &RuleSetting)]) -> RuleInForce {
    let locked = said.iter().find(|(_, setting)| setting.locked);
    let Some((by, _)) = locked else {
        return RuleInForce {
            severity: pick(said, |setting| setting.severity),
            admission: pick(said, |setting| setting.admission),
            patch: pick(said, |setting| setting.patch),
            locked: None,
            own_severity_locked: false,
        };
    };
    // A policy that locks the rule and leaves something out stands for the default there.
    RuleInForce {
        severity: strictest(said, |setting| setting.severity),
        admission: strictest(said, |setting| {
            let default = setting.locked.then_some(DEFAULT_ADMISSION);
            setting.admission.or(default)
        }),
        patch: strictest(said, |setting| {
            let default = setting.locked.then_some(DEFAULT_PATCH);
            setting.patch.or(default)
        }),
        locked: Some((*by).clone()),
        own_severity_locked: said
            .iter()
            .any(|(_, setting)| setting.locked && setting.severity.is_none()),
    }
}

/// The first that is said.
fn pick<T>(said: &[(&Name, &RuleSetting)], of: impl Fn(&RuleSetting) -> Option<T>) -> Option<Said<T>> {
    said.iter().find_map(|(by, setting)| {
        let value = of(setting)?;
        Some(Said {
            value,
            by: (*by).clone(),
        })
    })
}

/// The strictest that is said; of equal ones the first.
fn strictest<T: Ord>(
    said: &[(&Name, &RuleSetting)],
    of: impl Fn(&RuleSetting) -> Option<T>,
) -> Option<Said<T>> {
    let all = said.iter().filter_map(|(by, setting)| {
        let value = of(setting)?;
        Some(Said {
            value,
            by: (*by).clone(),
        })
    });
    all.reduce(|best, next| if next.value > best.value { next } else { best })
}
