//! Names that people type: what is meant by one that is not there, and how this program was called.

use std::env;
use std::ffi::OsStr;
use std::path::Path;

use crate::model::text::distance;
use crate::rules;

/// What kubectl looks for when it is asked for `kubectl plimsoll`.
const PLUGIN: &str = "kubectl-plimsoll";

/// What people type to run this program: `kubectl plimsoll` when it was called as kubectl's plugin.
pub(super) fn program() -> &'static str {
    program_of(env::args_os().next().as_deref())
}

fn program_of(called: Option<&OsStr>) -> &'static str {
    let called = called.map(Path::new).and_then(Path::file_stem);
    if called.is_some_and(|called| called == PLUGIN) {
        "kubectl plimsoll"
    } else {
        "plimsoll"
    }
}

/// What to do instead of a name that is not among the candidates.
pub(super) fn hint<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    let program = program();
    match nearest(name, candidates) {
        Some(near) => format!("did you mean {near}? {program} rules lists them all"),
        None => format!("{program} rules lists them all"),
    }
}

/// A rule's name, as the registry has it.
///
/// # Errors
/// That there is none of the name, and the nearest.
pub(super) fn rule(name: &str) -> Result<&'static str, String> {
    rules::find(name).map(|rule| rule.name).ok_or_else(|| {
        let names = rules::RULES.iter().map(|rule| rule.name);
        format!("no rule is called so; {}", hint(name, names))
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
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_typo_finds_its_rule_and_nonsense_finds_none() {
        for (typed, meant) in [
            ("memory-limits", Some("memory-limit")),
            ("Memory_Limit", Some("memory-limit")),
            ("podspread", Some("pod-spread")),
            ("pod-sprad", Some("pod-spread")),
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

    #[rstest]
    #[case(Some("/usr/local/bin/kubectl-plimsoll"), "kubectl plimsoll")]
    #[case(Some("kubectl-plimsoll"), "kubectl plimsoll")]
    #[case(Some("kubectl-plimsoll.exe"), "kubectl plimsoll")]
    #[case(Some("target/release/plimsoll"), "plimsoll")]
    #[case(Some("kubectl-plimsoll-old"), "plimsoll")]
    #[case(None, "plimsoll")]
    fn a_plugin_is_called_as_kubectl_calls_it(#[case] called: Option<&str>, #[case] program: &str) {
        assert_eq!(program_of(called.map(OsStr::new)), program);
    }
}
