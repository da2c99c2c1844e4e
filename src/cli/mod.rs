//! The command line: one file a subcommand.
//!
//! Exit codes: 0, nothing was found; 1, `check` found something at or above `--fail-on`; 2, wrong usage, or an input that
//! could not be read (what could be is still printed).

mod baseline;
mod check;
mod compare;
mod completions;
mod crds;
mod explain;
mod fix;
#[cfg(feature = "operator")]
mod live;
mod names;
#[cfg(feature = "operator")]
pub mod operator;
mod policies;
mod progress;
#[cfg(feature = "operator")]
pub mod record;
#[cfg(feature = "operator")]
pub mod remove_webhook;
pub mod replay;
mod rules;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use self::baseline::BaselineFault;
use crate::output::style::Style;

/// The load line for Kubernetes workloads: which do not survive the loss of a pod, a node or a zone, and why.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, propagate_version = false, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Judge manifests, or a live cluster once
    Check(Box<check::CheckArgs>),
    /// Play a recorded outage: what Plimsoll says, and when
    Replay(replay::ReplayArgs),
    /// Record a live cluster's watches, to be replayed
    #[cfg(feature = "operator")]
    Record(record::RecordArgs),
    /// List the rules and detectors
    Rules,
    /// Print what a rule or detector means, why it matters and what mends it
    Explain(explain::ExplainArgs),
    /// Print the CustomResourceDefinitions
    Crds(crds::CrdsArgs),
    /// Run in a cluster: watch, judge, report
    #[cfg(feature = "operator")]
    Operator(operator::OperatorArgs),
    /// Remove the webhook configurations, as the chart does before an uninstall
    #[cfg(feature = "operator")]
    #[command(hide = true)]
    RemoveWebhook(remove_webhook::RemoveArgs),
    /// Print a shell's completions
    Completions(completions::CompletionsArgs),
    /// Print the man page, or write one for each subcommand
    Man(completions::ManArgs),
    /// Print the version
    Version,
}

/// Why a command did not do what it was asked to: exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Standard output or a file cannot be written.
    #[error("cannot write {what}: {source}")]
    Write {
        /// What was to be written.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// `check` without an input.
    #[error("nothing to check: {0}")]
    Nothing(String),
    /// `check --fix` of what is no file.
    #[error("standard input cannot be edited; name the file, or print the changes with --diff")]
    FixedInput,
    /// Standard input is not there.
    #[error("standard input cannot be read: {0}")]
    Stdin(io::Error),
    /// A file that findings are compared with cannot be used.
    #[error("{file}:{fault}", file = .file.display())]
    Baseline {
        /// Its path.
        file: PathBuf,
        /// What is wrong with it, and where.
        fault: BaselineFault,
    },
    /// Nothing is compared.
    #[error("--map-namespace goes with --compare A B; add that")]
    NothingCompared,
    /// A comparison is asked for in a format that has no place for it.
    #[error("--compare prints a table or json; leave -o out, or write -o json")]
    ComparedAs,
    /// This build has no client.
    #[cfg(not(feature = "operator"))]
    #[error("this build reads no clusters; compare files, or build it with the feature operator")]
    NoClusters,
    /// No rule or detector has this name.
    #[error("no rule or detector is called {name:?}; {hint}")]
    UnknownName {
        /// What was asked for.
        name: String,
        /// What to do instead.
        hint: String,
    },
    /// The cluster cannot be read at all.
    #[cfg(feature = "operator")]
    #[error("{0}")]
    Live(#[from] live::LiveError),
    /// The cluster is not recorded, or not to the end.
    #[cfg(feature = "operator")]
    #[error("{0}")]
    Record(#[from] record::RunError),
    /// The operator ended although nobody asked it to.
    #[cfg(feature = "operator")]
    #[error("{0}")]
    Operator(#[from] operator::RunError),
    /// The webhook configurations may still be there.
    #[cfg(feature = "operator")]
    #[error("{0}")]
    RemoveWebhook(#[from] remove_webhook::RemoveError),
}

impl Cli {
    /// Reads the command line. Help and wrong usage end the program here, as clap has it: exit codes 0 and 2.
    #[must_use]
    pub fn of_arguments() -> Cli {
        let matches = Cli::command().bin_name(names::program()).get_matches();
        Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// What people type to run this program: `plimsoll`, or `kubectl plimsoll`.
    #[must_use]
    pub fn program() -> &'static str {
        names::program()
    }

    /// Does what was asked.
    ///
    /// # Errors
    /// [`CliError`], for which the exit code is 2.
    pub fn run(self) -> Result<ExitCode, CliError> {
        match self.command {
            Command::Check(args) => check::run(&args),
            Command::Replay(args) => replay::run(&args),
            #[cfg(feature = "operator")]
            Command::Record(args) => {
                record::run(args)?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Rules => print(&rules::render()),
            Command::Explain(args) => print(&explain::page(&args.name)?),
            Command::Crds(args) => crds::run(args),
            #[cfg(feature = "operator")]
            Command::Operator(args) => {
                operator::run(args)?;
                Ok(ExitCode::SUCCESS)
            }
            #[cfg(feature = "operator")]
            Command::RemoveWebhook(args) => {
                remove_webhook::run(args)?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Completions(args) => completions::completions(&args),
            Command::Man(args) => completions::man(args),
            Command::Version => print(concat!("plimsoll ", env!("CARGO_PKG_VERSION"), "\n")),
        }
    }
}

/// How standard output is written to.
fn style() -> Style {
    let columns = terminal_size::terminal_size().map(|(width, _)| width.0);
    Style::of(io::stdout().is_terminal(), columns, |name| {
        std::env::var(name).ok()
    })
}

/// Writes to standard output. Whoever reads it may have read enough (`| head`): that is no failure.
fn print(text: &str) -> Result<ExitCode, CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Write {
            what: "to standard output".to_owned(),
            source,
        }),
        _ => Ok(ExitCode::SUCCESS),
    }
}
