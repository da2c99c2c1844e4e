//! The corpus that `cargo bench --bench check` measures on, in small: `check` must say what is true of it, no more and no
//! less, on one thread or many.

#[allow(dead_code, reason = "the bench uses the rest")]
#[path = "../benches/support/corpus/mod.rs"]
mod corpus;

use std::fs;
use std::path::Path;
use std::process::Command;

use corpus::{Corpus, Differences, Row, said};
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::Value;
use tempfile::TempDir;

fn check(directory: &Path, args: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["check", "."])
        .args(args)
        .current_dir(directory)
        .output()
        .expect("plimsoll runs");
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[test]
fn check_says_what_is_true_of_the_corpus() {
    let corpus = Corpus::new(600);
    let directory = TempDir::new().expect("a directory");
    corpus.write(directory.path(), 7).expect("files");
    let json: Value = serde_json::from_slice(&check(directory.path(), &["-o", "json"])).expect("JSON");
    let differences = Differences::between(&corpus.truth, &said(&json));
    let Differences {
        missed,
        falsely,
        other,
    } = &differences;
    assert!(
        missed.is_empty() && falsely.is_empty() && other.is_empty(),
        "{differences:#?}"
    );
    assert_eq!(json["errors"], Value::Array(Vec::new()));
    assert_eq!(json["summary"]["passedOver"], corpus.passed_over);
    assert_eq!(json["notes"].as_array().map(Vec::len), Some(corpus.old));
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(12) })]

    /// Documents in any order, in any number of files whose names sort anyhow, are judged alike. (No two are of one object.)
    #[test]
    fn neither_the_order_of_documents_nor_that_of_files_changes_a_verdict(
        order in Just((0..200).collect::<Vec<usize>>()).prop_shuffle(),
        files in 1..9_usize,
        from in 0..400_usize,
    ) {
        let documents = &Corpus::new(600).documents[from..];
        let before = verdicts(documents.iter().take(order.len()), 1);
        prop_assert!(before.len() > 20);
        let shuffled = order.iter().filter_map(|nth| documents.get(*nth));
        prop_assert_eq!(before, verdicts(shuffled, files));
    }
}

/// What is said of documents in so many files, without where they stand.
fn verdicts<'a>(documents: impl Iterator<Item = &'a String>, files: usize) -> Vec<Value> {
    let directory = TempDir::new().expect("a directory");
    let documents: Vec<&str> = documents.map(String::as_str).collect();
    for (nth, part) in documents.chunks(documents.len().div_ceil(files)).enumerate() {
        // The names sort the other way.
        let name = format!("{}.yaml", files - nth);
        fs::write(directory.path().join(name), part.join("---\n")).expect("a file");
    }
    let json: Value = serde_json::from_slice(&check(directory.path(), &["-o", "json"])).expect("JSON");
    let workloads = json["workloads"].as_array().cloned().expect("a list");
    let without_places = |mut workload: Value| {
        workload["source"] = Value::Null;
        workload
    };
    workloads.into_iter().map(without_places).collect()
}

/// What these applications are was read from their manifests by a person.
#[test]
fn the_truth_of_the_corpus_is_what_a_person_reads() {
    let corpus = Corpus::new(600);
    let row = |workload: &str, rule: &str, subject: &str| {
        let row = Row {
            workload: workload.to_owned(),
            rule: rule.to_owned(),
            subject: subject.to_owned(),
        };
        corpus.truth.get(&row).map_or("absent", String::as_str).to_owned()
    };
    for (workload, rule, subject, status) in BY_HAND {
        assert_eq!(
            row(workload, rule, subject),
            *status,
            "{workload} {rule} {subject}"
        );
    }
}

