//! The table of cases; the namespaces and label keys of terms, the extra row and the remedies have files of their own.

mod domains;
mod keys;
mod mend;
mod rollout;

use rstest::rstest;

use crate::index::Index;
use crate::model::autoscaler::Autoscaler;
use crate::model::field::Field;
use crate::model::keys::Kind;
use crate::model::node::{HOSTNAME_LABEL, Node, REGION_LABEL, ZONE_LABEL};
use crate::model::object::Object;
use crate::model::selector::LabelSelector;
use crate::model::template::{
    AntiAffinityTerm, ContainerRole, SpreadConstraint, TaintEffect, WhenUnsatisfiable,
};
use crate::model::testing::{
    apart, container, deployment, hpa, labels, node, selector, spread, stateful_set, wall,
};
use crate::model::time::Moment;
use crate::model::workload::Workload;
use crate::rules::tests::{index, judged, line, lines};

const RULE: &str = "pod-spread";
const PREFERRED: &str = "pass: preferred over kubernetes.io/hostname";

fn web() -> Workload {
    deployment("shop/web").replicas(3)
}

fn own() -> Option<LabelSelector> {
    Some(selector(&[("app", "web")]))
}

fn others() -> Option<LabelSelector> {
    Some(selector(&[("app", "api")]))
}

fn by_expression(json: &serde_json::Value) -> Option<LabelSelector> {
    Some(serde_json::from_value(serde_json::json!({ "matchExpressions": [json] })).expect("a selector"))
}

fn with_spread(change: impl FnOnce(&mut SpreadConstraint)) -> Workload {
    let mut constraint = spread(HOSTNAME_LABEL, own());
    change(&mut constraint);
    web().with(|w| w.template.spread.push(constraint))
}

fn with_term(change: impl FnOnce(&mut AntiAffinityTerm)) -> Workload {
    let mut term = apart(HOSTNAME_LABEL, own());
    change(&mut term);
    web().with(|w| w.template.anti_affinity.push(term))
}

/// What is said of Deployment `shop/web` on Kubernetes 1.<version>.
fn said(version: u32, workload: Workload, context: Vec<Object>) -> Vec<String> {
    let objects = [workload.object()].into_iter().chain(context);
    lines(&index(version, objects), RULE, Kind::Deployment, "shop/web")
}

fn fails(found: &str) -> String {
    format!(
        "fail warning: all 3 replicas may run on one node: Deployment shop/web{found}; add a soft spread over hostname \
         and zone"
    )
}

#[rstest]
#[case::one_replica(web().replicas(1), "notApplicable: it runs 1 replica at most")]
#[case::replicas_absent(deployment("shop/web"), "notApplicable: it runs 1 replica at most")]
#[case::replicas_zero(web().replicas(0), "notApplicable: spec.replicas is 0: off on purpose")]
#[case::invalid_replicas(
    web().with(|w| w.replicas = Field::Invalid),
    "unknown: the most replicas that Deployment shop/web may run cannot be told"
)]
#[case::only_spread(with_spread(|_| {}), PREFERRED)]
#[case::only_preferred_anti_affinity(with_term(|_| {}), PREFERRED)]
#[case::only_required_anti_affinity(
    with_term(|t| t.required = true),
    "pass: required over kubernetes.io/hostname"
)]
#[case::by_zone(with_spread(|c| c.topology_key = ZONE_LABEL.into()), "pass: preferred over topology.kubernetes.io/zone")]
#[case::by_region(
    with_spread(|c| c.topology_key = REGION_LABEL.into()),
    "pass: preferred over topology.kubernetes.io/region"
)]
#[case::by_the_deprecated_zone_key(
    with_spread(|c| c.topology_key = "failure-domain.beta.kubernetes.io/zone".into()),
    "pass: preferred over failure-domain.beta.kubernetes.io/zone"
)]
#[case::strengths_and_keys_are_told_apart(
    with_term(|t| t.required = true)
        .spread(HOSTNAME_LABEL, own())
        .spread(ZONE_LABEL, own())
        .anti_affinity(false, HOSTNAME_LABEL, own()),
    "pass: required over kubernetes.io/hostname, preferred over kubernetes.io/hostname and topology.kubernetes.io/zone"
)]
#[case::selected_by_expression(
    with_spread(|c| {
        c.selector = by_expression(&serde_json::json!({"key": "app", "operator": "In", "values": ["api", "web"]}));
    }),
    PREFERRED
)]
#[case::the_empty_selector_of_an_affinity_term_selects_all(
    with_term(|t| t.selector = Some(LabelSelector::default())),
    PREFERRED
)]
#[case::the_empty_selector_of_a_spread_selects_nothing(
    with_spread(|c| c.selector = Some(LabelSelector::default())),
    &fails(": its topologySpreadConstraint over kubernetes.io/hostname has an empty labelSelector, which selects nothing there")
)]
#[case::the_empty_selector_of_a_spread_that_label_keys_narrow(
    with_spread(|c| {
        c.selector = Some(LabelSelector::default());
        c.match_label_keys = vec!["pod-template-hash".into()];
    }),
    PREFERRED
)]
#[case::one_that_counts_is_enough(
    with_spread(|c| c.selector = others()).anti_affinity(false, HOSTNAME_LABEL, own()),
    PREFERRED
)]
#[case::an_invalid_one_beside_one_that_counts(
    with_spread(|c| c.max_skew = Field::Invalid).anti_affinity(false, HOSTNAME_LABEL, own()),
    PREFERRED
)]
#[case::skew_just_below_the_ceiling(with_spread(|c| c.max_skew = Field::Set(2)), PREFERRED)]
#[case::max_skew_zero(
    with_spread(|c| c.max_skew = Field::Set(0)),
    "unknown: maxSkew of its topologySpreadConstraint over kubernetes.io/hostname is not a number above 0"
)]
#[case::max_skew_invalid(
    with_spread(|c| c.max_skew = Field::Invalid),
    "unknown: maxSkew of its topologySpreadConstraint over kubernetes.io/hostname is not a number above 0"
)]
#[case::when_unsatisfiable_invalid(
    with_spread(|c| c.when_unsatisfiable = Field::Invalid),
    "unknown: whenUnsatisfiable of its topologySpreadConstraint over kubernetes.io/hostname is neither DoNotSchedule \
     nor ScheduleAnyway"
)]
#[case::when_unsatisfiable_absent(
    with_spread(|c| c.when_unsatisfiable = Field::Absent),
    "unknown: whenUnsatisfiable of"
)]
fn replicas_are_kept_apart_by_either(#[case] workload: Workload, #[case] expected: &str) {
    let said = said(36, workload, vec![]);
    assert!(said.len() == 1 && said[0].starts_with(expected), "{said:?}");
}

