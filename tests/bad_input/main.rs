//! Bad input, from outside: whatever stands in a file, `plimsoll check` says what is wrong with it and where, names the
//! way out, ends with exit code 2, and judges everything else. It never panics, hangs, or takes memory without bound.
//!
//! ```text
//! case ──> directory: bad.yaml, good.yaml ──> plimsoll check -o json, memory and time bounded ──> errors, workloads
//! ```
//!
//! What a parser calls a fault is its own business; these tests look at the place, the field and the way out.

mod fields;
mod files;
mod recordings;
mod size;
mod syntax;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// What every bad input lies beside: it must be judged.
const GOOD: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: good, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: good}}
  template:
    metadata: {labels: {app: good}}
    spec:
      containers:
      - name: app
";

/// Ten lines less one: the tenth is a case's own, a field of the container or of `spec`.
const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
";

/// Memory that the command may write to, KiB: what a few kilobytes of input may cost, with the binary's own and what the
/// allocator keeps at hand.
const SMALL: u64 = 32 << 10;

/// Generous, for machines that do much else: a few milliseconds is what it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Words that a way out begins with.
const WAYS: [&str; 31] = [
    "a recording begins with",
    "add",
    "align",
    "check",
    "choose",
    "close",
    "copy",
    "correct",
    "define",
    "did",
    "give",
    "indent",
    "keep",
    "leave",
    "list",
    "lower",
    "make",
    "mend",
    "name",
    "put",
    "quote",
    "raise",
    "record",
    "remove",
    "rename",
    "render",
    "run",
    "save",
    "split",
    "use",
    "write",
];

struct Fault {
    file: String,
    line: Option<u64>,
    column: Option<u64>,
    message: String,
}

impl Fault {
    /// `bad.yaml:3:5`.
    fn place(&self) -> String {
        let numbers = [self.line, self.column].into_iter().flatten();
        numbers.fold(self.file.clone(), |place, n| format!("{place}:{n}"))
    }

    /// Whether it says what must be, or what to do.
    fn has_way_out(&self) -> bool {
        let demands = ["must be ", "must not ", "must have "];
        let begins = |rest: &str| {
            WAYS.iter()
                .any(|way| rest.strip_prefix(way).is_some_and(|r| r.starts_with(' ')))
        };
        self.message.ends_with('?')
            || demands.iter().any(|demand| self.message.contains(demand))
            || ["; ", ": ", ", "]
                .iter()
                .any(|sign| self.message.split(sign).skip(1).any(begins))
    }
}

/// What the command said of a directory.
struct Ran {
    code: Option<i32>,
    stderr: String,
    faults: Vec<Fault>,
    /// Names.
    workloads: Vec<String>,
}

impl Ran {
    fn faults(&self) -> String {
        let line = |fault: &Fault| format!("{}: {}\n", fault.place(), fault.message);
        self.faults.iter().map(line).collect()
    }

    /// What holds of every bad input: exit code 2, the good workload judged, every fault with its file and way out,
    /// none longer than a screen.
    #[track_caller]
    fn holds(&self) -> &Self {
        let all = self.faults();
        assert_eq!(self.code, Some(2), "{all}{}", self.stderr);
        assert!(
            self.workloads.iter().any(|name| name == "good"),
            "{:?}\n{all}",
            self.workloads
        );
        for fault in &self.faults {
            assert!(fault.has_way_out(), "no way out: {}", fault.message);
            assert!(
                fault.message.chars().count() <= 1_000,
                "{} characters",
                fault.message.len()
            );
            assert!(
                !fault.file.is_empty() && fault.column.is_none_or(|_| fault.line.is_some()),
                "{all}"
            );
        }
        self
    }

    /// A fault at `place`, whose message has `words` in it.
    #[track_caller]
    fn has(&self, place: &str, words: &str) -> &Self {
        let found = |fault: &Fault| fault.place() == place && fault.message.contains(words);
        assert!(
            self.faults.iter().any(found),
            "no {place}: …{words}… in\n{}",
            self.faults()
        );
        self
    }
}

/// A directory with the good workload in it.
struct Case {
    directory: TempDir,
    kib: u64,
}

impl Case {
    fn new() -> Case {
        let case = Case {
            directory: TempDir::new().expect("a directory"),
            kib: SMALL,
        };
        case.write("good.yaml", GOOD.as_bytes());
        case
    }

    /// With `text` as `bad.yaml`.
    fn of(text: impl AsRef<[u8]>) -> Case {
        let case = Case::new();
        case.write("bad.yaml", text.as_ref());
        case
    }

    /// Grants so much memory.
    fn within(mut self, kib: u64) -> Case {
        self.kib = kib;
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, bytes).expect("a file");
    }

    fn check(&self) -> Ran {
        self.check_with(&command(self.kib), &[self.directory.path()])
    }

    fn check_with(&self, program: &dyn Fn() -> Command, paths: &[&Path]) -> Ran {
        // Files, for a pipe that nobody empties would stop the command.
        let (out, err) = (self.path(".out"), self.path(".err"));
        let mut child = program()
            .args(["check", "-o", "json"])
            .args(paths)
            .stdin(Stdio::null())
            .stdout(File::create(&out).expect("a file"))
            .stderr(File::create(&err).expect("a file"))
            .spawn()
            .expect("the binary runs");
        let code = ended(&mut child);
        let text = |path| String::from_utf8(fs::read(path).expect("a file")).expect("UTF-8");
        let (stdout, stderr) = (text(out), text(err));
        let answer: Value = serde_json::from_str(&stdout)
            .unwrap_or_else(|e| panic!("{e}: {code:?} {stdout:.400} {stderr:.2000}"));
        Ran {
            code,
            stderr,
            faults: self.faults(&answer),
            workloads: names(&answer),
        }
    }

    fn faults(&self, answer: &Value) -> Vec<Fault> {
        let base = format!("{}/", self.directory.path().display());
        let fault = |error: &Value| Fault {
            file: error["file"].as_str().unwrap_or_default().replace(&base, ""),
            line: error["line"].as_u64(),
            column: error["column"].as_u64(),
            message: error["message"].as_str().unwrap_or_default().replace(&base, ""),
        };
        answer["errors"]
            .as_array()
            .expect("a list")
            .iter()
            .map(fault)
            .collect()
    }
}

fn names(answer: &Value) -> Vec<String> {
    let name = |workload: &Value| workload["name"].as_str().unwrap_or_default().to_owned();
    answer["workloads"]
        .as_array()
        .expect("a list")
        .iter()
        .map(name)
        .collect()
}

/// The binary, which may write to so much memory and no more: what is beyond fails, and the command with it.
fn command(kib: u64) -> impl Fn() -> Command {
    bounded(PathBuf::from(env!("CARGO_BIN_EXE_plimsoll")), kib)
}

fn bounded(binary: PathBuf, kib: u64) -> impl Fn() -> Command {
    move || {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("ulimit -d {kib} && exec \"$0\" \"$@\"")])
            .arg(&binary);
        command
    }
}

/// Its exit code; `None` when a signal ended it. One that does not end is ended, and a failure.
fn ended(child: &mut Child) -> Option<i32> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status.code();
        }
        if began.elapsed() > PATIENCE {
            child.kill().expect("it can be ended");
            child.wait().expect("a child");
            panic!("did not end within {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
}
