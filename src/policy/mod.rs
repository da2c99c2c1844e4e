//! Which thresholds are in force for a workload.
//!
//! There is one policy today, the built-in one: audit everything, patch nothing. `ResiliencePolicy` objects will be parsed
//! into this same type, merged per workload.

use crate::model::node::{HOSTNAME_LABEL, REGION_LABEL, ZONE_LABEL};

/// The thresholds that rules read.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The smallest effective floor that `min-replicas` accepts, replicas.
    pub min_replicas: u32,
    /// Topology keys that `pod-spread` accepts.
    pub topology_keys: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            min_replicas: 2,
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
