//! `plimsoll replay`: a recorded cluster, judged as the operator would have judged it, on a clock of its own.

mod play;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

pub use self::play::play;
use super::check::warn;
use super::{CliError, print};
use crate::output::timeline::{Timeline, json, table};
use crate::source::recording::{self, Recording};

/// What `replay` is told.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0, it was replayed, whatever happened in it; 2, wrong usage or a line that cannot be read \
                  (the rest is still replayed)."
)]
pub struct ReplayArgs {
    /// A recording, or a directory that holds recording.jsonl or recording.jsonl.gz
    path: PathBuf,
    /// How to print what happened
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Table,
    /// For tools: a stable contract
    Json,
}

pub(super) fn run(args: &ReplayArgs) -> Result<ExitCode, CliError> {
    let opened = recording::find(&args.path).and_then(|file| Recording::open(&file));
    let timeline = match opened {
        Ok(recording) => play(recording),
        Err(error) => Timeline {
            errors: vec![error],
            ..Timeline::default()
        },
    };
    match args.output {
        Format::Json => print(&(json::render(&timeline) + "\n"))?,
        Format::Table => {
            warn(&timeline.errors);
            print(&table::render(&timeline, super::style()))?
        }
    };
    Ok(ExitCode::from(if timeline.errors.is_empty() { 0 } else { 2 }))
}
