//! A watch against a mocked API server that follows a script, on tokio's paused clock.

use http::{Request, Response};
use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::client::Body;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::time::timeout;
use tower_test::mock::{self, Handle};

use super::*;
use crate::operator::metrics::Detail;

struct Stage {
    server: Handle<Request<Body>, Response<Body>>,
    seen: mpsc::Receiver<String>,
    readiness: Readiness,
}

/// What the API server does with one request.
enum Answer {
    List(&'static [&'static str]),
    /// A page of a list that goes on.
    Page(&'static [&'static str]),
    Refuse(u16),
    /// Takes it and stays silent, like a watch on which nothing happens.
    Silence,
}

impl Stage {
    fn new() -> Self {
        Stage::of(Presence::Expected)
    }

    fn of(presence: Presence) -> Self {
        let (service, server) = mock::pair::<Request<Body>, Response<Body>>();
        let readiness = Readiness::default();
        readiness.expect("namespaces");
        let metrics = Metrics::new(&mut Registry::default(), Detail::Aggregate);
        let (out, seen) = mpsc::channel(1000);
        let api: Api<Namespace> = Api::all(Client::new(service, "default"));
        let name = |namespace: Namespace| namespace.metadata.name.unwrap_or_default();
        let wrap = move |seen: Seen<Namespace>| match seen.map(name) {
            Seen::ListBegins => "begins".to_owned(),
            Seen::Applied(name) => name,
            Seen::Deleted(name) => format!("deleted {name}"),
            Seen::ListEnds => "ends".to_owned(),
            Seen::Unreadable(_) => "unreadable".to_owned(),
            Seen::Missing => "missing".to_owned(),
        };
        let readiness_too = readiness.clone();
        tokio::spawn(watch(
            api,
            "namespaces",
            presence,
            readiness_too,
            metrics,
            out,
            wrap,
        ));
        Stage {
            server,
            seen,
            readiness,
        }
    }

    /// Answers in this order; each request must be of the kind (`list`, `watch`) that the script expects.
    async fn play(&mut self, script: &[(&str, Answer)]) {
        for (expected, answer) in script {
            let next = timeout(Duration::from_secs(300), self.server.next_request());
            let (request, send) = next.await.expect("in time").expect("a request");
            let query = request.uri().query().unwrap_or_default();
            let verb = if query.contains("watch=true") {
                "watch"
            } else {
                "list"
            };
            assert_eq!(verb, *expected, "{query}");
            let (code, body) = match answer {
                Answer::List(names) => (200, list(names, "")),
                Answer::Page(names) => (200, list(names, "more")),
                Answer::Refuse(code) => (*code, refusal(*code)),
                Answer::Silence => {
                    // Dropping it would be an answer.
                    std::mem::forget(send);
                    continue;
                }
            };
            let body = Body::from(serde_json::to_vec(&body).expect("JSON"));
            let response = Response::builder().status(code).body(body);
            send.send_response(response.expect("a response"));
        }
    }

    /// What the loop was told so far.
    async fn told(&mut self) -> Vec<String> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut told = Vec::new();
        while let Ok(seen) = self.seen.try_recv() {
            told.push(seen);
        }
        told
    }

    fn ready(&self) -> (bool, String) {
        (self.readiness.is_ready(), self.readiness.report().to_string())
    }
}

fn list(names: &[&str], next: &str) -> Value {
    let item = |name| json!({ "metadata": { "name": name, "resourceVersion": "5" } });
    let items: Vec<Value> = names.iter().map(item).collect();
    json!({ "kind": "NamespaceList", "apiVersion": "v1", "items": items,
        "metadata": { "resourceVersion": "7", "continue": next } })
}

fn refusal(code: u16) -> Value {
    let reason = match code {
        403 => "Forbidden",
        404 => "NotFound",
        410 => "Expired",
        _ => "InternalError",
    };
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "no",
        "reason": reason, "code": code })
}

