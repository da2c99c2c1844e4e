//! What sets a workload's replicas: HorizontalPodAutoscalers, and the ScaledObjects of KEDA.
//!
//! KEDA scales through a HorizontalPodAutoscaler that it makes for each ScaledObject, so that one is the ScaledObject's tool
//! and no second autoscaler. What is kept of their status is only what rules read, in a form that does not change while
//! the answer does not: their controllers write it every few seconds.

use jiff::Timestamp;

use super::field::{Field, FieldProblem};
use super::keys::{Kind, Name, ObjectKey};

/// The annotation by which people stop a ScaledObject; KEDA takes every value but one that means false.
pub const KEDA_PAUSED: &str = "autoscaling.keda.sh/paused";
/// The annotation by which people hold a ScaledObject's target at so many replicas.
pub const KEDA_PAUSED_REPLICAS: &str = "autoscaling.keda.sh/paused-replicas";
/// `maxReplicaCount` when absent (`defaultHPAMaxReplicas` of KEDA's `scaledobject_types.go`).
const KEDA_MAX_REPLICAS: u32 = 100;

/// Something that sets a workload's replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Autoscaler {
    /// `metadata.namespace`: its target lives there too.
    pub namespace: Name,
    /// `metadata.name`.
    pub name: Name,
    /// `spec.scaleTargetRef`.
    pub target: ScaleTarget,
    /// `spec.minReplicas`, absent means 1; of a ScaledObject `spec.minReplicaCount`, absent means 0.
    pub min: Field<i32>,
    /// `spec.maxReplicas`; of a ScaledObject `spec.maxReplicaCount`, absent means 100.
    pub max: Field<i32>,
    /// What only its sort has.
    pub scaler: Scaler,
    /// Fields that Kubernetes or KEDA would refuse; only manifests have any.
    pub problems: Vec<FieldProblem>,
}

/// Which sort of autoscaler it is, with what only that sort has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scaler {
    /// A HorizontalPodAutoscaler.
    Horizontal(Horizontal),
    /// A ScaledObject of KEDA.
    Keda(Keda),
}

/// What only a HorizontalPodAutoscaler has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Horizontal {
    /// The ScaledObject that made it, as its controlling owner reference says.
    pub scaled_object: Option<Name>,
    /// The condition `AbleToScale`.
    pub able: Condition,
    /// The condition `ScalingActive`.
    pub active: Condition,
    /// Whether it may still add replicas.
    pub headroom: Headroom,
}

/// What only a ScaledObject has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keda {
    /// The name of the HorizontalPodAutoscaler that KEDA makes for it.
    pub horizontal: Name,
    /// `spec.idleReplicaCount`: run at while no trigger is active.
    pub idle: Field<i32>,
    /// Whether people have stopped it.
    pub pause: Pause,
    /// The condition `Ready`. KEDA does not say since when.
    pub ready: Condition,
    /// The condition `Fallback` is True: its triggers cannot be read, and a fixed number stands in for what they would say.
    pub fallback: bool,
}

/// Whether people have stopped a ScaledObject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pause {
    /// It works.
    #[default]
    Running,
    /// [`KEDA_PAUSED`]: replicas stay what they are.
    Standing,
    /// [`KEDA_PAUSED_REPLICAS`]: replicas are held at this number. It goes before [`Pause::Standing`].
    At(Field<i32>),
}

/// A condition, as far as rules read it: while it is True, neither since when nor why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Not there yet, or Unknown.
    #[default]
    Unknown,
    /// It holds.
    True,
    /// It does not.
    False {
        /// `reason`.
        reason: Name,
        /// `lastTransitionTime`, written by the control plane.
        since: Option<Timestamp>,
    },
}

/// Whether an autoscaler may still add replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Headroom {
    /// It may, or nobody has said.
    #[default]
    Some,
    /// The target runs at `maxReplicas`.
    None,
    /// The target runs at `maxReplicas`, and the metrics ask for more.
    Wanted,
}

