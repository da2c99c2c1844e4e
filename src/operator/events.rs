//! Kubernetes Events: one for each transition of a finding, never one for a resync, and never too many.
//!
//! The stock recorder folds Events of one reason into a series and sends the first text again, so we make each Event
//! ourselves, under a name that follows from what happened: the same transition told twice is one Event.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Resource;

use crate::api::ClusterResilienceReport;
use crate::engine::Decision;
use crate::model::finding::Severity;
use crate::model::keys::{Kind, Name};
use crate::model::report::Transition;
use crate::model::subject::Subject;
use crate::model::text::{clip_bytes, fnv32};
use crate::plan::Change;
use crate::policy::ownership::{CRITICALITY_KEYS, OWNER_KEYS, Ownership, RUNBOOK_KEYS};

/// Longest note that the API server takes, bytes (events.k8s.io/v1).
const NOTE_MAX: usize = 1024;
/// Longest `reason` and `reportingInstance`, bytes.
const REASON_MAX: usize = 128;
/// `reportingController` of our Events.
pub(super) const REPORTING_CONTROLLER: &str = "plimsoll";
/// Where Events on cluster-scoped objects go, as Kubernetes' own do.
const CLUSTER_EVENTS: &str = "default";

/// The Event for a change of what a decision is about.
pub(super) fn event(decision: &Decision, change: &Change, at: Timestamp, instance: &str) -> Event {
    let Decision {
        subject,
        uid,
        ownership,
        ..
    } = decision;
    let namespace = match subject.namespace() {
        "" => CLUSTER_EVENTS,
        namespace => namespace,
    };
    let what = format!(
        "{uid}/{}/{:?}/{}/{}/{}",
        change.id,
        change.transition,
        change.severity.as_str(),
        change.episode,
        at.as_second()
    );
    let name = crate::api::event_name(subject, fnv32(&what));
    let raises = matches!(change.transition, Transition::Active | Transition::Changed);
    let warns = raises && change.severity >= Severity::Warning;
    Event {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(namespace.to_owned()),
            annotations: Some(annotations(ownership)).filter(|annotations| !annotations.is_empty()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(at)),
        type_: Some(if warns { "Warning" } else { "Normal" }.to_owned()),
        reason: Some(reason(&change.rule)),
        action: Some(format!("{:?}", change.transition)),
        note: Some(note(change, ownership)),
        regarding: Some(regarding(subject, uid)),
        reporting_controller: Some(REPORTING_CONTROLLER.to_owned()),
        reporting_instance: Some(clip_bytes(instance, REASON_MAX)),
        ..Event::default()
    }
}

/// What concerns the whole cluster regards the report that tells it: there is no other object.
fn regarding(subject: &Subject, uid: &Name) -> ObjectReference {
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ObjectReference {
        api_version: Some(match subject {
            Subject::Workload(key) => key.kind.api_version(),
            Subject::Node(_) => Kind::Node.api_version(),
            Subject::Cluster => ClusterResilienceReport::api_version(&()).into_owned(),
        }),
        kind: Some(subject.kind().to_owned()),
        namespace: said(subject.namespace()),
        name: said(subject.name()),
        uid: said(uid),
        ..ObjectReference::default()
    }
}

/// What to tell people, and at the end whom to call, where there is room for it. Of something that is over, what it was,
/// without the way out.
fn note(change: &Change, ownership: &Ownership) -> String {
    let message = &change.message;
    let told = match change.transition {
        Transition::Active => message.clone(),
        Transition::Changed => format!("now {}: {message}", change.severity.as_str()),
        Transition::Recovered => format!("recovered, not acknowledged; was: {}", change.was()),
        Transition::Closed => format!("over; was: {}", change.was()),
        Transition::Withdrawn => format!("taken back: {message}"),
    };
    let owner = ownership.owner.as_ref().map(|owner| format!("owner {owner}"));
    let runbook = ownership
        .runbook
        .as_ref()
        .map(|runbook| format!("runbook {runbook}"));
    let mut note = clip_bytes(&told, NOTE_MAX);
    for more in [owner, runbook].into_iter().flatten() {
        if note.len() + " | ".len() + more.len() <= NOTE_MAX {
            note = format!("{note} | {more}");
        }
    }
    note
}

/// The same for those that pass Events on, under the keys that a workload has them.
fn annotations(ownership: &Ownership) -> BTreeMap<String, String> {
    let Ownership {
        owner,
        runbook,
        criticality,
    } = ownership;
    let said = [
        (OWNER_KEYS[0], owner.clone()),
        (RUNBOOK_KEYS[0], runbook.clone()),
        (CRITICALITY_KEYS[0], criticality.map(|c| c.to_string())),
    ];
    said.into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
}

