//! The static rules: pure functions of a workload's spec and what relates to it.
//!
//! A rule is one file. Its `//!` comment is its reference page (`plimsoll explain RULE` prints it), below that stand one
//! `check` and a table of cases. Adding one = one file and one line in [`RULES`]; the command line, the README's table and
//! the reports follow from that.

mod autoscaler_blind;
mod autoscaler_conflict;
mod autoscaler_headroom;
mod budgets;
mod eviction_tolerance;
mod exempt;
mod exemption;
mod few_large_replicas;
mod floor;
mod memory_limit;
mod min_replicas;
mod pdb_blocks_drain;
mod pdb_missing;
mod pdb_overlap;
mod pdb_unhealthy_eviction;
mod pod_spread;
mod readiness_probe;
mod remedy;
mod requires;
mod resource_requests;
mod rollout_strategy;
mod single_domain;
mod termination_grace;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use jiff::Timestamp;

use crate::index::{Index, Listing, WorkloadView};
use crate::model::autoscaler::Autoscaler;
use crate::model::finding::{CheckResult, Outcome, Severity};
use crate::model::keys::Kind;
use crate::model::policy::RuleSeverity;
use crate::policy::{Policy, Said};

pub(crate) use self::exempt::no_such_rule;
use self::exempt::{Claim, claims};

/// What a rule is asked: about which workload, by which policy, and when.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The workload with all that relates to it.
    pub view: WorkloadView<'a>,
    /// The policy in force for it.
    pub policy: &'a Policy,
    /// The API server's clock; in files, this machine's.
    pub now: Timestamp,
}

/// What a rule says of each subject; `None` is the workload as a whole.
#[derive(Debug)]
struct Answers {
    rows: Vec<(Option<String>, Outcome)>,
    /// When the answer may change by itself, if ever: a date that passes, a condition that has lasted long enough.
    due: Option<Timestamp>,
}

impl From<Vec<(Option<String>, Outcome)>> for Answers {
    /// Answers that hold until something changes.
    fn from(rows: Vec<(Option<String>, Outcome)>) -> Self {
        Answers { rows, due: None }
    }
}

impl From<Outcome> for Answers {
    /// One answer, of the workload as a whole, that holds until something changes.
    fn from(outcome: Outcome) -> Self {
        vec![(None, outcome)].into()
    }
}

/// Why a rule has nothing to judge.
#[derive(Debug)]
enum Unjudged {
    /// What it asks does not arise.
    NotApplicable(String),
    /// An input is missing or refused.
    Unknown(String),
}

impl From<Unjudged> for Outcome {
    fn from(why: Unjudged) -> Self {
        match why {
            Unjudged::NotApplicable(why) => Outcome::NotApplicable(why),
            Unjudged::Unknown(why) => Outcome::Unknown(why),
        }
    }
}

/// What all rules say of one workload.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// In the order of the rules; every rule answers, with one result or more.
    pub results: Vec<CheckResult>,
    /// When an answer may change although nothing in the cluster does; `None` = never.
    pub due: Option<Timestamp>,
}

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
    check: fn(&Question<'_>) -> Answers,
    source: &'static str,
}

