use rstest::rstest;

use super::*;
use crate::engine::Engine;
use crate::model::config::{ClusterVersion, DetectorConfig};
use crate::model::context::LimitRangeType;
use crate::model::keys::Kind;
use crate::model::policy::RuleSeverity;
use crate::model::testing::{
    budget, container, deployment, hpa, limit_range, namespace, pod, policy, replica_set, selector, spread,
    stateful_set, wall, workload,
};
use crate::model::version::PodVersion;
use crate::model::workload::Workload;

/// Nothing is wrong with it but what a case adds.
fn good(path: &str) -> Workload {
    let name = path.split_once('/').expect("namespace/name").1;
    let app = selector(&[("app", name)]);
    deployment(path)
        .replicas(3)
        .containers([container("app")
            .limit("64Mi")
            .request("64Mi")
            .cpu(Some("10m"), None)])
        .with(|w| {
            w.template.spread = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
                .map(|key| spread(key, Some(app.clone())))
                .to_vec();
        })
}

fn shielded(name: &str) -> Object {
    let of = selector(&[("app", name)]);
    budget(&format!("shop/{name}"))
        .max_unavailable(1)
        .selecting(of)
        .object()
}

fn engine(objects: impl IntoIterator<Item = Object>) -> Engine {
    let index = Index::complete(ClusterVersion::NEWEST);
    let mut engine = Engine::new(index, Policy::default(), DetectorConfig::default());
    for object in objects {
        engine.index_mut().apply(object, crate::model::time::Moment(0));
    }
    engine
}

fn remarks(objects: impl IntoIterator<Item = Object>, change: Change) -> Vec<String> {
    let said = engine(objects).review(change, wall(0)).into_iter();
    let line = |r: Remark| {
        let how = match (r.refuses(), r.worse) {
            (true, _) => "refused",
            (false, true) => "worse",
            (false, false) => "left",
        };
        format!("{how} {} {}", r.workload.name, r.rule)
    };
    said.map(line).collect()
}

fn update(old: Object, new: Object) -> Change {
    Change::Update {
        old: Box::new(old),
        new: Box::new(new),
    }
}

fn create(object: Object) -> Change {
    Change::Create(Box::new(object))
}

fn web() -> Workload {
    good("shop/web")
}

fn scale(from: i32, to: i32) -> Change {
    let key = web().key;
    Change::Scale { key, from, to }
}

/// Two workloads, one of which asks for a version of the other that nobody runs.
fn dependent() -> Workload {
    good("shop/api").annotated("plimsoll.dev/requires", "deployment/web >=2.0.0")
}

/// A ready pod of `shop/web` that says its version.
fn running(version: &str) -> Object {
    let mut pod = pod("shop/web-1");
    pod.shape.version = PodVersion::of(Some(version), None, None);
    pod.object()
}

