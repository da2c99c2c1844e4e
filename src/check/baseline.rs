//! The findings that are known: whoever begins with many wants to hear of new ones only.
//!
//! ```text
//! {"apiVersion": "plimsoll.dev/v1alpha1", "kind": "CheckBaseline", "findings": [
//! {"kind": "Deployment", "namespace": "shop", "name": "web", "rule": "memory-limit", "subject": "app", "severity": "warning"},
//! …
//! ```
//!
//! A finding is known by object, rule and subject, never by its line: it stays known when a file is edited or moved. One
//! that got worse is new. A finding a line, sorted: a change of the baseline can be reviewed like any other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{JudgedWorkload, Report};
use crate::model::finding::{CheckResult, Outcome, Severity};
use crate::output::json::{API_VERSION, escaped};
use crate::source::manifest::{Note, Place};

const KIND: &str = "CheckBaseline";

/// What a finding is known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    namespace: String,
    name: String,
    /// As text: a later version may know more kinds.
    kind: String,
    rule: String,
    subject: Option<String>,
}

impl Key {
    fn of(workload: &JudgedWorkload, check: &CheckResult) -> Key {
        Key {
            namespace: workload.key.namespace.to_string(),
            name: workload.key.name.to_string(),
            kind: workload.key.kind.as_str().to_owned(),
            rule: check.rule.to_owned(),
            subject: check.subject.clone(),
        }
    }

    /// The same without its subject.
    fn whole(&self) -> Key {
        Key {
            subject: None,
            ..self.clone()
        }
    }
}

/// Known findings, each with the severity at which it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    findings: BTreeMap<Key, Severity>,
}

/// Why a text is no baseline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is no baseline: {message}; write it anew with --write-baseline", at(.place))]
pub struct BaselineError {
    /// Line and column, from 1, where there is one.
    pub place: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
}

fn at(place: &Option<(usize, usize)>) -> String {
    place
        .as_ref()
        .map_or_else(String::new, |(line, column)| format!("{line}:{column}:"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    api_version: String,
    kind: String,
    findings: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    kind: String,
    namespace: String,
    name: String,
    rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    severity: Known,
}

/// A severity as it is spelled on the command line.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Known {
    Critical,
    Warning,
    Info,
}

impl From<Severity> for Known {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Critical => Known::Critical,
            Severity::Warning => Known::Warning,
            Severity::Info => Known::Info,
        }
    }
}

impl From<Known> for Severity {
    fn from(known: Known) -> Self {
        match known {
            Known::Critical => Severity::Critical,
            Known::Warning => Severity::Warning,
            Known::Info => Severity::Info,
        }
    }
}

impl Baseline {
    /// The findings of a report.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let mut findings = BTreeMap::new();
        for (key, severity) in report.workloads.iter().flat_map(failed) {
            let worst = findings.entry(key).or_insert(severity);
            *worst = severity.max(*worst);
        }
        Baseline { findings }
    }

    /// Reads what [`Baseline::render`] wrote.
    ///
    /// # Errors
    /// [`BaselineError`], which says where and what to do.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        let file: File = serde_json::from_str(text).map_err(|e| {
            let full = e.to_string();
            let message = full.split(" at line ").next().unwrap_or(&full).to_owned();
            BaselineError {
                place: (e.line() > 0).then(|| (e.line(), e.column())),
                message,
            }
        })?;
        let head = (file.api_version.as_str(), file.kind.as_str());
        if head != (API_VERSION, KIND) {
            return Err(BaselineError {
                place: None,
                message: format!("it is {} {}, not {API_VERSION} {KIND}", head.0, head.1),
            });
        }
        let mut findings = BTreeMap::new();
        for row in file.findings {
            let Row {
                kind,
                namespace,
                name,
                rule,
                subject,
                severity,
            } = row;
            let key = Key {
                namespace,
                name,
                kind,
                rule,
                subject,
            };
            findings.insert(key, severity.into());
        }
        Ok(Baseline { findings })
    }

    /// The text of its file: the same findings always make the same text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = format!("{{\"apiVersion\": \"{API_VERSION}\", \"kind\": \"{KIND}\", \"findings\": [");
        for (i, (key, severity)) in self.findings.iter().enumerate() {
            let row = Row {
                kind: key.kind.clone(),
                namespace: key.namespace.clone(),
                name: key.name.clone(),
                rule: key.rule.clone(),
                subject: key.subject.clone(),
                severity: (*severity).into(),
            };
            let row = serde_json::to_string(&row).expect("strings always serialise");
            let _ = write!(out, "{}\n{}", if i == 0 { "" } else { "," }, escaped(&row));
        }
        out + "\n]}\n"
    }

    /// How many findings it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.findings.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Marks what is known, and notes at `place` how much of the baseline no longer occurs in these namespaces (none: in
    /// all). Where a rule can't judge an object now, what it found before still counts as occurring.
    pub fn apply(&self, report: &mut Report, namespaces: &[String], place: Place) {
        let mut seen = BTreeSet::new();
        let mut unknown = BTreeSet::new();
        for workload in &mut report.workloads {
            for (i, check) in workload.checks.iter().enumerate() {
                let key = Key::of(workload, check);
                match &check.outcome {
                    Outcome::Fail(failure) => {
                        let known = self.findings.get(&key);
                        if known.is_some_and(|known| *known >= failure.severity) {
                            workload.known.insert(i);
                        }
                        seen.insert(key);
                    }
                    Outcome::Unknown(_) => {
                        unknown.insert(key.whole());
                    }
                    Outcome::Pass(_) | Outcome::Exempt(_) | Outcome::NotApplicable(_) => {}
                }
            }
        }
        let asked = |key: &&Key| namespaces.is_empty() || namespaces.contains(&key.namespace);
        let occurs = |key: &Key| seen.contains(key) || unknown.contains(&key.whole());
        let fixed = self
            .findings
            .keys()
            .filter(asked)
            .filter(|key| !occurs(key))
            .count();
        if fixed > 0 {
            let message = format!(
                "fixed: {fixed} of its findings no longer occur; write it anew with --write-baseline"
            );
            report.notes.push(Note { place, message });
        }
        report.fixed = Some(fixed);
    }
}

fn failed(workload: &JudgedWorkload) -> impl Iterator<Item = (Key, Severity)> {
    let keyed = |check| Some((Key::of(workload, check), CheckResult::severity(check)?));
    workload.checks.iter().filter_map(keyed)
}

#[cfg(test)]
mod tests;
