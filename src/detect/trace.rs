//! Traces: a cluster that changes at given seconds, the detectors asked as the engine asks them, and what became of each
//! finding. Detectors are asked only when something happened or when they said that they want to be.

use std::collections::{BTreeMap, HashMap};

use super::{
    ClusterDetector, ClusterHistory, DETECTORS, NodeDetector, NodeHealths, NodeHistory, PriorCluster,
    PriorNode, Resumed, Scope, Step, WorkloadDetector,
};
use crate::index::Index;
use crate::model::config::{ClusterVersion, DetectorConfig};
use crate::model::finding::{Finding, Severity};
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::object::Object;
use crate::model::report::Stamp;
use crate::model::testing::{deployment, lease, node, pod, replica_set, wall};
use crate::model::time::{Moment, Now};
use crate::model::workload::{DEFAULT_PROGRESS_DEADLINE_SECONDS, Workload};

/// Where the monotonic clock starts: not at zero, so that nobody takes one clock for the other.
const START: u64 = 7_000_000;

type Rules<T> = BTreeMap<&'static str, T>;

/// A cluster with detectors on it. Times are seconds; 0 is [`wall`]`(0)`.
pub(super) struct Trace {
    config: DetectorConfig,
    index: Index,
    objects: BTreeMap<ObjectKey, Object>,
    /// Milliseconds since the trace began.
    time: u64,
    /// What the monotonic clock shows then.
    origin: u64,
    /// How much the wall clock is wrong, seconds.
    wall_error: i64,
    histories: HashMap<Name, NodeHistory>,
    nodes: HashMap<Name, Rules<Box<dyn NodeDetector>>>,
    workloads: HashMap<ObjectKey, Rules<Box<dyn WorkloadDetector>>>,
    pub(super) cluster: ClusterHistory,
    cluster_detectors: Vec<(&'static str, Box<dyn ClusterDetector>)>,
    /// Nodes that renew their Leases every 10 s by themselves, and when they did last.
    beating: BTreeMap<Name, u64>,
    pub(super) healths: NodeHealths,
    /// What holds now, by object and rule.
    active: BTreeMap<(String, &'static str), Finding>,
    /// Since when.
    began: BTreeMap<(String, &'static str), Moment>,
    due: Option<Moment>,
    lines: Vec<(&'static str, String)>,
    /// What the timeline of the reports would keep: silences by node.
    silences: HashMap<Name, PriorNode>,
    /// Workloads with a report, and whether it says that they have been ready.
    ever_ready: BTreeMap<ObjectKey, bool>,
}

impl Trace {
    /// Both replicas of `shop/web` on n1, one of two nodes, since 0 s.
    pub(super) fn both_on_one_node() -> Self {
        let mut trace = Trace::new();
        let web = [
            deployment("shop/web").replicas(2).object(),
            replica_set("shop/web").object(),
            pod("shop/web-1").on("n1").object(),
            pod("shop/web-2").on("n1").object(),
        ];
        let nodes = [
            node("n1").object(),
            node("n2").object(),
            lease("n1", 0).object(),
            lease("n2", 0).object(),
        ];
        trace.at(0.0, web.into_iter().chain(nodes));
        trace
    }

    pub(super) fn new() -> Self {
        Trace {
            config: DetectorConfig::default(),
            index: index(),
            objects: BTreeMap::new(),
            time: 0,
            origin: START,
            wall_error: 0,
            histories: HashMap::new(),
            nodes: HashMap::new(),
            workloads: HashMap::new(),
            cluster: ClusterHistory::default(),
            cluster_detectors: cluster_detectors(),
            beating: BTreeMap::new(),
            healths: NodeHealths::new(),
            active: BTreeMap::new(),
            began: BTreeMap::new(),
            due: None,
            lines: Vec::new(),
            silences: HashMap::new(),
            ever_ready: BTreeMap::new(),
        }
    }

    /// Lets time pass to `seconds`, asking whoever is due meanwhile, then applies the objects and asks everybody.
    pub(super) fn at(&mut self, seconds: f64, objects: impl IntoIterator<Item = Object>) -> &mut Self {
        self.pass(seconds);
        let now = self.now();
        for object in objects {
            self.objects.insert(object.key(), object.clone());
            self.index.apply(object, now.at);
        }
        self.ask();
        self
    }

    /// Deletes an object.
    pub(super) fn gone(&mut self, seconds: f64, kind: Kind, path: &str) -> &mut Self {
        self.pass(seconds);
        let (namespace, name) = path.split_once('/').unwrap_or(("", path));
        let key = ObjectKey::new(kind, namespace, name);
        self.objects.remove(&key);
        self.index.delete(&key);
        self.ask();
        self
    }

    /// Every kind is listed again, in the middle of everything.
    pub(super) fn relist(&mut self, seconds: f64) -> &mut Self {
        self.pass(seconds);
        let now = self.now();
        for kind in Kind::ALL {
            self.index.begin_list(kind);
            let same: Vec<Object> = self
                .objects
                .values()
                .filter(|o| o.key().kind == kind)
                .cloned()
                .collect();
            for object in same {
                self.index.apply(object, now.at);
                self.ask();
            }
            self.index.end_list(kind);
        }
        self.ask();
        self
    }

    /// The operator stops now and starts `down` seconds later, its monotonic clock at another place; reports stay.
    pub(super) fn restart(&mut self, seconds: f64, down: f64) -> &mut Self {
        self.pass(seconds);
        self.time += (down * 1000.0) as u64;
        self.origin += 31_000_000;
        let now = self.now();
        self.index = index();
        for object in self.objects.values().cloned() {
            self.index.apply(object, now.at);
        }
        self.nodes.clear();
        self.workloads.clear();
        self.restore(now);
        self.ask();
        self
    }

    /// The wall clock is wrong by so many seconds from now on.
    pub(super) fn wall_jumps(&mut self, seconds: i64) -> &mut Self {
        self.wall_error = seconds;
        self
    }

    /// The message of a finding that holds now.
    pub(super) fn message(&self, object: &str, rule: &str) -> String {
        let found = self.active.iter().find(|((o, r), _)| o == object && *r == rule);
        found.map_or_else(|| "quiet".to_owned(), |(_, finding)| finding.message.to_string())
    }

    /// A finding that holds now.
    pub(super) fn finding(&self, object: &str, rule: &str) -> &Finding {
        let found = self.active.iter().find(|((o, r), _)| o == object && *r == rule);
        found.expect("it holds now").1
    }

    /// The transitions of one rule: `+` begins, `~` changes its severity, `=` says something else, `-` ends.
    pub(super) fn lines(&self, rule: &str) -> Vec<&str> {
        let mine = self.lines.iter().filter(|(r, _)| *r == rule);
        mine.map(|(_, line)| line.as_str()).collect()
    }

    /// From now on these nodes renew their Leases every 10 s, each at its own second.
    pub(super) fn beat(&mut self, nodes: &[&str]) -> &mut Self {
        for (n, node) in nodes.iter().enumerate() {
            let phase = 10_000 * n as u64 / nodes.len() as u64;
            self.beating
                .insert((*node).into(), (self.time + phase).saturating_sub(10_000));
        }
        self
    }

    /// From now on these nodes do not.
    pub(super) fn mute(&mut self, nodes: &[&str]) -> &mut Self {
        self.beating.retain(|node, _| !nodes.contains(&&**node));
        self
    }

    /// Lets time pass without any event but the heartbeats of those that [`Trace::beat`].
    pub(super) fn pass(&mut self, seconds: f64) -> &mut Self {
        let to = (seconds * 1000.0) as u64;
        while let Some((at, node)) = self.next_beat().filter(|(at, _)| *at <= to) {
            // Those that were due while the operator was away have come all the same.
            self.wait(at.max(self.time));
            self.beating.insert(node.clone(), at);
            let now = self.now();
            let lease = crate::model::node::Lease {
                node,
                renewed: Some(now.wall),
            };
            self.objects
                .insert(Object::Lease(lease.clone()).key(), Object::Lease(lease.clone()));
            self.index.apply(Object::Lease(lease), now.at);
            if self.index.is_dirty() {
                self.ask();
            }
        }
        self.wait(to);
        self
    }

    fn next_beat(&self) -> Option<(u64, Name)> {
        let due = self
            .beating
            .iter()
            .map(|(node, last)| (last + 10_000, node.clone()));
        due.min()
    }

    /// Lets time pass without any event at all.
    fn wait(&mut self, to: u64) {
        assert!(to >= self.time, "time passes forwards");
        while let Some(due) = self.due.filter(|due| due.0 <= self.origin + to) {
            self.time = self.time.max(due.0 - self.origin);
            let before = self.now().at;
            self.ask();
            assert!(
                self.due.is_none_or(|due| due > before),
                "a detector asks for the past"
            );
        }
        self.time = to;
    }

    fn now(&self) -> Now {
        let time = i64::try_from(self.time).expect("a short trace");
        Now {
            at: Moment(self.origin + self.time),
            wall: wall(self.wall_error) + jiff::SignedDuration::from_millis(time),
        }
    }

    fn ask(&mut self) {
        let now = self.now();
        self.due = None;
        self.healths.clear();
        let mut said: BTreeMap<(String, &'static str), Step> = BTreeMap::new();
        self.index.take_dirty();
        let due = self.cluster.due(&self.config);
        if due.is_some_and(|due| due <= now.at) {
            self.cluster.weigh(&self.index.cluster(), now, &self.config);
        }
        self.cluster.settle(now.at, &self.config);
        let taken_back = self.observe(now);
        let held = self.cluster.holds_nodes_back();
        for name in self.index.node_names() {
            let node = self.index.node(&name).expect("it is named");
            let detectors = self.nodes.entry(name.clone()).or_insert_with(node_detectors);
            for (rule, detector) in detectors {
                let key = (name.to_string(), *rule);
                let step = match (held, self.active.get(&key)) {
                    (false, _) => detector.step(&node, &self.histories[&name], now, &self.config),
                    (true, Some(_)) if taken_back.is_some_and(|since| self.began[&key] >= since) => Step {
                        withdrawn: Some("suspect".to_owned()),
                        ..Step::quiet()
                    },
                    (true, Some(finding)) => Step::firing(finding.clone()),
                    (true, None) => Step::quiet(),
                };
                said.insert(key, step);
            }
        }
        for (rule, detector) in &mut self.cluster_detectors {
            let step = detector.step(&self.index.cluster(), &self.cluster, now, &self.config);
            self.due = self.due.into_iter().chain(step.due).min();
            for finding in step.findings {
                let subject = finding.subject.clone().unwrap_or_else(|| "cluster".to_owned());
                said.insert((subject, rule), Step::firing(finding));
            }
        }
        self.due = self.due.into_iter().chain(self.cluster.due(&self.config)).min();
        for key in self.index.workload_keys() {
            let view = self.index.view(&key).expect("it is named");
            let active = &self.active;
            let severity = |rule| active.get(&(key.path(), rule)).map(|finding| finding.severity);
            let ever_ready = self.ever_ready.get(&key).copied();
            let detectors = self
                .workloads
                .entry(key.clone())
                .or_insert_with(|| workload_detectors(severity, ever_ready));
            for (rule, detector) in detectors {
                let step = detector.step(&view, &self.healths, now, &self.config);
                said.insert((key.path(), rule), step);
            }
            let ready = ever_ready == Some(true) || view.ready() > 0 || is_overdue(view.workload(), now);
            self.ever_ready.insert(key, ready && view.desired() != Some(0));
        }
        self.note(said, now);
    }

    /// Looks at every node; returns since when what was said of them is taken back, if the control plane is suspect.
    fn observe(&mut self, now: Now) -> Option<Moment> {
        let held = self.cluster.holds_nodes_back();
        for name in self.index.node_names() {
            let node = self.index.node(&name).expect("it is named");
            let history = self.histories.entry(name.clone()).or_default();
            let observed = history.observe(&node, held, now, &self.config);
            self.due = self.due.into_iter().chain(observed.due).min();
            if observed.changed {
                self.cluster.changed(&name, now.at);
            }
        }
        let taken_back = self.cluster.weigh(&self.index.cluster(), now, &self.config);
        for name in self.index.node_names() {
            let node = self.index.node(&name).expect("it is named");
            let history = self.histories.entry(name.clone()).or_default();
            if let Some(since) = taken_back {
                history.hold_back(since);
            }
            if let Some(health) = history.health(&node, now, &self.config) {
                self.healths.insert(name.clone(), health);
            }
        }
        taken_back
    }

    fn note(&mut self, said: BTreeMap<(String, &'static str), Step>, now: Now) {
        let gone: Vec<_> = self
            .active
            .keys()
            .filter(|key| !said.contains_key(*key))
            .cloned()
            .collect();
        let gone = gone.into_iter().map(|key| (key, Step::quiet()));
        for ((object, rule), step) in said.into_iter().chain(gone) {
            self.due = self.due.into_iter().chain(step.due).min();
            let key = (object.clone(), rule);
            let before = self.active.get(&key);
            let change = match (before, &step.finding) {
                (before, after) if before == after.as_ref() => continue,
                (None, Some(new)) => {
                    self.began.insert(key.clone(), now.at);
                    self.keep_silence(&object, rule, new.severity, now);
                    format!("+ {}", new.severity.as_str())
                }
                (Some(old), Some(new)) if old.severity == new.severity => "=".to_owned(),
                (Some(_), Some(new)) => format!("~ {}", new.severity.as_str()),
                (Some(_), None) => match &step.withdrawn {
                    Some(why) => {
                        self.forget_silence(&object, rule);
                        format!("- {why}")
                    }
                    None => "-".to_owned(),
                },
                (None, None) => continue,
            };
            self.lines
                .push((rule, format!("{} {object} {change}", self.time as f64 / 1000.0)));
            match step.finding {
                Some(finding) => self.active.insert(key, finding),
                None => self.active.remove(&key),
            };
        }
    }
}

impl Trace {
    /// What the report's timeline would keep of a silence.
    fn keep_silence(&mut self, object: &str, rule: &str, severity: Severity, now: Now) {
        if rule == "node-not-ready" && severity != Severity::Info {
            let prior = self.silences.entry(object.into()).or_default();
            prior.silences.push(Stamp::new(now.wall).time());
        }
    }

    /// As [`crate::plan::Prior::activations`] does with what was taken back.
    fn forget_silence(&mut self, object: &str, rule: &str) {
        if rule == "node-not-ready"
            && let Some(prior) = self.silences.get_mut(object)
        {
            prior.silences.pop();
        }
    }

    /// What the reports say of nodes and of the cluster.
    fn restore(&mut self, now: Now) {
        self.histories.clear();
        for name in self.index.node_names() {
            let mut prior = self.silences.get(&name).cloned().unwrap_or_default();
            let said = |rule| self.active.get(&(name.to_string(), rule));
            prior.gap = said("heartbeat-gap").map(|finding| finding.severity);
            prior.limbo = said("node-limbo").map(|_| now.wall);
            self.histories.insert(name, NodeHistory::restore(&prior, now));
        }
        let prior = PriorCluster {
            active: self.active.values().map(Finding::id).collect(),
        };
        self.cluster = ClusterHistory::default();
        self.cluster.resume(&prior, now);
        self.cluster_detectors = cluster_detectors();
        self.cluster_detectors
            .iter_mut()
            .for_each(|(_, d)| d.resume(&prior));
    }
}

fn cluster_detectors() -> Vec<(&'static str, Box<dyn ClusterDetector>)> {
    let make = |d: &'static super::Detector| match d.scope {
        Scope::Cluster(make) => Some((d.name, make())),
        Scope::Workload(_) | Scope::Node(_) => None,
    };
    DETECTORS.iter().filter_map(make).collect()
}

/// Whether a report says of a workload that it should have been ready by now.
fn is_overdue(workload: &Workload, now: Now) -> bool {
    let deadline = workload
        .progress_deadline
        .unwrap_or(DEFAULT_PROGRESS_DEADLINE_SECONDS);
    let late = |created| now.wall.duration_since(created).as_secs() >= i64::from(deadline);
    workload.status.deadline_exceeded || workload.created.is_some_and(late)
}

fn node_detectors() -> Rules<Box<dyn NodeDetector>> {
    let make = |d: &'static super::Detector| match d.scope {
        Scope::Node(make) => Some((d.name, make())),
        Scope::Workload(_) | Scope::Cluster(_) => None,
    };
    DETECTORS.iter().filter_map(make).collect()
}

fn workload_detectors(
    severity: impl Fn(&'static str) -> Option<Severity>,
    ever_ready: Option<bool>,
) -> Rules<Box<dyn WorkloadDetector>> {
    let make = |d: &'static super::Detector| match d.scope {
        Scope::Workload(make) => {
            let mut detector = make();
            if let Some(ever_ready) = ever_ready {
                detector.resume(&Resumed {
                    severity: severity(d.name),
                    ever_ready,
                    stranded: severity("stranded").is_some(),
                });
            }
            Some((d.name, detector))
        }
        Scope::Node(_) | Scope::Cluster(_) => None,
    };
    DETECTORS.iter().filter_map(make).collect()
}

fn index() -> Index {
    let mut index = Index::complete(ClusterVersion::NEWEST);
    index.set_late_after(DetectorConfig::default().heartbeat_late);
    index
}
