//! Mutations that leave a document well formed more often than not: they work on its words and lines, and what they put
//! in is what parsers and arithmetic stumble over.

use proptest::collection::vec;
use proptest::prelude::*;

/// A longer input is cut: what is being looked for is no question of size.
pub(super) const MAX_BYTES: usize = 64 << 10;

/// Scalars and signs.
const HOSTILE: [&str; 72] = [
    "",
    "null",
    "~",
    "true",
    "yes",
    "0",
    "-0",
    "-1",
    "1",
    "2147483647",
    "2147483648",
    "-2147483649",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "1e400",
    "-1e400",
    "1e-400",
    ".inf",
    ".nan",
    "0x10",
    "010",
    "1_000",
    "2.0",
    "2.5",
    "\"3\"",
    "''",
    "\" 5\"",
    "128Mi",
    "-1Mi",
    "1..5",
    "1Ei",
    "9999999999Ei",
    "Mi",
    "1e99999999999",
    "100%",
    "101%",
    "-5%",
    "99999999999999999999%",
    "\"25%\"",
    "[]",
    "{}",
    "[[]]",
    "{a: {}}",
    "[1, 2",
    "{\"a\":",
    "*a",
    "&a",
    "&a [*a]",
    "<<: *a",
    "<<: {a: b}",
    "!!binary x",
    "!!int x",
    "? a",
    "- ",
    "---\n",
    "...\n",
    "|\n",
    ">-\n",
    "# ",
    "\t",
    "\r",
    "\u{feff}",
    "\u{85}",
    "\u{202e}",
    "\\u0000",
    "\u{1b}[2J",
    "{{ .Values.x }}",
    "{{- end }}",
    "2026-01-01T00:00:00Z",
    "9999-12-30T22:00:00Z",
    "-009999-01-02T01:59:59Z",
];

/// Names of fields and kinds, so that what is read stands in more places than the corpus has it.
const NAMES: [&str; 28] = [
    "kind",
    "List",
    "items",
    "metadata",
    "name",
    "namespace",
    "labels",
    "annotations",
    "plimsoll.dev/exempt",
    "ownerReferences",
    "spec",
    "replicas",
    "selector",
    "matchLabels",
    "matchExpressions",
    "template",
    "containers",
    "resources",
    "limits",
    "memory",
    "affinity",
    "topologySpreadConstraints",
    "tolerations",
    "strategy",
    "minReplicas",
    "maxReplicas",
    "Pod",
    "CronJob",
];

/// Where in a text, as a part of 2^16.
type At = u16;

#[derive(Clone, Debug)]
enum Mutation {
    /// Puts a piece of a document in.
    Splice(At, u8, At, u16),
    Truncate(At),
    /// Says so many bytes again, so often.
    Repeat(At, u8, u8),
    /// Exchanges two words.
    Swap(At, At),
    /// Puts a scalar in place of a word.
    Replace(At, u8),
    Insert(At, u8),
    Name(At, u8),
    Delete(At, u8),
    /// Takes a line away, or puts it elsewhere.
    Line(At, Option<At>),
    Indent(At, u8),
    Byte(At, u8),
}

/// A document of the corpus, and what is done to it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    seed: u16,
    mutations: Vec<Mutation>,
}

pub(super) fn plan() -> impl Strategy<Value = Plan> {
    use Mutation as M;
    let at = any::<At>;
    let byte = any::<u8>;
    let mutation = prop_oneof![
        2 => (at(), byte(), at(), 0_u16..2_000).prop_map(|(to, doc, from, n)| M::Splice(to, doc, from, n)),
        1 => at().prop_map(M::Truncate),
        1 => (at(), byte(), 1_u8..40).prop_map(|(at, n, times)| M::Repeat(at, n, times)),
        3 => (at(), at()).prop_map(|(a, b)| M::Swap(a, b)),
        8 => (at(), byte()).prop_map(|(at, word)| M::Replace(at, word)),
        3 => (at(), byte()).prop_map(|(at, word)| M::Insert(at, word)),
        4 => (at(), byte()).prop_map(|(at, word)| M::Name(at, word)),
        1 => (at(), 1_u8..40).prop_map(|(at, n)| M::Delete(at, n)),
        3 => (at(), proptest::option::of(at())).prop_map(|(from, to)| M::Line(from, to)),
        1 => (at(), byte()).prop_map(|(at, n)| M::Indent(at, n)),
        1 => (at(), byte()).prop_map(|(at, value)| M::Byte(at, value)),
    ];
    (any::<u16>(), vec(mutation, 0..10)).prop_map(|(seed, mutations)| Plan { seed, mutations })
}

