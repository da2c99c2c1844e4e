//! Running pods: by far the most objects of a cluster, so as little as possible is read and nothing is copied that is
//! not kept. One that nothing controls is read in full, because it is its own workload ([`super::bare_pod`]).

use std::fmt;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Projection;
use super::bare_pod::BarePodFields;
use super::container::{Limited, RunningFields, first_image, running};
use super::loose::{Fields, List, Loose, Read, Shape, Struct, Text};
use super::meta::{Identity, Meta, Strings, stamp};
use super::path::{Path, Problems};
use super::scheduling::{TolerationFields, tolerations};
use super::template::PodSpecFields;
use crate::model::field::Field;
use crate::model::keys::{Kind, Name};
use crate::model::object::Object;
use crate::model::pod::{Pod, PodPhase, PodShape};
use crate::model::quantity::Quantity;
use crate::model::template::TaintEffect;
use crate::model::version::{PodVersion, VERSION_ANNOTATION, VERSION_LABEL};

/// A Pod as the watch sends it: `metadata` first, which says how much of `spec` is read.
#[derive(Debug, Default)]
pub(crate) struct PodFields<'a> {
    metadata: Struct<Meta<'a, Strings<'a>>>,
    spec: AnySpec<'a>,
    status: Struct<Status<'a>>,
}

/// As much of `spec` as is read.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one at a time, and gone at once")]
enum AnySpec<'a> {
    /// Of a pod that something controls.
    Lean(Struct<Spec<'a>>),
    /// Of a pod that is its own workload; also of any when `metadata` comes later.
    Full(Struct<PodSpecFields<'a>>),
}

impl Default for AnySpec<'_> {
    fn default() -> Self {
        AnySpec::Full(Loose::Absent)
    }
}

impl PodFields<'_> {
    fn is_controlled(&self) -> bool {
        matches!(&self.metadata, Loose::Set(Fields(meta)) if meta.owner_references.is_there())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for PodFields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PodVisitor(PhantomData))
    }
}

struct PodVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for PodVisitor<'a> {
    type Value = PodFields<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PodFields<'a>, A::Error> {
        let mut pod = PodFields::default();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match key.ok().as_deref() {
                Some("metadata") => pod.metadata = map.next_value()?,
                Some("spec") if pod.is_controlled() => pod.spec = AnySpec::Lean(map.next_value()?),
                Some("spec") => pod.spec = AnySpec::Full(map.next_value()?),
                Some("status") => pod.status = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(pod)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow)]
    node_name: Text<'a>,
    #[serde(borrow)]
    containers: List<Fields<RunningFields<'a>>>,
    #[serde(borrow)]
    init_containers: List<Fields<RunningFields<'a>>>,
    resources: Struct<Limited>,
    #[serde(borrow)]
    tolerations: List<Fields<TolerationFields<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status<'a> {
    #[serde(borrow)]
    phase: Text<'a>,
    conditions: Loose<Conditions>,
}

/// The two conditions that are read.
#[derive(Debug, Default)]
struct Conditions {
    ready: bool,
    disruption_target: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
}

impl<'de> Shape<'de> for Conditions {
    const EXPECTED: &'static str = "a list";

    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Read<Self>, A::Error> {
        let mut conditions = Conditions::default();
        while let Some(item) = list.next_element::<Struct<Condition<'de>>>()? {
            let condition = item.fields_or_default();
            let holds = condition.status.ok().as_deref() == Some("True");
            match condition.kind.ok().as_deref() {
                Some("Ready") => conditions.ready = holds,
                Some("DisruptionTarget") => conditions.disruption_target = holds,
                _ => {}
            }
        }
        Ok(Some(Ok(conditions)))
    }
}

fn phase(text: Option<&str>) -> PodPhase {
    match text {
        Some("Running") => PodPhase::Running,
        Some("Succeeded") => PodPhase::Succeeded,
        Some("Failed") => PodPhase::Failed,
        Some("Unknown") => PodPhase::Unknown,
        _ => PodPhase::Pending,
    }
}

impl Status<'_> {
    /// Whether the pod has ended, well or not.
    pub(super) fn is_finished(&self) -> bool {
        matches!(&self.phase, Loose::Set(text) if phase(Some(text)).is_finished())
    }

    /// Whether the pod runs and is ready.
    pub(super) fn is_ready(&self) -> bool {
        let runs = matches!(&self.phase, Loose::Set(text) if phase(Some(text)) == PodPhase::Running);
        runs && matches!(&self.conditions, Loose::Set(conditions) if conditions.ready)
    }

    /// Writes what it says into `pod`.
    pub(super) fn tell(self, pod: &mut Pod) {
        let conditions = self.conditions.ok().unwrap_or_default();
        pod.phase = phase(self.phase.ok().as_deref());
        pod.ready = conditions.ready;
        pod.disruption_target = conditions.disruption_target;
    }
}

impl<'a> Projection<'a> for PodFields<'a> {
    fn project(self, kind: Kind, problems: &mut Problems) -> (Identity<'a>, Option<Object>) {
        let spec = match self.spec {
            AnySpec::Lean(spec) => spec,
            AnySpec::Full(spec) => {
                let PodFields { metadata, status, .. } = self;
                let pod = BarePodFields {
                    metadata,
                    spec,
                    status,
                };
                return pod.project(kind, problems);
            }
        };
        let mut meta = self.metadata.fields_or_default();
        let identity = Identity::take(&mut meta, problems);
        let Some(name) = identity.name.clone() else {
            return (identity, None);
        };
        let mut spec = spec.fields(Path::Root.key("spec"), problems);
        let mut pod = Pod {
            namespace: identity.namespace.clone(),
            name,
            controller: meta.owner_references.controller(problems),
            revision: meta.labels.revision(),
            node: std::mem::take(&mut spec.node_name)
                .ok()
                .map(|text| Name::from(&*text)),
            phase: PodPhase::default(),
            ready: false,
            deletion: stamp(meta.deletion_timestamp),
            disruption_target: false,
            shape: PodShape::default(),
        };
        let annotation = meta.annotations.one(VERSION_ANNOTATION);
        let label = meta.labels.one(VERSION_LABEL);
        let version = PodVersion::of(annotation, label, first_image(&spec.containers));
        pod.shape = spec.shape(version, problems);
        self.status.fields_or_default().tell(&mut pod);
        (identity, Some(Object::Pod(pod)))
    }
}

impl Spec<'_> {
    fn shape(self, version: Option<PodVersion>, problems: &mut Problems) -> PodShape {
        let spec = Path::Root.key("spec");
        let resources = spec.key("resources");
        let limited = self.resources.fields(resources, problems);
        let limit = limited.memory(resources, problems);
        PodShape {
            containers: running(self.init_containers, self.containers, spec, problems).into(),
            pod_memory_limited: is_limit(&limit),
            version,
            no_execute: tolerations(
                self.tolerations,
                concerns_no_execute,
                spec.key("tolerations"),
                problems,
            )
            .into(),
        }
    }
}

/// Whether a pod-level limit limits anything.
pub(super) fn is_limit(limit: &Field<Quantity>) -> bool {
    limit.get().is_some_and(|limit| !limit.is_zero())
}

/// Whether a toleration of this effect may tolerate a NoExecute taint.
pub(super) fn concerns_no_execute(effect: Option<TaintEffect>) -> bool {
    effect.is_none_or(|effect| effect == TaintEffect::NoExecute)
}
