//! The `plimsoll` command.

use std::io::{Write, stderr};
use std::process::ExitCode;

use mimalloc::MiMalloc;
use plimsoll::cli::Cli;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    Cli::of_arguments().run().unwrap_or_else(|error| {
        // When not even this can be written, the exit code still tells.
        let _ = writeln!(stderr(), "{}: {error}", Cli::program());
        ExitCode::from(2)
    })
}
