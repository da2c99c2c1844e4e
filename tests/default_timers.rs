//! The one lane in which nothing is scaled: Kubernetes' own 50 s of grace, Leases renewed every 10 s, the operator's default
//! durations. It takes two minutes, so it asks one question.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use plimsoll_kit::{Node, Operator, Options, Plane};
use serde_json::Value;

/// Longer than a silence takes to be marked, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Prints a measured figure, also when the test passes: libtest only captures the macros.
fn tell(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr is there");
}

fn is_unknown(plane: &Plane, node: &str) -> bool {
    let path = r#"-o=jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
    plane
        .kubectl(&["get", "node", node, path])
        .is_ok_and(|ready| ready == "Unknown")
}

/// The message of an active finding on a node.
fn told(plane: &Plane, node: &str, rule: &str) -> Option<String> {
    let report = plane
        .get(&["clusterresiliencereport", &format!("node-{node}")])
        .ok()?;
    let findings = report["status"]["findings"].as_array()?;
    let finding = findings
        .iter()
        .find(|f| f["rule"] == rule && f["state"] == "Active")?;
    finding["message"].as_str().map(str::to_owned)
}

#[test]
fn with_default_timers_a_gap_is_told_half_a_minute_before_kubernetes_marks_the_node() {
    let plane = Plane::start(Options::real_timers()).expect("a plane starts");
    let nodes =
        [("n1", "a"), ("n2", "a"), ("n3", "b"), ("n4", "b")].map(|(name, zone)| Node::new(name, zone));
    plane.add_nodes(&nodes).expect("nodes join");
    let joined = Instant::now();
    plane
        .install_chart(&[] as &[&str])
        .expect("helm installs the chart");
    let binary = Path::new(env!("CARGO_BIN_EXE_plimsoll"));
    let mut operator = Operator::start(&plane, binary, 0, &[]).expect("the operator starts");
    operator.wait_ready(PATIENCE).expect("the operator becomes ready");
    // A younger node is not judged.
    std::thread::sleep(Duration::from_secs(61).saturating_sub(joined.elapsed()));

    plane.silence("n1").expect("silenced");
    let silent = Instant::now();
    let (mut gap, mut marked) = (None, None);
    while silent.elapsed() < PATIENCE && (gap.is_none() || marked.is_none()) {
        if gap.is_none() {
            gap = told(&plane, "n1", "heartbeat-gap").map(|message| (silent.elapsed(), message));
        }
        if marked.is_none() && is_unknown(&plane, "n1") {
            marked = Some(silent.elapsed());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let (gap, message) = gap.expect("the gap is told");
    let marked = marked.expect("the node is marked");
    tell(&format!(
        "heartbeat-gap {gap:.1?} after a node was silenced, Ready=Unknown after {marked:.1?} (default timers): {message}"
    ));
    // The last heartbeat was up to 10 s before the silence.
    assert!(gap <= Duration::from_secs(30), "{gap:?}");
    assert!(gap + Duration::from_secs(10) < marked, "{gap:?} {marked:?}");
    let others: Value = plane
        .get(&["clusterresiliencereports"])
        .expect("reports can be read");
    let others = others["items"].as_array().cloned().unwrap_or_default();
    let names: Vec<&Value> = others.iter().map(|report| &report["metadata"]["name"]).collect();
    assert_eq!(names, ["node-n1"], "nothing is told of any other");
}
