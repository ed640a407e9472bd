//! `comparison.json`: several runs side by side, in numbers, for other programs.

use serde::Serialize;

use super::parameters::{ParameterTable, tables};
use super::stored::{Distance, Estimate, StoredFit, StoredRun};
use crate::report::upper;

/// All of `comparison.json`. What cannot be compared, or is not there, is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RunsComparison {
    pub(crate) schema_version: u32,
    /// Whether all runs fitted, and held out, the same rows. If not, what depends on the rows is left out of `fits`.
    pub(crate) same_rows: bool,
    /// Whether all runs have the same results: all of their numbers but times.
    pub(crate) identical: bool,
    /// What was left out, and why; in sentences.
    pub(crate) notes: Vec<String>,
    pub(crate) runs: Vec<RunRow>,
    pub(crate) fits: Vec<FitRow>,
    pub(crate) failures: Vec<FailureRow>,
    pub(crate) parameters: Vec<ParameterTable>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RunRow {
    /// From 1.
    pub(crate) run: usize,
    pub(crate) folder: String,
    pub(crate) name: String,
    pub(crate) seed: u64,
    pub(crate) source: String,
    pub(crate) n: u64,
    pub(crate) n_held_out: u64,
    pub(crate) d: usize,
    pub(crate) columns: Vec<String>,
    pub(crate) sha256: String,
    /// The first run that fitted and held out the same rows; itself if none did before.
    pub(crate) rows_of: usize,
    /// The first run with the same results; itself if none had them before.
    pub(crate) results_of: usize,
}

/// One fit of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FitRow {
    pub(crate) run: usize,
    pub(crate) fit: String,
    /// `em`, `squarem`, `stepwise_em`, `adam`, `lbfgs` or `gibbs`.
    pub(crate) method: String,
    pub(crate) objective: Option<String>,
    pub(crate) components: usize,
    pub(crate) shape: String,
    pub(crate) tying: String,
    pub(crate) n_parameters: u64,
    pub(crate) ln_likelihood: Option<f64>,
    pub(crate) bic: Option<f64>,
    pub(crate) icl: Option<f64>,
    /// The mean log density of the rows held out.
    pub(crate) held_out: Option<Estimate>,
    /// The expected log predictive density by leave-one-out cross-validation.
    pub(crate) loo: Option<Estimate>,
    /// The log marginal likelihood.
    pub(crate) ln_evidence: Option<Estimate>,
    /// The distance to the truth of its run.
    pub(crate) to_truth: Option<Distance>,
    /// `converged`, `max_iterations`, or null for a posterior.
    pub(crate) stop: Option<String>,
    pub(crate) worst_r_hat: Option<f64>,
    pub(crate) least_ess: Option<f64>,
    pub(crate) seconds: Option<f64>,
}

/// A fit that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FailureRow {
    pub(crate) run: usize,
    pub(crate) fit: String,
    pub(crate) reason: String,
}

impl RunsComparison {
    /// Puts runs side by side.
    pub(super) fn new(runs: &[StoredRun]) -> Self {
        let first = |run: &StoredRun, same: fn(&StoredRun, &StoredRun) -> bool| {
            runs.iter().position(|other| same(run, other)).map_or(0, |i| i + 1)
        };
        let rows: Vec<RunRow> = runs
            .iter()
            .enumerate()
            .map(|(i, run)| RunRow {
                run: i + 1,
                folder: run.folder.display().to_string(),
                name: run.name.clone(),
                seed: run.seed,
                source: run.source.clone(),
                n: run.n,
                n_held_out: run.n_held_out,
                d: run.columns.len(),
                columns: run.columns.clone(),
                sha256: run.sha256.clone(),
                rows_of: first(run, StoredRun::has_rows_of),
                results_of: first(run, |run, other| run.content == other.content),
            })
            .collect();
        let same_rows = rows.iter().all(|run| run.rows_of == 1);
        let identical = rows.iter().all(|run| run.results_of == 1);
        let of_run = |(i, run): (usize, &StoredRun)| -> Vec<FitRow> {
            run.fits.iter().map(|fit| FitRow::new(i + 1, fit, same_rows)).collect()
        };
        let failures = runs.iter().enumerate().flat_map(|(i, run)| {
            run.failures.iter().map(move |(fit, reason)| FailureRow {
                run: i + 1,
                fit: fit.clone(),
                reason: reason.clone(),
            })
        });
        Self {
            schema_version: 1,
            same_rows,
            identical: identical && rows.len() > 1,
            notes: notes(&rows, same_rows, identical),
            fits: runs.iter().enumerate().flat_map(of_run).collect(),
            failures: failures.collect(),
            parameters: tables(runs),
            runs: rows,
        }
    }
}

fn notes(runs: &[RunRow], same_rows: bool, identical: bool) -> Vec<String> {
    let mut notes = Vec::new();
    match runs {
        [_] => notes.push("One run: there is nothing to compare it with but its own fits.".to_owned()),
        _ if identical => notes.push("All runs have identical results: every number but the times.".to_owned()),
        _ => {
            let same = runs.iter().filter(|run| run.results_of != run.run);
            notes.extend(same.map(|run| format!("Run {} has the same results as run {}.", run.run, run.results_of)));
        }
    }
    if !same_rows {
        let why = |run: &RunRow| {
            let first = &runs[0];
            let what = if run.sha256 != first.sha256 {
                "other data (another SHA-256)"
            } else if run.columns != first.columns {
                "other columns of the same data"
            } else {
                "other rows of the same data, by what is held out"
            };
            format!("run {} has {what}", run.run)
        };
        let others: Vec<String> = runs.iter().filter(|run| run.rows_of != 1).map(why).collect();
        notes.push(format!(
            "The runs did not fit the same rows: beside run 1, {}. Log-likelihoods, BIC, ICL, held-out densities, leave-one-out \
             and evidences of different rows cannot be compared and are left out.",
            others.join(", ")
        ));
    }
    notes
}

impl FitRow {
    fn new(run: usize, fit: &StoredFit, same_rows: bool) -> Self {
        let of_rows = |number: Option<f64>| number.filter(|_| same_rows);
        let estimate = |number: Option<Estimate>| number.filter(|_| same_rows);
        Self {
            run,
            fit: fit.name.clone(),
            method: fit.method.clone(),
            objective: fit.objective.clone(),
            components: fit.mixture.k(),
            shape: fit.shape.clone(),
            tying: fit.tying.clone(),
            n_parameters: fit.n_parameters,
            ln_likelihood: of_rows(fit.ln_likelihood),
            bic: of_rows(fit.bic),
            icl: of_rows(fit.icl),
            held_out: estimate(fit.held_out),
            loo: estimate(fit.loo),
            ln_evidence: estimate(fit.evidence),
            to_truth: fit.to_truth,
            stop: fit.stop.clone(),
            worst_r_hat: fit.r_hat,
            least_ess: fit.ess,
            seconds: fit.seconds,
        }
    }

    /// The model in the words of a config: `2 Free(Full)`.
    pub(crate) fn model(&self) -> String {
        format!("{} {}({})", self.components, upper(&self.tying), upper(&self.shape))
    }
}
