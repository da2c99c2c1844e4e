//! Which thresholds, severities and exemptions are in force for a workload.
//!
//! ```text
//! ResiliencePolicy objects ──> Policies ── those that govern a workload ──> merge ──> Policy ──> rules
//! annotations ──> exemption (parsed) ────────────────────────────────────────────────────────────^
//! ```
//!
//! Without any policy the built-in one is in force: audit everything, warn at admission, patch nothing. Several are merged
//! field by field, the highest priority first, ties by name. Of a rule that any of them locks, and of the thresholds that
//! belong to it, the strictest value of them all is in force instead, whatever its policy's priority; so that no policy
//! that is added makes it milder.

pub mod exemption;
mod merge;
pub mod ownership;
mod set;

use std::borrow::Cow;
use std::collections::BTreeMap;

pub use self::merge::merge;
use self::ownership::{CRITICALITY_KEYS, OWNER_KEYS, RUNBOOK_KEYS};
pub use self::set::Policies;
use crate::model::finding::Severity;
use crate::model::keys::{Name, is_system_namespace};
use crate::model::node::{HOSTNAME_LABEL, REGION_LABEL, ZONE_LABEL};
use crate::model::policy::{Admission, ExemptionRight, Patch, ResiliencePolicy, RuleSeverity};
use crate::model::quantity::Quantity;

/// What is in force for one workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The smallest effective floor that `min-replicas` accepts, replicas.
    pub min_replicas: u32,
    /// Topology keys that `pod-spread` accepts.
    pub topology_keys: Vec<String>,
    /// Whether `min-replicas` judges workloads that an autoscaler may scale to zero.
    pub judge_scale_to_zero: bool,
    /// How much of the floor's capacity one replica may carry before `few-large-replicas` says so, percent.
    pub max_capacity_loss_percent: u32,
    /// How many times its request a memory limit may be before `resource-requests` says so.
    pub max_limit_request_ratio: u32,
    /// How long pods may tolerate a node that is not ready or unreachable before `eviction-tolerance` says so, seconds.
    pub max_toleration_seconds: u32,
    /// The memory limit that remedies propose where there is no request to go by, bytes; `None` = they propose none.
    pub memory_limit: Option<Quantity>,
    /// Whether `requires` tells of a namespace that does not itself say who may ask about it.
    pub requires_across_namespaces: bool,
    /// The annotations and labels that name who runs a workload, the first to count first. Other keys than the built-in
    /// ones must be labels: of annotations no others are read.
    pub owner_keys: Vec<String>,
    /// Those that say what to do when it fails.
    pub runbook_keys: Vec<String>,
    /// Those that say whom it serves.
    pub criticality_keys: Vec<String>,
    /// What policies say of single rules, by the rule's name.
    pub rules: BTreeMap<Name, RuleInForce>,
    /// Whose exemptions count.
    pub exemptions: ExemptionsInForce,
    /// The policies that govern it, the one that goes before all others first.
    pub applied: Vec<Name>,
    /// Whether one of them names its namespace: that of a system namespace is judged only then.
    pub names_namespace: bool,
}

/// A value, and the policy that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<T> {
    /// The value.
    pub value: T,
    /// The policy's name.
    pub by: Name,
}

/// What is in force for one rule; `None` = no policy says anything, and the built-in default is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleInForce {
    /// How bad its findings are.
    pub severity: Option<Said<RuleSeverity>>,
    /// What happens at admission.
    pub admission: Option<Said<Admission>>,
    /// What Plimsoll does about it.
    pub patch: Option<Said<Patch>>,
    /// The policy that locks it, and with that allows nothing milder; the first of several.
    pub locked: Option<Name>,
    /// It is locked by a policy that leaves its severity as it is: no milder one than the rule's own is in force.
    pub own_severity_locked: bool,
}

