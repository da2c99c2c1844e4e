//! # co-located
//!
//! All running replicas of a workload are on one node although another node could take them: the loss of that node, or its
//! limbo, is the loss of the workload. Two replicas there are as good as one. From five replicas on, a share of 80 % on one
//! node is worth an info.
//!
//! Counted are pods that run and are not terminating, surge pods of a rollout too. It waits 10 s, and again after each
//! change of the workload, so that a rollout does not make it flicker. A node could take the pods when it is ready and
//! schedulable, its taints are tolerated, and the template's `nodeSelector` and required node affinity match; whether it
//! has room is not asked.
//!
//! ## Why
//!
//! iconik, 5 September 2019: two redundant web pods ran on one node for as long as anybody knew. When the node fell into
//! limbo, both were gone.
//!
//! ## Example
//!
//! > 2 of 2 ready, all lost with one node: both replicas of web run on node n1 although other nodes could take them; spread
//! > them (rule pod-spread), then restart the rollout
//!
//! It is critical while that node is not ready or in limbo, and a warning otherwise.
//!
//! ## Way out
//!
//! Give the template a topology spread constraint on `kubernetes.io/hostname` (`plimsoll explain pod-spread`). Running pods
//! do not move by themselves: `kubectl rollout restart` places them anew.
//!
//! ## Options
//!
//! `co_location_settle` (10 s), `large_share_percent` (80) from `large_share_min_replicas` (5) on.

use super::concentration::{Concentration, Settle, TooMuch};
use super::{Detector, NodeHealth, NodeHealths, Resumed, Scope, Step, WorkloadDetector};
use crate::index::WorkloadView;
use crate::model::config::DetectorConfig;
use crate::model::finding::{Finding, Message, Remedy, Severity};
use crate::model::text::shell_quote;
use crate::model::time::Now;
use crate::simulate::feasible;

pub(super) const DETECTOR: Detector = Detector {
    name: "co-located",
    severity: Severity::Warning,
    summary: "all running replicas are on one node although another could take them",
    ends: "replicas run on two nodes or more",
    latched: false,
    scope: Scope::Workload(|| Box::new(State::default())),
    source: include_str!("co_located.rs"),
};

#[derive(Debug, Default)]
struct State {
    settle: Settle,
}

impl WorkloadDetector for State {
    fn step(
        &mut self,
        view: &WorkloadView<'_>,
        nodes: &NodeHealths,
        now: Now,
        config: &DetectorConfig,
    ) -> Step {
        let (found, all, share) = look(view, config);
        let (said, due) = self.settle.step(view, all, share, now, config);
        match (found, said) {
            (Some(found), Some(TooMuch::All)) => {
                let suspect = nodes.get(&found.largest).is_some_and(NodeHealth::is_suspect);
                Step::firing(all_on_one(view, &found, suspect))
            }
            (Some(found), Some(TooMuch::Share)) => Step::firing(large_share(view, &found)),
            _ => Step::quiet(),
        }
        .due(due)
    }

    fn thaw(&mut self) {
        self.settle.restart();
    }

    fn resume(&mut self, prior: &Resumed) {
        match prior.severity {
            Some(Severity::Info) => self.settle.resume(TooMuch::Share),
            Some(Severity::Warning | Severity::Critical) => self.settle.resume(TooMuch::All),
            None => {}
        }
    }
}

/// Whether too much of a workload is on one node now.
pub(super) fn concentrated(view: &WorkloadView<'_>, config: &DetectorConfig) -> bool {
    let (_, all, share) = look(view, config);
    all || share
}

/// Where its replicas are, whether all of them are on one node, whether a large share is. Either only while they could be
/// elsewhere; that is plain when one of them is.
fn look(view: &WorkloadView<'_>, config: &DetectorConfig) -> (Option<Concentration>, bool, bool) {
    let wanted = view.desired().is_some_and(|desired| desired >= 2);
    let Some(found) = Concentration::by_node(view).filter(|_| wanted) else {
        return (None, false, false);
    };
    let elsewhere = found.there < found.total;
    let avoidable = || elsewhere || could_be_elsewhere(view, &found.largest);
    let all = found.is_all() && avoidable();
    let share = found.is_large(config) && avoidable();
    (Some(found), all, share)
}

