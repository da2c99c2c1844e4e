use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn quantity(text: &str) -> Quantity {
    text.parse().expect(text)
}

#[rstest]
// Every suffix.
#[case("1n", 1, "1n")]
#[case("1u", 1_000, "1u")]
#[case("1500m", 1_500_000_000, "1500m")]
#[case("128974848", 128_974_848 * UNIT, "128974848")]
#[case("3k", 3_000 * UNIT, "3k")]
#[case("129M", 129_000_000 * UNIT, "129M")]
#[case("1G", 1_000_000_000 * UNIT, "1G")]
#[case("2T", 2_000_000_000_000 * UNIT, "2T")]
#[case("2P", 2_000_000_000_000_000 * UNIT, "2P")]
#[case("1E", 1_000_000_000_000_000_000 * UNIT, "1E")]
#[case("1Ki", 1024 * UNIT, "1Ki")]
#[case("123Mi", (123 << 20) * UNIT, "123Mi")]
#[case("0.5Gi", (1 << 29) * UNIT, "512Mi")]
#[case("1.5Ti", (3 << 39) * UNIT, "1536Gi")]
#[case("1Pi", (1 << 50) * UNIT, "1Pi")]
#[case("1Ei", (1 << 60) * UNIT, "1Ei")]
// `E` is exa alone, an exponent before digits.
#[case("129e6", 129_000_000 * UNIT, "129e6")]
#[case("1E3", 1_000 * UNIT, "1e3")]
#[case("1e+3", 1_000 * UNIT, "1e3")]
#[case("1e-3", 1_000_000, "1e-3")]
#[case("12e0", 12 * UNIT, "12")]
// Signs, points and zeros.
#[case("+5", 5 * UNIT, "5")]
#[case(".5", 500_000_000, "500m")]
#[case("5.", 5 * UNIT, "5")]
#[case("-1.5Gi", -(3 << 29) * UNIT, "-1536Mi")]
#[case("-0", 0, "0")]
#[case("0Ei", 0, "0")]
#[case("007", 7 * UNIT, "7")]
#[case("1.500", 1_500_000_000, "1500m")]
// Finer than a nano: away from zero.
#[case("0.1n", 1, "1n")]
#[case("-0.1n", -1, "-1n")]
#[case("1.0000000001", 1_000_000_001, "1000000001n")]
#[case("0.0000000001Ki", 103, "103n")]
#[case("1e-400", 1, "1e-9")]
// Binary with a fraction of a byte, or below 1Ki, is printed as a decimal.
#[case("1.1Ki", 1_126_400_000_000, "1126400m")]
#[case("0.1Ki", 102_400_000_000, "102400m")]
#[case("1023.5Mi", 1_073_217_536 * UNIT, "1048064Ki")]
// Bounds.
#[case("8Ei", i64::MAX as i128 * UNIT, "9223372036854775807")]
#[case("-9Ei", -(i64::MAX as i128) * UNIT, "-9223372036854775807")]
#[case("123456789012345678901234567890Ki", i64::MAX as i128 * UNIT, "9223372036854775807")]
#[case("9223372036854775808", (1i128 << 63) * UNIT, "9223372036854775808")]
#[case("1000E", 1_000_000_000_000_000_000_000 * UNIT, "1000E")]
#[case("1e400", LIMIT, "100e27")]
#[case("-1e400", -LIMIT, "-100e27")]
#[case("0e400", 0, "0")]
#[case("1e4294967299", 1_000 * UNIT, "1e3")]
#[case("1e-2147483648", 1, "1e-9")]
#[case("1e2147483647", LIMIT, "100e27")]
// Without digits, where apimachinery takes it for 0.
#[case("Mi", 0, "0")]
#[case("-", 0, "0")]
#[case(".", 0, "0")]
fn a_quantity_is_read_exactly_and_printed_in_canonical_form(
    #[case] text: &str,
    #[case] nanos: i128,
    #[case] canonical: &str,
) {
    let read = quantity(text);
    assert_eq!(read.nanos(), nanos);
    assert_eq!(read.to_string(), canonical);
    assert_eq!(quantity(canonical), read, "the canonical form reads back");
}

