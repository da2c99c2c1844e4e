//! # stranded
//!
//! A workload has no ready replica, and all of its pods sit on nodes that are not ready or in limbo: it serves nobody, and
//! Kubernetes replaces nothing yet, or never. This joins what is known of the workload with what is known of the node, and
//! is said at once.
//!
//! ## Why
//!
//! iconik, 5 September 2019: both web pods were on one node that missed heartbeats now and then. Each of the two facts was
//! visible somewhere; that together they meant an outage, and that Kubernetes would not end it, was found out by hand after
//! 26 minutes.
//!
//! ## Example
//!
//! > 0 of 2 ready: both replicas of web are on node n1, silent since 22:50:20Z; eviction due at 22:56:15Z; evict web-1 and
//! > web-2, not the memory hog first
//!
//! and from the second silence on
//!
//! > 0 of 2 ready: both replicas of web are on node n1, in limbo: its heartbeats come back before eviction starts,
//! > Kubernetes will not move the pods; evict web-1 and web-2, not the memory hog first
//!
//! It ends when a replica is ready, also when pods have left the node before that; `unavailable` is quiet meanwhile.
//!
//! ## Way out
//!
//! Cordon the node and delete these very pods: their ReplicaSet makes new ones elsewhere at once. Whether those fit
//! elsewhere is not known. A StatefulSet replaces a pod only when its node has confirmed its end, so there the node must
//! come back, or be given up by people.
//!
//! ## Options
//!
//! None: it does not wait. What makes a node limbo: see `node-limbo`.

use jiff::Timestamp;

use super::node_not_ready::since;
use super::{Detector, FLAPPING, NodeHealth, NodeHealths, Resumed, Scope, Step, WorkloadDetector, eviction};
use crate::index::{PodView, WorkloadView};
use crate::model::config::DetectorConfig;
use crate::model::finding::{Finding, Message, Remedy, Severity};
use crate::model::keys::{Kind, Name};
use crate::model::node::ReadyStatus;
use crate::model::text::{clock_time, list, shell_quote};
use crate::model::time::Now;

pub(super) const DETECTOR: Detector = Detector {
    name: "stranded",
    severity: Severity::Critical,
    summary: "no replica is ready, and all pods are on nodes that are not ready or in limbo",
    ends: "a replica is ready",
    latched: true,
    scope: Scope::Workload(|| Box::new(State::default())),
    source: include_str!("stranded.rs"),
};

#[derive(Debug, Default)]
struct State {
    stranding: Stranding,
}

impl WorkloadDetector for State {
    fn step(
        &mut self,
        view: &WorkloadView<'_>,
        nodes: &NodeHealths,
        _now: Now,
        _config: &DetectorConfig,
    ) -> Step {
        match self.stranding.step(view, nodes) {
            Stage::Not => Step::quiet(),
            Stage::Stuck => Step::firing(stuck(view, nodes)),
            Stage::Starting => Step::firing(starting(view)),
        }
    }

    fn resume(&mut self, prior: &Resumed) {
        self.stranding.resume(prior);
    }
}

/// Whether a workload is stranded: begins when all its pods are on bad nodes and none is ready, ends when one is ready.
/// `unavailable` keeps one too, so that one cause makes one finding.
#[derive(Debug, Default)]
pub(super) struct Stranding {
    active: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Not,
    /// All its pods are on bad nodes.
    Stuck,
    /// It was stuck; pods have left, or their nodes are back; none is ready yet.
    Starting,
}

impl Stranding {
    pub(super) fn resume(&mut self, prior: &Resumed) {
        self.active = prior.stranded;
    }

    pub(super) const fn is_active(&self) -> bool {
        self.active
    }

    pub(super) fn step(&mut self, view: &WorkloadView<'_>, nodes: &NodeHealths) -> Stage {
        let wanted = view.desired().is_some_and(|desired| desired > 0);
        if !wanted || view.ready() > 0 {
            self.active = false;
            return Stage::Not;
        }
        let mut pods = view.pods().peekable();
        let bad = |pod: &PodView<'_>| health_of(pod, nodes).is_some();
        if pods.peek().is_some() && pods.all(|pod| bad(&pod)) {
            self.active = true;
            Stage::Stuck
        } else if self.active {
            Stage::Starting
        } else {
            Stage::Not
        }
    }
}

/// The health of the node that a pod is bound to, if that is not ready or in limbo.
fn health_of<'a>(pod: &PodView<'_>, nodes: &'a NodeHealths) -> Option<&'a NodeHealth> {
    let health = nodes.get(pod.node()?.name())?;
    (health.status != ReadyStatus::True || health.limbo.is_some()).then_some(health)
}

fn finding(message: Message, remedy: Option<Remedy>) -> Finding {
    Finding {
        rule: DETECTOR.name,
        subject: None,
        severity: Severity::Critical,
        message,
        remedy,
        latched: DETECTOR.latched,
        occurrences: 1,
    }
}

fn starting(view: &WorkloadView<'_>) -> Finding {
    let message = Message::new(
        super::ready_of_desired(view),
        format!(
            "{} was stranded on nodes that were not ready; no pod is ready again yet, there or elsewhere",
            view.key().name
        ),
        "see the events of its newest pods",
    );
    let remedy = format!(
        "kubectl -n {} get pods -o wide",
        shell_quote(&view.key().namespace)
    );
    finding(message, Some(Remedy::Advice(remedy)))
}

