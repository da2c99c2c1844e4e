//! `matchLabelKeys`, `mismatchLabelKeys`, `namespaces` and `namespaceSelector`.

use super::*;
use crate::model::testing::namespace;

const OTHER_PODS: &str = "selects other pods";
const OTHER_NAMESPACES: &str = "looks at pods of other namespaces";

fn names(names: &[&str]) -> Vec<crate::model::keys::Name> {
    names.iter().map(|name| (*name).into()).collect()
}

#[rstest]
#[case::the_revision_is_shared(36, &["pod-template-hash"], true)]
#[case::an_own_label(36, &["app"], true)]
#[case::a_key_that_the_pods_lack_is_ignored(36, &["no-such-label"], true)]
#[case::several(36, &["app", "pod-template-hash", "no-such-label"], true)]
fn spread_by_match_label_keys_still_selects_its_own_pods(
    #[case] version: u32,
    #[case] keys: &[&str],
    #[case] counts: bool,
) {
    let said = said(version, with_spread(|c| c.match_label_keys = names(keys)), vec![]);
    assert_eq!(said == [PREFERRED], counts, "{said:?}");
}

#[rstest]
#[case::read_from_1_27_on(27, false)]
#[case::not_read_before(26, true)]
fn a_key_that_differs_in_each_pod_leaves_none_to_spread_from(#[case] version: u32, #[case] counts: bool) {
    let mut constraint = spread(HOSTNAME_LABEL, Some(selector(&[("app", "db")])));
    constraint.match_label_keys = names(&["statefulset.kubernetes.io/pod-name"]);
    let db = stateful_set("shop/db")
        .replicas(3)
        .with(|w| w.template.spread.push(constraint));
    let said = lines(&index(version, [db.object()]), RULE, Kind::StatefulSet, "shop/db");
    assert_eq!(said == [PREFERRED], counts, "{said:?}");
}

#[rstest]
#[case::match_own_revision(36, &["pod-template-hash"], &[], true)]
#[case::match_own_label(36, &["app"], &[], true)]
#[case::match_a_key_that_the_pods_lack(36, &["no-such-label"], &[], true)]
#[case::mismatch_excludes_its_own_pods(36, &[], &["app"], false)]
#[case::mismatch_of_the_revision_excludes_its_own_pods(36, &[], &["pod-template-hash"], false)]
#[case::mismatch_of_a_key_that_the_pods_lack(36, &[], &["no-such-label"], true)]
#[case::read_from_1_31_on(31, &[], &["app"], false)]
#[case::not_read_before(30, &[], &["app"], true)]
fn anti_affinity_reads_both_lists_of_keys(
    #[case] version: u32,
    #[case] matching: &[&str],
    #[case] mismatching: &[&str],
    #[case] counts: bool,
) {
    let workload = with_term(|t| {
        t.match_label_keys = names(matching);
        t.mismatch_label_keys = names(mismatching);
    });
    let said = said(version, workload, vec![]);
    assert_eq!(said == [PREFERRED], counts, "{said:?}");
    assert_eq!(said[0].contains(OTHER_PODS), !counts, "{said:?}");
}

#[rstest]
#[case::any_revision("Exists", &[], true)]
#[case::no_revision("DoesNotExist", &[], false)]
#[case::a_certain_revision("In", &["5d4f8c7b9"], false)]
fn a_selector_may_look_at_the_label_that_the_controller_adds(
    #[case] operator: &str,
    #[case] values: &[&str],
    #[case] counts: bool,
) {
    let workload = with_spread(|c| {
        c.selector = by_expression(
            &serde_json::json!({"key": "pod-template-hash", "operator": operator, "values": values}),
        );
    });
    let said = said(36, workload, vec![]);
    assert_eq!(said == [PREFERRED], counts, "{said:?}");
}

#[rstest]
#[case::neither_means_its_own(&[], None, PREFERRED)]
#[case::its_own_by_name(&["other", "shop"], None, PREFERRED)]
#[case::others_by_name(&["other"], None, OTHER_NAMESPACES)]
#[case::all(&[], Some(selector(&[])), PREFERRED)]
#[case::all_beside_others_by_name(&["other"], Some(selector(&[])), PREFERRED)]
#[case::its_own_by_the_label_that_all_have(&[], Some(selector(&[("kubernetes.io/metadata.name", "shop")])), PREFERRED)]
#[case::others_by_the_label_that_all_have(
    &[],
    Some(selector(&[("kubernetes.io/metadata.name", "other")])),
    OTHER_NAMESPACES
)]
#[case::its_own_by_a_label(&[], Some(selector(&[("team", "a")])), PREFERRED)]
#[case::others_by_a_label(&[], Some(selector(&[("team", "b")])), OTHER_NAMESPACES)]
#[case::its_own_by_name_others_by_label(&["shop"], Some(selector(&[("team", "b")])), PREFERRED)]
fn anti_affinity_must_look_into_its_own_namespace(
    #[case] listed: &[&str],
    #[case] selected: Option<LabelSelector>,
    #[case] expected: &str,
) {
    let workload = with_term(|t| {
        t.namespaces = names(listed);
        t.namespace_selector = selected;
    });
    let said = said(
        36,
        workload,
        vec![Object::Namespace(namespace("shop", &[("team", "a")]))],
    );
    assert!(said[0].contains(expected), "{said:?}");
}

#[rstest]
#[case::all(selector(&[]), PREFERRED)]
#[case::by_the_label_that_all_have(selector(&[("kubernetes.io/metadata.name", "shop")]), PREFERRED)]
#[case::others_by_the_label_that_all_have(selector(&[("kubernetes.io/metadata.name", "b")]), OTHER_NAMESPACES)]
#[case::by_a_label(
    selector(&[("team", "a")]),
    "unknown: the labels of namespace shop are not known, and its preferred podAntiAffinity over kubernetes.io/hostname \
     asks for them"
)]
fn without_the_namespace_object_only_its_name_is_known(
    #[case] selected: LabelSelector,
    #[case] expected: &str,
) {
    let said = said(36, with_term(|t| t.namespace_selector = Some(selected)), vec![]);
    assert!(said[0].contains(expected), "{said:?}");
}
