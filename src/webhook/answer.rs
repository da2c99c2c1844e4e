//! What is said of a change, as the API server passes it on: warnings that `kubectl` prints, or a refusal.

use k8s_openapi::ByteString;
use serde::Serialize;

use crate::api::report_name;
use crate::engine::review::Remark;
use crate::model::keys::ObjectKey;
use crate::model::subject::Subject;
use crate::model::text::{inert, shell_quote};

/// Characters of one warning: what the documentation of admission webhooks asks for.
const WARNING: usize = 120;
/// Warnings that are said in full.
const WARNINGS: usize = 5;
/// Characters of each reason of a refusal.
const REASON: usize = 256;

/// The answer to one review.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// For `kubectl` to print.
    pub(super) warnings: Vec<String>,
    /// Why it is refused, if it is.
    pub(super) refusal: Option<String>,
    /// What is changed in the object.
    pub(super) patch: Vec<Set>,
}

/// Sets one field: an `add` of JSON Patch (RFC 6902), which replaces what is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "op", rename = "add")]
pub(super) struct Set {
    /// Where, as a JSON pointer.
    pub(super) path: String,
    /// What.
    pub(super) value: String,
}

impl Answer {
    /// What is to be said of a change of `candidate`. What it is refused for is not warned about as well.
    pub(super) fn of(candidate: &ObjectKey, remarks: &[Remark]) -> Answer {
        let (refusing, warning): (Vec<&Remark>, Vec<&Remark>) =
            remarks.iter().partition(|remark| remark.refuses());
        let shown = if warning.len() == WARNINGS + 1 {
            // The line that says how many more there are has room for the last.
            WARNINGS + 1
        } else {
            WARNINGS
        };
        let mut warnings: Vec<String> = warning
            .iter()
            .take(shown)
            .map(|remark| line(candidate, remark))
            .collect();
        if let Some(next) = warning.get(shown) {
            warnings.push(more(&next.workload, warning.len() - shown));
        }
        let reasons: Vec<String> = refusing
            .iter()
            .take(WARNINGS)
            .map(|remark| reason(remark))
            .collect();
        Answer {
            warnings,
            refusal: (!reasons.is_empty()).then(|| reasons.join("\n")),
            patch: Vec::new(),
        }
    }

    /// The whole `AdmissionReview` for the request of that uid, as JSON.
    pub(super) fn to_json(&self, uid: &str) -> Vec<u8> {
        let status = self.refusal.as_deref().map(|message| Status {
            code: 403,
            reason: "Forbidden",
            message,
        });
        let patch = (!self.patch.is_empty()).then(|| {
            let patch = serde_json::to_vec(&self.patch).expect("plain data");
            ("JSONPatch", ByteString(patch))
        });
        let (patch_type, patch) = patch.unzip();
        let answer = Envelope {
            api_version: "admission.k8s.io/v1",
            kind: "AdmissionReview",
            response: Response {
                uid,
                allowed: status.is_none(),
                warnings: &self.warnings,
                status,
                patch_type,
                patch,
            },
        };
        serde_json::to_vec(&answer).expect("plain data")
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<ByteString>,
}

#[derive(Serialize)]
struct Status<'a> {
    code: u16,
    reason: &'static str,
    message: &'a str,
}

/// `impact; way out (rule)`, with the workload in front where it is not the one that is changed.
fn line(candidate: &ObjectKey, remark: &Remark) -> String {
    let of = if remark.workload == *candidate {
        String::new()
    } else {
        format!("{} {}: ", remark.workload.kind, remark.workload.name)
    };
    let rule = format!(" ({})", remark.rule);
    let length = |text: &str| text.chars().count();
    // A name of 253 characters leaves nothing else to say.
    let of = if length(&of) > WARNING / 2 {
        String::new()
    } else {
        of
    };
    let room = WARNING - length(&of) - length(&rule);
    inert(&format!("{of}{}{rule}", remark.failure.message.brief(room)))
}

/// How many more there are, and what shows them once it is applied.
fn more(workload: &ObjectKey, n: usize) -> String {
    let namespace = shell_quote(&workload.namespace);
    let report = report_name(&Subject::Workload(workload.clone()));
    let whole = format!("and {n} more: kubectl -n {namespace} describe rr {report}");
    if whole.chars().count() <= WARNING {
        whole
    } else {
        format!("and {n} more: kubectl -n {namespace} get rr")
    }
}

