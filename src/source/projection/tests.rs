mod template;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::model::budget::UnhealthyPodEviction;
use crate::model::context::LimitRangeType;
use crate::model::field::Field;
use crate::model::intstr::IntOrString;
use crate::model::node::ReadyStatus;
use crate::model::pod::{Pod, PodPhase};
use crate::model::selector::LabelSelector;
use crate::model::template::{ContainerRole, TaintEffect, WhenUnsatisfiable};
use crate::model::workload::{Strategy, Workload};

fn live(kind: Kind, json: &Value) -> Object {
    from_json(kind, json.to_string().as_bytes()).expect("an object")
}

fn problems(kind: Kind, json: &Value) -> Vec<String> {
    let (_, problems) = from_value(kind, json).expect("an object");
    problems
        .into_iter()
        .map(|p| format!("{} {}", p.field, p.message))
        .collect()
}

fn workload(kind: Kind, json: &Value) -> Workload {
    match from_value(kind, json).expect("an object").0 {
        Object::Workload(workload) => *workload,
        other => panic!("no workload: {other:?}"),
    }
}

fn pod(json: &Value) -> Pod {
    match live(Kind::Pod, json) {
        Object::Pod(pod) => pod,
        other => panic!("no pod: {other:?}"),
    }
}

/// A Deployment with one container whose `spec` is changed by merging `spec` into it.
fn deployment(spec: Value) -> Value {
    let mut object = json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {
        "template": {"spec": {"containers": [{"name": "app"}]}}}});
    merge(&mut object["spec"], spec);
    object
}

fn with_pod_spec(spec: &Value) -> Value {
    deployment(json!({"template": {"spec": spec}}))
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

#[rstest]
fn every_kind_reads_with_nothing_but_a_name(
    #[values(json!({}), json!(null), json!([]), json!("x"), json!(7), json!({
    "replicas": null, "template": null, "containers": null, "selector": null, "limits": null, "taints": null,
    "scaleTargetRef": null, "jobTemplate": null, "strategy": null, "updateStrategy": null, "tolerations": null}))]
    spec: Value,
) {
    for kind in Kind::ALL {
        let object = json!({"apiVersion": null, "metadata": {"name": "x", "labels": null, "annotations": null,
            "ownerReferences": null, "managedFields": null, "deletionTimestamp": null, "generation": null},
            "spec": spec, "status": spec, "endpoints": null});
        assert_eq!(&*live(kind, &object).key().name, "x", "{kind}");
        assert!(from_value(kind, &object).is_ok(), "{kind}");
    }
}

#[rstest]
fn every_kind_without_a_name_is_an_error(
    #[values(json!({}), json!({"metadata": null}), json!({"metadata": {"name": ""}}),
    json!({"metadata": {"name": 5}}), json!({"metadata": []}))]
    object: Value,
) {
    for kind in Kind::ALL {
        assert_eq!(
            from_json(kind, object.to_string().as_bytes()),
            Err(ProjectionError::Unnamed { kind })
        );
    }
}

#[test]
fn broken_json_is_a_syntax_error() {
    for text in [
        "",
        "{",
        "{\"metadata\": {\"name\": \"x\"}",
        "{\"metadata\":{\"name\":\"x\"}} trailing",
    ] {
        assert!(
            matches!(
                from_json(Kind::Pod, text.as_bytes()),
                Err(ProjectionError::Syntax(_))
            ),
            "{text}"
        );
    }
    assert!(matches!(
        from_json(Kind::Pod, b"[]"),
        Err(ProjectionError::Shape { .. })
    ));
}

#[rstest]
#[case(json!({"replicas": "2"}), "spec.replicas must be a whole number, not the string \"2\"")]
#[case(json!({"replicas": -1}), "spec.replicas must be 0 or more, not -1")]
#[case(json!({"replicas": 2.5}), "spec.replicas must be a whole number, not the number 2.5")]
#[case(json!({"replicas": 3_000_000_000_u32}), "spec.replicas must be a whole number from -2147483648 to 2147483647, not 3000000000")]
#[case(json!({"strategy": {"type": "Rolling"}}),
    "spec.strategy.type \"Rolling\" is unknown for a Deployment; use RollingUpdate or Recreate")]
#[case(json!({"strategy": {"type": "OnDelete"}}),
    "spec.strategy.type \"OnDelete\" is unknown for a Deployment; use RollingUpdate or Recreate")]
