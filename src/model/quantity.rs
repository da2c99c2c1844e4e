//! Amounts of memory and CPU, read exactly as the API server reads them.
//!
//! The grammar is that of apimachinery `pkg/api/resource/quantity.go` and `suffix.go`:
//!
//! ```text
//! quantity = [ "+" | "-" ] digits [ "." [ digits ] ] suffix      (or "." digits, so `.5` and `5.` are fine)
//! suffix   = "" | n | u | m | k | M | G | T | P | E              powers of ten, 10^-9 to 10^18
//!          | Ki | Mi | Gi | Ti | Pi | Ei                         powers of 1024
//!          | ( e | E ) [ "+" | "-" ] digits                      `1E` is exa, `1E3` an exponent
//! ```
//!
//! What else is kept of the original's behaviour:
//! - a value finer than a nano is rounded away from zero: whoever asks for something gets something;
//! - a binary suffix caps at ±(2^63 − 1);
//! - a bare sign, point or suffix (`Mi`) is 0, unless apimachinery can't read it either (`Ei`, `e-10`);
//! - of an exponent only the low 32 bits count.
//!
//! Where apimachinery itself goes wrong, this module does not follow. Decimal values are unlimited there, but print
//! without their suffix from 1000E on; here they stop at ±10^29 ([`Quantity::MAX`]). Its `Value()` and `MilliValue()`
//! overflow, and turn some negative fractions the wrong way (-3.916704023 to -2); [`Quantity::value`] saturates and
//! rounds all alike. Its `String()` repeats some texts as they were written (`+5`, `1.500`, `1E3`); here every value
//! and format have one text.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use thiserror::Error;

/// Nanos in one unit (one byte, one CPU).
const UNIT: i128 = 1_000_000_000;
/// Nanos in a thousandth.
const MILLI: i128 = 1_000_000;
/// The most that a quantity holds: 10^29 units, the power of ten that leaves an `i128` of nanos room to carry.
const LIMIT: i128 = 100_000_000_000_000_000_000_000_000_000 * UNIT;
/// The most that a text with a binary suffix means (`maxAllowed` in apimachinery's `math.go`).
const BINARY_LIMIT: i128 = i64::MAX as i128 * UNIT;

/// Suffixes for 10^-9, 10^-6, … 10^18.
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
/// Suffixes for 1024^0, 1024^1, … 1024^6.
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// How a quantity is printed; remembered from the suffix that it was read with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// `500m`, `12M`.
    #[default]
    DecimalSi,
    /// `12Mi`; fractions and values below 1024 are printed as [`Format::DecimalSi`].
    BinarySi,
    /// `12e6`.
    DecimalExponent,
}

/// Why a text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// It does not start with a number.
    #[error(
        "{0:?} is not a quantity: write a number with an optional suffix, such as 128Mi, 1.5G, 500m or 129e6"
    )]
    NotANumber(Box<str>),
    /// What follows the number is none of the known suffixes.
    #[error(
        "quantity {text:?} has the unknown suffix {suffix:?}: use n u m k M G T P E, Ki Mi Gi Ti Pi Ei or an exponent such as e6"
    )]
    UnknownSuffix {
        /// The whole text.
        text: Box<str>,
        /// The part after the number.
        suffix: Box<str>,
    },
}

/// An amount of a resource: bytes of memory, or CPUs.
///
/// Equality, order and hash are by value (`0.5Gi` equals `512Mi`); only [`Display`](fmt::Display) tells the
/// [`Format`]s apart. Kept as nanos in 16 bytes without alignment, so that it costs 17 bytes, an `Option` too.
#[derive(Clone, Copy)]
pub struct Quantity {
    nanos: [u8; 16],
    format: Format,
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self::from_nanos(0, Format::DecimalSi);
    /// The largest quantity, 10^29; what is larger is read and added up as this.
    pub const MAX: Self = Self::from_nanos(LIMIT, Format::DecimalSi);

    const fn from_nanos(nanos: i128, format: Format) -> Self {
        Self {
            nanos: nanos.to_ne_bytes(),
            format,
        }
    }

    /// `units` bytes or CPUs.
    pub const fn new(units: i64, format: Format) -> Self {
        Self::from_nanos(units as i128 * UNIT, format)
    }

    /// `millis` thousandths, as CPU is counted.
    pub const fn from_millis(millis: i64) -> Self {
        Self::from_nanos(millis as i128 * MILLI, Format::DecimalSi)
    }

    /// The exact value in billionths of a unit, for ratios; within ±10^38.
    pub const fn nanos(self) -> i128 {
        i128::from_ne_bytes(self.nanos)
    }

    /// How it is printed.
    pub const fn format(self) -> Format {
        self.format
    }

    /// Whether this is 0. A memory limit of 0 is no limit.
    pub const fn is_zero(self) -> bool {
        self.nanos() == 0
    }

