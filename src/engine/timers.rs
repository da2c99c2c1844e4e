//! When which subject must be looked at although nothing happened.

use std::collections::{BTreeSet, HashMap};

use crate::model::subject::Subject;
use crate::model::time::Moment;

/// One moment for each subject.
#[derive(Debug, Default)]
pub(super) struct Timers {
    order: BTreeSet<(Moment, Subject)>,
    by_subject: HashMap<Subject, Moment>,
}

impl Timers {
    /// Sets (or clears) a subject's moment.
    pub(super) fn set(&mut self, subject: Subject, due: Option<Moment>) {
        if let Some(old) = self.by_subject.remove(&subject) {
            self.order.remove(&(old, subject.clone()));
        }
        if let Some(due) = due {
            self.order.insert((due, subject.clone()));
            self.by_subject.insert(subject, due);
        }
    }

    /// Sets a subject's moment unless it has an earlier one.
    pub(super) fn bring_forward(&mut self, subject: Subject, due: Moment) {
        if self.by_subject.get(&subject).is_none_or(|known| due < *known) {
            self.set(subject, Some(due));
        }
    }

    /// A subject's moment.
    pub(super) fn of(&self, subject: &Subject) -> Option<Moment> {
        self.by_subject.get(subject).copied()
    }

    /// Removes and returns the subjects whose moment has come.
    pub(super) fn take_due(&mut self, now: Moment) -> Vec<Subject> {
        let mut due = Vec::new();
        while let Some((at, _)) = self.order.first()
            && *at <= now
        {
            let Some((_, subject)) = self.order.pop_first() else {
                break;
            };
            self.by_subject.remove(&subject);
            due.push(subject);
        }
        due
    }

    /// The earliest moment.
    pub(super) fn next(&self) -> Option<Moment> {
        self.order.first().map(|(at, _)| *at)
    }
}
