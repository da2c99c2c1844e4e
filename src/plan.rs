//! Old report and new results in, what to write out: as data, so that it can be tested, replayed and counted.
//!
//! ```text
//! Prior (latches, compact timeline) ─┐
//! Judged (findings now, placement)  ─┼─> plan ─> Planned { status, next Prior, transitions }
//! acknowledgements, clock           ─┘
//! ```
//!
//! Equal means nothing to write: [`Planned::changed`] is false when the status is the one that was planned before.

pub mod policy;
mod status;

use self::status::{AVAILABLE, NEVER_READY, status};
use crate::detect;
use crate::model::finding::{Finding, Severity};
use crate::model::keys::Name;
use crate::model::report::{
    Acknowledgement, ConditionStatus, FindingState, MESSAGE_MAX, Placement, REMEDY_MAX, ReportFinding,
    ReportStatus, Stamp, TIMELINE_MAX, TOLD_MAX, TimelineEntry, Transition, Verdict,
};
use crate::model::text::{clip, clip_bytes};
use crate::policy::ownership::Ownership;

/// What a report said last, as far as the next plan needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prior {
    findings: Vec<ReportFinding>,
    timeline: Vec<TimelineEntry>,
    conditions: Vec<(String, ConditionStatus, Stamp)>,
    ever_ready: bool,
    /// The report left findings out, and this was read from it: what is missing here may have been told before.
    truncated: bool,
    verdict: Verdict,
    hash: Option<u64>,
}

impl Prior {
    /// What a report says, as it was read from the API server.
    #[must_use]
    pub fn of(status: &ReportStatus) -> Self {
        let available = status.conditions.iter().find(|c| c.kind == AVAILABLE);
        Prior {
            findings: status.findings.clone(),
            timeline: status.timeline.clone(),
            conditions: status
                .conditions
                .iter()
                .map(|c| (c.kind.clone(), c.status, c.last_transition_time))
                .collect(),
            ever_ready: available
                .is_some_and(|c| c.reason != NEVER_READY && c.status != ConditionStatus::Unknown),
            truncated: status.truncated,
            verdict: status.verdict,
            hash: Some(hash(status)),
        }
    }

    /// The hash of the status; `None` when there is no report.
    #[must_use]
    pub fn hash(&self) -> Option<u64> {
        self.hash
    }

    /// The report is gone: the next plan writes it again, with its latches.
    pub fn forget_written(&mut self) {
        self.hash = None;
    }

    /// Whether the report still holds anything: a finding that is active or waits for an acknowledgement.
    #[must_use]
    pub fn has_findings(&self) -> bool {
        !self.findings.is_empty()
    }

    /// The severity of a rule's or detector's finding on the whole object, if it is active.
    #[must_use]
    pub fn active(&self, rule: &str) -> Option<Severity> {
        self.find_active(rule).map(|finding| finding.severity)
    }

    /// Since when such a finding holds, if it is active.
    #[must_use]
    pub fn active_since(&self, rule: &str) -> Option<Stamp> {
        self.find_active(rule).map(|finding| finding.since)
    }

    fn find_active(&self, rule: &str) -> Option<&ReportFinding> {
        let is_it = |f: &&ReportFinding| f.id == rule && f.state == FindingState::Active;
        self.findings.iter().find(is_it)
    }

    /// The ids of the findings that are active.
    pub fn active_ids(&self) -> impl Iterator<Item = &str> {
        let active = self.findings.iter().filter(|f| f.state == FindingState::Active);
        active.map(|f| f.id.as_str())
    }

    /// Whether a replica has been ready, or should long have been, since it was last scaled to 0.
    #[must_use]
    pub fn ever_ready(&self) -> bool {
        self.ever_ready
    }

    /// The verdict that it gave.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether a critical finding is active.
    #[must_use]
    pub fn has_critical(&self) -> bool {
        let is_critical =
            |f: &ReportFinding| f.state == FindingState::Active && f.severity == Severity::Critical;
        self.findings.iter().any(is_critical)
    }

    /// When its last transition was noted.
    #[must_use]
    pub fn last_change(&self) -> Option<jiff::Timestamp> {
        self.timeline.last().map(|entry| entry.at.time())
    }

