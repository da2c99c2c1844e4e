//! What LimitRanges do to a pod when it is created: the limits that they give, and the pods that are refused for them.

use super::super::remedy::title;
use crate::index::WorkloadView;
use crate::model::config::ClusterVersion;
use crate::model::context::{LimitRange, LimitRangeType};
use crate::model::field::Field;
use crate::model::quantity::Quantity;
use crate::model::template::Container;

/// The defaults of a LimitRange, by field. `max` becomes the default where there is none: `SetDefaults_LimitRangeItem`
/// in Kubernetes' `pkg/apis/core/v1/defaults.go`.
pub(super) fn container_defaults(
    range: &LimitRange,
) -> impl Iterator<Item = (&'static str, &Field<Quantity>)> {
    let items = range
        .limits
        .iter()
        .filter(|item| item.scope == LimitRangeType::Container);
    items.map(|item| match item.default_memory {
        Field::Absent => ("max.memory", &item.max_memory),
        Field::Set(_) | Field::Invalid => ("default.memory", &item.default_memory),
    })
}

/// The LimitRange of type Pod that refuses this template's pods: none of their containers has a memory limit, not even
/// an explicit 0, which would slip through.
pub(super) fn refused_by<'a>(view: &WorkloadView<'a>) -> Option<&'a str> {
    let template = view.template();
    let limited = |c: &Container| !matches!(c.memory_limit, Field::Absent);
    if !matches!(template.pod_memory_limit, Field::Absent) || template.containers.iter().any(limited) {
        return None;
    }
    let refuses = |range: &&LimitRange| {
        let mut items = range.limits.iter();
        items.any(|item| item.scope == LimitRangeType::Pod && item.max_memory.get().is_some())
    };
    view.limit_ranges().find(refuses).map(|range| &*range.name)
}

/// What is wrong when the limit that LimitRanges give this container is below its own request.
pub(super) fn under_request(view: &WorkloadView<'_>, container: &Container) -> Option<String> {
    let request = *container.memory_request.get()?;
    let given = always(view, |limit| limit < request)?;
    Some(format!(
        "{given}, is below the {request} that {} requests",
        title(container)
    ))
}

/// What is wrong when the limit that LimitRanges give this container is above its pod's.
pub(super) fn over_pod_limit(view: &WorkloadView<'_>, container: &Container) -> Option<String> {
    let read = view.version() >= ClusterVersion::POD_LEVEL_RESOURCES;
    // 0 is no limit, but nothing may be above it.
    let whole = *view.template().pod_memory_limit.get().filter(|_| read)?;
    if container.memory_limit != Field::Absent {
        return None;
    }
    let given = always(view, |limit| limit > whole)?;
    Some(format!(
        "{given}, is above the pod's own limit of {whole}, and {} gets it",
        title(container)
    ))
}

/// One of the defaults, if there is one and all of them are such: of several, which one the API server takes first is
/// not defined.
fn always(view: &WorkloadView<'_>, is_such: impl Fn(Quantity) -> bool) -> Option<String> {
    let mut first = None;
    for range in view.limit_ranges() {
        for (field, limit) in container_defaults(range) {
            match limit {
                Field::Absent => {}
                Field::Set(limit) if is_such(*limit) => {
                    first.get_or_insert_with(|| format!("LimitRange {}, {field} {limit}", range.name));
                }
                Field::Set(_) | Field::Invalid => return None,
            }
        }
    }
    first
}
