//! Labels, and the selectors that pick objects by them.
//!
//! The full LabelSelector language, as apimachinery judges it: `LabelSelectorAsSelector` in
//! `pkg/apis/meta/v1/helpers.go`, `NewRequirement` and `Requirement.Matches` in `pkg/labels/selector.go`, key and value
//! syntax in `pkg/api/validate/content/kube.go`.
//!
//! ```text
//! matchLabels:      {key: value}                        equal
//! matchExpressions: {key, operator: In,    values}      present, and one of the values
//!                   {key, operator: NotIn, values}      absent, or none of the values
//!                   {key, operator: Exists}             present
//!                   {key, operator: DoesNotExist}       absent
//! ```
//!
//! All requirements must hold. An empty selector therefore selects everything; an *absent* one selects nothing in most
//! of the API, which is the holder's to say: `Option<LabelSelector>`, judged as
//! `selector.is_some_and(|selector| selector.matches(labels))`.

use std::fmt;
use std::mem;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};
use thiserror::Error;

/// The labels of one object: each key once, sorted; 16 bytes and no allocation when there are none.
///
/// Equal sets compare and hash alike, so that a set that thousands of pods carry can be kept once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Labels(Box<[(Arc<str>, Arc<str>)]>);

/// Up to so many, comparing for equality with each is cheaper than ordering a few.
const FEW: usize = 12;

impl Labels {
    /// The value of `key`, which may be empty; `None` when the label is absent.
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = if self.0.len() <= FEW {
            self.0.iter().position(|(known, _)| **known == *key)?
        } else {
            self.0.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?
        };
        Some(&self.0[at].1)
    }

    /// Keys and values, by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Into<Arc<str>>, V: Into<Arc<str>>> FromIterator<(K, V)> for Labels {
    /// In any order; of a key that comes twice the last value counts, as in a map.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut labels: Vec<(Arc<str>, Arc<str>)> = pairs
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        labels.sort_by(|(a, _), (b, _)| a.cmp(b));
        labels.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                mem::swap(&mut later.1, &mut kept.1);
            }
            same
        });
        Self(labels.into_boxed_slice())
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    /// From a map of strings; a null map is empty, a null value is `""`, as the API server reads them.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LabelsVisitor)
    }
}

struct LabelsVisitor;

impl<'de> Visitor<'de> for LabelsVisitor {
    type Value = Labels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of label keys to strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(0).min(64));
        while let Some((key, value)) = map.next_entry::<Arc<str>, Option<Arc<str>>>()? {
            pairs.push((key, value.unwrap_or_default()));
        }
        Ok(pairs.into_iter().collect())
    }

    fn visit_unit<E>(self) -> Result<Labels, E> {
        Ok(Labels::default())
    }
}

/// Why a selector selects nothing that could be named: the API server refuses it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelectorError {
    /// The operator is none of the four.
    #[error(
        "selector on {key:?} has the unknown operator {operator:?}: use In, NotIn, Exists or DoesNotExist"
    )]
    UnknownOperator {
        /// The label that it looks at.
        key: Box<str>,
        /// As it was written; operators are case-sensitive.
        operator: Box<str>,
    },
    /// `In` or `NotIn` without values.
    #[error(
        "selector on {key:?} with {operator} has no values: list at least one, or use Exists or DoesNotExist"
    )]
    NoValues {
        /// The label that it looks at.
        key: Box<str>,
        /// `In` or `NotIn`.
        operator: Box<str>,
    },
    /// `Exists` or `DoesNotExist` with values.
    #[error("selector on {key:?} with {operator} has values: remove them, or use In or NotIn")]
    UnwantedValues {
        /// The label that it looks at.
        key: Box<str>,
        /// `Exists` or `DoesNotExist`.
        operator: Box<str>,
    },
    /// No label can have this key.
    #[error(
        "selector on {0:?}, which can't be a label's key: use up to 63 letters, digits, `-`, `_` or `.`, after an optional `domain/`"
    )]
    InvalidKey(Box<str>),
    /// No label can have this value.
    #[error(
        "selector on {key:?} asks for {value:?}, which can't be a label's value: use up to 63 letters, digits, `-`, `_` or `.`"
    )]
    InvalidValue {
        /// The label that it looks at.
        key: Box<str>,
        /// The value that can't be.
        value: Box<str>,
    },
}

