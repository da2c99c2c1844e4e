//! Documents in, objects out: which kind it is, what is wrong with it, whether it was there before.

use std::sync::Arc;

use hashbrown::HashMap;

use super::document::{Broken, Document, NOT_RENDERED, documents};
use super::files::Text;
use super::tree::{Node, Tree};
use super::versions::{Served, served, unknown_kind};
use super::{InputError, Manifests, Note, Place, Source};
use crate::model::config::ClusterVersion;
use crate::model::field::{Field, FieldProblem};
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::object::Object;
use crate::model::selector::LabelSelector;
use crate::model::text::clip;
use crate::source::projection::{self, ProjectionError};

/// The namespace of an object that names none, as `kubectl` has it.
pub(super) const DEFAULT_NAMESPACE: &str = "default";

/// How many errors are told of one file: who has mended so many can look again.
const MAX_ERRORS: usize = 100;

/// The longest key of an object that Kubernetes would take, with its kind.
const MAX_KEY: usize = 343;

fn push(errors: &mut Vec<InputError>, place: Place, message: impl Into<String>) {
    let message = match errors.len() {
        0..MAX_ERRORS => message.into(),
        MAX_ERRORS => "is in error too, as may be more from here on; mend the others first".to_owned(),
        _ => return,
    };
    errors.push(InputError { place, message });
}

/// Puts together what was read of each text, in their order.
#[derive(Default)]
pub(super) struct Collector {
    pub(super) manifests: Manifests,
    /// Where in `manifests.objects` each object stands.
    known: HashMap<ObjectKey, usize>,
}

/// Reads one text.
struct Reader<'t> {
    version: ClusterVersion,
    text: &'t Text,
    found: Manifests,
}

/// Where an object stands.
#[derive(Clone, Copy)]
struct At<'a> {
    text: &'a Text,
    document: Document<'a>,
    object: Node<'a>,
    line: usize,
}

impl<'a> At<'a> {
    /// The root of a document.
    fn root(text: &'a Text, document: Document<'a>, tree: &'a Tree<'a>) -> Self {
        At {
            text,
            document,
            object: tree.root(),
            line: document.first_line(),
        }
    }

    fn place(&self, line: usize, column: Option<usize>) -> Place {
        Place {
            file: Some(file_of(self.text, self.document)),
            line: Some(line),
            column,
        }
    }

    /// The place of a field of the object, or its first line.
    fn field(&self, field: &str) -> Place {
        let (line, column) = self.document.locate(self.object, field);
        self.place(line, Some(column))
    }
}

/// The file that a document comes from.
fn file_of(text: &Text, document: Document<'_>) -> Arc<str> {
    match text.made_by {
        None => text.file.clone(),
        Some(maker) => maker.origin(&text.file, document.leading_comments()),
    }
}

impl Collector {
    /// Adds what was read of the next text. The last of two objects of one name counts.
    pub(super) fn add(&mut self, mut found: Manifests) {
        for (object, source) in found.objects {
            let key = object.key();
            let objects = &mut self.manifests.objects;
            match self.known.get(&key) {
                Some(&i) => {
                    let first = &objects[i].1;
                    let shown = clip(&key.to_string(), MAX_KEY);
                    let message = format!("{shown} is here a second time, after {first}; remove one of them");
                    let place = Place {
                        file: Some(source.file.clone()),
                        line: source.made_by.is_none().then_some(source.line),
                        column: None,
                    };
                    objects[i] = (object, source);
                    push(&mut found.errors, place, message);
                }
                None => {
                    self.known.insert(key, objects.len());
                    objects.push((object, source));
                }
            }
        }
        found.errors.sort_by(|a, b| a.place.cmp(&b.place));
        self.manifests.errors.append(&mut found.errors);
        self.manifests.notes.append(&mut found.notes);
        self.manifests.passed_over += found.passed_over;
    }
}

/// Reads every document of a text by itself: no object knows of another.
pub(super) fn read(text: &Text, version: ClusterVersion) -> Manifests {
    let mut reader = Reader {
        version,
        text,
        found: Manifests::default(),
    };
    for document in documents(&text.text) {
        reader.document(document);
    }
    reader.found
}

