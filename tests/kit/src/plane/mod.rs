//! A control plane: etcd, the API server, the controller manager, the scheduler, and kwok for the kubelets.
//!
//! All of it listens on free ports of 127.0.0.1 only, keeps its files in one fresh folder, and is gone when the
//! [`Plane`] is dropped or this process ends, however it ends.

mod certs;
mod commands;
mod component;
mod layout;
mod options;
pub(crate) mod ports;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

pub use self::component::Component;
use self::layout::Layout;
pub use self::options::Options;
use crate::audit::Audit;
use crate::error::{Error, IoContext, Result};
use crate::rig::Rig;
use crate::supervisor::{Janitor, Launch, Supervised, log_path};

/// How often something that is waited for is looked at.
pub(crate) const POLL: Duration = Duration::from_millis(100);

/// A running control plane without nodes.
///
/// Everything takes `&self`, so that a plane may live in a static and be shared by the tests of a binary.
#[derive(Debug)]
pub struct Plane {
    rig: Rig,
    layout: Layout,
    kubeconfig: PathBuf,
    processes: Mutex<Vec<(Component, Supervised)>>,
    // Dropped after the processes: waits until they are gone, then removes the folder.
    _janitor: Janitor,
}

impl Plane {
    /// Builds what is missing of the rig, starts a plane and waits until it is ready: API server, `default`
    /// service account (so the controllers run) and scheduler.
    ///
    /// # Errors
    /// Those of [`Rig::ready`], and [`Error::Component`] with the end of the log of the process that failed.
    pub fn start(options: Options) -> Result<Self> {
        Self::start_with(Rig::ready()?, options)
    }

