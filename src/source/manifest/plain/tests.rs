use proptest::prelude::*;
use rstest::rstest;

use super::super::yaml;
use super::*;

/// What the parser makes of it, when this makes anything of it.
fn is_the_parsers(text: &str) -> bool {
    let Some(ours) = read(text) else {
        return false;
    };
    let theirs = yaml::parsed(text);
    assert_eq!(Ok(&ours), theirs.as_ref(), "{text:?}");
    true
}

#[rstest]
#[case::map("a: 1\nb: two\n")]
#[case::nested("a:\n  b:\n    c: d\n  e: f\ng: h\n")]
#[case::list("a:\n- b\n- c: 1\n  d: 2\n-   e: 1\n    f: 2\ng: h\n")]
#[case::list_further_in("a:\n  - b\n  - - c\n    - d\n  -\n    e: f\n")]
#[case::root_list("- a\n- b: c\n")]
#[case::comments("# a\n\na: b # c\n  # d\nb: # e\n  c: d#e\n# f\n")]
#[case::quoted("a: \"b # c: d\"\nb: 'e' # f\nc: \"\"\n")]
#[case::flow("a: []\nb: {}\nc: [d, 'e', \"f,g\", 1, {h: i, j: [k]}]\nl: {m: n, o: {p: yes}, }\n")]
#[case::literal("a: |\n  b\n\n    c\n\nd: |-\n  e\n\nf:\n- g\n- |\n  h\n")]
#[case::literal_at_the_end("a: |\n  b\n\n\n")]
#[case::literal_and_comment("a: |\n  b # no comment\n# a comment\n\nc: d\n")]
#[case::keys("1: a\nyes: b\n0x1F: c\na.b/c-d_e: f\n")]
#[case::words("a: http://b:80/c?d=e\nb: -5\nc: --d\nd: $(E)\ne: 128Mi\nf: ~\ng: .5\nh: /i\nj: k l  \n")]
#[case::marker("---\na: b\n")]
#[case::no_line_feed("a: b")]
fn plain_documents_are_read_as_the_parser_does(#[case] text: &str) {
    assert!(is_the_parsers(text), "{text:?} is left to the parser");
}

#[rstest]
#[case::anchor("a: &b c\n")]
#[case::alias("a: *b\n")]
#[case::tag("a: !!str b\n")]
#[case::merge("<<: {a: b}\n")]
#[case::escape("a: \"b\\n\"\n")]
#[case::quote_in_quote("a: 'b''c'\n")]
#[case::folded("a: >\n  b\n")]
#[case::keep("a: |+\n  b\n")]
#[case::over_lines("a: b\n  c\n")]
#[case::flow_over_lines("a: [b,\n  c]\n")]
#[case::null("a:\nb: c\n")]
#[case::null_at_the_end("a: b\nc:")]
#[case::dash_at_the_end("a:\n-")]
#[case::comment_at_the_end("a: # b")]
#[case::twice("a: b\na: c\n")]
#[case::tab("a:\tb\n")]
#[case::carriage_return("a: b\r\n")]
#[case::not_ascii("a: \u{e9}\n")]
#[case::quoted_key("\"a\": b\n")]
#[case::complex_key("? a\n: b\n")]
#[case::colon_in_text("a: b: c\n")]
#[case::infinity("a: .inf\n")]
#[case::further_in("a: b\n c: d\n")]
#[case::list_in_map("a: b\n- c\n")]
#[case::literal_first("a:\n- |\n  b\n")]
#[case::dash_by_itself("a:\n- \n a: 0\n")]
#[case::deep(&"- ".repeat(60))]
fn what_is_not_plain_is_left_to_the_parser(#[case] text: &str) {
    assert_eq!(read(text), None);
}

