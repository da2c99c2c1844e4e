use std::fs;
use std::path::Path;

use rstest::rstest;
use tempfile::TempDir;

use super::*;
use crate::model::field::Field;
use crate::model::selector::LabelSelector;
use crate::model::workload::Workload;

/// Reads a text as `plimsoll check -` does.
fn stdin(text: &str) -> Manifests {
    read(
        &[PathBuf::from("-")],
        &mut text.as_bytes(),
        ClusterVersion::NEWEST,
    )
}

fn errors(manifests: &Manifests) -> Vec<String> {
    let text = |e: &InputError| format!("{}: {}", e.place, e.message);
    manifests.errors.iter().map(text).collect()
}

fn keys(manifests: &Manifests) -> Vec<String> {
    let text = |(object, source): &(Object, Source)| format!("{} :{}", object.key(), source.line);
    manifests.objects.iter().map(text).collect()
}

fn workload(manifests: &Manifests) -> &Workload {
    match &manifests.objects[0].0 {
        Object::Workload(workload) => workload,
        other => panic!("no workload: {other:?}"),
    }
}

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      containers:
      - name: app
";

#[rstest]
#[case::wrong_type(
    "  replicas: \"2\"\n",
    "-:9:13: Deployment shop/web: spec.replicas must be a whole number, not the string \"2\""
)]
#[case::negative(
    "  replicas: -1\n",
    "-:9:13: Deployment shop/web: spec.replicas must be 0 or more, not -1"
)]
#[case::quantity(
    "        resources: {limits: {memory: 12Q}}\n",
    "-:9:38: Deployment shop/web: spec.template.spec.containers[0].resources.limits.memory quantity \"12Q\" has the unknown suffix \"Q\": use n u m k M G T P E, Ki Mi Gi Ti Pi Ei or an exponent such as e6"
)]
#[case::missing(
    "      topologySpreadConstraints:\n      - topologyKey: zone\n        whenUnsatisfiable: ScheduleAnyway\n",
    "-:10:9: Deployment shop/web: spec.template.spec.topologySpreadConstraints[0].maxSkew is required; write 1 or more"
)]
fn a_field_that_does_not_fit_is_an_error_on_its_line(#[case] more: &str, #[case] error: &str) {
    let manifests = stdin(&format!("{WEB}{more}"));
    assert_eq!(errors(&manifests), [error]);
    assert_eq!(
        keys(&manifests),
        ["Deployment shop/web :1"],
        "the object is still judged"
    );
}

#[rstest]
#[case::indentation("a: 1\n b: 2\n", 2)]
#[case::bracket("a: [1\nb: 2\n", 2)]
#[case::duplicate("kind: A\nmetadata: {}\nkind: B\n", 3)]
#[case::alias("a: *nobody\n", 1)]
#[case::tab("a:\n  - b\n\t- c\n", 2)]
fn broken_yaml_is_an_error_on_its_line_and_the_rest_is_read(#[case] broken: &str, #[case] line: usize) {
    let manifests = stdin(&format!(
        "# first\n---\n{WEB}---\n{broken}---\n{}",
        WEB.replace("web", "api")
    ));
    assert_eq!(keys(&manifests).len(), 2, "{:?}", keys(&manifests));
    let [error] = manifests.errors.as_slice() else {
        panic!("{:?}", manifests.errors)
    };
    assert!(error.message.starts_with("not valid YAML: "), "{}", error.message);
    assert_eq!(error.place.line, Some(11 + line), "{}", error.message);
    assert!(!error.message.contains(" line "), "{}", error.message);
}

#[test]
fn lines_are_those_of_the_file() {
    let text = format!(
        "# a comment\n\n--- # another\n# and one\n{WEB}...\n# after the end\n---\n\n{}",
        WEB.replace("web", "api")
    );
    assert_eq!(
        keys(&stdin(&text)),
        ["Deployment shop/web :5", "Deployment shop/api :17"]
    );
    let crlf = text.replace('\n', "\r\n");
    assert_eq!(
        keys(&stdin(&crlf)),
        ["Deployment shop/web :5", "Deployment shop/api :17"]
    );
    let bom = format!("\u{feff}{WEB}");
    assert_eq!(keys(&stdin(&bom)), ["Deployment shop/web :1"]);
}

