//! Text that is no YAML or JSON, or more of it than anybody means.

use rstest::rstest;

use super::{Case, Ran, WEB};

/// After a good object in the same file, whose judgement it must not cost.
fn after_a_good_one(text: &str) -> Ran {
    let case = Case::of(format!("{WEB}---\n{text}"));
    let ran = case.check();
    assert!(
        ran.workloads.contains(&"web".to_owned()),
        "{:?}\n{}",
        ran.workloads,
        ran.faults()
    );
    ran
}

/// Lines from 1 in the text itself; no column where parsers may differ.
#[rstest]
#[case::in_a_map("kind: Pod\nmetadata: {name: x", 2)]
#[case::in_a_list("kind: Pod\nspec: [a, b", 2)]
#[case::in_single_quotes("kind: Pod\nmetadata:\n  name: 'x", 3)]
#[case::in_double_quotes("kind: Pod\nmetadata:\n  name: \"x", 3)]
#[case::in_an_escape("kind: \"\\u00", 1)]
#[case::after_a_colon_in_flow("{kind: Pod, metadata:", 1)]
#[case::tab("kind: Pod\nmetadata:\n\tname: x\n", 3)]
#[case::tab_after_spaces("kind: Pod\nmetadata:\n  a: b\n  \tname: x\n", 3)]
#[case::indentation("kind: Pod\n  metadata: {}\n", 2)]
#[case::bracket("kind: Pod]\nmetadata: ]\n", 2)]
#[case::alias("kind: *nobody\n", 1)]
#[case::duplicate("kind: Pod\nmetadata: {name: a}\nmetadata: {name: b}\n", 3)]
#[case::inner_duplicate("kind: Pod\nmetadata: {name: a,\n  name: b}\n", 3)]
#[case::map_as_key("kind: Pod\n? {a: b}\n: c\n", 2)]
#[case::list_as_key("kind: Pod\n? [a]\n: c\n", 2)]
#[case::null_as_key("kind: Pod\nnull: c\n", 2)]
#[case::merge_of_a_number("kind: Pod\n<<: 5\n", 2)]
#[case::infinity("kind: Pod\nspec: .inf\n", 2)]
#[case::nan("kind: Pod\nspec: .nan\n", 2)]
#[case::tag("kind: Pod\nspec: !!int x\n", 2)]
#[case::nul("kind: Pod\nmetadata: {name: \"a\0b\"}\n", 2)]
#[case::helm_value("kind: Pod\nspec: {{ .Values.spec }}\n", 2)]
#[case::helm_block("kind: Pod\n{{- if .Values.on }}\nspec: {}\n{{- end }}\n", 2)]
#[case::helm_include("kind: Pod\nmetadata:\n  labels:\n{{ include \"x\" . | indent 4 }}\n", 4)]
#[case::helm_range("{{- range .Values.pods }}\nkind: Pod\n{{- end }}\n", 1)]
#[case::helm_key("kind: Pod\nspec:\n  {{ .Values.key }}: x\n", 3)]
fn broken_yaml_is_an_error_on_its_line(#[case] text: &str, #[case] line: u64) {
    let ran = after_a_good_one(text);
    ran.holds();
    // A parser notices that something was never closed where it began, or where it should have ended.
    let end = 10 + text.lines().count() as u64 + 1;
    let near = |fault: &super::Fault| {
        (fault.line == Some(10 + line) || fault.line == Some(end)) && fault.column.is_some()
    };
    assert!(ran.faults.iter().any(near), "{}", ran.faults());
    assert_eq!(ran.faults.len(), 1, "{}", ran.faults());
}

#[rstest]
#[case::name("name: web", "name: \"{{ .Release.Name }}\"", "3:18")]
#[case::namespace("namespace: shop", "namespace: '{{ .Release.Namespace }}'", "3:34")]
#[case::label("app: web", "app: \"{{ .Values.app }}\"", "6:30")]
#[case::container("name: app", "name: \"{{ .Chart.Name }}\"", "9:15")]
#[case::replicas(
    "spec:\n  template",
    "spec:\n  replicas: \"{{ .Values.n }}\"\n  template",
    "5:13"
)]
#[case::selector(
    "spec:\n  template",
    "spec:\n  selector: {matchLabels: {app: \"{{ .Values.app }}\"}}\n  template",
    "5:33"
)]
fn a_quoted_template_is_told_to_be_one(#[case] text: &str, #[case] with: &str, #[case] place: &str) {
    let ran = Case::of(WEB.replace(text, with)).check();
    ran.holds().has(
        &format!("bad.yaml:{place}"),
        "render it first: helm template CHART | plimsoll check -",
    );
}

