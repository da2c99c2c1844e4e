//! Policies: the API server refuses what `check --policy` refuses, and the operator judges by what it takes.

use serde_json::{Value, json};

use crate::cases::good;
use crate::policy_cases::CASES;
use crate::world::{World, tell, world};

/// Creates a policy as people do, and keeps nothing.
fn is_taken(world: &World, name: &str, manifest: &str) -> Result<(), String> {
    let file = world.plane.dir().join(format!("{name}.yaml"));
    std::fs::write(&file, manifest).expect("a file");
    let create = [
        "create",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        &file.to_string_lossy(),
    ];
    world.plane.kubectl(&create).map(drop).map_err(|e| e.to_string())
}

#[test]
fn the_api_server_and_check_refuse_the_same_policies() {
    let world = world();
    let mut faults = Vec::new();
    for case in CASES {
        match (is_taken(&world, case.name, &case.manifest()), case.refused) {
            (Ok(()), None) | (Err(_), Some(_)) => {}
            (Ok(()), Some(said)) => faults.push(format!("{}: taken, and check says {said}", case.name)),
            (Err(why), None) => faults.push(format!("{}: check takes it: {why}", case.name)),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    tell(&format!("{} policies, taken or refused alike", CASES.len()));
}

fn policy(name: &str, spec: &Value) -> Value {
    json!({ "apiVersion": "plimsoll.dev/v1alpha1", "kind": "ResiliencePolicy", "metadata": { "name": name }, "spec": spec })
}

/// Waits until a policy's status shows something.
fn policy_shows(world: &World, name: &str, what: &str, shows: impl Fn(&Value) -> bool) -> Value {
    world.eventually(&format!("{name}: {what}"), |world| {
        let policy = world
            .plane
            .get(&["resiliencepolicy", name])
            .map_err(|e| e.to_string())?;
        let status = policy["status"].clone();
        if shows(&status) {
            Ok(status)
        } else {
            Err(format!("{status:#}"))
        }
    })
}

fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let all = status["conditions"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    all.iter().rfind(|c| c["type"] == kind).unwrap_or(&Value::Null)
}

#[test]
fn a_policy_is_in_force_as_long_as_it_is_there() {
    let world = world();
    let _operator = world.ready_operator(0);
    world.plane.namespace("ruled").expect("a namespace");
    let mut web = good("Deployment", "ruled", "web");
    web["spec"]["replicas"] = 1.into();
    world.apply(&[web.clone()]);
    let severity = |r: &crate::world::Report| r.finding("min-replicas").map(|f| f["severity"].clone());
    world.report_shows("ruled", "deployment-web", "judged by the defaults", |r| {
        severity(r) == Some(json!("Warning")) && r.0["status"].get("policies").is_none()
    });

    let here = json!({ "matchLabels": { "kubernetes.io/metadata.name": "ruled" } });
    let rules = json!([{ "name": "min-replicas", "severity": "Critical", "locked": true }, { "name": "min-replica", "severity": "Info" }]);
    world.apply(&[policy(
        "ruled",
        &json!({ "namespaceSelector": here, "priority": 7, "rules": rules }),
    )]);
    world.report_shows("ruled", "deployment-web", "judged by the policy", |r| {
        severity(r) == Some(json!("Critical")) && r.0["status"]["policies"] == json!(["ruled"])
    });
    let status = policy_shows(&world, "ruled", "governs one", |s| s["workloads"] == 1);
    let resolved = condition(&status, "RulesResolved");
    assert_eq!(
        (&resolved["status"], &resolved["reason"]),
        (&json!("False"), &json!("UnknownRules"))
    );
    assert_eq!(condition(&status, "Accepted")["status"], "True");
    let table = world.plane.kubectl(&["get", "rp", "ruled"]).expect("a table");
    let words: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(words[0], ["NAME", "PRIORITY", "WORKLOADS", "READY", "AGE"]);
    assert_eq!(words[1][..4], ["ruled", "7", "1", "False"]);

    web["metadata"]["annotations"] = json!({ "plimsoll.dev/exempt.min-replicas": "we are brave" });
    world.apply(&[web.clone()]);
    world.report_shows("ruled", "deployment-web", "locked: not exempt", |r| {
        r.has("exemption") && severity(r) == Some(json!("Critical"))
    });
    world
        .plane
        .kubectl(&["delete", "resiliencepolicy", "ruled"])
        .expect("deleted");
    world.report_shows("ruled", "deployment-web", "exempt without the policy", |r| {
        !r.has("min-replicas") && !r.has("exemption") && r.0["status"]["summary"]["exempt"] == 1
    });
    world.nothing_was_forbidden();
    world
        .plane
        .kubectl(&["delete", "namespace", "ruled", "--wait=false"])
        .expect("cleaned up");
}

#[test]
fn kubectl_explains_every_field_of_a_policy() {
    let world = world();
    let text = world
        .plane
        .kubectl(&["explain", "resiliencepolicy.spec.rules"])
        .expect("an explanation");
    for word in ["severity", "admission", "patch", "locked", "strictest"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}