/// Every rule, in the order in which results are printed.
pub static RULES: &[Rule] = &[
    memory_limit::RULE,
    min_replicas::RULE,
    pod_spread::RULE,
    pdb_missing::RULE,
    pdb_blocks_drain::RULE,
    pdb_overlap::RULE,
    pdb_unhealthy_eviction::RULE,
    readiness_probe::RULE,
    rollout_strategy::RULE,
    few_large_replicas::RULE,
    autoscaler_conflict::RULE,
    autoscaler_headroom::RULE,
    autoscaler_blind::RULE,
    resource_requests::RULE,
    eviction_tolerance::RULE,
    single_domain::RULE,
    termination_grace::RULE,
    requires::RULE,
    exemption::RULE,
];

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

    fn judge(&self, question: &Question<'_>, severity: Option<&Said<RuleSeverity>>) -> Answers {
        let view = &question.view;
        let key = view.key();
        if !question.policy.judges(&key.namespace) {
            Outcome::NotApplicable(format!("{} is a system namespace", key.namespace)).into()
        } else if let Some(off) = severity.filter(|said| said.value == RuleSeverity::Off) {
            Outcome::NotApplicable(format!("switched off by ResiliencePolicy {}", off.by)).into()
        } else if !self.template_only && !key.kind.is_judged_in_full() {
            Outcome::NotApplicable(format!("not judged for a {}", key.kind)).into()
        } else if let Some(missing) = self.missing(view) {
            Outcome::Unknown(missing).into()
        } else {
            (self.check)(question)
        }
    }

    /// What a policy's severity makes of the rule's answer. Rows that the rule rates as it usually does take the policy's
    /// severity; those that it rates milder are never worse than that, those that it rates worse never milder unless the
    /// policy is milder than the rule.
    fn rated(&self, mut outcome: Outcome, wanted: Option<Severity>) -> Outcome {
        if let (Outcome::Fail(failure), Some(wanted)) = (&mut outcome, wanted) {
            let own = failure.severity;
            failure.severity = match own.cmp(&self.severity) {
                Ordering::Less => own.min(wanted),
                Ordering::Greater if wanted >= self.severity => own.max(wanted),
                Ordering::Equal | Ordering::Greater => wanted,
            };
        }
        outcome
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

/// What a rule says that reads a template's ports, probes, hooks or requests where they are not known.
fn unrecorded(view: &WorkloadView<'_>) -> Option<Outcome> {
    let why = "the recording was made before ports, probes, hooks and requests were recorded; record anew";
    (!view.has_whole_templates()).then(|| Outcome::Unknown(why.to_owned()))
}

/// Asks every rule about a workload, and applies what its policy and its exemptions say of the answers.
#[must_use]
pub fn judge(question: &Question<'_>) -> Judgement {
    let claims = claims(question);
    let mut judgement = Judgement {
        // A few rules say something of each container.
        results: Vec::with_capacity(RULES.len() + 8),
        due: claims.iter().filter_map(Claim::ends).min(),
    };
    for rule in RULES {
        let severity = question.policy.severity(rule.name, rule.severity.into());
        let Answers { rows, due } = rule.judge(question, severity.as_ref());
        judgement.due = judgement.due.into_iter().chain(due).min();
        let wanted = severity.and_then(|said| said.value.severity());
        let results = rows.into_iter().map(|(subject, outcome)| CheckResult {
            rule: rule.name,
            outcome: exempted(rule, subject.as_deref(), rule.rated(outcome, wanted), &claims),
            subject,
        });
        judgement.results.extend(results);
    }
    judgement
}

/// The autoscalers whose target does not exist, with what is to be said of each: no workload is there to say it of.
pub fn judge_strays(index: &Index) -> impl Iterator<Item = (&Autoscaler, CheckResult)> {
    let is_of_files = index.is_of_files();
    let strays = index.strays();
    strays.filter_map(move |stray| Some((stray, autoscaler_conflict::judge_stray(stray, is_of_files)?)))
}

/// The answer, unless it fails and an exemption that counts covers it.
fn exempted(rule: &Rule, subject: Option<&str>, outcome: Outcome, claims: &[Claim<'_>]) -> Outcome {
    let Outcome::Fail(_) = &outcome else {
        return outcome;
    };
    let reason = claims.iter().find_map(|claim| claim.exempts(rule.name, subject));
    reason.map_or(outcome, Outcome::Exempt)
}

/// The `//!` comment at the head of a source file, as Markdown: rules and detectors carry their reference page there.
pub(crate) fn reference_page(source: &str) -> String {
    let lines = source.lines().take_while(|line| line.starts_with("//!"));
    let text: Vec<&str> = lines
        .map(|line| line[3..].strip_prefix(' ').unwrap_or(&line[3..]))
        .collect();
    text.join("\n") + "\n"
}