    /// Whether this is below 0, which the API server refuses for every resource.
    pub const fn is_negative(self) -> bool {
        self.nanos() < 0
    }

    /// Whole units (bytes of memory), a fraction rounded away from zero; saturates at the bounds of `i64`.
    pub fn value(self) -> i64 {
        self.rounded_to(UNIT)
    }

    /// Thousandths of a unit (CPU), the rest rounded away from zero; saturates at the bounds of `i64`.
    pub fn milli_value(self) -> i64 {
        self.rounded_to(MILLI)
    }

    fn rounded_to(self, step: i128) -> i64 {
        let nanos = self.nanos();
        let rounded = nanos / step + (nanos % step).signum();
        i64::try_from(rounded).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// The sum, or `None` when it leaves ±[`Quantity::MAX`]. Prints like `self`, or like `other` when `self` is 0.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let nanos = self.nanos().checked_add(other.nanos())?;
        (-LIMIT..=LIMIT).contains(&nanos).then(|| self.sum(other, nanos))
    }

    /// The sum, held within ±[`Quantity::MAX`]. Prints as with [`Quantity::checked_add`].
    pub fn saturating_add(self, other: Self) -> Self {
        self.sum(other, self.nanos().saturating_add(other.nanos()))
    }

    /// The difference, held within ±[`Quantity::MAX`]. Prints as with [`Quantity::checked_add`].
    pub fn saturating_sub(self, other: Self) -> Self {
        self.sum(other, self.nanos().saturating_sub(other.nanos()))
    }

    /// `times` as much, held within ±[`Quantity::MAX`].
    pub fn saturating_mul(self, times: u32) -> Self {
        let nanos = self.nanos().saturating_mul(i128::from(times));
        Self::from_nanos(nanos.clamp(-LIMIT, LIMIT), self.format)
    }

    /// Half as much, rounded up to whole units; prints like `self`.
    pub const fn half(self) -> Self {
        let units = (self.nanos() + 2 * UNIT - 1).div_euclid(2 * UNIT);
        Self::from_nanos(units * UNIT, self.format)
    }

    fn sum(self, other: Self, nanos: i128) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        Self::from_nanos(nanos.clamp(-LIMIT, LIMIT), format)
    }
}

/// What a suffix does to the number before it.
struct Scale {
    /// Power of two.
    shift: u32,
    /// Power of ten.
    exponent: i64,
    format: Format,
}

impl Scale {
    fn of(suffix: &str) -> Option<Self> {
        if let Some(at) = DECIMAL.iter().position(|known| *known == suffix) {
            return Some(Self {
                shift: 0,
                exponent: at as i64 * 3 - 9,
                format: Format::DecimalSi,
            });
        }
        if let Some(at) = BINARY.iter().position(|known| *known == suffix) {
            return Some(Self {
                shift: at as u32 * 10,
                exponent: 0,
                format: Format::BinarySi,
            });
        }
        let exponent: i64 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
        // apimachinery narrows the exponent without a check: `1e4294967296` is 1 to the whole cluster, so here too.
        Some(Self {
            shift: 0,
            exponent: i64::from(exponent as i32),
            format: Format::DecimalExponent,
        })
    }

