//! # unavailable
//!
//! A workload has no ready replica, or a Service that selects it has no ready endpoint, for longer than 10 s. Nobody is
//! served.
//!
//! Not judged: a workload that is scaled to 0; Services of type `ExternalName`, without selector, with
//! `publishNotReadyAddresses` or without any EndpointSlice. Quiet while `stranded` says the same and why. Three cases are
//! less than critical:
//!
//! * It has never been ready and its progress deadline is not past: info. The deadline is a Deployment's
//!   `progressDeadlineSeconds` (600 s by default), 600 s for a StatefulSet, from its creation. A workload that is older
//!   counts as having been ready: what happened before the operator started is not known. Scaled up from 0 it starts
//!   again: it has not been ready since, and the time counts from then (anew after a restart of the operator).
//! * A `Recreate` rollout: warning. Its strategy takes all pods away before it makes new ones.
//! * The only replica of a workload with one is being drained, evicted or replaced: warning. With a floor of 1 there is
//!   nothing else to serve meanwhile.
//!
//! The latter two are a warning for as long as the progress deadline at most, and are not latched. What has been critical
//! once stays so until it ends: a rollout in the middle of an outage makes it no milder.
//!
//! ## Why
//!
//! iconik, 5 September 2019: 18 minutes from the first failed request to the first alert, which came from outside. Astro, 22
//! January 2024: the alert resolved itself as pods came back, and was taken for transient; so this one is latched.
//!
//! ## Example
//!
//! > 0 of 2 ready: Deployment web serves nobody, none of its 2 pods is ready; see their events and logs
//!
//! ## Way out
//!
//! `kubectl describe` and `kubectl logs --previous` on the newest pods. For a Service without ready endpoints although
//! replicas are ready: its port names and readiness gates. Against the warnings: two replicas, and a rolling update.
//!
//! ## Options
//!
//! `unavailable_after` (10 s).

use std::time::Duration;

use jiff::Timestamp;

use super::stranded::{Stage, Stranding};
use super::{Detector, Hold, NodeHealths, Resumed, Scope, Step, WorkloadDetector, eviction};
use crate::index::WorkloadView;
use crate::model::config::DetectorConfig;
use crate::model::field::Field;
use crate::model::finding::{Finding, Message, Remedy, Severity};
use crate::model::keys::Kind;
use crate::model::node::ReadyStatus;
use crate::model::text::{clock_time, shell_quote};
use crate::model::time::{Moment, Now};
use crate::model::workload::{DEFAULT_PROGRESS_DEADLINE_SECONDS, Strategy, Workload};

pub(super) const DETECTOR: Detector = Detector {
    name: "unavailable",
    severity: Severity::Critical,
    summary: "no replica is ready, or a Service on it has no ready endpoint, for more than 10 s",
    ends: "a replica is ready, and endpoints are",
    latched: true,
    scope: Scope::Workload(|| Box::new(State::default())),
    source: include_str!("unavailable.rs"),
};

#[derive(Debug, Default)]
struct State {
    hold: Hold,
    stranding: Stranding,
    /// A replica has been ready while this detector looked, or its report says so; since it was last scaled to 0.
    seen_ready: bool,
    wanted: Wanted,
    deadline: Option<Deadline>,
    meant: Option<Meant>,
    /// Said before a restart, as a warning: it was meant.
    resumed_meant: bool,
    /// Said to be critical since it has been down.
    critical: bool,
}

/// Since when any replica has been wanted.
#[derive(Clone, Copy, Debug, Default)]
enum Wanted {
    /// Since it was made, as far as is known.
    #[default]
    Always,
    /// It is scaled to 0.
    Not,
    /// It was scaled up from 0 then.
    Since(Now),
}

/// When a workload that has never been ready is late.
#[derive(Clone, Copy, Debug)]
struct Deadline {
    wall: Timestamp,
    /// The same on the monotonic clock, as it was when it was first looked at.
    at: Moment,
}

/// Nothing is ready because somebody wants pods replaced.
#[derive(Debug)]
struct Meant {
    cause: Cause,
    /// Until when that explains it.
    until: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Recreate,
    Floor,
}

/// What is wrong.
enum Down {
    Replicas,
    /// Replicas are ready, and this Service has no ready endpoint.
    Endpoints(String),
}

