//! Our quantities, percentages and selectors against Kubernetes' own code, on generated cases.
//!
//! The cases come from a seed that is printed and may be set (`PLIMSOLL_ORACLE_SEED`). Each answer is compared in full;
//! what differs on purpose is named, bounded and counted. A generator that no longer reaches both sides, accepted and
//! refused, fails its test.

mod intstr;
mod quantity;
mod selector;

use std::collections::BTreeMap;
use std::io::Write as _;

use proptest::strategy::{Strategy, ValueTree as _};
use proptest::string::{RegexGeneratorStrategy, string_regex};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Cases of each kind.
const CASES: usize = 12_000;

/// So many differences are printed.
const SHOWN: usize = 20;

/// The default seed: any number does.
const SEED: u64 = 20_190_905;

/// `CASES` values, the same for the same seed.
fn generated<S: Strategy>(strategy: &S) -> Vec<S::Value> {
    let seed = match std::env::var("PLIMSOLL_ORACLE_SEED") {
        Ok(text) => text.parse().expect("PLIMSOLL_ORACLE_SEED is a number"),
        Err(_) => SEED,
    };
    tell(&format!("oracle: {CASES} cases from PLIMSOLL_ORACLE_SEED={seed}"));
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut value = || {
        strategy
            .new_tree(&mut runner)
            .expect("no filter rejects")
            .current()
    };
    (0..CASES).map(|_| value()).collect()
}

/// Texts that a pattern describes. A pattern that stands for itself would be read anew for each.
fn like(pattern: &str) -> RegexGeneratorStrategy<String> {
    string_regex(pattern).expect("a pattern")
}

/// Prints a measured figure, also when the test passes: libtest only captures the macros.
fn tell(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr is there");
}

/// What the comparison came to.
#[derive(Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    differences: Vec<String>,
    /// Differences on purpose, by their reason.
    excused: BTreeMap<&'static str, usize>,
}

impl Tally {
    /// Kubernetes took the case, or not.
    fn sees(&mut self, accepted: bool) {
        let side = if accepted {
            &mut self.accepted
        } else {
            &mut self.refused
        };
        *side += 1;
    }

    /// One member of the answers to one case.
    #[allow(clippy::needless_pass_by_value, reason = "most are made for the call")]
    fn compare<T: PartialEq + std::fmt::Debug>(&mut self, case: &str, what: &str, ours: T, theirs: T) {
        if ours != theirs {
            self.differences
                .push(format!("{case}: {what}: ours {ours:?}, Kubernetes' {theirs:?}"));
        }
    }

    fn excuse(&mut self, why: &'static str) {
        *self.excused.entry(why).or_default() += 1;
    }

    /// Prints the figures; fails on any difference, and unless at least a fifth of the cases fell on either side.
    fn conclude(self, what: &str) {
        let Self {
            accepted,
            refused,
            differences,
            excused,
        } = self;
        tell(&format!(
            "oracle: {what}: {} cases, {accepted} accepted, {refused} refused, {} differences; different on purpose: {excused:?}",
            accepted + refused,
            differences.len()
        ));
        let shown: Vec<&str> = differences.iter().take(SHOWN).map(String::as_str).collect();
        assert!(
            differences.is_empty(),
            "{what}: {} differences, the first:\n{}",
            differences.len(),
            shown.join("\n")
        );
        assert_eq!(accepted + refused, CASES, "every case was judged");
        assert!(
            accepted >= CASES / 5 && refused >= CASES / 5,
            "{what}: the generator has degenerated"
        );
        let excused = excused.values().max().copied().unwrap_or_default();
        assert!(excused <= CASES / 2, "{what}: too few cases are compared in full");
    }
}