#[test]
fn a_marker_inside_a_block_scalar_is_text() {
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata:\n  a: |\n    ---\n    kind: x\n---\n{WEB}"
    );
    let manifests = stdin(&text);
    assert_eq!((errors(&manifests).len(), manifests.passed_over), (0, 1));
    assert_eq!(keys(&manifests), ["Deployment shop/web :9"]);
}

#[rstest]
#[case::value(
    "spec:\n  replicas: {{ .Values.replicas }}\n",
    6,
    13,
    "{{ .Values.replicas }}"
)]
#[case::directive("{{- if .Values.on }}\nspec: {}\n{{- end }}\n", 5, 1, "{{- if .Values.on }}")]
fn a_template_that_is_not_rendered_is_told_so(
    #[case] more: &str,
    #[case] line: usize,
    #[case] column: usize,
    #[case] shown: &str,
) {
    let manifests = stdin(&format!(
        "# {{{{ a comment }}}}\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: x}}\n{more}"
    ));
    assert_eq!(
        errors(&manifests),
        [format!(
            "-:{line}:{column}: {shown} is a template that has not been rendered; render it first: helm template CHART | plimsoll check -"
        )]
    );
}

#[test]
fn a_quoted_template_in_a_name_is_told_so() {
    let manifests = stdin(&WEB.replace("name: web", "name: \"{{ .Release.Name }}-web\""));
    assert_eq!(keys(&manifests), Vec::<String>::new());
    assert!(
        errors(&manifests)[0]
            .starts_with("-:3:18: Deployment shop/{{ .Release.Name }}-web: metadata.name is a template"),
        "{:?}",
        errors(&manifests)
    );
}

#[rstest]
#[case(
    "apps/v1beta1",
    "Deployment",
    "apps/v1beta1 is gone since Kubernetes 1.16; write apps/v1"
)]
#[case(
    "extensions/v1beta1",
    "Deployment",
    "extensions/v1beta1 is gone since Kubernetes 1.16; write apps/v1"
)]
#[case(
    "policy/v1beta1",
    "PodDisruptionBudget",
    "policy/v1beta1 is gone since Kubernetes 1.25; write policy/v1"
)]
#[case(
    "batch/v1beta1",
    "CronJob",
    "batch/v1beta1 is gone since Kubernetes 1.25; write batch/v1"
)]
#[case(
    "autoscaling/v2beta2",
    "HorizontalPodAutoscaler",
    "autoscaling/v2beta2 is gone since Kubernetes 1.26; write autoscaling/v2"
)]
fn a_version_that_is_gone_is_read_with_a_note(#[case] version: &str, #[case] kind: &str, #[case] note: &str) {
    let text = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n");
    let manifests = stdin(&text);
    assert_eq!(manifests.objects.len(), 1);
    assert_eq!(manifests.notes[0].message, format!("{kind} x: {note}"));
    let old = read(&[PathBuf::from("-")], &mut text.as_bytes(), ClusterVersion(15));
    assert_eq!(old.notes, []);
}

#[test]
fn autoscaling_v1_is_still_served() {
    let text = "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: x}\nspec: {maxReplicas: 3, \
                scaleTargetRef: {kind: Deployment, name: web, apiVersion: apps/v1}}\n";
    let manifests = stdin(text);
    assert_eq!((errors(&manifests).len(), manifests.notes.len()), (0, 0));
    assert!(matches!(&manifests.objects[0].0, Object::Autoscaler(a) if &*a.target.group == "apps"));
}

/// As the autoscaler's controller has it, which finds no such kind.
#[test]
fn an_autoscaler_whose_targets_group_is_gone_scales_nothing() {
    let text = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: x}\nspec:\n  maxReplicas: 3\n  \
                scaleTargetRef: {kind: Deployment, name: web, apiVersion: extensions/v1beta1}\n";
    let manifests = stdin(text);
    assert!(matches!(&manifests.objects[0].0, Object::Autoscaler(a) if &*a.target.group == "extensions"));
    assert_eq!(
        manifests.notes[0].message,
        "HorizontalPodAutoscaler x: scaleTargetRef.apiVersion is gone since Kubernetes 1.16, so that it scales nothing; \
         write apps/v1"
    );
    assert_eq!(manifests.notes[0].place.line, Some(6));
}

