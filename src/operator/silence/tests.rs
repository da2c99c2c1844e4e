//! On tokio's paused clock, against a mocked API server.

use std::sync::Mutex;

use futures::StreamExt;
use kube::client::Body as ClientBody;
use tokio::sync::mpsc;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::*;

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Sends one request to a server that answers so.
async fn answer<B: Send + 'static>(hearing: &Hearing, status: u16, body: B) -> Response<Heard<B>> {
    let body = Mutex::new(Some(body));
    let server = service_fn(move |_: Request<()>| {
        let body = body.lock().expect("one request").take().expect("one request");
        let response = Response::builder().status(status).body(body);
        std::future::ready(response)
    });
    let service = ServiceBuilder::new().layer(hearing.clone()).service(server);
    service.oneshot(Request::new(())).await.expect("an answer")
}

#[tokio::test(start_paused = true)]
async fn every_answer_and_every_frame_of_a_watch_is_heard() {
    let hearing = Hearing::new();
    pass(20).await;
    assert_eq!(hearing.silence().as_secs(), 20);
    let (frames, body) = mpsc::unbounded_channel::<Result<&'static [u8], std::io::Error>>();
    let body = futures::stream::unfold(body, |mut body| async {
        let next = body.recv().await?;
        Some((next.map(Vec::from), body))
    });
    let watch = answer(&hearing, 403, axum::body::Body::from_stream(body)).await;
    assert_eq!(hearing.silence(), Duration::ZERO, "what it says does not matter");
    let mut body = axum::body::Body::new(watch.into_body()).into_data_stream();
    pass(8).await;
    frames.send(Ok(b"{}\n")).expect("it is read");
    body.next().await.expect("a frame").expect("no error");
    pass(3).await;
    assert_eq!(hearing.silence().as_secs(), 3);
    frames
        .send(Err(std::io::Error::other("reset")))
        .expect("it is read");
    assert!(body.next().await.expect("an end").is_err());
    assert_eq!(
        hearing.silence().as_secs(),
        3,
        "a broken connection is no sign of life"
    );
}

#[tokio::test(start_paused = true)]
async fn a_gateway_without_an_api_server_behind_it_is_not_heard() {
    let hearing = Hearing::new();
    pass(20).await;
    for status in [502, 503, 504] {
        answer(&hearing, status, ClientBody::empty()).await;
        assert_eq!(hearing.silence().as_secs(), 20, "{status}");
    }
}

/// A server that counts questions, and answers only while it is not frozen.
fn server(hearing: &Hearing, frozen: &Arc<Mutex<bool>>, asked: &mpsc::UnboundedSender<String>) -> Client {
    let (frozen, asked) = (frozen.clone(), asked.clone());
    let server = service_fn(move |request: Request<ClientBody>| {
        asked.send(request.uri().to_string()).expect("the test listens");
        let frozen = *frozen.lock().expect("no panic");
        async move {
            if frozen {
                std::future::pending::<()>().await;
            }
            Ok::<_, std::io::Error>(Response::new(ClientBody::from(b"ok".to_vec())))
        }
    });
    Client::new(
        ServiceBuilder::new().layer(hearing.clone()).service(server),
        "default",
    )
}

#[tokio::test(start_paused = true)]
async fn it_is_asked_only_in_silence_and_again_every_5_s_until_it_is_heard() {
    let hearing = Hearing::new();
    let frozen = Arc::new(Mutex::new(false));
    let (sender, mut asked) = mpsc::unbounded_channel();
    tokio::spawn(ask(server(&hearing, &frozen, &sender), hearing.clone()));
    for _ in 0..20 {
        pass(9).await;
        hearing.note();
    }
    assert!(asked.try_recv().is_err(), "heartbeats are enough");

    pass(11).await;
    assert_eq!(asked.try_recv().as_deref(), Ok("/readyz"));
    assert!(hearing.silence() < Duration::from_secs(2), "it answered");

    *frozen.lock().expect("no panic") = true;
    pass(16).await;
    assert!(hearing.silence() >= FREEZE_AFTER);
    pass(30).await;
    let questions = std::iter::from_fn(|| asked.try_recv().ok()).count();
    assert!((6..=9).contains(&questions), "{questions} in 36 s of silence");
    *frozen.lock().expect("no panic") = false;
    pass(6).await;
    assert!(hearing.silence() < Duration::from_secs(6));
}
