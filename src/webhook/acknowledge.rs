//! Acknowledgements in our own reports: who wrote one is taken from the request, whatever they say themselves, and one that
//! would close nothing is refused while they can still mend it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{Answer, Set};
use super::review::Request;
use crate::model::text::{clip, inert, list};

/// Characters of a reason: it is shown in one line of a timeline.
const REASON: usize = 1_024;
/// Findings that are named to somebody who named none.
const NAMED: usize = 5;

/// As much of a `ResilienceReport` or `ClusterResilienceReport` as is read.
#[derive(Default, Deserialize)]
struct Report {
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
struct Spec {
    #[serde(default)]
    acknowledgements: Vec<Acknowledgement>,
}

/// Every field may be missing: the API server says so after us, by its schema.
#[derive(Default, Deserialize, PartialEq)]
#[serde(default)]
struct Acknowledgement {
    id: String,
    reason: String,
    episode: i64,
    by: Option<String>,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    findings: Vec<Finding>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Finding {
    id: String,
    episodes: i64,
}

/// A report that cannot be read is one without anything: its schema is the API server's business.
fn read(object: Option<&RawValue>) -> Report {
    object
        .and_then(|object| serde_json::from_str(object.get()).ok())
        .unwrap_or_default()
}

/// Names whoever makes or changes an acknowledgement; those that stay keep the name they have.
pub(super) fn answer(request: &Request<'_>) -> Answer {
    let (new, old) = (read(request.object), read(request.old_object));
    let findings: BTreeMap<&str, i64> = new.status.findings.iter().map(|f| (&*f.id, f.episodes)).collect();
    let known: BTreeMap<&str, &Acknowledgement> =
        old.spec.acknowledgements.iter().map(|a| (&*a.id, a)).collect();
    let mut answer = Answer::default();
    let mut wrong = Vec::new();
    for (i, acknowledgement) in new.spec.acknowledgements.iter().enumerate() {
        let field = format!("spec.acknowledgements[{i}]");
        let before = known.get(&*acknowledgement.id);
        let stays = before.filter(|before| {
            (&before.reason, before.episode) == (&acknowledgement.reason, acknowledgement.episode)
        });
        if stays.is_none() {
            wrong.extend(fault(acknowledgement, &findings).map(|why| format!("{field}.{why}")));
        }
        let by = stays.and_then(|before| before.by.as_deref());
        let by = by.unwrap_or_else(|| request.user());
        if acknowledgement.by.as_deref() != Some(by) {
            answer.patch.push(Set {
                path: format!("/spec/acknowledgements/{i}/by"),
                value: by.to_owned(),
            });
        }
    }
    if !wrong.is_empty() {
        answer.patch.clear();
        wrong.truncate(NAMED);
        answer.refusal = Some(inert(&wrong.join("\n")));
    }
    answer
}

/// What is wrong with a new one, with the field in front.
fn fault(acknowledgement: &Acknowledgement, findings: &BTreeMap<&str, i64>) -> Option<String> {
    let Acknowledgement {
        id, reason, episode, ..
    } = acknowledgement;
    let Some(&episodes) = findings.get(&**id) else {
        let known: Vec<&str> = findings.keys().copied().collect();
        let known = match known[..] {
            [] => "it has none to acknowledge".to_owned(),
            _ => format!("use the id of one of its findings: {}", list(&known, NAMED)),
        };
        return Some(format!(
            "id: {:?} is not a finding of this report; {known}",
            clip(id, 128)
        ));
    };
    if reason.trim().is_empty() {
        return Some("reason: it is empty; say why the finding may be closed".to_owned());
    }
    if reason.chars().count() > REASON {
        return Some(format!(
            "reason: it has more than {REASON} characters; shorten it"
        ));
    }
    (!(1..=episodes).contains(episode)).then(|| {
        format!("episode: {id} is in episode {episodes}, not {episode}; give the episode that was looked at")
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::webhook::review;

    const FINDING: &str = "node-limbo/n1";

    fn report(acknowledgements: &Value) -> Value {
        json!({ "spec": { "acknowledgements": acknowledgements },
            "status": { "findings": [{ "id": FINDING, "episodes": 2 }] } })
    }

    fn asked(old: &Value, new: &Value) -> Answer {
        let review = json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u-1", "operation": "UPDATE", "userInfo": { "username": "jo" },
            "object": report(new), "oldObject": report(old) } })
        .to_string();
        answer(&review::request(review.as_bytes()).expect("a review"))
    }

