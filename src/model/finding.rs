//! What rules and detectors say: check results, findings, messages and remedies.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::json::Json;
use super::keys::ObjectKey;
use super::text::{clip, fnv32, shell_quote};

/// How bad a finding is; ordered, `Info` the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Severity {
    /// Worth knowing; nothing is at risk by it alone.
    Info,
    /// An outage waiting for its cause.
    Warning,
    /// People are, or are about to be, without service.
    Critical,
}

impl Severity {
    /// All, the worst first.
    pub const WORST_FIRST: [Severity; 3] = [Severity::Critical, Severity::Warning, Severity::Info];

    /// Lower case, as on the command line and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

/// The three parts of every message, in this order: who is served or not, what about which object and field, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// "0 of 2 ready", "all 2 replicas may share one node".
    pub impact: String,
    /// The object and field, with what was found there.
    pub object: String,
    /// What mends it.
    pub way_out: String,
}

impl Message {
    /// A message from its parts.
    pub fn new(impact: impl Into<String>, object: impl Into<String>, way_out: impl Into<String>) -> Self {
        Message {
            impact: impact.into(),
            object: object.into(),
            way_out: way_out.into(),
        }
    }

    /// `impact: object; way out` in at most `max` characters. When it does not fit, the middle is shortened first: the
    /// impact and the way out are what a person needs at night. Where names are so long that these two alone do not fit,
    /// each keeps its beginning.
    #[must_use]
    pub fn render(&self, max: usize) -> String {
        let full = self.to_string();
        if full.chars().count() <= max {
            return full;
        }
        let length = |part: &str| part.chars().count();
        let [impact, object, way_out] = [&self.impact, &self.object, &self.way_out].map(|part| length(part));
        let room = max.saturating_sub(": ".len() + "; ".len());
        let ends = room - object.min(room / 8);
        let impact = impact.min(ends.saturating_sub(way_out).max(ends / 2));
        let way_out = way_out.min(ends - impact);
        format!(
            "{}: {}; {}",
            clip(&self.impact, impact),
            clip(&self.object, room - impact - way_out),
            clip(&self.way_out, way_out)
        )
    }

    /// The same, for where there is little room: what does not fit as a whole goes without the object, which whoever reads
    /// it has before them.
    #[must_use]
    pub fn brief(&self, max: usize) -> String {
        let full = self.to_string();
        let length = |part: &str| part.chars().count();
        if length(&full) <= max {
            return full;
        }
        let room = max.saturating_sub("; ".len());
        let impact = length(&self.impact).min(room.saturating_sub(length(&self.way_out)).max(room / 2));
        format!(
            "{}; {}",
            clip(&self.impact, impact),
            clip(&self.way_out, room - impact)
        )
    }

    /// The same in at most `max` bytes.
    #[must_use]
    pub fn render_bytes(&self, max: usize) -> String {
        let text = self.render(max);
        // No character takes more than four.
        if text.len() <= max {
            text
        } else {
            self.render(max / 4)
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.impact, self.object, self.way_out)
    }
}

/// What mends a finding, as data.
#[derive(Clone, Debug, PartialEq)]
pub enum Remedy {
    /// A strategic merge patch against the object that owns the setting; a JSON merge patch, if that is a custom resource.
    Patch {
        /// The object to patch.
        target: ObjectKey,
        /// The patch: minimal, and complete enough to be applied as it stands.
        patch: Json,
        /// Why this value.
        reason: String,
    },
    /// An object that is missing.
    Create {
        /// The whole object, with its name and namespace.
        manifest: Json,
        /// Why this one.
        reason: String,
    },
    /// Something that only people can do.
    Advice(String),
}

