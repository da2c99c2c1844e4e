//! Text for a terminal: colour where it is wanted, lines that fit, and nothing that could steer the terminal.

use std::fmt::Write as _;
use std::iter;

use crate::model::finding::Severity;
pub(super) use crate::model::text::steers as is_hidden;

/// How a terminal is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether to use colour.
    pub colour: bool,
    /// Characters a line.
    pub width: usize,
}

/// Without a terminal, and where nobody says how wide it is.
pub const DEFAULT_WIDTH: usize = 100;
/// Narrower than this nothing is readable: lines then go over the edge.
const MIN_WIDTH: usize = 40;

impl Style {
    /// Colour only on a terminal that takes it and where `NO_COLOR` does not forbid it; the width from `COLUMNS`, else the
    /// terminal's own (`columns`).
    pub fn of(is_terminal: bool, columns: Option<u16>, variable: impl Fn(&str) -> Option<String>) -> Style {
        let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let dumb = variable("TERM").is_some_and(|term| term == "dumb");
        let width = variable("COLUMNS")
            .and_then(|columns| columns.parse().ok())
            .or(columns.map(usize::from))
            .filter(|_| is_terminal);
        Style {
            colour: is_terminal && !dumb && !set("NO_COLOR"),
            width: width.unwrap_or(DEFAULT_WIDTH).max(MIN_WIDTH),
        }
    }

    /// No colour, the default width.
    #[must_use]
    pub const fn plain() -> Style {
        Style {
            colour: false,
            width: DEFAULT_WIDTH,
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// For names of workloads.
    pub(super) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// For what may be skipped in reading.
    pub(super) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// In the colour of a severity.
    pub(super) fn severity(self, severity: Severity, text: &str) -> String {
        let code = match severity {
            Severity::Critical => "1;31",
            Severity::Warning => "33",
            Severity::Info => "36",
        };
        self.paint(code, text)
    }
}

/// The text with what is hidden made visible (`\u{1b}`): names come from files and clusters that anyone may write, and
/// must neither clear the screen nor hide a line.
///
/// Runners of CI take lines that begin with `::`, or that hold `##[` or `##vso[`, for commands, also in what a tool
/// prints for people: these lose a character in the same way.
#[must_use]
pub fn visible(text: &str) -> String {
    // Nearly every text is.
    let is_plain = text.bytes().all(|b| matches!(b, b' '..=b'~'));
    if is_plain && !text.contains("::") && !text.contains("##") {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        // Lines are broken at spaces, so each word may come to begin one.
        let command = c == ':' && before.is_whitespace() && chars.peek() == Some(&':');
        if is_hidden(c) {
            let _ = write!(out, "{}", c.escape_default());
        } else if command || (c == '#' && before == '#') {
            let _ = write!(out, "{}", c.escape_unicode());
        } else {
            out.push(c);
        }
        before = c;
    }
    out
}

/// The text in lines of at most `width` characters, broken at spaces; a longer word keeps a line of its own.
pub fn wrap(text: &str, width: usize) -> impl Iterator<Item = &str> {
    let mut rest = text.trim();
    iter::from_fn(move || {
        let (line, after) = rest.split_at(first_line(rest, width));
        rest = after.trim_start();
        Some(line.trim_end()).filter(|line| !line.is_empty())
    })
}

/// Where the first line of a text ends that begins with a word.
fn first_line(text: &str, width: usize) -> usize {
    // Most texts are ASCII, and nothing has more characters than bytes.
    let beyond = if text.len() <= width {
        None
    } else if text.as_bytes()[..width].is_ascii() {
        Some(width)
    } else {
        text.char_indices().nth(width).map(|(at, _)| at)
    };
    let Some(beyond) = beyond else {
        return text.len();
    };
    let (fits, more) = text.split_at(beyond);
    let next_space = || more.find(char::is_whitespace).map(|at| beyond + at);
    if more.starts_with(char::is_whitespace) {
        beyond
    } else {
        fits.rfind(char::is_whitespace)
            .or_else(next_space)
            .unwrap_or(text.len())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn nothing_in_a_name_steers_the_terminal() {
        assert_eq!(
            visible("a\x1b[2Jb\nc\u{202e}d\u{9b}é"),
            r"a\u{1b}[2Jb\nc\u{202e}d\u{9b}é"
        );
    }

    #[test]
    fn nothing_in_a_name_is_a_command_to_a_runner_of_ci() {
        for (text, shown) in [
            ("::add-mask::x", r"\u{3a}:add-mask::x"),
            ("a ::set-output name=b::c", r"a \u{3a}:set-output name=b::c"),
            ("##[add-mask]x", r"#\u{23}[add-mask]x"),
            ("a##vso[task]x", r"a#\u{23}vso[task]x"),
            ("fd00::1 #1 a::b", "fd00::1 #1 a::b"),
        ] {
            assert_eq!(visible(text), shown);
            assert_eq!(visible(shown), shown);
        }
    }

    #[rstest]
    #[case::at_spaces("aa bb cc averyverylongword d", 5, &["aa bb", "cc", "averyverylongword", "d"])]
    #[case::at_the_edge("aaaaa bbbbb", 5, &["aaaaa", "bbbbb"])]
    #[case::just_over_it("aaaaaa b", 5, &["aaaaaa", "b"])]
    #[case::in_characters("éé éé éé", 5, &["éé éé", "éé"])]
    #[case::around_it("  aa   bb  ", 4, &["aa", "bb"])]
    #[case::one_line("aa bb", 5, &["aa bb"])]
    #[case::nothing("", 5, &[])]
    #[case::spaces_only("   ", 2, &[])]
    fn lines_break_at_spaces(#[case] text: &str, #[case] width: usize, #[case] lines: &[&str]) {
        assert_eq!(wrap(text, width).collect::<Vec<_>>(), lines);
    }

    #[test]
    fn colour_is_for_terminals_that_want_it() {
        let style = |terminal: bool, set: &[(&str, &str)]| {
            let set: Vec<(String, String)> = set
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect();
            Style::of(terminal, None, move |name| {
                set.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone())
            })
        };
        assert_eq!(
            style(true, &[]),
            Style {
                colour: true,
                width: 100
            }
        );
        assert_eq!(style(false, &[("COLUMNS", "60")]), Style::plain());
        assert_eq!(
            style(true, &[("NO_COLOR", "1"), ("COLUMNS", "80")]),
            Style {
                colour: false,
                width: 80
            }
        );
        assert_eq!(
            style(true, &[("NO_COLOR", ""), ("COLUMNS", "3")]),
            Style {
                colour: true,
                width: 40
            }
        );
        assert!(!style(true, &[("TERM", "dumb")]).colour);
        assert_eq!(Style::of(true, Some(80), |_| None).width, 80);
        assert_eq!(Style::of(false, Some(80), |_| None), Style::plain());
    }
}
