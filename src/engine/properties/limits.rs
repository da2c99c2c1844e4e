//! However long and odd the names: what people and the API server are given stays small and says what to do.

use proptest::prelude::*;

use super::history::Event;
use super::run::Run;
use crate::model::keys::Name;
use crate::model::node::HOSTNAME_LABEL;
use crate::model::object::Object;
use crate::model::report::{
    FindingState, MESSAGE_MAX, REMEDY_MAX, ReportFinding, STATUS_MAX, TIMELINE_MAX, TOLD_MAX, Transition,
};
use crate::model::subject::Subject;
use crate::model::testing::{
    cases, container, controller, deployment, endpoint_slice, hpa, labels, lease, node, pod, selector,
    service,
};
use crate::plan::Change;

/// A cluster whose names are chosen by somebody who wants to break things.
#[derive(Clone, Debug)]
struct Hostile {
    workload: Name,
    pods: Vec<Name>,
    nodes: [Name; 2],
    service: Name,
    autoscaler: Option<Name>,
    containers: Vec<Name>,
    spread: Name,
    reason: Name,
    owner: String,
}

/// As long as Kubernetes takes at most, and longer; never with the marks that part a message.
fn names() -> impl Strategy<Value = Name> {
    prop_oneof![
        2 => "[a-z]{1,8}",
        2 => "[a-z0-9.-]{100,253}",
        1 => "[a-z0-9é漢🚀']{60,253}",
        1 => "[a-z]{400}",
    ]
    .prop_map(Name::from)
}

fn clusters() -> impl Strategy<Value = Hostile> {
    let pods = prop::collection::vec(names(), 1..7);
    let nodes = (names(), names()).prop_map(|(one, two)| [one, format!("{two}-2").into()]);
    let containers = prop_oneof![
        3 => prop::collection::vec(names(), 1..5),
        1 => prop::collection::vec(names(), 20..40),
    ];
    let beside = (
        names(),
        prop::option::of(names()),
        names(),
        names(),
        "\\PC{0,300}",
    );
    (names(), pods, nodes, containers, beside).prop_map(
        |(workload, pods, nodes, containers, (service, autoscaler, spread, reason, owner))| Hostile {
            workload,
            pods,
            nodes,
            service,
            autoscaler,
            containers,
            spread,
            reason,
            owner,
        },
    )
}

impl Hostile {
    fn objects(&self) -> Vec<Object> {
        let made = deployment("shop/web")
            .replicas(2)
            .spread(&self.spread, Some(selector(&[("app", "another")])))
            .anti_affinity(true, HOSTNAME_LABEL, Some(selector(&[("app", "web")])))
            .containers(self.containers.iter().map(|name| container(name)))
            .with(|w| {
                w.key.name = self.workload.clone();
                w.annotations = vec![("plimsoll.dev/owner".into(), self.owner.as_str().into())];
            });
        let mut objects = vec![made.object()];
        for name in &self.pods {
            let mut made = pod("shop/web-1").on(&self.nodes[0]);
            made.controller = Some(controller("apps/v1", "Deployment", &self.workload));
            made.name = name.clone();
            objects.push(made.object());
        }
        objects.extend(self.autoscaler.iter().map(|name| {
            let mut made = hpa("shop/web", None, 5);
            made.name = name.clone();
            made.target.name = self.workload.clone();
            Object::Autoscaler(made)
        }));
        let mut named = service("shop/web");
        named.name = self.service.clone();
        named.selector = labels(&[("app", "web")]);
        let mut slice = endpoint_slice("shop/web", 0, 2);
        slice.service = Some(self.service.clone());
        objects.extend([named.object(), slice.object()]);
        objects.extend(
            self.nodes
                .iter()
                .flat_map(|name| [node(name).object(), lease(name, 0).object()]),
        );
        objects
    }

