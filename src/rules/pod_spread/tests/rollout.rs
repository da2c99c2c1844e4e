//! The extra row for hard rules that may block a rollout.

use super::*;
use crate::rules::tests::{advice, patch};

fn nodes(n: usize) -> Vec<Object> {
    (0..n).map(|i| node(&format!("n{i}")).object()).collect()
}

fn hard(change: impl FnOnce(&mut SpreadConstraint)) -> Workload {
    with_spread(|c| {
        c.when_unsatisfiable = Field::Set(WhenUnsatisfiable::DoNotSchedule);
        change(c);
    })
}

const BY_NODES: &str = "rollout: fail info: 1 of 3 replicas may stay Pending, and rollouts with them: Deployment shop/web \
                        requires a node for each replica, and 2 take pods; prefer rather than require it, or add nodes";
const BY_SKEW: &str = "rollout: fail info: a rollout may stop with new pods Pending: Deployment shop/web: its \
                       topologySpreadConstraint over kubernetes.io/hostname, DoNotSchedule with maxSkew 1, counts the \
                       old pods too; add matchLabelKeys: [pod-template-hash] to it";

#[rstest]
#[case::more_replicas_than_nodes(with_term(|t| t.required = true), nodes(2), Some(BY_NODES))]
#[case::enough_nodes(with_term(|t| t.required = true), nodes(3), None)]
#[case::cordoned_nodes_take_no_pods(
    with_term(|t| t.required = true),
    nodes(2).into_iter().chain([node("cordoned").cordoned().object()]).collect(),
    Some(BY_NODES)
)]
#[case::files_without_nodes(with_term(|t| t.required = true), vec![], None)]
#[case::preferred_leaves_none_pending(with_term(|_| {}), nodes(2), None)]
#[case::do_not_schedule(hard(|_| {}), vec![], Some(BY_SKEW))]
#[case::do_not_schedule_by_revision(hard(|c| c.match_label_keys = vec!["pod-template-hash".into()]), vec![], None)]
#[case::do_not_schedule_with_more_skew(hard(|c| c.max_skew = Field::Set(2)), vec![], None)]
#[case::schedule_anyway(with_spread(|_| {}), vec![], None)]
#[case::pods_that_cannot_run_come_first(hard(|_| {}).anti_affinity(true, HOSTNAME_LABEL, own()), nodes(2), Some(BY_NODES))]
fn a_hard_rule_may_block_a_rollout(
    #[case] workload: Workload,
    #[case] context: Vec<Object>,
    #[case] expected: Option<&str>,
) {
    let said = said(36, workload, context);
    assert!(said[0].starts_with("pass"), "{said:?}");
    assert_eq!(said.get(1).map(String::as_str), expected);
}

#[test]
fn match_label_keys_help_from_1_27_on() {
    let by_revision = hard(|c| c.match_label_keys = vec!["pod-template-hash".into()]);
    assert_eq!(said(27, by_revision.clone(), vec![]).len(), 1);
    let old = said(26, by_revision, vec![]);
    assert!(old[1].ends_with("; make it ScheduleAnyway"), "{old:?}");
}

#[test]
fn a_stateful_set_replaces_its_pods_one_by_one() {
    let mut constraint = spread(HOSTNAME_LABEL, Some(selector(&[("app", "db")])));
    constraint.when_unsatisfiable = Field::Set(WhenUnsatisfiable::DoNotSchedule);
    let db = stateful_set("shop/db")
        .replicas(3)
        .with(|w| w.template.spread.push(constraint));
    let said = lines(&index(36, [db.object()]), RULE, Kind::StatefulSet, "shop/db");
    assert_eq!(said, ["pass: required over kubernetes.io/hostname"]);
}

#[test]
fn there_is_no_row_beside_a_fail() {
    let said = said(36, hard(|c| c.topology_key = "example.com/rack".into()), nodes(2));
    assert_eq!(said.len(), 1, "{said:?}");
}

#[test]
fn the_remedy_adds_the_key_to_the_constraint() {
    let workload = hard(|c| c.match_label_keys = vec!["app".into()]);
    let (target, patch) = patch(
        &index(36, [workload.object()]),
        RULE,
        Kind::Deployment,
        "shop/web",
    );
    assert_eq!(target, "Deployment shop/web");
    assert_eq!(
        patch,
        serde_json::json!({"spec": {"template": {"spec": {"topologySpreadConstraints": [
            {"topologyKey": "kubernetes.io/hostname", "matchLabelKeys": ["app", "pod-template-hash"]},
        ]}}}})
    );
}

#[rstest]
#[case::two_constraints_with_one_key(36, hard(|_| {}).spread(HOSTNAME_LABEL, own()))]
#[case::before_1_27(26, hard(|_| {}))]
#[case::owned_by_a_custom_resource(36, hard(|_| {}).owned_by("example.com/v1", "Shop", "main"))]
fn where_a_patch_would_go_wrong_there_is_advice(#[case] version: u32, #[case] workload: Workload) {
    let advice = advice(
        &index(version, [workload.object()]),
        RULE,
        Kind::Deployment,
        "shop/web",
    );
    assert!(
        advice.contains("pod-template-hash") || advice.contains("ScheduleAnyway"),
        "{advice}"
    );
}
