use std::io::{BufReader, Cursor, Write};
use std::sync::{Arc, Mutex};

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::index::Listing;
use crate::model::object::Object;
use crate::source::manifest::InputError;
use crate::source::projection::prune;

const AT: &str = "2026-01-01T00:00:00.000Z";

fn header() -> Value {
    serde_json::to_value(Header::new("v1.36.4", 0.5)).expect("JSON")
}

fn open(bytes: impl Into<Vec<u8>>) -> Result<Recording, InputError> {
    Recording::read("r.jsonl", Box::new(BufReader::new(Cursor::new(bytes.into()))))
}

/// A header and these lines; of all kinds but Jobs.
fn recording(lines: &[&str]) -> Recording {
    let mut header = header();
    let kinds = header["kinds"].as_array_mut().expect("a list");
    kinds.retain(|kind| kind != "Job");
    open(format!("{header}\n{}\n", lines.join("\n"))).expect("a header")
}

fn node(name: &str) -> String {
    line(
        "ADDED",
        &json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name } }),
    )
}

fn line(what: &str, object: &Value) -> String {
    format!(r#"{{"at":"{AT}","type":"{what}","object":{object}}}"#)
}

/// What can be read, and what is said of the rest.
fn read(recording: Recording) -> (Vec<String>, Vec<String>) {
    let (mut read, mut errors) = (Vec::new(), Vec::new());
    for event in recording {
        match event.map(|event| (event.line, event.what)) {
            Ok((line, What::Applied(object))) => read.push(format!("{line} {}", object.key())),
            Ok((line, what)) => read.push(format!("{line} {what:?}")),
            Err(e) => errors.push(format!("{}: {}", e.place, e.message)),
        }
    }
    (read, errors)
}

#[test]
fn every_type_of_line_is_read() {
    let (a, d) = (
        node("n1"),
        line(
            "DELETED",
            &json!({ "kind": "Pod", "metadata": { "name": "web-1", "namespace": "shop" } }),
        ),
    );
    let story = |what: &str| format!(r#"{{"at":"{AT}","type":"{what}","news":1}}"#);
    let of_kind = |what: &str| format!(r#"{{"at":"{AT}","type":"{what}","kind":"Pod","message":"no"}}"#);
    let lines = [
        a,
        d,
        of_kind("RELIST"),
        of_kind("SYNCED"),
        story("SYNCED"),
        of_kind("UNREADABLE"),
        String::new(),
        story("DISCONNECTED"),
        story("CONNECTED"),
    ];
    let (events, errors) = read(recording(&lines.each_ref().map(String::as_str)));
    assert_eq!(errors, Vec::<String>::new());
    insta::assert_snapshot!(events.join("\n"), @r#"
    2 Node n1
    3 Deleted(ObjectKey { kind: Pod, namespace: "shop", name: "web-1" })
    4 Relist(Some(Pod))
    5 Synced(Some(Pod))
    6 Synced(None)
    7 Unreadable(Pod, "no")
    9 Disconnected { since: 2026-01-01T00:00:00Z }
    10 Connected
    "#);
}

#[rstest]
#[case::no_json("{", "cut off (EOF while parsing an object); mend or remove the line")]
#[case::no_object(
    "7",
    "not an event: invalid type: integer `7`, expected a map; mend or remove the line"
)]
#[case::no_time(
    r#"{"type":"SYNCED"}"#,
    "not an event: missing field `at`; mend or remove the line"
)]
#[case::a_bad_time(r#"{"at":"yesterday","type":"SYNCED"}"#, "not an event: failed to parse ")]
#[case::an_unknown_type(
    r#"{"at":"2026-01-01T00:00:00Z","type":"VANISHED"}"#,
    "the type \"VANISHED\" is unknown; use ADDED, MODIFIED, DELETED, RELIST, SYNCED, UNREADABLE, DISCONNECTED or CONNECTED, or a newer plimsoll"
)]
#[case::no_object_in_it(
    r#"{"at":"2026-01-01T00:00:00Z","type":"ADDED"}"#,
    "ADDED without an object; add it, or remove the line"
)]
#[case::an_object_without_kind(
    r#"{"at":"2026-01-01T00:00:00Z","type":"ADDED","object":{}}"#,
    "the object of ADDED has no kind; add its apiVersion and kind, or remove the line"
)]
#[case::an_unknown_kind(
    r#"{"at":"2026-01-01T00:00:00Z","type":"ADDED","object":{"kind":"Secret"}}"#,
    "the kind \"Secret\" is not read; remove the line"
)]
#[case::anothers_kind(r#"{"at":"2026-01-01T00:00:00Z","type":"ADDED","object":{"kind":"Service","apiVersion":"serving.knative.dev/v1"}}"#,
    "there is no Service in serving.knative.dev/v1; write v1")]
