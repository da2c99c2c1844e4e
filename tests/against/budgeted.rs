//! The rules on budgets against Kubernetes: what the disruption controller writes into `status.disruptionsAllowed` while all
//! pods are ready, and what the Eviction API answers.
//!
//! Pods are really made and Ready, on a node of their own; evictions are dry runs, so that they stay.

mod shapes;

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, EvictParams, PostParams};
use plimsoll::index::{Allowance, Index, WorkloadView};
use plimsoll::model::config::ClusterVersion;
use plimsoll::model::finding::Outcome;
use plimsoll::model::keys::Kind;
use plimsoll::model::time::Moment;
use plimsoll::policy::Policy;
use plimsoll::rules::{self, Question};
use plimsoll::source::manifest;
use plimsoll_kit::Node;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use self::shapes::{NODE, Shape, shapes};
use crate::said::{forget, text, usable};
use crate::world::{World, tell, world};

/// How many cases; most have one budget.
const CASES: usize = 220;

const NAMESPACE: &str = "budgeted";

/// Workloads and budgets as they are planted.
struct Case {
    name: String,
    namespace: String,
    shape: Shape,
}

/// The same for each run. Broad selectors get a namespace of their own.
fn cases() -> Vec<Case> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Default::default(), rng);
    let case = |at| {
        let shape: Shape = shapes().new_tree(&mut runner).expect("no filter").current();
        let name = format!("budgeted-{at:03}");
        let namespace = if shape.is_broad() { &name } else { NAMESPACE };
        Case {
            namespace: namespace.to_owned(),
            name,
            shape,
        }
    };
    (0..CASES).map(case).collect()
}

/// The manifests, read as files are.
fn index(manifests: &[Value]) -> Index {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": manifests }).to_string();
    let read = manifest::read(&["-".into()], &mut list.as_bytes(), ClusterVersion::NEWEST);
    assert!(read.errors.is_empty(), "{:?}", read.errors);
    let mut index = Index::of_files(ClusterVersion::NEWEST);
    let objects = read.objects.into_iter().map(|(object, _)| object);
    objects.for_each(|object| index.apply(object, Moment::default()));
    index
}

fn views(index: &Index) -> impl Iterator<Item = WorkloadView<'_>> {
    let keys = index.workload_keys().into_iter();
    keys.filter_map(|key| index.view(&key))
}

/// How many pods a workload has at its floor; a DaemonSet's are on the one node that takes them.
fn pods_of(view: &WorkloadView<'_>) -> usize {
    match view.key().kind {
        Kind::DaemonSet => 1,
        _ => view.floor().expect("valid").replicas as usize,
    }
}

/// Names of the ready pods of each workload, once there are as many as at its floor.
fn ready(world: &World, index: &Index) -> BTreeMap<String, Vec<String>> {
    let wanted: BTreeMap<String, usize> = views(index)
        .map(|view| (view.key().name.to_string(), pods_of(&view)))
        .collect();
    world.eventually("every pod is ready", |world| {
        let field = format!("--field-selector=spec.nodeName={NODE}");
        let pods = world.plane.get(&["pods", "-A", &field]);
        let pods = pods.map_err(|error| error.to_string())?;
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pod in pods["items"].as_array().into_iter().flatten() {
            let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
            if conditions.any(|c| c["type"] == "Ready" && c["status"] == "True") {
                let of = text(&pod["metadata"]["labels"]["app"]);
                found.entry(of).or_default().push(text(&pod["metadata"]["name"]));
            }
        }
        let open = wanted
            .iter()
            .filter(|(name, n)| found.get(*name).map_or(0, Vec::len) != **n);
        match open.count() {
            0 => Ok(found),
            open => Err(format!("{open} of {} workloads are not", wanted.len())),
        }
    })
}

/// What a budget allows, as we count.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Allows {
    Exactly(i64),
    /// The pods of a DaemonSet, of which we know no number, are counted as available too.
    AtLeast(i64),
}

