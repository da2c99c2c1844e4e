//! # autoscaler-blind
//!
//! An autoscaler sees what it is to go by, and can act on it.
//!
//! ## Why
//!
//! An autoscaler that cannot read its metrics does nothing, at whatever number of replicas it happens to stand: at night's
//! two when the morning comes, and nobody is told, because nothing has failed yet. On 22 January 2024 Astro's API stood at
//! its autoscaling group's minimum, which was too small, while replica after replica crashed. Where the minimum is what is
//! run because the autoscaler is blind, the same day comes without anybody's having chosen that number.
//!
//! ## When it fails
//!
//! In a cluster, and when it has been so for 5 minutes by the control plane's own stamps: a metrics server that
//! restarts is back before that.
//!
//! * The HorizontalPodAutoscaler's condition `ScalingActive` is False: its metrics cannot be read, or its selector fits
//!   nothing. The reason `ScalingDisabled` does not count: replicas are 0, and it is off on purpose.
//! * Its condition `AbleToScale` is False: the target's scale cannot be read or written.
//! * KEDA says of a ScaledObject that it is not `Ready`, or that its `Fallback` is active. KEDA does not say since when, so
//!   these count at once; it has waited for several failures by itself before a fallback. The HorizontalPodAutoscaler that
//!   KEDA makes for it is judged too.
//!
//! A condition that is not there yet is `unknown`, not a pass.
//!
//! ## Example
//!
//! Bad (as `kubectl describe hpa` shows it):
//!
//! ```text
//! Conditions:
//!   Type           Status  Reason
//!   AbleToScale    True    SucceededGetScale
//!   ScalingActive  False   FailedGetResourceMetric
//! ```
//!
//! Good: both True.
//!
//! ## Remedy
//!
//! By the reason: bring the metrics server or the adapter back, give every container a request for the resource that the
//! metric is a percentage of, or mend the selector. Until then set a number of replicas that carries the peak by hand.
//!
//! ## Options
//!
//! None.
//!
//! ## What it does not judge
//!
//! Manifests: they do not tell how an autoscaler fares. Whether the metrics are the right ones, and whether a
//! HorizontalPodAutoscaler would be alive at all if its controller were down.

use jiff::{SignedDuration, Timestamp};

use super::{Answers, Question, Rule};
use crate::index::{FloorSource, WorkloadView};
use crate::model::autoscaler::{Autoscaler, Condition, Pause};
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::keys::{Kind, Name};
use crate::model::text::{clip, count};

pub(super) const RULE: Rule = Rule {
    name: "autoscaler-blind",
    severity: Severity::Warning,
    summary: "its autoscaler has not been able to read its metrics, or to scale, for 5 minutes",
    template_only: false,
    needs: &[Kind::HorizontalPodAutoscaler, Kind::ScaledObject],
    check,
    source: include_str!("autoscaler_blind.rs"),
};

/// How long a condition must have been False: longer than a metrics server takes to restart, and as long as the autoscaler
/// itself remembers what it wanted before (its default scale-down stabilisation).
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);
/// Longest reason that is repeated.
const MAX_REASON: usize = 60;

fn check(question: &Question<'_>) -> Answers {
    let view = &question.view;
    if view.is_of_files() {
        return Outcome::NotApplicable("manifests do not tell how an autoscaler fares".to_owned()).into();
    }
    let all: Vec<(&Autoscaler, Sight)> = view
        .autoscalers()
        .flat_map(|autoscaler| looks(view, autoscaler))
        .collect();
    let mut due = None;
    let (mut unknown, mut sees, mut off) = (None, None, None);
    for (autoscaler, sight) in all {
        match sight {
            Sight::Blind(why) if why.lasts(question.now) => return blind(view, autoscaler, &why).into(),
            Sight::Blind(why) => {
                let at = why.since.and_then(|since| since.checked_add(PATIENCE).ok());
                due = due.into_iter().chain(at).min();
                sees = sees.or(Some(autoscaler));
            }
            Sight::Unknown(condition) => unknown = unknown.or(Some((autoscaler, condition))),
            Sight::Sees => sees = sees.or(Some(autoscaler)),
            Sight::Off => off = off.or(Some(autoscaler)),
        }
    }
    let outcome = match (unknown, sees, off) {
        (Some((autoscaler, condition)), ..) => {
            let source = FloorSource::from(autoscaler);
            Outcome::Unknown(format!("{source} has no condition {condition} yet"))
        }
        (None, Some(_), _) => Outcome::Pass(None),
        (None, None, Some(autoscaler)) => {
            Outcome::NotApplicable(format!("{} is off", FloorSource::from(autoscaler)))
        }
        (None, None, None) => Outcome::NotApplicable("no autoscaler scales it".to_owned()),
    };
    Answers {
        due,
        ..outcome.into()
    }
}

