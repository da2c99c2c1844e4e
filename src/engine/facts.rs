//! What is a matter of looking, not of remembering: the rules' answers, where the replicas are, whether time is up.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::index::WorkloadView;
use crate::model::finding::{Finding, Outcome};
use crate::model::report::Placement;
use crate::model::time::{Moment, Now};
use crate::model::workload::DEFAULT_PROGRESS_DEADLINE_SECONDS;
use crate::plan::Judged;
use crate::policy::Policy;
use crate::policy::ownership::Ownership;
use crate::rules::{self, Judgement, Question};
use crate::simulate;

/// Every rule's answer by the policy in force, and who the workload belongs to; and when to ask again although nothing
/// changed.
pub(super) fn judge_rules(
    view: WorkloadView<'_>,
    policy: &Policy,
    now: Timestamp,
) -> (Judged, Option<Timestamp>) {
    let mut judged = Judged {
        generation: view.workload().generation,
        ownership: Ownership::of(&view, policy),
        policies: policy.applied.clone(),
        ..Judged::default()
    };
    let Judgement { results, due } = rules::judge(&Question { view, policy, now });
    for result in results {
        match &result.outcome {
            Outcome::Pass(_) => judged.passed += 1,
            Outcome::Exempt(_) => judged.exempt += 1,
            Outcome::Unknown(_) => judged.unknown += 1,
            Outcome::NotApplicable(_) => {}
            Outcome::Fail(_) => judged.findings.extend(Finding::of(&result)),
        }
    }
    (judged, due)
}

pub(super) fn placement(view: &WorkloadView<'_>) -> Placement {
    let int = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let running: Vec<_> = view.placement().filter(|(_, count)| count.running > 0).collect();
    let zones: BTreeSet<&str> = running.iter().filter_map(|(node, _)| node.zone()).collect();
    let (ready, desired) = (view.ready(), view.desired().unwrap_or_default());
    let floor = view.floor();
    Placement {
        ready: int(ready),
        desired: int(desired),
        ready_of_desired: format!("{ready}/{desired}"),
        effective_min_replicas: floor.as_ref().map(|floor| int(floor.replicas)),
        effective_min_replicas_source: floor.map(|floor| floor.source.to_string()),
        nodes: int(u32::try_from(running.len()).unwrap_or(u32::MAX)),
        zones: int(u32::try_from(zones.len()).unwrap_or(u32::MAX)),
        largest_on_one_node: int(running
            .iter()
            .map(|(_, count)| count.running)
            .max()
            .unwrap_or_default()),
        survives: simulate::survives(view),
    }
}

/// Whether a workload that has no ready replica is out of excuses, and when it will be: its progress deadline counts from
/// its creation, or from when it was scaled up from 0.
pub(super) fn overdue(view: &WorkloadView<'_>, started: Option<Moment>, now: Now) -> (bool, Option<Moment>) {
    let workload = view.workload();
    let deadline = workload
        .progress_deadline
        .unwrap_or(DEFAULT_PROGRESS_DEADLINE_SECONDS);
    let deadline = Duration::from_secs(u64::try_from(deadline).unwrap_or_default());
    let at = match (started, workload.created) {
        (Some(started), _) => started.after(deadline),
        (None, Some(created)) => now.moment_until(created.saturating_add(deadline).unwrap_or(created)),
        (None, None) => return (workload.status.deadline_exceeded, None),
    };
    let overdue = workload.status.deadline_exceeded || at <= now.at;
    (overdue, (!overdue).then_some(at))
}
