//! Each anti-affinity term and spread constraint by itself: does it keep the workload's own pods apart, and if not, why.

use std::fmt;

use super::domains::has_domains;
use crate::index::WorkloadView;
use crate::model::config::ClusterVersion;
use crate::model::field::Field;
use crate::model::keys::{Kind, Name};
use crate::model::selector::{LabelSelector, Labels};
use crate::model::template::{AntiAffinityTerm, SpreadConstraint, WhenUnsatisfiable};
use crate::policy::Policy;

/// Label that every Namespace has, with its name: set by the API server since 1.21.
const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Label that the Deployment controller adds to the pods of a revision.
pub(super) const POD_TEMPLATE_HASH: &str = "pod-template-hash";

/// Labels that a StatefulSet's controller gives to each pod with a value of its own.
const PER_POD_LABELS: [&str; 2] = [
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
];

/// How firmly the scheduler holds to a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strength {
    /// A pod that would break it stays Pending.
    Required,
    /// It is one wish among others.
    Preferred,
}

impl Strength {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Strength::Required => "required",
            Strength::Preferred => "preferred",
        }
    }
}

/// One term of either kind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Term<'a> {
    AntiAffinity(&'a AntiAffinityTerm),
    Spread(&'a SpreadConstraint),
}

impl<'a> Term<'a> {
    pub(super) fn key(self) -> &'a Name {
        match self {
            Term::AntiAffinity(term) => &term.topology_key,
            Term::Spread(constraint) => &constraint.topology_key,
        }
    }

    pub(super) fn strength(self) -> Strength {
        let required = match self {
            Term::AntiAffinity(term) => term.required,
            Term::Spread(c) => c.when_unsatisfiable == Field::Set(WhenUnsatisfiable::DoNotSchedule),
        };
        if required {
            Strength::Required
        } else {
            Strength::Preferred
        }
    }

    fn selector(self) -> Option<&'a LabelSelector> {
        match self {
            Term::AntiAffinity(term) => term.selector.as_ref(),
            Term::Spread(constraint) => constraint.selector.as_ref(),
        }
    }
}

/// `its preferred podAntiAffinity over kubernetes.io/hostname`.
impl fmt::Display for Term<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::AntiAffinity(_) => write!(f, "its {} podAntiAffinity", self.strength().as_str())?,
            Term::Spread(_) => f.write_str("its topologySpreadConstraint")?,
        }
        write!(f, " over {}", self.key())
    }
}

/// What one term does for the workload.
#[derive(Debug)]
pub(super) enum Judged<'a> {
    /// It keeps its own pods apart.
    Counts(Term<'a>),
    /// It does not.
    Misses(Miss),
    /// A value or an object that it depends on is not known.
    Unclear(String),
}

/// A term that does nothing for the workload.
#[derive(Debug)]
pub(super) struct Miss {
    term: String,
    pub(super) why: Why,
}

/// Why a term does nothing for the workload.
#[derive(Debug)]
pub(super) enum Why {
    /// `maxSkew` lets all replicas sit together.
    Skew(i32),
    /// All schedulable nodes are in one domain, or none has the label.
    OneDomain,
    /// No two schedulable nodes also have the label of this other soft constraint.
    Beside(Name),
    /// The key is not one that the policy accepts.
    Key,
    /// It looks into other namespaces.
    Namespaces,
    /// It selects other pods: what it asks for.
    OtherPods(String),
    /// It has no `labelSelector`.
    NoSelector,
    /// It is a spread constraint with an empty `labelSelector`.
    EmptySelector,
}

