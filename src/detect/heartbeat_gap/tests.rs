use insta::assert_snapshot;

use super::super::trace::Trace;
use crate::model::node::Node;
use crate::model::object::Object;
use crate::model::testing::{lease, node, wall};

const RULE: &str = "heartbeat-gap";

/// Both replicas of web on n1, whose heartbeats tests send by hand; n2 sends its own. The last one of n1 is at 10 s.
fn cluster() -> Trace {
    let mut trace = Trace::both_on_one_node();
    trace.beat(&["n2"]);
    trace.at(10.0, [lease("n1", 10).object()]);
    trace
}

/// Regular heartbeats of n1 up to that second.
fn regular(trace: &mut Trace, from: i64, to: i64) {
    for second in (from..=to).step_by(10) {
        trace.at(second as f64, [lease("n1", second).object()]);
    }
}

#[test]
fn a_gap_is_told_exactly_at_25_s_before_kubernetes_marks_the_node_and_ends_after_5_min() {
    let mut trace = cluster();
    trace.pass(34.9);
    assert_eq!(trace.lines(RULE), Vec::<&str>::new());
    trace.pass(40.0);
    assert_snapshot!(trace.message("n1", RULE), @"2 pods of 1 workload at risk, all of shop/web: node n1 counts as Ready and has sent no heartbeat since 00:00:10Z; see what stops its kubelet: memory, disk, network or the machine");
    regular(&mut trace, 42, 42);
    assert_snapshot!(trace.message("n1", RULE), @"2 pods of 1 workload at risk, all of shop/web: node n1 missed heartbeats, and has not been regular for 5 min since; see what stops its kubelet: memory, disk, network or the machine");
    regular(&mut trace, 52, 400);
    assert_eq!(trace.lines(RULE), ["35 n1 + info", "42 n1 =", "342 n1 -"]);
}

#[test]
fn regular_heartbeats_with_jitter_are_no_gap() {
    let mut trace = cluster();
    let mut at = 10.0;
    for _ in 0..100 {
        at += 10.4;
        trace.at(at, [lease("n1", at as i64).object()]);
    }
    assert_eq!(trace.lines(RULE), Vec::<&str>::new());
}

#[test]
fn three_short_gaps_within_5_min_are_a_warning_although_each_alone_is_nothing() {
    let mut trace = cluster();
    for second in [32, 54] {
        trace.at(second as f64, [lease("n1", second).object()]);
        assert_eq!(trace.lines(RULE), Vec::<&str>::new());
    }
    trace.at(76.0, [lease("n1", 76).object()]);
    assert_eq!(trace.lines(RULE), ["76 n1 + warning"]);
    assert_snapshot!(trace.message("n1", RULE), @"2 pods of 1 workload at risk, all of shop/web: node n1 misses heartbeats again and again: 3 gaps of 20 s to 50 s within 5 min; see what stops its kubelet: memory, disk, network or the machine");
    regular(&mut trace, 86, 400);
    assert_eq!(trace.lines(RULE), ["76 n1 + warning", "376 n1 -"]);
}

#[test]
fn three_short_gaps_in_a_longer_time_are_nothing() {
    let mut trace = cluster();
    trace.at(32.0, [lease("n1", 32).object()]);
    regular(&mut trace, 42, 172);
    trace.at(194.0, [lease("n1", 194).object()]);
    regular(&mut trace, 204, 324);
    trace.at(346.0, [lease("n1", 346).object()]);
    assert_eq!(trace.lines(RULE), Vec::<&str>::new());
}

#[test]
fn a_gap_becomes_a_silence_and_goes_on_until_heartbeats_are_regular() {
    let mut trace = cluster();
    trace.at(63.0, [node("n1").unknown_since(63).object()]);
    trace.at(200.0, [lease("n1", 200).object()]);
    trace.at(201.0, [node("n1").ready_since(201).object()]);
    regular(&mut trace, 210, 600);
    assert_eq!(trace.lines(RULE), ["35 n1 + info", "200 n1 =", "500 n1 -"]);
    assert_eq!(trace.lines("node-not-ready"), ["63 n1 + warning", "201 n1 -"]);
}

