//! `check -o junit`: JUnit XML, which most CI systems read: a suite for each workload, a case for each answer.
//!
//! | answer | case |
//! |---|---|
//! | fails at or above `--fail-on` | `failure` |
//! | fails below it, known, exempt, unknown, not applicable | `skipped`, and why |
//! | passes | nothing |
//!
//! What could not be read is a suite of its own, with an `error` for each. Texts are [`visible`], so that no character is
//! left that XML has no way to write; the writer escapes the rest.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::style::visible;
use super::{JudgedWorkload, Report, Threshold, title};
use crate::model::finding::{CheckResult, Failure, Message, Outcome, Remedy};
use crate::source::manifest::Place;

/// What became of a case.
enum Case {
    Passed,
    Skipped(String),
    /// A word for its sort, the first line, the whole.
    Failed(String, String, String),
}

/// The report as one XML document, indented, its last line ended.
#[must_use]
pub fn render(report: &Report, threshold: Threshold) -> String {
    let suites: Vec<Suite<'_>> = report
        .workloads
        .iter()
        .map(|workload| Suite::of(workload, threshold))
        .collect();
    let cases: usize = suites.iter().map(|suite| suite.cases.len()).sum();
    let failed: usize = suites.iter().map(Suite::failed).sum();
    let skipped: usize = suites.iter().map(Suite::skipped).sum();
    let errors = report.errors.len();
    let mut xml = Xml::new();
    xml.open(
        "testsuites",
        &[
            ("name", "plimsoll".to_owned()),
            ("tests", (cases + errors).to_string()),
            ("failures", failed.to_string()),
            ("errors", errors.to_string()),
            ("skipped", skipped.to_string()),
        ],
    );
    input(&mut xml, report);
    for suite in &suites {
        suite.write(&mut xml);
    }
    xml.close("testsuites");
    xml.end()
}

/// A workload's cases.
struct Suite<'a> {
    workload: &'a JudgedWorkload,
    cases: Vec<(&'a CheckResult, Case)>,
}

impl<'a> Suite<'a> {
    fn of(workload: &'a JudgedWorkload, threshold: Threshold) -> Self {
        let case = |(check, known)| match Case::of(check, threshold) {
            Case::Failed(sort, first, _) if known => {
                (check, Case::Skipped(format!("{sort}, known: {first}")))
            }
            case => (check, case),
        };
        Suite {
            workload,
            cases: workload.answers().map(case).collect(),
        }
    }

    fn failed(&self) -> usize {
        self.count(|case| matches!(case, Case::Failed(..)))
    }

    fn skipped(&self) -> usize {
        self.count(|case| matches!(case, Case::Skipped(_)))
    }

    fn count(&self, is: fn(&Case) -> bool) -> usize {
        self.cases.iter().filter(|(_, case)| is(case)).count()
    }

    fn write(&self, xml: &mut Xml) {
        let name = visible(&self.workload.key.to_string());
        let place = self.workload.place();
        let mut suite = vec![
            ("name", name.clone()),
            ("tests", self.cases.len().to_string()),
            ("failures", self.failed().to_string()),
            ("errors", "0".to_owned()),
            ("skipped", self.skipped().to_string()),
        ];
        suite.extend(file(&place));
        xml.open("testsuite", &suite);
        for (check, case) in &self.cases {
            let mut attributes = vec![("name", title(check)), ("classname", name.clone())];
            attributes.extend(file(&place));
            attributes.extend(place.line.map(|line| ("line", line.to_string())));
            match case {
                Case::Passed => xml.empty("testcase", &attributes),
                Case::Skipped(why) => {
                    xml.open("testcase", &attributes);
                    xml.empty("skipped", &[("message", why.clone())]);
                    xml.close("testcase");
                }
                Case::Failed(sort, first, whole) => {
                    xml.open("testcase", &attributes);
                    xml.text(
                        "failure",
                        &[("message", first.clone()), ("type", sort.clone())],
                        whole,
                    );
                    xml.close("testcase");
                }
            }
        }
        xml.close("testsuite");
    }
}