/// Lines of all sorts under each other, at all sorts of columns.
fn text() -> impl Strategy<Value = String> {
    let head = prop_oneof![
        6 => "[a-d]:",
        4 => "[a-d]: ",
        3 => "- ",
        1 => "-",
        1 => "- - ",
        3 => "- [a-d]: ",
        1 => "- [a-d]:",
        1 => "",
        1 => "[a-z0-9./~]{1,4}: ",
    ];
    let tail = prop_oneof![
        8 => "[a-d]",
        8 => Just(String::new()),
        2 => "[a-zA-Z0-9:/.,#~+$()=_ -]{0,8}",
        2 => "[|]-?",
        1 => "[|>][-+ 0-9#]{0,2}",
        2 => "[\"'][a-d:# ]{0,4}[\"']",
        2 => "[\\[{][a-c:, '\"{}\\[\\]]{0,8}[\\]}]",
        2 => "\\[[a-d]{0,2}(, ?[a-d\"]{1,3}){0,3},?\\]",
        2 => "\\{[a-d]: ?[a-d0-9]{0,2}(, [a-d]: [a-d]){0,2}\\}",
        1 => "[&*!%@`?<=][a-d ]{0,3}",
        1 => "[-+.0-9eExo_]{1,6}",
        1 => "(yes|no|null|on|[.]inf|true)",
    ];
    let line = (
        0..5_usize,
        head,
        tail,
        prop_oneof![9 => Just(""), 1 => Just(" "), 1 => Just(" # e"), 1 => Just("#")],
    )
        .prop_map(|(indent, head, tail, more)| format!("{:1$}{head}{tail}{more}\n", "", indent * 2 / 2));
    let odd = prop_oneof![
        Just("\n".to_owned()),
        Just("   \n".to_owned()),
        Just("  # c\n".to_owned()),
        Just("---\n".to_owned())
    ];
    prop::collection::vec(prop_oneof![12 => line, 2 => odd], 1..9).prop_map(|lines| lines.concat())
}

/// A document that is well formed more often than not: what follows is chosen to fit.
fn well_formed() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-z0-9./-]{1,6}",
        "\"[a-z #:]{0,5}\"",
        "'[a-z #:]{0,5}'",
        "\\[(a|\"b\"|1)(, (c|'d'|yes)){0,2}\\]",
        "\\{a: (b|\"c\"|[0-9]{1,3})(, d: \\[\\])?\\}",
    ];
    let leaf = leaf.prop_map(|text| (false, text));
    leaf.prop_recursive(4, 30, 4, |inner| {
        let join = |map: bool, step: usize, items: Vec<(bool, String)>| {
            let mut all = String::new();
            for (i, (nested, text)) in items.into_iter().enumerate() {
                let key = if map { format!("k{i}:") } else { "-".to_owned() };
                let text = match (nested, map) {
                    (false, _) => format!(" {text}\n"),
                    (true, false) => format!(" {}\n", text.trim_end().replace('\n', "\n  ")),
                    (true, true) => {
                        let pad = format!("\n{:step$}", "");
                        format!("{pad}{}\n", text.trim_end().replace('\n', &pad))
                    }
                };
                all += &format!("{key}{text}");
            }
            (true, all)
        };
        let literal = prop::collection::vec("( {0,2}[a-z:#-]{1,5}| {0,4})", 1..4).prop_map(|lines| {
            (
                false,
                format!(
                    "|\n      x{}",
                    lines.iter().map(|l| format!("\n      {l}")).collect::<String>()
                ),
            )
        });
        let list = prop::collection::vec(inner.clone(), 1..4).prop_map(move |items| join(false, 2, items));
        let map = (prop::collection::vec(inner, 1..4), 1..4_usize)
            .prop_map(move |(items, step)| join(true, step, items));
        prop_oneof![1 => literal, 4 => list, 4 => map]
    })
    .prop_map(|(_, text)| text)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("PLIMSOLL_CASES").map_or(1_500, |n| n.parse().expect("a number"))))]

    #[test]
    fn any_lines_are_read_as_the_parser_does_or_not_at_all(text in text(), cut: prop::sample::Index) {
        is_the_parsers(&text);
        is_the_parsers(&text[..cut.index(text.len())]);
    }

    #[test]
    fn any_document_is_read_as_the_parser_does_or_not_at_all(text in well_formed(), cut: prop::sample::Index) {
        is_the_parsers(&text);
        is_the_parsers(&text[..cut.index(text.len())]);
    }
}
