//! `check --compare A B`, through the binary.

use std::fs;

use rstest::rstest;
use serde_json::{Value, json};

use super::plimsoll;

const STAGING: &str = "tests/fixtures/environments/staging";
const PRODUCTION: &str = "tests/fixtures/environments/production";

#[test]
fn two_environments_side_by_side() {
    let ran = plimsoll(&["check", "--compare", STAGING, PRODUCTION]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn the_json_contract_of_a_comparison() {
    let ran = plimsoll(&["check", "--compare", STAGING, PRODUCTION, "-o", "json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn an_environment_is_like_itself() {
    let ran = plimsoll(&["check", "--compare", STAGING, STAGING]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (0, "2 workloads compared: no difference\n")
    );
}

#[test]
fn a_namespace_may_have_another_name_in_the_second() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = fs::read_to_string(format!("{STAGING}/harmony.yaml")).expect("a fixture");
    let path = directory.path().join("b.yaml");
    fs::write(&path, text.replace("namespace: platform", "namespace: live")).expect("a file");
    let path = path.to_str().expect("UTF-8");
    let apart = plimsoll(&["check", "--compare", STAGING, path]);
    assert_eq!(apart.code, 1);
    assert!(
        apart.stdout.contains("no workload is in both; 2 only in tests/"),
        "{}",
        apart.stdout
    );
    let ran = plimsoll(&[
        "check",
        "--compare",
        STAGING,
        path,
        "--map-namespace",
        "platform=live",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    let ran = plimsoll(&[
        "check",
        "--compare",
        STAGING,
        path,
        "--map-namespace",
        "platform=live",
        "-n",
        "platform",
    ]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (0, "2 workloads compared: no difference\n")
    );
}

#[test]
fn what_cannot_be_read_is_an_error_and_the_rest_is_compared() {
    let ran = plimsoll(&["check", "--compare", STAGING, "nowhere.yaml"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.starts_with("nowhere.yaml: cannot be read"),
        "{}",
        ran.stderr
    );
    let ran = plimsoll(&["check", "--compare", STAGING, "nowhere.yaml", "-o", "json"]);
    let document: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(document["summary"]["onlyInA"], json!(2));
    assert_eq!(document["errors"][0]["file"], "nowhere.yaml");
}

#[rstest]
#[case(&["check", "--compare", "a"], "2 values required")]
#[case(&["check", "--compare", "a", "b", "--baseline", "c"], "cannot be used with")]
#[case(&["check", "--compare", STAGING, STAGING, "-o", "sarif"], "--compare prints a table or json; leave -o out")]
#[case(&["check", "--compare", "a", "b", "--map-namespace", "x"], "write it as A=B")]
#[case(&["check", "x", "--map-namespace", "a=b"], "--compare")]
fn wrong_usage_is_told(#[case] args: &[&str], #[case] message: &str) {
    let ran = plimsoll(args);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(ran.stderr.contains(message), "{}", ran.stderr);
}

/// Names in a comparison are written by anybody too.
#[test]
fn a_comparison_is_inert() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, limit: &str| {
        let manifest = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a\u{1b}[2J\u{202e} ::set-output name=x::y", "namespace": "##[x]"},
            "spec": {"template": {"spec": {"containers": [
                {"name": "\n::stop-commands::x", "resources": {"limits": {"memory": limit}}},
            ]}}},
        });
        let path = directory.path().join(name);
        fs::write(&path, manifest.to_string()).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let (a, b) = (write("a.json", "1Gi"), write("b.json", "2Gi"));
    for format in ["table", "json"] {
        let ran = plimsoll(&["check", "--compare", &a, &b, "-o", format]);
        let hidden = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(
            !ran.stdout.contains(hidden) && !ran.stdout.contains("##"),
            "{:?}",
            ran.stdout
        );
        assert!(
            !ran.stdout.lines().any(|line| line.trim_start().starts_with("::")),
            "{}",
            ran.stdout
        );
        assert!(
            ran.stdout.contains("1Gi") && ran.stdout.contains("2Gi"),
            "{}",
            ran.stdout
        );
    }
}
