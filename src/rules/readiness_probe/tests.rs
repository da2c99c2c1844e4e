use proptest::prelude::*;
use rstest::rstest;

use crate::index::Index;
use crate::model::context::{Service, ServicePort, TargetPort};
use crate::model::field::Field;
use crate::model::keys::Kind;
use crate::model::object::Object;
use crate::model::template::{Container, ContainerRole, Handler, Protocol};
use crate::model::testing::{cases, container, deployment, labels, service, stateful_set};
use crate::model::workload::Workload;
use crate::rules::tests::{advice, index, lines};

const RULE: &str = "readiness-probe";
const FAILS: &str = "fail warning: requests go to pods that cannot serve yet, or no more: ";

fn web(containers: impl IntoIterator<Item = Container>) -> Workload {
    deployment("shop/web").containers(containers)
}

/// Service `web` with these ports.
fn over(ports: impl IntoIterator<Item = ServicePort>) -> Service {
    Service {
        ports: ports.into_iter().collect(),
        ..service("shop/web")
    }
}

fn to_number(port: i32, number: i32) -> ServicePort {
    ServicePort {
        port,
        protocol: Protocol::Tcp,
        target: TargetPort::Number(number),
    }
}

fn to_name(port: i32, name: &str) -> ServicePort {
    ServicePort {
        port,
        protocol: Protocol::Tcp,
        target: TargetPort::Name(name.into()),
    }
}

fn udp(port: ServicePort) -> ServicePort {
    ServicePort {
        protocol: Protocol::Udp,
        ..port
    }
}

fn said(workload: Workload, services: impl IntoIterator<Item = Service>) -> Vec<String> {
    let key = workload.key.clone();
    let objects = services
        .into_iter()
        .map(Service::object)
        .chain([workload.object()]);
    lines(&index(36, objects), RULE, key.kind, &key.path())
}

