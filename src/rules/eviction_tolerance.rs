//! # eviction-tolerance
//!
//! Pods leave a node that does not work within the time that the policy allows.
//!
//! ## Why
//!
//! When a node is not ready or not reachable, Kubernetes gives it a NoExecute taint and evicts its pods after as long as
//! they tolerate that. By default that is 300 seconds. A pod that tolerates it without end stays for ever: it counts as a
//! replica, it is not replaced, and if it was the last one the workload is down until somebody deletes it by hand, as
//! people had to on 5 September 2019, when both of iconik's web pods sat on one node in limbo.
//!
//! ## What counts
//!
//! For each of the taints `node.kubernetes.io/not-ready` and `node.kubernetes.io/unreachable`, the *first* toleration in
//! the list that tolerates it with the effect NoExecute: a later one is never looked at. An absent effect means every
//! effect, and an empty key with `operator: Exists` every taint. Where none names the taint, the API server adds 300
//! seconds when the pod is made. One that names the taint but asks for a value tolerates nothing: its pods leave at once.
//!
//! Without end is a `warning`, longer than the policy's `maxTolerationSeconds` an `info`.
//!
//! ## Example
//!
//! Bad:
//!
//! ```yaml
//! tolerations:
//!   - operator: Exists
//! ```
//!
//! Good:
//!
//! ```yaml
//! tolerations:
//!   - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 60}
//!   - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 60}
//!   - operator: Exists
//! ```
//!
//! ## Remedy
//!
//! A toleration of its own for each of the two taints, with an end, in front of the others; these stay. The patch holds
//! the whole list, because Kubernetes replaces it as a whole.
//!
//! ## Options
//!
//! The policy's `maxTolerationSeconds`, 300 by default.
//!
//! ## What it does not judge
//!
//! DaemonSets, whose controller makes their pods tolerate both taints without end; other taints; the flags of an API
//! server that adds another number than 300. Pods of a StatefulSet are not replaced before their node says that they
//! are gone, or somebody does, however short they tolerate it.

use std::time::Duration;

use serde_json::{Value, json};

use super::remedy::{pod_spec_patch, pod_spec_path, written_by};
use super::{Answers, Question, Rule};
use crate::index::WorkloadView;
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::node::{TAINT_NOT_READY, TAINT_UNREACHABLE};
use crate::model::stay::{ADDED_SECONDS, By, Stay};
use crate::model::template::{TaintEffect, Toleration, TolerationOperator};
use crate::model::text::{duration, list};

pub(super) const RULE: Rule = Rule {
    name: "eviction-tolerance",
    severity: Severity::Warning,
    summary: "its pods stay on a node that is not ready or unreachable for ever, or for too long",
    template_only: false,
    needs: &[],
    check,
    source: include_str!("eviction_tolerance.rs"),
};

fn check(question: &Question<'_>) -> Answers {
    let most = u64::from(question.policy.max_toleration_seconds);
    judge(&question.view, most).into()
}

fn judge(view: &WorkloadView<'_>, most: u64) -> Outcome {
    let tolerations = &view.template().tolerations;
    let stays =
        [TAINT_NOT_READY, TAINT_UNREACHABLE].map(|taint| (taint, Stay::of_template(tolerations, taint)));
    let Some(worst) = stays.iter().map(|(_, (stay, _))| *stay).max() else {
        return Outcome::Pass(None);
    };
    if worst <= Stay::Seconds(most) {
        return Outcome::Pass(None);
    }
    let long: Vec<(&str, By)> = stays
        .iter()
        .filter(|(_, (stay, _))| *stay == worst)
        .map(|(taint, (_, by))| (*taint, *by))
        .collect();
    fail(view, most, worst, &long)
}

fn fail(view: &WorkloadView<'_>, most: u64, worst: Stay, long: &[(&str, By)]) -> Outcome {
    let key = view.key();
    let (severity, impact, how_long) = match worst {
        Stay::ForEver => (
            RULE.severity,
            "pods on a node that is lost are never replaced".to_owned(),
            "without end".to_owned(),
        ),
        Stay::Seconds(seconds) => {
            let time = duration(Duration::from_secs(seconds));
            (
                Severity::Info,
                format!("pods on a node that is lost are replaced after {time} only"),
                format!("for {seconds} s"),
            )
        }
    };
    let taints: Vec<&str> = long
        .iter()
        .map(|(taint, _)| taint.trim_start_matches("node.kubernetes.io/"))
        .collect();
    let mut by: Vec<String> = long.iter().map(|(_, by)| said_by(*by)).collect();
    by.dedup();
    let found = format!(
        "{key} tolerates {} nodes {how_long} ({})",
        list(&taints, 2),
        list(&by, 2)
    );
    let (way_out, remedy) = match written_by(view) {
        Some(owner) => (
            format!("set {most} s or less in its {owner}"),
            Remedy::Advice(format!(
                "set tolerationSeconds to {most} or less in its {owner}: a change of {key} would be undone"
            )),
        ),
        None => (
            format!("set tolerationSeconds to {most} or less"),
            mend(view, most),
        ),
    };
    Outcome::from(Failure {
        severity,
        message: Message::new(impact, found, way_out),
        remedy: Some(remedy),
    })
}

fn said_by(by: By) -> String {
    match by {
        By::Own(place) => format!("tolerations[{place}]"),
        By::Added => format!("the API server adds {ADDED_SECONDS} s where none is said"),
        By::Nothing => "no toleration".to_owned(),
    }
}

/// Tolerations with an end for the taints that are tolerated for too long, before all others that are not of just these
/// taints.
fn mend(view: &WorkloadView<'_>, most: u64) -> Remedy {
    let key = view.key();
    let old = &view.template().tolerations;
    let long = |taint: &&str| Stay::of_template(old, taint).0 > Stay::Seconds(most);
    let taints: Vec<&str> = [TAINT_NOT_READY, TAINT_UNREACHABLE]
        .into_iter()
        .filter(long)
        .collect();
    let replaced = |t: &&Toleration| taints.contains(&&*t.key) && t.effect == Some(TaintEffect::NoExecute);
    let new = taints.iter().map(|taint| {
        json!({ "key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": most })
    });
    let kept = old.iter().filter(|t| !replaced(t)).map(manifest);
    let list: Vec<Value> = new.chain(kept).collect();
    Remedy::Patch {
        target: key.clone(),
        patch: pod_spec_patch(key.kind, &json!({ "tolerations": list })),
        reason: format!(
            "{most} s is the policy's maxTolerationSeconds; the first toleration that fits decides, and \
             {}.tolerations is replaced as a whole",
            pod_spec_path(key.kind)
        ),
    }
}

/// A toleration as it stands in a manifest.
fn manifest(toleration: &Toleration) -> Value {
    let Toleration {
        key,
        operator,
        value,
        effect,
        seconds,
    } = toleration;
    let mut fields = json!({ "operator": operator.as_str() });
    if !key.is_empty() {
        fields["key"] = json!(&**key);
    }
    if *operator != TolerationOperator::Exists {
        fields["value"] = json!(&**value);
    }
    if let Some(effect) = effect {
        fields["effect"] = json!(effect.as_str());
    }
    if let Some(seconds) = seconds {
        fields["tolerationSeconds"] = json!(seconds);
    }
    fields
}

#[cfg(test)]
mod tests;
