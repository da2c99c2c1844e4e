//! The ways in, and what each promises.

use std::cell::RefCell;
use std::fmt::Debug;

use jiff::Timestamp;
use plimsoll::check::{Baseline, Input, Report, Terms};
use plimsoll::cli::replay::play;
use plimsoll::engine::Engine;
use plimsoll::index::{Index, WorkloadView};
use plimsoll::model::config::{ClusterVersion, DetectorConfig};
use plimsoll::model::finding::CheckResult;
use plimsoll::model::intstr::{Amount, IntOrString, Rounding};
use plimsoll::model::keys::{Kind, ObjectKey};
use plimsoll::model::object::Object;
use plimsoll::model::quantity::Quantity;
use plimsoll::model::report::{TOLD_MAX, Transition};
use plimsoll::model::selector::LabelSelector;
use plimsoll::model::text::steers;
use plimsoll::model::time::Moment;
use plimsoll::output::style::{Style, visible, wrap};
use plimsoll::output::timeline::{self, Timeline};
use plimsoll::output::{json, table};
use plimsoll::policy::Policy;
use plimsoll::rules::{self, Judgement, Question};
use plimsoll::source::manifest::{self, Manifests, edit};
use plimsoll::source::projection;
use plimsoll::source::recording::{Recording, What};
#[cfg(feature = "operator")]
use plimsoll::webhook;
use serde_json::{Value, json};

use super::{corpus, corpus_in, fuzz, inert};

/// Words that a way out begins with, or that say what must be.
const WAYS: [&str; 42] = [
    "must be",
    "must not",
    "must have",
    "add",
    "align",
    "change",
    "check",
    "choose",
    "close",
    "correct",
    "define",
    "did",
    "end",
    "fill",
    "give",
    "indent",
    "keep",
    "leave",
    "list",
    "lower",
    "make",
    "mend",
    "name",
    "put",
    "quote",
    "raise",
    "remove",
    "rename",
    "render",
    "run",
    "save",
    "split",
    "use",
    "write",
    "a recording",
    "go on",
    "copy",
    "is it",
    "is the",
    "record",
    "say",
    "send",
];

fn has_way_out(message: &str) -> bool {
    let begins = |rest: &str| WAYS.iter().any(|way| rest.starts_with(way));
    message.contains("must ")
        || ["; ", ": ", ", "]
            .iter()
            .any(|sign| message.split(sign).skip(1).any(begins))
}

/// No message is longer than a screen, however long what it speaks of.
fn holds(message: &str) {
    assert!(has_way_out(message), "no way out: {message}");
    assert!(message.chars().count() <= 1_000, "too long: {message}");
}

fn judged(view: WorkloadView<'_>, policy: &Policy) -> Judgement {
    let now = Timestamp::UNIX_EPOCH;
    rules::judge(&Question { view, policy, now })
}

fn report(manifests: Manifests) -> Report {
    let judged = Input::from(manifests).judge(&Terms {
        version: ClusterVersion::NEWEST,
        namespaces: &[],
        policy: &Policy::default(),
        now: Timestamp::UNIX_EPOCH,
    });
    judged.report
}

fn same<T: Debug>(a: &T, b: &T) {
    assert_eq!(format!("{a:?}"), format!("{b:?}"), "read twice");
}

/// Files: read, judged, printed.
#[test]
fn manifests() {
    fuzz("manifests", &corpus(&["yaml", "json"]), |bytes| {
        let read = || manifest::read(&["-".into()], &mut { bytes }, ClusterVersion::NEWEST);
        let manifests = read();
        same(&manifests, &read());
        let lines = 1 + bytes.iter().filter(|b| matches!(**b, b'\n' | b'\r')).count();
        for error in &manifests.errors {
            holds(&error.message);
            assert_eq!(error.place.file.as_deref(), Some("-"), "{error:?}");
            assert!(
                error
                    .place
                    .line
                    .is_none_or(|line| (1..=lines + 1).contains(&line)),
                "{error:?} of {lines}"
            );
        }
        assert!(manifests.errors.len() <= 202, "{} errors", manifests.errors.len());
        let report = report(manifests);
        let printed = json::render(&report);
        let value: Value = serde_json::from_str(&printed).expect("JSON");
        let listed = value["workloads"].as_array().expect("a list");
        assert_eq!(listed.len(), report.workloads.len());
        // An autoscaler without a target is listed and not counted.
        let is_workload = |w: &&Value| {
            !["HorizontalPodAutoscaler", "ScaledObject"].contains(&w["kind"].as_str().unwrap_or_default())
        };
        assert_eq!(
            value["summary"]["workloads"],
            listed.iter().filter(is_workload).count()
        );
        let text = table::render(&report, Style::plain());
        let steers = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}');
        assert!(!text.contains(steers), "{text:?}");
        assert!(
            printed.len() + text.len() <= (64 << 10) + 4_000 * bytes.len(),
            "{} bytes",
            printed.len()
        );
    });
}

