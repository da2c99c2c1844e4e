//! What is remembered of the cluster as a whole: whether the API server is heard, and whether the control plane rather
//! than single nodes is to blame for what happens to nodes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{control_plane_suspect, suppress, zone_down};
use crate::index::{ClusterView, NodeView};
use crate::model::config::DetectorConfig;
use crate::model::keys::Name;
use crate::model::time::{Moment, Now};

/// What a report kept of the cluster: enough to go on after a restart of the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriorCluster {
    /// Ids of the findings that were active.
    pub active: BTreeSet<String>,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct ClusterHistory {
    hearing: Hearing,
    suspicion: Option<Suspicion>,
    /// Nodes that changed lately, and when.
    changes: BTreeMap<Name, Moment>,
}

/// Whether anything is heard from the API server.
#[derive(Clone, Copy, Debug, Default)]
enum Hearing {
    #[default]
    Heard,
    /// Not any more.
    Frozen,
    /// Again; what it says is believed from then on.
    Settling { until: Moment },
}

/// The control plane is suspect.
#[derive(Clone, Debug)]
pub(super) struct Suspicion {
    pub(super) cause: Cause,
    /// The last sign of it; `None` while it goes on.
    last: Option<Moment>,
}

/// Why the control plane is suspect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It was not heard.
    Unheard {
        since: Timestamp,
        until: Option<Timestamp>,
    },
    /// Many nodes changed together.
    Mass {
        changed: usize,
        all: usize,
        at: Timestamp,
    },
    /// It was so before the operator started; why is not known any more.
    Before,
}

impl ClusterHistory {
    /// Goes on from what the report says: the cool-down begins anew.
    pub fn resume(&mut self, prior: &PriorCluster, now: Now) {
        if prior.active.contains(control_plane_suspect::DETECTOR.name) && self.suspicion.is_none() {
            self.suspicion = Some(Suspicion {
                cause: Cause::Before,
                last: Some(now.at),
            });
        }
    }

    /// Nothing has been heard since then.
    pub fn freeze(&mut self, since: Now) {
        if self.is_frozen() {
            return;
        }
        self.hearing = Hearing::Frozen;
        // Twice within one cool-down is one story, which began with the first.
        let began = match &self.suspicion {
            Some(Suspicion {
                cause: Cause::Unheard { since, .. },
                ..
            }) => *since,
            _ => since.wall,
        };
        self.suspicion = Some(Suspicion {
            cause: Cause::Unheard {
                since: began,
                until: None,
            },
            last: None,
        });
    }

    /// It is heard again. Returns whether it was not before.
    pub fn thaw(&mut self, now: Now, config: &DetectorConfig) -> bool {
        if !self.is_frozen() {
            return false;
        }
        self.hearing = Hearing::Settling {
            until: now.at.after(config.thaw_settle),
        };
        if let Some(suspicion) = &mut self.suspicion {
            suspicion.last = Some(now.at);
            if let Cause::Unheard { until, .. } = &mut suspicion.cause {
                *until = Some(now.wall);
            }
        }
        true
    }

    /// Nobody looked for a while: verdicts stay until what is seen is new again.
    pub fn wake(&mut self, now: Now, config: &DetectorConfig) {
        if !self.is_frozen() {
            self.hearing = Hearing::Settling {
                until: now.at.after(config.thaw_settle),
            };
        }
    }

