//! What waits, what is merged, what is told, and how it ends.

use super::*;

const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces";

#[tokio::test(start_paused = true)]
async fn the_newest_status_wins_and_nothing_that_happened_is_lost() {
    let mut stage = Stage::new();
    stage.order(put("web", false));
    let first = stage.next().await;
    for (id, verdict) in [("a", Verdict::Degraded), ("b", Verdict::Outage)] {
        let write = ReportWrite::Put {
            status: status(verdict),
            create: false,
        };
        let changes = vec![change(id)];
        stage.order(Decision {
            write,
            changes,
            ..put("web", false)
        });
    }
    // One subject has one writer at a time: otherwise the older status could arrive last.
    assert!(stage.sent().await.is_none());
    first.accept();
    let second = stage.next().await;
    assert_eq!(second.body["status"]["verdict"], "Outage");
    second.accept();
    let mut notes = Vec::new();
    while let Some(sent) = stage.sent().await {
        assert_eq!(sent.line, format!("POST {EVENTS}/shop/events"));
        notes.push(sent.body["note"].to_string());
        sent.accept();
    }
    assert_eq!(notes, ["\"a is on one node\"", "\"b is on one node\""]);
    assert_eq!(
        (
            stage.count("writes", "applied"),
            stage.count("events", "published")
        ),
        (2, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_waits_stays_one() {
    let mut stage = Stage::new();
    stage.order(put("web", false));
    let first = stage.next().await;
    let write = ReportWrite::Replace {
        status: status(Verdict::AtRisk),
    };
    stage.order(Decision {
        write,
        ..put("web", false)
    });
    stage.order(put("web", false));
    first.accept();
    assert_eq!(
        stage.accept_all().await,
        [
            format!("DELETE {REPORTS}/deployment-web"),
            report("web"),
            format!("{}/status", report("web"))
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn more_subjects_than_places_are_all_written() {
    let mut stage = Stage::new();
    let names: Vec<String> = (0..3 * AT_ONCE).map(|n| format!("w{n:02}")).collect();
    names.iter().for_each(|name| stage.order(put(name, false)));
    let mut under_way = Vec::new();
    while let Some(sent) = stage.sent().await {
        under_way.push(sent);
    }
    assert_eq!(under_way.len(), AT_ONCE);
    let mut lines: Vec<String> = under_way.iter().map(|sent| sent.line.clone()).collect();
    under_way.into_iter().for_each(Sent::accept);
    lines.extend(stage.accept_all().await);
    let expected: Vec<String> = names
        .iter()
        .map(|name| format!("{}/status", report(name)))
        .collect();
    assert_eq!(lines, expected, "in the order in which they came");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_there_already_has_been_told() {
    let mut stage = Stage::new();
    let changes = vec![change("a"), change("b"), change("c")];
    stage.order(Decision {
        changes,
        ..put("web", false)
    });
    stage.next().await.accept();
    let post = stage.next().await;
    assert_eq!(post.query, "fieldManager=plimsoll");
    assert_eq!(
        (
            &post.body["regarding"]["name"],
            &post.body["regarding"]["uid"],
            &post.body["reportingInstance"]
        ),
        (&json!("web"), &json!("uid-1"), &json!("pod-1"))
    );
    post.refuse(409, "AlreadyExists", "");
    stage.next().await.refuse(500, "InternalError", "");
    assert_eq!(stage.accept_all().await.len(), 1);
    assert_eq!(
        (
            stage.count("events", "published"),
            stage.count("events", "failed")
        ),
        (2, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn the_report_on_the_cluster_belongs_to_nobody() {
    let mut stage = Stage::new();
    stage.order(Decision {
        subject: Subject::Cluster,
        uid: "".into(),
        changes: vec![change("control-plane-suspect")],
        ..put("", true)
    });
    let object = stage.next().await;
    let path = "PATCH /apis/plimsoll.dev/v1alpha1/clusterresiliencereports/cluster";
    assert_eq!(object.line, path);
    assert_eq!(object.body["spec"], json!({}));
    assert_eq!(object.body["metadata"], json!({ "name": "cluster" }));
    object.accept();
    stage.next().await.accept();
    let event = stage.next().await;
    assert_eq!(event.body["regarding"]["name"], "cluster");
    assert_eq!(event.body["regarding"]["uid"], "uid-of-the-report");
}

#[tokio::test(start_paused = true)]
async fn what_happens_to_a_node_is_told_in_the_default_namespace() {
    let mut stage = Stage::new();
    let mut long = change("limbo-node");
    long.message = "ü".repeat(1000);
    stage.order(Decision {
        subject: Subject::Node("n1".into()),
        changes: vec![long],
        ..put("n1", true)
    });
    let object = stage.next().await;
    let path = "PATCH /apis/plimsoll.dev/v1alpha1/clusterresiliencereports/node-n1";
    assert_eq!(object.line, path);
    assert_eq!(object.body["spec"], json!({ "nodeName": "n1" }));
    assert_eq!(object.body["metadata"]["ownerReferences"][0]["kind"], "Node");
    object.accept();
    let status = stage.next().await;
    assert_eq!(status.line, format!("{path}/status"));
    status.accept();
    let event = stage.next().await;
    assert_eq!(event.line, format!("POST {EVENTS}/default/events"));
    assert_eq!(event.body["metadata"]["namespace"], "default");
    let note = event.body["note"].as_str().expect("a note");
    assert!((1000..=1024).contains(&note.len()), "{} bytes", note.len());
    event.accept();
    assert!(stage.sent().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_finding_of_a_rule_that_nobody_knows_is_told_as_well() {
    let mut stage = Stage::new();
    // A status that somebody edited by hand may name anything, and such a finding is closed with an Event.
    for (name, rule) in [("a", ""), ("b", "--"), ("c", "über-all")] {
        let changes = vec![Change {
            rule: rule.into(),
            transition: Transition::Closed,
            ..change("x")
        }];
        stage.order(Decision {
            changes,
            ..put(name, false)
        });
    }
    let lines = stage.accept_all().await;
    assert_eq!(lines.iter().filter(|line| line.starts_with("POST")).count(), 3);
    assert!(!stage.task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn it_ends_only_when_the_last_request_has_been_answered() {
    let mut stage = Stage::new();
    let changes = vec![change("a")];
    stage.order(Decision {
        changes,
        ..put("web", true)
    });
    let object = stage.next().await;
    let (orders, _) = mpsc::unbounded_channel();
    drop(std::mem::replace(&mut stage.orders, orders));
    assert!(stage.sent().await.is_none());
    // The lease is given away when this task has ended, so it must not end before the answers.
    assert!(!stage.task.is_finished());
    object.accept();
    assert_eq!(stage.accept_all().await.len(), 2);
    timeout(SILENCE, &mut stage.task)
        .await
        .expect("it ends")
        .expect("in order");
}
