//! Projections as kube's watchers and lists want them: a resource type for each kind, [`Watched`].
//!
//! A watcher needs of its objects only who they are and their `resourceVersion`; everything else of `ObjectMeta` stays
//! empty, because most of a cluster's memory would otherwise go into `managedFields`. Do not use these types to write.
//!
//! What becomes of the object itself is the second parameter: projected for the engine, or only pruned for a recording.

use std::borrow::Cow;
use std::fmt::Debug;
use std::marker::PhantomData;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ClusterResourceScope, NamespaceResourceScope};
use kube::{Api, Client, Resource};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::projection::{self, Projection, ProjectionError};
use crate::model::keys::{Kind, ObjectKey};
use crate::model::object::{NODE_LEASE_NAMESPACE, Object};

/// What is read of a kind.
trait Reads {
    type Fields<'de>: Deserialize<'de> + Projection<'de>;
}

/// A kind that is watched: one of this module's marker types.
#[allow(private_bounds, reason = "which fields are read is nobody else's business")]
pub trait WatchedKind: Reads + Clone + Debug + Send + Sync + Sized + 'static {
    /// Which kind it is.
    const KIND: Kind;
    /// kube's marker for kinds inside or outside namespaces.
    type Scope;

    /// Where the engine reads objects of this kind: everywhere, except for Leases.
    fn api<O>(client: Client) -> Api<Watched<Self, O>> {
        Api::all(client)
    }
}

/// An object as the API server sent it: projected, or the reason why it cannot be. Reading one never fails on an odd
/// object, so that one of them cannot hold up the whole list.
#[derive(Clone, Debug)]
pub struct Watched<K, O = Projected> {
    metadata: ObjectMeta,
    object: O,
    kind: PhantomData<fn() -> K>,
}

/// An object for the engine.
pub type Projected = Result<Object, ProjectionError>;

/// An object for a recording: JSON with only those fields that are read.
#[derive(Clone, Debug)]
pub struct Pruned(Value);

impl<K: WatchedKind> Watched<K, Pruned> {
    /// Its JSON; see [`projection::prune`].
    pub fn into_json(self) -> Value {
        self.object.0
    }
}

impl<'de, K: WatchedKind> Deserialize<'de> for Watched<K, Pruned> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let whole = Value::deserialize(deserializer)?;
        let text = |field: &str| whole["metadata"][field].as_str().map(str::to_owned);
        let metadata = ObjectMeta {
            name: text("name"),
            namespace: text("namespace"),
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            ..ObjectMeta::default()
        };
        Ok(Watched {
            metadata,
            object: Pruned(projection::prune(K::KIND, whole)),
            kind: PhantomData,
        })
    }
}

impl<K: WatchedKind> Watched<K> {
    /// Which object it is, and the object, or why it cannot be read.
    ///
    /// # Errors
    /// The inner result: [`ProjectionError`] for an object without a name, or that is none; or with a field that does not
    /// fit, where the model has no place to say so ([`Object::problems`]).
    pub fn into_parts(self) -> (ObjectKey, Projected) {
        let text = |text: Option<String>| text.unwrap_or_default();
        let key = match &self.object {
            Ok(object) => object.key(),
            Err(_) => ObjectKey::new(K::KIND, text(self.metadata.namespace), text(self.metadata.name)),
        };
        (key, self.object)
    }
}

impl<'de, K: WatchedKind> Deserialize<'de> for Watched<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seen = projection::read::<K::Fields<'de>, D>(K::KIND, deserializer)?;
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let metadata = seen.identity.map(|identity| ObjectMeta {
            name: identity.name.as_deref().map(str::to_owned),
            namespace: text(&identity.namespace),
            uid: text(&identity.uid),
            resource_version: identity.resource_version.map(Cow::into_owned),
            ..ObjectMeta::default()
        });
        let mut problems = seen.problems.into_iter();
        let object = match (seen.object, problems.next()) {
            // Of a kind whose model cannot tell a field that does not fit from an absent one.
            (Ok(object), Some(problem)) if object.problems().is_empty() => Err(ProjectionError::Field {
                kind: K::KIND,
                problem,
            }),
            (object, _) => object,
        };
        Ok(Watched {
            metadata: metadata.unwrap_or_default(),
            object,
            kind: PhantomData,
        })
    }
}

