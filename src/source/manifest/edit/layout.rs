//! A document with the bytes that each of its nodes takes: what an edit needs to know of the text.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};

use super::super::scalar;
use super::super::tree::{MAX_DEPTH, Value, most_nodes};

/// A node and where it stands.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) content: Content<'a>,
    /// Its bytes in the document, without anchor and tag. A block collection ends where the last thing in it does; what is
    /// not written (`key:`) is empty, and stands at the end of what comes before it.
    pub(super) bytes: Range<usize>,
    /// Of its first character, from 0, in characters.
    pub(super) column: usize,
    /// It has an anchor that an alias refers to.
    pub(super) shared: bool,
    /// The parser's number of its anchor; 0 = none.
    anchor: usize,
    /// It has an anchor or a tag.
    pub(super) marked: bool,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Content<'a> {
    Scalar {
        value: Value<'a>,
        style: ScalarStyle,
    },
    Map {
        flow: bool,
        entries: Vec<(Node<'a>, Node<'a>)>,
    },
    List {
        flow: bool,
        items: Vec<Node<'a>>,
    },
    Alias,
}

impl<'a> Node<'a> {
    /// The value of a key, when this is a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.entries()
            .iter()
            .find(|(own, _)| own.text() == Some(key))
            .map(|(_, value)| value)
    }

    pub(super) fn entries(&self) -> &[(Node<'a>, Node<'a>)] {
        match &self.content {
            Content::Map { entries, .. } => entries,
            _ => &[],
        }
    }

    pub(super) fn items(&self) -> &[Node<'a>] {
        match &self.content {
            Content::List { items, .. } => items,
            _ => &[],
        }
    }

    /// Its text, when it is a string.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar {
                value: Value::Text(text),
                ..
            } => Some(text),
            _ => None,
        }
    }

    /// Whether a map has a key `<<`.
    pub(super) fn merges(&self) -> bool {
        let is_merge = |key: &Node<'_>| {
            matches!(
                key.content,
                Content::Scalar {
                    value: Value::Merge,
                    ..
                }
            )
        };
        self.entries().iter().any(|(key, _)| is_merge(key))
    }
}

/// Reads a text that is one document, YAML or JSON. `None` for what the parser refuses, which is no manifest either.
pub(super) fn read(text: &str) -> Option<Node<'_>> {
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder {
        text,
        open: Vec::new(),
        used: HashSet::new(),
        root: None,
        left: most_nodes(text.len()),
    };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.ok()?;
        builder.event(event, &span)?;
    }
    let mut root = builder.root?;
    share(&mut root, &builder.used);
    Some(root)
}

/// Tells each node whether an alias refers to it.
fn share(node: &mut Node<'_>, used: &HashSet<usize>) {
    node.shared = used.contains(&node.anchor);
    match &mut node.content {
        Content::Map { entries, .. } => {
            for (key, value) in entries {
                share(key, used);
                share(value, used);
            }
        }
        Content::List { items, .. } => items.iter_mut().for_each(|item| share(item, used)),
        Content::Scalar { .. } | Content::Alias => {}
    }
}

struct Builder<'a> {
    text: &'a str,
    open: Vec<(Node<'a>, Option<Node<'a>>)>,
    /// The anchors that aliases refer to.
    used: HashSet<usize>,
    root: Option<Node<'a>>,
    /// How many nodes there may still be.
    left: usize,
}

