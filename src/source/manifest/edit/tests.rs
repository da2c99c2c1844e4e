//! Edits against what a reader of YAML, and a reader of lines, makes of them.

mod shapes;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use self::shapes::{Around, SHAPES, Shape, shape};
use super::super::document::{Document, documents};
use super::super::tree::Tree;
use super::super::yaml;
use super::merge::merge;
use super::{append, patch};
use crate::model::keys::{Kind, ObjectKey};

fn key(kind: Kind, name: &str) -> ObjectKey {
    ObjectKey::new(kind, "shop", name)
}

fn edit(text: &str, patches: &[Value]) -> (String, Vec<Result<Option<usize>, String>>) {
    let key = key(Kind::Deployment, "web");
    let patches: Vec<(&ObjectKey, &Value)> = patches.iter().map(|patch| (&key, patch)).collect();
    let edited = patch(text, &patches);
    (edited.text, edited.outcomes)
}

/// The text after one patch that is made.
#[track_caller]
fn edited(text: &str, patch: Value) -> String {
    let (text, outcomes) = edit(text, &[patch]);
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    text
}

#[track_caller]
fn refused(text: &str, patch: Value) -> String {
    let (after, outcomes) = edit(text, &[patch]);
    assert_eq!(after, text);
    outcomes[0].clone().expect_err("it is refused")
}

const HEAD: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: shop\n";

fn of_spec(spec: &str) -> String {
    format!("{HEAD}spec:\n{spec}")
}

#[rstest]
#[case::a_scalar("  replicas: 1 # one\n", json!({"replicas": 3}), "  replicas: 3 # one\n")]
#[case::a_quoted_scalar("  a: '1Gi'\n", json!({"a": "2Gi"}), "  a: '2Gi'\n")]
#[case::no_value("  a:\n  b: 1\n", json!({"a": 3}), "  a: 3\n  b: 1\n")]
#[case::the_same("  a: \"x\"\n", json!({"a": "x"}), "  a: \"x\"\n")]
#[case::a_new_field("  a: 1\n\n# end\n", json!({"b": {"c": "d"}}), "  a: 1\n  b:\n    c: d\n\n# end\n")]
#[case::without_a_last_line_feed("  a: 1", json!({"b": 2}), "  a: 1\n  b: 2")]
#[case::into_nothing("  a:\n  b: 1\n", json!({"a": {"c": 1}}), "  a:\n    c: 1\n  b: 1\n")]
#[case::into_null("  a: null # why\n  b: 1\n", json!({"a": {"c": 1}}), "  a: # why\n    c: 1\n  b: 1\n")]
#[case::into_an_empty_map("  a: {}  # why\n", json!({"a": {"c": 1}}), "  a:  # why\n    c: 1\n")]
#[case::into_an_empty_list("  a: []\n  b:\n    - 1\n", json!({"a": ["x"]}), "  a:\n    - x\n  b:\n    - 1\n")]
#[case::into_flow("  a: {b: 1}\n", json!({"a": {"c": {"d": [1, "x"]}}}), "  a: {b: 1, c: {d: [1, x]}}\n")]
#[case::into_empty_flow_in_flow("  a: {b: {}, c: }\n", json!({"a": {"b": {"x": 1}, "c": {"z": 2}}}), "  a: {b: {x: 1}, c: {z: 2} }\n")]
#[case::into_flow_with_a_last_comma("  a: {b: 1,}\n", json!({"a": {"c": 2}}), "  a: {b: 1, c: 2,}\n")]
#[case::into_flow_over_lines("  a: {\n    b: 1 # x\n  }\n", json!({"a": {"c": 2}}), "  a: {\n    b: 1, # x\n    c: 2\n  }\n")]
#[case::behind_text("  a: |\n    x\n\n  b: 1\n", json!({"a": "|"}), "")]
#[case::below_text("  a:\n    b: |\n      x\n  c: 1\n", json!({"a": {"d": 1}}), "  a:\n    b: |\n      x\n    d: 1\n  c: 1\n")]
#[case::below_text_that_keeps_its_end("  a:\n    b: |+\n      x\n\n  c: 1\n", json!({"a": {"d": 1}}), "  a:\n    b: |+\n      x\n\n    d: 1\n  c: 1\n")]
#[case::removed("  a: 1\n  b: 2\n  c: 3\n", json!({"b": null}), "  a: 1\n  c: 3\n")]
#[case::removed_but_its_comment("  a: 1\n  b: 2 # two\n  c: 3\n", json!({"b": null}), "  a: 1\n  # two\n  c: 3\n")]
#[case::removed_from_flow("  a: {b: 1, c: 2}\n", json!({"a": {"c": null}}), "  a: {b: 1}\n")]
#[case::removed_from_the_front_of_flow("  a: {b: 1, c: 2}\n", json!({"a": {"b": null}}), "  a: {c: 2}\n")]
#[case::the_only_one_removed("  a:\n    b: 1\n  c: 2\n", json!({"a": {"b": null}}), "  a:\n    {}\n  c: 2\n")]
#[case::exchanged("  minAvailable: 2 # all\n", json!({"minAvailable": null, "maxUnavailable": 1}), "  maxUnavailable: 1 # all\n")]
#[case::what_is_not_there_is_not_removed("  a: 1\n", json!({"b": null}), "  a: 1\n")]
#[case::the_step_that_most_maps_have("  a:\n      b: 1\n", json!({"c": {"d": 1}}), "  a:\n      b: 1\n  c:\n    d: 1\n")]
fn a_patch_is_made_in_the_texts_own_hand(#[case] spec: &str, #[case] patch: Value, #[case] after: &str) {
    let text = of_spec(spec);
    if after.is_empty() {
        assert!(refused(&text, json!({ "spec": patch })).contains("block of text"));
        return;
    }
    let first = edited(&text, json!({ "spec": patch }));
    assert_eq!(first, of_spec(after));
    assert_eq!(edited(&first, json!({ "spec": patch })), first, "twice");
}

