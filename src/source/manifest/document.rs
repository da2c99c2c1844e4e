//! One text, cut into documents, each read as a tree.
//!
//! Each document is parsed by itself, so that a broken one costs none of its neighbours, and budgets against alias bombs
//! hold for each.

use std::borrow::Cow;

use serde::Deserialize as _;
use serde_json::error::Category;
use serde_json::value::RawValue;

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

/// What is said of a template that is still one.
pub(super) const NOT_RENDERED: &str =
    "is a template that has not been rendered; render it first: helm template CHART | plimsoll check -";

/// See [`Document::json_list`].
#[derive(Debug)]
pub(super) struct JsonList<'a> {
    pub(super) kind: Cow<'a, str>,
    pub(super) api_version: Cow<'a, str>,
    pub(super) items: Vec<Document<'a>>,
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
    let Some((values, whole)) = json_values(text) else {
        return yaml_documents(text);
    };
    if whole {
        return values;
    }
    // YAML may begin like JSON: `{"a": b}`.
    let documents = yaml_documents(text);
    match documents.first() {
        Some(first) if first.tree().is_ok() => documents,
        _ => values,
    }
}

/// The values of a JSON text, and whether it is JSON throughout (the last value is what is not). `None` when it does not
/// begin like JSON.
fn json_values(text: &str) -> Option<(Vec<Document<'_>>, bool)> {
    let fields = text.trim_start().strip_prefix('{')?.trim_start();
    if !fields.starts_with(['"', '}']) {
        return None;
    }
    let whole = Document {
        text,
        line: 1,
        column: 1,
        json: true,
    };
    let (mut values, mut last, mut from) = (Vec::new(), whole, 0);
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    while let Some(value) = stream.next() {
        let end = if value.is_ok() {
            stream.byte_offset()
        } else {
            text.len()
        };
        last = last.later(whole, text[from..end].trim_start());
        values.push(last);
        from = end;
        if value.is_err() {
            return Some((values, false));
        }
    }
    Some((values, true))
}

/// How many lines end in a text: at a line feed, a carriage return, or both.
fn breaks(text: &str) -> usize {
    let bytes = text.as_bytes();
    let feeds = memchr::memchr_iter(b'\n', bytes).count();
    let alone = |at: &usize| bytes.get(at + 1) != Some(&b'\n');
    feeds + memchr::memchr_iter(b'\r', bytes).filter(alone).count()
}

/// Where the markers of a text are. A marker stands at the start of a line and is followed by white space or nothing. YAML
/// forbids such a line inside scalars of any style, so nothing else must be looked at.
fn markers<'t>(text: &'t str, marker: &'t str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    let starts_a_line = |at: &usize| *at == 0 || matches!(bytes[at - 1], b'\n' | b'\r');
    let ends = |at: &usize| matches!(bytes.get(at + 3), None | Some(b' ' | b'\t' | b'\r' | b'\n'));
    memchr::memmem::find_iter(bytes, marker).filter(move |at| starts_a_line(at) && ends(at))
}

fn yaml_documents(text: &str) -> Vec<Document<'_>> {
    let begins = markers(text, "---").map(|at| (at, at));
    let ends = markers(text, "...").map(|at| (at, at + 3));
    let mut cuts: Vec<(usize, usize)> = begins.chain(ends).collect();
    cuts.sort_unstable();
    let mut all = Vec::with_capacity(cuts.len() + 1);
    let (mut start, mut line) = (0, 1);
    for (end, next) in cuts.into_iter().chain([(text.len(), text.len())]) {
        let document = Document {
            text: &text[start..end],
            line,
            column: 1,
            json: false,
        };
        line += breaks(&text[start..next]);
        start = next;
        if document.first_content().is_some() {
            all.push(document);
        }
    }
    all
}

impl<'a> Document<'a> {
    /// The line of its first content.
    pub(super) fn first_line(&self) -> usize {
        self.line + self.first_content().map_or(0, |at| breaks(&self.text[..at]))
    }

