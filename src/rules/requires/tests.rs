//! The table of cases; what is read of the annotation has one of its own in the model.

use rstest::rstest;

use crate::index::Index;
use crate::model::config::ClusterVersion;
use crate::model::context::Namespace;
use crate::model::keys::{Kind, ObjectKey};
use crate::model::object::Object;
use crate::model::pod::Pod;
use crate::model::testing::{
    controller, deployment, labels, namespace, pod, replica_set, service, stateful_set, wall, workload,
};
use crate::model::time::Moment;
use crate::model::version::PodVersion;
use crate::model::workload::Workload;
use crate::policy::Policy;
use crate::rules::tests::{advice, index, judged, line, lines};

const RULE: &str = "requires";

/// The workload that requires something.
fn api(requires: &str) -> Workload {
    deployment("shop/api").annotated("plimsoll.dev/requires", requires)
}

/// A pod that is ready and says its version.
fn runs(pod: Pod, version: &str) -> Pod {
    let version = PodVersion::of(Some(version), None, None);
    let mut pod = pod;
    pod.shape.version = version;
    pod
}

/// A pod of the ReplicaSet of that name.
fn of_set(path: &str, set: &str, version: &str) -> Object {
    let made = Pod {
        controller: Some(controller("apps/v1", "ReplicaSet", set)),
        ..pod(path)
    };
    runs(made, version).object()
}

/// The Deployment harmony with one ready pod of each version.
fn harmony(versions: &[&str]) -> Vec<Object> {
    let pods = versions
        .iter()
        .enumerate()
        .map(|(n, version)| runs(pod(&format!("shop/harmony-{n}")), version).object());
    [
        deployment("shop/harmony").object(),
        replica_set("shop/harmony").object(),
    ]
    .into_iter()
    .chain(pods)
    .collect()
}

/// What the rule says of `shop/api` in a cluster that holds these.
fn said(requires: &str, objects: impl IntoIterator<Item = Object>) -> Vec<String> {
    let objects = objects.into_iter().chain([api(requires).object()]);
    lines(&index(36, objects), RULE, Kind::Deployment, "shop/api")
}

/// The same where there are only files.
fn said_of_files(requires: &str, objects: impl IntoIterator<Item = Object>) -> Vec<String> {
    let mut index = Index::of_files(ClusterVersion::NEWEST);
    for object in objects.into_iter().chain([api(requires).object()]) {
        index.apply(object, Moment(0));
    }
    lines(&index, RULE, Kind::Deployment, "shop/api")
}

/// The first word of each answer.
fn short(said: &[String]) -> Vec<&str> {
    let word = |line: &String| {
        ["pass", "fail", "unknown", "notApplicable"]
            .into_iter()
            .find(|word| line.contains(&format!(" {word}")) || line.starts_with(word))
    };
    said.iter().filter_map(word).collect()
}

const UNMET: &str = "harmony: fail warning: its calls may reach harmony 2.2.0, which it does not work with: Deployment \
                     shop/api requires harmony >=2.3.0, and 2.2.0 serves; finish the rollout of that first";

#[test]
fn without_the_annotation_there_is_nothing_to_judge() {
    let index = index(36, [deployment("shop/api").object()]);
    assert_eq!(
        lines(&index, RULE, Kind::Deployment, "shop/api"),
        ["notApplicable: it has no annotation plimsoll.dev/requires"]
    );
}

#[rstest]
#[case::met(harmony(&["2.3.0", "2.3.1"]), "harmony: pass: harmony runs 2.3.0 and 2.3.1")]
#[case::an_unfinished_canary(harmony(&["2.2.0", "2.3.0"]), UNMET)]
#[case::not_rolled_out_yet(harmony(&["2.2.0", "2.2.0"]), UNMET)]
#[case::nothing_ready(harmony(&[]), "harmony: unknown: harmony has no ready pod, so its version cannot be told")]
#[case::not_there(vec![], "harmony: unknown: harmony has no ready pod, so its version cannot be told")]
#[case::a_version_that_is_none(harmony(&["2.3.0", "new"]),
    "harmony: unknown: harmony: new does not tell; set plimsoll.dev/version in its pod template to a version such as 2.3.0")]
