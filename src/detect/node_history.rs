//! What is remembered of each node: its heartbeats, its silences, and pods that overstay there.
//!
//! A *silence* is one transition of the node's Ready from True to anything else. It is known by the stamp that this
//! transition carries (`lastTransitionTime`), and stamps are only ever compared for equality: so an event that comes
//! twice, a relist, or an operator that was away while the node returned all count right. A change between False and
//! Unknown belongs to the silence that it happens in. Two things are not told apart: a node that returned *and* fell
//! silent in the other way while nobody watched counts as one silence. And a report keeps only when a silence began: one
//! that has turned from False to Unknown (or back) since counts twice after a restart of the operator.
//!
//! Not counted are silences that begin while the node is not judged (`suppress`), and those during which it was rebooted
//! or upgraded, which is known only when it returns: these are withdrawn. A silence that begins while the control plane is
//! suspect counts from when it is not any more, if the node is silent still.

use jiff::{SignedDuration, Timestamp};

use super::node_health::{FLAPPING, Limbo, NodeHealth, OVERDUE, PriorNode};
use super::overdue::Overdue;
use super::pulse::Pulse;
use super::suppress;
use crate::index::NodeView;
use crate::model::config::DetectorConfig;
use crate::model::keys::Name;
use crate::model::node::{Node, ReadyStatus};
use crate::model::time::{Moment, Now};

/// Silences that are remembered of a node: with default timers a flapping node has at most about one a minute, so this
/// is more than any window that decides holds. Bounds the history to 1 KiB.
const MAX_SILENCES: usize = 16;

/// How much earlier than the transition's own stamp a silence may seem to have been seen: both are whole seconds.
const STAMP_SLACK: SignedDuration = SignedDuration::from_secs(2);

/// One node's history, bounded.
#[derive(Debug, Default)]
pub struct NodeHistory {
    /// Which node of that name; `None` until it has been observed.
    uid: Option<Name>,
    /// The machine and its kubelet before the current silence: `bootID`, `kubeletVersion`.
    boot: Option<(Name, Name)>,
    /// Those that count, oldest first.
    silences: Vec<Silence>,
    /// While Ready is not True.
    open: Option<Open>,
    overdue: Overdue,
    pulse: Pulse,
    /// Why the last silence does not count, until the next one.
    withdrawn: Option<&'static str>,
    /// Why the node is out of limbo at once, until it is in limbo again.
    limbo_withdrawn: Option<&'static str>,
    /// Until the first look: in limbo since then, as the report says.
    resumed: Option<Timestamp>,
}

/// A silence that counts.
#[derive(Clone, Copy, Debug)]
struct Silence {
    /// The transition's stamp; of a restored one, when it was seen.
    stamp: Option<Timestamp>,
    began: Moment,
}

/// The silence that goes on now.
#[derive(Debug)]
struct Open {
    /// The stamp of the transition from True.
    since: Option<Timestamp>,
    status: ReadyStatus,
    /// The stamp of `status`.
    stamp: Option<Timestamp>,
    last_heartbeat: Option<Timestamp>,
    /// It is the newest of the silences that count.
    counts: bool,
    /// It would count if the control plane were not suspect.
    held: bool,
}

/// What a look at a node came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// When it must be looked at again although nothing happened.
    pub due: Option<Moment>,
    /// It changed just now: Ready left True, or heartbeats have been missing for too long.
    pub changed: bool,
}

impl NodeHistory {
    /// A history that goes on from what a report kept.
    #[must_use]
    pub fn restore(prior: &PriorNode, now: Now) -> Self {
        let newest = prior.silences.len().saturating_sub(MAX_SILENCES);
        let mut silences: Vec<Silence> = prior.silences[newest..]
            .iter()
            .map(|seen| Silence {
                stamp: Some(*seen),
                began: now.moment_of(*seen),
            })
            .collect();
        silences.sort_by_key(|silence| silence.began);
        NodeHistory {
            silences,
            resumed: prior.limbo,
            pulse: Pulse::restore(prior.gap, now.at),
            ..NodeHistory::default()
        }
    }

    /// Notes the node as it is now. While `held`, what happens to it is not held against it.
    pub fn observe(
        &mut self,
        node: &NodeView<'_>,
        held: bool,
        now: Now,
        config: &DetectorConfig,
    ) -> Observed {
        let Some(object) = node.node() else {
            return Observed::default();
        };
        let first = self.recognise(object);
        self.forget(now.at, config);
        let judged = suppress::reason(node, now, config).is_none();
        let was_in_limbo = self.limbo(now.at, config).is_some();
        let restarted = self.restarted(object);
        let mut changed = self.pulse.observe(node, judged, held, now, config);
        if object.ready.status != ReadyStatus::True {
            let joining = first && joined_silent(object, config);
            changed |= self.silent(node, object, first, judged && !joining, held, now);
            if !held && judged {
                self.release(now);
            }
        }
        if let Some(why) = restarted
            && let Some(open) = &mut self.open
        {
            if std::mem::take(&mut open.counts) {
                self.silences.pop();
            }
            self.withdrawn = Some(why);
            if was_in_limbo && self.limbo(now.at, config).is_none() {
                self.limbo_withdrawn = Some(why);
            }
        }
        if object.ready.status == ReadyStatus::True {
            self.open = None;
        }
        // Kubernetes evicts nothing while all zones are down.
        let evictable = judged && !held && self.open.is_some();
        let overdue_at = self.overdue.note(node, first, evictable, now, config);
        self.resume_limbo(now, config);
        if self.limbo(now.at, config).is_some() {
            self.limbo_withdrawn = None;
        }
        let judged_at = old_enough_at(object, now, config);
        let dues = [
            overdue_at,
            self.limbo_ends(now.at, config),
            judged_at,
            self.pulse.due(node, now.at, config),
        ];
        Observed {
            due: dues.into_iter().flatten().min(),
            changed,
        }
    }

