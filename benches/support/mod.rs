//! What both benches share: the cluster that they feed, and how they print.

#![allow(dead_code, reason = "each bench uses its part")]

pub(crate) mod cluster;
mod objects;
mod template;

use std::time::Duration;

use plimsoll::engine::Engine;
use plimsoll::index::Index;
use plimsoll::model::config::{ClusterVersion, DetectorConfig};
use plimsoll::model::keys::Kind;
use plimsoll::model::object::Object;
use plimsoll::model::time::{Moment, Now};
use plimsoll::policy::Policy;
use plimsoll::source::projection::from_json;
use rustix::time::{ClockId, clock_gettime};

use self::cluster::{Cluster, Size};

/// `cargo bench` measures the whole cluster; anything else that runs a bench (`cargo test --benches`) only tries a small
/// one, to see that it works.
pub(crate) fn size() -> Size {
    if std::env::args().any(|arg| arg == "--bench") {
        Size::FULL
    } else {
        Size::SMALL
    }
}

/// The clocks, `seconds` after the start.
pub(crate) fn now(seconds: u64) -> Now {
    let start = 1_772_442_840;
    Now {
        at: Moment(seconds * 1000),
        wall: jiff::Timestamp::from_second(start + i64::try_from(seconds).expect("small"))
            .expect("within range"),
    }
}

/// An object from JSON, as the watches read it.
pub(crate) fn object(kind: Kind, json: &[u8]) -> Object {
    from_json(kind, json).expect("the benches' own objects fit")
}

/// An engine that knows everything about the cluster except its pods: every list has begun, none has ended.
pub(crate) fn engine_without_pods(cluster: &Cluster) -> Engine {
    let mut engine = Engine::new(Index::new(), Policy::default(), DetectorConfig::default());
    let index = engine.index_mut();
    index.set_version(ClusterVersion::NEWEST);
    Kind::WATCHED.into_iter().for_each(|kind| index.begin_list(kind));
    cluster.each_without_pods(|kind, json| index.apply(object(kind, json.as_bytes()), now(0).at));
    index.take_dirty();
    engine
}

/// Adds the pods.
pub(crate) fn feed_pods(engine: &mut Engine, cluster: &Cluster, text: &mut String) {
    for pod in cluster.pods() {
        cluster.pod(pod, text);
        engine
            .index_mut()
            .apply(object(Kind::Pod, text.as_bytes()), now(0).at);
    }
}

/// Ends every list.
pub(crate) fn end_lists(engine: &mut Engine) {
    for kind in Kind::WATCHED {
        engine.index_mut().end_list(kind);
    }
    engine.reports_listed();
}

/// CPU time of this process.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("CPU time is not negative")
}

/// What something costs.
pub(crate) fn timed<T>(what: impl FnOnce() -> T) -> (Duration, T) {
    let start = cpu();
    let value = what();
    (cpu() - start, value)
}

/// As microseconds.
pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The one in the middle, of which there is at least one.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints a section's title.
#[allow(clippy::print_stdout, reason = "a bench prints")]
pub(crate) fn section(title: &str) {
    println!("\n{title}");
}

/// Prints one figure.
#[allow(clippy::print_stdout, reason = "a bench prints")]
pub(crate) fn figure(name: &str, value: &str) {
    println!("  {name:<64} {value:>26}");
}

/// Prints one figure with its goal: at most `most`.
#[allow(clippy::print_stdout, reason = "a bench prints")]
pub(crate) fn goal(name: &str, value: f64, most: f64, shown: &str) {
    let met = if value <= most { "met" } else { "MISSED" };
    println!("  {name:<64} {shown:>26}   goal <= {most}: {met}");
}

/// Prints one figure with its goal: at least `least`.
#[allow(clippy::print_stdout, reason = "a bench prints")]
pub(crate) fn goal_at_least(name: &str, value: f64, least: f64, shown: &str) {
    let met = if value >= least { "met" } else { "MISSED" };
    println!("  {name:<64} {shown:>26}   goal >= {least}: {met}");
}
