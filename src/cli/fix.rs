//! `plimsoll check --fix` and `--diff`: the remedies that are patches, made in the files that they are about.
//!
//! ```text
//! report, where each object stands ──> remedies by file ──manifest::edit──> texts ──> --fix: files, each replaced as a whole
//!                                                                                └──> --diff: a unified diff, and no file
//! ```

mod write;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::Value;

use self::write::replace;
use super::CliError;
use crate::model::finding::{Outcome, Remedy};
use crate::model::keys::ObjectKey;
use crate::model::object::Object;
use crate::model::text::count;
use crate::output::Report;
use crate::output::style::visible;
use crate::source::manifest::edit::{self, Edited};
use crate::source::manifest::{Maker, STDIN, Source};

/// What is to become of remedies.
#[derive(Debug, Args)]
pub(super) struct FixArgs {
    /// Make the remedies that are patches in the files, which keep their comments and layout; then judge them again
    #[arg(long)]
    #[cfg_attr(feature = "operator", arg(conflicts_with = "live"))]
    fix: bool,
    /// Print what --fix would change as a unified diff, and change nothing
    #[arg(long, conflicts_with_all = ["fix", "output"])]
    #[cfg_attr(feature = "operator", arg(conflicts_with = "live"))]
    diff: bool,
}

impl FixArgs {
    /// Whether remedies are to be made, or shown.
    pub(super) const fn is_asked(&self) -> bool {
        self.fix || self.diff
    }

    pub(super) const fn is_diff(&self) -> bool {
        self.diff
    }

    /// What is read of these paths can be edited.
    pub(super) fn allows(&self, paths: &[PathBuf]) -> Result<(), CliError> {
        if self.fix && paths.iter().any(|path| path.as_os_str() == STDIN) {
            return Err(CliError::FixedInput);
        }
        Ok(())
    }
}

/// Where each object stands.
pub(super) type Sources = HashMap<ObjectKey, Source>;

/// Where the objects stand that come from files.
pub(super) fn sources(objects: &[(Object, Option<Source>)]) -> Sources {
    let known = objects
        .iter()
        .filter_map(|(object, source)| Some((object.key(), source.clone()?)));
    known.collect()
}

/// What is to be done in a file.
enum Work {
    /// A strategic merge patch of the target.
    Patch(Value),
    /// An object, beside the target.
    Create(Value),
}

/// A finding that is to be fixed.
struct Job<'r> {
    rule: &'static str,
    workload: &'r ObjectKey,
    subject: Option<&'r str>,
    target: &'r ObjectKey,
    work: Work,
    /// Where the target stands.
    source: Option<&'r Source>,
}

/// What was, or would be, done.
#[derive(Default)]
pub(super) struct Fixes {
    files: Vec<FileFixes>,
    /// One line each, for people.
    told: Vec<String>,
    fixed: usize,
    refused: usize,
    failed: bool,
}

/// A file's text before and after.
struct FileFixes {
    file: Arc<str>,
    before: String,
    after: String,
}

/// Plans what is to be changed. `stdin` is what was read of standard input.
pub(super) fn plan(report: &Report, sources: &Sources, stdin: &str) -> Fixes {
    let mut fixes = Fixes::default();
    let mut by_file: BTreeMap<Arc<str>, Vec<Job<'_>>> = BTreeMap::new();
    for job in jobs(report, sources) {
        match job.source {
            None => fixes.refuse(&job, "stands in none of the files; name its file too"),
            Some(Source {
                made_by: Some(maker), ..
            }) => fixes.refuse(&job, made_elsewhere(*maker)),
            Some(source) => by_file.entry(source.file.clone()).or_default().push(job),
        }
    }
    for (file, jobs) in by_file {
        let text = match &*file {
            STDIN => Ok(stdin.to_owned()),
            path => fs::read_to_string(path),
        };
        match text {
            Ok(text) => fixes.file(file, text, &jobs),
            Err(e) => jobs
                .iter()
                .for_each(|job| fixes.refuse(job, &format!("cannot be read: {e}; run it again"))),
        }
    }
    fixes
}

const fn made_elsewhere(maker: Maker) -> &'static str {
    match maker {
        Maker::Helm => "is rendered from a Helm chart; change the chart's values or its template by hand",
        Maker::Kustomize => {
            "is built by kustomize; fix the base's file, or add a patch to the kustomization by hand"
        }
    }
}

fn jobs<'r>(report: &'r Report, sources: &'r Sources) -> Vec<Job<'r>> {
    let mut jobs = Vec::new();
    for workload in &report.workloads {
        for check in &workload.checks {
            let Outcome::Fail(failure) = &check.outcome else {
                continue;
            };
            // What is missing is put into the file of the workload that misses it.
            let (target, work) = match failure.remedy.as_ref() {
                None | Some(Remedy::Advice(_)) => continue,
                Some(Remedy::Patch { target, patch, .. }) => (target, Work::Patch(patch.value())),
                Some(Remedy::Create { manifest, .. }) => (&workload.key, Work::Create(manifest.value())),
            };
            jobs.push(Job {
                rule: check.rule,
                workload: &workload.key,
                subject: check.subject.as_deref(),
                target,
                work,
                source: sources.get(target),
            });
        }
    }
    jobs
}

