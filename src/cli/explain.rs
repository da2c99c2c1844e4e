//! `plimsoll explain`: the reference page of a rule or detector.

use clap::Args;

use super::CliError;
use crate::model::text::distance;
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
            let hint = match nearest(name, names) {
                Some(near) => format!("did you mean {near}? plimsoll rules lists them all"),
                None => "plimsoll rules lists them all".to_owned(),
            };
            CliError::UnknownName {
                name: name.to_owned(),
                hint,
            }
        })
}

/// The candidate that the fewest typing errors lead to, if they are few for its length.
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase().replace(['_', ' '], "-");
    let (errors, nearest) = candidates.map(|c| (distance(&name, c), c)).min()?;
    (errors <= nearest.len() / 3).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_rule_and_nonsense_finds_none() {
        for (typed, meant) in [
            ("memory-limits", Some("memory-limit")),
            ("Memory_Limit", Some("memory-limit")),
            ("podspread", Some("pod-spread")),
            ("min-replica", Some("min-replicas")),
            ("kittens", None),
        ] {
            assert_eq!(
                nearest(typed, rules::RULES.iter().map(|r| r.name)),
                meant,
                "{typed}"
            );
        }
    }
}
