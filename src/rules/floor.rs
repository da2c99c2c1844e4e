//! What rules say that judge a workload at its floor, where there is none to judge.

use super::Unjudged;
use crate::index::{Floor, FloorSource, WorkloadView};
use crate::model::text::count;

/// The floor; or why there is nothing to judge, because it is below `least`, or cannot be told.
pub(super) fn at_least(least: u32, view: &WorkloadView<'_>) -> Result<Floor, Unjudged> {
    let Some(floor) = view.floor() else {
        let why = format!("the fewest replicas that {} may run cannot be told", view.key());
        return Err(Unjudged::Unknown(why));
    };
    if floor.replicas >= least {
        return Ok(floor);
    }
    Err(Unjudged::NotApplicable(match (floor.replicas, &floor.source) {
        (0, FloorSource::Replicas) => "spec.replicas is 0: off on purpose".to_owned(),
        (0, FloorSource::Autoscaler(name)) => {
            format!("HorizontalPodAutoscaler {name} scales it to zero on purpose")
        }
        (0, FloorSource::ScaledObject(name)) => format!("ScaledObject {name} scales it to zero on purpose"),
        (few, FloorSource::Replicas) => format!("it runs {}", count(few, "replica")),
        (few, FloorSource::Autoscaler(name)) => {
            let replicas = count(few, "replica");
            format!("it may run on {replicas}, by HorizontalPodAutoscaler {name}")
        }
        (few, FloorSource::ScaledObject(name)) => {
            let replicas = count(few, "replica");
            format!("it may run on {replicas}, by ScaledObject {name}")
        }
    }))
}

/// The field that sets the floor: `spec.replicas of Deployment shop/web`, or of its autoscaler.
pub(super) fn field(view: &WorkloadView<'_>, floor: &Floor) -> String {
    let key = view.key();
    match &floor.source {
        FloorSource::Replicas => format!("spec.replicas of {key}"),
        FloorSource::Autoscaler(name) => {
            format!(
                "spec.minReplicas of HorizontalPodAutoscaler {}/{name}",
                key.namespace
            )
        }
        FloorSource::ScaledObject(name) => {
            format!("spec.minReplicaCount of ScaledObject {}/{name}", key.namespace)
        }
    }
}
