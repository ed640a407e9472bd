//! WAIC and leave-one-out cross-validation of a posterior, from its draws and the rows.

use gmm_core::{Data, Model, RowDensities, Symmetric, log_sum_exp};
use rayon::prelude::*;
use thiserror::Error;

use super::smooth;
use crate::diagnostics::ess_mean;
use crate::{Draws, NotAMixture};

/// Numbers that a task may hold at once: log densities of some rows under all draws (16 MiB).
const MOST_NUMBERS: usize = 1 << 21;

/// The most rows of one task.
const MOST_ROWS: usize = 256;

/// Draws whose log densities are written to their rows together.
const TOGETHER: usize = 16;

/// An expected log predictive density of as many new rows as there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// The sum over the rows, in natural logarithms.
    pub elpd: f64,
    /// Its standard error: `sqrt(n)` times the standard deviation of the rows' terms.
    pub standard_error: f64,
    /// The effective number of parameters: how much better the rows are described than they would be predicted.
    pub effective_parameters: f64,
}

/// How well a posterior predicts.
///
/// ```text
/// lppd   = sum_i ln mean_s p(x_i | theta_s)
/// WAIC:  elpd = lppd - sum_i var_s ln p(x_i | theta_s)                                        (Watanabe 2010)
/// LOO:   elpd = sum_i ln sum_s w_is p(x_i | theta_s),   w_is ~ smoothed 1 / p(x_i | theta_s)
///                                                       (Vehtari, Simpson, Gelman, Yao & Gabry 2024)
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PredictiveAccuracy {
    /// The log pointwise predictive density of the rows that were fitted.
    pub lppd: f64,
    /// By WAIC.
    pub waic: Expected,
    /// By leaving out one row at a time.
    pub loo: Expected,
    /// For each row (n) the Pareto k of its importance ratios.
    pub pareto_k: Vec<f64>,
    /// The k above which LOO of a row cannot be trusted with so many draws: `min(1 - 1 / log10 S, 0.7)`.
    pub k_limit: f64,
}

impl PredictiveAccuracy {
    /// About how many operations it takes for n rows and so many draws of all chains, each of about a nanosecond:
    ///
    /// ```text
    /// n draws (K (e / 2 + 2) + 55)        e = entries of a covariance
    /// ```
    pub fn operations(model: &Model, n: usize, draws: usize) -> f64 {
        let entries = model.shape().n_entries(model.d()) as f64;
        n as f64 * draws as f64 * (model.k() as f64 * (0.5 * entries + 2.0) + 55.0)
    }

    /// Rows whose k is above the limit.
    pub fn n_unreliable(&self) -> usize {
        self.pareto_k.iter().filter(|k| k.is_nan() || **k > self.k_limit).count()
    }
}

/// Why there is no predictive accuracy.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PredictiveError {
    /// The data have other columns than those that were fitted.
    #[error("the data have {found} columns where the draws have {expected}")]
    Columns {
        /// Of the data.
        found: usize,
        /// Of the draws.
        expected: usize,
    },
    /// There are too few draws for a variance.
    #[error("{draws} draws: at least 2 are needed")]
    Draws {
        /// Draws of all chains.
        draws: usize,
    },
    /// A draw is no mixture: its covariances lost their last digits in storage.
    #[error("chain {chain}, draw {draw}: {source}")]
    Mixture {
        /// The chain, from 0.
        chain: usize,
        /// The draw, from 0.
        draw: usize,
        /// What is wrong with it.
        source: NotAMixture,
    },
}

/// What one row contributes.
#[derive(Debug, Clone, Copy)]
struct Pointwise {
    lppd: f64,
    variance: f64,
    loo: f64,
    pareto_k: f64,
}