/// One reason for each rule or detector: `memory-limit` → `MemoryLimit`. A rule may also come out of a report that
/// somebody edited by hand, and then be any text.
pub(super) fn reason(rule: &str) -> String {
    let words = rule.split(|c: char| !c.is_ascii_alphanumeric());
    let camel: String = words
        .filter(|word| !word.is_empty())
        .map(|word| word[..1].to_ascii_uppercase() + &word[1..])
        .collect();
    match &*camel {
        "" => "Finding".to_owned(),
        camel => clip_bytes(camel, REASON_MAX),
    }
}

/// A bucket of tokens: `burst` at once, then one each `refill`.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    fn fill(&mut self, now: Instant, burst: f64, refill: Duration) {
        let earned = now.saturating_duration_since(self.filled).as_secs_f64() / refill.as_secs_f64();
        self.tokens = (self.tokens + earned).min(burst);
        self.filled = now;
    }

    /// Whether there is a token above what is kept.
    fn has_token(&self, kept: f64) -> bool {
        self.tokens >= 1.0 + kept
    }

    fn take(&mut self) {
        self.tokens -= 1.0;
    }
}

/// Events of one object at once; then one each [`OBJECT_REFILL`]. Kubernetes' own broadcaster allows as many, and one each
/// 5 min.
const OBJECT_BURST: f64 = 25.0;
const OBJECT_REFILL: Duration = Duration::from_secs(30);
/// Events of all objects at once; then [`TOTAL_REFILL`] apart: a first look at a large cluster must not flood etcd.
const TOTAL_BURST: f64 = 100.0;
const TOTAL_REFILL: Duration = Duration::from_millis(200);
/// What part of them is kept for critical findings: what all rules say at a first look must not silence an outage.
const KEPT: f64 = 0.4;

/// Above this, objects that were quiet for long enough to have all their tokens again are forgotten.
const OBJECTS_MAX: usize = 10_000;

/// Holds Events back when there are too many, by object and in all.
#[derive(Debug)]
pub(super) struct EventLimit {
    total: Bucket,
    objects: HashMap<Subject, Bucket>,
}

impl EventLimit {
    pub(super) fn new(now: Instant) -> Self {
        EventLimit {
            total: Bucket {
                tokens: TOTAL_BURST,
                filled: now,
            },
            objects: HashMap::new(),
        }
    }

