//! The objects of an application, as a team's own templates and Helm charts write them.

use std::fmt::Write;

use super::choices::{App, Budget, Container, Kind, Limits, Role, Scaling, Spread, Team};

/// `text` with each line `by` spaces further to the right.
fn indented(text: &str, by: usize) -> String {
    let mut all = String::with_capacity(text.len() * 5 / 4);
    for line in text.lines() {
        if !line.is_empty() {
            let _ = write!(all, "{:by$}{line}", "");
        }
        all.push('\n');
    }
    all
}

fn metadata(app: &App<'_>, name: &str) -> String {
    let App { team, number, .. } = app;
    let mut text = format!("metadata:\n  name: {name}\n");
    if !team.is_default() {
        let _ = writeln!(text, "  namespace: {}", team.namespace);
    }
    let _ = write!(
        text,
        "  labels:
    app.kubernetes.io/name: {name}
    app.kubernetes.io/instance: {name}
    app.kubernetes.io/part-of: shop
    app.kubernetes.io/managed-by: Helm
    helm.sh/chart: service-2.{}.{}
    team: \"{}\"
  annotations:
    meta.helm.sh/release-name: {name}
    # Who is called at night.
    plimsoll.dev/owner: team-{}
",
        number % 20,
        number % 7,
        team.number,
        team.number,
    );
    text
}

pub(super) fn namespace(team: &Team) -> String {
    format!(
        "# Everything of one team in one stage.
apiVersion: v1
kind: Namespace
metadata:
  name: {}
  labels:
    team: \"{}\"
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/enforce-version: latest
  annotations:
    plimsoll.dev/owner: team-{}
    contact: team-{}@example.com
",
        team.namespace, team.number, team.number, team.number
    )
}

pub(super) fn limit_range(team: &Team) -> Option<String> {
    let limit = match team.limits {
        Limits::None => return None,
        Limits::Default => {
            "  - type: Container\n    default:\n      cpu: \"1\"\n      memory: 512Mi\n    defaultRequest:\n      cpu: 100m\n      memory: 64Mi\n"
        }
        Limits::Max => "  - type: Container\n    max:\n      memory: 8Gi\n",
        Limits::PodMax => "  - type: Pod\n    max:\n      memory: 16Gi\n",
    };
    let namespace = if team.is_default() {
        String::new()
    } else {
        format!("  namespace: {}\n", team.namespace)
    };
    Some(format!(
        "apiVersion: v1\nkind: LimitRange\nmetadata:\n  name: limits\n{namespace}spec:\n  limits:\n{limit}"
    ))
}

pub(super) fn workload(app: &App<'_>) -> String {
    let App { name, kind, .. } = app;
    let version = match kind {
        Kind::CronJob => "batch/v1",
        _ if app.is_old() => "apps/v1beta2",
        _ => "apps/v1",
    };
    let mut text = format!(
        "apiVersion: {version}\nkind: {}\n{}spec:\n",
        kind.name(),
        metadata(app, name)
    );
    let template = template(app);
    if *kind == Kind::CronJob {
        let _ = write!(
            text,
            "  schedule: \"{} 3 * * *\"\n  concurrencyPolicy: Forbid\n  successfulJobsHistoryLimit: 3\n  jobTemplate:\n    spec:\n      backoffLimit: 2\n{}",
            app.number % 60,
            indented(&template, 6)
        );
        return text;
    }
    if kind.is_scaled() {
        match app.scaling.replicas() {
            Some(n) => {
                let _ = writeln!(text, "  # Raised after the sale of last March.\n  replicas: {n}");
            }
            None => text.push_str("  # replicas: see the autoscaler\n"),
        }
    }
    text.push_str("  revisionHistoryLimit: 5\n");
    text.push_str(match kind {
        Kind::Deployment if app.recreates() => "  strategy:\n    type: Recreate\n",
        Kind::Deployment => {
            "  strategy:\n    type: RollingUpdate\n    rollingUpdate:\n      maxSurge: 25%\n      maxUnavailable: 0\n"
        }
        Kind::StatefulSet => "  podManagementPolicy: Parallel\n  updateStrategy:\n    type: RollingUpdate\n",
        _ => "  updateStrategy:\n    rollingUpdate:\n      maxUnavailable: 10%\n",
    });
    if *kind == Kind::StatefulSet {
        let _ = writeln!(text, "  serviceName: {name}");
    }
    let _ = write!(
        text,
        "  selector:\n    matchLabels:\n      app.kubernetes.io/name: {name}\n{}",
        indented(&template, 2)
    );
    text
}

