//! # readiness-probe
//!
//! Every container that a Service leads to says when it can serve.
//!
//! ## Why
//!
//! A Service sends requests to pods that are ready, and without a readiness probe a container is ready as soon as its
//! process runs: while it still starts, and while it can't serve any more. A rollout goes by readiness too: without a
//! probe, a release that can't serve replaces one that can, pod after pod. On 4 February 2021 FireHydrant's new pods waited
//! for a lock and stayed unready, so the old ones went on serving; had they counted as ready, that day's outage would have
//! come hours earlier.
//!
//! ## Which containers
//!
//! Those that a Service leads to whose selector matches the pod template's labels, port by port:
//!
//! * a named `targetPort`: the containers that declare that name, for the Service's protocol;
//! * a number that a container declares: those containers;
//! * a number that nobody declares (a port need not be declared to be served), or a headless Service without ports: every
//!   app container and every native sidecar.
//!
//! An absent `targetPort` is the Service's `port`. A name that nobody declares leads nowhere: `unknown`, which says so.
//! Not counted are Services without a selector, of type ExternalName, and those with `publishNotReadyAddresses`, which
//! send to pods whether they are ready or not.
//!
//! ## Example
//!
//! Bad:
//!
//! ```yaml
//! containers:
//!   - name: app
//!     ports: [{name: http, containerPort: 8080}]
//!     startupProbe: {httpGet: {path: /healthz, port: http}}
//! ```
//!
//! Good:
//!
//! ```yaml
//! containers:
//!   - name: app
//!     ports: [{name: http, containerPort: 8080}]
//!     readinessProbe: {httpGet: {path: /ready, port: http}}
//! ```
//!
//! ## Remedy
//!
//! A probe that asks what the container's users need: an `httpGet` of a path that fails while it can't serve, its
//! `grpc` health service, or at the least a `tcpSocket` on the port. Nobody but you knows which, so no patch is made. Let
//! it not ask for what the container depends on: all replicas would be unready together.
//!
//! ## Options
//!
//! None.
//!
//! ## What it does not judge
//!
//! What the probe asks and how often, startup and liveness probes (a pod is sent requests whatever they say), readiness
//! gates, and containers that no Service leads to.

use std::collections::BTreeMap;

use super::remedy::{list_of, pod_spec_path, title, written_by};
use super::{Answers, Question, Rule, unrecorded};
use crate::index::WorkloadView;
use crate::model::context::{Service, ServicePort, TargetPort};
use crate::model::field::Field;
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::keys::Kind;
use crate::model::template::{Container, ContainerPort, Protocol};

pub(super) const RULE: Rule = Rule {
    name: "readiness-probe",
    severity: Severity::Warning,
    summary: "a container that a Service leads to has no readiness probe",
    template_only: false,
    needs: &[Kind::Service],
    check,
    source: include_str!("readiness_probe.rs"),
};

fn check(question: &Question<'_>) -> Answers {
    let view = &question.view;
    let containers = view.template().containers.iter();
    let containers: Vec<&Container> = containers.filter(|c| c.is_long_running()).collect();
    let mut services = view
        .services()
        .filter(|service| !service.publish_not_ready)
        .peekable();
    if services.peek().is_none() {
        return Outcome::NotApplicable(not_served(view)).into();
    }
    if let Some(unknown) = unrecorded(view) {
        return unknown.into();
    }
    if containers.is_empty() {
        return Outcome::Unknown("the pod template has no containers".to_owned()).into();
    }
    let mut served: BTreeMap<usize, Served<'_>> = BTreeMap::new();
    let mut lost = Vec::new();
    for service in services {
        for target in targets(service, &containers) {
            match target {
                Ok(found) => {
                    for (place, port) in found {
                        served.entry(place).or_insert(Served { service, port });
                    }
                }
                Err(nowhere) => lost.push(nowhere),
            }
        }
    }
    let mut rows = Vec::new();
    for (place, container) in containers.iter().enumerate() {
        let outcome = match served.get(&place) {
            Some(served) => judge(view, container, served),
            None if lost.is_empty() => Outcome::NotApplicable("no Service leads to it".to_owned()),
            // Perhaps it is where the name should lead.
            None => continue,
        };
        rows.push((Some(container.name.to_string()), outcome));
    }
    if !lost.is_empty() {
        rows.push((None, Outcome::Unknown(lost.join("; "))));
    }
    rows.into()
}

