use proptest::prelude::*;
use rstest::rstest;

use crate::index::Index;
use crate::model::context::{LimitRange, LimitRangeType};
use crate::model::field::Field;
use crate::model::keys::Kind;
use crate::model::object::Object;
use crate::model::quantity::Quantity;
use crate::model::template::{Container, ContainerRole};
use crate::model::testing::{cases, container, deployment, limit_range, wall};
use crate::model::time::Moment;
use crate::model::workload::Workload;
use crate::policy::Policy;
use crate::rules::tests::{advice, index, judged, line, lines};

const RULE: &str = "resource-requests";

fn quantity(text: &str) -> Field<Quantity> {
    Field::Set(text.parse().expect("a quantity"))
}

fn web(containers: impl IntoIterator<Item = Container>) -> Workload {
    deployment("shop/web").containers(containers)
}

/// Container `app` that requests both.
fn app() -> Container {
    container("app").request("256Mi").cpu(Some("100m"), None)
}

fn said(version: u32, workload: Workload, ranges: impl IntoIterator<Item = LimitRange>) -> Vec<String> {
    let ranges = ranges.into_iter().map(Object::LimitRange);
    let index = index(version, ranges.chain([workload.object()]));
    lines(&index, RULE, Kind::Deployment, "shop/web")
}

fn lacks(title: &str, what: &str) -> String {
    format!(
        "fail info: the scheduler places its pods blindly and may fill a node with them: {title} of Deployment shop/web \
         requests no {what}; request what it uses"
    )
}

/// A LimitRange of type Container, changed.
fn range(change: impl FnOnce(&mut crate::model::context::LimitRangeItem)) -> LimitRange {
    let mut range = limit_range("shop/sizes", LimitRangeType::Container, None, None);
    change(&mut range.limits[0]);
    range
}

#[rstest]
#[case::both(app(), None)]
#[case::neither(container("app"), Some("memory and cpu"))]
#[case::only_memory(container("app").request("256Mi"), Some("cpu"))]
#[case::only_cpu(container("app").cpu(Some("1"), None), Some("memory"))]
#[case::zero(container("app").request("0").cpu(Some("0"), None), Some("memory and cpu"))]
#[case::zero_beside_a_limit(container("app").request("0").limit("1Gi").cpu(Some("1"), None), Some("memory"))]
#[case::a_limit_of_zero(container("app").limit("0").cpu(Some("1"), None), Some("memory"))]
fn a_container_requests_both(#[case] container: Container, #[case] missing: Option<&str>) {
    let expected = missing.map_or("app: pass".to_owned(), |what| {
        format!("app: {}", lacks("container app", what))
    });
    assert_eq!(said(36, web([container]), []), [expected]);
}

#[test]
fn a_limit_is_the_request_where_there_is_none() {
    let limited = container("app").limit("1Gi").cpu(None, Some("1"));
    assert_eq!(
        said(36, web([limited]), []),
        ["app: pass: memory by its limit, cpu by its limit"]
    );
}

#[rstest]
#[case::memory(Container { memory_request: Field::Invalid, ..app() },
    "resources.requests.memory of container app is not a quantity")]
#[case::cpu(Container { cpu_request: Field::Invalid, ..app() }, "resources.requests.cpu of container app is not a quantity")]
#[case::by_its_limit(Container { cpu_request: Field::Absent, cpu_limit: Field::Invalid, ..app() },
    "resources.limits.cpu of container app is not a quantity")]
#[case::the_limit(Container { memory_limit: Field::Invalid, ..app() },
    "resources.limits.memory of container app is not a quantity")]
fn a_refused_amount_is_unknown(#[case] container: Container, #[case] why: &str) {
    assert_eq!(said(36, web([container]), []), [format!("app: unknown: {why}")]);
}

#[test]
fn what_is_missing_goes_before_what_is_unknown() {
    let container = Container {
        memory_request: Field::Invalid,
        ..container("app")
    };
    assert_eq!(
        said(36, web([container]), []),
        [format!("app: {}", lacks("container app", "cpu"))]
    );
}

#[test]
fn sidecars_are_judged_like_app_containers_and_init_containers_are_not() {
    let pod = [
        container("migrate").role(ContainerRole::Init),
        container("proxy").role(ContainerRole::Sidecar),
        app(),
    ];
    assert_eq!(
        said(36, web(pod), []),
        [
            format!("proxy: {}", lacks("sidecar proxy", "memory and cpu")),
            "app: pass".to_owned()
        ]
    );
    let init = container("migrate").role(ContainerRole::Init);
    assert_eq!(
        said(36, web([init]), []),
        ["unknown: the pod template has no containers"]
    );
}

