//! # node-not-ready

use super::{Detector, NodeDetector, Scope, Step};
use crate::model::config::DetectorConfig;
use crate::model::finding::Severity;
use crate::model::time::Now;

pub(super) const DETECTOR: Detector = Detector {
    name: "node-not-ready",
    severity: Severity::Warning,
    summary: "",
    ends: "",
    latched: false,
    scope: Scope::Node(|| Box::new(State::default())),
    source: include_str!("node_not_ready.rs"),
};

#[derive(Debug, Default)]
struct State {}

impl NodeDetector for State {
    fn step(
        &mut self,
        _node: &crate::index::NodeView<'_>,
        _history: &super::NodeHistory,
        _now: Now,
        _config: &DetectorConfig,
    ) -> Step {
        Step::quiet()
    }
}