#[rstest]
#[case::by_name(
    "  - name: a # first\n    image: x\n  # between\n  - image: y\n    name: b\n",
    json!([{"name": "b", "tty": true}, {"name": "c"}]),
    "  - name: a # first\n    image: x\n  # between\n  - image: y\n    name: b\n    tty: true\n  - name: c\n"
)]
#[case::wide_dashes("  -   name: a\n", json!([{"name": "c", "tty": true}]), "  -   name: a\n  -   name: c\n      tty: true\n")]
#[case::flow_items("  - {name: a}\n  - {name: b}\n", json!([{"name": "b", "tty": true}]), "  - {name: a}\n  - {name: b, tty: true}\n")]
#[case::a_removed_first_field("  - tty: true\n    name: a\n", json!([{"name": "a", "tty": null}]), "  - name: a\n")]
fn items_of_containers_are_found_by_their_names(
    #[case] list: &str,
    #[case] items: Value,
    #[case] after: &str,
) {
    let text = of_spec(&format!("  containers:\n{list}  x: 1\n"));
    let after = of_spec(&format!("  containers:\n{after}  x: 1\n"));
    assert_eq!(edited(&text, json!({"spec": {"containers": items}})), after);
}

#[rstest]
#[case::a_field_of_an_item("  - key: a\n    seconds: 900 # long\n", json!([{"key": "a", "seconds": 300}]), "  - key: a\n    seconds: 300 # long\n")]
#[case::one_more("  - key: a\n", json!([{"key": "a"}, {"key": "b"}]), "  - key: a\n  - key: b\n")]
fn other_lists_become_what_the_patch_says(#[case] list: &str, #[case] items: Value, #[case] after: &str) {
    let text = of_spec(&format!("  tolerations:\n{list}"));
    let after = of_spec(&format!("  tolerations:\n{after}"));
    assert_eq!(edited(&text, json!({"spec": {"tolerations": items}})), after);
}

#[rstest]
#[case::an_alias("  b: &x {c: 1}\n  a: *x\n", "spec.a is an alias")]
#[case::an_anchor_in_use("  a: &x {c: 1}\n  b: *x\n", "spec.a has an anchor that aliases refer to")]
#[case::a_merge_key(
    "  b: &x {c: 1}\n  a:\n    <<: *x\n    e: 1\n",
    "spec.a takes fields from elsewhere (<<)"
)]
#[case::text_where_a_list_is("  a: [1]\n", "spec.a is of another type")]
#[case::a_template("  a: {c: 1}\n  b: '{{ .Values.b }}'\n", "line 8 is a template")]
#[case::two_lines("  a: one\n    two\n", "spec.a goes over several lines")]
fn what_cannot_be_changed_safely_is_refused_by_name(#[case] spec: &str, #[case] why: &str) {
    let why_not = refused(&of_spec(spec), json!({"spec": {"a": {"d": 1}}}));
    assert!(why_not.starts_with(why) && why_not.contains("; "), "{why_not}");
}

