//! Bounded fuzz tests: documents that are well formed but for a few cuts, splices and hostile scalars go through each of
//! the ways in, and what comes out is held to more than not having panicked.
//!
//! ```text
//! corpus (examples, fixtures, corpus/) ──mutate──> bytes ──> target: way in, its promises
//!                                                                │ broken: shrunk, printed
//!                                                                v
//!                                                     corpus/, as a regression
//! ```
//!
//! Each target runs for a second, or for `PLIMSOLL_FUZZ_SECONDS`; every document of the corpus is tried as it stands
//! first. proptest makes and shrinks the mutations: it is a dependency already, runs on the stable toolchain under
//! `cargo test`, and can be stopped by a clock.

#[path = "../formats/inert.rs"]
mod inert;
mod mutate;
mod targets;

use std::cell::Cell;
use std::fs;
use std::panic;
use std::path::Path;
use std::sync::Once;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// What all targets together may hold at any time, MiB: each input has at most [`mutate::MAX_BYTES`].
const MOST_MIB: f32 = 256.0;
/// What one input may take; they take milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many inputs are tried between two looks at the clock.
const BATCH: u32 = 16;

/// Every document that mutations begin with.
fn corpus(extensions: &[&str]) -> Vec<Vec<u8>> {
    corpus_in(&["tests/fuzz/corpus", "tests/fixtures", "examples"], extensions)
}

fn corpus_in(folders: &[&str], extensions: &[&str]) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in folders {
        let entries = fs::read_dir(root.join(folder)).expect("a directory");
        paths.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    let wanted = |path: &Path| {
        path.extension()
            .is_some_and(|e| extensions.iter().any(|x| e == *x))
    };
    paths.retain(|path| wanted(path));
    paths.sort();
    assert!(!paths.is_empty(), "no corpus for {extensions:?}");
    paths.iter().map(|path| fs::read(path).expect("a file")).collect()
}

fn seconds() -> Duration {
    let set = std::env::var("PLIMSOLL_FUZZ_SECONDS").ok();
    Duration::from_secs(set.map_or(1, |text| text.parse().expect("PLIMSOLL_FUZZ_SECONDS is a number")))
}

thread_local! {
    /// Whether this thread's panics are caught, and told once they are shrunk.
    static TRYING: Cell<bool> = const { Cell::new(false) };
}

/// Says nothing of the panics that shrinking makes.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !TRYING.get() {
                tell(info);
            }
        }));
    });
}

/// Tries the corpus and then mutations of it until the time is over. A failure prints its input, shrunk.
#[allow(clippy::print_stderr, reason = "how many were tried belongs into the log")]
fn fuzz(target: &str, seeds: &[Vec<u8>], check: impl Fn(&[u8])) {
    let checked = |bytes: &[u8]| {
        let began = Instant::now();
        check(bytes);
        assert!(began.elapsed() < PATIENCE, "took {:?}", began.elapsed());
        let peak = ALLOCATED.peak_usage_as_mb();
        assert!(peak < MOST_MIB, "{peak} MiB");
    };
    for seed in seeds {
        checked(seed);
    }
    hush();
    let until = Instant::now() + seconds();
    let config = Config {
        cases: BATCH,
        failure_persistence: None,
        max_shrink_iters: 4_096,
        ..Config::default()
    };
    let (plan, mut tried) = (mutate::plan(), 0);
    while Instant::now() < until {
        // A runner that has run once is done.
        let mut runner = TestRunner::new(config.clone());
        TRYING.set(true);
        let outcome = runner.run(&plan, |plan| {
            checked(&plan.apply(seeds));
            Ok::<(), TestCaseError>(())
        });
        TRYING.set(false);
        if let Err(TestError::Fail(why, plan)) = outcome {
            let bytes = plan.apply(seeds);
            panic!(
                "{target}: {why}\nkeep it in tests/fuzz/corpus:\n{}",
                bytes.escape_ascii()
            );
        }
        outcome.expect("a run that is not given up");
        tried += BATCH;
    }
    eprintln!("{target}: {} documents, {tried} mutations", seeds.len());
}
