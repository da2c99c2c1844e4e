//! `pod-spread` against the scheduler: workloads with terms of every kind, and where their pods are put.
//!
//! Twice. First one node attracts all pods, but less than a soft term that has an effect draws them away: what the rule
//! calls a fail must end up on one node, what passes must not. Then that node is the only one that takes pods: what is
//! `required` must leave pods Pending, what is only `preferred` must not.

mod shapes;

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_kit::Error;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use self::shapes::{Shape, shapes};
use crate::said::{check_live, forget, text, usable};
use crate::world::{NODES, World, tell, world};

/// How many workloads.
const CASES: usize = 160;

/// The node that attracts.
const ATTRACTIVE: &str = "n2";

/// A workload as it is planted.
struct Case {
    name: String,
    namespace: String,
    shape: Shape,
}

impl Case {
    fn manifest(&self) -> Value {
        self.shape.manifest(&self.name, &self.namespace, ATTRACTIVE)
    }
}

/// The same for each run. Broad selectors get a namespace of their own.
fn cases(prefix: &str) -> Vec<Case> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Default::default(), rng);
    let mut shape = || shapes().new_tree(&mut runner).expect("no filter").current();
    let case = |(at, shape): (usize, Shape)| {
        // An anti-affinity term may look at the pods of both rounds.
        let name = format!("{prefix}-{at:03}");
        let namespace = if shape.is_broad() {
            name.clone()
        } else {
            prefix.to_owned()
        };
        Case {
            name,
            namespace,
            shape,
        }
    };
    std::iter::repeat_with(&mut shape)
        .take(CASES)
        .enumerate()
        .map(case)
        .collect()
}

/// Namespaces of these cases, of team `ours`.
fn spaces(cases: &[Case]) -> Vec<Value> {
    let mut names: Vec<&str> = cases.iter().map(|case| case.namespace.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let space = |name| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": { "team": "ours" } } });
    names.into_iter().map(space).collect()
}

/// Plants the cases and returns the nodes of each one's pods, once each pod has one or is told that there is none.
fn placed(world: &World, cases: &[Case]) -> BTreeMap<String, Vec<String>> {
    let spaces = spaces(cases);
    world.apply(&spaces);
    usable(world, &spaces);
    let manifests: Vec<Value> = cases.iter().map(Case::manifest).collect();
    world.apply(&manifests);
    world.eventually("every pod is placed or told why not", |world| {
        let pods = world
            .plane
            .get(&["pods", "-A"])
            .map_err(|error: Error| error.to_string())?;
        let pods = pods["items"].as_array().into_iter().flatten();
        let mut nodes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut settled: BTreeMap<&str, usize> = BTreeMap::new();
        for pod in pods {
            let Some(case) = cases.iter().find(|case| {
                pod["metadata"]["labels"]["app"] == *case.name
                    && pod["metadata"]["namespace"] == *case.namespace
            }) else {
                continue;
            };
            let node = text(&pod["spec"]["nodeName"]);
            let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
            let mut scheduled = conditions.filter(|c| c["type"] == "PodScheduled");
            let known = !node.is_empty() || scheduled.any(|c| c["reason"] == "Unschedulable");
            *settled.entry(&case.name).or_default() += usize::from(known);
            if !node.is_empty() {
                nodes.entry(&case.name).or_default().push(node);
            }
        }
        let open = cases
            .iter()
            .filter(|case| settled.get(case.name.as_str()) != Some(&case.shape.replicas()));
        match open.count() {
            0 => Ok(nodes
                .into_iter()
                .map(|(name, nodes)| (name.to_owned(), nodes))
                .collect()),
            open => Err(format!("{open} of {} workloads are not placed yet", cases.len())),
        }
    })
}

/// What the rule says of a workload.
struct Said {
    status: String,
    message: String,
    /// Of the row on rollouts.
    rollout: String,
}

impl Said {
    /// Whether it passes by a term of this strength over this key.
    fn keeps(&self, strength: &str, key: &str) -> bool {
        let part = self
            .message
            .split(", ")
            .find_map(|part| part.strip_prefix(strength));
        self.status == "pass" && part.is_some_and(|keys| keys.contains(key))
    }
}

/// What the rule says, by workload.
fn pod_spread(checked: &Value) -> BTreeMap<String, Said> {
    let of = |workload: &Value| {
        let checks = workload["checks"].as_array().into_iter().flatten();
        let mut rows = checks.filter(|check| check["rule"] == "pod-spread");
        let first = rows.next().expect("the rule answers");
        Said {
            status: text(&first["status"]),
            message: text(&first["message"]),
            rollout: rows.next().map(|row| text(&row["message"])).unwrap_or_default(),
        }
    };
    let workloads = checked["workloads"].as_array().into_iter().flatten();
    workloads.map(|w| (text(&w["name"]), of(w))).collect()
}

#[test]
fn pods_are_kept_apart_exactly_where_the_rule_says_so() {
    let world = world();
    let pods_on_one =
        |n: &str| json!({ "status": { "allocatable": { "pods": n }, "capacity": { "pods": n } } });
    let size = |n| {
        let patch = pods_on_one(n).to_string();
        let args = ["patch", "node", ATTRACTIVE, "--subresource=status", "-p", &patch];
        world.plane.kubectl(&args).expect("a larger node");
    };
    size("1000");
    let attracted = cases("placed");
    let nodes = placed(&world, &attracted);
    let names: Vec<String> = spaces(&attracted)
        .iter()
        .map(|s| text(&s["metadata"]["name"]))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let said = pod_spread(&check_live(&world, &names));
    let mut tally = Tally::default();
    for case in &attracted {
        let nodes = nodes.get(&case.name).map_or(&[][..], Vec::as_slice);
        tally.attracted(case, nodes, &said[&case.name]);
    }
    forget(&world, &spaces(&attracted));

    let mut squeezed = cases("squeezed");
    let said = |case: &Case| &said[&case.name.replace("squeezed", "placed")];
    squeezed.retain(|case| said(case).status == "pass" && !case.shape.leaves_out_cordoned());
    world.only(ATTRACTIVE);
    let nodes = placed(&world, &squeezed);
    for case in &squeezed {
        let nodes = nodes.get(&case.name).map_or(&[][..], Vec::as_slice);
        tally.squeezed(case, nodes, said(case));
    }
    world.uncordon_all();
    forget(&world, &spaces(&squeezed));
    size("110");
    tally.conclude();
}

const HOST: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";
const REGION: &str = "topology.kubernetes.io/region";

fn zone_of(node: &str) -> &'static str {
    NODES
        .iter()
        .find(|(name, _)| *name == node)
        .map_or("", |(_, zone)| zone)
}

