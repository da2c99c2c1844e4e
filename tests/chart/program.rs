//! The Deployment's arguments and environment, against the program's own command line.

use super::*;

fn container() -> Value {
    let objects = documents(&render(&["crds.enabled=false", "operator.timeScale=0.5"]).expect("it renders"));
    find(&objects, "Deployment", "plimsoll")["spec"]["template"]["spec"]["containers"][0].clone()
}

/// The variables, those of the pod's fields with made-up values.
fn environment(container: &Value) -> Vec<(&str, &str)> {
    let variables = container["env"].as_array().expect("variables").iter();
    variables
        .map(|variable| {
            let name = variable["name"].as_str().expect("a name");
            (name, variable["value"].as_str().unwrap_or("made-up"))
        })
        .collect()
}

#[test]
fn the_help_names_every_variable_of_the_deployment() {
    let container = container();
    let output = Command::new(PLIMSOLL)
        .args(strings(&container["args"]))
        .arg("--help")
        .output()
        .expect("plimsoll runs");
    assert!(output.status.success());
    let help = text(&output.stdout);
    let words: BTreeSet<&str> = help
        .split(|c: char| !c.is_ascii_uppercase() && c != '_')
        .collect();
    for (name, _) in environment(&container) {
        assert!(words.contains(name), "{name} is not in\n{help}");
    }
}

#[test]
fn the_program_takes_every_value_of_the_deployment() {
    let container = container();
    let output = Command::new(PLIMSOLL)
        .args(strings(&container["args"]))
        .args(["--kubeconfig", "/no/such/file"])
        .env_clear()
        .envs(environment(&container))
        .output()
        .expect("plimsoll runs");
    assert!(!output.status.success());
    // It came past its command line: what it complains about is the cluster (or the port, where that is taken).
    let said = text(&output.stderr);
    assert!(
        said.contains("/no/such/file") || said.contains("0.0.0.0:8080"),
        "{said}"
    );
    assert!(!said.contains("--help"), "{said}");
}
