//! What must be found in the course of the story.

use std::time::Duration;

use super::VICTIM;
use super::voice::{Voice, stamp};

/// A finding of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// `NAMESPACE/NAME` of the report, or only `NAME` for a cluster report.
    pub(super) report: String,
    pub(super) rule: String,
    pub(super) id: String,
    pub(super) severity: String,
    pub(super) state: String,
    pub(super) message: String,
    pub(super) episodes: u64,
}

/// One expectation, and when it came true.
#[derive(Debug)]
struct Expected {
    report: String,
    rule: &'static str,
    seen: Option<(Duration, String)>,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Checklist(Vec<Expected>);

/// The report of the workload that the story is about.
pub(super) const WEB: &str = "shop/deployment-web";

impl Checklist {
    pub(super) fn new() -> Self {
        let node = format!("node-{VICTIM}");
        let of_web =
            ["pod-spread", "memory-limit", "co-located", "stranded"].map(|rule| (WEB.to_owned(), rule));
        let of_node = ["node-not-ready", "node-limbo"].map(|rule| (node.clone(), rule));
        let all = of_web.into_iter().chain(of_node);
        Self(
            all.map(|(report, rule)| Expected {
                report,
                rule,
                seen: None,
            })
            .collect(),
        )
    }

    /// Ticks off what this finding fulfils: it has to be active.
    pub(super) fn note(&mut self, finding: &Finding, at: Duration) {
        let fulfilled = self.0.iter_mut().find(|expected| {
            expected.seen.is_none()
                && finding.state == "Active"
                && expected.rule == finding.rule
                && expected.report == finding.report
        });
        if let Some(expected) = fulfilled {
            expected.seen = Some((at, finding.message.clone()));
        }
    }

    /// Those of these rules that have not been seen.
    pub(super) fn missing(&self, rules: &[&str]) -> Vec<&'static str> {
        let unseen = self.0.iter().filter(|expected| expected.seen.is_none());
        unseen
            .map(|expected| expected.rule)
            .filter(|rule| rules.contains(rule))
            .collect()
    }

    /// Prints all; true when nothing is missing.
    pub(super) fn print(&self, voice: &Voice) -> bool {
        voice.title("What had to be found");
        for Expected { report, rule, seen } in &self.0 {
            let (mark, at, message) = match seen {
                Some((at, message)) => ('✓', stamp(*at), message.as_str()),
                None => ('✗', " never ".to_owned(), ""),
            };
            voice.detail(&format!("{mark} {at} {rule:<15} {report}  {message}"));
        }
        self.0.iter().all(|expected| expected.seen.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(report: &str, rule: &str, state: &str) -> Finding {
        Finding {
            report: report.into(),
            rule: rule.into(),
            id: rule.into(),
            severity: "Critical".into(),
            state: state.into(),
            message: "0 of 2 ready".into(),
            episodes: 1,
        }
    }

    #[test]
    fn only_an_active_finding_of_the_right_report_counts() {
        let mut list = Checklist::new();
        let missing = |list: &Checklist| list.missing(&["stranded"]).len();
        list.note(
            &finding("shop/deployment-api", "stranded", "Active"),
            Duration::ZERO,
        );
        list.note(&finding(WEB, "stranded", "Recovered"), Duration::ZERO);
        assert_eq!(missing(&list), 1);
        list.note(&finding(WEB, "stranded", "Active"), Duration::ZERO);
        assert_eq!(missing(&list), 0);
    }
}
