//! What people add to be safer never makes the rule about it worse. (Of budgets `pdb_missing` shows it. One exception stands
//! in `pod_spread`: a soft constraint over a label that nodes lack takes those nodes out of all the others. Here are no
//! nodes.)

use proptest::prelude::*;

use super::{ask, index};
use crate::model::context::LimitRangeType;
use crate::model::field::Field;
use crate::model::finding::Severity;
use crate::model::keys::Kind;
use crate::model::node::{HOSTNAME_LABEL, ZONE_LABEL};
use crate::model::object::Object;
use crate::model::quantity::Quantity;
use crate::model::selector::{LabelSelector, Labels};
use crate::model::template::{
    AntiAffinityTerm, Container, ContainerRole, SpreadConstraint, WhenUnsatisfiable,
};
use crate::model::testing::{
    apart, cases, container, deployment, labels, limit_range, selector, spread, stateful_set,
};
use crate::model::workload::Workload;

/// How many rows of a rule fail at least as badly as each severity, the mildest first. That replicas which must be kept
/// apart may block a rollout (`rollout`) is what comes of it, and another matter.
fn badness(objects: &[Object], rule: &str, kind: Kind) -> [usize; 3] {
    let index = index(36, objects.iter().cloned());
    let results = ask(&index, rule, kind, "shop/web");
    assert!(!results.is_empty());
    let fails = |least: Severity| {
        let mine = results.iter().filter(|r| r.subject.as_deref() != Some("rollout"));
        mine.filter(|r| r.severity().is_some_and(|severity| severity >= least))
            .count()
    };
    [Severity::Info, Severity::Warning, Severity::Critical].map(fails)
}

fn no_worse(before: [usize; 3], after: [usize; 3]) -> bool {
    before.iter().zip(after).all(|(before, after)| after <= *before)
}

fn amount() -> impl Strategy<Value = Field<Quantity>> {
    prop::option::of(prop::sample::select(vec!["0", "1Mi", "64Mi", "1Gi"]))
        .prop_map(|text| text.map(|text| text.parse().expect("a quantity")).into())
}

fn any_container() -> impl Strategy<Value = Container> {
    let role = prop::sample::select(vec![
        ContainerRole::App,
        ContainerRole::Init,
        ContainerRole::Sidecar,
    ]);
    (role, amount(), amount()).prop_map(|(role, memory_limit, memory_request)| Container {
        role,
        memory_limit,
        memory_request,
        ..container("")
    })
}

fn is_deployment() -> impl Strategy<Value = bool> {
    any::<bool>()
}

fn web(deployed: bool) -> Workload {
    if deployed {
        deployment("shop/web")
    } else {
        stateful_set("shop/web")
    }
}

fn selects() -> impl Strategy<Value = Option<LabelSelector>> {
    prop_oneof![
        Just(None),
        Just(Some(LabelSelector::default())),
        Just(Some(selector(&[("app", "web")]))),
        Just(Some(selector(&[("app", "api")]))),
        Just(Some(selector(&[("app", "web"), ("tier", "a")]))),
    ]
}

fn topology_key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![HOSTNAME_LABEL, ZONE_LABEL, "rack", ""])
}

fn constraint() -> impl Strategy<Value = SpreadConstraint> {
    let skew = prop::sample::select(vec![Field::Absent, Field::Invalid, Field::Set(1), Field::Set(5)]);
    let when = prop::sample::select(vec![
        Field::Absent,
        Field::Set(WhenUnsatisfiable::DoNotSchedule),
        Field::Set(WhenUnsatisfiable::ScheduleAnyway),
    ]);
    (topology_key(), selects(), skew, when, any::<bool>()).prop_map(
        |(key, selects, max_skew, when_unsatisfiable, by_revision)| SpreadConstraint {
            max_skew,
            when_unsatisfiable,
            match_label_keys: by_revision
                .then(|| "pod-template-hash".into())
                .into_iter()
                .collect(),
            ..spread(key, selects)
        },
    )
}

fn term() -> impl Strategy<Value = AntiAffinityTerm> {
    let namespaces = prop::sample::select(vec![vec![], vec!["shop"], vec!["bank"]]);
    (topology_key(), selects(), any::<bool>(), namespaces).prop_map(|(key, selects, required, namespaces)| {
        AntiAffinityTerm {
            required,
            namespaces: namespaces.into_iter().map(Into::into).collect(),
            ..apart(key, selects)
        }
    })
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_limit_that_is_added_never_makes_memory_limit_worse(
        containers in prop::collection::vec(any_container(), 1..4),
        pod_limit in amount(),
        default in prop::option::of(prop::sample::select(vec!["64Mi", "1Gi"])),
        nth: prop::sample::Index,
        deployed in is_deployment(),
    ) {
        let named = |mut all: Vec<Container>| {
            for (i, one) in all.iter_mut().enumerate() {
                one.name = format!("c{i}").into();
            }
            all
        };
        let of = |containers: &[Container]| {
            let workload = web(deployed).containers(named(containers.to_vec()));
            let range = limit_range("shop/limits", LimitRangeType::Container, default, Some("2Gi"));
            let workload = workload.with(|w| w.template.pod_memory_limit = pod_limit);
            [workload.object(), Object::LimitRange(range)]
        };
        let kind = web(deployed).key.kind;
        let mut limited = containers.clone();
        let at = nth.index(limited.len());
        limited[at].memory_limit = Field::Set("1Gi".parse().expect("a quantity"));
        let (before, after) = (badness(&of(&containers), "memory-limit", kind), badness(&of(&limited), "memory-limit", kind));
        prop_assert!(no_worse(before, after), "{before:?}, then {after:?}");
    }

    #[test]
    fn a_term_that_is_added_never_makes_pod_spread_worse(
        constraints in prop::collection::vec(constraint(), 0..3),
        terms in prop::collection::vec(term(), 0..3),
        (new_constraint, new_term) in (prop::option::of(constraint()), prop::option::of(term())),
        replicas in 0..4_i32,
        tiered in any::<bool>(),
        deployed in is_deployment(),
    ) {
        let of = |constraints: Vec<SpreadConstraint>, terms: Vec<AntiAffinityTerm>| {
            let own: Labels = if tiered { labels(&[("app", "web"), ("tier", "a")]) } else { labels(&[("app", "web")]) };
            let workload = web(deployed).replicas(replicas).with(|w| {
                w.template.labels = own;
                w.template.spread = constraints;
                w.template.anti_affinity = terms;
            });
            badness(&[workload.object()], "pod-spread", web(deployed).key.kind)
        };
        let before = of(constraints.clone(), terms.clone());
        let after = of(
            constraints.into_iter().chain(new_constraint).collect(),
            terms.into_iter().chain(new_term).collect(),
        );
        prop_assert!(no_worse(before, after), "{before:?}, then {after:?}");
    }
}
