//! Exemptions: `plimsoll.dev/exempt.<rule>: "reason; until=2027-03-31; containers=a,b"` on a workload or its namespace.
//!
//! The reason is required and comes first; the rest may be left out. It holds until the end of its day in UTC.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use thiserror::Error;

use crate::model::keys::Name;
use crate::model::selector::is_dns_label;
use crate::model::text::clip;

/// What the key of such an annotation begins with; the rule's name follows.
pub const PREFIX: &str = "plimsoll.dev/exempt.";
/// What an exemption looks like, for messages.
pub const FORM: &str = "\"reason; until=2027-03-31; containers=a,b\"";
/// Longest reason that is repeated, characters.
const REASON_MAX: usize = 160;
/// How much of a part that cannot be read is repeated, characters.
const SHOWN: usize = 24;

/// What an exemption says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// Why, in at most 160 characters.
    pub reason: String,
    /// The last day on which it holds; `None` = it has no end.
    pub until: Option<Date>,
    /// Only for these containers; empty = for the workload as a whole.
    pub containers: Vec<String>,
}

/// Why an exemption cannot be read, so that it does not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExemptionError {
    /// There is nothing before the first semicolon.
    #[error("gives no reason")]
    NoReason,
    /// Behind the reason stands something else than `until=` and `containers=`.
    #[error("has a part that is neither until= nor containers=: {0:?}")]
    UnknownPart(String),
    /// One of them is there twice.
    #[error("has {0}= twice")]
    Twice(&'static str),
    /// No date.
    #[error("has an until= that is no date such as 2027-03-31: {0:?}")]
    NoDate(String),
    /// No container can have this name.
    #[error("has a containers= that names no container: {0:?}")]
    NoContainer(String),
}

impl Exemption {
    /// Reads the annotation's value.
    ///
    /// # Errors
    /// [`ExemptionError`], which completes a sentence that begins with the annotation.
    pub fn parse(text: &str) -> Result<Self, ExemptionError> {
        let (reason, parts) = text.split_once(';').unwrap_or((text, ""));
        let reason = reason.trim();
        // Whoever forgot the reason begins with the next part.
        if reason.is_empty() || reason.starts_with("until=") || reason.starts_with("containers=") {
            return Err(ExemptionError::NoReason);
        }
        let mut exemption = Exemption {
            reason: clip(reason, REASON_MAX),
            until: None,
            containers: Vec::new(),
        };
        let parts = parts.split(';').map(str::trim).filter(|part| !part.is_empty());
        for part in parts {
            exemption.part(part)?;
        }
        Ok(exemption)
    }

    fn part(&mut self, part: &str) -> Result<(), ExemptionError> {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match key.trim_end() {
            "until" if self.until.is_some() => Err(ExemptionError::Twice("until")),
            "until" => {
                let date = date(value).ok_or_else(|| ExemptionError::NoDate(clip(value, SHOWN)))?;
                self.until = Some(date);
                Ok(())
            }
            "containers" if !self.containers.is_empty() => Err(ExemptionError::Twice("containers")),
            "containers" => {
                let names = value.split(',').map(str::trim);
                if let Some(wrong) = names.clone().find(|name| !is_dns_label(name)) {
                    return Err(ExemptionError::NoContainer(clip(wrong, SHOWN)));
                }
                self.containers = names.map(str::to_owned).collect();
                Ok(())
            }
            _ => Err(ExemptionError::UnknownPart(clip(part, SHOWN))),
        }
    }

    /// When it ceases to hold: the end of its last day, in UTC. `None` = never.
    #[must_use]
    pub fn ends(&self) -> Option<Timestamp> {
        let next = self.until?.tomorrow().ok()?;
        Some(next.to_zoned(TimeZone::UTC).ok()?.timestamp())
    }

    /// Whether it covers what a rule says of this subject; `None` is the workload as a whole.
    #[must_use]
    pub fn covers(&self, subject: Option<&str>) -> bool {
        let named = |subject: &str| self.containers.iter().any(|name| name == subject);
        self.containers.is_empty() || subject.is_some_and(named)
    }
}

/// `2027-03-31`, and nothing that only looks like a date.
fn date(text: &str) -> Option<Date> {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_date = text.len() == "2027-03-31".len() && text.split('-').all(digits);
    is_date.then(|| text.parse().ok())?
}

/// The exemptions among annotations: the rule's name and the value, by name.
pub fn among(annotations: &[(Name, Name)]) -> impl Iterator<Item = (&str, &str)> {
    annotations
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(PREFIX)?, &**value)))
}

#[cfg(test)]
mod tests;