/// `kubectl -n shop patch deployment web --type strategic -p '{…}'`, `printf %s '{…}' | kubectl create -f -`, or the
/// advice.
///
/// Never a `kubectl apply --server-side` of a partial manifest: it would take over ownership and drop fields. And what is
/// missing is created, not applied: should there be an object of that name by now, it stays as it is.
impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remedy::Advice(advice) => f.write_str(advice),
            Remedy::Create { manifest, .. } => {
                let manifest = shell_quote(manifest.text());
                write!(f, "printf %s {manifest} | kubectl create -f -")
            }
            Remedy::Patch { target, patch, .. } => {
                f.write_str("kubectl ")?;
                if !target.namespace.is_empty() {
                    write!(f, "-n {} ", shell_quote(&target.namespace))?;
                }
                let kind = target.kind.as_str().to_ascii_lowercase();
                // Custom resources take no strategic patch.
                let patch_type = if target.kind.is_optional() {
                    "merge"
                } else {
                    "strategic"
                };
                write!(
                    f,
                    "patch {kind} {} --type {patch_type} -p ",
                    shell_quote(&target.name)
                )?;
                f.write_str(&shell_quote(patch.text()))
            }
        }
    }
}

/// What one rule says of one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckResult {
    /// The rule's name.
    pub rule: &'static str,
    /// The part of the workload that it is about, such as a container; `None` for the workload as a whole.
    pub subject: Option<String>,
    /// The result.
    pub outcome: Outcome,
}

impl CheckResult {
    /// How bad a failed check is; `None` for the other answers.
    #[must_use]
    pub const fn severity(&self) -> Option<Severity> {
        match &self.outcome {
            Outcome::Fail(failure) => Some(failure.severity),
            _ => None,
        }
    }
}

/// What is said of what does not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// How bad that is.
    pub severity: Severity,
    /// What to tell people.
    pub message: Message,
    /// What mends it, where that can be said.
    pub remedy: Option<Remedy>,
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Outcome::Fail(Box::new(failure))
    }
}

/// The five answers of a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It holds. The text, if any, says by what.
    Pass(Option<String>),
    /// It does not.
    /// Few answers do: what only they have is kept apart, so that the many are small.
    Fail(Box<Failure>),
    /// It does not hold, and somebody said that this is meant: the reason.
    Exempt(String),
    /// There is nothing to judge, and why. Never shown as a pass.
    NotApplicable(String),
    /// An input is missing or invalid: which.
    Unknown(String),
}

impl Outcome {
    /// The answer's name in `check -o json`.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match self {
            Outcome::Pass(_) => "pass",
            Outcome::Fail(_) => "fail",
            Outcome::Exempt(_) => "exempt",
            Outcome::NotApplicable(_) => "notApplicable",
            Outcome::Unknown(_) => "unknown",
        }
    }
}

/// A failed check, or a detector that fires.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule or detector.
    pub rule: &'static str,
    /// The part of the object that it is about, if not the whole.
    pub subject: Option<String>,
    /// How bad it is now.
    pub severity: Severity,
    /// What to tell people.
    pub message: Message,
    /// What mends it.
    pub remedy: Option<Remedy>,
    /// Whether it stays `Recovered` until someone acknowledges it, rather than vanish when it ends.
    pub latched: bool,
    /// How many times its cause has happened within the detector's own memory (limbo counts silences); 1 otherwise.
    pub occurrences: u32,
}

impl Finding {
    /// See [`finding_id`].
    #[must_use]
    pub fn id(&self) -> String {
        finding_id(self.rule, self.subject.as_deref())
    }

    /// The finding that a failed check makes; `None` for the other answers.
    #[must_use]
    pub fn of(result: &CheckResult) -> Option<Finding> {
        let Outcome::Fail(failure) = &result.outcome else {
            return None;
        };
        Some(Finding {
            rule: result.rule,
            subject: result.subject.clone(),
            severity: failure.severity,
            message: failure.message.clone(),
            remedy: failure.remedy.clone(),
            latched: false,
            occurrences: 1,
        })
    }
}

