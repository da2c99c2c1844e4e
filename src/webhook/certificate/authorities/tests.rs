use std::sync::Arc;

use proptest::prelude::*;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::*;
use crate::model::testing::cases;

const NAME: &str = "plimsoll-webhook.plimsoll-system.svc";
const DAY: Duration = Duration::from_secs(86_400);

fn at(seconds: u64) -> Timestamp {
    after(
        "2026-11-27T00:00:00Z".parse().expect("a time"),
        Duration::from_secs(seconds),
    )
}

/// What an API server that trusts `bundle` says of a leaf, at that time.
fn verify(bundle: &str, leaf: &Leaf, name: &str, now: Timestamp) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(certificate.expect("PEM")).expect("an authority");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let shown = CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).expect("PEM");
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.as_second().unsigned_abs()));
    let verified = verifier
        .build()
        .expect("roots")
        .verify_server_cert(&shown, &[], &name, &[], now);
    verified.map(drop).map_err(|error| error.to_string())
}

#[test]
fn the_first_signs_at_once_and_its_successor_once_it_has_settled() {
    let timing = Timing::new(90 * DAY);
    let mut all = Authorities::default();
    assert!(all.advance(at(0), timing, None).expect("made"));
    let first = all
        .leaf(None, NAME, at(0), timing)
        .expect("signed")
        .expect("a leaf");
    assert_eq!(verify(&all.bundle(), &first, NAME, at(0)), Ok(()));
    assert!(verify(&all.bundle(), &first, "other.svc", at(0)).is_err());
    let end = 90 * 86_400;
    assert!(
        verify(&all.bundle(), &first, NAME, at(end + 1)).is_err(),
        "it ends"
    );
    assert!(all.publish(at(0)) && !all.publish(at(1)));
    assert!(!all.advance(at(5), timing, None).expect("nothing to make"));
    assert!(
        all.leaf(Some(&first), NAME, at(5), timing)
            .expect("signed")
            .is_none()
    );

    // Asked for: the next is trusted beside the first, and signs when every API server has seen it.
    assert!(!all.advance(at(59), timing, Some("now")).expect("too early"));
    assert!(all.advance(at(60), timing, Some("now")).expect("made"));
    assert_eq!(all.authorities.len(), 2);
    assert!(all.publish(at(61)));
    assert!(!all.advance(at(70), timing, Some("now")).expect("asked once"));
    assert!(
        all.leaf(Some(&first), NAME, at(120), timing)
            .expect("signed")
            .is_none()
    );
    let second = all.leaf(Some(&first), NAME, at(121), timing);
    let second = second.expect("signed").expect("a leaf of the second");
    assert_eq!(verify(&all.bundle(), &second, NAME, at(121)), Ok(()));
    assert_eq!(
        verify(&all.bundle(), &first, NAME, at(121)),
        Ok(()),
        "not forgotten yet"
    );
    assert!(!all.advance(at(240), timing, Some("now")).expect("not yet"));
    assert!(all.advance(at(241), timing, Some("now")).expect("the first goes"));
    assert!(verify(&all.bundle(), &first, NAME, at(241)).is_err());
    assert_eq!(verify(&all.bundle(), &second, NAME, at(241)), Ok(()));

    // At two thirds of its life the third is made.
    let due = 60 + 60 * 86_400;
    assert!(!all.advance(at(due - 1), timing, None).expect("young"));
    assert!(all.advance(at(due), timing, None).expect("made"));
}

#[test]
fn what_ended_while_nobody_looked_is_replaced_at_once() {
    let timing = Timing::new(Duration::from_secs(3_600));
    let mut all = Authorities::default();
    all.advance(at(0), timing, None).expect("made");
    all.publish(at(0));
    let old = all
        .leaf(None, NAME, at(0), timing)
        .expect("signed")
        .expect("a leaf");
    let late = at(7_200);
    assert!(
        all.leaf(Some(&old), NAME, late, timing)
            .expect("nobody signs")
            .is_none()
    );
    assert!(all.advance(late, timing, None).expect("made"));
    let new = all
        .leaf(Some(&old), NAME, late, timing)
        .expect("signed")
        .expect("a leaf");
    assert_eq!(verify(&all.bundle(), &new, NAME, late), Ok(()));
}

#[test]
fn it_is_read_back_and_tells_no_key() {
    let timing = Timing::new(DAY);
    let mut all = Authorities::default();
    all.advance(at(0), timing, Some("x")).expect("made");
    let text = serde_json::to_string(&all).expect("JSON");
    assert_eq!(serde_json::from_str::<Authorities>(&text).expect("read"), all);
    let leaf = all
        .leaf(None, NAME, at(0), timing)
        .expect("signed")
        .expect("a leaf");
    let shown = format!("{all:?} {leaf:?}");
    assert!(
        !shown.contains("PRIVATE") && shown.contains("until 2026-11-28"),
        "{shown}"
    );
}

proptest! {
    #![proptest_config(cases(24))]

    /// The leader looks when it can, each replica within a poll, the API server sees a bundle within the time to settle:
    /// whatever a replica shows is always trusted.
    #[test]
    fn what_is_shown_is_trusted(
        steps in prop::collection::vec((1u64..400, 0u64..60, prop::option::weighted(0.1, 0u8..9), any::<bool>()), 40..80),
    ) {
        let timing = Timing::new(Duration::from_secs(3_600));
        let (mut all, mut now) = (Authorities::default(), 0);
        let mut shown: Option<Leaf> = None;
        // What the API server trusts, and what it is going to, when.
        let (mut trusted, mut coming): (String, Vec<(u64, String)>) = (String::new(), Vec::new());
        for (pause, lag, asked, leads) in steps {
            let until = now + pause;
            // Replicas look every ten seconds, whatever the leader does.
            while now < until {
                now = (now + 10).min(until);
                if let Some(due) = coming.iter().rposition(|(at, _)| *at <= now) {
                    trusted = coming.drain(..=due).next_back().expect("it is there").1;
                }
                if let Some(leaf) = all.leaf(shown.as_ref(), NAME, at(now), timing).expect("signed") {
                    shown = Some(leaf);
                }
                if let Some(leaf) = &shown && at(now) < leaf.ends && !trusted.is_empty() {
                    prop_assert_eq!(verify(&trusted, leaf, NAME, at(now)), Ok(()), "at {}", now);
                }
            }
            if leads {
                let asked = asked.map(|n| n.to_string());
                all.advance(at(now), timing, asked.as_deref()).expect("made");
                // The first, and one after all have ended, can't wait.
                let first = all.authorities.iter().all(|authority| authority.published.is_none());
                all.publish(at(now));
                let lag = if first { 0 } else { lag };
                let last = coming.last().map_or(0, |(at, _)| *at);
                coming.push(((now + lag).max(last), all.bundle()));
                prop_assert!(all.authorities.len() <= 3, "{:?}", all);
            }
        }
    }
}
