//! Counts that may also be percentages: `maxUnavailable: 1` or `25%`, and ports that may also be names.
//!
//! As apimachinery `pkg/util/intstr/intstr.go` scales them, with what API validation demands of a percentage
//! (`^[0-9]+%$`, `IsValidPercent` in `pkg/util/validation/validation.go`): `"5"` and `"-5%"` are errors, not counts.
//! The original goes through floating point; here it is exact for any total.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use thiserror::Error;

use super::text::clip;

/// A number, or a text that is a percentage (rollouts, PodDisruptionBudgets) or a port's name (Services, probes).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum IntOrString {
    /// A count or a port number; validation elsewhere keeps it from being negative.
    Int(i32),
    /// What was quoted, as it stands.
    Text(Box<str>),
}

/// An [`IntOrString`] of which part a percentage may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Amount {
    /// So many replicas.
    Count(i32),
    /// Hundredths of the total; `maxSurge` may be over 100.
    Percent(i64),
}

/// Which way a percentage of replicas goes to a whole number.
///
/// `Up` for `maxSurge` and for both fields of a PodDisruptionBudget, `Down` for `maxUnavailable` of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the next whole number above.
    Up,
    /// To the next whole number below.
    Down,
}

/// A text that stands where a count or a percentage belongs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{:?} is neither a whole number nor a percentage: write 1 (without quotes) or \"25%\"", clip(.0, 40))]
pub struct NotAnAmount(Box<str>);

impl IntOrString {
    /// The count or percentage that this stands for.
    ///
    /// # Errors
    /// [`NotAnAmount`] for a text other than digits and `%`, or with more digits than an `i64` holds.
    pub fn amount(&self) -> Result<Amount, NotAnAmount> {
        match self {
            Self::Int(count) => Ok(Amount::Count(*count)),
            Self::Text(text) => text
                .strip_suffix('%')
                .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|digits| digits.parse().ok())
                .map(Amount::Percent)
                .ok_or_else(|| NotAnAmount(text.clone())),
        }
    }

    /// How many of `total` replicas this is: a count as it stands (even above `total`), a percentage rounded.
    /// Saturates at the bounds of `i64`.
    ///
    /// # Errors
    /// As [`IntOrString::amount`].
    pub fn scaled(&self, total: i64, rounding: Rounding) -> Result<i64, NotAnAmount> {
        self.amount().map(|amount| amount.of(total, rounding))
    }
}

impl Amount {
    /// How many of `total` replicas this is; as [`IntOrString::scaled`].
    pub fn of(self, total: i64, rounding: Rounding) -> i64 {
        let percent = match self {
            Self::Count(count) => return i64::from(count),
            Self::Percent(percent) => percent,
        };
        let hundredths = i128::from(percent) * i128::from(total);
        let floor = hundredths.div_euclid(100);
        let whole = match rounding {
            Rounding::Up => floor + i128::from(hundredths.rem_euclid(100) != 0),
            Rounding::Down => floor,
        };
        i64::try_from(whole).unwrap_or(if whole < 0 { i64::MIN } else { i64::MAX })
    }
}

/// How far a rolling update may leave the desired number of replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollout {
    /// Replicas on top of the desired ones.
    pub surge: i64,
    /// Desired replicas that may be missing; may exceed the desired number.
    pub unavailable: i64,
}

/// The rolling-update bounds of a Deployment with `desired` replicas: surge rounds up, unavailable rounds down, and
/// where both come to 0 one replica may be missing, since nothing could move otherwise.
///
/// As `ResolveFenceposts` in Kubernetes `pkg/controller/deployment/util/deployment_util.go`. An absent field is 0
/// here: the API server's default of 25 % for both is the caller's to fill in. A StatefulSet's `maxUnavailable` comes
/// out the same without surge (absent and 0 count as 1).
///
/// # Errors
/// [`NotAnAmount`] for the field that is neither a number nor a percentage.
pub fn resolve_rollout(
    max_surge: Option<&IntOrString>,
    max_unavailable: Option<&IntOrString>,
    desired: i64,
) -> Result<Rollout, NotAnAmount> {
    let scaled =
        |field: Option<&IntOrString>, rounding| field.map_or(Ok(0), |value| value.scaled(desired, rounding));
    let surge = scaled(max_surge, Rounding::Up)?;
    let unavailable = scaled(max_unavailable, Rounding::Down)?;
    let stuck = surge == 0 && unavailable == 0;
    Ok(Rollout {
        surge,
        unavailable: if stuck { 1 } else { unavailable },
    })
}

