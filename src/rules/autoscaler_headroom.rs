//! # autoscaler-headroom
//!
//! An autoscaler has room to add replicas.
//!
//! ## Why
//!
//! Whoever has an autoscaler believes that more load means more replicas. At its maximum it means more load on the same ones,
//! and nobody is told: the autoscaler is content, its conditions are green. When one of the replicas is then lost, the others
//! carry its part on top, with nobody to join them. On 22 January 2024 Astro's API ran as few large pods, and each that
//! crashed took a big part of the capacity with it; what was wanted afterwards was a larger number, and room for it.
//!
//! ## When it fails
//!
//! * Minimum and maximum are the same: it is an autoscaler in name only.
//! * In a cluster: the workload runs at the maximum now. If the metrics ask for more (`ScalingLimited` with the reason
//!   `TooManyReplicas`) the message says so.
//!
//! ## Example
//!
//! Bad:
//!
//! ```yaml
//! apiVersion: autoscaling/v2
//! kind: HorizontalPodAutoscaler
//! spec:
//!   minReplicas: 4
//!   maxReplicas: 4
//! ```
//!
//! Good:
//!
//! ```yaml
//! apiVersion: autoscaling/v2
//! kind: HorizontalPodAutoscaler
//! spec:
//!   minReplicas: 4
//!   maxReplicas: 12
//! ```
//!
//! ## Remedy
//!
//! Raise the maximum, once the nodes (or the cluster autoscaler), the database behind and the budget have room for it; or
//! remove an autoscaler that is none and set `spec.replicas`. How far is for people to say.
//!
//! ## Options
//!
//! None.
//!
//! ## What it does not judge
//!
//! Whether the nodes have room for more, autoscalers that are switched off by `replicas: 0`, and ScaledObjects that are
//! paused.

use super::{Answers, Question, Rule};
use crate::index::{FloorSource, WorkloadView};
use crate::model::autoscaler::{Autoscaler, Headroom, Pause};
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::keys::Kind;
use crate::model::text::count;

pub(super) const RULE: Rule = Rule {
    name: "autoscaler-headroom",
    severity: Severity::Info,
    summary: "its autoscaler has no room: its minimum is its maximum, or it runs at the maximum now",
    template_only: false,
    needs: &[Kind::HorizontalPodAutoscaler, Kind::ScaledObject],
    check,
    source: include_str!("autoscaler_headroom.rs"),
};

fn check(question: &Question<'_>) -> Answers {
    let view = &question.view;
    let answers: Vec<Outcome> = view
        .autoscalers()
        .map(|autoscaler| judge(view, autoscaler))
        .collect();
    worst(answers).into()
}

/// Of several autoscalers the one with the least room is told of: `autoscaler-conflict` tells of the others.
fn worst(answers: Vec<Outcome>) -> Outcome {
    let order = |outcome: &Outcome| match outcome {
        Outcome::Fail(_) => 0,
        Outcome::Unknown(_) => 1,
        Outcome::Pass(_) => 2,
        Outcome::Exempt(_) | Outcome::NotApplicable(_) => 3,
    };
    let none = || Outcome::NotApplicable("no autoscaler scales it".to_owned());
    answers.into_iter().min_by_key(order).unwrap_or_else(none)
}

fn judge(view: &WorkloadView<'_>, autoscaler: &Autoscaler) -> Outcome {
    let source = FloorSource::from(autoscaler);
    if autoscaler.keda().is_some_and(|keda| keda.pause != Pause::Running) {
        return Outcome::NotApplicable(format!("{source} is paused"));
    }
    let (min, max) = autoscaler.fields();
    let (Some(replicas), Some(floor), Some(most)) =
        (view.workload().desired(), autoscaler.floor(), autoscaler.most())
    else {
        return Outcome::Unknown(format!(
            "spec.{min} or spec.{max} of {source} is not a number of replicas"
        ));
    };
    if !autoscaler.acts(replicas) {
        return Outcome::NotApplicable(format!("spec.replicas is 0, which switches {source} off"));
    }
    let of = autoscaler.key();
    if floor >= most {
        let found = format!("spec.{min} and spec.{max} of {of} are both {most}");
        let found = match floor > most {
            true => format!("spec.{min} of {of} is above its spec.{max} {most}"),
            false => found,
        };
        return full(
            "it stays as it is, whatever the load".to_owned(),
            found,
            autoscaler,
            most,
        );
    }
    // KEDA's own tells how it fares.
    let scaling = match autoscaler.keda() {
        Some(_) => view.made_by(autoscaler),
        None => Some(autoscaler),
    };
    let headroom = scaling
        .and_then(|scaling| scaling.horizontal())
        .map(|own| own.headroom);
    let found = |more: &str| {
        format!(
            "{} {} runs at spec.{max} {most} of {of}{more}",
            view.key().kind,
            view.key().name
        )
    };
    match headroom.unwrap_or_default() {
        Headroom::Some => Outcome::Pass(Some(format!("{} at most, by {source}", count(most, "replica")))),
        Headroom::None => full(
            "more load meets no more replicas".to_owned(),
            found(""),
            autoscaler,
            most,
        ),
        Headroom::Wanted => full(
            "it needs more replicas than it may have".to_owned(),
            found(", and its metrics ask for more"),
            autoscaler,
            most,
        ),
    }
}

