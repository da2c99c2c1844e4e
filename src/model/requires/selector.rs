//! Label selectors as kubectl takes them (`-l`): `app=web,tier!=db,track in (stable,canary),!old`.

use serde_json::{Map, Value, json};

use super::quoted;
use crate::model::selector::LabelSelector;

/// Reads a selector; an empty one selects everything.
pub(super) fn parse(text: &str) -> Result<LabelSelector, String> {
    let (mut exact, mut expressions) = (Map::new(), Vec::new());
    let parts = super::split(text).into_iter().map(|(_, part)| part.trim());
    for part in parts.filter(|_| !text.trim().is_empty()) {
        match equality(part) {
            // A map takes a key once; who asks for two values of one label asks for nothing, and shall get that.
            Some((key, value)) if !exact.contains_key(key) => {
                drop(exact.insert(key.to_owned(), value.into()));
            }
            Some((key, value)) => expressions.push(expression_of(key, "In", &[value])),
            None => expressions.push(expression(part)?),
        }
    }
    // Through the same door as every other selector, which knows what a label may be.
    serde_json::from_value(json!({ "matchLabels": exact, "matchExpressions": expressions }))
        .map_err(|error| error.to_string())
}

/// `app=web`, `app==web`.
fn equality(part: &str) -> Option<(&str, &str)> {
    let (key, value) = part.split_once("==").or_else(|| part.split_once('='))?;
    let is_plain = !key.ends_with('!') && !part.contains('(');
    is_plain.then_some((key.trim(), value.trim()))
}

fn expression_of(key: &str, operator: &str, values: &[&str]) -> Value {
    json!({ "key": key.trim(), "operator": operator, "values": values })
}

fn expression(part: &str) -> Result<Value, String> {
    let of = expression_of;
    if let Some((key, list)) = part.split_once('(') {
        let Some(list) = list.trim_end().strip_suffix(')') else {
            return Err(format!("{} lacks its closing parenthesis", quoted(part)));
        };
        let values: Vec<&str> = list.split(',').map(str::trim).collect();
        let mut words = key.split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(key), Some("in"), None) => Ok(of(key, "In", &values)),
            (Some(key), Some("notin"), None) => Ok(of(key, "NotIn", &values)),
            _ => Err(format!("{} is neither `in` nor `notin`", quoted(part))),
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Ok(of(key, "NotIn", &[value.trim()]));
    }
    match part.strip_prefix('!') {
        Some(key) => Ok(of(key, "DoesNotExist", &[])),
        None if part.is_empty() => Err("a label is missing between two commas".to_owned()),
        None => Ok(of(part, "Exists", &[])),
    }
}
