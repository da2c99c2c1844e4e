//! An `AdmissionReview` as the API server sends it (`admission.k8s.io/v1`), read into a [`Change`].
//!
//! Of the objects only the projections are read, never a generic tree; whatever does not fit is nothing to judge, and the
//! request goes on.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::engine::review::Change;
use crate::model::keys::{Kind, ObjectKey};
use crate::model::object::Object;
use crate::model::text::clip;
use crate::source::projection;

/// What is asked, and by whom.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Review {
    /// Names the request; the answer repeats it.
    pub(super) uid: String,
    /// `userInfo.username`.
    pub(super) user: String,
    /// Nothing will be stored.
    pub(super) dry_run: bool,
    /// What is to be judged, if anything.
    pub(super) change: Option<Change>,
}

/// Why there is nobody to answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReviewError {
    /// No JSON, or none of this shape.
    #[error("not an AdmissionReview: {0}; send one of admission.k8s.io/v1")]
    Syntax(String),
    /// Another version of it, or another object.
    #[error("{kind:?} of {api_version:?} is not read; send an AdmissionReview of admission.k8s.io/v1")]
    Version {
        /// Its `apiVersion`.
        api_version: String,
        /// Its `kind`.
        kind: String,
    },
    /// A review that asks nothing.
    #[error("an AdmissionReview without a request; send one whose request has a uid")]
    NoRequest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(default, borrow)]
    api_version: Cow<'a, str>,
    #[serde(default, borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    request: Option<Request<'a>>,
}

/// What every review asks, of whatever object.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    /// Names the request; the answer repeats it.
    #[serde(default)]
    pub(super) uid: String,
    resource: Option<Resource>,
    sub_resource: Option<String>,
    name: Option<String>,
    namespace: Option<String>,
    operation: Option<String>,
    user_info: Option<User>,
    dry_run: Option<bool>,
    /// The object as it will be.
    #[serde(borrow)]
    pub(super) object: Option<&'a RawValue>,
    /// The object as it is.
    #[serde(borrow)]
    pub(super) old_object: Option<&'a RawValue>,
}

impl Request<'_> {
    /// `userInfo.username`.
    pub(super) fn user(&self) -> &str {
        let user = self.user_info.as_ref().and_then(|user| user.username.as_deref());
        user.unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    group: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    resource: String,
}

#[derive(Deserialize)]
struct User {
    username: Option<String>,
}

/// `autoscaling/v1` `Scale`.
#[derive(Deserialize)]
struct Scale {
    spec: Option<ScaleSpec>,
}

#[derive(Deserialize)]
struct ScaleSpec {
    replicas: Option<i32>,
}

/// Reads what is asked, its objects unread.
///
/// # Errors
/// [`ReviewError`] when there is no request that could be answered.
pub(super) fn request(body: &[u8]) -> Result<Request<'_>, ReviewError> {
    let envelope: Envelope<'_> =
        serde_json::from_slice(body).map_err(|e| ReviewError::Syntax(e.to_string()))?;
    if (&*envelope.api_version, &*envelope.kind) != ("admission.k8s.io/v1", "AdmissionReview") {
        return Err(ReviewError::Version {
            api_version: clip(&envelope.api_version, 64),
            kind: clip(&envelope.kind, 64),
        });
    }
    let request = envelope.request.filter(|request| !request.uid.is_empty());
    request.ok_or(ReviewError::NoRequest)
}

/// Reads a review of what is judged.
///
/// # Errors
/// [`ReviewError`] when there is no request that could be answered. What its objects are like never fails it.
pub(super) fn read(body: &[u8]) -> Result<Review, ReviewError> {
    let request = request(body)?;
    Ok(Review {
        change: change(&request),
        user: request.user().to_owned(),
        uid: request.uid,
        dry_run: request.dry_run.unwrap_or_default(),
    })
}

fn change(request: &Request<'_>) -> Option<Change> {
    let Resource {
        group,
        version,
        resource,
    } = request.resource.as_ref()?;
    let is_it = |kind: &Kind| kind.plural() == resource && kind.group() == group && kind.version() == version;
    let kind = Kind::ALL
        .into_iter()
        .find(is_it)
        .filter(|kind| kind.is_admitted())?;
    match (
        request.sub_resource.as_deref().unwrap_or_default(),
        request.operation.as_deref()?,
    ) {
        ("", "CREATE") => Some(Change::Create(object(kind, request.object?, request)?)),
        ("", "UPDATE") => Some(Change::Update {
            old: object(kind, request.old_object?, request)?,
            new: object(kind, request.object?, request)?,
        }),
        ("scale", "UPDATE") => Some(Change::Scale {
            key: ObjectKey::new(kind, request.namespace.as_deref()?, request.name.as_deref()?),
            from: replicas(request.old_object?)?,
            to: replicas(request.object?)?,
        }),
        _ => None,
    }
}

