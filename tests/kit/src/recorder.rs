//! `plimsoll record` beside the operator: the same watches into a file, to be replayed afterwards.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{IoContext, Result};
use crate::operator::{NAMESPACE, RELEASE};
use crate::plane::{POLL, Plane};
use crate::supervisor::{Launch, Supervised};

/// A running recorder. It ends with this value; drop it before its plane.
#[derive(Debug)]
pub struct Recorder {
    process: Supervised,
}

impl Recorder {
    /// Records the plane into a new file (an absolute path), with the rights of the installed chart's service account, and
    /// waits until everything has been listed.
    ///
    /// # Errors
    /// [`Error::Component`](crate::Error::Component) with the end of its log when it ends or is not ready in time.
    pub fn start(plane: &Plane, binary: &Path, file: &Path, description: &str) -> Result<Self> {
        let kubeconfig = plane.service_account_kubeconfig(NAMESPACE, RELEASE)?;
        let args = [
            "record",
            "--output",
            &file.display().to_string(),
            "--time-scale",
            &format!("{:.2}", plane.time_scale()),
            "--description",
            description,
            "--kubeconfig",
            &kubeconfig.display().to_string(),
        ];
        let process = Supervised::start(Launch {
            name: "recorder".to_owned(),
            dir: plane.dir(),
            program: binary,
            args: args.map(str::to_owned).into(),
            env: Some(Vec::new()),
        })?;
        let mut recorder = Self { process };
        recorder.wait_until_listed(Duration::from_secs(60))?;
        Ok(recorder)
    }

    fn wait_until_listed(&mut self, timeout: Duration) -> Result<()> {
        let started = Instant::now();
        loop {
            self.process.check()?;
            let log = self.process.log();
            let said = std::fs::read_to_string(log).doing(|| format!("reading {}", log.display()))?;
            if said.contains("every kind has been listed") {
                return Ok(());
            }
            if started.elapsed() >= timeout {
                return Err(self
                    .process
                    .failed(&format!("has not listed everything after {timeout:?}")));
            }
            thread::sleep(POLL);
        }
    }

    /// Ends it as Ctrl-C would; the file is then complete.
    ///
    /// # Errors
    /// [`Error::Component`](crate::Error::Component) when it had ended before by itself.
    pub fn stop(mut self) -> Result<()> {
        self.process.check()?;
        self.process.stop();
        Ok(())
    }
}
