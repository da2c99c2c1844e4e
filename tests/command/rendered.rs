//! Helm charts and kustomizations among the inputs, with the real programs and with such as fail.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use plimsoll_kit::{Tool, rig};
use rstest::rstest;
use serde_json::{Value, json};

use super::{World, web};

/// Prints its arguments, one a line, and one Deployment.
const ECHO: &str = r#"for a in "$@"; do echo "$a"; done > "$0.args"; /bin/cat "${0%/bin/*}/out.yaml""#;

fn chart(world: &World) {
    world.write("shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n");
    world.write("shop/values.yaml", "name: web\n");
    world.write("shop/templates/web.yaml", &web("{{ .Values.name }}"));
    let test = "apiVersion: v1\nkind: Pod\nmetadata: {name: probe, annotations: {helm.sh/hook: test}}\nspec: {containers: [{name: c}]}\n";
    world.write("shop/templates/tests/probe.yaml", test);
}

fn kustomization(world: &World) {
    world.write("base/kustomization.yaml", "resources: [web.yaml]\n");
    world.write("base/web.yaml", &web("web"));
    world.write(
        "prod/kustomization.yaml",
        "resources: [../base]\nnamePrefix: prod-\n",
    );
}

fn names(document: &Value) -> Vec<&str> {
    let workloads = document["workloads"].as_array().expect("a list");
    workloads
        .iter()
        .map(|w| w["name"].as_str().expect("a name"))
        .collect()
}

#[track_caller]
fn only_error(document: &Value) -> (&str, &str) {
    let errors = document["errors"].as_array().expect("a list");
    assert_eq!(errors.len(), 1, "{document:#}");
    let text = |field: &str| errors[0][field].as_str().expect("text");
    (text("file"), text("message"))
}

fn real(world: &World, tool: Tool) {
    world.link(tool.name(), &rig::find_or_build(tool).expect("the rig's binary"));
}

#[test]
fn a_chart_is_rendered_and_its_templates_are_named() {
    let world = World::new();
    chart(&world);
    real(&world, Tool::Helm);
    let document = world.check(&["shop"]);
    assert_eq!(names(&document), ["web"], "{document:#}");
    let source = json!({"file": "shop/templates/web.yaml", "line": 1});
    assert_eq!(document["workloads"][0]["source"], source);
    assert_eq!(document["errors"], json!([]));

    world.write("mine.yaml", "name: till\n");
    let arguments = ["shop", "--helm-values", "mine.yaml"];
    assert_eq!(names(&world.check(&arguments)), ["till"]);
    assert_eq!(
        names(&world.check(&[&arguments[..], &["--helm-set", "name=desk"]].concat())),
        ["desk"]
    );
}

#[test]
fn what_helm_refuses_is_told_in_its_words() {
    let world = World::new();
    chart(&world);
    real(&world, Tool::Helm);
    world.write(
        "shop/templates/web.yaml",
        &web("{{ required \"a name is needed\" .Values.none }}"),
    );
    let document = world.check(&["shop"]);
    let (file, message) = only_error(&document);
    assert_eq!(file, "shop");
    assert!(
        message.contains("a name is needed") && message.contains("--helm-set"),
        "{message}"
    );
}

/// Our own chart, as its users have it.
#[test]
fn our_own_chart_is_rendered() {
    let world = World::new();
    real(&world, Tool::Helm);
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/plimsoll");
    let document = world.check(&[chart.to_str().expect("text")]);
    assert_eq!(
        (names(&document).len(), &document["errors"]),
        (1, &json!([])),
        "{document:#}"
    );
    let file = document["workloads"][0]["source"]["file"]
        .as_str()
        .expect("a file");
    assert_eq!(Path::new(file), chart.join("templates/deployment.yaml"));
}

#[test]
fn a_kustomization_is_built_by_kubectl() {
    let world = World::new();
    kustomization(&world);
    real(&world, Tool::Kubectl);
    let document = world.check(&["prod"]);
    assert_eq!(names(&document), ["prod-web"], "{document:#}");
    let source = json!({"file": "prod/kustomization.yaml", "line": 1});
    assert_eq!(document["workloads"][0]["source"], source);
}

#[test]
fn kustomize_itself_is_asked_first_and_by_a_path_that_is_no_address() {
    let world = World::new();
    world.write("github.com/shop/base/kustomization.yaml", "");
    world.write("out.yaml", &web("web"));
    world.program("kustomize", ECHO);
    world.program("kubectl", "echo kubectl was asked >&2; exit 1");
    assert_eq!(names(&world.check(&["github.com/shop/base"])), ["web"]);
    let path = fs::canonicalize(world.path("github.com/shop/base")).expect("a directory");
    assert_eq!(
        world.read("bin/kustomize.args"),
        format!("build\n--\n{}\n", path.display())
    );
}

#[test]
fn helm_is_told_the_version_and_gets_no_name_for_a_flag() {
    let world = World::new();
    world.write("-f/Chart.yaml", "");
    world.write("out.yaml", &web("web"));
    world.program("helm", ECHO);
    let document = world.check(&["--kubernetes-version", "1.33", "--helm-set", "a=b;c", "--", "-f"]);
    assert_eq!(names(&document), ["web"]);
    let path = fs::canonicalize(world.path("-f")).expect("a directory");
    let told = format!(
        "template\n--skip-tests\n--kube-version=1.33.0\n--set\na=b;c\n--\n{}\n",
        path.display()
    );
    assert_eq!(world.read("bin/helm.args"), told);
}

