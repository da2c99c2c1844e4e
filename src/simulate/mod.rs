//! What would be left: the loss of a pod, a node or a zone, worked out from where the replicas are.
//!
//! ```text
//! WorkloadView ──> loss: how many ready replicas each failure takes, and the largest that it survives
//!              ├─> feasible: which nodes could take its pods at all
//!              └─> reach: how far its template and its volumes let them go, whatever the nodes' health
//! ```
//!
//! All are exact for what they answer and simulate no scheduler: whether the lost pods would *fit* elsewhere is a
//! question of its own, which is not answered here.

mod feasible;
mod loss;
mod reach;

pub use self::feasible::feasible;
pub use self::loss::{Domain, Loss, immediate_loss, survives};
pub use self::reach::{Among, Reach, Wish};
