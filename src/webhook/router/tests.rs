use axum::http::Request;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::engine::Engine;
use crate::index::Index;
use crate::model::config::{ClusterVersion, DetectorConfig};
use crate::model::object::Object;
use crate::model::policy::Admission;
use crate::model::testing::{policy, wall};
use crate::operator::metrics::Detail;
use crate::policy::Policy;
use crate::webhook::{Tray, desk};

/// Reviews as a kube-apiserver 1.36 sent them for what kubectl did.
const CREATE: &str = include_str!("../../../tests/fixtures/reviews/create-deployment.json");
const SCALE: &str = include_str!("../../../tests/fixtures/reviews/scale-deployment.json");

struct World {
    router: Router,
    tray: Tray,
    registry: Registry,
}

fn world() -> World {
    let (desk, tray) = desk();
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry, Detail::Aggregate);
    World {
        router: router(Door::new(desk, metrics)),
        tray,
        registry,
    }
}

/// The engine's loop, over these objects, for as long as the test runs.
fn answering(mut tray: Tray, objects: Vec<Object>) {
    let mut index = Index::complete(ClusterVersion::NEWEST);
    for object in objects {
        index.apply(object, crate::model::time::Moment(0));
    }
    let mut engine = Engine::new(index, Policy::default(), DetectorConfig::default());
    tray.set_open(true);
    tokio::spawn(async move {
        while let Some(asked) = tray.asked.recv().await {
            let _ = asked.reply.send(engine.review(asked.change, wall(0)));
        }
    });
}

async fn post(router: &Router, body: impl Into<Body>) -> (StatusCode, String) {
    let request = Request::post("/validate?timeout=2s")
        .body(body.into())
        .expect("a request");
    let response = router.clone().oneshot(request).await.expect("infallible");
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    (status, String::from_utf8(body.to_vec()).expect("UTF-8"))
}

async fn reviewed(router: &Router, body: &str) -> Value {
    let (status, body) = post(router, body.to_owned()).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
    answer["response"].clone()
}

fn counted(world: &Registry, outcome: &str) -> bool {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, world).expect("a String takes everything");
    text.contains(&format!(
        "plimsoll_admission_reviews_total{{outcome=\"{outcome}\"}} 1"
    ))
}

#[tokio::test]
async fn a_deployment_that_will_not_survive_is_let_in_with_warnings() {
    let World {
        router,
        tray,
        registry,
    } = world();
    answering(tray, Vec::new());
    let answer = reviewed(&router, CREATE).await;
    insta::assert_json_snapshot!(answer);
    assert!(counted(&registry, "warned"));
}

#[tokio::test]
async fn what_a_policy_denies_is_refused_with_its_reason() {
    let World {
        router,
        tray,
        registry,
    } = world();
    let strict = policy("strict").rule("memory-limit", |rule| rule.admission = Some(Admission::Deny));
    answering(tray, vec![strict.object()]);
    let answer = reviewed(&router, CREATE).await;
    insta::assert_json_snapshot!(answer);
    assert!(counted(&registry, "denied"));
}

#[tokio::test]
async fn a_scale_is_judged_by_the_workload_that_is_there() {
    let World { router, tray, .. } = world();
    let review: Value = serde_json::from_str(CREATE).expect("JSON");
    let web = review["request"]["object"].to_string();
    let web = crate::source::projection::from_json(crate::model::keys::Kind::Deployment, web.as_bytes());
    answering(tray, vec![web.expect("a Deployment")]);
    let answer = reviewed(&router, SCALE).await;
    insta::assert_json_snapshot!(answer);
}

#[tokio::test]
async fn before_everything_is_listed_it_lets_in_silently() {
    let World {
        router,
        tray,
        registry,
    } = world();
    let answer = reviewed(&router, CREATE).await;
    assert_eq!((&answer["allowed"], answer.get("warnings")), (&json!(true), None));
    assert!(counted(&registry, "loading"));
    drop(tray);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_does_not_answer_lets_in_silently() {
    let World {
        router,
        tray,
        registry,
    } = world();
    tray.set_open(true);
    let answer = reviewed(&router, CREATE).await;
    assert_eq!(answer["allowed"], true);
    assert!(counted(&registry, "shed"));
}

#[tokio::test]
async fn too_many_at_once_are_let_in_silently() {
    let World { router, tray, .. } = world();
    tray.set_open(true);
    let waiting: Vec<_> = (0..CONCURRENT)
        .map(|_| {
            let router = router.clone();
            tokio::spawn(async move { reviewed(&router, CREATE).await })
        })
        .collect();
    while tray.asked.len() < CONCURRENT {
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    assert_eq!(reviewed(&router, CREATE).await["allowed"], true);
    assert!(began.elapsed() < PATIENCE, "the next does not wait");
    answering(tray, Vec::new());
    for waited in waiting {
        assert!(waited.await.expect("no panic")["warnings"].is_array());
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_told_why() {
    let World { router, registry, .. } = world();
    let (status, body) = post(&router, "{}").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        body,
        "\"\" of \"\" is not read; send an AdmissionReview of admission.k8s.io/v1\n"
    );
    assert!(counted(&registry, "unreadable"));
    let (status, body) = post(&router, vec![b' '; BODY_MAX + 1]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(
        body.starts_with("a review of at most 3145728 bytes is read"),
        "{body}"
    );
}

#[tokio::test]
async fn a_controller_that_tries_again_is_told_once() {
    let World { router, tray, .. } = world();
    answering(tray, Vec::new());
    let mut review: Value = serde_json::from_str(CREATE).expect("JSON");
    review["request"]["userInfo"]["username"] = json!("system:serviceaccount:flux:flux");
    let review = review.to_string();
    assert!(reviewed(&router, &review).await["warnings"].is_array());
    assert_eq!(reviewed(&router, &review).await.get("warnings"), None);
}
