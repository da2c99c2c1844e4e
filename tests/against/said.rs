//! What the command line says of manifests and of the plane as it is; many namespaces at once.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::world::World;

/// `plimsoll check` of these objects, as one file.
pub(crate) fn check(objects: &[Value]) -> Value {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    answer(
        &["check", "-o", "json", "--fail-on", "never", "-"],
        &list.to_string(),
    )
}

/// `plimsoll check --live` of some namespaces.
pub(crate) fn check_live(world: &World, namespaces: &[&str]) -> Value {
    let kubeconfig = world.plane.kubeconfig().to_str().expect("a path in UTF-8");
    let mut args = vec![
        "check",
        "--live",
        "-o",
        "json",
        "--fail-on",
        "never",
        "--kubeconfig",
        kubeconfig,
    ];
    args.extend(namespaces.iter().flat_map(|namespace| ["-n", namespace]));
    answer(&args, "")
}

fn answer(args: &[&str], input: &str) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the command runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A string, or nothing.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Waits until pods can be created in these namespaces: their default service accounts are there.
pub(crate) fn usable(world: &World, namespaces: &[Value]) {
    let wanted: BTreeSet<String> = namespaces.iter().map(|o| text(&o["metadata"]["name"])).collect();
    world.eventually("default service accounts", |world| {
        let field = "--field-selector=metadata.name=default";
        let accounts = world.plane.get(&["serviceaccounts", "-A", field]);
        let accounts = accounts.map_err(|error| error.to_string())?;
        let items = accounts["items"].as_array().into_iter().flatten();
        let there: BTreeSet<String> = items.map(|a| text(&a["metadata"]["namespace"])).collect();
        let missing: Vec<&String> = wanted.difference(&there).collect();
        missing
            .is_empty()
            .then_some(())
            .ok_or_else(|| format!("none in {missing:?}"))
    });
}

/// Deletes namespaces without waiting.
pub(crate) fn forget(world: &World, namespaces: &[Value]) {
    let names: Vec<String> = namespaces.iter().map(|o| text(&o["metadata"]["name"])).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let args = [&["delete", "namespace", "--wait=false"], names.as_slice()].concat();
    world.plane.kubectl(&args).expect("they go");
}
