use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

fn labels(text: &str) -> Labels {
    text.split_terminator(',')
        .map(|pair| pair.split_once('=').expect(pair))
        .collect()
}

fn selector(value: serde_json::Value) -> LabelSelector {
    serde_json::from_value(value).expect("a valid selector")
}

fn expression(key: &str, operator: &str, values: &[&str]) -> LabelSelector {
    selector(json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]}))
}

#[rstest]
#[case(json!({}), true, true)]
#[case(json!({"matchLabels": null, "matchExpressions": null}), true, true)]
#[case(json!({"matchLabels": {}, "matchExpressions": []}), true, true)]
#[case(json!({"matchLabels": {"app": "web"}}), true, false)]
#[case(json!({"matchLabels": {"app": "web", "tier": "b"}}), false, false)]
#[case(json!({"matchLabels": {"canary": null}}), true, false)]
#[case(json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["api", "web"]}]}), true, false)]
#[case(json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["api"]}]}), false, false)]
#[case(json!({"matchExpressions": [{"key": "zone", "operator": "In", "values": [""]}]}), false, false)]
#[case(json!({"matchExpressions": [{"key": "canary", "operator": "In", "values": [null]}]}), true, false)]
#[case(json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}), false, false)]
#[case(json!({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}), true, false)]
#[case(json!({"matchExpressions": [{"key": "canary", "operator": "Exists"}]}), true, false)]
#[case(json!({"matchExpressions": [{"key": "zone", "operator": "Exists", "values": null}]}), false, false)]
#[case(json!({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist", "values": []}]}), true, false)]
#[case(json!({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}), false, false)]
#[case(json!({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}), false, false)]
fn a_selector_selects_when_every_requirement_holds(
    #[case] value: serde_json::Value,
    #[case] matches: bool,
    #[case] everything: bool,
) {
    let selector = selector(value);
    assert_eq!(selector.matches(&labels("app=web,tier=a,canary=")), matches);
    assert_eq!(selector.is_empty(), everything);
}

#[rstest]
#[case("in", &["a"], SelectorError::UnknownOperator { key: "app".into(), operator: "in".into() })]
#[case("Gt", &["1"], SelectorError::UnknownOperator { key: "app".into(), operator: "Gt".into() })]
#[case("", &[], SelectorError::UnknownOperator { key: "app".into(), operator: "".into() })]
#[case("In", &[], SelectorError::NoValues { key: "app".into(), operator: "In".into() })]
#[case("NotIn", &[], SelectorError::NoValues { key: "app".into(), operator: "NotIn".into() })]
#[case("Exists", &["a"], SelectorError::UnwantedValues { key: "app".into(), operator: "Exists".into() })]
#[case("DoesNotExist", &["a"], SelectorError::UnwantedValues { key: "app".into(), operator: "DoesNotExist".into() })]
#[case("In", &["a", "b c"], SelectorError::InvalidValue { key: "app".into(), value: "b c".into() })]
fn what_the_api_server_refuses_is_a_typed_error(
    #[case] operator: &str,
    #[case] values: &[&str],
    #[case] expected: SelectorError,
) {
    let raw = RawRequirement {
        key: "app".into(),
        operator: operator.into(),
        values: Some(values.iter().map(|value| Some((*value).into())).collect()),
    };
    let raw = RawLabelSelector {
        match_expressions: Some(vec![raw]),
        ..RawLabelSelector::default()
    };
    assert_eq!(LabelSelector::try_from(raw), Err(expected));
}

#[test]
fn the_error_reaches_whoever_reads_json() {
    let error = serde_json::from_value::<LabelSelector>(
        json!({"matchExpressions": [{"key": "app", "operator": "Gt"}]}),
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "selector on \"app\" has the unknown operator \"Gt\": use In, NotIn, Exists or DoesNotExist"
    );
}

#[rstest]
#[case("app", true)]
#[case("app.kubernetes.io/name", true)]
#[case("a/B_c.d-9", true)]
#[case("", false)]
#[case("/app", false)]
#[case("app/", false)]
#[case("a/b/c", false)]
#[case("-app", false)]
#[case("app.", false)]
#[case("Example.com/app", false)]
#[case("a..b/app", false)]
#[case("a-.b/app", false)]
#[case("größe", false)]
fn a_key_has_the_syntax_of_a_label(#[case] key: &str, #[case] valid: bool) {
    let raw = RawLabelSelector {
        match_labels: [(key, "x")].into_iter().collect(),
        match_expressions: None,
    };
    let error = SelectorError::InvalidKey(key.into());
    assert_eq!(LabelSelector::try_from(raw).err(), (!valid).then_some(error));
}

#[test]
fn keys_and_values_end_at_63_characters_and_domains_at_253() {
    let name = |length: usize| "x".repeat(length);
    assert!(is_name(&name(63)) && !is_name(&name(64)));
    assert!(is_label_key(&format!("{}/{}", name(253), name(63))));
    assert!(!is_label_key(&format!("{}/x", name(254))));
}

