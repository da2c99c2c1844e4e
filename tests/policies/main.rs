//! `check --policy` through the binary: what it refuses, and what a policy makes of the answers.

mod cases;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::cases::CASES;

struct Checked {
    code: i32,
    result: Value,
}

/// `check -o json` of a file by the policies of a path.
fn check(policies: &[&Path], manifest: &Path) -> Checked {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.args(["check", "-o", "json"]).arg(manifest);
    for path in policies {
        command.arg("--policy").arg(path);
    }
    let output = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the binary runs");
    Checked {
        code: output.status.code().expect("no signal"),
        result: serde_json::from_slice(&output.stdout).expect("JSON"),
    }
}

impl Checked {
    /// The messages of errors or of notes.
    fn said(&self, what: &str) -> Vec<String> {
        let all = self.result[what].as_array().into_iter().flatten();
        all.filter_map(|one| one["message"].as_str().map(str::to_owned))
            .collect()
    }

    /// What a rule says of the first workload: `fail warning app`.
    fn rows(&self, rule: &str) -> Vec<String> {
        let checks = self.result["workloads"][0]["checks"]
            .as_array()
            .into_iter()
            .flatten();
        let text = |value: &Value| value.as_str().map(|text| format!(" {text}")).unwrap_or_default();
        checks
            .filter(|check| check["rule"] == rule)
            .map(|check| {
                let status = check["status"].as_str().unwrap_or_default();
                format!("{status}{}{}", text(&check["severity"]), text(&check["subject"]))
            })
            .collect()
    }
}

fn example(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

#[test]
fn every_policy_is_taken_or_refused_as_the_table_says() {
    assert!(CASES.len() >= 40, "{}", CASES.len());
    let folder = tempfile::tempdir().expect("a folder");
    let mut faults = Vec::new();
    for case in CASES {
        let path = folder.path().join(format!("{}.yaml", case.name));
        fs::write(&path, case.manifest()).expect("a file");
        let checked = check(&[&path], &example("good.yaml"));
        let errors = checked.said("errors");
        let fine = match case.refused {
            None => checked.code == 0 && errors.is_empty(),
            Some(said) => checked.code == 2 && errors.iter().any(|error| error.contains(said)),
        };
        if !fine {
            faults.push(format!("{}: exit {}, {errors:?}", case.name, checked.code));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn an_error_names_the_policy_and_the_line_of_the_field() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("p.yaml");
    let text = "apiVersion: plimsoll.dev/v1alpha1\nkind: ResiliencePolicy\nmetadata:\n  name: p\nspec:\n  rules:\n    \
                - name: pod-spread\n      severity: Fatal\n";
    fs::write(&path, text).expect("a file");
    let checked = check(&[&path], &example("good.yaml"));
    let error = &checked.result["errors"][0];
    assert_eq!((&error["line"], checked.code), (&json!(8), 2), "{error}");
    let message = error["message"].as_str().expect("a message");
    assert!(
        message.starts_with("ResiliencePolicy p: spec.rules[0].severity must be one of"),
        "{message}"
    );
}

#[test]
fn a_policy_says_how_files_are_judged() {
    let one = example("one-replica.yaml");
    assert_eq!(check(&[], &one).rows("min-replicas"), ["fail warning"]);
    let folder = tempfile::tempdir().expect("a folder");
    let policy = |name: &str, spec: &str| {
        let text = format!(
            "apiVersion: plimsoll.dev/v1alpha1\nkind: ResiliencePolicy\nmetadata: {{name: {name}}}\nspec: {spec}\n"
        );
        let path = folder.path().join(format!("{name}.yaml"));
        fs::write(&path, text).expect("a file");
        path
    };
    let critical = policy("critical", "{rules: [{name: min-replicas, severity: Critical}]}");
    let checked = check(&[&critical], &one);
    assert_eq!(
        (checked.rows("min-replicas"), checked.code),
        (vec!["fail critical".to_owned()], 1)
    );
    let off = policy(
        "switched-off",
        "{priority: 1, rules: [{name: min-replicas, severity: \"Off\"}]}",
    );
    let checked = check(&[&critical, &off], &one);
    assert_eq!(
        (checked.rows("min-replicas"), checked.code),
        (vec!["notApplicable".to_owned()], 0)
    );
    let lock = policy("lock", "{rules: [{name: min-replicas, locked: true}]}");
    assert_eq!(
        check(&[&critical, &off, &lock], &one).rows("min-replicas"),
        ["fail critical"]
    );
    let elsewhere = policy(
        "elsewhere",
        "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}, priority: 9, \
         rules: [{name: min-replicas, severity: Info}]}",
    );
    assert_eq!(
        check(&[&critical, &elsewhere], &one).rows("min-replicas"),
        ["fail critical"]
    );
}

#[test]
fn a_directory_of_policies_is_read_and_the_examples_are_good() {
    let checked = check(&[&example("policies")], &example("good.yaml"));
    assert_eq!(
        (checked.code, checked.said("errors"), checked.said("notes")),
        (0, vec![], vec![])
    );
}

#[test]
fn a_rule_that_there_is_not_is_a_note_with_the_nearest_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("p.yaml");
    let text = "apiVersion: plimsoll.dev/v1alpha1\nkind: ResiliencePolicy\nmetadata: {name: p}\nspec:\n  rules:\n  \
                - {name: pod-spred, severity: Info}\n  - {name: co-located, severity: Info}\n";
    fs::write(&path, text).expect("a file");
    let checked = check(&[&path], &example("good.yaml"));
    assert_eq!(
        checked.said("notes"),
        [
            "ResiliencePolicy p: no rule is called pod-spred: did you mean pod-spread?",
            "ResiliencePolicy p: no rule is called co-located: co-located is a detector, and this is for rules only"
        ]
    );
    assert_eq!(checked.code, 0);
}

#[test]
fn a_policy_among_what_is_checked_is_not_in_force_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = fs::read_to_string(example("one-replica.yaml")).expect("an example")
        + "---\napiVersion: plimsoll.dev/v1alpha1\nkind: ResiliencePolicy\nmetadata: {name: p}\nspec: {rules: \
           [{name: min-replicas, severity: \"Off\"}]}\n";
    let path = folder.path().join("all.yaml");
    fs::write(&path, text).expect("a file");
    let checked = check(&[], &path);
    assert_eq!(checked.rows("min-replicas"), ["fail warning"]);
    assert_eq!(
        checked.said("notes"),
        ["ResiliencePolicy p is not in force here; name its file with --policy to judge by it"]
    );
}

#[test]
fn a_path_without_any_policy_is_an_error() {
    let checked = check(&[&example("one-replica.yaml")], &example("good.yaml"));
    assert_eq!(
        checked.said("errors"),
        ["holds no ResiliencePolicy; name a file that does"]
    );
    assert_eq!(checked.code, 2);
}
