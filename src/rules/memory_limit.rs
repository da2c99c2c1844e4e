//! # memory-limit
//!
//! Every container has a memory limit.
//!
//! ## Why
//!
//! A container without a memory limit may take all of its node's memory. The kernel then kills processes of *any* pod
//! on that node, and the kubelet itself starves: its heartbeats stop, and pods stay on a node that no longer works. On
//! 5 September 2019 that took iconik down for 26 minutes: background workers without a limit filled the node on which
//! both web pods ran, and the node was never bad for long enough to be given up.
//!
//! ## What counts as a limit
//!
//! * the container's own `resources.limits.memory`, if it is not `0`;
//! * the pod's `spec.resources.limits.memory`, which covers all containers, from Kubernetes 1.34 on, if it is not `0`;
//! * a LimitRange of the namespace, `type: Container`, by `default.memory`, or by `max.memory` when it has no default.
//!   It acts when a pod is created: pods that run without it fail until the next rollout.
//!
//! A LimitRange of `type: Pod` sets no limit; it refuses pods of which no container has one. An explicit `0` keeps a
//! LimitRange's default away, and so fails. A LimitRange's default also comes into a container whose pod has a limit:
//! where it is below the container's own request, or above its pod's limit, the API server refuses the pods, and the
//! container fails too.
//!
//! App containers and native sidecars (init containers with `restartPolicy: Always`) are judged alike. A plain init
//! container without a limit is an `info`. Ephemeral containers are not judged.
//!
//! ## Example
//!
//! Bad:
//!
//! ```yaml
//! containers:
//!   - name: app
//!     image: example.com/app:1
//!     resources:
//!       requests: {memory: 256Mi}
//! ```
//!
//! Good:
//!
//! ```yaml
//! containers:
//!   - name: app
//!     image: example.com/app:1
//!     resources:
//!       requests: {memory: 256Mi}
//!       limits: {memory: 512Mi}
//! ```
//!
//! ## Remedy
//!
//! Twice the container's request, with the request beside it: a limit alone makes the request equal to it, and the pod
//! may no longer fit on any node. Without a request it is the policy's memory limit, with half of it as the request;
//! where the policy has none, no number is invented: watch the container under load first, set the request to what it
//! uses, the limit to its peak and some room. Never more than the pod's own limit and a LimitRange's `max` allow.
//!
//! ## Options
//!
//! The policy's memory limit, for the remedy alone; there is none by default.
//!
//! ## What it does not judge
//!
//! Whether the limit is large enough, requests, and limits of CPU.

mod admission;
mod mend;

use self::admission::{container_defaults, over_pod_limit, refused_by, under_request};
use self::mend::remedy;
use super::remedy::{restart, title, written_by};
use super::{Answers, Question, Rule};
use crate::index::{Listing, WorkloadView};
use crate::model::config::ClusterVersion;
use crate::model::field::Field;
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::keys::Kind;
use crate::model::pod::RunningContainer;
use crate::model::quantity::Quantity;
use crate::model::template::{Container, ContainerRole};
use crate::model::text::count;

pub(super) const RULE: Rule = Rule {
    name: "memory-limit",
    severity: Severity::Warning,
    summary: "a container has no memory limit of its own, from its pod or from a LimitRange",
    template_only: true,
    // LimitRanges only matter to containers that have no limit of their own: see `from_limit_ranges`.
    needs: &[],
    check,
    source: include_str!("memory_limit.rs"),
};

fn check(question: &Question<'_>) -> Answers {
    let view = &question.view;
    let containers = &view.template().containers;
    if containers.is_empty() {
        return Outcome::Unknown("the pod template has no containers".to_owned()).into();
    }
    let rows = containers
        .iter()
        .map(|container| (Some(container.name.to_string()), judge(question, container)));
    rows.collect::<Vec<_>>().into()
}

/// What a source says of a container's limit.
enum Source {
    /// It sets one, and this says which.
    Sets(String),
    /// It sets none.
    Silent,
    /// It cannot be told, and why.
    Unclear(String),
}

fn judge(question: &Question<'_>, container: &Container) -> Outcome {
    let view = &question.view;
    let explicit_zero = match container.memory_limit {
        Field::Set(limit) if !limit.is_zero() => return Outcome::Pass(None),
        Field::Set(_) => true,
        Field::Absent => false,
        Field::Invalid => {
            return Outcome::Unknown(format!(
                "resources.limits.memory of {} is not a quantity",
                title(container)
            ));
        }
    };
    match from_pod(view) {
        Source::Sets(source) => {
            let spoilt = over_pod_limit(view, container).map(|found| refused(question, container, &found));
            return spoilt.unwrap_or(Outcome::Pass(Some(source)));
        }
        Source::Unclear(why) => return Outcome::Unknown(why),
        Source::Silent => {}
    }
    if explicit_zero {
        return fail(question, container, Lack::Zero);
    }
    if let Some(found) = over_pod_limit(view, container).or_else(|| under_request(view, container)) {
        return refused(question, container, &found);
    }
    match from_limit_ranges(view) {
        Source::Sets(source) => match running_without(view, container) {
            0 => Outcome::Pass(Some(source)),
            pods => not_rolled_out(view, container, &source, pods),
        },
        Source::Unclear(why) => Outcome::Unknown(why),
        Source::Silent => fail(question, container, Lack::Absent),
    }
}

