//! The static rules: pure functions of a workload's spec and what relates to it.
//!
//! A rule is one file. Its `//!` comment is its reference page (`plimsoll explain RULE` prints it), below that stand one
//! `check` and a table of cases. Adding one = one file and one line in [`RULES`]; the command line, the README's table and
//! the reports follow from that.

mod memory_limit;
mod min_replicas;
mod pod_spread;
mod remedy;
#[cfg(test)]
mod tests;

use crate::index::{Listing, WorkloadView};
use crate::model::finding::{CheckResult, Outcome, Severity};
use crate::model::keys::{Kind, is_system_namespace};
use crate::policy::Policy;

/// What a rule says of each subject; `None` is the workload as a whole.
type Answers = Vec<(Option<String>, Outcome)>;

/// One static rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name: `memory-limit`.
    pub name: &'static str,
    /// The severity of its findings, unless the rule or a policy says otherwise.
    pub severity: Severity,
    /// When it fails, in one line.
    pub summary: &'static str,
    /// Whether it judges the pod template alone, and so every kind of workload; the others are judged for Deployments
    /// and StatefulSets.
    pub template_only: bool,
    /// The kinds whose absence it would judge: while one of them is not listed, it is not asked.
    pub needs: &'static [Kind],
    /// Judges one workload. Never asked about system namespaces, nor about kinds that it does not judge.
    check: fn(&WorkloadView<'_>, &Policy) -> Answers,
    source: &'static str,
}

/// Every rule, in the order in which results are printed.
pub static RULES: &[Rule] = &[memory_limit::RULE, min_replicas::RULE, pod_spread::RULE];

/// The rule of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

impl Rule {
    /// The reference page, as Markdown.
    #[must_use]
    pub fn page(&self) -> String {
        reference_page(self.source)
    }

    fn judge(&self, view: &WorkloadView<'_>, policy: &Policy) -> Vec<CheckResult> {
        let key = view.key();
        let whole = |outcome| vec![(None, outcome)];
        let results = if is_system_namespace(&key.namespace) {
            whole(Outcome::NotApplicable(format!(
                "{} is a system namespace",
                key.namespace
            )))
        } else if !self.template_only && !key.kind.is_judged_in_full() {
            whole(Outcome::NotApplicable(format!("not judged for a {}", key.kind)))
        } else if let Some(missing) = self.missing(view) {
            whole(Outcome::Unknown(missing))
        } else {
            (self.check)(view, policy)
        };
        results
            .into_iter()
            .map(|(subject, outcome)| CheckResult {
                rule: self.name,
                subject,
                outcome,
            })
            .collect()
    }

    /// Names the first kind that this rule needs and that is not listed.
    fn missing(&self, view: &WorkloadView<'_>) -> Option<String> {
        self.needs.iter().find_map(|kind| match view.listing(*kind) {
            Listing::Listed => None,
            Listing::Waiting => Some(format!("{} are not listed yet", kind.plural())),
            Listing::Unreadable(why) => Some(format!("{} cannot be read: {why}", kind.plural())),
        })
    }
}

/// Asks every rule about a workload. Every rule answers, with one result or more.
#[must_use]
pub fn judge(view: &WorkloadView<'_>, policy: &Policy) -> Vec<CheckResult> {
    RULES.iter().flat_map(|rule| rule.judge(view, policy)).collect()
}

/// The `//!` comment at the head of a source file, as Markdown: rules and detectors carry their reference page there.
pub(crate) fn reference_page(source: &str) -> String {
    let lines = source.lines().take_while(|line| line.starts_with("//!"));
    let text: Vec<&str> = lines
        .map(|line| line[3..].strip_prefix(' ').unwrap_or(&line[3..]))
        .collect();
    text.join("\n") + "\n"
}