#[test]
fn an_empty_selector_of_an_old_budget_selects_nothing() {
    let selector = |version: &str| {
        let text = format!(
            "apiVersion: {version}\nkind: PodDisruptionBudget\nmetadata: {{name: x}}\nspec: {{selector: {{}}}}\n"
        );
        match stdin(&text).objects.remove(0).0 {
            Object::DisruptionBudget(budget) => budget.selector,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(selector("policy/v1beta1"), Field::Absent);
    assert_eq!(selector("policy/v1"), Field::Set(LabelSelector::default()));
}

#[rstest]
#[case("v1", "Deployment", "there is no Deployment in v1; write apps/v1")]
#[case("apps/v2", "Deployment", "there is no Deployment in apps/v2; write apps/v1")]
#[case("apps/v1", "Pod", "there is no Pod in apps/v1; write v1")]
fn a_wrong_group_is_an_error_and_still_read(
    #[case] version: &str,
    #[case] kind: &str,
    #[case] message: &str,
) {
    let spec = "spec: {containers: [{name: a}], template: {spec: {containers: [{name: a}]}}}";
    let manifests = stdin(&format!(
        "apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n{spec}\n"
    ));
    assert_eq!(errors(&manifests), [format!("-:1:13: {kind} x: {message}")]);
    assert_eq!(manifests.objects.len(), 1);
}

#[test]
fn other_kinds_are_passed_over_and_context_is_not() {
    let text = "apiVersion: apps.openshift.io/v1\nkind: DeploymentConfig\nmetadata: {name: x}\n---\n\
                apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: x}\n---\n\
                apiVersion: v1\nkind: Service\nmetadata: {name: x}\n";
    let manifests = stdin(text);
    assert_eq!((manifests.passed_over, manifests.errors.len()), (2, 0));
    assert_eq!(keys(&manifests), ["Service default/x :9"]);
}

#[test]
fn the_last_of_two_objects_counts() {
    let second = format!("{WEB}  replicas: 3\n");
    let manifests = stdin(&format!("{WEB}---\n{second}"));
    assert_eq!(
        errors(&manifests),
        ["-:10: Deployment shop/web is here a second time, after -:1; remove one of them"]
    );
    assert_eq!(workload(&manifests).replicas, Field::Set(3));
    assert_eq!(keys(&manifests), ["Deployment shop/web :10"]);
}

#[rstest]
#[case::no_name(
    "apiVersion: v1\nkind: Pod\nmetadata: {labels: {}}\n",
    "-:3:11: Pod without a name: metadata.name must be a string that is not empty"
)]
#[case::number(
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: 5\n",
    "-:4:9: Pod without a name: metadata.name must be a string that is not empty"
)]
#[case::generated(
    "apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n",
    "-:3:26: Pod with metadata.generateName only: give it a metadata.name to have it judged"
)]
#[case::no_kind("a: 1\n", "-:1: kind is missing; add it, or leave this out")]
#[case::odd_kind("# x\nkind: [1]\n", "-:2:7: kind must be a string such as Deployment")]
#[case::scalar(
    "just text\n",
    "-:1: not a Kubernetes object but a single value; write a map with apiVersion and kind, or leave this out"
)]
#[case::list(
    "- a\n",
    "-:1: not a Kubernetes object but a list; write a map with apiVersion and kind, or leave this out"
)]
#[case::empty("", "-: standard input is empty; did the command before the pipe fail?")]
fn what_is_no_object_is_an_error(#[case] text: &str, #[case] error: &str) {
    assert_eq!(errors(&stdin(text)), [error]);
}