#[rstest]
#[case::nothing_there(web(), " has no podAntiAffinity and no topologySpreadConstraints")]
#[case::spread_selects_other_pods(
    with_spread(|c| c.selector = others()),
    ": its topologySpreadConstraint over kubernetes.io/hostname selects other pods (app=api)"
)]
#[case::anti_affinity_selects_other_pods(
    with_term(|t| t.selector = others()),
    ": its preferred podAntiAffinity over kubernetes.io/hostname selects other pods (app=api)"
)]
#[case::an_expression_excludes_its_own_pods(
    with_spread(|c| c.selector = by_expression(&serde_json::json!({"key": "app", "operator": "DoesNotExist"}))),
    ": its topologySpreadConstraint over kubernetes.io/hostname selects other pods (!app)"
)]
#[case::spread_without_selector(
    with_spread(|c| c.selector = None),
    ": its topologySpreadConstraint over kubernetes.io/hostname has no labelSelector and selects nothing"
)]
#[case::anti_affinity_without_selector(
    with_term(|t| t.selector = None),
    ": its preferred podAntiAffinity over kubernetes.io/hostname has no labelSelector and selects nothing"
)]
#[case::an_unaccepted_key(
    with_term(|t| t.topology_key = "example.com/rack".into()),
    ": its preferred podAntiAffinity over example.com/rack is over a key that is not accepted"
)]
#[case::skew_that_constrains_nothing(
    with_spread(|c| c.max_skew = Field::Set(3)),
    ": its topologySpreadConstraint over kubernetes.io/hostname has no effect: maxSkew 3 lets all sit together"
)]
#[case::the_nearest_miss_is_told_first(
    with_spread(|c| c.selector = others()).spread("example.com/rack", own()).with(|w| {
        w.template.spread.push(SpreadConstraint { max_skew: Field::Set(9), ..spread(ZONE_LABEL, own()) });
    }),
    ": its topologySpreadConstraint over topology.kubernetes.io/zone has no effect: maxSkew 9 lets all sit together \
     (and 2 more without effect)"
)]
#[case::an_invalid_value_that_decides_nothing(
    with_spread(|c| {
        c.selector = others();
        c.max_skew = Field::Invalid;
    }),
    ": its topologySpreadConstraint over kubernetes.io/hostname selects other pods (app=api)"
)]
fn the_message_says_why_nothing_keeps_them_apart(#[case] workload: Workload, #[case] found: &str) {
    assert_eq!(said(36, workload, vec![]), [fails(found)]);
}

