//! PersistentVolumes, as far as they keep the pods that use them on some nodes.

use super::keys::Name;
use super::template::NodeSelectorTerm;

/// What the engine reads of a PersistentVolume. Claims are not read: a volume that is bound says to which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersistentVolume {
    /// `metadata.name`.
    pub name: Name,
    /// `spec.claimRef`, unless its claim is gone (phase `Released`) or it is broken (`Failed`).
    pub claim: Option<Claim>,
    /// `spec.nodeAffinity.required.nodeSelectorTerms`: one must match a node's labels. `None` = every node reaches it.
    pub node_affinity: Option<Vec<NodeSelectorTerm>>,
}

/// A PersistentVolumeClaim, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claim {
    /// `namespace`.
    pub namespace: Name,
    /// `name`.
    pub name: Name,
}
