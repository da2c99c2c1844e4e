use rstest::rstest;

use crate::index::Index;
use crate::model::config::ClusterVersion;
use crate::model::keys::{Kind, ObjectKey};
use crate::model::node::{HOSTNAME_LABEL, Node, ZONE_LABEL};
use crate::model::object::Object;
use crate::model::template::{NodeOperator, NodeRequirement, TaintEffect, Toleration, TolerationOperator};
use crate::model::testing::{deployment, labels, node, node_term, stateful_set, volume};
use crate::model::time::Moment;
use crate::model::workload::Workload;
use crate::rules::tests::{advice, index, lines};

const RULE: &str = "single-domain";

/// Nodes `a1`, `a2` in zone a, `b1` in zone b; `a1` alone has `disk: fast`, both of zone a have `arch: arm64`.
fn cluster() -> Vec<Node> {
    vec![
        node("a1")
            .zone_label("a")
            .label("disk", "fast")
            .label("arch", "arm64"),
        node("a2").zone_label("a").label("arch", "arm64"),
        node("b1").zone_label("b"),
    ]
}

fn web() -> Workload {
    deployment("shop/web").replicas(2)
}

fn selecting(key: &str, value: &str) -> Workload {
    web().with(|w| w.template.node_selector = labels(&[(key, value)]))
}

fn requiring(key: &str, values: &[&str]) -> Workload {
    web().with(|w| w.template.required_node_affinity = Some(vec![node_term(key, values)]))
}

fn said(workload: Workload, nodes: Vec<Node>, others: Vec<Object>) -> String {
    let key = workload.key.clone();
    let nodes = nodes.into_iter().map(Node::object);
    let index = index(36, nodes.chain(others).chain([workload.object()]));
    lines(&index, RULE, key.kind, &key.path()).join("\n")
}

fn status(line: &str) -> &str {
    line.split(':').next().unwrap_or_default()
}

#[rstest]
#[case::nothing_asked_for(web(), "pass")]
#[case::a_label_of_one_node(selecting("disk", "fast"), "fail warning")]
#[case::a_label_of_one_zone(selecting("arch", "arm64"), "fail warning")]
#[case::a_label_of_none(selecting("kubernetes.io/os", "linux"), "notApplicable")]
#[case::the_zone(selecting(ZONE_LABEL, "a"), "fail warning")]
#[case::affinity_to_one_node(requiring(HOSTNAME_LABEL, &["a2"]), "fail warning")]
#[case::affinity_to_one_zone(requiring(ZONE_LABEL, &["a", "c"]), "fail warning")]
#[case::affinity_to_both(requiring(ZONE_LABEL, &["a", "b"]), "pass")]
#[case::affinity_to_two_nodes_of_two_zones(requiring(HOSTNAME_LABEL, &["a1", "b1"]), "pass")]
fn the_template_leaves_one_place_or_more(#[case] workload: Workload, #[case] expected: &str) {
    assert_eq!(status(&said(workload, cluster(), vec![])), expected);
}

#[test]
fn each_answer_says_why() {
    assert_eq!(
        said(selecting("disk", "fast"), cluster(), vec![]),
        "fail warning: all replicas are lost with node a1: Deployment shop/web: spec.template.spec.nodeSelector disk=fast \
         leaves nothing else; let it run elsewhere too"
    );
    assert_eq!(
        said(requiring(ZONE_LABEL, &["a"]), cluster(), vec![]),
        "fail warning: all replicas are lost with zone a: Deployment shop/web: spec.template.spec.affinity.nodeAffinity, \
         required leaves nothing else; let it run elsewhere too"
    );
    let both = selecting("arch", "arm64").with(|w| {
        w.template.required_node_affinity = Some(vec![node_term(HOSTNAME_LABEL, &["a2", "b1"])]);
    });
    let said_of_both = said(both, cluster(), vec![]);
    assert!(said_of_both.contains("lost with node a2"), "{said_of_both}");
    assert_eq!(
        said(selecting("disk", "slow"), cluster(), vec![]),
        "notApplicable: no node matches its nodeSelector and required node affinity"
    );
    assert_eq!(
        said(selecting("disk", "fast"), vec![], vec![]),
        "notApplicable: no Node is known"
    );
    assert_eq!(
        said(selecting("disk", "fast"), vec![node("a1")], vec![]),
        "notApplicable: a1 is the only node that takes its pods"
    );
}

#[test]
fn the_part_that_does_it_is_named() {
    let by_both = web().with(|w| {
        w.template.node_selector = labels(&[("pool", "x")]);
        w.template.required_node_affinity = Some(vec![node_term("rack", &["1"])]);
    });
    let nodes = || {
        vec![
            node("n1").label("pool", "x").label("rack", "1"),
            node("n2").label("pool", "x"),
            node("n3").label("rack", "1"),
        ]
    };
    let said = said(by_both, nodes(), vec![]);
    assert!(
        said.contains("spec.template.spec.nodeSelector pool=x and required nodeAffinity leaves nothing else"),
        "{said}"
    );
}

