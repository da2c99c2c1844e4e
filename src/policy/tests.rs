use rstest::rstest;

use super::*;
use crate::model::finding::Severity;
use crate::model::policy::{AcrossNamespaces, ScaleToZero};
use crate::model::selector::Labels;
use crate::model::testing::{labels, policy, selector};

/// What is in force in the namespace `shop` for a workload without labels.
fn in_force(policies: impl IntoIterator<Item = ResiliencePolicy>) -> Policy {
    in_force_in("shop", &Labels::default(), policies)
}

fn in_force_in(
    namespace: &str,
    labels: &Labels,
    policies: impl IntoIterator<Item = ResiliencePolicy>,
) -> Policy {
    let mut set = Policies::default();
    policies.into_iter().for_each(|policy| drop(set.put(policy)));
    Policy::of(
        &Policy::default(),
        namespace,
        &set.governing(namespace, None, labels),
    )
    .into_owned()
}

fn said<T: Copy>(said: Option<&Said<T>>) -> Option<(T, &str)> {
    said.map(|said| (said.value, &*said.by))
}

#[test]
fn without_any_policy_the_defaults_are_in_force() {
    assert_eq!(in_force([]), Policy::default());
    let elsewhere = policy("other")
        .within("bank")
        .thresholds(|t| t.min_replicas = Some(5));
    assert_eq!(in_force([elsewhere]), Policy::default());
}

#[test]
fn each_field_is_taken_from_the_highest_priority_that_sets_it() {
    let all = in_force([
        policy("base").thresholds(|t| {
            t.min_replicas = Some(3);
            t.max_limit_request_ratio = Some(2);
        }),
        policy("shop")
            .priority(10)
            .within("shop")
            .thresholds(|t| t.min_replicas = Some(4)),
        policy("low").priority(-10).thresholds(|t| {
            t.max_limit_request_ratio = Some(8);
            t.max_toleration_seconds = Some(60);
            t.scale_to_zero = Some(ScaleToZero::Judge);
        }),
    ]);
    assert_eq!((all.min_replicas, all.max_limit_request_ratio), (4, 2));
    assert_eq!((all.max_toleration_seconds, all.judge_scale_to_zero), (60, true));
    assert_eq!(
        all.max_capacity_loss_percent,
        Policy::default().max_capacity_loss_percent
    );
    assert_eq!(
        all.applied.iter().map(|n| &**n).collect::<Vec<_>>(),
        ["shop", "base", "low"]
    );
}

#[test]
fn of_equal_priorities_the_first_by_name_counts_whatever_came_first() {
    let (a, b) = (
        policy("a").severity("pod-spread", RuleSeverity::Critical),
        policy("b").severity("pod-spread", RuleSeverity::Info),
    );
    for both in [[a.clone(), b.clone()], [b, a]] {
        let all = in_force(both);
        let severity = all.severity("pod-spread", RuleSeverity::Warning);
        assert_eq!(said(severity.as_ref()), Some((RuleSeverity::Critical, "a")));
    }
}

#[test]
fn a_rule_may_take_its_severity_from_one_policy_and_its_action_from_another() {
    let all = in_force([
        policy("a")
            .priority(2)
            .rule("pod-spread", |r| r.admission = Some(Admission::Deny)),
        policy("b").rule("pod-spread", |r| {
            r.severity = Some(RuleSeverity::Info);
            r.admission = Some(Admission::Off);
            r.patch = Some(Patch::Suggest);
        }),
    ]);
    let severity = all.severity("pod-spread", RuleSeverity::Warning);
    assert_eq!(said(severity.as_ref()), Some((RuleSeverity::Info, "b")));
    assert_eq!(
        (
            all.admission("pod-spread", Severity::Warning),
            all.patch("pod-spread")
        ),
        (Admission::Deny, Patch::Suggest)
    );
    assert_eq!(
        (
            all.admission("min-replicas", Severity::Warning),
            all.patch("min-replicas")
        ),
        (Admission::Warn, Patch::Off)
    );
    assert_eq!(all.severity("min-replicas", RuleSeverity::Warning), None);
}