impl Why {
    /// How far the term is from doing something; the smallest is told first.
    pub(super) const fn distance(&self) -> u8 {
        match self {
            Why::Skew(_) => 0,
            Why::OneDomain | Why::Beside(_) => 1,
            Why::OtherPods(_) => 2,
            Why::NoSelector | Why::EmptySelector => 3,
            Why::Namespaces => 4,
            Why::Key => 5,
        }
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let term = &self.term;
        match &self.why {
            Why::Skew(skew) => write!(f, "{term} has no effect: maxSkew {skew} lets all sit together"),
            Why::OneDomain => write!(f, "{term} has no effect: no two schedulable nodes differ in it"),
            Why::Beside(other) => write!(f, "{term} has no effect beside that over {other}: nodes lack it"),
            Why::Key => write!(f, "{term} is over a key that is not accepted"),
            Why::Namespaces => write!(f, "{term} looks at pods of other namespaces"),
            Why::OtherPods(asked) => write!(f, "{term} selects other pods ({asked})"),
            Why::EmptySelector => write!(
                f,
                "{term} has an empty labelSelector, which selects nothing there"
            ),
            Why::NoSelector => write!(f, "{term} has no labelSelector and selects nothing"),
        }
    }
}

/// Judges every term of the template, anti-affinity first.
pub(super) fn judge_all<'a>(view: &WorkloadView<'a>, policy: &Policy, ceiling: u32) -> Vec<Judged<'a>> {
    let template = view.template();
    let own = own_labels(view);
    let anti_affinity = template.anti_affinity.iter().map(Term::AntiAffinity);
    let spread = template.spread.iter().map(Term::Spread);
    anti_affinity
        .chain(spread)
        .map(|term| match judge(view, policy, term, &own, ceiling) {
            Ok(()) => Judged::Counts(term),
            Err(Doubt::Miss(why)) => Judged::Misses(Miss {
                term: term.to_string(),
                why,
            }),
            Err(Doubt::Unclear(why)) => Judged::Unclear(why),
        })
        .collect()
}

/// Why a term does not count, or cannot be told to.
pub(super) enum Doubt {
    Miss(Why),
    Unclear(String),
}

/// What certainly rules a term out comes first, so that an invalid value is `unknown` only where it decides.
fn judge(
    view: &WorkloadView<'_>,
    policy: &Policy,
    term: Term<'_>,
    own: &Labels,
    ceiling: u32,
) -> Result<(), Doubt> {
    let Some(selector) = term.selector() else {
        return Err(Doubt::Miss(Why::NoSelector));
    };
    let matches = match term {
        Term::AntiAffinity(t) => affinity_selects(view, t, selector.clone(), own),
        Term::Spread(c) => spread_selects(view, c, selector.clone(), own),
    };
    if !matches {
        return Err(Doubt::Miss(match term {
            Term::Spread(_) if selector.is_empty() => Why::EmptySelector,
            _ => Why::OtherPods(selector.to_string()),
        }));
    }
    if !policy.topology_keys.iter().any(|key| **key == **term.key()) {
        return Err(Doubt::Miss(Why::Key));
    }
    match term {
        Term::AntiAffinity(t) => includes_own_namespace(view, t)?,
        Term::Spread(c) => has_effect(c, ceiling)?,
    }
    has_domains(view, term)
}

/// The labels that all of the workload's pods will have: the template's, and those that their controller adds, with a
/// value that no selector can name.
fn own_labels(view: &WorkloadView<'_>) -> Labels {
    let added: &[&str] = match view.key().kind {
        Kind::Deployment => &[POD_TEMPLATE_HASH],
        Kind::StatefulSet => &["controller-revision-hash", PER_POD_LABELS[0], PER_POD_LABELS[1]],
        _ => &[],
    };
    let template = view.template().labels.iter();
    let template = template.map(|(key, value)| (Name::from(key.to_string()), Name::from(value.to_string())));
    template
        .chain(added.iter().map(|key| (Name::from(*key), Name::from("*"))))
        .collect()
}

