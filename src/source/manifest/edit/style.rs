//! How a document is written, and new values in the same hand.

use std::borrow::Cow;
use std::collections::BTreeMap;

use granit_parser::ScalarStyle;
use serde_json::Value;

use super::super::scalar::untagged;
use super::super::tree;
use super::layout::{Content, Node};
use super::place::{indent_of, line_start, own_indent};

/// A document's habits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Style {
    /// How lines end.
    pub(super) eol: &'static str,
    /// Columns that a map is deeper than the map around it.
    pub(super) step: usize,
    /// Columns that a list is deeper than the map around it.
    pub(super) list_step: usize,
    /// Texts are quoted with `'` where they need to be.
    pub(super) single: bool,
    /// What a line of a flow collection over several lines is indented by, such as JSON's.
    pub(super) unit: String,
    /// No space after the colons of flow maps.
    pub(super) compact: bool,
    /// The document is a flow collection, over several lines.
    pub(super) pretty: bool,
}

impl Default for Style {
    /// As kubectl writes.
    fn default() -> Self {
        Style {
            eol: "\n",
            step: 2,
            list_step: 0,
            single: false,
            unit: "  ".to_owned(),
            compact: false,
            pretty: false,
        }
    }
}

/// What is counted in a document to know its habits.
#[derive(Default)]
struct Counts {
    steps: BTreeMap<usize, usize>,
    list_steps: BTreeMap<usize, usize>,
    single: usize,
    double: usize,
    unit: Option<String>,
    compact: Option<bool>,
}

fn most(counts: &BTreeMap<usize, usize>) -> Option<usize> {
    counts.iter().max_by_key(|(_, n)| **n).map(|(value, _)| *value)
}

impl Style {
    /// Of a document.
    pub(super) fn of(text: &str, root: &Node<'_>) -> Style {
        let mut counts = Counts::default();
        counts.node(text, root);
        let (root_start, first) = match root.entries().first() {
            Some((key, _)) => (root.bytes.start, key.bytes.start),
            None => (0, 0),
        };
        let usual = Style::default();
        Style {
            eol: if text.contains("\r\n") { "\r\n" } else { "\n" },
            step: most(&counts.steps).unwrap_or(usual.step),
            list_step: most(&counts.list_steps).unwrap_or(usual.list_step),
            single: counts.single > counts.double,
            unit: counts.unit.unwrap_or(usual.unit),
            compact: counts.compact.unwrap_or(usual.compact),
            pretty: text[root_start..first].contains('\n'),
        }
    }
}

impl Counts {
    fn node(&mut self, text: &str, node: &Node<'_>) {
        match &node.content {
            Content::Map { flow, entries } => {
                for (key, value) in entries {
                    self.entry(text, node, *flow, (key, value));
                    self.node(text, key);
                    self.node(text, value);
                }
            }
            Content::List { items, .. } => items.iter().for_each(|item| self.node(text, item)),
            Content::Scalar { style, .. } => match style {
                ScalarStyle::SingleQuoted => self.single += 1,
                ScalarStyle::DoubleQuoted => self.double += 1,
                _ => {}
            },
            Content::Alias => {}
        }
    }

    fn entry(&mut self, text: &str, map: &Node<'_>, flow: bool, (key, value): (&Node<'_>, &Node<'_>)) {
        if flow {
            let colon = text[key.bytes.end..value.bytes.start].trim_start() == ":";
            self.compact.get_or_insert(colon);
            if let (Some(own), around) = (
                own_indent(text, key.bytes.start),
                indent_of(text, map.bytes.start),
            ) && let Some(unit) = own.strip_prefix(around).filter(|unit| !unit.is_empty())
            {
                self.unit.get_or_insert_with(|| unit.to_owned());
            }
            return;
        }
        match &value.content {
            Content::Map { flow: false, .. } => {
                *self
                    .steps
                    .entry(value.column.saturating_sub(map.column))
                    .or_default() += 1;
            }
            Content::List { flow: false, items } => {
                if let Some((dash, _)) = items.iter().find_map(|item| dash(text, item)) {
                    *self
                        .list_steps
                        .entry(dash.saturating_sub(map.column))
                        .or_default() += 1;
                }
            }
            _ => {}
        }
    }
}

