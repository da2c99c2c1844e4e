//! A patch against a node, as changes of the text around it: what the patch does not speak of keeps its bytes.

mod add;
mod remove;

use std::ops::Range;

use granit_parser::ScalarStyle;
use serde_json::{Map, Number, Value};

use super::super::tree;
use super::layout::{Content, Node};
use super::merge::{is_replaced, merge_key, without_nulls};
use super::place::Change;
use super::style::Style;

/// Why a patch cannot be made: what is in the way, and the way out.
pub(super) type Refusal = String;

/// Plans the changes of one patch.
pub(super) struct Planner<'t> {
    text: &'t str,
    style: &'t Style,
    /// From the object's kind on.
    path: Vec<String>,
    changes: Vec<Change>,
}

/// A map or list of the text and whether it is written in flow style.
#[derive(Clone, Copy)]
struct Parent<'n, 't> {
    node: &'n Node<'t>,
    flow: bool,
}

/// A key and its value in the text.
type Entry<'t> = (Node<'t>, Node<'t>);

impl<'t> Planner<'t> {
    /// What a patch changes of an object of that kind.
    pub(super) fn plan(
        text: &'t str,
        style: &'t Style,
        kind: &str,
        object: &Node<'t>,
        patch: &Value,
    ) -> Result<Vec<Change>, Refusal> {
        let mut planner = Planner {
            text,
            style,
            path: vec![kind.to_owned()],
            changes: Vec::new(),
        };
        match patch {
            Value::Object(patch) => planner.map(object, patch)?,
            _ => return Err(planner.refuse("cannot be patched by a single value", "change it by hand")),
        }
        Ok(planner.changes)
    }

    fn refuse(&self, why: &str, way_out: &str) -> Refusal {
        let path = self
            .path
            .iter()
            .skip(1)
            .fold(String::new(), |path, step| match step {
                item if item.starts_with('[') => path + item,
                key if path.is_empty() => key.clone(),
                key => path + "." + key,
            });
        let path = if path.is_empty() { "the object" } else { &path };
        format!("{path} {why}; {way_out}")
    }

    fn change(&mut self, bytes: Range<usize>, with: impl Into<String>) {
        self.changes.push(Change {
            bytes,
            with: with.into(),
        });
    }

    /// Refuses what is not written where it counts, or counts elsewhere too.
    fn guard(&self, node: &Node<'_>) -> Result<(), Refusal> {
        let why = match &node.content {
            Content::Alias => "is an alias: what it stands for stands elsewhere",
            _ if node.shared => "has an anchor that aliases refer to: a change would reach further",
            _ if node.merges() => "takes fields from elsewhere (<<)",
            _ => return Ok(()),
        };
        Err(self.refuse(why, "write it out, or change it by hand"))
    }

    fn map(&mut self, node: &Node<'t>, patch: &Map<String, Value>) -> Result<(), Refusal> {
        self.guard(node)?;
        let Content::Map { flow, entries } = &node.content else {
            return Err(self.refuse("is no map", "correct it by hand"));
        };
        let parent = Parent { node, flow: *flow };
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        for (key, patch) in patch {
            self.path.push(key.clone());
            let own = entries.iter().position(|(own, _)| own.text() == Some(key));
            match (own, patch.is_null()) {
                (Some(at), true) => gone.push(at),
                (Some(at), false) => self.value(parent, &entries[at], patch)?,
                (None, true) => {}
                (None, false) => new.push((key.as_str(), without_nulls(patch))),
            }
            self.path.pop();
        }
        self.rename(entries, &mut gone, &mut new);
        if gone.len() == entries.len() && !new.is_empty() && !gone.is_empty() {
            return Err(self.refuse("would lose every field and get others", "change it by hand"));
        }
        self.remove(parent, entries, &gone)?;
        if !new.is_empty() {
            let new: Vec<(Option<&str>, Value)> =
                new.into_iter().map(|(key, value)| (Some(key), value)).collect();
            self.add(parent, &new)?;
        }
        Ok(())
    }

    /// The value of a key that is there.
    fn value(&mut self, parent: Parent<'_, 't>, entry: &Entry<'t>, patch: &Value) -> Result<(), Refusal> {
        let (_, value) = entry;
        self.guard(value)?;
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match (&value.content, patch) {
            (Content::Map { entries, .. }, Value::Object(_)) if is_replaced(&path) && !entries.is_empty() => {
                if plain(value).as_ref() == Some(&without_nulls(patch)) {
                    return Ok(());
                }
                Err(self.refuse("would be replaced as a whole", "change it by hand"))
            }
            (Content::Map { entries, .. }, Value::Object(patch)) if !entries.is_empty() => {
                self.map(value, patch)
            }
            (Content::List { items, .. }, Value::Array(patch)) if !items.is_empty() => {
                self.list(value, patch)
            }
            (Content::Map { entries, .. }, Value::Object(_)) if entries.is_empty() => {
                self.fill(parent, entry, &without_nulls(patch))
            }
            (Content::List { items, .. }, Value::Array(_)) if items.is_empty() => {
                self.fill(parent, entry, &without_nulls(patch))
            }
            (Content::Scalar { .. }, Value::Object(_) | Value::Array(_)) => {
                self.fill(parent, entry, &without_nulls(patch))
            }
            (Content::Scalar { style, .. }, patch) => self.scalar(value, *style, patch),
            _ => Err(self.refuse("is of another type than its remedy", "correct it by hand")),
        }
    }

