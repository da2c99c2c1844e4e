//! What a recording holds of an object: the fields that the projections beside this file read, and nothing else.
//!
//! This is an allowlist. What stands here may leave a cluster in a file that people hand around: no environment, no
//! command, no arguments, no annotation but those that are read ([`super::keys`]), and of kinds that are not read nothing
//! at all. The images of templates and pods are kept, because their tags are versions. Of a probe or a hook it is kept
//! that it is there, and by which means it asks, but not what. A field that a
//! projection begins to read must be added here; a test compares the projections of whole and of pruned objects.

use serde_json::{Map, Value};

use self::Keep::{Each, Items, Only, Read, Scalar};
use super::keys::{is_kedas, is_read};
use crate::model::keys::Kind;
use crate::model::version::VERSION_LABEL;

/// What is kept of a value. What has another shape than the one said here is left out.
enum Keep {
    /// A string, number or boolean.
    Scalar,
    /// These fields of a map.
    Only(&'static [(&'static str, Keep)]),
    /// Every field of a map.
    Each(&'static Keep),
    /// Those fields of a map that are among the annotations that are read.
    Read(fn(&str) -> bool),
    /// Every item of a list.
    Items(&'static Keep),
}

const TEXTS: Keep = Items(&Scalar);
const STRINGS: Keep = Each(&Scalar);

const SELECTOR: Keep = Only(&[
    ("matchLabels", STRINGS),
    (
        "matchExpressions",
        Items(&Only(&[("key", Scalar), ("operator", Scalar), ("values", TEXTS)])),
    ),
]);

const OWNERS: Keep = Items(&Only(&[
    ("apiVersion", Scalar),
    ("kind", Scalar),
    ("name", Scalar),
    ("controller", Scalar),
]));

/// `metadata`, with these labels, if any.
macro_rules! meta {
    ($($labels:expr)?) => {
        Only(&[
            ("name", Scalar),
            ("namespace", Scalar),
            ("uid", Scalar),
            ("creationTimestamp", Scalar),
            ("deletionTimestamp", Scalar),
            ("generation", Scalar),
            ("ownerReferences", OWNERS),
            ("annotations", Read(is_read)),
            $(("labels", $labels),)?
        ])
    };
}

const AMOUNTS: Keep = Only(&[("memory", Scalar), ("cpu", Scalar)]);
const RESOURCES: Keep = Only(&[("limits", AMOUNTS), ("requests", AMOUNTS)]);

/// Of a probe or a hook, which it is: an empty map.
const THERE: Keep = Only(&[]);

const PROBE: Keep = Only(&[
    ("exec", THERE),
    ("grpc", THERE),
    ("httpGet", THERE),
    ("tcpSocket", THERE),
]);

const HOOK: Keep = Only(&[
    ("exec", THERE),
    ("httpGet", THERE),
    ("sleep", THERE),
    ("tcpSocket", THERE),
]);

/// Of a template.
const CONTAINERS: Keep = Items(&Only(&[
    ("name", Scalar),
    ("image", Scalar),
    ("restartPolicy", Scalar),
    ("resources", RESOURCES),
    (
        "ports",
        Items(&Only(&[
            ("name", Scalar),
            ("containerPort", Scalar),
            ("hostPort", Scalar),
            ("protocol", Scalar),
        ])),
    ),
    ("readinessProbe", PROBE),
    ("lifecycle", Only(&[("preStop", HOOK)])),
]));

const LIMITED: Keep = Only(&[("limits", Only(&[("memory", Scalar)]))]);

/// Of a running pod.
const RUNNING: Keep = Items(&Only(&[
    ("name", Scalar),
    ("image", Scalar),
    ("resources", LIMITED),
]));

const TOLERATIONS: Keep = Items(&Only(&[
    ("key", Scalar),
    ("operator", Scalar),
    ("value", Scalar),
    ("effect", Scalar),
    ("tolerationSeconds", Scalar),
]));

const REQUIREMENTS: Keep = Items(&Only(&[("key", Scalar), ("operator", Scalar), ("values", TEXTS)]));

const NODE_SELECTOR: Keep = Only(&[(
    "nodeSelectorTerms",
    Items(&Only(&[
        ("matchExpressions", REQUIREMENTS),
        ("matchFields", REQUIREMENTS),
    ])),
)]);

const NODE_AFFINITY: Keep = Only(&[("requiredDuringSchedulingIgnoredDuringExecution", NODE_SELECTOR)]);

const POD_TERM: Keep = Only(&[
    ("topologyKey", Scalar),
    ("labelSelector", SELECTOR),
    ("matchLabelKeys", TEXTS),
    ("mismatchLabelKeys", TEXTS),
    ("namespaces", TEXTS),
    ("namespaceSelector", SELECTOR),
]);

const POD_ANTI_AFFINITY: Keep = Only(&[
    ("requiredDuringSchedulingIgnoredDuringExecution", Items(&POD_TERM)),
    (
        "preferredDuringSchedulingIgnoredDuringExecution",
        Items(&Only(&[("podAffinityTerm", POD_TERM)])),
    ),
]);

const SPREAD: Keep = Items(&Only(&[
    ("topologyKey", Scalar),
    ("maxSkew", Scalar),
    ("whenUnsatisfiable", Scalar),
    ("labelSelector", SELECTOR),
    ("matchLabelKeys", TEXTS),
]));

/// `spec` of a pod template, or of a pod that is its own workload.
const POD_SPEC: Keep = Only(&[
    ("containers", CONTAINERS),
    ("initContainers", CONTAINERS),
    ("resources", RESOURCES),
    ("overhead", AMOUNTS),
    ("terminationGracePeriodSeconds", Scalar),
    ("hostNetwork", Scalar),
    (
        "volumes",
        Items(&Only(&[(
            "persistentVolumeClaim",
            Only(&[("claimName", Scalar)]),
        )])),
    ),
    ("nodeSelector", STRINGS),
    (
        "affinity",
        Only(&[
            ("nodeAffinity", NODE_AFFINITY),
            ("podAntiAffinity", POD_ANTI_AFFINITY),
        ]),
    ),
    ("topologySpreadConstraints", SPREAD),
    ("tolerations", TOLERATIONS),
    ("nodeName", Scalar),
]);

/// `spec.template`.
const TEMPLATE: Keep = Only(&[
    (
        "metadata",
        Only(&[("labels", STRINGS), ("annotations", Read(is_read))]),
    ),
    ("spec", POD_SPEC),
]);

const STRATEGY: Keep = Only(&[
    ("type", Scalar),
    (
        "rollingUpdate",
        Only(&[
            ("maxUnavailable", Scalar),
            ("maxSurge", Scalar),
            ("partition", Scalar),
        ]),
    ),
]);

/// Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob: what one kind lacks is absent.
static WORKLOAD: Keep = Only(&[
    ("metadata", meta!(STRINGS)),
    (
        "spec",
        Only(&[
            ("replicas", Scalar),
            ("selector", SELECTOR),
            ("template", TEMPLATE),
            ("strategy", STRATEGY),
            ("updateStrategy", STRATEGY),
            ("progressDeadlineSeconds", Scalar),
            (
                "volumeClaimTemplates",
                Items(&Only(&[("metadata", Only(&[("name", Scalar)]))])),
            ),
            ("ordinals", Only(&[("start", Scalar)])),
            ("paused", Scalar),
            ("jobTemplate", Only(&[("spec", Only(&[("template", TEMPLATE)]))])),
        ]),
    ),
    (
        "status",
        Only(&[
            ("observedGeneration", Scalar),
            ("replicas", Scalar),
            ("currentNumberScheduled", Scalar),
            ("updatedReplicas", Scalar),
            ("updatedNumberScheduled", Scalar),
            ("readyReplicas", Scalar),
            ("numberReady", Scalar),
            (
                "conditions",
                Items(&Only(&[("type", Scalar), ("status", Scalar), ("reason", Scalar)])),
            ),
        ]),
    ),
]);

const POD_STATUS: Keep = Only(&[
    ("phase", Scalar),
    (
        "conditions",
        Items(&Only(&[("type", Scalar), ("status", Scalar)])),
    ),
]);

/// A pod that something controls.
static POD: Keep = Only(&[
    (
        "metadata",
        meta!(Only(&[
            ("pod-template-hash", Scalar),
            ("controller-revision-hash", Scalar),
            (VERSION_LABEL, Scalar),
        ])),
    ),
    (
        "spec",
        Only(&[
            ("nodeName", Scalar),
            ("containers", RUNNING),
            ("initContainers", RUNNING),
            ("resources", LIMITED),
            ("tolerations", TOLERATIONS),
        ]),
    ),
    ("status", POD_STATUS),
]);

/// A pod that is its own workload.
static BARE_POD: Keep = Only(&[
    ("metadata", meta!(STRINGS)),
    ("spec", POD_SPEC),
    ("status", POD_STATUS),
]);

static NODE: Keep = Only(&[
    ("metadata", meta!(STRINGS)),
    (
        "spec",
        Only(&[
            ("unschedulable", Scalar),
            (
                "taints",
                Items(&Only(&[
                    ("key", Scalar),
                    ("value", Scalar),
                    ("effect", Scalar),
                    ("timeAdded", Scalar),
                ])),
            ),
        ]),
    ),
    (
        "status",
        Only(&[
            (
                "conditions",
                Items(&Only(&[
                    ("type", Scalar),
                    ("status", Scalar),
                    ("reason", Scalar),
                    ("lastTransitionTime", Scalar),
                    ("lastHeartbeatTime", Scalar),
                ])),
            ),
            (
                "nodeInfo",
                Only(&[("bootID", Scalar), ("kubeletVersion", Scalar)]),
            ),
            ("allocatable", Only(&[("memory", Scalar), ("cpu", Scalar)])),
        ]),
    ),
]);

static LEASE: Keep = Only(&[("metadata", meta!()), ("spec", Only(&[("renewTime", Scalar)]))]);

static NAMESPACE: Keep = Only(&[("metadata", meta!(STRINGS))]);

const SCALE_TARGET: Keep = Only(&[("apiVersion", Scalar), ("kind", Scalar), ("name", Scalar)]);

/// Of an autoscaler.
const CONDITIONS: Keep = Items(&Only(&[
    ("type", Scalar),
    ("status", Scalar),
    ("reason", Scalar),
    ("lastTransitionTime", Scalar),
]));

static AUTOSCALER: Keep = Only(&[
    ("metadata", meta!()),
    (
        "spec",
        Only(&[
            ("scaleTargetRef", SCALE_TARGET),
            ("minReplicas", Scalar),
            ("maxReplicas", Scalar),
        ]),
    ),
    (
        "status",
        Only(&[("currentReplicas", Scalar), ("conditions", CONDITIONS)]),
    ),
]);

static SCALED_OBJECT: Keep = Only(&[
    (
        "metadata",
        Only(&[
            ("name", Scalar),
            ("namespace", Scalar),
            ("uid", Scalar),
            ("annotations", Read(is_kedas)),
        ]),
    ),
    (
        "spec",
        Only(&[
            ("scaleTargetRef", SCALE_TARGET),
            ("minReplicaCount", Scalar),
            ("maxReplicaCount", Scalar),
            ("idleReplicaCount", Scalar),
            (
                "advanced",
                Only(&[("horizontalPodAutoscalerConfig", Only(&[("name", Scalar)]))]),
            ),
        ]),
    ),
    ("status", Only(&[("conditions", CONDITIONS)])),
]);

static BUDGET: Keep = Only(&[
    ("metadata", meta!()),
    (
        "spec",
        Only(&[
            ("selector", SELECTOR),
            ("minAvailable", Scalar),
            ("maxUnavailable", Scalar),
            ("unhealthyPodEvictionPolicy", Scalar),
        ]),
    ),
]);

static SERVICE: Keep = Only(&[
    ("metadata", meta!()),
    (
        "spec",
        Only(&[
            ("selector", STRINGS),
            ("type", Scalar),
            ("publishNotReadyAddresses", Scalar),
            (
                "ports",
                Items(&Only(&[
                    ("port", Scalar),
                    ("targetPort", Scalar),
                    ("protocol", Scalar),
                ])),
            ),
        ]),
    ),
]);

static ENDPOINT_SLICE: Keep = Only(&[
    ("metadata", meta!(Only(&[("kubernetes.io/service-name", Scalar)]))),
    (
        "endpoints",
        Items(&Only(&[("conditions", Only(&[("ready", Scalar)]))])),
    ),
]);

static LIMIT_RANGE: Keep = Only(&[
    ("metadata", meta!()),
    (
        "spec",
        Only(&[(
            "limits",
            Items(&Only(&[
                ("type", Scalar),
                ("default", AMOUNTS),
                ("defaultRequest", AMOUNTS),
                ("max", AMOUNTS),
                ("min", AMOUNTS),
            ])),
        )]),
    ),
]);

static PERSISTENT_VOLUME: Keep = Only(&[
    ("metadata", meta!()),
    (
        "spec",
        Only(&[
            ("claimRef", Only(&[("namespace", Scalar), ("name", Scalar)])),
            ("nodeAffinity", Only(&[("required", NODE_SELECTOR)])),
        ]),
    ),
    ("status", Only(&[("phase", Scalar)])),
]);

static POLICY: Keep = Only(&[
    ("metadata", meta!()),
    (
        "spec",
        Only(&[
            ("namespaceSelector", SELECTOR),
            ("workloadSelector", SELECTOR),
            ("priority", Scalar),
            (
                "thresholds",
                Only(&[
                    ("minReplicas", Scalar),
                    ("topologyKeys", TEXTS),
                    ("scaleToZero", Scalar),
                    ("maxCapacityLossPercent", Scalar),
                    ("maxLimitRequestRatio", Scalar),
                    ("maxTolerationSeconds", Scalar),
                    ("memoryLimit", Scalar),
                    ("requiresAcrossNamespaces", Scalar),
                ]),
            ),
            (
                "rules",
                Items(&Only(&[
                    ("name", Scalar),
                    ("severity", Scalar),
                    ("admission", Scalar),
                    ("patch", Scalar),
                    ("locked", Scalar),
                ])),
            ),
            (
                "exemptions",
                Only(&[("annotation", Scalar), ("namespaces", TEXTS)]),
            ),
            (
                "ownership",
                Only(&[
                    ("ownerKeys", TEXTS),
                    ("runbookKeys", TEXTS),
                    ("criticalityKeys", TEXTS),
                ]),
            ),
        ]),
    ),
    (
        "status",
        Only(&[
            ("observedGeneration", Scalar),
            ("workloads", Scalar),
            (
                "conditions",
                Items(&Only(&[
                    ("type", Scalar),
                    ("status", Scalar),
                    ("reason", Scalar),
                    ("message", Scalar),
                    ("observedGeneration", Scalar),
                    ("lastTransitionTime", Scalar),
                ])),
            ),
        ]),
    ),
]);

const fn kept(kind: Kind, is_controlled: bool) -> &'static Keep {
    match kind {
        Kind::Deployment
        | Kind::StatefulSet
        | Kind::DaemonSet
        | Kind::CronJob
        | Kind::Job
        | Kind::ReplicaSet => &WORKLOAD,
        Kind::Pod if is_controlled => &POD,
        Kind::Pod => &BARE_POD,
        Kind::Node => &NODE,
        Kind::Lease => &LEASE,
        Kind::Namespace => &NAMESPACE,
        Kind::HorizontalPodAutoscaler => &AUTOSCALER,
        Kind::ScaledObject => &SCALED_OBJECT,
        Kind::PodDisruptionBudget => &BUDGET,
        Kind::Service => &SERVICE,
        Kind::EndpointSlice => &ENDPOINT_SLICE,
        Kind::LimitRange => &LIMIT_RANGE,
        Kind::PersistentVolume => &PERSISTENT_VOLUME,
        Kind::ResiliencePolicy => &POLICY,
    }
}