    /// Findings that ended and that nobody has acknowledged.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.findings
            .iter()
            .filter(|f| f.state == FindingState::Recovered)
            .count()
    }

    /// When each activation of a rule was noted, the oldest first; of `severity` or worse, without what was taken back.
    #[must_use]
    pub fn activations(&self, rule: &str, severity: Severity) -> Vec<Stamp> {
        let mut noted = Vec::new();
        let ours = self
            .timeline
            .iter()
            .filter(|e| e.id == rule && e.severity >= severity);
        for entry in ours {
            match entry.state {
                Transition::Active => noted.push(entry.at),
                Transition::Withdrawn => drop(noted.pop()),
                Transition::Changed | Transition::Recovered | Transition::Closed => {}
            }
        }
        noted
    }

    /// When the first latch closes by itself, if any.
    #[must_use]
    pub fn next_close(&self, quiet: std::time::Duration) -> Option<jiff::Timestamp> {
        let recovered = self.findings.iter().filter_map(|f| f.recovered).min()?;
        recovered.time().checked_add(quiet).ok()
    }
}

/// What the engine found out about one workload or node.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// The generation that was judged.
    pub generation: i64,
    /// Failed checks and firing detectors.
    pub findings: Vec<Finding>,
    /// Ids of findings that are taken back, and why: what was seen turned out to be something else.
    pub withdrawn: Vec<(String, String)>,
    /// Checks by their other answers.
    pub exempt: i32,
    /// Passed checks.
    pub passed: i32,
    /// Checks that lack an input.
    pub unknown: i32,
    /// Where the replicas are; `None` for a node, and where only the pod template is judged.
    pub placement: Option<Placement>,
    /// Only its pod template is judged: a DaemonSet, a CronJob.
    pub template_only: bool,
    /// Its progress deadline is past, so that "never ready" is no excuse any more.
    pub overdue: bool,
    /// Fewer are ready than wanted, for longer than a rollout's step takes.
    pub below_desired: bool,
    /// Who runs it, and whom it serves; empty for a node.
    pub ownership: Ownership,
    /// The policies that govern it, the one that goes before all others first.
    pub policies: Vec<Name>,
}

/// One finding's change, for the Event and the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The finding's id.
    pub id: String,
    /// The rule.
    pub rule: String,
    /// What became of it.
    pub transition: Transition,
    /// Its severity.
    pub severity: Severity,
    /// Which episode it is.
    pub episode: i32,
    /// The message, in at most [`TOLD_MAX`] bytes.
    pub message: String,
}

impl Change {
    /// The message without its way out, for what is over: nobody shall evict pods that are back.
    #[must_use]
    pub fn was(&self) -> &str {
        self.message
            .rsplit_once("; ")
            .map_or(self.message.as_str(), |(was, _)| was)
    }
}

/// What to write.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The report's new status.
    pub status: ReportStatus,
    /// What the next plan starts from.
    pub prior: Prior,
    /// What happened.
    pub changes: Vec<Change>,
    /// Whether the status differs from the one in `prior`'s predecessor.
    pub changed: bool,
}

/// Plans one report. `quiet` is how long a recovered finding waits for an acknowledgement before it closes.
pub fn plan(
    prior: &Prior,
    judged: &Judged,
    acknowledged: &[Acknowledgement],
    now: jiff::Timestamp,
    quiet: std::time::Duration,
) -> Planned {
    let now = Stamp::new(now);
    let mut changes = Vec::new();
    let mut findings: Vec<ReportFinding> = Vec::new();
    for finding in &judged.findings {
        findings.push(open(prior, finding, now, &mut changes));
    }
    for old in &prior.findings {
        if !findings.iter().any(|f| f.id == old.id) {
            findings.extend(carry(old, judged, acknowledged, now, quiet, &mut changes));
        }
    }
    findings.sort_by(|a, b| {
        (
            a.state == FindingState::Recovered,
            std::cmp::Reverse(a.severity),
            &a.id,
        )
            .cmp(&(
                b.state == FindingState::Recovered,
                std::cmp::Reverse(b.severity),
                &b.id,
            ))
    });
    let status = status(
        prior,
        judged,
        findings.clone(),
        timeline(prior, &changes, now),
        now,
    );
    // What a truncated report leaves out is still remembered.
    let next = Prior {
        findings,
        truncated: false,
        ..Prior::of(&status)
    };
    let changed = next.hash != prior.hash;
    Planned {
        status,
        prior: next,
        changes,
        changed,
    }
}

