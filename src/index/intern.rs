//! Strings that occur on many rows, kept once.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use crate::model::keys::Name;
use crate::model::selector::Labels;

/// Shared values, each kept once. Values that no row uses any more are dropped whenever the set has doubled.
#[derive(Debug)]
pub(super) struct Shared<T: ?Sized> {
    values: HashSet<Arc<T>>,
    sweep_at: usize,
}

/// Shared strings.
pub(super) type Interner = Shared<str>;

impl<T: ?Sized> Default for Shared<T> {
    fn default() -> Self {
        Shared {
            values: HashSet::new(),
            sweep_at: 1024,
        }
    }
}

impl<T: ?Sized + Eq + Hash> Shared<T> {
    /// The one shared copy of `value`.
    pub(super) fn share(&mut self, value: Arc<T>) -> Arc<T> {
        if let Some(known) = self.values.get(&*value) {
            return known.clone();
        }
        if self.values.len() >= self.sweep_at {
            self.values.retain(|value| Arc::strong_count(value) > 1);
            self.sweep_at = (self.values.len() * 2).max(1024);
        }
        self.values.insert(value.clone());
        value
    }

    /// The shared copy, if there is one, without making it.
    pub(super) fn find(&self, value: &T) -> Option<&Arc<T>> {
        self.values.get(value)
    }
}

impl Interner {
    /// The one shared copy of a name.
    pub(super) fn name(&mut self, name: &Name) -> Name {
        self.share(name.clone())
    }

    /// Labels made of shared copies.
    pub(super) fn labels(&mut self, labels: &Labels) -> Labels {
        let shared = labels
            .iter()
            .map(|(key, value)| (self.share(key.into()), self.share(value.into())));
        shared.collect()
    }
}
