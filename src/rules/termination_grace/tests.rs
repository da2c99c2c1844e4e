use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use crate::index::Index;
use crate::model::field::Field;
use crate::model::keys::Kind;
use crate::model::template::{ContainerRole, Handler};
use crate::model::testing::{cases, container, deployment, service};
use crate::model::time::Moment;
use crate::model::workload::Workload;
use crate::rules::tests::{advice, index, lines, patch};

const RULE: &str = "termination-grace";

fn web(grace: Field<i64>) -> Workload {
    deployment("shop/web").with(|w| w.template.termination_grace = grace)
}

fn hooked(grace: i64, role: ContainerRole, hook: Field<Handler>) -> Workload {
    let mut app = container("app").role(role);
    app.pre_stop = hook;
    web(Field::Set(grace)).containers([app])
}

fn said(workload: Workload, served: bool) -> String {
    let service = served.then(|| service("shop/web").object());
    let index = index(36, service.into_iter().chain([workload.object()]));
    lines(&index, RULE, Kind::Deployment, "shop/web").join("\n")
}

fn status(line: &str) -> &str {
    line.split(':').next().unwrap_or_default()
}

#[rstest]
#[case::absent(Field::Absent, "pass", "pass")]
#[case::zero(Field::Set(0), "fail info", "fail info")]
#[case::below_zero_is_one(Field::Set(-5), "fail info", "pass")]
#[case::one(Field::Set(1), "fail info", "pass")]
#[case::just_below(Field::Set(4), "fail info", "pass")]
#[case::just_enough(Field::Set(5), "pass", "pass")]
#[case::long(Field::Set(3600), "pass", "pass")]
#[case::refused(Field::Invalid, "unknown", "unknown")]
fn a_served_pod_needs_five_seconds(#[case] grace: Field<i64>, #[case] served: &str, #[case] alone: &str) {
    assert_eq!(status(&said(web(grace), true)), served);
    assert_eq!(status(&said(web(grace), false)), alone);
}

#[test]
fn each_answer_says_why() {
    assert_eq!(
        said(web(Field::Set(0)), false),
        "fail info: requests in flight are cut off at every rollout and drain: Deployment shop/web: \
         terminationGracePeriodSeconds is 0, so its pods are killed at once; set it to 30"
    );
    assert_eq!(
        said(web(Field::Set(1)), true),
        "fail info: requests that still come to a leaving pod are refused: Deployment shop/web: \
         terminationGracePeriodSeconds leaves its pods 1 second and no container has a preStop hook; set it to 30"
    );
    assert_eq!(
        said(web(Field::Set(1)), false),
        "pass: no Service selects its pods"
    );
    assert_eq!(
        said(web(Field::Invalid), false),
        "unknown: spec.template.spec.terminationGracePeriodSeconds is not a number of seconds"
    );
}

#[rstest]
#[case::of_an_app_container(ContainerRole::App, Field::Set(Handler::Sleep), "pass")]
#[case::of_a_sidecar(ContainerRole::Sidecar, Field::Set(Handler::Exec), "pass")]
#[case::of_an_init_container(ContainerRole::Init, Field::Set(Handler::Exec), "fail info")]
#[case::none(ContainerRole::App, Field::Absent, "fail info")]
#[case::refused(ContainerRole::App, Field::Invalid, "unknown")]
fn a_hook_holds_the_pod(#[case] role: ContainerRole, #[case] hook: Field<Handler>, #[case] expected: &str) {
    assert_eq!(status(&said(hooked(2, role, hook), true)), expected);
    let killed = said(hooked(0, role, hook), true);
    assert_eq!(status(&killed), "fail info", "no hook runs then");
}

#[test]
fn services_that_cannot_be_read_matter_to_a_short_grace_only() {
    let ask = |grace| {
        let mut index = Index::new();
        index.apply(web(Field::Set(grace)).object(), Moment(0));
        let waiting = lines(&index, RULE, Kind::Deployment, "shop/web");
        index.set_unreadable(Kind::Service, "403 Forbidden");
        [waiting, lines(&index, RULE, Kind::Deployment, "shop/web")].concat()
    };
    assert_eq!(
        ask(2),
        [
            "unknown: services are not listed yet",
            "unknown: services cannot be read: 403 Forbidden"
        ]
    );
    assert_eq!(ask(5), ["pass", "pass"]);
    assert!(ask(0).iter().all(|line| status(line) == "fail info"));
}

#[test]
fn the_remedy_is_kubernetes_own_default_where_the_setting_is() {
    let index = index(36, [web(Field::Set(0)).object()]);
    assert_eq!(
        patch(&index, RULE, Kind::Deployment, "shop/web"),
        (
            "Deployment shop/web".to_owned(),
            json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 30}}}})
        )
    );
    assert_eq!(status(&said(web(Field::Set(30)), true)), "pass");
}

#[test]
fn the_remedy_of_what_an_operator_writes_is_in_its_own_resource() {
    let owned = web(Field::Set(0)).owned_by("example.com/v1", "Shop", "main");
    let advice = advice(&index(36, [owned.object()]), RULE, Kind::Deployment, "shop/web");
    assert_eq!(
        advice,
        "set terminationGracePeriodSeconds to 30 in its Shop main: a change of Deployment shop/web would be undone"
    );
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn a_longer_grace_or_a_hook_never_makes_it_worse(
        grace in 0..40_i64, more in 0..40_i64, served in any::<bool>(), hook in any::<bool>(),
    ) {
        let ask = |grace, hook: bool| {
            let hook = if hook { Field::Set(Handler::Sleep) } else { Field::Absent };
            status(&said(hooked(grace, ContainerRole::App, hook), served)).starts_with("fail")
        };
        prop_assert!(ask(grace, hook) || !ask(grace + more, hook));
        prop_assert!(ask(grace, false) || !ask(grace, true));
    }
}
