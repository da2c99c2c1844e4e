use super::*;
use crate::index::Index;
use crate::model::config::ClusterVersion;
use crate::model::testing::{lease, node, wall};

/// One node and its history; seconds on both clocks, the monotonic one 1,000 s ahead.
struct Watch {
    index: Index,
    history: NodeHistory,
    config: DetectorConfig,
}

fn now(seconds: u64) -> Now {
    Now {
        at: Moment((seconds + 1_000) * 1_000),
        wall: wall(i64::try_from(seconds).expect("a short trace")),
    }
}

impl Watch {
    fn restored(prior: &PriorNode, at: u64) -> Self {
        let mut index = Index::complete(ClusterVersion::NEWEST);
        index.apply(lease("n1", 0).object(), now(at).at);
        Watch {
            index,
            history: NodeHistory::restore(prior, now(at)),
            // Heartbeats have tests of their own.
            config: DetectorConfig {
                heartbeat_gap: std::time::Duration::from_secs(86_400),
                ..DetectorConfig::default()
            },
        }
    }

    fn new() -> Self {
        let mut watch = Watch::restored(&PriorNode::default(), 0);
        watch.see(0, node("n1"));
        watch
    }

    fn see(&mut self, at: u64, node: Node) -> Option<Moment> {
        self.index.apply(node.object(), now(at).at);
        self.wait(at)
    }

    fn wait(&mut self, at: u64) -> Option<Moment> {
        let node = self.index.node("n1").expect("it was applied");
        self.history.observe(&node, false, now(at), &self.config).due
    }

    fn health(&self, at: u64) -> Option<NodeHealth> {
        let node = self.index.node("n1").expect("it was applied");
        self.history.health(&node, now(at), &self.config)
    }

    fn silences(&self) -> usize {
        self.history.silences.len()
    }

    fn limbo(&self, at: u64) -> Option<(&'static str, u32)> {
        self.health(at)?
            .limbo
            .map(|limbo| (limbo.mechanism, limbo.episodes))
    }
}

fn unknown(second: i64) -> Node {
    node("n1").unknown_since(second)
}

fn ready(second: i64) -> Node {
    node("n1").ready_since(second)
}

#[test]
fn a_healthy_node_has_no_health_to_speak_of() {
    let watch = Watch::new();
    assert_eq!(watch.health(0), None);
    assert_eq!(watch.silences(), 0);
}

#[test]
fn the_second_silence_in_the_window_is_limbo_and_so_is_the_node_when_it_is_back() {
    let mut watch = Watch::new();
    watch.see(100, unknown(100));
    assert_eq!(watch.limbo(100), None);
    watch.see(200, ready(200));
    assert_eq!(watch.health(200), None, "one return is no limbo yet");
    watch.see(300, unknown(300));
    assert_eq!(watch.limbo(300), Some((FLAPPING, 2)));
    watch.see(400, ready(400));
    let health = watch.health(400).expect("in limbo");
    assert_eq!((health.status, health.since), (ReadyStatus::True, None));
}

#[test]
fn two_silences_exactly_a_window_apart_are_no_limbo() {
    for (second, expected) in [(999, Some((FLAPPING, 2))), (1_000, None)] {
        let mut watch = Watch::new();
        watch.see(100, unknown(100));
        watch.see(200, ready(200));
        watch.see(second, unknown(second.cast_signed()));
        assert_eq!(
            watch.limbo(second),
            expected,
            "100 s and {second} s, window 900 s"
        );
    }
}

#[test]
fn limbo_ends_when_the_mechanism_has_been_gone_for_the_quiet_time() {
    let mut watch = Watch::new();
    watch.see(100, unknown(100));
    watch.see(200, ready(200));
    watch.see(300, unknown(300));
    let due = watch.see(400, ready(400));
    assert_eq!(due, Some(now(1_000).at), "the window's end, then the quiet time");
    assert_eq!(watch.wait(1_000), Some(now(1_600).at));
    assert!(watch.limbo(1_599).is_some());
    watch.wait(1_600);
    assert_eq!(watch.limbo(1_600), None);
}

#[test]
fn the_same_event_twice_or_late_is_the_same_silence() {
    let mut watch = Watch::new();
    watch.see(100, unknown(100));
    watch.see(101, unknown(100));
    watch.see(200, ready(200));
    watch.see(201, unknown(100));
    watch.see(202, ready(200));
    assert_eq!(watch.silences(), 1);
    watch.see(300, unknown(300));
    assert_eq!(watch.silences(), 2);
}

