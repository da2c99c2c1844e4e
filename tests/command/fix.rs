//! `check --fix` and `--diff` on files such as people have: what is fixed passes, and everything else stays as it was.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use plimsoll_kit::{Tool, rig};
use rstest::rstest;
use serde_json::{Value, json};

use super::shapes::{Around, SHAPES, Shape, shape};
use super::{PLIMSOLL, Ran, World, web};

/// A few hundred shapes, each in a file of its own.
fn shapes(step: usize) -> Vec<(String, Shape)> {
    let all = (0..SHAPES)
        .step_by(step)
        .map(|number| (format!("web-{number}"), shape(number)));
    all.collect()
}

fn file(name: &str, shape: &Shape) -> String {
    let extension = if shape.is_json() { "json" } else { "yaml" };
    format!("files/{name}.{extension}")
}

/// Workloads and rules that fail with a patch as their remedy.
fn patchable(document: &Value) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for workload in document["workloads"].as_array().expect("a list") {
        for check in workload["checks"].as_array().expect("a list") {
            if check["remedy"]["patch"].is_object() {
                let name = workload["name"].as_str().expect("a name").to_owned();
                found.insert((name, check["rule"].as_str().expect("a rule").to_owned()));
            }
        }
    }
    found
}

/// The comments that the shapes have, in their order.
fn comments(text: &str) -> Vec<&str> {
    let marks = ["# comment ", "# Copyright", "# the "];
    let of = |line| {
        marks
            .iter()
            .find_map(|mark| str::find(line, mark))
            .map(|at| line[at..].trim_end())
    };
    text.lines().filter_map(of).collect()
}

