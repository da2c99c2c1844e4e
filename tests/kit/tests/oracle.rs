//! The oracle answers in order, refuses by name, and says so when it is asked nonsense.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use plimsoll_kit::Oracle;
use plimsoll_kit::oracle::Mode;
use serde_json::json;

#[test]
fn every_mode_answers_in_order() {
    let oracle = Oracle::ready().unwrap();

    let answers = oracle
        .ask(
            Mode::Quantity,
            &[json!({"text": "1.5Gi"}), json!({"text": "1.5Gib"})],
        )
        .unwrap();
    assert_eq!(answers[0]["canonical"], "1536Mi");
    assert!(answers[1]["error"].is_string());

    let percent = json!({"value": "25%", "total": 10});
    let answers = oracle.ask(Mode::Intstr, &[percent]).unwrap();
    assert_eq!(answers, [json!({"up": 3, "down": 2, "valid": true})]);

    let selects = json!({"selector": {"matchLabels": {"app": "web"}}, "objects": [{"app": "web"}, {}]});
    let nothing = json!({"selector": null, "objects": [{"app": "web"}]});
    let answers = oracle.ask(Mode::Selector, &[selects, nothing]).unwrap();
    assert_eq!(answers[0]["matches"], json!([true, false]));
    assert_eq!(answers[1]["matches"], json!([false]));
}

#[test]
fn yaml_is_converted_both_ways_and_need_not_be_text() {
    let documents: [&[u8]; 3] = [b"a: 1\na: yes\n", b"a: [1, 0x10]", b"a: \xff"];
    let answers = Oracle::ready().unwrap().yaml(documents).unwrap();
    assert_eq!(answers[0].lenient.as_deref(), Ok(r#"{"a":true}"#));
    assert!(answers[0].strict.as_ref().unwrap_err().contains("already set"));
    assert_eq!(answers[1].strict.as_deref(), Ok(r#"{"a":[1,16]}"#));
    assert!(answers[2].lenient.is_err(), "{answers:?}");
}

#[test]
fn a_question_that_is_none_is_an_error_with_its_line() {
    let error = Oracle::ready()
        .unwrap()
        .ask(Mode::Intstr, &[json!({"value": 1}), json!(7)])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("oracle intstr") && error.contains("line 2"),
        "{error}"
    );
}
