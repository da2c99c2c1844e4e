//! The table of cases; what LimitRanges refuse has a file of its own.

mod admission;

use rstest::rstest;
use serde_json::json;

use crate::index::Index;
use crate::model::context::LimitRangeType::{Container as PerContainer, Pod as PerPod};
use crate::model::field::Field;
use crate::model::finding::{Outcome, Remedy};
use crate::model::keys::Kind;
use crate::model::object::Object;
use crate::model::pod::Pod;
use crate::model::template::{Container, ContainerRole};
use crate::model::testing::{container, deployment, limit_range, pod, replica_set, wall, workload};
use crate::model::time::Moment;
use crate::model::workload::Workload;
use crate::policy::Policy;
use crate::rules::tests::{advice, index, judged, lines, patch};

const RULE: &str = "memory-limit";
const FAIL: &str = "fail warning: container app can be OOM-killed or take its node's memory: Deployment shop/web sets no \
                    resources.limits.memory for it; set a limit, and a request beside it";

fn web() -> Workload {
    deployment("shop/web")
}

fn one(container: Container) -> Workload {
    web().containers([container])
}

fn range(scope: crate::model::context::LimitRangeType, default: Option<&str>, max: Option<&str>) -> Object {
    Object::LimitRange(limit_range("shop/sizes", scope, default, max))
}

fn invalid_limit() -> Container {
    Container {
        memory_limit: Field::Invalid,
        ..container("app")
    }
}

/// What is said of container `app` of Deployment `shop/web`, on Kubernetes 1.<version>.
fn said(version: u32, workload: Workload, context: Vec<Object>) -> String {
    let objects = [workload.object()].into_iter().chain(context);
    let lines = lines(&index(version, objects), RULE, Kind::Deployment, "shop/web");
    let [line] = lines.as_slice() else {
        panic!("one container, but {lines:?}")
    };
    line.strip_prefix("app: ")
        .expect("the container is the subject")
        .to_owned()
}

#[rstest]
#[case::no_limit(web(), vec![], FAIL)]
#[case::own_limit(web().memory_limit("256Mi"), vec![], "pass")]
#[case::a_tiny_limit_is_one(web().memory_limit("1500m"), vec![], "pass")]
#[case::explicit_zero_is_none(
    web().memory_limit("0"),
    vec![],
    "fail warning: container app can be OOM-killed or take its node's memory: Deployment shop/web sets its \
     resources.limits.memory to 0, which is none; set a limit, and a request beside it"
)]
#[case::zero_with_a_suffix_is_none(web().memory_limit("0Mi"), vec![], "fail warning: container app")]
#[case::an_invalid_quantity_is_unknown(
    one(invalid_limit()),
    vec![],
    "unknown: resources.limits.memory of container app is not a quantity"
)]
#[case::a_request_is_no_limit(one(container("app").request("1Gi")), vec![], FAIL)]
#[case::pod_level_limit(web().pod_limit("1Gi"), vec![], "pass: the pod's spec.resources.limits.memory, 1Gi")]
#[case::pod_level_zero_is_none(web().pod_limit("0"), vec![], FAIL)]
#[case::explicit_zero_under_a_pod_level_limit(
    web().memory_limit("0").pod_limit("1Gi"),
    vec![],
    "pass: the pod's spec.resources.limits.memory, 1Gi"
)]
#[case::explicit_zero_under_pod_level_zero(web().memory_limit("0").pod_limit("0"), vec![], "fail warning")]
#[case::an_invalid_pod_level_limit_is_unknown(
    web().with(|w| w.template.pod_memory_limit = Field::Invalid),
    vec![],
    "unknown: spec.resources.limits.memory of the pod is not a quantity"
)]
#[case::an_own_limit_needs_no_other(
    web().memory_limit("1Gi").with(|w| w.template.pod_memory_limit = Field::Invalid),
    vec![],
    "pass"
)]
#[case::limit_range_default(
    web(),
    vec![range(PerContainer, Some("256Mi"), None)],
    "pass: LimitRange sizes, default.memory 256Mi"
)]
#[case::limit_range_max_is_the_default(
    web(),
    vec![range(PerContainer, None, Some("2Gi"))],
    "pass: LimitRange sizes, max.memory 2Gi"
)]
#[case::limit_range_default_before_max(
    web(),
    vec![range(PerContainer, Some("256Mi"), Some("2Gi"))],
    "pass: LimitRange sizes, default.memory 256Mi"
)]
#[case::limit_range_default_zero_sets_none(web(), vec![range(PerContainer, Some("0"), None)], FAIL)]
#[case::limit_range_without_memory(web(), vec![range(PerContainer, None, None)], FAIL)]
#[case::a_pod_level_limit_is_named_before_the_limit_range(
    web().pod_limit("1Gi"),
    vec![range(PerContainer, Some("256Mi"), None)],
    "pass: the pod's spec.resources.limits.memory, 1Gi"
)]
#[case::explicit_zero_leaves_the_limit_range(
    web().memory_limit("0"),
    vec![range(PerContainer, Some("256Mi"), None)],
    "fail warning: container app can be OOM-killed"
)]
#[case::a_limit_range_of_another_namespace(
    web(),
    vec![Object::LimitRange(limit_range("other/sizes", PerContainer, Some("256Mi"), None))],
    FAIL
)]
#[case::limit_range_of_type_pod_sets_none(
    web(),
    vec![range(PerPod, None, Some("2Gi"))],
    "fail warning: new pods are refused, as container app has no limit: Deployment shop/web sets no \
     resources.limits.memory for it, and LimitRange sizes (type Pod) admits no pod without; set a limit, and a request \
     beside it"
)]
#[case::explicit_zero_slips_through_type_pod(
    web().memory_limit("0"),
    vec![range(PerPod, None, Some("2Gi"))],
    "fail warning: container app can be OOM-killed or take its node's memory: Deployment shop/web sets its"
)]
#[case::a_pod_level_limit_satisfies_type_pod(
    web().pod_limit("1Gi"),
    vec![range(PerPod, None, Some("2Gi"))],
    "pass: the pod's"
)]
#[case::a_custom_resource_owns_it(
    web().owned_by("monitoring.coreos.com/v1", "Prometheus", "prom-main"),
    vec![],
    "fail warning: container app can be OOM-killed or take its node's memory: Deployment shop/web sets no \
     resources.limits.memory for it; set it in its Prometheus prom-main"
)]
fn a_limit_comes_from_the_container_the_pod_or_a_limit_range(
    #[case] workload: Workload,
    #[case] context: Vec<Object>,
    #[case] expected: &str,
) {
    let said = said(36, workload, context);
    if expected == "pass" || expected == FAIL {
        assert_eq!(said, expected);
    } else {
        assert!(said.starts_with(expected), "{said}");
    }
}