/// What one condition says.
enum Sight {
    Sees,
    Blind(Why),
    /// It is off on purpose.
    Off,
    /// The condition of that type is not there.
    Unknown(&'static str),
}

/// Why it is blind.
struct Why {
    /// `ScalingActive False (FailedGetResourceMetric)`.
    what: String,
    reason: Name,
    /// Since when, where that is known.
    since: Option<Timestamp>,
}

impl Why {
    fn lasts(&self, now: Timestamp) -> bool {
        self.since
            .is_none_or(|since| now.duration_since(since) >= PATIENCE)
    }
}

/// What the conditions of an autoscaler say, those of the one that KEDA makes for it too.
fn looks<'a>(view: &WorkloadView<'a>, autoscaler: &'a Autoscaler) -> Vec<(&'a Autoscaler, Sight)> {
    let Some(keda) = autoscaler.keda() else {
        return horizontal(autoscaler).map(|sight| (autoscaler, sight)).collect();
    };
    if keda.pause != Pause::Running {
        return vec![(autoscaler, Sight::Off)];
    }
    let mut all = vec![(autoscaler, sight("Ready", &keda.ready))];
    if keda.fallback {
        let why = Why {
            what: "Fallback True".to_owned(),
            reason: "Fallback".into(),
            since: None,
        };
        all.push((autoscaler, Sight::Blind(why)));
    }
    if let Some(made) = view.made_by(autoscaler) {
        all.extend(horizontal(made).map(|sight| (made, sight)));
    }
    all
}

/// The conditions of a HorizontalPodAutoscaler.
fn horizontal(autoscaler: &Autoscaler) -> impl Iterator<Item = Sight> {
    let own = autoscaler.horizontal().into_iter();
    own.flat_map(|own| {
        [
            sight("ScalingActive", &own.active),
            sight("AbleToScale", &own.able),
        ]
    })
}

fn sight(kind: &'static str, condition: &Condition) -> Sight {
    match condition {
        Condition::True => Sight::Sees,
        Condition::Unknown => Sight::Unknown(kind),
        // Replicas are 0.
        Condition::False { reason, .. } if &**reason == "ScalingDisabled" => Sight::Off,
        Condition::False { reason, since } => Sight::Blind(Why {
            what: format!("{kind} False ({})", clip(reason, MAX_REASON)),
            reason: reason.clone(),
            since: *since,
        }),
    }
}

fn blind(view: &WorkloadView<'_>, autoscaler: &Autoscaler, why: &Why) -> Outcome {
    let replicas = count(view.workload().desired().unwrap_or_default(), "replica");
    let of = autoscaler.key();
    let since = why
        .since
        .map(|since| format!(" since {since}"))
        .unwrap_or_default();
    let (way_out, advice) = ways_out(&why.reason);
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(
            format!("it stands at {replicas}, whatever the load"),
            format!("{of} has {}{since}", why.what),
            way_out,
        ),
        remedy: Some(Remedy::Advice(format!(
            "{advice}; until then hold as many replicas as the peak needs, by raising the floor of {of}"
        ))),
    })
}

