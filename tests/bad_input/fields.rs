//! Fields that Kubernetes would refuse: each named, with its place; the object is judged all the same.

use rstest::rstest;

use super::{Case, WEB};

/// A field of `spec` (two spaces), of the pod's (six) or of the container's (eight), which begins the tenth line.
#[rstest]
#[case::negative("  replicas: -1", "10:13", "spec.replicas")]
#[case::above_i32("  replicas: 99999999999", "10:13", "spec.replicas")]
#[case::above_i64("  replicas: 9223372036854775808", "10:13", "spec.replicas")]
#[case::above_u64("  replicas: 18446744073709551616", "10:13", "spec.replicas")]
#[case::below_i64("  replicas: -9223372036854775809", "10:13", "spec.replicas")]
#[case::fraction("  replicas: 2.5", "10:13", "spec.replicas")]
#[case::text("  replicas: \"3\"", "10:13", "spec.replicas")]
#[case::yes("  replicas: yes", "10:13", "spec.replicas")]
#[case::list("  replicas: [3]", "10:13", "spec.replicas")]
#[case::map("  replicas: {a: 3}", "10:13", "spec.replicas")]
#[case::tagged("  replicas: !!str 3", "10:19", "spec.replicas")]
#[case::strategy("  strategy: Recreate", "10:13", "spec.strategy")]
#[case::strategy_type("  strategy: {type: recreate}", "10:20", "spec.strategy.type")]
#[case::surge(
    "  strategy: {rollingUpdate: {maxSurge: \"5\"}}",
    "10:40",
    "rollingUpdate.maxSurge"
)]
#[case::unavailable(
    "  strategy: {rollingUpdate: {maxUnavailable: 101%}}",
    "10:46",
    "maxUnavailable"
)]
#[case::deadline("  progressDeadlineSeconds: soon", "10:28", "spec.progressDeadlineSeconds")]
#[case::resources("        resources: []", "10:20", "containers[0].resources")]
#[case::limits("        resources: {limits: 5Gi}", "10:29", "resources.limits")]
#[case::container_name("      - name: A_b", "10:15", "containers[1].name")]
#[case::nameless("      - image: x", "10:9", "containers[1].name")]
#[case::same_name("      - name: app", "9:9", "two containers are called \"app\"")]
#[case::container("      - app", "10:9", "containers[1]")]
#[case::init_containers("      initContainers: {name: x}", "10:23", "spec.initContainers")]
#[case::tolerations("      tolerations: all", "10:20", "spec.tolerations")]
#[case::toleration("      tolerations: [{operator: exists}]", "10:32", "tolerations[0].operator")]
#[case::effect(
    "      tolerations: [{operator: Exists, effect: Never}]",
    "10:48",
    "tolerations[0].effect"
)]
#[case::seconds(
    "      tolerations: [{tolerationSeconds: 1m}]",
    "10:41",
    "tolerations[0].tolerationSeconds"
)]
#[case::node_selector("      nodeSelector: {disk: [ssd]}", "10:28", "nodeSelector.disk")]
#[case::node_selector_value("      nodeSelector: {disk: \"a b\"}", "10:28", "nodeSelector.disk")]
#[case::affinity("      affinity: {nodeAffinity: [a]}", "10:32", "affinity.nodeAffinity")]
#[case::spread(
    "      topologySpreadConstraints: {a: b}",
    "10:34",
    "topologySpreadConstraints"
)]
#[case::skew(
    "      topologySpreadConstraints: [{maxSkew: 0, topologyKey: z}]",
    "10:45",
    "[0].maxSkew"
)]
fn a_field_that_does_not_fit_is_named(#[case] field: &str, #[case] place: &str, #[case] words: &str) {
    let ran = Case::of(format!("{WEB}{field}\n")).check();
    ran.holds().has(&format!("bad.yaml:{place}"), words);
    assert!(ran.workloads.contains(&"web".to_owned()), "{:?}", ran.workloads);
}

