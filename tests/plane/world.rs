//! The plane that all tests of this suite share, with the chart installed; and how tests look at reports.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use plimsoll_kit::{Node, Operator, Options, Plane};
use serde_json::Value;

use crate::cases::RULES;

/// How long a test waits for something that should take a second or two: these machines are busy.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// The nodes: two zones, two each.
pub(crate) const NODES: [(&str, &str); 4] = [("n1", "a"), ("n2", "a"), ("n3", "b"), ("n4", "b")];

/// The nodes that tests silence.
pub(crate) const STORY_NODES: [&str; 2] = ["n1", "n3"];

/// Who the operator is to the API server.
pub(crate) const USER: &str = "system:serviceaccount:plimsoll-system:plimsoll";

/// The shared plane.
pub(crate) struct World {
    pub(crate) plane: Plane,
    scale: String,
    start: plimsoll_kit::Mark,
}

/// Prints a measured figure, also when the test passes: libtest only captures the macros.
pub(crate) fn tell(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr is there");
}

/// The world, for one test at a time. A test that failed does not spoil it for the next: each has its own namespaces.
pub(crate) fn world() -> MutexGuard<'static, World> {
    static WORLD: OnceLock<Mutex<World>> = OnceLock::new();
    WORLD
        .get_or_init(|| Mutex::new(World::start()))
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// What the chart is installed with.
fn values(scale: &str) -> Vec<String> {
    vec![
        format!("operator.timeScale={scale}"),
        "nodeSelector.chart=here".to_owned(),
    ]
}

impl World {
    fn start() -> Self {
        let plane = Plane::start(Options::default()).expect("a plane starts");
        let scale = format!("{:.2}", plane.time_scale());
        tell(&format!(
            "timers are scaled by {scale}: node-monitor-grace {:?} instead of 50 s",
            plane.node_monitor_grace()
        ));
        let nodes = NODES.map(|(name, zone)| Node::new(name, zone));
        plane.add_nodes(&nodes).expect("nodes join");
        // The nodes that tests silence hold none of the chart's own pods, whatever is drained.
        let others = NODES.iter().map(|(name, _)| *name);
        for node in others.filter(|name| !STORY_NODES.contains(name)) {
            plane
                .kubectl(&["label", "node", node, "chart=here"])
                .expect("a label");
        }
        plane
            .install_chart(&values(&scale))
            .expect("helm installs the chart");
        let rolled_out = [
            "rollout",
            "status",
            "deployment/plimsoll",
            "-n",
            "plimsoll-system",
            "--timeout=60s",
        ];
        plane.kubectl(&rolled_out).expect("its pods run");
        let start = plane.audit().mark().expect("the audit log");
        World { plane, scale, start }
    }

    /// Upgrades the chart to one with the webhook, whose certificates live that long.
    pub(crate) fn with_webhook(&self, life: &str) {
        let mut values = values(&self.scale);
        values.push("webhook.enabled=true".to_owned());
        values.push(format!("webhook.certificates.life={life}"));
        self.plane
            .install_chart(&values)
            .expect("helm upgrades the chart");
    }

    /// Upgrades the chart to one without, as it was.
    pub(crate) fn without_webhook(&self) {
        self.plane
            .install_chart(&values(&self.scale))
            .expect("helm upgrades the chart");
    }

    /// The operator as the chart's Deployment would run it, with the ServiceAccount's token only.
    pub(crate) fn operator(&self, replica: usize) -> Operator {
        self.operator_with(replica, &[])
    }

    /// The same, with more environment.
    pub(crate) fn operator_with(&self, replica: usize, env: &[(&str, &str)]) -> Operator {
        let binary = Path::new(env!("CARGO_BIN_EXE_plimsoll"));
        let scale = ("PLIMSOLL_TIME_SCALE", self.scale.as_str());
        Operator::start(&self.plane, binary, replica, &[&[scale], env].concat()).expect("the operator starts")
    }

    /// An operator that has listed everything.
    pub(crate) fn ready_operator(&self, replica: usize) -> Operator {
        let mut operator = self.operator(replica);
        operator.wait_ready(SOON).expect("the operator becomes ready");
        operator
    }

    /// Applies manifests as one `List`.
    pub(crate) fn apply(&self, objects: &[Value]) {
        let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": objects });
        self.plane
            .apply(&list.to_string())
            .expect("the API server takes the manifests");
    }

