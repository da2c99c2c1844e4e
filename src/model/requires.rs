//! What a workload says that it requires of others: the annotation `plimsoll.dev/requires`, parsed.
//!
//! ```text
//! requires   = dependency { "," dependency }
//! dependency = [ namespace "/" ] what comparator { comparator }
//! what       = name                            a Deployment
//!            | ( "deployment" | "statefulset" | "daemonset" | "service" ) "/" name
//!            | "{" selector "}"                labels as kubectl takes them: app=web,track in (stable,canary),!old
//! comparator = ( "=" | ">" | ">=" | "<" | "<=" | "~" | "^" ) version
//! ```
//!
//! Spaces may stand anywhere but within a word. A word of the second line is never a namespace: what is in a namespace that
//! is called `service` is written `service/deployment/web`. One dependency that cannot be read hides none of the others.

mod selector;

use std::fmt;

use semver::Comparator;

use super::keys::{Kind, Name};
use super::selector::{LabelSelector, is_dns_label, is_dns_subdomain};
use super::text::{clip, inert};

/// The annotation's key.
pub const REQUIRES_ANNOTATION: &str = "plimsoll.dev/requires";
/// More dependencies than this are not read: each is looked up whenever one of them changes.
pub const DEPENDENCIES_MAX: usize = 32;
/// A longer annotation is not read, bytes.
const TEXT_MAX: usize = 4096;
/// How much of a text a fault repeats, characters.
const SHOWN_MAX: usize = 30;

/// One dependency: which pods, and which versions of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    /// The pods.
    pub target: Target,
    /// What is asked of each version that serves; all must hold.
    pub asked: Vec<Comparator>,
}

/// Which pods a dependency means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Their namespace; `None` = that of the workload that says so.
    pub namespace: Option<Name>,
    /// Which of them.
    pub what: What,
}

/// See [`Target`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Those of a workload.
    Workload(Kind, Name),
    /// Those behind a Service.
    Service(Name),
    /// Those with labels that match.
    Selected(LabelSelector),
}

/// A part of the annotation that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, in characters from 1.
    pub at: usize,
    /// What stands there, and why that cannot be.
    pub problem: String,
    /// What to write instead.
    pub way_out: &'static str,
}

/// `harmony`, `data/statefulset/db`, `{app=web}`: as it may be written.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        match &self.what {
            What::Workload(Kind::Deployment, name) => f.write_str(name),
            What::Workload(kind, name) => write!(f, "{}/{name}", kind.as_str().to_ascii_lowercase()),
            What::Service(name) => write!(f, "service/{name}"),
            What::Selected(selector) if selector.is_empty() => f.write_str("{}"),
            What::Selected(selector) => write!(f, "{{{selector}}}"),
        }
    }
}

/// `harmony >=2.3.0 <3`.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.target)?;
        self.asked.iter().try_for_each(|one| write!(f, " {one}"))
    }
}

/// Reads the annotation: each dependency, or why it cannot be read, in the order in which they stand there. What is said
/// twice of one target is asked together.
#[must_use]
pub fn parse(text: &str) -> Vec<Result<Requirement, Fault>> {
    let whole = |problem: String, way_out| {
        vec![Err(Fault {
            at: 1,
            problem,
            way_out,
        })]
    };
    if text.len() > TEXT_MAX {
        return whole(
            format!("{} bytes are too many", text.len()),
            "name what it calls itself, in at most 4,096 bytes",
        );
    }
    let parts = split(text);
    if parts.len() > DEPENDENCIES_MAX {
        return whole(
            format!("{} dependencies are too many", parts.len()),
            "name at most 32: what it calls itself, not what those call",
        );
    }
    let mut read: Vec<Result<Requirement, Fault>> = Vec::new();
    for (at, part) in parts {
        let requirement = Cursor { at, rest: part }.requirement();
        let known = requirement.as_ref().ok().and_then(|new| {
            let known = read.iter_mut().filter_map(|known| known.as_mut().ok());
            known.into_iter().find(|known| known.target == new.target)
        });
        match (known, requirement) {
            (Some(known), Ok(new)) => known.asked.extend(new.asked),
            (_, requirement) => read.push(requirement),
        }
    }
    read
}

/// The parts between commas that stand in no braces or parentheses, with where each begins.
fn split(text: &str) -> Vec<(usize, &str)> {
    let (mut parts, mut depth, mut start, mut at) = (Vec::new(), 0_i32, 0, 1);
    for (i, (byte, c)) in text.char_indices().enumerate() {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => depth -= 1,
            // A brace that is never closed takes everything up to the end, and is told of.
            ',' if depth <= 0 => {
                parts.push((at, &text[start..byte]));
                (start, at) = (byte + 1, i + 2);
            }
            _ => {}
        }
    }
    parts.push((at, &text[start..]));
    parts
}

/// Reads one dependency from left to right.
struct Cursor<'a> {
    /// Where `rest` begins, in characters from 1.
    at: usize,
    rest: &'a str,
}

