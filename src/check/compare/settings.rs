//! What of a workload is compared: the settings that rules read, as the API server would default them.

use std::fmt::Display;

use crate::index::{Floor, FloorSource, WorkloadView};
use crate::model::budget::DisruptionBudget;
use crate::model::context::{LimitRange, LimitRangeType};
use crate::model::field::Field;
use crate::model::intstr::IntOrString;
use crate::model::keys::Kind;
use crate::model::node::{TAINT_NOT_READY, TAINT_UNREACHABLE};
use crate::model::requires::REQUIRES_ANNOTATION;
use crate::model::selector::LabelSelector;
use crate::model::stay::Stay;
use crate::model::template::{
    AntiAffinityTerm, Container, ContainerRole, Handler, SpreadConstraint, WhenUnsatisfiable,
};
use crate::model::workload::{DEFAULT_PROGRESS_DEADLINE_SECONDS, DEFAULT_ROLLOUT, Strategy};

/// What a setting says that is not there.
pub(super) const NONE: &str = "none";
/// What one says that Kubernetes would refuse.
const INVALID: &str = "invalid";

/// Name and value of each, in a fixed order.
pub(super) fn settings(view: &WorkloadView<'_>) -> Vec<(String, String)> {
    let mut settings = Settings::default();
    if view.key().kind.is_judged_in_full() {
        replicas(&mut settings, view);
        rollout(&mut settings, view);
        settings.add(
            "PodDisruptionBudget",
            joined(view.budgets().map(|each| budget(each.budget())).collect()),
        );
        settings.add("spread", spread(view));
        settings.add("served by a Service", yes(view.services().next().is_some()));
        for taint in [TAINT_NOT_READY, TAINT_UNREACHABLE] {
            let (stay, _) = Stay::of_template(&view.template().tolerations, taint);
            settings.add(&format!("stays when {taint}"), stay);
        }
        settings.add("termination grace", grace(&view.template().termination_grace));
        settings.add(
            REQUIRES_ANNOTATION,
            view.workload().annotation(REQUIRES_ANNOTATION).unwrap_or(NONE),
        );
    }
    let template = view.template();
    settings.add("memory limit of the pod", field(&template.pod_memory_limit));
    settings.add("memory request of the pod", field(&template.pod_memory_request));
    for each in &template.containers {
        container(&mut settings, each, view.key().kind.is_judged_in_full());
    }
    for range in view.limit_ranges() {
        limit_range(&mut settings, range);
    }
    settings.0
}

#[derive(Default)]
struct Settings(Vec<(String, String)>);

