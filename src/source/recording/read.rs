//! Reads a recording line by line, so that its size does not matter.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use jiff::Timestamp;
use serde::Deserialize;

use super::line::{self, Event};
use super::{FORMAT, Header, VERSION};
use crate::index::Index;
use crate::model::config::{ClusterVersion, DetectorConfig};
use crate::model::keys::Kind;
use crate::model::text::clip;
use crate::source::manifest::{InputError, Place, reason};

/// A longer line is not read: etcd takes no object above 1.5 MiB, and a recording holds a part of each.
pub const MAX_LINE_BYTES: usize = 4 << 20;
/// More of a line that is too long is not even passed over: it is no recording, but a device or a file that unpacks to
/// more than anybody has.
const MAX_SKIPPED_BYTES: usize = 256 << 20;
/// The names of a recording in a directory.
const NAMES: [&str; 2] = ["recording.jsonl", "recording.jsonl.gz"];
/// What a gzip file begins with (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The recording that a path stands for: the file itself, or the one in this directory.
///
/// # Errors
/// When there is none, or more than one.
pub fn find(path: &Path) -> Result<PathBuf, InputError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let is_here = |folder: &Path| {
        NAMES
            .map(|name| folder.join(name))
            .into_iter()
            .filter(|file| file.is_file())
    };
    let mut here = is_here(path);
    let message = match (here.next(), here.next()) {
        (Some(one), None) => return Ok(one),
        (Some(_), Some(_)) => format!("holds both {} and {}; name one of them", NAMES[0], NAMES[1]),
        (None, _) => {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            let mut below: Vec<PathBuf> = entries
                .map(|entry| entry.path())
                .filter(|at| is_here(at).count() > 0)
                .collect();
            below.sort();
            match below.first() {
                Some(one) => format!("holds no {}; did you mean {}?", NAMES[0], one.display()),
                None => format!("holds no {}; make one with plimsoll record", NAMES[0]),
            }
        }
    };
    Err(InputError {
        place: place(&path.to_string_lossy().into(), None),
        message,
    })
}

/// A recording that is being read: its events, each or why it cannot be read. A line that cannot is passed over, and the
/// next one follows; after a file that is cut off, nothing does.
pub struct Recording {
    /// Its first line.
    pub header: Header,
    file: Arc<str>,
    input: Box<dyn BufRead>,
    held: Vec<Kind>,
    line: usize,
    last: Option<Timestamp>,
    buffer: Vec<u8>,
    ended: bool,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording")
            .field("file", &self.file)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

/// As much of a header as every version has.
#[derive(Deserialize)]
#[serde(expecting = "a map")]
struct AnyVersion {
    format: Option<String>,
    version: Option<u32>,
    #[serde(rename = "type")]
    event: Option<String>,
}

impl Recording {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// A file that cannot be read, that has no header, or one of another version.
    pub fn open(path: &Path) -> Result<Recording, InputError> {
        let file: Arc<str> = path.to_string_lossy().into();
        let unreadable = |e: &io::Error| InputError {
            place: place(&file, None),
            message: format!("cannot be read: {}", reason(e)),
        };
        let mut input = BufReader::new(File::open(path).map_err(|e| unreadable(&e))?);
        let is_gzip = input.fill_buf().map_err(|e| unreadable(&e))?.starts_with(&GZIP);
        let input: Box<dyn BufRead> = if is_gzip {
            Box::new(BufReader::new(MultiGzDecoder::new(input)))
        } else {
            Box::new(input)
        };
        Recording::read(&file, input)
    }

    /// Reads the header of what `input` holds; errors name `file`.
    ///
    /// # Errors
    /// As [`Recording::open`].
    pub fn read(file: &str, input: Box<dyn BufRead>) -> Result<Recording, InputError> {
        let mut recording = Recording {
            header: Header::new("", 1.0),
            file: file.into(),
            input,
            held: Vec::new(),
            line: 0,
            last: None,
            buffer: Vec::new(),
            ended: false,
        };
        let first = match recording.next_line() {
            None => return Err(recording.error(None, "is empty; a recording begins with a header")),
            Some(read) => read?,
        };
        recording.header =
            header(first.trim_start_matches('\u{feff}')).map_err(|m| recording.error(None, m))?;
        recording.held = recording.header.known_kinds().collect();
        Ok(recording)
    }

    /// An index that waits for the kinds that the recording holds, and knows nothing of the others; of optional kinds there
    /// are then none.
    #[must_use]
    pub fn index(&self) -> Index {
        let mut index = Index::new();
        index.set_version(ClusterVersion::parse(&self.header.kubernetes).unwrap_or(ClusterVersion::NEWEST));
        for kind in Kind::WATCHED.into_iter().filter(|kind| !self.held.contains(kind)) {
            if kind.is_optional() {
                index.set_missing(kind);
            } else {
                index.set_unreadable(kind, "the recording does not hold them");
            }
        }
        if !self.header.whole_templates {
            index.set_sparse_templates();
        }
        index
    }

    /// The kinds that it holds.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.held
    }

