//! Whole objects, made from Kubernetes' own schemas: every field of the type is set, so a field that a projection begins
//! to read is there without anybody's having thought of it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, Node, PersistentVolume, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use proptest::prelude::*;
use schemars::{JsonSchema, schema_for};
use serde_json::json;

use super::super::from_json;
use super::*;
use crate::model::object::Object;

/// What stands for every text that could be a secret; a number follows, that of its path. An API server would take it as
/// a name or as a label.
const PLANTED: &str = "planted-";

fn schema(kind: Kind) -> Value {
    fn of<T: JsonSchema>() -> Value {
        schema_for!(T).to_value()
    }
    match kind {
        Kind::Deployment => of::<Deployment>(),
        Kind::StatefulSet => of::<StatefulSet>(),
        Kind::DaemonSet => of::<DaemonSet>(),
        Kind::CronJob => of::<CronJob>(),
        Kind::Job => of::<Job>(),
        Kind::ReplicaSet => of::<ReplicaSet>(),
        Kind::Pod => of::<Pod>(),
        Kind::Node => of::<Node>(),
        Kind::Namespace => of::<Namespace>(),
        Kind::HorizontalPodAutoscaler => of::<HorizontalPodAutoscaler>(),
        Kind::PodDisruptionBudget => of::<PodDisruptionBudget>(),
        Kind::Service => of::<Service>(),
        Kind::EndpointSlice => of::<EndpointSlice>(),
        Kind::LimitRange => of::<LimitRange>(),
        Kind::PersistentVolume => of::<PersistentVolume>(),
        Kind::Lease => of::<Lease>(),
        Kind::ScaledObject => scaled_object(),
        Kind::ResiliencePolicy => with_metadata(of::<crate::api::ResiliencePolicy>()),
    }
}

/// As KEDA's CustomResourceDefinition has it, and more of it than is read; in our own words.
fn scaled_object() -> Value {
    let mut schema = schema_for!(HorizontalPodAutoscaler).to_value();
    let (text, number) = (json!({ "type": "string" }), json!({ "type": "integer" }));
    let map = |fields: Value| json!({ "type": "object", "properties": fields });
    let list = |items: Value| json!({ "type": "array", "items": items });
    let texts = json!({ "type": "object", "additionalProperties": text });
    let condition = json!({ "type": text, "status": text, "reason": text, "message": text });
    let trigger = json!({ "type": text, "name": text, "metricType": text, "metadata": texts,
        "authenticationRef": map(json!({ "name": text, "kind": text })) });
    let target = json!({ "apiVersion": text, "kind": text, "name": text, "envSourceContainerName": text });
    let config = json!({ "name": text, "behavior": map(json!({ "scaleDown": map(json!({ "selectPolicy": text })) })) });
    let advanced =
        json!({ "horizontalPodAutoscalerConfig": map(config), "restoreToOriginalReplicaCount": text });
    schema["properties"]["spec"] = map(json!({ "scaleTargetRef": map(target), "pollingInterval": number,
        "idleReplicaCount": number, "minReplicaCount": number, "maxReplicaCount": number, "advanced": map(advanced),
        "triggers": list(map(trigger)), "fallback": map(json!({ "replicas": number })) }));
    schema["properties"]["status"] = map(json!({ "conditions": list(map(condition)), "hpaName": text,
        "externalMetricNames": list(text), "lastActiveTime": { "type": "string", "format": "date-time" } }));
    schema
}

/// A CRD's schema leaves `metadata` to the API server.
fn with_metadata(mut schema: Value) -> Value {
    let mut metadata = schema_for!(ObjectMeta).to_value();
    if let Some(Value::Object(definitions)) = metadata.as_object_mut().and_then(|m| m.remove("$defs")) {
        let known = schema["$defs"].as_object_mut().expect("definitions");
        known.extend(definitions);
    }
    schema["properties"]["metadata"] = metadata;
    schema
}

/// Makes whole objects; what it chooses among is said by a list of numbers.
struct Maker<'s> {
    root: &'s Value,
    choices: &'s [usize],
    chosen: usize,
    /// Where each planted text stands.
    paths: Vec<String>,
}

