//! `check --compare -o table`: a small table for each workload that differs.

use std::fmt::Write as _;

use super::Sides;
use crate::check::{Difference, Pair};
use crate::model::keys::ObjectKey;
use crate::model::text::count;
use crate::output::style::{Style, visible, wrap};

/// Between two columns.
const GAP: usize = 2;
/// Names of settings are not longer, but for those with the name of a container.
const SETTING: usize = 32;

/// The comparison as text, each line ended.
#[must_use]
pub fn render(sides: &Sides, style: Style) -> String {
    let comparison = &sides.comparison;
    let mut out = String::new();
    let differing: Vec<&Pair> = comparison
        .pairs
        .iter()
        .filter(|pair| !pair.differences.is_empty())
        .collect();
    for pair in &differing {
        block(&mut out, pair, sides, style);
    }
    for (side, keys) in [
        (&sides.a, &comparison.only_in_a),
        (&sides.b, &comparison.only_in_b),
    ] {
        only_in(&mut out, side, keys, style);
    }
    for note in &comparison.notes {
        let text = format!("note: {}: {}", note.place, note.message);
        let _ = writeln!(out, "{}", style.dim(&visible(&text)));
    }
    let _ = writeln!(out, "{}", summary(sides, &differing));
    out
}

fn block(out: &mut String, pair: &Pair, sides: &Sides, style: Style) {
    let mut name = visible(&pair.a.to_string());
    if pair.a != pair.b {
        let _ = write!(name, " and {}", visible(&pair.b.path()));
    }
    let _ = writeln!(out, "{}", style.bold(&name));
    let widest = pair
        .differences
        .iter()
        .map(|d| visible(&d.setting).chars().count())
        .max();
    let first = widest.unwrap_or_default().min(SETTING);
    let room = style.width.saturating_sub(2 + first + 2 * GAP) / 2;
    let texts = |side: &str, value: fn(&Difference) -> &String| {
        let values = pair.differences.iter().map(|d| visible(value(d)).chars().count());
        values
            .max()
            .unwrap_or_default()
            .max(side.chars().count())
            .min(room)
    };
    let [a, b] = [visible(&sides.a), visible(&sides.b)];
    let widths = [first, texts(&a, |d| &d.a), texts(&b, |d| &d.b)];
    let mut head = String::new();
    row(&mut head, ["", &a, &b], widths);
    for line in head.lines() {
        let _ = writeln!(out, "{}", style.dim(line));
    }
    for Difference { setting, a, b } in &pair.differences {
        row(out, [setting, a, b], widths);
    }
    out.push('\n');
}

/// Three cells, each in as many lines as it needs.
fn row(out: &mut String, cells: [&str; 3], widths: [usize; 3]) {
    let cells = cells.map(visible);
    let lines: Vec<Vec<&str>> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| wrap(cell, width).collect())
        .collect();
    let height = lines.iter().map(Vec::len).max().unwrap_or_default();
    for i in 0..height {
        let mut line = " ".to_owned();
        for (cell, width) in lines.iter().zip(widths) {
            let text = cell.get(i).copied().unwrap_or_default();
            let _ = write!(line, " {text:<width$} ");
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn only_in(out: &mut String, side: &str, keys: &[ObjectKey], style: Style) {
    if keys.is_empty() {
        return;
    }
    let names: Vec<String> = keys.iter().map(|key| visible(&key.to_string())).collect();
    for line in wrap(
        &format!("only in {}: {}", visible(side), names.join(", ")),
        style.width,
    ) {
        let _ = writeln!(out, "{line}");
    }
    out.push('\n');
}

/// `3 workloads compared: 1 differs in 2 settings; 1 only in staging; 1 error`.
fn summary(sides: &Sides, differing: &[&Pair]) -> String {
    let comparison = &sides.comparison;
    let of = |n: usize, noun: &str| count(n as u64, noun);
    let mut text = format!("{} compared", of(comparison.pairs.len(), "workload"));
    if comparison.pairs.is_empty() {
        text = "no workload is in both".to_owned();
    } else if differing.is_empty() {
        text += ": no difference";
    } else {
        let settings = differing.iter().map(|pair| pair.differences.len()).sum();
        let verb = if differing.len() == 1 { "differs" } else { "differ" };
        let _ = write!(
            text,
            ": {} {verb} in {}",
            differing.len(),
            of(settings, "setting")
        );
    }
    for (keys, side) in [
        (&comparison.only_in_a, &sides.a),
        (&comparison.only_in_b, &sides.b),
    ] {
        if !keys.is_empty() {
            let _ = write!(text, "; {} only in {}", keys.len(), visible(side));
        }
    }
    if !comparison.errors.is_empty() {
        let _ = write!(text, "; {}", of(comparison.errors.len(), "error"));
    }
    text
}
