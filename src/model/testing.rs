//! Builders for tests: `deployment("shop/web").replicas(2)`, `node("n1").zone("a")`, `pod("shop/web-1").on("n1")`.

mod context;
mod node;
mod pod;
mod policy;
mod volume;
mod workload;

use jiff::Timestamp;
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed};

pub(crate) use self::context::{budget, endpoint_slice, hpa, limit_range, namespace, scaled_object, service};
pub(crate) use self::node::{lease, node};
pub(crate) use self::pod::pod;
pub(crate) use self::policy::policy;
pub(crate) use self::volume::{node_term, volume};
pub(crate) use self::workload::{
    apart, container, controller, deployment, replica_set, spread, stateful_set, workload,
};
use super::keys::Name;
use super::selector::{LabelSelector, Labels};

fn split(path: &str) -> (Name, Name) {
    let (namespace, name) = path.split_once('/').expect("namespace/name");
    (namespace.into(), name.into())
}

/// `labels(&[("app", "web")])`.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(k, v)| (Name::from(*k), Name::from(*v)))
        .collect()
}

/// A selector with these `matchLabels`.
pub(crate) fn selector(pairs: &[(&str, &str)]) -> LabelSelector {
    let map: serde_json::Map<String, serde_json::Value> = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).into()))
        .collect();
    serde_json::from_value(serde_json::json!({ "matchLabels": map })).expect("a selector")
}

/// 2026-01-01T00:00:00Z plus seconds.
pub(crate) fn wall(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).expect("in range")
}

/// What proptest runs when nobody asks for more or less.
const DEFAULT_CASES: u32 = 256;

/// How a property is run: this many cases, the same ones every time, so that whoever changes something else is not stopped
/// by a rare one. Whoever asks for more or less of them (`PROPTEST_CASES`) explores: those are new each time. The seed of a
/// case that failed is kept beside the file of the property (`….proptest-regressions`) and tried first from then on.
pub(crate) fn cases(cases: u32) -> Config {
    let config = Config::default();
    let asked = config.cases != DEFAULT_CASES;
    Config {
        cases: if asked { config.cases } else { cases },
        rng_seed: if asked {
            config.rng_seed
        } else {
            RngSeed::Fixed(u64::from(DEFAULT_CASES))
        },
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource(
            "proptest-regressions",
        ))),
        // What takes longer to shrink is better understood as it is.
        max_shrink_time: 20_000,
        ..config
    }
}
