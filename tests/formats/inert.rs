//! What each format promises of a report, whatever stands in it: read back by readers that had no part in writing it.

use std::sync::LazyLock;

use plimsoll::check::{Report, Threshold};
use plimsoll::model::finding::{Outcome, Severity};
use plimsoll::output::style::{Style, visible};
use plimsoll::output::{github, json, junit, markdown, sarif, table, yaml};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let text = include_str!("../fixtures/sarif/sarif-schema-2.1.0.json");
    // The pattern of `run.language`, which is not written here, closes a bracket that it did not open: no regular
    // expression to a strict reader.
    let text = text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
    let schema = serde_json::from_str(&text).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
});

/// Holds every format to its promise.
pub(crate) fn in_every_format(report: &Report) {
    a_table(&table::render(report, Style::plain()));
    let json = json::render(report);
    a_json_document(&json, report);
    a_yaml_document(&yaml::render(report), &json);
    a_sarif_log(&sarif::render(report), report);
    a_junit_document(&junit::render(report, Threshold(Some(Severity::Warning))), report);
    workflow_commands(&github::render(report), report);
    a_markdown_document(&markdown::render(report), report);
}

/// No character steers a terminal or hides; no line is a command to the runner of a CI system.
fn text(text: &str) {
    let hidden = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(
                c,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
            )
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
            || matches!(c, '\u{e0000}'..='\u{e0fff}')
    };
    assert!(!text.contains(hidden), "{text:?}");
    assert!(!text.contains("##"), "a command or a heading: {text}");
}

fn no_commands(text: &str) {
    for line in text.lines() {
        assert!(!line.trim_start().starts_with("::"), "{line}");
    }
}

fn a_table(table: &str) {
    text(table);
    no_commands(table);
}

fn a_json_document(json: &str, report: &Report) {
    text(json);
    no_commands(json);
    let document: Value = serde_json::from_str(json).expect("JSON");
    let workloads = document["workloads"].as_array().expect("a list");
    assert_eq!(workloads.len(), report.workloads.len());
    for (read, judged) in workloads.iter().zip(&report.workloads) {
        assert_eq!(read["name"], *judged.key.name, "a tool reads what was written");
        for (read, check) in read["checks"]
            .as_array()
            .expect("a list")
            .iter()
            .zip(&judged.checks)
        {
            assert_eq!(read["subject"].as_str(), check.subject.as_deref());
        }
    }
}

fn a_yaml_document(yaml: &str, json: &str) {
    text(yaml);
    no_commands(yaml);
    let of_yaml: Value = serde_saphyr::from_str(yaml).expect("YAML");
    let of_json: Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(of_yaml, of_json, "one contract");
}

