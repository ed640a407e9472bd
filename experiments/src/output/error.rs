//! What can go wrong on the way to the disk, and which names are fit for a file or folder.

use std::io;
use std::path::{Path, PathBuf};

use super::draws::DrawsFault;

/// The longest name, in bytes: file systems stop at 255, and the hidden folders beside the results add to the name.
const LONGEST_NAME: usize = 200;

/// Why something could not be written.
///
/// The message names the path and what the operating system said, so `source()` is `None`: nothing is told twice.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The operating system refused: full disk, read-only, missing folder, not a folder, ...
    #[error("could not {action} `{}`: {cause}", path.display())]
    Io {
        /// What was tried, such as "write".
        action: &'static str,
        /// The file or folder that it was tried on.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },

    /// A name that is not fit for a file or folder.
    #[error("the name {name:?} cannot be used for a file or folder: {fault}")]
    UnsafeName {
        /// The name as given.
        name: String,
        /// What is wrong with it.
        fault: NameFault,
    },

    /// Another process (or another [`ResultsDir`](super::ResultsDir) of this one) holds this experiment's lock.
    #[error("another run is writing here: `{}`", path.display())]
    AnotherRun {
        /// The folder of results that the other run will write.
        path: PathBuf,
    },

    /// Something stands where the results belong that no run wrote, so it is not ours to delete.
    #[error("`{}` exists and was not written by a run: move it away, or choose another name or folder", path.display())]
    NotResults {
        /// The file or folder in the way.
        path: PathBuf,
    },

    /// The folder of draws already exists.
    #[error("`{}` already exists", path.display())]
    AlreadyExists {
        /// The folder in the way.
        path: PathBuf,
    },

    /// The figures of a report cannot be drawn.
    #[error("the report of `{}` cannot be drawn: {reason}", path.display())]
    Drawing {
        /// The folder of results.
        path: PathBuf,
        /// What the drawing library or the template engine said.
        reason: String,
    },

    /// The table of draws contradicts itself.
    #[error("could not write the draws to `{}`: {fault}", path.display())]
    Draws {
        /// The folder that was to be written.
        path: PathBuf,
        /// The contradiction.
        fault: DrawsFault,
    },
}

impl OutputError {
    /// For `map_err`: the error of doing `action` to `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |cause| Self::Io { action, path, cause }
    }
}

/// Why a name is not fit for a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameFault {
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
    /// Longer than [`NameFault::LONGEST`] bytes.
    #[error("it has {n_bytes} bytes, more than {}", LONGEST_NAME)]
    TooLong {
        /// Its length in bytes.
        n_bytes: usize,
    },
    /// `/` or `\`: it would be a path.
    #[error("it contains {0:?}")]
    Separator(char),
    /// A leading `.`: a hidden file, or `.` and `..` themselves.
    #[error("it starts with a dot")]
    LeadingDot,
    /// A control character such as a line break.
    #[error("it contains the control character {0:?}")]
    Control(char),
}

impl NameFault {
    /// The longest name that is accepted, in bytes.
    pub const LONGEST: usize = LONGEST_NAME;
}

/// What is wrong with `name` as the name of one file or folder.
pub(super) fn name_fault(name: &str) -> Option<NameFault> {
    if name.is_empty() {
        return Some(NameFault::Empty);
    }
    if name.len() > LONGEST_NAME {
        return Some(NameFault::TooLong { n_bytes: name.len() });
    }
    if let Some(separator) = name.chars().find(|c| matches!(c, '/' | '\\')) {
        return Some(NameFault::Separator(separator));
    }
    if let Some(control) = name.chars().find(|c| c.is_control()) {
        return Some(NameFault::Control(control));
    }
    name.starts_with('.').then_some(NameFault::LeadingDot)
}

/// [`name_fault`] as an error.
pub(crate) fn check_name(name: &str) -> Result<(), OutputError> {
    match name_fault(name) {
        Some(fault) => Err(OutputError::UnsafeName { name: name.to_owned(), fault }),
        None => Ok(()),
    }
}
