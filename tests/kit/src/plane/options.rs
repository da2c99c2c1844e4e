//! What a plane may be asked to do differently.

use std::time::Duration;

/// How a plane is started. `Options::default()` is the fast lane for tests: a grace of 8 s in place of 50 s, a factor of
/// 0.16, and Leases of 6 s. kwok renews a Lease four times in its duration, so every 1.5 s, where a real node's 10 s would
/// be 1.6 s; Leases have whole seconds.
#[derive(Debug, Clone)]
pub struct Options {
    pub(super) node_monitor_grace: Duration,
    pub(super) node_lease: Duration,
    pub(super) ready_timeout: Duration,
    pub(super) pods_recover: bool,
    pub(super) keep: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            node_monitor_grace: Duration::from_secs(8),
            node_lease: Duration::from_secs(6),
            ready_timeout: Duration::from_secs(90),
            pods_recover: true,
            keep: std::env::var_os("PLIMSOLL_KIT_KEEP").is_some(),
        }
    }
}

impl Options {
    /// Kubernetes' own timers: 50 s of grace, Leases of 40 s, renewed every 10 s. The lane in which nothing is scaled.
    #[must_use]
    pub fn real_timers() -> Self {
        Self {
            node_monitor_grace: Duration::from_secs(50),
            node_lease: Duration::from_secs(40),
            ..Self::default()
        }
    }

    /// How long a node may be silent before the node controller says Ready=Unknown (default 8 s).
    #[must_use]
    pub fn node_monitor_grace(mut self, grace: Duration) -> Self {
        self.node_monitor_grace = grace;
        self
    }

    /// How long etcd, the API server and the controllers may take to become ready (default 90 s).
    #[must_use]
    pub fn ready_timeout(mut self, timeout: Duration) -> Self {
        self.ready_timeout = timeout;
        self
    }

    /// Whether pods become Ready again two seconds after their node came back, as a kubelet would have it (default).
    /// Without it they stay Ready=False with ContainersReady=True for ever, which is a kind of limbo of its own.
    #[must_use]
    pub fn pods_recover(mut self, recover: bool) -> Self {
        self.pods_recover = recover;
        self
    }

    /// Leaves the folder with logs behind (default: only with `PLIMSOLL_KIT_KEEP` in the environment).
    #[must_use]
    pub fn keep(mut self, keep: bool) -> Self {
        self.keep = keep;
        self
    }
}