/// `message (rule, denied by ResiliencePolicy strict)`.
fn reason(remark: &Remark) -> String {
    let by = remark.by.as_deref().unwrap_or_default();
    let message = remark.failure.message.render(REASON);
    inert(&format!(
        "{message} ({}, denied by ResiliencePolicy {by})",
        remark.rule
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::{Failure, Message, Severity};
    use crate::model::keys::Kind;
    use crate::model::policy::Admission;

    fn web() -> ObjectKey {
        ObjectKey::new(Kind::Deployment, "shop", "web")
    }

    fn remark(workload: &ObjectKey, impact: &str, admission: Admission) -> Remark {
        Remark {
            workload: workload.clone(),
            rule: "pod-spread",
            subject: None,
            failure: Box::new(Failure {
                severity: Severity::Warning,
                message: Message::new(
                    impact,
                    "Deployment shop/web has no spread",
                    "add a soft spread over hostname",
                ),
                remedy: None,
            }),
            worse: true,
            admission,
            by: (admission == Admission::Deny).then(|| "strict".into()),
        }
    }

    fn warned(remarks: &[Remark]) -> Vec<String> {
        Answer::of(&web(), remarks).warnings
    }

    #[test]
    fn a_warning_has_the_impact_the_way_out_and_the_rule() {
        let one = remark(&web(), "all 2 replicas may run on one node", Admission::Warn);
        let said = "all 2 replicas may run on one node: Deployment shop/web has no spread; add a soft spread over hostname \
                    (pod-spread)";
        assert_eq!(warned(&[one]), [said]);
        let long = remark(
            &web(),
            "all of its 20 replicas may come to run on one node",
            Admission::Warn,
        );
        let said = "all of its 20 replicas may come to run on one node; add a soft spread over hostname (pod-spread)";
        assert_eq!(warned(&[long]), [said]);
    }

    #[test]
    fn another_workload_is_named() {
        let api = ObjectKey::new(Kind::Deployment, "shop", "api");
        let one = remark(&api, "all 2 replicas may run on one node", Admission::Warn);
        let said = "Deployment api: all 2 replicas may run on one node; add a soft spread over hostname (pod-spread)";
        assert_eq!(warned(&[one]), [said]);
    }

    #[test]
    fn no_warning_is_longer_than_the_api_server_likes_or_steers_a_terminal() {
        let long = ObjectKey::new(
            Kind::Deployment,
            "n".repeat(63).as_str(),
            "x".repeat(253).as_str(),
        );
        let remarks: Vec<Remark> = ["i".repeat(300).as_str(), "a\u{1b}[31m\nb"]
            .iter()
            .cycle()
            .take(9)
            .map(|impact| remark(&long, impact, Admission::Warn))
            .collect();
        for warning in warned(&remarks) {
            assert!(warning.chars().count() <= WARNING, "{warning}");
            assert!(!warning.chars().any(char::is_control), "{warning:?}");
        }
    }

    #[test]
    fn after_five_it_says_where_the_others_are() {
        let of = |n: usize| vec![remark(&web(), "it falls", Admission::Warn); n];
        assert_eq!(warned(&of(6)).len(), 6);
        let said = warned(&of(9));
        assert_eq!(said.len(), 6);
        assert_eq!(said[5], "and 4 more: kubectl -n shop describe rr deployment-web");
    }

    #[test]
    fn a_refusal_names_the_policy_and_leaves_the_rest_as_warnings() {
        let remarks = [
            remark(&web(), "all 2 replicas may run on one node", Admission::Deny),
            remark(&web(), "it falls", Admission::Warn),
        ];
        let answer = Answer::of(&web(), &remarks);
        assert_eq!(answer.warnings.len(), 1);
        let refusal = "all 2 replicas may run on one node: Deployment shop/web has no spread; add a soft spread over \
                       hostname (pod-spread, denied by ResiliencePolicy strict)";
        assert_eq!(answer.refusal.as_deref(), Some(refusal));
    }
}
