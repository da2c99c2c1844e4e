//! The writer against a mocked API server, on tokio's paused clock: what is sent, in which order, and what is counted.

mod queue;

use http::{Request, Response};
use kube::client::Body;
use prometheus_client::registry::Registry;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant as Clock, timeout};
use tower_test::mock::{self, Handle, SendResponse};

use super::*;
use crate::model::finding::Severity;
use crate::model::keys::{Kind, ObjectKey};
use crate::model::report::{FindingState, ReportFinding, ReportStatus, Stamp, Transition, Verdict};
use crate::model::testing::wall;
use crate::operator::metrics::Detail;
use crate::plan::Change;

/// Longer than the writer ever waits with nothing under way; on a paused clock it costs nothing.
const SILENCE: Duration = Duration::from_secs(1);
const REPORTS: &str = "/apis/plimsoll.dev/v1alpha1/namespaces/shop/resiliencereports";
const APPLY: &str = "force=true&fieldManager=plimsoll";

/// A writer, and the API server that it talks to.
struct Stage {
    server: Handle<Request<Body>, Response<Body>>,
    orders: mpsc::UnboundedSender<Order>,
    leads: watch::Sender<Leadership>,
    registry: Registry,
    task: JoinHandle<()>,
}

/// A request that waits for its answer.
struct Sent {
    /// `PATCH /path`, without the query.
    line: String,
    query: String,
    kind: String,
    body: Value,
    answer: SendResponse<Response<Body>>,
}

impl Sent {
    /// 200, with an object as the API server would send it.
    fn accept(self) {
        let spec = if self.line.contains("/clusterresiliencereports") {
            json!({})
        } else {
            json!({ "workloadRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u" } })
        };
        let mut body = self.body.clone();
        if self.line.starts_with("DELETE") {
            body = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" });
        } else if !self.line.contains("/events") {
            body["spec"] = spec;
            body["metadata"]["uid"] = "uid-of-the-report".into();
        }
        self.reply(200, &body);
    }

    /// An error, with a cause as the API server gives it.
    fn refuse(self, code: u16, reason: &str, cause: &str) {
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "no",
            "reason": reason, "code": code, "details": { "causes": [{ "reason": cause, "message": "no" }] }
        });
        self.reply(code, &status);
    }

    fn reply(self, code: u16, body: &Value) {
        let body = Body::from(serde_json::to_vec(body).expect("JSON"));
        let response = Response::builder().status(code).body(body);
        self.answer.send_response(response.expect("a response"));
    }
}

impl Stage {
    fn new() -> Self {
        let (service, server) = mock::pair::<Request<Body>, Response<Body>>();
        let client = Client::new(service, "default");
        let until = Clock::now() + Duration::from_secs(3600);
        let (leads, leadership) = watch::channel(Leadership::Leader { until, term: 0 });
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry, Detail::Aggregate);
        let writer = Writer::new(client, ServerClock::new(), leadership, metrics, "pod-1".into());
        let (orders, queue) = mpsc::unbounded_channel();
        let task = tokio::spawn(writer.run(queue));
        Stage {
            server,
            orders,
            leads,
            registry,
            task,
        }
    }

    fn order(&self, decision: Decision) {
        let seen = Instant::now();
        self.orders
            .send(Order {
                decision,
                seen,
                term: 0,
            })
            .expect("the writer listens");
    }

    fn standby(&self) {
        self.leads.send_replace(Leadership::Standby { holder: None });
    }

    /// The next request, if the writer makes one.
    async fn sent(&mut self) -> Option<Sent> {
        let (request, answer) = timeout(SILENCE, self.server.next_request()).await.ok()??;
        let (head, body) = request.into_parts();
        let bytes = body.collect_bytes().await.expect("a whole body");
        let kind = head.headers.get("content-type").map(|kind| kind.to_str());
        Some(Sent {
            line: format!("{} {}", head.method, head.uri.path()),
            query: head
                .uri
                .query()
                .unwrap_or_default()
                .trim_start_matches('&')
                .to_owned(),
            kind: kind.and_then(Result::ok).unwrap_or_default().to_owned(),
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
            answer,
        })
    }

    async fn next(&mut self) -> Sent {
        self.sent().await.expect("a request")
    }

    /// Accepts whatever comes until the writer is silent, and returns the request lines.
    async fn accept_all(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(sent) = self.sent().await {
            lines.push(sent.line.clone());
            sent.accept();
        }
        lines
    }

    /// The value of a counter: `writes_total`, `applied`.
    fn count(&self, name: &str, outcome: &str) -> u64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("text");
        let label = format!("outcome=\"{outcome}\"");
        let is_it =
            |line: &&str| line.starts_with(&format!("plimsoll_{name}_total{{")) && line.contains(&label);
        let value = text
            .lines()
            .filter(is_it)
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        value.sum()
    }
}