#[rstest]
#[case::comment(&format!("# {{{{ x }}}}\n{WEB}"))]
#[case::comment_after(&WEB.replace("name: app", "name: app # {{ x }}"))]
#[case::block(&format!("{WEB}        args:\n        - |\n          {{{{ .Env }}}}\n"))]
#[case::annotation(&WEB.replace("namespace: shop", "annotations: {a: \"{{ with secret }}\"}"))]
#[case::another_kind("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  a: |\n    {{ x }}\n")]
fn a_template_that_is_meant_is_no_error(#[case] text: &str) {
    assert_eq!(Case::of(text).check().faults(), "");
}

#[rstest]
#[case::merge_key(
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: &m {name: web, namespace: shop}\nspec:\n  template:\n    \
     metadata: {<<: *m, labels: {a: b}}\n    spec: {containers: [{name: a}]}\n"
)]
#[case::anchor(&WEB.replace("{app: web}}", "&l {app: web}}\n  selector: {matchLabels: *l}").replace("  selector: {matchLabels: *l}\n", ""))]
#[case::float_that_is_whole(&format!("{WEB}  replicas: 2.0\n"))]
#[case::old_octal(&format!("{WEB}  replicas: 010\n"))]
#[case::hexadecimal(&format!("{WEB}  replicas: 0x10\n"))]
#[case::underscore(&format!("{WEB}  replicas: 1_0\n"))]
#[case::plus(&format!("{WEB}  replicas: +3\n"))]
#[case::custom_tag(&format!("{WEB}  x: !mine 3\n"))]
#[case::windows(&WEB.replace('\n', "\r\n"))]
#[case::old_mac(&WEB.replace('\n', "\r"))]
#[case::byte_order_mark(&format!("\u{feff}{WEB}"))]
#[case::byte_order_mark_before_json(
    "\u{feff}{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": \"x\"}}"
)]
#[case::directive(&format!("%YAML 1.2\n---\n{WEB}"))]
#[case::next_line(&WEB.replace("name: app", "name: app\n        image: \"a\u{85}b\""))]
fn odd_yaml_that_kubectl_takes_is_no_error(#[case] text: &str) {
    let ran = Case::of(text).check();
    assert_eq!(ran.faults(), "");
}

#[rstest]
#[case::windows("\r\n")]
#[case::old_mac("\r")]
fn lines_are_counted_whatever_ends_them(#[case] end: &str) {
    let two = format!(
        "{WEB}---\n{}  replicas: x\n",
        WEB.replace("name: web", "name: api")
    );
    let ran = Case::of(two.replace('\n', end)).check();
    ran.holds().has("bad.yaml:20:13", "spec.replicas");
    assert_eq!(ran.workloads.len(), 3, "{:?}", ran.workloads);
}

#[test]
fn a_byte_order_mark_in_the_middle_costs_nobody_else() {
    let two = format!("{WEB}---\n\u{feff}{}", WEB.replace("name: web", "name: api"));
    let ran = Case::of(two).check();
    assert!(ran.workloads.contains(&"web".to_owned()), "{:?}", ran.workloads);
    assert!(
        ran.faults.iter().all(super::Fault::has_way_out),
        "{}",
        ran.faults()
    );
    assert_eq!(ran.workloads.len() + ran.faults.len(), 3, "{}", ran.faults());
}

