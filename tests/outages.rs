//! The recorded outages: what Plimsoll says of each, and when. `UPDATE=1 cargo test --test outages` writes anew what is
//! generated: the reconstruction, and what the READMEs show of its replay.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use serde_json::Value;

#[path = "../examples/outages/iconik-2019-09-05/generate.rs"]
mod generate;

const ICONIK: &str = "examples/outages/iconik-2019-09-05";
const RIG: &str = "examples/outages/iconik-rig";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn holds(path: &Path, expected: &str) {
    let found = fs::read_to_string(path).unwrap_or_default();
    if found != expected && std::env::var_os("UPDATE").is_some() {
        // In one step: the other tests may be reading it.
        let new = path.with_extension("new");
        fs::write(&new, expected)
            .and_then(|()| fs::rename(&new, path))
            .expect("the file can be written");
        return;
    }
    // Not assert_eq: a recording is long.
    assert!(
        found == expected,
        "{} is out of date: run `UPDATE=1 cargo test --test outages`",
        path.display()
    );
}

/// What `plimsoll replay` prints; it must read every line.
fn replay(path: &str, output: &str) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["replay", path, "-o", output])
        .current_dir(root())
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.is_empty(), "{said}");
    String::from_utf8(ran.stdout).expect("UTF-8")
}

/// A transition, as the contract has it.
struct Told {
    at: Timestamp,
    /// `shop/web stranded Active Critical`.
    what: String,
    message: String,
}

fn told(path: &str) -> Vec<Told> {
    let document: Value = serde_json::from_str(&replay(path, "json")).expect("a JSON document");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |t: &Value| Told {
        at: text(&t["at"]).parse().expect("a stamp"),
        what: format!(
            "{} {} {} {}",
            text(&t["object"]["name"]),
            text(&t["rule"]),
            text(&t["state"]),
            text(&t["severity"])
        ),
        message: text(&t["message"]),
    };
    document["transitions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(one)
        .collect()
}

fn first<'a>(told: &'a [Told], what: &str) -> &'a Told {
    let all = || {
        told.iter()
            .map(|t| format!("{} {}", t.at, t.what))
            .collect::<Vec<_>>()
            .join("\n")
    };
    told.iter()
        .find(|t| t.what == what)
        .unwrap_or_else(|| panic!("no {what} among\n{}", all()))
}

fn evening(time: &str) -> Timestamp {
    format!("2019-09-05T{time}Z").parse().expect("a time of day")
}

#[test]
fn the_reconstruction_is_what_its_program_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording.jsonl");
    generate::generate(Box::new(fs::File::create(&path).expect("a file"))).expect("it is written");
    let written = fs::read_to_string(&path).expect("it was written");
    assert!(
        written.len() < 400_000,
        "{} bytes are too much for a repository",
        written.len()
    );
    holds(&root().join(ICONIK).join("recording.jsonl"), &written);
}

/// The promises of `node-limbo`, `stranded` and the rules, at a default cluster's timers.
#[test]
fn iconik_would_have_been_told() {
    let told = told(ICONIK);
    let weeks_before: Timestamp = "2019-08-16T00:00:00Z".parse().expect("a stamp");
    for rule in ["pod-spread", "memory-limit", "co-located"] {
        assert!(
            first(&told, &format!("web {rule} Active Warning")).at < weeks_before,
            "{rule}"
        );
    }
    let last_heartbeat = evening("22:50:29");
    let gap = first(&told, "node-2 heartbeat-gap Active Info");
    let before = evening("22:51:20").duration_since(gap.at).as_secs();
    assert!(
        (20..=26).contains(&before),
        "{before} s before Kubernetes marks the node"
    );
    let stranded = first(&told, "web stranded Active Critical");
    let after = stranded.at.duration_since(last_heartbeat);
    assert!(after.as_secs() <= 60, "{after}");
    assert!(stranded.at < evening("22:51:22"), "before the first 503");
    for part in [
        "0 of 2 ready: both replicas of web are on node node-2",
        "eviction due at 22:56:20Z",
        "evict web-",
    ] {
        assert!(stranded.message.contains(part), "{}", stranded.message);
    }
    let limbo = first(&told, "node-2 node-limbo Active Critical");
    assert!(
        limbo.message.contains("fell silent 2 times")
            && limbo.message.contains("(L1); evict the stranded pods")
    );
    assert!(
        limbo.at < evening("22:56:00"),
        "with the second episode, 13 minutes before the first alert"
    );
    let recovered = first(&told, "web stranded Recovered Critical");
    assert!(
        recovered.at > evening(generate::RESTART) && recovered.at <= evening("23:17:36"),
        "latched"
    );
    // Everything else ran on, and nothing is said of it.
    let others = [
        "api ", "auth ", "node-1 ", "node-3 ", "node-4 ", "node-5 ", "cluster ",
    ];
    let false_alarms = told
        .iter()
        .filter(|t| others.iter().any(|name| t.what.starts_with(name)));
    assert_eq!(
        false_alarms.map(|t| t.what.as_str()).collect::<Vec<_>>(),
        Vec::<&str>::new()
    );
}

