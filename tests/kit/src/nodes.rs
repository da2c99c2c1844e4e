//! Nodes without machines: kwok plays their kubelets, everything else about them is real.
//!
//! kwok serves a node only while it holds the node's Lease. [`Plane::silence`] takes the Lease away, and what follows
//! is Kubernetes' own doing: after the grace the node controller says Ready=Unknown, taints the node, marks its pods
//! unready, endpoints leave, and after five minutes the pods are deleted. [`Plane::revive`] lets kwok take the Lease
//! back within about two seconds: taints go, and evictions that had not begun are called off.
//!
//! kwok never sets a pod Ready again that the node controller had marked unready. A stage of this crate does, two
//! seconds after the change, as a kubelet would. It can't fight the node controller: kwok ignores the pods of a node
//! whose Lease it does not hold, and looks at them anew when it has it back. Tests that want pods stuck unready on a
//! node that is back start their plane with [`Options::pods_recover(false)`](crate::Options::pods_recover).

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::plane::Plane;

/// How long a new node may take to become Ready, and a drain to finish.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node to be added, of the size of a common cloud machine: 4 CPUs, 16 GiB, 110 pods.
#[derive(Debug, Clone)]
pub struct Node {
    name: String,
    labels: Map<String, Value>,
    taints: Vec<Value>,
    cpu: String,
    memory: String,
}

impl Node {
    /// A node in a zone of region `local`, with the labels that a cloud sets.
    #[must_use]
    pub fn new(name: &str, zone: &str) -> Self {
        let mut labels = Map::new();
        for (key, value) in [
            ("kubernetes.io/hostname", name),
            ("kubernetes.io/os", "linux"),
            ("kubernetes.io/arch", "amd64"),
            ("node.kubernetes.io/instance-type", "kit.4x16"),
            ("topology.kubernetes.io/region", "local"),
            ("topology.kubernetes.io/zone", zone),
        ] {
            labels.insert(key.to_owned(), value.into());
        }
        Self {
            name: name.to_owned(),
            labels,
            taints: Vec::new(),
            cpu: "4".into(),
            memory: "16Gi".into(),
        }
    }

    /// One more label, or another value for one; an empty value removes it (a cluster without zones, say).
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        if value.is_empty() {
            self.labels.remove(key);
        } else {
            self.labels.insert(key.to_owned(), value.into());
        }
        self
    }

    /// A taint, with an effect such as `NoSchedule`.
    #[must_use]
    pub fn taint(mut self, key: &str, value: &str, effect: &str) -> Self {
        self.taints
            .push(json!({"key": key, "value": value, "effect": effect}));
        self
    }

    /// Another size, in Kubernetes' quantities.
    #[must_use]
    pub fn size(mut self, cpu: &str, memory: &str) -> Self {
        self.cpu = cpu.to_owned();
        self.memory = memory.to_owned();
        self
    }

    fn manifest(&self, kubelet: &str) -> Value {
        let resources =
            json!({"cpu": self.cpu, "memory": self.memory, "pods": "110", "ephemeral-storage": "100Gi"});
        json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self.name, "labels": self.labels},
            "spec": {"taints": self.taints},
            "status": {
                "capacity": resources,
                "allocatable": resources,
                "nodeInfo": {
                    "architecture": "amd64", "operatingSystem": "linux", "osImage": "kwok",
                    "bootID": format!("boot-{}", self.name), "machineID": self.name, "systemUUID": self.name,
                    "containerRuntimeVersion": "kwok", "kernelVersion": "6.1.0",
                    "kubeletVersion": kubelet, "kubeProxyVersion": "",
                },
            },
        })
    }
}

impl Plane {
    /// Adds a node and waits until it is Ready.
    ///
    /// # Errors
    /// [`Error::Command`](crate::Error::Command) when the API server refuses it or it does not become Ready.
    pub fn add_node(&self, node: &Node) -> Result<()> {
        self.add_nodes(std::slice::from_ref(node))
    }

