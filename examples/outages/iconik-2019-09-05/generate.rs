//! Writes the reconstruction of iconik's outage of 5 September 2019, `recording.jsonl` beside this file:
//!
//! ```sh
//! cargo run --example iconik-2019-09-05 > examples/outages/iconik-2019-09-05/recording.jsonl
//! ```
//!
//! Which of the times are the post-mortem's and which follow from a default cluster's timers, the README beside it says.

use std::io::{self, Write};

use jiff::{SignedDuration, Timestamp};
use plimsoll::source::recording::{Header, Writer};
use serde_json::{Value, json};

#[allow(dead_code, reason = "tests include this file for `generate`")]
fn main() -> io::Result<()> {
    generate(Box::new(io::stdout()))
}

/// The node with both web pods, and its zone.
const VICTIM: &str = "node-2";
const NODES: [(&str, &str); 5] = [
    ("node-1", "a"),
    (VICTIM, "b"),
    ("node-3", "c"),
    ("node-4", "a"),
    ("node-5", "b"),
];

/// The silences of the node: its last heartbeat, and the first one after it. The first follows from the first 503 at
/// 22:51:22, the last ends before people restarted the pods; those between are ours. Each is shorter than the 50 s of
/// grace and 300 s of tolerance together, so nothing is ever evicted.
const SILENCES: [(&str, &str); 5] = [
    ("22:50:29", "22:54:06"),
    ("22:54:47", "22:59:20"),
    ("23:00:31", "23:04:50"),
    ("23:05:41", "23:10:21"),
    ("23:11:12", "23:16:20"),
];
/// From the last heartbeat until the node controller says `Ready=Unknown`: 50 s of grace, and up to 5 s to its next look.
const GRACE: SignedDuration = SignedDuration::from_secs(51);
/// The kubelets renew their Leases this often, 4 % later at most.
const RENEWAL_MS: i64 = 10_000;

/// When people restarted the pods; they served again at 23:17:36.
pub(crate) const RESTART: &str = "23:17:04";
/// Until when heartbeats are written.
const END: &str = "23:20:00";

fn evening(time: &str) -> Timestamp {
    format!("2019-09-05T{time}Z").parse().expect("a time of day")
}

fn august(time: &str) -> Timestamp {
    format!("2019-08-14T{time}Z").parse().expect("a time of day")
}

fn after(at: Timestamp, millis: i64) -> Timestamp {
    at + SignedDuration::from_millis(millis)
}

/// As Kubernetes writes it.
fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What happens, in any order; sorted at the end.
#[derive(Default)]
struct Tape(Vec<(Timestamp, &'static str, Value)>);

impl Tape {
    fn add(&mut self, at: Timestamp, object: Value) {
        self.0.push((at, "ADDED", object));
    }

    fn change(&mut self, at: Timestamp, object: Value) {
        self.0.push((at, "MODIFIED", object));
    }

    fn delete(&mut self, at: Timestamp, object: Value) {
        self.0.push((at, "DELETED", object));
    }
}

/// Writes the whole recording.
pub(crate) fn generate(out: Box<dyn Write + Send>) -> io::Result<()> {
    let listed = august("09:10:00");
    let mut tape = Tape::default();
    cluster(&mut tape, listed);
    let first = tape.0.len();
    web_is_deployed(&mut tape, august("09:12:00"));
    heartbeats(&mut tape);
    for (last, back) in SILENCES {
        silence(&mut tape, evening(last) + GRACE, evening(back));
    }
    restart(&mut tape, evening(RESTART));
    tape.0[first..].sort_by_key(|(at, ..)| *at);

    let header = Header {
        recorded_by: "examples/outages/iconik-2019-09-05/generate.rs".into(),
        description:
            "iconik, 5 September 2019: both web pods on one node, and the node in limbo. A reconstruction."
                .into(),
        source: "times from the public post-mortem, objects and a default cluster's timers from the README"
            .into(),
        ..Header::new("v1.36.4", 1.0)
    };
    let mut writer = Writer::new(out, false, &header)?;
    for (i, (at, what, object)) in tape.0.iter().enumerate() {
        if i == first {
            writer.list(listed, "SYNCED", None)?;
        }
        writer.object(*at, what, object)?;
    }
    writer.finish()
}

/// Everything but `web`, which runs well before and throughout.
fn cluster(tape: &mut Tape, at: Timestamp) {
    for (name, _) in NODES {
        tape.add(at, node(name, "True", august("07:00:00"), false));
    }
    for namespace in ["default", "kube-node-lease", "iconik"] {
        tape.add(at, json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace, "labels": { "kubernetes.io/metadata.name": namespace } } }));
    }
    for app in [API, AUTH, CELERY] {
        app.deploy(tape, at);
    }
}

