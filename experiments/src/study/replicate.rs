//! One replicate: its data, its fits, and how good they are.

use std::sync::Arc;

use gmm_core::{Data, Mixture, Streams, adjusted_rand_index};
use gmm_em::{Parameter, StandardErrors, Stop};
use gmm_mcmc::predictive::LogScore;
use gmm_sim::{Sizes, simulate};

use super::grid::{Cell, Grid};
use super::record::{Estimate, FitRow, Group, Key, Record, Status};
use crate::compare::ln_likelihood_of_truth;
use crate::config::ConfigError;
use crate::experiment::{Experiment, Method};
use crate::fitted::{FitResult, indices};
use crate::progress::Progress;
use crate::resolve::{LoadError, resolve_some};
use crate::rows::guarded;
use crate::run::run;
use crate::summary::quick_overlap;

/// Runs some fits of a replicate on the threads of the current pool. A fit that fails, and data that cannot be made, are
/// records too.
pub(crate) fn run_replicate(grid: &Grid, cell: &Cell, replicate: u64, fits: &[usize]) -> Vec<Record> {
    let mut refused: Vec<(usize, ConfigError)> = Vec::new();
    let mut refuse = |fit: usize, error: ConfigError| {
        refused.push((fit, error));
        Ok(())
    };
    let written = grid.experiment(cell, replicate, fits);
    let resolved = resolve_some(written, &grid.source, &grid.folder, &grid.folder, &mut refuse);
    let record = |fit: usize, row: FitRow, estimates: Vec<Estimate>, seconds: Option<f64>| {
        let planned = &grid.fits[fit];
        let key = Key { cell: Arc::from(&*cell.key), replicate, fit: Arc::from(&*planned.key) };
        let (cell_content, fit_content) = (Arc::from(&*cell.content), Arc::from(&*planned.content));
        Record { key, cell_content, fit_content, fit: Arc::from(&*planned.name), row, estimates, seconds }
    };
    let mut experiment = match resolved {
        Ok(experiment) => experiment,
        Err(LoadError::Input(error)) => {
            let row = || FitRow::without_estimate(Status::NoData, error.to_string());
            return fits.iter().map(|fit| record(*fit, row(), Vec::new(), None)).collect();
        }
        Err(LoadError::Output(error)) => {
            let row = || FitRow::without_estimate(Status::NoData, error.to_string());
            return fits.iter().map(|fit| record(*fit, row(), Vec::new(), None)).collect();
        }
    };
    // How well components keep their labels is not among the results, and takes as long as the draws.
    for fit in &mut experiment.fits {
        if let Method::Gibbs(sampling) = &mut fit.method {
            sampling.identifiability = false;
        }
    }
    let yardstick = Yardstick::new(&experiment, grid.study.test_rows, grid.data_seed(cell, replicate));
    let one = |(place, fit): (usize, &usize)| {
        if let Some((_, error)) = refused.iter().find(|(refused, _)| *refused == place) {
            let row = yardstick.on(FitRow::without_estimate(Status::Failed, error.to_string()));
            return record(*fit, row, Vec::new(), None);
        }
        let name = &grid.fits[*fit].name;
        let Some(planned) = experiment.fits.iter().find(|planned| planned.name == *name) else {
            let row = FitRow::without_estimate(Status::Failed, "the fit was not resolved".to_owned());
            return record(*fit, yardstick.on(row), Vec::new(), None);
        };
        // One replicate of many must not take the others with it.
        let measured = guarded(|| {
            let result = run(&experiment, planned, &Progress::hidden()).map_err(|failed| failed.reason)?;
            let (row, estimates) = (yardstick.measure(&result), yardstick.estimates(&result));
            Ok((row, estimates, result.seconds))
        });
        match measured.unwrap_or_else(|panic| Err(format!("the program is wrong: {panic}"))) {
            Ok((row, estimates, seconds)) => record(*fit, row, estimates, Some(seconds)),
            Err(reason) => {
                record(*fit, yardstick.on(FitRow::without_estimate(Status::Failed, reason)), Vec::new(), None)
            }
        }
    };
    fits.iter().enumerate().map(one).collect()
}

/// What the fits of a replicate are measured against.
struct Yardstick<'a> {
    truth: Option<&'a Mixture>,
    classes: Option<&'a [gmm_core::Label]>,
    ln_likelihood_of_truth: Option<f64>,
    overlaps: Option<(f64, f64)>,
    /// Fresh rows of the truth, with their log densities there.
    test: Option<(Data, LogScore)>,
}

impl<'a> Yardstick<'a> {
    fn new(experiment: &'a Experiment, test_rows: usize, data_seed: u64) -> Self {
        let data = &experiment.data;
        let truth = data.truth.as_ref();
        let test = truth.filter(|_| test_rows > 0).and_then(|truth| {
            let rng = &mut Streams::new(data_seed).named("test rows").rng(0);
            let rows = simulate(truth, &Sizes::Total(test_rows), rng).ok()?.data;
            let score = LogScore::of_mixture(truth, &rows).ok()?;
            Some((rows, score))
        });
        Self {
            truth,
            classes: data.labels.as_ref().map(|labels| labels.of_rows.as_slice()),
            ln_likelihood_of_truth: ln_likelihood_of_truth(data),
            overlaps: truth.and_then(quick_overlap).map(|overlap| (overlap.average, overlap.maximum)),
            test,
        }
    }

