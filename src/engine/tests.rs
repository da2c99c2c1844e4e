mod freeze;
mod kinds;
mod reports;
mod suspect;

use super::*;
use crate::model::autoscaler::{Condition, Horizontal};
use crate::model::keys::Kind;
use crate::model::report::{Acknowledgement, FindingState, Transition, Verdict};
use crate::model::testing::{deployment, hpa, node, pod, replica_set, stateful_set, wall};
use crate::model::time::Moment;

/// An engine with a clock that tests turn: seconds since [`wall`]'s zero.
struct Cluster {
    engine: Engine,
    second: u64,
    /// Nodes that send no heartbeats.
    muted: Vec<&'static str>,
}

impl Cluster {
    fn new() -> Self {
        let index = Index::complete(crate::model::config::ClusterVersion::NEWEST);
        Cluster::over(Engine::new(index, Policy::default(), DetectorConfig::default()))
    }

    fn over(mut engine: Engine) -> Self {
        engine.reports_listed();
        engine.lead(true, Moment(0));
        Cluster {
            engine,
            second: 0,
            muted: Vec::new(),
        }
    }

    fn now(&self) -> Now {
        Now {
            at: Moment(self.second * 1000),
            wall: wall(i64::try_from(self.second).expect("small")),
        }
    }

    fn see(&mut self, objects: impl IntoIterator<Item = crate::model::object::Object>) -> &mut Self {
        let at = self.now().at;
        objects
            .into_iter()
            .for_each(|o| self.engine.index_mut().apply(o, at));
        self
    }

    /// The web Deployment on one node, seen at 0 and settled at 10.
    fn settled() -> (Self, Vec<Decision>) {
        let mut cluster = Cluster::new();
        let mut decisions = cluster.see(web()).at(0);
        decisions.extend(cluster.at(10));
        (cluster, decisions)
    }

    /// Something happens at a second, and is judged.
    fn happens(
        &mut self,
        second: u64,
        objects: impl IntoIterator<Item = crate::model::object::Object>,
    ) -> Vec<Decision> {
        let mut decisions = self.at(second);
        self.see(objects);
        self.heartbeats();
        decisions.extend(self.judge());
        decisions
    }

    /// Turns the clock, waking the engine whenever it asked for it, as the operator's loop does.
    fn at(&mut self, second: u64) -> Vec<Decision> {
        let mut decisions = Vec::new();
        let ticks = (self.second / 10 + 1..=second / 10).map(|tick| tick * 10);
        for tick in ticks.chain([second]) {
            while let Some(due) = self.engine.next_due().filter(|due| due.0 <= tick * 1000) {
                self.second = self.second.max(due.0.div_ceil(1000));
                decisions.extend(self.judge());
            }
            self.second = tick;
            if tick % 10 == 0 {
                self.heartbeats();
            }
            decisions.extend(self.judge());
        }
        decisions
    }

    /// Every node that is not silent renews its Lease, unless it is muted.
    fn heartbeats(&mut self) {
        let at = self.now().at;
        if self.engine.is_frozen() {
            return;
        }
        for name in self.engine.index().node_names() {
            let silent = self
                .engine
                .index()
                .node(&name)
                .is_some_and(|n| n.is_silent() || !n.has_lease());
            if !silent && !self.muted.contains(&&*name) {
                let lease = crate::model::testing::lease(&name, i64::try_from(self.second).expect("small"));
                self.engine.index_mut().apply(lease.object(), at);
            }
        }
    }

    /// Judges, and shows the engine what it wrote, as the watch on reports does.
    fn judge(&mut self) -> Vec<Decision> {
        let decisions = self.engine.judge(self.now());
        for decision in &decisions {
            self.show(decision);
        }
        decisions
    }

    fn show(&mut self, decision: &Decision) {
        let now = self.now().at;
        match &decision.write {
            ReportWrite::Put { status, .. } | ReportWrite::Replace { status } => {
                let seen = ReportSeen {
                    subject: decision.subject.clone(),
                    uid: match decision.subject {
                        Subject::Workload(_) => decision.uid.clone(),
                        Subject::Node(_) | Subject::Cluster => "".into(),
                    },
                    status: Some((**status).clone()),
                    acknowledgements: Vec::new(),
                };
                self.engine.report_seen(seen, now);
            }
            ReportWrite::Delete => self.engine.report_gone(&decision.subject, now),
        }
    }
}

