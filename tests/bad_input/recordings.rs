//! Recordings that are broken: the error has its line and its way out, and the rest is replayed.

use std::io::Write as _;
use std::process::{Command, Stdio};

use rstest::rstest;
use serde_json::Value;

use super::{Case, PATIENCE, Ran, SMALL, bounded};

const HEADER: &str = r#"{"format":"plimsoll.dev/recording","version":1,"kubernetes":"v1.36.4","kinds":["Pod","Node","Deployment","StatefulSet","ReplicaSet"]}"#;

/// Two nodes, and a deployment without a ready pod.
fn lines() -> Vec<String> {
    let deployment = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"good","namespace":"shop","uid":"u","generation":1},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"good"}},"template":{"metadata":{"labels":{"app":"good"}},"spec":{"containers":[{"name":"a"}]}}}}"#;
    let mut lines = vec![HEADER.to_owned()];
    lines.push(line("00:00:00Z", "RELIST", ""));
    for name in ["n1", "n2"] {
        let node = format!(r#","object":{{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{name}"}}}}"#);
        lines.push(line("00:00:00Z", "ADDED", &node));
    }
    lines.push(line("00:00:00Z", "ADDED", &format!(r#","object":{deployment}"#)));
    lines.push(line("00:00:01Z", "SYNCED", ""));
    lines
}

fn line(time: &str, what: &str, more: &str) -> String {
    format!(r#"{{"at":"2019-09-05T{time}","type":"{what}"{more}}}"#)
}

/// The reports' names stand where `check` has its workloads.
fn replay(case: &Case, kib: u64) -> Ran {
    let start = bounded(env!("CARGO_BIN_EXE_plimsoll").into(), kib);
    let out = case.path(".out");
    let mut child = start()
        .args(["replay", "-o", "json"])
        .arg(case.path("recording.jsonl"))
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&out).expect("a file"))
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let code = super::ended(&mut child);
    let answer = std::fs::read(&out).expect("a file");
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    let reports = answer["reports"].as_array().expect("a list");
    let workloads = if reports.is_empty() {
        Vec::new()
    } else {
        vec!["good".to_owned()]
    };
    Ran {
        code,
        stderr: String::new(),
        faults: case.faults(&answer),
        workloads,
    }
}

fn of(lines: &[String]) -> Case {
    let case = Case::new();
    case.write("recording.jsonl", (lines.join("\n") + "\n").as_bytes());
    case
}

#[rstest]
#[case::time_goes_back(line("23:00:00Z", "CONNECTED", "") + "\n" + &line("22:00:00Z", "CONNECTED", ""), 8, "put the lines in order")]
#[case::unknown_type(line("00:00:02Z", "RENAMED", ""), 7, "RENAMED")]
#[case::no_type(r#"{"at":"2019-09-05T00:00:02Z"}"#.to_owned(), 7, "type")]
#[case::no_time(r#"{"type":"SYNCED"}"#.to_owned(), 7, "at")]
#[case::odd_time(r#"{"at":"yesterday","type":"SYNCED"}"#.to_owned(), 7, "")]
#[case::time_out_of_range(r#"{"at":"9999-12-31T23:59:59Z","type":"SYNCED"}"#.to_owned(), 7, "")]
#[case::unknown_kind(
    line(
        "00:00:02Z",
        "ADDED",
        r#","object":{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"}}"#
    ),
    7,
    "Secret"
)]
#[case::kind_not_held(
    line(
        "00:00:02Z",
        "ADDED",
        r#","object":{"apiVersion":"v1","kind":"Service","metadata":{"name":"x"}}"#
    ),
    7,
    "Service"
)]
#[case::no_kind(
    line("00:00:02Z", "ADDED", r#","object":{"metadata":{"name":"x"}}"#),
    7,
    "kind"
)]
#[case::no_name(
    line("00:00:02Z", "ADDED", r#","object":{"apiVersion":"v1","kind":"Node"}"#),
    7,
    "metadata.name"
)]
#[case::no_object(line("00:00:02Z", "ADDED", ""), 7, "object")]
#[case::object_is_text(line("00:00:02Z", "ADDED", &format!(r#","object":"{}""#, "x".repeat(100_000))), 7, "object")]
#[case::cut_off(r#"{"at":"2019-09-05T00:00:02Z","ty"#.to_owned(), 7, "cut off")]
#[case::no_json("time flies".to_owned(), 7, "")]
#[case::deep(line("00:00:02Z", "ADDED", &format!(r#","object":{}{}"#, "[".repeat(10_000), "]".repeat(10_000))), 7, "")]
fn a_line_that_cannot_be_read_is_an_error_and_the_rest_is_replayed(
    #[case] bad: String,
    #[case] number: u64,
    #[case] words: &str,
) {
    let mut all = lines();
    all.push(bad);
    all.push(line("23:59:00Z", "CONNECTED", ""));
    let ran = replay(&of(&all), SMALL);
    ran.holds();
    let found = |fault: &super::Fault| fault.line == Some(number) && fault.message.contains(words);
    assert!(
        ran.faults.iter().any(found),
        "{words} on {number}:\n{}",
        ran.faults()
    );
    assert_eq!(ran.faults.len(), 1, "{}", ran.faults());
}

