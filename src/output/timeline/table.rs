//! `replay -o table`: the timeline that a person would have wanted while it happened.
//!
//! First what was known before, then what happened, each with its offset from the first fault, then the reports as they
//! stand at the end. Who is served or not comes first in every entry, what to do last.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::{Happened, Recorded, Timeline};
use crate::model::finding::Severity;
use crate::model::report::{FindingState, ReportFinding, ReportStatus, Transition};
use crate::model::subject::Subject;
use crate::model::text::{count, duration, list};
use crate::output::style::{Style, visible, wrap};
use crate::plan::Change;

/// What an entry's details stand under: after offset and time.
const INDENT: usize = 20;
/// What the details of what was known before stand under.
const KNOWN_INDENT: usize = 15;
/// How many names of reports without a finding are printed.
const NAMED: usize = 5;

/// The timeline as text, each line ended.
#[must_use]
pub fn render(timeline: &Timeline, style: Style) -> String {
    let mut out = String::new();
    let Some(recorded) = &timeline.recorded else {
        return out;
    };
    heading(&mut out, recorded, style);
    let fault = timeline.first_fault();
    let is_before = |happened: &&Happened| fault.is_none_or(|fault| happened.at < fault);
    let (before, mut after): (Vec<&Happened>, Vec<_>) = timeline.transitions.iter().partition(is_before);
    // Of what was found in one look, what begins stands before what changes, and the worst first.
    after.sort_by_key(|h| {
        (
            h.at,
            h.change.transition != Transition::Active,
            Reverse(h.change.severity),
        )
    });
    known_before(&mut out, &before, fault, style);
    if let Some(fault) = fault {
        section(
            &mut out,
            style,
            "What happened",
            &format!("UTC, {}; offset from the first fault", date(fault)),
        );
        let mut day = date(fault);
        for happened in after {
            if date(happened.at) != day {
                day = date(happened.at);
                let _ = writeln!(out, "{}", style.dim(&day));
            }
            entry(&mut out, happened, fault, style);
        }
        out.push('\n');
    }
    reports(&mut out, timeline, style);
    let _ = writeln!(out, "{}", summary(timeline));
    out
}

fn section(out: &mut String, style: Style, title: &str, detail: &str) {
    let _ = writeln!(out, "{}  {}", style.bold(title), style.dim(detail));
}

fn paragraph(out: &mut String, indent: usize, text: &str, style: Style, paint: impl Fn(&str) -> String) {
    for line in wrap(text, style.width.saturating_sub(indent).max(20)) {
        let _ = writeln!(out, "{:indent$}{}", "", paint(line));
    }
}

fn heading(out: &mut String, recorded: &Recorded, style: Style) {
    let header = &recorded.header;
    paragraph(out, 0, &visible(&header.description), style, |line| {
        style.bold(line)
    });
    let mut facts = format!("{}: {}", recorded.file, count(recorded.lines as u64, "line"));
    if let (Some(from), Some(to)) = (recorded.from, recorded.to) {
        let to = if date(from) == date(to) {
            clock(to)
        } else {
            format!("{} {}", date(to), clock(to))
        };
        let _ = write!(facts, ", {} {} to {to} UTC", date(from), clock(from));
    }
    let _ = write!(facts, "; Kubernetes {}", header.kubernetes);
    if header.time_scale.total_cmp(&1.0).is_ne() {
        let _ = write!(
            facts,
            ", its timers and the detectors' scaled by {}",
            header.time_scale
        );
    }
    paragraph(out, 0, &visible(&facts), style, |line| style.dim(line));
    out.push('\n');
}

/// What was found, and still held, when the first fault came.
fn known_before(out: &mut String, before: &[&Happened], fault: Option<Timestamp>, style: Style) {
    let ends = |first: &Happened, later: &Happened| {
        let same = later.object == first.object && later.change.id == first.change.id;
        same && !matches!(later.change.transition, Transition::Changed)
    };
    let still = |(i, happened): (usize, &&Happened)| {
        let begins = happened.change.transition == Transition::Active;
        begins && !before[i + 1..].iter().any(|later| ends(happened, later))
    };
    let mut known: Vec<&Happened> = before
        .iter()
        .enumerate()
        .filter(|at| still(*at))
        .map(|(_, h)| *h)
        .collect();
    known.sort_by_key(|h| (h.object.clone(), Reverse(h.change.severity), h.at));
    if known.is_empty() {
        return;
    }
    let said = if fault.is_some() {
        "and still so at the first fault"
    } else {
        "no fault followed"
    };
    section(out, style, "Known before", said);
    for (i, happened) in known.iter().enumerate() {
        if i == 0 || known[i - 1].object != happened.object {
            let _ = writeln!(out, "  {}", style.bold(&visible(&happened.object.to_string())));
        }
        let ahead = fault.and_then(|fault| Duration::try_from(fault.duration_since(happened.at)).ok());
        let ahead = ahead.map_or_else(|| clock(happened.at), |ahead| format!("for {}", duration(ahead)));
        let (impact, rest) = parts(happened.message());
        let impact = style.severity(happened.change.severity, &visible(impact));
        let _ = writeln!(out, "    {}  {impact} ({ahead})", label(happened, style));
        detail(out, KNOWN_INDENT, happened, rest, style);
    }
    out.push('\n');
}