/// A Deployment and where its pods are.
#[derive(Clone, Copy)]
struct App {
    name: &'static str,
    owner: &'static str,
    criticality: &'static str,
    nodes: &'static [&'static str],
    /// Asks for different nodes, and limits its memory: as iconik did afterwards.
    spread: bool,
    limited: bool,
    served: bool,
}

const WEB: App = App {
    name: "web",
    owner: "team-web",
    criticality: "Customer",
    nodes: &[VICTIM, VICTIM],
    spread: false,
    limited: false,
    served: true,
};
const API: App = App {
    name: "api",
    nodes: &["node-1", "node-3", "node-5"],
    spread: true,
    limited: true,
    ..WEB
};
const AUTH: App = App {
    name: "auth",
    nodes: &["node-4", "node-3"],
    ..API
};
/// Background work, whose memory took the node down.
const CELERY: App = App {
    name: "celery",
    owner: "team-media",
    criticality: "Batch",
    nodes: &["node-1", VICTIM, "node-3", "node-4", "node-5"],
    limited: false,
    served: false,
    ..API
};

impl App {
    fn hash(self) -> String {
        format!("{}-6d4f7c9b8", self.name)
    }

    fn replicas(self) -> usize {
        self.nodes.len()
    }

    fn template(self) -> Value {
        let labels = json!({ "app": self.name, "pod-template-hash": "6d4f7c9b8" });
        let spread = json!([{ "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": { "matchLabels": { "app": self.name } } }]);
        let mut spec = json!({ "containers": [{ "name": self.name, "resources": self.resources(),
            "readinessProbe": { "httpGet": {} } }] });
        if self.spread {
            spec["topologySpreadConstraints"] = spread;
        }
        json!({ "metadata": { "labels": labels }, "spec": spec })
    }

    fn resources(self) -> Value {
        if self.limited {
            json!({ "limits": { "memory": "1Gi" }, "requests": { "cpu": "500m", "memory": "1Gi" } })
        } else {
            json!({ "requests": { "cpu": "500m", "memory": "1Gi" } })
        }
    }

    fn status(self, ready: usize) -> Value {
        let replicas = self.replicas();
        json!({ "observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": ready })
    }

    fn metadata(self, name: &str, created: Timestamp) -> Value {
        json!({ "name": name, "namespace": "iconik", "uid": format!("uid-{name}"), "generation": 1,
            "creationTimestamp": stamp(created) })
    }

