use rstest::rstest;

use super::*;
use crate::source::manifest;

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  strategy: {rollingUpdate: {maxUnavailable: 25%}}
  template:
    metadata: {labels: {app: web}}
    spec:
      tolerations: []
      topologySpreadConstraints:
      - {topologyKey: zone, maxSkew: 1, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
      containers:
      - {name: app, image: web:1, resources: {limits: {memory: 512Mi}}}
";

const AROUND: &str = "
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec: {minReplicas: 2, maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
";

fn input(text: &str) -> Input {
    let manifests = manifest::read(&["-".into()], &mut text.as_bytes(), ClusterVersion::NEWEST);
    assert_eq!(manifests.errors, [], "{text}");
    manifests.into()
}

fn compared(a: &str, b: &str, pairs: &Pairs) -> Comparison {
    Comparison::of(input(a), input(b), ClusterVersion::NEWEST, pairs)
}

/// `setting: a | b` of the one pair of workloads.
fn said(a: &str, b: &str) -> Vec<String> {
    let comparison = compared(a, b, &Pairs::default());
    let [pair] = comparison.pairs.as_slice() else {
        panic!("{comparison:?}");
    };
    assert_eq!(comparison.differs(), !pair.differences.is_empty());
    let lines = pair
        .differences
        .iter()
        .map(|d| format!("{}: {} | {}", d.setting, d.a, d.b));
    lines.collect()
}

#[rstest]
#[case::replicas("replicas: 3", "replicas: 2", &["replicas, at least: 3 | 2", "replicas, at most: 3 | 2"])]
#[case::strategy(
    "strategy: {rollingUpdate: {maxUnavailable: 25%}}", "strategy: {type: Recreate}",
    &["rollout strategy: RollingUpdate | Recreate", "maxUnavailable: 25% | none", "maxSurge: 25% | none"]
)]
#[case::max_unavailable("maxUnavailable: 25%", "maxUnavailable: 0", &["maxUnavailable: 25% | 0"])]
#[case::max_surge("maxUnavailable: 25%", "maxSurge: 1", &["maxSurge: 25% | 1"])]
#[case::paused("replicas: 3", "replicas: 3\n  paused: true", &["rollout paused: no | yes"])]
#[case::deadline("replicas: 3", "replicas: 3\n  progressDeadlineSeconds: 60", &["progress deadline: 600 s | 60 s"])]
#[case::spread(
    "topologyKey: zone", "topologyKey: kubernetes.io/hostname",
    &["spread: preferred spread over zone, skew 1 | preferred spread over kubernetes.io/hostname, skew 1"]
)]
#[case::spread_of_others(
    "labelSelector: {matchLabels: {app: web}}", "labelSelector: {matchLabels: {app: other}}",
    &["spread: preferred spread over zone, skew 1 | none"]
)]
#[case::a_harder_spread(
    "whenUnsatisfiable: ScheduleAnyway", "whenUnsatisfiable: DoNotSchedule",
    &["spread: preferred spread over zone, skew 1 | required spread over zone, skew 1"]
)]
#[case::limit("memory: 512Mi", "memory: 1Gi", &["memory limit of app: 512Mi | 1Gi"])]
#[case::no_limit("limits: {memory: 512Mi}", "requests: {memory: 256Mi}",
    &["memory limit of app: 512Mi | none", "memory request of app: none | 256Mi"])]
#[case::a_container("name: app", "name: web",
    &["memory limit of app: 512Mi | none", "memory limit of web: none | 512Mi"])]
#[case::no_requests("limits: {memory: 512Mi}", "limits: {memory: 512Mi}, requests: {cpu: 100m}",
    &["CPU request of app: none | 100m"])]
#[case::probe("image: web:1", "image: web:1, readinessProbe: {tcpSocket: {port: 80}}",
    &["readiness probe of app: none | yes"])]
#[case::hook("image: web:1", "image: web:1, lifecycle: {preStop: {sleep: {seconds: 5}}}",
    &["preStop hook of app: none | yes"])]
#[case::grace("tolerations: []", "terminationGracePeriodSeconds: 5", &["termination grace: 30 s | 5 s"])]
#[case::tolerations(
    "tolerations: []",
    "tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 30}, \
     {key: node.kubernetes.io/not-ready, operator: Exists}]",
    &["stays when node.kubernetes.io/not-ready: 300 s | for ever", "stays when node.kubernetes.io/unreachable: 300 s | 30 s"]
)]
#[case::of_several_tolerations_the_first_decides(
    "tolerations: []",
    "tolerations: [{key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 30}, \
     {operator: Exists, effect: NoExecute}]",
    &["stays when node.kubernetes.io/not-ready: 300 s | 30 s", "stays when node.kubernetes.io/unreachable: 300 s | for ever"]
)]
#[case::a_taint_that_is_named_and_not_tolerated(
    "tolerations: []",
    "tolerations: [{key: node.kubernetes.io/unreachable, operator: Equal, value: x, effect: NoExecute}]",
    &["stays when node.kubernetes.io/unreachable: 300 s | 0 s"]
)]
#[case::requires(
    "name: web, namespace: shop}", "name: web, namespace: shop, annotations: {plimsoll.dev/requires: a >= 1}}",
    &["plimsoll.dev/requires: none | a >= 1"]
)]
fn a_setting_that_differs_is_told_and_nothing_else(
    #[case] from: &str,
    #[case] to: &str,
    #[case] differences: &[&str],
) {
    let changed = WEB.replace(from, to);
    assert_ne!(changed, WEB, "{from} is in the manifest");
    assert_eq!(said(WEB, &changed), differences);
}