    /// What does not depend on the fit, filled in.
    fn on(&self, row: FitRow) -> FitRow {
        FitRow {
            ln_likelihood_of_truth: finite(self.ln_likelihood_of_truth),
            average_overlap: finite(self.overlaps.map(|(average, _)| average)),
            maximum_overlap: finite(self.overlaps.map(|(_, maximum)| maximum)),
            ..row
        }
    }

    fn measure(&self, result: &FitResult) -> FitRow {
        let score = self.test.as_ref().and_then(|(rows, of_truth)| {
            let score = match &result.gibbs {
                Some(gibbs) => LogScore::of_draws(&gibbs.draws, rows),
                None => LogScore::of_mixture(&result.mixture, rows),
            };
            let score = score.ok()?;
            Some((score.mean(), of_truth.minus(&score)?))
        });
        let point = result.point.as_ref();
        let collapsed = |restart: &&gmm_em::Restart| matches!(restart.outcome, gmm_em::Outcome::Collapsed(_));
        let count = |n: usize| i64::try_from(n).ok();
        let gibbs = result.gibbs.as_ref();
        self.on(FitRow {
            status: Status::Done,
            error: None,
            without_intervals: result.without_standard_errors(),
            ln_likelihood: finite(Some(result.ln_likelihood)),
            ln_likelihood_of_truth: None,
            adjusted_rand_index: finite(
                self.classes.map(|classes| adjusted_rand_index(&result.classification, classes)),
            ),
            held_out: finite(score.as_ref().map(|(mean, _)| *mean)),
            kl_divergence: finite(score.as_ref().map(|(_, difference)| difference.mean())),
            kl_mcse: finite(score.as_ref().map(|(_, difference)| difference.standard_error())),
            average_overlap: None,
            maximum_overlap: None,
            components: count(result.mixture.k()),
            restarts: point.and_then(|point| count(point.restarts.len())),
            collapses: point.and_then(|point| count(point.restarts.iter().filter(collapsed).count())),
            converged: point.map(|point| point.stop == Stop::Converged),
            iterations: point.and_then(|point| count(point.iterations)),
            r_hat: finite(gibbs.map(|gibbs| gibbs.worst_r_hat())),
            ess: finite(gibbs.map(|gibbs| gibbs.least_ess())),
        })
    }

    fn estimates(&self, result: &FitResult) -> Vec<Estimate> {
        let estimates = Parameter::all(&result.model).into_iter().filter_map(|parameter| {
            let name = parameter.to_string();
            let (group, unit) = self.group_and_unit(&name)?;
            let (standard_error, interval_50, interval_90) = match &result.gibbs {
                Some(gibbs) => {
                    let of = gibbs.quantity(&name)?;
                    (Some(of.sd), Some((of.q25, of.q75)), Some((of.q5, of.q95)))
                }
                None => intervals(result, parameter, &name),
            };
            let truth = self.truth.and_then(|truth| result.true_value(&name, truth));
            Some(Estimate {
                parameter: Arc::from(name),
                group,
                truth,
                unit: truth.and(unit),
                // Of a posterior its mean.
                estimate: parameter.value(&result.mixture),
                standard_error: finite(standard_error),
                interval_50: interval_50.filter(are_finite),
                interval_90: interval_90.filter(are_finite),
            })
        });
        estimates.collect()
    }

    /// The group of a parameter by its name, and what its errors are divided by there: 1 for weights, the true standard
    /// deviation of the component and column for means, the product of the two for covariances.
    fn group_and_unit(&self, name: &str) -> Option<(Group, Option<f64>)> {
        let (head, at) = indices(name)?;
        let sd = |k: usize, j: usize| {
            let truth = self.truth.filter(|truth| k < truth.k() && j < truth.d())?;
            Some(truth.covariance(k).as_symmetric().get(j, j).sqrt())
        };
        match (head, at.as_slice()) {
            ("weights", [_]) => Some((Group::Weights, Some(1.0))),
            ("means", [k, j]) => Some((Group::Means, sd(*k, *j))),
            ("covariances", [k, i, j]) => {
                let group = if i == j { Group::Variances } else { Group::Covariances };
                Some((group, sd(*k, *i).zip(sd(*k, *j)).map(|(a, b)| a * b)))
            }
            _ => None,
        }
    }
}

type Intervals = (Option<f64>, Option<(f64, f64)>, Option<(f64, f64)>);

/// Standard error and intervals of a point estimate, where it has any; those of 50 % come from the information alone.
fn intervals(result: &FitResult, parameter: Parameter, name: &str) -> Intervals {
    let value = parameter.value(&result.mixture);
    let uncertainty = result.point.as_ref().and_then(|point| point.uncertainty.as_ref()?.as_ref().ok());
    let found = uncertainty.and_then(|uncertainty| {
        let interval = uncertainty.intervals.iter().find(|interval| interval.name == name)?;
        let asymptotic = matches!(uncertainty.how, StandardErrors::Observed | StandardErrors::Sandwich);
        let half = asymptotic.then(|| parameter.interval(value, interval.standard_error, 0.5));
        Some((interval.standard_error, half, (interval.lower, interval.upper)))
    });
    match found {
        Some((standard_error, half, ninety)) => (Some(standard_error), half, Some(ninety)),
        None => (None, None, None),
    }
}

fn finite(x: Option<f64>) -> Option<f64> {
    x.filter(|x| x.is_finite())
}

fn are_finite((lower, upper): &(f64, f64)) -> bool {
    lower.is_finite() && upper.is_finite()
}