/// Narrows a selector as `matchLabelKeys` does; a key that the pods lack is ignored. `None` when a key tells each pod
/// from every other, so that no pod is left that it could be kept away from.
fn narrowed(selector: LabelSelector, keys: &[Name], own: &Labels) -> Option<LabelSelector> {
    keys.iter()
        .try_fold(selector, |selector, key| match own.get(key) {
            Some(_) if PER_POD_LABELS.contains(&&**key) => None,
            Some(value) => Some(selector.and_exact(key.clone(), value)),
            None => Some(selector),
        })
}

fn spread_selects(
    view: &WorkloadView<'_>,
    c: &SpreadConstraint,
    selector: LabelSelector,
    own: &Labels,
) -> bool {
    let keys: &[Name] = if view.version() < ClusterVersion::SPREAD_MATCH_LABEL_KEYS {
        &[]
    } else {
        &c.match_label_keys
    };
    // The scheduler counts no pods for an empty selector: `countPodsMatchSelector` in Kubernetes'
    // `plugins/podtopologyspread/common.go`.
    narrowed(selector, keys, own).is_some_and(|selector| !selector.is_empty() && selector.matches(own))
}

fn affinity_selects(
    view: &WorkloadView<'_>,
    t: &AntiAffinityTerm,
    selector: LabelSelector,
    own: &Labels,
) -> bool {
    if view.version() < ClusterVersion::AFFINITY_MATCH_LABEL_KEYS {
        return selector.matches(own);
    }
    let Some(mut selector) = narrowed(selector, &t.match_label_keys, own) else {
        return false;
    };
    for key in &t.mismatch_label_keys {
        match own.get(key) {
            // Every other pod of the workload has another value there, so none is excluded.
            Some(_) if PER_POD_LABELS.contains(&&**key) => {}
            Some(value) => selector = selector.and_not(key.clone(), value),
            None => {}
        }
    }
    selector.matches(own)
}

/// `namespaces` and `namespaceSelector` together; neither means the pod's own.
fn includes_own_namespace(view: &WorkloadView<'_>, term: &AntiAffinityTerm) -> Result<(), Doubt> {
    let own = &view.key().namespace;
    if term.namespaces.contains(own) {
        return Ok(());
    }
    let Some(selector) = &term.namespace_selector else {
        return if term.namespaces.is_empty() {
            Ok(())
        } else {
            Err(Doubt::Miss(Why::Namespaces))
        };
    };
    let name = (Name::from(NAMESPACE_NAME_LABEL), own.clone());
    let matches = match view.namespace() {
        Some(namespace) => {
            let labels = namespace.labels.iter();
            let labels =
                labels.map(|(key, value)| (Name::from(key.to_string()), Name::from(value.to_string())));
            selector.matches(&labels.chain([name]).collect())
        }
        None if selector.keys().all(|key| key == NAMESPACE_NAME_LABEL) => {
            selector.matches(&[name].into_iter().collect())
        }
        None => {
            return Err(Doubt::Unclear(format!(
                "the labels of namespace {own} are not known, and {} asks for them",
                Term::AntiAffinity(term)
            )));
        }
    };
    if matches {
        Ok(())
    } else {
        Err(Doubt::Miss(Why::Namespaces))
    }
}

fn has_effect(constraint: &SpreadConstraint, ceiling: u32) -> Result<(), Doubt> {
    let term = Term::Spread(constraint);
    // Both fields are required, so an absent one is refused like an invalid one.
    let skew = match constraint.max_skew.get() {
        Some(skew) if *skew > 0 => *skew,
        _ => {
            return Err(Doubt::Unclear(format!(
                "maxSkew of {term} is not a number above 0"
            )));
        }
    };
    if constraint.when_unsatisfiable.get().is_none() {
        return Err(Doubt::Unclear(format!(
            "whenUnsatisfiable of {term} is neither DoNotSchedule nor ScheduleAnyway"
        )));
    }
    if i64::from(skew) < i64::from(ceiling) {
        Ok(())
    } else {
        Err(Doubt::Miss(Why::Skew(skew)))
    }
}
