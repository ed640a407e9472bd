//! The settings of point estimates, as written.

use serde::{Deserialize, Serialize};

use super::Matrix;
use super::defaults::*;

/// What a point estimate maximises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Objective {
    /// The likelihood: maximum likelihood.
    #[default]
    Likelihood,
    /// The joint density of parameters and data: MAP.
    Posterior,
}

/// How gradient ascent chooses its steps; what is left out has its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Optimizer {
    /// Adam: running means of gradients and of their squares.
    Adam {
        /// The first step of weights and components; in place of it, or beside it, the next two.
        #[serde(skip_serializing_if = "Option::is_none")]
        step: Option<f64>,
        /// The first step of the log ratios of the weights.
        #[serde(skip_serializing_if = "Option::is_none")]
        weights_step: Option<f64>,
        /// The first step of means and covariances.
        #[serde(skip_serializing_if = "Option::is_none")]
        components_step: Option<f64>,
        /// The decay of the mean of gradients.
        #[serde(skip_serializing_if = "Option::is_none")]
        beta1: Option<f64>,
        /// The decay of the mean of squared gradients.
        #[serde(skip_serializing_if = "Option::is_none")]
        beta2: Option<f64>,
        /// What keeps the divisor from 0.
        #[serde(skip_serializing_if = "Option::is_none")]
        epsilon: Option<f64>,
        /// How steps shrink.
        #[serde(skip_serializing_if = "Option::is_none")]
        decay: Option<Decay>,
    },
    /// L-BFGS with a line search.
    Lbfgs {
        /// How many of the latest steps it remembers.
        #[serde(skip_serializing_if = "Option::is_none")]
        memory: Option<usize>,
    },
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Lbfgs { memory: None }
    }
}

/// How the steps of Adam shrink.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Decay {
    /// Not at all.
    Constant,
    /// As one over the root of the iteration.
    InverseSqrt,
    /// By half in so many iterations.
    Exponential {
        /// Iterations in which steps halve.
        half_life: f64,
    },
}

/// How a start begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Init {
    /// Means spread over the rows by k-means++.
    #[default]
    KMeansPlusPlus,
    /// Means at K rows drawn at random.
    RandomRows,
    /// Responsibilities drawn at random.
    RandomResponsibilities,
    /// k-means++ and random rows in turn, from start to start.
    Alternate,
    /// One start from a given mixture.
    Given {
        /// K weights.
        weights: Vec<f64>,
        /// K means of d numbers.
        means: Vec<Vec<f64>>,
        /// K covariances.
        covariances: Vec<Matrix>,
    },
    /// One start from the mixture of a fit of stored results.
    Stored {
        /// The folder of the results, or a `summary.json`; relative to the folder of the config.
        results: String,
        /// The name of the fit.
        fit: String,
    },
    /// The best of several short runs of EM from random rows.
    BestOfShort {
        /// Number of short runs.
        #[serde(default = "default_short_runs")]
        runs: usize,
        /// The most iterations of each.
        #[serde(default = "default_short_iterations")]
        iterations: usize,
    },
}

/// What is done about components that near a singularity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Singularities {
    /// A restart that ends in a collapse is set aside.
    #[default]
    Fail,
    /// The mean of the component restarts at the worst-explained row.
    ResetComponent,
    /// The component is dropped.
    RemoveComponent,
    /// No eigenvalue of a covariance is below this.
    FloorEigenvalues(f64),
    /// This is added to the diagonal of every covariance in every M-step.
    Regularise(f64),
    /// No eigenvalue of any covariance is more than this times another.
    BoundRatio(f64),
}

/// Where standard errors come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum StandardErrors {
    /// None are computed.
    Off,
    /// The observed information.
    Observed,
    /// The sandwich of the observed information and the scores.
    Sandwich,
    /// Fits to data simulated from the estimate.
    ParametricBootstrap {
        /// Number of fits.
        #[serde(default = "default_replicates")]
        replicates: usize,
    },
    /// Fits to the rows with random weights.
    WeightedBootstrap {
        /// Number of fits.
        #[serde(default = "default_replicates")]
        replicates: usize,
    },
}

/// How EM is accelerated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Acceleration {
    /// Not at all.
    #[default]
    Off,
    /// By SQUAREM, with a guard that keeps it from falling.
    Squarem,
}

/// When a component counts as collapsed; what is left out has its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collapse {
    /// Smallest eigenvalue that a covariance may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_eigenvalue: Option<f64>,
    /// Fewest rows (sum of responsibilities) that a component may hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_rows: Option<f64>,
}
