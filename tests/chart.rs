//! The chart, rendered by the real helm: what it grants, what it refuses, and whether the operator would find its own
//! Deployment resilient. No cluster is needed; `tests/plane` installs the chart into one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use plimsoll::model::keys::Kind;
use plimsoll_kit::{Rig, Tool};
use rstest::rstest;
use serde_json::{Value, json};

const NAMESPACE: &str = "plimsoll-system";
const PLIMSOLL: &str = env!("CARGO_BIN_EXE_plimsoll");

fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/plimsoll")
}

fn file(name: &str) -> String {
    std::fs::read_to_string(chart().join(name)).expect("a file of the chart")
}

fn helm(arguments: &[&str]) -> Output {
    static RIG: OnceLock<Rig> = OnceLock::new();
    let rig = RIG.get_or_init(|| Rig::ready().expect("the rig's binaries"));
    // Nothing of the machine's own helm is read or written.
    let home = tempfile::tempdir().expect("a folder");
    Command::new(rig.path(Tool::Helm))
        .args(arguments)
        .env("HELM_CONFIG_HOME", home.path())
        .env("HELM_CACHE_HOME", home.path())
        .env("HELM_DATA_HOME", home.path())
        .output()
        .expect("helm runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `helm template` with `--set` values; what helm says when it refuses.
fn render(values: &[&str]) -> Result<String, String> {
    let chart = chart();
    let mut arguments = vec![
        "template",
        "plimsoll",
        chart.to_str().expect("text"),
        "-n",
        NAMESPACE,
    ];
    values.iter().for_each(|value| arguments.extend(["--set", value]));
    let output = helm(&arguments);
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

/// The documents, without comments.
fn documents(rendered: &str) -> Vec<Value> {
    let all = rendered
        .split("\n---\n")
        .map(|document| document.trim_start_matches("---"));
    let parsed = all.map(|document| serde_saphyr::from_str::<Value>(document).expect("YAML"));
    parsed.filter(|document| !document.is_null()).collect()
}

fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = objects
        .iter()
        .find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}"))
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// `group/resource` → verbs, of one role.
fn granted(role: &Value) -> BTreeMap<String, BTreeSet<&str>> {
    let mut granted: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for rule in role["rules"].as_array().expect("rules") {
        for group in strings(&rule["apiGroups"]) {
            for resource in strings(&rule["resources"]) {
                let verbs = granted.entry(format!("{group}/{resource}")).or_default();
                verbs.extend(strings(&rule["verbs"]));
            }
        }
    }
    granted
}

#[test]
fn lint_finds_nothing() {
    let output = helm(&["lint", "--strict", chart().to_str().expect("text")]);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn with_its_defaults_it_renders_this() {
    let rendered = render(&["crds.enabled=false"]).expect("it renders");
    let rendered = rendered.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!("defaults", rendered);
}

#[test]
fn with_its_webhook_it_renders_this_as_well() {
    let values = [
        "crds.enabled=false",
        "webhook.enabled=true",
        "webhook.certificates.secretName=plimsoll-webhook-tls",
        "webhook.certificates.annotations.cert-manager\\.io/inject-ca-from=plimsoll-system/plimsoll",
        "webhook.namespaceSelector.matchLabels.judged=yes",
    ];
    let objects = documents(&render(&values).expect("it renders"));
    let service = find(&objects, "Service", "plimsoll-webhook");
    let configuration = find(&objects, "ValidatingWebhookConfiguration", "plimsoll-webhook");
    insta::assert_json_snapshot!(
        "webhook",
        [
            &service["spec"],
            &configuration["metadata"]["annotations"],
            &configuration["webhooks"],
            &find(&objects, "MutatingWebhookConfiguration", "plimsoll-webhook")["webhooks"]
        ]
    );
    let is_ours = |object: &&Value| object["kind"] == "Secret";
    assert_eq!(
        objects.iter().filter(is_ours).count(),
        0,
        "the Secret is somebody else's"
    );
    let pod = &find(&objects, "Deployment", "plimsoll")["spec"]["template"]["spec"];
    assert_eq!(pod["volumes"][0]["secret"]["secretName"], "plimsoll-webhook-tls");
    assert_eq!(
        pod["volumes"][0]["name"],
        pod["containers"][0]["volumeMounts"][0]["name"]
    );
}

#[test]
fn with_certificates_of_its_own_it_may_write_those_and_trust_them() {
    let objects = documents(&render(&["crds.enabled=false", "webhook.enabled=true"]).expect("it renders"));
    assert_eq!(find(&objects, "Secret", "plimsoll-webhook")["data"], Value::Null);
    let verbs = |verbs: &[&'static str]| verbs.iter().copied().collect::<BTreeSet<_>>();
    let role = find(&objects, "Role", "plimsoll-webhook");
    assert_eq!(
        granted(role),
        BTreeMap::from([("/secrets".to_owned(), verbs(&["get", "update"]))])
    );
    assert_eq!(role["rules"][0]["resourceNames"], json!(["plimsoll-webhook"]));
    let cluster = find(&objects, "ClusterRole", "plimsoll");
    let rules = cluster["rules"].as_array().expect("rules");
    let trust = rules
        .iter()
        .find(|rule| rule["apiGroups"] == json!(["admissionregistration.k8s.io"]));
    let trust = trust.expect("it tells the API server");
    assert_eq!(trust["resourceNames"], json!(["plimsoll-webhook"]));
    assert_eq!(trust["verbs"], json!(["get", "patch"]));
    // What runs before an uninstall may remove both configurations, and nothing else.
    let remover = find(&objects, "ClusterRole", "plimsoll-remove-webhook");
    assert_eq!(remover["rules"].as_array().map(Vec::len), Some(1));
    assert_eq!(remover["rules"][0]["resourceNames"], json!(["plimsoll-webhook"]));
    assert_eq!(remover["rules"][0]["verbs"], json!(["delete"]));
    let job = find(&objects, "Job", "plimsoll-remove-webhook");
    let (hook, deployment) = (
        &job["spec"]["template"]["spec"],
        find(&objects, "Deployment", "plimsoll"),
    );
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(
        hook["containers"][0]["image"], container["image"],
        "no image but our own"
    );
    for kind in ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Job"] {
        let object = find(&objects, kind, "plimsoll-remove-webhook");
        assert_eq!(
            object["metadata"]["annotations"]["helm.sh/hook"], "pre-delete",
            "{kind}"
        );
    }
}

#[test]
fn whoever_edits_a_namespace_may_acknowledge_and_delete_nothing() {
    let objects = documents(&render(&["crds.enabled=false"]).expect("it renders"));
    let editor = granted(find(&objects, "ClusterRole", "plimsoll-editor"));
    for verbs in editor
        .values()
        .chain(granted(find(&objects, "ClusterRole", "plimsoll-viewer")).values())
    {
        assert!(
            !verbs.contains("delete") && !verbs.contains("create"),
            "{verbs:?}"
        );
    }
    let reports = ["clusterresiliencereports", "resiliencereports"].map(|r| format!("plimsoll.dev/{r}"));
    assert!(editor.keys().eq(&reports), "{editor:?}");
}

/// Whoever is judged by `plimsoll` is asked about, and nobody else.
#[test]
fn its_webhook_is_asked_about_what_is_judged_at_admission() {
    let values = ["webhook.enabled=true"];
    let objects = documents(&render(&values).expect("it renders"));
    let configuration = find(&objects, "ValidatingWebhookConfiguration", "plimsoll-webhook");
    let mut asked = BTreeSet::new();
    for rule in configuration["webhooks"][0]["rules"].as_array().expect("rules") {
        for resource in strings(&rule["resources"])
            .into_iter()
            .filter(|r| !r.contains('/'))
        {
            asked.insert((
                strings(&rule["apiGroups"])[0].to_owned(),
                strings(&rule["apiVersions"])[0].to_owned(),
                resource.to_owned(),
            ));
        }
    }
    let admitted = Kind::ALL.into_iter().filter(|kind| kind.is_admitted());
    let admitted = admitted.map(|kind| {
        (
            kind.group().to_owned(),
            kind.version().to_owned(),
            kind.plural().to_owned(),
        )
    });
    assert_eq!(asked, admitted.collect());
}

#[test]
fn its_version_is_the_programs() {
    let chart: Value = serde_saphyr::from_str(&file("Chart.yaml")).expect("YAML");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        (&chart["version"], &chart["appVersion"]),
        (&json!(version), &json!(version))
    );
}

#[test]
fn the_crds_come_with_it_and_stay_unless_told_otherwise() {
    let crds = |values: &[&str]| {
        let mut crds = documents(&render(values).expect("it renders"));
        crds.retain(|object| object["kind"] == "CustomResourceDefinition");
        crds.sort_by_key(|crd| crd["metadata"]["name"].to_string());
        crds
    };
    let kept = |crd: &Value| crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep";
    let found = crds(&[]);
    let generated = plimsoll::api::crds();
    assert!(found.len() == generated.len() && found.iter().all(kept));
    for (file, yaml) in generated {
        let generated: Value = serde_saphyr::from_str(&yaml).expect("YAML");
        let same = |crd: &Value| numbers(&crd["spec"]) == numbers(&generated["spec"]);
        assert!(found.iter().any(same), "{file} is not what helm renders");
    }
    let loose = crds(&["crds.keep=false"]);
    assert!(loose.len() == found.len() && !loose.iter().any(kept));
    assert!(crds(&["crds.enabled=false"]).is_empty());
}

/// Helm writes 0.0 as 0: the same, with every number as a float.
fn numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(numbers).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, below)| (key.clone(), numbers(below)))
            .collect(),
        other => other.clone(),
    }
}

