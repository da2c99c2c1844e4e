//! iconik's outage of 2019, re-enacted: both web pods on one node by natural scheduling, the node silent, back, and
//! silent again. Played twice, once with the operator killed in the middle: the reports must end the same.

use std::time::{Duration, Instant};

use plimsoll_kit::Operator;
use serde_json::{Value, json};

use crate::world::{Report, World, tell, world};

/// What runtime.md promises: from the API's showing it to the report.
const PROMISE: Duration = Duration::from_secs(5);

fn web(namespace: &str) -> [Value; 2] {
    let labels = json!({ "app": "web" });
    let pod = json!({ "containers": [{ "name": "web", "image": "registry.invalid/web:1", "ports": [{ "containerPort": 80 }] }] });
    [
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "web", "namespace": namespace, "annotations": { "plimsoll.dev/owner": "team-web" } },
            "spec": { "replicas": 2, "selector": { "matchLabels": labels },
                      "template": { "metadata": { "labels": labels }, "spec": pod } }
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web", "namespace": namespace },
            "spec": { "selector": labels, "ports": [{ "port": 80 }] }
        }),
    ]
}

/// One telling of the story.
pub(crate) struct Story<'w> {
    world: &'w World,
    namespace: &'static str,
    node: &'static str,
    operator: Operator,
    /// Texts that differ between two tellings, and what stands for them.
    names: Vec<(String, String)>,
}

impl<'w> Story<'w> {
    pub(crate) fn begin(world: &'w World, namespace: &'static str, node: &'static str) -> Self {
        let operator = world.ready_operator(0);
        world.plane.namespace(namespace).expect("a namespace");
        world.only(node);
        world.apply(&web(namespace));
        world.rolled_out(namespace, "web");
        world.uncordon_all();
        let mut pods = world.pods(namespace);
        pods.sort();
        assert!(
            pods.len() == 2 && pods.iter().all(|(_, on)| on == node),
            "{pods:?}"
        );
        let pods = pods
            .into_iter()
            .enumerate()
            .map(|(n, (pod, _))| (pod, format!("POD-{}", n + 1)));
        let names = pods.chain([
            (namespace.to_owned(), "shop".to_owned()),
            (node.to_owned(), "NODE".to_owned()),
        ]);
        Story {
            world,
            namespace,
            node,
            operator,
            names: names.collect(),
        }
    }

    pub(crate) fn shows(&self, what: &str, shows: impl Fn(&Report) -> bool) -> Report {
        self.world
            .report_shows(self.namespace, "deployment-web", what, shows)
    }

    fn node_shows(&self, what: &str, shows: impl Fn(&Report) -> bool) -> Report {
        self.world
            .eventually(what, |world| match world.node_report(self.node) {
                Some(report) if shows(&report) => Ok(report),
                Some(report) => Err(format!("{:#}", report.0["status"])),
                None => Err("no report on the node".to_owned()),
            })
    }

    /// Silences the node; returns how long after the API showed `Ready=Unknown` both findings were there.
    pub(crate) fn silence(&self, finding: &str) -> Duration {
        self.world.plane.silence(self.node).expect("silenced");
        self.world
            .plane
            .wait_ready(self.node, "Unknown", crate::world::SOON)
            .expect("Ready=Unknown");
        let shown = Instant::now();
        self.shows("stranded", |r| r.has("stranded"));
        self.node_shows(finding, |r| r.has(finding));
        shown.elapsed()
    }

    pub(crate) fn revive(&self) {
        self.world.plane.revive(self.node).expect("revived");
        self.world
            .plane
            .wait_ready(self.node, "True", crate::world::SOON)
            .expect("Ready=True");
        self.shows("recovered", |r| {
            let ready = r.0["status"]["placement"]["ready"] == 2;
            ready && r.finding("stranded").is_some_and(|f| f["state"] == "Recovered")
        });
        self.node_shows("ready again", |r| !r.has("node-not-ready"));
    }

    /// Kills the operator without a chance to release its lease, and starts another.
    fn kill(&mut self) {
        self.operator.signal("KILL").expect("killed");
        self.operator = self.world.ready_operator(1);
        self.world
            .plane
            .eventually("the next one leads", crate::world::SOON, |_| {
                let (_, metrics) = self.operator.get("/metrics")?;
                Ok(if metrics.contains("\nplimsoll_leader 1") {
                    Ok(())
                } else {
                    Err("not yet".to_owned())
                })
            })
            .expect("the lease runs out");
    }