    /// The control plane is suspect: what began since then is not held against the node.
    pub fn hold_back(&mut self, since: Moment) {
        self.silences.retain(|silence| silence.began < since);
        let counted = self.silences.last().map(|newest| newest.stamp);
        if let Some(open) = &mut self.open
            && open.counts
            && counted != Some(open.stamp)
        {
            (open.counts, open.held) = (false, true);
        }
        self.pulse.hold_back(since);
    }

    pub(super) const fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// What it makes of the node; `None` when healthy.
    #[must_use]
    pub fn health(&self, node: &NodeView<'_>, now: Now, config: &DetectorConfig) -> Option<NodeHealth> {
        let object = node.node()?;
        let suppressed = suppress::reason(node, now, config);
        let limbo = match suppressed {
            Some(_) => None,
            None => self.limbo(now.at, config),
        };
        let status = object.ready.status;
        if status == ReadyStatus::True && limbo.is_none() {
            return None;
        }
        let open = self.open.as_ref().filter(|_| status != ReadyStatus::True);
        Some(NodeHealth {
            status,
            since: open.and_then(|open| open.since),
            last_heartbeat: open.and_then(|open| open.last_heartbeat),
            no_execute_since: object.no_execute().and_then(|taint| taint.added),
            limbo,
            suppressed,
        })
    }

