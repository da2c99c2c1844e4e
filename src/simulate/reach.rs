//! How far pods may go: to one node, to one zone, or further.

use super::feasible::{allows, matches_any, tolerates_cordon, tolerates_lasting};
use crate::index::NodeView;
use crate::model::keys::Name;
use crate::model::node::Node;
use crate::model::selector::Labels;
use crate::model::template::{NodeSelectorTerm, PodTemplate, Toleration};

/// What pods ask of the nodes that they may run on, for good: not answered is which nodes are well now, and which have
/// room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wish {
    /// The taints that they tolerate; those that come and go with a node's health are not looked at.
    tolerations: Vec<Toleration>,
    /// Nodes that are cordoned count too: a confinement lasts when they come back, so it is not made of cordons.
    cordoned: bool,
    node_selector: Labels,
    required_node_affinity: Option<Vec<NodeSelectorTerm>>,
    /// Each of a volume that they use: one of its terms must match.
    volumes: Vec<Vec<NodeSelectorTerm>>,
}

impl Wish {
    /// Any node that takes pods of this template now, as far as taints and cordons say.
    #[must_use]
    pub fn anywhere(template: &PodTemplate) -> Self {
        Wish {
            tolerations: template.tolerations.clone(),
            ..Wish::default()
        }
    }

    /// The nodes that the template's own `nodeSelector` and required node affinity leave.
    #[must_use]
    pub fn of(template: &PodTemplate) -> Self {
        Wish::anywhere(template)
            .selected(&template.node_selector)
            .with_affinity(template.required_node_affinity.as_ref())
    }

    /// With a `nodeSelector`, cordoned nodes among them.
    #[must_use]
    pub fn selected(mut self, selector: &Labels) -> Self {
        self.cordoned = true;
        self.node_selector = selector.clone();
        self
    }

    /// With a required node affinity, cordoned nodes among them.
    #[must_use]
    pub fn with_affinity(mut self, terms: Option<&Vec<NodeSelectorTerm>>) -> Self {
        self.cordoned = true;
        self.required_node_affinity = terms.cloned();
        self
    }

    /// And with a volume that only the nodes of these terms reach.
    #[must_use]
    pub fn with_volume(mut self, terms: &[NodeSelectorTerm]) -> Self {
        if !self.volumes.iter().any(|known| known == terms) {
            self.volumes.push(terms.to_vec());
        }
        self
    }

    /// How far they may go among these nodes. Looks no further than two zones.
    pub fn among<'a>(&self, nodes: impl Iterator<Item = NodeView<'a>>) -> Reach {
        let mut reach = Reach::default();
        for view in nodes {
            if view.node().is_some_and(|node| self.admits(node)) {
                reach.add(&Reach::of(view.name(), view.zone()));
                if reach.is_far() {
                    break;
                }
            }
        }
        reach
    }

    /// Whether a node takes such pods.
    #[must_use]
    pub fn admits(&self, node: &Node) -> bool {
        let Wish {
            tolerations,
            cordoned,
            node_selector,
            required_node_affinity,
            volumes,
        } = self;
        (*cordoned || !node.unschedulable || tolerates_cordon(tolerations))
            && tolerates_lasting(tolerations, node)
            && allows(node_selector, required_node_affinity.as_deref(), node)
            && volumes.iter().all(|terms| matches_any(terms, node))
    }
}

/// The nodes and the zones that are left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The node, if it is one.
    pub node: Among,
    /// The zone, among those nodes that have one.
    pub zone: Among,
    /// There is a node without a zone.
    pub outside_zones: bool,
}

/// None, one, or more of something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Among {
    /// None at all.
    #[default]
    Nothing,
    /// That one alone.
    One(Name),
    /// Two or more.
    Many,
}

impl Among {
    fn add(&mut self, other: &Among) {
        match (&*self, other) {
            (_, Among::Nothing) | (Among::Many, _) => {}
            (Among::One(own), Among::One(other)) if own == other => {}
            (Among::Nothing, other) => *self = other.clone(),
            (Among::One(_), _) => *self = Among::Many,
        }
    }
}

impl Reach {
    fn of(node: &Name, zone: Option<&str>) -> Self {
        Reach {
            node: Among::One(node.clone()),
            zone: zone.map_or(Among::Nothing, |zone| Among::One(zone.into())),
            outside_zones: zone.is_none(),
        }
    }

    /// To what the other reaches too.
    pub fn add(&mut self, other: &Reach) {
        self.node.add(&other.node);
        self.zone.add(&other.zone);
        self.outside_zones |= other.outside_zones;
    }

    /// To two zones: nothing that is added makes a difference any more, but for nodes without one.
    #[must_use]
    pub fn is_far(&self) -> bool {
        self.zone == Among::Many
    }
}
