//! The only holder of a client that writes.
//!
//! ```text
//! engine ── Decision ──> queue (newest status of a subject wins, its events add up) ──> up to 8 subjects at once ──> API
//!                                     leader? no: dropped, counted
//! ```
//!
//! A status that was dropped or refused is not lost: the engine sees that the API server does not show it, and decides
//! again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::client::ServerClock;
use super::events::{EventLimit, event};
use super::lease::Leadership;
use super::metrics::{EventOutcome, Metrics, WriteOutcome};
use crate::api::{ClusterResilienceReport, FIELD_MANAGER, ResilienceReport, report_name};
use crate::engine::{Decision, ReportWrite};
use crate::model::keys::{Kind, ObjectKey};
use crate::model::report::ReportStatus;

/// Subjects that are written at once. One write takes a few milliseconds, so this is above 1,000 a second.
const AT_ONCE: usize = 8;
/// One subject's requests together may take this long.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// A decision with the moment when its cause was seen.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) decision: Decision,
    pub(super) seen: Instant,
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

    /// Writes what comes in until the queue is closed; then finishes what is under way.
    pub(super) async fn run(self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut limit = EventLimit::new(Instant::now());
        let mut waiting: BTreeMap<ObjectKey, Order> = BTreeMap::new();
        let mut turn: VecDeque<ObjectKey> = VecDeque::new();
        let mut busy: BTreeSet<ObjectKey> = BTreeSet::new();
        let mut tasks: JoinSet<ObjectKey> = JoinSet::new();
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => enqueue(&mut waiting, &mut turn, order),
                    None => break,
                },
                Some(done) = tasks.join_next() => {
                    if let Ok(subject) = done { busy.remove(&subject); }
                }
            }
            for _ in 0..turn.len() {
                if tasks.len() >= AT_ONCE {
                    break;
                }
                let Some(subject) = turn.pop_front() else { break };
                if busy.contains(&subject) {
                    turn.push_back(subject);
                    continue;
                }
                let Some(order) = waiting.remove(&subject) else {
                    continue;
                };
                let events = self.events(&order.decision, &mut limit);
                busy.insert(subject.clone());
                let writer = self.clone();
                tasks.spawn(async move {
                    writer.carry_out(order, events).await;
                    subject
                });
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    /// The Events of a decision that the rate limit lets through.
    fn events(&self, decision: &Decision, limit: &mut EventLimit) -> Vec<Event> {
        let at = self.clock.now();
        let mut events = Vec::new();
        for change in &decision.changes {
            info!(
                object = %decision.subject, finding = change.id, severity = change.severity.as_str(),
                transition = ?change.transition, "{}", change.message
            );
            if limit.allows(&decision.subject, Instant::now()) {
                events.push(event(
                    &decision.subject,
                    &decision.uid,
                    change,
                    at,
                    &self.instance,
                ));
            } else {
                self.metrics.event(EventOutcome::RateLimited);
            }
        }
        events
    }

    async fn carry_out(&self, order: Order, events: Vec<Event>) {
        let Order { decision, seen } = order;
        let Decision {
            subject,
            uid,
            write,
            changes,
        } = decision;
        let resource = if subject.kind == Kind::Node {
            "clusterresiliencereports"
        } else {
            "resiliencereports"
        };
        if !self.leadership.borrow().may_write() {
            self.metrics.write(resource, WriteOutcome::NotLeader);
            return;
        }
        let report = Report {
            client: &self.client,
            subject: &subject,
            uid: &uid,
        };
        let outcome = match tokio::time::timeout(WRITE_TIMEOUT, report.write(&write)).await {
            Ok(Ok(())) => WriteOutcome::Applied,
            Ok(Err(error)) => {
                let outcome = outcome(&error);
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
            for change in changes {
                self.metrics.detected(change.rule.into(), seen.elapsed());
            }
        }
        for event in events {
            self.publish(event).await;
        }
    }

    async fn publish(&self, event: Event) {
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

/// The newest status of a subject wins; what happened is never lost.
fn enqueue(waiting: &mut BTreeMap<ObjectKey, Order>, turn: &mut VecDeque<ObjectKey>, mut order: Order) {
    let subject = order.decision.subject.clone();
    if let Some(older) = waiting.remove(&subject) {
        let mut changes = older.decision.changes;
        changes.append(&mut order.decision.changes);
        order.decision.changes = changes;
        order.seen = older.seen;
        if let (ReportWrite::Replace { .. }, ReportWrite::Put { status, .. }) =
            (older.decision.write, &order.decision.write)
        {
            order.decision.write = ReportWrite::Replace {
                status: status.clone(),
            };
        }
    } else {
        turn.push_back(subject.clone());
    }
    waiting.insert(subject, order);
}

fn outcome(error: &kube::Error) -> WriteOutcome {
    match error {
        kube::Error::Api(status) => match status.code {
            403 => WriteOutcome::Forbidden,
            404 => WriteOutcome::Gone,
            409 => WriteOutcome::Conflict,
            400 | 422 => WriteOutcome::Invalid,
            _ => WriteOutcome::Failed,
        },
        _ => WriteOutcome::Failed,
    }
}

/// One report's requests.
struct Report<'a> {
    client: &'a Client,
    subject: &'a ObjectKey,
    uid: &'a str,
}

impl Report<'_> {
    async fn write(&self, write: &ReportWrite) -> Result<(), kube::Error> {
        match write {
            ReportWrite::Put {
                status,
                create: false,
            } => match self.put_status(status).await {
                // Deleted since we saw it: it comes back with its latches.
                Err(kube::Error::Api(gone)) if gone.is_not_found() => {
                    self.create().await?;
                    self.put_status(status).await
                }
                other => other,
            },
            ReportWrite::Put { status, create: true } => {
                self.create().await?;
                self.put_status(status).await
            }
            ReportWrite::Replace { status } => {
                self.delete().await?;
                self.create().await?;
                self.put_status(status).await
            }
            ReportWrite::Delete => self.delete().await,
        }
    }

    fn name(&self) -> String {
        report_name(self.subject)
    }

    /// Makes the report, owned by its subject so that it goes with it. Leaves what people write in `spec` alone.
    async fn create(&self) -> Result<(), kube::Error> {
        let ObjectKey { kind, name, .. } = self.subject;
        let spec = match kind {
            Kind::Node => json!({ "nodeName": name }),
            _ => json!({ "workloadRef": {
                "apiVersion": kind.api_version(), "kind": kind.as_str(), "name": name, "uid": self.uid
            }}),
        };
        let owner = json!({
            "apiVersion": kind.api_version(), "kind": kind.as_str(), "name": name, "uid": self.uid,
            "controller": false, "blockOwnerDeletion": false
        });
        self.apply(
            json!({ "metadata": { "ownerReferences": [owner] }, "spec": spec }),
            false,
        )
        .await
    }

    async fn put_status(&self, status: &ReportStatus) -> Result<(), kube::Error> {
        self.apply(json!({ "status": status }), true).await
    }

    /// Server-side apply. Forced, because these fields have no other writer: whoever edits them by hand is overruled.
    async fn apply(&self, mut body: Value, status: bool) -> Result<(), kube::Error> {
        let name = self.name();
        let params = PatchParams::apply(FIELD_MANAGER).force();
        body["metadata"]["name"] = name.clone().into();
        if self.subject.kind == Kind::Node {
            let api: Api<ClusterResilienceReport> = Api::all(self.client.clone());
            patch(&api, &name, &params, body, status).await
        } else {
            let api = self.namespaced::<ResilienceReport>();
            patch(&api, &name, &params, body, status).await
        }
    }

    async fn delete(&self) -> Result<(), kube::Error> {
        let name = self.name();
        let params = DeleteParams::default();
        let deleted = if self.subject.kind == Kind::Node {
            let api: Api<ClusterResilienceReport> = Api::all(self.client.clone());
            api.delete(&name, &params).await.map(drop)
        } else {
            self.namespaced::<ResilienceReport>()
                .delete(&name, &params)
                .await
                .map(drop)
        };
        match deleted {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            other => other,
        }
    }

    fn namespaced<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.subject.namespace)
    }
}

async fn patch<K>(
    api: &Api<K>,
    name: &str,
    params: &PatchParams,
    mut body: Value,
    status: bool,
) -> Result<(), kube::Error>
where
    K: Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    body["apiVersion"] = K::api_version(&()).into();
    body["kind"] = K::kind(&()).into();
    let patch = Patch::Apply(&body);
    if status {
        api.patch_status(name, params, &patch).await.map(drop)
    } else {
        api.patch(name, params, &patch).await.map(drop)
    }
}

#[cfg(test)]
mod tests;
