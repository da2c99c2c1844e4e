//! The statuses of the policies: written one after the other, by whoever leads.

use std::collections::BTreeMap;

use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::PartialObjectMeta;
use serde_json::json;
use tokio::sync::mpsc;
use tracing::warn;

use super::report::WriteError;
use super::{WRITE_TIMEOUT, Writer};
use crate::api::{FIELD_MANAGER, ResiliencePolicy};
use crate::engine::PolicyWrite;
use crate::model::keys::{Kind, Name};
use crate::operator::metrics::WriteOutcome;

/// A policy's new status.
#[derive(Debug)]
pub(in crate::operator) struct PolicyOrder {
    pub(in crate::operator) write: PolicyWrite,
    /// The term in which it was decided; in a later one it is stale.
    pub(in crate::operator) term: i32,
}

impl Writer {
    /// Writes what comes in until the queue is closed; of a policy that waits the newest status. What is not written, the
    /// engine decides again, because no policy shows it.
    pub(in crate::operator) async fn run_policies(self, mut orders: mpsc::UnboundedReceiver<PolicyOrder>) {
        let mut waiting: BTreeMap<Name, PolicyOrder> = BTreeMap::new();
        let mut batch = Vec::new();
        while orders.recv_many(&mut batch, usize::MAX).await > 0 {
            waiting.extend(batch.drain(..).map(|order| (order.write.name.clone(), order)));
            while let Some((name, order)) = waiting.pop_first() {
                self.carry_out_policy(&name, &order).await;
                while let Ok(next) = orders.try_recv() {
                    waiting.insert(next.write.name.clone(), next);
                }
            }
        }
    }

    async fn carry_out_policy(&self, name: &str, order: &PolicyOrder) {
        let put = tokio::time::timeout(WRITE_TIMEOUT, self.put_policy_status(name, order));
        let outcome = match put.await {
            Ok(Ok(())) => WriteOutcome::Applied,
            Ok(Err(error)) => {
                let outcome = error.outcome();
                warn!(
                    policy = name,
                    outcome = outcome.as_str(),
                    "status not written, will try again: {error}"
                );
                outcome
            }
            Err(_) => {
                warn!(
                    policy = name,
                    "status not written within {WRITE_TIMEOUT:?}, will try again"
                );
                WriteOutcome::Failed
            }
        };
        self.metrics.write(Kind::ResiliencePolicy.plural(), outcome);
    }

    /// Server-side apply of the status alone. Forced, because it has no other writer. The answer is read as far as its
    /// metadata: what else is stored may be of another version.
    async fn put_policy_status(&self, name: &str, order: &PolicyOrder) -> Result<(), WriteError> {
        if !self.leadership.borrow().may_write(order.term) {
            return Err(WriteError::NotLeader);
        }
        let api: Api<PartialObjectMeta<ResiliencePolicy>> = Api::all(self.client.clone());
        let kind = Kind::ResiliencePolicy;
        let body = json!({
            "apiVersion": kind.api_version(), "kind": kind.as_str(), "metadata": { "name": name },
            "status": order.write.status
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        api.patch_status(name, &params, &Patch::Apply(&body)).await?;
        Ok(())
    }
}
