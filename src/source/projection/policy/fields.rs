//! Maps of a policy, read field by field: what has another shape than it should, or is no field at all, is noted.

use serde_json::{Map, Value};

use super::super::loose::{clipped, quoted};
use super::super::path::{Path, Problems};
use crate::model::policy::Word;
use crate::model::text::distance;

/// A map of the policy, with its place.
#[derive(Clone, Copy)]
pub(super) struct Fields<'v> {
    map: &'v Map<String, Value>,
    pub(super) path: Path<'v>,
}

impl<'v> Fields<'v> {
    /// A value as a map of these fields; notes what is no map, and fields that there are not.
    pub(super) fn of(
        value: &'v Value,
        path: Path<'v>,
        known: &[&str],
        problems: &mut Problems,
    ) -> Option<Self> {
        let Value::Object(map) = value else {
            problems.add(path, format!("must be a map, not {}", shown(value)));
            return None;
        };
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            unknown(key, known, path, problems);
        }
        Some(Fields { map, path })
    }

    /// A field's value. A `null` is as good as none: the API server drops it, unless it stands in a list.
    pub(super) fn get(self, key: &str) -> Option<&'v Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A field that is a map, as `read` reads it.
    pub(super) fn map<T>(
        self,
        key: &str,
        known: &[&str],
        problems: &mut Problems,
        read: impl FnOnce(Fields<'_>, &mut Problems) -> T,
    ) -> Option<T> {
        let value = self.get(key)?;
        let fields = Fields::of(value, self.path.key(key), known, problems)?;
        Some(read(fields, problems))
    }

    pub(super) fn list(
        self,
        key: &str,
        least: usize,
        most: usize,
        problems: &mut Problems,
    ) -> Option<&'v [Value]> {
        let path = self.path.key(key);
        match self.get(key)? {
            Value::Array(items) if items.len() > most => {
                problems.add(
                    path,
                    format!("must have at most {most} items, not {}", items.len()),
                );
                Some(&items[..most])
            }
            Value::Array(items) if items.len() < least => {
                problems.add(path, "must not be empty; add an item or leave it out");
                None
            }
            Value::Array(items) => Some(items),
            other => {
                problems.add(path, format!("must be a list, not {}", shown(other)));
                None
            }
        }
    }

    /// A list of names, each once; `wrong` says what is wrong with one.
    pub(super) fn names(
        self,
        key: &str,
        most: usize,
        wrong: impl Fn(&str) -> Option<String>,
        problems: &mut Problems,
    ) -> Option<Vec<&'v str>> {
        let items = self.list(key, 1, most, problems)?;
        let path = self.path.key(key);
        let mut names = Vec::new();
        for (i, item) in items.iter().enumerate() {
            match item {
                Value::String(name) if names.contains(&name.as_str()) => {
                    problems.add(
                        path.at(i),
                        format!("{} is there twice; remove one of them", quoted(name)),
                    );
                }
                Value::String(name) => match wrong(name) {
                    Some(why) => problems.add(path.at(i), why),
                    None => names.push(name.as_str()),
                },
                other => problems.add(path.at(i), format!("must be a string, not {}", shown(other))),
            }
        }
        Some(names)
    }

    pub(super) fn text(self, key: &str, what: &str, problems: &mut Problems) -> Option<&'v str> {
        match self.get(key)? {
            Value::String(text) => Some(text),
            other => {
                let message = format!("must be {what} as a string, not {}", shown(other));
                problems.add(self.path.key(key), message);
                None
            }
        }
    }

    /// A whole number within bounds; YAML's `2.0` is one, as it is for kubectl.
    pub(super) fn whole(self, key: &str, (least, most): (i32, i32), problems: &mut Problems) -> Option<i32> {
        let value = self.get(key)?;
        let number = match value {
            Value::Number(number) => number
                .as_i64()
                .or_else(|| number.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as i64)),
            _ => None,
        };
        let fits = number
            .and_then(|n| i32::try_from(n).ok())
            .filter(|n| (least..=most).contains(n));
        if fits.is_none() {
            let message = format!(
                "must be a whole number from {least} to {most}, not {}",
                shown(value)
            );
            problems.add(self.path.key(key), message);
        }
        fits
    }

    pub(super) fn truth(self, key: &str, problems: &mut Problems) -> Option<bool> {
        let value = self.get(key)?;
        if !value.is_boolean() {
            let message = format!("must be true or false, not {}", shown(value));
            problems.add(self.path.key(key), message);
        }
        value.as_bool()
    }

    pub(super) fn word<T: Word>(self, key: &str, problems: &mut Problems) -> Option<T> {
        let value = self.get(key)?;
        let word = value.as_str().and_then(T::parse);
        if word.is_none() {
            let words: Vec<&str> = T::ALL.iter().map(|word| word.as_str()).collect();
            let quotes = match value {
                Value::Bool(false) if words.contains(&"Off") => ": YAML reads Off without quotes as false",
                _ => "",
            };
            let message = format!(
                "must be one of {}, not {}{quotes}",
                words.join(", "),
                shown(value)
            );
            problems.add(self.path.key(key), message);
        }
        word
    }
}

/// Notes a field that there is not.
pub(super) fn unknown(key: &str, known: &[&str], parent: Path<'_>, problems: &mut Problems) {
    let near = known
        .iter()
        .map(|known| (distance(known, &clipped(key)), known))
        .min();
    let way_out = match near {
        Some((errors, nearest)) if errors <= nearest.len() / 3 => format!("did you mean {nearest}?"),
        _ => format!("use one of {}", known.join(", ")),
    };
    problems.add(
        parent.key(key),
        format!("is no field of a ResiliencePolicy; {way_out}"),
    );
}

/// A value as messages repeat it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
    }
}
