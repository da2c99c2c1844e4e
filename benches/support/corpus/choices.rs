//! What an application is like, by its number, and what follows from it.

use super::truth::{Row, Truth};

/// A kind of workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    CronJob,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Kind::Deployment => "Deployment",
            Kind::StatefulSet => "StatefulSet",
            Kind::DaemonSet => "DaemonSet",
            Kind::CronJob => "CronJob",
        }
    }

    /// Whether people say how many of its pods there are.
    pub(crate) const fn is_scaled(self) -> bool {
        matches!(self, Kind::Deployment | Kind::StatefulSet)
    }
}

/// What a namespace does for containers without a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limits {
    None,
    /// A LimitRange with `default.memory`.
    Default,
    /// One with `max.memory` alone, which the API server makes the default.
    Max,
    /// One of type Pod, which sets no container's limit.
    PodMax,
}

impl Limits {
    const fn set_a_default(self) -> bool {
        matches!(self, Limits::Default | Limits::Max)
    }
}

#[derive(Debug)]
pub(crate) struct Team {
    pub(crate) number: usize,
    pub(crate) namespace: String,
    pub(crate) limits: Limits,
}

impl Team {
    pub(crate) fn new(number: usize) -> Self {
        let namespace = match number {
            1 => "kube-system".to_owned(),
            2 => "default".to_owned(),
            _ => format!("team-{number:03}-{}", ["prod", "staging", "test"][number % 3]),
        };
        let limits = [
            Limits::None,
            Limits::Default,
            Limits::None,
            Limits::Max,
            Limits::PodMax,
        ][number % 5];
        Team {
            number,
            namespace,
            limits,
        }
    }

    /// Its objects name no namespace.
    pub(crate) fn is_default(&self) -> bool {
        self.namespace == "default"
    }
}

/// How many replicas there are, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scaling {
    Replicas(u32),
    Absent,
    /// The autoscaler's version, its minReplicas and maxReplicas; with `spec.replicas` beside it.
    Autoscaled {
        version: &'static str,
        min: Option<u32>,
        max: u32,
        replicas: Option<u32>,
    },
    /// An autoscaler for another kind of the same name; three replicas.
    OthersAutoscaler(&'static str),
}

const V2: &str = "autoscaling/v2";

const SCALINGS: [Scaling; 15] = [
    Scaling::Replicas(3),
    Scaling::Replicas(2),
    Scaling::Replicas(1),
    Scaling::Absent,
    Scaling::Replicas(0),
    Scaling::Autoscaled {
        version: V2,
        min: Some(2),
        max: 6,
        replicas: None,
    },
    Scaling::Autoscaled {
        version: V2,
        min: Some(1),
        max: 5,
        replicas: Some(4),
    },
    Scaling::Autoscaled {
        version: V2,
        min: None,
        max: 4,
        replicas: None,
    },
    Scaling::Autoscaled {
        version: "autoscaling/v1",
        min: Some(3),
        max: 9,
        replicas: Some(1),
    },
    Scaling::Autoscaled {
        version: "autoscaling/v1",
        min: None,
        max: 3,
        replicas: None,
    },
    Scaling::Autoscaled {
        version: V2,
        min: Some(1),
        max: 1,
        replicas: None,
    },
    Scaling::Autoscaled {
        version: V2,
        min: Some(2),
        max: 8,
        replicas: Some(0),
    },
    Scaling::Autoscaled {
        version: "autoscaling/v2beta2",
        min: Some(2),
        max: 4,
        replicas: None,
    },
    Scaling::OthersAutoscaler("Rollout"),
    Scaling::Replicas(5),
];

impl Scaling {
    /// Floor and ceiling as the API server has them. `spec.replicas: 0` switches an autoscaler off.
    pub(crate) fn bounds(self) -> (u32, u32) {
        match self {
            Scaling::Replicas(n) => (n, n),
            Scaling::Absent => (1, 1),
            Scaling::Autoscaled {
                replicas: Some(0), ..
            } => (0, 0),
            Scaling::Autoscaled { min, max, .. } => (min.unwrap_or(1), max),
            Scaling::OthersAutoscaler(_) => (3, 3),
        }
    }

