//! What policies and exemptions make of the rules' answers.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::subsequence;
use rstest::rstest;

use super::*;
use crate::model::finding::Severity;
use crate::model::policy::{ExemptionRight, ResiliencePolicy, RuleSeverity, ScaleToZero, Word};
use crate::model::testing::{cases, container, hpa, namespace, policy, selector, spread};
use crate::model::workload::Workload;

fn said(index: &Index, rule: &str) -> Vec<String> {
    let view = index
        .view(&ObjectKey::new(Kind::Deployment, "shop", "web"))
        .expect("a workload");
    let base = Policy::default();
    let policy = Policy::of(&base, "shop", &view.policies());
    let results = judged(view, &policy, wall(0)).results.into_iter();
    results
        .filter(|result| result.rule == rule)
        .map(|result| line(&result))
        .collect()
}

#[rstest]
#[case::critical(RuleSeverity::Critical, "fail critical")]
#[case::info(RuleSeverity::Info, "fail info")]
fn a_finding_has_the_severity_that_the_policy_says(#[case] severity: RuleSeverity, #[case] expected: &str) {
    let policy = policy("p").severity("min-replicas", severity);
    let index = index(36, [deployment("shop/web").object(), policy.object()]);
    assert!(said(&index, "min-replicas")[0].starts_with(expected));
    assert!(
        said(&index, "memory-limit")[0].starts_with("app: fail warning"),
        "no other rule has"
    );
}

#[rstest]
#[case(RuleSeverity::Critical, ["app: fail critical", "setup: fail info"])]
#[case(RuleSeverity::Warning, ["app: fail warning", "setup: fail info"])]
#[case(RuleSeverity::Info, ["app: fail info", "setup: fail info"])]
fn what_the_rule_rates_milder_itself_stays_milder(
    #[case] severity: RuleSeverity,
    #[case] expected: [&str; 2],
) {
    use crate::model::template::ContainerRole;
    let web =
        deployment("shop/web").containers([container("app"), container("setup").role(ContainerRole::Init)]);
    let policy = policy("p").severity("memory-limit", severity);
    let index = index(36, [web.object(), policy.object()]);
    let mut rows = said(&index, "memory-limit");
    rows.sort();
    for (row, expected) in rows.iter().zip(expected) {
        assert!(row.starts_with(expected), "{rows:?}");
    }
    assert_eq!(rows.len(), 2);
}

#[test]
fn a_rule_that_is_off_is_not_judged_and_says_by_whom() {
    let policy = policy("legacy").severity("min-replicas", RuleSeverity::Off);
    let index = index(36, [deployment("shop/web").object(), policy.object()]);
    assert_eq!(
        said(&index, "min-replicas"),
        ["notApplicable: switched off by ResiliencePolicy legacy"]
    );
}

#[test]
fn thresholds_are_the_policys() {
    let policy = policy("p").thresholds(|t| {
        t.min_replicas = Some(4);
        t.topology_keys = Some(vec!["rack".into()]);
    });
    let by_rack = deployment("shop/web")
        .replicas(3)
        .spread("rack", Some(selector(&[("app", "web")])));
    let index = index(36, [by_rack.object(), policy.object()]);
    assert!(said(&index, "min-replicas")[0].contains("it may run on 3 replicas where 4 are asked for"));
    assert!(
        said(&index, "pod-spread")[0].starts_with("pass"),
        "{:?}",
        said(&index, "pod-spread")
    );
}

#[test]
fn a_system_namespace_is_judged_where_a_policy_names_it() {
    let dns = deployment("kube-system/dns");
    let key = dns.key.clone();
    let index = index(
        36,
        [dns.object(), policy("system").within("kube-system").object()],
    );
    let view = index.view(&key).expect("a workload");
    let base = Policy::default();
    let policy = Policy::of(&base, &key.namespace, &view.policies());
    let results = judged(view, &policy, wall(0)).results;
    assert!(
        results
            .iter()
            .any(|r| r.rule == "min-replicas" && line(r).starts_with("fail warning"))
    );
}

/// How bad an answer is; what is worse is greater.
fn badness(outcome: &Outcome) -> Option<Severity> {
    match outcome {
        Outcome::Fail(failure) => Some(failure.severity),
        _ => None,
    }
}

/// The worst that each rule says of each subject.
fn worst(index: &Index) -> BTreeMap<(&'static str, Option<String>), Option<Severity>> {
    let view = index
        .view(&ObjectKey::new(Kind::Deployment, "shop", "web"))
        .expect("a workload");
    let base = Policy::default();
    let policy = Policy::of(&base, "shop", &view.policies());
    let mut worst = BTreeMap::new();
    for result in judged(view, &policy, wall(0)).results {
        let entry = worst.entry((result.rule, result.subject)).or_insert(None);
        *entry = badness(&result.outcome).max(*entry);
    }
    worst
}

fn severities() -> impl Strategy<Value = Option<RuleSeverity>> {
    prop::option::of(prop::sample::select(RuleSeverity::ALL))
}

fn rule_names() -> Vec<&'static str> {
    RULES.iter().map(|rule| rule.name).collect()
}