fn place(bytes: &[u8], at: At) -> usize {
    bytes.len() * usize::from(at) / (usize::from(At::MAX) + 1)
}

/// The word around a place: start and end.
fn word(bytes: &[u8], at: At) -> (usize, usize) {
    let ends = |b: &u8| b.is_ascii_whitespace() || b",:[]{}\"'".contains(b);
    let middle = place(bytes, at);
    let start = bytes[..middle].iter().rposition(ends).map_or(0, |i| i + 1);
    let end = bytes[middle..]
        .iter()
        .position(ends)
        .map_or(bytes.len(), |i| middle + i);
    (start, end)
}

/// The line around a place, its end included.
fn line(bytes: &[u8], at: At) -> (usize, usize) {
    let middle = place(bytes, at);
    let start = bytes[..middle]
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |i| i + 1);
    let end = bytes[middle..]
        .iter()
        .position(|b| *b == b'\n')
        .map_or(bytes.len(), |i| middle + i + 1);
    (start, end)
}

fn put(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    bytes.splice(at..at, piece.iter().copied());
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        match *self {
            Mutation::Splice(to, document, from, n) => {
                let document = &seeds[usize::from(document) % seeds.len()];
                let start = place(document, from);
                let piece = &document[start..document.len().min(start + usize::from(n))];
                let to = place(bytes, to);
                put(bytes, to, piece);
            }
            Mutation::Truncate(at) => bytes.truncate(place(bytes, at)),
            Mutation::Repeat(at, n, times) => {
                let start = place(bytes, at);
                let piece = bytes[start..bytes.len().min(start + usize::from(n))].repeat(usize::from(times));
                put(bytes, start, &piece);
            }
            Mutation::Swap(a, b) => {
                let (first, second) = (word(bytes, a), word(bytes, b));
                let (first, second) = if first <= second {
                    (first, second)
                } else {
                    (second, first)
                };
                if first.1 <= second.0 {
                    let later = bytes[second.0..second.1].to_vec();
                    let earlier: Vec<u8> = bytes.splice(first.0..first.1, later).collect();
                    let moved = (second.1 - second.0) + second.0 - (first.1 - first.0);
                    let end = moved + (second.1 - second.0);
                    bytes.splice(moved..end, earlier);
                }
            }
            Mutation::Replace(at, scalar) => {
                let (start, end) = word(bytes, at);
                bytes.splice(start..end, HOSTILE[usize::from(scalar) % HOSTILE.len()].bytes());
            }
            Mutation::Insert(at, scalar) => {
                let (start, _) = word(bytes, at);
                put(
                    bytes,
                    start,
                    HOSTILE[usize::from(scalar) % HOSTILE.len()].as_bytes(),
                );
            }
            Mutation::Name(at, name) => {
                let (start, end) = word(bytes, at);
                bytes.splice(start..end, NAMES[usize::from(name) % NAMES.len()].bytes());
            }
            Mutation::Delete(at, n) => {
                let start = place(bytes, at);
                bytes.drain(start..bytes.len().min(start + usize::from(n)));
            }
            Mutation::Line(from, to) => {
                let (start, end) = line(bytes, from);
                let piece: Vec<u8> = bytes.drain(start..end).collect();
                if let Some(to) = to {
                    let (to, _) = line(bytes, to);
                    put(bytes, to, &piece);
                }
            }
            Mutation::Indent(at, n) => {
                let (start, _) = line(bytes, at);
                put(bytes, start, &b" ".repeat(usize::from(n % 9)));
            }
            Mutation::Byte(at, value) => {
                let at = place(bytes, at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
        }
    }
}

impl Plan {
    /// The bytes that it makes.
    pub(super) fn apply(&self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[usize::from(self.seed) % seeds.len()].clone();
        for mutation in &self.mutations {
            mutation.apply(&mut bytes, seeds);
            bytes.truncate(MAX_BYTES);
        }
        bytes
    }
}
