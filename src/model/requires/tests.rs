use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::model::testing::{cases, labels};

fn read(text: &str) -> Vec<String> {
    let line = |read: Result<Requirement, Fault>| match read {
        Ok(requirement) => requirement.to_string(),
        Err(Fault { at, problem, .. }) => format!("{at}: {problem}"),
    };
    parse(text).into_iter().map(line).collect()
}

#[rstest]
#[case::a_deployment_here("harmony >= 2.3.0", &["harmony >=2.3.0"])]
#[case::elsewhere("data/postgres-proxy >= 1.8 < 2", &["data/postgres-proxy >=1.8 <2"])]
#[case::two("harmony >= 2.3.0, data/postgres-proxy >= 1.8 < 2", &["harmony >=2.3.0", "data/postgres-proxy >=1.8 <2"])]
#[case::without_spaces("harmony>=2.3.0<3,db^1", &["harmony >=2.3.0 <3", "db ^1"])]
#[case::with_many("  harmony\n  >=   v2.3.0  ", &["harmony >=2.3.0"])]
#[case::a_stateful_set("statefulset/db ~1.2", &["statefulset/db ~1.2"])]
#[case::a_stateful_set_elsewhere("data/StatefulSet/db =1.2.3", &["data/statefulset/db =1.2.3"])]
#[case::a_daemon_set("daemonset/agent >1", &["daemonset/agent >1"])]
#[case::said_in_full("deployment/harmony <=2", &["harmony <=2"])]
#[case::a_namespace_like_a_kind("service/deployment/web >1", &["service/web >1"])]
#[case::a_namespace_like_no_kind("job/once >= 2", &["job/once >=2"])]
#[case::a_service("service/harmony >=2.3.0", &["service/harmony >=2.3.0"])]
#[case::labels("{app=harmony} >=2", &["{app=harmony} >=2"])]
#[case::labels_with_commas("{app=web,track in (a, b),!old} >=2, db =1", &["{app=web,!old,track in (a,b)} >=2", "db =1"])]
#[case::labels_elsewhere("data/{app} >=2", &["data/{app} >=2"])]
#[case::everything("{} >=2", &["{} >=2"])]
#[case::before_a_release("harmony >= 2.3.0-rc.1", &["harmony >=2.3.0-rc.1"])]
#[case::said_twice_of_one("harmony >=2, db =1, deployment/harmony <3", &["harmony >=2 <3", "db =1"])]
fn what_is_required_is_read(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(read(text), expected);
}

#[rstest]
#[case::nothing("", &["1: nothing is named"])]
#[case::a_comma_too_much("harmony >=2,", &["harmony >=2", "13: nothing is named"])]
#[case::no_version("harmony", &["8: no version is asked of harmony"])]
#[case::no_operator("harmony 2.3.0", &["9: no operator before `2.3.0`"])]
#[case::a_foreign_operator("harmony != 2.3.0", &["9: `!=` is no operator"])]
#[case::operators_run_together("harmony >=<2", &["9: `>=<` is no operator"])]
#[case::a_word_as_version("harmony >= latest", &["12: `latest` is no version"])]
#[case::an_operator_alone("harmony >=", &["11: an empty text is no version"])]
#[case::a_star("harmony >= *", &["12: `*` is no version"])]
#[case::four_numbers("harmony >= 1.2.3.4", &["12: `1.2.3.4` is no version"])]
#[case::a_bad_name("Harmony >= 2", &["1: `Harmony` can't be a name"])]
#[case::a_bad_namespace("a.b/harmony >= 2", &["1: `a.b` can't be a namespace"])]
#[case::too_many_slashes("a/b/harmony >= 2", &["1: `a/b` can't be a namespace"])]
#[case::an_open_brace("{app=web >= 2, db =1", &["1: a brace is never closed"])]
#[case::a_bad_label("{app=a b} >=2", 
    &["1: selector on \"app\" asks for \"a b\", which can't be a label's value: use up to 63 letters, digits, `-`, `_` or `.`"])]
#[case::a_list_without_in("{app (a)} >=2", &["1: `app (a)` is neither `in` nor `notin`"])]
#[case::an_open_list("{app in (a} >=2", &["1: `app in (a` lacks its closing parenthesis"])]
#[case::one_bad_hides_no_other("harmony 2, db =1", &["9: no operator before `2`", "db =1"])]
#[case::hostile("\u{1b}[2J >= 2", &["1: `\u{fffd}[2J` can't be a name"])]
#[case::not_latin("härmony >= 2, db 1", &["1: `härmony` can't be a name", "18: no operator before `1`"])]
fn what_cannot_be_read_is_told_with_its_place(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(read(text), expected);
}

#[test]
fn a_selector_means_what_kubectl_means() {
    let Ok(Requirement { target, .. }) =
        parse("{app==web,tier!=db,track in (stable,canary),!old} =1").remove(0)
    else {
        panic!("it cannot be read")
    };
    let What::Selected(selector) = target.what else {
        panic!("no selector")
    };
    for (pairs, matches) in [
        (&[("app", "web"), ("track", "canary")][..], true),
        (&[("app", "web"), ("track", "canary"), ("tier", "db")], false),
        (&[("app", "web"), ("track", "canary"), ("old", "")], false),
        (&[("app", "web"), ("track", "beta")], false),
        (&[("app", "api"), ("track", "stable")], false),
    ] {
        assert_eq!(selector.matches(&labels(pairs)), matches, "{pairs:?}");
    }
}

#[test]
fn too_much_is_not_read() {
    let many = vec!["a =1"; DEPENDENCIES_MAX + 1].join(",");
    assert_eq!(read(&many), ["1: 33 dependencies are too many"]);
    assert_eq!(read(&"x".repeat(5000)), ["1: 5000 bytes are too many"]);
}

proptest! {
    #![proptest_config(cases(2048))]

    #[test]
    fn any_text_is_read_or_told_of(text in "\\PC{0,60}|[a-z/{}(),<>=^~! 0-9.v-]{0,60}") {
        for read in parse(&text) {
            match read {
                Ok(requirement) => {
                    // What is shown may be written.
                    let shown = requirement.to_string();
                    prop_assert_eq!(parse(&shown), vec![Ok(requirement)], "{}", shown);
                }
                Err(fault) => prop_assert!(fault.at >= 1 && fault.at <= text.chars().count() + 1, "{:?}", fault),
            }
        }
    }
}