impl Maker<'_> {
    fn choose(&mut self, of: usize) -> usize {
        self.chosen += 1;
        self.choices
            .get(self.chosen % self.choices.len().max(1))
            .map_or(0, |n| (n + self.chosen) % of)
    }

    fn plant(&mut self, path: &str) -> Value {
        self.paths.push(path.to_owned());
        format!("{PLANTED}{}", self.paths.len() - 1).into()
    }

    fn pick(&mut self, of: &[&str]) -> Value {
        of[self.choose(of.len())].into()
    }

    /// A value of this schema, for the field at this path.
    fn make(&mut self, schema: &Value, path: &str) -> Value {
        if let Some(name) = schema["$ref"].as_str() {
            let pointer = name.trim_start_matches('#');
            let target = self.root.pointer(pointer).expect("a definition").clone();
            return self.make(&target, path);
        }
        if let Some(one) = schema["allOf"].get(0) {
            return self.make(&one.clone(), path);
        }
        if schema["format"] == "date-time" {
            return self.pick(&["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]);
        }
        let field = path.rsplit('.').next().unwrap_or_default();
        if let Some(known) = self.known(field) {
            return known;
        }
        if let Some(fields) = schema["properties"].as_object() {
            let make =
                |(name, of): (&String, &Value)| (name.clone(), self.make(of, &format!("{path}.{name}")));
            return fields.iter().map(make).collect::<Map<_, _>>().into();
        }
        match schema["type"].as_str().or_else(|| schema["type"][0].as_str()) {
            Some("array") => (0..1 + self.choose(2))
                .map(|_| self.make(&schema["items"], &format!("{path}[]")))
                .collect::<Vec<_>>()
                .into(),
            Some("integer" | "number") => self.choose(5).into(),
            Some("boolean") => (self.choose(2) == 1).into(),
            Some("string") if field == "status" => self.pick(&["True", "False", "Unknown"]),
            Some("string") => self.plant(path),
            _ if schema["additionalProperties"].is_object() => {
                let value = self.make(&schema["additionalProperties"], &format!("{path}.*"));
                let ours = self.make(&schema["additionalProperties"], &format!("{path}.ours"));
                json!({ "some.key/of-theirs": value, "plimsoll.dev/owner": ours, "pod-template-hash": "abc",
                    "kubernetes.io/service-name": "web", "memory": "64Mi", "autoscaling.keda.sh/paused": "true" })
            }
            // Whatever somebody applied: managedFields, raw extensions.
            _ => json!({ "f:spec": self.plant(path) }),
        }
    }

    /// Fields of which the projections read the value itself.
    fn known(&mut self, field: &str) -> Option<Value> {
        Some(match field {
            "type" => self.pick(&[
                "Ready",
                "DisruptionTarget",
                "Progressing",
                "ScalingActive",
                "Fallback",
                "Container",
                "Pod",
                "RollingUpdate",
            ]),
            "severity" => self.pick(&["Off", "Critical"]),
            "admission" => self.pick(&["Off", "Warn", "Deny"]),
            "patch" => self.pick(&["Suggest", "Apply"]),
            "scaleToZero" => self.pick(&["Allow", "Judge"]),
            "annotation" | "requiresAcrossNamespaces" => self.pick(&["Allow", "Deny"]),
            "phase" => self.pick(&["Running", "Pending", "Failed"]),
            "effect" => self.pick(&["NoExecute", "NoSchedule"]),
            "operator" => self.pick(&["Exists", "Equal", "In"]),
            "restartPolicy" => self.pick(&["Always", "Never"]),
            "whenUnsatisfiable" => self.pick(&["DoNotSchedule", "ScheduleAnyway"]),
            "maxUnavailable" | "maxSurge" | "minAvailable" => self.pick(&["25%", "1", "50%"]),
            "unhealthyPodEvictionPolicy" => self.pick(&["AlwaysAllow", "IfHealthyBudget"]),
            _ => return None,
        })
    }
}

/// An object, and where each planted text stands in it.
fn whole(kind: Kind, choices: &[usize]) -> (Value, Vec<String>) {
    static SCHEMAS: LazyLock<Vec<Value>> = LazyLock::new(|| Kind::ALL.map(schema).into());
    let root = &SCHEMAS[kind as usize];
    let mut maker = Maker {
        root,
        choices,
        chosen: 0,
        paths: Vec::new(),
    };
    let object = maker.make(root, kind.as_str());
    (object, maker.paths)
}

/// The paths of the planted texts that are still there.
fn planted(value: &Value, paths: &[String], into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let number = text
                .strip_prefix(PLANTED)
                .map(|n| n.parse::<usize>().expect("a number"));
            into.extend(number.map(|n| paths[n].clone()));
        }
        Value::Array(items) => items.iter().for_each(|item| planted(item, paths, into)),
        Value::Object(fields) => fields.values().for_each(|value| planted(value, paths, into)),
        _ => {}
    }
}