#[case::a_kind_that_is_not_held(
    r#"{"at":"2026-01-01T00:00:00Z","type":"SYNCED","kind":"Job"}"#,
    "Job is not among the kinds of the header; add it there, or remove the line"
)]
#[case::no_name(
    r#"{"at":"2026-01-01T00:00:00Z","type":"ADDED","object":{"kind":"Node","metadata":{}}}"#,
    "Node without a name: metadata.name must be a string that is not empty"
)]
#[case::no_map(
    r#"{"at":"2026-01-01T00:00:00Z","type":"ADDED","object":[]}"#,
    "the object of ADDED is none: "
)]
#[case::unreadable_without_kind(
    r#"{"at":"2026-01-01T00:00:00Z","type":"UNREADABLE"}"#,
    "UNREADABLE without a kind"
)]
#[case::back_in_time(
    r#"{"at":"2025-12-31T23:59:59Z","type":"SYNCED"}"#,
    "2025-12-31T23:59:59Z is before 2026-01-01T00:00:00Z, the time of an earlier line; put the lines in order"
)]
fn a_line_that_cannot_be_read_is_named_and_the_rest_is_read(#[case] bad: &str, #[case] said: &str) {
    let (events, errors) = read(recording(&[&node("n1"), bad, &node("n2")]));
    assert_eq!(events, ["2 Node n1", "4 Node n2"]);
    let [error] = errors.as_slice() else {
        panic!("one error, not {errors:?}");
    };
    let (place, message) = error.split_once(": ").expect("a place");
    assert!(place == "r.jsonl:3" || place.starts_with("r.jsonl:3:"), "{error}");
    assert!(message.starts_with(said), "{error}");
}

#[test]
fn a_line_that_is_no_text_or_too_long_or_too_deep_is_passed_over() {
    let mut bytes = format!("{}\n{}\n", header(), node("n1")).into_bytes();
    bytes.extend(b"{\"at\":\"\xff\"}\n");
    bytes.extend(vec![b'x'; MAX_LINE_BYTES + 1]);
    bytes.push(b'\n');
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    bytes.extend(
        format!(
            "{}\n{}",
            line("ADDED", &json!("DEEP")).replace("\"DEEP\"", &deep),
            node("n2")
        )
        .into_bytes(),
    );
    let (events, errors) = read(open(bytes).expect("a header"));
    assert_eq!(events, ["2 Node n1", "6 Node n2"]);
    assert_eq!(errors[0], "r.jsonl:3:8: not UTF-8 text; mend or remove the line");
    assert_eq!(errors[1], "r.jsonl:4: longer than 4 MiB; remove the line");
    assert!(errors[2].starts_with("r.jsonl:5"), "{errors:?}");
    assert_eq!(errors.len(), 3);
}

