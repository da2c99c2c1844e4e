//! Autoscalers on the real control plane: KEDA's ScaledObjects, whose CustomResourceDefinition comes and goes while the
//! operator runs, and what the controller of HorizontalPodAutoscalers says of them.
//!
//! KEDA itself does not run here: what it would make, the test makes.

use std::time::Duration;

use plimsoll::index::Index;
use plimsoll::model::config::ClusterVersion;
use plimsoll::model::finding::{CheckResult, Outcome};
use plimsoll::model::keys::{Kind, ObjectKey};
use plimsoll::model::time::Moment;
use plimsoll::policy::Policy;
use plimsoll::rules::{self, Question};
use plimsoll::source::projection;
use plimsoll_kit::Operator;
use serde_json::{Value, json};

use crate::cases::{good, hpa};
use crate::world::{SOON, World, world};

const NAMESPACE: &str = "scaled";
const CRD: &str = "scaledobjects.keda.sh";

/// A missing kind is looked for every minute.
const NOTICED: Duration = Duration::from_secs(60);

/// The fields of a ScaledObject that are read, and a few beside; in our own words.
fn crd() -> Value {
    let (text, number) = (
        json!({ "type": "string" }),
        json!({ "type": "integer", "format": "int32" }),
    );
    let map = |fields: Value| json!({ "type": "object", "properties": fields });
    let anything = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let target = map(json!({ "apiVersion": text, "kind": text, "name": text }));
    let spec = map(
        json!({ "scaleTargetRef": target, "minReplicaCount": number, "maxReplicaCount": number,
        "idleReplicaCount": number, "triggers": { "type": "array", "items": anything }, "advanced": map(json!({
            "horizontalPodAutoscalerConfig": map(json!({ "name": text })) })) }),
    );
    let condition = map(json!({ "type": text, "status": text, "reason": text, "message": text }));
    let status = map(json!({ "conditions": { "type": "array", "items": condition }, "hpaName": text }));
    let version = json!({ "name": "v1alpha1", "served": true, "storage": true, "subresources": { "status": {} },
        "schema": { "openAPIV3Schema": map(json!({ "spec": spec, "status": status })) } });
    json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": { "name": CRD },
        "spec": { "group": "keda.sh", "scope": "Namespaced", "versions": [version], "names": {
            "kind": "ScaledObject", "listKind": "ScaledObjectList", "plural": "scaledobjects", "singular": "scaledobject" } } })
}

fn scaled_object(min: u32) -> Value {
    json!({ "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": { "name": "web", "namespace": NAMESPACE },
        "spec": { "scaleTargetRef": { "name": "web" }, "minReplicaCount": min, "maxReplicaCount": 9,
            "triggers": [{ "type": "cron", "metadata": { "desiredReplicas": "5" } }] } })
}

