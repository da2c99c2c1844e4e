//! The command line through its binary: exit codes, the JSON contract, the table, what goes to standard error.

use std::io::Write;
use std::process::{Command, Stdio};

use rstest::rstest;
use serde_json::{Value, json};

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

fn plimsoll(args: &[&str]) -> Ran {
    plimsoll_with(args, "")
}

fn plimsoll_with(args: &[&str], stdin: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("NO_COLOR")
        .env("COLUMNS", "60")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // A command that does not read its input may have ended already.
    let _ = child.stdin.take().expect("a pipe").write_all(stdin.as_bytes());
    let output = child.wait_with_output().expect("the binary ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ran {
        code: output.status.code().expect("no signal"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

#[rstest]
#[case::clean(&["check", "examples/good.yaml"], 0)]
#[case::a_warning(&["check", "examples/one-replica.yaml"], 1)]
#[case::below_the_threshold(&["check", "--fail-on", "critical", "examples/one-replica.yaml"], 0)]
#[case::never(&["check", "--fail-on", "never", "examples"], 0)]
#[case::info_counts_when_asked(&["check", "--fail-on", "info", "-n", "default", "examples/sidecar-and-init.yaml"], 1)]
#[case::another_namespace(&["check", "-n", "elsewhere", "examples/one-replica.yaml"], 0)]
#[case::an_error_beats_findings(&["check", "tests/fixtures/mixed.yaml"], 2)]
#[case::an_error_beats_never(&["check", "--fail-on", "never", "nowhere.yaml"], 2)]
#[case::no_path(&["check"], 2)]
#[case::unknown_flag(&["check", "--frobnicate", "examples"], 2)]
#[case::unknown_version(&["check", "--kubernetes-version", "two", "examples"], 2)]
#[case::unknown_rule(&["explain", "memory-limits"], 2)]
#[case::no_command(&[], 2)]
#[case::a_replay(&["replay", "examples/outages/iconik-2019-09-05"], 0)]
#[case::a_replay_with_a_bad_line(&["replay", "tests/fixtures/recording.jsonl"], 2)]
#[case::no_recording(&["replay", "examples/good.yaml"], 2)]
#[case::no_recording_there(&["replay", "examples"], 2)]
#[case::rules(&["rules"], 0)]
#[case::explain(&["explain", "pod-spread"], 0)]
#[case::version(&["version"], 0)]
fn exit_codes(#[case] args: &[&str], #[case] code: i32) {
    let ran = plimsoll(args);
    assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_broken_input_does_not_hide_the_rest() {
    let ran = plimsoll(&["check", "nowhere.yaml", "examples/one-replica.yaml"]);
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.stderr,
        "nowhere.yaml: cannot be read: no such file or directory; check the path\n"
    );
    assert!(ran.stdout.contains("Deployment default/login"), "{}", ran.stdout);
}

#[test]
fn the_json_contract() {
    let ran = plimsoll(&["check", "-o", "json", "tests/fixtures/mixed.yaml"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (2, ""),
        "errors stand in the document"
    );
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn the_json_document_names_every_rule_for_every_workload() {
    let ran = plimsoll(&["check", "-o", "json", "examples"]);
    let document: Value = serde_json::from_str(&ran.stdout).expect("one JSON document");
    let all = document["workloads"].as_array().expect("a list");
    // One autoscaler has lost its target: an entry of its own, and no workload.
    let is_stray = |entry: &&Value| entry["kind"] == "HorizontalPodAutoscaler";
    let (strays, workloads): (Vec<&Value>, Vec<&Value>) = all.iter().partition(is_stray);
    assert_eq!(document["summary"]["workloads"], json!(workloads.len()));
    assert!(
        matches!(&strays[..], [stray] if stray["checks"][0]["rule"] == "autoscaler-conflict"),
        "{strays:?}"
    );
    for workload in workloads {
        let checks = workload["checks"].as_array().expect("a list");
        for rule in plimsoll::rules::RULES {
            assert!(
                checks.iter().any(|check| check["rule"] == rule.name),
                "{}: {workload}",
                rule.name
            );
        }
        for check in checks {
            let fails = check["status"] == "fail";
            assert_eq!(check["severity"].is_string(), fails, "{check}");
            assert!(check["remedy"].is_null() || fails, "{check}");
        }
    }
}

#[test]
fn the_table() {
    let ran = plimsoll(&[
        "check",
        "tests/fixtures/mixed.yaml",
        "examples/good.yaml",
        "examples/sidecar-and-init.yaml",
    ]);
    insta::assert_snapshot!(format!("{}--- standard error ---\n{}", ran.stdout, ran.stderr));
}

#[test]
fn the_timeline() {
    let ran = plimsoll(&["replay", "tests/fixtures/recording.jsonl"]);
    insta::assert_snapshot!(format!("{}--- standard error ---\n{}", ran.stdout, ran.stderr));
}

#[test]
fn the_timelines_json_contract() {
    let ran = plimsoll(&["replay", "-o", "json", "tests/fixtures/recording.jsonl"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (2, ""),
        "errors stand in the document"
    );
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn a_recording_that_cannot_be_opened_is_named() {
    let ran = plimsoll(&["replay", "examples/good.yaml"]);
    assert_eq!(ran.stdout, "");
    let said = "examples/good.yaml:1: no header: expected value; a recording begins with a header such as plimsoll record writes\n";
    assert_eq!(ran.stderr, said);
    let ran = plimsoll(&["replay", "-o", "json", "examples/outages"]);
    let document: Value = serde_json::from_str(&ran.stdout).expect("one JSON document");
    let message = "holds no recording.jsonl; did you mean examples/outages/iconik-2019-09-05?";
    assert_eq!(document["errors"][0]["message"], message);
    assert_eq!(
        (&document["recording"], &document["firstFault"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn a_recording_cannot_steer_the_terminal() {
    let recording = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/recording.jsonl"
    ));
    let recording = recording
        .expect("a recording")
        .replace("team-web", "a\\u001b[2J\\u0007b");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("r.jsonl");
    std::fs::write(&path, recording.replace("A node that", "\\u001b[2JA node that")).expect("a file");
    let ran = plimsoll(&["replay", path.to_str().expect("UTF-8")]);
    assert!(
        ran.stdout.contains("a\u{fffd}[2J\u{fffd}b") && ran.stdout.contains(r"\u{1b}[2JA node"),
        "{}",
        ran.stdout
    );
    assert!(
        !ran.stdout.contains(|c: char| c.is_control() && c != '\n'),
        "{:?}",
        ran.stdout
    );
}

#[test]
fn a_clean_input_is_said_to_be_clean() {
    let ran = plimsoll(&["check", "examples/good.yaml"]);
    assert_eq!(
        ran.stdout,
        "nothing found: Deployment default/api\n\n1 workload: nothing found\n"
    );
    assert_eq!(ran.stderr, "");
}

#[test]
fn nothing_to_judge_is_not_a_clean_bill() {
    let ran = plimsoll_with(
        &["check", "-"],
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n",
    );
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (0, "no workload to judge; 1 object passed over\n")
    );
    let ran = plimsoll_with(&["check", "-"], "");
    assert_eq!(ran.code, 2, "{}", ran.stdout);
}

#[test]
fn a_name_cannot_steer_the_terminal() {
    let manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: \"a\\x1b[2J\\x07b\"}\nspec:\n  replicas: no\n";
    let ran = plimsoll_with(&["check", "-"], manifest);
    for text in [&ran.stdout, &ran.stderr] {
        assert!(text.contains(r"a\u{1b}[2J\u{7}b"), "{text}");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }
}

#[test]
fn a_pipe_gets_no_colour() {
    assert!(!plimsoll(&["check", "examples"]).stdout.contains('\x1b'));
}

#[rstest]
#[case("memory-limits", "did you mean memory-limit?")]
#[case("nodelimbo", "did you mean node-limbo?")]
#[case("kittens", "plimsoll rules lists them all")]
fn a_typo_is_answered_with_the_nearest_name(#[case] typed: &str, #[case] hint: &str) {
    let ran = plimsoll(&["explain", typed]);
    assert!(
        ran.stderr.starts_with(&format!(
            "plimsoll: no rule or detector is called {typed:?}; {hint}"
        )),
        "{}",
        ran.stderr
    );
}

#[test]
fn check_says_whom_to_call() {
    let example = "examples/canary-not-finished.yaml";
    let document: Value =
        serde_json::from_str(&plimsoll(&["check", "-o", "json", example]).stdout).expect("JSON");
    let workloads = document["workloads"].as_array().expect("a list");
    let said = |name: &str| {
        let workload = workloads
            .iter()
            .find(|w| w["name"] == name)
            .expect("it is judged");
        ["owner", "runbook", "criticality"].map(|field| workload[field].clone())
    };
    assert_eq!(said("api"), [json!("team-api"), Value::Null, json!("Customer")]);
    assert_eq!(said("harmony"), [Value::Null, Value::Null, Value::Null]);
    let table = plimsoll(&["check", example]).stdout;
    assert!(
        table.contains("\n  owner team-api, criticality Customer\n"),
        "{table}"
    );
}

#[test]
fn every_rule_and_detector_is_listed_and_explained() {
    let listed = plimsoll(&["rules"]).stdout;
    let rules = plimsoll::rules::RULES.iter().map(|r| r.name);
    for name in rules.chain(plimsoll::detect::DETECTORS.iter().map(|d| d.name)) {
        assert!(listed.contains(&format!("  {name} ")), "{name}");
        assert!(
            plimsoll(&["explain", name])
                .stdout
                .starts_with(&format!("# {name}\n")),
            "{name}"
        );
    }
}

#[test]
fn crds_are_printed_or_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("crds");
    assert_eq!(
        plimsoll(&["crds", "--dir", path.to_str().expect("UTF-8")]).code,
        0
    );
    let mut written = Vec::new();
    for (file, yaml) in plimsoll::api::crds() {
        assert_eq!(std::fs::read_to_string(path.join(file)).expect("the file"), yaml);
        written.push(yaml);
    }
    assert_eq!(plimsoll(&["crds"]).stdout, written.join("---\n"));
}

#[cfg(feature = "operator")]
#[rstest]
#[case(&["operator", "--time-scale", "0"], "write a number from 0.001 to 1000")]
#[case(&["operator", "--time-scale", "1e300"], "write a number from 0.001 to 1000")]
#[case(&["record", "-o", "never.jsonl", "--time-scale", "nan"], "write a number from 0.001 to 1000")]
#[case(&["operator", "--health-address", "here"], "invalid value 'here'")]
#[case(&["check", "--context", "x", "examples"], "--live")]
#[case(&["check", "--live", "--kubeconfig", "nowhere"], "nowhere")]
#[case(&["record"], "--output")]
#[case(&["record", "-o", "Cargo.toml"], "cannot make Cargo.toml: File exists (os error 17); --force writes over it")]
#[case(&["record", "-o", "/nowhere/r.jsonl"], "cannot make /nowhere/r.jsonl")]
#[case(&["record", "-o", "never.jsonl", "--duration", "soon"], "write a number of seconds above 0")]
fn wrong_usage_is_told(#[case] args: &[&str], #[case] message: &str) {
    let ran = plimsoll(args);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains(message), "{}", ran.stderr);
}

#[cfg(feature = "operator")]
#[test]
fn a_recording_that_never_began_leaves_no_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("r.jsonl");
    let path = file.to_str().expect("UTF-8");
    let ran = plimsoll(&["record", "-o", path, "--kubeconfig", "nowhere"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("kubeconfig nowhere"), "{}", ran.stderr);
    assert!(!file.exists());
    std::fs::write(&file, "an outage").expect("a file");
    plimsoll(&["record", "--force", "-o", path, "--kubeconfig", "nowhere"]);
    assert_eq!(std::fs::read(&file).expect("still there"), b"an outage");
}
