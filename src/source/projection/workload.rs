//! Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob.

use serde::Deserialize;
use serde::de::SeqAccess;

use super::Projection;
use super::loose::{Fields, List, Loose, Read, Shape, Struct, Text};
use super::meta::{Identity, Meta, Strings, shared, stamp};
use super::path::{Path, Problems};
use super::selector::SelectorFields;
use super::strategy::{StrategyFields, strategy};
use super::template::TemplateFields;
use crate::model::field::Field;
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::object::Object;
use crate::model::selector::Labels;
use crate::model::template::PodTemplate;
use crate::model::workload::{Strategy, Workload, WorkloadStatus};

/// Any workload but a Pod: what one kind lacks is absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WorkloadFields<'a> {
    #[serde(borrow)]
    metadata: Struct<Meta<'a, Strings<'a>>>,
    #[serde(borrow)]
    spec: Struct<Spec<'a>>,
    #[serde(borrow)]
    status: Struct<Status<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec<'a> {
    replicas: Loose<i32>,
    #[serde(borrow)]
    selector: Struct<SelectorFields<'a>>,
    #[serde(borrow)]
    template: Struct<TemplateFields<'a>>,
    /// Deployment.
    #[serde(borrow)]
    strategy: Struct<StrategyFields<'a>>,
    /// StatefulSet, DaemonSet.
    #[serde(borrow)]
    update_strategy: Struct<StrategyFields<'a>>,
    progress_deadline_seconds: Loose<i32>,
    /// StatefulSet.
    #[serde(borrow)]
    volume_claim_templates: List<Fields<ClaimTemplate<'a>>>,
    /// StatefulSet.
    ordinals: Struct<Ordinals>,
    paused: Loose<bool>,
    /// CronJob.
    #[serde(borrow)]
    job_template: Struct<JobTemplate<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ClaimTemplate<'a> {
    #[serde(borrow)]
    metadata: Struct<ClaimMeta<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ClaimMeta<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ordinals {
    start: Loose<i32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct JobTemplate<'a> {
    #[serde(borrow)]
    spec: Struct<JobSpec<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct JobSpec<'a> {
    #[serde(borrow)]
    template: Struct<TemplateFields<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status<'a> {
    observed_generation: Loose<i64>,
    #[serde(alias = "currentNumberScheduled")]
    replicas: Loose<i32>,
    #[serde(alias = "updatedNumberScheduled")]
    updated_replicas: Loose<i32>,
    #[serde(alias = "numberReady")]
    ready_replicas: Loose<i32>,
    #[serde(borrow)]
    conditions: Loose<Conditions<'a>>,
}

/// What is read of the conditions.
#[derive(Debug, Default)]
struct Conditions<'a> {
    /// The reason of `Progressing`, if that is False.
    not_progressing: Text<'a>,
    /// A Job's `Complete` or `Failed` is True.
    finished: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    reason: Text<'a>,
}

impl<'de: 'a, 'a> Shape<'de> for Conditions<'a> {
    const EXPECTED: &'static str = "a list";

    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Read<Self>, A::Error> {
        let mut conditions = Conditions::default();
        while let Some(item) = list.next_element::<Struct<Condition<'de>>>()? {
            let condition = item.fields_or_default();
            let (kind, status) = (condition.kind.ok(), condition.status.ok());
            match (kind.as_deref(), status.as_deref()) {
                (Some("Progressing"), Some("False")) => conditions.not_progressing = condition.reason,
                (Some("Complete" | "Failed"), Some("True")) => conditions.finished = true,
                _ => {}
            }
        }
        Ok(Some(Ok(conditions)))
    }
}

impl Status<'_> {
    fn status(self, kind: Kind) -> WorkloadStatus {
        let conditions = self.conditions.ok().unwrap_or_default();
        let reason = conditions.not_progressing.ok();
        WorkloadStatus {
            observed_generation: self.observed_generation.ok().unwrap_or_default(),
            replicas: self.replicas.ok().unwrap_or_default(),
            updated: self.updated_replicas.ok().unwrap_or_default(),
            ready: self.ready_replicas.ok().unwrap_or_default(),
            deadline_exceeded: reason.as_deref() == Some("ProgressDeadlineExceeded"),
            finished: kind == Kind::Job && conditions.finished,
        }
    }
}

