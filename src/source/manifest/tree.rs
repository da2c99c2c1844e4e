//! A document as a tree that knows where everything stands.
//!
//! ```text
//! YAML ──yaml──> Tree ──Node: Deserializer──> projection
//! JSON ──json──^      ──Node::at, Node::place──> line and column of a field that does not fit
//! ```
//!
//! All nodes lie in one row, each before its children; text that needs no unescaping is borrowed from the file. So a
//! document costs one allocation, skipping a node costs nothing, and nothing is converted that nobody reads.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::{iter, vec};

use serde::de::value::{Error, SeqDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

/// How deep a document may be nested, aliases followed. (serde_json has the same limit.)
pub(super) const MAX_DEPTH: usize = 128;

/// What stands at a place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// Above `i64::MAX`.
    Unsigned(u64),
    Float(f64),
    Text(Cow<'a, str>),
    List,
    /// Keys and values in turn; a key is a [`Value::Text`].
    Map,
    /// A map with a [`Value::Merge`] among its keys.
    Merged,
    /// The key `<<`: the entries of the map (or maps) beside it belong to the map around it.
    Merge,
    /// The node at this index, once more. That one is no alias.
    Alias(u32),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry<'a> {
    pub(super) value: Value<'a>,
    /// The index after its last descendant.
    pub(super) end: u32,
    /// From 1 in the document; 0 where it is not known (JSON).
    pub(super) line: u32,
    /// From 1, in characters.
    pub(super) column: u32,
}

/// A document; its root is the first entry.
#[derive(Debug, PartialEq)]
pub(super) struct Tree<'a> {
    entries: Vec<Entry<'a>>,
}

/// A row has at most one node a byte, and files are far below 4 GiB.
pub(super) fn index(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl<'a> Tree<'a> {
    /// The tree of these entries, which are not empty.
    pub(super) fn new(entries: Vec<Entry<'a>>) -> Self {
        Tree { entries }
    }

    pub(super) fn root(&self) -> Node<'_> {
        Node { tree: self, at: 0 }
    }
}

/// How many nodes a document of so many bytes may have, aliases followed: far above what anybody writes, and far below
/// what fills the memory.
pub(super) fn most_nodes(bytes: usize) -> usize {
    (bytes / 6).max(250_000)
}

/// What is said of a document with more.
pub(super) const TOO_MANY: &str =
    "more values than a manifest of its size can have, aliases followed; split it, or use fewer aliases";

/// Up to so many keys, looking at each pair is cheaper than a table.
const FEW: usize = 12;

/// The first key of the map at `map` that is there twice, as the index of its second place.
pub(super) fn repeated_key(entries: &[Entry<'_>], map: usize) -> Option<usize> {
    let end = entries[map].end as usize;
    // The key after a key is the one after its value.
    let after = |key: usize| Some(entries[key + 1].end as usize).filter(|key| *key < end);
    let keys = || iter::successors(Some(map + 1).filter(|key| *key < end), |key| after(*key));
    let (mut few, mut known) = ([""; FEW], 0);
    for at in keys() {
        // `<<` may be there several times.
        let Some(key) = text(&entries[at]) else {
            continue;
        };
        // Their ends are looked at first: most keys differ there.
        let ends = |key: &str| {
            (
                key.len(),
                key.as_bytes().first().copied(),
                key.as_bytes().last().copied(),
            )
        };
        if few[..known]
            .iter()
            .any(|other| ends(other) == ends(key) && *other == key)
        {
            return Some(at);
        }
        if known == FEW {
            let mut seen = HashSet::new();
            return keys().find(|at| text(&entries[*at]).is_some_and(|key| !seen.insert(key)));
        }
        few[known] = key;
        known += 1;
    }
    None
}

fn text<'t>(entry: &'t Entry<'_>) -> Option<&'t str> {
    match &entry.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// A node of a tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'t> {
    tree: &'t Tree<'t>,
    at: usize,
}

impl<'t> Node<'t> {
    fn entry(self) -> &'t Entry<'t> {
        &self.tree.entries[self.at]
    }

    fn next(self) -> Self {
        Node {
            at: self.entry().end as usize,
            ..self
        }
    }

    fn child(self) -> Self {
        Node {
            at: self.at + 1,
            ..self
        }
    }

    /// What it stands for, when it is an alias.
    fn resolved(self) -> Self {
        match self.entry().value {
            Value::Alias(at) => Node {
                at: at as usize,
                ..self
            },
            _ => self,
        }
    }

    pub(super) fn is_null(self) -> bool {
        self.resolved().entry().value == Value::Null
    }

    pub(super) fn is_map(self) -> bool {
        matches!(self.resolved().entry().value, Value::Map | Value::Merged)
    }

    pub(super) fn is_list(self) -> bool {
        self.resolved().entry().value == Value::List
    }

    /// Its text, when it is a string.
    pub(super) fn text(self) -> Option<&'t str> {
        text(self.resolved().entry())
    }

    /// The value of a key; `None` when it is absent, or this is no map.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        self.pairs().find(|(k, _)| k.text() == Some(key)).map(|(_, v)| v)
    }

    /// Its items; none when it is no list.
    pub(super) fn items(self) -> impl Iterator<Item = Self> {
        let list = self.resolved();
        let end = if list.is_list() {
            list.entry().end as usize
        } else {
            0
        };
        let mut next = list.child();
        iter::from_fn(move || {
            let item = next;
            (item.at < end).then(|| {
                next = item.next();
                item
            })
        })
    }

    /// Its keys and values; none when it is no map.
    pub(super) fn pairs(self) -> Pairs<'t> {
        let map = self.resolved();
        match map.entry().value {
            Value::Merged => {
                let mut all = Merging::default();
                all.add(map);
                Pairs::Merged(all.pairs.into_iter())
            }
            Value::Map => Pairs::AsWritten {
                next: map.child(),
                end: map.entry().end as usize,
            },
            _ => Pairs::AsWritten { next: map, end: 0 },
        }
    }

    /// The field that a path such as `spec.containers[0].name` leads to, or the nearest thing around it that is there.
    pub(super) fn nearest(self, field: &str) -> Self {
        let mut at = self;
        for step in steps(field) {
            let next = match step {
                Step::Key(key) => at.get(key),
                Step::Item(item) => at.items().nth(item),
            };
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    }

    /// Line and column in the document, from 1.
    pub(super) fn place(self) -> (usize, usize) {
        (self.entry().line as usize, self.entry().column as usize)
    }
}

