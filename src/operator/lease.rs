//! Leader election on a Lease: of all replicas, one writes.
//!
//! Every write of the lease names the `resourceVersion` that was read (or is a create), so two never both win. A
//! leader that can't renew stops [`LeaseTiming::renew_deadline`] after its last renewal; others begin
//! [`LeaseTiming::duration`] after they saw it. Both count on their own monotonic clock, so wall clocks may be wrong.

mod decide;
mod record;
#[cfg(test)]
mod tests;

use std::{error::Error, iter, pin::pin, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, api::PostParams};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tracing::{debug, error, info, warn};

pub use decide::{Decision, LeaseTiming, LeaseView, Loss, Moment, Term, decide};
use record::Seen;

use crate::api::FIELD_MANAGER;

/// Why there is no elector, or why a call of one failed.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// A leader would outlast its lease, or have no second try.
    #[error(
        "lease timing: needs 0 < 2 × retry ({retry:?}) ≤ renew deadline ({renew_deadline:?}) < duration ({duration:?}, in whole seconds)"
    )]
    Timing {
        /// What was given.
        duration: Duration,
        /// What was given.
        renew_deadline: Duration,
        /// What was given.
        retry: Duration,
    },
    /// An empty identity means that nobody holds the lease.
    #[error("lease: the identity is empty; give the pod's name")]
    Identity,
    /// The API server refused.
    #[error("{}", told(.0))]
    Api(#[from] kube::Error),
    /// The API server did not answer.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
}

/// What people need of an API error: the server's words, or the whole chain of causes.
pub(super) fn told(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return format!("{} {}: {}", status.code, status.reason, status.message);
    }
    let causes = iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.ends_with(&cause) {
            text
        } else {
            format!("{text}: {cause}")
        }
    })
}

impl LeaseError {
    fn code(&self) -> Option<u16> {
        match self {
            Self::Api(kube::Error::Api(status)) => Some(status.code),
            _ => None,
        }
    }

    /// The object is not what we thought: changed, created or deleted by somebody else.
    fn is_outrun(&self) -> bool {
        matches!(self.code(), Some(404 | 409))
    }
}

/// Whether this process may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// Somebody else may.
    Standby {
        /// Who, if known.
        holder: Option<String>,
    },
    /// This process may, until then. Renewals move `until` without waking receivers.
    Leader {
        /// The deadline of the last renewal.
        until: Instant,
        /// Which term it is: `leaseTransitions`. What was decided in one must not be written in a later one.
        term: i32,
    },
}

impl Leadership {
    /// Whether a write that was decided in that term may be sent now. Ask right before each: after a stall of the whole process this is false even
    /// before the election loop had a chance to notice.
    pub fn may_write(&self, decided: i32) -> bool {
        matches!(self, Self::Leader { until, term } if *term == decided && Instant::now() < *until)
    }

    /// The term, if this process leads.
    pub const fn term(&self) -> Option<i32> {
        match self {
            Self::Leader { term, .. } => Some(*term),
            Self::Standby { .. } => None,
        }
    }
}

/// How an election ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Led, and somebody else does: the process should end, so that nothing it still holds is written.
    Lost(Loss),
    /// Shut down, and gave the lease back: another replica takes over within its retry period.
    Released,
    /// Shut down with nothing to give back, or without reaching the API server: the lease runs out by itself.
    Stopped,
}

/// A candidate.
#[derive(Debug)]
pub struct Elector {
    api: Api<Lease>,
    name: String,
    me: String,
    timing: LeaseTiming,
    origin: Instant,
    seen: Option<Seen>,
    term: Option<Term>,
    publish: watch::Sender<Leadership>,
    /// The last failure that was logged, so that an outage is not a line every two seconds.
    complaint: Option<String>,
}

