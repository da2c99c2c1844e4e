//! What the operator says about itself and the cluster on `/metrics`: every family, its labels and its help text.
//!
//! Label values are bounded: rules, severities, outcomes and kinds come from fixed sets, namespaces from the
//! cluster. Names of workloads appear only with [`Detail::Workloads`]. The help texts say what to alert on,
//! because that is where the person who writes the alert looks.

mod labels;
mod series;

use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::Registry,
};

use crate::policy::ownership::Criticality;

use labels::{
    BuildLabels, EventLabels, KindLabels, ReviewLabels, RuleLabels, VerdictLabels, WatchLabels, WriteLabels,
};
pub use labels::{EventOutcome, FindingLabels, ReviewOutcome, WatchEvent, WorkloadLabels, WriteOutcome};
use series::{LastEvent, LastEvents, Verdicts};

/// Upper bounds of `plimsoll_judge_duration_seconds`, in seconds: one workload is judged in tens of microseconds,
/// and 1 s is where a queue of dirty workloads becomes visible to people.
const JUDGE_BUCKETS: [f64; 10] = [
    0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.005, 0.02, 0.1, 1.0,
];

/// Upper bounds of `plimsoll_detection_delay_seconds`, in seconds: dense around the promises (1 s after settling,
/// 5 s for limbo and stranded; settling itself is 10 s by default), then up to what nobody should wait for.
const DELAY_BUCKETS: [f64; 12] = [
    0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 11.0, 15.0, 30.0, 60.0, 300.0, 900.0,
];

/// Upper bounds of `plimsoll_admission_review_seconds`, in seconds: an answer takes a fraction of a millisecond, should take
/// 10 ms at most, and is waited for 2 s by the API server.
const REVIEW_BUCKETS: [f64; 8] = [0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.1, 0.5, 2.0];

/// Whether series may carry names of workloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// No object names: the number of series does not grow with the number of workloads.
    #[default]
    Aggregate,
    /// Adds `plimsoll_workload_verdict`: one series a workload.
    Workloads,
}

/// All metrics. Clones share their values.
#[derive(Clone, Debug)]
pub struct Metrics {
    findings: Family<FindingLabels, Gauge>,
    last_findings: Arc<Mutex<HashSet<FindingLabels>>>,
    verdicts: Option<Verdicts>,
    unacknowledged: Gauge,
    writes: Family<WriteLabels, Counter>,
    events: Family<EventLabels, Counter>,
    watch_events: Family<WatchLabels, Counter>,
    watch_errors: Family<KindLabels, Counter>,
    last_events: LastEvents,
    skipped: Family<KindLabels, Counter>,
    index_objects: Family<KindLabels, Gauge>,
    judge_duration: Histogram,
    detection_delay: Family<RuleLabels, Histogram, fn() -> Histogram>,
    leader: Gauge,
    silence: Gauge<f64, AtomicU64>,
    frozen: Gauge,
    reviews: Family<ReviewLabels, Counter>,
    review_duration: Histogram,
}

impl Metrics {
    /// Registers every family under the prefix `plimsoll_`.
    pub fn new(registry: &mut Registry, detail: Detail) -> Self {
        let metrics = Self {
            findings: Family::default(),
            last_findings: Arc::default(),
            verdicts: (detail == Detail::Workloads).then(Verdicts::default),
            unacknowledged: Gauge::default(),
            writes: Family::default(),
            events: Family::default(),
            watch_events: Family::default(),
            watch_errors: Family::default(),
            last_events: LastEvents::default(),
            skipped: Family::default(),
            index_objects: Family::default(),
            judge_duration: Histogram::new(JUDGE_BUCKETS),
            detection_delay: Family::new_with_constructor(|| Histogram::new(DELAY_BUCKETS)),
            leader: Gauge::default(),
            silence: Gauge::default(),
            frozen: Gauge::default(),
            reviews: Family::default(),
            review_duration: Histogram::new(REVIEW_BUCKETS),
        };
        let registry = registry.sub_registry_with_prefix("plimsoll");
        metrics.register_cluster(registry);
        metrics.register_own(registry);
        metrics
    }

