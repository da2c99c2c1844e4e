//! `Quantity` against `resource.Quantity`.

use std::cmp::Ordering;

use plimsoll::model::quantity::{Format, Quantity};
use plimsoll_kit::Oracle;
use plimsoll_kit::oracle::Mode;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Tally, generated, like};

/// Nanos in 10^21 units, 1000E: from here on Kubernetes finds no suffix for what it prints.
const KILO_EXA: u128 = 1_000_000_000_000_000_000_000_000_000_000;

fn sign() -> impl Strategy<Value = String> {
    prop_oneof![12 => Just(""), 3 => Just("-"), 2 => Just("+"), 1 => select(&["--", "+-", " ", "\u{2212}"])]
        .prop_map(str::to_owned)
}

fn select(texts: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(texts)
}

/// The digits in front of the point: none, few, and about as many as 64 and 128 bits hold.
fn whole() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        20 => like("[0-9]{1,4}"),
        3 => like("[1-9][0-9]{15,21}"),
        1 => like("[1-9][0-9]{25,45}"),
        1 => like("0{1,20}[0-9]{1,3}"),
        2 => like("9{1,30}"),
        1 => select(&["9223372036854775807", "9223372036854775808", "1024", "1000", "1023", "1025", "0"])
            .prop_map(str::to_owned),
    ]
}

/// Down to the nano and just past it, where rounding begins.
fn fraction() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => Just(String::new()),
        1 => Just(".".to_owned()),
        5 => like("\\.[0-9]{1,3}"),
        3 => like("\\.[0-9]{8,12}"),
        2 => like("\\.0{1,12}[0-9]?"),
        1 => like("\\.9{9,14}"),
        1 => like("\\.[0-9]{20,40}"),
        1 => like("\\.[0-9]?\\.[0-9]?"),
    ]
}

fn suffix() -> impl Strategy<Value = String> {
    let known = &[
        "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ];
    let unknown = &[
        "K", "kB", "MB", "ki", "mi", "gi", "B", "N", "U", "ei", "Zi", "Z", "Yi", "%", "e", "E+", "e-",
        "e1.5", "Ee3", "eE3", "i", " Gi", "Gi ", "\u{b5}", "m1", "\u{ff11}", "e+-3", "e 3", "0x10", "Mib",
        "e3Ki",
    ];
    // No six digits: Kubernetes would write out each of that many zeros.
    let exponent = (
        select(&["e", "E"]),
        select(&["", "+", "-"]),
        prop_oneof![
            9 => (0..12u64).prop_map(|n| n.to_string()),
            3 => (12..40u64).prop_map(|n| n.to_string()),
            1 => (1_000..9_999u64).prop_map(|n| n.to_string()),
            // Only 32 bits of it count.
            2 => (4_294_967_280..4_294_967_320u64).prop_map(|n| n.to_string()),
            1 => select(&["0003", "9223372036854775808", "18446744073709551616"]).prop_map(str::to_owned),
        ],
    );
    prop_oneof![
        12 => select(known).prop_map(str::to_owned),
        4 => select(unknown).prop_map(str::to_owned),
        6 => exponent.prop_map(|(e, sign, digits)| format!("{e}{sign}{digits}")),
    ]
}

fn text() -> impl Strategy<Value = String> {
    let composed = (sign(), whole(), fraction(), suffix()).prop_map(|(s, w, f, x)| format!("{s}{w}{f}{x}"));
    let spaced = (
        like("[ \t\n\r\u{85}\u{a0}\u{2003}\u{2028}\u{3000}]{0,2}"),
        whole(),
        like("[ \t\n\u{a0}\u{2028}]{0,2}"),
    )
        .prop_map(|(before, digits, after)| format!("{before}{digits}{after}"));
    prop_oneof![18 => composed, 1 => spaced, 1 => like("\\PC{0,6}")]
}

/// A value as it may stand in a manifest.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => text().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        2 => (-1e6..1e6f64).prop_map(Value::from),
        2 => (0..400i32, -1e3..1e3f64).prop_map(|(e, n)| Value::from(n * 10f64.powi(e - 350))),
        1 => Just(json!(null)),
        1 => select(&["true", "[]", "{}"]).prop_map(|json| serde_json::from_str(json).expect("JSON")),
    ]
}

#[derive(Debug)]
enum Case {
    Text(String, String),
    Json(Value, String),
}

impl Case {
    fn question(&self) -> Value {
        match self {
            Case::Text(text, other) => json!({ "text": text, "other": other }),
            Case::Json(value, other) => json!({ "json": value, "other": other }),
        }
    }

    /// Our reading of the case, and of what it is compared with.
    fn ours(&self) -> (Option<Quantity>, Option<Quantity>) {
        let (read, other) = match self {
            Case::Text(text, other) => (text.parse().ok(), other),
            Case::Json(value, other) => (serde_json::from_value(value.clone()).ok(), other),
        };
        (read, other.parse().ok())
    }
}