impl WorkloadDetector for State {
    fn step(
        &mut self,
        view: &WorkloadView<'_>,
        nodes: &NodeHealths,
        now: Now,
        config: &DetectorConfig,
    ) -> Step {
        let was_stranded = self.stranding.is_active();
        let stage = self.stranding.step(view, nodes);
        if was_stranded && stage == Stage::Not {
            // Endpoints follow readiness a moment later: what was down until now has been told as `stranded`.
            self.hold.reset();
        }
        let down = down(view);
        self.critical &= down.is_some();
        self.note_wanted(view, now);
        if matches!(down, Some(Down::Replicas)) {
            self.note_meant(view, nodes, now);
        } else {
            self.meant = None;
            self.resumed_meant = false;
        }
        let held = self.hold.step(down.is_some(), now.at, config.unavailable_after);
        match (down, held) {
            (Some(down), Ok(_)) if stage == Stage::Not => {
                let step = self.judge(view, &down, now);
                self.critical |= step
                    .finding
                    .as_ref()
                    .is_some_and(|f| f.severity == Severity::Critical);
                step
            }
            (_, Err(Some(due))) => Step::wait(due),
            _ => Step::quiet(),
        }
    }

    fn thaw(&mut self) {
        self.hold.restart();
    }

    fn resume(&mut self, prior: &Resumed) {
        if prior.severity.is_some() {
            self.hold.resume();
        }
        self.stranding.resume(prior);
        self.resumed_meant = prior.severity == Some(Severity::Warning);
        self.critical = prior.severity == Some(Severity::Critical);
        if prior.severity != Some(Severity::Info) {
            self.seen_ready = prior.ever_ready;
        } else if prior.ever_ready {
            // It was not said for its age, so it was being scaled up.
            self.wanted = Wanted::Not;
        }
    }
}

impl State {
    /// Notes whether it is wanted and whether it is ready, which is forgotten at 0.
    fn note_wanted(&mut self, view: &WorkloadView<'_>, now: Now) {
        match (view.desired(), self.wanted) {
            (Some(0), _) => {
                self.wanted = Wanted::Not;
                self.seen_ready = false;
                return;
            }
            (Some(_), Wanted::Not) => self.wanted = Wanted::Since(now),
            _ => {}
        }
        self.seen_ready |= view.ready() > 0;
    }

    /// Notes why nothing is ready, if that is meant; the cause holds until something is ready, because the new pods
    /// take their time after the old ones are gone.
    fn note_meant(&mut self, view: &WorkloadView<'_>, nodes: &NodeHealths, now: Now) {
        if self.meant.is_some() {
            return;
        }
        let cause = if recreating(view.workload()) {
            Some(Cause::Recreate)
        } else if view.desired() == Some(1) && is_replaced(view, nodes) {
            Some(Cause::Floor)
        } else if self.resumed_meant {
            let recreate = view.workload().strategy == Field::Set(Strategy::Recreate);
            Some(if recreate { Cause::Recreate } else { Cause::Floor })
        } else {
            None
        };
        let until = now.at.after(progress_deadline(view.workload()));
        self.meant = cause.map(|cause| Meant { cause, until });
    }

    fn judge(&mut self, view: &WorkloadView<'_>, down: &Down, now: Now) -> Step {
        let workload = view.workload();
        if let Down::Endpoints(service) = down {
            return Step::firing(no_endpoints(view, service));
        }
        if self.critical || workload.status.deadline_exceeded {
            return Step::firing(outage(view));
        }
        if let Some(deadline) = self.late_at(workload, now)
            && now.at < deadline.at
        {
            let scaled_up = matches!(self.wanted, Wanted::Since(_));
            return Step::firing(starting(view, scaled_up, deadline.wall)).due(Some(deadline.at));
        }
        if let Some(meant) = &self.meant
            && now.at < meant.until
        {
            return Step::firing(replaced(view, meant.cause)).due(Some(meant.until));
        }
        Step::firing(outage(view))
    }

    /// When it is late, if it has never been ready as far as is known; `None` for one that has been.
    fn late_at(&mut self, workload: &Workload, now: Now) -> Option<Deadline> {
        if self.seen_ready {
            return None;
        }
        let time = progress_deadline(workload);
        if let Wanted::Since(since) = self.wanted {
            let (wall, at) = (eviction::due(since.wall, time), since.at.after(time));
            return Some(Deadline { wall, at });
        }
        let wall = eviction::due(workload.created?, time);
        if self.deadline.as_ref().is_none_or(|known| known.wall != wall) {
            let at = now.moment_until(wall);
            self.deadline = Some(Deadline { wall, at });
        }
        self.deadline
    }
}

