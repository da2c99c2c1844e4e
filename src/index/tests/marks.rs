//! Which events mark which workloads and nodes, and which mark nothing.

use std::collections::BTreeSet;

use super::*;
use crate::index::Listing;
use crate::model::autoscaler::{Condition, Headroom};
use crate::model::context::{EndpointSlice, LimitRangeType};
use crate::model::node::REGION_LABEL;
use crate::model::pod::PodShape;
use crate::model::testing::{budget, endpoint_slice, hpa, limit_range, namespace, scaled_object, service};

/// Two Deployments in `shop`, one elsewhere.
fn shops(more: impl IntoIterator<Item = Object>) -> Index {
    let deployments = ["shop/web", "shop/api", "other/web"].map(|path| deployment(path).object());
    settled(deployments.into_iter().chain(more))
}

fn keys<const N: usize>(paths: [&str; N]) -> BTreeSet<ObjectKey> {
    paths
        .into_iter()
        .map(|path| key(Kind::Deployment, path))
        .collect()
}

fn sizes() -> Object {
    Object::LimitRange(limit_range(
        "shop/sizes",
        LimitRangeType::Container,
        Some("1Gi"),
        None,
    ))
}

#[test]
fn what_relates_to_a_workload_marks_it_when_it_comes_changes_and_goes() {
    let web = || keys(["shop/web"]);
    let shop = || keys(["shop/web", "shop/api"]);
    let cases: [(Object, BTreeSet<ObjectKey>); 6] = [
        (Object::Autoscaler(hpa("shop/web", Some(2), 5)), web()),
        (scaled_object("shop/web", Some(2), None).object(), web()),
        (Object::Service(service("shop/web")), web()),
        (Object::DisruptionBudget(budget("shop/web")), web()),
        (sizes(), shop()),
        (Object::Namespace(namespace("shop", &[("team", "a")])), shop()),
    ];
    for (object, expected) in cases {
        let mut index = shops([]);
        let key = object.key();
        assert_eq!(
            marks(&mut index, object.clone()).workloads,
            expected,
            "{key} comes"
        );
        assert!(marks(&mut index, object).is_empty(), "{key} again");
        index.delete(&key);
        assert_eq!(index.take_dirty().workloads, expected, "{key} goes");
        index.delete(&key);
        assert!(index.take_dirty().is_empty(), "{key} was gone");
    }
}

#[test]
fn an_autoscaler_that_turns_to_another_target_marks_both() {
    let mut index = shops([Object::Autoscaler(hpa("shop/web", None, 5))]);
    let mut turned = hpa("shop/web", None, 5);
    turned.target.name = "api".into();
    assert_eq!(
        marks(&mut index, Object::Autoscaler(turned)).workloads,
        keys(["shop/web", "shop/api"])
    );
}

#[test]
fn what_an_autoscaler_says_of_itself_marks_only_when_it_is_another_answer() {
    let says = |headroom, active| {
        let hpa = hpa("shop/web", Some(2), 5).horizontal_with(|own| {
            own.headroom = headroom;
            own.active = active;
        });
        hpa.object()
    };
    let mut index = shops([says(Headroom::Some, Condition::True)]);
    assert!(marks(&mut index, says(Headroom::Some, Condition::True)).is_empty());
    let full = says(Headroom::None, Condition::True);
    assert_eq!(marks(&mut index, full).workloads, keys(["shop/web"]));
}

#[test]
fn kedas_own_autoscaler_and_its_scaled_object_may_come_and_go_in_any_order() {
    let made = || {
        hpa("shop/web", Some(1), 5)
            .named("keda-hpa-web")
            .made_by("web")
            .object()
    };
    let scaled = || scaled_object("shop/web", Some(3), None).object();
    let floor = |index: &Index| {
        index
            .view(&web())
            .expect("a workload")
            .floor()
            .expect("valid")
            .replicas
    };
    for objects in [[made(), scaled()], [scaled(), made()]] {
        let mut index = shops(objects);
        let named: Vec<String> = index
            .view(&web())
            .expect("a workload")
            .autoscalers()
            .map(|a| a.key().to_string())
            .collect();
        assert_eq!(named, ["ScaledObject shop/web"]);
        assert_eq!(floor(&index), 3);
        let dirty = marks_gone(&mut index, Kind::ScaledObject, "shop/web");
        assert_eq!((dirty.workloads, floor(&index)), (keys(["shop/web"]), 1));
    }
}