/// Every document, without what remedies may have changed.
fn rest(text: &str) -> Vec<Value> {
    let mut documents: Vec<Value> = serde_saphyr::from_multiple(text).expect("YAML");
    documents.iter_mut().for_each(strip);
    documents
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let changed = [
                "limits",
                "requests",
                "resources",
                "topologySpreadConstraints",
                "strategy",
                "replicas",
            ];
            let added = ["readinessProbe", "terminationGracePeriodSeconds"];
            fields.retain(|key, _| !changed.contains(&key.as_str()) && !added.contains(&key.as_str()));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

#[test]
fn hundreds_of_files_are_fixed_and_keep_what_is_theirs() {
    let world = World::new();
    let shapes = shapes(97);
    assert!(shapes.len() >= 200, "{}", shapes.len());
    for (name, shape) in &shapes {
        world.write(&file(name, shape), &shape.write(name));
    }
    let before = patchable(&world.check(&["files"]));
    assert!(
        before.len() >= 2 * shapes.len(),
        "a limit and a spread each: {}",
        before.len()
    );

    let ran = world.run(&["check", "--fix", "--fail-on", "never", "files"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for line in ran.stderr.lines().filter(|line| line.contains("not fixed: ")) {
        assert!(
            line.contains(": the file is JSON, which holds one object; "),
            "{line}"
        );
    }
    let after = world.check(&["files"]);
    assert_eq!(after["errors"], json!([]));
    assert_eq!(patchable(&after), BTreeSet::new(), "what was fixed passes");

    for (name, shape) in &shapes {
        let (old, new) = (shape.write(name), world.read(&file(name, shape)));
        assert_eq!(comments(&new), comments(&old), "{old}\n=== became\n{new}");
        let (before, after) = (rest(&old), rest(&new));
        let (own, added) = after.split_at(before.len());
        assert_eq!(own, before, "{old}\n=== became\n{new}");
        let is_budget = |document: &Value| document["kind"] == "PodDisruptionBudget";
        assert!(added.len() <= 1 && added.iter().all(is_budget), "{new}");
        let feeds = |text: &str| text.matches("\r\n").count() == text.matches('\n').count();
        assert_eq!(feeds(&new), feeds(&old), "line ends: {name} {shape:?}");
        assert_eq!(
            new.ends_with('\n'),
            old.ends_with('\n') || !added.is_empty(),
            "{new}"
        );
        let lines = similar::TextDiff::from_lines(&old, &new);
        let gone = lines
            .iter_all_changes()
            .filter(|change| change.tag() == similar::ChangeTag::Delete)
            .count();
        assert!(gone <= 12, "{gone} lines gone\n{old}\n=== became\n{new}");
    }

    let texts: Vec<String> = shapes
        .iter()
        .map(|(name, shape)| world.read(&file(name, shape)))
        .collect();
    let ran = world.run(&["check", "--fix", "--fail-on", "never", "files"]);
    assert!(
        ran.stderr.contains("\n0 findings fixed in 0 files") || ran.stderr.starts_with("0 findings fixed"),
        "{}",
        ran.stderr
    );
    for ((name, shape), text) in shapes.iter().zip(&texts) {
        assert_eq!(
            &world.read(&file(name, shape)),
            text,
            "fixing twice changes nothing"
        );
    }
}

/// The API server's own merge, by `kubectl patch --local`.
#[test]
fn a_fixed_file_is_what_kubectl_makes_of_the_patch() {
    let kubectl = rig::find_or_build(Tool::Kubectl).expect("the rig's binary");
    let world = World::new();
    let alone = |(_, shape): &(String, Shape)| shape.around == Around::Nothing;
    let shapes: Vec<_> = shapes(97).into_iter().filter(alone).collect();
    assert!(shapes.len() > 50, "{}", shapes.len());
    for (name, shape) in &shapes {
        let path = file(name, shape);
        world.write(&path, &shape.write(name));
        let document = world.check(&["--rules", "pod-spread", &path]);
        let patch = document["workloads"][0]["checks"][0]["remedy"]["patch"].to_string();
        let arguments = [
            "patch",
            "--local",
            "-f",
            &path,
            "--type",
            "strategic",
            "-o",
            "json",
            "-p",
            &patch,
        ];
        let ran = Ran::of(
            &world
                .command(&kubectl)
                .args(arguments)
                .output()
                .expect("kubectl runs"),
        );
        let expected: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}", ran.stderr));
        world.run(&["check", "--fix", "--rules", "pod-spread", &path]);
        let fixed: Vec<Value> = serde_saphyr::from_multiple(&world.read(&path)).expect("YAML");
        // kubectl fills in what its types do not leave out.
        assert_eq!(
            fixed[0]["spec"]["template"]["spec"]["topologySpreadConstraints"],
            expected["spec"]["template"]["spec"]["topologySpreadConstraints"],
            "{path}"
        );
        let image = |object: &Value| object["spec"]["template"]["spec"]["containers"][0]["image"].clone();
        assert_eq!(image(&fixed[0]), image(&expected));
    }
}

#[test]
fn the_diff_applied_is_what_fix_writes() {
    let world = World::new();
    for (name, shape) in &shapes(397) {
        world.write(&file(name, shape), &shape.write(name));
    }
    let copy = |from: &str, to: &str| {
        let copied = Command::new("cp")
            .args(["-r", from, to])
            .current_dir(world.directory.path())
            .status();
        assert!(copied.expect("cp runs").success());
    };
    copy("files", "kept");
    let ran = world.run(&["check", "--diff", "files"]);
    assert_eq!(ran.code, Some(1), "findings are there still: {}", ran.stderr);
    for entry in fs::read_dir(world.path("kept")).expect("a directory") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        assert_eq!(
            world.read(&format!("kept/{name}")),
            world.read(&format!("files/{name}")),
            "nothing is changed"
        );
    }
    fs::create_dir(world.path("apply")).expect("a directory");
    copy("files", "apply/files");
    let mut git = Command::new("git")
        .args(["apply", "--whitespace=nowarn", "-"])
        .current_dir(world.path("apply"))
        .env("GIT_CEILING_DIRECTORIES", world.directory.path())
        .stdin(Stdio::piped())
        .spawn()
        .expect("git runs");
    git.stdin
        .take()
        .expect("a pipe")
        .write_all(ran.stdout.as_bytes())
        .expect("written");
    assert!(git.wait().expect("git ends").success());
    world.run(&["check", "--fix", "files"]);
    for entry in fs::read_dir(world.path("files")).expect("a directory") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        assert_eq!(
            world.read(&format!("apply/files/{name}")),
            world.read(&format!("files/{name}")),
            "{name}"
        );
    }
}

#[test]
fn what_was_changed_is_told_by_file_and_line() {
    let world = World::new();
    world.write("web.yaml", &web("web"));
    let ran = world.run(&["check", "--fix", "--rules", "memory-limit", "web.yaml"]);
    let told = "web.yaml:12: fixed: memory-limit of Deployment shop/web, app\n1 finding fixed in 1 file\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), told), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("nothing found"),
        "judged again: {}",
        ran.stdout
    );
    let fixed = web("web").replace(
        "{requests: {memory: 256Mi}}",
        "{requests: {memory: 256Mi}, limits: {memory: 512Mi}}",
    );
    assert_eq!(world.read("web.yaml"), fixed);
}

