use rstest::rstest;

use super::super::tests::{index, judged, line};
use crate::index::Index;
use crate::model::finding::Outcome;
use crate::model::keys::{Kind, ObjectKey};
use crate::model::object::Object;
use crate::model::policy::{ExemptionRight, ResiliencePolicy, RuleSeverity};
use crate::model::testing::{container, deployment, namespace, policy, wall, workload};
use crate::policy::Policy;

/// Noon of 31 March 2027.
const NOON: &str = "2027-03-31T12:00:00Z";

/// What a rule says of `shop/web` at a time, each row a line.
fn said_at(index: &Index, rule: &str, now: &str) -> Vec<String> {
    let view = index
        .view(&ObjectKey::new(Kind::Deployment, "shop", "web"))
        .expect("a workload");
    let base = Policy::default();
    let policy = Policy::of(&base, "shop", &view.policies());
    let results = judged(view, &policy, now.parse().expect("a time")).results;
    results
        .iter()
        .filter(|result| result.rule == rule)
        .map(line)
        .collect()
}

fn said(index: &Index, rule: &str) -> Vec<String> {
    said_at(index, rule, NOON)
}

/// `shop/web` runs one replica, so that `min-replicas` fails; and has an exemption from a rule.
fn web(rule: &str, text: &str) -> Object {
    deployment("shop/web")
        .annotated(&format!("plimsoll.dev/exempt.{rule}"), text)
        .object()
}

fn with(objects: impl IntoIterator<Item = Object>) -> Index {
    index(36, objects)
}

#[test]
fn without_any_exemption_there_is_nothing_to_judge() {
    let index = with([deployment("shop/web").object(), namespace("shop", &[]).object()]);
    assert_eq!(
        said(&index, "exemption"),
        ["notApplicable: no exemption stands on it or on its namespace"]
    );
}

#[test]
fn one_that_counts_makes_its_rule_exempt_with_the_reason() {
    let index = with([web("min-replicas", "one licence: PLAT-12; until=2027-03-31")]);
    assert_eq!(
        said(&index, "min-replicas"),
        ["exempt: one licence: PLAT-12 (until 2027-03-31)"]
    );
    assert_eq!(
        said(&index, "exemption"),
        [
            "min-replicas: pass: until 2027-03-31, by annotation plimsoll.dev/exempt.min-replicas of Deployment shop/web"
        ]
    );
    assert!(
        said(&index, "memory-limit")[0].starts_with("app: fail"),
        "no other rule is"
    );
}

#[test]
fn what_holds_anyway_is_a_pass_and_not_exempt() {
    let web = deployment("shop/web")
        .replicas(3)
        .annotated("plimsoll.dev/exempt.min-replicas", "why");
    assert_eq!(
        said(&with([web.object()]), "min-replicas"),
        ["pass: 3 replicas, by spec.replicas"]
    );
}

#[test]
fn it_runs_out_at_the_end_of_its_day_and_says_so_then() {
    let index = with([web("min-replicas", "why; until=2027-03-31")]);
    assert_eq!(
        said_at(&index, "min-replicas", "2027-03-31T23:59:59Z"),
        ["exempt: why (until 2027-03-31)"]
    );
    let after = "2027-04-01T00:00:00Z";
    assert!(said_at(&index, "min-replicas", after)[0].starts_with("fail warning"));
    assert_eq!(
        said_at(&index, "exemption", after),
        [
            "min-replicas: fail warning: min-replicas is judged all the same: annotation plimsoll.dev/exempt.min-replicas \
          of Deployment shop/web ended with 2027-03-31; mend what the rule fails, or set a new date"
        ]
    );
}

#[test]
fn the_judgement_is_due_when_the_first_that_counts_runs_out() {
    let two = deployment("shop/web")
        .annotated("plimsoll.dev/exempt.min-replicas", "why; until=2027-06-30")
        .annotated("plimsoll.dev/exempt.memory-limit", "why; until=2027-05-31")
        .annotated("plimsoll.dev/exempt.pod-spread", "until=2027-04-01");
    let index = with([two.object()]);
    let view = index
        .view(&ObjectKey::new(Kind::Deployment, "shop", "web"))
        .expect("a workload");
    let due = |now: &str| judged(view, &Policy::default(), now.parse().expect("a time")).due;
    assert_eq!(due(NOON), Some("2027-06-01T00:00:00Z".parse().expect("a time")));
    assert_eq!(
        due("2027-06-01T00:00:00Z"),
        Some("2027-07-01T00:00:00Z".parse().expect("a time"))
    );
    assert_eq!(due("2027-07-01T00:00:00Z"), None);
}

