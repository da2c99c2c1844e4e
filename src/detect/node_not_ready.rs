//! # node-not-ready
//!
//! A node's Ready is not True. `Unknown` means that its kubelet has been silent for the control plane's grace period (50 s,
//! 40 s before Kubernetes 1.32), `False` that the kubelet itself says so. Kubernetes then waits for as long as each pod
//! tolerates it, 300 s by default, before it moves the pods. This detector says at once what is on the node and when that
//! will be.
//!
//! ## Why
//!
//! iconik, 5 September 2019: a node without memory left missed its heartbeats for minutes, again and again. Nothing said so:
//! the first alert came from outside, 18 minutes after the first failed request.
//!
//! ## Example
//!
//! > 2 pods of 1 workload at risk: node n1 is silent since 22:50:20Z, its pods leave from 22:56:15Z on unless it comes
//! > back; see what stops its kubelet: memory, disk, network or the machine
//!
//! What is on the node is counted once for each silence, so that the report is not written again for every pod.
//!
//! A node that is not judged (cordoned, being deleted, about to be removed by an autoscaler or taken back by its cloud, just
//! joined, without a Lease) is named as info: *node n1: not judged, cordoned*.
//!
//! ## Way out
//!
//! `kubectl describe node NODE` shows the reason. If the node is meant to be down, cordon it. Workloads that have no ready
//! replica left get a finding of their own: `stranded`.
//!
//! ## Options
//!
//! `node_min_age` (60 s): a younger node is not judged.

use std::time::Duration;

use jiff::Timestamp;

use super::{Detector, NodeDetector, NodeHealth, NodeHistory, Scope, Step, eviction};
use crate::index::{NodeView, WorkloadView};
use crate::model::config::DetectorConfig;
use crate::model::finding::{Finding, Message, Remedy, Severity};
use crate::model::keys::Name;
use crate::model::node::ReadyStatus;
use crate::model::text::{clock_time, count, list, shell_quote};
use crate::model::time::Now;

pub(super) const DETECTOR: Detector = Detector {
    name: "node-not-ready",
    severity: Severity::Warning,
    summary: "a node's Ready is not True: says what is on it and when its pods leave",
    ends: "Ready is True",
    latched: false,
    scope: Scope::Node(|| Box::new(State::default())),
    source: include_str!("node_not_ready.rs"),
};

#[derive(Debug, Default)]
struct State {
    episode: Option<Episode>,
}

/// What was found when this silence began.
#[derive(Debug)]
struct Episode {
    since: Option<Timestamp>,
    residents: Residents,
    /// The NoExecute taint, and the shortest time that a pod here tolerates it.
    taint: Option<(Name, Option<Duration>)>,
}

impl NodeDetector for State {
    fn step(
        &mut self,
        node: &NodeView<'_>,
        history: &NodeHistory,
        now: Now,
        config: &DetectorConfig,
    ) -> Step {
        let health = history
            .health(node, now, config)
            .filter(|health| health.status != ReadyStatus::True);
        let Some(health) = health else {
            self.episode = None;
            return Step {
                withdrawn: history.withdrawn().map(str::to_owned),
                ..Step::default()
            };
        };
        Step::firing(match &health.suppressed {
            Some(why) => not_judged(node, why, &health),
            None => not_ready(node, &health, self.note(node, &health)),
        })
    }
}

impl State {
    fn note(&mut self, node: &NodeView<'_>, health: &NodeHealth) -> &Episode {
        let episode = match self.episode.take() {
            Some(episode) if episode.since == health.since => episode,
            _ => Episode {
                since: health.since,
                residents: Residents::count(node),
                taint: None,
            },
        };
        let episode = self.episode.insert(episode);
        let taint = node.node().and_then(|object| object.no_execute());
        if episode.taint.as_ref().map(|(key, _)| key) != taint.map(|taint| &taint.key) {
            episode.taint = taint.map(|taint| (taint.key.clone(), eviction::shortest_stay(node, &taint.key)));
        }
        episode
    }
}

/// What is on a node, without DaemonSets and bare pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Residents {
    pods: usize,
    workloads: usize,
}

impl Residents {
    pub(super) fn count(node: &NodeView<'_>) -> Self {
        let here = node.workloads().filter(eviction::may_leave);
        Residents {
            pods: eviction::residents(node).count(),
            workloads: here.count(),
        }
    }