    fn deployment(self, created: Timestamp, ready: usize) -> Value {
        let mut metadata = self.metadata(self.name, created);
        metadata["annotations"] =
            json!({ "plimsoll.dev/owner": self.owner, "plimsoll.dev/criticality": self.criticality });
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": { "replicas": self.replicas(), "selector": { "matchLabels": { "app": self.name } },
                "template": self.template() },
            "status": self.status(ready) })
    }

    fn replica_set(self, created: Timestamp, ready: usize) -> Value {
        let mut metadata = self.metadata(&self.hash(), created);
        metadata["ownerReferences"] = owner("Deployment", self.name);
        json!({ "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata,
            "spec": { "replicas": self.replicas(), "selector": { "matchLabels": { "app": self.name } },
                "template": self.template() },
            "status": self.status(ready) })
    }

    fn pod(self, pod: &Pod) -> Value {
        let mut metadata = self.metadata(&pod.name, pod.created);
        metadata["labels"] = json!({ "pod-template-hash": "6d4f7c9b8" });
        metadata["ownerReferences"] = owner("ReplicaSet", &self.hash());
        if let Some(deletion) = pod.deletion {
            metadata["deletionTimestamp"] = stamp(deletion).into();
        }
        let tolerate = |key: &str| json!({ "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 });
        let ready = if pod.ready { "True" } else { "False" };
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
            "spec": { "nodeName": pod.node, "containers": [{ "name": self.name, "resources": self.resources() }],
                "tolerations": [tolerate("node.kubernetes.io/not-ready"), tolerate("node.kubernetes.io/unreachable")] },
            "status": { "phase": if pod.started { "Running" } else { "Pending" },
                "conditions": [{ "type": "Ready", "status": ready }] } })
    }

    /// The `i`th of its pods.
    fn nth(self, i: usize, created: Timestamp) -> Pod {
        Pod {
            name: format!(
                "{}-{}",
                self.hash(),
                ["7k2xq", "m9fzt", "c4vwp", "q8hnd", "x5rlb"][i]
            ),
            node: self.nodes[i],
            created,
            started: true,
            ready: true,
            deletion: None,
        }
    }

    /// The Service's endpoints.
    fn slice(self, ready: &[bool]) -> Value {
        let endpoints: Vec<Value> = ready
            .iter()
            .map(|ready| json!({ "conditions": { "ready": ready } }))
            .collect();
        let mut metadata = self.metadata(&format!("{}-endpoints", self.name), august("07:00:00"));
        metadata["labels"] = json!({ "kubernetes.io/service-name": self.name });
        json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata, "endpoints": endpoints })
    }

    fn service(self) -> Value {
        json!({ "apiVersion": "v1", "kind": "Service", "metadata": self.metadata(self.name, august("07:00:00")),
            "spec": { "selector": { "app": self.name }, "type": "ClusterIP" } })
    }

    fn budget(self) -> Value {
        json!({ "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": self.metadata(self.name, august("07:00:00")),
            "spec": { "maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow",
                "selector": { "matchLabels": { "app": self.name } } } })
    }

    /// Its objects, with every pod ready.
    fn deploy(self, tape: &mut Tape, at: Timestamp) {
        let all = self.replicas();
        tape.add(at, self.budget());
        tape.add(at, self.deployment(at, all));
        tape.add(at, self.replica_set(at, all));
        for i in 0..all {
            tape.add(at, self.pod(&self.nth(i, at)));
        }
        if self.served {
            tape.add(at, self.service());
            tape.add(at, self.slice(&vec![true; all]));
        }
    }
}

struct Pod {
    name: String,
    node: &'static str,
    created: Timestamp,
    started: bool,
    ready: bool,
    deletion: Option<Timestamp>,
}

fn owner(kind: &str, name: &str) -> Value {
    json!([{ "apiVersion": "apps/v1", "kind": kind, "name": name, "controller": true }])
}

fn node(name: &str, ready: &str, since: Timestamp, tainted: bool) -> Value {
    let zone = NODES
        .iter()
        .find(|(node, _)| *node == name)
        .map_or("", |(_, zone)| *zone);
    let taint = |effect: &str| json!({ "key": "node.kubernetes.io/unreachable", "effect": effect, "timeAdded": stamp(since) });
    let taints = if tainted {
        vec![taint("NoSchedule"), taint("NoExecute")]
    } else {
        Vec::new()
    };
    let reason = if ready == "True" {
        "KubeletReady"
    } else {
        "NodeStatusUnknown"
    };
    json!({ "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": name, "uid": format!("uid-{name}"), "creationTimestamp": stamp(august("07:00:00")),
            "labels": { "kubernetes.io/hostname": name, "topology.kubernetes.io/region": "eu",
                "topology.kubernetes.io/zone": format!("eu-{zone}") } },
        "spec": { "taints": taints },
        "status": { "conditions": [{ "type": "Ready", "status": ready, "reason": reason, "lastTransitionTime": stamp(since) }],
            "nodeInfo": { "bootID": format!("boot-{name}"), "kubeletVersion": "v1.36.4" } } })
}

fn lease(name: &str, renewed: Timestamp) -> Value {
    json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": { "name": name, "namespace": "kube-node-lease", "uid": format!("uid-lease-{name}") },
        "spec": { "renewTime": renewed.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string() } })
}

/// Weeks before: a release. The scheduler puts both pods on one node, and nothing moves them afterwards.
fn web_is_deployed(tape: &mut Tape, at: Timestamp) {
    tape.add(at, WEB.deployment(at, 0));
    tape.add(after(at, 20), WEB.replica_set(at, 0));
    tape.add(after(at, 30), WEB.service());
    tape.add(after(at, 40), WEB.slice(&[]));
    for i in 0..2 {
        let millis = 25 * i64::try_from(i).unwrap_or_default();
        let mut pod = WEB.nth(i, at);
        (pod.started, pod.ready) = (false, false);
        tape.add(after(at, 100 + millis), WEB.pod(&pod));
        (pod.started, pod.ready) = (true, true);
        tape.change(after(at, 6_000 + millis), WEB.pod(&pod));
    }
    tape.change(after(at, 6_100), WEB.replica_set(at, 2));
    tape.change(after(at, 6_150), WEB.deployment(at, 2));
    tape.change(after(at, 6_200), WEB.slice(&[true, true]));
}

