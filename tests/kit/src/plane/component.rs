//! The five processes and their command lines.

use super::layout::Layout;
use crate::rig::Tool;

/// A process of the plane, in the order in which they are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// The store.
    Etcd,
    /// The API server.
    Apiserver,
    /// Node life cycle, taint eviction, workload controllers, garbage collection.
    ControllerManager,
    /// The scheduler.
    Scheduler,
    /// The kubelets of all nodes.
    Kwok,
}

impl Component {
    /// All of them, in the order of their start; they are stopped in the opposite order.
    pub const ALL: [Component; 5] = [
        Component::Etcd,
        Component::Apiserver,
        Component::ControllerManager,
        Component::Scheduler,
        Component::Kwok,
    ];

    /// The binary.
    #[must_use]
    pub fn tool(self) -> Tool {
        match self {
            Component::Etcd => Tool::Etcd,
            Component::Apiserver => Tool::KubeApiserver,
            Component::ControllerManager => Tool::KubeControllerManager,
            Component::Scheduler => Tool::KubeScheduler,
            Component::Kwok => Tool::Kwok,
        }
    }

    /// Its command line.
    pub(super) fn args(self, layout: &Layout) -> Vec<String> {
        match self {
            Component::Etcd => etcd(layout),
            Component::Apiserver => apiserver(layout),
            Component::ControllerManager => controller_manager(layout),
            Component::Scheduler => scheduler(layout),
            Component::Kwok => kwok(layout),
        }
    }
}

/// `--name=value` for each pair.
fn flags<const N: usize>(pairs: [(&str, String); N]) -> Vec<String> {
    pairs
        .into_iter()
        .map(|(name, value)| format!("--{name}={value}"))
        .collect()
}

fn etcd(layout: &Layout) -> Vec<String> {
    let clients = format!("http://127.0.0.1:{}", layout.ports.etcd);
    flags([
        ("data-dir", layout.path("etcd")),
        ("listen-client-urls", clients.clone()),
        ("advertise-client-urls", clients),
        (
            "listen-peer-urls",
            format!("http://127.0.0.1:{}", layout.ports.etcd_peer),
        ),
        // Nothing here has to survive a power cut.
        ("unsafe-no-fsync", "true".into()),
        ("log-level", "warn".into()),
    ])
}

fn apiserver(layout: &Layout) -> Vec<String> {
    let pki = &layout.pki;
    let mut args = flags([
        ("etcd-servers", format!("http://127.0.0.1:{}", layout.ports.etcd)),
        ("secure-port", layout.ports.apiserver.to_string()),
        ("bind-address", "127.0.0.1".into()),
        // There is no one to reach the `kubernetes` Service.
        ("endpoint-reconciler-type", "none".into()),
        // Of this machine: so the API server reaches what stands for a Service there, without a proxy.
        ("service-cluster-ip-range", "127.77.0.0/24".into()),
        ("authorization-mode", "Node,RBAC".into()),
        ("allow-privileged", "true".into()),
        ("cert-dir", layout.path("certs")),
        ("tls-cert-file", pki.file("server.crt")),
        ("tls-private-key-file", pki.file("server.key")),
        ("client-ca-file", pki.file("ca.crt")),
        ("service-account-issuer", layout.server()),
        ("service-account-key-file", pki.file("sa.pub")),
        ("service-account-signing-key-file", pki.file("sa.key")),
    ]);
    // Aggregated APIs.
    args.extend(flags([
        ("proxy-client-cert-file", pki.file("front-proxy.crt")),
        ("proxy-client-key-file", pki.file("front-proxy.key")),
        ("requestheader-client-ca-file", pki.file("ca.crt")),
        ("requestheader-allowed-names", "front-proxy".into()),
        ("requestheader-username-headers", "X-Remote-User".into()),
        ("requestheader-group-headers", "X-Remote-Group".into()),
        ("requestheader-extra-headers-prefix", "X-Remote-Extra-".into()),
    ]));
    args.extend(flags([
        ("audit-policy-file", layout.path("audit-policy.yaml")),
        ("audit-log-path", layout.path("audit.log")),
        // Rotation would lose what tests count (MB; the default rotates at 100).
        ("audit-log-maxsize", "100000".into()),
    ]));
    args
}

fn controller_manager(layout: &Layout) -> Vec<String> {
    flags([
        ("kubeconfig", layout.kubeconfig("kube-controller-manager")),
        (
            "authorization-always-allow-paths",
            "/healthz,/readyz,/livez,/metrics".into(),
        ),
        ("bind-address", "127.0.0.1".into()),
        ("secure-port", layout.ports.controller_manager.to_string()),
        ("root-ca-file", layout.pki.file("ca.crt")),
        ("service-account-private-key-file", layout.pki.file("sa.key")),
        ("leader-elect", "false".into()),
        ("use-service-account-credentials", "true".into()),
        // By default 20 and 30 a second: some tests plant hundreds of workloads.
        ("kube-api-qps", "200".into()),
        ("kube-api-burst", "400".into()),
        ("node-monitor-period", "1s".into()),
        (
            "node-monitor-grace-period",
            format!("{}s", layout.options.node_monitor_grace.as_secs()),
        ),
    ])
}

fn scheduler(layout: &Layout) -> Vec<String> {
    flags([
        ("kubeconfig", layout.kubeconfig("kube-scheduler")),
        ("bind-address", "127.0.0.1".into()),
        ("secure-port", layout.ports.scheduler.to_string()),
        ("leader-elect", "false".into()),
    ])
}

fn kwok(layout: &Layout) -> Vec<String> {
    flags([
        ("kubeconfig", layout.kubeconfig("kwok")),
        ("config", layout.path("kwok.yaml")),
        ("manage-all-nodes", "true".into()),
        ("node-ip", "127.0.0.1".into()),
        (
            "node-lease-duration-seconds",
            layout.options.node_lease.as_secs().to_string(),
        ),
    ])
}
