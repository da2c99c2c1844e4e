//! `plimsoll record`: a live cluster's watches into a file that `replay` plays.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::operator::{install_tls, parse_scale};
use crate::operator::client::ClientOptions;
use crate::operator::record::{self, RecordError, RecordOptions};
use crate::operator::telemetry::{self, LogFormat, TelemetryError};
use crate::source::recording::Writer;

/// Who may read a recording: it says how a cluster is built and what it runs.
const MODE: u32 = 0o600;

/// What `record` is told.
#[derive(Debug, Args)]
#[command(
    after_help = "What is recorded of an object are the fields that Plimsoll reads: no Secret, no ConfigMap, no environment, \
                  command or arguments, no annotation but plimsoll.dev/…. Ctrl-C or SIGTERM ends it."
)]
pub(super) struct RecordArgs {
    /// The file to write; gzipped when its name ends in .gz
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
    /// Stop by itself after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    duration: Option<Duration>,
    /// What the recording shows, for its header
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
    /// Factor on the durations of detectors, for clusters whose timers are shorter than Kubernetes' defaults
    #[arg(long, env = "PLIMSOLL_TIME_SCALE", default_value = "1.0", value_parser = parse_scale)]
    time_scale: f64,
    /// The kubeconfig to use [default: KUBECONFIG, the pod's service account, ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Another context than the kubeconfig's current one
    #[arg(long)]
    context: Option<String>,
}

/// Why there is no recording, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Logs cannot be written.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// No threads.
    #[error("cannot start: {0}")]
    Runtime(#[source] io::Error),
    /// The file is there already, or cannot be made.
    #[error("cannot make {}: {source}{hint}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
        /// What to do instead.
        hint: &'static str,
    },
    /// It began, and did not go on.
    #[error(transparent)]
    Record(#[from] RecordError),
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "write a number of seconds above 0, such as 90".to_owned())
}

pub(super) fn run(args: RecordArgs) -> Result<(), RunError> {
    telemetry::init(LogFormat::Text)?;
    install_tls();
    // Before anything else, so that nobody waits for an hour and then learns that there is no file.
    let file = create(&args.output, args.force).map_err(|source| RunError::File {
        hint: match source.kind() {
            io::ErrorKind::AlreadyExists => "; --force writes over it",
            _ => "",
        },
        path: args.output.clone(),
        source,
    })?;
    let gzip = args.output.extension().is_some_and(|extension| extension == "gz");
    let options = RecordOptions {
        client: ClientOptions {
            kubeconfig: args.kubeconfig,
            context: args.context,
        },
        time_scale: args.time_scale,
        duration: args.duration,
        description: args.description,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(RunError::Runtime)?;
    let begin = |header: &_| {
        file.set_len(0)?;
        Writer::new(Box::new(BufWriter::new(file)), gzip, header)
    };
    let recorded = runtime.block_on(record::record(options, begin));
    // Nothing came of it: the next try shall not find a file in its way.
    if recorded.is_err() && fs::metadata(&args.output).is_ok_and(|file| file.len() == 0) {
        let _ = fs::remove_file(&args.output);
    }
    Ok(recorded?)
}

/// A file that only its owner may read. What is in it stays until there is something to write.
fn create(path: &Path, force: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).mode(MODE);
    if !force {
        return options.create_new(true).open(path);
    }
    let file = options.create(true).truncate(false).open(path)?;
    // One that was there before keeps its mode otherwise.
    file.set_permissions(Permissions::from_mode(MODE))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_its_owners_alone_and_not_overwritten_unless_asked() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("r.jsonl");
        let mode = || fs::metadata(&path).expect("a file").permissions().mode() & 0o777;
        drop(create(&path, false).expect("a new file"));
        assert_eq!(mode(), 0o600);
        fs::write(&path, "an outage").expect("written");
        assert_eq!(
            create(&path, false).expect_err("there").kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read(&path).expect("still there"), b"an outage");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("ours");
        drop(create(&path, true).expect("over it"));
        assert_eq!(mode(), 0o600);
        assert_eq!(
            fs::read(&path).expect("still there"),
            b"an outage",
            "until the first line is written"
        );
    }
}
