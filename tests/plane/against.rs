//! Our answers against those of the control plane: what the API server stores, where the scheduler puts pods, what the
//! autoscaler's controller makes of replicas. They plant many objects and silence no node.
//!
//! By their name they run before the tests that silence nodes: what these leave behind ends while an idle cluster is
//! watched.

mod autoscaled;
mod budgeted;
mod limits;
mod placed;
mod rolled;
mod said;
