//! The demo: iconik's outage of 5 September 2019, on a real control plane, with the operator watching.
//!
//! Two redundant pods of a web service sat on one node; the node's heartbeats stopped and came back again and again,
//! never for long enough to be given up, so the pods stayed where they were and nobody served.

pub(crate) mod admission;
mod checklist;
mod observer;
mod story;
mod voice;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use plimsoll_kit::operator::{self, NAMESPACE};
use plimsoll_kit::{Node, Operator, Options, Plane, Recorder, Result, Rig, Tool};

use self::observer::Observer;
use self::voice::Voice;

/// The node that falls silent.
const VICTIM: &str = "worker-1";
/// The others, and the zones of all.
const NODES: [(&str, &str); 4] = [
    (VICTIM, "zone-1"),
    ("worker-2", "zone-1"),
    ("worker-3", "zone-2"),
    ("worker-4", "zone-2"),
];

/// What a recording of the demo says of itself.
const RECORDED: &str =
    "iconik's outage, re-enacted on a real control plane: both web pods on one node, and the node in limbo";

/// What the command line asks for.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// End after the story instead of staying.
    pub(crate) once: bool,
    /// A binary to run instead of building one.
    pub(crate) operator: Option<PathBuf>,
    /// Where to record the story.
    pub(crate) record: Option<PathBuf>,
}

/// Tells the story. True when everything that had to be found was found.
pub(crate) fn run(settings: &Settings) -> Result<bool> {
    let voice = Voice::new();
    voice.title("Plimsoll on a real control plane: how iconik lost its web service for 26 minutes, in two");
    let rig = Rig::ready()?;
    let binary = binary(&voice, settings)?;
    let plane = start_plane(&voice, rig)?;
    install(&voice, &plane)?;
    let recorder = settings
        .record
        .as_deref()
        .map(|file| Recorder::start(&plane, &binary, file, RECORDED));
    let recorder = recorder.transpose()?;
    let started = Instant::now();
    let mut operator = start_operator(&voice, &plane, &binary)?;
    let mut observer = Observer::new(&plane, &voice, started);
    story::tell(&plane, &voice, &mut observer)?;
    operator.check()?;
    if let (Some(recorder), Some(file)) = (recorder, &settings.record) {
        recorder.stop()?;
        voice.say(&format!(
            "recorded; see it again with: plimsoll replay {}",
            file.display()
        ));
    }
    let complete = observer.checklist().print(&voice);
    if let Some(after) = observer.first_report() {
        voice.say(&format!(
            "first report {:.1} s after the operator's start",
            after.as_secs_f64()
        ));
    }
    voice.say(&format!(
        "the story took {:.0} s from the demo's first line",
        voice.elapsed().as_secs_f64()
    ));
    if settings.once {
        return Ok(complete);
    }
    invite(&voice, &plane, &operator);
    loop {
        operator.check()?;
        observer.look()?;
        thread::sleep(Duration::from_secs(1));
    }
}

/// The operator that was named, or else the one of this checkout.
fn binary(voice: &Voice, settings: &Settings) -> Result<PathBuf> {
    if let Some(binary) = &settings.operator {
        return Ok(binary.clone());
    }
    voice.say("building the operator (cargo build --release --bin plimsoll)");
    operator::build()
}

fn start_plane(voice: &Voice, rig: Rig) -> Result<Plane> {
    let started = Instant::now();
    let plane = Plane::start_with(rig, Options::default())?;
    plane.add_nodes(&NODES.map(|(name, zone)| Node::new(name, zone)))?;
    voice.say(&format!(
        "Kubernetes {} is up after {:.1} s: API server, controllers and scheduler are real; kwok plays {} nodes in 2 zones",
        plimsoll_kit::rig::kubernetes_version()?,
        started.elapsed().as_secs_f64(),
        NODES.len()
    ));
    voice.say(&format!(
        "a silent node is given {} s instead of 50 s, so all the operator's durations are scaled by {:.2} (PLIMSOLL_TIME_SCALE)",
        plane.node_monitor_grace().as_secs(),
        plane.time_scale()
    ));
    Ok(plane)
}

fn install(voice: &Voice, plane: &Plane) -> Result<()> {
    voice.say(&format!(
        "helm install plimsoll charts/plimsoll -n {NAMESPACE} --create-namespace"
    ));
    // The operator's own (played) pods stay off the node that will fail, so that the story is about `web` alone.
    plane.cordon(VICTIM)?;
    let scale = format!("operator.timeScale={:.2}", plane.time_scale());
    plane.install_chart(&[&scale, "log.format=text"])?;
    plane.uncordon(VICTIM)
}

fn start_operator(voice: &Voice, plane: &Plane, binary: &Path) -> Result<Operator> {
    let mut operator = Operator::start(plane, binary, 0, &[])?;
    operator.wait_ready(Duration::from_secs(60))?;
    voice.say("the operator runs beside, with the token of its chart's service account and no other rights");
    voice.detail(&format!("its log: {}", operator.log().display()));
    Ok(operator)
}

fn invite(voice: &Voice, plane: &Plane, operator: &Operator) {
    voice.title("The plane stays up. In another terminal:");
    let kubectl = plane.rig().path(Tool::Kubectl).display();
    voice.detail(&format!("export KUBECONFIG={}", plane.kubeconfig().display()));
    voice.detail(&format!("alias kubectl={kubectl}"));
    voice.detail("kubectl get resiliencereports -A");
    voice.detail("kubectl describe resiliencereport deployment-web -n shop");
    voice.detail(&format!("curl http://{}/metrics", operator.address()));
    voice.say("Ctrl-C ends everything; changes are printed until then");
}
