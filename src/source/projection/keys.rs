//! Which annotations are read: our own, those that say who runs a workload, and those by which people pause a ScaledObject.
//!
//! An object may carry 256 KiB of annotations, and what is read is kept in memory and written into recordings. So none is
//! read that nobody asks for. Labels are short and all read, so a policy that names other keys than the usual ones names
//! labels.

use crate::policy::ownership::{CRITICALITY_KEYS, OWNER_KEYS, RUNBOOK_KEYS};

/// The prefix of our own annotations, which are all read.
const OWN_PREFIX: &str = "plimsoll.dev/";

/// Whether the annotation of this key is read.
#[must_use]
pub fn is_read(key: &str) -> bool {
    let usual = [&OWNER_KEYS[..], &RUNBOOK_KEYS, &CRITICALITY_KEYS];
    key.starts_with(OWN_PREFIX) || usual.into_iter().flatten().any(|usual| *usual == key)
}

/// The prefix of KEDA's annotations, which are read of a ScaledObject: they may pause it.
const KEDA_PREFIX: &str = "autoscaling.keda.sh/";

/// Whether it is an annotation by which KEDA is told something.
#[must_use]
pub(super) fn is_kedas(key: &str) -> bool {
    key.starts_with(KEDA_PREFIX)
}
