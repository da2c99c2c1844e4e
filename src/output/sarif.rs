//! `check -o sarif`: SARIF 2.1.0, for code scanning.
//!
//! ```text
//! rules ──────────────> tool.driver.rules: the reference pages
//! failed checks ──────> results, a level each
//! exempt ones ────────> results that are suppressed, with the reason
//! unknown ones ───────> results of the kind `open`
//! errors and notes ───> invocations: notifications
//! ```
//!
//! Texts are [`visible`], and hold no link and no placeholder of somebody else's making; paths are percent-encoded.

mod fingerprint;
mod rules;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Value, json};

use self::fingerprint::Fingerprints;
use super::json::text;
use super::style::visible;
use super::{JudgedWorkload, Report, relative};
use crate::model::finding::{CheckResult, Failure, Outcome, Severity};
use crate::source::manifest::{Place, STDIN};

/// The schema as it was published, errata included.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What relative paths are relative to: the name that code scanning gives the repository's root.
const ROOT: &str = "%SRCROOT%";

/// All but the unreserved characters of RFC 3986.
const IN_PART: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The same but for `/`: so no path is taken for a scheme, a query or a fragment.
const IN_PATH: &AsciiSet = &IN_PART.remove(b'/');

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Value,
    invocations: [Value; 1],
    original_uri_base_ids: Value,
    column_kind: &'static str,
    results: Vec<SarifResult>,
    properties: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    level: &'static str,
    message: Text,
    locations: [Value; 1],
    partial_fingerprints: Fingerprints,
    #[serde(skip_serializing_if = "Option::is_none")]
    suppressions: Option<[Value; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline_state: Option<&'static str>,
    properties: Value,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

/// The report as one SARIF log, indented, without a newline at its end.
#[must_use]
pub fn render(report: &Report) -> String {
    let has_baseline = report.fixed.is_some();
    let results = report.workloads.iter().flat_map(|workload| {
        let answers = workload.answers();
        answers.filter_map(move |(check, known)| {
            let state = has_baseline.then_some(if known { "unchanged" } else { "new" });
            result(workload, check, state)
        })
    });
    text(&Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: json!({"driver": rules::driver()}),
            invocations: [invocation(report)],
            original_uri_base_ids: json!({ROOT: {"description": {"text": "where plimsoll was run"}}}),
            column_kind: "unicodeCodePoints",
            results: results.collect(),
            properties: json!({
                "workloads": report.count(),
                "passedOver": report.passed_over,
            }),
        }],
    })
}

/// How SARIF calls a severity.
const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// What passes and what does not apply is no result: code scanning would show it as an alert.
fn result(
    workload: &JudgedWorkload,
    check: &CheckResult,
    baseline_state: Option<&'static str>,
) -> Option<SarifResult> {
    let rule = rules::of(check.rule);
    let object = visible(&workload.key.to_string());
    let mut properties = json!({
        "status": check.outcome.status(),
        "object": object,
        "subject": check.subject.as_deref().map(visible),
    });
    let (kind, level, said, suppressions) = match &check.outcome {
        Outcome::Fail(failure) => {
            let Failure {
                severity,
                message,
                remedy,
            } = &**failure;
            properties["severity"] = severity.as_str().into();
            if let Some(remedy) = remedy {
                properties["remedy"] = visible(&remedy.to_string()).into();
            }
            (None, level(*severity), message.to_string(), None)
        }
        Outcome::Exempt(reason) => {
            let place = if workload.source.is_some() {
                "inSource"
            } else {
                "external"
            };
            let suppression = json!({"kind": place, "justification": visible(reason)});
            let said = format!("{}, exempt: {reason}", workload.key);
            (
                None,
                level(rule.map_or(Severity::Warning, |(_, rule)| rule.severity)),
                said,
                Some([suppression]),
            )
        }
        Outcome::Unknown(what) => (Some("open"), "none", format!("{}: {what}", workload.key), None),
        Outcome::Pass(_) | Outcome::NotApplicable(_) => return None,
    };
    Some(SarifResult {
        rule_id: check.rule,
        rule_index: rule.map(|(index, _)| index),
        kind,
        level,
        message: Text { text: inert(&said) },
        locations: [location(workload)],
        partial_fingerprints: Fingerprints::of(workload, check),
        suppressions,
        baseline_state,
        properties,
    })
}