/// `<rule>`, or `<rule>-<8 hex of the subject>`: a DNS label of at most 50 characters that stays the same over restarts.
#[must_use]
pub fn finding_id(rule: &str, subject: Option<&str>) -> String {
    match subject {
        None => rule.to_owned(),
        Some(subject) => format!("{rule}-{:08x}", fnv32(subject)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_long_message_keeps_its_impact_and_its_way_out() {
        let m = Message::new("0 of 2 ready", "x".repeat(400), "evict the pods");
        let text = m.render(256);
        assert_eq!(text.chars().count(), 256);
        assert!(
            text.starts_with("0 of 2 ready: xxx") && text.ends_with("…; evict the pods"),
            "{text}"
        );
    }

    #[rstest]
    #[case::of_the_way_out(20, 400)]
    #[case::of_the_impact(400, 20)]
    #[case::of_both(400, 400)]
    fn names_that_are_too_long_leave_something_of_each_part(#[case] impact: usize, #[case] way_out: usize) {
        let m = Message::new("i".repeat(impact), "o".repeat(90), "w".repeat(way_out));
        let text = m.render(256);
        assert_eq!(text.chars().count(), 256, "{text}");
        let part = |c: char| text.chars().filter(|one| *one == c).count();
        assert!(part('i') >= 20 && part('o') >= 20 && part('w') >= 20, "{text}");
        let wide = Message::new("0 of 2 ready", "漢".repeat(400), "evict the pods");
        let text = wide.render_bytes(300);
        assert!(text.len() <= 300 && text.ends_with("…; evict the pods"), "{text}");
    }

    #[rstest]
    #[case::all_fit(10, 18, "iiiiiiiiii: object; wwwwwwwwwwwwwwwwww")]
    #[case::both_fit(10, 27, "iiiiiiiiii; wwwwwwwwwwwwwwwwwwwwwwwwwww")]
    #[case::a_long_impact(60, 10, "iiiiiiiiiiiiiiiiiiiiiiiiiii…; wwwwwwwwww")]
    #[case::a_long_way_out(10, 60, "iiiiiiiiii; wwwwwwwwwwwwwwwwwwwwwwwwwww…")]
    #[case::both_long(60, 60, "iiiiiiiiiiiiiiiiii…; wwwwwwwwwwwwwwwwww…")]
    fn a_brief_message_keeps_its_impact_and_its_way_out(
        #[case] impact: usize,
        #[case] way_out: usize,
        #[case] text: &str,
    ) {
        let m = Message::new("i".repeat(impact), "object", "w".repeat(way_out));
        assert_eq!(m.brief(40), text);
    }

    #[test]
    fn a_remedy_survives_quotes_in_names() {
        let key = ObjectKey::new(super::super::keys::Kind::Deployment, "shop", "we'b");
        let remedy = Remedy::Patch {
            target: key,
            patch: serde_json::json!({"a": "it's"}).into(),
            reason: String::new(),
        };
        assert_eq!(
            remedy.to_string(),
            r#"kubectl -n shop patch deployment 'we'\''b' --type strategic -p '{"a":"it'\''s"}'"#
        );
    }

    #[test]
    fn what_is_missing_is_created_by_one_command() {
        let remedy = Remedy::Create {
            manifest: serde_json::json!({"kind": "Namespace", "metadata": {"name": "it's"}}).into(),
            reason: String::new(),
        };
        assert_eq!(
            remedy.to_string(),
            r#"printf %s '{"kind":"Namespace","metadata":{"name":"it'\''s"}}' | kubectl create -f -"#
        );
    }

    #[test]
    fn a_custom_resource_is_patched_by_merging() {
        let remedy = Remedy::Patch {
            target: ObjectKey::new(super::super::keys::Kind::ScaledObject, "shop", "web"),
            patch: serde_json::json!({"spec": {"minReplicaCount": 2}}).into(),
            reason: String::new(),
        };
        assert_eq!(
            remedy.to_string(),
            r#"kubectl -n shop patch scaledobject web --type merge -p '{"spec":{"minReplicaCount":2}}'"#
        );
    }

    #[test]
    fn ids_never_change_because_reports_latch_by_them() {
        assert_eq!(finding_id("memory-limit", Some("app")), "memory-limit-1f6a832c");
        assert_eq!(finding_id("pod-spread", None), "pod-spread");
    }
}