#[rstest]
#[case::yaml(false)]
#[case::json(true)]
fn the_items_of_a_list_are_read_with_their_lines(#[case] json: bool) {
    let item = |name: &str, replicas: &str| {
        format!(
            "  {{\"apiVersion\": \"apps/v1\", \"kind\": \"Deployment\", \"metadata\": {{\"name\": \"{name}\"}},\n   \"spec\": {{\"replicas\": {replicas}, \"template\": {{\"spec\": {{\"containers\": [{{\"name\": \"a\"}}]}}}}}}}}"
        )
    };
    let body = format!(
        "\"apiVersion\": \"v1\",\n\"kind\": \"List\",\n\"items\": [\n{},\n{},\n  {{\"kind\": \"Secret\"}}]",
        item("a", "1"),
        item("b", "\"x\"")
    );
    // A comment makes it YAML and nothing else.
    let text = if json {
        format!("{{ \n{body}}}\n")
    } else {
        format!("{{ # yaml\n{body}}}\n")
    };
    let manifests = stdin(&text);
    assert_eq!(
        keys(&manifests),
        ["Deployment default/a :5", "Deployment default/b :7"]
    );
    assert_eq!(
        errors(&manifests),
        ["-:8:25: Deployment default/b: spec.replicas must be a whole number, not the string \"x\""]
    );
    assert_eq!(manifests.passed_over, 1);
}

#[test]
fn the_items_of_a_typed_list_need_no_kind() {
    let text = "apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- metadata: {name: a}\n  spec: {template: {spec: {containers: [{name: a}]}}}\n";
    assert_eq!(keys(&stdin(text)), ["Deployment default/a :4"]);
    assert_eq!(
        keys(&stdin("apiVersion: v1\nkind: List\nitems: null\n")),
        Vec::<String>::new()
    );
}

#[test]
fn broken_json_is_an_error_on_its_line() {
    let manifests = stdin("{\"kind\": \"Pod\",\n \"metadata\": {\"name\" \"x\"}}\n");
    assert_eq!(manifests.errors[0].place.line, Some(2), "{:?}", manifests.errors);
    let two = "{\"kind\":\"Secret\"}\n{\"kind\":\"Secret\"}";
    assert_eq!(stdin(two).passed_over, 2, "values that follow each other");
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (this, last) in "bcdefgh".chars().zip("abcdefg".chars()) {
        let refs = vec![format!("*{last}"); 10].join(", ");
        text += &format!("{this}: &{this} [{refs}]\n");
    }
    let manifests = stdin(&text);
    assert!(
        manifests.errors[0].message.starts_with("not valid YAML: "),
        "{:?}",
        manifests.errors
    );
}

fn write(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    fs::write(path, text).expect("a file");
}

#[test]
fn directories_are_searched_in_a_stable_order() {
    let directory = TempDir::new().expect("a directory");
    let at = |name: &str| WEB.replace("web", name);
    for name in [
        "b/b.yml",
        "a.yaml",
        "c.json.txt",
        ".git/d.yaml",
        "b/.e.yaml",
        "z.YAML",
    ] {
        let stem = name
            .rsplit('/')
            .next()
            .and_then(|n| n.trim_start_matches('.').split('.').next());
        write(directory.path(), name, &at(stem.expect("a name")));
    }
    write(directory.path(), "values.yaml", "image: x\n");
    let paths = [directory.path().to_owned(), directory.path().join("a.yaml")];
    let manifests = read(&paths, &mut std::io::empty(), ClusterVersion::NEWEST);
    assert_eq!(errors(&manifests), Vec::<String>::new());
    assert_eq!(
        keys(&manifests),
        [
            "Deployment shop/a :1",
            "Deployment shop/b :1",
            "Deployment shop/z :1"
        ]
    );
    assert_eq!(
        manifests.passed_over, 1,
        "a values file that was not named is no error"
    );
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let directory = TempDir::new().expect("a directory");
    fs::write(directory.path().join("latin.yaml"), b"a: 1\nb: \xff\n").expect("a file");
    fs::create_dir(directory.path().join("empty")).expect("a directory");
    let paths = ["nowhere.yaml", "latin.yaml", "empty"].map(|name| directory.path().join(name));
    let manifests = read(&paths, &mut std::io::empty(), ClusterVersion::NEWEST);
    let base = format!("{}/", directory.path().display());
    let found: Vec<String> = errors(&manifests)
        .into_iter()
        .map(|e| e.replace(&base, ""))
        .collect();
    assert_eq!(
        found,
        [
            "nowhere.yaml: cannot be read: no such file or directory; check the path",
            "latin.yaml:2:4: the byte 0xff is not UTF-8 text; save the file as UTF-8",
            "empty: no .yaml, .yml or .json file in this directory; name the right one"
        ]
    );
}