#[test]
fn of_a_kind_that_is_not_installed_there_are_none() {
    let mut index = Index::new();
    index.apply(scaled_object("shop/web", Some(3), None).object(), Moment(0));
    index.set_missing(Kind::ScaledObject);
    assert_eq!(index.count(Kind::ScaledObject), 0);
    assert_eq!(*index.listing(Kind::ScaledObject), Listing::Listed);
}

#[test]
fn deleting_what_is_not_there_marks_nothing() {
    // A pod and a slot for its owner and its node, but none of their objects.
    let mut index = shops([pod("shop/job-1").on("n1").object()]);
    for kind in Kind::ALL {
        let path = match kind {
            Kind::Node => "n1",
            Kind::Namespace => "shop",
            Kind::Lease => "kube-node-lease/n1",
            Kind::ReplicaSet => "shop/job-rs",
            _ => "shop/nothing",
        };
        assert!(marks_gone(&mut index, kind, path).is_empty(), "{kind} {path}");
    }
}

#[test]
fn an_event_that_changes_nothing_that_is_read_marks_nothing() {
    let objects = [
        deployment("shop/web").object(),
        replica_set("shop/web").object(),
        pod("shop/web-1").on("n1").object(),
        node("n1").object(),
        lease("n1", 0),
        Object::EndpointSlice(endpoint_slice("shop/web", 1, 1)),
        Object::Service(service("shop/web")),
        sizes(),
    ];
    let mut index = settled(objects.clone());
    for object in objects {
        let key = object.key();
        assert!(marks(&mut index, object).is_empty(), "{key}");
    }
}

#[test]
fn whatever_changes_of_what_is_kept_of_a_pod_marks_its_workload() {
    let before = || pod("shop/web-1").on("n1");
    let shape = PodShape {
        pod_memory_limited: true,
        ..PodShape::default()
    };
    let changes: [fn(&mut Pod); 9] = [
        |pod| pod.controller = None,
        |pod| pod.controller = Some(controller("apps/v1", "StatefulSet", "web-rs")),
        |pod| pod.revision = Some("2".into()),
        |pod| pod.node = None,
        |pod| pod.node = Some("n2".into()),
        |pod| pod.phase = PodPhase::Failed,
        |pod| pod.ready = false,
        |pod| pod.deletion = Some(wall(0)),
        |pod| pod.disruption_target = true,
    ];
    let one = |change: &fn(&mut Pod)| {
        let mut after = before();
        change(&mut after);
        after
    };
    let other_shape = Pod { shape, ..before() };
    for after in changes.iter().map(one).chain([other_shape]) {
        let mut index = shops([replica_set("shop/web").object(), before().object()]);
        let dirty = marks(&mut index, after.clone().object());
        assert!(dirty.workloads.contains(&web()), "{after:?}");
        assert!(marks(&mut index, after.object()).is_empty(), "the same once more");
    }
}

#[test]
fn heartbeats_mark_nothing_but_are_seen() {
    let mut index = settled([node("n1").object()]);
    let first = marks(&mut index, lease("n1", 0));
    assert_eq!(first.nodes, ["n1".into()].into());
    index.apply(lease("n1", 10), Moment(10_000));
    index.apply(lease("n1", 10), Moment(20_000));
    assert!(!index.is_dirty());
    let seen = |index: &Index| index.node("n1").and_then(|n| n.heartbeat_seen());
    assert_eq!(seen(&index), Some(Moment(10_000)));
    // A clock that was set back renews from there on.
    index.apply(lease("n1", 5), Moment(30_000));
    assert_eq!(seen(&index), Some(Moment(10_000)));
    index.apply(lease("n1", 6), Moment(40_000));
    assert_eq!(seen(&index), Some(Moment(40_000)));
    assert!(!index.is_dirty());
}