#[case::unmet_counts_before_unclear(harmony(&["2.2.0", "new"]), UNMET)]
fn every_ready_version_of_a_deployment_counts(#[case] objects: Vec<Object>, #[case] expected: &str) {
    assert_eq!(said("harmony >= 2.3.0", objects), [expected]);
}

#[test]
fn a_pod_that_says_no_version_is_unknown_never_a_pass() {
    let mut objects = harmony(&["2.3.0"]);
    objects.push(pod("shop/harmony-9").object());
    assert_eq!(
        said("harmony >= 2.3.0", objects),
        [
            "harmony: unknown: harmony: a ready pod of it says no version; set plimsoll.dev/version in its pod template"
        ]
    );
}

#[rstest]
#[case::unready(runs(pod("shop/harmony-9"), "2.2.0").unready())]
#[case::terminating(runs(pod("shop/harmony-9"), "2.2.0").terminating(wall(30)))]
#[case::starting(runs(pod("shop/harmony-9"), "2.2.0").starting())]
#[case::of_another(runs(pod("shop/melody-9"), "2.2.0"))]
fn pods_that_serve_nobody_do_not_count(#[case] old: Pod) {
    let mut objects = harmony(&["2.3.0"]);
    objects.push(old.object());
    assert_eq!(short(&said("harmony >= 2.3.0", objects)), ["pass"]);
}

#[test]
fn a_pod_on_a_node_that_has_fallen_silent_may_serve_still() {
    let mut objects = harmony(&["2.3.0"]);
    objects.push(runs(pod("shop/harmony-9").on("n1"), "2.2.0").object());
    objects.push(crate::model::testing::node("n1").unknown_since(0).object());
    assert_eq!(short(&said("harmony >= 2.3.0", objects)), ["fail"]);
}

#[test]
fn each_dependency_is_judged_by_itself() {
    let db = Pod {
        controller: Some(controller("apps/v1", "StatefulSet", "db")),
        ..pod("shop/db-0")
    };
    let mut objects = harmony(&["2.2.0"]);
    objects.extend([stateful_set("shop/db").object(), runs(db, "1.9.0").object()]);
    let said = said("statefulset/db >= 1.8 < 2, harmony >= 2.3.0, harmony 2", objects);
    assert_eq!(short(&said), ["pass", "fail", "fail"]);
    assert!(
        said[0].starts_with("statefulset/db: pass: statefulset/db runs 1.9.0"),
        "{said:?}"
    );
    assert_eq!(
        said[2],
        "character 54: fail warning: it cannot be told whether what it requires is there: plimsoll.dev/requires of \
         Deployment shop/api, character 54: no operator before `2`; write one of = > >= < <= ~ ^ before each version"
    );
}

#[test]
fn a_stateful_set_that_is_half_rolled_out_serves_both_versions() {
    let db = |n: u8, version: &str| {
        let made = Pod {
            controller: Some(controller("apps/v1", "StatefulSet", "db")),
            ..pod(&format!("shop/db-{n}"))
        };
        runs(made, version).object()
    };
    let objects = [stateful_set("shop/db").object(), db(0, "1.7.0"), db(1, "1.8.0")];
    assert_eq!(short(&said("statefulset/db >= 1.8", objects)), ["fail"]);
}

/// Two Deployments behind one Service, as canaries are often made.
fn two_deployments() -> Vec<Object> {
    let made = |path: &str, track: &str| {
        let tracked = labels(&[("app", "harmony"), ("track", track)]);
        let set = replica_set(path).with(|set| set.template.labels = tracked.clone());
        let deployment = deployment(path).with(|deployment| deployment.template.labels = tracked);
        [deployment.object(), set.object()]
    };
    let pods = [
        of_set("shop/stable-1", "stable-rs", "2.2.0"),
        of_set("shop/canary-1", "canary-rs", "2.3.0"),
        Object::Service(service("shop/harmony")),
    ];
    made("shop/stable", "stable")
        .into_iter()
        .chain(made("shop/canary", "canary"))
        .chain(pods)
        .collect()
}

