//! The certificate that the webhook shows: read from a mounted Secret, and read again when it changes.
//!
//! The kubelet swaps a symbolic link when the Secret changes, so both files are read each time and compared; a pair that
//! does not fit (one of the two is new already) leaves the one before in use.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tracing::{info, warn};

/// The files of a Secret of type `kubernetes.io/tls`.
const FILES: [&str; 2] = ["tls.crt", "tls.key"];
/// How often the files are read. The kubelet itself takes up to a minute to bring a change of the Secret.
const EVERY: Duration = Duration::from_secs(5);

/// Why a certificate is not used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{}: {source}; mount a Secret of type kubernetes.io/tls there", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("{}: {why}", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The key is not the certificate's, or of a kind that is not supported.
    #[error("{}: {source}", folder.display())]
    Pair {
        /// Where both are.
        folder: PathBuf,
        /// What is wrong with them.
        source: rustls::Error,
    },
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Certificate {
    folder: PathBuf,
    current: RwLock<Option<Current>>,
}

#[derive(Debug)]
struct Current {
    files: [Vec<u8>; 2],
    key: Arc<CertifiedKey>,
}

impl Certificate {
    /// A certificate that has not been read.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Certificate {
            folder,
            current: RwLock::default(),
        }
    }

    /// Reads it. Returns whether it is another than before; on an error that one stays in use.
    ///
    /// # Errors
    /// [`CertificateError`] when there is no pair of certificate and key.
    pub fn load(&self) -> Result<bool, CertificateError> {
        let [certificate, key] = FILES.map(|file| self.folder.join(file));
        let files = [read(&certificate)?, read(&key)?];
        let known = self.current.read().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_some_and(|known| known.files == files) {
            return Ok(false);
        }
        drop(known);
        let key = self.pair(&files, &certificate, &key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Current { files, key });
        Ok(true)
    }

    fn pair(
        &self,
        files: &[Vec<u8>; 2],
        certificate: &Path,
        key: &Path,
    ) -> Result<Arc<CertifiedKey>, CertificateError> {
        let pem = |path: &Path, why: String| CertificateError::Pem {
            path: path.to_owned(),
            why,
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&files[0]).collect();
        let chain = chain.map_err(|e| pem(certificate, e.to_string()))?;
        if chain.is_empty() {
            return Err(pem(certificate, "no certificate in it".to_owned()));
        }
        let private = PrivateKeyDer::from_pem_slice(&files[1]).map_err(|e| pem(key, e.to_string()))?;
        let provider = CryptoProvider::get_default().expect("main installs the one provider");
        let made = CertifiedKey::from_der(chain, private, provider);
        made.map(Arc::new).map_err(|source| CertificateError::Pair {
            folder: self.folder.clone(),
            source,
        })
    }

    /// Reads it again and again, for as long as the process lives.
    pub async fn keep(self: Arc<Self>) {
        // What goes wrong is said once, not every few seconds.
        let mut said = String::new();
        loop {
            let certificate = self.clone();
            let loaded = tokio::task::spawn_blocking(move || certificate.load()).await;
            match loaded {
                Ok(Ok(changed)) => {
                    said.clear();
                    if changed {
                        info!(folder = %self.folder.display(), "the webhook's certificate is read");
                    }
                }
                Ok(Err(error)) => {
                    let error = error.to_string();
                    if said != error {
                        warn!("the webhook's certificate is not read, the one before stays: {error}");
                        said = error;
                    }
                }
                Err(_) => return,
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(path).map_err(|source| CertificateError::File {
        path: path.to_owned(),
        source,
    })
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().map(|current| current.key.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    fn write(folder: &Path, name: &str) -> String {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        fs::write(folder.join("tls.crt"), cert.pem()).expect("written");
        fs::write(folder.join("tls.key"), signing_key.serialize_pem()).expect("written");
        signing_key.serialize_pem()
    }

    #[test]
    fn it_is_read_anew_when_both_files_fit_and_stays_as_it_is_otherwise() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = Certificate::new(folder.path().to_owned());
        let error = certificate.load().expect_err("no files").to_string();
        assert!(error.contains("tls.crt: No such file"), "{error}");

        let key = write(folder.path(), "one");
        assert!(certificate.load().expect("a pair"));
        assert!(!certificate.load().expect("the same pair"));

        write(folder.path(), "two");
        fs::write(folder.path().join("tls.key"), key).expect("written");
        let error = certificate.load().expect_err("the key of another").to_string();
        assert!(error.to_lowercase().contains("key"), "{error}");
        assert!(certificate.current.read().expect("no panic").is_some());

        write(folder.path(), "three");
        assert!(certificate.load().expect("a pair"));
        fs::write(folder.path().join("tls.crt"), "nothing").expect("written");
        let error = certificate.load().expect_err("no PEM").to_string();
        assert!(error.ends_with("tls.crt: no certificate in it"), "{error}");
    }
}
