//! What a container requests and may take once the API server has filled in its defaults.
//!
//! ```text
//! own request ─> own limit (`SetDefaults_Pod`) ─> the pod's request, or its limit where nobody requests
//!                (`defaultPodRequests`) ─> LimitRanges (`SetDefaults_LimitRangeItem`, then the admission plugin)
//! ```
//!
//! All of `pkg/apis/core/v1/defaults.go` and `plugin/pkg/admission/limitranger` in Kubernetes.

use crate::index::{Listing, WorkloadView};
use crate::model::config::ClusterVersion;
use crate::model::context::{LimitRangeItem, LimitRangeType};
use crate::model::field::Field;
use crate::model::keys::Kind;
use crate::model::quantity::Quantity;
use crate::model::template::{Container, PodTemplate};
use crate::rules::remedy::title;

/// The two that schedulers place pods by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Memory,
    Cpu,
}

/// An amount, and where it comes from.
#[derive(Debug, PartialEq)]
pub(super) enum Amount {
    /// So much, by the container itself or by something else.
    Of { amount: Quantity, by: Option<String> },
    /// The pod as a whole has one, and which.
    OfPod(String),
    /// None, or 0.
    None,
    /// It cannot be told, and why.
    Unclear(String),
}

impl Resource {
    pub(super) const ALL: [Resource; 2] = [Resource::Memory, Resource::Cpu];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Resource::Memory => "memory",
            Resource::Cpu => "cpu",
        }
    }

    const fn of(self, container: &Container) -> (Field<Quantity>, Field<Quantity>) {
        match self {
            Resource::Memory => (container.memory_request, container.memory_limit),
            Resource::Cpu => (container.cpu_request, container.cpu_limit),
        }
    }

    const fn of_pod(self, template: &PodTemplate) -> (Field<Quantity>, Field<Quantity>) {
        match self {
            Resource::Memory => (template.pod_memory_request, template.pod_memory_limit),
            Resource::Cpu => (template.pod_cpu_request, template.pod_cpu_limit),
        }
    }

    /// The request that a LimitRange gives, and from which field.
    fn default_request(self, item: &LimitRangeItem) -> Option<(&'static str, Field<Quantity>)> {
        let fields = match self {
            Resource::Memory => [
                ("defaultRequest.memory", item.request_memory),
                ("default.memory", item.default_memory),
                ("max.memory", item.max_memory),
                ("min.memory", item.min_memory),
            ],
            Resource::Cpu => [
                ("defaultRequest.cpu", item.request_cpu),
                ("default.cpu", item.default_cpu),
                ("max.cpu", item.max_cpu),
                ("min.cpu", item.min_cpu),
            ],
        };
        fields.into_iter().find(|(_, amount)| *amount != Field::Absent)
    }
}

/// What the scheduler counts for this container.
pub(super) fn request(view: &WorkloadView<'_>, container: &Container, resource: Resource) -> Amount {
    let (own, limit) = resource.of(container);
    let name = resource.as_str();
    let field = match (own, limit) {
        (Field::Invalid, _) => Some("requests"),
        (Field::Absent, Field::Invalid) => Some("limits"),
        _ => None,
    };
    if let Some(field) = field {
        return Amount::Unclear(format!(
            "resources.{field}.{name} of {} is not a quantity",
            title(container)
        ));
    }
    let said = own.get().or(limit.get());
    match said {
        Some(amount) if !amount.is_zero() => {
            return Amount::Of {
                amount: *amount,
                by: own.get().is_none().then(|| "its limit".to_owned()),
            };
        }
        _ => {}
    }
    match (of_pod(view, resource), said) {
        // A 0 is a request too, so no LimitRange gives it another.
        (Amount::None, None) => from_limit_ranges(view, |item| resource.default_request(item)),
        (amount, _) => amount,
    }
}

/// The limit of a container's memory.
pub(super) fn limit(view: &WorkloadView<'_>, container: &Container) -> Amount {
    match container.memory_limit {
        Field::Set(amount) if !amount.is_zero() => Amount::Of { amount, by: None },
        Field::Set(_) => Amount::None,
        Field::Invalid => Amount::Unclear(format!(
            "resources.limits.memory of {} is not a quantity",
            title(container)
        )),
        Field::Absent => from_limit_ranges(view, |item| {
            let fields = [
                ("default.memory", item.default_memory),
                ("max.memory", item.max_memory),
            ];
            fields.into_iter().find(|(_, amount)| *amount != Field::Absent)
        }),
    }
}

/// What the pod itself requests for all of its containers.
fn of_pod(view: &WorkloadView<'_>, resource: Resource) -> Amount {
    if view.version() < ClusterVersion::POD_LEVEL_RESOURCES {
        return Amount::None;
    }
    let template = view.template();
    let (own, limit) = resource.of_pod(template);
    let name = resource.as_str();
    let containers = &template.containers;
    // With a request in any container, the pod's own is the sum of theirs: nothing is counted for the others.
    let requested = |c: &Container| {
        let (request, limit) = resource.of(c);
        request != Field::Absent || limit != Field::Absent
    };
    match (own, limit) {
        (Field::Set(amount), _) if !amount.is_zero() => {
            Amount::OfPod(format!("the pod's spec.resources.requests.{name}, {amount}"))
        }
        (Field::Absent, Field::Set(amount)) if !amount.is_zero() && !containers.iter().any(requested) => {
            Amount::OfPod(format!("the pod's spec.resources.limits.{name}, {amount}"))
        }
        (Field::Invalid, _) => Amount::Unclear(format!(
            "spec.resources.requests.{name} of the pod is not a quantity"
        )),
        (Field::Absent, Field::Invalid) => Amount::Unclear(format!(
            "spec.resources.limits.{name} of the pod is not a quantity"
        )),
        _ => Amount::None,
    }
}

/// What a LimitRange gives a container that has nothing of its own. Of several, which one the API server takes first is
/// not defined, so one that gives 0 spoils the others.
fn from_limit_ranges(
    view: &WorkloadView<'_>,
    gives: impl Fn(&LimitRangeItem) -> Option<(&'static str, Field<Quantity>)>,
) -> Amount {
    match view.listing(Kind::LimitRange) {
        Listing::Listed => {}
        Listing::Waiting => return Amount::Unclear("limitranges are not listed yet".to_owned()),
        Listing::Unreadable(why) => return Amount::Unclear(format!("limitranges cannot be read: {why}")),
    }
    let mut found = Amount::None;
    for range in view.limit_ranges() {
        let items = range
            .limits
            .iter()
            .filter(|item| item.scope == LimitRangeType::Container);
        for (field, amount) in items.filter_map(&gives) {
            match amount {
                Field::Set(amount) if amount.is_zero() => return Amount::None,
                Field::Set(amount) if found == Amount::None => {
                    let by = Some(format!("LimitRange {}, {field} {amount}", range.name));
                    found = Amount::Of { amount, by };
                }
                Field::Set(_) | Field::Absent => {}
                Field::Invalid => {
                    return Amount::Unclear(format!(
                        "{field} of LimitRange {} is not a quantity",
                        range.name
                    ));
                }
            }
        }
    }
    found
}
