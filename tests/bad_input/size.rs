//! Input that is larger than anything that anybody writes.

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::process::Command;

use rstest::rstest;

use super::{Case, Fault, SMALL, WEB, bounded};

/// A file over the limit.
const HUGE: usize = 100_000_000;

fn repeated(text: &str, bytes: usize) -> String {
    text.repeat(bytes / text.len() + 1)
}

#[rstest]
#[case::yaml("bad.yaml", &format!("data:\n{}", repeated("  key: |\n    some text\n", HUGE)))]
#[case::documents("bad.yaml", &repeated(&format!("{WEB}---\n"), HUGE))]
#[case::json("bad.json", &format!("{{\"a\": [{}1]}}", repeated("1, ", HUGE)))]
#[case::scalar("bad.yaml", &format!("a: {}", "x".repeat(HUGE)))]
#[case::brackets("bad.yaml", &"[".repeat(HUGE))]
fn a_file_of_100_mb_is_an_error_and_is_not_read(#[case] name: &str, #[case] text: &str) {
    let case = Case::new();
    case.write(name, text.as_bytes());
    case.check().holds().has(name, "is larger than 64 MiB; split it");
}

/// 1 TB, of which nothing is on the disk.
#[test]
fn a_file_with_holes_is_an_error_and_is_not_read() {
    let case = Case::new();
    File::create(case.path("bad.yaml"))
        .and_then(|file| file.set_len(1 << 40))
        .expect("a file");
    case.check()
        .holds()
        .has("bad.yaml", "is larger than 64 MiB; split it");
}

#[test]
fn standard_input_of_100_mb_is_an_error_and_is_held_in_bounds() {
    let case = Case::new();
    case.write("bad.txt", "a: b\n".repeat(HUGE / 5).as_bytes());
    let start = bounded(env!("CARGO_BIN_EXE_plimsoll").into(), SMALL + (320 << 10));
    let pipe = case.path("bad.txt");
    let from_pipe = || {
        let mut command = Command::new("sh");
        let inner = start();
        let args: Vec<String> = inner
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect();
        command
            .args(["-c", "cat \"$0\" | \"$@\""])
            .arg(&pipe)
            .arg("sh")
            .args(args);
        command
    };
    let ran = case.check_with(&from_pipe, &[Path::new("-"), case.directory.path()]);
    ran.holds().has("-", "is larger than 64 MiB; split it");
}

/// A 64th of what is read at most. (Debug builds take seconds for a megabyte.) Two bytes of text may be a node of forty,
/// and while the row of nodes grows it is there three times: sixty bytes for each of the text.
const DENSE: usize = 1 << 20;

#[rstest]
#[case::numbers("bad.yaml", &format!("a: [{}1]", repeated("1,", DENSE)))]
#[case::words("bad.yaml", &format!("a:\n{}", repeated("- x\n", DENSE)))]
#[case::empty_maps("bad.yaml", &format!("a: [{}1]", repeated("{},", DENSE)))]
#[case::keys("bad.yaml", &(0..DENSE / 12).fold(String::new(), |mut text, i| { let _ = writeln!(text, "k{i}: 1"); text }))]
#[case::json_numbers("bad.json", &format!("{{\"a\": [{}1]}}", repeated("1,", DENSE)))]
#[case::json_maps("bad.json", &format!("{{\"a\": [{}1]}}", repeated("{},", DENSE)))]
#[case::one_line("bad.yaml", &format!("a: \"{}\"", "é".repeat(DENSE / 2)))]
#[case::block_scalar("bad.yaml", &format!("a: |\n{}", repeated("  x\n", DENSE)))]
#[case::documents("bad.yaml", &repeated("---\na: 1\n", DENSE))]
#[case::comments("bad.yaml", &repeated("# x\n", DENSE))]
#[case::items("bad.yaml", &format!("apiVersion: v1\nkind: List\nitems:\n{}", repeated("- 5\n", DENSE)))]
#[case::containers("bad.yaml", &format!("{WEB}{}", repeated("      - x\n", DENSE)))]
#[case::labels("bad.yaml", &(0..DENSE / 16).fold(
    "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a}]}\nmetadata:\n  name: x\n  labels:\n".to_owned(),
    |mut text, i| { let _ = writeln!(text, "    k{i}: v_"); text },
))]
#[case::wrong_fields("bad.yaml", &repeated(&format!("{}  replicas: x\n---\n", WEB.replace("- name: app", "- 5")), DENSE / 4))]
fn memory_is_in_proportion_to_the_file(#[case] name: &str, #[case] text: &str) {
    let case = Case::new().within(SMALL + (48 << 10));
    case.write(name, text.as_bytes());
    let ran = case.check();
    assert!(
        ran.workloads.contains(&"good".to_owned()),
        "{:?} {}",
        ran.code,
        ran.stderr
    );
    assert!(matches!(ran.code, Some(1 | 2)), "{:?}", ran.code);
    assert!(ran.faults.len() <= 101, "{} faults", ran.faults.len());
    assert!(
        ran.faults.iter().all(Fault::has_way_out),
        "{:.2000}",
        ran.faults()
    );
}
