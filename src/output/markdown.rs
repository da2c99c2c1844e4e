//! `check -o markdown`: for a comment on a pull request or the summary of a CI step.
//!
//! ```text
//! ### Plimsoll: 2 warnings …
//! errors, then a table of findings, the worst first
//! <details> how to mend them, what is exempt or unknown, notes </details>
//! ```
//!
//! Words that are more than letters and digits stand in code spans: there no link, mention, reference, picture, HTML or
//! emphasis begins. Pipes and backticks, which end cells and code spans, are written as escapes. A cell begins with a word
//! of ours, so that none is a formula where the table is pasted. What does not fit into a comment is counted.

use std::fmt::Write as _;

use super::style::visible;
use super::summary::summary;
use super::{Found, Report, title, worst_first};
use crate::model::finding::{Outcome, Remedy};
use crate::model::text::{clip, count};
use crate::source::manifest::Place;

/// A comment may have 65,536 characters: so many bytes are for each of its four parts.
const ROOM: usize = 15_000;
/// Longer texts are cut: one name must not take a whole comment.
const MAX_TEXT: usize = 1_000;

/// The report as Markdown, each line ended.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut out = format!("### Plimsoll: {}\n", summary(report));
    errors(&mut out, report);
    let found = worst_first(report);
    table(&mut out, &found);
    mend(&mut out, &found);
    others(&mut out, report);
    out
}

/// Text that somebody else may have written, to stand within a line.
fn inert(text: &str) -> String {
    let shown = visible(&clip(text, MAX_TEXT));
    let words: Vec<String> = shown.split_whitespace().map(word).collect();
    words.join(" ")
}

/// One word: what opens or ends a phrase stays outside its code span.
fn word(word: &str) -> String {
    let inner = word.trim_start_matches('(');
    let open = &word[..word.len() - inner.len()];
    let core = inner.trim_end_matches([',', ';', ':', '.', ')']);
    let close = &inner[core.len()..];
    match core {
        "" => code(word),
        core if is_plain(core) => word.to_owned(),
        core => format!("{open}{}{close}", code(core)),
    }
}

/// Whether Markdown, and GitHub on top of it, see a mere word: neither a host nor a reference to an issue (`GH-1`).
fn is_plain(word: &str) -> bool {
    let harmless = |c: char| c.is_alphanumeric() || "-'%/…".contains(c);
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '%' || c == '…');
    let reference = word.to_ascii_lowercase().starts_with("gh-");
    word.chars().all(harmless)
        && word.starts_with(char::is_alphanumeric)
        && is_end(word.chars().last())
        && !reference
        && !word.to_ascii_lowercase().contains("www")
}

/// A code span; there is none of nothing.
fn code(text: &str) -> String {
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let text: String = visible(&clip(text, MAX_TEXT))
        .chars()
        .map(|c| match c {
            '`' | '|' => c.escape_unicode().to_string(),
            c => c.to_string(),
        })
        .collect();
    format!("`{text}`")
}

fn at(place: &Place) -> String {
    match &place.file {
        Some(_) => format!(" at {}", code(&place.to_string())),
        None => String::new(),
    }
}

fn errors(out: &mut String, report: &Report) {
    if report.errors.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{} in the input:\n",
        count(report.errors.len() as u64, "error")
    );
    let lines = report.errors.iter().map(|error| {
        format!(
            "- {}: {}\n",
            code(&error.place.to_string()),
            inert(&error.message)
        )
    });
    as_many_as_fit(out, lines, "error");
}