#[case(json!({"strategy": {"rollingUpdate": {"maxUnavailable": "101%"}}}),
    "spec.strategy.rollingUpdate.maxUnavailable must be 100% or less, not 101%")]
#[case(json!({"strategy": {"rollingUpdate": {"maxUnavailable": -1}}}),
    "spec.strategy.rollingUpdate.maxUnavailable must be 0 or more, not -1")]
#[case(json!({"strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": "0%"}}}),
    "spec.strategy.rollingUpdate.maxUnavailable must not be 0 while maxSurge is 0: no pod could ever be replaced; raise one of them")]
#[case(json!({"template": {"spec": {"containers": []}}}),
    "spec.template.spec.containers is required; add at least one container")]
#[case(json!({"template": {"metadata": {"labels": {"app.kubernetes.io/version": 1.5}}}}),
    "spec.template.metadata.labels[\"app.kubernetes.io/version\"] must be a string (put it in quotes), not the number 1.5")]
#[case(json!({"selector": {"matchLabels": {"app": "web"}}}),
    "spec.selector does not match the labels of its own pods, spec.template.metadata.labels; make them agree")]
fn what_the_api_server_refuses_is_named(#[case] spec: Value, #[case] problem: &str) {
    let object = deployment(spec);
    assert_eq!(problems(Kind::Deployment, &object), [problem]);
    assert_eq!(workload(Kind::Deployment, &object).problems.len(), 1);
}

#[rstest]
#[case(json!({"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}]}),
    "topologySpreadConstraints[0].maxSkew must be 1 or more, not 0")]
#[case(json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "Maybe"}]}),
    "topologySpreadConstraints[0].whenUnsatisfiable \"Maybe\" is unknown; use DoNotSchedule or ScheduleAnyway")]
#[case(json!({"topologySpreadConstraints": [{"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}]}),
    "topologySpreadConstraints[0].topologyKey is required; add it")]
#[case(json!({"tolerations": [{"operator": "Exist"}]}), "tolerations[0].operator \"Exist\" is no operator; use Exists or Equal")]
#[case(json!({"containers": [{"name": "a"}, {"name": "a"}]}), "containers two containers are called \"a\"; rename one")]
#[case(json!({"containers": [{"name": "a", "resources": {"limits": {"memory": "12Q"}}}]}),
    "containers[0].resources.limits.memory quantity \"12Q\" has the unknown suffix \"Q\": use n u m k M G T P E, Ki Mi Gi Ti Pi Ei or an exponent such as e6")]
#[case(json!({"containers": [{"name": "a", "resources": {"limits": {"memory": -1}}}]}),
    "containers[0].resources.limits.memory -1 is negative; write 0 or more")]
#[case(json!({"containers": [{"name": "a", "resources": {"limits": {"memory": ["1Gi"]}}}]}),
    "containers[0].resources.limits.memory must be a quantity such as 128Mi, not a list")]
#[case(json!({"containers": [{"name": "a", "resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "2Gi"}}}]}),
    "containers[0].resources.requests.memory the request 2Gi is above the limit 1Gi; lower one or raise the other")]
#[case(json!({"containers": {"name": "a"}}), "containers must be a list, not a map")]
fn what_the_api_server_refuses_in_a_template_is_named(#[case] spec: Value, #[case] problem: &str) {
    let found = problems(Kind::Deployment, &with_pod_spec(&spec));
    assert_eq!(
        found.first(),
        Some(&format!("spec.template.spec.{problem}")),
        "{found:?}"
    );
}

#[rstest]
#[case(json!({"minAvailable": "150%"}), "spec.minAvailable must be 100% or less, not 150%")]
#[case(json!({"minAvailable": "2"}),
    "spec.minAvailable \"2\" is neither a whole number nor a percentage: write 1 (without quotes) or \"25%\"")]
#[case(json!({"minAvailable": 1, "maxUnavailable": 1}), "spec.maxUnavailable must not stand beside minAvailable; keep one of them")]
#[case(json!({"unhealthyPodEvictionPolicy": "Always"}),
    "spec.unhealthyPodEvictionPolicy \"Always\" is unknown; use AlwaysAllow or IfHealthyBudget")]
#[case(json!({"unhealthyPodEvictionPolicy": true}),
    "spec.unhealthyPodEvictionPolicy must be a string (put it in quotes), not true")]