#[rstest]
#[case::negative("-1Mi")]
#[case::negative_and_quoted("\"-1Mi\"")]
#[case::two_points("1..5")]
#[case::no_unit("1GB")]
#[case::small("1gi")]
#[case::inner_space("\"1 Gi\"")]
#[case::other_digits("\"１Gi\"")]
#[case::empty("\"\"")]
#[case::escaped_newline("\"1Gi\\n\"")]
#[case::truth("true")]
#[case::list("[]")]
#[case::map("{}")]
#[case::template("\"{{ .Values.memory }}\"")]
#[case::long(&format!("\"{}x\"", "9".repeat(5_000)))]
fn a_quantity_that_is_none_is_named(#[case] memory: &str) {
    let text = format!("{WEB}        resources: {{limits: {{memory: {memory}}}}}\n");
    let ran = Case::of(text).check();
    ran.holds().has(
        "bad.yaml:10:38",
        "spec.template.spec.containers[0].resources.limits.memory",
    );
}

/// What the API server reads, and what kubectl makes of YAML on the way to it.
#[rstest]
#[case::spaces("\" 5 \"")]
#[case::fraction(".5Gi")]
#[case::point("5.")]
#[case::tiny("1e-400")]
#[case::huge_and_quoted("\"1e400\"")]
#[case::null("null")]
#[case::hexadecimal("0x10")]
fn an_odd_quantity_that_kubernetes_takes_is_no_error(#[case] memory: &str) {
    let text = format!("{WEB}        resources: {{limits: {{memory: {memory}}}}}\n");
    assert_eq!(Case::of(text).check().faults(), "");
}

/// A plain `1e400` is no number that JSON could carry, so kubectl makes a text of it, and that is a quantity.
#[rstest]
#[case::huge("1e400", None)]
#[case::negative("-1e400", Some("is negative"))]
#[case::beyond_all_exponents("1e99999999999999999999", Some("unknown suffix"))]
fn a_number_beyond_all_numbers_costs_nobody_else(#[case] memory: &str, #[case] fault: Option<&str>) {
    let text = format!("{WEB}        resources: {{limits: {{memory: {memory}}}}}\n");
    let ran = Case::of(text).check();
    assert!(ran.workloads.contains(&"good".to_owned()), "{}", ran.faults());
    match fault {
        Some(words) => {
            ran.holds().has("bad.yaml:10:38", words);
        }
        None => assert_eq!(ran.faults(), ""),
    }
    let ran = Case::of(format!("{WEB}  replicas: {memory}\n")).check();
    ran.holds().has("bad.yaml:10:13", "");
}

