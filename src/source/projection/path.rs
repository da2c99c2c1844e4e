//! Where in an object a field stands, and what is wrong with it.

use std::fmt;

use crate::model::field::FieldProblem;

/// A path from the object's root, as a list on the stack: nothing is allocated until somebody prints it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'a> {
    /// The object itself.
    Root,
    /// A field of a map.
    Key(&'a Path<'a>, &'a str),
    /// An item of a list.
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(super) const fn key(&'a self, key: &'a str) -> Path<'a> {
        Path::Key(self, key)
    }

    pub(super) const fn at(&'a self, item: usize) -> Path<'a> {
        Path::Item(self, item)
    }
}

/// `spec.containers[0].name`; a key with a dot in it as `labels["app.kubernetes.io/name"]`, an empty one as `[""]`.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Key(parent, key) if key.is_empty() || key.contains(['.', '[', '"', ' ']) => {
                write!(f, "{parent}[{key:?}]")
            }
            Path::Key(Path::Root, key) => f.write_str(key),
            Path::Key(parent, key) => write!(f, "{parent}.{key}"),
            Path::Item(parent, item) => write!(f, "{parent}[{item}]"),
        }
    }
}

/// The fields of one object that Kubernetes would refuse.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<FieldProblem>,
    /// How many there are beyond [`MAX_PROBLEMS`].
    more: usize,
}

/// Who has mended so many can look again: an object may be millions of fields that do not fit.
const MAX_PROBLEMS: usize = 50;

impl Problems {
    pub(super) fn add(&mut self, path: Path<'_>, message: impl Into<String>) {
        if self.list.len() == MAX_PROBLEMS {
            self.more += 1;
            return;
        }
        self.list.push(FieldProblem {
            field: path.to_string(),
            message: message.into(),
        });
    }

    /// Notes that a field must be there and is not.
    pub(super) fn required(&mut self, path: Path<'_>) {
        self.add(path, "is required; add it");
    }

    /// How many there are so far.
    pub(super) fn count(&self) -> usize {
        self.list.len() + self.more
    }

    /// Whether something is wrong with what stands at `path`, around it or in it.
    pub(super) fn concern(&self, path: Path<'_>) -> bool {
        let path = path.to_string();
        let within = |inner: &str, outer: &str| {
            inner
                .strip_prefix(outer)
                .is_some_and(|rest| rest.is_empty() || outer.is_empty() || rest.starts_with(['.', '[']))
        };
        self.list
            .iter()
            .any(|p| within(&path, &p.field) || within(&p.field, &path))
    }

    pub(super) fn into_vec(mut self) -> Vec<FieldProblem> {
        if let (more @ 1.., Some(last)) = (self.more, self.list.last()) {
            self.list.push(FieldProblem {
                field: last.field.clone(),
                message: format!("is followed by {more} more fields that do not fit; mend these first"),
            });
        }
        self.list
    }
}