#[case(json!({"maxUnavailable": 1, "selector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}),
    "spec.selector.matchExpressions[0] is refused: selector on \"a\" has the unknown operator \"Is\": use In, NotIn, Exists or DoesNotExist")]
fn a_budget_names_what_is_refused(#[case] spec: Value, #[case] problem: &str) {
    let object = json!({"metadata": {"name": "web"}, "spec": spec});
    assert_eq!(problems(Kind::PodDisruptionBudget, &object), [problem]);
}

#[test]
fn a_budget_is_read() {
    let object = json!({
        "metadata": {"name": "web", "namespace": "shop",
            "ownerReferences": [{"apiVersion": "kafka.strimzi.io/v1beta2", "kind": "Kafka", "name": "main", "controller": true}]},
        "spec": {"maxUnavailable": "25%", "unhealthyPodEvictionPolicy": "AlwaysAllow", "selector": {}},
    });
    let Object::DisruptionBudget(budget) = live(Kind::PodDisruptionBudget, &object) else {
        panic!("no budget");
    };
    assert_eq!(budget.key().to_string(), "PodDisruptionBudget shop/web");
    assert_eq!(budget.selector, Field::Set(LabelSelector::default()));
    assert_eq!(budget.max_unavailable, Field::Set("25%".into()));
    assert_eq!(budget.min_available, Field::Absent);
    assert_eq!(budget.unhealthy, Field::Set(UnhealthyPodEviction::AlwaysAllow));
    assert_eq!(budget.controller.as_ref().map(|c| &*c.kind), Some("Kafka"));
    let Object::DisruptionBudget(bare) = live(Kind::PodDisruptionBudget, &json!({"metadata": {"name": "b"}}))
    else {
        panic!("no budget");
    };
    assert_eq!((bare.selector, bare.unhealthy), (Field::Absent, Field::Absent));
}

#[rstest]
#[case(json!(2), Field::Set(2))]
#[case(json!(null), Field::Set(0))]
#[case(json!(-1), Field::Invalid)]
#[case(json!("2"), Field::Invalid)]
fn the_partition_of_a_stateful_set_is_read(#[case] partition: Value, #[case] read: Field<u32>) {
    let object = json!({"metadata": {"name": "db"}, "spec": {"updateStrategy": {"rollingUpdate": {"partition": partition}}}});
    let strategy = workload(Kind::StatefulSet, &object).strategy;
    let partition = strategy.map(|strategy| match strategy {
        Strategy::RollingUpdate { partition, .. } => partition,
        other => panic!("{other:?}"),
    });
    assert_eq!(partition, read);
}

