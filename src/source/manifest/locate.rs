//! Where in a document a field stands. Only asked when something is wrong with one (or a list's items need their lines),
//! so the document is read once more then, rather than every value carrying its place.

use std::fmt;

use serde::Deserialize;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Options, Spanned};

/// A step down from a value.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Item(usize),
}

/// `spec.containers[0].name` and `labels["app.kubernetes.io/name"]`, in steps.
fn steps(field: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = field;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let (key, after) = quoted.split_once("\"]").unwrap_or((quoted, ""));
            steps.push(Step::Key(key.to_owned()));
            rest = after;
        } else if let Some(item) = rest.strip_prefix('[') {
            let (item, after) = item.split_once(']').unwrap_or((item, ""));
            steps.push(Step::Item(item.parse().unwrap_or(usize::MAX)));
            rest = after;
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            steps.push(Step::Key(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
    steps
}

/// A YAML value with the place of every part.
#[derive(Debug)]
enum Tree {
    Map(Vec<(String, Spanned<Tree>)>),
    List(Vec<Spanned<Tree>>),
    Leaf,
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }
}

fn tree(text: &str, options: Options) -> Option<Spanned<Tree>> {
    serde_saphyr::from_str_with_options(text, options).ok()
}

fn child<'t>(tree: &'t Tree, step: &Step) -> Option<&'t Spanned<Tree>> {
    match (tree, step) {
        (Tree::Map(entries), Step::Key(key)) => entries.iter().find(|(k, _)| k == key).map(|(_, v)| v),
        (Tree::List(items), Step::Item(item)) => items.get(*item),
        _ => None,
    }
}

fn place(tree: &Spanned<Tree>) -> (usize, usize) {
    let number = |n: u64| usize::try_from(n).unwrap_or(1).max(1);
    (number(tree.referenced.line()), number(tree.referenced.column()))
}

/// Line and column (from 1) of a field, or of the nearest thing around it that is there.
pub(super) fn in_yaml(text: &str, options: Options, field: &str) -> Option<(usize, usize)> {
    let root = tree(text, options)?;
    let mut at = &root;
    for step in steps(field) {
        match child(&at.value, &step) {
            Some(next) => at = next,
            None => break,
        }
    }
    Some(place(at))
}

/// The line of each of the root's `items`.
pub(super) fn yaml_items(text: &str, options: Options) -> Vec<usize> {
    let root = tree(text, options);
    let items = root
        .as_ref()
        .and_then(|root| child(&root.value, &Step::Key("items".to_owned())));
    match items.map(|items| &items.value) {
        Some(Tree::List(items)) => items.iter().map(|item| place(item).0).collect(),
        _ => Vec::new(),
    }
}

/// A position in JSON text that is known to be valid.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn peek(&mut self) -> Option<u8> {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let eaten = self.peek() == Some(byte);
        self.at += usize::from(eaten);
        eaten
    }

    /// Passes over a string; what stands between its quotes, escapes as they are.
    fn string(&mut self) -> &'a [u8] {
        self.eat(b'"');
        let start = self.at;
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        let end = self.at.min(self.bytes.len());
        self.at = end + 1;
        &self.bytes[start..end]
    }

    /// Passes over a value of any kind.
    fn value(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => drop(self.string()),
                b'{' | b'[' => (depth, self.at) = (depth + 1, self.at + 1),
                b'}' | b']' if depth > 0 => (depth, self.at) = (depth - 1, self.at + 1),
                b',' | b':' if depth > 0 => self.at += 1,
                b',' | b'}' | b']' => return,
                _ => self.scalar(),
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn scalar(&mut self) {
        let ends = |b: &u8| matches!(b, b',' | b'}' | b']' | b':') || b.is_ascii_whitespace();
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(ends).unwrap_or(rest.len()).max(1);
    }

    /// Goes to the start of a child of the value that starts here; whether there is one.
    fn enter(&mut self, step: &Step) -> bool {
        match step {
            Step::Key(wanted) => {
                if !self.eat(b'{') {
                    return false;
                }
                while self.peek() == Some(b'"') {
                    let key = self.string();
                    self.eat(b':');
                    if key == wanted.as_bytes() {
                        return self.peek().is_some();
                    }
                    self.value();
                    self.eat(b',');
                }
            }
            Step::Item(wanted) => {
                if !self.eat(b'[') {
                    return false;
                }
                for _ in 0..*wanted {
                    if matches!(self.peek(), None | Some(b']')) {
                        return false;
                    }
                    self.value();
                    self.eat(b',');
                }
                return !matches!(self.peek(), None | Some(b']'));
            }
        }
        false
    }
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    (line, column)
}

/// As [`in_yaml`], for valid JSON.
pub(super) fn in_json(text: &str, field: &str) -> Option<(usize, usize)> {
    let mut scan = Scan {
        bytes: text.as_bytes(),
        at: 0,
    };
    scan.peek()?;
    let mut best = scan.at;
    for step in steps(field) {
        if !scan.enter(&step) {
            break;
        }
        best = scan.at;
    }
    Some(line_and_column(text, best))
}

/// As [`yaml_items`], for valid JSON; in one pass.
pub(super) fn json_items(text: &str) -> Vec<usize> {
    let mut scan = Scan {
        bytes: text.as_bytes(),
        at: 0,
    };
    let mut lines = Vec::new();
    if !scan.enter(&Step::Key("items".to_owned())) || !scan.eat(b'[') {
        return lines;
    }
    let (mut line, mut counted) = (1, 0);
    while !matches!(scan.peek(), None | Some(b']')) {
        line += text.as_bytes()[counted..scan.at]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        counted = scan.at;
        lines.push(line);
        scan.value();
        scan.eat(b',');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_they_are_printed() {
        let key = |k: &str| Step::Key(k.to_owned());
        assert_eq!(
            steps("spec.containers[12].name"),
            [key("spec"), key("containers"), Step::Item(12), key("name")]
        );
        assert_eq!(
            steps(r#"metadata.labels["a.b/c"]"#),
            [key("metadata"), key("labels"), key("a.b/c")]
        );
        assert_eq!(steps("items[0].spec"), [key("items"), Step::Item(0), key("spec")]);
    }

    #[test]
    fn json_and_yaml_agree_on_where_a_field_is() {
        let text = "{\n \"a\": [1, {\"b\\\"\": \"x]}\", \"c\": {\"d\": null}},\n  {\"c\": 2}],\n \"e\": \"é\", \"f\": 3\n}";
        for field in [
            "a",
            "a[0]",
            "a[1].c",
            "a[1].c.d",
            "a[2].c",
            "e",
            "f",
            "a[1].missing",
            "missing",
            "a[9]",
        ] {
            assert_eq!(
                in_json(text, field),
                in_yaml(text, Options::default(), field),
                "{field}"
            );
        }
        assert_eq!(in_json(text, "a[2].c"), Some((3, 9)));
        assert_eq!(in_json(text, "f"), Some((4, 17)));
    }
}
