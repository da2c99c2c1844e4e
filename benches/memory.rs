//! `cargo bench --bench memory`: what 50,000 pods cost in the index, and what a relist costs on top.
//!
//! Bytes are those that the allocator was asked for. "Live" is asked for and not yet freed; a figure is the difference of
//! two readings, between which only the index was fed: the text that objects are read from is one buffer, there before.

mod support;

use peak_alloc::PeakAlloc;
use plimsoll::engine::Engine;
use plimsoll::model::keys::Kind;
use plimsoll::model::object::Object;

use support::cluster::{Cluster, PodAt};
use support::{end_lists, engine_without_pods, feed_pods, figure, goal, now, object, section, size};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The page that the operator's watches ask for.
const PAGE: usize = 250;

fn main() {
    let cluster = Cluster::new(size());
    let mut text = String::with_capacity(64 * 1024);
    let start = ALLOCATOR.current_usage();
    let mut engine = engine_without_pods(&cluster);
    let before = ALLOCATOR.current_usage();
    feed_pods(&mut engine, &cluster, &mut text);
    end_lists(&mut engine);
    engine.index_mut().take_dirty();
    let after = ALLOCATOR.current_usage();

    let pods = cluster.size.pods();
    section(&format!(
        "Memory: {pods} pods, {} workloads, {} nodes",
        cluster.size.workloads, cluster.size.nodes
    ));
    let each = (after - before) as f64 / pods as f64;
    goal(
        "index, bytes a pod (live after the pods less live before)",
        each,
        300.0,
        &format!("{each:.0} B"),
    );
    figure("index, everything", &megabytes(after - start));
    relists(&mut engine, &cluster, start);

    engine.lead(true, now(0).at);
    let decisions = engine.judge(now(0));
    figure(
        "first judgement's decisions, while they are held",
        &format!("{} in {}", decisions.len(), megabytes(size_of_drop(decisions))),
    );
    let engine_bytes = ALLOCATOR.current_usage() - start;
    figure(
        "engine after it: index, detectors, reports, timers",
        &megabytes(engine_bytes),
    );
}

/// Frees `value` and returns how many bytes that gave back.
fn size_of_drop<T>(value: T) -> usize {
    let before = ALLOCATOR.current_usage();
    drop(value);
    before - ALLOCATOR.current_usage()
}

fn relists(engine: &mut Engine, cluster: &Cluster, start: usize) {
    let steady = ALLOCATOR.current_usage() - start;
    let mut text = String::with_capacity(64 * 1024);
    let buffer = text.capacity();

    ALLOCATOR.reset_peak_usage();
    engine.index_mut().begin_list(Kind::Pod);
    feed_pods(engine, cluster, &mut text);
    engine.index_mut().end_list(Kind::Pod);
    report("relist of the pods: peak over steady", steady, start + buffer);
    assert!(
        !engine.index().is_dirty(),
        "a relist that names the same pods changes nothing"
    );
    drop(text);

    ALLOCATOR.reset_peak_usage();
    let index = engine.index_mut();
    Kind::WATCHED.into_iter().for_each(|kind| index.begin_list(kind));
    let places: Vec<PodAt> = cluster.pods().collect();
    for page in places.chunks(PAGE) {
        apply_page(engine, cluster, page);
    }
    cluster.each_without_pods(|kind, json| {
        engine.index_mut().apply(object(kind, json.as_bytes()), now(0).at);
    });
    end_lists(engine);
    let own = places.capacity() * size_of::<PodAt>();
    report(
        "relist of all kinds at once, pages of 250 held: peak over steady",
        steady,
        start + own,
    );
}

/// One page as a watch holds it: its text and its objects, before the first of them is applied.
fn apply_page(engine: &mut Engine, cluster: &Cluster, page: &[PodAt]) {
    let texts: Vec<String> = page.iter().map(|pod| cluster.pod_event(*pod)).collect();
    let text = texts.concat();
    drop(texts);
    let mut buffer = String::new();
    let objects: Vec<Object> = page
        .iter()
        .map(|pod| {
            cluster.pod(*pod, &mut buffer);
            object(Kind::Pod, buffer.as_bytes())
        })
        .collect();
    drop(text);
    for object in objects {
        engine.index_mut().apply(object, now(0).at);
    }
}

fn report(name: &str, steady: usize, start: usize) {
    let peak = ALLOCATOR.peak_usage() - start;
    let ratio = peak as f64 / steady as f64;
    let shown = format!("{ratio:.2} ({} / {})", megabytes(peak), megabytes(steady));
    goal(name, ratio, 1.5, &shown);
}

fn megabytes(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