    /// Whether nothing is heard.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        matches!(self.hearing, Hearing::Frozen)
    }

    /// Whether no verdict may change now.
    #[must_use]
    pub fn stands_still(&self, now: Moment) -> bool {
        match self.hearing {
            Hearing::Heard => false,
            Hearing::Frozen => true,
            Hearing::Settling { until } => now < until,
        }
    }

    /// Notes the time. Returns whether the control plane has just come out of suspicion.
    pub fn settle(&mut self, now: Moment, config: &DetectorConfig) -> bool {
        if !self.stands_still(now) {
            self.hearing = Hearing::Heard;
        }
        self.suspicion
            .take_if(|suspicion| suspicion.ends(config).is_some_and(|end| end <= now))
            .is_some()
    }

    /// While verdicts may not change: until when, if that is known. `None` when they may.
    #[must_use]
    pub const fn still_until(&self) -> Option<Option<Moment>> {
        match self.hearing {
            Hearing::Heard => None,
            Hearing::Frozen => Some(None),
            Hearing::Settling { until } => Some(Some(until)),
        }
    }

    /// When something changes although nothing happens.
    #[must_use]
    pub fn due(&self, config: &DetectorConfig) -> Option<Moment> {
        let settled = self.still_until().flatten();
        let calm = self.suspicion.as_ref().and_then(|s| s.ends(config));
        settled.into_iter().chain(calm).min()
    }

    /// Whether single nodes are not judged: what happens to them may be the control plane's doing.
    #[must_use]
    pub const fn holds_nodes_back(&self) -> bool {
        self.suspicion.is_some()
    }

    /// A node changed: Ready left True, or heartbeats have been missing for too long.
    pub fn changed(&mut self, node: &Name, now: Moment) {
        self.changes.insert(node.clone(), now);
    }

    /// Whether a node changed at this very look.
    #[must_use]
    pub fn has_news(&self, now: Moment) -> bool {
        self.changes.values().any(|at| *at == now)
    }

    /// Weighs what changed lately. Returns since when what was said of single nodes is to be taken back, if the control
    /// plane has just become suspect.
    ///
    /// Asked before a verdict on any node, so it looks ahead: when a node has just changed, those whose heartbeat is late
    /// count too. When all heartbeats stop together, the others are all late when the first has been missing for too long.
    pub fn weigh(&mut self, cluster: &ClusterView<'_>, now: Now, config: &DetectorConfig) -> Option<Moment> {
        if self.is_frozen() {
            return None;
        }
        self.changes.retain(|_, at| now.at < at.after(config.mass_window));
        let news = self.has_news(now.at);
        let tally = Tally::count(cluster, &self.changes, now, config);
        let nobody_beats = tally.nobody_beats(config);
        let suspect = nobody_beats || (news && tally.is_mass(config));
        // What goes on has no last sign yet: there is nothing to wait for but an event.
        let last = (!nobody_beats).then_some(now.at);
        if let Some(suspicion) = &mut self.suspicion {
            if suspect || suspicion.last.is_none() {
                suspicion.last = last;
            }
            return None;
        }
        if !suspect {
            return None;
        }
        self.suspicion = Some(Suspicion {
            cause: Cause::Mass {
                changed: tally.changed.max(tally.silent),
                all: tally.all,
                at: now.wall,
            },
            last,
        });
        Some(now.at.before(config.mass_window))
    }

    /// Why the control plane is suspect, if it is.
    pub(super) const fn suspicion(&self) -> Option<&Suspicion> {
        self.suspicion.as_ref()
    }
}

impl Suspicion {
    /// When the cool-down is over.
    fn ends(&self, config: &DetectorConfig) -> Option<Moment> {
        Some(self.last?.after(config.suspect_cool_down))
    }
}

/// The judged nodes of the cluster, counted.
#[derive(Debug, Default)]
struct Tally<'a> {
    all: usize,
    /// Those that changed lately, or are late.
    changed: usize,
    /// Those that send no heartbeats.
    silent: usize,
    /// The one zone in which all changed nodes are known to be.
    zone: Option<&'a str>,
    /// Nodes changed in two zones, or in none.
    across: bool,
    /// Zones of nodes that send heartbeats, by name; the empty name is none.
    beating: BTreeSet<&'a str>,
}

impl<'a> Tally<'a> {
    fn count(
        cluster: &ClusterView<'a>,
        changes: &BTreeMap<Name, Moment>,
        now: Now,
        config: &DetectorConfig,
    ) -> Self {
        let mut tally = Tally::default();
        for node in cluster.nodes() {
            if suppress::reason(&node, now, config).is_none() {
                tally.take(&node, changes.contains_key(node.name()), now, config);
            }
        }
        tally
    }

    fn take(&mut self, node: &NodeView<'a>, changed: bool, now: Now, config: &DetectorConfig) {
        self.all += 1;
        let missing_for = |least| {
            node.silent_since()
                .is_some_and(|since| now.at >= since.after(least))
        };
        let silent = node.is_silent() || missing_for(config.heartbeat_gap);
        self.silent += usize::from(silent);
        if zone_down::is_beating(node, now, config) && !changed {
            self.beating.insert(node.zone().unwrap_or_default());
        }
        let late = zone_down::is_ready(node) && missing_for(config.heartbeat_late);
        if !(changed || late) {
            return;
        }
        self.changed += 1;
        match (node.zone(), self.zone) {
            (Some(zone), None) => self.zone = Some(zone),
            (Some(zone), Some(same)) if zone == same => {}
            _ => self.across = true,
        }
    }

    /// Whether so many nodes changed that it is no matter of single ones, and not of one zone.
    fn is_mass(&self, config: &DetectorConfig) -> bool {
        let many = self.changed >= config.mass_nodes && self.changed * 100 >= self.all * config.mass_percent;
        let one_zone = self.zone.filter(|_| !self.across);
        let elsewhere = one_zone.is_some_and(|zone| self.beating.iter().any(|other| *other != zone));
        many && !elsewhere
    }

    /// Whether every node is silent, and there are enough of them to wonder.
    fn nobody_beats(&self, config: &DetectorConfig) -> bool {
        self.silent == self.all && self.all >= config.mass_nodes
    }
}
