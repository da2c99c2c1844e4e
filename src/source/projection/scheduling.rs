//! What a pod says of the nodes it may run on: tolerations, node affinity, anti-affinity, spread.

use std::borrow::Cow;

use serde::Deserialize;

use super::loose::{Fields, List, Loose, Struct, Text, quoted};
use super::meta::shared;
use super::path::{Path, Problems};
use super::selector::SelectorFields;
use crate::model::field::Field;
use crate::model::keys::Name;
use crate::model::template::{
    AntiAffinityTerm, NodeOperator, NodeRequirement, NodeSelectorTerm, SpreadConstraint, TaintEffect,
    Toleration, TolerationOperator, WhenUnsatisfiable,
};

/// A text's shared copy; what is no text is noted and empty.
fn name(text: Text<'_>, path: Path<'_>, problems: &mut Problems) -> Name {
    shared(text.take(path, problems).as_deref().unwrap_or_default())
}

/// As [`name`], and noted when absent or empty.
fn required(text: Text<'_>, path: Path<'_>, problems: &mut Problems) -> Name {
    let absent = matches!(text, Loose::Absent);
    let name = name(text, path, problems);
    if absent {
        problems.required(path);
    }
    name
}

fn names(list: List<Cow<'_, str>>, path: Path<'_>, problems: &mut Problems) -> Vec<Name> {
    let items = list.items(path, problems);
    items.into_iter().map(|(_, text)| Name::from(&*text)).collect()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct TolerationFields<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    operator: Text<'a>,
    #[serde(borrow)]
    value: Text<'a>,
    #[serde(borrow)]
    effect: Text<'a>,
    toleration_seconds: Loose<i64>,
}

/// The effect of that name; `None` for an unknown one.
pub(super) fn taint_effect(text: &str) -> Option<TaintEffect> {
    match text {
        "NoSchedule" => Some(TaintEffect::NoSchedule),
        "PreferNoSchedule" => Some(TaintEffect::PreferNoSchedule),
        "NoExecute" => Some(TaintEffect::NoExecute),
        _ => None,
    }
}

