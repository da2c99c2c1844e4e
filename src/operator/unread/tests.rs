use super::*;

fn noted(count: usize) -> Unread {
    let mut unread = Unread::default();
    for n in 0..count {
        unread.note(
            "pods",
            &format!("shop/web-{n}"),
            "not judged: Pod spec: must be a map",
        );
    }
    unread
}

#[test]
fn a_few_are_named_and_of_many_there_is_the_number() {
    assert_eq!(noted(0).line("pods"), None);
    assert_eq!(
        noted(1).line("pods").as_deref(),
        Some("1 object cannot be read: shop/web-0: not judged: Pod spec: must be a map")
    );
    let line = noted(10_000).line("pods").expect("a line");
    assert!(
        line.starts_with("10000 objects cannot be read: shop/web-0: "),
        "{line}"
    );
    assert!(line.ends_with("; and 9995 more") && line.len() < 500, "{line}");
}

#[test]
fn what_can_be_read_again_is_not_named_any_more_whether_it_was_or_not() {
    let mut unread = noted(7);
    for n in 0..7 {
        assert!(unread.forget("pods", || format!("shop/web-{n}")));
        assert!(!unread.forget("pods", || format!("shop/web-{n}")), "once");
    }
    assert_eq!(unread.line("pods"), None);
}

#[test]
fn one_object_counts_once_with_its_last_reason() {
    let mut unread = noted(7);
    unread.note("pods", "shop/web-6", "again");
    unread.note("pods", "shop/web-0", &"x".repeat(9_000));
    let line = unread.line("pods").expect("a line");
    assert!(
        line.starts_with("7 objects") && line.contains("shop/web-0: xxx") && line.len() < 800,
        "{line}"
    );
}

#[test]
fn a_relist_takes_away_what_it_does_not_name_also_one_that_broke_off() {
    let mut unread = noted(7);
    unread.list_begins("pods");
    unread.note("pods", "shop/web-1", "in the list that broke off");
    unread.list_begins("pods");
    unread.note("pods", "shop/web-2", "still");
    unread.note("pods", "shop/web-6", "still");
    assert!(unread.list_ends("pods"));
    assert!(!unread.list_ends("nodes"), "of another kind nothing was known");
    let line = unread.line("pods").expect("a line");
    assert_eq!(line, "2 objects cannot be read: shop/web-2: still; and 1 more");
}