    fn scalar(&mut self, node: &Node<'t>, style: ScalarStyle, patch: &Value) -> Result<(), Refusal> {
        if plain(node).as_ref() == Some(patch) {
            return Ok(());
        }
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            return Err(self.refuse("is written as a block of text", "change it by hand"));
        }
        let text = match patch {
            Value::String(text) => self.style.text(text, Some(style)),
            other => other.to_string(),
        };
        let gap = if node.bytes.is_empty() { " " } else { "" };
        self.change(node.bytes.clone(), format!("{gap}{text}"));
        Ok(())
    }

    /// A list that is not empty.
    fn list(&mut self, node: &Node<'t>, patch: &[Value]) -> Result<(), Refusal> {
        let field = self.path.last().cloned().unwrap_or_default();
        let Some(key) = merge_key(&field, patch) else {
            return self.replace(node, patch);
        };
        let mut new = Vec::new();
        for item in patch {
            let name = item.get(key);
            let is_it = |own: &&Node<'_>| own.get(key).and_then(plain).as_ref() == name;
            match node.items().iter().find(is_it) {
                Some(own) => self.item(own, name, item)?,
                None => {
                    // What cannot be looked into may be it.
                    let hidden = |own: &Node<'_>| matches!(own.content, Content::Alias) || own.merges();
                    if let Some(own) = node.items().iter().find(|own| hidden(own)) {
                        return self.guard(own);
                    }
                    new.push((None, without_nulls(item)));
                }
            }
        }
        let flow = matches!(node.content, Content::List { flow: true, .. });
        if new.is_empty() {
            Ok(())
        } else {
            self.add(Parent { node, flow }, &new)
        }
    }

    fn item(&mut self, own: &Node<'t>, name: Option<&Value>, patch: &Value) -> Result<(), Refusal> {
        let shown = name.map_or_else(String::new, |name| {
            name.as_str().map_or_else(|| name.to_string(), str::to_owned)
        });
        self.path.push(format!("[{shown}]"));
        let Value::Object(patch) = patch else {
            return Err(self.refuse("is of another type than its remedy", "correct it by hand"));
        };
        self.map(own, patch)?;
        self.path.pop();
        Ok(())
    }

    /// A list that a patch replaces: item by item, so that what they share keeps its text.
    fn replace(&mut self, node: &Node<'t>, patch: &[Value]) -> Result<(), Refusal> {
        let items = node.items();
        if patch.len() < items.len() {
            return Err(self.refuse("would lose items", "change it by hand"));
        }
        for (i, (own, patch)) in items.iter().zip(patch).enumerate() {
            self.path.push(format!("[{i}]"));
            self.guard(own)?;
            match (plain(own), &own.content, patch) {
                (Some(old), ..) if old == *patch => {}
                (Some(old), Content::Map { .. }, Value::Object(_)) => {
                    if let Value::Object(difference) = difference(&old, patch) {
                        self.map(own, &difference)?;
                    }
                }
                (
                    Some(_),
                    Content::Scalar { style, .. },
                    Value::String(_) | Value::Number(_) | Value::Bool(_),
                ) => {
                    self.scalar(own, *style, patch)?;
                }
                _ => {
                    return Err(self.refuse(
                        "is written in a way that is not changed here",
                        "change it by hand",
                    ));
                }
            }
            self.path.pop();
        }
        let new: Vec<(Option<&str>, Value)> = patch[items.len()..]
            .iter()
            .map(|item| (None, without_nulls(item)))
            .collect();
        let flow = matches!(node.content, Content::List { flow: true, .. });
        if new.is_empty() {
            Ok(())
        } else {
            self.add(Parent { node, flow }, &new)
        }
    }
}

/// What a node means; `None` where aliases or merge keys are in it.
pub(super) fn plain(node: &Node<'_>) -> Option<Value> {
    match &node.content {
        Content::Scalar { value, .. } => match value {
            tree::Value::Null => Some(Value::Null),
            tree::Value::Bool(value) => Some((*value).into()),
            tree::Value::Int(number) => Some((*number).into()),
            tree::Value::Unsigned(number) => Some((*number).into()),
            tree::Value::Float(number) => Number::from_f64(*number).map(Value::Number),
            tree::Value::Text(text) => Some(text.as_ref().into()),
            _ => None,
        },
        Content::Map { entries, .. } => {
            let entry = |(key, value): &(Node<'_>, Node<'_>)| Some((key.text()?.to_owned(), plain(value)?));
            entries
                .iter()
                .map(entry)
                .collect::<Option<Map<_, _>>>()
                .map(Value::Object)
        }
        Content::List { items, .. } => items
            .iter()
            .map(plain)
            .collect::<Option<Vec<_>>>()
            .map(Value::Array),
        Content::Alias => None,
    }
}

/// The patch that makes `new` of `old`.
fn difference(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return new.clone();
    };
    let gone = old
        .keys()
        .filter(|key| !new.contains_key(*key))
        .map(|key| (key.clone(), Value::Null));
    let changed = new.iter().filter_map(|(key, value)| match old.get(key) {
        Some(own) if own == value => None,
        Some(own) => Some((key.clone(), difference(own, value))),
        None => Some((key.clone(), value.clone())),
    });
    gone.chain(changed).collect()
}
