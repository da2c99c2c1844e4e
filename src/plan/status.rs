//! The report's status: counts, verdict, conditions, and all of it kept small.

use super::{Judged, Prior};
use crate::model::finding::Severity;
use crate::model::report::{
    Condition, ConditionStatus, FindingState, POLICIES_MAX, ReportFinding, ReportStatus, STATUS_MAX, Stamp,
    Summary, Survives, TimelineEntry, Verdict,
};
use crate::model::text::count;

/// The condition that says whether a replica is ready.
pub(super) const AVAILABLE: &str = "Available";
/// Its reason while no replica has ever been ready.
pub(super) const NEVER_READY: &str = "NeverReady";

/// Puts a report together.
pub(super) fn status(
    prior: &Prior,
    judged: &Judged,
    findings: Vec<ReportFinding>,
    timeline: Vec<TimelineEntry>,
    now: Stamp,
) -> ReportStatus {
    let active = |severity| {
        let count = findings
            .iter()
            .filter(|f| f.state == FindingState::Active && f.severity == severity)
            .count();
        i32::try_from(count).unwrap_or(i32::MAX)
    };
    let recovered = findings
        .iter()
        .filter(|f| f.state == FindingState::Recovered)
        .count();
    let summary = Summary {
        critical: active(Severity::Critical),
        warning: active(Severity::Warning),
        info: active(Severity::Info),
        recovered: i32::try_from(recovered).unwrap_or(i32::MAX),
        exempt: judged.exempt,
        passed: judged.passed,
        unknown: judged.unknown,
    };
    let ready = judged.placement.as_ref().map_or(0, |p| p.ready);
    let ever_ready = prior.ever_ready || ready > 0 || judged.overdue;
    let verdict = verdict(judged, summary, ever_ready);
    let mut status = ReportStatus {
        observed_generation: judged.generation,
        verdict,
        summary,
        placement: judged.placement.clone(),
        findings,
        timeline,
        truncated: false,
        owner: judged.ownership.owner.clone(),
        runbook: judged.ownership.runbook.clone(),
        criticality: judged.ownership.criticality.map(|c| c.to_string()),
        policies: policies(judged),
        conditions: conditions(prior, judged, (verdict, summary), ever_ready, now),
    };
    fit(&mut status);
    status
}

/// `1 of 2 ready, 1 critical finding, 2 warnings`: why it is not resilient, or that nothing speaks against it.
fn totals(judged: &Judged, summary: Summary) -> String {
    let missing = judged.placement.as_ref().filter(|p| p.ready < p.desired);
    let missing = missing.map(|p| format!("{} of {} ready", p.ready, p.desired));
    let all = [
        (summary.critical, "critical finding"),
        (summary.warning, "warning"),
        (summary.unknown, "unanswered check"),
    ];
    let there = all.into_iter().filter(|(n, _)| *n > 0);
    let there = there.map(|(n, what)| count(n.unsigned_abs(), what));
    let said: Vec<String> = missing.into_iter().chain(there).collect();
    if said.is_empty() {
        "no critical finding, no warning".to_owned()
    } else {
        said.join(", ")
    }
}

/// The names that there is room for: they may be long, and there may be many.
fn policies(judged: &Judged) -> Vec<String> {
    let named = judged.policies.iter().take(POLICIES_MAX);
    named.map(ToString::to_string).collect()
}

fn verdict(judged: &Judged, summary: Summary, ever_ready: bool) -> Verdict {
    let wanted_and_none = judged
        .placement
        .as_ref()
        .is_some_and(|p| p.desired > 0 && p.ready == 0);
    if wanted_and_none && ever_ready {
        Verdict::Outage
    } else if summary.critical > 0 || judged.below_desired {
        Verdict::Degraded
    } else if summary.warning > 0 {
        Verdict::AtRisk
    } else if summary.unknown > 0 {
        Verdict::Unknown
    } else {
        Verdict::Resilient
    }
}

