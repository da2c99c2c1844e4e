//! The index's promises, as sentences; `orders` holds those that must hold in any order of events.

mod budgets;
mod marks;
mod orders;
mod requires;

use super::{Dirty, Index};
use crate::model::config::ClusterVersion;
use crate::model::keys::{Kind, ObjectKey};
use crate::model::node::Lease;
use crate::model::object::Object;
use crate::model::pod::{Pod, PodPhase};
use crate::model::testing::{controller, deployment, node, pod, replica_set, wall, workload};
use crate::model::time::Moment;

/// An index that holds these and has nothing marked.
fn settled(objects: impl IntoIterator<Item = Object>) -> Index {
    let mut index = Index::complete(ClusterVersion::NEWEST);
    for object in objects {
        index.apply(object, Moment(0));
    }
    index.take_dirty();
    index
}

/// What one object marks.
fn marks(index: &mut Index, object: Object) -> Dirty {
    index.apply(object, Moment(1));
    index.take_dirty()
}

/// What a deletion marks.
fn marks_gone(index: &mut Index, kind: Kind, path: &str) -> Dirty {
    index.delete(&key(kind, path));
    index.take_dirty()
}

/// `key(Kind::Pod, "shop/web-1")`, `key(Kind::Node, "n1")`.
fn key(kind: Kind, path: &str) -> ObjectKey {
    let (namespace, name) = path.split_once('/').unwrap_or(("", path));
    ObjectKey::new(kind, namespace, name)
}

fn lease(node: &str, renewed: i64) -> Object {
    Object::Lease(Lease {
        node: node.into(),
        renewed: Some(wall(renewed)),
    })
}

fn web() -> ObjectKey {
    key(Kind::Deployment, "shop/web")
}

/// Nodes, pods bound to them, and how many of those are ready.
fn placement(index: &Index, key: &ObjectKey) -> Vec<(String, u32, u32)> {
    let view = index.view(key).expect("a workload");
    let mut placement: Vec<_> = view
        .placement()
        .map(|(node, count)| (node.name().to_string(), count.bound, count.ready))
        .collect();
    placement.sort();
    placement
}

/// Nothing is held for objects that are gone.
fn assert_empty(index: &Index) {
    assert_eq!(index.owners.len(), 0, "owner slots leak");
    assert_eq!(index.nodes.slots().count(), 0, "node slots leak");
    assert_eq!(index.pods.len(), 0, "pod rows leak");
    assert!(
        index.namespaces.is_empty(),
        "namespaces leak: {:?}",
        index.namespaces
    );
}

#[test]
fn a_pod_counts_for_its_deployment_on_its_node() {
    let index = settled([
        deployment("shop/web").object(),
        replica_set("shop/web").object(),
        pod("shop/web-1").on("n1").object(),
        pod("shop/web-2").on("n1").unready().object(),
        pod("shop/web-3").on("n2").terminating(wall(30)).object(),
    ]);
    assert_eq!(
        placement(&index, &web()),
        [("n1".into(), 2, 1), ("n2".into(), 0, 0)]
    );
    assert_eq!(index.view(&web()).expect("a workload").pods().count(), 3);
}

#[test]
fn a_pod_may_change_on_a_node_that_is_not_known() {
    let mut index = settled([
        deployment("shop/web").object(),
        replica_set("shop/web").object(),
        pod("shop/web-1").on("n1").object(),
    ]);
    index.apply(pod("shop/web-1").on("n1").unready().object(), Moment(1));
    assert_eq!(placement(&index, &web()), [("n1".into(), 1, 0)]);
}

#[test]
fn a_bare_pod_holds_the_slot_of_its_node() {
    let bare = |name: &str| Pod {
        controller: None,
        ..pod(name).on("n1")
    };
    let mut index = settled([bare("shop/a-1").object(), pod("shop/web-1").on("n1").object()]);
    index.delete(&key(Kind::Pod, "shop/web-1"));
    index.apply(node("n2").object(), Moment(1));
    index.apply(bare("shop/a-1").unready().object(), Moment(1));
    index.delete(&key(Kind::Pod, "shop/a-1"));
    assert_eq!(index.node_names(), ["n2".into()]);
    index.delete(&key(Kind::Node, "n2"));
    assert_empty(&index);
}