#[test]
fn a_budget_with_both_fields_still_selects() {
    let spec = json!({"minAvailable": 1, "maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}});
    let Object::DisruptionBudget(budget) = live(
        Kind::PodDisruptionBudget,
        &json!({"metadata": {"name": "b"}, "spec": spec}),
    ) else {
        panic!("no budget");
    };
    assert!(
        budget.selector.get().is_some()
            && budget.min_available.is_invalid()
            && budget.max_unavailable.is_invalid()
    );
}

#[rstest]
#[case(json!(536_870_912), "512Mi")]
#[case(json!("1e3"), "1k")]
#[case(json!(1000.0), "1k")]
#[case(json!(" 128Mi "), "128Mi")]
#[case(json!("1500m"), "1500m")]
#[case(json!(null), "0")]
fn memory_is_read_as_the_api_server_reads_it(#[case] memory: Value, #[case] same: &str) {
    let spec = json!({"containers": [{"name": "a", "resources": {"limits": {"memory": memory}}}]});
    let workload = workload(Kind::Deployment, &with_pod_spec(&spec));
    assert_eq!(
        workload.template.containers[0].memory_limit,
        Field::Set(same.parse().expect("a quantity"))
    );
    assert_eq!(workload.template.containers[0].memory_request, Field::Absent);
}

#[test]
fn a_deployment_is_read() {
    let object = json!({
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"plimsoll.dev/owner": "team-web", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "X", "name": "x"},
                {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "name": "p", "controller": true}]},
        "spec": {"replicas": 2, "progressDeadlineSeconds": 60, "paused": true, "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": 1}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                "initContainers": [{"name": "migrate"}, {"name": "proxy", "restartPolicy": "Always"}],
                "containers": [{"name": "app", "resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "512Mi"}}}],
                "ephemeralContainers": [{"name": "debug"}],
                "resources": {"limits": {"memory": "2Gi"}},
                "nodeSelector": {"disk": "ssd"},
                "affinity": {
                    "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]}},
                    "podAntiAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "host", "labelSelector": {}}],
                        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm":
                            {"topologyKey": "zone", "namespaces": ["x"], "namespaceSelector": {}}}]}},
                "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "host", "whenUnsatisfiable": "ScheduleAnyway",
                    "matchLabelKeys": ["pod-template-hash"]}],
                "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}]}}},
        "status": {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 1, "readyReplicas": 2, "conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}});
    let w = workload(Kind::Deployment, &object);
    assert_eq!(w.problems, []);
    assert_eq!(
        (w.key.to_string().as_str(), &*w.uid, w.generation),
        ("Deployment shop/web", "u", 3)
    );
    assert_eq!(w.annotations, [("plimsoll.dev/owner".into(), "team-web".into())]);
    assert_eq!(w.controller.as_ref().map(|c| &*c.kind), Some("Prometheus"));
    assert_eq!(
        (w.replicas, w.progress_deadline, w.paused),
        (Field::Set(2), Some(60), true)
    );
    let (max_unavailable, max_surge) = (Some(IntOrString::Text("25%".into())), Some(IntOrString::Int(1)));
    assert_eq!(
        w.strategy,
        Field::Set(Strategy::RollingUpdate {
            max_unavailable,
            max_surge,
            partition: 0
        })
    );
    assert!(w.status.deadline_exceeded && w.status.updated == 1 && w.status.ready == 2);
    let t = &w.template;
    let roles: Vec<_> = t.containers.iter().map(|c| (&*c.name, c.role)).collect();
    assert_eq!(
        roles,
        [
            ("migrate", ContainerRole::Init),
            ("proxy", ContainerRole::Sidecar),
            ("app", ContainerRole::App)
        ]
    );
    assert_eq!(t.labels.get("app"), Some("web"));
    assert!(t.pod_memory_limit.get().is_some() && t.node_selector.get("disk") == Some("ssd"));
    assert_eq!(t.required_node_affinity.as_ref().map(Vec::len), Some(1));
    assert!(
        t.anti_affinity[0].required
            && t.anti_affinity[0]
                .selector
                .as_ref()
                .is_some_and(LabelSelector::is_empty)
    );
    assert!(!t.anti_affinity[1].required && t.anti_affinity[1].selector.is_none());
    assert_eq!(
        t.spread[0].when_unsatisfiable,
        Field::Set(WhenUnsatisfiable::ScheduleAnyway)
    );
    assert_eq!(t.tolerations[0].effect, Some(TaintEffect::NoExecute));
}

#[test]
fn absence_is_kept_apart_from_defaults() {
    let w = workload(Kind::Deployment, &deployment(json!({})));
    assert_eq!((w.replicas, w.desired()), (Field::Absent, Some(1)));
    assert_eq!(w.template.required_node_affinity, None);
    assert_eq!(w.strategy, Field::Set(Strategy::default()));
}

#[test]
fn a_cron_jobs_template_is_two_levels_down() {
    let template =
        json!({"spec": {"containers": [{"name": "app", "resources": {"limits": {"memory": "x"}}}]}});
    let object =
        json!({"metadata": {"name": "nightly"}, "spec": {"jobTemplate": {"spec": {"template": template}}}});
    let w = workload(Kind::CronJob, &object);
    assert!(w.template.containers[0].memory_limit.is_invalid());
    assert_eq!(
        w.problems[0].field,
        "spec.jobTemplate.spec.template.spec.containers[0].resources.limits.memory"
    );
}

#[test]
fn a_daemon_set_counts_scheduled_pods() {
    let object = json!({"metadata": {"name": "agent"}, "status": {"currentNumberScheduled": 4, "numberReady": 3,
        "updatedNumberScheduled": 2}});
    let status = workload(Kind::DaemonSet, &object).status;
    assert_eq!((status.replicas, status.ready, status.updated), (4, 3, 2));
}

