//! ResiliencePolicy.
//!
//! Unlike other objects it is ours: what the CRD's schema and its rules (`api::policy`) refuse is refused here in the same
//! way, so that `check --policy` says before a policy is applied what the API server would say then. One that is stored
//! all the same (under an older CRD, or a newer one) is in force as far as it can be read.

mod fields;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use self::fields::{Fields, shown, unknown};
use super::Projection;
use super::loose::{Struct, quoted};
use super::meta::{Identity, Meta, Skipped, shared};
use super::path::{Path, Problems};
use crate::model::field::Field;
use crate::model::keys::{Kind, Name};
use crate::model::object::Object;
use crate::model::policy::bounds::{self, MEMORY_LIMIT_LEAST};
use crate::model::policy::{
    Admission, ExemptionRight, ExemptionSetting, OwnershipSetting, Patch, PolicySpec, ResiliencePolicy,
    RuleSetting, RuleSeverity, Thresholds,
};
use crate::model::quantity::Quantity;
use crate::model::selector::{
    LabelSelector, RawLabelSelector, RawRequirement, is_dns_label, is_label_key, is_label_value,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PolicyFields<'a> {
    #[serde(borrow)]
    metadata: Struct<Meta<'a, Skipped<'a>>>,
    spec: Value,
    status: Value,
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

impl<'a> Projection<'a> for PolicyFields<'a> {
    fn project(self, _: Kind, problems: &mut Problems) -> (Identity<'a>, Option<Object>) {
        let mut meta = self.metadata.fields_or_default();
        let identity = Identity::take(&mut meta, problems);
        let Some(name) = identity.name.clone() else {
            return (identity, None);
        };
        for key in self
            .more
            .keys()
            .filter(|key| *key != "apiVersion" && *key != "kind")
        {
            unknown(key, &["metadata", "spec"], Path::Root, problems);
        }
        let path = Path::Root.key("spec");
        let spec = match &self.spec {
            Value::Null => {
                problems.required(path);
                None
            }
            spec => Fields::of(spec, path, &SPEC, problems).map(|fields| fields.spec(problems)),
        };
        let spec = spec.unwrap_or_else(|| PolicySpec {
            // Nobody knows what it was to govern.
            namespaces: Field::Invalid,
            ..PolicySpec::default()
        });
        let policy = ResiliencePolicy {
            name,
            uid: shared(&identity.uid),
            generation: meta.generation.ok().unwrap_or_default(),
            spec,
            problems: Vec::new(),
            // Written by ourselves; whatever else stands there is written anew.
            shown: serde_json::from_value(self.status).ok(),
        };
        (identity, Some(Object::Policy(Box::new(policy))))
    }
}

const SPEC: [&str; 7] = [
    "namespaceSelector",
    "workloadSelector",
    "priority",
    "thresholds",
    "rules",
    "exemptions",
    "ownership",
];
const THRESHOLDS: [&str; 8] = [
    "minReplicas",
    "topologyKeys",
    "scaleToZero",
    "maxCapacityLossPercent",
    "maxLimitRequestRatio",
    "maxTolerationSeconds",
    "memoryLimit",
    "requiresAcrossNamespaces",
];
const RULE: [&str; 5] = ["name", "severity", "admission", "patch", "locked"];
const EXEMPTIONS: [&str; 2] = ["annotation", "namespaces"];
const OWNERSHIP: [&str; 3] = ["ownerKeys", "runbookKeys", "criticalityKeys"];
const SELECTOR: [&str; 2] = ["matchLabels", "matchExpressions"];
const REQUIREMENT: [&str; 3] = ["key", "operator", "values"];

