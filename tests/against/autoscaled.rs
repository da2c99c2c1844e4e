//! Floors and ceilings against the HorizontalPodAutoscaler's controller: what it makes of `spec.replicas`.
//!
//! Without metrics it still enforces both bounds, at its first look after 15 s. So where it leaves a workload is its
//! replicas held between our floor and our ceiling.

use std::collections::BTreeMap;

use plimsoll::index::Index;
use plimsoll::model::config::ClusterVersion;
use plimsoll::model::time::Moment;
use plimsoll::source::manifest;
use serde_json::{Value, json};

use crate::said::{forget, text, usable};
use crate::world::{World, tell, world};

const NAMESPACE: &str = "autoscaled";

/// A workload of so many replicas (or none written), and what its autoscalers say.
struct Case {
    name: &'static str,
    kind: &'static str,
    replicas: Option<u32>,
    autoscalers: Vec<Value>,
}

/// The `spec` of an autoscaler in `autoscaling/v2` but for its target; `min` absent where it is 0.
fn bounds(min: u32, max: u32) -> Value {
    let mut spec = json!({ "maxReplicas": max });
    if min > 0 {
        spec["minReplicas"] = min.into();
    }
    spec
}

fn case(name: &'static str, replicas: Option<u32>, autoscalers: Vec<Value>) -> Case {
    Case {
        name,
        kind: "Deployment",
        replicas,
        autoscalers,
    }
}

/// The same for a StatefulSet.
fn set(name: &'static str, replicas: Option<u32>, autoscalers: Vec<Value>) -> Case {
    Case {
        kind: "StatefulSet",
        ..case(name, replicas, autoscalers)
    }
}

/// Fields of one autoscaler changed.
fn with(mut spec: Value, field: &str, value: Value) -> Value {
    spec[field] = value;
    spec
}

fn cases() -> Vec<Case> {
    let target = |field: &str, value: &str| with(bounds(3, 5), "target", json!({ field: value }));
    vec![
        case("alone", Some(3), vec![]),
        case("alone-and-absent", None, vec![]),
        case("zero", Some(0), vec![bounds(2, 5)]),
        case("zero-without-minimum", Some(0), vec![bounds(0, 5)]),
        case("below", Some(1), vec![bounds(3, 5)]),
        case("above", Some(5), vec![bounds(1, 2)]),
        case("within", Some(3), vec![bounds(2, 5)]),
        case("at-the-floor", Some(2), vec![bounds(2, 5)]),
        case("no-minimum", Some(3), vec![bounds(0, 5)]),
        case("no-minimum-and-above", Some(6), vec![bounds(0, 5)]),
        case("no-minimum-no-replicas", None, vec![bounds(0, 5)]),
        case("no-replicas", None, vec![bounds(3, 5)]),
        case("pinned", Some(2), vec![bounds(4, 4)]),
        case(
            "without-metrics",
            Some(1),
            vec![with(bounds(2, 5), "metrics", json!([]))],
        ),
        case(
            "first-version",
            Some(1),
            vec![with(bounds(3, 5), "v1", true.into())],
        ),
        set("set-below", Some(1), vec![bounds(2, 4)]),
        set("set-zero", Some(0), vec![bounds(2, 4)]),
        set("set-above", Some(4), vec![bounds(1, 3)]),
        case("two-and-below", Some(1), vec![bounds(2, 5), bounds(4, 10)]),
        case("two-and-above", Some(8), vec![bounds(2, 5), bounds(4, 10)]),
        case("two-and-within", Some(3), vec![bounds(2, 5), bounds(0, 9)]),
        case("two-one-pinned-at-1", Some(3), vec![bounds(1, 1), bounds(1, 5)]),
        case("two-and-zero", Some(0), vec![bounds(2, 5), bounds(4, 10)]),
        case(
            "an-old-version-of-the-target",
            Some(1),
            vec![target("apiVersion", "apps/v1beta1")],
        ),
        case(
            "another-group-of-the-target",
            Some(1),
            vec![target("apiVersion", "extensions/v1beta1")],
        ),
        case("another-kind", Some(1), vec![target("kind", "StatefulSet")]),
        case(
            "the-kind-in-small-letters",
            Some(1),
            vec![target("kind", "deployment")],
        ),
        case(
            "the-kind-in-odd-letters",
            Some(1),
            vec![target("kind", "DEPLOYMENT")],
        ),
        case("another-name", Some(1), vec![target("name", "nobody")]),
        case(
            "another-namespace",
            Some(1),
            vec![with(bounds(3, 5), "namespace", "default".into())],
        ),
    ]
}

impl Case {
    fn workload(&self) -> Value {
        let labels = json!({ "app": self.name });
        // Nobody's pods, so that none is ever started.
        let pod = json!({ "schedulerName": "nobody", "containers": [{ "name": "app", "image": "registry.invalid/app:1",
            "resources": { "requests": { "cpu": "100m" } } }] });
        let mut workload = json!({
            "apiVersion": "apps/v1", "kind": self.kind, "metadata": { "name": self.name, "namespace": NAMESPACE },
            "spec": { "selector": { "matchLabels": labels }, "template": { "metadata": { "labels": labels }, "spec": pod } },
        });
        if let Some(replicas) = self.replicas {
            workload["spec"]["replicas"] = replicas.into();
        }
        if self.kind == "StatefulSet" {
            workload["spec"]["serviceName"] = self.name.into();
        }
        workload
    }

