//! Why a study ended early.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use crate::config::ConfigError;
use crate::output::OutputError;
use crate::resolve::LoadError;

/// Why a study ended early.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum StudyError {
    /// The config is wrong: nothing was run.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Input(#[from] ConfigError),
    /// The folder of results is that of another study: nothing was run.
    #[error("`{}` holds another study: {difference}", path.display())]
    #[diagnostic(help("choose another folder with --out, or another name, or move that folder away"))]
    Another {
        /// The folder.
        path: PathBuf,
        /// How they differ.
        difference: String,
    },
    /// A cell or replicate that the study does not have was asked for.
    #[error("there is no {what} {asked}: they count from 0 to {last}")]
    NoSuch {
        /// `cell` or `replicate`.
        what: &'static str,
        /// Which.
        asked: u64,
        /// The last one.
        last: u64,
    },
    /// The disk refused. What reached it before stays.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A thread could not be started.
    #[error("could not start a thread: {0}")]
    Thread(String),
}

impl From<LoadError> for StudyError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Input(error) => Self::Input(error),
            LoadError::Output(error) => Self::Output(error),
        }
    }
}

impl StudyError {
    /// Whether what the user wrote or asked for is wrong, so that nothing was run.
    pub(crate) fn is_input(&self) -> bool {
        matches!(self, Self::Input(_) | Self::Another { .. } | Self::NoSuch { .. })
    }
}