/// Whose exemptions count; `None` = no policy says anything, and all do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExemptionsInForce {
    /// Whether any do.
    pub annotation: Option<Said<ExemptionRight>>,
    /// Only those from these namespaces.
    pub namespaces: Option<Said<Vec<Name>>>,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            min_replicas: 2,
            judge_scale_to_zero: false,
            // One of two replicas: with the smallest floor that `min-replicas` accepts, the loss of one leaves half.
            max_capacity_loss_percent: 50,
            max_limit_request_ratio: 4,
            // What the API server's DefaultTolerationSeconds admission adds to every pod.
            max_toleration_seconds: 300,
            memory_limit: None,
            requires_across_namespaces: true,
            owner_keys: OWNER_KEYS.map(str::to_owned).to_vec(),
            runbook_keys: RUNBOOK_KEYS.map(str::to_owned).to_vec(),
            criticality_keys: CRITICALITY_KEYS.map(str::to_owned).to_vec(),
            topology_keys: [
                HOSTNAME_LABEL,
                ZONE_LABEL,
                REGION_LABEL,
                // Deprecated since 1.17 and still set by some cloud providers.
                "failure-domain.beta.kubernetes.io/zone",
                "failure-domain.beta.kubernetes.io/region",
            ]
            .map(str::to_owned)
            .to_vec(),
            rules: BTreeMap::new(),
            exemptions: ExemptionsInForce::default(),
            applied: Vec::new(),
            names_namespace: false,
        }
    }
}

impl Policy {
    /// What is in force where these policies govern, the first to go before the others.
    #[must_use]
    pub fn of<'a>(base: &'a Policy, namespace: &str, governing: &[&ResiliencePolicy]) -> Cow<'a, Policy> {
        if governing.is_empty() {
            return Cow::Borrowed(base);
        }
        Cow::Owned(merge(base, namespace, governing))
    }

    /// Whether workloads of a namespace are judged: those of Kubernetes itself only if a policy names it.
    #[must_use]
    pub fn judges(&self, namespace: &str) -> bool {
        self.names_namespace || !is_system_namespace(namespace)
    }

    /// How bad a rule's findings are that the rule itself would call `own`, and who says so; `None` when no policy says
    /// anything.
    #[must_use]
    pub fn severity(&self, rule: &str, own: RuleSeverity) -> Option<Said<RuleSeverity>> {
        let in_force = self.rules.get(rule)?;
        let mut said = in_force.severity.clone()?;
        if in_force.own_severity_locked {
            said.value = said.value.max(own);
        }
        Some(said)
    }

    /// What happens at admission when a rule fails that badly. What is only worth knowing is not said there unless a policy
    /// asks for it.
    #[must_use]
    pub fn admission(&self, rule: &str, severity: Severity) -> Admission {
        let said = self.rules.get(rule).and_then(|rule| rule.admission.as_ref());
        match said {
            Some(said) => said.value,
            None if severity == Severity::Info => Admission::Off,
            None => DEFAULT_ADMISSION,
        }
    }

    /// The policy that says what happens at admission when a rule fails; `None` = it is so by default.
    #[must_use]
    pub fn admission_by(&self, rule: &str) -> Option<Name> {
        let said = self.rules.get(rule)?.admission.as_ref()?;
        Some(said.by.clone())
    }

    /// What Plimsoll does about a rule that fails.
    #[must_use]
    pub fn patch(&self, rule: &str) -> Patch {
        let said = self.rules.get(rule).and_then(|rule| rule.patch.as_ref());
        said.map_or(DEFAULT_PATCH, |said| said.value)
    }

    /// Why an exemption from a rule does not count in a namespace; `None` when it does.
    #[must_use]
    pub fn refuses_exemption(&self, rule: &str, namespace: &str) -> Option<String> {
        if let Some(by) = self.rules.get(rule).and_then(|rule| rule.locked.as_ref()) {
            return Some(format!("ResiliencePolicy {by} locks the rule"));
        }
        if let Some(Said { value, by }) = &self.exemptions.annotation
            && *value == ExemptionRight::Deny
        {
            return Some(format!("ResiliencePolicy {by} takes no exemptions"));
        }
        match &self.exemptions.namespaces {
            Some(Said { value, by }) if !value.iter().any(|allowed| **allowed == *namespace) => Some(
                format!("ResiliencePolicy {by} takes none from the namespace {namespace}"),
            ),
            _ => None,
        }
    }
}

/// With no policy that says otherwise.
const DEFAULT_ADMISSION: Admission = Admission::Warn;
/// With no policy that says otherwise.
const DEFAULT_PATCH: Patch = Patch::Off;

#[cfg(test)]
mod tests;