impl Elector {
    /// A candidate for the lease `namespace/name` under the identity `me` (the pod's name), and where its leadership
    /// is published. Needs get, create and update on leases.
    ///
    /// # Errors
    /// [`LeaseError::Timing`] and [`LeaseError::Identity`] when they make no sense.
    pub fn new(
        client: Client,
        namespace: &str,
        name: impl Into<String>,
        me: impl Into<String>,
        timing: LeaseTiming,
    ) -> Result<(Self, watch::Receiver<Leadership>), LeaseError> {
        let LeaseTiming {
            duration,
            renew_deadline,
            retry,
        } = timing;
        if !timing.is_sound() {
            return Err(LeaseError::Timing {
                duration,
                renew_deadline,
                retry,
            });
        }
        let me = me.into();
        if me.is_empty() {
            return Err(LeaseError::Identity);
        }
        let (publish, receiver) = watch::channel(Leadership::Standby { holder: None });
        let elector = Self {
            api: Api::namespaced(client, namespace),
            name: name.into(),
            me,
            timing,
            origin: Instant::now(),
            seen: None,
            term: None,
            publish,
            complaint: None,
        };
        Ok((elector, receiver))
    }

    /// Stands for election and renews, until `shutdown` completes or somebody else holds the lease although this process
    /// led. A leader that merely could not renew in time stands by and for election again: by then it has stopped
    /// writing, and it waits out its own record as it would another's. Complete `shutdown` only after the last write has
    /// been answered: it gives the lease away.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Outcome {
        let mut shutdown = pin!(shutdown);
        let mut until = Moment::ZERO;
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => return self.stop().await,
                () = sleep_until(self.origin + until) => {}
            }
            until = match self.step().await {
                Ok(until) => until,
                Err(loss @ Loss::Deadline) => {
                    warn!(lease = self.name, identity = self.me, "standing by: {loss}");
                    self.term = None;
                    self.publish_standby();
                    self.now() + self.timing.retry
                }
                Err(loss) => {
                    error!(
                        lease = self.name,
                        identity = self.me,
                        "leadership is lost: {loss}"
                    );
                    self.publish_standby();
                    return Outcome::Lost(loss);
                }
            };
        }
    }

    /// One look and at most one write; when to come back.
    async fn step(&mut self) -> Result<Moment, Loss> {
        let tried = match self.term {
            Some(_) => self.lead().await,
            None => self.stand().await,
        };
        match tried {
            Ok(()) => self.complaint = None,
            Err(error) => self.complain(&error),
        }
        let retry = self.now() + self.timing.retry;
        match (self.decide(), self.term) {
            (Decision::Lost(loss), _) => Err(loss),
            (Decision::Wait { until }, Some(_)) => Ok(until),
            (Decision::Wait { until }, None) => {
                self.publish_standby();
                Ok(until.min(retry))
            }
            // The try failed. A leader must not sleep beyond its deadline.
            (_, Some(term)) => Ok(retry.min(term.renewed_at + self.timing.renew_deadline)),
            (_, None) => Ok(retry),
        }
    }

    async fn lead(&mut self) -> Result<(), LeaseError> {
        if self.decide() != Decision::Renew {
            return Ok(());
        }
        match self.renew().await {
            Err(error) if error.is_outrun() => {
                // Perhaps only a label has changed: then the term stands, and the next try has the new version.
                self.look().await?;
                Err(error)
            }
            result => result,
        }
    }

    async fn stand(&mut self) -> Result<(), LeaseError> {
        self.look().await?;
        match self.decide() {
            Decision::Acquire => self.acquire().await,
            _ => Ok(()),
        }
    }

    /// Reads the lease.
    async fn look(&mut self) -> Result<(), LeaseError> {
        let found = self.call(self.api.get_opt(&self.name)).await?;
        let received_at = self.now();
        self.seen = found.map(|lease| Seen::update(self.seen.as_ref(), lease, received_at));
        Ok(())
    }

    async fn acquire(&mut self) -> Result<(), LeaseError> {
        let (sent_at, wall) = (self.now(), Timestamp::now());
        let lease = match &self.seen {
            None => {
                let lease = record::created(&self.name, &self.me, &self.timing, wall);
                self.call(self.api.create(&post(), &lease)).await?
            }
            Some(seen) => {
                let lease = record::taken(seen.lease.clone(), &self.me, &self.timing, wall);
                self.call(self.api.replace(&self.name, &post(), &lease)).await?
            }
        };
        let transitions = record::transitions(&lease);
        info!(lease = self.name, identity = self.me, transitions, "leading");
        self.won(lease, sent_at);
        Ok(())
    }

    async fn renew(&mut self) -> Result<(), LeaseError> {
        let Some(seen) = &self.seen else { return Ok(()) };
        let sent_at = self.now();
        let lease = record::renewed(seen.lease.clone(), Timestamp::now());
        let lease = self.call(self.api.replace(&self.name, &post(), &lease)).await?;
        self.won(lease, sent_at);
        Ok(())
    }

    fn won(&mut self, lease: Lease, sent_at: Moment) {
        let transitions = record::transitions(&lease);
        self.term = Some(Term {
            renewed_at: sent_at,
            transitions,
        });
        let term = transitions;
        self.seen = Some(Seen {
            lease,
            observed_at: sent_at,
        });
        let until = self.origin + sent_at + self.timing.renew_deadline;
        self.publish.send_if_modified(|leadership| {
            let was = std::mem::replace(leadership, Leadership::Leader { until, term });
            was.term() != Some(term)
        });
    }

    /// Ends the term, then gives the lease back.
    async fn stop(mut self) -> Outcome {
        self.publish_standby();
        if self.term.is_none() {
            return Outcome::Stopped;
        }
        let mut result = self.release().await;
        if matches!(&result, Err(error) if error.is_outrun()) && self.look().await.is_ok() {
            if matches!(self.decide(), Decision::Lost(_)) {
                return Outcome::Stopped;
            }
            result = self.release().await;
        }
        match result {
            Ok(()) => {
                info!(lease = self.name, identity = self.me, "released");
                Outcome::Released
            }
            Err(error) => {
                warn!(
                    lease = self.name,
                    "could not release, so others wait until it expires: {error}"
                );
                Outcome::Stopped
            }
        }
    }

    async fn release(&self) -> Result<(), LeaseError> {
        let Some(seen) = &self.seen else { return Ok(()) };
        let lease = record::released(seen.lease.clone(), Timestamp::now());
        self.call(self.api.replace(&self.name, &post(), &lease)).await?;
        Ok(())
    }

    /// Waits for an answer, for at most half the renew deadline (so that a leader has a second try) and never beyond
    /// the deadline of the term.
    async fn call<T>(&self, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, LeaseError> {
        let left = match self.term {
            Some(term) => (term.renewed_at + self.timing.renew_deadline).saturating_sub(self.now()),
            None => Duration::MAX,
        };
        let limit = left.min(self.timing.renew_deadline / 2);
        timeout(limit, request)
            .await
            .map_err(|_| LeaseError::Timeout(limit))?
            .map_err(LeaseError::from)
    }

    fn decide(&self) -> Decision {
        let view = self.seen.as_ref().map(|seen| seen.view(&self.timing));
        decide(view.as_ref(), &self.me, self.term, self.now(), &self.timing)
    }

    fn now(&self) -> Moment {
        self.origin.elapsed()
    }

    fn publish_standby(&self) {
        let holder = self.seen.as_ref().and_then(|seen| seen.view(&self.timing).holder);
        let standby = Leadership::Standby {
            holder: holder.filter(|_| self.term.is_none()),
        };
        self.publish.send_if_modified(|leadership| {
            let changed = *leadership != standby;
            if let Leadership::Standby { holder: Some(holder) } = &standby
                && changed
            {
                info!(lease = self.name, holder, "standing by");
            }
            *leadership = standby;
            changed
        });
    }

    fn complain(&mut self, error: &LeaseError) {
        let text = error.to_string();
        if self.complaint.as_ref() == Some(&text) {
            debug!(lease = self.name, "still: {text}");
            return;
        }
        match error.code() {
            Some(409) => debug!(lease = self.name, "somebody else was faster: {text}"),
            Some(403) => warn!(
                lease = self.name,
                "forbidden; grant get, create and update on leases: {text}"
            ),
            _ => warn!(lease = self.name, "lease call failed: {text}"),
        }
        self.complaint = Some(text);
    }
}

fn post() -> PostParams {
    PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    }
}