impl Fixes {
    fn tell(&mut self, job: &Job<'_>, line: Option<usize>, verb: &str, why: &str) {
        let mut text = match job.source {
            Some(source) => format!("{}:", source.file),
            None => "cluster:".to_owned(),
        };
        let made = job.source.is_some_and(|source| source.made_by.is_some());
        if let Some(line) = line.or(job.source.map(|source| source.line)).filter(|_| !made) {
            let _ = write!(text, "{line}:");
        }
        let _ = write!(text, " {verb}: {} of {}", job.rule, job.workload);
        if let Some(subject) = job.subject {
            let _ = write!(text, ", {subject}");
        }
        if job.target != job.workload {
            let _ = write!(text, " (in {})", job.target);
        }
        let _ = write!(text, "{why}");
        self.told.push(text);
    }

    fn refuse(&mut self, job: &Job<'_>, why: &str) {
        self.refused += 1;
        self.tell(job, None, "not fixed", &format!(": {} {why}", job.target));
    }

    fn file(&mut self, file: Arc<str>, before: String, jobs: &[Job<'_>]) {
        let patches = jobs.iter().filter_map(|job| match &job.work {
            Work::Patch(patch) => Some((job.target, patch)),
            Work::Create(_) => None,
        });
        let Edited { mut text, outcomes } = edit::patch(&before, &patches.collect::<Vec<_>>());
        let mut outcomes = outcomes.into_iter();
        let mut created: Vec<&Value> = Vec::new();
        for job in jobs {
            let outcome = match &job.work {
                Work::Patch(_) => outcomes.next().unwrap_or(Ok(None)),
                Work::Create(object) if created.contains(&object) => Ok(None),
                Work::Create(object) => edit::append(&text, object).map(|(longer, line)| {
                    created.push(object);
                    text = longer;
                    Some(line)
                }),
            };
            match outcome {
                Ok(Some(line)) => {
                    self.fixed += 1;
                    self.tell(job, Some(line), "fixed", "");
                }
                Ok(None) => self.refuse(job, "says so already; look at what else decides it"),
                Err(why) => {
                    self.refused += 1;
                    self.tell(job, None, "not fixed", &format!(": {why}"));
                }
            }
        }
        if text != before {
            let after = text;
            self.files.push(FileFixes { file, before, after });
        }
    }

    /// Writes the files that change.
    pub(super) fn write(&mut self) {
        let mut failed = Vec::new();
        for FileFixes { file, before, after } in &self.files {
            if let Err(why) = replace(Path::new(&**file), before, after) {
                failed.push(format!("{file}: not written: {why}"));
            }
        }
        self.failed = !failed.is_empty();
        self.told.append(&mut failed);
    }

    /// Whether a file could not be written.
    pub(super) const fn is_failed(&self) -> bool {
        self.failed
    }

    /// What was done, line by line, for standard error.
    pub(super) fn summary(&self) -> String {
        let mut text = String::new();
        for line in &self.told {
            let _ = writeln!(text, "{}", visible(line));
        }
        let files = count(self.files.len() as u64, "file");
        let _ = write!(text, "{} fixed in {files}", count(self.fixed as u64, "finding"));
        if self.refused > 0 {
            let _ = write!(text, "; {} not fixed", self.refused);
        }
        text.push('\n');
        text
    }

    /// The changes as a unified diff, such as `git apply` and `patch -p1` take it.
    pub(super) fn diff(&self, is_terminal: bool) -> String {
        let mut text = String::new();
        for FileFixes { file, before, after } in &self.files {
            let named = |side: &str| match &**file {
                absolute if Path::new(absolute).is_absolute() => absolute.to_owned(),
                STDIN => format!("{side}/stdin"),
                relative => format!("{side}/{}", relative.trim_start_matches("./")),
            };
            let diff = similar::TextDiff::from_lines(before.as_str(), after.as_str());
            let _ = write!(
                text,
                "{}",
                diff.unified_diff()
                    .context_radius(3)
                    .header(&named("a"), &named("b"))
            );
        }
        if is_terminal {
            // What stands in a file must not steer the terminal.
            text = text.lines().map(|line| visible(line) + "\n").collect();
        }
        text
    }
}

/// Reads what standard input holds, as far as it is one of the paths and may be wanted again.
pub(super) fn stdin(paths: &[PathBuf]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if paths.iter().any(|path| path.as_os_str() == STDIN) {
        let most = crate::source::manifest::MAX_FILE_BYTES + 1;
        io::Read::read_to_end(&mut io::Read::take(io::stdin().lock(), most), &mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
