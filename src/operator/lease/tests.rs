//! The loop against a mocked API server that guards versions like the real one, on tokio's paused clock.

use std::{
    future::pending,
    pin::pin,
    sync::{Arc, Mutex},
};

use http::{Method, Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};
use tower_test::mock;

use super::*;

/// The one lease of an API server, and what happened to it.
#[derive(Default)]
struct State {
    lease: Option<Value>,
    version: u64,
    writes: usize,
    is_silent: bool,
}

impl State {
    /// Another writer changes the lease.
    fn put(&mut self, mut lease: Value) {
        self.version += 1;
        lease["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.lease = Some(lease);
    }

    fn spec(&self) -> &Value {
        &self.lease.as_ref().expect("a lease")["spec"]
    }

    fn answer(&mut self, method: &Method, body: &[u8]) -> Result<Value, (u16, &'static str)> {
        const NOT_FOUND: (u16, &str) = (404, "NotFound");
        if *method == Method::GET {
            return self.lease.clone().ok_or(NOT_FOUND);
        }
        let sent: Value = serde_json::from_slice(body).expect("a lease");
        let version = |lease: &Value| lease["metadata"]["resourceVersion"].clone();
        match (&self.lease, *method == Method::POST) {
            (Some(_), true) => return Err((409, "AlreadyExists")),
            (None, false) => return Err(NOT_FOUND),
            (Some(stored), false) if version(stored) != version(&sent) => return Err((409, "Conflict")),
            _ => {}
        }
        self.writes += 1;
        self.put(sent);
        self.lease.clone().ok_or(NOT_FOUND)
    }
}

#[derive(Clone, Default)]
struct Server(Arc<Mutex<State>>);

impl Server {
    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().expect("no panic while locked"))
    }

    fn client(&self) -> Client {
        let (service, handle) = mock::pair::<Request<Body>, Response<Body>>();
        let server = self.clone();
        tokio::spawn(async move {
            let mut handle = pin!(handle);
            // Those who wait in vain.
            let mut unanswered = Vec::new();
            while let Some((request, respond)) = handle.next_request().await {
                let method = request.method().clone();
                let body = request.into_body().collect_bytes().await.expect("a body");
                if server.with(|state| state.is_silent) {
                    unanswered.push(respond);
                    continue;
                }
                let (code, value) = match server.with(|state| state.answer(&method, &body)) {
                    Ok(lease) => (200, lease),
                    Err((code, reason)) => {
                        let status =
                            json!({ "kind": "Status", "status": "Failure", "code": code, "reason": reason });
                        (code, status)
                    }
                };
                let body = Body::from(serde_json::to_vec(&value).expect("JSON"));
                respond.send_response(Response::builder().status(code).body(body).expect("a response"));
            }
        });
        Client::new(service, "default")
    }

    /// Starts a candidate. It runs until the sender is used.
    fn start(&self, me: &str) -> Candidate {
        let (elector, leadership) =
            Elector::new(self.client(), "plimsoll", "leader", me, LeaseTiming::default())
                .expect("sound timing");
        let (stop, stopped) = oneshot::channel::<()>();
        let run = tokio::spawn(elector.run(async move {
            if stopped.await.is_err() {
                pending::<()>().await;
            }
        }));
        Candidate {
            leadership,
            run,
            stop: Some(stop),
        }
    }
}

struct Candidate {
    leadership: watch::Receiver<Leadership>,
    run: JoinHandle<Outcome>,
    stop: Option<oneshot::Sender<()>>,
}

impl Candidate {
    /// Waits for leadership. A minute on the paused clock is never.
    async fn leads(&mut self) {
        let leads = |leadership: &Leadership| matches!(leadership, Leadership::Leader { .. });
        let wait = self.leadership.wait_for(leads);
        timeout(Duration::from_secs(60), wait)
            .await
            .expect("leads within a minute")
            .expect("the loop runs");
    }

    fn may_write(&self) -> bool {
        let leadership = self.leadership.borrow();
        leadership.term().is_some_and(|term| leadership.may_write(term))
    }

    async fn shut_down(mut self) -> Outcome {
        self.stop.take().expect("once").send(()).expect("the loop runs");
        self.run.await.expect("no panic")
    }
}

