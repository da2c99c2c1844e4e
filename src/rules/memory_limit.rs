//! # memory-limit

use super::Rule;
use crate::index::WorkloadView;
use crate::model::finding::{Outcome, Severity};
use crate::policy::Policy;

pub(super) const RULE: Rule = Rule {
    name: "memory-limit",
    severity: Severity::Warning,
    summary: "",
    template_only: true,
    needs: &[],
    check,
    source: include_str!("memory_limit.rs"),
};

fn check(_view: &WorkloadView<'_>, _policy: &Policy) -> Vec<(Option<String>, Outcome)> {
    vec![(None, Outcome::Pass(None))]
}
