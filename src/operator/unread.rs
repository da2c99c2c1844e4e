//! The watched objects that cannot be read, in whole or in part: named for `/readyz`, so that somebody mends them.
//!
//! An object whose fields do not fit is judged as far as the model can tell a field that does not fit from an absent one
//! (workloads, autoscalers, budgets, LimitRanges: the rules that need the field say `unknown`). Any other is not used at
//! all, nor is what it said before: a pod that was ready when it could still be read may not be so now, and after a
//! restart nobody would know that it ever was. All others are judged as if it were not there.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

use crate::model::text::clip;

/// Objects of a kind that are named; of more there is only the number. A tenant may make thousands.
const NAMED: usize = 5;
/// Longest reason that is kept, characters.
const WHY_MAX: usize = 200;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Unread {
    kinds: BTreeMap<&'static str, OfKind>,
    hasher: RandomState,
}

/// Those of one kind. A relist is a round: what it does not name is gone.
#[derive(Debug, Default)]
struct OfKind {
    round: u64,
    /// By namespace and name: why, and in which round that was last seen.
    named: BTreeMap<String, (String, u64)>,
    /// The others, by the hash of their names.
    more: HashMap<u64, u64>,
}

impl Unread {
    /// A list of a kind begins, or begins again.
    pub(super) fn list_begins(&mut self, kind: &'static str) {
        if let Some(of_kind) = self.kinds.get_mut(kind) {
            of_kind.round += 1;
        }
    }

    /// The list of a kind is complete. Returns whether that changed anything.
    pub(super) fn list_ends(&mut self, kind: &'static str) -> bool {
        let Some(of_kind) = self.kinds.get_mut(kind) else {
            return false;
        };
        let (round, before) = (of_kind.round, of_kind.count());
        of_kind.named.retain(|_, (_, seen)| *seen == round);
        of_kind.more.retain(|_, seen| *seen == round);
        let changed = of_kind.count() != before;
        self.drop_if_empty(kind);
        changed
    }

    /// An object cannot be read, and why.
    pub(super) fn note(&mut self, kind: &'static str, path: &str, why: &str) {
        let hash = self.hasher.hash_one(path);
        let of_kind = self.kinds.entry(kind).or_default();
        let round = of_kind.round;
        if of_kind.named.contains_key(path) || of_kind.named.len() < NAMED {
            of_kind.more.remove(&hash);
            of_kind.named.insert(path.to_owned(), (clip(why, WHY_MAX), round));
        } else {
            of_kind.more.insert(hash, round);
        }
    }

    /// An object can be read, or is gone. Returns whether that changed anything.
    pub(super) fn forget(&mut self, kind: &'static str, path: impl FnOnce() -> String) -> bool {
        let Some(of_kind) = self.kinds.get_mut(kind) else {
            return false;
        };
        let path = path();
        let hash = self.hasher.hash_one(path.as_str());
        let known = of_kind.named.remove(&path).is_some() || of_kind.more.remove(&hash).is_some();
        self.drop_if_empty(kind);
        known
    }

    /// What `/readyz` says of a kind; `None` when all of it can be read.
    pub(super) fn line(&self, kind: &str) -> Option<String> {
        let of_kind = self.kinds.get(kind)?;
        let objects = match of_kind.count() {
            1 => "1 object".to_owned(),
            n => format!("{n} objects"),
        };
        let named = of_kind
            .named
            .iter()
            .map(|(path, (why, _))| format!("{path}: {why}"));
        let more = of_kind.more.len();
        let more = (more > 0).then(|| format!("and {more} more"));
        let all: Vec<String> = named.chain(more).collect();
        Some(format!("{objects} cannot be read: {}", all.join("; ")))
    }

    fn drop_if_empty(&mut self, kind: &'static str) {
        if self.kinds.get(kind).is_some_and(|of_kind| of_kind.count() == 0) {
            self.kinds.remove(kind);
        }
    }
}

impl OfKind {
    fn count(&self) -> usize {
        self.named.len() + self.more.len()
    }
}

#[cfg(test)]
mod tests;