#[test]
fn a_pod_is_read() {
    let p = pod(&running_pod());
    assert_eq!(
        (&*p.namespace, &*p.name, p.node.as_deref()),
        ("shop", "web-7d4b9c6f5-x2x9z", Some("node-1"))
    );
    assert_eq!(p.controller.as_ref().map(|c| &*c.name), Some("web-7d4b9c6f5"));
    assert_eq!(p.revision.as_deref(), Some("7d4b9c6f5"));
    assert_eq!(
        (p.phase, p.ready, p.disruption_target),
        (PodPhase::Running, true, true)
    );
    assert!(p.deletion.is_some() && !p.shape.pod_memory_limited);
    assert_eq!(p.shape.containers.len(), 2);
    let tolerated: Vec<_> = p.shape.no_execute.iter().map(|t| (&*t.key, t.seconds)).collect();
    assert_eq!(
        tolerated,
        [
            ("node.kubernetes.io/not-ready", Some(300)),
            ("node.kubernetes.io/unreachable", Some(300)),
            ("all", None)
        ]
    );
}

#[test]
fn a_pod_in_a_file_is_a_workload_unless_something_controls_it() {
    let owned = running_pod();
    let Ok((Object::Pod(same), _)) = from_value(Kind::Pod, &owned) else {
        panic!("no pod")
    };
    assert_eq!(same, pod(&owned));
    let bare =
        json!({"metadata": {"name": "x", "labels": {"a": "b"}}, "spec": {"containers": [{"name": "app"}]}});
    let w = workload(Kind::Pod, &bare);
    assert_eq!((w.key.kind, w.template.labels.get("a")), (Kind::Pod, Some("b")));
}

#[test]
fn a_watched_pod_that_nothing_controls_is_the_same_workload_as_in_a_file() {
    let bare = json!({"metadata": {"name": "x", "namespace": "shop", "uid": "u", "labels": {"a": "b"},
        "annotations": {"plimsoll.dev/owner": "team-a", "example.com/other": "c"}},
        "spec": {"containers": [{"name": "app", "resources": {"limits": {"memory": "64Mi"}}}],
            "resources": {"limits": {"memory": "1Gi"}},
            "tolerations": [{"operator": "Exists", "effect": "NoExecute"}]},
        "status": {"phase": "Failed"}});
    let Object::Workload(watched) = live(Kind::Pod, &bare) else {
        panic!("no workload")
    };
    assert_eq!(*watched, workload(Kind::Pod, &bare));
    assert!(watched.status.finished);
    assert_eq!(watched.annotation("plimsoll.dev/owner"), Some("team-a"));
    assert_eq!(watched.annotation("example.com/other"), None);
    assert_eq!(watched.labels.get("a"), Some("b"));
}

#[rstest]
#[case::running(json!([{"type": "Suspended", "status": "False"}]), false)]
#[case::about_to_end(json!([{"type": "SuccessCriteriaMet", "status": "True"}]), false)]
#[case::complete(json!([{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}]), true)]
#[case::failed(json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]), true)]
#[case::not_failed(json!([{"type": "Failed", "status": "False"}]), false)]
#[case::none(json!(null), false)]
fn a_job_has_finished_when_it_says_so(#[case] conditions: Value, #[case] finished: bool) {
    let mut job = deployment(json!({}));
    job["status"] = json!({ "conditions": conditions });
    assert_eq!(workload(Kind::Job, &job).status.finished, finished);
    assert!(!workload(Kind::Deployment, &job).status.finished, "only Jobs end");
}

#[test]
fn annotations_that_say_who_runs_it_are_read_and_no_others() {
    let mut object = deployment(json!({}));
    object["metadata"]["annotations"] = json!({"a8r.io/owner": "a", "a8r.io/runbook": "b", "a8r.io/description": "c",
        "owner": "d", "plimsoll.dev/anything": "e", "example.com/owner": "f"});
    let keys: Vec<String> = workload(Kind::Deployment, &object)
        .annotations
        .iter()
        .map(|(key, _)| key.to_string())
        .collect();
    assert_eq!(
        keys,
        ["a8r.io/owner", "a8r.io/runbook", "owner", "plimsoll.dev/anything"]
    );
}