#[rstest]
#[case::colon("{\"kind\": \"Pod\",\n \"metadata\": {\"name\" \"x\"}}", 2)]
#[case::truncated("{\"kind\": \"Pod\",\n \"metadata\": {\"name\":", 2)]
#[case::truncated_text("{\"kind\": \"Pod\",\n \"metadata\": {\"name\": \"x", 2)]
#[case::rest("{\"kind\": \"Secret\", \"apiVersion\": \"v1\"}\n}", 2)]
#[case::single_quotes("{\"kind\": \"Pod\",\n 'metadata': {}, x}}", 2)]
#[case::duplicate(
    "{\"apiVersion\": \"v1\", \"kind\": \"Pod\",\n \"kind\": \"Node\", \"metadata\": {\"name\": \"a\"}}",
    2
)]
#[case::inner_duplicate(
    "{\"apiVersion\": \"v1\", \"kind\": \"Pod\",\n \"metadata\": {\"name\": \"a\", \"name\": \"b\"}}",
    2
)]
#[case::lone_surrogate("{\"kind\": \"Pod\",\n \"metadata\": {\"name\": \"\\ud800\"}}", 2)]
fn broken_json_is_an_error_on_its_line(#[case] text: &str, #[case] line: u64) {
    let case = Case::new();
    case.write("bad.json", text.as_bytes());
    let ran = case.check();
    ran.holds();
    let near = |fault: &super::Fault| fault.line == Some(line) && fault.column.is_some();
    assert!(ran.faults.iter().any(near), "{}", ran.faults());
}

#[rstest]
#[case::flow_list_open(&"[".repeat(10_000))]
#[case::flow_list(&format!("kind: {}{}", "[".repeat(10_000), "]".repeat(10_000)))]
#[case::flow_map(&format!("{}1{}", "{a: ".repeat(10_000), "}".repeat(10_000)))]
#[case::block_list(&format!("{}a\n", "- ".repeat(10_000)))]
#[case::block_map(&(0..10_000).fold(String::new(), |text, i| text + &" ".repeat(i) + "a:\n"))]
#[case::json_map(&format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)))]
#[case::json_map_open(&"{\"a\":".repeat(10_000))]
#[case::json_list(&format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000)))]
#[case::anchors(&(0..10_000).fold(String::from("a0: &a0 x\n"), |text, i| text + &format!("a{0}: &a{0} [*a{i}]\n", i + 1)))]
fn nesting_without_end_is_an_error(#[case] text: &str) {
    let case = Case::of(text).within(super::SMALL + (1 << 20));
    let ran = case.check();
    ran.holds();
    assert!(ran.faults[0].line.is_some(), "{}", ran.faults());
}

/// A few lines that stand for more than any machine holds.
fn laughs(levels: usize, width: usize, open: &str, between: &str, close: &str) -> String {
    let mut text = format!(
        "l0: &l0 {open}{}{close}\n",
        vec!["x: 1".replace("x: ", if open == "{" { "x: " } else { "" }); 1].join(between)
    );
    for level in 1..levels {
        let last = format!("*l{}", level - 1);
        let items: Vec<String> = (0..width)
            .map(|i| {
                if open == "{" {
                    format!("k{i}: {last}")
                } else {
                    last.clone()
                }
            })
            .collect();
        text += &format!("l{level}: &l{level} {open}{}{close}\n", items.join(between));
    }
    text
}

#[rstest]
#[case::lists(&laughs(20, 10, "[", ", ", "]"))]
#[case::maps(&laughs(20, 10, "{", ", ", "}"))]
#[case::quadratic(&format!("a: &a [{}]\nb: [{}]\n", vec!["x"; 5_000].join(","), vec!["*a"; 5_000].join(",")))]
#[case::merges(&(1..30).fold(String::from("m0: &m0 {a0: 1, b0: 1}\n"), |text, i| {
    let last = i - 1;
    text + &format!("m{i}: &m{i} {{<<: [*m{last}, *m{last}, *m{last}], a{i}: 1}}\n")
}))]
#[case::in_a_workload(&format!(
    "{}spec:\n  template:\n    spec:\n      containers: *l12\n",
    laughs(13, 10, "[", ", ", "]") + "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
))]
fn an_alias_bomb_is_an_error_and_does_no_harm(#[case] text: &str) {
    let ran = Case::of(text).within(256 << 10).check();
    ran.holds();
    let [fault] = ran.faults.as_slice() else {
        panic!("one fault, not\n{}", ran.faults());
    };
    assert!(
        fault.line.is_some() && fault.message.contains("fewer aliases"),
        "{}",
        ran.faults()
    );
}

/// It is not copied for each.
#[test]
fn a_text_that_is_named_ever_so_often_is_read_in_bounds() {
    let text = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(100_000),
        vec!["*a"; 100_000].join(",")
    );
    let case = Case::of(text).within(256 << 10);
    let ran = case.check_with(
        &super::command(case.kib),
        &[&case.path("bad.yaml"), &case.path("good.yaml")],
    );
    ran.holds().has("bad.yaml:1", "kind is missing");
}
