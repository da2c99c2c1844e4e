//! Who runs a workload, what to do when it fails, and whom it serves: the first questions of every incident.
//!
//! ```text
//! workload: annotation, label ─┐ (each of the policy's keys in turn)
//! namespace: annotation, label ┴─> the first that says something ─> text that is safe to show
//! ```
//!
//! Whoever may write the object says this, so it is text of a stranger: short, without characters that steer a terminal, and
//! never fetched.

use std::fmt;

use super::Policy;
use crate::index::WorkloadView;
use crate::model::text::{clip, inert};

/// Annotations and labels that name who runs a workload, unless a policy names others. The second is the Ambassador
/// project's convention (annotations for people, "a8r").
pub const OWNER_KEYS: [&str; 4] = ["plimsoll.dev/owner", "a8r.io/owner", "owner", "team"];
/// Those that say what to do when it fails.
pub const RUNBOOK_KEYS: [&str; 2] = ["plimsoll.dev/runbook", "a8r.io/runbook"];
/// Those that say whom it serves.
pub const CRITICALITY_KEYS: [&str; 1] = ["plimsoll.dev/criticality"];

/// Longest owner that is repeated, characters: an annotation may hold 256 KiB, a report 8.
const OWNER_MAX: usize = 128;
/// Longest runbook that is repeated, characters.
const RUNBOOK_MAX: usize = 256;

/// What is known of the people behind a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// Who runs it.
    pub owner: Option<String>,
    /// What to do when it fails: the address of a page, or a sentence.
    pub runbook: Option<String>,
    /// Whom it serves.
    pub criticality: Option<Criticality>,
}

/// Whom a workload serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Criticality {
    /// Customers notice at once.
    Customer,
    /// Colleagues notice.
    Internal,
    /// Nobody notices before the work is late.
    Batch,
}

impl Criticality {
    /// The word as reports have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Criticality::Customer => "Customer",
            Criticality::Internal => "Internal",
            Criticality::Batch => "Batch",
        }
    }

    /// The criticality of that name; labels are often in small letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Criticality::Customer, Criticality::Internal, Criticality::Batch]
            .into_iter()
            .find(|one| one.as_str().eq_ignore_ascii_case(text.trim()))
    }
}

impl fmt::Display for Criticality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Ownership {
    /// What a workload, or else its namespace, says.
    #[must_use]
    pub fn of(view: &WorkloadView<'_>, policy: &Policy) -> Self {
        Ownership {
            owner: said(view, &policy.owner_keys).find_map(owner),
            runbook: said(view, &policy.runbook_keys).find_map(runbook),
            criticality: said(view, &policy.criticality_keys).find_map(Criticality::parse),
        }
    }

    /// Whether nobody says anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Ownership::default()
    }
}

/// Everything that is said under these keys, the first to count first: the workload's own before its namespace's, in the
/// order of the keys, an annotation before a label.
fn said<'a>(view: &WorkloadView<'a>, keys: &'a [String]) -> impl Iterator<Item = &'a str> + use<'a> {
    let (workload, namespace) = (view.workload(), view.namespace());
    let own = keys.iter().flat_map(|key| {
        let annotation = workload.annotation(key);
        [annotation, workload.labels.get(key)]
    });
    let inherited = namespace.into_iter().flat_map(|namespace| {
        let said = |key: &'a String| [namespace.annotation(key), namespace.labels.get(key)];
        keys.iter().flat_map(said)
    });
    own.chain(inherited).flatten()
}

/// An owner's name that is safe to show; `None` when nothing is left of it.
pub(crate) fn owner(text: &str) -> Option<String> {
    let text = clip(text.trim(), OWNER_MAX);
    (!text.is_empty()).then(|| inert(&text))
}

/// A page's address on the web, or a sentence. An address of another scheme (`javascript:`, `file:`) is neither, nor is one
/// with a user in it, which holds a password or hides where it leads; one that is too long is left out, since half an
/// address leads nowhere.
fn runbook(text: &str) -> Option<String> {
    let text = text.trim();
    let safe = match scheme(text) {
        None => inert(&clip(text, RUNBOOK_MAX)),
        Some(scheme) if is_web(scheme) && is_plain_address(&text[scheme.len()..]) => text.to_owned(),
        Some(_) => return None,
    };
    (!safe.is_empty()).then_some(safe)
}

/// The scheme of an address: what stands before a colon that no space follows.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_part);
    (is_scheme && rest.starts_with(|c: char| !c.is_whitespace())).then_some(scheme)
}

fn is_web(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
}

/// Whether what follows the scheme names a host and holds nothing odd.
fn is_plain_address(rest: &str) -> bool {
    let Some(rest) = rest.strip_prefix("://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '`' | '\\');
    rest.chars().count() <= RUNBOOK_MAX
        && !host.is_empty()
        && !host.contains('@')
        && !rest.contains(is_odd)
        && inert(rest) == rest
}

#[cfg(test)]
mod tests;
