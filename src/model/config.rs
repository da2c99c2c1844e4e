//! Every duration and threshold that detectors use, in one place, and what is known of the cluster itself.

use std::ops::RangeInclusive;
use std::time::Duration;

/// When detectors speak. Defaults suit a cluster with default timers (kubelet heartbeats every 10 s, a grace of 50 s before
/// `Ready=Unknown`, eviction after 300 s).
#[derive(Clone, Debug, PartialEq)]
pub struct DetectorConfig {
    /// How long all replicas must sit on one node (or in one zone) before `co-located` says so.
    pub co_location_settle: Duration,
    /// A share of replicas on one node from which `co-located` speaks although others sit elsewhere, percent.
    pub large_share_percent: u32,
    /// From how many replicas on the share counts.
    pub large_share_min_replicas: u32,
    /// How long a workload may be without a ready replica before `unavailable`.
    pub unavailable_after: Duration,
    /// How long fewer replicas may be ready than wanted before the verdict is `Degraded`.
    pub degraded_after: Duration,
    /// The window in which a node's silences are counted.
    pub limbo_window: Duration,
    /// Silences in the window from which a node is in limbo (mechanism L1).
    pub limbo_episodes: u32,
    /// How long the mechanism must be gone before a node is out of limbo.
    pub limbo_quiet: Duration,
    /// What eviction may be late by before a node counts as past its due time: the taint manager's own delay.
    pub eviction_slack: Duration,
    /// A node younger than this is not judged: it is still joining.
    pub node_min_age: Duration,
    /// A heartbeat that is older is late: a renewal (10 s, and up to 4 % of jitter) was missed. Halfway between that and the
    /// age of all other heartbeats when they stopped together and the first of them has become a `heartbeat_gap`.
    pub heartbeat_late: Duration,
    /// How long a node that counts as Ready may send no heartbeat before `heartbeat-gap`: two renewals were missed.
    pub heartbeat_gap: Duration,
    /// Shortest and longest of the gaps that are counted: two missed renewals, and the grace of Kubernetes.
    pub heartbeat_short_gap: (Duration, Duration),
    /// As many of these in the window are a warning.
    pub heartbeat_gaps: u32,
    /// The window in which they are counted, and for how long heartbeats must be regular again.
    pub heartbeat_window: Duration,
    /// The share of a zone's nodes that must be not ready for `zone-down`, percent (the node controller's own threshold).
    pub zone_down_percent: usize,
    /// And how many at least, unless it is all of them.
    pub zone_down_nodes: usize,
    /// Nodes that change within this time change together: two ticks of the node controller.
    pub mass_window: Duration,
    /// As many nodes across zones changing together make the control plane suspect, percent.
    pub mass_percent: usize,
    /// And how many at least.
    pub mass_nodes: usize,
    /// How long after the last sign that the control plane is to blame single nodes are not judged.
    pub suspect_cool_down: Duration,
    /// How long verdicts stay as they are once the API server is heard again. The node controller was blind as well and may
    /// have taken all nodes for silent: two renewals of a Lease (10 s each), two of its ticks (5 s each), and 10 s in which
    /// kubelets tell again that their pods are ready.
    pub thaw_settle: Duration,
    /// How long a recovered finding stays before it closes without an acknowledgement.
    pub latch_quiet: Duration,
}