fn status<'a>(decisions: &'a [Decision], kind: &str) -> &'a ReportStatus {
    let last = decisions
        .iter()
        .rev()
        .find(|d| d.subject.kind() == kind)
        .expect("a decision");
    match &last.write {
        ReportWrite::Put { status, .. } | ReportWrite::Replace { status } => status,
        ReportWrite::Delete => panic!("deleted"),
    }
}

fn web() -> Vec<crate::model::object::Object> {
    vec![
        node("n1").object(),
        node("n2").object(),
        lease("n1"),
        lease("n2"),
        deployment("shop/web").replicas(2).object(),
        replica_set("shop/web").object(),
        pod("shop/web-1").on("n1").object(),
        pod("shop/web-2").on("n1").object(),
    ]
}

fn lease(node: &str) -> crate::model::object::Object {
    crate::model::object::Object::Lease(crate::model::node::Lease {
        node: node.into(),
        renewed: Some(wall(0)),
    })
}

fn ids(status: &ReportStatus) -> Vec<&str> {
    status.findings.iter().map(|f| f.id.as_str()).collect()
}

#[test]
fn co_location_is_told_when_it_has_settled_although_nothing_more_happens() {
    let mut cluster = Cluster::new();
    let first = cluster.see(web()).at(0);
    assert!(!ids(status(&first, "Deployment")).contains(&"co-located"));
    assert!(cluster.at(9).is_empty());
    let settled = cluster.at(10);
    assert!(ids(status(&settled, "Deployment")).contains(&"co-located"));
    assert_eq!(status(&settled, "Deployment").verdict, Verdict::AtRisk);
    assert!(cluster.at(3600).is_empty(), "then there is nothing to write");
}

#[test]
fn an_autoscaler_that_is_blind_is_told_of_after_five_minutes_and_one_that_flickers_never() {
    let web_hpa = |blind_since: Option<i64>| {
        let active = match blind_since {
            None => Condition::True,
            Some(second) => Condition::False {
                reason: "FailedGetResourceMetric".into(),
                since: Some(wall(second)),
            },
        };
        let sight = |own: &mut Horizontal| (own.active, own.able) = (active, Condition::True);
        [hpa("shop/web", Some(2), 5).horizontal_with(sight).object()]
    };
    let mut cluster = Cluster::new();
    cluster.see(web()).see(web_hpa(None));
    cluster.at(0);
    cluster.at(60);
    for flicker in (100..1000).step_by(30) {
        assert!(
            cluster
                .happens(flicker, web_hpa(i64::try_from(flicker).ok()))
                .is_empty()
        );
        assert!(cluster.happens(flicker + 15, web_hpa(None)).is_empty());
    }
    assert!(cluster.happens(1100, web_hpa(Some(1100))).is_empty());
    assert!(cluster.at(1399).is_empty(), "not yet");
    let told = cluster.at(1400);
    assert!(ids(status(&told, "Deployment")).contains(&"autoscaler-blind"));
    let sees = cluster.happens(1500, web_hpa(None));
    assert!(!ids(status(&sees, "Deployment")).contains(&"autoscaler-blind"));
}

