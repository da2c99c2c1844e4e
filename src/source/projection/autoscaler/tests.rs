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
    let spec = json!({ "scaleTargetRef": { "name": "web" }, "minReplicaCount": 0, "idleReplicaCount": 0 });
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
fn headroom(#[case] current: u32, #[case] status: &str, #[case] reason: &str, #[case] expected: Headroom) {
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