/// A status with fields that are there and fields that are not.
fn status(verdict: Verdict) -> Box<ReportStatus> {
    Box::new(ReportStatus {
        verdict,
        findings: vec![ReportFinding {
            id: "co-located".into(),
            rule: "co-located".into(),
            severity: Severity::Warning,
            state: FindingState::Active,
            message: "all on one node".into(),
            subject: None,
            since: Stamp::new(wall(0)),
            recovered: None,
            episodes: 1,
            remedy: None,
        }],
        ..ReportStatus::default()
    })
}

fn put(name: &str, create: bool) -> Decision {
    Decision {
        subject: ObjectKey::new(Kind::Deployment, "shop", name).into(),
        uid: "uid-1".into(),
        write: ReportWrite::Put {
            status: status(Verdict::AtRisk),
            create,
        },
        changes: Vec::new(),
        ownership: Ownership::default(),
    }
}

fn change(id: &str) -> Change {
    Change {
        id: id.into(),
        rule: "co-located".into(),
        transition: Transition::Active,
        severity: Severity::Warning,
        episode: 1,
        message: format!("{id} is on one node"),
    }
}

fn report(name: &str) -> String {
    format!("PATCH {REPORTS}/deployment-{name}")
}

#[tokio::test(start_paused = true)]
async fn a_new_report_is_two_applies_first_the_object_then_its_status() {
    let mut stage = Stage::new();
    stage.order(put("web", true));
    let object = stage.next().await;
    assert_eq!(
        (object.line.as_str(), object.query.as_str(), object.kind.as_str()),
        (report("web").as_str(), APPLY, "application/apply-patch+yaml")
    );
    let workload = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "uid-1" });
    let mut owner = workload.clone();
    owner["controller"] = false.into();
    owner["blockOwnerDeletion"] = false.into();
    let expected = json!({
        "apiVersion": "plimsoll.dev/v1alpha1", "kind": "ResilienceReport",
        "metadata": { "name": "deployment-web", "ownerReferences": [owner] },
        "spec": { "workloadRef": workload }
    });
    // So it has no acknowledgements: they are what people write.
    assert_eq!(object.body, expected);
    object.accept();

    let sent = stage.next().await;
    assert_eq!(
        (sent.line.as_str(), sent.query.as_str(), sent.kind.as_str()),
        (
            format!("{}/status", report("web")).as_str(),
            APPLY,
            "application/apply-patch+yaml"
        )
    );
    let expected = json!({
        "apiVersion": "plimsoll.dev/v1alpha1", "kind": "ResilienceReport",
        "metadata": { "name": "deployment-web" }, "status": status(Verdict::AtRisk)
    });
    assert_eq!(sent.body, expected);
    // The API server would take a null as "remove this field".
    assert!(!sent.body.to_string().contains("null"), "{}", sent.body);
    sent.accept();
    assert!(stage.sent().await.is_none());
    assert_eq!(stage.count("writes", "applied"), 1);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_lead_keeps_radio_silence() {
    let mut stage = Stage::new();
    stage.standby();
    let changes = vec![change("a")];
    stage.order(Decision {
        changes,
        ..put("web", true)
    });
    assert!(stage.sent().await.is_none());
    assert_eq!(stage.count("writes", "not_leader"), 1);
    assert_eq!(stage.count("events", "published"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_decided_in_an_earlier_term_is_not_written() {
    let mut stage = Stage::new();
    let until = Clock::now() + Duration::from_secs(3600);
    stage.leads.send_replace(Leadership::Leader { until, term: 1 });
    let changes = vec![change("a")];
    stage.order(Decision {
        changes,
        ..put("web", true)
    });
    assert!(stage.sent().await.is_none());
    assert_eq!(stage.count("writes", "not_leader"), 1);
    assert_eq!(stage.count("events", "published"), 0);
}

#[tokio::test(start_paused = true)]
async fn who_leads_no_more_stops_between_two_requests() {
    let mut stage = Stage::new();
    let changes = vec![change("a")];
    stage.order(Decision {
        changes,
        ..put("web", true)
    });
    let object = stage.next().await;
    stage.standby();
    object.accept();
    assert_eq!(stage.sent().await.map(|sent| sent.line), None);
    assert_eq!(stage.count("writes", "not_leader"), 1);
    assert_eq!(stage.count("events", "published"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_report_that_somebody_deleted_comes_back() {
    let mut stage = Stage::new();
    stage.order(put("web", false));
    let status = format!("{}/status", report("web"));
    let sent = stage.next().await;
    assert_eq!(sent.line, status);
    sent.refuse(404, "NotFound", "");
    assert_eq!(stage.accept_all().await, [report("web"), status]);
    assert_eq!(stage.count("writes", "applied"), 1);
}

#[rstest]
#[case::there_is_one(200)]
#[case::it_is_gone_already(404)]
#[tokio::test(start_paused = true)]
async fn a_report_on_an_earlier_workload_is_removed_first(#[case] code: u16) {
    let mut stage = Stage::new();
    let write = ReportWrite::Replace {
        status: status(Verdict::AtRisk),
    };
    stage.order(Decision {
        write,
        ..put("web", true)
    });
    let sent = stage.next().await;
    assert_eq!(sent.line, format!("DELETE {REPORTS}/deployment-web"));
    match code {
        200 => sent.accept(),
        _ => sent.refuse(code, "NotFound", ""),
    }
    assert_eq!(
        stage.accept_all().await,
        [report("web"), format!("{}/status", report("web"))]
    );
    assert_eq!(stage.count("writes", "applied"), 1);
}

#[rstest]
#[case::another_was_faster(409, "Conflict", "", "conflict")]
#[case::rbac(403, "Forbidden", "", "forbidden")]
#[case::the_namespace_goes_away(403, "Forbidden", "NamespaceTerminating", "gone")]
#[case::our_fault(422, "Invalid", "FieldValueInvalid", "invalid")]
#[case::the_namespace_is_gone(404, "NotFound", "", "gone")]
#[case::theirs(500, "InternalError", "", "failed")]
#[tokio::test(start_paused = true)]
async fn a_refusal_is_counted_by_what_it_means(
    #[case] code: u16,
    #[case] reason: &str,
    #[case] cause: &str,
    #[case] outcome: &str,
) {
    let mut stage = Stage::new();
    let changes = vec![change("a")];
    stage.order(Decision {
        changes,
        ..put("web", true)
    });
    stage.next().await.refuse(code, reason, cause);
    // The next plan writes the status again, but what happened is not in it any more: it is told now.
    let lines = stage.accept_all().await;
    assert_eq!(lines, ["POST /apis/events.k8s.io/v1/namespaces/shop/events"]);
    let other = ["applied", "conflict", "forbidden", "gone", "invalid", "failed"];
    for label in other {
        assert_eq!(
            stage.count("writes", label),
            u64::from(label == outcome),
            "{label}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_a_failure_and_frees_the_place() {
    let mut stage = Stage::new();
    stage.order(put("web", false));
    let unanswered = stage.next().await;
    tokio::time::sleep(WRITE_TIMEOUT).await;
    stage.order(put("web", false));
    assert_eq!(stage.accept_all().await, [format!("{}/status", report("web"))]);
    drop(unanswered);
    assert_eq!(
        (stage.count("writes", "failed"), stage.count("writes", "applied")),
        (1, 1)
    );
}
