//! What a pod asks of its node: the scheduler's arithmetic, for one resource.
//!
//! ```text
//! apps + sidecars ───────────────┐
//! init containers, in order,      ├─ the larger ── or what the pod itself requests ── + overhead
//! each with the sidecars before ─┘
//! ```
//!
//! As `PodRequests` and `AggregateContainerRequests` of k8s.io/component-helpers `resource/helpers.go` have it, after the API
//! server's defaults: a limit without a request is one (`SetDefaults_Pod`), a limit of the pod is its request when no
//! container requests any (`defaultPodRequests`). What a LimitRange adds is not counted.

use super::config::ClusterVersion;
use super::field::Field;
use super::quantity::Quantity;
use super::resource::Resource;
use super::template::{Container, ContainerRole, PodTemplate};

/// How much of a resource each pod of a template requests. Absent when nothing requests any, [`Field::Invalid`] when a value
/// that counts is.
#[must_use]
pub fn pod_request(pod: &PodTemplate, resource: Resource, version: ClusterVersion) -> Field<Quantity> {
    let containers = containers(pod, resource);
    let own = if version >= ClusterVersion::POD_LEVEL_RESOURCES {
        let (request, limit) = of_pod(resource, pod);
        request.or(containers).or(limit)
    } else {
        containers
    };
    own.plus(overhead(resource, pod))
}

/// What the containers request together, at the time when that is most.
fn containers(pod: &PodTemplate, resource: Resource) -> Field<Quantity> {
    let mut running = Field::Absent;
    let mut sidecars = Field::Absent;
    let mut starting = Field::Absent;
    for container in &pod.containers {
        let (request, limit) = of_container(resource, container);
        let request = request.or(limit);
        match container.role {
            ContainerRole::App => running = running.plus(request),
            ContainerRole::Sidecar => {
                running = running.plus(request);
                sidecars = sidecars.plus(request);
                starting = starting.larger(sidecars);
            }
            ContainerRole::Init => starting = starting.larger(sidecars.plus(request)),
        }
    }
    running.larger(starting)
}

impl Field<Quantity> {
    fn or(self, other: Self) -> Self {
        match self {
            Field::Absent => other,
            own => own,
        }
    }

    fn plus(self, other: Self) -> Self {
        self.with(other, Quantity::saturating_add)
    }

    fn larger(self, other: Self) -> Self {
        self.with(other, Ord::max)
    }

    fn with(self, other: Self, both: impl Fn(Quantity, Quantity) -> Quantity) -> Self {
        match (self, other) {
            (Field::Set(a), Field::Set(b)) => Field::Set(both(a, b)),
            (Field::Invalid, _) | (_, Field::Invalid) => Field::Invalid,
            (Field::Absent, other) => other,
            (own, Field::Absent) => own,
        }
    }
}

/// Request and limit of a container.
const fn of_container(resource: Resource, container: &Container) -> (Field<Quantity>, Field<Quantity>) {
    match resource {
        Resource::Memory => (container.memory_request, container.memory_limit),
        Resource::Cpu => (container.cpu_request, container.cpu_limit),
    }
}

/// Request and limit of the pod itself.
const fn of_pod(resource: Resource, pod: &PodTemplate) -> (Field<Quantity>, Field<Quantity>) {
    match resource {
        Resource::Memory => (pod.pod_memory_request, pod.pod_memory_limit),
        Resource::Cpu => (pod.pod_cpu_request, pod.pod_cpu_limit),
    }
}

