//! Workloads whose terms are drawn at random: over what key, how hard, which pods they mean.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// The key of every node's own domain.
const HOST: &str = "kubernetes.io/hostname";
/// The key of the two zones.
const ZONE: &str = "topology.kubernetes.io/zone";
/// The key of the only region.
const REGION: &str = "topology.kubernetes.io/region";
/// A key that no node has, and no policy accepts.
const RACK: &str = "example.com/rack";

/// Which pods a term selects; the workload's own are those of its `app` and its `group`, in `tier` web.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pods {
    Own,
    OwnByExpression,
    OwnOfTier,
    OwnWithoutCanary,
    Others,
    OtherTier,
    AllButOwn,
    Absent,
    Everything,
    AnyApp,
}

impl Pods {
    fn selector(self, name: &str) -> Option<Value> {
        let expression = |key: &str, operator: &str, values: &[&str]| {
            let values = (!values.is_empty()).then_some(values);
            json!({ "key": key, "operator": operator, "values": values })
        };
        let group =
            |expression: Value| json!({ "matchLabels": { "group": name }, "matchExpressions": [expression] });
        Some(match self {
            Pods::Own => json!({ "matchLabels": { "app": name } }),
            Pods::OwnByExpression => {
                json!({ "matchExpressions": [expression("app", "In", &["nobody", name])] })
            }
            Pods::OwnOfTier => json!({ "matchLabels": { "app": name, "tier": "web" } }),
            Pods::OwnWithoutCanary => group(expression("canary", "DoesNotExist", &[])),
            Pods::Others => json!({ "matchLabels": { "app": "nobody" } }),
            Pods::OtherTier => group(expression("tier", "In", &["db", "cache"])),
            Pods::AllButOwn => group(expression("app", "NotIn", &[name])),
            Pods::Everything => json!({}),
            Pods::AnyApp => json!({ "matchExpressions": [expression("app", "Exists", &[])] }),
            Pods::Absent => return None,
        })
    }

    /// Whether it would select the pods of other workloads, too, so that it needs a namespace of its own.
    fn is_broad(self) -> bool {
        matches!(self, Pods::Everything | Pods::AnyApp)
    }

    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            12 => Just(Pods::Own),
            4 => select(vec![Pods::OwnByExpression, Pods::OwnOfTier, Pods::OwnWithoutCanary]),
            4 => select(vec![Pods::Others, Pods::OtherTier, Pods::AllButOwn, Pods::Absent]),
            1 => select(vec![Pods::Everything, Pods::AnyApp]),
        ]
    }
}

/// One term of a pod template.
#[derive(Clone, Debug)]
enum Term {
    Spread {
        key: &'static str,
        hard: bool,
        skew: i32,
        pods: Pods,
        keys: Vec<&'static str>,
        more: Value,
    },
    Apart {
        key: &'static str,
        hard: bool,
        pods: Pods,
        keys: Vec<&'static str>,
        mismatch: Vec<&'static str>,
        namespaces: usize,
    },
}

/// Label keys that are added to a selector; those of a Deployment's or a StatefulSet's controller among them.
fn label_keys() -> impl Strategy<Value = Vec<&'static str>> {
    let some = vec![
        vec!["pod-template-hash"],
        vec!["controller-revision-hash"],
        vec!["zone-of-nobody"],
        vec!["release"],
        vec!["pod-template-hash", "release"],
        vec!["apps.kubernetes.io/pod-index"],
        vec!["statefulset.kubernetes.io/pod-name"],
    ];
    prop_oneof![2 => Just(Vec::new()), 1 => select(some)]
}

fn spread() -> impl Strategy<Value = Term> {
    let key = select(vec![HOST, HOST, HOST, HOST, ZONE, ZONE, ZONE, REGION, RACK]);
    let more = select(vec![
        json!({}),
        json!({}),
        json!({ "nodeTaintsPolicy": "Honor" }),
        json!({ "nodeAffinityPolicy": "Ignore" }),
        json!({ "minDomains": 2 }),
    ]);
    let drawn = (key, any::<bool>(), 1..=3i32, Pods::any(), label_keys(), more);
    drawn.prop_map(|(key, hard, skew, pods, keys, mut more)| {
        // Without the label on any node, DoNotSchedule finds none; minDomains goes with DoNotSchedule.
        let hard = hard && key != RACK;
        let fits = hard && key != REGION;
        if !fits && more["minDomains"].is_number() {
            more = json!({});
        }
        // The API server wants a selector beside them.
        let keys = if pods == Pods::Absent { Vec::new() } else { keys };
        Term::Spread {
            key,
            hard,
            skew,
            pods,
            keys,
            more,
        }
    })
}

