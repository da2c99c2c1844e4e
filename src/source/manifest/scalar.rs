//! What a YAML scalar means to Kubernetes.
//!
//! kubectl turns YAML into JSON with sigs.k8s.io/yaml, which reads YAML 1.1 by the rules of go-yaml v2 (`resolve.go`):
//! `yes` is true, `0755` is 493, `1_000` is 1000, and a number that a float cannot hold is text. This is the same, held
//! to it by `tests/yaml_oracle.rs`.

use std::borrow::Cow;

use granit_parser::Tag;

use super::tree::Value;
use crate::model::text::clip;

/// The tags of <https://yaml.org/type/>: `!!str` and so on.
const NAMESPACE: &str = "tag:yaml.org,2002:";

/// The value of a scalar. `plain` = without quotes, and no block.
///
/// # Errors
/// What a tag asks for and the text is not.
pub(super) fn scalar<'a>(text: Cow<'a, str>, plain: bool, tag: Option<&Tag>) -> Result<Value<'a>, String> {
    let Some(tag) = tag else {
        return Ok(if plain { untagged(text) } else { Value::Text(text) });
    };
    let name = tag.suffix_in_namespace(NAMESPACE);
    let right = |value: &Value<'_>| match name.as_deref() {
        Some("bool") => matches!(value, Value::Bool(_)),
        Some("int") => matches!(value, Value::Int(_) | Value::Unsigned(_)),
        Some("float") => matches!(value, Value::Float(_)),
        Some("null") => matches!(value, Value::Null),
        _ => true,
    };
    let value = match name.as_deref() {
        Some("bool" | "int" | "null") => untagged(text.clone()),
        Some("float") => match untagged(text.clone()) {
            Value::Int(whole) => Value::Float(whole as f64),
            other => other,
        },
        _ => Value::Text(text.clone()),
    };
    if right(&value) {
        Ok(value)
    } else {
        Err(format!(
            "{:?} is no !!{}; remove the tag",
            clip(&text, 40),
            name.as_deref().unwrap_or_default()
        ))
    }
}

/// Whether a key is the merge key.
pub(super) fn is_merge(text: &str, plain: bool, tag: Option<&Tag>) -> bool {
    text == "<<"
        && match tag {
            None => plain,
            Some(tag) => tag.suffix_in_namespace(NAMESPACE).as_deref() == Some("merge"),
        }
}

/// A scalar by its text alone.
pub(super) fn untagged(text: Cow<'_, str>) -> Value<'_> {
    meaning(&text).unwrap_or(Value::Text(text))
}

/// A key by its text alone; `None` when it is none.
pub(super) fn untagged_key(text: &str) -> Option<Cow<'_, str>> {
    meaning(text).map_or(Some(text.into()), key)
}

/// What a text stands for; `None` = for itself.
fn meaning(text: &str) -> Option<Value<'static>> {
    match text.as_bytes().first() {
        None => Some(Value::Null),
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~') => word(text),
        Some(b'.') => fraction(text),
        Some(b'0'..=b'9' | b'+' | b'-') => number(text),
        Some(_) => None,
    }
}

fn word(text: &str) -> Option<Value<'static>> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Some(Value::Bool(true))
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Some(Value::Bool(false))
        }
        "~" | "null" | "Null" | "NULL" => Some(Value::Null),
        _ => None,
    }
}

/// Those that JSON cannot say.
fn special(text: &str) -> Option<Value<'static>> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(Value::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(Value::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => Some(Value::Float(f64::NEG_INFINITY)),
        _ => None,
    }
}

/// `.5`. Go's own floats may have a `_` between two digits.
fn fraction(text: &str) -> Option<Value<'static>> {
    if !text.contains('_') {
        return special(text).or_else(|| float(text));
    }
    let digit = |c: char| c.is_ascii_digit();
    let mut parts = text[1..].split('_');
    let first = parts.next().is_some_and(|part| part.ends_with(digit));
    (first && parts.all(|part| part.starts_with(digit))).then(|| float(&text.replace('_', "")))?
}

fn number(text: &str) -> Option<Value<'static>> {
    if let Some(value) = special(text) {
        return Some(value);
    }
    let digits: Cow<'_, str> = if text.contains('_') {
        text.replace('_', "").into()
    } else {
        text.into()
    };
    integer(&digits).or_else(|| float(&digits)).or_else(|| {
        // `0b-1`: go-yaml's own reading of it.
        let binary = i64::from_str_radix(digits.strip_prefix("0b")?, 2).ok()?;
        Some(Value::Int(binary))
    })
}

