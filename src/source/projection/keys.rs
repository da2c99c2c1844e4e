//! Which annotations are read: our own, those that say who runs a workload, and those that pause a ScaledObject.
//!
//! An object may carry 256 KiB of annotations, and what is read is kept in memory and written into recordings. So none is
//! read that nobody asks for. Labels are short and all read, so a policy that names other keys than the usual ones names
//! labels.

use crate::model::autoscaler::{KEDA_PAUSED, KEDA_PAUSED_REPLICAS};
use crate::policy::ownership::{CRITICALITY_KEYS, OWNER_KEYS, RUNBOOK_KEYS};

/// The prefix of our own annotations, which are all read.
const OWN_PREFIX: &str = "plimsoll.dev/";

/// Whether the annotation of this key is read.
#[must_use]
pub fn is_read(key: &str) -> bool {
    let usual = [
        &OWNER_KEYS[..],
        &RUNBOOK_KEYS,
        &CRITICALITY_KEYS,
        &[KEDA_PAUSED, KEDA_PAUSED_REPLICAS],
    ];
    key.starts_with(OWN_PREFIX) || usual.into_iter().flatten().any(|usual| *usual == key)
}
