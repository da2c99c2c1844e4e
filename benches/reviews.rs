//! `cargo bench --bench reviews`: what an admission review costs, in CPU time of this process.
//!
//! A Deployment of 8 KB, as the API server sends it with its managed fields, is created and updated in a cluster that has been
//! read: the whole way of the bytes through the webhook, and its parts. Each review is of another workload, so that none finds
//! its rows in a cache; before each turn the text is copied anew, as a socket would bring it.

mod support;

use std::hint::black_box;
use std::time::Duration;

use jiff::Timestamp;
use plimsoll::engine::Engine;
use plimsoll::engine::review::Change;
use plimsoll::model::keys::Kind;
use plimsoll::webhook;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use support::cluster::Cluster;
use support::{
    end_lists, engine_without_pods, feed_pods, figure, goal, median, micros, now, object, section, size,
    timed,
};

/// Reviews of one turn.
const REVIEWS: usize = 250;
const TURNS: usize = 20;
/// Bytes of the Deployment that is reviewed.
const BYTES: usize = 8 << 10;
/// CPU time of one review in microseconds, all of it.
const GOAL: f64 = 60.0;

fn main() {
    let cluster = Cluster::new(size());
    section(&format!(
        "Admission reviews: {} pods, {} workloads",
        cluster.size.pods(),
        cluster.size.workloads
    ));
    let mut engine = engine_without_pods(&cluster);
    feed_pods(&mut engine, &cluster, &mut String::new());
    end_lists(&mut engine);
    engine.lead(true, now(0).at);
    engine.judge(now(0));

    let deployments = deployments(&cluster);
    let bytes = deployments.iter().map(|d| d.to_string().len()).sum::<usize>() / deployments.len();
    figure("bytes of a Deployment", &bytes.to_string());
    measure(&mut engine, "created", &deployments, |deployment| {
        let mut deployment = deployment.clone();
        let name = deployment["metadata"]["name"].as_str().expect("a name");
        deployment["metadata"]["name"] = json!(format!("new-{name}"));
        (deployment, None)
    });
    measure(&mut engine, "updated", &deployments, |deployment| {
        let mut new = deployment.clone();
        new["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example/app:2");
        new["spec"]["replicas"] = json!(1);
        (new, Some(deployment.clone()))
    });
}

/// Deployments of the cluster, with all that the API server keeps beside what is judged.
fn deployments(cluster: &Cluster) -> Vec<Value> {
    let mut found = Vec::new();
    cluster.each_without_pods(|kind, text| {
        if kind == Kind::Deployment && found.len() < REVIEWS {
            found.push(padded(serde_json::from_str(text).expect("JSON")));
        }
    });
    found
}

fn padded(mut deployment: Value) -> Value {
    let template = &mut deployment["spec"]["template"]["spec"];
    let probe = json!({ "httpGet": { "path": "/healthz", "port": "http", "scheme": "HTTP" }, "periodSeconds": 10,
        "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3 });
    let env: Vec<Value> = (0..12)
        .map(|n| json!({ "name": format!("SETTING_{n}"), "valueFrom": { "secretKeyRef": { "name": "settings", "key": format!("key-{n}") } } }))
        .collect();
    template["containers"][0]["env"] = json!(env);
    template["containers"][0]["readinessProbe"] = probe.clone();
    template["containers"][0]["livenessProbe"] = probe;
    template["volumes"] = json!([{ "name": "tmp", "emptyDir": {} }, { "name": "settings", "secret": { "secretName": "settings", "defaultMode": 420 } }]);
    let mut fields = serde_json::Map::new();
    while deployment.to_string().len() < BYTES {
        fields.insert(
            format!("k:{{\"name\":\"SETTING_{}\"}}", fields.len()),
            json!({ ".": {}, "f:name": {}, "f:valueFrom": { ".": {}, "f:secretKeyRef": {} } }),
        );
        let kept = json!({ "f:spec": { "f:template": { "f:spec": { "f:containers": fields } } } });
        deployment["metadata"]["managedFields"] = json!([{ "manager": "helm", "operation": "Update", "apiVersion": "apps/v1",
            "time": "2026-03-01T08:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": kept }]);
    }
    deployment
}

fn review(new: &Value, old: Option<&Value>) -> String {
    let metadata = &new["metadata"];
    json!({ "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": { "group": "apps", "version": "v1", "kind": "Deployment" },
        "resource": { "group": "apps", "version": "v1", "resource": "deployments" },
        "requestKind": { "group": "apps", "version": "v1", "kind": "Deployment" },
        "requestResource": { "group": "apps", "version": "v1", "resource": "deployments" },
        "name": metadata["name"], "namespace": metadata["namespace"],
        "operation": if old.is_some() { "UPDATE" } else { "CREATE" },
        "userInfo": { "username": "jo", "groups": ["developers", "system:authenticated"] },
        "object": new, "oldObject": old, "dryRun": false,
        "options": { "kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1" } } })
    .to_string()
}

fn change(new: &Value, old: Option<&Value>) -> Change {
    let read = |value: &Value| Box::new(object(Kind::Deployment, value.to_string().as_bytes()));
    match old {
        None => Change::Create(read(new)),
        Some(old) => Change::Update {
            old: read(old),
            new: read(new),
        },
    }
}

fn measure(
    engine: &mut Engine,
    what: &str,
    deployments: &[Value],
    of: impl Fn(&Value) -> (Value, Option<Value>),
) {
    let asked: Vec<(Value, Option<Value>)> = deployments.iter().map(of).collect();
    let texts: Vec<String> = asked.iter().map(|(new, old)| review(new, old.as_ref())).collect();
    let objects: Vec<Vec<String>> = asked
        .iter()
        .map(|(new, old)| std::iter::once(new).chain(old).map(Value::to_string).collect())
        .collect();
    let (mut skip, mut read, mut judge, mut whole) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let each = |time: Duration| micros(time) / deployments.len() as f64;
    for _ in 0..TURNS {
        let received = texts.clone();
        let (time, ()) = timed(|| {
            for text in &received {
                black_box(serde_json::from_slice::<IgnoredAny>(text.as_bytes()).expect("JSON"));
            }
        });
        skip.push(each(time));
        let received = objects.clone();
        let (time, ()) = timed(|| {
            for text in received.iter().flatten() {
                black_box(object(Kind::Deployment, text.as_bytes()));
            }
        });
        read.push(each(time));
        let changes: Vec<Change> = asked.iter().map(|(new, old)| change(new, old.as_ref())).collect();
        let (time, ()) = timed(|| {
            for change in changes {
                black_box(engine.review(change, Timestamp::UNIX_EPOCH));
            }
        });
        judge.push(each(time));
        let received = texts.clone();
        let (time, warned) = timed(|| {
            let answers = received.iter().map(|text| {
                webhook::answered(text.as_bytes(), engine, Timestamp::UNIX_EPOCH).expect("a review")
            });
            answers.filter(|answer| answer.len() > 150).count()
        });
        assert_eq!(warned, deployments.len(), "each is warned about");
        whole.push(each(time));
    }
    let print = |name: &str, times: &mut Vec<f64>| {
        figure(&format!("{what}: {name}"), &format!("{:.1} us", median(times)));
    };
    print("skip the review's JSON", &mut skip);
    print("read its objects", &mut read);
    print("overlay them and judge", &mut judge);
    let middle = median(&mut whole);
    let least = whole.iter().copied().fold(f64::INFINITY, f64::min);
    goal(
        &format!("{what}: the whole way, median (least)"),
        middle,
        GOAL,
        &format!("{middle:.1} ({least:.1}) us"),
    );
}
