//! The two families that keep more than a number: the verdict that a workload has now, and the age of each watch.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{
        MetricType,
        family::Family,
        gauge::{ConstGauge, Gauge},
    },
};

use super::labels::{KindLabels, VerdictLabels, WorkloadLabels};

/// The verdict series, and which one each workload has now.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdicts {
    pub(super) family: Family<VerdictLabels, Gauge>,
    current: Arc<Mutex<HashMap<WorkloadLabels, VerdictLabels>>>,
}

impl Verdicts {
    pub(super) fn replace(&self, workload: &WorkloadLabels, labels: Option<VerdictLabels>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let old = match &labels {
            Some(new) => current.insert(workload.clone(), new.clone()),
            None => current.remove(workload),
        };
        if let Some(old) = old.filter(|old| Some(old) != labels.as_ref()) {
            self.family.remove(&old);
        }
        if let Some(new) = labels {
            self.family.get_or_create(&new).set(1);
        }
    }
}

/// When a watch last delivered something: milliseconds since `origin`.
#[derive(Debug)]
pub(super) struct LastEvent {
    origin: Instant,
    at_ms: AtomicU64,
}

impl LastEvent {
    pub(super) fn touch(&self) {
        let ms = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.at_ms.store(ms, Ordering::Relaxed);
    }

    fn age(&self) -> Duration {
        self.origin
            .elapsed()
            .saturating_sub(Duration::from_millis(self.at_ms.load(Ordering::Relaxed)))
    }
}

/// `plimsoll_watch_last_event_seconds`: an age, computed at the scrape, so that no wall clock is involved.
#[derive(Clone, Debug, Default)]
pub(super) struct LastEvents(Arc<Mutex<BTreeMap<&'static str, Arc<LastEvent>>>>);

impl LastEvents {
    pub(super) fn of(&self, kind: &'static str) -> Arc<LastEvent> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = kinds.entry(kind).or_insert_with(|| {
            Arc::new(LastEvent {
                origin: Instant::now(),
                at_ms: AtomicU64::new(0),
            })
        });
        Arc::clone(last)
    }
}

impl Collector for LastEvents {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let help = "Seconds since a watch last delivered something (or began). Quiet kinds age by themselves: alert \
                    on pods or nodes above 600 s together with growing plimsoll_watch_errors_total";
        let mut family =
            encoder.encode_descriptor("watch_last_event_seconds", help, None, MetricType::Gauge)?;
        for (kind, last) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let labels = KindLabels { kind };
            ConstGauge::new(last.age().as_secs_f64()).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
