//! # zone-co-located

use super::{Detector, Scope, Step, WorkloadDetector};
use crate::model::config::DetectorConfig;
use crate::model::finding::Severity;
use crate::model::time::Now;

pub(super) const DETECTOR: Detector = Detector {
    name: "zone-co-located",
    severity: Severity::Warning,
    summary: "",
    ends: "",
    latched: false,
    scope: Scope::Workload(|| Box::new(State::default())),
    source: include_str!("zone_co_located.rs"),
};

#[derive(Debug, Default)]
struct State {}

impl WorkloadDetector for State {
    fn step(
        &mut self,
        _view: &crate::index::WorkloadView<'_>,
        _nodes: &super::NodeHealths,
        _now: Now,
        _config: &DetectorConfig,
    ) -> Step {
        Step::quiet()
    }
}
