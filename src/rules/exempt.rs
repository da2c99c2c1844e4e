//! Which exemptions stand beside a workload, and which of them count: what [`super::judge`] applies to every rule, and what
//! the rule `exemption` judges.

use jiff::Timestamp;

use super::{Question, RULES, exemption, find};
use crate::detect;
use crate::model::keys::Kind;
use crate::model::text::{clip, distance};
use crate::policy::exemption::{Exemption, ExemptionError, PREFIX, among};

/// How much of a rule's name that does not exist is repeated, characters.
const NAME_SHOWN: usize = 50;

/// One annotation that wants to exempt.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    /// The rule that it names; it need not exist.
    pub(super) rule: &'a str,
    /// Where it stands: the workload itself, or its namespace.
    pub(super) origin: Origin,
    /// What it says, if that counts.
    pub(super) exemption: Result<Exemption, Refused>,
}

/// Where an annotation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Workload,
    Namespace,
}

/// Why an exemption does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No rule has this name: what to do instead.
    NoSuchRule(String),
    /// It cannot be read.
    Unreadable(ExemptionError),
    /// The policy refuses it: why.
    NotAllowed(String),
    /// Its last day is over.
    Over(jiff::civil::Date),
}

/// Every exemption on the workload, then those on its namespace.
pub(super) fn claims<'a>(question: &Question<'a>) -> Vec<Claim<'a>> {
    let view = &question.view;
    let own = among(&view.workload().annotations).map(|named| (Origin::Workload, named));
    let inherited = view.namespace().map(|namespace| among(&namespace.annotations));
    let inherited = inherited.into_iter().flatten();
    own.chain(inherited.map(|named| (Origin::Namespace, named)))
        .map(|(origin, (rule, text))| Claim {
            rule,
            origin,
            exemption: judge(question, rule, text),
        })
        .collect()
}

fn judge(question: &Question<'_>, rule: &str, text: &str) -> Result<Exemption, Refused> {
    if find(rule).is_none() {
        return Err(Refused::NoSuchRule(no_such_rule(rule)));
    }
    if rule == exemption::RULE.name {
        return Err(Refused::NotAllowed(
            "it judges the exemptions themselves".to_owned(),
        ));
    }
    let namespace = &question.view.key().namespace;
    if let Some(why) = question.policy.refuses_exemption(rule, namespace) {
        return Err(Refused::NotAllowed(why));
    }
    let exemption = Exemption::parse(text).map_err(Refused::Unreadable)?;
    match (exemption.until, exemption.ends()) {
        (Some(last), Some(end)) if end <= question.now => Err(Refused::Over(last)),
        _ => Ok(exemption),
    }
}

/// What to do about a rule's name that does not exist.
pub(crate) fn no_such_rule(name: &str) -> String {
    if detect::find(name).is_some() {
        return format!("{name} is a detector, and this is for rules only");
    }
    let known = RULES
        .iter()
        .map(|rule| (distance(rule.name, &clip(name, NAME_SHOWN)), rule.name));
    match known.min() {
        Some((errors, nearest)) if errors <= nearest.len() / 3 => format!("did you mean {nearest}?"),
        _ => "`plimsoll rules` lists them all".to_owned(),
    }
}

impl Claim<'_> {
    /// The annotation and the object that it stands on: `annotation plimsoll.dev/exempt.pod-spread of Namespace shop`.
    pub(super) fn place(&self, question: &Question<'_>) -> String {
        let key = question.view.key();
        let object = match self.origin {
            Origin::Workload => key.to_string(),
            Origin::Namespace => format!("{} {}", Kind::Namespace, key.namespace),
        };
        format!("annotation {PREFIX}{} of {object}", clip(self.rule, NAME_SHOWN))
    }

    /// The reason and the last day, if it exempts what a rule says of this subject.
    pub(super) fn exempts(&self, rule: &str, subject: Option<&str>) -> Option<String> {
        let exemption = self.exemption.as_ref().ok()?;
        (self.rule == rule && exemption.covers(subject)).then(|| self.reason(exemption))
    }

    fn reason(&self, exemption: &Exemption) -> String {
        let until = exemption.until.map(|last| format!("until {last}"));
        let origin = (self.origin == Origin::Namespace).then(|| "by its namespace".to_owned());
        let more: Vec<String> = until.into_iter().chain(origin).collect();
        if more.is_empty() {
            return exemption.reason.clone();
        }
        format!("{} ({})", exemption.reason, more.join(", "))
    }

    /// When it ceases to count, if it does now.
    pub(super) fn ends(&self) -> Option<Timestamp> {
        self.exemption.as_ref().ok()?.ends()
    }
}