/// What each budget allows.
fn ours(index: &Index, names: &[String]) -> BTreeMap<String, Allows> {
    // What selects nobody allows nothing.
    let none = |name: &String| (name.clone(), Allows::Exactly(0));
    let mut all: BTreeMap<String, Allows> = names.iter().map(none).collect();
    for budget in views(index).flat_map(|view| view.budgets().collect::<Vec<_>>()) {
        let workloads = budget.workloads();
        let more =
            workloads.iter().any(|view| view.key().kind == Kind::DaemonSet) && budget.budget().has_a_number();
        let allowed = match budget.allowance() {
            Allowance::Pods(n) if more => Allows::AtLeast(n),
            Allowance::Pods(n) => Allows::Exactly(n),
            Allowance::NoScale(_) => Allows::Exactly(0),
            Allowance::Uncounted(key) => {
                assert_eq!(key.kind, Kind::DaemonSet, "{budget:?}");
                Allows::AtLeast(0)
            }
            Allowance::Refused => panic!("{budget:?} is refused"),
        };
        all.insert(budget.budget().name.to_string(), allowed);
    }
    all
}

/// Waits until the controller allows what we count.
fn compare_allowed(world: &World, ours: &BTreeMap<String, Allows>) {
    world.eventually("the controller allows what we count", |world| {
        let budgets = world.plane.get(&["poddisruptionbudgets", "-A"]);
        let budgets = budgets.map_err(|error| error.to_string())?;
        let items = budgets["items"].as_array().into_iter().flatten();
        let theirs: BTreeMap<String, &Value> = items
            .map(|b| (text(&b["metadata"]["name"]), &b["status"]))
            .collect();
        let differs = |(name, ours): &(&String, &Allows)| {
            let status = theirs.get(*name).filter(|status| !status["conditions"].is_null());
            let allowed = status.and_then(|status| status["disruptionsAllowed"].as_i64());
            !allowed.is_some_and(|allowed| match ours {
                Allows::Exactly(n) => allowed == *n,
                Allows::AtLeast(n) => allowed >= *n,
            })
        };
        let differences = ours.iter().filter(differs);
        let differences: Vec<String> = differences
            .map(|(name, ours)| format!("{name}: {ours:?}, really {:?}", theirs.get(name)))
            .collect();
        differences
            .is_empty()
            .then_some(())
            .ok_or_else(|| format!("{} differ:\n{}", differences.len(), differences.join("\n")))
    });
}

/// What the Eviction API must answer by our count; `None` where we cannot tell.
fn expected(view: &WorkloadView<'_>) -> Option<u16> {
    let budgets: Vec<_> = view.budgets().collect();
    match budgets.as_slice() {
        [] => Some(201),
        [one] => match one.allowance() {
            Allowance::Pods(0) | Allowance::NoScale(_) => Some(429),
            Allowance::Pods(_) => Some(201),
            Allowance::Uncounted(_) | Allowance::Refused => None,
        },
        _ => Some(500),
    }
}

/// What the rules say of it, in the Eviction API's words.
fn by_the_rules(view: WorkloadView<'_>) -> Option<u16> {
    let judgement = rules::judge(&Question {
        view,
        policy: &Policy::default(),
        now: Timestamp::UNIX_EPOCH,
    });
    let of = |rule: &str| {
        let mut results = judgement.results.iter().filter(move |result| result.rule == rule);
        results.next().map(|result| &result.outcome)
    };
    match (of("pdb-overlap")?, of("pdb-blocks-drain")?) {
        (Outcome::Fail(_), _) => Some(500),
        (_, Outcome::Fail(_)) => Some(429),
        (_, Outcome::Unknown(_)) => None,
        _ => Some(201),
    }
}