impl<'a> Projection<'a> for WorkloadFields<'a> {
    fn project(self, kind: Kind, problems: &mut Problems) -> (Identity<'a>, Option<Object>) {
        let mut meta = self.metadata.fields_or_default();
        let identity = Identity::take(&mut meta, problems);
        let Some(key) = identity.key(kind) else {
            return (identity, None);
        };
        let path = Path::Root.key("metadata");
        let labels = std::mem::take(&mut meta.labels).labels(path.key("labels"), problems);
        let path = Path::Root.key("spec");
        let spec = self.spec.fields(path, problems);
        let template = if kind == Kind::CronJob {
            let job = path.key("jobTemplate");
            let spec = spec.job_template.fields(job, problems).spec;
            let job = job.key("spec");
            let template = spec.fields(job, problems).template;
            let job = job.key("template");
            template.fields(job, problems).template(job, problems)
        } else {
            let path = path.key("template");
            spec.template.fields(path, problems).template(path, problems)
        };
        // A Job's selector is the API server's to fill in.
        if !matches!(kind, Kind::Job | Kind::CronJob) {
            refuse_foreign_selector(spec.selector, &template.labels, path, problems);
        }
        let mut workload = workload(key, &identity, meta, template, problems);
        workload.labels = labels;
        workload.replicas = replicas(spec.replicas, path.key("replicas"), problems);
        workload.strategy = match kind {
            Kind::Deployment => strategy(spec.strategy, kind, path.key("strategy"), problems),
            Kind::StatefulSet | Kind::DaemonSet => {
                strategy(spec.update_strategy, kind, path.key("updateStrategy"), problems)
            }
            _ => workload.strategy,
        };
        workload.progress_deadline = spec
            .progress_deadline_seconds
            .take(path.key("progressDeadlineSeconds"), problems);
        if kind == Kind::StatefulSet {
            let claims = path.key("volumeClaimTemplates");
            workload.claim_templates = claim_templates(spec.volume_claim_templates, claims, problems);
            let ordinals = path.key("ordinals");
            let start = spec.ordinals.fields(ordinals, problems).start;
            workload.first_ordinal = start.take(ordinals.key("start"), problems).unwrap_or_default();
        }
        workload.paused = spec.paused.take(path.key("paused"), problems).unwrap_or_default();
        workload.status = self.status.fields_or_default().status(kind);
        (identity, Some(Object::Workload(Box::new(workload))))
    }
}

/// A workload without the fields that not every kind has.
pub(super) fn workload<L>(
    key: ObjectKey,
    identity: &Identity<'_>,
    meta: Meta<'_, L>,
    template: PodTemplate,
    problems: &mut Problems,
) -> Workload {
    let path = Path::Root.key("metadata");
    Workload {
        key,
        uid: shared(&identity.uid),
        generation: meta.generation.ok().unwrap_or_default(),
        created: stamp(meta.creation_timestamp),
        controller: meta.owner_references.controller(problems),
        labels: Labels::default(),
        annotations: meta.annotations.own(path.key("annotations"), problems),
        replicas: Field::Absent,
        template,
        claim_templates: Vec::new(),
        first_ordinal: 0,
        strategy: Field::Set(Strategy::default()),
        progress_deadline: None,
        paused: false,
        status: WorkloadStatus::default(),
        problems: Vec::new(),
    }
}

/// The names of a StatefulSet's claim templates.
fn claim_templates(
    list: List<Fields<ClaimTemplate<'_>>>,
    path: Path<'_>,
    problems: &mut Problems,
) -> Vec<Name> {
    let mut names = Vec::new();
    for (i, Fields(template)) in list.items(path, problems) {
        let path = path.at(i);
        let path = path.key("metadata");
        let name = template.metadata.fields(path, problems).name;
        let name = name.take(path.key("name"), problems);
        names.extend(
            name.filter(|name| !name.is_empty())
                .map(|name| Name::from(&*name)),
        );
    }
    names
}

fn replicas(replicas: Loose<i32>, path: Path<'_>, problems: &mut Problems) -> Field<i32> {
    match replicas.field(path, problems) {
        Field::Set(n) if n < 0 => {
            problems.add(path, format!("must be 0 or more, not {n}"));
            Field::Invalid
        }
        other => other,
    }
}

/// A selector that is there must select the workload's own pods. (One that is absent is refused too, but nothing that
/// is judged depends on it, and partial manifests often leave it out.)
fn refuse_foreign_selector(
    selector: Struct<SelectorFields<'_>>,
    labels: &Labels,
    spec: Path<'_>,
    problems: &mut Problems,
) {
    let path = spec.key("selector");
    let Some(selector) = selector.selector(path, problems) else {
        return;
    };
    if selector.is_empty() {
        problems.add(
            path,
            "must not be empty; write the labels of its own pods into matchLabels",
        );
    } else if !selector.matches(labels) {
        problems.add(
            path,
            "does not match the labels of its own pods, spec.template.metadata.labels; make them agree",
        );
    }
}
