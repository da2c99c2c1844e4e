//! What a `ResiliencePolicy` says, parsed: whatever could be read of it is in force, the rest is a problem by name.
//!
//! What several of them mean together for one workload is [`crate::policy`]'s to say.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::field::{Field, FieldProblem};
use super::finding::Severity;
use super::keys::Name;
use super::quantity::Quantity;
use super::report::Condition;
use super::selector::{LabelSelector, Labels};

/// The label that the API server gives every namespace: its name. Tenants cannot edit it.
pub const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// What the bounds of a policy's fields are. The CRD's schema and the projection take them from here, so that the API
/// server refuses what `check --policy` refuses.
pub mod bounds {
    /// The least and the highest `priority`.
    pub const PRIORITY: (i32, i32) = (-1_000_000, 1_000_000);
    /// `minReplicas`: with 0 the rule would say nothing, which is what `severity: "Off"` is for.
    pub const MIN_REPLICAS: (i32, i32) = (1, 1_000);
    /// `maxCapacityLossPercent`.
    pub const MAX_CAPACITY_LOSS_PERCENT: (i32, i32) = (1, 100);
    /// `maxLimitRequestRatio`: a limit is never below its request.
    pub const MAX_LIMIT_REQUEST_RATIO: (i32, i32) = (1, 1_000);
    /// `maxTolerationSeconds`: a week at most, which is for ever as far as outages go.
    pub const MAX_TOLERATION_SECONDS: (i32, i32) = (0, 604_800);
    /// The least `memoryLimit`. A smaller one is a mistake of units (`512m` is half a byte), and no container starts in it.
    pub const MEMORY_LIMIT_LEAST: &str = "1Mi";
    /// Longest text of a `memoryLimit`, characters.
    pub const MEMORY_LIMIT_TEXT: usize = 32;
    /// Most `topologyKeys`, and most keys of each list in `ownership`.
    pub const LABEL_KEYS: usize = 16;
    /// Most `rules`.
    pub const RULES: usize = 64;
    /// Longest name of a rule, characters.
    pub const RULE_NAME: usize = 50;
    /// Most namespaces in `exemptions`.
    pub const NAMESPACES: usize = 256;
    /// Most `matchLabels` of a selector.
    pub const MATCH_LABELS: usize = 16;
    /// Most `matchExpressions` of a selector.
    pub const MATCH_EXPRESSIONS: usize = 16;
    /// Most values of one of them.
    pub const VALUES: usize = 256;
}

/// One policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResiliencePolicy {
    /// `metadata.name`.
    pub name: Name,
    /// `metadata.uid`; empty in files.
    pub uid: Name,
    /// `metadata.generation`; 0 in files.
    pub generation: i64,
    /// What it asks for.
    pub spec: PolicySpec,
    /// Fields that are refused; what they would have said is not in force.
    pub problems: Vec<FieldProblem>,
    /// What its status says, as the API server showed it.
    pub shown: Option<PolicyStatus>,
}

/// What a policy asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicySpec {
    /// Which namespaces, by their labels: absent means all. An invalid selector selects none.
    pub namespaces: Field<LabelSelector>,
    /// Which workloads in them, by the workloads' own labels: absent means all. An invalid selector selects none.
    pub workloads: Field<LabelSelector>,
    /// Of several policies the one with the highest counts; of equal ones the first by name.
    pub priority: i32,
    /// Numbers and lists that rules read.
    pub thresholds: Thresholds,
    /// What it says of single rules; each name once.
    pub rules: Vec<RuleSetting>,
    /// Whose exemptions count.
    pub exemptions: ExemptionSetting,
    /// Where workloads say whose they are.
    pub ownership: OwnershipSetting,
}

/// Numbers and lists that rules read; `None` = the policy says nothing of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thresholds {
    /// `minReplicas`.
    pub min_replicas: Option<u32>,
    /// `topologyKeys`: accepted beside the built-in ones.
    pub topology_keys: Option<Vec<Name>>,
    /// `scaleToZero`.
    pub scale_to_zero: Option<ScaleToZero>,
    /// `maxCapacityLossPercent`.
    pub max_capacity_loss_percent: Option<u32>,
    /// `maxLimitRequestRatio`.
    pub max_limit_request_ratio: Option<u32>,
    /// `maxTolerationSeconds`.
    pub max_toleration_seconds: Option<u32>,
    /// `memoryLimit`.
    pub memory_limit: Option<Quantity>,
    /// `requiresAcrossNamespaces`.
    pub requires_across_namespaces: Option<AcrossNamespaces>,
}

/// What a policy says of one rule; `None` = nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSetting {
    /// The rule's name; it need not be one that this build knows.
    pub name: Name,
    /// `severity`.
    pub severity: Option<RuleSeverity>,
    /// `admission`.
    pub admission: Option<Admission>,
    /// `patch`.
    pub patch: Option<Patch>,
    /// `locked`.
    pub locked: bool,
}

/// Whose exemptions count; `None` = the policy says nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExemptionSetting {
    /// `annotation`.
    pub annotation: Option<ExemptionRight>,
    /// `namespaces`: only from these, where it is set.
    pub namespaces: Option<Vec<Name>>,
}