/// The same in every format, each read back by a reader that had no part in writing it.
#[test]
fn formats() {
    fuzz("formats", &corpus(&["yaml", "json"]), |bytes| {
        let manifests = manifest::read(&["-".into()], &mut { bytes }, ClusterVersion::NEWEST);
        inert::in_every_format(&report(manifests));
    });
}

/// Files of known findings: what is written is read back, and what is broken is told.
#[test]
fn baselines() {
    let found = corpus(&["yaml"]).into_iter().map(|bytes| {
        let manifests = manifest::read(&["-".into()], &mut bytes.as_slice(), ClusterVersion::NEWEST);
        Baseline::of(&report(manifests)).render().into_bytes()
    });
    fuzz("baselines", &found.collect::<Vec<_>>(), |bytes| {
        let text = String::from_utf8_lossy(bytes);
        match Baseline::parse(&text) {
            Ok(baseline) => assert_eq!(Baseline::parse(&baseline.render()), Ok(baseline)),
            Err(error) => holds(&error.to_string()),
        }
    });
}

/// YAML and JSON documents as JSON texts, each object by itself.
fn objects() -> Vec<Vec<u8>> {
    let mut all = corpus(&["json"]);
    for text in corpus(&["yaml"]) {
        let text = String::from_utf8_lossy(&text).into_owned();
        let values = text
            .split("\n---")
            .filter_map(|d| serde_saphyr::from_str::<Value>(d).ok());
        all.extend(
            values
                .filter(Value::is_object)
                .map(|value| value.to_string().into_bytes()),
        );
    }
    all
}

