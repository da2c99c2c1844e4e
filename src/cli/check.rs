//! `plimsoll check`: manifests (or a live cluster) in, every rule's answers out.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Read, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::fix::{self, FixArgs};
use super::progress::Progress;
use super::{CliError, names, policies, print};
use crate::index::Index;
use crate::model::config::ClusterVersion;
use crate::model::finding::Severity;
use crate::model::keys::ObjectKey;
use crate::model::object::Object;
use crate::model::text::count;
use crate::model::time::Moment;
use crate::output::style::{Style, visible};
use crate::output::{JudgedWorkload, Report, json, table};
use crate::policy::Policy;
use crate::rules::{self, Question};
use crate::source::manifest::{self, InputError, Manifests, Source};

/// What `check` is told.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0, nothing at or above --fail-on; 1, something; 2, wrong usage or an input that \
                        cannot be read (the rest is still judged)."
)]
pub(super) struct CheckArgs {
    /// Files, directories (.yaml, .yml, .json), Helm charts, kustomizations, or - for standard input
    paths: Vec<PathBuf>,
    #[cfg(feature = "operator")]
    #[command(flatten)]
    live: super::live::LiveArgs,
    /// Judge the workloads of this namespace only; may be given several times
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Vec<String>,
    /// Judge by the ResiliencePolicies of this file or directory, beside those of a live cluster; may be given several
    /// times
    #[arg(long, value_name = "PATH")]
    policy: Vec<PathBuf>,
    /// Judge the workloads of all namespaces, which it does without --namespace anyway
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Ask these rules only, separated by commas
    #[arg(long, value_name = "RULE", value_delimiter = ',', value_parser = names::rule)]
    rules: Vec<&'static str>,
    /// How to print what was found
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    /// The least severity for which the exit code is 1
    #[arg(long, value_enum, default_value_t)]
    fail_on: FailOn,
    /// The Kubernetes version to judge for [default: the cluster's, or 1.36 for files]
    #[arg(long, value_name = "1.N", value_parser = parse_version)]
    kubernetes_version: Option<ClusterVersion>,
    /// Values for the Helm charts among the paths; may be given several times
    #[arg(long, value_name = "FILE")]
    helm_values: Vec<PathBuf>,
    /// One value for them; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    helm_set: Vec<String>,
    #[command(flatten)]
    fix: FixArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Table,
    /// For tools: a stable contract
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Critical,
    #[default]
    Warning,
    Info,
    Never,
}

impl FailOn {
    fn is_reached(self, worst: Option<Severity>) -> bool {
        let least = match self {
            FailOn::Critical => Severity::Critical,
            FailOn::Warning => Severity::Warning,
            FailOn::Info => Severity::Info,
            FailOn::Never => return false,
        };
        worst.is_some_and(|worst| worst >= least)
    }
}

fn parse_version(text: &str) -> Result<ClusterVersion, String> {
    ClusterVersion::parse(text).ok_or_else(|| "no version of Kubernetes; write it as 1.36".to_owned())
}

/// Everything that is to be judged.
#[derive(Default)]
pub(super) struct Input {
    pub(super) objects: Vec<(Object, Option<Source>)>,
    /// Kinds that may not be read, and why.
    #[cfg(feature = "operator")]
    pub(super) unreadable: Vec<(crate::model::keys::Kind, String)>,
    pub(super) report: Report,
    /// It was read from a cluster, at least in part.
    pub(super) live: bool,
    /// The cluster's version, where there is a cluster.
    pub(super) version: Option<ClusterVersion>,
}

impl Input {
    fn take(&mut self, manifests: Manifests) {
        let Manifests {
            objects,
            errors,
            notes,
            passed_over,
        } = manifests;
        let with_source = |(object, source)| (object, Some(source));
        self.objects.extend(objects.into_iter().map(with_source));
        self.report.errors.extend(errors);
        self.report.notes.extend(notes);
        self.report.passed_over += passed_over;
    }
}

impl CheckArgs {
    #[cfg(feature = "operator")]
    const fn is_live(&self) -> bool {
        self.live.live
    }

    #[cfg(not(feature = "operator"))]
    const fn is_live(&self) -> bool {
        false
    }

    /// What to do when nothing is to be checked.
    fn without_input() -> CliError {
        let live = if cfg!(feature = "operator") {
            ", or --live for a cluster"
        } else {
            ""
        };
        let program = names::program();
        CliError::Nothing(format!(
            "name files or directories, - for standard input{live}, such as: {program} check ."
        ))
    }
}

/// Reads everything that is to be judged, and for which version.
fn gather(
    args: &CheckArgs,
    progress: &Progress,
    stdin: &mut dyn Read,
) -> Result<(Input, ClusterVersion), CliError> {
    let mut input = Input::default();
    #[cfg(feature = "operator")]
    if args.live.live {
        progress.tell("reading the cluster");
        input = super::live::read(&args.live, &args.namespace)?;
    }
    let version = args
        .kubernetes_version
        .or(input.version)
        .unwrap_or(ClusterVersion::NEWEST);
    let options = manifest::Options {
        helm_values: &args.helm_values,
        helm_set: &args.helm_set,
        progress: &|done, of| progress.reading(done, of),
        ..manifest::Options::new(version)
    };
    let mut manifests = manifest::read_as(&options, &args.paths, stdin);
    policies::set_aside(&mut manifests);
    input.take(manifests);
    // A policy of a file goes before the cluster's of the same name.
    input.take(policies::read(&args.policy, stdin, version));
    progress.tell(format!("judging {}", count(input.objects.len() as u64, "object")));
    Ok((input, version))
}

