//! Kubernetes' JSON, read into the model: only the fields that are used, and never failing as a whole.
//!
//! ```text
//! bytes ──serde──> XFields<'_> (borrowed, every field loose) ──project──> Object + the fields that do not fit
//! ```
//!
//! A full Pod is 8 KB of JSON and 60 KB as a Kubernetes client's type; what is kept of it here is well below 1 KB, and
//! reading it costs little more than skipping it. A field of an unexpected type, a `null` anywhere, an unknown enum value:
//! each is a [`FieldProblem`] of the one object, whose other fields are still read.
//! Defaults are not filled in here: the model says for each field what its absence means.

mod autoscaler;
mod bare_pod;
mod container;
mod context;
#[cfg(feature = "operator")]
mod event;
mod handler;
mod kept;
mod keys;
mod limits;
mod loose;
mod meta;
mod node;
mod path;
mod pod;
mod policy;
mod port;
mod scheduling;
mod selector;
mod strategy;
mod template;
mod volume;
mod workload;

use serde::Deserialize;
use thiserror::Error;

#[cfg(feature = "operator")]
#[doc(hidden)]
pub use self::event::pod_of_event;
pub use self::kept::prune;
pub use self::keys::is_read;
use self::loose::Struct;
use self::path::{Path, Problems};
pub(crate) use self::{
    autoscaler::{AutoscalerFields, ScaledObjectFields},
    bare_pod::BarePodFields,
    context::{EndpointSliceFields, NamespaceFields, ServiceFields},
    limits::{BudgetFields, LimitRangeFields},
    meta::Identity,
    node::{LeaseFields, NodeFields},
    pod::PodFields,
    policy::PolicyFields,
    volume::VolumeFields,
    workload::WorkloadFields,
};
use crate::model::field::FieldProblem;
use crate::model::keys::Kind;
use crate::model::object::Object;

/// Why there is no object at all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProjectionError {
    /// Not JSON, or cut off.
    #[error("not valid JSON: {0}")]
    Syntax(String),
    /// JSON, but no object: a list or a scalar.
    #[error("{kind} {problem}")]
    Shape {
        /// What was to be read.
        kind: Kind,
        /// What stands there instead.
        problem: String,
    },
    /// A field does not fit, and a wrong value must not pass for an absent one.
    #[error("{kind} {}: {}", problem.field, problem.message)]
    Field {
        /// What was to be read.
        kind: Kind,
        /// The first such field.
        problem: FieldProblem,
    },
    /// Nothing that it could be known by.
    #[error("{kind} without a name: metadata.name must be a string that is not empty")]
    Unnamed {
        /// What was to be read.
        kind: Kind,
    },
}

/// The fields of one kind, and what they become. `None` = it has no name.
pub(crate) trait Projection<'a>: Default {
    fn project(self, kind: Kind, problems: &mut Problems) -> (Identity<'a>, Option<Object>);
}

/// Reads an object of `kind` as the API server sends it; a pod that nothing controls becomes an
/// [`Object::Workload`], and more is read of it than of others.
///
/// # Errors
/// [`ProjectionError`] when there is no object to speak of; fields that do not fit are the object's own
/// [`problems`](Object::problems).
pub fn from_json(kind: Kind, json: &[u8]) -> Result<Object, ProjectionError> {
    // Checked once: reading from bytes would check every string by itself.
    let text = std::str::from_utf8(json).map_err(|e| ProjectionError::Syntax(e.to_string()))?;
    let mut from = serde_json::Deserializer::from_str(text);
    let read = match kind {
        Kind::Pod => read::<PodFields<'_>, _>(kind, &mut from),
        _ => read_kind(kind, &mut from),
    };
    let seen = read.map_err(|e| ProjectionError::Syntax(e.to_string()))?;
    from.end().map_err(|e| ProjectionError::Syntax(e.to_string()))?;
    seen.object
}