/// Asks the Eviction API for a pod of each workload.
async fn evict(
    client: &kube::Client,
    index: &Index,
    pods: &BTreeMap<String, Vec<String>>,
) -> (BTreeMap<u16, usize>, Vec<String>) {
    let mut answers: BTreeMap<u16, usize> = BTreeMap::new();
    let mut differences = Vec::new();
    let params = EvictParams {
        post_options: PostParams {
            dry_run: true,
            ..PostParams::default()
        },
        ..EvictParams::default()
    };
    for view in views(index) {
        let Some(pod) = pods.get(&*view.key().name).and_then(|pods| pods.first()) else {
            continue;
        };
        let api: Api<Pod> = Api::namespaced(client.clone(), &view.key().namespace);
        let code = match api.evict(pod, &params).await {
            // The answer to two budgets is a Status with a code of its own.
            Ok(status) if status.is_failure() => status.code,
            Ok(_) => 201,
            Err(kube::Error::Api(status)) => status.code,
            Err(error) => panic!("{pod}: {error}"),
        };
        *answers.entry(code).or_default() += 1;
        let ours = expected(&view);
        if ours.is_some_and(|ours| ours != code) {
            differences.push(format!("{}: {ours:?}, really {code}", view.key()));
        }
        let judged = view.key().kind.is_judged_in_full();
        if judged && by_the_rules(view).is_some_and(|said| said != code) {
            differences.push(format!("the rules on {}, really {code}", view.key()));
        }
    }
    (answers, differences)
}

#[test]
fn budgets_allow_and_evictions_are_answered_as_the_rules_say() {
    let world = world();
    let node = Node::new(NODE, "a").taint("budgeted", "", "NoSchedule");
    world.plane.add_node(&node).expect("a node joins");
    // The pods of DaemonSets go through the scheduler, which counts those that did not.
    let large = json!({ "status": { "allocatable": { "pods": "5000" }, "capacity": { "pods": "5000" } } })
        .to_string();
    let patch = ["patch", "node", NODE, "--subresource=status", "-p", &large];
    world.plane.kubectl(&patch).expect("a larger node");
    let cases = cases();
    let mut names: Vec<&str> = cases.iter().map(|case| case.namespace.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let space =
        |name: &&str| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    let spaces: Vec<Value> = names.iter().map(space).collect();
    world.apply(&spaces);
    usable(&world, &spaces);

    let of = |part: fn(&Shape, &str, &str) -> Vec<Value>| {
        let all = cases
            .iter()
            .flat_map(move |case| part(&case.shape, &case.name, &case.namespace));
        all.collect::<Vec<Value>>()
    };
    let (workloads, budgets) = (of(Shape::workloads), of(Shape::budgets));
    world.apply(&workloads);
    let manifests: Vec<Value> = workloads.iter().chain(&budgets).cloned().collect();
    let index = index(&manifests);
    let pods = ready(&world, &index);
    // Last, so that each is counted once with every pod there: of two that select a pod, only one hears of the pod.
    world.apply(&budgets);
    let names: Vec<String> = budgets.iter().map(|b| text(&b["metadata"]["name"])).collect();
    let ours = ours(&index, &names);
    compare_allowed(&world, &ours);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (answers, differences) = runtime.block_on(async {
        let client = world.plane.client().await.expect("a client");
        evict(&client, &index, &pods).await
    });
    let exactly = |ours: &&Allows| matches!(ours, Allows::Exactly(_));
    let counted = ours.values().filter(exactly).count();
    let blocked = ours.values().filter(|ours| **ours == Allows::Exactly(0)).count();
    tell(&format!(
        "budgeted: {counted} of {} budgets counted, {blocked} allow nothing, over {} workloads with {} pods: 0 differences; \
         evictions answered {answers:?}, {} differences",
        ours.len(),
        views(&index).count(),
        pods.values().map(Vec::len).sum::<usize>(),
        differences.len()
    ));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(
        counted >= 200 && blocked >= 40 && counted - blocked >= 80,
        "the cases have degenerated"
    );
    for code in [201, 429, 500] {
        assert!(
            answers.get(&code).is_some_and(|n| *n >= 10),
            "the cases have degenerated: {answers:?}"
        );
    }
    forget(&world, &spaces);
    world.plane.remove_node(NODE).expect("it goes");
}
