use proptest::prelude::*;
use rstest::rstest;
use semver::VersionReq;

use super::*;
use crate::model::testing::cases;

fn asked(text: &str) -> Vec<Comparator> {
    text.split_whitespace()
        .map(|one| Comparator::parse(one).expect("a comparator"))
        .collect()
}

fn annotated(text: &str) -> PodVersion {
    PodVersion::of(Some(text), None, None).expect("a version")
}

fn tagged(tag: &str) -> PodVersion {
    PodVersion::of(None, None, Some(&format!("example.com/web:{tag}"))).expect("a version")
}

#[rstest]
#[case::the_annotation_first(Some("1.0.0"), Some("2.0.0"), Some("web:3.0.0"), Some("1.0.0"))]
#[case::an_annotation_that_is_none_hides_the_others(
    Some("one"),
    Some("2.0.0"),
    Some("web:3.0.0"),
    Some("one")
)]
#[case::then_the_label(None, Some("2.0.0"), Some("web:3.0.0"), Some("2.0.0"))]
#[case::a_label_that_is_none_hides_nothing(None, Some("2024-05-01"), Some("web:3.0.0"), Some("3.0.0"))]
#[case::a_label_with_two_numbers(None, Some("2.0"), None, None)]
#[case::then_the_tag(None, None, Some("web:v3.0.0"), Some("v3.0.0"))]
#[case::of_a_registry_with_a_port(None, None, Some("registry:5000/shop/web:3.0.0"), Some("3.0.0"))]
#[case::a_port_is_no_tag(None, None, Some("registry:5000/shop/web"), None)]
#[case::beside_a_digest(None, None, Some("web:3.0.0@sha256:0123abcd"), Some("3.0.0"))]
#[case::a_digest_is_no_version(None, None, Some("web@sha256:0123abcd"), None)]
#[case::a_moving_tag(None, None, Some("web:1.25"), None)]
#[case::latest(None, None, Some("web:latest"), None)]
#[case::a_hash_of_digits(None, None, Some("web:1234567"), None)]
#[case::no_tag(None, None, Some("web"), None)]
#[case::nothing(None, None, None, None)]
fn a_version_comes_from_the_first_that_says_one(
    #[case] annotation: Option<&str>,
    #[case] label: Option<&str>,
    #[case] image: Option<&str>,
    #[case] text: Option<&str>,
) {
    let version = PodVersion::of(annotation, label, image);
    assert_eq!(version.as_ref().map(|v| &*v.text), text);
}

#[rstest]
#[case("2.3.0", ">=2.3.0", Some(true))]
#[case("v2.3.0", ">=2.3.0", Some(true))]
#[case("2.2.9", ">=2.3.0", Some(false))]
#[case("10.0.0", ">=9.0.0", Some(true))]
#[case("1.8.0", ">=1.8 <2", Some(true))]
#[case("1.7.9", ">=1.8 <2", Some(false))]
#[case("2.0.0", ">=1.8 <2", Some(false))]
#[case("1.8.5", ">1.8", Some(false))]
#[case("1.9.0", ">1.8", Some(true))]
#[case("1.8.1", ">1.8.0", Some(true))]
#[case("1.8.5", "<=1.8", Some(true))]
#[case("1.9.0", "<=1.8", Some(false))]
#[case("1.8.5", "=1.8", Some(true))]
#[case("1.8.5", "=1.8.4", Some(false))]
#[case("1.8.5", "=1", Some(true))]
#[case("0.3.9", "^0.3.2", Some(true))]
#[case("0.4.0", "^0.3.2", Some(false))]
#[case("0.0.4", "^0.0.3", Some(false))]
#[case("1.9.9", "^1.2", Some(true))]
#[case("2.0.0", "^1", Some(false))]
#[case("1.2.9", "~1.2.3", Some(true))]
#[case("1.3.0", "~1.2.3", Some(false))]
#[case("1.9.9", "~1", Some(true))]
#[case("2.3.0+build.7", "=2.3.0", Some(true))]
#[case::before_the_release("2.3.0-rc.1", ">=2.3.0", Some(false))]
#[case::before_a_later_release("2.4.0-rc.1", ">=2.3.0", Some(true))]
#[case::before_the_limit("2.0.0-rc.1", "<2", Some(false))]
#[case::before_the_limit_whose_own_is_named("2.0.0-rc.1", "<2.0.0-rc.2", Some(true))]
#[case::of_a_series("1.9.0-rc.1", "=1.8", Some(false))]
#[case::no_version("one", ">=1", None)]
#[case::two_numbers("1.8", ">=1", None)]
#[case::the_largest_number("18446744073709551615.0.0", "^18446744073709551615", Some(true))]
fn a_version_is_one_that_is_asked_for(#[case] version: &str, #[case] text: &str, #[case] met: Option<bool>) {
    assert_eq!(annotated(version).satisfies(&asked(text)), met);
}

#[rstest]
#[case::at_the_limit("2.3.0-alpine", ">=2.3.0", None)]
#[case::above_it("2.4.1-alpine", ">=2.3.0", Some(true))]
#[case::below_it("2.2.0-alpine", ">=2.3.0", Some(false))]
#[case::at_the_other_limit("2.0.0-alpine", "<2", Some(false))]
#[case::up_to_it("2.0.0-alpine", "<=2.0.0", Some(true))]
fn a_tag_does_not_say_whether_it_is_a_variant_or_comes_before_a_release(
    #[case] tag: &str,
    #[case] text: &str,
    #[case] met: Option<bool>,
) {
    assert_eq!(tagged(tag).satisfies(&asked(text)), met);
}

#[test]
fn what_is_kept_is_short_and_steers_nothing() {
    let version = annotated(&format!("\u{1b}[2J{}", "x".repeat(1000)));
    assert_eq!(version.text.chars().count(), TEXT_MAX);
    assert!(version.text.starts_with("\u{fffd}[2J"), "{version}");
}

proptest! {
    #![proptest_config(cases(2048))]

    /// Of releases, the crate's own matching is the oracle; of what comes before one it has other rules.
    #[test]
    fn releases_match_as_the_crate_has_it(
        version in (0..4u64, 0..4u64, 0..4u64),
        text in "(=|>|>=|<|<=|~|\\^)[0-3](\\.[0-3](\\.[0-3])?)?",
    ) {
        let version = Version::new(version.0, version.1, version.2);
        let expected = VersionReq::parse(&text).expect("comparators").matches(&version);
        prop_assert_eq!(annotated(&version.to_string()).satisfies(&asked(&text)), Some(expected), "{} {}", version, text);
    }

    /// Whoever asks for more versions is content with no fewer.
    #[test]
    fn a_lower_limit_that_falls_loses_nobody(version in (0..4u64, 0..4u64, 0..4u64), low in 0..4u64, high in 0..4u64) {
        let (low, high) = (low.min(high), low.max(high));
        let version = annotated(&format!("{}.{}.{}", version.0, version.1, version.2));
        let met = |limit: u64| version.satisfies(&asked(&format!(">={limit}")));
        prop_assert!(met(low) >= met(high));
    }
}
