//! Policies in the engine: what a change of one judges anew, what is written of it, and what runs out without any event.

use std::collections::BTreeSet;

use crate::engine::{Engine, PolicyWrite, ReportSeen, ReportWrite};
use crate::index::Index;
use crate::model::config::{ClusterVersion, DetectorConfig};
use crate::model::finding::Severity;
use crate::model::keys::{Kind, ObjectKey};
use crate::model::object::Object;
use crate::model::policy::{ResiliencePolicy, RuleSeverity};
use crate::model::report::ReportStatus;
use crate::model::subject::Subject;
use crate::model::testing::{deployment, namespace, policy};
use crate::model::time::{Moment, Now};
use crate::policy::Policy;

/// An engine that leads, with a clock: seconds since midnight of 31 March 2027, UTC.
struct Cluster {
    engine: Engine,
    second: u64,
}

impl Cluster {
    fn new(objects: impl IntoIterator<Item = Object>) -> Self {
        let index = Index::complete(ClusterVersion::NEWEST);
        let mut engine = Engine::new(index, Policy::default(), DetectorConfig::default());
        engine.reports_listed();
        engine.lead(true, Moment(0));
        let mut cluster = Cluster { engine, second: 0 };
        cluster.see(objects);
        cluster
    }

    fn now(&self) -> Now {
        let midnight: jiff::Timestamp = "2027-03-31T00:00:00Z".parse().expect("a time");
        let second = i64::try_from(self.second).expect("small");
        Now {
            at: Moment(self.second * 1000),
            wall: midnight + jiff::SignedDuration::from_secs(second),
        }
    }

    fn see(&mut self, objects: impl IntoIterator<Item = Object>) {
        let at = self.now().at;
        objects
            .into_iter()
            .for_each(|object| self.engine.index_mut().apply(object, at));
    }

    /// Judges at a second, shows the engine the reports that it wrote, and returns their statuses by workload.
    fn at(&mut self, second: u64) -> Vec<(String, ReportStatus)> {
        self.second = second;
        let now = self.now();
        let decisions = self.engine.judge(now);
        let mut statuses = Vec::new();
        for decision in decisions {
            let (ReportWrite::Put { status, .. } | ReportWrite::Replace { status }) = decision.write else {
                self.engine.report_gone(&decision.subject, now.at);
                continue;
            };
            let seen = ReportSeen {
                subject: decision.subject.clone(),
                uid: decision.uid.clone(),
                status: Some((*status).clone()),
                acknowledgements: Vec::new(),
            };
            self.engine.report_seen(seen, now.at);
            statuses.push((decision.subject.name().to_string(), *status));
        }
        statuses
    }

    /// What is written of policies now; each is shown on the watch.
    fn written(&mut self) -> Vec<PolicyWrite> {
        let writes = self.engine.take_policy_writes();
        for write in &writes {
            let known = self.engine.index().policies().get(&write.name).expect("a policy");
            let shown = ResiliencePolicy {
                shown: Some(write.status.clone()),
                ..known.clone()
            };
            self.see([shown.object()]);
        }
        writes
    }
}

fn key(path: &str) -> ObjectKey {
    let (namespace, name) = path.split_once('/').expect("namespace/name");
    ObjectKey::new(Kind::Deployment, namespace, name)
}

fn severity(status: &ReportStatus, rule: &str) -> Option<Severity> {
    status
        .findings
        .iter()
        .find(|f| f.rule == rule)
        .map(|f| f.severity)
}

fn shops() -> [Object; 4] {
    ["shop/web", "shop/api", "bank/web", "kube-system/dns"].map(|path| deployment(path).object())
}

