use insta::assert_snapshot;

use super::super::trace::Trace;
use crate::model::config::DetectorConfig;
use crate::model::node::Node;
use crate::model::object::Object;
use crate::model::testing::{deployment, lease, node, pod, replica_set};

const RULE: &str = "control-plane-suspect";
const NODE_RULES: [&str; 3] = ["heartbeat-gap", "node-not-ready", "node-limbo"];

/// So many nodes n0, n1, …, in zones of two (or none), all sending heartbeats; both replicas of web on n0.
fn cluster(nodes: usize, zones: bool) -> Trace {
    let mut trace = Trace::new();
    let nodes = (0..nodes).flat_map(|n| [plain(n, zones).object(), lease(&format!("n{n}"), 0).object()]);
    let web = [
        deployment("shop/web").replicas(2).object(),
        replica_set("shop/web").object(),
        pod("shop/web-1").on("n0").object(),
        pod("shop/web-2").on("n0").object(),
    ];
    trace.at(0.0, nodes.chain(web));
    trace
}

fn plain(n: usize, zones: bool) -> Node {
    let node = node(&format!("n{n}"));
    if zones {
        node.zone_label(&format!("z{}", n / 2))
    } else {
        node
    }
}

fn names(nodes: std::ops::Range<usize>) -> Vec<String> {
    nodes.map(|n| format!("n{n}")).collect()
}

fn beat(trace: &mut Trace, nodes: std::ops::Range<usize>) {
    let names = names(nodes);
    trace.beat(&names.iter().map(String::as_str).collect::<Vec<_>>());
}

fn mute(trace: &mut Trace, nodes: std::ops::Range<usize>) {
    let names = names(nodes);
    trace.mute(&names.iter().map(String::as_str).collect::<Vec<_>>());
}

fn all(nodes: std::ops::Range<usize>, zones: bool, change: impl Fn(Node) -> Node) -> Vec<Object> {
    nodes.map(|n| change(plain(n, zones)).object()).collect()
}

fn on_nodes(trace: &Trace) -> Vec<String> {
    let lines = NODE_RULES.iter().flat_map(|rule| trace.lines(rule));
    lines.map(ToString::to_string).collect()
}

#[test]
fn when_all_heartbeats_stop_no_node_is_told_and_one_finding_says_so_before_anything_is_marked() {
    let mut trace = cluster(6, true);
    beat(&mut trace, 0..6);
    trace.pass(200.0);
    mute(&mut trace, 0..6);
    trace.pass(230.0);
    assert_eq!(
        trace.lines(RULE).len(),
        1,
        "25 s after the earliest of the last heartbeats"
    );
    assert_snapshot!(trace.message("cluster", RULE), @"single nodes are not judged: 6 of 6 nodes fell silent or left Ready together at 00:03:45Z; see the API server, its etcd and the network in between");
    trace.at(250.0, all(0..6, true, |n| n.unknown_since(250)));
    assert_eq!(
        trace.lines("stranded"),
        ["250 shop/web + critical"],
        "never held back"
    );
    // While nobody is heard the cool-down does not end.
    trace.pass(2_000.0);
    assert_eq!(trace.lines(RULE).len(), 1);
    trace.at(2_000.0, all(0..6, true, |n| n.ready_since(2_000)));
    beat(&mut trace, 0..6);
    trace.pass(3_000.0);
    assert_eq!(trace.lines(RULE).len(), 2, "{:?}", trace.lines(RULE));
    assert_eq!(on_nodes(&trace), Vec::<String>::new());
}

#[test]
fn the_cool_down_begins_when_the_first_node_is_heard_again() {
    let mut trace = cluster(6, true);
    beat(&mut trace, 0..6);
    trace.pass(200.0);
    mute(&mut trace, 0..6);
    trace.at(250.0, all(0..6, true, |n| n.unknown_since(250)));
    // Just before it would be twice 5 min since the last event.
    trace.at(845.0, all(0..6, true, |n| n.ready_since(845)));
    beat(&mut trace, 0..6);
    trace.pass(2_000.0);
    assert_eq!(trace.lines(RULE), ["225 cluster + warning", "1145 cluster -"]);
    assert_eq!(on_nodes(&trace), Vec::<String>::new());
}

#[test]
fn while_nobody_is_heard_nothing_is_waited_for() {
    let mut trace = cluster(6, true);
    beat(&mut trace, 0..6);
    trace.pass(200.0);
    mute(&mut trace, 0..6);
    trace.at(250.0, all(0..6, true, |n| n.unknown_since(250)));
    trace.pass(10_000.0);
    assert_eq!(trace.cluster.due(&DetectorConfig::default()), None);
    assert_eq!(trace.lines(RULE), ["225 cluster + warning"]);
}

#[test]
fn the_last_node_that_was_heard_makes_it_so_although_it_was_not_ready() {
    let mut trace = cluster(3, true);
    beat(&mut trace, 0..3);
    trace.at(50.0, all(0..1, true, |n| n.false_since(50)));
    for n in 1..3 {
        mute(&mut trace, n..n + 1);
        let second = 100 * n as i64;
        trace.at(
            second as f64,
            all(n..n + 1, true, |node| node.unknown_since(second)),
        );
    }
    trace.pass(300.0);
    assert_eq!(trace.lines(RULE), Vec::<&str>::new(), "one is heard");
    mute(&mut trace, 0..1);
    trace.pass(400.0);
    assert_eq!(
        trace.lines(RULE),
        ["325 cluster + warning"],
        "25 s after its last"
    );
}

