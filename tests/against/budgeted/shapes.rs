//! Budgets and the workloads under them, drawn at random: numbers, selectors, how many of which kind.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// The node that holds all pods.
pub(super) const NODE: &str = "budgeted-1";

/// A workload of a case.
#[derive(Clone, Debug)]
struct Planted {
    kind: &'static str,
    replicas: u32,
    /// An autoscaler's floor, which its controller raises the replicas to.
    floor: Option<u32>,
    tier: Option<&'static str>,
}

/// What a budget selects of its case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Selects {
    /// By the label that all of the case have.
    Case,
    /// By the same as an expression.
    CaseByExpression,
    /// Those of the tier `web`.
    Web,
    /// Those of the tiers `web` and `db`, or of none but these.
    In,
    NotIn,
    /// Those with or without any tier.
    Tiered,
    Untiered,
    /// The first workload.
    First,
    /// Everything in the namespace, which is the case's own.
    Everything,
    /// Nothing: the selector is absent.
    Absent,
}

/// A PodDisruptionBudget of a case.
#[derive(Clone, Debug)]
struct Budget {
    selects: Selects,
    spec: Value,
}

/// Workloads and budgets that belong together.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    planted: Vec<Planted>,
    budgets: Vec<Budget>,
}

fn planted() -> impl Strategy<Value = Planted> {
    let kind = select(vec![
        "Deployment",
        "Deployment",
        "Deployment",
        "Deployment",
        "StatefulSet",
        "StatefulSet",
        "ReplicaSet",
        "Pod",
        "DaemonSet",
    ]);
    let tier = select(vec![None, Some("web"), Some("db"), Some("job")]);
    let floor = prop_oneof![5 => Just(None), 1 => (2..=4_u32).prop_map(Some)];
    let replicas = select(vec![0, 1, 1, 2, 2, 3, 3, 4, 5, 7]);
    (kind, replicas, floor, tier).prop_map(|(kind, replicas, floor, tier)| Planted {
        kind,
        // An autoscaler's controller leaves what is above its floor, and what is off.
        replicas: match floor {
            Some(_) if kind == "Deployment" => 1,
            _ => replicas,
        },
        floor: floor.filter(|_| kind == "Deployment"),
        tier,
    })
}

fn amount() -> impl Strategy<Value = Value> {
    let percent = select(vec![
        0, 1, 10, 25, 33, 34, 49, 50, 51, 66, 67, 75, 80, 90, 99, 100,
    ]);
    prop_oneof![
        (0..=7_u32).prop_map(Value::from),
        percent.prop_map(|p| format!("{p}%").into())
    ]
}

fn budget() -> impl Strategy<Value = Budget> {
    let selects = prop_oneof![
        8 => Just(Selects::Case),
        2 => Just(Selects::CaseByExpression),
        5 => select(vec![Selects::Web, Selects::In, Selects::NotIn, Selects::Tiered, Selects::Untiered, Selects::First]),
        1 => Just(Selects::Everything),
        1 => Just(Selects::Absent),
    ];
    let number = prop_oneof![
        7 => amount().prop_map(|n| json!({ "minAvailable": n })),
        7 => amount().prop_map(|n| json!({ "maxUnavailable": n })),
        1 => Just(json!({})),
    ];
    (selects, number, any::<bool>()).prop_map(|(selects, mut spec, always)| {
        if always {
            spec["unhealthyPodEvictionPolicy"] = "AlwaysAllow".into();
        }
        Budget { selects, spec }
    })
}

pub(super) fn shapes() -> impl Strategy<Value = Shape> {
    let several = prop_oneof![3 => Just(1_usize), 2 => Just(2), 1 => Just(3)];
    let workloads = several.prop_flat_map(|n| prop::collection::vec(planted(), n));
    let budgets = prop_oneof![
        6 => prop::collection::vec(budget(), 1),
        1 => prop::collection::vec(budget(), 2)
    ];
    (workloads, budgets).prop_map(|(planted, budgets)| Shape { planted, budgets })
}

