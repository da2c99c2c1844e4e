//! Which files the paths stand for, and their text.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::{DirEntry, WalkDir};

use super::{InputError, MAX_FILE_BYTES, Place};

/// The files that a directory is searched for.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// An input that is there.
#[derive(Debug)]
pub(super) struct Found {
    path: PathBuf,
    /// Named on the command line, rather than found in a directory.
    named: bool,
}

/// The text of an input.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) file: Arc<str>,
    pub(super) text: String,
    pub(super) named: bool,
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

/// Every file once, in a stable order, and what cannot be searched.
pub(super) fn find(paths: &[PathBuf]) -> Vec<Result<Found, InputError>> {
    let mut all = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = all.len();
            walk(path, &mut all);
            if all.len() == before {
                all.push(Err(error(path, "no .yaml, .yml or .json file in this directory")));
            }
        } else {
            all.push(Ok(Found {
                path: path.clone(),
                named: true,
            }));
        }
    }
    let mut seen = HashSet::new();
    all.retain(|found| match found {
        Ok(found) => seen.insert(fs::canonicalize(&found.path).unwrap_or_else(|_| found.path.clone())),
        Err(_) => true,
    });
    all
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.')
}

fn walk(directory: &Path, into: &mut Vec<Result<Found, InputError>>) {
    let entries = WalkDir::new(directory)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter();
    for entry in entries.filter_entry(|entry| !is_hidden(entry)) {
        match entry {
            Ok(entry) => {
                let extension = entry.path().extension().and_then(|e| e.to_str());
                let wanted = extension.is_some_and(|e| EXTENSIONS.contains(&e.to_ascii_lowercase().as_str()));
                if wanted && entry.file_type().is_file() {
                    into.push(Ok(Found {
                        path: entry.into_path(),
                        named: false,
                    }));
                }
            }
            // A link to a directory above: what it leads to is searched anyway.
            Err(e) if e.loop_ancestor().is_some() => {}
            Err(e) => {
                let path = e.path().unwrap_or(directory).to_owned();
                let cause = e.io_error().map_or_else(|| e.to_string(), reason);
                into.push(Err(error(&path, format!("cannot be searched: {cause}"))));
            }
        }
    }
}

impl Found {
    /// Reads it, as far as [`MAX_FILE_BYTES`] allow.
    pub(super) fn read(self, stdin: &mut dyn Read) -> Result<Text, InputError> {
        let mut bytes = Vec::new();
        let read = if self.path.as_os_str() == "-" {
            stdin.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)
        } else {
            File::open(&self.path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        };
        read.map_err(|e| error(&self.path, format!("cannot be read: {}", reason(&e))))?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            let message = format!("is larger than {} MiB; split it", MAX_FILE_BYTES >> 20);
            return Err(error(&self.path, message));
        }
        if self.path.as_os_str() == "-" && bytes.trim_ascii().is_empty() {
            let message = "standard input is empty; did the command before the pipe fail?";
            return Err(error(&self.path, message));
        }
        let text = String::from_utf8(bytes).map_err(|e| {
            let good = e.utf8_error().valid_up_to();
            let line = e.as_bytes()[..good].iter().filter(|b| **b == b'\n').count() + 1;
            let mut error = error(&self.path, "is not UTF-8 text");
            error.place.line = Some(line);
            error
        })?;
        Ok(Text {
            file: self.path.to_string_lossy().into(),
            text,
            named: self.named,
        })
    }
}

/// An I/O error as people say it.
pub(in crate::source) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
