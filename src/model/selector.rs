//! stub, replaced by the leaf branch
use std::collections::BTreeMap;
use std::sync::Arc;
/// stub
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Box<[(Arc<str>, Arc<str>)]>);
impl Labels {
    /// get
    pub fn get(&self, key: &str) -> Option<&Arc<str>> {
        self.0.iter().find(|(k, _)| &**k == key).map(|(_, v)| v)
    }
    /// iter
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.0.iter().map(|(k, v)| (k, v))
    }
    /// empty
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
impl FromIterator<(Arc<str>, Arc<str>)> for Labels {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Arc<str>)>>(i: I) -> Self {
        let m: BTreeMap<_, _> = i.into_iter().collect();
        Labels(m.into_iter().collect())
    }
}
/// stub
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    #[serde(default)]
    match_labels: BTreeMap<String, String>,
}
impl LabelSelector {
    /// matches
    pub fn matches(&self, l: &Labels) -> bool {
        self.match_labels
            .iter()
            .all(|(k, v)| l.get(k).is_some_and(|x| **x == **v))
    }
}