#[rstest]
#[case::one_zone(vec![node("n1").zone_label("a").label("x", "1"), node("n2").zone_label("a").label("x", "1"), node("n3").zone_label("a")], "pass")]
#[case::no_zones(vec![node("n1").label("x", "1"), node("n2").label("x", "1"), node("n3")], "pass")]
#[case::one_node_of_one_zone(vec![node("n1").zone_label("a").label("x", "1"), node("n2").zone_label("a")], "fail warning")]
#[case::a_node_without_a_zone_is_elsewhere(
    vec![node("n1").zone_label("a").label("x", "1"), node("n2").label("x", "1"), node("n3").zone_label("b")], "pass")]
#[case::regions_tell_zones_apart(
    vec![node("n1").zone_label("1").label("topology.kubernetes.io/region", "eu").label("x", "1"),
        node("n2").zone_label("1").label("topology.kubernetes.io/region", "us").label("x", "1")], "pass")]
fn what_counts_is_what_the_cluster_has(#[case] nodes: Vec<Node>, #[case] expected: &str) {
    assert_eq!(status(&said(selecting("x", "1"), nodes, vec![])), expected);
}

#[test]
fn tainted_nodes_count_only_for_pods_that_tolerate_them() {
    let nodes = || {
        vec![
            node("n1").label("x", "1"),
            node("n2").taint("gpu", TaintEffect::NoSchedule, None),
            node("n3").taint("soft", TaintEffect::PreferNoSchedule, None),
        ]
    };
    assert_eq!(
        status(&said(selecting("x", "1"), nodes()[..2].to_vec(), vec![])),
        "notApplicable"
    );
    assert_eq!(
        status(&said(selecting("x", "1"), nodes(), vec![])),
        "fail warning"
    );
    let tolerant = selecting("x", "1").with(|w| {
        w.template.tolerations = vec![Toleration {
            key: "gpu".into(),
            operator: TolerationOperator::Exists,
            value: "".into(),
            effect: None,
            seconds: None,
        }];
    });
    assert_eq!(
        status(&said(tolerant, nodes()[..2].to_vec(), vec![])),
        "fail warning"
    );
}

#[test]
fn a_drain_or_an_ill_node_raises_nothing() {
    let mut nodes = vec![
        node("n1").label("x", "1"),
        node("n2").label("x", "1"),
        node("n3"),
        node("n4"),
    ];
    assert_eq!(said(selecting("x", "1"), nodes.clone(), vec![]), "pass");
    nodes[1] = nodes[1].clone().cordoned();
    assert_eq!(
        said(selecting("x", "1"), nodes.clone(), vec![]),
        "pass",
        "drained"
    );
    nodes[1] = node("n2").label("x", "1").unknown_since(0);
    assert_eq!(said(selecting("x", "1"), nodes.clone(), vec![]), "pass", "silent");
    let alone = vec![node("n1").label("x", "1"), node("n2").cordoned()];
    assert_eq!(
        said(selecting("x", "1"), alone, vec![]),
        "notApplicable: n1 is the only node that takes its pods"
    );
}

#[rstest]
#[case(NodeOperator::NotIn, &["a"], "zone b")]
#[case(NodeOperator::Exists, &[], "")]
fn every_operator_is_understood(#[case] operator: NodeOperator, #[case] values: &[&str], #[case] left: &str) {
    let workload = requiring(ZONE_LABEL, values).with(|w| {
        let terms = w.template.required_node_affinity.as_mut().expect("a term");
        terms[0].expressions = vec![NodeRequirement {
            operator,
            ..terms[0].expressions[0].clone()
        }];
    });
    let nodes = [cluster(), vec![node("b2").zone_label("b")]].concat();
    let said = said(workload, nodes, vec![]);
    assert!(
        said.contains(left) && (said == "pass") == left.is_empty(),
        "{said}"
    );
}

/// StatefulSet `db` with claims `data-db-<n>`.
fn db(replicas: i32) -> Workload {
    stateful_set("shop/db")
        .replicas(replicas)
        .with(|w| w.claim_templates = vec!["data".into()])
}

