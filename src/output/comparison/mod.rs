//! What `check --compare` says: two environments side by side, for people ([`table`]) and for tools ([`json`]).

pub mod json;
pub mod table;

use crate::check::Comparison;

/// A comparison, and what its two sides are called: paths or contexts, as they were given.
#[derive(Clone, Debug, Default)]
pub struct Sides {
    /// The first.
    pub a: String,
    /// The second.
    pub b: String,
    /// How they differ.
    pub comparison: Comparison,
}
