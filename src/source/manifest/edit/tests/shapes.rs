//! Manifests as people and programs write them: one Deployment, printed in many hands. Every comment is unlike the others.

use std::fmt::Write as _;

/// How a manifest is written.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) step: usize,
    /// Lists are deeper than their keys.
    pub(crate) deep_lists: bool,
    pub(crate) crlf: bool,
    pub(crate) comments: bool,
    pub(crate) trailing_spaces: bool,
    pub(crate) quotes: &'static str,
    pub(crate) quoted_keys: bool,
    pub(crate) flow: Flow,
    pub(crate) around: Around,
    /// The last line ends.
    pub(crate) ended: bool,
    pub(crate) content: Content,
}

/// What is written in flow style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Nothing,
    Resources,
    Containers,
    /// Over several lines, with a comma at the end.
    ContainersOverLines,
    Json,
    JsonWithTabs,
    JsonOnOneLine,
}

/// What else is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    Nothing,
    /// Documents before and after it, with markers, anchors, and text that looks like markers.
    Documents,
    /// It is an item of a List.
    List,
}

/// What the Deployment has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Plain,
    /// Two containers and an init container, arguments, a probe.
    Rich,
    /// The last thing in the pod spec is a block of text.
    EndsInText,
    /// The fields that are to be changed are there, empty or null.
    Empty,
}

