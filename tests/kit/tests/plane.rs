//! The kit itself: a plane lives, does what real clusters do, and leaves nothing behind.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic, and this one prints its timings"
)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use plimsoll_kit::{Component, Mark, Node, Options, Plane, Result};

const SOON: Duration = Duration::from_secs(30);

fn alive(pid: u32) -> bool {
    Command::new("kill")
        .args(["-s", "0", &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

/// How many pods of `shop` have this value of their condition Ready.
fn pods(plane: &Plane, ready: &str) -> Result<usize> {
    let path = r#"-o=jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}"#;
    let answer = plane.kubectl(&["get", "pods", "-n", "shop", path])?;
    Ok(answer.lines().filter(|line| *line == ready).count())
}

fn wait_for_pods(plane: &Plane, wanted: usize, ready: &str) {
    let what = format!("{wanted} pods with Ready={ready}");
    let count = |plane: &Plane| {
        Ok(Some(pods(plane, ready)?)
            .filter(|n| *n == wanted)
            .ok_or("other numbers".to_owned()))
    };
    plane.eventually(&what, SOON, count).unwrap();
}

#[test]
fn a_node_falls_silent_and_comes_back() {
    let started = Instant::now();
    let step = |what: &str| eprintln!("{:6.1} s  {what}", started.elapsed().as_secs_f64());
    let plane = Plane::start(Options::default()).unwrap();
    step("plane ready");
    plane
        .add_nodes(&[Node::new("node-a", "zone-1"), Node::new("node-b", "zone-2")])
        .unwrap();
    plane.namespace("shop").unwrap();
    step("2 nodes ready");
    the_audit_log_tells_who_did_what(&plane);
    step("2 pods ready, and requests counted");
    silence_where_both_pods_are(&plane);
    step("node-a Unknown");
    revive_and_find_the_pods_ready(&plane);
    step("node-a True, pods ready again");
    freeze_and_thaw_the_api_server(&plane);
    step("API server paused and resumed");
    restart_the_controller_manager(&plane);
    step("controller manager restarted");

    let (dir, pids) = (plane.dir().to_owned(), plane.pids());
    assert_eq!(pids.len(), 5);
    drop(plane);
    step("stopped");
    assert!(pids.iter().all(|(_, pid)| !alive(*pid)), "{pids:?}");
    assert!(!dir.exists());
}

fn the_audit_log_tells_who_did_what(plane: &Plane) {
    let before = plane.audit().mark().unwrap();
    let create = [
        "create",
        "deployment",
        "web",
        "-n",
        "shop",
        "--image=web:1",
        "--replicas=2",
    ];
    plane.kubectl(&create).unwrap();
    wait_for_pods(plane, 2, "True");
    let requests = plane.audit().since(before).unwrap();
    let writes = |user: &str, what: &str| {
        let done = requests.iter().filter(|r| r.is_write() && r.code < 400);
        done.filter(|r| r.user == user && r.resource == what).count()
    };
    assert_eq!(writes("admin", "deployments"), 1);
    assert_eq!(
        writes("system:serviceaccount:kube-system:replicaset-controller", "pods"),
        2
    );
    assert_eq!(writes("system:kube-scheduler", "pods/binding"), 2);
    assert!(plane.audit().since(Mark::default()).unwrap().len() > requests.len());
}

fn silence_where_both_pods_are(plane: &Plane) {
    plane.drain("node-b").unwrap();
    plane.uncordon("node-b").unwrap();
    wait_for_pods(plane, 2, "True");
    let nodes = plane
        .kubectl(&[
            "get",
            "pods",
            "-n",
            "shop",
            "-o=jsonpath={.items[*].spec.nodeName}",
        ])
        .unwrap();
    assert_eq!(nodes, "node-a node-a");
    plane.silence("node-a").unwrap();
    plane.wait_ready("node-a", "Unknown", SOON).unwrap();
    wait_for_pods(plane, 2, "False");
}

fn revive_and_find_the_pods_ready(plane: &Plane) {
    plane.revive("node-a").unwrap();
    plane.wait_ready("node-a", "True", SOON).unwrap();
    wait_for_pods(plane, 2, "True");
    let taints = |plane: &Plane| {
        let node = plane.get(&["node", "node-a"])?;
        Ok(node["spec"]
            .get("taints")
            .map_or(Ok(()), |taints| Err(taints.to_string())))
    };
    plane.eventually("a node without taints", SOON, taints).unwrap();
}

fn freeze_and_thaw_the_api_server(plane: &Plane) {
    let frozen = plane.freeze(Component::Apiserver).unwrap();
    assert!(plane.kubectl(&["get", "nodes", "--request-timeout=1s"]).is_err());
    drop(frozen);
    plane.kubectl(&["get", "nodes"]).unwrap();
}

/// What was asked for while it was away is done when it is back.
fn restart_the_controller_manager(plane: &Plane) {
    plane.stop(Component::ControllerManager);
    plane
        .kubectl(&["scale", "deployment", "web", "-n", "shop", "--replicas=3"])
        .unwrap();
    plane.start_again(Component::ControllerManager).unwrap();
    wait_for_pods(plane, 3, "True");
}

#[test]
fn a_silenced_node_stays_unknown_and_a_service_account_may_do_nothing() {
    let plane = Plane::start(Options::default()).unwrap();
    plane
        .add_node(&Node::new("node-a", "zone-1").size("8", "32Gi"))
        .unwrap();
    plane.silence("node-a").unwrap();
    plane.wait_ready("node-a", "Unknown", SOON).unwrap();
    plane.namespace("shop").unwrap();
    let kubeconfig = plane.service_account_kubeconfig("shop", "default").unwrap();
    let mark = plane.audit().mark().unwrap();
    let kubeconfig = kubeconfig.display().to_string();
    assert!(
        plane
            .kubectl(&["get", "pods", "--kubeconfig", &kubeconfig])
            .is_err()
    );
    thread::sleep(Duration::from_secs(5));
    let refused = plane.audit().since(mark).unwrap();
    let user = "system:serviceaccount:shop:default";
    assert!(
        refused.iter().any(|r| r.user == user && r.is_forbidden()),
        "{refused:?}"
    );
    plane
        .wait_ready("node-a", "Unknown", Duration::from_secs(1))
        .unwrap();
}

#[test]
fn nothing_outlives_a_killed_process() {
    let mut up = Command::new(env!("CARGO_BIN_EXE_plimsoll-kit"));
    let mut up = up.args(["up", "--pids"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(up.stdout.take().unwrap())
        .lines()
        .map(|line| line.unwrap());
    let mut value = |key: &str| {
        let line = lines.find(|line| line.starts_with(key)).unwrap();
        line.split_once('=').unwrap().1.to_owned()
    };
    let kubeconfig = value("export KUBECONFIG=");
    let pids: Vec<u32> = value("pids=")
        .split(' ')
        .map(|pid| pid.parse().unwrap())
        .collect();
    assert!(pids.iter().all(|pid| alive(*pid)));
    up.kill().unwrap();
    up.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while pids.iter().any(|pid| alive(*pid)) || Path::new(&kubeconfig).exists() {
        assert!(Instant::now() < deadline, "still there: {pids:?} or {kubeconfig}");
        thread::sleep(Duration::from_millis(100));
    }
}
