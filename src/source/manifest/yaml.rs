//! YAML events, built into a [`Tree`].
//!
//! What the parser lets through and Kubernetes would not is a fault too: a key that is there twice, a key that is a map or a
//! list, an alias inside its own anchor. Aliases are counted with all that they stand for, so that a few lines cannot
//! become millions of nodes for whoever reads the tree.

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span};

use super::scalar;
use super::tree::{Entry, MAX_DEPTH, TOO_MANY, Tree, Value, index, most_nodes, repeated_key};
use crate::model::text::clip;

/// What is wrong with a document, and where: line and column from 1 in the document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) message: String,
}

/// Reads a text that is one document.
pub(super) fn read(text: &str) -> Result<Tree<'_>, Fault> {
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder {
        entries: Vec::new(),
        open: Vec::new(),
        anchors: Vec::new(),
        nodes: 0,
        most: most_nodes(text.len()),
    };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|e| broken(&e))?;
        builder.event(event, &span)?;
    }
    if builder.entries.is_empty() {
        let span = Span::default();
        builder.leaf(Value::Null, 0, &span)?;
    }
    Ok(Tree::new(builder.entries))
}

/// What the parser says, with the way out.
fn broken(error: &ScanError) -> Fault {
    let info = error.info();
    let what = info.strip_prefix("while ").and_then(|rest| rest.split_once(", "));
    let what = what.map_or(&*info, |(_, what)| what);
    let message = match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(),
        kind => format!("{}; {}", clip(what, 120), way_out(kind)),
    };
    Fault {
        line: error.marker().line(),
        column: error.marker().col() + 1,
        message,
    }
}

fn way_out(kind: &ErrorKind) -> &'static str {
    use ErrorKind as E;
    match kind {
        E::TabNotAllowed | E::TabInBlockIndentation | E::TabInIndentation | E::TabAtBlockScalarStart => {
            "indent with spaces"
        }
        E::TabInPlainScalar => "write spaces, or quote the text",
        E::UnclosedQuotedScalar
        | E::UnclosedFlowCollection { .. }
        | E::UnexpectedEofFlowSequence
        | E::UnexpectedEofFlowMapping
        | E::UnexpectedEofImplicitFlowMapping => "close it",
        E::InvalidQuotedScalarIndent => "close the quote, or indent the lines that belong to it",
        E::UnknownAnchor => "define it before it is used, in the same document",
        E::BomInsideDocument => "remove it",
        E::InvalidIndentation
        | E::ExpectedBlockMappingKey
        | E::ExpectedBlockSequenceEntry
        | E::InvalidBlockScalarIndent
        | E::InvalidFlowScalarIndent => "align it with the lines that it belongs to",
        E::UnexpectedCharacter { .. } | E::MappingValueNotAllowed => "quote the text, or correct it there",
        _ => "correct it there",
    }
}

/// A map or list whose end has not come yet.
struct Open {
    at: usize,
    anchor: usize,
    map: bool,
    merges: bool,
    /// The next node is a key.
    key: bool,
    /// Levels of maps and lists in it.
    height: usize,
    /// The count of nodes when it began.
    before: usize,
}

/// What an alias to it stands for.
#[derive(Clone, Copy)]
struct Anchor {
    at: usize,
    nodes: usize,
    height: usize,
}

struct Builder<'a> {
    entries: Vec<Entry<'a>>,
    open: Vec<Open>,
    /// By the parser's number; `None` while the anchored node is not complete.
    anchors: Vec<Option<Anchor>>,
    /// So far, aliases followed.
    nodes: usize,
    most: usize,
}

fn fault(span: &Span, message: impl Into<String>) -> Fault {
    Fault {
        line: span.start.line().max(1),
        column: span.start.col() + 1,
        message: message.into(),
    }
}

