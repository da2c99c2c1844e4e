//! `rollout-strategy` against the controllers of Deployments and StatefulSets: how many ready pods a rollout takes down while
//! none of the new ones becomes ready.
//!
//! The new revision asks for a node that is not there, so its pods stay Pending for ever; what is left of the old revision is
//! all that serves.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use plimsoll::index::Index;
use plimsoll::model::config::ClusterVersion;
use plimsoll::model::finding::Severity;
use plimsoll::model::time::Moment;
use plimsoll::policy::Policy;
use plimsoll::rules::{self, Question};
use plimsoll::source::manifest;
use plimsoll_kit::Node;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::said::{forget, text, usable};
use crate::world::{World, tell, world};

const CASES: usize = 90;

const NAMESPACE: &str = "rolled";
/// The node that holds the old revisions.
const NODE: &str = "rolled-1";

/// How long no further pod may go before that counts as the end.
const QUIET: Duration = Duration::from_secs(6);

/// A workload that is rolled out.
#[derive(Clone, Debug)]
struct Shape {
    kind: &'static str,
    replicas: u32,
    strategy: Option<Value>,
}

fn amount() -> impl Strategy<Value = Value> {
    let percent = select(vec![0, 1, 20, 25, 30, 34, 50, 67, 75, 99, 100]);
    prop_oneof![
        2 => (0..=6_u32).prop_map(Value::from),
        3 => percent.prop_map(|p| format!("{p}%").into())
    ]
}

fn is_zero(amount: Option<&Value>) -> bool {
    amount.is_some_and(|amount| *amount == json!(0) || *amount == json!("0%"))
}

fn shapes() -> impl Strategy<Value = Shape> {
    let rolling = (prop::option::of(amount()), prop::option::of(amount())).prop_map(|(most, surge)| {
        // Both 0 is refused.
        let surge = surge.filter(|surge| !(is_zero(Some(surge)) && is_zero(most.as_ref())));
        json!({ "rollingUpdate": { "maxUnavailable": most, "maxSurge": surge } })
    });
    let deployment = prop_oneof![
        8 => rolling.prop_map(Some),
        1 => Just(None),
        2 => Just(Some(json!({ "type": "Recreate" }))),
    ];
    let deployment = (1..=6_u32, deployment).prop_map(|(replicas, strategy)| Shape {
        kind: "Deployment",
        replicas,
        strategy,
    });
    let set = prop_oneof![
        1 => Just(None),
        1 => Just(Some(json!({ "type": "OnDelete" }))),
        2 => (0..=4_u32).prop_map(|from| Some(json!({ "rollingUpdate": { "partition": from } }))),
        // Where the feature gate is off, which it is by default, the API server leaves the field out.
        1 => Just(Some(json!({ "rollingUpdate": { "maxUnavailable": "100%" } }))),
    ];
    let set = (1..=4_u32, set).prop_map(|(replicas, strategy)| Shape {
        kind: "StatefulSet",
        replicas,
        strategy,
    });
    prop_oneof![3 => deployment, 1 => set]
}

impl Shape {
    fn manifest(&self, name: &str, revision: u32) -> Value {
        let mut pod = json!({ "containers": [{ "name": "app", "image": "registry.invalid/app:1" }] });
        match revision {
            1 => pod["nodeName"] = NODE.into(),
            _ => pod["nodeSelector"] = json!({ "nowhere": "true" }),
        }
        let labels = json!({ "app": name, "revision": revision.to_string() });
        let mut workload = json!({
            "apiVersion": "apps/v1", "kind": self.kind, "metadata": { "name": name, "namespace": NAMESPACE },
            "spec": { "replicas": self.replicas, "selector": { "matchLabels": { "app": name } },
                      "template": { "metadata": { "labels": labels }, "spec": pod } },
        });
        let field = match self.kind {
            "StatefulSet" => "updateStrategy",
            _ => "strategy",
        };
        if let Some(strategy) = &self.strategy {
            workload["spec"][field] = strategy.clone();
        }
        if self.kind == "StatefulSet" {
            workload["spec"]["serviceName"] = name.into();
        }
        workload
    }
}

fn service(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": NAMESPACE },
            "spec": { "selector": { "app": name }, "ports": [{ "port": 80 }] } })
}

/// The same for each run.
fn cases() -> Vec<(String, Shape)> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Default::default(), rng);
    let case = |at| {
        let shape = shapes().new_tree(&mut runner).expect("no filter").current();
        (format!("rolled-{at:03}"), shape)
    };
    (0..CASES).map(case).collect()
}

/// How many ready pods of the old revision each workload has.
fn old_and_ready(world: &World) -> Result<BTreeMap<String, u32>, String> {
    let pods = world.plane.get(&["pods", "-n", NAMESPACE, "-l", "revision=1"]);
    let pods = pods.map_err(|error| error.to_string())?;
    let mut ready = BTreeMap::new();
    for pod in pods["items"].as_array().into_iter().flatten() {
        let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        let is_ready = conditions.any(|c| c["type"] == "Ready" && c["status"] == "True");
        if is_ready && pod["metadata"]["deletionTimestamp"].is_null() {
            *ready.entry(text(&pod["metadata"]["labels"]["app"])).or_default() += 1;
        }
    }
    Ok(ready)
}

