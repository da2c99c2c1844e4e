//! Remedies made in the text of manifests: `check --fix`.
//!
//! ```text
//! text ──documents──> layout: every node and its bytes ──plan(patch)──> changes ──> text
//!                                                                         │ read again: exactly the patch merged?
//!                                                                         v
//!                                                              refused, with the way out
//! ```
//!
//! What a patch does not speak of keeps its bytes: comments, order, quotes, line ends. What is new is written in the
//! document's own hand. Nothing is trusted: a document that would then not read as what it was with the patch merged into
//! it is left as it was.

mod layout;
mod merge;
mod place;
mod plan;
mod sheet;
mod style;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde_json::Value;

use self::place::Change;
use self::sheet::Sheet;
use self::style::Style;
use super::document::{Document, documents};
use crate::model::keys::ObjectKey;

/// What became of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The text, edited.
    pub text: String,
    /// For each remedy: the first line that it changed, as counted in the edited text, `None` where nothing had to change;
    /// or why it was not made, and the way out.
    pub outcomes: Vec<Result<Option<usize>, String>>,
}

/// Makes strategic merge patches in a text, each in the object of that key.
#[must_use]
pub fn patch(text: &str, patches: &[(&ObjectKey, &Value)]) -> Edited {
    let documents = documents(text);
    let named = |document: &Document<'_>| {
        patches
            .iter()
            .any(|(key, _)| document.text().contains(&*key.name))
    };
    let sheets: Vec<Sheet<'_>> = documents
        .into_iter()
        .filter(named)
        .filter_map(|document| Sheet::read(text, document))
        .collect();
    let mut places: HashMap<ObjectKey, Vec<(usize, Option<usize>)>> = HashMap::new();
    for (at, sheet) in sheets.iter().enumerate() {
        for (key, item) in sheet.objects() {
            places.entry(key).or_default().push((at, item));
        }
    }
    let mut jobs: Vec<Vec<sheet::Job<'_>>> = sheets.iter().map(|_| Vec::new()).collect();
    let mut outcomes = Vec::with_capacity(patches.len());
    for (number, (key, patch)) in patches.iter().enumerate() {
        outcomes.push(match places.get(*key).map_or(&[][..], Vec::as_slice) {
            [(at, item)] => {
                jobs[*at].push(sheet::Job {
                    number,
                    kind: key.kind.as_str(),
                    item: *item,
                    patch,
                });
                Ok(None)
            }
            [] => Err("the object is not found in the file; check what the file holds now".to_owned()),
            _ => Err("the object is in the file twice; remove one of them".to_owned()),
        });
    }
    let mut changes: Vec<Change> = Vec::new();
    for (sheet, jobs) in sheets.iter().zip(&jobs) {
        changes.extend(sheet.patch(jobs, &mut outcomes));
    }
    // Each sheet's own fit together, and sheets do not overlap.
    let edited = place::apply(text, &mut changes).unwrap_or_else(|| text.to_owned());
    for outcome in outcomes.iter_mut().flatten() {
        *outcome = outcome.map(|at| place::line(&edited, &changes, at));
    }
    Edited {
        text: edited,
        outcomes,
    }
}

/// Puts an object behind the last document of a text; also the line where it begins.
///
/// # Errors
/// Why it cannot stand there, and the way out.
pub fn append(text: &str, object: &Value) -> Result<(String, usize), String> {
    let before = documents(text);
    if before.iter().any(Document::is_json) {
        return Err("the file is JSON, which holds one object; write it to a file of its own".to_owned());
    }
    if let Some(found) = before.iter().find_map(Document::template) {
        return Err(format!(
            "the file is a template (line {}); add it to the chart by hand",
            found.line
        ));
    }
    let style = before
        .iter()
        .find_map(|document| Sheet::read(text, *document))
        .map_or_else(Style::default, |sheet| sheet.style);
    let lines: Vec<String> = match object {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| style.block(Some(key), value, 0, 2))
            .collect(),
        _ => Vec::new(),
    };
    let eol = style.eol;
    let gap = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        eol
    };
    let head = format!("{text}{gap}---{eol}");
    let appended = format!("{head}{}{eol}", lines.join(eol));
    let after = documents(&appended);
    let same = |(old, new): (&Document<'_>, &Document<'_>)| old.value() == new.value();
    let is_right = after.len() == before.len() + 1
        && before.iter().zip(&after).all(same)
        && after.last().and_then(Document::value).as_ref() == Some(object);
    if is_right {
        let line = head.matches('\n').count() + 1;
        Ok((appended, line))
    } else {
        Err(
            "the file does not end where another document can begin; write it to a file of its own"
                .to_owned(),
        )
    }
}