fn could_be_elsewhere(view: &WorkloadView<'_>, than: &str) -> bool {
    view.nodes()
        .filter(|node| **node.name() != *than)
        .filter_map(|node| node.node())
        .any(|node| feasible(view.template(), node))
}

fn all_on_one(view: &WorkloadView<'_>, found: &Concentration, suspect: bool) -> Finding {
    let name = &view.key().name;
    let replicas = super::all_replicas(found.total);
    let ill = if suspect {
        ", which is not ready or in limbo,"
    } else {
        ""
    };
    finding(
        view,
        if suspect {
            Severity::Critical
        } else {
            Severity::Warning
        },
        Message::new(
            format!("{}, all lost with one node", super::ready_of_desired(view)),
            format!(
                "{replicas} of {name} run on node {}{ill} although other nodes could take them",
                found.largest
            ),
            "spread them (rule pod-spread), then restart the rollout",
        ),
    )
}

fn large_share(view: &WorkloadView<'_>, found: &Concentration) -> Finding {
    let Concentration {
        largest,
        there,
        total,
    } = found;
    finding(
        view,
        Severity::Info,
        Message::new(
            format!("{}, {there} lost with one node", super::ready_of_desired(view)),
            format!(
                "{there} of {total} replicas of {} run on node {largest}",
                view.key().name
            ),
            "spread them (rule pod-spread), then restart the rollout",
        ),
    )
}

fn finding(view: &WorkloadView<'_>, severity: Severity, message: Message) -> Finding {
    Finding {
        rule: DETECTOR.name,
        subject: None,
        severity,
        message,
        remedy: Some(restart(view)),
        latched: DETECTOR.latched,
        occurrences: 1,
    }
}

