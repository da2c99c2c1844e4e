//! `check --compare`: files against the cluster that they were applied to. What the API server fills in is no difference.

use std::process::Command;

use serde_json::{Value, json};

use crate::cases::{budget, good, hpa};
use crate::world::{World, world};

const NAMESPACE: &str = "compared";

fn compare(world: &World, file: &str) -> (Option<i32>, Value) {
    let context = world
        .plane
        .kubectl(&["config", "current-context"])
        .expect("a context");
    let cluster = format!("context:{}", context.trim());
    let ran = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args([
            "check",
            "-o",
            "json",
            "-n",
            NAMESPACE,
            "--compare",
            file,
            &cluster,
        ])
        .env("KUBECONFIG", world.plane.kubeconfig())
        .output()
        .expect("the command runs");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let document = serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    (ran.status.code(), document)
}

#[test]
fn a_cluster_differs_from_its_files_in_what_was_changed_and_nothing_else() {
    let world = world();
    let space = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
    let objects = [
        space,
        good("Deployment", NAMESPACE, "web"),
        good("StatefulSet", NAMESPACE, "db"),
        hpa(NAMESPACE, "web", "web", Some(2), 5),
        budget(NAMESPACE, "web"),
    ];
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string();
    let file = world.plane.dir().join("compared.json");
    std::fs::write(&file, &list).expect("a file");
    let file = file.to_str().expect("a path in UTF-8");
    world.plane.apply(&list).expect("the API server takes them");
    let (code, same) = compare(&world, file);
    assert_eq!(code, Some(0), "{same:#}");

    let scale = [
        "patch",
        "hpa",
        "web",
        "-n",
        NAMESPACE,
        "-p",
        r#"{"spec":{"minReplicas":1}}"#,
    ];
    world.plane.kubectl(&scale).expect("patched");
    let (code, document) = compare(&world, file);
    assert_eq!(code, Some(1), "{document:#}");
    let workloads = document["workloads"].as_array().into_iter().flatten();
    let told = workloads.filter(|w| w["differences"] != json!([]));
    let told: Vec<(&Value, &Value)> = told.map(|w| (&w["name"], &w["differences"])).collect();
    let floor = json!([{ "setting": "replicas, at least", "a": "2", "b": "1" }]);
    assert_eq!(
        told,
        [(&json!("web"), &floor)],
        "what was left alone is not told: {document:#}"
    );
    world
        .plane
        .kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"])
        .expect("cleaned up");
}