#[test]
fn a_change_of_a_policy_judges_what_it_governs_and_nothing_else() {
    let mut index = Index::complete(ClusterVersion::NEWEST);
    shops()
        .into_iter()
        .for_each(|object| index.apply(object, Moment(0)));
    index.apply(
        deployment("shop/batch").label("tier", "batch").object(),
        Moment(0),
    );
    let mut marks = |change: &dyn Fn(&mut Index)| -> BTreeSet<ObjectKey> {
        index.take_dirty();
        change(&mut index);
        index.take_dirty().workloads
    };
    let shop = || policy("p").within("shop");
    let of = |paths: &[&str]| paths.iter().map(|path| key(path)).collect::<BTreeSet<_>>();
    let all_of_shop = of(&["shop/web", "shop/api", "shop/batch"]);
    assert_eq!(
        marks(&|i| i.apply(shop().object(), Moment(1))),
        all_of_shop,
        "it came"
    );
    assert_eq!(
        marks(&|i| i.apply(shop().object(), Moment(1))),
        of(&[]),
        "nothing changed"
    );
    let told = || ResiliencePolicy {
        shown: Some(Default::default()),
        generation: 4,
        ..shop()
    };
    assert_eq!(
        marks(&|i| i.apply(told().object(), Moment(1))),
        of(&[]),
        "its status changed"
    );
    let batch = || shop().on("tier", "batch").priority(3);
    assert_eq!(
        marks(&|i| i.apply(batch().object(), Moment(1))),
        all_of_shop,
        "those before and those now"
    );
    let stricter = || batch().lock("pod-spread");
    assert_eq!(
        marks(&|i| i.apply(stricter().object(), Moment(1))),
        of(&["shop/batch"])
    );
    let bank = || policy("p").within("bank");
    assert_eq!(
        marks(&|i| i.apply(bank().object(), Moment(1))),
        of(&["shop/batch", "bank/web"])
    );
    let gone = ObjectKey::new(Kind::ResiliencePolicy, "", "p");
    assert_eq!(marks(&|i| i.delete(&gone)), of(&["bank/web"]), "it went");
    assert_eq!(marks(&|i| i.delete(&gone)), of(&[]));
}

#[test]
fn labels_of_a_namespace_and_of_a_workload_bring_it_under_a_policy() {
    let by_stage = policy("live").with(|spec| {
        let selector = crate::model::testing::selector(&[("stage", "live")]);
        spec.namespaces = crate::model::field::Field::Set(selector);
    });
    let mut cluster = Cluster::new(shops());
    cluster.see([by_stage.severity("min-replicas", RuleSeverity::Critical).object()]);
    let before = cluster.at(1);
    assert!(
        before
            .iter()
            .all(|(_, s)| severity(s, "min-replicas") == Some(Severity::Warning))
    );
    cluster.see([namespace("shop", &[("stage", "live")]).object()]);
    let after = cluster.at(2);
    let names: BTreeSet<&str> = after.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["api", "web"]));
    for (_, status) in after {
        assert_eq!(severity(&status, "min-replicas"), Some(Severity::Critical));
        assert_eq!(status.policies, ["live"]);
    }
}

#[test]
fn a_policy_is_told_how_many_workloads_it_governs_and_nothing_twice() {
    let mut cluster = Cluster::new(shops());
    cluster.see([policy("all").object(), policy("shop").within("shop").object()]);
    cluster.at(1);
    let counts: Vec<(String, i32)> = cluster
        .written()
        .into_iter()
        .map(|w| (w.name.to_string(), w.status.workloads))
        .collect();
    assert_eq!(
        counts,
        [("all".to_owned(), 3), ("shop".to_owned(), 2)],
        "system namespaces are not judged"
    );
    for second in 2..60 {
        cluster.at(second);
        assert_eq!(cluster.written(), [], "an idle cluster gets no write");
    }
    cluster.engine.index_mut().delete(&key("shop/api"));
    cluster.at(61);
    let counts: Vec<i32> = cluster.written().iter().map(|w| w.status.workloads).collect();
    assert_eq!(counts, [2, 1]);
}

#[test]
fn a_count_that_never_rests_is_written_every_few_seconds_only() {
    let mut cluster = Cluster::new([policy("all").object()]);
    let mut writes = 0;
    for second in 1..=60 {
        cluster.see([deployment(&format!("shop/web-{second}")).object()]);
        cluster.at(second);
        writes += cluster.written().len();
    }
    assert!((10..=13).contains(&writes), "{writes} writes in a minute");
    for second in 61..70 {
        cluster.at(second);
        cluster.written();
    }
    let shown = cluster
        .engine
        .index()
        .policies()
        .get("all")
        .and_then(|p| p.shown.clone());
    assert_eq!(shown.map(|s| s.workloads), Some(60), "the last count arrives");
}

