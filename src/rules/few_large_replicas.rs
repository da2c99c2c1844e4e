//! # few-large-replicas
//!
//! The workload's floor is made of so many pods that one can be lost, each so small that it finds another place.
//!
//! ## Why
//!
//! Four small pods and one large one may cost the same. When a pod is lost, a quarter is gone in one case and everything in
//! the other; when a node is lost, small pods fit into the gaps of the nodes that are left, and a pod that asks for more
//! than half a node fits only where there is nearly nothing else. On 22 January 2024 Astro's API ran as few, large pods at
//! its autoscaling group's minimum, and each crash took a big part of it away; many small pods instead of few large ones
//! were what they wanted afterwards.
//!
//! ## When it fails
//!
//! * One replica of the floor carries more than the policy's share of the capacity: with 50 %, the floor is 1.
//! * A pod requests over half of the largest node's allocatable memory or CPU. What a pod requests is counted as the
//!   scheduler does: app containers and native sidecars together or, if that is more, an init container with the sidecars
//!   before it; a limit without a request is one; the pod's own request goes before (from 1.34 on); overhead is added.
//!
//! The message works the split out: the same capacity, in so many pods that both hold.
//!
//! ## Example
//!
//! Bad:
//!
//! ```yaml
//! spec:
//!   replicas: 1
//!   template:
//!     spec:
//!       containers:
//!       - name: app
//!         resources:
//!           requests: {memory: 8Gi, cpu: "4"}
//! ```
//!
//! Good:
//!
//! ```yaml
//! spec:
//!   replicas: 4
//!   template:
//!     spec:
//!       containers:
//!       - name: app
//!         resources:
//!           requests: {memory: 2Gi, cpu: "1"}
//! ```
//!
//! ## Remedy
//!
//! Raise the floor where it is set, and lower the requests in the same step. What a process needs however little it does
//! (a cache, a runtime) comes once for each pod, so measure before the last step.
//!
//! ## Options
//!
//! The policy's `maxCapacityLossPercent`, 50 by default.
//!
//! ## What it does not judge
//!
//! What may be scaled to zero. Whether the replicas carry the load. Nodes, where there are none to know of (manifests):
//! then only the share is judged. Requests that a LimitRange adds.

use super::{Answers, Question, Rule};
use crate::index::{Floor, WorkloadView};
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::keys::Kind;
use crate::model::quantity::Quantity;
use crate::model::request::pod_request;
use crate::model::resource::Resource;
use crate::model::text::{count, list};

pub(super) const RULE: Rule = Rule {
    name: "few-large-replicas",
    severity: Severity::Info,
    summary: "one replica of its floor carries over maxCapacityLossPercent (50), or over half of the largest node",
    template_only: false,
    needs: &[Kind::HorizontalPodAutoscaler, Kind::ScaledObject, Kind::Node],
    check,
    source: include_str!("few_large_replicas.rs"),
};

fn check(question: &Question<'_>) -> Answers {
    let view = &question.view;
    let Some(floor) = view.floor() else {
        return Outcome::Unknown("its floor cannot be told".to_owned()).into();
    };
    if floor.replicas == 0 {
        let why = format!("it may run no replica at all, by {}", floor.source);
        return Outcome::NotApplicable(why).into();
    }
    judge(view, &floor, question.policy.max_capacity_loss_percent).into()
}

/// What every pod requests of one resource.
struct Size {
    resource: Resource,
    request: Quantity,
    /// What the largest node has of it.
    largest: Option<Quantity>,
}

impl Size {
    /// Whether it is over half of the largest node.
    fn is_large(&self) -> bool {
        self.largest
            .is_some_and(|largest| self.request.nanos().saturating_mul(2) > largest.nanos())
    }

    /// How many pods must share what `pods` of this size request, so that none is over half of the largest node.
    fn pods(&self, pods: u32) -> i128 {
        match self.largest.map(Quantity::nanos) {
            Some(largest) if largest > 0 => {
                let doubled = self.request.nanos().saturating_mul(2 * i128::from(pods));
                doubled.saturating_add(largest - 1) / largest
            }
            _ => 0,
        }
    }

    /// `4Gi memory`.
    fn text(&self) -> String {
        format!("{} {}", self.request, self.resource.as_str())
    }

    /// The same capacity in more pods.
    fn split(&self, pods: u32, into: u32) -> String {
        let whole = self.request.nanos().saturating_mul(pods.into());
        let into = i128::from(into);
        let part = whole.saturating_add(into - 1) / into;
        format!("{} {}", self.resource.rounded_up(part), self.resource.as_str())
    }
}