    fn ack(by: Option<&str>) -> Value {
        json!({ "id": FINDING, "reason": "seen", "episode": 2, "by": by })
    }

    #[rstest]
    #[case::new(json!([]), json!([ack(None)]), Some("jo"))]
    #[case::in_anothers_name(json!([]), json!([ack(Some("ann"))]), Some("jo"))]
    #[case::in_ones_own_name(json!([]), json!([ack(Some("jo"))]), None)]
    #[case::it_stays(json!([ack(Some("ann"))]), json!([ack(Some("ann"))]), None)]
    #[case::its_author_stays(json!([ack(Some("ann"))]), json!([ack(Some("jo"))]), Some("ann"))]
    #[case::its_author_is_left_out(json!([ack(Some("ann"))]), json!([ack(None)]), Some("ann"))]
    #[case::another_reason(
        json!([{ "id": FINDING, "reason": "?", "episode": 2, "by": "ann" }]),
        json!([ack(Some("ann"))]),
        Some("jo")
    )]
    #[case::the_next_episode(
        json!([{ "id": FINDING, "reason": "seen", "episode": 1, "by": "ann" }]),
        json!([ack(Some("ann"))]),
        Some("jo")
    )]
    #[case::gone(json!([ack(Some("ann"))]), json!([]), None)]
    #[case::no_list(json!([]), json!(7), None)]
    fn whoever_writes_it_is_named(#[case] old: Value, #[case] new: Value, #[case] by: Option<&str>) {
        let answer = asked(&old, &new);
        assert_eq!(answer.refusal, None);
        let set = by.map(|by| Set {
            path: "/spec/acknowledgements/0/by".to_owned(),
            value: by.to_owned(),
        });
        assert_eq!(answer.patch, Vec::from_iter(set));
    }

    #[rstest]
    #[case::of_no_finding(
        json!({ "id": "node-limbo/n2", "reason": "seen", "episode": 2 }),
        "spec.acknowledgements[0].id: \"node-limbo/n2\" is not a finding of this report; use the id of one of its findings: \
         node-limbo/n1"
    )]
    #[case::without_a_reason(
        json!({ "id": FINDING, "reason": " ", "episode": 2 }),
        "spec.acknowledgements[0].reason: it is empty; say why the finding may be closed"
    )]
    #[case::of_what_has_not_happened(
        json!({ "id": FINDING, "reason": "seen", "episode": 3 }),
        "spec.acknowledgements[0].episode: node-limbo/n1 is in episode 2, not 3; give the episode that was looked at"
    )]
    fn one_that_would_close_nothing_is_refused(#[case] new: Value, #[case] why: &str) {
        let answer = asked(&json!([]), &json!([new]));
        assert_eq!(answer.refusal.as_deref(), Some(why));
        assert_eq!(answer.patch, []);
        // One that is there already is nobody's fault.
        assert_eq!(asked(&json!([new]), &json!([new])).refusal, None);
    }

    #[test]
    fn a_patch_is_written_as_the_api_server_reads_it() {
        let answer: Value =
            serde_json::from_slice(&asked(&json!([]), &json!([ack(None)])).to_json("u-1")).expect("JSON");
        let response = &answer["response"];
        assert_eq!(
            (&response["allowed"], &response["patchType"]),
            (&json!(true), &json!("JSONPatch"))
        );
        let patch: k8s_openapi::ByteString =
            serde_json::from_value(response["patch"].clone()).expect("base64");
        let patch: Value = serde_json::from_slice(&patch.0).expect("JSON");
        assert_eq!(
            patch,
            json!([{ "op": "add", "path": "/spec/acknowledgements/0/by", "value": "jo" }])
        );
    }
}
