//! Progress for those who wait eight minutes: written past libtest's capture, straight to stderr.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

/// One line. A closed stderr is no reason to stop a build.
pub(super) fn line(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "rig: {text}");
}

/// `45 s`, `3 min 20 s`.
pub(super) fn span(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_like_speech() {
        assert_eq!(span(Duration::from_secs(5)), "5 s");
        assert_eq!(span(Duration::from_secs(200)), "3 min 20 s");
    }
}
