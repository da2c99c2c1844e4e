//! `check -o table`: for people at a terminal, the worst first.
//!
//! A workload is a block: what failed, each with what to do; then what could not be judged. What passed is one line for
//! all, and the last line says how many of what there are. Commands are never wrapped: they are there to be copied.

use std::fmt::Write as _;
use std::iter;

use super::style::{Style, visible, wrap};
use super::summary::{is_judged, is_shown, summary};
use super::{Counts, JudgedWorkload, Report};
use crate::model::finding::{CheckResult, Failure, Outcome, Remedy, Severity};
use crate::model::text::list;
use crate::policy::ownership::Ownership;

/// Columns of a block: severity, rule, subject, message.
struct Columns {
    severity: usize,
    rule: usize,
    subject: usize,
}

impl Columns {
    fn of(workloads: &[&JudgedWorkload]) -> Columns {
        let shown = || {
            workloads
                .iter()
                .flat_map(|w| w.new_answers())
                .filter(|check| is_shown(check))
        };
        let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
        Columns {
            severity: "critical".len(),
            rule: widest(&mut shown().map(|check| check.rule.chars().count())),
            subject: widest(&mut shown().map(|check| subject(check).chars().count())).min(30),
        }
    }
}

fn subject(check: &CheckResult) -> String {
    check.subject.as_deref().map(visible).unwrap_or_default()
}

/// The worst first: by failed checks of each severity, then by what is unknown.
fn rank(workload: &JudgedWorkload) -> impl Ord {
    let Counts {
        critical,
        warning,
        info,
        exempt: _,
        unknown,
        known: _,
    } = Counts::of([workload]);
    std::cmp::Reverse((critical, warning, info, unknown))
}

/// The report as text, each line ended.
#[must_use]
pub fn render(report: &Report, style: Style) -> String {
    let (mut shown, quiet): (Vec<&JudgedWorkload>, Vec<_>) = report
        .workloads
        .iter()
        .partition(|w| w.new_answers().any(is_shown));
    shown.sort_by_cached_key(|w| rank(w));
    let columns = Columns::of(&shown);
    // A block takes one and a half KiB or so; growing would copy all that is there.
    let mut out = String::with_capacity(shown.len() << 11);
    for workload in &shown {
        block(&mut out, workload, &columns, style);
    }
    let (quiet, not_judged): (Vec<&JudgedWorkload>, Vec<_>) = quiet.into_iter().partition(|w| is_judged(w));
    names(&mut out, "nothing found", &quiet, style);
    names(&mut out, "not judged", &not_judged, style);
    if !(quiet.is_empty() && not_judged.is_empty()) {
        out.push('\n');
    }
    for note in &report.notes {
        let text = format!("note: {}: {}", note.place, note.message);
        let _ = writeln!(out, "{}", style.dim(&visible(&text)));
    }
    let _ = writeln!(out, "{}", summary(report));
    out
}

fn block(out: &mut String, workload: &JudgedWorkload, columns: &Columns, style: Style) {
    let name = style.bold(&visible(&workload.key.to_string()));
    let place = workload
        .source
        .as_ref()
        .map(|source| format!("  {}:{}", source.file, source.line));
    let _ = writeln!(out, "{name}{}", style.dim(&visible(&place.unwrap_or_default())));
    if let Some(people) = people(&workload.ownership) {
        for line in wrap(&visible(&people), style.width - 2) {
            let _ = writeln!(out, "  {}", style.dim(line));
        }
    }
    let mut checks: Vec<&CheckResult> = workload.new_answers().filter(|check| is_shown(check)).collect();
    checks.sort_by_key(|check| match &check.outcome {
        Outcome::Fail(failure) => (0, std::cmp::Reverse(Some(failure.severity))),
        Outcome::Unknown(_) => (1, std::cmp::Reverse(None)),
        _ => (2, std::cmp::Reverse(None)),
    });
    for check in checks {
        line(out, check, columns, style);
    }
    out.push('\n');
}

