//! `metadata`: the few fields that are read of it. `managedFields` is skipped without being looked at.

use std::borrow::Cow;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess};

use super::keys::{is_kedas, is_read};
use super::loose::{Loose, MAX_ITEMS, Read, Shape, Struct, Text, quoted, too_many};
use super::path::{Path, Problems};
use crate::model::field::Field;
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::selector::{Labels, is_dns_label, is_dns_subdomain, is_label_key, is_label_value};
use crate::model::workload::Controller;

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
    #[serde(borrow)]
    pub(super) annotations: Loose<Annotations<'a>>,
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
    pub(super) fn take<L: Part>(meta: &mut Meta<'a, L>, problems: &mut Problems) -> Self {
        let path = Path::Root.key("metadata");
        let name = std::mem::take(&mut meta.name).take(path.key("name"), problems);
        if let Some(name) = name.as_deref().filter(|name| !is_dns_subdomain(name)) {
            let found = quoted(name);
            let message = format!("{found} can't be a name; use up to 253 small letters, digits, `-` or `.`");
            problems.add(path.key("name"), message);
        }
        let namespace = std::mem::take(&mut meta.namespace).take(path.key("namespace"), problems);
        let namespace = namespace.filter(|namespace| !namespace.is_empty());
        if let Some(namespace) = namespace.as_deref().filter(|name| !is_dns_label(name)) {
            let found = quoted(namespace);
            let message =
                format!("{found} can't be a namespace's name; use up to 63 small letters, digits or `-`");
            problems.add(path.key("namespace"), message);
        }
        meta.labels.refuse(problems);
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

/// A part of the labels.
pub(super) trait Part: Sized {
    /// Notes the labels that the API server would refuse, where nobody else looks at them.
    fn refuse(_: &mut Loose<Self>, _: &mut Problems) {}
}

impl<L: Part> Loose<L> {
    fn refuse(&mut self, problems: &mut Problems) {
        L::refuse(self, problems);
    }
}

/// Labels that nobody reads.
#[derive(Debug, Default)]
pub(super) struct Skipped<'a>(Strings<'a>);

impl<'de: 'a, 'a> Shape<'de> for Skipped<'a> {
    const EXPECTED: &'static str = Strings::EXPECTED;

    fn from_map<A: MapAccess<'de>>(map: A) -> Result<Read<Self>, A::Error> {
        Ok(Strings::from_map(map)?.map(|strings| strings.map(Skipped)))
    }
}

impl Part for Skipped<'_> {
    fn refuse(labels: &mut Loose<Self>, problems: &mut Problems) {
        let path = Path::Root.key("metadata");
        let path = path.key("labels");
        if let Some(Skipped(strings)) = std::mem::take(labels).take(path, problems) {
            Loose::Set(strings).labels(path, problems);
        }
    }
}

/// A map of strings: labels, a Service's selector.
#[derive(Debug, Default)]
pub(super) struct Strings<'a>(Vec<(Cow<'a, str>, Text<'a>)>);

impl Part for Strings<'_> {}

impl<'de: 'a, 'a> Shape<'de> for Strings<'a> {
    const EXPECTED: &'static str = "a map of strings";

    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Read<Self>, A::Error> {
        // Pods have about so many labels, and every pod event comes here.
        let mut strings = Vec::with_capacity(8);
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let value = map.next_value::<Text<'de>>()?;
            if strings.len() == MAX_ITEMS {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(Some(Err(too_many())));
            }
            strings.extend(key.ok().map(|key| (key, value)));
        }
        Ok(Some(Ok(Strings(strings))))
    }
}

impl<'a> Loose<Strings<'a>> {
    /// As labels. A `null` is an empty value, as the API server's decoder has it. What cannot be a label is noted and
    /// kept: whatever selects it does so all the same.
    pub(super) fn labels(self, path: Path<'_>, problems: &mut Problems) -> Labels {
        let Some(Strings(strings)) = self.take(path, problems) else {
            return Labels::default();
        };
        let mut label = |(key, value): (Cow<'a, str>, Text<'a>)| {
            let path = path.key(&key);
            if !is_label_key(&key) {
                let rule = "use up to 63 letters, digits, `-`, `_` or `.`, after an optional `domain/`";
                problems.add(path, format!("can't be a label's key; {rule}"));
            }
            let value = match value.field(path, problems) {
                Field::Set(value) => value,
                Field::Absent => Cow::default(),
                Field::Invalid => return None,
            };
            if !is_label_value(&value) {
                let rule = "use up to 63 letters, digits, `-`, `_` or `.`, the first and the last no sign";
                let found = quoted(&value);
                problems.add(path, format!("{found} can't be a label's value; {rule}"));
            }
            Some((Name::from(&*key), Name::from(&*value)))
        };
        strings.into_iter().filter_map(&mut label).collect()
    }

