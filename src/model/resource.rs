//! What pods request of nodes: memory and CPU.

use super::quantity::{Format, Quantity};

/// A resource that pods request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Bytes.
    Memory,
    /// Cores.
    Cpu,
}

impl Resource {
    /// Both.
    pub const ALL: [Resource; 2] = [Resource::Memory, Resource::Cpu];

    /// As in a manifest: `memory`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Resource::Memory => "memory",
            Resource::Cpu => "cpu",
        }
    }

    /// An amount as people read it, rounded up: whole MiB, thousandths of a core.
    #[must_use]
    pub fn rounded_up(self, nanos: i128) -> Quantity {
        const UNIT: i128 = 1_000_000_000;
        const MEBI: i128 = (1 << 20) * UNIT;
        let up = |step: i128| nanos.saturating_add(step - 1).div_euclid(step);
        let whole = |n: i128| i64::try_from(n).unwrap_or(i64::MAX);
        match self {
            Resource::Memory if nanos >= MEBI => {
                Quantity::new(whole(up(MEBI)).saturating_mul(1 << 20), Format::BinarySi)
            }
            Resource::Memory => Quantity::new(whole(up(UNIT)), Format::BinarySi),
            Resource::Cpu => Quantity::from_millis(whole(up(UNIT / 1000))),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Resource::Memory, "1Gi", 3, "342Mi")]
    #[case(Resource::Memory, "1Gi", 2, "512Mi")]
    #[case(Resource::Memory, "100", 3, "34")]
    #[case(Resource::Cpu, "1", 3, "334m")]
    #[case(Resource::Cpu, "4", 2, "2")]
    fn a_part_is_rounded_up_to_what_people_write(
        #[case] resource: Resource,
        #[case] whole: &str,
        #[case] parts: i128,
        #[case] expected: &str,
    ) {
        let whole: Quantity = whole.parse().expect("a quantity");
        assert_eq!(resource.rounded_up(whole.nanos() / parts).to_string(), expected);
    }
}
