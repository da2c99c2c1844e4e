//! # pod-spread
//!
//! The replicas of a workload are kept apart: by a pod anti-affinity term, or by a topology spread constraint.
//!
//! ## Why
//!
//! Two replicas on one node are one replica. The scheduler's own preference for spreading is weak and is outvoted by
//! the image that is already there or the room that is left. On 5 September 2019 both of iconik's web pods were on one
//! node when that node went into limbo; every other service ran on, the site was down for 26 minutes.
//!
//! ## When it passes
//!
//! When it can never run two replicas there is nothing to judge. Otherwise at least one of these must hold:
//!
//! * a `podAntiAffinity` term, required or preferred, over an accepted key, selects the workload's own pods in its own
//!   namespace;
//! * a `topologySpreadConstraint` over an accepted key selects its own pods, and its `maxSkew` is below the most
//!   replicas that it may run: a skew that lets all of them sit together constrains nothing;
//! * its pods take a port of their node: by `hostPort`, or under `hostNetwork` by any port that a container (from
//!   Kubernetes 1.34 on also a sidecar) declares. No two of them fit on one node then. (A zone may still hold them all.)
//!
//! A zone or region key counts only while the schedulable nodes are in two or more of them (without any Node, as in
//! files, it counts), except in a required anti-affinity: then a single replica can run, and `rollout` below says so. A
//! soft constraint does not count where fewer than two nodes have the labels of all soft constraints: the scheduler
//! leaves out the others. `matchLabelKeys` is read on spread from Kubernetes 1.27 on, on affinity from 1.31 on. A
//! `labelSelector` that is absent selects nothing, and so does the empty one of a spread constraint; that of an affinity
//! term selects all. The scheduler's cluster-wide default constraints do not count.
//!
//! A pass says how strong it is (`required`, `preferred`) and over which keys. One more result, `rollout`, tells of hard
//! rules that may block the next rollout: more replicas than domains under a required anti-affinity (a warning
//! when there is only one), or `DoNotSchedule` with `maxSkew: 1` that counts the old revision's pods too.
//!
//! ## Example
//!
//! Bad, because it selects other pods:
//!
//! ```yaml
//! metadata:
//!   labels: {app: web}
//! spec:
//!   topologySpreadConstraints:
//!     - maxSkew: 1
//!       topologyKey: kubernetes.io/hostname
//!       whenUnsatisfiable: ScheduleAnyway
//!       labelSelector: {matchLabels: {app: website}}
//! ```
//!
//! Good:
//!
//! ```yaml
//! metadata:
//!   labels: {app: web}
//! spec:
//!   topologySpreadConstraints:
//!     - maxSkew: 1
//!       topologyKey: kubernetes.io/hostname
//!       whenUnsatisfiable: ScheduleAnyway
//!       labelSelector: {matchLabels: {app: web}}
//!       matchLabelKeys: [pod-template-hash]
//! ```
//!
//! ## Remedy
//!
//! A soft spread (`ScheduleAnyway`) over hostname and (unless the nodes lack it) zone, added to what is there. Soft, because a hard one trades an
//! outage later for pods that stay Pending now. `matchLabelKeys: [pod-template-hash]` makes each revision of a
//! Deployment spread by itself; a StatefulSet replaces its pods one by one and needs none.
//!
//! ## Options
//!
//! The policy's `topologyKeys`: which keys are accepted. By default `kubernetes.io/hostname`,
//! `topology.kubernetes.io/zone`, `topology.kubernetes.io/region` and the two deprecated
//! `failure-domain.beta.kubernetes.io/*`.
//!
//! ## What it does not judge
//!
//! Where the pods are now (the detectors do), whether there is room to keep them apart, node selectors and volumes.

mod domains;
mod mend;
mod rollout;
mod terms;

use self::terms::{Judged, Miss, Strength, Why};
use super::remedy::written_by;
use super::{Answers, Question, Rule};
use crate::index::{FloorSource, WorkloadView};
use crate::model::finding::{Failure, Message, Outcome, Severity};
use crate::model::keys::{Kind, Name};

pub(super) const RULE: Rule = Rule {
    name: "pod-spread",
    severity: Severity::Warning,
    summary: "nothing keeps its replicas on different nodes or zones",
    template_only: false,
    // An autoscaler that is not seen yet may let it run more replicas. Nodes are asked for only by zone and region keys.
    needs: &[Kind::HorizontalPodAutoscaler, Kind::ScaledObject],
    check,
    source: include_str!("pod_spread.rs"),
};