#[rstest]
#[case::no_reason(
    "min-replicas",
    "until=2027-12-31",
    "min-replicas is judged all the same: annotation \
    plimsoll.dev/exempt.min-replicas of Deployment shop/web gives no reason; write the reason first, before until="
)]
#[case::a_typing_error(
    "min-replicas",
    "why; untl=2027-12-31",
    "min-replicas is judged all the same: annotation \
    plimsoll.dev/exempt.min-replicas of Deployment shop/web has a part that is neither until= nor containers=: \
    \"untl=2027-12-31\"; write \"reason; until=2027-03-31\", no semicolon in the reason"
)]
#[case::a_rule_of_another_name(
    "min-replica",
    "why",
    "it exempts from nothing: annotation \
    plimsoll.dev/exempt.min-replica of Deployment shop/web names no rule; did you mean min-replicas?"
)]
#[case::no_rule(
    "fourty-two",
    "why",
    "it exempts from nothing: annotation plimsoll.dev/exempt.fourty-two of \
    Deployment shop/web names no rule; `plimsoll rules` lists them all"
)]
#[case::a_detector(
    "co-located",
    "why",
    "it exempts from nothing: annotation plimsoll.dev/exempt.co-located of \
    Deployment shop/web names no rule; co-located is a detector, and this is for rules only"
)]
#[case::itself(
    "exemption",
    "why",
    "exemption is judged all the same: annotation plimsoll.dev/exempt.exemption of \
    Deployment shop/web is refused: it judges the exemptions themselves; mend what the rule fails, then remove it"
)]
fn one_that_does_not_count_says_why(#[case] rule: &str, #[case] text: &str, #[case] message: &str) {
    let index = with([web(rule, text)]);
    assert_eq!(
        said(&index, "exemption"),
        [format!("{rule}: fail warning: {message}")]
    );
    assert!(
        said(&index, "min-replicas")[0].starts_with("fail warning"),
        "and exempts from nothing"
    );
}

#[test]
fn containers_are_exempt_by_name_and_the_others_are_judged() {
    let web = deployment("shop/web")
        .containers([container("app"), container("db")])
        .annotated("plimsoll.dev/exempt.memory-limit", "by the vendor; containers=db");
    let rows = said(&with([web.object()]), "memory-limit");
    assert!(rows[0].starts_with("app: fail warning"), "{rows:?}");
    assert_eq!(rows[1], "db: exempt: by the vendor");
}

#[test]
fn a_namespace_exempts_its_workloads_and_no_others() {
    let shop =
        namespace("shop", &[]).annotated("plimsoll.dev/exempt.min-replicas", "for tests; until=2027-12-31");
    let index = with([
        shop.object(),
        namespace("bank", &[]).object(),
        deployment("shop/web").object(),
        deployment("bank/web").object(),
    ]);
    assert_eq!(
        said(&index, "min-replicas"),
        ["exempt: for tests (until 2027-12-31, by its namespace)"]
    );
    let bank = index
        .view(&ObjectKey::new(Kind::Deployment, "bank", "web"))
        .expect("a workload");
    let rows = judged(bank, &Policy::default(), NOON.parse().expect("a time")).results;
    let rows: Vec<String> = rows
        .iter()
        .filter(|row| row.rule == "min-replicas")
        .map(line)
        .collect();
    assert!(rows[0].starts_with("fail warning"), "{rows:?}");
}

