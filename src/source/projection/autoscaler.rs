//! HorizontalPodAutoscalers, and the ScaledObjects of KEDA.

use serde::Deserialize;

use super::Projection;
use super::loose::{Fields, List, Loose, Struct, Text, quoted};
use super::meta::{Identity, Meta, Skipped, name, stamp};
use super::path::{Path, Problems};
use crate::model::autoscaler::{
    Autoscaler, Condition, Headroom, Horizontal, KEDA_PAUSED, KEDA_PAUSED_REPLICAS, Keda, Pause, ScaleTarget,
    Scaler,
};
use crate::model::field::Field;
use crate::model::keys::{Kind, Name};
use crate::model::object::Object;
use crate::model::workload::Controller;

/// autoscaling/v2; what is read of the spec stands at the same place in v1.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AutoscalerFields<'a> {
    #[serde(borrow)]
    metadata: Struct<Meta<'a, Skipped<'a>>>,
    #[serde(borrow)]
    spec: Struct<AutoscalerSpec<'a>>,
    #[serde(borrow)]
    status: Struct<Status<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AutoscalerSpec<'a> {
    #[serde(borrow)]
    scale_target_ref: Struct<Target<'a>>,
    min_replicas: Loose<i32>,
    max_replicas: Loose<i32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Target<'a> {
    #[serde(borrow)]
    api_version: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
}

/// Of either kind. `desiredReplicas` is not read: it stands at what the controller wanted at its last look, and what it
/// wanted beyond the maximum only `ScalingLimited` tells.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status<'a> {
    current_replicas: Loose<i32>,
    #[serde(borrow)]
    conditions: List<Fields<ConditionFields<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ConditionFields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(borrow)]
    last_transition_time: Text<'a>,
}

impl Target<'_> {
    fn target(self, path: Path<'_>, problems: &mut Problems) -> ScaleTarget {
        let version = self.api_version.take(path.key("apiVersion"), problems);
        ScaleTarget {
            group: group(version.as_deref()),
            kind: needed(self.kind, path.key("kind"), problems),
            name: needed(self.name, path.key("name"), problems),
        }
    }

    /// As KEDA reads it (`ParseGVKR`): without a version one of `apps/v1`, without a kind a Deployment.
    fn target_of_keda(self, path: Path<'_>, problems: &mut Problems) -> ScaleTarget {
        let version = self.api_version.take(path.key("apiVersion"), problems);
        let version = version.filter(|version| !version.is_empty());
        let kind = self.kind.take(path.key("kind"), problems);
        let kind = kind.filter(|kind| !kind.is_empty());
        ScaleTarget {
            group: group(Some(version.as_deref().unwrap_or("apps/v1"))),
            kind: kind.as_deref().unwrap_or(Kind::Deployment.as_str()).into(),
            name: needed(self.name, path.key("name"), problems),
        }
    }
}

fn group(api_version: Option<&str>) -> Name {
    let group = api_version.and_then(|version| version.split_once('/'));
    group.map_or("", |(group, _)| group).into()
}

fn needed(text: Text<'_>, path: Path<'_>, problems: &mut Problems) -> Name {
    let text = text.take(path, problems).filter(|text| !text.is_empty());
    if text.is_none() {
        problems.required(path);
    }
    Name::from(text.as_deref().unwrap_or_default())
}