impl Default for DetectorConfig {
    fn default() -> Self {
        DetectorConfig {
            co_location_settle: Duration::from_secs(10),
            large_share_percent: 80,
            large_share_min_replicas: 5,
            unavailable_after: Duration::from_secs(10),
            degraded_after: Duration::from_secs(5 * 60),
            limbo_window: Duration::from_secs(15 * 60),
            limbo_episodes: 2,
            limbo_quiet: Duration::from_secs(10 * 60),
            eviction_slack: Duration::from_secs(15),
            node_min_age: Duration::from_secs(60),
            heartbeat_late: Duration::from_millis(12_500),
            heartbeat_gap: Duration::from_secs(25),
            heartbeat_short_gap: (Duration::from_secs(20), Duration::from_secs(50)),
            heartbeat_gaps: 3,
            heartbeat_window: Duration::from_secs(5 * 60),
            zone_down_percent: 55,
            zone_down_nodes: 3,
            mass_window: Duration::from_secs(10),
            mass_percent: 20,
            mass_nodes: 3,
            suspect_cool_down: Duration::from_secs(5 * 60),
            thaw_settle: Duration::from_secs(40),
            latch_quiet: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

impl DetectorConfig {
    /// The factors that [`DetectorConfig::scaled`] takes: beyond them no cluster's timers are, the shortest durations come
    /// near the clock's millisecond, and the longest would overflow.
    pub const SCALES: RangeInclusive<f64> = 0.001..=1000.0;

    /// All durations times `factor`, which is one of [`DetectorConfig::SCALES`], for clusters (and tests) whose timers are shorter than the defaults. Counts, shares
    /// and [`DetectorConfig::latch_quiet`], which is about people, stay.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        // Exhaustive, so that a new duration cannot be forgotten here.
        let DetectorConfig {
            co_location_settle,
            large_share_percent,
            large_share_min_replicas,
            unavailable_after,
            degraded_after,
            limbo_window,
            limbo_episodes,
            limbo_quiet,
            eviction_slack,
            node_min_age,
            heartbeat_late,
            heartbeat_gap,
            heartbeat_short_gap: (shortest, longest),
            heartbeat_gaps,
            heartbeat_window,
            zone_down_percent,
            zone_down_nodes,
            mass_window,
            mass_percent,
            mass_nodes,
            suspect_cool_down,
            thaw_settle,
            latch_quiet,
        } = self;
        DetectorConfig {
            co_location_settle: co_location_settle.mul_f64(factor),
            large_share_percent,
            large_share_min_replicas,
            unavailable_after: unavailable_after.mul_f64(factor),
            degraded_after: degraded_after.mul_f64(factor),
            limbo_window: limbo_window.mul_f64(factor),
            limbo_episodes,
            limbo_quiet: limbo_quiet.mul_f64(factor),
            eviction_slack: eviction_slack.mul_f64(factor),
            node_min_age: node_min_age.mul_f64(factor),
            heartbeat_late: heartbeat_late.mul_f64(factor),
            heartbeat_gap: heartbeat_gap.mul_f64(factor),
            heartbeat_short_gap: (shortest.mul_f64(factor), longest.mul_f64(factor)),
            heartbeat_gaps,
            heartbeat_window: heartbeat_window.mul_f64(factor),
            zone_down_percent,
            zone_down_nodes,
            mass_window: mass_window.mul_f64(factor),
            mass_percent,
            mass_nodes,
            suspect_cool_down: suspect_cool_down.mul_f64(factor),
            thaw_settle: thaw_settle.mul_f64(factor),
            latch_quiet,
        }
    }
}

/// A Kubernetes 1.x version: only the minor counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterVersion(pub u32);

impl ClusterVersion {
    /// The newest that this build knows: what files are judged against unless told otherwise.
    pub const NEWEST: ClusterVersion = ClusterVersion(36);
    /// `matchLabelKeys` of topology spread constraints is on by default (KEP-3243, beta).
    pub const SPREAD_MATCH_LABEL_KEYS: ClusterVersion = ClusterVersion(27);
    /// `unhealthyPodEvictionPolicy` of PodDisruptionBudgets is on by default (KEP-3017, beta).
    pub const UNHEALTHY_POD_EVICTION_POLICY: ClusterVersion = ClusterVersion(27);
    /// `maxUnavailable` of a StatefulSet's rolling update is on by default (KEP-961); it was in 1.35.0 to 1.35.3 too, and then
    /// taken back.
    pub const STATEFUL_SET_MAX_UNAVAILABLE: ClusterVersion = ClusterVersion(37);
    /// `matchLabelKeys` and `mismatchLabelKeys` of pod affinity are on by default (KEP-3633, beta).
    pub const AFFINITY_MATCH_LABEL_KEYS: ClusterVersion = ClusterVersion(31);
    /// Pod-level resources are on by default (KEP-2837, beta).
    pub const POD_LEVEL_RESOURCES: ClusterVersion = ClusterVersion(34);
    /// From here on the scheduler counts the host ports of native sidecars too (kubernetes/kubernetes#132040).
    pub const SIDECARS_TAKE_HOST_PORTS: ClusterVersion = ClusterVersion(34);

    /// Reads `1.36`, `v1.36`, `v1.36.4` or `1.36+`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<ClusterVersion> {
        let rest = text.strip_prefix('v').unwrap_or(text).strip_prefix("1.")?;
        let digits: &str = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok().map(ClusterVersion)
    }
}