/// The column of the dash before an item, and how many columns behind it the item begins. `None` when it is not on the
/// dash's line, or something else stands between them.
pub(super) fn dash(text: &str, item: &Node<'_>) -> Option<(usize, usize)> {
    let line = &text[line_start(text, item.bytes.start)..item.bytes.start];
    let before = line.trim_end_matches(' ').strip_suffix('-')?;
    let alone = before.is_empty() || before.ends_with([' ', '-']);
    let column = before.chars().count();
    (alone && item.column > column).then(|| (column, item.column - column))
}

impl Style {
    /// A map's entry, or a list's item (`None`), as the lines of a block at this column.
    pub(super) fn block(
        &self,
        key: Option<&str>,
        value: &Value,
        column: usize,
        behind_dash: usize,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        let pad = " ".repeat(column);
        let head = match key {
            Some(key) => format!("{pad}{}:", self.key(key)),
            None => format!("{pad}-"),
        };
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                let inner = if key.is_some() {
                    lines.push(head.clone());
                    column + self.step
                } else {
                    column + behind_dash
                };
                for (key, value) in fields {
                    lines.extend(self.block(Some(key), value, inner, 2));
                }
                if key.is_none() {
                    // The first entry stands on the dash's line.
                    lines[0].replace_range(..inner, &format!("{head}{}", " ".repeat(behind_dash - 1)));
                }
            }
            Value::Array(items) if !items.is_empty() && key.is_some() => {
                lines.push(head);
                for item in items {
                    lines.extend(self.block(None, item, column + self.list_step, 2));
                }
            }
            inline => {
                let gap = " ".repeat(if key.is_some() { 1 } else { behind_dash - 1 });
                lines.push(format!("{head}{gap}{}", self.flow(inline, false, None)));
            }
        }
        lines
    }

    /// A value as flow text: JSON, or YAML's looser form. With an indentation it goes over several lines, the last of them
    /// indented so.
    pub(super) fn flow(&self, value: &Value, json: bool, indent: Option<&str>) -> String {
        let (open, close, parts): (char, char, Vec<String>) = match value {
            Value::Object(fields) => {
                let inner = indent.map(|indent| format!("{indent}{}", self.unit));
                let part =
                    |(key, value): (&String, &Value)| self.flow_entry(key, value, json, inner.as_deref());
                ('{', '}', fields.iter().map(part).collect())
            }
            Value::Array(items) => {
                let inner = indent.map(|indent| format!("{indent}{}", self.unit));
                let part = |item: &Value| self.flow(item, json, inner.as_deref());
                ('[', ']', items.iter().map(part).collect())
            }
            Value::String(text) if json => return Value::from(text.as_str()).to_string(),
            Value::String(text) => return self.text(text, None),
            other => return other.to_string(),
        };
        match indent {
            Some(indent) if !parts.is_empty() => {
                let Style { eol, unit, .. } = self;
                let parts = parts.join(&format!(",{eol}{indent}{unit}"));
                format!("{open}{eol}{indent}{unit}{parts}{eol}{indent}{close}")
            }
            _ => format!("{open}{}{close}", parts.join(self.comma(json))),
        }
    }

    /// `key: value`.
    pub(super) fn flow_entry(&self, key: &str, value: &Value, json: bool, indent: Option<&str>) -> String {
        let key = if json {
            Value::from(key).to_string()
        } else {
            self.key(key).into_owned()
        };
        // Without quotes, `a:b` would be one text.
        let gap = if json && self.compact { "" } else { " " };
        format!("{key}:{gap}{}", self.flow(value, json, indent))
    }

    /// What stands between two parts of a flow collection on one line.
    pub(super) const fn comma(&self, json: bool) -> &'static str {
        if json && self.compact { "," } else { ", " }
    }

    /// A key.
    pub(super) fn key<'k>(&self, key: &'k str) -> Cow<'k, str> {
        if is_plain(key) {
            key.into()
        } else {
            self.text(key, None).into()
        }
    }

    /// A text, quoted where it must be, or as the one that it replaces.
    pub(super) fn text(&self, text: &str, like: Option<ScalarStyle>) -> String {
        let single = match like {
            Some(ScalarStyle::SingleQuoted) => true,
            Some(ScalarStyle::DoubleQuoted) => false,
            _ if is_plain(text) => return text.to_owned(),
            _ => self.single,
        };
        if single && !text.contains(char::is_control) {
            format!("'{}'", text.replace('\'', "''"))
        } else {
            // What JSON escapes, YAML escapes alike.
            Value::from(text).to_string()
        }
    }
}

