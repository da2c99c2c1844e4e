//! # pod-spread

use super::Rule;
use crate::index::WorkloadView;
use crate::model::finding::{Outcome, Severity};
use crate::policy::Policy;

pub(super) const RULE: Rule = Rule {
    name: "pod-spread",
    severity: Severity::Warning,
    summary: "",
    template_only: false,
    needs: &[],
    check,
    source: include_str!("pod_spread.rs"),
};

fn check(_view: &WorkloadView<'_>, _policy: &Policy) -> Vec<(Option<String>, Outcome)> {
    vec![(None, Outcome::Pass(None))]
}