/// The tolerations whose effect (absent = every effect) is wanted.
pub(super) fn tolerations(
    list: List<Fields<TolerationFields<'_>>>,
    wanted: impl Fn(Option<TaintEffect>) -> bool,
    path: Path<'_>,
    problems: &mut Problems,
) -> Vec<Toleration> {
    let items = list.items(path, problems);
    let mut all = Vec::with_capacity(items.len());
    for (i, Fields(fields)) in items {
        let path = path.at(i);
        let effect = match fields.effect.take(path.key("effect"), problems) {
            Some(text) if !text.is_empty() => match taint_effect(&text) {
                Some(effect) => Some(effect),
                None => {
                    let message = format!(
                        "{} is no taint effect; use NoSchedule, PreferNoSchedule or NoExecute",
                        quoted(&text)
                    );
                    problems.add(path.key("effect"), message);
                    continue;
                }
            },
            _ => None,
        };
        if !wanted(effect) {
            continue;
        }
        let operator = match fields.operator.take(path.key("operator"), problems).as_deref() {
            None | Some("" | "Equal") => TolerationOperator::Equal,
            Some("Exists") => TolerationOperator::Exists,
            Some("Gt") => TolerationOperator::Gt,
            Some("Lt") => TolerationOperator::Lt,
            Some(other) => {
                let message = format!("{} is no operator; use Exists or Equal", quoted(other));
                problems.add(path.key("operator"), message);
                continue;
            }
        };
        all.push(Toleration {
            key: name(fields.key, path.key("key"), problems),
            operator,
            value: name(fields.value, path.key("value"), problems),
            effect,
            seconds: fields
                .toleration_seconds
                .take(path.key("tolerationSeconds"), problems),
        });
    }
    all
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct AffinityFields<'a> {
    #[serde(borrow)]
    node_affinity: Struct<NodeAffinity<'a>>,
    #[serde(borrow)]
    pod_anti_affinity: Struct<AntiAffinity<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeAffinity<'a> {
    #[serde(borrow, rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    required: Struct<NodeSelector<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct NodeSelector<'a> {
    #[serde(borrow)]
    node_selector_terms: List<Fields<NodeTerm<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NodeTerm<'a> {
    #[serde(borrow)]
    match_expressions: List<Fields<Requirement<'a>>>,
    #[serde(borrow)]
    match_fields: List<Fields<Requirement<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Requirement<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    operator: Text<'a>,
    #[serde(borrow)]
    values: List<Cow<'a, str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AntiAffinity<'a> {
    #[serde(borrow, rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    required: List<Fields<PodTerm<'a>>>,
    #[serde(borrow, rename = "preferredDuringSchedulingIgnoredDuringExecution")]
    preferred: List<Fields<WeightedTerm<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WeightedTerm<'a> {
    #[serde(borrow)]
    pod_affinity_term: Struct<PodTerm<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodTerm<'a> {
    #[serde(borrow)]
    topology_key: Text<'a>,
    #[serde(borrow)]
    label_selector: Struct<SelectorFields<'a>>,
    #[serde(borrow)]
    match_label_keys: List<Cow<'a, str>>,
    #[serde(borrow)]
    mismatch_label_keys: List<Cow<'a, str>>,
    #[serde(borrow)]
    namespaces: List<Cow<'a, str>>,
    #[serde(borrow)]
    namespace_selector: Struct<SelectorFields<'a>>,
}

impl AffinityFields<'_> {
    /// The required node terms (`None` = no such affinity) and the anti-affinity terms, required ones first.
    pub(super) fn read(
        self,
        path: Path<'_>,
        problems: &mut Problems,
    ) -> (Option<Vec<NodeSelectorTerm>>, Vec<AntiAffinityTerm>) {
        let required_key = "requiredDuringSchedulingIgnoredDuringExecution";
        let node = path.key("nodeAffinity");
        let selector = self.node_affinity.fields(node, problems).required;
        let node = node.key(required_key);
        let node_terms = NodeSelector::terms(selector, node, problems);

        let pod = path.key("podAntiAffinity");
        let terms = self.pod_anti_affinity.fields(pod, problems);
        let mut anti = Vec::new();
        let path = pod.key(required_key);
        for (i, Fields(term)) in terms.required.items(path, problems) {
            anti.push(anti_term(term, true, path.at(i), problems));
        }
        let path = pod.key("preferredDuringSchedulingIgnoredDuringExecution");
        for (i, Fields(weighted)) in terms.preferred.items(path, problems) {
            let path = path.at(i);
            let path = path.key("podAffinityTerm");
            let term = weighted.pod_affinity_term.fields(path, problems);
            anti.push(anti_term(term, false, path, problems));
        }
        (node_terms, anti)
    }
}

impl NodeSelector<'_> {
    /// The terms of the selector at `path`; `None` when it is absent.
    pub(super) fn terms(
        selector: Struct<Self>,
        path: Path<'_>,
        problems: &mut Problems,
    ) -> Option<Vec<NodeSelectorTerm>> {
        let Fields(selector) = selector.take(path, problems)?;
        let path = path.key("nodeSelectorTerms");
        let mut terms = Vec::new();
        for (i, Fields(term)) in selector.node_selector_terms.items(path, problems) {
            let path = path.at(i);
            terms.push(NodeSelectorTerm {
                expressions: requirements(term.match_expressions, path.key("matchExpressions"), problems),
                fields: requirements(term.match_fields, path.key("matchFields"), problems),
            });
        }
        Some(terms)
    }
}

