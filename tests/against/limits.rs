//! `memory-limit` against the API server's admission: every shape of pod under every kind of LimitRange.
//!
//! The pods are really created and never scheduled. What the API server stored of each, or why it refused it, is
//! compared with what `plimsoll check` says of the same manifests.

use std::collections::BTreeMap;

use plimsoll_kit::Error;
use serde_json::{Value, json};

use crate::said::{check, forget, text, usable};
use crate::world::{World, tell, world};

/// Where a namespace's name ends, and its LimitRanges, each with its items.
type Ranges = (&'static str, Vec<Vec<Value>>);

fn ranges() -> Vec<Ranges> {
    let container = |fields: Value| {
        let mut item = fields;
        item["type"] = "Container".into();
        item
    };
    let pod = |fields: Value| {
        let mut item = fields;
        item["type"] = "Pod".into();
        item
    };
    let memory = |amount: &str| json!({ "memory": amount });
    vec![
        ("none", vec![]),
        (
            "default",
            vec![vec![container(json!({ "default": memory("64Mi") }))]],
        ),
        (
            "default-above",
            vec![vec![container(json!({ "default": memory("512Mi") }))]],
        ),
        (
            "default-and-request",
            vec![vec![container(
                json!({ "default": memory("64Mi"), "defaultRequest": memory("32Mi") }),
            )]],
        ),
        (
            "request-only",
            vec![vec![container(json!({ "defaultRequest": memory("32Mi") }))]],
        ),
        (
            "default-zero",
            vec![vec![container(json!({ "default": memory("0") }))]],
        ),
        ("max", vec![vec![container(json!({ "max": memory("256Mi") }))]]),
        ("max-zero", vec![vec![container(json!({ "max": memory("0") }))]]),
        (
            "max-and-default",
            vec![vec![container(
                json!({ "max": memory("256Mi"), "default": memory("96Mi") }),
            )]],
        ),
        ("min", vec![vec![container(json!({ "min": memory("16Mi") }))]]),
        (
            "ratio",
            vec![vec![container(
                json!({ "maxLimitRequestRatio": { "memory": "2" } }),
            )]],
        ),
        ("pod-max", vec![vec![pod(json!({ "max": memory("256Mi") }))]]),
        ("pod-min", vec![vec![pod(json!({ "min": memory("16Mi") }))]]),
        (
            "pod-max-and-default",
            vec![vec![
                pod(json!({ "max": memory("256Mi") })),
                container(json!({ "default": memory("64Mi") })),
            ]],
        ),
        (
            "two",
            vec![
                vec![container(json!({ "max": memory("600Mi") }))],
                vec![container(json!({ "default": memory("512Mi") }))],
            ],
        ),
        (
            "of-cpu",
            vec![vec![container(
                json!({ "default": { "cpu": "1" }, "max": { "cpu": "2" } }),
            )]],
        ),
        (
            "of-claims",
            vec![vec![
                json!({ "type": "PersistentVolumeClaim", "max": { "storage": "1Gi" } }),
            ]],
        ),
    ]
}

/// A container with a limit and a request, either of which may be absent (`-`).
fn container(name: &str, limit: &str, request: &str) -> Value {
    let mut c = json!({ "name": name, "image": "registry.invalid/app:1", "resources": {} });
    for (field, amount) in [("limits", limit), ("requests", request)] {
        if amount != "-" {
            c["resources"][field] = json!({ "memory": amount });
        }
    }
    c
}

fn sidecar(name: &str, limit: &str) -> Value {
    let mut c = container(name, limit, "-");
    c["restartPolicy"] = "Always".into();
    c
}

/// The shapes of a pod: init containers, containers, pod-level resources.
fn shapes() -> Vec<(&'static str, Value)> {
    let app = |limit, request| json!({ "containers": [container("app", limit, request)] });
    let with = |mut spec: Value, field: &str, value: Value| {
        spec[field] = value;
        spec
    };
    let init = |container: Value, limit| with(app(limit, "-"), "initContainers", json!([container]));
    let pod = |spec: Value, limit: &str, request: &str| {
        let whole = container("whole", limit, request);
        with(spec, "resources", whole["resources"].clone())
    };
    let two = |first, second| json!({ "containers": [container("app", first, "-"), container("second", second, "-")] });
    let three = json!({
        "initContainers": [container("setup", "-", "-"), sidecar("proxy", "-")],
        "containers": [container("app", "-", "-")],
    });
    vec![
        ("bare", app("-", "-")),
        ("limited", app("64Mi", "-")),
        ("limited-and-requested", app("64Mi", "32Mi")),
        ("zero", app("0", "-")),
        ("large", app("512Mi", "512Mi")),
        ("requested", app("-", "32Mi")),
        ("requested-zero", app("-", "0")),
        ("requests-more-than-defaults", app("-", "100Mi")),
        ("one-of-two", two("64Mi", "-")),
        ("zero-of-two", two("0", "-")),
        ("neither-of-two", two("-", "-")),
        ("bare-init", init(container("setup", "-", "-"), "64Mi")),
        ("limited-init", init(container("setup", "64Mi", "-"), "-")),
        ("bare-sidecar", init(sidecar("proxy", "-"), "64Mi")),
        ("limited-sidecar", init(sidecar("proxy", "64Mi"), "-")),
        ("zero-sidecar", init(sidecar("proxy", "0"), "64Mi")),
        ("of-three", three.clone()),
        ("pod-level", pod(app("-", "-"), "128Mi", "-")),
        ("pod-level-large", pod(app("-", "-"), "400Mi", "64Mi")),
        ("pod-level-zero", pod(app("-", "-"), "0", "-")),
        ("pod-level-request", pod(app("-", "-"), "-", "64Mi")),
        ("pod-level-and-zero", pod(app("0", "-"), "128Mi", "-")),
        ("pod-level-and-limited", pod(app("64Mi", "-"), "128Mi", "-")),
        ("pod-level-of-two", pod(two("64Mi", "-"), "128Mi", "-")),
        ("pod-level-of-three", pod(three, "128Mi", "-")),
    ]
}

/// The namespace of a range; its name also begins those of the pods, so that a refusal tells which it is about.
fn namespace(range: &str) -> String {
    format!("limits-{range}")
}

/// Namespaces, LimitRanges, and every shape of pod in each.
fn objects() -> [Vec<Value>; 3] {
    let (mut namespaces, mut limits, mut pods) = (Vec::new(), Vec::new(), Vec::new());
    for (range, items) in ranges() {
        let namespace = namespace(range);
        namespaces
            .push(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } }));
        limits.extend(items.iter().enumerate().map(|(at, limits)| {
            json!({ "apiVersion": "v1", "kind": "LimitRange", "spec": { "limits": limits },
                    "metadata": { "name": format!("range-{at}"), "namespace": namespace } })
        }));
        pods.extend(shapes().into_iter().map(|(shape, mut spec)| {
            // Nobody's, so that none is ever started.
            spec["schedulerName"] = "nobody".into();
            json!({ "apiVersion": "v1", "kind": "Pod", "spec": spec,
                    "metadata": { "name": format!("{range}.{shape}"), "namespace": namespace } })
        }));
    }
    [namespaces, limits, pods]
}

