//! Files and directories that cannot be read, or not as text.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rstest::rstest;
use tempfile::TempDir;

use super::{Case, SMALL, WEB, bounded, command};

#[rstest]
#[case::latin1(b"kind: Pod\nmetadata: {name: caf\xe9}\n", "bad.yaml:2:21", "0xe9")]
#[case::in_the_middle_of_a_character(b"# \xc3\xa9\n# \xe2\x82", "bad.yaml:2:3", "UTF-8")]
#[case::utf16_little_endian(b"\xff\xfea\0:\0 \x001\0\n\0", "bad.yaml:1:1", "iconv")]
#[case::utf16_big_endian(b"\xfe\xff\0a\0:\0 \x001\0\n", "bad.yaml:1:1", "iconv")]
#[case::utf16_without_a_mark(b"a\0:\0 \x001\0\n\0", "bad.yaml:1:1", "iconv")]
#[case::utf32(b"\0\0\xfe\xff\0\0\0a", "bad.yaml:1:1", "iconv")]
#[case::binary(b"\x7fELF\x02\x01\x01\x00\xff\xff", "bad.yaml:1:9", "0xff")]
fn what_is_no_utf8_is_an_error_at_its_byte(#[case] bytes: &[u8], #[case] place: &str, #[case] words: &str) {
    Case::of(bytes).check().holds().has(place, words);
}

#[test]
fn a_link_into_what_it_is_in_is_an_error_and_its_files_are_read_once() {
    let case = Case::new();
    case.write("a/web.yaml", WEB.as_bytes());
    symlink(case.directory.path(), case.path("a/up")).expect("a link");
    symlink(".", case.path("a/self")).expect("a link");
    let ran = case.check();
    ran.holds()
        .has("a/up", "remove the link")
        .has("a/self", "remove the link");
    assert_eq!(
        (ran.faults.len(), ran.workloads.len()),
        (2, 2),
        "{}",
        ran.faults()
    );
}

#[test]
fn directories_that_link_to_each_other_are_each_searched_once() {
    let case = Case::new();
    let names: Vec<String> = (0..14).map(|i| format!("d{i:02}")).collect();
    for (i, own) in names.iter().enumerate() {
        let text = WEB.replace("name: web", &format!("name: web{i}"));
        case.write(&format!("{own}/{own}.yaml"), text.as_bytes());
        for other in &names {
            symlink(format!("../{other}"), case.path(&format!("{own}/to-{other}"))).expect("a link");
        }
    }
    // 14! ways through them.
    let ran = case.check();
    ran.holds();
    assert_eq!(ran.workloads.len(), 15, "{:?}", ran.workloads);
}

#[rstest]
#[case::itself("loop.yaml", "loop.yaml")]
#[case::nowhere("gone.yaml", "nowhere/at/all.yaml")]
#[case::nowhere_without_extension("gone", "nowhere")]
fn a_link_to_no_file_is_an_error(#[case] link: &str, #[case] target: &str) {
    let case = Case::new();
    symlink(target, case.path(link)).expect("a link");
    case.check().holds().has(link, "cannot be searched: ");
}

#[test]
fn two_links_that_are_each_other_are_errors() {
    let case = Case::new();
    symlink("b.yaml", case.path("a.yaml")).expect("a link");
    symlink("a.yaml", case.path("b.yaml")).expect("a link");
    case.check()
        .holds()
        .has("a.yaml", "cannot be")
        .has("b.yaml", "cannot be");
}

/// Emacs locks a file with a link to nowhere beside it.
#[test]
fn an_editors_lock_is_no_error() {
    let case = Case::new();
    symlink("somebody@host.123", case.path(".#good.yaml")).expect("a link");
    let ran = case.check();
    assert_eq!((ran.faults().as_str(), ran.code), ("", Some(1)));
}

