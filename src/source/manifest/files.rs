//! Which files the paths stand for, and their text.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::{DirEntry, WalkDir};

use super::rendered::{self, Maker};
use super::{InputError, MAX_FILE_BYTES, Note, Options, Place, STDIN};
use crate::model::text::{count, list};

/// The files that a directory is searched for.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// An input that is there.
#[derive(Debug)]
pub(super) struct Found {
    path: PathBuf,
    how: How,
}

/// How an input was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Named on the command line.
    Named,
    /// In a directory.
    Searched,
    /// A directory that a program turns into manifests.
    Made(Maker),
}

/// The text of an input.
#[derive(Debug)]
pub(super) struct Text {
    /// The file; the directory of what a program made.
    pub(super) file: Arc<str>,
    pub(super) text: String,
    pub(super) named: bool,
    pub(super) made_by: Option<Maker>,
}

/// Every file once, in a stable order, and what cannot be searched.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub(super) found: Vec<Result<Found, InputError>>,
    /// What was treated otherwise than somebody may expect.
    pub(super) notes: Vec<Note>,
}

fn error(path: &Path, message: impl Into<String>) -> InputError {
    InputError {
        place: Place {
            file: Some(path.to_string_lossy().into()),
            ..Place::default()
        },
        message: message.into(),
    }
}

/// Which inputs the paths stand for.
pub(super) fn find(paths: &[PathBuf]) -> Search {
    let mut all = Search::default();
    for path in paths {
        let how = match path.is_dir().then(|| rendered::maker(path)) {
            None => How::Named,
            Some(Some(maker)) => How::Made(maker),
            Some(None) => {
                search(path, &mut all);
                continue;
            }
        };
        let path = path.clone();
        all.found.push(Ok(Found { path, how }));
    }
    let mut seen = HashSet::new();
    all.found.retain(|found| match found {
        Ok(found) => seen.insert(fs::canonicalize(&found.path).unwrap_or_else(|_| found.path.clone())),
        Err(_) => true,
    });
    all
}

/// Searches a directory.
fn search(directory: &Path, all: &mut Search) {
    let before = all.found.len();
    let mut others = Others::default();
    walk(directory, &mut all.found, &mut others);
    if all.found.len() == before {
        let message = match others.charts[..] {
            [] => "no .yaml, .yml or .json file in this directory; name the right one",
            _ => "nothing but Helm charts in this directory; name one of them to have it rendered",
        };
        all.found.push(Err(error(directory, message)));
    }
    others.tell(directory, &mut all.notes);
}

/// Directories below a searched one that helm or kustomize would make something else of.
#[derive(Default)]
struct Others {
    charts: Vec<PathBuf>,
    kustomizations: Vec<PathBuf>,
}

/// How many directories a note names.
const NAMED: usize = 3;

impl Others {
    /// Whether the directory is a chart, whose templates are no manifests. A kustomization's files are.
    fn is_left_out(&mut self, directory: &Path) -> bool {
        match rendered::maker(directory) {
            Some(Maker::Helm) => self.charts.push(directory.to_owned()),
            Some(Maker::Kustomize) => self.kustomizations.push(directory.to_owned()),
            None => {}
        }
        self.charts.last().is_some_and(|last| last == directory)
    }

    fn tell(&self, directory: &Path, notes: &mut Vec<Note>) {
        let mut note = |noun: &str, found: &[PathBuf], what: &str| {
            if found.is_empty() {
                return;
            }
            let names: Vec<_> = found.iter().map(|path| path.to_string_lossy()).collect();
            let message = format!(
                "{} in it ({}) {what}: plimsoll check {}",
                count(found.len() as u64, noun),
                list(&names, NAMED),
                names[0]
            );
            let place = error(directory, "").place;
            notes.push(Note { place, message });
        };
        let charts = "left out, as templates are no manifests; name a chart to have it rendered";
        note("Helm chart", &self.charts, charts);
        let kustomizations = "read as files, not built; name a kustomization to have it built";
        note("kustomization", &self.kustomizations, kustomizations);
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with('.')
}

fn is_wanted(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(|e| EXTENSIONS.contains(&e.to_ascii_lowercase().as_str()))
}

/// Each directory once, over however many links it is reached: a few that link to each other have more ways through
/// them than anybody can go.
fn walk(directory: &Path, into: &mut Vec<Result<Found, InputError>>, others: &mut Others) {
    let mut seen = HashSet::new();
    let entries = WalkDir::new(directory)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter();
    let mut is_read = |entry: &DirEntry| {
        let below = entry.depth() > 0;
        if below && is_hidden(entry.file_name()) {
            return false;
        }
        !entry.file_type().is_dir()
            || fs::canonicalize(entry.path()).is_ok_and(|d| seen.insert(d))
                && !(below && others.is_left_out(entry.path()))
    };
    for entry in entries.filter_entry(|entry| is_read(entry)) {
        match entry {
            Ok(entry) if entry.file_type().is_dir() || !is_wanted(entry.path()) => {}
            Ok(entry) if entry.file_type().is_file() => into.push(Ok(Found {
                path: entry.into_path(),
                how: How::Searched,
            })),
            // To open a pipe would be to wait for whoever writes to it.
            Ok(entry) => {
                let message = "is a pipe, a socket or a device, and was not opened; remove it, or name it as a path of its own";
                into.push(Err(error(entry.path(), message)));
            }
            // An editor's lock is a link to nowhere.
            Err(e) if e.path().and_then(Path::file_name).is_some_and(is_hidden) => {}
            Err(e) => into.push(Err(not_searched(&e, directory))),
        }
    }
}

fn not_searched(e: &walkdir::Error, directory: &Path) -> InputError {
    let path = e.path().unwrap_or(directory);
    let message = match (e.loop_ancestor(), e.io_error()) {
        (Some(above), _) => format!(
            "is a link to {}, which it is in: that is searched once, not again; remove the link",
            above.display()
        ),
        (None, Some(e)) => format!("cannot be searched: {}", reason(e)),
        (None, None) => format!("cannot be searched: {e}; name the files themselves"),
    };
    error(path, message)
}

impl Found {
    pub(super) fn is_stdin(&self) -> bool {
        self.path.as_os_str() == STDIN
    }

