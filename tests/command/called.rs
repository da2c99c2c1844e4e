//! How the command is called, and what it says to those who mistype: names, the plugin, completions, man pages, the hook.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use plimsoll_kit::{Tool, rig};
use rstest::rstest;
use serde_json::Value;

use super::{PLIMSOLL, Ran, World, web};

#[rstest]
#[case::a_subcommand(&["chekc"], "a similar subcommand exists: 'check'")]
#[case::a_flag(&["check", "--ouput", "json", "."], "a similar argument exists: '--output'")]
#[case::a_value(&["check", "-o", "jsno", "."], "a similar value exists: 'json'")]
#[case::a_rule(&["check", "--rules", "memory-limit,pod-sprad", "."], "no rule is called so; did you mean pod-spread?")]
#[case::a_rule_to_explain(&["explain", "pod-sprad"], "did you mean pod-spread?")]
#[case::a_version(&["check", "--kubernetes-version", "latest", "."], "no version of Kubernetes; write it as 1.36")]
#[case::no_input(
    &["check"],
    "nothing to check: name files or directories, - for standard input, or --live for a cluster, such as: plimsoll check ."
)]
#[case::all_and_one(&["check", "-A", "-n", "shop", "."], "cannot be used with")]
fn a_mistake_is_answered_with_what_was_meant(#[case] arguments: &[&str], #[case] said: &str) {
    if !cfg!(feature = "operator") && said.contains("--live") {
        return;
    }
    let ran = World::new().run(arguments);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn only_the_rules_that_were_asked_for_answer() {
    let world = World::new();
    world.write("web.yaml", &web("web"));
    let rules = |arguments: &[&str]| -> Vec<String> {
        let document = world.check(&[arguments, &["web.yaml"]].concat());
        let checks = document["workloads"][0]["checks"]
            .as_array()
            .expect("a list")
            .clone();
        let mut rules: Vec<String> = checks
            .iter()
            .map(|c| c["rule"].as_str().expect("a name").to_owned())
            .collect();
        rules.dedup();
        rules
    };
    assert_eq!(
        rules(&["--rules", "pod-spread,memory-limit"]),
        ["memory-limit", "pod-spread"]
    );
    assert_eq!(rules(&["--rules", "min-replicas"]), ["min-replicas"]);
    assert_eq!(rules(&[]).len(), plimsoll::rules::RULES.len());
    let ran = world.run(&["check", "--rules", "min-replicas", "web.yaml"]);
    assert_eq!(
        ran.code,
        Some(0),
        "what is not asked for does not count: {}",
        ran.stdout
    );
}

#[test]
fn as_a_plugin_it_speaks_of_itself_as_kubectl_calls_it() {
    let world = World::new();
    world.link("kubectl-plimsoll", Path::new(PLIMSOLL));
    let plugin = world.path("bin/kubectl-plimsoll");
    let run =
        |arguments: &[&str]| Ran::of(&world.command(&plugin).args(arguments).output().expect("it runs"));
    assert!(
        run(&["--help"])
            .stdout
            .contains("Usage: kubectl plimsoll <COMMAND>")
    );
    assert!(
        run(&["check", "--help"])
            .stdout
            .contains("Usage: kubectl plimsoll check")
    );
    let said = run(&["explain", "pod-sprad"]).stderr;
    assert!(
        said.starts_with("kubectl plimsoll: ") && said.contains("kubectl plimsoll rules lists"),
        "{said}"
    );
    assert!(
        run(&["check"])
            .stderr
            .contains("such as: kubectl plimsoll check .")
    );
    assert!(
        world
            .run(&["--help"])
            .stdout
            .contains("Usage: plimsoll <COMMAND>")
    );
}

#[test]
fn the_real_kubectl_finds_the_plugin() {
    let world = World::new();
    world.link("kubectl-plimsoll", Path::new(PLIMSOLL));
    world.write("web.yaml", &web("web"));
    let kubectl = rig::find_or_build(Tool::Kubectl).expect("the rig's binary");
    let output = world
        .command(kubectl)
        .args(["plimsoll", "check", "-o", "json", "web.yaml"])
        .output();
    let ran = Ran::of(&output.expect("kubectl runs"));
    let document: Value = serde_json::from_str(&ran.stdout).expect("one JSON document");
    assert_eq!(
        (ran.code, &document["workloads"][0]["name"]),
        (Some(1), &"web".into()),
        "{}",
        ran.stderr
    );
}

#[rstest]
fn completions_are_there_for_every_shell(
    #[values("bash", "zsh", "fish", "powershell", "elvish")] shell: &str,
) {
    let ran = World::new().run(&["completions", shell]);
    assert_eq!(ran.code, Some(0));
    for word in ["explain", "kubernetes-version"] {
        assert!(ran.stdout.contains(word), "{word}: {}", ran.stdout);
    }
}

#[test]
fn bash_completes_a_subcommand() {
    let world = World::new();
    let script = world.run(&["completions", "bash"]).stdout;
    let script = format!(
        "{script}\nCOMP_WORDS=(plimsoll expl); COMP_CWORD=1; _plimsoll plimsoll expl plimsoll; echo \"${{COMPREPLY[@]}}\""
    );
    let output = world
        .command("/bin/bash")
        .args(["--norc", "-c", &script])
        .stdin(Stdio::null())
        .output();
    let ran = Ran::of(&output.expect("bash runs"));
    assert_eq!(ran.stdout.trim(), "explain", "{}", ran.stderr);
}

#[test]
fn man_pages_are_printed_or_written() {
    let world = World::new();
    let page = world.run(&["man"]).stdout;
    assert!(
        page.contains(".TH plimsoll 1") && page.contains("check"),
        "{page}"
    );
    assert_eq!(world.run(&["man", "--dir", "man"]).code, Some(0));
    assert!(world.read("man/plimsoll-check.1").contains("fail\\-on"));
}

/// The hook's entry is a command line that this program takes.
#[test]
fn the_pre_commit_hook_calls_a_command_that_there_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml");
    let hooks: Value = serde_saphyr::from_str(&fs::read_to_string(path).expect("a file")).expect("YAML");
    let hooks = hooks.as_array().expect("a list");
    assert!(!hooks.is_empty());
    for hook in hooks {
        let words: Vec<&str> = hook["entry"].as_str().expect("a command").split(' ').collect();
        let arguments = hook["args"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|a| a.as_str().expect("text"));
        let arguments: Vec<&str> = words[1..].iter().copied().chain(arguments).collect();
        assert_eq!(
            (words[0], &hook["pass_filenames"]),
            ("plimsoll", &Value::Bool(false))
        );
        let world = World::new();
        world.write("web.yaml", &web("web"));
        let ran = world.run(&arguments);
        assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("shop/web"), "{}", ran.stdout);
    }
}

#[cfg(feature = "operator")]
#[rstest]
#[case::another_context(&["--context", "prd"], "kubeconfig kubeconfig: no context is called \"prd\"; it has prod and test\n")]
#[case::nobody_there(&[], "the cluster's version cannot be read: ")]
fn a_cluster_that_cannot_be_read_is_told_with_the_way_out(#[case] arguments: &[&str], #[case] said: &str) {
    let world = World::new();
    let kubeconfig = "apiVersion: v1\nkind: Config\ncurrent-context: prod\ncontexts:\n\
                      - {name: prod, context: {cluster: c, user: u}}\n- {name: test, context: {cluster: c, user: u}}\n\
                      clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\nusers: [{name: u, user: {}}]\n";
    world.write("kubeconfig", kubeconfig);
    let ran = world.run(&[&["check", "--live", "--kubeconfig", "kubeconfig"], arguments].concat());
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.starts_with(&format!("plimsoll: {said}")),
        "{}",
        ran.stderr
    );
}