#[rstest]
#[case::its_request(|w: &mut Workload| w.template.pod_memory_request = quantity("1Gi"),
    "pass: memory by the pod's spec.resources.requests.memory, 1Gi")]
#[case::a_request_of_zero(|w: &mut Workload| w.template.pod_memory_request = quantity("0"), "fail info")]
#[case::its_limit(|w: &mut Workload| w.template.pod_memory_limit = quantity("1Gi"),
    "pass: memory by the pod's spec.resources.limits.memory, 1Gi")]
#[case::a_limit_beside_others_requests(
    |w: &mut Workload| {
        w.template.pod_memory_limit = quantity("1Gi");
        w.template.containers.push(container("other").request("64Mi").cpu(Some("1"), None));
    },
    "fail info")]
#[case::refused(|w: &mut Workload| w.template.pod_memory_request = Field::Invalid,
    "unknown: spec.resources.requests.memory of the pod is not a quantity")]
#[case::a_refused_limit(|w: &mut Workload| w.template.pod_memory_limit = Field::Invalid,
    "unknown: spec.resources.limits.memory of the pod is not a quantity")]
fn the_pods_own_request_stands_for_its_containers_from_1_34_on(
    #[case] change: fn(&mut Workload),
    #[case] expected: &str,
) {
    let workload = || web([container("app").cpu(Some("1"), None)]).with(change);
    let first = said(34, workload(), [])[0].clone();
    assert!(first.starts_with(&format!("app: {expected}")), "{first}");
    let before = said(33, workload(), [])[0].clone();
    assert_eq!(before, format!("app: {}", lacks("container app", "memory")));
}

#[rstest]
#[case::default_request(range(|i| (i.request_memory, i.max_memory) = (quantity("1Mi"), quantity("4Mi"))), "defaultRequest.memory 1Mi")]
#[case::default_limit(range(|i| (i.default_memory, i.min_memory) = (quantity("2Mi"), quantity("1Mi"))), "default.memory 2Mi")]
#[case::max(range(|i| (i.max_memory, i.min_memory) = (quantity("4Mi"), quantity("1Mi"))), "max.memory 4Mi")]
#[case::min(range(|i| i.min_memory = quantity("1Mi")), "min.memory 1Mi")]
fn a_limit_range_gives_a_request(#[case] range: LimitRange, #[case] by: &str) {
    let bare = || web([container("app").cpu(Some("1"), None)]);
    assert_eq!(
        said(36, bare(), [range.clone()]),
        [format!("app: pass: memory by LimitRange sizes, {by}")]
    );
    let mut of_pods = range;
    of_pods.limits[0].scope = LimitRangeType::Pod;
    assert_eq!(
        said(36, bare(), [of_pods]),
        [format!("app: {}", lacks("container app", "memory"))]
    );
}

#[test]
fn a_limit_range_gives_cpu_alike() {
    let range = range(|i| i.request_cpu = quantity("100m"));
    assert_eq!(
        said(36, web([container("app").request("64Mi")]), [range]),
        ["app: pass: cpu by LimitRange sizes, defaultRequest.cpu 100m"]
    );
}

#[rstest]
#[case::an_explicit_zero_leaves_it(container("app").request("0").cpu(Some("1"), None), "1Mi", "fail info")]
#[case::a_zero_gives_none(container("app").cpu(Some("1"), None), "0", "fail info")]
fn zero_is_no_request_under_a_limit_range(
    #[case] container: Container,
    #[case] given: &str,
    #[case] expected: &str,
) {
    let range = range(|i| i.request_memory = quantity(given));
    let said = said(36, web([container]), [range]);
    assert!(said[0].starts_with(&format!("app: {expected}")), "{said:?}");
}

#[test]
fn a_refused_default_is_unknown() {
    let range = range(|i| i.request_memory = Field::Invalid);
    assert_eq!(
        said(36, web([container("app").cpu(Some("1"), None)]), [range]),
        ["app: unknown: defaultRequest.memory of LimitRange sizes is not a quantity"]
    );
}

