//! What is a matter of looking, not of remembering: the rules' answers, where the replicas are, whether time is up.

use std::collections::BTreeSet;

use crate::index::{Floor, FloorSource, WorkloadView};
use crate::model::finding::{Finding, Outcome};
use crate::model::report::Placement;
use crate::model::time::{Moment, Now};
use crate::model::workload::DEFAULT_PROGRESS_DEADLINE_SECONDS;
use crate::plan::Judged;
use crate::policy::Policy;
use crate::{rules, simulate};

/// Every rule's answer, and who the workload belongs to.
pub(super) fn judge_rules(view: &WorkloadView<'_>, policy: &Policy) -> Judged {
    let workload = view.workload();
    let annotation = |key: &str| {
        let own = workload.annotation(key);
        let inherited = || {
            view.namespace()
                .and_then(|n| n.annotations.iter().find(|(k, _)| &**k == key))
        };
        own.or_else(|| inherited().map(|(_, v)| &**v)).map(str::to_owned)
    };
    let mut judged = Judged {
        generation: workload.generation,
        owner: annotation("plimsoll.dev/owner"),
        criticality: annotation("plimsoll.dev/criticality"),
        ..Judged::default()
    };
    for result in rules::judge(view, policy) {
        match &result.outcome {
            Outcome::Pass(_) => judged.passed += 1,
            Outcome::Exempt(_) => judged.exempt += 1,
            Outcome::Unknown(_) => judged.unknown += 1,
            Outcome::NotApplicable(_) => {}
            Outcome::Fail { .. } => judged.findings.extend(Finding::of(&result)),
        }
    }
    judged
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
        effective_min_replicas_source: floor.map(|Floor { source, .. }| match source {
            FloorSource::Replicas => "spec.replicas".to_owned(),
            FloorSource::Autoscaler(name) => format!("HorizontalPodAutoscaler {name}"),
        }),
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

/// Whether a workload that has never been ready is out of excuses, and when it will be.
pub(super) fn overdue(view: &WorkloadView<'_>, now: Now) -> (bool, Option<Moment>) {
    let workload = view.workload();
    let deadline = workload
        .progress_deadline
        .unwrap_or(DEFAULT_PROGRESS_DEADLINE_SECONDS);
    let Some(created) = workload.created else {
        return (workload.status.deadline_exceeded, None);
    };
    let at = created
        .saturating_add(jiff::SignedDuration::from_secs(deadline.into()))
        .unwrap_or(created);
    let overdue = workload.status.deadline_exceeded || at <= now.wall;
    (overdue, (!overdue).then(|| now.moment_until(at)))
}
