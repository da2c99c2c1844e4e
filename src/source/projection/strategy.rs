//! `spec.strategy` and `spec.updateStrategy`: how a rollout replaces pods.

use serde::Deserialize;

use super::loose::{Fields, Loose, Struct, Text, quoted};
use super::path::{Path, Problems};
use crate::model::field::Field;
use crate::model::intstr::{Amount, IntOrString};
use crate::model::keys::Kind;
use crate::model::workload::Strategy;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct StrategyFields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    rolling_update: Struct<RollingUpdate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RollingUpdate {
    max_unavailable: Loose<IntOrString>,
    max_surge: Loose<IntOrString>,
    /// StatefulSet.
    partition: Loose<i32>,
}

/// The strategy at `path`; the API server's default when it is absent, `Invalid` when any part of it is refused.
pub(super) fn strategy(
    fields: Struct<StrategyFields<'_>>,
    kind: Kind,
    path: Path<'_>,
    problems: &mut Problems,
) -> Field<Strategy> {
    let fields = match fields.field(path, problems) {
        Field::Absent => return Field::Set(Strategy::default()),
        Field::Invalid => return Field::Invalid,
        Field::Set(Fields(fields)) => fields,
    };
    let choice = match fields.kind.field(path.key("type"), problems) {
        Field::Absent => None,
        Field::Set(text) => Some(text),
        Field::Invalid => return Field::Invalid,
    };
    let rolling = fields.rolling_update.field(path.key("rollingUpdate"), problems);
    match (choice.as_deref().unwrap_or("RollingUpdate"), kind) {
        ("RollingUpdate" | "", _) => match rolling {
            Field::Invalid => Field::Invalid,
            Field::Absent => Field::Set(Strategy::default()),
            Field::Set(Fields(update)) => rolling_update(update, kind, path.key("rollingUpdate"), problems),
        },
        ("Recreate", Kind::Deployment) => {
            if matches!(rolling, Field::Set(_)) {
                let message = "must go when the type is Recreate; remove it or choose RollingUpdate";
                problems.add(path.key("rollingUpdate"), message);
            }
            Field::Set(Strategy::Recreate)
        }
        ("OnDelete", Kind::StatefulSet | Kind::DaemonSet) => Field::Set(Strategy::OnDelete),
        (other, _) => {
            let second = if kind == Kind::Deployment {
                "Recreate"
            } else {
                "OnDelete"
            };
            let message = format!(
                "{} is unknown for a {kind}; use RollingUpdate or {second}",
                quoted(other)
            );
            problems.add(path.key("type"), message);
            Field::Invalid
        }
    }
}

fn rolling_update(
    update: RollingUpdate,
    kind: Kind,
    path: Path<'_>,
    problems: &mut Problems,
) -> Field<Strategy> {
    let max_unavailable = amount(
        update.max_unavailable,
        Some(100),
        path.key("maxUnavailable"),
        problems,
    );
    let max_surge = amount(update.max_surge, None, path.key("maxSurge"), problems);
    let partition = match kind {
        Kind::StatefulSet => ordinal(update.partition, path.key("partition"), problems),
        _ => Field::Absent,
    };
    if max_unavailable.is_invalid() || max_surge.is_invalid() || partition.is_invalid() {
        return Field::Invalid;
    }
    if is_zero(&max_unavailable) && (is_zero(&max_surge) || kind == Kind::StatefulSet) {
        let message = if kind == Kind::StatefulSet {
            "must not be 0: no pod could ever be replaced; write 1 or more"
        } else {
            "must not be 0 while maxSurge is 0: no pod could ever be replaced; raise one of them"
        };
        problems.add(path.key("maxUnavailable"), message);
        return Field::Invalid;
    }
    let value = |f: Field<IntOrString>| f.get().cloned();
    Field::Set(Strategy::RollingUpdate {
        max_unavailable: value(max_unavailable),
        max_surge: value(max_surge),
        partition: partition.get().copied().unwrap_or_default(),
    })
}

fn ordinal(value: Loose<i32>, path: Path<'_>, problems: &mut Problems) -> Field<u32> {
    match value.field(path, problems).map(u32::try_from) {
        Field::Absent => Field::Absent,
        Field::Set(Ok(n)) => Field::Set(n),
        Field::Set(Err(_)) => {
            problems.add(path, "must be 0 or more");
            Field::Invalid
        }
        Field::Invalid => Field::Invalid,
    }
}

fn is_zero(amount: &Field<IntOrString>) -> bool {
    let amount = amount.get().map(IntOrString::amount);
    matches!(amount, Some(Ok(Amount::Count(0) | Amount::Percent(0))))
}

/// A count of 0 or more, or a percentage of 0 to `most`.
pub(super) fn amount(
    value: Loose<IntOrString>,
    most: Option<i64>,
    path: Path<'_>,
    problems: &mut Problems,
) -> Field<IntOrString> {
    let value = value.field(path, problems);
    let Some(read) = value.get() else {
        return value;
    };
    let message = match read.amount() {
        Ok(Amount::Count(n)) if n < 0 => format!("must be 0 or more, not {n}"),
        Ok(Amount::Percent(p)) if most.is_some_and(|most| p > most) => {
            format!("must be 100% or less, not {p}%")
        }
        Ok(_) => return value,
        Err(e) => e.to_string(),
    };
    problems.add(path, message);
    Field::Invalid
}
