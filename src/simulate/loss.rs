//! What the loss of a pod, a node or a zone takes at once: exact, because nothing has to be scheduled for it.

use std::collections::BTreeMap;

use crate::index::WorkloadView;
use crate::model::report::Survives;

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain<'a> {
    /// One ready pod, whichever.
    Pod,
    /// The node of that name.
    Node(&'a str),
    /// The zone of that name: region and zone, as [`crate::index::NodeView::zone`] has it.
    Zone(&'a str),
}

/// Ready replicas in the moment of a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Gone with it.
    pub lost: u32,
    /// Still ready.
    pub left: u32,
}

/// How many ready replicas a failure takes, and how many it leaves. Pods on silent nodes are not ready, whatever their
/// own condition says.
#[must_use]
pub fn immediate_loss(view: &WorkloadView<'_>, domain: Domain<'_>) -> Loss {
    let ready = view.ready();
    let lost = match domain {
        Domain::Pod => ready.min(1),
        Domain::Node(name) => per_node(view)
            .filter(|(node, _, _)| *node == name)
            .map(|(_, _, n)| n)
            .sum(),
        Domain::Zone(name) => per_node(view)
            .filter(|(_, zone, _)| *zone == Some(name))
            .map(|(_, _, n)| n)
            .sum(),
    };
    Loss {
        lost,
        left: ready - lost,
    }
}

/// The largest single failure after which at least one ready replica is left.
///
/// `Zone` needs ready replicas in two zones that are known by their labels: a replica on a node without a zone label may
/// be in either of them, so it neither helps nor spoils that. `Unknown` when no replica is wanted, or when that number is
/// invalid.
#[must_use]
pub fn survives(view: &WorkloadView<'_>) -> Survives {
    if view.desired().is_none_or(|desired| desired == 0) {
        return Survives::Unknown;
    }
    let ready = view.ready();
    let largest_node = per_node(view).map(|(_, _, n)| n).max().unwrap_or_default();
    let mut zones: BTreeMap<&str, u32> = BTreeMap::new();
    for (_, zone, n) in per_node(view) {
        if let Some(zone) = zone {
            *zones.entry(zone).or_default() += n;
        }
    }
    if zones.len() >= 2 {
        Survives::Zone
    } else if ready > largest_node {
        Survives::Node
    } else if ready >= 2 {
        Survives::Pod
    } else {
        Survives::Nothing
    }
}