/// The pod-level limit, where the cluster reads it and it is one.
fn pod_limit(view: &WorkloadView<'_>) -> Option<Quantity> {
    let read = view.version() >= ClusterVersion::POD_LEVEL_RESOURCES;
    let limit = view.template().pod_memory_limit.get().copied();
    limit.filter(|limit| read && !limit.is_zero())
}

fn from_pod(view: &WorkloadView<'_>) -> Source {
    if let Some(limit) = pod_limit(view) {
        return Source::Sets(format!("the pod's spec.resources.limits.memory, {limit}"));
    }
    let read = view.version() >= ClusterVersion::POD_LEVEL_RESOURCES;
    if read && view.template().pod_memory_limit.is_invalid() {
        return Source::Unclear("spec.resources.limits.memory of the pod is not a quantity".to_owned());
    }
    Source::Silent
}

/// What the API server puts into a container without a limit when the pod is created.
///
/// Of several LimitRanges that set a default, which one the API server takes first is not defined, so one that sets 0
/// spoils the others.
fn from_limit_ranges(view: &WorkloadView<'_>) -> Source {
    match view.listing(Kind::LimitRange) {
        Listing::Listed => {}
        Listing::Waiting => return Source::Unclear("limitranges are not listed yet".to_owned()),
        Listing::Unreadable(why) => return Source::Unclear(format!("limitranges cannot be read: {why}")),
    }
    let mut found = Source::Silent;
    for range in view.limit_ranges() {
        for (field, limit) in container_defaults(range) {
            match limit {
                Field::Absent => {}
                Field::Invalid => {
                    return Source::Unclear(format!(
                        "{field} of LimitRange {} is not a quantity",
                        range.name
                    ));
                }
                Field::Set(limit) if limit.is_zero() => return Source::Silent,
                Field::Set(limit) => {
                    if matches!(found, Source::Silent) {
                        found = Source::Sets(format!("LimitRange {}, {field} {limit}", range.name));
                    }
                }
            }
        }
    }
    found
}

/// Pods that run this container without a limit, because they are older than the LimitRange that would give it one.
fn running_without(view: &WorkloadView<'_>, container: &Container) -> u32 {
    if view.key().kind == Kind::Pod && !view.is_of_files() {
        // It is its own template, as it was admitted.
        return 1;
    }
    let bare =
        |c: &RunningContainer| c.name == container.name && c.memory_limit.get().is_none_or(|q| q.is_zero());
    let pods = view.pods().filter(|pod| {
        !pod.is_terminating() && !pod.shape().pod_memory_limited && pod.shape().containers.iter().any(bare)
    });
    pods.fold(0, |n, _| n + 1)
}

/// How a limit is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lack {
    Absent,
    Zero,
}

fn fail(question: &Question<'_>, container: &Container, lack: Lack) -> Outcome {
    let view = &question.view;
    let key = view.key();
    let title = title(container);
    let refused = (lack == Lack::Absent).then(|| refused_by(view)).flatten();
    let mut found = match lack {
        Lack::Absent => format!("{key} sets no resources.limits.memory for it"),
        Lack::Zero => format!("{key} sets its resources.limits.memory to 0, which is none"),
    };
    let impact = match refused {
        Some(range) => {
            found.push_str(&format!(
                ", and LimitRange {range} (type Pod) admits no pod without"
            ));
            format!("new pods are refused, as {title} has no limit")
        }
        None => format!("{title} can be OOM-killed or take its node's memory"),
    };
    if !matches!(view.template().pod_memory_limit, Field::Absent)
        && view.version() < ClusterVersion::POD_LEVEL_RESOURCES
    {
        found.push_str("; the pod's own limit counts from Kubernetes 1.34 on");
    }
    let way_out = match written_by(view) {
        Some(owner) => format!("set it in its {owner}"),
        None => "set a limit, and a request beside it".to_owned(),
    };
    Outcome::from(Failure {
        severity: severity(container),
        message: Message::new(impact, found, way_out),
        remedy: Some(remedy(question, container)),
    })
}

/// A default of a LimitRange that the API server itself then refuses.
fn refused(question: &Question<'_>, container: &Container, found: &str) -> Outcome {
    let view = &question.view;
    let way_out = match written_by(view) {
        Some(owner) => format!("set a limit for it in its {owner}"),
        None => "set a limit of its own".to_owned(),
    };
    Outcome::from(Failure {
        severity: severity(container),
        message: Message::new(
            format!(
                "new pods are refused, as {} has no limit of its own",
                title(container)
            ),
            format!("{}: {found}", view.key()),
            way_out,
        ),
        remedy: Some(remedy(question, container)),
    })
}

fn not_rolled_out(view: &WorkloadView<'_>, container: &Container, source: &str, pods: u32) -> Outcome {
    let key = view.key();
    let restart = restart(key);
    let (found, way_out) = if key.kind == Kind::Pod {
        let found = format!("{key} is from before {source}, which takes effect when it is made anew");
        (found, "make it anew")
    } else {
        let pods = count(pods, "pod");
        let found = format!("{pods} of {key} from before {source}, which takes effect at the next rollout");
        (found, "restart the rollout")
    };
    Outcome::from(Failure {
        severity: severity(container),
        message: Message::new(
            format!("{} can be OOM-killed or take its node's memory", title(container)),
            found,
            way_out,
        ),
        remedy: Some(Remedy::Advice(restart)),
    })
}

/// A plain init container runs before the others and is gone: less bad.
const fn severity(container: &Container) -> Severity {
    match container.role {
        ContainerRole::App | ContainerRole::Sidecar => RULE.severity,
        ContainerRole::Init => Severity::Info,
    }
}

#[cfg(test)]
mod tests;