fn not_served(view: &WorkloadView<'_>) -> String {
    match view.services().next() {
        Some(service) => format!(
            "Service {} sends to pods that are not ready as well: publishNotReadyAddresses",
            service.name
        ),
        None => "no Service selects its pods".to_owned(),
    }
}

/// How a Service leads to a container.
struct Served<'a> {
    service: &'a Service,
    /// The port that the container declares for it.
    port: Option<&'a ContainerPort>,
}

/// The containers, by their place among `containers`, that one port of a Service leads to, each with its port; or why
/// there are none.
type Target<'a> = Result<Vec<(usize, Option<&'a ContainerPort>)>, String>;

fn targets<'a>(service: &'a Service, containers: &[&'a Container]) -> Vec<Target<'a>> {
    if service.ports.is_empty() {
        return vec![Ok(all(containers))];
    }
    let ports = service.ports.iter();
    ports.map(|port| target(service, port, containers)).collect()
}

fn target<'a>(service: &Service, port: &ServicePort, containers: &[&'a Container]) -> Target<'a> {
    let declared = match &port.target {
        TargetPort::Number(number) => {
            let declared = declares(containers, port.protocol, |port| port.number == *number);
            if declared.is_empty() {
                return Ok(all(containers));
            }
            declared
        }
        TargetPort::Name(name) => {
            let mut declared = declares(containers, port.protocol, |port| port.name == *name);
            let Some((_, first)) = declared.first().copied() else {
                return Err(format!(
                    "Service {}, port {}: no container declares a {} port named {name}",
                    service.name,
                    port.port,
                    port.protocol.as_str()
                ));
            };
            // The first one's number is the whole pod's.
            declared.retain(|(_, port)| port.number == first.number);
            declared
        }
    };
    Ok(declared
        .into_iter()
        .map(|(place, port)| (place, Some(port)))
        .collect())
}

fn all<'a>(containers: &[&'a Container]) -> Vec<(usize, Option<&'a ContainerPort>)> {
    (0..containers.len()).map(|place| (place, None)).collect()
}

/// The declared ports of this protocol that are such, app containers before sidecars, as `FindPort` in Kubernetes'
/// `pkg/api/v1/pod/util.go` looks for them.
fn declares<'a>(
    containers: &[&'a Container],
    protocol: Protocol,
    is_such: impl Fn(&ContainerPort) -> bool,
) -> Vec<(usize, &'a ContainerPort)> {
    let mut found = Vec::new();
    for (place, container) in containers.iter().enumerate() {
        let mut ports = container.ports.iter().filter(|port| port.protocol == protocol);
        found.extend(ports.find(|port| is_such(port)).map(|port| (place, port)));
    }
    found.sort_by_key(|(place, _)| containers[*place].is_sidecar());
    found
}

fn judge(view: &WorkloadView<'_>, container: &Container, served: &Served<'_>) -> Outcome {
    let title = title(container);
    match container.readiness_probe {
        Field::Set(_) => return Outcome::Pass(None),
        Field::Invalid => return Outcome::Unknown(format!("readinessProbe of {title} is not a probe")),
        Field::Absent => {}
    }
    let key = view.key();
    let service = &served.service.name;
    let (way_out, remedy) = match written_by(view) {
        Some(owner) => (
            format!("add one in its {owner}"),
            format!("add a readiness probe of {title} in its {owner}: a change of {key} would be undone"),
        ),
        None => (
            "add one that asks what its users need".to_owned(),
            advice(view, container, served),
        ),
    };
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(
            "requests go to pods that cannot serve yet, or no more",
            format!("{title} of {key}, where Service {service} leads, has no readinessProbe"),
            way_out,
        ),
        remedy: Some(Remedy::Advice(remedy)),
    })
}

fn advice(view: &WorkloadView<'_>, container: &Container, served: &Served<'_>) -> String {
    let (list, name) = (list_of(container), &container.name);
    let path = pod_spec_path(view.key().kind);
    let at_least = match served.port {
        Some(port) if port.protocol == Protocol::Tcp => {
            format!(", at the least tcpSocket: {{port: {}}}", port.number)
        }
        _ => String::new(),
    };
    format!(
        "add {path}.{list}[{name}].readinessProbe: an httpGet of a path that fails while it cannot serve{at_least}; \
         let it not ask for what {name} depends on, or all replicas are unready together"
    )
}

#[cfg(test)]
mod tests;