#[rstest]
#[case("service/harmony >= 2.3.0", "fail")]
#[case("service/harmony >= 2.2.0", "pass")]
#[case("{app=harmony} >= 2.3.0", "fail")]
#[case("{app=harmony,track=canary} >= 2.3.0", "pass")]
#[case("{app=harmony,track notin (canary)} >= 2.3.0", "fail")]
#[case("{app=melody} >= 2.3.0", "unknown")]
#[case("service/melody >= 2.3.0", "unknown")]
#[case("canary >= 2.3.0", "pass")]
#[case("stable >= 2.3.0", "fail")]
fn a_service_or_labels_mean_every_pod_behind_them(#[case] requires: &str, #[case] expected: &str) {
    assert_eq!(short(&said(requires, two_deployments())), [expected]);
}

/// An Argo Rollout: ReplicaSets of a controller that is not read.
#[test]
fn replica_sets_of_a_foreign_controller_are_known_by_their_labels() {
    let set = |name: &str| {
        let made = workload(Kind::ReplicaSet, &format!("shop/{name}")).owned_by(
            "argoproj.io/v1alpha1",
            "Rollout",
            "harmony",
        );
        made.with(|set| set.template.labels = labels(&[("app", "harmony")]))
            .object()
    };
    let objects = || {
        vec![
            set("harmony-old"),
            set("harmony-new"),
            of_set("shop/harmony-old-1", "harmony-old", "2.2.0"),
            of_set("shop/harmony-new-1", "harmony-new", "2.3.0"),
            Object::Service(service("shop/harmony")),
        ]
    };
    assert_eq!(short(&said("service/harmony >= 2.3.0", objects())), ["fail"]);
    assert_eq!(short(&said("{app=harmony} >= 2.2.0", objects())), ["pass"]);
}

#[test]
fn an_old_replica_set_counts_by_its_own_labels() {
    let mut objects = two_deployments();
    // Its template has moved on; the ReplicaSet from before still serves.
    objects.push(
        deployment("shop/stable")
            .with(|d| d.template.labels = labels(&[("app", "melody")]))
            .object(),
    );
    assert_eq!(short(&said("service/harmony >= 2.3.0", objects)), ["fail"]);
}

#[rstest]
#[case::a_deployment("harmony >= 2.3.0", "2.3.0", "pass")]
#[case::not_met("harmony >= 2.3.0", "2.2.0", "fail")]
#[case::a_service("service/harmony >= 2.3.0", "2.2.0", "fail")]
#[case::labels_of_its_pods("{app=harmony} >= 2.3.0", "2.2.0", "fail")]
#[case::elsewhere_is_not_there("data/harmony >= 2.3.0", "2.3.0", "unknown")]
#[case::no_version("harmony >= 2.3.0", "", "unknown")]
fn in_files_templates_say_what_will_be(
    #[case] requires: &str,
    #[case] version: &str,
    #[case] expected: &str,
) {
    let made = deployment("shop/harmony").with(|harmony| {
        if !version.is_empty() {
            harmony.template.annotations = vec![("plimsoll.dev/version".into(), version.into())];
        }
    });
    let objects = [made.object(), Object::Service(service("shop/harmony"))];
    let said = said_of_files(requires, objects);
    assert_eq!(short(&said), [expected], "{said:?}");
}

#[test]
fn in_files_what_is_switched_off_does_not_serve() {
    let off = deployment("shop/harmony").replicas(0);
    assert_eq!(
        said_of_files("harmony >= 2.3.0", [off.object()]),
        ["harmony: unknown: harmony is not in the files, so its version cannot be told"]
    );
}

#[rstest]
#[case::a_workload("harmony >= 1", "kubectl -n shop rollout status deployment/harmony")]
#[case::a_service(
    "service/harmony >= 2.3.0",
    "kubectl -n shop get endpointslices -l kubernetes.io/service-name=harmony"
)]
#[case::labels(
    "{app=harmony} >= 2.3.0",
    "kubectl -n shop get pods -L app.kubernetes.io/version -l app=harmony"
)]
fn the_advice_says_where_to_look_and_how_to_wait(#[case] requires: &str, #[case] look: &str) {
    let mut objects = two_deployments();
    objects.extend(harmony(&["0.9.0"]));
    objects.push(api(requires).object());
    let advice = advice(&index(36, objects), RULE, Kind::Deployment, "shop/api");
    let expected = format!(
        "see how far it is with {look}; until it is done, keep to what works with both: kubectl -n shop rollout undo \
         deployment/api"
    );
    assert_eq!(advice, expected);
}

