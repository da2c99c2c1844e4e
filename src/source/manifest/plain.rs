//! The plain part of YAML, which nearly every manifest is written in, read line by line into a [`Tree`].
//!
//! A YAML parser knows anchors, tags, folded text, keys over several lines; it takes six times as long for it. Here a
//! document is either plain throughout (block maps and lists, scalars on one line, literal text, short flow collections,
//! ASCII), or it is left alone: `None`, and the parser reads it from its start. Nothing is ever refused here. So this can
//! only be right or absent, and tests hold it to the parser's trees, places included, on generated documents.

use std::borrow::Cow;

use super::scalar;
use super::tree::{Entry, Tree, Value, index, most_nodes, repeated_key};

/// Deeper documents are left to the parser, which has the limit.
const DEPTH: usize = 40;

/// Longer keys are left to the parser, which has the limit.
const KEY: usize = 200;

/// Whether a byte may be in a plain key: looked up, as every line has one.
const IN_KEY: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = (b as u8).is_ascii_alphanumeric() || matches!(b as u8, b'.' | b'_' | b'/' | b'-');
        b += 1;
    }
    table
};

/// Reads a text that is one document; `None` = ask the parser.
pub(super) fn read(text: &str) -> Option<Tree<'_>> {
    // Without a branch for each byte, the compiler looks at many at once.
    let odd = |b: u8| (b < b' ' && b != b'\n') | (b > b'~');
    if text.bytes().fold(false, |found, b| found | odd(b)) {
        return None;
    }
    let mut lines = Lines {
        text,
        bytes: text.as_bytes(),
        // Manifests have a node for each twelve bytes or so.
        entries: Vec::with_capacity(text.len() / 10),
        line: 0,
        start: 0,
        at: 0,
        end: 0,
        next: 0,
    };
    lines.advance();
    if lines.rest() == b"---" {
        lines.advance();
    }
    if lines.is_over() || lines.column() != 0 {
        return None;
    }
    lines.block(0)?;
    let read = lines.is_over() && lines.entries.len() <= most_nodes(text.len());
    read.then(|| Tree::new(lines.entries))
}

/// A text and the line in it that is read.
struct Lines<'a> {
    text: &'a str,
    bytes: &'a [u8],
    entries: Vec<Entry<'a>>,
    /// Its number, from 1.
    line: usize,
    /// Where it starts.
    start: usize,
    /// What is read of it begins here: after its indentation, later after a dash or a key.
    at: usize,
    /// Its end, without the line feed.
    end: usize,
    /// The next line's start.
    next: usize,
}

impl<'a> Lines<'a> {
    /// Goes to the next line that is neither empty nor a comment. At the end of the text, `start` is there.
    fn advance(&mut self) {
        loop {
            self.start = self.next;
            if self.start >= self.bytes.len() {
                (self.at, self.end) = (self.start, self.start);
                return;
            }
            self.step();
            if self.at < self.end && self.bytes[self.at] != b'#' {
                return;
            }
        }
    }

    /// Makes the line at `next` the one that is read.
    fn step(&mut self) {
        self.start = self.next;
        self.line += 1;
        let rest = &self.bytes[self.start..];
        self.end = memchr::memchr(b'\n', rest).map_or(self.bytes.len(), |at| self.start + at);
        self.next = self.bytes.len().min(self.end + 1);
        let spaces = rest.iter().take_while(|b| **b == b' ').count();
        self.at = self.end.min(self.start + spaces);
    }

    fn is_over(&self) -> bool {
        self.start >= self.bytes.len()
    }