fn lease_of(holder: &str, transitions: i32) -> Value {
    json!({
        "metadata": { "name": "leader", "namespace": "plimsoll", "labels": { "kept": "yes" } },
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": 15,
            "leaseTransitions": transitions,
            // Its clock is years behind: that must not matter.
            "acquireTime": "2001-01-01T00:00:00.000000Z",
            "renewTime": "2001-01-01T00:00:00.000000Z",
        },
    })
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_lease_is_created_and_renewed() {
    let server = Server::default();
    let mut a = server.start("a");
    a.leads().await;
    let first = server.with(|state| state.spec().clone());
    assert_eq!(
        (&first["holderIdentity"], &first["leaseTransitions"]),
        (&json!("a"), &json!(0))
    );
    assert_eq!(first["leaseDurationSeconds"], 15);
    pass(61).await;
    assert!(a.may_write());
    let later = server.with(|state| state.spec().clone());
    assert_eq!(
        (&first["acquireTime"], &first["leaseTransitions"]),
        (&later["acquireTime"], &later["leaseTransitions"])
    );
    assert_ne!(first["renewTime"], later["renewTime"]);
    assert_eq!(
        server.with(|state| state.writes),
        31,
        "one create, and a renewal every 2 s"
    );
}

#[tokio::test(start_paused = true)]
async fn an_expired_lease_is_taken_only_after_its_whole_duration_was_watched() {
    let server = Server::default();
    server.with(|state| state.put(lease_of("b", 4)));
    let start = Instant::now();
    let mut a = server.start("a");
    pass(14).await;
    assert_eq!(
        *a.leadership.borrow(),
        Leadership::Standby {
            holder: Some("b".into())
        }
    );
    a.leads().await;
    assert_eq!(start.elapsed().as_secs(), 15);
    let lease = server.with(|state| state.lease.clone()).expect("a lease");
    assert_eq!(
        (
            &lease["spec"]["holderIdentity"],
            &lease["spec"]["leaseTransitions"]
        ),
        (&json!("a"), &json!(5))
    );
    assert_eq!(lease["metadata"]["labels"]["kept"], "yes");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_renewed_is_never_taken() {
    let server = Server::default();
    let a = server.start("a");
    for i in 0..20 {
        let mut lease = lease_of("b", 4);
        lease["spec"]["renewTime"] = format!("2001-01-01T00:{i:02}:00.000000Z").into();
        server.with(|state| state.put(lease));
        pass(14).await;
        assert!(!a.may_write());
    }
    assert_eq!(server.with(|state| state.writes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_labels_is_no_sign_of_life() {
    let server = Server::default();
    server.with(|state| state.put(lease_of("b", 4)));
    let mut a = server.start("a");
    pass(10).await;
    server.with(|state| {
        let mut lease = lease_of("b", 4);
        lease["metadata"]["labels"]["seen"] = "by kubectl".into();
        state.put(lease);
    });
    let start = Instant::now();
    a.leads().await;
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_with_another_holder_ends_the_term() {
    let server = Server::default();
    let mut a = server.start("a");
    a.leads().await;
    server.with(|state| state.put(lease_of("b", 1)));
    let start = Instant::now();
    assert_eq!(
        a.run.await.expect("no panic"),
        Outcome::Lost(Loss::Taken { by: "b".into() })
    );
    assert!(start.elapsed() <= Duration::from_secs(2));
    assert!(matches!(*a.leadership.borrow(), Leadership::Standby { .. }));
    assert_eq!(
        server.with(|state| state.writes),
        1,
        "nothing was written over the other's lease"
    );
}

#[tokio::test(start_paused = true)]
async fn a_conflict_over_labels_does_not() {
    let server = Server::default();
    let mut a = server.start("a");
    a.leads().await;
    for _ in 0..5 {
        pass(7).await;
        server.with(|state| {
            let lease = state.lease.clone().expect("a lease");
            state.put(lease);
        });
    }
    pass(7).await;
    assert!(a.may_write() && !a.run.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_lease_ends_the_term() {
    let server = Server::default();
    let mut a = server.start("a");
    a.leads().await;
    server.with(|state| state.lease = None);
    assert_eq!(a.run.await.expect("no panic"), Outcome::Lost(Loss::Vacated));
}

#[tokio::test(start_paused = true)]
async fn a_silent_api_server_ends_the_term_at_the_deadline_and_a_later_one_begins_when_it_is_back() {
    let server = Server::default();
    let mut a = server.start("a");
    a.leads().await;
    pass(5).await;
    server.with(|state| state.is_silent = true);
    let Leadership::Leader { until, term } = *a.leadership.borrow() else {
        panic!("leads")
    };
    a.leadership
        .wait_for(|leadership| leadership.term().is_none())
        .await
        .expect("it goes on");
    let late = Instant::now().saturating_duration_since(until);
    assert!(
        Instant::now() >= until && late < Duration::from_millis(10),
        "{late:?}"
    );
    pass(60).await;
    assert!(a.leadership.borrow().term().is_none() && !a.run.is_finished());
    server.with(|state| state.is_silent = false);
    a.leads().await;
    let leadership = a.leadership.borrow().clone();
    assert!(leadership.may_write(term + 1));
    assert!(!leadership.may_write(term), "what was decided before is stale");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_could_not_renew_does_not_take_the_lease_from_another() {
    let server = Server::default();
    let mut a = server.start("a");
    a.leads().await;
    server.with(|state| state.is_silent = true);
    pass(20).await;
    // The API server is back, and another replica was faster.
    server.with(|state| {
        state.is_silent = false;
        state.put(lease_of("b", 1));
    });
    let writes = server.with(|state| state.writes);
    for _ in 0..10 {
        pass(3).await;
        assert!(!a.may_write() && !a.run.is_finished());
        server.with(|state| {
            let mut lease = lease_of("b", 1);
            lease["spec"]["renewTime"] = format!("2026-11-21T06:00:{:02}.000000Z", state.version % 60).into();
            state.put(lease);
        });
    }
    assert_eq!(server.with(|state| state.writes), writes);
}

#[tokio::test(start_paused = true)]
async fn shutdown_releases_and_the_next_takes_over_at_once() {
    let server = Server::default();
    let mut a = server.start("a");
    a.leads().await;
    let mut b = server.start("b");
    pass(7).await;
    assert_eq!(a.shut_down().await, Outcome::Released);
    let spec = server.with(|state| state.spec().clone());
    assert_eq!(
        (&spec["holderIdentity"], &spec["leaseDurationSeconds"]),
        (&json!(""), &json!(1))
    );
    assert_eq!(spec["leaseTransitions"], 0);
    let start = Instant::now();
    b.leads().await;
    assert!(start.elapsed() <= Duration::from_secs(2));
    assert_eq!(
        server.with(|state| state.spec()["leaseTransitions"].clone()),
        json!(1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_is_shut_down_writes_nothing() {
    let server = Server::default();
    server.with(|state| state.put(lease_of("b", 4)));
    let a = server.start("a");
    pass(5).await;
    assert_eq!(a.shut_down().await, Outcome::Stopped);
    assert_eq!(server.with(|state| state.writes), 0);
}

#[tokio::test(start_paused = true)]
async fn two_never_lead_at_once_even_with_the_same_name() {
    for names in [["a", "b"], ["twin", "twin"]] {
        let server = Server::default();
        let mut candidates: Vec<_> = names.iter().map(|me| server.start(me)).collect();
        pass(30).await;
        let leader = candidates
            .iter()
            .position(Candidate::may_write)
            .expect("one leads");
        // The leader's process is gone without a word.
        let gone = candidates.remove(leader);
        gone.run.abort();
        let mut overlap = false;
        let mut waited = 0;
        while !candidates[0].may_write() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            waited += 1;
            overlap |= gone.may_write() && candidates[0].may_write();
        }
        assert!(
            !overlap && (130..=170).contains(&waited),
            "{names:?}: {waited} tenths of a second"
        );
    }
}

#[test]
fn senseless_timing_and_identities_are_refused() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let _guard = runtime.enter();
    let elector =
        |me: &str, timing| Elector::new(Server::default().client(), "plimsoll", "leader", me, timing).err();
    let timing = LeaseTiming {
        retry: Duration::from_secs(9),
        ..LeaseTiming::default()
    };
    assert!(matches!(elector("a", timing), Some(LeaseError::Timing { .. })));
    assert!(matches!(
        elector("", LeaseTiming::default()),
        Some(LeaseError::Identity)
    ));
}

#[test]
fn errors_tell_every_cause_once() {
    let refused = std::io::Error::other("connection refused");
    let text = LeaseError::from(kube::Error::Service(Box::new(refused))).to_string();
    assert_eq!(text.matches("connection refused").count(), 1, "{text}");
}
