//! Plimsoll's own certificate authorities: what all replicas share in one Secret, and when each is made, signs and goes.
//!
//! ```text
//! made ──> published (in the caBundle of the configurations) ── settle ──> signs ── 2 × settle ──> the one before goes
//!                                                                            └── at 2/3 of its life: the next is made
//! ```
//!
//! So at every moment the API server trusts what each replica shows, though neither learns of a change at once. All of it
//! follows from what the Secret holds and the time, whoever looks.

use std::fmt;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use serde::{Deserialize, Serialize};

/// Certificates are valid from a little before they are made: clocks differ.
const BACKDATED: SignedDuration = SignedDuration::from_mins(5);
/// The most that an API server takes to see a changed configuration, watches that were cut included.
const SETTLE: Duration = Duration::from_secs(60);
/// How often replicas look at the Secret.
const POLL: Duration = Duration::from_secs(10);

/// How long certificates live, and all that follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    life: Duration,
}

impl Timing {
    /// What a life may be: below it there is no time to settle, and above it nobody would notice that rotation fails.
    pub const LIVES: std::ops::RangeInclusive<Duration> =
        Duration::from_secs(30)..=Duration::from_secs(10 * 365 * 86_400);

    /// Of certificates that live for `life`.
    #[must_use]
    pub fn new(life: Duration) -> Self {
        Timing {
            life: life.clamp(*Self::LIVES.start(), *Self::LIVES.end()),
        }
    }

    /// How long a published authority waits before it signs: 60 s, or 1/20 of a short life.
    fn settle(self) -> Duration {
        SETTLE.min(self.life / 20)
    }

    /// How often to look: every 10 s, or six times while a short life's authority settles.
    #[must_use]
    pub fn poll(self) -> Duration {
        POLL.min(self.settle() / 6)
    }

    /// When the successor of what was made then is due.
    fn renewal(self, made: Timestamp) -> Timestamp {
        after(made, self.life * 2 / 3)
    }
}

fn after(at: Timestamp, duration: Duration) -> Timestamp {
    at.saturating_add(SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX))
        .unwrap_or(Timestamp::MAX)
}

/// One authority.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Authority {
    certificate: String,
    key: String,
    made: Timestamp,
    ends: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    published: Option<Timestamp>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "authority of {} until {}", self.made, self.ends)
    }
}

/// All that are trusted, the oldest first: what the Secret holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorities {
    authorities: Vec<Authority>,
    /// What was asked for when the newest was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<String>,
}

/// What a replica shows.
pub struct Leaf {
    /// The certificate in PEM.
    pub certificate: String,
    /// Its key in PEM.
    pub key: String,
    /// Until when it is valid.
    pub ends: Timestamp,
    /// When it is time for another.
    renewal: Timestamp,
    /// When the authority that signed it was made.
    authority: Timestamp,
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leaf until {}", self.ends)
    }
}

impl Authorities {
    /// What has to happen by `now`: the first is made, the next is made, those that no replica shows any more go. `asked` is
    /// anything that somebody wrote to have another: each new text asks once. Returns whether anything changed.
    ///
    /// # Errors
    /// [`rcgen::Error`] when no key can be made.
    pub fn advance(
        &mut self,
        now: Timestamp,
        timing: Timing,
        asked: Option<&str>,
    ) -> Result<bool, rcgen::Error> {
        let before = self.authorities.len();
        self.authorities.retain(|authority| authority.ends > now);
        let settled = |authority: &Authority, times: u32| {
            let published = authority.published;
            published.is_some_and(|at| after(at, timing.settle() * times) <= now)
        };
        if let Some(last) = self.authorities.iter().rposition(|a| settled(a, 3)) {
            self.authorities.drain(..last);
        }
        let is_new = asked.is_some() && asked != self.asked.as_deref();
        let due = match self.authorities.last() {
            None => true,
            Some(newest) => settled(newest, 1) && (is_new || timing.renewal(newest.made) <= now),
        };
        if due {
            self.authorities.push(Authority::make(now, timing)?);
            self.asked = asked.map(str::to_owned);
        }
        Ok(due || self.authorities.len() != before)
    }

    /// Their certificates in PEM, one after the other: the `caBundle`.
    #[must_use]
    pub fn bundle(&self) -> String {
        self.authorities.iter().map(|a| a.certificate.as_str()).collect()
    }

    /// Says that the API server has had the bundle since `now`. Returns whether that is news.
    pub fn publish(&mut self, now: Timestamp) -> bool {
        let unpublished = self.authorities.iter_mut().filter(|a| a.published.is_none());
        unpublished.map(|a| a.published = Some(now)).count() > 0
    }

    /// The one that signs: the newest that the API server surely trusts; else the oldest.
    fn signer(&self, now: Timestamp, timing: Timing) -> Option<&Authority> {
        let valid = || self.authorities.iter().filter(|a| a.ends > now);
        let is_trusted = |a: &&Authority| a.published.is_some_and(|at| after(at, timing.settle()) <= now);
        valid().rfind(is_trusted).or_else(|| valid().next())
    }

    /// What a replica shows from `now` on for a server of that DNS name, if it is something else than `shown`.
    ///
    /// # Errors
    /// [`rcgen::Error`] when no key can be made, or the authority's cannot be read.
    pub fn leaf(
        &self,
        shown: Option<&Leaf>,
        name: &str,
        now: Timestamp,
        timing: Timing,
    ) -> Result<Option<Leaf>, rcgen::Error> {
        let Some(signer) = self.signer(now, timing) else {
            return Ok(None);
        };
        if shown.is_some_and(|leaf| leaf.authority == signer.made && now < leaf.renewal) {
            return Ok(None);
        }
        let key = KeyPair::generate()?;
        let ends = after(now, timing.life).min(signer.ends);
        let mut params = CertificateParams::new([name.to_owned()])?;
        params.distinguished_name = called(name.to_owned());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        valid(&mut params, now, ends);
        let issuer = Issuer::new(ca(signer.made, signer.ends), KeyPair::from_pem(&signer.key)?);
        Ok(Some(Leaf {
            certificate: params.signed_by(&key, &issuer)?.pem(),
            key: key.serialize_pem(),
            ends,
            renewal: timing.renewal(now),
            authority: signer.made,
        }))
    }
}

impl Authority {
    fn make(now: Timestamp, timing: Timing) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let ends = after(now, timing.life);
        Ok(Authority {
            certificate: ca(now, ends).self_signed(&key)?.pem(),
            key: key.serialize_pem(),
            made: now,
            ends,
            published: None,
        })
    }
}

/// The same whenever it is asked for: so an authority need not be read back from its certificate.
fn ca(made: Timestamp, ends: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    // Two that are trusted at once have different names.
    params.distinguished_name = called(format!("plimsoll webhook CA {made}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    valid(&mut params, made, ends);
    params
}

fn called(name: String) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

fn valid(params: &mut CertificateParams, now: Timestamp, ends: Timestamp) {
    let begins = now.saturating_sub(BACKDATED).unwrap_or(now);
    params.not_before = SystemTime::from(begins).into();
    params.not_after = SystemTime::from(ends).into();
}

#[cfg(test)]
mod tests;
