//! What `check` says, for people ([`table`], [`markdown`]), for tools ([`json`], [`yaml`], [`sarif`], [`junit`],
//! [`github`]), and what `replay` does ([`timeline`]).
//!
//! Names, annotations and paths are written by anybody. Each format makes them inert in its own way and says how; what
//! they have in common is [`style::visible`].

pub mod comparison;
pub mod github;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod sarif;
pub mod style;
pub mod table;
pub mod timeline;
pub mod yaml;

mod summary;

use self::style::visible;
pub use crate::check::{Counts, JudgedWorkload, Report, Threshold};
use crate::model::finding::{CheckResult, Failure, Outcome};

/// A failed check, with the workload that it is about.
#[derive(Clone, Copy)]
struct Found<'a> {
    workload: &'a JudgedWorkload,
    check: &'a CheckResult,
    failure: &'a Failure,
}

impl<'a> Found<'a> {
    /// `None` when the check did not fail.
    fn of(workload: &'a JudgedWorkload, check: &'a CheckResult) -> Option<Self> {
        match &check.outcome {
            Outcome::Fail(failure) => Some(Found {
                workload,
                check,
                failure,
            }),
            _ => None,
        }
    }
}

/// Every failed check that is not known, the worst first.
fn worst_first(report: &Report) -> Vec<Found<'_>> {
    let mut all = Vec::new();
    for workload in &report.workloads {
        all.extend(
            workload
                .new_answers()
                .filter_map(|check| Found::of(workload, check)),
        );
    }
    all.sort_by_key(|found| std::cmp::Reverse(found.failure.severity));
    all
}

/// The rule, and what part of the workload it speaks of: `memory-limit app`.
fn title(check: &CheckResult) -> String {
    match &check.subject {
        Some(subject) => format!("{} {}", check.rule, visible(subject)),
        None => check.rule.to_owned(),
    }
}

/// A path as tools on a repository want it: from where the command was run, without `./`.
fn relative(file: &str) -> &str {
    let mut file = file;
    while let Some(rest) = file.strip_prefix("./") {
        file = rest.trim_start_matches('/');
    }
    file
}
