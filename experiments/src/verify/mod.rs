//! `gmm verify`: do the samplers of an experiment sample their posteriors, and are the optima of its point estimates optima?
//!
//! ```text
//! experiment + arguments -- plan --> checks -- parts, checkpoint --> summary -- report, write --> results/<name>-verification/
//! ```

mod error;

mod plan;

mod checkpoint;
mod signs;

mod summary;
mod verdict;

mod parts;

mod write;

use std::path::{Path, PathBuf};

use clap::Args;

use crate::experiment::Experiment;
use crate::output::{OutputError, ResultsDir};
use checkpoint::Checkpoint;
pub(crate) use checkpoint::Found;
use error::VerifyError;
pub(crate) use plan::Plan;
use signs::Signs;
use summary::VerdictSummary;
pub(crate) use summary::{
    CalibrationSummary, FindingSummary, FitVerification, JointTestSummary, OptimaSummary, PartSummary, QuantilePairs,
    RankedQuantity, VerificationSummary,
};
pub(crate) use verdict::percent;

/// What `gmm verify` is told.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The experiment whose fits are verified.
    #[arg(value_name = "CONFIG")]
    pub(crate) config: PathBuf,
    /// The folder that holds the folder of results, named after the experiment with `-verification` behind it.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) out: PathBuf,
    /// The names of the fits to verify; all if left out.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    fit: Vec<String>,
    /// Rows of each simulated data set of the calibration; those of the data, at most 50, if left out.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rows: Option<u32>,
    /// How many of the first rows of the data are enumerated, 12 at most; 8, or as many as there are components, if left out.
    #[arg(long, value_name = "N")]
    exact: Option<usize>,
    /// Simulated data sets of the calibration; 4000 if left out. The joint test and the enumeration grow and shrink with it.
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    replications: Option<u32>,
    /// The probability of any finding if all samplers are right, at most, of all tests together.
    #[arg(long, value_name = "RATE", default_value_t = gmm_verify::verdict::Budget::RATE)]
    false_alarm: f64,
    /// Replaces the seed of the experiment.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Threads to run on; all processors if left out. The results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// The folder on whose disk data files are decoded that cannot be mapped; that of the results if left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
    /// Prints nothing but errors.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// The file of a folder of results with what each replication, draw, chain and part gave.
const CHECKPOINT: &str = "replications.jsonl";

/// Verifies what is planned and writes the results. What an earlier run of the same program with the same arguments had
/// computed is not computed again: the result is the same bit for bit.
///
/// # Errors
/// [`OutputError`] of the disk; what was computed before is kept for the next run.
pub(crate) fn verify(
    experiment: &Experiment,
    plan: &Plan<'_>,
    args: &VerifyArgs,
    bars: bool,
    say: &(dyn Fn(&str) + Sync),
) -> Result<Verified, OutputError> {
    let folder = ResultsDir::create_keeping(&args.out, &format!("{}-verification", experiment.name), CHECKPOINT)?;
    let path = folder.path().join(CHECKPOINT);
    let (checkpoint, found) = Checkpoint::open(&path, &write::key(experiment, args))?;
    match found {
        Found::Nothing | Found::Results(0) => {}
        Found::Another => say("earlier results are of another program, experiment or setting: starting anew"),
        Found::Results(n) => say(&format!("going on from {n} results of an earlier run")),
    }
    let writer = write::Writer::new(experiment, folder, found)?;
    let signs = Signs::new(bars, say);
    let verifier = parts::Verifier { experiment, checkpoint: &checkpoint, signs: &signs };
    let fits = plan.checks.iter().map(|check| verifier.check(check)).collect::<Result<Vec<_>, _>>()?;
    let summary = VerificationSummary {
        schema_version: 1,
        name: experiment.name.clone(),
        seed: experiment.seed,
        data: crate::summary::DataSummary::new(&experiment.data),
        false_alarm_rate: plan.rate,
        verdict: VerdictSummary::new(&fits, plan.rate),
        fits,
    };
    let path = writer.finish(&summary, signs.timings());
    Ok(Verified { summary, path })
}

/// A verification, and where it is, if it could be written.
pub(crate) struct Verified {
    pub(crate) summary: VerificationSummary,
    pub(crate) path: Result<PathBuf, OutputError>,
}

/// Where a verification that was not finished is kept.
pub(crate) fn kept(args: &VerifyArgs, name: &str) -> PathBuf {
    let folder: &Path = &args.out;
    folder.join(format!(".{name}-verification.partial")).join(CHECKPOINT)
}