    /// Adds several nodes and waits until all are Ready.
    ///
    /// # Errors
    /// [`Error::Command`](crate::Error::Command) when the API server refuses one or one does not become Ready.
    pub fn add_nodes(&self, nodes: &[Node]) -> Result<()> {
        let kubelet = crate::rig::kubernetes_version()?;
        let items: Vec<Value> = nodes.iter().map(|node| node.manifest(&kubelet)).collect();
        self.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string())?;
        nodes
            .iter()
            .try_for_each(|node| self.wait_ready(&node.name, "True", PATIENCE))
    }

    /// Deletes a node; its pods are collected by the control plane.
    ///
    /// # Errors
    /// [`Error::Command`](crate::Error::Command) when there is no such node.
    pub fn remove_node(&self, node: &str) -> Result<()> {
        self.kubectl(&["delete", "node", node]).map(drop)
    }

    /// Stops a node's heartbeats, as a starved or cut-off kubelet would. Returns at once; see [`Plane::wait_ready`].
    ///
    /// The Lease's `renewTime` stays what it was: silence is no heartbeat.
    ///
    /// # Errors
    /// [`Error::Command`](crate::Error::Command) when there is no such node.
    pub fn silence(&self, node: &str) -> Result<()> {
        self.patch_lease(
            node,
            &json!({"holderIdentity": "silence", "leaseDurationSeconds": 86_400}),
        )
    }

    /// Lets a silenced node's heartbeats come back. Returns at once; see [`Plane::wait_ready`].
    ///
    /// # Errors
    /// [`Error::Command`](crate::Error::Command) when there is no such node.
    pub fn revive(&self, node: &str) -> Result<()> {
        // Long past: whoever wants the Lease may take it.
        self.patch_lease(
            node,
            &json!({"holderIdentity": "silence", "leaseDurationSeconds": 1}),
        )
    }

    /// Waits until the node's condition Ready is `True`, `False` or `Unknown`.
    ///
    /// # Errors
    /// [`Error::Command`](crate::Error::Command) when it is not so in time.
    pub fn wait_ready(&self, node: &str, status: &str, timeout: Duration) -> Result<()> {
        let (node, condition) = (format!("node/{node}"), format!("--for=condition=Ready={status}"));
        let timeout = format!("--timeout={}s", timeout.as_secs().max(1));
        self.kubectl(&["wait", &node, &condition, &timeout]).map(drop)
    }

    /// Closes a node for new pods.
    ///
    /// # Errors
    /// [`Error::Command`](crate::Error::Command) when there is no such node.
    pub fn cordon(&self, node: &str) -> Result<()> {
        self.kubectl(&["cordon", node]).map(drop)
    }

    /// Opens it again.
    ///
    /// # Errors
    /// [`Error::Command`](crate::Error::Command) when there is no such node.
    pub fn uncordon(&self, node: &str) -> Result<()> {
        self.kubectl(&["uncordon", node]).map(drop)
    }

    /// Cordons a node and evicts its pods, which disruption budgets may hold up.
    ///
    /// # Errors
    /// [`Error::Command`](crate::Error::Command) when pods are still there after a minute.
    pub fn drain(&self, node: &str) -> Result<()> {
        let timeout = format!("--timeout={}s", PATIENCE.as_secs());
        self.kubectl(&[
            "drain",
            node,
            "--ignore-daemonsets",
            "--delete-emptydir-data",
            "--force",
            &timeout,
        ])
        .map(drop)
    }

    fn patch_lease(&self, node: &str, spec: &Value) -> Result<()> {
        let patch = json!({"spec": spec}).to_string();
        self.kubectl(&[
            "patch",
            "lease",
            node,
            "-n",
            "kube-node-lease",
            "--type=merge",
            "-p",
            &patch,
        ])
        .map(drop)
    }
}
