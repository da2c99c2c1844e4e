//! The limit to set, with a request beside it.

use serde_json::json;

use super::pod_limit;
use crate::index::WorkloadView;
use crate::model::context::LimitRangeType;
use crate::model::field::Field;
use crate::model::finding::Remedy;
use crate::model::keys::Kind;
use crate::model::quantity::Quantity;
use crate::model::template::Container;
use crate::rules::Question;
use crate::rules::remedy::{list_of, pod_spec_patch, pod_spec_path, title, written_by};

/// What gives the container a limit.
pub(super) fn remedy(question: &Question<'_>, container: &Container) -> Remedy {
    let view = &question.view;
    let kind = view.key().kind;
    let (list, name) = (list_of(container), &container.name);
    let field = format!("{}.{list}[{name}].resources.limits.memory", pod_spec_path(kind));
    if let Some(owner) = written_by(view) {
        return Remedy::Advice(format!(
            "set the memory limit of {} in its {owner}, with a request beside it: a change of {} would be undone",
            title(container),
            view.key()
        ));
    }
    let own = container
        .memory_request
        .get()
        .filter(|request| !request.is_zero());
    let capped = |limit: Quantity| largest_allowed(view).map_or(limit, |max| max.min(limit));
    let (limit, request, mut reason) = match (own, question.policy.memory_limit) {
        (Some(request), _) => (
            capped(request.saturating_mul(2)),
            *request,
            format!(
                "twice the request of {request}; the request stays beside it, or it would grow to the limit"
            ),
        ),
        (None, Some(limit)) if container.memory_request != Field::Invalid => {
            let limit = capped(limit);
            let request = limit.half();
            let reason = format!(
                "the policy's memory limit, with half of it as the request: without one the request would be the limit; \
                 watch {} under load and set both to what it uses",
                title(container)
            );
            (limit, request, reason)
        }
        (None, _) => {
            return Remedy::Advice(format!(
                "watch {} under load (kubectl -n {} top pod --containers), then set {field} to its peak and some room, \
                 and requests.memory beside it to what it uses: a limit alone makes the request equal to it",
                title(container),
                view.key().namespace
            ));
        }
    };
    if matches!(kind, Kind::Pod | Kind::Job) {
        reason.push_str(&format!(
            "; a {kind} that runs cannot be patched so, change its manifest and make it anew"
        ));
    }
    let patch = json!({ list: [{
        "name": name.to_string(),
        "resources": {
            "limits": { "memory": limit.to_string() },
            "requests": { "memory": request.to_string() },
        },
    }] });
    Remedy::Patch {
        target: view.key().clone(),
        patch: pod_spec_patch(kind, &patch),
        reason,
    }
}

/// The smallest of the pod's limit and of what LimitRanges allow a container: a larger limit would be refused.
fn largest_allowed(view: &WorkloadView<'_>) -> Option<Quantity> {
    let items = view.limit_ranges().flat_map(|range| &range.limits);
    items
        .filter(|item| item.scope == LimitRangeType::Container)
        .filter_map(|item| item.max_memory.get().copied())
        .chain(pod_limit(view))
        .min()
}
