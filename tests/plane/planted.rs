//! Planted workloads: each gets exactly the expected findings, mending it clears them, deleting it removes its report.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::cases::{Case, RULES, budget, cases, container, good, hpa, limit_range};
use crate::world::{SOON, World, world};

impl Case {
    fn workload(&self) -> &Value {
        self.plant
            .iter()
            .find(|o| o["apiVersion"] == "apps/v1")
            .expect("each case has a workload")
    }

    fn report(&self) -> (String, String) {
        let kind = self.workload()["kind"]
            .as_str()
            .unwrap_or_default()
            .to_ascii_lowercase();
        (self.namespace.to_owned(), format!("{kind}-{}", self.name))
    }

    /// The same objects without fault: the workload as `good`, an HPA that keeps at least two, one budget that fits, and
    /// no Service.
    fn mended(&self) -> Vec<Value> {
        let kind = self.workload()["kind"].as_str().unwrap_or_default();
        let workload = good(kind, self.namespace, self.name);
        let scaled = self
            .plant
            .iter()
            .filter(|o| o["kind"] == "HorizontalPodAutoscaler")
            .cloned()
            .map(|mut hpa| {
                hpa["spec"]["minReplicas"] = 2.into();
                hpa["spec"]["maxReplicas"] = 5.into();
                hpa
            });
        let beside = self.plant.iter().filter_map(|o| match o["kind"].as_str()? {
            "PodDisruptionBudget" if o["metadata"]["name"] == self.name => {
                Some(budget(self.namespace, self.name))
            }
            "PodDisruptionBudget" => {
                let mut others = o.clone();
                others["spec"]["selector"]["matchLabels"]["app"] = "nobody".into();
                Some(others)
            }
            "Service" => {
                let mut others = o.clone();
                others["spec"]["selector"]["app"] = "nobody".into();
                Some(others)
            }
            _ => None,
        });
        std::iter::once(workload).chain(scaled).chain(beside).collect()
    }
}

/// What `plimsoll check --live` says of the same namespaces: the same engine on a list in place of a watch.
fn checked_live(world: &World, namespaces: &[&str]) -> Findings {
    let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    check
        .args(["check", "--live", "-o", "json", "--kubeconfig"])
        .arg(world.plane.kubeconfig());
    for namespace in namespaces {
        check.args(["-n", namespace]);
    }
    let output = check.output().expect("the command runs");
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let result: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(result["errors"], json!([]));
    let workloads = result["workloads"].as_array().cloned().unwrap_or_default();
    let judged = workloads
        .iter()
        .filter(|w| w["kind"] == "Deployment" || w["kind"] == "StatefulSet");
    judged
        .map(|w| {
            let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
            let failed =
                w["checks"].as_array().into_iter().flatten().filter(|c| {
                    c["status"] == "fail" && c["rule"].as_str().is_some_and(|r| RULES.contains(&r))
                });
            let findings = failed.map(|c| match c["subject"].as_str() {
                Some(subject) => format!("{}:{subject}", text(&c["rule"])),
                None => text(&c["rule"]),
            });
            let name = format!("{}-{}", text(&w["kind"]).to_ascii_lowercase(), text(&w["name"]));
            ((text(&w["namespace"]), name), findings.collect())
        })
        .collect()
}

const NAMESPACES: [&str; 4] = ["planted", "range-default", "range-max", "range-pod"];

type Findings = BTreeMap<(String, String), BTreeSet<String>>;

/// What the reports of all planted namespaces say.
fn found(world: &World) -> Findings {
    let reports = NAMESPACES.iter().flat_map(|ns| {
        world
            .reports(ns)
            .into_iter()
            .map(|(name, r)| ((ns.to_string(), name), r))
    });
    reports
        .filter(|(_, r)| r.0["status"].is_object())
        .map(|(key, report)| (key, report.of_rules()))
        .collect()
}

fn differences(expected: &Findings, found: &Findings) -> String {
    let keys: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let lines = keys
        .into_iter()
        .filter(|k| expected.get(*k) != found.get(*k))
        .map(|k| {
            format!(
                "{}/{}: expected {:?}, found {:?}",
                k.0,
                k.1,
                expected.get(k),
                found.get(k)
            )
        });
    lines.collect::<Vec<_>>().join("\n")
}

fn await_exactly(world: &World, what: &str, expected: &Findings) {
    world.eventually(what, |world| {
        let found = found(world);
        if *expected == found {
            Ok(())
        } else {
            Err(differences(expected, &found))
        }
    });
}

