//! Objects that cannot be read, from the API server's bytes to `/readyz`.

use kube::Api;
use serde_json::{Value, json};

use super::*;
use crate::operator::health::KindState;
use crate::operator::watch::watch;
use crate::source::watched::{Deployments, Pods};

/// A watch on one kind, and the API server that answers it.
struct Watching {
    runtime: tokio::runtime::Runtime,
    server: Handle<Request<Body>, Response<Body>>,
    inputs: mpsc::Receiver<Input>,
}

impl Watching {
    fn of<K: WatchedKind>(stage: &Stage) -> Self
    where
        Watched<K>: Resource<DynamicType = ()>,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let (service, server) = mock::pair();
        let (out, inputs) = mpsc::channel(1000);
        let (readiness, metrics) = (&stage.reconciler.readiness, &stage.reconciler.metrics);
        runtime.block_on(async {
            let api: Api<Watched<K>> = Api::all(Client::new(service, "default"));
            let wrap = |seen: Seen<Watched<K>>| Input::Object(K::KIND, seen.map(Read::from));
            let watching = watch(
                api,
                K::KIND.plural(),
                K::KIND.into(),
                readiness.clone(),
                metrics.clone(),
                out,
                wrap,
            );
            tokio::spawn(watching);
        });
        Watching {
            runtime,
            server,
            inputs,
        }
    }

    /// Answers the next list (or watch) with this body, and takes in what the watch makes of it.
    fn answers(&mut self, stage: &mut Stage, verb: &str, body: String) {
        let Watching {
            runtime,
            server,
            inputs,
        } = self;
        let inputs = runtime.block_on(async {
            let (request, send) = server.next_request().await.expect("a request");
            let query = request.uri().query().unwrap_or_default();
            assert_eq!(query.contains("watch=true"), verb == "watch", "{query}");
            send.send_response(Response::new(Body::from(body.into_bytes())));
            tokio::time::sleep(Duration::from_millis(1)).await;
            std::iter::from_fn(|| inputs.try_recv().ok()).collect::<Vec<_>>()
        });
        inputs.into_iter().for_each(|input| stage.take(input));
    }

    fn lists(&mut self, stage: &mut Stage, items: &[Value]) {
        let list = json!({ "metadata": { "resourceVersion": "7" }, "items": items });
        self.answers(stage, "list", list.to_string());
    }

    fn tells(&mut self, stage: &mut Stage, events: &[(&str, Value)]) {
        let lines = events
            .iter()
            .map(|(kind, object)| json!({ "type": kind, "object": object }).to_string() + "\n");
        self.answers(stage, "watch", lines.collect());
    }
}

