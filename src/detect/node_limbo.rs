//! # node-limbo
//!
//! Kubernetes neither trusts the node nor gives up on it, so its pods are not replaced. Two mechanisms are told apart:
//!
//! * **L1**: the node falls silent again and again, at least `limbo_episodes` times within `limbo_window`. Each return
//!   takes the NoExecute taint away and with it every eviction timer, so silences shorter than what the pods tolerate
//!   (300 s by default) never move them. A reboot, an upgrade and whatever happens to a cordoned node do not count.
//! * **L4**: the node is not ready and pods are still there, not terminating, although the taint and all that they tolerate
//!   of it are past. The timer was lost with a restart of the control plane, or a webhook denied the deletion; both are not
//!   tried again.
//!
//! It is critical while a workload is stranded by it: all its pods are here and none is ready.
//!
//! ## Why
//!
//! iconik, 5 September 2019: both web pods sat on a node whose memory was exhausted. Its kubelet missed heartbeats for long
//! enough to be distrusted and never for long enough to be given up, for 26 minutes, until people moved the pods by hand.
//!
//! ## Example
//!
//! > 0 of 2 ready in shop/web: node n1 fell silent 2 times within 15 min, and each return starts the time to eviction anew
//! > (L1); evict the stranded pods, not the memory hog first
//!
//! ## Way out
//!
//! Cordon the node, so that nothing comes back to it, and evict the pods that serve people. A pod that starves its node
//! starves the next one too, so it goes last. Then find out what stops the kubelet.
//!
//! ## Options
//!
//! `limbo_episodes` (2) silences within `limbo_window` (15 min); `limbo_quiet` (10 min): how long the mechanism must be gone;
//! `eviction_slack` (15 s): by how much an eviction may be late.

use jiff::Timestamp;

use super::node_not_ready::Residents;
use super::{Detector, FLAPPING, Limbo, NodeDetector, NodeHistory, Scope, Step};
use crate::index::{NodeView, WorkloadView};
use crate::model::config::DetectorConfig;
use crate::model::finding::{Finding, Message, Remedy, Severity};
use crate::model::text::{clock_time, count, duration, list, shell_quote};
use crate::model::time::Now;

pub(super) const DETECTOR: Detector = Detector {
    name: "node-limbo",
    severity: Severity::Warning,
    summary: "a node falls silent again and again, or keeps pods that should have been evicted: they are not replaced",
    ends: "the mechanism has been gone for 10 min",
    latched: true,
    scope: Scope::Node(|| Box::new(State::default())),
    source: include_str!("node_limbo.rs"),
};

/// What was on the node when it last fell silent.
#[derive(Debug, Default)]
struct State {
    counted: Option<(Limbo, Residents)>,
}

impl NodeDetector for State {
    fn step(
        &mut self,
        node: &NodeView<'_>,
        history: &NodeHistory,
        now: Now,
        config: &DetectorConfig,
    ) -> Step {
        let Some(limbo) = history.health(node, now, config).and_then(|health| health.limbo) else {
            self.counted = None;
            return Step {
                withdrawn: history.limbo_withdrawn().map(str::to_owned),
                ..Step::default()
            };
        };
        let residents = match &self.counted {
            Some((same, residents)) if *same == limbo => *residents,
            _ => Residents::count(node),
        };
        let finding = finding(node, &limbo, residents, config);
        self.counted = Some((limbo, residents));
        Step::firing(finding)
    }
}

fn finding(node: &NodeView<'_>, limbo: &Limbo, residents: Residents, config: &DetectorConfig) -> Finding {
    let mut stranded: Vec<WorkloadView<'_>> = node
        .workloads()
        .filter(|view| is_stranded_here(view, node))
        .collect();
    stranded.sort_by_key(WorkloadView::key);
    let paths: Vec<String> = stranded.iter().map(|view| view.key().path()).collect();
    let (severity, impact, way_out) = match stranded.as_slice() {
        [] => (
            Severity::Warning,
            residents.at_risk(),
            "keep new pods away with a cordon and see what stops its kubelet, memory first",
        ),
        [one] => (
            Severity::Critical,
            format!("{} in {}", super::ready_of_desired(one), one.key().path()),
            "evict the stranded pods, not the memory hog first",
        ),
        _ => (
            Severity::Critical,
            format!("0 ready in {}", list(&paths, 2)),
            "evict the stranded pods, not the memory hog first",
        ),
    };
    Finding {
        rule: DETECTOR.name,
        subject: None,
        severity,
        message: Message::new(impact, mechanism(node.name(), limbo, config), way_out),
        remedy: Some(Remedy::Advice(advice(node.name()))),
        latched: DETECTOR.latched,
        occurrences: limbo.episodes,
    }
}

