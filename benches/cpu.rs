//! `cargo bench --bench cpu`: what an event costs that changes nothing, one that does, and a judgement of everything.
//!
//! Times are CPU time of this process. Batches of events are skipped, read, applied and judged in turns of a few hundred
//! microseconds, so that a ratio compares neighbours in time. Before each turn the batch's text is copied anew, which is
//! what reading it from a socket does; and each step of a turn has a batch of its own, so that none finds the index's
//! rows in a cache where the step before it has left them. A round is over when each step has had each batch: one ratio
//! a round, of which the median and the least are printed.

mod support;

use std::hint::black_box;
use std::time::Duration;

use jiff::Timestamp;
use plimsoll::engine::Engine;
use plimsoll::model::keys::Kind;
use plimsoll::model::object::Object;
use plimsoll::model::time::Now;
use plimsoll::policy::Policy;
use plimsoll::rules::{self, Question};
use plimsoll::source::projection::pod_of_event;
use serde::de::IgnoredAny;

use support::cluster::{Cluster, PodAt};
use support::{
    end_lists, engine_without_pods, feed_pods, figure, goal, median, micros, now, object, section, size,
    timed,
};

/// Events that are measured together: about 0.3 MB.
const BATCH: usize = 32;
const BATCHES: usize = 256;
const ROUNDS: usize = 40;
const COLD_STARTS: usize = 3;

fn main() {
    let cluster = Cluster::new(size());
    section(&format!(
        "CPU: {} pods, {} workloads, {} nodes",
        cluster.size.pods(),
        cluster.size.workloads,
        cluster.size.nodes
    ));
    let mut engine = judge_everything(&cluster);
    // Past the settle times, so that no timer is due while events are measured; and all nodes have been heard of lately.
    let at = now(60);
    cluster.each_lease(55, |json| {
        let lease = object(Kind::Lease, json.as_bytes());
        engine.index_mut().apply(lease, now(55).at);
    });
    engine.judge(at);
    unchanged_events(&mut engine, &cluster, at);
    changed_events(&mut engine, &cluster, at);
}

fn judge_everything(cluster: &Cluster) -> Engine {
    let mut text = String::new();
    let mut cold = || {
        let mut engine = engine_without_pods(cluster);
        feed_pods(&mut engine, cluster, &mut text);
        end_lists(&mut engine);
        engine.lead(true, now(0).at);
        let (time, decisions) = timed(|| engine.judge(now(0)));
        (time, decisions.len(), engine)
    };
    let mut times = Vec::new();
    let (first, decisions, engine) = cold();
    times.push(micros(first));
    times.extend((1..COLD_STARTS).map(|_| micros(cold().0)));
    let subjects = cluster.size.workloads + cluster.size.nodes;
    figure(
        &format!("judge everything, cold and leading ({decisions} reports to write)"),
        &total(median(&mut times), subjects),
    );
    let keys = engine.index().workload_keys();
    let policy = Policy::default();
    let mut times: Vec<f64> = (0..5).map(|_| micros(rules_only(&engine, &policy))).collect();
    figure(
        "rules alone, every workload",
        &total(median(&mut times), keys.len()),
    );
    engine
}

fn rules_only(engine: &Engine, policy: &Policy) -> Duration {
    let index = engine.index();
    let keys = index.workload_keys();
    let (time, ()) = timed(|| {
        for view in keys.iter().filter_map(|key| index.view(key)) {
            black_box(rules::judge(&Question {
                view,
                policy,
                now: Timestamp::UNIX_EPOCH,
            }));
        }
    });
    time
}

/// Some pods from all over the cluster.
fn sample(cluster: &Cluster, count: usize) -> Vec<PodAt> {
    let step = (cluster.size.pods() / count).max(1);
    cluster.pods().step_by(step).take(count).collect()
}

fn read(line: &str) -> Object {
    let parts = pod_of_event(line.as_bytes())
        .expect("an event")
        .expect("of a pod");
    parts.1.expect("a pod that can be read")
}

/// What is done with an event; each step includes those before it, except for the first.
#[derive(Clone, Copy, Debug)]
enum Step {
    Skip,
    Read,
    Apply,
    Judge,
}

