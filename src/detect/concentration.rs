//! How much of a workload runs in one failure domain: what `co-located` and `zone-co-located` share.

use super::Hold;
use crate::index::WorkloadView;
use crate::model::config::DetectorConfig;
use crate::model::keys::Name;
use crate::model::time::{Moment, Now};

/// Where the running replicas of a workload are: bound, running, not terminating. Surge pods of a rollout count.
#[derive(Debug)]
pub(super) struct Concentration {
    /// The domain with most of them, the first by name if there are two.
    pub(super) largest: Name,
    /// Running replicas there.
    pub(super) there: u32,
    /// Running replicas altogether.
    pub(super) total: u32,
}

/// What is too much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooMuch {
    /// Every replica, and there are two or more.
    All,
    /// A large share of many.
    Share,
}

impl Concentration {
    /// Counts by node.
    pub(super) fn by_node(view: &WorkloadView<'_>) -> Option<Self> {
        let nodes = view
            .placement()
            .map(|(node, count)| (Some(&**node.name()), count.running));
        Concentration::count(nodes)
    }

    /// Counts by zone; `None` also when a replica runs on a node without a zone.
    pub(super) fn by_zone(view: &WorkloadView<'_>) -> Option<Self> {
        let zones = view.placement().map(|(node, count)| (node.zone(), count.running));
        Concentration::count(zones)
    }

    fn count<'a>(domains: impl Iterator<Item = (Option<&'a str>, u32)>) -> Option<Self> {
        let mut counts = std::collections::BTreeMap::<&str, u32>::new();
        for (domain, running) in domains.filter(|(_, running)| *running > 0) {
            *counts.entry(domain?).or_default() += running;
        }
        let (largest, there) = counts.iter().rev().max_by_key(|(_, n)| **n)?;
        Some(Concentration {
            largest: (*largest).into(),
            there: *there,
            total: counts.values().sum(),
        })
    }

    /// Whether all replicas are in one domain.
    pub(super) const fn is_all(&self) -> bool {
        self.there == self.total && self.total >= 2
    }

    /// Whether the largest share is too large.
    pub(super) fn is_large(&self, config: &DetectorConfig) -> bool {
        self.total >= config.large_share_min_replicas
            && u64::from(self.there) * 100 >= u64::from(self.total) * u64::from(config.large_share_percent)
    }
}

/// Waits until too much has been in one domain for the settle time.
#[derive(Debug, Default)]
pub(super) struct Settle {
    generation: i64,
    all: Hold,
    share: Hold,
}

impl Settle {
    /// What holds for long enough, and when to ask again.
    ///
    /// A new generation of the workload starts the wait again, because a rollout moves pods; what has been said already
    /// stays said for as long as it holds, so that a rollout which changes nothing here makes no finding flicker.
    pub(super) fn step(
        &mut self,
        view: &WorkloadView<'_>,
        all: bool,
        share: bool,
        now: Now,
        config: &DetectorConfig,
    ) -> (Option<TooMuch>, Option<Moment>) {
        let generation = view.workload().generation;
        if generation != std::mem::replace(&mut self.generation, generation) {
            self.restart();
        }
        let all = self.all.step(all, now.at, config.co_location_settle);
        let share = self.share.step(share, now.at, config.co_location_settle);
        let due = [all.err().flatten(), share.err().flatten()];
        let said = if all.is_ok() {
            Some(TooMuch::All)
        } else if share.is_ok() {
            Some(TooMuch::Share)
        } else {
            None
        };
        (said, due.into_iter().flatten().min())
    }

    /// Waits anew; what has settled stays so for as long as it holds.
    pub(super) fn restart(&mut self) {
        self.all.restart();
        self.share.restart();
    }

    /// It was said before a restart.
    pub(super) fn resume(&mut self, said: TooMuch) {
        self.share.resume();
        if said == TooMuch::All {
            self.all.resume();
        }
    }
}
