use std::io::Cursor;

use super::*;

/// A node of two falls silent at 12:01:01 and takes the only pod of `shop/login` with it, until 12:02:30.
const FIXTURE: &str = include_str!("../../../../tests/fixtures/recording.jsonl");

/// The fixture without its bad line, changed.
fn played(change: impl FnOnce(&mut Vec<String>)) -> Timeline {
    let mut lines: Vec<String> = FIXTURE
        .lines()
        .filter(|line| !line.contains("Secret"))
        .map(str::to_owned)
        .collect();
    change(&mut lines);
    let text = lines.join("\n");
    play(Recording::read("r.jsonl", Box::new(Cursor::new(text))).expect("a header"))
}

fn lines(timeline: &Timeline) -> Vec<String> {
    let line = |h: &Happened| format!("{} {} {} {:?}", h.at, h.object, h.change.id, h.change.transition);
    timeline.transitions.iter().map(line).collect()
}

/// Inserts a line before the first that contains `before`.
fn insert(lines: &mut Vec<String>, before: &str, line: &str) {
    let at = lines
        .iter()
        .position(|line| line.contains(before))
        .expect("a line");
    lines.insert(at, line.to_owned());
}

#[test]
fn changes_are_judged_when_they_have_settled_and_time_ends_with_the_last_line() {
    let timeline = played(|_| {});
    insta::assert_snapshot!(lines(&timeline).join("\n"), @"
    2026-01-01T12:00:35.2Z Node n1 heartbeat-gap Active
    2026-01-01T12:01:01.2Z Deployment shop/login stranded Active
    2026-01-01T12:01:01.2Z Node n1 node-not-ready Active
    2026-01-01T12:02:30.2Z Node n1 node-not-ready Closed
    2026-01-01T12:02:32Z Deployment shop/login stranded Recovered
    ");
    let recorded = timeline.recorded.expect("it was opened");
    assert_eq!(
        recorded.to.map(|to| to.to_string()).as_deref(),
        Some("2026-01-01T12:02:32Z")
    );
    assert_eq!(timeline.errors, []);
}

#[test]
fn while_nothing_is_heard_only_that_is_said() {
    let timeline = played(|lines| {
        insert(
            lines,
            "12:01:01Z",
            r#"{"at":"2026-01-01T12:00:55Z","type":"DISCONNECTED"}"#,
        );
        lines.push(r#"{"at":"2026-01-01T12:03:00Z","type":"CONNECTED"}"#.to_owned());
        lines.push(r#"{"at":"2026-01-01T12:03:30Z","type":"SYNCED"}"#.to_owned());
    });
    insta::assert_snapshot!(lines(&timeline).join("\n"), @"
    2026-01-01T12:00:35.2Z Node n1 heartbeat-gap Active
    2026-01-01T12:00:55.2Z the cluster control-plane-suspect Active
    ");
}

#[test]
fn a_relist_that_names_everything_again_changes_nothing() {
    let again = played(|lines| {
        let all: Vec<String> =
            lines[1..lines.iter().position(|l| l.contains("SYNCED")).expect("a line") + 1].to_vec();
        let at = lines
            .iter()
            .position(|line| line.contains("12:01:01Z"))
            .expect("a line");
        let later =
            |line: &String| line.replace("\"at\":\"2026-01-01T12:00:0", "\"at\":\"2026-01-01T12:00:3");
        lines.splice(at..at, all.iter().map(later));
    });
    assert_eq!(again.errors, []);
    assert_eq!(lines(&again), lines(&played(|_| {})));
}

#[test]
fn what_a_relist_does_not_name_is_gone() {
    let timeline = played(|lines| {
        insert(
            lines,
            "12:01:01Z",
            r#"{"at":"2026-01-01T12:00:30Z","type":"RELIST","kind":"Deployment"}"#,
        );
        insert(
            lines,
            "12:01:01Z",
            r#"{"at":"2026-01-01T12:00:30Z","type":"SYNCED","kind":"Deployment"}"#,
        );
    });
    let told = lines(&timeline);
    assert!(told.iter().all(|line| !line.contains("login")), "{told:#?}");
}

#[test]
fn a_recording_of_which_nothing_can_be_judged_says_so() {
    let message = |timeline: Timeline| timeline.errors.into_iter().map(|e| e.message).collect::<Vec<_>>();
    let never = played(|lines| lines.retain(|line| !line.contains("SYNCED")));
    assert_eq!(
        message(never),
        [
            "nothing was judged: no SYNCED for Deployment, StatefulSet, ReplicaSet, Pod, Node, Lease; end each kind's list with SYNCED"
        ]
    );
    let blind = played(|lines| {
        lines.push(
            r#"{"at":"2026-01-01T12:03:00Z","type":"UNREADABLE","kind":"Pod","message":"403"}"#.to_owned(),
        );
    });
    assert!(message(blind)[0].contains("record with more rights"));
}

#[test]
fn of_many_errors_the_first_are_told_and_the_rest_are_counted() {
    let timeline = played(|lines| lines.extend((0..1_000).map(|_| "noise".to_owned())));
    assert_eq!(timeline.errors.len(), MAX_ERRORS + 1);
    let last = timeline.errors.last().expect("errors");
    let last = format!("{}: {}", last.place, last.message);
    assert_eq!(
        last,
        "r.jsonl: 950 more lines cannot be read; is it a recording throughout?"
    );
    assert_eq!(
        lines(&timeline),
        lines(&played(|_| {})),
        "the rest is played all the same"
    );
}