/// Workload, rule, subject, status.
const BY_HAND: &[(&str, &str, &str, &str)] = &[
    ("team-000-prod/Deployment/basket-2", "memory-limit", "app", "pass"),
    (
        "team-000-prod/Deployment/basket-2",
        "min-replicas",
        "",
        "fail warning",
    ),
    (
        "team-000-prod/Deployment/basket-2",
        "pod-spread",
        "",
        "notApplicable",
    ),
    (
        "team-000-prod/Deployment/catalogue-4",
        "memory-limit",
        "proxy",
        "pass",
    ),
    (
        "team-000-prod/Deployment/catalogue-4",
        "min-replicas",
        "",
        "notApplicable",
    ),
    (
        "team-000-prod/StatefulSet/mailer-6",
        "min-replicas",
        "",
        "fail warning",
    ),
    (
        "team-000-prod/StatefulSet/mailer-6",
        "pod-spread",
        "",
        "fail warning",
    ),
    (
        "team-000-prod/StatefulSet/checkout-7",
        "memory-limit",
        "app",
        "fail warning",
    ),
    (
        "team-000-prod/StatefulSet/checkout-7",
        "min-replicas",
        "",
        "fail warning",
    ),
    (
        "team-000-prod/DaemonSet/search-8",
        "pod-spread",
        "",
        "notApplicable",
    ),
    (
        "team-000-prod/DaemonSet/search-8",
        "pod-spread",
        "rollout",
        "absent",
    ),
    (
        "team-000-prod/CronJob/basket-9",
        "memory-limit",
        "proxy",
        "fail warning",
    ),
    ("team-000-prod/CronJob/basket-9", "memory-limit", "app", "pass"),
    (
        "team-000-prod/Deployment/payments-12",
        "memory-limit",
        "migrate",
        "fail info",
    ),
    ("team-000-prod/Deployment/payments-12", "min-replicas", "", "pass"),
    (
        "team-000-prod/Deployment/payments-12",
        "pod-spread",
        "",
        "fail warning",
    ),
    (
        "team-000-prod/StatefulSet/invoices-17",
        "memory-limit",
        "app",
        "fail warning",
    ),
    (
        "team-000-prod/StatefulSet/catalogue-18",
        "memory-limit",
        "logs",
        "pass",
    ),
    (
        "team-000-prod/Deployment/invoices-24",
        "memory-limit",
        "app",
        "fail warning",
    ),
    (
        "team-000-prod/Deployment/invoices-24",
        "pod-spread",
        "",
        "fail warning",
    ),
    (
        "team-000-prod/Deployment/mailer-27",
        "memory-limit",
        "logs",
        "fail warning",
    ),
    ("team-000-prod/Deployment/mailer-27", "pod-spread", "", "pass"),
    (
        "default/Deployment/invoices-66",
        "min-replicas",
        "",
        "fail warning",
    ),
    ("default/Deployment/invoices-66", "pod-spread", "", "pass"),
    ("default/StatefulSet/mailer-62", "pod-spread", "", "notApplicable"),
    (
        "team-003-prod/Deployment/basket-93",
        "memory-limit",
        "proxy",
        "pass",
    ),
    ("team-003-prod/StatefulSet/catalogue-95", "pod-spread", "", "pass"),
    (
        "team-003-prod/Deployment/search-99",
        "memory-limit",
        "app",
        "fail warning",
    ),
    (
        "team-003-prod/Deployment/search-99",
        "pod-spread",
        "",
        "fail warning",
    ),
    (
        "team-004-staging/CronJob/search-120",
        "memory-limit",
        "proxy",
        "fail warning",
    ),
    (
        "team-004-staging/Deployment/mailer-125",
        "pod-spread",
        "",
        "fail warning",
    ),
    (
        "team-004-staging/Deployment/mailer-132",
        "memory-limit",
        "app",
        "fail warning",
    ),
];

#[test]
fn the_corpus_is_the_same_each_time_and_as_large_as_it_says() {
    let [one, two] = [Corpus::new(10_000), Corpus::new(10_000)];
    assert!(one.documents == two.documents);
    let megabytes = one.bytes() as f64 / 1e6;
    assert!((30.0..36.0).contains(&megabytes), "{megabytes} MB");
    for status in ["pass", "notApplicable", "fail warning", "fail info"] {
        let rows = one.truth.values().filter(|found| *found == status).count();
        assert!(rows > 100, "{status}: {rows} rows");
    }
}