impl Fields<'_> {
    fn spec(self, problems: &mut Problems) -> PolicySpec {
        PolicySpec {
            namespaces: self.selector("namespaceSelector", problems),
            workloads: self.selector("workloadSelector", problems),
            priority: self
                .whole("priority", bounds::PRIORITY, problems)
                .unwrap_or_default(),
            thresholds: self
                .map("thresholds", &THRESHOLDS, problems, |fields, problems| {
                    fields.thresholds(problems)
                })
                .unwrap_or_default(),
            rules: self.rules(problems),
            exemptions: self
                .map("exemptions", &EXEMPTIONS, problems, |fields, problems| {
                    fields.exemptions(problems)
                })
                .unwrap_or_default(),
            ownership: self
                .map("ownership", &OWNERSHIP, problems, |fields, problems| {
                    fields.ownership(problems)
                })
                .unwrap_or_default(),
        }
    }

    fn thresholds(self, problems: &mut Problems) -> Thresholds {
        let mut count = |key, bounds| {
            let number = self.whole(key, bounds, problems)?;
            u32::try_from(number).ok()
        };
        let min_replicas = count("minReplicas", bounds::MIN_REPLICAS);
        let max_capacity_loss_percent = count("maxCapacityLossPercent", bounds::MAX_CAPACITY_LOSS_PERCENT);
        let max_limit_request_ratio = count("maxLimitRequestRatio", bounds::MAX_LIMIT_REQUEST_RATIO);
        let max_toleration_seconds = count("maxTolerationSeconds", bounds::MAX_TOLERATION_SECONDS);
        Thresholds {
            min_replicas,
            topology_keys: self.label_keys("topologyKeys", problems),
            scale_to_zero: self.word("scaleToZero", problems),
            max_capacity_loss_percent,
            max_limit_request_ratio,
            max_toleration_seconds,
            memory_limit: self.memory_limit(problems),
            requires_across_namespaces: self.word("requiresAcrossNamespaces", problems),
        }
    }

    fn label_keys(self, key: &str, problems: &mut Problems) -> Option<Vec<Name>> {
        let wrong = |key: &str| {
            let rule = "use up to 63 letters, digits, `-`, `_` or `.`, after an optional `domain/`";
            (!is_label_key(key)).then(|| format!("{} can't be a label's key; {rule}", quoted(key)))
        };
        let keys = self.names(key, bounds::LABEL_KEYS, wrong, problems)?;
        Some(keys.into_iter().map(Into::into).collect())
    }

    fn ownership(self, problems: &mut Problems) -> OwnershipSetting {
        OwnershipSetting {
            owner_keys: self.label_keys("ownerKeys", problems),
            runbook_keys: self.label_keys("runbookKeys", problems),
            criticality_keys: self.label_keys("criticalityKeys", problems),
        }
    }

    fn memory_limit(self, problems: &mut Problems) -> Option<Quantity> {
        let text = self.text("memoryLimit", "a quantity such as 512Mi", problems)?;
        let path = self.path.key("memoryLimit");
        let least: Quantity = MEMORY_LIMIT_LEAST.parse().unwrap_or(Quantity::ZERO);
        if text.chars().count() > bounds::MEMORY_LIMIT_TEXT {
            let most = bounds::MEMORY_LIMIT_TEXT;
            problems.add(path, format!("must have at most {most} characters"));
            return None;
        }
        match text.parse::<Quantity>() {
            Ok(quantity) if quantity >= least => return Some(quantity),
            Ok(_) => problems.add(path, format!("must be {least} or more, not {text}")),
            Err(e) => problems.add(path, format!("is no quantity: {e}")),
        }
        None
    }

    fn rules(self, problems: &mut Problems) -> Vec<RuleSetting> {
        let Some(items) = self.list("rules", 0, bounds::RULES, problems) else {
            return Vec::new();
        };
        let mut rules: Vec<RuleSetting> = Vec::new();
        let path = self.path.key("rules");
        for (i, item) in items.iter().enumerate() {
            let Some(rule) = Fields::of(item, path.at(i), &RULE, problems).and_then(|f| f.rule(problems))
            else {
                continue;
            };
            if rules.iter().any(|known| known.name == rule.name) {
                let message = format!("{} is there twice; make one of them", quoted(&rule.name));
                problems.add(path.at(i).key("name"), message);
            } else {
                rules.push(rule);
            }
        }
        rules
    }

    fn rule(self, problems: &mut Problems) -> Option<RuleSetting> {
        let name = match self.get("name") {
            None => {
                problems.required(self.path.key("name"));
                None
            }
            Some(_) => self.text("name", "the name of a rule", problems),
        };
        let mut rule = RuleSetting {
            name: name
                .filter(|name| is_rule_name(name, self.path, problems))?
                .into(),
            severity: self.word("severity", problems),
            admission: self.word("admission", problems),
            patch: self.word("patch", problems),
            locked: self.truth("locked", problems).unwrap_or_default(),
        };
        if ["severity", "admission", "patch", "locked"]
            .iter()
            .all(|key| self.get(key).is_none())
        {
            problems.add(
                self.path,
                "says nothing; add severity, admission, patch or locked",
            );
        }
        if rule.severity != Some(RuleSeverity::Off) {
            return Some(rule);
        }
        if rule.locked {
            // The lock is what must not be lost.
            rule.severity = None;
            problems.add(self.path, "is locked and Off at once; remove one of them");
            return Some(rule);
        }
        if rule
            .admission
            .is_some_and(|admission| admission != Admission::Off)
        {
            rule.admission = None;
            problems.add(
                self.path,
                "is Off and acts at admission; remove severity or admission",
            );
        }
        if rule.patch.is_some_and(|patch| patch != Patch::Off) {
            rule.patch = None;
            problems.add(self.path, "is Off and patches; remove severity or patch");
        }
        Some(rule)
    }

    fn exemptions(self, problems: &mut Problems) -> ExemptionSetting {
        let is_namespace = |name: &str| {
            let rule = "use up to 63 small letters, digits or `-`";
            (!is_dns_label(name)).then(|| format!("{} can't be a namespace's name; {rule}", quoted(name)))
        };
        let annotation = self.word("annotation", problems);
        let namespaces = self.names("namespaces", bounds::NAMESPACES, is_namespace, problems);
        if annotation == Some(ExemptionRight::Deny) && self.get("namespaces").is_some() {
            problems.add(self.path, "denies all and names namespaces; remove one of them");
        }
        ExemptionSetting {
            annotation,
            namespaces: namespaces.map(|names| names.into_iter().map(Into::into).collect()),
        }
    }

    fn selector(self, key: &str, problems: &mut Problems) -> Field<LabelSelector> {
        let before = problems.count();
        let Some(value) = self.get(key) else {
            return Field::Absent;
        };
        let raw =
            Fields::of(value, self.path.key(key), &SELECTOR, problems).map(|f| f.raw_selector(problems));
        let selector = raw.and_then(|raw| LabelSelector::try_from(raw).ok());
        match selector {
            Some(selector) if problems.count() == before => Field::Set(selector),
            _ => Field::Invalid,
        }
    }

    fn raw_selector(self, problems: &mut Problems) -> RawLabelSelector {
        let path = self.path.key("matchLabels");
        let labels = self.get("matchLabels").map(|value| match value {
            Value::Object(labels) => labels.iter().filter(|(_, value)| !value.is_null()).collect(),
            other => {
                problems.add(path, format!("must be a map of strings, not {}", shown(other)));
                Vec::new()
            }
        });
        let labels = labels.unwrap_or_default();
        if labels.len() > bounds::MATCH_LABELS {
            problems.add(path, format!("must have at most {} labels", bounds::MATCH_LABELS));
        }
        let mut exact = Vec::new();
        for (key, value) in labels.into_iter().take(bounds::MATCH_LABELS) {
            refuse_label(key, value, path.key(key), problems);
            exact.extend(value.as_str().map(|value| (key.as_str(), value)));
        }
        let path = self.path.key("matchExpressions");
        let expressions = self.list("matchExpressions", 0, bounds::MATCH_EXPRESSIONS, problems);
        let expressions = expressions.into_iter().flatten().enumerate();
        RawLabelSelector {
            match_labels: exact.into_iter().collect(),
            match_expressions: Some(
                expressions
                    .filter_map(|(i, item)| {
                        Fields::of(item, path.at(i), &REQUIREMENT, problems)?.requirement(problems)
                    })
                    .collect(),
            ),
        }
    }

    fn requirement(self, problems: &mut Problems) -> Option<RawRequirement> {
        let mut needed = |key: &str, what: &str| {
            if self.get(key).is_none() {
                problems.required(self.path.key(key));
            }
            self.text(key, what, problems)
        };
        let key = needed("key", "the key of a label");
        let operator = needed("operator", "In, NotIn, Exists or DoesNotExist");
        let values = self.list("values", 0, bounds::VALUES, problems);
        let path = self.path.key("values");
        let mut texts = Vec::new();
        for (i, value) in values.into_iter().flatten().enumerate() {
            match value {
                Value::String(text) => texts.push(Some(text.as_str().into())),
                other => problems.add(path.at(i), format!("must be a string, not {}", shown(other))),
            }
        }
        let before = problems.count();
        let raw = RawRequirement {
            key: key?.into(),
            operator: operator?.into(),
            values: Some(texts),
        };
        let alone = RawLabelSelector {
            match_expressions: Some(vec![raw.clone()]),
            ..RawLabelSelector::default()
        };
        if problems.count() == before
            && let Err(e) = LabelSelector::try_from(alone)
        {
            problems.add(self.path, format!("is refused: {e}"));
        }
        Some(raw)
    }
}

fn is_rule_name(name: &str, rule: Path<'_>, problems: &mut Problems) -> bool {
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
    let fits = starts && is_dns_label(name) && name.len() <= bounds::RULE_NAME;
    if !fits {
        let most = bounds::RULE_NAME;
        let message = format!(
            "{} can't be a rule's name; use up to {most} small letters, digits or `-`, a letter first",
            quoted(name)
        );
        problems.add(rule.key("name"), message);
    }
    fits
}

fn refuse_label(key: &str, value: &Value, path: Path<'_>, problems: &mut Problems) {
    if !is_label_key(key) {
        let rule = "use up to 63 letters, digits, `-`, `_` or `.`, after an optional `domain/`";
        problems.add(path, format!("can't be a label's key; {rule}"));
    }
    match value {
        Value::String(text) if is_label_value(text) => {}
        Value::String(text) => {
            let rule = "use up to 63 letters, digits, `-`, `_` or `.`, the first and the last no sign";
            problems.add(path, format!("{} can't be a label's value; {rule}", quoted(text)));
        }
        other => problems.add(path, format!("must be a string, not {}", shown(other))),
    }
}

#[cfg(test)]
mod tests;
