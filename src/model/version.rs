//! Which version a pod runs, as far as it says so, and whether that is one that somebody asks for.
//!
//! Versions are those of Semantic Versioning 2.0.0, with all three numbers; a leading `v` is passed over. They are compared
//! by its precedence, so what stands after a `+` does not count, and `2.3.0-rc.1` is before `2.3.0`.

use std::fmt;

use semver::{BuildMetadata, Comparator, Op, Prerelease, Version};

use super::keys::Name;
use super::text::{clip, inert};

/// The annotation of a pod (or of a pod template) that says its version, before anything else does.
pub const VERSION_ANNOTATION: &str = "plimsoll.dev/version";
/// The label that says it otherwise: one of those that Kubernetes recommends.
pub const VERSION_LABEL: &str = "app.kubernetes.io/version";

/// Longest version that is kept, characters.
const TEXT_MAX: usize = 64;

/// What a pod says of its version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PodVersion {
    /// As it stands there; clipped, without characters that steer a terminal.
    pub text: Name,
    /// What says so.
    pub source: VersionSource,
}

/// What says a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VersionSource {
    /// The annotation `plimsoll.dev/version`: whatever it says was meant.
    Annotation,
    /// The label `app.kubernetes.io/version`.
    Label,
    /// The tag of the first container's image.
    ImageTag,
}

impl PodVersion {
    /// The version of a pod with this annotation and label, whose first app container runs this image. The annotation goes
    /// before the label, that before the tag; a label or a tag that is no version says nothing (`latest`, a commit's hash,
    /// a moving `1.25`). An annotation that is none is kept: it hides what the others say, and nobody can tell the version.
    #[must_use]
    pub fn of(annotation: Option<&str>, label: Option<&str>, image: Option<&str>) -> Option<Self> {
        let said = |text: &str, source| PodVersion {
            text: inert(&clip(text.trim(), TEXT_MAX)).into(),
            source,
        };
        if let Some(text) = annotation {
            return Some(said(text, VersionSource::Annotation));
        }
        let label = label.filter(|text| parse(text).is_some());
        let tag = || image.and_then(tag).filter(|text| parse(text).is_some());
        label
            .map(|text| said(text, VersionSource::Label))
            .or_else(|| tag().map(|text| said(text, VersionSource::ImageTag)))
    }

    /// Whether it is what is asked for; `None` when that cannot be told.
    #[must_use]
    pub fn satisfies(&self, asked: &[Comparator]) -> Option<bool> {
        let version = parse(&self.text)?;
        let all = |version: &Version| asked.iter().all(|one| matches(one, version));
        // `2.3.0-alpine` is a variant of 2.3.0, `2.3.0-rc.1` is before it: the tag alone does not say which it means.
        if self.source == VersionSource::ImageTag && !version.pre.is_empty() {
            let variant = Version {
                pre: Prerelease::EMPTY,
                ..version.clone()
            };
            let as_variant = all(&variant);
            return (as_variant == all(&version)).then_some(as_variant);
        }
        Some(all(&version))
    }
}

impl fmt::Display for PodVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A version with all three numbers, with or without a leading `v`.
fn parse(text: &str) -> Option<Version> {
    let text = text.trim();
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}

/// The tag of an image's name: `registry:5000/shop/web:1.2.3@sha256:…` → `1.2.3`.
fn tag(image: &str) -> Option<&str> {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let last = name.rsplit('/').next()?;
    last.split_once(':').map(|(_, tag)| tag)
}

/// Whether a version is one that a comparator means.
///
/// A shortened number stands for all that begin so: `>1.8` begins at 1.9.0, `<=1.8` ends with the last 1.8, `=1.8` is any
/// 1.8. What is before a release that is the limit is neither from it on nor before it: with `<2` nobody asks for
/// `2.0.0-rc.1`.
fn matches(asked: &Comparator, version: &Version) -> bool {
    let from = |(major, minor, patch): (u64, u64, u64)| Version {
        pre: asked.pre.clone(),
        ..Version::new(major, minor, patch)
    };
    let least = from((asked.major, asked.minor.unwrap_or(0), asked.patch.unwrap_or(0)));
    let next = next(asked);
    let at_least = |least: &Version| version.cmp_precedence(least).is_ge();
    let below = |limit: &Version| {
        let before_release = Version {
            pre: Prerelease::EMPTY,
            build: BuildMetadata::EMPTY,
            ..version.clone()
        };
        let is_before_it = limit.pre.is_empty() && !version.pre.is_empty() && before_release == *limit;
        version.cmp_precedence(limit).is_lt() && !is_before_it
    };
    match asked.op {
        Op::Exact | Op::Wildcard if asked.patch.is_some() => version.cmp_precedence(&least).is_eq(),
        Op::Exact | Op::Wildcard => at_least(&least) && below_next(next.as_ref(), below),
        Op::GreaterEq => at_least(&least),
        Op::Greater if asked.patch.is_some() => version.cmp_precedence(&least).is_gt(),
        Op::Greater => next.is_some_and(|next| at_least(&next)),
        Op::Less => below(&least),
        Op::LessEq if asked.patch.is_some() => version.cmp_precedence(&least).is_le(),
        Op::LessEq => below_next(next.as_ref(), below),
        Op::Tilde => {
            let end = match asked.minor {
                Some(minor) => minor
                    .checked_add(1)
                    .map(|minor| Version::new(asked.major, minor, 0)),
                None => asked.major.checked_add(1).map(|major| Version::new(major, 0, 0)),
            };
            at_least(&least) && below_next(end.as_ref(), below)
        }
        Op::Caret => at_least(&least) && below_next(incompatible(asked).as_ref(), below),
        // No other operator is read: see `Comparator::parse`.
        _ => false,
    }
}

/// Below a limit; there is none where numbers end.
fn below_next(limit: Option<&Version>, below: impl Fn(&Version) -> bool) -> bool {
    limit.is_none_or(below)
}

/// The first version that does not begin like a shortened one.
fn next(asked: &Comparator) -> Option<Version> {
    match (asked.minor, asked.patch) {
        (None, _) => Some(Version::new(asked.major.checked_add(1)?, 0, 0)),
        (Some(minor), None) => Some(Version::new(asked.major, minor.checked_add(1)?, 0)),
        (Some(minor), Some(patch)) => Some(Version::new(asked.major, minor, patch.checked_add(1)?)),
    }
}

/// The first version that may break what worked with a `^` one: its first number that is not 0 goes up.
fn incompatible(asked: &Comparator) -> Option<Version> {
    match (asked.major, asked.minor, asked.patch) {
        (0, Some(0), Some(patch)) => Some(Version::new(0, 0, patch.checked_add(1)?)),
        (0, Some(minor), _) => Some(Version::new(0, minor.checked_add(1)?, 0)),
        (major, ..) => Some(Version::new(major.checked_add(1)?, 0, 0)),
    }
}

#[cfg(test)]
mod tests;
