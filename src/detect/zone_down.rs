//! # zone-down
//!
//! All nodes of a zone are not ready, or 55 % of them and at least three, while nodes elsewhere send their heartbeats: the
//! zone is lost, not the control plane. From 55 % on Kubernetes itself calls a zone disrupted and evicts from it slowly, or
//! in a zone of 50 nodes or fewer not at all; a zone that is wholly down is evicted from at the normal rate for as long as
//! another lives.
//!
//! A zone is the labels `topology.kubernetes.io/region` and `topology.kubernetes.io/zone` together. Nodes labelled
//! `node.kubernetes.io/exclude-disruption` and nodes that are not judged (cordoned, about to go, just joined) don't count.
//! It does not begin while the control plane is suspect: when all nodes are marked at once, one zone is first. Nor does it
//! before a heartbeat from elsewhere was seen to come from a node that has been listened to for 12.5 s, so not in the first
//! 12.5 s after Plimsoll's start.
//!
//! ## Why
//!
//! Ten findings on ten nodes do not say that they have one cause. Whoever is woken needs to know first which workloads have
//! no replica in any other zone.
//!
//! ## Example
//!
//! > 2 of 5 workloads there have no ready replica: all 4 nodes of zone local/a are not ready since 12:00:55Z while others
//! > send heartbeats; see what the zone lost: network, power or its cloud
//!
//! What is there is counted again when the nodes that are not ready are others. Workloads without a ready replica have
//! findings of their own, `stranded` and `unavailable`, which nothing holds back.
//!
//! ## Way out
//!
//! The cloud's or the data centre's own status for the zone. What must run elsewhere and is not evicted: `stranded` says how.
//!
//! ## Options
//!
//! `zone_down_percent` (55) and `zone_down_nodes` (3), which are the node controller's own.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    ClusterDetector, ClusterHistory, ClusterStep, Detector, PriorCluster, Scope, eviction, suppress,
};
use crate::index::{ClusterView, NodeView};
use crate::model::config::DetectorConfig;
use crate::model::finding::{Finding, Message, Remedy, Severity, finding_id};
use crate::model::keys::{Name, ObjectKey};
use crate::model::node::{EXCLUDE_DISRUPTION_LABEL, ReadyStatus, ZONE_LABEL};
use crate::model::text::{clock_time, count, shell_quote};
use crate::model::time::Now;

pub(super) const DETECTOR: Detector = Detector {
    name: "zone-down",
    severity: Severity::Critical,
    summary: "all nodes of a zone, or 55 % and at least three, are not ready while others send heartbeats",
    ends: "the zone is back",
    latched: false,
    scope: Scope::Cluster(|| Box::new(State::default())),
    source: include_str!("zone_down.rs"),
};

#[derive(Debug, Default)]
struct State {
    /// The zones that are down, with the nodes that were not ready when the finding was made.
    down: BTreeMap<String, (BTreeSet<Name>, Finding)>,
    /// Ids of findings that were active before a restart.
    resumed: BTreeSet<String>,
}

impl ClusterDetector for State {
    fn step(
        &mut self,
        cluster: &ClusterView<'_>,
        history: &ClusterHistory,
        now: Now,
        config: &DetectorConfig,
    ) -> ClusterStep {
        let resumed = std::mem::take(&mut self.resumed);
        let nodes: Vec<NodeView<'_>> = cluster.nodes().filter(|node| counts(node, now, config)).collect();
        let mut zones: BTreeMap<&str, Vec<&NodeView<'_>>> = BTreeMap::new();
        for node in &nodes {
            if let Some(zone) = node.zone() {
                zones.entry(zone).or_default().push(node);
            }
        }
        let mut before = std::mem::take(&mut self.down);
        let mut due = None;
        for (zone, members) in zones {
            let said = before.remove(zone);
            let known = said.is_some() || resumed.contains(&finding_id(DETECTOR.name, Some(zone)));
            let elsewhere = || {
                let others = nodes.iter().filter(|node| node.zone() != Some(zone));
                others.filter(|node| is_beating(node, now, config))
            };
            // No heartbeat of such a node is late, so one was seen to come since it is listened to. That it comes marks nothing
            // (all nodes send one right after the start): this is the moment to look.
            let heard_by = |node: &NodeView<'_>| Some(node.listened_since()?.after(config.heartbeat_late));
            let may_begin =
                || !history.holds_nodes_back() && elsewhere().filter_map(heard_by).any(|at| at <= now.at);
            let out: Vec<&NodeView<'_>> = members.iter().copied().filter(|node| !is_ready(node)).collect();
            if !is_down(out.len(), members.len(), config) {
                continue;
            }
            if !(known || may_begin()) {
                let later = elsewhere().filter_map(heard_by).filter(|at| *at > now.at);
                due = due.into_iter().chain(later).min();
                continue;
            }
            let names: BTreeSet<Name> = out.iter().map(|node| node.name().clone()).collect();
            let same = said.filter(|(nodes, _)| *nodes == names);
            let (names, finding) = same.unwrap_or_else(|| (names, finding(zone, &members, &out)));
            self.down.insert(zone.to_owned(), (names, finding));
        }
        ClusterStep {
            findings: self.down.values().map(|(_, finding)| finding.clone()).collect(),
            due,
        }
    }

