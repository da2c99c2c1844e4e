//! # requires
//!
//! What a workload says that it requires of others is there, in every version of them that serves.
//!
//! ## Why
//!
//! A release often needs a new version of something that it calls. On 17 January 2024 Astro's API was rolled out ahead
//! of a dependency: its new version was there, but only on a canary that waited for a person, and the old one served
//! beside it. 720 requests failed in 65 minutes. In every other environment the canary had finished by itself, so nobody
//! had seen it. Written down beside the API, `harmony >= 2.3.0` is not met while a single ready pod runs 2.2.0.
//!
//! ## Example
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     plimsoll.dev/requires: "harmony >= 2.3.0, data/statefulset/postgres >= 1.8 < 2"
//! ```
//!
//! Each dependency is one of
//!
//! * `harmony`, a Deployment; `statefulset/db` and `daemonset/agent`, other kinds: every ready pod of it counts, so an
//!   unfinished rollout counts with its old version too;
//! * `service/harmony`, a Service: every ready pod behind it counts, which covers canaries of two Deployments, Argo
//!   Rollouts and Flagger;
//! * `{app=harmony,track in (stable,canary)}`, labels, as `kubectl -l` takes them;
//!
//! in the workload's own namespace, or after `data/` in another. Then follow one or more of `=`, `>`, `>=`, `<`, `<=`,
//! `~` and `^`, each with a version of Semantic Versioning; all must hold. A shortened version stands for all that begin
//! so: `>= 1.8` begins at 1.8.0, `> 1.8` at 1.9.0, `< 2` ends before 2.0.0 and everything that leads up to it.
//!
//! A pod's version is that of its annotation `plimsoll.dev/version`, else of its label `app.kubernetes.io/version`, else
//! the tag of its first container's image; with all three numbers, a leading `v` is fine. Set the annotation where the
//! others do not tell: a tag such as `2.3.0-alpine` may be a variant of 2.3.0 or come before it. A version that cannot be
//! told is `unknown`, never a pass. So is a dependency that has no ready pod; in files its template says what it will be.
//!
//! ## Remedy
//!
//! Finish the dependency's rollout before this one, or keep this one at a version that works with both.
//!
//! ## Options
//!
//! Whoever may write this annotation learns of what is named there whether pods of it are ready and which versions they
//! run, and nothing else: no other name, no number. Within a namespace that is nothing new. Of another one it is little
//! more than whoever may call a service learns from its answers, so it is told, unless that namespace objects: the
//! annotation `plimsoll.dev/required-by` on the Namespace names those that may ask (`shop, billing`), all (`*`) or none
//! (empty). `requiresAcrossNamespaces: Deny` in a policy makes none the default. Kubernetes' own namespaces are told of only
//! where theirs says so. In files nobody is asked.
//!
//! ## What it does not judge
//!
//! Whether versions are compatible, whether anything is called at all, what a dependency requires itself. Pods of
//! controllers that are not read (all but Deployments, StatefulSets, DaemonSets, Jobs and whatever makes ReplicaSets)
//! cannot be told by a Service or by labels.

use std::collections::BTreeSet;

use super::{Answers, Question, Rule};
use crate::index::{Listing, WorkloadView};
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::keys::{Kind, ObjectKey, is_system_namespace};
use crate::model::requires::{self, Fault, REQUIRES_ANNOTATION, Requirement, Target, What};
use crate::model::text::{clip, list, shell_quote};
use crate::model::version::PodVersion;

/// The annotation of a Namespace that names those that may ask about what is in it.
const REQUIRED_BY_ANNOTATION: &str = "plimsoll.dev/required-by";
/// How much of a dependency's name a message repeats, characters.
const NAME_MAX: usize = 50;
/// How many versions a message names.
const VERSIONS_MAX: usize = 2;

pub(super) const RULE: Rule = Rule {
    name: "requires",
    severity: Severity::Warning,
    summary: "a dependency named in plimsoll.dev/requires is not met by every ready version of it",
    template_only: false,
    // Which kinds matter is said by the annotation: see `unlisted`.
    needs: &[],
    check,
    source: include_str!("requires.rs"),
};

fn check(question: &Question<'_>) -> Answers {
    let view = &question.view;
    let Some(text) = view.workload().annotation(REQUIRES_ANNOTATION) else {
        return Outcome::NotApplicable(format!("it has no annotation {REQUIRES_ANNOTATION}")).into();
    };
    let rows = requires::parse(text).into_iter().map(|read| match read {
        Ok(requirement) => {
            let outcome = judge(question, &requirement);
            (Some(requirement.target.to_string()), outcome)
        }
        Err(fault) => (Some(format!("character {}", fault.at)), unreadable(view, &fault)),
    });
    rows.collect::<Vec<_>>().into()
}

fn unreadable(view: &WorkloadView<'_>, fault: &Fault) -> Outcome {
    let Fault { at, problem, way_out } = fault;
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(
            "it cannot be told whether what it requires is there",
            format!(
                "{REQUIRES_ANNOTATION} of {}, character {at}: {problem}",
                view.key()
            ),
            *way_out,
        ),
        remedy: None,
    })
}

