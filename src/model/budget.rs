//! A PodDisruptionBudget, and how many pods it lets go at once.
//!
//! As Kubernetes' disruption controller counts (`getExpectedPodCount` and `updatePdbStatus` in
//! `pkg/controller/disruption/disruption.go`), every pod being ready:
//!
//! ```text
//!                 expected                    to stay healthy            allowed
//! minAvailable 3  not asked for               3                          all pods - 3
//!              p% scales added up             expected * p%, up          all pods - that; 0 when none are expected
//! maxUnavailable  scales added up             expected - (count or p%,   all pods - that; 0 when none are expected
//!                                             up), not below 0
//! neither         none                        0                          0
//! ```
//!
//! Scales are those of the controllers of the pods: the replicas of a Deployment, StatefulSet or ReplicaSet. Pods that no
//! controller runs are healthy, but not expected. A controller without a scale (a DaemonSet, a Job) ends the count with an
//! error, and then nothing is allowed.

use super::field::{Field, FieldProblem};
use super::intstr::{Amount, IntOrString, Rounding};
use super::keys::{Kind, Name, ObjectKey};
use super::selector::{LabelSelector, Labels};
use super::workload::Controller;

/// What rules read of a PodDisruptionBudget.
#[derive(Clone, Debug, PartialEq)]
pub struct DisruptionBudget {
    /// `metadata.namespace`.
    pub namespace: Name,
    /// `metadata.name`.
    pub name: Name,
    /// The controlling owner reference, if any: an operator's custom resource.
    pub controller: Option<Controller>,
    /// `spec.selector`: absent selects nothing, `{}` everything.
    pub selector: Field<LabelSelector>,
    /// `spec.minAvailable`; invalid also when it stands beside the other.
    pub min_available: Field<IntOrString>,
    /// `spec.maxUnavailable`; invalid also when it stands beside the other.
    pub max_unavailable: Field<IntOrString>,
    /// `spec.unhealthyPodEvictionPolicy`; absent means `IfHealthyBudget`.
    pub unhealthy: Field<UnhealthyPodEviction>,
    /// Fields that Kubernetes would refuse; only manifests have any.
    pub problems: Vec<FieldProblem>,
}

/// Whether pods that run and are not ready may be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnhealthyPodEviction {
    /// Only while enough others are healthy.
    IfHealthyBudget,
    /// Always: they serve nobody.
    AlwaysAllow,
}

/// The pods that a budget selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// Replicas of controllers that have a scale.
    pub scaled: i64,
    /// Pods that no controller runs.
    pub bare: i64,
}

