//! The admission webhook, asked by a real API server about what kubectl does.

use std::fs;
use std::net::TcpListener;
use std::time::Instant;

use plimsoll_kit::Operator;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};

use crate::world::{SOON, World, tell, world};

const NAMESPACE: &str = "door";

/// What the chart registers, but asked at an address of this machine: no Service leads here.
fn configuration(world: &World, address: &str, ca: &str) -> Value {
    let chart = plimsoll_kit::operator::chart().display().to_string();
    let rendered = world.plane.helm(&[
        "template",
        "plimsoll",
        &chart,
        "-n",
        "plimsoll-system",
        "--set",
        "webhook.enabled=true,webhook.certificates.secretName=door",
        "--show-only",
        "templates/webhook.yaml",
    ]);
    let rendered = rendered.expect("the chart renders");
    let mut documents = rendered.split("\n---\n").map(|text| {
        let text = text.trim_start_matches("---");
        serde_saphyr::from_str::<Value>(text).expect("YAML")
    });
    let found = documents.find(|document| document["kind"] == "ValidatingWebhookConfiguration");
    let mut configuration = found.expect("it is in the chart");
    let client = json!({ "url": format!("https://{address}/validate"), "caBundle": base64(ca) });
    configuration["webhooks"][0]["clientConfig"] = client;
    configuration
}

/// As Kubernetes' own types write bytes.
fn base64(text: &str) -> Value {
    let bytes = k8s_openapi::ByteString(text.as_bytes().to_vec());
    serde_json::to_value(bytes).expect("a string")
}

/// What kubectl prints, and whether it succeeded.
fn kubectl(world: &World, args: &[&str]) -> (bool, String) {
    let args = [&["-n", NAMESPACE], args].concat();
    world.plane.kubectl_says(&args).expect("kubectl runs")
}

/// Starts an operator that answers reviews, and says where.
fn answering(world: &World, folder: &str) -> (Operator, String) {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let env = [
        ("PLIMSOLL_WEBHOOK_ADDRESS", &*address),
        ("PLIMSOLL_WEBHOOK_CERTIFICATES", folder),
    ];
    let mut operator = world.operator_with(0, &env);
    operator.wait_ready(SOON).expect("it becomes ready");
    (operator, address)
}

#[test]
fn kubectl_is_warned_refused_and_never_held_up() {
    let world = world();
    let folder = tempfile::tempdir().expect("a folder");
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    fs::write(folder.path().join("tls.crt"), cert.pem()).expect("written");
    fs::write(folder.path().join("tls.key"), signing_key.serialize_pem()).expect("written");
    let (operator, address) = answering(&world, folder.path().to_str().expect("UTF-8"));
    world.plane.namespace(NAMESPACE).expect("a namespace");
    world.apply(&[configuration(&world, &address, &cert.pem())]);
    // The API server reads configurations when it sees them: from the first warning on it asks.
    let image = "--image=registry.invalid/app:1";
    world.eventually("the API server asks the webhook", |world| {
        let (_, said) = kubectl(
            world,
            &["create", "deployment", "probe", image, "--dry-run=server"],
        );
        if said.contains("Warning: ") {
            Ok(())
        } else {
            Err(said)
        }
    });

    let mut told = String::new();
    let mut see = |args: &[&str]| {
        let (succeeded, said) = kubectl(&world, args);
        told += &format!("$ kubectl {}\n{said}\n", args.join(" "));
        succeeded
    };
    assert!(see(&["create", "deployment", "web", image, "--replicas=3"]));
    assert!(see(&[
        "create",
        "poddisruptionbudget",
        "web",
        "--selector=app=web",
        "--max-unavailable=1"
    ]));
    world.report_shows(NAMESPACE, "deployment-web", "the operator has seen both", |r| {
        !r.of_rules().contains("pdb-missing")
    });
    assert!(see(&["annotate", "deployment", "web", "example.com/a=b"]));
    assert!(see(&["scale", "deployment", "web", "--replicas=1"]));
    assert!(see(&["scale", "deployment", "web", "--replicas=3"]));
    let deny = json!({ "apiVersion": "plimsoll.dev/v1alpha1", "kind": "ResiliencePolicy",
        "metadata": { "name": "door" }, "spec": {
            "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": NAMESPACE } },
            "rules": [{ "name": "min-replicas", "admission": "Deny" }] } });
    world.apply(&[deny]);
    world.report_shows(NAMESPACE, "deployment-web", "the policy is in force", |r| {
        r.0["status"]["policies"] == json!(["door"])
    });
    assert!(
        !see(&["scale", "deployment", "web", "--replicas=1"]),
        "it is refused"
    );
    assert!(!see(&["create", "deployment", "lone", image]), "it is refused");
    insta::assert_snapshot!("door", told);

    let (code, metrics) = operator.get("/metrics").expect("metrics");
    assert_eq!(code, 200);
    for outcome in ["shed", "unreadable", "loading"] {
        let counted = format!("plimsoll_admission_reviews_total{{outcome=\"{outcome}\"}}");
        assert!(!metrics.contains(&counted), "{metrics}");
    }

    drop(operator);
    let began = Instant::now();
    assert!(
        kubectl(&world, &["scale", "deployment", "web", "--replicas=1"]).0,
        "nobody answers, nobody is held up"
    );
    tell(&format!(
        "with no webhook left, kubectl took {:?}",
        began.elapsed()
    ));
    for what in [
        &["delete", "validatingwebhookconfiguration", "plimsoll"][..],
        &["delete", "resiliencepolicy", "door"],
        &["delete", "namespace", NAMESPACE, "--wait=false"],
    ] {
        world.plane.kubectl(what).expect("cleaned up");
    }
    world.nothing_was_forbidden();
}