/// Any policy; one that locks has no rule that is locked and Off, which none can have.
fn policies(name: &'static str) -> impl Strategy<Value = ResiliencePolicy> {
    let names = rule_names();
    let count = names.len();
    let rules = (
        subsequence(names, 0..=count),
        prop::collection::vec((severities(), any::<bool>()), count),
    );
    let keys = prop::option::of(subsequence(vec!["rack", "row"], 0..=2));
    let thresholds = (
        prop::option::of(1..5u32),
        keys,
        prop::option::of(prop::sample::select(ScaleToZero::ALL)),
        prop::option::of(1..100u32),
        prop::option::of(1..9u32),
        prop::option::of(0..900u32),
    );
    let exemptions = (
        prop::option::of(prop::sample::select(ExemptionRight::ALL)),
        prop::option::of(subsequence(vec!["shop", "bank"], 1..=2)),
    );
    let scope = prop::sample::select(vec![None, Some("shop"), Some("bank")]);
    (-3..3, rules, thresholds, exemptions, scope).prop_map(
        move |(
            priority,
            (rules, settings),
            (min, keys, zero, loss, ratio, toleration),
            (right, from),
            scope,
        )| {
            let mut policy = policy(name).priority(priority).thresholds(|t| {
                t.min_replicas = min;
                t.topology_keys = keys.map(|keys| keys.into_iter().map(Into::into).collect());
                t.scale_to_zero = zero;
                t.max_capacity_loss_percent = loss;
                t.max_limit_request_ratio = ratio;
                t.max_toleration_seconds = toleration;
            });
            for (rule, (severity, locked)) in rules.into_iter().zip(settings) {
                policy = policy.rule(rule, |r| {
                    r.locked = locked;
                    r.severity = severity.filter(|s| !locked || *s != RuleSeverity::Off);
                });
            }
            policy.spec.exemptions.annotation = right;
            policy.spec.exemptions.namespaces = from.map(|from| from.into_iter().map(Into::into).collect());
            match scope {
                Some(namespace) => policy.within(namespace),
                None => policy,
            }
        },
    )
}

/// A Deployment `shop/web` of any shape that some rule minds.
fn shapes() -> impl Strategy<Value = Vec<Object>> {
    let key = prop::sample::select(vec!["kubernetes.io/hostname", "rack", "row", "shelf"]);
    let autoscaler = prop::option::of((0..4i32, 4..6i32));
    (0..5i32, prop::option::of(key), any::<bool>(), autoscaler).prop_map(
        |(replicas, key, limit, autoscaler)| {
            let mut web = deployment("shop/web").replicas(replicas);
            if let Some(key) = key {
                web.template
                    .spread
                    .push(spread(key, Some(selector(&[("app", "web")]))));
            }
            if limit {
                web = web.memory_limit("64Mi");
            }
            let autoscaler = autoscaler.map(|(min, max)| Object::Autoscaler(hpa("shop/web", Some(min), max)));
            [web.object()].into_iter().chain(autoscaler).collect()
        },
    )
}

/// Annotations as a tenant may write them, on the workload or on its namespace.
fn annotations() -> impl Strategy<Value = Vec<(bool, &'static str, &'static str)>> {
    let rule = prop::sample::select(rule_names());
    let text = prop::sample::select(vec![
        "why",
        "why; containers=app",
        "",
        "why; until=2020-01-01",
        "why; until=2030-01-01",
    ]);
    prop::collection::vec((any::<bool>(), rule, text), 0..5)
}

proptest! {
    #![proptest_config(cases(512))]

    /// Whoever may make policies or write annotations makes nothing milder that another policy locks.
    #[test]
    fn nothing_that_is_added_makes_a_locked_rule_milder(
        shape in shapes(),
        (a, b) in (policies("a"), policies("m")),
        (c, d) in (policies("c"), policies("z")),
        written in annotations(),
    ) {
        let before = index(36, shape.iter().cloned().chain([a.clone().object(), b.clone().object()]));
        let locked: Vec<&str> = rule_names().into_iter().filter(|rule| {
            [&a, &b].iter().any(|p| p.spec.locks(rule) && p.spec.governs("shop", None, &Default::default()))
        }).collect();
        let mut shop = namespace("shop", &[("kubernetes.io/metadata.name", "bank")]);
        let mut added: Vec<Object> = shape.clone();
        for (on_namespace, rule, text) in written {
            let key = format!("plimsoll.dev/exempt.{rule}");
            if on_namespace {
                shop = shop.annotated(&key, text);
            } else if let Some(Object::Workload(web)) = added.first_mut() {
                **web = Workload::clone(web).annotated(&key, text);
            }
        }
        added.extend([a.object(), b.object(), c.object(), d.object(), shop.object()]);
        let after = worst(&index(36, added));
        for ((rule, subject), severity) in worst(&before) {
            if locked.contains(&rule) {
                let now = after.get(&(rule, subject.clone())).copied().flatten();
                prop_assert!(now >= severity, "{rule} of {subject:?}: {severity:?} became {now:?}");
            }
        }
    }

    /// In which order policies come to be known makes no difference.
    #[test]
    fn the_order_of_policies_makes_no_difference(
        shape in shapes(),
        (a, b, c) in (policies("a"), policies("m"), policies("z")),
    ) {
        let [a, b, c] = [a, b, c].map(ResiliencePolicy::object);
        let one = shape.iter().cloned().chain([a.clone(), b.clone(), c.clone()]);
        let other = [c, a, b].into_iter().chain(shape.clone());
        let rows = |index: &Index| worst(index);
        prop_assert_eq!(rows(&index(36, one)), rows(&index(36, other)));
    }
}
