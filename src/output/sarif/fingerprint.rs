//! By what a result is known again when lines have moved.

use percent_encoding::utf8_percent_encode;
use serde::Serialize;

use super::IN_PART;
use crate::check::JudgedWorkload;
use crate::model::finding::CheckResult;
use crate::model::text::fnv64;

/// The same as long as object, rule and subject are.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Fingerprints {
    /// Readable: `Deployment/shop/web/memory-limit/app`, each part percent-encoded.
    #[serde(rename = "objectRuleSubject/v1")]
    object_rule_subject: String,
    /// The one that GitHub knows alerts by. Where it is absent the upload makes it from the line, and one alert of the
    /// findings on all containers of a workload; where it is there the upload's log says that it is not the line's.
    #[serde(rename = "primaryLocationLineHash")]
    line: String,
}

impl Fingerprints {
    pub(super) fn of(workload: &JudgedWorkload, check: &CheckResult) -> Self {
        let key = &workload.key;
        let parts = [
            key.kind.as_str(),
            &key.namespace,
            &key.name,
            check.rule,
            check.subject.as_deref().unwrap_or_default(),
        ];
        let parts = parts.map(|part| utf8_percent_encode(part, IN_PART).to_string());
        let object_rule_subject = parts.join("/").trim_end_matches('/').to_owned();
        Fingerprints {
            line: format!("{:016x}:1", fnv64(&object_rule_subject)),
            object_rule_subject,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Outcome;
    use crate::model::keys::{Kind, ObjectKey};

    fn of(name: &str, subject: Option<&str>) -> Fingerprints {
        let key = ObjectKey::new(Kind::Deployment, "shop", name);
        let workload = JudgedWorkload::new(key, None, Vec::new());
        let check = CheckResult {
            rule: "memory-limit",
            subject: subject.map(str::to_owned),
            outcome: Outcome::Pass(None),
        };
        Fingerprints::of(&workload, &check)
    }

    #[test]
    fn fingerprints_never_change_because_alerts_are_known_by_them() {
        assert_eq!(
            of("web", Some("app")),
            Fingerprints {
                object_rule_subject: "Deployment/shop/web/memory-limit/app".to_owned(),
                line: "e3c6dea38c56abce:1".to_owned(),
            }
        );
        assert_eq!(
            of("web", None).object_rule_subject,
            "Deployment/shop/web/memory-limit"
        );
    }

    #[test]
    fn no_two_findings_share_one() {
        assert_ne!(of("web", Some("app")), of("web", None));
        assert_ne!(of("a/b", None), of("a%2Fb", None));
        assert_ne!(of("web", Some("a/b")), of("web", Some("a%2Fb")));
    }
}
