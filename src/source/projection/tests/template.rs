//! What the rules on pod templates read: amounts, ports, probes, hooks, claims, and the Services that lead there.

use super::*;
use crate::model::context::{LimitRange, Service, TargetPort};
use crate::model::template::{Container, Handler, MAX_IMAGE, Protocol};

fn container(json: Value) -> Container {
    let mut fields = json!({"name": "app"});
    merge(&mut fields, json);
    let mut workload = workload(Kind::Deployment, &with_pod_spec(&json!({"containers": [fields]})));
    workload.template.containers.remove(0)
}

fn service(spec: &Value) -> Service {
    let object = json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": spec});
    match live(Kind::Service, &object) {
        Object::Service(service) => service,
        other => panic!("no Service: {other:?}"),
    }
}

#[test]
fn a_container_is_read_in_full() {
    let app = container(json!({
        "image": "registry.example/shop/web:2.3.1",
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "250m", "memory": "512Mi"}},
        "ports": [{"name": "http", "containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5},
        "lifecycle": {"postStart": {"exec": {}}, "preStop": {"sleep": {"seconds": 5}}}}));
    assert_eq!(&*app.image, "registry.example/shop/web:2.3.1");
    let amounts = [
        app.cpu_limit,
        app.cpu_request,
        app.memory_limit,
        app.memory_request,
    ];
    assert_eq!(
        amounts.map(|amount| amount.get().map(ToString::to_string).unwrap_or_default()),
        ["1", "250m", "1Gi", "512Mi"]
    );
    let ports: Vec<_> = app
        .ports
        .iter()
        .map(|p| (&*p.name, p.number, p.protocol))
        .collect();
    assert_eq!(ports, [("http", 8080, Protocol::Tcp), ("", 53, Protocol::Udp)]);
    assert_eq!(app.readiness_probe, Field::Set(Handler::HttpGet));
    assert_eq!(app.pre_stop, Field::Set(Handler::Sleep));
}

#[rstest]
#[case::nothing(json!({}), Field::Absent)]
#[case::null(json!({"readinessProbe": null}), Field::Absent)]
#[case::another_probe(json!({"livenessProbe": {"exec": {}}, "startupProbe": {"exec": {}}}), Field::Absent)]
#[case::exec(json!({"readinessProbe": {"exec": {"command": ["true"]}}}), Field::Set(Handler::Exec))]
#[case::grpc(json!({"readinessProbe": {"grpc": {"port": 1}}}), Field::Set(Handler::Grpc))]
#[case::tcp(json!({"readinessProbe": {"tcpSocket": {"port": 1}, "exec": null}}), Field::Set(Handler::TcpSocket))]
#[case::empty(json!({"readinessProbe": {}}), Field::Invalid)]
#[case::no_handler(json!({"readinessProbe": {"periodSeconds": 5}}), Field::Invalid)]
#[case::a_hooks_own(json!({"readinessProbe": {"sleep": {"seconds": 5}}}), Field::Invalid)]
#[case::two(json!({"readinessProbe": {"exec": {}, "grpc": {}}}), Field::Invalid)]
#[case::no_map(json!({"readinessProbe": {"exec": "true"}}), Field::Invalid)]
#[case::no_probe(json!({"readinessProbe": true}), Field::Invalid)]
fn a_probe_is_there_when_it_asks_something(#[case] fields: Value, #[case] expected: Field<Handler>) {
    let refused = problems(
        Kind::Deployment,
        &with_pod_spec(&json!({"containers": [{"name": "app", "readinessProbe": fields["readinessProbe"]}]})),
    );
    assert_eq!(refused.len(), usize::from(expected.is_invalid()), "{refused:?}");
    assert_eq!(container(fields).readiness_probe, expected);
}

#[rstest]
#[case::requests(json!({"resources": {"limits": {"cpu": "500m"}, "requests": {"cpu": 1}}}),
    "resources.requests.cpu the request 1 is above the limit 500m; lower one or raise the other")]
#[case::no_number(json!({"ports": [{"name": "http"}]}), "ports[0].containerPort is required; add it")]
#[case::no_port(json!({"ports": [{"containerPort": 0}]}),
    "ports[0].containerPort must be a port from 1 to 65535, not 0")]
#[case::protocol(json!({"ports": [{"containerPort": 80, "protocol": "HTTP"}]}),
    "ports[0].protocol \"HTTP\" is no protocol; use TCP, UDP or SCTP")]
#[case::probe(json!({"readinessProbe": {}}),
    "readinessProbe must say what it does; add one of exec, grpc, httpGet, tcpSocket")]
#[case::hook(json!({"lifecycle": {"preStop": {"exec": {}, "sleep": {}}}}),
    "lifecycle.preStop must do one thing; keep one of exec, httpGet, sleep, tcpSocket")]
fn what_the_api_server_refuses_in_a_container_is_named(#[case] fields: Value, #[case] problem: &str) {
    let mut container = json!({"name": "app"});
    merge(&mut container, fields);
    let found = problems(
        Kind::Deployment,
        &with_pod_spec(&json!({"containers": [container]})),
    );
    assert_eq!(found, [format!("spec.template.spec.containers[0].{problem}")]);
}

