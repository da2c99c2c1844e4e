//! Who is looked at when something changes that it requires.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::requires::{self, REQUIRES_ANNOTATION};
use crate::model::testing::{cases, labels, namespace, service};
use crate::model::version::PodVersion;
use crate::model::workload::Workload;

fn dependent(path: &str, requires: &str) -> Workload {
    deployment(path).annotated(REQUIRES_ANNOTATION, requires)
}

/// A pod of `<name>-rs` that says its version.
fn versioned(path: &str, version: &str) -> Object {
    let mut made = pod(path).on("n1");
    made.shape.version = PodVersion::of(Some(version), None, None);
    made.object()
}

fn marked(dirty: &Dirty) -> Vec<String> {
    dirty.workloads.iter().map(ObjectKey::path).collect()
}

#[test]
fn a_dependent_is_marked_with_what_it_names_also_in_another_namespace() {
    let mut index = settled([
        dependent("shop/api", "data/proxy >= 1").object(),
        dependent("shop/web", "api >= 1").object(),
        deployment("data/proxy").object(),
        replica_set("data/proxy").object(),
        deployment("data/other").object(),
        replica_set("data/other").object(),
    ]);
    let dirty = marks(&mut index, versioned("data/proxy-1", "1.0.0"));
    assert_eq!(
        marked(&dirty),
        ["data/proxy", "shop/api"],
        "not whoever requires that one in turn"
    );
    let dirty = marks(&mut index, versioned("data/other-1", "1.0.0"));
    assert_eq!(marked(&dirty), ["data/other"]);
    let dirty = marks(&mut index, Object::Namespace(namespace("data", &[("a", "b")])));
    assert_eq!(
        marked(&dirty),
        ["data/other", "data/proxy", "shop/api"],
        "it may say who may ask"
    );
    index.apply(deployment("shop/api").object(), Moment(2));
    index.take_dirty();
    let dirty = marks(&mut index, versioned("data/proxy-2", "1.0.0"));
    assert_eq!(marked(&dirty), ["data/proxy"], "it requires nothing any more");
}

#[test]
fn a_dependent_on_a_service_is_marked_with_everything_that_the_service_may_select() {
    let rollout =
        workload(Kind::ReplicaSet, "data/proxy-rs").owned_by("argoproj.io/v1alpha1", "Rollout", "proxy");
    let mut index = settled([
        dependent("shop/api", "data/service/proxy >= 1").object(),
        rollout.clone().object(),
    ]);
    let mut marks_api = |object: Object| marked(&marks(&mut index, object)).contains(&"shop/api".to_owned());
    assert!(
        marks_api(Object::Service(service("data/proxy"))),
        "the Service comes"
    );
    assert!(
        !marks_api(Object::Service(service("data/proxy"))),
        "the same again"
    );
    assert!(marks_api(versioned("data/proxy-1", "1.0.0")), "a pod");
    assert!(
        marks_api(
            rollout
                .with(|set| set.template.labels = labels(&[("app", "x")]))
                .object()
        ),
        "other labels"
    );
    assert!(!marks_api(versioned("shop/proxy-1", "1.0.0")), "a pod elsewhere");
    index.delete(&key(Kind::Service, "data/proxy"));
    assert_eq!(marked(&index.take_dirty()), ["shop/api"]);
}

#[test]
fn where_nobody_requires_anything_nothing_is_kept() {
    let index = settled([deployment("shop/web").object(), replica_set("shop/web").object()]);
    assert!(index.dependents.is_empty());
    let mut index = settled([dependent("shop/api", "a =1, b =1, {c} =1").object()]);
    index.delete(&key(Kind::Deployment, "shop/api"));
    assert!(index.dependents.is_empty());
    index.take_dirty();
    assert_eq!(
        format!("{:?}", index.dependents),
        format!("{:?}", super::super::requires::Dependents::default())
    );
}

#[test]
fn replica_sets_that_have_no_pods_keep_no_labels() {
    let set = |wanted: i32, there: i32| {
        let made = replica_set("shop/web").replicas(wanted);
        made.with(|set| set.status.replicas = there).object()
    };
    let mut index = settled([deployment("shop/web").object()]);
    for (wanted, there, kept) in [(0, 0, 0), (1, 0, 1), (1, 1, 1), (0, 1, 1), (0, 0, 0)] {
        index.apply(set(wanted, there), Moment(1));
        let labels = index.owners.all().filter(|owner| owner.labels.is_some()).count();
        assert_eq!(labels, kept, "{there} of {wanted}");
    }
}

/// What serves of everything that a workload requires.
type Answer = Vec<(String, Vec<Option<String>>, Vec<Option<String>>)>;