    /// Whether somebody else sets the replicas of an autoscaler's target: the subject, if any, and the answer. A 0 switches
    /// the autoscaler off.
    const fn conflict(self) -> (&'static str, &'static str) {
        match self {
            Scaling::Autoscaled {
                replicas: Some(1..), ..
            } => ("replicas", "fail warning"),
            Scaling::Autoscaled { .. } => ("", "pass"),
            Scaling::Replicas(_) | Scaling::Absent | Scaling::OthersAutoscaler(_) => ("", "notApplicable"),
        }
    }

    /// Whether an autoscaler that is not switched off has room.
    fn headroom(self) -> &'static str {
        let (floor, ceiling) = self.bounds();
        match self {
            Scaling::Autoscaled { .. } if ceiling > floor => "pass",
            Scaling::Autoscaled { .. } if floor > 0 => "fail info",
            _ => "notApplicable",
        }
    }

    /// What stands in `spec.replicas`.
    pub(crate) fn replicas(self) -> Option<u32> {
        match self {
            Scaling::Replicas(n) => Some(n),
            Scaling::Absent => None,
            Scaling::Autoscaled { replicas, .. } => replicas,
            Scaling::OthersAutoscaler(_) => Some(3),
        }
    }
}

/// What keeps replicas apart, or seems to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    Nothing,
    Preferred,
    Required,
    /// `ScheduleAnyway` over zones.
    Soft,
    /// `DoNotSchedule`, `maxSkew: 1`.
    Hard,
    /// The same with `matchLabelKeys: [pod-template-hash]`.
    HardByRevision,
    /// Selects nothing: no labelSelector.
    NoSelector,
    /// Selects another application's pods.
    OthersPods,
    /// Anti-affinity to another application's pods.
    OthersAntiAffinity,
    /// A topology key that is not accepted.
    OddKey,
    /// The zone's old label.
    OldKey,
    /// A skew that lets all replicas sit together.
    WideSkew,
    /// Anti-affinity to its own labels in another namespace.
    OtherNamespace,
    /// Anti-affinity in every namespace.
    EveryNamespace,
    /// Own pods by expressions.
    Expressions,
    /// Every pod but its own.
    NotItself,
    /// One that does nothing beside one that does.
    OneOfTwo,
}

pub(crate) const SPREADS: [Spread; 17] = [
    Spread::Soft,
    Spread::Nothing,
    Spread::Preferred,
    Spread::OthersPods,
    Spread::Hard,
    Spread::Required,
    Spread::NoSelector,
    Spread::HardByRevision,
    Spread::OthersAntiAffinity,
    Spread::OddKey,
    Spread::OldKey,
    Spread::WideSkew,
    Spread::OtherNamespace,
    Spread::EveryNamespace,
    Spread::Expressions,
    Spread::NotItself,
    Spread::OneOfTwo,
];

impl Spread {
    const fn works(self) -> bool {
        match self {
            Spread::Preferred
            | Spread::Required
            | Spread::Soft
            | Spread::Hard
            | Spread::HardByRevision
            | Spread::OldKey
            | Spread::EveryNamespace
            | Spread::Expressions
            | Spread::OneOfTwo => true,
            Spread::Nothing
            | Spread::NoSelector
            | Spread::OthersPods
            | Spread::OthersAntiAffinity
            | Spread::OddKey
            | Spread::WideSkew
            | Spread::OtherNamespace
            | Spread::NotItself => false,
        }
    }
}

/// What a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    App,
    Sidecar,
    Init,
}

/// A container and its memory limit as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Container {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    pub(crate) limit: Option<&'static str>,
}

