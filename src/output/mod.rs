//! What `check` says, for people ([`table`]) and for tools ([`json`]), and what `replay` does ([`timeline`]).

pub mod json;
pub mod style;
pub mod table;
pub mod timeline;

use crate::model::finding::{CheckResult, Outcome, Severity};
use crate::model::keys::ObjectKey;
use crate::source::manifest::{InputError, Note, Source};

/// One workload and what every rule says of it; or an autoscaler without a target, and that.
#[derive(Clone, Debug)]
pub struct JudgedWorkload {
    /// Which one.
    pub key: ObjectKey,
    /// Where it was read; `None` when it comes from a cluster.
    pub source: Option<Source>,
    /// Every rule's answers, passes too, in the order of the rules.
    pub checks: Vec<CheckResult>,
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
}

impl Counts {
    /// Counts answers.
    pub fn of<'a>(checks: impl IntoIterator<Item = &'a CheckResult>) -> Counts {
        let mut counts = Counts::default();
        for check in checks {
            let slot = match &check.outcome {
                Outcome::Fail { severity, .. } => counts.slot(*severity),
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
        Counts::of(self.workloads.iter().flat_map(|w| &w.checks))
    }

    /// The severity of the worst failed check; `None` when none failed.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        let severity = |check: &CheckResult| match check.outcome {
            Outcome::Fail { severity, .. } => Some(severity),
            _ => None,
        };
        self.workloads
            .iter()
            .flat_map(|w| &w.checks)
            .filter_map(severity)
            .max()
    }
}
