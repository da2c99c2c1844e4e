//! What may happen to a small cluster, as data that shrinks well.
//!
//! ```text
//! steps ──script──> Beat { at, events } … ──> Run
//! ```
//!
//! A step that finds nothing to act on (a pod of a workload that is gone) does nothing, so that any part of a history
//! can be left out and the rest still makes sense.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::model::autoscaler::{Condition, Horizontal};
use crate::model::context::LimitRangeType;
use crate::model::field::Field;
use crate::model::keys::{Kind, ObjectKey};
use crate::model::node::{Node, ReadyStatus, TAINT_NOT_READY, TAINT_UNREACHABLE};
use crate::model::object::{NODE_LEASE_NAMESPACE, Object};
use crate::model::pod::{Pod, PodPhase};
use crate::model::subject::Subject;
use crate::model::template::TaintEffect;
use crate::model::testing::{
    budget, controller, endpoint_slice, hpa, lease, limit_range, namespace, node, pod, replica_set,
    scaled_object, service, wall, workload,
};
use crate::model::workload::{Strategy as Rollout, Workload};

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

/// A pod of a workload, on a node of [`NODES`] or on `ghost`; `at` is when it ends, if it does.
pub(super) fn pod_of(of: usize, nth: usize, on: Option<usize>, state: PodState, at: i64) -> Pod {
    let (kind, path) = WORKLOADS[of];
    let mut made = pod(&format!("{path}-{nth}"));
    if kind == Kind::StatefulSet {
        made.controller = Some(controller("apps/v1", "StatefulSet", &workload_key(of).name));
    }
    let made = match on {
        None => return made.unbound(),
        Some(nth) => made.on(NODES.get(nth).map_or("ghost", |(name, _)| *name)),
    };
    match state {
        PodState::Ready => made,
        PodState::Unready => made.unready(),
        PodState::Starting => made.starting(),
        PodState::Ending => made.unready().terminating(wall(at + 30)),
        PodState::Finished => Pod {
            phase: PodPhase::Failed,
            ..made.unready()
        },
    }
}

/// The objects as the API server has them.
#[derive(Debug, Default)]
struct World {
    objects: BTreeMap<ObjectKey, Object>,
    /// Numbers what is made, so that no uid comes twice.
    made: u32,
}