impl Reader<'_> {
    fn document(&mut self, document: Document<'_>) {
        if let Some(list) = document.json_list() {
            for item in list.items {
                self.tree(item, |reader, at| reader.item(&list.kind, &list.api_version, at));
            }
            return;
        }
        self.tree(document, |reader, at| {
            if !at.object.is_null() {
                reader.value(at);
            }
        });
    }

    fn tree(&mut self, document: Document<'_>, read: impl FnOnce(&mut Self, At<'_>)) {
        match document.tree() {
            Ok(tree) => read(self, At::root(self.text, document, &tree)),
            Err(broken) => self.broken(document, broken),
        }
    }

    fn broken(&mut self, document: Document<'_>, broken: Broken) {
        let place = Place {
            file: Some(file_of(self.text, document)),
            line: Some(broken.line),
            column: broken.column,
        };
        self.error(place, broken.message);
    }

    fn error(&mut self, place: Place, message: impl Into<String>) {
        let (place, message) = self.told(place, message.into());
        push(&mut self.found.errors, place, message);
    }

    fn note(&mut self, place: Place, message: String) {
        let (place, message) = self.told(place, message);
        self.found.notes.push(Note { place, message });
    }

    /// A line of what a program made is none of the file's.
    fn told(&self, place: Place, message: String) -> (Place, String) {
        let (Some(maker), Some(line)) = (self.text.made_by, place.line) else {
            return (place, message);
        };
        let place = Place {
            file: place.file,
            ..Place::default()
        };
        (place, format!("{message} (line {line} of what {maker} prints)"))
    }

    fn value(&mut self, at: At<'_>) {
        let object = at.object;
        if !object.is_map() {
            let found = if object.is_list() {
                "a list"
            } else {
                "a single value"
            };
            let message = format!(
                "not a Kubernetes object but {found}; write a map with apiVersion and kind, or leave this out"
            );
            return self.error(at.place(at.line, None), message);
        }
        let kind = object.get("kind").filter(|kind| !kind.is_null());
        match kind.map(Node::text) {
            Some(Some(kind)) if kind.ends_with("List") => match object.get("items") {
                Some(items) if items.is_list() => self.list(kind, items, at),
                Some(items) if items.is_null() => {}
                items if kind == "List" => {
                    let message = match items {
                        Some(_) => "List: items must be a list",
                        None => "List: items is missing; add it, or leave this out",
                    };
                    self.error(at.field("items"), message);
                }
                _ => self.object(kind, at),
            },
            Some(Some(kind)) => self.object(kind, at),
            Some(None) => self.error(at.field("kind"), "kind must be a string such as Deployment"),
            // A values file, a CI pipeline and the like lie in the same directories as manifests.
            None if !at.text.named && object.get("apiVersion").is_none() => self.found.passed_over += 1,
            None => self.error(
                at.place(at.line, None),
                "kind is missing; add it, or leave this out",
            ),
        }
    }

    /// `kind: List`, or a typed one.
    fn list(&mut self, kind: &str, items: Node<'_>, at: At<'_>) {
        let version = at.object.get("apiVersion").and_then(Node::text);
        for object in items.items() {
            let (line, _) = at.document.locate(object, "");
            self.item(kind, version.unwrap_or_default(), At { object, line, ..at });
        }
    }

    /// An item of a list, which need not repeat its kind when the list is typed.
    fn item(&mut self, list_kind: &str, api_version: &str, at: At<'_>) {
        let item = at.object;
        let kind = list_kind.strip_suffix("List").filter(|kind| !kind.is_empty());
        match kind {
            Some(kind) if item.is_map() && item.get("kind").is_none() => {
                let own = item
                    .get("apiVersion")
                    .map(|version| version.text().unwrap_or_default());
                self.versioned(kind, own.unwrap_or(api_version), at);
            }
            // A List in a List: nothing writes such.
            _ if item.get("items").is_some_and(Node::is_list) => self.error(
                at.place(at.line, None),
                "a List inside a List is not read; make it one List",
            ),
            _ => self.value(at),
        }
    }

    fn object(&mut self, kind: &str, at: At<'_>) {
        let api_version = at.object.get("apiVersion").and_then(Node::text);
        self.versioned(kind, api_version.unwrap_or_default(), at);
    }

    fn versioned(&mut self, kind: &str, api_version: &str, at: At<'_>) {
        let ours = Kind::parse(kind);
        if ours.is_none()
            && let Some(why) = unknown_kind(api_version, kind)
        {
            return self.error(at.field("kind"), why);
        }
        let Some(kind) = ours.filter(|kind| self.is_ours(*kind, api_version, at)) else {
            self.found.passed_over += 1;
            return;
        };
        let metadata = at.object.get("metadata");
        let (object, problems) = match projection::from_value(kind, at.object) {
            Ok(read) => read,
            Err(ProjectionError::Unnamed { .. })
                if metadata.is_some_and(|metadata| metadata.get("generateName").is_some()) =>
            {
                let message = format!(
                    "{kind} with metadata.generateName only: give it a metadata.name to have it judged"
                );
                return self.error(at.field("metadata.generateName"), message);
            }
            Err(e @ ProjectionError::Unnamed { .. }) => {
                return self.error(at.field("metadata.name"), e.to_string());
            }
            Err(e) => return self.error(at.place(at.line, None), e.to_string()),
        };
        let object = normalised(object, api_version);
        if let Object::Autoscaler(autoscaler) = &object
            && &*autoscaler.target.group == "extensions"
        {
            let message = format!(
                "{kind} {}: scaleTargetRef.apiVersion is gone since Kubernetes 1.16, so that it scales nothing; write \
                 apps/v1",
                autoscaler.name
            );
            self.note(at.field("spec.scaleTargetRef.apiVersion"), message);
        }
        let key = object.key();
        let shown = clip(&key.to_string(), MAX_KEY);
        for FieldProblem { field, message } in problems {
            let named = clip(&field, MAX_KEY);
            let is_template = field.contains("{{") || message.contains("{{");
            let message = if is_template { NOT_RENDERED } else { &message };
            self.error(at.field(&field), format!("{shown}: {named} {message}"));
        }
        // Who it is remains to be seen.
        if [&key.name, &key.namespace].iter().any(|part| part.contains("{{")) {
            return;
        }
        let made_by = at.text.made_by;
        let source = Source {
            file: file_of(at.text, at.document),
            line: if made_by.is_none() { at.line } else { 1 },
            made_by,
        };
        self.found.objects.push((object, source));
    }

    /// Whether the kind of that name is Kubernetes' own. Says what is wrong with its version, if anything.
    fn is_ours(&mut self, kind: Kind, api_version: &str, at: At<'_>) -> bool {
        let served = served(api_version, kind, self.version);
        if served == Served::Yes {
            return true;
        }
        let right = kind.api_version();
        let name = at
            .object
            .get("metadata")
            .and_then(|metadata| metadata.get("name"));
        let name = name.and_then(Node::text);
        let object = name.map_or_else(
            || kind.to_string(),
            |name| format!("{kind} {}", clip(name, MAX_KEY)),
        );
        match served {
            Served::Yes => {}
            Served::Foreign => return false,
            Served::Until(ClusterVersion(minor)) => {
                let message =
                    format!("{object}: {api_version} is gone since Kubernetes 1.{minor}; write {right}");
                self.note(at.place(at.line, None), message);
            }
            _ if at.object.get("apiVersion").is_none_or(Node::is_null) => {
                let message = format!("{object}: apiVersion is missing; write {right}");
                self.error(at.place(at.line, None), message);
            }
            _ if api_version.is_empty() => {
                let message = format!("{object}: apiVersion must be a string; write {right}");
                self.error(at.field("apiVersion"), message);
            }
            Served::UnknownVersion | Served::WrongGroup => {
                let api_version = clip(api_version, MAX_KEY);
                let message = format!("{object}: there is no {kind} in {api_version}; write {right}");
                self.error(at.field("apiVersion"), message);
            }
        }
        true
    }
}

