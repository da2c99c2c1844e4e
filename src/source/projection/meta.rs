//! `metadata`: the few fields that are read of it. `managedFields` is skipped without being looked at.

use std::borrow::Cow;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess};

use super::loose::{Loose, Read, Shape, Struct, Text};
use super::path::{Path, Problems};
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::selector::Labels;
use crate::model::workload::Controller;

/// The prefix of the annotations that are read; all others are skipped.
pub(super) const OWN_PREFIX: &str = "plimsoll.dev/";

/// `metadata`, with the part `L` of its labels.
#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    rename_all = "camelCase",
    bound(deserialize = "L: Shape<'de> + Default")
)]
pub(super) struct Meta<'a, L> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) namespace: Text<'a>,
    #[serde(borrow)]
    pub(super) uid: Text<'a>,
    #[serde(borrow)]
    pub(super) resource_version: Text<'a>,
    #[serde(borrow)]
    pub(super) creation_timestamp: Text<'a>,
    #[serde(borrow)]
    pub(super) deletion_timestamp: Text<'a>,
    pub(super) generation: Loose<i64>,
    #[serde(borrow)]
    pub(super) owner_references: Loose<Controlling<'a>>,
    pub(super) annotations: Loose<OwnAnnotations>,
    pub(super) labels: Loose<L>,
}

/// The one empty name: tolerations alone have a few in every pod.
static EMPTY: LazyLock<Name> = LazyLock::new(|| Name::from(""));

/// A shared copy.
pub(super) fn shared(text: &str) -> Name {
    if text.is_empty() {
        Name::clone(&EMPTY)
    } else {
        Name::from(text)
    }
}

/// A string's shared copy; empty when it is absent.
pub(super) fn name(text: Text<'_>) -> Name {
    shared(text.ok().as_deref().unwrap_or_default())
}

/// A stamp of the API server; `None` when it is absent or cannot be read.
pub(super) fn stamp(text: Text<'_>) -> Option<Timestamp> {
    text.ok()?.parse().ok()
}

/// Who an object is.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "operator"),
    allow(dead_code, reason = "only watchers ask who it is")
)]
pub(crate) struct Identity<'a> {
    /// `metadata.name`; `None` when it is absent, empty or no string.
    pub(crate) name: Option<Name>,
    /// `metadata.namespace`; empty when absent.
    pub(crate) namespace: Name,
    /// `metadata.uid`; empty when absent.
    pub(crate) uid: Cow<'a, str>,
    /// `metadata.resourceVersion`.
    pub(crate) resource_version: Option<Cow<'a, str>>,
}

impl<'a> Identity<'a> {
    /// Takes what names the object out of its metadata.
    pub(super) fn take<L>(meta: &mut Meta<'a, L>, problems: &mut Problems) -> Self {
        let path = Path::Root.key("metadata");
        let name = std::mem::take(&mut meta.name).take(path.key("name"), problems);
        let namespace = std::mem::take(&mut meta.namespace).take(path.key("namespace"), problems);
        Identity {
            name: name
                .filter(|name| !name.is_empty())
                .map(|name| Name::from(&*name)),
            namespace: shared(namespace.as_deref().unwrap_or_default()),
            uid: std::mem::take(&mut meta.uid).ok().unwrap_or_default(),
            resource_version: std::mem::take(&mut meta.resource_version).ok(),
        }
    }

    /// Its key as an object of `kind`; `None` without a name.
    pub(super) fn key(&self, kind: Kind) -> Option<ObjectKey> {
        let name = self.name.clone()?;
        Some(ObjectKey {
            kind,
            namespace: self.namespace.clone(),
            name,
        })
    }
}

/// Labels that nobody reads.
#[derive(Debug, Default)]
pub(super) struct Skipped;

impl Shape<'_> for Skipped {
    const EXPECTED: &'static str = "a map";
}

