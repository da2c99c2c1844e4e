//! What the rules say of a change that somebody asks for, before it is made.
//!
//! ```text
//! change ─> index, overlaid ─> whom it concerns ─> rules ─> answers then ─┐
//!                └─> the same, with what it replaces ─> answers now ──────┴─> what it makes worse, what it leaves broken
//! ```
//!
//! Of the workload that is changed both count, of all others only what becomes worse; and of an autoscaler or a budget,
//! what is to be mended in it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Engine;
use super::judge::policy_of;
use crate::index::Index;
use crate::model::field::Field;
use crate::model::finding::{CheckResult, Failure, Outcome, Remedy};
use crate::model::keys::{Name, ObjectKey};
use crate::model::object::Object;
use crate::model::policy::Admission;
use crate::policy::Policy;
use crate::rules::{self, Question};

/// Of how many workloads beside the one that is changed the answers are looked at: a budget may select a whole namespace,
/// and somebody waits.
const OTHERS: usize = 32;

/// A change that somebody asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An object is made.
    Create(Box<Object>),
    /// An object is replaced.
    Update {
        /// What it is.
        old: Box<Object>,
        /// What it is to be.
        new: Box<Object>,
    },
    /// A workload's `scale` is set.
    Scale {
        /// The workload.
        key: ObjectKey,
        /// Its replicas now.
        from: i32,
        /// Its replicas then.
        to: i32,
    },
}

impl Change {
    /// The object that is changed.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        match self {
            Change::Create(new) | Change::Update { new, .. } => new.key(),
            Change::Scale { key, .. } => key.clone(),
        }
    }
}

/// Something that is to be said of a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Remark {
    /// The workload that it is about.
    pub workload: ObjectKey,
    /// The rule.
    pub rule: &'static str,
    /// The part of the workload that it is about, if not the whole.
    pub subject: Option<String>,
    /// What it says.
    pub failure: Box<Failure>,
    /// Whether it is because of the change; otherwise it was so before.
    pub worse: bool,
    /// What the policy in force wants done about it. Never [`Admission::Off`].
    pub admission: Admission,
    /// The policy that says so; `None` = it is so by default.
    pub by: Option<Name>,
}

impl Remark {
    /// Whether the change is to be refused for it: nobody is kept from an update by what was there before.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.worse && self.admission == Admission::Deny
    }

    fn id(&self) -> (&ObjectKey, &'static str, Option<&str>) {
        (&self.workload, self.rule, self.subject.as_deref())
    }

    /// Whether it is to be mended in that object.
    fn mends(&self, key: &ObjectKey) -> bool {
        matches!(&self.failure.remedy, Some(Remedy::Patch { target, .. }) if target == key)
    }
}

impl Engine {
    /// What is to be said of a change: what it is refused for first, then the worst; nothing before everything has been
    /// listed. Afterwards the engine is as it was.
    pub fn review(&mut self, change: Change, now: Timestamp) -> Vec<Remark> {
        if !self.index.is_complete() {
            return Vec::new();
        }
        let (old, new) = match change {
            Change::Create(new) => (None, *new),
            Change::Update { old, new } => (Some(*old), *new),
            Change::Scale { key, from, to } => match (self.scaled(&key, from), self.scaled(&key, to)) {
                (Some(old), Some(new)) => (Some(old), new),
                // It is not known yet, and will be judged when it is.
                _ => return Vec::new(),
            },
        };
        if old.as_ref().is_some_and(|old| is_alike(old, &new)) {
            return Vec::new();
        }
        let candidate = new.key();
        let policy = &self.policy;
        let after = self.index.overlaid(new, |index, touched| {
            let own = candidate.kind.is_workload().then_some(&candidate);
            let others = touched.iter().filter(|key| **key != candidate).take(OTHERS);
            let asked = own.into_iter().chain(others);
            asked
                .flat_map(|key| failures(index, policy, key, now))
                .collect::<Vec<_>>()
        });
        let mut after = after.unwrap_or_default();
        if after.is_empty() {
            return after;
        }
        let asked: BTreeSet<&ObjectKey> = after.iter().map(|remark| &remark.workload).collect();
        let fail_in = |index: &Index| -> Vec<Remark> {
            asked
                .iter()
                .flat_map(|key| failures(index, policy, key, now))
                .collect()
        };
        let before = match old {
            Some(old) => self
                .index
                .overlaid(old, |index, _| fail_in(index))
                .unwrap_or_default(),
            None => fail_in(&self.index),
        };
        for remark in &mut after {
            let was = before.iter().find(|was| was.id() == remark.id());
            remark.worse = was.is_none_or(|was| was.failure.severity < remark.failure.severity);
        }
        after.retain(|remark| {
            remark.admission != Admission::Off
                && (remark.worse || remark.workload == candidate || remark.mends(&candidate))
        });
        after.sort_by_key(|remark| (!remark.refuses(), Reverse(remark.failure.severity), !remark.worse));
        after
    }

    /// A workload at other replicas.
    fn scaled(&self, key: &ObjectKey, replicas: i32) -> Option<Object> {
        match self.index.object(key)? {
            Object::Workload(mut workload) => {
                workload.replicas = Field::Set(replicas);
                Some(Object::Workload(workload))
            }
            _ => None,
        }
    }
}

/// Whether nothing changes that is read. A Deployment's generation counts changes of its annotations too.
fn is_alike(old: &Object, new: &Object) -> bool {
    match (old, new) {
        (Object::Workload(old), Object::Workload(new)) => {
            let mut old = old.clone();
            old.generation = new.generation;
            old == *new
        }
        (old, new) => old == new,
    }
}

/// What fails in a workload, as if it were worse than before; nothing where the operator says nothing.
fn failures(index: &Index, base: &Policy, key: &ObjectKey, now: Timestamp) -> Vec<Remark> {
    let view = index.view(key);
    let policy = view.and_then(|view| policy_of(base, &view));
    let (Some(view), Some(policy)) = (view, policy) else {
        return Vec::new();
    };
    let question = Question {
        view,
        policy: &policy,
        now,
    };
    let results = rules::judge(&question).results.into_iter();
    let failed = results.filter_map(
        |CheckResult {
             rule,
             subject,
             outcome,
         }| match outcome {
            Outcome::Fail(failure) => Some(Remark {
                workload: key.clone(),
                rule,
                subject,
                admission: policy.admission(rule, failure.severity),
                by: policy.admission_by(rule),
                failure,
                worse: true,
            }),
            _ => None,
        },
    );
    failed.collect()
}

#[cfg(test)]
mod tests;
