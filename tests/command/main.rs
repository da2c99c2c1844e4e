//! The command line in the world that it is called from: by kubectl, beside helm and kustomize, in a shell, on files that
//! it may edit.

#![cfg(unix)]

mod called;
mod fix;
mod rendered;
#[path = "../../src/source/manifest/edit/tests/shapes.rs"]
mod shapes;

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const PLIMSOLL: &str = env!("CARGO_BIN_EXE_plimsoll");

/// A Deployment of that name without a memory limit: one finding of `memory-limit`.
fn web(name: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  replicas: 2\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      \
         containers:\n      - name: app\n        resources: {{requests: {{memory: 256Mi}}}}\n"
    )
}

/// A directory to work in, with programs of its own in `bin`, the only ones on PATH.
struct World {
    directory: TempDir,
}

/// What a command said.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl World {
    fn new() -> World {
        let world = World {
            directory: tempfile::tempdir().expect("a directory"),
        };
        fs::create_dir(world.path("bin")).expect("a directory");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a directory");
        fs::write(&path, text).expect("a file");
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file")
    }

    /// A program of that name, as a script.
    fn program(&self, name: &str, script: &str) {
        let path = self.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("rights");
    }

    /// The binary of another name.
    fn link(&self, name: &str, to: &Path) {
        std::os::unix::fs::symlink(to, self.path("bin").join(name)).expect("a link");
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.directory.path())
            .env("PATH", self.path("bin"))
            .env("HOME", self.directory.path())
            .env_remove("KUBECONFIG")
            .env("COLUMNS", "80");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(
            &self
                .command(PLIMSOLL)
                .args(arguments)
                .output()
                .expect("plimsoll runs"),
        )
    }

    /// `check -o json`.
    fn check(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[&["check", "-o", "json"], arguments].concat());
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", ran.stdout, ran.stderr))
    }
}

impl Ran {
    fn of(output: &Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Ran {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}