fn answer(index: &Index, key: &ObjectKey) -> Option<Answer> {
    let view = index.view(key)?;
    let text = view.workload().annotation(REQUIRES_ANNOTATION)?;
    let asked = requires::parse(text).into_iter().flatten().map(|requirement| {
        let target = requirement.target;
        let namespace = target.namespace.clone().unwrap_or_else(|| key.namespace.clone());
        let serving = view.serving(&namespace, &target.what);
        let said = |versions: std::collections::BTreeSet<Option<PodVersion>>| {
            versions.into_iter().map(|v| v.map(|v| v.to_string())).collect()
        };
        (target.to_string(), said(serving.ready), said(serving.templates))
    });
    Some(asked.collect())
}

const NAMESPACES: [&str; 2] = ["shop", "data"];

fn objects() -> impl Strategy<Value = Object> {
    let place = || {
        (
            prop::sample::select(&NAMESPACES[..]),
            prop::sample::select(&["a", "b"][..]),
        )
    };
    let version = || prop::sample::select(&["1.0.0", "2.0.0"][..]);
    let app = || prop::sample::select(&["a", "b"][..]);
    let pods = (place(), version(), 0..3u8, any::<bool>(), any::<bool>()).prop_map(
        |((ns, set), version, n, ready, gone)| {
            let mut made = pod(&format!("{ns}/{set}-{n}"));
            made.shape.version = PodVersion::of(Some(version), None, None);
            made.ready = ready;
            if gone { made.terminating(wall(30)) } else { made }.object()
        },
    );
    let owner = prop_oneof![
        Just(Some(("apps/v1", "Deployment"))),
        Just(Some(("argoproj.io/v1alpha1", "Rollout"))),
        Just(None)
    ];
    let sets = (place(), owner, app(), 0..2i32).prop_map(|((ns, name), owner, app, replicas)| {
        let made = workload(Kind::ReplicaSet, &format!("{ns}/{name}-rs")).replicas(replicas);
        let made = made.with(|set| set.template.labels = labels(&[("app", app)]));
        match owner {
            Some((version, kind)) => made.owned_by(version, kind, name),
            None => made,
        }
        .object()
    });
    let requires = prop::sample::select(
        &[
            "",
            "a =1",
            "data/b =1, a =1",
            "data/{app=a} =1",
            "service/a =1",
            "{app in (a,b)} =1, shop/a =2",
        ][..],
    );
    let roots = (place(), requires, app(), 0..2i32).prop_map(|((ns, name), requires, app, replicas)| {
        let made = deployment(&format!("{ns}/{name}")).replicas(replicas);
        let made = made.with(|d| d.template.labels = labels(&[("app", app)]));
        let made = if requires.is_empty() {
            made
        } else {
            made.annotated(REQUIRES_ANNOTATION, requires)
        };
        made.object()
    });
    let services = (place(), app()).prop_map(|((ns, name), app)| {
        let mut made = service(&format!("{ns}/{name}"));
        made.selector = labels(&[("app", app)]);
        Object::Service(made)
    });
    let bare = (place(), any::<bool>()).prop_map(|((ns, app), ready)| {
        let made = workload(Kind::Pod, &format!("{ns}/{app}-0"));
        made.with(|pod| {
            pod.template.labels = labels(&[("app", app)]);
            pod.status.ready = i32::from(ready);
        })
        .object()
    });
    prop_oneof![4 => pods, 2 => sets, 3 => roots, 1 => services, 1 => bare]
}

proptest! {
    #![proptest_config(cases(768))]

    #[test]
    fn what_is_marked_is_enough_and_the_order_of_arrival_changes_nothing(
        events in prop::collection::vec((objects(), prop::bool::weighted(0.25)), 0..40),
        seed: u32,
    ) {
        let mut index = Index::complete(ClusterVersion::NEWEST);
        let mut left: BTreeMap<ObjectKey, Object> = BTreeMap::new();
        let mut answers: BTreeMap<ObjectKey, Answer> = BTreeMap::new();
        for (object, gone) in events {
            let key = object.key();
            if gone {
                left.remove(&key);
                index.delete(&key);
            } else {
                left.insert(key, object.clone());
                index.apply(object, Moment(0));
            }
            for key in index.take_dirty().workloads {
                match answer(&index, &key) {
                    Some(answer) => drop(answers.insert(key, answer)),
                    None => drop(answers.remove(&key)),
                }
            }
        }
        let asked = |index: &Index| -> BTreeMap<ObjectKey, Answer> {
            let keys = index.workload_keys().into_iter();
            keys.filter_map(|key| Some((key.clone(), answer(index, &key)?))).collect()
        };
        prop_assert_eq!(&asked(&index), &answers);
        let mut again: Vec<(u32, Object)> = left
            .into_iter()
            .map(|(key, object)| (crate::model::text::fnv32(&format!("{seed}{key}")), object))
            .collect();
        again.sort_by_key(|(order, _)| *order);
        let mut other = Index::complete(ClusterVersion::NEWEST);
        again.into_iter().for_each(|(_, object)| other.apply(object, Moment(0)));
        prop_assert_eq!(asked(&other), answers);
        for key in index.workload_keys() {
            index.delete(&key);
        }
        index.take_dirty();
        prop_assert!(index.dependents.is_empty());
    }
}
