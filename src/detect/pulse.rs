//! A node's heartbeats: how long they are missing now, and how often they were.

use crate::index::NodeView;
use crate::model::config::DetectorConfig;
use crate::model::finding::Severity;
use crate::model::node::ReadyStatus;
use crate::model::time::{Moment, Now};

/// Gaps that are remembered of a node: more than any number that decides.
const MAX_GAPS: usize = 8;

/// One node's heartbeats, bounded.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// The heartbeat that was looked at last.
    seen: Option<Moment>,
    /// Since when heartbeats are missing, once that has been for too long.
    open: Option<Moment>,
    /// When each shorter gap ended, oldest first.
    gaps: Vec<Moment>,
    /// When the last gap of any length ended, or was forgotten with a restart.
    irregular: Option<Moment>,
    told: Option<Told>,
}

/// `heartbeat-gap` holds.
#[derive(Clone, Copy, Debug)]
struct Told {
    since: Moment,
    severity: Severity,
}

impl Pulse {
    /// Goes on from what a report says.
    pub(super) fn restore(severity: Option<Severity>, now: Moment) -> Self {
        Pulse {
            irregular: severity.map(|_| now),
            told: severity.map(|severity| Told { since: now, severity }),
            ..Pulse::default()
        }
    }

    /// Notes the heartbeats as they are now. While `held`, nothing is told that was not before. Returns whether a gap was
    /// recognised just now.
    pub(super) fn observe(
        &mut self,
        node: &NodeView<'_>,
        judged: bool,
        held: bool,
        now: Now,
        config: &DetectorConfig,
    ) -> bool {
        let (Some(seen), Some(silent_since), true) = (node.heartbeat_seen(), node.silent_since(), judged)
        else {
            *self = Pulse::default();
            return false;
        };
        if self.seen.replace(seen).is_some_and(|before| before != seen) {
            // Several heartbeats may have come since: what was open says more than the last of them.
            let open = self.open.take().map(|since| seen.since(since));
            let gap = open.max(node.last_gap()).unwrap_or_default();
            self.gap_ended(gap, seen, held, config);
        }
        let is_ready = node
            .node()
            .is_some_and(|node| node.ready.status == ReadyStatus::True);
        let late = now.at >= silent_since.after(config.heartbeat_gap);
        let recognised = is_ready && late && self.open.is_none();
        if recognised {
            self.open = Some(silent_since);
        }
        self.forget(now.at, config);
        if is_ready && !held {
            self.tell(now.at, config);
        }
        recognised
    }

    fn gap_ended(&mut self, gap: std::time::Duration, at: Moment, held: bool, config: &DetectorConfig) {
        if gap < config.heartbeat_short_gap.0 {
            return;
        }
        self.irregular = Some(at);
        if gap <= config.heartbeat_short_gap.1 && !held {
            if self.gaps.len() == MAX_GAPS {
                self.gaps.remove(0);
            }
            self.gaps.push(at);
        }
    }

    fn forget(&mut self, now: Moment, config: &DetectorConfig) {
        self.gaps.retain(|end| now < end.after(config.heartbeat_window));
        let calm = self
            .irregular
            .is_none_or(|end| now >= end.after(config.heartbeat_window));
        if calm && self.open.is_none() {
            (self.told, self.irregular) = (None, None);
        }
    }

    fn tell(&mut self, now: Moment, config: &DetectorConfig) {
        let gaps = self.gaps.len() + usize::from(self.open.is_some());
        let often = gaps >= usize::try_from(config.heartbeat_gaps).unwrap_or(usize::MAX);
        if !often && self.open.is_none() {
            return;
        }
        let told = self.told.get_or_insert(Told {
            since: now,
            severity: Severity::Info,
        });
        if often {
            told.severity = Severity::Warning;
        }
    }

    /// What was told since then is taken back, and what was counted is not.
    pub(super) fn hold_back(&mut self, since: Moment) {
        self.told.take_if(|told| told.since >= since);
        self.gaps.retain(|end| *end < since);
    }

    /// What `heartbeat-gap` says, if it holds, and since when heartbeats are missing now.
    pub(super) fn state(&self) -> Option<(Severity, Option<Moment>)> {
        Some((self.told?.severity, self.open))
    }

    /// When it must be looked at again although nothing happened.
    pub(super) fn due(&self, node: &NodeView<'_>, now: Moment, config: &DetectorConfig) -> Option<Moment> {
        // Also of a node that is not ready: with it, every node may have fallen silent.
        let gap = node.silent_since().map(|since| since.after(config.heartbeat_gap));
        let gap = gap.filter(|_| !node.is_silent() && self.open.is_none() && self.seen.is_some());
        let calm = self.irregular.map(|end| end.after(config.heartbeat_window));
        let calm = calm.filter(|_| self.told.is_some() && self.open.is_none());
        gap.into_iter().chain(calm).filter(|due| *due > now).min()
    }
}
