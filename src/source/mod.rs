//! Anything that can say what a cluster looks like, turned into the model's types.
//!
//! ```text
//! watch events, lists ── JSON ──────────────> projection ──> Object ──> index
//! files ── YAML, JSON ──> manifest ──(value)──^
//! recordings ── JSON Lines ──> recording ─────^
//! ```
//!
//! Past this module nothing sees JSON, YAML or a Kubernetes client's type.

pub mod manifest;
pub mod projection;
pub mod recording;
#[cfg(feature = "operator")]
pub mod watched;