impl Case {
    fn of(check: &CheckResult, threshold: Threshold) -> Case {
        match &check.outcome {
            Outcome::Pass(_) => Case::Passed,
            Outcome::Fail(failure) => {
                let Failure {
                    severity,
                    message,
                    remedy,
                } = &**failure;
                let first = visible(&message.impact);
                if threshold.is_reached_by(*severity) {
                    Case::Failed(
                        severity.as_str().to_owned(),
                        first,
                        whole(message, remedy.as_ref()),
                    )
                } else {
                    Case::Skipped(format!(
                        "{}, below --fail-on: {}",
                        severity.as_str(),
                        visible(&message.to_string())
                    ))
                }
            }
            Outcome::Exempt(text) | Outcome::NotApplicable(text) | Outcome::Unknown(text) => {
                let status = match check.outcome {
                    Outcome::NotApplicable(_) => "not applicable",
                    _ => check.outcome.status(),
                };
                Case::Skipped(format!("{status}: {}", visible(text)))
            }
        }
    }
}

/// Each part of a message in a line, and what mends it.
fn whole(message: &Message, remedy: Option<&Remedy>) -> String {
    let parts = [&message.impact, &message.object, &message.way_out];
    let mut lines: Vec<String> = parts.iter().map(|part| visible(part)).collect();
    if let Some(remedy) = remedy {
        lines.push(format!("fix: {}", visible(&remedy.to_string())));
    }
    if let Some(Remedy::Patch { reason, .. }) = remedy {
        lines.push(visible(reason));
    }
    lines.join("\n")
}

fn file(place: &Place) -> Option<(&'static str, String)> {
    Some(("file", visible(super::relative(place.file.as_deref()?))))
}

/// What could not be read, and what is worth knowing of what could.
fn input(xml: &mut Xml, report: &Report) {
    if report.errors.is_empty() && report.notes.is_empty() && report.passed_over == 0 {
        return;
    }
    let errors = report.errors.len().to_string();
    xml.open(
        "testsuite",
        &[
            ("name", "input".to_owned()),
            ("tests", errors.clone()),
            ("failures", "0".to_owned()),
            ("errors", errors),
            ("skipped", "0".to_owned()),
        ],
    );
    for error in &report.errors {
        let place = visible(&error.place.to_string());
        let mut attributes = vec![("name", place.clone()), ("classname", "input".to_owned())];
        attributes.extend(file(&error.place));
        attributes.extend(error.place.line.map(|line| ("line", line.to_string())));
        xml.open("testcase", &attributes);
        let message = visible(&error.message);
        let of_error = [("message", message.clone()), ("type", "input".to_owned())];
        xml.text("error", &of_error, &format!("{place}: {message}"));
        xml.close("testcase");
    }
    let notes = report.notes.iter();
    let mut said: Vec<String> = notes
        .map(|note| visible(&format!("note: {}: {}", note.place, note.message)))
        .collect();
    if report.passed_over > 0 {
        said.push(format!("passed over: {}", report.passed_over));
    }
    if !said.is_empty() {
        xml.text("system-out", &[], &said.join("\n"));
    }
    xml.close("testsuite");
}

/// A document that grows; writing to memory can't fail.
struct Xml(Writer<Vec<u8>>);

impl Xml {
    fn new() -> Self {
        let mut xml = Xml(Writer::new_with_indent(Vec::new(), b' ', 2));
        xml.event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        xml
    }

    fn event(&mut self, event: Event<'_>) {
        self.0.write_event(event).expect("memory takes everything");
    }

    fn start<'n>(name: &'n str, attributes: &[(&str, String)]) -> BytesStart<'n> {
        let attributes = attributes.iter().map(|(name, value)| (*name, value.as_str()));
        BytesStart::new(name).with_attributes(attributes)
    }

    fn open(&mut self, name: &str, attributes: &[(&str, String)]) {
        self.event(Event::Start(Xml::start(name, attributes)));
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, String)]) {
        self.event(Event::Empty(Xml::start(name, attributes)));
    }

    fn text(&mut self, name: &str, attributes: &[(&str, String)], text: &str) {
        self.open(name, attributes);
        self.event(Event::Text(BytesText::new(text)));
        self.close(name);
    }

    fn close(&mut self, name: &str) {
        self.event(Event::End(BytesEnd::new(name)));
    }

    fn end(self) -> String {
        let mut bytes = self.0.into_inner();
        bytes.push(b'\n');
        String::from_utf8(bytes).expect("text goes in")
    }
}