#[rstest]
#[case::before_1_34(33, "fail warning")]
#[case::from_1_34_on(34, "pass")]
fn pod_level_limits_count_from_1_34_on(#[case] version: u32, #[case] expected: &str) {
    let said = said(version, web().pod_limit("1Gi"), vec![]);
    assert!(said.starts_with(expected), "{said}");
    assert_eq!(
        version == 33,
        said.contains("the pod's own limit counts from Kubernetes 1.34 on"),
        "{said}"
    );
}

#[test]
fn an_invalid_limit_range_is_unknown() {
    let mut sizes = limit_range("shop/sizes", PerContainer, None, None);
    sizes.limits[0].default_memory = Field::Invalid;
    assert_eq!(
        said(36, web(), vec![Object::LimitRange(sizes)]),
        "unknown: default.memory of LimitRange sizes is not a quantity"
    );
}

#[test]
fn a_second_limit_range_with_zero_spoils_the_first() {
    let zero = Object::LimitRange(limit_range("shop/zero", PerContainer, Some("0"), None));
    assert_eq!(
        said(36, web(), vec![range(PerContainer, Some("1Gi"), None), zero]),
        FAIL
    );
}

#[test]
fn each_container_is_judged_by_its_role() {
    let workload = web().containers([
        container("migrate").role(ContainerRole::Init),
        container("proxy").role(ContainerRole::Sidecar),
        container("app"),
        container("good").limit("1Gi"),
    ]);
    let lines = lines(
        &index(36, [workload.object()]),
        RULE,
        Kind::Deployment,
        "shop/web",
    );
    let starts: Vec<&str> = lines
        .iter()
        .map(|line| line.split(" can be").next().expect("a part"))
        .collect();
    assert_eq!(
        starts,
        [
            "migrate: fail info: init container migrate",
            "proxy: fail warning: sidecar proxy",
            "app: fail warning: container app",
            "good: pass",
        ]
    );
}

