//! What the loop makes of what it is told, without its clock.

mod unread;

use http::{Request, Response};
use kube::client::Body;
use prometheus_client::registry::Registry;
use tower_test::mock::{self, Handle};

use super::*;
use crate::api::{ResilienceReportSpec, WorkloadRef};
use crate::engine::ReportWrite;
use crate::index::Index;
use crate::model::config::DetectorConfig;
use crate::model::report::ReportStatus;
use crate::model::testing::{deployment, wall};
use crate::operator::metrics::Detail;
use crate::policy::Policy;

struct Stage {
    reconciler: Reconciler,
    lists: Lists,
    orders: mpsc::UnboundedReceiver<Order>,
    policies: mpsc::UnboundedReceiver<PolicyOrder>,
    registry: Registry,
    seconds: u64,
    runtime: tokio::runtime::Runtime,
    server: Handle<Request<Body>, Response<Body>>,
}

impl Stage {
    /// Everything is listed, and `shop/web` is all that is there.
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let (service, server) = mock::pair();
        let client = runtime.block_on(async { Client::new(service, "default") });
        let mut registry = Registry::default();
        let (orders, queue) = mpsc::unbounded_channel();
        let (policies, statuses) = mpsc::unbounded_channel();
        let until = tokio::time::Instant::now() + Duration::from_secs(3600);
        let reconciler = Reconciler {
            tray: crate::webhook::desk().1,
            engine: Engine::new(Index::new(), Policy::default(), DetectorConfig::default()),
            client,
            clock: ServerClock::new(),
            hearing: Hearing::new(),
            liveness: Liveness::new(Duration::from_secs(60)),
            readiness: Readiness::default(),
            metrics: Metrics::new(&mut registry, Detail::Workloads),
            leadership: channel::channel(Leadership::Leader { until, term: 0 }).1,
            term: Some(0),
            orders,
            policies,
            verdicts: HashSet::new(),
            unread: Unread::default(),
        };
        let mut stage = Stage {
            reconciler,
            lists: Lists::default(),
            orders: queue,
            policies: statuses,
            registry,
            seconds: 0,
            runtime,
            server,
        };
        for kind in Kind::WATCHED {
            stage.take(Input::Object(kind, Seen::ListBegins));
            if kind == Kind::Deployment {
                let web = deployment("shop/web").replicas(2);
                let key = web.key.clone();
                let object = Ok(web.object());
                stage.take(Input::Object(kind, Seen::Applied(Read { key, object })));
            }
            stage.take(Input::Object(kind, Seen::ListEnds));
        }
        stage.reports(&[]);
        stage.take(Input::ClusterReport(Seen::ListBegins));
        stage.take(Input::ClusterReport(Seen::ListEnds));
        stage.reconciler.engine.lead(true, Moment(0));
        stage
    }

    fn take(&mut self, input: Input) {
        self.reconciler
            .take(input, &mut self.lists, Moment(self.seconds * 1000));
    }

    /// A list of reports.
    fn reports(&mut self, reports: &[&ResilienceReport]) {
        self.take(Input::Report(Seen::ListBegins));
        for report in reports {
            self.take(Input::Report(Seen::Applied(DeserializeGuard(Ok(
                (*report).clone()
            )))));
        }
        self.take(Input::Report(Seen::ListEnds));
    }

    /// What is decided a second later.
    fn judge(&mut self) -> Option<ReportWrite> {
        self.seconds += 1;
        let now = Now {
            at: Moment(self.seconds * 1000),
            wall: wall(0),
        };
        self.reconciler.judge(now, Instant::now());
        let order = self.orders.try_recv().ok()?;
        assert!(self.orders.try_recv().is_err(), "one workload, one order");
        Some(order.decision.write)
    }

    /// Wins the lease, while the API server lists these reports.
    fn win(&mut self, reports: &[&ResilienceReport]) {
        let Stage {
            reconciler,
            lists,
            runtime,
            server,
            ..
        } = self;
        let answer = async {
            for items in [serde_json::json!(reports), serde_json::json!([])] {
                let (request, send) = server.next_request().await.expect("a list");
                assert_eq!(request.method(), "GET");
                let list = serde_json::json!({ "metadata": { "resourceVersion": "9" }, "items": items });
                send.send_response(Response::new(Body::from(list.to_string().into_bytes())));
            }
        };
        runtime.block_on(async { tokio::join!(reconciler.follow(lists, &|_| Moment(0)), answer) });
        assert!(reconciler.engine.leads());
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("text");
        text
    }
}

/// The report on `shop/web`, under a name.
fn report(name: &str, status: ReportStatus) -> ResilienceReport {
    let workload_ref = WorkloadRef {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: "web".into(),
        uid: "uid-web".into(),
    };
    let spec = ResilienceReportSpec {
        workload_ref,
        acknowledgements: Vec::new(),
    };
    let mut report = ResilienceReport::new(name, spec);
    report.metadata.namespace = Some("shop".into());
    report.status = Some(status);
    report
}

