//! Exact posteriors of eight observations, by summing over every allocation.

use serde::Deserialize;

use crate::family::Family;
use crate::file;
use crate::prior::ComponentPrior;

/// Eight observations and a prior of the components, with exact results for several finite mixtures.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExactCase {
    /// The name of the case.
    pub case: String,
    /// The covariance family.
    pub family: Family,
    /// The observations.
    pub data_rows: Vec<Vec<f64>>,
    /// The prior of means and covariances.
    pub prior: ComponentPrior,
    /// The results, one entry per number of components and Dirichlet parameter.
    pub finite_mixture: Vec<FiniteMixture>,
}

/// Exact results for one number of components K and one symmetric Dirichlet prior of the weights.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiniteMixture {
    /// The number of components K.
    #[serde(rename = "k")]
    pub n_components: usize,
    /// The parameter of the symmetric Dirichlet.
    pub concentration: f64,
    /// The log of the marginal likelihood, summed over all `K^n` labelled allocations.
    pub ln_evidence: f64,
    /// The posterior probabilities that two rows come from the same component, row x row.
    pub coclustering: Vec<Vec<f64>>,
    /// The posterior probabilities that 1, 2, .., K components have rows.
    pub p_occupied: Vec<f64>,
    /// The posterior mean of the sum of the squared weights.
    pub e_sum_squared_weights: f64,
    /// Where `predictive_density` is taken.
    pub predictive_points: Vec<Vec<f64>>,
    /// The posterior predictive density of a further observation.
    pub predictive_density: Vec<f64>,
}

/// All exact cases.
pub fn exact_cases() -> Vec<ExactCase> {
    file::json("exact.json")
}
