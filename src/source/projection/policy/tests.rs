use proptest::prelude::*;
use serde_json::json;

use super::super::from_json;
use super::*;
use crate::model::policy::{AcrossNamespaces, PolicyStatus, ScaleToZero};
use crate::model::testing::cases;

fn read(spec: &Value) -> ResiliencePolicy {
    let object = json!({ "metadata": { "name": "p", "uid": "u", "generation": 3 }, "spec": spec });
    read_object(&object)
}

fn read_object(object: &Value) -> ResiliencePolicy {
    match from_json(Kind::ResiliencePolicy, object.to_string().as_bytes()) {
        Ok(Object::Policy(policy)) => *policy,
        other => panic!("{other:?}"),
    }
}

fn problems(policy: &ResiliencePolicy) -> Vec<String> {
    let all = policy.problems.iter();
    all.map(|p| format!("{} {}", p.field, p.message)).collect()
}

#[test]
fn everything_that_a_policy_says_is_read() {
    let policy = read(&json!({
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "shop" } },
        "workloadSelector": { "matchExpressions": [{ "key": "tier", "operator": "In", "values": ["web", "api"] }] },
        "priority": 7,
        "thresholds": { "minReplicas": 3, "topologyKeys": ["rack"], "scaleToZero": "Judge", "maxCapacityLossPercent": 34,
            "maxLimitRequestRatio": 2, "maxTolerationSeconds": 60, "memoryLimit": "512Mi",
            "requiresAcrossNamespaces": "Deny" },
        "rules": [{ "name": "pod-spread", "severity": "Critical", "admission": "Deny", "patch": "Suggest", "locked": true }],
        "exemptions": { "annotation": "Allow", "namespaces": ["shop"] },
        "ownership": { "ownerKeys": ["example.com/squad", "team"], "runbookKeys": ["docs"], "criticalityKeys": ["tier"] }
    }));
    assert_eq!(problems(&policy), [""; 0]);
    assert_eq!((&*policy.name, &*policy.uid, policy.generation), ("p", "u", 3));
    let spec = policy.spec;
    assert!(spec.names("shop") && spec.priority == 7 && spec.workloads.get().is_some());
    assert_eq!(
        spec.thresholds,
        Thresholds {
            min_replicas: Some(3),
            topology_keys: Some(vec!["rack".into()]),
            scale_to_zero: Some(ScaleToZero::Judge),
            max_capacity_loss_percent: Some(34),
            max_limit_request_ratio: Some(2),
            max_toleration_seconds: Some(60),
            memory_limit: Some("512Mi".parse().expect("a quantity")),
            requires_across_namespaces: Some(AcrossNamespaces::Deny),
        }
    );
    let rule = RuleSetting {
        name: "pod-spread".into(),
        severity: Some(RuleSeverity::Critical),
        admission: Some(Admission::Deny),
        patch: Some(Patch::Suggest),
        locked: true,
    };
    assert_eq!(spec.rules, [rule]);
    assert_eq!(spec.exemptions.annotation, Some(ExemptionRight::Allow));
    assert_eq!(spec.exemptions.namespaces.as_deref(), Some(&["shop".into()][..]));
    let ownership = OwnershipSetting {
        owner_keys: Some(vec!["example.com/squad".into(), "team".into()]),
        runbook_keys: Some(vec!["docs".into()]),
        criticality_keys: Some(vec!["tier".into()]),
    };
    assert_eq!(spec.ownership, ownership);
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_in_force() {
    let policy = read(&json!({
        "thresholds": { "minReplicas": 0, "maxTolerationSeconds": 60, "later": 1 },
        "rules": [7, { "name": "pod-spread", "severity": "Fatal", "locked": true }, { "name": "memory-limit", "severity": "Info" }],
        "exemptions": "none"
    }));
    assert_eq!(
        problems(&policy),
        [
            "spec.thresholds.later is no field of a ResiliencePolicy; use one of minReplicas, topologyKeys, scaleToZero, \
             maxCapacityLossPercent, maxLimitRequestRatio, maxTolerationSeconds, memoryLimit, requiresAcrossNamespaces",
            "spec.thresholds.minReplicas must be a whole number from 1 to 1000, not 0",
            "spec.rules[0] must be a map, not 7",
            "spec.rules[1].severity must be one of Off, Info, Warning, Critical, not \"Fatal\"",
            "spec.exemptions must be a map, not \"none\"",
        ]
    );
    let spec = policy.spec;
    assert_eq!(spec.thresholds.max_toleration_seconds, Some(60));
    assert!(
        spec.locks("pod-spread"),
        "a lock is not lost with what stands beside it"
    );
    assert_eq!(
        spec.rule("memory-limit").and_then(|r| r.severity),
        Some(RuleSeverity::Info)
    );
}