#[rstest]
#[case::no_helm("shop", "", "", "is a Helm chart, and helm is not on PATH; install helm")]
#[case::no_kustomize(
    "prod",
    "",
    "",
    "neither kustomize nor kubectl is on PATH; install one of them"
)]
#[case::helm_fails(
    "shop",
    "helm",
    "echo 'Error: no such   value' >&2; exit 1",
    "helm template failed: no such value; correct the chart"
)]
#[case::helm_says_nothing(
    "shop",
    "helm",
    "exit 3",
    "helm template failed: exit status: 3; correct the chart"
)]
#[case::a_dependency(
    "shop",
    "helm",
    "echo 'found in Chart.yaml, but missing in charts/ directory: db' >&2; exit 1",
    "run helm dependency build shop"
)]
#[case::kustomize_fails(
    "prod",
    "kubectl",
    "echo 'no base' >&2; exit 1",
    "kustomize build failed: no base; correct the kustomization"
)]
#[case::too_much("shop", "helm", "exec /bin/cat /dev/zero", "prints more than 64 MiB; split")]
#[case::no_text("shop", "helm", "printf 'kind: \\377'", "is not UTF-8 text")]
fn a_program_that_fails_is_an_error_with_a_way_out(
    #[case] path: &str,
    #[case] program: &str,
    #[case] script: &str,
    #[case] said: &str,
) {
    let world = World::new();
    chart(&world);
    kustomization(&world);
    if !program.is_empty() {
        world.program(program, script);
    }
    world.write("good.yaml", &web("good"));
    let ran = world.run(&["check", path, "good.yaml"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.starts_with(&format!("{path}: ")) || ran.stderr.starts_with(&format!("{path}:1:")),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("shop/good"),
        "the rest is judged: {}",
        ran.stdout
    );
}

#[test]
fn a_fault_in_what_was_made_is_told_by_its_template() {
    let world = World::new();
    chart(&world);
    let made = format!(
        "---\n# Source: shop/templates/web.yaml\n{}---\n# Source: shop/templates/db.yaml\nkind: [\n",
        web("web").replace("replicas: 2", "replicas: two")
    );
    world.write("out.yaml", &made);
    world.program("helm", ECHO);
    let document = world.check(&["shop"]);
    let errors = document["errors"].as_array().expect("a list");
    let said: Vec<(&str, &str)> = errors
        .iter()
        .map(|e| {
            (
                e["file"].as_str().expect("a file"),
                e["message"].as_str().expect("a message"),
            )
        })
        .collect();
    assert_eq!(
        (said[0].0, said[1].0),
        ("shop/templates/db.yaml", "shop/templates/web.yaml")
    );
    assert!(said[0].1.contains("of what helm template prints)"), "{said:?}");
    assert!(
        said[1].1.ends_with("(line 7 of what helm template prints)"),
        "{said:?}"
    );
    assert!(errors.iter().all(|e| e["line"].is_null()), "{errors:?}");
}

#[test]
fn a_chart_among_manifests_is_left_out_and_a_kustomization_is_read_as_files() {
    let world = World::new();
    world.write("all/good.yaml", &web("good"));
    world.write("all/charts/shop/Chart.yaml", "name: shop\n");
    world.write("all/charts/shop/templates/web.yaml", &web("{{ .Values.name }}"));
    world.write("all/base/kustomization.yaml", "resources: [web.yaml]\n");
    world.write("all/base/web.yaml", &web("web"));
    let document = world.check(&["all"]);
    assert_eq!(
        (names(&document), &document["errors"]),
        (vec!["good", "web"], &json!([]))
    );
    let notes = document["notes"].as_array().expect("a list");
    let said: Vec<&str> = notes
        .iter()
        .map(|n| n["message"].as_str().expect("text"))
        .collect();
    let expected = [
        "1 Helm chart in it (all/charts/shop) left out, as templates are no manifests; name a chart to have it rendered: \
         plimsoll check all/charts/shop",
        "1 kustomization in it (all/base) read as files, not built; name a kustomization to have it built: \
         plimsoll check all/base",
    ];
    assert_eq!(said, expected);
    assert!(notes.iter().all(|note| note["file"] == "all"), "{notes:?}");
    let document = world.check(&["all/charts"]);
    assert!(
        only_error(&document).1.contains("name one of them"),
        "{document:#}"
    );
}

/// A program that waits for ever is stopped by `program::tests`; here nobody sees that something takes its time.
#[test]
fn nothing_is_said_of_progress_where_there_is_no_terminal() {
    let world = World::new();
    chart(&world);
    world.write("out.yaml", &web("web"));
    world.program("helm", &format!("/bin/sleep 1.5; {ECHO}"));
    let began = Instant::now();
    let ran = world.run(&["check", "--fail-on", "never", "shop"]);
    assert!(began.elapsed() > Duration::from_millis(1_400));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}
