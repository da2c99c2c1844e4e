//! A review says what the engine would say, and leaves no trace.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::assert_same;
use super::history::{Event, histories, script};
use super::run::Run;
use crate::engine::review::{Change, Remark};
use crate::model::finding::{Finding, Severity};
use crate::model::keys::ObjectKey;
use crate::model::object::Object;
use crate::model::testing::cases;
use crate::policy::Policy;
use crate::rules::{self, Question};

fn review(run: &mut Run, object: Object) -> Vec<Remark> {
    let now = run.now().wall;
    run.engine_mut().review(Change::Create(Box::new(object)), now)
}

/// What fails in a workload that is there, by rule and subject.
fn fails(run: &mut Run, key: &ObjectKey) -> BTreeMap<(&'static str, Option<String>), String> {
    let (now, policy) = (run.now().wall, Policy::default());
    let Some(view) = run.engine_mut().index().view(key) else {
        return BTreeMap::new();
    };
    let question = Question {
        view,
        policy: &policy,
        now,
    };
    let results = rules::judge(&question).results;
    let found = results.iter().filter_map(Finding::of);
    let worth_saying = found.filter(|finding| finding.severity > Severity::Info);
    worth_saying
        .map(|f| ((f.rule, f.subject), f.message.to_string()))
        .collect()
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn reviews_change_nothing(steps in histories(40)) {
        let beats = script(&steps);
        let plain = Run::of(&beats);
        let mut asked = Run::new();
        for (beat, next) in beats.iter().zip(beats.iter().skip(1).chain(beats.first())) {
            asked.beat(beat);
            // Between two beats, and between the events of one, whatever comes next is asked about first.
            for event in next.events.iter().chain(&beat.events) {
                if let Event::Put(object) = event {
                    review(&mut asked, object.clone());
                }
            }
        }
        assert_same(plain, asked)?;
    }

    #[test]
    fn a_review_says_of_a_workload_what_the_engine_finds_in_it_then(steps in histories(40)) {
        let beats = script(&steps);
        let mut run = Run::new();
        for beat in &beats {
            for event in &beat.events {
                let candidate = match event {
                    Event::Put(Object::Workload(workload)) => Some(workload.key.clone()).filter(|key| key.kind.is_admitted()),
                    _ => None,
                };
                let said = match event {
                    Event::Put(object) if candidate.is_some() => review(&mut run, object.clone()),
                    _ => Vec::new(),
                };
                run.see(std::slice::from_ref(event));
                let Some(key) = candidate else { continue };
                let own = said.into_iter().filter(|remark| remark.workload == key);
                let said = own.map(|r| ((r.rule, r.subject), r.failure.message.to_string())).collect();
                prop_assert_eq!(fails(&mut run, &key), said, "of {}", key);
            }
        }
    }
}