impl Settings {
    fn add(&mut self, name: &str, value: impl Display) {
        self.0.push((name.to_owned(), value.to_string()));
    }
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

fn field(value: &Field<impl Display>) -> String {
    match value {
        Field::Absent => NONE.to_owned(),
        Field::Set(value) => value.to_string(),
        Field::Invalid => INVALID.to_owned(),
    }
}

/// Several as one text, whatever their order.
fn joined(mut all: Vec<String>) -> String {
    all.sort();
    if all.is_empty() {
        NONE.to_owned()
    } else {
        all.join("; ")
    }
}

fn replicas(settings: &mut Settings, view: &WorkloadView<'_>) {
    let [floor, ceiling] = [view.floor(), view.ceiling()];
    let number = |bound: &Option<Floor>| {
        let number = bound.as_ref().map(|bound| bound.replicas.to_string());
        number.unwrap_or_else(|| INVALID.to_owned())
    };
    settings.add("replicas, at least", number(&floor));
    settings.add("replicas, at most", number(&ceiling));
    let by = floor.map(|floor| match floor.source {
        FloorSource::Replicas => NONE,
        FloorSource::Autoscaler(_) => Kind::HorizontalPodAutoscaler.as_str(),
        FloorSource::ScaledObject(_) => Kind::ScaledObject.as_str(),
    });
    settings.add("autoscaler", by.unwrap_or(INVALID));
}

fn rollout(settings: &mut Settings, view: &WorkloadView<'_>) {
    let workload = view.workload();
    let is_deployment = workload.key.kind == Kind::Deployment;
    let strategy = match &workload.strategy {
        Field::Absent => Strategy::default(),
        Field::Set(strategy) => strategy.clone(),
        Field::Invalid => {
            settings.add("rollout strategy", INVALID);
            return;
        }
    };
    match strategy {
        Strategy::Recreate => settings.add("rollout strategy", "Recreate"),
        Strategy::OnDelete => settings.add("rollout strategy", "OnDelete"),
        Strategy::RollingUpdate {
            max_unavailable,
            max_surge,
            partition,
        } => {
            settings.add("rollout strategy", "RollingUpdate");
            if !is_deployment {
                settings.add("partition", partition.to_string());
            }
            let text = |amount: Option<_>, default: &str| {
                amount.map_or_else(|| default.to_owned(), |amount: IntOrString| amount.to_string())
            };
            let default = if is_deployment { DEFAULT_ROLLOUT } else { "1" };
            settings.add("maxUnavailable", text(max_unavailable, default));
            if is_deployment {
                settings.add("maxSurge", text(max_surge, DEFAULT_ROLLOUT));
            }
        }
    }
    if is_deployment {
        let deadline = workload.progress_deadline;
        let deadline = deadline.unwrap_or(DEFAULT_PROGRESS_DEADLINE_SECONDS);
        settings.add("progress deadline", format!("{deadline} s"));
        settings.add("rollout paused", yes(workload.paused));
    }
}

fn budget(budget: &DisruptionBudget) -> String {
    let amounts = [
        ("minAvailable", &budget.min_available),
        ("maxUnavailable", &budget.max_unavailable),
    ];
    let set = amounts.iter().filter(|(_, amount)| **amount != Field::Absent);
    let set: Vec<String> = set
        .map(|(name, amount)| format!("{name} {}", field(amount)))
        .collect();
    if set.is_empty() {
        "without an amount".to_owned()
    } else {
        set.join(", ")
    }
}

/// The terms that select its own pods: others spread nothing.
fn spread(view: &WorkloadView<'_>) -> String {
    let template = view.template();
    let own = |selector: &Option<LabelSelector>| {
        selector
            .as_ref()
            .is_some_and(|selector| selector.matches(&template.labels))
    };
    let terms = template.anti_affinity.iter().filter(|term| own(&term.selector));
    let constraints = template
        .spread
        .iter()
        .filter(|constraint| own(&constraint.selector));
    joined(
        terms
            .map(anti_affinity)
            .chain(constraints.map(constraint))
            .collect(),
    )
}

fn anti_affinity(term: &AntiAffinityTerm) -> String {
    let strength = if term.required { "required" } else { "preferred" };
    format!("{strength} anti-affinity over {}", term.topology_key)
}

fn constraint(constraint: &SpreadConstraint) -> String {
    let strength = match constraint.when_unsatisfiable {
        Field::Absent | Field::Set(WhenUnsatisfiable::DoNotSchedule) => "required",
        Field::Set(WhenUnsatisfiable::ScheduleAnyway) => "preferred",
        Field::Invalid => INVALID,
    };
    let skew = field(&constraint.max_skew);
    format!("{strength} spread over {}, skew {skew}", constraint.topology_key)
}

/// The default of core/v1 pods, seconds.
const DEFAULT_GRACE: i64 = 30;

fn grace(seconds: &Field<i64>) -> String {
    match seconds {
        Field::Absent => format!("{DEFAULT_GRACE} s"),
        Field::Set(seconds) => format!("{seconds} s"),
        Field::Invalid => INVALID.to_owned(),
    }
}

/// What the API server adds to containers that say nothing.
fn limit_range(settings: &mut Settings, range: &LimitRange) {
    for item in &range.limits {
        let of = match item.scope {
            LimitRangeType::Container => "a container",
            LimitRangeType::Pod => "a pod",
        };
        let amounts = [
            ("default memory limit", &item.default_memory),
            ("most memory", &item.max_memory),
            ("default memory request", &item.request_memory),
            ("default CPU request", &item.request_cpu),
        ];
        for (name, amount) in amounts {
            let name = format!("{name} of {of} by LimitRange {}", range.name);
            settings.add(&name, field(amount));
        }
    }
}

/// What only rules on the whole workload read is left out of the other kinds.
fn container(settings: &mut Settings, container: &Container, in_full: bool) {
    let what = match container.role {
        ContainerRole::App => "",
        ContainerRole::Sidecar => "sidecar ",
        ContainerRole::Init => "init container ",
    };
    let name = format!("{what}{}", container.name);
    let mut add = |setting: &str, value: String| settings.add(&format!("{setting} of {name}"), value);
    add("memory limit", field(&container.memory_limit));
    add("memory request", field(&container.memory_request));
    if in_full {
        add("CPU request", field(&container.cpu_request));
    }
    if in_full && container.is_long_running() {
        add("readiness probe", there(&container.readiness_probe));
        add("preStop hook", there(&container.pre_stop));
    }
}

fn there(handler: &Field<Handler>) -> String {
    let there = match handler {
        Field::Absent => NONE,
        Field::Set(_) => "yes",
        Field::Invalid => INVALID,
    };
    there.to_owned()
}