#[test]
fn a_return_that_nobody_saw_counts() {
    let mut watch = Watch::new();
    watch.see(100, unknown(100));
    watch.see(400, unknown(390));
    assert_eq!(watch.limbo(400), Some((FLAPPING, 2)));
    assert_eq!(watch.health(400).and_then(|h| h.since), Some(wall(390)));
}

#[test]
fn false_and_unknown_are_one_silence_dated_from_its_beginning() {
    let mut watch = Watch::new();
    watch.see(100, node("n1").false_since(100));
    let health = watch.health(100).expect("not ready");
    assert_eq!(
        health.last_heartbeat, None,
        "its kubelet goes on renewing the Lease"
    );
    watch.see(160, unknown(160));
    watch.see(161, node("n1").false_since(161));
    assert_eq!(watch.silences(), 1);
    assert_eq!(watch.health(161).and_then(|h| h.since), Some(wall(100)));
}

#[test]
fn the_last_heartbeat_is_what_was_seen_and_does_not_move() {
    let mut watch = Watch::new();
    watch.index.apply(lease("n1", 5).object(), now(45).at);
    watch.see(100, unknown(100));
    for at in [100, 250] {
        watch.wait(at);
        let health = watch.health(at).expect("silent");
        assert_eq!(
            health.last_heartbeat,
            Some(wall(45)),
            "whatever the node's own clock says"
        );
        assert_eq!(health.no_execute_since, Some(wall(100)));
    }
}

#[test]
fn a_node_that_was_silent_before_anybody_looked_is_dated_by_its_stamp() {
    let mut watch = Watch::restored(&PriorNode::default(), 500);
    watch.see(500, unknown(100));
    let health = watch.health(500).expect("silent");
    assert_eq!(health.last_heartbeat, Some(wall(100)));
    watch.see(600, ready(600));
    watch.see(999, unknown(999));
    assert_eq!(watch.limbo(999), Some((FLAPPING, 2)), "the first began at 100 s");
}

#[test]
fn a_restart_in_the_middle_of_a_silence_counts_it_once() {
    let prior = PriorNode {
        silences: vec![wall(101)],
        ..PriorNode::default()
    };
    let mut watch = Watch::restored(&prior, 200);
    watch.see(200, unknown(100));
    assert_eq!(watch.silences(), 1);
    watch.see(300, ready(300));
    watch.see(400, unknown(400));
    assert_eq!(watch.limbo(400), Some((FLAPPING, 2)));
}

#[test]
fn a_restart_forgets_no_silence_and_sees_the_one_that_began_meanwhile() {
    let prior = PriorNode {
        silences: vec![wall(101)],
        ..PriorNode::default()
    };
    let mut watch = Watch::restored(&prior, 700);
    watch.see(700, unknown(650));
    assert_eq!(watch.limbo(700), Some((FLAPPING, 2)));
    let mut watch = Watch::restored(&prior, 1_100);
    watch.see(1_100, unknown(1_050));
    assert_eq!(watch.limbo(1_100), None, "a window later");
}

#[test]
fn a_restart_while_in_limbo_goes_on_with_it() {
    let prior = PriorNode {
        silences: vec![wall(100), wall(300)],
        ..PriorNode::default()
    };
    let mut watch = Watch::restored(&prior, 500);
    let due = watch.see(500, ready(400));
    assert_eq!(
        (watch.limbo(500), due),
        (Some((FLAPPING, 2)), Some(now(1_000).at))
    );
}

#[test]
fn silences_of_an_earlier_node_of_that_name_do_not_count() {
    let prior = PriorNode {
        silences: vec![wall(100), wall(300)],
        ..PriorNode::default()
    };
    let mut watch = Watch::restored(&prior, 500);
    watch.see(
        500,
        Node {
            created: Some(wall(400)),
            ..ready(400)
        },
    );
    assert_eq!(watch.health(500), None);

    let mut watch = Watch::new();
    watch.see(100, unknown(100));
    watch.see(
        200,
        Node {
            uid: "another".into(),
            ..ready(200)
        },
    );
    watch.see(
        300,
        Node {
            uid: "another".into(),
            ..unknown(300)
        },
    );
    assert_eq!(watch.limbo(300), None);
}

