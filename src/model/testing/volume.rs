//! PersistentVolumes.

use super::split;
use crate::model::keys::Name;
use crate::model::node::ZONE_LABEL;
use crate::model::object::Object;
use crate::model::template::{NodeOperator, NodeRequirement, NodeSelectorTerm};
use crate::model::volume::{Claim, PersistentVolume};

/// A volume that is bound to the claim `namespace/name`, and that every node reaches.
pub(crate) fn volume(name: &str, claim: &str) -> PersistentVolume {
    let (namespace, claim) = split(claim);
    PersistentVolume {
        name: name.into(),
        claim: Some(Claim {
            namespace,
            name: claim,
        }),
        node_affinity: None,
    }
}

/// A term that asks for one of these values of a label.
pub(crate) fn node_term(key: &str, values: &[&str]) -> NodeSelectorTerm {
    NodeSelectorTerm {
        expressions: vec![NodeRequirement {
            key: key.into(),
            operator: NodeOperator::In,
            values: values.iter().map(|value| Name::from(*value)).collect(),
        }],
        fields: Vec::new(),
    }
}

impl PersistentVolume {
    /// Reached only by nodes whose label has this value.
    pub(crate) fn at(mut self, key: &str, value: &str) -> Self {
        self.node_affinity = Some(vec![node_term(key, &[value])]);
        self
    }
    pub(crate) fn in_zone(self, zone: &str) -> Self {
        self.at(ZONE_LABEL, zone)
    }
    pub(crate) fn object(self) -> Object {
        Object::PersistentVolume(self)
    }
}
