//! `plimsoll remove-webhook NAME`: what the chart's hook runs before an uninstall, so that no request is held for pods that end.

use std::path::PathBuf;

use clap::Args;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use kube::api::DeleteParams;
use kube::{Api, Client, Resource};

use super::operator::install_tls;
use crate::operator::client::{self, ClientError, ClientOptions};

/// What `remove-webhook` is told.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The name of both webhook configurations
    name: String,
    /// The kubeconfig to use [default: KUBECONFIG, the pod's service account, ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Another context than the kubeconfig's current one
    #[arg(long)]
    context: Option<String>,
}

/// Why the configurations may still be there.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// No threads.
    #[error("cannot start: {0}")]
    Runtime(#[from] std::io::Error),
    /// No client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The API server did not delete one.
    #[error("the {kind} {name} is not removed: {source}; remove it with kubectl delete {kind} {name}")]
    Delete {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// What the API server said.
        source: Box<kube::Error>,
    },
}

/// Removes both. That one is not there is fine.
pub(super) fn run(args: RemoveArgs) -> Result<(), RemoveError> {
    install_tls();
    let options = ClientOptions {
        kubeconfig: args.kubeconfig,
        context: args.context,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let client = client::connect(&options).await?.client;
        remove::<ValidatingWebhookConfiguration>(&client, &args.name).await?;
        remove::<MutatingWebhookConfiguration>(&client, &args.name).await
    })
}

async fn remove<K>(client: &Client, name: &str) -> Result<(), RemoveError>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    match Api::<K>::all(client.clone())
        .delete(name, &DeleteParams::default())
        .await
    {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(source) => Err(RemoveError::Delete {
            kind: K::kind(&()).into_owned(),
            name: name.to_owned(),
            source: Box::new(source),
        }),
        Ok(_) => Ok(()),
    }
}
