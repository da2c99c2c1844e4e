//! One text, cut into documents, each read as a tree.
//!
//! Each document is parsed by itself, so that a broken one costs none of its neighbours, and budgets against alias bombs
//! hold for each.

use super::json;
use super::tree::{Node, Tree};
use super::yaml::{self, Fault};
use crate::model::text::clip;

/// A document of a YAML text, or one value of a JSON text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document<'a> {
    text: &'a str,
    /// Where the text starts in its file, from 1. (YAML starts at the start of a line.)
    line: usize,
    column: usize,
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
    let whole = Document {
        text,
        line: 1,
        column: 1,
        json: true,
    };
    let mut last = whole;
    while let Some(value) = stream.next() {
        value.ok()?;
        let end = stream.byte_offset();
        let value = text[from..end].trim_start();
        last = last.later(whole, value);
        values.push(last);
        from = end;
    }
    Some(values)
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
            column: 1,
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

impl<'a> Document<'a> {
    /// The line of its first content; `None` when there are only comments, directives and markers.
    pub(super) fn first_line(&self) -> Option<usize> {
        let content = |line: &str| {
            let line = line.strip_prefix("---").unwrap_or(line).trim();
            !line.is_empty() && !line.starts_with(['#', '%'])
        };
        Some(self.line + self.text.lines().position(content)?)
    }

    /// Its tree.
    pub(super) fn tree(&self) -> Result<Tree<'a>, Broken> {
        if self.json {
            return json::read(self.text).map_err(|e| self.broken_json(&e));
        }
        yaml::read(self.text).map_err(|fault| self.broken_yaml(&fault))
    }

    /// Line and column of a field of `object`, which is in this document, or of the nearest thing around it that is there.
    pub(super) fn locate(&self, object: Node<'_>, field: &str) -> (usize, usize) {
        if self.json {
            let place = self.later(*self, &self.text[json::nearest(self.text, field)..]);
            return (place.line, place.column);
        }
        let (line, column) = object.nearest(field).place();
        (self.line + line - 1, column)
    }

    /// The items of a JSON list, each a document of its own.
    pub(super) fn items(&self) -> Vec<Document<'a>> {
        let mut last = *self;
        let item = |text| {
            last = last.later(*self, text);
            last
        };
        json::items(self.text).into_iter().map(item).collect()
    }

    /// The document of `text`, a slice of `whole`'s that is not before this one's.
    fn later(&self, whole: Document<'a>, text: &'a str) -> Document<'a> {
        let [from, to] = [self.text, text].map(|part| json::offset(whole.text, part));
        let between = &whole.text[from..to];
        let column = match between.rsplit_once('\n') {
            Some((_, last)) => last.chars().count() + 1,
            None => self.column + between.chars().count(),
        };
        Document {
            text,
            line: self.line + between.bytes().filter(|b| *b == b'\n').count(),
            column,
            json: true,
        }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
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

    fn broken_yaml(&self, fault: &Fault) -> Broken {
        self.template().unwrap_or_else(|| Broken {
            line: self.line + fault.line - 1,
            column: Some(fault.column),
            message: format!("not valid YAML: {}", fault.message),
        })
    }

    fn broken_json(&self, error: &serde_json::Error) -> Broken {
        let text = error.to_string();
        // The parser's message without its own place, which counts within the value.
        let message = text.rsplit_once(" at line ").map_or(&*text, |(head, _)| head);
        let before = if error.line() > 1 { 0 } else { self.column - 1 };
        Broken {
            line: self.line + error.line().max(1) - 1,
            column: Some(before + error.column()),
            message: format!("not valid JSON: {message}"),
        }
    }
}
