//! Who requires whom: a workload that names others in `plimsoll.dev/requires` is looked at when one of those changes.
//!
//! ```text
//! workload applied ──annotation──> what it names: a workload's key, or a namespace (Services, selectors)
//! workload marked  ──────────────> and with it whoever names it, or its namespace     (when the marks are taken)
//! ```
//!
//! Where nobody requires anything this holds nothing and costs a look at an empty map.

use std::collections::{BTreeSet, HashMap};

use super::Index;
use super::owners::{Owner, OwnerId};
use super::pods::PodRow;
use super::view::WorkloadView;
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::pod::PodPhase;
use crate::model::requires::{self, REQUIRES_ANNOTATION, Target, What};
use crate::model::selector::Labels;
use crate::model::version::PodVersion;
use crate::model::workload::Workload;

/// What a dependent watches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Watched {
    /// A workload that it names.
    Workload(ObjectKey),
    /// All workloads and Services of a namespace: it names a Service or labels.
    AllIn(Name),
    /// A Namespace object, which says whether it may be asked about what is in it.
    Namespace(Name),
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Dependents {
    /// By what they watch.
    by_watched: HashMap<Watched, BTreeSet<ObjectKey>>,
    /// What each dependent watches.
    watched: HashMap<ObjectKey, Vec<Watched>>,
    /// What changed and is watched, without a workload's being marked.
    touched: BTreeSet<Watched>,
}

impl Dependents {
    /// Whether nobody requires anything.
    pub(super) fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// A workload is as it is now, or gone.
    pub(super) fn set(&mut self, key: &ObjectKey, workload: Option<&Workload>) {
        let text = workload.and_then(|workload| workload.annotation(REQUIRES_ANNOTATION));
        let new = text.map(|text| watched(key, text)).unwrap_or_default();
        if self.watched.get(key).map_or(new.is_empty(), |old| *old == new) {
            return;
        }
        for old in self.watched.remove(key).unwrap_or_default() {
            if let Some(dependents) = self.by_watched.get_mut(&old) {
                dependents.remove(key);
                if dependents.is_empty() {
                    self.by_watched.remove(&old);
                }
            }
        }
        for one in &new {
            let dependents = self.by_watched.entry(one.clone()).or_default();
            dependents.insert(key.clone());
        }
        if !new.is_empty() {
            self.watched.insert(key.clone(), new);
        }
    }

    /// Something changed that may mark no workload: a Service, a Namespace.
    pub(super) fn touch(&mut self, what: Watched) {
        if self.by_watched.contains_key(&what) {
            self.touched.insert(what);
        }
    }

    /// Whether somebody is to be looked at although no workload is marked.
    pub(super) fn is_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Takes what [`Dependents::is_touched`] speaks of, to be put back.
    pub(super) fn take_touched(&mut self) -> BTreeSet<Watched> {
        std::mem::take(&mut self.touched)
    }

    /// Puts back what was taken, in place of what came since.
    pub(super) fn put_touched(&mut self, touched: BTreeSet<Watched>) {
        self.touched = touched;
    }

    /// Adds to the marked workloads those that require one of them.
    pub(super) fn spread(&mut self, marked: &mut BTreeSet<ObjectKey>) {
        let mut changed = std::mem::take(&mut self.touched);
        if self.is_empty() {
            return;
        }
        for key in marked.iter() {
            changed.insert(Watched::AllIn(key.namespace.clone()));
            changed.insert(Watched::Workload(key.clone()));
        }
        let dependents = changed.iter().filter_map(|what| self.by_watched.get(what));
        marked.extend(dependents.flatten().cloned());
    }
}

/// What the workload `key` watches, by its annotation; sorted, each once.
fn watched(key: &ObjectKey, text: &str) -> Vec<Watched> {
    let targets = requires::parse(text).into_iter().flatten().map(|r| r.target);
    let watched = targets.flat_map(|Target { namespace, what }| {
        let asked = namespace.clone().map(Watched::Namespace);
        let namespace = namespace.unwrap_or_else(|| key.namespace.clone());
        let pods = match what {
            What::Workload(kind, name) => Watched::Workload(ObjectKey::new(kind, namespace, name)),
            What::Service(_) | What::Selected(_) => Watched::AllIn(namespace),
        };
        [Some(pods), asked]
    });
    watched.flatten().collect::<BTreeSet<_>>().into_iter().collect()
}

/// What serves under a name: the versions of the pods that are ready now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    /// The versions of ready pods, each once; `None` for those that say none.
    pub ready: BTreeSet<Option<PodVersion>>,
    /// The same of pod templates of which pods are wanted: what manifests say.
    pub templates: BTreeSet<Option<PodVersion>>,
}

impl WorkloadView<'_> {
    /// What serves of a dependency in a namespace. A pod counts as ready by its own condition, also on a node that has
    /// fallen silent: it may serve still.
    #[must_use]
    pub fn serving(&self, namespace: &str, what: &What) -> Serving {
        let index = self.index();
        let mut serving = Serving::default();
        match what {
            What::Workload(kind, name) => {
                let key = ObjectKey::new(*kind, namespace, name.clone());
                if let Some(id) = index.owners.find(&key) {
                    index.add_serving(id, &|_| true, &mut serving);
                }
            }
            What::Service(name) => {
                let context = index.namespaces.get(namespace);
                if let Some(service) = context.and_then(|context| context.services.get(name)) {
                    index.add_selected(namespace, &|labels| service.selects(labels), &mut serving);
                }
            }
            What::Selected(selector) => {
                index.add_selected(namespace, &|labels| selector.matches(labels), &mut serving);
            }
        }
        serving
    }
}

impl Index {
    fn add_selected(&self, namespace: &str, selects: &dyn Fn(&Labels) -> bool, serving: &mut Serving) {
        let Some(context) = self.namespaces.get(namespace) else {
            return;
        };
        for id in context.workloads.iter().chain(&context.foreign) {
            self.add_serving(*id, selects, serving);
        }
    }

    /// Adds the pods of a workload, those of its ReplicaSets each by the labels of their own.
    fn add_serving(&self, id: OwnerId, selects: &dyn Fn(&Labels) -> bool, serving: &mut Serving) {
        let owner = self.owners.get(id);
        if let Some(workload) = owner.object.as_deref()
            && selects(&workload.template.labels)
        {
            if workload.key.kind == Kind::Pod && workload.status.ready > 0 {
                serving.ready.insert(workload.template.version());
            }
            if workload.desired() != Some(0) {
                serving.templates.insert(workload.template.version());
            }
        }
        let children = owner.children.iter().map(|child| self.owners.get(*child));
        for owner in children.chain([owner]).filter(|owner| selects(labels(owner))) {
            let rows = owner.pods.iter().map(|pod| self.pods.get(*pod));
            for row in rows.filter(|row| is_ready(row)) {
                if !serving.ready.contains(&row.shape.version) {
                    serving.ready.insert(row.shape.version.clone());
                }
            }
        }
    }
}

/// The labels of the pods that an owner makes; none while it is not known.
fn labels(owner: &Owner) -> &Labels {
    static NONE: std::sync::LazyLock<Labels> = std::sync::LazyLock::new(Labels::default);
    let own = owner.object.as_deref().map(|workload| &workload.template.labels);
    own.or(owner.labels.as_ref()).unwrap_or(&NONE)
}

fn is_ready(row: &PodRow) -> bool {
    row.ready && row.phase == PodPhase::Running && !row.is_terminating()
}
