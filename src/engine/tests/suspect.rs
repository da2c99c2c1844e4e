//! Many nodes change together, and what single nodes were told of is taken back.

use super::freeze::told;
use super::*;

/// Ten nodes without zones, all sending heartbeats.
fn ten() -> Cluster {
    let mut cluster = Cluster::new();
    for n in 0..10 {
        let name = format!("n{n}");
        cluster.see([node(&name).object(), lease(&name)]);
    }
    cluster.at(0);
    cluster
}

fn falls(cluster: &mut Cluster, name: &str, second: u64) -> Vec<String> {
    let at = i64::try_from(second).expect("small");
    told(&cluster.happens(second, [node(name).false_since(at).object()]))
}

#[test]
fn the_report_of_a_node_that_was_told_too_early_says_that_it_was_taken_back() {
    let mut cluster = ten();
    assert_eq!(falls(&mut cluster, "n0", 200), ["n0 node-not-ready Active"]);
    assert_eq!(falls(&mut cluster, "n1", 204), ["n1 node-not-ready Active"]);
    assert_eq!(
        falls(&mut cluster, "n2", 208),
        [
            "cluster control-plane-suspect Active",
            "n0 node-not-ready Withdrawn",
            "n1 node-not-ready Withdrawn",
        ]
    );
    let back = ["n0", "n1", "n2"].map(|name| node(name).ready_since(220).object());
    assert!(cluster.happens(220, back).is_empty());
    assert_eq!(told(&cluster.at(600)), ["cluster control-plane-suspect Closed"]);
    assert_eq!(
        falls(&mut cluster, "n0", 610),
        ["n0 node-not-ready Active"],
        "it is the first silence that counts"
    );
}

#[test]
fn when_all_heartbeats_stop_only_the_cluster_is_told() {
    let mut cluster = ten();
    cluster.at(100);
    cluster.muted = vec!["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"];
    assert_eq!(told(&cluster.at(400)), ["cluster control-plane-suspect Active"]);
    cluster.muted.clear();
    assert_eq!(told(&cluster.at(1_400)), ["cluster control-plane-suspect Closed"]);
}

#[test]
fn a_gap_is_told_on_the_nodes_report_and_leaves_it_after_5_min() {
    let mut cluster = ten();
    cluster.at(100);
    cluster.muted = vec!["n3"];
    assert_eq!(told(&cluster.at(130)), ["n3 heartbeat-gap Active"]);
    cluster.muted.clear();
    assert_eq!(told(&cluster.at(450)), ["n3 heartbeat-gap Closed"]);
}
