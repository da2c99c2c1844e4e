//! `plimsoll operator`: watches a cluster, judges it, and writes reports and Events.
//!
//! ```text
//! watch (a task a kind) ──> reconcile (the engine's loop) ──> writer (leads? then writes) ──> API
//!   webhook ── what somebody asks for ──^        lease (one of all replicas leads) ──────^
//! health: /livez, /readyz, /metrics
//! ```
//!
//! Every replica watches and judges; the one that holds the Lease writes. One that could not renew it in time stands by,
//! and stands for election again, warm: what it decided before is not written in a later term. When another has taken the
//! Lease although it was held the process ends.
//!
//! While the API server is not heard (`silence`) nothing is judged.

mod certificates;
pub mod client;
mod events;
pub mod health;
mod latches;
pub mod lease;
pub mod metrics;
mod reconcile;
pub mod record;
pub mod silence;
pub mod telemetry;
mod unread;
mod watch;
mod writer;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kube::core::DeserializeGuard;
use kube::{Api, Client};
use prometheus_client::registry::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch as channel};
use tracing::{error, info};

use self::certificates::Keeper;
use self::client::{ClientOptions, Connection};
use self::health::{Health, KindState, Liveness, Readiness};
use self::lease::{Elector, LeaseTiming, Outcome};
use self::metrics::{Detail, Metrics};
use self::reconcile::{Input, Read, Reconciler};
use self::unread::Unread;
use self::watch::{Presence, Seen, watch};
use self::writer::Writer;
use crate::api::{ClusterResilienceReport, ResilienceReport};
use crate::engine::Engine;
use crate::index::Index;
use crate::model::config::{ClusterVersion, DetectorConfig};
use crate::model::keys::Kind;
use crate::policy::Policy;
use crate::source::watched::for_each_kind;
use crate::webhook::certificate::Certificate;
use crate::webhook::certificate::authorities::Timing;
use crate::webhook::certificate::mounted::Mounted;
use crate::webhook::{self, Door};

/// Inputs that may wait for the engine; beyond that the watches wait, and the API server with them.
const QUEUE: usize = 4096;
/// The engine's loop turns every second; an operator that has not for this long is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// How long a replica that was asked to stop goes on answering reviews: until every node has seen that its Service no longer
/// leads to it.
const FAREWELL: Duration = Duration::from_secs(5);
/// What readiness calls the webhook's certificate.
const CERTIFICATE: &str = "webhook-certificate";

/// What the operator is told at its start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which API server.
    pub client: ClientOptions,
    /// Where `/livez`, `/readyz` and `/metrics` are served.
    pub health_address: SocketAddr,
    /// The Lease that says which replica writes.
    pub lease_name: String,
    /// The namespace of that Lease.
    pub namespace: String,
    /// This replica's name.
    pub identity: String,
    /// Factor on every duration of the detectors, for clusters whose timers are shorter than the defaults.
    pub time_scale: f64,
    /// Whether metrics may carry names of workloads.
    pub detail: Detail,
    /// Where admission reviews are answered, if they are.
    pub webhook: Option<WebhookOptions>,
}

/// How admission reviews are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookOptions {
    /// The address of the HTTPS server.
    pub address: SocketAddr,
    /// Where its certificate comes from.
    pub certificates: Certificates,
}

/// Where the webhook's certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificates {
    /// A folder with `tls.crt` and `tls.key`.
    Mounted(PathBuf),
    /// They are made, for the Service of that name. The Secret with the authorities and the webhook configuration have it too.
    Made {
        /// The name.
        name: String,
        /// How long they live.
        timing: Timing,
    },
}

