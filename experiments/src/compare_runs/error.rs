//! Why runs cannot be compared.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// A folder that cannot be compared.
#[derive(Debug, Error)]
pub(crate) enum CompareError {
    /// There is nothing to read.
    #[error("could not read `{}`: {cause}", path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A file where a folder belongs.
    #[error("`{}` is a file: give the folder of results that `gmm run` wrote", path.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// Results of another command.
    #[error("`{}` holds the results of `gmm {command}` ({file}), not of `gmm run`", path.display())]
    OtherCommand {
        /// The folder.
        path: PathBuf,
        /// The command that wrote it.
        command: &'static str,
        /// The file that says so.
        file: &'static str,
    },
    /// No results.
    #[error("`{}` holds no summary.json: it is no folder of results of `gmm run`", path.display())]
    NoSummary {
        /// The folder.
        path: PathBuf,
    },
    /// A file that is no JSON.
    #[error("`{}` is damaged: {cause}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        cause: serde_json::Error,
    },
    /// A summary of another version of the contract.
    #[error("`{}` has schema_version {found}, this program reads {expected}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// As written.
        found: String,
        /// What can be read.
        expected: u64,
    },
    /// A field that is missing or is something else than it should be.
    #[error("`{}`: {field} {fault}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// Where in the file, such as `fits[0].bic`.
        field: String,
        /// What is wrong with it.
        fault: String,
    },
}
