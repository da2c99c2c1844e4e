//! Which thresholds are in force for a workload.
//!
//! There is one policy today, the built-in one: audit everything, patch nothing. `ResiliencePolicy` objects will be parsed
//! into this same type, merged per workload.

pub mod ownership;

use self::ownership::{CRITICALITY_KEYS, OWNER_KEYS, RUNBOOK_KEYS};
use crate::model::node::{HOSTNAME_LABEL, REGION_LABEL, ZONE_LABEL};
use crate::model::quantity::Quantity;

/// The thresholds that rules read.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The smallest effective floor that `min-replicas` accepts, replicas.
    pub min_replicas: u32,
    /// Topology keys that `pod-spread` accepts.
    pub topology_keys: Vec<String>,
    /// Whether `min-replicas` judges workloads that an autoscaler may scale to zero.
    pub judge_scale_to_zero: bool,
    /// How much of the floor's capacity one replica may carry before `few-large-replicas` says so, percent.
    pub max_capacity_loss_percent: u32,
    /// How many times its request a memory limit may be before `resource-requests` says so.
    pub max_limit_request_ratio: u32,
    /// How long pods may tolerate a node that is not ready or unreachable before `eviction-tolerance` says so, seconds.
    pub max_toleration_seconds: u32,
    /// The memory limit that remedies propose where there is no request to go by, bytes; `None` = they propose none.
    pub memory_limit: Option<Quantity>,
    /// Whether `requires` tells of a namespace that itself does not say who may ask about it.
    pub requires_across_namespaces: bool,
    /// The annotations and labels that name who runs a workload, the first to count first. Other keys than the built-in
    /// ones must be labels: of annotations no others are read.
    pub owner_keys: Vec<String>,
    /// Those that say what to do when it fails.
    pub runbook_keys: Vec<String>,
    /// Those that say whom it serves.
    pub criticality_keys: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            min_replicas: 2,
            judge_scale_to_zero: false,
            // One of two replicas: with the smallest floor that `min-replicas` accepts, the loss of one leaves half.
            max_capacity_loss_percent: 50,
            max_limit_request_ratio: 4,
            // What the API server's DefaultTolerationSeconds admission adds to every pod.
            max_toleration_seconds: 300,
            memory_limit: None,
            requires_across_namespaces: true,
            owner_keys: OWNER_KEYS.map(str::to_owned).to_vec(),
            runbook_keys: RUNBOOK_KEYS.map(str::to_owned).to_vec(),
            criticality_keys: CRITICALITY_KEYS.map(str::to_owned).to_vec(),
            topology_keys: [
                HOSTNAME_LABEL,
                ZONE_LABEL,
                REGION_LABEL,
                // Deprecated since 1.17 and still set by some cloud providers.
                "failure-domain.beta.kubernetes.io/zone",
                "failure-domain.beta.kubernetes.io/region",
            ]
            .map(str::to_owned)
            .to_vec(),
        }
    }
}
