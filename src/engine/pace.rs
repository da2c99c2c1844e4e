//! When to judge: what changes within a moment is judged together, and what falls due meanwhile with it.
//!
//! The operator's loop and the replay of a recording both ask [`Pace`], one with a live clock and one with a virtual one, so
//! that the same events lead to the same judgements.

use std::time::Duration;

use super::Engine;
use crate::model::time::Moment;

/// Changes that arrive within this time are judged together: a rollout touches a workload many times a second.
pub const SETTLE: Duration = Duration::from_millis(200);

/// What waits to be judged.
#[derive(Debug, Default)]
pub struct Pace {
    /// When the oldest change that is not judged yet was seen.
    pending: Option<Moment>,
}

impl Pace {
    /// Looks at what changed or fell due. Returns since when the oldest of it has waited, if it is time to
    /// [judge](Engine::judge) now; then nothing waits any more.
    pub fn step(&mut self, engine: &Engine, now: Moment) -> Option<Moment> {
        if engine.is_dirty(now) || engine.next_due().is_some_and(|due| due <= now) {
            self.pending.get_or_insert(now);
        }
        self.pending
            .take_if(|since| engine.is_ready() && now >= since.after(SETTLE))
    }

    /// When to step next if nothing happens; `None` while nothing waits, or while inputs are missing and nothing can be
    /// done. It may have passed already.
    #[must_use]
    pub fn next(&self, engine: &Engine) -> Option<Moment> {
        if !engine.is_ready() {
            return None;
        }
        // What is due while changes settle is judged with them: waking for it earlier would be for nothing.
        match self.pending {
            Some(since) => Some(since.after(SETTLE)),
            None => engine.next_due(),
        }
    }

    /// Whether anything waits to be judged.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.pending.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Index;
    use crate::model::config::{ClusterVersion, DetectorConfig};
    use crate::model::testing::deployment;
    use crate::policy::Policy;

    fn engine() -> Engine {
        let index = Index::complete(ClusterVersion::NEWEST);
        let mut engine = Engine::new(index, Policy::default(), DetectorConfig::default());
        engine.reports_listed();
        engine
    }

    fn change(engine: &mut Engine, replicas: i32, at: u64) {
        let web = deployment("shop/web").replicas(replicas).object();
        engine.index_mut().apply(web, Moment(at));
    }

    #[test]
    fn changes_are_judged_together_when_the_oldest_has_settled() {
        let (mut engine, mut pace) = (engine(), Pace::default());
        assert_eq!(pace.step(&engine, Moment(1_000)), None, "nothing has happened");
        change(&mut engine, 1, 1_050);
        assert_eq!(pace.step(&engine, Moment(1_050)), None);
        change(&mut engine, 2, 1_249);
        assert_eq!(pace.step(&engine, Moment(1_249)), None);
        assert_eq!(pace.next(&engine), Some(Moment(1_250)));
        assert_eq!(pace.step(&engine, Moment(1_250)), Some(Moment(1_050)));
        assert!(!pace.is_pending());
    }

    #[test]
    fn a_timer_that_falls_due_while_changes_settle_wakes_nobody_by_itself() {
        let (mut engine, mut pace) = (engine(), Pace::default());
        change(&mut engine, 2, 1_000);
        engine.lead(true, Moment(1_000));
        assert_eq!(engine.next_due(), Some(Moment(1_000)));
        assert_eq!(pace.next(&engine), Some(Moment(1_000)));
        assert_eq!(pace.step(&engine, Moment(1_000)), None, "it settles first");
        assert_eq!(pace.next(&engine), Some(Moment(1_200)));
        assert_eq!(pace.step(&engine, Moment(1_300)), Some(Moment(1_000)));
    }

    #[test]
    fn nothing_is_judged_before_everything_is_listed_and_then_at_once() {
        let index = Index::complete(ClusterVersion::NEWEST);
        let mut engine = Engine::new(index, Policy::default(), DetectorConfig::default());
        let mut pace = Pace::default();
        change(&mut engine, 2, 0);
        assert_eq!(pace.step(&engine, Moment(0)), None);
        assert_eq!(pace.step(&engine, Moment(5_000)), None);
        assert_eq!(pace.next(&engine), None);
        engine.reports_listed();
        assert_eq!(pace.step(&engine, Moment(5_000)), Some(Moment(0)));
    }
}
