//! `cargo bench --bench check`: `plimsoll check` on 10,000 documents, its answers against what is true of them, its CPU time
//! and memory against kube-score's; and how long the recorded outages take to replay.
//!
//! Both are children of a process that pins itself to one processor and asks the kernel what its child took, in turns, so
//! that a ratio compares neighbours in time. The peer is built from the Go module that `tests/rig/kube-score` pins;
//! without Go or a network it is left out, and the bench says so. Of kube-score's formats the fastest is taken. The
//! binary is built with the bench profile, which is what is shipped (`--profile dist`); another is named by
//! `PLIMSOLL_BINARY`.

#[path = "support/corpus/mod.rs"]
mod corpus;
mod support;

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use granit_parser::Parser;
use nix::sys::resource::{UsageWho, getrusage};
use plimsoll::source::manifest;
use plimsoll_kit::Tool;
use plimsoll_kit::rig::find_or_build;
use serde_json::{Value, json};
use tempfile::TempDir;

use corpus::{Corpus, Differences, said};
use support::{figure, goal, goal_at_least, section};

/// Turns of both programs.
const ROUNDS: usize = 3;

/// The word that makes this program the parent of one child.
const MEASURE: &str = "measure-child";

fn main() {
    let args: Vec<String> = env::args().collect();
    if args.get(1).is_some_and(|word| word == MEASURE) {
        measure_child(args[2] == "pinned", &args[3..]);
        return;
    }
    let documents = if args.iter().any(|arg| arg == "--bench") {
        10_000
    } else {
        600
    };
    let corpus = Corpus::new(documents);
    let directory = TempDir::new().expect("a directory");
    let files = |n: usize| {
        let path = directory.path().join(n.to_string());
        fs::create_dir(&path).expect("a directory");
        corpus.write(&path, n).expect("files");
        path
    };
    section(&format!(
        "check: {} documents, {:.1} MB, {} rows of truth",
        corpus.documents.len(),
        megabytes(&corpus),
        corpus.truth.len()
    ));
    let hundred = files(100);
    truth(&corpus, &hundred);
    against_the_peer(&corpus, &hundred);
    threads(&corpus, &hundred);
    files_and_memory(&[hundred.clone(), files(1_000), files(10_000)]);
    start_up(directory.path());
    replays();
    parsing(&corpus);
}

fn megabytes(corpus: &Corpus) -> f64 {
    corpus.bytes() as f64 / 1e6
}

fn plimsoll() -> PathBuf {
    env::var_os("PLIMSOLL_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_plimsoll").into(), PathBuf::from)
}

/// What a child took.
#[derive(Clone, Copy)]
struct Cost {
    cpu: Duration,
    wall: Duration,
    /// Peak resident memory, MiB.
    memory: f64,
}

/// Runs a command and prints what it took.
#[allow(clippy::print_stdout, reason = "read by `cost`")]
fn measure_child(pinned: bool, command: &[String]) {
    #[cfg(target_os = "linux")]
    if pinned {
        let mut one = nix::sched::CpuSet::new();
        one.set(0).expect("there is a first processor");
        nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &one).expect("it may be used");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = pinned;
    let began = Instant::now();
    let status = Command::new(&command[0])
        .args(&command[1..])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("it runs");
    let wall = began.elapsed();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel counts");
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    println!(
        "{}",
        json!({
            "code": status.code(),
            "cpu": micros(usage.user_time()) + micros(usage.system_time()),
            "wall": u64::try_from(wall.as_micros()).expect("short"),
            "memory": usage.max_rss(),
        })
    );
}

