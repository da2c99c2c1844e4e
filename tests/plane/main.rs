//! The main job on a real control plane: kube-apiserver, etcd, scheduler, node, replica and taint controllers.
//!
//! One plane for the whole suite, one test at a time (they silence nodes and restart the operator); each has namespaces
//! of its own. They run in the order of their names: what needs nodes that have not been silent for a while (`calm`) comes
//! before what silences them. Its first lines print by how much the timers are shorter than a default
//! cluster's.

mod calm;
mod cases;
mod compared;
mod door;
mod heartbeats;
mod iconik;
mod leaders;
mod planted;
mod policies;
#[path = "../policies/cases.rs"]
mod policy_cases;
mod recorded;
mod refused;
mod scaled;
mod shown;
mod suspect;
mod unattended;
mod world;
