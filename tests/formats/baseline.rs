//! `check --baseline` and `--write-baseline`, through the binary.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{inert, plimsoll};

const ONE: &str = "examples/one-replica.yaml";
const MORE: &str = "examples/sidecar-and-init.yaml";

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A baseline of these inputs.
fn written(directory: &TempDir, inputs: &[&str]) -> PathBuf {
    let file = directory.path().join("baseline.json");
    let mut args = vec!["check", "--write-baseline", text(&file)];
    args.extend(inputs);
    let ran = plimsoll(&args);
    assert_eq!(ran.code, 0, "all of it is known now: {}", ran.stdout);
    assert!(ran.stderr.ends_with(" written\n"), "{}", ran.stderr);
    assert!(ran.stdout.contains(": nothing new; "), "{}", ran.stdout);
    file
}

#[test]
fn what_is_known_is_counted_and_not_shown() {
    let directory = TempDir::new().expect("a directory");
    let file = written(&directory, &[ONE]);
    assert_eq!(plimsoll(&["check", ONE]).code, 1);
    let ran = plimsoll(&["check", "--baseline", text(&file), ONE]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    assert!(ran.stdout.contains(" known"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("warning"), "{}", ran.stdout);
}

#[test]
fn what_is_new_is_shown_and_fails() {
    let directory = TempDir::new().expect("a directory");
    let file = written(&directory, &[ONE]);
    let ran = plimsoll(&["check", "--baseline", text(&file), ONE, MORE]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout.contains("default/checkout") && ran.stdout.contains("sidecar proxy"),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("warning   min-replicas"), "{}", ran.stdout);
}

#[test]
fn a_finding_is_known_wherever_its_file_and_line_have_gone() {
    let directory = TempDir::new().expect("a directory");
    let file = written(&directory, &[ONE]);
    let moved = directory.path().join("moved.yaml");
    let manifest = fs::read_to_string(ONE).expect("an example");
    fs::write(&moved, format!("# A line more.\n\n{manifest}")).expect("a file");
    assert_eq!(
        plimsoll(&["check", "--baseline", text(&file), text(&moved)]).code,
        0
    );
}

#[test]
fn every_format_tells_what_is_known_and_what_is_fixed() {
    let directory = TempDir::new().expect("a directory");
    let file = written(&directory, &[ONE, MORE]);
    let checked = |format| {
        let args = ["check", "-o", format, "--baseline", text(&file), MORE];
        let ran = plimsoll(&args);
        assert_eq!(ran.code, 0, "{}", ran.stdout);
        ran.stdout
    };
    let document: Value = serde_json::from_str(&checked("json")).expect("JSON");
    let known = document["summary"]["known"].as_u64().expect("a number");
    let fixed = document["summary"]["fixed"].as_u64().expect("a number");
    assert!(known > 0 && fixed > 0, "{}", document["summary"]);
    assert_eq!(document["summary"]["warning"], json!(0));
    let checks = document["workloads"][0]["checks"].as_array().expect("a list");
    let marked = checks.iter().filter(|check| check["known"] == json!(true));
    assert_eq!(marked.count() as u64, known);
    let log = inert::sarif_schema(&checked("sarif"));
    let results = log["runs"][0]["results"].as_array().expect("a list");
    let unchanged = results
        .iter()
        .filter(|result| result["baselineState"] == "unchanged");
    assert_eq!(unchanged.count() as u64, known);
    assert!(checked("junit").contains("failures=\"0\""));
    let told = format!("fixed: {fixed} of its findings no longer occur");
    for format in ["table", "yaml", "sarif", "junit", "github", "markdown"] {
        let printed = checked(format);
        let words: Vec<&str> = printed.split_whitespace().collect();
        assert!(words.join(" ").contains(&told), "{printed}");
    }
}

#[test]
fn the_same_findings_make_the_same_file() {
    let directory = TempDir::new().expect("a directory");
    let first = fs::read_to_string(written(&directory, &[ONE, MORE])).expect("a file");
    let second = fs::read_to_string(written(&directory, &[MORE, ONE])).expect("a file");
    assert_eq!(first, second);
}

#[test]
fn a_baseline_that_is_none_is_told_with_the_way_out() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("b.json");
    let said = |file: &Path| {
        let ran = plimsoll(&["check", "--baseline", text(file), ONE]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
        ran.stderr.replace(text(directory.path()), "…")
    };
    let missing = said(&file);
    assert!(
        missing.starts_with("plimsoll: …/b.json: cannot be read: "),
        "{missing}"
    );
    assert!(
        missing.ends_with("; write it first with --write-baseline\n"),
        "{missing}"
    );
    fs::write(&file, "{\"findings\": [\n  7]}").expect("a file");
    let broken = said(&file);
    assert!(
        broken.starts_with("plimsoll: …/b.json:2:3: is no baseline: "),
        "{broken}"
    );
    assert!(
        broken.ends_with("; write it anew with --write-baseline\n"),
        "{broken}"
    );
    let nowhere = plimsoll(&["check", "--write-baseline", "/nowhere/b.json", ONE]);
    assert_eq!(nowhere.code, 2);
    assert!(
        nowhere.stderr.contains("cannot write /nowhere/b.json"),
        "{}",
        nowhere.stderr
    );
}