/// What only manifests need: a namespace for objects that name none, and old versions read as their successors.
fn normalised(mut object: Object, api_version: &str) -> Object {
    if let Some(namespace) = namespace_of(&mut object)
        && namespace.is_empty()
    {
        *namespace = DEFAULT_NAMESPACE.into();
    }
    // In policy/v1beta1 an empty selector selects nothing.
    if let Object::DisruptionBudget(budget) = &mut object
        && api_version == "policy/v1beta1"
        && budget.selector.get().is_some_and(LabelSelector::is_empty)
    {
        budget.selector = Field::Absent;
    }
    object
}

fn namespace_of(object: &mut Object) -> Option<&mut Name> {
    match object {
        Object::Workload(o) => Some(&mut o.key.namespace),
        Object::Pod(o) => Some(&mut o.namespace),
        Object::Autoscaler(o) => Some(&mut o.namespace),
        Object::DisruptionBudget(o) => Some(&mut o.namespace),
        Object::Service(o) => Some(&mut o.namespace),
        Object::EndpointSlice(o) => Some(&mut o.namespace),
        Object::LimitRange(o) => Some(&mut o.namespace),
        Object::Node(_)
        | Object::Lease(_)
        | Object::Namespace(_)
        | Object::PersistentVolume(_)
        | Object::Policy(_) => None,
    }
}