#[rstest]
#[case::may_run_five(Some(1), 5, "fail warning: all 5 replicas may run on one node")]
#[case::never_more_than_one(
    None,
    1,
    "notApplicable: it runs 1 replica at most, by HorizontalPodAutoscaler web"
)]
fn the_autoscaler_sets_the_ceiling(#[case] min: Option<i32>, #[case] max: i32, #[case] expected: &str) {
    let said = said(
        36,
        deployment("shop/web"),
        vec![Object::Autoscaler(hpa("shop/web", min, max))],
    );
    assert!(said[0].starts_with(expected), "{said:?}");
}

#[test]
fn a_port_of_the_node_keeps_them_apart_unless_only_an_init_container_takes_it() {
    let taken_by = |version, role: ContainerRole| said(version, taking(role), vec![]);
    for (version, role) in [
        (34, ContainerRole::App),
        (34, ContainerRole::Sidecar),
        (33, ContainerRole::App),
    ] {
        assert_eq!(taken_by(version, role), ["pass: required by its host port 8080"]);
    }
    for (version, role) in [(34, ContainerRole::Init), (33, ContainerRole::Sidecar)] {
        let said = taken_by(version, role);
        assert!(
            said[0].starts_with("fail"),
            "the scheduler does not look at it: {said:?}"
        );
    }
}

/// Three replicas of which a container takes port 8080 of its node.
fn taking(role: ContainerRole) -> Workload {
    let mut taking = container("edge").role(role).port("http", 8080);
    taking.ports[0].on_host = Some(8080);
    web().containers([container("app"), taking])
}

#[test]
fn a_port_of_the_node_and_more_replicas_than_nodes_may_block_a_rollout() {
    let nodes = |n: usize| {
        (1..=n)
            .map(|n| node(&format!("n{n}")).object())
            .collect::<Vec<_>>()
    };
    let pass = "pass: required by its host port 8080".to_owned();
    assert_eq!(
        said(36, taking(ContainerRole::App), nodes(3)),
        std::slice::from_ref(&pass)
    );
    let rollout = "rollout: fail info: 1 of 3 replicas may stay Pending, and rollouts with them: each pod of Deployment \
                   shop/web takes port 8080 of its node, and 2 nodes take pods; add nodes, or serve through a Service";
    assert_eq!(
        said(36, taking(ContainerRole::App), nodes(2)),
        [pass, rollout.to_owned()]
    );
}

#[test]
fn a_node_that_its_pods_do_not_tolerate_is_no_domain() {
    let apart = || web().anti_affinity(true, HOSTNAME_LABEL, own());
    let control = node("n3").taint(
        "node-role.kubernetes.io/control-plane",
        TaintEffect::NoSchedule,
        None,
    );
    let nodes = |third: Node| vec![node("n1").object(), node("n2").object(), third.object()];
    assert_eq!(said(36, apart(), nodes(node("n3"))).len(), 1);
    let told = said(36, apart(), nodes(control));
    assert!(
        told[1].contains("1 of 3 replicas may stay Pending") && told[1].contains("2 take pods"),
        "{told:?}"
    );
}

#[test]
fn a_skew_is_held_against_the_autoscalers_ceiling() {
    let workload = with_spread(|c| c.max_skew = Field::Set(4)).replicas(1);
    assert_eq!(
        said(36, workload, vec![Object::Autoscaler(hpa("shop/web", None, 5))]),
        [PREFERRED]
    );
}

/// Each autoscaler's controller enforces its own bounds, so the workload is left between the larger floor and the
/// smaller ceiling.
#[rstest]
#[case::the_smaller_ceiling((1, 5), (1, 1), "notApplicable: it runs 1 replica at most, by HorizontalPodAutoscaler more")]
#[case::in_either_order((1, 1), (1, 5), "notApplicable: it runs 1 replica at most, by HorizontalPodAutoscaler web")]
#[case::but_not_below_the_floor((1, 1), (3, 5), PREFERRED)]
fn two_autoscalers_have_one_ceiling(
    #[case] first: (i32, i32),
    #[case] second: (i32, i32),
    #[case] expected: &str,
) {
    let more = Autoscaler {
        name: "more".into(),
        ..hpa("shop/web", Some(second.0), second.1)
    };
    let context = [hpa("shop/web", Some(first.0), first.1), more].map(Object::Autoscaler);
    assert_eq!(said(36, with_spread(|_| {}), context.into()), [expected]);
}