fn cost<S: AsRef<OsStr>>(pinned: bool, program: &Path, args: impl IntoIterator<Item = S>) -> Cost {
    let me = env::current_exe().expect("this program");
    let output = Command::new(me)
        .arg(MEASURE)
        .arg(if pinned { "pinned" } else { "free" })
        .arg(program)
        .args(args)
        .output()
        .expect("this program runs");
    let read: Value = serde_json::from_slice(&output.stdout).expect("what `measure_child` prints");
    assert!(
        matches!(read["code"].as_i64(), Some(0 | 1)),
        "{} cannot be measured: {read}",
        program.display()
    );
    let micros = |key: &str| Duration::from_micros(read[key].as_u64().expect("a number"));
    Cost {
        cpu: micros("cpu"),
        wall: micros("wall"),
        memory: read["memory"].as_f64().expect("a number") / 1024.0,
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The median of what `of` says of each.
fn middle(costs: &[Cost], of: impl Fn(&Cost) -> f64) -> f64 {
    median(costs.iter().map(of).collect())
}

fn truth(corpus: &Corpus, directory: &Path) {
    let output = Command::new(plimsoll())
        .args(["check", "-o", "json"])
        .arg(directory)
        .output()
        .expect("plimsoll runs");
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let Differences {
        missed,
        falsely,
        other,
    } = Differences::between(&corpus.truth, &said(&json));
    for (what, rows) in [
        ("failures missed", &missed),
        ("failures that are none", &falsely),
        ("other rows that differ", &other),
        (
            "errors",
            &json["errors"]
                .as_array()
                .into_iter()
                .flatten()
                .map(Value::to_string)
                .collect(),
        ),
    ] {
        goal(what, rows.len() as f64, 0.0, &rows.len().to_string());
        rows.iter().take(5).for_each(|row| figure(row, ""));
    }
}

fn against_the_peer(corpus: &Corpus, directory: &Path) {
    let peer = match find_or_build(Tool::KubeScore) {
        Ok(path) => path,
        Err(why) => {
            figure("kube-score is left out", &why.to_string());
            return;
        }
    };
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .expect("the corpus")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    let mut score: Vec<&OsStr> = ["score", "-o", "ci"].map(OsStr::new).to_vec();
    score.extend(files.iter().map(|path| path.as_os_str()));
    let check = [OsStr::new("check"), directory.as_os_str()];
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    cost(true, &plimsoll(), check);
    for _ in 0..ROUNDS {
        theirs.push(cost(true, &peer, &score));
        ours.push(cost(true, &plimsoll(), check));
    }
    let mb = megabytes(corpus);
    for (name, costs) in [("plimsoll check", &ours), ("kube-score v1.20.0", &theirs)] {
        let seconds = middle(costs, |cost| cost.cpu.as_secs_f64());
        let memory = middle(costs, |cost| cost.memory);
        figure(
            &format!("{name}, CPU on one processor"),
            &format!("{seconds:.3} s = {:.1} MB/s", mb / seconds),
        );
        figure(&format!("{name}, peak memory"), &format!("{memory:.1} MiB"));
    }
    let ratios = ours.iter().zip(&theirs);
    let ratio = median(
        ratios
            .map(|(our, their)| their.cpu.as_secs_f64() / our.cpu.as_secs_f64())
            .collect(),
    );
    goal_at_least(
        "kube-score's CPU / plimsoll's",
        ratio,
        40.0,
        &format!("{ratio:.1}"),
    );
}

fn threads(corpus: &Corpus, directory: &Path) {
    let check = [OsStr::new("check"), directory.as_os_str()];
    for (pinned, name) in [(true, "one processor"), (false, "all processors")] {
        let costs: Vec<Cost> = (0..ROUNDS).map(|_| cost(pinned, &plimsoll(), check)).collect();
        let wall = middle(&costs, |cost| cost.wall.as_secs_f64());
        figure(
            &format!("time on the wall, {name}"),
            &format!("{wall:.3} s = {:.1} MB/s", megabytes(corpus) / wall),
        );
    }
}

fn files_and_memory(directories: &[PathBuf]) {
    let mut peaks = Vec::new();
    for directory in directories {
        let check = [OsStr::new("check"), directory.as_os_str()];
        let costs: Vec<Cost> = (0..3).map(|_| cost(false, &plimsoll(), check)).collect();
        peaks.push(middle(&costs, |cost| cost.memory));
        let count = fs::read_dir(directory).expect("the corpus").count();
        figure(
            &format!("peak memory, the same documents in {count} files"),
            &format!("{:.1} MiB", peaks[peaks.len() - 1]),
        );
    }
    let ratio = peaks[peaks.len() - 1] / peaks[0];
    goal(
        "peak memory, most files / fewest",
        ratio,
        1.25,
        &format!("{ratio:.2}"),
    );
}

fn start_up(directory: &Path) {
    let small = directory.join("small.yaml");
    fs::write(&small, &Corpus::new(1).documents[1]).expect("a file");
    let small = small.as_os_str();
    for (name, args) in [
        ("version", vec![OsStr::new("version")]),
        ("check of one document", vec![OsStr::new("check"), small]),
    ] {
        let costs: Vec<Cost> = (0..40).map(|_| cost(true, &plimsoll(), &args)).collect();
        let wall = middle(&costs, |cost| cost.wall.as_secs_f64() * 1e3);
        goal(
            &format!("start-up: {name}, ms on the wall"),
            wall,
            3.0,
            &format!("{wall:.2} ms"),
        );
    }
}

/// The recorded outages: hours, in well under a second.
fn replays() {
    for name in ["iconik-2019-09-05", "iconik-rig"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples/outages")
            .join(name);
        let args = [OsStr::new("replay"), path.as_os_str()];
        let costs: Vec<Cost> = (0..10).map(|_| cost(true, &plimsoll(), args)).collect();
        let wall = middle(&costs, |cost| cost.wall.as_secs_f64() * 1e3);
        goal(
            &format!("replay of {name}, ms on the wall"),
            wall,
            500.0,
            &format!("{wall:.0} ms"),
        );
    }
}

/// In this process: the parser's events alone, the tree that is built of them, and the serde way.
fn parsing(corpus: &Corpus) {
    let texts = &corpus.documents;
    let rate = |name: &str, parse: &dyn Fn(&str)| {
        let times = (0..3).map(|_| {
            let began = Instant::now();
            texts.iter().for_each(|text| parse(text));
            began.elapsed().as_secs_f64()
        });
        let seconds = median(times.collect());
        figure(name, &format!("{:.1} MB/s", megabytes(corpus) / seconds));
    };
    rate("parsing: events alone", &|text| {
        black_box(Parser::new_from_str(text).filter(Result::is_ok).count());
    });
    rate("parsing: events to a tree (what check does)", &|text| {
        black_box(manifest::parse(text));
    });
    rate("parsing: serde-saphyr to serde_json::Value", &|text| {
        black_box(serde_saphyr::from_str::<Value>(text).is_ok());
    });
}