/// Watches until nothing more goes for a while, after every rollout has begun, and returns the fewest that there were.
fn fewest(world: &World, cases: &[(String, Shape)]) -> BTreeMap<String, u32> {
    world.eventually("every rollout has begun", |world| {
        let workloads = world.plane.get(&["deployments,statefulsets", "-n", NAMESPACE]);
        let workloads = workloads.map_err(|error| error.to_string())?;
        let behind = |w: &&Value| w["status"]["observedGeneration"] != w["metadata"]["generation"];
        let items = workloads["items"].as_array().into_iter().flatten();
        match items.filter(behind).count() {
            0 => Ok(()),
            behind => Err(format!("{behind} have not")),
        }
    });
    let of = |ready: &BTreeMap<String, u32>| -> BTreeMap<String, u32> {
        let names = cases.iter().map(|(name, _)| name);
        names
            .map(|name| (name.clone(), ready.get(name).copied().unwrap_or(0)))
            .collect()
    };
    let (mut last, mut since) = (
        of(&old_and_ready(world).expect("pods can be read")),
        Instant::now(),
    );
    while since.elapsed() < QUIET {
        std::thread::sleep(Duration::from_millis(300));
        let now = of(&old_and_ready(world).expect("pods can be read"));
        let fewest: BTreeMap<String, u32> = last
            .iter()
            .map(|(name, before)| (name.clone(), now[name].min(*before)))
            .collect();
        if fewest != last {
            (last, since) = (fewest, Instant::now());
        }
    }
    last
}

/// The workloads as the API server stored them, with their Services.
fn stored(world: &World) -> Index {
    let kinds = "deployments,statefulsets,services";
    let list = world
        .plane
        .get(&[kinds, "-n", NAMESPACE])
        .expect("they can be read");
    let read = manifest::read(
        &["-".into()],
        &mut list.to_string().as_bytes(),
        ClusterVersion::NEWEST,
    );
    assert!(read.errors.is_empty(), "{:?}", read.errors);
    let mut index = Index::complete(ClusterVersion::NEWEST);
    let objects = read.objects.into_iter().map(|(object, _)| object);
    objects.for_each(|object| index.apply(object, Moment::default()));
    index
}

/// How many we say are left, and whether the rule says that none may be.
fn ours(index: &Index, name: &str) -> (u32, bool) {
    let keys = index.workload_keys();
    let key = keys.iter().find(|key| *key.name == *name).expect("it was stored");
    let view = index.view(key).expect("a workload");
    let judgement = rules::judge(&Question {
        view,
        policy: &Policy::default(),
        now: Timestamp::UNIX_EPOCH,
    });
    let mut results = judgement.results.iter();
    let result = results.find(|result| result.rule == "rollout-strategy");
    let result = result.expect("the rule answers");
    let severity = Severity::Warning;
    let fails = result.severity() == Some(severity);
    let replicas = view.floor().expect("valid").replicas;
    // Nobody but people takes down what is OnDelete.
    let down = view.workload().taken_down(replicas).unwrap_or(0);
    (replicas - down, fails)
}

#[test]
fn a_rollout_takes_down_what_we_say_and_all_exactly_where_the_rule_fails() {
    let world = world();
    let node = Node::new(NODE, "a").taint("rolled", "", "NoSchedule");
    world.plane.add_node(&node).expect("a node joins");
    let space = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
    world.apply(std::slice::from_ref(&space));
    usable(&world, std::slice::from_ref(&space));
    let cases = cases();
    let of = |revision| {
        cases
            .iter()
            .map(move |(name, shape)| shape.manifest(name, revision))
    };
    let services = cases.iter().map(|(name, _)| service(name));
    let first: Vec<Value> = of(1).chain(services).collect();
    world.apply(&first);
    world.eventually("the old revisions are ready", |world| {
        let ready = old_and_ready(world)?;
        let open = cases
            .iter()
            .filter(|(name, shape)| ready.get(name) != Some(&shape.replicas));
        match open.count() {
            0 => Ok(()),
            open => Err(format!("{open} of {} are not", cases.len())),
        }
    });
    let index = stored(&world);
    world.apply(&of(2).collect::<Vec<Value>>());
    let left = fewest(&world, &cases);
    let (mut differences, mut all_down, mut some_down) = (Vec::new(), 0, 0);
    for (name, shape) in &cases {
        let ((ours, fails), theirs) = (ours(&index, name), left[name]);
        if ours != theirs || (fails != (theirs == 0) && shape.replicas > 1) {
            differences.push(format!(
                "{name}: {ours} left, fails: {fails}; really {theirs}: {shape:?}"
            ));
        }
        all_down += usize::from(theirs == 0);
        some_down += usize::from(theirs > 0 && theirs < shape.replicas);
    }
    tell(&format!(
        "rolled: {} rollouts, {all_down} took all pods down, {some_down} a part, {} none; {} differences",
        cases.len(),
        cases.len() - all_down - some_down,
        differences.len()
    ));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(all_down >= 10 && some_down >= 20, "the cases have degenerated");
    forget(&world, &[space]);
    world.plane.remove_node(NODE).expect("it goes");
}
