//! What is remembered of the cluster as a whole: whether the API server is heard, and whether the control plane rather
//! than single nodes is to blame for what happens to nodes.

use jiff::Timestamp;

use crate::model::config::DetectorConfig;
use crate::model::time::{Moment, Now};

/// What a report kept of the cluster: enough to go on after a restart of the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PriorCluster {
    /// `control-plane-suspect` was firing.
    pub suspect: bool,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct ClusterHistory {
    hearing: Hearing,
    suspicion: Option<Suspicion>,
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
    /// It was so before the operator started; why is not known any more.
    Before,
}

impl ClusterHistory {
    /// Goes on from what the report says: the cool-down begins anew.
    pub fn resume(&mut self, prior: &PriorCluster, now: Now) {
        if prior.suspect && self.suspicion.is_none() {
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
