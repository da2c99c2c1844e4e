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
    host_port: Loose<i32>,
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
        // 0 is none.
        let on_host = match fields.host_port {
            Loose::Absent | Loose::Set(0) => None,
            port => {
                self::number(port, path.key("hostPort"), problems).and_then(|port| u16::try_from(port).ok())
            }
        };
        let protocol = protocol(fields.protocol, path.key("protocol"), problems);
        Some(ContainerPort {
            name: shared(name.as_deref().unwrap_or_default()),
            number: number?,
            protocol: protocol?,
            on_host,
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

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::super::from_json;
    use crate::model::config::ClusterVersion;
    use crate::model::keys::Kind;
    use crate::model::object::Object;

    /// The node's ports that a Deployment's pods take, and what is wrong with it.
    fn on_host(host_network: bool, port: &serde_json::Value) -> (Option<u16>, Vec<String>) {
        let container = json!({ "name": "app", "image": "app:1", "ports": [port] });
        let pod = json!({ "hostNetwork": host_network, "containers": [container] });
        let labels = json!({ "app": "web" });
        let object = json!({
            "metadata": { "name": "web", "namespace": "shop" },
            "spec": { "selector": { "matchLabels": labels },
                      "template": { "metadata": { "labels": labels }, "spec": pod } },
        });
        match from_json(Kind::Deployment, object.to_string().as_bytes()) {
            Ok(Object::Workload(web)) => {
                let problems = web.problems.iter();
                let problems = problems.map(|p| format!("{} {}", p.field, p.message));
                (web.template.host_port(ClusterVersion::NEWEST), problems.collect())
            }
            other => panic!("no workload: {other:?}"),
        }
    }

    #[rstest]
    #[case::none(false, json!({ "containerPort": 8080 }), None)]
    #[case::its_own(false, json!({ "containerPort": 8080, "hostPort": 80 }), Some(80))]
    #[case::zero_is_none(false, json!({ "containerPort": 8080, "hostPort": 0 }), None)]
    #[case::null_is_none(false, json!({ "containerPort": 8080, "hostPort": null }), None)]
    #[case::every_port_under_host_network(true, json!({ "containerPort": 8080 }), Some(8080))]
    fn a_port_of_the_node_is_taken_as_the_scheduler_sees_it(
        #[case] host_network: bool,
        #[case] port: serde_json::Value,
        #[case] expected: Option<u16>,
    ) {
        assert_eq!(on_host(host_network, &port), (expected, vec![]));
    }

    #[test]
    fn a_port_that_there_is_not_is_told() {
        let port = json!({ "containerPort": 8080, "hostPort": 70_000 });
        let said =
            "spec.template.spec.containers[0].ports[0].hostPort must be a port from 1 to 65535, not 70000";
        assert_eq!(on_host(false, &port), (None, vec![said.to_owned()]));
    }
}