impl<'a> Builder<'a> {
    fn event(&mut self, event: Event<'a>, span: &Span) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                if self.at_key() && scalar::is_merge(&text, plain, tag.as_deref()) {
                    return self.leaf(Value::Merge, anchor, span);
                }
                let value = scalar::scalar(text, plain, tag.as_deref()).map_err(|why| fault(span, why))?;
                self.leaf(value, anchor, span)
            }
            Event::MappingStart(_, anchor, _) => self.start(Value::Map, anchor, span),
            Event::SequenceStart(_, anchor, _) => self.start(Value::List, anchor, span),
            Event::MappingEnd | Event::SequenceEnd => self.end(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            _ => Ok(()),
        }
    }

    fn at_key(&self) -> bool {
        self.open.last().is_some_and(|open| open.map && open.key)
    }

    fn push(&mut self, value: Value<'a>, span: &Span) -> Result<usize, Fault> {
        let at = self.entries.len();
        self.nodes += 1;
        if self.nodes > self.most {
            return Err(fault(span, TOO_MANY));
        }
        self.entries.push(Entry {
            value,
            end: index(at + 1),
            line: index(span.start.line().max(1)),
            column: index(span.start.col() + 1),
        });
        Ok(at)
    }

    fn leaf(&mut self, value: Value<'a>, anchor: usize, span: &Span) -> Result<(), Fault> {
        let value = match (self.at_key(), value) {
            (true, Value::Merge) => {
                if let Some(open) = self.open.last_mut() {
                    open.merges = true;
                }
                Value::Merge
            }
            (true, other) => Value::Text(scalar::key(other).ok_or_else(|| not_a_key(span))?),
            (false, Value::Float(number)) if !number.is_finite() => {
                return Err(fault(
                    span,
                    "infinity and NaN are no values for Kubernetes; write a number",
                ));
            }
            (false, other) => other,
        };
        let at = self.push(value, span)?;
        self.complete(at, anchor, 0, 1);
        Ok(())
    }

    fn start(&mut self, value: Value<'a>, anchor: usize, span: &Span) -> Result<(), Fault> {
        if self.at_key() {
            return Err(not_a_key(span));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(fault(span, too_deep()));
        }
        if anchor > 0 {
            self.anchors.resize(anchor.max(self.anchors.len()), None);
        }
        let map = value == Value::Map;
        let before = self.nodes;
        let at = self.push(value, span)?;
        self.open.push(Open {
            at,
            anchor,
            map,
            merges: false,
            key: map,
            height: 0,
            before,
        });
        Ok(())
    }

    fn end(&mut self, span: &Span) -> Result<(), Fault> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        self.entries[open.at].end = index(self.entries.len());
        if open.map
            && let Some(key) = repeated_key(&self.entries, open.at)
        {
            let Entry {
                value, line, column, ..
            } = &self.entries[key];
            let name = if let Value::Text(name) = value { name } else { "<<" };
            return Err(Fault {
                line: *line as usize,
                column: *column as usize,
                message: format!("the key {:?} is there twice; keep one of them", clip(name, 60)),
            });
        }
        if open.merges {
            self.entries[open.at].value = Value::Merged;
            self.check_merges(open.at, span)?;
        }
        self.complete(open.at, open.anchor, open.height + 1, self.nodes - open.before);
        Ok(())
    }

    /// A node is there with all that is in it.
    fn complete(&mut self, at: usize, anchor: usize, height: usize, nodes: usize) {
        if anchor > 0 {
            self.anchors.resize(anchor.max(self.anchors.len()), None);
            self.anchors[anchor - 1] = Some(Anchor { at, nodes, height });
        }
        if let Some(open) = self.open.last_mut() {
            open.height = open.height.max(height);
            open.key = open.map && !open.key;
        }
    }

    fn alias(&mut self, anchor: usize, span: &Span) -> Result<(), Fault> {
        let anchor = anchor.checked_sub(1).and_then(|i| *self.anchors.get(i)?);
        let Some(Anchor { at, nodes, height }) = anchor else {
            return Err(fault(span, "an alias inside what it stands for; write it out"));
        };
        if self.at_key() {
            let copy = self.entries[at].value.clone();
            return self.leaf(copy, 0, span);
        }
        if self.open.len() + height > MAX_DEPTH {
            return Err(fault(span, too_deep()));
        }
        self.nodes = self.nodes.saturating_add(nodes);
        let own = self.push(Value::Alias(index(at)), span)?;
        self.complete(own, 0, height, nodes);
        Ok(())
    }

    /// What stands beside `<<` is a map or a list of maps.
    fn check_merges(&self, map: usize, span: &Span) -> Result<(), Fault> {
        let is_map = |at: usize| {
            let entry = match self.entries[at].value {
                Value::Alias(at) => &self.entries[at as usize],
                _ => &self.entries[at],
            };
            matches!(entry.value, Value::Map | Value::Merged)
        };
        let mut key = map + 1;
        while key < self.entries[map].end as usize {
            let value = &self.entries[key + 1];
            if self.entries[key].value == Value::Merge && !is_map(key + 1) {
                let mut item = key + 2;
                let list = value.value == Value::List;
                while list && item < value.end as usize && is_map(item) {
                    item = self.entries[item].end as usize;
                }
                if !list || item < value.end as usize {
                    let mut fault = fault(
                        span,
                        "<< needs a map or a list of maps; write one, or an alias of one",
                    );
                    (fault.line, fault.column) = (value.line as usize, value.column as usize);
                    return Err(fault);
                }
            }
            key = value.end as usize;
        }
        Ok(())
    }
}

fn not_a_key(span: &Span) -> Fault {
    fault(span, "a key must be a string; quote it")
}

fn too_deep() -> String {
    format!("nested more than {MAX_DEPTH} levels deep; make it flatter")
}

#[cfg(test)]
mod tests;
