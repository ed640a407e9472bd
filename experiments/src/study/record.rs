//! What one fit of one replicate left: the rows of the result tables.

use std::sync::Arc;

/// Which fit of which replicate of which cell, whatever the grid around them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// The digest of the content of the cell.
    pub(crate) cell: Arc<str>,
    /// The replicate, from 0.
    pub(crate) replicate: u64,
    /// The digest of the content of the fit.
    pub(crate) fit: Arc<str>,
}

/// What became of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// There is an estimate.
    Done,
    /// There is none.
    Failed,
    /// There were no data to fit: no mixture of the wanted separation was found.
    NoData,
}

impl Status {
    /// In `fits.parquet`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::NoData => "no_data",
        }
    }

    /// The status of a word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Done, Self::Failed, Self::NoData].into_iter().find(|status| status.word() == word)
    }
}

/// All that one fit left.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub(crate) key: Key,
    /// The cell in RON.
    pub(crate) cell_content: Arc<str>,
    /// The fit in RON.
    pub(crate) fit_content: Arc<str>,
    /// The name of the fit.
    pub(crate) fit: Arc<str>,
    pub(crate) row: FitRow,
    /// Parameter after parameter.
    pub(crate) estimates: Vec<Estimate>,
    /// How long it took, on one thread.
    pub(crate) seconds: Option<f64>,
}

/// What has no parameter. Numbers that have no value are `None`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FitRow {
    pub(crate) status: Status,
    /// Why there is no estimate.
    pub(crate) error: Option<String>,
    /// Why there are no standard errors.
    pub(crate) without_intervals: Option<String>,
    pub(crate) ln_likelihood: Option<f64>,
    pub(crate) ln_likelihood_of_truth: Option<f64>,
    pub(crate) adjusted_rand_index: Option<f64>,
    /// The mean log predictive density of a test row.
    pub(crate) held_out: Option<f64>,
    pub(crate) kl_divergence: Option<f64>,
    /// The Monte Carlo error of the divergence, over the test rows.
    pub(crate) kl_mcse: Option<f64>,
    pub(crate) average_overlap: Option<f64>,
    pub(crate) maximum_overlap: Option<f64>,
    /// Components of the estimate.
    pub(crate) components: Option<i64>,
    pub(crate) restarts: Option<i64>,
    pub(crate) collapses: Option<i64>,
    pub(crate) converged: Option<bool>,
    pub(crate) iterations: Option<i64>,
    /// The largest of any quantity.
    pub(crate) r_hat: Option<f64>,
    /// The least of any quantity, bulk or tail.
    pub(crate) ess: Option<f64>,
}

impl FitRow {
    /// A row without an estimate.
    pub(crate) fn without_estimate(status: Status, error: String) -> Self {
        Self {
            status,
            error: Some(error),
            without_intervals: None,
            ln_likelihood: None,
            ln_likelihood_of_truth: None,
            adjusted_rand_index: None,
            held_out: None,
            kl_divergence: None,
            kl_mcse: None,
            average_overlap: None,
            maximum_overlap: None,
            components: None,
            restarts: None,
            collapses: None,
            converged: None,
            iterations: None,
            r_hat: None,
            ess: None,
        }
    }
}

/// A group of parameters that are pooled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Group {
    Weights,
    Means,
    Variances,
    /// Of two columns.
    Covariances,
}

impl Group {
    pub(crate) const ALL: [Self; 4] = [Self::Weights, Self::Means, Self::Variances, Self::Covariances];

    /// In the results.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Means => "means",
            Self::Variances => "variances",
            Self::Covariances => "covariances",
        }
    }
}

/// The estimate of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Estimate {
    /// Its name, such as `means[0,1]`.
    pub(crate) parameter: Arc<str>,
    pub(crate) group: Group,
    /// Its true value, where the truth has that parameter.
    pub(crate) truth: Option<f64>,
    /// What errors are divided by where parameters are pooled; `None` without a truth.
    pub(crate) unit: Option<f64>,
    pub(crate) estimate: f64,
    /// The standard error, or the posterior standard deviation.
    pub(crate) standard_error: Option<f64>,
    /// The ends of the 50 % interval.
    pub(crate) interval_50: Option<(f64, f64)>,
    /// The ends of the 90 % interval.
    pub(crate) interval_90: Option<(f64, f64)>,
}