/// The object of `kind` with nothing in it but what is read; says what it is, which items of a list do not.
#[must_use]
pub fn prune(kind: Kind, object: Value) -> Value {
    let mut pruned = Map::new();
    pruned.insert("apiVersion".to_owned(), kind.api_version().into());
    pruned.insert("kind".to_owned(), kind.as_str().into());
    let owners = object["metadata"]["ownerReferences"].as_array();
    let is_controlled = owners.is_some_and(|owners| owners.iter().any(|owner| owner["controller"] == true));
    if let Some(Value::Object(fields)) = keep(kept(kind, is_controlled), object) {
        pruned.extend(fields);
    }
    Value::Object(pruned)
}

fn keep(what: &Keep, value: Value) -> Option<Value> {
    match (what, value) {
        // `null` says something only where a quantity stands; the projections know.
        (Scalar, value) => (!value.is_object() && !value.is_array()).then_some(value),
        (Items(item), Value::Array(items)) => {
            // An item that is left out would move those behind it.
            let items = items
                .into_iter()
                .map(|value| keep(item, value).unwrap_or(Value::Null));
            Some(items.collect::<Vec<_>>().into())
        }
        // A map that is left empty stays: an empty selector selects everything, an absent one nothing.
        (Only(fields), Value::Object(mut map)) => {
            let field =
                |(name, what): &(&str, Keep)| Some(((*name).to_owned(), keep(what, map.remove(*name)?)?));
            Some(fields.iter().filter_map(field).collect::<Map<_, _>>().into())
        }
        (Each(what), Value::Object(map)) => {
            let field = |(name, value)| Some((name, keep(what, value)?));
            Some(map.into_iter().filter_map(field).collect::<Map<_, _>>().into())
        }
        (Read(is_read), Value::Object(map)) => {
            let read = map.into_iter().filter(|(name, _)| is_read(name));
            let read: Map<_, _> = read
                .filter_map(|(name, value)| Some((name, keep(&Scalar, value)?)))
                .collect();
            (!read.is_empty()).then(|| read.into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