#[test]
fn workload_and_namespace_both_count_and_the_workloads_reason_is_shown() {
    let shop = namespace("shop", &[]).annotated("plimsoll.dev/exempt.min-replicas", "theirs");
    let both = with([shop.clone().object(), web("min-replicas", "ours")]);
    assert_eq!(said(&both, "min-replicas"), ["exempt: ours"]);
    let over = with([shop.object(), web("min-replicas", "ours; until=2020-01-01")]);
    assert_eq!(said(&over, "min-replicas"), ["exempt: theirs (by its namespace)"]);
    let rows = said(&over, "exemption");
    assert!(
        rows[0].starts_with("min-replicas: fail warning")
            && rows[1].starts_with("min-replicas of its namespace: pass"),
        "{rows:?}"
    );
}

#[rstest]
#[case::denied(policy("p").exemptions(ExemptionRight::Deny), "ResiliencePolicy p takes no exemptions")]
#[case::not_here(policy("p").exemptions_in(&["bank"]), "ResiliencePolicy p takes none from the namespace shop")]
#[case::locked(policy("p").lock("min-replicas"), "ResiliencePolicy p locks the rule")]
fn a_policy_may_refuse_it_wherever_it_stands(#[case] policy: ResiliencePolicy, #[case] why: &str) {
    let exempt = "plimsoll.dev/exempt.min-replicas";
    let on_workload = deployment("shop/web").annotated(exempt, "why").object();
    let on_namespace = namespace("shop", &[]).annotated(exempt, "why").object();
    for (object, place) in [
        (on_workload, "Deployment shop/web"),
        (on_namespace, "Namespace shop"),
    ] {
        let index = with([deployment("shop/web").object(), object, policy.clone().object()]);
        assert!(
            said(&index, "min-replicas")[0].starts_with("fail warning"),
            "{place}"
        );
        let rows = said(&index, "exemption");
        assert!(
            rows[0].contains(&format!("of {place} is refused: {why}; ")),
            "{rows:?}"
        );
    }
}

#[test]
fn a_tenant_cannot_make_a_policy_look_away() {
    // Whatever the workload and the namespace say of themselves, the policy selects the namespace by its name.
    let lock = policy("lock").within("shop").lock("min-replicas");
    let shop = namespace(
        "shop",
        &[
            ("kubernetes.io/metadata.name", "elsewhere"),
            ("plimsoll.dev/exempt", "true"),
        ],
    )
    .annotated("plimsoll.dev/exempt.min-replicas", "why");
    let web = deployment("shop/web")
        .label("plimsoll.dev/exempt", "true")
        .annotated("plimsoll.dev/exempt.min-replicas", "why; containers=app")
        .annotated("plimsoll.dev/exempt.exemption", "why");
    let index = with([lock.object(), shop.object(), web.object()]);
    assert!(said(&index, "min-replicas")[0].starts_with("fail warning"));
    assert_eq!(said(&index, "exemption").len(), 3);
    assert!(
        said(&index, "exemption")
            .iter()
            .all(|row| row.contains(": fail warning: "))
    );
}

#[test]
fn of_thousands_a_few_are_told_and_the_rest_counted() {
    let many = (0..3000).fold(deployment("shop/web"), |web, i| {
        web.annotated(&format!("plimsoll.dev/exempt.rule-{i}"), "why")
    });
    let rows = said(&with([many.object()]), "exemption");
    assert_eq!(rows.len(), 17);
    assert_eq!(
        rows[16],
        "fail warning: what they name is judged all the same: 2984 more exemptions of Deployment shop/web and its \
         namespace do not count either; mend those that are named first"
    );
}

#[test]
fn it_is_judged_for_every_kind_because_memory_limits_are() {
    let set = workload(Kind::DaemonSet, "shop/agent").annotated("plimsoll.dev/exempt.memory-limit", "");
    let index = with([set.object()]);
    let view = index
        .view(&ObjectKey::new(Kind::DaemonSet, "shop", "agent"))
        .expect("a workload");
    let results = judged(view, &Policy::default(), wall(0)).results;
    let failed = results
        .iter()
        .any(|r| r.rule == "exemption" && matches!(r.outcome, Outcome::Fail(_)));
    assert!(failed);
}

#[test]
fn the_policy_may_rate_this_rule_too() {
    let index = with([
        web("pod-spread", ""),
        policy("p").severity("exemption", RuleSeverity::Critical).object(),
    ]);
    assert!(said(&index, "exemption")[0].starts_with("pod-spread: fail critical"));
}