fn apart() -> impl Strategy<Value = Term> {
    let key = select(vec![HOST, HOST, HOST, HOST, ZONE, ZONE, ZONE, REGION, RACK]);
    let mismatch = prop_oneof![
        8 => Just(Vec::new()),
        1 => select(vec![vec!["tier"], vec!["zone-of-nobody"], vec!["pod-template-hash"], vec!["apps.kubernetes.io/pod-index"]]),
    ];
    let namespaces = prop_oneof![1 => Just(0), 1 => 1..NAMESPACES.len()];
    let drawn = (
        key,
        any::<bool>(),
        Pods::any(),
        label_keys(),
        mismatch,
        namespaces,
    );
    drawn.prop_map(|(key, hard, pods, keys, mismatch, namespaces)| {
        let selects = pods != Pods::Absent;
        let clash = mismatch.iter().any(|key| keys.contains(key))
            || matches!(pods, Pods::OwnOfTier | Pods::OtherTier);
        Term::Apart {
            key,
            hard,
            pods,
            keys: if selects { keys } else { Vec::new() },
            mismatch: if selects && !clash { mismatch } else { Vec::new() },
            namespaces: if pods.is_broad() { 0 } else { namespaces },
        }
    })
}

/// Which namespaces an anti-affinity term looks at: `OWN` stands for the workload's, whose team is `ours`.
const NAMESPACES: [&str; 9] = [
    "{}",
    r#"{"namespaces": ["OWN"]}"#,
    r#"{"namespaces": ["default"]}"#,
    r#"{"namespaceSelector": {}}"#,
    r#"{"namespaceSelector": {"matchLabels": {"team": "ours"}}}"#,
    r#"{"namespaceSelector": {"matchLabels": {"team": "theirs"}}}"#,
    r#"{"namespaces": ["default"], "namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "Exists"}]}}"#,
    r#"{"namespaces": ["OWN"], "namespaceSelector": {"matchLabels": {"team": "theirs"}}}"#,
    r#"{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "OWN"}}}"#,
];

impl Term {
    fn pods(&self) -> Pods {
        match self {
            Term::Spread { pods, .. } | Term::Apart { pods, .. } => *pods,
        }
    }

    fn put(&self, spec: &mut Value, name: &str, namespace: &str) {
        match self {
            Term::Spread {
                key,
                hard,
                skew,
                pods,
                keys,
                more,
            } => {
                let mut constraint = more.clone();
                constraint["topologyKey"] = (*key).into();
                constraint["maxSkew"] = (*skew).into();
                constraint["whenUnsatisfiable"] =
                    if *hard { "DoNotSchedule" } else { "ScheduleAnyway" }.into();
                constraint["labelSelector"] = pods.selector(name).into();
                constraint["matchLabelKeys"] = json!(keys);
                push(&mut spec["topologySpreadConstraints"], constraint);
            }
            Term::Apart {
                key,
                hard,
                pods,
                keys,
                mismatch,
                namespaces,
            } => {
                let namespaces = NAMESPACES[*namespaces].replace("OWN", namespace);
                let mut term: Value = serde_json::from_str(&namespaces).expect("JSON");
                term["topologyKey"] = (*key).into();
                term["labelSelector"] = pods.selector(name).into();
                term["matchLabelKeys"] = json!(keys);
                term["mismatchLabelKeys"] = json!(mismatch);
                let terms = &mut spec["affinity"]["podAntiAffinity"];
                if *hard {
                    push(&mut terms["requiredDuringSchedulingIgnoredDuringExecution"], term);
                } else {
                    let preferred = json!({ "weight": 50, "podAffinityTerm": term });
                    push(
                        &mut terms["preferredDuringSchedulingIgnoredDuringExecution"],
                        preferred,
                    );
                }
            }
        }
    }
}

fn push(list: &mut Value, item: Value) {
    match list {
        Value::Array(items) => items.push(item),
        empty => *empty = json!([item]),
    }
}