/// Text of a message. In SARIF `[words](target)` is a link, also in plain text, and `{0}` a placeholder; both lose their
/// meaning by the escapes that it has for them.
fn inert(text: &str) -> String {
    let text = visible(text).replace("](", "\\](");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        out.push_str(before);
        let digits = from[1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
        let (placeholder, after) = from.split_at(1 + digits);
        match after.strip_prefix('}').filter(|_| digits > 0) {
            Some(after) => {
                out.push_str(&format!("{{{placeholder}}}}}"));
                rest = after;
            }
            None => {
                out.push('{');
                rest = &from[1..];
            }
        }
    }
    out + rest
}

/// File and line, where there are any, and the object's name always.
fn location(workload: &JudgedWorkload) -> Value {
    let key = &workload.key;
    let mut location = json!({
        "logicalLocations": [{
            "name": visible(&key.name),
            "fullyQualifiedName": visible(&format!("{}/{}/{}", key.kind.api_version(), key.kind, key.path())),
            "kind": "resource",
        }],
    });
    if let Some(physical) = physical(&workload.place()) {
        location["physicalLocation"] = physical;
    }
    location
}

/// `None` for what comes from standard input or a cluster.
fn physical(place: &Place) -> Option<Value> {
    let file = place.file.as_deref().filter(|file| *file != STDIN)?;
    let mut region = serde_json::Map::new();
    for (name, number) in [("startLine", place.line), ("startColumn", place.column)] {
        if let Some(number) = number {
            region.insert(name.to_owned(), number.into());
        }
    }
    let mut physical = json!({"artifactLocation": artifact(file)});
    if !region.is_empty() {
        physical["region"] = region.into();
    }
    Some(physical)
}

/// A path as URI: relative to [`ROOT`], or with the scheme `file`.
fn artifact(file: &str) -> Value {
    let file = if cfg!(windows) {
        file.replace('\\', "/")
    } else {
        file.to_owned()
    };
    let file = relative(&file);
    if file.starts_with('/') {
        json!({"uri": format!("file://{}", utf8_percent_encode(file, IN_PATH))})
    } else {
        json!({"uri": utf8_percent_encode(file, IN_PATH).to_string(), "uriBaseId": ROOT})
    }
}

/// One run of the command: what could not be read, and what is worth knowing.
fn invocation(report: &Report) -> Value {
    let errors = report.errors.iter().map(|e| ("error", &e.place, &e.message));
    let notes = report.notes.iter().map(|n| ("note", &n.place, &n.message));
    let notification = |(level, place, message): (&str, &Place, &String)| {
        let mut notification = json!({"level": level, "message": {"text": inert(message)}});
        if let Some(physical) = physical(place) {
            notification["locations"] = json!([{"physicalLocation": physical}]);
        }
        notification
    };
    json!({
        "executionSuccessful": report.errors.is_empty(),
        "toolExecutionNotifications": errors.chain(notes).map(notification).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("web.yaml", "web.yaml")]
    #[case("./deploy/./web.yaml", "deploy/./web.yaml")]
    #[case("a b/ü%.yaml", "a%20b/%C3%BC%25.yaml")]
    #[case("javascript:alert(1)", "javascript%3Aalert%281%29")]
    #[case("a?b#c\n", "a%3Fb%23c%0A")]
    fn a_relative_path_is_one_from_the_root(#[case] file: &str, #[case] uri: &str) {
        assert_eq!(artifact(file), json!({"uri": uri, "uriBaseId": ROOT}));
    }

    #[test]
    fn an_absolute_path_has_a_scheme() {
        assert_eq!(artifact("/tmp/a b"), json!({"uri": "file:///tmp/a%20b"}));
    }

    #[rstest]
    #[case("containers[app] of {web}", "containers[app] of {web}")]
    #[case("[free](https://x)", r"[free\](https://x)")]
    #[case("{0} {12} {} {a} {1", "{{0}} {{12}} {} {a} {1")]
    #[case("{{0}}", "{{{0}}}")]
    fn a_message_holds_no_link_and_no_placeholder(#[case] said: &str, #[case] written: &str) {
        assert_eq!(inert(said), written);
    }
}
