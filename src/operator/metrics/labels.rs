//! The labels of the metric families: their names, and the sets that their values come from.

use std::{borrow::Cow, fmt, sync::Arc};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// A label enum: its values, and the text of each on the wire.
macro_rules! label_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The value of the label.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), fmt::Error> {
                self.as_str().encode(encoder)
            }
        }
    };
}

label_enum! {
    /// How a write to the API server ended.
    WriteOutcome {
        /// The API server took it.
        Applied = "applied",
        /// The object already was as wanted, so nothing was sent.
        Unchanged = "unchanged",
        /// Another writer was faster (409); planned again from what is there now.
        Conflict = "conflict",
        /// RBAC or an admission plugin refused (403).
        Forbidden = "forbidden",
        /// The object is gone (404).
        Gone = "gone",
        /// Refused as invalid (422 or 400): a fault in Plimsoll.
        Invalid = "invalid",
        /// Any other answer, no answer, or a timeout; tried again later.
        Failed = "failed",
        /// The queue was full; the periodic pass heals it.
        Dropped = "dropped",
        /// This replica is not (or no longer) the leader.
        NotLeader = "not_leader",
    }
}

label_enum! {
    /// What became of an admission review. All but `denied` and `unreadable` let the request go on.
    ReviewOutcome {
        /// Nothing was to be said.
        Allowed = "allowed",
        /// Somebody was warned.
        Warned = "warned",
        /// A policy denies what it makes worse.
        Denied = "denied",
        /// Nothing in it is judged: another kind, operation or subresource, or an object that cannot be read.
        Unjudged = "unjudged",
        /// Not everything had been listed yet.
        Loading = "loading",
        /// Too many came at once, or the engine was busy for too long.
        Shed = "shed",
        /// No review of `admission.k8s.io/v1`, too large, or cut off: `failurePolicy` decides.
        Unreadable = "unreadable",
    }
}

label_enum! {
    /// What became of a Kubernetes Event.
    EventOutcome {
        /// The API server took it.
        Published = "published",
        /// Held back by the rate limit of its object or of all.
        RateLimited = "rate_limited",
        /// The queue was full.
        Dropped = "dropped",
        /// The API server refused it or did not answer.
        Failed = "failed",
    }
}

label_enum! {
    /// What a watch delivered.
    WatchEvent {
        /// An object of a list.
        Listed = "listed",
        /// An object that was added or changed.
        Applied = "applied",
        /// An object that was deleted.
        Deleted = "deleted",
        /// A list was complete: the first, or a relist.
        Relisted = "relisted",
    }
}

/// Labels of `plimsoll_findings`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FindingLabels {
    /// Rule or detector, in kebab case.
    pub rule: Cow<'static, str>,
    /// `critical`, `warning` or `info`.
    pub severity: &'static str,
    /// Namespace of the workload; empty for findings on nodes and on the cluster.
    pub namespace: Arc<str>,
}

/// The workload that `plimsoll_workload_verdict` names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WorkloadLabels {
    /// Namespace of the workload.
    pub namespace: Arc<str>,
    /// Kind of the workload, such as `Deployment`.
    pub kind: &'static str,
    /// Name of the workload.
    pub name: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct VerdictLabels {
    #[prometheus(flatten)]
    pub(super) workload: WorkloadLabels,
    pub(super) verdict: &'static str,
    pub(super) owner: Arc<str>,
    pub(super) criticality: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct KindLabels {
    pub(super) kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RuleLabels {
    pub(super) rule: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct WriteLabels {
    pub(super) kind: &'static str,
    pub(super) outcome: WriteOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReviewLabels {
    pub(super) outcome: ReviewOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct EventLabels {
    pub(super) outcome: EventOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct WatchLabels {
    pub(super) kind: &'static str,
    pub(super) r#type: WatchEvent,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct BuildLabels {
    pub(super) version: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_snake_case_and_distinct() {
        let mut texts: Vec<_> = WriteOutcome::ALL.iter().map(|o| o.as_str()).collect();
        assert!(
            texts
                .iter()
                .all(|t| t.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        );
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), WriteOutcome::ALL.len());
    }
}