/// Whether a text needs no quotes anywhere: nothing in it means anything to YAML, and it is no number, no `yes`.
fn is_plain(text: &str) -> bool {
    let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'/' | b'-' | b'%');
    text.bytes().all(safe)
        && text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
        && matches!(untagged(text.into()), tree::Value::Text(_))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::super::layout;
    use super::*;

    fn style(text: &str) -> Style {
        Style::of(text, &layout::read(text).expect("a document"))
    }

    #[test]
    fn habits_are_learnt_from_the_document() {
        let wide = style("a:\n    b:\n        - 'x'\n        - c:\n              d: 1\n");
        assert_eq!(
            (wide.step, wide.list_step, wide.single, wide.eol),
            (4, 4, true, "\n")
        );
        let narrow = style("a:\r\n  b:\r\n  - \"x\"\r\n");
        assert_eq!(
            (narrow.step, narrow.list_step, narrow.single, narrow.eol),
            (2, 0, false, "\r\n")
        );
        let json = style("{\n\t\"a\":{\n\t\t\"b\":1\n\t}\n}\n");
        assert_eq!(
            (json.unit.as_str(), json.compact, json.pretty),
            ("\t", true, true)
        );
    }

    #[rstest]
    #[case(
        "a:\n  b: 1\n",
        "  limits:\n    memory: 1Gi\n    times: \"1\"\n  names:\n  - x\n  - k: v\n    l: {}"
    )]
    #[case(
        "a:\n    b:\n        - 'x'\n",
        "  limits:\n      memory: 1Gi\n      times: '1'\n  names:\n      - x\n      - k: v\n        l: {}"
    )]
    fn a_block_is_written_by_habit(#[case] text: &str, #[case] block: &str) {
        let value = json!({"limits": {"memory": "1Gi", "times": "1"}, "names": ["x", {"k": "v", "l": {}}]});
        let style = style(text);
        let fields = value.as_object().expect("a map");
        let lines: Vec<String> = fields
            .iter()
            .flat_map(|(key, value)| style.block(Some(key), value, 2, 2))
            .collect();
        assert_eq!(lines.join("\n"), block);
    }

    #[test]
    fn flow_text_is_written_by_habit() {
        let value = json!({"a": "yes", "b": [1, "x"], "c": {}});
        let loose = style("a: {b: c}\n");
        assert_eq!(loose.flow(&value, false, None), "{a: \"yes\", b: [1, x], c: {}}");
        let tight = style("{\"a\":1}");
        assert_eq!(
            tight.flow(&value, true, None),
            "{\"a\":\"yes\",\"b\":[1,\"x\"],\"c\":{}}"
        );
        let pretty = style("{\n  \"a\": 1\n}");
        let text = "{\n    \"a\": \"yes\",\n    \"b\": [\n      1,\n      \"x\"\n    ],\n    \"c\": {}\n  }";
        assert_eq!(pretty.flow(&value, true, Some("  ")), text);
    }

    #[rstest]
    #[case("ScheduleAnyway", "ScheduleAnyway")]
    #[case("kubernetes.io/hostname", "kubernetes.io/hostname")]
    #[case("50%", "50%")]
    #[case("yes", "\"yes\"")]
    #[case("1Gi", "1Gi")]
    #[case("100", "\"100\"")]
    #[case("a: b", "\"a: b\"")]
    #[case("", "\"\"")]
    #[case("it's", "\"it's\"")]
    fn text_is_quoted_where_it_must_be(#[case] text: &str, #[case] written: &str) {
        let style = style("a: \"b\"\n");
        assert_eq!(style.text(text, None), written);
        let single = style.text(text, Some(ScalarStyle::SingleQuoted));
        assert_eq!(single, format!("'{}'", text.replace('\'', "''")));
    }
}