/// Nodes with ready replicas: name, zone, how many.
fn per_node<'a>(view: &WorkloadView<'a>) -> impl Iterator<Item = (&'a str, Option<&'a str>, u32)> + use<'a> {
    view.placement()
        .filter(|(node, count)| count.ready > 0 && !node.is_silent())
        .map(|(node, count)| (&**node.name(), node.zone(), count.ready))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::index::Index;
    use crate::model::config::ClusterVersion;
    use crate::model::keys::{Kind, ObjectKey};
    use crate::model::object::Object;
    use crate::model::testing::{deployment, node, pod, replica_set};
    use crate::model::time::Moment;

    /// `n1` and `n2` in zone a, `n3` in zone b, `n4` without zone, `n5` in zone c and silent.
    fn cluster(replicas: i32, ready_on: &[&str]) -> Index {
        let mut index = Index::complete(ClusterVersion::NEWEST);
        let nodes = [
            node("n1").zone_label("a"),
            node("n2").zone_label("a"),
            node("n3").zone_label("b"),
            node("n4"),
            node("n5").zone_label("c").unknown_since(0),
        ];
        let pods = ready_on
            .iter()
            .enumerate()
            .map(|(i, on)| pod(&format!("shop/web-{i}")).on(on).object());
        let objects: Vec<Object> = nodes
            .into_iter()
            .map(crate::model::node::Node::object)
            .chain([
                deployment("shop/web").replicas(replicas).object(),
                replica_set("shop/web").object(),
            ])
            .chain(pods)
            .collect();
        for object in objects {
            index.apply(object, Moment(0));
        }
        index
    }

    fn view(index: &Index) -> WorkloadView<'_> {
        index
            .view(&ObjectKey::new(Kind::Deployment, "shop", "web"))
            .expect("it was applied")
    }

    #[rstest]
    #[case::none_ready(2, &[], Survives::Nothing)]
    #[case::one(1, &["n1"], Survives::Nothing)]
    #[case::two_on_one_node(2, &["n1", "n1"], Survives::Pod)]
    #[case::two_nodes_of_one_zone(2, &["n1", "n2"], Survives::Node)]
    #[case::two_zones(2, &["n1", "n3"], Survives::Zone)]
    #[case::one_zone_and_one_unknown(2, &["n1", "n4"], Survives::Node)]
    #[case::two_zones_and_one_unknown(3, &["n1", "n3", "n4"], Survives::Zone)]
    #[case::a_silent_node_counts_for_nothing(2, &["n1", "n5"], Survives::Nothing)]
    #[case::none_wanted(0, &["n1", "n2"], Survives::Unknown)]
    #[case::invalid(-1, &["n1", "n2"], Survives::Unknown)]
    fn it_survives_what_leaves_one_ready(
        #[case] replicas: i32,
        #[case] ready_on: &[&str],
        #[case] expected: Survives,
    ) {
        assert_eq!(survives(&view(&cluster(replicas, ready_on))), expected);
    }

    #[test]
    fn a_loss_is_counted_exactly() {
        let index = cluster(4, &["n1", "n1", "n2", "n3", "n5"]);
        let loss = |domain| immediate_loss(&view(&index), domain);
        assert_eq!(loss(Domain::Pod), Loss { lost: 1, left: 3 });
        assert_eq!(loss(Domain::Node("n1")), Loss { lost: 2, left: 2 });
        assert_eq!(loss(Domain::Zone("a")), Loss { lost: 3, left: 1 });
        assert_eq!(loss(Domain::Node("n5")), Loss { lost: 0, left: 4 });
        assert_eq!(loss(Domain::Zone("nowhere")), Loss { lost: 0, left: 4 });
    }

    proptest! {
        #![proptest_config(crate::model::testing::cases(256))]

        #[test]
        fn one_more_ready_replica_never_makes_it_worse(
            placed in proptest::collection::vec(1..=5_u8, 0..8),
            more in 1..=5_u8,
        ) {
            let names = |nodes: &[u8]| nodes.iter().map(|n| format!("n{n}")).collect::<Vec<_>>();
            let before = names(&placed);
            let after = names(&[placed.as_slice(), &[more]].concat());
            let judged = |on: &[String]| {
                let on: Vec<&str> = on.iter().map(String::as_str).collect();
                survives(&view(&cluster(2, &on)))
            };
            prop_assert!(judged(&after) >= judged(&before));
        }

        #[test]
        fn what_it_survives_leaves_one_ready_whichever_fails(
            placed in proptest::collection::vec(1..=5_u8, 0..8),
        ) {
            let on: Vec<String> = placed.iter().map(|n| format!("n{n}")).collect();
            let on: Vec<&str> = on.iter().map(String::as_str).collect();
            let index = cluster(2, &on);
            let view = view(&index);
            let without_node = |name: &str| immediate_loss(&view, Domain::Node(name)).left;
            let without_zone = |name: &str| immediate_loss(&view, Domain::Zone(name)).left;
            let any_node = (1..=5).map(|n| without_node(&format!("n{n}"))).min();
            let any_zone = ["a", "b", "c"].into_iter().map(without_zone).min();
            let survives = survives(&view);
            prop_assert_eq!(survives >= Survives::Node, any_node > Some(0));
            prop_assert!(survives < Survives::Zone || any_zone > Some(0));
        }
    }
}
