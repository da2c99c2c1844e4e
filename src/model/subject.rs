//! What a report, and every finding in it, is about.

use std::fmt;

use super::keys::{Kind, Name, ObjectKey};

/// The kind of the reports that are not about a workload; the one on the whole cluster stands for the cluster itself.
pub const CLUSTER_REPORT: &str = "ClusterResilienceReport";
/// The name of the report on the cluster as a whole.
pub const CLUSTER: &str = "cluster";

/// What a report is about: a workload, a node, or the cluster as a whole. Each has at most one report.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// That Deployment, StatefulSet, DaemonSet or CronJob.
    Workload(ObjectKey),
    /// The node of that name.
    Node(Name),
    /// No single object.
    Cluster,
}

impl Subject {
    /// The kind of the object that people are pointed at: `Deployment`, `Node`; for the cluster its report's own.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Subject::Workload(key) => key.kind.as_str(),
            Subject::Node(_) => Kind::Node.as_str(),
            Subject::Cluster => CLUSTER_REPORT,
        }
    }

    /// The object's namespace; empty for nodes and the cluster.
    #[must_use]
    pub fn namespace(&self) -> &str {
        match self {
            Subject::Workload(key) => &key.namespace,
            Subject::Node(_) | Subject::Cluster => "",
        }
    }

    /// The object's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Subject::Workload(key) => &key.name,
            Subject::Node(name) => name,
            Subject::Cluster => CLUSTER,
        }
    }

    /// The workload's key, if it is one.
    #[must_use]
    pub const fn workload(&self) -> Option<&ObjectKey> {
        match self {
            Subject::Workload(key) => Some(key),
            Subject::Node(_) | Subject::Cluster => None,
        }
    }
}

impl From<ObjectKey> for Subject {
    fn from(key: ObjectKey) -> Self {
        match key.kind {
            Kind::Node => Subject::Node(key.name),
            _ => Subject::Workload(key),
        }
    }
}

/// `Deployment shop/web`, `Node n1`, `the cluster`.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Workload(key) => key.fmt(f),
            Subject::Node(name) => write!(f, "{} {name}", Kind::Node),
            Subject::Cluster => f.write_str("the cluster"),
        }
    }
}
