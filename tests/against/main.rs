//! Our answers against those of a real control plane: what the API server stores, where the scheduler puts pods, what the
//! controllers of autoscalers, budgets and Deployments make of them.
//!
//! They plant hundreds of objects and silence no node. On a plane of their own: what they leave behind is deleted for
//! minutes, and `tests/plane` watches the clock.

#[allow(dead_code, reason = "tests/plane uses the rest")]
#[path = "../plane/cases.rs"]
mod cases;
#[allow(dead_code, reason = "tests/plane uses the rest")]
#[path = "../plane/world.rs"]
mod world;

mod autoscaled;
mod budgeted;
mod limits;
mod placed;
mod rolled;
mod said;