/// The predictive accuracy of a posterior for the rows that it was fitted to.
///
/// Some rows at a time are looked at under all draws, so that memory does not grow with rows times draws; the draws are
/// taken up again for each such group of up to 256 rows. The ratios of a row are taken to be worth as many independent
/// draws as the log-likelihood is. Runs in the current rayon pool; nothing depends on the number of threads.
///
/// ```
/// use gmm_core::{Data, Model, Shape, Streams, Structure};
/// use gmm_mcmc::{Gibbs, predictive::predictive_accuracy, sample};
/// let rows: Vec<[f64; 1]> = (0..60).map(|i| [f64::from(i % 20) / 5.0 + if i < 20 { 0.0 } else { 9.0 }]).collect();
/// let data = Data::from_rows(&rows)?;
/// let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
/// let settings = Gibbs { chains: 2, warmup: 200, draws: 500, ..Gibbs::default() };
/// let draws = sample(&model, &data, &settings, &[], &Streams::new(1), &|_| {})?;
/// let accuracy = predictive_accuracy(&draws, &data)?;
/// assert!((accuracy.loo.elpd - accuracy.waic.elpd).abs() < 0.5);
/// assert!((2.0..7.0).contains(&accuracy.loo.effective_parameters));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`PredictiveError`]: other columns, too few draws, or a draw that is no mixture.
pub fn predictive_accuracy(draws: &Draws, data: &Data) -> Result<PredictiveAccuracy, PredictiveError> {
    let (n, model) = (data.n(), draws.model());
    if data.d() != model.d() {
        return Err(PredictiveError::Columns { found: data.d(), expected: model.d() });
    }
    let all = draws.chains().len() * draws.n_draws();
    if all < 2 {
        return Err(PredictiveError::Draws { draws: all });
    }
    let chains: Vec<&[f64]> = draws.chains().iter().map(|chain| chain.ln_likelihood.as_slice()).collect();
    let independent = ess_mean(&chains);
    // Constant, or too short to tell: as if independent.
    let efficiency = if independent.is_finite() { (independent / all as f64).min(1.0) } else { 1.0 };
    let rows = (MOST_NUMBERS / all).clamp(1, MOST_ROWS);
    let starts: Vec<usize> = (0..n).step_by(rows).collect();
    let groups: Vec<Result<Vec<Pointwise>, PredictiveError>> =
        starts.into_par_iter().map(|start| pointwise(draws, data, start, rows.min(n - start), efficiency)).collect();
    let points: Vec<Pointwise> = groups.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    let lppd: f64 = points.iter().map(|point| point.lppd).sum();
    Ok(PredictiveAccuracy {
        lppd,
        waic: expected(lppd, points.iter().map(|point| point.lppd - point.variance)),
        loo: expected(lppd, points.iter().map(|point| point.loo)),
        pareto_k: points.iter().map(|point| point.pareto_k).collect(),
        k_limit: (1.0 - 1.0 / (all as f64).log10()).min(0.7),
    })
}

fn expected(lppd: f64, terms: impl Iterator<Item = f64>) -> Expected {
    let terms: Vec<f64> = terms.collect();
    let n = terms.len() as f64;
    let elpd: f64 = terms.iter().sum();
    let squares: f64 = terms.iter().map(|term| (term - elpd / n).powi(2)).sum();
    Expected { elpd, standard_error: (n * squares / (n - 1.0)).sqrt(), effective_parameters: lppd - elpd }
}

/// The contributions of some rows.
fn pointwise(
    draws: &Draws,
    data: &Data,
    start: usize,
    rows: usize,
    efficiency: f64,
) -> Result<Vec<Pointwise>, PredictiveError> {
    let (n_chains, n_draws) = (draws.chains().len(), draws.n_draws());
    let all = n_chains * n_draws;
    let d = data.d();
    let mut packed = RowDensities::new(&data.values()[start * d..(start + rows) * d], d);
    // Row after row, all draws; some draws at a time, since the places of one draw are far apart.
    let mut densities = vec![0.0; rows * all];
    let mut some = vec![0.0; rows * TOGETHER];
    let mut mixture = draws.model().blank_mixture();
    let mut matrix = Symmetric::zeros(mixture.shape(), d);
    for first in (0..all).step_by(TOGETHER) {
        let together = TOGETHER.min(all - first);
        for (s, densities) in (first..first + together).zip(some.chunks_exact_mut(rows)) {
            let (chain, draw) = (s / n_draws, s % n_draws);
            let read = draws.read(chain, draw, &mut matrix, &mut mixture);
            read.map_err(|source| PredictiveError::Mixture { chain, draw, source })?;
            packed.ln_densities(&mixture, densities);
        }
        for (row, densities) in densities.chunks_exact_mut(all).enumerate() {
            let densities = &mut densities[first..first + together];
            densities.iter_mut().zip(some[row..].iter().step_by(rows)).for_each(|(to, from)| *to = *from);
        }
    }
    Ok(densities.chunks_exact(all).map(|densities| point(densities, efficiency)).collect())
}

/// What a row contributes, from its log densities under all draws.
fn point(densities: &[f64], efficiency: f64) -> Pointwise {
    let s = densities.len() as f64;
    let mean = densities.iter().sum::<f64>() / s;
    let variance = densities.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (s - 1.0);
    let ratios: Vec<f64> = densities.iter().map(|x| -x).collect();
    let smoothed = smooth(&ratios, efficiency);
    let weighted: Vec<f64> = smoothed.ln_weights.iter().zip(densities).map(|(w, x)| w + x).collect();
    Pointwise { lppd: log_sum_exp(densities) - s.ln(), variance, loo: log_sum_exp(&weighted), pareto_k: smoothed.shape }
}
