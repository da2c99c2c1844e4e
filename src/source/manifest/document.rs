//! One text, cut into documents and read as values.
//!
//! Each document is parsed by itself, so that a broken one costs none of its neighbours, and budgets against alias bombs
//! hold for each.

use serde_json::Value;

use super::locate;
use crate::model::text::clip;

/// Nodes that any document may have; larger ones may have one a byte, which is what plain text can hold.
const MIN_NODES: usize = 250_000;

/// A document of a YAML text, or one value of a JSON text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document<'a> {
    text: &'a str,
    /// The line of the text's start in its file, from 1.
    line: usize,
    json: bool,
}

/// Why a document is no value: line and column in the file, and the message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) line: usize,
    pub(super) column: Option<usize>,
    pub(super) message: String,
}

/// Cuts a text at its document markers (`---`, `...`); JSON text is cut into its values.
pub(super) fn documents(text: &str) -> Vec<Document<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    json_values(text).unwrap_or_else(|| yaml_documents(text))
}

/// The values of a JSON text; `None` when it is not JSON throughout, and so may be YAML.
fn json_values(text: &str) -> Option<Vec<Document<'_>>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let mut values = Vec::new();
    let mut from = 0;
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    while let Some(value) = stream.next() {
        value.ok()?;
        let end = stream.byte_offset();
        let start = from + (text[from..end].len() - text[from..end].trim_start().len());
        values.push(Document {
            text: &text[start..end],
            line: 1 + newlines(&text[..start]),
            json: true,
        });
        from = end;
    }
    Some(values)
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|b| *b == b'\n').count()
}

/// A marker stands at the start of a line and is followed by white space or nothing. YAML forbids such a line inside
/// scalars of any style, so lines are all that must be looked at.
fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn yaml_documents(text: &str) -> Vec<Document<'_>> {
    let mut all = Vec::new();
    let (mut start, mut line) = (0, 1);
    let mut push = |from: usize, to: usize, line: usize| {
        all.push(Document {
            text: &text[from..to],
            line,
            json: false,
        });
    };
    let (mut at, mut number) = (0, 1);
    for this in text.split_inclusive('\n') {
        let end = at + this.len();
        if is_marker(this, "---") {
            push(start, at, line);
            (start, line) = (at, number);
        } else if is_marker(this, "...") {
            push(start, at, line);
            (start, line) = (end, number + 1);
        }
        (at, number) = (end, number + 1);
    }
    push(start, text.len(), line);
    all.retain(|document| document.first_line().is_some());
    all
}

impl Document<'_> {
    /// The line of its first content; `None` when there are only comments, directives and markers.
    pub(super) fn first_line(&self) -> Option<usize> {
        let content = |line: &str| {
            let line = line.strip_prefix("---").unwrap_or(line).trim();
            !line.is_empty() && !line.starts_with(['#', '%'])
        };
        Some(self.line + self.text.lines().position(content)?)
    }

    /// Its value.
    pub(super) fn value(&self) -> Result<Value, Broken> {
        if self.json {
            return serde_json::from_str(self.text).map_err(|e| self.broken_json(&e));
        }
        serde_saphyr::from_str_with_options(self.text, options(self.text.len()))
            .map_err(|e| self.broken_yaml(&e))
    }

    /// Line and column of a field, or of the nearest thing around it that is there.
    pub(super) fn locate(&self, field: &str) -> Option<(usize, usize)> {
        let (line, column) = if self.json {
            locate::in_json(self.text, field)
        } else {
            locate::in_yaml(self.text, options(self.text.len()), field)
        }?;
        Some((self.line + line - 1, column))
    }

    /// The lines of the items of a list's `items`.
    pub(super) fn item_lines(&self) -> Vec<usize> {
        let lines = if self.json {
            locate::json_items(self.text)
        } else {
            locate::yaml_items(self.text, options(self.text.len()))
        };
        lines.into_iter().map(|line| self.line + line - 1).collect()
    }

    /// The first line that an unrendered Helm template stands on, and what stands there.
    pub(super) fn template(&self) -> Option<Broken> {
        let is_code = |line: &str| line.contains("{{") && !line.trim_start().starts_with('#');
        let (number, line) = self.text.lines().enumerate().find(|(_, line)| is_code(line))?;
        let at = line.find("{{")?;
        let end = line[at..].find("}}").map_or(line.len(), |end| at + end + 2);
        Some(Broken {
            line: self.line + number,
            column: Some(line[..at].chars().count() + 1),
            message: format!(
                "{} is a template that has not been rendered; render it first: helm template CHART | plimsoll check -",
                clip(&line[at..end], 60)
            ),
        })
    }

    fn broken_yaml(&self, error: &serde_saphyr::Error) -> Broken {
        if let Some(template) = self.template() {
            return template;
        }
        let place = error.location().filter(|place| place.line() > 0);
        let text = error.without_snippet().to_string();
        Broken {
            line: place.map_or(self.line, |p| {
                self.line + usize::try_from(p.line()).unwrap_or(1) - 1
            }),
            column: place.and_then(|p| usize::try_from(p.column()).ok()),
            message: format!("not valid YAML: {}", in_short(&text)),
        }
    }

    fn broken_json(&self, error: &serde_json::Error) -> Broken {
        let text = error.to_string();
        Broken {
            line: self.line + error.line().max(1) - 1,
            column: Some(error.column()),
            message: format!("not valid JSON: {}", in_short(&text)),
        }
    }
}

/// The parser's message without its own place (which counts within the document) and its advice to programmers.
fn in_short(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let first = first.rsplit_once(" at line ").map_or(first, |(head, _)| head);
    let first = first.split_once(", set ").map_or(first, |(head, _)| head);
    match first {
        // A map where a key must be: nearly always two braces that no template engine has seen.
        "expected string scalar" => "a key must be a string".to_owned(),
        other => other.to_owned(),
    }
}

fn options(bytes: usize) -> serde_saphyr::Options {
    let nodes = bytes.max(MIN_NODES);
    serde_saphyr::options! {
        // `0755` is 493, as for kubectl.
        legacy_octal_numbers: true,
        budget: serde_saphyr::budget! {
            max_nodes: nodes,
            max_events: nodes.saturating_mul(4),
            max_total_scalar_bytes: nodes.saturating_mul(4).max(64 << 20),
        },
    }
}
