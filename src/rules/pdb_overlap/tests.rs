use rstest::rstest;

use crate::model::budget::DisruptionBudget;
use crate::model::field::Field;
use crate::model::keys::Kind;
use crate::model::selector::LabelSelector;
use crate::model::testing::{budget, deployment, selector};
use crate::rules::tests::{advice, index, lines};

const RULE: &str = "pdb-overlap";

fn named(name: &str) -> DisruptionBudget {
    budget(&format!("shop/{name}")).selecting(selector(&[("app", "web")]))
}

fn refused(name: &str) -> DisruptionBudget {
    DisruptionBudget {
        selector: Field::Invalid,
        ..named(name)
    }
}

#[rstest]
#[case::none(vec![], "notApplicable: no PodDisruptionBudget selects its pods")]
#[case::one(vec![named("a")], "pass: PodDisruptionBudget a")]
#[case::two(vec![named("a"), named("b")],
    "fail warning: no drain can move its pods: PodDisruptionBudgets a and b all select the pods of Deployment shop/web, \
     so every eviction is answered with an error; keep one")]
#[case::by_different_selectors(vec![named("a"), budget("shop/b").selecting(LabelSelector::default())],
    "fail warning: no drain can move its pods: PodDisruptionBudgets a and b all select the pods of Deployment shop/web, \
     so every eviction is answered with an error; keep one")]
#[case::four(vec![named("a"), named("b"), named("c"), named("d")],
    "fail warning: no drain can move its pods: PodDisruptionBudgets a, b and 2 more all select the pods of Deployment \
     shop/web, so every eviction is answered with an error; keep one")]
#[case::one_elsewhere(vec![named("a"), budget("other/web")], "pass: PodDisruptionBudget a")]
#[case::one_of_others(vec![named("a"), budget("shop/api")], "pass: PodDisruptionBudget a")]
#[case::refused_numbers_select_all_the_same(
    vec![named("a"), DisruptionBudget { min_available: Field::Invalid, max_unavailable: Field::Invalid, ..named("b") }],
    "fail warning: no drain can move its pods: PodDisruptionBudgets a and b all select the pods of Deployment shop/web, \
     so every eviction is answered with an error; keep one")]
#[case::a_refused_selector(vec![named("a"), refused("b")],
    "unknown: spec.selector of PodDisruptionBudget shop/b is refused by Kubernetes")]
#[case::a_refused_selector_alone(vec![refused("b")],
    "unknown: spec.selector of PodDisruptionBudget shop/b is refused by Kubernetes")]
#[case::a_refused_selector_beside_two(vec![named("a"), named("b"), refused("c")],
    "fail warning: no drain can move its pods: PodDisruptionBudgets a and b all select the pods of Deployment shop/web, \
     so every eviction is answered with an error; keep one")]
fn it_judges(#[case] budgets: Vec<DisruptionBudget>, #[case] expected: &str) {
    let budgets = budgets.into_iter().map(DisruptionBudget::object);
    let web = deployment("shop/web").object();
    let index = index(36, [web].into_iter().chain(budgets));
    assert_eq!(lines(&index, RULE, Kind::Deployment, "shop/web"), [expected]);
}

#[test]
fn people_choose_which_one_stays() {
    let objects = [
        deployment("shop/web").object(),
        named("a").object(),
        named("b").object(),
    ];
    assert_eq!(
        advice(&index(36, objects), RULE, Kind::Deployment, "shop/web"),
        "keep one of a and b and remove the others (kubectl -n shop delete poddisruptionbudget NAME), or narrow their \
         selectors so that no pod is selected twice"
    );
}
