//! The three rings: an inner one never imports an outer one, and the domain has no client, no async and no clock.

use std::fs;
use std::path::{Path, PathBuf};

/// Top-level modules by ring, the innermost first.
const DOMAIN: &[&str] = &[
    "model", "index", "rules", "detect", "simulate", "policy", "plan", "engine",
];
const ADAPTERS: &[&str] = &["source", "api", "check", "output"];
const RUNTIME: &[&str] = &["operator", "webhook", "cli"];

/// What the domain must not reach: the network, tasks, the clock, the file system, the environment.
const IMPURE: &[&str] = &[
    "kube::",
    "k8s_openapi",
    "tokio",
    "futures",
    "axum",
    "hyper",
    "std::net",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "crate::cli",
];

fn sources(module: &str) -> Vec<PathBuf> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![src.join(module)];
    found.extend(Some(src.join(format!("{module}.rs"))).filter(|file| file.exists()));
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    assert!(
        !found.is_empty(),
        "module {module} has no source: keep the lists of this test up to date"
    );
    found
}

/// The code of a file without comments and string literals' worth of prose: lines that start with `//` are left out.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a readable source file");
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn assert_none(modules: &[&str], forbidden: &[String]) {
    let mut faults = Vec::new();
    for path in modules.iter().flat_map(|module| sources(module)) {
        let code = code(&path);
        for (number, line) in code.lines().enumerate() {
            faults.extend(
                forbidden
                    .iter()
                    .filter(|word| line.contains(word.as_str()))
                    .map(|word| format!("{}: {word:?} in code line {}: {line}", path.display(), number + 1)),
            );
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn imports(modules: &[&str]) -> Vec<String> {
    modules
        .iter()
        .flat_map(|m| {
            [
                format!("crate::{m}::"),
                format!("crate::{m};"),
                format!("crate::{m} "),
            ]
        })
        .collect()
}

#[test]
fn the_domain_imports_no_adapter_and_no_runtime() {
    assert_none(DOMAIN, &imports(ADAPTERS));
    assert_none(DOMAIN, &imports(RUNTIME));
}

#[test]
fn the_domain_reaches_no_network_no_task_and_no_clock() {
    assert_none(
        DOMAIN,
        &IMPURE.iter().map(ToString::to_string).collect::<Vec<_>>(),
    );
}

#[test]
fn adapters_import_no_runtime() {
    assert_none(ADAPTERS, &imports(RUNTIME));
}

#[test]
fn rules_and_detectors_see_the_view_only() {
    let inner = ["crate::plan", "crate::engine"].map(str::to_owned);
    assert_none(&["rules", "detect", "simulate"], &inner);
}

/// No request that changes anything can be made without one of these types.
#[test]
fn only_the_writer_the_lease_and_the_certificates_write() {
    let writes = ["PatchParams", "PostParams", "DeleteParams", "EvictParams"];
    let writers = [
        "operator/writer.rs",
        "operator/lease.rs",
        "operator/writer/",
        "operator/lease/",
        // The webhook's Secret and configurations, by name; and the hook that removes those.
        "operator/certificates.rs",
        "cli/remove_webhook.rs",
    ];
    let mut faults = Vec::new();
    for path in [DOMAIN, ADAPTERS, RUNTIME]
        .concat()
        .iter()
        .flat_map(|module| sources(module))
    {
        let is_writer = writers.iter().any(|w| path.to_string_lossy().contains(w));
        let code = code(&path);
        if !is_writer && writes.iter().any(|word| code.contains(word)) {
            faults.push(path);
        }
    }
    assert!(faults.is_empty(), "these write, and must not: {faults:?}");
}

#[test]
fn every_top_level_module_belongs_to_a_ring() {
    let lib =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("src/lib.rs");
    let modules = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    for module in modules {
        let known = [DOMAIN, ADAPTERS, RUNTIME].concat().contains(&module);
        assert!(
            known,
            "module {module} is in no ring: add it to this test and to the documentation of lib.rs"
        );
    }
}

#[test]
fn rules_and_detectors_stand_in_one_file_each() {
    for (folder, names) in [
        (
            "rules",
            plimsoll::rules::RULES
                .iter()
                .map(|r| (r.name, r.page()))
                .collect::<Vec<_>>(),
        ),
        (
            "detect",
            plimsoll::detect::DETECTORS
                .iter()
                .map(|d| (d.name, d.page()))
                .collect(),
        ),
    ] {
        for (name, page) in names {
            let file = format!("src/{folder}/{}.rs", name.replace('-', "_"));
            assert!(
                Path::new(env!("CARGO_MANIFEST_DIR")).join(&file).exists(),
                "{file} is missing"
            );
            assert!(
                page.len() > 400,
                "{file}: its `//!` comment is the reference page, and it is too short"
            );
        }
    }
}