/// A LabelSelector as it stands in JSON, for whoever must go on after a [`SelectorError`]: whatever has the right shape
/// reads, and `LabelSelector::try_from` judges it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawLabelSelector {
    /// `matchLabels`.
    pub match_labels: Labels,
    /// `matchExpressions`; null is empty.
    pub match_expressions: Option<Vec<RawRequirement>>,
}

/// One of the `matchExpressions`, as it stands in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawRequirement {
    /// The label that it looks at.
    pub key: Arc<str>,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: Box<str>,
    /// For `In` and `NotIn`; null is empty, a null value is `""`.
    pub values: Option<Vec<Option<Arc<str>>>>,
}

/// A valid LabelSelector. Requirements are kept by key, so that two that ask the same in another order are equal.
///
/// The default is empty and selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, serde::Deserialize)]
#[serde(try_from = "RawLabelSelector")]
pub struct LabelSelector(Box<[Requirement]>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Requirement {
    key: Arc<str>,
    test: Test,
}

/// What a requirement asks of its label; lists are sorted and not empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Test {
    Equals(Arc<str>),
    In(Box<[Arc<str>]>),
    NotIn(Box<[Arc<str>]>),
    Exists,
    DoesNotExist,
}

impl LabelSelector {
    /// Whether an object with these labels is selected.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_with(|key| labels.get(key))
    }

    /// Whether an object is selected whose labels are given by their keys.
    pub fn matches_with<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0
            .iter()
            .all(|requirement| requirement.test.holds(label(&requirement.key)))
    }

    /// Whether it asks for this very value of this label, alone or among others (not by leaving others out).
    pub fn asks_for(&self, key: &str, value: &str) -> bool {
        self.0.iter().any(|requirement| {
            let positive = matches!(requirement.test, Test::Equals(_) | Test::In(_));
            *requirement.key == *key && positive && requirement.test.holds(Some(value))
        })
    }

    /// Whether it asks for nothing, and so selects everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels that it looks at, sorted; a key may come twice. Who knows these knows whether it matches.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|requirement| &*requirement.key)
    }

    /// This selector, further narrowed to objects whose `key` is `value`: what `matchLabelKeys` does with the labels of
    /// the incoming pod. Neither is validated, since a label that exists is valid.
    #[must_use]
    pub fn and_exact(self, key: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        let test = Test::In([value.into()].into());
        self.and(Requirement {
            key: key.into(),
            test,
        })
    }

    /// This selector, further narrowed to objects whose `key` is absent or not `value`: what `mismatchLabelKeys` does.
    #[must_use]
    pub fn and_not(self, key: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        let test = Test::NotIn([value.into()].into());
        self.and(Requirement {
            key: key.into(),
            test,
        })
    }

    fn and(self, requirement: Requirement) -> Self {
        let mut requirements = self.0.into_vec();
        requirements.push(requirement);
        Self::from(requirements)
    }
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        let among =
            |values: &[Arc<str>]| value.is_some_and(|value| values.iter().any(|known| **known == *value));
        match self {
            Self::Equals(wanted) => value == Some(&**wanted),
            Self::In(values) => among(values),
            Self::NotIn(values) => !among(values),
            Self::Exists => value.is_some(),
            Self::DoesNotExist => value.is_none(),
        }
    }
}

impl From<Vec<Requirement>> for LabelSelector {
    fn from(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort();
        Self(requirements.into_boxed_slice())
    }
}

/// The selector that `matchLabels` alone makes, for labels that an object has (Services, Deployments of old).
impl From<&Labels> for LabelSelector {
    fn from(labels: &Labels) -> Self {
        let equals = |(key, value): &(Arc<str>, Arc<str>)| Requirement {
            key: Arc::clone(key),
            test: Test::Equals(Arc::clone(value)),
        };
        Self(labels.0.iter().map(equals).collect())
    }
}