/// `owner team-web, criticality Customer, runbook https://…`; nothing where nobody says anything.
fn people(ownership: &Ownership) -> Option<String> {
    let Ownership {
        owner,
        runbook,
        criticality,
    } = ownership;
    let said = [
        owner.as_ref().map(|owner| format!("owner {owner}")),
        criticality.map(|criticality| format!("criticality {criticality}")),
        runbook.as_ref().map(|runbook| format!("runbook {runbook}")),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// What a block's details stand under.
const INDENT: &str = "      ";
/// The first of them where something mends it.
const FIX: &str = "      fix: ";

fn line(out: &mut String, check: &CheckResult, columns: &Columns, style: Style) {
    let (severity, impact, detail, remedy) = match &check.outcome {
        Outcome::Fail(failure) => {
            let Failure {
                severity,
                message,
                remedy,
            } = &**failure;
            let detail = format!("{}; {}", message.object, message.way_out);
            (Some(*severity), &message.impact, detail, remedy.as_ref())
        }
        Outcome::Exempt(text) | Outcome::Unknown(text) | Outcome::NotApplicable(text) => {
            (None, text, String::new(), None)
        }
        Outcome::Pass(_) => return,
    };
    let label = severity.map_or(check.outcome.status(), Severity::as_str);
    let label = format!("{label:<width$}", width = columns.severity);
    let label = severity.map_or_else(|| style.dim(&label), |severity| style.severity(severity, &label));
    let mut head = format!("{:<width$}", check.rule, width = columns.rule);
    if columns.subject > 0 {
        let _ = write!(head, "  {:<width$}", subject(check), width = columns.subject);
    }
    let impact = visible(impact);
    let indent = 2 + columns.severity + 2 + head.chars().count() + 2;
    // What does not fit beside the columns begins below them, else it would be a column of single words.
    if indent + impact.chars().count().min(40) > style.width {
        let _ = writeln!(out, "  {label}  {}", head.trim_end());
        hanging(out, INDENT, INDENT.len(), &impact, style.width);
    } else {
        hanging(out, &format!("  {label}  {head}  "), indent, &impact, style.width);
    }
    hanging(out, INDENT, INDENT.len(), &visible(&detail), style.width);
    if let Some(remedy) = remedy {
        mend(out, remedy, style);
    }
}

/// A paragraph, its lines under each other after `label`, which is `indent` characters wide.
fn hanging(out: &mut String, label: &str, indent: usize, text: &str, width: usize) {
    for (i, line) in wrap(text, width - indent).enumerate() {
        if i == 0 {
            out.push_str(label);
        } else {
            out.extend(iter::repeat_n(' ', indent));
        }
        out.push_str(line);
        out.push('\n');
    }
}

fn mend(out: &mut String, remedy: &Remedy, style: Style) {
    match remedy {
        Remedy::Patch { reason, .. } | Remedy::Create { reason, .. } => {
            let _ = writeln!(out, "{FIX}{}", visible(&remedy.to_string()));
            let below = " ".repeat(FIX.len());
            for line in wrap(&visible(reason), style.width - FIX.len()) {
                let _ = writeln!(out, "{}", style.dim(&format!("{below}{line}")));
            }
        }
        Remedy::Advice(advice) => hanging(out, FIX, FIX.len(), &visible(advice), style.width),
    }
}

/// How many names of workloads without a finding are printed.
const NAMED: usize = 3;

fn names(out: &mut String, what: &str, workloads: &[&JudgedWorkload], style: Style) {
    if workloads.is_empty() {
        return;
    }
    let names: Vec<String> = workloads.iter().map(|w| visible(&w.key.to_string())).collect();
    for line in wrap(&format!("{what}: {}", list(&names, NAMED)), style.width) {
        let _ = writeln!(out, "{}", style.dim(line));
    }
}