fn judge(question: &Question<'_>, requirement: &Requirement) -> Outcome {
    let view = &question.view;
    let Requirement { target, asked } = requirement;
    let namespace = target.namespace.as_ref().unwrap_or(&view.key().namespace);
    if let Some(why) = unlisted(view, target).or_else(|| refused(question, namespace)) {
        return Outcome::Unknown(why);
    }
    let name = clip(&target.to_string(), NAME_MAX);
    let serving = view.serving(namespace, &target.what);
    let versions = if serving.ready.is_empty() && view.is_of_files() {
        &serving.templates
    } else {
        &serving.ready
    };
    if versions.is_empty() {
        let missing = if view.is_of_files() {
            "is not in the files"
        } else {
            "has no ready pod"
        };
        return Outcome::Unknown(format!("{name} {missing}, so its version cannot be told"));
    }
    let (mut unmet, mut unclear) = (BTreeSet::new(), BTreeSet::new());
    for version in versions {
        match version.as_ref().and_then(|version| version.satisfies(asked)) {
            Some(true) => {}
            Some(false) => drop(unmet.insert(version)),
            None => drop(unclear.insert(version)),
        }
    }
    if !unmet.is_empty() {
        return fail(view, requirement, namespace, &said(unmet));
    }
    if unclear.contains(&None) {
        let pods = if view.is_of_files() {
            "its template says"
        } else {
            "a ready pod of it says"
        };
        return Outcome::Unknown(format!(
            "{name}: {pods} no version; set plimsoll.dev/version in its pod template"
        ));
    }
    if !unclear.is_empty() {
        let unclear = said(unclear);
        return Outcome::Unknown(format!(
            "{name}: {unclear} does not tell; set plimsoll.dev/version in its pod template to a version such as 2.3.0"
        ));
    }
    Outcome::Pass(Some(format!("{name} runs {}", said(versions))))
}

/// `2.2.0`, `2.2.0 and 2.3.0`, `2.2.0, 2.2.1 and 3 more`.
fn said<'v>(versions: impl IntoIterator<Item = &'v Option<PodVersion>>) -> String {
    let texts: BTreeSet<&str> = versions
        .into_iter()
        .flatten()
        .map(|version| &*version.text)
        .collect();
    let texts: Vec<String> = texts.into_iter().map(|text| clip(text, 20)).collect();
    list(&texts, VERSIONS_MAX)
}

fn fail(view: &WorkloadView<'_>, requirement: &Requirement, namespace: &str, versions: &str) -> Outcome {
    let key = view.key();
    let name = clip(&requirement.target.to_string(), NAME_MAX);
    let asked = clip(&requirement.to_string(), NAME_MAX + 20);
    let (serves, way_out) = if view.is_of_files() {
        ("is what the files say", "roll that out first")
    } else {
        ("serves", "finish the rollout of that first")
    };
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(
            format!("its calls may reach {name} {versions}, which it does not work with"),
            format!("{key} requires {asked}, and {versions} {serves}"),
            way_out,
        ),
        remedy: Some(Remedy::Advice(advice(key, &requirement.target, namespace))),
    })
}

/// How to see what serves, and how to keep away from it until then.
fn advice(key: &ObjectKey, target: &Target, namespace: &str) -> String {
    let namespace = shell_quote(namespace);
    let look = match &target.what {
        What::Workload(kind, name) => format!("rollout status {}/{name}", kind.as_str().to_ascii_lowercase()),
        What::Service(name) => format!("get endpointslices -l kubernetes.io/service-name={name}"),
        What::Selected(selector) => format!(
            "get pods -L app.kubernetes.io/version -l {}",
            shell_quote(&selector.to_string())
        ),
    };
    format!(
        "see how far it is with kubectl -n {namespace} {look}; until it is done, keep to what works with both: \
         kubectl -n {} rollout undo {}/{}",
        shell_quote(&key.namespace),
        key.kind.as_str().to_ascii_lowercase(),
        shell_quote(&key.name)
    )
}

/// A kind that must be known to judge by what is there, and is not.
fn unlisted(view: &WorkloadView<'_>, target: &Target) -> Option<String> {
    let elsewhere = target.namespace.as_ref().map(|_| Kind::Namespace);
    let kinds = match target.what {
        What::Workload(kind, _) => [Some(kind), None],
        What::Service(_) => [Some(Kind::Service), Some(Kind::DaemonSet)],
        What::Selected(_) => [Some(Kind::DaemonSet), None],
    };
    kinds
        .into_iter()
        .chain([elsewhere])
        .flatten()
        .find_map(|kind| match view.listing(kind) {
            Listing::Listed => None,
            Listing::Waiting => Some(format!("{} are not listed yet", kind.plural())),
            Listing::Unreadable(why) => Some(format!("{} cannot be read: {why}", kind.plural())),
        })
}

/// Why nothing is told of another namespace; the same words whether it is there or not.
fn refused(question: &Question<'_>, namespace: &str) -> Option<String> {
    let view = &question.view;
    let own = &*view.key().namespace;
    if namespace == own || view.is_of_files() {
        return None;
    }
    let said = view
        .namespace_called(namespace)
        .and_then(|object| object.annotation(REQUIRED_BY_ANNOTATION));
    let may_ask = match said {
        Some(names) => names
            .split(',')
            .map(str::trim)
            .any(|name| name == "*" || name == own),
        None => question.policy.requires_across_namespaces && !is_system_namespace(namespace),
    };
    (!may_ask).then(|| {
        format!("{own} may not ask about {namespace}: let {REQUIRED_BY_ANNOTATION} of Namespace {namespace} name it")
    })
}

#[cfg(test)]
mod tests;
