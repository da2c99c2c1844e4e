//! Ports: those that containers declare, and those of Services that lead to them.

use serde::Deserialize;

use super::loose::{Fields, List, Loose, Text, quoted};
use super::meta::shared;
use super::path::{Path, Problems};
use crate::model::context::{ServicePort, TargetPort};
use crate::model::intstr::IntOrString;
use crate::model::keys::Name;
use crate::model::template::{ContainerPort, Protocol};

/// One of a container's `ports`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PortFields<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    container_port: Loose<i32>,
    #[serde(borrow)]
    protocol: Text<'a>,
}

/// One of a Service's `ports`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ServicePortFields<'a> {
    port: Loose<i32>,
    target_port: Loose<IntOrString>,
    #[serde(borrow)]
    protocol: Text<'a>,
}

/// The ports that a container declares. What the API server would refuse is noted and left out.
pub(super) fn ports(
    list: List<Fields<PortFields<'_>>>,
    path: Path<'_>,
    problems: &mut Problems,
) -> Vec<ContainerPort> {
    let items = list.items(path, problems);
    let port = |(i, Fields(fields)): (usize, Fields<PortFields<'_>>)| {
        let path = path.at(i);
        let name = fields.name.take(path.key("name"), problems);
        let number = number(fields.container_port, path.key("containerPort"), problems);
        let protocol = protocol(fields.protocol, path.key("protocol"), problems);
        Some(ContainerPort {
            name: shared(name.as_deref().unwrap_or_default()),
            number: number?,
            protocol: protocol?,
        })
    };
    items.into_iter().filter_map(port).collect()
}

/// The ports of a Service, likewise.
pub(super) fn service_ports(
    list: List<Fields<ServicePortFields<'_>>>,
    path: Path<'_>,
    problems: &mut Problems,
) -> Vec<ServicePort> {
    let items = list.items(path, problems);
    let port = |(i, Fields(fields)): (usize, Fields<ServicePortFields<'_>>)| {
        let path = path.at(i);
        let port = number(fields.port, path.key("port"), problems);
        let protocol = protocol(fields.protocol, path.key("protocol"), problems);
        let target = fields.target_port.take(path.key("targetPort"), problems);
        let (port, protocol) = (port?, protocol?);
        // As `SetDefaults_Service` in Kubernetes' `pkg/apis/core/v1/defaults.go` has it.
        let target = match target {
            None | Some(IntOrString::Int(0)) => TargetPort::Number(port),
            Some(IntOrString::Text(text)) if text.is_empty() => TargetPort::Number(port),
            Some(IntOrString::Int(number)) => TargetPort::Number(number),
            Some(IntOrString::Text(text)) => TargetPort::Name(Name::from(&*text)),
        };
        Some(ServicePort {
            port,
            protocol,
            target,
        })
    };
    items.into_iter().filter_map(port).collect()
}

fn number(port: Loose<i32>, path: Path<'_>, problems: &mut Problems) -> Option<i32> {
    if matches!(port, Loose::Absent) {
        problems.required(path);
    }
    let number = port.take(path, problems)?;
    let fits = (1..=65_535).contains(&number);
    if !fits {
        problems.add(path, format!("must be a port from 1 to 65535, not {number}"));
    }
    fits.then_some(number)
}

fn protocol(text: Text<'_>, path: Path<'_>, problems: &mut Problems) -> Option<Protocol> {
    if matches!(text, Loose::Absent) {
        return Some(Protocol::default());
    }
    match &*text.take(path, problems)? {
        "" | "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        "SCTP" => Some(Protocol::Sctp),
        other => {
            let message = format!("{} is no protocol; use TCP, UDP or SCTP", quoted(other));
            problems.add(path, message);
            None
        }
    }
}