fn full(impact: String, found: String, autoscaler: &Autoscaler, most: u32) -> Outcome {
    let (_, max) = autoscaler.fields();
    let of = autoscaler.key();
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(impact, found, format!("raise {max}")),
        remedy: Some(Remedy::Advice(format!(
            "raise spec.{max} of {of} above {most}, if the nodes and what the pods depend on have room for more"
        ))),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::model::autoscaler::{Autoscaler, Headroom, Pause};
    use crate::model::field::Field;
    use crate::model::keys::Kind;
    use crate::model::testing::{deployment, hpa, scaled_object};
    use crate::model::workload::Workload;
    use crate::rules::tests::{advice, index, lines};

    const RULE: &str = "autoscaler-headroom";

    fn web() -> Workload {
        deployment("shop/web").replicas(5)
    }

    fn at(headroom: Headroom) -> Autoscaler {
        hpa("shop/web", Some(2), 5).horizontal_with(|own| own.headroom = headroom)
    }

    /// A ScaledObject whose own autoscaler says this of itself.
    fn keda(headroom: Headroom) -> Vec<Autoscaler> {
        let made = at(headroom).named("keda-hpa-web").made_by("web");
        vec![made, scaled_object("shop/web", Some(2), Some(5))]
    }

    #[rstest]
    #[case::no_autoscaler(web(), vec![], "notApplicable: no autoscaler scales it")]
    #[case::room(
        web(),
        vec![at(Headroom::Some)],
        "pass: 5 replicas at most, by HorizontalPodAutoscaler web"
    )]
    #[case::one_replica_at_least_and_at_most(
        web(),
        vec![hpa("shop/web", None, 1)],
        "fail info: it stays as it is, whatever the load: spec.minReplicas and spec.maxReplicas of \
         HorizontalPodAutoscaler shop/web are both 1; raise maxReplicas"
    )]
    #[case::the_minimum_above_the_maximum(
        web(),
        vec![hpa("shop/web", Some(6), 5)],
        "fail info: it stays as it is, whatever the load: spec.minReplicas of HorizontalPodAutoscaler shop/web is above \
         its spec.maxReplicas 5; raise maxReplicas"
    )]
    #[case::at_the_maximum(
        web(),
        vec![at(Headroom::None)],
        "fail info: more load meets no more replicas: Deployment web runs at spec.maxReplicas 5 of \
         HorizontalPodAutoscaler shop/web; raise maxReplicas"
    )]
    #[case::wanting_more(
        web(),
        vec![at(Headroom::Wanted)],
        "fail info: it needs more replicas than it may have: Deployment web runs at spec.maxReplicas 5 of \
         HorizontalPodAutoscaler shop/web, and its metrics ask for more; raise maxReplicas"
    )]
    #[case::switched_off(
        web().replicas(0),
        vec![hpa("shop/web", Some(5), 5)],
        "notApplicable: spec.replicas is 0, which switches HorizontalPodAutoscaler web off"
    )]
    #[case::invalid(
        web(),
        vec![Autoscaler { max: Field::Invalid, ..at(Headroom::None) }],
        "unknown: spec.minReplicas or spec.maxReplicas of HorizontalPodAutoscaler web is not a number of replicas"
    )]
    #[case::kedas_room(web(), keda(Headroom::Some), "pass: 5 replicas at most, by ScaledObject web")]
    #[case::kedas_room_before_its_own_autoscaler_is_there(
        web(),
        vec![scaled_object("shop/web", None, None)],
        "pass: 100 replicas at most, by ScaledObject web"
    )]
    #[case::at_kedas_maximum(
        web(),
        keda(Headroom::None),
        "fail info: more load meets no more replicas: Deployment web runs at spec.maxReplicaCount 5 of ScaledObject \
         shop/web; raise maxReplicaCount"
    )]
    #[case::pinned_by_keda(
        web(),
        vec![scaled_object("shop/web", Some(3), Some(3))],
        "fail info: it stays as it is, whatever the load: spec.minReplicaCount and spec.maxReplicaCount of ScaledObject \
         shop/web are both 3; raise maxReplicaCount"
    )]
    #[case::on_or_off_by_keda(
        web(),
        vec![scaled_object("shop/web", None, Some(1))],
        "pass: 1 replica at most, by ScaledObject web"
    )]
    #[case::paused(
        web(),
        vec![scaled_object("shop/web", Some(3), Some(3)).keda_with(|k| k.pause = Pause::Standing)],
        "notApplicable: ScaledObject web is paused"
    )]
    #[case::held(
        web(),
        vec![scaled_object("shop/web", Some(3), Some(3)).keda_with(|k| k.pause = Pause::At(Field::Set(3)))],
        "notApplicable: ScaledObject web is paused"
    )]
    #[case::of_two_the_one_without_room(
        web(),
        vec![at(Headroom::Some), at(Headroom::None).named("more")],
        "fail info: more load meets no more replicas: Deployment web runs at spec.maxReplicas 5 of \
         HorizontalPodAutoscaler shop/more; raise maxReplicas"
    )]
    fn an_autoscaler_has_room(
        #[case] workload: Workload,
        #[case] autoscalers: Vec<Autoscaler>,
        #[case] expected: &str,
    ) {
        let objects = autoscalers.into_iter().map(Autoscaler::object);
        let index = index(36, [workload.object()].into_iter().chain(objects));
        assert_eq!(lines(&index, RULE, Kind::Deployment, "shop/web"), [expected]);
    }

    #[test]
    fn how_far_to_raise_it_is_for_people_to_say() {
        let index = index(36, [web().object(), at(Headroom::None).object()]);
        assert_eq!(
            advice(&index, RULE, Kind::Deployment, "shop/web"),
            "raise spec.maxReplicas of HorizontalPodAutoscaler shop/web above 5, if the nodes and what the pods depend on \
             have room for more"
        );
    }
}