/// A ready pod of `shop/web`.
fn good(name: &str) -> Value {
    let owner = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": true });
    json!({ "metadata": { "name": name, "namespace": "shop", "resourceVersion": "5", "ownerReferences": [owner] },
        "spec": { "nodeName": "n1", "containers": [] },
        "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] } })
}

/// The same pod as nobody can read it.
fn broken(name: &str) -> Value {
    let mut pod = good(name);
    pod["spec"] = json!("none");
    pod
}

fn ready(stage: &mut Stage) -> Option<i32> {
    let (status, _) = written(stage.judge());
    status.placement.map(|placement| placement.ready)
}

fn told(stage: &Stage) -> String {
    stage.reconciler.readiness.report().to_string()
}

fn skipped(stage: &Stage, kind: &str) -> u64 {
    let metrics = stage.metrics();
    let line = format!("plimsoll_objects_skipped_total{{kind=\"{kind}\"}} ");
    let found = metrics.lines().find_map(|one| one.strip_prefix(&line));
    found.and_then(|count| count.parse().ok()).expect("it is counted")
}

#[test]
fn an_object_that_cannot_be_read_is_named_for_as_long_as_it_is_so_and_the_others_live_on() {
    let mut stage = Stage::new();
    let mut pods = Watching::of::<Pods>(&stage);
    pods.lists(&mut stage, &[good("web-1"), broken("web-2"), json!(7)]);
    assert_eq!(ready(&mut stage), Some(1), "the others are judged");
    let said = told(&stage);
    assert!(said.contains("pods: 2 objects cannot be read: "), "{said}");
    assert!(
        said.contains("shop/web-2: not judged: Pod spec: must be a map, not the string \"none\""),
        "{said}"
    );
    assert_eq!(skipped(&stage, "pods"), 2);

    // What it said when it could be read does not count any more.
    let events = [
        ("ADDED", broken("web-3")),
        ("MODIFIED", good("web-2")),
        ("MODIFIED", broken("web-1")),
    ];
    pods.tells(&mut stage, &events);
    assert_eq!(
        stage.reconciler.engine.index().count(Kind::Pod),
        1,
        "web-2 is left"
    );
    let said = told(&stage);
    assert!(
        said.contains("shop/web-1: ") && said.contains("shop/web-3: ") && !said.contains("web-2"),
        "{said}"
    );
    assert_eq!(skipped(&stage, "pods"), 4);

    pods.tells(
        &mut stage,
        &[("DELETED", broken("web-3")), ("MODIFIED", good("web-1"))],
    );
    assert_eq!(ready(&mut stage), Some(2));
    let said = told(&stage);
    assert!(
        said.contains("pods: 1 object cannot be read: ") && !said.contains("web-"),
        "{said}"
    );

    let expired =
        json!({ "kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "old" });
    pods.tells(&mut stage, &[("ERROR", expired)]);
    pods.lists(&mut stage, &[good("web-1"), good("web-2")]);
    assert_eq!(told(&stage), "ready\n", "the list names it no more");
    assert_eq!(stage.judge(), None, "and nothing else has changed");
}

#[test]
fn a_workload_is_judged_without_the_field_that_does_not_fit() {
    let mut stage = Stage::new();
    let mut deployments = Watching::of::<Deployments>(&stage);
    let web = |replicas: Value| {
        json!({ "metadata": { "name": "web", "namespace": "shop", "uid": "uid-web", "resourceVersion": "5" },
            "spec": { "replicas": replicas, "template": { "spec": { "containers": [{ "name": "app" }] } } } })
    };
    deployments.lists(&mut stage, &[web(json!("three"))]);
    let (status, _) = written(stage.judge());
    let rules: Vec<&str> = status
        .findings
        .iter()
        .map(|finding| finding.rule.as_str())
        .collect();
    assert!(
        rules.contains(&"memory-limit") && status.summary.unknown > 0,
        "{status:#?}"
    );
    let said = told(&stage);
    assert!(
        said.contains("deployments: 1 object cannot be read: shop/web: judged in part: spec.replicas"),
        "{said}"
    );
    deployments.tells(&mut stage, &[("MODIFIED", web(json!(3)))]);
    assert_eq!(told(&stage), "ready\n");
    assert_eq!(skipped(&stage, "deployments"), 1);
}

#[test]
fn a_report_that_cannot_be_read_is_named_until_it_is_gone_and_then_comes_back() {
    let mut stage = Stage::new();
    let web = report("deployment-web", written(stage.judge()).0);
    stage.reports(&[&web]);
    let resource = "resiliencereports";
    stage.reconciler.readiness.set(resource, KindState::Listed);
    let mut odd = json!(web);
    odd["status"] = json!({ "verdict": "Splendid" });
    let odd = || serde_json::from_value::<DeserializeGuard<ResilienceReport>>(odd.clone()).expect("a guard");
    stage.take(Input::Report(Seen::Applied(odd())));
    let said = told(&stage);
    assert!(
        said.contains("resiliencereports: 1 object cannot be read: shop/deployment-web: not taken over"),
        "{said}"
    );
    assert_eq!(skipped(&stage, resource), 1);
    stage.take(Input::Report(Seen::Deleted(odd())));
    assert_eq!(told(&stage), "ready\n");
    assert!(written(stage.judge()).1, "it comes back");
}