/// A finding that holds now: new, still there, or there again.
fn open(prior: &Prior, finding: &Finding, now: Stamp, changes: &mut Vec<Change>) -> ReportFinding {
    let id = finding.id();
    let old = prior.findings.iter().find(|f| f.id == id);
    let occurrences = i32::try_from(finding.occurrences).unwrap_or(i32::MAX);
    let (since, episodes, transition) = match old {
        None => {
            // A rule's finding that a truncated report left out was told when it was found.
            let told = prior.truncated && detect::find(finding.rule).is_none();
            (now, occurrences, (!told).then_some(Transition::Active))
        }
        Some(old) if old.state == FindingState::Recovered => (
            old.since,
            occurrences.max(old.episodes + 1),
            Some(Transition::Active),
        ),
        Some(old) => {
            let changed = (old.severity != finding.severity).then_some(Transition::Changed);
            (old.since, occurrences.max(old.episodes), changed)
        }
    };
    let message = finding.message.render(MESSAGE_MAX);
    if let Some(transition) = transition {
        changes.push(Change {
            id: id.clone(),
            rule: finding.rule.to_owned(),
            transition,
            severity: finding.severity,
            episode: episodes,
            message: finding.message.render_bytes(TOLD_MAX),
        });
    }
    ReportFinding {
        id,
        rule: finding.rule.to_owned(),
        severity: finding.severity,
        state: FindingState::Active,
        message,
        subject: finding.subject.as_deref().map(|s| clip(s, MESSAGE_MAX)),
        since,
        recovered: None,
        episodes,
        remedy: finding
            .remedy
            .as_ref()
            .map(|r| clip_bytes(&r.to_string(), REMEDY_MAX)),
    }
}

/// A finding that held before and does not now: what is left of it.
fn carry(
    old: &ReportFinding,
    judged: &Judged,
    acknowledged: &[Acknowledgement],
    now: Stamp,
    quiet: std::time::Duration,
    changes: &mut Vec<Change>,
) -> Option<ReportFinding> {
    let acknowledged = acknowledged
        .iter()
        .any(|a| a.id == old.id && a.episode >= old.episodes);
    let withdrawn = judged
        .withdrawn
        .iter()
        .find(|(id, _)| *id == old.id)
        .map(|(_, why)| why);
    let mut ends = |transition| {
        changes.push(Change {
            id: old.id.clone(),
            rule: old.rule.clone(),
            transition,
            severity: old.severity,
            episode: old.episodes,
            message: withdrawn.unwrap_or(&old.message).clone(),
        });
    };
    match old.state {
        FindingState::Active if withdrawn.is_some() => {
            ends(Transition::Withdrawn);
            None
        }
        FindingState::Active if is_latched(old) && !acknowledged => {
            ends(Transition::Recovered);
            Some(ReportFinding {
                state: FindingState::Recovered,
                recovered: Some(now),
                ..old.clone()
            })
        }
        FindingState::Active => {
            ends(Transition::Closed);
            None
        }
        FindingState::Recovered => {
            let long_quiet = old
                .recovered
                .is_none_or(|at| now.time().duration_since(at.time()) >= signed(quiet));
            if acknowledged || long_quiet {
                ends(Transition::Closed);
                return None;
            }
            Some(old.clone())
        }
    }
}

fn signed(duration: std::time::Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}

/// A detector's finding waits for an acknowledgement when the detector says so, unless it was milder than the detector's
/// own severity (a planned restart at a floor of 1 is a warning of `unavailable`, and nothing to acknowledge).
fn is_latched(finding: &ReportFinding) -> bool {
    detect::find(&finding.rule).is_some_and(|d| d.latched && finding.severity >= d.severity)
}

fn timeline(prior: &Prior, changes: &[Change], now: Stamp) -> Vec<TimelineEntry> {
    let new = changes.iter().map(|change| TimelineEntry {
        at: now,
        id: change.id.clone(),
        state: change.transition,
        severity: change.severity,
        impact: clip(change.message.split(": ").next().unwrap_or_default(), 80),
    });
    let mut all: Vec<TimelineEntry> = prior.timeline.iter().cloned().chain(new).collect();
    let surplus = all.len().saturating_sub(TIMELINE_MAX);
    all.drain(..surplus);
    all
}

/// A hash of the status as it would be written, stable over restarts (FNV-1a, 64 bit).
fn hash(status: &ReportStatus) -> u64 {
    let json = serde_json::to_vec(status).unwrap_or_default();
    json.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
