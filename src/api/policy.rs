//! `ResiliencePolicy`: its schema, and what the API server refuses of it.
//!
//! These types make the CRD and nothing else: policies are read by `source::projection`, field by field, so that one that
//! an older or newer CRD let in is still in force as far as it can be read. Both refuse the same; `tests/plane` holds
//! them to it. A `null` in a map is dropped by the API server, and says nothing here either.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::model::policy::{
    AcrossNamespaces, Admission, ExemptionRight, Patch, PolicyStatus, RuleSeverity, ScaleToZero, bounds,
};

/// A label's key, as RE2 has it.
const LABEL_KEY: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
/// A label's value, which may be empty.
const LABEL_VALUE: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$";
/// The name of a namespace.
const NAMESPACE: &str = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";
/// The name of a rule.
const RULE_NAME: &str = "^[a-z]([-a-z0-9]*[a-z0-9])?$";
/// The longest key of a label: a domain of 253 characters, a slash, a name of 63.
const LABEL_KEY_MAX: usize = 317;
/// What a key's domain may have, in CEL.
const DOMAIN_FITS: &str = "!self.contains('/') || self.split('/')[0].size() <= 253";
const DOMAIN_MESSAGE: &str = "a label's domain has at most 253 characters";

/// What is asked of workloads: thresholds, severities, what happens at admission, and whose exemptions count.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "plimsoll.dev",
    version = "v1alpha1",
    kind = "ResiliencePolicy",
    plural = "resiliencepolicies",
    shortname = "rp",
    category = "plimsoll",
    status = "PolicyStatus",
    derive = "PartialEq",
    doc = "What is asked of workloads: thresholds, severities, what happens at admission, and whose exemptions count. Without any policy, built-in defaults apply: everything is judged, admission warns, nothing is patched.",
    printcolumn = r#"{"name":"Priority","type":"integer","jsonPath":".spec.priority","description":"Of several policies the highest goes before the others"}"#,
    printcolumn = r#"{"name":"Workloads","type":"integer","jsonPath":".status.workloads","description":"How many workloads it governs"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status","description":"Whether it is in force as it stands"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Ready\")].message","description":"What is wrong with it"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ResiliencePolicySpec {
    /// Which namespaces it governs, by their labels; absent means all. Prefer the label kubernetes.io/metadata.name, which
    /// the API server sets: whoever may edit a Namespace may remove any other label, and with it the policy. The workloads
    /// of kube-system, kube-public and kube-node-lease are judged only if a policy asks for them by that label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Selector")]
    pub namespace_selector: Option<Selector>,
    /// Which workloads in these namespaces it governs, by the labels of the workloads themselves (not of their pods);
    /// absent means all. Whoever may edit a workload may change them: do not lock a rule by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Selector")]
    pub workload_selector: Option<Selector>,
    /// Where several policies govern a workload, each field is taken from the one with the highest priority that sets it;
    /// of equal ones from the first by name.
    #[serde(default)]
    #[schemars(range(min = bounds::PRIORITY.0, max = bounds::PRIORITY.1))]
    pub priority: i32,
    /// Numbers and lists that rules read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Thresholds")]
    pub thresholds: Option<Thresholds>,
    /// What to make of single rules; `plimsoll rules` lists them. A name that this version does not know is kept, and told
    /// in the condition RulesResolved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::RULES))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_string()]))]
    pub rules: Vec<PolicyRule>,
    /// Whose exemptions count: annotations plimsoll.dev/exempt.RULE on workloads and namespaces. Without it, all do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Exemptions")]
    pub exemptions: Option<Exemptions>,
    /// Where workloads, or else their namespaces, say whose they are. Without it, in plimsoll.dev/owner, a8r.io/owner, owner
    /// or team; plimsoll.dev/runbook or a8r.io/runbook; plimsoll.dev/criticality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "OwnershipKeys")]
    pub ownership: Option<OwnershipKeys>,
}