    fn manifests(&self) -> impl Iterator<Item = Value> {
        let autoscaler = |(at, spec): (usize, &Value)| {
            let mut spec = spec.clone();
            let fields = spec.as_object_mut().expect("an object");
            let (v1, changed) = (fields.remove("v1"), fields.remove("target"));
            let namespace = fields.remove("namespace").unwrap_or(NAMESPACE.into());
            let mut target = json!({ "apiVersion": "apps/v1", "kind": self.kind, "name": self.name });
            for (field, value) in changed.as_ref().and_then(Value::as_object).into_iter().flatten() {
                target[field] = value.clone();
            }
            spec["scaleTargetRef"] = target;
            let version = if v1.is_some() {
                "autoscaling/v1"
            } else {
                "autoscaling/v2"
            };
            json!({ "apiVersion": version, "kind": "HorizontalPodAutoscaler", "spec": spec,
                    "metadata": { "name": format!("{}-{at}", self.name), "namespace": namespace } })
        };
        let autoscalers: Vec<Value> = self.autoscalers.iter().enumerate().map(autoscaler).collect();
        [self.workload()].into_iter().chain(autoscalers)
    }

    /// Our floor and ceiling, and where they leave the replicas.
    fn ours(&self, index: &Index) -> (u32, u32, u32) {
        let keys = index.workload_keys();
        let key = keys
            .iter()
            .find(|key| *key.name == *self.name)
            .expect("it was read");
        let view = index.view(key).expect("a workload");
        let (floor, ceiling) = (view.floor().expect("valid"), view.ceiling().expect("valid"));
        let (floor, ceiling) = (floor.replicas, ceiling.replicas);
        assert!(floor <= ceiling, "{}: {floor} to {ceiling}", self.name);
        (floor, ceiling, self.replicas.unwrap_or(1).clamp(floor, ceiling))
    }
}

/// The manifests, read as files are.
fn index(manifests: &[Value]) -> Index {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": manifests }).to_string();
    let read = manifest::read(&["-".into()], &mut list.as_bytes(), ClusterVersion::NEWEST);
    assert!(read.errors.is_empty(), "{:?}", read.errors);
    let mut index = Index::complete(ClusterVersion::NEWEST);
    let objects = read.objects.into_iter().map(|(object, _)| object);
    objects.for_each(|object| index.apply(object, Moment::default()));
    index
}

/// The replicas of every workload, once the controller has looked at every autoscaler.
fn replicas(world: &World) -> Result<BTreeMap<String, u64>, String> {
    let get = |kinds: &str, namespace: &str| {
        let list = world
            .plane
            .get(&[kinds, "-n", namespace])
            .map_err(|error| error.to_string())?;
        Ok::<_, String>(list["items"].as_array().cloned().unwrap_or_default())
    };
    let unseen = |hpa: &&Value| hpa["status"]["conditions"].is_null();
    let autoscalers = get("hpa", NAMESPACE)?;
    let unseen: Vec<String> = autoscalers
        .iter()
        .filter(unseen)
        .map(|h| text(&h["metadata"]["name"]))
        .collect();
    if !unseen.is_empty() {
        return Err(format!("not looked at yet: {unseen:?}"));
    }
    let workloads = get("deployments,statefulsets", NAMESPACE)?;
    let replicas = |w: &Value| {
        (
            text(&w["metadata"]["name"]),
            w["spec"]["replicas"].as_u64().unwrap_or_default(),
        )
    };
    Ok(workloads.iter().map(replicas).collect())
}

#[test]
fn the_controller_leaves_replicas_between_our_floor_and_our_ceiling() {
    let world = world();
    let space = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
    world.apply(std::slice::from_ref(&space));
    usable(&world, std::slice::from_ref(&space));
    let cases = cases();
    let manifests: Vec<Value> = cases.iter().flat_map(Case::manifests).collect();
    world.apply(&manifests);
    let index = index(&manifests);
    let ours: BTreeMap<&str, (u32, u32, u32)> =
        cases.iter().map(|case| (case.name, case.ours(&index))).collect();
    let moved = cases
        .iter()
        .filter(|case| case.replicas.unwrap_or(1) != ours[case.name].2)
        .count();
    world.eventually(
        "every workload is where our floor and ceiling leave it",
        |world| {
            let theirs = replicas(world)?;
            let differs = |(name, (_, _, left)): &(&&str, &(u32, u32, u32))| {
                theirs.get(**name) != Some(&u64::from(*left))
            };
            let differences = ours.iter().filter(differs);
            let differences: Vec<String> = differences
                .map(|(name, ours)| {
                    format!(
                        "{name}: floor, ceiling and replicas {ours:?}, really {:?}",
                        theirs.get(*name)
                    )
                })
                .collect();
            differences
                .is_empty()
                .then_some(())
                .ok_or_else(|| differences.join("\n"))
        },
    );
    tell(&format!(
        "autoscaled: {} workloads, {moved} moved by the controller, {} left alone; 0 differences",
        cases.len(),
        cases.len() - moved
    ));
    assert!(
        moved >= 8 && cases.len() - moved >= 8,
        "the cases have degenerated"
    );
    forget(&world, &[space]);
}
