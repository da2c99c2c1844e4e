//! Builds what is missing, one tool after the other, never two processes at once.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::progress::{line, span};
use super::tool::{Module, Tool};
use super::{cache_path, cache_root, stages};
use crate::error::{Error, IoContext, Result};
use crate::log::tail;

/// How often a long build says that it is alive.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// Builds these tools and, with `stages`, takes kwok's stage files along. Waits for another process that is at it.
pub(super) fn missing(tools: &[Tool], stages: bool) -> Result<()> {
    let _lock = lock(&cache_root()?)?;
    // Whoever held the lock may have built them meanwhile.
    let mut todo = Vec::new();
    for tool in tools {
        if !cache_path(*tool)?.is_file() {
            todo.push(*tool);
        }
    }
    let without_stages = stages && stages::cached()?.is_none();
    if todo.is_empty() && !without_stages {
        return Ok(());
    }
    let go = Go::find(todo.first().copied().unwrap_or(Tool::Kwok))?;
    if !todo.is_empty() {
        let usual: u64 = todo.iter().map(|tool| tool.usual_seconds()).sum();
        line(format_args!(
            "{} of the rig's binaries are not built yet; building them from Go modules, once, about {}",
            todo.len(),
            span(Duration::from_secs(usual))
        ));
    }
    for (index, tool) in todo.iter().enumerate() {
        go.build(*tool, &format!("{} of {}", index + 1, todo.len()))?;
    }
    if without_stages { stages::copy(&go) } else { Ok(()) }
}

/// Holds the cache's lock for as long as the file lives.
fn lock(root: &Path) -> Result<File> {
    fs::create_dir_all(root).doing(|| format!("creating {}", root.display()))?;
    let path = root.join("lock");
    let file = File::create(&path).doing(|| format!("creating {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => line("another process builds the control plane: waiting for it"),
        Err(TryLockError::Error(source)) => {
            return Err(source).doing(|| format!("locking {}", path.display()));
        }
    }
    file.lock().doing(|| format!("locking {}", path.display()))?;
    Ok(file)
}

/// The `go` command, known to be there.
pub(super) struct Go(());

impl Go {
    /// Asks `go` for its version; `tool` is what the error names when there is none.
    fn find(tool: Tool) -> Result<Self> {
        match Command::new("go").arg("version").stdin(Stdio::null()).output() {
            Ok(_) => Ok(Self(())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NoGo {
                tool: tool.name(),
                go: tool.module().go_version()?,
                variable: tool.variable(),
            }),
            Err(source) => Err(source).doing(|| "running `go version`".to_owned()),
        }
    }

    /// `go` in the folder of a module, with settings of the user's that would change the result taken out.
    fn command<S: AsRef<OsStr>>(module: Module, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new("go");
        command.args(args).current_dir(module.dir()).stdin(Stdio::null());
        command
            .env("CGO_ENABLED", "0")
            .env("GOWORK", "off")
            .env("GOFLAGS", "-buildvcs=false");
        command.env_remove("GOOS").env_remove("GOARCH");
        command
    }

    /// Builds one tool under a temporary name and renames it, so that a file in the cache is always whole.
    fn build(&self, tool: Tool, which: &str) -> Result<()> {
        let module = tool.module();
        let (version, target) = (module.version()?, cache_path(tool)?);
        let part = target.with_file_name(format!("{}.part", tool.name()));
        let log = target.with_file_name(format!("{}.build.log", tool.name()));
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).doing(|| format!("creating {}", folder.display()))?;
        }
        let usual = span(Duration::from_secs(tool.usual_seconds()));
        line(format_args!(
            "building {} {version} ({which}), about {usual} …",
            tool.name()
        ));
        let mut command = Self::command(module, ["build", "-trimpath", "-ldflags"]);
        command
            .arg(tool.linker_flags(&version))
            .arg("-o")
            .arg(&part)
            .arg(tool.package());
        let output = File::create(&log).doing(|| format!("creating {}", log.display()))?;
        command.stdout(Stdio::null()).stderr(output);
        let started = Instant::now();
        if !watch(command, tool, started)? {
            return Err(Error::Build {
                tool: tool.name(),
                output: tail(&log),
            });
        }
        fs::rename(&part, &target).doing(|| format!("renaming {}", part.display()))?;
        let _ = fs::remove_file(&log);
        line(format_args!(
            "built {} in {}",
            tool.name(),
            span(started.elapsed())
        ));
        Ok(())
    }

    /// Where the source of a tool's module is unpacked (downloading it if need be).
    pub(super) fn module_dir(&self, tool: Tool) -> Result<PathBuf> {
        let module = tool.module();
        // `go list -m` names no folder for a module that was never downloaded.
        let args = ["list", "-mod=readonly", "-find", "-f", "{{.Module.Dir}}"];
        let package = tool.package();
        let answer = Self::command(module, args.into_iter().chain([package.as_str()]))
            .output()
            .doing(|| "running `go list`".to_owned())?;
        let dir = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        if !answer.status.success() || dir.is_empty() {
            let output = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
            return Err(Error::Build {
                tool: tool.name(),
                output,
            });
        }
        Ok(PathBuf::from(dir))
    }
}

/// Runs a build to its end, with a sign of life now and then. False when it failed.
fn watch(mut command: Command, tool: Tool, started: Instant) -> Result<bool> {
    let mut child = command.spawn().doing(|| "running `go build`".to_owned())?;
    let mut said = started;
    loop {
        if let Some(status) = child.try_wait().doing(|| "waiting for `go build`".to_owned())? {
            return Ok(status.success());
        }
        if said.elapsed() >= SIGN_OF_LIFE {
            said = Instant::now();
            line(format_args!(
                "still building {}: {}",
                tool.name(),
                span(started.elapsed())
            ));
        }
        thread::sleep(Duration::from_millis(200));
    }
}
