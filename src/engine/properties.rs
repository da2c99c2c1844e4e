//! What must hold of the engine whatever happens to the cluster, in whatever order it is told.

mod history;
mod limits;
mod orders;
mod recount;
mod reviews;
mod run;
mod takeover;
mod transitions;

use self::history::Beat;
use self::run::Run;

/// How long after the last beat everything that waits has been judged: longer than the window and the quiet of limbo.
const AFTERWARDS: u64 = 1600;

/// Two ways through a history have told the same and end in the same reports.
#[track_caller]
fn assert_same(mut one: Run, mut other: Run) -> Result<(), proptest::test_runner::TestCaseError> {
    let end = one.second().max(other.second()) + AFTERWARDS;
    one.pass(end);
    other.pass(end);
    for (one, other) in one.told.iter().zip(&other.told) {
        proptest::prop_assert_eq!(one, other);
    }
    proptest::prop_assert_eq!(one.told.len(), other.told.len());
    proptest::prop_assert_eq!(one.statuses(), other.statuses());
    Ok(())
}

/// A run of the beats before `at`, with the clock at that beat.
fn run_up_to(beats: &[Beat], at: usize) -> Run {
    let mut run = Run::of(&beats[..at]);
    run.pass(beats[at].at);
    run
}

/// Goes on with the beats from `at` on.
fn go_on(mut run: Run, beats: &[Beat], at: usize) -> Run {
    beats[at..].iter().for_each(|beat| run.beat(beat));
    run
}