impl<'a> Status<'a> {
    /// Takes the condition of that type out.
    fn take(&mut self, kind: &str) -> Option<ConditionFields<'a>> {
        let Loose::Set(conditions) = &mut self.conditions else {
            return None;
        };
        let is_it = |item: &Loose<Fields<ConditionFields<'_>>>| match item {
            Loose::Set(Fields(condition)) => matches!(&condition.kind, Loose::Set(found) if found == kind),
            _ => false,
        };
        let at = conditions.iter().position(is_it)?;
        Some(conditions.swap_remove(at).fields_or_default())
    }

    fn condition(&mut self, kind: &str) -> Condition {
        let Some(found) = self.take(kind) else {
            return Condition::Unknown;
        };
        match found.status.ok().as_deref() {
            Some("True") => Condition::True,
            Some("False") => Condition::False {
                reason: name(found.reason),
                since: stamp(found.last_transition_time),
            },
            _ => Condition::Unknown,
        }
    }

    /// Whether the target runs at `max`, and whether the metrics ask for more.
    fn headroom(&mut self, max: Field<i32>) -> Headroom {
        let current = std::mem::take(&mut self.current_replicas).ok();
        let limited = self.take("ScalingLimited").is_some_and(|found| {
            let is = |text: Text<'_>, what: &str| text.ok().as_deref() == Some(what);
            is(found.status, "True") && is(found.reason, "TooManyReplicas")
        });
        match (current, max) {
            (Some(current), Field::Set(max)) if max > 0 && current >= max => match limited {
                true => Headroom::Wanted,
                false => Headroom::None,
            },
            _ => Headroom::Some,
        }
    }
}

impl<'a> Projection<'a> for AutoscalerFields<'a> {
    fn project(self, _: Kind, problems: &mut Problems) -> (Identity<'a>, Option<Object>) {
        let mut meta = self.metadata.fields_or_default();
        let identity = Identity::take(&mut meta, problems);
        let Some(name) = identity.name.clone() else {
            return (identity, None);
        };
        let path = Path::Root.key("spec");
        let spec = self.spec.fields(path, problems);
        let target = path.key("scaleTargetRef");
        let max = path.key("maxReplicas");
        if matches!(spec.max_replicas, Loose::Absent) {
            problems.required(max);
        }
        let target = spec
            .scale_target_ref
            .fields(target, problems)
            .target(target, problems);
        let min = at_least(0, spec.min_replicas, path.key("minReplicas"), problems);
        let max = match at_least(1, spec.max_replicas, max, problems) {
            Field::Absent => Field::Invalid,
            max => max,
        };
        let mut status = self.status.fields_or_default();
        let horizontal = Horizontal {
            scaled_object: meta.owner_references.controller(problems).and_then(scaled_object),
            able: status.condition("AbleToScale"),
            active: status.condition("ScalingActive"),
            headroom: status.headroom(max),
        };
        let autoscaler = Autoscaler {
            namespace: identity.namespace.clone(),
            name,
            target,
            min,
            max,
            scaler: Scaler::Horizontal(horizontal),
            problems: Vec::new(),
        };
        (identity, Some(Object::Autoscaler(autoscaler)))
    }
}

/// The name of the controller, if that is a ScaledObject.
fn scaled_object(controller: Controller) -> Option<Name> {
    let kind = Kind::ScaledObject;
    let is_it =
        *controller.kind == *kind.as_str() && group(Some(&controller.api_version)) == kind.group().into();
    is_it.then_some(controller.name)
}

fn at_least(least: i32, n: Loose<i32>, path: Path<'_>, problems: &mut Problems) -> Field<i32> {
    match n.field(path, problems) {
        Field::Set(n) if n < least => {
            problems.add(path, format!("must be {least} or more, not {n}"));
            Field::Invalid
        }
        other => other,
    }
}

/// keda.sh/v1alpha1.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ScaledObjectFields<'a> {
    #[serde(borrow)]
    metadata: Struct<Meta<'a, Skipped<'a>>>,
    #[serde(borrow)]
    spec: Struct<ScaledObjectSpec<'a>>,
    #[serde(borrow)]
    status: Struct<Status<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ScaledObjectSpec<'a> {
    #[serde(borrow)]
    scale_target_ref: Struct<Target<'a>>,
    idle_replica_count: Loose<i32>,
    min_replica_count: Loose<i32>,
    max_replica_count: Loose<i32>,
    #[serde(borrow)]
    advanced: Struct<Advanced<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Advanced<'a> {
    #[serde(borrow)]
    horizontal_pod_autoscaler_config: Struct<HorizontalConfig<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HorizontalConfig<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