    /// Reads it, as far as [`MAX_FILE_BYTES`] allow, or has it made.
    pub(super) fn read(self, options: &Options<'_>, stdin: &mut dyn Read) -> Result<Text, InputError> {
        let bytes = match self.how {
            How::Made(maker) => {
                rendered::render(maker, &self.path, options).map_err(|why| error(&self.path, why))?
            }
            How::Named | How::Searched => self.bytes(stdin)?,
        };
        Ok(Text {
            text: text(bytes).map_err(|e| e.at(&self.path))?,
            file: self.path.to_string_lossy().into(),
            named: self.how != How::Searched,
            made_by: match self.how {
                How::Made(maker) => Some(maker),
                How::Named | How::Searched => None,
            },
        })
    }

    fn bytes(&self, stdin: &mut dyn Read) -> Result<Vec<u8>, InputError> {
        let bytes = if self.is_stdin() {
            at_most(stdin, 0)
        } else {
            File::open(&self.path).and_then(|file| match file.metadata()?.len() {
                size @ 0..=MAX_FILE_BYTES => at_most(file, size),
                _ => Ok(None),
            })
        };
        let bytes = bytes.map_err(|e| error(&self.path, format!("cannot be read: {}", reason(&e))))?;
        let Some(bytes) = bytes else {
            let message = format!("is larger than {} MiB; split it", MAX_FILE_BYTES >> 20);
            return Err(error(&self.path, message));
        };
        if self.how == How::Named && bytes.trim_ascii().is_empty() {
            let message = if self.is_stdin() {
                "standard input is empty; did the command before the pipe fail?"
            } else {
                "is empty; did the command that writes it fail?"
            };
            return Err(error(&self.path, message));
        }
        Ok(bytes)
    }
}

/// Everything there is, likely so many bytes; `None` when that is more than [`MAX_FILE_BYTES`].
pub(super) fn at_most(from: impl Read, likely: u64) -> io::Result<Option<Vec<u8>>> {
    // One more, so that its end is seen without another allocation.
    let mut bytes = Vec::with_capacity(usize::try_from(likely).map_or(0, |likely| likely + 1));
    from.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MAX_FILE_BYTES).then_some(bytes))
}

/// Why bytes are no text.
struct NoText {
    line: usize,
    column: usize,
    message: String,
}

impl NoText {
    fn at(self, path: &Path) -> InputError {
        let mut error = error(path, self.message);
        (error.place.line, error.place.column) = (Some(self.line), Some(self.column));
        error
    }
}

/// UTF-16 is told by its first bytes as YAML 1.2 has it (section 5.2): a byte order mark, or one half of a character
/// that is ASCII.
fn text(bytes: Vec<u8>) -> Result<String, NoText> {
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] = bytes[..] {
        return Err(NoText {
            line: 1,
            column: 1,
            message: "is UTF-16 or UTF-32; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)".to_owned(),
        });
    }
    String::from_utf8(bytes).map_err(|e| {
        let good = e.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&e.as_bytes()[..good]);
        let last = before.rsplit('\n').next().unwrap_or_default();
        NoText {
            line: before.matches('\n').count() + 1,
            column: last.chars().count() + 1,
            message: format!(
                "the byte {:#04x} is not UTF-8 text; save the file as UTF-8",
                e.as_bytes()[good]
            ),
        }
    })
}

/// An I/O error as people say it, and the way out.
pub(in crate::source) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory; check the path".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission denied; run as a user that may read it, or give that right".to_owned()
        }
        _ => format!("{error}; check the file, or leave it out"),
    }
}
