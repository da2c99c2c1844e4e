//! Nothing is heard from the API server, and then it is again.

use super::*;

/// What has begun or ended, as `subject rule transition`.
pub(super) fn told(decisions: &[Decision]) -> Vec<String> {
    let line = |d: &Decision, c: &Change| format!("{} {} {:?}", d.subject.name(), c.rule, c.transition);
    let lines = decisions
        .iter()
        .flat_map(|d| d.changes.iter().map(move |c| line(d, c)));
    lines.collect()
}

impl Cluster {
    fn freeze(&mut self, second: u64) -> Vec<Decision> {
        let mut decisions = self.at(second);
        self.engine.freeze(self.now());
        decisions.extend(self.judge());
        decisions
    }

    fn thaw(&mut self, second: u64) -> Vec<Decision> {
        let mut decisions = self.at(second);
        self.engine.thaw(self.now());
        decisions.extend(self.judge());
        decisions
    }
}

#[test]
fn while_the_api_server_is_not_heard_one_finding_says_so_and_no_other_verdict_changes() {
    let (mut cluster, _) = Cluster::settled();
    let frozen = cluster.freeze(60);
    assert_eq!(told(&frozen), ["cluster control-plane-suspect Active"]);
    let finding = &status(&frozen, "ClusterResilienceReport").findings[0];
    insta::assert_snapshot!(finding.message, @"no verdict changes: the API server has not been heard since 00:01:00Z; see the API server, its etcd and the network in between");
    // What still arrives from a buffer is not judged.
    cluster.see([node("n1").unknown_since(65).object()]);
    assert!(cluster.at(600).is_empty());
    cluster.engine.freeze(cluster.now());
    assert!(cluster.judge().is_empty(), "twice is once");
}

#[test]
fn after_a_thaw_verdicts_stay_for_two_ticks_and_single_nodes_for_the_cool_down() {
    let (mut cluster, _) = Cluster::settled();
    cluster.freeze(60);
    let thawed = cluster.thaw(80);
    assert!(told(&thawed).is_empty(), "{thawed:#?}");
    let finding = &status(&thawed, "ClusterResilienceReport").findings[0];
    insta::assert_snapshot!(finding.message, @"single nodes are not judged: the API server was not heard from 00:01:00Z to 00:01:20Z; see the API server, its etcd and the network in between");

    // The node controller was blind too: for a tick, both nodes are silent and nothing is ready.
    let silent = |node: crate::model::node::Node| node.unknown_since(82).object();
    assert!(
        cluster
            .happens(82, [silent(node("n1")), silent(node("n2"))])
            .is_empty()
    );
    let back = [
        node("n1").ready_since(87).object(),
        node("n2").ready_since(87).object(),
    ];
    assert!(cluster.happens(87, back).is_empty());
    assert!(told(&cluster.at(119)).is_empty());

    // From then on what is true is said of workloads, and of nodes when the cool-down is over.
    let silent = cluster.happens(120, [node("n1").unknown_since(120).object()]);
    assert_eq!(told(&silent), ["web co-located Changed", "web stranded Active"]);
    assert!(told(&cluster.at(379)).is_empty());
    assert_eq!(
        told(&cluster.at(380)),
        ["cluster control-plane-suspect Closed", "n1 node-not-ready Active"]
    );
}

#[test]
fn a_node_that_came_back_while_nobody_listened_is_told_to_be_back_after_the_cool_down() {
    let (mut cluster, _) = Cluster::settled();
    cluster.happens(20, [node("n1").unknown_since(20).object()]);
    cluster.freeze(60);
    cluster.thaw(80);
    let back = cluster.happens(82, [node("n1").ready_since(82).object()]);
    assert!(told(&back).is_empty() && told(&cluster.at(119)).is_empty());
    assert_eq!(
        told(&cluster.at(120)),
        ["web co-located Changed", "web stranded Recovered"]
    );
    assert!(
        told(&cluster.at(379)).is_empty(),
        "nothing ends that is not judged"
    );
    assert!(told(&cluster.at(380)).contains(&"n1 node-not-ready Closed".to_owned()));
}

#[test]
fn the_time_in_which_nothing_was_heard_is_no_evidence() {
    let mut cluster = Cluster::new();
    cluster.see(web()).at(0);
    cluster.freeze(5);
    cluster.thaw(60);
    let early = cluster.at(109);
    assert!(
        told(&early).iter().all(|line| !line.contains("co-located")),
        "5 s before and 9 s after are not 10 s: {early:#?}"
    );
    assert!(told(&cluster.at(111)).contains(&"web co-located Active".to_owned()));
}

#[test]
fn a_restart_in_the_cool_down_begins_it_anew_and_tells_nothing_twice() {
    let (mut cluster, _) = Cluster::settled();
    let on_cluster = status(&cluster.freeze(60), "ClusterResilienceReport").clone();
    let mut again = Engine::new(
        Index::complete(crate::model::config::ClusterVersion::NEWEST),
        Policy::default(),
        DetectorConfig::default(),
    );
    let seen = ReportSeen {
        subject: Subject::Cluster,
        uid: "".into(),
        status: Some(on_cluster),
        acknowledgements: Vec::new(),
    };
    again.report_seen(seen, Moment(0));
    let mut again = Cluster::over(again);
    again.second = 100;
    again.see(web()).see([node("n1").unknown_since(90).object()]);
    let of_cluster = |lines: Vec<String>| {
        lines
            .into_iter()
            .filter(|l| !l.starts_with("web"))
            .collect::<Vec<_>>()
    };
    assert!(of_cluster(told(&again.at(399))).is_empty());
    assert_eq!(
        of_cluster(told(&again.at(400))),
        ["cluster control-plane-suspect Closed", "n1 node-not-ready Active"]
    );
}

#[test]
fn the_clusters_report_goes_when_nothing_is_left_in_it() {
    let (mut cluster, _) = Cluster::settled();
    cluster.freeze(60);
    cluster.thaw(80);
    cluster.at(380);
    let deleted = |decisions: &[Decision]| {
        let gone = |d: &Decision| d.subject == Subject::Cluster && d.write == ReportWrite::Delete;
        decisions.iter().any(gone)
    };
    assert!(!deleted(&cluster.at(380 + 899)));
    assert!(deleted(&cluster.at(380 + 901)));
}
