//! `plimsoll rules`: every rule and detector in one line each.

use std::fmt::Write as _;

use crate::detect::DETECTORS;
use crate::rules::RULES;

/// The list, for people.
pub(super) fn render() -> String {
    let rules = RULES.iter().map(|rule| (rule.name, rule.severity, rule.summary));
    let detectors = DETECTORS.iter().map(|d| (d.name, d.severity, d.summary));
    let name = rules
        .clone()
        .chain(detectors.clone())
        .map(|(name, ..)| name.len())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    let mut section =
        |title: &str, rows: &mut dyn Iterator<Item = (&str, crate::model::finding::Severity, &str)>| {
            let _ = writeln!(out, "{title}");
            for (rule, severity, summary) in rows {
                let _ = writeln!(out, "  {rule:<name$}  {:<8}  {summary}", severity.as_str());
            }
        };
    section(
        "RULES (judged from manifests and from a cluster)",
        &mut rules.into_iter(),
    );
    section(
        "\nDETECTORS (watched by the operator)",
        &mut detectors.into_iter(),
    );
    out.push_str("\nplimsoll explain NAME tells what one means and what mends it.\n");
    out
}