/// Selects by labels: all of matchLabels and all of matchExpressions must hold; an empty one selects everything.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// Labels that must be there with these very values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "std::collections::BTreeMap<String, LabelValue>", extend("maxProperties" = bounds::MATCH_LABELS))]
    #[x_kube(validation = Rule::new(format!("self.all(key, key.size() <= {LABEL_KEY_MAX} && key.matches(r'{LABEL_KEY}') && (!key.contains('/') || key.split('/')[0].size() <= 253))")).message("matchLabels has a key that cannot be a label's"))]
    pub match_labels: Option<std::collections::BTreeMap<String, LabelValue>>,
    /// What must hold of single labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::MATCH_EXPRESSIONS))]
    pub match_expressions: Vec<Requirement>,
}

/// A label's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct LabelValue(#[schemars(length(max = 63), regex(pattern = LABEL_VALUE))] String);

/// What must hold of one label.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("self.operator in ['In', 'NotIn'] ? has(self.values) && self.values.size() > 0 : !has(self.values) || self.values.size() == 0").message("In and NotIn need values, Exists and DoesNotExist take none")
)]
pub struct Requirement {
    /// The label's key.
    #[schemars(length(max = LABEL_KEY_MAX), regex(pattern = LABEL_KEY))]
    #[x_kube(validation = Rule::new(DOMAIN_FITS).message(DOMAIN_MESSAGE))]
    pub key: String,
    /// In: it has one of the values. NotIn: it has none of them, or is not there. Exists, DoesNotExist: whether it is there.
    pub operator: Operator,
    /// For In and NotIn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::VALUES))]
    pub values: Vec<LabelValue>,
}

/// How a label is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[allow(missing_docs, reason = "each variant is the Kubernetes operator of that name")]
pub enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// Numbers and lists that rules read. What is absent is left to policies of lower priority, then to the defaults.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Thresholds {
    /// The fewest replicas that a workload may be run at (rule min-replicas). Default: 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i32", range(min = bounds::MIN_REPLICAS.0, max = bounds::MIN_REPLICAS.1))]
    pub min_replicas: Option<i32>,
    /// Further topology keys that keep replicas apart, such as a rack's label (rule pod-spread). Hostname, zone and region
    /// are accepted anyway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<LabelKey>", length(min = 1, max = bounds::LABEL_KEYS))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub topology_keys: Option<Vec<LabelKey>>,
    /// Whether an autoscaler may scale to zero: Allow, or Judge to have min-replicas fail it. Default: Allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ScaleToZero")]
    pub scale_to_zero: Option<ScaleToZero>,
    /// The most of its capacity, in percent, that a workload may lose with one replica (rule few-large-replicas). Default: 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i32", range(min = bounds::MAX_CAPACITY_LOSS_PERCENT.0, max = bounds::MAX_CAPACITY_LOSS_PERCENT.1))]
    pub max_capacity_loss_percent: Option<i32>,
    /// How many times its request a memory limit may be (rule resource-requests). Default: 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i32", range(min = bounds::MAX_LIMIT_REQUEST_RATIO.0, max = bounds::MAX_LIMIT_REQUEST_RATIO.1))]
    pub max_limit_request_ratio: Option<i32>,
    /// How long, in seconds, pods may stay on a node that is lost (rule eviction-tolerance). Default: 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i32", range(min = bounds::MAX_TOLERATION_SECONDS.0, max = bounds::MAX_TOLERATION_SECONDS.1))]
    pub max_toleration_seconds: Option<i32>,
    /// The memory limit that remedies propose where there is no request to go by, such as 512Mi (rule memory-limit).
    /// Default: they propose none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = bounds::MEMORY_LIMIT_TEXT))]
    #[x_kube(validation = Rule::new(format!("isQuantity(self) && quantity(self).compareTo(quantity('{}')) >= 0", bounds::MEMORY_LIMIT_LEAST)).message("memoryLimit must be a quantity of 1Mi or more, such as 512Mi"))]
    pub memory_limit: Option<String>,
    /// Whether a workload is told whether what it requires in another namespace is there, where that namespace does not say
    /// by its annotation plimsoll.dev/required-by who may ask: Allow or Deny (rule requires). Default: Allow. Where the rule
    /// is locked, Allow is the stricter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AcrossNamespaces")]
    pub requires_across_namespaces: Option<AcrossNamespaces>,
}