mod across {
    //! What a tenant may learn of another namespace.

    use super::*;

    const NOT_TOLD: &str = "data/proxy: unknown: shop may not ask about data: let plimsoll.dev/required-by of Namespace data \
                            name it";
    const TOLD: &str = "data/proxy: fail warning: its calls may reach data/proxy 1.7.0, which it does not work with: \
                        Deployment shop/api requires data/proxy >=1.8, and 1.7.0 serves; finish the rollout of that first";

    fn cluster(required_by: Option<&str>) -> Index {
        let data = Namespace {
            annotations: required_by
                .map(|names| ("plimsoll.dev/required-by".into(), names.into()))
                .into_iter()
                .collect(),
            ..namespace("data", &[])
        };
        let objects = [
            Object::Namespace(data),
            deployment("data/proxy").object(),
            replica_set("data/proxy").object(),
            runs(pod("data/proxy-1"), "1.7.0").object(),
            api("data/proxy >= 1.8").object(),
        ];
        index(36, objects)
    }

    fn ask(index: &Index, policy: &Policy) -> Vec<String> {
        let view = index
            .view(&ObjectKey::new(Kind::Deployment, "shop", "api"))
            .expect("a workload");
        let results = judged(view, policy, wall(0)).results.into_iter();
        results
            .filter(|result| result.rule == RULE)
            .map(|result| line(&result))
            .collect()
    }

    #[rstest]
    #[case::nobody_says_anything(None, TOLD)]
    #[case::by_name(Some("billing, shop"), TOLD)]
    #[case::all(Some("*"), TOLD)]
    #[case::others_only(Some("billing"), NOT_TOLD)]
    #[case::nobody(Some(""), NOT_TOLD)]
    fn a_namespace_says_who_may_ask(#[case] required_by: Option<&str>, #[case] expected: &str) {
        assert_eq!(ask(&cluster(required_by), &Policy::default()), [expected]);
    }

    #[rstest]
    #[case::nobody_says_anything(None, NOT_TOLD)]
    #[case::by_name(Some("shop"), TOLD)]
    fn a_policy_may_forbid_it_where_the_namespace_says_nothing(
        #[case] required_by: Option<&str>,
        #[case] expected: &str,
    ) {
        let policy = Policy {
            requires_across_namespaces: false,
            ..Policy::default()
        };
        assert_eq!(ask(&cluster(required_by), &policy), [expected]);
    }

    #[test]
    fn whether_a_refused_namespace_is_there_is_not_told() {
        let policy = Policy {
            requires_across_namespaces: false,
            ..Policy::default()
        };
        let empty = index(36, [api("data/proxy >= 1.8").object()]);
        assert_eq!(ask(&empty, &policy), ask(&cluster(None), &policy));
        assert_eq!(ask(&empty, &policy), ask(&cluster(Some("")), &policy));
    }

    #[test]
    fn kubernetes_own_namespaces_are_told_of_only_where_theirs_says_so() {
        let objects = [
            deployment("kube-system/coredns").object(),
            replica_set("kube-system/coredns").object(),
            runs(pod("kube-system/coredns-1"), "1.12.0").object(),
        ];
        let said = said("kube-system/coredns >= 1", objects);
        assert!(
            said[0].contains("unknown: shop may not ask about kube-system"),
            "{said:?}"
        );
    }

    #[test]
    fn nothing_is_told_while_namespaces_cannot_be_read() {
        let mut index = cluster(None);
        index.set_unreadable(Kind::Namespace, "403");
        assert_eq!(
            ask(&index, &Policy::default()),
            ["data/proxy: unknown: namespaces cannot be read: 403"]
        );
    }

    /// Names, numbers and nodes of the other namespace stay there.
    #[test]
    fn nothing_is_told_but_what_was_asked_for_and_versions() {
        let said = ask(&cluster(None), &Policy::default()).join(" ");
        for hidden in ["proxy-rs", "proxy-1", "1 of", "uid-"] {
            assert!(!said.contains(hidden), "{said}");
        }
    }
}