fn mechanism(node: &str, limbo: &Limbo, config: &DetectorConfig) -> String {
    let id = limbo.mechanism;
    if id == FLAPPING {
        let times = count(limbo.episodes, "time");
        let window = duration(config.limbo_window);
        return format!(
            "node {node} fell silent {times} within {window}, and each return starts the time to eviction anew ({id})"
        );
    }
    let due = |at: Timestamp| format!(" at {}", clock_time(at));
    format!(
        "pods on node {node} should have been evicted{} and are still there ({id})",
        limbo.overdue_since.map_or_else(String::new, due)
    )
}

fn advice(node: &str) -> String {
    let node = shell_quote(node);
    format!(
        "kubectl cordon {node}; kubectl describe node {node}; for each stranded workload see the remedy of its finding `stranded`"
    )
}

/// Whether a workload has no ready replica and all of its pods on this node.
fn is_stranded_here(view: &WorkloadView<'_>, node: &NodeView<'_>) -> bool {
    view.desired().is_some_and(|desired| desired > 0)
        && view.ready() == 0
        && view.placement().count() == 1
        && view
            .pods()
            .all(|pod| pod.node().is_some_and(|n| n.name() == node.name()))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::trace::Trace;
    use crate::model::keys::Kind;
    use crate::model::node::Node;
    use crate::model::testing::{lease, node, pod, wall};

    const RULE: &str = "node-limbo";

    fn cluster() -> Trace {
        Trace::both_on_one_node()
    }

    fn silent(trace: &mut Trace, second: i32) {
        trace.at(second.into(), [node("n1").unknown_since(second.into()).object()]);
    }

    fn back(trace: &mut Trace, second: i32) {
        trace.at(second.into(), [node("n1").ready_since(second.into()).object()]);
    }

    #[test]
    fn the_second_silence_is_limbo_for_the_window_and_the_quiet_time() {
        let mut trace = cluster();
        silent(&mut trace, 75);
        back(&mut trace, 200);
        assert_eq!(trace.message("n1", RULE), "quiet");
        silent(&mut trace, 300);
        assert_snapshot!(trace.message("n1", RULE), @"0 of 2 ready in shop/web: node n1 fell silent 2 times within 15 min, and each return starts the time to eviction anew (L1); evict the stranded pods, not the memory hog first");
        assert_eq!(trace.finding("n1", RULE).occurrences, 2);
        assert!(trace.finding("n1", RULE).latched);
        back(&mut trace, 400);
        assert_snapshot!(trace.message("n1", RULE), @"2 pods of 1 workload at risk: node n1 fell silent 2 times within 15 min, and each return starts the time to eviction anew (L1); keep new pods away with a cordon and see what stops its kubelet, memory first");
        trace.pass(5_000.0);
        let expected = ["300 n1 + critical", "400 n1 ~ warning", "1575 n1 -"];
        assert_eq!(trace.lines(RULE), expected, "75 s + 15 min + 10 min");
    }

    #[test]
    fn each_further_silence_is_counted() {
        let mut trace = cluster();
        for second in [75, 300, 500] {
            silent(&mut trace, second);
            back(&mut trace, second + 60);
        }
        assert_eq!(trace.finding("n1", RULE).occurrences, 3);
        trace.pass(5_000.0);
        let last = trace.lines(RULE).last().map(|l| (*l).to_owned());
        assert_eq!(last.as_deref(), Some("1800 n1 -"), "300 s + 15 min + 10 min");
    }

    #[test]
    fn duplicates_relists_and_jumps_of_the_wall_clock_make_no_limbo() {
        let mut trace = cluster();
        silent(&mut trace, 75);
        trace
            .at(76.0, [node("n1").unknown_since(75).object()])
            .relist(80.0);
        trace.wall_jumps(-600).at(90.0, [lease("n1", 90).object()]);
        back(&mut trace, 120);
        trace.wall_jumps(86_400).relist(130.0);
        trace.at(131.0, [node("n1").unknown_since(75).object()]);
        back(&mut trace, 132);
        assert_eq!(trace.lines(RULE), Vec::<&str>::new());
    }

    #[test]
    fn a_restart_between_two_silences_and_one_during_limbo_forget_nothing() {
        let mut trace = cluster();
        silent(&mut trace, 75);
        back(&mut trace, 200);
        trace.restart(210.0, 30.0);
        silent(&mut trace, 300);
        back(&mut trace, 400);
        trace.restart(500.0, 60.0);
        trace.pass(5_000.0);
        let expected = ["300 n1 + critical", "400 n1 ~ warning", "1575 n1 -"];
        assert_eq!(trace.lines(RULE), expected);
    }

    #[test]
    fn pods_past_their_due_time_are_limbo_exactly_after_the_slack() {
        let mut trace = cluster();
        silent(&mut trace, 75);
        trace.pass(389.9);
        assert_eq!(trace.lines(RULE), Vec::<&str>::new());
        trace.pass(390.0);
        assert_snapshot!(trace.message("n1", RULE), @"0 of 2 ready in shop/web: pods on node n1 should have been evicted at 00:06:15Z and are still there (L4); evict the stranded pods, not the memory hog first");
        trace.relist(400.0);
        back(&mut trace, 500);
        trace.pass(5_000.0);
        let expected = ["390 n1 + critical", "500 n1 ~ warning", "1100 n1 -"];
        assert_eq!(trace.lines(RULE), expected);
    }

    #[test]
    fn pods_that_leave_in_time_or_never_have_to_are_no_limbo() {
        let mut trace = cluster();
        silent(&mut trace, 75);
        trace.at(
            376.0,
            [1, 2].map(|i| {
                pod(&format!("shop/web-{i}"))
                    .on("n1")
                    .terminating(wall(406))
                    .object()
            }),
        );
        trace.pass(3_000.0);
        assert_eq!(trace.lines(RULE), Vec::<&str>::new());

        let mut trace = cluster();
        trace.at(
            1.0,
            [1, 2].map(|i| pod(&format!("shop/web-{i}")).on("n1").tolerating(None).object()),
        );
        silent(&mut trace, 75);
        trace.pass(3_000.0);
        assert_eq!(trace.lines(RULE), Vec::<&str>::new());
    }

    #[test]
    fn the_slack_runs_on_the_monotonic_clock() {
        let mut trace = cluster();
        silent(&mut trace, 75);
        trace.wall_jumps(7_200).relist(100.0);
        trace.wall_jumps(-7_200).relist(389.0);
        assert_eq!(trace.lines(RULE), Vec::<&str>::new());
        trace.pass(391.0);
        assert_eq!(trace.lines(RULE), ["390 n1 + critical"]);
    }

    #[test]
    fn an_operator_that_starts_late_knows_what_is_overdue() {
        let mut trace = cluster();
        silent(&mut trace, 75);
        trace.restart(100.0, 400.0);
        assert_eq!(trace.lines(RULE), ["500 n1 + critical"]);
        assert!(trace.message("n1", RULE).contains("evicted at 00:06:15Z"));
    }

    #[test]
    fn one_replica_elsewhere_makes_it_a_warning() {
        let mut trace = cluster();
        trace.at(1.0, [pod("shop/web-2").on("n2").object()]);
        silent(&mut trace, 75);
        back(&mut trace, 200);
        silent(&mut trace, 300);
        assert_eq!(trace.lines(RULE), ["300 n1 + warning"]);
        assert!(
            trace
                .message("n1", RULE)
                .starts_with("1 pod of 1 workload at risk")
        );
    }

    #[test]
    fn a_restart_in_the_quiet_after_late_pods_ends_nothing_early() {
        let mut trace = cluster();
        silent(&mut trace, 75);
        trace.pass(400.0);
        for pod in ["shop/web-1", "shop/web-2"] {
            trace.gone(420.0, Kind::Pod, pod);
        }
        // Kubernetes' own timer is over: 75 + 300 s, and 15 s of slack.
        assert_eq!(trace.lines(RULE), ["390 n1 + critical", "420 n1 ~ warning"]);
        trace.restart(500.0, 10.0);
        trace.pass(1200.0);
        let lines = trace.lines(RULE);
        assert_eq!(
            lines.last(),
            Some(&"1110 n1 -"),
            "the quiet of 600 s begins again: {lines:?}"
        );
    }

    #[test]
    fn a_reboot_withdraws_limbo_and_a_cordon_ends_it() {
        let mut trace = cluster();
        silent(&mut trace, 75);
        back(&mut trace, 200);
        silent(&mut trace, 300);
        let rebooted = Node {
            boot_id: "boot-2".into(),
            ..node("n1").ready_since(400)
        };
        trace.at(400.0, [rebooted.object()]);
        assert_eq!(
            trace.lines(RULE),
            ["300 n1 + critical", "400 n1 - the node was rebooted"]
        );

        let mut trace = cluster();
        silent(&mut trace, 75);
        back(&mut trace, 200);
        silent(&mut trace, 300);
        trace.at(310.0, [node("n1").cordoned().unknown_since(300).object()]);
        assert_eq!(trace.lines(RULE), ["300 n1 + critical", "310 n1 -"]);
    }

    #[test]
    fn a_node_that_is_deleted_takes_its_finding_with_it() {
        let mut trace = cluster();
        silent(&mut trace, 75);
        back(&mut trace, 200);
        silent(&mut trace, 300);
        trace.gone(310.0, Kind::Node, "n1");
        assert_eq!(trace.lines(RULE), ["300 n1 + critical", "310 n1 -"]);
    }
}
