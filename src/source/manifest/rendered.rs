//! Directories that a program turns into manifests: Helm charts and kustomizations.
//!
//! ```text
//! Chart.yaml ────────> helm template ─────────────────────> text, each document with its `# Source:`
//! kustomization.yaml ─> kustomize build, kubectl kustomize ─^
//! ```
//!
//! The program gets the directory's absolute path after `--`: a name cannot pass for a flag, nor for the address of a
//! remote base. It gets no input and no shell; its time and output are bounded ([`program`]).

use std::fmt;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::program::{self, Failure};
use super::{MAX_FILE_BYTES, Options, reason};
use crate::model::config::ClusterVersion;
use crate::model::text::clip;

/// What makes a directory a chart.
const CHART: &str = "Chart.yaml";
/// What makes it a kustomization, as kustomize looks for it.
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Far more than any chart takes; a kustomization with remote bases may have to fetch them.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much of what a program complains of is shown.
const SHOWN: usize = 400;

/// What makes manifests of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// `helm template`, of a chart.
    Helm,
    /// `kustomize build`, of a kustomization.
    Kustomize,
}

impl fmt::Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Maker::Helm => "helm template",
            Maker::Kustomize => "kustomize build",
        })
    }
}

impl Maker {
    /// The file that a document comes from, as far as it is known: helm names the template in a comment,
    /// `# Source: shop/charts/db/templates/web.yaml`, by the chart's name and the way from its directory.
    pub(super) fn origin<'a>(self, directory: &str, comments: impl Iterator<Item = &'a str>) -> Arc<str> {
        let directory = Path::new(directory);
        let path = match self {
            Maker::Kustomize => kustomization(directory),
            Maker::Helm => template(comments).map(|template| directory.join(template)),
        };
        path.as_deref().unwrap_or(directory).to_string_lossy().into()
    }
}

fn kustomization(directory: &Path) -> Option<PathBuf> {
    let files = KUSTOMIZATIONS.iter().map(|name| directory.join(name));
    files.into_iter().find(|file| file.is_file())
}

/// Anybody may write such a comment: one that leads out of the chart is none.
fn template<'a>(mut comments: impl Iterator<Item = &'a str>) -> Option<&'a Path> {
    let source = comments.find_map(|comment| comment.trim().strip_prefix("Source: "))?;
    let (_, path) = source.split_once('/')?;
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
    Some(Path::new(path)).filter(|path| path.components().all(inside))
}

/// What makes manifests of this directory; `None` when its files are manifests.
pub(super) fn maker(directory: &Path) -> Option<Maker> {
    if directory.join(CHART).is_file() {
        return Some(Maker::Helm);
    }
    kustomization(directory).map(|_| Maker::Kustomize)
}

/// What the program makes of the directory, or why it makes nothing, and the way out.
pub(super) fn render(maker: Maker, directory: &Path, options: &Options<'_>) -> Result<Vec<u8>, String> {
    render_within(PATIENCE, maker, directory, options)
}

fn render_within(
    patience: Duration,
    maker: Maker,
    directory: &Path,
    options: &Options<'_>,
) -> Result<Vec<u8>, String> {
    let path = fs::canonicalize(directory).map_err(|e| format!("cannot be read: {}", reason(&e)))?;
    let made = match maker {
        Maker::Helm => program::run(&mut helm(&path, options), patience),
        Maker::Kustomize => match program::run(&mut build(&["kustomize", "build"], &path), patience) {
            Err(Failure::Missing) => program::run(&mut build(&["kubectl", "kustomize"], &path), patience),
            made => made,
        },
    };
    made.map_err(|failure| told(maker, &failure, directory, patience))
}

/// Pods that only test a release are no workloads.
fn helm(chart: &Path, options: &Options<'_>) -> Command {
    let ClusterVersion(minor) = options.version;
    let mut command = Command::new("helm");
    command.args(["template", "--skip-tests"]);
    command.arg(format!("--kube-version=1.{minor}.0"));
    for file in options.helm_values {
        command.arg("--values").arg(file);
    }
    for value in options.helm_set {
        command.arg("--set").arg(value);
    }
    command.arg("--").arg(chart);
    command
}

fn build(words: &[&str; 2], kustomization: &Path) -> Command {
    let mut command = Command::new(words[0]);
    command.args([words[1], "--"]).arg(kustomization);
    command
}

fn told(maker: Maker, failure: &Failure, directory: &Path, patience: Duration) -> String {
    let what = match maker {
        Maker::Helm => "Helm chart",
        Maker::Kustomize => "kustomization",
    };
    match (failure, maker) {
        (Failure::Missing, Maker::Helm) => {
            "is a Helm chart, and helm is not on PATH; install helm, or render the \
                                            chart where helm is: helm template CHART | plimsoll check -"
                .to_owned()
        }
        (Failure::Missing, Maker::Kustomize) => {
            "is a kustomization, and neither kustomize nor kubectl is on PATH; \
                                                 install one of them, or name its files one by one"
                .to_owned()
        }
        (Failure::Broken(e), _) => format!("{maker} cannot be run: {e}; check the program"),
        (Failure::Late, _) => format!(
            "{maker} took longer than {} s and was stopped; run it by hand to see what it waits for",
            patience.as_secs()
        ),
        (Failure::TooLarge, _) => format!(
            "{maker} prints more than {} MiB; split the {what}",
            MAX_FILE_BYTES >> 20
        ),
        (Failure::Failed { status, said }, _) => {
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            let said = match clip(said.trim_start_matches("Error: "), SHOWN) {
                nothing if nothing.is_empty() => status.to_string(),
                said => said,
            };
            let way_out = match maker {
                Maker::Helm if said.contains("missing in charts/") => {
                    format!("run helm dependency build {}", directory.display())
                }
                Maker::Helm => {
                    "correct the chart, or give the values that it needs with --helm-values or --helm-set"
                        .to_owned()
                }
                Maker::Kustomize => "correct the kustomization".to_owned(),
            };
            format!("{maker} failed: {said}; {way_out}")
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::template(" Source: shop/templates/web.yaml", "charts/shop/templates/web.yaml")]
    #[case::of_a_subchart(
        " Source: shop/charts/db/templates/db.yaml",
        "charts/shop/charts/db/templates/db.yaml"
    )]
    #[case::after_others(" note\n Source: shop/templates/web.yaml", "charts/shop/templates/web.yaml")]
    #[case::none(" nothing of that sort", "charts/shop")]
    #[case::without_a_path(" Source: shop", "charts/shop")]
    #[case::leads_out(" Source: shop/../../etc/passwd", "charts/shop")]
    #[case::absolute(" Source: shop//etc/passwd", "charts/shop")]
    fn helm_says_which_template_a_document_comes_from(#[case] comments: &str, #[case] file: &str) {
        assert_eq!(&*Maker::Helm.origin("charts/shop", comments.lines()), file);
    }

    #[test]
    fn a_directory_is_what_its_files_make_it() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(maker(directory.path()), None);
        for name in KUSTOMIZATIONS {
            let file = directory.path().join(name);
            fs::write(&file, "").expect("a file");
            assert_eq!(maker(directory.path()), Some(Maker::Kustomize), "{name}");
            let origin = Maker::Kustomize.origin(&directory.path().to_string_lossy(), "".lines());
            assert_eq!(Path::new(&*origin), file);
            fs::remove_file(file).expect("removed");
        }
        fs::write(directory.path().join(CHART), "").expect("a file");
        assert_eq!(maker(directory.path()), Some(Maker::Helm));
    }
}
