//! What goes: with its line, but never with a comment.

use std::ops::Range;

use granit_parser::ScalarStyle;
use serde_json::Value;

use super::super::layout::Content;
use super::super::place::{has_comment, line_end, line_start, own_indent};
use super::add::is_json;
use super::{Entry, Parent, Planner, Refusal};

impl<'t> Planner<'t> {
    /// Where a field goes and another comes, both single values, the new one takes the old one's place.
    pub(super) fn rename(
        &mut self,
        entries: &[Entry<'t>],
        gone: &mut Vec<usize>,
        new: &mut Vec<(&str, Value)>,
    ) {
        let is_single = |value: &Value| !value.is_object() && !value.is_array();
        while let Some(from) = gone.iter().position(|at| {
            let (key, value) = &entries[*at];
            let quoted = |style: ScalarStyle| !matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
            !key.marked
                && !value.marked
                && matches!(value.content, Content::Scalar { style, .. } if quoted(style))
        }) && let Some(to) = new.iter().position(|(_, value)| is_single(value))
        {
            let (key, value) = &entries[gone.remove(from)];
            let (new_key, new_value) = new.remove(to);
            let json = is_json(key);
            let key_text = if json {
                Value::from(new_key).to_string()
            } else {
                self.style.key(new_key).into_owned()
            };
            self.change(key.bytes.clone(), key_text);
            let gap = if value.bytes.is_empty() { " " } else { "" };
            let text = self.style.flow(&new_value, json, None);
            self.change(value.bytes.clone(), format!("{gap}{text}"));
        }
    }

    pub(super) fn remove(
        &mut self,
        parent: Parent<'_, 't>,
        entries: &[Entry<'t>],
        gone: &[usize],
    ) -> Result<(), Refusal> {
        let all = gone.len() == entries.len();
        for at in gone {
            let (key, value) = &entries[*at];
            self.path.push(key.text().unwrap_or_default().to_owned());
            let bytes = key.bytes.start..value.bytes.end;
            if has_comment(&self.text[bytes.clone()]) {
                return Err(self.refuse("is to be removed, and has comments in it", "remove it by hand"));
            }
            if key.marked || value.marked || key.shared {
                return Err(self.refuse(
                    "is to be removed, and has an anchor or a tag",
                    "remove it by hand",
                ));
            }
            self.path.pop();
            let next = entries.get(at + 1).map(|(key, _)| key.bytes.start);
            if all {
                // Something must stand there.
                let with = if *at == 0 && !parent.flow { "{}" } else { "" };
                match (*at, next) {
                    (0, _) => self.change(bytes, with),
                    _ => self.cut(parent, entries, *at),
                }
            } else {
                self.cut(parent, entries, *at);
            }
        }
        Ok(())
    }

    /// Cuts an entry out, with its line if there is nothing else on it.
    fn cut(&mut self, parent: Parent<'_, 't>, entries: &[Entry<'t>], at: usize) {
        let (key, value) = &entries[at];
        let (start, end) = (key.bytes.start, value.bytes.end);
        let next = entries.get(at + 1).map(|(key, _)| key.bytes.start);
        let before = at.checked_sub(1).map(|at| entries[at].1.bytes.end);
        let only_space = |range: Range<usize>| self.text[range].trim().is_empty();
        let bytes = if parent.flow {
            match (next, before) {
                (Some(next), _) => start..next,
                (None, Some(before)) => before..end,
                (None, None) => start..end,
            }
        } else {
            let line_end = line_end(self.text, end);
            match (own_indent(self.text, start), next) {
                _ if self.text[end..line_end].contains('#') => {
                    // The comment stays.
                    start..end + self.text[end..line_end].find('#').unwrap_or(0)
                }
                (Some(_), _) => line_start(self.text, start)..line_end,
                (None, Some(next)) if only_space(end..next) => start..next,
                (None, _) => start..end,
            }
        };
        self.change(bytes, "");
    }
}
