//! The outage, step by step.

use std::time::Duration;

use plimsoll_kit::{Plane, Result};

use super::observer::Observer;
use super::voice::Voice;
use super::{NODES, VICTIM};

/// The longest that a finding may take to show.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tells it from the first deployment to the recovery.
pub(super) fn tell(plane: &Plane, voice: &Voice, observer: &mut Observer<'_>) -> Result<()> {
    voice.title("1. Weeks before: two replicas for redundancy, both on one node by chance");
    land_on_one_node(plane, observer)?;
    observer.expect(&["pod-spread", "memory-limit", "co-located"], PATIENCE)?;

    voice.title(&format!(
        "2. As if {VICTIM} had run out of memory: its heartbeats stop"
    ));
    fall_silent(plane, voice, observer)?;
    observer.expect(&["node-not-ready", "stranded"], PATIENCE)?;

    voice.title("3. The kubelet gets through again, before the five minutes are over: nothing is evicted");
    come_back(plane, voice, observer)?;

    voice.title("4. And again: five minutes of patience start at zero, and could for ever");
    fall_silent(plane, voice, observer)?;
    observer.expect(&["node-limbo"], PATIENCE)?;

    voice.title("5. It comes back for good. What happened stays on record until somebody acknowledges it");
    come_back(plane, voice, observer)?;
    observer
        .look_until(Duration::from_secs(5), |_| Ok(false))
        .map(drop)
}

/// The scheduler has no choice while the other nodes are closed; afterwards nothing moves the pods.
fn land_on_one_node(plane: &Plane, observer: &mut Observer<'_>) -> Result<()> {
    let others = || {
        NODES
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| *name != VICTIM)
    };
    others().try_for_each(|node| plane.cordon(node))?;
    plane.namespace("shop")?;
    plane.apply(include_str!("shop.yaml"))?;
    observer.look_until(PATIENCE, |_| Ok(ready_pods(plane)? == 2))?;
    others().try_for_each(|node| plane.uncordon(node))
}

fn fall_silent(plane: &Plane, voice: &Voice, observer: &mut Observer<'_>) -> Result<()> {
    plane.silence(VICTIM)?;
    observer.look_until(PATIENCE, |_| Ok(node_ready(plane)? == "Unknown"))?;
    voice.say(&format!(
        "Kubernetes has {VICTIM} as Ready=Unknown; {} of 2 pods of web are ready",
        ready_pods(plane)?
    ));
    Ok(())
}

fn come_back(plane: &Plane, voice: &Voice, observer: &mut Observer<'_>) -> Result<()> {
    plane.revive(VICTIM)?;
    observer.look_until(PATIENCE, |_| {
        Ok(node_ready(plane)? == "True" && ready_pods(plane)? == 2)
    })?;
    voice.say(&format!(
        "{VICTIM} is Ready; {} of 2 pods of web are ready, on the same node as before",
        ready_pods(plane)?
    ));
    Ok(())
}

/// The status of the node's condition Ready.
fn node_ready(plane: &Plane) -> Result<String> {
    plane.kubectl(&[
        "get",
        "node",
        VICTIM,
        r#"-o=jsonpath={.status.conditions[?(@.type=="Ready")].status}"#,
    ])
}

fn ready_pods(plane: &Plane) -> Result<usize> {
    let path = r#"-o=jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}"#;
    let answer = plane.kubectl(&["get", "pods", "-n", "shop", "-l", "app=web", path])?;
    Ok(answer
        .split_whitespace()
        .filter(|status| *status == "True")
        .count())
}
