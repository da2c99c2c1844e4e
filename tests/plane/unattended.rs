//! The webhook's certificates when nobody was there to replace them. It comes last: while the API server is away no node is heard.

use std::thread;
use std::time::{Duration, Instant};

use plimsoll_kit::Component;

use crate::door::{LIFE, NAMESPACE, answering, is_warned, trusted};
use crate::world::{tell, world};

/// The API server is away and the operator stands still until every certificate has ended.
#[test]
fn certificates_that_ended_meanwhile_are_replaced_by_themselves() {
    let world = world();
    world.with_webhook(&format!("{}s", LIFE.as_secs()));
    let operator = answering(&world);
    // It may still be going.
    let gone = ["delete", "namespace", NAMESPACE, "--ignore-not-found"];
    world.plane.kubectl(&gone).expect("deleted");
    world.plane.namespace(NAMESPACE).expect("a namespace");
    world.eventually("the API server asks the webhook", is_warned);
    let before = trusted(&world);
    world.plane.stop(Component::Apiserver);
    operator.signal("STOP").expect("it stands still");
    thread::sleep(LIFE + Duration::from_secs(2));
    world.plane.start_again(Component::Apiserver).expect("it is back");
    operator.signal("CONT").expect("it goes on");
    let began = Instant::now();
    world.eventually("the API server asks the webhook again", is_warned);
    tell(&format!(
        "warned {:?} after everything had ended and came back",
        began.elapsed()
    ));
    assert_ne!(trusted(&world), before);
    drop(operator);
    world.without_webhook();
    world
        .plane
        .kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"])
        .expect("cleaned up");
}