    /// The same, naming the workloads that have all their replicas there.
    pub(super) fn at_risk_by_name(self, node: &NodeView<'_>) -> String {
        let all_here = |view: &WorkloadView<'_>| {
            view.key().kind.is_judged_in_full()
                && view.placement().count() == 1
                && view.desired().is_some_and(|desired| desired > 0)
        };
        let mut whole: Vec<String> = node
            .workloads()
            .filter(all_here)
            .map(|view| view.key().path())
            .collect();
        whole.sort();
        match whole.as_slice() {
            [] => self.at_risk(),
            whole => format!("{}, all of {}", self.at_risk(), list(whole, 2)),
        }
    }

    /// The first part of a message about the node.
    pub(super) fn at_risk(self) -> String {
        let n = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        match self.pods {
            0 => "no workload at risk".to_owned(),
            pods => format!(
                "{} of {} at risk",
                count(n(pods), "pod"),
                count(n(self.workloads), "workload")
            ),
        }
    }
}

fn not_ready(node: &NodeView<'_>, health: &NodeHealth, episode: &Episode) -> Finding {
    let name = node.name();
    let (object, way_out) = if health.status == ReadyStatus::Unknown {
        (
            format!("node {name} is silent{}", since(health)),
            "see what stops its kubelet: memory, disk, network or the machine",
        )
    } else {
        let reason = node.node().map_or("", |object| &*object.ready.reason);
        (
            format!("node {name} is not ready{} ({reason})", since(health)),
            "see what its kubelet misses: the container runtime or the pod network",
        )
    };
    let leave = if episode.residents.pods == 0 {
        String::new()
    } else {
        format!(", {}", leave(health, episode))
    };
    finding(
        Severity::Warning,
        Message::new(episode.residents.at_risk(), object + &leave, way_out),
        name,
    )
}

fn not_judged(node: &NodeView<'_>, why: &str, health: &NodeHealth) -> Finding {
    let name = node.name();
    let state = if health.status == ReadyStatus::Unknown {
        "silent"
    } else {
        "not ready"
    };
    let message = Message::new(
        format!("node {name}"),
        format!("not judged, {why}"),
        format!("nothing to do if it is meant to be {state}"),
    );
    finding(Severity::Info, message, name)
}

fn finding(severity: Severity, message: Message, node: &str) -> Finding {
    Finding {
        rule: DETECTOR.name,
        subject: None,
        severity,
        message,
        remedy: Some(Remedy::Advice(format!(
            "kubectl describe node {}",
            shell_quote(node)
        ))),
        latched: DETECTOR.latched,
        occurrences: 1,
    }
}

/// ` since 22:50:20Z`: the last heartbeat of a silent node, otherwise when Ready left True.
pub(super) fn since(health: &NodeHealth) -> String {
    health
        .last_heartbeat
        .or(health.since)
        .map_or_else(String::new, |at| format!(" since {}", clock_time(at)))
}