#[rstest]
#[case::the_same("", "")]
#[case::an_image("web:1", "web:2")]
#[case::a_default("maxUnavailable: 25%", "maxUnavailable: 25%, maxSurge: 25%")]
#[case::the_usual_grace("tolerations: []", "terminationGracePeriodSeconds: 30")]
#[case::another_default("replicas: 3", "replicas: 3\n  paused: false\n  progressDeadlineSeconds: 600")]
#[case::the_same_amount("512Mi", "0.5Gi")]
#[case::a_label("labels: {app: web}", "labels: {app: web, environment: staging}")]
fn what_does_not_matter_is_not_told(#[case] from: &str, #[case] to: &str) {
    assert_eq!(said(WEB, &WEB.replacen(from, to, 1)), [] as [&str; 0]);
}

#[test]
fn what_relates_to_a_workload_is_compared_with_it() {
    let all = format!("{WEB}{AROUND}");
    assert_eq!(said(&all, &all), [] as [&str; 0]);
    assert_eq!(
        said(WEB, &all),
        [
            "replicas, at least: 3 | 2",
            "replicas, at most: 3 | 5",
            "autoscaler: none | HorizontalPodAutoscaler",
            "PodDisruptionBudget: none | minAvailable 1",
            "served by a Service: no | yes",
        ]
    );
    let range = "
---
apiVersion: v1
kind: LimitRange
metadata: {name: r, namespace: shop}
spec: {limits: [{type: Container, default: {memory: 1Gi}}]}
";
    assert_eq!(
        said(WEB, &format!("{WEB}{range}")),
        ["default memory limit of a container by LimitRange r: none | 1Gi"]
    );
    assert_eq!(
        said(&all, &all.replace("minAvailable: 1", "maxUnavailable: 0")),
        ["PodDisruptionBudget: minAvailable 1 | maxUnavailable 0"]
    );
}

#[test]
fn the_template_is_all_that_is_compared_of_kinds_that_are_not_judged_in_full() {
    let job = |limit: &str| {
        format!("
apiVersion: batch/v1
kind: CronJob
metadata: {{name: web, namespace: shop}}
spec: {{jobTemplate: {{spec: {{template: {{spec: {{containers: [{{name: app, resources: {{limits: {{memory: {limit}}}}}}}]}}}}}}}}}}
")
    };
    assert_eq!(said(&job("1Gi"), &job("2Gi")), ["memory limit of app: 1Gi | 2Gi"]);
}

fn keys(keys: &[ObjectKey]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

#[test]
fn a_workload_that_one_of_them_lacks_is_a_difference() {
    let system = WEB.replace("namespace: shop", "namespace: kube-system");
    let api = WEB.replace("name: web", "name: api");
    let comparison = compared(&format!("{WEB}---{system}"), &api, &Pairs::default());
    assert_eq!(keys(&comparison.only_in_a), ["Deployment shop/web"]);
    assert_eq!(keys(&comparison.only_in_b), ["Deployment shop/api"]);
    assert!(comparison.pairs.is_empty() && comparison.differs());
}

#[test]
fn namespaces_with_other_names_are_matched() {
    let staging = WEB.replace("namespace: shop", "namespace: shop-staging");
    let pairs = Pairs {
        renamed: BTreeMap::from([("shop-staging".to_owned(), "shop".to_owned())]),
        ..Pairs::default()
    };
    let same = compared(&staging, WEB, &pairs);
    assert!(!same.differs(), "{same:?}");
    assert_eq!(
        (same.pairs[0].a.to_string(), same.pairs[0].b.to_string()),
        (
            "Deployment shop-staging/web".to_owned(),
            "Deployment shop/web".to_owned()
        )
    );
}

#[test]
fn other_namespaces_than_those_asked_for_are_left_out_of_both() {
    let other = WEB.replace("namespace: shop", "namespace: other");
    let only = Pairs {
        namespaces: vec!["shop".to_owned()],
        ..Pairs::default()
    };
    let comparison = compared(WEB, &format!("{WEB}---{other}"), &only);
    assert!(!comparison.differs(), "{comparison:?}");
    assert_eq!(comparison.pairs.len(), 1);
}

#[test]
fn what_cannot_be_read_of_either_is_told() {
    let comparison = Comparison::of(
        manifest::read(
            &["nowhere-a.yaml".into()],
            &mut std::io::empty(),
            ClusterVersion::NEWEST,
        )
        .into(),
        manifest::read(
            &["nowhere-b.yaml".into()],
            &mut std::io::empty(),
            ClusterVersion::NEWEST,
        )
        .into(),
        ClusterVersion::NEWEST,
        &Pairs::default(),
    );
    let files: Vec<_> = comparison
        .errors
        .iter()
        .filter_map(|e| e.place.file.as_deref())
        .collect();
    assert_eq!(files, ["nowhere-a.yaml", "nowhere-b.yaml"]);
}
