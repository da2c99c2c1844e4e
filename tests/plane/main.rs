//! The main job on a real control plane: kube-apiserver, etcd, scheduler, node, replica and taint controllers.
//!
//! One plane for the whole suite, one test at a time (they silence nodes and restart the operator); each has namespaces
//! of its own. Its first lines print by how much the timers are shorter than a default cluster's.

mod cases;
mod heartbeats;
mod iconik;
mod leaders;
mod limits;
mod placed;
mod planted;
mod quiet;
mod recorded;
mod refused;
mod said;
mod suspect;
mod world;
