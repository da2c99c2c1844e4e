//! The pod of `pod.json`, split at its placeholders once, so that 50,000 of them are written quickly.

use std::fmt::{Display, Write};

/// A value of `pod.json` that differs between pods.
#[derive(Clone, Copy, Debug)]
enum Hole {
    Pod,
    Namespace,
    App,
    Hash,
    Uid,
    Owner,
    Version,
    Node,
    Memory,
    Ready,
}

const HOLES: [(&str, Hole); 10] = [
    ("$pod", Hole::Pod),
    ("$ns", Hole::Namespace),
    ("$app", Hole::App),
    ("$hash", Hole::Hash),
    ("$uid", Hole::Uid),
    ("$owner", Hole::Owner),
    ("$version", Hole::Version),
    ("$node", Hole::Node),
    ("$memory", Hole::Memory),
    ("$ready", Hole::Ready),
];

/// What stands in a pod's place-holders.
#[derive(Clone, Debug)]
pub(super) struct Filling {
    pub(super) pod: String,
    pub(super) namespace: String,
    pub(super) app: String,
    pub(super) hash: String,
    pub(super) uid: String,
    pub(super) owner: String,
    pub(super) version: usize,
    pub(super) node: String,
    pub(super) memory: String,
    pub(super) ready: bool,
}

/// Literal texts, each followed by a place-holder.
#[derive(Debug)]
pub(super) struct Template {
    parts: Vec<(String, Hole)>,
    tail: String,
}

impl Template {
    /// The pod of `pod.json`, as compact as the API server writes it.
    pub(super) fn pod() -> Self {
        let text = compact(include_str!("pod.json"));
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find('$') {
            let (sign, hole) = HOLES
                .into_iter()
                .find(|(sign, _)| rest[at..].starts_with(sign))
                .expect("pod.json uses known place-holders only");
            parts.push((rest[..at].to_owned(), hole));
            rest = &rest[at + sign.len()..];
        }
        Template {
            parts,
            tail: rest.to_owned(),
        }
    }

    /// Appends the pod to `text`.
    pub(super) fn write(&self, filling: &Filling, text: &mut String) {
        for (literal, hole) in &self.parts {
            text.push_str(literal);
            let value: &dyn Display = match hole {
                Hole::Pod => &filling.pod,
                Hole::Namespace => &filling.namespace,
                Hole::App => &filling.app,
                Hole::Hash => &filling.hash,
                Hole::Uid => &filling.uid,
                Hole::Owner => &filling.owner,
                Hole::Version => &filling.version,
                Hole::Node => &filling.node,
                Hole::Memory => &filling.memory,
                Hole::Ready if filling.ready => &"True",
                Hole::Ready => &"False",
            };
            write!(text, "{value}").expect("a String takes any text");
        }
        text.push_str(&self.tail);
    }
}

/// JSON without the white space between its values, its keys in their order.
fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for c in json.chars() {
        if quoted || !c.is_whitespace() {
            out.push(c);
        }
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
    }
    out
}
