//! What begins, ends or is latched; and nothing is told twice or overlooked.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::history::{Action, Step, histories, script};
use super::run::{LATCH_QUIET, Run, Told};
use crate::detect;
use crate::model::autoscaler::Autoscaler;
use crate::model::finding::Severity;
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::object::Object;
use crate::model::report::{FindingState, ReportStatus, TIMELINE_MAX, Transition, Verdict};
use crate::model::subject::Subject;
use crate::model::testing::cases;

type At = (Subject, Name, String);

/// What became of each finding, transition by transition; an error names the first that cannot follow.
fn lived(told: &[Told]) -> Result<BTreeMap<At, FindingState>, String> {
    let mut states: BTreeMap<At, FindingState> = BTreeMap::new();
    let mut episodes: BTreeMap<At, i32> = BTreeMap::new();
    for one in told {
        let change = &one.change;
        let at = (one.subject.clone(), one.uid.clone(), change.id.clone());
        let before = states.get(&at).copied();
        let after = match (before, change.transition) {
            (None | Some(FindingState::Recovered), Transition::Active)
            | (Some(FindingState::Active), Transition::Changed) => Some(FindingState::Active),
            (Some(FindingState::Active), Transition::Recovered)
                if detect::find(&change.rule).is_some_and(|d| d.latched && change.severity >= d.severity) =>
            {
                Some(FindingState::Recovered)
            }
            (Some(FindingState::Active), Transition::Closed | Transition::Withdrawn)
            | (Some(FindingState::Recovered), Transition::Closed) => None,
            _ => return Err(format!("{before:?} cannot become {one:#?}")),
        };
        if before == Some(FindingState::Recovered)
            && change.transition == Transition::Active
            && episodes.get(&at).is_some_and(|n| *n >= change.episode)
        {
            return Err(format!("it is no new episode: {one:#?}"));
        }
        episodes.insert(at.clone(), change.episode);
        match after {
            Some(state) => drop(states.insert(at, state)),
            None => drop(states.remove(&at)),
        }
    }
    Ok(states)
}

/// What the reports show of each finding.
fn shown(run: &Run) -> BTreeMap<At, FindingState> {
    let all = run.reports.iter().flat_map(|(subject, kept)| {
        let findings = kept.status.findings.iter();
        findings.map(|f| ((subject.clone(), kept.uid.clone(), f.id.clone()), f.state))
    });
    all.collect()
}

fn count(status: &ReportStatus, state: FindingState, severity: Option<Severity>) -> i32 {
    let mine = status.findings.iter().filter(|f| f.state == state);
    let mine = mine.filter(|f| severity.is_none_or(|severity| f.severity == severity));
    i32::try_from(mine.count()).expect("few")
}

