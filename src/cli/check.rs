//! `plimsoll check`: manifests (or a live cluster) in, every rule's answers out.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Read, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::compare::{self, parse_renamed};
use super::fix::{self, FixArgs};
use super::progress::Progress;
use super::{CliError, baseline, names, policies, print};
use crate::check::{Input, Judged, Pairs, Report, Terms, Threshold};
use crate::model::config::ClusterVersion;
use crate::model::finding::Severity;
use crate::model::text::count;
use crate::output::style::visible;
use crate::output::{github, json, junit, markdown, sarif, table, yaml};
use crate::policy::Policy;
use crate::source::manifest::{self, InputError};

/// What `check` is told.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0, nothing at or above --fail-on (with --compare: no difference); 1, something; \
                        2, wrong usage or an input that cannot be read (the rest is still judged)."
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
    /// Findings that are known: only others are shown, and count for the exit code
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write what is found now as a baseline: it is known from then on
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    write_baseline: Option<PathBuf>,
    /// Two environments (files, directories, or context:NAME of the kubeconfig): which settings that rules read differ?
    #[arg(long, num_args = 2, value_names = ["A", "B"], conflicts_with_all = ["paths", "baseline", "write_baseline"])]
    #[cfg_attr(feature = "operator", arg(conflicts_with = "live"))]
    compare: Vec<String>,
    /// With --compare: what a namespace of A is called in B; may be given several times
    #[arg(long, value_name = "A=B", value_parser = parse_renamed)]
    map_namespace: Vec<(String, String)>,
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
    /// The same as YAML
    Yaml,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for CI systems
    Junit,
    /// Annotations of GitHub Actions
    Github,
    /// For comments and summaries of CI
    Markdown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Critical,
    #[default]
    Warning,
    Info,
    Never,
}

impl From<FailOn> for Threshold {
    fn from(fail_on: FailOn) -> Self {
        Threshold(match fail_on {
            FailOn::Critical => Some(Severity::Critical),
            FailOn::Warning => Some(Severity::Warning),
            FailOn::Info => Some(Severity::Info),
            FailOn::Never => None,
        })
    }
}

fn parse_version(text: &str) -> Result<ClusterVersion, String> {
    ClusterVersion::parse(text).ok_or_else(|| "no version of Kubernetes; write it as 1.36".to_owned())
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
    input.add(manifests);
    // A policy of a file goes before the cluster's of the same name.
    input.add(policies::read(&args.policy, stdin, version));
    progress.tell(format!("judging {}", count(input.objects.len() as u64, "object")));
    Ok((input, version))
}

/// Asks every rule about it, and sets aside what the baseline knows.
fn judge(args: &CheckArgs, input: Input, version: ClusterVersion) -> Result<Report, CliError> {
    let baseline = args.baseline.as_deref().map(baseline::read).transpose()?;
    let Judged { mut report, index } = input.judge(&Terms {
        version,
        namespaces: &args.namespace,
        policy: &Policy::default(),
        now: jiff::Timestamp::now(),
    });
    leave(index);
    keep_rules(&mut report, &args.rules);
    if let Some((file, baseline)) = baseline {
        baseline.apply(&mut report, &args.namespace, baseline::place(&file));
    }
    Ok(report)
}

/// Makes the remedies in the files. `Some` = that is all: they are only shown, or a file cannot be written.
fn fix(args: &CheckArgs) -> Result<Option<ExitCode>, CliError> {
    args.fix.allows(&args.paths)?;
    let progress = Progress::start();
    let stdin = fix::stdin(&args.paths).map_err(CliError::Stdin)?;
    let (input, version) = gather(args, &progress, &mut stdin.as_slice())?;
    let sources = fix::sources(&input.objects);
    let report = judge(args, input, version)?;
    let mut fixes = fix::plan(&report, &sources, &String::from_utf8_lossy(&stdin));
    drop(progress);
    if args.fix.is_diff() {
        warn(&report.errors);
        tell(&fixes.summary());
        print(&fixes.diff(io::stdout().is_terminal()))?;
        return Ok(Some(exit_code(&report, args.fail_on.into())));
    }
    fixes.write();
    tell(&fixes.summary());
    Ok(fixes.is_failed().then_some(ExitCode::from(2)))
}

fn exit_code(report: &Report, threshold: Threshold) -> ExitCode {
    let failed = report.worst().is_some_and(|worst| threshold.is_reached_by(worst));
    ExitCode::from(match (report.errors.is_empty(), failed) {
        (false, _) => 2,
        (true, true) => 1,
        (true, false) => 0,
    })
}

pub(super) fn run(args: &CheckArgs) -> Result<ExitCode, CliError> {
    if let [a, b] = args.compare.as_slice() {
        let pairs = Pairs {
            namespaces: args.namespace.clone(),
            renamed: args.map_namespace.iter().cloned().collect(),
        };
        return compare::run([a, b], &pairs, args.kubernetes_version, args.output);
    }
    if !args.map_namespace.is_empty() {
        return Err(CliError::NothingCompared);
    }
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
    let mut report = judge(args, input, version)?;
    drop(progress);
    if let Some(file) = &args.write_baseline {
        baseline::write(file, &mut report)?;
    }
    let threshold = Threshold::from(args.fail_on);
    let code = exit_code(&report, threshold);
    print(&rendered(&report, args.output, threshold))?;
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

/// What goes to standard output. The table leaves errors to standard error; every other format has a place for them.
fn rendered(report: &Report, format: Format, threshold: Threshold) -> String {
    match format {
        Format::Table => {
            warn(&report.errors);
            table::render(report, super::style())
        }
        Format::Json => json::render(report) + "\n",
        Format::Yaml => yaml::render(report),
        Format::Sarif => sarif::render(report) + "\n",
        Format::Junit => junit::render(report, threshold),
        Format::Github => github::render(report),
        Format::Markdown => markdown::render(report),
    }
}

/// Leaves memory to the end of the process, which is near: to give back a large input piece by piece takes as long as to
/// judge it.
fn leave<T>(whole: T) {
    std::mem::forget(whole);
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
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes to standard error.
fn tell(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