#[test]
fn a_template_without_containers_is_unknown() {
    let index = index(36, [web().containers([]).object()]);
    assert_eq!(
        lines(&index, RULE, Kind::Deployment, "shop/web"),
        ["unknown: the pod template has no containers"]
    );
}

#[test]
fn limit_ranges_are_asked_for_only_where_they_matter() {
    let mut index = Index::new();
    let workload = web().containers([
        container("app"),
        container("own").limit("1Gi"),
        container("zero").limit("0"),
    ]);
    index.apply(workload.object(), Moment(0));
    let said = lines(&index, RULE, Kind::Deployment, "shop/web");
    assert_eq!(said[0], "app: unknown: limitranges are not listed yet");
    assert_eq!(said[1], "own: pass");
    assert!(said[2].starts_with("zero: fail warning"), "{said:?}");
    index.set_unreadable(Kind::LimitRange, "403 Forbidden");
    assert_eq!(
        lines(&index, RULE, Kind::Deployment, "shop/web")[0],
        "app: unknown: limitranges cannot be read: 403 Forbidden"
    );
}

fn running(pods: impl IntoIterator<Item = Pod>) -> Index {
    let pods = pods.into_iter().map(Pod::object);
    let context = [
        web().object(),
        replica_set("shop/web").object(),
        range(PerContainer, Some("256Mi"), None),
    ];
    index(36, context.into_iter().chain(pods))
}

fn limited(mut pod: Pod) -> Pod {
    pod.shape.containers = Box::new([container("app").limit("256Mi").into()]);
    pod
}

#[rstest]
#[case::older_than_the_limit_range(vec![pod("shop/web-1"), limited(pod("shop/web-2"))], Some(1))]
#[case::created_after_it(vec![limited(pod("shop/web-1"))], None)]
#[case::terminating_anyway(vec![pod("shop/web-1").terminating(wall(30))], None)]
#[case::with_a_pod_level_limit(
    vec![{ let mut p = pod("shop/web-1"); p.shape.pod_memory_limited = true; p }],
    None
)]
#[case::without_that_container(
    vec![{ let mut p = pod("shop/web-1"); p.shape.containers = Box::new([container("old").into()]); p }],
    None
)]
#[case::no_pods(vec![], None)]
fn pods_from_before_a_limit_range_run_without_it(#[case] pods: Vec<Pod>, #[case] bare: Option<u32>) {
    let index = running(pods);
    let said = lines(&index, RULE, Kind::Deployment, "shop/web");
    match bare {
        None => assert_eq!(said, ["app: pass: LimitRange sizes, default.memory 256Mi"]),
        Some(n) => {
            assert_eq!(
                said,
                [format!(
                    "app: fail warning: container app can be OOM-killed or take its node's memory: {n} pod of Deployment \
                     shop/web from before LimitRange sizes, default.memory 256Mi, which takes effect at the next \
                     rollout; restart the rollout"
                )]
            );
            assert_eq!(
                advice(&index, RULE, Kind::Deployment, "shop/web"),
                "kubectl -n shop rollout restart deployment/web"
            );
        }
    }
}

#[test]
fn a_bare_pod_that_runs_is_older_than_a_limit_range_that_it_has_nothing_of() {
    let objects = || {
        [
            workload(Kind::Pod, "shop/debug").object(),
            range(PerContainer, Some("256Mi"), None),
        ]
    };
    let cluster = index(36, objects());
    assert_eq!(
        lines(&cluster, RULE, Kind::Pod, "shop/debug"),
        [
            "app: fail warning: container app can be OOM-killed or take its node's memory: Pod shop/debug is from before \
             LimitRange sizes, default.memory 256Mi, which takes effect when it is made anew; make it anew"
        ]
    );
    assert_eq!(
        advice(&cluster, RULE, Kind::Pod, "shop/debug"),
        "delete Pod shop/debug, and make it anew"
    );
    let mut files = Index::of_files(crate::model::config::ClusterVersion::NEWEST);
    for object in objects() {
        files.apply(object, Moment(0));
    }
    assert_eq!(
        lines(&files, RULE, Kind::Pod, "shop/debug"),
        ["app: pass: LimitRange sizes, default.memory 256Mi"]
    );
}

fn patch_of(kind: Kind, context: impl IntoIterator<Item = Object>) -> serde_json::Value {
    let workload = workload(kind, "shop/web").containers([container("app").request("300Mi")]);
    let index = index(36, [workload.object()].into_iter().chain(context));
    let (target, patch) = patch(&index, RULE, kind, "shop/web");
    assert_eq!(target, format!("{kind} shop/web"));
    patch
}