/// Holds a log to the schema of SARIF 2.1.0.
pub(crate) fn sarif_schema(log: &str) -> Value {
    let log: Value = serde_json::from_str(log).expect("JSON");
    let faults: Vec<String> = SCHEMA
        .iter_errors(&log)
        .map(|e| format!("{e} at {}", e.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
    log
}

fn a_sarif_log(log: &str, report: &Report) {
    text(log);
    no_commands(log);
    let log = sarif_schema(log);
    let run = &log["runs"][0];
    let results = run["results"].as_array().expect("a list");
    let is_result = |outcome: &Outcome| !matches!(outcome, Outcome::Pass(_) | Outcome::NotApplicable(_));
    let checks = report.workloads.iter().flat_map(|w| &w.checks);
    assert_eq!(
        results.len(),
        checks.filter(|check| is_result(&check.outcome)).count()
    );
    let notifications = &run["invocations"][0]["toolExecutionNotifications"];
    let notifications = notifications.as_array().expect("a list");
    assert_eq!(notifications.len(), report.errors.len() + report.notes.len());
    for said in results.iter().chain(notifications) {
        let message = said["message"]["text"].as_str().expect("a text");
        for (i, _) in message.match_indices("](") {
            assert!(message[..i].ends_with('\\'), "a link: {message}");
        }
        let uri = said.pointer("/locations/0/physicalLocation/artifactLocation/uri");
        if let Some(uri) = uri.and_then(Value::as_str) {
            let path = uri.strip_prefix("file:///").unwrap_or(uri);
            let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~/%".contains(c);
            assert!(path.chars().all(unreserved), "{uri}");
        }
    }
}

fn a_junit_document(xml: &str, report: &Report) {
    text(xml);
    no_commands(xml);
    let document = roxmltree::Document::parse(xml).expect("XML");
    let suites: Vec<_> = document
        .descendants()
        .filter(|node| node.has_tag_name("testsuite") && node.attribute("name") != Some("input"))
        .collect();
    let read = document.descendants().filter(|node| node.has_tag_name("error"));
    assert_eq!(read.count(), report.errors.len());
    assert_eq!(suites.len(), report.workloads.len());
    for (suite, judged) in suites.iter().zip(&report.workloads) {
        assert_eq!(
            suite.attribute("name"),
            Some(visible(&judged.key.to_string()).as_str())
        );
        let cases: Vec<_> = suite
            .children()
            .filter(|node| node.has_tag_name("testcase"))
            .collect();
        assert_eq!(cases.len(), judged.checks.len());
        for (case, check) in cases.iter().zip(&judged.checks) {
            let fails = check
                .severity()
                .is_some_and(|severity| severity >= Severity::Warning);
            let inside: Vec<&str> = case
                .children()
                .filter(roxmltree::Node::is_element)
                .map(|node| node.tag_name().name())
                .collect();
            match &check.outcome {
                Outcome::Pass(_) => assert!(inside.is_empty()),
                _ => assert_eq!(inside, [if fails { "failure" } else { "skipped" }]),
            }
        }
    }
}

/// What the runner makes of a line: the command, its properties, its message.
struct Command {
    name: String,
    properties: Vec<(String, String)>,
    message: String,
}

impl Command {
    fn of(line: &str) -> Option<Command> {
        let (head, message) = line.trim_start().strip_prefix("::")?.split_once("::")?;
        let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
        let unescaped = |text: &str| {
            let pairs = [
                ("%3A", ":"),
                ("%2C", ","),
                ("%0D", "\r"),
                ("%0A", "\n"),
                ("%25", "%"),
            ];
            pairs
                .iter()
                .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
        };
        let pairs = properties.split(',').filter_map(|pair| pair.split_once('='));
        Some(Command {
            name: name.to_owned(),
            properties: pairs.map(|(k, v)| (k.to_owned(), unescaped(v))).collect(),
            message: unescaped(message),
        })
    }
}

fn workflow_commands(log: &str, report: &Report) {
    text(log);
    let commands: Vec<Command> = log.lines().filter_map(Command::of).collect();
    let checks = || report.workloads.iter().flat_map(|w| &w.checks);
    let count = |is: fn(&Outcome) -> bool| checks().filter(|check| is(&check.outcome)).count();
    let told = count(|o| matches!(o, Outcome::Fail(_) | Outcome::Unknown(_)));
    let wanted = report.errors.len() + report.notes.len() + told;
    assert_eq!(commands.len(), wanted, "{log}");
    assert_eq!(log.lines().count(), wanted + 1, "one line each, and the last");
    for command in &commands {
        assert!(
            ["error", "warning", "notice"].contains(&command.name.as_str()),
            "{}",
            command.name
        );
        let names: Vec<&str> = command.properties.iter().map(|(name, _)| name.as_str()).collect();
        assert!(
            names
                .iter()
                .all(|name| ["file", "line", "col", "title"].contains(name)),
            "{names:?}"
        );
        assert_eq!(names.iter().filter(|name| **name == "title").count(), 1);
        assert!(
            command.message.lines().all(|line| !line.is_empty()),
            "{:?}",
            command.message
        );
    }
    for error in &report.errors {
        assert!(commands.iter().any(|c| c.message == visible(&error.message)));
    }
}

fn a_markdown_document(document: &str, report: &Report) {
    let below = document.strip_prefix("###").expect("a heading");
    text(below);
    no_commands(below);
    assert!(document.len() < 65_536, "longer than a comment may be");
    let mut cells = 0;
    let mut in_code_block = false;
    let mut in_cell = false;
    for event in Parser::new_ext(
        document,
        Options::ENABLE_GFM | Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH,
    ) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_code_block = true,
            Event::End(TagEnd::CodeBlock) => in_code_block = false,
            Event::Start(Tag::TableCell) => {
                cells += 1;
                in_cell = true;
            }
            Event::Text(words) if !in_code_block => {
                if std::mem::take(&mut in_cell) {
                    assert!(
                        words.starts_with(|c: char| c.is_ascii_alphabetic()),
                        "a formula: {words}"
                    );
                }
                for sign in ["@", "#", "://", "www.", "`", "|"] {
                    assert!(
                        !words.contains(sign) || words.starts_with("Plimsoll: "),
                        "{sign} in {words:?}"
                    );
                }
            }
            Event::Code(_) => assert!(!in_cell, "a cell begins with what is not ours"),
            Event::Html(html) | Event::InlineHtml(html) => {
                let ours = ["<details><summary>", "</details>"];
                assert!(ours.iter().any(|tag| html.starts_with(tag)), "{html}");
            }
            Event::Start(
                Tag::Link { .. }
                | Tag::Image { .. }
                | Tag::Emphasis
                | Tag::Strikethrough
                | Tag::BlockQuote(_),
            )
            | Event::Rule
            | Event::TaskListMarker(_)
            | Event::FootnoteReference(_) => panic!("{event:?} in {document}"),
            _ => {}
        }
    }
    assert_eq!(cells % 4, 0, "rows of four");
    assert!(cells == 0 || report.workloads.iter().any(|w| !w.checks.is_empty()));
}
