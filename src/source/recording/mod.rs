//! Recordings: what a cluster's watches delivered, as a file that anybody can replay.
//!
//! ```text
//! plimsoll record ── Pruned objects, the connection's story ──> write ──> recording.jsonl[.gz]
//! plimsoll replay <── Event { at, line, what } <── read <───────────────────────^
//! ```
//!
//! A recording is JSON Lines in UTF-8, gzipped or not. Its first line is the [`Header`]; every other line is one thing that
//! happened, at a time that never goes back (RFC 3339; by the API server's clock):
//!
//! | `type` | other fields | meaning |
//! |---|---|---|
//! | `ADDED` `MODIFIED` | `object` | it is there now, and so |
//! | `DELETED` | `object` | it is gone; its kind, namespace and name are enough |
//! | `RELIST` | `kind` | a list of the kind begins: of what was known, only what is `ADDED` until `SYNCED` is still there |
//! | `SYNCED` | `kind` | the list is complete |
//! | `UNREADABLE` | `kind`, `message` | the kind may not be read, and why: nothing is judged by its absence |
//! | `DISCONNECTED` | `since` | nothing was heard from the API server any more: no verdict changes. Since when that is so, if it was noticed later |
//! | `CONNECTED` | | it answers again |
//!
//! Without `kind`, `RELIST` and `SYNCED` are about every kind that the header names. Nothing is judged before every such
//! kind was `SYNCED`. Of kinds that the header does not name nothing is known, as if they could not be read; so `Pod`,
//! `Node`, `Deployment`, `StatefulSet` and `ReplicaSet` must be among them. Only of `ScaledObject`, which few clusters have,
//! there are none when it is not named.
//!
//! An `object` is Kubernetes' JSON with only those fields that are read ([`prune`](super::projection::prune)). Fields of
//! the header and of a line that this version does not know are passed over; a `type` or a `version` that it does not
//! know is an error.

mod line;
mod read;
mod write;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::line::{Event, What};
pub use self::read::{MAX_LINE_BYTES, Recording, find};
pub use self::write::Writer;
use crate::model::keys::Kind;

/// `format` of every header.
pub const FORMAT: &str = "plimsoll.dev/recording";
/// The version of the format that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// The first line of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The API server's version: `v1.36.4`.
    pub kubernetes: String,
    /// The factor by which the cluster's timers are shorter or longer than Kubernetes' defaults; the detectors' durations
    /// are scaled by it. One of [`DetectorConfig::SCALES`](crate::model::config::DetectorConfig::SCALES).
    #[serde(default = "one")]
    pub time_scale: f64,
    /// When it was made, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<Timestamp>,
    /// What made it: `plimsoll 0.1.0`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub recorded_by: String,
    /// The kinds that it holds; all others are unknown.
    pub kinds: Vec<String>,
    /// Of pod templates their ports, probes, hooks, images and all requests are there too: recordings that were made before
    /// this field was do without, and what is judged by them is unknown.
    #[serde(default)]
    pub whole_templates: bool,
    /// What it shows, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where it comes from, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

const fn one() -> f64 {
    1.0
}

impl Header {
    /// A header for a recording of every watched kind, made by this version.
    #[must_use]
    pub fn new(kubernetes: impl Into<String>, time_scale: f64) -> Self {
        Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            kubernetes: kubernetes.into(),
            time_scale,
            recorded_at: None,
            recorded_by: concat!("plimsoll ", env!("CARGO_PKG_VERSION")).to_owned(),
            kinds: Kind::WATCHED.iter().map(ToString::to_string).collect(),
            whole_templates: true,
            description: String::new(),
            source: String::new(),
        }
    }

    /// The kinds that it names, as far as this version knows them.
    pub fn known_kinds(&self) -> impl Iterator<Item = Kind> {
        self.kinds.iter().filter_map(|kind| Kind::parse(kind))
    }
}

#[cfg(test)]
mod tests;
