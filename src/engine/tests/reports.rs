//! What reports remember, and what becomes of them.

use super::*;
use crate::model::keys::Kind;

fn web_subject() -> Subject {
    Subject::Workload(ObjectKey::new(Kind::Deployment, "shop", "web"))
}

#[test]
fn a_restart_goes_on_where_the_report_stands() {
    let (mut cluster, mut last) = Cluster::settled();
    last.extend(cluster.happens(20, [node("n1").unknown_since(20).object()]));
    let stranded = status(&last, "Deployment").clone();
    assert!(
        ids(&stranded).contains(&"stranded") && stranded.verdict == Verdict::Outage,
        "{stranded:#?}"
    );
    let on_node = status(&last, "Node").clone();
    assert_eq!(ids(&on_node), ["node-not-ready"]);
    assert_eq!(on_node.timeline.len(), 1, "{:#?}", on_node.timeline);

    let index = Index::complete(crate::model::config::ClusterVersion::NEWEST);
    let mut again = Engine::new(index, Policy::default(), DetectorConfig::default());
    for (subject, uid, status) in [
        (web_subject(), "uid-web", stranded.clone()),
        (Subject::Node("n1".into()), "", on_node),
    ] {
        let seen = ReportSeen {
            subject,
            uid: uid.into(),
            status: Some(status),
            acknowledgements: Vec::new(),
        };
        again.report_seen(seen, Moment(0));
    }
    let mut again = Cluster::over(again);
    again.second = 25;
    again.see(web()).see([node("n1").unknown_since(20).object()]);
    let decisions = again.at(25);
    let told: Vec<&Change> = decisions.iter().flat_map(|d| &d.changes).collect();
    assert!(told.is_empty(), "a restart tells nothing twice: {told:#?}");

    again.happens(40, [node("n1").ready_since(40).object()]);
    let limbo = again.happens(60, [node("n1").unknown_since(60).object()]);
    let node_status = status(&limbo, "Node");
    let finding = node_status
        .findings
        .iter()
        .find(|f| f.rule == "node-limbo")
        .expect("the silence before counts");
    assert_eq!((finding.episodes, finding.state), (2, FindingState::Active));
}

#[test]
fn a_deleted_report_comes_back_with_its_latches_and_an_edited_one_is_overruled() {
    let (mut cluster, first) = Cluster::settled();
    let web = web_subject();
    let wrote = status(&first, "Deployment").clone();
    cluster.second = 20;
    cluster.engine.report_gone(&web, Moment(20_000));
    let back = cluster.at(20);
    assert_eq!(*status(&back, "Deployment"), wrote);
    assert!(matches!(back[0].write, ReportWrite::Put { create: true, .. }));
    assert!(back[0].changes.is_empty(), "nothing happened to the workload");

    let edited = ReportStatus {
        verdict: Verdict::Resilient,
        ..wrote.clone()
    };
    let seen = ReportSeen {
        subject: web,
        uid: "uid-web".into(),
        status: Some(edited),
        acknowledgements: Vec::new(),
    };
    cluster.engine.report_seen(seen, Moment(30_000));
    cluster.second = 30;
    assert!(
        cluster.at(31).is_empty(),
        "a write that is under way gets the time to show"
    );
    assert_eq!(*status(&cluster.at(40), "Deployment"), wrote);
}

#[test]
fn a_write_that_does_not_show_is_made_again_ever_more_slowly() {
    let mut cluster = Cluster::new();
    cluster.see([deployment("shop/web").replicas(2).object()]);
    let mut tries = Vec::new();
    for second in 0..400 {
        cluster.second = second;
        if !cluster.engine.judge(cluster.now()).is_empty() {
            tries.push(second);
        }
    }
    let gaps: Vec<u64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.len() >= 3 && gaps.is_sorted() && gaps[0] >= 5, "{tries:?}");
}

#[test]
fn a_workload_made_anew_starts_with_an_empty_report() {
    let (mut cluster, _) = Cluster::settled();
    let mut anew = deployment("shop/web").replicas(2);
    anew.uid = "another".into();
    cluster.second = 20;
    cluster.see([anew.object()]);
    let decisions = cluster.at(20);
    assert!(
        matches!(decisions[0].write, ReportWrite::Replace { .. }),
        "{decisions:#?}"
    );
    let status = status(&decisions, "Deployment");
    assert!(
        status.findings.iter().all(|f| f.since.time() == wall(20)),
        "{status:#?}"
    );
}