#[test]
fn anchors_elsewhere_are_in_nobodys_way() {
    let text = of_spec("  b: &x {c: 1}\n  e: *x\n  a: {c: 1}\n");
    assert!(edited(&text, json!({"spec": {"a": {"d": 1}}})).ends_with("  a: {c: 1, d: 1}\n"));
}

#[test]
fn an_item_of_a_list_that_is_an_alias_is_refused() {
    let text = "kind: List\napiVersion: v1\nx: &web {apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}}\nitems: [*web]\n";
    assert!(refused(text, json!({"spec": {"a": 1}})).contains("not found"));
}

#[test]
fn the_same_object_twice_is_refused() {
    let text = format!("{HEAD}---\n{HEAD}");
    assert!(refused(&text, json!({"spec": {"a": 1}})).contains("twice"));
}

#[test]
fn one_refusal_costs_nobody_else_anything() {
    let text = of_spec("  b: &x {c: 1}\n  a: *x\n  replicas: 1\n");
    let (after, outcomes) = edit(
        &text,
        &[
            json!({"spec": {"a": {"d": 1}}}),
            json!({"spec": {"replicas": 2}}),
            json!({"spec": {"replicas": 3}}),
        ],
    );
    assert!(after.ends_with("  replicas: 2\n"), "{after}");
    assert_eq!((outcomes[0].is_err(), &outcomes[1]), (true, &Ok(Some(9))));
    let why = outcomes[2].clone().expect_err("it contradicts the one before");
    assert_eq!(
        why,
        "spec.replicas is set otherwise by another remedy; run --fix again"
    );
}

#[test]
fn the_line_is_that_of_the_edited_text() {
    let text = of_spec("  a:\n    x: 1\n  b:\n    y: 1\n");
    let (after, outcomes) = edit(
        &text,
        &[
            json!({"spec": {"a": {"n": 1, "m": 2}}}),
            json!({"spec": {"b": {"z": 9}}}),
        ],
    );
    let line = |at: &Result<Option<usize>, String>| {
        after.lines().nth(at.clone().expect("made").expect("changed") - 1)
    };
    assert_eq!(
        (line(&outcomes[0]), line(&outcomes[1])),
        (Some("    m: 2"), Some("    z: 9"))
    );
}

fn pdb() -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web", "y": "yes"}}},
    })
}

#[rstest]
#[case("a: 1\n", "a: 1\n---\n")]
#[case("a: 1", "a: 1\n---\n")]
#[case("---\na: 1\n...\n", "---\na: 1\n...\n---\n")]
#[case("a: |+\n  x\n\n", "a: |+\n  x\n\n---\n")]
fn an_object_is_put_behind_the_last_document(#[case] text: &str, #[case] head: &str) {
    let (after, line) = append(text, &pdb()).expect("it fits");
    assert!(after.starts_with(head), "{after}");
    assert_eq!(after.lines().nth(line - 1), Some("apiVersion: policy/v1"));
    assert_eq!(documents(&after).last().and_then(Document::value), Some(pdb()));
}

#[test]
fn json_gets_no_second_document() {
    assert!(
        append("{\"a\": 1}", &pdb())
            .expect_err("refused")
            .contains("a file of its own")
    );
}

// --- all shapes

fn limit(container: &str, list: &str) -> Value {
    let resources = json!({"limits": {"memory": "512Mi"}, "requests": {"memory": "256Mi"}});
    pod(&json!({list: [{"name": container, "resources": resources}]}))
}

fn pod(spec: &Value) -> Value {
    json!({"spec": {"template": {"spec": spec}}})
}

fn spread() -> Value {
    let constraint = |key: &str| {
        json!({
            "maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app": "web", "tier": "yes"}}, "matchLabelKeys": ["pod-template-hash"],
        })
    };
    let constraints = [
        constraint("kubernetes.io/hostname"),
        constraint("topology.kubernetes.io/zone"),
    ];
    pod(&json!({ "topologySpreadConstraints": constraints }))
}

/// Such as remedies are, and some that are worse.
fn patches() -> Vec<Value> {
    vec![
        limit("app", "containers"),
        spread(),
        json!({"spec": {"replicas": 2}}),
        json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%"}}}}),
        pod(&json!({"nodeSelector": {"disk": "ssd"}, "terminationGracePeriodSeconds": 30})),
        json!({"metadata": {"annotations": {"plimsoll.dev/owner": "team: web"}}}),
        json!({"spec": {"replicas": null}}),
        pod(&json!({"containers": [{"name": "new", "image": "x:1", "args": ["a", "# b"]}]})),
    ]
}

