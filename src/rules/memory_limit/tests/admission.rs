//! Limits that a LimitRange gives and the API server then refuses.

use rstest::rstest;

use super::{PerContainer, one, range, said, web};
use crate::model::object::Object;
use crate::model::testing::{container, limit_range};
use crate::model::workload::Workload;

#[rstest]
#[case::a_default_below_the_request(
    one(container("app").request("100Mi")),
    vec![range(PerContainer, Some("64Mi"), None)],
    Some("LimitRange sizes, default.memory 64Mi, is below the 100Mi that container app requests")
)]
#[case::a_default_equal_to_the_request(
    one(container("app").request("64Mi")),
    vec![range(PerContainer, Some("64Mi"), None)],
    None
)]
#[case::a_default_of_0_below_the_request(
    one(container("app").request("1Mi")),
    vec![range(PerContainer, Some("0"), None)],
    Some("LimitRange sizes, default.memory 0, is below the 1Mi that container app requests")
)]
#[case::a_max_below_the_request(
    one(container("app").request("100Mi")),
    vec![range(PerContainer, None, Some("64Mi"))],
    Some("LimitRange sizes, max.memory 64Mi, is below the 100Mi that container app requests")
)]
#[case::a_limit_of_its_own_keeps_the_default_away(
    one(container("app").request("100Mi").limit("128Mi")),
    vec![range(PerContainer, Some("64Mi"), None)],
    None
)]
#[case::a_default_above_the_pods_limit(
    web().pod_limit("128Mi"),
    vec![range(PerContainer, Some("512Mi"), None)],
    Some("LimitRange sizes, default.memory 512Mi, is above the pod's own limit of 128Mi, and container app gets it")
)]
#[case::a_default_equal_to_the_pods_limit(
    web().pod_limit("128Mi"),
    vec![range(PerContainer, Some("128Mi"), None)],
    None
)]
#[case::an_explicit_0_under_the_pods_limit_keeps_the_default_away(
    web().pod_limit("128Mi").memory_limit("0"),
    vec![range(PerContainer, Some("512Mi"), None)],
    None
)]
#[case::any_default_above_a_pods_limit_of_0(
    web().pod_limit("0"),
    vec![range(PerContainer, Some("64Mi"), None)],
    Some("LimitRange sizes, default.memory 64Mi, is above the pod's own limit of 0, and container app gets it")
)]
#[case::of_two_defaults_either_may_come_first(
    web().pod_limit("128Mi"),
    vec![
        range(PerContainer, Some("512Mi"), None),
        Object::LimitRange(limit_range("shop/small", PerContainer, Some("64Mi"), None)),
    ],
    None
)]
fn a_default_that_does_not_fit_keeps_new_pods_out(
    #[case] workload: Workload,
    #[case] context: Vec<Object>,
    #[case] refused: Option<&str>,
) {
    let said = said(36, workload, context);
    match refused {
        Some(found) => assert_eq!(
            said,
            format!(
                "fail warning: new pods are refused, as container app has no limit of its own: Deployment shop/web: \
                 {found}; set a limit of its own"
            )
        ),
        None => assert!(said.starts_with("pass"), "{said}"),
    }
}

#[test]
fn before_1_34_the_pods_limit_refuses_nothing() {
    let said = said(
        33,
        web().pod_limit("128Mi"),
        vec![range(PerContainer, Some("512Mi"), None)],
    );
    assert_eq!(said, "pass: LimitRange sizes, default.memory 512Mi");
}
