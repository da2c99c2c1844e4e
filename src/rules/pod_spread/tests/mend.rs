//! The remedy.

use serde_json::{Value, json};

use super::*;
use crate::rules::tests::{advice, patch};

fn mended(version: u32, workload: Workload) -> Value {
    let (kind, path) = (workload.key.kind, workload.key.path());
    let (target, patch) = patch(&index(version, [workload.object()]), RULE, kind, &path);
    assert_eq!(target, format!("{kind} {path}"));
    patch["spec"]["template"]["spec"]["topologySpreadConstraints"].clone()
}

fn constraint(key: &str, app: &str) -> Value {
    json!({
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": app}},
    })
}

fn by_revision(mut constraint: Value) -> Value {
    constraint["matchLabelKeys"] = json!(["pod-template-hash"]);
    constraint
}

#[test]
fn a_deployment_gets_a_soft_spread_by_revision() {
    let both = [HOSTNAME_LABEL, ZONE_LABEL].map(|key| by_revision(constraint(key, "web")));
    assert_eq!(mended(27, web()), json!(both));
}

#[test]
fn before_1_27_it_is_not_by_revision() {
    assert_eq!(
        mended(26, web()),
        json!([HOSTNAME_LABEL, ZONE_LABEL].map(|key| constraint(key, "web")))
    );
}

#[test]
fn a_stateful_set_never_spreads_by_revision() {
    let db = stateful_set("shop/db").replicas(3);
    assert_eq!(
        mended(36, db),
        json!([HOSTNAME_LABEL, ZONE_LABEL].map(|key| constraint(key, "db")))
    );
}

#[test]
fn anti_affinity_that_is_there_stays_beside_it() {
    let workload = with_term(|t| t.selector = others());
    assert_eq!(mended(36, workload).as_array().map(Vec::len), Some(2));
}

#[test]
fn labels_that_change_with_each_release_select_nothing() {
    let workload = web().with(|w| {
        w.template.labels = labels(&[
            ("app", "web"),
            ("app.kubernetes.io/version", "2.3.0"),
            ("helm.sh/chart", "web-2.3.0"),
        ]);
    });
    assert_eq!(
        mended(36, workload)[0]["labelSelector"],
        json!({"matchLabels": {"app": "web"}})
    );
    let only = web().with(|w| w.template.labels = labels(&[("version", "1")]));
    assert_eq!(
        mended(36, only)[0]["labelSelector"],
        json!({"matchLabels": {"version": "1"}})
    );
}

#[test]
fn a_zone_constraint_that_is_there_is_left_alone() {
    let workload = web().spread(ZONE_LABEL, others());
    assert_eq!(
        mended(36, workload),
        json!([by_revision(constraint(HOSTNAME_LABEL, "web"))])
    );
}

#[test]
fn a_zone_that_nodes_lack_is_left_out() {
    let over = |nodes: Vec<Object>| {
        let objects = nodes.into_iter().chain([web().object()]);
        let (_, patch) = patch(&index(36, objects), RULE, Kind::Deployment, "shop/web");
        let constraints = &patch["spec"]["template"]["spec"]["topologySpreadConstraints"];
        constraints.as_array().map(Vec::len)
    };
    let zoned = |name: &str| node(name).zone_label("a").object();
    let bare = |name: &str| node(name).object();
    assert_eq!(over(vec![bare("n1"), bare("n2")]), Some(1));
    assert_eq!(over(vec![zoned("n1"), bare("n2")]), Some(1));
    assert_eq!(over(vec![bare("n1")]), Some(1));
    assert_eq!(over(vec![zoned("n1"), zoned("n2"), bare("n3")]), Some(2));
    assert_eq!(over(vec![zoned("n1")]), Some(2));
}

#[rstest]
#[case::soft_would_be_a_duplicate(
    WhenUnsatisfiable::ScheduleAnyway,
    "let the soft constraint over it read: {"
)]
#[case::hard_stays(WhenUnsatisfiable::DoNotSchedule, "would change that one, add: {")]
fn a_patch_would_change_a_hostname_constraint_so_people_are_asked(
    #[case] when: WhenUnsatisfiable,
    #[case] expected: &str,
) {
    let workload = with_spread(|c| {
        c.selector = others();
        c.when_unsatisfiable = Field::Set(when);
    });
    let advice = advice(
        &index(36, [workload.object()]),
        RULE,
        Kind::Deployment,
        "shop/web",
    );
    assert!(
        advice.starts_with("spec.template.spec.topologySpreadConstraints of Deployment shop/web has")
            && advice.contains(expected),
        "{advice}"
    );
}

#[test]
fn the_remedy_for_a_custom_resource_is_to_change_that() {
    let workload = web().owned_by("example.com/v1", "Shop", "main");
    let index = index(36, [workload.object()]);
    let said = lines(&index, RULE, Kind::Deployment, "shop/web");
    assert!(
        said[0].ends_with("; spread them over hostname and zone in its Shop main"),
        "{said:?}"
    );
    assert!(advice(&index, RULE, Kind::Deployment, "shop/web").contains("in its Shop main: [{"));
}