    /// From 0.
    fn column(&self) -> usize {
        self.at - self.start
    }

    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..self.end]
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().iter().take_while(|b| **b == b' ').count();
    }

    fn is_item(&self) -> bool {
        matches!(self.rest(), [b'-'] | [b'-', b' ', ..])
    }

    fn push(&mut self, value: Value<'a>, at: usize) -> usize {
        let entry = self.entries.len();
        self.entries.push(Entry {
            value,
            end: index(entry + 1),
            line: index(self.line),
            column: index(at - self.start + 1),
        });
        entry
    }

    fn close(&mut self, entry: usize) {
        self.entries[entry].end = index(self.entries.len());
    }

    /// The collection that begins where the line is.
    fn block(&mut self, depth: usize) -> Option<()> {
        if depth > DEPTH {
            None
        } else if self.is_item() {
            self.list(depth)
        } else {
            self.map(depth)
        }
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        let column = self.column();
        let list = self.push(Value::List, self.at);
        while self.column() == column && self.is_item() && !self.is_over() {
            self.at += 1;
            self.skip_spaces();
            if self.is_item() || self.key_end().is_some() {
                self.block(depth + 1)?;
            } else {
                self.value(column, false, depth)?;
            }
        }
        self.close(list);
        // Deeper than its items, and nothing that is known here.
        (self.is_over() || self.column() <= column).then_some(())
    }

    fn map(&mut self, depth: usize) -> Option<()> {
        let column = self.column();
        let map = self.push(Value::Map, self.at);
        loop {
            self.key()?;
            self.value(column, true, depth)?;
            if self.is_over() || self.column() < column {
                break;
            }
            if self.column() > column || self.is_item() {
                return None;
            }
        }
        self.close(map);
        repeated_key(&self.entries, map).is_none().then_some(())
    }

    /// The key that begins where the line is, with its colon.
    fn key(&mut self) -> Option<()> {
        let end = self.key_end()?;
        let key = scalar::untagged_key(&self.text[self.at..end])?;
        self.push(Value::Text(key), self.at);
        self.at = end + 1;
        Some(())
    }

    /// The end of a plain key that begins where the line is, if one does.
    fn key_end(&self) -> Option<usize> {
        let rest = self.rest();
        let length = rest.iter().take_while(|b| IN_KEY[usize::from(**b)]).count();
        let first = rest.first()?.is_ascii_alphanumeric();
        let ends = matches!(rest.get(length..), Some([b':'] | [b':', b' ', ..]));
        (first && ends && length <= KEY).then_some(self.at + length)
    }

    /// The value after a key or a dash of the collection at `column`, and on to the line after it.
    fn value(&mut self, column: usize, of_key: bool, depth: usize) -> Option<()> {
        self.skip_spaces();
        match self.rest() {
            [] | [b'#', ..] => {
                self.advance();
                // A list may stand right below its key. Nothing at all is null: the parser knows where that stands.
                let beside = of_key && self.column() == column && self.is_item();
                if self.is_over() || !(self.column() > column || beside) {
                    return None;
                }
                let list = self.entries.len();
                self.block(depth + 1)?;
                if beside {
                    // The parser has it begin where its first item does, if that is on the same line.
                    let [at, first] = [list, list + 1].map(|at| &self.entries[at]);
                    if first.line != at.line {
                        return None;
                    }
                    (self.entries[list].line, self.entries[list].column) = (first.line, first.column);
                }
                return Some(());
            }
            [b'|', ..] => return self.literal(column),
            [b'[' | b'{', ..] => self.flow(depth + 1)?,
            [b'"' | b'\'', ..] => self.quoted()?,
            _ => self.plain()?,
        }
        self.ends()?;
        self.advance();
        // Text may go on in the next line.
        (self.is_over() || self.column() <= column).then_some(())
    }

    /// Nothing but a comment follows.
    fn ends(&mut self) -> Option<()> {
        let before = self.at;
        self.skip_spaces();
        match self.rest() {
            [] => Some(()),
            [b'#', ..] => (self.at > before).then_some(()),
            _ => None,
        }
    }

    fn plain(&mut self) -> Option<()> {
        let rest = self.rest();
        let starts = match rest {
            [b'-', second, ..] => second.is_ascii_alphanumeric() || *second == b'-',
            [first, ..] => {
                first.is_ascii_alphanumeric()
                    || matches!(first, b'/' | b'.' | b'_' | b'$' | b'(' | b'+' | b'~' | b'=')
            }
            [] => false,
        };
        let mut length = rest.len();
        for (i, b) in rest.iter().enumerate() {
            match b {
                b'#' if i > 0 && rest[i - 1] == b' ' => {
                    length = i;
                    break;
                }
                b':' if matches!(rest.get(i + 1), None | Some(b' ')) => return None,
                _ => {}
            }
        }
        while length > 0 && rest[length - 1] == b' ' {
            length -= 1;
        }
        let text = &self.text[self.at..self.at + length];
        let value = scalar::untagged(Cow::Borrowed(text));
        let finite = !matches!(value, Value::Float(number) if !number.is_finite());
        self.push(value, self.at);
        self.at += text.len();
        (starts && finite).then_some(())
    }

    /// Quoted text on one line without escapes.
    fn quoted(&mut self) -> Option<()> {
        let quote = self.bytes[self.at];
        let inner = &self.bytes[self.at + 1..self.end];
        let length = inner.iter().position(|b| *b == quote || *b == b'\\')?;
        // `''` is a quote in a quote.
        if inner[length] != quote || inner.get(length + 1) == Some(&quote) {
            return None;
        }
        let from = self.at + 1;
        let text = &self.text[from..from + length];
        self.push(Value::Text(Cow::Borrowed(text)), self.at);
        self.at = from + length + 1;
        Some(())
    }

    /// A flow collection on one line.
    fn flow(&mut self, depth: usize) -> Option<()> {
        if depth > DEPTH {
            return None;
        }
        let (value, close) = match self.bytes[self.at] {
            b'[' => (Value::List, b']'),
            _ => (Value::Map, b'}'),
        };
        let is_map = value == Value::Map;
        let entry = self.push(value, self.at);
        self.at += 1;
        self.skip_spaces();
        while *self.rest().first()? != close {
            if is_map {
                self.key()?;
                self.skip_spaces();
            }
            match *self.rest().first()? {
                b'[' | b'{' => self.flow(depth + 1)?,
                b'"' | b'\'' => self.quoted()?,
                _ => self.plain_in_flow()?,
            }
            self.skip_spaces();
            match *self.rest().first()? {
                b',' => self.at += 1,
                b if b == close => {}
                _ => return None,
            }
            self.skip_spaces();
        }
        self.at += 1;
        self.close(entry);
        let unique = !is_map || repeated_key(&self.entries, entry).is_none();
        unique.then_some(())
    }

    fn plain_in_flow(&mut self) -> Option<()> {
        let rest = self.rest();
        let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'/' | b'-' | b'=');
        let length = rest.iter().take_while(|b| is_part(b)).count();
        if !rest[..length].first()?.is_ascii_alphanumeric() {
            return None;
        }
        let text = &self.text[self.at..self.at + length];
        self.push(scalar::untagged(Cow::Borrowed(text)), self.at);
        self.at += length;
        Some(())
    }

    /// `|` or `|-`, and the lines below it.
    fn literal(&mut self, column: usize) -> Option<()> {
        let strip = match self.rest() {
            b"|" => false,
            b"|-" => true,
            _ => return None,
        };
        if self.next >= self.bytes.len() {
            return None;
        }
        self.step();
        let indent = self.column();
        if indent <= column || self.at == self.end {
            return None;
        }
        let entry = self.push(Value::Null, self.at);
        let mut text = String::new();
        // Empty lines count once a line follows them.
        let mut empty = 0;
        loop {
            let is_empty = self.at == self.end;
            if !is_empty && self.column() < indent {
                break;
            }
            if is_empty && self.column() <= indent {
                empty += 1;
            } else {
                text.extend(std::iter::repeat_n('\n', std::mem::take(&mut empty)));
                text.push_str(&self.text[self.start + indent..self.end]);
                empty = 1;
            }
            if self.next >= self.bytes.len() {
                // Whether a text without its last line feed has one, the parser knows.
                if self.bytes.last() != Some(&b'\n') {
                    return None;
                }
                self.start = self.bytes.len();
                (self.at, self.end, self.next) = (self.start, self.start, self.start);
                break;
            }
            self.step();
        }
        if !strip {
            text.push('\n');
        }
        self.entries[entry].value = Value::Text(Cow::Owned(text));
        if !self.is_over() {
            if self.column() > column {
                return None;
            }
            if self.bytes[self.at] == b'#' {
                self.advance();
            }
        }
        (self.is_over() || self.column() <= column).then_some(())
    }
}

#[cfg(test)]
mod tests;
