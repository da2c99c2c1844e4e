//! Label selectors, each part with its own place.

use std::borrow::Cow;

use serde::Deserialize;

use super::loose::{Fields, List, Loose, MAX_TEXT, Text};
use super::meta::Strings;
use super::path::{Path, Problems};
use crate::model::selector::{LabelSelector, RawLabelSelector, RawRequirement};
use crate::model::text::clip;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SelectorFields<'a> {
    #[serde(borrow)]
    match_labels: Loose<Strings<'a>>,
    #[serde(borrow)]
    match_expressions: List<Fields<Requirement<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Requirement<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    operator: Text<'a>,
    #[serde(borrow)]
    values: List<Cow<'a, str>>,
}

impl Loose<Fields<SelectorFields<'_>>> {
    /// The selector at `path`; `None` when it is absent, or any part of it is refused.
    pub(super) fn selector(self, path: Path<'_>, problems: &mut Problems) -> Option<LabelSelector> {
        let before = problems.count();
        let Fields(fields) = self.take(path, problems)?;
        let match_labels = fields.match_labels.labels(path.key("matchLabels"), problems);
        let path = path.key("matchExpressions");
        let mut expressions = Vec::new();
        for (i, Fields(requirement)) in fields.match_expressions.items(path, problems) {
            expressions.extend(requirement.raw(path.at(i), problems));
        }
        let raw = RawLabelSelector {
            match_labels,
            match_expressions: Some(expressions),
        };
        let selector = LabelSelector::try_from(raw);
        (problems.count() == before).then_some(selector.ok()?)
    }
}

impl Requirement<'_> {
    /// The requirement, if the API server would take it.
    fn raw(self, path: Path<'_>, problems: &mut Problems) -> Option<RawRequirement> {
        let before = problems.count();
        let text = |text: Text<'_>, path: Path<'_>, problems: &mut Problems| {
            clip(&text.take(path, problems).unwrap_or_default(), MAX_TEXT)
        };
        let key = text(self.key, path.key("key"), problems);
        let operator = text(self.operator, path.key("operator"), problems);
        let list = path.key("values");
        let values = self.values.take(list, problems).unwrap_or_default();
        // A null value is an empty one.
        let value = |(i, value)| Some(text(value, list.at(i), problems).into());
        let raw = RawRequirement {
            key: key.into(),
            operator: operator.into(),
            values: Some(values.into_iter().enumerate().map(value).collect()),
        };
        let alone = RawLabelSelector {
            match_expressions: Some(vec![raw.clone()]),
            ..RawLabelSelector::default()
        };
        if problems.count() == before
            && let Err(e) = LabelSelector::try_from(alone)
        {
            problems.add(path, format!("is refused: {e}"));
        }
        (problems.count() == before).then_some(raw)
    }
}