#[rstest]
#[case::missing(None, "the first line is an event already")]
#[case::of_something_else(Some(r#"{"format":"x/y","version":1}"#), "x/y")]
#[case::of_another_version(Some(r#"{"format":"plimsoll.dev/recording","version":99}"#), "99")]
#[case::without_kinds(
    Some(r#"{"format":"plimsoll.dev/recording","version":1,"kubernetes":"v1.36.4","kinds":[]}"#),
    "Pod"
)]
#[case::scale_of_nothing(
    Some(r#"{"format":"plimsoll.dev/recording","version":1,"kubernetes":"v1.36.4","timeScale":0,"kinds":["Pod"]}"#),
    "timeScale"
)]
#[case::scale_of_next_to_nothing(
    Some(r#"{"format":"plimsoll.dev/recording","version":1,"kubernetes":"v1.36.4","timeScale":1e-300,"kinds":["Pod"]}"#),
    "timeScale"
)]
#[case::scale_beyond_all_clocks(
    Some(r#"{"format":"plimsoll.dev/recording","version":1,"kubernetes":"v1.36.4","timeScale":1e300,"kinds":["Pod"]}"#),
    "timeScale"
)]
fn a_recording_without_its_header_is_an_error(#[case] header: Option<&str>, #[case] words: &str) {
    let mut all = lines().split_off(1);
    all.splice(..0, header.map(str::to_owned));
    let ran = replay(&of(&all), SMALL);
    assert_eq!((ran.code, ran.faults.len()), (Some(2), 1), "{}", ran.faults());
    assert!(
        ran.faults[0].has_way_out() && ran.faults[0].message.contains(words),
        "{}",
        ran.faults()
    );
}

#[test]
fn an_empty_recording_is_an_error() {
    let case = Case::new();
    case.write("recording.jsonl", b"");
    let ran = replay(&case, SMALL);
    assert_eq!((ran.code, ran.faults.len()), (Some(2), 1), "{}", ran.faults());
    assert!(ran.faults[0].has_way_out(), "{}", ran.faults());
}

#[test]
fn a_gzip_file_that_is_cut_off_is_replayed_as_far_as_it_goes() {
    let case = of(&[lines(), vec![line("00:00:02Z", "CONNECTED", ""); 2_000]].concat());
    let mut gzip = Command::new("gzip")
        .arg("-c")
        .arg(case.path("recording.jsonl"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("gzip runs");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut gzip.stdout.take().expect("a pipe"), &mut bytes).expect("bytes");
    assert!(gzip.wait().expect("gzip ends").success());
    case.write("recording.jsonl", &bytes[..bytes.len() - 12]);
    let ran = replay(&case, SMALL);
    ran.holds();
    assert!(
        ran.faults
            .iter()
            .all(|fault| fault.line.is_some() && fault.message.contains("cut off")),
        "{}",
        ran.faults()
    );
}

#[test]
fn a_line_of_100_mb_is_an_error_and_is_not_kept() {
    let case = of(&lines());
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(case.path("recording.jsonl"))
        .expect("a file");
    file.write_all(&vec![b'x'; 100_000_000]).expect("written");
    file.write_all(b"\n").expect("written");
    let ran = replay(&case, SMALL + (16 << 10));
    ran.holds();
    assert!(
        ran.faults
            .iter()
            .any(|fault| fault.line == Some(7) && fault.message.contains("longer than")),
        "{}",
        ran.faults()
    );
}

#[test]
fn a_device_that_never_ends_is_no_recording() {
    let case = Case::new();
    std::os::unix::fs::symlink("/dev/zero", case.path("recording.jsonl")).expect("a link");
    let ran = replay(&case, SMALL + (16 << 10));
    assert_eq!((ran.code, ran.faults.len()), (Some(2), 1), "{}", ran.faults());
    assert!(
        ran.faults[0].has_way_out() && ran.faults[0].message.contains("no line ends"),
        "{}",
        ran.faults()
    );
}

/// Between two lines the clock may have thousands of years to go, a tick a second.
#[test]
fn a_leap_of_centuries_takes_no_time() {
    let began = std::time::Instant::now();
    let mut all = lines();
    all.push(r#"{"at":"9999-12-30T00:00:00Z","type":"CONNECTED"}"#.to_owned());
    let ran = replay(&of(&all), SMALL + (16 << 10));
    assert!(matches!(ran.code, Some(0 | 2)), "{:?} {}", ran.code, ran.faults());
    assert!(ran.workloads.contains(&"good".to_owned()) && began.elapsed() < PATIENCE);
}

/// As long as nobody is heard, the control plane is suspect, and a node that joins in the far future is too young: that is
/// no reason to look again and again.
#[test]
fn centuries_in_which_nothing_can_change_take_no_time() {
    let header = HEADER.replace("\"Node\"", "\"Node\",\"Lease\"");
    let mut all = vec![header, line("00:00:00Z", "RELIST", "")];
    for name in ["n1", "n2", "n3"] {
        let status = r#""status":{"conditions":[{"type":"Ready","status":"Unknown"}]}"#;
        let node = format!(r#"{{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{name}"}},{status}}}"#);
        let lease = r#""namespace":"kube-node-lease"},"spec":{"renewTime":"2019-09-04T23:59:00.000000Z"}"#;
        let lease = format!(
            r#"{{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{{"name":"{name}",{lease}}}"#
        );
        all.push(line("00:00:00Z", "ADDED", &format!(r#","object":{node}"#)));
        all.push(line("00:00:00Z", "ADDED", &format!(r#","object":{lease}"#)));
    }
    let future = r#"{"apiVersion":"v1","kind":"Node","metadata":{"name":"n4","creationTimestamp":"9999-12-30T22:00:00Z"}}"#;
    all.push(line("00:00:00Z", "ADDED", &format!(r#","object":{future}"#)));
    all.extend([lines().remove(4), line("00:00:01Z", "SYNCED", "")]);
    all.push(r#"{"at":"9999-12-30T00:00:00Z","type":"CONNECTED"}"#.to_owned());
    let ran = replay(&of(&all), SMALL + (16 << 10));
    assert_eq!((ran.code, ran.faults().as_str()), (Some(0), ""));
    assert!(ran.workloads.contains(&"good".to_owned()));
}
