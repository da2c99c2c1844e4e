//! The demo of the admission webhook: what kubectl is told when something that will not survive is applied, what that costs,
//! and that nothing waits when nobody answers.

use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use plimsoll_kit::operator::NAMESPACE;
use plimsoll_kit::{Operator, Plane, Result, Rig};
use serde_json::{Value, json};

use super::voice::Voice;
use super::{Settings, binary, start_plane};

/// The longest that anything here may take to show.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the chart tells the API server to wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Deployments that are created with the webhook and without, in turns.
const PAIRS: usize = 300;
const IMAGE: &str = "--image=registry.example/web:1";

/// What was to be seen, and whether it was.
#[derive(Default)]
struct Seen(Vec<(&'static str, bool)>);

struct Stage<'a> {
    plane: &'a Plane,
    voice: &'a Voice,
    seen: Seen,
}

impl Stage<'_> {
    /// Runs kubectl in front of everybody. Whether it succeeds and what it says is to be as told.
    fn kubectl(&mut self, what: &'static str, args: &[&str], succeeds: bool, says: &[&str]) -> Result<()> {
        self.voice.say(&format!("kubectl {}", args.join(" ")));
        let (succeeded, said) = self.plane.kubectl_says(&[&["-n", "shop"], args].concat())?;
        self.voice.detail(&said);
        let met = succeeded == succeeds && says.iter().all(|text| said.contains(text));
        self.seen.0.push((what, met));
        Ok(())
    }
}

/// Shows it. True when everything was as it had to be.
pub(crate) fn run(settings: &Settings) -> Result<bool> {
    let voice = Voice::new();
    voice.title("Plimsoll at the door of a real API server: what kubectl is told");
    let rig = Rig::ready()?;
    let binary = binary(&voice, settings)?;
    let plane = start_plane(&voice, rig)?;
    let scale = format!("operator.timeScale={:.2}", plane.time_scale());
    voice.say(&format!(
        "helm install plimsoll charts/plimsoll -n {NAMESPACE} --create-namespace --set webhook.enabled=true"
    ));
    plane.install_chart(&[&scale, "log.format=text", "webhook.enabled=true"])?;
    let service = plane.get(&["service", "plimsoll-webhook", "-n", NAMESPACE])?;
    let address = format!(
        "{}:9443",
        service["spec"]["clusterIP"].as_str().unwrap_or_default()
    );
    let mut operator = Operator::start(&plane, &binary, 0, &[("PLIMSOLL_WEBHOOK_ADDRESS", &address)])?;
    operator.wait_ready(PATIENCE)?;
    voice.say(&format!(
        "the operator answers at {address}, where the chart's Service leads"
    ));
    plane.namespace("shop")?;
    asks(&plane)?;

    let mut stage = Stage {
        plane: &plane,
        voice: &voice,
        seen: Seen::default(),
    };
    is_told(&mut stage)?;
    voice.title(
        "4. What it costs: Deployments created by turns where the webhook is asked, and where it is not",
    );
    let costs = costs(&plane)?;
    voice.say(&costs.to_string());
    operator.check()?;

    voice.title("5. Every process of Plimsoll is killed");
    drop(operator);
    let began = Instant::now();
    let create = ["create", "deployment", "late", IMAGE];
    stage.kubectl("let in, while nobody answers", &create, true, &["created"])?;
    let took = began.elapsed();
    stage.seen.0.push(("and within the timeout", took < TIMEOUT));
    voice.say(&format!("kubectl took {took:.1?}"));

    let Seen(seen) = stage.seen;
    voice.title("What had to be seen");
    for (what, met) in &seen {
        voice.detail(&format!("{} {what}", if *met { "✓" } else { "✗" }));
    }
    Ok(seen.iter().all(|(_, met)| *met))
}

/// Waits until the API server asks the webhook.
fn asks(plane: &Plane) -> Result<()> {
    plane.eventually("the API server asks the webhook", PATIENCE, |plane| {
        let probe = [
            "create",
            "deployment",
            "probe",
            IMAGE,
            "-n",
            "shop",
            "--dry-run=server",
        ];
        let (_, said) = plane.kubectl_says(&probe)?;
        Ok(if said.contains("Warning: ") {
            Ok(())
        } else {
            Err(said)
        })
    })
}

