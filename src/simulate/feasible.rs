//! Whether a node could take a workload's pods, as far as the node itself decides that.

use crate::model::node::{Node, ReadyStatus, Taint};
use crate::model::selector::Labels;
use crate::model::template::{
    NodeOperator, NodeRequirement, NodeSelectorTerm, PodTemplate, TaintEffect, Toleration,
};

/// Taint that stands for `spec.unschedulable`: a pod that tolerates it is scheduled on cordoned nodes too.
const TAINT_UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// Whether the scheduler's node filters let a pod of this template onto the node: not cordoned, taints tolerated
/// (`PreferNoSchedule` keeps nobody away), `nodeSelector` and required node affinity met.
///
/// Stricter than the scheduler in one thing: a node that is not Ready, or is being deleted, takes no pods. Its taints say
/// so too, but a tick later.
///
/// Not answered: room (requests, ports, volumes), pod affinity and spread.
#[must_use]
pub fn feasible(template: &PodTemplate, node: &Node) -> bool {
    node.ready.status == ReadyStatus::True
        && !node.deleting
        && (!node.unschedulable || tolerates_cordon(&template.tolerations))
        && tolerates_taints(&template.tolerations, node.taints.iter())
        && allows(
            &template.node_selector,
            template.required_node_affinity.as_deref(),
            node,
        )
}

/// Whether a `nodeSelector` and a required node affinity leave the node.
pub(super) fn allows(selector: &Labels, affinity: Option<&[NodeSelectorTerm]>, node: &Node) -> bool {
    selector
        .iter()
        .all(|(key, value)| node.labels.get(key) == Some(value))
        && affinity.is_none_or(|terms| matches_any(terms, node))
}

pub(super) fn tolerates_cordon(tolerations: &[Toleration]) -> bool {
    tolerations
        .iter()
        .any(|t| t.tolerates(TAINT_UNSCHEDULABLE, "", TaintEffect::NoSchedule))
}

/// Whether the taints are tolerated that do not come and go with the node's health.
pub(super) fn tolerates_lasting(tolerations: &[Toleration], node: &Node) -> bool {
    tolerates_taints(tolerations, node.lasting_taints())
}

fn tolerates_taints<'a>(tolerations: &[Toleration], mut taints: impl Iterator<Item = &'a Taint>) -> bool {
    taints.all(|taint| {
        taint.effect == TaintEffect::PreferNoSchedule
            || tolerations
                .iter()
                .any(|t| t.tolerates(&taint.key, &taint.value, taint.effect))
    })
}

/// Whether one of the terms matches the node.
pub(super) fn matches_any(terms: &[NodeSelectorTerm], node: &Node) -> bool {
    terms.iter().any(|term| matches(term, node))
}

/// A term without any requirement matches nothing (`nodeaffinity` of k8s.io/component-helpers).
fn matches(term: &NodeSelectorTerm, node: &Node) -> bool {
    let NodeSelectorTerm { expressions, fields } = term;
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    expressions
        .iter()
        .all(|r| label_matches(r, node.labels.get(&r.key).map(AsRef::as_ref)))
        && fields.iter().all(|r| field_matches(r, node))
}

fn label_matches(requirement: &NodeRequirement, label: Option<&str>) -> bool {
    let named = |value: &str| requirement.values.iter().any(|v| &**v == value);
    match requirement.operator {
        NodeOperator::In => label.is_some_and(named),
        NodeOperator::NotIn => !label.is_some_and(named),
        NodeOperator::Exists => label.is_some(),
        NodeOperator::DoesNotExist => label.is_none(),
        NodeOperator::Gt => integers(requirement, label).is_some_and(|(label, bound)| label > bound),
        NodeOperator::Lt => integers(requirement, label).is_some_and(|(label, bound)| label < bound),
    }
}

/// The label and the one value of `Gt` and `Lt`, when both are integers.
fn integers(requirement: &NodeRequirement, label: Option<&str>) -> Option<(i64, i64)> {
    let [bound] = requirement.values.as_slice() else {
        return None;
    };
    Some((label?.parse().ok()?, bound.parse().ok()?))
}

