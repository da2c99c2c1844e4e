//! Objects that limit others: PodDisruptionBudget, LimitRange.

use serde::Deserialize;

use super::Projection;
use super::container::Amounts;
use super::loose::{Fields, List, Loose, Struct, Text, quoted};
use super::meta::{Identity, Meta, Skipped};
use super::path::{Path, Problems};
use super::selector::SelectorFields;
use super::strategy::amount;
use crate::model::budget::{DisruptionBudget, UnhealthyPodEviction};
use crate::model::context::{LimitRange, LimitRangeItem, LimitRangeType};
use crate::model::field::Field;
use crate::model::intstr::IntOrString;
use crate::model::keys::Kind;
use crate::model::object::Object;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BudgetFields<'a> {
    #[serde(borrow)]
    metadata: Struct<Meta<'a, Skipped<'a>>>,
    #[serde(borrow)]
    spec: Struct<BudgetSpec<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct BudgetSpec<'a> {
    #[serde(borrow)]
    selector: Struct<SelectorFields<'a>>,
    min_available: Loose<IntOrString>,
    max_unavailable: Loose<IntOrString>,
    #[serde(borrow)]
    unhealthy_pod_eviction_policy: Text<'a>,
}

impl<'a> Projection<'a> for BudgetFields<'a> {
    fn project(self, _: Kind, problems: &mut Problems) -> (Identity<'a>, Option<Object>) {
        let mut meta = self.metadata.fields_or_default();
        let identity = Identity::take(&mut meta, problems);
        let Some(name) = identity.name.clone() else {
            return (identity, None);
        };
        let path = Path::Root.key("spec");
        let spec = self.spec.fields(path, problems);
        let mut min_available = amount(spec.min_available, Some(100), path.key("minAvailable"), problems);
        let mut max_unavailable = amount(
            spec.max_unavailable,
            Some(100),
            path.key("maxUnavailable"),
            problems,
        );
        if min_available != Field::Absent && max_unavailable != Field::Absent {
            let message = "must not stand beside minAvailable; keep one of them";
            problems.add(path.key("maxUnavailable"), message);
            (min_available, max_unavailable) = (Field::Invalid, Field::Invalid);
        }
        let before = problems.count();
        let selector = spec.selector.selector(path.key("selector"), problems);
        let refused = problems.count() > before;
        let budget = DisruptionBudget {
            namespace: identity.namespace.clone(),
            name,
            controller: meta.owner_references.controller(problems),
            selector: if refused { Field::Invalid } else { selector.into() },
            min_available,
            max_unavailable,
            unhealthy: unhealthy(
                spec.unhealthy_pod_eviction_policy,
                path.key("unhealthyPodEvictionPolicy"),
                problems,
            ),
            problems: Vec::new(),
        };
        (identity, Some(Object::DisruptionBudget(budget)))
    }
}

fn unhealthy(policy: Text<'_>, path: Path<'_>, problems: &mut Problems) -> Field<UnhealthyPodEviction> {
    match policy.field(path, problems) {
        Field::Absent => Field::Absent,
        Field::Invalid => Field::Invalid,
        Field::Set(text) => match &*text {
            "IfHealthyBudget" => Field::Set(UnhealthyPodEviction::IfHealthyBudget),
            "AlwaysAllow" => Field::Set(UnhealthyPodEviction::AlwaysAllow),
            other => {
                let message = format!("{} is unknown; use AlwaysAllow or IfHealthyBudget", quoted(other));
                problems.add(path, message);
                Field::Invalid
            }
        },
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LimitRangeFields<'a> {
    #[serde(borrow)]
    metadata: Struct<Meta<'a, Skipped<'a>>>,
    #[serde(borrow)]
    spec: Struct<LimitRangeSpec<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LimitRangeSpec<'a> {
    #[serde(borrow)]
    limits: List<Fields<Item<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    default: Struct<Amounts>,
    #[serde(rename = "defaultRequest")]
    default_request: Struct<Amounts>,
    max: Struct<Amounts>,
    min: Struct<Amounts>,
}

impl<'a> Projection<'a> for LimitRangeFields<'a> {
    fn project(self, _: Kind, problems: &mut Problems) -> (Identity<'a>, Option<Object>) {
        let identity = Identity::take(&mut self.metadata.fields_or_default(), problems);
        let Some(name) = identity.name.clone() else {
            return (identity, None);
        };
        let path = Path::Root.key("spec");
        let spec = self.spec.fields(path, problems);
        let path = path.key("limits");
        let mut limits = Vec::new();
        for (i, Fields(item)) in spec.limits.items(path, problems) {
            limits.extend(limit(item, path.at(i), problems));
        }
        let range = LimitRange {
            namespace: identity.namespace.clone(),
            name,
            limits,
            problems: Vec::new(),
        };
        (identity, Some(Object::LimitRange(range)))
    }
}

/// One item; `None` for those that set no pod's limits (PersistentVolumeClaim, another extension's).
fn limit(item: Item<'_>, path: Path<'_>, problems: &mut Problems) -> Option<LimitRangeItem> {
    let scope = match item.kind.take(path.key("type"), problems).as_deref() {
        Some("Container") => LimitRangeType::Container,
        Some("Pod") => LimitRangeType::Pod,
        Some(_) => return None,
        None => {
            problems.add(
                path.key("type"),
                "is required; use Container, Pod or PersistentVolumeClaim",
            );
            return None;
        }
    };
    let mut amount = |amounts: Struct<Amounts>, key: &str| {
        let path = path.key(key);
        amounts.fields(path, problems).read(path, problems)
    };
    let limit = amount(item.default, "default");
    let max = amount(item.max, "max");
    let request = amount(item.default_request, "defaultRequest");
    let min = amount(item.min, "min");
    Some(LimitRangeItem {
        scope,
        default_memory: limit.memory,
        max_memory: max.memory,
        min_memory: min.memory,
        request_memory: request.memory,
        default_cpu: limit.cpu,
        max_cpu: max.cpu,
        min_cpu: min.cpu,
        request_cpu: request.cpu,
    })
}
