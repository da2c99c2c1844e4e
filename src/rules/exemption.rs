//! # exemption
//!
//! Every exemption gives its reason, names a rule that there is, has not run out, and is one that the policy allows.
//!
//! ## Why
//!
//! An exemption is a promise to look again. One that nobody can read, that names a rule that was never there, or whose day
//! is over protects nobody, and looks as if somebody had taken care. On 5 September 2019 iconik's web pods stood on one
//! node; a check that is exempt because of last year's migration says as little as one that was never made.
//!
//! ## What an exemption is
//!
//! An annotation on a workload, or on its namespace for all workloads in it:
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     plimsoll.dev/exempt.pod-spread: "one licence, one node; until=2027-03-31"
//!     plimsoll.dev/exempt.memory-limit: "sized by the vendor; containers=db,backup"
//! ```
//!
//! * The reason comes first and is required; it holds no semicolon.
//! * `until=` is the last day on which it counts, to its end in UTC. No event is needed for it to run out.
//! * `containers=` limits it to what the rule says of these containers.
//!
//! What it covers is shown as `exempt`, with the reason. Where workload and namespace both exempt, both count, and the
//! workload's reason is shown. One that this rule fails does not count: what it would have covered is judged.
//!
//! It does not count either where a policy refuses it: `exemptions.annotation: Deny`, a namespace that is not among
//! `exemptions.namespaces`, or a rule that is `locked`.
//!
//! ## Example
//!
//! Bad:
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     plimsoll.dev/exempt.pod-spread: "until=2027-03-31"
//! ```
//!
//! Good:
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     plimsoll.dev/exempt.pod-spread: "one licence, one node: PLAT-1234; until=2027-03-31"
//! ```
//!
//! ## Remedy
//!
//! Mend what is exempt and remove the annotation, or write it so that it counts.
//!
//! ## Options
//!
//! The policy's `exemptions`, and `locked` of its rules. This rule itself knows no exemption.
//!
//! ## What it does not judge
//!
//! Whether the reason is a good one, whether the rule would fail without it, whether the containers that it names exist.

use super::exempt::{Claim, Origin, Refused, claims};
use super::{Answers, Question, Rule};
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::text::clip;
use crate::policy::exemption::{ExemptionError, FORM};

pub(super) const RULE: Rule = Rule {
    name: "exemption",
    severity: Severity::Warning,
    summary: "an exemption gives no reason, is past its date, cannot be read, names no rule or is not allowed",
    template_only: true,
    needs: &[],
    check,
    source: include_str!("exemption.rs"),
};

/// Exemptions that are told one by one: a tenant may write thousands.
const TOLD: usize = 16;

fn check(question: &Question<'_>) -> Answers {
    let claims = claims(question);
    if claims.is_empty() {
        return Outcome::NotApplicable("no exemption stands on it or on its namespace".to_owned()).into();
    }
    // Those that fail come first, so that none is hidden behind many that do not.
    let (refused, counting): (Vec<_>, Vec<_>) = claims.iter().partition(|claim| claim.exemption.is_err());
    let mut rows: Vec<(Option<String>, Outcome)> = refused
        .iter()
        .chain(&counting)
        .take(TOLD)
        .map(|claim| (Some(subject(claim)), judge(question, claim)))
        .collect();
    if let more @ 1.. = refused.len().saturating_sub(TOLD) {
        rows.push((None, too_many(question, more)));
    }
    // When those that count run out is `judge`'s to say: the rules that they cover are due then as well.
    rows.into()
}

/// The rule, and the namespace where the annotation stands there.
fn subject(claim: &Claim<'_>) -> String {
    let rule = clip(claim.rule, 64);
    match claim.origin {
        Origin::Workload => rule,
        Origin::Namespace => format!("{rule} of its namespace"),
    }
}

fn judge(question: &Question<'_>, claim: &Claim<'_>) -> Outcome {
    let refused = match &claim.exemption {
        Ok(exemption) => {
            let until = exemption.until.map(|last| format!("until {last}, by "));
            let by = claim.place(question);
            return Outcome::Pass(Some(format!("{}{by}", until.unwrap_or_default())));
        }
        Err(refused) => refused,
    };
    let place = claim.place(question);
    let judged = format!("{} is judged all the same", clip(claim.rule, 50));
    let message = match refused {
        Refused::NoSuchRule(hint) => Message::new(
            "it exempts from nothing",
            format!("{place} names no rule"),
            hint.clone(),
        ),
        Refused::Unreadable(error) => Message::new(judged, format!("{place} {error}"), way_out(error)),
        Refused::NotAllowed(why) => Message::new(
            judged,
            format!("{place} is refused: {why}"),
            "mend what the rule fails, then remove it",
        ),
        Refused::Over(last) => Message::new(
            judged,
            format!("{place} ended with {last}"),
            "mend what the rule fails, or set a new date",
        ),
    };
    let advice = match refused {
        Refused::Unreadable(_) | Refused::Over(_) => format!("write {FORM}, or remove the {place}"),
        Refused::NoSuchRule(_) | Refused::NotAllowed(_) => format!("remove the {place}"),
    };
    Outcome::from(Failure {
        severity: RULE.severity,
        message,
        remedy: Some(Remedy::Advice(advice)),
    })
}

fn way_out(error: &ExemptionError) -> &'static str {
    match error {
        ExemptionError::NoReason => "write the reason first, before until=",
        ExemptionError::UnknownPart(_) => "write \"reason; until=2027-03-31\", no semicolon in the reason",
        ExemptionError::Twice(_) => "keep one of them",
        ExemptionError::NoDate(_) => "write the last day as year-month-day",
        ExemptionError::NoContainer(_) => "write names of containers with commas between them",
    }
}

fn too_many(question: &Question<'_>, more: usize) -> Outcome {
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(
            "what they name is judged all the same",
            format!(
                "{more} more exemptions of {} and its namespace do not count either",
                question.view.key()
            ),
            "mend those that are named first",
        ),
        remedy: None,
    })
}

#[cfg(test)]
mod tests;
