//! JSON that is kept and passed on.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// A JSON value as its text: as a tree, a patch takes ten times the memory, and a remedy is kept with every finding.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Box<str>);

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Json(value.to_string().into())
    }
}

impl Json {
    /// In one line, without spaces, keys sorted.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// As a tree.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).expect("it was written from a value")
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Json {
    /// As what it says, not as a string.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}
