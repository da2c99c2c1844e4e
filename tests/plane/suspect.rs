//! What looks like the death of every node and is the control plane's doing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use plimsoll_kit::{Component, Node};
use serde_json::Value;

use crate::cases::{budget, good};
use crate::world::{NODES, SOON, World, tell, world};

const SUSPECT: &str = "control-plane-suspect";

/// What every report of a kind says, by namespace and name; without that on the cluster, and without namespaces that are
/// being deleted.
fn everything(world: &World, kinds: &str) -> BTreeMap<String, Value> {
    let leaving = world.plane.get(&["namespaces"]).expect("namespaces can be read");
    let leaving: Vec<Value> = leaving["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|namespace| namespace["status"]["phase"] != "Active")
        .map(|namespace| namespace["metadata"]["name"].clone())
        .collect();
    let list = world.plane.get(&[kinds, "-A"]).expect("reports can be read");
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let name = |item: &Value| format!("{}/{}", item["metadata"]["namespace"], item["metadata"]["name"]);
    items
        .into_iter()
        .filter(|item| !leaving.contains(&item["metadata"]["namespace"]))
        .map(|item| (name(&item), item["status"].clone()))
        .filter(|(name, _)| !name.contains("\"cluster\""))
        .collect()
}

/// What has ever begun on nodes, as far as the timelines go.
fn begun_on_nodes(world: &World) -> Vec<(String, Value)> {
    let began = |(name, status): (String, Value)| {
        let timeline = status["timeline"].as_array().cloned().unwrap_or_default();
        let began = timeline.into_iter().filter(|t| t["state"] == "Active");
        began.map(|t| (name.clone(), t)).collect::<Vec<_>>()
    };
    let nodes = everything(world, "clusterresiliencereports").into_iter();
    nodes.flat_map(began).collect()
}

/// Nothing has begun on any node since. (Timelines are bounded: what is new may have pushed out what was old.)
fn nothing_began_on_nodes_since(world: &World, before: &[(String, Value)]) {
    let mut since = begun_on_nodes(world);
    since.retain(|began| !before.contains(began));
    assert!(since.is_empty(), "{since:#?}");
}

fn differences<T: PartialEq + std::fmt::Debug>(
    before: &BTreeMap<String, T>,
    after: &BTreeMap<String, T>,
) -> String {
    let differs = |name: &&String| before.get(*name) != after.get(*name);
    let names = before.keys().chain(after.keys()).filter(differs);
    names
        .map(|name| {
            format!(
                "{name}:\n  before {:?}\n  after {:?}\n",
                before.get(name),
                after.get(name)
            )
        })
        .collect()
}

/// Nothing is active on the cluster, and nodes have been quiet for long enough that no finding ends by itself soon.
fn calm(world: &World) {
    world
        .plane
        .eventually("nothing is suspect", 2 * SOON, |_| {
            Ok(match world.cluster_report() {
                Some(report) if report.has(SUSPECT) => Err(report.message(SUSPECT)),
                _ => Ok(()),
            })
        })
        .expect("the cool-down ends");
}

fn begun(world: &World) -> usize {
    world.cluster_report().map_or(0, |report| report.begun(SUSPECT))
}

/// A node that really falls silent is found again.
fn a_silent_node_is_found(world: &World, name: &str) {
    world.plane.add_node(&Node::new(name, "a")).expect("a node joins");
    world.old_enough();
    world.plane.silence(name).expect("silenced");
    world.eventually("a silent node is found again", |world| {
        let report = world.node_report(name).ok_or("no report on the node")?;
        if report.has("node-not-ready") {
            Ok(())
        } else {
            Err(format!("{:#}", report.0["status"]))
        }
    });
    world.plane.remove_node(name).expect("removed");
}

#[test]
fn when_all_heartbeats_stop_at_once_no_node_is_told_and_the_control_plane_is_suspect() {
    let world = world();
    let _operator = world.ready_operator(0);
    world.old_enough();
    calm(&world);
    let (suspect, nodes) = (begun(&world), begun_on_nodes(&world));
    let kwok = world.plane.freeze(Component::Kwok).expect("frozen");
    let frozen = Instant::now();
    let report = world.cluster_shows("suspect", |r| r.has(SUSPECT));
    tell(&format!(
        "control-plane-suspect {:.1?} after all heartbeats stopped: {}",
        frozen.elapsed(),
        report.message(SUSPECT)
    ));
    NODES.iter().for_each(|(node, _)| {
        world
            .plane
            .wait_ready(node, "Unknown", SOON)
            .expect("Kubernetes marks it");
    });
    std::thread::sleep(Duration::from_secs(2));
    drop(kwok);
    NODES.iter().for_each(|(node, _)| {
        world.plane.wait_ready(node, "True", SOON).expect("Ready again");
    });
    assert_eq!(begun(&world), suspect + 1, "one finding");
    calm(&world);
    nothing_began_on_nodes_since(&world, &nodes);
    assert_eq!(begun(&world), suspect + 1, "one finding");
    world.nothing_was_forbidden();
}

#[test]
fn a_frozen_api_server_changes_no_verdict_and_after_the_thaw_nothing_false_is_told() {
    let world = world();
    let operator = world.ready_operator(0);
    world.plane.namespace("frozen").expect("a namespace");
    world.apply(&[
        good("Deployment", "frozen", "web"),
        good("StatefulSet", "frozen", "db"),
        budget("frozen", "db"),
    ]);
    world.rolled_out("frozen", "web");
    world.report_shows("frozen", "statefulset-db", "serving", |r| {
        r.verdict() == "Resilient"
    });
    calm(&world);
    // What was said last has been written.
    std::thread::sleep(Duration::from_secs(5));
    let suspect = begun(&world);
    let kinds = "resiliencereports";
    let (before, nodes) = (everything(&world, kinds), begun_on_nodes(&world));
    let apiserver = world.plane.freeze(Component::Apiserver).expect("frozen");
    std::thread::sleep(Duration::from_secs(19));
    let (code, readiness) = operator.get("/readyz").expect("it lives on");
    let (_, metrics) = operator.get("/metrics").expect("it lives on");
    std::thread::sleep(Duration::from_secs(1));
    drop(apiserver);
    let thawed = Instant::now();
    assert_eq!(code, 200, "{readiness}");
    assert!(readiness.contains("no verdict changes"), "{readiness}");
    assert!(metrics.contains("\nplimsoll_frozen 1"), "{metrics}");

    let report = world.cluster_shows("suspect", |r| {
        r.has(SUSPECT) && r.message(SUSPECT).contains(" to ")
    });
    tell(&format!(
        "control-plane-suspect {:.1?} after the thaw: {}",
        thawed.elapsed(),
        report.message(SUSPECT)
    ));
    let mut worst = String::new();
    while world.cluster_report().is_some_and(|r| r.has(SUSPECT)) && thawed.elapsed() < 2 * SOON {
        let now = everything(&world, kinds);
        assert!(now.keys().any(|name| name.contains("frozen")), "{now:?}");
        if now != before && worst.is_empty() {
            worst = format!(
                "{:.1?} after the thaw:\n{}",
                thawed.elapsed(),
                differences(&before, &now)
            );
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    tell(&format!(
        "the cool-down was over {:.1?} after the thaw",
        thawed.elapsed()
    ));
    assert!(worst.is_empty(), "{worst}");
    nothing_began_on_nodes_since(&world, &nodes);
    assert_eq!(begun(&world), suspect + 1, "exactly one finding");
    a_silent_node_is_found(&world, "thawed-1");
    world
        .plane
        .kubectl(&["delete", "namespace", "frozen", "--wait=false"])
        .expect("cleaned up");
    world.nothing_was_forbidden();
}