#[test]
fn planted_workloads_get_exactly_the_expected_reports_and_mending_clears_them() {
    let world = world();
    let _operator = world.ready_operator(0);
    let cases = cases();
    assert!(cases.len() >= 40, "{} cases", cases.len());
    for namespace in cases.iter().map(|c| c.namespace).collect::<BTreeSet<_>>() {
        world.plane.namespace(namespace).expect("a namespace");
    }
    let (ranges, rest): (Vec<Value>, Vec<Value>) = cases
        .iter()
        .flat_map(|c| c.plant.clone())
        .partition(|o| o["kind"] == "LimitRange");
    world.apply(&ranges);
    world.apply(&rest);
    let expected: Findings = cases
        .iter()
        .map(|c| (c.report(), c.expect.iter().map(ToString::to_string).collect()))
        .collect();
    await_exactly(&world, "planted workloads", &expected);
    for (key, report) in world.reports("planted") {
        let wanted = expected[&("planted".to_owned(), key.clone())].iter().any(|f| {
            !["memory-limit:setup", "pdb-unhealthy-eviction"].contains(&f.as_str())
                && !f.ends_with(":rollout")
        });
        let verdict = report.verdict();
        assert!(
            !wanted || ["AtRisk", "Degraded", "Outage"].contains(&verdict.as_str()),
            "{key}: {verdict}"
        );
    }

    let live = checked_live(&world, &NAMESPACES);
    assert!(
        live == expected,
        "check --live differs:\n{}",
        differences(&expected, &live)
    );

    // Updates in place: what was null stays away with `replace`, which `apply` would keep.
    let mended: Vec<Value> = cases.iter().flat_map(Case::mended).collect();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": mended });
    let file = world.plane.dir().join("mended.json");
    std::fs::write(&file, list.to_string()).expect("a file");
    let replace = ["replace", "-f", &file.to_string_lossy()];
    // Controllers write the same objects: a conflict is tried again.
    world
        .plane
        .eventually("mended", SOON, |plane| {
            Ok(plane.kubectl(&replace).map_err(|e| e.to_string()))
        })
        .expect("the API server takes the mended manifests");
    let clear: Findings = cases.iter().map(|c| (c.report(), BTreeSet::new())).collect();
    await_exactly(&world, "mended workloads", &clear);

    let mut rest: Findings = clear;
    let gone = cases
        .iter()
        .find(|c| c.name == "no-limit")
        .expect("a case")
        .report();
    world
        .plane
        .kubectl(&["delete", "deployment", "no-limit", "-n", "planted"])
        .expect("deleted");
    rest.remove(&gone);
    await_exactly(&world, "the report goes with its workload", &rest);
    world
        .plane
        .kubectl(&[
            "delete",
            "namespace",
            "planted",
            "range-default",
            "range-max",
            "range-pod",
            "--wait=false",
        ])
        .expect("cleaned up");
}

#[test]
fn context_that_comes_and_goes_changes_the_verdict() {
    let world = world();
    let _operator = world.ready_operator(0);
    world.plane.namespace("context").expect("a namespace");
    let mut web = good("Deployment", "context", "web");
    web["spec"]["replicas"] = 1.into();
    web["spec"]["template"]["spec"]["containers"] = json!([container("app")]);
    world.apply(&[
        web,
        hpa("context", "web", "web", Some(2), 5),
        budget("context", "web"),
    ]);
    let says = |expected: &[&str]| {
        let expected: BTreeSet<String> = expected.iter().map(ToString::to_string).collect();
        world.report_shows("context", "deployment-web", &format!("{expected:?}"), |r| {
            r.of_rules() == expected
        })
    };
    says(&["memory-limit:app"]);
    world
        .plane
        .kubectl(&["delete", "hpa", "web", "-n", "context"])
        .expect("deleted");
    world
        .plane
        .kubectl(&["scale", "deployment", "web", "-n", "context", "--replicas=1"])
        .expect("scaled");
    says(&["memory-limit:app", "few-large-replicas", "min-replicas"]);
    world.rolled_out("context", "web");

    // A LimitRange acts when a pod is made: those that run are still without.
    world.apply(&[limit_range(
        "context",
        json!({ "type": "Container", "default": { "memory": "64Mi" } }),
    )]);
    let report = world.report_shows("context", "deployment-web", "the next rollout", |r| {
        r.message("memory-limit").contains("next rollout")
    });
    assert!(report.of_rules().contains("memory-limit:app"));
    world
        .plane
        .kubectl(&["rollout", "restart", "deployment/web", "-n", "context"])
        .expect("restarted");
    says(&["few-large-replicas", "min-replicas"]);
    world
        .plane
        .kubectl(&["delete", "limitrange", "limits", "-n", "context"])
        .expect("deleted");
    says(&["memory-limit:app", "few-large-replicas", "min-replicas"]);
    world
        .plane
        .kubectl(&["delete", "namespace", "context", "--wait=false"])
        .expect("cleaned up");
}
