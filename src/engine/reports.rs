//! What is known of the reports themselves: what they last said, what the API server shows, and whether that is the same.

use std::collections::HashMap;
use std::time::Duration;

use super::{Decision, ReportWrite};
use crate::detect::{PriorCluster, PriorNode};
use crate::model::config::DetectorConfig;
use crate::model::finding::Severity;
use crate::model::keys::Name;
use crate::model::report::{Acknowledgement, ReportStatus, Stamp, Verdict};
use crate::model::subject::Subject;
use crate::model::time::{Moment, Now};
use crate::plan::Prior;
use crate::policy::ownership::{self, Criticality, Ownership};

/// How long a write may take to show on the watch before it is made again; doubled each time, up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_secs(5);
/// The longest pause between two tries of one report.
const RETRY_MAX: Duration = Duration::from_secs(300);

/// A report as the watch showed it.
#[derive(Clone, Debug)]
pub struct ReportSeen {
    /// What it is about.
    pub subject: Subject,
    /// The uid of that workload or node, as the report names it; empty when it does not.
    pub uid: Name,
    /// What it says; `None` when it has no status yet.
    pub status: Option<ReportStatus>,
    /// What people acknowledged.
    pub acknowledgements: Vec<Acknowledgement>,
}

/// One report.
#[derive(Debug, Default)]
pub struct ReportState {
    pub(super) prior: Prior,
    pub(super) acknowledgements: Vec<Acknowledgement>,
    /// The uid of the workload that this state is about.
    uid: Name,
    /// The verdict as last planned.
    verdict: Verdict,
    /// Who runs it, as last planned; empty when nobody says so.
    owner: Name,
    /// Whom it serves, as last planned.
    criticality: Option<Criticality>,
    /// The hash of what the API server shows; `None` when there is no report (or none with a status).
    shown: Option<u64>,
    /// The object is there, with or without a status.
    exists: bool,
    /// The object there is about an earlier workload of the same name.
    stale: bool,
    /// When the last write was planned, and how many tries it took so far.
    tried: Option<(Moment, u32)>,
}

impl ReportState {
    /// The verdict as last planned or read.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Who runs it, as last planned or read; empty when nobody says so.
    #[must_use]
    pub fn owner(&self) -> &Name {
        &self.owner
    }

    /// Whom it serves, as last planned or read.
    #[must_use]
    pub fn criticality(&self) -> Option<Criticality> {
        self.criticality
    }

    fn note(&mut self, status: Option<&ReportStatus>) {
        self.verdict = status.map_or(Verdict::Unknown, |status| status.verdict);
        // A report that was read may have been edited by hand.
        self.owner = status
            .and_then(|status| ownership::owner(status.owner.as_deref()?))
            .unwrap_or_default()
            .into();
        self.criticality = status.and_then(|status| Criticality::parse(status.criticality.as_deref()?));
    }

    /// Takes over a plan. Returns what to write, if anything: what changed, or what the API server still does not show
    /// although it was written a while ago.
    pub(super) fn write(
        &mut self,
        status: ReportStatus,
        prior: Prior,
        changed: bool,
        subject: &Subject,
        config: &DetectorConfig,
        now: Now,
    ) -> Option<ReportWrite> {
        let is_over = comes_and_goes(subject) && self.is_over(&prior, config, now);
        self.note(Some(&status));
        self.prior = prior;
        if is_over {
            self.prior.forget_written();
            if !self.exists || !self.may_try(now) {
                return None;
            }
            self.count_try(now);
            return Some(ReportWrite::Delete);
        }
        if !changed && (self.shown == self.prior.hash() || !self.may_try(now)) {
            return None;
        }
        if changed {
            self.tried = None;
        }
        self.count_try(now);
        let status = Box::new(status);
        if self.stale {
            self.stale = false;
            return Some(ReportWrite::Replace { status });
        }
        Some(ReportWrite::Put {
            status,
            create: !self.exists,
        })
    }

    /// A report that comes and goes is over when nothing is left in it and its last transition has left the window in
    /// which silences are counted: until then it is the memory that survives a restart.
    fn is_over(&self, prior: &Prior, config: &DetectorConfig, now: Now) -> bool {
        !prior.has_findings()
            && prior
                .last_change()
                .is_none_or(|at| now.since_stamp(at) >= config.limbo_window)
    }

    fn count_try(&mut self, now: Now) {
        let tries = self.tried.map_or(0, |(_, tries)| tries);
        self.tried = Some((now.at, tries + 1));
    }

    fn may_try(&self, now: Now) -> bool {
        self.tried
            .is_none_or(|(at, tries)| now.at >= at.after(pause(tries)))
    }

    /// When this report must be looked at again: a write that does not show, a report that will be over.
    pub(super) fn due(&self, subject: &Subject, config: &DetectorConfig, now: Now) -> Option<Moment> {
        let tried = self.tried.map(|(at, tries)| at.after(pause(tries)));
        let retry = tried.filter(|_| self.shown != self.prior.hash());
        let last = (comes_and_goes(subject) && !self.prior.has_findings())
            .then(|| self.prior.last_change())
            .flatten();
        let over = last
            .and_then(|at| at.checked_add(config.limbo_window).ok())
            .map(|at| now.moment_until(at).max(tried.unwrap_or_default()));
        retry.into_iter().chain(over.filter(|_| self.exists)).min()
    }
}

/// Workloads always have a report; nodes and the cluster only while there is something to say.
fn comes_and_goes(subject: &Subject) -> bool {
    subject.workload().is_none()
}

