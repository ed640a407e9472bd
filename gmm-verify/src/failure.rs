//! Why a replication, a chain or a run has no result.

use gmm_core::{DataError, Degenerate, MixtureError, NotPositiveDefinite};
use gmm_mcmc::evidence::NoEvidence;
use gmm_mcmc::{GibbsError, NoStart};
use thiserror::Error;

/// Why a replication, a chain or a run has no result. Failures are counted and reported: results of the others alone
/// would be results given that nothing failed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Failure {
    /// The prior of the components is flat.
    #[error("the prior of the components is flat, so there is no posterior to be sampled: give a prior")]
    FlatPrior,
    /// Weights or means drawn from the prior are none.
    #[error("drawn from the prior: {0}")]
    Mixture(#[from] MixtureError),
    /// A covariance drawn from the prior is none.
    #[error("component {component}, drawn from the prior: {source}")]
    Covariance {
        /// The component (0 when the covariance is shared).
        component: usize,
        /// What its factorisation met.
        source: NotPositiveDefinite,
    },
    /// A covariance, or the scale of the prior, has no Cholesky factor.
    #[error("component {component}: the covariance drawn from the prior has no Cholesky factor")]
    NoFactor {
        /// The component (0 when the covariance is shared).
        component: usize,
    },
    /// Rows leave the range of doubles.
    #[error("simulated: {0}")]
    Data(#[from] DataError),
    /// A chain cannot start.
    #[error(transparent)]
    Start(#[from] NoStart),
    /// Several chains cannot start or go on.
    #[error(transparent)]
    Gibbs(#[from] GibbsError),
    /// A scan failed.
    #[error("a scan: {0}")]
    Scan(#[from] Degenerate),
    /// A quantity has no value.
    #[error("{quantity} is not a number after {scans} scans")]
    NotANumber {
        /// The quantity.
        quantity: String,
        /// Scans before that.
        scans: u64,
    },
    /// A state of a chain does not hold together.
    #[error("{quantity} is {reported} after {scans} scans where parameters, allocations and rows make it {recomputed}")]
    Inconsistent {
        /// The quantity.
        quantity: &'static str,
        /// What the scan keeps of it, or what follows from the statistics that it keeps.
        reported: f64,
        /// What a plain sum over the rows gives.
        recomputed: f64,
        /// Scans before that.
        scans: u64,
    },
    /// There is no evidence, estimated or exact.
    #[error(transparent)]
    Evidence(#[from] NoEvidence),
    /// Rungs of a ladder cannot start as draws of the joint distribution.
    #[error("tempered chains have no stationary start: their hot rungs are no draws of a posterior")]
    Tempered,
    /// Any of these that was written down as words and read again.
    #[error("{0}")]
    Stored(String),
}
