//! `gmm compare`: the results of several runs side by side.

mod error;
mod field;
mod parameters;
mod stored;
mod summary;
mod write;

use std::path::PathBuf;

use clap::Args;

pub(crate) use error::CompareError;
pub(crate) use parameters::ParameterTable;
pub(crate) use stored::Estimate;
pub(crate) use summary::{FailureRow, FitRow, RunRow, RunsComparison};
pub(crate) use write::write;

use stored::StoredRun;

/// What `gmm compare` is told.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Folders of results of `gmm run`, each with its summary.json.
    #[arg(required = true, value_name = "DIR")]
    pub(crate) runs: Vec<PathBuf>,
    /// The folder that comparison.json and comparison.html are written to.
    #[arg(long, value_name = "DIR", default_value = "results/comparison")]
    pub(crate) out: PathBuf,
    /// Prints nothing but errors.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Reads the runs and puts them side by side.
///
/// # Errors
/// [`CompareError`]: a folder that holds no results of `gmm run`, or results that cannot be read.
pub(crate) fn compare_runs(args: &CompareArgs) -> Result<RunsComparison, CompareError> {
    let runs = args.runs.iter().map(|folder| StoredRun::read(folder)).collect::<Result<Vec<_>, _>>()?;
    Ok(RunsComparison::new(&runs))
}
