//! Writes a recording.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::Header;
use crate::model::keys::Kind;

/// Writes the header and then line by line. Times are kept from going back.
pub struct Writer {
    out: Out,
    last: Timestamp,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

enum Out {
    Plain(Box<dyn Write + Send>),
    Gzip(GzEncoder<Box<dyn Write + Send>>),
}

#[derive(Default, Serialize)]
struct Line<'a> {
    at: String,
    #[serde(rename = "type")]
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'a Value>,
}

/// RFC 3339 with milliseconds.
fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

impl Writer {
    /// Begins a recording.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: Box<dyn Write + Send>, gzip: bool, header: &Header) -> io::Result<Self> {
        let out = if gzip {
            Out::Gzip(GzEncoder::new(out, Compression::default()))
        } else {
            Out::Plain(out)
        };
        let mut writer = Writer {
            out,
            last: Timestamp::MIN,
        };
        writer.line(header)?;
        Ok(writer)
    }

    /// `ADDED`, `MODIFIED` or `DELETED`, with a [pruned](crate::source::projection::prune) object.
    ///
    /// # Errors
    /// Those of the output, as for every method.
    pub fn object(&mut self, at: Timestamp, what: &'static str, object: &Value) -> io::Result<()> {
        let object = Some(object);
        self.event(
            at,
            Line {
                what,
                object,
                ..Line::default()
            },
        )
    }

    /// `RELIST` or `SYNCED`; `None` means every kind.
    ///
    /// # Errors
    /// See [`Writer::object`].
    pub fn list(&mut self, at: Timestamp, what: &'static str, kind: Option<Kind>) -> io::Result<()> {
        let kind = kind.map(Kind::as_str);
        self.event(
            at,
            Line {
                what,
                kind,
                ..Line::default()
            },
        )
    }

    /// The kind may not be read, and why.
    ///
    /// # Errors
    /// See [`Writer::object`].
    pub fn unreadable(&mut self, at: Timestamp, kind: Kind, why: &str) -> io::Result<()> {
        let (kind, message) = (Some(kind.as_str()), Some(why));
        self.event(
            at,
            Line {
                what: "UNREADABLE",
                kind,
                message,
                ..Line::default()
            },
        )
    }

    /// Nothing was heard from the API server since then.
    ///
    /// # Errors
    /// See [`Writer::object`].
    pub fn disconnected(&mut self, at: Timestamp, since: Timestamp) -> io::Result<()> {
        let since = Some(stamp(since));
        self.event(
            at,
            Line {
                what: "DISCONNECTED",
                since,
                ..Line::default()
            },
        )
    }

    /// The API server is heard again.
    ///
    /// # Errors
    /// See [`Writer::object`].
    pub fn connected(&mut self, at: Timestamp) -> io::Result<()> {
        self.event(
            at,
            Line {
                what: "CONNECTED",
                ..Line::default()
            },
        )
    }

    fn event(&mut self, at: Timestamp, line: Line<'_>) -> io::Result<()> {
        self.last = self.last.max(at);
        let at = stamp(self.last);
        self.line(&Line { at, ..line })
    }

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        match &mut self.out {
            Out::Plain(out) => out.write_all(&text),
            Out::Gzip(out) => out.write_all(&text),
        }
    }

    /// Hands everything on, so that it can be read even if nothing more comes.
    ///
    /// # Errors
    /// See [`Writer::object`].
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.out {
            Out::Plain(out) => out.flush(),
            Out::Gzip(out) => out.flush(),
        }
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// See [`Writer::object`].
    pub fn finish(self) -> io::Result<()> {
        match self.out {
            Out::Plain(mut out) => out.flush(),
            Out::Gzip(out) => out.finish()?.flush(),
        }
    }
}