    /// Where the line of its first content begins; `None` when there are only comments, directives and markers.
    fn first_content(&self) -> Option<usize> {
        let mut at = 0;
        for line in self.text.split_inclusive(['\n', '\r']) {
            let content = line.strip_prefix("---").unwrap_or(line).trim();
            if !content.is_empty() && !content.starts_with(['#', '%']) {
                return Some(at);
            }
            at += line.len();
        }
        None
    }

    /// Its text: a slice of the one that it was cut from.
    pub(super) const fn text(&self) -> &'a str {
        self.text
    }

    /// Whether it is a value of a JSON text.
    pub(super) const fn is_json(&self) -> bool {
        self.json
    }

    /// The same document with another text.
    pub(super) const fn rewritten<'b>(&self, text: &'b str) -> Document<'b> {
        Document {
            text,
            line: self.line,
            column: self.column,
            json: self.json,
        }
    }

    /// What it says, as JSON; `None` for what cannot be read.
    pub(super) fn value(&self) -> Option<serde_json::Value> {
        serde_json::Value::deserialize(self.tree().ok()?.root()).ok()
    }

    /// The comments before its first content, without their `#`.
    pub(super) fn leading_comments(&self) -> impl Iterator<Item = &'a str> {
        let head = &self.text[..self.first_content().unwrap_or(self.text.len())];
        head.lines().filter_map(|line| line.trim().strip_prefix('#'))
    }

    /// Its tree.
    pub(super) fn tree(&self) -> Result<Tree<'a>, Broken> {
        if self.json {
            return json::read(self.text).map_err(|e| self.broken_json(&e));
        }
        yaml::read(self.text).map_err(|fault| self.broken_yaml(&fault))
    }

    /// A JSON List, whose items are documents of their own: a broken one costs none of the others, and the place of each is
    /// known.
    pub(super) fn json_list(&self) -> Option<JsonList<'a>> {
        let list = self.json.then(|| json::list(self.text))??;
        let mut last = *self;
        let item = |item: &'a RawValue| {
            last = last.later(*self, item.get());
            last
        };
        Some(JsonList {
            kind: list.kind,
            api_version: list.api_version.unwrap_or_default(),
            items: list.items.into_iter().map(item).collect(),
        })
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

    /// The document of `text`, a slice of `whole`'s that is not before this one's.
    fn later(&self, whole: Document<'a>, text: &'a str) -> Document<'a> {
        let [from, to] = [self.text, text].map(|part| json::offset(whole.text, part));
        let between = &whole.text[from..to];
        let column = match between.rsplit_once(['\n', '\r']) {
            Some((_, last)) => last.chars().count() + 1,
            None => self.column + between.chars().count(),
        };
        Document {
            text,
            line: self.line + breaks(between),
            column,
            json: true,
        }
    }

    /// The first template of Helm's that has not been rendered, and where it stands.
    pub(super) fn template(&self) -> Option<Broken> {
        let start_of_line = |at: usize| self.text[..at].rfind(['\n', '\r']).map_or(0, |end| end + 1);
        let is_code = |at: &usize| {
            !self.text[start_of_line(*at)..]
                .trim_start_matches([' ', '\t'])
                .starts_with('#')
        };
        let at = self.text.match_indices("{{").map(|(at, _)| at).find(is_code)?;
        let line = self.text[at..].split(['\n', '\r']).next().unwrap_or_default();
        let end = line.find("}}").map_or(line.len(), |end| end + 2);
        Some(Broken {
            line: self.line + breaks(&self.text[..at]),
            column: Some(self.text[start_of_line(at)..at].chars().count() + 1),
            message: format!("{} {NOT_RENDERED}", clip(&line[..end], 60)),
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
        if let Some(template) = self.template() {
            return template;
        }
        let text = error.to_string();
        // The parser's message without its own place, which counts within the value.
        let message = text.rsplit_once(" at line ").map_or(&*text, |(head, _)| head);
        let before = if error.line() > 1 { 0 } else { self.column - 1 };
        Broken {
            line: self.line + error.line().max(1) - 1,
            column: Some(before + error.column()),
            message: match error.classify() {
                Category::Data => format!("not valid JSON: {message}"),
                Category::Eof => format!("not valid JSON: {message}; is the file cut off?"),
                _ => format!("not valid JSON: {message}; correct it there"),
            },
        }
    }
}