#[test]
fn a_write_that_does_not_show_is_made_again_with_longer_and_longer_pauses() {
    let mut cluster = Cluster::new([policy("all")
        .severity("no-such-rule", RuleSeverity::Info)
        .object()]);
    let mut at = Vec::new();
    for second in 1..=100 {
        cluster.at(second);
        if let [write] = &cluster.engine.take_policy_writes()[..] {
            let since = write.status.conditions[0].last_transition_time.time();
            assert_eq!(
                since.to_string(),
                "2027-03-31T00:00:01Z",
                "it has been so since then"
            );
            at.push(second);
        }
    }
    assert_eq!(at, [1, 6, 16, 36, 76]);
}

#[test]
fn whoever_does_not_lead_writes_nothing_of_policies_until_it_does() {
    let mut cluster = Cluster::new(shops());
    cluster.engine.lead(false, Moment(0));
    cluster.see([policy("all").object()]);
    cluster.at(1);
    assert_eq!(cluster.written(), []);
    cluster.engine.lead(true, Moment(2000));
    cluster.at(2);
    assert_eq!(cluster.written().len(), 1);
}

#[test]
fn a_system_namespace_has_reports_as_long_as_a_policy_names_it() {
    let mut cluster = Cluster::new(shops());
    let names = |statuses: &[(String, ReportStatus)]| {
        statuses
            .iter()
            .map(|(name, _)| name.clone())
            .collect::<BTreeSet<_>>()
    };
    assert!(!names(&cluster.at(1)).contains("dns"));
    cluster.see([policy("system").within("kube-system").object()]);
    assert_eq!(names(&cluster.at(2)), BTreeSet::from(["dns".to_owned()]));
    let gone = ObjectKey::new(Kind::ResiliencePolicy, "", "system");
    cluster.engine.index_mut().delete(&gone);
    cluster.second = 3;
    let now = cluster.now();
    let decisions = cluster.engine.judge(now);
    let dns = Subject::Workload(key("kube-system/dns"));
    assert!(
        matches!(&decisions[..], [d] if d.subject == dns && d.write == ReportWrite::Delete),
        "{decisions:#?}"
    );
    cluster.engine.report_gone(&dns, now.at);
    assert!(!names(&cluster.at(60)).contains("dns"), "it does not come back");
}

#[test]
fn an_exemption_runs_out_without_any_event() {
    let web = deployment("shop/web").annotated("plimsoll.dev/exempt.min-replicas", "why; until=2027-03-31");
    let mut cluster = Cluster::new([web.object()]);
    let first = cluster.at(1);
    assert_eq!(
        (first[0].1.summary.exempt, severity(&first[0].1, "min-replicas")),
        (1, None)
    );
    let midnight = 24 * 3600;
    // Other timers may come before; none of them changes the report.
    while let Some(due) = cluster.engine.next_due().filter(|due| due.0 < midnight * 1000) {
        assert!(
            cluster
                .at(due.0.div_ceil(1000))
                .iter()
                .all(|(_, s)| s.summary.exempt == 1)
        );
    }
    assert_eq!(cluster.engine.next_due(), Some(Moment(midnight * 1000)));
    let over = cluster.at(midnight);
    let status = &over[0].1;
    assert_eq!(status.summary.exempt, 0);
    assert_eq!(severity(status, "min-replicas"), Some(Severity::Warning));
    assert!(
        status
            .findings
            .iter()
            .any(|f| f.rule == "exemption" && f.message.contains("ended with 2027-03-31"))
    );
}

#[test]
fn a_thousand_policies_are_merged_and_eight_are_named() {
    let many = (0..1000).map(|i| {
        policy(&format!("p{i:04}"))
            .priority(i)
            .thresholds(|t| t.min_replicas = Some(3))
    });
    let mut cluster = Cluster::new(many.map(ResiliencePolicy::object).chain(shops()));
    let statuses = cluster.at(1);
    assert_eq!(statuses.len(), 3);
    for (_, status) in &statuses {
        assert_eq!(status.policies.len(), 8);
        assert_eq!(status.policies[0], "p0999");
    }
    assert_eq!(cluster.written().len(), 1000);
}
