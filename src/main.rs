//! The `plimsoll` command.

use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::Parser;
use plimsoll::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run().unwrap_or_else(|error| {
        // When not even this can be written, the exit code still tells.
        let _ = writeln!(stderr(), "plimsoll: {error}");
        ExitCode::from(2)
    })
}