impl ScaledObjectSpec<'_> {
    /// The name of the HorizontalPodAutoscaler that KEDA makes (`getHPAName` in its `hpa.go`).
    fn horizontal(&mut self, own: &Name, path: Path<'_>, problems: &mut Problems) -> Name {
        let path = path.key("advanced");
        let advanced = std::mem::take(&mut self.advanced).fields(path, problems);
        let path = path.key("horizontalPodAutoscalerConfig");
        let config = advanced.horizontal_pod_autoscaler_config.fields(path, problems);
        let named = config.name.take(path.key("name"), problems);
        match named.filter(|named| !named.is_empty()) {
            Some(named) => Name::from(&*named),
            None => format!("keda-hpa-{own}").into(),
        }
    }
}

impl<'a> Projection<'a> for ScaledObjectFields<'a> {
    fn project(self, _: Kind, problems: &mut Problems) -> (Identity<'a>, Option<Object>) {
        let mut meta = self.metadata.fields_or_default();
        let identity = Identity::take(&mut meta, problems);
        let Some(name) = identity.name.clone() else {
            return (identity, None);
        };
        let path = Path::Root.key("spec");
        let mut spec = self.spec.fields(path, problems);
        let horizontal = spec.horizontal(&name, path, problems);
        let target = path.key("scaleTargetRef");
        let target = spec
            .scale_target_ref
            .fields(target, problems)
            .target_of_keda(target, problems);
        let min = at_least(0, spec.min_replica_count, path.key("minReplicaCount"), problems);
        let max = at_least(1, spec.max_replica_count, path.key("maxReplicaCount"), problems);
        let idle = idle(
            spec.idle_replica_count,
            min,
            path.key("idleReplicaCount"),
            problems,
        );
        let mut status = self.status.fields_or_default();
        let annotations = Path::Root.key("metadata");
        let annotations = annotations.key("annotations");
        let is_true = |found: ConditionFields<'_>| found.status.ok().as_deref() == Some("True");
        let keda = Keda {
            horizontal,
            idle,
            pause: pause(&meta.annotations.keda(annotations, problems), problems),
            ready: status.condition("Ready"),
            fallback: status.take("Fallback").is_some_and(is_true),
        };
        let autoscaler = Autoscaler {
            namespace: identity.namespace.clone(),
            name,
            target,
            min,
            max,
            scaler: Scaler::Keda(keda),
            problems: Vec::new(),
        };
        (identity, Some(Object::Autoscaler(autoscaler)))
    }
}

/// KEDA refuses one that is not below its minimum, for which it takes a 0 that is written down as 1
/// (`CheckReplicaCountBoundsAreValid`).
fn idle(n: Loose<i32>, min: Field<i32>, path: Path<'_>, problems: &mut Problems) -> Field<i32> {
    let idle = at_least(0, n, path, problems);
    let min = match min {
        Field::Absent => 0,
        Field::Set(min) => min.max(1),
        Field::Invalid => return idle,
    };
    match idle {
        Field::Set(n) if n >= min => {
            problems.add(
                path,
                format!("must be less than minReplicaCount, {min}, not {n}; leave it out"),
            );
            Field::Invalid
        }
        idle => idle,
    }
}

fn pause(annotations: &[(Name, Name)], problems: &mut Problems) -> Pause {
    let value = |key: &str| {
        let found = annotations.iter().find(|(found, _)| **found == *key);
        found.map(|(_, value)| &**value)
    };
    if let Some(text) = value(KEDA_PAUSED_REPLICAS) {
        return Pause::At(match text.parse::<i32>() {
            Ok(n) if n >= 0 => Field::Set(n),
            _ => {
                let path = Path::Root.key("metadata");
                let path = path.key("annotations");
                let message = format!("must be a number of replicas, not {}", quoted(text));
                problems.add(path.key(KEDA_PAUSED_REPLICAS), message);
                Field::Invalid
            }
        });
    }
    match value(KEDA_PAUSED) {
        // Go's `strconv.ParseBool`; KEDA takes what is no boolean for true.
        None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Pause::Running,
        Some(_) => Pause::Standing,
    }
}

#[cfg(test)]
mod tests;