fn entry(out: &mut String, happened: &Happened, fault: Timestamp, style: Style) {
    let Change { rule, severity, .. } = &happened.change;
    let (impact, rest) = parts(happened.message());
    let is_over = matches!(
        happened.change.transition,
        Transition::Recovered | Transition::Closed
    );
    let now = match happened.serving {
        Some((ready, desired)) if is_over => format!("{ready} of {desired} ready"),
        _ if is_over => format!("{rule} is over"),
        _ => style.severity(*severity, &visible(impact)),
    };
    let _ = writeln!(
        out,
        "{:>8}  {}  {}  {}  {now}",
        offset(happened.at, fault),
        clock(happened.at),
        label(happened, style),
        style.bold(&visible(&happened.object.to_string())),
    );
    if is_over {
        let what = happened.serving.map(|_| format!("{rule} is over; "));
        let text = format!("{}was: {}", what.unwrap_or_default(), happened.message());
        paragraph(out, INDENT, &visible(&text), style, |line| style.dim(line));
    } else {
        detail(out, INDENT, happened, rest, style);
    }
}

/// The rule, the object and field, and the way out.
fn detail(out: &mut String, indent: usize, happened: &Happened, rest: &str, style: Style) {
    let text = format!("{}: {rest}", happened.change.rule);
    paragraph(out, indent, &visible(&text), style, str::to_owned);
}

/// The impact and the rest of a message.
fn parts(message: &str) -> (&str, &str) {
    message.split_once(": ").unwrap_or((message, ""))
}

/// The severity of what begins or goes on; what became of the rest.
fn label(happened: &Happened, style: Style) -> String {
    let severity = happened.change.severity;
    let pad = |text: &str| format!("{text:<9}");
    match happened.change.transition {
        Transition::Active | Transition::Changed => style.severity(severity, &pad(severity.as_str())),
        Transition::Recovered => pad("recovered"),
        Transition::Closed => pad("over"),
        Transition::Withdrawn => pad("withdrawn"),
    }
}

/// `+26:14`, `+1:02:03` from an hour on.
fn offset(at: Timestamp, fault: Timestamp) -> String {
    let seconds = at.duration_since(fault).as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("+{hours}:{minutes:02}:{rest:02}")
    } else {
        format!("+{minutes:02}:{rest:02}")
    }
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn reports(out: &mut String, timeline: &Timeline, style: Style) {
    if timeline.reports.is_empty() {
        return;
    }
    let at = timeline.recorded.as_ref().and_then(|recorded| recorded.to);
    section(
        out,
        style,
        "Reports",
        &at.map_or_else(String::new, |at| format!("at {}", clock(at))),
    );
    let mut all: Vec<&(Subject, ReportStatus)> = timeline.reports.iter().collect();
    let worst = |status: &ReportStatus| {
        let s = &status.summary;
        Reverse((s.critical, s.recovered, s.warning, s.info))
    };
    all.sort_by_key(|(subject, status)| (worst(status), subject.clone()));
    let (found, quiet): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|(_, status)| !status.findings.is_empty());
    for (subject, status) in found {
        report(out, subject, status, style);
    }
    let quiet: Vec<String> = quiet
        .iter()
        .map(|(subject, _)| visible(&subject.to_string()))
        .collect();
    if !quiet.is_empty() {
        let text = format!("nothing found: {}", list(&quiet, NAMED));
        paragraph(out, 2, &text, style, |line| style.dim(line));
    }
    out.push('\n');
}

fn report(out: &mut String, subject: &Subject, status: &ReportStatus, style: Style) {
    let mut facts = status.verdict.as_str().to_owned();
    if let Some(placement) = &status.placement {
        let _ = write!(
            facts,
            "; {} of {} ready on {}, survives {:?}",
            placement.ready,
            placement.desired,
            count(u64::from(placement.nodes.unsigned_abs()), "node"),
            placement.survives
        );
    }
    for text in [&status.owner, &status.criticality].into_iter().flatten() {
        let _ = write!(facts, "; {}", visible(text));
    }
    let _ = writeln!(out, "  {}  {facts}", style.bold(&visible(&subject.to_string())));
    for finding in &status.findings {
        finding_line(out, finding, style);
    }
}

fn finding_line(out: &mut String, finding: &ReportFinding, style: Style) {
    let severity = finding.severity;
    let pad = |text: &str| format!("{text:<9}");
    let since = finding.since.time();
    let since = format!("since {} {}", date(since), clock(since));
    let (label, state) = match (finding.state, finding.recovered) {
        (FindingState::Recovered, Some(ended)) => (
            pad("recovered"),
            format!("{since} to {}; waits for an acknowledgement", clock(ended.time())),
        ),
        _ => (style.severity(severity, &pad(severity.as_str())), since),
    };
    let episodes = match finding.episodes {
        0 | 1 => String::new(),
        n => format!(", {n} episodes"),
    };
    let subject = finding
        .subject
        .as_deref()
        .map(|s| format!(" ({})", visible(s)))
        .unwrap_or_default();
    let _ = writeln!(
        out,
        "    {label}  {}{subject}{episodes} {state}",
        visible(&finding.rule)
    );
}

/// `26 transitions; 1 critical, 3 warnings active at the end, 1 waits for an acknowledgement; 2 errors`.
fn summary(timeline: &Timeline) -> String {
    let total = |of: fn(&ReportStatus) -> i32| {
        let total: i32 = timeline.reports.iter().map(|(_, status)| of(status)).sum();
        u64::from(total.unsigned_abs())
    };
    let mut text = count(timeline.transitions.len() as u64, "transition");
    let _ = write!(
        text,
        "; active at the end: {} {}, {}, {} {}",
        total(|s| s.summary.critical),
        Severity::Critical.as_str(),
        count(total(|s| s.summary.warning), Severity::Warning.as_str()),
        total(|s| s.summary.info),
        Severity::Info.as_str(),
    );
    let recovered = total(|s| s.summary.recovered);
    if recovered > 0 {
        let _ = write!(text, "; {recovered} to be acknowledged");
    }
    if !timeline.errors.is_empty() {
        let _ = write!(text, "; {}", count(timeline.errors.len() as u64, "error"));
    }
    text
}
