//! Looks at reports and events once a second and prints what has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use plimsoll_kit::{Plane, Result};
use serde_json::Value;

use super::checklist::{Checklist, Finding};
use super::voice::Voice;

/// The two tables that people would look at.
const TABLES: [&str; 2] = ["resiliencereports", "clusterresiliencereports"];

/// Watches on behalf of the reader.
pub(super) struct Observer<'a> {
    plane: &'a Plane,
    voice: &'a Voice,
    operator_started: Instant,
    first_report: Option<Duration>,
    checklist: Checklist,
    tables: [String; 2],
    findings: BTreeMap<(String, String), Finding>,
    events: BTreeSet<String>,
}

impl<'a> Observer<'a> {
    pub(super) fn new(plane: &'a Plane, voice: &'a Voice, operator_started: Instant) -> Self {
        Self {
            plane,
            voice,
            operator_started,
            first_report: None,
            checklist: Checklist::new(),
            tables: Default::default(),
            findings: BTreeMap::new(),
            events: BTreeSet::new(),
        }
    }

    pub(super) fn checklist(&self) -> &Checklist {
        &self.checklist
    }

    /// From the operator's start to its first report.
    pub(super) fn first_report(&self) -> Option<Duration> {
        self.first_report
    }

    /// Looks once.
    pub(super) fn look(&mut self) -> Result<()> {
        self.print_tables()?;
        self.print_findings()?;
        self.print_events()
    }

    /// Goes on looking until `done` says so or the time is over; whether it was done.
    pub(super) fn look_until(
        &mut self,
        timeout: Duration,
        mut done: impl FnMut(&mut Self) -> Result<bool>,
    ) -> Result<bool> {
        let started = Instant::now();
        loop {
            self.look()?;
            if done(self)? {
                return Ok(true);
            }
            if started.elapsed() >= timeout {
                return Ok(false);
            }
            thread::sleep(Duration::from_secs(1));
        }
    }

    /// Goes on looking until these rules have been found, and says which were not in time.
    pub(super) fn expect(&mut self, rules: &[&str], timeout: Duration) -> Result<()> {
        if !self.look_until(timeout, |seen| Ok(seen.checklist.missing(rules).is_empty()))? {
            let missing = self.checklist.missing(rules).join(", ");
            self.voice.say(&format!(
                "still not found after {} s: {missing}",
                timeout.as_secs()
            ));
        }
        Ok(())
    }

    fn print_tables(&mut self) -> Result<()> {
        for (kind, last) in TABLES.into_iter().zip(&mut self.tables) {
            let table = without_age(&self.plane.kubectl(&["get", kind, "-A"])?);
            if !table.is_empty() && table != *last {
                self.voice.say(&format!("$ kubectl get {kind} -A"));
                self.voice.detail(&table);
                self.first_report
                    .get_or_insert_with(|| self.operator_started.elapsed());
                *last = table;
            }
        }
        Ok(())
    }

    fn print_findings(&mut self) -> Result<()> {
        let reports = self.plane.get(&[&TABLES.join(","), "-A"])?;
        let now = findings(&reports);
        for finding in &now {
            self.checklist.note(finding, self.voice.elapsed());
            let key = (finding.report.clone(), finding.id.clone());
            if self.findings.get(&key) == Some(finding) {
                continue;
            }
            self.voice.say(&describe(finding));
        }
        let gone: Vec<_> = self
            .findings
            .values()
            .filter(|old| !now.iter().any(|new| same(old, new)))
            .collect();
        for finding in gone {
            self.voice
                .say(&format!("  gone      {}: {}", finding.report, finding.rule));
        }
        let keyed = now
            .into_iter()
            .map(|finding| ((finding.report.clone(), finding.id.clone()), finding));
        self.findings = keyed.collect();
        Ok(())
    }

    fn print_events(&mut self) -> Result<()> {
        let events = self.plane.get(&["events.events.k8s.io", "-A"])?;
        for event in events["items"].as_array().into_iter().flatten() {
            let text = |key: &str| event[key].as_str().unwrap_or_default();
            let count = &event["series"]["count"];
            let key = format!(
                "{} {count}",
                event["metadata"]["uid"].as_str().unwrap_or_default()
            );
            if text("reportingController").contains("plimsoll") && self.events.insert(key) {
                let object = &event["regarding"];
                let (kind, name) = (object["kind"].as_str(), object["name"].as_str());
                let about = format!("{}/{}", kind.unwrap_or_default(), name.unwrap_or_default());
                self.voice.say(&format!(
                    "  event     {about} {} {}: {}",
                    text("type"),
                    text("reason"),
                    text("note")
                ));
            }
        }
        Ok(())
    }
}

fn same(one: &Finding, other: &Finding) -> bool {
    (&one.report, &one.id) == (&other.report, &other.id)
}

fn describe(finding: &Finding) -> String {
    let Finding {
        report,
        rule,
        severity,
        state,
        message,
        episodes,
        ..
    } = finding;
    let state = if *episodes > 1 {
        format!("{state}, episode {episodes}")
    } else {
        state.clone()
    };
    format!("  finding   {report}: {rule} ({severity}, {state}): {message}")
}

/// All findings of all reports.
fn findings(reports: &Value) -> Vec<Finding> {
    let mut all = Vec::new();
    for report in reports["items"].as_array().into_iter().flatten() {
        let metadata = &report["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default();
        let report_name = metadata["namespace"]
            .as_str()
            .map_or(name.to_owned(), |space| format!("{space}/{name}"));
        for finding in report["status"]["findings"].as_array().into_iter().flatten() {
            let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            all.push(Finding {
                report: report_name.clone(),
                rule: text("rule"),
                id: text("id"),
                severity: text("severity"),
                state: text("state"),
                message: text("message"),
                episodes: finding["episodes"].as_u64().unwrap_or(1),
            });
        }
    }
    all
}

/// The table without its last column, which changes every second.
fn without_age(table: &str) -> String {
    let Some(at) = table.lines().next().and_then(|header| header.rfind("AGE")) else {
        return table.to_owned();
    };
    let lines = table
        .lines()
        .map(|line| line.chars().take(at).collect::<String>().trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_cut_off() {
        let table = "NAME   OWNER  AGE\nweb           4d\napi    me     1s\n";
        assert_eq!(without_age(table), "NAME   OWNER\nweb\napi    me");
        assert_eq!(without_age(""), "");
    }

    #[test]
    fn findings_carry_the_name_of_their_report() {
        let reports = serde_json::json!({"items": [
            {"metadata": {"name": "deployment-web", "namespace": "shop"},
             "status": {"findings": [{"id": "stranded", "rule": "stranded", "severity": "Critical",
                "state": "Active", "message": "0 of 2 ready", "episodes": 2}]}},
            {"metadata": {"name": "node-worker-1"}, "status": {"findings": [{"id": "node-limbo", "rule": "node-limbo"}]}},
            {"metadata": {"name": "new"}},
        ]});
        let all = findings(&reports);
        assert_eq!(all.len(), 2);
        assert_eq!(
            (all[0].report.as_str(), all[1].report.as_str()),
            ("shop/deployment-web", "node-worker-1")
        );
        assert!(describe(&all[0]).ends_with("stranded (Critical, Active, episode 2): 0 of 2 ready"));
    }
}
