//! PersistentVolumes: which claim they are bound to, and which nodes reach them.

use serde::Deserialize;

use super::Projection;
use super::loose::{Fields, Struct, Text};
use super::meta::{Identity, Meta, Skipped, name};
use super::path::{Path, Problems};
use super::scheduling::NodeSelector;
use crate::model::keys::Kind;
use crate::model::object::Object;
use crate::model::volume::{Claim, PersistentVolume};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct VolumeFields<'a> {
    #[serde(borrow)]
    metadata: Struct<Meta<'a, Skipped<'a>>>,
    #[serde(borrow)]
    spec: Struct<Spec<'a>>,
    #[serde(borrow)]
    status: Struct<Status<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow)]
    claim_ref: Struct<ClaimRef<'a>>,
    #[serde(borrow)]
    node_affinity: Struct<NodeAffinity<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ClaimRef<'a> {
    #[serde(borrow)]
    namespace: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeAffinity<'a> {
    #[serde(borrow)]
    required: Struct<NodeSelector<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status<'a> {
    #[serde(borrow)]
    phase: Text<'a>,
}

impl<'a> Projection<'a> for VolumeFields<'a> {
    fn project(self, _: Kind, problems: &mut Problems) -> (Identity<'a>, Option<Object>) {
        let identity = Identity::take(&mut self.metadata.fields_or_default(), problems);
        let Some(own_name) = identity.name.clone() else {
            return (identity, None);
        };
        let path = Path::Root.key("spec");
        let spec = self.spec.fields(path, problems);
        let phase = self.status.fields_or_default().phase.ok();
        // A volume that is released, or broken, still names the claim that it was bound to.
        let bound = !matches!(phase.as_deref(), Some("Released" | "Failed"));
        let claim = spec.claim_ref.take(path.key("claimRef"), problems);
        let claim = claim.filter(|_| bound).map(|Fields(claim)| Claim {
            namespace: name(claim.namespace),
            name: name(claim.name),
        });
        let affinity = path.key("nodeAffinity");
        let required = spec.node_affinity.fields(affinity, problems).required;
        let volume = PersistentVolume {
            name: own_name,
            claim: claim.filter(|claim| !claim.name.is_empty()),
            node_affinity: NodeSelector::terms(required, affinity.key("required"), problems),
        };
        (identity, Some(Object::PersistentVolume(volume)))
    }
}