#[test]
fn quantities_are_read_compared_and_printed_as_kubernetes_does() {
    let cases = prop_oneof![
        4 => (text(), text()).prop_map(|(text, other)| Case::Text(text, other)),
        1 => (value(), text()).prop_map(|(value, other)| Case::Json(value, other)),
    ];
    let cases = generated(&cases);
    let questions: Vec<Value> = cases.iter().map(Case::question).collect();
    let oracle = Oracle::ready().expect("the oracle is built");
    let answers = oracle
        .ask(Mode::Quantity, &questions)
        .expect("the oracle answers");
    let mut tally = Tally::default();
    for (case, answer) in cases.iter().zip(&answers) {
        judge(&mut tally, case, answer);
    }
    tally.conclude("quantities");
}

fn judge(tally: &mut Tally, case: &Case, answer: &Value) {
    let name = format!("{case:?}");
    let accepted = answer["error"].is_null();
    tally.sees(accepted);
    let (ours, other) = case.ours();
    tally.compare(&name, "is one", ours.is_some(), accepted);
    let (Some(ours), true) = (ours, accepted) else {
        return;
    };
    tally.compare(
        &name,
        "nanos",
        ours.nanos().to_string(),
        text_of(&answer["nanos"]),
    );
    tally.compare(&name, "is zero", Some(ours.is_zero()), answer["zero"].as_bool());
    let sign = Some(ours.nanos().signum() as i64);
    tally.compare(&name, "sign", sign, answer["sign"].as_i64());
    // A null leaves Kubernetes' format empty, which prints as a decimal.
    let format = Some(text_of(&answer["format"])).filter(|format| !format.is_empty());
    tally.compare(
        &name,
        "format",
        format_of(ours),
        format.unwrap_or("DecimalSI".to_owned()),
    );
    printed(tally, &name, ours, answer);
    for (what, ours, exact) in [
        ("value", ours.value(), "exactValue"),
        ("milli", ours.milli_value(), "exactMilli"),
    ] {
        rounded(tally, &name, what, ours, answer, exact);
    }
    tally.compare(
        &name,
        "the other is one",
        other.is_some(),
        answer["other"].is_object(),
    );
    if let Some(other) = other {
        related(tally, &name, ours, other, &answer["other"]);
    }
}

fn printed(tally: &mut Tally, name: &str, ours: Quantity, answer: &Value) {
    let theirs = text_of(&answer["canonical"]);
    if answer["clamped"] == true {
        tally.excuse("beyond 10^29");
    } else if ours.nanos().unsigned_abs() >= KILO_EXA && ours.to_string() != theirs {
        tally.excuse("printed without a suffix from 1000E on");
    } else {
        tally.compare(name, "canonical form", ours.to_string(), theirs);
    }
}

/// Whole units or thousandths: as Kubernetes rounds them, except where its arithmetic overflows or turns the wrong way.
fn rounded(tally: &mut Tally, name: &str, what: &str, ours: i64, answer: &Value, exact: &str) {
    let exact: Option<i64> = text_of(&answer[exact]).parse().ok();
    if let Some(exact) = exact {
        tally.compare(name, what, ours, exact);
    } else {
        let bound = if answer["sign"] == 1 { i64::MAX } else { i64::MIN };
        tally.compare(name, what, ours, bound);
    }
    if answer[what].as_i64() == Some(ours) {
        return;
    }
    match exact {
        None => tally.excuse("an integer overflow of Kubernetes'"),
        Some(_) if answer["sign"] == -1 => tally.excuse("a negative fraction that Kubernetes rounds up"),
        Some(_) => tally.compare(name, what, Some(ours), answer[what].as_i64()),
    }
}

fn related(tally: &mut Tally, name: &str, ours: Quantity, other: Quantity, answer: &Value) {
    let cmp = match ours.cmp(&other) {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    };
    // Two that are both held at the bound are equal to us.
    if cmp == 0 && ours.nanos().abs() == Quantity::MAX.nanos() {
        tally.excuse("beyond 10^29");
    } else {
        tally.compare(name, "order", Some(cmp), answer["cmp"].as_i64());
    }
    let held = [ours, other]
        .iter()
        .any(|q| q.nanos().abs() == Quantity::MAX.nanos());
    for (what, ours) in [
        ("sum", ours.saturating_add(other)),
        ("diff", ours.saturating_sub(other)),
    ] {
        if held || answer[what]["clamped"] == true {
            tally.excuse("beyond 10^29");
            continue;
        }
        let nanos = text_of(&answer[what]["nanos"]);
        tally.compare(name, what, ours.nanos().to_string(), nanos);
        tally.compare(name, what, format_of(ours), text_of(&answer[what]["format"]));
    }
}

fn format_of(quantity: Quantity) -> String {
    let name = match quantity.format() {
        Format::DecimalSi => "DecimalSI",
        Format::BinarySi => "BinarySI",
        Format::DecimalExponent => "DecimalExponent",
    };
    name.to_owned()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
