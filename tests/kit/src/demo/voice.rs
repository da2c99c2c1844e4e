//! What the demo prints, each line with the time since its start.

use std::time::{Duration, Instant};

/// Prints lines.
#[derive(Debug)]
pub(super) struct Voice {
    started: Instant,
}

impl Voice {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// A new part of the story.
    pub(super) fn title(&self, text: &str) {
        println!("\n{} {text}", self.stamp());
    }

    /// Something that happens.
    pub(super) fn say(&self, text: &str) {
        println!("{} {text}", self.stamp());
    }

    /// Something seen, below what happens.
    pub(super) fn detail(&self, text: &str) {
        for line in text.lines() {
            println!("         {}", line.trim_end());
        }
    }

    fn stamp(&self) -> String {
        stamp(self.elapsed())
    }
}

/// `[ 1:05]`.
pub(super) fn stamp(at: Duration) -> String {
    format!("[{:>2}:{:02}]", at.as_secs() / 60, at.as_secs() % 60)
}
