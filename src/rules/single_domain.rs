//! # single-domain
//!
//! Nothing keeps all replicas on one node, or in one zone, while the cluster has others.
//!
//! ## Why
//!
//! Replicas that may only run in one place are lost together with it, however many they are, and no spread constraint
//! helps: the scheduler has nowhere else to put them. On 5 September 2019 both of iconik's web pods were on one node by
//! chance; a `nodeSelector` that only one node answers to makes that a certainty, and moving them by hand, which ended
//! that outage, would not have been possible.
//!
//! ## What counts
//!
//! * `nodeSelector` and required node affinity;
//! * the volumes that its pods use and that only some nodes reach: the claims that the template names, and the claims of
//!   a StatefulSet's own pods, as far as they are bound. A pod whose claim is not bound yet goes where the template lets
//!   it.
//!
//! It fails when what they leave is one node although the cluster has two or more that take its pods, or one zone (region
//! and zone label together) although the cluster has two or more.
//!
//! Nodes whose taints are not tolerated count nowhere, nor do the taints that follow a node's health. A cordoned node is
//! none that the cluster has, but one that the pods may come back to: nobody is warned because of a drain.
//!
//! ## Example
//!
//! Bad, where one node has the label:
//!
//! ```yaml
//! spec:
//!   nodeSelector: {disk: fast}
//! ```
//!
//! Good: the label on nodes of two zones, or
//!
//! ```yaml
//! spec:
//!   affinity:
//!     nodeAffinity:
//!       preferredDuringSchedulingIgnoredDuringExecution:
//!         - weight: 100
//!           preference: {matchExpressions: [{key: disk, operator: In, values: [fast]}]}
//! ```
//!
//! ## Remedy
//!
//! Give the label to nodes elsewhere, ask for more values, or prefer instead of require. A volume that is bound to a
//! zone stays there: let the claims of other replicas be bound elsewhere (a StorageClass with
//! `volumeBindingMode: WaitForFirstConsumer`, and a spread over zones), or use storage that more zones reach.
//!
//! ## Options
//!
//! None.
//!
//! ## What it does not judge
//!
//! Clusters of one node or zone, files without Nodes, pods that a `nodeName` puts on a node past the scheduler, whether
//! the nodes that are left have room, and where the replicas are now (`co-located`, `zone-co-located`).

use std::ops::ControlFlow;

use super::remedy::{pod_spec_path, written_by};
use super::{Answers, Question, Rule};
use crate::index::{BoundVolume, Listing, WorkloadView};
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::keys::{Kind, Name};
use crate::model::selector::Labels;
use crate::model::text::list;
use crate::simulate::{Among, Reach, Wish};

pub(super) const RULE: Rule = Rule {
    name: "single-domain",
    severity: Severity::Warning,
    summary: "its node selector, affinity or volumes keep all replicas on one node or in one zone of several",
    template_only: false,
    // PersistentVolumes only matter to pods with claims: see `by_volumes`.
    needs: &[Kind::Node],
    check,
    source: include_str!("single_domain.rs"),
};

fn check(question: &Question<'_>) -> Answers {
    judge(&question.view).into()
}

/// The one place that is left.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Node(Name),
    Zone(Name),
}

fn judge(view: &WorkloadView<'_>) -> Outcome {
    let template = view.template();
    let cluster = view.reach(&Wish::anywhere(template));
    match &cluster.node {
        Among::Nothing if view.nodes().next().is_none() => {
            return Outcome::NotApplicable("no Node is known".to_owned());
        }
        Among::Nothing => return Outcome::NotApplicable("no node takes its pods".to_owned()),
        Among::One(node) => {
            return Outcome::NotApplicable(format!("{node} is the only node that takes its pods"));
        }
        Among::Many => {}
    }
    if !view.workload().asks_for_nodes() {
        return Outcome::Pass(None);
    }
    let wish = Wish::of(template);
    let own = view.reach(&wish);
    if own.node == Among::Nothing {
        return Outcome::NotApplicable(
            "no node matches its nodeSelector and required node affinity".to_owned(),
        );
    }
    if let Some(place) = one_place(&cluster, &own) {
        return fail(view, &place, &by_template(view, &cluster));
    }
    by_volumes(view, &cluster, &wish, &own)
}

/// The node or zone that `reach` is all of, if the cluster has more.
fn one_place(cluster: &Reach, reach: &Reach) -> Option<Place> {
    match (&reach.node, &reach.zone) {
        (Among::One(node), _) => Some(Place::Node(node.clone())),
        (Among::Many, Among::One(zone)) if cluster.zone == Among::Many && !reach.outside_zones => {
            Some(Place::Zone(zone.clone()))
        }
        _ => None,
    }
}

/// What keeps the pods there.
struct By {
    /// The field, with what stands there.
    found: String,
    way_out: &'static str,
    remedy: String,
}

