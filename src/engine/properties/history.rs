//! What may happen to a small cluster, as data that shrinks well.
//!
//! ```text
//! steps ──script──> Beat { at, events } … ──> Run
//! ```
//!
//! A step that finds nothing to act on (a pod of a workload that is gone) does nothing, so that any part of a history
//! can be left out and the rest still makes sense.

mod world;

use proptest::prelude::*;

use self::world::World;
pub(super) use self::world::pod_of;
use crate::model::keys::{Kind, ObjectKey};
use crate::model::object::Object;
use crate::model::subject::Subject;

/// The nodes and their zones. Pods may also be bound to `ghost`, whose Node object is never seen.
pub(super) const NODES: [(&str, Option<&str>); 4] = [
    ("n1", Some("a")),
    ("n2", Some("a")),
    ("n3", Some("b")),
    ("n4", Some("c")),
];
/// The workloads.
pub(super) const WORKLOADS: [(Kind, &str); 4] = [
    (Kind::Deployment, "shop/web"),
    (Kind::StatefulSet, "shop/db"),
    (Kind::Deployment, "shop/api"),
    (Kind::Deployment, "other/web"),
];

/// One change as the API server tells it.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a few dozen at a time")]
pub(super) enum Event {
    Put(Object),
    Gone(ObjectKey),
}

impl Event {
    pub(super) fn key(&self) -> ObjectKey {
        match self {
            Event::Put(object) => object.key(),
            Event::Gone(key) => key.clone(),
        }
    }
}

/// What happens at one moment, and is judged together.
#[derive(Clone, Debug)]
pub(super) struct Beat {
    /// Seconds since the history began.
    pub(super) at: u64,
    pub(super) events: Vec<Event>,
    /// Somebody acknowledges what the reports on these say.
    pub(super) acknowledged: Vec<Subject>,
}

/// How a pod is.
#[derive(Clone, Copy, Debug)]
pub(super) enum PodState {
    Ready,
    Unready,
    Starting,
    Ending,
    Finished,
}

/// What becomes of a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum NodeState {
    Ready,
    Silent,
    /// Silent, and spared the NoExecute taint because much of its zone is silent too.
    Spared,
    NotReady,
    Rebooted,
}

/// What stands beside a workload.
#[derive(Clone, Copy, Debug)]
pub(super) enum Beside {
    Autoscaler,
    /// The same autoscaler, which sees or has just gone blind.
    Sight,
    ScaledObject,
    Budget,
    LimitRange,
    Service,
    Slice,
    Namespace,
}

/// One thing that happens. Small numbers pick from [`WORKLOADS`] and [`NODES`].
#[derive(Clone, Debug)]
pub(super) enum Action {
    Scale {
        of: usize,
        replicas: i32,
    },
    RollOut {
        of: usize,
        recreate: bool,
    },
    /// Deleted and made anew under the same name, as if a day ago or now.
    Remake {
        of: usize,
        young: bool,
    },
    Remove {
        of: usize,
    },
    /// The ReplicaSet is there, owned or orphaned.
    ReplicaSet {
        of: usize,
        owned: bool,
    },
    RemoveReplicaSet {
        of: usize,
    },
    Pod {
        of: usize,
        nth: usize,
        node: Option<usize>,
        state: PodState,
    },
    RemovePod {
        of: usize,
        nth: usize,
    },
    Node {
        nth: usize,
        to: NodeState,
    },
    Cordon {
        nth: usize,
        cordoned: bool,
    },
    Zone {
        nth: usize,
        zone: usize,
    },
    /// A node joins; in the place of one of that name, if there is one.
    Join {
        nth: usize,
        young: bool,
    },
    Leave {
        nth: usize,
    },
    /// Its heartbeats come again, if they were missing.
    Heartbeat {
        nth: usize,
    },
    /// Its heartbeats are missing from now on, until [`Action::Heartbeat`].
    Mute {
        nth: usize,
    },
    RemoveLease {
        nth: usize,
    },
    Beside {
        of: usize,
        what: Beside,
        n: Option<u8>,
    },
    AcknowledgeWorkload {
        of: usize,
    },
    AcknowledgeNode {
        nth: usize,
    },
    /// Whatever is broken is mended: nodes are back, every workload has two ready replicas in two zones.
    Mend,
}

/// An action, and how many seconds after the one before.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) after: u64,
    pub(super) action: Action,
}

/// Times at which something is due by default (10 s, 60 s, 300 s, 600 s, 900 s), those around them, and many at once.
fn waits() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => Just(0_u64),
        3 => 1..=12_u64,
        2 => prop_oneof![Just(60_u64), Just(299), Just(300), Just(316), Just(599), Just(600), Just(901)],
        1 => 13..=1300_u64,
    ]
}

