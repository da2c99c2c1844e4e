//! JSON, read into a [`Tree`]. Where something stands is only asked when something is wrong with it, and found then.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::tree::{Entry, Step, Tree, Value, index, repeated_key, steps};

/// Reads a text that is one value.
pub(super) fn read(text: &str) -> Result<Tree<'_>, serde_json::Error> {
    let mut entries = Vec::new();
    let mut from = serde_json::Deserializer::from_str(text);
    Grow(&mut entries).deserialize(&mut from)?;
    from.end()?;
    Ok(Tree::new(entries))
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

/// The values of the list under `items`.
pub(super) fn items(text: &str) -> Vec<&str> {
    #[derive(serde::Deserialize)]
    struct List<'a> {
        #[serde(borrow, default)]
        items: Vec<&'a RawValue>,
    }
    let list = serde_json::from_str::<List<'_>>(text);
    list.map_or_else(
        |_| Vec::new(),
        |list| list.items.into_iter().map(RawValue::get).collect(),
    )
}

/// Where `part` begins in `whole`, of which it is a slice.
pub(super) fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr().addr() - whole.as_ptr().addr()
}

/// Puts the next value at the end of the row.
struct Grow<'n, 'a>(&'n mut Vec<Entry<'a>>);

impl<'a> Grow<'_, 'a> {
    fn push(self, value: Value<'a>) {
        let end = index(self.0.len() + 1);
        self.0.push(Entry {
            value,
            end,
            line: 0,
            column: 0,
        });
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
        self.push(Value::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.push(Value::Bool(value));
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.push(Value::Int(number));
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.push(i64::try_from(number).map_or(Value::Unsigned(number), Value::Int));
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.push(Value::Float(number));
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.push(Value::Text(text.into()));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.push(Value::Text(text.to_owned().into()));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let entries = self.0;
        let at = entries.len();
        Grow(entries).push(Value::List);
        while list.next_element_seed(Grow(entries))?.is_some() {}
        entries[at].end = index(entries.len());
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let entries = self.0;
        let at = entries.len();
        Grow(entries).push(Value::Map);
        while map.next_key_seed(Grow(entries))?.is_some() {
            map.next_value_seed(Grow(entries))?;
        }
        entries[at].end = index(entries.len());
        match repeated_key(entries, at).map(|key| &entries[key].value) {
            Some(Value::Text(name)) => Err(A::Error::custom(format_args!(
                "the key {name:?} is there twice; keep one of them"
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
