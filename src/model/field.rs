//! A field of a manifest that may be absent, set, or set to something that Kubernetes would refuse.

/// One field's value. An invalid one is reported once, by name, where it was read ([`FieldProblem`]); the rules that
/// need it then say `unknown`, never `pass` or `fail`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Field<T> {
    /// Not in the object, or `null`.
    #[default]
    Absent,
    /// A value that Kubernetes accepts.
    Set(T),
    /// A value that Kubernetes refuses.
    Invalid,
}

impl<T> Field<T> {
    /// The value, if it is there and valid.
    pub const fn get(&self) -> Option<&T> {
        match self {
            Field::Set(value) => Some(value),
            Field::Absent | Field::Invalid => None,
        }
    }

    /// Whether a value stands there that Kubernetes refuses.
    pub const fn is_invalid(&self) -> bool {
        matches!(self, Field::Invalid)
    }

    /// The same field with another type of value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Field::Absent => Field::Absent,
            Field::Set(value) => Field::Set(f(value)),
            Field::Invalid => Field::Invalid,
        }
    }
}

impl<T> From<Option<T>> for Field<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Field::Absent, Field::Set)
    }
}

/// A field whose value Kubernetes would refuse: an input error on that object; the rest of the object is still judged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldProblem {
    /// The path from the object's root: `spec.template.spec.containers[0].resources.limits.memory`.
    pub field: String,
    /// What is wrong and the way out.
    pub message: String,
}