#[rstest]
#[case::empty("", "r.jsonl: is empty; a recording begins with a header")]
#[case::no_json("apiVersion: v1", "r.jsonl:1: no header: ")]
#[case::an_event_first(
    "{\"at\":\"2026-01-01T00:00:00Z\",\"type\":\"SYNCED\"}",
    "r.jsonl:1: no header: the first line is an event already; "
)]
#[case::something_else("{}", "r.jsonl:1: no header: format is missing; ")]
#[case::anothers_format(
    r#"{"format":"tar","version":1}"#,
    "r.jsonl:1: no header: the format is \"tar\", not "
)]
#[case::no_version(
    r#"{"format":"plimsoll.dev/recording"}"#,
    "r.jsonl:1: no header: version is missing; "
)]
#[case::a_later_version(
    r#"{"format":"plimsoll.dev/recording","version":2}"#,
    "r.jsonl:1: format version 2 is unknown, 1 is known; use a newer plimsoll"
)]
#[case::no_kinds(
    r#"{"format":"plimsoll.dev/recording","version":1,"kubernetes":"v1.36.4"}"#,
    "r.jsonl:1: the header: missing field `kinds`"
)]
#[case::no_pods(r#"{"format":"plimsoll.dev/recording","version":1,"kubernetes":"1.36","kinds":["Deployment","StatefulSet","ReplicaSet","Node"]}"#,
    "r.jsonl:1: the header: kinds lacks Pod, without which nothing can be judged; ")]
#[case::a_factor_of_nothing(
    r#"{"format":"plimsoll.dev/recording","version":1,"kubernetes":"1.36","kinds":[],"timeScale":0}"#,
    "r.jsonl:1: the header: timeScale must be from 0.001 to 1000, not 0.0; write 1"
)]
#[case::a_factor_that_overflows(
    r#"{"format":"plimsoll.dev/recording","version":1,"kubernetes":"1.36","kinds":[],"timeScale":1e300}"#,
    "r.jsonl:1: the header: timeScale must be from 0.001 to 1000, not 1e300; write 1"
)]
fn without_a_header_nothing_is_read(#[case] text: &str, #[case] said: &str) {
    let error = open(text).expect_err("no header");
    let error = format!("{}: {}", error.place, error.message);
    assert!(error.starts_with(said), "{error}");
}

#[test]
fn a_header_may_hold_more_than_this_version_knows() {
    let mut header = header();
    header["colour"] = "blue".into();
    header["kinds"]
        .as_array_mut()
        .expect("a list")
        .push("Rollout".into());
    let recording = open(format!("\u{feff}{header}\r\n{}\r\n", node("n1"))).expect("a header");
    assert_eq!(recording.header.time_scale, 0.5);
    assert_eq!(recording.kinds(), Kind::WATCHED);
    assert_eq!(read(recording), (vec!["2 Node n1".to_owned()], Vec::new()));
}

#[test]
fn nothing_is_known_of_kinds_that_are_not_held() {
    let mut header = header();
    header["kinds"] = json!(["Pod", "Node", "Deployment", "StatefulSet", "ReplicaSet"]);
    let recording = open(format!("{header}\n")).expect("a header");
    let index = recording.index();
    assert!(matches!(index.listing(Kind::LimitRange), Listing::Unreadable(_)));
    assert_eq!(*index.listing(Kind::Pod), Listing::Waiting);
    assert_eq!(index.version().0, 36);
}

/// What a [`Writer`] wrote.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("one thread").extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn written(gzip: bool, finish: bool) -> Vec<u8> {
    let sink = Sink::default();
    let at = |seconds: i64| Timestamp::from_second(1_767_225_600 + seconds).expect("in range");
    let mut writer = Writer::new(Box::new(sink.clone()), gzip, &Header::new("v1.36.4", 1.0)).expect("a sink");
    let object =
        json!({ "metadata": { "name": "n1", "managedFields": [1] }, "spec": { "podCIDR": "10.0.0.0/8" } });
    writer.list(at(0), "RELIST", Some(Kind::Node)).expect("a sink");
    writer
        .object(at(1), "ADDED", &prune(Kind::Node, object))
        .expect("a sink");
    writer.unreadable(at(2), Kind::Lease, "no").expect("a sink");
    writer.disconnected(at(1), at(-15)).expect("a sink");
    writer.flush().expect("a sink");
    if finish {
        writer.finish().expect("a sink");
    }
    let bytes = sink.0.lock().expect("one thread");
    bytes.clone()
}