fn pods() -> impl Strategy<Value = Action> {
    let state = prop_oneof![
        5 => Just(PodState::Ready),
        3 => Just(PodState::Unready),
        1 => Just(PodState::Starting),
        2 => Just(PodState::Ending),
        1 => Just(PodState::Finished),
    ];
    let node = prop_oneof![1 => Just(None), 8 => (0..=NODES.len()).prop_map(Some)];
    (0..WORKLOADS.len(), 0..4_usize, node, state).prop_map(|(of, nth, node, state)| Action::Pod {
        of,
        nth,
        node,
        state,
    })
}

fn of_nodes() -> impl Strategy<Value = Action> {
    let to = prop_oneof![
        4 => Just(NodeState::Ready),
        4 => Just(NodeState::Silent),
        1 => Just(NodeState::Spared),
        1 => Just(NodeState::NotReady),
        1 => Just(NodeState::Rebooted),
    ];
    let nth = || 0..NODES.len();
    prop_oneof![
        8 => (nth(), to).prop_map(|(nth, to)| Action::Node { nth, to }),
        1 => (nth(), any::<bool>()).prop_map(|(nth, cordoned)| Action::Cordon { nth, cordoned }),
        1 => (nth(), 0..3_usize).prop_map(|(nth, zone)| Action::Zone { nth, zone }),
        1 => (nth(), any::<bool>()).prop_map(|(nth, young)| Action::Join { nth, young }),
        1 => nth().prop_map(|nth| Action::Leave { nth }),
        2 => nth().prop_map(|nth| Action::Heartbeat { nth }),
        2 => nth().prop_map(|nth| Action::Mute { nth }),
        1 => nth().prop_map(|nth| Action::RemoveLease { nth }),
        1 => nth().prop_map(|nth| Action::AcknowledgeNode { nth }),
    ]
}

fn of_workloads() -> impl Strategy<Value = Action> {
    let of = || 0..WORKLOADS.len();
    prop_oneof![
        3 => (of(), 0..6_i32).prop_map(|(of, replicas)| Action::Scale { of, replicas }),
        2 => (of(), any::<bool>()).prop_map(|(of, recreate)| Action::RollOut { of, recreate }),
        1 => (of(), any::<bool>()).prop_map(|(of, young)| Action::Remake { of, young }),
        1 => of().prop_map(|of| Action::Remove { of }),
        1 => (of(), any::<bool>()).prop_map(|(of, owned)| Action::ReplicaSet { of, owned }),
        1 => of().prop_map(|of| Action::RemoveReplicaSet { of }),
        2 => (of(), 0..4_usize).prop_map(|(of, nth)| Action::RemovePod { of, nth }),
        1 => of().prop_map(|of| Action::AcknowledgeWorkload { of }),
    ]
}

/// What stands beside the workloads that `of` picks.
pub(super) fn beside(of: impl Strategy<Value = usize>) -> impl Strategy<Value = Action> {
    let what = prop_oneof![
        Just(Beside::Autoscaler),
        Just(Beside::Sight),
        Just(Beside::ScaledObject),
        Just(Beside::Budget),
        Just(Beside::LimitRange),
        Just(Beside::Service),
        Just(Beside::Slice),
        Just(Beside::Namespace),
    ];
    (of, what, prop::option::weighted(0.8, 0..4_u8)).prop_map(|(of, what, n)| Action::Beside { of, what, n })
}

/// Any history of up to so many steps.
pub(super) fn histories(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    let action = prop_oneof![
        5 => pods(),
        5 => of_nodes(),
        3 => of_workloads(),
        2 => beside(0..WORKLOADS.len()),
    ];
    let step = (waits(), action).prop_map(|(after, action)| Step { after, action });
    prop::collection::vec(step, 0..=steps)
}

/// The history as the API server would tell it, its wall clock showing `clock(second)`.
pub(super) fn script_by(steps: &[Step], clock: impl Fn(u64) -> i64) -> Vec<Beat> {
    let mut world = World::default();
    let mut beats = vec![Beat {
        at: 0,
        events: world.begin(),
        acknowledged: Vec::new(),
    }];
    let mut at = 1;
    for step in steps {
        at += step.after;
        if beats.last().is_none_or(|last| last.at < at) {
            beats.push(Beat {
                at,
                events: Vec::new(),
                acknowledged: Vec::new(),
            });
        }
        let Some(beat) = beats.last_mut() else { continue };
        match step.action {
            Action::AcknowledgeWorkload { of } => beat.acknowledged.push(Subject::Workload(workload_key(of))),
            Action::AcknowledgeNode { nth } => {
                beat.acknowledged.push(Subject::Node(NODES[nth].0.into()));
            }
            ref action => beat.events.extend(world.act(action, clock(at))),
        }
    }
    beats
}

/// The history as the API server would tell it.
pub(super) fn script(steps: &[Step]) -> Vec<Beat> {
    script_by(steps, |second| i64::try_from(second).expect("a short history"))
}

pub(super) fn workload_key(of: usize) -> ObjectKey {
    let (kind, path) = WORKLOADS[of];
    let (namespace, name) = path.split_once('/').expect("namespace/name");
    ObjectKey::new(kind, namespace, name)
}