/// The part of the template that leaves one place by itself; both, when neither does.
fn by_template(view: &WorkloadView<'_>, cluster: &Reach) -> By {
    let template = view.template();
    let path = pod_spec_path(view.key().kind);
    let (selector, affinity) = (&template.node_selector, template.required_node_affinity.as_ref());
    let alone = |wish: Wish| one_place(cluster, &view.reach(&wish)).is_some();
    let any = Wish::anywhere(template);
    let field = if alone(any.clone().selected(selector)) {
        format!("{path}.nodeSelector {}", shown(selector))
    } else if alone(any.with_affinity(affinity)) {
        format!("{path}.affinity.nodeAffinity, required")
    } else {
        format!(
            "{path}.nodeSelector {} and required nodeAffinity",
            shown(selector)
        )
    };
    By {
        remedy: format!(
            "give nodes elsewhere the labels that {field} asks for, let it ask for more values, or make it a \
             preferredDuringSchedulingIgnoredDuringExecution term"
        ),
        found: format!("{field} leaves nothing else"),
        way_out: "let it run elsewhere too",
    }
}

fn shown(selector: &Labels) -> String {
    let pairs: Vec<String> = selector
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    list(&pairs, 2)
}

fn by_volumes(view: &WorkloadView<'_>, cluster: &Reach, wish: &Wish, own: &Reach) -> Outcome {
    let workload = view.workload();
    if workload.template.claims.is_empty() && workload.claim_templates.is_empty() {
        return Outcome::Pass(None);
    }
    match view.listing(Kind::PersistentVolume) {
        Listing::Listed => {}
        Listing::Waiting => return Outcome::Unknown("persistentvolumes are not listed yet".to_owned()),
        Listing::Unreadable(why) => {
            return Outcome::Unknown(format!("persistentvolumes cannot be read: {why}"));
        }
    }
    let mut reach = Reach::default();
    let mut first = None;
    let _ = each_replica(view, |claims| {
        let volumes: Vec<(&Name, &BoundVolume)> = claims
            .iter()
            .filter_map(|claim| Some((claim, view.bound_volume(claim)?)))
            .collect();
        let reached = if volumes.is_empty() {
            own.clone()
        } else {
            let all = volumes.iter().map(|(_, volume)| volume.terms());
            view.reach(&all.fold(wish.clone(), Wish::with_volume))
        };
        reach.add(&reached);
        if first.is_none() {
            first = volumes
                .first()
                .map(|(claim, volume)| ((*claim).clone(), volume.name.clone()));
        }
        if one_place(cluster, &reach).is_none() && reach.node != Among::Nothing {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    match (one_place(cluster, &reach), first) {
        (Some(place), Some((claim, volume))) => fail(view, &place, &by_claim(&claim, &volume)),
        _ => Outcome::Pass(None),
    }
}

/// Calls `look` with the claims of each replica, until it breaks off.
fn each_replica(
    view: &WorkloadView<'_>,
    mut look: impl FnMut(&[Name]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let workload = view.workload();
    let shared = &workload.template.claims;
    if workload.claim_templates.is_empty() {
        return look(shared);
    }
    let replicas = i64::from(workload.desired().unwrap_or_default());
    let start = i64::from(workload.first_ordinal);
    let mut claims = Vec::with_capacity(shared.len() + workload.claim_templates.len());
    for ordinal in start..start + replicas {
        claims.clone_from(shared);
        let own = workload.claim_templates.iter();
        claims.extend(own.map(|template| Name::from(format!("{template}-{}-{ordinal}", workload.key.name))));
        look(&claims)?;
    }
    ControlFlow::Continue(())
}

fn by_claim(claim: &str, volume: &str) -> By {
    By {
        found: format!(
            "the volumes of its claims, such as {volume} of {claim}, are reached from nowhere else"
        ),
        way_out: "have volumes elsewhere too",
        remedy: format!(
            "a volume such as {volume} cannot move: let the claims of other replicas be bound elsewhere (a StorageClass \
             with volumeBindingMode: WaitForFirstConsumer, and a topology spread over zones), or use storage that more \
             zones reach"
        ),
    }
}

fn fail(view: &WorkloadView<'_>, place: &Place, by: &By) -> Outcome {
    let key = view.key();
    let impact = match place {
        Place::Node(node) => format!("all replicas are lost with node {node}"),
        Place::Zone(zone) => format!("all replicas are lost with zone {zone}"),
    };
    let (way_out, remedy) = match written_by(view) {
        Some(owner) => (
            format!("{} in its {owner}", by.way_out),
            format!("in its {owner} ({key} would be written over): {}", by.remedy),
        ),
        None => (by.way_out.to_owned(), by.remedy.clone()),
    };
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(impact, format!("{key}: {}", by.found), way_out),
        remedy: Some(Remedy::Advice(remedy)),
    })
}

#[cfg(test)]
mod tests;
