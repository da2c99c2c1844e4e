//! How many of what there are, in one line.

use std::fmt::Write as _;

use super::{Counts, JudgedWorkload, Report};
use crate::model::finding::{CheckResult, Outcome, Severity};
use crate::model::text::count;

/// Whether an answer is worth a line.
pub(super) const fn is_shown(check: &CheckResult) -> bool {
    matches!(
        check.outcome,
        Outcome::Fail(_) | Outcome::Unknown(_) | Outcome::Exempt(_)
    )
}

/// Whether any rule had something to judge: nothing to judge is never shown as a pass.
pub(super) fn is_judged(workload: &JudgedWorkload) -> bool {
    workload
        .checks
        .iter()
        .any(|check| matches!(check.outcome, Outcome::Pass(_)))
}

/// `3 workloads: 1 critical, 4 warnings, 1 info; 2 objects passed over; 1 error`.
pub(super) fn summary(report: &Report) -> String {
    let of = |n: usize, noun: &str| count(n as u64, noun);
    let Counts {
        critical,
        warning,
        info,
        exempt,
        unknown,
        known,
    } = report.counts();
    let found = [
        (critical, format!("{critical} {}", Severity::Critical.as_str())),
        (warning, of(warning, "warning")),
        (info, format!("{info} {}", Severity::Info.as_str())),
    ];
    let found: Vec<String> = found
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(_, text)| text)
        .collect();
    let mut text = of(report.count(), "workload");
    if report.workloads.is_empty() {
        text = "no workload to judge".to_owned();
    } else if found.is_empty() && report.workloads.iter().any(is_judged) {
        text += if known > 0 {
            ": nothing new"
        } else {
            ": nothing found"
        };
    } else if !found.is_empty() {
        let _ = write!(text, ": {}", found.join(", "));
    }
    let not_judged = report
        .workloads
        .iter()
        .filter(|w| !w.checks.iter().any(is_shown) && !is_judged(w))
        .count();
    for (n, what) in [
        (known, format!("{known} known")),
        (not_judged, format!("{not_judged} not judged")),
        (exempt, format!("{exempt} exempt")),
        (unknown, format!("{unknown} unknown")),
        (
            report.passed_over,
            format!("{} passed over", of(report.passed_over, "object")),
        ),
        (report.errors.len(), of(report.errors.len(), "error")),
    ] {
        if n > 0 {
            let _ = write!(text, "; {what}");
        }
    }
    text
}
