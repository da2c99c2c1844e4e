//! # heartbeat-gap
//!
//! A node counts as Ready, and its kubelet has missed heartbeats: its Lease has not been renewed for 25 s, when it should be
//! every 10 s. Kubernetes says nothing of that before 50 s (40 s before 1.32). One gap is an info; three gaps of 20 s to
//! 50 s within 5 min, none long enough for Kubernetes to notice, are a warning.
//!
//! A heartbeat is a `renewTime` of the node's Lease that increased, or a changed `lastHeartbeatTime` of its condition Ready:
//! the node controller takes either. How long it is ago is counted from when it was seen, on this machine's monotonic
//! clock: stamps of a node are compared with each other only, because node clocks lie. A label edit is no heartbeat.
//!
//! ## Why
//!
//! iconik, 5 September 2019: the node that took the web service down had missed heartbeats for a while before it was marked.
//! The first gap is half a minute of warning.
//!
//! ## Example
//!
//! > 2 pods of 1 workload at risk, all of shop/web: node n1 counts as Ready and has sent no heartbeat since 22:50:20Z; see
//! > what stops its kubelet: memory, disk, network or the machine
//!
//! What is on the node is counted once for each gap. It ends when heartbeats have been regular for 5 min. Nodes that are not
//! judged (cordoned, about to go, just joined) are passed over, and nothing is told while the control plane is suspect.
//!
//! ## Way out
//!
//! `kubectl describe node NODE` shows pressure conditions and what is requested there; memory first. Evict what must serve
//! before the node falls silent.
//!
//! ## Options
//!
//! `heartbeat_gap` (25 s), `heartbeat_short_gap` (20 s to 50 s), `heartbeat_gaps` (3) within `heartbeat_window` (5 min).

use super::node_not_ready::Residents;
use super::{Detector, NodeDetector, NodeHistory, Scope, Step};
use crate::index::NodeView;
use crate::model::config::DetectorConfig;
use crate::model::finding::{Finding, Message, Remedy, Severity};
use crate::model::text::{clock_time, duration, shell_quote};
use crate::model::time::{Moment, Now};

pub(super) const DETECTOR: Detector = Detector {
    name: "heartbeat-gap",
    severity: Severity::Info,
    summary: "a node that counts as Ready has sent no heartbeat for 25 s; warning: 3 gaps of 20 s to 50 s within 5 min",
    ends: "heartbeats have been regular for 5 min",
    latched: false,
    scope: Scope::Node(|| Box::new(State::default())),
    source: include_str!("heartbeat_gap.rs"),
};

#[derive(Debug, Default)]
struct State {
    /// What was said last of which gap.
    said: Option<(Severity, Option<Moment>, Finding)>,
}

impl NodeDetector for State {
    fn step(
        &mut self,
        node: &NodeView<'_>,
        history: &NodeHistory,
        now: Now,
        config: &DetectorConfig,
    ) -> Step {
        let Some((severity, open)) = history.pulse().state() else {
            self.said = None;
            return Step::quiet();
        };
        match &self.said {
            Some((same, gap, finding)) if (*same, *gap) == (severity, open) => Step::firing(finding.clone()),
            _ => {
                let finding = finding(node, severity, open, now, config);
                self.said = Some((severity, open, finding.clone()));
                Step::firing(finding)
            }
        }
    }
}

fn finding(
    node: &NodeView<'_>,
    severity: Severity,
    open: Option<Moment>,
    now: Now,
    config: &DetectorConfig,
) -> Finding {
    let name = node.name();
    let window = duration(config.heartbeat_window);
    let object = match (severity, open) {
        (Severity::Info, Some(since)) => format!(
            "node {name} counts as Ready and has sent no heartbeat since {}",
            clock_time(now.wall_of(since))
        ),
        (Severity::Info, None) => {
            format!("node {name} missed heartbeats, and has not been regular for {window} since")
        }
        _ => {
            let (least, most) = config.heartbeat_short_gap;
            format!(
                "node {name} misses heartbeats again and again: {} gaps of {} to {} within {window}",
                config.heartbeat_gaps,
                duration(least),
                duration(most)
            )
        }
    };
    let way_out = "see what stops its kubelet: memory, disk, network or the machine";
    Finding {
        rule: DETECTOR.name,
        subject: None,
        severity,
        message: Message::new(Residents::count(node).at_risk_by_name(node), object, way_out),
        remedy: Some(Remedy::Advice(format!(
            "kubectl describe node {}",
            shell_quote(name)
        ))),
        latched: DETECTOR.latched,
        occurrences: 1,
    }
}

#[cfg(test)]
mod tests;
