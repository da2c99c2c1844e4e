//! The chart's README, its values and their schema say the same.

use super::*;

/// Path and text of each `# -- text` in values.yaml, in the order of the file.
fn described(yaml: &str) -> Vec<(String, String)> {
    let mut parents: Vec<(usize, String)> = Vec::new();
    let (mut found, mut text) = (Vec::new(), None);
    for line in yaml.lines() {
        let bare = line.trim_start();
        if let Some(described) = bare.strip_prefix("# -- ") {
            text = Some(described.to_owned());
        }
        let Some((key, _)) = bare.split_once(':').filter(|_| !bare.starts_with(['#', '-'])) else {
            continue;
        };
        let depth = line.len() - bare.len();
        parents.retain(|(above, _)| *above < depth);
        parents.push((depth, key.to_owned()));
        let path: Vec<&str> = parents.iter().map(|(_, key)| key.as_str()).collect();
        found.extend(text.take().map(|text| (path.join("."), text)));
    }
    found
}

/// The paths of all values that are no maps, or empty ones.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value.as_object().filter(|map| !map.is_empty()) {
        Some(map) => map.iter().for_each(|(key, below)| {
            let path = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            leaves(below, &path, found);
        }),
        None => found.push(path.to_owned()),
    }
}

/// The rows of the README's table: value, default, meaning.
fn rows(readme: &str) -> Vec<[String; 3]> {
    let table = readme.split_once("## Values").expect("the chapter").1;
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').splitn(3, '|').map(str::trim).collect();
        let [path, default, meaning] = cells[..] else {
            panic!("three cells: {row}")
        };
        [
            path.trim_matches('`').to_owned(),
            default.trim_matches('`').to_owned(),
            meaning.to_owned(),
        ]
    })
    .collect()
}

#[test]
fn the_readme_lists_every_value_with_its_default() {
    let yaml = file("values.yaml");
    let values: Value = serde_saphyr::from_str(&yaml).expect("YAML");
    let described = described(&yaml);
    let rows = rows(&file("README.md"));
    let listed: Vec<(String, String)> = rows
        .iter()
        .map(|[path, _, meaning]| (path.clone(), meaning.clone()))
        .collect();
    assert_eq!(listed, described);
    for [path, default, _] in &rows {
        let default: Value = serde_json::from_str(default).expect("a default is JSON");
        assert_eq!(
            values.pointer(&format!("/{}", path.replace('.', "/"))),
            Some(&default),
            "{path}"
        );
    }
    let mut all = Vec::new();
    leaves(&values, "", &mut all);
    for leaf in all {
        let is_listed = rows
            .iter()
            .any(|[path, ..]| leaf == *path || leaf.starts_with(&format!("{path}.")));
        assert!(is_listed, "{leaf} is not in the README");
    }
}

#[test]
fn the_schema_describes_every_value_and_no_other() {
    let schema: Value = serde_json::from_str(&file("values.schema.json")).expect("JSON");
    let values: Value = serde_saphyr::from_str(&file("values.yaml")).expect("YAML");
    let names = |object: &Value| {
        object
            .as_object()
            .expect("a map")
            .keys()
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    let mut described = names(&schema["properties"]);
    // Helm's own, never in values.yaml.
    assert!(described.remove("global"));
    assert_eq!(described, names(&values));
    for (name, below) in schema["properties"].as_object().expect("a map") {
        assert!(below["description"].is_string(), "{name} has no description");
        let described = below["properties"].is_object();
        if described && values[name].as_object().is_some_and(|map| !map.is_empty()) {
            assert_eq!(below["additionalProperties"], false, "{name}");
            assert_eq!(names(&below["properties"]), names(&values[name]), "{name}");
        }
    }
}