/// What people knew, from the public post-mortem.
const KNOWN: [(&str, &str); 3] = [
    ("22:51:22", "the first 503 is served"),
    ("23:09:00", "the first alert, from an external check"),
    (
        "23:17:36",
        "back: people have restarted the pods by hand, and they run on another node",
    ),
];

/// The rows of people and of Plimsoll, by time; of the node's silences only the first.
fn table(told: &[Told]) -> String {
    let mut rows: Vec<(Timestamp, String, String)> = Vec::new();
    for (time, what) in KNOWN {
        rows.push((evening(time), what.to_owned(), String::new()));
    }
    let mut seen = Vec::new();
    for t in told
        .iter()
        .filter(|t| ["web ", "node-2 "].iter().any(|name| t.what.starts_with(name)))
    {
        let is_silence = ["node-not-ready", "heartbeat-gap"]
            .iter()
            .any(|rule| t.what.contains(rule));
        if is_silence && seen.contains(&&t.what) {
            continue;
        }
        seen.push(&t.what);
        let is_over = ["Recovered", "Closed"].iter().any(|state| t.what.contains(state));
        let message = if is_over {
            String::new()
        } else {
            format!(": {}", t.message)
        };
        let words: Vec<&str> = t.what.split(' ').collect();
        let state = match (words[2], words[3]) {
            ("Active", severity) => severity.to_lowercase(),
            ("Changed", severity) => format!("now {}", severity.to_lowercase()),
            (state, _) => state.to_lowercase(),
        };
        rows.push((t.at, String::new(), format!("`{}` {state}{message}", words[1])));
    }
    rows.sort_by_key(|(at, ..)| *at);
    let mut out = "| when | what people knew | what Plimsoll says |\n|---|---|---|\n".to_owned();
    for (at, people, plimsoll) in rows {
        let when = if at < evening("00:00:00") {
            "%e %B"
        } else {
            "%H:%M:%S"
        };
        let people = if people.is_empty() {
            people
        } else {
            format!("**{people}**")
        };
        out += &format!(
            "| {} | {people} | {plimsoll} |\n",
            at.strftime(when).to_string().trim()
        );
    }
    out
}

/// Replaces what stands between `<!-- generated: NAME -->` and `<!-- end: NAME -->`.
fn replace(path: &Path, name: &str, with: &str) {
    let text = fs::read_to_string(path).expect("a README");
    let (start, end) = (
        format!("<!-- generated: {name} -->\n"),
        format!("<!-- end: {name} -->"),
    );
    let (head, rest) = text
        .split_once(&start)
        .unwrap_or_else(|| panic!("{} lacks {start}", path.display()));
    let (_, tail) = rest
        .split_once(&end)
        .unwrap_or_else(|| panic!("{} lacks {end}", path.display()));
    holds(path, &format!("{head}{start}{with}{end}{tail}"));
}

#[test]
fn the_outages_readme_sets_people_against_plimsoll() {
    replace(
        &root().join(ICONIK).join("README.md"),
        "table",
        &table(&told(ICONIK)),
    );
}

/// The beginning of the replay, to the first limbo, and its last line.
#[test]
fn the_readme_shows_the_replay() {
    let printed = replay(ICONIK, "table");
    let lines: Vec<&str> = printed.lines().collect();
    let limbo = lines
        .iter()
        .position(|line| line.contains("node-limbo: "))
        .expect("limbo");
    let end = (limbo..)
        .find(|at| !lines[at + 1].starts_with("                    "))
        .expect("an end");
    let shown = lines[..=end].join("\n");
    let last = lines.last().expect("a last line");
    replace(
        &root().join("README.md"),
        "replay",
        &format!("```text\n{shown}\n     …\n{last}\n```\n"),
    );
}

#[test]
fn the_demos_recording_tells_its_story() {
    let recording = root().join(RIG).join("recording.jsonl.gz");
    let size = fs::metadata(&recording).expect("a recording").len();
    assert!(size < 300_000, "{size} bytes are too much for a repository");
    insta::assert_snapshot!(replay(RIG, "table"));
}