impl DisruptionBudget {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(
            Kind::PodDisruptionBudget,
            self.namespace.clone(),
            self.name.clone(),
        )
    }

    /// Whether it selects pods with these labels. A selector that is refused selects nothing that could be told.
    #[must_use]
    pub fn selects(&self, labels: &Labels) -> bool {
        self.selector
            .get()
            .is_some_and(|selector| selector.matches(labels))
    }

    /// Whether the scales of all pods' controllers are asked for: by `maxUnavailable`, and by a percentage.
    #[must_use]
    pub fn asks_for_scales(&self) -> bool {
        let percent = |amount: &IntOrString| matches!(amount.amount(), Ok(Amount::Percent(_)));
        self.max_unavailable.get().is_some() || self.min_available.get().is_some_and(percent)
    }

    /// Whether it says anything at all.
    #[must_use]
    pub fn has_a_number(&self) -> bool {
        self.min_available != Field::Absent || self.max_unavailable != Field::Absent
    }

    /// How many of these pods may be disrupted at once while all of them are ready; `None` when a number is refused.
    #[must_use]
    pub fn allowed(&self, pods: Selected) -> Option<i64> {
        let of_expected = |amount: &IntOrString| amount.scaled(pods.scaled, Rounding::Up).ok();
        let stay = match (&self.min_available, &self.max_unavailable) {
            (Field::Absent, Field::Absent) => return Some(0),
            (Field::Set(least), Field::Absent) => of_expected(least)?,
            (Field::Absent, Field::Set(most)) => (pods.scaled - of_expected(most)?).max(0),
            _ => return None,
        };
        if self.asks_for_scales() && pods.scaled == 0 {
            return Some(0);
        }
        Some((pods.scaled + pods.bare - stay).max(0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::model::testing::{budget, cases};

    fn least(amount: impl Into<IntOrString>) -> DisruptionBudget {
        budget("shop/web").min_available(amount)
    }

    fn most(amount: impl Into<IntOrString>) -> DisruptionBudget {
        budget("shop/web").max_unavailable(amount)
    }

    #[rstest]
    #[case::count_below(least(2), 3, 0, 1)]
    #[case::count_equal(least(3), 3, 0, 0)]
    #[case::count_above(least(5), 3, 0, 0)]
    #[case::count_zero(least(0), 3, 0, 3)]
    #[case::of_two_workloads(least(3), 8, 0, 5)]
    #[case::bare_pods_count_as_available(least(3), 2, 2, 1)]
    #[case::of_bare_pods_alone(least(1), 0, 3, 2)]
    #[case::half_of_three_rounds_up(least("50%"), 3, 0, 1)]
    #[case::half_of_one_rounds_up(least("50%"), 1, 0, 0)]
    #[case::all(least("100%"), 7, 0, 0)]
    #[case::none(least("0%"), 7, 0, 7)]
    #[case::a_percentage_of_bare_pods(least("50%"), 0, 4, 0)]
    #[case::bare_pods_are_not_expected(least("50%"), 4, 2, 4)]
    #[case::one(most(1), 3, 0, 1)]
    #[case::more_than_all(most(9), 3, 0, 3)]
    #[case::nothing(most(0), 3, 0, 0)]
    #[case::one_percent_of_three_rounds_up(most("1%"), 3, 0, 1)]
    #[case::a_third(most("34%"), 3, 0, 2)]
    #[case::all_of_them(most("100%"), 3, 0, 3)]
    #[case::no_percent(most("0%"), 3, 0, 0)]
    #[case::bare_pods_beside(most(1), 3, 1, 2)]
    #[case::bare_pods_alone(most(1), 0, 3, 0)]
    #[case::neither(budget("shop/web"), 3, 0, 0)]
    fn pods_are_allowed_as_kubernetes_counts(
        #[case] budget: DisruptionBudget,
        #[case] scaled: i64,
        #[case] bare: i64,
        #[case] allowed: i64,
    ) {
        assert_eq!(budget.allowed(Selected { scaled, bare }), Some(allowed));
    }

    #[rstest]
    #[case::refused(DisruptionBudget { min_available: Field::Invalid, ..budget("shop/web") })]
    #[case::refused_most(DisruptionBudget { max_unavailable: Field::Invalid, ..budget("shop/web") })]
    #[case::both(least(1).max_unavailable(1))]
    #[case::no_percentage(least("1"))]
    fn what_is_refused_allows_nothing_that_could_be_told(#[case] budget: DisruptionBudget) {
        let pods = Selected { scaled: 3, bare: 0 };
        assert_eq!(budget.allowed(pods), None);
    }

    proptest! {
        #![proptest_config(cases(512))]

        /// One more replica never takes a disruption away, and what may go is never more than there is.
        #[test]
        fn more_replicas_never_allow_less(
            percent in prop::bool::ANY,
            number in 0..=100_i32,
            of_least in prop::bool::ANY,
            scaled in 0..200_i64,
            bare in 0..5_i64,
        ) {
            let amount = if percent { IntOrString::from(&*format!("{number}%")) } else { number.into() };
            let budget = if of_least { least(amount) } else { most(amount) };
            let now = budget.allowed(Selected { scaled, bare }).expect("valid");
            let then = budget.allowed(Selected { scaled: scaled + 1, bare }).expect("valid");
            prop_assert!(now <= then, "{now} of {scaled}, {then} of one more");
            prop_assert!((0..=scaled + bare).contains(&now));
        }
    }
}