    /// As [`Plane::start`], with binaries that are already found.
    ///
    /// # Errors
    /// [`Error::Component`] with the end of the log of the process that failed.
    pub fn start_with(rig: Rig, options: Options) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("plimsoll-kit-").tempdir();
        let dir = folder.doing(|| "creating the plane's folder".to_owned())?.keep();
        let janitor = Janitor::start(&dir, options.keep)?;
        let layout = Layout::create(&dir, options, rig.stages())?;
        let kubeconfig = PathBuf::from(layout.kubeconfig("admin"));
        let plane = Self {
            rig,
            layout,
            kubeconfig,
            processes: Mutex::default(),
            _janitor: janitor,
        };
        let deadline = Instant::now() + plane.layout.options.ready_timeout;
        plane.spawn(Component::Etcd)?;
        plane.spawn(Component::Apiserver)?;
        plane.wait_until_served(deadline)?;
        for component in [
            Component::ControllerManager,
            Component::Scheduler,
            Component::Kwok,
        ] {
            plane.spawn(component)?;
        }
        plane.wait_for_service_account("default", deadline)?;
        plane.check()?;
        Ok(plane)
    }

    /// The folder with `logs/`, certificates and kubeconfigs.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.layout.dir
    }

    /// A kubeconfig that may do everything.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The API server's address, `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn server(&self) -> String {
        self.layout.server()
    }

    /// The binaries that it runs on.
    #[must_use]
    pub fn rig(&self) -> &Rig {
        &self.rig
    }

    /// How long a node may be silent before it is Ready=Unknown.
    #[must_use]
    pub fn node_monitor_grace(&self) -> Duration {
        self.layout.options.node_monitor_grace
    }

    /// What the operator's `--time-scale` has to be on this plane: the grace over Kubernetes' own 50 s.
    #[must_use]
    pub fn time_scale(&self) -> f64 {
        self.node_monitor_grace().as_secs_f64() / 50.0
    }

    /// The audit log: every request since the start.
    #[must_use]
    pub fn audit(&self) -> Audit {
        Audit::new(self.layout.dir.join("audit.log"))
    }

    /// The log file of a process.
    #[must_use]
    pub fn log(&self, component: Component) -> PathBuf {
        log_path(self.dir(), component.tool().name())
    }

    /// The processes that run, with their ids.
    #[must_use]
    pub fn pids(&self) -> Vec<(Component, u32)> {
        self.processes()
            .iter()
            .map(|(component, process)| (*component, process.pid()))
            .collect()
    }

    /// Stops one process, as if it had crashed or been drained. The rest goes on.
    pub fn stop(&self, component: Component) {
        let mut processes = self.processes();
        if let Some(index) = processes.iter().position(|(each, _)| *each == component) {
            // Dropping it waits for its end.
            processes.remove(index);
        }
    }

    /// Starts one process again after [`Plane::stop`], on the same port.
    ///
    /// # Errors
    /// [`Error::Component`] when it ends at once.
    pub fn start_again(&self, component: Component) -> Result<()> {
        self.stop(component);
        self.spawn(component)?;
        if component == Component::Apiserver {
            self.wait_until_served(Instant::now() + self.layout.options.ready_timeout)?;
        }
        self.check()
    }

    /// Freezes a process for as long as the value lives, also when a test panics: connections to an API server stay open
    /// and nothing is answered, the nodes of kwok send no heartbeats.
    ///
    /// # Errors
    /// [`Error::Component`] when it does not run.
    pub fn freeze(&self, component: Component) -> Result<Frozen<'_>> {
        self.signal(component, "STOP")?;
        Ok(Frozen {
            plane: self,
            component,
        })
    }

    /// Sends a signal by name (`STOP`, `CONT`, `KILL`, …) to a process.
    ///
    /// # Errors
    /// [`Error::Component`] when it does not run.
    pub fn signal(&self, component: Component, signal: &str) -> Result<()> {
        let processes = self.processes();
        match processes.iter().find(|(each, _)| *each == component) {
            Some((_, process)) => process.signal(signal),
            None => Err(Error::Component {
                component: component.tool().name().to_owned(),
                problem: "does not run".to_owned(),
                log: self.log(component),
                tail: crate::log::tail(&self.log(component)),
            }),
        }
    }

    fn processes(&self) -> MutexGuard<'_, Vec<(Component, Supervised)>> {
        self.processes
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn spawn(&self, component: Component) -> Result<()> {
        let tool = component.tool();
        let process = Supervised::start(Launch {
            name: tool.name().to_owned(),
            dir: self.dir(),
            program: self.rig.path(tool),
            args: component.args(&self.layout),
            env: Some(vec![("HOME".to_owned(), self.layout.path("home"))]),
        })?;
        self.processes().push((component, process));
        Ok(())
    }

    /// An error when a process has ended by itself.
    fn check(&self) -> Result<()> {
        self.processes()
            .iter_mut()
            .try_for_each(|(_, process)| process.check())
    }

    fn wait_until_served(&self, deadline: Instant) -> Result<()> {
        loop {
            let answer = self.kubectl(&["get", "--raw", "/readyz", "--request-timeout=2s"]);
            let Err(last) = answer else { return Ok(()) };
            self.check()?;
            self.before(deadline, Component::Apiserver, || format!("is not ready: {last}"))?;
            thread::sleep(POLL);
        }
    }

    /// A service account appears once the controllers run.
    pub(crate) fn wait_for_service_account(&self, namespace: &str, deadline: Instant) -> Result<()> {
        loop {
            let found = self.kubectl(&["get", "serviceaccount", "default", "-n", namespace, "-o", "name"]);
            let Err(last) = found else { return Ok(()) };
            self.check()?;
            self.before(deadline, Component::ControllerManager, || {
                format!("made no service account: {last}")
            })?;
            thread::sleep(POLL);
        }
    }

    fn before(&self, deadline: Instant, suspect: Component, problem: impl FnOnce() -> String) -> Result<()> {
        if Instant::now() < deadline {
            return Ok(());
        }
        let processes = self.processes();
        let process = processes.iter().find(|(each, _)| *each == suspect);
        Err(process.map_or_else(
            || Error::Timeout {
                after: self.layout.options.ready_timeout,
                what: suspect.tool().name().to_owned(),
                last: "it does not run".to_owned(),
            },
            |(_, process)| process.failed(&problem()),
        ))
    }
}

/// A process that stands still until this is dropped. See [`Plane::freeze`].
#[derive(Debug)]
#[must_use = "it goes on at once when this is dropped"]
pub struct Frozen<'a> {
    plane: &'a Plane,
    component: Component,
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        // One that has ended meanwhile needs no thaw.
        drop(self.plane.signal(self.component, "CONT"));
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        let mut processes = std::mem::take(&mut *self.processes());
        // Clients first, all at once; then the API server, which without etcd would hang in its shutdown.
        for (component, process) in &mut processes {
            match component {
                Component::Etcd => {}
                // It may be paused, and its clients wait for it.
                Component::Apiserver => drop(process.signal("CONT")),
                Component::ControllerManager | Component::Scheduler | Component::Kwok => process.release(),
            }
        }
        for component in Component::ALL.into_iter().rev() {
            if let Some(index) = processes.iter().position(|(each, _)| *each == component) {
                drop(processes.remove(index));
            }
        }
    }
}