fn template(app: &App<'_>) -> String {
    let App { name, number, .. } = app;
    let mut spec = format!(
        "serviceAccountName: {name}
automountServiceAccountToken: false
terminationGracePeriodSeconds: {}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
",
        30 + number % 3 * 15
    );
    if app.kind == Kind::CronJob {
        spec.push_str("restartPolicy: OnFailure\n");
    }
    if let Some(limit) = app.memory.pod {
        let _ = write!(
            spec,
            "# For all containers together.\nresources:\n  limits:\n    memory: {limit}\n"
        );
    }
    let (inits, apps): (Vec<&Container>, Vec<_>) = app
        .memory
        .containers
        .iter()
        .partition(|container| container.role != Role::App);
    for (key, containers) in [("initContainers", inits), ("containers", apps)] {
        if !containers.is_empty() {
            let _ = writeln!(spec, "{key}:");
        }
        for item in containers {
            spec.push_str(&container(app, item));
        }
    }
    spec.push_str(&spread(app));
    let _ = write!(
        spec,
        "volumes:
- name: config
  configMap:
    name: {name}
    defaultMode: 0440
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
- name: tls
  secret:
    secretName: {name}-tls
    optional: true
"
    );
    format!(
        "template:
  metadata:
    labels:
      app.kubernetes.io/name: {name}
      app.kubernetes.io/instance: {name}
      stage: '{}'
    annotations:
      prometheus.io/scrape: \"true\"
      prometheus.io/port: \"9090\"
      checksum/config: {:016x}{:016x}
  spec:
{}",
        app.team.number % 3,
        (*number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        (*number as u64 + 7).wrapping_mul(0xd1b5_4a32_d192_ed03),
        indented(&spec, 4)
    )
}

fn container(app: &App<'_>, container: &Container) -> String {
    let Container { name, role, limit } = container;
    let mut text = format!(
        "- name: {name}
  image: registry.example.com/shop/{}-{name}:1.{}.{}
  imagePullPolicy: IfNotPresent
",
        app.name,
        app.number % 50,
        app.number % 9
    );
    text.push_str(match role {
        Role::App => "  args: [\"--listen=:8080\", \"--metrics=:9090\", \"--log-level=info\"]\n",
        Role::Sidecar => "  # Starts before the rest and outlives it.\n  restartPolicy: Always\n",
        Role::Init => "  command:\n  - /bin/migrate\n  - up\n",
    });
    let _ = write!(
        text,
        "  env:
  - name: POD_NAME
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  - name: DATABASE_URL
    valueFrom:
      secretKeyRef:
        name: {}-db
        key: url
  - name: LOG_FORMAT
    value: json
  - name: FEATURES
    value: \"checkout-v2,search,basket,gift-cards\"
  - name: UPSTREAM
    value: http://gateway.team-{}.svc.cluster.local:8080/api
  - name: OTEL_EXPORTER_OTLP_ENDPOINT
    value: http://collector.observability.svc.cluster.local:4317
  - name: OTEL_RESOURCE_ATTRIBUTES
    value: service.name=$(POD_NAME),deployment.environment=prod
  - name: CACHE_HOST
    valueFrom:
      configMapKeyRef:
        name: shared-cache
        key: host
  # Seconds; the gateway gives up after 30.
  - name: TIMEOUT
    value: \"25\"
",
        app.name, app.team.number
    );
    // A limit of 0 leaves no room for a request.
    let bounded = limit.is_some_and(|limit| !matches!(limit, "0" | "\"0\"" | "0Mi"));
    text.push_str("  resources:\n    requests:\n      cpu: 100m\n");
    if bounded {
        text.push_str("      memory: 128Mi\n");
    }
    if let Some(limit) = limit {
        let _ = writeln!(text, "    limits:\n      memory: {limit}");
    }
    if *role == Role::App {
        text.push_str(PROBES);
    }
    text.push_str(
        "  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
  volumeMounts:
  - name: config
    mountPath: /etc/app
    readOnly: true
  - name: tmp
    mountPath: /tmp
",
    );
    text
}

const PROBES: &str = "  ports:
  - name: http
    containerPort: 8080
    protocol: TCP
  - name: metrics
    containerPort: 9090
  # Ready once the catalogue is loaded.
  readinessProbe:
    httpGet:
      path: /ready
      port: http
    initialDelaySeconds: 5
    periodSeconds: 10
    timeoutSeconds: 2
    failureThreshold: 3
  livenessProbe:
    httpGet:
      path: /live
      port: http
    initialDelaySeconds: 30
    periodSeconds: 20
    failureThreshold: 5
  lifecycle:
    preStop:
      sleep:
        seconds: 5
";

fn spread(app: &App<'_>) -> String {
    const HOST: &str = "kubernetes.io/hostname";
    const ZONE: &str = "topology.kubernetes.io/zone";
    let own = format!(
        "labelSelector:\n  matchLabels:\n    app.kubernetes.io/name: {}\n",
        app.name
    );
    let others = "labelSelector:\n  matchLabels:\n    app.kubernetes.io/name: gateway\n";
    let constraint = |key: &str, skew: u32, when: &str, selector: &str| {
        format!(
            "- maxSkew: {skew}\n  topologyKey: {key}\n  whenUnsatisfiable: {when}\n{}",
            indented(selector, 2)
        )
    };
    let constraints = |items: &str| format!("topologySpreadConstraints:\n{items}");
    let required = |key: &str, term: &str| {
        format!(
            "affinity:\n  podAntiAffinity:\n    requiredDuringSchedulingIgnoredDuringExecution:\n    - topologyKey: {key}\n{}",
            indented(term, 6)
        )
    };
    let preferred = |term: &str| {
        format!(
            "affinity:\n  podAntiAffinity:\n    preferredDuringSchedulingIgnoredDuringExecution:\n    - weight: 100\n      podAffinityTerm:\n        topologyKey: {HOST}\n{}",
            indented(term, 8)
        )
    };
    let expressions = |operator: &str| {
        format!(
            "labelSelector:\n  matchExpressions:\n  - key: app.kubernetes.io/name\n    operator: {operator}\n    values: [{}, gateway]\n",
            app.name
        )
    };
    let ceiling = app.scaling.bounds().1.max(1);
    match app.spread {
        Spread::Nothing => String::new(),
        Spread::Preferred => preferred(&own),
        Spread::Required => required(HOST, &own),
        Spread::Soft => constraints(&constraint(ZONE, 1, "ScheduleAnyway", &own)),
        Spread::Hard => constraints(&constraint(HOST, 1, "DoNotSchedule", &own)),
        Spread::HardByRevision => {
            let selector = format!("{own}matchLabelKeys: [pod-template-hash]\n");
            constraints(&constraint(HOST, 1, "DoNotSchedule", &selector))
        }
        Spread::NoSelector => constraints(&constraint(HOST, 1, "ScheduleAnyway", "")),
        Spread::OthersPods => constraints(&constraint(HOST, 1, "ScheduleAnyway", others)),
        Spread::OthersAntiAffinity => preferred(others),
        Spread::OddKey => required("example.com/rack", &own),
        Spread::OldKey => required("failure-domain.beta.kubernetes.io/zone", &own),
        Spread::WideSkew => constraints(&constraint(HOST, ceiling, "ScheduleAnyway", &own)),
        Spread::OtherNamespace => required(HOST, &format!("{own}namespaces: [elsewhere]\n")),
        Spread::EveryNamespace => required(HOST, &format!("{own}namespaceSelector: {{}}\n")),
        Spread::Expressions => preferred(&expressions("In")),
        Spread::NotItself => preferred(&expressions("NotIn")),
        Spread::OneOfTwo => constraints(
            &(constraint(ZONE, 1, "ScheduleAnyway", others) + &constraint(HOST, 1, "ScheduleAnyway", &own)),
        ),
    }
}

pub(super) fn service(app: &App<'_>) -> String {
    format!(
        "apiVersion: v1
kind: Service
{}spec:
  type: ClusterIP
  selector:
    app.kubernetes.io/name: {}
  ports:
  - name: http
    port: 80
    targetPort: http
    protocol: TCP
  - name: metrics
    port: 9090
    targetPort: metrics
",
        metadata(app, &app.name),
        app.name
    )
}

pub(super) fn autoscaler(app: &App<'_>) -> Option<String> {
    if !app.kind.is_scaled() {
        return None;
    }
    let (version, kind, min, max) = match app.scaling {
        Scaling::Autoscaled {
            version, min, max, ..
        } => (version, app.kind.name(), min, max),
        Scaling::OthersAutoscaler(kind) => ("autoscaling/v2", kind, Some(1), 9),
        Scaling::Replicas(_) | Scaling::Absent => return None,
    };
    let target = if kind == "Rollout" {
        "argoproj.io/v1alpha1"
    } else {
        "apps/v1"
    };
    let min = min.map_or_else(String::new, |min| format!("  minReplicas: {min}\n"));
    let metrics = match version {
        "autoscaling/v1" => "  targetCPUUtilizationPercentage: 70\n",
        _ => {
            "  metrics:\n  - type: Resource\n    resource:\n      name: cpu\n      target:\n        type: Utilization\n        averageUtilization: 70\n  behavior:\n    scaleDown:\n      stabilizationWindowSeconds: 300\n      policies:\n      - type: Percent\n        value: 50\n        periodSeconds: 60\n"
        }
    };
    Some(format!(
        "apiVersion: {version}\nkind: HorizontalPodAutoscaler\n{}spec:\n  scaleTargetRef:\n    apiVersion: {target}\n    kind: {kind}\n    name: {}\n{min}  maxReplicas: {max}\n{metrics}",
        metadata(app, &app.name),
        app.name
    ))
}

pub(super) fn budget(app: &App<'_>, budget: Budget) -> String {
    let unhealthy = match budget.lets_unhealthy_go {
        true => "  unhealthyPodEvictionPolicy: AlwaysAllow\n",
        false => "",
    };
    format!(
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\n{}spec:\n  {}\n{unhealthy}  selector:\n    matchLabels:\n      app.kubernetes.io/name: {}\n",
        metadata(app, &app.name),
        budget.number,
        app.name
    )
}

/// What `kubectl get` writes beside a Deployment: its own ReplicaSet, which nobody judges.
pub(super) fn owned_replica_set(app: &App<'_>) -> String {
    let name = format!("{}-6f7d9c", app.name);
    format!(
        "apiVersion: apps/v1\nkind: ReplicaSet\n{}  ownerReferences:\n  - apiVersion: apps/v1\n    kind: Deployment\n    name: {}\n    uid: 7d0c5a2e-0000-4000-8000-{:012}\n    controller: true\nspec:\n  replicas: 1\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: {}\n{}",
        metadata(app, &name),
        app.name,
        app.number,
        app.name,
        indented(&template(app), 2)
    )
}

/// Read by nobody here; half of a real repository's bytes.
pub(super) fn config_map(app: &App<'_>) -> String {
    let mut text = format!(
        "apiVersion: v1\nkind: ConfigMap\n{}data:\n",
        metadata(app, &app.name)
    );
    let _ = write!(
        text,
        "  LOG_LEVEL: info
  REGION: eu-west-{}
  # Read at start; a change needs a rollout.
  application.yaml: |
    server:
      port: 8080
      shutdown: graceful
    upstreams:
",
        app.number % 3 + 1
    );
    for upstream in 0..9 + app.number % 12 {
        let _ = write!(
            text,
            "      - name: upstream-{upstream}
        url: https://upstream-{upstream}.team-{}.svc.cluster.local:8443/v1
        timeout: {}s
        retries: 3 # the first one at once
",
            app.team.number,
            5 + upstream
        );
    }
    text.push_str(
        "  nginx.conf: |\n    worker_processes auto;\n    events { worker_connections 1024; }\n    http {\n",
    );
    for route in 0..12 + app.number % 13 {
        let _ = write!(
            text,
            "      location /route-{route}/ {{
        proxy_pass http://127.0.0.1:80{:02};
        proxy_set_header Host $host;
      }}

",
            route + 10
        );
    }
    text.push_str("    }\n");
    text
}
