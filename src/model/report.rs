//! What a report says: the status of `ResilienceReport` and `ClusterResilienceReport`.
//!
//! The types are the engine's own and at the same time the API's schema, so that there is one shape and one set of
//! descriptions (`kubectl explain` prints these comments).

use std::borrow::Cow;
use std::fmt;

use jiff::{Timestamp, Unit};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::finding::Severity;

/// Longest message in a report, characters.
pub const MESSAGE_MAX: usize = 256;
/// Longest message of a transition, bytes: the note of an Event takes 1,024 with what is put before it.
pub const TOLD_MAX: usize = 960;
/// Longest remedy in a report, bytes.
pub const REMEDY_MAX: usize = 1024;
/// Most transitions that a report's timeline keeps.
pub const TIMELINE_MAX: usize = 20;
/// Most policies that a report names.
pub const POLICIES_MAX: usize = 8;
/// Most bytes of a report's status as JSON.
pub const STATUS_MAX: usize = 8 * 1024;

/// A point in time as Kubernetes writes it: RFC 3339, UTC, whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stamp(Timestamp);

impl Stamp {
    /// The stamp of a time, cut to whole seconds.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        let options = jiff::TimestampRound::new()
            .smallest(Unit::Second)
            .mode(jiff::RoundMode::Trunc);
        Stamp(at.round(options).unwrap_or(at))
    }

    /// The time.
    #[must_use]
    pub const fn time(self) -> Timestamp {
        self.0
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::deserialize(deserializer).map(Stamp::new)
    }
}

impl JsonSchema for Stamp {
    fn schema_name() -> Cow<'static, str> {
        "Stamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A workload's state in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    /// Replicas are wanted and none is ready.
    Outage,
    /// Fewer replicas are ready than wanted, or a critical finding is active.
    Degraded,
    /// A warning is active: it works, and a single failure may end that.
    AtRisk,
    /// Nothing above info.
    Resilient,
    /// Inputs are missing.
    #[default]
    Unknown,
}

impl Verdict {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Outage => "Outage",
            Verdict::Degraded => "Degraded",
            Verdict::AtRisk => "AtRisk",
            Verdict::Resilient => "Resilient",
            Verdict::Unknown => "Unknown",
        }
    }
}

/// The largest single failure after which at least one ready replica is left.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Survives {
    /// Inputs are missing, or no replica is wanted.
    #[default]
    Unknown,
    /// Not even the loss of one pod.
    Nothing,
    /// The loss of any one pod.
    Pod,
    /// The loss of any one node.
    Node,
    /// The loss of any one zone.
    Zone,
}

/// Whether a finding holds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum FindingState {
    /// It holds.
    Active,
    /// It ended, and nobody has acknowledged it yet.
    Recovered,
}

/// What Plimsoll knows of a workload or node. Written by Plimsoll only, and only when something changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportStatus {
    /// The workload's generation that this was judged on.
    #[serde(default)]
    pub observed_generation: i64,
    /// The state in one word: Outage, Degraded, AtRisk, Resilient or Unknown.
    #[serde(default)]
    pub verdict: Verdict,
    /// Exact totals, also when the list of findings is truncated.
    #[serde(default)]
    pub summary: Summary,
    /// Where the replicas are now. Absent on nodes, DaemonSets and CronJobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// What does not hold, the worst first.
    #[serde(default)]
    pub findings: Vec<ReportFinding>,
    /// The last 20 transitions, the newest last: for the post-mortem.
    #[serde(default)]
    pub timeline: Vec<TimelineEntry>,
    /// Whether findings were left out of the list to keep the report small.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// Who runs it: from an annotation or label of the workload or its namespace, plimsoll.dev/owner first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What to do when it fails, a page on the web or a sentence: from plimsoll.dev/runbook or a8r.io/runbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Whom it serves: from plimsoll.dev/criticality (Customer, Internal or Batch).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub criticality: Option<String>,
    /// The ResiliencePolicies that apply, the one that goes before all others first; eight at most. None: the built-in
    /// defaults do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// For `kubectl wait`: Resilient, and of replicated workloads SurvivesNodeLoss, SurvivesZoneLoss, Available.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// Counts of findings and of checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Active critical findings.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub critical: i32,
    /// Active warnings.
    #[serde(default)]
    pub warning: i32,
    /// Active findings of severity info.
    #[serde(default)]
    pub info: i32,
    /// Recovered findings that nobody acknowledged.
    #[serde(default)]
    pub recovered: i32,
    /// Checks that fail and are exempt.
    #[serde(default)]
    pub exempt: i32,
    /// Checks that pass.
    #[serde(default)]
    pub passed: i32,
    /// Checks that cannot be judged because an input is missing.
    #[serde(default)]
    pub unknown: i32,
}

