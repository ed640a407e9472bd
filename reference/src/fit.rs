//! Point estimates: maximum likelihood and the mode of the posterior.

use serde::Deserialize;

use crate::family::Family;
use crate::file;
use crate::prior::MixturePrior;

/// The best non-spurious maximum of the likelihood.
///
/// Components are in the order of the first coordinate of their means.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaximumLikelihoodCase {
    /// The name of the case.
    pub case: String,
    /// The name of the data set, for [`table`](crate::table()).
    pub dataset: String,
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
    /// The given covariance matrix of the family `Constant`, absent otherwise.
    pub fixed_covariance: Option<Vec<Vec<f64>>>,
    /// The log-likelihood, summed over the rows.
    pub ln_likelihood: f64,
    /// The number of free parameters p.
    pub n_parameters: usize,
    /// `-2 ln_likelihood + p ln n`: smaller is better.
    pub bic: f64,
    /// `-2 ln_likelihood + 2 p`: smaller is better.
    pub aic: f64,
    /// The weights, one per component.
    pub weights: Vec<f64>,
    /// The means, component x coordinate.
    pub means: Vec<Vec<f64>>,
    /// The covariance matrices, component x row x column in every family.
    pub covariances: Vec<Vec<Vec<f64>>>,
}

/// The mode of the joint posterior density of weights, means and covariances under a conjugate prior.
///
/// No change of variables is involved: a weight's update is `(n_k + a - 1) / (n + K (a - 1))`, and the denominators
/// of the covariance updates are `n_k + dof + d + 2` (full), `n + dof + d + 1 + K` (tied), `n_k + dof + 3` (diag),
/// `n_k d + dof + d + 2` (iso), `n + dof + K + 2` (shared_diag) and `n d + dof + K d + 2` (shared_iso).
/// Components are in the order of the first coordinate of their means.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapCase {
    /// The name of the case.
    pub case: String,
    /// The name of the data set, for [`table`](crate::table()).
    pub dataset: String,
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
    /// The log-likelihood, summed over the rows.
    pub ln_likelihood: f64,
    /// The log-likelihood plus the log density of the prior, which is normalised.
    pub ln_posterior: f64,
    /// The weights, one per component.
    pub weights: Vec<f64>,
    /// The means, component x coordinate.
    pub means: Vec<Vec<f64>>,
    /// The covariance matrices, component x row x column in every family.
    pub covariances: Vec<Vec<Vec<f64>>>,
}

/// The mode of likelihood times a symmetric Dirichlet of the weights, where means and covariances have no prior.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapFlatComponentsCase {
    /// The name of the case.
    pub case: String,
    /// The name of the data set, for [`table`](crate::table()).
    pub dataset: String,
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
    /// The parameter of the symmetric Dirichlet.
    pub concentration: f64,
    /// The log-likelihood, summed over the rows.
    pub ln_likelihood: f64,
    /// The log-likelihood plus the log density of the Dirichlet, which is normalised.
    pub ln_posterior: f64,
    /// The weights, one per component.
    pub weights: Vec<f64>,
    /// The means, component x coordinate.
    pub means: Vec<Vec<f64>>,
    /// The covariance matrices, component x row x column in every family.
    pub covariances: Vec<Vec<Vec<f64>>>,
}

/// What scikit-learn reaches from a maximum of the likelihood when it adds a constant to the diagonal of every covariance
/// in every M-step (`reg_covar`).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegularisedCase {
    /// The name of the maximum-likelihood case that it starts from.
    pub case: String,
    /// The name of the data set, for [`table`](crate::table()).
    pub dataset: String,
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
    /// What is added.
    pub constant: f64,
    /// The M-steps taken.
    pub iterations: usize,
    /// The log-likelihood, summed over the rows.
    pub ln_likelihood: f64,
    /// The weights, one per component.
    pub weights: Vec<f64>,
    /// The means, component x coordinate.
    pub means: Vec<Vec<f64>>,
    /// The covariance matrices, component x row x column in every family.
    pub covariances: Vec<Vec<Vec<f64>>>,
}

/// All maximum-likelihood cases.
pub fn maximum_likelihood_cases() -> Vec<MaximumLikelihoodCase> {
    file::json("maximum_likelihood.json")
}

/// All posterior modes under a conjugate prior.
pub fn map_cases() -> Vec<MapCase> {
    file::json("map.json")
}

/// All posterior modes under a prior of the weights alone.
pub fn map_flat_components_cases() -> Vec<MapFlatComponentsCase> {
    file::json("map_flat_components.json")
}

/// All fits with a constant on the diagonal.
pub fn regularised_cases() -> Vec<RegularisedCase> {
    file::json("regularised.json")
}