#[test]
fn a_selector_prints_as_kubectl_prints_it() {
    let selector = selector(json!({
        "matchLabels": {"app": "web", "empty": ""},
        "matchExpressions": [
            {"key": "x", "operator": "DoesNotExist"},
            {"key": "tier", "operator": "In", "values": ["b", "a"]},
            {"key": "zone", "operator": "NotIn", "values": ["c"]},
            {"key": "canary", "operator": "Exists"},
        ],
    }));
    assert_eq!(
        selector.to_string(),
        "app=web,canary,empty=,tier in (a,b),!x,zone notin (c)"
    );
    assert_eq!(LabelSelector::default().to_string(), "<none>");
}

#[test]
fn match_label_keys_narrow_a_selector() {
    let web = || selector(json!({"matchLabels": {"app": "web"}}));
    let (old, new) = (labels("app=web,hash=1"), labels("app=web,hash=2"));
    let same = web().and_exact("hash", "2");
    assert!(same.matches(&new) && !same.matches(&old));
    assert_eq!(same.to_string(), "app=web,hash in (2)");
    let others = web().and_not("hash", "2");
    assert!(others.matches(&old) && !others.matches(&new) && others.matches(&labels("app=web")));
    assert!(!LabelSelector::default().and_exact("hash", "2").is_empty());
}

#[test]
fn the_order_of_requirements_does_not_matter() {
    let one = json!({"key": "a", "operator": "In", "values": ["x", "y"]});
    let other = json!({"key": "a", "operator": "Exists"});
    let there = selector(json!({"matchExpressions": [one, other]}));
    let back = json!({"key": "a", "operator": "In", "values": ["y", "x"]});
    assert_eq!(there, selector(json!({"matchExpressions": [other, back]})));
}

#[test]
fn labels_are_read_from_a_map_and_null_is_empty() {
    let read: Labels = serde_json::from_str(r#"{"b": "2", "a": null, "b": "3"}"#).unwrap();
    assert_eq!(read, labels("a=,b=3"));
    assert_eq!(serde_json::to_string(&read).unwrap(), r#"{"a":"","b":"3"}"#);
    assert_eq!(serde_json::from_str::<Labels>("null").unwrap(), Labels::default());
    assert!(serde_json::from_str::<Labels>(r#"{"a": 1}"#).is_err());
}

#[test]
fn yaml_reads_like_json() {
    let yaml = "matchLabels:\n  app: web\n  canary: ~\nmatchExpressions:\n- {key: tier, operator: Exists}\n";
    let read: LabelSelector = serde_saphyr::from_str(yaml).unwrap();
    assert_eq!(read.to_string(), "app=web,canary=,tier");
}

#[test]
fn labels_and_selectors_stay_small() {
    assert_eq!((size_of::<Labels>(), size_of::<Option<Labels>>()), (16, 16));
    assert_eq!(
        (size_of::<LabelSelector>(), size_of::<Option<LabelSelector>>()),
        (16, 16)
    );
    assert_eq!(size_of::<Requirement>(), 40);
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec(("[a-d]", "[x-z]?"), 0..6)
}

fn hash(labels: &Labels) -> u64 {
    let mut hasher = DefaultHasher::new();
    labels.hash(&mut hasher);
    hasher.finish()
}

proptest! {
    #![proptest_config(crate::model::testing::cases(256))]

    #[test]
    fn labels_behave_like_a_map(pairs in pairs()) {
        let map: BTreeMap<_, _> = pairs.iter().cloned().collect();
        let labels: Labels = pairs.into_iter().collect();
        prop_assert!(labels.iter().eq(map.iter().map(|(key, value)| (&**key, &**value))));
        prop_assert_eq!(labels.len(), map.len());
        for key in ["a", "b", "c", "d", ""] {
            prop_assert_eq!(labels.get(key), map.get(key).map(|value| &**value));
        }
        let again: Labels = map.into_iter().rev().collect();
        prop_assert_eq!(hash(&again), hash(&labels));
        let json = serde_json::to_string(&labels).unwrap();
        prop_assert_eq!(serde_json::from_str::<Labels>(&json).unwrap(), labels);
    }

    #[test]
    fn not_in_is_the_negation_of_in_and_does_not_exist_of_exists(
        pairs in pairs(),
        key in "[a-d]",
        values in prop::collection::vec("[x-z]?", 1..4),
    ) {
        let labels: Labels = pairs.into_iter().collect();
        let values: Vec<&str> = values.iter().map(|value| &**value).collect();
        let matches = |operator, values: &[&str]| expression(&key, operator, values).matches(&labels);
        prop_assert_eq!(matches("In", &values), !matches("NotIn", &values));
        prop_assert_eq!(matches("Exists", &[]), !matches("DoesNotExist", &[]));
        prop_assert!(!matches("In", &values) || matches("Exists", &[]));
    }

    #[test]
    fn an_object_is_selected_by_its_own_labels_and_narrowing_never_widens(pairs in pairs(), other in pairs(), key in "[a-d]", value in "[x-z]") {
        let labels: Labels = pairs.into_iter().collect();
        let own = LabelSelector::from(&labels);
        prop_assert!(own.matches(&labels));
        let other: Labels = other.into_iter().collect();
        let (with, without) = (own.clone().and_exact(&*key, &*value), own.clone().and_not(&*key, &*value));
        prop_assert_eq!(with.matches(&other) || without.matches(&other), own.matches(&other));
        prop_assert!(!(with.matches(&other) && without.matches(&other)));
    }
}
