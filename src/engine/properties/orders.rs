//! The order, the repetition and the source of what is told change nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::history::{Action, Beat, Event, Step, histories, script};
use super::run::Run;
use super::{assert_same, go_on};
use crate::model::keys::{Kind, ObjectKey};
use crate::model::object::Object;
use crate::model::testing::cases;
use crate::model::text::fnv32;

/// The same beats, each told in another order that keeps each object's own.
fn interleaved(beats: &[Beat], seed: u32) -> Vec<Beat> {
    let mut shuffled = beats.to_vec();
    for (n, beat) in shuffled.iter_mut().enumerate() {
        let mut rest = std::mem::take(&mut beat.events);
        while !rest.is_empty() {
            let pick = fnv32(&format!("{seed} {n} {}", rest.len())) as usize % rest.len();
            let key = rest[pick].key();
            let first = rest.iter().position(|event| event.key() == key).unwrap_or(pick);
            beat.events.push(rest.remove(first));
        }
    }
    shuffled
}

/// The same beats, some events of each told twice in a row, and all of them once more in a later beat if they still hold.
fn repeated(beats: &[Beat], seed: u32) -> Vec<Beat> {
    let mut left: BTreeMap<ObjectKey, Event> = BTreeMap::new();
    let mut repeated = Vec::new();
    for (n, beat) in beats.iter().enumerate() {
        let mut events: Vec<Event> = left
            .values()
            .filter(|event| fnv32(&format!("{seed} {n} {}", event.key())).is_multiple_of(4))
            .cloned()
            .collect();
        for event in &beat.events {
            left.insert(event.key(), event.clone());
            let twice = fnv32(&format!("{seed} {n} {} again", event.key())).is_multiple_of(2);
            events.extend(std::iter::repeat_n(event.clone(), if twice { 2 } else { 1 }));
        }
        repeated.push(Beat {
            events,
            ..beat.clone()
        });
    }
    repeated
}

/// The pods of the namespace `other` tolerate everything for ever: no node changes for them.
fn patient(mut beats: Vec<Beat>) -> Vec<Beat> {
    for event in beats.iter_mut().flat_map(|beat| &mut beat.events) {
        if let Event::Put(Object::Pod(pod)) = event
            && &*pod.namespace == "other"
        {
            *pod = pod.clone().tolerating(None);
        }
    }
    beats
}

/// What a tenant of the namespace `other` can do there: everything but change nodes.
fn tenants(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    histories(steps).prop_map(|mut steps| {
        for step in &mut steps {
            match &mut step.action {
                Action::Scale { of, .. }
                | Action::RollOut { of, .. }
                | Action::Remake { of, .. }
                | Action::Remove { of }
                | Action::ReplicaSet { of, .. }
                | Action::RemoveReplicaSet { of }
                | Action::Pod { of, .. }
                | Action::RemovePod { of, .. }
                | Action::Beside { of, .. }
                | Action::AcknowledgeWorkload { of } => *of = 3,
                other => *other = Action::AcknowledgeWorkload { of: 3 },
            }
        }
        steps
    })
}

proptest! {
    #![proptest_config(cases(24))]

    /// Of what is judged together: what is seen between two judgements may come in any order, as long as each object's
    /// own changes stay in theirs. (Judged apart, a state that lasted for one judgement is rightly told.)
    #[test]
    fn any_order_of_what_is_judged_together_ends_in_the_same_reports(steps in histories(25), seed: u32) {
        let beats = script(&steps);
        assert_same(Run::of(&beats), Run::of(&interleaved(&beats, seed)))?;
    }

    #[test]
    fn what_is_told_again_changes_nothing(steps in histories(25), seed: u32) {
        let beats = script(&steps);
        assert_same(Run::of(&beats), Run::of(&repeated(&beats, seed)))?;
    }

    #[test]
    fn a_relist_at_any_point_changes_nothing(
        steps in histories(25),
        at: prop::sample::Index,
        breaks_off: bool,
        seed: u32,
    ) {
        let beats = script(&steps);
        let at = at.index(beats.len()) + 1;
        let mut relisted = Run::of(&beats[..at]);
        let mut kinds = Kind::ALL;
        kinds.sort_by_key(|kind| fnv32(&format!("{seed} {kind}")));
        for kind in kinds {
            relisted.relist(kind, breaks_off);
        }
        assert_same(Run::of(&beats), go_on(relisted, &beats, at))?;
    }

    /// Only through nodes may one namespace touch the reports of another: here the tenant's pods tolerate all taints.
    #[test]
    fn what_a_tenant_does_in_one_namespace_changes_no_report_in_another(
        steps in histories(20),
        theirs in tenants(20),
    ) {
        let alone = patient(script(&steps));
        let mut merged = alone.clone();
        merged.extend(patient(script(&theirs)).into_iter().skip(1));
        merged.sort_by_key(|beat| beat.at);
        let (mut alone, mut beside) = (Run::of(&alone), Run::of(&merged));
        let end = alone.second().max(beside.second()) + super::AFTERWARDS;
        alone.pass(end);
        beside.pass(end);
        let shop = |run: &Run| {
            let mut said = run.statuses();
            said.retain(|subject, _| subject.namespace() == "shop");
            let told = run.told.iter().filter(|told| told.subject.namespace() == "shop");
            (said, told.cloned().collect::<Vec<_>>())
        };
        prop_assert_eq!(shop(&alone), shop(&beside));
    }
}
