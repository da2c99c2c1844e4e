//! Workloads that are not judged in full: DaemonSets and CronJobs have a report, Jobs and bare pods are only counted.

use rstest::rstest;

use super::*;
use crate::model::object::Object;
use crate::model::pod::Pod;
use crate::model::testing::{controller, workload};

/// What is counted: rule, severity, namespace.
fn counted(cluster: &Cluster) -> Vec<(&'static str, &'static str, String)> {
    let active = cluster.engine.active();
    let mut counted: Vec<_> = active.map(|(r, s, ns)| (r, s.as_str(), ns.to_owned())).collect();
    counted.sort();
    counted
}

fn unlimited(namespace: &str) -> (&'static str, &'static str, String) {
    ("memory-limit", "warning", namespace.to_owned())
}

#[rstest]
fn a_daemon_set_and_a_cron_job_have_a_report_on_their_pod_template(
    #[values(Kind::DaemonSet, Kind::CronJob)] kind: Kind,
) {
    let mut cluster = Cluster::new();
    let made = workload(kind, "shop/agent");
    let decisions = cluster.see([made.clone().object()]).at(0);
    assert_eq!(decisions.len(), 1);
    let told = status(&decisions, kind.as_str());
    assert_eq!(ids(told), ["memory-limit-1f6a832c"]);
    assert_eq!((told.verdict, &told.placement), (Verdict::AtRisk, &None));
    let conditions: Vec<_> = told.conditions.iter().map(|c| c.kind.as_str()).collect();
    assert_eq!(
        conditions,
        ["Resilient"],
        "it has no replicas that could survive anything"
    );
    let decisions = cluster.happens(20, [made.memory_limit("64Mi").generation(2).object()]);
    let told = status(&decisions, kind.as_str());
    assert_eq!((told.verdict, told.observed_generation), (Verdict::Resilient, 2));
    assert_eq!(cluster.at(3600), [], "then there is nothing to write");
}

#[test]
fn pods_of_a_daemon_set_that_come_and_go_write_nothing() {
    let mut cluster = Cluster::new();
    let agent = workload(Kind::DaemonSet, "shop/agent").memory_limit("64Mi");
    cluster
        .see([node("n1").object(), lease("n1"), agent.object()])
        .at(0);
    let its_pod = |ready: bool| {
        Object::Pod(Pod {
            controller: Some(controller("apps/v1", "DaemonSet", "agent")),
            ready,
            ..pod("shop/agent-1").on("n1")
        })
    };
    assert_eq!(cluster.happens(20, [its_pod(true)]), []);
    assert_eq!(
        cluster.happens(40, [its_pod(false)]),
        [],
        "no verdict hangs on its pods"
    );
    assert_eq!(cluster.at(3600), []);
}

#[rstest]
#[case::a_job(workload(Kind::Job, "shop/once"))]
#[case::a_job_of_a_custom_resource(workload(Kind::Job, "shop/once").owned_by("example.com/v1", "Workflow", "build"))]
#[case::a_bare_pod(workload(Kind::Pod, "shop/debug"))]
#[case::a_bare_replica_set(workload(Kind::ReplicaSet, "shop/old"))]
fn what_comes_by_the_thousand_is_counted_without_a_report(#[case] made: crate::model::workload::Workload) {
    let mut cluster = Cluster::new();
    assert_eq!(cluster.see([made.clone().object()]).at(0), []);
    assert_eq!(counted(&cluster), [unlimited("shop")]);
    cluster.happens(20, [made.clone().memory_limit("64Mi").object()]);
    assert_eq!(counted(&cluster), []);
    cluster.happens(40, [made.clone().object()]);
    assert_eq!(counted(&cluster), [unlimited("shop")]);
    cluster.engine.index_mut().delete(&made.key);
    assert_eq!(cluster.at(60), []);
    assert_eq!(counted(&cluster), [], "gone");
}

#[test]
fn a_job_of_a_cron_job_is_judged_by_it_and_a_pod_by_its_job() {
    let mut cluster = Cluster::new();
    let job = workload(Kind::Job, "shop/night-1").owned_by("batch/v1", "CronJob", "night");
    let its_pod = Pod {
        controller: Some(controller("batch/v1", "Job", "night-1")),
        ..pod("shop/night-1-x").on("n1")
    };
    cluster
        .see([
            workload(Kind::CronJob, "shop/night").object(),
            job.object(),
            its_pod.object(),
        ])
        .at(0);
    assert_eq!(counted(&cluster), [unlimited("shop")], "once, not three times");
}

#[test]
fn what_has_finished_is_not_counted() {
    let mut cluster = Cluster::new();
    let job = |finished: bool| {
        let made = workload(Kind::Job, "shop/once");
        made.with(|job| job.status.finished = finished).object()
    };
    cluster.see([job(false)]).at(0);
    assert_eq!(counted(&cluster), [unlimited("shop")]);
    cluster.happens(20, [job(true)]);
    assert_eq!(counted(&cluster), []);
}

#[test]
fn jobs_of_kubernetes_itself_are_not_counted() {
    let mut cluster = Cluster::new();
    cluster
        .see([workload(Kind::Job, "kube-system/once").object()])
        .at(0);
    assert_eq!(counted(&cluster), []);
}

#[test]
fn whom_to_call_stands_in_the_report_and_goes_with_what_happened() {
    let mut cluster = Cluster::new();
    let web = deployment("shop/web")
        .replicas(2)
        .annotated("plimsoll.dev/owner", "team-web")
        .annotated("plimsoll.dev/runbook", "https://wiki.example.com/web")
        .label("plimsoll.dev/criticality", "customer");
    let decisions = cluster.see([web.object()]).at(0);
    let told = status(&decisions, "Deployment");
    let said = [&told.owner, &told.runbook, &told.criticality].map(|said| said.as_deref());
    assert_eq!(
        said,
        [
            Some("team-web"),
            Some("https://wiki.example.com/web"),
            Some("Customer")
        ]
    );
    assert_eq!(decisions[0].ownership.owner.as_deref(), Some("team-web"));
    let mut reports = cluster.engine.statuses();
    let (_, report) = reports
        .find(|(subject, _)| matches!(subject, Subject::Workload(_)))
        .expect("a report");
    assert_eq!(
        (
            &**report.owner(),
            report
                .criticality()
                .map(crate::policy::ownership::Criticality::as_str)
        ),
        ("team-web", Some("Customer"))
    );
}
