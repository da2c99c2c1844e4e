//! What `check` prints in each format: as people and tools read it, whatever stands in it, against a baseline, and two
//! environments side by side.

mod baseline;
mod compare;
mod hostile;
mod inert;
mod read;

use std::process::Command;

/// What a run of the binary left.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs it where the repository's root is.
fn plimsoll(args: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("NO_COLOR")
        .output()
        .expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ran {
        code: output.status.code().expect("no signal"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