#[test]
fn duplicates_late_events_relists_and_label_edits_are_no_heartbeats() {
    let mut trace = cluster();
    trace.at(15.0, [lease("n1", 10).object(), lease("n1", 5).object()]);
    trace.at(20.0, [node("n1").label("a", "b").object()]).relist(25.0);
    trace.wall_jumps(-3_600).pass(30.0);
    trace.wall_jumps(86_400).pass(36.0);
    assert_eq!(trace.lines(RULE), ["35 n1 + info"]);
}

#[test]
fn a_changed_last_heartbeat_time_is_a_heartbeat_and_the_same_one_is_not() {
    let posted = |second: i64| -> Object {
        let mut posted: Node = node("n1");
        posted.ready.heartbeat = Some(wall(second));
        posted.object()
    };
    let mut trace = cluster();
    trace
        .at(12.0, [posted(12)])
        .at(30.0, [posted(30)])
        .at(40.0, [posted(30)]);
    trace.pass(54.9);
    assert_eq!(trace.lines(RULE), Vec::<&str>::new());
    trace.pass(56.0);
    assert_eq!(trace.lines(RULE), ["55 n1 + info"]);
}

#[test]
fn a_restart_ends_nothing_and_begins_nothing() {
    let mut trace = cluster();
    trace.pass(36.0).restart(36.0, 20.0);
    regular(&mut trace, 60, 320);
    let begins_and_ends = |trace: &Trace| {
        let lines: Vec<String> = trace.lines(RULE).iter().map(ToString::to_string).collect();
        lines
            .into_iter()
            .filter(|line| !line.ends_with('='))
            .collect::<Vec<_>>()
    };
    assert_eq!(begins_and_ends(&trace), ["35 n1 + info"]);
    regular(&mut trace, 330, 400);
    assert_eq!(begins_and_ends(&trace), ["35 n1 + info", "356 n1 -"]);

    let mut trace = cluster();
    trace.pass(30.0).restart(30.0, 3_600.0);
    trace.pass(3_654.0);
    assert_eq!(trace.lines(RULE), Vec::<&str>::new(), "25 s from the first look");
}

#[test]
fn a_node_that_is_not_judged_has_no_gaps_and_a_cordon_ends_one() {
    let mut trace = cluster();
    trace.at(20.0, [node("n1").cordoned().object()]);
    trace.pass(100.0);
    assert_eq!(trace.lines(RULE), Vec::<&str>::new());

    let mut trace = cluster();
    trace.pass(36.0);
    trace.at(37.0, [node("n1").cordoned().object()]);
    assert_eq!(trace.lines(RULE), ["35 n1 + info", "37 n1 -"]);
}

#[test]
fn a_young_node_is_judged_when_it_is_old_enough() {
    let young = Node {
        created: Some(wall(100)),
        ..node("n3")
    };
    let mut trace = cluster();
    trace.beat(&["n1"]);
    trace.at(100.0, [young.object(), lease("n3", 100).object()]);
    trace.pass(300.0);
    assert_eq!(trace.lines(RULE), ["160 n3 + info"]);
}

#[test]
fn the_memory_of_a_node_stays_small() {
    let mut trace = cluster();
    for n in 1..200 {
        trace.at(
            f64::from(10 + 21 * n),
            [lease("n1", i64::from(10 + 21 * n)).object()],
        );
    }
    assert_eq!(trace.lines(RULE), ["73 n1 + warning"]);
    assert!(std::mem::size_of::<crate::detect::NodeHistory>() + 8 * 8 + 16 * 24 <= 1024);
}

#[test]
fn two_heartbeats_at_once_end_a_gap_no_sooner_than_one() {
    let mut trace = cluster();
    trace.pass(40.0);
    trace.at(42.0, [lease("n1", 41).object(), lease("n1", 42).object()]);
    regular(&mut trace, 52, 400);
    assert_eq!(trace.lines(RULE), ["35 n1 + info", "42 n1 =", "342 n1 -"]);
}
