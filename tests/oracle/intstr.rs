//! `IntOrString` and the bounds of a rollout against `intstr` and the Deployment controller.

use plimsoll::model::intstr::{IntOrString, Rounding, resolve_rollout};
use plimsoll_kit::Oracle;
use plimsoll_kit::oracle::Mode;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::{Tally, generated, like};

/// From here on not every whole number is a `float64`, through which Kubernetes scales: 2^53.
const FLOAT_IS_EXACT: i128 = 1 << 53;

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => 0..20i32,
        2 => any::<i32>(),
        1 => select(vec![i32::MIN, i32::MAX, -1, 0, 1, 100]),
    ]
    .prop_map(Value::from)
}

fn text() -> impl Strategy<Value = String> {
    let odd = vec![
        "",
        "%",
        "5",
        "0",
        "http",
        "-5%",
        "+5%",
        "5.5%",
        "5%%",
        " 5%",
        "5 %",
        "5% ",
        "\u{ff15}%",
        "%5",
        "1e2%",
        "0x10%",
        "five%",
        "-0%",
        "1_000%",
        "\u{665}%",
        "5\u{ff05}",
        "9223372036854775807%",
        "9223372036854775808%",
        "00000000000000000000025%",
        "99999999999999999999%",
        "5%\n",
        "null",
        "--5%",
    ];
    prop_oneof![
        8 => like("[0-9]{1,3}%"),
        2 => like("0{0,3}[0-9]{4,10}%"),
        1 => like("[0-9]{11,20}%"),
        6 => select(odd).prop_map(str::to_owned),
        1 => like("[-+ 0-9%.e]{0,5}"),
        1 => like("\\PC{0,4}"),
    ]
}

/// A value as it may stand in a manifest.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => number(),
        8 => text().prop_map(Value::from),
        1 => select(vec![
            json!(5.0), json!(5.5), json!(-0.0), json!(1e2), json!(1e300), json!(2_147_483_647.0), json!(2_147_483_648u64),
            json!(-2_147_483_649i64), json!(true), json!([]), json!({}), json!(1e-7), json!(u64::MAX),
        ]),
    ]
}

fn total() -> impl Strategy<Value = i32> {
    prop_oneof![6 => 0..12, 3 => 0..200, 1 => 0..=i32::MAX, 1 => select(vec![0, 1, i32::MAX])]
}

#[derive(Debug)]
enum Case {
    Scaled(Value, i32),
    Rollout(Option<Value>, Option<Value>, i32),
}

impl Case {
    fn question(&self) -> Value {
        match self {
            Case::Scaled(value, total) => json!({ "value": value, "total": total }),
            Case::Rollout(surge, unavailable, total) => {
                json!({ "rollout": true, "maxSurge": surge, "maxUnavailable": unavailable, "total": total })
            }
        }
    }
}

#[test]
fn percentages_are_scaled_and_rollouts_bounded_as_kubernetes_does() {
    // A field of a rollout is read with its type, which a number or a text has.
    let bound = || proptest::option::weighted(0.85, prop_oneof![number(), text().prop_map(Value::from)]);
    let cases = prop_oneof![
        (value(), total()).prop_map(|(value, total)| Case::Scaled(value, total)),
        (bound(), bound(), total()).prop_map(|(surge, unavailable, total)| Case::Rollout(
            surge,
            unavailable,
            total
        )),
    ];
    let cases = generated(&cases);
    let questions: Vec<Value> = cases.iter().map(Case::question).collect();
    let oracle = Oracle::ready().expect("the oracle is built");
    let answers = oracle.ask(Mode::Intstr, &questions).expect("the oracle answers");
    let mut tally = Tally::default();
    for (case, answer) in cases.iter().zip(&answers) {
        // A text may be scaled by the controllers and refused by API validation: ours is refused at once.
        let accepted = answer["valid"] == true;
        tally.sees(accepted);
        match case {
            Case::Scaled(value, total) => scaled(&mut tally, value, *total, accepted.then_some(answer)),
            Case::Rollout(surge, unavailable, total) => {
                let bounds = [surge.as_ref(), unavailable.as_ref()];
                rollout(&mut tally, bounds, *total, accepted.then_some(answer));
            }
        }
    }
    tally.conclude("counts and percentages");
}

fn scaled(tally: &mut Tally, value: &Value, total: i32, theirs: Option<&Value>) {
    let name = format!("{value} of {total}");
    let ours = serde_json::from_value::<IntOrString>(value.clone()).ok();
    let of = |rounding| {
        ours.as_ref()
            .and_then(|v| v.scaled(i64::from(total), rounding).ok())
    };
    let ours = [of(Rounding::Up), of(Rounding::Down)];
    let theirs = ["up", "down"].map(|side| theirs.and_then(|answer| answer[side].as_i64()));
    if past_floats(value, total) {
        tally.excuse("past what a float64 counts exactly");
        tally.compare(
            &name,
            "is one",
            ours.map(|v| v.is_some()),
            theirs.map(|v| v.is_some()),
        );
    } else {
        tally.compare(&name, "up and down", ours, theirs);
    }
}

fn rollout(tally: &mut Tally, bounds: [Option<&Value>; 2], total: i32, theirs: Option<&Value>) {
    let name = format!("surge {:?} unavailable {:?} of {total}", bounds[0], bounds[1]);
    let [surge, unavailable] = bounds.map(|bound| {
        bound.map(|value| serde_json::from_value::<IntOrString>(value.clone()).expect("a number or a text"))
    });
    let ours = resolve_rollout(surge.as_ref(), unavailable.as_ref(), i64::from(total)).ok();
    let theirs = theirs.map(|answer| {
        let of = |side: &str| answer[side].as_i64().expect("a number");
        (of("surge"), of("unavailable"))
    });
    let ours = ours.map(|rollout| (rollout.surge, rollout.unavailable));
    let floats = bounds.iter().flatten().any(|value| past_floats(value, total));
    let wraps = ours.is_some_and(|(s, u)| s.max(u) > i64::from(i32::MAX));
    if floats || wraps {
        tally.excuse(if floats {
            "past what a float64 counts exactly"
        } else {
            "cut to 32 bits by the controller"
        });
        tally.compare(&name, "is one", ours.is_some(), theirs.is_some());
    } else {
        tally.compare(&name, "surge and unavailable", ours, theirs);
    }
}

/// Whether Kubernetes may miscount: a percentage of so many that the product is no longer exact.
fn past_floats(value: &Value, total: i32) -> bool {
    let percent = value.as_str().and_then(|text| text.strip_suffix('%'));
    let percent = percent.and_then(|digits| digits.parse::<i128>().ok());
    percent.is_some_and(|percent| (percent * i128::from(total)).abs() >= FLOAT_IS_EXACT)
}