/// The containers of a pod, and the pod's own limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) containers: &'static [Container],
    pub(crate) pod: Option<&'static str>,
}

const fn container(name: &'static str, role: Role, limit: Option<&'static str>) -> Container {
    Container { name, role, limit }
}

const fn memory(containers: &'static [Container], pod: Option<&'static str>) -> Memory {
    Memory { containers, pod }
}

const MEMORIES: [Memory; 14] = [
    memory(&[container("app", Role::App, Some("512Mi"))], None),
    memory(
        &[
            container("app", Role::App, Some("0.5Gi")),
            container("proxy", Role::Sidecar, Some("536870912")),
        ],
        None,
    ),
    memory(&[container("app", Role::App, None)], None),
    memory(
        &[
            container("app", Role::App, Some("1Gi")),
            container("proxy", Role::Sidecar, None),
        ],
        None,
    ),
    memory(
        &[
            container("app", Role::App, Some("1500M")),
            container("migrate", Role::Init, None),
        ],
        None,
    ),
    memory(&[container("app", Role::App, Some("\"0\""))], None),
    memory(
        &[
            container("app", Role::App, None),
            container("logs", Role::App, None),
        ],
        Some("1Gi"),
    ),
    memory(&[container("app", Role::App, Some("0"))], Some("2Gi")),
    memory(&[container("app", Role::App, None)], Some("\"0\"")),
    memory(
        &[
            container("app", Role::App, Some("1e9")),
            container("logs", Role::App, None),
        ],
        None,
    ),
    memory(
        &[
            container("app", Role::App, Some("768Mi")),
            container("migrate", Role::Init, Some("0")),
        ],
        None,
    ),
    memory(&[container("app", Role::App, Some("1073741824000m"))], None),
    memory(
        &[
            container("app", Role::App, Some("2G")),
            container("proxy", Role::Sidecar, Some("0Mi")),
        ],
        None,
    ),
    memory(
        &[
            container("app", Role::App, Some("\"1Gi\"")),
            container("migrate", Role::Init, Some("256Mi")),
        ],
        None,
    ),
];

/// The rules on what a pod template says beside its limits.
const TEMPLATE_RULES: [&str; 5] = [
    "readiness-probe",
    "resource-requests",
    "eviction-tolerance",
    "single-domain",
    "termination-grace",
];

fn is_zero(limit: &str) -> bool {
    matches!(limit, "0" | "\"0\"" | "0Mi")
}

/// A PodDisruptionBudget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// The line of its number.
    pub(crate) number: &'static str,
    /// The largest floor at which it lets no pod go.
    blocks_up_to: u32,
    /// Whether it says `AlwaysAllow`.
    pub(crate) lets_unhealthy_go: bool,
}

const fn budget(number: &'static str, blocks_up_to: u32, lets_unhealthy_go: bool) -> Budget {
    Budget {
        number,
        blocks_up_to,
        lets_unhealthy_go,
    }
}

const BUDGETS: [Budget; 8] = [
    budget("maxUnavailable: 1", 0, true),
    budget("minAvailable: 50%", 1, true),
    budget("maxUnavailable: 25%", 0, false),
    budget("minAvailable: 2", 2, true),
    budget("maxUnavailable: 1", 0, true),
    budget("minAvailable: 100%", u32::MAX, true),
    budget("minAvailable: \"66%\"", 2, false),
    budget("maxUnavailable: 0", u32::MAX, true),
];

/// The rules on how it is scaled, beside `min-replicas`.
const SCALING_RULES: [&str; 4] = [
    "few-large-replicas",
    "autoscaler-conflict",
    "autoscaler-headroom",
    "autoscaler-blind",
];

/// An application.
#[derive(Debug)]
pub(crate) struct App<'t> {
    pub(crate) team: &'t Team,
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) scaling: Scaling,
    pub(crate) spread: Spread,
    pub(crate) memory: Memory,
}

