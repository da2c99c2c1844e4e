//! What a strategic merge patch does to a value, as the API server has it: maps are merged, `null` removes, lists are
//! replaced, but for those whose items have a key of their own (`patchMergeKey` in Kubernetes' `types.go`).

use serde_json::{Map, Value};

/// The key by which the items of a list are told apart; `None` for a list that a patch replaces.
pub(super) fn merge_key(field: &str, items: &[Value]) -> Option<&'static str> {
    let has = |key: &str| !items.is_empty() && items.iter().all(|item| item.get(key).is_some());
    let key = match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "volumes"
        | "env"
        | "imagePullSecrets"
        | "resourceClaims" => "name",
        "topologySpreadConstraints" => "topologyKey",
        "volumeMounts" => "mountPath",
        "volumeDevices" => "devicePath",
        "hostAliases" => "ip",
        // Of a container, and of a Service.
        "ports" if has("containerPort") => "containerPort",
        "ports" => "port",
        _ => return None,
    };
    has(key).then_some(key)
}

/// Whether a map is replaced rather than merged (`patchStrategy: replace`): a selector of a PodDisruptionBudget.
pub(super) fn is_replaced(path: &[&str]) -> bool {
    path == ["PodDisruptionBudget", "spec", "selector"]
}

/// The value, patched. `path` leads to it, and begins with the object's kind.
pub(super) fn merge<'p>(value: &mut Value, patch: &'p Value, path: &mut Vec<&'p str>) {
    match (value, patch) {
        (Value::Object(own), Value::Object(patch)) if !is_replaced(path) => {
            for (key, patch) in patch {
                path.push(key);
                merge_entry(own, key, patch, path);
                path.pop();
            }
        }
        (Value::Array(own), Value::Array(items)) => {
            let field = path.last().copied().unwrap_or_default();
            match merge_key(field, items) {
                Some(key) => merge_items(own, items, key, path),
                None => *own = items.clone(),
            }
        }
        (value, patch) => *value = without_nulls(patch),
    }
}

fn merge_entry<'p>(own: &mut Map<String, Value>, key: &str, patch: &'p Value, path: &mut Vec<&'p str>) {
    if patch.is_null() {
        own.remove(key);
        return;
    }
    merge(own.entry(key).or_insert(Value::Null), patch, path);
}

fn merge_items<'p>(own: &mut Vec<Value>, items: &'p [Value], key: &str, path: &mut Vec<&'p str>) {
    for item in items {
        match own.iter_mut().find(|own| own.get(key) == item.get(key)) {
            Some(own) => {
                path.push("");
                merge(own, item, path);
                path.pop();
            }
            None => own.push(without_nulls(item)),
        }
    }
}

/// What a patch says of something that is not there: there is nothing to remove.
pub(super) fn without_nulls(patch: &Value) -> Value {
    match patch {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_nulls(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// Joins the patches of several findings of one object.
///
/// # Errors
/// The path of the first field that both set, and not to the same value.
pub(super) fn join(first: &Value, second: &Value) -> Result<Value, String> {
    let mut joined = first.clone();
    join_at(&mut joined, second, &mut Vec::new())?;
    Ok(joined)
}

fn join_at<'p>(own: &mut Value, other: &'p Value, path: &mut Vec<&'p str>) -> Result<(), String> {
    match (&mut *own, other) {
        (Value::Object(own), Value::Object(other)) => {
            for (key, value) in other {
                path.push(key);
                match own.get_mut(key) {
                    Some(own) => join_at(own, value, path)?,
                    None => {
                        own.insert(key.clone(), value.clone());
                    }
                }
                path.pop();
            }
            Ok(())
        }
        (Value::Array(own), Value::Array(items)) if own != items => {
            let field = path.last().copied().unwrap_or_default();
            let Some(key) = merge_key(field, items).filter(|key| merge_key(field, own) == Some(*key)) else {
                return Err(path.join("."));
            };
            for item in items {
                match own.iter_mut().find(|own| own.get(key) == item.get(key)) {
                    Some(own) => join_at(own, item, path)?,
                    None => own.push(item.clone()),
                }
            }
            Ok(())
        }
        (own, other) if own == other => Ok(()),
        _ => Err(path.join(".")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::maps("Pod", json!({"a": {"b": 1}}), json!({"a": {"c": 2}}), json!({"a": {"b": 1, "c": 2}}))]
    #[case::null_removes("Pod", json!({"a": 1, "b": 2}), json!({"a": null}), json!({"b": 2}))]
    #[case::null_of_nothing("Pod", json!({}), json!({"a": {"b": null, "c": 1}}), json!({"a": {"c": 1}}))]
    #[case::lists_are_replaced("Pod", json!({"args": [1, 2]}), json!({"args": [3]}), json!({"args": [3]}))]
    #[case::containers_by_name(
        "Pod",
        json!({"containers": [{"name": "a", "image": "x"}, {"name": "b"}]}),
        json!({"containers": [{"name": "b", "image": "y"}, {"name": "c"}]}),
        json!({"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}, {"name": "c"}]})
    )]
    #[case::a_budgets_selector_is_replaced(
        "PodDisruptionBudget",
        json!({"spec": {"selector": {"matchLabels": {"a": "b"}}}}),
        json!({"spec": {"selector": {"matchLabels": {"c": "d"}}}}),
        json!({"spec": {"selector": {"matchLabels": {"c": "d"}}}})
    )]
    fn patches_are_merged_as_the_api_server_does(
        #[case] kind: &str,
        #[case] mut value: Value,
        #[case] patch: Value,
        #[case] merged: Value,
    ) {
        merge(&mut value, &patch, &mut vec![kind]);
        assert_eq!(value, merged);
    }

    #[test]
    fn two_patches_of_one_object_are_joined_unless_they_differ() {
        let limit =
            |name: &str, memory: &str| json!({"spec": {"containers": [{"name": name, "memory": memory}]}});
        let joined = join(&limit("a", "1Gi"), &limit("b", "2Gi")).expect("two containers");
        let both = json!([{"name": "a", "memory": "1Gi"}, {"name": "b", "memory": "2Gi"}]);
        assert_eq!(joined["spec"]["containers"], both);
        assert_eq!(join(&joined, &limit("a", "1Gi")), Ok(joined.clone()));
        let path = "spec.containers.memory".to_owned();
        assert_eq!(join(&joined, &limit("a", "2Gi")), Err(path));
    }
}
