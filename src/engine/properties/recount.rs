//! What reports say of places is what anybody would count from the objects themselves.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::history::{Event, NODES, PodState, WORKLOADS, histories, pod_of, script, workload_key};
use super::run::Run;
use crate::model::keys::{Kind, ObjectKey};
use crate::model::node::ReadyStatus;
use crate::model::object::Object;
use crate::model::pod::{Pod, PodPhase};
use crate::model::report::{Placement, Survives};
use crate::model::subject::Subject;
use crate::model::testing::cases;

type Objects = BTreeMap<ObjectKey, Object>;

/// Whether a pod belongs to a workload: by itself, or by a ReplicaSet that is there and says so.
fn is_of(pod: &Pod, workload: &ObjectKey, objects: &Objects) -> bool {
    let Some(controller) = &pod.controller else {
        return false;
    };
    let Some(kind) = Kind::parse(&controller.kind) else {
        return false;
    };
    let owner = ObjectKey::new(kind, pod.namespace.clone(), controller.name.clone());
    if owner == *workload {
        return true;
    }
    let Some(Object::Workload(set)) = objects.get(&owner) else {
        return false;
    };
    let parent = set.controller.as_ref();
    pod.namespace == workload.namespace
        && kind == Kind::ReplicaSet
        && parent.is_some_and(|c| &*c.kind == workload.kind.as_str() && c.name == workload.name)
}

fn is_silent(node: &str, objects: &Objects) -> bool {
    let node = objects.get(&ObjectKey::new(Kind::Node, "", node));
    matches!(node, Some(Object::Node(node)) if node.ready.status == ReadyStatus::Unknown)
}

fn zone(node: &str, objects: &Objects) -> Option<String> {
    match objects.get(&ObjectKey::new(Kind::Node, "", node)) {
        Some(Object::Node(node)) => node.zone(),
        _ => None,
    }
}

fn int(n: usize) -> i32 {
    i32::try_from(n).expect("a small cluster")
}

/// What a report should say of a workload's places: counted pod by pod.
fn counted(workload: &ObjectKey, objects: &Objects) -> (i32, i32, i32, i32, Survives) {
    let pods = objects.values().filter_map(|object| match object {
        Object::Pod(pod) if is_of(pod, workload, objects) => Some(pod),
        _ => None,
    });
    let running: Vec<(&str, bool)> = pods
        .filter(|pod| pod.phase == PodPhase::Running && pod.deletion.is_none())
        .filter_map(|pod| Some((pod.node.as_deref()?, pod.ready)))
        .collect();
    let mut on_node: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ready_on: BTreeMap<&str, usize> = BTreeMap::new();
    for (node, ready) in &running {
        *on_node.entry(node).or_default() += 1;
        if *ready && !is_silent(node, objects) {
            *ready_on.entry(node).or_default() += 1;
        }
    }
    let zones = |nodes: &BTreeMap<&str, usize>| {
        let zones = nodes.keys().filter_map(|node| zone(node, objects));
        zones.collect::<std::collections::BTreeSet<_>>().len()
    };
    let ready: usize = ready_on.values().sum();
    let Some(Object::Workload(wanted)) = objects.get(workload) else {
        panic!("{workload} is there")
    };
    let survives = match (wanted.desired(), ready) {
        (None | Some(0), _) => Survives::Unknown,
        _ if zones(&ready_on) >= 2 => Survives::Zone,
        _ if ready_on.len() >= 2 => Survives::Node,
        (_, 2..) => Survives::Pod,
        _ => Survives::Nothing,
    };
    let largest = on_node.values().max().copied().unwrap_or_default();
    (
        int(ready),
        int(on_node.len()),
        int(zones(&on_node)),
        int(largest),
        survives,
    )
}

fn said(placement: &Placement) -> (i32, i32, i32, i32, Survives) {
    let Placement {
        ready,
        nodes,
        zones,
        largest_on_one_node,
        survives,
        ..
    } = placement;
    (*ready, *nodes, *zones, *largest_on_one_node, *survives)
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn what_reports_say_of_places_equals_a_recount(steps in histories(40)) {
        let mut run = Run::new();
        for beat in &script(&steps) {
            run.beat(beat);
            for (subject, status) in run.statuses() {
                if let (Some(placement), Some(key)) = (&status.placement, subject.workload()) {
                    prop_assert_eq!(said(placement), counted(key, &run.objects), "{} at {}", subject, beat.at);
                }
            }
        }
    }

    /// Wherever the replica is: on any node, also a silent one or one that nobody knows.
    #[test]
    fn survives_never_falls_when_a_ready_replica_is_added(
        steps in histories(30),
        of in 0..WORKLOADS.len(),
        placed in prop::collection::vec(0..=NODES.len(), 0..4),
        node in 0..=NODES.len(),
    ) {
        let mut run = Run::of(&script(&steps));
        for (nth, node) in placed.into_iter().enumerate() {
            run.see(&[Event::Put(pod_of(of, nth, Some(node), PodState::Ready, 0).object())]);
        }
        run.judge();
        let survives = |run: &Run| {
            let placement = run.reports.get(&Subject::Workload(workload_key(of))).and_then(|kept| kept.status.placement.clone());
            placement.map(|placement| placement.survives)
        };
        let before = survives(&run);
        let more = pod_of(of, 7, Some(node), PodState::Ready, 0);
        run.see(&[Event::Put(more.object())]);
        run.judge();
        prop_assert!(survives(&run) >= before, "{:?} was {:?}", survives(&run), before);
    }
}
