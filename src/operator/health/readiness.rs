//! What readiness waits for, kind by kind, and how it is told.

use std::{collections::BTreeMap, fmt, sync::Arc};

use tokio::sync::watch;

/// The longest reason that is shown, in characters: API errors can carry whole HTML pages.
const MAX_REASON: usize = 300;

/// Where one kind (or another thing that must be there first) stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KindState {
    /// Not there yet; blocks. `on` says what is waited for, such as `listing`, or is empty.
    Waiting {
        /// What is waited for.
        on: &'static str,
    },
    /// Has listed once and is watched.
    Listed,
    /// An optional kind whose CRD is not installed: named, but doesn't block.
    Missing {
        /// What the API server said.
        reason: String,
    },
    /// 403: blocks, since a kind that may not be read looks like an empty cluster.
    Forbidden {
        /// What the API server said, which names the missing permission.
        reason: String,
    },
    /// Other failures, tried again: blocks until the kind has listed once; after that only named, since what is in
    /// memory still holds.
    Failing {
        /// What went wrong last.
        reason: String,
    },
}

#[derive(Clone, Debug)]
struct Kind {
    state: KindState,
    has_listed: bool,
    /// Objects that cannot be read now.
    unread: Option<String>,
}

impl Kind {
    const fn new(state: KindState) -> Self {
        Self {
            state,
            has_listed: false,
            unread: None,
        }
    }

    fn blocks(&self) -> bool {
        match self.state {
            KindState::Waiting { .. } | KindState::Forbidden { .. } => true,
            KindState::Failing { .. } => !self.has_listed,
            KindState::Listed | KindState::Missing { .. } => false,
        }
    }

    /// The line for the state, unless there is nothing to say.
    fn line(&self, kind: &str) -> Option<String> {
        match &self.state {
            KindState::Waiting { on: "" } => Some(format!("waiting: {kind}")),
            KindState::Waiting { on } => Some(format!("waiting: {kind}: {on}")),
            KindState::Listed => None,
            KindState::Missing { reason } => Some(format!("missing: {kind}: {reason}")),
            KindState::Forbidden { reason } => Some(format!("degraded: {kind}: 403 forbidden: {reason}")),
            KindState::Failing { reason } => Some(format!("degraded: {kind}: {reason}")),
        }
    }

    fn unread_line(&self, kind: &str) -> Option<String> {
        self.unread.as_ref().map(|unread| format!("{kind}: {unread}"))
    }
}

type Kinds = BTreeMap<&'static str, Kind>;

fn all_there(kinds: &Kinds) -> bool {
    !kinds.values().any(Kind::blocks)
}

/// Collects what readiness waits for. Clones share it.
///
/// With nothing expected it is ready, so everything must be [expected](Self::expect) before the server answers.
#[derive(Clone, Debug)]
pub struct Readiness {
    kinds: Arc<watch::Sender<Kinds>>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self {
            kinds: Arc::new(watch::Sender::new(Kinds::new())),
        }
    }
}

impl Readiness {
    /// Waits for the first listing of `kind` (plural, lower case).
    pub fn expect(&self, kind: &'static str) {
        self.set(kind, KindState::Waiting { on: "listing" });
    }

    /// Sets where `kind` stands. Reasons are cut to one line of at most 300 characters.
    pub fn set(&self, kind: &'static str, state: KindState) {
        let state = tidy(state);
        self.kinds.send_if_modified(|kinds| {
            let entry = kinds
                .entry(kind)
                .or_insert_with(|| Kind::new(KindState::Waiting { on: "" }));
            entry.has_listed |= state == KindState::Listed;
            let changed = entry.state != state;
            entry.state = state;
            changed
        });
    }

    /// Says which objects of `kind` cannot be read now, in one line; `None` when all can.
    pub fn set_unread(&self, kind: &'static str, unread: Option<&str>) {
        // That never changes whether we are ready, so nobody is woken.
        self.kinds.send_if_modified(|kinds| {
            let entry = kinds
                .entry(kind)
                .or_insert_with(|| Kind::new(KindState::Waiting { on: "listing" }));
            entry.unread = unread.map(without_control);
            false
        });
    }

    /// Whether nothing blocks.
    pub fn is_ready(&self) -> bool {
        all_there(&self.kinds.borrow())
    }

    /// Completes when nothing blocks.
    pub async fn ready(&self) {
        // The sender lives in `self`, so the wait can't fail.
        let _ = self.kinds.subscribe().wait_for(all_there).await;
    }

