//! `--policy`: the policies by which `check` judges files.

use std::io::Read;
use std::path::PathBuf;

use crate::model::config::ClusterVersion;
use crate::model::object::Object;
use crate::model::text::clip;
use crate::plan::policy::unknown_rules;
use crate::rules;
use crate::source::manifest::{self, InputError, Manifests, Note, Place, Source};

/// Longest name of a policy that a note repeats.
const NAME_SHOWN: usize = 80;

/// Reads the policies of these files and directories. What else is in there is passed over.
pub(super) fn read(paths: &[PathBuf], stdin: &mut dyn Read, version: ClusterVersion) -> Manifests {
    if paths.is_empty() {
        return Manifests::default();
    }
    let mut found = manifest::read(paths, stdin, version);
    let all = found.objects.len();
    found
        .objects
        .retain(|(object, _)| matches!(object, Object::Policy(_)));
    found.passed_over += all - found.objects.len();
    for (object, source) in &found.objects {
        found.notes.extend(notes(object, source));
    }
    if found.objects.is_empty() && found.errors.is_empty() {
        found.errors.push(InputError {
            place: Place {
                file: paths.first().map(|path| path.to_string_lossy().into()),
                ..Place::default()
            },
            message: "holds no ResiliencePolicy; name a file that does".to_owned(),
        });
    }
    found
}

/// Takes the policies out of what is to be checked: a file among many does not say by what the others are judged.
pub(super) fn set_aside(manifests: &mut Manifests) {
    let notes = &mut manifests.notes;
    manifests.objects.retain(|(object, source)| {
        let Object::Policy(policy) = object else {
            return true;
        };
        let name = clip(&policy.name, NAME_SHOWN);
        let message = format!(
            "ResiliencePolicy {name} is not in force here; name its file with --policy to judge by it"
        );
        notes.push(note(source, message));
        notes.extend(self::notes(object, source));
        false
    });
}

/// The rules that a policy names and that there are not: it may be meant for another version, so that this is no error.
fn notes(object: &Object, source: &Source) -> Vec<Note> {
    let Object::Policy(policy) = object else {
        return Vec::new();
    };
    let name = clip(&policy.name, NAME_SHOWN);
    unknown_rules(policy)
        .map(|rule| {
            let hint = rules::no_such_rule(rule);
            note(
                source,
                format!("ResiliencePolicy {name}: no rule is called {rule}: {hint}"),
            )
        })
        .collect()
}

fn note(source: &Source, message: String) -> Note {
    Note {
        place: Place {
            file: Some(source.file.clone()),
            line: Some(source.line),
            column: None,
        },
        message,
    }
}