/// What KEDA makes of it.
fn made(world: &World) -> Value {
    let scaled = world
        .plane
        .get(&["scaledobject", "web", "-n", NAMESPACE])
        .expect("the ScaledObject");
    let mut made = hpa(NAMESPACE, "keda-hpa-web", "web", Some(1), 9);
    made["metadata"]["ownerReferences"] = json!([{ "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "web",
        "uid": scaled["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true }]);
    made
}

/// Waits until the report names where the floor comes from.
fn floor_is(world: &World, floor: u32, source: &str) {
    let shown = world.plane.eventually(source, NOTICED + 2 * SOON, |_| {
        let report = world.reports(NAMESPACE).remove("deployment-web");
        let placement = report.map_or(Value::Null, |report| report.0["status"]["placement"].clone());
        let is =
            placement["effectiveMinReplicas"] == floor && placement["effectiveMinReplicasSource"] == source;
        Ok(if is { Ok(()) } else { Err(placement.to_string()) })
    });
    shown.unwrap_or_else(|error| panic!("{error}"));
}

/// Waits until `/readyz` says yes, and this of ScaledObjects.
fn ready_and(world: &World, operator: &Operator, missing: bool) {
    let shown = world.plane.eventually("/readyz", NOTICED + SOON, |_| {
        let (code, body) = operator.get("/readyz")?;
        let is = code == 200 && body.contains("missing: scaledobjects: not installed") == missing;
        Ok(if is { Ok(()) } else { Err(format!("{code} {body}")) })
    });
    shown.unwrap_or_else(|error| panic!("{error}"));
}

/// How many findings of a rule the metrics count in this namespace.
fn counted(operator: &Operator, rule: &str) -> Option<String> {
    let (_, metrics) = operator.get("/metrics").ok()?;
    let labels = [
        "plimsoll_findings{".to_owned(),
        format!("rule=\"{rule}\""),
        format!("namespace=\"{NAMESPACE}\""),
        "severity=\"warning\"".to_owned(),
    ];
    let line = metrics
        .lines()
        .find(|line| labels.iter().all(|label| line.contains(label)))?;
    line.rsplit(' ').next().map(str::to_owned)
}

/// What the log says of ScaledObjects; operators before this one wrote into it too.
fn said(world: &World) -> Vec<String> {
    let log = world.plane.dir().join("logs/operator-0.log");
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let about = log.lines().filter(|line| line.contains("scaledobjects"));
    about.map(str::to_owned).collect()
}

#[test]
fn scaled_objects_are_followed_from_when_keda_is_installed_until_it_is_removed() {
    let world = world();
    let before = said(&world).len();
    let mut operator = world.ready_operator(0);
    ready_and(&world, &operator, true);
    world.plane.namespace(NAMESPACE).expect("a namespace");
    world.apply(&[good("Deployment", NAMESPACE, "web")]);
    floor_is(&world, 2, "spec.replicas");

    world.apply(&[crd()]);
    let established = ["wait", "--for=condition=Established", "crd", CRD, "--timeout=60s"];
    world.plane.kubectl(&established).expect("the kind is served");
    world.apply(&[scaled_object(3)]);
    world.apply(&[made(&world)]);
    floor_is(&world, 3, "ScaledObject web");
    ready_and(&world, &operator, false);
    world.apply(&[scaled_object(1)]);
    let report = world.report_shows(NAMESPACE, "deployment-web", "one replica", |r| {
        r.has("min-replicas")
    });
    let message = report.message("min-replicas");
    assert!(
        message.contains("ScaledObject scaled/web") && message.contains("minReplicaCount 1"),
        "{message}"
    );
    assert!(
        !report.has("autoscaler-conflict"),
        "KEDA's own autoscaler is no second one: {report:?}"
    );

    world.apply(&[
        hpa(NAMESPACE, "by-hand", "web", Some(2), 5),
        hpa(NAMESPACE, "lost", "nobody", Some(2), 5),
    ]);
    let report = world.report_shows(NAMESPACE, "deployment-web", "two autoscalers", |r| {
        r.has("autoscaler-conflict")
    });
    let message = report.message("autoscaler-conflict");
    assert!(
        message.contains("HorizontalPodAutoscaler by-hand and ScaledObject web"),
        "{message}"
    );
    // The conflict, and the one without a target, which no report is about.
    world.eventually("two are counted", |_| {
        match counted(&operator, "autoscaler-conflict") {
            Some(count) if count == "2" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });

    let delete = ["delete", "hpa", "by-hand", "lost", "-n", NAMESPACE];
    world.plane.kubectl(&delete).expect("deleted");
    world.plane.kubectl(&["delete", "crd", CRD]).expect("deleted");
    // Its own autoscaler is collected with the ScaledObject.
    let scale = ["scale", "deployment", "web", "-n", NAMESPACE, "--replicas=2"];
    world.plane.kubectl(&scale).expect("scaled");
    floor_is(&world, 2, "spec.replicas");
    ready_and(&world, &operator, true);
    operator.check().expect("it was never restarted");
    // Missing, listed, missing again; and a minute or two of looking for it in between.
    let lines = said(&world).split_off(before);
    assert!(!lines.is_empty(), "that they are missing is told");
    assert!(lines.len() <= 4, "{}", lines.join("\n"));
    let delete = ["delete", "namespace", NAMESPACE, "--wait=false"];
    world.plane.kubectl(&delete).expect("cleaned up");
    world.nothing_was_forbidden();
}

/// What a rule says of `web` an hour from now.
fn in_an_hour(objects: &[(Kind, Value)], namespace: &str, rule: &str) -> CheckResult {
    let mut index = Index::complete(ClusterVersion::NEWEST);
    for (kind, json) in objects {
        let object = projection::from_json(*kind, json.to_string().as_bytes()).expect("an object");
        index.apply(object, Moment::default());
    }
    let question = Question {
        view: index
            .view(&ObjectKey::new(Kind::Deployment, namespace, "web"))
            .expect("a workload"),
        policy: &Policy::default(),
        now: jiff::Timestamp::now() + Duration::from_secs(3600),
    };
    let mut results = rules::judge(&question).results.into_iter();
    results.rfind(|result| result.rule == rule).expect("an answer")
}

/// No metrics server runs here, so every autoscaler is blind.
#[test]
fn what_the_controller_says_of_an_autoscaler_without_metrics_is_read() {
    let world = world();
    let namespace = "blind";
    world.plane.namespace(namespace).expect("a namespace");
    world.apply(&[
        good("Deployment", namespace, "web"),
        hpa(namespace, "web", "web", Some(2), 5),
    ]);
    let seen = world.eventually("the controller has looked", |world| {
        let hpa = world
            .plane
            .get(&["hpa", "web", "-n", namespace])
            .map_err(|e| e.to_string())?;
        let conditions = hpa["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let looked = conditions
            .iter()
            .any(|c| c["type"] == "ScalingActive" && c["status"] == "False");
        if looked {
            Ok(hpa)
        } else {
            Err(hpa["status"].to_string())
        }
    });
    let web = world
        .plane
        .get(&["deployment", "web", "-n", namespace])
        .expect("the Deployment");
    let objects = [(Kind::Deployment, web), (Kind::HorizontalPodAutoscaler, seen)];
    let result = in_an_hour(&objects, namespace, "autoscaler-blind");
    let Outcome::Fail(failure) = &result.outcome else {
        panic!("{result:?}");
    };
    let text = failure.message.to_string();
    assert!(
        text.contains("ScalingActive False (FailedGet") && text.contains("since 20"),
        "{text}"
    );
    let delete = ["delete", "namespace", namespace, "--wait=false"];
    world.plane.kubectl(&delete).expect("cleaned up");
}