#[test]
fn endpoints_mark_when_they_go_from_none_to_some_or_back() {
    let mut index = shops([Object::Service(service("shop/web"))]);
    let mut step = |ready: u32| {
        let slice = Object::EndpointSlice(endpoint_slice("shop/web", ready, 3));
        marks(&mut index, slice).workloads
    };
    assert_eq!(step(0), keys(["shop/web"]), "the first slice");
    assert_eq!(step(2), keys(["shop/web"]), "0 -> 2");
    assert_eq!(step(3), keys([]), "2 -> 3");
    assert_eq!(step(0), keys(["shop/web"]), "3 -> 0");
    step(1);
    assert_eq!(
        marks_gone(&mut index, Kind::EndpointSlice, "shop/web-abcde").workloads,
        keys(["shop/web"]),
        "the slice goes"
    );
    assert_eq!(
        index.view(&web()).expect("a workload").ready_endpoints("web"),
        None
    );
}

#[test]
fn a_second_slice_with_ready_endpoints_marks_nothing() {
    let mut index = shops([
        Object::Service(service("shop/web")),
        Object::EndpointSlice(endpoint_slice("shop/web", 1, 1)),
    ]);
    let second = EndpointSlice {
        name: "web-fghij".into(),
        ..endpoint_slice("shop/web", 1, 1)
    };
    assert!(marks(&mut index, Object::EndpointSlice(second)).is_empty());
    assert!(marks_gone(&mut index, Kind::EndpointSlice, "shop/web-abcde").is_empty());
}

#[test]
fn a_slice_that_turns_to_another_service_marks_both() {
    let mut index = shops([
        Object::Service(service("shop/web")),
        Object::Service(service("shop/api")),
        Object::EndpointSlice(endpoint_slice("shop/web", 1, 1)),
    ]);
    let turned = EndpointSlice {
        service: Some("api".into()),
        ..endpoint_slice("shop/web", 1, 1)
    };
    assert_eq!(
        marks(&mut index, Object::EndpointSlice(turned)).workloads,
        keys(["shop/web", "shop/api"])
    );
}

#[test]
fn a_node_marks_itself_and_the_workloads_on_it() {
    let mut index = settled([
        deployment("shop/web").object(),
        deployment("shop/api").object(),
        replica_set("shop/web").object(),
        pod("shop/web-1").on("n1").object(),
        pod("shop/web-2").on("n2").object(),
        node("n1").object(),
    ]);
    let dirty = marks(&mut index, node("n1").unknown_since(0).object());
    assert_eq!(
        (dirty.workloads, dirty.nodes),
        (keys(["shop/web"]), ["n1".into()].into())
    );
}

#[test]
fn a_node_that_changes_where_pods_may_go_marks_all() {
    let in_region = |region: &str| node("n2").zone_label("b").label(REGION_LABEL, region);
    let all = || keys(["shop/web", "shop/api", "other/web"]);
    let mut index = shops([node("n1").zone_label("a").label(REGION_LABEL, "eu").object()]);
    assert_eq!(
        marks(&mut index, in_region("eu").object()).workloads,
        all(),
        "a second zone"
    );
    assert_eq!(
        marks(&mut index, in_region("us").object()).workloads,
        all(),
        "a second region"
    );
    assert_eq!(
        marks(&mut index, in_region("us").allocatable("8Gi", "4").object()).workloads,
        all(),
        "more room"
    );
    assert_eq!(
        marks(&mut index, in_region("us").cordoned().object()).workloads,
        all(),
        "cordoned"
    );
    let tainted = in_region("us").cordoned().label("example.com/any", "x");
    assert_eq!(
        marks(&mut index, tainted.object()).workloads,
        keys([]),
        "another label"
    );
    assert_eq!(
        marks_gone(&mut index, Kind::Node, "n2").workloads,
        keys([]),
        "took no pods"
    );
    assert_eq!(
        marks_gone(&mut index, Kind::Node, "n1").workloads,
        all(),
        "took pods"
    );
}

