//! `plimsoll explain`: the reference page of a rule or detector.

use clap::Args;

use super::{CliError, names};
use crate::{detect, rules};

/// What `explain` is told.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A rule or detector, as `plimsoll rules` lists them
    pub(super) name: String,
}

/// The page of that name.
pub(super) fn page(name: &str) -> Result<String, CliError> {
    let page = rules::find(name).map(rules::Rule::page);
    page.or_else(|| detect::find(name).map(detect::Detector::page))
        .ok_or_else(|| {
            let names = rules::RULES
                .iter()
                .map(|r| r.name)
                .chain(detect::DETECTORS.iter().map(|d| d.name));
            CliError::UnknownName {
                name: name.to_owned(),
                hint: names::hint(name, names),
            }
        })
}
