//! A made-up cluster: what it holds, where its pods are, and each object as the API server would send it.

use plimsoll::model::keys::Kind;

use super::objects;
use super::template::{Filling, Template};

/// How large a cluster is. It has ten pods a workload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) workloads: usize,
    pub(crate) nodes: usize,
    pub(crate) namespaces: usize,
}

impl Size {
    /// 50,000 pods.
    pub(crate) const FULL: Size = Size {
        workloads: 5000,
        nodes: 500,
        namespaces: 100,
    };
    /// Just large enough to run every line of a bench.
    pub(crate) const SMALL: Size = Size {
        workloads: 50,
        nodes: 20,
        namespaces: 5,
    };

    /// How many pods there are.
    pub(crate) const fn pods(self) -> usize {
        self.workloads * 10
    }
}

/// One pod of the cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PodAt {
    pub(crate) workload: usize,
    pub(crate) replica: usize,
    pub(crate) ready: bool,
}

/// The replicas of a workload: on average ten, as in clusters where few are large.
pub(crate) const fn replicas(workload: usize) -> usize {
    [2, 3, 5, 10, 30][workload % 5]
}

/// Which of a workload's replicas is where. One workload in 50 has all of them on one node.
const fn node_of(workload: usize, replica: usize, nodes: usize) -> usize {
    let step = if workload % 50 == 49 { 0 } else { 191 };
    (workload * 37 + replica * step) % nodes
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) size: Size,
    template: Template,
}

impl Cluster {
    pub(crate) fn new(size: Size) -> Self {
        Cluster {
            size,
            template: Template::pod(),
        }
    }

    /// Hands over every object but the pods, as JSON, kind by kind as they are listed.
    pub(crate) fn each_without_pods(&self, mut take: impl FnMut(Kind, &str)) {
        let Size {
            workloads,
            nodes,
            namespaces,
        } = self.size;
        let mut give = |kind, value: serde_json::Value| take(kind, &value.to_string());
        for namespace in 0..namespaces {
            give(Kind::Namespace, objects::namespace(namespace));
            if namespace % 4 == 0 {
                give(Kind::LimitRange, objects::limit_range(namespace));
            }
        }
        for node in 0..nodes {
            give(Kind::Node, objects::node(node));
            give(Kind::Lease, objects::lease(node, 0));
        }
        for workload in 0..workloads {
            let of = objects::Of::new(workload, namespaces);
            give(Kind::Deployment, objects::deployment(&of));
            give(
                Kind::ReplicaSet,
                objects::replica_set(&of, &of.hash(), of.replicas),
            );
            give(Kind::ReplicaSet, objects::replica_set(&of, "5f7c9d8b64", 0));
            if workload % 5 == 0 {
                give(Kind::HorizontalPodAutoscaler, objects::autoscaler(&of));
            }
            if workload % 2 == 0 {
                give(Kind::Service, objects::service(&of));
                give(Kind::EndpointSlice, objects::endpoint_slice(&of));
            }
            if workload % 3 == 0 {
                give(Kind::PodDisruptionBudget, objects::budget(&of));
            }
        }
    }

    /// Hands over every node's Lease as JSON, renewed `seconds` after the start.
    pub(crate) fn each_lease(&self, seconds: u64, mut take: impl FnMut(&str)) {
        (0..self.size.nodes).for_each(|node| take(&objects::lease(node, seconds).to_string()));
    }

    /// Every pod, all ready, in the order of a list: by namespace and name, which is not that of nodes.
    pub(crate) fn pods(&self) -> impl Iterator<Item = PodAt> + use<> {
        let Size {
            workloads,
            namespaces,
            ..
        } = self.size;
        (0..namespaces)
            .flat_map(move |namespace| (namespace..workloads).step_by(namespaces))
            .flat_map(|workload| {
                (0..replicas(workload)).map(move |replica| PodAt {
                    workload,
                    replica,
                    ready: true,
                })
            })
    }

    /// Writes a pod's JSON to `text`, over what stood there.
    pub(crate) fn pod(&self, pod: PodAt, text: &mut String) {
        text.clear();
        self.template.write(&self.filling(pod), text);
    }

    /// A watch event about a pod: the line that the API server sends.
    pub(crate) fn pod_event(&self, pod: PodAt) -> String {
        let mut text = String::from(r#"{"type":"MODIFIED","object":"#);
        self.template.write(&self.filling(pod), &mut text);
        text.push('}');
        text
    }

    fn filling(&self, pod: PodAt) -> Filling {
        let PodAt {
            workload,
            replica,
            ready,
        } = pod;
        let of = objects::Of::new(workload, self.size.namespaces);
        let suffix = objects::letters(workload * 31 + replica, 5);
        Filling {
            pod: format!("{}-{}-{suffix}", of.name, of.hash()),
            hash: of.hash(),
            uid: objects::uid("70d", workload * 100 + replica),
            owner: objects::uid("5e7", workload),
            version: 81_000_000 + workload * 100 + replica,
            node: objects::node_name(node_of(workload, replica, self.size.nodes)),
            memory: of.memory(),
            namespace: of.namespace,
            app: of.name,
            ready,
        }
    }
}
