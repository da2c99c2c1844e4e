//! What the nodes' labels make of a term.

use super::*;
use crate::rules::tests::advice;

const RACK: &str = "example.com/rack";

/// Two nodes of one zone.
fn one_zone() -> Vec<Object> {
    ["n1", "n2"].map(|n| node(n).zone_label("a").object()).into()
}

/// Two nodes without a zone.
fn no_zone() -> Vec<Object> {
    ["n1", "n2"].map(|n| node(n).object()).into()
}

/// Soft spreads over hostname and zone, as many write them.
fn over_both() -> Workload {
    web().spread(HOSTNAME_LABEL, own()).spread(ZONE_LABEL, own())
}

const SHADOWED: &str = "fail warning: all 3 replicas may run on one node: Deployment shop/web: its \
                        topologySpreadConstraint over kubernetes.io/hostname has no effect beside that over \
                        topology.kubernetes.io/zone: nodes lack it (and 1 more without effect); remove that, or label \
                        the nodes";

#[rstest]
#[case::in_files(over_both(), vec![], "pass: preferred over kubernetes.io/hostname and topology.kubernetes.io/zone")]
#[case::nodes_have_a_zone(over_both(), one_zone(), PREFERRED)]
#[case::nodes_have_no_zone(over_both(), no_zone(), SHADOWED)]
#[case::one_node_has_a_zone(
    over_both(),
    vec![node("n1").zone_label("a").object(), node("n2").object(), node("n3").object()],
    SHADOWED
)]
#[case::two_nodes_have_a_zone(
    over_both(),
    one_zone().into_iter().chain([node("n3").object()]).collect(),
    PREFERRED
)]
#[case::a_single_node(over_both(), vec![node("n1").object()], PREFERRED)]
#[case::by_hostname_alone(with_spread(|_| {}), no_zone(), PREFERRED)]
#[case::of_an_anti_affinity_nothing_is_taken(
    web().anti_affinity(false, HOSTNAME_LABEL, own()).spread(RACK, own()),
    no_zone(),
    PREFERRED
)]
#[case::nor_of_a_hard_spread(
    web().spread(RACK, own()).with(|w| {
        let mut hard = spread(HOSTNAME_LABEL, own());
        hard.when_unsatisfiable = Field::Set(WhenUnsatisfiable::DoNotSchedule);
        hard.match_label_keys = vec!["pod-template-hash".into()];
        w.template.spread.push(hard);
    }),
    no_zone(),
    "pass: required over kubernetes.io/hostname"
)]
fn a_soft_constraint_over_a_label_that_nodes_lack_spoils_the_others(
    #[case] workload: Workload,
    #[case] nodes: Vec<Object>,
    #[case] expected: &str,
) {
    assert_eq!(said(36, workload, nodes), [expected]);
}

#[test]
fn the_way_out_is_to_remove_the_other_constraint() {
    let objects = no_zone().into_iter().chain([over_both().object()]);
    assert_eq!(
        advice(&index(36, objects), RULE, Kind::Deployment, "shop/web"),
        "remove the one over topology.kubernetes.io/zone from spec.template.spec.topologySpreadConstraints of Deployment \
         shop/web, or label the nodes with it"
    );
}

#[test]
fn a_required_anti_affinity_has_its_effect_in_a_single_zone() {
    let by_zone = |required| with_term(|t| (t.topology_key, t.required) = (ZONE_LABEL.into(), required));
    assert_eq!(
        said(36, by_zone(true), one_zone()),
        [
            "pass: required over topology.kubernetes.io/zone",
            "rollout: fail warning: 2 of 3 replicas may stay Pending, and rollouts with them: Deployment shop/web \
             requires a topology.kubernetes.io/zone for each replica, and 1 takes pods; prefer rather than require it, \
             or add domains",
        ]
    );
    let preferred = said(36, by_zone(false), one_zone());
    assert!(preferred[0].starts_with("fail warning"), "{preferred:?}");
    let unlabelled = said(36, by_zone(true), no_zone());
    assert!(unlabelled[0].starts_with("fail warning"), "{unlabelled:?}");
}

#[test]
fn more_replicas_than_zones_stay_pending() {
    let nodes = || {
        one_zone()
            .into_iter()
            .chain([node("n3").zone_label("b").object()])
    };
    let by_zone = || with_term(|t| (t.topology_key, t.required) = (ZONE_LABEL.into(), true));
    assert_eq!(
        said(36, by_zone(), nodes().collect())[1],
        "rollout: fail info: 1 of 3 replicas may stay Pending, and rollouts with them: Deployment shop/web requires a \
         topology.kubernetes.io/zone for each replica, and 2 take pods; prefer rather than require it, or add domains"
    );
    assert_eq!(said(36, by_zone().replicas(2), nodes().collect()).len(), 1);
}
