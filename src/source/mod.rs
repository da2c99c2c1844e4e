//! source
pub mod projection;
#[cfg(feature = "operator")]
pub mod watched;