/// Why the operator ended although nobody asked it to.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// No client.
    #[error(transparent)]
    Client(#[from] client::ClientError),
    /// No election.
    #[error(transparent)]
    Lease(#[from] lease::LeaseError),
    /// No health server.
    #[error(transparent)]
    Health(#[from] health::HealthError),
    /// No webhook server.
    #[error(transparent)]
    Webhook(#[from] webhook::server::ServerError),
    /// Signals cannot be caught.
    #[error("cannot listen for SIGTERM: {0}")]
    Signal(#[from] std::io::Error),
    /// The API server does not answer.
    #[error("the API server does not tell its version: {0}; is it reachable?")]
    Version(#[source] Box<kube::Error>),
    /// Nothing is judged any more.
    #[error("the engine's loop ended; ending, so that another replica takes over")]
    LoopEnded,
    /// Another replica may lead now.
    #[error("the lease is lost ({0}); ending, so that nothing stale is written")]
    LeaseLost(lease::Loss),
}

/// Runs until SIGTERM or SIGINT, or until the Lease is lost.
///
/// # Errors
/// [`OperatorError`] for everything that makes going on impossible or wrong.
pub async fn run(options: Options) -> Result<(), OperatorError> {
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry, options.detail);
    let (liveness, readiness) = (Liveness::new(STUCK_AFTER), Readiness::default());
    let health = Health {
        liveness: liveness.clone(),
        readiness: readiness.clone(),
        registry: Arc::new(registry),
    };
    let server = health::Server::bind(options.health_address).await?;
    info!(address = %server.address(), "serving /livez, /readyz and /metrics");
    expect_all(&readiness);
    let (stop, stopped) = channel::channel(false);
    let asked = asked_to_stop()?;
    tokio::spawn(server.serve(health, until_set(stopped.clone())));

    let (desk, tray) = webhook::desk();
    let (close, closed) = channel::channel(false);
    let certificate = Arc::new(Certificate::default());
    let mut door = None;
    if let Some(webhook) = &options.webhook {
        readiness.set(CERTIFICATE, KindState::Waiting { on: "" });
        let server = webhook::server::Server::bind(webhook.address, certificate.clone()).await?;
        info!(address = %server.address(), "answering admission reviews");
        let router = webhook::router(Door::new(desk, metrics.clone()));
        door = Some(tokio::spawn(server.serve(router, until_set(closed))));
    }

    let Connection {
        client,
        clock,
        hearing,
    } = client::connect(&options.client).await?;
    let engine = engine(&client, &options).await?;
    let timing = LeaseTiming::default();
    let (elector, leadership) = Elector::new(
        client.clone(),
        &options.namespace,
        &options.lease_name,
        &options.identity,
        timing,
    )?;
    if let Some(webhook) = &options.webhook {
        let ready = readiness.clone();
        let first = move || ready.set(CERTIFICATE, KindState::Listed);
        match &webhook.certificates {
            Certificates::Mounted(folder) => {
                tokio::spawn(Mounted::new(folder.clone(), certificate).keep(first));
            }
            Certificates::Made { name, timing } => {
                let service = (&*options.namespace, &**name);
                let (clock, leadership) = (clock.clone(), leadership.clone());
                let keeper = Keeper::new(&client, service, *timing, clock, leadership, certificate);
                tokio::spawn(keeper.keep(first));
            }
        }
    }
    let (sender, inputs) = mpsc::channel(QUEUE);
    watch_all(&client, &readiness, &metrics, &sender);
    drop(sender);

    let (orders, queue) = mpsc::unbounded_channel();
    let (policies, statuses) = mpsc::unbounded_channel();
    let identity = options.identity.clone();
    let writer = Writer::new(
        client.clone(),
        clock.clone(),
        leadership.clone(),
        metrics.clone(),
        identity,
    );
    tokio::spawn(silence::ask(client.clone(), hearing.clone()));
    let reconciler = Reconciler {
        engine,
        client,
        clock,
        hearing,
        liveness,
        readiness,
        metrics,
        leadership,
        term: None,
        orders,
        policies,
        verdicts: HashSet::new(),
        unread: Unread::default(),
        tray,
    };
    let mut loops = tokio::spawn(async move {
        // The reconciler owns the queue's end: when it stops, the writer finishes what is under way and stops too.
        tokio::join!(
            reconciler.run(inputs, stopped),
            writer.clone().run(queue),
            writer.run_policies(statuses)
        );
    });
    // The lease is given away only when the last write has been answered.
    let (broken, broke) = channel::channel(false);
    let finished = async move {
        let ended = tokio::select! {
            () = asked => {
                if let Some(door) = door {
                    info!("asked to stop: answering reviews for {FAREWELL:?} more");
                    tokio::time::sleep(FAREWELL).await;
                    close.send_replace(true);
                    let _ = door.await;
                }
                info!("asked to stop: finishing writes, then releasing the lease");
                stop.send_replace(true);
                loops.await
            }
            // Whoever leads must also judge: without its loop the lease goes to another replica.
            ended = &mut loops => {
                broken.send_replace(true);
                ended
            }
        };
        if let Err(error) = ended {
            error!("the engine's loop ended badly: {error}");
            broken.send_replace(true);
        }
    };
    match elector.run(finished).await {
        Outcome::Lost(loss) => Err(OperatorError::LeaseLost(loss)),
        Outcome::Released | Outcome::Stopped if *broke.borrow() => Err(OperatorError::LoopEnded),
        Outcome::Released | Outcome::Stopped => Ok(()),
    }
}

async fn engine(client: &Client, options: &Options) -> Result<Engine, OperatorError> {
    let info = client
        .apiserver_version()
        .await
        .map_err(|e| OperatorError::Version(Box::new(e)))?;
    let version = ClusterVersion::parse(&info.git_version).unwrap_or(ClusterVersion::NEWEST);
    info!(
        version = info.git_version,
        time_scale = options.time_scale,
        "connected"
    );
    let mut index = Index::new();
    index.set_version(version);
    let config = DetectorConfig::default().scaled(options.time_scale);
    Ok(Engine::new(index, Policy::default(), config))
}

/// Completes at the first SIGTERM or SIGINT.
fn asked_to_stop() -> Result<impl Future<Output = ()>, std::io::Error> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

async fn until_set(mut flag: channel::Receiver<bool>) {
    // An error means that the sender is gone, which ends the process as well.
    let _ = flag.wait_for(|set| *set).await;
}

/// Before anything is served: everything that must be listed before the operator is ready.
fn expect_all(readiness: &Readiness) {
    let kinds = Kind::WATCHED.iter().map(|kind| kind.plural());
    for resource in kinds.chain(["resiliencereports", "clusterresiliencereports"]) {
        readiness.expect(resource);
    }
}

/// Starts a watch on every kind that is read, and on our own reports: their latches are read before the first write.
fn watch_all(client: &Client, readiness: &Readiness, metrics: &Metrics, out: &mpsc::Sender<Input>) {
    for_each_kind!(client, |kind, api| {
        if Kind::WATCHED.contains(&kind) {
            let wrap = move |seen: Seen<_>| Input::Object(kind, seen.map(Read::from));
            tokio::spawn(watch(
                api,
                kind.plural(),
                kind.into(),
                readiness.clone(),
                metrics.clone(),
                out.clone(),
                wrap,
            ));
        }
    });
    let reports: Api<DeserializeGuard<ResilienceReport>> = Api::all(client.clone());
    tokio::spawn(watch(
        reports,
        "resiliencereports",
        Presence::Expected,
        readiness.clone(),
        metrics.clone(),
        out.clone(),
        Input::Report,
    ));
    let cluster: Api<DeserializeGuard<ClusterResilienceReport>> = Api::all(client.clone());
    let (readiness, metrics) = (readiness.clone(), metrics.clone());
    tokio::spawn(watch(
        cluster,
        "clusterresiliencereports",
        Presence::Expected,
        readiness,
        metrics,
        out.clone(),
        Input::ClusterReport,
    ));
}
