//! What relates to workloads: Namespace, Service, EndpointSlice.

use serde::Deserialize;
use serde::de::SeqAccess;

use super::Projection;
use super::loose::{Fields, List, Loose, Read, Shape, Struct, Text};
use super::meta::{Identity, Meta, Skipped, Strings};
use super::path::{Path, Problems};
use super::port::{ServicePortFields, service_ports};
use crate::model::context::{EndpointSlice, Namespace, Service};
use crate::model::keys::{Kind, Name};
use crate::model::object::Object;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NamespaceFields<'a> {
    #[serde(borrow)]
    metadata: Struct<Meta<'a, Strings<'a>>>,
}

impl<'a> Projection<'a> for NamespaceFields<'a> {
    fn project(self, _: Kind, problems: &mut Problems) -> (Identity<'a>, Option<Object>) {
        let mut meta = self.metadata.fields_or_default();
        let identity = Identity::take(&mut meta, problems);
        let path = Path::Root.key("metadata");
        let labels = meta.labels.labels(path.key("labels"), problems);
        let annotations = meta.annotations.own(path.key("annotations"), problems);
        let namespace = |name| {
            Object::Namespace(Namespace {
                name,
                labels,
                annotations,
            })
        };
        let object = identity.name.clone().map(namespace);
        (identity, object)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ServiceFields<'a> {
    #[serde(borrow)]
    metadata: Struct<Meta<'a, Skipped<'a>>>,
    #[serde(borrow)]
    spec: Struct<ServiceSpec<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ServiceSpec<'a> {
    #[serde(borrow)]
    selector: Loose<Strings<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    publish_not_ready_addresses: Loose<bool>,
    #[serde(borrow)]
    ports: List<Fields<ServicePortFields<'a>>>,
}

impl<'a> Projection<'a> for ServiceFields<'a> {
    fn project(self, _: Kind, problems: &mut Problems) -> (Identity<'a>, Option<Object>) {
        let identity = Identity::take(&mut self.metadata.fields_or_default(), problems);
        let Some(name) = identity.name.clone() else {
            return (identity, None);
        };
        let path = Path::Root.key("spec");
        let spec = self.spec.fields(path, problems);
        let service = Service {
            namespace: identity.namespace.clone(),
            name,
            selector: spec.selector.labels(path.key("selector"), problems),
            external: spec.kind.take(path.key("type"), problems).as_deref() == Some("ExternalName"),
            publish_not_ready: spec
                .publish_not_ready_addresses
                .take(path.key("publishNotReadyAddresses"), problems)
                .unwrap_or_default(),
            ports: service_ports(spec.ports, path.key("ports"), problems),
        };
        (identity, Some(Object::Service(service)))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EndpointSliceFields<'a> {
    #[serde(borrow)]
    metadata: Struct<Meta<'a, Strings<'a>>>,
    endpoints: Loose<Endpoints>,
}

/// How many endpoints there are.
#[derive(Debug, Default)]
struct Endpoints {
    ready: u32,
    total: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Endpoint {
    conditions: Struct<EndpointConditions>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct EndpointConditions {
    ready: Loose<bool>,
}

impl<'de> Shape<'de> for Endpoints {
    const EXPECTED: &'static str = "a list";

    /// A condition that is absent means ready: discovery/v1 says so of `conditions.ready`.
    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Read<Self>, A::Error> {
        let mut endpoints = Endpoints::default();
        while let Some(item) = list.next_element::<Struct<Endpoint>>()? {
            let conditions = item.fields_or_default().conditions.fields_or_default();
            endpoints.total += 1;
            endpoints.ready += u32::from(conditions.ready.ok().unwrap_or(true));
        }
        Ok(Some(Ok(endpoints)))
    }
}

impl<'a> Projection<'a> for EndpointSliceFields<'a> {
    fn project(self, _: Kind, problems: &mut Problems) -> (Identity<'a>, Option<Object>) {
        let mut meta = self.metadata.fields_or_default();
        let identity = Identity::take(&mut meta, problems);
        let Some(name) = identity.name.clone() else {
            return (identity, None);
        };
        let endpoints = self
            .endpoints
            .take(Path::Root.key("endpoints"), problems)
            .unwrap_or_default();
        let slice = EndpointSlice {
            namespace: identity.namespace.clone(),
            name,
            service: meta.labels.one("kubernetes.io/service-name").map(Name::from),
            ready: endpoints.ready,
            total: endpoints.total,
        };
        (identity, Some(Object::EndpointSlice(slice)))
    }
}
