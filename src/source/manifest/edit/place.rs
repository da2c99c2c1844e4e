//! Places in a text, and changes made there.

use std::ops::Range;

use granit_parser::ScalarStyle;

use super::layout::{Content, Node};

/// Bytes of the text, and what stands there instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) bytes: Range<usize>,
    pub(super) with: String,
}

/// The text with the changes made, which are sorted by where they begin; `None` where they overlap.
pub(super) fn apply(text: &str, changes: &mut [Change]) -> Option<String> {
    // What is put at a place comes before what is taken from there on; of several put there, the first one comes first.
    changes.sort_by_key(|change| (change.bytes.start, change.bytes.end));
    let mut out = String::with_capacity(text.len() + 256);
    let mut at = 0;
    for Change { bytes, with } in changes.iter() {
        out.push_str(text.get(at..bytes.start)?);
        out.push_str(with);
        at = bytes.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

/// The line, in the changed text, of a byte of the text where a change begins.
pub(super) fn line(changed: &str, changes: &[Change], at: usize) -> usize {
    let before = changes.iter().filter(|change| change.bytes.start < at);
    let (more, less) = before.fold((0, 0), |(more, less), Change { bytes, with }| {
        (more + with.len(), less + bytes.len())
    });
    let at = (at + more).saturating_sub(less).min(changed.len());
    changed.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1
}

/// Where the line begins that a byte is in.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// The white space that the line of a byte begins with.
pub(super) fn indent_of(text: &str, at: usize) -> &str {
    let line = &text[line_start(text, at)..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// The white space before a byte, when nothing else stands before it on its line.
pub(super) fn own_indent(text: &str, at: usize) -> Option<&str> {
    let before = &text[line_start(text, at)..at];
    before
        .bytes()
        .all(|b| matches!(b, b' ' | b'\t'))
        .then_some(before)
}

/// Whether a comment may stand in a text: a `#` that begins a word.
pub(super) fn has_comment(text: &str) -> bool {
    let bytes = text.as_bytes();
    let begins = |at: usize| at == 0 || bytes[at - 1].is_ascii_whitespace();
    text.match_indices('#').any(|(at, _)| begins(at))
}

/// The end of the line that a byte is in, behind its line feed.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end + 1)
}

/// Where a line below a node begins: behind the line that it ends on; for a block of text, whose end is the next thing's
/// beginning, where that line begins.
pub(super) fn below(text: &str, node: &Node<'_>) -> usize {
    match &node.content {
        Content::Map { flow: false, entries } => match entries.last() {
            Some((_, last)) => below(text, last),
            None => line_end(text, node.bytes.end),
        },
        Content::List { flow: false, items } => match items.last() {
            Some(last) => below(text, last),
            None => line_end(text, node.bytes.end),
        },
        Content::Scalar {
            style: ScalarStyle::Literal | ScalarStyle::Folded,
            ..
        } => {
            let start = line_start(text, node.bytes.end);
            let next = own_indent(text, node.bytes.end).is_some();
            if next && start > node.bytes.start {
                start
            } else {
                line_end(text, node.bytes.end)
            }
        }
        _ => line_end(text, node.bytes.end),
    }
}
