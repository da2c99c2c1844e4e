//! The real control plane for tests and the demo.
//!
//! No container engine, no cluster, no downloaded binaries: kube-apiserver, etcd, the controller manager, the
//! scheduler, kubectl, kwok and helm are built once from pinned Go modules ([`rig`]), and a [`Plane`] of them starts
//! in a few seconds on free ports of 127.0.0.1. Nodes are [kwok](nodes)'s: they can be silenced and revived, and
//! what then happens to taints, pods and endpoints is done by the real controllers.
//!
//! ```no_run
//! use std::time::Duration;
//! use plimsoll_kit::{Node, Options, Plane};
//!
//! # fn main() -> plimsoll_kit::Result<()> {
//! let plane = Plane::start(Options::default())?;
//! plane.add_nodes(&[Node::new("node-a", "zone-1"), Node::new("node-b", "zone-2")])?;
//! plane.namespace("shop")?;
//! plane.kubectl(&["create", "deployment", "web", "-n", "shop", "--image=web:1", "--replicas=2"])?;
//! plane.silence("node-a")?;
//! plane.wait_ready("node-a", "Unknown", Duration::from_secs(30))?;
//! # Ok(())
//! # }
//! ```
//!
//! # Time
//!
//! Kubernetes waits 50 s before it calls a silent node Unknown. A plane started with [`Options::default`] waits 8 s,
//! so that a test need not wait for minutes. Every duration of the detectors has to shrink by the same factor, or a
//! heartbeat gap of 25 s could never be seen before the node is given up: run the operator with
//! `--time-scale 0.16` (environment `PLIMSOLL_TIME_SCALE`), which is [`Plane::time_scale`], 8 s / 50 s.
//! [`Options::real_timers`] scales nothing.
//!
//! Not scaled, because Kubernetes has no switch for it: the five minutes that pods tolerate an unreachable node
//! (set `tolerationSeconds` in the pod template where a test can't wait), and the pace of NoExecute taints, one
//! node per 10 s and zone.
//!
//! # What a plane needs
//!
//! Linux or macOS with `sh` and `kill`, and Go on the first run (see [`rig`] for how to bring binaries). With
//! `PLIMSOLL_KIT_KEEP=1` its folder with all logs stays for inspection. The feature `client` adds a `kube::Client`.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod audit;
mod error;
mod log;
pub mod nodes;
pub mod operator;
pub mod oracle;
mod plane;
mod recorder;
pub mod rig;
mod supervisor;

pub use self::audit::{Audit, Mark, Request};
pub use self::error::{Error, Result};
pub use self::nodes::Node;
pub use self::operator::Operator;
pub use self::oracle::Oracle;
pub use self::plane::{Component, Frozen, Options, Plane};
pub use self::recorder::Recorder;
pub use self::rig::{Rig, Tool};