/// Every node's renewals from 22:40 on, but for those that the victim misses. (Before, they are left out.)
fn heartbeats(tape: &mut Tape) {
    for (i, (name, _)) in (0_i64..).zip(NODES) {
        let mut at = after(evening("22:40:00"), 1_900 * i + 137);
        let mut first = true;
        while at <= evening(END) {
            if name != VICTIM || !is_missed(at) {
                let heard = after(at, 12);
                let lease = lease(name, at);
                if first {
                    tape.add(heard, lease);
                } else {
                    tape.change(heard, lease);
                }
                first = false;
            }
            // The kubelet's jitter, the same in every run.
            at = after(at, RENEWAL_MS + (at.as_millisecond() / 7 + i * 131) % 400);
        }
    }
    for (last, back) in SILENCES {
        for at in [evening(last), evening(back)] {
            tape.change(after(at, 12), lease(VICTIM, at));
        }
    }
}

fn is_missed(at: Timestamp) -> bool {
    let around = SignedDuration::from_secs(5);
    SILENCES
        .iter()
        .any(|(last, back)| at > evening(last) - around && at < evening(back) + around)
}

/// The node controller gives the node up to `Ready=Unknown`, marks its pods, and takes it back at its next heartbeat. Its
/// pods stay unready: their probes get no answer from a node without memory.
fn silence(tape: &mut Tape, unknown: Timestamp, back: Timestamp) {
    tape.change(unknown, node(VICTIM, "Unknown", unknown, false));
    tape.change(after(unknown, 60), node(VICTIM, "Unknown", unknown, true));
    let created = august("09:12:00");
    for i in 0..2 {
        let pod = Pod {
            ready: false,
            ..WEB.nth(i, created)
        };
        tape.change(
            after(unknown, 110 + i64::try_from(i).unwrap_or_default()),
            WEB.pod(&pod),
        );
    }
    tape.change(
        after(unknown, 120),
        CELERY.pod(&Pod {
            ready: false,
            ..CELERY.nth(1, august("09:10:00"))
        }),
    );
    tape.change(after(unknown, 160), WEB.replica_set(created, 0));
    tape.change(after(unknown, 180), WEB.deployment(created, 0));
    tape.change(after(unknown, 210), CELERY.deployment(august("09:10:00"), 4));
    tape.change(after(unknown, 950), WEB.slice(&[false, false]));
    let seen = after(back, 700);
    tape.change(seen, node(VICTIM, "True", seen, true));
    tape.change(after(back, 2_800), node(VICTIM, "True", seen, false));
}

/// People delete both pods, and their replacements start on another node.
fn restart(tape: &mut Tape, at: Timestamp) {
    let created = august("09:12:00");
    for i in 0..2 {
        let millis = 40 * i64::try_from(i).unwrap_or_default();
        let old = Pod {
            ready: false,
            deletion: Some(after(at, 30_000)),
            ..WEB.nth(i, created)
        };
        tape.change(after(at, millis), WEB.pod(&old));
        tape.delete(after(at, 36_000 + millis), WEB.pod(&old));
        let mut new = WEB.nth(i, created);
        new.name = format!("{}-{}", WEB.hash(), ["tz6gd", "w3pks"][i]);
        (new.node, new.created, new.started, new.ready) = ("node-4", at, false, false);
        tape.add(after(at, 90 + millis), WEB.pod(&new));
        (new.started, new.ready) = (true, true);
        tape.change(after(at, 30_600 + millis), WEB.pod(&new));
    }
    tape.change(after(at, 30_700), WEB.replica_set(created, 2));
    tape.change(after(at, 30_720), WEB.deployment(created, 2));
    tape.change(after(at, 31_400), WEB.slice(&[true, true]));
    let celery = august("09:10:00");
    tape.change(after(at, 75_000), CELERY.pod(&CELERY.nth(1, celery)));
    tape.change(after(at, 75_100), CELERY.deployment(celery, 5));
}