fn leave(health: &NodeHealth, episode: &Episode) -> String {
    match (&episode.taint, health.no_execute_since) {
        (None, _) => "its pods stay while Kubernetes has not tainted it NoExecute".to_owned(),
        (Some((_, None)), _) => "its pods tolerate that for ever and stay".to_owned(),
        (Some((_, Some(stay))), Some(since)) => format!(
            "its pods leave from {} on unless it comes back",
            clock_time(eviction::due(since, *stay))
        ),
        (Some(_), None) => "its pods leave unless it comes back".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::trace::Trace;
    use crate::model::keys::Kind;
    use crate::model::node::Node;
    use crate::model::template::TaintEffect::NoExecute;
    use crate::model::testing::{lease, node, pod, wall};

    const RULE: &str = "node-not-ready";

    /// Two replicas on n1, whose last heartbeat is at 20 s.
    fn cluster() -> Trace {
        let mut trace = Trace::both_on_one_node();
        trace.at(20.0, [lease("n1", 20).object()]);
        trace
    }

    #[test]
    fn it_says_when_pods_leave_and_ends_when_the_node_is_ready() {
        let mut trace = cluster();
        trace.at(75.0, [node("n1").unknown_since(75).object()]);
        assert_snapshot!(trace.message("n1", RULE), @"2 pods of 1 workload at risk: node n1 is silent since 00:00:20Z, its pods leave from 00:06:15Z on unless it comes back; see what stops its kubelet: memory, disk, network or the machine");
        trace.at(200.0, [node("n1").ready_since(200).object()]);
        assert_eq!(trace.lines(RULE), ["75 n1 + warning", "200 n1 -"]);
    }

    #[test]
    fn the_due_time_follows_the_taint() {
        let mut trace = cluster();
        let untainted = |node: Node| Node {
            taints: vec![],
            ..node
        };
        trace.at(75.0, [untainted(node("n1").unknown_since(75)).object()]);
        assert!(
            trace
                .message("n1", RULE)
                .contains("its pods stay while Kubernetes has not tainted it")
        );
        let tainted = untainted(node("n1").unknown_since(75)).taint(
            crate::model::node::TAINT_UNREACHABLE,
            NoExecute,
            Some(wall(85)),
        );
        trace.at(85.0, [tainted.object()]);
        assert!(trace.message("n1", RULE).contains("leave from 00:06:25Z on"));
        assert_eq!(trace.lines(RULE), ["75 n1 + warning", "85 n1 ="]);
    }

    #[test]
    fn the_shortest_stay_counts_and_for_ever_is_said() {
        let mut trace = cluster();
        trace.at(30.0, [pod("shop/web-2").on("n1").tolerating(Some(30)).object()]);
        trace.at(75.0, [node("n1").unknown_since(75).object()]);
        assert!(trace.message("n1", RULE).contains("leave from 00:01:45Z on"));

        let mut trace = cluster();
        trace.at(
            30.0,
            [1, 2].map(|i| pod(&format!("shop/web-{i}")).on("n1").tolerating(None).object()),
        );
        trace.at(75.0, [node("n1").unknown_since(75).object()]);
        assert!(trace.message("n1", RULE).contains("tolerate that for ever"));
    }

    #[test]
    fn it_says_the_same_until_the_silence_ends_whatever_happens_to_the_pods() {
        let mut trace = cluster();
        let silent = node("n1").unknown_since(75);
        trace.at(75.0, [silent.clone().object()]);
        trace.at(76.0, [silent.object()]).relist(100.0);
        trace.at(
            376.0,
            [pod("shop/web-1").on("n1").terminating(wall(406)).object()],
        );
        trace.gone(410.0, Kind::Pod, "shop/web-1").wall_jumps(-3600);
        trace.at(420.0, [pod("shop/web-3").on("n2").object()]);
        assert_eq!(trace.lines(RULE), ["75 n1 + warning"]);
    }

    #[test]
    fn false_and_unknown_are_one_silence_with_two_words() {
        let mut trace = cluster();
        trace.at(50.0, [node("n1").false_since(50).object()]);
        assert_snapshot!(trace.message("n1", RULE), @"2 pods of 1 workload at risk: node n1 is not ready since 00:00:50Z (KubeletNotReady), its pods leave from 00:05:50Z on unless it comes back; see what its kubelet misses: the container runtime or the pod network");
        trace.at(110.0, [node("n1").unknown_since(110).object()]);
        assert!(trace.message("n1", RULE).contains("silent since 00:00:20Z"));
        assert_eq!(trace.lines(RULE), ["50 n1 + warning", "110 n1 ="]);
    }

    #[test]
    fn a_node_that_is_not_judged_is_named() {
        let mut trace = cluster();
        trace.at(30.0, [node("n1").cordoned().object()]);
        assert_eq!(
            trace.lines(RULE),
            Vec::<&str>::new(),
            "a cordoned node that is ready is no news"
        );
        trace.at(75.0, [node("n1").cordoned().unknown_since(75).object()]);
        assert_snapshot!(trace.message("n1", RULE), @"node n1: not judged, cordoned; nothing to do if it is meant to be silent");
        trace.at(80.0, [node("n1").unknown_since(75).object()]);
        assert_eq!(trace.lines(RULE), ["75 n1 + info", "80 n1 ~ warning"]);
    }

    #[test]
    fn a_young_node_is_judged_exactly_when_it_is_old_enough() {
        let joined = |node: Node| Node {
            created: Some(wall(100)),
            ..node
        };
        let mut trace = cluster();
        trace.beat(&["n1", "n2"]);
        trace.at(100.0, [joined(node("n3")).object(), lease("n3", 100).object()]);
        trace.at(120.0, [joined(node("n3")).false_since(120).object()]);
        trace.pass(159.9);
        assert_eq!(trace.lines(RULE), ["120 n3 + info"]);
        trace.pass(161.0);
        assert_eq!(trace.lines(RULE), ["120 n3 + info", "160 n3 ~ warning"]);
        assert_snapshot!(trace.message("n3", RULE), @"no workload at risk: node n3 is not ready since 00:02:00Z (KubeletNotReady); see what its kubelet misses: the container runtime or the pod network");
    }

    #[test]
    fn a_rebooted_node_withdraws_what_was_said() {
        let mut trace = cluster();
        trace.at(75.0, [node("n1").unknown_since(75).object()]);
        let rebooted = Node {
            boot_id: "boot-2".into(),
            ..node("n1").ready_since(120)
        };
        trace.at(120.0, [rebooted.object()]);
        assert_eq!(
            trace.lines(RULE),
            ["75 n1 + warning", "120 n1 - the node was rebooted"]
        );
    }

    #[test]
    fn a_silence_that_began_before_the_operator_did_is_dated_by_the_control_plane() {
        let mut trace = cluster();
        trace.at(75.0, [node("n1").unknown_since(75).object()]);
        trace.restart(80.0, 60.0);
        assert!(trace.message("n1", RULE).contains("silent since 00:01:15Z"));
        assert_eq!(trace.lines(RULE), ["75 n1 + warning", "140 n1 ="]);
    }
}