/// What is said of each container in one word, the workload's own row last as `?`.
fn short(lines: &[String]) -> String {
    let word = |line: &String| match line.split_once(": ") {
        Some(("unknown", _)) => "?".to_owned(),
        Some((name, rest)) => {
            let status = rest.split([' ', ':']).next().unwrap_or_default();
            format!("{name} {status}")
        }
        None => line.clone(),
    };
    lines.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn app() -> Container {
    container("app").port("http", 8080)
}

fn metrics() -> Container {
    container("metrics").port("prom", 9090)
}

#[rstest]
#[case::by_name(to_name(80, "http"), "app fail, metrics notApplicable")]
#[case::by_a_declared_number(to_number(80, 8080), "app fail, metrics notApplicable")]
#[case::by_the_port_itself(to_number(8080, 8080), "app fail, metrics notApplicable")]
#[case::by_the_others_number(to_number(80, 9090), "app notApplicable, metrics fail")]
#[case::by_a_number_that_nobody_declares(to_number(80, 8000), "app fail, metrics fail")]
#[case::by_a_number_of_another_protocol(udp(to_number(80, 8080)), "app fail, metrics fail")]
#[case::by_a_name_of_another_protocol(udp(to_name(80, "http")), "?")]
#[case::by_a_name_that_nobody_declares(to_name(80, "web"), "?")]
fn a_service_leads_to_containers_through_its_target_port(#[case] port: ServicePort, #[case] expected: &str) {
    assert_eq!(short(&said(web([app(), metrics()]), [over([port])])), expected);
}

#[test]
fn each_answer_says_why() {
    assert_eq!(
        said(web([app(), metrics().probed()]), [over([to_name(80, "http")])]),
        [
            format!(
                "app: {FAILS}container app of Deployment shop/web, where Service web leads, has no readinessProbe; \
                 add one that asks what its users need"
            ),
            "metrics: notApplicable: no Service leads to it".to_owned(),
        ]
    );
    assert_eq!(
        said(web([app(), metrics().probed()]), [over([to_number(80, 9090)])]),
        ["app: notApplicable: no Service leads to it", "metrics: pass"]
    );
    assert_eq!(
        said(
            web([app()]),
            [over([to_name(80, "web"), udp(to_name(53, "dns"))])]
        ),
        [
            "unknown: Service web, port 80: no container declares a TCP port named web; \
          Service web, port 53: no container declares a UDP port named dns"
        ]
    );
}

#[test]
fn what_one_port_leads_to_is_judged_though_another_leads_nowhere() {
    let ports = [to_name(80, "http"), to_name(81, "gone")];
    assert_eq!(
        short(&said(web([app(), metrics()]), [over(ports)])),
        "app fail, ?"
    );
}

#[test]
fn sidecars_are_judged_like_app_containers_and_init_containers_are_not() {
    let proxy = container("proxy").role(ContainerRole::Sidecar).port("http", 8443);
    let migrate = container("migrate").role(ContainerRole::Init).port("http", 1);
    let pod = || web([migrate.clone(), proxy.clone(), container("app")]);
    assert_eq!(
        short(&said(pod(), [over([to_name(80, "http")])])),
        "proxy fail, app notApplicable"
    );
    assert_eq!(
        short(&said(pod(), [over([to_number(80, 1)])])),
        "proxy fail, app fail"
    );
}

#[test]
fn of_two_ports_with_one_name_the_app_containers_comes_first() {
    let proxy = container("proxy").role(ContainerRole::Sidecar).port("http", 8443);
    let said = said(web([proxy, app()]), [over([to_name(80, "http")])]);
    assert_eq!(short(&said), "proxy notApplicable, app fail");
}

#[test]
fn containers_that_share_the_port_are_judged_both() {
    let other = container("other").port("http", 8080);
    let said = said(web([app(), other]), [over([to_name(80, "http")])]);
    assert_eq!(short(&said), "app fail, other fail");
}

#[test]
fn every_service_counts() {
    let prom = Service {
        selector: labels(&[("app", "web")]),
        ..over([to_name(80, "prom")])
    };
    let prom = Service {
        name: "prom".into(),
        ..prom
    };
    let both = said(web([app(), metrics()]), [over([to_name(80, "http")]), prom]);
    assert_eq!(short(&both), "app fail, metrics fail");
    assert!(both[1].contains("where Service prom leads"), "{both:?}");
}

#[rstest]
#[case::headless_without_ports(over([]), "app fail, metrics fail")]
#[case::headless_with_a_port(over([to_name(80, "http")]), "app fail, metrics notApplicable")]
fn a_headless_service_leads_where_its_ports_do(#[case] service: Service, #[case] expected: &str) {
    assert_eq!(short(&said(web([app(), metrics()]), [service])), expected);
}

#[rstest]
#[case::none(vec![], "no Service selects its pods")]
#[case::of_other_pods(vec![service("shop/other")], "no Service selects its pods")]
#[case::of_another_namespace(vec![service("test/web")], "no Service selects its pods")]
#[case::without_selector(vec![Service { selector: labels(&[]), ..service("shop/web") }], "no Service selects its pods")]
#[case::external(vec![Service { external: true, ..service("shop/web") }], "no Service selects its pods")]
#[case::of_pods_that_are_not_ready(vec![Service { publish_not_ready: true, ..service("shop/web") }],
    "Service web sends to pods that are not ready as well: publishNotReadyAddresses")]
fn what_no_service_leads_to_by_readiness_is_not_judged(#[case] services: Vec<Service>, #[case] why: &str) {
    assert_eq!(said(web([app()]), services), [format!("notApplicable: {why}")]);
}

#[test]
fn a_service_that_asks_for_readiness_counts_beside_one_that_does_not() {
    let peers = Service {
        name: "peers".into(),
        publish_not_ready: true,
        ..service("shop/web")
    };
    assert_eq!(
        short(&said(web([app()]), [peers, over([to_name(80, "http")])])),
        "app fail"
    );
}

#[rstest]
#[case::exec(Field::Set(Handler::Exec), "app: pass")]
#[case::grpc(Field::Set(Handler::Grpc), "app: pass")]
#[case::refused(
    Field::Invalid,
    "app: unknown: readinessProbe of container app is not a probe"
)]
fn a_probe_counts_whatever_it_asks(#[case] probe: Field<Handler>, #[case] expected: &str) {
    let app = Container {
        readiness_probe: probe,
        ..app()
    };
    assert_eq!(said(web([app]), [over([to_name(80, "http")])]), [expected]);
}