impl<K: WatchedKind, O> Resource for Watched<K, O> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        K::KIND.as_str().into()
    }

    fn group((): &()) -> Cow<'_, str> {
        K::KIND.group().into()
    }

    fn version((): &()) -> Cow<'_, str> {
        K::KIND.version().into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::KIND.plural().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

macro_rules! watched_kinds {
    ($($marker:ident: $kind:ident, $scope:ident, $fields:ident;)*) => {
        $(
            #[doc = concat!("Marker: ", stringify!($kind), "s are watched.")]
            #[derive(Clone, Debug)]
            pub enum $marker {}

            impl WatchedKind for $marker {
                const KIND: Kind = Kind::$kind;
                type Scope = $scope;
            }

            impl Reads for $marker {
                type Fields<'de> = projection::$fields<'de>;
            }
        )*
    };
}

watched_kinds! {
    Deployments: Deployment, NamespaceResourceScope, WorkloadFields;
    StatefulSets: StatefulSet, NamespaceResourceScope, WorkloadFields;
    DaemonSets: DaemonSet, NamespaceResourceScope, WorkloadFields;
    CronJobs: CronJob, NamespaceResourceScope, WorkloadFields;
    Jobs: Job, NamespaceResourceScope, WorkloadFields;
    ReplicaSets: ReplicaSet, NamespaceResourceScope, WorkloadFields;
    Pods: Pod, NamespaceResourceScope, PodFields;
    Nodes: Node, ClusterResourceScope, NodeFields;
    Namespaces: Namespace, ClusterResourceScope, NamespaceFields;
    HorizontalPodAutoscalers: HorizontalPodAutoscaler, NamespaceResourceScope, AutoscalerFields;
    PodDisruptionBudgets: PodDisruptionBudget, NamespaceResourceScope, BudgetFields;
    Services: Service, NamespaceResourceScope, ServiceFields;
    EndpointSlices: EndpointSlice, NamespaceResourceScope, EndpointSliceFields;
    LimitRanges: LimitRange, NamespaceResourceScope, LimitRangeFields;
    ScaledObjects: ScaledObject, NamespaceResourceScope, ScaledObjectFields;
    PersistentVolumes: PersistentVolume, ClusterResourceScope, VolumeFields;
    ResiliencePolicies: ResiliencePolicy, ClusterResourceScope, PolicyFields;
    JudgedPods: Pod, NamespaceResourceScope, BarePodFields;
}

/// Marker: Leases are watched. Only those of nodes: every controller of a cluster renews one of its own.
#[derive(Clone, Debug)]
pub enum Leases {}

impl WatchedKind for Leases {
    const KIND: Kind = Kind::Lease;
    type Scope = NamespaceResourceScope;

    fn api<O>(client: Client) -> Api<Watched<Self, O>> {
        Api::namespaced(client, NODE_LEASE_NAMESPACE)
    }
}

impl Reads for Leases {
    type Fields<'de> = projection::LeaseFields<'de>;
}

/// Runs a block for every kind of [`Kind::ALL`], with its [`Kind`] and its `Api<Watched<_, _>>`; what is watched there,
/// projected or pruned objects, the block says by what it does with them.
///
/// `for_each_kind!(client, |kind, api| { … })`
macro_rules! for_each_kind {
    ($client:expr, |$kind:ident, $api:ident| $body:block) => {
        $crate::source::watched::for_each_kind!(@each $client, $kind, $api, $body,
            Deployments StatefulSets DaemonSets CronJobs Jobs ReplicaSets Pods Nodes Namespaces HorizontalPodAutoscalers
            PodDisruptionBudgets Services EndpointSlices LimitRanges PersistentVolumes Leases ScaledObjects
            ResiliencePolicies)
    };
    (@each $client:expr, $kind:ident, $api:ident, $body:block, $($marker:ident)*) => {$({
        use $crate::source::watched::{WatchedKind as _, $marker};
        let ($kind, $api) = ($marker::KIND, $marker::api($client.clone()));
        $body
    })*};
}
pub(crate) use for_each_kind;