const STEPS: [Step; 4] = [Step::Skip, Step::Read, Step::Apply, Step::Judge];

impl Step {
    fn run(self, engine: &mut Engine, line: &str, at: Now) {
        match self {
            Step::Skip => drop(black_box(
                serde_json::from_slice::<IgnoredAny>(line.as_bytes()).expect("JSON"),
            )),
            Step::Read => drop(black_box(read(line))),
            Step::Apply => engine.index_mut().apply(read(line), at.at),
            Step::Judge => {
                engine.index_mut().apply(read(line), at.at);
                drop(black_box(engine.judge(at)));
            }
        }
    }
}

/// The time that each step takes for every event.
fn round(engine: &mut Engine, lines: &[String], at: Now) -> [Duration; 4] {
    let batches: Vec<&[String]> = lines.chunks(BATCH).collect();
    let mut sums = [Duration::ZERO; 4];
    let mut received: Vec<String> = Vec::new();
    for turn in 0..batches.len() {
        for (nth, step) in STEPS.into_iter().enumerate() {
            let batch = batches[(turn + nth * batches.len() / STEPS.len()) % batches.len()];
            batch.clone_into(&mut received);
            let (time, ()) = timed(|| received.iter().for_each(|line| step.run(engine, line, at)));
            sums[nth] += time;
        }
    }
    sums
}

fn unchanged_events(engine: &mut Engine, cluster: &Cluster, at: Now) {
    let pods = sample(cluster, BATCH * BATCHES);
    let lines: Vec<String> = pods.iter().map(|pod| cluster.pod_event(*pod)).collect();
    let mut rounds: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        let sums = round(engine, &lines, at);
        let events = lines.len() as f64;
        rounds
            .iter_mut()
            .zip(sums)
            .for_each(|(round, sum)| round.push(micros(sum) / events));
    }
    assert!(!engine.index().is_dirty(), "these events change nothing");
    let bytes = lines.iter().map(String::len).sum::<usize>() / lines.len();
    let [skip, parse, apply, judge] = rounds;
    figure(
        &format!("skip an unchanged pod event of {bytes} bytes"),
        &format!("{:.2} us", median(&mut skip.clone())),
    );
    let names = ["read it", "read and apply it", "read, apply and judge"];
    for (name, times) in names.into_iter().zip([parse, apply, judge]) {
        let mut ratios: Vec<f64> = times.iter().zip(&skip).map(|(time, skip)| time / skip).collect();
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let middle = median(&mut ratios);
        let time = median(&mut times.clone());
        goal(
            &format!("{name}: times skipping it, median (least)"),
            middle,
            2.0,
            &format!("{middle:.2} ({least:.2}), {time:.2} us"),
        );
    }
}

/// Pods that become unready and ready again, each of another workload.
fn changed_events(engine: &mut Engine, cluster: &Cluster, at: Now) {
    let mut pods: Vec<PodAt> = cluster.pods().filter(|pod| pod.replica == 0).collect();
    pods.truncate(1000);
    let mut text = String::new();
    let mut states = |ready: bool| -> Vec<Object> {
        let flip = |pod: &PodAt| {
            cluster.pod(PodAt { ready, ..*pod }, &mut text);
            object(Kind::Pod, text.as_bytes())
        };
        pods.iter().map(flip).collect()
    };
    let mut apply = Vec::new();
    let mut judge = Vec::new();
    for object in states(false).into_iter().chain(states(true)) {
        apply.push(micros(timed(|| engine.index_mut().apply(object, at.at)).0));
        assert!(engine.index().is_dirty(), "this event changes its workload");
        judge.push(micros(timed(|| black_box(engine.judge(at))).0));
    }
    figure(
        "a pod's Ready flips: apply + judge its workload, median (mean)",
        &format!(
            "{:.1} + {:.1} ({:.1} + {:.1}) us",
            median(&mut apply),
            median(&mut judge),
            mean(&apply),
            mean(&judge)
        ),
    );
}

fn total(micros: f64, count: usize) -> String {
    format!("{:.0} ms, {:.1} us each", micros / 1e3, micros / count as f64)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
