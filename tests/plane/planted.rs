//! Planted workloads: each gets exactly the expected findings, mending it clears them, deleting it removes its report.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::world::{World, world};

/// One workload: what is planted, what its report must say of the rules, and what mends it.
struct Case {
    name: &'static str,
    namespace: &'static str,
    /// Objects, the workload first.
    plant: Vec<Value>,
    expect: &'static [&'static str],
}

fn container(name: &str) -> Value {
    json!({ "name": name, "image": "registry.invalid/app:1" })
}

fn limited(name: &str) -> Value {
    let mut c = container(name);
    c["resources"] = json!({ "limits": { "memory": "64Mi" }, "requests": { "memory": "64Mi" } });
    c
}

/// A soft spread over hosts that selects the workload's own pods.
fn spread(name: &str) -> Value {
    json!([{ "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
             "labelSelector": { "matchLabels": { "app": name } } }])
}

fn workload(kind: &str, namespace: &str, name: &str, replicas: Option<i32>, pod: Value) -> Value {
    let mut w = json!({
        "apiVersion": "apps/v1", "kind": kind,
        "metadata": { "name": name, "namespace": namespace },
        "spec": {
            "selector": { "matchLabels": { "app": name } },
            "template": { "metadata": { "labels": { "app": name } }, "spec": pod }
        }
    });
    if let Some(replicas) = replicas {
        w["spec"]["replicas"] = replicas.into();
    }
    if kind == "StatefulSet" {
        w["spec"]["serviceName"] = name.into();
    }
    w
}

/// What passes every rule: two replicas, a limit, a spread.
fn good(kind: &str, namespace: &str, name: &str) -> Value {
    let pod = json!({ "containers": [limited("app")], "topologySpreadConstraints": spread(name) });
    workload(kind, namespace, name, Some(2), pod)
}

fn hpa(namespace: &str, name: &str, target: &str, min: Option<i32>, max: i32) -> Value {
    let mut h = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": { "name": name, "namespace": namespace },
        "spec": { "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": target }, "maxReplicas": max,
            "metrics": [{ "type": "Resource", "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 80 } } }] }
    });
    if let Some(min) = min {
        h["spec"]["minReplicas"] = min.into();
    }
    h
}

fn limit_range(namespace: &str, item: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "LimitRange", "metadata": { "name": "limits", "namespace": namespace },
            "spec": { "limits": [item] } })
}

fn anti_affinity(required: bool, term: Value) -> Value {
    let terms = if required {
        json!({ "requiredDuringSchedulingIgnoredDuringExecution": [term] })
    } else {
        json!({ "preferredDuringSchedulingIgnoredDuringExecution": [{ "weight": 100, "podAffinityTerm": term }] })
    };
    json!({ "podAntiAffinity": terms })
}

fn own(name: &str, key: &str) -> Value {
    json!({ "topologyKey": key, "labelSelector": { "matchLabels": { "app": name } } })
}

const HOST: &str = "kubernetes.io/hostname";

