//! `replay -o json`: a contract that other tools build on. Fields are only ever added; each stands in every object, `null`
//! when it has no value, in the order below. Severities and states are written as in reports.

use jiff::Timestamp;
use serde::Serialize;

use super::{Happened, Recorded, Timeline};
use crate::model::finding::Severity;
use crate::model::report::{ReportStatus, Transition};
use crate::model::subject::Subject;
use crate::output::json::{API_VERSION, Remark, errors};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Root<'a> {
    api_version: &'static str,
    kind: &'static str,
    recording: Option<Origin<'a>>,
    first_fault: Option<String>,
    transitions: Vec<Entry<'a>>,
    reports: Vec<Report<'a>>,
    errors: Vec<Remark<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Origin<'a> {
    file: &'a str,
    description: &'a str,
    source: &'a str,
    kubernetes: &'a str,
    time_scale: f64,
    lines: usize,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    at: String,
    /// `null` when there is no fault.
    offset_seconds: Option<f64>,
    id: &'a str,
    rule: &'a str,
    state: Transition,
    severity: Severity,
    episode: i32,
    object: Object<'a>,
    message: &'a str,
}

#[derive(Serialize)]
struct Object<'a> {
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Report<'a> {
    object: Object<'a>,
    status: &'a ReportStatus,
}

/// The timeline as one JSON document, indented, without a newline at its end.
#[must_use]
pub fn render(timeline: &Timeline) -> String {
    let fault = timeline.first_fault();
    let root = Root {
        api_version: API_VERSION,
        kind: "ReplayResult",
        recording: timeline.recorded.as_ref().map(origin),
        first_fault: fault.map(stamp),
        transitions: timeline
            .transitions
            .iter()
            .map(|happened| entry(happened, fault))
            .collect(),
        reports: timeline
            .reports
            .iter()
            .map(|(subject, status)| Report {
                object: object(subject),
                status,
            })
            .collect(),
        errors: errors(&timeline.errors),
    };
    serde_json::to_string_pretty(&root).expect("strings and numbers always serialise")
}

fn origin(recorded: &Recorded) -> Origin<'_> {
    Origin {
        file: &recorded.file,
        description: &recorded.header.description,
        source: &recorded.header.source,
        kubernetes: &recorded.header.kubernetes,
        time_scale: recorded.header.time_scale,
        lines: recorded.lines,
        from: recorded.from.map(stamp),
        to: recorded.to.map(stamp),
    }
}

fn entry(happened: &Happened, fault: Option<Timestamp>) -> Entry<'_> {
    let change = &happened.change;
    // Whole milliseconds, so that no rounding of floats is ever seen.
    let offset = fault.map(|fault| happened.at.duration_since(fault).as_millis() as f64 / 1000.0);
    Entry {
        at: stamp(happened.at),
        offset_seconds: offset,
        id: &change.id,
        rule: &change.rule,
        state: change.transition,
        severity: change.severity,
        episode: change.episode,
        object: object(&happened.object),
        message: happened.message(),
    }
}

fn object(subject: &Subject) -> Object<'_> {
    Object {
        kind: subject.kind(),
        namespace: subject.namespace(),
        name: subject.name(),
    }
}

/// RFC 3339 with milliseconds.
fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
