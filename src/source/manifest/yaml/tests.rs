use rstest::rstest;
use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::json;

use super::*;

fn tree(text: &str) -> Tree<'_> {
    read(text).unwrap_or_else(|fault| panic!("{fault:?}"))
}

fn value(text: &str) -> Json {
    Json::deserialize(tree(text).root()).expect("a tree is plain data")
}

fn fault(text: &str) -> String {
    match read(text) {
        Ok(tree) => panic!("{tree:?}"),
        Err(Fault {
            line,
            column,
            message,
        }) => format!("{line}:{column} {message}"),
    }
}

#[rstest]
#[case::block("a: 1\nb:\n- x\n- {c: yes}\n", json!({"a": 1, "b": ["x", {"c": true}]}))]
#[case::empty("# nothing\n", json!(null))]
#[case::text("a: |\n  x\n  y\nb: >-\n  x\n  y\n", json!({"a": "x\ny\n", "b": "x y"}))]
#[case::keys("1: a\nyes: b\n0x10: c\n", json!({"1": "a", "true": "b", "16": "c"}))]
#[case::alias("a: &x {b: [1]}\nc: *x\nd: [*x]\n", json!({"a": {"b": [1]}, "c": {"b": [1]}, "d": [{"b": [1]}]}))]
#[case::alias_as_key("a: &x b\n*x : c\n", json!({"a": "b", "b": "c"}))]
#[case::merge("x: &x {a: 1, b: 2}\nz: {<<: *x, b: 3}\n", json!({"x": {"a": 1, "b": 2}, "z": {"a": 1, "b": 3}}))]
#[case::merge_after("x: &x {b: 2}\nz: {b: 3, <<: *x}\n", json!({"x": {"b": 2}, "z": {"b": 2}}))]
#[case::first_of_merges(
    "[&x {a: 1}, &y {a: 2, b: 2}, {<<: [*x, *y]}]",
    json!([{"a": 1}, {"a": 2, "b": 2}, {"a": 1, "b": 2}])
)]
#[case::merge_in_merge("[&x {a: 1}, &y {<<: *x}, {<<: *y}]", json!([{"a": 1}, {"a": 1}, {"a": 1}]))]
#[case::quoted_merge("'<<': 1\n", json!({"<<": 1}))]
#[case::tags("[!!str 5, !!int '5', !!float 5, !mine 5, !!null '', ! 5]", json!(["5", 5, 5.0, "5", null, "5"]))]
fn documents_are_what_kubectl_makes_of_them(#[case] text: &str, #[case] expected: Json) {
    assert_eq!(value(text), expected);
}

#[rstest]
#[case::twice("a: 1\nb: 2\na: 3\n", "3:1 the key \"a\" is there twice; keep one of them")]
#[case::twice_as_a_string("1: a\n'1': b\n", "2:1 the key \"1\" is there twice; keep one of them")]
#[case::empty_twice("'': 1\nb: 1\n'': 2\n", "3:1 the key \"\" is there twice; keep one of them")]
#[case::map_as_key("? {a: 1}\n: b\n", "1:3 a key must be a string; quote it")]
#[case::null_as_key("~: b\n", "1:1 a key must be a string; quote it")]
#[case::alias_in_itself("a: &x [*x]\n", "1:8 an alias inside what it stands for; write it out")]
#[case::merge_of_text(
    "a: 1\n<<: x\n",
    "2:5 << needs a map or a list of maps; write one, or an alias of one"
)]
#[case::merge_of_texts(
    "<<: [{a: 1}, x]\n",
    "1:5 << needs a map or a list of maps; write one, or an alias of one"
)]
#[case::infinity(
    "a: .inf\n",
    "1:4 infinity and NaN are no values for Kubernetes; write a number"
)]
#[case::tab(
    "a:\n\tb: 1\n",
    "2:2 tabs disallowed within this context (block indentation); indent with spaces"
)]
#[case::quote("a: \"x", "1:4 unclosed quote; close it")]
#[case::anchor(
    "a: *x\n",
    "1:4 found unknown anchor; define it before it is used, in the same document"
)]
#[case::tag("a: !!int x\n", "1:10 \"x\" is no !!int; remove the tag")]
fn what_kubernetes_would_not_read_is_a_fault(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(fault(text), expected);
}

#[rstest]
#[case::few(13)]
#[case::many(500)]
fn a_repeated_key_is_found_among_many(#[case] keys: usize) {
    let mut text: String = (0..keys).map(|i| format!("k{i}: {{}}\n")).collect();
    assert_eq!(value(&text).as_object().map(serde_json::Map::len), Some(keys));
    text += "k7: x\n";
    assert_eq!(
        fault(&text),
        format!("{}:1 the key \"k7\" is there twice; keep one of them", keys + 1)
    );
}

#[test]
fn depth_is_limited_with_aliases_followed() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    value(&nested(MAX_DEPTH));
    assert!(fault(&nested(MAX_DEPTH + 1)).starts_with("1:129 "));
    let half = MAX_DEPTH / 2;
    let twice = |inner: usize| {
        let (open, close) = ("[".repeat(half), "]".repeat(half));
        format!("[&x {}, {open}*x{close}]", nested(inner))
    };
    value(&twice(half - 1));
    assert!(fault(&twice(half)).contains("nested more than 128 levels deep"));
}

#[test]
fn aliases_count_with_all_that_they_stand_for() {
    let bomb = |lines: usize| {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..lines {
            let refs = vec![format!("*a{}", i - 1); 10].join(", ");
            text += &format!("a{i}: &a{i} [{refs}]\n");
        }
        text
    };
    tree(&bomb(4));
    assert!(fault(&bomb(6)).starts_with("6:"), "{}", fault(&bomb(6)));
    // Nobody expands what nobody reads.
    assert!(fault(&bomb(60)).contains("more values than"));
}

#[rstest]
#[case("b", (2, 4))]
#[case("b[1].c", (3, 9))]
#[case("b[1].missing.more", (3, 5))]
#[case("b[9]", (2, 4))]
#[case("d[\"e.f/g\"]", (4, 13))]
#[case("", (1, 1))]
fn a_field_is_found_where_it_stands(#[case] field: &str, #[case] place: (usize, usize)) {
    let text = "a: é\nb: [1,\n    {c: x}]\nd: {e.f/g:  5}\n";
    assert_eq!(tree(text).root().nearest(field).place(), place);
}

#[test]
fn more_nodes_than_text_of_this_size_can_hold_are_refused() {
    let list = |items: usize| format!("[{}1]", "1,".repeat(items));
    tree(&list(200_000));
    assert!(fault(&list(300_000)).contains("more values than"));
}
