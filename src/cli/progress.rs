//! One line on a terminal about work that takes long: it comes after a second and is gone at the end. Where standard error
//! is no terminal there is none, and nothing is started.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Work that is done sooner needs no word.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the line is written anew.
const EVERY: Duration = Duration::from_millis(200);

/// Back to the line's start, and clear it (ECMA-48: EL).
const CLEAR: &str = "\r\x1b[K";

/// What is being done. The line goes when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Progress {
    doing: Arc<Mutex<String>>,
    line: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Begins to wait.
    pub(super) fn start() -> Self {
        let progress = Progress::default();
        if io::stderr().is_terminal() {
            progress.on(PATIENCE, io::stderr())
        } else {
            progress
        }
    }

    fn on(mut self, patience: Duration, mut terminal: impl Write + Send + 'static) -> Self {
        let (stop, stopped) = mpsc::channel::<()>();
        let doing = self.doing.clone();
        let work = move || {
            let mut wait = patience;
            let mut shown = false;
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                let text = doing.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // Whoever cannot see it needs no line.
                let _ = write!(terminal, "{CLEAR}{text}").and_then(|()| terminal.flush());
                (wait, shown) = (EVERY, true);
            }
            if shown {
                let _ = write!(terminal, "{CLEAR}").and_then(|()| terminal.flush());
            }
        };
        // Where no thread can be had there is no line.
        self.line = thread::Builder::new()
            .spawn(work)
            .ok()
            .map(|thread| (stop, thread));
        self
    }

    /// Says what is done now.
    pub(super) fn tell(&self, doing: impl Into<String>) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = doing.into();
    }

    /// Says how far the reading of inputs is.
    pub(super) fn reading(&self, done: usize, of: usize) {
        if self.line.is_some() {
            self.tell(format!("reading: {done} of {of} inputs"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.line.take() {
            drop(stop);
            // It writes a line at most.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Screen {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("no panic").clone()).expect("UTF-8")
        }
    }

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn long_work_has_a_line_that_is_gone_at_the_end() {
        let screen = Screen::default();
        let progress = Progress::default().on(Duration::ZERO, screen.clone());
        progress.reading(3, 7);
        while !screen.text().contains("reading: 3 of 7 inputs") {
            thread::sleep(Duration::from_millis(1));
        }
        drop(progress);
        assert!(screen.text().ends_with(CLEAR), "{:?}", screen.text());
    }

    #[test]
    fn short_work_has_none() {
        let screen = Screen::default();
        let progress = Progress::default().on(Duration::from_secs(3600), screen.clone());
        progress.reading(3, 7);
        drop(progress);
        assert_eq!(screen.text(), "");
    }
}