    /// What is known about the cluster.
    fn register_cluster(&self, r: &mut Registry) {
        let help = "Active findings. Alert on severity=\"critical\" > 0 for 5m; every replica reports the same \
                    numbers, so take max without (pod), not sum";
        r.register("findings", help, self.findings.clone());
        if let Some(verdicts) = &self.verdicts {
            let help = "1 for the verdict that a workload has now. Alert on verdict=\"Outage\" == 1, and page for \
                        criticality=\"Customer\" first";
            r.register("workload_verdict", help, verdicts.family.clone());
        }
        let help = "Findings, active or recovered, that nobody has acknowledged. Alert when above 0 for a day: \
                    what has recovered by itself will come back";
        r.register("unacknowledged_findings", help, self.unacknowledged.clone());
        let help = "From what the API showed to the finding being written, settle times included. Alert when the 99th \
                    percentile is above 30 s for 15m: findings come too late";
        r.register("detection_delay_seconds", help, self.detection_delay.clone());
    }

    /// What the operator does.
    fn register_own(&self, r: &mut Registry) {
        let help = "Writes by outcome. Alert on any increase of outcome forbidden (RBAC) or invalid (a fault in \
                    Plimsoll), and on failed or dropped growing for 15m";
        r.register("writes", help, self.writes.clone());
        let help = "Kubernetes Events by outcome. Growing rate_limited means an object that flaps";
        r.register("events", help, self.events.clone());
        let help = "What the watches delivered. A growing type=\"relisted\" means watches that break";
        r.register("watch_events", help, self.watch_events.clone());
        let help =
            "Failed lists and watches, each tried again. Alert when it grows for 10m: findings grow stale";
        r.register("watch_errors", help, self.watch_errors.clone());
        r.register_collector(Box::new(self.last_events.clone()));
        let help = "Objects that could not be read, in whole or in part, each time they came; /readyz names those that still are \
                    so. Alert on any increase";
        r.register("objects_skipped", help, self.skipped.clone());
        let help = "Objects in memory. Alert when it drops to 0 for pods: nothing is judged";
        r.register("index_objects", help, self.index_objects.clone());
        let help = "Time to judge what changed at one time, without any write";
        r.register("judge_duration_seconds", help, self.judge_duration.clone());
        let help = "1 on the replica that writes. Alert when the sum over replicas is not 1 for 1m";
        r.register("leader", help, self.leader.clone());
        let help = "How long nothing has been heard from the API server, in seconds: no answer, no byte of a watch. From 10 s \
                    on it is asked. Alert when above 15 for 1m";
        r.register("api_server_silence_seconds", help, self.silence.clone());
        let help = "1 while no verdict changes because the API server is not heard; what was known before still stands in \
                    the other metrics";
        r.register("frozen", help, self.frozen.clone());
        let help = "Admission reviews by outcome; of these only denied and unreadable keep anybody from anything. Alert when \
                    shed or unreadable grows for 15m: people are not warned";
        r.register("admission_reviews", help, self.reviews.clone());
        let help =
            "Time to answer an admission review. Alert when the 99th percentile is above 0.1 s for 15m";
        r.register("admission_review_seconds", help, self.review_duration.clone());
        let build = BuildLabels {
            version: env!("CARGO_PKG_VERSION"),
        };
        r.register("build", "The version that runs", Info::new(build));
    }

    /// Sets the numbers of active findings to exactly these: series that are not named again are removed.
    pub fn replace_findings(&self, counts: impl Iterator<Item = (FindingLabels, usize)>) {
        let mut last = self.last_findings.lock().unwrap_or_else(PoisonError::into_inner);
        let now: HashSet<FindingLabels> = counts
            .map(|(labels, count)| {
                self.findings.get_or_create(&labels).set(gauge(count));
                labels
            })
            .collect();
        last.difference(&now).for_each(|gone| {
            self.findings.remove(gone);
        });
        *last = now;
    }

    /// Sets the verdict of a workload and its owner (empty when nobody claims it), in place of the one before.
    /// Does nothing without [`Detail::Workloads`].
    pub fn set_verdict(
        &self,
        workload: &WorkloadLabels,
        verdict: &'static str,
        owner: &Arc<str>,
        criticality: Option<Criticality>,
    ) {
        if let Some(verdicts) = &self.verdicts {
            let labels = VerdictLabels {
                workload: workload.clone(),
                verdict,
                owner: Arc::clone(owner),
                criticality: criticality.map_or("", Criticality::as_str),
            };
            verdicts.replace(workload, Some(labels));
        }
    }