const fn overhead(resource: Resource, pod: &PodTemplate) -> Field<Quantity> {
    match resource {
        Resource::Memory => pod.overhead_memory,
        Resource::Cpu => pod.overhead_cpu,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::testing::container;

    fn asking(role: ContainerRole, memory: &str) -> Container {
        container("c").role(role).request(memory)
    }

    fn app(memory: &str) -> Container {
        asking(ContainerRole::App, memory)
    }

    fn init(memory: &str) -> Container {
        asking(ContainerRole::Init, memory)
    }

    fn sidecar(memory: &str) -> Container {
        asking(ContainerRole::Sidecar, memory)
    }

    fn quantity(text: &str) -> Field<Quantity> {
        Field::Set(text.parse().expect("a quantity"))
    }

    fn pod(containers: Vec<Container>) -> PodTemplate {
        PodTemplate {
            containers,
            ..PodTemplate::default()
        }
    }

    fn memory(pod: &PodTemplate) -> String {
        match pod_request(pod, Resource::Memory, ClusterVersion::NEWEST) {
            Field::Set(quantity) => quantity.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[rstest]
    #[case::nothing(vec![container("a")], "Absent")]
    #[case::apps_together(vec![app("1Gi"), app("512Mi")], "1536Mi")]
    #[case::one_that_says_nothing(vec![app("1Gi"), container("a")], "1Gi")]
    #[case::a_limit_is_a_request(vec![container("a").limit("2Gi")], "2Gi")]
    #[case::a_request_goes_before_a_limit(vec![app("1Gi").limit("2Gi")], "1Gi")]
    #[case::a_request_of_zero_is_one(vec![app("0").limit("2Gi")], "0")]
    #[case::a_sidecar_runs_beside_them(vec![sidecar("256Mi"), app("1Gi")], "1280Mi")]
    #[case::a_small_init_container_is_gone_by_then(vec![init("512Mi"), app("1Gi")], "1Gi")]
    #[case::a_large_one_counts_alone(vec![init("4Gi"), app("1Gi")], "4Gi")]
    #[case::init_containers_run_one_by_one(vec![init("2Gi"), init("3Gi"), app("1Gi")], "3Gi")]
    #[case::a_sidecar_before_an_init_container_runs_beside_it(
        vec![sidecar("1Gi"), init("4Gi"), app("1Gi")],
        "5Gi"
    )]
    #[case::a_sidecar_after_it_does_not(vec![init("4Gi"), sidecar("1Gi"), app("1Gi")], "4Gi")]
    #[case::many_sidecars(vec![sidecar("1Gi"), sidecar("1Gi"), init("1Gi"), app("512Mi")], "3Gi")]
    fn containers_are_counted_as_the_scheduler_does(
        #[case] containers: Vec<Container>,
        #[case] expected: &str,
    ) {
        assert_eq!(memory(&pod(containers)), expected);
    }

    #[test]
    fn the_pods_own_request_goes_before_its_containers() {
        let own =
            |request: Field<Quantity>, limit: Field<Quantity>, containers: Vec<Container>| PodTemplate {
                pod_memory_request: request,
                pod_memory_limit: limit,
                ..pod(containers)
            };
        let of_pod = own(quantity("3Gi"), quantity("4Gi"), vec![app("1Gi")]);
        assert_eq!(memory(&of_pod), "3Gi");
        let old = pod_request(&of_pod, Resource::Memory, ClusterVersion(33));
        assert_eq!(old, quantity("1Gi"), "before 1.34 it is not read");
        assert_eq!(
            memory(&own(Field::Absent, quantity("4Gi"), vec![app("1Gi")])),
            "1Gi"
        );
        assert_eq!(
            memory(&own(Field::Absent, quantity("4Gi"), vec![container("a")])),
            "4Gi"
        );
    }

    #[test]
    fn overhead_is_added_to_whatever_it_is() {
        let with = |containers: Vec<Container>| PodTemplate {
            overhead_memory: quantity("64Mi"),
            ..pod(containers)
        };
        assert_eq!(memory(&with(vec![app("1Gi")])), "1088Mi");
        assert_eq!(memory(&with(vec![container("a")])), "64Mi");
    }

    #[test]
    fn an_invalid_value_makes_the_whole_unknown() {
        let bad = Container {
            memory_request: Field::Invalid,
            ..container("a")
        };
        assert_eq!(memory(&pod(vec![app("1Gi"), bad])), "Invalid");
        let cpu = pod_request(&pod(vec![app("1Gi")]), Resource::Cpu, ClusterVersion::NEWEST);
        assert_eq!(cpu, Field::Absent, "each resource for itself");
    }
}
