//! Whoever leads, and whatever the wall clock shows: the same is told.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::history::{Action, Beside, NodeState, Step, histories, script, script_by};
use super::run::{Latch, Run, Told};
use super::{AFTERWARDS, assert_same, go_on, run_up_to};
use crate::model::finding::Severity;
use crate::model::report::{FindingState, Transition};
use crate::model::subject::Subject;
use crate::model::testing::cases;

/// What was told, without what follows from the wall clock.
fn told(run: &Run) -> Vec<(u64, &Subject, &str, Transition, Severity, i32)> {
    let line = |told: &'_ Told| {
        (
            told.at,
            told.change.transition,
            told.change.severity,
            told.change.episode,
        )
    };
    let all = run.told.iter().map(|one| {
        let (at, transition, severity, episode) = line(one);
        (
            at,
            &one.subject,
            one.change.id.as_str(),
            transition,
            severity,
            episode,
        )
    });
    all.collect()
}

/// What holds or is latched, without stamps and words.
fn found(run: &Run) -> BTreeMap<(Subject, String), (Severity, FindingState, i32)> {
    let all = run.findings().into_iter();
    all.map(|(at, finding)| (at, (finding.severity, finding.state, finding.episodes)))
        .collect()
}

/// Nodes and workloads that are as old as all others; and no autoscaler says since when it has been blind.
fn none_young(mut steps: Vec<Step>) -> Vec<Step> {
    let is_dated = |step: &Step| {
        matches!(
            step.action,
            Action::Beside {
                what: Beside::Sight,
                ..
            }
        )
    };
    steps.retain(|step| !is_dated(step));
    for step in &mut steps {
        if let Action::Join { young, .. } | Action::Remake { young, .. } = &mut step.action {
            *young = false;
        }
    }
    steps
}

fn none_scaled_to_zero(mut steps: Vec<Step>) -> Vec<Step> {
    for step in &mut steps {
        if let Action::Scale { replicas, .. } = &mut step.action {
            *replicas = (*replicas).max(1);
        }
    }
    steps
}

/// A report keeps when a silence began, and not that it has turned from False to Unknown since (`NodeHistory` says so):
/// here no node is silent in two ways.
fn silent_in_one_way(mut steps: Vec<Step>) -> Vec<Step> {
    for step in &mut steps {
        if let Action::Node { to, .. } = &mut step.action
            && matches!(to, NodeState::NotReady)
        {
            *to = NodeState::Silent;
        }
    }
    steps
}

proptest! {
    #![proptest_config(cases(24))]

    /// Another replica that has watched from the beginning takes over at any point.
    #[test]
    fn a_standby_that_takes_over_decides_what_the_leader_would_have(
        steps in histories(25),
        at: prop::sample::Index,
    ) {
        let beats = script(&steps);
        let at = at.index(beats.len()) + 1;
        let mut other = Run::new();
        other.add_standby();
        let mut other = go_on(other, &beats[..at], 0);
        other.take_over();
        assert_same(Run::of(&beats), go_on(other, &beats, at))?;
    }

    /// Another run of the operator, which knows only the reports and the objects as they are, tells nothing when it
    /// begins: no finding begins, ends, or changes its severity, and none is forgotten.
    #[test]
    fn a_restart_at_any_point_tells_nothing_and_forgets_nothing(steps in histories(25), at: prop::sample::Index) {
        let beats = script(&silent_in_one_way(steps));
        let at = at.index(beats.len()) + 1;
        let mut run = Run::of(&beats[..at]);
        let (told_before, found_before) = (run.told.len(), found(&run));
        run.restart(0);
        prop_assert_eq!(&run.told[told_before..], []);
        prop_assert_eq!(found(&run), found_before);
    }

    /// What waits at a restart waits anew: the 10 s before `unavailable`, the progress deadline of what was scaled up from
    /// 0, the 10 min after which limbo is over, the 5 min after which the control plane is trusted again. Where nothing
    /// waits, a restart changes no latch, then or later.
    #[test]
    fn a_restart_when_nothing_waits_changes_no_latch(steps in histories(15), more in histories(15)) {
        let wait = Step { after: 20, action: Action::Heartbeat { nth: 0 } };
        let waits = [none_scaled_to_zero(silent_in_one_way(steps)), vec![wait]].concat();
        let at = script(&waits).len() - 1;
        let beats = script(&[waits, silent_in_one_way(more)].concat());
        let mut plain = Run::of(&beats);
        let mut restarted = run_up_to(&beats, at);
        let latched = restarted.latches();
        let limbo = |((_, id), latch): (&(Subject, String), &Latch)| id == "node-limbo" && latch.state == FindingState::Active;
        prop_assume!(!latched.iter().any(limbo));
        prop_assume!(restarted.findings().values().all(|f| f.rule != "control-plane-suspect"));
        restarted.restart(0);
        let mut restarted = go_on(restarted, &beats, at);
        let end = plain.second() + AFTERWARDS;
        plain.pass(end);
        restarted.pass(end);
        prop_assert_eq!(plain.latches(), restarted.latches());
    }

    /// Decisions follow the monotonic clock. What is as old as the wall clock says (a node that has just joined, a
    /// workload that was just made, an autoscaler that has been blind for so long) is left out here, and so are the stamps
    /// and the words that repeat them.
    #[test]
    fn a_wall_clock_that_jumps_changes_nothing_but_stamps(
        steps in histories(25),
        at: prop::sample::Index,
        jump in prop_oneof![Just(-3600_i64), Just(-61), Just(-5), Just(7), Just(100), Just(7200)],
    ) {
        let steps = none_young(steps);
        let right = script(&steps);
        let at = at.index(right.len());
        let from = right[at].at;
        let wrong = script_by(&steps, |second| {
            i64::try_from(second).expect("short") + if second >= from { jump } else { 0 }
        });
        let mut plain = Run::of(&right);
        let mut jumped = run_up_to(&wrong, at);
        jumped.wall_error = jump;
        let mut jumped = go_on(jumped, &wrong, at);
        let end = plain.second() + AFTERWARDS;
        plain.pass(end);
        jumped.pass(end);
        prop_assert_eq!(told(&plain), told(&jumped));
        prop_assert_eq!(found(&plain), found(&jumped));
    }
}