#[rstest]
#[case::in_two_zones(2, &[(0, "a"), (1, "b")], "pass")]
#[case::in_one_zone(2, &[(0, "a"), (1, "a")], "fail warning")]
#[case::one_not_bound_yet(2, &[(0, "a")], "pass")]
#[case::none_bound_yet(2, &[], "pass")]
#[case::the_other_is_of_a_replica_that_is_not_there(2, &[(0, "a"), (1, "a"), (2, "b")], "fail warning")]
#[case::one_replica(1, &[(0, "b")], "fail warning")]
#[case::none(0, &[(0, "a")], "pass")]
fn the_volumes_of_a_stateful_set_keep_its_pods(
    #[case] replicas: i32,
    #[case] bound: &[(u32, &str)],
    #[case] expected: &str,
) {
    let volumes = bound.iter().map(|(n, zone)| {
        volume(&format!("pv-{n}"), &format!("shop/data-db-{n}"))
            .in_zone(zone)
            .object()
    });
    let nodes = [cluster(), vec![node("b2").zone_label("b")]].concat();
    assert_eq!(status(&said(db(replicas), nodes, volumes.collect())), expected);
}

#[test]
fn a_volume_that_keeps_the_pods_is_named() {
    let volumes = vec![
        volume("pv-0", "shop/data-db-0").in_zone("a").object(),
        volume("pv-1", "shop/data-db-1").in_zone("a").object(),
    ];
    assert_eq!(
        said(db(2), cluster(), volumes),
        "fail warning: all replicas are lost with zone a: StatefulSet shop/db: the volumes of its claims, such as pv-0 of \
         data-db-0, are reached from nowhere else; have volumes elsewhere too"
    );
}

#[test]
fn local_volumes_on_one_node_keep_all_replicas_there() {
    let local = |n: u32, node: &str| {
        let volume = volume(&format!("pv-{n}"), &format!("shop/data-db-{n}"));
        volume.at(HOSTNAME_LABEL, node).object()
    };
    let one = said(db(2), cluster(), vec![local(0, "a2"), local(1, "a2")]);
    assert!(one.contains("lost with node a2"), "{one}");
    let zone = said(db(2), cluster(), vec![local(0, "a1"), local(1, "a2")]);
    assert!(zone.contains("lost with zone a"), "{zone}");
    assert_eq!(
        said(db(2), cluster(), vec![local(0, "a1"), local(1, "b1")]),
        "pass"
    );
}

#[test]
fn ordinals_start_where_the_set_says() {
    let moved = db(2).with(|w| w.first_ordinal = 5);
    let volumes = |from: u32, zones: [&str; 2]| -> Vec<Object> {
        let bound = |(i, zone): (u32, &str)| {
            volume(&format!("pv-{i}"), &format!("shop/data-db-{i}"))
                .in_zone(zone)
                .object()
        };
        (from..).zip(zones).map(bound).collect()
    };
    assert_eq!(
        said(moved.clone(), cluster(), volumes(0, ["a", "a"])),
        "pass",
        "of others"
    );
    assert_eq!(
        status(&said(moved, cluster(), volumes(5, ["a", "a"]))),
        "fail warning"
    );
}

#[test]
fn a_claim_that_all_pods_share_keeps_them_all() {
    let shared = web().with(|w| w.template.claims = vec!["files".into()]);
    let bound = |namespace: &str| vec![volume("pv", &format!("{namespace}/files")).in_zone("a").object()];
    assert_eq!(
        status(&said(shared.clone(), cluster(), bound("shop"))),
        "fail warning"
    );
    assert_eq!(said(shared.clone(), cluster(), bound("other")), "pass");
    let everywhere = vec![volume("pv", "shop/files").object()];
    assert_eq!(said(shared, cluster(), everywhere), "pass");
}

#[test]
fn template_and_volume_together_leave_one_node() {
    let pinned = selecting("arch", "arm64").with(|w| w.template.claims = vec!["files".into()]);
    let nodes = vec![
        node("a1").zone_label("a").label("arch", "arm64"),
        node("a2").zone_label("a"),
        node("b1").zone_label("b").label("arch", "arm64"),
    ];
    let bound = vec![volume("pv", "shop/files").in_zone("a").object()];
    assert!(said(pinned, nodes, bound).contains("lost with node a1"));
}

#[test]
fn volumes_that_cannot_be_read_matter_only_to_pods_with_claims() {
    let mut index = Index::complete(ClusterVersion(36));
    for node in cluster() {
        index.apply(node.object(), Moment(0));
    }
    index.apply(db(2).object(), Moment(0));
    index.apply(web().object(), Moment(0));
    index.apply(
        selecting("disk", "fast")
            .with(|w| {
                w.key.name = "fast".into();
                w.template.claims = vec!["files".into()];
            })
            .object(),
        Moment(0),
    );
    index.set_unreadable(Kind::PersistentVolume, "403 Forbidden");
    let ask = |kind, path: &str| lines(&index, RULE, kind, path).join("\n");
    assert_eq!(
        ask(Kind::StatefulSet, "shop/db"),
        "unknown: persistentvolumes cannot be read: 403 Forbidden"
    );
    assert_eq!(ask(Kind::Deployment, "shop/web"), "pass");
    assert_eq!(status(&ask(Kind::Deployment, "shop/fast")), "fail warning");
}

