//! What `check` must say.

use std::collections::BTreeMap;

use serde_json::Value;

/// What is asked: a rule about a workload, or about a part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    /// `shop/Deployment/web`.
    pub(crate) workload: String,
    pub(crate) rule: String,
    /// A container, or `rollout`; empty for the whole.
    pub(crate) subject: String,
}

/// `pass`, `notApplicable`, `fail warning` or `fail info`, for each row that there is.
pub(crate) type Truth = BTreeMap<Row, String>;

/// How an answer differs from the truth.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    /// True failures that are not told.
    pub(crate) missed: Vec<String>,
    /// Failures that are told and are none.
    pub(crate) falsely: Vec<String>,
    /// Other rows that are not the same, on one side only, or of another severity.
    pub(crate) other: Vec<String>,
}

impl Differences {
    pub(crate) fn between(truth: &Truth, said: &Truth) -> Self {
        let mut all = Differences::default();
        let rows = truth
            .keys()
            .chain(said.keys().filter(|row| !truth.contains_key(row)));
        for row in rows {
            let [expected, found] = [truth, said].map(|side| side.get(row).map_or("absent", String::as_str));
            if expected == found {
                continue;
            }
            let fails = [expected, found].map(|status| status.starts_with("fail"));
            let side = match fails {
                [true, false] => &mut all.missed,
                [false, true] => &mut all.falsely,
                _ => &mut all.other,
            };
            side.push(format!(
                "{} {} {:?}: is {expected}, said {found}",
                row.workload, row.rule, row.subject
            ));
        }
        all
    }
}

/// What a `check -o json` said.
pub(crate) fn said(json: &Value) -> Truth {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all = Truth::new();
    for workload in json["workloads"].as_array().into_iter().flatten() {
        let [namespace, kind, name] = ["namespace", "kind", "name"].map(|key| text(&workload[key]));
        for check in workload["checks"].as_array().into_iter().flatten() {
            let row = Row {
                workload: format!("{namespace}/{kind}/{name}"),
                rule: text(&check["rule"]),
                subject: text(&check["subject"]),
            };
            let status = format!("{} {}", text(&check["status"]), text(&check["severity"]));
            all.insert(row, status.trim_end().to_owned());
        }
    }
    all
}