impl<'a> Builder<'a> {
    fn event(&mut self, event: Event<'a>, span: &Span) -> Option<()> {
        let bytes = span.byte_range()?;
        let node = |content, anchor, tagged| Node {
            content,
            bytes,
            column: span.start.col(),
            shared: false,
            anchor,
            marked: anchor > 0 || tagged,
        };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let value = if self.at_key() && scalar::is_merge(&text, plain, tag.as_deref()) {
                    Value::Merge
                } else {
                    let value = scalar::scalar(text, plain, tag.as_deref()).ok()?;
                    if self.at_key() { key(value)? } else { value }
                };
                let node = node(Content::Scalar { value, style }, anchor, tag.is_some());
                self.complete(node)
            }
            Event::MappingStart(style, anchor, tag) => {
                let content = Content::Map {
                    flow: style == StructureStyle::Flow,
                    entries: Vec::new(),
                };
                self.open.push((node(content, anchor, tag.is_some()), None));
                Some(())
            }
            Event::SequenceStart(style, anchor, tag) => {
                let content = Content::List {
                    flow: style == StructureStyle::Flow,
                    items: Vec::new(),
                };
                self.open.push((node(content, anchor, tag.is_some()), None));
                Some(())
            }
            Event::MappingEnd | Event::SequenceEnd => self.end(span),
            Event::Alias(anchor) => {
                self.used.insert(anchor);
                let node = node(Content::Alias, 0, false);
                self.complete(node)
            }
            _ => Some(()),
        }
    }

    /// The next node is a key.
    fn at_key(&self) -> bool {
        matches!(
            self.open.last(),
            Some((
                Node {
                    content: Content::Map { .. },
                    ..
                },
                None
            ))
        )
    }

    fn end(&mut self, span: &Span) -> Option<()> {
        let (mut node, _) = self.open.pop()?;
        let (flow, last) = match &node.content {
            Content::Map { flow, entries } => (*flow, entries.last().map(|(_, value)| value)),
            Content::List { flow, items } => (*flow, items.last()),
            Content::Scalar { .. } | Content::Alias => return None,
        };
        node.bytes.end = match last {
            Some(last) if !flow => last.bytes.end,
            _ => span.byte_range()?.end,
        };
        self.complete(node)
    }

    fn complete(&mut self, mut node: Node<'a>) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        let text = self.text;
        let Some((open, key)) = self.open.last_mut() else {
            self.root = Some(node);
            return Some(());
        };
        match (&mut open.content, key.take()) {
            (Content::List { items, .. }, _) => items.push(node),
            (Content::Map { .. }, None) => *key = Some(node),
            (Content::Map { entries, .. }, Some(key)) => {
                if node.bytes.is_empty() {
                    // The parser has it anywhere before what follows.
                    let colon = after_colon(text, key.bytes.end);
                    node.bytes = colon..colon;
                }
                entries.push((key, node));
            }
            (Content::Scalar { .. } | Content::Alias, _) => return None,
        }
        Some(())
    }
}

/// The byte after the colon that follows a key, if one does.
fn after_colon(text: &str, key: usize) -> usize {
    let rest = text[key..].trim_start_matches([' ', '\t']);
    if rest.starts_with(':') {
        text.len() - rest.len() + 1
    } else {
        key
    }
}

fn key(value: Value<'_>) -> Option<Value<'_>> {
    scalar::key(value).map(|text: Cow<'_, str>| Value::Text(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<'t>(text: &'t str, path: &[&str]) -> &'t str {
        let root = read(text).expect("a document");
        let mut node = &root;
        for step in path {
            node = match step.parse::<usize>() {
                Ok(item) => &node.items()[item],
                Err(_) => node.get(step).expect("the key"),
            };
        }
        &text[node.bytes.clone()]
    }

    #[test]
    fn every_node_knows_its_bytes() {
        let text = "a:\n  b: 1   # c\n  c:\n  - x\n  - u: 'é'\n    w: {k: v}  \n# end\ne:\nf: [1, 2]\n";
        assert_eq!(at(text, &["a", "b"]), "1");
        assert_eq!(at(text, &["a", "c", "1", "u"]), "'é'");
        assert_eq!(at(text, &["a", "c", "1"]), "u: 'é'\n    w: {k: v}");
        assert_eq!(at(text, &["e"]), "");
        assert_eq!(at(text, &["f"]), "[1, 2]");
    }

    #[test]
    fn json_is_read_as_well() {
        let text = "{\n\t\"a\": \"x\\/\\ud83d\\ude00\",\n\t\"b\": [1, {\"c\": null}]\n}\n";
        assert_eq!(at(text, &["b", "1"]), "{\"c\": null}");
        let root = read(text).expect("a document");
        assert_eq!(root.get("a").and_then(Node::text), Some("x/😀"));
    }

    #[test]
    fn an_anchor_is_shared_once_it_is_used() {
        let root = read("a: &x {k: v}\nb: &y 1\nc: *x\n").expect("a document");
        let [a, b] = ["a", "b"].map(|key| root.get(key).expect("the key"));
        assert!(a.shared && !b.shared && b.marked);
        assert!(matches!(root.get("c").expect("the key").content, Content::Alias));
    }
}
