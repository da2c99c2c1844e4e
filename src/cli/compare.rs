//! `check --compare A B`: two environments, of files or of clusters.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use super::check::{Format, warn};
use super::{CliError, print};
use crate::check::{Comparison, Input, Pairs};
use crate::model::config::ClusterVersion;
use crate::output::comparison::{Sides, json, table};
use crate::source::manifest;

/// Begins the name of a context of the kubeconfig: `context:staging`.
const CONTEXT: &str = "context:";

/// Reads `staging=production`.
pub(super) fn parse_renamed(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((a, b)) if !a.is_empty() && !b.is_empty() => Ok((a.to_owned(), b.to_owned())),
        _ => Err("write it as A=B: the namespace's name in the first, then in the second".to_owned()),
    }
}

/// Compares, prints, and says by the exit code whether anything differs.
pub(super) fn run(
    [a, b]: [&str; 2],
    pairs: &Pairs,
    version: Option<ClusterVersion>,
    format: Format,
) -> Result<ExitCode, CliError> {
    if !matches!(format, Format::Table | Format::Json) {
        return Err(CliError::ComparedAs);
    }
    let version_of_files = version.unwrap_or(ClusterVersion::NEWEST);
    let (first, second) = (
        read(a, pairs.namespaces.as_slice(), version_of_files)?,
        read(b, &in_b(pairs), version_of_files)?,
    );
    let version = version
        .or(first.version)
        .or(second.version)
        .unwrap_or(version_of_files);
    let sides = Sides {
        a: a.to_owned(),
        b: b.to_owned(),
        comparison: Comparison::of(first, second, version, pairs),
    };
    if format == Format::Json {
        print(&(json::render(&sides) + "\n"))?;
    } else {
        warn(&sides.comparison.errors);
        print(&table::render(&sides, super::style()))?;
    }
    Ok(ExitCode::from(
        match (sides.comparison.errors.is_empty(), sides.comparison.differs()) {
            (false, _) => 2,
            (true, true) => 1,
            (true, false) => 0,
        },
    ))
}

/// What the wanted namespaces are called in B.
fn in_b(pairs: &Pairs) -> Vec<String> {
    let name = |namespace: &String| pairs.renamed.get(namespace).unwrap_or(namespace).clone();
    pairs.namespaces.iter().map(name).collect()
}

fn read(side: &str, namespaces: &[String], version: ClusterVersion) -> Result<Input, CliError> {
    match side.strip_prefix(CONTEXT) {
        Some(context) => of_context(context, namespaces),
        None => Ok(manifest::read(&[PathBuf::from(side)], &mut io::stdin().lock(), version).into()),
    }
}

#[cfg(feature = "operator")]
fn of_context(context: &str, namespaces: &[String]) -> Result<Input, CliError> {
    Ok(super::live::read(
        &super::live::LiveArgs::of_context(context),
        namespaces,
    )?)
}

#[cfg(not(feature = "operator"))]
fn of_context(_: &str, _: &[String]) -> Result<Input, CliError> {
    Err(CliError::NoClusters)
}