#[test]
fn fields_without_a_name_are_named() {
    let policy =
        read_object(&json!({ "metadata": { "name": "p" }, "spec": { "thresholds": { "": 1 } }, "": 7 }));
    let fields: Vec<&str> = policy.problems.iter().map(|p| &*p.field).collect();
    assert_eq!(fields, [r#"[""]"#, r#"spec.thresholds[""]"#]);
}

#[test]
fn a_lock_that_is_off_stays_a_lock() {
    let policy = read(&json!({ "rules": [{ "name": "pod-spread", "severity": "Off", "locked": true }] }));
    let rule = policy.spec.rule("pod-spread").expect("the rule");
    assert!(rule.locked && rule.severity.is_none());
    assert_eq!(policy.problems.len(), 1);
}

#[test]
fn a_policy_whose_selector_cannot_be_read_selects_nothing_rather_than_all() {
    for broken in [
        json!({ "namespaceSelector": 7 }),
        json!({ "namespaceSelector": { "matchLabel": {} } }),
        json!({ "namespaceSelector": { "matchExpressions": [{ "key": "a", "operator": "In" }] } }),
        json!({ "namespaceSelector": { "matchLabels": { "a": "b c" } } }),
        json!([]),
        Value::Null,
    ] {
        let policy = read(&broken);
        assert!(
            policy.spec.namespaces.is_invalid() && !policy.problems.is_empty(),
            "{broken}"
        );
    }
}

#[test]
fn its_status_is_read_and_an_odd_one_is_none() {
    let status = json!({ "observedGeneration": 2, "workloads": 5, "conditions": [] });
    let object = |status: &Value| json!({ "metadata": { "name": "p" }, "spec": {}, "status": status });
    let shown = PolicyStatus {
        observed_generation: 2,
        workloads: 5,
        conditions: Vec::new(),
    };
    assert_eq!(read_object(&object(&status)).shown, Some(shown));
    assert_eq!(read_object(&object(&json!({ "workloads": "many" }))).shown, None);
    assert_eq!(read_object(&object(&Value::Null)).shown, None);
}

/// Any JSON, with the words that mean something among its keys and values.
fn json_value() -> impl Strategy<Value = Value> {
    let word = || {
        prop_oneof![
            prop::sample::select(vec![
                "name",
                "severity",
                "Off",
                "locked",
                "Deny",
                "pod-spread",
                "In",
                "key",
                "operator",
                "values",
                "matchLabels",
                "matchExpressions",
                "namespaces",
                "annotation",
                "1Mi",
                "minReplicas",
                "memoryLimit",
                "topologyKeys",
                "ownerKeys",
                "requiresAcrossNamespaces",
                "Deny",
            ])
            .prop_map(str::to_owned),
            "\\PC{0,12}",
        ]
    };
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn no_policy_panics_and_what_is_in_force_is_within_bounds(
        fields in prop::collection::vec((prop::sample::select(SPEC.to_vec()), json_value()), 0..6)
    ) {
        let spec: serde_json::Map<String, Value> = fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let policy = read(&Value::Object(spec));
        let PolicySpec { priority, thresholds, rules, .. } = &policy.spec;
        prop_assert!((bounds::PRIORITY.0..=bounds::PRIORITY.1).contains(priority));
        prop_assert!(thresholds.min_replicas.is_none_or(|n| (1..=1000).contains(&n)));
        prop_assert!(rules.len() <= bounds::RULES);
        prop_assert!(rules.iter().all(|rule| !(rule.locked && rule.severity == Some(RuleSeverity::Off))));
    }
}
