//! A certificate from the folder of a mounted Secret of type `kubernetes.io/tls`, as cert-manager keeps one.
//!
//! The kubelet swaps a symbolic link when the Secret changes, so both files are read each time and compared; a pair that
//! does not fit (one of the two is new already) leaves the one before in use.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::{Certificate, PairError};

/// The files of a Secret of type `kubernetes.io/tls`.
const FILES: [&str; 2] = ["tls.crt", "tls.key"];
/// How often the files are read. The kubelet itself takes up to a minute to bring a change of the Secret.
const EVERY: Duration = Duration::from_secs(5);

/// Why a certificate is not used.
#[derive(Debug, thiserror::Error)]
pub enum MountedError {
    /// A file cannot be read.
    #[error("{}: {source}; mount a Secret of type kubernetes.io/tls there", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file, or the folder with both, holds something else.
    #[error("{}: {source}", path.display())]
    Pair {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: PairError,
    },
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Mounted {
    folder: PathBuf,
    certificate: Arc<Certificate>,
    files: Option<[Vec<u8>; 2]>,
}

impl Mounted {
    /// The files of `folder`, unread.
    #[must_use]
    pub fn new(folder: PathBuf, certificate: Arc<Certificate>) -> Self {
        Mounted {
            folder,
            certificate,
            files: None,
        }
    }

    /// Reads them. Returns whether they are others than before; on an error those stay in use.
    ///
    /// # Errors
    /// [`MountedError`] when there is no pair of certificate and key.
    pub fn load(&mut self) -> Result<bool, MountedError> {
        let [certificate, key] = FILES.map(|file| self.folder.join(file));
        let files = [read(&certificate)?, read(&key)?];
        if self.files.as_ref() == Some(&files) {
            return Ok(false);
        }
        let shown = self.certificate.show(&files[0], &files[1]);
        shown.map_err(|source| MountedError::Pair {
            path: match source {
                PairError::Certificate(_) => certificate,
                PairError::Key(_) => key,
                PairError::Pair(_) => self.folder.clone(),
            },
            source,
        })?;
        self.files = Some(files);
        Ok(true)
    }

    /// Reads them again and again, for as long as the process lives. `first` is called when there is a certificate.
    pub async fn keep(mut self, first: impl FnOnce()) {
        let mut first = Some(first);
        // What goes wrong is said once, not every few seconds.
        let mut said = String::new();
        loop {
            let loaded = tokio::task::spawn_blocking(move || {
                let loaded = self.load();
                (self, loaded)
            });
            let Ok((mounted, loaded)) = loaded.await else {
                return;
            };
            self = mounted;
            match loaded {
                Ok(changed) => {
                    said.clear();
                    if changed {
                        info!(folder = %self.folder.display(), "the webhook's certificate is read");
                    }
                    if let Some(first) = first.take() {
                        first();
                    }
                }
                Err(error) => {
                    let error = error.to_string();
                    if said != error {
                        warn!("the webhook's certificate is not read, the one before stays: {error}");
                        said = error;
                    }
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, MountedError> {
    std::fs::read(path).map_err(|source| MountedError::File {
        path: path.to_owned(),
        source,
    })
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
        let certificate = Arc::new(Certificate::default());
        let mut mounted = Mounted::new(folder.path().to_owned(), certificate.clone());
        let error = mounted.load().expect_err("no files").to_string();
        assert!(error.contains("tls.crt: No such file"), "{error}");

        let key = write(folder.path(), "one");
        assert!(mounted.load().expect("a pair"));
        assert!(!mounted.load().expect("the same pair"));

        write(folder.path(), "two");
        fs::write(folder.path().join("tls.key"), key).expect("written");
        let error = mounted.load().expect_err("the key of another").to_string();
        assert!(error.to_lowercase().contains("key"), "{error}");
        assert!(certificate.is_shown(), "the one before stays");

        write(folder.path(), "three");
        assert!(mounted.load().expect("a pair"));
        fs::write(folder.path().join("tls.crt"), "nothing").expect("written");
        let error = mounted.load().expect_err("no PEM").to_string();
        assert!(error.ends_with("tls.crt: no certificate in it"), "{error}");
    }
}