impl From<i32> for IntOrString {
    fn from(number: i32) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for IntOrString {
    /// A text stays a text, even `"1"`: the API server tells them apart.
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl fmt::Display for IntOrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl Serialize for IntOrString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Int(number) => serializer.serialize_i32(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for IntOrString {
    /// From an integer of 32 bits (`5.0` counts, as it does in YAML for kubectl) or a string.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntOrStringVisitor)
    }
}

struct IntOrStringVisitor;

impl Visitor<'_> for IntOrStringVisitor {
    type Value = IntOrString;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of 32 bits or a string such as \"25%\"")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<IntOrString, E> {
        i32::try_from(number)
            .map(IntOrString::Int)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<IntOrString, E> {
        i32::try_from(number)
            .map(IntOrString::Int)
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<IntOrString, E> {
        let whole = number as i32;
        if f64::from(whole) == number {
            Ok(IntOrString::Int(whole))
        } else {
            Err(E::invalid_value(de::Unexpected::Float(number), &self))
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<IntOrString, E> {
        Ok(text.into())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<IntOrString, E> {
        Ok(IntOrString::Text(text.into_boxed_str()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(IntOrString::Int(3), 10, 3, 3)]
    #[case(IntOrString::Int(30), 10, 30, 30)]
    #[case(IntOrString::Int(-1), 10, -1, -1)]
    #[case("25%".into(), 10, 3, 2)]
    #[case("1%".into(), 3, 1, 0)]
    #[case("0%".into(), 3, 0, 0)]
    #[case("100%".into(), 3, 3, 3)]
    #[case("050%".into(), 4, 2, 2)]
    #[case("150%".into(), 3, 5, 4)]
    #[case("33%".into(), 0, 0, 0)]
    #[case("9223372036854775807%".into(), i64::from(i32::MAX), i64::MAX, i64::MAX)]
    fn a_percentage_is_rounded_and_a_count_is_not(
        #[case] value: IntOrString,
        #[case] total: i64,
        #[case] up: i64,
        #[case] down: i64,
    ) {
        assert_eq!(value.scaled(total, Rounding::Up), Ok(up));
        assert_eq!(value.scaled(total, Rounding::Down), Ok(down));
    }

    #[rstest]
    #[case("")]
    #[case("%")]
    #[case("5")]
    #[case("http")]
    #[case("-5%")]
    #[case("+5%")]
    #[case("5.5%")]
    #[case("5%%")]
    #[case(" 5%")]
    #[case("５%")]
    #[case("9223372036854775808%")]
    fn a_text_that_is_no_percentage_is_named(#[case] text: &str) {
        assert_eq!(
            IntOrString::from(text).scaled(10, Rounding::Up),
            Err(NotAnAmount(text.into()))
        );
    }

    #[test]
    fn the_error_names_the_value_and_the_way_out() {
        let long = IntOrString::from("\u{feff}".repeat(4_000).as_str()).amount();
        assert!(long.unwrap_err().to_string().len() < 500);
        assert_eq!(
            IntOrString::from("5").amount().unwrap_err().to_string(),
            "\"5\" is neither a whole number nor a percentage: write 1 (without quotes) or \"25%\""
        );
    }

    #[rstest]
    #[case::defaults_of_the_api_server(Some("25%"), Some("25%"), 3, 1, 0)]
    #[case(Some("25%"), Some("25%"), 4, 1, 1)]
    #[case::both_round_to_zero(None, Some("25%"), 3, 0, 1)]
    #[case::both_are_zero(Some("0%"), Some("0%"), 10, 0, 1)]
    #[case::both_are_absent(None, None, 10, 0, 1)]
    #[case(Some("0%"), Some("100%"), 2, 0, 2)]
    #[case::no_replicas(Some("25%"), Some("25%"), 0, 0, 1)]
    fn a_rollout_can_always_move(
        #[case] max_surge: Option<&str>,
        #[case] max_unavailable: Option<&str>,
        #[case] desired: i64,
        #[case] surge: i64,
        #[case] unavailable: i64,
    ) {
        let (max_surge, max_unavailable) = (
            max_surge.map(IntOrString::from),
            max_unavailable.map(IntOrString::from),
        );
        assert_eq!(
            resolve_rollout(max_surge.as_ref(), max_unavailable.as_ref(), desired),
            Ok(Rollout { surge, unavailable })
        );
    }

    #[test]
    fn a_rollout_with_a_field_that_is_no_amount_is_an_error() {
        let (one, name) = (IntOrString::Int(1), IntOrString::from("http"));
        assert!(resolve_rollout(Some(&one), Some(&name), 3).is_err());
        assert!(resolve_rollout(Some(&name), Some(&one), 3).is_err());
    }

    #[rstest]
    #[case("5", Some(IntOrString::Int(5)))]
    #[case("-5", Some(IntOrString::Int(-5)))]
    #[case("5.0", Some(IntOrString::Int(5)))]
    #[case("\"5\"", Some("5".into()))]
    #[case("\"2\\u0035%\"", Some("25%".into()))]
    #[case("5.5", None)]
    #[case("2147483648", None)]
    #[case("-2147483649", None)]
    #[case("1e300", None)]
    #[case("true", None)]
    fn json_is_a_number_of_32_bits_or_a_string(#[case] json: &str, #[case] expected: Option<IntOrString>) {
        assert_eq!(serde_json::from_str(json).ok(), expected);
    }

    #[rstest]
    #[case("25%", "25%".into())]
    #[case("1", IntOrString::Int(1))]
    #[case("'1'", "1".into())]
    fn yaml_may_leave_the_quotes_out(#[case] yaml: &str, #[case] expected: IntOrString) {
        assert_eq!(serde_saphyr::from_str::<IntOrString>(yaml).unwrap(), expected);
    }

    #[test]
    fn a_value_stays_small() {
        assert_eq!(size_of::<Option<IntOrString>>(), 24);
    }

    fn values() -> impl Strategy<Value = IntOrString> {
        prop_oneof![
            any::<i32>().prop_map(IntOrString::Int),
            "[0-9]{1,4}%".prop_map(|text| IntOrString::from(&*text)),
            "[a-z]{1,8}".prop_map(|text| IntOrString::from(&*text)),
        ]
    }

    proptest! {
        #![proptest_config(crate::model::testing::cases(256))]

        #[test]
        fn json_reads_back_what_it_wrote(value in values()) {
            let json = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(serde_json::from_str::<IntOrString>(&json).unwrap(), value);
        }

        #[test]
        fn rounding_stays_within_one_of_the_exact_share(percent in 0..1_000i64, total in 0..=i64::from(i32::MAX)) {
            let (up, down) = (Amount::Percent(percent).of(total, Rounding::Up), Amount::Percent(percent).of(total, Rounding::Down));
            prop_assert!(down * 100 <= percent * total && percent * total <= up * 100);
            prop_assert_eq!(up - down, i64::from(percent * total % 100 != 0));
        }

        #[test]
        fn a_share_and_its_complement_make_the_whole(percent in 0..=100i64, total in 0..10_000i64) {
            let complement = Amount::Percent(100 - percent).of(total, Rounding::Down);
            prop_assert_eq!(Amount::Percent(percent).of(total, Rounding::Up) + complement, total);
        }

        #[test]
        fn a_rollout_moves_at_least_one_replica(surge in 0..=100i64, unavailable in 0..=100i64, desired in 0..1_000i64) {
            let percent = |value: i64| IntOrString::from(&*format!("{value}%"));
            let rollout = resolve_rollout(Some(&percent(surge)), Some(&percent(unavailable)), desired).unwrap();
            prop_assert!(rollout.surge + rollout.unavailable >= 1);
            prop_assert!(rollout.surge <= desired && rollout.unavailable <= desired.max(1));
        }
    }
}
