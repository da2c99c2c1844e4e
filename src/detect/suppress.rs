//! Nodes that are not judged, and why: what happens to them is meant, or nothing is known of them yet.
//!
//! Suppressed is visible, not silent: `node-not-ready` says so, as info.

use crate::index::NodeView;
use crate::model::config::DetectorConfig;
use crate::model::time::Now;

/// Taints of a node that is about to go, by who sets them. Permanent taints of spot pools are not among them.
const LEAVING: [&str; 7] = [
    // Cluster Autoscaler, when it has begun to remove the node (`DeletionCandidateOfClusterAutoscaler` is only a plan).
    "ToBeDeletedByClusterAutoscaler",
    // Karpenter 1.x, and its name before that.
    "karpenter.sh/disrupted",
    "karpenter.sh/disruption",
    // The cloud controller manager: the machine is shut down.
    "node.cloudprovider.kubernetes.io/shutdown",
    // GKE: a preemptible or spot machine is taken back, or its host is maintained.
    "cloud.google.com/impending-node-termination",
    // AKS node auto-drain and auto-repair, and its name before that.
    "remediator.kubernetes.azure.com/unschedulable",
    "remediator.aks.microsoft.com/unschedulable",
];

/// AWS Node Termination Handler: `spot-itn`, `scheduled-maintenance`, `asg-lifecycle-termination`,
/// `rebalance-recommendation` follow.
const LEAVING_PREFIX: &str = "aws-node-termination-handler/";

/// Why a node is not judged, as the end of "not judged, …"; `None` when it is.
pub(super) fn reason(node: &NodeView<'_>, now: Now, config: &DetectorConfig) -> Option<String> {
    let object = node.node()?;
    let leaving = object
        .taints
        .iter()
        .find(|t| LEAVING.contains(&&*t.key) || t.key.starts_with(LEAVING_PREFIX));
    if object.deleting {
        Some("being deleted".to_owned())
    } else if let Some(taint) = leaving {
        Some(format!("about to be removed (taint {})", taint.key))
    } else if object.unschedulable {
        Some("cordoned".to_owned())
    } else if object
        .created
        .is_some_and(|created| now.since_stamp(created) < config.node_min_age)
    {
        Some("just joined".to_owned())
    } else if !node.has_lease() {
        Some("without a Lease".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::index::Index;
    use crate::model::config::ClusterVersion;
    use crate::model::node::Node;
    use crate::model::template::TaintEffect::NoSchedule;
    use crate::model::testing::{lease, node, wall};
    use crate::model::time::Moment;

    fn reason_of(object: Node, leased: bool) -> Option<String> {
        let mut index = Index::complete(ClusterVersion::NEWEST);
        index.apply(object.object(), Moment(0));
        if leased {
            index.apply(lease("n1", 0).object(), Moment(0));
        }
        let now = Now {
            at: Moment(0),
            wall: wall(0),
        };
        reason(&index.node("n1")?, now, &DetectorConfig::default())
    }

    #[rstest]
    #[case::nothing(node("n1"), None)]
    #[case::silent(node("n1").unknown_since(-5), None)]
    #[case::cordoned(node("n1").cordoned(), Some("cordoned"))]
    #[case::deleting(Node { deleting: true, ..node("n1").cordoned() }, Some("being deleted"))]
    #[case::too_young(Node { created: Some(wall(-59)), ..node("n1") }, Some("just joined"))]
    #[case::old_enough(Node { created: Some(wall(-60)), ..node("n1") }, None)]
    #[case::of_unknown_age(Node { created: None, ..node("n1") }, None)]
    #[case::a_candidate_only(node("n1").taint("DeletionCandidateOfClusterAutoscaler", NoSchedule, None), None)]
    #[case::a_spot_pool(node("n1").taint("kubernetes.azure.com/scalesetpriority", NoSchedule, None), None)]
    fn what_is_meant_or_unknown_is_not_judged(#[case] object: Node, #[case] expected: Option<&str>) {
        assert_eq!(reason_of(object, true).as_deref(), expected);
    }

    #[rstest]
    #[case("ToBeDeletedByClusterAutoscaler")]
    #[case("karpenter.sh/disrupted")]
    #[case("node.cloudprovider.kubernetes.io/shutdown")]
    #[case("aws-node-termination-handler/spot-itn")]
    #[case("cloud.google.com/impending-node-termination")]
    fn a_node_that_is_about_to_go_is_not_judged(#[case] key: &str) {
        assert_eq!(
            reason_of(node("n1").taint(key, NoSchedule, None), true),
            Some(format!("about to be removed (taint {key})"))
        );
    }

    #[test]
    fn a_node_without_a_lease_is_not_judged() {
        assert_eq!(reason_of(node("n1"), false).as_deref(), Some("without a Lease"));
    }
}
