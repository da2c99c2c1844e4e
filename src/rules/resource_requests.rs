//! # resource-requests
//!
//! Every container says how much memory and CPU it needs, and may not take many times that memory.
//!
//! ## Why
//!
//! The scheduler places pods by what they request, not by what they use. A container that requests nothing fits
//! everywhere, so a node may be given far more than it has; then its memory runs out while every pod is within its limit,
//! or its CPU is shared so thin that probes and the kubelet's own heartbeats come late. On 5 September 2019 background
//! workers took nearly all memory of the node on which both of iconik's web pods ran. The scheduler keeps such neighbours
//! apart only if they say what they need.
//!
//! ## What counts as a request
//!
//! For memory and for CPU each, if it is not `0`:
//!
//! * the container's own `resources.requests`; without one, its limit, which the API server then makes the request;
//! * the pod's `spec.resources.requests`, from Kubernetes 1.34 on, which stands for all containers; or the pod's limit
//!   where neither the pod nor any container has a request;
//! * what a LimitRange of the namespace, `type: Container`, gives a container that has neither: `defaultRequest`, else
//!   `default`, else `max`, else `min`. It acts when a pod is created.
//!
//! A memory limit (its own, or a LimitRange's) of more than `maxLimitRequestRatio` times the container's request fails
//! too: the node is planned with the one, and may have to bear the other.
//!
//! App containers and native sidecars are judged; plain init containers run before the others and are not.
//!
//! ## Example
//!
//! Bad:
//!
//! ```yaml
//! resources:
//!   requests: {memory: 64Mi}
//!   limits: {memory: 2Gi}
//! ```
//!
//! Good:
//!
//! ```yaml
//! resources:
//!   requests: {memory: 512Mi, cpu: 250m}
//!   limits: {memory: 1Gi}
//! ```
//!
//! ## Remedy
//!
//! No number is invented: watch the container under load, and request what it uses.
//!
//! ## Options
//!
//! The policy's `maxLimitRequestRatio`, 4 by default.
//!
//! ## What it does not judge
//!
//! Whether the request is right, limits of CPU, other resources, and pods that run since before a LimitRange.

mod effective;

use self::effective::{Amount, Resource, limit, request};
use super::remedy::{list_of, pod_spec_path, title, written_by};
use super::{Answers, Question, Rule, unrecorded};
use crate::index::WorkloadView;
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::quantity::Quantity;
use crate::model::template::Container;
use crate::model::text::list;

pub(super) const RULE: Rule = Rule {
    name: "resource-requests",
    severity: Severity::Info,
    summary: "a container requests no memory or CPU, or may take many times the memory that it requests",
    template_only: false,
    // LimitRanges only matter to containers that have no request of their own: see `effective`.
    needs: &[],
    check,
    source: include_str!("resource_requests.rs"),
};

fn check(question: &Question<'_>) -> Answers {
    let view = &question.view;
    if let Some(unknown) = unrecorded(view) {
        return unknown.into();
    }
    let containers = view.template().containers.iter().filter(|c| c.is_long_running());
    let ratio = question.policy.max_limit_request_ratio;
    let judged = containers.map(|c| (Some(c.name.to_string()), judge(view, c, ratio)));
    let rows: Vec<_> = judged.collect();
    if rows.is_empty() {
        return Outcome::Unknown("the pod template has no containers".to_owned()).into();
    }
    rows.into()
}

fn judge(view: &WorkloadView<'_>, container: &Container, ratio: u32) -> Outcome {
    let requests = Resource::ALL.map(|resource| (resource, request(view, container, resource)));
    let missing: Vec<Resource> = requests
        .iter()
        .filter(|(_, amount)| matches!(amount, Amount::None))
        .map(|(resource, _)| *resource)
        .collect();
    if !missing.is_empty() {
        return lacks(view, container, &missing);
    }
    let [(_, memory), _] = &requests;
    let limit = limit(view, container);
    if let (Amount::Of { amount: request, .. }, Amount::Of { amount: limit, by }) = (memory, &limit)
        && *limit > request.saturating_mul(ratio)
    {
        return far_above(view, container, *request, (*limit, by), ratio);
    }
    let mut by = Vec::new();
    for (resource, amount) in requests {
        match amount {
            Amount::Unclear(why) => return Outcome::Unknown(why),
            Amount::Of { by: Some(source), .. } | Amount::OfPod(source) => {
                by.push(format!("{} by {source}", resource.as_str()));
            }
            Amount::Of { by: None, .. } | Amount::None => {}
        }
    }
    if let Amount::Unclear(why) = limit {
        return Outcome::Unknown(why);
    }
    Outcome::Pass((!by.is_empty()).then(|| by.join(", ")))
}

fn lacks(view: &WorkloadView<'_>, container: &Container, missing: &[Resource]) -> Outcome {
    let key = view.key();
    let names: Vec<&str> = missing.iter().map(|resource| resource.as_str()).collect();
    let names = list(&names, 2);
    let title = title(container);
    let (way_out, remedy) = match written_by(view) {
        Some(owner) => (
            format!("set them in its {owner}"),
            format!("set the requests of {title} in its {owner}: a change of {key} would be undone"),
        ),
        None => (
            "request what it uses".to_owned(),
            format!(
                "watch {title} under load (kubectl -n {} top pod --containers), then set \
                 {}.{}[{}].resources.requests to what it uses of {names}",
                key.namespace,
                pod_spec_path(key.kind),
                list_of(container),
                container.name
            ),
        ),
    };
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(
            "the scheduler places its pods blindly and may fill a node with them",
            format!("{title} of {key} requests no {names}"),
            way_out,
        ),
        remedy: Some(Remedy::Advice(remedy)),
    })
}

fn far_above(
    view: &WorkloadView<'_>,
    container: &Container,
    request: Quantity,
    (limit, by): (Quantity, &Option<String>),
    ratio: u32,
) -> Outcome {
    let key = view.key();
    let title = title(container);
    let source = by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
    let (way_out, remedy) = match written_by(view) {
        Some(owner) => (
            format!("bring them together in its {owner}"),
            format!(
                "raise the memory request of {title}, or lower its limit, in its {owner}: a change of {key} would be undone"
            ),
        ),
        None => (
            format!("bring the limit to {ratio} times the request or less"),
            format!(
                "watch {title} under load (kubectl -n {} top pod --containers), then raise its requests.memory to what it \
                 uses, or lower its limits.memory to its peak and some room",
                key.namespace
            ),
        ),
    };
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(
            "its node may run out of memory although every pod keeps to its limit",
            format!("{title} of {key} requests {request} of memory and may take {limit}{source}"),
            way_out,
        ),
        remedy: Some(Remedy::Advice(remedy)),
    })
}

#[cfg(test)]
mod tests;
