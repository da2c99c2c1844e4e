//! Good and bad policies: what the API server takes and refuses, `check --policy` takes and refuses.

/// A policy's `spec`, as text, because it is the text that people get wrong.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) spec: &'static str,
    /// A part of what `check --policy` says; `None` = the policy is good.
    pub(crate) refused: Option<&'static str>,
}

impl Case {
    /// The whole manifest.
    pub(crate) fn manifest(&self) -> String {
        let Case { name, spec, .. } = self;
        format!(
            "apiVersion: plimsoll.dev/v1alpha1\nkind: ResiliencePolicy\nmetadata:\n  name: {name}\nspec: {spec}\n"
        )
    }
}

const fn good(name: &'static str, spec: &'static str) -> Case {
    Case {
        name,
        spec,
        refused: None,
    }
}

const fn bad(name: &'static str, spec: &'static str, said: &'static str) -> Case {
    Case {
        name,
        spec,
        refused: Some(said),
    }
}

pub(crate) const CASES: &[Case] = &[
    good("empty", "{}"),
    good("priority", "{priority: 1000000}"),
    good("priority-null-is-the-default", "{priority: null}"),
    good("priority-as-a-whole-float", "{priority: 5.0}"),
    bad(
        "priority-too-high",
        "{priority: 1000001}",
        "spec.priority must be a whole number from -1000000 to 1000000",
    ),
    bad(
        "priority-as-text",
        "{priority: \"5\"}",
        "spec.priority must be a whole number",
    ),
    bad(
        "priority-as-a-fraction",
        "{priority: 1.5}",
        "spec.priority must be a whole number",
    ),
    bad("spec-as-a-list", "[]", "spec must be a map, not a list"),
    bad("spec-missing", "null", "spec is required"),
    bad(
        "a-typing-error",
        "{prioritie: 5}",
        "spec.prioritie is no field of a ResiliencePolicy; did you mean priority?",
    ),
    good(
        "selectors",
        "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}, workloadSelector: {}}",
    ),
    good(
        "selector-in",
        "{namespaceSelector: {matchExpressions: [{key: team, operator: In, values: [a, b]}]}}",
    ),
    good(
        "selector-exists",
        "{workloadSelector: {matchExpressions: [{key: team, operator: Exists}]}}",
    ),
    good(
        "selector-exists-with-no-values",
        "{workloadSelector: {matchExpressions: [{key: team, operator: DoesNotExist, values: []}]}}",
    ),
    good(
        "a-null-is-dropped",
        "{namespaceSelector: null, thresholds: {minReplicas: null}, rules: null}",
    ),
    bad(
        "a-null-in-a-list",
        "{workloadSelector: {matchExpressions: [{key: team, operator: In, values: [null]}]}}",
        "must be a string, not null",
    ),
    bad(
        "a-null-where-something-must-be",
        "{rules: [{name: null, locked: true}]}",
        "spec.rules[0].name is required",
    ),
    bad(
        "a-null-says-nothing",
        "{rules: [{name: pod-spread, severity: null}]}",
        "says nothing",
    ),
    good(
        "a-null-beside-deny",
        "{exemptions: {annotation: Deny, namespaces: null}}",
    ),
    bad(
        "selector-in-without-values",
        "{namespaceSelector: {matchExpressions: [{key: team, operator: In}]}}",
        "list at least one",
    ),
    bad(
        "selector-not-in-with-no-values",
        "{namespaceSelector: {matchExpressions: [{key: team, operator: NotIn, values: []}]}}",
        "list at least one",
    ),
    bad(
        "selector-exists-with-values",
        "{workloadSelector: {matchExpressions: [{key: team, operator: Exists, values: [a]}]}}",
        "remove them",
    ),
    bad(
        "selector-operator",
        "{workloadSelector: {matchExpressions: [{key: team, operator: Equals, values: [a]}]}}",
        "unknown operator",
    ),
    bad(
        "selector-without-operator",
        "{workloadSelector: {matchExpressions: [{key: team}]}}",
        "operator is required",
    ),
    bad(
        "selector-without-key",
        "{workloadSelector: {matchExpressions: [{operator: Exists}]}}",
        "key is required",
    ),
    bad(
        "selector-key",
        "{workloadSelector: {matchLabels: {\"a/b/c\": x}}}",
        "can't be a label's key",
    ),
    bad(
        "selector-key-in-an-expression",
        "{workloadSelector: {matchExpressions: [{key: -team, operator: Exists}]}}",
        "can't be a label's key",
    ),
    bad(
        "selector-value",
        "{workloadSelector: {matchLabels: {team: \"a b\"}}}",
        "can't be a label's value",
    ),
    bad(
        "selector-value-as-a-number",
        "{workloadSelector: {matchLabels: {team: 7}}}",
        "must be a string, not 7",
    ),
    bad(
        "selector-value-in-an-expression",
        "{workloadSelector: {matchExpressions: [{key: team, operator: In, values: [\"a b\"]}]}}",
        "can't be a label's value",
    ),
    bad(
        "selector-typing-error",
        "{workloadSelector: {matchLabel: {team: a}}}",
        "did you mean matchLabels?",
    ),
    good(
        "thresholds",
        "{thresholds: {minReplicas: 3, topologyKeys: [example.com/rack], scaleToZero: Judge, maxCapacityLossPercent: 34, maxLimitRequestRatio: 2, maxTolerationSeconds: 0, memoryLimit: 512Mi, requiresAcrossNamespaces: Deny}}",
    ),
    good("no-thresholds", "{thresholds: {}}"),
    bad(
        "min-replicas-of-none",
        "{thresholds: {minReplicas: 0}}",
        "spec.thresholds.minReplicas must be a whole number from 1 to 1000, not 0",
    ),
    bad(
        "min-replicas-negative",
        "{thresholds: {minReplicas: -1}}",
        "spec.thresholds.minReplicas must be",
    ),
    bad(
        "min-replicas-beyond-32-bits",
        "{thresholds: {minReplicas: 99999999999}}",
        "spec.thresholds.minReplicas must be",
    ),
    bad(
        "more-than-all-capacity",
        "{thresholds: {maxCapacityLossPercent: 101}}",
        "from 1 to 100",
    ),
    bad(
        "no-capacity-at-all",
        "{thresholds: {maxCapacityLossPercent: 0}}",
        "from 1 to 100",
    ),
    bad(
        "limit-below-request",
        "{thresholds: {maxLimitRequestRatio: 0}}",
        "from 1 to 1000",
    ),
    bad(
        "toleration-negative",
        "{thresholds: {maxTolerationSeconds: -1}}",
        "from 0 to 604800",
    ),
    bad(
        "toleration-for-ever",
        "{thresholds: {maxTolerationSeconds: 604801}}",
        "from 0 to 604800",
    ),
    bad(
        "scale-to-zero-in-small-letters",
        "{thresholds: {scaleToZero: judge}}",
        "must be one of Allow, Judge, not \"judge\"",
    ),
    bad(
        "topology-keys-twice",
        "{thresholds: {topologyKeys: [rack, rack]}}",
        "is there twice",
    ),
    bad(
        "topology-keys-none",
        "{thresholds: {topologyKeys: []}}",
        "must not be empty",
    ),
    bad(
        "topology-key",
        "{thresholds: {topologyKeys: [\"my rack\"]}}",
        "can't be a label's key",
    ),
    bad(
        "across-namespaces",
        "{thresholds: {requiresAcrossNamespaces: No}}",
        "requiresAcrossNamespaces must be one of Deny, Allow",
    ),
    good(
        "ownership",
        "{ownership: {ownerKeys: [example.com/squad, team], runbookKeys: [docs], criticalityKeys: [tier]}}",
    ),
    good("ownership-of-nothing", "{ownership: {}}"),
    bad(
        "owner-keys-twice",
        "{ownership: {ownerKeys: [team, team]}}",
        "is there twice",
    ),
    bad(
        "owner-keys-none",
        "{ownership: {runbookKeys: []}}",
        "must not be empty",
    ),
    bad(
        "owner-key",
        "{ownership: {criticalityKeys: [\"a b\"]}}",
        "can't be a label's key",
    ),
    bad(
        "memory-limit-in-thousandths",
        "{thresholds: {memoryLimit: 512m}}",
        "must be 1Mi or more, not 512m",
    ),
    bad(
        "memory-limit-without-a-unit",
        "{thresholds: {memoryLimit: \"512\"}}",
        "must be 1Mi or more, not 512",
    ),
    bad(
        "memory-limit-as-a-number",
        "{thresholds: {memoryLimit: 536870912}}",
        "as a string, not 536870912",
    ),
    bad(
        "memory-limit-none",
        "{thresholds: {memoryLimit: lots}}",
        "is no quantity",
    ),
    good("memory-limit-exact", "{thresholds: {memoryLimit: 1Mi}}"),
    good(
        "rules",
        "{rules: [{name: pod-spread, severity: Critical, admission: Deny, patch: Suggest, locked: true}, {name: min-replicas, severity: \"Off\"}]}",
    ),
    good(
        "a-rule-of-tomorrow",
        "{rules: [{name: not-yet-there, severity: Info}]}",
    ),
    good(
        "off-everywhere",
        "{rules: [{name: pod-spread, severity: \"Off\", admission: \"Off\", patch: \"Off\", locked: false}]}",
    ),
    bad(
        "off-without-quotes",
        "{rules: [{name: pod-spread, severity: Off}]}",
        "YAML reads Off without quotes as false",
    ),
    bad(
        "severity",
        "{rules: [{name: pod-spread, severity: Fatal}]}",
        "must be one of Off, Info, Warning, Critical, not \"Fatal\"",
    ),
    bad(
        "admission",
        "{rules: [{name: pod-spread, admission: Block}]}",
        "must be one of Off, Warn, Deny",
    ),
    bad(
        "patch",
        "{rules: [{name: pod-spread, patch: Force}]}",
        "must be one of Off, Suggest, Apply",
    ),
    bad(
        "locked-as-text",
        "{rules: [{name: pod-spread, locked: \"yes\"}]}",
        "must be true or false",
    ),
    bad(
        "a-rule-that-says-nothing",
        "{rules: [{name: pod-spread}]}",
        "says nothing",
    ),
    bad(
        "a-rule-without-a-name",
        "{rules: [{severity: Info}]}",
        "spec.rules[0].name is required",
    ),
    bad(
        "a-rule-name",
        "{rules: [{name: Pod_Spread, severity: Info}]}",
        "can't be a rule's name",
    ),
    bad(
        "a-rule-twice",
        "{rules: [{name: pod-spread, severity: Info}, {name: pod-spread, locked: true}]}",
        "is there twice",
    ),
    bad(
        "a-rule-null",
        "{rules: [null]}",
        "spec.rules[0] must be a map, not null",
    ),
    bad(
        "rules-as-a-map",
        "{rules: {pod-spread: Info}}",
        "spec.rules must be a list",
    ),
    bad(
        "locked-and-off",
        "{rules: [{name: pod-spread, severity: \"Off\", locked: true}]}",
        "is locked and Off at once",
    ),
    bad(
        "off-and-denied",
        "{rules: [{name: pod-spread, severity: \"Off\", admission: Deny}]}",
        "is Off and acts at admission",
    ),
    bad(
        "off-and-patched",
        "{rules: [{name: pod-spread, severity: \"Off\", patch: Apply}]}",
        "is Off and patches",
    ),
    good(
        "exemptions",
        "{exemptions: {annotation: Allow, namespaces: [shop, bank]}}",
    ),
    good("exemptions-denied", "{exemptions: {annotation: Deny}}"),
    good("exemptions-somewhere", "{exemptions: {namespaces: [shop]}}"),
    bad(
        "exemptions-denied-somewhere",
        "{exemptions: {annotation: Deny, namespaces: [shop]}}",
        "denies all and names namespaces",
    ),
    bad(
        "exemptions-nowhere",
        "{exemptions: {namespaces: []}}",
        "must not be empty",
    ),
    bad(
        "exemptions-twice",
        "{exemptions: {namespaces: [shop, shop]}}",
        "is there twice",
    ),
    bad(
        "exemptions-namespace",
        "{exemptions: {namespaces: [Shop]}}",
        "can't be a namespace's name",
    ),
    bad(
        "exemptions-word",
        "{exemptions: {annotation: Refuse}}",
        "must be one of Allow, Deny",
    ),
];