impl Shape {
    /// Whether it needs a namespace of its own.
    pub(super) fn is_broad(&self) -> bool {
        self.budgets.iter().any(|b| b.selects == Selects::Everything)
    }

    /// Its workloads and autoscalers.
    pub(super) fn workloads(&self, case: &str, namespace: &str) -> Vec<Value> {
        let of =
            |(at, planted): (usize, &Planted)| planted.manifests(&format!("{case}-{at}"), case, namespace);
        self.planted.iter().enumerate().flat_map(of).collect()
    }

    /// Its budgets.
    pub(super) fn budgets(&self, case: &str, namespace: &str) -> Vec<Value> {
        let of = |(at, budget): (usize, &Budget)| {
            let mut spec = budget.spec.clone();
            if let Some(selector) = budget.selects.selector(case) {
                spec["selector"] = selector;
            }
            json!({ "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": spec,
                    "metadata": { "name": format!("{case}-{at}"), "namespace": namespace } })
        };
        self.budgets.iter().enumerate().map(of).collect()
    }
}

impl Selects {
    fn selector(self, case: &str) -> Option<Value> {
        let tier = |operator: &str, values: Option<&[&str]>| {
            let tier = json!({ "key": "tier", "operator": operator, "values": values });
            json!({ "matchLabels": { "case": case }, "matchExpressions": [tier] })
        };
        Some(match self {
            Selects::Case => json!({ "matchLabels": { "case": case } }),
            Selects::CaseByExpression => {
                json!({ "matchExpressions": [{ "key": "case", "operator": "In", "values": ["nobody", case] }] })
            }
            Selects::Web => json!({ "matchLabels": { "case": case, "tier": "web" } }),
            Selects::In => tier("In", Some(&["web", "db"])),
            Selects::NotIn => tier("NotIn", Some(&["web", "db"])),
            Selects::Tiered => tier("Exists", None),
            Selects::Untiered => tier("DoesNotExist", None),
            Selects::First => json!({ "matchLabels": { "app": format!("{case}-0") } }),
            Selects::Everything => json!({}),
            Selects::Absent => return None,
        })
    }
}

impl Planted {
    fn manifests(&self, name: &str, case: &str, namespace: &str) -> Vec<Value> {
        let mut labels = json!({ "app": name, "case": case });
        if let Some(tier) = self.tier {
            labels["tier"] = tier.into();
        }
        let mut pod = json!({ "containers": [{ "name": "app", "image": "registry.invalid/app:1" }] });
        let metadata = json!({ "name": name, "namespace": namespace });
        if self.kind == "Pod" {
            pod["nodeName"] = NODE.into();
            let metadata = json!({ "name": name, "namespace": namespace, "labels": labels });
            return vec![json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod })];
        }
        if self.kind == "DaemonSet" {
            // One pod: its controller goes through the scheduler.
            pod["nodeSelector"] = json!({ "kubernetes.io/hostname": NODE });
            pod["tolerations"] = json!([{ "operator": "Exists" }]);
        } else {
            pod["nodeName"] = NODE.into();
        }
        let template = json!({ "metadata": { "labels": labels }, "spec": pod });
        let mut workload = json!({
            "apiVersion": "apps/v1", "kind": self.kind, "metadata": metadata,
            "spec": { "selector": { "matchLabels": { "app": name } }, "template": template },
        });
        if self.kind != "DaemonSet" {
            workload["spec"]["replicas"] = self.replicas.into();
        }
        if self.kind == "StatefulSet" {
            workload["spec"]["serviceName"] = name.into();
            workload["spec"]["podManagementPolicy"] = "Parallel".into();
        }
        let scaler = self.floor.map(|floor| {
            json!({ "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata,
                    "spec": { "minReplicas": floor, "maxReplicas": 9,
                              "scaleTargetRef": { "apiVersion": "apps/v1", "kind": self.kind, "name": name } } })
        });
        [workload].into_iter().chain(scaler).collect()
    }
}
