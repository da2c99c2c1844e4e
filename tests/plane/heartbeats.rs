//! Heartbeats that are missing: of one node, and of most of a zone.

use std::time::{Duration, Instant};

use plimsoll_kit::Node;
use serde_json::json;

use crate::world::{SOON, World, tell, world};

/// How long after the silence began a node's report said so, and the API said Ready=Unknown.
fn gap_and_mark(world: &World, node: &str) -> (Duration, Duration) {
    world.plane.silence(node).expect("silenced");
    let silent = Instant::now();
    let (mut gap, mut marked) = (None, None);
    let condition = r#"-o=jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
    while silent.elapsed() < SOON && (gap.is_none() || marked.is_none()) {
        if marked.is_none()
            && world
                .plane
                .kubectl(&["get", "node", node, condition])
                .is_ok_and(|ready| ready == "Unknown")
        {
            marked = Some(silent.elapsed());
        }
        if gap.is_none() && world.node_report(node).is_some_and(|r| r.has("heartbeat-gap")) {
            gap = Some(silent.elapsed());
        }
    }
    (gap.expect("the gap is told"), marked.expect("the node is marked"))
}

#[test]
fn a_heartbeat_gap_is_told_before_kubernetes_marks_the_node() {
    let world = world();
    let _operator = world.ready_operator(0);
    world
        .plane
        .add_node(&Node::new("gap-1", "a"))
        .expect("a node joins");
    world.old_enough();
    let (gap, marked) = gap_and_mark(&world, "gap-1");
    tell(&format!(
        "heartbeat-gap {gap:.1?} after a node was silenced, Ready=Unknown after {marked:.1?} (scaled timers)"
    ));
    assert!(gap < marked, "{gap:?} {marked:?}");
    let report = world.node_report("gap-1").expect("just seen");
    assert!(
        report.message("heartbeat-gap").contains("node gap-1"),
        "{report:?}"
    );
    world.plane.remove_node("gap-1").expect("removed");
    world.nothing_was_forbidden();
}

#[test]
fn most_of_a_zone_silenced_is_zone_down_and_stranded_is_not_held_back() {
    let world = world();
    let _operator = world.ready_operator(0);
    let names = ["zone-1", "zone-2", "zone-3", "zone-4"];
    world
        .plane
        .add_nodes(&names.map(|name| Node::new(name, "z")))
        .expect("nodes join");
    world.plane.namespace("zoned").expect("a namespace");
    let labels = json!({ "app": "web" });
    world.apply(&[json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web", "namespace": "zoned" },
        "spec": { "replicas": 2, "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": {
                "nodeSelector": { "topology.kubernetes.io/zone": "z" },
                "containers": [{ "name": "web", "image": "registry.invalid/web:1" }] } } }
    })]);
    world.rolled_out("zoned", "web");
    world.old_enough();
    let suspect = world
        .cluster_report()
        .map_or(0, |r| r.begun("control-plane-suspect"));

    // All but one, and at least 55 %.
    let used: Vec<String> = world.pods("zoned").into_iter().map(|(_, node)| node).collect();
    let spared = names
        .into_iter()
        .find(|n| !used.contains(&(*n).to_owned()))
        .expect("2 pods, 4 nodes");
    let silenced: Vec<&str> = names.into_iter().filter(|n| *n != spared).collect();
    silenced
        .iter()
        .for_each(|node| world.plane.silence(node).expect("silenced"));
    let down = world.cluster_shows("zone-down", |r| r.has("zone-down"));
    let message = down.message("zone-down");
    tell(&format!("zone-down: {message}"));
    assert!(
        message.contains("3 of 4 nodes of zone local/z") && message.starts_with("1 of 1 workload"),
        "{message}"
    );
    world.report_shows("zoned", "deployment-web", "stranded", |r| r.has("stranded"));
    assert_eq!(
        world
            .cluster_report()
            .expect("just seen")
            .begun("control-plane-suspect"),
        suspect,
        "a zone is lost, nothing else is suspect"
    );
    for node in &silenced {
        assert!(
            world.node_report(node).is_some_and(|r| r.has("node-not-ready")),
            "{node}"
        );
    }
    silenced
        .iter()
        .for_each(|node| world.plane.revive(node).expect("revived"));
    world.cluster_shows("the zone is back", |r| !r.has("zone-down"));
    // Its pods go before the nodes that they need.
    world
        .plane
        .kubectl(&["delete", "namespace", "zoned", "--timeout=60s"])
        .expect("cleaned up");
    names
        .iter()
        .for_each(|node| world.plane.remove_node(node).expect("removed"));
    world.nothing_was_forbidden();
}