fn down(view: &WorkloadView<'_>) -> Option<Down> {
    view.desired().filter(|desired| *desired > 0)?;
    if view.ready() == 0 {
        return Some(Down::Replicas);
    }
    view.services()
        .filter(|service| !service.publish_not_ready)
        .find(|service| view.ready_endpoints(&service.name) == Some(0))
        .map(|service| Down::Endpoints(service.name.to_string()))
}

/// How long a rollout may take: of a Deployment as it says, of a StatefulSet as a Deployment's default has it.
fn progress_deadline(workload: &Workload) -> Duration {
    let own = workload
        .progress_deadline
        .filter(|_| workload.key.kind == Kind::Deployment);
    let seconds = own.unwrap_or(DEFAULT_PROGRESS_DEADLINE_SECONDS);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// Whether a `Recreate` rollout has not made all of its new pods yet.
fn recreating(workload: &Workload) -> bool {
    let desired = i64::from(workload.desired().unwrap_or_default());
    workload.strategy == Field::Set(Strategy::Recreate)
        && (i64::from(workload.status.updated) < desired
            || workload.status.observed_generation < workload.generation)
}

/// Whether a pod is being taken away on purpose: not because its node died.
fn is_replaced(view: &WorkloadView<'_>, nodes: &NodeHealths) -> bool {
    view.pods().any(|pod| {
        let node = pod.node();
        let dead = node.is_some_and(|node| {
            nodes
                .get(node.name())
                .is_some_and(|health| health.status != ReadyStatus::True)
        });
        let drained = node
            .and_then(|node| node.node())
            .is_some_and(|node| node.unschedulable);
        !dead && (pod.is_terminating() || pod.is_disruption_target() || drained)
    })
}

fn finding(view: &WorkloadView<'_>, severity: Severity, object: &str, way_out: &str) -> Finding {
    let key = view.key();
    let remedy = format!(
        "kubectl -n {} describe {} {}",
        shell_quote(&key.namespace),
        key.kind.as_str().to_ascii_lowercase(),
        shell_quote(&key.name)
    );
    Finding {
        rule: DETECTOR.name,
        subject: None,
        severity,
        message: Message::new(
            super::ready_of_desired(view),
            format!("{} {object}", super::named(view)),
            way_out,
        ),
        remedy: Some(Remedy::Advice(remedy)),
        latched: severity == Severity::Critical,
        occurrences: 1,
    }
}

fn outage(view: &WorkloadView<'_>) -> Finding {
    let pods = view.pods().count();
    let waiting = view.pods().filter(|pod| pod.node().is_none()).count();
    let (object, way_out) = match pods {
        0 => ("serves nobody, it has no pod".to_owned(), "see its events"),
        1 if waiting == 1 => (
            "serves nobody, its one pod waits for a node".to_owned(),
            "see its events",
        ),
        1 => (
            "serves nobody, its one pod is not ready".to_owned(),
            "see its events and logs",
        ),
        n if waiting > 0 => (
            format!("serves nobody, {waiting} of its {n} pods wait for a node"),
            "see their events",
        ),
        n => (
            format!("serves nobody, none of its {n} pods is ready"),
            "see their events and logs",
        ),
    };
    finding(view, Severity::Critical, &object, way_out)
}

fn starting(view: &WorkloadView<'_>, scaled_up: bool, deadline: Timestamp) -> Finding {
    let so_far = if scaled_up {
        "was scaled up from 0"
    } else {
        "has never been ready"
    };
    let object = format!("{so_far} and has time until {}", clock_time(deadline));
    finding(
        view,
        Severity::Info,
        &object,
        "wait, or see the events of its pods",
    )
}

fn replaced(view: &WorkloadView<'_>, cause: Cause) -> Finding {
    let (object, way_out) = match cause {
        Cause::Recreate => (
            "is rolled out with strategy Recreate, which serves nobody meanwhile",
            "use RollingUpdate if two versions may run side by side",
        ),
        Cause::Floor => (
            "runs one replica, which is being replaced: with a floor of 1 nobody is served meanwhile",
            "run two replicas (rule min-replicas)",
        ),
    };
    finding(view, Severity::Warning, object, way_out)
}

fn no_endpoints(view: &WorkloadView<'_>, service: &str) -> Finding {
    let mut finding = finding(view, Severity::Critical, "", "see its ports and readiness gates");
    finding.message.impact = format!("Service {service} has 0 ready endpoints");
    finding.message.object = format!("{} has {}", super::named(view), super::ready_of_desired(view));
    finding
}

#[cfg(test)]
mod tests;