#[rstest]
#[case::nothing_is_wrong(vec![shielded("web")], create(web().object()), &[])]
#[case::made_as_one_replica(
    vec![shielded("web")],
    create(web().replicas(1).object()),
    &["worse web min-replicas"]
)]
#[case::an_autoscaler_that_is_there_holds_the_floor(
    vec![shielded("web"), hpa("shop/web", Some(3), 9).object()],
    create(web().with(|w| w.replicas = Field::Absent).object()),
    &[]
)]
#[case::a_limit_range_that_is_there_gives_the_limit(
    vec![shielded("web"), Object::LimitRange(limit_range("shop/defaults", LimitRangeType::Container, Some("64Mi"), None))],
    create(web().containers([container("app").request("64Mi").cpu(Some("10m"), None)]).object()),
    &[]
)]
#[case::an_update_that_changes_nothing_that_is_read(
    vec![shielded("web"), web().replicas(1).object()],
    update(web().replicas(1).object(), web().replicas(1).generation(2).object()),
    &[]
)]
#[case::an_update_makes_it_worse_and_leaves_something_broken(
    vec![shielded("web")],
    update(
        web().memory_limit("0").object(),
        web().memory_limit("0").replicas(1).generation(2).object()
    ),
    &["worse web min-replicas", "left web memory-limit"]
)]
#[case::an_update_mends_it(
    vec![shielded("web"), web().replicas(1).object()],
    update(web().replicas(1).object(), web().generation(2).object()),
    &[]
)]
#[case::scaled_down(
    vec![shielded("web"), web().object()],
    scale(3, 1),
    &["worse web min-replicas"]
)]
#[case::scaled_up(vec![shielded("web"), web().replicas(1).object()], scale(1, 3), &[])]
#[case::scaled_and_unknown(vec![], scale(3, 1), &[])]
#[case::an_autoscaler_lowered_to_one(
    vec![shielded("web"), web().with(|w| w.replicas = Field::Absent).object(), hpa("shop/web", Some(3), 9).object()],
    update(hpa("shop/web", Some(3), 9).object(), hpa("shop/web", Some(1), 9).object()),
    &["worse web min-replicas"]
)]
#[case::a_budget_that_blocks_what_is_there(
    vec![web().object()],
    create(budget("shop/web").min_available(3).selecting(selector(&[("app", "web")])).object()),
    &["worse web pdb-blocks-drain"]
)]
#[case::a_budget_speaks_of_nothing_else(
    vec![web().memory_limit("0").object()],
    create(shielded("web")),
    &[]
)]
#[case::a_second_budget(
    vec![shielded("web"), web().object()],
    create(budget("shop/all").max_unavailable(1).selecting(selector(&[("app", "web")])).object()),
    &["worse web pdb-overlap"]
)]
#[case::a_dependency_that_is_not_there_in_that_version(
    vec![shielded("api"), web().object(), replica_set("shop/web").object(), running("1.4.0")],
    create(dependent().object()),
    &["worse api requires"]
)]
#[case::a_dependency_that_is_there(
    vec![shielded("api"), web().object(), replica_set("shop/web").object(), running("2.1.0")],
    create(dependent().object()),
    &[]
)]
#[case::a_daemon_set_is_judged_by_its_template(
    vec![],
    create(workload(Kind::DaemonSet, "shop/agent").object()),
    &["worse agent memory-limit"]
)]
#[case::of_a_system_namespace(vec![], create(deployment("kube-system/dns").object()), &[])]
fn a_review_says(#[case] there: Vec<Object>, #[case] change: Change, #[case] said: &[&str]) {
    assert_eq!(remarks(there, change), said);
}

#[rstest]
#[case::worse(update(web().object(), web().replicas(1).generation(2).object()), &["refused web min-replicas"])]
#[case::made(create(web().replicas(1).object()), &["refused web min-replicas"])]
#[case::was_so_before(
    update(web().replicas(1).object(), web().replicas(1).annotated("plimsoll.dev/owner", "team-web").object()),
    &["left web min-replicas"]
)]
fn what_a_policy_denies_is_refused_unless_it_was_so_before(#[case] change: Change, #[case] said: &[&str]) {
    let denies = policy("strict")
        .rule("min-replicas", |rule| rule.admission = Some(Admission::Deny))
        .rule("pdb-missing", |rule| rule.admission = Some(Admission::Off));
    assert_eq!(remarks([denies.object()], change), said);
}

#[test]
fn what_is_only_worth_knowing_is_said_if_a_policy_asks_for_it() {
    let there = || vec![shielded("web")];
    let change = || create(web().containers([container("app").limit("64Mi")]).object());
    assert_eq!(remarks(there(), change()), [""; 0]);
    let asks = policy("curious").rule("resource-requests", |rule| rule.admission = Some(Admission::Warn));
    let there = there().into_iter().chain([asks.object()]);
    assert_eq!(remarks(there, change()), ["worse web resource-requests"]);
}

#[test]
fn an_exemption_counts_also_that_of_the_namespace() {
    let lenient = namespace("shop", &[]).annotated("plimsoll.dev/exempt.min-replicas", "a demo");
    let there = [shielded("web"), lenient.object()];
    let change = create(web().replicas(1).object());
    assert_eq!(remarks(there, change), [""; 0]);
}

#[test]
fn a_policy_that_switches_a_rule_off_is_in_force() {
    let off = policy("off").severity("min-replicas", RuleSeverity::Off);
    let change = create(stateful_set("shop/db").replicas(1).memory_limit("64Mi").object());
    assert_eq!(remarks([off.object()], change), [""; 0]);
}

#[test]
fn before_everything_is_listed_nothing_is_said() {
    let mut engine = Engine::new(Index::new(), Policy::default(), DetectorConfig::default());
    let change = create(web().replicas(1).object());
    assert_eq!(engine.review(change, wall(0)), []);
}

#[test]
fn a_kind_that_nobody_asks_about_says_nothing() {
    assert_eq!(remarks([], create(namespace("shop", &[]).object())), [""; 0]);
}