#[test]
fn what_is_written_is_one_line_an_event_and_never_goes_back_in_time() {
    let text = String::from_utf8(written(false, true)).expect("UTF-8");
    let lines: Vec<&str> = text.lines().skip(1).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"at":"2026-01-01T00:00:00.000Z","type":"RELIST","kind":"Node"}
    {"at":"2026-01-01T00:00:01.000Z","type":"ADDED","object":{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"},"spec":{}}}
    {"at":"2026-01-01T00:00:02.000Z","type":"UNREADABLE","kind":"Lease","message":"no"}
    {"at":"2026-01-01T00:00:02.000Z","type":"DISCONNECTED","since":"2025-12-31T23:59:45.000Z"}
    "#);
}

/// A file in a folder of its own.
fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a file");
    (folder, path)
}

#[rstest]
#[case::plain(false)]
#[case::gzip(true)]
fn what_is_written_is_read(#[case] gzip: bool) {
    // The name says nothing; the first bytes do.
    let (_folder, path) = file("r.jsonl", &written(gzip, true));
    let (events, errors) = read(Recording::open(&path).expect("a recording"));
    assert_eq!((events.len(), errors), (4, Vec::new()));
}

#[test]
fn of_a_gzip_file_that_is_cut_off_everything_before_is_read() {
    let killed = written(true, false);
    let (_folder, path) = file("r.jsonl.gz", &killed);
    let (events, errors) = read(Recording::open(&path).expect("a recording"));
    assert_eq!(events.len(), 4, "everything before the last flush");
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0]
            .ends_with(":6: the gzip file is cut off here; copy it again, or go on with what stands before"),
        "{errors:?}"
    );

    let (_folder, path) = file("r.jsonl.gz", &killed[..5]);
    let error = Recording::open(&path).expect_err("not even a header");
    assert!(error.message.contains("cut off"), "{}", error.message);
}

#[test]
fn noise_is_no_recording() {
    let (_folder, path) = file("r.jsonl", &[0x1f, 0x8b, 0xff, 0xff, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let error = Recording::open(&path).expect_err("no gzip");
    assert!(error.message.contains("cannot be read"), "{}", error.message);
}

#[test]
fn a_directory_stands_for_the_recording_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let message = || find(folder.path()).expect_err("none").message;
    assert_eq!(
        message(),
        "holds no recording.jsonl; make one with plimsoll record"
    );
    let below = folder.path().join("outage");
    std::fs::create_dir(&below).expect("a folder");
    std::fs::write(below.join("recording.jsonl.gz"), "").expect("a file");
    assert_eq!(
        message(),
        format!("holds no recording.jsonl; did you mean {}?", below.display())
    );
    assert_eq!(find(&below), Ok(below.join("recording.jsonl.gz")));
    std::fs::write(below.join("recording.jsonl"), "").expect("a file");
    assert_eq!(
        find(&below).expect_err("two").message,
        "holds both recording.jsonl and recording.jsonl.gz; name one of them"
    );
    let missing = Recording::open(&folder.path().join("nowhere")).expect_err("nothing is there");
    assert_eq!(
        missing.message,
        "cannot be read: no such file or directory; check the path"
    );
}

#[test]
fn a_pod_is_read_as_the_watch_reads_it() {
    let owner = json!({ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "controller": true });
    let metadata = json!({ "name": "web-1", "namespace": "shop", "ownerReferences": [owner] });
    let pod = json!({ "kind": "Pod", "metadata": metadata, "spec": { "nodeName": "n1" } });
    let mut recording = recording(&[&line("ADDED", &pod)]);
    let event = recording.next().expect("a line").expect("an event");
    assert!(matches!(event.what, What::Applied(Object::Pod(pod)) if pod.node.as_deref() == Some("n1")));
}
