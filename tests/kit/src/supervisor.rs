//! Child processes that never outlive this one.
//!
//! A test process may be killed, and libtest leaves statics undropped; so `Drop` alone would leave API servers
//! behind. Each child therefore runs under a few lines of `sh` that wait on a pipe whose other end only this process
//! holds. Whatever ends this process closes the pipe, and the shell ends its child: SIGTERM, then, a few seconds later, SIGKILL.
//! The child gets its own process group, so that Ctrl-C in a terminal does not reach it before its turn.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, IoContext, Result};
use crate::log::tail;

/// Arguments: the pid file, the program and its arguments. SIGCONT, because a stopped process would not see SIGTERM.
const SUPERVISOR: &str = r#"
pid_file=$1; shift
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
echo "$child" >"$pid_file.new" && mv "$pid_file.new" "$pid_file"
{
    read -r _ <&3
    kill -TERM "$child"; kill -CONT "$child"
    tries=0
    while kill -0 "$child" && [ "$tries" -lt 40 ]; do sleep 0.1; tries=$((tries + 1)); done
    kill -KILL "$child"
} 2>/dev/null &
watcher=$!
exec 3<&-
wait "$child"
code=$?
rm -f "$pid_file"
kill "$watcher" 2>/dev/null
exit "$code"
"#;

