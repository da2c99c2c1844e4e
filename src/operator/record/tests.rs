use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::*;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("one thread").extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn pod(name: &str) -> Value {
    json!({ "kind": "Pod", "metadata": { "name": name, "namespace": "shop" } })
}

/// What a tape writes of this: type and name or kind of each line.
fn written(seen: Vec<Seen<Value>>) -> Vec<String> {
    let sink = Sink::default();
    let writer = Writer::new(Box::new(sink.clone()), false, &Header::new("v1.36.4", 1.0)).expect("a sink");
    let mut tape = Tape::new(writer, Timestamp::UNIX_EPOCH);
    for seen in seen {
        tape.take(Kind::Pod, seen).expect("a sink");
    }
    tape.writer.finish().expect("a sink");
    let text = String::from_utf8(sink.0.lock().expect("one thread").clone()).expect("UTF-8");
    let lines = text
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines
        .map(|line| {
            let name = line["object"]["metadata"]["name"]
                .as_str()
                .or(line["kind"].as_str());
            format!(
                "{} {}",
                line["type"].as_str().unwrap_or_default(),
                name.unwrap_or_default()
            )
        })
        .collect()
}

#[test]
fn what_is_new_is_added_and_what_is_known_is_modified() {
    use Seen::{Applied, Deleted, ListBegins, ListEnds, Unreadable};
    let lines = written(vec![
        Unreadable("no".into()),
        ListBegins,
        Applied(pod("a")),
        ListEnds,
        Applied(pod("a")),
        Applied(pod("b")),
        Deleted(pod("b")),
        Applied(pod("b")),
        ListBegins,
        Applied(pod("a")),
        ListEnds,
        Applied(pod("b")),
    ]);
    let expected = [
        "UNREADABLE Pod",
        "RELIST Pod",
        "ADDED a",
        "SYNCED Pod",
        "MODIFIED a",
        "ADDED b",
        "DELETED b",
        "ADDED b",
        "RELIST Pod",
        "ADDED a",
        "SYNCED Pod",
        "ADDED b",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_silence_is_told_once_and_so_is_its_end() {
    let sink = Sink::default();
    let writer = Writer::new(Box::new(sink.clone()), false, &Header::new("v1.36.4", 1.0)).expect("a sink");
    let mut tape = Tape::new(writer, Timestamp::UNIX_EPOCH);
    for seconds in [0, 14, 15, 16, 0, 1] {
        tape.listen(Duration::from_secs(seconds)).expect("a sink");
    }
    tape.writer.finish().expect("a sink");
    let text = String::from_utf8(sink.0.lock().expect("one thread").clone()).expect("UTF-8");
    let told: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(told.len(), 2, "{text}");
    assert!(
        told[0].contains("\"DISCONNECTED\",\"since\":\"1969-12-31T23:59:45")
            && told[1].contains("\"CONNECTED\""),
        "{text}"
    );
}
