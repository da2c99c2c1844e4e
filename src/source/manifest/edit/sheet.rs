//! One document of a text, and all that is to be changed in it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::collect::DEFAULT_NAMESPACE;
use super::super::document::Document;
use super::super::json::offset;
use super::super::versions::{Served, served};
use super::layout::{self, Content, Node};
use super::merge::{join, merge};
use super::place::{Change, apply};
use super::plan::Planner;
use super::style::Style;
use crate::model::config::ClusterVersion;
use crate::model::keys::{Kind, ObjectKey};

/// What is said where a change would not be what it should.
const UNSAFE: &str =
    "the object is written so that it cannot be changed without changing something else; change it by hand";

/// A document and how it is written.
pub(super) struct Sheet<'t> {
    document: Document<'t>,
    root: Node<'t>,
    pub(super) style: Style,
    /// Where it begins in its text.
    from: usize,
}

/// A patch of an object in a document.
pub(super) struct Job<'p> {
    /// The patch's number.
    pub(super) number: usize,
    pub(super) kind: &'static str,
    /// The object, as an item of a List; `None` = the document itself.
    pub(super) item: Option<usize>,
    pub(super) patch: &'p Value,
}

/// All that becomes of one object.
struct Whole<'p> {
    kind: &'static str,
    item: Option<usize>,
    jobs: Vec<&'p Job<'p>>,
    patch: Value,
    changes: Vec<Change>,
}

impl<'t> Sheet<'t> {
    /// `None` for what cannot be read.
    pub(super) fn read(text: &str, document: Document<'t>) -> Option<Self> {
        let root = layout::read(document.text())?;
        Some(Sheet {
            style: Style::of(document.text(), &root),
            from: offset(text, document.text()),
            document,
            root,
        })
    }

    /// The objects in it: itself, or the items of a List.
    pub(super) fn objects(&self) -> Vec<(ObjectKey, Option<usize>)> {
        let kind = self.root.get("kind").and_then(Node::text).unwrap_or_default();
        let version = self
            .root
            .get("apiVersion")
            .and_then(Node::text)
            .unwrap_or_default();
        match (kind.strip_suffix("List"), self.root.get("items")) {
            (Some(of), Some(items)) => {
                let key = |(at, item)| Some((key(item, of, version)?, Some(at)));
                items.items().iter().enumerate().filter_map(key).collect()
            }
            _ => key(&self.root, "", "")
                .map(|key| (key, None))
                .into_iter()
                .collect(),
        }
    }

    fn object(&self, item: Option<usize>) -> Option<&Node<'t>> {
        match item {
            None => Some(&self.root),
            Some(at) => self.root.get("items")?.items().get(at),
        }
    }

    /// The changes of the whole text that make these patches, as far as they can be made.
    pub(super) fn patch(
        &self,
        jobs: &[Job<'_>],
        outcomes: &mut [Result<Option<usize>, String>],
    ) -> Vec<Change> {
        if let (Some(found), false) = (self.document.template(), jobs.is_empty()) {
            let why = format!(
                "line {} is a template, which a program writes over; change the template by hand",
                found.line
            );
            for job in jobs {
                outcomes[job.number] = Err(why.clone());
            }
            return Vec::new();
        }
        let mut wholes: Vec<Whole<'_>> = Vec::new();
        let mut by_item: BTreeMap<Option<usize>, usize> = BTreeMap::new();
        for job in jobs {
            let at = *by_item.entry(job.item).or_insert_with(|| {
                wholes.push(Whole {
                    kind: job.kind,
                    item: job.item,
                    jobs: Vec::new(),
                    patch: Value::Object(serde_json::Map::new()),
                    changes: Vec::new(),
                });
                wholes.len() - 1
            });
            outcomes[job.number] = self.plan(&mut wholes[at], job);
        }
        let mut refuse = |whole: &Whole<'_>| {
            for job in &whole.jobs {
                outcomes[job.number] = Err(UNSAFE.to_owned());
            }
        };
        if !self.holds(&wholes.iter().collect::<Vec<_>>()) {
            wholes.retain(|whole| {
                let holds = self.holds(&[whole]);
                if !holds {
                    refuse(whole);
                }
                holds
            });
            if !self.holds(&wholes.iter().collect::<Vec<_>>()) {
                wholes.iter().for_each(&mut refuse);
                wholes.clear();
            }
        }
        let mut changes: Vec<Change> = wholes.into_iter().flat_map(|whole| whole.changes).collect();
        for change in &mut changes {
            change.bytes = change.bytes.start + self.from..change.bytes.end + self.from;
        }
        changes
    }

    /// Adds a patch to those of its object. Where its first change is in the whole text.
    fn plan<'p>(&self, whole: &mut Whole<'p>, job: &'p Job<'p>) -> Result<Option<usize>, String> {
        let object = self.object(job.item).ok_or_else(|| UNSAFE.to_owned())?;
        let plan = |patch: &Value| Planner::plan(self.document.text(), &self.style, job.kind, object, patch);
        let joined = join(&whole.patch, job.patch)
            .map_err(|path| format!("{path} is set otherwise by another remedy; run --fix again"))?;
        let changes = plan(&joined)?;
        let first = plan(job.patch)?
            .iter()
            .map(|change| change.bytes.start + self.from)
            .min();
        whole.jobs.push(job);
        (whole.patch, whole.changes) = (joined, changes);
        Ok(first)
    }

    /// Whether the document, so changed, reads as what it was with the patches merged into it.
    fn holds(&self, wholes: &[&Whole<'_>]) -> bool {
        let mut changes: Vec<Change> = wholes.iter().flat_map(|whole| whole.changes.clone()).collect();
        if changes.is_empty() {
            return true;
        }
        let expected = || {
            let mut expected = self.document.value()?;
            for whole in wholes {
                let object = match whole.item {
                    None => &mut expected,
                    Some(at) => expected.get_mut("items")?.get_mut(at)?,
                };
                merge(object, &whole.patch, &mut vec![whole.kind]);
            }
            Some(expected)
        };
        let text = apply(self.document.text(), &mut changes);
        let found = text.and_then(|text| self.document.rewritten(&text).value());
        found.is_some() && found == expected()
    }
}

/// Which object a node is; a typed List's items need not say what the List says.
fn key(object: &Node<'_>, kind_of_list: &str, version_of_list: &str) -> Option<ObjectKey> {
    let text = |node: &Node<'_>, field: &str| node.get(field).and_then(Node::text).map(str::to_owned);
    if !matches!(object.content, Content::Map { .. }) {
        return None;
    }
    let kind = Kind::parse(&text(object, "kind").unwrap_or_else(|| kind_of_list.to_owned()))?;
    let version = text(object, "apiVersion").unwrap_or_else(|| version_of_list.to_owned());
    if served(&version, kind, ClusterVersion::NEWEST) == Served::Foreign {
        return None;
    }
    let metadata = object.get("metadata")?;
    let namespace = text(metadata, "namespace").filter(|namespace| !namespace.is_empty());
    let name = text(metadata, "name")?;
    Some(ObjectKey::new(
        kind,
        &*namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()),
        &*name,
    ))
}