#[test]
fn a_pipe_among_manifests_is_an_error_and_is_not_waited_for() {
    let case = Case::new();
    let made = Command::new("mkfifo").arg(case.path("pipe.yaml")).status();
    assert!(made.expect("mkfifo runs").success());
    let _socket = std::os::unix::net::UnixListener::bind(case.path("socket.yml")).expect("a socket");
    symlink("/dev/zero", case.path("zero.json")).expect("a link");
    let ran = case.check();
    ran.holds();
    for name in ["pipe.yaml", "socket.yml", "zero.json"] {
        ran.has(name, "was not opened");
    }
}

#[test]
fn a_device_that_never_ends_is_an_error() {
    let case = Case::new().within(SMALL + (320 << 10));
    let ran = case.check_with(
        &command(case.kib),
        &[case.directory.path(), Path::new("/dev/zero")],
    );
    ran.holds().has("/dev/zero", "is larger than 64 MiB");
}

/// Root may read what nobody may: its turn is taken by another user then.
#[test]
fn a_file_that_may_not_be_read_is_an_error() {
    let case = Case::of(WEB);
    fs::set_permissions(case.path("bad.yaml"), Permissions::from_mode(0o000)).expect("rights");
    let root = fs::metadata(case.path("bad.yaml")).expect("a file").uid() == 0;
    // Where the binary is built, another user may not go.
    let place = TempDir::new().expect("a directory");
    let mut binary = PathBuf::from(env!("CARGO_BIN_EXE_plimsoll"));
    if root {
        let elsewhere = place.path().join("plimsoll");
        fs::hard_link(&binary, &elsewhere)
            .or_else(|_| fs::copy(&binary, &elsewhere).map(drop))
            .expect("a copy");
        binary = elsewhere;
        for path in [place.path(), case.directory.path()] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).expect("rights");
        }
    }
    let start = bounded(binary, SMALL);
    let as_nobody = || {
        let mut command = start();
        if root {
            command.uid(65_534);
        }
        command
    };
    let ran = case.check_with(&as_nobody, &[case.directory.path()]);
    ran.holds().has("bad.yaml", "cannot be read: permission denied");
}

/// Reading it from its start fails for every user.
#[test]
fn a_file_whose_reading_fails_is_an_error() {
    let case = Case::new();
    symlink("/proc/self/mem", case.path("bad.yaml")).expect("a link");
    case.check().holds().has("bad.yaml", "cannot be read: ");
}

#[rstest]
#[case::empty("")]
#[case::white_space(" \n\t\n\r\n")]
fn a_file_that_is_named_and_empty_is_an_error(#[case] text: &str) {
    let case = Case::of(text);
    let paths = [case.path("bad.yaml"), case.path("good.yaml")];
    let ran = case.check_with(&command(case.kib), &[&paths[0], &paths[1]]);
    ran.holds()
        .has("bad.yaml", "is empty; did the command that writes it fail?");
    // One of many in a directory says nothing of a pipe that failed.
    assert_eq!(case.check().faults(), "");
}

#[rstest]
#[case::comments("# nothing\n  # here\n")]
#[case::markers("---\n---\n...\n")]
#[case::a_null("~\n")]
#[case::byte_order_mark("\u{feff}")]
fn a_file_without_any_object_is_no_error(#[case] text: &str) {
    let case = Case::of(text);
    let ran = case.check();
    assert_eq!((ran.faults().as_str(), ran.code), ("", Some(1)));
}

#[test]
fn a_directory_with_a_files_name_is_searched() {
    let case = Case::new();
    case.write("dir.yaml/web.yaml", b"kind: [");
    case.check()
        .holds()
        .has("dir.yaml/web.yaml:1:7", "not valid YAML: ");
}

#[test]
fn what_is_not_there_and_what_holds_no_manifest_are_errors() {
    let case = Case::new();
    case.write("empty/readme.txt", b"nothing");
    let paths = [case.path("gone"), case.path("empty"), case.path("good.yaml")];
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let ran = case.check_with(&command(case.kib), &paths);
    ran.holds()
        .has("gone", "check the path")
        .has("empty", "name the right one");
}