/// What every report promises to whoever reads it.
fn assert_well_formed(subject: &Subject, status: &ReportStatus) -> Result<(), TestCaseError> {
    let rank = |f: &crate::model::report::ReportFinding| {
        (
            f.state == FindingState::Recovered,
            std::cmp::Reverse(f.severity),
            f.id.clone(),
        )
    };
    prop_assert!(
        status.findings.is_sorted_by_key(rank),
        "the worst first: {:#?}",
        status.findings
    );
    let mut ids: Vec<&str> = status.findings.iter().map(|f| f.id.as_str()).collect();
    ids.dedup();
    prop_assert_eq!(ids.len(), status.findings.len(), "an id names one finding");
    for id in ids {
        let is_label = id.len() <= 50
            && id
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        prop_assert!(is_label, "{}", id);
    }
    prop_assert!(status.timeline.len() <= TIMELINE_MAX);
    prop_assert!(
        status.timeline.is_sorted_by_key(|entry| entry.at),
        "{:#?}",
        status.timeline
    );
    let summary = status.summary;
    let active = |severity| count(status, FindingState::Active, Some(severity));
    let totals = [
        (summary.critical, active(Severity::Critical)),
        (summary.warning, active(Severity::Warning)),
        (summary.info, active(Severity::Info)),
        (summary.recovered, count(status, FindingState::Recovered, None)),
    ];
    for (total, listed) in totals {
        // A report that is truncated lists a part of them, and counts all.
        prop_assert!(
            total == listed || (status.truncated && total > listed),
            "{:#?}",
            status
        );
    }
    for finding in &status.findings {
        prop_assert_eq!(
            finding.state == FindingState::Recovered,
            finding.recovered.is_some()
        );
        prop_assert!(finding.recovered.is_none_or(|at| at >= finding.since) && finding.episodes >= 1);
    }
    if let Some(placement) = &status.placement {
        let down = placement.desired > 0 && placement.ready == 0;
        prop_assert!(
            status.verdict != Verdict::Outage || down,
            "{}: {:#?}",
            subject,
            status
        );
        prop_assert!(summary.critical == 0 || matches!(status.verdict, Verdict::Outage | Verdict::Degraded));
        let available = status
            .conditions
            .iter()
            .find(|c| c.kind == "Available")
            .expect("it is always there");
        prop_assert_eq!(
            available.status == crate::model::report::ConditionStatus::True,
            placement.desired > 0 && placement.ready > 0
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(48))]

    /// Each finding's transitions follow one another, and the reports show where they led.
    #[test]
    fn transitions_lead_to_what_reports_show(steps in histories(40)) {
        let mut run = Run::new();
        for beat in &script(&steps) {
            run.beat(beat);
            let mut states = lived(&run.told).map_err(TestCaseError::fail)?;
            // What is gone takes its findings with it; a node's report goes when nothing is left in it; and one that is
            // truncated does not show all.
            let shown = shown(&run);
            states.retain(|at, _| {
                let kept = run.reports.get(&at.0).filter(|kept| kept.uid == at.1);
                kept.is_some_and(|kept| !kept.status.truncated || shown.contains_key(at))
            });
            prop_assert_eq!(states, shown, "at {}", beat.at);
            for (subject, status) in run.statuses() {
                assert_well_formed(&subject, &status)?;
            }
        }
    }

    /// Of what is gone nothing is active, in no report and no metric.
    #[test]
    fn nothing_is_active_of_what_is_gone(steps in histories(40)) {
        let mut run = Run::new();
        for beat in &script(&steps) {
            run.beat(beat);
            for subject in run.reports.keys() {
                prop_assert!(run.is_there(subject), "{} has a report and is gone", subject);
            }
            let mut active: BTreeMap<(&str, Severity, &str), i32> = BTreeMap::new();
            for (subject, kept) in &run.reports {
                for finding in kept.status.findings.iter().filter(|f| f.state == FindingState::Active) {
                    *active.entry((&finding.rule, finding.severity, subject.namespace())).or_default() += 1;
                }
            }
            // What has no report is counted all the same: no container of a history has a limit but by a LimitRange, and
            // that acts on new pods only.
            let unreported = run.engine.index().workload_keys().into_iter().filter(|key| !key.kind.has_report());
            let unreported: Vec<_> = unreported.filter(|key| is_without_limit(&run, key)).collect();
            for key in &unreported {
                *active.entry(("memory-limit", Severity::Warning, &*key.namespace)).or_default() += 1;
            }
            for stray in run.objects.values().filter_map(without_target(&run)) {
                *active.entry(("autoscaler-conflict", Severity::Warning, &*stray.namespace)).or_default() += 1;
            }
            let mut counted: BTreeMap<(&str, Severity, &str), i32> = BTreeMap::new();
            for at in run.engine.active() {
                *counted.entry(at).or_default() += 1;
            }
            if run.reports.values().any(|kept| kept.status.truncated) {
                // It lists a part of what is counted.
                prop_assert!(active.iter().all(|(at, n)| counted.get(at) >= Some(n)), "{counted:?} {active:?}");
            } else {
                prop_assert_eq!(counted, active);
            }
        }
    }

    /// Looking at what changed or is due is enough: looking at everything, at any time, decides nothing more.
    #[test]
    fn nothing_is_overlooked_and_idle_means_no_write(steps in histories(40), later in 0..400_u64) {
        let mut run = Run::new();
        for beat in &script(&steps) {
            let between = run.second() + later;
            if between < beat.at {
                run.pass(between);
                prop_assert_eq!(look_at_everything(&mut run), (0, vec![]), "at {}", between);
            }
            run.beat(beat);
            prop_assert_eq!(run.judge(), 0, "at {}", beat.at);
            prop_assert_eq!(look_at_everything(&mut run), (0, vec![]), "at {}", beat.at);
        }
    }
}

proptest! {
    // Hours pass in each.
    #![proptest_config(cases(12))]

    /// Once everything is mended and has been quiet, no detector speaks; what is latched waits, and closes in the end.
    #[test]
    fn whatever_began_ends_when_everything_is_mended(steps in histories(25)) {
        let mend = Step { after: 1, action: Action::Mend };
        let mut run = Run::of(&script(&[steps, vec![mend]].concat()));
        run.pass(run.second() + 2 * 3600);
        for ((subject, id), finding) in run.findings() {
            let Some(detector) = detect::find(&finding.rule) else { continue };
            prop_assert!(detector.latched && finding.state == FindingState::Recovered, "{} {}", subject, id);
        }
        run.pass(run.second() + LATCH_QUIET.as_secs());
        let left = run.findings().into_values().filter(|finding| detect::find(&finding.rule).is_some());
        prop_assert_eq!(left.count(), 0);
        prop_assert!(run.reports.keys().all(|subject| subject.workload().is_some()), "a healthy node has no report");
        let told = run.told.len();
        run.pass(run.second() + 3600);
        prop_assert_eq!(&run.told[told..], [], "then nothing is waited for but heartbeats");
    }
}

/// An object, if it is an autoscaler whose target is not there: counted, although no report can be about it.
fn without_target(run: &Run) -> impl Fn(&Object) -> Option<&Autoscaler> {
    |object| match object {
        Object::Autoscaler(scaler) => {
            let mut there = run.objects.keys();
            let is_target = |key: &ObjectKey| key.namespace == scaler.namespace && scaler.target.is(key);
            (!there.any(is_target)).then_some(scaler)
        }
        _ => None,
    }
}

/// Whether pods of a workload have no memory limit, or will have none.
fn is_without_limit(run: &Run, key: &ObjectKey) -> bool {
    let gives_limit = |object: &Object| match object {
        Object::LimitRange(range) => {
            let mut limits = range.limits.iter();
            range.namespace == key.namespace && limits.any(|limit| limit.default_memory.get().is_some())
        }
        _ => false,
    };
    let mut pods = run
        .engine
        .index()
        .view(key)
        .into_iter()
        .flat_map(|view| view.pods());
    let runs = key.kind == Kind::Pod || pods.any(|pod| !pod.is_terminating());
    runs || !run.objects.values().any(gives_limit)
}

/// As a new leader does. Returns what it decided, and what of that it told.
fn look_at_everything(run: &mut Run) -> (usize, Vec<Told>) {
    let (at, told) = (run.now().at, run.told.len());
    run.engine.lead(false, at);
    run.engine.lead(true, at);
    (run.judge(), run.told[told..].to_vec())
}
