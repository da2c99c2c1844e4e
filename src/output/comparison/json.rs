//! `check --compare -o json`: a contract like that of [`check`](crate::output::json).

use serde::Serialize;

use super::Sides;
use crate::check::{Difference, Pair};
use crate::model::keys::ObjectKey;
use crate::output::json::{API_VERSION, Object, Remark, errors, notes, object, text};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Root<'a> {
    api_version: &'static str,
    kind: &'static str,
    a: &'a str,
    b: &'a str,
    summary: Summary,
    workloads: Vec<Workload<'a>>,
    only_in_a: Vec<Object<'a>>,
    only_in_b: Vec<Object<'a>>,
    errors: Vec<Remark<'a>>,
    notes: Vec<Remark<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    workloads: usize,
    differing: usize,
    differences: usize,
    only_in_a: usize,
    only_in_b: usize,
}

/// One that both have; `inB` names it there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Workload<'a> {
    #[serde(flatten)]
    object: Object<'a>,
    in_b: Object<'a>,
    differences: Vec<Setting<'a>>,
}

#[derive(Serialize)]
struct Setting<'a> {
    setting: &'a str,
    a: &'a str,
    b: &'a str,
}

/// The comparison as one JSON document, indented, without a newline at its end.
#[must_use]
pub fn render(sides: &Sides) -> String {
    let comparison = &sides.comparison;
    let differing = comparison
        .pairs
        .iter()
        .filter(|pair| !pair.differences.is_empty());
    text(&Root {
        api_version: API_VERSION,
        kind: "CheckComparison",
        a: &sides.a,
        b: &sides.b,
        summary: Summary {
            workloads: comparison.pairs.len(),
            differing: differing.count(),
            differences: comparison.pairs.iter().map(|pair| pair.differences.len()).sum(),
            only_in_a: comparison.only_in_a.len(),
            only_in_b: comparison.only_in_b.len(),
        },
        workloads: comparison.pairs.iter().map(workload).collect(),
        only_in_a: objects(&comparison.only_in_a),
        only_in_b: objects(&comparison.only_in_b),
        errors: errors(&comparison.errors),
        notes: notes(&comparison.notes),
    })
}

fn workload(pair: &Pair) -> Workload<'_> {
    Workload {
        object: object(&pair.a),
        in_b: object(&pair.b),
        differences: pair.differences.iter().map(setting).collect(),
    }
}

fn setting(Difference { setting, a, b }: &Difference) -> Setting<'_> {
    Setting { setting, a, b }
}

fn objects(keys: &[ObjectKey]) -> Vec<Object<'_>> {
    keys.iter().map(object).collect()
}