/// What to do, short and long, by the reason that the controllers give (`horizontal.go` of Kubernetes, KEDA's
/// `scaledobject_controller.go`).
fn ways_out(reason: &str) -> (&'static str, &'static str) {
    match reason {
        "FailedGetScale" | "FailedUpdateScale" | "FailedRescale" => (
            "see why its target cannot be scaled",
            "look at its events: the controller cannot read or write the scale of its target (a missing right, a webhook \
             that refuses)",
        ),
        "InvalidSelector" | "AmbiguousSelector" => (
            "mend the selectors",
            "let one autoscaler select these pods: its target has no selector, or other autoscalers select the same pods",
        ),
        "Fallback" | "ScaledObjectCheckFailed" => (
            "mend its triggers",
            "look at the events of the ScaledObject: KEDA cannot read a trigger (an address, a credential, a query), or \
             finds its spec wrong",
        ),
        _ => (
            "restore its metrics",
            "see that the metrics server (or the adapter for custom and external metrics) answers, and that every container \
             requests the resource that the metric is a percentage of",
        ),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::object::Object;
    use crate::model::testing::{deployment, hpa, scaled_object, wall};
    use crate::policy::Policy;
    use crate::rules::judge;
    use crate::rules::tests::{advice, index, line};

    fn failed(reason: &str, since: i64) -> Condition {
        Condition::False {
            reason: reason.into(),
            since: Some(wall(since)),
        }
    }

    fn with(active: Condition, able: Condition) -> Vec<Autoscaler> {
        let hpa = hpa("shop/web", Some(2), 5);
        vec![hpa.horizontal_with(|own| (own.active, own.able) = (active, able))]
    }

    /// A ScaledObject, with its own autoscaler whose `ScalingActive` is this.
    fn keda(ready: Condition, fallback: bool, active: Condition) -> Vec<Autoscaler> {
        let scaled = scaled_object("shop/web", Some(2), None);
        let scaled = scaled.keda_with(|keda| (keda.ready, keda.fallback) = (ready, fallback));
        let made = with(active, Condition::True).remove(0);
        vec![scaled, made.named("keda-hpa-web").made_by("web")]
    }

    /// What is said, and in how many seconds to ask again.
    fn said(autoscalers: Vec<Autoscaler>, second: i64) -> (String, Option<i64>) {
        let web = deployment("shop/web").replicas(4);
        let objects = autoscalers.into_iter().map(Autoscaler::object);
        let index = index(36, [web.clone().object()].into_iter().chain(objects));
        let question = Question {
            view: index.view(&web.key).expect("a workload"),
            policy: &Policy::default(),
            now: wall(second),
        };
        let judgement = judge(&question);
        let due = judgement
            .due
            .map(|due| due.duration_since(wall(second)).as_secs());
        let mut own = judgement.results.iter().filter(|result| result.rule == RULE.name);
        let said = own.next().map(line).expect("an answer");
        assert!(own.next().is_none(), "one answer");
        (said, due)
    }

    #[rstest]
    #[case::none(vec![], "notApplicable: no autoscaler scales it")]
    #[case::sees(with(Condition::True, Condition::True), "pass")]
    #[case::not_looked_at_yet(
        with(Condition::Unknown, Condition::True),
        "unknown: HorizontalPodAutoscaler web has no condition ScalingActive yet"
    )]
    #[case::not_able_is_not_there_yet(
        with(Condition::True, Condition::Unknown),
        "unknown: HorizontalPodAutoscaler web has no condition AbleToScale yet"
    )]
    #[case::off(
        with(failed("ScalingDisabled", -9000), Condition::True),
        "pass"
    )]
    #[case::without_metrics(
        with(failed("FailedGetResourceMetric", 0), Condition::True),
        "fail warning: it stands at 4 replicas, whatever the load: HorizontalPodAutoscaler shop/web has ScalingActive \
         False (FailedGetResourceMetric) since 2026-01-01T00:00:00Z; restore its metrics"
    )]
    #[case::without_a_scale(
        with(Condition::Unknown, failed("FailedGetScale", 0)),
        "fail warning: it stands at 4 replicas, whatever the load: HorizontalPodAutoscaler shop/web has AbleToScale False \
         (FailedGetScale) since 2026-01-01T00:00:00Z; see why its target cannot be scaled"
    )]
    #[case::with_a_selector_that_others_share(
        with(failed("AmbiguousSelector", 0), Condition::True),
        "fail warning: it stands at 4 replicas, whatever the load: HorizontalPodAutoscaler shop/web has ScalingActive \
         False (AmbiguousSelector) since 2026-01-01T00:00:00Z; mend the selectors"
    )]
    #[case::nobody_knows_since_when(
        with(Condition::False { reason: "".into(), since: None }, Condition::True),
        "fail warning: it stands at 4 replicas, whatever the load: HorizontalPodAutoscaler shop/web has ScalingActive \
         False (); restore its metrics"
    )]
    #[case::keda_sees(keda(Condition::True, false, Condition::True), "pass")]
    #[case::keda_has_not_looked_yet(
        keda(Condition::Unknown, false, Condition::True),
        "unknown: ScaledObject web has no condition Ready yet"
    )]
    #[case::keda_at_zero(keda(Condition::True, false, failed("ScalingDisabled", 0)), "pass")]
    #[case::keda_is_not_ready(
        keda(Condition::False { reason: "ScaledObjectCheckFailed".into(), since: None }, false, Condition::True),
        "fail warning: it stands at 4 replicas, whatever the load: ScaledObject shop/web has Ready False \
         (ScaledObjectCheckFailed); mend its triggers"
    )]
    #[case::keda_falls_back(
        keda(Condition::True, true, Condition::True),
        "fail warning: it stands at 4 replicas, whatever the load: ScaledObject shop/web has Fallback True; mend its \
         triggers"
    )]
    #[case::kedas_own_is_blind(
        keda(Condition::True, false, failed("FailedGetExternalMetric", 0)),
        "fail warning: it stands at 4 replicas, whatever the load: HorizontalPodAutoscaler shop/keda-hpa-web has \
         ScalingActive False (FailedGetExternalMetric) since 2026-01-01T00:00:00Z; restore its metrics"
    )]
    #[case::keda_is_paused(
        vec![scaled_object("shop/web", None, None).keda_with(|keda| keda.pause = Pause::Standing)],
        "notApplicable: ScaledObject web is off"
    )]
    fn an_autoscaler_sees(#[case] autoscalers: Vec<Autoscaler>, #[case] expected: &str) {
        assert_eq!(said(autoscalers, 301), (expected.to_owned(), None));
    }

    #[test]
    fn everything_off_is_off_on_purpose() {
        let off = with(failed("ScalingDisabled", 0), failed("ScalingDisabled", 0));
        assert_eq!(
            said(off, 9000),
            (
                "notApplicable: HorizontalPodAutoscaler web is off".to_owned(),
                None
            )
        );
    }

    #[rstest]
    #[case::just_now(0, "pass", Some(300))]
    #[case::for_almost_as_long(299, "pass", Some(1))]
    #[case::for_just_as_long(300, "fail warning", None)]
    #[case::for_longer(301, "fail warning", None)]
    #[case::a_stamp_of_the_future(-60, "pass", Some(360))]
    fn it_has_to_last_for_five_minutes(
        #[case] second: i64,
        #[case] expected: &str,
        #[case] due: Option<i64>,
    ) {
        let (said, again) = said(
            with(failed("FailedGetResourceMetric", 0), Condition::True),
            second,
        );
        assert!(said.starts_with(expected), "{said}");
        assert_eq!(again, due);
    }

    #[test]
    fn the_first_of_two_that_will_have_lasted_says_when_to_ask_again() {
        let both = with(
            failed("FailedGetResourceMetric", 100),
            failed("FailedGetScale", 40),
        );
        assert_eq!(said(both, 120), ("pass".to_owned(), Some(220)));
    }

    #[test]
    fn manifests_do_not_tell() {
        let mut index = crate::index::Index::of_files(crate::model::config::ClusterVersion::NEWEST);
        let objects: [Object; 2] = [
            deployment("shop/web").object(),
            with(failed("FailedGetScale", 0), Condition::True)
                .remove(0)
                .object(),
        ];
        objects
            .into_iter()
            .for_each(|object| index.apply(object, crate::model::time::Moment(0)));
        let said = crate::rules::tests::lines(&index, RULE.name, Kind::Deployment, "shop/web");
        assert_eq!(
            said,
            ["notApplicable: manifests do not tell how an autoscaler fares"]
        );
    }

    #[test]
    fn the_remedy_goes_by_the_reason() {
        let of = with(failed("FailedGetResourceMetric", -900), Condition::True).remove(0);
        let index = index(36, [deployment("shop/web").object(), of.object()]);
        assert_eq!(
            advice(&index, RULE.name, Kind::Deployment, "shop/web"),
            "see that the metrics server (or the adapter for custom and external metrics) answers, and that every \
             container requests the resource that the metric is a percentage of; until then hold as many replicas as the \
             peak needs, by raising the floor of HorizontalPodAutoscaler shop/web"
        );
    }
}
