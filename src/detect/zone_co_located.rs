//! # zone-co-located
//!
//! All running replicas of a workload, or 80 % of five and more, are in one zone although a node of another zone could take
//! them: the loss of the zone is the loss of the workload. A zone is region and zone label together; while a replica runs on
//! a node without a zone label, nothing is said.
//!
//! It is quiet while the replicas are concentrated on one node already: `co-located` says that then, and is worse.
//!
//! ## Why
//!
//! A zone fails as a whole less often than a node does, and then for longer. Two replicas on two nodes of one zone look
//! redundant and are lost together.
//!
//! ## Example
//!
//! > 2 of 2 ready, all lost with one zone: both replicas of web run in zone eu/a although other zones could take them;
//! > spread them over zones (rule pod-spread), then restart the rollout
//!
//! ## Way out
//!
//! Give the template a second topology spread constraint, on `topology.kubernetes.io/zone`, and restart the rollout. Volumes
//! that are bound to a zone keep their pods there.
//!
//! ## Options
//!
//! `co_location_settle` (10 s), `large_share_percent` (80) from `large_share_min_replicas` (5) on.

use super::concentration::{Concentration, Settle, TooMuch};
use super::{Detector, NodeHealths, Resumed, Scope, Step, WorkloadDetector, co_located};
use crate::index::WorkloadView;
use crate::model::config::DetectorConfig;
use crate::model::finding::{Finding, Message, Severity};
use crate::model::time::Now;
use crate::simulate::feasible;

pub(super) const DETECTOR: Detector = Detector {
    name: "zone-co-located",
    severity: Severity::Info,
    summary: "all running replicas are in one zone although another could take them",
    ends: "replicas run in two zones or more",
    latched: false,
    scope: Scope::Workload(|| Box::new(State::default())),
    source: include_str!("zone_co_located.rs"),
};

#[derive(Debug, Default)]
struct State {
    settle: Settle,
}

impl WorkloadDetector for State {
    fn step(
        &mut self,
        view: &WorkloadView<'_>,
        _nodes: &NodeHealths,
        now: Now,
        config: &DetectorConfig,
    ) -> Step {
        let wanted = view.desired().is_some_and(|desired| desired >= 2);
        let found =
            Concentration::by_zone(view).filter(|_| wanted && !co_located::concentrated(view, config));
        let (all, share) = match &found {
            Some(found) if found.there < found.total => (false, found.is_large(config)),
            Some(found) if could_be_elsewhere(view, &found.largest) => {
                (found.is_all(), found.is_large(config))
            }
            _ => (false, false),
        };
        let (said, due) = self.settle.step(view, all, share, now, config);
        match (found, said) {
            (Some(found), Some(said)) => Step::firing(finding(view, &found, said)),
            _ => Step::quiet(),
        }
        .due(due)
    }

    fn thaw(&mut self) {
        self.settle.restart();
    }

    fn resume(&mut self, prior: &Resumed) {
        if prior.severity.is_some() {
            self.settle.resume(TooMuch::All);
        }
    }
}

fn could_be_elsewhere(view: &WorkloadView<'_>, than: &str) -> bool {
    view.nodes()
        .filter(|node| node.zone().is_some_and(|zone| zone != than))
        .filter_map(|node| node.node())
        .any(|node| feasible(view.template(), node))
}

fn finding(view: &WorkloadView<'_>, found: &Concentration, said: TooMuch) -> Finding {
    let Concentration {
        largest,
        there,
        total,
    } = found;
    let name = &view.key().name;
    let ready = super::ready_of_desired(view);
    let (impact, object) = match said {
        TooMuch::All => (
            format!("{ready}, all lost with one zone"),
            format!(
                "{} of {name} run in zone {largest} although other zones could take them",
                super::all_replicas(*total)
            ),
        ),
        TooMuch::Share => (
            format!("{ready}, {there} lost with one zone"),
            format!("{there} of {total} replicas of {name} run in zone {largest}"),
        ),
    };
    let way_out = "spread them over zones (rule pod-spread), then restart the rollout";
    Finding {
        rule: DETECTOR.name,
        subject: None,
        severity: Severity::Info,
        message: Message::new(impact, object, way_out),
        remedy: Some(co_located::restart(view)),
        latched: DETECTOR.latched,
        occurrences: 1,
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::trace::Trace;
    use crate::model::node::Node;
    use crate::model::testing::{deployment, lease, node, pod, replica_set};

    const RULE: &str = "zone-co-located";

    /// `n1` and `n2` in zone a, `n3` in zone b, and pods on the named nodes.
    fn cluster(pods_on: &[&str], change: impl Fn(Node) -> Node) -> Trace {
        let mut trace = Trace::new();
        let nodes = [
            node("n1").zone_label("a"),
            node("n2").zone_label("a"),
            change(node("n3").zone_label("b")),
        ];
        let replicas = i32::try_from(pods_on.len()).expect("a few");
        trace.at(0.0, nodes.map(Node::object));
        trace.at(0.0, ["n1", "n2", "n3"].map(|n| lease(n, 0).object()));
        trace.at(
            0.0,
            [
                deployment("shop/web").replicas(replicas).object(),
                replica_set("shop/web").object(),
            ],
        );
        let pods = pods_on.iter().enumerate();
        trace.at(
            1.0,
            pods.map(|(i, on)| pod(&format!("shop/web-{i}")).on(on).object()),
        );
        trace
    }

    #[test]
    fn two_nodes_of_one_zone_are_one_zone() {
        let mut trace = cluster(&["n1", "n2"], |n| n);
        trace.pass(10.9);
        assert_eq!(trace.lines(RULE), Vec::<&str>::new());
        trace.pass(11.0);
        assert_snapshot!(trace.message("shop/web", RULE), @"2 of 2 ready, all lost with one zone: both replicas of web run in zone a although other zones could take them; spread them over zones (rule pod-spread), then restart the rollout");
        trace.restart(20.0, 5.0).relist(30.0);
        trace.at(40.0, [pod("shop/web-9").on("n3").object()]);
        assert_eq!(trace.lines(RULE), ["11 shop/web + info", "40 shop/web -"]);
    }

    #[test]
    fn one_node_is_said_by_the_worse_finding_alone() {
        let mut trace = cluster(&["n1", "n1"], |n| n);
        trace.pass(60.0);
        assert_eq!(trace.lines(RULE), Vec::<&str>::new());
        assert_eq!(trace.lines("co-located"), ["11 shop/web + warning"]);
    }

    #[test]
    fn a_zone_that_could_take_no_pod_and_a_node_without_zone_say_nothing() {
        let mut trace = cluster(&["n1", "n2"], Node::cordoned);
        trace.pass(60.0);
        assert_eq!(trace.lines(RULE), Vec::<&str>::new());
        trace
            .at(60.0, [node("n2").object(), node("n3").zone_label("b").object()])
            .pass(120.0);
        assert_eq!(trace.lines(RULE), Vec::<&str>::new());
    }

    #[test]
    fn most_of_many_in_one_zone_are_worth_saying_too() {
        let mut trace = cluster(&["n1", "n1", "n2", "n2", "n3"], |n| n);
        trace.pass(60.0);
        assert_snapshot!(trace.message("shop/web", RULE), @"5 of 5 ready, 4 lost with one zone: 4 of 5 replicas of web run in zone a; spread them over zones (rule pod-spread), then restart the rollout");
    }
}