    /// What `/readyz` says.
    pub fn report(&self) -> Report {
        let kinds = self.kinds.borrow();
        let (blocking, free): (Vec<_>, Vec<_>) = kinds.iter().partition(|(_, kind)| kind.blocks());
        let states = |of: &[(&&'static str, &Kind)]| -> Vec<String> {
            of.iter().filter_map(|(name, kind)| kind.line(name)).collect()
        };
        let mut notes = states(&free);
        notes.extend(kinds.iter().filter_map(|(name, kind)| kind.unread_line(name)));
        Report {
            blocking: states(&blocking),
            notes,
        }
    }
}

/// What `/readyz` says: one line each, in the order of the kinds' names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is waited for.
    pub blocking: Vec<String>,
    /// What is wrong, but doesn't block.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether nothing blocks.
    pub fn is_ready(&self) -> bool {
        self.blocking.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ready() {
            writeln!(f, "ready")?;
        }
        self.blocking
            .iter()
            .chain(&self.notes)
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

fn tidy(state: KindState) -> KindState {
    match state {
        KindState::Missing { reason } => KindState::Missing {
            reason: one_line(&reason),
        },
        KindState::Forbidden { reason } => KindState::Forbidden {
            reason: one_line(&reason),
        },
        KindState::Failing { reason } => KindState::Failing {
            reason: one_line(&reason),
        },
        state @ (KindState::Waiting { .. } | KindState::Listed) => state,
    }
}

fn one_line(text: &str) -> String {
    without_control(&text.chars().take(MAX_REASON).collect::<String>())
}

fn without_control(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn waiting(on: &'static str) -> KindState {
        KindState::Waiting { on }
    }

    fn forbidden() -> KindState {
        KindState::Forbidden {
            reason: "cannot list".into(),
        }
    }

    fn failing() -> KindState {
        KindState::Failing {
            reason: "timed\nout".into(),
        }
    }

    fn missing() -> KindState {
        KindState::Missing {
            reason: "no such kind".into(),
        }
    }

    #[rstest]
    #[case::listing(&[waiting("listing")], "waiting: pods: listing\n")]
    #[case::something_else(&[waiting("")], "waiting: pods\n")]
    #[case::listed(&[KindState::Listed], "ready\n")]
    #[case::a_403_blocks(&[forbidden()], "degraded: pods: 403 forbidden: cannot list\n")]
    #[case::a_403_after_listing_blocks_too(
        &[KindState::Listed, forbidden()],
        "degraded: pods: 403 forbidden: cannot list\n"
    )]
    #[case::a_failure_before_the_first_list_blocks(&[failing()], "degraded: pods: timed out\n")]
    #[case::a_failure_after_it_does_not(
        &[KindState::Listed, failing()],
        "ready\ndegraded: pods: timed out\n"
    )]
    #[case::a_missing_kind_does_not(&[missing()], "ready\nmissing: pods: no such kind\n")]
    fn one_kind_through_these_states_says(#[case] states: &[KindState], #[case] expected: &str) {
        let readiness = Readiness::default();
        for state in states {
            readiness.set("pods", state.clone());
        }
        assert_eq!(readiness.report().to_string(), expected);
        assert_eq!(readiness.is_ready(), expected.starts_with("ready"));
    }

    #[test]
    fn blocking_lines_come_first_and_unread_objects_last() {
        let readiness = Readiness::default();
        readiness.expect("services");
        readiness.set("scaledobjects", missing());
        readiness.set("pods", KindState::Listed);
        readiness.set("nodes", KindState::Listed);
        readiness.set_unread("nodes", Some("1 object cannot be read: n1: spec: not a map"));
        readiness.set_unread("nodes", None);
        readiness.set_unread("pods", Some("1 object cannot be read: shop/web-1: not\na map"));
        readiness.set("reports (latches)", waiting(""));
        assert_eq!(
            readiness.report().to_string(),
            "waiting: reports (latches)\n\
             waiting: services: listing\n\
             missing: scaledobjects: no such kind\n\
             pods: 1 object cannot be read: shop/web-1: not a map\n"
        );
    }

    #[test]
    fn reasons_are_cut() {
        let readiness = Readiness::default();
        readiness.set(
            "pods",
            KindState::Failing {
                reason: "x".repeat(9_000),
            },
        );
        assert!(readiness.report().to_string().len() < 350);
    }

    #[tokio::test]
    async fn ready_completes_with_the_last_kind() {
        let readiness = Readiness::default();
        readiness.expect("nodes");
        readiness.expect("pods");
        let waiting = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.ready().await }
        });
        readiness.set("nodes", KindState::Listed);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        readiness.set("pods", KindState::Listed);
        waiting.await.expect("no panic");
    }
}
