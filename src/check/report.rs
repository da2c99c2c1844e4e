//! What `check` found.

use std::collections::BTreeSet;

use crate::model::finding::{CheckResult, Outcome, Severity};
use crate::model::keys::{Name, ObjectKey};
use crate::policy::ownership::Ownership;
use crate::source::manifest::{InputError, Note, Place, Source};

/// One workload and what every rule says of it.
#[derive(Clone, Debug)]
pub struct JudgedWorkload {
    /// Which one.
    pub key: ObjectKey,
    /// Where it was read; `None` when it comes from a cluster.
    pub source: Option<Source>,
    /// Every rule's answers, passes too, in the order of the rules.
    pub checks: Vec<CheckResult>,
    /// Which of them a baseline knows, by their places among `checks`: they failed before.
    pub known: BTreeSet<usize>,
    /// Who runs it, what to do when it fails, whom it serves.
    pub ownership: Ownership,
    /// The policies that it was judged by, the one that goes before all others first; none where the defaults were.
    pub policies: Vec<Name>,
}

impl JudgedWorkload {
    /// A workload none of whose findings is known, and nobody says who runs it.
    #[must_use]
    pub fn new(key: ObjectKey, source: Option<Source>, checks: Vec<CheckResult>) -> Self {
        JudgedWorkload {
            key,
            source,
            checks,
            known: BTreeSet::new(),
            ownership: Ownership::default(),
            policies: Vec::new(),
        }
    }

    /// Its answers, each with whether a baseline knows it.
    pub fn answers(&self) -> impl Iterator<Item = (&CheckResult, bool)> {
        let known = |i| self.known.contains(&i);
        self.checks
            .iter()
            .enumerate()
            .map(move |(i, check)| (check, known(i)))
    }

    /// Its answers but for the known ones.
    pub fn new_answers(&self) -> impl Iterator<Item = &CheckResult> {
        self.answers().filter(|(_, known)| !known).map(|(check, _)| check)
    }

    /// Where it stands: file and line, as far as there are any.
    #[must_use]
    pub fn place(&self) -> Place {
        let source = self.source.as_ref();
        Place {
            file: source.map(|source| source.file.clone()),
            line: source.map(|source| source.line),
            column: None,
        }
    }
}

/// Everything that a `check` found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By key.
    pub workloads: Vec<JudgedWorkload>,
    /// Inputs that could not be read, and values that Kubernetes would refuse.
    pub errors: Vec<InputError>,
    /// What is worth knowing about inputs that are fine.
    pub notes: Vec<Note>,
    /// How many objects are of kinds that are not read.
    pub passed_over: usize,
    /// How many entries of the baseline no longer occur; `None` without a baseline.
    pub fixed: Option<usize>,
}

/// How many answers of which sort there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Failed checks.
    pub critical: usize,
    /// Failed checks.
    pub warning: usize,
    /// Failed checks.
    pub info: usize,
    /// Checks that somebody exempted.
    pub exempt: usize,
    /// Checks whose input is missing.
    pub unknown: usize,
    /// Failed checks that the baseline knows; the others leave them out.
    pub known: usize,
}

impl Counts {
    /// Counts the answers on these workloads.
    pub fn of<'a>(workloads: impl IntoIterator<Item = &'a JudgedWorkload>) -> Counts {
        let mut counts = Counts::default();
        for (check, known) in workloads.into_iter().flat_map(JudgedWorkload::answers) {
            let slot = match &check.outcome {
                _ if known => &mut counts.known,
                Outcome::Fail(failure) => counts.slot(failure.severity),
                Outcome::Exempt(_) => &mut counts.exempt,
                Outcome::Unknown(_) => &mut counts.unknown,
                Outcome::Pass(_) | Outcome::NotApplicable(_) => continue,
            };
            *slot += 1;
        }
        counts
    }

    const fn slot(&mut self, severity: Severity) -> &mut usize {
        match severity {
            Severity::Critical => &mut self.critical,
            Severity::Warning => &mut self.warning,
            Severity::Info => &mut self.info,
        }
    }
}

/// The least severity that counts as failure; without any, nothing does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold(pub Option<Severity>);

impl Threshold {
    /// Whether a finding of this severity counts.
    #[must_use]
    pub fn is_reached_by(self, severity: Severity) -> bool {
        self.0.is_some_and(|least| severity >= least)
    }
}

impl Report {
    /// How many workloads were judged: an autoscaler without a target is told of beside them.
    #[must_use]
    pub fn count(&self) -> usize {
        let is_workload = |judged: &&JudgedWorkload| judged.key.kind.is_workload();
        self.workloads.iter().filter(is_workload).count()
    }

    /// All answers together.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::of(&self.workloads)
    }

    /// The severity of the worst failed check that is not known; `None` when none failed.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.workloads
            .iter()
            .flat_map(JudgedWorkload::new_answers)
            .filter_map(CheckResult::severity)
            .max()
    }
}
