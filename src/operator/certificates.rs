//! Keeps the webhook's own certificates: the leader makes the authorities in a Secret and tells the API server of them, and
//! every replica shows a certificate that one of them signed.
//!
//! The Secret is the chart's, empty at first: no right to create one is needed, and it goes with the release.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::watch;
use tracing::{info, warn};

use super::client::ServerClock;
use super::lease::Leadership;
use crate::api::FIELD_MANAGER;
use crate::webhook::certificate::authorities::{Authorities, Leaf, Timing};
use crate::webhook::certificate::{Certificate, PairError};

/// Where the Secret keeps the authorities.
const KEY: &str = "authorities.json";
/// Whoever writes another value here has the certificates replaced.
const ASKED: &str = "plimsoll.dev/rotate-certificates";
/// While there is no certificate yet.
const IMPATIENT: Duration = Duration::from_millis(500);
/// All requests of one turn together.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Why certificates were not kept this time.
#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error("the Secret {0} is not there; it comes with the chart")]
    Gone(String),
    #[error("{what}: {}", super::lease::told(source))]
    Api { what: &'static str, source: kube::Error },
    #[error("no certificate can be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error("the certificate that was made is not shown: {0}")]
    Show(#[from] PairError),
    #[error("the authorities cannot be written: {0}")]
    Write(#[from] serde_json::Error),
    #[error("no answer within {TIMEOUT:?}")]
    Timeout,
}

fn api(what: &'static str) -> impl FnOnce(kube::Error) -> KeepError {
    move |source| KeepError::Api { what, source }
}

/// See the module's documentation.
pub(super) struct Keeper {
    secrets: Api<Secret>,
    client: Client,
    /// The name of the Service, of the Secret and of the configurations.
    name: String,
    /// The name by which the API server asks.
    host: String,
    timing: Timing,
    clock: ServerClock,
    leadership: watch::Receiver<Leadership>,
    certificate: Arc<Certificate>,
    shown: Option<Leaf>,
}

impl Keeper {
    /// Of the webhook that the API server knows as the Service `name` in `namespace`.
    pub(super) fn new(
        client: &Client,
        (namespace, name): (&str, &str),
        timing: Timing,
        clock: ServerClock,
        leadership: watch::Receiver<Leadership>,
        certificate: Arc<Certificate>,
    ) -> Self {
        Keeper {
            secrets: Api::namespaced(client.clone(), namespace),
            client: client.clone(),
            name: name.to_owned(),
            host: format!("{name}.{namespace}.svc"),
            timing,
            clock,
            leadership,
            certificate,
            shown: None,
        }
    }

    /// Looks again and again, for as long as the process lives. `first` is called when there is a certificate.
    pub(super) async fn keep(mut self, first: impl FnOnce()) {
        let mut first = Some(first);
        // What goes wrong is said once, not every few seconds.
        let mut said = String::new();
        loop {
            let turned = tokio::time::timeout(TIMEOUT, self.turn()).await;
            match turned.unwrap_or(Err(KeepError::Timeout)) {
                Ok(()) => said.clear(),
                Err(error) => {
                    let error = error.to_string();
                    if said != error {
                        warn!("the webhook's certificates are not kept: {error}");
                        said = error;
                    }
                }
            }
            let poll = self.timing.poll();
            if self.shown.is_some() {
                if let Some(first) = first.take() {
                    first();
                }
                tokio::time::sleep(poll).await;
            } else {
                tokio::time::sleep(poll.min(IMPATIENT)).await;
            }
        }
    }

    async fn turn(&mut self) -> Result<(), KeepError> {
        let secret = self
            .secrets
            .get_opt(&self.name)
            .await
            .map_err(api("reading the Secret"))?;
        let mut secret = secret.ok_or_else(|| KeepError::Gone(self.name.clone()))?;
        let mut authorities = read(&secret);
        let leads = || {
            let leadership = self.leadership.borrow();
            leadership.term().is_some_and(|term| leadership.may_write(term))
        };
        if leads() {
            let asked = secret.annotations().get(ASKED).cloned();
            if authorities.advance(self.clock.now(), self.timing, asked.as_deref())? {
                secret = self.write(secret, &authorities).await?;
                info!("the webhook's authorities are now: {authorities:?}");
            }
            let bundle = ByteString(authorities.bundle().into_bytes());
            self.publish::<ValidatingWebhookConfiguration>(&bundle).await?;
            self.publish::<MutatingWebhookConfiguration>(&bundle).await?;
            if authorities.publish(self.clock.now()) {
                self.write(secret, &authorities).await?;
            }
        }
        let now = self.clock.now();
        if let Some(leaf) = authorities.leaf(self.shown.as_ref(), &self.host, now, self.timing)? {
            self.certificate
                .show(leaf.certificate.as_bytes(), leaf.key.as_bytes())?;
            info!(until = %leaf.ends, "the webhook shows a new certificate");
            self.shown = Some(leaf);
        }
        Ok(())
    }

    /// Writes the Secret unless somebody else did since it was read.
    async fn write(&self, mut secret: Secret, authorities: &Authorities) -> Result<Secret, KeepError> {
        let text = ByteString(serde_json::to_vec(authorities)?);
        secret.data.get_or_insert_default().insert(KEY.to_owned(), text);
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let written = self.secrets.replace(&self.name, &params, &secret).await;
        written.map_err(api("writing the Secret"))
    }

    /// Has the API server trust the bundle for all webhooks of a configuration, if it does not.
    async fn publish<K: Configuration>(&self, bundle: &ByteString) -> Result<(), KeepError> {
        let configurations: Api<K> = Api::all(self.client.clone());
        let configuration = configurations.get_opt(&self.name).await;
        let configuration = configuration.map_err(api("reading the webhook configuration"))?;
        let webhooks = configuration.map(K::webhooks).unwrap_or_default();
        let stale = webhooks
            .iter()
            .filter(|(_, client)| client.ca_bundle.as_ref() != Some(bundle));
        let stale: Vec<_> = stale
            .map(|(name, _)| json!({ "name": name, "clientConfig": { "caBundle": bundle } }))
            .collect();
        if stale.is_empty() {
            return Ok(());
        }
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patch = Patch::Strategic(json!({ "webhooks": stale }));
        let patched = configurations.patch(&self.name, &params, &patch).await;
        patched.map_err(api("writing the webhook configuration"))?;
        info!(kind = %K::kind(&()), name = self.name, "the API server is told which certificates to trust");
        Ok(())
    }
}

/// A kind of webhook configuration.
trait Configuration: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned {
    /// Its webhooks' names, and how each is reached.
    fn webhooks(self) -> Vec<(String, WebhookClientConfig)>;
}

impl Configuration for ValidatingWebhookConfiguration {
    fn webhooks(self) -> Vec<(String, WebhookClientConfig)> {
        let webhooks = self.webhooks.into_iter().flatten();
        webhooks
            .map(|webhook| (webhook.name, webhook.client_config))
            .collect()
    }
}

impl Configuration for MutatingWebhookConfiguration {
    fn webhooks(self) -> Vec<(String, WebhookClientConfig)> {
        let webhooks = self.webhooks.into_iter().flatten();
        webhooks
            .map(|webhook| (webhook.name, webhook.client_config))
            .collect()
    }
}

/// What the Secret holds. What cannot be read is made anew.
fn read(secret: &Secret) -> Authorities {
    let Some(text) = secret.data.as_ref().and_then(|data| data.get(KEY)) else {
        return Authorities::default();
    };
    serde_json::from_slice(&text.0).unwrap_or_else(|error| {
        warn!("{KEY} of the Secret cannot be read and is made anew: {error}");
        Authorities::default()
    })
}