#[test]
fn the_remedy_is_twice_the_request_with_the_request_beside_it() {
    let pod_spec = json!({"containers": [{
        "name": "app",
        "resources": {"limits": {"memory": "600Mi"}, "requests": {"memory": "300Mi"}},
    }]});
    for kind in [
        Kind::Deployment,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::Job,
        Kind::ReplicaSet,
    ] {
        assert_eq!(
            patch_of(kind, []),
            json!({"spec": {"template": {"spec": pod_spec}}}),
            "{kind}"
        );
    }
    assert_eq!(
        patch_of(Kind::CronJob, []),
        json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": pod_spec}}}}})
    );
    assert_eq!(patch_of(Kind::Pod, []), json!({"spec": pod_spec}));
}

#[test]
fn the_remedy_for_an_init_container_is_among_the_init_containers() {
    let proxy = container("proxy").role(ContainerRole::Sidecar).request("1G");
    let index = index(36, [one(proxy).object()]);
    let (_, patch) = patch(&index, RULE, Kind::Deployment, "shop/web");
    let container = &patch["spec"]["template"]["spec"]["initContainers"][0];
    assert_eq!(container["name"], "proxy");
    assert_eq!(container["resources"]["limits"]["memory"], "2G");
}

#[test]
fn the_remedy_stays_below_what_a_limit_range_allows() {
    let workload = one(container("app").limit("0").request("300Mi"));
    let index = index(36, [workload.object(), range(PerContainer, None, Some("400Mi"))]);
    let (_, patch) = patch(&index, RULE, Kind::Deployment, "shop/web");
    let container = &patch["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["resources"]["limits"]["memory"], "400Mi");
}

#[rstest]
#[case::no_request(container("app"))]
#[case::request_zero(container("app").request("0"))]
#[case::invalid_request(Container { memory_request: Field::Invalid, ..container("app") })]
fn without_a_request_no_number_is_invented(#[case] container: Container) {
    let advice = advice(
        &index(36, [one(container).object()]),
        RULE,
        Kind::Deployment,
        "shop/web",
    );
    assert!(
        advice.contains("set spec.template.spec.containers[app].resources.limits.memory")
            && advice.contains("requests.memory beside it"),
        "{advice}"
    );
}

#[rstest]
#[case::no_request(container("app"), None, "512Mi", "256Mi")]
#[case::request_zero(container("app").request("0"), None, "512Mi", "256Mi")]
#[case::a_request_goes_first(container("app").request("300Mi"), None, "600Mi", "300Mi")]
#[case::no_more_than_is_allowed(container("app").limit("0"), Some("100Mi"), "100Mi", "50Mi")]
fn without_a_request_the_policy_says_the_limit(
    #[case] container: Container,
    #[case] max: Option<&str>,
    #[case] limit: &str,
    #[case] request: &str,
) {
    let workload = one(container);
    let ranges = max.map(|max| range(PerContainer, None, Some(max)));
    let index = index(36, ranges.into_iter().chain([workload.clone().object()]));
    let policy = Policy {
        memory_limit: Some("512Mi".parse().expect("a quantity")),
        ..Policy::default()
    };
    let view = index.view(&workload.key).expect("a workload");
    let results = judged(view, &policy, wall(0)).results;
    let mine = results
        .iter()
        .find(|result| result.rule == RULE)
        .expect("a result");
    let Outcome::Fail(failure) = &mine.outcome else {
        panic!("no failure: {mine:?}");
    };
    let Some(Remedy::Patch { patch, .. }) = &failure.remedy else {
        panic!("no patch: {failure:?}");
    };
    let resources = &patch.value()["spec"]["template"]["spec"]["containers"][0]["resources"];
    assert_eq!(
        *resources,
        json!({"limits": {"memory": limit}, "requests": {"memory": request}})
    );
}

#[test]
fn the_remedy_for_a_custom_resource_is_to_change_that() {
    let workload =
        one(container("app").request("1Gi")).owned_by("monitoring.coreos.com/v1", "Prometheus", "prom-main");
    let advice = advice(
        &index(36, [workload.object()]),
        RULE,
        Kind::Deployment,
        "shop/web",
    );
    assert_eq!(
        advice,
        "set the memory limit of container app in its Prometheus prom-main, with a request beside it: a change of \
         Deployment shop/web would be undone"
    );
}