    /// One label's value.
    pub(super) fn one(&self, wanted: &str) -> Option<&str> {
        let Loose::Set(Strings(strings)) = self else {
            return None;
        };
        let (_, value) = strings.iter().find(|(key, _)| key == wanted)?;
        value.get()
    }

    /// Which revision of its workload a pod with these labels belongs to.
    pub(super) fn revision(&self) -> Option<Name> {
        let revision = self.one("pod-template-hash");
        revision
            .or_else(|| self.one("controller-revision-hash"))
            .map(Name::from)
    }
}

/// The annotations that are read ([`is_read`], [`is_kedas`]), and those that are no strings.
#[derive(Debug, Default)]
pub(super) struct Annotations<'a>(Strings<'a>);

impl<'de: 'a, 'a> Shape<'de> for Annotations<'a> {
    const EXPECTED: &'static str = Strings::EXPECTED;

    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Read<Self>, A::Error> {
        let mut own = Vec::new();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let key = key.ok().unwrap_or_default();
            let value = if is_read(&key) || is_kedas(&key) {
                map.next_value::<Text<'de>>()?
            } else {
                match map.next_value::<Loose<Unread>>()? {
                    Loose::Wrong(why) => Loose::Wrong(why),
                    _ => continue,
                }
            };
            if own.len() == MAX_ITEMS {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(Some(Err(too_many())));
            }
            own.push((key, value));
        }
        Ok(Some(Ok(Annotations(Strings(own)))))
    }
}

impl Loose<Annotations<'_>> {
    /// One annotation's value, if it is read.
    pub(super) fn one(&self, wanted: &str) -> Option<&str> {
        let Loose::Set(Annotations(Strings(strings))) = self else {
            return None;
        };
        let (_, value) = strings.iter().find(|(key, _)| key == wanted)?;
        value.get()
    }

    /// Those of the annotations at `path` that are read, sorted by key.
    pub(super) fn own(self, path: Path<'_>, problems: &mut Problems) -> Vec<(Name, Name)> {
        self.those(is_read, path, problems)
    }

    /// Those of KEDA, sorted by key.
    pub(super) fn keda(self, path: Path<'_>, problems: &mut Problems) -> Vec<(Name, Name)> {
        self.those(is_kedas, path, problems)
    }

    fn those(self, wanted: fn(&str) -> bool, path: Path<'_>, problems: &mut Problems) -> Vec<(Name, Name)> {
        let Annotations(Strings(strings)) = self.take(path, problems).unwrap_or_default();
        let mut own = Vec::new();
        for (key, value) in strings {
            if let Some(value) = value.take(path.key(&key), problems)
                && wanted(&key)
            {
                own.push((Name::from(&*key), Name::from(&*value)));
            }
        }
        own.sort();
        own
    }
}

/// A string that nobody reads.
struct Unread;

impl<'de> Shape<'de> for Unread {
    const EXPECTED: &'static str = <Cow<'static, str>>::EXPECTED;

    fn from_text(_: Cow<'de, str>) -> Result<Self, String> {
        Ok(Unread)
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
    /// Whether something controls the object.
    pub(super) fn is_there(&self) -> bool {
        matches!(self, Loose::Set(Controlling(Some(_))))
    }

    pub(super) fn controller(self, problems: &mut Problems) -> Option<Controller> {
        let path = Path::Root.key("metadata");
        let Controlling(reference) = self.take(path.key("ownerReferences"), problems)?;
        let reference = reference?;
        Some(Controller {
            api_version: name(reference.api_version),
            kind: name(reference.kind),
            name: name(reference.name),
        })
    }
}