/// Whether each container of a stored pod has a memory limit, by itself or by its pod.
fn limited(pod: &Value) -> BTreeMap<String, bool> {
    let limit = |holder: &Value| {
        let text = holder["resources"]["limits"]["memory"].as_str();
        text.is_some_and(|text| text != "0")
    };
    let containers = ["initContainers", "containers"].map(|list| pod["spec"][list].as_array());
    let containers = containers.into_iter().flatten().flatten();
    containers
        .map(|c| (text(&c["name"]), limit(c) || limit(&pod["spec"])))
        .collect()
}

#[test]
fn a_container_runs_with_a_memory_limit_exactly_where_the_rule_says_so() {
    let world = world();
    let [spaces, limits, pods] = objects();
    world.apply(&[spaces.clone(), limits.clone()].concat());
    usable(&world, &spaces);
    let refusals = create(&world, &pods);
    let stored = stored(&world);
    let said = memory_limit(&check(&[limits, pods.clone()].concat()));
    let mut tally = Tally::default();
    for pod in &pods {
        let name = text(&pod["metadata"]["name"]);
        let said = said.get(&name).expect("every pod is judged");
        match (stored.get(&name), refusal(&refusals, &name)) {
            (Some(pod), None) => tally.admitted(&name, &limited(pod), said),
            (None, Some(why)) => tally.refused(&name, why, said),
            (stored, why) => panic!("{name}: stored {stored:?}, refused {why:?}"),
        }
    }
    forget(&world, &spaces);
    tally.conclude(pods.len());
}

