//! Two clocks, both handed in: a monotonic one that decides, and a wall clock for what people read.
//!
//! Elapsed time is always counted on the monotonic clock from the moment when a change was *seen*: node clocks lie. The
//! wall clock is the API server's (its `Date` header), so that it may be compared with stamps that the control plane
//! wrote (a taint's `timeAdded`, a `lastTransitionTime`).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A point on the monotonic clock: milliseconds since an arbitrary start, never going back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// Where a live clock starts: what happened before the process began must have a moment too, or a silence of ten
    /// minutes ago would seem to have begun just now. 30 days is longer than any window.
    pub const ORIGIN: Moment = Moment(30 * 24 * 3600 * 1000);

    /// Time passed since `earlier`; zero if that is in the future.
    #[must_use]
    pub const fn since(self, earlier: Moment) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This moment, later by `by`.
    #[must_use]
    pub fn after(self, by: Duration) -> Moment {
        Moment(
            self.0
                .saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// This moment, earlier by `by`; the clock's start if that is earlier still.
    #[must_use]
    pub fn before(self, by: Duration) -> Moment {
        Moment(
            self.0
                .saturating_sub(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)),
        )
    }
}

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// For decisions.
    pub at: Moment,
    /// The API server's wall clock: for people, and for comparison with the control plane's own stamps.
    pub wall: Timestamp,
}

impl Now {
    /// Both clocks as they were `by` ago.
    #[must_use]
    pub fn before(&self, by: Duration) -> Now {
        let at = self.at.before(by);
        Now {
            at,
            wall: self.wall_of(at),
        }
    }

    /// How long ago the control plane wrote `stamp`; zero if it is in the future.
    #[must_use]
    pub fn since_stamp(&self, stamp: Timestamp) -> Duration {
        Duration::try_from(self.wall.duration_since(stamp)).unwrap_or_default()
    }

    /// When, on the monotonic clock, the control plane wrote `stamp` (clamped to the clock's start and to now).
    #[must_use]
    pub fn moment_of(&self, stamp: Timestamp) -> Moment {
        self.at.before(self.since_stamp(stamp))
    }

    /// The monotonic moment at which the control plane's clock will show `stamp`; now, if that has passed.
    #[must_use]
    pub fn moment_until(&self, stamp: Timestamp) -> Moment {
        self.at
            .after(Duration::try_from(stamp.duration_since(self.wall)).unwrap_or_default())
    }

    /// The wall-clock time of a moment that was seen earlier (or is due later).
    #[must_use]
    pub fn wall_of(&self, moment: Moment) -> Timestamp {
        let millis =
            i64::try_from(moment.0).unwrap_or(i64::MAX) - i64::try_from(self.at.0).unwrap_or(i64::MAX);
        self.wall
            .saturating_add(SignedDuration::from_millis(millis))
            .unwrap_or(self.wall)
    }
}
