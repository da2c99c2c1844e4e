use rstest::rstest;
use serde_json::json;

use crate::model::budget::{DisruptionBudget, UnhealthyPodEviction};
use crate::model::field::Field;
use crate::model::keys::Kind;
use crate::model::selector::LabelSelector;
use crate::model::testing::{budget, deployment};
use crate::rules::tests::{index, lines, patch};

const RULE: &str = "pdb-unhealthy-eviction";

fn with(name: &str, unhealthy: Field<UnhealthyPodEviction>) -> DisruptionBudget {
    DisruptionBudget {
        unhealthy,
        ..budget(&format!("shop/{name}")).selecting(LabelSelector::default())
    }
}

fn allows(name: &str) -> DisruptionBudget {
    with(name, Field::Set(UnhealthyPodEviction::AlwaysAllow))
}

const ABSENT: &str = "fail info: its unready pods cannot be evicted when too few others are healthy: \
                      spec.unhealthyPodEvictionPolicy of PodDisruptionBudget shop/a is absent, so IfHealthyBudget; set it to \
                      AlwaysAllow";

#[rstest]
#[case::no_budget(36, vec![], "notApplicable: no PodDisruptionBudget selects its pods")]
#[case::absent(36, vec![with("a", Field::Absent)], ABSENT)]
#[case::if_healthy(36, vec![with("a", Field::Set(UnhealthyPodEviction::IfHealthyBudget))],
    "fail info: its unready pods cannot be evicted when too few others are healthy: spec.unhealthyPodEvictionPolicy of \
     PodDisruptionBudget shop/a is IfHealthyBudget; set it to AlwaysAllow")]
#[case::always(36, vec![allows("a")], "pass: PodDisruptionBudget a")]
#[case::one_of_two_lacks_it(36, vec![with("a", Field::Absent), allows("b")], ABSENT)]
#[case::both(36, vec![allows("a"), allows("b")], "pass: PodDisruptionBudgets a and b")]
#[case::refused(36, vec![with("a", Field::Invalid)],
    "unknown: spec.unhealthyPodEvictionPolicy of PodDisruptionBudget shop/a is refused by Kubernetes")]
#[case::refused_beside_one_that_lacks_it(36, vec![with("b", Field::Invalid), with("a", Field::Absent)], ABSENT)]
#[case::a_refused_selector(36, vec![allows("a"), DisruptionBudget { selector: Field::Invalid, ..allows("b") }],
    "unknown: spec.selector of PodDisruptionBudget shop/b is refused by Kubernetes")]
#[case::as_soon_as_it_is_read(27, vec![with("a", Field::Absent)], ABSENT)]
#[case::before_it_was_read(26, vec![with("a", Field::Absent)],
    "notApplicable: before Kubernetes 1.27 no PodDisruptionBudget can say it")]
fn it_judges(#[case] version: u32, #[case] budgets: Vec<DisruptionBudget>, #[case] expected: &str) {
    let budgets = budgets.into_iter().map(DisruptionBudget::object);
    let web = deployment("shop/web").object();
    let index = index(version, [web].into_iter().chain(budgets));
    assert_eq!(lines(&index, RULE, Kind::Deployment, "shop/web"), [expected]);
}

#[test]
fn the_remedy_sets_one_field() {
    let objects = [deployment("shop/web").object(), with("a", Field::Absent).object()];
    assert_eq!(
        patch(&index(36, objects), RULE, Kind::Deployment, "shop/web"),
        (
            "PodDisruptionBudget shop/a".to_owned(),
            json!({"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}})
        )
    );
}

#[rstest]
#[case::absent(
    with("a", Field::Absent),
    "unknown: the recording was made before spec.unhealthyPodEvictionPolicy was recorded; record anew"
)]
#[case::there(allows("a"), "pass: PodDisruptionBudget a")]
fn what_older_recordings_do_not_hold_is_unknown(#[case] budget: DisruptionBudget, #[case] expected: &str) {
    let mut index = index(36, [deployment("shop/web").object(), budget.object()]);
    index.set_sparse_templates();
    assert_eq!(lines(&index, RULE, Kind::Deployment, "shop/web"), [expected]);
}
