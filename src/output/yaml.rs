//! `check -o yaml`: the contract of [`super::json`] as YAML, its fields in the same order.
//!
//! A text that could be more than itself (hidden characters, line feeds, what a runner of CI takes for a command) stands
//! between double quotes, in one line, with escapes: a block of several lines would give each line to whoever wrote it.
//! Where such a text is a key, which the writer does not quote, the whole document is written as JSON: YAML too.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_saphyr::DoubleQuoted;

use super::style::is_hidden;
use super::{Report, json};

/// The report as one YAML document, each line ended.
#[must_use]
pub fn render(report: &Report) -> String {
    of_json(&json::render(report))
}

/// What JSON says, as YAML.
fn of_json(text: &str) -> String {
    let tree: Tree = serde_json::from_str(text).expect("our own JSON is JSON");
    if !tree.has_plain_keys() {
        return format!("{text}\n");
    }
    let yaml = serde_saphyr::to_string(&tree).expect("plain data always serialises");
    let mut yaml = json::escaped(&yaml).into_owned();
    if !yaml.ends_with('\n') {
        yaml.push('\n');
    }
    yaml
}

/// Plain data whose fields keep their order.
enum Tree {
    Null,
    Bool(bool),
    Whole(i64),
    Real(f64),
    Text(Text),
    List(Vec<Tree>),
    Map(Vec<(Text, Tree)>),
}

/// A key or a value.
struct Text(String);

impl Text {
    /// Whether it may stand there as it is. A long text is folded at its spaces: each word may come to begin a line.
    fn is_plain(&self) -> bool {
        let text = &self.0;
        let command = |word: &str| word.starts_with("::");
        !text.contains(is_hidden) && !text.contains("##") && !text.split_whitespace().any(command)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_plain() {
            self.0.serialize(serializer)
        } else {
            DoubleQuoted(&self.0).serialize(serializer)
        }
    }
}

impl Tree {
    fn has_plain_keys(&self) -> bool {
        match self {
            Tree::List(list) => list.iter().all(Tree::has_plain_keys),
            Tree::Map(entries) => entries
                .iter()
                .all(|(key, value)| key.is_plain() && value.has_plain_keys()),
            _ => true,
        }
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Tree::Null => serializer.serialize_unit(),
            Tree::Bool(value) => serializer.serialize_bool(*value),
            Tree::Whole(value) => serializer.serialize_i64(*value),
            Tree::Real(value) => serializer.serialize_f64(*value),
            Tree::Text(text) => text.serialize(serializer),
            Tree::List(list) => list.serialize(serializer),
            Tree::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfJson)
    }
}

struct OfJson;

impl<'de> Visitor<'de> for OfJson {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Whole(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(i64::try_from(value).map_or(Tree::Real(value as f64), Tree::Whole))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Real(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(Text(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(one) = all.next_element()? {
            list.push(one);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Tree, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = all.next_entry()? {
            map.push((Text(key), value));
        }
        Ok(Tree::Map(map))
    }
}