/// Makes the remedies in the files. `Some` = that is all: they are only shown, or a file cannot be written.
fn fix(args: &CheckArgs) -> Result<Option<ExitCode>, CliError> {
    args.fix.allows(&args.paths)?;
    let progress = Progress::start();
    let stdin = fix::stdin(&args.paths).map_err(CliError::Stdin)?;
    let (input, version) = gather(args, &progress, &mut stdin.as_slice())?;
    let sources = fix::sources(&input.objects);
    let mut report = judge(input, version, &args.namespace);
    keep_rules(&mut report, &args.rules);
    let mut fixes = fix::plan(&report, &sources, &String::from_utf8_lossy(&stdin));
    drop(progress);
    if args.fix.is_diff() {
        warn(&report.errors);
        tell(&fixes.summary());
        print(&fixes.diff(io::stdout().is_terminal()))?;
        return Ok(Some(exit_code(&report, args.fail_on)));
    }
    fixes.write();
    tell(&fixes.summary());
    Ok(fixes.is_failed().then_some(ExitCode::from(2)))
}

fn exit_code(report: &Report, fail_on: FailOn) -> ExitCode {
    ExitCode::from(
        match (report.errors.is_empty(), fail_on.is_reached(report.worst())) {
            (false, _) => 2,
            (true, true) => 1,
            (true, false) => 0,
        },
    )
}

pub(super) fn run(args: &CheckArgs) -> Result<ExitCode, CliError> {
    if args.paths.is_empty() && !args.is_live() {
        return Err(CheckArgs::without_input());
    }
    if args.fix.is_asked()
        && let Some(code) = fix(args)?
    {
        return Ok(code);
    }
    let progress = Progress::start();
    let (input, version) = gather(args, &progress, &mut io::stdin().lock())?;
    let mut report = judge(input, version, &args.namespace);
    keep_rules(&mut report, &args.rules);
    drop(progress);
    let code = exit_code(&report, args.fail_on);
    match args.output {
        Format::Json => print(&(json::render(&report) + "\n"))?,
        Format::Table => {
            warn(&report.errors);
            let columns = terminal_size::terminal_size().map(|(width, _)| width.0);
            let style = Style::of(io::stdout().is_terminal(), columns, |name| {
                std::env::var(name).ok()
            });
            print(&table::render(&report, style))?
        }
    };
    leave(report);
    Ok(code)
}

/// Leaves out what other rules than these say; none stands for all.
fn keep_rules(report: &mut Report, rules: &[&str]) {
    if !rules.is_empty() {
        for workload in &mut report.workloads {
            workload.checks.retain(|check| rules.contains(&check.rule));
        }
    }
}

/// Leaves memory to the end of the process, which is near: to give back a large input piece by piece takes as long as to
/// judge it.
fn leave<T>(whole: T) {
    std::mem::forget(whole);
}

/// Asks every rule about every workload.
fn judge(input: Input, version: ClusterVersion, namespaces: &[String]) -> Report {
    let mut index = if input.live {
        Index::complete(version)
    } else {
        Index::of_files(version)
    };
    #[cfg(feature = "operator")]
    for (kind, why) in input.unreadable {
        index.set_unreadable(kind, why);
    }
    let mut sources: HashMap<ObjectKey, Source> = HashMap::new();
    for (object, source) in input.objects {
        if let Some(source) = source {
            sources.insert(object.key(), source);
        }
        index.apply(object, Moment::default());
    }
    let base = Policy::default();
    let now = jiff::Timestamp::now();
    let wanted = |key: &ObjectKey| namespaces.is_empty() || namespaces.iter().any(|n| **n == *key.namespace);
    let judged = |key: ObjectKey| {
        let view = index.view(&key)?;
        let policy = Policy::of(&base, &key.namespace, &view.policies());
        Some(JudgedWorkload {
            checks: rules::judge(&Question {
                view,
                policy: &policy,
                now,
            })
            .results,
            source: sources.remove(&key),
            key,
        })
    };
    let keys = index.workload_keys();
    let mut workloads: Vec<JudgedWorkload> = keys.into_iter().filter(wanted).filter_map(judged).collect();
    let strays = rules::judge_strays(&index).map(|(stray, result)| (stray.key(), result));
    let strays = strays
        .filter(|(key, _)| wanted(key))
        .map(|(key, result)| JudgedWorkload {
            checks: vec![result],
            source: sources.remove(&key),
            key,
        });
    workloads.extend(strays);
    leave(index);
    Report {
        workloads,
        ..input.report
    }
}

/// `file:line:column: message` on standard error, as compilers do. That nobody can be told is no reason to stop.
pub(super) fn warn(errors: &[InputError]) {
    let mut text = String::new();
    for error in errors {
        let _ = writeln!(
            text,
            "{}",
            visible(&format!("{}: {}", error.place, error.message))
        );
    }
    tell(&text);
}

/// Writes to standard error.
fn tell(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