/// A label's key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("x-kubernetes-validations" = [{ "rule": DOMAIN_FITS, "message": DOMAIN_MESSAGE }]))]
pub struct LabelKey(#[schemars(length(max = LABEL_KEY_MAX), regex(pattern = LABEL_KEY))] String);

/// What to make of one rule.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("has(self.severity) || has(self.admission) || has(self.patch) || has(self.locked)").message("says nothing: add severity, admission, patch or locked"),
    validation = Rule::new("!(has(self.severity) && self.severity == 'Off' && has(self.locked) && self.locked)").message("locked and Off at once: remove one of them"),
    validation = Rule::new("!(has(self.severity) && self.severity == 'Off' && has(self.admission) && self.admission != 'Off')").message("Off, and acts at admission: remove severity or admission"),
    validation = Rule::new("!(has(self.severity) && self.severity == 'Off' && has(self.patch) && self.patch != 'Off')").message("Off, and patches: remove severity or patch")
)]
pub struct PolicyRule {
    /// The rule's name, such as pod-spread.
    #[schemars(length(max = bounds::RULE_NAME), regex(pattern = RULE_NAME))]
    pub name: String,
    /// How bad its findings are, in place of the rule's own severity: Critical, Warning, Info, or "Off" (in quotes: YAML
    /// reads off as false) to not judge it. What the rule itself rates milder never becomes worse than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RuleSeverity")]
    pub severity: Option<RuleSeverity>,
    /// What happens when something is applied that fails it: "Off", Warn (whoever applies it is told) or Deny (it is refused;
    /// an update only if it makes it worse). Default: Warn, where the finding is not Info. For the admission webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Admission")]
    pub admission: Option<Admission>,
    /// What Plimsoll does about what fails it: "Off", Suggest or Apply. Default: Off. For enforcement; findings show their
    /// remedy anyway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Patch")]
    pub patch: Option<Patch>,
    /// That no other policy and no exemption makes it milder. Of this rule, and of the thresholds that belong to it, the
    /// strictest value of all policies counts then, whatever their priority; what this policy leaves out stands for the
    /// default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub locked: Option<bool>,
}

/// Whose exemptions count.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("!(has(self.annotation) && self.annotation == 'Deny' && has(self.namespaces))").message("denies all and names namespaces: remove one of them")
)]
pub struct Exemptions {
    /// Allow or Deny the annotations. Default: Allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ExemptionRight")]
    pub annotation: Option<ExemptionRight>,
    /// Allow them in these namespaces only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<NamespaceName>", length(min = 1, max = bounds::NAMESPACES))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub namespaces: Option<Vec<NamespaceName>>,
}

/// Where workloads say whose they are: keys of labels, the first to count first, in place of the defaults. The keys of the
/// defaults are read from annotations too, and from those before labels.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnershipKeys {
    /// Who runs it: a team, or a channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<LabelKey>", length(min = 1, max = bounds::LABEL_KEYS))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub owner_keys: Option<Vec<LabelKey>>,
    /// What to do when it fails: the address of a page, or a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<LabelKey>", length(min = 1, max = bounds::LABEL_KEYS))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub runbook_keys: Option<Vec<LabelKey>>,
    /// Whom it serves: Customer, Internal or Batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<LabelKey>", length(min = 1, max = bounds::LABEL_KEYS))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub criticality_keys: Option<Vec<LabelKey>>,
}

/// The name of a namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct NamespaceName(#[schemars(length(max = 63), regex(pattern = NAMESPACE))] String);
