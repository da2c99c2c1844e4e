//! Generated files equal what the code generates. `UPDATE=1 cargo test --test generated` writes them anew.

use std::fs;
use std::path::{Path, PathBuf};

use plimsoll::model::finding::Severity;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn holds(path: &Path, expected: &str) {
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
        fs::write(path, expected).expect("the file can be written");
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == expected,
        "{} is not what the code generates: run `UPDATE=1 cargo test --test generated`",
        path.display()
    );
}

#[test]
fn crds_and_the_charts_copies_are_generated() {
    for (file, yaml) in plimsoll::api::crds() {
        holds(&root().join("crds").join(file), &yaml);
        holds(&root().join("charts/plimsoll/files/crds").join(file), &yaml);
    }
}

/// Helm reads YAML 1.1, where these words are booleans: none may stand in a CRD without quotes.
#[test]
fn no_crd_holds_a_word_that_yaml_1_1_takes_for_a_boolean() {
    let booleans = ["y", "n", "yes", "no", "on", "off"];
    for (file, yaml) in plimsoll::api::crds() {
        for (number, line) in yaml.lines().enumerate() {
            let words = line.trim().trim_start_matches("- ").split(':').map(str::trim);
            for word in words {
                assert!(
                    !booleans.contains(&word.to_ascii_lowercase().as_str()),
                    "{file}:{}: {line}",
                    number + 1
                );
            }
        }
    }
}

#[test]
fn the_readme_lists_every_rule_and_detector() {
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).expect("README.md");
    let rules = plimsoll::rules::RULES
        .iter()
        .map(|r| [r.name, r.severity.as_str(), r.summary].map(str::to_owned));
    let rules = table(["rule", "severity", "fails when"], rules);
    let detectors = plimsoll::detect::DETECTORS.iter().map(|d| {
        let severity = if d.severity == Severity::Critical {
            "critical"
        } else {
            d.severity.as_str()
        };
        let ends = format!("{}{}", d.ends, if d.latched { "; latched" } else { "" });
        [
            d.name.to_owned(),
            severity.to_owned(),
            format!("{} (ends: {ends})", d.summary),
        ]
    });
    let detectors = table(["detector", "severity", "fires when"], detectors);
    let readme = replace(&replace(&readme, "rules", &rules), "detectors", &detectors);
    holds(&path, &readme);
}

fn table(head: [&str; 3], rows: impl Iterator<Item = [String; 3]>) -> String {
    let rows = rows.map(|[name, severity, text]| format!("| `{name}` | {severity} | {text} |\n"));
    format!(
        "| {} | {} | {} |\n|---|---|---|\n{}",
        head[0],
        head[1],
        head[2],
        rows.collect::<String>()
    )
}

/// Replaces what stands between `<!-- generated: NAME -->` and `<!-- end: NAME -->`.
fn replace(text: &str, name: &str, with: &str) -> String {
    let (start, end) = (
        format!("<!-- generated: {name} -->\n"),
        format!("<!-- end: {name} -->"),
    );
    let (head, rest) = text
        .split_once(&start)
        .unwrap_or_else(|| panic!("README.md lacks the mark {start}"));
    let (_, tail) = rest
        .split_once(&end)
        .unwrap_or_else(|| panic!("README.md lacks the mark {end}"));
    format!("{head}{start}{with}{end}{tail}")
}