#[test]
fn a_workload_that_goes_is_marked_once_more() {
    let mut index = shops([]);
    assert_eq!(
        marks_gone(&mut index, Kind::Deployment, "shop/web").workloads,
        keys(["shop/web"])
    );
    assert!(marks_gone(&mut index, Kind::Deployment, "shop/web").is_empty());
}

#[test]
fn a_replica_set_that_goes_marks_its_deployment_only() {
    let mut index = shops([
        replica_set("shop/web").object(),
        pod("shop/web-1").on("n1").object(),
    ]);
    let dirty = marks_gone(&mut index, Kind::ReplicaSet, "shop/web-rs");
    assert_eq!(dirty.workloads, keys(["shop/web"]));
    assert_eq!(placement(&index, &web()), []);
}

#[test]
fn a_relist_that_names_the_same_marks_nothing_and_what_it_leaves_out_is_gone() {
    let mut index = shops([sizes(), Object::Service(service("shop/web"))]);
    for (kind, object) in [
        (Kind::LimitRange, sizes()),
        (Kind::Service, Object::Service(service("shop/web"))),
    ] {
        index.begin_list(kind);
        index.apply(object, Moment(1));
        index.end_list(kind);
        assert!(!index.is_dirty(), "{kind}");
    }
    index.begin_list(Kind::Deployment);
    index.apply(deployment("shop/web").object(), Moment(2));
    assert_eq!(
        index.count(Kind::Deployment),
        3,
        "what is known stays in use meanwhile"
    );
    index.end_list(Kind::Deployment);
    assert_eq!(index.take_dirty().workloads, keys(["shop/api", "other/web"]));
    assert_eq!(index.workload_keys(), [web()]);
}

#[test]
fn the_first_list_of_a_kind_marks_all_as_absence_now_counts() {
    let mut index = Index::new();
    index.apply(deployment("shop/web").object(), Moment(0));
    index.take_dirty();
    index.begin_list(Kind::PodDisruptionBudget);
    index.end_list(Kind::PodDisruptionBudget);
    assert_eq!(index.take_dirty().workloads, keys(["shop/web"]));
    assert!(!index.is_complete());
}

#[test]
fn a_node_that_is_not_ready_is_marked_when_pods_leave_it() {
    let shop = |node: crate::model::node::Node| {
        let web = [deployment("shop/web").object(), replica_set("shop/web").object()];
        let web = web.into_iter().chain([pod("shop/web-1").on("n1").object()]);
        settled(web.chain([node.object()]))
    };
    let leave: [fn(&mut Index); 5] = [
        |index| index.delete(&key(Kind::Pod, "shop/web-1")),
        |index| index.apply(pod("shop/web-1").on("n2").object(), Moment(1)),
        |index| {
            index.apply(
                replica_set("shop/web").with(|w| w.controller = None).object(),
                Moment(1),
            );
        },
        |index| index.delete(&key(Kind::ReplicaSet, "shop/web-rs")),
        |index| index.delete(&key(Kind::Deployment, "shop/web")),
    ];
    for (nth, leave) in leave.into_iter().enumerate() {
        for (at, marked) in [(node("n1"), false), (node("n1").unknown_since(0), true)] {
            let mut index = shop(at);
            leave(&mut index);
            let dirty = index.take_dirty();
            assert_eq!(dirty.nodes.contains("n1"), marked, "case {nth}");
            assert_eq!(dirty.left.contains("n1"), !marked, "case {nth}");
        }
    }
}
