//! Invariants over any sequence of events.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::testing::cases;
use crate::model::text::fnv32;
use crate::model::workload::Controller;

/// Per workload and node: bound, running, ready, terminating.
type Counts = BTreeMap<(ObjectKey, String), [u32; 4]>;

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a few dozen at a time")]
enum Event {
    Apply(Object),
    Delete(ObjectKey),
}

fn pods() -> impl Strategy<Value = Object> {
    let owner = prop_oneof![
        Just(None),
        Just(Some(controller("apps/v1", "ReplicaSet", "a"))),
        Just(Some(controller("apps/v1", "ReplicaSet", "b"))),
        Just(Some(controller("apps/v1", "StatefulSet", "db"))),
        Just(Some(controller("example.com/v1", "ReplicaSet", "a"))),
        Just(Some(controller("batch/v1", "Job", "night-1"))),
        Just(Some(controller("apps/v1", "DaemonSet", "agent"))),
    ];
    let node = prop_oneof![Just(None), (1..4u8).prop_map(|n| Some(format!("n{n}").into()))];
    let phase = prop_oneof![
        Just(PodPhase::Pending),
        Just(PodPhase::Running),
        Just(PodPhase::Running),
        Just(PodPhase::Succeeded)
    ];
    (0..6u8, owner, node, phase, any::<bool>(), any::<bool>()).prop_map(
        |(name, controller, node, phase, ready, terminating)| {
            let made = Pod {
                controller,
                node,
                phase,
                ready,
                ..pod(&format!("shop/p-{name}"))
            };
            if terminating {
                made.terminating(wall(30))
            } else {
                made
            }
            .object()
        },
    )
}

/// As pods that nothing owns are read; an owned one of the same name may have been before, or come later.
fn bare_pods() -> impl Strategy<Value = Object> {
    (0..6u8, any::<bool>()).prop_map(|(name, finished)| {
        let made = workload(Kind::Pod, &format!("shop/p-{name}"));
        made.with(|pod| pod.status.finished = finished).object()
    })
}

fn jobs() -> impl Strategy<Value = Object> {
    let owner = prop_oneof![
        Just(None),
        Just(Some(controller("batch/v1", "CronJob", "night"))),
        Just(Some(controller("example.com/v1", "Workflow", "build"))),
    ];
    let job = (owner, any::<bool>()).prop_map(|(owner, finished)| {
        let made = workload(Kind::Job, "shop/night-1").with(|job| job.status.finished = finished);
        made.with(|job| job.controller = owner).object()
    });
    prop_oneof![job, Just(workload(Kind::CronJob, "shop/night").object())]
}

fn replica_sets() -> impl Strategy<Value = Object> {
    let owner = prop_oneof![
        Just(None),
        Just(Some(controller("apps/v1", "Deployment", "web"))),
        Just(Some(controller("apps/v1", "Deployment", "api"))),
        Just(Some(controller("argoproj.io/v1alpha1", "Rollout", "web"))),
    ];
    (prop_oneof![Just("a"), Just("b")], owner)
        .prop_map(|(name, controller)| owned(Kind::ReplicaSet, name, controller))
}

fn roots() -> impl Strategy<Value = Object> {
    let owner = prop_oneof![
        Just(None),
        Just(None),
        Just(Some(controller("apps/v1", "Deployment", "web"))),
        Just(Some(controller("example.com/v1", "Shop", "main"))),
    ];
    let name = prop_oneof![
        Just((Kind::Deployment, "web")),
        Just((Kind::Deployment, "api")),
        Just((Kind::StatefulSet, "db")),
        Just((Kind::DaemonSet, "agent"))
    ];
    (name, owner).prop_map(|((kind, name), controller)| owned(kind, name, controller))
}

fn owned(kind: Kind, name: &str, controller: Option<Controller>) -> Object {
    let made = workload(kind, &format!("shop/{name}"));
    made.with(|w| w.controller = controller).object()
}

fn nodes() -> impl Strategy<Value = Object> {
    (1..4u8, any::<bool>(), prop_oneof![Just("a"), Just("b")]).prop_map(|(n, cordoned, zone)| {
        let made = node(&format!("n{n}")).zone_label(zone);
        if cordoned { made.cordoned() } else { made }.object()
    })
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let leases = (1..4u8, 0..3i64).prop_map(|(n, renewed)| lease(&format!("n{n}"), renewed));
    let object = prop_oneof![
        4 => pods(), 1 => bare_pods(), 2 => replica_sets(), 2 => jobs(), 1 => roots(), 1 => nodes(), 1 => leases
    ];
    let event = (object, prop::bool::weighted(0.3)).prop_map(|(object, gone)| {
        if gone {
            Event::Delete(object.key())
        } else {
            Event::Apply(object)
        }
    });
    prop::collection::vec(event, 0..60)
}

fn run(index: &mut Index, events: &[Event]) -> BTreeMap<ObjectKey, Object> {
    let mut left = BTreeMap::new();
    for event in events {
        match event {
            Event::Apply(object) => {
                left.insert(object.key(), object.clone());
                index.apply(object.clone(), Moment(0));
            }
            Event::Delete(key) => {
                left.remove(key);
                index.delete(key);
            }
        }
    }
    left
}