    /// Whether an Event of this severity on this object may be sent now. Objects are remembered only by Events that were sent, and those
    /// are few a second, so that a first look at a large cluster costs no memory for each of its workloads.
    pub(super) fn allows(&mut self, subject: &Subject, severity: Severity, now: Instant) -> bool {
        let kept = if severity == Severity::Critical { 0.0 } else { KEPT };
        self.total.fill(now, TOTAL_BURST, TOTAL_REFILL);
        if !self.total.has_token(TOTAL_BURST * kept) {
            return false;
        }
        if self.objects.len() > OBJECTS_MAX {
            let full = OBJECT_REFILL.mul_f64(OBJECT_BURST);
            self.objects
                .retain(|_, bucket| now.saturating_duration_since(bucket.filled) < full);
        }
        let fresh = Bucket {
            tokens: OBJECT_BURST,
            filled: now,
        };
        let bucket = self.objects.entry(subject.clone()).or_insert(fresh);
        bucket.fill(now, OBJECT_BURST, OBJECT_REFILL);
        let allows = bucket.has_token(OBJECT_BURST * kept);
        if allows {
            bucket.take();
            self.total.take();
        }
        allows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ReportWrite;
    use crate::model::keys::ObjectKey;
    use crate::model::testing::wall;
    use crate::policy::ownership::Criticality;

    fn change(message: &str) -> Change {
        Change {
            id: "co-located".into(),
            rule: "co-located".into(),
            transition: Transition::Active,
            severity: Severity::Warning,
            episode: 1,
            message: message.into(),
        }
    }

    fn deployment(name: &str) -> Subject {
        Subject::Workload(ObjectKey::new(Kind::Deployment, "shop", name))
    }

    fn decision(subject: Subject, ownership: Ownership) -> Decision {
        Decision {
            subject,
            uid: "uid-1".into(),
            write: ReportWrite::Delete,
            changes: Vec::new(),
            ownership,
        }
    }

    fn team_web() -> Ownership {
        Ownership {
            owner: Some("team-web".into()),
            runbook: Some("https://wiki.example.com/web".into()),
            criticality: Some(Criticality::Customer),
        }
    }

    #[test]
    fn an_event_says_whom_to_call() {
        let told = event(
            &decision(deployment("web"), team_web()),
            &change("m"),
            wall(0),
            "pod-1",
        );
        assert_eq!(
            told.note.as_deref(),
            Some("m | owner team-web | runbook https://wiki.example.com/web")
        );
        let annotations: Vec<String> = told
            .metadata
            .annotations
            .into_iter()
            .flatten()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        assert_eq!(
            annotations,
            [
                "plimsoll.dev/criticality=Customer",
                "plimsoll.dev/owner=team-web",
                "plimsoll.dev/runbook=https://wiki.example.com/web"
            ]
        );
        let nobody = decision(deployment("web"), Ownership::default());
        let told = event(&nobody, &change("m"), wall(0), "pod-1");
        assert_eq!(
            (told.note.as_deref(), told.metadata.annotations),
            (Some("m"), None)
        );
    }

    #[test]
    fn whom_to_call_never_cuts_what_happened() {
        let web = decision(deployment("web"), team_web());
        let note = |length: usize| {
            let told = event(&web, &change(&"x".repeat(length)), wall(0), "pod-1").note;
            told.expect("a note")
        };
        assert!(note(990).ends_with("x | owner team-web"), "{}", note(990));
        assert_eq!(note(NOTE_MAX), "x".repeat(NOTE_MAX));
    }

    #[test]
    fn what_concerns_the_whole_cluster_regards_its_report() {
        let cluster = decision(Subject::Cluster, Ownership::default());
        let event = event(&cluster, &change("m"), wall(0), "pod-1");
        let regarding = event.regarding.expect("something");
        assert_eq!(
            [
                regarding.api_version,
                regarding.kind,
                regarding.name,
                regarding.uid
            ],
            [
                "plimsoll.dev/v1alpha1",
                "ClusterResilienceReport",
                "cluster",
                "uid-1"
            ]
            .map(|text| Some(text.to_owned()))
        );
        assert_eq!(
            (event.metadata.namespace.as_deref(), regarding.namespace),
            (Some("default"), None)
        );
    }

    #[test]
    fn nobody_is_told_to_evict_pods_that_are_back() {
        let told = |transition| {
            let change = Change {
                transition,
                ..change("0 of 2 ready: both on n1; in limbo; evict them")
            };
            note(&change, &Ownership::default())
        };
        assert_eq!(
            told(Transition::Active),
            "0 of 2 ready: both on n1; in limbo; evict them"
        );
        assert_eq!(
            told(Transition::Recovered),
            "recovered, not acknowledged; was: 0 of 2 ready: both on n1; in limbo"
        );
        assert_eq!(
            told(Transition::Closed),
            "over; was: 0 of 2 ready: both on n1; in limbo"
        );
    }

    #[test]
    fn a_note_fits_and_the_same_transition_has_one_name() {
        let web = decision(deployment("web"), Ownership::default());
        let make = |message: &str, second| event(&web, &change(message), wall(second), "pod-1");
        let long = make(&"ü".repeat(2000), 0);
        assert!(long.note.as_ref().is_some_and(|note| note.len() <= NOTE_MAX));
        assert_eq!(long.metadata.name, make("short", 0).metadata.name);
        assert_ne!(long.metadata.name, make("short", 60).metadata.name);
        assert_eq!(
            (long.reason.as_deref(), long.type_.as_deref()),
            (Some("CoLocated"), Some("Warning"))
        );
    }

    #[test]
    fn every_rule_and_detector_has_a_reason_of_its_own() {
        let names = crate::rules::RULES
            .iter()
            .map(|r| r.name)
            .chain(crate::detect::DETECTORS.iter().map(|d| d.name));
        let reasons: Vec<String> = names.map(reason).collect();
        let distinct: std::collections::BTreeSet<&String> = reasons.iter().collect();
        assert_eq!(distinct.len(), reasons.len());
        assert!(
            reasons
                .iter()
                .all(|r| r.chars().all(char::is_alphanumeric) && r.len() <= 128),
            "{reasons:?}"
        );
    }

    #[test]
    fn a_flood_is_held_back_and_not_remembered() {
        let start = Instant::now();
        let mut limit = EventLimit::new(start);
        let key = |n: usize| deployment(&n.to_string());
        let mut sent = |severity| {
            (0..50_000)
                .filter(|n| limit.allows(&key(*n), severity, start))
                .count()
        };
        assert_eq!((sent(Severity::Warning), sent(Severity::Critical)), (60, 40));
        assert_eq!(limit.objects.len(), 60);
    }

    #[test]
    fn what_all_rules_say_of_an_object_does_not_silence_its_outage() {
        let start = Instant::now();
        let mut limit = EventLimit::new(start);
        let web = deployment("web");
        let mut sent = |severity| (0..100).filter(|_| limit.allows(&web, severity, start)).count();
        assert_eq!((sent(Severity::Warning), sent(Severity::Critical)), (15, 10));
    }

    #[test]
    fn one_flapping_object_cannot_silence_the_others() {
        let start = Instant::now();
        let mut limit = EventLimit::new(start);
        let noisy = deployment("noisy");
        let sent = (0..1000).filter(|_| limit.allows(&noisy, Severity::Info, start));
        assert_eq!(sent.count(), 15);
        assert!(limit.allows(&deployment("quiet"), Severity::Info, start));
        assert!(limit.allows(&noisy, Severity::Info, start + OBJECT_REFILL));
        assert!(!limit.allows(&noisy, Severity::Info, start + OBJECT_REFILL));
    }
}
