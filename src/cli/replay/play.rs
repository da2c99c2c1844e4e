//! Plays a recording through the engine: the operator's loop with a virtual clock.
//!
//! Time jumps from line to line, and in between to whatever the engine waits for; it ends with the last line, so that
//! nothing is made up that the recording does not hold. What is decided counts as written at once: no report of the
//! cluster's own operator is read, and nobody acknowledges anything.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::engine::pace::Pace;
use crate::engine::{Decision, Engine, ReportSeen, ReportWrite};
use crate::model::config::DetectorConfig;
use crate::model::keys::Kind;
use crate::model::report::ReportStatus;
use crate::model::subject::Subject;
use crate::model::time::{Moment, Now};
use crate::output::timeline::{Happened, Recorded, Timeline};
use crate::policy::Policy;
use crate::source::manifest::{InputError, Place};
use crate::source::recording::{Event, Recording, What};

/// More errors than this are only counted: a file of noise has one a line.
const MAX_ERRORS: usize = 50;

/// Everything that happens in a recording.
#[must_use]
pub fn play(mut recording: Recording) -> Timeline {
    let config = DetectorConfig::default().scaled(recording.header.time_scale);
    let engine = Engine::new(recording.index(), Policy::default(), config);
    let mut player = Player::new(engine, recording.kinds().to_vec());
    let mut errors = Errors::default();
    for read in recording.by_ref() {
        match read {
            Ok(event) => player.take(event),
            Err(error) => errors.add(error),
        }
    }
    player.end();
    errors.add_all(player.unjudged(&recording));
    Timeline {
        recorded: Some(Recorded {
            file: recording.file().to_owned(),
            lines: recording.lines(),
            from: player.first,
            to: player.first.map(|_| player.now().wall),
            header: recording.header,
        }),
        transitions: player.transitions,
        reports: player.reports.into_iter().collect(),
        errors: errors.list(),
    }
}

struct Player {
    engine: Engine,
    pace: Pace,
    held: Vec<Kind>,
    /// The time of the first line, at which the clock starts.
    first: Option<Timestamp>,
    at: Moment,
    transitions: Vec<Happened>,
    reports: BTreeMap<Subject, ReportStatus>,
}

impl Player {
    fn new(mut engine: Engine, held: Vec<Kind>) -> Self {
        engine.reports_listed();
        engine.lead(true, Moment::ORIGIN);
        Player {
            engine,
            pace: Pace::default(),
            held,
            first: None,
            at: Moment::ORIGIN,
            transitions: Vec::new(),
            reports: BTreeMap::new(),
        }
    }

    fn now(&self) -> Now {
        let elapsed = i64::try_from(self.at.since(Moment::ORIGIN).as_millis()).unwrap_or(i64::MAX);
        let first = self.first.unwrap_or_default();
        let wall = first.saturating_add(jiff::SignedDuration::from_millis(elapsed));
        Now {
            at: self.at,
            wall: wall.unwrap_or(first),
        }
    }

    /// Lets time pass to the event, then lets it happen.
    fn take(&mut self, event: Event) {
        let first = *self.first.get_or_insert(event.at);
        let since = event.at.duration_since(first);
        self.pass(Moment::ORIGIN.after(since.try_into().unwrap_or_default()));
        let (now, held) = (self.now(), self.held.clone());
        let which = |kind: Option<Kind>| kind.map_or(held, |kind| vec![kind]);
        let index = self.engine.index_mut();
        match event.what {
            What::Applied(object) => index.apply(object, now.at),
            What::Deleted(key) => index.delete(&key),
            What::Relist(kind) => which(kind).into_iter().for_each(|kind| index.begin_list(kind)),
            What::Synced(kind) => which(kind).into_iter().for_each(|kind| index.end_list(kind)),
            What::Unreadable(kind, why) => index.set_unreadable(kind, why),
            What::Disconnected { since } => {
                let at = now.moment_of(since);
                self.engine.freeze(Now { at, wall: since });
            }
            What::Connected => self.engine.thaw(now),
        }
        self.step();
    }

    /// Lets time pass, judging when the operator would have.
    fn pass(&mut self, to: Moment) {
        while let Some(next) = self.pace.next(&self.engine).filter(|next| *next <= to) {
            self.at = self.at.max(next);
            self.step();
        }
        self.at = self.at.max(to);
    }

    fn step(&mut self) {
        if self.pace.step(&self.engine, self.at).is_some() {
            self.judge();
        }
    }

    /// The last line has been played: what it changed is judged without waiting for more.
    fn end(&mut self) {
        if self.pace.is_pending() && self.engine.is_ready() {
            self.judge();
        }
    }

    fn judge(&mut self) {
        let now = self.now();
        for decision in self.engine.judge(now) {
            self.note(decision, now);
        }
    }

    fn note(&mut self, decision: Decision, now: Now) {
        let Decision {
            subject,
            uid,
            write,
            changes,
            ownership: _,
        } = decision;
        let status = match write {
            ReportWrite::Put { status, .. } | ReportWrite::Replace { status } => Some(*status),
            ReportWrite::Delete => None,
        };
        let placement = status.as_ref().and_then(|status| status.placement.as_ref());
        let serving = placement.map(|placement| (placement.ready, placement.desired));
        self.transitions
            .extend(changes.into_iter().map(|change| Happened {
                at: now.wall,
                object: subject.clone(),
                serving,
                change,
            }));
        match status {
            None => {
                self.reports.remove(&subject);
                self.engine.report_gone(&subject, now.at);
            }
            Some(status) => {
                let seen = ReportSeen {
                    subject: subject.clone(),
                    uid,
                    status: Some(status.clone()),
                    acknowledgements: Vec::new(),
                };
                self.engine.report_seen(seen, now.at);
                self.reports.insert(subject, status);
            }
        }
    }

    /// Why nothing was judged at all, if that is so.
    fn unjudged(&self, recording: &Recording) -> Option<InputError> {
        if self.engine.is_ready() {
            return None;
        }
        let index = self.engine.index();
        let waits = |kind: &&Kind| *index.listing(**kind) == crate::index::Listing::Waiting;
        let waiting: Vec<&str> = self.held.iter().filter(waits).map(|kind| kind.as_str()).collect();
        let message = if waiting.is_empty() {
            "nothing was judged: a kind without which nothing can be was UNREADABLE to the end; record with more rights"
                .to_owned()
        } else {
            format!(
                "nothing was judged: no SYNCED for {}; end each kind's list with SYNCED",
                waiting.join(", ")
            )
        };
        Some(InputError {
            place: Place {
                file: Some(recording.file().into()),
                ..Place::default()
            },
            message,
        })
    }
}

/// The first errors, and how many there are.
#[derive(Default)]
struct Errors {
    first: Vec<InputError>,
    more: usize,
}

impl Errors {
    fn add(&mut self, error: InputError) {
        if self.first.len() < MAX_ERRORS {
            self.first.push(error);
        } else {
            self.more += 1;
        }
    }

    fn add_all(&mut self, errors: impl IntoIterator<Item = InputError>) {
        self.first.extend(errors);
    }

    fn list(mut self) -> Vec<InputError> {
        if let Some(last) = self.first.last().filter(|_| self.more > 0).cloned() {
            self.first.push(InputError {
                place: Place {
                    line: None,
                    column: None,
                    ..last.place
                },
                message: format!(
                    "{} more lines cannot be read; is it a recording throughout?",
                    self.more
                ),
            });
        }
        self.first
    }
}

#[cfg(test)]
mod tests;
