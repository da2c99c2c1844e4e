//! Another program, run to its end: no shell, no input, its time and its output bounded.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::files::at_most;

/// How much of its standard error is kept.
const MAX_COMPLAINT: u64 = 64 << 10;

/// How often a program that has closed its output is asked whether it has ended.
const ASK: Duration = Duration::from_millis(5);

/// Why a program gave nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is none of that name.
    Missing,
    /// It cannot be run, or its output cannot be read.
    Broken(io::Error),
    /// It did not end in time, and was stopped.
    Late,
    /// It printed more than is read, and was stopped.
    TooLarge,
    /// It ended with an error, and said so.
    Failed { status: ExitStatus, said: String },
}

/// Runs it, for so long at most: what it printed.
pub(super) fn run(command: &mut Command, patience: Duration) -> Result<Vec<u8>, Failure> {
    let until = Instant::now() + patience;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => Ended(child),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(Failure::Missing),
        Err(e) => return Err(Failure::Broken(e)),
    };
    let out = reader(child.0.stdout.take(), |from| at_most(from, 0));
    let said = reader(child.0.stderr.take(), |from| {
        let mut bytes = Vec::new();
        from.by_ref().take(MAX_COMPLAINT).read_to_end(&mut bytes)?;
        // What is not kept is read all the same, or the program would wait for that.
        io::copy(from, &mut io::sink())?;
        Ok(bytes)
    });
    let left = || until.saturating_duration_since(Instant::now());
    let bytes = out.recv_timeout(left()).map_err(|_| Failure::Late)?;
    let bytes = bytes.map_err(Failure::Broken)?.ok_or(Failure::TooLarge)?;
    let said = said.recv_timeout(left()).map_err(|_| Failure::Late)?;
    let said = said.map_err(Failure::Broken)?;
    let status = loop {
        match child.0.try_wait().map_err(Failure::Broken)? {
            Some(status) => break status,
            None if left().is_zero() => return Err(Failure::Late),
            None => thread::sleep(ASK),
        }
    };
    if status.success() {
        Ok(bytes)
    } else {
        let said = String::from_utf8_lossy(&said).into_owned();
        Err(Failure::Failed { status, said })
    }
}

/// Stops a program when nobody waits for it any more.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // One that has ended already needs no stopping.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads on a thread of its own. It is not waited for: what the program started itself may keep the pipe open for ever.
fn reader<P, T>(
    pipe: Option<P>,
    read: impl FnOnce(&mut P) -> io::Result<T> + Send + 'static,
) -> mpsc::Receiver<io::Result<T>>
where
    P: Read + Send + 'static,
    T: Send + 'static,
{
    let (send, receive) = mpsc::channel();
    let work = move || {
        let read = match pipe {
            Some(mut pipe) => read(&mut pipe),
            None => Err(io::Error::other("no pipe")),
        };
        // Whoever waited may have given up.
        let _ = send.send(read);
    };
    // Without a thread nothing is sent, which the receiver takes for the end.
    drop(thread::Builder::new().spawn(work));
    receive
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn sh(script: &str, patience: Duration) -> Result<Vec<u8>, Failure> {
        run(Command::new("sh").args(["-c", script]), patience)
    }

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn what_it_prints_is_read() {
        let printed = sh("printf 'a\\nb'; echo c >&2", PATIENCE).expect("it ends well");
        assert_eq!(printed, b"a\nb");
    }

    #[test]
    fn what_it_complains_of_is_told() {
        let failure = sh("echo half; echo no values >&2; exit 3", PATIENCE).expect_err("it fails");
        let Failure::Failed { status, said } = failure else {
            panic!("{failure:?}");
        };
        assert_eq!((status.code(), said.as_str()), (Some(3), "no values\n"));
    }

    #[test]
    fn a_long_complaint_keeps_nobody_waiting() {
        let failure = sh("head -c 1000000 /dev/zero >&2; exit 1", PATIENCE).expect_err("it fails");
        assert!(
            matches!(failure, Failure::Failed { ref said, .. } if said.len() as u64 == MAX_COMPLAINT),
            "it kept the beginning"
        );
    }

    #[test]
    fn a_program_that_does_not_end_is_stopped() {
        for script in [
            "exec sleep 600",
            "exec >&- 2>&-; exec sleep 600",
            "sleep 3 & exit 0",
        ] {
            let began = Instant::now();
            let outcome = sh(script, Duration::from_millis(100));
            assert!(matches!(outcome, Err(Failure::Late)), "{script}: {outcome:?}");
            assert!(began.elapsed() < Duration::from_secs(3), "{script}");
        }
    }

    #[test]
    fn a_program_that_prints_without_end_is_stopped() {
        let outcome = sh("exec cat /dev/zero", PATIENCE);
        assert!(matches!(outcome, Err(Failure::TooLarge)), "{outcome:?}");
    }

    #[test]
    fn a_program_that_is_not_there_is_missing() {
        let outcome = run(&mut Command::new("plimsoll-no-such-program"), PATIENCE);
        assert!(matches!(outcome, Err(Failure::Missing)), "{outcome:?}");
    }
}