/// The comments of a text, found line by line: a `#` behind white space, outside quotes and blocks of text.
fn comments(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(at) = line
            .find("# comment ")
            .or_else(|| line.find("# the "))
            .or_else(|| line.find("# Copyright"))
        {
            found.push(line[at..].trim_end().to_owned());
        }
    }
    found
}

/// Every key with the way to it, in the order of the text.
fn keys(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for document in documents(text) {
        let tree: Tree<'_> = yaml::parsed(document.text()).expect("it is YAML");
        walk(tree.root(), "", &mut all);
        all.push("---".to_owned());
    }
    all
}

fn walk(node: super::super::tree::Node<'_>, path: &str, all: &mut Vec<String>) {
    for (key, value) in node.pairs() {
        let path = format!("{path}.{}", key.text().unwrap_or_default());
        all.push(path.clone());
        walk(value, &path, all);
    }
    for (i, item) in node.items().enumerate() {
        walk(item, &format!("{path}[{i}]"), all);
    }
}

/// Whether all of `part` stand in `whole`, in their order.
fn is_within<T: PartialEq>(part: &[T], whole: &[T]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|one| whole.any(|other| other == one))
}

/// The object in a text.
fn object(text: &str, around: Around) -> Value {
    let values: Vec<Value> = documents(text)
        .iter()
        .map(|d| d.value().expect("a value"))
        .collect();
    let found = values
        .iter()
        .find(|v| v["kind"] == "Deployment" || v["kind"] == "List")
        .expect("it is there");
    if around == Around::List {
        found["items"][1].clone()
    } else {
        found.clone()
    }
}

/// What must hold of every edit of every shape.
fn holds(shape: &Shape, patches: &[Value]) -> Result<(), TestCaseError> {
    let text = shape.write("web");
    let (after, outcomes) = edit(&text, patches);
    prop_assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}\n{text}");
    let mut expected = object(&text, shape.around);
    for patch in patches {
        merge(&mut expected, patch, &mut vec!["Deployment"]);
    }
    prop_assert_eq!(object(&after, shape.around), expected, "{}", after);
    prop_assert_eq!(
        comments(&after),
        comments(&text),
        "{}\n=== became\n{}",
        text,
        after
    );
    let removed = |key: &str| {
        patches
            .iter()
            .any(|p| p["spec"]["replicas"].is_null() && p["spec"].get("replicas").is_some())
            && key.ends_with(".spec.replicas")
    };
    let before: Vec<String> = keys(&text).into_iter().filter(|key| !removed(key)).collect();
    prop_assert!(
        is_within(&before, &keys(&after)),
        "the order of keys changed:\n{text}\n=== became\n{after}"
    );
    // Lines that are gone: those with a value that changed, or a collection that was empty or written on one line.
    let lines: Vec<&str> = text.split('\n').collect();
    let kept: Vec<&str> = after.split('\n').collect();
    let gone = lines.iter().filter(|line| !kept.contains(line)).count();
    prop_assert!(
        gone <= 2 + 3 * patches.len(),
        "{gone} lines gone:\n{text}\n=== became\n{after}"
    );
    prop_assert_eq!(after.contains('\r'), text.contains('\r'));
    if text.contains('\r') {
        prop_assert_eq!(after.matches("\r\n").count(), after.matches('\n').count());
    }
    let (twice, outcomes) = edit(&after, patches);
    prop_assert!(
        outcomes.iter().all(|outcome| *outcome == Ok(None)),
        "{outcomes:?}"
    );
    prop_assert_eq!(twice, after);
    Ok(())
}

/// Some 700 of them, all digits of a shape's number in all pairs.
#[test]
fn every_shape_keeps_what_the_remedies_do_not_speak_of() {
    let rule_patches = [limit("app", "containers"), spread()];
    let step = 37;
    for number in (0..SHAPES).step_by(step) {
        let shape = shape(number);
        holds(&shape, &rule_patches).unwrap_or_else(|e| panic!("{number}, {shape:?}: {e}"));
    }
}

proptest! {
    #![proptest_config(crate::model::testing::cases(256))]

    #[test]
    fn an_edit_is_the_patch_merged(number in 0..SHAPES, wanted in proptest::sample::subsequence(patches(), 1..=4)) {
        let replicas = wanted.iter().filter(|p| p["spec"].get("replicas").is_some()).count();
        prop_assume!(replicas < 2);
        holds(&shape(number), &wanted)?;
    }
}