#[test]
fn nodes_that_cannot_be_read_are_unknown() {
    let mut index = Index::new();
    index.apply(web().object(), Moment(0));
    assert_eq!(
        lines(&index, RULE, Kind::Deployment, "shop/web"),
        ["unknown: nodes are not listed yet"]
    );
}

#[test]
fn files_without_nodes_are_not_judged() {
    let mut index = Index::of_files(ClusterVersion(36));
    index.apply(selecting("disk", "fast").object(), Moment(0));
    assert_eq!(
        lines(&index, RULE, Kind::Deployment, "shop/web"),
        ["notApplicable: no Node is known"]
    );
}

#[test]
fn the_remedy_says_what_to_change_and_who_writes_it() {
    let told = |workload: Workload| {
        let nodes = cluster().into_iter().map(Node::object);
        advice(
            &index(36, nodes.chain([workload.object()])),
            RULE,
            Kind::Deployment,
            "shop/web",
        )
    };
    assert_eq!(
        told(selecting("disk", "fast")),
        "give nodes elsewhere the labels that spec.template.spec.nodeSelector disk=fast asks for, let it ask for more \
         values, or make it a preferredDuringSchedulingIgnoredDuringExecution term"
    );
    let owned = selecting("disk", "fast").owned_by("example.com/v1", "Shop", "main");
    assert!(
        told(owned).starts_with("in its Shop main (Deployment shop/web would be written over): give nodes")
    );
}

/// What an index says that has answered before must be what a new one says.
#[rstest]
#[case::a_label_comes(node("b1").zone_label("b").label("disk", "fast"), "pass")]
#[case::a_zone_changes(node("b1").zone_label("a"), "fail warning")]
#[case::a_taint_comes(node("b1").zone_label("b").label("disk", "fast").taint("gpu", TaintEffect::NoSchedule, None), "fail warning")]
#[case::a_cordon(node("b1").zone_label("b").label("disk", "fast").cordoned(), "pass")]
fn an_answer_changes_with_the_nodes(#[case] changed: Node, #[case] expected: &str) {
    let mut index = index(36, cluster().into_iter().map(Node::object));
    index.apply(selecting("disk", "fast").object(), Moment(0));
    let ask = |index: &Index| lines(index, RULE, Kind::Deployment, "shop/web").join("\n");
    assert_eq!(status(&ask(&index)), "fail warning");
    index.take_dirty();
    index.apply(changed.object(), Moment(1));
    let web = ObjectKey::new(Kind::Deployment, "shop", "web");
    assert!(index.take_dirty().workloads.contains(&web), "it is asked again");
    assert_eq!(status(&ask(&index)), expected);
}

#[test]
fn an_answer_changes_with_the_volumes() {
    let mut index = index(36, cluster().into_iter().map(Node::object));
    index.apply(db(1).object(), Moment(0));
    let db = ObjectKey::new(Kind::StatefulSet, "shop", "db");
    let ask = |index: &Index| status(&lines(index, RULE, Kind::StatefulSet, "shop/db").join("\n")).to_owned();
    index.take_dirty();
    let steps: [(Object, bool, &str); 6] = [
        (
            volume("pv-0", "shop/data-db-0").in_zone("a").object(),
            true,
            "fail warning",
        ),
        (
            volume("pv-0", "shop/data-db-0").in_zone("a").object(),
            false,
            "fail warning",
        ),
        (
            volume("pv-1", "shop/data-dbx-0").in_zone("a").object(),
            false,
            "fail warning",
        ),
        (
            volume("pv-2", "shop/data-db-0").at("arch", "arm64").object(),
            true,
            "fail warning",
        ),
        // The old volume of the claim is released.
        (
            Object::PersistentVolume(crate::model::volume::PersistentVolume {
                claim: None,
                ..volume("pv-0", "shop/data-db-0").in_zone("a")
            }),
            false,
            "fail warning",
        ),
        (volume("pv-2", "shop/data-db-0").object(), true, "pass"),
    ];
    for (i, (object, marked, expected)) in steps.into_iter().enumerate() {
        index.apply(object, Moment(0));
        assert_eq!(index.take_dirty().workloads.contains(&db), marked, "step {i}");
        assert_eq!(ask(&index), expected, "step {i}");
    }
    index.apply(volume("pv-3", "shop/data-db-0").in_zone("b").object(), Moment(0));
    assert_eq!(ask(&index), "fail warning");
    index.delete(&ObjectKey::new(Kind::PersistentVolume, "", "pv-3"));
    assert!(index.take_dirty().workloads.contains(&db));
    assert_eq!(ask(&index), "pass");
}