/// The command that places the pods anew; it helps once the template spreads them.
pub(super) fn restart(view: &WorkloadView<'_>) -> Remedy {
    let key = view.key();
    Remedy::Advice(format!(
        "kubectl -n {} rollout restart {} {}  # once its template spreads the pods (rule pod-spread)",
        shell_quote(&key.namespace),
        key.kind.as_str().to_ascii_lowercase(),
        shell_quote(&key.name)
    ))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::trace::Trace;
    use crate::model::keys::Kind;
    use crate::model::object::Object;
    use crate::model::testing::{deployment, lease, node, pod, replica_set, wall};

    const RULE: &str = "co-located";

    fn base(replicas: i32) -> Vec<Object> {
        let mut objects = vec![
            deployment("shop/web").replicas(replicas).object(),
            replica_set("shop/web").object(),
        ];
        for name in ["n1", "n2"] {
            objects.push(node(name).object());
            objects.push(lease(name, 0).object());
        }
        objects
    }

    fn on(node: &str, pods: std::ops::RangeInclusive<u32>) -> Vec<Object> {
        pods.map(|i| pod(&format!("shop/web-{i}")).on(node).object())
            .collect()
    }

    fn pair() -> Trace {
        let mut trace = Trace::new();
        trace.at(0.0, base(2)).at(100.0, on("n1", 1..=2));
        trace
    }

    #[test]
    fn it_fires_exactly_after_the_settle_time_and_ends_when_spread() {
        let mut trace = pair();
        trace.pass(109.9);
        assert_eq!(trace.lines(RULE), Vec::<&str>::new());
        trace.pass(110.0);
        assert_snapshot!(trace.message("shop/web", RULE), @"2 of 2 ready, all lost with one node: both replicas of web run on node n1 although other nodes could take them; spread them (rule pod-spread), then restart the rollout");
        trace.at(200.0, on("n2", 3..=3));
        assert_eq!(trace.lines(RULE), ["110 shop/web + warning", "200 shop/web -"]);
    }

    #[test]
    fn a_break_of_the_hold_starts_it_again() {
        let mut trace = pair();
        trace
            .at(105.0, on("n2", 3..=3))
            .gone(107.0, Kind::Pod, "shop/web-3");
        trace.pass(116.9);
        assert_eq!(trace.lines(RULE), Vec::<&str>::new());
        trace.pass(117.0);
        assert_eq!(trace.lines(RULE), ["117 shop/web + warning"]);
    }

    #[test]
    fn a_rollout_starts_the_wait_again_and_does_not_make_it_flicker() {
        let mut trace = pair();
        trace.at(105.0, [deployment("shop/web").replicas(2).generation(2).object()]);
        trace.pass(114.9);
        assert_eq!(trace.lines(RULE), Vec::<&str>::new());
        trace.at(120.0, [deployment("shop/web").replicas(2).generation(3).object()]);
        trace
            .at(121.0, on("n1", 3..=3))
            .gone(122.0, Kind::Pod, "shop/web-1");
        trace.relist(130.0);
        let lines = trace.lines(RULE);
        assert_eq!(lines.first(), Some(&"115 shop/web + warning"));
        assert!(!lines.iter().any(|line| line.ends_with('-')), "{lines:?}");
    }

    #[test]
    fn terminating_pods_and_pods_that_do_not_run_yet_do_not_count() {
        let mut trace = Trace::new();
        trace.at(0.0, base(2));
        trace.at(1.0, on("n1", 1..=1));
        trace.at(1.0, [pod("shop/web-2").on("n1").terminating(wall(31)).object()]);
        trace.at(1.0, [pod("shop/web-3").on("n1").starting().object()]);
        trace.pass(60.0);
        assert_eq!(trace.lines(RULE), Vec::<&str>::new());
        trace.at(60.0, on("n1", 3..=3)).pass(70.0);
        assert_eq!(trace.lines(RULE), ["70 shop/web + warning"]);
    }

    #[test]
    fn it_is_critical_while_the_node_is_suspect_and_not_when_that_is_meant() {
        let mut trace = pair();
        trace.at(150.0, [node("n1").unknown_since(150).object()]);
        trace.at(200.0, [node("n1").ready_since(200).object()]);
        trace.at(250.0, [node("n1").cordoned().false_since(250).object()]);
        let lines = trace.lines(RULE);
        let expected = [
            "110 shop/web + warning",
            "150 shop/web ~ critical",
            "200 shop/web ~ warning",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_node_that_could_take_no_pod_is_no_other_node() {
        let mut trace = pair();
        trace.at(101.0, [node("n2").cordoned().object()]).pass(150.0);
        assert_eq!(trace.lines(RULE), Vec::<&str>::new());
        trace.at(150.0, [node("n2").object()]).pass(160.0);
        assert_eq!(trace.lines(RULE), ["160 shop/web + warning"]);
    }

    #[test]
    fn one_wanted_replica_is_not_co_located_whatever_the_surge() {
        let mut trace = Trace::new();
        trace.at(0.0, base(1)).at(1.0, on("n1", 1..=2)).pass(100.0);
        assert_eq!(trace.lines(RULE), Vec::<&str>::new());
    }

    #[test]
    fn four_of_five_on_one_node_are_worth_an_info() {
        let mut trace = Trace::new();
        trace
            .at(0.0, base(5))
            .at(1.0, on("n1", 1..=4))
            .at(2.0, on("n2", 5..=5));
        trace.pass(30.0);
        assert_snapshot!(trace.message("shop/web", RULE), @"5 of 5 ready, 4 lost with one node: 4 of 5 replicas of web run on node n1; spread them (rule pod-spread), then restart the rollout");
        trace
            .at(40.0, on("n1", 6..=6))
            .gone(41.0, Kind::Pod, "shop/web-5");
        trace.pass(60.0);
        let lines = trace.lines(RULE);
        assert_eq!(lines.last(), Some(&"51 shop/web ~ warning"), "{lines:?}");
        trace.at(70.0, on("n2", 7..=8));
        assert_eq!(trace.lines(RULE).last(), Some(&"70 shop/web -"), "5 of 7");
    }

    #[test]
    fn a_restart_makes_no_second_wait_and_a_jump_of_the_wall_clock_nothing() {
        let mut trace = pair();
        trace.restart(120.0, 60.0).wall_jumps(-4_000).relist(181.0);
        trace.wall_jumps(4_000).relist(182.0);
        assert_eq!(trace.lines(RULE), ["110 shop/web + warning"]);
    }
}