impl World {
    /// Two replicas each of `shop/web` (on one node), `shop/db` and `other/web`.
    fn begin(&mut self) -> Vec<Event> {
        let nodes = (0..NODES.len()).map(|nth| Action::Join { nth, young: false });
        let workloads = [0, 1, 3].map(|of| Action::Scale { of, replicas: 2 });
        let pods = [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 2), (3, 0, 1), (3, 1, 2)];
        let pods = pods.map(|(of, nth, node)| Action::Pod {
            of,
            nth,
            node: Some(node),
            state: PodState::Ready,
        });
        let actions: Vec<Action> = nodes.chain(workloads).chain(pods).collect();
        actions.iter().flat_map(|action| self.act(action, 0)).collect()
    }

    /// What an action changes. `at` is the wall clock's second.
    fn act(&mut self, action: &Action, at: i64) -> Vec<Event> {
        match *action {
            Action::Scale { of, replicas } => self.change(of, |w| w.replicas(replicas)),
            Action::RollOut { of, recreate } => self.change(of, |w| {
                w.with(|w| {
                    w.strategy = Field::Set(if recreate {
                        Rollout::Recreate
                    } else {
                        Rollout::default()
                    });
                })
            }),
            Action::Remake { of, young } => {
                let mut events = self.remove(&workload_key(of));
                if !events.is_empty() {
                    let anew = |w: Workload| {
                        w.replicas(2)
                            .with(|w| w.created = Some(wall(if young { at } else { -86_400 })))
                    };
                    events.extend(self.change(of, anew));
                }
                events
            }
            Action::Remove { of } => self.remove(&workload_key(of)),
            Action::ReplicaSet { of, owned } if WORKLOADS[of].0 == Kind::Deployment => {
                let set = replica_set(WORKLOADS[of].1);
                let set = if owned {
                    set
                } else {
                    Workload {
                        controller: None,
                        ..set
                    }
                };
                self.put(set.object())
            }
            Action::RemoveReplicaSet { of } => {
                let key = workload_key(of);
                let set = format!("{}-rs", key.name);
                self.remove(&ObjectKey::new(Kind::ReplicaSet, key.namespace, set))
            }
            Action::ReplicaSet { .. }
            | Action::AcknowledgeWorkload { .. }
            | Action::AcknowledgeNode { .. } => Vec::new(),
            Action::Pod { of, nth, node, state } => self.put(pod_of(of, nth, node, state, at).object()),
            Action::RemovePod { of, nth } => {
                let key = workload_key(of);
                self.remove(&ObjectKey::new(
                    Kind::Pod,
                    key.namespace,
                    format!("{}-{nth}", key.name),
                ))
            }
            Action::Node { nth, to } => self.change_node(nth, |node, made| become_(node, to, at, made)),
            Action::Cordon { nth, cordoned } => self.change_node(nth, |mut node, _| {
                node.unschedulable = cordoned;
                node
            }),
            Action::Zone { nth, zone } => {
                self.change_node(nth, |node, _| node.zone_label(["a", "b", "c"][zone]))
            }
            Action::Join { nth, young } => self.join(nth, young.then_some(at)),
            Action::Leave { nth } => {
                let name = NODES[nth].0;
                let mut events = self.remove(&ObjectKey::new(Kind::Node, "", name));
                events.extend(self.remove(&ObjectKey::new(Kind::Lease, NODE_LEASE_NAMESPACE, name)));
                events
            }
            // Kubelets stamp Leases by clocks of their own, and whatever is renewed after a stamp in the far future is no
            // later.
            Action::Heartbeat { nth } => self.put(lease(NODES[nth].0, 0).object()),
            Action::Mute { nth } => self.put(lease(NODES[nth].0, 30 * 86_400).object()),
            Action::RemoveLease { nth } => {
                self.remove(&ObjectKey::new(Kind::Lease, NODE_LEASE_NAMESPACE, NODES[nth].0))
            }
            Action::Beside { of, what, n } => self.beside(of, what, n, at),
            Action::Mend => self.mend(at),
        }
    }

    /// Puts an object; nothing happens when it is the one that is there.
    fn put(&mut self, object: Object) -> Vec<Event> {
        let key = object.key();
        if self.objects.get(&key) == Some(&object) {
            return Vec::new();
        }
        self.objects.insert(key, object.clone());
        vec![Event::Put(object)]
    }

    fn remove(&mut self, key: &ObjectKey) -> Vec<Event> {
        let gone = self.objects.remove(key);
        gone.map(|_| Event::Gone(key.clone())).into_iter().collect()
    }

    /// Changes a workload, or makes it (and its ReplicaSet) first.
    fn change(&mut self, of: usize, change: impl FnOnce(Workload) -> Workload) -> Vec<Event> {
        let (kind, path) = WORKLOADS[of];
        let mut events = Vec::new();
        let known = match self.objects.get(&workload_key(of)) {
            Some(Object::Workload(known)) => known.clone(),
            _ => {
                self.made += 1;
                if kind == Kind::Deployment {
                    events.extend(self.put(replica_set(path).object()));
                }
                workload(kind, path)
                    .generation(0)
                    .with(|w| w.uid = format!("uid-{path}-{}", self.made).into())
            }
        };
        let generation = known.generation + 1;
        events.extend(self.put(change(known).generation(generation).object()));
        events
    }

    fn change_node(&mut self, nth: usize, change: impl FnOnce(Node, u32) -> Node) -> Vec<Event> {
        let key = ObjectKey::new(Kind::Node, "", NODES[nth].0);
        let Some(Object::Node(known)) = self.objects.get(&key) else {
            return Vec::new();
        };
        self.made += 1;
        let changed = change(known.clone(), self.made);
        self.put(changed.object())
    }

    fn join(&mut self, nth: usize, created: Option<i64>) -> Vec<Event> {
        let (name, zone) = NODES[nth];
        self.made += 1;
        let mut events = self.remove(&ObjectKey::new(Kind::Node, "", name));
        let mut joined = node(name);
        joined.uid = format!("uid-{name}-{}", self.made).into();
        if let Some(created) = created {
            joined.created = Some(wall(created));
            joined.ready.since = Some(wall(created));
        }
        let joined = zone.into_iter().fold(joined, Node::zone_label);
        events.extend(self.put(joined.object()));
        events.extend(self.put(lease(name, 0).object()));
        events
    }

    fn mend(&mut self, at: i64) -> Vec<Event> {
        let mut actions = Vec::new();
        for (nth, (name, _)) in NODES.iter().enumerate() {
            let is_there = self.objects.contains_key(&ObjectKey::new(Kind::Node, "", *name));
            actions.extend((!is_there).then_some(Action::Join { nth, young: false }));
            actions.push(Action::Node {
                nth,
                to: NodeState::Ready,
            });
            actions.push(Action::Cordon { nth, cordoned: false });
            actions.push(Action::Zone { nth, zone: nth / 2 });
            actions.push(Action::Heartbeat { nth });
        }
        for of in (0..WORKLOADS.len()).filter(|of| self.objects.contains_key(&workload_key(*of))) {
            actions.push(Action::Scale { of, replicas: 2 });
            actions.push(Action::ReplicaSet { of, owned: true });
            actions.push(Action::Beside {
                of,
                what: Beside::Slice,
                n: None,
            });
            for nth in 0..4 {
                actions.push(Action::RemovePod { of, nth });
            }
            let state = PodState::Ready;
            actions.extend([(0, 0), (1, 2)].map(|(nth, node)| Action::Pod {
                of,
                nth,
                node: Some(node),
                state,
            }));
        }
        actions.iter().flat_map(|action| self.act(action, at)).collect()
    }

    fn beside(&mut self, of: usize, what: Beside, n: Option<u8>, at: i64) -> Vec<Event> {
        let path = WORKLOADS[of].1;
        let (within, _) = path.split_once('/').expect("namespace/name");
        let made = |n: u8| match what {
            Beside::Autoscaler => Object::Autoscaler(hpa(path, (n > 0).then_some(i32::from(n)), 5)),
            Beside::Sight => {
                let since = Some(wall(at));
                let active = match n % 2 {
                    0 => Condition::True,
                    _ => Condition::False {
                        reason: "FailedGetResourceMetric".into(),
                        since,
                    },
                };
                let sight = |own: &mut Horizontal| (own.active, own.able) = (active, Condition::True);
                hpa(path, Some(2), 5).horizontal_with(sight).object()
            }
            Beside::ScaledObject => {
                let scaled = scaled_object(path, (n > 0).then_some(i32::from(n)), Some(2));
                scaled.keda_with(|own| own.fallback = n == 3).object()
            }
            Beside::Budget => Object::DisruptionBudget(budget(path)),
            Beside::LimitRange => {
                let default = ["64Mi", "1Gi"].get(usize::from(n)).copied();
                let range = limit_range(
                    &format!("{within}/sizes"),
                    LimitRangeType::Container,
                    default,
                    None,
                );
                Object::LimitRange(range)
            }
            Beside::Service => service(path).object(),
            Beside::Slice => endpoint_slice(path, u32::from(n), 3).object(),
            Beside::Namespace => {
                let mut named = namespace(within, &[("team", ["a", "b", "c", "d"][usize::from(n)])]);
                named.annotations = vec![("plimsoll.dev/owner".into(), format!("team-{n}").into())];
                Object::Namespace(named)
            }
        };
        match n {
            Some(n) => self.put(made(n)),
            None => self.remove(&made(0).key()),
        }
    }
}

/// A node whose state is another from now on, with the taints that the node controller adds and takes away.
fn become_(mut node: Node, to: NodeState, at: i64, made: u32) -> Node {
    let status = match to {
        NodeState::Ready | NodeState::Rebooted => ReadyStatus::True,
        NodeState::Silent | NodeState::Spared => ReadyStatus::Unknown,
        NodeState::NotReady => ReadyStatus::False,
    };
    let ours = |key: &str| matches!(key, TAINT_NOT_READY | TAINT_UNREACHABLE);
    let spared = |node: Node| Node {
        taints: node
            .taints
            .into_iter()
            .filter(|t| t.effect != TaintEffect::NoExecute)
            .collect(),
        ..node
    };
    if node.ready.status == status {
        return match to {
            NodeState::Spared => spared(node),
            _ => node,
        };
    }
    node.taints.retain(|taint| !ours(&taint.key));
    match to {
        NodeState::Ready => node.ready_since(at),
        NodeState::Silent => node.unknown_since(at),
        NodeState::Spared => spared(node.unknown_since(at)),
        NodeState::NotReady => node.false_since(at),
        NodeState::Rebooted => Node {
            boot_id: format!("boot-{made}").into(),
            ..node.ready_since(at)
        },
    }
}
