//! What is new: below what is there, or behind it on its line.

use granit_parser::ScalarStyle;
use serde_json::Value;

use super::super::layout::{Content, Node};
use super::super::place::{below, has_comment, own_indent};
use super::super::style::dash;
use super::{Entry, Parent, Planner, Refusal, plain};

impl<'t> Planner<'t> {
    /// An empty value gets its content.
    pub(super) fn fill(
        &mut self,
        parent: Parent<'_, 't>,
        (key, value): &Entry<'t>,
        new: &Value,
    ) -> Result<(), Refusal> {
        let own = &self.text[value.bytes.clone()];
        let is_empty = match new {
            Value::Object(fields) => fields.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        if is_empty && plain(value).as_ref() == Some(new) {
            return Ok(());
        }
        if parent.flow || is_empty {
            let json = is_json(key);
            let indent = own_indent(self.text, key.bytes.start).filter(|_| self.style.pretty && parent.flow);
            let gap = if value.bytes.is_empty() { " " } else { "" };
            if has_comment(own) {
                return Err(self.refuse("has comments in it, and nothing else", "fill it by hand"));
            }
            let text = self.style.flow(new, json, indent);
            self.change(value.bytes.clone(), format!("{gap}{text}"));
            return Ok(());
        }
        if own.contains('\n') {
            return Err(self.refuse(
                "goes over several lines, and would be replaced",
                "change it by hand",
            ));
        }
        let column = parent.node.column;
        let lines = match new {
            Value::Object(fields) => {
                let inner = column + self.style.step;
                let block = |(key, value): (&String, &Value)| self.style.block(Some(key), value, inner, 2);
                fields.iter().flat_map(block).collect::<Vec<_>>()
            }
            Value::Array(items) => {
                let inner = column + self.style.list_step;
                items
                    .iter()
                    .flat_map(|item| self.style.block(None, item, inner, 2))
                    .collect()
            }
            _ => return Err(self.refuse("is of another type than its remedy", "correct it by hand")),
        };
        let before = self.text[..value.bytes.start].trim_end_matches(' ').len();
        if !own.is_empty() {
            self.change(before..value.bytes.end, "");
        }
        let below = below(self.text, value);
        self.lines(below, &lines);
        Ok(())
    }

    /// Puts lines where a line begins.
    fn lines(&mut self, at: usize, lines: &[String]) {
        let eol = self.style.eol;
        let text = lines.join(eol);
        let is_start = at == 0 || self.text[..at].ends_with('\n');
        self.change(
            at..at,
            if is_start {
                text + eol
            } else {
                format!("{eol}{text}")
            },
        );
    }

    /// Adds entries to a map, or items to a list.
    pub(super) fn add(
        &mut self,
        parent: Parent<'_, 't>,
        new: &[(Option<&str>, Value)],
    ) -> Result<(), Refusal> {
        if parent.flow {
            return self.add_to_flow(parent.node, new);
        }
        let (column, behind_dash, last) = match &parent.node.content {
            Content::List { items, .. } => {
                let dashes = items.iter().rev().find_map(|item| dash(self.text, item));
                let Some((column, behind)) = dashes else {
                    return Err(self.refuse("is written in a way that is not added to", "add to it by hand"));
                };
                (column, behind, items.last())
            }
            _ => {
                let last = parent.node.entries().last();
                (parent.node.column, 2, last.map(|(_, value)| value))
            }
        };
        let Some(last) = last else {
            return Err(self.refuse("is empty", "fill it by hand"));
        };
        let block = |(key, value): &(Option<&str>, Value)| self.style.block(*key, value, column, behind_dash);
        let lines: Vec<String> = new.iter().flat_map(block).collect();
        self.lines(below(self.text, last), &lines);
        Ok(())
    }

    fn add_to_flow(&mut self, node: &Node<'t>, new: &[(Option<&str>, Value)]) -> Result<(), Refusal> {
        let last = match &node.content {
            Content::Map { entries, .. } => entries.last().map(|(key, value)| (key, value)),
            _ => node.items().last().map(|item| (item, item)),
        };
        let Some((first, last)) = last else {
            return Err(self.refuse("is empty", "fill it by hand"));
        };
        let json = match &node.content {
            Content::Map { .. } => is_json(first),
            _ => node.items().iter().any(is_json_item),
        };
        let own_line = own_indent(self.text, first.bytes.start)
            .filter(|_| self.text[node.bytes.start..first.bytes.start].contains('\n'));
        let part = |(key, value): &(Option<&str>, Value)| match key {
            Some(key) => self.style.flow_entry(key, value, json, own_line),
            None => self.style.flow(value, json, own_line),
        };
        let parts: Vec<String> = new.iter().map(part).collect();
        let end = last.bytes.end;
        let Some(indent) = own_line else {
            let comma = self.style.comma(json);
            self.change(end..end, format!("{comma}{}", parts.join(comma)));
            return Ok(());
        };
        let between = format!(",{}{indent}", self.style.eol);
        let parts = parts.join(&between);
        // Behind the comment that belongs to the last one, and the comma where there is one.
        let line_end = self.text[end..].find('\n').map_or(self.text.len(), |at| end + at);
        let rest = &self.text[end..line_end];
        let after_comma = rest.trim_start().strip_prefix(',');
        let tail = after_comma.unwrap_or(rest).trim();
        if tail.starts_with('#') {
            let line_end = end + rest.trim_end_matches('\r').len();
            if after_comma.is_none() {
                self.change(end..end, ",");
            }
            let comma = if after_comma.is_some() { "," } else { "" };
            self.change(
                line_end..line_end,
                format!("{}{indent}{parts}{comma}", self.style.eol),
            );
        } else {
            self.change(end..end, format!("{between}{parts}"));
        }
        Ok(())
    }
}

/// Whether a key is quoted as JSON's are.
pub(super) fn is_json(key: &Node<'_>) -> bool {
    matches!(
        key.content,
        Content::Scalar {
            style: ScalarStyle::DoubleQuoted,
            ..
        }
    )
}

fn is_json_item(item: &Node<'_>) -> bool {
    match &item.content {
        Content::Map { entries, .. } => entries.iter().any(|(key, _)| is_json(key)),
        _ => is_json(item),
    }
}
