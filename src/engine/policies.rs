//! What is known of the policies' own statuses: how many workloads each governs, and what was written last.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::model::keys::{Name, ObjectKey};
use crate::model::policy::{PolicyStatus, ResiliencePolicy};
use crate::model::report::Condition;
use crate::model::time::{Moment, Now};
use crate::plan::policy::policy_status;
use crate::policy::Policies;

/// One policy's status is written no more often than this: in a busy cluster its count of workloads never rests. A write
/// that does not show on the watch is made again then.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest pause between two tries of the same.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// A policy's new status.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyWrite {
    /// The policy.
    pub name: Name,
    /// Its status.
    pub status: PolicyStatus,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct PolicyReports {
    /// The policies of each workload that has any.
    governing: HashMap<ObjectKey, Vec<Name>>,
    counts: HashMap<Name, usize>,
    tried: BTreeMap<Name, Tried>,
    /// What nobody has taken yet.
    waiting: BTreeMap<Name, PolicyStatus>,
    /// The state of the policies at the last look; `None` when something else has changed since.
    looked_at: Option<u64>,
}

#[derive(Debug)]
struct Tried {
    at: Moment,
    tries: u32,
    status: PolicyStatus,
}

impl Tried {
    fn again(&self) -> Moment {
        let pause = PAUSE.saturating_mul(1 << self.tries.saturating_sub(1).min(10));
        self.at.after(pause.min(PAUSE_MAX))
    }
}

impl PolicyReports {
    /// Notes which policies govern a workload; none, when it is gone.
    pub(super) fn govern(&mut self, key: &ObjectKey, policies: &[Name]) {
        let known = self.governing.get(key).map(Vec::as_slice).unwrap_or_default();
        if known == policies {
            return;
        }
        for gone in self.governing.remove(key).unwrap_or_default() {
            if let Some(count) = self.counts.get_mut(&gone) {
                *count -= 1;
            }
        }
        self.counts.retain(|_, count| *count > 0);
        for policy in policies {
            *self.counts.entry(policy.clone()).or_default() += 1;
        }
        if !policies.is_empty() {
            self.governing.insert(key.clone(), policies.to_vec());
        }
        self.look_again();
    }

    /// Whoever leads now did not before.
    pub(super) fn look_again(&mut self) {
        self.looked_at = None;
    }

    /// Whether something changed since the last look.
    pub(super) fn is_stale(&self, policies: &Policies) -> bool {
        self.looked_at != Some(policies.revision()) && !policies.is_empty()
    }

    /// When to look although nothing has changed.
    pub(super) fn due(&self) -> Option<Moment> {
        self.tried.values().map(Tried::again).min()
    }

    /// Looks for what the API server does not show, unless it was written a moment ago.
    pub(super) fn look(&mut self, policies: &Policies, leads: bool, now: Now) {
        let due = self.due().is_some_and(|due| due <= now.at);
        if !due && !self.is_stale(policies) {
            return;
        }
        self.looked_at = Some(policies.revision());
        self.tried.retain(|name, _| policies.get(name).is_some());
        self.waiting.retain(|name, _| policies.get(name).is_some());
        for policy in policies.iter().filter(|_| leads) {
            self.look_at(policy, now);
        }
    }

    fn look_at(&mut self, policy: &ResiliencePolicy, now: Now) {
        let workloads = self.counts.get(&policy.name).copied().unwrap_or_default();
        let mut status = policy_status(policy, workloads, now.wall);
        let tried = self.tried.get(&policy.name);
        if policy.shown.as_ref() == Some(&status) {
            if tried.is_some_and(|tried| tried.again() <= now.at) {
                self.tried.remove(&policy.name);
            }
            return;
        }
        if tried.is_some_and(|tried| tried.again() > now.at) {
            return;
        }
        let mut tries = 0;
        if let Some(tried) = tried {
            since_as_in(&mut status, &tried.status);
            tries = if tried.status == status { tried.tries } else { 0 };
        }
        let tried = Tried {
            at: now.at,
            tries: tries + 1,
            status: status.clone(),
        };
        self.tried.insert(policy.name.clone(), tried);
        self.waiting.insert(policy.name.clone(), status);
    }

    /// Takes what is to be written.
    pub(super) fn take_writes(&mut self) -> Vec<PolicyWrite> {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        waiting
            .map(|(name, status)| PolicyWrite { name, status })
            .collect()
    }
}

/// What was not written yet has been so since it was first to be written.
fn since_as_in(status: &mut PolicyStatus, before: &PolicyStatus) {
    for condition in &mut status.conditions {
        let same = |c: &&Condition| c.kind == condition.kind && c.status == condition.status;
        if let Some(known) = before.conditions.iter().find(same) {
            condition.last_transition_time = known.last_transition_time;
        }
    }
}

#[cfg(test)]
mod tests;
