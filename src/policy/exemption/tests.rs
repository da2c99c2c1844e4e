use jiff::civil::date;
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::model::testing::cases;

#[rstest]
#[case("one licence", "one licence", None, &[])]
#[case("  one licence ; ", "one licence", None, &[])]
#[case("why; until=2027-03-31", "why", Some(date(2027, 3, 31)), &[])]
#[case("why;until = 2028-02-29;containers= app , db", "why", Some(date(2028, 2, 29)), &["app", "db"])]
#[case("why; containers=app; until=2027-03-31", "why", Some(date(2027, 3, 31)), &["app"])]
#[case("a=b, c=d", "a=b, c=d", None, &[])]
#[case("bis März, 漢字", "bis März, 漢字", None, &[])]
fn it_is_a_reason_and_what_limits_it(
    #[case] text: &str,
    #[case] reason: &str,
    #[case] until: Option<Date>,
    #[case] containers: &[&str],
) {
    let exemption = Exemption::parse(text).expect("an exemption");
    assert_eq!((&*exemption.reason, exemption.until), (reason, until));
    assert_eq!(exemption.containers, containers);
}

#[rstest]
#[case("", "gives no reason")]
#[case(" ; until=2027-03-31", "gives no reason")]
#[case("until=2027-03-31", "gives no reason")]
#[case("containers=app; why", "gives no reason")]
#[case(
    "why; untl=2027-03-31",
    "has a part that is neither until= nor containers=: \"untl=2027-03-31\""
)]
#[case(
    "why; and more",
    "has a part that is neither until= nor containers=: \"and more\""
)]
#[case(
    "why; until=2027-02-29",
    "has an until= that is no date such as 2027-03-31: \"2027-02-29\""
)]
#[case(
    "why; until=tomorrow",
    "has an until= that is no date such as 2027-03-31: \"tomorrow\""
)]
#[case(
    "why; until=20270331",
    "has an until= that is no date such as 2027-03-31: \"20270331\""
)]
#[case(
    "why; until=2027-03-31T12:00:00Z",
    "has an until= that is no date such as 2027-03-31: \"2027-03-31T12:00:00Z\""
)]
#[case("why; until=", "has an until= that is no date such as 2027-03-31: \"\"")]
#[case("why; until", "has an until= that is no date such as 2027-03-31: \"\"")]
#[case("why; until=2027-03-31; until=2028-03-31", "has until= twice")]
#[case("why; containers=a; containers=b", "has containers= twice")]
#[case("why; containers=", "has a containers= that names no container: \"\"")]
#[case("why; containers=a,,b", "has a containers= that names no container: \"\"")]
#[case("why; containers=A_b", "has a containers= that names no container: \"A_b\"")]
fn what_cannot_be_read_says_why(#[case] text: &str, #[case] why: &str) {
    assert_eq!(Exemption::parse(text).expect_err("refused").to_string(), why);
}

#[test]
fn it_holds_to_the_end_of_its_day_in_utc() {
    let exemption = Exemption::parse("why; until=2027-03-31").expect("an exemption");
    assert_eq!(
        exemption.ends(),
        Some("2027-04-01T00:00:00Z".parse().expect("a time"))
    );
    let endless = Exemption::parse("why").expect("an exemption");
    assert_eq!(endless.ends(), None);
    let last = Exemption::parse("why; until=9999-12-31").expect("an exemption");
    assert_eq!(last.ends(), None, "there is no day after it");
}

#[test]
fn containers_limit_it_to_what_is_said_of_them() {
    let some = Exemption::parse("why; containers=app,db").expect("an exemption");
    assert!(some.covers(Some("db")) && !some.covers(Some("web")) && !some.covers(None));
    let all = Exemption::parse("why").expect("an exemption");
    assert!(all.covers(Some("web")) && all.covers(None));
}

#[test]
fn an_annotation_of_256_kib_is_read_and_its_reason_cut() {
    let exemption = Exemption::parse(&"why ".repeat(64 << 10)).expect("an exemption");
    assert_eq!(exemption.reason.chars().count(), REASON_MAX);
    let many = format!("why; containers={}", "app,".repeat(64 << 10));
    assert!(Exemption::parse(&many).is_err(), "the last one is empty");
    assert!(Exemption::parse(&format!("why{}", "; ".repeat(128 << 10))).is_ok());
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn no_text_panics_and_what_is_read_has_a_reason(text in "([ -~;=,]|until=|containers=|[0-9]{4}-[0-9]{2}-[0-9]{2}|\\PC){0,24}") {
        if let Ok(exemption) = Exemption::parse(&text) {
            prop_assert!(!exemption.reason.is_empty());
            let _ = exemption.ends();
        }
    }
}
