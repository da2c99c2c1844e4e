//! The only holder of a client that writes.
//!
//! ```text
//! engine ── Decision ──> queue (newest status of a subject wins, its events add up) ──> up to 8 subjects at once ──> API
//!                                     leader? no: dropped, counted
//! ```
//!
//! A status that was dropped or refused is not lost: the engine sees that the API server does not show it, and decides
//! again.

mod policy;
mod report;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use k8s_openapi::api::events::v1::Event;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinSet};
use tracing::{info, warn};

pub(super) use self::policy::PolicyOrder;
use self::report::Report;
use super::client::ServerClock;
use super::events::{EventLimit, event};
use super::lease::Leadership;
use super::metrics::{EventOutcome, Metrics, WriteOutcome};
use crate::api::FIELD_MANAGER;
use crate::engine::{Decision, ReportWrite};
use crate::model::report::Transition;
use crate::model::subject::Subject;
use crate::policy::ownership::{Criticality, Ownership};

/// Subjects that are written at once. One write takes a few milliseconds, so this is above 1,000 a second.
const AT_ONCE: usize = 8;
/// One subject's requests together may take this long.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// A decision with the moment when its cause was seen.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) decision: Decision,
    pub(super) seen: Instant,
    /// The term in which it was decided; in a later one it is stale.
    pub(super) term: i32,
}

/// Everything a write needs.
#[derive(Clone)]
pub(super) struct Writer {
    client: Client,
    clock: ServerClock,
    leadership: watch::Receiver<Leadership>,
    metrics: Metrics,
    instance: String,
}

impl Writer {
    /// A writer under the name of this replica.
    pub(super) fn new(
        client: Client,
        clock: ServerClock,
        leadership: watch::Receiver<Leadership>,
        metrics: Metrics,
        instance: String,
    ) -> Self {
        Writer {
            client,
            clock,
            leadership,
            metrics,
            instance,
        }
    }

