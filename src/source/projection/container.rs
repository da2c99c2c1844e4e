//! Containers: all that rules read of them in a template, and the little that is kept of those that run.

use serde::Deserialize;

use super::handler::{HandlerFields, hook, probe};
use super::loose::{Fields, List, Loose, Struct, Text, quoted};
use super::meta::shared;
use super::path::{Path, Problems};
use super::port::{PortFields, ports};
use crate::model::field::Field;
use crate::model::keys::Name;
use crate::model::pod::RunningContainer;
use crate::model::quantity::Quantity;
use crate::model::selector::is_dns_label;
use crate::model::template::{Container, ContainerRole, MAX_IMAGE};

/// A container of a template.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerFields<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    image: Text<'a>,
    #[serde(borrow)]
    restart_policy: Text<'a>,
    resources: Struct<Resources>,
    #[serde(borrow)]
    ports: List<Fields<PortFields<'a>>>,
    readiness_probe: Struct<HandlerFields>,
    lifecycle: Struct<Lifecycle>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Lifecycle {
    pre_stop: Struct<HandlerFields>,
}

/// A container of a pod: every pod event is read with it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RunningFields<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    /// Only for its tag: see [`first_image`].
    #[serde(borrow)]
    image: Text<'a>,
    resources: Struct<Limited>,
}

/// `resources` of a pod that runs or of one of its containers, as far as they limit its memory.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Limited {
    limits: Struct<Memory>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Memory {
    memory: Loose<Quantity>,
}

impl Limited {
    /// The limit of memory, bytes.
    pub(super) fn memory(self, path: Path<'_>, problems: &mut Problems) -> Field<Quantity> {
        let path = path.key("limits");
        let limits = self.limits.fields(path, problems);
        limits.memory.field(path.key("memory"), problems)
    }
}

/// `resources` of a container or of a pod, in a template.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Resources {
    limits: Struct<Amounts>,
    requests: Struct<Amounts>,
}

/// A list of resources, of which two are read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Amounts {
    memory: Loose<Quantity>,
    cpu: Loose<Quantity>,
}

/// What [`Amounts`] say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Amount {
    /// Bytes.
    pub(super) memory: Field<Quantity>,
    /// Cores.
    pub(super) cpu: Field<Quantity>,
}

impl Amounts {
    pub(super) fn read(self, path: Path<'_>, problems: &mut Problems) -> Amount {
        Amount {
            memory: self.memory.field(path.key("memory"), problems),
            cpu: self.cpu.field(path.key("cpu"), problems),
        }
    }
}

impl Resources {
    /// Limits and requests.
    pub(super) fn read(self, path: Path<'_>, problems: &mut Problems) -> (Amount, Amount) {
        let mut amount = |amounts: Struct<Amounts>, name: &str| {
            let path = path.key(name);
            amounts.fields(path, problems).read(path, problems)
        };
        let limit = amount(self.limits, "limits");
        let request = amount(self.requests, "requests");
        let pairs = [
            ("memory", limit.memory, request.memory),
            ("cpu", limit.cpu, request.cpu),
        ];
        for (name, limit, request) in pairs {
            if let (Field::Set(limit), Field::Set(request)) = (limit, request)
                && request > limit
            {
                let message =
                    format!("the request {request} is above the limit {limit}; lower one or raise the other");
                problems.add(path.key("requests").key(name), message);
            }
        }
        (limit, request)
    }
}

/// A template's containers: init containers first, in the manifest's order.
pub(super) fn containers<'a>(
    init: List<Fields<ContainerFields<'a>>>,
    app: List<Fields<ContainerFields<'a>>>,
    spec: Path<'_>,
    problems: &mut Problems,
) -> Vec<Container> {
    let mut all = Vec::new();
    for (list, key) in [(init, "initContainers"), (app, "containers")] {
        let path = spec.key(key);
        let items = list.items(path, problems);
        all.reserve_exact(items.len());
        for (i, Fields(fields)) in items {
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

/// A pod's containers, in the same order.
/// The image of the first container of a list.
pub(super) fn first_image<'l>(list: &'l List<Fields<RunningFields<'_>>>) -> Option<&'l str> {
    let Loose::Set(list) = list else { return None };
    match list.first()? {
        Loose::Set(Fields(first)) => first.image.get(),
        Loose::Absent | Loose::Wrong(_) => None,
    }
}

pub(super) fn running<'a>(
    init: List<Fields<RunningFields<'a>>>,
    app: List<Fields<RunningFields<'a>>>,
    spec: Path<'_>,
    problems: &mut Problems,
) -> Vec<RunningContainer> {
    let mut all = Vec::new();
    for (list, key) in [(init, "initContainers"), (app, "containers")] {
        let path = spec.key(key);
        let items = list.items(path, problems);
        all.reserve_exact(items.len());
        for (i, Fields(fields)) in items {
            let path = path.at(i);
            let resources = path.key("resources");
            let limited = fields.resources.fields(resources, problems);
            all.push(RunningContainer {
                name: name(fields.name, path, problems),
                memory_limit: limited.memory(resources, problems),
            });
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
    let name = name(fields.name, path, problems);
    let image = fields.image.take(path.key("image"), problems);
    let image = image.filter(|image| image.chars().count() <= MAX_IMAGE);
    let resources = path.key("resources");
    let (limit, request) = fields
        .resources
        .fields(resources, problems)
        .read(resources, problems);
    let lifecycle = path.key("lifecycle");
    let hooks = fields.lifecycle.fields(lifecycle, problems);
    Container {
        name,
        role,
        image: shared(image.as_deref().unwrap_or_default()),
        memory_limit: limit.memory,
        memory_request: request.memory,
        cpu_limit: limit.cpu,
        cpu_request: request.cpu,
        ports: ports(fields.ports, path.key("ports"), problems),
        readiness_probe: probe(fields.readiness_probe, path.key("readinessProbe"), problems),
        pre_stop: hook(hooks.pre_stop, lifecycle.key("preStop"), problems),
    }
}

/// The name of the container that stands at `path`; where it has none, that place.
fn name(text: Text<'_>, path: Path<'_>, problems: &mut Problems) -> Name {
    match text.take(path.key("name"), problems) {
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
    }
}
