//! A kind that may not be read is named, and never taken for an empty cluster.

use serde_json::{Value, json};

use crate::cases::{budget, container, good};
use crate::world::{SOON, World, world};

/// Replaces the operator's ClusterRole and returns the one before.
fn change_role(world: &World, change: impl FnOnce(&mut Value)) -> Value {
    let role = world
        .plane
        .get(&["clusterrole", "plimsoll"])
        .expect("the chart's role");
    let mut changed = role.clone();
    change(&mut changed);
    put_role(world, changed);
    role
}

fn put_role(world: &World, mut role: Value) {
    drop(
        role["metadata"]
            .as_object_mut()
            .expect("metadata")
            .remove("resourceVersion"),
    );
    let file = world.plane.dir().join("role.json");
    std::fs::write(&file, role.to_string()).expect("a file");
    world
        .plane
        .kubectl(&["replace", "-f", &file.to_string_lossy()])
        .expect("replaced");
}

#[test]
fn a_kind_that_may_not_be_read_is_named_and_judged_as_unknown() {
    let mut world = world();
    let role = change_role(&world, |role| {
        for rule in role["rules"].as_array_mut().expect("rules") {
            let resources = rule["resources"].as_array_mut().expect("resources");
            resources.retain(|resource| resource != "limitranges");
        }
    });
    let operator = world.operator(0);
    world.plane.namespace("refused").expect("a namespace");
    let mut web = good("Deployment", "refused", "web");
    web["spec"]["template"]["spec"]["containers"] = json!([container("app")]);
    world.apply(&[web, budget("refused", "web")]);
    let report = world.report_shows("refused", "deployment-web", "unknown", |r| {
        r.0["status"]["summary"]["unknown"].as_u64() >= Some(1)
    });
    assert!(
        !report.has("memory-limit"),
        "without LimitRanges nobody knows: {report:?}"
    );
    assert_eq!(
        report.verdict(),
        "Unknown",
        "what cannot be judged is not resilient"
    );
    let (code, body) = operator.get("/readyz").expect("an answer");
    assert!(
        code == 503 && body.contains("limitranges") && body.contains("forbidden"),
        "{code} {body}"
    );

    put_role(&world, role);
    world.report_shows("refused", "deployment-web", "judged", |r| r.has("memory-limit"));
    world
        .plane
        .eventually("ready", SOON, |_| {
            let (code, body) = operator.get("/readyz")?;
            Ok(if code == 200 { Ok(()) } else { Err(body) })
        })
        .expect("what was refused is tried again");
    world
        .plane
        .kubectl(&["delete", "namespace", "refused", "--wait=false"])
        .expect("cleaned up");
    world.forget_refusals();
}
