//! What reports say at the moment when this replica begins to lead.
//!
//! The watch may lag behind (a half-open connection is noticed after minutes), and whoever led before may have written in
//! the meantime. So a new leader lists the reports once before its first write, and takes over what they latched.

use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

use super::reconcile::Input;
use super::watch::{PAGE_SIZE, Seen};
use crate::api::{ClusterResilienceReport, ResilienceReport};

/// Lists both kinds of reports, as inputs for the engine's loop.
///
/// # Errors
/// What the API server or the connection said.
pub(super) async fn read(client: &Client) -> Result<Vec<Input>, kube::Error> {
    let mut inputs = list::<ResilienceReport>(client, Input::Report).await?;
    inputs.extend(list::<ClusterResilienceReport>(client, Input::ClusterReport).await?);
    Ok(inputs)
}

async fn list<K>(
    client: &Client,
    input: impl Fn(Seen<DeserializeGuard<K>>) -> Input,
) -> Result<Vec<Input>, kube::Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let api: Api<DeserializeGuard<K>> = Api::all(client.clone());
    let mut inputs = vec![input(Seen::ListBegins)];
    let mut page = ListParams::default().limit(PAGE_SIZE);
    loop {
        let list = api.list(&page).await?;
        let rest = list.metadata.continue_.filter(|token| !token.is_empty());
        inputs.extend(list.items.into_iter().map(|report| input(Seen::Applied(report))));
        match rest {
            Some(token) => page = page.continue_token(&token),
            None => break,
        }
    }
    inputs.push(input(Seen::ListEnds));
    Ok(inputs)
}