#[rstest]
#[case::foreign("{matchLabels: {app: other}}", 13, "spec.selector does not match")]
#[case::contradictory(
    "{matchLabels: {app: web}, matchExpressions: [{key: app, operator: NotIn, values: [web]}]}",
    13,
    "spec.selector does not match"
)]
#[case::empty("{}", 13, "spec.selector must not be empty")]
#[case::empty_labels("{matchLabels: {}}", 13, "spec.selector must not be empty")]
#[case::empty_expressions("{matchExpressions: []}", 13, "spec.selector must not be empty")]
#[case::no_values(
    "{matchExpressions: [{key: a, operator: In, values: []}]}",
    33,
    "matchExpressions[0] is refused"
)]
#[case::values_left_out(
    "{matchExpressions: [{key: a, operator: NotIn}]}",
    33,
    "matchExpressions[0] is refused"
)]
#[case::no_key_and_no_values(
    "{matchExpressions: [{operator: In, values: []}]}",
    33,
    "matchExpressions[0] is refused"
)]
#[case::empty_key(
    "{matchExpressions: [{key: \"\", operator: Exists}]}",
    33,
    "matchExpressions[0] is refused"
)]
#[case::unwanted_values(
    "{matchExpressions: [{key: a, operator: Exists, values: [x]}]}",
    33,
    "matchExpressions[0] is refused"
)]
#[case::operator(
    "{matchExpressions: [{key: a, operator: in, values: [x]}]}",
    33,
    "matchExpressions[0] is refused"
)]
#[case::operator_list(
    "{matchExpressions: [{key: a, operator: [In], values: [x]}]}",
    52,
    "matchExpressions[0].operator"
)]
#[case::value_number(
    "{matchExpressions: [{key: a, operator: In, values: [x, 5]}]}",
    68,
    "[0].values[1]"
)]
#[case::key_number(
    "{matchExpressions: [{key: 5, operator: Exists}]}",
    39,
    "matchExpressions[0].key"
)]
#[case::expressions_map("{matchExpressions: {key: a}}", 32, "spec.selector.matchExpressions")]
#[case::labels_list("{matchLabels: [app]}", 27, "spec.selector.matchLabels")]
#[case::label_number("{matchLabels: {app: 5}}", 33, "spec.selector.matchLabels.app")]
#[case::label_value("{matchLabels: {app: a b}}", 33, "spec.selector.matchLabels.app")]
#[case::label_key("{matchLabels: {app/: web}}", 34, "spec.selector.matchLabels.app/")]
#[case::text("app=web", 13, "spec.selector")]
fn a_selector_that_selects_nothing_that_could_be_meant_is_named(
    #[case] selector: &str,
    #[case] column: usize,
    #[case] words: &str,
) {
    let ran = Case::of(format!("{WEB}  selector: {selector}\n")).check();
    ran.holds().has(&format!("bad.yaml:10:{column}"), words);
    assert_eq!(ran.faults.len(), 1, "{}", ran.faults());
}

/// Nothing but the values of a map of strings.
#[rstest]
#[case::yes("yes")]
#[case::on("on")]
#[case::octal("0755")]
#[case::number("1")]
#[case::version("1.0")]
#[case::list("[a]")]
fn a_label_that_is_no_string_is_named(#[case] value: &str) {
    let ran = Case::of(WEB.replace("{app: web}", &format!("{{app: web, b: {value}}}"))).check();
    ran.holds().has(
        "bad.yaml:6:38",
        "spec.template.metadata.labels.b must be a string (put it in quotes)",
    );
}

#[rstest]
#[case::date("2020-01-01")]
#[case::null("null")]
#[case::version("1.2.3")]
#[case::quoted("\"yes\"")]
fn a_label_that_yaml_reads_as_a_string_is_no_error(#[case] value: &str) {
    let text = WEB.replace("{app: web}", &format!("{{app: web, b: {value}, 1: x, true: z}}"));
    assert_eq!(Case::of(text).check().faults(), "");
}

/// `metadata` on the third line.
#[rstest]
#[case::null("null", "3:11", "metadata.name")]
#[case::list("[web]", "3:11", "metadata.name")]
#[case::text("web", "3:11", "metadata.name")]
#[case::no_name("{namespace: shop}", "3:11", "metadata.name")]
#[case::number("{name: 5}", "3:18", "metadata.name")]
#[case::empty("{name: \"\"}", "3:18", "metadata.name")]
#[case::generated("{generateName: web-}", "3:26", "metadata.name")]
#[case::map("{name: {a: b}}", "3:18", "metadata.name")]
#[case::namespace("{name: web, namespace: [shop]}", "3:34", "metadata.namespace")]
#[case::labels("{name: web, labels: [a]}", "3:31", "metadata.labels")]
#[case::label("{name: web, labels: {a: 5}}", "3:35", "metadata.labels.a")]
#[case::annotations("{name: web, annotations: x}", "3:36", "metadata.annotations")]
#[case::annotation("{name: web, annotations: {a: true}}", "3:40", "metadata.annotations.a")]
#[case::own_annotation(
    "{name: web, annotations: {plimsoll.dev/exempt: 5}}",
    "3:58",
    "plimsoll.dev/exempt"
)]
#[case::owners(
    "{name: web, ownerReferences: {kind: ReplicaSet}}",
    "3:40",
    "metadata.ownerReferences"
)]
#[case::upper_case("{name: Web}", "3:18", "metadata.name")]
#[case::dots_in_a_namespace("{name: web, namespace: a.b}", "3:34", "metadata.namespace")]
#[case::nul("{name: \"a\\0b\"}", "3:18", "metadata.name")]
#[case::long(&format!("{{name: {}}}", "a".repeat(200_000)), "3:18", "metadata.name")]
fn metadata_that_kubernetes_would_refuse_is_named(
    #[case] metadata: &str,
    #[case] place: &str,
    #[case] words: &str,
) {
    let text = WEB.replace("{name: web, namespace: shop}", metadata);
    Case::of(text)
        .check()
        .holds()
        .has(&format!("bad.yaml:{place}"), words);
}

