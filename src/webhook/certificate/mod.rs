//! The certificate that the webhook shows: whatever was read or made last. Handshakes take it as it is at that moment, so it
//! can change while connections are open.
//!
//! It is read from a [`mounted`] Secret, or signed by one of Plimsoll's own [`authorities`].

pub mod authorities;
pub mod mounted;

use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Why a certificate cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The certificate's text holds something else.
    #[error("{0}")]
    Certificate(String),
    /// The key's text holds something else.
    #[error("{0}")]
    Key(String),
    /// The key is not the certificate's, or of a kind that is not supported.
    #[error(transparent)]
    Pair(#[from] rustls::Error),
}

/// See the module's documentation. Nothing is shown at first: handshakes fail.
#[derive(Debug, Default)]
pub struct Certificate {
    shown: RwLock<Option<Arc<CertifiedKey>>>,
}

impl Certificate {
    /// Shows another pair from now on, both in PEM; on an error the one before stays.
    ///
    /// # Errors
    /// [`PairError`] when the two are no pair of certificate and key.
    pub fn show(&self, chain: &[u8], key: &[u8]) -> Result<(), PairError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.map_err(|error| PairError::Certificate(error.to_string()))?;
        if chain.is_empty() {
            return Err(PairError::Certificate("no certificate in it".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| PairError::Key(error.to_string()))?;
        let provider = CryptoProvider::get_default().expect("main installs the one provider");
        let pair = CertifiedKey::from_der(chain, key, provider)?;
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(pair));
        Ok(())
    }

    fn shown(&self) -> Option<Arc<CertifiedKey>> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether there is one.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.shown().is_some()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.shown()
    }
}