/// Reads an object of `kind` from a manifest, with every field that does not fit, also of kinds whose objects do not
/// carry them; a pod without a controller becomes an [`Object::Workload`].
///
/// # Errors
/// As [`from_json`].
pub fn from_value<'de, D>(kind: Kind, value: D) -> Result<(Object, Vec<FieldProblem>), ProjectionError>
where
    D: serde::Deserializer<'de>,
{
    let seen = read_kind(kind, value).map_err(|e| ProjectionError::Syntax(e.to_string()))?;
    Ok((seen.object?, seen.problems))
}

/// One object, as far as it could be read.
#[cfg_attr(
    not(feature = "operator"),
    allow(dead_code, reason = "only watchers ask who it is")
)]
pub(crate) struct Seen<'a> {
    pub(crate) identity: Option<Identity<'a>>,
    pub(crate) object: Result<Object, ProjectionError>,
    pub(crate) problems: Vec<FieldProblem>,
}

fn read_kind<'de, D: serde::Deserializer<'de>>(kind: Kind, from: D) -> Result<Seen<'de>, D::Error> {
    match kind {
        Kind::Deployment
        | Kind::StatefulSet
        | Kind::DaemonSet
        | Kind::CronJob
        | Kind::Job
        | Kind::ReplicaSet => read::<WorkloadFields<'_>, D>(kind, from),
        Kind::Pod => read::<BarePodFields<'_>, D>(kind, from),
        Kind::Node => read::<NodeFields<'_>, D>(kind, from),
        Kind::Namespace => read::<NamespaceFields<'_>, D>(kind, from),
        Kind::HorizontalPodAutoscaler => read::<AutoscalerFields<'_>, D>(kind, from),
        Kind::PodDisruptionBudget => read::<BudgetFields<'_>, D>(kind, from),
        Kind::Service => read::<ServiceFields<'_>, D>(kind, from),
        Kind::EndpointSlice => read::<EndpointSliceFields<'_>, D>(kind, from),
        Kind::LimitRange => read::<LimitRangeFields<'_>, D>(kind, from),
        Kind::PersistentVolume => read::<VolumeFields<'_>, D>(kind, from),
        Kind::Lease => read::<LeaseFields<'_>, D>(kind, from),
        Kind::ScaledObject => read::<ScaledObjectFields<'_>, D>(kind, from),
        Kind::ResiliencePolicy => read::<PolicyFields<'_>, D>(kind, from),
    }
}

/// Reads the fields `P` of an object of `kind`. Fails only when the input is broken.
pub(crate) fn read<'de, P, D>(kind: Kind, from: D) -> Result<Seen<'de>, D::Error>
where
    P: Projection<'de> + Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    let mut problems = Problems::default();
    let fields = match Struct::<P>::deserialize(from)? {
        loose::Loose::Set(loose::Fields(fields)) => fields,
        other => {
            other.take(Path::Root, &mut problems);
            let problem = problems.into_vec().pop().map(|p| p.message);
            let problem = problem.unwrap_or_else(|| "must be a map, not null".to_owned());
            return Ok(Seen {
                identity: None,
                object: Err(ProjectionError::Shape { kind, problem }),
                problems: Vec::new(),
            });
        }
    };
    let (identity, object) = fields.project(kind, &mut problems);
    let problems = problems.into_vec();
    let mut object = object.ok_or(ProjectionError::Unnamed { kind });
    if let Ok(object) = &mut object
        && let Some(own) = problems_of(object)
    {
        own.clone_from(&problems);
    }
    Ok(Seen {
        identity: Some(identity),
        object,
        problems,
    })
}

fn problems_of(object: &mut Object) -> Option<&mut Vec<FieldProblem>> {
    match object {
        Object::Workload(w) => Some(&mut w.problems),
        Object::Autoscaler(a) => Some(&mut a.problems),
        Object::DisruptionBudget(b) => Some(&mut b.problems),
        Object::LimitRange(l) => Some(&mut l.problems),
        Object::Policy(p) => Some(&mut p.problems),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
