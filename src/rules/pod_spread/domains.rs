//! The nodes that a term tells apart.

use std::collections::BTreeSet;

use super::terms::{Doubt, Strength, Term, Why};
use crate::index::{Listing, WorkloadView};
use crate::model::keys::{Kind, Name};
use crate::model::node::{REGION_LABEL, ZONE_LABEL};
use crate::simulate::Wish;

/// Keys whose domains hold many nodes: they keep nothing apart while all nodes are in one of them.
const WIDE_KEYS: [&str; 4] = [
    ZONE_LABEL,
    REGION_LABEL,
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
];

/// Whether the nodes that take pods differ in what the term looks at. Without any Node, as in files, they are taken to.
///
/// A required anti-affinity has its effect in a single domain too: only one replica can run there.
pub(super) fn has_domains(view: &WorkloadView<'_>, term: Term<'_>) -> Result<(), Doubt> {
    let (key, others) = (term.key(), soft_keys_beside(view, term));
    let wide = WIDE_KEYS.contains(&&**key);
    if !wide && others.is_empty() {
        return Ok(());
    }
    match view.listing(Kind::Node) {
        Listing::Listed => {}
        Listing::Waiting => return Err(Doubt::Unclear("nodes are not listed yet".to_owned())),
        Listing::Unreadable(why) => return Err(Doubt::Unclear(format!("nodes cannot be read: {why}"))),
    }
    match domains(view, key, &others, 2) {
        None | Some(2..) => return Ok(()),
        Some(1) if matches!(term, Term::AntiAffinity(t) if t.required) => return Ok(()),
        Some(_) => {}
    }
    if domains(view, key, &[], 2) < Some(2) {
        return if wide {
            Err(Doubt::Miss(Why::OneDomain))
        } else {
            Ok(())
        };
    }
    let missing = others
        .iter()
        .find(|other| domains(view, key, &[other], 2) < Some(2));
    let missing = missing.or(others.first()).map(|other| (*other).clone());
    Err(Doubt::Miss(missing.map_or(Why::OneDomain, Why::Beside)))
}

/// The keys of the other soft constraints: the scheduler scores only nodes that have the labels of all of them
/// (`initPreScoreState` in Kubernetes' `plugins/podtopologyspread/scoring.go`).
fn soft_keys_beside<'a>(view: &WorkloadView<'a>, term: Term<'_>) -> Vec<&'a Name> {
    let Term::Spread(constraint) = term else {
        return Vec::new();
    };
    if term.strength() == Strength::Required {
        return Vec::new();
    }
    let all = view.template().spread.iter();
    let soft = all.filter(|other| Term::Spread(other).strength() == Strength::Preferred);
    soft.map(|other| &other.topology_key)
        .filter(|key| **key != constraint.topology_key)
        .collect()
}

/// How many values of `key` there are among the nodes that take its pods, as far as taints and cordons say, and have the
/// labels `beside`; counted up to `enough`. `None` when no Node is known.
pub(super) fn domains(view: &WorkloadView<'_>, key: &str, beside: &[&Name], enough: usize) -> Option<usize> {
    let mut nodes = view.nodes().filter_map(|node| node.node()).peekable();
    nodes.peek()?;
    let wish = Wish::anywhere(view.template());
    let mut domains = BTreeSet::new();
    for node in nodes {
        let labelled = beside.iter().all(|key| node.labels.get(key).is_some());
        if labelled
            && wish.admits(node)
            && let Some(domain) = node.labels.get(key)
        {
            domains.insert(domain);
            if domains.len() >= enough {
                break;
            }
        }
    }
    Some(domains.len())
}