fn table(out: &mut String, found: &[Found<'_>]) {
    if found.is_empty() {
        return;
    }
    out.push_str("\n| severity | rule | workload | finding |\n|---|---|---|---|\n");
    let rows = found.iter().map(|found| {
        let key = &found.workload.key;
        format!(
            "| {} | {} | {} {}{} | Impact: {} |\n",
            found.failure.severity.as_str(),
            rule(found),
            key.kind,
            code(&key.path()),
            at(&found.workload.place()),
            inert(&found.failure.message.impact),
        )
    });
    as_many_as_fit(out, rows, "finding");
}

/// The rule, and its subject in code.
fn rule(found: &Found<'_>) -> String {
    match &found.check.subject {
        Some(subject) => format!("{} {}", found.check.rule, code(subject)),
        None => found.check.rule.to_owned(),
    }
}

/// Lines until the room is taken, and how many more there are.
fn as_many_as_fit(out: &mut String, lines: impl ExactSizeIterator<Item = String>, noun: &str) {
    let mut left = lines.len();
    let until = out.len() + ROOM;
    for line in lines {
        if out.len() + line.len() > until {
            let more = count(left as u64, noun);
            let _ = writeln!(out, "\n… and {more} more: `plimsoll check` prints all.");
            return;
        }
        out.push_str(&line);
        left -= 1;
    }
}

fn mend(out: &mut String, found: &[Found<'_>]) {
    if found.is_empty() {
        return;
    }
    out.push_str("\n<details><summary>How to mend them</summary>\n\n");
    let entries = found.iter().map(|found| {
        let message = &found.failure.message;
        let mut entry = format!(
            "**{}** {}, {} {}: {}; {}\n",
            found.failure.severity.as_str(),
            rule(found),
            found.workload.key.kind,
            code(&found.workload.key.path()),
            inert(&message.object),
            inert(&message.way_out),
        );
        match &found.failure.remedy {
            Some(Remedy::Advice(advice)) => {
                let _ = writeln!(entry, "\nFix: {}", inert(advice));
            }
            Some(remedy) => {
                // One line: nothing in it can end the fence.
                let _ = writeln!(entry, "\n```sh\n{}\n```", visible(&remedy.to_string()));
            }
            None => {}
        }
        if let Some(Remedy::Patch { reason, .. }) = &found.failure.remedy {
            let _ = writeln!(entry, "\nReason: {}", inert(reason));
        }
        entry + "\n"
    });
    as_many_as_fit(out, entries, "finding");
    out.push_str("\n</details>\n");
}

/// What is exempt or unknown, and the notes.
fn others(out: &mut String, report: &Report) {
    let mut lines = Vec::new();
    for workload in &report.workloads {
        for check in &workload.checks {
            if let Outcome::Exempt(text) | Outcome::Unknown(text) = &check.outcome {
                lines.push(format!(
                    "- {}: {}, {} {}: {}\n",
                    check.outcome.status(),
                    inert(&title(check)),
                    workload.key.kind,
                    code(&workload.key.path()),
                    inert(text)
                ));
            }
        }
    }
    let notes = report.notes.iter().map(|note| {
        format!(
            "- note: {}: {}\n",
            code(&note.place.to_string()),
            inert(&note.message)
        )
    });
    lines.extend(notes);
    if lines.is_empty() {
        return;
    }
    out.push_str("\n<details><summary>Exempt, unknown and notes</summary>\n\n");
    as_many_as_fit(out, lines.into_iter(), "line");
    out.push_str("\n</details>\n");
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("all 2 replicas may share one node", "all 2 replicas may share one node")]
    #[case(
        "set resources.limits.memory, then (so) go.",
        "set `resources.limits.memory`, then (so) go."
    )]
    #[case(
        "containers[app]: it's OOM-killed and/or 50%",
        "`containers[app]`: it's OOM-killed and/or 50%"
    )]
    #[case("@team #12 GH-12 www.evil", "`@team` `#12` `GH-12` `www.evil`")]
    #[case("a|b `x` <b> _x_", r"`a\u{7c}b` `\u{60}x\u{60}` `<b>` `_x_`")]
    #[case("- + ... :) :smile:", "`-` `+` `...` `:)` `:smile`:")]
    fn words_that_could_be_more_stand_in_code(#[case] text: &str, #[case] written: &str) {
        assert_eq!(inert(text), written);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut out = String::new();
        let lines = (0..500).map(|i| format!("- {i:0>97}\n"));
        as_many_as_fit(&mut out, lines, "line");
        assert!(out.len() < ROOM + 100, "{}", out.len());
        assert!(
            out.ends_with("… and 350 lines more: `plimsoll check` prints all.\n"),
            "{out}"
        );
    }
}