fn check(question: &Question<'_>) -> Answers {
    let Question { view, policy, .. } = question;
    let Some(ceiling) = view.ceiling() else {
        let why = format!("the most replicas that {} may run cannot be told", view.key());
        return Outcome::Unknown(why).into();
    };
    if ceiling.replicas < 2 {
        return Outcome::NotApplicable(alone(ceiling.replicas, &ceiling.source)).into();
    }
    let terms = terms::judge_all(view, policy, ceiling.replicas);
    let host_port = view.template().host_port(view.version());
    let kept = kept_apart(&terms, host_port);
    if !kept.is_empty() {
        let pass = (None, Outcome::Pass(Some(kept)));
        let rollout = rollout::blocks(view, &terms, host_port, ceiling.replicas);
        return [pass].into_iter().chain(rollout).collect::<Vec<_>>().into();
    }
    let unclear = terms.iter().find_map(|term| match term {
        Judged::Unclear(why) => Some(why.clone()),
        Judged::Counts(_) | Judged::Misses(_) => None,
    });
    match unclear {
        Some(why) => Outcome::Unknown(why).into(),
        None => fail(view, &terms, ceiling.replicas).into(),
    }
}

fn alone(ceiling: u32, source: &FloorSource) -> String {
    match (ceiling, source) {
        (0, _) => "spec.replicas is 0: off on purpose".to_owned(),
        (_, FloorSource::Replicas) => "it runs 1 replica at most".to_owned(),
        (_, autoscaler) => format!("it runs 1 replica at most, by {autoscaler}"),
    }
}

/// `required over kubernetes.io/hostname, preferred over topology.kubernetes.io/zone`; empty when nothing counts.
fn kept_apart(terms: &[Judged<'_>], host_port: Option<u16>) -> String {
    let keys_of = |strength: Strength| {
        let mut keys: Vec<&Name> = Vec::new();
        for term in terms {
            if let Judged::Counts(term) = term
                && term.strength() == strength
                && !keys.contains(&term.key())
            {
                keys.push(term.key());
            }
        }
        keys
    };
    let parts = [Strength::Required, Strength::Preferred].map(|strength| (strength, keys_of(strength)));
    let parts = parts.iter().filter(|(_, keys)| !keys.is_empty());
    let parts = parts.map(|(strength, keys)| {
        let keys: Vec<&str> = keys.iter().map(|key| &***key).collect();
        format!("{} over {}", strength.as_str(), keys.join(" and "))
    });
    let host_port = host_port.map(|port| format!("required by its host port {port}"));
    parts.chain(host_port).collect::<Vec<_>>().join(", ")
}

fn fail(view: &WorkloadView<'_>, terms: &[Judged<'_>], ceiling: u32) -> Outcome {
    let key = view.key();
    let mut misses: Vec<&Miss> = terms
        .iter()
        .filter_map(|term| match term {
            Judged::Misses(miss) => Some(miss),
            Judged::Counts(_) | Judged::Unclear(_) => None,
        })
        .collect();
    // The one that is nearest to a pass first: it is the one that somebody meant.
    misses.sort_by_key(|miss| miss.why.distance());
    let found = match misses.as_slice() {
        [] => format!("{key} has no podAntiAffinity and no topologySpreadConstraints"),
        [one] => format!("{key}: {one}"),
        [first, rest @ ..] => format!("{key}: {first} (and {} more without effect)", rest.len()),
    };
    let over = match mend::keys(view) {
        [_] => "hostname",
        _ => "hostname and zone",
    };
    let (way_out, remedy) = match (misses.first().map(|miss| &miss.why), written_by(view)) {
        (Some(Why::Beside(other)), _) => (
            "remove that, or label the nodes".to_owned(),
            mend::without(view, other),
        ),
        (_, Some(owner)) => (
            format!("spread them over {over} in its {owner}"),
            mend::soft_spread(view),
        ),
        (_, None) => (format!("add a soft spread over {over}"), mend::soft_spread(view)),
    };
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(
            format!("all {ceiling} replicas may run on one node"),
            found,
            way_out,
        ),
        remedy: Some(remedy),
    })
}

#[cfg(test)]
mod tests;