    /// Why the last silence does not count (the node was rebooted), until the next one.
    pub(super) const fn withdrawn(&self) -> Option<&'static str> {
        self.withdrawn
    }

    /// Why the node left limbo at once: the silence that made it so does not count.
    pub(super) const fn limbo_withdrawn(&self) -> Option<&'static str> {
        self.limbo_withdrawn
    }

    /// Whether this is the first look at this node. Another node of the same name begins with nothing.
    fn recognise(&mut self, object: &Node) -> bool {
        match &self.uid {
            Some(uid) if *uid == object.uid => return false,
            Some(_) => *self = NodeHistory::default(),
            None => {
                let of_this_node =
                    |at: Option<Timestamp>| object.created.is_none_or(|created| at >= Some(created));
                self.silences.retain(|s| of_this_node(s.stamp));
                self.resumed = self.resumed.filter(|at| of_this_node(Some(*at)));
            }
        }
        self.uid = Some(object.uid.clone());
        true
    }

    /// Drops what can no longer matter.
    fn forget(&mut self, now: Moment, config: &DetectorConfig) {
        let memory = config.limbo_window + config.limbo_quiet;
        self.silences.retain(|s| now < s.began.after(memory));
        self.overdue.forget(now, config);
    }

    /// A report that says limbo where nothing is left of its mechanism was in the quiet time after it. How much of that
    /// has passed is not known, so it begins again.
    fn resume_limbo(&mut self, now: Now, config: &DetectorConfig) {
        if let Some(since) = self.resumed.take()
            && self.limbo(now.at, config).is_none()
        {
            self.overdue.resume(since, now.at);
        }
    }

    /// Why the machine is another run than the one that was seen last, if it is. Empty ids say nothing.
    fn restarted(&mut self, object: &Node) -> Option<&'static str> {
        let boot = (object.boot_id.clone(), object.kubelet_version.clone());
        let differ = |old: &Name, new: &Name| !old.is_empty() && !new.is_empty() && old != new;
        let why = match &self.boot {
            Some((id, _)) if differ(id, &boot.0) => Some("the node was rebooted"),
            Some((_, version)) if differ(version, &boot.1) => Some("the node's kubelet was upgraded"),
            _ => None,
        };
        self.boot = Some(boot);
        why
    }

    /// The control plane is not suspect any more: a silence that began meanwhile, and goes on, counts from now on.
    fn release(&mut self, now: Now) {
        if let Some(open) = &mut self.open
            && std::mem::take(&mut open.held)
        {
            open.counts = true;
            let stamp = open.stamp;
            self.begin(stamp, false, now);
        }
    }

    /// Ready is not True: a silence that is known already, or one that begins. Returns whether Ready left True just now.
    fn silent(
        &mut self,
        node: &NodeView<'_>,
        object: &Node,
        first: bool,
        judged: bool,
        held: bool,
        now: Now,
    ) -> bool {
        let (status, stamp) = (object.ready.status, object.ready.since);
        let heard = last_heartbeat(node, object, first, now);
        if let Some(open) = &mut self.open {
            if open.status != status {
                (open.status, open.stamp, open.last_heartbeat) = (status, stamp, heard);
                if open.counts
                    && let Some(newest) = self.silences.last_mut()
                {
                    newest.stamp = stamp;
                }
                return false;
            }
            if open.stamp == stamp {
                return false;
            }
        }
        // At the first look it may be the one that the report ends with: seen no earlier than it began.
        let restored = first
            && match (self.silences.last_mut(), stamp) {
                (Some(newest), Some(stamp)) => {
                    let same = newest
                        .stamp
                        .is_some_and(|seen| stamp.duration_since(seen) <= STAMP_SLACK);
                    if same {
                        newest.stamp = Some(stamp);
                    }
                    same
                }
                _ => false,
            };
        // An event that comes late: this silence is over already, or is about to be again.
        let stale = stamp.is_some() && self.silences.iter().any(|s| s.stamp == stamp);
        let begins = judged && !restored && !stale;
        if begins && !held {
            self.begin(stamp, first, now);
        }
        self.withdrawn = None;
        self.open = Some(Open {
            since: stamp,
            status,
            stamp,
            last_heartbeat: heard,
            counts: (begins && !held) || restored,
            held: begins && held,
        });
        begins && !first
    }

    /// Counts a silence. One that began before anybody looked began when it was stamped.
    fn begin(&mut self, stamp: Option<Timestamp>, first: bool, now: Now) {
        let began = match stamp {
            Some(stamp) if first => now.moment_of(stamp),
            _ => now.at,
        };
        if self.silences.len() == MAX_SILENCES {
            self.silences.remove(0);
        }
        self.silences.push(Silence { stamp, began });
    }

    /// When the last group of silences that makes limbo leaves the window.
    fn flapping_until(&self, config: &DetectorConfig) -> Option<Moment> {
        let group = usize::try_from(config.limbo_episodes.max(1)).unwrap_or(usize::MAX);
        self.silences
            .windows(group)
            .map(|group| (group[0].began.after(config.limbo_window), group[group.len() - 1]))
            .filter(|(until, newest)| newest.began < *until)
            .map(|(until, _)| until)
            .max()
    }

    fn limbo(&self, now: Moment, config: &DetectorConfig) -> Option<Limbo> {
        let flapping = self.flapping_until(config);
        let holds = |until: Option<Moment>| until.is_some_and(|until| now < until);
        let quiet = |at: Moment| at.after(config.limbo_quiet);
        let mechanism = if holds(flapping) {
            FLAPPING
        } else if self.overdue.holds() {
            OVERDUE
        } else if holds(flapping.map(quiet)) {
            FLAPPING
        } else if holds(self.overdue.gone().map(quiet)) {
            OVERDUE
        } else {
            return None;
        };
        Some(Limbo {
            mechanism,
            episodes: self.episodes(config),
            overdue_since: self.overdue.since().filter(|_| mechanism == OVERDUE),
        })
    }

    /// When limbo ends or its mechanism changes, if nothing happens.
    fn limbo_ends(&self, now: Moment, config: &DetectorConfig) -> Option<Moment> {
        let flapping = self.flapping_until(config);
        let ends = [flapping, self.overdue.gone()].into_iter().flatten();
        let quiet = ends.map(|at| at.after(config.limbo_quiet));
        flapping.into_iter().chain(quiet).filter(|at| *at > now).min()
    }

    /// Silences in the window that ends with the newest.
    fn episodes(&self, config: &DetectorConfig) -> u32 {
        let Some(newest) = self.silences.last() else {
            return 1;
        };
        let in_window = self
            .silences
            .iter()
            .filter(|s| newest.began < s.began.after(config.limbo_window));
        u32::try_from(in_window.count()).unwrap_or(u32::MAX)
    }
}

/// When the last heartbeat before this silence was seen. Only of a node that is silent: one whose Ready is False goes on
/// renewing its Lease.
fn last_heartbeat(node: &NodeView<'_>, object: &Node, first: bool, now: Now) -> Option<Timestamp> {
    let seen = node
        .heartbeat_seen()
        .filter(|_| object.ready.status == ReadyStatus::Unknown)?;
    if first {
        object.ready.since
    } else {
        Some(now.wall_of(seen))
    }
}

/// Whether the node has not been ready since it joined: then it has not *fallen* silent.
fn joined_silent(object: &Node, config: &DetectorConfig) -> bool {
    let (Some(created), Some(since)) = (object.created, object.ready.since) else {
        return false;
    };
    SignedDuration::try_from(config.node_min_age).is_ok_and(|age| since.duration_since(created) < age)
}

/// When a node that is too young to be judged is old enough; of one that claims to come from the future, not before that.
fn old_enough_at(object: &Node, now: Now, config: &DetectorConfig) -> Option<Moment> {
    let age = SignedDuration::try_from(config.node_min_age).ok()?;
    let at = object.created?.checked_add(age).ok()?;
    (at > now.wall).then(|| now.moment_until(at))
}

#[cfg(test)]
mod tests;
