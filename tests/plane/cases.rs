//! The table of planted workloads: what is planted, and what its report must say of the rules.

#![allow(clippy::needless_pass_by_value, reason = "cases are built in place")]

use serde_json::{Value, json};

/// The rules that the cases are about: what the others find in the same workloads is not looked at here.
pub(crate) const RULES: [&str; 10] = [
    "memory-limit",
    "min-replicas",
    "pod-spread",
    "rollout-strategy",
    "few-large-replicas",
    "autoscaler-headroom",
    "pdb-missing",
    "pdb-blocks-drain",
    "pdb-overlap",
    "pdb-unhealthy-eviction",
];

/// One workload: what is planted, what its report must say of the rules, and what mends it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) namespace: &'static str,
    /// Objects, the workload first.
    pub(crate) plant: Vec<Value>,
    pub(crate) expect: &'static [&'static str],
}

pub(crate) fn container(name: &str) -> Value {
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
pub(crate) fn good(kind: &str, namespace: &str, name: &str) -> Value {
    let pod = json!({ "containers": [limited("app")], "topologySpreadConstraints": spread(name) });
    workload(kind, namespace, name, Some(2), pod)
}

pub(crate) fn hpa(namespace: &str, name: &str, target: &str, min: Option<i32>, max: i32) -> Value {
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

/// A budget that fits a workload.
pub(crate) fn budget(namespace: &str, name: &str) -> Value {
    json!({ "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": { "name": name, "namespace": namespace },
            "spec": { "maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow",
                      "selector": { "matchLabels": { "app": name } } } })
}

fn service(namespace: &str, name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": namespace },
            "spec": { "selector": { "app": name }, "ports": [{ "port": 80 }] } })
}

pub(crate) fn limit_range(namespace: &str, item: Value) -> Value {
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
        change(&mut spec["topologySpreadConstraints"][0]);
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

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![pod("good", &[], |_| {})];
    cases.extend(memory_cases());
    cases.extend(replica_cases());
    cases.extend(spread_cases());
    cases.extend(kind_cases());
    cases.extend(budget_cases());
    for case in &mut cases {
        if !case.plant.iter().any(|o| o["kind"] == "PodDisruptionBudget") {
            case.plant.push(budget(case.namespace, case.name));
        }
    }
    cases
}

/// Workloads that are good but for their budgets, and for how they roll out.
fn budget_cases() -> Vec<Case> {
    let with = |name: &'static str, expect, budgets: Vec<Value>| Case {
        name,
        namespace: "planted",
        plant: [good("Deployment", "planted", name)]
            .into_iter()
            .chain(budgets)
            .collect(),
        expect,
    };
    let changed = |name: &str, change: fn(&mut Value)| {
        let mut budget = budget("planted", name);
        change(&mut budget["spec"]);
        budget
    };
    let mut second = changed("pdb-twice", |_| {});
    second["metadata"]["name"] = "pdb-twice-more".into();
    let mut recreate = with("recreate", &["rollout-strategy"], Vec::new());
    recreate.plant[0]["spec"]["strategy"] = json!({ "type": "Recreate" });
    recreate.plant[0]["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] =
        json!({ "tcpSocket": { "port": 80 } });
    recreate.plant.push(service("planted", "recreate"));
    vec![
        with(
            "pdb-of-others",
            &["pdb-missing"],
            vec![changed("pdb-of-others", |s| {
                s["selector"]["matchLabels"]["app"] = "nobody".into();
            })],
        ),
        with(
            "pdb-equals",
            &["pdb-blocks-drain"],
            vec![changed("pdb-equals", |s| {
                s["maxUnavailable"].take();
                s["minAvailable"] = 2.into();
            })],
        ),
        with(
            "pdb-twice",
            &["pdb-overlap"],
            vec![changed("pdb-twice", |_| {}), second],
        ),
        with(
            "pdb-unready",
            &["pdb-unhealthy-eviction"],
            vec![changed("pdb-unready", |s| {
                s["unhealthyPodEvictionPolicy"].take();
            })],
        ),
        recreate,
    ]
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
            s["containers"] = json!([container("app")]);
        }),
        pod("limit-zero", &["memory-limit:app"], |s| {
            s["containers"] = json!([zero("app")]);
        }),
        pod("one-of-two", &["memory-limit:second"], |s| {
            s["containers"] = json!([limited("app"), container("second")]);
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
            s["initContainers"] = json!([container("setup")]);
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
    let mut elsewhere = replicas(
        "hpa-elsewhere",
        &["few-large-replicas", "min-replicas"],
        Some(1),
        None,
    );
    elsewhere
        .plant
        .push(hpa("planted", "hpa-elsewhere", "somebody-else", Some(2), 5));
    let mut bare = replicas(
        "hpa-no-spread",
        &["few-large-replicas", "min-replicas", "pod-spread"],
        Some(2),
        Some((Some(1), 5)),
    );
    bare.plant[0]["spec"]["template"]["spec"]["topologySpreadConstraints"].take();
    vec![
        replicas("absent", &["few-large-replicas", "min-replicas"], None, None),
        replicas("one", &["few-large-replicas", "min-replicas"], Some(1), None),
        replicas("zero", &[], Some(0), None),
        replicas("zero-with-hpa", &[], Some(0), Some((Some(2), 5))),
        replicas(
            "hpa-min-absent",
            &["few-large-replicas", "min-replicas"],
            Some(3),
            Some((None, 5)),
        ),
        replicas(
            "hpa-1-to-5",
            &["few-large-replicas", "min-replicas"],
            Some(3),
            Some((Some(1), 5)),
        ),
        replicas("hpa-2-to-5", &[], Some(2), Some((Some(2), 5))),
        replicas(
            "hpa-1-to-1",
            &["autoscaler-headroom", "few-large-replicas", "min-replicas"],
            Some(1),
            Some((Some(1), 1)),
        ),
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
            drop(s["topologySpreadConstraints"].take());
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
            c["topologyKey"] = "topology.kubernetes.io/zone".into();
        }),
        constraint("selects-others", &["pod-spread"], |c| {
            c["labelSelector"]["matchLabels"]["app"] = "other".into();
        }),
        affinity(
            "affinity-to-others",
            &["pod-spread"],
            anti_affinity(true, own("other", HOST)),
        ),
        constraint("no-selector", &["pod-spread"], |c| {
            drop(c["labelSelector"].take());
        }),
        constraint("unaccepted-key", &["pod-spread"], |c| {
            c["topologyKey"] = "example.com/rack".into();
        }),
        constraint("skew-is-ceiling", &["pod-spread"], |c| c["maxSkew"] = 2.into()),
        wide,
        constraint("match-label-keys", &[], |c| {
            c["matchLabelKeys"] = json!(["pod-template-hash"]);
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
            c["whenUnsatisfiable"] = "DoNotSchedule".into();
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
            &["memory-limit:app", "few-large-replicas", "min-replicas"],
            workload("Deployment", "planted", "everything-missing", None, bare),
        ),
    ]
}