#[test]
fn a_zone_key_counts_while_there_are_two_zones_with_schedulable_nodes() {
    let say = |nodes| said(36, with_spread(|c| c.topology_key = ZONE_LABEL.into()), nodes).remove(0);
    let pass = "pass: preferred over topology.kubernetes.io/zone";
    let fail = fails(
        ": its topologySpreadConstraint over topology.kubernetes.io/zone has no effect: no two schedulable nodes differ \
         in it",
    );
    let a = || node("n1").zone_label("a").object();
    assert_eq!(say(vec![]), pass);
    assert_eq!(say(vec![a(), node("n2").zone_label("b").object()]), pass);
    assert_eq!(say(vec![a(), node("n2").zone_label("a").object()]), fail);
    assert_eq!(
        say(vec![a(), node("n2").zone_label("b").cordoned().object()]),
        fail
    );
    let without = say(vec![node("n1").object(), node("n2").object()]);
    assert_eq!(without, fail.replace(" and zone", ""), "which these nodes lack");
    // By hostname it does not matter.
    assert_eq!(said(36, with_spread(|_| {}), vec![a()]), [PREFERRED]);
}

#[test]
fn a_region_key_counts_while_there_are_two_regions() {
    let by_region = || with_spread(|c| c.topology_key = REGION_LABEL.into());
    let in_region = |name: &str, zone: &str, region: &str| {
        node(name).zone_label(zone).label(REGION_LABEL, region).object()
    };
    let one = said(
        36,
        by_region(),
        vec![in_region("n1", "a", "eu"), in_region("n2", "b", "eu")],
    );
    assert!(one[0].starts_with("fail warning"), "{one:?}");
    let two = said(
        36,
        by_region(),
        vec![in_region("n1", "a", "eu"), in_region("n2", "a", "us")],
    );
    assert_eq!(two, ["pass: preferred over topology.kubernetes.io/region"]);
}

#[test]
fn nodes_are_asked_for_only_by_wide_keys() {
    let mut index = Index::new();
    index.begin_list(Kind::HorizontalPodAutoscaler);
    index.end_list(Kind::HorizontalPodAutoscaler);
    index.set_missing(Kind::ScaledObject);
    let ask = |index: &Index| lines(index, RULE, Kind::Deployment, "shop/web");
    index.apply(with_spread(|_| {}).object(), Moment(0));
    assert_eq!(ask(&index), [PREFERRED]);
    index.apply(
        with_spread(|c| c.topology_key = ZONE_LABEL.into()).object(),
        Moment(0),
    );
    assert_eq!(ask(&index), ["unknown: nodes are not listed yet"]);
    index.set_unreadable(Kind::Node, "403 Forbidden");
    assert_eq!(ask(&index), ["unknown: nodes cannot be read: 403 Forbidden"]);
}

#[test]
fn the_pods_are_known_by_their_templates_labels() {
    let workload = with_spread(|c| c.selector = Some(selector(&[("app", "web"), ("tier", "front")])));
    assert!(said(36, workload.clone(), vec![])[0].contains("selects other pods"));
    let labelled =
        workload.with(|w| w.template.labels = labels(&[("app", "web"), ("tier", "front"), ("more", "x")]));
    assert_eq!(said(36, labelled, vec![]), [PREFERRED]);
}

#[test]
fn a_policy_may_accept_another_key() {
    let policy = crate::policy::Policy {
        topology_keys: vec!["example.com/rack".to_owned()],
        ..Default::default()
    };
    let workload = with_spread(|c| c.topology_key = "example.com/rack".into());
    let index = index(36, [workload.object()]);
    let view = index.view(&web().key).expect("a workload");
    let results = judged(view, &policy, wall(0)).results;
    let of_spread = results.iter().find(|result| result.rule == "pod-spread");
    assert_eq!(
        of_spread.map(line).as_deref(),
        Some("pass: preferred over example.com/rack")
    );
}

#[test]
fn stateful_sets_are_judged_alike() {
    let db = stateful_set("shop/db").replicas(3);
    let good = db
        .clone()
        .anti_affinity(true, HOSTNAME_LABEL, Some(selector(&[("app", "db")])));
    let ask = |w: Workload| lines(&index(36, [w.object()]), RULE, Kind::StatefulSet, "shop/db");
    assert_eq!(ask(good), ["pass: required over kubernetes.io/hostname"]);
    assert!(
        ask(db)[0]
            .starts_with("fail warning: all 3 replicas may run on one node: StatefulSet shop/db has no")
    );
}

#[test]
fn a_hard_spread_is_required() {
    let workload = with_spread(|c| {
        c.when_unsatisfiable = Field::Set(WhenUnsatisfiable::DoNotSchedule);
        c.match_label_keys = vec!["pod-template-hash".into()];
    });
    assert_eq!(
        said(36, workload, vec![]),
        ["pass: required over kubernetes.io/hostname"]
    );
}