    /// The reports of a namespace, by name.
    pub(crate) fn reports(&self, namespace: &str) -> BTreeMap<String, Report> {
        let list = self
            .plane
            .get(&["resiliencereports", "-n", namespace])
            .expect("reports can be read");
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items
            .into_iter()
            .map(|item| {
                (
                    item["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
                    Report(item),
                )
            })
            .collect()
    }

    /// The report on a node, if there is one.
    pub(crate) fn node_report(&self, node: &str) -> Option<Report> {
        self.plane
            .get(&["clusterresiliencereport", &format!("node-{node}")])
            .ok()
            .map(Report)
    }

    /// The report on the cluster as a whole, if there is one.
    pub(crate) fn cluster_report(&self) -> Option<Report> {
        self.plane
            .get(&["clusterresiliencereport", "cluster"])
            .ok()
            .map(Report)
    }

    /// Waits until the cluster's report shows something.
    pub(crate) fn cluster_shows(&self, what: &str, shows: impl Fn(&Report) -> bool) -> Report {
        self.plane
            .eventually(what, 2 * SOON, |_| {
                Ok(match self.cluster_report() {
                    Some(report) if shows(&report) => Ok(report),
                    Some(report) => Err(format!("{:#}", report.0["status"])),
                    None => Err("no report on the cluster".to_owned()),
                })
            })
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Waits until nodes that have just joined are judged.
    pub(crate) fn old_enough(&self) {
        std::thread::sleep(Duration::from_secs(61).mul_f64(self.plane.time_scale()));
    }

    /// Waits until `look` returns something.
    pub(crate) fn eventually<T>(&self, what: &str, look: impl Fn(&World) -> Result<T, String>) -> T {
        self.plane
            .eventually(what, SOON, |_| Ok(look(self)))
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Waits until one report shows something.
    pub(crate) fn report_shows(
        &self,
        namespace: &str,
        name: &str,
        what: &str,
        shows: impl Fn(&Report) -> bool,
    ) -> Report {
        self.eventually(&format!("{namespace}/{name}: {what}"), |world| {
            match world.reports(namespace).remove(name) {
                Some(report) if shows(&report) => Ok(report),
                Some(report) => Err(format!("{:#}", report.0["status"])),
                None => Err("no such report".to_owned()),
            }
        })
    }

    /// Names of the pods of a namespace, with their nodes.
    pub(crate) fn pods(&self, namespace: &str) -> Vec<(String, String)> {
        let pods = self
            .plane
            .get(&["pods", "-n", namespace])
            .expect("pods can be read");
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let items = pods["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .map(|pod| (text(&pod["metadata"]["name"]), text(&pod["spec"]["nodeName"])))
            .collect()
    }

    /// Waits until a Deployment has as many ready replicas as it wants, and the newest are all that there are.
    pub(crate) fn rolled_out(&self, namespace: &str, name: &str) {
        let target = format!("deployment/{name}");
        self.plane
            .kubectl(&["rollout", "status", &target, "-n", namespace, "--timeout=60s"])
            .expect("the rollout completes");
    }

    /// What was refused so far was meant to be.
    pub(crate) fn forget_refusals(&mut self) {
        self.start = self.plane.audit().mark().expect("the audit log");
    }

    /// Since the plane started, the operator was never refused: the chart grants what it needs. A namespace that is being
    /// deleted takes nothing new, whoever asks, with the same code.
    pub(crate) fn nothing_was_forbidden(&self) {
        let list = self.plane.get(&["namespaces"]).expect("namespaces can be read");
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let active = items.iter().filter(|n| n["status"]["phase"] == "Active");
        let active: BTreeSet<&str> = active
            .filter_map(|n| n["metadata"]["name"].as_str())
            .chain([""])
            .collect();
        let requests = self.plane.audit().since(self.start).expect("the audit log");
        let ours = requests
            .into_iter()
            .filter(|r| r.user == USER && active.contains(r.namespace.as_str()));
        let refused: Vec<_> = ours.filter(plimsoll_kit::Request::is_forbidden).collect();
        assert!(refused.is_empty(), "{refused:#?}");
    }

    /// Cordons every node but one.
    pub(crate) fn only(&self, node: &str) {
        NODES
            .iter()
            .filter(|(n, _)| *n != node)
            .for_each(|(n, _)| self.plane.cordon(n).expect("cordon"));
    }

    /// Uncordons every node.
    pub(crate) fn uncordon_all(&self) {
        NODES
            .iter()
            .for_each(|(n, _)| self.plane.uncordon(n).expect("uncordon"));
    }
}

/// A `ResilienceReport` or `ClusterResilienceReport` as kubectl reads it.
#[derive(Clone, Debug)]
pub(crate) struct Report(pub(crate) Value);

impl Report {
    /// Its findings as `rule` or `rule:subject`, of the rules that the planted cases are about.
    pub(crate) fn of_rules(&self) -> BTreeSet<String> {
        let is_rule = |f: &&Value| f["rule"].as_str().is_some_and(|r| RULES.contains(&r));
        let name = |f: &Value| match f["subject"].as_str() {
            Some(subject) => format!("{}:{subject}", f["rule"].as_str().unwrap_or_default()),
            None => f["rule"].as_str().unwrap_or_default().to_owned(),
        };
        self.findings().iter().filter(is_rule).map(name).collect()
    }

    /// All findings.
    pub(crate) fn findings(&self) -> Vec<Value> {
        self.0["status"]["findings"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// The finding of a rule or detector, if it is there.
    pub(crate) fn finding(&self, rule: &str) -> Option<Value> {
        self.findings().into_iter().find(|f| f["rule"] == rule)
    }

    /// Whether a finding is Active.
    pub(crate) fn has(&self, rule: &str) -> bool {
        self.finding(rule).is_some_and(|f| f["state"] == "Active")
    }

    /// How often a finding has begun, as far as the timeline goes.
    pub(crate) fn begun(&self, rule: &str) -> usize {
        let timeline = self.0["status"]["timeline"].as_array().into_iter().flatten();
        timeline
            .filter(|t| t["state"] == "Active" && t["id"].as_str().is_some_and(|id| id.starts_with(rule)))
            .count()
    }

    /// The verdict.
    pub(crate) fn verdict(&self) -> String {
        self.0["status"]["verdict"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The message of a finding.
    pub(crate) fn message(&self, rule: &str) -> String {
        self.finding(rule)
            .and_then(|f| f["message"].as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}