/// A Deployment of two with a limit whose pod spec is changed by `change`.
fn pod(name: &'static str, expect: &'static [&'static str], change: impl FnOnce(&mut Value)) -> Case {
    let mut w = good("Deployment", "planted", name);
    change(&mut w["spec"]["template"]["spec"]);
    Case {
        name,
        namespace: "planted",
        plant: vec![w],
        expect,
    }
}

/// The same with the spread replaced by an affinity.
fn affinity(name: &'static str, expect: &'static [&'static str], affinity: Value) -> Case {
    pod(name, expect, |spec| {
        spec["topologySpreadConstraints"].take();
        spec["affinity"] = affinity;
    })
}

/// The same with the spread constraint changed.
fn constraint(name: &'static str, expect: &'static [&'static str], change: impl FnOnce(&mut Value)) -> Case {
    pod(name, expect, |spec| {
        change(&mut spec["topologySpreadConstraints"][0])
    })
}

/// A good Deployment with other replicas, and an HPA (min, max) or none.
fn replicas(
    name: &'static str,
    expect: &'static [&'static str],
    replicas: Option<i32>,
    scaled: Option<(Option<i32>, i32)>,
) -> Case {
    let mut w = good("Deployment", "planted", name);
    match replicas {
        Some(n) => w["spec"]["replicas"] = n.into(),
        None => drop(w["spec"].as_object_mut().expect("an object").remove("replicas")),
    }
    let hpa = scaled.map(|(min, max)| hpa("planted", name, name, min, max));
    Case {
        name,
        namespace: "planted",
        plant: std::iter::once(w).chain(hpa).collect(),
        expect,
    }
}

fn cases() -> Vec<Case> {
    let mut cases = vec![pod("good", &[], |_| {})];
    cases.extend(memory_cases());
    cases.extend(replica_cases());
    cases.extend(spread_cases());
    cases.extend(kind_cases());
    cases
}

fn memory_cases() -> Vec<Case> {
    let in_namespace =
        |namespace: &'static str, name: &'static str, expect, container: Value, range: Option<Value>| {
            let mut w = good("Deployment", namespace, name);
            w["spec"]["template"]["spec"]["containers"] = json!([container]);
            let range = range.map(|item| limit_range(namespace, item));
            Case {
                name,
                namespace,
                plant: range.into_iter().chain([w]).collect(),
                expect,
            }
        };
    let zero = |name: &str| {
        let mut c = container(name);
        c["resources"] = json!({ "limits": { "memory": "0" } });
        c
    };
    vec![
        pod("no-limit", &["memory-limit:app"], |s| {
            s["containers"] = json!([container("app")])
        }),
        pod("limit-zero", &["memory-limit:app"], |s| {
            s["containers"] = json!([zero("app")])
        }),
        pod("one-of-two", &["memory-limit:second"], |s| {
            s["containers"] = json!([limited("app"), container("second")])
        }),
        pod("native-sidecar", &["memory-limit:proxy"], |s| {
            let mut proxy = container("proxy");
            proxy["restartPolicy"] = "Always".into();
            s["initContainers"] = json!([proxy]);
        }),
        pod("native-sidecar-limited", &[], |s| {
            let mut proxy = limited("proxy");
            proxy["restartPolicy"] = "Always".into();
            s["initContainers"] = json!([proxy]);
        }),
        pod("plain-init", &["memory-limit:setup"], |s| {
            s["initContainers"] = json!([container("setup")])
        }),
        pod("pod-level", &[], |s| {
            s["containers"] = json!([container("app")]);
            s["resources"] = json!({ "limits": { "memory": "128Mi" }, "requests": { "memory": "64Mi" } });
        }),
        in_namespace(
            "range-default",
            "by-default",
            &[],
            container("app"),
            Some(json!({ "type": "Container", "default": { "memory": "64Mi" } })),
        ),
        in_namespace(
            "range-default",
            "zero-stays",
            &["memory-limit:app"],
            zero("app"),
            None,
        ),
        in_namespace(
            "range-max",
            "by-max",
            &[],
            container("app"),
            Some(json!({ "type": "Container", "max": { "memory": "64Mi" } })),
        ),
        in_namespace(
            "range-pod",
            "pod-max-is-no-limit",
            &["memory-limit:app"],
            container("app"),
            Some(json!({ "type": "Pod", "max": { "memory": "256Mi" } })),
        ),
    ]
}

fn replica_cases() -> Vec<Case> {
    let mut elsewhere = replicas("hpa-elsewhere", &["min-replicas"], Some(1), None);
    elsewhere
        .plant
        .push(hpa("planted", "hpa-elsewhere", "somebody-else", Some(2), 5));
    let mut bare = replicas(
        "hpa-no-spread",
        &["min-replicas", "pod-spread"],
        Some(2),
        Some((Some(1), 5)),
    );
    bare.plant[0]["spec"]["template"]["spec"]["topologySpreadConstraints"].take();
    vec![
        replicas("absent", &["min-replicas"], None, None),
        replicas("one", &["min-replicas"], Some(1), None),
        replicas("zero", &[], Some(0), None),
        replicas("zero-with-hpa", &[], Some(0), Some((Some(2), 5))),
        replicas("hpa-min-absent", &["min-replicas"], Some(3), Some((None, 5))),
        replicas("hpa-1-to-5", &["min-replicas"], Some(3), Some((Some(1), 5))),
        replicas("hpa-2-to-5", &[], Some(2), Some((Some(2), 5))),
        replicas("hpa-1-to-1", &["min-replicas"], Some(1), Some((Some(1), 1))),
        replicas("hpa-raises-one", &[], Some(1), Some((Some(3), 5))),
        elsewhere,
        bare,
    ]
}

fn spread_cases() -> Vec<Case> {
    let mut wide = replicas("skew-below-ceiling", &[], Some(2), Some((Some(2), 10)));
    wide.plant[0]["spec"]["template"]["spec"]["topologySpreadConstraints"][0]["maxSkew"] = 5.into();
    let mut crowded = affinity(
        "more-than-nodes",
        &["pod-spread:rollout"],
        anti_affinity(true, own("more-than-nodes", HOST)),
    );
    crowded.plant[0]["spec"]["replicas"] = 6.into();
    let with = |mut term: Value, key: &str, value: Value| {
        term[key] = value;
        term
    };
    vec![
        pod("nothing", &["pod-spread"], |s| {
            drop(s["topologySpreadConstraints"].take())
        }),
        affinity(
            "required-hosts",
            &[],
            anti_affinity(true, own("required-hosts", HOST)),
        ),
        affinity(
            "preferred-hosts",
            &[],
            anti_affinity(false, own("preferred-hosts", HOST)),
        ),
        constraint("zones-only", &[], |c| {
            c["topologyKey"] = "topology.kubernetes.io/zone".into()
        }),
        constraint("selects-others", &["pod-spread"], |c| {
            c["labelSelector"]["matchLabels"]["app"] = "other".into()
        }),
        affinity(
            "affinity-to-others",
            &["pod-spread"],
            anti_affinity(true, own("other", HOST)),
        ),
        constraint("no-selector", &["pod-spread"], |c| {
            drop(c["labelSelector"].take())
        }),
        constraint("unaccepted-key", &["pod-spread"], |c| {
            c["topologyKey"] = "example.com/rack".into()
        }),
        constraint("skew-is-ceiling", &["pod-spread"], |c| c["maxSkew"] = 2.into()),
        wide,
        constraint("match-label-keys", &[], |c| {
            c["matchLabelKeys"] = json!(["pod-template-hash"])
        }),
        affinity(
            "other-namespaces",
            &["pod-spread"],
            anti_affinity(
                true,
                with(own("other-namespaces", HOST), "namespaces", json!(["elsewhere"])),
            ),
        ),
        affinity(
            "all-namespaces",
            &[],
            anti_affinity(
                true,
                with(own("all-namespaces", HOST), "namespaceSelector", json!({})),
            ),
        ),
        constraint("expressions", &[], |c| {
            c["labelSelector"] = json!({ "matchExpressions": [{ "key": "app", "operator": "In", "values": ["expressions", "x"] }] });
        }),
        constraint("expressions-not-own", &["pod-spread"], |c| {
            c["labelSelector"] = json!({ "matchExpressions": [{ "key": "app", "operator": "NotIn", "values": ["expressions-not-own"] }] });
        }),
        affinity(
            "mismatch-keys",
            &["pod-spread"],
            anti_affinity(
                true,
                with(
                    json!({ "topologyKey": HOST, "labelSelector": {} }),
                    "mismatchLabelKeys",
                    json!(["app"]),
                ),
            ),
        ),
        crowded,
        constraint("hard-without-hash", &["pod-spread:rollout"], |c| {
            c["whenUnsatisfiable"] = "DoNotSchedule".into()
        }),
        constraint("hard-with-hash", &[], |c| {
            c["whenUnsatisfiable"] = "DoNotSchedule".into();
            c["matchLabelKeys"] = json!(["pod-template-hash"]);
        }),
    ]
}

fn kind_cases() -> Vec<Case> {
    let bare = json!({ "containers": [container("app")] });
    let set = |name: &'static str, expect, w| Case {
        name,
        namespace: "planted",
        plant: vec![w],
        expect,
    };
    vec![
        set("set-good", &[], good("StatefulSet", "planted", "set-good")),
        set(
            "set-bare",
            &["memory-limit:app", "pod-spread"],
            workload("StatefulSet", "planted", "set-bare", Some(3), bare.clone()),
        ),
        set(
            "everything-missing",
            &["memory-limit:app", "min-replicas"],
            workload("Deployment", "planted", "everything-missing", None, bare),
        ),
    ]
}

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

    /// The same objects without fault: the workload as `good`, an HPA that keeps at least two.
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
        std::iter::once(workload).chain(scaled).collect()
    }
}