fn conditions(
    prior: &Prior,
    judged: &Judged,
    (verdict, summary): (Verdict, Summary),
    ever_ready: bool,
    now: Stamp,
) -> Vec<Condition> {
    let condition = |kind: &str, status: ConditionStatus, reason: &str, message: String| {
        let before = prior
            .conditions
            .iter()
            .find(|(k, s, _)| k == kind && *s == status);
        Condition {
            kind: kind.to_owned(),
            status,
            reason: reason.to_owned(),
            message,
            observed_generation: judged.generation,
            last_transition_time: before.map_or(now, |(_, _, at)| *at),
        }
    };
    let truth = |holds: bool| {
        if holds {
            ConditionStatus::True
        } else {
            ConditionStatus::False
        }
    };
    let resilient = condition(
        "Resilient",
        match verdict {
            Verdict::Unknown => ConditionStatus::Unknown,
            verdict => truth(verdict == Verdict::Resilient),
        },
        verdict.as_str(),
        totals(judged, summary),
    );
    let Some(placement) = &judged.placement else {
        return if judged.template_only {
            vec![resilient]
        } else {
            Vec::new()
        };
    };
    let survives = |kind: &str, least: Survives, what: &str| match placement.survives {
        Survives::Unknown => condition(
            kind,
            ConditionStatus::Unknown,
            "NothingToJudge",
            "no replica is wanted".into(),
        ),
        most => {
            let holds = most >= least;
            let (reason, rest) = if holds {
                ("ReplicasLeft", "leaves")
            } else {
                ("NoReplicaLeft", "may leave no")
            };
            condition(
                kind,
                truth(holds),
                reason,
                format!("the loss of any one {what} {rest} ready replica"),
            )
        }
    };
    let serving = format!("{} of {} ready", placement.ready, placement.desired);
    let available = match (placement.desired, placement.ready, ever_ready) {
        (0, ..) => condition(
            AVAILABLE,
            ConditionStatus::Unknown,
            "ScaledToZero",
            "no replica is wanted".into(),
        ),
        (_, 0, false) => condition(AVAILABLE, ConditionStatus::False, NEVER_READY, serving),
        (_, 0, true) => condition(AVAILABLE, ConditionStatus::False, "NoReplicaReady", serving),
        _ => condition(AVAILABLE, ConditionStatus::True, "ReplicasReady", serving),
    };
    vec![
        resilient,
        survives("SurvivesNodeLoss", Survives::Node, "node"),
        survives("SurvivesZoneLoss", Survives::Zone, "zone"),
        available,
    ]
}

/// Keeps the report small: drops the mildest findings that are active and not critical, then the oldest transitions, then
/// whatever is last. What waits for an acknowledgement goes after what speaks for itself.
fn fit(status: &mut ReportStatus) {
    // Counted down rather than written anew for each one that goes: a tenant may have thousands of them.
    let mut size = size(status);
    while size > STATUS_MAX {
        if !status.truncated {
            status.truncated = true;
            size += TRUNCATED.len();
        }
        let findings = &status.findings;
        let mild = |f: &ReportFinding| f.state == FindingState::Active && f.severity < Severity::Critical;
        let mildest = findings.iter().filter(|f| mild(f)).map(|f| f.severity).min();
        let last = findings
            .iter()
            .rposition(|f| mild(f) && Some(f.severity) == mildest);
        let (gone, comma) = if let Some(last) = last.filter(|_| findings.len() > 8) {
            (json_size(&status.findings.remove(last)), true)
        } else if !status.timeline.is_empty() {
            (json_size(&status.timeline.remove(0)), !status.timeline.is_empty())
        } else if let Some(last) = status.findings.pop() {
            (json_size(&last), !status.findings.is_empty())
        } else {
            return;
        };
        size -= gone + usize::from(comma);
    }
}

/// What a report gains when it says that it is truncated.
const TRUNCATED: &str = r#""truncated":true,"#;

pub(super) fn size(status: &ReportStatus) -> usize {
    json_size(status)
}

fn json_size(part: &impl serde::Serialize) -> usize {
    serde_json::to_vec(part).map_or(0, |json| json.len())
}
