//! Who shares a budget with whom: what a change of one workload marks beside it.

use std::collections::BTreeSet;

use super::*;
use crate::index::{Allowance, BudgetView};
use crate::model::budget::DisruptionBudget;
use crate::model::field::Field;
use crate::model::selector::LabelSelector;
use crate::model::testing::{budget, hpa, labels, selector};
use crate::model::workload::Workload;

/// A Deployment whose pods are labelled `app: <name>, team: <team>`.
fn of_team(path: &str, team: &str) -> Workload {
    let app = path.rsplit('/').next().expect("a name").to_owned();
    let workload = deployment(path).replicas(3);
    workload.with(|w| w.template.labels = labels(&[("app", &app), ("team", team)]))
}

/// `web` and `api` under one budget of team a, `db` of team b, and one elsewhere.
fn teams() -> Index {
    settled([
        of_team("shop/web", "a").object(),
        of_team("shop/api", "a").object(),
        of_team("shop/db", "b").object(),
        of_team("other/web", "a").object(),
        shared().object(),
    ])
}

fn shared() -> DisruptionBudget {
    budget("shop/shared").selecting(selector(&[("team", "a")]))
}

fn keys<const N: usize>(paths: [&str; N]) -> BTreeSet<ObjectKey> {
    paths
        .into_iter()
        .map(|path| key(Kind::Deployment, path))
        .collect()
}

#[test]
fn a_workload_whose_replicas_change_marks_those_under_its_budget() {
    let mut index = teams();
    let more = of_team("shop/web", "a").replicas(4);
    assert_eq!(
        marks(&mut index, more.object()).workloads,
        keys(["shop/web", "shop/api"])
    );
    let alone = of_team("shop/db", "b").replicas(4);
    assert_eq!(marks(&mut index, alone.object()).workloads, keys(["shop/db"]));
}

#[test]
fn what_does_not_change_how_many_pods_there_are_marks_nobody_else() {
    let mut index = teams();
    let rolled = of_team("shop/web", "a")
        .with(|w| w.status.updated = 1)
        .generation(7);
    assert_eq!(marks(&mut index, rolled.object()).workloads, keys(["shop/web"]));
}

#[test]
fn a_workload_that_comes_or_goes_marks_those_under_its_budget() {
    let mut index = teams();
    let new = of_team("shop/new", "a");
    assert_eq!(
        marks(&mut index, new.object()).workloads,
        keys(["shop/new", "shop/web", "shop/api"])
    );
    assert_eq!(
        marks_gone(&mut index, Kind::Deployment, "shop/new").workloads,
        keys(["shop/new", "shop/web", "shop/api"])
    );
    let agent = workload(Kind::DaemonSet, "shop/agent");
    let agent = agent.with(|w| w.template.labels = labels(&[("team", "a")]));
    let mut expected = keys(["shop/web", "shop/api"]);
    expected.insert(key(Kind::DaemonSet, "shop/agent"));
    assert_eq!(marks(&mut index, agent.object()).workloads, expected);
    assert_eq!(
        marks_gone(&mut index, Kind::DaemonSet, "shop/agent").workloads,
        expected
    );
}

#[test]
fn a_workload_whose_labels_change_marks_those_it_leaves_and_those_it_joins() {
    let mut index = teams();
    let other = budget("shop/other").selecting(selector(&[("team", "b")]));
    marks(&mut index, other.object());
    let turned = of_team("shop/web", "b");
    assert_eq!(
        marks(&mut index, turned.object()).workloads,
        keys(["shop/web", "shop/api", "shop/db"])
    );
}

#[test]
fn an_autoscaler_marks_those_under_its_targets_budget() {
    let both = || keys(["shop/web", "shop/api"]);
    let mut index = teams();
    assert_eq!(
        marks(&mut index, hpa("shop/web", Some(2), 5).object()).workloads,
        both()
    );
    assert_eq!(
        marks(&mut index, hpa("shop/web", Some(4), 5).object()).workloads,
        both()
    );
    assert_eq!(
        marks_gone(&mut index, Kind::HorizontalPodAutoscaler, "shop/web").workloads,
        both()
    );
}

#[test]
fn a_budget_marks_what_it_selects_selected_and_would_be_named_by() {
    let mut index = teams();
    assert_eq!(
        marks(&mut index, shared().min_available(1).object()).workloads,
        keys(["shop/web", "shop/api"])
    );
    let turned = shared().selecting(selector(&[("team", "b")]));
    assert_eq!(
        marks(&mut index, turned.object()).workloads,
        keys(["shop/web", "shop/api", "shop/db"])
    );
    let of_its_name = budget("shop/web").selecting(selector(&[("team", "nobody")]));
    assert_eq!(
        marks(&mut index, of_its_name.object()).workloads,
        keys(["shop/web"])
    );
    let refused = DisruptionBudget {
        selector: Field::Invalid,
        ..budget("shop/refused")
    };
    let all = || keys(["shop/web", "shop/api", "shop/db"]);
    assert_eq!(marks(&mut index, refused.object()).workloads, all());
    assert_eq!(
        marks_gone(&mut index, Kind::PodDisruptionBudget, "shop/refused").workloads,
        all()
    );
}

/// The remedy of one depends on whether its labels are also others'.
#[test]
fn a_workload_marks_those_whose_labels_it_has_too() {
    let mut index = settled([deployment("shop/web").object(), deployment("shop/api").object()]);
    let alike =
        of_team("shop/agent", "a").with(|w| w.template.labels = labels(&[("app", "web"), ("x", "y")]));
    assert_eq!(
        marks(&mut index, alike.object()).workloads,
        keys(["shop/web", "shop/agent"])
    );
}

fn view<'a>(index: &'a Index, path: &str) -> Vec<BudgetView<'a>> {
    let view = index.view(&key(Kind::Deployment, path)).expect("a workload");
    view.budgets().collect()
}

#[test]
fn a_budget_counts_the_floors_of_all_that_it_selects() {
    let mut index = teams();
    marks(&mut index, shared().min_available(5).object());
    let budgets = view(&index, "shop/web");
    assert_eq!(budgets.len(), 1);
    assert_eq!(
        (budgets[0].floor(), budgets[0].allowance()),
        (6, Allowance::Pods(1))
    );
    let names: Vec<_> = budgets[0].workloads().iter().map(|w| w.key().path()).collect();
    assert_eq!(names, ["shop/api", "shop/web"], "by key, whatever came first");
    assert!(view(&index, "shop/db").is_empty() && view(&index, "other/web").is_empty());
    marks(&mut index, hpa("shop/web", Some(1), 5).object());
    assert_eq!(view(&index, "shop/api")[0].allowance(), Allowance::Pods(0));
}

#[test]
fn a_replica_set_of_a_deployment_is_not_counted_beside_it() {
    let all = budget("shop/all")
        .selecting(LabelSelector::default())
        .min_available(2);
    let index = settled([
        deployment("shop/web").replicas(3).object(),
        replica_set("shop/web").replicas(3).object(),
        pod("shop/web-1").on("n1").object(),
        all.object(),
    ]);
    assert_eq!(view(&index, "shop/web")[0].allowance(), Allowance::Pods(1));
}
