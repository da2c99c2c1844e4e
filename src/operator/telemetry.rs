//! Logs: to standard error, for people or as JSON, filtered by `PLIMSOLL_LOG`.

use std::{env, ffi::OsStr, io, io::IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter,
    filter::ParseError,
    fmt::MakeWriter,
    util::{SubscriberInitExt, TryInitError},
};

/// The environment variable that holds the filter, such as `debug` or `plimsoll::operator::lease=trace`.
pub const FILTER_VARIABLE: &str = "PLIMSOLL_LOG";

/// What holds for libraries unless the filter names them. Every failure that they log reaches us as an error value
/// too and is logged, counted and shown in readiness by us, with the kind it belongs to. (`kube_client`'s request
/// tracing logs each 5xx and each broken watch as an error.)
const QUIET: &[&str] = &[
    "kube_client=warn",
    "kube_client::client::builder=off",
    "kube_runtime=error",
    "hyper=warn",
    "hyper_util=warn",
    "h2=warn",
    "rustls=warn",
    "tower=warn",
    "axum=warn",
];

/// What holds for the rest when nothing else is said.
const DEFAULT_LEVEL: &str = "info";

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people: one line an event, coloured on a terminal.
    #[default]
    Text,
    /// For collectors: one JSON object a line.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter does not parse.
    #[error("{FILTER_VARIABLE}={filter:?} is not a log filter ({source}); try `info` or `plimsoll=debug`")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// Something else in the process has set up logging before.
    #[error("logging is already set up: {0}")]
    AlreadySet(#[from] TryInitError),
}

/// Sets up logging for the process, from [`FILTER_VARIABLE`] and `NO_COLOR`. Call it once, first of all.
///
/// # Errors
/// A filter that does not parse, or a second call.
pub fn init(format: LogFormat) -> Result<(), TelemetryError> {
    let given = env::var(FILTER_VARIABLE).ok();
    let colour = colour(io::stderr().is_terminal(), env::var_os("NO_COLOR").as_deref());
    subscriber(format, filter(given.as_deref())?, colour, io::stderr).try_init()?;
    Ok(())
}

/// The library defaults, then what was given: a directive for the same target replaces, a longer target wins.
fn filter(given: Option<&str>) -> Result<EnvFilter, TelemetryError> {
    let given = given.map(str::trim).filter(|g| !g.is_empty());
    let directives = format!(
        "{DEFAULT_LEVEL},{},{}",
        QUIET.join(","),
        given.unwrap_or(DEFAULT_LEVEL)
    );
    EnvFilter::builder()
        .parse(directives)
        .map_err(|source| TelemetryError::Filter {
            filter: given.unwrap_or_default().to_owned(),
            source,
        })
}

/// Colour is for terminals, and not where `NO_COLOR` is set to anything but the empty string (no-color.org).
fn colour(is_terminal: bool, no_color: Option<&OsStr>) -> bool {
    is_terminal && no_color.is_none_or(OsStr::is_empty)
}

fn subscriber<W>(
    format: LogFormat,
    filter: EnvFilter,
    colour: bool,
    to: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colour)
        .with_writer(to);
    match format {
        LogFormat::Text => Box::new(builder.finish()),
        LogFormat::Json => Box::new(
            builder
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .finish(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use rstest::rstest;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .lock()
                .expect("no panic while writing")
                .extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a few events leave in the log.
    fn log(format: LogFormat, given: Option<&str>) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let filter = filter(given).expect("a good filter");
        tracing::subscriber::with_default(subscriber(format, filter, false, move || writer.clone()), || {
            tracing::info!(target: "plimsoll::operator", workload = "shop/web", "judged");
            tracing::debug!(target: "plimsoll::operator", "detail");
            tracing::debug!(target: "kube_client::client", "requesting");
            tracing::error!(target: "kube_client::client::builder", "failed with status 500");
            tracing::warn!(target: "kube_runtime::watcher", "watch list error");
        });
        let bytes = buffer.0.lock().expect("no panic while writing").clone();
        String::from_utf8(bytes).expect("logs are text")
    }

    #[rstest]
    #[case::nothing_given(None, &["judged"])]
    #[case::empty_is_nothing(Some("  "), &["judged"])]
    #[case::a_level_leaves_libraries_quiet(Some("debug"), &["judged", "detail"])]
    #[case::a_target_adds_to_the_default(Some("plimsoll=debug"), &["judged", "detail"])]
    #[case::a_library_by_name(Some("warn,kube_runtime=warn"), &["watch list error"])]
    #[case::off(Some("off,kube_client=off"), &[])]
    fn the_filter_lets_through(#[case] given: Option<&str>, #[case] expected: &[&str]) {
        let text = log(LogFormat::Text, given);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), expected.len(), "{text}");
        for (line, part) in lines.iter().zip(expected) {
            assert!(line.contains(part), "{text}");
        }
    }

    #[test]
    fn json_is_one_flat_object_a_line() {
        let text = log(LogFormat::Json, None);
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).expect("one JSON object");
        assert_eq!(
            (&line["level"], &line["message"], &line["workload"]),
            (&"INFO".into(), &"judged".into(), &"shop/web".into())
        );
    }

    #[test]
    fn a_bad_filter_names_the_variable_and_what_was_given() {
        let error = filter(Some("plimsoll=loud"))
            .expect_err("loud is no level")
            .to_string();
        assert!(error.contains("PLIMSOLL_LOG=\"plimsoll=loud\""), "{error}");
    }

    #[rstest]
    #[case(true, None, true)]
    #[case(true, Some(""), true)]
    #[case(true, Some("1"), false)]
    #[case(false, None, false)]
    fn colour_is_for_terminals(
        #[case] terminal: bool,
        #[case] no_color: Option<&str>,
        #[case] expected: bool,
    ) {
        assert_eq!(colour(terminal, no_color.map(OsStr::new)), expected);
    }
}