impl TryFrom<RawLabelSelector> for LabelSelector {
    type Error = SelectorError;

    fn try_from(raw: RawLabelSelector) -> Result<Self, SelectorError> {
        let exact = raw.match_labels.0.into_vec().into_iter().map(|(key, value)| {
            validate(&key, std::slice::from_ref(&value))?;
            Ok(Requirement {
                key,
                test: Test::Equals(value),
            })
        });
        let expressions = raw
            .match_expressions
            .unwrap_or_default()
            .into_iter()
            .map(Requirement::try_from);
        exact
            .chain(expressions)
            .collect::<Result<Vec<_>, _>>()
            .map(Self::from)
    }
}

impl TryFrom<RawRequirement> for Requirement {
    type Error = SelectorError;

    fn try_from(
        RawRequirement {
            key,
            operator,
            values,
        }: RawRequirement,
    ) -> Result<Self, SelectorError> {
        let mut values: Box<[Arc<str>]> = values
            .unwrap_or_default()
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect();
        values.sort();
        validate(&key, &values)?;
        let named = Box::from(&*key);
        let test = match (&*operator, values.is_empty()) {
            ("In", false) => Test::In(values),
            ("NotIn", false) => Test::NotIn(values),
            ("Exists", true) => Test::Exists,
            ("DoesNotExist", true) => Test::DoesNotExist,
            ("In" | "NotIn", true) => return Err(SelectorError::NoValues { key: named, operator }),
            ("Exists" | "DoesNotExist", false) => {
                return Err(SelectorError::UnwantedValues { key: named, operator });
            }
            _ => return Err(SelectorError::UnknownOperator { key: named, operator }),
        };
        Ok(Self { key, test })
    }
}

fn validate(key: &str, values: &[Arc<str>]) -> Result<(), SelectorError> {
    if !is_label_key(key) {
        return Err(SelectorError::InvalidKey(key.into()));
    }
    match values.iter().find(|value| !is_label_value(value)) {
        Some(value) => Err(SelectorError::InvalidValue {
            key: key.into(),
            value: (**value).into(),
        }),
        None => Ok(()),
    }
}

/// Whether a label can have this key: `[domain/]name`, the domain an RFC 1123 subdomain.
pub fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        None => is_name(key),
        Some((domain, name)) => is_dns_subdomain(domain) && is_name(name),
    }
}

/// Whether a label can have this value, which may be empty.
pub fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_name(value)
}

/// Whether this is an RFC 1123 subdomain, as the names of most objects are: `IsDNS1123Subdomain` in apimachinery.
pub fn is_dns_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.as_bytes().split(|byte| *byte == b'.').all(is_dns_part)
}

/// Whether this is an RFC 1123 label, as the names of namespaces and containers are: `IsDNS1123Label` in apimachinery.
pub fn is_dns_label(name: &str) -> bool {
    name.len() <= 63 && is_dns_part(name.as_bytes())
}

fn is_dns_part(part: &[u8]) -> bool {
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    part.iter().all(inner) && !part.is_empty() && !part.starts_with(b"-") && !part.ends_with(b"-")
}

/// Up to 63 letters, digits, `-`, `_` or `.`, the first and the last a letter or digit.
fn is_name(name: &str) -> bool {
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    name.len() <= 63
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && ends(name.bytes().next())
        && ends(name.bytes().next_back())
}

impl fmt::Display for LabelSelector {
    /// As kubectl prints it, with `<none>` for the empty one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("<none>");
        }
        for (at, Requirement { key, test }) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            match test {
                Test::Equals(value) => write!(f, "{comma}{key}={value}"),
                Test::In(values) => write!(f, "{comma}{key} in ({})", values.join(",")),
                Test::NotIn(values) => write!(f, "{comma}{key} notin ({})", values.join(",")),
                Test::Exists => write!(f, "{comma}{key}"),
                Test::DoesNotExist => write!(f, "{comma}!{key}"),
            }?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
