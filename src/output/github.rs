//! `check -o github`: workflow commands, which GitHub shows as annotations beside the lines that they name.
//!
//! ```text
//! ::warning file=web.yaml,line=3,title=memory-limit app%3A Deployment shop/web::0 of 2 …%0Afix: …
//! ```
//!
//! The worst first: of each level GitHub shows ten a step. What is untrusted stands within a command of ours, made
//! [`visible`] and with the escapes that the runner takes back: `%`, line ends, and in properties `:` and `,`.

use std::fmt::Write as _;

use super::style::visible;
use super::summary::summary;
use super::{Found, Report, relative, title, worst_first};
use crate::model::finding::{Outcome, Severity};
use crate::source::manifest::{Place, STDIN};

/// The report as workflow commands, a line each, and a last line for the log.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    for error in &report.errors {
        command(
            &mut out,
            "error",
            &error.place,
            "input error",
            &visible(&error.message),
        );
    }
    for found in worst_first(report) {
        finding(&mut out, &found);
    }
    for workload in &report.workloads {
        for check in &workload.checks {
            if let Outcome::Unknown(what) = &check.outcome {
                let title = format!("{}: {}", title(check), visible(&workload.key.to_string()));
                let place = workload.place();
                command(
                    &mut out,
                    "notice",
                    &place,
                    &title,
                    &format!("unknown: {}", visible(what)),
                );
            }
        }
    }
    for note in &report.notes {
        command(&mut out, "notice", &note.place, "note", &visible(&note.message));
    }
    let _ = writeln!(out, "plimsoll: {}", summary(report));
    out
}

fn finding(out: &mut String, found: &Found<'_>) {
    let level = match found.failure.severity {
        Severity::Critical => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let key = visible(&found.workload.key.to_string());
    let title = format!("{}: {key}", title(found.check));
    let mut message = visible(&found.failure.message.to_string());
    if let Some(remedy) = &found.failure.remedy {
        let _ = write!(message, "\nfix: {}", visible(&remedy.to_string()));
    }
    command(out, level, &found.workload.place(), &title, &message);
}

/// One command. `title` and `message` are visible already; a line feed in `message` is one of ours.
fn command(out: &mut String, level: &str, place: &Place, title: &str, message: &str) {
    let _ = write!(out, "::{level} ");
    if let Some(file) = place.file.as_deref().filter(|file| *file != STDIN) {
        let _ = write!(out, "file={},", property(&visible(relative(file))));
        for (name, number) in [("line", place.line), ("col", place.column)] {
            if let Some(number) = number {
                let _ = write!(out, "{name}={number},");
            }
        }
    }
    let _ = writeln!(out, "title={}::{}", property(title), data(message));
}

/// As the runner takes it back (`ActionCommand.cs` of actions/runner).
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
