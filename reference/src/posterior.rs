//! Posterior means and standard deviations, averaged over independent samplers.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::family::Family;
use crate::file;
use crate::prior::MixturePrior;
use crate::table::table;

/// The posterior of a mixture, summarised by label-free and by ordered quantities.
///
/// The names of the quantities, indices from 1 except in `P_same`:
///
/// ```text
/// w_desc[k]                the k-th largest weight
/// by_mean.w[k]             weight of the component with the k-th smallest first coordinate of the mean
/// by_mean.mu[k,j]          its mean
/// by_mean.Sigma[k,i,j]     its covariance; k = 1 alone where the components share it
/// by_mean.logdetSigma[k]   log-determinant of that
/// sum_w2                   sum of the squared weights
/// mixture_mean[j]          mean of the mixture
/// mixture_cov[i,j]         covariance of the mixture
/// loglik                   log-likelihood given the parameters, the allocations summed out
/// logprior, logjoint       log of the normalised prior density; its sum with loglik
/// P_same[i,j]              sum_k r_ik r_jk of the rows i and j, counted from 0
/// pred_density[m]          density of the mixture at predictive_points[m - 1]
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PosteriorCase {
    /// The name of the case.
    pub case: String,
    /// The name of the data set, for [`table`](crate::table()).
    pub dataset: String,
    /// The rows of the data set that were used, counted from 0; absent: all.
    pub rows: Option<Vec<usize>>,
    /// What each column was multiplied by; absent: nothing.
    pub column_scale: Option<Vec<f64>>,
    /// The number of rows.
    #[serde(rename = "n")]
    pub n_rows: usize,
    /// The number of columns.
    #[serde(rename = "d")]
    pub dimension: usize,
    /// The number of components.
    #[serde(rename = "k")]
    pub n_components: usize,
    /// The covariance family.
    pub family: Family,
    /// The prior.
    pub prior: MixturePrior,
    /// Where `pred_density` is taken.
    pub predictive_points: Vec<Vec<f64>>,
    /// The pairs of rows of `P_same`, counted from 0.
    pub pairs: Vec<[usize; 2]>,
    /// How many independent runs the standard errors were taken from, the sd of their results over the root of their number;
    /// absent: each engine's own standard errors.
    pub n_runs: Option<usize>,
    /// The summaries by name.
    pub quantities: BTreeMap<String, Quantity>,
}

/// A quantity's posterior mean and standard deviation, each with its Monte Carlo standard error.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantity {
    /// The posterior mean.
    pub mean: f64,
    /// The Monte Carlo standard error of `mean`.
    pub mcse_mean: f64,
    /// The posterior standard deviation.
    pub sd: f64,
    /// The Monte Carlo standard error of `sd`; absent where the source gives none.
    pub mcse_sd: Option<f64>,
}

impl PosteriorCase {
    /// The data of the case: the chosen rows of the data set, its columns scaled.
    pub fn data(&self) -> Vec<Vec<f64>> {
        let mut all = table(&self.dataset).rows;
        if let Some(rows) = &self.rows {
            all = rows.iter().map(|&row| all[row].clone()).collect();
        }
        if let Some(scale) = &self.column_scale {
            for row in &mut all {
                row.iter_mut().zip(scale).for_each(|(value, factor)| *value *= factor);
            }
        }
        all
    }
}

/// All posterior cases.
pub fn posterior_cases() -> Vec<PosteriorCase> {
    file::json("posterior.json")
}

/// The posterior cases whose modes are so far apart that Gibbs sampling from one start sees one of them.
pub fn separated_posterior_cases() -> Vec<PosteriorCase> {
    file::json("posterior_separated.json")
}