const HOW: &str = "write it as in: harmony >= 2.3.0, data/statefulset/db >= 1.8 < 2";

impl<'a> Cursor<'a> {
    fn requirement(mut self) -> Result<Requirement, Fault> {
        self.skip_spaces();
        if self.rest.is_empty() {
            return Err(self.fault("nothing is named".to_owned(), HOW));
        }
        let target = self.target()?;
        let mut asked = Vec::new();
        loop {
            self.skip_spaces();
            if self.rest.is_empty() {
                break;
            }
            asked.push(self.comparator()?);
        }
        if asked.is_empty() {
            return Err(self.fault(format!("no version is asked of {target}"), HOW));
        }
        Ok(Requirement { target, asked })
    }

    fn target(&mut self) -> Result<Target, Fault> {
        let start = self.at;
        let path = self.take_while(|c| !c.is_whitespace() && !is_operator(c) && c != '{');
        let mut words: Vec<&str> = path.split('/').collect();
        let last = words.pop().unwrap_or_default();
        let what = if self.rest.starts_with('{') && last.is_empty() {
            What::Selected(self.selector()?)
        } else {
            let kind = words.last().and_then(|word| kind(word));
            if kind.is_some() {
                words.pop();
            }
            if !is_dns_subdomain(last) {
                let problem = format!("{} can't be a name", quoted(last));
                return Err(Fault {
                    at: start,
                    problem,
                    way_out: HOW,
                });
            }
            match kind {
                None => What::Workload(Kind::Deployment, last.into()),
                Some(Kind::Service) => What::Service(last.into()),
                Some(kind) => What::Workload(kind, last.into()),
            }
        };
        let namespace = match words.as_slice() {
            [] => None,
            [namespace] if is_dns_label(namespace) => Some(Name::from(*namespace)),
            _ => {
                let problem = format!("{} can't be a namespace", quoted(&words.join("/")));
                return Err(Fault {
                    at: start,
                    problem,
                    way_out: HOW,
                });
            }
        };
        Ok(Target { namespace, what })
    }

    /// What stands in braces.
    fn selector(&mut self) -> Result<LabelSelector, Fault> {
        const WAY_OUT: &str = "write labels as in: {app=harmony,track in (stable,canary)}";
        let start = self.at;
        let Some((inner, rest)) = self.rest[1..].split_once('}') else {
            return Err(self.fault("a brace is never closed".to_owned(), WAY_OUT));
        };
        self.at += inner.chars().count() + 2;
        self.rest = rest;
        selector::parse(inner).map_err(|problem| Fault {
            at: start,
            problem,
            way_out: WAY_OUT,
        })
    }

    fn comparator(&mut self) -> Result<Comparator, Fault> {
        const OPERATOR: &str = "write one of = > >= < <= ~ ^ before each version";
        const VERSION: &str = "write a version such as 2.3.0, or only its first numbers";
        let start = self.at;
        let operator = self.take_while(is_operator);
        self.skip_spaces();
        let (at, version) = (
            self.at,
            self.take_while(|c| !c.is_whitespace() && !is_operator(c)),
        );
        if operator.is_empty() {
            return Err(Fault {
                at,
                problem: format!("no operator before {}", quoted(version)),
                way_out: OPERATOR,
            });
        }
        if !["=", ">", ">=", "<", "<=", "~", "^"].contains(&operator) {
            let problem = format!("{} is no operator", quoted(operator));
            return Err(Fault {
                at: start,
                problem,
                way_out: OPERATOR,
            });
        }
        let number = version.strip_prefix('v').unwrap_or(version);
        let read = number.starts_with(|c: char| c.is_ascii_digit());
        Comparator::parse(&format!("{operator}{number}"))
            .ok()
            .filter(|_| read)
            .ok_or_else(|| Fault {
                at,
                problem: format!("{} is no version", quoted(version)),
                way_out: VERSION,
            })
    }

    fn skip_spaces(&mut self) {
        self.take_while(char::is_whitespace);
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.at += taken.chars().count();
        self.rest = rest;
        taken
    }

    fn fault(&self, problem: String, way_out: &'static str) -> Fault {
        Fault {
            at: self.at,
            problem,
            way_out,
        }
    }
}

/// The kind that a word before a name means.
fn kind(word: &str) -> Option<Kind> {
    [
        Kind::Deployment,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::Service,
    ]
    .into_iter()
    .find(|kind| kind.as_str().eq_ignore_ascii_case(word))
}

const fn is_operator(c: char) -> bool {
    matches!(c, '=' | '>' | '<' | '~' | '^' | '!')
}

/// A text as a message repeats it.
fn quoted(text: &str) -> String {
    match text {
        "" => "an empty text".to_owned(),
        text => format!("`{}`", inert(&clip(text, SHOWN_MAX))),
    }
}

#[cfg(test)]
mod tests;