/// The object, if it can be read and is in the namespace of the request: nobody speaks of another's.
fn object(kind: Kind, raw: &RawValue, request: &Request<'_>) -> Option<Box<Object>> {
    let object = projection::from_json(kind, raw.get().as_bytes()).ok()?;
    let is_theirs = Some(&*object.key().namespace) == request.namespace.as_deref();
    is_theirs.then(|| Box::new(object))
}

fn replicas(raw: &RawValue) -> Option<i32> {
    let scale: Scale = serde_json::from_str(raw.get()).ok()?;
    // Absent is 0 here: it is written without what has the value of its type.
    Some(scale.spec.and_then(|spec| spec.replicas).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn web(replicas: i32) -> Value {
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web", "namespace": "shop" },
            "spec": { "replicas": replicas } })
    }

    fn request(change: Value) -> Value {
        let mut request = json!({ "uid": "u-1", "namespace": "shop", "name": "web", "operation": "CREATE",
            "resource": { "group": "apps", "version": "v1", "resource": "deployments" },
            "userInfo": { "username": "jo" }, "object": web(1) });
        let (Value::Object(request_of), Value::Object(change)) = (&mut request, change) else {
            unreachable!("both are objects")
        };
        request_of.extend(change);
        json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request })
    }

    fn read_json(review: &Value) -> Result<Review, ReviewError> {
        read(review.to_string().as_bytes())
    }

    fn described(change: Option<Change>) -> String {
        let replicas = |object: &Object| match object {
            Object::Workload(workload) => format!("{:?}", workload.replicas.get()),
            other => format!("{}", other.key().kind),
        };
        match change {
            None => "nothing".to_owned(),
            Some(Change::Create(new)) => format!("create {} {}", new.key(), replicas(&new)),
            Some(Change::Update { old, new }) => format!("update {} to {}", replicas(&old), replicas(&new)),
            Some(Change::Scale { key, from, to }) => format!("scale {key} {from} to {to}"),
        }
    }

    #[rstest]
    #[case::created(json!({}), "create Deployment shop/web Some(1)")]
    #[case::updated(json!({ "operation": "UPDATE", "oldObject": web(3) }), "update Some(3) to Some(1)")]
    #[case::scaled(
        json!({ "operation": "UPDATE", "subResource": "scale", "oldObject": { "spec": { "replicas": 3 } },
            "object": { "spec": {} } }),
        "scale Deployment shop/web 3 to 0"
    )]
    #[case::deleted(json!({ "operation": "DELETE", "object": null, "oldObject": web(1) }), "nothing")]
    #[case::its_status(json!({ "operation": "UPDATE", "subResource": "status", "oldObject": web(3) }), "nothing")]
    #[case::of_a_kind_that_is_not_judged(
        json!({ "resource": { "group": "", "version": "v1", "resource": "pods" } }),
        "nothing"
    )]
    #[case::of_another_version(
        json!({ "resource": { "group": "apps", "version": "v1beta1", "resource": "deployments" } }),
        "nothing"
    )]
    #[case::of_another_namespace(json!({ "namespace": "bank" }), "nothing")]
    #[case::no_object(json!({ "object": 7 }), "nothing")]
    #[case::no_name(json!({ "object": { "metadata": { "namespace": "shop" } } }), "nothing")]
    #[case::no_resource(json!({ "resource": null }), "nothing")]
    fn a_review_asks_about(#[case] change: Value, #[case] asked: &str) {
        let review = read_json(&request(change)).expect("a review");
        assert_eq!((&*review.uid, &*review.user), ("u-1", "jo"));
        assert_eq!(described(review.change), asked);
    }

    #[rstest]
    #[case::no_json(
        "{",
        "not an AdmissionReview: EOF while parsing an object at line 1 column 1; send one of admission.k8s.io/v1"
    )]
    #[case::another_version(
        r#"{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"}"#,
        "\"AdmissionReview\" of \"admission.k8s.io/v1beta1\" is not read; send an AdmissionReview of admission.k8s.io/v1"
    )]
    #[case::no_request(
        r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{}}"#,
        "an AdmissionReview without a request; send one whose request has a uid"
    )]
    fn nobody_is_answered_who_asks_nothing(#[case] body: &str, #[case] error: &str) {
        assert_eq!(read(body.as_bytes()).expect_err("no review").to_string(), error);
    }

    #[test]
    fn what_is_nested_without_end_is_nothing_to_judge() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let body = request(json!({}))
            .to_string()
            .replace(r#""replicas":1"#, &format!(r#""x":{deep}"#));
        assert!(read(body.as_bytes()).is_ok_and(|review| review.uid == "u-1"));
    }
}