#[test]
fn limit_ranges_that_cannot_be_read_matter_only_where_something_is_missing() {
    let ask = |container: Container| {
        let mut index = Index::new();
        index.apply(web([container]).object(), Moment(0));
        let waiting = lines(&index, RULE, Kind::Deployment, "shop/web");
        index.set_unreadable(Kind::LimitRange, "403 Forbidden");
        [waiting, lines(&index, RULE, Kind::Deployment, "shop/web")].concat()
    };
    assert_eq!(
        ask(container("app")),
        [
            "app: unknown: limitranges are not listed yet",
            "app: unknown: limitranges cannot be read: 403 Forbidden"
        ]
    );
    assert_eq!(ask(app().limit("512Mi")), ["app: pass", "app: pass"]);
}

#[rstest]
#[case::four_times("1Gi", false)]
#[case::above("1025Mi", true)]
#[case::far_above("8Gi", true)]
fn a_limit_keeps_near_its_request(#[case] limit: &str, #[case] fails: bool) {
    let said = said(36, web([app().limit(limit)]), []);
    let expected = if fails {
        format!(
            "app: fail info: its node may run out of memory although every pod keeps to its limit: container app of \
             Deployment shop/web requests 256Mi of memory and may take {limit}; bring the limit to 4 times the request or \
             less"
        )
    } else {
        "app: pass".to_owned()
    };
    assert_eq!(said, [expected]);
}

#[test]
fn the_limit_of_a_limit_range_counts() {
    let range = range(|i| i.default_memory = quantity("2Gi"));
    let said = said(36, web([app()]), [range]);
    assert!(
        said[0]
            .contains("requests 256Mi of memory and may take 2Gi, by LimitRange sizes, default.memory 2Gi;"),
        "{said:?}"
    );
}

#[test]
fn the_policy_says_what_is_near() {
    let workload = web([app().limit("2Gi")]);
    let index = index(36, [workload.clone().object()]);
    let ask = |ratio| {
        let policy = Policy {
            max_limit_request_ratio: ratio,
            ..Policy::default()
        };
        let view = index.view(&workload.key).expect("a workload");
        let results = judged(view, &policy, wall(0)).results;
        let mine = results
            .iter()
            .find(|result| result.rule == RULE)
            .expect("a result");
        line(mine)
    };
    assert_eq!(ask(8), "app: pass");
    assert!(ask(7).contains("7 times the request"), "{}", ask(7));
}

#[test]
fn the_remedy_invents_no_number() {
    let told = |workload: Workload| {
        let index = index(36, [workload.object()]);
        advice(&index, RULE, Kind::Deployment, "shop/web")
    };
    let proxy = container("proxy").role(ContainerRole::Sidecar);
    assert_eq!(
        told(web([proxy.clone()])),
        "watch sidecar proxy under load (kubectl -n shop top pod --containers), then set \
         spec.template.spec.initContainers[proxy].resources.requests to what it uses of memory and cpu"
    );
    assert!(told(web([app().limit("9Gi")])).contains("raise its requests.memory"));
    let owned = web([proxy]).owned_by("example.com/v1", "Shop", "main");
    assert!(told(owned).starts_with("set the requests of sidecar proxy in its Shop main:"));
}

fn amount() -> impl Strategy<Value = Field<Quantity>> {
    prop::option::of(prop::sample::select(vec!["0", "1Mi", "64Mi", "1Gi"]))
        .prop_map(|text| text.map(|text| text.parse().expect("a quantity")).into())
}

proptest! {
    #![proptest_config(cases(256))]

    /// Of memory, a request that keeps near the limit: a smaller one beside the limit says less than the limit alone.
    #[test]
    fn adding_a_request_never_makes_it_worse(
        (request, limit, cpu_request, cpu_limit) in (amount(), amount(), amount(), amount()),
        (pod_request, pod_limit, given) in (amount(), amount(), amount()),
        memory in any::<bool>(),
    ) {
        let before = Container {
            memory_request: request,
            memory_limit: limit,
            cpu_request,
            cpu_limit,
            ..container("app")
        };
        let mut after = before.clone();
        if memory {
            after.memory_request = quantity("1Gi");
        } else {
            after.cpu_request = quantity("1");
        }
        let ask = |container: Container| {
            let workload = web([container]).with(|w| {
                w.template.pod_memory_request = pod_request;
                w.template.pod_memory_limit = pod_limit;
            });
            let said = said(36, workload, [range(|i| i.request_memory = given)]);
            let first = said.into_iter().next().unwrap_or_default();
            // How much is missing, in the message's own words.
            (first.contains("fail") as usize) + first.contains("memory and cpu") as usize
        };
        prop_assert!(ask(after) <= ask(before));
    }
}