fn is_told(stage: &mut Stage<'_>) -> Result<()> {
    stage
        .voice
        .title("1. Three replicas of a web service, for redundancy");
    stage.kubectl(
        "warned of what a Deployment lacks",
        &["create", "deployment", "web", IMAGE, "--replicas=3"],
        true,
        &["(pod-spread)", "(memory-limit)", "(pdb-missing)", "created"],
    )?;
    stage
        .voice
        .title("2. A budget that lets nobody drain a node, and a scale to one");
    let budget = [
        "create",
        "poddisruptionbudget",
        "web",
        "--selector=app=web",
        "--min-available=3",
    ];
    let says = ["Deployment web: ", "(pdb-blocks-drain)", "created"];
    stage.kubectl("warned of what a budget does to others", &budget, true, &says)?;
    let scale = ["scale", "deployment", "web", "--replicas=1"];
    stage.kubectl("warned of a scale", &scale, true, &["(min-replicas)", "scaled"])?;

    stage
        .voice
        .title("3. A policy that denies less than two replicas");
    let policy = json!({ "apiVersion": "plimsoll.dev/v1alpha1", "kind": "ResiliencePolicy",
        "metadata": { "name": "two-at-least" }, "spec": {
            "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "shop" } },
            "rules": [{ "name": "min-replicas", "admission": "Deny" }] } });
    stage.plane.apply(&policy.to_string())?;
    stage
        .plane
        .eventually("the policy is in force", PATIENCE, |plane| {
            let report = plane.get(&["rr", "deployment-web", "-n", "shop"])?;
            let policies = &report["status"]["policies"];
            Ok(if *policies == json!(["two-at-least"]) {
                Ok(())
            } else {
                Err(policies.to_string())
            })
        })?;
    stage.kubectl(
        "refused, with the reason and the way out",
        &["create", "deployment", "lone", IMAGE],
        false,
        &[
            "spec.replicas is 1",
            "set it to 2 or more",
            "denied by ResiliencePolicy two-at-least",
        ],
    )?;
    let label = ["label", "deployment", "web", "tier=front"];
    stage.kubectl("not refused for what was so before", &label, true, &["labeled"])
}

/// What the API server took for each creation, by its own clock.
struct Costs {
    asked: Duration,
    spared: Duration,
    pairs: usize,
}

impl std::fmt::Display for Costs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let added = self.asked.as_secs_f64() - self.spared.as_secs_f64();
        write!(
            f,
            "the API server took {:.2?} with the webhook and {:.2?} without (medians of {} pairs): {:+.2} ms",
            self.asked,
            self.spared,
            self.pairs,
            added * 1e3
        )
    }
}

/// kube-system is never asked about: that is the only difference of each pair.
fn costs(plane: &Plane) -> Result<Costs> {
    let namespaces = ["shop", "kube-system"];
    let deployment = |n: usize, namespace: &str| {
        let labels = json!({ "app": "cost" });
        json!({ "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": format!("cost-{n}"), "namespace": namespace },
            "spec": { "replicas": 2, "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels },
                    "spec": { "containers": [{ "name": "app", "image": "registry.example/app:1" }] } } } })
    };
    let items: Vec<Value> = (0..PAIRS)
        .flat_map(|n| namespaces.map(|namespace| deployment(n, namespace)))
        .collect();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    let file = plane.dir().join("costs.json");
    std::fs::write(&file, list.to_string()).map_err(|source| plimsoll_kit::Error::Io {
        what: format!("writing {}", file.display()),
        source,
    })?;
    let mark = plane.audit().mark()?;
    let file = file.display().to_string();
    plane.kubectl(&["create", "-f", &file, "--dry-run=server", "-o", "name"])?;
    // An entry is written a moment after its answer.
    thread::sleep(Duration::from_secs(1));
    let requests = plane.audit().since(mark)?;
    let median = |namespace: &str| {
        let ours = requests.iter().filter(|request| {
            (&*request.verb, &*request.resource, &*request.namespace) == ("create", "deployments", namespace)
        });
        let mut times: Vec<Duration> = ours
            .filter_map(|request| took(&request.time, &request.answered))
            .collect();
        times.sort_unstable();
        (
            times.get(times.len() / 2).copied().unwrap_or_default(),
            times.len(),
        )
    };
    let [(asked, pairs), (spared, others)] = namespaces.map(median);
    Ok(Costs {
        asked,
        spared,
        pairs: pairs.min(others),
    })
}

fn took(from: &str, to: &str) -> Option<Duration> {
    let (from, to): (Timestamp, Timestamp) = (from.parse().ok()?, to.parse().ok()?);
    to.duration_since(from).try_into().ok()
}