    /// The path as it was given or found.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// How many lines have been read so far.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.line
    }

    fn error(&self, column: Option<usize>, message: impl Into<String>) -> InputError {
        let line = (self.line > 0).then_some(self.line);
        InputError {
            place: Place {
                column,
                ..place(&self.file, line)
            },
            message: message.into(),
        }
    }

    /// The next line that is not blank; `None` at the end.
    fn next_line(&mut self) -> Option<Result<String, InputError>> {
        while !self.ended {
            self.line += 1;
            match bounded_line(&mut *self.input, &mut self.buffer) {
                Ok(Ended::File) if self.buffer.is_empty() => {
                    self.line -= 1;
                    self.ended = true;
                }
                Ok(Ended::TooLong) => {
                    let message = format!("longer than {} MiB; remove the line", MAX_LINE_BYTES >> 20);
                    return Some(Err(self.error(None, message)));
                }
                Ok(Ended::Never) => {
                    self.ended = true;
                    let message = format!(
                        "no line ends within {} MiB; name a file that plimsoll record wrote",
                        MAX_SKIPPED_BYTES >> 20
                    );
                    return Some(Err(self.error(None, message)));
                }
                Ok(Ended::File | Ended::Line) => match std::str::from_utf8(&self.buffer) {
                    Ok(text) if text.trim().is_empty() => {}
                    Ok(text) => return Some(Ok(text.to_owned())),
                    Err(e) => {
                        let column = Some(e.valid_up_to() + 1);
                        return Some(Err(self.error(column, "not UTF-8 text; mend or remove the line")));
                    }
                },
                Err(e) => {
                    self.ended = true;
                    let message = if e.kind() == io::ErrorKind::UnexpectedEof {
                        "the gzip file is cut off here; copy it again, or go on with what stands before"
                            .to_owned()
                    } else {
                        format!("cannot be read from here on: {}; copy the file again", reason(&e))
                    };
                    return Some(Err(self.error(None, message)));
                }
            }
        }
        None
    }

    fn event(&mut self, text: &str) -> Result<Event, InputError> {
        let (at, what) =
            line::read(text, &self.held).map_err(|(column, message)| self.error(column, message))?;
        if let Some(last) = self.last.filter(|last| at < *last) {
            let message =
                format!("{at} is before {last}, the time of an earlier line; put the lines in order");
            return Err(self.error(None, message));
        }
        self.last = Some(at);
        Ok(Event {
            at,
            line: self.line,
            what,
        })
    }
}

impl Iterator for Recording {
    type Item = Result<Event, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.next_line()?.and_then(|text| self.event(&text)))
    }
}

fn place(file: &Arc<str>, line: Option<usize>) -> Place {
    Place {
        file: Some(file.clone()),
        line,
        column: None,
    }
}

fn header(text: &str) -> Result<Header, String> {
    const WAY_OUT: &str = "a recording begins with a header such as plimsoll record writes";
    let any: AnyVersion =
        serde_json::from_str(text).map_err(|e| format!("no header: {}; {WAY_OUT}", line::said(&e)))?;
    match (any.format.as_deref(), any.version) {
        (Some(FORMAT), Some(VERSION)) => {}
        (Some(FORMAT), Some(version)) => {
            return Err(format!(
                "format version {version} is unknown, {VERSION} is known; use a newer plimsoll"
            ));
        }
        (Some(FORMAT), None) => return Err(format!("no header: version is missing; {WAY_OUT}")),
        (Some(other), _) => {
            return Err(format!(
                "no header: the format is {:?}, not {FORMAT:?}; {WAY_OUT}",
                clip(other, 60)
            ));
        }
        (None, _) if any.event.is_some() => {
            return Err(format!(
                "no header: the first line is an event already; {WAY_OUT}"
            ));
        }
        (None, _) => return Err(format!("no header: format is missing; {WAY_OUT}")),
    }
    let header: Header =
        serde_json::from_str(text).map_err(|e| format!("the header: {}; {WAY_OUT}", line::said(&e)))?;
    if !DetectorConfig::SCALES.contains(&header.time_scale) {
        return Err(format!(
            "the header: timeScale must be from {} to {}, not {:?}; write 1",
            DetectorConfig::SCALES.start(),
            DetectorConfig::SCALES.end(),
            header.time_scale
        ));
    }
    let held: Vec<Kind> = header.known_kinds().collect();
    let missing: Vec<&str> = Kind::WATCHED
        .into_iter()
        .filter(|kind| kind.is_essential() && !held.contains(kind))
        .map(Kind::as_str)
        .collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Err(format!(
            "the header: kinds lacks {missing}, without which nothing can be judged; record them too"
        ));
    }
    Ok(header)
}

/// What a line ended with.
enum Ended {
    Line,
    File,
    TooLong,
    Never,
}

/// Reads one line without its end. One that is too long is consumed, but not kept.
fn bounded_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<Ended> {
    line.clear();
    let (mut too_long, mut length) = (false, 0);
    loop {
        let available = match input.fill_buf() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if available.is_empty() {
            return Ok(if too_long { Ended::TooLong } else { Ended::File });
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let piece = &available[..end.unwrap_or(available.len())];
        length += piece.len();
        if length > MAX_SKIPPED_BYTES {
            return Ok(Ended::Never);
        }
        too_long |= line.len() + piece.len() > MAX_LINE_BYTES;
        if too_long {
            line.clear();
        } else {
            line.extend_from_slice(piece);
        }
        let consumed = piece.len() + usize::from(end.is_some());
        input.consume(consumed);
        if end.is_some() {
            return Ok(if too_long { Ended::TooLong } else { Ended::Line });
        }
    }
}