    fn resume(&mut self, prior: &PriorCluster) {
        self.resumed.clone_from(&prior.active);
    }
}

/// Whether a node counts for its zone, and for the others.
fn counts(node: &NodeView<'_>, now: Now, config: &DetectorConfig) -> bool {
    let excluded = |node: &crate::model::node::Node| node.labels.get(EXCLUDE_DISRUPTION_LABEL).is_some();
    !node.node().is_some_and(excluded) && suppress::reason(node, now, config).is_none()
}

pub(super) fn is_ready(node: &NodeView<'_>) -> bool {
    node.node()
        .is_some_and(|node| node.ready.status == ReadyStatus::True)
}

/// Ready, and no heartbeat is missing yet.
pub(super) fn is_beating(node: &NodeView<'_>, now: Now, config: &DetectorConfig) -> bool {
    let in_time = |since: crate::model::time::Moment| now.at < since.after(config.heartbeat_late);
    is_ready(node) && node.silent_since().is_some_and(in_time)
}

fn is_down(out: usize, all: usize, config: &DetectorConfig) -> bool {
    let most = out >= config.zone_down_nodes && out * 100 >= all * config.zone_down_percent;
    all > 0 && (out == all || most)
}

fn finding(zone: &str, members: &[&NodeView<'_>], out: &[&NodeView<'_>]) -> Finding {
    let since = out
        .iter()
        .filter_map(|node| node.node()?.ready.since)
        .max()
        .map_or_else(String::new, |at: Timestamp| format!(" since {}", clock_time(at)));
    let which = match (out.len(), members.len()) {
        (1, 1) => format!("the only node of zone {zone} is"),
        (out, all) if out == all => format!("all {all} nodes of zone {zone} are"),
        (out, all) => format!("{out} of {all} nodes of zone {zone} are"),
    };
    let object = format!("{which} not ready{since} while others send heartbeats");
    let label = members
        .first()
        .and_then(|node| node.node()?.labels.get(ZONE_LABEL))
        .unwrap_or_default();
    Finding {
        rule: DETECTOR.name,
        subject: Some(zone.to_owned()),
        severity: Severity::Critical,
        message: Message::new(
            impact(members),
            object,
            "see what the zone lost: network, power or its cloud",
        ),
        remedy: Some(Remedy::Advice(format!(
            "kubectl get nodes -l {}",
            shell_quote(&format!("{ZONE_LABEL}={label}"))
        ))),
        latched: DETECTOR.latched,
        occurrences: 1,
    }
}

/// How many of the workloads with pods in the zone serve nobody.
fn impact(members: &[&NodeView<'_>]) -> String {
    let mut there: BTreeMap<&ObjectKey, bool> = BTreeMap::new();
    for view in members.iter().flat_map(|node| node.workloads()) {
        if eviction::may_leave(&view) && view.desired().is_some_and(|desired| desired > 0) {
            there.insert(view.key(), view.ready() > 0);
        }
    }
    let unserved = there.values().filter(|ready| !**ready).count();
    let all = u64::try_from(there.len()).unwrap_or(u64::MAX);
    match (unserved, all) {
        (_, 0) => "no workload there".to_owned(),
        (0, 1) => "the only workload there still has a ready replica".to_owned(),
        (0, all) => format!("all {all} workloads there still have ready replicas"),
        (unserved, all) => format!(
            "{unserved} of {} there {} no ready replica",
            count(all, "workload"),
            if unserved == 1 { "has" } else { "have" }
        ),
    }
}

#[cfg(test)]
mod tests;
