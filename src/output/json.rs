//! `check -o json`: a contract that other tools build on. Fields are only ever added; each stands in every object, `null`
//! when it has no value, in the order below.
//!
//! Every value is what was read. What is hidden in it, and what a runner of CI would take for a command, is written as an
//! escape of JSON, so that the text is inert wherever it is printed, and means the same.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;

use super::style::is_hidden;
use super::{Counts, JudgedWorkload, Report};
use crate::model::finding::{CheckResult, Outcome, Remedy};
use crate::model::json::Json;
use crate::model::keys::ObjectKey;
use crate::policy::ownership::Criticality;
use crate::source::manifest::{InputError, Note, Place, Source};

/// The version of every document that the command line prints or reads.
pub(crate) const API_VERSION: &str = "plimsoll.dev/v1alpha1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Root<'a> {
    api_version: &'static str,
    kind: &'static str,
    summary: Summary,
    workloads: Vec<Workload<'a>>,
    errors: Vec<Remark<'a>>,
    notes: Vec<Remark<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    workloads: usize,
    critical: usize,
    warning: usize,
    info: usize,
    exempt: usize,
    passed_over: usize,
    known: usize,
    fixed: Option<usize>,
}

/// Which object something is about.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object<'a> {
    api_version: String,
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Workload<'a> {
    #[serde(flatten)]
    object: Object<'a>,
    source: Option<Origin<'a>>,
    owner: Option<&'a str>,
    runbook: Option<&'a str>,
    criticality: Option<&'static str>,
    policies: Vec<&'a str>,
    checks: Vec<Check<'a>>,
}

#[derive(Serialize)]
struct Origin<'a> {
    file: &'a str,
    line: usize,
}

#[derive(Serialize)]
struct Check<'a> {
    rule: &'static str,
    status: &'static str,
    severity: Option<&'static str>,
    subject: Option<&'a str>,
    message: Option<String>,
    remedy: Option<Mend<'a>>,
    known: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Mend<'a> {
    Patch {
        target: Target<'a>,
        patch: &'a Json,
        reason: &'a str,
        command: String,
    },
    Create {
        create: &'a Json,
        reason: &'a str,
        command: String,
    },
    Advice {
        advice: &'a str,
    },
}

#[derive(Serialize)]
struct Target<'a> {
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
}

/// An error or a note, with its place.
#[derive(Serialize)]
pub(super) struct Remark<'a> {
    file: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
    message: &'a str,
}

/// The report as one JSON document, indented, without a newline at its end.
#[must_use]
pub fn render(report: &Report) -> String {
    let counts = report.counts();
    let Counts {
        critical,
        warning,
        info,
        exempt,
        unknown: _,
        known,
    } = counts;
    let root = Root {
        api_version: API_VERSION,
        kind: "CheckResult",
        summary: Summary {
            workloads: report.count(),
            critical,
            warning,
            info,
            exempt,
            passed_over: report.passed_over,
            known,
            fixed: report.fixed,
        },
        workloads: report.workloads.iter().map(workload).collect(),
        errors: errors(&report.errors),
        notes: notes(&report.notes),
    };
    text(&root)
}

/// A document as text that is inert.
pub(super) fn text(document: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(document).expect("strings and numbers always serialise");
    match escaped(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(escaped) => escaped,
    }
}

/// Outside strings JSON has none of these characters but line feeds, so each may be replaced wherever it stands.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| c != '\n' && is_hidden(c);
    if !text.contains(is_hidden) && !text.contains("##") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 64);
    let mut before = ' ';
    for c in text.chars() {
        if is_hidden(c) || (c == '#' && before == '#') {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
        before = c;
    }
    Cow::Owned(out)
}

fn workload(judged: &JudgedWorkload) -> Workload<'_> {
    Workload {
        object: object(&judged.key),
        source: judged.source.as_ref().map(origin),
        owner: judged.ownership.owner.as_deref(),
        runbook: judged.ownership.runbook.as_deref(),
        criticality: judged.ownership.criticality.map(Criticality::as_str),
        policies: judged.policies.iter().map(|name| &**name).collect(),
        checks: judged.answers().map(check).collect(),
    }
}

fn origin(source: &Source) -> Origin<'_> {
    Origin {
        file: &source.file,
        line: source.line,
    }
}

fn check((result, known): (&CheckResult, bool)) -> Check<'_> {
    let (message, severity, remedy) = match &result.outcome {
        Outcome::Fail(failure) => (
            Some(failure.message.to_string()),
            Some(failure.severity.as_str()),
            failure.remedy.as_ref(),
        ),
        Outcome::Pass(text) => (text.clone(), None, None),
        Outcome::Exempt(text) | Outcome::NotApplicable(text) | Outcome::Unknown(text) => {
            (Some(text.clone()), None, None)
        }
    };
    Check {
        rule: result.rule,
        status: result.outcome.status(),
        severity,
        subject: result.subject.as_deref(),
        message,
        remedy: remedy.map(mend),
        known,
    }
}

fn mend(remedy: &Remedy) -> Mend<'_> {
    match remedy {
        Remedy::Advice(advice) => Mend::Advice { advice },
        Remedy::Create { manifest, reason } => Mend::Create {
            create: manifest,
            reason,
            command: remedy.to_string(),
        },
        Remedy::Patch {
            target,
            patch,
            reason,
        } => Mend::Patch {
            target: Target {
                kind: target.kind.as_str(),
                namespace: &target.namespace,
                name: &target.name,
            },
            patch,
            reason,
            command: remedy.to_string(),
        },
    }
}

pub(super) fn object(key: &ObjectKey) -> Object<'_> {
    Object {
        api_version: key.kind.api_version(),
        kind: key.kind.as_str(),
        namespace: &key.namespace,
        name: &key.name,
    }
}

pub(super) fn errors(errors: &[InputError]) -> Vec<Remark<'_>> {
    errors.iter().map(|e| remark(&e.place, &e.message)).collect()
}

pub(super) fn notes(notes: &[Note]) -> Vec<Remark<'_>> {
    notes.iter().map(|n| remark(&n.place, &n.message)).collect()
}

fn remark<'a>(place: &'a Place, message: &'a str) -> Remark<'a> {
    Remark {
        file: place.file.as_deref(),
        line: place.line,
        column: place.column,
        message,
    }
}