impl Autoscaler {
    /// The kind of this object.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self.scaler {
            Scaler::Horizontal(_) => Kind::HorizontalPodAutoscaler,
            Scaler::Keda(_) => Kind::ScaledObject,
        }
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(self.kind(), self.namespace.clone(), self.name.clone())
    }

    /// What only a HorizontalPodAutoscaler has; `None` for a ScaledObject.
    #[must_use]
    pub const fn horizontal(&self) -> Option<&Horizontal> {
        match &self.scaler {
            Scaler::Horizontal(own) => Some(own),
            Scaler::Keda(_) => None,
        }
    }

    /// What only a ScaledObject has; `None` for a HorizontalPodAutoscaler.
    #[must_use]
    pub const fn keda(&self) -> Option<&Keda> {
        match &self.scaler {
            Scaler::Horizontal(_) => None,
            Scaler::Keda(own) => Some(own),
        }
    }

    /// The names of the fields that hold its least and its most: `minReplicas` and `maxReplicas`.
    #[must_use]
    pub const fn fields(&self) -> (&'static str, &'static str) {
        match self.scaler {
            Scaler::Horizontal(_) => ("minReplicas", "maxReplicas"),
            Scaler::Keda(_) => ("minReplicaCount", "maxReplicaCount"),
        }
    }

    /// Whether it sets the replicas of a target that has `replicas` of them now. At 0 a HorizontalPodAutoscaler is switched
    /// off; KEDA is what takes a target from 0, unless it is paused.
    #[must_use]
    pub fn acts(&self, replicas: u32) -> bool {
        match &self.scaler {
            Scaler::Horizontal(_) => replicas > 0,
            Scaler::Keda(keda) => keda.pause != Pause::Standing,
        }
    }

    /// The least that its own fields allow, idle times and pauses apart; `None` when invalid.
    #[must_use]
    pub fn least(&self) -> Option<u32> {
        let absent = match self.scaler {
            Scaler::Horizontal(_) => 1,
            Scaler::Keda(_) => 0,
        };
        number(self.min, Some(absent))
    }

    /// The most that its own fields allow, pauses apart; `None` when invalid.
    #[must_use]
    pub fn most(&self) -> Option<u32> {
        let absent = self.keda().map(|_| KEDA_MAX_REPLICAS);
        number(self.max, absent)
    }

    /// The fewest replicas that it leaves; `None` when a value that it needs is invalid.
    #[must_use]
    pub fn floor(&self) -> Option<u32> {
        let Some(keda) = self.keda() else {
            return self.least();
        };
        if let Pause::At(replicas) = keda.pause {
            return number(replicas, None);
        }
        let least = self.least()?;
        Some(number(keda.idle, Some(least))?.min(least))
    }

    /// The most replicas that it makes; `None` when a value that it needs is invalid.
    #[must_use]
    pub fn ceiling(&self) -> Option<u32> {
        match self.keda().map(|keda| keda.pause) {
            Some(Pause::At(replicas)) => number(replicas, None),
            _ => self.most(),
        }
    }

    /// Whether this ScaledObject made (or took over) that HorizontalPodAutoscaler.
    #[must_use]
    pub fn made(&self, other: &Autoscaler) -> bool {
        match (&self.scaler, &other.scaler) {
            (Scaler::Keda(keda), Scaler::Horizontal(horizontal)) => {
                self.target == other.target
                    && (horizontal.scaled_object.as_ref() == Some(&self.name)
                        || keda.horizontal == other.name)
            }
            _ => false,
        }
    }
}

fn number(field: Field<i32>, absent: Option<u32>) -> Option<u32> {
    match field {
        Field::Absent => absent,
        Field::Set(n) => u32::try_from(n).ok(),
        Field::Invalid => None,
    }
}

/// `spec.scaleTargetRef`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScaleTarget {
    /// The group of its `apiVersion`: `apps`; versions are not compared.
    pub group: Name,
    /// `kind`.
    pub kind: Name,
    /// `name`.
    pub name: Name,
}