/// Only `metadata.name` exists, and only `In` and `NotIn` with one value are allowed on it. Any other field is empty.
fn field_matches(requirement: &NodeRequirement, node: &Node) -> bool {
    let [value] = requirement.values.as_slice() else {
        return false;
    };
    let field = if &*requirement.key == "metadata.name" {
        &*node.name
    } else {
        ""
    };
    match requirement.operator {
        NodeOperator::In => field == &**value,
        NodeOperator::NotIn => field != &**value,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::keys::Name;
    use crate::model::template::TolerationOperator;
    use crate::model::testing::{labels, node};
    use NodeOperator::{DoesNotExist, Exists, Gt, In, Lt, NotIn};

    fn requirement(key: &str, operator: NodeOperator, values: &[&str]) -> NodeRequirement {
        NodeRequirement {
            key: key.into(),
            operator,
            values: values.iter().map(|v| Name::from(*v)).collect(),
        }
    }

    fn affinity(terms: Vec<NodeSelectorTerm>) -> PodTemplate {
        PodTemplate {
            required_node_affinity: Some(terms),
            ..PodTemplate::default()
        }
    }

    fn expression(r: NodeRequirement) -> NodeSelectorTerm {
        NodeSelectorTerm {
            expressions: vec![r],
            fields: vec![],
        }
    }

    fn tolerating(key: &str, exists: bool, value: &str, effect: Option<TaintEffect>) -> PodTemplate {
        PodTemplate {
            tolerations: vec![Toleration {
                key: key.into(),
                operator: if exists {
                    TolerationOperator::Exists
                } else {
                    TolerationOperator::Equal
                },
                value: value.into(),
                effect,
                seconds: None,
            }],
            ..PodTemplate::default()
        }
    }

    #[test]
    fn a_plain_pod_goes_to_any_ready_node_that_is_not_cordoned() {
        let plain = PodTemplate::default();
        assert!(feasible(&plain, &node("n1")));
        assert!(!feasible(&plain, &node("n1").cordoned()));
        assert!(!feasible(&plain, &node("n1").unknown_since(0)));
        let leaving = Node {
            deleting: true,
            ..node("n1")
        };
        assert!(!feasible(&plain, &leaving));
        let ill = node("n1").false_since(0);
        let tolerates_everything = tolerating("", true, "", None);
        assert!(!feasible(&tolerates_everything, &ill), "taints or not");
    }

    #[rstest]
    #[case::no_toleration(PodTemplate::default(), TaintEffect::NoSchedule, false)]
    #[case::soft(PodTemplate::default(), TaintEffect::PreferNoSchedule, true)]
    #[case::no_execute(PodTemplate::default(), TaintEffect::NoExecute, false)]
    #[case::equal(tolerating("gpu", false, "yes", None), TaintEffect::NoSchedule, true)]
    #[case::other_value(tolerating("gpu", false, "no", None), TaintEffect::NoSchedule, false)]
    #[case::exists(tolerating("gpu", true, "", None), TaintEffect::NoSchedule, true)]
    #[case::other_effect(
        tolerating("gpu", true, "", Some(TaintEffect::NoExecute)),
        TaintEffect::NoSchedule,
        false
    )]
    #[case::everything(tolerating("", true, "", None), TaintEffect::NoExecute, true)]
    fn taints_must_be_tolerated(
        #[case] template: PodTemplate,
        #[case] effect: TaintEffect,
        #[case] fits: bool,
    ) {
        let mut tainted = node("n1").taint("gpu", effect, None);
        tainted.taints[0].value = "yes".into();
        assert_eq!(feasible(&template, &tainted), fits);
    }

    #[test]
    fn a_pod_that_tolerates_the_cordon_goes_to_cordoned_nodes() {
        let template = tolerating(TAINT_UNSCHEDULABLE, true, "", None);
        assert!(feasible(&template, &node("n1").cordoned()));
    }

    #[test]
    fn every_label_of_the_node_selector_must_be_there() {
        let template = PodTemplate {
            node_selector: labels(&[("disk", "ssd"), ("arch", "arm64")]),
            ..PodTemplate::default()
        };
        let half = node("n1").label("disk", "ssd");
        assert!(!feasible(&template, &half));
        assert!(feasible(&template, &half.label("arch", "arm64")));
    }

    #[rstest]
    #[case::is_in(requirement("disk", In, &["ssd", "nvme"]), true)]
    #[case::is_not_in(requirement("disk", In, &["hdd"]), false)]
    #[case::in_of_an_absent_label(requirement("gpu", In, &["a100"]), false)]
    #[case::not_in(requirement("disk", NotIn, &["hdd"]), true)]
    #[case::not_in_but_it_is(requirement("disk", NotIn, &["ssd"]), false)]
    #[case::not_in_of_an_absent_label(requirement("gpu", NotIn, &["a100"]), true)]
    #[case::exists(requirement("disk", Exists, &[]), true)]
    #[case::exists_not(requirement("gpu", Exists, &[]), false)]
    #[case::does_not_exist(requirement("gpu", DoesNotExist, &[]), true)]
    #[case::does_exist(requirement("disk", DoesNotExist, &[]), false)]
    #[case::greater(requirement("cores", Gt, &["7"]), true)]
    #[case::not_greater(requirement("cores", Gt, &["8"]), false)]
    #[case::less(requirement("cores", Lt, &["9"]), true)]
    #[case::not_less(requirement("cores", Lt, &["8"]), false)]
    #[case::greater_as_numbers_not_as_text(requirement("cores", Lt, &["10"]), true)]
    #[case::not_a_number(requirement("disk", Gt, &["1"]), false)]
    #[case::bound_not_a_number(requirement("cores", Gt, &["few"]), false)]
    #[case::two_bounds(requirement("cores", Gt, &["1", "2"]), false)]
    #[case::absent_number(requirement("gpus", Lt, &["2"]), false)]
    fn node_affinity_matches_labels(#[case] requirement: NodeRequirement, #[case] fits: bool) {
        let node = node("n1").label("disk", "ssd").label("cores", "8");
        assert_eq!(feasible(&affinity(vec![expression(requirement)]), &node), fits);
    }

    #[rstest]
    #[case::its_name(requirement("metadata.name", In, &["n1"]), true)]
    #[case::another_name(requirement("metadata.name", In, &["n2"]), false)]
    #[case::not_its_name(requirement("metadata.name", NotIn, &["n1"]), false)]
    #[case::not_another_name(requirement("metadata.name", NotIn, &["n2"]), true)]
    #[case::a_field_that_does_not_exist(requirement("metadata.uid", In, &["n1"]), false)]
    #[case::an_operator_that_is_not_allowed(requirement("metadata.name", Exists, &["n1"]), false)]
    #[case::two_values(requirement("metadata.name", In, &["n1", "n2"]), false)]
    fn node_affinity_matches_the_name(#[case] requirement: NodeRequirement, #[case] fits: bool) {
        let term = NodeSelectorTerm {
            expressions: vec![],
            fields: vec![requirement],
        };
        assert_eq!(feasible(&affinity(vec![term]), &node("n1")), fits);
    }

    #[test]
    fn one_term_is_enough_and_all_of_it_must_hold() {
        let ssd = requirement("disk", In, &["ssd"]);
        let gpu = requirement("gpu", Exists, &[]);
        let both = NodeSelectorTerm {
            expressions: vec![ssd.clone(), gpu.clone()],
            fields: vec![],
        };
        let node = node("n1").label("disk", "ssd");
        assert!(!feasible(&affinity(vec![both.clone()]), &node));
        assert!(feasible(&affinity(vec![both, expression(ssd)]), &node));
        assert!(!feasible(&affinity(vec![]), &node));
        assert!(!feasible(&affinity(vec![NodeSelectorTerm::default()]), &node));
    }
}