#[test]
fn an_autoscaler_without_a_target_is_counted_although_no_report_is_about_it() {
    let mut cluster = Cluster::new();
    cluster.see(web()).see([hpa("shop/lost", Some(2), 5).object()]);
    cluster.at(0);
    let counted = |cluster: &Cluster| {
        let all = cluster.engine.active();
        all.filter(|(rule, ..)| *rule == "autoscaler-conflict")
            .map(|(_, severity, namespace)| (severity, namespace.to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(counted(&cluster), [(Severity::Warning, "shop".to_owned())]);
    cluster.see([deployment("shop/lost").object()]);
    cluster.at(1);
    assert_eq!(counted(&cluster), []);
}

#[test]
fn a_standby_judges_and_decides_nothing() {
    let mut cluster = Cluster::new();
    cluster.engine.lead(false, Moment(0));
    assert!(cluster.see(web()).at(0).is_empty());
    assert!(cluster.at(10).is_empty());
    assert!(cluster.engine.active().any(|(rule, ..)| rule == "pod-spread"));
    cluster.engine.lead(true, Moment(20_000));
    let decisions = cluster.at(20);
    assert!(
        ids(status(&decisions, "Deployment")).contains(&"co-located"),
        "its detectors were warm"
    );
}

#[test]
fn nothing_is_decided_before_every_kind_and_the_reports_are_listed() {
    let mut engine = Engine::new(Index::new(), Policy::default(), DetectorConfig::default());
    engine.lead(true, Moment(0));
    let now = Now {
        at: Moment(0),
        wall: wall(0),
    };
    for kind in Kind::WATCHED {
        assert!(engine.judge(now).is_empty());
        engine.index_mut().begin_list(kind);
        if kind == Kind::Deployment {
            engine
                .index_mut()
                .apply(deployment("shop/web").replicas(2).object(), now.at);
        }
        engine.index_mut().end_list(kind);
    }
    assert!(
        engine.judge(now).is_empty(),
        "latches are read before the first write"
    );
    engine.reports_listed();
    assert_eq!(engine.judge(now).len(), 1);
}

#[test]
fn without_pods_there_is_nothing_to_judge_by() {
    let mut cluster = Cluster::new();
    cluster
        .see(web())
        .engine
        .index_mut()
        .set_unreadable(Kind::Pod, "403");
    assert!(
        cluster.at(60).is_empty(),
        "a forbidden list must not look like an outage"
    );
}

#[test]
fn system_namespaces_and_what_comes_by_the_thousand_have_no_report() {
    let mut cluster = Cluster::new();
    cluster.see([
        deployment("kube-system/dns").object(),
        crate::model::testing::workload(Kind::Job, "shop/once").object(),
        stateful_set("shop/db").object(),
    ]);
    let subjects: Vec<String> = cluster.at(0).iter().map(|d| d.subject.to_string()).collect();
    assert_eq!(subjects, ["StatefulSet shop/db"]);
}

#[test]
fn below_desired_for_five_minutes_is_degraded() {
    let mut cluster = Cluster::new();
    cluster
        .see(web())
        .see([pod("shop/web-2").on("n1").unready().object()]);
    cluster.at(0);
    let verdict = |decisions: &[Decision]| {
        decisions
            .iter()
            .rev()
            .find(|d| d.subject.kind() == "Deployment")
            .map(|_| status(decisions, "Deployment").verdict)
    };
    assert_ne!(verdict(&cluster.at(299)), Some(Verdict::Degraded));
    assert_eq!(verdict(&cluster.at(300)), Some(Verdict::Degraded));
}

#[test]
fn stamps_never_change_on_a_resync() {
    let (mut cluster, _) = Cluster::settled();
    for second in [60, 600, 6000] {
        assert!(cluster.at(second).is_empty());
        let at = cluster.now().at;
        for kind in [
            Kind::Deployment,
            Kind::ReplicaSet,
            Kind::Pod,
            Kind::Node,
            Kind::Lease,
        ] {
            cluster.engine.index_mut().begin_list(kind);
        }
        web()
            .into_iter()
            .for_each(|o| cluster.engine.index_mut().apply(o, at));
        for kind in [
            Kind::Deployment,
            Kind::ReplicaSet,
            Kind::Pod,
            Kind::Node,
            Kind::Lease,
        ] {
            cluster.engine.index_mut().end_list(kind);
        }
        assert!(cluster.at(second).is_empty());
    }
}

#[test]
fn scaling_up_from_zero_is_a_start_and_no_outage() {
    let mut cluster = Cluster::new();
    cluster.see([deployment("shop/web").replicas(0).object()]).at(0);
    let verdict = |decisions: &[Decision]| status(decisions, "Deployment").verdict;
    let up = cluster.happens(60, [deployment("shop/web").replicas(2).generation(2).object()]);
    assert_ne!(verdict(&up), Verdict::Outage, "its images are being pulled");
    let late = cluster.at(60 + 601);
    assert_eq!(verdict(&late), Verdict::Outage);
}

#[test]
fn an_operator_that_is_installed_in_mid_outage_says_so_at_once() {
    let mut cluster = Cluster::new();
    let decisions = cluster.see([deployment("shop/web").replicas(2).object()]).at(0);
    assert_eq!(
        status(&decisions, "Deployment").verdict,
        Verdict::Outage,
        "it is a day old"
    );
}
