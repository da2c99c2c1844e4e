//! Hard rules that keep replicas apart so firmly that the next rollout may not get through.

use serde_json::json;

use super::RULE;
use super::domains::domains;
use super::terms::{Judged, POD_TEMPLATE_HASH, Strength, Term};
use crate::index::{Listing, WorkloadView};
use crate::model::config::ClusterVersion;
use crate::model::field::Field;
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::keys::Kind;
use crate::model::node::HOSTNAME_LABEL;
use crate::model::template::SpreadConstraint;
use crate::rules::remedy::{pod_spec_patch, pod_spec_path, written_by};

/// The row beside the pass, if one of the terms that count, or a port of the node, may block a rollout. Pods that cannot
/// run at all come before pods that wait.
pub(super) fn blocks(
    view: &WorkloadView<'_>,
    terms: &[Judged<'_>],
    host_port: Option<u16>,
    ceiling: u32,
) -> Option<(Option<String>, Outcome)> {
    let hard = || {
        terms.iter().filter_map(|term| match term {
            Judged::Counts(term) if term.strength() == Strength::Required => Some(*term),
            Judged::Counts(_) | Judged::Misses(_) | Judged::Unclear(_) => None,
        })
    };
    let outcome = hard()
        .find_map(|term| more_than_domains(view, term, ceiling))
        .or_else(|| more_than_nodes(view, host_port?, ceiling))
        .or_else(|| hard().find_map(|term| counts_old_pods(view, term)))?;
    Some((Some("rollout".to_owned()), outcome))
}

/// Required anti-affinity, and more replicas than domains.
fn more_than_domains(view: &WorkloadView<'_>, term: Term<'_>, ceiling: u32) -> Option<Outcome> {
    let Term::AntiAffinity(_) = term else { return None };
    let domains = too_few(view, term.key(), ceiling)?;
    let of_nodes = **term.key() == *HOSTNAME_LABEL;
    let (one, more) = if of_nodes {
        ("node", "nodes")
    } else {
        (&**term.key(), "domains")
    };
    let take = if domains == 1 { "takes" } else { "take" };
    let found = format!("requires a {one} for each replica, and {domains} {take} pods");
    let key = view.key();
    let advice = format!(
        "under {}.affinity.podAntiAffinity of {}, prefer ({}) rather than require, or add {more}",
        pod_spec_path(key.kind),
        written_by(view).unwrap_or_else(|| key.to_string()),
        "preferredDuringSchedulingIgnoredDuringExecution",
    );
    let way_out = format!("prefer rather than require it, or add {more}");
    Some(pending(
        domains,
        ceiling,
        format!("{key} {found}"),
        way_out,
        advice,
    ))
}

/// A port of the node that each pod takes, and more replicas than nodes.
fn more_than_nodes(view: &WorkloadView<'_>, host_port: u16, ceiling: u32) -> Option<Outcome> {
    let nodes = too_few(view, HOSTNAME_LABEL, ceiling)?;
    let key = view.key();
    let take = if nodes == 1 { "node takes" } else { "nodes take" };
    Some(pending(
        nodes,
        ceiling,
        format!("each pod of {key} takes port {host_port} of its node, and {nodes} {take} pods"),
        "add nodes, or serve through a Service".to_owned(),
        format!("add nodes, or leave hostPort and hostNetwork out of {key} and put a Service before it"),
    ))
}

/// How many domains there are, if there are fewer than replicas.
fn too_few(view: &WorkloadView<'_>, key: &str, ceiling: u32) -> Option<u32> {
    if *view.listing(Kind::Node) != Listing::Listed {
        return None;
    }
    let domains = domains(view, key, &[], usize::try_from(ceiling).ok()?)?;
    let domains = u32::try_from(domains).ok()?;
    (domains < ceiling).then_some(domains)
}

fn pending(domains: u32, ceiling: u32, found: String, way_out: String, advice: String) -> Outcome {
    Outcome::from(Failure {
        // A single replica is what the rule is about; more of them are for a person to judge.
        severity: if domains > 1 {
            Severity::Info
        } else {
            RULE.severity
        },
        message: Message::new(
            format!(
                "{} of {ceiling} replicas may stay Pending, and rollouts with them",
                ceiling - domains
            ),
            found,
            way_out,
        ),
        remedy: Some(Remedy::Advice(advice)),
    })
}

/// `DoNotSchedule` with `maxSkew: 1` over old and new pods of a Deployment together: the surge fills the domain that
/// the old pods leave last.
fn counts_old_pods(view: &WorkloadView<'_>, term: Term<'_>) -> Option<Outcome> {
    let Term::Spread(constraint) = term else {
        return None;
    };
    let key = view.key();
    let reads_keys = view.version() >= ClusterVersion::SPREAD_MATCH_LABEL_KEYS;
    let by_revision = reads_keys
        && constraint
            .match_label_keys
            .iter()
            .any(|k| **k == *POD_TEMPLATE_HASH);
    if key.kind != Kind::Deployment || constraint.max_skew != Field::Set(1) || by_revision {
        return None;
    }
    let way_out = if reads_keys {
        "add matchLabelKeys: [pod-template-hash] to it"
    } else {
        "make it ScheduleAnyway"
    };
    Some(Outcome::from(Failure {
        severity: Severity::Info,
        message: Message::new(
            "a rollout may stop with new pods Pending",
            format!("{key}: {term}, DoNotSchedule with maxSkew 1, counts the old pods too"),
            way_out,
        ),
        remedy: Some(by_revision_remedy(view, constraint, way_out)),
    }))
}

fn by_revision_remedy(view: &WorkloadView<'_>, constraint: &SpreadConstraint, way_out: &str) -> Remedy {
    let key = view.key();
    let same_key = view
        .template()
        .spread
        .iter()
        .filter(|c| c.topology_key == constraint.topology_key);
    let patchable = view.version() >= ClusterVersion::SPREAD_MATCH_LABEL_KEYS
        // A strategic merge patch finds a constraint by its topologyKey alone: with two, it might change the other one.
        && same_key.count() == 1;
    if let Some(owner) = written_by(view) {
        return Remedy::Advice(format!("in its {owner}: {way_out}"));
    }
    if !patchable {
        return Remedy::Advice(format!(
            "in {}.topologySpreadConstraints of {key}, the one over {} with DoNotSchedule: {way_out}",
            pod_spec_path(key.kind),
            constraint.topology_key
        ));
    }
    let mut keys: Vec<&str> = constraint.match_label_keys.iter().map(|key| &**key).collect();
    keys.push(POD_TEMPLATE_HASH);
    let spec = json!({ "topologySpreadConstraints": [{
        "topologyKey": &*constraint.topology_key,
        "matchLabelKeys": keys,
    }] });
    Remedy::Patch {
        target: key.clone(),
        patch: pod_spec_patch(key.kind, &spec),
        reason: "each revision is then spread by itself".to_owned(),
    }
}
