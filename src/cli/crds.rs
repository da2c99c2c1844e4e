//! `plimsoll crds`: the CustomResourceDefinitions that the operator's reports need.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{CliError, print};
use crate::api;

/// What `crds` is told.
#[derive(Debug, Args)]
pub(super) struct CrdsArgs {
    /// Write each into a file of its own in this directory, rather than all to standard output
    #[arg(long)]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: CrdsArgs) -> Result<ExitCode, CliError> {
    let crds = api::crds();
    let Some(dir) = args.dir else {
        let documents: Vec<String> = crds.into_iter().map(|(_, yaml)| yaml).collect();
        return print(&documents.join("---\n"));
    };
    let failed = |path: &Path| {
        let what = path.display().to_string();
        move |source| CliError::Write { what, source }
    };
    fs::create_dir_all(&dir).map_err(failed(&dir))?;
    for (file, yaml) in crds {
        let path = dir.join(file);
        fs::write(&path, yaml).map_err(failed(&path))?;
    }
    Ok(ExitCode::SUCCESS)
}