#[rstest]
#[case::a_higher_priority_cannot_relax_it(
    RuleSeverity::Critical,
    10,
    RuleSeverity::Info,
    RuleSeverity::Critical
)]
#[case::nor_switch_it_off(RuleSeverity::Info, 10, RuleSeverity::Off, RuleSeverity::Info)]
#[case::a_lower_priority_may_tighten_it(RuleSeverity::Info, -10, RuleSeverity::Critical, RuleSeverity::Critical)]
fn of_a_locked_rule_the_strictest_severity_counts(
    #[case] locked: RuleSeverity,
    #[case] priority: i32,
    #[case] other: RuleSeverity,
    #[case] expected: RuleSeverity,
) {
    let all = in_force([
        policy("lock").rule("pod-spread", |r| {
            r.severity = Some(locked);
            r.locked = true;
        }),
        policy("other").priority(priority).severity("pod-spread", other),
    ]);
    let severity = all.severity("pod-spread", RuleSeverity::Warning);
    assert_eq!(severity.map(|said| said.value), Some(expected));
}

#[test]
fn a_lock_without_a_severity_holds_the_rules_own() {
    let own = RuleSeverity::Warning;
    let lock = policy("lock").lock("pod-spread");
    assert_eq!(
        in_force([lock.clone()]).severity("pod-spread", own),
        None,
        "as it is"
    );
    let milder = policy("other")
        .priority(9)
        .severity("pod-spread", RuleSeverity::Off);
    let severity = in_force([lock, milder]).severity("pod-spread", own);
    assert_eq!(severity.map(|said| said.value), Some(own));
}

#[test]
fn a_lock_holds_the_actions_too_and_what_it_leaves_out_stands_for_the_default() {
    let all = in_force([
        policy("lock").rule("pod-spread", |r| {
            r.patch = Some(Patch::Suggest);
            r.locked = true;
        }),
        policy("other").priority(9).rule("pod-spread", |r| {
            r.admission = Some(Admission::Off);
            r.patch = Some(Patch::Off);
        }),
    ]);
    assert_eq!(
        (
            all.admission("pod-spread", Severity::Warning),
            all.patch("pod-spread")
        ),
        (Admission::Warn, Patch::Suggest)
    );
}

#[test]
fn the_first_policy_that_names_keys_says_where_owners_are_named() {
    let mut squads = policy("squads").priority(1);
    squads.spec.ownership.owner_keys = Some(vec!["example.com/squad".into(), "team".into()]);
    let mut teams = policy("teams");
    teams.spec.ownership.owner_keys = Some(vec!["team".into()]);
    teams.spec.ownership.criticality_keys = Some(vec!["tier".into()]);
    let all = in_force([teams, squads]);
    assert_eq!(all.owner_keys, ["example.com/squad", "team"]);
    assert_eq!(all.criticality_keys, ["tier"]);
    assert_eq!(all.runbook_keys, Policy::default().runbook_keys);
}

#[test]
fn whether_namespaces_are_told_of_each_other_is_a_policys_to_say_and_a_lock_keeps_the_rule_awake() {
    let deny = policy("deny").thresholds(|t| t.requires_across_namespaces = Some(AcrossNamespaces::Deny));
    assert!(in_force([]).requires_across_namespaces);
    assert!(!in_force([deny.clone()]).requires_across_namespaces);
    let lock = policy("lock").priority(-1).lock("requires");
    assert!(in_force([deny, lock]).requires_across_namespaces);
}

#[test]
fn the_thresholds_of_a_locked_rule_cannot_be_relaxed_either() {
    let relaxed = policy("other").priority(9).thresholds(|t| {
        t.min_replicas = Some(1);
        t.scale_to_zero = Some(ScaleToZero::Allow);
        t.topology_keys = Some(vec!["rack".into(), "row".into()]);
        t.max_capacity_loss_percent = Some(100);
        t.max_limit_request_ratio = Some(100);
        t.max_toleration_seconds = Some(6000);
    });
    let rules = [
        "min-replicas",
        "pod-spread",
        "few-large-replicas",
        "resource-requests",
        "eviction-tolerance",
    ];
    let lock = rules
        .iter()
        .fold(policy("lock"), |policy, rule| policy.lock(rule));
    let defaults = Policy::default();
    let all = in_force([lock.clone(), relaxed.clone()]);
    let numbers = |p: &Policy| {
        (
            p.min_replicas,
            p.judge_scale_to_zero,
            p.max_capacity_loss_percent,
            p.max_limit_request_ratio,
            p.max_toleration_seconds,
        )
    };
    assert_eq!(
        numbers(&all),
        numbers(&defaults),
        "what the lock leaves out is locked at the default"
    );
    assert_eq!(all.topology_keys, defaults.topology_keys);

    let lock = lock.thresholds(|t| {
        t.min_replicas = Some(3);
        t.topology_keys = Some(vec!["row".into()]);
    });
    let all = in_force([lock, relaxed.clone()]);
    assert_eq!(all.min_replicas, 3);
    assert_eq!(all.topology_keys.last().map(String::as_str), Some("row"));
    assert!(!all.topology_keys.contains(&"rack".to_owned()));

    let unlocked = in_force([relaxed]);
    assert_eq!(
        (unlocked.min_replicas, unlocked.max_toleration_seconds),
        (1, 6000)
    );
}

