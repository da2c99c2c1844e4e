//! # termination-grace
//!
//! A pod that is told to stop gets the time to finish what it does.
//!
//! ## Why
//!
//! A pod that is deleted (a rollout, a drain, a scale-down) is sent SIGTERM and, `terminationGracePeriodSeconds` later,
//! SIGKILL. At the same time, not before, it is taken out of its Services, and that takes seconds to reach every node: until
//! then new requests still come. With a grace of 0 it is killed on the spot, with all requests that it was serving, and
//! the API server forgets the pod before its node has stopped it. So every rollout is a small outage, however many replicas
//! there are, and one that nobody finds the cause of: the pods are gone when people look. None of the outages that this
//! project was made for began so; moving pods off a bad node by hand, which ended the one of 5 September 2019, costs more
//! requests than it must with it.
//!
//! ## What fails
//!
//! * `terminationGracePeriodSeconds: 0`, whatever else is set: no preStop hook runs then;
//! * a grace of less than 5 seconds in a workload that a Service leads to, unless a `preStop` hook of an app container or
//!   a native sidecar holds the pod. Below 0 counts as 1, as for the kubelet. Absent means 30.
//!
//! ## Example
//!
//! Bad:
//!
//! ```yaml
//! spec:
//!   terminationGracePeriodSeconds: 0
//! ```
//!
//! Good:
//!
//! ```yaml
//! spec:
//!   terminationGracePeriodSeconds: 30
//!   containers:
//!     - name: app
//!       lifecycle:
//!         preStop: {sleep: {seconds: 5}}
//! ```
//!
//! ## Remedy
//!
//! Kubernetes' own default, 30 seconds. A pod that ends on SIGTERM sooner does not wait for the rest of it.
//!
//! ## Options
//!
//! None.
//!
//! ## What it does not judge
//!
//! Whether the process heeds SIGTERM, whether the grace is long enough for what it does, and the grace that somebody
//! gives with `kubectl delete`.

use serde_json::json;

use super::remedy::{pod_spec_patch, pod_spec_path, written_by};
use super::{Answers, Question, Rule, unrecorded};
use crate::index::{Listing, WorkloadView};
use crate::model::field::Field;
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::keys::Kind;
use crate::model::template::Container;
use crate::model::text::count;

pub(super) const RULE: Rule = Rule {
    name: "termination-grace",
    severity: Severity::Info,
    summary: "its pods are killed at once, or a Service leads to pods that get less than 5 s to stop",
    template_only: false,
    // Services only matter to a short grace without a hook: see `check`.
    needs: &[],
    check,
    source: include_str!("termination_grace.rs"),
};

/// The grace when absent, seconds: `DefaultTerminationGracePeriodSeconds` in k8s.io/api's `core/v1/types.go`.
const DEFAULT_SECONDS: i64 = 30;
/// What a served pod needs at the least, seconds: until every node's proxy knows that it is leaving.
const LEAST_SECONDS: i64 = 5;

fn check(question: &Question<'_>) -> Answers {
    judge(&question.view).into()
}

fn judge(view: &WorkloadView<'_>) -> Outcome {
    if let Some(unknown) = unrecorded(view) {
        return unknown;
    }
    let grace = match view.template().termination_grace {
        Field::Absent => DEFAULT_SECONDS,
        Field::Set(0) => {
            return fail(
                view,
                0,
                "requests in flight are cut off at every rollout and drain",
            );
        }
        Field::Set(seconds) => seconds.max(1),
        Field::Invalid => {
            let path = pod_spec_path(view.key().kind);
            return Outcome::Unknown(format!(
                "{path}.terminationGracePeriodSeconds is not a number of seconds"
            ));
        }
    };
    if grace >= LEAST_SECONDS {
        return Outcome::Pass(None);
    }
    let mut held = view.template().containers.iter().filter(|c| c.is_long_running());
    if let Some(container) = held.clone().find(|c| matches!(c.pre_stop, Field::Set(_))) {
        return Outcome::Pass(Some(format!(
            "held by the preStop hook of container {}",
            container.name
        )));
    }
    if let Some(container) = held.find(|c: &&Container| c.pre_stop.is_invalid()) {
        return Outcome::Unknown(format!(
            "lifecycle.preStop of container {} is not a hook",
            container.name
        ));
    }
    if view.services().next().is_some() {
        return fail(
            view,
            grace,
            "requests that still come to a leaving pod are refused",
        );
    }
    match view.listing(Kind::Service) {
        Listing::Listed => Outcome::Pass(Some("no Service selects its pods".to_owned())),
        Listing::Waiting => Outcome::Unknown("services are not listed yet".to_owned()),
        Listing::Unreadable(why) => Outcome::Unknown(format!("services cannot be read: {why}")),
    }
}

fn fail(view: &WorkloadView<'_>, grace: i64, impact: &str) -> Outcome {
    let key = view.key();
    let found = match grace {
        0 => "terminationGracePeriodSeconds is 0, so its pods are killed at once".to_owned(),
        seconds => format!(
            "terminationGracePeriodSeconds leaves its pods {} and no container has a preStop hook",
            count(u64::try_from(seconds).unwrap_or_default(), "second")
        ),
    };
    let (way_out, remedy) = match written_by(view) {
        Some(owner) => (
            format!("set {DEFAULT_SECONDS} in its {owner}"),
            Remedy::Advice(format!(
                "set terminationGracePeriodSeconds to {DEFAULT_SECONDS} in its {owner}: a change of {key} would be undone"
            )),
        ),
        None => (
            format!("set it to {DEFAULT_SECONDS}"),
            Remedy::Patch {
                target: key.clone(),
                patch: pod_spec_patch(
                    key.kind,
                    &json!({ "terminationGracePeriodSeconds": DEFAULT_SECONDS }),
                ),
                reason: format!(
                    "{DEFAULT_SECONDS} is Kubernetes' default; who ends on SIGTERM sooner does not wait for the rest"
                ),
            },
        ),
    };
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(impact, format!("{key}: {found}"), way_out),
        remedy: Some(remedy),
    })
}

#[cfg(test)]
mod tests;