#[test]
fn services_that_cannot_be_read_say_nothing() {
    let mut index = Index::new();
    index.apply(web([app()]).object(), crate::model::time::Moment(0));
    let ask = |index: &Index| lines(index, RULE, Kind::Deployment, "shop/web");
    assert_eq!(ask(&index), ["unknown: services are not listed yet"]);
    index.set_unreadable(Kind::Service, "403 Forbidden");
    assert_eq!(ask(&index), ["unknown: services cannot be read: 403 Forbidden"]);
}

#[test]
fn a_template_without_containers_is_unknown() {
    assert_eq!(
        said(web([]), [over([to_number(80, 80)])]),
        ["unknown: the pod template has no containers"]
    );
}

fn told(workload: Workload) -> String {
    let key = workload.key.clone();
    let objects: [Object; 2] = [workload.object(), over([to_name(80, "http")]).object()];
    advice(&index(36, objects), RULE, key.kind, &key.path())
}

#[test]
fn the_remedy_names_the_field_and_what_a_probe_can_ask_at_the_least() {
    assert_eq!(
        told(web([app()])),
        "add spec.template.spec.containers[app].readinessProbe: an httpGet of a path that fails while it cannot serve, at the \
         least tcpSocket: {port: 8080}; let it not ask for what app depends on, or all replicas are unready together"
    );
    let proxy = container("proxy").role(ContainerRole::Sidecar).port("http", 8443);
    assert!(told(web([proxy])).contains("spec.template.spec.initContainers[proxy].readinessProbe"));
}

#[test]
fn the_remedy_of_what_an_operator_writes_is_in_its_own_resource() {
    let owned = stateful_set("shop/web")
        .containers([app()])
        .owned_by("example.com/v1", "Shop", "main");
    assert_eq!(
        told(owned),
        "add a readiness probe of container app in its Shop main: a change of StatefulSet shop/web would be undone"
    );
}

fn any_container(name: &'static str) -> impl Strategy<Value = Container> {
    let port = (prop::sample::select(vec!["", "http", "prom"]), 1..4_i32);
    let role = prop::sample::select(vec![
        ContainerRole::App,
        ContainerRole::Sidecar,
        ContainerRole::Init,
    ]);
    (prop::collection::vec(port, 0..3), role, any::<bool>()).prop_map(move |(ports, role, probed)| {
        let bare = container(name).role(role);
        let with_ports = ports.iter().fold(bare, |c, (name, number)| c.port(name, *number));
        if probed { with_ports.probed() } else { with_ports }
    })
}

fn any_port() -> impl Strategy<Value = ServicePort> {
    let target = prop_oneof![
        (1..5_i32).prop_map(TargetPort::Number),
        prop::sample::select(vec!["http", "prom", "gone"]).prop_map(|name| TargetPort::Name(name.into())),
    ];
    (target, any::<bool>()).prop_map(|(target, tcp)| ServicePort {
        port: 80,
        protocol: if tcp { Protocol::Tcp } else { Protocol::Udp },
        target,
    })
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn adding_a_probe_never_makes_it_worse(
        containers in (any_container("a"), any_container("b"), any_container("c")),
        ports in prop::collection::vec(any_port(), 0..3),
        which in 0..3_usize,
    ) {
        let before: Vec<Container> = vec![containers.0, containers.1, containers.2];
        let mut after = before.clone();
        after[which].readiness_probe = Field::Set(Handler::HttpGet);
        let fails = |containers: Vec<Container>| {
            let said = said(web(containers), [over(ports.clone())]);
            said.into_iter().filter(|line| line.contains(": fail")).collect::<Vec<_>>()
        };
        let (before, after) = (fails(before), fails(after));
        prop_assert!(after.iter().all(|line| before.contains(line)), "{before:?} {after:?}");
    }
}