#[test]
fn a_reboot_is_no_silence() {
    let mut watch = Watch::new();
    let rebooted = |node: Node| Node {
        boot_id: "boot-2".into(),
        ..node
    };
    watch.see(100, unknown(100));
    watch.see(200, ready(200));
    watch.see(300, unknown(300));
    assert!(watch.limbo(300).is_some());
    watch.see(400, rebooted(ready(400)));
    assert_eq!(watch.health(400), None);
    assert_eq!(watch.history.limbo_withdrawn(), Some("the node was rebooted"));
    watch.see(500, rebooted(unknown(500)));
    assert_eq!(watch.limbo(500), Some((FLAPPING, 2)), "the first still counts");
    assert_eq!(watch.history.limbo_withdrawn(), None);
}

#[test]
fn a_fast_reboot_that_only_shows_as_false_is_no_silence() {
    let mut watch = Watch::new();
    let rebooted = |node: Node| Node {
        boot_id: "boot-2".into(),
        ..node
    };
    watch.see(100, rebooted(node("n1").false_since(100)));
    watch.see(110, rebooted(ready(110)));
    assert_eq!(watch.silences(), 0);
}

#[test]
fn an_upgrade_is_no_silence_and_an_empty_id_says_nothing() {
    let mut watch = Watch::new();
    watch.see(100, unknown(100));
    watch.see(
        110,
        Node {
            boot_id: "".into(),
            kubelet_version: "".into(),
            ..ready(110)
        },
    );
    assert_eq!(watch.silences(), 1);
    watch.see(200, unknown(200));
    watch.see(
        300,
        Node {
            kubelet_version: "v1.37.0".into(),
            ..ready(300)
        },
    );
    assert_eq!(watch.silences(), 1);
    assert_eq!(watch.history.withdrawn(), Some("the node's kubelet was upgraded"));
}

#[test]
fn what_happens_to_a_node_that_is_not_judged_does_not_count() {
    let mut watch = Watch::new();
    watch.see(100, unknown(100).cordoned());
    watch.see(200, ready(200).cordoned());
    watch.see(300, unknown(300));
    assert_eq!((watch.silences(), watch.limbo(300)), (1, None));
    watch.see(400, ready(400));
    watch.see(500, unknown(500));
    assert!(watch.limbo(500).is_some());
    watch.see(510, unknown(500).cordoned());
    let health = watch.health(510).expect("silent");
    assert_eq!(
        (health.limbo, health.suppressed.as_deref()),
        (None, Some("cordoned"))
    );
}

#[test]
fn a_node_that_has_not_been_ready_since_it_joined_has_not_fallen_silent() {
    let joining = |node: Node| Node {
        created: Some(wall(100)),
        ..node
    };
    let mut watch = Watch::restored(&PriorNode::default(), 400);
    watch.see(400, joining(node("n1").false_since(101)));
    assert_eq!(watch.silences(), 0);
    watch.see(450, joining(ready(450)));
    watch.see(500, joining(unknown(500)));
    assert_eq!((watch.silences(), watch.limbo(500)), (1, None));
}

#[test]
fn a_wall_clock_that_jumps_changes_nothing() {
    let mut watch = Watch::new();
    watch.see(100, unknown(100));
    watch.see(200, ready(200));
    let node = watch.index.node("n1").expect("it was applied");
    for wall_seconds in [-90_000, 90_000] {
        let jumped = Now {
            at: now(300).at,
            wall: wall(wall_seconds),
        };
        watch.history.observe(&node, false, jumped, &watch.config);
    }
    watch.see(999, unknown(5_000));
    assert_eq!(watch.limbo(999), Some((FLAPPING, 2)));
}

#[test]
fn the_history_stays_below_1_kib() {
    let mut watch = Watch::new();
    for i in 0..60 {
        watch.see(60 * i + 1, unknown(60 * i.cast_signed() + 1));
        watch.see(60 * i + 2, ready(60 * i.cast_signed() + 2));
    }
    assert_eq!(watch.silences(), MAX_SILENCES);
    assert!(watch.history.silences.capacity() <= MAX_SILENCES);
    assert_eq!(
        watch.limbo(3_542),
        Some((FLAPPING, 15)),
        "those of the last 15 min"
    );
    let bytes = size_of::<NodeHistory>() + MAX_SILENCES * size_of::<Silence>();
    assert!(bytes <= 1_024, "{bytes}");
}
