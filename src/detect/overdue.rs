//! Pods that are on a node longer than they should: past the NoExecute taint and all that they tolerate of it.
//!
//! The taint's own stamp is only believed of a taint that was there before anybody looked; one that is seen to come is
//! timed on the monotonic clock from then.

use jiff::Timestamp;

use super::eviction;
use crate::index::NodeView;
use crate::model::config::DetectorConfig;
use crate::model::time::{Moment, Now};

/// Watches one node for pods that should have gone.
#[derive(Debug, Default)]
pub(super) struct Overdue {
    taint: Option<SeenTaint>,
    late: Option<Late>,
}

/// The NoExecute taint, and when it came on the monotonic clock.
#[derive(Debug)]
struct SeenTaint {
    added: Option<Timestamp>,
    at: Moment,
    /// The stamp, or for a taint without one the wall clock when it was seen.
    wall: Timestamp,
}

/// Pods are, or were, late.
#[derive(Debug)]
struct Late {
    since: Timestamp,
    /// When they were gone, or the node was back.
    gone: Option<Moment>,
}

impl Overdue {
    /// Looks at the node; `judged` is false while it is ready, or is not to be judged. Returns when pods will be late, if
    /// nothing happens.
    pub(super) fn note(
        &mut self,
        node: &NodeView<'_>,
        first: bool,
        judged: bool,
        now: Now,
        config: &DetectorConfig,
    ) -> Option<Moment> {
        self.note_taint(node, first, now);
        let due = judged.then(|| self.due(node, config)).flatten();
        match due {
            Some((at, since)) if now.at >= at => {
                self.late = Some(Late { since, gone: None });
                None
            }
            _ => {
                if let Some(late) = &mut self.late {
                    late.gone.get_or_insert(now.at);
                }
                due.map(|(at, _)| at)
            }
        }
    }

    /// Pods were late before anybody looked, and are not any more.
    pub(super) fn resume(&mut self, since: Timestamp, gone: Moment) {
        let gone = Some(gone);
        self.late = Some(Late { since, gone });
    }

    /// Drops what can no longer matter.
    pub(super) fn forget(&mut self, now: Moment, config: &DetectorConfig) {
        let over = |late: &Late| {
            late.gone
                .is_some_and(|gone| now >= gone.after(config.limbo_quiet))
        };
        self.late.take_if(|late| over(late));
    }

    /// Whether pods are late now.
    pub(super) fn holds(&self) -> bool {
        self.late.as_ref().is_some_and(|late| late.gone.is_none())
    }

    /// When the last late pod had gone, or the node was back; `None` while there is one, or was none.
    pub(super) fn gone(&self) -> Option<Moment> {
        self.late.as_ref()?.gone
    }

    /// When the first of the late pods should have gone.
    pub(super) fn since(&self) -> Option<Timestamp> {
        Some(self.late.as_ref()?.since)
    }

    fn note_taint(&mut self, node: &NodeView<'_>, first: bool, now: Now) {
        let Some(taint) = node.node().and_then(|object| object.no_execute()) else {
            self.taint = None;
            return;
        };
        let added = taint.added;
        if self.taint.as_ref().is_some_and(|seen| seen.added == added) {
            return;
        }
        let at = match added {
            Some(added) if first => now.moment_of(added),
            _ => now.at,
        };
        let wall = added.unwrap_or(now.wall);
        self.taint = Some(SeenTaint { added, at, wall });
    }

    /// When the first pod is late (with the slack), and when it should have gone (without).
    fn due(&self, node: &NodeView<'_>, config: &DetectorConfig) -> Option<(Moment, Timestamp)> {
        let key = &node.node()?.no_execute()?.key;
        let seen = self.taint.as_ref()?;
        let stay = eviction::shortest_stay(node, key)?;
        let late_at = seen.at.after(stay).after(config.eviction_slack);
        Some((late_at, eviction::due(seen.wall, stay)))
    }
}
