//! One line of a recording.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::keys::{Kind, ObjectKey};
use crate::model::object::Object;
use crate::model::text::clip;
use crate::source::projection;

/// How much is repeated of what serde_json says: it quotes what it finds.
const MAX_SAID: usize = 200;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Where it stands, from 1.
    pub line: usize,
    /// What.
    pub what: What,
}

/// What happened. Without a kind: every kind that the header names.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "one at a time, moved once into the index"
)]
pub enum What {
    /// An object is there now, and so.
    Applied(Object),
    /// An object is gone.
    Deleted(ObjectKey),
    /// A list of the kind begins.
    Relist(Option<Kind>),
    /// The list of the kind is complete.
    Synced(Option<Kind>),
    /// The kind may not be read, and why.
    Unreadable(Kind, String),
    /// Nothing was heard from the API server any more.
    Disconnected,
    /// The API server answers again.
    Connected,
}

/// A line as it stands there. What else it holds is passed over.
#[derive(Deserialize)]
#[serde(expecting = "a map")]
struct Line<'a> {
    at: Timestamp,
    #[serde(rename = "type")]
    what: String,
    kind: Option<String>,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    message: Option<String>,
}

/// What names an object's kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
struct Named {
    api_version: Option<String>,
    kind: Option<String>,
}

/// Reads one line. `held` are the kinds that the header names.
pub(super) fn read(text: &str, held: &[Kind]) -> Result<(Timestamp, What), (Option<usize>, String)> {
    let line: Line<'_> = serde_json::from_str(text).map_err(|e| (column(&e), not_a_line(&e)))?;
    let what = line.read(held).map_err(|message| (None, message))?;
    Ok((line.at, what))
}

impl Line<'_> {
    fn read(&self, held: &[Kind]) -> Result<What, String> {
        let kind = || self.kind.as_deref().map(|kind| known(kind, held)).transpose();
        Ok(match self.what.as_str() {
            "ADDED" | "MODIFIED" => What::Applied(self.object(held)?),
            "DELETED" => What::Deleted(self.object(held)?.key()),
            "RELIST" => What::Relist(kind()?),
            "SYNCED" => What::Synced(kind()?),
            "UNREADABLE" => {
                let kind = kind()?.ok_or("UNREADABLE without a kind; say which kind could not be read")?;
                What::Unreadable(kind, self.message.clone().unwrap_or_default())
            }
            "DISCONNECTED" => What::Disconnected,
            "CONNECTED" => What::Connected,
            other => {
                return Err(format!(
                    "the type {:?} is unknown; use ADDED, MODIFIED, DELETED, RELIST, SYNCED, UNREADABLE, DISCONNECTED \
                     or CONNECTED, or a newer plimsoll",
                    clip(other, 40)
                ));
            }
        })
    }

    fn object(&self, held: &[Kind]) -> Result<Object, String> {
        let what = &self.what;
        let Some(raw) = self.object else {
            return Err(format!("{what} without an object; add it, or remove the line"));
        };
        let named: Named = serde_json::from_str(raw.get()).map_err(|e| {
            format!(
                "the object of {what} is none: {}; mend or remove the line",
                said(&e)
            )
        })?;
        let Some(kind) = named.kind else {
            return Err(format!(
                "the object of {what} has no kind; add its apiVersion and kind, or remove the line"
            ));
        };
        let kind = known(&kind, held)?;
        let version = named.api_version.unwrap_or_default();
        let group = version.split_once('/').map_or("", |(group, _)| group);
        if !version.is_empty() && group != kind.group() {
            return Err(format!(
                "there is no {kind} in {}; write {}",
                clip(&version, 60),
                kind.api_version()
            ));
        }
        projection::from_json(kind, raw.get().as_bytes())
            .map_err(|e| format!("{}; mend or remove the line", clip(&e.to_string(), MAX_SAID)))
    }
}

fn known(name: &str, held: &[Kind]) -> Result<Kind, String> {
    let name_shown = clip(name, 60);
    let kind =
        Kind::parse(name).ok_or_else(|| format!("the kind {name_shown:?} is not read; remove the line"))?;
    if held.contains(&kind) {
        Ok(kind)
    } else {
        Err(format!(
            "{kind} is not among the kinds of the header; add it there, or remove the line"
        ))
    }
}

/// Where in the line serde_json stopped.
pub(super) fn column(error: &serde_json::Error) -> Option<usize> {
    (error.column() > 0).then(|| error.column())
}

/// What serde_json says, without `at line 1 column 7`: the place says that.
pub(super) fn said(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let said = said.rsplit_once(" at line ").map_or(&*said, |(said, _)| said);
    clip(said, MAX_SAID)
}

fn not_a_line(error: &serde_json::Error) -> String {
    let said = said(error);
    if error.is_eof() {
        return format!("cut off ({said}); mend or remove the line");
    }
    format!("not an event: {said}; mend or remove the line")
}
