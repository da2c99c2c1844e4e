//! One watch event, read as the operator's watch reads it: the way in for benches, which cannot name the watch's types.

use std::str;

use kube::core::WatchEvent;
use serde::de::Error;

use super::ProjectionError;
use crate::model::keys::ObjectKey;
use crate::model::object::Object;
use crate::source::watched::{Pods, Watched};

/// The pod of a watch event; `None` for a bookmark or an error.
///
/// # Errors
/// What is not UTF-8, or no JSON, or no watch event.
#[doc(hidden)]
pub fn pod_of_event(line: &[u8]) -> serde_json::Result<Option<(ObjectKey, Result<Object, ProjectionError>)>> {
    let line = str::from_utf8(line).map_err(serde_json::Error::custom)?;
    let event: WatchEvent<Watched<Pods>> = serde_json::from_str(line)?;
    Ok(match event {
        WatchEvent::Added(pod) | WatchEvent::Modified(pod) | WatchEvent::Deleted(pod) => {
            Some(pod.into_parts())
        }
        WatchEvent::Bookmark(_) | WatchEvent::Error(_) => None,
    })
}
