//! The admission webhook as the chart registers it, asked by a real API server about what kubectl does.
//!
//! The API server takes the webhook's Service at its word: its address is one of this machine, and the operator listens there,
//! where a proxy would lead elsewhere.

use std::thread;
use std::time::{Duration, Instant};

use plimsoll_kit::Operator;
use serde_json::{Value, json};

use crate::world::{SOON, World, tell, world};

pub(crate) const NAMESPACE: &str = "door";
/// Of the Service, the Secret and the configurations.
const NAME: &str = "plimsoll-webhook";
/// The shortest: authorities and certificates are replaced every 20 s, and all are void after 30 s without a leader.
pub(crate) const LIFE: Duration = Duration::from_secs(30);
const IMAGE: &str = "--image=registry.invalid/app:1";

/// What kubectl prints, and whether it succeeded.
fn kubectl(world: &World, args: &[&str]) -> (bool, String) {
    let args = [&["-n", NAMESPACE], args].concat();
    world.plane.kubectl_says(&args).expect("kubectl runs")
}

/// Whether the API server asks the webhook, and believes it.
pub(crate) fn is_warned(world: &World) -> Result<(), String> {
    let probe = [
        "create",
        "deployment",
        "probe",
        IMAGE,
        "--replicas=3",
        "--dry-run=server",
    ];
    match kubectl(world, &probe) {
        (true, said) if said.contains("Warning: ") => Ok(()),
        (_, said) => Err(said),
    }
}

/// Starts an operator where the Service leads.
pub(crate) fn answering(world: &World) -> Operator {
    let service = world.plane.get(&["service", NAME, "-n", "plimsoll-system"]);
    let service = service.expect("the Service is in the chart");
    let ip = service["spec"]["clusterIP"].as_str().expect("an address");
    let address = format!("{ip}:9443");
    let mut operator = world.operator_with(0, &[("PLIMSOLL_WEBHOOK_ADDRESS", &*address)]);
    operator.wait_ready(SOON).expect("it becomes ready");
    operator
}

/// The certificates that the API server trusts, of both configurations.
pub(crate) fn trusted(world: &World) -> [Value; 2] {
    ["validatingwebhookconfiguration", "mutatingwebhookconfiguration"].map(|kind| {
        let configuration = world.plane.get(&[kind, NAME]).expect("it is in the chart");
        configuration["webhooks"][0]["clientConfig"]["caBundle"].clone()
    })
}

#[test]
fn kubectl_is_warned_refused_and_never_held_up() {
    let world = world();
    world.with_webhook(&format!("{}s", LIFE.as_secs()));
    let operator = answering(&world);
    world.plane.namespace(NAMESPACE).expect("a namespace");
    world.eventually("the API server asks the webhook", is_warned);

    let mut told = String::new();
    let mut see = |args: &[&str]| {
        let (succeeded, said) = kubectl(&world, args);
        told += &format!("$ kubectl {}\n{said}\n", args.join(" "));
        succeeded
    };
    assert!(see(&["create", "deployment", "web", IMAGE, "--replicas=3"]));
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
    assert!(!see(&["create", "deployment", "lone", IMAGE]), "it is refused");
    insta::assert_snapshot!("door", told);

    let (code, metrics) = operator.get("/metrics").expect("metrics");
    assert_eq!(code, 200);
    for outcome in ["shed", "unreadable", "loading"] {
        let counted = format!("plimsoll_admission_reviews_total{{outcome=\"{outcome}\"}}");
        assert!(!metrics.contains(&counted), "{metrics}");
    }

    whoever_acknowledges_is_named(&world);
    certificates_change_and_nobody_is_missed(&world);

    drop(operator);
    let began = Instant::now();
    assert!(
        kubectl(&world, &["label", "deployment", "web", "a=b"]).0,
        "nobody answers, nobody is held up"
    );
    tell(&format!(
        "with no webhook left, kubectl took {:?}",
        began.elapsed()
    ));

    // What the chart's hook runs; then the rest goes.
    let removed = std::process::Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["remove-webhook", NAME])
        .env("KUBECONFIG", world.plane.kubeconfig())
        .status();
    assert!(removed.expect("it runs").success());
    world.nothing_was_forbidden();
    world.without_webhook();
    for kind in [
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
        "secrets",
        "jobs",
    ] {
        let left = world
            .plane
            .kubectl(&["get", kind, "-n", "plimsoll-system", "-o", "name"]);
        let left = left.expect("they can be listed");
        assert!(!left.contains(NAME), "nothing is left: {left}");
    }
    for what in [
        &["delete", "resiliencepolicy", "door"][..],
        &["delete", "namespace", NAMESPACE, "--wait=false"],
    ] {
        world.plane.kubectl(what).expect("cleaned up");
    }
}

fn whoever_acknowledges_is_named(world: &World) {
    let report = world.report_shows(NAMESPACE, "deployment-web", "something is found", |r| {
        !r.findings().is_empty()
    });
    let id = &report.findings()[0]["id"];
    let patch = |id: &Value, reason: &str| {
        let one = json!({ "id": id, "reason": reason, "episode": 1, "by": "somebody else" });
        let patch = json!({ "spec": { "acknowledgements": [one] } }).to_string();
        kubectl(
            world,
            &["patch", "rr", "deployment-web", "--type=merge", "-p", &patch],
        )
    };
    let (taken, said) = patch(&json!("no-such-finding"), "seen");
    assert!(!taken && said.contains("spec.acknowledgements[0].id"), "{said}");
    let (taken, said) = patch(id, "");
    assert!(
        !taken && said.contains("spec.acknowledgements[0].reason"),
        "{said}"
    );
    let (taken, said) = patch(id, "we know");
    assert!(taken, "{said}");
    let report = world
        .plane
        .get(&["rr", "deployment-web", "-n", NAMESPACE])
        .expect("it is there");
    let by = &report["spec"]["acknowledgements"][0]["by"];
    let whoami = world
        .plane
        .kubectl(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]);
    assert_eq!(by, &json!(whoami.expect("a user")));
}

/// For a life, with one rotation more that is asked for: each request is warned.
fn certificates_change_and_nobody_is_missed(world: &World) {
    let secret = ["-n", "plimsoll-system", "annotate", "secret", NAME];
    let ask = [&secret[..], &["plimsoll.dev/rotate-certificates=now"]].concat();
    world.plane.kubectl(&ask).expect("an annotation");
    let (began, mut asked, mut bundles) = (Instant::now(), 0, Vec::new());
    while began.elapsed() < LIFE {
        if let Err(said) = is_warned(world) {
            panic!(
                "request {asked} after {:?} was not warned: {said}",
                began.elapsed()
            );
        }
        asked += 1;
        let trusted = trusted(world);
        if bundles.last() != Some(&trusted) {
            bundles.push(trusted);
        }
        thread::sleep(Duration::from_millis(100));
    }
    tell(&format!(
        "{asked} requests while the API server was told {} times whom to trust: each was warned",
        bundles.len() - 1
    ));
    assert!(
        bundles.len() >= 4,
        "one more, one less, and another: {}",
        bundles.len()
    );
}
