//! Ordinary days raise nothing, and an idle cluster gets no write but the Lease's.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{NODES, World, tell, world};

fn web(namespace: &str, replicas: i32) -> Value {
    let labels = json!({ "app": "web" });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web", "namespace": namespace },
        "spec": { "replicas": replicas, "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": {
                "containers": [{ "name": "web", "image": "registry.invalid/web:1", "resources": {
                    "limits": { "memory": "64Mi" }, "requests": { "memory": "64Mi" } } }],
                "topologySpreadConstraints": [{ "maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
                    "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": { "matchLabels": labels } }]
            } } }
    })
}

/// What detectors ever said of the workload: from the timeline, so that nothing that came and went is missed.
fn said(world: &World, namespace: &str) -> Vec<Value> {
    let report = world
        .reports(namespace)
        .remove("deployment-web")
        .expect("the report");
    let timeline = report.0["status"]["timeline"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    timeline
        .into_iter()
        .filter(|t| plimsoll::detect::find(t["id"].as_str().unwrap_or_default()).is_some())
        .collect()
}

/// Findings that are active on nodes.
fn on_nodes(world: &World) -> Vec<String> {
    let reports = NODES.iter().filter_map(|(node, _)| world.node_report(node));
    reports
        .flat_map(|r| r.findings())
        .filter(|f| f["state"] == "Active")
        .map(|f| format!("{} since {}", f["id"], f["since"]))
        .collect()
}

#[test]
fn a_rolling_update_a_drain_and_a_cordon_raise_nothing() {
    let world = world();
    let _operator = world.ready_operator(0);
    world.plane.namespace("quiet").expect("a namespace");
    // Earlier tests silence nodes, and limbo lasts for a while: nothing may be added to it.
    let before = on_nodes(&world);
    world.apply(&[web("quiet", 3)]);
    world.rolled_out("quiet", "web");
    world.report_shows("quiet", "deployment-web", "3/3", |r| {
        r.0["status"]["placement"]["readyOfDesired"] == "3/3"
    });

    // Starting for the first time takes longer than the scaled patience; that is said, as info, and is over.
    let started = said(&world, "quiet");
    for round in 0..3 {
        let image = format!("web=registry.invalid/web:{}", round + 2);
        world
            .plane
            .kubectl(&["set", "image", "deployment/web", &image, "-n", "quiet"])
            .expect("updated");
        world.rolled_out("quiet", "web");
    }
    let (_, node) = world.pods("quiet").into_iter().next().expect("a pod");
    world.plane.cordon(&node).expect("cordoned");
    std::thread::sleep(Duration::from_secs(4));
    world.plane.drain(&node).expect("drained");
    world.rolled_out("quiet", "web");
    std::thread::sleep(Duration::from_secs(4));
    world.plane.uncordon(&node).expect("uncordoned");
    world.report_shows("quiet", "deployment-web", "3/3 again", |r| {
        r.0["status"]["placement"]["readyOfDesired"] == "3/3"
    });
    assert_eq!(said(&world, "quiet"), started);
    let added: Vec<String> = on_nodes(&world)
        .into_iter()
        .filter(|f| !before.contains(f))
        .collect();
    assert!(added.is_empty(), "{added:#?}");
    world
        .plane
        .kubectl(&["delete", "namespace", "quiet", "--wait=false"])
        .expect("cleaned up");
    world.nothing_was_forbidden();
}

#[test]
fn an_idle_cluster_with_200_workloads_gets_no_write_but_the_lease() {
    let world = world();
    let _operator = world.ready_operator(0);
    world.plane.namespace("idle").expect("a namespace");
    let many: Vec<Value> = (0..200)
        .map(|n| {
            let mut w = web("idle", 1);
            w["metadata"]["name"] = format!("web-{n:03}").into();
            w
        })
        .collect();
    world.apply(&many);
    world.eventually("200 settled reports", |world| {
        let reports = world.reports("idle");
        let ready = reports
            .values()
            .filter(|r| r.0["status"]["placement"]["ready"] == 1)
            .count();
        if ready == 200 {
            Ok(())
        } else {
            Err(format!("{ready} of {} ready", reports.len()))
        }
    });
    // The last Events are on their way, at the rate that they are limited to.
    std::thread::sleep(Duration::from_secs(5));
    let audit = world.plane.audit();
    let mark = audit.mark().expect("the audit log");
    std::thread::sleep(Duration::from_secs(60));
    let requests = audit.since(mark).expect("the audit log");
    let ours: Vec<_> = requests.iter().filter(|r| r.user == crate::world::USER).collect();
    let writes: Vec<_> = ours.iter().filter(|r| r.is_write()).collect();
    let leases = writes.iter().filter(|r| r.resource == "leases").count();
    tell(&format!(
        "idle for 60 s with 200 workloads: {} requests, {} writes, {leases} of them the Lease's",
        ours.len(),
        writes.len()
    ));
    assert!(leases > 10, "it leads, so it renews");
    let others: Vec<_> = writes.iter().filter(|r| r.resource != "leases").collect();
    assert!(others.is_empty(), "{others:#?}");
    world
        .plane
        .kubectl(&["delete", "namespace", "idle", "--wait=false"])
        .expect("cleaned up");
    world.nothing_was_forbidden();
}
