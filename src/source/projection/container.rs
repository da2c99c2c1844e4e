//! Containers and their memory, for templates and running pods alike.

use serde::Deserialize;

use super::loose::{List, Loose, Struct, Text, quoted};
use super::path::{Path, Problems};
use crate::model::field::Field;
use crate::model::keys::Name;
use crate::model::quantity::Quantity;
use crate::model::selector::is_dns_label;
use crate::model::template::{Container, ContainerRole};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerFields<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    restart_policy: Text<'a>,
    resources: Struct<Resources>,
}

/// `resources` of a container or of a pod.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Resources {
    limits: Struct<Amounts>,
    requests: Struct<Amounts>,
}

/// A list of resources, of which memory is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Amounts {
    pub(super) memory: Loose<Quantity>,
}

impl Resources {
    /// Limit and request of memory, bytes.
    pub(super) fn memory(
        self,
        path: Path<'_>,
        problems: &mut Problems,
    ) -> (Field<Quantity>, Field<Quantity>) {
        let mut amount = |amounts: Struct<Amounts>, name: &str| {
            let path = path.key(name);
            let amounts = amounts.fields(path, problems);
            amounts.memory.field(path.key("memory"), problems)
        };
        let limit = amount(self.limits, "limits");
        let request = amount(self.requests, "requests");
        if let (Field::Set(limit), Field::Set(request)) = (&limit, &request)
            && request > limit
        {
            let message =
                format!("the request {request} is above the limit {limit}; lower one or raise the other");
            problems.add(path.key("requests").key("memory"), message);
        }
        (limit, request)
    }
}

/// Init containers first, in the manifest's order.
pub(super) fn containers<'a>(
    init: List<super::loose::Fields<ContainerFields<'a>>>,
    app: List<super::loose::Fields<ContainerFields<'a>>>,
    spec: Path<'_>,
    problems: &mut Problems,
) -> Vec<Container> {
    let mut all = Vec::new();
    for (list, key) in [(init, "initContainers"), (app, "containers")] {
        let path = spec.key(key);
        let items = list.items(path, problems);
        all.reserve_exact(items.len());
        for (i, super::loose::Fields(fields)) in items {
            let role = match &fields.restart_policy {
                _ if key == "containers" => ContainerRole::App,
                Loose::Set(policy) if policy == "Always" => ContainerRole::Sidecar,
                _ => ContainerRole::Init,
            };
            let path = path.at(i);
            all.push(container(fields, role, path, problems));
        }
    }
    all
}

fn container(
    fields: ContainerFields<'_>,
    role: ContainerRole,
    path: Path<'_>,
    problems: &mut Problems,
) -> Container {
    let name = match fields.name.take(path.key("name"), problems) {
        Some(name) if !name.is_empty() => {
            if !is_dns_label(&name) {
                let message = format!(
                    "{} can't be a container's name; use up to 63 small letters, digits or `-`",
                    quoted(&name)
                );
                problems.add(path.key("name"), message);
            }
            Name::from(&*name)
        }
        _ => {
            problems.add(path.key("name"), "is required; give every container one");
            Name::from(path.to_string())
        }
    };
    let resources = path.key("resources");
    let (memory_limit, memory_request) = fields
        .resources
        .fields(resources, problems)
        .memory(resources, problems);
    Container {
        name,
        role,
        memory_limit,
        memory_request,
    }
}