    /// The first node as it falls silent, comes back and falls ill.
    fn node(&self, second: u64) -> Object {
        let at = i64::try_from(second).expect("short");
        match second {
            20 | 200 => node(&self.nodes[0]).unknown_since(at).object(),
            _ if second < 200 => node(&self.nodes[0]).ready_since(at).object(),
            _ => {
                let mut ill = node(&self.nodes[0]).false_since(at);
                ill.ready.reason = self.reason.clone();
                ill.object()
            }
        }
    }
}

/// The first and the last part of a message.
fn parts(message: &str) -> Option<(&str, &str)> {
    let (impact, rest) = message.split_once(": ")?;
    let (object, way_out) = rest.rsplit_once("; ")?;
    (!impact.is_empty() && !object.is_empty() && !way_out.is_empty()).then_some((impact, way_out))
}

/// Whether two are one part, each whole or (as long as that is worth something) its beginning.
fn is_same(one: &str, other: &str) -> bool {
    let start = |part: &str| {
        part.strip_suffix('…')
            .filter(|start| start.chars().count() >= 60)
            .map(str::to_owned)
    };
    one == other
        || start(one).is_some_and(|start| other.starts_with(&start))
        || start(other).is_some_and(|start| one.starts_with(&start))
}

fn assert_told_well(change: &Change, finding: Option<&ReportFinding>) -> Result<(), TestCaseError> {
    if !matches!(change.transition, Transition::Active | Transition::Changed) {
        return Ok(());
    }
    let Some((impact, way_out)) = parts(&change.message) else {
        return Err(TestCaseError::fail(format!(
            "without impact or way out: {}",
            change.message
        )));
    };
    prop_assert!(
        change.message.len() <= TOLD_MAX,
        "{} bytes: {}",
        change.message.len(),
        change.message
    );
    if let Some(finding) = finding {
        let shown = parts(&finding.message);
        prop_assert!(
            shown.is_some_and(|shown| is_same(shown.0, impact) && is_same(shown.1, way_out)),
            "{} as {}",
            change.message,
            finding.message
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn no_message_is_over_its_cap_or_without_impact_and_way_out(cluster in clusters()) {
        let mut run = Run::new();
        let events: Vec<Event> = cluster.objects().into_iter().map(Event::Put).collect();
        run.see(&events);
        run.judge();
        for second in [20, 100, 200, 300, 700] {
            run.pass(second);
            run.see(&[Event::Put(cluster.node(second))]);
            run.judge();
            let told = run.told.iter().filter(|told| told.at == second);
            for told in told {
                let kept = run.reports.get(&told.subject);
                let finding = kept.and_then(|kept| kept.status.findings.iter().find(|f| f.id == told.change.id));
                assert_told_well(&told.change, finding.filter(|f| f.state == FindingState::Active))?;
            }
        }
        let limbo = |told: &&super::run::Told| told.change.rule == "node-limbo";
        prop_assert!(run.told.iter().any(|told| limbo(&told)), "the story was told");
        for (subject, status) in run.statuses() {
            assert_small(&subject, &status)?;
        }
    }
}

fn assert_small(subject: &Subject, status: &crate::model::report::ReportStatus) -> Result<(), TestCaseError> {
    let json = serde_json::to_vec(status).expect("JSON");
    prop_assert!(json.len() <= STATUS_MAX, "{}: {} bytes", subject, json.len());
    prop_assert!(status.timeline.len() <= TIMELINE_MAX);
    prop_assert!(status.owner.iter().all(|owner| owner.chars().count() <= 128));
    for finding in &status.findings {
        prop_assert!(finding.message.chars().count() <= MESSAGE_MAX);
        prop_assert!(
            parts(&finding.message).is_some(),
            "without impact or way out: {}",
            finding.message
        );
        prop_assert!(finding.remedy.iter().all(|remedy| remedy.len() <= REMEDY_MAX));
        prop_assert!(finding.id.len() <= 50);
    }
    let summary = status.summary;
    let all = summary.critical + summary.warning + summary.info + summary.recovered;
    let shown = i32::try_from(status.findings.len()).expect("few");
    prop_assert!(
        all == shown || status.truncated && all > shown,
        "{} of {}",
        shown,
        all
    );
    Ok(())
}
