//! What can go wrong around a control plane, each with the way out.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a control plane could not be built, started or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or a process could not be handled.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// What the operating system answered.
        source: io::Error,
    },
    /// A binary is missing and there is no Go to build it with.
    #[error(
        "{tool} is missing and `go` is not on the PATH: install Go {go} or later (https://go.dev/dl), \
         or point {variable} or KUBEBUILDER_ASSETS at binaries that you have"
    )]
    NoGo {
        /// The binary that is missing.
        tool: &'static str,
        /// The Go version that its module asks for.
        go: String,
        /// The environment variable that may name the binary instead.
        variable: String,
    },
    /// An environment variable names a binary that does not exist.
    #[error("{variable} names {}, which is not a file: correct it or unset it", path.display())]
    BadOverride {
        /// The environment variable.
        variable: String,
        /// What it says.
        path: PathBuf,
    },
    /// `go build` failed.
    #[error("building {tool} failed:\n{output}")]
    Build {
        /// The binary.
        tool: &'static str,
        /// The end of what Go wrote.
        output: String,
    },
    /// A file of the rig does not look as expected.
    #[error("{}: {problem}", path.display())]
    Rig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A component of the control plane ended, or never became ready.
    #[error("{component} {problem}; the end of {} (PLIMSOLL_KIT_KEEP=1 keeps it):\n{tail}", log.display())]
    Component {
        /// The process.
        component: String,
        /// What it did.
        problem: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// A command such as kubectl said no.
    #[error("`{command}` failed: {stderr}")]
    Command {
        /// The command line.
        command: String,
        /// What it wrote to stderr.
        stderr: String,
    },
    /// Something did not come in time.
    #[error("waited {after:?} for {what}; last seen: {last}")]
    Timeout {
        /// How long.
        after: Duration,
        /// For what.
        what: String,
        /// What was there instead.
        last: String,
    },
    /// A certificate could not be made.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// An answer was not the JSON that it should have been.
    #[error("{what}: {source}")]
    Json {
        /// What was parsed.
        what: String,
        /// Where it failed.
        source: serde_json::Error,
    },
    /// A `kube::Client` could not be made.
    #[cfg(feature = "client")]
    #[error("client: {0}")]
    Client(String),
}

/// Says what was tried when an I/O call fails.
pub(crate) trait IoContext<T> {
    /// Wraps the error, `what` being computed only then.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Io { what: what(), source })
    }
}
