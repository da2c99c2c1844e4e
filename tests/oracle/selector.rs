//! `LabelSelector` against `metav1.LabelSelectorAsSelector` and API validation.

use plimsoll::model::selector::{LabelSelector, Labels};
use plimsoll_kit::Oracle;
use plimsoll_kit::oracle::Mode;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::{Tally, generated, like};

const LONG: &str = "a23456789-123456789-123456789-123456789-123456789-123456789-1234";

/// Few, so that selectors and objects often meet.
const KEYS: [&str; 4] = ["app", "tier", "example.com/role", "A_b.c"];
const VALUES: [&str; 5] = ["web", "api", "db-1", "", "W.e_b"];

fn key() -> impl Strategy<Value = String> {
    let odd = vec![
        "",
        "-a",
        "a-",
        "a/b/c",
        "Upper.com/x",
        "x/",
        "/x",
        "a..b/c",
        "\u{e9}",
        "a b",
        "a_b/c",
        ".a",
        "a.",
        "_a",
        LONG,
        "example.com./x",
        "1",
        "example.com/-x",
        "é.com/x",
        "a\n",
        "kubernetes.io/metadata.name",
    ];
    let long_domain = (60..66usize, 1..5usize).prop_map(|(part, times)| {
        let domain: Vec<String> = std::iter::repeat_n("d".repeat(part), times).collect();
        format!("{}/x", domain.join("."))
    });
    prop_oneof![
        40 => select(KEYS.to_vec()).prop_map(str::to_owned),
        2 => select(odd).prop_map(str::to_owned),
        1 => like("[a-zA-Z0-9._/-]{1,6}"),
        1 => (60..66usize).prop_map(|n| "k".repeat(n)),
        1 => long_domain,
    ]
}

fn value() -> impl Strategy<Value = String> {
    let odd = vec!["-x", "x-", "x y", "\u{e9}", "x/y", " ", "x\n", LONG, "*", "."];
    prop_oneof![
        50 => select(VALUES.to_vec()).prop_map(str::to_owned),
        1 => select(odd).prop_map(str::to_owned),
        1 => like("[a-zA-Z0-9._-]{1,4}"),
        1 => (60..66usize).prop_map(|n| "v".repeat(n)),
    ]
}

fn requirement() -> impl Strategy<Value = Value> {
    let values = || vec(value(), 1..4).prop_map(Value::from);
    let with = (key(), select(vec!["In", "NotIn"]), values());
    let without = (
        key(),
        select(vec!["Exists", "DoesNotExist"]),
        select(vec![json!(null), json!([])]),
    );
    let odd = (
        key(),
        select(vec![
            "In",
            "NotIn",
            "Exists",
            "DoesNotExist",
            "in",
            "Equals",
            "",
            "Gt",
            "NOTIN",
            "!",
            " In",
        ]),
        prop_oneof![
            values(),
            select(vec![
                json!(null),
                json!([]),
                json!([null]),
                json!([1]),
                json!("web")
            ])
        ],
    );
    let named = |(key, operator, values): (String, &str, Value)| json!({ "key": key, "operator": operator, "values": values });
    prop_oneof![
        12 => with.prop_map(named),
        6 => without.prop_map(named),
        2 => odd.prop_map(named),
        1 => (key(), select(vec!["Exists", "In"])).prop_map(|(key, operator)| json!({ "key": key, "operator": operator })),
    ]
}

/// `null`, `{}` and everything between; requirements on one key often contradict each other.
fn selector() -> impl Strategy<Value = Value> {
    let match_labels = prop_oneof![
        3 => Just(None),
        1 => Just(Some(json!(null))),
        6 => vec((key(), value()), 0..3).prop_map(|pairs| {
            let pairs = pairs.into_iter().map(|(key, value)| (key, Value::from(value)));
            Some(Value::Object(pairs.collect::<Map<_, _>>()))
        }),
        1 => (key(), select(vec![json!(null), json!(1), json!(true), json!({})]))
            .prop_map(|(key, value)| Some(json!({ key: value }))),
    ];
    let expressions = prop_oneof![
        3 => Just(None),
        1 => select(vec![json!(null), json!([]), json!([null]), json!({})]).prop_map(Some),
        8 => vec(requirement(), 1..4).prop_map(|list| Some(Value::from(list))),
    ];
    let whole = (match_labels, expressions).prop_map(|(labels, expressions)| {
        let fields = [("matchLabels", labels), ("matchExpressions", expressions)];
        let fields = fields
            .into_iter()
            .filter_map(|(field, value)| Some((field.to_owned(), value?)));
        Value::Object(fields.collect())
    });
    prop_oneof![1 => Just(json!(null)), 1 => Just(json!({})), 40 => whole]
}

fn objects() -> impl Strategy<Value = Vec<Value>> {
    let label = (select(KEYS.to_vec()), select(VALUES.to_vec()));
    let object = vec(label, 0..4).prop_map(|pairs| {
        let pairs = pairs
            .into_iter()
            .map(|(key, value)| (key.to_owned(), Value::from(value)));
        Value::Object(pairs.collect())
    });
    vec(object, 6)
}

#[test]
fn selectors_select_and_are_refused_as_in_kubernetes() {
    let cases = generated(&(selector(), objects()));
    let question =
        |(selector, objects): &(Value, Vec<Value>)| json!({ "selector": selector, "objects": objects });
    let questions: Vec<Value> = cases.iter().map(question).collect();
    let oracle = Oracle::ready().expect("the oracle is built");
    let answers = oracle
        .ask(Mode::Selector, &questions)
        .expect("the oracle answers");
    let mut tally = Tally::default();
    let mut selected = [0, 0];
    for ((selector, objects), answer) in cases.iter().zip(&answers) {
        let accepted = answer["error"].is_null() && answer["invalid"].is_null();
        tally.sees(accepted);
        let name = selector.to_string();
        let ours = serde_json::from_value::<Option<LabelSelector>>(selector.clone());
        tally.compare(&name, "is one", ours.is_ok(), accepted);
        let (Ok(ours), true) = (ours, accepted) else {
            continue;
        };
        let empty = ours.as_ref().is_some_and(LabelSelector::is_empty);
        tally.compare(&name, "is empty", Some(empty), answer["empty"].as_bool());
        for (object, theirs) in objects
            .iter()
            .zip(answer["matches"].as_array().into_iter().flatten())
        {
            let labels: Labels = serde_json::from_value(object.clone()).expect("labels");
            let matches = ours.as_ref().is_some_and(|selector| selector.matches(&labels));
            tally.compare(
                &format!("{name} on {object}"),
                "matches",
                Some(matches),
                theirs.as_bool(),
            );
            selected[usize::from(matches)] += 1;
        }
    }
    let [passed_over, matched] = selected;
    super::tell(&format!(
        "oracle: selectors: {matched} objects selected, {passed_over} not"
    ));
    assert!(
        matched >= super::CASES && passed_over >= super::CASES,
        "the objects have degenerated"
    );
    tally.conclude("selectors");
}