/// A map of strings: labels, a Service's selector.
#[derive(Debug, Default)]
pub(super) struct Strings<'a>(Vec<(Cow<'a, str>, Text<'a>)>);

impl<'de: 'a, 'a> Shape<'de> for Strings<'a> {
    const EXPECTED: &'static str = "a map of strings";

    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Read<Self>, A::Error> {
        let mut strings = Vec::new();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let value = map.next_value::<Text<'de>>()?;
            if let Some(key) = key.ok() {
                strings.push((key, value));
            }
        }
        Ok(Some(Ok(Strings(strings))))
    }
}

impl<'a> Loose<Strings<'a>> {
    /// As labels. A `null` is an empty value, as the API server's decoder has it.
    pub(super) fn labels(self, path: Path<'_>, problems: &mut Problems) -> Labels {
        let Some(Strings(strings)) = self.take(path, problems) else {
            return Labels::default();
        };
        let mut label = |(key, value): (Cow<'a, str>, Text<'a>)| {
            let value = value.field(path.key(&key), problems);
            (!value.is_invalid()).then(|| {
                let value = value.get().map_or("", |value| value);
                (Name::from(&*key), Name::from(value))
            })
        };
        strings.into_iter().filter_map(&mut label).collect()
    }

    /// One label's value.
    pub(super) fn one(self, wanted: &str) -> Option<Name> {
        let Strings(strings) = self.ok()?;
        let (_, value) = strings.into_iter().find(|(key, _)| key == wanted)?;
        Some(Name::from(&*value.ok()?))
    }
}

/// The label that says which revision of its workload a pod belongs to.
#[derive(Debug, Default)]
pub(super) struct Revision<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Shape<'de> for Revision<'a> {
    const EXPECTED: &'static str = "a map of strings";

    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Read<Self>, A::Error> {
        let mut revision = None;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match key.ok().as_deref() {
                Some("pod-template-hash" | "controller-revision-hash") => {
                    revision = map.next_value::<Text<'de>>()?.ok().or(revision);
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Some(Ok(Revision(revision))))
    }
}

impl Revision<'_> {
    pub(super) fn name(self) -> Option<Name> {
        self.0.map(|text| Name::from(&*text))
    }
}

/// The annotations under `plimsoll.dev/`, sorted by key.
#[derive(Debug, Default)]
pub(super) struct OwnAnnotations(pub(super) Vec<(Name, Name)>);

impl<'de> Shape<'de> for OwnAnnotations {
    const EXPECTED: &'static str = "a map of strings";

    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Read<Self>, A::Error> {
        let mut own = Vec::new();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match key.ok() {
                Some(key) if key.starts_with(OWN_PREFIX) => {
                    if let Some(value) = map.next_value::<Text<'de>>()?.ok() {
                        own.push((Name::from(&*key), Name::from(&*value)));
                    }
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        own.sort();
        Ok(Some(Ok(OwnAnnotations(own))))
    }
}

/// The owner reference with `controller: true`.
#[derive(Debug, Default)]
pub(super) struct Controlling<'a>(Option<OwnerReference<'a>>);

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct OwnerReference<'a> {
    #[serde(borrow)]
    api_version: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    controller: Loose<bool>,
}

impl<'de: 'a, 'a> Shape<'de> for Controlling<'a> {
    const EXPECTED: &'static str = "a list";

    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Read<Self>, A::Error> {
        let mut found = None;
        while let Some(item) = list.next_element::<Struct<OwnerReference<'de>>>()? {
            let reference = item.fields_or_default();
            if matches!(reference.controller, Loose::Set(true)) {
                found = Some(reference);
            }
        }
        Ok(Some(Ok(Controlling(found))))
    }
}

impl Loose<Controlling<'_>> {
    pub(super) fn controller(self) -> Option<Controller> {
        let Controlling(reference) = self.ok()?;
        let reference = reference?;
        Some(Controller {
            api_version: name(reference.api_version),
            kind: name(reference.kind),
            name: name(reference.name),
        })
    }
}
