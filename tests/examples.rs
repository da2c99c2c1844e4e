//! Every example says in its comments what Plimsoll finds in it, and is held to that: nothing less, nothing more.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use plimsoll::check::{Input, Terms};
use plimsoll::model::config::ClusterVersion;
use plimsoll::model::finding::{CheckResult, Outcome};
use plimsoll::model::keys::ObjectKey;
use plimsoll::policy::Policy;
use plimsoll::source::manifest;

fn examples() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let entries = fs::read_dir(directory)
        .expect("examples/")
        .map(|entry| entry.expect("an entry").path());
    entries
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect()
}

fn expected(text: &str) -> BTreeSet<String> {
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("# plimsoll: "))
        .map(str::trim);
    let lines: BTreeSet<String> = lines.map(str::to_owned).collect();
    assert!(!lines.is_empty(), "no `# plimsoll:` line");
    lines
}

/// `Deployment/web memory-limit fail warning app`; nothing for what passes or does not apply.
fn said(key: &ObjectKey, check: &CheckResult) -> Option<String> {
    let severity = match &check.outcome {
        Outcome::Pass(_) | Outcome::NotApplicable(_) => return None,
        Outcome::Fail(failure) => format!(" {}", failure.severity.as_str()),
        Outcome::Exempt(_) | Outcome::Unknown(_) => String::new(),
    };
    let subject = check
        .subject
        .as_deref()
        .map(|s| format!(" {s}"))
        .unwrap_or_default();
    let status = check.outcome.status();
    Some(format!(
        "{}/{} {} {status}{severity}{subject}",
        key.kind, key.name, check.rule
    ))
}

fn found(path: &Path) -> BTreeSet<String> {
    let manifests = manifest::read(&[path.to_owned()], &mut std::io::empty(), ClusterVersion::NEWEST);
    assert_eq!(manifests.errors, [], "{}", path.display());
    let judged = Input::from(manifests).judge(&Terms {
        version: ClusterVersion::NEWEST,
        namespaces: &[],
        policy: &Policy::default(),
        now: Timestamp::UNIX_EPOCH,
    });
    let all = judged.report.workloads.iter();
    let mut found: BTreeSet<String> = all
        .flat_map(|workload| {
            workload
                .checks
                .iter()
                .filter_map(|check| said(&workload.key, check))
        })
        .collect();
    if found.is_empty() {
        found.insert("nothing".to_owned());
    }
    found
}

#[test]
fn every_example_is_judged_as_its_comments_say() {
    let examples = examples();
    assert!(examples.len() >= 10);
    for path in examples {
        let text = fs::read_to_string(&path).expect("a readable example");
        assert_eq!(found(&path), expected(&text), "{}", path.display());
    }
}

#[test]
fn the_readme_lists_every_example() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/README.md"))
        .expect("a README");
    for path in examples() {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name")
            .to_owned();
        assert!(
            readme.contains(&format!("[{name}]({name})")),
            "{name} is not in examples/README.md"
        );
    }
}