fn pause(tries: u32) -> Duration {
    RETRY
        .saturating_mul(1 << tries.saturating_sub(1).min(10))
        .min(RETRY_MAX)
}

/// All reports.
#[derive(Debug, Default)]
pub(super) struct Reports {
    by_subject: HashMap<Subject, ReportState>,
    listed: bool,
    leads: bool,
}

impl Reports {
    pub(super) fn leads(&self) -> bool {
        self.leads
    }

    pub(super) fn set_leads(&mut self, leads: bool) {
        self.leads = leads;
    }

    pub(super) fn is_listed(&self) -> bool {
        self.listed
    }

    pub(super) fn set_listed(&mut self) {
        self.listed = true;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Subject, &ReportState)> {
        self.by_subject.iter()
    }

    pub(super) fn unacknowledged(&self) -> usize {
        self.by_subject
            .values()
            .map(|report| report.prior.unacknowledged())
            .sum()
    }

    /// Makes sure that there is a state for this very subject; that of an earlier one of the same name is dropped.
    pub(super) fn entry(&mut self, subject: &Subject, uid: &Name) -> &mut ReportState {
        let report = self.by_subject.entry(subject.clone()).or_default();
        if report.uid.is_empty() && !report.stale {
            // Read from the API server, or new: about this very object as far as anybody knows.
            report.uid = uid.clone();
        } else if report.uid != *uid {
            *report = ReportState {
                uid: uid.clone(),
                exists: report.exists,
                stale: report.exists,
                ..ReportState::default()
            };
        }
        report
    }

    /// Takes in a report that was listed or changed. Returns whether its subject must be looked at.
    pub(super) fn see(&mut self, seen: ReportSeen, now: Moment) -> bool {
        let leads = self.leads && self.listed;
        let report = self.by_subject.entry(seen.subject).or_default();
        report.exists = true;
        if !seen.uid.is_empty() && report.uid != seen.uid {
            if leads && !report.uid.is_empty() {
                // Written about an earlier object of that name: not ours to go on with.
                report.stale = true;
                return true;
            }
            // Whoever leads may know already that the object has been made anew.
            report.uid = seen.uid;
        }
        report.stale = false;
        let prior = seen.status.as_ref().map(Prior::of).unwrap_or_default();
        report.shown = prior.hash();
        let acknowledged = report.acknowledgements != seen.acknowledgements;
        report.acknowledgements = seen.acknowledgements;
        if !leads {
            report.note(seen.status.as_ref());
            report.prior = prior;
            return false;
        }
        let differs = report.shown != report.prior.hash();
        if !differs {
            report.tried = None;
        } else if report.tried.is_none() {
            // Somebody else changed it: give a write that is under way the time to arrive, then write it again.
            report.tried = Some((now, 1));
        }
        acknowledged || differs
    }

    /// A report is gone. Returns whether its subject must be looked at, so that it comes back.
    pub(super) fn gone(&mut self, subject: &Subject) -> bool {
        let Some(report) = self.by_subject.get_mut(subject) else {
            return false;
        };
        report.exists = false;
        report.stale = false;
        report.shown = None;
        report.tried = None;
        self.leads
    }

    /// Its subject is not reported on: gone, or (`there`) not judged any more. The report of one that is gone goes with its
    /// owner; the other is removed. Returns that, and when to look again.
    pub(super) fn retire(
        &mut self,
        subject: &Subject,
        there: bool,
        now: Now,
    ) -> (Option<Decision>, Option<Moment>) {
        self.forget(subject);
        let leads = self.leads;
        let report = self.by_subject.get_mut(subject);
        let Some(report) = report.filter(|report| leads && there && report.exists) else {
            return (None, None);
        };
        report.prior = Prior::default();
        report.note(None);
        let removes = report.may_try(now);
        if removes {
            report.count_try(now);
        }
        let decision = Decision {
            subject: subject.clone(),
            uid: report.uid.clone(),
            write: ReportWrite::Delete,
            changes: Vec::new(),
            ownership: Ownership::default(),
        };
        let again = report.tried.map(|(at, tries)| at.after(pause(tries)));
        (removes.then_some(decision), again)
    }

    /// Its subject is gone: nothing is remembered once the report is gone too.
    pub(super) fn forget(&mut self, subject: &Subject) {
        if self.by_subject.get(subject).is_some_and(|report| !report.exists) {
            self.by_subject.remove(subject);
        }
    }

    /// What a node's report remembers of its silences.
    pub(super) fn prior_node(&self, node: &Name) -> PriorNode {
        let node = Subject::Node(node.clone());
        let prior = self.by_subject.get(&node).map(|report| &report.prior);
        let silences = prior
            .iter()
            .flat_map(|prior| prior.activations("node-not-ready", Severity::Warning));
        PriorNode {
            silences: silences.map(Stamp::time).collect(),
            limbo: prior
                .and_then(|prior| prior.active_since("node-limbo"))
                .map(Stamp::time),
            gap: prior.and_then(|prior| prior.active("heartbeat-gap")),
        }
    }

    /// What the cluster's report remembers.
    pub(super) fn prior_cluster(&self) -> PriorCluster {
        let prior = self.by_subject.get(&Subject::Cluster).map(|report| &report.prior);
        PriorCluster {
            active: prior
                .into_iter()
                .flat_map(Prior::active_ids)
                .map(str::to_owned)
                .collect(),
        }
    }
}