#[test]
fn only_what_is_asked_for_is_fixed() {
    let world = World::new();
    let other = web("till").replace("shop", "till");
    world.write("web.yaml", &format!("{}---\n{other}", web("web")));
    world.run(&[
        "check",
        "--fix",
        "--rules",
        "memory-limit",
        "-n",
        "till",
        "web.yaml",
    ]);
    let text = world.read("web.yaml");
    assert!(text.starts_with(&format!("{}---\n", web("web"))), "{text}");
    assert_eq!(
        (
            text.matches("limits").count(),
            text.matches("topologySpread").count()
        ),
        (1, 0),
        "{text}"
    );
}

#[test]
fn standard_input_is_shown_and_never_edited() {
    let world = World::new();
    let ran = world.run(&["check", "--fix", "-"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("print the changes with --diff"),
        "{}",
        ran.stderr
    );
    let mut child = world
        .command(PLIMSOLL)
        .args(["check", "--diff", "--rules", "memory-limit", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("plimsoll runs");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(web("web").as_bytes())
        .expect("written");
    let ran = Ran::of(&child.wait_with_output().expect("it ends"));
    assert!(
        ran.stdout.starts_with("--- a/stdin\n+++ b/stdin\n@@ "),
        "{}",
        ran.stdout
    );
    assert_eq!(
        ran.stdout.lines().filter(|line| line.starts_with('+')).count(),
        2,
        "{}",
        ran.stdout
    );
}

#[rstest]
#[case::helm(
    "shop/Chart.yaml",
    "helm",
    "is rendered from a Helm chart; change the chart's values"
)]
#[case::kustomize(
    "shop/kustomization.yaml",
    "kustomize",
    "is built by kustomize; fix the base's file"
)]
fn what_a_program_made_is_not_edited(#[case] mark: &str, #[case] program: &str, #[case] why: &str) {
    let world = World::new();
    world.write(mark, "");
    world.write("out.yaml", &web("web"));
    world.write("good.yaml", &web("good"));
    world.program(program, "/bin/cat \"${0%/bin/*}/out.yaml\"");
    let ran = world.run(&["check", "--fix", "--rules", "memory-limit", "shop", "good.yaml"]);
    assert!(
        ran.stderr
            .contains("not fixed: memory-limit of Deployment shop/web, app: ")
            && ran.stderr.contains(why),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.ends_with("1 finding fixed in 1 file; 1 not fixed\n"),
        "{}",
        ran.stderr
    );
    assert_eq!((ran.code, world.read("out.yaml")), (Some(1), web("web")));
}

#[test]
fn an_alias_is_refused_by_name_and_the_rest_is_fixed() {
    let world = World::new();
    let shared = "x: &resources {requests: {memory: 256Mi}}\n".to_owned()
        + &web("web").replace("{requests: {memory: 256Mi}}", "*resources");
    world.write("shared.yaml", &shared);
    world.write("good.yaml", &web("good"));
    let ran = world.run(&[
        "check",
        "--fix",
        "--rules",
        "memory-limit",
        "shared.yaml",
        "good.yaml",
    ]);
    let why = "spec.template.spec.containers[app].resources is an alias: what it stands for stands elsewhere; write it out, or \
               change it by hand";
    assert!(ran.stderr.contains(why), "{}", ran.stderr);
    assert_eq!((ran.code, world.read("shared.yaml")), (Some(1), shared));
    assert!(world.read("good.yaml").contains("512Mi"));
}

#[test]
fn a_file_that_may_not_be_written_is_named_and_the_others_are_fixed() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let path = world.write("locked.yaml", &web("locked"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o444)).expect("rights");
    world.write("good.yaml", &web("good"));
    let ran = world.run(&[
        "check",
        "--fix",
        "--rules",
        "memory-limit",
        "locked.yaml",
        "good.yaml",
    ]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr
            .contains("locked.yaml: not written: the file may not be written; give that right"),
        "{}",
        ran.stderr
    );
    assert_eq!(world.read("locked.yaml"), web("locked"));
    assert!(world.read("good.yaml").contains("512Mi"));
}
