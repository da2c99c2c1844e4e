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
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::super::from_json;
    use super::*;

    fn read(kind: Kind, object: &Value) -> Autoscaler {
        match from_json(kind, object.to_string().as_bytes()) {
            Ok(Object::Autoscaler(autoscaler)) => autoscaler,
            other => panic!("no autoscaler: {other:?}"),
        }
    }

    fn scaled(spec: &Value, annotations: &Value) -> Autoscaler {
        let metadata = json!({ "name": "web", "namespace": "shop", "annotations": annotations });
        read(
            Kind::ScaledObject,
            &json!({ "metadata": metadata, "spec": spec, "status": {} }),
        )
    }

    fn problems(of: &Autoscaler) -> Vec<String> {
        let problems = of.problems.iter();
        problems.map(|p| format!("{} {}", p.field, p.message)).collect()
    }

    #[test]
    fn a_scaled_object_with_a_target_only_takes_kedas_defaults() {
        let web = scaled(&json!({ "scaleTargetRef": { "name": "web" } }), &json!({}));
        let target = ScaleTarget {
            group: "apps".into(),
            kind: "Deployment".into(),
            name: "web".into(),
        };
        assert_eq!(
            (&web.target, web.floor(), web.ceiling()),
            (&target, Some(0), Some(100))
        );
        assert_eq!(&*web.keda().expect("a ScaledObject").horizontal, "keda-hpa-web");
        assert_eq!(problems(&web), [""; 0]);
        assert_eq!(web.key().to_string(), "ScaledObject shop/web");
    }

    #[test]
    fn a_scaled_object_may_name_everything() {
        let spec = json!({ "scaleTargetRef": { "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web" },
            "minReplicaCount": 2, "maxReplicaCount": 9, "idleReplicaCount": 0,
            "advanced": { "horizontalPodAutoscalerConfig": { "name": "web" } } });
        let web = scaled(&spec, &json!({}));
        assert_eq!(
            (&*web.target.group, &*web.target.kind),
            ("argoproj.io", "Rollout")
        );
        assert_eq!(
            (web.least(), web.floor(), web.ceiling()),
            (Some(2), Some(0), Some(9))
        );
        assert_eq!(&*web.keda().expect("a ScaledObject").horizontal, "web");
    }

    #[rstest]
    #[case::no_annotation(json!({}), Pause::Running)]
    #[case::paused(json!({ "autoscaling.keda.sh/paused": "true" }), Pause::Standing)]
    #[case::not_paused(json!({ "autoscaling.keda.sh/paused": "False" }), Pause::Running)]
    #[case::no_boolean(json!({ "autoscaling.keda.sh/paused": "yes" }), Pause::Standing)]
    #[case::paused_at(json!({ "autoscaling.keda.sh/paused-replicas": "3" }), Pause::At(Field::Set(3)))]
    #[case::paused_at_goes_first(
        json!({ "autoscaling.keda.sh/paused-replicas": "0", "autoscaling.keda.sh/paused": "true" }),
        Pause::At(Field::Set(0))
    )]
    #[case::paused_at_no_number(json!({ "autoscaling.keda.sh/paused-replicas": "two" }), Pause::At(Field::Invalid))]
    #[case::others_annotations(json!({ "keda.sh/paused": "true", "plimsoll.dev/owner": "a" }), Pause::Running)]
    fn pauses(#[case] annotations: Value, #[case] expected: Pause) {
        let web = scaled(&json!({ "scaleTargetRef": { "name": "web" } }), &annotations);
        assert_eq!(web.keda().expect("a ScaledObject").pause, expected);
        assert_eq!(
            problems(&web).len(),
            usize::from(expected == Pause::At(Field::Invalid))
        );
    }

    #[rstest]
    #[case::idle_as_the_minimum(
        json!({ "minReplicaCount": 2, "idleReplicaCount": 2 }),
        "spec.idleReplicaCount must be less than minReplicaCount, 2, not 2; leave it out"
    )]
    #[case::idle_without_a_minimum(
        json!({ "idleReplicaCount": 0 }),
        "spec.idleReplicaCount must be less than minReplicaCount, 0, not 0; leave it out"
    )]
    #[case::idle_at_one(
        json!({ "minReplicaCount": 0, "idleReplicaCount": 1 }),
        "spec.idleReplicaCount must be less than minReplicaCount, 1, not 1; leave it out"
    )]
    #[case::negative(json!({ "minReplicaCount": -1 }), "spec.minReplicaCount must be 0 or more, not -1")]
    #[case::no_replicas_at_all(json!({ "maxReplicaCount": 0 }), "spec.maxReplicaCount must be 1 or more, not 0")]
    #[case::a_text(
        json!({ "maxReplicaCount": "9" }),
        "spec.maxReplicaCount must be a whole number, not the string \"9\""
    )]
    #[case::no_target(json!({ "scaleTargetRef": { "kind": "Deployment" } }), "spec.scaleTargetRef.name is required; add it")]
    fn what_keda_refuses_is_named(#[case] mut spec: Value, #[case] expected: &str) {
        if spec["scaleTargetRef"].is_null() {
            spec["scaleTargetRef"] = json!({ "name": "web" });
        }
        assert_eq!(problems(&scaled(&spec, &json!({}))), [expected]);
    }

    /// It is what `autoscaler-conflict` finds.
    #[test]
    fn a_minimum_above_the_maximum_is_no_input_error() {
        let spec = json!({ "scaleTargetRef": { "kind": "Deployment", "name": "web" }, "minReplicas": 5, "maxReplicas": 2 });
        let object = json!({ "metadata": { "name": "web" }, "spec": spec });
        let read = read(Kind::HorizontalPodAutoscaler, &object);
        assert_eq!((read.min, read.max), (Field::Set(5), Field::Set(2)));
        assert_eq!(problems(&read), [""; 0]);
        let spec = json!({ "scaleTargetRef": { "name": "web" }, "minReplicaCount": 5, "maxReplicaCount": 2 });
        assert_eq!(problems(&scaled(&spec, &json!({}))), [""; 0]);
    }

    #[test]
    fn an_idle_count_of_zero_is_fine_with_a_minimum_of_zero_that_is_written_down() {
        let spec =
            json!({ "scaleTargetRef": { "name": "web" }, "minReplicaCount": 0, "idleReplicaCount": 0 });
        assert_eq!(problems(&scaled(&spec, &json!({}))), [""; 0]);
    }

    fn horizontal(status: &Value) -> Horizontal {
        let spec = json!({ "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
            "minReplicas": 2, "maxReplicas": 5 });
        let object = json!({ "metadata": { "name": "web", "ownerReferences": [{ "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject", "name": "web", "controller": true }] }, "spec": spec, "status": status });
        let read = read(Kind::HorizontalPodAutoscaler, &object);
        read.horizontal().expect("a HorizontalPodAutoscaler").clone()
    }

    fn condition(kind: &str, status: &str, reason: &str, since: &str) -> Value {
        json!({ "type": kind, "status": status, "reason": reason, "lastTransitionTime": since, "message": "any" })
    }

    #[test]
    fn the_status_of_an_autoscaler_changes_only_with_what_is_read_of_it() {
        let at = |second: u32, current: u32, reason: &str| {
            let since = format!("2026-01-01T00:00:{second:02}Z");
            horizontal(
                &json!({ "currentReplicas": current, "desiredReplicas": current, "lastScaleTime": since,
                "conditions": [condition("AbleToScale", "True", reason, &since),
                    condition("ScalingActive", "True", "ValidMetricFound", &since),
                    condition("ScalingLimited", "False", "DesiredWithinRange", &since)] }),
            )
        };
        let first = at(0, 2, "ReadyForNewScale");
        assert_eq!((&first.able, &first.active), (&Condition::True, &Condition::True));
        assert_eq!(first.scaled_object.as_deref(), Some("web"));
        assert_eq!(at(15, 4, "ScaleDownStabilized"), first);
        assert_eq!(at(30, 5, "ReadyForNewScale").headroom, Headroom::None);
    }

    #[rstest]
    #[case::below(4, "True", "TooManyReplicas", Headroom::Some)]
    #[case::at_the_maximum(5, "False", "DesiredWithinRange", Headroom::None)]
    #[case::wanting_more(5, "True", "TooManyReplicas", Headroom::Wanted)]
    #[case::held_back_otherwise(5, "True", "ScaleDownLimit", Headroom::None)]
    #[case::above(7, "False", "DesiredWithinRange", Headroom::None)]
    fn headroom(
        #[case] current: u32,
        #[case] status: &str,
        #[case] reason: &str,
        #[case] expected: Headroom,
    ) {
        let limited = condition("ScalingLimited", status, reason, "2026-01-01T00:00:00Z");
        let status = json!({ "currentReplicas": current, "conditions": [limited] });
        assert_eq!(horizontal(&status).headroom, expected);
    }

    #[test]
    fn a_condition_that_does_not_hold_says_why_and_since_when() {
        let since = "2026-01-01T00:00:00Z";
        let status = json!({ "conditions": [condition("ScalingActive", "False", "FailedGetResourceMetric", since),
            condition("AbleToScale", "Unknown", "", since), null, 7] });
        let read = horizontal(&status);
        let expected = Condition::False {
            reason: "FailedGetResourceMetric".into(),
            since: since.parse().ok(),
        };
        assert_eq!((read.active, read.able), (expected, Condition::Unknown));
        assert_eq!(horizontal(&json!(null)).active, Condition::Unknown);
    }

    #[test]
    fn the_conditions_of_a_scaled_object_have_no_time() {
        let object = json!({ "metadata": { "name": "web" }, "spec": { "scaleTargetRef": { "name": "web" } },
            "status": { "conditions": [{ "type": "Ready", "status": "False", "reason": "ScaledObjectCheckFailed" },
                { "type": "Active", "status": "Unknown" }, { "type": "Fallback", "status": "True" }] } });
        let read = read(Kind::ScaledObject, &object);
        let keda = read.keda().expect("a ScaledObject");
        let reason = "ScaledObjectCheckFailed".into();
        assert_eq!(keda.ready, Condition::False { reason, since: None });
        assert!(keda.fallback);
    }
}