#[tokio::test(start_paused = true)]
async fn a_list_is_told_from_begin_to_end_and_makes_ready() {
    let mut stage = Stage::new();
    stage
        .play(&[
            ("list", Answer::Page(&["a"])),
            ("list", Answer::List(&["b"])),
            ("watch", Answer::Silence),
        ])
        .await;
    assert_eq!(stage.told().await, ["begins", "a", "b", "ends"]);
    assert_eq!(stage.ready(), (true, "ready\n".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_too_old_lists_anew() {
    let mut stage = Stage::new();
    stage
        .play(&[
            ("list", Answer::List(&["a"])),
            ("watch", Answer::Refuse(410)),
            ("list", Answer::List(&[])),
            ("watch", Answer::Silence),
        ])
        .await;
    assert_eq!(stage.told().await, ["begins", "a", "ends", "begins", "ends"]);
    assert_eq!(stage.ready(), (true, "ready\n".to_owned()));
}

/// An API server that has just started refuses everything until its authorizer has read the roles.
#[tokio::test(start_paused = true)]
async fn a_watch_that_was_forbidden_lists_anew() {
    let mut stage = Stage::new();
    stage
        .play(&[("list", Answer::List(&["a"])), ("watch", Answer::Refuse(403))])
        .await;
    assert_eq!(stage.told().await, ["begins", "a", "ends", "unreadable"]);
    assert!(!stage.ready().0);
    stage
        .play(&[("list", Answer::List(&["a"])), ("watch", Answer::Silence)])
        .await;
    assert_eq!(stage.told().await, ["begins", "a", "ends"]);
    assert_eq!(stage.ready(), (true, "ready\n".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_kind_whose_crd_is_missing_is_named_as_such() {
    let mut stage = Stage::new();
    stage.play(&[("list", Answer::Refuse(404))]).await;
    assert_eq!(stage.told().await, ["unreadable"]);
    let (ready, report) = stage.ready();
    assert!(
        !ready && report.contains("CustomResourceDefinition") && !report.contains("403"),
        "{report}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_optional_kind_that_is_missing_is_told_once_and_looked_for_every_minute() {
    let mut stage = Stage::of(Presence::Optional);
    stage.play(&[("list", Answer::Refuse(404))]).await;
    assert_eq!(stage.told().await, ["missing"]);
    let line = "ready\nmissing: namespaces: not installed, so there are none; looked for every 60 s\n";
    assert_eq!(stage.ready(), (true, line.to_owned()));
    let start = tokio::time::Instant::now();
    stage.play(&[const { ("list", Answer::Refuse(404)) }; 5]).await;
    assert_eq!(start.elapsed().as_secs() / 60, 4, "{:?}", start.elapsed());
    assert!(stage.told().await.is_empty(), "no news");
    assert_eq!(stage.ready(), (true, line.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_optional_kind_is_watched_from_when_it_is_installed_until_it_is_removed() {
    let mut stage = Stage::of(Presence::Optional);
    stage
        .play(&[
            ("list", Answer::Refuse(404)),
            ("list", Answer::List(&["a"])),
            ("watch", Answer::Silence),
        ])
        .await;
    assert_eq!(stage.told().await, ["missing", "begins", "a", "ends"]);
    assert_eq!(stage.ready(), (true, "ready\n".to_owned()));

    let mut stage = Stage::of(Presence::Optional);
    stage
        .play(&[
            ("list", Answer::List(&["a"])),
            ("watch", Answer::Refuse(404)),
            ("list", Answer::Refuse(404)),
            ("list", Answer::List(&["b"])),
            ("watch", Answer::Silence),
        ])
        .await;
    assert_eq!(
        stage.told().await,
        ["begins", "a", "ends", "missing", "begins", "b", "ends"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_optional_kind_that_may_not_be_read_is_named_and_is_not_missing() {
    let mut stage = Stage::of(Presence::Optional);
    stage.play(&[("list", Answer::Refuse(403))]).await;
    assert_eq!(stage.told().await, ["unreadable"]);
    let (ready, report) = stage.ready();
    assert!(!ready && report.contains("403 forbidden"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_breaks_off_begins_again() {
    let mut stage = Stage::new();
    stage
        .play(&[
            ("list", Answer::Page(&["a"])),
            ("list", Answer::Refuse(410)),
            ("list", Answer::List(&["b"])),
            ("watch", Answer::Silence),
        ])
        .await;
    // What the first try named does not count: it may be gone.
    assert_eq!(stage.told().await, ["begins", "a", "begins", "b", "ends"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_fails_again_and_again_is_asked_for_less_and_less_often() {
    let mut stage = Stage::new();
    let start = tokio::time::Instant::now();
    stage.play(&[const { ("list", Answer::Refuse(500)) }; 8]).await;
    let took = start.elapsed();
    assert!(took > Duration::from_secs(30), "8 requests in {took:?}");
    assert!(
        stage.told().await.is_empty(),
        "nothing was listed, so no list began"
    );
    assert!(!stage.ready().0);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_is_over_is_not_told_for_ever() {
    let mut stage = Stage::new();
    stage
        .play(&[
            ("list", Answer::List(&[])),
            ("watch", Answer::Refuse(500)),
            ("watch", Answer::Silence),
        ])
        .await;
    assert_eq!(stage.told().await, ["begins", "ends"]);
    let (ready, report) = stage.ready();
    assert!(ready && report.contains("degraded"), "{report}");
    tokio::time::sleep(QUIET * 2).await;
    assert_eq!(stage.ready(), (true, "ready\n".to_owned()));
}