/// Creates each pod or not; returns what the API server had against the others.
fn create(world: &World, pods: &[Value]) -> String {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": pods });
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), list.to_string()).expect("it takes the pods");
    let path = file.path().to_str().expect("a path in UTF-8");
    match world.plane.kubectl(&["create", "-f", path]) {
        Err(Error::Command { stderr, .. }) => stderr,
        other => panic!("some pods are to be refused: {other:?}"),
    }
}

/// The part of kubectl's complaint that is about this pod.
fn refusal<'a>(all: &'a str, pod: &str) -> Option<&'a str> {
    let name = format!("\"{pod}\" is ");
    let start = all.find(&name)? + name.len();
    let end = all[start..].find("\nError").map_or(all.len(), |end| start + end);
    Some(&all[start..end])
}

/// The pods that the API server has, by name.
fn stored(world: &World) -> BTreeMap<String, Value> {
    let pods = world.plane.get(&["pods", "-A"]).expect("pods can be read");
    let items = pods["items"].as_array().cloned().unwrap_or_default();
    let by_name = items.into_iter().map(|pod| (text(&pod["metadata"]["name"]), pod));
    by_name.collect()
}

/// What the rule says of each container: its status and the message.
type Said = BTreeMap<String, (String, String)>;

/// What the rule says, by pod.
fn memory_limit(checked: &Value) -> BTreeMap<String, Said> {
    let of = |workload: &Value| {
        let checks = workload["checks"].as_array().into_iter().flatten();
        let checks = checks.filter(|check| check["rule"] == "memory-limit");
        checks
            .map(|c| (text(&c["subject"]), (text(&c["status"]), text(&c["message"]))))
            .collect()
    };
    let workloads = checked["workloads"].as_array().into_iter().flatten();
    workloads.map(|w| (text(&w["name"]), of(w))).collect()
}

/// How the rule's message begins where the API server takes no pods of a template.
const REFUSED: &str = "new pods are refused";

/// How often, and what differed.
#[derive(Default)]
struct Tally {
    created: usize,
    with: usize,
    without: usize,
    refused: BTreeMap<&'static str, usize>,
    differences: Vec<String>,
}

impl Tally {
    fn admitted(&mut self, pod: &str, limited: &BTreeMap<String, bool>, said: &Said) {
        self.created += 1;
        for (container, limited) in limited {
            *if *limited {
                &mut self.with
            } else {
                &mut self.without
            } += 1;
            let expected = if *limited { "pass" } else { "fail" };
            let (status, message) = &said[container];
            if status != expected || message.starts_with(REFUSED) {
                self.differences.push(format!(
                    "{pod}, {container}: limited {limited}, but {status} {message:?}"
                ));
            }
        }
    }

    /// Only a lack of limits, and limits that a LimitRange gives, are the rule's to judge.
    fn refused(&mut self, pod: &str, why: &str, said: &Said) {
        let reason = match why {
            why if why.contains("No limit is specified") => "no limit",
            why if why.contains("less than or equal to memory limit of") => "a default below the request",
            why if why.contains("less than or equal to pod limits of") => "a default above the pod's limit",
            _ => "another reason",
        };
        *self.refused.entry(reason).or_default() += 1;
        let told = said.values().any(|(_, message)| message.starts_with(REFUSED));
        if told != (reason != "another reason") {
            self.differences.push(format!("{pod}: {why}: {said:?}"));
        }
    }

    fn conclude(self, pods: usize) {
        tell(&format!(
            "limits: {pods} pods, {} of them created; containers: {} with a limit, {} without; refused: {:?}; {} differences",
            self.created,
            self.with,
            self.without,
            self.refused,
            self.differences.len()
        ));
        assert!(self.differences.is_empty(), "{}", self.differences.join("\n"));
        assert!(
            self.created >= 100 && self.with >= 100 && self.without >= 100,
            "the cases have degenerated"
        );
    }
}