/// The entries of a map with merge keys: in the order of the text, the last of a key counts, as kubectl has it.
#[derive(Default)]
struct Merging<'t> {
    pairs: Vec<(Node<'t>, Node<'t>)>,
    known: HashMap<&'t str, usize>,
}

impl<'t> Merging<'t> {
    fn add(&mut self, map: Node<'t>) {
        let map = map.resolved();
        let end = map.entry().end as usize;
        let mut key = map.child();
        while key.at < end {
            let value = key.child();
            match text(key.entry()) {
                Some(text) => self.put(text, (key, value)),
                None => self.merge(value),
            }
            key = value.next();
        }
    }

    /// Of several maps, the first one wins.
    fn merge(&mut self, value: Node<'t>) {
        if value.is_list() {
            let maps: Vec<_> = value.items().collect();
            maps.into_iter().rev().for_each(|map| self.add(map));
        } else {
            self.add(value);
        }
    }

    fn put(&mut self, key: &'t str, pair: (Node<'t>, Node<'t>)) {
        match self.known.get(key) {
            Some(&i) => self.pairs[i] = pair,
            None => {
                self.known.insert(key, self.pairs.len());
                self.pairs.push(pair);
            }
        }
    }
}

/// See [`Node::pairs`].
pub(super) enum Pairs<'t> {
    AsWritten { next: Node<'t>, end: usize },
    Merged(vec::IntoIter<(Node<'t>, Node<'t>)>),
}

impl<'t> Iterator for Pairs<'t> {
    type Item = (Node<'t>, Node<'t>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Pairs::AsWritten { next, end } => {
                let key = *next;
                (key.at < *end).then(|| {
                    let value = key.child();
                    *next = value.next();
                    (key, value)
                })
            }
            Pairs::Merged(pairs) => pairs.next(),
        }
    }
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let node = self.resolved();
        match &node.entry().value {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(number) => visitor.visit_i64(*number),
            Value::Unsigned(number) => visitor.visit_u64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List => visitor.visit_seq(SeqDeserializer::new(node.items())),
            Value::Map | Value::Merged => visitor.visit_map(Fields {
                pairs: node.pairs(),
                value: None,
            }),
            // Neither of the last two is ever resolved to.
            Value::Null | Value::Merge | Value::Alias(_) => visitor.visit_unit(),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    /// What nobody reads is not looked at.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier
    }
}

impl<'de> IntoDeserializer<'de> for Node<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

struct Fields<'t> {
    pairs: Pairs<'t>,
    value: Option<Node<'t>>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.pairs.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self.value.take().expect("serde asks for a value after its key");
        seed.deserialize(value)
    }
}

/// A step down from a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'p> {
    Key(&'p str),
    Item(usize),
}

/// `spec.containers[0].name` and `labels["app.kubernetes.io/name"]`, in steps.
pub(super) fn steps(field: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut rest = field;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let (key, after) = quoted.split_once("\"]").unwrap_or((quoted, ""));
            steps.push(Step::Key(key));
            rest = after;
        } else if let Some(item) = rest.strip_prefix('[') {
            let (item, after) = item.split_once(']').unwrap_or((item, ""));
            steps.push(Step::Item(item.parse().unwrap_or(usize::MAX)));
            rest = after;
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            steps.push(Step::Key(&rest[..end]));
            rest = &rest[end..];
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_they_are_printed() {
        use Step::{Item, Key};
        assert_eq!(
            steps("spec.containers[12].name"),
            [Key("spec"), Key("containers"), Item(12), Key("name")]
        );
        assert_eq!(
            steps(r#"metadata.labels["a.b/c"]"#),
            [Key("metadata"), Key("labels"), Key("a.b/c")]
        );
        assert_eq!(steps("items[0].spec"), [Key("items"), Item(0), Key("spec")]);
    }
}
