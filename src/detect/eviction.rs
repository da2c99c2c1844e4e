//! When Kubernetes takes pods off a node that is not ready: the node's NoExecute taint and what the pods tolerate of it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::index::{NodeView, PodView, WorkloadView};
use crate::model::keys::Kind;
use crate::model::pod::PodShape;
use crate::model::stay::Stay;
use crate::model::template::first_tolerating;

/// How long a pod stays on a node after that NoExecute taint came; `None` = for ever.
///
/// No toleration matches → at once: what the API server adds, a pod has already. Otherwise the first that does decides.
pub(super) fn stay(shape: &PodShape, taint: &str) -> Option<Duration> {
    let Some(place) = first_tolerating(&shape.no_execute, taint) else {
        return Some(Duration::ZERO);
    };
    match Stay::by(&shape.no_execute[place]) {
        Stay::Seconds(seconds) => Some(Duration::from_secs(seconds)),
        Stay::ForEver => None,
    }
}

/// `stamp` plus how long a pod stays; the stamp itself where that leaves the calendar.
pub(super) fn due(stamp: Timestamp, stay: Duration) -> Timestamp {
    SignedDuration::try_from(stay)
        .ok()
        .and_then(|stay| stamp.checked_add(stay).ok())
        .unwrap_or(stamp)
}

/// The pods on a node that Kubernetes would take off it: of known workloads, not finished. DaemonSet pods are left out,
/// because their controller makes them tolerate both taints for ever. Walks the pods of every workload that has some
/// here, so it is only asked about nodes that are not ready.
pub(super) fn residents<'a>(node: &NodeView<'a>) -> impl Iterator<Item = PodView<'a>> + use<'a> {
    let name = node.name().clone();
    node.workloads()
        .filter(may_leave)
        .flat_map(|view| view.pods())
        .filter(move |pod| pod.node().is_some_and(|n| *n.name() == name))
}

/// Whether Kubernetes would take a workload's pods off a node: not those of a DaemonSet.
pub(super) fn may_leave(view: &WorkloadView<'_>) -> bool {
    view.key().kind != Kind::DaemonSet
}

/// The shortest stay of the pods on a node that are not leaving already; `None` when none of them ever has to go.
pub(super) fn shortest_stay(node: &NodeView<'_>, taint: &str) -> Option<Duration> {
    residents(node)
        .filter(|pod| !pod.is_terminating())
        .filter_map(|pod| stay(pod.shape(), taint))
        .min()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::node::{TAINT_NOT_READY, TAINT_UNREACHABLE};
    use crate::model::template::{TaintEffect, Toleration, TolerationOperator};

    fn toleration(key: &str, seconds: Option<i64>) -> Toleration {
        Toleration {
            key: key.into(),
            operator: TolerationOperator::Exists,
            value: "".into(),
            effect: Some(TaintEffect::NoExecute),
            seconds,
        }
    }

    #[rstest]
    #[case::nothing_tolerated(&[], Some(0))]
    #[case::another_taint_tolerated(&[(TAINT_NOT_READY, Some(300))], Some(0))]
    #[case::by_default(&[(TAINT_NOT_READY, Some(300)), (TAINT_UNREACHABLE, Some(300))], Some(300))]
    #[case::the_first_and_not_the_shortest(&[(TAINT_UNREACHABLE, Some(300)), (TAINT_UNREACHABLE, Some(20))], Some(300))]
    #[case::the_first_though_it_is_for_ever(&[("", None), (TAINT_UNREACHABLE, Some(20))], None)]
    #[case::the_first_that_matches(&[(TAINT_NOT_READY, None), (TAINT_UNREACHABLE, Some(20))], Some(20))]
    #[case::below_zero(&[(TAINT_UNREACHABLE, Some(-1))], Some(0))]
    #[case::for_ever(&[(TAINT_UNREACHABLE, None)], None)]
    #[case::everything_for_ever(&[("", None)], None)]
    fn a_pod_stays_as_long_as_it_tolerates(
        #[case] tolerations: &[(&str, Option<i64>)],
        #[case] seconds: Option<u64>,
    ) {
        let shape = PodShape {
            no_execute: tolerations.iter().map(|(key, s)| toleration(key, *s)).collect(),
            ..PodShape::default()
        };
        assert_eq!(stay(&shape, TAINT_UNREACHABLE), seconds.map(Duration::from_secs));
    }
}