fn written(write: Option<ReportWrite>) -> (ReportStatus, bool) {
    match write {
        Some(ReportWrite::Put { status, create }) => (*status, create),
        other => panic!("expected a report to be written, not {other:?}"),
    }
}

#[test]
fn a_report_that_vanished_while_nobody_watched_comes_back() {
    let mut stage = Stage::new();
    let (status, create) = written(stage.judge());
    assert!(create);
    let web = report("deployment-web", status.clone());
    stage.reports(&[&web]);
    assert_eq!(stage.judge(), None, "it shows what was written");
    stage.reports(&[&web]);
    assert_eq!(stage.judge(), None, "a relist changes nothing");
    stage.reports(&[]);
    assert_eq!(written(stage.judge()), (status, true));
}

#[test]
fn a_relist_that_breaks_off_takes_nothing_away() {
    let mut stage = Stage::new();
    let web = report("deployment-web", written(stage.judge()).0);
    stage.reports(&[&web]);
    stage.take(Input::Report(Seen::ListBegins));
    assert_eq!(stage.judge(), None);
    stage.reports(&[&web]);
    assert_eq!(stage.judge(), None);
}

#[test]
fn a_report_under_another_name_is_none_of_ours() {
    let mut stage = Stage::new();
    stage.take(Input::Report(Seen::Applied(DeserializeGuard(Ok(report(
        "deployment-web-copy",
        ReportStatus::default(),
    ))))));
    let (status, create) = written(stage.judge());
    assert!(create, "ours is not there yet");
    stage.reports(&[
        &report("deployment-web", status),
        &report("deployment-web-copy", ReportStatus::default()),
    ]);
    assert_eq!(stage.judge(), None, "the copy does not matter");
}

#[test]
fn a_workload_that_is_gone_leaves_no_series() {
    let mut stage = Stage::new();
    stage.judge();
    stage.reconciler.gauges();
    assert!(
        stage
            .metrics()
            .contains("workload_verdict{namespace=\"shop\",kind=\"Deployment\",name=\"web\"")
    );
    let web = deployment("shop/web");
    let (key, object) = (web.key.clone(), Ok(web.object()));
    stage.take(Input::Object(
        Kind::Deployment,
        Seen::Deleted(Read { key, object }),
    ));
    stage.judge();
    stage.reconciler.gauges();
    assert!(
        !stage.metrics().contains("workload_verdict{"),
        "{}",
        stage.metrics()
    );
}

#[test]
fn a_timer_that_is_due_does_not_make_the_loop_spin_while_changes_settle() {
    let stage = Stage::new();
    let engine = &stage.reconciler.engine;
    assert_eq!(engine.next_due(), Some(Moment(0)));
    let mut pace = Pace::default();
    assert_eq!(pace.step(engine, Moment(500)), None);
    let wait = stage.reconciler.wait(&pace, Moment(600));
    assert_eq!(wait, Duration::from_millis(100));
}

#[test]
fn a_new_leader_takes_over_what_was_latched_while_its_watch_lagged_behind() {
    let mut stage = Stage::new();
    let (mut status, _) = written(stage.judge());
    stage.reconciler.engine.lead(false, Moment(0));
    stage.reports(&[&report("deployment-web", status.clone())]);
    let mut latched = status.findings[0].clone();
    latched.id = "stranded".into();
    latched.rule = "stranded".into();
    latched.state = crate::model::report::FindingState::Recovered;
    latched.recovered = Some(latched.since);
    latched.episodes = 2;
    status.findings.push(latched.clone());
    stage.win(&[&report("deployment-web", status.clone())]);
    match stage.judge() {
        None => {}
        write => assert!(
            written(write).0.findings.contains(&latched),
            "the second episode is not forgotten"
        ),
    }
    assert_eq!(stage.reconciler.engine.unacknowledged(), 1);
}

/// A policy as the watch delivers it.
fn policy_seen(policy: crate::model::policy::ResiliencePolicy) -> Input {
    let object = policy.object();
    let key = object.key();
    let object = Ok(object);
    Input::Object(Kind::ResiliencePolicy, Seen::Applied(Read { key, object }))
}

#[test]
fn a_policy_is_told_how_many_workloads_it_governs_and_only_when_that_changes() {
    let mut stage = Stage::new();
    let everything = crate::model::testing::policy("everything");
    stage.take(policy_seen(everything.clone()));
    stage.judge();
    let order = stage.policies.try_recv().expect("a status");
    assert_eq!(
        (order.term, &*order.write.name, order.write.status.workloads),
        (0, "everything", 1)
    );
    let shown = crate::model::policy::ResiliencePolicy {
        shown: Some(order.write.status),
        ..everything
    };
    stage.take(policy_seen(shown));
    for _ in 0..60 {
        stage.judge();
    }
    assert!(stage.policies.try_recv().is_err(), "it is shown");
}
