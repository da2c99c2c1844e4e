//! What people see of reports with the real kubectl: tables, columns, pages, explanations, and what can be waited for.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::cases::{budget, container, good};
use crate::world::{World, world};

const NAMESPACE: &str = "shown";

/// `web` keeps its replicas on nodes of two zones and has an owner; `one` lacks most of what is asked for; `idle` is off.
fn workloads() -> Vec<Value> {
    let mut web = good("Deployment", NAMESPACE, "web");
    web["metadata"]["annotations"] = json!({
        "plimsoll.dev/owner": "team-web",
        "plimsoll.dev/runbook": "https://wiki.example.com/web",
        "plimsoll.dev/criticality": "Customer",
    });
    let zones = json!({ "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": { "matchLabels": { "app": "web" } } });
    web["spec"]["template"]["spec"]["topologySpreadConstraints"] = json!([zones]);
    let mut one = good("Deployment", NAMESPACE, "one");
    one["spec"]["replicas"] = 1.into();
    one["spec"]["template"]["spec"]["containers"] = json!([container("app")]);
    let mut idle = good("StatefulSet", NAMESPACE, "idle");
    idle["spec"]["replicas"] = 0.into();
    let space = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
    vec![space, web, one, idle, budget(NAMESPACE, "web")]
}

fn kubectl(world: &World, arguments: &[&str]) -> String {
    let all = [arguments, &["-n", NAMESPACE]].concat();
    world
        .plane
        .kubectl(&all)
        .unwrap_or_else(|error| panic!("kubectl {}: {error}", arguments.join(" ")))
}

/// What differs from run to run, made alike.
fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    for (what, stands) in [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[time]"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[uid]"),
        (r"Resource Version: +\d+", "Resource Version: [version]"),
        (r"\b\d\d:\d\d:\d\dZ", "[time]"),
        // The age, last on its line.
        (r"(?m)\b(\d+[smh])+$", "[age]"),
    ] {
        settings.add_filter(what, stands);
    }
    settings
}

#[test]
fn kubectl_shows_reports_as_people_read_them() {
    let world = world();
    let _operator = world.ready_operator(0);
    world.apply(&workloads());
    let settled = |name: &str, verdict: &'static str, ready: &'static str| {
        world.report_shows(NAMESPACE, name, verdict, |report| {
            let status = &report.0["status"];
            status["verdict"] == verdict && status["placement"]["readyOfDesired"] == ready
        })
    };
    settled("deployment-web", "Resilient", "2/2");
    settled("deployment-one", "AtRisk", "1/1");
    settled("statefulset-idle", "Resilient", "0/0");

    settings().bind(|| {
        assert_snapshot!("table", kubectl(&world, &["get", "resiliencereports"]));
        // The worst last, which is nearest to whoever asks.
        let sorted = ["get", "rr", "--sort-by=.status.summary.warning", "-o", "wide"];
        assert_snapshot!("wide_and_sorted", kubectl(&world, &sorted));
        assert_snapshot!("page", kubectl(&world, &["describe", "rr", "deployment-one"]));
        assert_snapshot!("explained", kubectl(&world, &["explain", "rr.status"]));
        assert_snapshot!(
            "a_finding_explained",
            kubectl(&world, &["explain", "rr.status.findings"])
        );
    });

    for (report, condition) in [
        ("rr/deployment-web", "SurvivesNodeLoss"),
        ("rr/deployment-web", "SurvivesZoneLoss"),
        ("rr/deployment-web", "Resilient"),
        ("rr/deployment-web", "Available"),
        ("rr/deployment-one", "SurvivesNodeLoss=False"),
        ("rr/deployment-one", "Resilient=False"),
    ] {
        let wait = format!("--for=condition={condition}");
        kubectl(&world, &["wait", &wait, report, "--timeout=10s"]);
    }
    let all = kubectl(&world, &["get", "plimsoll"]);
    assert!(
        all.contains("resiliencereport.plimsoll.dev/deployment-web"),
        "{all}"
    );

    world.nothing_was_forbidden();
    world
        .plane
        .kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"])
        .expect("cleaned up");
}
