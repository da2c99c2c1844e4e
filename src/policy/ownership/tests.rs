use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::index::Index;
use crate::model::config::ClusterVersion;
use crate::model::context::Namespace;
use crate::model::object::Object;
use crate::model::testing::{cases, deployment, namespace};
use crate::model::text::steers;
use crate::model::time::Moment;
use crate::model::workload::Workload;

/// What is said of `shop/web` by itself and by its namespace.
fn of(web: &Workload, shop: Namespace, policy: &Policy) -> Ownership {
    let mut index = Index::complete(ClusterVersion::NEWEST);
    index.apply(web.clone().object(), Moment(0));
    index.apply(Object::Namespace(shop), Moment(0));
    Ownership::of(&index.view(&web.key).expect("a workload"), policy)
}

fn shop(labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Namespace {
    let pair = |(key, value): &(&str, &str)| ((*key).into(), (*value).into());
    Namespace {
        annotations: annotations.iter().map(pair).collect(),
        ..namespace("shop", labels)
    }
}

#[rstest]
#[case::its_own_annotation(deployment("shop/web").annotated("plimsoll.dev/owner", "a"), &[], &[], Some("a"))]
#[case::its_own_label(deployment("shop/web").label("plimsoll.dev/owner", "a"), &[], &[], Some("a"))]
#[case::an_annotation_before_a_label_of_the_same_key(
    deployment("shop/web").label("plimsoll.dev/owner", "b").annotated("plimsoll.dev/owner", "a"), &[], &[], Some("a"))]
#[case::the_first_key_before_the_second_whatever_they_are(
    deployment("shop/web").label("plimsoll.dev/owner", "a").annotated("a8r.io/owner", "b"), &[], &[], Some("a"))]
#[case::the_second_key(deployment("shop/web").annotated("a8r.io/owner", "b"), &[], &[], Some("b"))]
#[case::the_usual_labels(deployment("shop/web").label("team", "t").label("owner", "o"), &[], &[], Some("o"))]
#[case::its_last_key_before_its_namespaces_first(
    deployment("shop/web").label("team", "t"), &[], &[("plimsoll.dev/owner", "ns")], Some("t"))]
#[case::its_namespaces_annotation(deployment("shop/web"), &[("team", "t")], &[("plimsoll.dev/owner", "ns")], Some("ns"))]
#[case::its_namespaces_label(deployment("shop/web"), &[("team", "t")], &[], Some("t"))]
#[case::an_empty_one_says_nothing(
    deployment("shop/web").annotated("plimsoll.dev/owner", " "), &[("team", "t")], &[], Some("t"))]
#[case::nobody(deployment("shop/web"), &[], &[], None)]
fn the_workload_speaks_before_its_namespace_and_each_in_the_order_of_the_keys(
    #[case] web: Workload,
    #[case] labels: &[(&str, &str)],
    #[case] annotations: &[(&str, &str)],
    #[case] owner: Option<&str>,
) {
    let said = of(&web, shop(labels, annotations), &Policy::default());
    assert_eq!(said.owner.as_deref(), owner);
}

#[test]
fn a_policy_may_name_other_keys() {
    let policy = Policy {
        owner_keys: vec!["example.com/squad".into()],
        runbook_keys: vec![],
        criticality_keys: vec!["tier".into()],
        ..Policy::default()
    };
    let web = deployment("shop/web")
        .annotated("plimsoll.dev/owner", "not asked for")
        .annotated("plimsoll.dev/runbook", "nor this")
        .label("example.com/squad", "checkout")
        .label("tier", "internal");
    let said = of(&web, shop(&[], &[]), &policy);
    let expected = Ownership {
        owner: Some("checkout".into()),
        runbook: None,
        criticality: Some(Criticality::Internal),
    };
    assert_eq!(said, expected);
}

#[rstest]
#[case("Customer", Some(Criticality::Customer))]
#[case("internal", Some(Criticality::Internal))]
#[case(" BATCH ", Some(Criticality::Batch))]
#[case("tier-1", None)]
#[case("", None)]
fn criticality_is_one_of_three_words(#[case] text: &str, #[case] criticality: Option<Criticality>) {
    assert_eq!(Criticality::parse(text), criticality);
    let web = deployment("shop/web").annotated("plimsoll.dev/criticality", text);
    let inherited = shop(&[], &[("plimsoll.dev/criticality", "Batch")]);
    // What is no answer hides none.
    assert_eq!(
        of(&web, inherited, &Policy::default()).criticality,
        criticality.or(Some(Criticality::Batch))
    );
}

#[rstest]
#[case::a_page("https://wiki.example.com/web?x=1#top", true)]
#[case::without_tls("HTTP://wiki/web", true)]
#[case::a_port("http://localhost:8080/", true)]
#[case::an_at_in_the_path("https://example.com/@web", true)]
#[case::a_sentence("restart it, then call 555-1234: ask for Kim", true)]
#[case::a_word("wiki/web", true)]
#[case::a_script("javascript:alert(1)", false)]
#[case::a_script_in_capitals("JaVaScRiPt:alert(1)", false)]
#[case::a_file("file:///etc/passwd", false)]
#[case::data("data:text/html,x", false)]
#[case::a_password("https://admin:secret@example.com/", false)]
#[case::a_false_host("https://github.com@evil.example/", false)]
#[case::a_false_host_by_backslash("https://evil.example\\@github.com/", false)]
#[case::no_host("https:///etc/passwd", false)]
#[case::no_slashes("https:example.com", false)]
#[case::a_space("https://example.com/ rm -rf", false)]
#[case::markup("https://example.com/\"><script>", false)]
#[case::turned_round("https://example.com/\u{202e}moc", false)]
fn a_runbook_is_a_page_or_a_sentence(#[case] text: &str, #[case] shown: bool) {
    assert_eq!(runbook(text).as_deref(), shown.then_some(text));
}

#[test]
fn a_long_address_is_left_out_and_a_long_sentence_cut() {
    let path = "x".repeat(RUNBOOK_MAX);
    assert_eq!(runbook(&format!("https://{path}/")), None);
    assert_eq!(
        runbook(&format!("{path} {path}")).map(|s| s.chars().count()),
        Some(RUNBOOK_MAX)
    );
}

proptest! {
    #![proptest_config(cases(512))]

    /// Strangers write these.
    #[test]
    fn what_is_shown_is_short_and_steers_nothing(text in "(https?://|javascript:|)?\\PC{0,40}[\u{0}-\u{1f}\u{200b}-\u{202e}]{0,4}.{0,400}") {
        let web = deployment("shop/web")
            .annotated("plimsoll.dev/owner", &text)
            .annotated("plimsoll.dev/runbook", &text)
            .annotated("plimsoll.dev/criticality", &text);
        let said = of(&web, shop(&[], &[]), &Policy::default());
        let leads_elsewhere = |runbook: &String| runbook.trim().to_ascii_lowercase().starts_with("javascript:a");
        prop_assert!(!said.runbook.as_ref().is_some_and(leads_elsewhere), "{:?}", said.runbook);
        for shown in [said.owner, said.runbook].into_iter().flatten() {
            prop_assert!(!shown.contains(steers) && shown.chars().count() <= RUNBOOK_MAX, "{shown:?}");
        }
    }
}