/// A workload of two or three replicas that a node attracts.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    set: bool,
    replicas: usize,
    terms: Vec<Term>,
}

/// Any.
pub(super) fn shapes() -> impl Strategy<Value = Shape> {
    let term = || prop_oneof![spread(), apart()];
    let terms = prop_oneof![1 => Just(Vec::new()), 12 => term().prop_map(|t| vec![t]), 4 => proptest::collection::vec(term(), 2)];
    (proptest::bool::weighted(0.3), 2..=3usize, terms).prop_map(|(set, replicas, mut terms)| {
        // A soft constraint over the only region draws nowhere, but its count weakens another's pull.
        let alone = terms.len() == 1;
        terms.retain(|term| {
            alone
                || !matches!(
                    term,
                    Term::Spread {
                        key: REGION,
                        hard: false,
                        ..
                    }
                )
        });
        // The API server takes no two constraints over one key with one whenUnsatisfiable.
        let mut seen = Vec::new();
        terms.retain(|term| match term {
            Term::Spread { key, hard, .. } if seen.contains(&(*key, *hard)) => false,
            Term::Spread { key, hard, .. } => {
                seen.push((*key, *hard));
                true
            }
            Term::Apart { .. } => true,
        });
        Shape { set, replicas, terms }
    })
}

impl Shape {
    pub(super) fn replicas(&self) -> usize {
        self.replicas
    }

    /// Whether a term may select pods of other workloads.
    pub(super) fn is_broad(&self) -> bool {
        self.terms.iter().any(|term| term.pods().is_broad())
    }

    /// Whether its hard terms over a key leave no room for two pods in one of the domains, of which there are so many.
    pub(super) fn parts_every_pair(&self, over: &str, domains: usize) -> bool {
        self.terms.iter().all(|term| match term {
            Term::Spread { key, hard, skew, .. } if *hard && *key == over => {
                *skew == 1 && self.replicas <= domains
            }
            Term::Spread { .. } | Term::Apart { .. } => true,
        })
    }

    /// Whether its only term has matchLabelKeys or mismatchLabelKeys.
    pub(super) fn has_label_keys(&self) -> bool {
        match self.terms.as_slice() {
            [Term::Spread { keys, .. }] => !keys.is_empty(),
            [Term::Apart { keys, mismatch, .. }] => !(keys.is_empty() && mismatch.is_empty()),
            _ => false,
        }
    }

    /// Whether nodes that take no pods are left out of the count, so that one that is left alone keeps nothing apart.
    pub(super) fn leaves_out_cordoned(&self) -> bool {
        self.terms
            .iter()
            .any(|term| matches!(term, Term::Spread { more, .. } if more["nodeTaintsPolicy"] == "Honor"))
    }

    /// The manifest: drawn to node `attractive`, but less so than a soft term that has an effect draws away. Of 200
    /// points for a soft term, a node without pods of the workload has all. The one with all of them so far has at most
    /// 53 where the term has an effect (`maxSkew` below the replicas), at least 72 where it has none. By its affinity
    /// that node has 200, the others 60: between the two.
    pub(super) fn manifest(&self, name: &str, namespace: &str, attractive: &str) -> Value {
        let node = |operator: &str| json!({ "matchExpressions": [{ "key": HOST, "operator": operator, "values": [attractive] }] });
        let mut spec = json!({
            "containers": [{ "name": "app", "image": "registry.invalid/app:1",
                "resources": { "requests": { "cpu": "1m", "memory": "1Mi" } } }],
            "affinity": { "nodeAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [
                { "weight": 100, "preference": node("In") }, { "weight": 30, "preference": node("NotIn") } ] } },
        });
        self.terms
            .iter()
            .for_each(|term| term.put(&mut spec, name, namespace));
        let labels = json!({ "app": name, "group": name, "tier": "web", "release": "1" });
        let mut workload = json!({
            "apiVersion": "apps/v1", "kind": if self.set { "StatefulSet" } else { "Deployment" },
            "metadata": { "name": name, "namespace": namespace },
            "spec": { "replicas": self.replicas, "selector": { "matchLabels": { "app": name } },
                "template": { "metadata": { "labels": labels }, "spec": spec } },
        });
        if self.set {
            workload["spec"]["serviceName"] = name.into();
            workload["spec"]["podManagementPolicy"] = "Parallel".into();
        }
        workload
    }
}
