//! `check --baseline FILE` and `--write-baseline FILE`: the files that [`Baseline`] is read from and written to.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::CliError;
use crate::check::{Baseline, BaselineError, Report};
use crate::model::text::count;
use crate::source::manifest::Place;

/// Why a file is of no use as a baseline.
#[derive(Debug, thiserror::Error)]
pub enum BaselineFault {
    /// It cannot be read.
    #[error(" cannot be read: {0}; write it first with --write-baseline")]
    Unreadable(#[from] io::Error),
    /// It holds something else.
    #[error("{0}")]
    Broken(#[from] BaselineError),
}

/// Reads a baseline.
pub(super) fn read(file: &Path) -> Result<(PathBuf, Baseline), CliError> {
    let parsed = fs::read_to_string(file)
        .map_err(BaselineFault::from)
        .and_then(|text| Ok(Baseline::parse(&text)?));
    match parsed {
        Ok(baseline) => Ok((file.to_owned(), baseline)),
        Err(fault) => Err(CliError::Baseline {
            file: file.to_owned(),
            fault,
        }),
    }
}

/// Where notes on a baseline are told.
pub(super) fn place(file: &Path) -> Place {
    Place {
        file: Some(file.to_string_lossy().into()),
        ..Place::default()
    }
}

/// Writes what a report found; from then on it is known. What could not be read is not in it.
pub(super) fn write(file: &Path, report: &mut Report) -> Result<(), CliError> {
    let baseline = Baseline::of(report);
    fs::write(file, baseline.render()).map_err(|source| CliError::Write {
        what: file.display().to_string(),
        source,
    })?;
    baseline.apply(report, &[], place(file));
    let written = count(baseline.len() as u64, "finding");
    let _ = writeln!(io::stderr().lock(), "{}: {written} written", file.display());
    Ok(())
}