fn stuck(view: &WorkloadView<'_>, nodes: &NodeHealths) -> Finding {
    let mut pods: Vec<PodView<'_>> = view.pods().collect();
    pods.sort_by_key(PodView::name);
    let mut bad: Vec<(Name, &NodeHealth)> = pods
        .iter()
        .filter_map(|pod| Some((pod.node()?.name().clone(), health_of(pod, nodes)?)))
        .collect();
    bad.sort_by(|(a, _), (b, _)| a.cmp(b));
    bad.dedup_by(|(a, _), (b, _)| a == b);
    let replicas = super::all_replicas(u32::try_from(pods.len()).unwrap_or(u32::MAX));
    let verb = if pods.len() == 1 { "is" } else { "are" };
    let object = format!(
        "{replicas} of {} {verb} on {}",
        view.key().name,
        whereabouts(&bad, &pods)
    );
    let movable: Vec<&str> = pods
        .iter()
        .filter(|pod| !pod.is_terminating())
        .map(PodView::name)
        .collect();
    let way_out = if view.key().kind == Kind::StatefulSet {
        "bring the node back: a StatefulSet replaces no pod before its node confirms the end".to_owned()
    } else if movable.is_empty() {
        "its pods are ending: see why their replacements are not made".to_owned()
    } else {
        format!("evict {}, not the memory hog first", list(&movable, 2))
    };
    let message = Message::new(super::ready_of_desired(view), object, way_out);
    finding(message, remedy(view, &bad, &movable))
}

/// `node n1, silent since …; eviction due at …`, or why there will be none.
fn whereabouts(bad: &[(Name, &NodeHealth)], pods: &[PodView<'_>]) -> String {
    let names: Vec<&str> = bad.iter().map(|(name, _)| &**name).collect();
    let (noun, their) = if let [_] = bad {
        ("node", "its")
    } else {
        ("nodes", "their")
    };
    let place = format!("{noun} {}", list(&names, 2));
    let due = eviction_due(pods);
    let limbo = bad.iter().find_map(|(_, health)| health.limbo.as_ref());
    match (limbo, &due) {
        (Some(limbo), Due::At(at)) if limbo.overdue_since.is_some_and(|since| *at <= since) => {
            let at = clock_time(*at);
            return format!("{place}, in limbo: eviction was due at {at}, Kubernetes will not move the pods");
        }
        (Some(limbo), Due::At(_) | Due::Never | Due::Untainted) if limbo.mechanism == FLAPPING => {
            return format!(
                "{place}, in limbo: {their} heartbeats come back before eviction starts, Kubernetes will not move the pods"
            );
        }
        _ => {}
    }
    let eviction = match due {
        Due::At(at) => format!("eviction due at {}", clock_time(at)),
        Due::Never => "its pods tolerate that for ever, Kubernetes will not move them".to_owned(),
        Due::Untainted => "eviction not due while there is no NoExecute taint".to_owned(),
        Due::Begun => "eviction has begun".to_owned(),
    };
    match bad {
        [(_, one)] if one.status == ReadyStatus::Unknown => {
            format!("{place}, silent{}; {eviction}", since(one))
        }
        [(_, one)] if one.status == ReadyStatus::False => {
            format!("{place}, not ready{}; {eviction}", since(one))
        }
        many if many.iter().all(|(_, health)| health.status != ReadyStatus::True) => {
            format!("{place}, which are not ready; {eviction}")
        }
        _ => format!("{place}, not ready or in limbo; {eviction}"),
    }
}

/// When Kubernetes begins to evict these pods.
enum Due {
    At(Timestamp),
    /// All tolerate it for ever.
    Never,
    /// Their nodes have no NoExecute taint, or none with a time.
    Untainted,
    /// All are terminating.
    Begun,
}

fn eviction_due(pods: &[PodView<'_>]) -> Due {
    let mut due = Due::Begun;
    for pod in pods.iter().filter(|pod| !pod.is_terminating()) {
        let taint = pod
            .node()
            .and_then(|node| node.node())
            .and_then(|node| node.no_execute());
        let mine = match taint.map(|taint| (taint.added, eviction::stay(pod.shape(), &taint.key))) {
            Some((_, None)) => Due::Never,
            Some((Some(added), Some(stay))) => Due::At(eviction::due(added, stay)),
            Some((None, _)) | None => Due::Untainted,
        };
        due = match (due, mine) {
            (Due::At(a), Due::At(b)) => Due::At(a.min(b)),
            (Due::At(at), _) | (_, Due::At(at)) => Due::At(at),
            (Due::Untainted, _) | (_, Due::Untainted) => Due::Untainted,
            (_, mine) => mine,
        };
    }
    due
}

/// The commands that move the pods; none for a StatefulSet, whose pods do not move by being deleted.
fn remedy(view: &WorkloadView<'_>, bad: &[(Name, &NodeHealth)], movable: &[&str]) -> Option<Remedy> {
    if view.key().kind == Kind::StatefulSet || movable.is_empty() {
        return None;
    }
    let words = |names: &mut dyn Iterator<Item = &str>| names.map(shell_quote).collect::<Vec<_>>().join(" ");
    let nodes = words(&mut bad.iter().map(|(name, _)| &**name).take(2));
    let pods = words(&mut movable.iter().copied().take(2));
    Some(Remedy::Advice(format!(
        "kubectl cordon {nodes}; kubectl -n {} delete pod {pods} --wait=false  # whether they fit on another node is not known",
        shell_quote(&view.key().namespace)
    )))
}

#[cfg(test)]
mod tests;