#[rstest]
#[case::cut_off(
    "{\"kind\": \"Secret\"}\n{\"kind\": \"Pod\",\n \"metadata\": {",
    "-:3:14: not valid JSON: EOF while parsing an object; is the file cut off?"
)]
#[case::text_after_it(
    "{\"kind\": \"Secret\"} x",
    "-:1:20: not valid JSON: expected value; correct it there"
)]
#[case::repeated_key(
    "{\"kind\": \"Secret\"} {\"kind\": \"Secret\", \"kind\": \"x\"}",
    "-:1:50: not valid JSON: the key \"kind\" is there twice; keep one of them"
)]
#[case::template(
    "{\"kind\": \"Secret\", \"data\": {{ .Values.data }}}",
    "-:1:28: {{ .Values.data }} is a template that has not been rendered; render it first: helm template CHART | plimsoll check -"
)]
fn what_begins_like_json_and_is_not_is_broken_json(
    #[case] text: &str,
    #[case] error: &str,
    #[values("", "\u{feff}")] before: &str,
) {
    assert_eq!(errors(&stdin(&format!("{before}{text}"))), [error]);
}

#[test]
fn yaml_may_begin_like_json() {
    let manifests =
        stdin("{\"apiVersion\": v1, \"kind\": Secret}\n---\n{\"kind\": Secret, apiVersion: v1}\n");
    assert_eq!((errors(&manifests).len(), manifests.passed_over), (0, 2));
}

#[test]
fn a_broken_item_costs_none_of_a_json_list() {
    let item = |name: &str| {
        format!(
            "{{\"kind\": \"Pod\", \"apiVersion\": \"v1\", \"metadata\": {{\"name\": \"{name}\"}}, \"spec\": {{\"containers\": [{{\"name\": \"a\"}}]}}}}"
        )
    };
    let text = format!(
        "{{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": [\n{},\n  {{\"a\": 1,\n\"a\": 2}},\n{}]}}",
        item("x"),
        item("y")
    );
    let manifests = stdin(&text);
    assert_eq!(keys(&manifests), ["Pod default/x :2", "Pod default/y :5"]);
    assert_eq!(
        errors(&manifests),
        ["-:4:7: not valid JSON: the key \"a\" is there twice; keep one of them"]
    );
}

#[test]
fn a_carriage_return_alone_ends_a_line() {
    let text = format!(
        "# first\n---\n{WEB}  replicas: x\n---\n{}",
        WEB.replace("web", "api")
    )
    .replace('\n', "\r");
    let manifests = stdin(&text);
    assert_eq!(
        keys(&manifests),
        ["Deployment shop/web :3", "Deployment shop/api :13"]
    );
    assert_eq!(manifests.errors[0].place.line, Some(11));
}

/// Objects that are there twice, notes, broken documents, files that cannot be read: all in the order of the files.
#[test]
fn any_number_of_threads_reads_the_same() {
    let directory = TempDir::new().expect("a directory");
    for i in 0..60 {
        let own = WEB.replace("web", &format!("web-{}", i % 50));
        let old = WEB
            .replace("apps/v1", "apps/v1beta2")
            .replace("web", &format!("old-{i}"));
        let more = if i % 7 == 0 {
            "a: [\n"
        } else {
            "kind: Secret\napiVersion: v1\n"
        };
        let text = format!("{own}---\n{more}---\n{old}---\n").repeat(1 + i % 3);
        write(directory.path(), &format!("{i:02}.yaml"), &text);
    }
    fs::write(directory.path().join("30-latin.yaml"), b"a: \xff\n").expect("a file");
    let paths = [directory.path().to_owned(), "nowhere.yaml".into(), "-".into()];
    let read = |threads| {
        let found = read_with(
            threads,
            &Options::new(ClusterVersion::NEWEST),
            &paths,
            &mut WEB.as_bytes(),
        );
        format!("{found:#?}")
    };
    let one = read(1);
    assert_eq!(one.matches("is here a second time").count(), 10 + 20 * 2 + 20 * 4);
    for threads in [2, 3, 8, 100] {
        assert!(read(threads) == one, "{threads} threads differ from one");
    }
}