    /// Writes what comes in until the queue is closed; then finishes what is under way. What still waits then is not
    /// written: whoever leads next sees that no report shows it, and decides the same.
    pub(super) async fn run(self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut limit = EventLimit::new(Instant::now());
        let mut queue = Queue::default();
        let mut tasks: JoinSet<()> = JoinSet::new();
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => queue.push(order),
                    None => break,
                },
                Some(done) = tasks.join_next_with_id() => match done {
                    Ok((task, ())) => queue.done(task),
                    Err(error) => {
                        warn!("a write ended badly: {error}");
                        queue.done(error.id());
                    }
                },
            }
            while tasks.len() < AT_ONCE
                && let Some(order) = queue.next()
            {
                let events = self.events(&order.decision, &mut limit);
                let subject = order.decision.subject.clone();
                let writer = self.clone();
                let task = tasks.spawn(async move { writer.carry_out(order, events).await });
                queue.begin(task.id(), subject);
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    /// The Events of a decision that the rate limit lets through.
    fn events(&self, decision: &Decision, limit: &mut EventLimit) -> Vec<Event> {
        let at = self.clock.now();
        let mut events = Vec::new();
        let Ownership {
            owner,
            runbook,
            criticality,
        } = &decision.ownership;
        let (owner, runbook) = (owner.as_deref(), runbook.as_deref());
        let criticality = criticality.map(Criticality::as_str);
        for change in &decision.changes {
            info!(
                object = %decision.subject, finding = change.id, severity = change.severity.as_str(),
                transition = ?change.transition, owner, runbook, criticality, "{}", change.message
            );
            if limit.allows(&decision.subject, change.severity, Instant::now()) {
                events.push(event(decision, change, at, &self.instance));
            } else {
                self.metrics.event(EventOutcome::RateLimited);
            }
        }
        events
    }

    async fn carry_out(&self, order: Order, mut events: Vec<Event>) {
        let Order { decision, seen, term } = order;
        let Decision {
            subject,
            uid,
            write,
            changes,
            ownership: _,
        } = decision;
        let resource = match subject {
            Subject::Workload(_) => "resiliencereports",
            Subject::Node(_) | Subject::Cluster => "clusterresiliencereports",
        };
        let report = Report {
            client: &self.client,
            leadership: &self.leadership,
            term,
            subject: &subject,
            uid: &uid,
        };
        let outcome = match tokio::time::timeout(WRITE_TIMEOUT, report.write(&write)).await {
            Ok(Ok(uid)) => {
                // Only now is it known which object there is about the cluster.
                if subject == Subject::Cluster {
                    let regarding = events.iter_mut().filter_map(|event| event.regarding.as_mut());
                    regarding.for_each(|regarding| regarding.uid.clone_from(&uid));
                }
                WriteOutcome::Applied
            }
            Ok(Err(error)) => {
                let outcome = error.outcome();
                warn!(object = %subject, outcome = outcome.as_str(), "report not written, will try again: {error}");
                outcome
            }
            Err(_) => {
                warn!(object = %subject, "report not written within {WRITE_TIMEOUT:?}, will try again");
                WriteOutcome::Failed
            }
        };
        self.metrics.write(resource, outcome);
        if outcome == WriteOutcome::Applied {
            // What ends has no delay to speak of: it may have waited for days to be acknowledged.
            let begins = |t| matches!(t, Transition::Active | Transition::Changed);
            for change in changes.into_iter().filter(|change| begins(change.transition)) {
                self.metrics.detected(change.rule.into(), seen.elapsed());
            }
        }
        // Also when the write failed: the next try knows the status, and not any more what had changed.
        for event in events {
            self.publish(event, term).await;
        }
    }

    async fn publish(&self, event: Event, term: i32) {
        if !self.leadership.borrow().may_write(term) {
            self.metrics.event(EventOutcome::Dropped);
            return;
        }
        let namespace = event.metadata.namespace.clone().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.into()),
            ..PostParams::default()
        };
        let sent = tokio::time::timeout(WRITE_TIMEOUT, api.create(&params, &event)).await;
        let outcome = match sent {
            Ok(Ok(_)) => EventOutcome::Published,
            // Told before, by us or by the leader before us.
            Ok(Err(kube::Error::Api(status))) if status.is_already_exists() => EventOutcome::Published,
            Ok(Err(error)) => {
                warn!(reason = event.reason, "event not published: {error}");
                EventOutcome::Failed
            }
            Err(_) => EventOutcome::Failed,
        };
        self.metrics.event(outcome);
    }
}

/// What waits to be written, at most one order for each subject, the longest waiting first; and what is being written.
#[derive(Default)]
struct Queue {
    waiting: BTreeMap<Subject, Order>,
    turn: VecDeque<Subject>,
    busy: HashMap<Id, Subject>,
}

impl Queue {
    /// The newest status of a subject wins; what happened is never lost.
    fn push(&mut self, mut order: Order) {
        let subject = order.decision.subject.clone();
        if let Some(older) = self.waiting.remove(&subject) {
            let mut changes = older.decision.changes;
            changes.append(&mut order.decision.changes);
            order.decision.changes = changes;
            if older.term == order.term {
                order.seen = older.seen;
            }
            if let (ReportWrite::Replace { .. }, ReportWrite::Put { status, .. }) =
                (older.decision.write, &order.decision.write)
            {
                order.decision.write = ReportWrite::Replace {
                    status: status.clone(),
                };
            }
        } else {
            self.turn.push_back(subject.clone());
        }
        self.waiting.insert(subject, order);
    }

    /// The order that has waited the longest, of a subject that is not being written.
    fn next(&mut self) -> Option<Order> {
        let is_free = |subject: &Subject| !self.busy.values().any(|busy| busy == subject);
        let at = self.turn.iter().position(is_free)?;
        let subject = self.turn.remove(at)?;
        self.waiting.remove(&subject)
    }

    fn begin(&mut self, task: Id, subject: Subject) {
        self.busy.insert(task, subject);
    }

    /// However it ended: a subject must never stay busy.
    fn done(&mut self, task: Id) {
        self.busy.remove(&task);
    }
}

#[cfg(test)]
mod tests;