#[test]
fn it_may_list_and_watch_what_the_operator_watches_and_nothing_else() {
    let objects = documents(&render(&["crds.enabled=false"]).expect("it renders"));
    let mut read = granted(find(&objects, "ClusterRole", "plimsoll"));
    read.retain(|resource, _| {
        !resource.starts_with("plimsoll.dev/") && !resource.starts_with("events.k8s.io/")
    });
    let heartbeats = find(&objects, "Role", "plimsoll-heartbeats");
    assert_eq!(heartbeats["metadata"]["namespace"], "kube-node-lease");
    read.extend(granted(heartbeats));
    let policies =
        granted(find(&objects, "ClusterRole", "plimsoll")).remove("plimsoll.dev/resiliencepolicies");
    read.insert(
        "plimsoll.dev/resiliencepolicies".to_owned(),
        policies.expect("policies are watched"),
    );
    let verbs = BTreeSet::from(["list", "watch"]);
    let watched = Kind::WATCHED.map(|kind| (format!("{}/{}", kind.group(), kind.plural()), verbs.clone()));
    assert_eq!(read, BTreeMap::from(watched));
}

#[test]
fn it_may_write_reports_events_statuses_of_policies_and_its_own_lease_and_nothing_else() {
    const WRITES: [&str; 2] = ["resiliencereports", "clusterresiliencereports"];
    let objects = documents(&render(&["crds.enabled=false", "operator.leaseName=mine"]).expect("it renders"));
    let roles = objects
        .iter()
        .filter(|object| matches!(object["kind"].as_str(), Some("ClusterRole" | "Role")))
        // Those are for people.
        .filter(|role| {
            !role["metadata"]["name"]
                .as_str()
                .is_some_and(|name| name.ends_with("-editor"))
        });
    let mut writes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for role in roles {
        for (resource, mut verbs) in granted(role) {
            assert!(
                !resource.contains('*') && !verbs.contains("*"),
                "{resource}: {verbs:?}"
            );
            verbs.retain(|verb| !matches!(*verb, "get" | "list" | "watch"));
            let verbs = verbs.into_iter().map(str::to_owned);
            writes.entry(resource).or_default().extend(verbs);
        }
    }
    writes.retain(|_, verbs| !verbs.is_empty());
    let set = |verbs: &[&str]| {
        verbs
            .iter()
            .map(|verb| (*verb).to_owned())
            .collect::<BTreeSet<_>>()
    };
    let mut expected = BTreeMap::from([
        ("events.k8s.io/events".to_owned(), set(&["create"])),
        (
            "coordination.k8s.io/leases".to_owned(),
            set(&["create", "update"]),
        ),
    ]);
    for report in WRITES {
        expected.insert(
            format!("plimsoll.dev/{report}"),
            set(&["create", "patch", "delete"]),
        );
        expected.insert(format!("plimsoll.dev/{report}/status"), set(&["patch"]));
    }
    // Of policies it writes the status only.
    expected.insert(
        "plimsoll.dev/resiliencepolicies/status".to_owned(),
        set(&["patch"]),
    );
    assert_eq!(writes, expected);

    let leader = find(&objects, "Role", "plimsoll-leader");
    assert_eq!(leader["metadata"]["namespace"], NAMESPACE);
    let unnamed = |rule: &&Value| rule["resourceNames"] != json!(["mine"]);
    let unnamed: Vec<_> = leader["rules"]
        .as_array()
        .expect("rules")
        .iter()
        .filter(unnamed)
        .collect();
    // A name can't restrict `create`.
    assert!(
        matches!(unnamed[..], [rule] if rule["verbs"] == json!(["create"])),
        "{unnamed:?}"
    );
}