#[test]
fn an_acknowledgement_closes_what_has_recovered() {
    let (mut cluster, _) = Cluster::settled();
    cluster.happens(20, [node("n1").unknown_since(20).object()]);
    let over = cluster.happens(40, [node("n1").ready_since(40).object()]);
    let recovered = status(&over, "Deployment").clone();
    assert_eq!(
        (recovered.summary.recovered, cluster.engine.unacknowledged()),
        (1, 1)
    );
    let acknowledgement = Acknowledgement {
        id: "stranded".into(),
        reason: "moved".into(),
        episode: 1,
        by: None,
    };
    let seen = ReportSeen {
        subject: web_subject(),
        uid: "uid-web".into(),
        status: Some(recovered),
        acknowledgements: vec![acknowledgement],
    };
    cluster.engine.report_seen(seen, Moment(50_000));
    let closed = cluster.at(50);
    assert_eq!(closed[0].changes[0].transition, Transition::Closed);
    assert_eq!(
        (
            status(&closed, "Deployment").summary.recovered,
            cluster.engine.unacknowledged()
        ),
        (0, 0)
    );
}

#[test]
fn a_nodes_report_stays_for_as_long_as_its_silences_count_and_then_goes() {
    let (mut cluster, _) = Cluster::settled();
    cluster.happens(20, [node("n1").unknown_since(20).object()]);
    cluster.happens(40, [node("n1").ready_since(40).object()]);
    let deleted = |decisions: &[Decision]| decisions.iter().any(|d| d.write == ReportWrite::Delete);
    assert!(
        !deleted(&cluster.at(40 + 899)),
        "a second silence in the window would be limbo"
    );
    assert!(deleted(&cluster.at(40 + 901)));
}

#[test]
fn nothing_is_remembered_of_what_is_gone_with_its_report() {
    let (mut cluster, _) = Cluster::settled();
    cluster.happens(20, [node("n1").unknown_since(20).object()]);
    cluster.happens(40, [node("n1").ready_since(40).object()]);
    assert_eq!(cluster.engine.unacknowledged(), 1);
    let web = ObjectKey::new(Kind::Deployment, "shop", "web");
    let n1 = ObjectKey::new(Kind::Node, "", "n1");
    cluster.engine.index_mut().delete(&web);
    cluster.engine.index_mut().delete(&n1);
    cluster.at(50);
    cluster.engine.report_gone(&web.into(), Moment(60_000));
    cluster.engine.report_gone(&n1.into(), Moment(60_000));
    cluster.at(60);
    assert_eq!(
        (cluster.engine.statuses().count(), cluster.engine.unacknowledged()),
        (2, 0),
        "n2 and the cluster are left"
    );
}

#[test]
fn a_report_that_cannot_be_deleted_is_tried_ever_more_slowly() {
    let (mut cluster, _) = Cluster::settled();
    cluster.happens(20, [node("n1").unknown_since(20).object()]);
    cluster.happens(40, [node("n1").ready_since(40).object()]);
    let mut tries = 0;
    for second in 941..1541 {
        cluster.second = second;
        cluster.heartbeats();
        let decisions = cluster.engine.judge(cluster.now());
        tries += decisions
            .iter()
            .filter(|d| d.write == ReportWrite::Delete)
            .count();
    }
    assert!((2..=8).contains(&tries), "{tries} in ten minutes");
}

#[test]
fn a_hostile_owner_hides_nothing() {
    let mut web = deployment("shop/web").replicas(2);
    web.annotations = vec![
        ("plimsoll.dev/criticality".into(), "Everything".into()),
        ("plimsoll.dev/owner".into(), "x".repeat(200_000).into()),
    ];
    let mut cluster = Cluster::new();
    let decisions = cluster.see([web.object()]).at(0);
    let status = status(&decisions, "Deployment");
    assert!(ids(status).contains(&"pod-spread") && !status.truncated);
    assert_eq!(
        status.owner.as_ref().map(|owner| owner.chars().count()),
        Some(128)
    );
    assert_eq!(status.criticality, None);
}

#[test]
fn a_standby_goes_on_with_the_report_on_a_node_that_was_made_anew() {
    let mut cluster = Cluster::new();
    cluster.engine.lead(false, Moment(0));
    let silent = |uid: &str| crate::model::node::Node {
        uid: uid.into(),
        ..node("n1").unknown_since(20)
    };
    let seen = |uid: &str, status: ReportStatus| ReportSeen {
        subject: Subject::Node("n1".into()),
        uid: uid.into(),
        status: Some(status),
        acknowledgements: Vec::new(),
    };
    let mut leader = Cluster::new();
    let first = leader.see(web()).happens(20, [silent("first").object()]);
    cluster.see(web()).happens(20, [silent("first").object()]);
    cluster
        .engine
        .report_seen(seen("first", status(&first, "Node").clone()), Moment(20_000));
    let second = leader.happens(30, [silent("second").object()]);
    let told = status(&second, "Node").clone();
    cluster
        .engine
        .report_gone(&Subject::Node("n1".into()), Moment(30_000));
    cluster.engine.report_seen(seen("second", told), Moment(30_000));
    cluster.happens(30, [silent("second").object()]);
    cluster.engine.lead(true, Moment(40_000));
    let decisions = cluster.at(40);
    assert!(
        decisions.iter().all(|d| d.subject != Subject::Node("n1".into())),
        "its report says all there is to say: {decisions:#?}"
    );
}
