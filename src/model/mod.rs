//! The vocabulary of the engine: what a workload, a pod, a node and a finding are, without any client, clock or async.
//!
//! Everything that comes from Kubernetes is turned into these types by `source`, once; nothing past that point sees a
//! Kubernetes client's type. Names are Kubernetes' own.

pub mod autoscaler;
pub mod budget;
pub mod config;
pub mod context;
pub mod field;
pub mod finding;
pub mod intstr;
pub mod json;
pub mod keys;
pub mod node;
pub mod object;
pub mod pod;
pub mod policy;
pub mod quantity;
pub mod report;
pub mod request;
pub mod requires;
pub mod resource;
pub mod selector;
pub mod stay;
pub mod subject;
pub mod template;
pub mod text;
pub mod time;
pub mod version;
pub mod volume;
pub mod workload;

#[cfg(test)]
pub(crate) mod testing;
