//! The rules as SARIF's `reportingDescriptor`s: their reference pages, so that an alert explains itself.

use serde_json::{Value, json};

use super::level;
use crate::model::finding::Severity;
use crate::rules::{RULES, Rule};

/// The rule of that name, and where it stands among the descriptors.
pub(super) fn of(name: &str) -> Option<(usize, &'static Rule)> {
    RULES.iter().enumerate().find(|(_, rule)| rule.name == name)
}

/// This program, with every rule.
pub(super) fn driver() -> Value {
    json!({
        "name": "plimsoll",
        "version": env!("CARGO_PKG_VERSION"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": RULES.iter().map(descriptor).collect::<Vec<_>>(),
    })
}

fn descriptor(rule: &Rule) -> Value {
    let page = rule.page();
    json!({
        "id": rule.name,
        "name": camel_case(rule.name),
        "shortDescription": {"text": format!("{}: fails when {}", rule.name, rule.summary)},
        "fullDescription": {"text": first_paragraph(&page)},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": level(rule.severity)},
        "properties": {
            "tags": ["kubernetes", "resilience"],
            "precision": "very-high",
            "problem.severity": match rule.severity {
                Severity::Critical => "error",
                Severity::Warning => "warning",
                Severity::Info => "recommendation",
            },
        },
    })
}

/// `MemoryLimit`: how SARIF wants names.
fn camel_case(name: &str) -> String {
    let word = |word: &str| match word.split_at_checked(1) {
        Some((first, rest)) => first.to_ascii_uppercase() + rest,
        None => String::new(),
    };
    name.split('-').map(word).collect()
}

/// The first text of a page below its title, in one line.
fn first_paragraph(page: &str) -> String {
    let below = page
        .lines()
        .skip_while(|line| line.starts_with('#') || line.is_empty());
    let lines: Vec<&str> = below.take_while(|line| !line.is_empty()).collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_described_at_its_index() {
        let driver = driver();
        for rule in RULES {
            let (index, _) = of(rule.name).expect("a rule");
            let descriptor = &driver["rules"][index];
            assert_eq!(descriptor["id"], rule.name);
            let text = |field: &str| descriptor[field]["text"].as_str().expect("a text").to_owned();
            assert!(text("fullDescription").len() > 20, "{descriptor}");
            assert!(
                text("help").starts_with(&format!("# {}\n", rule.name)),
                "{descriptor}"
            );
        }
        assert!(of("no-such-rule").is_none());
    }

    #[test]
    fn names_are_in_camel_case() {
        assert_eq!(camel_case("pdb-blocks-drain"), "PdbBlocksDrain");
    }
}
