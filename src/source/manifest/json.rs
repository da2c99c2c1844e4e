//! JSON, read into a [`Tree`]. Where something stands is only asked when something is wrong with it, and found then.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::tree::{Entry, Step, TOO_MANY, Tree, Value, index, most_nodes, repeated_key, steps};
use crate::model::text::clip;

/// Reads a text that is one value.
pub(super) fn read(text: &str) -> Result<Tree<'_>, serde_json::Error> {
    let mut row = Row {
        entries: Vec::new(),
        most: most_nodes(text.len()),
    };
    let mut from = serde_json::Deserializer::from_str(text);
    Grow(&mut row).deserialize(&mut from)?;
    from.end()?;
    Ok(Tree::new(row.entries))
}

/// The value of `text` that a path leads to, or the nearest around it: where it begins, in bytes.
pub(super) fn nearest(text: &str, field: &str) -> usize {
    let mut at = text;
    for step in steps(field) {
        let next = match step {
            Step::Key(key) => serde_json::from_str::<HashMap<Cow<'_, str>, &RawValue>>(at)
                .ok()
                .and_then(|mut fields| fields.remove(key)),
            Step::Item(item) => serde_json::from_str::<Vec<&RawValue>>(at)
                .ok()
                .and_then(|items| items.get(item).copied()),
        };
        match next {
            Some(next) => at = next.get(),
            None => break,
        }
    }
    offset(text, at)
}

/// A List whose items have not been read yet.
#[derive(Debug, Deserialize)]
pub(super) struct List<'a> {
    #[serde(borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default, rename = "apiVersion")]
    pub(super) api_version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) items: Vec<&'a RawValue>,
}

/// The text as a List; `None` when it is none.
pub(super) fn list(text: &str) -> Option<List<'_>> {
    let list: List<'_> = serde_json::from_str(text).ok()?;
    list.kind.ends_with("List").then_some(list)
}

/// Where `part` begins in `whole`, of which it is a slice.
pub(super) fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr().addr() - whole.as_ptr().addr()
}

struct Row<'a> {
    entries: Vec<Entry<'a>>,
    most: usize,
}

/// Puts the next value at the end of the row.
struct Grow<'r, 'a>(&'r mut Row<'a>);

impl<'a> Grow<'_, 'a> {
    fn push<E: Error>(self, value: Value<'a>) -> Result<(), E> {
        let Row { entries, most } = self.0;
        if entries.len() == *most {
            return Err(E::custom(TOO_MANY));
        }
        entries.push(Entry {
            value,
            end: index(entries.len() + 1),
            line: 0,
            column: 0,
        });
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Grow<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Grow<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.push(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.push(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.push(Value::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.push(i64::try_from(number).map_or(Value::Unsigned(number), Value::Int))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.push(Value::Float(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.push(Value::Text(text.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.push(Value::Text(text.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let row = self.0;
        let at = row.entries.len();
        Grow(row).push(Value::List)?;
        while list.next_element_seed(Grow(row))?.is_some() {}
        row.entries[at].end = index(row.entries.len());
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let row = self.0;
        let at = row.entries.len();
        Grow(row).push(Value::Map)?;
        while map.next_key_seed(Grow(row))?.is_some() {
            map.next_value_seed(Grow(row))?;
        }
        row.entries[at].end = index(row.entries.len());
        match repeated_key(&row.entries, at).map(|key| &row.entries[key].value) {
            Some(Value::Text(name)) => Err(A::Error::custom(format_args!(
                "the key {:?} is there twice; keep one of them",
                clip(name, 60)
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::source::manifest::yaml;

    const TEXT: &str = "{\n \"a\": [1, {\"b\\\"\": \"x]}\", \"c\": {\"d\": null}},\n  {\"c\": 2}],\n \"e\": \"é\", \"f\": 3\n}";

    #[rstest]
    fn json_and_yaml_agree_on_where_a_field_is(
        #[values(
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
            ""
        )]
        field: &str,
    ) {
        let before = &TEXT[..nearest(TEXT, field)];
        let line = before.lines().count().max(1);
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        let tree = yaml::read(TEXT).expect("JSON is YAML");
        assert_eq!((line, column), tree.root().nearest(field).place());
    }

    #[test]
    fn a_key_that_is_there_twice_is_an_error() {
        let error = read("{\"a\": {\"b\": 1, \"b\": 2}}").expect_err("b is there twice");
        assert!(
            error.to_string().starts_with("the key \"b\" is there twice"),
            "{error}"
        );
    }
}
