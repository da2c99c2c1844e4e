//! How long pods stay on a node that is lost: the node's NoExecute taint, and what the pods tolerate of it.

use std::fmt;

use super::template::{TaintEffect, Toleration, first_tolerating};

/// What the API server adds to a pod that names the taint in none of its tolerations, seconds: the default of
/// `--default-unreachable-toleration-seconds` and its twin (Kubernetes' `plugin/pkg/admission/defaulttolerationseconds`).
pub const ADDED_SECONDS: u64 = 300;

/// How long a pod stays on a node with one of the taints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stay {
    /// So many seconds after the taint came.
    Seconds(u64),
    /// As long as the node has the taint.
    ForEver,
}

/// What decides how long a pod tolerates a taint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The toleration at that place in the list.
    Own(usize),
    /// The API server, which adds one.
    Added,
    /// None: it does not tolerate it.
    Nothing,
}

impl Stay {
    /// What a toleration allows that decides. Below zero is zero (`getMinTolerationTime` in Kubernetes'
    /// `pkg/controller/tainteviction`).
    #[must_use]
    pub fn by(toleration: &Toleration) -> Stay {
        let seconds = toleration.seconds;
        seconds.map_or(Stay::ForEver, |s| Stay::Seconds(u64::try_from(s).unwrap_or(0)))
    }

    /// How long the pods of a template will stay, once the API server has added what it adds.
    #[must_use]
    pub fn of_template(tolerations: &[Toleration], taint: &str) -> (Stay, By) {
        if let Some(place) = first_tolerating(tolerations, taint) {
            return (Stay::by(&tolerations[place]), By::Own(place));
        }
        let names = |t: &Toleration| {
            (t.key.is_empty() || &*t.key == taint) && t.effect.is_none_or(|e| e == TaintEffect::NoExecute)
        };
        if tolerations.iter().any(names) {
            (Stay::Seconds(0), By::Nothing)
        } else {
            (Stay::Seconds(ADDED_SECONDS), By::Added)
        }
    }
}

/// `300 s`, `for ever`.
impl fmt::Display for Stay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stay::Seconds(seconds) => write!(f, "{seconds} s"),
            Stay::ForEver => f.write_str("for ever"),
        }
    }
}