impl<'t> App<'t> {
    /// The lists of choices have no common factor, so every combination comes in turn.
    pub(crate) fn new(team: &'t Team, number: usize) -> Self {
        let kind = match number % 11 {
            0..=5 => Kind::Deployment,
            6 | 7 => Kind::StatefulSet,
            8 => Kind::DaemonSet,
            _ => Kind::CronJob,
        };
        let spread = match SPREADS[(number / 2) % SPREADS.len()] {
            // The pods of a StatefulSet have no such label.
            Spread::HardByRevision if kind != Kind::Deployment => Spread::Soft,
            spread => spread,
        };
        let stem = [
            "checkout",
            "search",
            "basket",
            "invoices",
            "catalogue",
            "payments",
            "mailer",
        ][number % 7];
        App {
            team,
            number,
            name: format!("{stem}-{number}"),
            kind,
            scaling: SCALINGS[number % SCALINGS.len()],
            spread,
            memory: MEMORIES[(number / 3) % MEMORIES.len()],
        }
    }

    /// How many of its objects are in versions that are gone.
    pub(crate) fn old_versions(&self) -> usize {
        let old = matches!(
            self.scaling,
            Scaling::Autoscaled {
                version: "autoscaling/v2beta2",
                ..
            }
        );
        usize::from(old && self.kind.is_scaled()) + usize::from(self.is_old())
    }

    /// Whether it is written in a version that is gone.
    pub(crate) fn is_old(&self) -> bool {
        self.number.is_multiple_of(41) && self.kind == Kind::Deployment
    }

    /// Whether its rollouts take all pods down.
    pub(crate) fn recreates(&self) -> bool {
        self.number.is_multiple_of(17) && self.kind == Kind::Deployment
    }

    /// Its PodDisruptionBudget, if it has one.
    pub(crate) fn budget(&self) -> Option<Budget> {
        (self.number.is_multiple_of(3) && self.kind.is_scaled())
            .then(|| BUDGETS[self.number / 3 % BUDGETS.len()])
    }

    /// Writes down what is true of it.
    pub(crate) fn truth(&self, truth: &mut Truth) {
        let mut is = |rule: &str, subject: &str, status: &str| {
            let row = Row {
                workload: format!("{}/{}/{}", self.team.namespace, self.kind.name(), self.name),
                rule: rule.to_owned(),
                subject: subject.to_owned(),
            };
            truth.insert(row, status.to_owned());
        };
        // Nothing in it requires anything.
        is("requires", "", "notApplicable");
        // Nothing in it is exempt.
        is("exemption", "", "notApplicable");
        if self.team.namespace == "kube-system" {
            let rules = ["memory-limit", "min-replicas", "pod-spread"];
            let rules = rules.into_iter().chain(BUDGET_RULES).chain(["rollout-strategy"]);
            for rule in rules.chain(SCALING_RULES).chain(TEMPLATE_RULES) {
                is(rule, "", "notApplicable");
            }
            return;
        }
        for container in self.memory.containers {
            is("memory-limit", container.name, self.limited(container));
        }
        if !self.kind.is_scaled() {
            is("min-replicas", "", "notApplicable");
            is("pod-spread", "", "notApplicable");
            let rules = BUDGET_RULES.into_iter().chain(["rollout-strategy"]);
            for rule in rules.chain(SCALING_RULES).chain(TEMPLATE_RULES) {
                is(rule, "", "notApplicable");
            }
            return;
        }
        let (subject, status) = self.scaling.conflict();
        is("autoscaler-conflict", subject, status);
        is("autoscaler-headroom", "", self.scaling.headroom());
        is("autoscaler-blind", "", "notApplicable");
        for container in self.memory.containers {
            match container.role {
                Role::App => is("readiness-probe", container.name, "pass"),
                Role::Sidecar => is("readiness-probe", container.name, "notApplicable"),
                Role::Init => continue,
            }
            is("resource-requests", container.name, self.requested(container));
        }
        is("eviction-tolerance", "", "pass");
        is("single-domain", "", "notApplicable");
        is("termination-grace", "", "pass");
        let (floor, ceiling) = self.scaling.bounds();
        is(
            "min-replicas",
            "",
            match floor {
                0 => "notApplicable",
                1 => "fail warning",
                _ => "pass",
            },
        );
        // Every container requests CPU.
        is(
            "few-large-replicas",
            "",
            match floor {
                0 => "notApplicable",
                1 => "fail info",
                _ => "pass",
            },
        );
        is(
            "pod-spread",
            "",
            match (ceiling, self.spread.works()) {
                (0 | 1, _) => "notApplicable",
                (_, true) => "pass",
                (_, false) => "fail warning",
            },
        );
        if ceiling > 1 && self.spread == Spread::Hard && self.kind == Kind::Deployment {
            is("pod-spread", "rollout", "fail info");
        }
        let budget = self.budget();
        for (rule, status) in BUDGET_RULES.into_iter().zip(of_budget(budget, floor)) {
            is(rule, "", status);
        }
        // Every scaled application has a Service.
        is(
            "rollout-strategy",
            "",
            match (floor, self.recreates()) {
                (0 | 1, _) => "notApplicable",
                (_, true) => "fail warning",
                (_, false) => "pass",
            },
        );
    }