#[test]
fn a_node_is_read() {
    let object = json!({"metadata": {"name": "n1", "uid": "u", "labels": {"topology.kubernetes.io/zone": "a"},
        "deletionTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"unschedulable": true, "taints": [{"key": "k", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z"},
            {"key": "odd", "effect": "Sometimes"}, null, 7]},
        "status": {"nodeInfo": {"bootID": "b", "kubeletVersion": "v1.36.4"},
            "allocatable": {"memory": "8Gi", "cpu": "3920m", "pods": "110"}, "conditions": [
            {"type": "MemoryPressure", "status": "False"},
            {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
    let Object::Node(n) = live(Kind::Node, &object) else {
        panic!("no node")
    };
    assert!(n.deleting && n.unschedulable && n.zone().as_deref() == Some("a"));
    assert_eq!((n.taints.len(), n.taints[0].added.is_some()), (1, true));
    assert_eq!(
        (n.ready.status, &*n.ready.reason),
        (ReadyStatus::Unknown, "NodeStatusUnknown")
    );
    assert_eq!((&*n.boot_id, &*n.kubelet_version), ("b", "v1.36.4"));
    let allocatable = [n.allocatable.memory, n.allocatable.cpu].map(|q| q.expect("an amount").to_string());
    assert_eq!(allocatable, ["8Gi", "3920m"]);
}

#[test]
fn the_other_kinds_are_read() {
    let spec = json!({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "minReplicas": 1,
        "maxReplicas": 5});
    let Object::Autoscaler(a) = live(
        Kind::HorizontalPodAutoscaler,
        &json!({"metadata": {"name": "web"}, "spec": spec}),
    ) else {
        panic!("no autoscaler")
    };
    assert_eq!(
        (&*a.target.group, a.min, a.max),
        ("apps", Field::Set(1), Field::Set(5))
    );

    let spec = json!({"selector": {"app": "web", "on": true}, "type": "ClusterIP", "publishNotReadyAddresses": true});
    let Object::Service(s) = live(Kind::Service, &json!({"metadata": {"name": "web"}, "spec": spec})) else {
        panic!("no service")
    };
    assert!(s.publish_not_ready && !s.external && s.selector.len() == 1);

    let endpoints = json!([{"conditions": {"ready": true}}, {"conditions": {"ready": false}}, {"conditions": {"ready": null}}, {}]);
    let labels = json!({"kubernetes.io/service-name": "web"});
    let object = json!({"metadata": {"name": "web-1", "labels": labels}, "endpoints": endpoints});
    let Object::EndpointSlice(e) = live(Kind::EndpointSlice, &object) else {
        panic!("no slice")
    };
    assert_eq!((e.service.as_deref(), e.ready, e.total), (Some("web"), 3, 4));

    let limits = json!([{"type": "Container", "default": {"memory": "1Gi"}}, {"type": "PersistentVolumeClaim"},
        {"type": "Pod", "max": {"memory": "2Gi"}}]);
    let Object::LimitRange(l) = live(
        Kind::LimitRange,
        &json!({"metadata": {"name": "l"}, "spec": {"limits": limits}}),
    ) else {
        panic!("no limits")
    };
    let scopes: Vec<_> = l
        .limits
        .iter()
        .map(|l| (l.scope, l.max_memory.get().is_some()))
        .collect();
    assert_eq!(
        scopes,
        [(LimitRangeType::Container, false), (LimitRangeType::Pod, true)]
    );

    let object = json!({"metadata": {"name": "n1"}, "spec": {"renewTime": "2026-01-01T00:00:00.123456Z"}});
    assert!(matches!(live(Kind::Lease, &object), Object::Lease(l) if l.renewed.is_some()));
    let object = json!({"metadata": {"name": "shop", "labels": {"team": "web"}}});
    assert!(
        matches!(live(Kind::Namespace, &object), Object::Namespace(n) if n.labels.get("team") == Some("web"))
    );
}

/// A pod as the API server sends it, with what nobody reads: about 8 KB.
fn running_pod() -> Value {
    let container = |name: &str| {
        let env: Vec<Value> = (0..8)
            .map(|i| json!({"name": format!("SETTING_{i}"), "value": "https://service.shop.svc.cluster.local:8443/path"}))
            .collect();
        json!({"name": name, "image": "registry.example/shop/web:1.27.3", "imagePullPolicy": "IfNotPresent", "env": env,
            "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
            "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10,
                "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3},
            "volumeMounts": [{"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": "kube-api-access",
                "readOnly": true}], "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"})
    };
    let key = |key: &str| (key.to_owned(), json!({".": {}, "f:name": {}, "f:value": {}}));
    let env: serde_json::Map<String, Value> = (0..8)
        .map(|i| key(&format!("k:{{\"name\":\"SETTING_{i}\"}}")))
        .collect();
    let status = json!({"f:conditions": {
        "k:{\"type\":\"ContainersReady\"}": {".": {}, "f:lastProbeTime": {}, "f:lastTransitionTime": {}, "f:status": {}, "f:type": {}},
        "k:{\"type\":\"Initialized\"}": {".": {}, "f:lastProbeTime": {}, "f:lastTransitionTime": {}, "f:status": {}, "f:type": {}},
        "k:{\"type\":\"Ready\"}": {".": {}, "f:lastProbeTime": {}, "f:lastTransitionTime": {}, "f:status": {}, "f:type": {}}},
        "f:containerStatuses": {}, "f:hostIP": {}, "f:hostIPs": {}, "f:phase": {}, "f:podIP": {}, "f:startTime": {},
        "f:podIPs": {".": {}, "k:{\"ip\":\"10.0.0.7\"}": {".": {}, "f:ip": {}}}});
    let reported = json!({"f:status": status});
    let fields = json!({"f:metadata": {"f:generateName": {}, "f:labels": {".": {}, "f:app": {}, "f:pod-template-hash": {}},
        "f:ownerReferences": {".": {}, "k:{\"uid\":\"1f0b2c3d-4e5f-6071-8293-a4b5c6d7e8f9\"}": {}}},
        "f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {".": {}, "f:env": env, "f:image": {}, "f:imagePullPolicy": {},
        "f:name": {}, "f:ports": {".": {}, "k:{\"containerPort\":8080,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
        "f:readinessProbe": {".": {}, "f:failureThreshold": {}, "f:httpGet": {".": {}, "f:path": {}, "f:port": {}}},
        "f:resources": {".": {}, "f:limits": {".": {}, "f:cpu": {}, "f:memory": {}}, "f:requests": {".": {}, "f:cpu": {}}}}},
        "f:dnsPolicy": {}, "f:enableServiceLinks": {}, "f:restartPolicy": {}, "f:schedulerName": {}, "f:securityContext": {},
        "f:terminationGracePeriodSeconds": {}}});
    let manager = |name: &str, fields: Value| {
        json!({"apiVersion": "v1", "manager": name, "operation": "Update", "time": "2026-01-01T00:00:10Z",
            "fieldsType": "FieldsV1", "fieldsV1": fields})
    };
    let toleration = |key: &str| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": "2026-01-01T00:00:10Z"});
    let status = |name: &str| {
        json!({"name": name, "ready": true, "restartCount": 0, "image": "registry.example/shop/web:1.27.3",
            "imageID": "registry.example/shop/web@sha256:4c1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8",
            "containerID": "containerd://9b1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8",
            "state": {"running": {"startedAt": "2026-01-01T00:00:05Z"}}, "lastState": {}, "started": true})
    };
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-7d4b9c6f5-x2x9z", "generateName": "web-7d4b9c6f5-", "namespace": "shop",
            "uid": "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", "resourceVersion": "123456789",
            "creationTimestamp": "2026-01-01T00:00:00Z", "deletionTimestamp": "2026-01-02T00:00:00Z",
            "labels": {"app": "web", "tier": "front", "pod-template-hash": "7d4b9c6f5"},
            "annotations": {"checksum/config": "4c1a2b3c4d5e6f708192a3b4c5d6e7f8"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d4b9c6f5",
                "uid": "1f0b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", "controller": true, "blockOwnerDeletion": true}],
            "managedFields": [manager("kube-controller-manager", fields), manager("kubelet", reported)]},
        "spec": {"containers": [container("app"), container("proxy")], "nodeName": "node-1", "serviceAccountName": "default",
            "tolerations": [toleration("node.kubernetes.io/not-ready"), toleration("node.kubernetes.io/unreachable"),
                {"key": "all", "operator": "Exists"}, {"key": "x", "effect": "NoSchedule"}],
            "volumes": [{"name": "kube-api-access", "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}}]}}]},
        "status": {"phase": "Running", "podIP": "10.0.0.7", "hostIP": "192.168.0.1", "qosClass": "Burstable",
            "conditions": [condition("DisruptionTarget"), condition("Initialized"), condition("Ready"),
                condition("ContainersReady"), condition("PodScheduled")],
            "containerStatuses": [status("app"), status("proxy")]}})
}
