//! The objects around the pods, with the fields that the engine reads.

use serde_json::{Value, json};

use super::cluster::replicas;
use super::now;

const CREATED: &str = "2026-03-01T08:00:00Z";

/// A workload's names and numbers.
#[derive(Debug)]
pub(super) struct Of {
    number: usize,
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) replicas: usize,
}

impl Of {
    pub(super) fn new(number: usize, namespaces: usize) -> Self {
        Of {
            number,
            name: format!("checkout-{number:04}"),
            namespace: namespace_name(number % namespaces),
            replicas: replicas(number),
        }
    }

    /// Of its current revision.
    pub(super) fn hash(&self) -> String {
        letters(self.number * 7919 + 1, 10)
    }

    pub(super) fn memory(&self) -> String {
        format!("{}Mi", 128 + self.number % 7 * 64)
    }

    fn metadata(&self, name: &str, uid: &str) -> Value {
        json!({
            "name": name, "namespace": self.namespace, "uid": uid, "resourceVersion": "80112233", "generation": 3,
            "creationTimestamp": CREATED, "labels": {"app.kubernetes.io/name": self.name}
        })
    }

    fn selector(&self) -> Value {
        json!({"matchLabels": {"app.kubernetes.io/name": self.name}})
    }

    /// Two workloads in three are spread over hosts, one in three over nothing.
    fn template(&self) -> Value {
        let container = |name: &str, memory: &str| json!({"name": name, "resources": {"limits": {"memory": memory}, "requests": {"memory": "64Mi"}}});
        let mut template = json!({
            "metadata": {"labels": {
                "app.kubernetes.io/name": self.name, "app.kubernetes.io/part-of": "shop",
                "app.kubernetes.io/managed-by": "Helm"
            }},
            "spec": {"containers": [container("app", &self.memory()), container("proxy", "128Mi")]}
        });
        if !self.number.is_multiple_of(3) {
            template["spec"]["topologySpreadConstraints"] = json!([{
                "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": self.selector()
            }]);
        }
        template
    }
}

/// Letters as in generated names, from a number.
pub(super) fn letters(number: usize, count: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut rest = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        let letter = LETTERS[rest % LETTERS.len()];
        rest /= LETTERS.len();
        char::from(letter)
    };
    (0..count).map(|_| next()).collect()
}

pub(super) fn uid(group: &str, number: usize) -> String {
    format!("{number:08x}-{group}0-4a1b-9c2d-0123456789ab")
}

fn namespace_name(number: usize) -> String {
    format!("team-{number:02}")
}

pub(super) fn node_name(number: usize) -> String {
    format!("node-{number:03}.eu-central-1.compute.internal")
}

pub(super) fn namespace(number: usize) -> Value {
    json!({"metadata": {"name": namespace_name(number), "uid": uid("a5e", number)}})
}

pub(super) fn limit_range(namespace: usize) -> Value {
    json!({
        "metadata": {"name": "defaults", "namespace": namespace_name(namespace)},
        "spec": {"limits": [{"type": "Container", "defaultRequest": {"memory": "64Mi"}}]}
    })
}

pub(super) fn node(number: usize) -> Value {
    let name = node_name(number);
    let zone = ["eu-central-1a", "eu-central-1b", "eu-central-1c"][number % 3];
    json!({
        "metadata": {"name": name, "uid": uid("0de", number), "creationTimestamp": CREATED, "labels": {
            "kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone,
            "topology.kubernetes.io/region": "eu-central-1", "node.kubernetes.io/instance-type": "m6i.4xlarge",
            "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"
        }},
        "status": {
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": CREATED}],
            "nodeInfo": {"bootID": uid("b00", number), "kubeletVersion": "v1.36.0"}
        }
    })
}

/// A node's Lease, renewed `seconds` after the start.
pub(super) fn lease(node: usize, seconds: u64) -> Value {
    json!({
        "metadata": {"name": node_name(node), "namespace": "kube-node-lease"},
        "spec": {"renewTime": now(seconds).wall}
    })
}

pub(super) fn deployment(of: &Of) -> Value {
    json!({
        "metadata": of.metadata(&of.name, &uid("de9", of.number)),
        "spec": {"replicas": of.replicas, "selector": of.selector(), "template": of.template()},
        "status": {
            "observedGeneration": 3, "replicas": of.replicas, "updatedReplicas": of.replicas,
            "readyReplicas": of.replicas
        }
    })
}

pub(super) fn replica_set(of: &Of, hash: &str, replicas: usize) -> Value {
    let mut metadata = of.metadata(&format!("{}-{hash}", of.name), &uid("5e7", of.number));
    metadata["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "Deployment", "name": of.name, "uid": uid("de9", of.number), "controller": true
    }]);
    json!({
        "metadata": metadata,
        "spec": {"replicas": replicas, "selector": of.selector(), "template": of.template()},
        "status": {"replicas": replicas, "readyReplicas": replicas}
    })
}

pub(super) fn autoscaler(of: &Of) -> Value {
    json!({
        "metadata": of.metadata(&of.name, &uid("49a", of.number)),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": of.name},
            "minReplicas": of.replicas.min(2), "maxReplicas": of.replicas * 2
        }
    })
}

pub(super) fn service(of: &Of) -> Value {
    json!({
        "metadata": of.metadata(&of.name, &uid("5ec", of.number)),
        "spec": {"selector": {"app.kubernetes.io/name": of.name}, "ports": [{"port": 80}]}
    })
}

pub(super) fn endpoint_slice(of: &Of) -> Value {
    let mut metadata = of.metadata(
        &format!("{}-{}", of.name, letters(of.number, 5)),
        &uid("e95", of.number),
    );
    metadata["labels"] = json!({"kubernetes.io/service-name": of.name});
    let endpoints: Vec<Value> = (0..of.replicas)
        .map(|replica| {
            json!({"addresses": [format!("10.244.{replica}.7")], "conditions": {"ready": true, "serving": true}})
        })
        .collect();
    json!({"metadata": metadata, "addressType": "IPv4", "endpoints": endpoints})
}

pub(super) fn budget(of: &Of) -> Value {
    json!({
        "metadata": of.metadata(&of.name, &uid("9db", of.number)),
        "spec": {"maxUnavailable": 1, "selector": of.selector()}
    })
}
