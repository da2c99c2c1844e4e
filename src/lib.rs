//! Plimsoll: the load line for Kubernetes workloads.
//!
//! It tells, before an outage and in its first seconds, which workloads do not survive the loss of a pod, a node or a zone,
//! and why. One engine, several ways in:
//!
//! ```text
//! Kubernetes API ── watch ──> source ──> index ──> dirty workloads ──> view ──> rules + detect ──> plan ──> writer ──> API
//! files          ── read ───────^                                                              └──> output (CLI)
//! recordings     ── replay, virtual clock ──^
//! ```
//!
//! Three rings; an inner one never imports an outer one (`tests/architecture.rs` proves it):
//!
//! * **domain**: [`model`], [`index`], [`rules`], [`detect`], [`simulate`], [`policy`], [`plan`], [`engine`]. Pure: no
//!   client, no async, no clock but the one handed in.
//! * **adapters**: [`source`], [`api`], [`check`], [`output`]. Kubernetes' JSON and YAML in, text and CRDs out.
//! * **runtime**: `operator`, `webhook`, [`cli`]. Watches, writes, serves.

pub mod api;
pub mod check;
pub mod cli;
pub mod detect;
pub mod engine;
pub mod index;
pub mod model;
#[cfg(feature = "operator")]
pub mod operator;
pub mod output;
pub mod plan;
pub mod policy;
pub mod rules;
pub mod simulate;
pub mod source;
#[cfg(feature = "operator")]
pub mod webhook;