#[test]
fn a_finished_pod_holds_the_slot_of_its_node_and_counts_for_nothing() {
    let finished = Pod {
        phase: PodPhase::Succeeded,
        ..pod("shop/web-1").on("n1")
    };
    let mut index = settled([deployment("shop/web").object(), replica_set("shop/web").object()]);
    index.apply(pod("shop/web-1").on("n1").object(), Moment(0));
    index.apply(finished.object(), Moment(0));
    assert_eq!(placement(&index, &web()), []);
    assert_eq!(index.view(&web()).expect("a workload").pods().count(), 0);
    index.delete(&key(Kind::Pod, "shop/web-1"));
    assert_eq!(index.nodes.slots().count(), 0);
}

#[test]
fn a_pod_that_changes_its_owner_counts_for_the_new_one_only() {
    let mut index = settled([
        deployment("shop/web").object(),
        replica_set("shop/web").object(),
        deployment("shop/api").object(),
        replica_set("shop/api").object(),
        pod("shop/web-1").on("n1").object(),
    ]);
    let adopted = Pod {
        controller: Some(controller("apps/v1", "ReplicaSet", "api-rs")),
        ..pod("shop/web-1").on("n1")
    };
    let dirty = marks(&mut index, adopted.object());
    let api = key(Kind::Deployment, "shop/api");
    assert_eq!(dirty.workloads, [api.clone(), web()].into());
    assert_eq!(placement(&index, &web()), []);
    assert_eq!(placement(&index, &api), [("n1".into(), 1, 1)]);
    let orphan = Pod {
        controller: None,
        ..pod("shop/web-1").on("n1")
    };
    assert_eq!(marks(&mut index, orphan.object()).workloads, [api.clone()].into());
    assert_eq!(placement(&index, &api), []);
}

#[test]
fn a_replica_set_that_changes_its_deployment_takes_its_pods_along() {
    let mut index = settled([
        deployment("shop/web").object(),
        deployment("shop/api").object(),
        replica_set("shop/web").object(),
        pod("shop/web-1").on("n1").object(),
    ]);
    let moved = workload(Kind::ReplicaSet, "shop/web-rs").owned_by("apps/v1", "Deployment", "api");
    let api = key(Kind::Deployment, "shop/api");
    assert_eq!(
        marks(&mut index, moved.object()).workloads,
        [api.clone(), web()].into()
    );
    assert_eq!(placement(&index, &web()), []);
    assert_eq!(placement(&index, &api), [("n1".into(), 1, 1)]);
}

#[test]
fn an_orphaned_replica_set_is_a_workload_until_it_is_adopted() {
    let mut index = settled([
        deployment("shop/web").object(),
        pod("shop/web-1").on("n1").object(),
    ]);
    let orphan = key(Kind::ReplicaSet, "shop/web-rs");
    index.apply(workload(Kind::ReplicaSet, "shop/web-rs").object(), Moment(0));
    assert_eq!(placement(&index, &orphan), [("n1".into(), 1, 1)]);
    index.take_dirty();
    let dirty = marks(&mut index, replica_set("shop/web").object());
    assert_eq!(dirty.workloads, [web(), orphan.clone()].into());
    assert!(index.view(&orphan).is_none());
    assert_eq!(placement(&index, &web()), [("n1".into(), 1, 1)]);
}

#[test]
fn only_a_deployment_s_replica_set_and_a_cron_job_s_job_are_judged_by_their_owner() {
    let operator = || deployment("shop/operator").object();
    let owned = || {
        deployment("shop/web")
            .owned_by("apps/v1", "Deployment", "operator")
            .object()
    };
    let rest = || {
        [
            replica_set("shop/web").object(),
            pod("shop/web-1").on("n1").object(),
        ]
    };
    let orders: [Vec<Object>; 2] = [
        [operator(), owned()].into_iter().chain(rest()).collect(),
        rest().into_iter().chain([owned(), operator()]).collect(),
    ];
    for objects in orders {
        let mut index = settled(objects);
        assert_eq!(placement(&index, &web()), [("n1".into(), 1, 1)]);
        assert_eq!(placement(&index, &key(Kind::Deployment, "shop/operator")), []);
        for gone in index.workload_keys() {
            index.delete(&gone);
        }
        index.delete(&key(Kind::ReplicaSet, "shop/web-rs"));
        index.delete(&key(Kind::Pod, "shop/web-1"));
        assert_empty(&index);
    }
    let job = workload(Kind::Job, "shop/night-1").owned_by("batch/v1", "CronJob", "night");
    let foreign =
        workload(Kind::ReplicaSet, "shop/canary-1").owned_by("argoproj.io/v1alpha1", "Rollout", "canary");
    let index = settled([
        workload(Kind::CronJob, "shop/night").object(),
        job.object(),
        foreign.object(),
    ]);
    assert_eq!(index.workload_keys(), [key(Kind::CronJob, "shop/night")]);
}