type Findings = BTreeMap<(String, String), BTreeSet<String>>;

/// What the reports of all planted namespaces say.
fn found(world: &World) -> Findings {
    let namespaces = ["planted", "range-default", "range-max", "range-pod"];
    let reports = namespaces.iter().flat_map(|ns| {
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
        let wanted = expected[&("planted".to_owned(), key.clone())]
            .iter()
            .any(|f| f != "memory-limit:setup" && !f.ends_with(":rollout"));
        let verdict = report.verdict();
        assert!(
            !wanted || ["AtRisk", "Degraded", "Outage"].contains(&verdict.as_str()),
            "{key}: {verdict}"
        );
    }

    // Updates in place: what was null stays away with `replace`, which `apply` would keep.
    let mended: Vec<Value> = cases.iter().flat_map(Case::mended).collect();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": mended });
    let file = world.plane.dir().join("mended.json");
    std::fs::write(&file, list.to_string()).expect("a file");
    world
        .plane
        .kubectl(&["replace", "-f", &file.to_string_lossy()])
        .expect("mended");
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
    world.apply(&[web, hpa("context", "web", "web", Some(2), 5)]);
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
    says(&["memory-limit:app", "min-replicas"]);
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
    says(&["min-replicas"]);
    world
        .plane
        .kubectl(&["delete", "limitrange", "limits", "-n", "context"])
        .expect("deleted");
    says(&["memory-limit:app", "min-replicas"]);
    world
        .plane
        .kubectl(&["delete", "namespace", "context", "--wait=false"])
        .expect("cleaned up");
}
