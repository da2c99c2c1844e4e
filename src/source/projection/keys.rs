//! Which annotations are read: our own, those that say who runs a workload, and those that were asked for at the start.
//!
//! An object may carry 256 KiB of annotations, and what is read is kept in memory and written into recordings. So nothing is
//! read that nobody asked for. A policy may name other keys than the usual ones; they are named once more when the process
//! starts ([`read_also`]), because a watch cannot be told later to deliver again what it has left out. Labels need none of
//! that: all of them are read.

use std::sync::OnceLock;

use crate::policy::ownership::{CRITICALITY_KEYS, OWNER_KEYS, RUNBOOK_KEYS};

/// The prefix of our own annotations, which are all read.
const OWN_PREFIX: &str = "plimsoll.dev/";

static ASKED_FOR: OnceLock<Box<[String]>> = OnceLock::new();

/// Also reads the annotations of these keys, from every object that is read from now on. Said once, before anything is
/// read; a second time changes nothing.
pub fn read_also(keys: impl IntoIterator<Item = String>) {
    let _ = ASKED_FOR.set(keys.into_iter().collect());
}

/// Whether the annotation of this key is read.
#[must_use]
pub fn is_read(key: &str) -> bool {
    let usual = [&OWNER_KEYS[..], &RUNBOOK_KEYS, &CRITICALITY_KEYS];
    let asked_for = || ASKED_FOR.get().into_iter().flatten();
    key.starts_with(OWN_PREFIX)
        || usual.into_iter().flatten().any(|usual| *usual == key)
        || asked_for().any(|asked_for| asked_for == key)
}