/// What any reader of JSON makes of it; `None` for what is none. (Where a key is there twice, readers differ.)
fn value(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

/// Objects as the API server sends them, as each kind.
#[test]
fn projections() {
    fuzz("projections", &objects(), |bytes| {
        let value = value(bytes);
        for kind in Kind::ALL {
            let read = projection::from_json(kind, bytes);
            same(&read, &projection::from_json(kind, bytes));
            let name = value
                .as_ref()
                .and_then(|value| value.pointer("/metadata/name")?.as_str());
            match (&read, name) {
                (Ok(object), Some(name)) => {
                    assert_eq!((&*object.key().name, object.key().kind), (name, kind));
                }
                (Ok(object), None) => assert!(value.is_none(), "{object:?} without a name"),
                (Err(e), Some(name)) if !name.is_empty() => {
                    assert!(e.to_string().contains("duplicate field"), "{kind} {name}: {e}");
                }
                (Err(_), _) => {}
            }
            if let Ok(object) = read {
                for problem in object.problems() {
                    assert!(!problem.field.is_empty(), "{problem:?}");
                    holds(&format!("{kind}: {}", problem.message));
                }
                let mut index = Index::complete(ClusterVersion::NEWEST);
                index.apply(object, Moment::default());
                for key in index.workload_keys() {
                    let view = index.view(&key).expect("a workload");
                    assert!(!judged(view, &Policy::default()).results.is_empty());
                }
            }
        }
    });
}

/// Admission reviews: whoever has a `uid` is let in, whatever else it is, and the engine is as it was.
#[cfg(feature = "operator")]
#[test]
fn reviews() {
    let seeds = corpus_in(&["tests/fixtures/reviews"], &["json"]);
    let web = value(&seeds[0]).expect("a review")["request"]["object"].to_string();
    let web = projection::from_json(Kind::Deployment, web.as_bytes()).expect("a Deployment");
    let mut index = Index::complete(ClusterVersion::NEWEST);
    index.apply(web, Moment::default());
    let said = |index: &Index| -> Vec<(ObjectKey, Vec<CheckResult>)> {
        let keys = index.workload_keys().into_iter();
        keys.map(|key| {
            let results = judged(index.view(&key).expect("a workload"), &Policy::default()).results;
            (key, results)
        })
        .collect()
    };
    let before = said(&index);
    let engine = RefCell::new(Engine::new(index, Policy::default(), DetectorConfig::default()));
    fuzz("reviews", &seeds, |bytes| {
        let engine = &mut engine.borrow_mut();
        match webhook::answered(bytes, engine, Timestamp::UNIX_EPOCH) {
            Ok(answer) => {
                let answer = value(&answer).expect("JSON");
                let response = &answer["response"];
                assert_eq!(response["allowed"], true, "no policy denies anything");
                if let Some(asked) = value(bytes) {
                    assert_eq!(response["uid"], asked["request"]["uid"]);
                }
                for warning in response["warnings"].as_array().into_iter().flatten() {
                    let warning = warning.as_str().expect("text");
                    assert!(!warning.contains(steers), "{warning:?}");
                    assert!(warning.chars().count() <= 120, "{warning}");
                }
            }
            Err(error) => holds(&error),
        }
        same(&said(engine.index()), &before);
    });
}

/// Watch events and lists: an odd object costs no other.
#[cfg(feature = "operator")]
#[test]
fn watched() {
    use kube::core::{ObjectList, WatchEvent};
    use plimsoll::source::watched::{Deployments, Leases, Nodes, Pods, Watched, WatchedKind};

    fn one<K: WatchedKind>(object: &str) {
        let good = r#"{"metadata":{"name":"good","namespace":"shop"}}"#;
        let list = format!(
            r#"{{"kind":"List","apiVersion":"v1","metadata":{{"resourceVersion":"7"}},"items":[{good},{object},{good}]}}"#
        );
        let list: ObjectList<Watched<K>> = match serde_json::from_str(&list) {
            Ok(list) => list,
            Err(e) => {
                assert!(e.to_string().contains("duplicate field"), "{e}");
                return;
            }
        };
        let read: Vec<_> = list.items.into_iter().map(Watched::into_parts).collect();
        assert!(
            read.len() == 3 && read[0].1.is_ok() && read[2].1.is_ok(),
            "{read:?}"
        );
        let event = format!(r#"{{"type":"MODIFIED","object":{object}}}"#);
        let event = serde_json::from_str::<WatchEvent<Watched<K>>>(&event).expect("an event");
        let WatchEvent::Modified(watched) = event else {
            panic!("{event:?}")
        };
        let (key, object) = watched.into_parts();
        assert_eq!(
            (key, format!("{object:?}")),
            (read[1].0.clone(), format!("{:?}", read[1].1))
        );
    }

    fuzz("watched", &objects(), |bytes| {
        // What is no JSON breaks the connection, which is another matter.
        if let Ok(text) = str::from_utf8(bytes)
            && value(bytes).is_some()
        {
            one::<Pods>(text);
            one::<Deployments>(text);
            one::<Nodes>(text);
            one::<Leases>(text);
        }
    });
}

/// Quantities, percentages, times, selectors: one text in the places where each is read.
#[test]
fn words() {
    let words: Vec<Vec<u8>> = corpus(&["words"])
        .iter()
        .flat_map(|file| {
            file.split(|b| *b == b'\n')
                .map(<[u8]>::to_vec)
                .collect::<Vec<_>>()
        })
        .collect();
    fuzz("words", &words, |bytes| {
        let word = String::from_utf8_lossy(bytes);
        if let Ok(quantity) = word.parse::<Quantity>() {
            let again: Quantity = quantity.to_string().parse().expect("what is printed can be read");
            assert_eq!(again, quantity, "{word:?}");
            assert!(quantity.nanos().abs() <= Quantity::MAX.nanos());
            assert_eq!(quantity.value() < 0, quantity.is_negative());
        }
        if let Ok(amount) = IntOrString::Text((&*word).into()).amount() {
            let Amount::Percent(percent) = amount else {
                panic!("{amount:?}")
            };
            assert!(percent >= 0 && amount.of(100, Rounding::Up) == percent);
            assert!(amount.of(7, Rounding::Down) <= amount.of(7, Rounding::Up));
        }
        let quoted = Value::from(&*word).to_string();
        for word in [&quoted, &*word] {
            selector(word);
            spec(word);
        }
    });
}

/// A word as every part of a selector.
fn selector(word: &str) {
    for text in [
        format!(r#"{{"matchLabels":{{"a":{word}}}}}"#),
        format!(r#"{{"matchLabels":{{{word}:"a"}}}}"#),
        format!(r#"{{"matchExpressions":[{{"key":{word},"operator":"Exists"}}]}}"#),
        format!(r#"{{"matchExpressions":[{{"key":"a","operator":"In","values":[{word}]}}]}}"#),
        format!(r#"{{"matchExpressions":[{{"key":"a","operator":{word},"values":["x"]}}]}}"#),
    ] {
        let read = serde_json::from_str::<LabelSelector>(&text).ok();
        let budget = format!(r#"{{"metadata":{{"name":"x"}},"spec":{{"selector":{text}}}}}"#);
        let Ok(Object::DisruptionBudget(budget)) =
            projection::from_json(Kind::PodDisruptionBudget, budget.as_bytes())
        else {
            continue;
        };
        assert_eq!(budget.selector.get(), read.as_ref(), "{text}");
        assert_eq!(
            budget.selector.is_invalid(),
            !budget.problems.is_empty(),
            "{text}: {:?}",
            budget.problems
        );
    }
}

/// A word as numbers, quantities and times.
fn spec(word: &str) {
    let text = format!(
        r#"{{"metadata":{{"name":"x","creationTimestamp":{word},"generation":{word},"annotations":{{"plimsoll.dev/exempt":{word}}}}},
        "spec":{{"replicas":{word},"progressDeadlineSeconds":{word},"strategy":{{"rollingUpdate":{{"maxSurge":{word},"maxUnavailable":{word}}}}},
        "template":{{"metadata":{{"labels":{{"a":{word}}}}},"spec":{{"nodeSelector":{{"a":{word}}},"tolerations":[{{"effect":{word},"tolerationSeconds":{word}}}],
        "topologySpreadConstraints":[{{"maxSkew":{word},"topologyKey":{word},"whenUnsatisfiable":{word}}}],
        "containers":[{{"name":"a","resources":{{"limits":{{"memory":{word}}},"requests":{{"memory":{word}}}}}}}]}}}}}}}}"#
    );
    let Ok(object) = projection::from_json(Kind::Deployment, text.as_bytes()) else {
        assert!(value(text.as_bytes()).is_none() || text.contains(':'), "{text}");
        return;
    };
    for problem in object.problems() {
        holds(&format!("x: {}", problem.message));
    }
    let mut index = Index::complete(ClusterVersion::NEWEST);
    index.apply(object, Moment::default());
    for key in index.workload_keys() {
        let view = index.view(&key).expect("a workload");
        assert!(!judged(view, &Policy::default()).results.is_empty());
    }
}

/// Recordings: every line is an event or an error with its line, time never goes back, and all of it can be played.
#[test]
fn recordings() {
    fuzz("recordings", &corpus(&["jsonl"]), |bytes| {
        let open = || Recording::read("x", Box::new(std::io::Cursor::new(bytes.to_vec())));
        let recording = match open() {
            Ok(recording) => recording,
            Err(error) => return holds(&error.message),
        };
        let mut index = recording.index();
        let lines = bytes.split(|b| *b == b'\n').count();
        let (mut last, mut count) = (None, 0);
        for outcome in recording {
            count += 1;
            match outcome {
                Ok(event) => {
                    assert!(
                        last <= Some(event.at) && (2..=lines).contains(&event.line),
                        "{event:?}"
                    );
                    last = Some(event.at);
                    match event.what {
                        What::Applied(object) => {
                            index.apply(object, Moment::default());
                        }
                        What::Deleted(key) => {
                            index.delete(&key);
                        }
                        _ => {}
                    }
                }
                Err(error) => {
                    holds(&error.message);
                    assert!(
                        error.place.line.is_some_and(|line| (2..=lines).contains(&line)),
                        "{error:?}"
                    );
                }
            }
        }
        assert!(count < lines.max(1), "{count} outcomes of {lines} lines");
        assert_eq!(count, open().expect("as before").count());
        played(&play(open().expect("as before")));
    });
}

/// What a replay promises: transitions in the order of time, each with its impact and its way out, none longer than an
/// Event takes; a JSON document, and a table that steers nothing.
fn played(timeline: &Timeline) {
    assert!(timeline.transitions.is_sorted_by_key(|happened| happened.at));
    for happened in &timeline.transitions {
        let change = &happened.change;
        let begins = matches!(change.transition, Transition::Active | Transition::Changed);
        let parted = change
            .message
            .split_once(": ")
            .is_some_and(|(_, rest)| rest.contains("; "));
        assert!(parted || !begins, "without impact or way out: {change:?}");
        assert!(change.message.len() <= TOLD_MAX, "{change:?}");
    }
    timeline.errors.iter().for_each(|error| holds(&error.message));
    let value: Value = serde_json::from_str(&timeline::json::render(timeline)).expect("JSON");
    let count = |list: &str| value[list].as_array().map(Vec::len);
    assert_eq!(count("transitions"), Some(timeline.transitions.len()));
    assert_eq!(count("reports"), Some(timeline.reports.len()));
    let table = timeline::table::render(timeline, Style::plain());
    let steers = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}');
    assert!(!table.contains(steers), "{table:?}");
}

/// Text that anybody may write, as it is shown: nothing steers the terminal, and what is harmless stays.
#[test]
fn shown_text() {
    let mut seeds = corpus(&["words"]);
    seeds.extend(corpus(&["yaml"]));
    fuzz("shown text", &seeds, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let shown = visible(&text);
        let steers = |c: char| {
            c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
                || matches!(
                    c,
                    '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{ffa0}'
                )
                || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
        };
        let commands = |text: &str| {
            text.contains("##") || text.split(char::is_whitespace).any(|word| word.starts_with("::"))
        };
        assert!(!commands(&shown), "{shown:?}");
        assert!(!shown.contains(steers), "{shown:?}");
        assert_eq!(visible(&shown), shown, "what is shown is shown as it is");
        assert_eq!(shown == text, !text.contains(steers) && !commands(&text));
        assert!(shown.len() <= 10 * text.len());
        let wrapped: Vec<&str> = wrap(&shown, 40).collect();
        let words = wrapped.iter().flat_map(|line| line.split_whitespace());
        assert!(words.eq(shown.split_whitespace()), "{wrapped:?}");
        let fits = |line: &&str| line.chars().count() <= 40 || !line.contains(' ');
        assert!(wrapped.iter().all(fits), "{wrapped:?}");
    });
}

/// Remedies in files: no byte is lost that they do not speak of, and what was fixed once is fixed.
#[test]
fn edits() {
    let resources = json!({"limits": {"memory": "1Gi"}, "requests": {"memory": "512Mi"}});
    let constraint = json!({"topologyKey": "kubernetes.io/hostname", "maxSkew": 1});
    let pod = json!({"containers": [{"name": "app", "resources": resources}], "topologySpreadConstraints": [constraint]});
    let patch = json!({"spec": {"replicas": 3, "minReadySeconds": null, "template": {"spec": pod}}});
    fuzz("edits", &corpus(&["yaml", "json"]), |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        let manifests = manifest::read(&["-".into()], &mut { bytes }, ClusterVersion::NEWEST);
        let keys: Vec<ObjectKey> = manifests.objects.iter().map(|(object, _)| object.key()).collect();
        let patches: Vec<(&ObjectKey, &Value)> = keys.iter().map(|key| (key, &patch)).collect();
        let edited = edit::patch(text, &patches);
        let mut lines = 0;
        for outcome in &edited.outcomes {
            match outcome {
                Ok(line) => lines += line.map_or(0, |_| 12),
                Err(why) => holds(why),
            }
        }
        let gone = similar::TextDiff::from_lines(text, &edited.text);
        let gone = gone
            .iter_all_changes()
            .filter(|change| change.tag() == similar::ChangeTag::Delete);
        assert!(
            gone.count() <= lines,
            "lost lines:\n{text}\n=== became\n{}",
            edited.text
        );
        let again = edit::patch(&edited.text, &patches);
        let made = |outcomes: &[Result<Option<usize>, String>]| outcomes.iter().filter(|o| o.is_ok()).count();
        assert!(
            made(&again.outcomes) >= made(&edited.outcomes),
            "{:?}\n{}",
            again.outcomes,
            edited.text
        );
        assert!(
            again
                .outcomes
                .iter()
                .all(|outcome| !matches!(outcome, Ok(Some(_)))),
            "{}",
            edited.text
        );
        assert_eq!(again.text, edited.text, "twice");
    });
}