/// Where workloads and namespaces say whose they are: keys of labels and annotations, the first to count first; `None` =
/// the policy says nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnershipSetting {
    /// `ownerKeys`.
    pub owner_keys: Option<Vec<Name>>,
    /// `runbookKeys`.
    pub runbook_keys: Option<Vec<Name>>,
    /// `criticalityKeys`.
    pub criticality_keys: Option<Vec<Name>>,
}

/// A value that is one of a few words.
pub trait Word: Copy + Sized + 'static {
    /// All, in the order in which they are told to people.
    const ALL: &'static [Self];

    /// The word.
    fn as_str(self) -> &'static str;

    /// The value of that word.
    #[must_use]
    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.as_str() == text)
    }
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $word:ident,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[$doc])* $word,)*
        }

        impl Word for $name {
            const ALL: &'static [Self] = &[$($name::$word),*];

            fn as_str(self) -> &'static str {
                match self {
                    $($name::$word => stringify!($word),)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// How bad the findings of a rule are; ordered, the mildest first.
    RuleSeverity {
        /// The rule is not judged.
        Off,
        /// Worth knowing.
        Info,
        /// An outage waiting for its cause.
        Warning,
        /// People are, or are about to be, without service.
        Critical,
    }
}

words! {
    /// What happens at admission when a rule fails; ordered, the mildest first.
    Admission {
        /// Nothing.
        Off,
        /// Whoever applies it is warned.
        Warn,
        /// It is refused.
        Deny,
    }
}

words! {
    /// What Plimsoll does about a rule that fails; ordered, the mildest first.
    Patch {
        /// Nothing.
        Off,
        /// It proposes the change.
        Suggest,
        /// It makes the change.
        Apply,
    }
}

words! {
    /// Whether a workload may be scaled to zero by its autoscaler; ordered, the mildest first.
    ScaleToZero {
        /// It is meant so: min-replicas does not judge it.
        Allow,
        /// min-replicas judges it, and fails.
        Judge,
    }
}

words! {
    /// Whether requires tells a namespace about another that does not say who may ask; ordered, the mildest first.
    AcrossNamespaces {
        /// It is not judged.
        Deny,
        /// It is.
        Allow,
    }
}

words! {
    /// Whether exemptions count; ordered, the mildest first.
    ExemptionRight {
        /// They do.
        Allow,
        /// They do not.
        Deny,
    }
}

impl From<Severity> for RuleSeverity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => RuleSeverity::Info,
            Severity::Warning => RuleSeverity::Warning,
            Severity::Critical => RuleSeverity::Critical,
        }
    }
}

impl RuleSeverity {
    /// The severity of findings; `None` when there are none to be.
    #[must_use]
    pub const fn severity(self) -> Option<Severity> {
        match self {
            RuleSeverity::Off => None,
            RuleSeverity::Info => Some(Severity::Info),
            RuleSeverity::Warning => Some(Severity::Warning),
            RuleSeverity::Critical => Some(Severity::Critical),
        }
    }
}

impl PolicySpec {
    /// Whether it governs a workload with these labels, in a namespace of this name with these labels (none when they are
    /// not known: its name is a label that every namespace has).
    #[must_use]
    pub fn governs(&self, namespace: &str, namespace_labels: Option<&Labels>, labels: &Labels) -> bool {
        let of_namespace = |key: &str| match key {
            NAMESPACE_NAME_LABEL => Some(namespace),
            key => namespace_labels?.get(key),
        };
        selects(&self.namespaces, of_namespace) && selects(&self.workloads, |key| labels.get(key))
    }

    /// Whether it asks for this namespace by its name.
    #[must_use]
    pub fn names(&self, namespace: &str) -> bool {
        let selector = self.namespaces.get();
        selector.is_some_and(|selector| selector.asks_for(NAMESPACE_NAME_LABEL, namespace))
    }

    /// What it says of a rule.
    #[must_use]
    pub fn rule(&self, name: &str) -> Option<&RuleSetting> {
        self.rules.iter().find(|rule| &*rule.name == name)
    }

    /// Whether it locks a rule.
    #[must_use]
    pub fn locks(&self, rule: &str) -> bool {
        self.rule(rule).is_some_and(|rule| rule.locked)
    }
}

fn selects<'a>(selector: &Field<LabelSelector>, label: impl Fn(&str) -> Option<&'a str>) -> bool {
    match selector {
        Field::Absent => true,
        Field::Set(selector) => selector.matches_with(label),
        Field::Invalid => false,
    }
}

/// What a policy's status says. Written by Plimsoll only, and only when something changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyStatus {
    /// The policy's generation that this is about.
    #[serde(default)]
    pub observed_generation: i64,
    /// How many workloads it governs: those with a report that both of its selectors select, whether or not another policy
    /// goes before it.
    #[serde(default)]
    pub workloads: i32,
    /// Ready: it is in force as it stands. Accepted: all of its fields are understood. RulesResolved: all of its rules are
    /// known. Each says what is wrong when it is not True; whatever is not wrong is in force.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