    /// Whether apimachinery reads a number without any digit as 0: only on its fast path.
    fn forgives_no_digits(&self) -> bool {
        self.shift < 50 && self.exponent >= -9
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    /// # Errors
    /// [`QuantityError`] for a text that the API server refuses. White space is not trimmed (serde's input is).
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let not_a_number = || QuantityError::NotANumber(text.into());
        let (negative, unsigned) = match text.as_bytes().first() {
            None => return Err(not_a_number()),
            Some(sign @ (b'+' | b'-')) => (*sign == b'-', &text[1..]),
            Some(_) => (false, text),
        };
        let (whole, rest) = split_digits(unsigned);
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
        let scale = Scale::of(suffix).ok_or_else(|| {
            let starts_with_a_number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
            if !starts_with_a_number {
                return not_a_number();
            }
            QuantityError::UnknownSuffix {
                text: text.into(),
                suffix: suffix.into(),
            }
        })?;
        if whole.is_empty() && fraction.is_empty() && !scale.forgives_no_digits() {
            return Err(not_a_number());
        }
        let nanos = magnitude(whole.as_bytes(), fraction.as_bytes(), &scale);
        let format = match scale.format {
            Format::BinarySi if (1..UNIT).contains(&nanos) => Format::DecimalSi,
            format => format,
        };
        Ok(Self::from_nanos(if negative { -nanos } else { nanos }, format))
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// `whole.fraction`, scaled, in nanos: rounded up, capped. Any number of digits, in one pass and without a big integer.
fn magnitude(whole: &[u8], fraction: &[u8], scale: &Scale) -> i128 {
    let limit = if scale.format == Format::BinarySi {
        BINARY_LIMIT
    } else {
        LIMIT
    };
    let digits = whole.iter().chain(fraction).map(|digit| i128::from(digit - b'0'));
    let count = whole.len() + fraction.len();
    // So many digits stand for whole nanos; below 0, so many zeros come before the first digit.
    let point = whole.len() as i64 + scale.exponent + 9;
    let whole_digits = usize::try_from(point).unwrap_or(0).min(count);

    let mut nanos: i128 = 0;
    for digit in digits.clone().take(whole_digits) {
        nanos = nanos.saturating_mul(10).saturating_add(digit);
        if nanos > limit {
            return limit;
        }
    }
    for _ in count as i64..point {
        nanos = nanos.saturating_mul(10);
        if nanos == 0 {
            break;
        }
        if nanos > limit {
            return limit;
        }
    }
    let Some(nanos) = nanos.checked_mul(1 << scale.shift) else {
        return limit;
    };

    // The digits behind the nanos, times 2^shift, by long multiplication from the last one: what is carried out in
    // front are whole nanos, and any other digit left behind rounds up.
    let (mut carry, mut rest) = (0, false);
    for digit in digits.rev().take(count - whole_digits) {
        let product = (digit << scale.shift) + carry;
        rest |= product % 10 != 0;
        carry = product / 10;
    }
    for _ in point..0 {
        if carry == 0 {
            break;
        }
        rest |= carry % 10 != 0;
        carry /= 10;
    }
    nanos.saturating_add(carry + i128::from(rest)).min(limit)
}

impl fmt::Display for Quantity {
    /// The canonical form: no fraction, the largest suffix that loses nothing (`1536Mi` for `1.5Gi`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.nanos();
        if nanos == 0 {
            return f.write_str("0");
        }
        if self.format == Format::BinarySi && nanos % UNIT == 0 && nanos.abs() >= 1024 * UNIT {
            let (number, power) = strip_factor(nanos / UNIT, 1024, BINARY.len() - 1);
            return write!(f, "{number}{}", BINARY[power]);
        }
        if self.format == Format::DecimalExponent {
            let (number, power) = strip_factor(nanos, 1000, usize::MAX);
            return match power as i64 * 3 - 9 {
                0 => write!(f, "{number}"),
                exponent => write!(f, "{number}e{exponent}"),
            };
        }
        let (number, power) = strip_factor(nanos, 1000, DECIMAL.len() - 1);
        write!(f, "{number}{}", DECIMAL[power])
    }
}

/// Divides `number` (not 0) by `factor` while nothing is lost, at most `most` times; with how often it did.
fn strip_factor(mut number: i128, factor: i128, most: usize) -> (i128, usize) {
    let mut times = 0;
    while times < most && number % factor == 0 {
        number /= factor;
        times += 1;
    }
    (number, times)
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quantity({self})")
    }
}

impl Default for Quantity {
    fn default() -> Self {
        Self::ZERO
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl Hash for Quantity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nanos.hash(state);
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos().cmp(&other.nanos())
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    /// From a string (spaces around it are ignored), a number, or null, which the API server stores as 0.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(QuantityVisitor)
    }
}

/// White space that the API server takes off a quantity. It looks at the JSON text, where a line break, a tab and some
/// others are escapes and no space: `"128Mi\n"` is refused.
fn is_forgiven_space(c: char) -> bool {
    c.is_whitespace() && c >= ' ' && !matches!(c, '\u{2028}' | '\u{2029}')
}

struct QuantityVisitor;

impl Visitor<'_> for QuantityVisitor {
    type Value = Quantity;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quantity such as 128Mi or 0.5, as a string or a number")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
        text.trim_matches(is_forgiven_space).parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Quantity, E> {
        Ok(Quantity::new(number, Format::DecimalSi))
    }

    /// kubectl counts in 64 bits with a sign, and from there on in floating point.
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Quantity, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => self.visit_f64(number as f64),
        }
    }

    /// By way of the text that kubectl's YAML reader (Go's `encoding/json`) would send: the shortest that reads back (of
    /// two that are as near, the even one: `serde_json` agrees, `std` does not), with an exponent only below 1e-6 and
    /// from 1e21 on.
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Quantity, E> {
        let Some(text) = serde_json::Number::from_f64(number) else {
            return Err(E::invalid_value(de::Unexpected::Float(number), &self));
        };
        let value: Quantity = text.to_string().parse().map_err(E::custom)?;
        let plain = number == 0.0 || (1e-6..1e21).contains(&number.abs());
        let format = if plain {
            Format::DecimalSi
        } else {
            Format::DecimalExponent
        };
        Ok(Quantity::from_nanos(value.nanos(), format))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Quantity, E> {
        Ok(Quantity::ZERO)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