fn read(kind: Kind, object: &Value) -> Object {
    from_json(kind, object.to_string().as_bytes()).expect("an object")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_pruned_object_reads_like_the_whole(choices in prop::collection::vec(0_usize..60, 1..80)) {
        for kind in Kind::ALL {
            let (object, _) = whole(kind, &choices);
            let pruned = prune(kind, object.clone());
            prop_assert_eq!(read(kind, &pruned), read(kind, &object), "{}", kind);
            prop_assert_eq!(prune(kind, pruned.clone()), pruned, "pruning twice is pruning once");
        }
    }
}

/// What may leave the cluster, field by field: to be read by whoever hands a recording on.
#[test]
fn these_texts_of_an_object_are_kept() {
    let mut before = BTreeSet::new();
    let mut after = BTreeSet::new();
    // The other workloads have the fields of a Deployment.
    let is_told = |kind: &Kind| *kind == Kind::Deployment || !kind.is_workload() || *kind == Kind::Pod;
    for kind in Kind::ALL.into_iter().filter(is_told) {
        let (object, paths) = whole(kind, &[0, 7, 3]);
        planted(&object, &paths, &mut before);
        planted(&prune(kind, object), &paths, &mut after);
    }
    assert!(
        before.len() > 2 * after.len(),
        "{} of {}",
        after.len(),
        before.len()
    );
    let all: Vec<&str> = after.iter().map(String::as_str).collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn no_environment_no_command_no_foreign_annotation_is_kept() {
    let forbidden = [
        "env",
        "envFrom",
        "args",
        "command",
        "managedFields",
        "message",
        "configMap",
        "csi",
        "secret",
        "data",
        "imagePullSecrets",
        "securityContext",
        "httpGet",
        "exec",
    ];
    for kind in Kind::ALL {
        let (mut object, mut paths) = whole(kind, &[5, 1, 9, 2]);
        object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] =
            format!("{PLANTED}{}", paths.len()).into();
        paths.push("last-applied".to_owned());
        let mut kept = BTreeSet::new();
        planted(&object, &paths, &mut kept);
        if matches!(kind, Kind::Pod | Kind::Deployment | Kind::CronJob) {
            for name in ["env", "args", "command"] {
                assert!(
                    kept.iter().any(|path| path.contains(&format!(".{name}"))),
                    "{kind} has no {name} to prune"
                );
            }
        }
        kept.clear();
        planted(&prune(kind, object), &paths, &mut kept);
        for path in &kept {
            // Our own words about our own object.
            if kind == Kind::ResiliencePolicy && path.ends_with(".status.conditions[].message") {
                continue;
            }
            let fields = path.split(['.', '[', ']']);
            assert!(!path.contains("annotations.*"), "{path}");
            let claim = path.ends_with(".persistentVolumeClaim.claimName");
            assert!(claim || !path.contains("volumes[]"), "{path}");
            assert!(!fields.clone().any(|field| forbidden.contains(&field)), "{path}");
            assert_ne!(path, "last-applied");
        }
    }
}

#[test]
fn what_has_another_shape_than_it_should_is_left_out() {
    let object = json!({ "metadata": { "name": "web", "uid": { "secret": 1 }, "annotations": "secret" },
        "spec": { "containers": "secret", "nodeName": ["secret"], "tolerations": [{ "key": { "secret": 1 } }] },
        "status": "secret" });
    let expected = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "web" },
        "spec": { "tolerations": [{}] } });
    assert_eq!(prune(Kind::Pod, object), expected);
}
