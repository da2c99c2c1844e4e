//! The client that tests get.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use plimsoll_kit::{Options, Plane};

#[tokio::test]
async fn the_client_asks_as_administrator() {
    let plane = Plane::start(Options::default()).unwrap();
    let client = plane.client().await.unwrap();
    let version = client.apiserver_version().await.unwrap();
    assert_eq!(
        version.git_version,
        plimsoll_kit::rig::kubernetes_version().unwrap()
    );
}
