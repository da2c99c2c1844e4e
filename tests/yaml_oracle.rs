//! YAML as we read it against sigs.k8s.io/yaml, through which kubectl turns it into JSON, on generated documents.
//!
//! What kubectl makes of a document must be what the projections see, and what it refuses we refuse. What we refuse by
//! ourselves is named in `on_purpose`, and counted.

use std::collections::BTreeMap;
use std::io::Write as _;

use plimsoll::source::manifest::to_json;
use plimsoll_kit::Oracle;
use plimsoll_kit::oracle::Mode;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::string::string_regex;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

/// Generated documents of each sort.
const CASES: usize = 12_000;

/// The default seed: any number does.
const SEED: u64 = 20_190_905;

fn generated<S: Strategy>(strategy: &S) -> Vec<S::Value> {
    let seed = match std::env::var("PLIMSOLL_ORACLE_SEED") {
        Ok(text) => text.parse().expect("PLIMSOLL_ORACLE_SEED is a number"),
        Err(_) => SEED,
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut value = || {
        strategy
            .new_tree(&mut runner)
            .expect("no filter rejects")
            .current()
    };
    (0..CASES).map(|_| value()).collect()
}

/// Whether both are the same JSON. Go writes a whole float as a whole number, and `serde_json` reads a long one back to
/// within a bit.
fn same_json(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let [a, b] = [a, b].map(|number| number.as_f64().expect("a number"));
            (a - b).abs() <= a.abs() * 1e-15
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_json(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same_json(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Why we refuse what kubectl reads.
fn on_purpose(ours: &str, answer: &Value) -> Option<&'static str> {
    if answer["strict"]["error"].is_string() {
        Some("a repeated key is an error")
    } else if ours.contains("plain scalar cannot start with '-'") {
        Some("a `-` by itself in a flow list is an error, as YAML has it")
    } else {
        None
    }
}

fn compare(what: &str, documents: &[String]) {
    let hex = |text: &str| text.bytes().map(|b| format!("{b:02x}")).collect::<String>();
    let questions: Vec<Value> = documents.iter().map(|text| json!({ "hex": hex(text) })).collect();
    let oracle = Oracle::ready().expect("the oracle is built");
    let answers = oracle.ask(Mode::Yaml, &questions).expect("the oracle answers");
    let (mut same, mut both_refuse) = (0, 0);
    let mut excused: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    let mut differences = Vec::new();
    for (text, answer) in documents.iter().zip(&answers) {
        let theirs = answer["lenient"]["json"].as_str();
        let theirs = theirs.map(|json| serde_json::from_str::<Value>(json).expect("Go writes JSON"));
        let ours = to_json(text);
        match (&ours, &theirs) {
            (Ok(ours), Some(theirs)) if same_json(ours, theirs) => same += 1,
            (Err(_), None) => both_refuse += 1,
            (Err(why), Some(_)) if on_purpose(why, answer).is_some() => {
                *excused.entry(on_purpose(why, answer)).or_default() += 1;
            }
            _ => differences.push(format!("{text:?}: ours {ours:?}, kubectl's {answer}")),
        }
    }
    writeln!(
        std::io::stderr(),
        "oracle: {what}: {} documents, {same} the same, {both_refuse} refused by both, {} differences; on purpose: {excused:?}",
        documents.len(),
        differences.len()
    )
    .expect("stderr is there");
    assert!(
        differences.is_empty(),
        "{what}: {} differences, the first:\n{}",
        differences.len(),
        differences[..differences.len().min(30)].join("\n")
    );
    assert!(same >= CASES / 5, "{what}: the generator has degenerated");
}

fn like(pattern: &str) -> impl Strategy<Value = String> {
    string_regex(pattern).expect("a pattern")
}

/// Plain scalars that look like something.
fn scalar() -> impl Strategy<Value = String> {
    let words = vec![
        "y",
        "Y",
        "yes",
        "Yes",
        "YES",
        "yEs",
        "true",
        "True",
        "TRUE",
        "tRUE",
        "on",
        "On",
        "ON",
        "oN",
        "n",
        "N",
        "no",
        "No",
        "NO",
        "nO",
        "false",
        "False",
        "FALSE",
        "off",
        "Off",
        "OFF",
        "~",
        "null",
        "Null",
        "NULL",
        "nULL",
        "",
        ".inf",
        ".Inf",
        "-.inf",
        "+.INF",
        ".nan",
        ".NaN",
        "inf",
        "+inf",
        "nan",
        "<<",
        "=",
        "0",
        "00",
        "-0",
        "+0",
        "0x",
        "0o",
        "0b",
        "0x_1",
        "0b-1",
        "0b+1",
        "-0b1",
        "0o8",
        "08",
        "09.5",
        "1e400",
        "-1e400",
        "1e-400",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "1:30",
        "190:20:30",
        "2001-12-14",
        "2001-12-14T21:59:43Z",
        "2001-1-1",
        "1.2.3",
        "1_000",
        "1__0",
        "_1",
        "1_",
        "+_1",
        "0.1_5",
        "._5",
        ".5_0",
        "128Mi",
        "1e3",
        "1E3",
        "1e+3",
        "1.e3",
        ".e3",
        "+.5",
        "-.5",
        "1.",
        "--1",
        "+-1",
        "-+1",
        "0x1p3",
        "0X1F",
        "0B11",
        "0O17",
        "1e",
        "e1",
        "Infinity",
        "0777",
        "-0777",
        "0_7",
        "1,000",
    ];
    prop_oneof![
        4 => select(words).prop_map(str::to_owned),
        3 => like("[-+]?[0-9]{1,20}"),
        3 => like("[-+]?[0-9]{0,3}[.][0-9]{0,3}([eE][-+]?[0-9]{1,3})?"),
        2 => like("[-+]?0[xXobOB][0-9a-fA-F_]{0,6}"),
        3 => like("[-+.0-9_eExXob]{1,6}"),
        2 => like("[yYnNtTfFoO~][a-zA-Z]{0,4}"),
        1 => like("[a-zA-Z][a-zA-Z0-9./]{0,8}"),
    ]
}

#[test]
fn scalars_are_what_kubectl_makes_of_them() {
    let styled =
        || (scalar(), select(vec!["", "'", "\""])).prop_map(|(text, quote)| format!("{quote}{text}{quote}"));
    let tag = select(vec![
        "", "", "", "", "", "!!str ", "!!int ", "!!float ", "!!bool ", "!!null ", "!mine ", "! ",
    ]);
    let document = prop_oneof![
        6 => (tag, styled()).prop_map(|(tag, text)| format!("a: {tag}{text}\n")),
        2 => styled().prop_map(|text| format!("{text}: a\n")),
        1 => styled().prop_map(|text| format!("- {text}\n- [{text}]\n")),
    ];
    compare("YAML scalars", &generated(&document));
}

/// Nested documents in block and flow style, with comments, anchors, aliases and merge keys.
fn document() -> impl Strategy<Value = String> {
    let key = || like("[a-d]");
    let leaf = prop_oneof![
        6 => scalar().prop_map(|text| if text.is_empty() { "''".to_owned() } else { text }),
        2 => like("\"[a-z ]{0,6}(\\\\n|\\\\t|\\\\u00e9)?\""),
        1 => like("'[a-z ]{0,6}('')?'"),
        1 => Just("&x v".to_owned()),
        1 => Just("*x".to_owned()),
    ];
    let flow = leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((like("[a-d]"), inner), 0..4).prop_map(|fields| {
                let fields: Vec<String> = fields.into_iter().map(|(k, v)| format!("{k}: {v}")).collect();
                format!("{{{}}}", fields.join(", "))
            }),
        ]
    });
    let block = prop_oneof![
        5 => flow.prop_map(|text| format!(" {text}\n")),
        1 => like("( #[a-z ]{0,6})?").prop_map(|comment| format!(" |{comment}\n    one\n     two\n\n    three\n")),
        1 => Just(" >-\n    one\n    two\n\n    three\n".to_owned()),
        1 => Just(" one\n  two # comment\n".to_owned()),
        1 => Just("\n  - one\n  -   two: 1\n      three: 2\n  - - a\n    - b\n".to_owned()),
        1 => Just("\n- one\n- two\n".to_owned()),
        1 => Just(" &x\n  a: 1\n  b: 2\n".to_owned()),
        1 => Just("\n  <<: *x\n  b: 3\n".to_owned()),
        1 => Just("\n  b: 3\n  <<: [*x, {c: 4}]\n".to_owned()),
        1 => Just("\n".to_owned()),
    ];
    prop::collection::vec((prop_oneof![9 => key(), 1 => scalar()], block), 1..5).prop_map(|fields| {
        fields
            .into_iter()
            .map(|(key, value)| format!("{key}:{value}"))
            .collect()
    })
}

#[test]
fn documents_are_what_kubectl_makes_of_them() {
    compare("YAML documents", &generated(&document()));
}