#[cfg(test)]
mod tests {
    use kube::core::{ObjectList, WatchEvent};

    use super::*;

    #[test]
    fn an_odd_object_does_not_fail_its_list() {
        let json = r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[
            {"metadata":{"name":"a","namespace":"shop","resourceVersion":"5",
                "ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"a","controller":true}]},
             "spec":{"containers":"none"}},
            null, 7,
            {"metadata":{"name":null},"spec":null},
            {"metadata":{"name":"b","namespace":"shop"},"spec":{"nodeName":"n1"},"status":{"phase":"Running"}}]}"#;
        let list: ObjectList<Watched<Pods>> = serde_json::from_str(json).expect("a list");
        let parts: Vec<_> = list.items.into_iter().map(Watched::into_parts).collect();
        let names: Vec<_> = parts
            .iter()
            .map(|(key, object)| (&*key.name, object.is_ok()))
            .collect();
        assert_eq!(
            names,
            [("a", false), ("", false), ("", false), ("", false), ("b", true)]
        );
    }

    #[test]
    fn a_watch_event_carries_the_resource_version() {
        let json = r#"{"type":"MODIFIED","object":{"kind":"Node","metadata":{"name":"n1","uid":"u","resourceVersion":"42",
            "managedFields":[{"manager":"kubelet"}]},"spec":{"unschedulable":true}}}"#;
        let WatchEvent::Modified(node) =
            serde_json::from_str::<WatchEvent<Watched<Nodes>>>(json).expect("an event")
        else {
            panic!("not MODIFIED");
        };
        assert_eq!(node.meta().resource_version.as_deref(), Some("42"));
        assert_eq!(node.meta().managed_fields, None);
        assert!(matches!(node.into_parts().1, Ok(Object::Node(n)) if n.unschedulable && &*n.uid == "u"));
    }

    #[test]
    fn a_recorded_object_keeps_what_the_watch_needs_and_nothing_that_is_secret() {
        let json = r#"{"metadata":{"name":"web-1","namespace":"shop","resourceVersion":"42","managedFields":[{}]},
            "spec":{"nodeName":"n1","containers":[{"name":"app","env":[{"name":"TOKEN","value":"secret"}]}]}}"#;
        let pod: Watched<Pods, Pruned> = serde_json::from_str(json).expect("a pod");
        assert_eq!(pod.meta().resource_version.as_deref(), Some("42"));
        let expected = serde_json::json!({ "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": "web-1", "namespace": "shop" },
            "spec": { "nodeName": "n1", "containers": [{ "name": "app" }] } });
        assert_eq!(pod.into_json(), expected);
        assert!(
            serde_json::from_str::<Watched<Pods, Pruned>>("7").is_ok(),
            "an odd object fails no list"
        );
    }

    #[test]
    fn every_kind_has_a_watch_at_its_own_path() {
        fn path<K: WatchedKind>() -> String {
            Watched::<K>::url_path(&(), None)
        }
        assert_eq!(path::<Pods>(), "/api/v1/pods");
        assert_eq!(
            path::<HorizontalPodAutoscalers>(),
            "/apis/autoscaling/v2/horizontalpodautoscalers"
        );
        assert_eq!(path::<ScaledObjects>(), "/apis/keda.sh/v1alpha1/scaledobjects");
        assert_eq!(
            path::<EndpointSlices>(),
            "/apis/discovery.k8s.io/v1/endpointslices"
        );
    }
}