#[test]
fn slots_are_released_when_nothing_names_them() {
    let objects = [
        deployment("shop/web").object(),
        replica_set("shop/web").object(),
        pod("shop/web-1").on("n1").object(),
        pod("shop/web-2").on("n2").object(),
        node("n1").object(),
        lease("n1", 0),
    ];
    let keys: Vec<ObjectKey> = objects.iter().map(Object::key).collect();
    for backwards in [false, true] {
        let mut index = settled(objects.clone());
        let mut keys = keys.clone();
        if backwards {
            keys.reverse();
        }
        for key in &keys {
            index.delete(key);
        }
        assert_empty(&index);
    }
}

#[test]
fn finished_jobs_and_their_pods_cost_nothing() {
    let mut index = settled([workload(Kind::CronJob, "shop/night").object()]);
    let job = |n: usize, finished: bool| {
        let made = workload(Kind::Job, &format!("shop/night-{n}")).owned_by("batch/v1", "CronJob", "night");
        made.with(|job| job.status.finished = finished).object()
    };
    let its_pod = |n: usize, phase: PodPhase| {
        let made = pod(&format!("shop/night-{n}-x")).on("n1");
        let controller = Some(controller("batch/v1", "Job", &format!("night-{n}")));
        Object::Pod(Pod {
            controller,
            phase,
            ..made
        })
    };
    let bare = |finished: bool| {
        let made = workload(Kind::Pod, "shop/debug");
        made.with(|pod| pod.status.finished = finished).object()
    };
    for n in 0..1000 {
        index.apply(job(n, false), Moment(0));
        index.apply(its_pod(n, PodPhase::Running), Moment(0));
        index.apply(bare(false), Moment(0));
        index.apply(its_pod(n, PodPhase::Succeeded), Moment(1));
        index.apply(job(n, true), Moment(1));
        index.apply(bare(true), Moment(1));
    }
    assert_eq!(index.workload_keys(), [key(Kind::CronJob, "shop/night")]);
    assert_eq!((index.owners.len(), index.pods.len()), (1, 0));
    assert_eq!(index.nodes.slots().count(), 0);
    index.take_dirty();
    index.begin_list(Kind::Job);
    (0..1000).for_each(|n| index.apply(job(n, true), Moment(2)));
    index.end_list(Kind::Job);
    assert!(
        !index.is_dirty(),
        "a relist that names them again changes nothing"
    );
}

#[test]
fn a_finished_job_of_a_file_is_judged() {
    let mut index = Index::of_files(ClusterVersion::NEWEST);
    let job = workload(Kind::Job, "shop/once").with(|job| job.status.finished = true);
    index.apply(job.object(), Moment(0));
    assert_eq!(index.workload_keys(), [key(Kind::Job, "shop/once")]);
}

#[test]
fn a_pod_may_be_adopted_and_let_go() {
    let bare = || workload(Kind::Pod, "shop/web-1").object();
    let mut index = settled([
        deployment("shop/web").object(),
        replica_set("shop/web").object(),
        bare(),
    ]);
    let debug = key(Kind::Pod, "shop/web-1");
    let dirty = marks(&mut index, pod("shop/web-1").on("n1").object());
    assert_eq!(dirty.workloads, [web(), debug.clone()].into());
    assert!(index.view(&debug).is_none());
    assert_eq!(placement(&index, &web()), [("n1".into(), 1, 1)]);
    assert_eq!(index.count(Kind::Pod), 1);
    let dirty = marks(&mut index, bare());
    assert_eq!(dirty.workloads, [web(), debug.clone()].into());
    assert!(index.view(&debug).is_some());
    assert_eq!(placement(&index, &web()), []);
    assert_eq!(index.count(Kind::Pod), 1);
}

#[test]
fn a_bare_pod_of_a_file_is_a_workload_and_is_counted() {
    let mut index = settled([workload(Kind::Pod, "shop/debug").object()]);
    assert_eq!(index.count(Kind::Pod), 1);
    assert!(index.view(&key(Kind::Pod, "shop/debug")).is_some());
    index.delete(&key(Kind::Pod, "shop/debug"));
    assert_empty(&index);
}
