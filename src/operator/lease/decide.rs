//! Who may lead, decided from what was seen and when: pure, so that every case is a line in a table.

use std::time::Duration;

/// Moments here are durations since an arbitrary origin of this process' monotonic clock. Stamps inside the record
/// are never compared: they come from other machines' clocks.
pub type Moment = Duration;

/// How long a lease lasts and how often it is renewed.
///
/// The defaults are those of client-go's `leaderelection` in Kubernetes' own components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTiming {
    /// Others wait this long after the last change that they saw before they take over. Whole seconds.
    pub duration: Duration,
    /// The leader gives up this long after its last renewal. Shorter than `duration`, so that it has stopped before
    /// anyone else begins.
    pub renew_deadline: Duration,
    /// The pause between renewals, and between looks at somebody else's lease.
    pub retry: Duration,
}

impl Default for LeaseTiming {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

impl LeaseTiming {
    /// Whether a leader has time to retry before its deadline, and stops before others begin.
    pub(super) fn is_sound(&self) -> bool {
        self.retry > Duration::ZERO
            && self.retry * 2 <= self.renew_deadline
            && self.renew_deadline < self.duration
            && self.duration.subsec_nanos() == 0
            && i32::try_from(self.duration.as_secs()).is_ok()
    }
}

/// A lease as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseView {
    /// Who holds it; `None` when it was released.
    pub holder: Option<String>,
    /// How often it changed hands.
    pub transitions: i32,
    /// What its holder promised: `leaseDurationSeconds`.
    pub duration: Duration,
    /// When its record was first seen as it is now.
    pub observed_at: Moment,
}

/// The term that this process leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// When the last successful renewal was *sent*: others can't have seen it earlier.
    pub renewed_at: Moment,
    /// `leaseTransitions` of the term. Tells it from a later one of a process with the same identity.
    pub transitions: i32,
}

/// Why leadership ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// Not renewed in time: the API server did not answer, or refused.
    #[error("the lease was not renewed before its deadline")]
    Deadline,
    /// Somebody else holds it.
    #[error("the lease was taken by {by}")]
    Taken {
        /// The identity of the holder.
        by: String,
    },
    /// It was deleted or emptied, so that somebody else may have held it in between.
    #[error("the lease was deleted or emptied by somebody else")]
    Vacated,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Try to take the lease (create it, or replace exactly the version that was seen).
    Acquire,
    /// Try to renew the term.
    Renew,
    /// Nothing to do before that moment.
    Wait {
        /// When the lease expires (of others), or when to renew it (ours).
        until: Moment,
    },
    /// The term is over.
    Lost(Loss),
}

/// Decides from the lease as last seen (`None`: there is none), whether we lead (`term`), and the time.
///
/// Without a term even a record with our own name is somebody else's: it may be of a process with the same
/// identity, or of a write of ours whose answer was lost. Waiting it out is right in both cases.
pub fn decide(
    seen: Option<&LeaseView>,
    me: &str,
    term: Option<Term>,
    now: Moment,
    timing: &LeaseTiming,
) -> Decision {
    let holder = seen.and_then(|lease| lease.holder.as_deref().map(|holder| (lease, holder)));
    match (term, holder) {
        (None, None) => Decision::Acquire,
        (None, Some((lease, _))) => match lease.observed_at + lease.duration {
            expiry if expiry <= now => Decision::Acquire,
            until => Decision::Wait { until },
        },
        (Some(_), None) => Decision::Lost(Loss::Vacated),
        (Some(term), Some((lease, holder))) => {
            if holder != me || lease.transitions != term.transitions {
                Decision::Lost(Loss::Taken {
                    by: holder.to_owned(),
                })
            } else if now >= term.renewed_at + timing.renew_deadline {
                Decision::Lost(Loss::Deadline)
            } else if now >= term.renewed_at + timing.retry {
                Decision::Renew
            } else {
                Decision::Wait {
                    until: term.renewed_at + timing.retry,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const fn at(seconds: u64) -> Moment {
        Duration::from_secs(seconds)
    }

    /// A lease of `holder`, seen to change at 100 s, of 15 s.
    fn of(holder: &str) -> Option<LeaseView> {
        let holder = (!holder.is_empty()).then(|| holder.to_owned());
        Some(LeaseView {
            holder,
            transitions: 3,
            duration: at(15),
            observed_at: at(100),
        })
    }

    fn wait(until: u64) -> Decision {
        Decision::Wait { until: at(until) }
    }

    fn taken(by: &str) -> Decision {
        Decision::Lost(Loss::Taken { by: by.into() })
    }

    #[rstest]
    #[case::there_is_none(None, 100, Decision::Acquire)]
    #[case::released(of(""), 100, Decision::Acquire)]
    #[case::just_renewed_by_another(of("b"), 100, wait(115))]
    #[case::not_yet_expired(of("b"), 114, wait(115))]
    #[case::exactly_expired(of("b"), 115, Decision::Acquire)]
    #[case::long_expired(of("b"), 500, Decision::Acquire)]
    #[case::our_name_without_a_term_is_not_ours(of("a"), 114, wait(115))]
    #[case::our_name_expired(of("a"), 115, Decision::Acquire)]
    fn without_a_term(#[case] seen: Option<LeaseView>, #[case] now: u64, #[case] expected: Decision) {
        assert_eq!(
            decide(seen.as_ref(), "a", None, at(now), &LeaseTiming::default()),
            expected
        );
    }

    #[rstest]
    #[case::just_renewed(of("a"), 3, 100, wait(102))]
    #[case::time_to_renew(of("a"), 3, 102, Decision::Renew)]
    #[case::late_but_in_time(of("a"), 3, 109, Decision::Renew)]
    #[case::exactly_at_the_deadline(of("a"), 3, 110, Decision::Lost(Loss::Deadline))]
    #[case::after_a_long_stall(of("a"), 3, 900, Decision::Lost(Loss::Deadline))]
    #[case::another_holds_it(of("b"), 4, 101, taken("b"))]
    #[case::a_twin_with_our_name_holds_it(of("a"), 2, 101, taken("a"))]
    #[case::emptied(of(""), 3, 101, Decision::Lost(Loss::Vacated))]
    #[case::deleted(None, 3, 101, Decision::Lost(Loss::Vacated))]
    fn in_a_term_renewed_at_100(
        #[case] seen: Option<LeaseView>,
        #[case] transitions: i32,
        #[case] now: u64,
        #[case] expected: Decision,
    ) {
        let term = Some(Term {
            renewed_at: at(100),
            transitions,
        });
        assert_eq!(
            decide(seen.as_ref(), "a", term, at(now), &LeaseTiming::default()),
            expected
        );
    }

    #[rstest]
    #[case::default(15_000, 10_000, 2_000, true)]
    #[case::the_leader_would_outlast_its_lease(10_000, 10_000, 2_000, false)]
    #[case::one_failure_would_end_the_term(15_000, 10_000, 6_000, false)]
    #[case::a_hot_loop(15_000, 10_000, 0, false)]
    #[case::the_record_has_whole_seconds(15_500, 10_000, 2_000, false)]
    fn timing_is_sound(
        #[case] duration: u64,
        #[case] deadline: u64,
        #[case] retry: u64,
        #[case] sound: bool,
    ) {
        let [duration, renew_deadline, retry] = [duration, deadline, retry].map(Duration::from_millis);
        assert_eq!(
            LeaseTiming {
                duration,
                renew_deadline,
                retry
            }
            .is_sound(),
            sound
        );
    }
}