#[test]
fn selectors_ask_for_the_labels_of_the_namespace_and_of_the_workload() {
    let web = policy("web").on("tier", "web").with(|spec| {
        spec.namespaces = crate::model::field::Field::Set(selector(&[("stage", "live")]));
    });
    let (live, tier) = (labels(&[("stage", "live")]), labels(&[("tier", "web")]));
    assert!(web.spec.governs("shop", Some(&live), &tier));
    assert!(!web.spec.governs("shop", Some(&live), &Labels::default()));
    assert!(!web.spec.governs("shop", Some(&labels(&[])), &tier));
    assert!(
        !web.spec.governs("shop", None, &tier),
        "labels that nobody knows are not there"
    );
}

#[test]
fn a_namespace_has_its_name_as_a_label_whatever_its_object_says() {
    let shop = policy("shop").within("shop");
    let lie = labels(&[("kubernetes.io/metadata.name", "shop")]);
    assert!(shop.spec.governs("shop", None, &Labels::default()));
    assert!(
        !shop.spec.governs("bank", Some(&lie), &Labels::default()),
        "no tenant becomes another"
    );
}

#[test]
fn a_policy_whose_selector_cannot_be_read_governs_nothing() {
    let broken = policy("broken").with(|spec| spec.workloads = crate::model::field::Field::Invalid);
    assert!(!broken.spec.governs("shop", None, &Labels::default()));
}

#[rstest]
#[case::by_its_name(policy("p").within("kube-system"), true)]
#[case::by_all(policy("p"), false)]
#[case::by_leaving_others_out(
    policy("p").with(|spec| spec.namespaces = crate::model::field::Field::Set(serde_json::from_value(serde_json::json!(
        { "matchExpressions": [{ "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["shop"] }] }
    )).expect("a selector"))),
    false
)]
fn a_system_namespace_is_judged_only_where_a_policy_names_it(
    #[case] one: ResiliencePolicy,
    #[case] judged: bool,
) {
    let policy = in_force_in("kube-system", &Labels::default(), [one]);
    assert_eq!(policy.judges("kube-system"), judged);
    assert!(policy.judges("shop") && !policy.applied.is_empty());
}

#[rstest]
#[case::allowed_by_default(policy("p"), None)]
#[case::denied(policy("p").exemptions(ExemptionRight::Deny), Some("ResiliencePolicy p takes no exemptions"))]
#[case::allowed_elsewhere(
    policy("p").exemptions_in(&["bank"]),
    Some("ResiliencePolicy p takes none from the namespace shop")
)]
#[case::allowed_here(policy("p").exemptions_in(&["bank", "shop"]), None)]
#[case::locked(policy("p").lock("pod-spread"), Some("ResiliencePolicy p locks the rule"))]
#[case::another_is_locked(policy("p").lock("min-replicas"), None)]
fn whose_exemptions_count(#[case] one: ResiliencePolicy, #[case] refused: Option<&str>) {
    let why = in_force([one]).refuses_exemption("pod-spread", "shop");
    assert_eq!(why.as_deref(), refused);
}

#[test]
fn a_policy_that_is_put_again_takes_its_new_place() {
    let mut set = Policies::default();
    assert!(set.put(policy("a")).is_none() && set.put(policy("b")).is_none());
    let order = |set: &Policies| {
        let all = set.governing("shop", None, &Labels::default());
        all.iter().map(|p| p.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(order(&set), ["a", "b"]);
    assert_eq!(set.put(policy("b").priority(1)), Some(policy("b")));
    assert_eq!(order(&set), ["b", "a"]);
    let before = set.revision();
    assert!(
        set.refresh(&policy("a")) && set.revision() == before,
        "nothing new"
    );
    assert!(!set.refresh(&policy("a").priority(5)), "asks for something else");
    assert_eq!(set.remove("b"), Some(policy("b").priority(1)));
    assert_eq!((order(&set), set.len()), (vec!["a".to_owned()], 1));
}