    /// Removes what [`Self::set_verdict`] set, for a workload that is gone.
    pub fn forget_verdict(&self, workload: &WorkloadLabels) {
        if let Some(verdicts) = &self.verdicts {
            verdicts.replace(workload, None);
        }
    }

    /// Sets the number of findings that nobody has acknowledged.
    pub fn set_unacknowledged(&self, count: usize) {
        self.unacknowledged.set(gauge(count));
    }

    /// Counts one write of an object of `kind` (plural, lower case).
    pub fn write(&self, kind: &'static str, outcome: WriteOutcome) {
        self.writes.get_or_create(&WriteLabels { kind, outcome }).inc();
    }

    /// Counts one Kubernetes Event.
    pub fn event(&self, outcome: EventOutcome) {
        self.events.get_or_create(&EventLabels { outcome }).inc();
    }

    /// The counters of the watch of one kind (plural, lower case), looked up once: watches are the hot path.
    pub fn watch(&self, kind: &'static str) -> WatchMeter {
        let counter = |r#type| {
            self.watch_events
                .get_or_create_owned(&WatchLabels { kind, r#type })
        };
        WatchMeter {
            listed: counter(WatchEvent::Listed),
            applied: counter(WatchEvent::Applied),
            deleted: counter(WatchEvent::Deleted),
            relisted: counter(WatchEvent::Relisted),
            errors: self.watch_errors.get_or_create_owned(&KindLabels { kind }),
            skipped: self.skipped.get_or_create_owned(&KindLabels { kind }),
            last: self.last_events.of(kind),
        }
    }

    /// Sets how many objects of `kind` the index holds.
    pub fn set_index_objects(&self, kind: &'static str, count: usize) {
        self.index_objects
            .get_or_create(&KindLabels { kind })
            .set(gauge(count));
    }

    /// Records how long one workload took to judge.
    pub fn judged(&self, took: Duration) {
        self.judge_duration.observe(took.as_secs_f64());
    }

    /// Records the time from what the API showed to the finding of `rule` being written.
    pub fn detected(&self, rule: Cow<'static, str>, delay: Duration) {
        self.detection_delay
            .get_or_create(&RuleLabels { rule })
            .observe(delay.as_secs_f64());
    }

    /// Counts an admission review and how long its answer took.
    pub fn reviewed(&self, outcome: ReviewOutcome, took: Duration) {
        self.reviews.get_or_create(&ReviewLabels { outcome }).inc();
        self.review_duration.observe(took.as_secs_f64());
    }

    /// Sets whether this replica writes.
    pub fn set_leader(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Sets how long the API server has been silent, and whether that keeps verdicts from changing.
    pub fn heard(&self, silence: Duration, frozen: bool) {
        self.silence.set(silence.as_secs_f64());
        self.frozen.set(i64::from(frozen));
    }
}

/// The counters of one kind's watch. See [`Metrics::watch`].
#[derive(Clone, Debug)]
pub struct WatchMeter {
    listed: Counter,
    applied: Counter,
    deleted: Counter,
    relisted: Counter,
    errors: Counter,
    skipped: Counter,
    last: Arc<LastEvent>,
}

impl WatchMeter {
    /// Counts one event and takes its time.
    pub fn event(&self, event: WatchEvent) {
        let counter = match event {
            WatchEvent::Listed => &self.listed,
            WatchEvent::Applied => &self.applied,
            WatchEvent::Deleted => &self.deleted,
            WatchEvent::Relisted => &self.relisted,
        };
        counter.inc();
        self.last.touch();
    }

    /// Counts one failed list or watch.
    pub fn error(&self) {
        self.errors.inc();
    }

    /// Counts one object that could not be read.
    pub fn skipped(&self) {
        self.skipped.inc();
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrape(registry: &Registry) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).expect("a String takes everything");
        text
    }

    fn metrics(detail: Detail) -> (Registry, Metrics) {
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry, detail);
        (registry, metrics)
    }

    fn web() -> WorkloadLabels {
        WorkloadLabels {
            namespace: "shop".into(),
            kind: "Deployment",
            name: "web".into(),
        }
    }