fn judge(view: &WorkloadView<'_>, floor: &Floor, percent: u32) -> Outcome {
    let pods = floor.replicas;
    let requests = Resource::ALL.map(|of| (of, pod_request(view.template(), of, view.version())));
    let largest = view.largest_node();
    let sizes: Vec<Size> = requests
        .iter()
        .filter_map(|(resource, request)| {
            Some(Size {
                resource: *resource,
                request: *request.get().filter(|request| !request.is_zero())?,
                largest: largest.of(*resource),
            })
        })
        .collect();
    // At least one pod can always be lost.
    let enough = 100_u32.div_ceil(percent.clamp(1, 100)).max(1);
    let large = sizes.iter().find(|size| size.is_large());
    let invalid = requests.iter().find(|(_, request)| request.is_invalid());
    match (large, invalid) {
        _ if pods < enough => few(view, floor, &sizes, enough),
        (Some(large), _) => too_large(view, floor, large, &sizes, enough),
        (None, Some((resource, _))) => Outcome::Unknown(format!(
            "what its pods request of {} cannot be told",
            resource.as_str()
        )),
        (None, None) if sizes.is_empty() => Outcome::NotApplicable(format!(
            "{} at least, and none says how much it requests",
            count(pods, "replica")
        )),
        (None, None) => Outcome::Pass(Some(format!(
            "one of {pods} replicas carries {} % of the floor's capacity",
            100 / pods
        ))),
    }
}

/// The fewest pods that can share the floor's capacity.
fn split(pods: u32, sizes: &[Size], enough: u32) -> u32 {
    let small = sizes.iter().map(|size| size.pods(pods)).max().unwrap_or_default();
    u32::try_from(small).unwrap_or(u32::MAX).max(enough).max(pods)
}

/// `4 of 2Gi memory and 1 cpu`.
fn parts(pods: u32, into: u32, sizes: &[Size]) -> String {
    let sizes: Vec<String> = sizes.iter().map(|size| size.split(pods, into)).collect();
    if sizes.is_empty() {
        return format!("{into} or more, each of a smaller part");
    }
    format!("{into} of {}", list(&sizes, 2))
}

/// ` of 4Gi memory and 2 cpu`; empty when nothing is requested.
fn of(sizes: &[Size]) -> String {
    let sizes: Vec<String> = sizes.iter().map(Size::text).collect();
    if sizes.is_empty() {
        return String::new();
    }
    format!(" of {}", list(&sizes, 2))
}

fn few(view: &WorkloadView<'_>, floor: &Floor, sizes: &[Size], enough: u32) -> Outcome {
    let pods = floor.replicas;
    let into = split(pods, sizes, enough);
    fail(
        format!("one lost pod takes {} % of the capacity", 100 / pods),
        format!(
            "the floor of {} is {}{}, by {}",
            view.key(),
            count(pods, "pod"),
            of(sizes),
            floor.source
        ),
        format!("run {}", parts(pods, into, sizes)),
        advice(view, floor, into, sizes),
    )
}

fn too_large(view: &WorkloadView<'_>, floor: &Floor, large: &Size, sizes: &[Size], enough: u32) -> Outcome {
    let pods = floor.replicas;
    let into = split(pods, sizes, enough);
    let largest = large.largest.unwrap_or(Quantity::ZERO);
    fail(
        "a pod of a lost node needs one that is more than half empty".to_owned(),
        format!(
            "each of the {} at the floor of {} requests {}, the largest node has {}",
            count(pods, "pod"),
            view.key(),
            large.text(),
            large.resource.rounded_up(largest.nanos())
        ),
        format!("run {}", parts(pods, into, sizes)),
        advice(view, floor, into, sizes),
    )
}

fn advice(view: &WorkloadView<'_>, floor: &Floor, into: u32, sizes: &[Size]) -> String {
    let pods = floor.replicas;
    let to = parts(pods, into, sizes);
    format!(
        "run {to} instead of {pods}{}: raise the floor of {}, set by {}, and lower the requests in the same step",
        of(sizes),
        view.key(),
        floor.source
    )
}

fn fail(impact: String, found: String, way_out: String, advice: String) -> Outcome {
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(impact, found, way_out),
        remedy: Some(Remedy::Advice(advice)),
    })
}

#[cfg(test)]
mod tests;