/// A Go integer literal: decimal, `0x`, `0o`, `0b`, or octal after a `0`.
fn integer(text: &str) -> Option<Value<'static>> {
    let (sign, digits) = match text.as_bytes() {
        [b'-', ..] => ("-", &text[1..]),
        [b'+', ..] => ("+", &text[1..]),
        _ => ("", text),
    };
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&digits[2..], 16),
        [b'0', b'o' | b'O', ..] => (&digits[2..], 8),
        [b'0', b'b' | b'B', ..] => (&digits[2..], 2),
        [b'0', _, ..] => (&digits[1..], 8),
        _ => (digits, 10),
    };
    if !digits.as_bytes().first()?.is_ascii_alphanumeric() {
        return None;
    }
    match u64::from_str_radix(digits, radix) {
        Ok(number) if sign == "-" => 0_i64.checked_sub_unsigned(number).map(Value::Int),
        Ok(number) => match i64::try_from(number) {
            Ok(number) => Some(Value::Int(number)),
            // Go reads no sign before what only fits without one.
            Err(_) => sign.is_empty().then_some(Value::Unsigned(number)),
        },
        Err(_) => None,
    }
}

/// A decimal float that is finite; `1e400` is text.
fn float(text: &str) -> Option<Value<'static>> {
    let first = text.trim_start_matches(['+', '-']).as_bytes().first()?;
    // Rust also reads `+inf`.
    if !(first.is_ascii_digit() || *first == b'.') {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    number.is_finite().then_some(Value::Float(number))
}

/// A key as JSON has it; `None` for what cannot be a key there.
pub(super) fn key(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::Text(text) => Some(text),
        Value::Bool(value) => Some(value.to_string().into()),
        Value::Int(number) => Some(number.to_string().into()),
        Value::Float(number) => Some(float_key(number).into()),
        _ => None,
    }
}

/// Go's `FormatFloat(number, 'g', -1, 32)`: the shortest digits that name the 32-bit float, with an exponent of two
/// digits when it is below -4 or above 5.
fn float_key(number: f64) -> String {
    let number = number as f32;
    if number.is_nan() {
        return ".nan".to_owned();
    } else if number.is_infinite() {
        return if number > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if (-4..6).contains(&exponent) => number.to_string(),
        Ok(exponent) => format!(
            "{digits}e{}{:02}",
            if exponent < 0 { '-' } else { '+' },
            exponent.abs()
        ),
        Err(_) => scientific,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// As Go's JSON has it: a whole float is a whole number there.
    fn json(value: &Value<'_>) -> String {
        match value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Int(number) => number.to_string(),
            Value::Unsigned(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Text(text) => format!("{text:?}"),
            other => panic!("{other:?} is no scalar"),
        }
    }

    /// Each was asked of sigs.k8s.io/yaml 1.6.
    #[rstest]
    #[case::empty("", "null")]
    #[case::tilde("~", "null")]
    #[case::yes("yes", "true")]
    #[case::y("y", "true")]
    #[case::off("OFF", "false")]
    #[case::no_word("nO", "\"nO\"")]
    #[case::octal("0755", "493")]
    #[case::octal_of_1_2("0o17", "15")]
    #[case::no_octal("08", "8")]
    #[case::hexadecimal("-0x1F", "-31")]
    #[case::binary("0b101", "5")]
    #[case::underscores("1_000", "1000")]
    #[case::plus("+5", "5")]
    #[case::octal_with_underscore("0_7", "7")]
    #[case::negative_binary("0b-1", "-1")]
    #[case::no_binary("0b2", "\"0b2\"")]
    #[case::fraction_with_underscore(".5_0", "0.5")]
    #[case::underscore_first("._5", "\"._5\"")]
    #[case::negative_fraction("-.5", "-0.5")]
    #[case::point_at_the_end("1.", "1")]
    #[case::above_i64("9223372036854775808", "9223372036854775808")]
    #[case::above_u64("18446744073709551616", "18446744073709552000")]
    #[case::plus_above_i64("+9223372036854775808", "9223372036854776000")]
    #[case::lowest("-9223372036854775808", "-9223372036854775808")]
    #[case::float("1.50", "1.5")]
    #[case::whole_float("2.0", "2")]
    #[case::exponent("1e3", "1000")]
    #[case::fraction(".5", "0.5")]
    #[case::too_large("1e400", "\"1e400\"")]
    #[case::sexagesimal("1:30", "\"1:30\"")]
    #[case::date("2001-12-14", "\"2001-12-14\"")]
    #[case::version("1.2.3", "\"1.2.3\"")]
    #[case::quantity("128Mi", "\"128Mi\"")]
    #[case::infinity_of_rust("+inf", "\"+inf\"")]
    #[case::hexadecimal_without_digits("0x", "\"0x\"")]
    fn plain_scalars_are_what_kubectl_makes_of_them(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(json(&untagged(text.into())), expected);
        let quoted = scalar(text.into(), false, None).expect("quoted text is text");
        assert_eq!(quoted, Value::Text(text.into()));
    }

    #[rstest]
    #[case("80", "80")]
    #[case("0x10", "16")]
    #[case("yes", "true")]
    #[case("1.50", "1.5")]
    #[case("1e6", "1e+06")]
    #[case("0.00001", "1e-05")]
    #[case("123456.7", "123456.7")]
    #[case(".inf", ".inf")]
    fn a_key_that_is_no_string_becomes_one(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(key(untagged(text.into())).as_deref(), Some(expected));
    }

    #[rstest]
    #[case("~")]
    #[case("18446744073709551615")]
    fn some_keys_cannot_become_strings(#[case] text: &str) {
        assert_eq!(key(untagged(text.into())), None);
    }
}