    #[test]
    fn every_family_has_its_name_and_a_help_text() {
        let (registry, metrics) = metrics(Detail::Workloads);
        metrics.set_verdict(&web(), "AtRisk", &"team-web".into(), Some(Criticality::Customer));
        metrics.write("resiliencereports", WriteOutcome::NotLeader);
        metrics.event(EventOutcome::RateLimited);
        metrics.watch("pods").event(WatchEvent::Applied);
        metrics.set_index_objects("pods", 7);
        metrics.detected("limbo-node".into(), Duration::from_secs(3));
        metrics.judged(Duration::from_micros(30));
        metrics.set_leader(true);
        metrics.heard(Duration::from_millis(17_500), true);
        metrics.set_unacknowledged(2);
        metrics.reviewed(ReviewOutcome::Warned, Duration::from_micros(200));
        let labels = FindingLabels {
            rule: "pod-spread".into(),
            severity: "warning",
            namespace: "shop".into(),
        };
        metrics.replace_findings([(labels, 3)].into_iter());
        let text = scrape(&registry);
        for line in [
            "plimsoll_findings{rule=\"pod-spread\",severity=\"warning\",namespace=\"shop\"} 3",
            "plimsoll_workload_verdict{namespace=\"shop\",kind=\"Deployment\",name=\"web\",verdict=\"AtRisk\",owner=\"team-web\",criticality=\"Customer\"} 1",
            "plimsoll_unacknowledged_findings 2",
            "plimsoll_writes_total{kind=\"resiliencereports\",outcome=\"not_leader\"} 1",
            "plimsoll_events_total{outcome=\"rate_limited\"} 1",
            "plimsoll_watch_events_total{kind=\"pods\",type=\"applied\"} 1",
            "plimsoll_watch_errors_total{kind=\"pods\"} 0",
            "plimsoll_objects_skipped_total{kind=\"pods\"} 0",
            "plimsoll_index_objects{kind=\"pods\"} 7",
            "plimsoll_judge_duration_seconds_count 1",
            "plimsoll_detection_delay_seconds_bucket{le=\"5.0\",rule=\"limbo-node\"} 1",
            "plimsoll_leader 1",
            "plimsoll_api_server_silence_seconds 17.5",
            "plimsoll_frozen 1",
            "plimsoll_admission_reviews_total{outcome=\"warned\"} 1",
            "plimsoll_admission_review_seconds_count 1",
            &format!(
                "plimsoll_build_info{{version=\"{}\"}} 1",
                env!("CARGO_PKG_VERSION")
            ),
        ] {
            assert!(text.lines().any(|l| l == line), "no line {line}\nin\n{text}");
        }
        assert!(
            text.contains("plimsoll_watch_last_event_seconds{kind=\"pods\"} 0."),
            "{text}"
        );
        assert_eq!(text.matches("# HELP ").count(), 18, "{text}");
    }

    #[test]
    fn a_workload_has_one_verdict_at_a_time_and_none_when_gone() {
        let (registry, metrics) = metrics(Detail::Workloads);
        metrics.set_verdict(&web(), "AtRisk", &"".into(), None);
        metrics.set_verdict(&web(), "Outage", &"".into(), None);
        metrics.set_verdict(&web(), "Outage", &"".into(), None);
        let text = scrape(&registry);
        assert!(
            text.contains("verdict=\"Outage\"") && !text.contains("AtRisk"),
            "{text}"
        );
        metrics.forget_verdict(&web());
        assert!(!scrape(&registry).contains("verdict="));
    }

    #[test]
    fn without_the_flag_no_series_names_a_workload() {
        let (registry, metrics) = metrics(Detail::Aggregate);
        metrics.set_verdict(&web(), "AtRisk", &"".into(), None);
        assert!(!scrape(&registry).contains("workload_verdict"));
    }

    #[test]
    fn findings_at_zero_leave_no_series() {
        let (registry, metrics) = metrics(Detail::Aggregate);
        let labels = FindingLabels {
            rule: "probes".into(),
            severity: "info",
            namespace: "gone".into(),
        };
        metrics.replace_findings([(labels, 2)].into_iter());
        assert!(scrape(&registry).contains("gone"));
        metrics.replace_findings(std::iter::empty());
        assert!(!scrape(&registry).contains("gone"));
    }
}