/// A value in the order in which it is written.
#[derive(Clone)]
enum V {
    Map(Vec<(&'static str, V)>),
    List(Vec<V>),
    Text(String),
    Block(&'static str),
    Raw(&'static str),
}

fn text(text: &str) -> V {
    V::Text(text.to_owned())
}

/// The shape of a number: every number below [`SHAPES`] is one.
pub(crate) fn shape(number: usize) -> Shape {
    let mut left = number;
    let mut digit = |base: usize| {
        let digit = left % base;
        left /= base;
        digit
    };
    let flows = [
        Flow::Nothing,
        Flow::Resources,
        Flow::Containers,
        Flow::ContainersOverLines,
        Flow::Json,
        Flow::JsonWithTabs,
        Flow::JsonOnOneLine,
    ];
    let contents = [Content::Plain, Content::Rich, Content::EndsInText, Content::Empty];
    Shape {
        flow: flows[digit(7)],
        content: contents[digit(4)],
        comments: digit(2) == 0,
        around: [Around::Nothing, Around::Documents, Around::List][digit(3)],
        step: [2, 4][digit(2)],
        deep_lists: digit(2) == 1,
        crlf: digit(2) == 1,
        trailing_spaces: digit(2) == 1,
        quotes: ["", "'", "\""][digit(3)],
        quoted_keys: digit(2) == 1,
        ended: digit(2) == 0,
    }
}

/// How many shapes there are.
pub(crate) const SHAPES: usize = 7 * 4 * 2 * 3 * 2 * 2 * 2 * 2 * 3 * 2 * 2;

impl Shape {
    /// Whether it is JSON.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self.flow, Flow::Json | Flow::JsonWithTabs | Flow::JsonOnOneLine)
    }

    /// The manifest of a Deployment `shop/NAME`.
    pub(crate) fn write(&self, name: &str) -> String {
        let mut object = deployment(name, self.content, self.is_json());
        if self.around == Around::List {
            object = V::Map(vec![
                ("apiVersion", text("v1")),
                ("kind", text("List")),
                ("items", V::List(vec![config_map(), object])),
            ]);
        }
        let mut printer = Printer {
            shape: self,
            out: String::new(),
            comments: 0,
        };
        if self.is_json() {
            printer.json(&object, "");
            printer.out.push('\n');
        } else {
            printer.block(&object, 0);
        }
        let mut out = printer.out;
        if self.around == Around::Documents && !self.is_json() {
            out = format!(
                "# Copyright: nobody\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: text-{name}, labels: &labels {{a: b}}}}\n\
                 data:\n  script: |\n    # no comment\n    echo a\n     ---\n    echo b: {{ }}\n  other: *labels\n--- # the one\n{out}...\n---\n\
                 # the end\nkind: Secret\napiVersion: v1\nmetadata:\n  name: last-{name}\n"
            );
        }
        if !self.ended && self.content != Content::EndsInText {
            out.truncate(out.trim_end_matches('\n').len());
        }
        if self.crlf { out.replace('\n', "\r\n") } else { out }
    }
}

fn config_map() -> V {
    V::Map(vec![
        ("apiVersion", text("v1")),
        ("kind", text("ConfigMap")),
        ("metadata", V::Map(vec![("name", text("beside"))])),
    ])
}

fn container(name: &str, content: Content) -> V {
    let mut fields = vec![
        ("name", text(name)),
        ("image", text("registry.example.com/shop/app:1.2.3")),
    ];
    if content == Content::Rich {
        fields.push((
            "args",
            V::List(vec![text("--port=80"), text("# no comment"), text("a: b")]),
        ));
        fields.push((
            "ports",
            V::List(vec![V::Map(vec![("containerPort", V::Raw("8080"))])]),
        ));
    }
    let mut resources = vec![(
        "requests",
        V::Map(vec![("cpu", text("100m")), ("memory", text("256Mi"))]),
    )];
    if content == Content::Empty {
        resources.push(("limits", V::Map(Vec::new())));
    }
    fields.push(("resources", V::Map(resources)));
    if content == Content::Rich {
        let get = V::Map(vec![("path", text("/ready")), ("port", V::Raw("8080"))]);
        fields.push(("readinessProbe", V::Map(vec![("httpGet", get)])));
    }
    V::Map(fields)
}

fn deployment(name: &str, content: Content, json: bool) -> V {
    let labels = || V::Map(vec![("app", text(name))]);
    let mut pod = Vec::new();
    if content == Content::Rich {
        pod.push(("initContainers", V::List(vec![container("migrate", content)])));
    }
    let mut containers = vec![container("app", content)];
    if content == Content::Rich {
        containers.push(container("proxy", content));
    }
    pod.push(("containers", V::List(containers)));
    if content == Content::Empty {
        pod.push(("topologySpreadConstraints", V::List(Vec::new())));
        pod.push(("nodeSelector", V::Raw(if json { "null" } else { "" })));
    }
    let mut annotations = vec![("example.com/note", text("nothing: to # see"))];
    let motd = V::Block("first line\n\n--- not a marker\n# not a comment\n");
    if content == Content::EndsInText {
        annotations.push(("motd", motd.clone()));
        pod.push(("hostname", text("a")));
    }
    let template = V::Map(vec![
        (
            "metadata",
            V::Map(vec![("annotations", V::Map(annotations)), ("labels", labels())]),
        ),
        ("spec", V::Map(pod)),
    ]);
    let mut metadata = vec![("name", text(name)), ("namespace", text("shop"))];
    if content == Content::EndsInText {
        metadata.push(("annotations", V::Map(vec![("motd", motd)])));
    }
    V::Map(vec![
        ("apiVersion", text("apps/v1")),
        ("kind", text("Deployment")),
        ("metadata", V::Map(metadata)),
        (
            "spec",
            V::Map(vec![
                ("replicas", V::Raw("3")),
                ("selector", V::Map(vec![("matchLabels", labels())])),
                ("template", template),
            ]),
        ),
    ])
}

struct Printer<'s> {
    shape: &'s Shape,
    out: String,
    comments: usize,
}

impl Printer<'_> {
    fn key(&self, key: &str) -> String {
        if self.shape.quoted_keys || self.shape.is_json() {
            format!("\"{key}\"")
        } else {
            key.to_owned()
        }
    }

    fn scalar(&self, value: &str) -> String {
        let must = value.contains([':', '#', '{']) || value.starts_with('-');
        let quote = match (self.shape.is_json(), self.shape.quotes) {
            (true, _) => "\"",
            (_, "") if must => "'",
            (_, quote) => quote,
        };
        format!("{quote}{value}{quote}")
    }

    /// A comment at the end of a line, or on one of its own before it; spaces that nobody sees.
    fn end_line(&mut self) {
        self.comments += 1;
        if self.shape.comments && self.comments.is_multiple_of(3) {
            let _ = write!(self.out, "  # comment {}, beside: it", self.comments);
        }
        if self.shape.trailing_spaces && self.comments.is_multiple_of(2) {
            self.out.push_str("  ");
        }
        self.out.push('\n');
    }

    fn line_before(&mut self, column: usize) {
        self.comments += 1;
        if self.shape.comments && self.comments.is_multiple_of(4) {
            let _ = writeln!(self.out, "{:column$}# comment {}", "", self.comments);
        }
        if self.shape.comments && self.comments.is_multiple_of(7) {
            self.out.push('\n');
        }
    }

    fn is_flow(&self, key: &str) -> bool {
        match self.shape.flow {
            Flow::Resources => key == "resources",
            Flow::Containers => key == "containers",
            _ => false,
        }
    }

    fn block(&mut self, value: &V, column: usize) {
        match value {
            V::Map(fields) => {
                for (i, (key, value)) in fields.iter().enumerate() {
                    // The first field of an item stands beside its dash.
                    if i > 0 || !self.out.ends_with(' ') {
                        self.line_before(column);
                        let _ = write!(self.out, "{:column$}", "");
                    }
                    let _ = write!(self.out, "{}:", self.key(key));
                    self.value(key, value, column);
                }
            }
            V::List(items) => {
                for item in items {
                    self.line_before(column);
                    let _ = write!(self.out, "{:column$}- ", "");
                    match item {
                        V::Map(_) | V::List(_) => self.block(item, column + 2),
                        other => {
                            let inline = self.inline(other);
                            self.out.push_str(&inline);
                            self.end_line();
                        }
                    }
                }
            }
            other => {
                let inline = self.inline(other);
                self.out.push_str(&inline);
                self.end_line();
            }
        }
    }

    fn value(&mut self, key: &str, value: &V, column: usize) {
        let step = self.shape.step;
        match value {
            V::List(items) if key == "containers" && self.shape.flow == Flow::ContainersOverLines => {
                self.out.push_str(" [\n");
                for item in items {
                    self.comments += 1;
                    let inline = self.inline(item);
                    let note = if self.shape.comments {
                        format!(" # comment {}", self.comments)
                    } else {
                        String::new()
                    };
                    let _ = writeln!(self.out, "{:w$}{inline},{note}", "", w = column + step);
                }
                let _ = write!(self.out, "{:column$}]", "");
                self.end_line();
            }
            V::Map(fields) if !fields.is_empty() && !self.is_flow(key) => {
                self.end_line();
                self.block(value, column + step);
            }
            V::List(items) if !items.is_empty() && !self.is_flow(key) => {
                self.end_line();
                self.block(value, column + if self.shape.deep_lists { step } else { 0 });
            }
            V::Block(text) => {
                self.out.push_str(" |\n");
                for line in text.lines() {
                    let pad = if line.is_empty() { 0 } else { column + step };
                    let _ = writeln!(self.out, "{:pad$}{line}", "");
                }
            }
            V::Raw("") => self.end_line(),
            other => {
                let inline = self.inline(other);
                let _ = write!(self.out, " {inline}");
                self.end_line();
            }
        }
    }

    /// On one line.
    fn inline(&self, value: &V) -> String {
        let compact = self.shape.flow == Flow::JsonOnOneLine;
        let (comma, colon) = if compact { (",", ":") } else { (", ", ": ") };
        match value {
            V::Map(fields) => {
                let field =
                    |(key, value): &(&str, V)| format!("{}{colon}{}", self.key(key), self.inline(value));
                format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(comma))
            }
            V::List(items) => {
                let items: Vec<String> = items.iter().map(|item| self.inline(item)).collect();
                format!("[{}]", items.join(comma))
            }
            V::Text(text) => self.scalar(text),
            V::Block(text) => format!("{text:?}"),
            V::Raw(text) => (*text).to_owned(),
        }
    }

    fn json(&mut self, value: &V, indent: &str) {
        let unit = match self.shape.flow {
            Flow::JsonWithTabs => "\t".to_owned(),
            Flow::JsonOnOneLine => {
                let inline = self.inline(value);
                self.out.push_str(&inline);
                return;
            }
            _ => " ".repeat(self.shape.step),
        };
        let inner = format!("{indent}{unit}");
        let (open, close, n) = match value {
            V::Map(fields) if !fields.is_empty() => ('{', '}', fields.len()),
            V::List(items) if !items.is_empty() => ('[', ']', items.len()),
            other => {
                let inline = self.inline(other);
                self.out.push_str(&inline);
                return;
            }
        };
        self.out.push(open);
        for at in 0..n {
            let _ = write!(self.out, "{}\n{inner}", if at > 0 { "," } else { "" });
            match value {
                V::Map(fields) => {
                    let (key, value) = &fields[at];
                    let _ = write!(self.out, "{}: ", self.key(key));
                    self.json(value, &inner);
                }
                V::List(items) => self.json(&items[at], &inner),
                _ => {}
            }
        }
        let _ = write!(self.out, "\n{indent}{close}");
    }
}
