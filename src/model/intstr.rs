//! stub, replaced by the leaf branch
/// stub
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
#[serde(untagged)]
pub enum IntOrString {
    /// int
    Int(i32),
    /// text
    Text(Box<str>),
}