/// Arguments: a folder and, to keep it, a word. Waits till the pipe closes and no pid file is left.
const JANITOR: &str = r#"
read -r _
tries=0
while ls "$1"/run/*.pid >/dev/null 2>&1 && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
[ -n "$2" ] || rm -rf "$1"
"#;

/// What to start.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    /// Names its log and pid file.
    pub(crate) name: String,
    /// The plane's folder, with `logs/` and `run/`.
    pub(crate) dir: &'a Path,
    /// The binary.
    pub(crate) program: &'a Path,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// Its whole environment, but for `PATH`; `None` hands down this process's own.
    pub(crate) env: Option<Vec<(String, String)>>,
}

/// A process that ends with this value, or with this process.
#[derive(Debug)]
pub(crate) struct Supervised {
    name: String,
    shell: Child,
    /// Closing it ends the child.
    leash: Option<ChildStdin>,
    pid: u32,
    log: PathBuf,
}

impl Supervised {
    /// Starts a program, with its output in `DIR/logs/NAME.log` (appended to) and its pid in `DIR/run/NAME.pid`.
    pub(crate) fn start(launch: Launch<'_>) -> Result<Self> {
        let Launch {
            name,
            dir,
            program,
            args,
            env,
        } = launch;
        let log = log_path(dir, &name);
        let pid_file = dir.join("run").join(format!("{name}.pid"));
        let output = File::options().create(true).append(true).open(&log);
        let output = output.doing(|| format!("opening {}", log.display()))?;
        let errors = output
            .try_clone()
            .doing(|| format!("opening {}", log.display()))?;
        let mut command = shell(SUPERVISOR);
        command.arg(&pid_file).arg(program).args(args).current_dir(dir);
        if let Some(env) = env {
            command
                .env_clear()
                .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
                .envs(env);
        }
        let shell = command.stdout(output).stderr(errors).spawn();
        let mut shell = shell.doing(|| format!("starting {name}"))?;
        let leash = shell.stdin.take();
        let mut supervised = Self {
            name,
            shell,
            leash,
            pid: 0,
            log,
        };
        supervised.pid = supervised.wait_for_pid(&pid_file)?;
        Ok(supervised)
    }

    fn wait_for_pid(&mut self, pid_file: &Path) -> Result<u32> {
        let started = Instant::now();
        loop {
            if let Some(pid) = fs::read_to_string(pid_file)
                .ok()
                .and_then(|text| text.trim().parse().ok())
            {
                return Ok(pid);
            }
            // A program that ends at once may take its pid file along before it is seen.
            self.check()?;
            if started.elapsed() > Duration::from_secs(10) {
                return Err(self.failed("was not started by its shell within 10 s"));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The process id of the program itself.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Where its output goes.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// An error with the end of the log when the process has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self
            .shell
            .try_wait()
            .doing(|| format!("waiting for {}", self.name))?
        {
            Some(status) => Err(self.failed(&format!("ended with {status}"))),
            None => Ok(()),
        }
    }

    /// An error that shows the end of the log.
    pub(crate) fn failed(&self, problem: &str) -> Error {
        Error::Component {
            component: self.name.clone(),
            problem: problem.to_owned(),
            log: self.log.clone(),
            tail: tail(&self.log),
        }
    }

    /// Sends a signal by name (`STOP`, `CONT`, …).
    pub(crate) fn signal(&self, signal: &str) -> Result<()> {
        let pid = self.pid.to_string();
        let status = Command::new("kill")
            .args(["-s", signal, &pid])
            .stderr(Stdio::null())
            .status();
        match status.doing(|| "running kill".to_owned())?.success() {
            true => Ok(()),
            false => Err(self.failed("has ended")),
        }
    }

    /// Asks it to end, without waiting.
    pub(crate) fn release(&mut self) {
        drop(self.leash.take());
    }

    /// Ends it and waits until it is gone: at most about four seconds.
    pub(crate) fn stop(&mut self) {
        self.release();
        let _ = self.shell.wait();
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Removes a folder once every supervised process of it has ended, however this process ends.
#[derive(Debug)]
pub(crate) struct Janitor {
    shell: Child,
}

impl Janitor {
    /// Waits beside `dir`; `keep` leaves the folder there (for its logs).
    pub(crate) fn start(dir: &Path, keep: bool) -> Result<Self> {
        let mut command = shell(JANITOR);
        command.arg(dir).arg(if keep { "keep" } else { "" });
        let shell = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .doing(|| "starting sh".to_owned())?;
        Ok(Self { shell })
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Where the output of a process goes.
pub(crate) fn log_path(dir: &Path, name: &str) -> PathBuf {
    dir.join("logs").join(format!("{name}.log"))
}

/// `sh -c SCRIPT`, in its own process group, with a pipe as stdin.
fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "plimsoll-kit"])
        .stdin(Stdio::piped())
        .process_group(0);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("logs")).unwrap();
        fs::create_dir(dir.path().join("run")).unwrap();
        dir
    }

    fn launch<'a>(dir: &'a tempfile::TempDir, program: &'a str, args: &[&str]) -> Launch<'a> {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Launch {
            name: "child".into(),
            dir: dir.path(),
            program: Path::new(program),
            args,
            env: Some(Vec::new()),
        }
    }

    fn alive(pid: u32) -> bool {
        Command::new("kill")
            .args(["-s", "0", &pid.to_string()])
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    }

    #[test]
    fn a_released_child_is_gone() {
        let dir = folder();
        let mut child = Supervised::start(launch(&dir, "sleep", &["600"])).unwrap();
        let pid = child.pid();
        assert!(alive(pid));
        child.stop();
        assert!(!alive(pid));
    }

    #[test]
    fn a_stopped_child_is_ended_too() {
        let dir = folder();
        let mut child = Supervised::start(launch(&dir, "sleep", &["600"])).unwrap();
        child.signal("STOP").unwrap();
        child.stop();
        assert!(!alive(child.pid()));
    }

    #[test]
    fn a_child_that_ends_by_itself_is_an_error_with_its_last_words() {
        let dir = folder();
        let script = ["-c", "echo last words; sleep 0.2; exit 3"];
        let mut child = Supervised::start(launch(&dir, "sh", &script)).unwrap();
        let error = loop {
            match child.check() {
                Ok(()) => thread::sleep(Duration::from_millis(20)),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("child ended with exit status: 3"), "{error}");
        assert!(error.contains("last words"), "{error}");
    }

    #[test]
    fn the_janitor_removes_the_folder() {
        let dir = folder();
        drop(Janitor::start(dir.path(), true).unwrap());
        assert!(dir.path().exists());
        drop(Janitor::start(dir.path(), false).unwrap());
        assert!(!dir.path().exists());
    }
}
