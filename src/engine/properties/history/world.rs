//! The cluster that a history happens to: the objects as the API server has them, and what each action changes of them.

use std::collections::BTreeMap;

use super::{Action, Beside, Event, NODES, NodeState, PodState, WORKLOADS, workload_key};
use crate::model::autoscaler::{Condition, Horizontal};
use crate::model::context::LimitRangeType;
use crate::model::field::Field;
use crate::model::keys::{Kind, ObjectKey};
use crate::model::node::{Node, ReadyStatus, TAINT_NOT_READY, TAINT_UNREACHABLE};
use crate::model::object::{NODE_LEASE_NAMESPACE, Object};
use crate::model::pod::{Pod, PodPhase};
use crate::model::template::TaintEffect;
use crate::model::testing::{
    budget, controller, endpoint_slice, hpa, lease, limit_range, namespace, node, pod, replica_set,
    scaled_object, service, wall, workload,
};
use crate::model::workload::{Strategy as Rollout, Workload};

/// A pod of a workload, on a node of [`NODES`] or on `ghost`; `at` is when it ends, if it does.
pub(in crate::engine::properties) fn pod_of(
    of: usize,
    nth: usize,
    on: Option<usize>,
    state: PodState,
    at: i64,
) -> Pod {
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
pub(super) struct World {
    objects: BTreeMap<ObjectKey, Object>,
    /// Numbers what is made, so that no uid comes twice.
    made: u32,
}

impl World {
    /// Two replicas each of `shop/web` (on one node), `shop/db` and `other/web`.
    pub(super) fn begin(&mut self) -> Vec<Event> {
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
    pub(super) fn act(&mut self, action: &Action, at: i64) -> Vec<Event> {
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
            Some(Object::Workload(known)) => Workload::clone(known),
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