#[rstest]
#[case("")]
#[case("abc")]
#[case(" 1")]
#[case("Ei")]
#[case("e-10")]
#[case("--1")]
#[case("１")]
fn what_is_no_number_is_refused(#[case] text: &str) {
    assert_eq!(
        text.parse::<Quantity>(),
        Err(QuantityError::NotANumber(text.into()))
    );
}

#[rstest]
#[case("1K", "K")]
#[case("512MB", "MB")]
#[case("1gi", "gi")]
#[case("1 Gi", " Gi")]
#[case("1.1.1", ".1")]
#[case("1e", "e")]
#[case("1e2e3", "e2e3")]
#[case("1e9223372036854775808", "e9223372036854775808")]
#[case("1_000", "_000")]
#[case("1\u{1b}[0m", "\u{1b}[0m")]
fn an_unknown_suffix_is_named(#[case] text: &str, #[case] suffix: &str) {
    let error = text.parse::<Quantity>().unwrap_err();
    assert_eq!(
        error,
        QuantityError::UnknownSuffix {
            text: text.into(),
            suffix: suffix.into()
        }
    );
    assert!(
        !error.to_string().contains('\u{1b}'),
        "control characters are escaped: {error}"
    );
}

#[test]
fn an_error_names_the_text_and_the_way_out() {
    let error = "512MB".parse::<Quantity>().unwrap_err().to_string();
    assert_eq!(
        error,
        "quantity \"512MB\" has the unknown suffix \"MB\": use n u m k M G T P E, Ki Mi Gi Ti Pi Ei or an exponent such as e6"
    );
}

#[rstest]
#[case("1.1", 2, 1_100)]
#[case("-1.1", -2, -1_100)]
#[case("0.1m", 1, 1)]
#[case("64Mi", 64 << 20, (64 << 20) * 1_000)]
#[case("1e400", i64::MAX, i64::MAX)]
#[case("-1e400", i64::MIN, i64::MIN)]
fn whole_units_and_thousandths_round_away_from_zero(
    #[case] text: &str,
    #[case] units: i64,
    #[case] millis: i64,
) {
    assert_eq!(quantity(text).value(), units);
    assert_eq!(quantity(text).milli_value(), millis);
}

#[test]
fn a_sum_prints_like_its_first_part_that_is_not_zero() {
    let sum = quantity("1Gi").checked_add(quantity("1M")).map(Quantity::format);
    assert_eq!(sum, Some(Format::BinarySi));
    assert_eq!(Quantity::ZERO.saturating_add(quantity("1Gi")).to_string(), "1Gi");
    assert_eq!(quantity("300Mi").saturating_mul(2).to_string(), "600Mi");
    assert_eq!(quantity("300Mi").half().to_string(), "150Mi");
    assert_eq!(quantity("3").half(), quantity("2"));
    assert_eq!(quantity("0").half(), Quantity::ZERO);
}

#[test]
fn sums_and_products_stop_at_the_largest_quantity() {
    assert_eq!(Quantity::MAX.checked_add(quantity("1n")), None);
    assert_eq!(Quantity::MAX.saturating_add(Quantity::MAX), Quantity::MAX);
    assert_eq!(Quantity::MAX.saturating_mul(u32::MAX), Quantity::MAX);
    assert_eq!(
        quantity("-1e400").saturating_sub(Quantity::MAX),
        quantity("-1e400")
    );
}

#[rstest]
#[case("\" 128Mi \"", "128Mi")]
#[case("128974848", "128974848")]
#[case("-3", "-3")]
#[case("\"\u{a0}128Mi\u{85}\"", "128Mi")]
#[case("9223372036854775807", "9223372036854775807")]
#[case::past_63_bits_as_a_float("18446744073709551615", "18446744073709552k")]
#[case("0.1", "100m")]
#[case("129e6", "129M")]
#[case("1e22", "10e21")]
#[case("1e17", "100P")]
#[case::the_even_one_of_two_that_are_as_near("1999325533251529.25", "1999325533251529200m")]
#[case("1.5e-7", "150e-9")]
#[case("null", "0")]
fn json_may_hold_a_string_or_a_number(#[case] json: &str, #[case] canonical: &str) {
    let read: Quantity = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), format!("\"{canonical}\""));
}

