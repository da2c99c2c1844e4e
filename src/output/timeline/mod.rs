//! What `replay` says: for people ([`table`]) and for tools ([`json`]).
//!
//! The centre is the *first fault*: the first time that a detector found something that is wrong now, rather than
//! something that would be if a pod, a node or a zone were lost. A detector's finding of severity warning or worse is a
//! fault, and so is a missing heartbeat at any severity; findings of rules, `co-located` and `zone-co-located` never are.
//! What was found before is what was *known before*.

pub mod json;
pub mod table;

use jiff::Timestamp;

use crate::detect;
use crate::model::finding::Severity;
use crate::model::report::{ReportStatus, Transition};
use crate::model::subject::Subject;
use crate::plan::Change;
use crate::source::manifest::InputError;
use crate::source::recording::Header;

/// Detectors that tell what a loss would do, as the rules do: nothing is wrong yet.
const RISKS: [&str; 2] = ["co-located", "zone-co-located"];
/// A node's first sign, before Kubernetes has any.
const FIRST_SIGN: &str = "heartbeat-gap";

/// Everything that happened in a recording.
#[derive(Debug, Default)]
pub struct Timeline {
    /// What was replayed; `None` when it could not be opened.
    pub recorded: Option<Recorded>,
    /// In the order in which they happened.
    pub transitions: Vec<Happened>,
    /// What each report said at the end.
    pub reports: Vec<(Subject, ReportStatus)>,
    /// What could not be read.
    pub errors: Vec<InputError>,
}

/// A recording that was replayed.
#[derive(Debug)]
pub struct Recorded {
    /// The path as it was given or found.
    pub file: String,
    /// Its first line.
    pub header: Header,
    /// How many lines it has, the first included.
    pub lines: usize,
    /// The time of the first event, if there is any.
    pub from: Option<Timestamp>,
    /// The time of the last event.
    pub to: Option<Timestamp>,
}

/// A transition of a finding.
#[derive(Clone, Debug)]
pub struct Happened {
    /// When it was judged.
    pub at: Timestamp,
    /// The workload, the node or the cluster.
    pub object: Subject,
    /// Ready and wanted replicas then; `None` but for a workload.
    pub serving: Option<(i32, i32)>,
    /// What became of the finding.
    pub change: Change,
}

impl Happened {
    fn is_fault(&self) -> bool {
        let Change {
            rule,
            transition,
            severity,
            ..
        } = &self.change;
        let raises = matches!(transition, Transition::Active | Transition::Changed);
        let is_bad = *severity >= Severity::Warning || rule == FIRST_SIGN;
        raises && is_bad && detect::find(rule).is_some() && !RISKS.contains(&rule.as_str())
    }

    /// What to tell people of it: the message, without the way out once it is over.
    #[must_use]
    pub fn message(&self) -> &str {
        match self.change.transition {
            Transition::Recovered | Transition::Closed => self.change.was(),
            Transition::Active | Transition::Changed | Transition::Withdrawn => &self.change.message,
        }
    }
}

impl Timeline {
    /// When the first fault was found; see the module's documentation.
    #[must_use]
    pub fn first_fault(&self) -> Option<Timestamp> {
        self.transitions
            .iter()
            .find(|happened| happened.is_fault())
            .map(|happened| happened.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_detector_that_is_no_fault_is_one() {
        for name in RISKS {
            assert!(detect::find(name).is_some(), "{name}");
        }
    }
}
