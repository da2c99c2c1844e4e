//! iconik's story once more, with `plimsoll record` beside the operator: what the recording's replay tells is what the
//! operator told while it happened.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use plimsoll_kit::{Node, Recorder};
use serde_json::Value;

use crate::iconik::Story;
use crate::world::{Report, tell, world};

const NAMESPACE: &str = "recorded";
/// A node that no other test has silenced: a replay knows nothing of what was before the recording, the operator does.
const NODE: &str = "recorded-1";
/// How far a transition's time may differ between the two, in seconds: the loop of either may turn up to a second later
/// than that of the other (its tick), and reports hold whole seconds.
const TICK: i64 = 1;

/// One transition: of which object, which finding, what became of it, how bad, and when (whole seconds).
type Told = (String, String, String, String, i64);

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn second(value: &Value) -> i64 {
    text(value).parse::<Timestamp>().expect("a stamp").as_second()
}

/// What the operator's report tells.
fn live(object: &str, report: &Report) -> Vec<Told> {
    let timeline = report.0["status"]["timeline"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let told = |t: &Value| {
        (
            object.to_owned(),
            text(&t["id"]),
            text(&t["state"]),
            text(&t["severity"]),
            second(&t["at"]),
        )
    };
    timeline.iter().map(told).collect()
}

/// What the replay tells of an object.
fn replayed(document: &Value, kind: &str, namespace: &str, name: &str) -> Vec<Told> {
    let transitions = document["transitions"].as_array().expect("a list");
    let is_it = |t: &&Value| {
        let object = &t["object"];
        object["kind"] == kind && object["namespace"] == namespace && object["name"] == name
    };
    let told = |t: &Value| {
        (
            name.to_owned(),
            text(&t["id"]),
            text(&t["state"]),
            text(&t["severity"]),
            second(&t["at"]),
        )
    };
    transitions.iter().filter(is_it).map(told).collect()
}

fn replay(file: &Path) -> Value {
    let ran = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["replay", "-o", "json"])
        .arg(file)
        .output()
        .expect("the binary runs");
    let stdout = String::from_utf8(ran.stdout).expect("UTF-8");
    assert!(ran.status.success(), "{stdout}");
    serde_json::from_str(&stdout).expect("a JSON document")
}

/// Both tell the same, in the same order, at the same time to within a tick. Returns the largest difference.
fn compare(live: &[Told], replayed: &[Told]) -> i64 {
    let what = |all: &[Told]| {
        let line = |(object, id, state, severity, _): &Told| format!("{object} {id} {state} {severity}");
        all.iter().map(line).collect::<Vec<_>>()
    };
    assert!(live.len() >= 4, "the story has more to tell: {live:?}");
    assert_eq!(
        what(live),
        what(replayed),
        "\nlive {live:#?}\nreplayed {replayed:#?}"
    );
    let apart = live.iter().zip(replayed).map(|(a, b)| (a.4 - b.4).abs());
    let most = apart.max().unwrap_or_default();
    assert!(
        most <= TICK,
        "{most} s apart:\nlive {live:#?}\nreplayed {replayed:#?}"
    );
    most
}

#[test]
fn a_recording_replays_to_what_the_operator_told() {
    let world = world();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("recording.jsonl.gz");
    world
        .plane
        .add_nodes(&[Node::new(NODE, "c")])
        .expect("a node joins");
    // Until then it is not judged, because it has just joined.
    std::thread::sleep(Duration::from_secs(60).mul_f64(world.plane.time_scale()));
    let binary = Path::new(env!("CARGO_BIN_EXE_plimsoll"));
    let recorder = Recorder::start(&world.plane, binary, &file, "the plane's own").expect("it records");

    let story = Story::begin(&world, NAMESPACE, NODE);
    story.shows("co-located", |r| r.has("co-located"));
    story.silence("node-not-ready");
    story.revive();
    story.silence("node-limbo");
    story.revive();
    story.shows("serving again", |r| r.verdict() == "Degraded");
    // What the last look wrote is on record, and so is what led to it.
    std::thread::sleep(Duration::from_secs(2));
    recorder.stop().expect("it recorded to the end");
    let web = live("web", &story.shows("its end", |_| true));
    let node = live(NODE, &world.node_report(NODE).expect("a report on the node"));
    drop(story);
    world
        .plane
        .kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"])
        .expect("cleaned up");
    world.plane.remove_node(NODE).expect("cleaned up");

    let document = replay(&file);
    assert_eq!(document["errors"], serde_json::json!([]));
    let apart = [
        compare(&web, &replayed(&document, "Deployment", NAMESPACE, "web")),
        compare(&node, &replayed(&document, "Node", "", NODE)),
    ];
    tell(&format!(
        "replayed {} lines: {} and {} transitions as live, at most {} s apart",
        document["recording"]["lines"],
        web.len(),
        node.len(),
        apart[0].max(apart[1]),
    ));
    world.nothing_was_forbidden();
}