#[rstest]
#[case("129e6", "129M")]
#[case("0.5Gi", "512Mi")]
#[case("'1e3'", "1e3")]
#[case("2", "2")]
#[case("~", "0")]
fn yaml_may_leave_the_quotes_out(#[case] yaml: &str, #[case] canonical: &str) {
    assert_eq!(
        serde_saphyr::from_str::<Quantity>(yaml).unwrap().to_string(),
        canonical
    );
}

#[test]
fn json_of_another_shape_is_an_error() {
    assert!(serde_json::from_str::<Quantity>("true").is_err());
    assert!(serde_json::from_str::<Quantity>("\"1K\"").is_err());
    // White space that JSON escapes is not taken off: in YAML, that of a block scalar's end.
    for space in ["\\n", "\\t", "\\r", "\u{2028}", "\u{2029}"] {
        let json = format!("\"128Mi{space}\"");
        assert!(serde_json::from_str::<Quantity>(&json).is_err(), "{json}");
    }
    assert!(serde_saphyr::from_str::<Quantity>(".inf").is_err());
    assert!(serde_saphyr::from_str::<Quantity>(".nan").is_err());
}

#[test]
fn a_quantity_stays_small() {
    assert_eq!(size_of::<Quantity>(), 17);
    assert_eq!(size_of::<Option<Quantity>>(), 17);
}

fn texts() -> impl Strategy<Value = String> {
    (
        "[+-]?",
        "[0-9]{1,24}",
        "(\\.[0-9]{0,14})?",
        "[numkMGTPE]?|[KMGTPE]i|[eE][+-]?[0-9]{1,2}",
    )
        .prop_map(|(sign, whole, fraction, suffix)| format!("{sign}{whole}{fraction}{suffix}"))
}

proptest! {
    #![proptest_config(crate::model::testing::cases(256))]

    #[test]
    fn every_text_of_the_grammar_reads_and_prints_back(text in texts()) {
        let read = quantity(&text);
        let printed = read.to_string();
        prop_assert_eq!(quantity(&printed), read);
        prop_assert_eq!(quantity(&printed).to_string(), printed);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        let _ = text.parse::<Quantity>();
    }

    #[test]
    fn a_sign_only_mirrors(text in "[0-9]{1,20}(\\.[0-9]{1,14})?([kMG]i?)?") {
        let text = text.replace("ki", "Ki");
        prop_assert_eq!(quantity(&text).nanos(), -quantity(&format!("-{text}")).nanos());
    }

    #[test]
    fn order_agrees_with_addition(a in texts(), b in texts(), c in texts()) {
        let (a, b, c) = (quantity(&a), quantity(&b), quantity(&c));
        prop_assert_eq!(a.saturating_add(b), b.saturating_add(a));
        if a <= b {
            prop_assert!(a.saturating_add(c) <= b.saturating_add(c));
        }
        if let Some(sum) = a.checked_add(b) {
            prop_assert_eq!(sum.cmp(&a), b.cmp(&Quantity::ZERO));
            prop_assert_eq!(sum.saturating_sub(b), a);
        }
    }

    #[test]
    fn a_longer_fraction_is_never_less(
        whole in "[0-9]{1,6}",
        fraction in "[0-9]{0,12}",
        more in "[0-9]{0,60}",
        suffix in "[KMGTPE]i|[mkM]?",
    ) {
        let shorter = quantity(&format!("{whole}.{fraction}{suffix}"));
        let longer = quantity(&format!("{whole}.{fraction}{more}{suffix}"));
        prop_assert!(shorter <= longer);
    }
}
