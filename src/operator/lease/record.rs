//! The Lease object: what its record says, and the records that we write.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::api::ObjectMeta;

use super::decide::{LeaseTiming, LeaseView, Moment};

/// The latest version of the object, and since when its record has stood.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) lease: Lease,
    pub(super) observed_at: Moment,
}

impl Seen {
    /// A change of anything but the record (a label, say) is no sign of life from its holder.
    pub(super) fn update(previous: Option<&Self>, lease: Lease, received_at: Moment) -> Self {
        let observed_at = match previous {
            Some(previous) if previous.lease.spec == lease.spec => previous.observed_at,
            _ => received_at,
        };
        Self { lease, observed_at }
    }

    pub(super) fn view(&self, timing: &LeaseTiming) -> LeaseView {
        let spec = self.lease.spec.as_ref();
        let seconds = spec
            .and_then(|s| s.lease_duration_seconds)
            .and_then(|s| u64::try_from(s).ok());
        LeaseView {
            holder: spec
                .and_then(|s| s.holder_identity.clone())
                .filter(|holder| !holder.is_empty()),
            transitions: transitions(&self.lease),
            duration: seconds
                .filter(|s| *s > 0)
                .map_or(timing.duration, Duration::from_secs),
            observed_at: self.observed_at,
        }
    }
}

pub(super) fn transitions(lease: &Lease) -> i32 {
    lease
        .spec
        .as_ref()
        .and_then(|spec| spec.lease_transitions)
        .unwrap_or(0)
}

/// A lease that does not exist yet, held by `me`.
pub(super) fn created(name: &str, me: &str, timing: &LeaseTiming, now: Timestamp) -> Lease {
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        ..ObjectMeta::default()
    };
    let spec = LeaseSpec {
        lease_transitions: Some(0),
        ..LeaseSpec::default()
    };
    held(
        Lease {
            metadata,
            spec: Some(spec),
        },
        me,
        timing,
        now,
    )
}

/// The lease in the hands of `me`, once more passed on.
pub(super) fn taken(mut lease: Lease, me: &str, timing: &LeaseTiming, now: Timestamp) -> Lease {
    let next = transitions(&lease).saturating_add(1);
    lease.spec.get_or_insert_default().lease_transitions = Some(next);
    held(lease, me, timing, now)
}

fn held(mut lease: Lease, me: &str, timing: &LeaseTiming, now: Timestamp) -> Lease {
    let spec = lease.spec.get_or_insert_default();
    spec.holder_identity = Some(me.to_owned());
    spec.lease_duration_seconds = i32::try_from(timing.duration.as_secs()).ok();
    spec.acquire_time = Some(MicroTime(now));
    spec.renew_time = Some(MicroTime(now));
    lease
}

/// The same term, renewed.
pub(super) fn renewed(mut lease: Lease, now: Timestamp) -> Lease {
    lease.spec.get_or_insert_default().renew_time = Some(MicroTime(now));
    lease
}

/// Free for whoever comes first. One second is the shortest duration that the API takes.
pub(super) fn released(mut lease: Lease, now: Timestamp) -> Lease {
    let spec = lease.spec.get_or_insert_default();
    spec.holder_identity = Some(String::new());
    spec.lease_duration_seconds = Some(1);
    spec.renew_time = Some(MicroTime(now));
    lease
}