/// Where a workload's replicas are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// Ready replicas; a pod on a node whose Ready is Unknown does not count.
    #[serde(default)]
    pub ready: i32,
    /// Replicas wanted.
    #[serde(default)]
    pub desired: i32,
    /// `ready/desired`, as kubectl prints it.
    #[serde(default)]
    pub ready_of_desired: String,
    /// The fewest replicas that it may be run at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_min_replicas: Option<i32>,
    /// Where that number stands: spec.replicas, or the autoscaler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_min_replicas_source: Option<String>,
    /// Distinct nodes with running replicas.
    #[serde(default)]
    pub nodes: i32,
    /// Distinct zones with running replicas; 0 when nodes have no zone label.
    #[serde(default)]
    pub zones: i32,
    /// The most running replicas on one node.
    #[serde(default)]
    pub largest_on_one_node: i32,
    /// The largest single failure after which at least one ready replica is left: Nothing, Pod, Node or Zone.
    #[serde(default)]
    pub survives: Survives,
}

/// One thing that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportFinding {
    /// Names the finding within the report: the rule, with a suffix when it is about a part such as a container.
    pub id: String,
    /// The rule or detector; `plimsoll explain RULE` tells more.
    pub rule: String,
    /// Critical, Warning or Info.
    pub severity: Severity,
    /// Active, or Recovered until acknowledged.
    pub state: FindingState,
    /// Impact first, then the object and field, then the way out.
    pub message: String,
    /// The part that it is about, such as a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it first held; kept when it happens again.
    pub since: Stamp,
    /// When it ended, while Recovered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<Stamp>,
    /// How many times it has happened.
    pub episodes: i32,
    /// What mends it: a kubectl command, or advice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// One transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// When it was seen.
    pub at: Stamp,
    /// The finding's id.
    pub id: String,
    /// What became of it.
    pub state: Transition,
    /// Its severity then.
    pub severity: Severity,
    /// The message's first part then: who was served or not.
    pub impact: String,
}

/// What may become of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Transition {
    /// It holds now and did not before.
    Active,
    /// It holds still and its severity changed.
    Changed,
    /// It ended and waits for an acknowledgement.
    Recovered,
    /// It ended for good: mended, acknowledged, or long quiet.
    Closed,
    /// It was taken back: what was seen turned out to be something else, such as a reboot.
    Withdrawn,
}

/// A Kubernetes condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which.
    #[serde(rename = "type")]
    pub kind: String,
    /// True, False or Unknown.
    pub status: ConditionStatus,
    /// Why, in one CamelCase word.
    pub reason: String,
    /// Why, for people.
    #[serde(default)]
    pub message: String,
    /// The workload's generation that it was judged on.
    #[serde(default)]
    pub observed_generation: i64,
    /// When the status last changed.
    pub last_transition_time: Stamp,
}

/// The three states of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "each variant is the Kubernetes status of that name")]
pub enum ConditionStatus {
    True,
    False,
    Unknown,
}

/// One acknowledgement: the part of a report that people write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledgement {
    /// The finding's id.
    pub id: String,
    /// Why it may be closed.
    pub reason: String,
    /// The episode that it covers; a later one needs its own.
    pub episode: i32,
    /// Who; filled from the request's user where the admission webhook runs, otherwise a claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}
