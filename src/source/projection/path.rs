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

/// `spec.containers[0].name`; a key with a dot in it as `labels["app.kubernetes.io/name"]`.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Key(parent, key) if key.contains(['.', '[', '"', ' ']) => write!(f, "{parent}[{key:?}]"),
            Path::Key(Path::Root, key) => f.write_str(key),
            Path::Key(parent, key) => write!(f, "{parent}.{key}"),
            Path::Item(parent, item) => write!(f, "{parent}[{item}]"),
        }
    }
}

/// The fields of one object that Kubernetes would refuse.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<FieldProblem>);

impl Problems {
    pub(super) fn add(&mut self, path: Path<'_>, message: impl Into<String>) {
        self.0.push(FieldProblem {
            field: path.to_string(),
            message: message.into(),
        });
    }

    /// Notes that a field must be there and is not.
    pub(super) fn required(&mut self, path: Path<'_>) {
        self.add(path, "is required");
    }

    pub(super) fn into_vec(self) -> Vec<FieldProblem> {
        self.0
    }
}
