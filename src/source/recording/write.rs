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

#[derive(Serialize)]
struct Line<'a> {
    at: String,
    #[serde(rename = "type")]
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'a Value>,
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
        self.event(at, what, None, None, Some(object))
    }

    /// `RELIST` or `SYNCED`; `None` means every kind.
    ///
    /// # Errors
    /// See [`Writer::object`].
    pub fn list(&mut self, at: Timestamp, what: &'static str, kind: Option<Kind>) -> io::Result<()> {
        self.event(at, what, kind, None, None)
    }

    /// The kind may not be read, and why.
    ///
    /// # Errors
    /// See [`Writer::object`].
    pub fn unreadable(&mut self, at: Timestamp, kind: Kind, why: &str) -> io::Result<()> {
        self.event(at, "UNREADABLE", Some(kind), Some(why), None)
    }

    /// `DISCONNECTED` or `CONNECTED`.
    ///
    /// # Errors
    /// See [`Writer::object`].
    pub fn connection(&mut self, at: Timestamp, what: &'static str) -> io::Result<()> {
        self.event(at, what, None, None, None)
    }

    fn event(
        &mut self,
        at: Timestamp,
        what: &'static str,
        kind: Option<Kind>,
        message: Option<&str>,
        object: Option<&Value>,
    ) -> io::Result<()> {
        self.last = self.last.max(at);
        let at = self.last.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let kind = kind.map(Kind::as_str);
        self.line(&Line {
            at,
            what,
            kind,
            message,
            object,
        })
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
