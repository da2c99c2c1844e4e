//! What has been said to whom: a controller that tries again in a loop is not told the same each time.
//!
//! Only of service accounts: a person who applies something again wants to see what is left.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::review::Review;
use crate::model::keys::ObjectKey;

/// The users that are controllers: `system:serviceaccount:argocd:application-controller`.
const CONTROLLER: &str = "system:serviceaccount:";
/// For how long the same is not said again.
const WINDOW: Duration = Duration::from_secs(3600);
/// How many are remembered. One that was forgotten is told once more.
const MOST: usize = 4096;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    said: HashMap<u64, (u64, Instant)>,
    hashes: RandomState,
}

impl Repeats {
    /// Leaves out warnings that this user has been given about this object within the last hour. Refusals are given each
    /// time, and dry runs are not remembered.
    pub(super) fn leave_out(
        &mut self,
        review: &Review,
        about: &ObjectKey,
        answer: &mut Answer,
        now: Instant,
    ) {
        if review.dry_run || answer.warnings.is_empty() || !review.user.starts_with(CONTROLLER) {
            return;
        }
        let whom = self.hashes.hash_one((&review.user, about));
        let what = self.hashes.hash_one(&answer.warnings);
        if self.said.len() >= MOST {
            self.said.retain(|_, (_, at)| now.duration_since(*at) < WINDOW);
        }
        if self.said.len() >= MOST {
            self.said.clear();
        }
        match self.said.get(&whom) {
            Some((said, at)) if *said == what && now.duration_since(*at) < WINDOW => answer.warnings.clear(),
            _ => drop(self.said.insert(whom, (what, now))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::keys::Kind;

    const FLUX: &str = "system:serviceaccount:flux:flux";

    fn review(user: &str) -> Review {
        Review {
            uid: "u".to_owned(),
            user: user.to_owned(),
            dry_run: false,
            change: None,
        }
    }

    fn told(repeats: &mut Repeats, review: &Review, name: &str, warning: &str, now: Instant) -> bool {
        let mut answer = Answer {
            warnings: vec![warning.to_owned()],
            ..Answer::default()
        };
        let about = ObjectKey::new(Kind::Deployment, "shop", name);
        repeats.leave_out(review, &about, &mut answer, now);
        !answer.warnings.is_empty()
    }

    #[test]
    fn a_controller_is_told_once_an_hour_of_each_object_and_whenever_it_is_another_thing() {
        let (mut repeats, at, flux) = (Repeats::default(), Instant::now(), review(FLUX));
        let after = |seconds| at + Duration::from_secs(seconds);
        assert!(told(&mut repeats, &flux, "web", "a", at));
        assert!(!told(&mut repeats, &flux, "web", "a", after(10)));
        assert!(told(&mut repeats, &flux, "api", "a", after(10)));
        assert!(told(&mut repeats, &flux, "web", "b", after(20)));
        assert!(!told(&mut repeats, &flux, "web", "b", after(3619)));
        assert!(told(&mut repeats, &flux, "web", "b", after(3620)));
    }

    #[test]
    fn a_person_is_told_each_time_and_a_dry_run_counts_for_nothing() {
        let (mut repeats, at) = (Repeats::default(), Instant::now());
        let dry = Review {
            dry_run: true,
            ..review(FLUX)
        };
        for who in [review("jo"), dry] {
            assert!(told(&mut repeats, &who, "web", "a", at) && told(&mut repeats, &who, "web", "a", at));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let (mut repeats, at) = (Repeats::default(), Instant::now());
        for n in 0..3 * MOST {
            told(&mut repeats, &review(FLUX), &format!("w-{n}"), "a", at);
        }
        assert!(repeats.said.len() <= MOST);
    }
}
