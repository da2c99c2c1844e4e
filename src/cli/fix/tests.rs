use serde_json::json;

use super::*;
use crate::model::finding::{CheckResult, Failure, Message, Severity};
use crate::model::keys::Kind;
use crate::output::JudgedWorkload;

const WEB: &str = "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: web, namespace: shop}\n";

fn budget() -> Remedy {
    Remedy::Create {
        manifest: json!({
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        })
        .into(),
        reason: String::new(),
    }
}

fn fixes(file: &str, made_by: Option<Maker>, stdin: &str, remedies: Vec<Remedy>) -> Fixes {
    let key = ObjectKey::new(Kind::Deployment, "shop", "web");
    let source = Source {
        file: file.into(),
        line: 1,
        made_by,
    };
    let check = |remedy| CheckResult {
        rule: "pdb-missing",
        subject: None,
        outcome: Outcome::from(Failure {
            severity: Severity::Warning,
            message: Message::new("", "", ""),
            remedy: Some(remedy),
        }),
    };
    let checks = remedies.into_iter().map(check).collect();
    let workload = JudgedWorkload::new(key.clone(), Some(source.clone()), checks);
    let report = Report {
        workloads: vec![workload],
        ..Report::default()
    };
    plan(&report, &Sources::from([(key, source)]), stdin)
}

#[test]
fn what_is_missing_is_put_behind_the_workload_that_misses_it() {
    let fixes = fixes(STDIN, None, WEB, vec![budget()]);
    let diff = "--- a/stdin\n+++ b/stdin\n@@ -1,3 +1,14 @@\n kind: Deployment\n apiVersion: apps/v1\n \
                metadata: {name: web, namespace: shop}\n+---\n+apiVersion: policy/v1\n+kind: PodDisruptionBudget\n\
                +metadata:\n+  name: web\n+  namespace: shop\n+spec:\n+  maxUnavailable: 1\n+  selector:\n\
                +    matchLabels:\n+      app: web\n";
    assert_eq!(fixes.diff(false), diff);
    assert_eq!(
        fixes.summary(),
        "-:5: fixed: pdb-missing of Deployment shop/web\n1 finding fixed in 1 file\n"
    );
}

#[test]
fn it_is_put_there_once_and_nowhere_else() {
    let fixed = fixes(
        STDIN,
        None,
        WEB,
        vec![budget(), budget(), Remedy::Advice("think".to_owned())],
    );
    assert_eq!((fixed.fixed, fixed.refused), (1, 1));
    let refused = fixes("shop/templates/web.yaml", Some(Maker::Helm), "", vec![budget()]);
    assert_eq!(
        (refused.fixed, refused.refused, refused.diff(false).as_str()),
        (0, 1, "")
    );
    assert!(
        refused
            .summary()
            .starts_with("shop/templates/web.yaml: not fixed: "),
        "{}",
        refused.summary()
    );
}

#[test]
fn a_diff_on_a_terminal_cannot_steer_it() {
    let text = WEB.replace("web,", "web, labels: {a: \"\x1b[2J\"},");
    let fixes = fixes(STDIN, None, &text, vec![budget()]);
    assert!(fixes.diff(false).contains('\x1b'), "as it is, to be applied");
    assert!(!fixes.diff(true).contains('\x1b'));
}