/// The workload that counts a pod: its ReplicaSet's Deployment, or its owner itself.
fn root(pod: &Pod, objects: &BTreeMap<ObjectKey, Object>) -> Option<ObjectKey> {
    let read = |c: &&Controller| ["apps/v1", "batch/v1"].contains(&&*c.api_version);
    let controller = pod.controller.as_ref().filter(read)?;
    let owner = ObjectKey::new(Kind::parse(&controller.kind)?, "shop", controller.name.clone());
    let Some(Object::Workload(set)) = objects.get(&owner) else {
        return Some(owner);
    };
    match &set.controller {
        Some(c) if owner.kind == Kind::ReplicaSet && &*c.kind == "Deployment" => {
            Some(ObjectKey::new(Kind::Deployment, "shop", c.name.clone()))
        }
        // One that has finished is not kept, and with it goes whose it was.
        Some(c) if owner.kind == Kind::Job && &*c.kind == "CronJob" && !set.status.finished => {
            Some(ObjectKey::new(Kind::CronJob, "shop", c.name.clone()))
        }
        _ => Some(owner),
    }
}

/// Counted anew from the objects that are left.
fn recount(objects: &BTreeMap<ObjectKey, Object>) -> Counts {
    let mut counts = Counts::new();
    for object in objects.values() {
        let Object::Pod(pod) = object else { continue };
        let (Some(root), Some(node)) = (root(pod, objects), &pod.node) else {
            continue;
        };
        let running = pod.phase == PodPhase::Running;
        let count = match (pod.phase, pod.deletion) {
            (PodPhase::Succeeded | PodPhase::Failed, _) => continue,
            (_, Some(_)) => [0, 0, 0, 1],
            (_, None) => [1, u32::from(running), u32::from(running && pod.ready), 0],
        };
        let entry = counts.entry((root, node.to_string())).or_default();
        for (sum, n) in entry.iter_mut().zip(count) {
            *sum += n;
        }
    }
    counts
}

/// What the index keeps for every owner, whether its object is there or not.
fn kept(index: &Index) -> Counts {
    let mut counts = Counts::new();
    for owner in index.owners.all() {
        for (node, count) in &owner.counts {
            let node = index.nodes.get(*node).name.to_string();
            let count = [count.bound, count.running, count.ready, count.terminating];
            counts.insert((owner.key.clone(), node), count);
        }
    }
    counts
}

/// Per node and workload, how many pods are there: the other side of the same counters.
fn kept_by_nodes(index: &Index) -> BTreeMap<(ObjectKey, String), u32> {
    let by_node = index.nodes.slots().flat_map(|slot| {
        let name = slot.name.to_string();
        slot.workloads
            .iter()
            .map(move |(owner, pods)| ((index.owners.get(*owner).key.clone(), name.clone()), *pods))
    });
    by_node.collect()
}

/// A workload's placement and the names of its pods.
type Seen = (Vec<(String, u32, u32)>, Vec<String>);

/// Everything that rules and detectors can see of workloads.
fn seen(index: &Index) -> BTreeMap<ObjectKey, Seen> {
    let keys = index.workload_keys().into_iter();
    keys.map(|key| {
        let view = index.view(&key).expect("a workload that is judged");
        let mut pods: Vec<String> = view.pods().map(|p| p.name().to_owned()).collect();
        pods.sort();
        (key.clone(), (placement(index, &key), pods))
    })
    .collect()
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn counts_are_those_of_a_recount(events in events()) {
        let mut index = Index::complete(ClusterVersion::NEWEST);
        let left = run(&mut index, &events);
        let expected = recount(&left);
        prop_assert_eq!(kept(&index), expected.clone());
        let pods = expected.into_iter().map(|(at, [bound, _, _, terminating])| (at, bound + terminating));
        prop_assert_eq!(kept_by_nodes(&index), pods.collect());
    }

    #[test]
    fn the_order_of_arrival_changes_nothing(events in events(), seed: u32) {
        let mut index = Index::complete(ClusterVersion::NEWEST);
        let left = run(&mut index, &events);
        let mut shuffled: Vec<Object> = left.into_values().collect();
        shuffled.sort_by_key(|object| fnv32(&format!("{seed} {}", object.key())));
        let other = settled(shuffled);
        prop_assert_eq!(seen(&index), seen(&other));
        prop_assert_eq!(kept(&index), kept(&other));
        prop_assert_eq!(index.node_names(), other.node_names());
    }

    #[test]
    fn what_is_known_already_marks_nothing(events in events()) {
        let mut index = Index::complete(ClusterVersion::NEWEST);
        let left = run(&mut index, &events);
        index.take_dirty();
        for object in left.values() {
            index.apply(object.clone(), Moment(1));
        }
        prop_assert_eq!(index.take_dirty(), Dirty::default());
        for kind in Kind::ALL {
            index.begin_list(kind);
        }
        for object in left.values() {
            index.apply(object.clone(), Moment(2));
        }
        for kind in Kind::ALL {
            index.end_list(kind);
        }
        prop_assert_eq!(index.take_dirty(), Dirty::default());
        prop_assert_eq!(kept(&index), recount(&left));
    }

    #[test]
    fn an_empty_relist_leaves_nothing_behind(events in events(), seed: u32) {
        let mut index = Index::complete(ClusterVersion::NEWEST);
        run(&mut index, &events);
        let mut kinds = Kind::ALL;
        kinds.sort_by_key(|kind| fnv32(&format!("{seed} {kind}")));
        for kind in kinds {
            index.begin_list(kind);
            index.end_list(kind);
        }
        assert_empty(&index);
    }

    #[test]
    fn what_changes_for_a_workload_marks_it(events in events(), last in events()) {
        let mut index = Index::complete(ClusterVersion::NEWEST);
        run(&mut index, &events);
        for event in &last {
            let before = seen(&index);
            index.take_dirty();
            run(&mut index, std::slice::from_ref(event));
            let after = seen(&index);
            let dirty = index.take_dirty();
            for key in before.keys().chain(after.keys()).filter(|key| before.get(key) != after.get(key)) {
                prop_assert!(dirty.workloads.contains(key), "{event:?} changes {key}, marks {dirty:?}");
            }
        }
    }
}