fn requirements(
    list: List<Fields<Requirement<'_>>>,
    path: Path<'_>,
    problems: &mut Problems,
) -> Vec<NodeRequirement> {
    let mut all = Vec::new();
    for (i, Fields(fields)) in list.items(path, problems) {
        let path = path.at(i);
        let operator = match fields.operator.take(path.key("operator"), problems).as_deref() {
            Some("In") => NodeOperator::In,
            Some("NotIn") => NodeOperator::NotIn,
            Some("Exists") => NodeOperator::Exists,
            Some("DoesNotExist") => NodeOperator::DoesNotExist,
            Some("Gt") => NodeOperator::Gt,
            Some("Lt") => NodeOperator::Lt,
            other => {
                let found = other.unwrap_or_default();
                let message = format!(
                    "{} is no operator; use In, NotIn, Exists, DoesNotExist, Gt or Lt",
                    quoted(found)
                );
                problems.add(path.key("operator"), message);
                continue;
            }
        };
        all.push(NodeRequirement {
            key: required(fields.key, path.key("key"), problems),
            operator,
            values: names(fields.values, path.key("values"), problems),
        });
    }
    all
}

fn anti_term(
    term: PodTerm<'_>,
    required_term: bool,
    path: Path<'_>,
    problems: &mut Problems,
) -> AntiAffinityTerm {
    AntiAffinityTerm {
        required: required_term,
        topology_key: required(term.topology_key, path.key("topologyKey"), problems),
        selector: term.label_selector.selector(path.key("labelSelector"), problems),
        match_label_keys: names(term.match_label_keys, path.key("matchLabelKeys"), problems),
        mismatch_label_keys: names(term.mismatch_label_keys, path.key("mismatchLabelKeys"), problems),
        namespaces: names(term.namespaces, path.key("namespaces"), problems),
        namespace_selector: term
            .namespace_selector
            .selector(path.key("namespaceSelector"), problems),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SpreadFields<'a> {
    #[serde(borrow)]
    topology_key: Text<'a>,
    max_skew: Loose<i32>,
    #[serde(borrow)]
    when_unsatisfiable: Text<'a>,
    #[serde(borrow)]
    label_selector: Struct<SelectorFields<'a>>,
    #[serde(borrow)]
    match_label_keys: List<Cow<'a, str>>,
}

pub(super) fn spread(
    list: List<Fields<SpreadFields<'_>>>,
    path: Path<'_>,
    problems: &mut Problems,
) -> Vec<SpreadConstraint> {
    let mut all = Vec::new();
    for (i, Fields(fields)) in list.items(path, problems) {
        let path = path.at(i);
        all.push(SpreadConstraint {
            topology_key: required(fields.topology_key, path.key("topologyKey"), problems),
            max_skew: max_skew(fields.max_skew, path.key("maxSkew"), problems),
            when_unsatisfiable: when(fields.when_unsatisfiable, path.key("whenUnsatisfiable"), problems),
            selector: fields
                .label_selector
                .selector(path.key("labelSelector"), problems),
            match_label_keys: names(fields.match_label_keys, path.key("matchLabelKeys"), problems),
        });
    }
    all
}

fn max_skew(skew: Loose<i32>, path: Path<'_>, problems: &mut Problems) -> Field<i32> {
    match skew.field(path, problems) {
        Field::Set(skew) if skew < 1 => {
            problems.add(path, format!("must be 1 or more, not {skew}"));
            Field::Invalid
        }
        Field::Absent => {
            problems.add(path, "is required; write 1 or more");
            Field::Invalid
        }
        other => other,
    }
}

fn when(text: Text<'_>, path: Path<'_>, problems: &mut Problems) -> Field<WhenUnsatisfiable> {
    let message = match text.field(path, problems) {
        Field::Set(text) => match &*text {
            "DoNotSchedule" => return Field::Set(WhenUnsatisfiable::DoNotSchedule),
            "ScheduleAnyway" => return Field::Set(WhenUnsatisfiable::ScheduleAnyway),
            other => format!(
                "{} is unknown; use DoNotSchedule or ScheduleAnyway",
                quoted(other)
            ),
        },
        Field::Absent => "is required; use DoNotSchedule or ScheduleAnyway".to_owned(),
        Field::Invalid => return Field::Invalid,
    };
    problems.add(path, message);
    Field::Invalid
}
