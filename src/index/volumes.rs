//! PersistentVolumes: where the volume that a claim is bound to can be reached.
//!
//! Only volumes count that are bound and that not every node reaches; of the others nothing is kept.

use std::collections::HashMap;
use std::sync::Arc;

use super::Index;
use super::intern::Shared;
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::template::NodeSelectorTerm;
use crate::model::volume::{Claim, PersistentVolume};
use crate::model::workload::Workload;

/// Node terms that many volumes share, such as those of one zone.
pub(super) type NodeTerms = Arc<[NodeSelectorTerm]>;

/// What a claim is bound to. Kept in its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundVolume {
    /// The PersistentVolume's name.
    pub name: Name,
    terms: NodeTerms,
}

impl BoundVolume {
    /// Terms of which one must match a node that can reach it.
    #[must_use]
    pub fn terms(&self) -> &[NodeSelectorTerm] {
        &self.terms
    }
}

/// The table of volumes.
#[derive(Debug, Default)]
pub(super) struct Volumes {
    /// The claim of each volume that is kept.
    claims: HashMap<Name, Claim>,
    terms: Shared<[NodeSelectorTerm]>,
}

impl Volumes {
    pub(super) fn len(&self) -> usize {
        self.claims.len()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = ObjectKey> {
        let names = self.claims.keys();
        names.map(|name| ObjectKey::new(Kind::PersistentVolume, "", name.clone()))
    }
}

impl Index {
    pub(super) fn apply_volume(&mut self, volume: PersistentVolume) {
        let PersistentVolume {
            name,
            claim,
            node_affinity,
        } = volume;
        let (Some(claim), Some(terms)) = (claim, node_affinity) else {
            self.delete_volume(&name);
            return;
        };
        let terms = self.volumes.terms.share(terms.into());
        let bound = BoundVolume {
            name: name.clone(),
            terms,
        };
        let known = self.volumes.claims.get(&name);
        if known.is_some_and(|known| *known != claim) {
            self.delete_volume(&name);
        }
        let volumes = &mut self.context_mut(&claim.namespace).volumes;
        if volumes.get(&claim.name) == Some(&bound) {
            return;
        }
        volumes.insert(claim.name.clone(), bound);
        self.mark_in(&claim.namespace, |workload| uses(workload, &claim.name));
        self.volumes.claims.insert(name, claim);
    }

    pub(super) fn delete_volume(&mut self, name: &str) {
        let Some(claim) = self.volumes.claims.remove(name) else {
            return;
        };
        let Some(context) = self.namespaces.get_mut(&claim.namespace) else {
            return;
        };
        // The claim may be bound to another volume by now.
        if context
            .volumes
            .get(&claim.name)
            .is_some_and(|bound| &*bound.name == name)
        {
            context.volumes.remove(&claim.name);
            self.mark_in(&claim.namespace, |workload| uses(workload, &claim.name));
            self.forget_in_context(&claim.namespace, |_| {});
        }
    }
}

/// Whether a claim of that name may be one of the workload's: which ordinals it has now is for the rules to say.
fn uses(workload: &Workload, claim: &str) -> bool {
    let of_template = |template: &Name| {
        let rest = claim
            .strip_prefix(&**template)
            .and_then(|rest| rest.strip_prefix('-'));
        let ordinal = rest.and_then(|rest| rest.strip_prefix(&*workload.key.name)?.strip_prefix('-'));
        ordinal.is_some_and(|ordinal| ordinal.bytes().all(|byte| byte.is_ascii_digit()))
    };
    workload.template.claims.iter().any(|own| &**own == claim)
        || workload.claim_templates.iter().any(of_template)
}
