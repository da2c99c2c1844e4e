//! # control-plane-suspect
//!
//! What is seen of the nodes is more likely the control plane's doing than theirs:
//!
//! * Nothing has been heard from the API server for 15 s, although it was asked. Then every verdict stays as it is, because
//!   what is known is old and silence is no evidence against a node. Once the API server is heard again, heartbeats are
//!   waited for anew, and verdicts stay for 40 s more: the node controller was blind too, and may have marked every node.
//! * Three nodes or more, and a fifth of all, change within two ticks across zones: Ready leaves True, or heartbeats have
//!   been missing for 25 s. When one is about to be told, those whose heartbeat is late count too, so that none is told
//!   before the others. When all of these are in one zone and nodes elsewhere send heartbeats, that zone is lost
//!   (`zone-down`) and nothing else is suspect. Nodes without a zone count as being in none together. When every node is
//!   silent the control plane is suspect, whatever their zones, for as long as that lasts.
//!
//! Then there is this one finding, and single nodes are not judged: `heartbeat-gap`, `node-not-ready` and `node-limbo`
//! begin nothing and end nothing, what they began within the last two ticks is taken back, and silences do not count for
//! limbo. 5 min after the last of it, what is true then is told. `stranded` and `unavailable` are never held back.
//!
//! ## Why
//!
//! When an API server, its etcd or the network before it stalls, all kubelets seem to fall silent in the same second.
//! Whoever reports each of them pages people for nodes that are well, and hides the one thing that is broken.
//!
//! ## Example
//!
//! > no verdict changes: the API server has not been heard since 12:00:05Z; see the API server, its etcd and the network
//! > in between
//!
//! > single nodes are not judged: 4 of 4 nodes fell silent or left Ready together at 12:00:55Z; see the API server, its
//! > etcd and the network in between
//!
//! ## Way out
//!
//! `kubectl get --raw /readyz?verbose` tells which part of the API server is not ready; if it does not answer, its own log
//! and that of etcd do. Nodes need nothing.
//!
//! ## Options
//!
//! `mass_nodes` (3) and `mass_percent` (20) within `mass_window` (10 s), `heartbeat_late` (12.5 s), `suspect_cool_down`
//! (5 min), `thaw_settle` (40 s).

use super::cluster_history::Cause;
use super::{ClusterDetector, ClusterHistory, ClusterStep, Detector, Scope};
use crate::index::ClusterView;
use crate::model::config::DetectorConfig;
use crate::model::finding::{Finding, Message, Remedy, Severity};
use crate::model::text::clock_time;
use crate::model::time::Now;

pub(super) const DETECTOR: Detector = Detector {
    name: "control-plane-suspect",
    severity: Severity::Warning,
    summary: "the API server is not heard, or many nodes across zones change at once: no single node is judged",
    ends: "it has been calm for 5 min",
    latched: false,
    scope: Scope::Cluster(|| Box::new(State)),
    source: include_str!("control_plane_suspect.rs"),
};

/// All that it knows is in the history.
#[derive(Debug)]
struct State;

impl ClusterDetector for State {
    fn step(
        &mut self,
        _: &ClusterView<'_>,
        history: &ClusterHistory,
        _: Now,
        _: &DetectorConfig,
    ) -> ClusterStep {
        let cause = history.suspicion().map(|suspicion| &suspicion.cause);
        ClusterStep {
            findings: cause.map(finding).into_iter().collect(),
            due: None,
        }
    }
}

fn finding(cause: &Cause) -> Finding {
    let way_out = "see the API server, its etcd and the network in between";
    let (impact, object) = match cause {
        Cause::Unheard { since, until: None } => (
            "no verdict changes",
            format!("the API server has not been heard since {}", clock_time(*since)),
        ),
        Cause::Unheard {
            since,
            until: Some(until),
        } => (
            "single nodes are not judged",
            format!(
                "the API server was not heard from {} to {}",
                clock_time(*since),
                clock_time(*until)
            ),
        ),
        Cause::Mass { changed, all, at } => (
            "single nodes are not judged",
            format!(
                "{changed} of {all} nodes fell silent or left Ready together at {}",
                clock_time(*at)
            ),
        ),
        Cause::Before => (
            "single nodes are not judged",
            "the control plane was suspect before this operator started".to_owned(),
        ),
    };
    Finding {
        rule: DETECTOR.name,
        subject: None,
        severity: Severity::Warning,
        message: Message::new(impact, object, way_out),
        remedy: Some(Remedy::Advice("kubectl get --raw '/readyz?verbose'".to_owned())),
        latched: DETECTOR.latched,
        occurrences: 1,
    }
}

#[cfg(test)]
mod tests;