#[test]
fn after_the_cool_down_what_is_true_then_is_told() {
    let mut trace = cluster(10, true);
    beat(&mut trace, 0..10);
    trace.pass(200.0);
    trace.at(200.0, all(0..3, true, |n| n.false_since(200)));
    assert_eq!(trace.lines(RULE), ["200 cluster + warning"]);
    trace.at(300.0, all(0..2, true, |n| n.ready_since(300)));
    trace.pass(499.9);
    assert_eq!(on_nodes(&trace), Vec::<String>::new());
    trace.pass(600.0);
    assert_eq!(trace.lines(RULE), ["200 cluster + warning", "500 cluster -"]);
    assert_eq!(on_nodes(&trace), ["500 n2 + warning"]);
}

#[test]
fn what_was_told_within_two_ticks_before_is_taken_back_and_is_no_episode() {
    let mut trace = cluster(10, true);
    beat(&mut trace, 0..10);
    for (n, second) in [(0, 200), (3, 204), (6, 208)] {
        trace.at(
            second.into(),
            all(n..n + 1, true, |node| node.false_since(second.into())),
        );
    }
    assert_eq!(
        on_nodes(&trace),
        [
            "200 n0 + warning",
            "204 n3 + warning",
            "208 n0 - suspect",
            "208 n3 - suspect"
        ]
    );
    trace.at(220.0, [0, 3, 6].map(|n| plain(n, true).ready_since(220).object()));
    trace.pass(600.0);
    // One silence later there is still no limbo.
    trace.at(600.0, all(0..1, true, |n| n.false_since(600)));
    assert_eq!(trace.lines("node-limbo"), Vec::<&str>::new());
    assert_eq!(trace.lines("node-not-ready").last(), Some(&"600 n0 + warning"));
}

#[test]
fn what_was_told_long_before_stays_and_does_not_end_meanwhile() {
    let mut trace = cluster(10, true);
    beat(&mut trace, 0..10);
    trace.at(100.0, all(0..1, true, |n| n.false_since(100)));
    trace.at(200.0, all(2..5, true, |n| n.false_since(200)));
    trace.at(210.0, all(0..5, true, |n| n.ready_since(210)));
    trace.pass(499.0);
    assert_eq!(on_nodes(&trace), ["100 n0 + warning"]);
    trace.pass(501.0);
    assert_eq!(on_nodes(&trace), ["100 n0 + warning", "500 n0 -"]);
}

#[test]
fn two_nodes_or_less_than_a_fifth_are_single_nodes() {
    let mut trace = cluster(10, true);
    beat(&mut trace, 0..10);
    trace.at(200.0, [1, 4].map(|n| plain(n, true).false_since(200).object()));
    assert_eq!(on_nodes(&trace).len(), 2);
    let mut trace = cluster(20, true);
    beat(&mut trace, 0..20);
    trace.at(200.0, [1, 4, 8].map(|n| plain(n, true).false_since(200).object()));
    assert_eq!(
        (on_nodes(&trace).len(), trace.lines(RULE).len()),
        (3, 0),
        "3 of 20"
    );
    trace.at(205.0, [10].map(|n| plain(n, true).false_since(205).object()));
    assert_eq!(
        trace.lines(RULE),
        ["205 cluster + warning"],
        "4 of 20 within 10 s"
    );
}

#[test]
fn changes_further_apart_than_two_ticks_are_single_ones() {
    let mut trace = cluster(10, true);
    beat(&mut trace, 0..10);
    for (n, second) in [(0, 200), (3, 206), (6, 212), (8, 218)] {
        trace.at(
            second.into(),
            all(n..n + 1, true, |node| node.false_since(second.into())),
        );
    }
    assert_eq!(trace.lines(RULE), Vec::<&str>::new());
}

#[test]
fn nodes_without_a_zone_are_in_none_together() {
    let mut trace = cluster(10, false);
    beat(&mut trace, 0..10);
    trace.at(200.0, all(0..3, false, |n| n.false_since(200)));
    assert_eq!(trace.lines(RULE), ["200 cluster + warning"]);
}

#[test]
fn suppressed_nodes_count_for_nothing() {
    let mut trace = cluster(10, true);
    beat(&mut trace, 0..10);
    trace.at(150.0, all(0..3, true, Node::cordoned));
    trace.at(200.0, all(0..4, true, |n| n.cordoned().false_since(200)));
    assert_eq!(trace.lines(RULE), Vec::<&str>::new());
}

#[test]
fn a_relist_duplicates_and_a_jump_of_the_wall_clock_are_no_changes() {
    let mut trace = cluster(6, true);
    beat(&mut trace, 0..6);
    trace.pass(200.0).relist(200.0).wall_jumps(3_600).relist(201.0);
    trace.at(202.0, all(0..6, true, |n| n));
    trace.pass(300.0);
    assert_eq!((trace.lines(RULE).len(), on_nodes(&trace).len()), (0, 0));
}

#[test]
fn a_restart_in_the_cool_down_goes_on_with_it() {
    let mut trace = cluster(10, true);
    beat(&mut trace, 0..10);
    trace.at(200.0, all(0..3, true, |n| n.false_since(200)));
    trace.restart(210.0, 30.0);
    trace.pass(539.0);
    assert_eq!(on_nodes(&trace), Vec::<String>::new());
    trace.pass(541.0);
    assert_eq!(trace.lines("node-not-ready").len(), 3);
    assert_eq!(
        trace.lines("node-limbo"),
        ["540 n0 + warning"],
        "its pods are overdue"
    );
    let told: Vec<_> = trace
        .lines(RULE)
        .into_iter()
        .filter(|l| !l.ends_with('='))
        .collect();
    assert_eq!(told, ["200 cluster + warning", "540 cluster -"]);
}