#[rstest]
#[case::number("5", "1:13", "apiVersion")]
#[case::list("[apps/v1]", "1:13", "apiVersion")]
#[case::unknown("apps/v9", "1:13", "write apps/v1")]
#[case::another_group("batch/v1", "1:13", "write apps/v1")]
#[case::empty("\"\"", "1:13", "apiVersion")]
fn an_api_version_that_does_not_serve_the_kind_is_named(
    #[case] version: &str,
    #[case] place: &str,
    #[case] words: &str,
) {
    let ran = Case::of(WEB.replace("apps/v1", version)).check();
    ran.holds().has(&format!("bad.yaml:{place}"), words);
    assert!(ran.workloads.contains(&"web".to_owned()), "{:?}", ran.workloads);
}

#[rstest]
#[case::number("5", "kind must be a string")]
#[case::list("[Deployment]", "kind must be a string")]
#[case::empty("\"\"", "kind")]
#[case::misspelt("Deployement", "Deployement")]
#[case::lower_case("deployment", "Deployment")]
#[case::plural("Deployments", "Deployment")]
#[case::template("\"{{ .Values.kind }}\"", "render it first")]
fn a_kind_that_kubernetes_does_not_have_is_named(#[case] kind: &str, #[case] words: &str) {
    Case::of(WEB.replace("Deployment", kind))
        .check()
        .holds()
        .has("bad.yaml:2:7", words);
}

#[rstest]
#[case::custom("example.com/v1", "Deployment")]
#[case::another_group("rbac.authorization.k8s.io/v1", "Role")]
#[case::not_judged("v1", "ConfigMap")]
#[case::old("v1", "ReplicationController")]
#[case::revision("apps/v1", "ControllerRevision")]
fn a_kind_that_is_not_judged_is_passed_over(#[case] version: &str, #[case] kind: &str) {
    let text = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n");
    assert_eq!(Case::of(text).check().faults(), "");
}

#[rstest]
#[case::text("x", "items")]
#[case::map("{a: b}", "items")]
#[case::number("5", "items")]
fn items_that_are_no_list_are_an_error(#[case] items: &str, #[case] words: &str) {
    let text = format!("apiVersion: v1\nkind: List\nitems: {items}\n");
    Case::of(text).check().holds().has("bad.yaml:3:8", words);
}

#[test]
fn a_list_without_items_is_an_error() {
    Case::of("apiVersion: v1\nkind: List\n")
        .check()
        .holds()
        .has("bad.yaml:1:1", "items is missing");
}