#[test]
fn an_image_that_is_no_reference_for_its_length_is_not_kept() {
    let image = |length| "i".repeat(length);
    let kept = |length| container(json!({"image": image(length)})).image.len();
    assert_eq!((kept(MAX_IMAGE), kept(MAX_IMAGE + 1)), (MAX_IMAGE, 0));
}

#[test]
fn a_templates_own_fields_are_read() {
    let object = json!({"metadata": {"name": "db", "namespace": "shop"}, "spec": {
        "ordinals": {"start": 3},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}}, {"metadata": {"name": ""}}, {"spec": {}}],
        "template": {
            "metadata": {"annotations": {"plimsoll.dev/version": "1.2.3", "other/key": "x"}},
            "spec": {"containers": [{"name": "app"}], "terminationGracePeriodSeconds": 0,
                "overhead": {"cpu": "250m", "memory": "120Mi"},
                "resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "1", "memory": "1Gi"}},
                "volumes": [{"name": "a", "persistentVolumeClaim": {"claimName": "shared"}},
                    {"name": "b", "emptyDir": {}}, {"name": "c", "persistentVolumeClaim": {"claimName": null}}]}}}});
    let set = workload(Kind::StatefulSet, &object);
    assert_eq!(
        (set.first_ordinal, &*set.claim_templates),
        (3, &["data".into()][..])
    );
    let t = &set.template;
    assert_eq!(t.annotations, [("plimsoll.dev/version".into(), "1.2.3".into())]);
    assert_eq!(
        (t.termination_grace, &*t.claims),
        (Field::Set(0), &["shared".into()][..])
    );
    let amounts = [
        t.overhead_cpu,
        t.overhead_memory,
        t.pod_cpu_limit,
        t.pod_cpu_request,
        t.pod_memory_request,
    ];
    assert_eq!(
        amounts.map(|amount| amount.get().map(ToString::to_string).unwrap_or_default()),
        ["250m", "120Mi", "2", "1", "1Gi"]
    );
    let deployment = workload(Kind::Deployment, &object);
    assert!(deployment.claim_templates.is_empty(), "no claims of its own");
}

#[test]
fn a_bare_pods_annotations_are_its_templates_too() {
    let pod = json!({"metadata": {"name": "x", "annotations": {"plimsoll.dev/version": "1.0.0"}},
        "spec": {"containers": [{"name": "app"}]}});
    let pod = workload(Kind::Pod, &pod);
    assert_eq!(pod.template.annotations, pod.annotations);
    assert_eq!(pod.annotations.len(), 1);
}

#[rstest]
#[case::absent(json!({"port": 80}), TargetPort::Number(80))]
#[case::zero(json!({"port": 80, "targetPort": 0}), TargetPort::Number(80))]
#[case::empty(json!({"port": 80, "targetPort": ""}), TargetPort::Number(80))]
#[case::number(json!({"port": 80, "targetPort": 8080}), TargetPort::Number(8080))]
#[case::name(json!({"port": 80, "targetPort": "http"}), TargetPort::Name("http".into()))]
fn a_services_port_leads_to_its_target(#[case] port: Value, #[case] target: TargetPort) {
    let ports = service(&json!({"ports": [port]})).ports;
    assert_eq!((ports[0].port, &ports[0].target), (80, &target));
    assert_eq!(ports[0].protocol, Protocol::Tcp);
}

#[test]
fn a_service_names_the_ports_that_are_refused() {
    let object = json!({"metadata": {"name": "web"}, "spec": {"ports": [
        {"port": 70000}, {"port": 53, "protocol": "UDP"}, {"targetPort": 80}]}});
    assert_eq!(
        problems(Kind::Service, &object),
        [
            "spec.ports[0].port must be a port from 1 to 65535, not 70000",
            "spec.ports[2].port is required; add it"
        ]
    );
    let ports = service(&object["spec"]).ports;
    assert_eq!((ports.len(), ports[0].protocol), (1, Protocol::Udp));
}

#[test]
fn a_limit_range_says_limits_and_requests() {
    let object = json!({"metadata": {"name": "sizes", "namespace": "shop"}, "spec": {"limits": [{"type": "Container",
        "default": {"cpu": "1", "memory": "1Gi"}, "defaultRequest": {"cpu": "2", "memory": "2Gi"},
        "max": {"cpu": "3", "memory": "3Gi"}, "min": {"cpu": "4", "memory": "4Gi"}}]}});
    let Object::LimitRange(LimitRange { limits, .. }) = live(Kind::LimitRange, &object) else {
        panic!("no LimitRange");
    };
    let item = &limits[0];
    let amounts = [
        item.default_cpu,
        item.default_memory,
        item.request_cpu,
        item.request_memory,
        item.max_cpu,
        item.max_memory,
        item.min_cpu,
        item.min_memory,
    ];
    assert_eq!(
        amounts.map(|amount| amount.get().map(ToString::to_string).unwrap_or_default()),
        ["1", "1Gi", "2", "2Gi", "3", "3Gi", "4", "4Gi"]
    );
}
