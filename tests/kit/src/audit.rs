//! The API server's audit log, as a list of requests that tests count.
//!
//! Every request is logged once, when its answer is complete; a watch when it has begun. An entry is written a
//! moment after its answer went out, so give the last one a moment (or use [`Plane::eventually`](crate::Plane::eventually)).

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use serde::Deserialize;

use crate::error::{Error, IoContext, Result};

/// A place in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mark(u64);

/// The audit log of a plane.
#[derive(Debug, Clone)]
pub struct Audit {
    path: PathBuf,
}

impl Audit {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The end of the log as it is now.
    ///
    /// # Errors
    /// [`Error::Io`] when the log can't be read.
    pub fn mark(&self) -> Result<Mark> {
        let length = std::fs::metadata(&self.path).map(|metadata| metadata.len());
        length
            .map(Mark)
            .doing(|| format!("looking at {}", self.path.display()))
    }

    /// The requests logged after `mark` (`Mark::default()` is the start).
    ///
    /// # Errors
    /// [`Error::Json`] for a line that is no audit event.
    pub fn since(&self, mark: Mark) -> Result<Vec<Request>> {
        self.between(mark, Mark(u64::MAX))
    }

    /// The requests between two marks.
    ///
    /// # Errors
    /// [`Error::Json`] for a line that is no audit event.
    pub fn between(&self, from: Mark, to: Mark) -> Result<Vec<Request>> {
        let mut text = Vec::new();
        File::open(&self.path)
            .and_then(|mut file| {
                file.seek(SeekFrom::Start(from.0))?;
                file.take(to.0.saturating_sub(from.0)).read_to_end(&mut text)
            })
            .doing(|| format!("reading {}", self.path.display()))?;
        parse(&String::from_utf8_lossy(&text))
    }
}

/// One request to the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// When it came in, RFC 3339 with microseconds (UTC, so it sorts as text).
    pub time: String,
    /// When it was answered, as `time`; for a watch, when it began.
    pub answered: String,
    /// Who asked, such as `system:serviceaccount:plimsoll-system:plimsoll`.
    pub user: String,
    /// The client program.
    pub user_agent: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; in lower case the HTTP
    /// method for paths that are no resource.
    pub verb: String,
    /// The API group, empty for the core group and for paths.
    pub group: String,
    /// `pods`, or with its subresource `pods/status`; empty for paths such as `/readyz`.
    pub resource: String,
    /// Empty for cluster-wide requests.
    pub namespace: String,
    /// Empty for lists and creations by `generateName`.
    pub name: String,
    /// The path with its query.
    pub uri: String,
    /// The HTTP status; 0 if there was none.
    pub code: u16,
}

impl Request {
    /// Whether it asked to change something (or to evict, bind, review, …), whatever the answer was.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch" | "head" | "options")
    }

    /// Whether it was refused for want of rights.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.code == 403
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    stage: String,
    verb: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    user: User,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    object_ref: ObjectRef,
    response_status: Option<ResponseStatus>,
    request_received_timestamp: String,
    #[serde(default)]
    stage_timestamp: String,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
    api_group: String,
}

#[derive(Deserialize)]
struct ResponseStatus {
    #[serde(default)]
    code: u16,
}

/// All whole lines; the last one may still be in the writing.
fn parse(text: &str) -> Result<Vec<Request>> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut requests = Vec::new();
    for line in whole.lines().filter(|line| !line.is_empty()) {
        let event: Event = serde_json::from_str(line).map_err(|source| Error::Json {
            what: format!("audit log line {line}"),
            source,
        })?;
        // A watch is logged twice: at its start, and (much later) at its end.
        let again = event.verb == "watch" && event.stage == "ResponseComplete";
        if !again {
            requests.push(request(event));
        }
    }
    Ok(requests)
}

fn request(event: Event) -> Request {
    let object = event.object_ref;
    let resource = match object.subresource.as_str() {
        "" => object.resource,
        subresource => format!("{}/{subresource}", object.resource),
    };
    Request {
        time: event.request_received_timestamp,
        answered: event.stage_timestamp,
        user: event.user.username,
        user_agent: event.user_agent,
        verb: event.verb,
        group: object.api_group,
        resource,
        namespace: object.namespace,
        name: object.name,
        uri: event.request_uri,
        code: event.response_status.map_or(0, |status| status.code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stage: &str, verb: &str) -> String {
        serde_json::json!({
            "kind": "Event", "stage": stage, "verb": verb, "requestURI": "/apis/apps/v1/namespaces/shop/deployments/web/status",
            "user": {"username": "jane", "groups": ["system:authenticated"]}, "userAgent": "test/1",
            "objectRef": {"resource": "deployments", "subresource": "status", "namespace": "shop", "name": "web", "apiGroup": "apps"},
            "responseStatus": {"code": 403}, "requestReceivedTimestamp": "2026-11-21T10:00:00.000000Z",
            "stageTimestamp": "2026-11-21T10:00:00.001500Z",
        })
        .to_string()
    }

    #[test]
    fn a_request_tells_who_wanted_what() {
        let requests = parse(&format!("{}\n", line("ResponseComplete", "patch"))).unwrap();
        let [request] = requests.as_slice() else {
            panic!("{requests:?}")
        };
        assert_eq!(
            (request.user.as_str(), request.resource.as_str()),
            ("jane", "deployments/status")
        );
        assert!(request.is_write() && request.is_forbidden());
        assert_eq!(request.answered, "2026-11-21T10:00:00.001500Z");
    }

    #[test]
    fn a_watch_counts_once_and_an_unfinished_line_not_yet() {
        let text = format!(
            "{}\n{}\n{}",
            line("ResponseStarted", "watch"),
            line("ResponseComplete", "watch"),
            "{\"kin"
        );
        let requests = parse(&text).unwrap();
        assert_eq!(requests.len(), 1);
        assert!(!requests[0].is_write());
    }

    #[test]
    fn a_path_has_no_resource() {
        let text = r#"{"stage":"ResponseComplete","verb":"get","requestURI":"/readyz","user":{},"requestReceivedTimestamp":"t"}"#;
        let requests = parse(&format!("{text}\n")).unwrap();
        assert_eq!((requests[0].resource.as_str(), requests[0].code), ("", 0));
    }
}
