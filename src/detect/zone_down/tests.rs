use insta::assert_snapshot;

use super::super::trace::Trace;
use crate::model::node::Node;
use crate::model::object::Object;
use crate::model::testing::{deployment, lease, node, pod, replica_set};

const RULE: &str = "zone-down";
const SUSPECT: &str = "control-plane-suspect";

fn zoned(name: &str) -> Node {
    node(name).zone_label(&name[..1])
}

/// Zone a with so many nodes a1, a2, …, zone b with three; both replicas of web in a. All send heartbeats.
fn cluster(nodes: usize) -> Trace {
    let mut trace = Trace::new();
    let names: Vec<String> = (1..=nodes)
        .map(|n| format!("a{n}"))
        .chain((1..=3).map(|n| format!("b{n}")))
        .collect();
    let nodes = names
        .iter()
        .flat_map(|name| [zoned(name).object(), lease(name, 0).object()]);
    let web = [
        deployment("shop/web").replicas(2).object(),
        replica_set("shop/web").object(),
        pod("shop/web-1").on("a1").object(),
        pod("shop/web-2").on("a2").object(),
        deployment("shop/api").replicas(2).object(),
        replica_set("shop/api").object(),
        pod("shop/api-1").on("a1").object(),
        pod("shop/api-2").on("b1").object(),
    ];
    trace.at(0.0, nodes.chain(web));
    trace.beat(&names.iter().map(String::as_str).collect::<Vec<_>>());
    trace.pass(100.0);
    trace
}

/// These nodes stop, and the node controller marks them 55 s later.
fn lose(trace: &mut Trace, names: &[&str], second: i64) {
    trace.pass(second as f64).mute(names);
    let marked: Vec<Object> = names
        .iter()
        .map(|name| zoned(name).unknown_since(second + 55).object())
        .collect();
    trace.at((second + 55) as f64, marked);
}

#[test]
fn a_zone_that_is_lost_is_told_as_one_with_its_impact_and_ends_when_it_is_back() {
    let mut trace = cluster(4);
    lose(&mut trace, &["a1", "a2", "a3", "a4"], 200);
    assert_snapshot!(trace.message("a", RULE), @"1 of 2 workloads there has no ready replica: all 4 nodes of zone a are not ready since 00:04:15Z while others send heartbeats; see what the zone lost: network, power or its cloud");
    assert_eq!(trace.message("cluster", SUSPECT), "quiet");
    assert_eq!(
        trace.lines("stranded"),
        ["255 shop/web + critical"],
        "never held back"
    );
    trace.at(400.0, ["a1", "a2"].map(|n| zoned(n).ready_since(400).object()));
    assert_eq!(trace.lines(RULE), ["255 a + critical", "400 a -"]);
    assert_eq!(trace.lines(SUSPECT), Vec::<&str>::new());
}

#[test]
fn from_55_percent_and_three_nodes_on_a_zone_is_down() {
    let mut trace = cluster(5);
    lose(&mut trace, &["a1", "a2"], 200);
    assert_eq!(trace.lines(RULE), Vec::<&str>::new());
    lose(&mut trace, &["a3"], 300);
    assert_snapshot!(trace.message("a", RULE), @"1 of 2 workloads there has no ready replica: 3 of 5 nodes of zone a are not ready since 00:05:55Z while others send heartbeats; see what the zone lost: network, power or its cloud");
    assert_eq!(trace.lines(RULE), ["355 a + critical"]);

    let mut trace = cluster(6);
    lose(&mut trace, &["a1", "a2", "a3"], 200);
    assert_eq!(trace.lines(RULE), Vec::<&str>::new(), "half of six");

    let mut trace = cluster(2);
    lose(&mut trace, &["a1"], 200);
    assert_eq!(trace.lines(RULE), Vec::<&str>::new(), "one of two");
    lose(&mut trace, &["a2"], 300);
    assert_eq!(trace.lines(RULE), ["355 a + critical"], "all");
}

#[test]
fn excluded_and_suppressed_nodes_do_not_count() {
    let mut trace = cluster(3);
    let excluded = zoned("a3").label("node.kubernetes.io/exclude-disruption", "");
    trace.at(110.0, [excluded.object(), zoned("a2").cordoned().object()]);
    lose(&mut trace, &["a1"], 200);
    assert_eq!(trace.lines(RULE), ["255 a + critical"]);
    assert!(trace.message("a", RULE).contains("the only node of zone a"));
}

#[test]
fn a_region_makes_zones_of_the_same_label_two() {
    let mut trace = cluster(4);
    let moved = |name: &str| {
        zoned(name)
            .label("topology.kubernetes.io/region", "east")
            .object()
    };
    trace.at(110.0, ["a3", "a4"].map(moved));
    lose(&mut trace, &["a1", "a2"], 200);
    assert_eq!(trace.lines(RULE), ["255 a + critical"]);
}

#[test]
fn an_event_that_comes_twice_a_relist_and_a_restart_tell_nothing_twice() {
    let mut trace = cluster(4);
    let names = ["a1", "a2", "a3", "a4"];
    lose(&mut trace, &names, 200);
    trace.at(256.0, names.map(|n| zoned(n).unknown_since(255).object()));
    trace.relist(260.0).restart(270.0, 30.0);
    trace.at(320.0, [pod("shop/web-1").on("a1").unready().object()]);
    assert_eq!(trace.lines(RULE), ["255 a + critical"]);
}

/// A restart must not take nodes that fell silent before it for ones that send heartbeats.
#[test]
fn a_zone_that_was_lost_before_the_start_is_told_once_another_is_heard() {
    let start = || {
        let mut trace = Trace::new();
        let lost = ["a1", "a2"].map(|name| zoned(name).unknown_since(-60).object());
        let leases = ["a1", "a2", "b1"].map(|name| lease(name, -70).object());
        trace.at(0.0, lost.into_iter().chain([zoned("b1").object()]).chain(leases));
        trace
    };
    let mut trace = start();
    trace.pass(100.0);
    assert_eq!(trace.lines(RULE), Vec::<&str>::new(), "nobody is heard");

    let mut trace = start();
    trace.beat(&["b1"]).pass(100.0);
    assert_eq!(trace.lines(RULE), ["12.5 a + critical"]);

    let mut trace = start();
    trace
        .beat(&["b1"])
        .at(11.0, [zoned("a1").unknown_since(-59).object()])
        .pass(100.0);
    assert_eq!(
        trace.lines(RULE),
        ["12.5 a + critical"],
        "whenever somebody looks in between"
    );
}

#[test]
fn one_zone_that_is_marked_first_when_all_heartbeats_stop_is_not_down() {
    let mut trace = cluster(4);
    trace
        .pass(200.0)
        .mute(&["a1", "a2", "a3", "a4", "b1", "b2", "b3"]);
    trace.at(
        255.0,
        ["a1", "a2", "a3", "a4"].map(|n| zoned(n).unknown_since(255).object()),
    );
    trace.at(
        260.0,
        ["b1", "b2", "b3"].map(|n| zoned(n).unknown_since(260).object()),
    );
    trace.at(
        400.0,
        ["a1", "a2", "a3", "a4"].map(|n| zoned(n).ready_since(400).object()),
    );
    trace.at(
        402.0,
        ["b1", "b2", "b3"].map(|n| zoned(n).ready_since(402).object()),
    );
    assert_eq!(trace.lines(RULE), Vec::<&str>::new());
}
