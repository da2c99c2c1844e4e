//! iconik's story once more, with `plimsoll record` beside the operator: what the recording's replay tells is what the
//! operator told while it happened.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use plimsoll_kit::{Node, Recorder};
use serde_json::{Value, json};

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

/// Both tell the same of every finding, in the same order, at the same time to within a tick (so what two findings tell
/// within one tick may come in either order: the Service that one waits for is seen a turn earlier by the one or the
/// other). Returns the largest difference.
fn compare(mut live: Vec<Told>, mut replayed: Vec<Told>) -> i64 {
    live.sort_by(|a, b| a.1.cmp(&b.1));
    replayed.sort_by(|a, b| a.1.cmp(&b.1));
    let what = |all: &[Told]| {
        let line = |(object, id, state, severity, _): &Told| format!("{object} {id} {state} {severity}");
        all.iter().map(line).collect::<Vec<_>>()
    };
    assert!(live.len() >= 4, "the story has more to tell: {live:?}");
    assert_eq!(
        what(&live),
        what(&replayed),
        "\nlive {live:?}\nreplayed {replayed:?}"
    );
    let apart = live.iter().zip(&replayed).map(|(a, b)| (a.4 - b.4).abs());
    let most = apart.max().unwrap_or_default();
    assert!(
        most <= TICK,
        "{most} s apart:\nlive {live:?}\nreplayed {replayed:?}"
    );
    most
}

/// Texts that must not leave a cluster; where they stand is their name.
const SECRETS: [&str; 9] = [
    "in-a-secret",
    "in-a-config-map",
    "in-an-env-value",
    "name-of-a-secret",
    "in-a-command",
    "in-an-argument",
    "in-a-probe",
    "in-an-annotation",
    "in-a-pods-annotation",
];

/// A Secret, a ConfigMap, and a workload whose pods hold the rest. (kubectl writes all of it into an annotation, too.)
fn secrets() -> [Value; 3] {
    let [
        secret,
        config,
        env,
        name,
        command,
        argument,
        probe,
        annotation,
        of_pods,
    ] = SECRETS;
    let meta = |name: &str| json!({ "name": name, "namespace": NAMESPACE });
    let labels = json!({ "app": "discreet" });
    let pod = json!({ "nodeSelector": { "kubernetes.io/hostname": "n4" }, "containers": [{
        "name": "app", "image": "registry.invalid/app:1", "command": [command], "args": [argument],
        "env": [{ "name": "TOKEN", "value": env }], "envFrom": [{ "secretRef": { "name": name } }],
        "readinessProbe": { "httpGet": { "port": 80, "httpHeaders": [{ "name": "Authorization", "value": probe }] } },
    }] });
    let mut discreet = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta("discreet"),
        "spec": { "replicas": 1, "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels, "annotations": { "example.com/a": of_pods } }, "spec": pod } } });
    discreet["metadata"]["annotations"] =
        json!({ "example.com/a": annotation, "plimsoll.dev/owner": "team-discreet" });
    [
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": meta(name), "stringData": { "token": secret } }),
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("config"), "data": { "key": config } }),
        discreet,
    ]
}

/// The workload and its pod are on record with what is ours, and nothing that must not leave a cluster is.
fn assert_discreet(file: &Path) {
    let mut written = String::new();
    let file = File::open(file).expect("the recording");
    MultiGzDecoder::new(file)
        .read_to_string(&mut written)
        .expect("gzip");
    let objects = written
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let kinds = |line: Value| {
        let name = line["object"]["metadata"]["name"].as_str()?;
        name.starts_with("discreet")
            .then(|| text(&line["object"]["kind"]))
    };
    let kinds: BTreeSet<String> = objects.filter_map(kinds).collect();
    let expected = ["Deployment", "Pod", "ReplicaSet"].map(str::to_owned);
    assert_eq!(kinds, BTreeSet::from(expected));
    assert!(written.contains("team-discreet"), "our own annotation is kept");
    for secret in SECRETS
        .into_iter()
        .chain(["\"Secret\"", "\"ConfigMap\"", "last-applied", "managedFields"])
    {
        assert!(!written.contains(secret), "{secret} has left the cluster");
    }
}

#[test]
fn a_recording_replays_to_what_the_operator_told_and_holds_no_secrets() {
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
    world.apply(&secrets());
    world.rolled_out(NAMESPACE, "discreet");
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

    assert_discreet(&file);
    let document = replay(&file);
    assert_eq!(document["errors"], json!([]));
    let counts = (web.len(), node.len());
    let apart = [
        compare(web, replayed(&document, "Deployment", NAMESPACE, "web")),
        compare(node, replayed(&document, "Node", "", NODE)),
    ];
    tell(&format!(
        "replayed {} lines: {} and {} transitions as live, at most {} s apart",
        document["recording"]["lines"],
        counts.0,
        counts.1,
        apart[0].max(apart[1]),
    ));
    world.nothing_was_forbidden();
}
