//! Names, annotations, images, paths and messages are written by anybody: whatever they hold comes out inert in every
//! format of `check`.

use std::sync::Arc;

use plimsoll::check::{Input, JudgedWorkload, Report, Terms};
use plimsoll::model::config::ClusterVersion;
use plimsoll::model::finding::{CheckResult, Failure, Message, Outcome, Remedy, Severity};
use plimsoll::model::keys::{Kind, ObjectKey};
use plimsoll::policy::Policy;
use plimsoll::source::manifest::{self, InputError, Note, Place, Source};
use rstest::rstest;
use serde_json::json;

use super::inert;

/// Each would be something to somebody.
const HOSTILE: &[&str] = &[
    "\u{1b}[2J\u{1b}]0;title\u{7}",
    "\u{9b}31m\u{7f}\u{0}",
    "a\nb\r\nc\tdf\u{b}\u{c}\u{85}",
    "\n::set-output name=x::y",
    "::stop-commands::x",
    " ::add-mask::x",
    "##[add-mask]x",
    "##vso[task.complete result=Succeeded;]x",
    "%0A::error::x%25",
    "a,file=/etc/passwd,line=1",
    "=HYPERLINK(\"http://evil.example\")",
    "+1+cmd|'/c calc'!A0",
    "-2+3",
    "@SUM(1+1)",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- -->",
    "]]><x/>&amp;&#x41;",
    "</details></summary>",
    "![x](http://evil.example/x.png)",
    "[click](javascript:alert(1))",
    "[x]: http://evil.example",
    "` `` ``` ~~~",
    "\n```\n# heading\n",
    "| a | b |\n|---|---|",
    r"\| \` \\",
    "**bold** _em_ ~~s~~ > quote",
    "- [ ] task",
    "@octocat @org/team #1 GH-1 org/repo#1",
    "www.evil.example https://evil.example a@evil.example",
    ":smile: $x^2$ [^1]",
    "\u{202e}gnp.exe\u{2066}x\u{2069}",
    "zero\u{200b}width\u{feff}\u{2060}\u{ad}",
    "\u{e0041}\u{e0042}",
    "{0} {{1}} %s ${x} {{ .Values.x }}",
    "\u{fffe}\u{ffff}\u{fffd}",
    "--- - x: y # z ? !!tag &a *a",
    "yes",
    "",
    "'\"\\",
];

/// A report that has `text` wherever somebody else's text may come to stand.
fn report(text: &str) -> Report {
    let name: Arc<str> = text.into();
    let place = || Place {
        file: Some(name.clone()),
        line: Some(3),
        column: Some(5),
    };
    let check = |outcome| CheckResult {
        rule: "memory-limit",
        subject: Some(text.to_owned()),
        outcome,
    };
    let fail = |severity, remedy| {
        check(Outcome::from(Failure {
            severity,
            message: Message::new(
                format!("container {text} can be OOM-killed"),
                format!("Deployment {text} sets {text}"),
                text,
            ),
            remedy,
        }))
    };
    let key = ObjectKey::new(Kind::Deployment, text, text);
    // YAML knows no longer keys than 1,024 characters; Kubernetes takes none.
    let label: String = text.chars().take(300).collect();
    let patch = Remedy::Patch {
        target: key.clone(),
        patch: json!({label: {"x": text}}).into(),
        reason: text.to_owned(),
    };
    let checks = vec![
        fail(Severity::Critical, Some(patch)),
        fail(Severity::Warning, Some(Remedy::Advice(text.to_owned()))),
        fail(Severity::Info, None),
        check(Outcome::Exempt(text.to_owned())),
        check(Outcome::Unknown(text.to_owned())),
        check(Outcome::NotApplicable(text.to_owned())),
        check(Outcome::Pass(Some(text.to_owned()))),
    ];
    let workload = |source| JudgedWorkload::new(key.clone(), source, checks.clone());
    Report {
        workloads: vec![
            workload(Some(Source {
                file: name.clone(),
                line: 3,
                made_by: None,
            })),
            workload(None),
        ],
        errors: vec![InputError {
            place: place(),
            message: text.to_owned(),
        }],
        notes: vec![Note {
            place: place(),
            message: text.to_owned(),
        }],
        passed_over: 1,
        fixed: None,
    }
}

#[test]
fn every_format_is_inert_whatever_stands_where() {
    for text in HOSTILE {
        inert::in_every_format(&report(text));
        inert::in_every_format(&report(&format!("x{text}y")));
        inert::in_every_format(&report(&format!("a {text}")));
    }
}

#[test]
fn all_of_it_together_is_inert_and_fits_into_a_comment() {
    let all = HOSTILE.join(" ").repeat(50);
    inert::in_every_format(&report(&all));
}

#[test]
fn an_empty_report_is_a_document_in_every_format() {
    inert::in_every_format(&Report::default());
}

/// The way through files: what is read of such names, in the parts that rules read.
#[rstest]
fn manifests_are_inert(#[values("Deployment", "StatefulSet", "CronJob")] kind: &str) {
    for text in HOSTILE.iter().copied() {
        let template = json!({
            "metadata": {"labels": {text: text}},
            "spec": {"containers": [{"name": text, "image": text, "resources": {"limits": {"memory": text}}}]},
        });
        let spec = match kind {
            "CronJob" => json!({"jobTemplate": {"spec": {"template": template}}}),
            _ => json!({"replicas": 2, "selector": {"matchLabels": {text: text}}, "template": template}),
        };
        let group = if kind == "CronJob" { "batch/v1" } else { "apps/v1" };
        let manifest = json!({
            "apiVersion": group,
            "kind": kind,
            "metadata": {"name": text, "namespace": text, "annotations": {
                format!("plimsoll.dev/exempt.{text}"): text,
                "plimsoll.dev/exempt.memory-limit": text,
                "plimsoll.dev/owner": text,
                "plimsoll.dev/requires": text,
            }},
            "spec": spec,
        })
        .to_string();
        let read = manifest::read(&["-".into()], &mut manifest.as_bytes(), ClusterVersion::NEWEST);
        let judged = Input::from(read).judge(&Terms {
            version: ClusterVersion::NEWEST,
            namespaces: &[],
            policy: &Policy::default(),
            now: jiff::Timestamp::UNIX_EPOCH,
        });
        assert!(!judged.report.workloads.is_empty() || !judged.report.errors.is_empty());
        inert::in_every_format(&judged.report);
    }
}
