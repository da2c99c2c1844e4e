//! `plimsoll completions SHELL` and `plimsoll man`: what a package of this program installs beside it.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, CliError, print};

/// What `completions` is told.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn completions(args: &CompletionsArgs) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "plimsoll", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// What `man` is told.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Write a page for each subcommand into this directory, rather than the first one to standard output
    #[arg(long)]
    dir: Option<PathBuf>,
}

pub(super) fn man(args: ManArgs) -> Result<ExitCode, CliError> {
    let failed = |what: String| move |source: io::Error| CliError::Write { what, source };
    let Some(dir) = args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command())
            .render(&mut page)
            .map_err(failed("the man page".to_owned()))?;
        return print(&String::from_utf8_lossy(&page));
    };
    std::fs::create_dir_all(&dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &dir))
        .map_err(failed(dir.display().to_string()))?;
    Ok(ExitCode::SUCCESS)
}
