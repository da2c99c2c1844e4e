//! # rollout-strategy
//!
//! A rollout of a workload that serves never takes all of its pods down.
//!
//! ## Why
//!
//! A rollout that takes the old pods down before the new ones are ready bets the service on the new release. In February
//! 2021 FireHydrant's new pods waited for a lock and never became ready; for hours nothing was wrong for anybody, because
//! the previous revision went on serving. With `Recreate`, or a `maxUnavailable` as large as the replicas, the old pods
//! would have been gone from the first second on.
//!
//! ## How it is counted
//!
//! At the floor, for workloads that a Service selects:
//!
//! * `Recreate` takes all pods down;
//! * `maxUnavailable`, a percentage rounded down (25 % unless set), takes as many; where it and `maxSurge` (rounded up) both
//!   come to 0, one;
//! * of a StatefulSet, one at a time, or as many as its `maxUnavailable`, of the pods from its `partition` on. That field is
//!   read where the feature gate `MaxUnavailableStatefulSet` is on: by default from Kubernetes 1.37 on. In files for older
//!   versions it is an `info`, as the API server may drop it;
//! * with `OnDelete` people decide, and nothing keeps them from taking all at once: `info`.
//!
//! ## Example
//!
//! Bad:
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! spec:
//!   replicas: 2
//!   strategy:
//!     rollingUpdate:
//!       maxUnavailable: 2
//! ```
//!
//! Good:
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! spec:
//!   replicas: 2
//!   strategy:
//!     rollingUpdate:
//!       maxUnavailable: 25%
//!       maxSurge: 25%
//! ```
//!
//! ## Remedy
//!
//! A rolling update that takes a part. Where two revisions must not run beside each other (a volume that one node holds, a
//! schema that only one of them knows), `Recreate` is meant: exempt the workload and say why.
//!
//! ## Options
//!
//! None.
//!
//! ## What it does not judge
//!
//! Whether a new pod that counts as available serves. Without a readiness probe (`readiness-probe`) it counts as soon as its
//! containers run, and with `minReadySeconds` absent as soon as it has been ready once: a release that becomes ready and
//! then dies still takes the old pods down, one after the other.

use serde_json::json;

use super::remedy::written_by;
use super::{Answers, Question, Rule, Unjudged, floor};
use crate::index::WorkloadView;
use crate::model::config::ClusterVersion;
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::intstr::IntOrString;
use crate::model::keys::Kind;
use crate::model::workload::Strategy;

pub(super) const RULE: Rule = Rule {
    name: "rollout-strategy",
    severity: Severity::Warning,
    summary: "it serves, and a rollout may take all of its pods down",
    template_only: false,
    needs: &[Kind::Service, Kind::HorizontalPodAutoscaler],
    check,
    source: include_str!("rollout_strategy.rs"),
};

fn check(question: &Question<'_>) -> Answers {
    judge(&question.view).unwrap_or_else(Outcome::from).into()
}

fn judge(view: &WorkloadView<'_>) -> Result<Outcome, Unjudged> {
    if view.services().next().is_none() {
        return Err(Unjudged::NotApplicable("no Service selects its pods".to_owned()));
    }
    let floor = floor::at_least(2, view)?.replicas;
    let workload = view.workload();
    let refused = || {
        Unjudged::Unknown(format!(
            "{} of {} is refused by Kubernetes",
            field(view),
            view.key()
        ))
    };
    let strategy = workload.strategy.get().ok_or_else(refused)?;
    if *strategy == Strategy::OnDelete {
        return Ok(by_hand(view, floor));
    }
    let down = workload.taken_down(floor).ok_or_else(refused)?;
    if down < floor {
        return Ok(Outcome::Pass(Some(format!(
            "a rollout takes {} of {floor} down at once",
            at_most(down)
        ))));
    }
    Ok(match strategy {
        Strategy::RollingUpdate {
            max_unavailable: Some(most),
            ..
        } => too_many(view, floor, most),
        _ => recreate(view, floor),
    })
}

fn at_most(down: u32) -> String {
    match down {
        0 => "none".to_owned(),
        n => format!("at most {n}"),
    }
}

/// `spec.strategy`, or what stands in its place.
fn field(view: &WorkloadView<'_>) -> &'static str {
    match view.key().kind {
        Kind::StatefulSet => "spec.updateStrategy",
        _ => "spec.strategy",
    }
}

/// The finding; its remedy sets a part of the strategy.
fn fail(
    view: &WorkloadView<'_>,
    severity: Severity,
    message: Message,
    set: &serde_json::Value,
    reason: &str,
) -> Outcome {
    let key = view.key();
    let path = field(view).trim_start_matches("spec.");
    let remedy = match written_by(view) {
        Some(owner) => Remedy::Advice(format!(
            "set {} of {key} to {set} in its {owner}: a change of {key} would be undone",
            field(view)
        )),
        None => Remedy::Patch {
            target: key.clone(),
            patch: json!({ "spec": { path: set } }).into(),
            reason: reason.to_owned(),
        },
    };
    Outcome::from(Failure {
        severity,
        message,
        remedy: Some(remedy),
    })
}

fn recreate(view: &WorkloadView<'_>, floor: u32) -> Outcome {
    let found = format!("{}.type is Recreate in {}", field(view), view.key());
    fail(
        view,
        RULE.severity,
        Message::new(
            format!("each rollout takes all {floor} pods down, whether the new ones start or not"),
            found,
            "set it to RollingUpdate",
        ),
        &json!({ "type": "RollingUpdate" }),
        "the old pods serve until new ones are ready; keep Recreate only where two revisions must not run side by side",
    )
}

fn too_many(view: &WorkloadView<'_>, floor: u32, most: &IntOrString) -> Outcome {
    let key = view.key();
    let found = format!(
        "{}.rollingUpdate.maxUnavailable is {most} in {key}, whose floor is {floor}",
        field(view)
    );
    let impact = format!("a rollout may take all {floor} pods down before a new one is ready");
    if key.kind == Kind::Deployment {
        return fail(
            view,
            RULE.severity,
            Message::new(impact, found, "set it to 25%"),
            &json!({ "rollingUpdate": { "maxUnavailable": "25%" } }),
            "Kubernetes' own default: rounded down, it leaves most pods at any floor",
        );
    }
    let gated = view.is_of_files() && view.version() < ClusterVersion::STATEFUL_SET_MAX_UNAVAILABLE;
    let (severity, impact) = if gated {
        let gate = "where the feature gate MaxUnavailableStatefulSet is on";
        (Severity::Info, format!("{gate}, {impact}"))
    } else {
        (RULE.severity, impact)
    };
    fail(
        view,
        severity,
        Message::new(impact, found, "set it to 1"),
        &json!({ "rollingUpdate": { "maxUnavailable": 1 } }),
        "Kubernetes' own default: one pod after the other",
    )
}

fn by_hand(view: &WorkloadView<'_>, floor: u32) -> Outcome {
    fail(
        view,
        Severity::Info,
        Message::new(
            format!("nothing keeps a rollout from taking all {floor} pods down: people delete them"),
            format!("{}.type is OnDelete in {}", field(view), view.key()),
            "set it to RollingUpdate",
        ),
        &json!({ "type": "RollingUpdate" }),
        "each pod waits until the one before it is ready again",
    )
}

#[cfg(test)]
mod tests;