    /// CPU is always requested; memory, 128Mi, where there is a limit, which may be four times that. A limit of 0 is a
    /// request of 0.
    fn requested(&self, container: &Container) -> &'static str {
        let near = matches!(container.limit, Some("512Mi" | "0.5Gi" | "536870912"));
        let by_others = container.limit.is_none()
            // The pod's own limit is its request while no container has one, and no container of these pods has.
            && (self.memory.pod.is_some_and(|limit| !is_zero(limit))
                // The API server makes a `max` both limit and request; its default of 512Mi is far above the 64Mi that
                // come with it.
                || self.team.limits == Limits::Max);
        if near || by_others { "pass" } else { "fail info" }
    }

    fn limited(&self, container: &Container) -> &'static str {
        let own = container.limit.filter(|limit| !is_zero(limit));
        let by_pod = self.memory.pod.is_some_and(|limit| !is_zero(limit));
        // The API server gives its default to containers that say nothing, not to those that say 0.
        let by_default = container.limit.is_none() && self.team.limits.set_a_default();
        // A default above the pod's own limit, which is 0, 1Gi or 2Gi here, keeps the pods out.
        let above = match (self.team.limits, self.memory.pod) {
            (Limits::Max, Some(_)) => true,
            (Limits::Default, Some(pod)) => is_zero(pod),
            _ => false,
        };
        match container.role {
            _ if container.limit.is_none() && above => "fail warning",
            _ if own.is_some() || by_pod || by_default => "pass",
            Role::Init => "fail info",
            Role::App | Role::Sidecar => "fail warning",
        }
    }
}

const BUDGET_RULES: [&str; 4] = [
    "pdb-missing",
    "pdb-blocks-drain",
    "pdb-overlap",
    "pdb-unhealthy-eviction",
];

/// What these four say of a workload at its floor, with or without a budget of its own.
fn of_budget(budget: Option<Budget>, floor: u32) -> [&'static str; 4] {
    let missing = match (floor, budget) {
        (0 | 1, _) => "notApplicable",
        (_, None) => "fail warning",
        (_, Some(_)) => "pass",
    };
    let Some(budget) = budget else {
        return [missing, "notApplicable", "notApplicable", "notApplicable"];
    };
    let blocks = match floor {
        0 => "notApplicable",
        n if n <= budget.blocks_up_to => "fail warning",
        _ => "pass",
    };
    let unhealthy = if budget.lets_unhealthy_go {
        "pass"
    } else {
        "fail info"
    };
    [missing, blocks, "pass", unhealthy]
}