impl ScaleTarget {
    /// Whether it means this workload, namespaces apart.
    #[must_use]
    pub fn is(&self, key: &ObjectKey) -> bool {
        self.name == key.name && self.is_of(key.kind)
    }

    /// The kind that it means, if that is one that is read and can be scaled.
    #[must_use]
    pub fn known_kind(&self) -> Option<Kind> {
        let scalable = [Kind::Deployment, Kind::StatefulSet, Kind::ReplicaSet];
        scalable.into_iter().find(|kind| self.is_of(*kind))
    }

    /// A kind in small letters is one to the autoscaler's controller too (`AddSpecific` in client-go's
    /// `restmapper/discovery.go`).
    fn is_of(&self, kind: Kind) -> bool {
        let name = kind.as_str();
        let same = *self.kind == *name || *self.kind == name.to_ascii_lowercase();
        same && *self.group == *kind.group()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::testing::{hpa, scaled_object};

    fn keda(min: Option<i32>, max: Option<i32>, change: impl FnOnce(&mut Keda)) -> Autoscaler {
        scaled_object("shop/web", min, max).keda_with(change)
    }

    #[rstest]
    #[case::an_hpa(hpa("shop/web", Some(2), 5), Some(2), Some(5))]
    #[case::an_hpa_without_a_minimum(hpa("shop/web", None, 5), Some(1), Some(5))]
    #[case::a_scaled_object(keda(Some(2), Some(5), |_| {}), Some(2), Some(5))]
    #[case::without_a_minimum(keda(None, Some(5), |_| {}), Some(0), Some(5))]
    #[case::without_a_maximum(keda(Some(2), None, |_| {}), Some(2), Some(100))]
    #[case::idle(keda(Some(2), Some(5), |k| k.idle = Field::Set(0)), Some(0), Some(5))]
    #[case::idle_above_the_minimum(keda(Some(2), Some(5), |k| k.idle = Field::Set(4)), Some(2), Some(5))]
    #[case::held(keda(Some(2), Some(5), |k| k.pause = Pause::At(Field::Set(7))), Some(7), Some(7))]
    #[case::held_at_zero(keda(Some(2), Some(5), |k| k.pause = Pause::At(Field::Set(0))), Some(0), Some(0))]
    #[case::held_at_no_number(keda(Some(2), Some(5), |k| k.pause = Pause::At(Field::Invalid)), None, None)]
    #[case::an_invalid_idle_count(keda(Some(2), Some(5), |k| k.idle = Field::Invalid), None, Some(5))]
    fn floor_and_ceiling(#[case] of: Autoscaler, #[case] floor: Option<u32>, #[case] ceiling: Option<u32>) {
        assert_eq!((of.floor(), of.ceiling()), (floor, ceiling));
    }

    #[test]
    fn only_keda_acts_at_zero_replicas_unless_it_is_paused() {
        assert!(hpa("shop/web", None, 5).acts(1) && !hpa("shop/web", None, 5).acts(0));
        assert!(keda(None, None, |_| {}).acts(0));
        assert!(keda(None, None, |k| k.pause = Pause::At(Field::Set(1))).acts(0));
        assert!(!keda(None, None, |k| k.pause = Pause::Standing).acts(3));
    }

    #[test]
    fn the_autoscaler_that_keda_makes_is_known_by_its_owner_or_its_name() {
        let scaled = scaled_object("shop/web", None, None);
        let named = Autoscaler {
            name: "keda-hpa-web".into(),
            ..hpa("shop/web", None, 5)
        };
        assert!(scaled.made(&named) && !scaled.made(&hpa("shop/web", None, 5)));
        assert!(scaled.made(&hpa("shop/web", None, 5).made_by("web")));
        assert!(!scaled.made(&hpa("shop/web", None, 5).made_by("other")));
        assert!(!scaled.made(&scaled), "a ScaledObject makes no other");
        let mut elsewhere = named;
        elsewhere.target.name = "api".into();
        assert!(!scaled.made(&elsewhere), "it scales something else");
    }
}
