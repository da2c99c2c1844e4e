//! Answers from Kubernetes' own libraries, to hold ours against: a small Go program, `tests/rig/oracle`, that is built
//! like the control plane but needs none.

use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Value, json};

use crate::error::{Error, IoContext, Result};
use crate::rig::{self, Tool};

/// What it can be asked; each is one Go file in `tests/rig/oracle`, which says how questions and answers look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `resource.ParseQuantity` and what can be done with a quantity.
    Quantity,
    /// `intstr.GetScaledValueFromIntOrPercent` and the Deployment controller's `ResolveFenceposts`.
    Intstr,
    /// `metav1.LabelSelectorAsSelector`.
    Selector,
    /// `sigs.k8s.io/yaml`, as kubectl converts manifests.
    Yaml,
}

impl Mode {
    fn word(self) -> &'static str {
        match self {
            Mode::Quantity => "quantity",
            Mode::Intstr => "intstr",
            Mode::Selector => "selector",
            Mode::Yaml => "yaml",
        }
    }
}

/// The program, built.
#[derive(Debug, Clone)]
pub struct Oracle {
    path: PathBuf,
}

impl Oracle {
    /// Finds or builds it: about a minute, once.
    ///
    /// # Errors
    /// [`Error::NoGo`] when it is not built yet and there is no Go, [`Error::Build`] when Go fails.
    pub fn ready() -> Result<Self> {
        rig::find_or_build(Tool::Oracle).map(|path| Self { path })
    }

    /// One answer to each question, in order. What Kubernetes refuses has the member `error`.
    ///
    /// # Errors
    /// [`Error::Command`] when it ends early: one of the questions is none.
    pub fn ask(&self, mode: Mode, questions: &[Value]) -> Result<Vec<Value>> {
        let mut child = Command::new(&self.path)
            .arg(mode.word())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .doing(|| format!("running {}", self.path.display()))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(mut stderr)) = pipes else {
            unreachable!("all three are piped");
        };
        // Asked and read at once, or both sides would wait on full pipes.
        let answers = thread::scope(|scope| {
            scope.spawn(move || {
                let mut stdin = BufWriter::new(stdin);
                // A pipe that is closed early is told by the missing answers.
                for question in questions {
                    if writeln!(stdin, "{question}").is_err() {
                        return;
                    }
                }
            });
            BufReader::new(stdout)
                .lines()
                .map(|line| Ok(serde_json::from_str(&line?)?))
                .collect::<std::io::Result<Vec<Value>>>()
        })
        .doing(|| "reading the oracle's answers".to_owned())?;
        let status = child.wait().doing(|| "waiting for the oracle".to_owned())?;
        if !status.success() || answers.len() != questions.len() {
            let mut said = String::new();
            let _ = stderr.read_to_string(&mut said);
            return Err(Error::Command {
                command: format!("oracle {}", mode.word()),
                stderr: format!(
                    "{} answers to {} questions; {said}",
                    answers.len(),
                    questions.len()
                ),
            });
        }
        Ok(answers)
    }

    /// What sigs.k8s.io/yaml makes of each YAML document.
    ///
    /// # Errors
    /// As [`Oracle::ask`].
    pub fn yaml<D: AsRef<[u8]>>(&self, documents: impl IntoIterator<Item = D>) -> Result<Vec<Yaml>> {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let questions: Vec<Value> = documents
            .into_iter()
            .map(|document| json!({ "hex": hex(document.as_ref()) }))
            .collect();
        let side = |answer: &Value| match answer["json"].as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(answer["error"].as_str().unwrap_or_default().to_owned()),
        };
        let answers = self.ask(Mode::Yaml, &questions)?;
        Ok(answers
            .iter()
            .map(|answer| Yaml {
                lenient: side(&answer["lenient"]),
                strict: side(&answer["strict"]),
            })
            .collect())
    }
}

/// One YAML document, converted: JSON text, or why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yaml {
    /// As kubectl converts it; of a key that comes twice, the last value counts.
    pub lenient: std::result::Result<String, String>,
    /// The same, where a key that comes twice is an error.
    pub strict: std::result::Result<String, String>,
}