#[rstest]
#[case::a_number_in_words("replicaCount=two", "replicaCount")]
#[case::too_many("replicaCount=11", "replicaCount")]
#[case::unknown("replicas=3", "replicas")]
#[case::unknown_below("image.name=plimsoll", "name")]
#[case::not_a_digest("image.digest=sha1:00", "image/digest")]
#[case::a_pull_policy("image.pullPolicy=Sometimes", "image/pullPolicy")]
#[case::not_a_lease_name("operator.leaseName=Plimsoll_1", "operator/leaseName")]
#[case::a_host_to_listen_on("operator.bindAddress=localhost", "operator/bindAddress")]
#[case::time_stands_still("operator.timeScale=0", "operator/timeScale")]
#[case::time_has_no_end("operator.timeScale=1001", "operator/timeScale")]
#[case::time_nearly_stands_still("operator.timeScale=0.0001", "operator/timeScale")]
#[case::a_log_format("log.format=xml", "log/format")]
#[case::a_port("metrics.service.port=70000", "metrics/service/port")]
#[case::an_interval("metrics.serviceMonitor.interval=soon", "metrics/serviceMonitor/interval")]
#[case::a_quantity("resources.limits.memory=lots", "resources/limits/memory")]
#[case::a_switch("podDisruptionBudget.enabled=maybe", "podDisruptionBudget/enabled")]
#[case::a_failure_policy("webhook.failurePolicy=Warn", "webhook/failurePolicy")]
#[case::a_timeout("webhook.timeoutSeconds=60", "webhook/timeoutSeconds")]
#[case::a_certificates_life("webhook.certificates.life=90d", "webhook/certificates/life")]
fn a_bad_value_is_refused_by_name(#[case] value: &str, #[case] field: &str) {
    let refused = render(&[value]).expect_err("refused");
    assert!(refused.contains(field), "{field} is not named: {refused}");
}

#[test]
fn the_operator_finds_nothing_wrong_with_its_own_deployment() {
    let rendered = render(&["crds.enabled=false"]).expect("it renders");
    let mut check = Command::new(PLIMSOLL)
        .args(["check", "-o", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("plimsoll runs");
    let mut stdin = check.stdin.take().expect("a pipe");
    stdin.write_all(rendered.as_bytes()).expect("it reads");
    drop(stdin);
    let output = check.wait_with_output().expect("it ends");
    let result: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(output.status.code(), Some(0), "{result:#}");
    let workloads = result["workloads"].as_array().expect("workloads");
    assert!(
        matches!(&workloads[..], [own] if own["name"] == "plimsoll"),
        "{result:#}"
    );
    let failed = |check: &&Value| !matches!(check["status"].as_str(), Some("pass" | "notApplicable"));
    let failed: Vec<_> = workloads[0]["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .filter(failed)
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[path = "chart/program.rs"]
mod program;
#[path = "chart/values.rs"]
mod values;
