//! Two operators: both watch, one writes, and the other takes over.

use std::time::Duration;

use plimsoll_kit::Operator;
use serde_json::json;

use crate::world::{SOON, World, world};

/// The value of a metric, all series of the family added up.
fn metric(operator: &Operator, name: &str, label: &str) -> u64 {
    let (code, body) = operator.get("/metrics").expect("metrics");
    assert_eq!(code, 200);
    let lines = body.lines().filter(|l| l.starts_with(name) && l.contains(label));
    lines
        .filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok())
        .map(|v| v as u64)
        .sum()
}

fn plant(world: &World, name: &str) {
    world.apply(&[json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name, "namespace": "leaders" },
        "spec": { "replicas": 1, "selector": { "matchLabels": { "app": name } },
            "template": { "metadata": { "labels": { "app": name } }, "spec": {
                "containers": [{ "name": "app", "image": "registry.invalid/app:1" }] } } }
    })]);
    world.report_shows("leaders", &format!("deployment-{name}"), "a report", |r| {
        r.has("min-replicas")
    });
}

#[test]
fn of_two_operators_one_writes_and_the_other_takes_over() {
    let world = world();
    let first = world.ready_operator(0);
    world.plane.namespace("leaders").expect("a namespace");
    plant(&world, "one");
    let second = world.ready_operator(1);
    plant(&world, "two");

    assert!(metric(&first, "plimsoll_writes_total", "applied") >= 2);
    assert_eq!(
        metric(&second, "plimsoll_writes_total", ""),
        0,
        "it watches, and writes nothing"
    );
    assert_eq!(
        (
            metric(&first, "plimsoll_leader", ""),
            metric(&second, "plimsoll_leader", "")
        ),
        (1, 0)
    );
    world
        .plane
        .eventually("a standby judges all the same", SOON, |_| {
            let judged = metric(&second, "plimsoll_findings", "min-replicas");
            Ok(if judged >= 2 {
                Ok(())
            } else {
                Err(judged.to_string())
            })
        })
        .expect("its gauges");

    // Asked to stop, the leader gives the lease back; the other need not wait until it has run out.
    first.signal("TERM").expect("asked to stop");
    world
        .plane
        .eventually("the second leads", Duration::from_secs(10), |_| {
            Ok(if metric(&second, "plimsoll_leader", "") == 1 {
                Ok(())
            } else {
                Err("not yet".to_owned())
            })
        })
        .expect("released, not run out");
    plant(&world, "three");
    assert!(metric(&second, "plimsoll_writes_total", "applied") >= 1);

    world
        .plane
        .kubectl(&["delete", "resiliencereport", "deployment-one", "-n", "leaders"])
        .expect("deleted");
    world.report_shows("leaders", "deployment-one", "comes back", |r| {
        r.has("min-replicas")
    });
    world
        .plane
        .kubectl(&[
            "patch",
            "resiliencereport",
            "deployment-two",
            "-n",
            "leaders",
            "--subresource=status",
            "--type=merge",
            "-p",
            r#"{"status":{"verdict":"Resilient"}}"#,
        ])
        .expect("edited by hand");
    world
        .plane
        .eventually("overruled", SOON, |_| {
            let verdict = world
                .reports("leaders")
                .remove("deployment-two")
                .map(|r| r.verdict())
                .unwrap_or_default();
            Ok(if verdict == "AtRisk" { Ok(()) } else { Err(verdict) })
        })
        .expect("what somebody edits by hand is written again");
    world
        .plane
        .kubectl(&["delete", "namespace", "leaders", "--wait=false"])
        .expect("cleaned up");
    world.nothing_was_forbidden();
}
