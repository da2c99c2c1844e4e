//! The requests that write one report.

use kube::api::{DeleteParams, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::api::{ClusterResilienceReport, FIELD_MANAGER, ResilienceReport, report_name};
use crate::engine::ReportWrite;
use crate::model::keys::Kind;
use crate::model::report::ReportStatus;
use crate::model::subject::Subject;
use crate::operator::lease::Leadership;
use crate::operator::metrics::WriteOutcome;

/// What a namespace that is being deleted gives as the cause when it refuses new objects (with 403, like RBAC).
const NAMESPACE_TERMINATING: &str = "NamespaceTerminating";

/// Why a report was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// Nothing was sent, or nothing more.
    #[error("this replica does not lead")]
    NotLeader,
    /// The API server refused, or could not be asked.
    #[error(transparent)]
    Api(#[from] kube::Error),
}

impl WriteError {
    /// The answer's status code, if there was an answer.
    fn status(&self) -> Option<&kube::core::Status> {
        match self {
            WriteError::Api(kube::Error::Api(status)) => Some(status),
            _ => None,
        }
    }

    fn is_not_found(&self) -> bool {
        self.status().is_some_and(kube::core::Status::is_not_found)
    }

    fn is_namespace_terminating(&self) -> bool {
        let details = self.status().and_then(|status| status.details.as_ref());
        details.is_some_and(|details| details.causes.iter().any(|c| c.reason == NAMESPACE_TERMINATING))
    }

    /// How it is counted.
    pub(super) fn outcome(&self) -> WriteOutcome {
        if matches!(self, WriteError::NotLeader) {
            return WriteOutcome::NotLeader;
        }
        match self.status().map(|status| status.code) {
            Some(403) if self.is_namespace_terminating() => WriteOutcome::Gone,
            Some(403) => WriteOutcome::Forbidden,
            Some(404) => WriteOutcome::Gone,
            Some(409) => WriteOutcome::Conflict,
            Some(400 | 422) => WriteOutcome::Invalid,
            _ => WriteOutcome::Failed,
        }
    }
}

/// One report's requests.
pub(super) struct Report<'a> {
    pub(super) client: &'a Client,
    pub(super) leadership: &'a watch::Receiver<Leadership>,
    pub(super) term: i32,
    pub(super) subject: &'a Subject,
    pub(super) uid: &'a str,
}

impl Report<'_> {
    /// Writes it, and returns the uid of the report that is there then.
    pub(super) async fn write(&self, write: &ReportWrite) -> Result<Option<String>, WriteError> {
        match write {
            ReportWrite::Put {
                status,
                create: false,
            } => match self.put_status(status).await {
                // Deleted since we saw it: it comes back with its latches.
                Err(gone) if gone.is_not_found() => {
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
            ReportWrite::Delete => self.delete().await.map(|()| None),
        }
    }

    /// Asked right before each request: the lease may have been lost while the one before was under way.
    fn must_lead(&self) -> Result<(), WriteError> {
        if self.leadership.borrow().may_write(self.term) {
            Ok(())
        } else {
            Err(WriteError::NotLeader)
        }
    }

    fn name(&self) -> String {
        report_name(self.subject)
    }

    /// Makes the report, owned by its subject so that it goes with it; nothing owns the one on the cluster. Leaves what
    /// people write in `spec` alone.
    async fn create(&self) -> Result<Option<String>, WriteError> {
        let owned_by = |kind: Kind| {
            let owner = json!({
                "apiVersion": kind.api_version(), "kind": kind.as_str(), "name": self.subject.name(), "uid": self.uid,
                "controller": false, "blockOwnerDeletion": false
            });
            json!({ "ownerReferences": [owner] })
        };
        let (metadata, spec) = match self.subject {
            Subject::Workload(key) => {
                let workload = json!({
                    "apiVersion": key.kind.api_version(), "kind": key.kind.as_str(), "name": key.name, "uid": self.uid
                });
                (owned_by(key.kind), json!({ "workloadRef": workload }))
            }
            Subject::Node(name) => (owned_by(Kind::Node), json!({ "nodeName": name })),
            Subject::Cluster => (json!({}), json!({})),
        };
        self.apply(json!({ "metadata": metadata, "spec": spec }), false)
            .await
    }

    async fn put_status(&self, status: &ReportStatus) -> Result<Option<String>, WriteError> {
        self.apply(json!({ "status": status }), true).await
    }

    /// Server-side apply. Forced, because these fields have no other writer: whoever edits them by hand is overruled.
    async fn apply(&self, mut body: Value, status: bool) -> Result<Option<String>, WriteError> {
        self.must_lead()?;
        let name = self.name();
        let params = PatchParams::apply(FIELD_MANAGER).force();
        body["metadata"]["name"] = name.clone().into();
        if self.is_namespaced() {
            let api = self.namespaced::<ResilienceReport>();
            patch(&api, &name, &params, body, status).await
        } else {
            let api: Api<ClusterResilienceReport> = Api::all(self.client.clone());
            patch(&api, &name, &params, body, status).await
        }
    }

    async fn delete(&self) -> Result<(), WriteError> {
        self.must_lead()?;
        let name = self.name();
        let params = DeleteParams::default();
        let deleted = if self.is_namespaced() {
            self.namespaced::<ResilienceReport>()
                .delete(&name, &params)
                .await
                .map(drop)
        } else {
            let api: Api<ClusterResilienceReport> = Api::all(self.client.clone());
            api.delete(&name, &params).await.map(drop)
        };
        match deleted.map_err(WriteError::from) {
            Err(gone) if gone.is_not_found() => Ok(()),
            other => other,
        }
    }

    fn is_namespaced(&self) -> bool {
        self.subject.workload().is_some()
    }

    fn namespaced<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), self.subject.namespace())
    }
}

async fn patch<K>(
    api: &Api<K>,
    name: &str,
    params: &PatchParams,
    mut body: Value,
    status: bool,
) -> Result<Option<String>, WriteError>
where
    K: Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    body["apiVersion"] = K::api_version(&()).into();
    body["kind"] = K::kind(&()).into();
    let patch = Patch::Apply(&body);
    let applied = if status {
        api.patch_status(name, params, &patch).await
    } else {
        api.patch(name, params, &patch).await
    };
    Ok(applied?.meta().uid.clone())
}
