//! scratch
use plimsoll::operator::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    if a[1] == "crds" { for d in ["crds", "charts/plimsoll/files/crds"] { std::fs::create_dir_all(d).unwrap(); for (f, y) in plimsoll::api::crds() { std::fs::write(format!("{d}/{f}"), y).unwrap(); } } return; }
    telemetry::init(telemetry::LogFormat::Text).unwrap();
    rustls::crypto::ring::default_provider().install_default().ok();
    let e = |k: &str, d: &str| std::env::var(k).unwrap_or(d.into());
    let o = Options { client: Default::default(), health_address: e("PLIMSOLL_HEALTH_ADDRESS", "127.0.0.1:18080").parse().unwrap(), lease_name: e("PLIMSOLL_LEASE_NAME", "plimsoll"), namespace: e("POD_NAMESPACE", "plimsoll-system"), identity: e("POD_NAME", "me"), time_scale: e("PLIMSOLL_TIME_SCALE", "1").parse().unwrap(), detail: metrics::Detail::Aggregate };
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(run(o)).unwrap();
}