fn all_differ<T: Ord>(items: impl Iterator<Item = T>) -> bool {
    let mut seen = BTreeSet::new();
    items.into_iter().all(|item| seen.insert(item))
}

fn all_alike<T: PartialEq>(mut items: impl Iterator<Item = T>) -> bool {
    let first = items.next();
    items.all(|item| Some(item) == first)
}

/// How often, and what differed.
#[derive(Default)]
struct Tally {
    judged: BTreeMap<&'static str, usize>,
    differences: Vec<String>,
}

impl Tally {
    fn counts(&mut self, what: &'static str) {
        *self.judged.entry(what).or_default() += 1;
    }

    /// While one node attracts.
    fn attracted(&mut self, case: &Case, nodes: &[String], said: &Said) {
        let replicas = case.shape.replicas();
        let (one_node, one_zone) = (
            all_alike(nodes.iter()),
            all_alike(nodes.iter().map(|node| zone_of(node))),
        );
        let pending = replicas - nodes.len();
        let over = |key| said.keeps("required", key) || said.keeps("preferred", key);
        let agrees = match said.status.as_str() {
            "pass" if said.keeps("required", REGION) => {
                self.counts("only one runs");
                nodes.len() == 1
            }
            "pass" if over(HOST) || over(ZONE) => {
                self.counts(match (over(HOST), over(ZONE)) {
                    (true, true) => "apart by node and zone",
                    (true, false) => "apart by node",
                    _ => "apart by zone",
                });
                !(over(HOST) && one_node || over(ZONE) && one_zone)
            }
            "fail" => {
                self.counts("together");
                one_node && pending == 0
            }
            _ => false,
        };
        let together = case.shape.has_label_keys().then(|| said.status == "fail");
        if let Some(together) = together {
            self.counts(if together {
                "with label keys, together"
            } else {
                "with label keys, apart"
            });
        }
        let parted = self.parted(case, nodes, said);
        let told = said
            .rollout
            .split_once(&format!(" of {replicas} replicas may stay Pending"));
        let told = told.and_then(|(number, _)| number.parse().ok());
        self.compare(
            agrees && parted && told.unwrap_or(0) == pending,
            "attracted",
            case,
            nodes,
            said,
        );
    }

    /// Whether no two pods are together where they are required to be apart and no term leaves room for two.
    fn parted(&mut self, case: &Case, nodes: &[String], said: &Said) -> bool {
        let zones: BTreeSet<&str> = NODES.iter().map(|(_, zone)| *zone).collect();
        let strictly =
            |key, domains| said.keeps("required", key) && case.shape.parts_every_pair(key, domains);
        let (by_node, by_zone) = (strictly(HOST, NODES.len()), strictly(ZONE, zones.len()));
        if by_node {
            self.counts("no two on a node");
        }
        if by_zone {
            self.counts("no two in a zone");
        }
        (!by_node || all_differ(nodes.iter()))
            && (!by_zone || all_differ(nodes.iter().map(|node| zone_of(node))))
    }

    /// While one node is all there is.
    fn squeezed(&mut self, case: &Case, nodes: &[String], said: &Said) {
        let required = [HOST, ZONE, REGION].iter().any(|key| said.keeps("required", key));
        self.counts(if required {
            "squeezed, and Pending"
        } else {
            "squeezed, and together"
        });
        let all_run = nodes.len() == case.shape.replicas();
        self.compare(required != all_run, "squeezed", case, nodes, said);
    }

    fn compare(&mut self, agrees: bool, when: &str, case: &Case, nodes: &[String], said: &Said) {
        if !agrees {
            let Said {
                status,
                message,
                rollout,
            } = said;
            self.differences.push(format!(
                "{}, {when}: pods on {nodes:?}, {status} {message:?}, {rollout:?}: {:?}",
                case.name, case.shape
            ));
        }
    }

    fn conclude(self) {
        let Self { judged, differences } = self;
        tell(&format!(
            "placed: {CASES} workloads: {judged:?}; {} differences",
            differences.len()
        ));
        assert!(
            differences.is_empty(),
            "{} differences:\n{}",
            differences.len(),
            differences.join("\n")
        );
        for what in [
            "together",
            "apart by node",
            "apart by zone",
            "no two on a node",
            "no two in a zone",
            "with label keys, apart",
            "with label keys, together",
            "squeezed, and Pending",
            "squeezed, and together",
        ] {
            assert!(
                judged.get(what).is_some_and(|n| *n >= 5),
                "the cases have degenerated: {what}"
            );
        }
    }
}
