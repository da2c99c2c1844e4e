//! `plimsoll operator`: from flags and environment to a running operator.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::SignedDuration;

use crate::model::config::DetectorConfig;
use crate::operator::client::ClientOptions;
use crate::operator::metrics::Detail;
use crate::operator::telemetry::{self, LogFormat, TelemetryError};
use crate::operator::{self, Certificates, OperatorError, Options, WebhookOptions};
use crate::webhook::certificate::authorities::Timing;

/// What the operator is told. Every flag is also an environment variable, for the chart.
#[derive(Clone, Debug, Args)]
#[command(after_help = "PLIMSOLL_LOG sets the log filter, such as info (the default) or plimsoll=debug.")]
pub struct OperatorArgs {
    /// The kubeconfig to use [default: KUBECONFIG, the pod's service account, ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Another context than the kubeconfig's current one
    #[arg(long)]
    pub context: Option<String>,
    /// Where /livez, /readyz and /metrics are served
    #[arg(long, env = "PLIMSOLL_HEALTH_ADDRESS", default_value = "0.0.0.0:8080")]
    pub health_address: SocketAddr,
    /// The Lease by which one replica is elected to write
    #[arg(long, env = "PLIMSOLL_LEASE_NAME", default_value = "plimsoll")]
    pub lease_name: String,
    /// The namespace of that Lease
    #[arg(long, env = "POD_NAMESPACE", default_value = "plimsoll-system")]
    pub namespace: String,
    /// This replica's name in the Lease [default: the host's name and a random suffix]
    #[arg(long, env = "POD_NAME")]
    pub identity: Option<String>,
    /// Factor on the durations of detectors, for clusters whose timers are shorter than Kubernetes' defaults
    #[arg(long, env = "PLIMSOLL_TIME_SCALE", default_value = "1.0", value_parser = parse_scale)]
    pub time_scale: f64,
    /// Where admission reviews are answered by HTTPS, such as 0.0.0.0:9443 [default: nowhere]
    #[arg(long, env = "PLIMSOLL_WEBHOOK_ADDRESS")]
    pub webhook_address: Option<SocketAddr>,
    /// Name of the Service for that, of the Secret with its certificate authorities, and of the webhook configuration
    #[arg(long, env = "PLIMSOLL_WEBHOOK_NAME", default_value = "plimsoll-webhook")]
    pub webhook_name: String,
    /// How long the certificates that are made live, such as 2160h; they are replaced at two thirds of it
    #[arg(
        long,
        env = "PLIMSOLL_WEBHOOK_CERTIFICATE_LIFE",
        value_name = "DURATION",
        default_value = "2160h",
        value_parser = parse_life
    )]
    pub webhook_certificate_life: Duration,
    /// A folder with tls.crt and tls.key to use instead, such as a mounted Secret; they may change
    #[arg(
        long,
        env = "PLIMSOLL_WEBHOOK_CERTIFICATES",
        value_name = "DIR",
        requires = "webhook_address"
    )]
    pub webhook_certificates: Option<PathBuf>,
    /// How to write logs
    #[arg(long, env = "PLIMSOLL_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: Log,
    /// Add metrics that name workloads: one series a workload
    #[arg(long, env = "PLIMSOLL_WORKLOAD_METRICS")]
    pub workload_metrics: bool,
}

/// How to write logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Log {
    /// For people: one line an event
    #[default]
    Text,
    /// For collectors: one JSON object a line
    Json,
}

/// Why the operator did not run, or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Logs cannot be written.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// No threads.
    #[error("cannot start: {0}")]
    Runtime(#[from] std::io::Error),
    /// It ended although nobody asked it to.
    #[error(transparent)]
    Operator(#[from] OperatorError),
}

pub(super) fn parse_scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if DetectorConfig::SCALES.contains(&scale) => Ok(scale),
        _ => Err(format!(
            "write a number from {} to {}, such as 0.1",
            DetectorConfig::SCALES.start(),
            DetectorConfig::SCALES.end()
        )),
    }
}

fn parse_life(text: &str) -> Result<Duration, String> {
    let life = text.parse::<SignedDuration>().ok();
    let life = life.and_then(|life| Duration::try_from(life).ok());
    life.filter(|life| Timing::LIVES.contains(life))
        .ok_or_else(|| "write a duration from 30s to 87600h, such as 2160h".to_owned())
}

impl From<OperatorArgs> for Options {
    fn from(args: OperatorArgs) -> Options {
        Options {
            client: ClientOptions {
                kubeconfig: args.kubeconfig,
                context: args.context,
            },
            health_address: args.health_address,
            lease_name: args.lease_name,
            namespace: args.namespace,
            identity: args.identity.unwrap_or_else(identity),
            time_scale: args.time_scale,
            webhook: args.webhook_address.map(|address| WebhookOptions {
                address,
                certificates: match args.webhook_certificates {
                    Some(folder) => Certificates::Mounted(folder),
                    None => Certificates::Made {
                        name: args.webhook_name,
                        timing: Timing::new(args.webhook_certificate_life),
                    },
                },
            }),
            detail: if args.workload_metrics {
                Detail::Workloads
            } else {
                Detail::Aggregate
            },
        }
    }
}

/// A name that no other replica has, outside a pod.
fn identity() -> String {
    let host = std::env::var("HOSTNAME")
        .ok()
        .or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    let host = host
        .as_deref()
        .map(str::trim)
        .filter(|host| !host.is_empty())
        .unwrap_or("plimsoll")
        .to_owned();
    // The standard library's per-process random keys are random enough for a name.
    format!(
        "{host}-{:08x}",
        RandomState::new().hash_one(std::process::id()) >> 32
    )
}

/// Installs the one TLS provider. That it is there already is fine.
pub(super) fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

pub(super) fn run(args: OperatorArgs) -> Result<(), RunError> {
    telemetry::init(match args.log_format {
        Log::Text => LogFormat::Text,
        Log::Json => LogFormat::Json,
    })?;
    install_tls();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(operator::run(args.into()))?;
    Ok(())
}
