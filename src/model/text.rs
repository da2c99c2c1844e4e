//! Small things done to text that people read.

use std::time::Duration;

use jiff::Timestamp;

/// The text in at most `max` characters, an ellipsis in place of what was cut.
#[must_use]
pub fn clip(text: &str, max: usize) -> String {
    // Nothing has more characters than bytes, and most texts are short.
    if text.len() <= max || text.chars().count() <= max {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(max.saturating_sub(1)).collect();
    if max > 0 {
        out.push('…');
    }
    out
}

/// The text in at most `max` bytes, cut at a character, an ellipsis in place of what was cut.
#[must_use]
pub fn clip_bytes(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// Whether a character steers what shows it or hides from the eye: controls, what turns the direction of reading, what has
/// no width, what XML forbids.
#[must_use]
pub fn steers(c: char) -> bool {
    c.is_control()
        // Soft hyphen, Arabic letter mark, Hangul fillers, Mongolian vowel separator.
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{ffa0}')
        // No width, line and paragraph separators, embeddings, overrides and isolates.
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        // Byte order mark, interlinear annotations, non-characters, tags.
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}')
        || matches!(c, '\u{e0000}'..='\u{e0fff}')
}

/// The text with a replacement character for each that [`steers`]: for values that are passed on to where nobody looks at
/// them first, such as labels of metrics.
#[must_use]
pub fn inert(text: &str) -> String {
    text.chars()
        .map(|c| if steers(c) { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

/// 32-bit FNV-1a: short stable suffixes of names. Not for anything that an adversary gains by colliding.
#[must_use]
pub fn fnv32(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// 64-bit FNV-1a, for where 32 bits would collide by chance: thousands of names. Adversaries as above.
#[must_use]
pub fn fnv64(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The text as one word of a POSIX shell.
#[must_use]
pub fn shell_quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '=' | ',');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `55 s`, `4 min 50 s`, `2 h 5 min`, `3 d 4 h`: two units at most, rounded down.
#[must_use]
pub fn duration(d: Duration) -> String {
    let s = d.as_secs();
    let two = |a: u64, au: &str, b: u64, bu: &str| {
        if b == 0 {
            format!("{a} {au}")
        } else {
            format!("{a} {au} {b} {bu}")
        }
    };
    match s {
        0..60 => format!("{s} s"),
        60..3_600 => two(s / 60, "min", s % 60, "s"),
        3_600..86_400 => two(s / 3_600, "h", s % 3_600 / 60, "min"),
        _ => two(s / 86_400, "d", s % 86_400 / 3_600, "h"),
    }
}

/// `22:51:15Z`: the time of day, for messages about something that happens within hours.
#[must_use]
pub fn clock_time(at: Timestamp) -> String {
    at.strftime("%H:%M:%SZ").to_string()
}

/// `1 replica`, `2 replicas`.
#[must_use]
pub fn count(n: impl Into<u64>, noun: &str) -> String {
    let n = n.into();
    if n == 1 {
        format!("1 {noun}")
    } else {
        format!("{n} {noun}s")
    }
}

/// `a`, `a and b`, `a, b and 3 more`: at most `shown` names.
#[must_use]
pub fn list<S: AsRef<str>>(names: &[S], shown: usize) -> String {
    let head: Vec<&str> = names.iter().take(shown).map(AsRef::as_ref).collect();
    let more = names.len().saturating_sub(shown);
    match (head.as_slice(), more) {
        ([], 0) => String::new(),
        ([], more) => format!("{more} more"),
        (head, 0) => match head {
            [one] => (*one).to_owned(),
            [init @ .., last] => format!("{} and {last}", init.join(", ")),
            [] => String::new(),
        },
        (head, more) => format!("{} and {more} more", head.join(", ")),
    }
}

/// Levenshtein's distance: characters to insert, remove or replace.
#[must_use]
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_speech() {
        for (s, text) in [
            (0, "0 s"),
            (55, "55 s"),
            (60, "1 min"),
            (290, "4 min 50 s"),
            (7_500, "2 h 5 min"),
            (273_600, "3 d 4 h"),
        ] {
            assert_eq!(duration(Duration::from_secs(s)), text);
        }
    }

    #[test]
    fn lists_say_how_many_they_leave_out() {
        assert_eq!(list(&["a"], 2), "a");
        assert_eq!(list(&["a", "b"], 2), "a and b");
        assert_eq!(list(&["a", "b", "c"], 2), "a, b and 1 more");
        assert_eq!(list::<&str>(&[], 2), "");
    }

    /// From the table of test vectors of its authors.
    #[test]
    fn hashes_are_fnv_1a() {
        assert_eq!((fnv32(""), fnv64("")), (0x811c_9dc5, 0xcbf2_9ce4_8422_2325));
        assert_eq!(
            (fnv32("foobar"), fnv64("foobar")),
            (0xbf9c_f968, 0x8594_4171_f739_67e8)
        );
    }

    #[test]
    fn typing_errors_are_counted() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!((distance("", "ab"), distance("ab", "ab")), (2, 0));
    }

    #[test]
    fn clipping_respects_characters() {
        assert_eq!(clip("zürich", 3), "zü…");
        assert_eq!(clip_bytes("zürich", 5), "z…");
        assert_eq!(clip_bytes("short", 5), "short");
    }
}