    /// The report's text with times and names made alike.
    fn alike(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, stands) in &self.names {
            text = text.replace(name, stands);
        }
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
            let (head, tail) = rest.split_at(at);
            out.push_str(head);
            let is_time = tail.len() >= 9
                && tail
                    .bytes()
                    .zip(*b"00:00:00Z")
                    .all(|(b, m)| if m == b'0' { b.is_ascii_digit() } else { b == m });
            let (piece, skip) = if is_time {
                ("HH:MM:SSZ", 9)
            } else {
                (&tail[..1], 1)
            };
            out.push_str(piece);
            rest = &tail[skip..];
        }
        out + rest
    }

    /// What remains at the end: findings and timeline of the workload's and the node's report, without times.
    fn remains(&self) -> String {
        let workload = self
            .world
            .reports(self.namespace)
            .remove("deployment-web")
            .expect("the report");
        let node = self.world.node_report(self.node).expect("the node's report");
        let line = |report: &Report| {
            let mut lines = Vec::new();
            let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
            for f in report.findings() {
                lines.push(format!(
                    "{} {} {} episodes={} | {}",
                    text(&f["id"]),
                    text(&f["severity"]),
                    text(&f["state"]),
                    f["episodes"],
                    text(&f["message"])
                ));
            }
            // What the API shows at about the same time may be told in either order; each finding's own story may not.
            let mut timeline: Vec<&Value> = report.0["status"]["timeline"]
                .as_array()
                .into_iter()
                .flatten()
                .collect();
            timeline.sort_by_key(|t| text(&t["id"]));
            for t in timeline {
                lines.push(format!(
                    "  {} {} {}",
                    text(&t["id"]),
                    text(&t["state"]),
                    text(&t["severity"])
                ));
            }
            lines.join("\n")
        };
        self.alike(&format!("{}\n--\n{}", line(&workload), line(&node)))
    }
}

/// Plays the story to its end and returns what remains.
fn play(world: &World, namespace: &'static str, node: &'static str, killed: bool) -> String {
    let mut story = Story::begin(world, namespace, node);
    let before = story.shows("co-located", |r| r.has("co-located"));
    assert!(
        before.has("pod-spread") && before.has("memory-limit"),
        "weeks before, it is known: {before:?}"
    );

    let first = story.silence("node-not-ready");
    if killed {
        story.kill();
    }
    story.revive();
    let second = story.silence("node-limbo");
    tell(&format!(
        "{namespace}: stranded and node findings {first:.1?} and {second:.1?} after the API showed Ready=Unknown"
    ));
    assert!(first <= PROMISE && second <= PROMISE, "{first:?} {second:?}");
    if killed {
        story.kill();
    }
    // The taint that starts the time to eviction comes a moment after Ready=Unknown.
    let limbo = story.node_shows("limbo, and when its pods leave", |r| {
        r.has("node-limbo") && r.message("node-not-ready").contains("its pods leave from")
    });
    let finding = limbo.finding("node-limbo").expect("just seen");
    assert_eq!(finding["episodes"], 2, "{finding:#}");
    assert!(limbo.message("node-limbo").contains("L1"), "{finding:#}");
    let told = story.shows("two episodes", |r| {
        r.finding("stranded").is_some_and(|f| f["episodes"] == 2)
    });
    if !killed {
        for rule in ["co-located", "stranded"] {
            insta::assert_snapshot!(format!("iconik_{rule}"), story.alike(&told.message(rule)));
        }
        for rule in ["node-not-ready", "node-limbo"] {
            insta::assert_snapshot!(format!("iconik_{rule}"), story.alike(&limbo.message(rule)));
        }
    }
    story.revive();
    // The node stays in limbo, and what sits on it alone stays critical, until it has been quiet for long enough.
    story.shows("serving again", |r| r.verdict() == "Degraded");
    let remains = story.remains();
    check_events(world, namespace);
    world
        .plane
        .kubectl(&["delete", "namespace", namespace, "--wait=false"])
        .expect("cleaned up");
    remains
}

/// One Event for each transition: each reason once a transition, no text twice at the same second, none too long.
fn check_events(world: &World, namespace: &str) {
    let events = world
        .plane
        .get(&["events.events.k8s.io", "-n", namespace])
        .expect("events can be read");
    let ours: Vec<&Value> = events["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|e| e["reportingController"] == "plimsoll")
        .collect();
    let of = |reason: &str| ours.iter().filter(|e| e["reason"] == reason).count();
    assert_eq!(of("PodSpread"), 1, "on the transition, never on a resync");
    assert_eq!(of("Stranded"), 4, "active, recovered, active, recovered");
    for event in &ours {
        let note = event["note"].as_str().unwrap_or_default();
        assert!(!note.is_empty() && note.len() <= 1024, "{event:#}");
    }
}

#[test]
fn iconik_is_seen_as_it_happens_and_a_restart_in_the_middle_changes_nothing() {
    let world = world();
    let through = play(&world, "iconik-through", "n1", false);
    let restarted = play(&world, "iconik-killed", "n3", true);
    assert_eq!(
        through, restarted,
        "a restart forgets nothing and tells nothing twice"
    );
    world.nothing_was_forbidden();
}