#[test]
fn items_that_are_no_objects_do_not_cost_their_neighbours() {
    let web = WEB.replace('\n', "\n  ");
    let list =
        "apiVersion: v1\nkind: List\nitems:\n- null\n- 5\n- []\n- text\n- kind: List\n  items: []\n- {}\n";
    let ran = Case::of(format!("{list}- {web}\n")).check();
    ran.holds();
    for line in 4..=8 {
        let at = |fault: &&super::Fault| fault.line == Some(line);
        assert!(
            ran.faults.iter().any(|fault| at(&fault)),
            "line {line}:\n{}",
            ran.faults()
        );
    }
    assert!(ran.workloads.contains(&"web".to_owned()), "{:?}", ran.workloads);
}

#[rstest]
#[case::no_maximum("minReplicas: 5", "4:7", "spec.maxReplicas")]
#[case::negative("minReplicas: -1, maxReplicas: 2", "4:21", "spec.minReplicas")]
#[case::zero("maxReplicas: 0", "4:21", "spec.maxReplicas")]
#[case::target("maxReplicas: 3, scaleTargetRef: web", "4:40", "spec.scaleTargetRef")]
fn an_autoscaler_that_kubernetes_would_refuse_is_named(
    #[case] spec: &str,
    #[case] place: &str,
    #[case] words: &str,
) {
    let target = ", scaleTargetRef: {kind: Deployment, name: good, apiVersion: apps/v1}";
    let target = if spec.contains("scaleTargetRef") {
        ""
    } else {
        target
    };
    let head = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: good, namespace: shop}\n";
    let ran = Case::of(format!("{head}spec: {{{spec}{target}}}\n")).check();
    ran.holds().has(&format!("bad.yaml:{place}"), words);
}

#[rstest]
#[case::service("v1", "Service", "selector: [a]", "spec.selector")]
#[case::service_flag(
    "v1",
    "Service",
    "publishNotReadyAddresses: sure",
    "spec.publishNotReadyAddresses"
)]
#[case::budget("policy/v1", "PodDisruptionBudget", "minAvailable: half", "spec.minAvailable")]
#[case::budget_percent(
    "policy/v1",
    "PodDisruptionBudget",
    "maxUnavailable: 120%",
    "spec.maxUnavailable"
)]
#[case::limits("v1", "LimitRange", "limits: {type: Container}", "spec.limits")]
#[case::node("v1", "Node", "unschedulable: maybe", "spec.unschedulable")]
#[case::pod_node("v1", "Pod", "containers: [{name: a}], nodeName: 5", "spec.nodeName")]
#[case::job(
    "batch/v1",
    "CronJob",
    "jobTemplate: {spec: {template: [a]}}",
    "spec.jobTemplate.spec.template"
)]
fn other_kinds_name_their_fields_too(
    #[case] version: &str,
    #[case] kind: &str,
    #[case] spec: &str,
    #[case] words: &str,
) {
    let head = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n");
    let column = 8 + spec.rfind(": ").map_or(0, |at| at + 2);
    let ran = Case::of(format!("{head}spec: {{{spec}}}\n")).check();
    ran.holds();
    let named = |fault: &super::Fault| fault.line == Some(4) && fault.message.contains(words);
    assert!(
        ran.faults.iter().any(named),
        "{words} near column {column}:\n{}",
        ran.faults()
    );
}

/// A name from a file must not steer the terminal, and stands in JSON as it is.
#[test]
fn control_characters_are_named_and_inert() {
    let metadata = r#"{name: "a\e[2Jb\x07\u202ec", namespace: "s\x9bhop"}"#;
    let case = Case::of(WEB.replace("{name: web, namespace: shop}", metadata));
    let ran = case.check();
    ran.holds()
        .has("bad.yaml:3:18", "metadata.name")
        .has("bad.yaml:3:51", "metadata.namespace");
    let table = std::process::Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["check".as_ref(), case.directory.path().as_os_str()])
        .output()
        .expect("the binary runs");
    for text in [table.stdout, table.stderr] {
        let text = String::from_utf8(text).expect("UTF-8");
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(
            !text.contains(steers) && text.contains(r"a\u{1b}[2Jb"),
            "{text:?}"
        );
    }
}
