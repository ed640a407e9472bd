//! The settings of Gibbs sampling and what can go wrong.

use gmm_core::{Degenerate, SeedingError};
use thiserror::Error;

/// Settings of [`sample`](crate::sample).
///
/// ```
/// use gmm_mcmc::Gibbs;
/// let longer = Gibbs { draws: 5000, ..Gibbs::default() };
/// assert_eq!((longer.chains, longer.warmup, longer.draws), (4, 500, 5000));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gibbs {
    /// Number of chains, at least 1.
    pub chains: usize,
    /// Scans of each chain before draws are kept.
    pub warmup: usize,
    /// Draws kept of each chain, at least 1.
    pub draws: usize,
}

impl Default for Gibbs {
    /// 4 chains of 500 warm-up scans and 1000 draws.
    fn default() -> Self {
        Self { chains: 4, warmup: 500, draws: 1000 }
    }
}

/// Why chains cannot run, or cannot go on.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GibbsError {
    /// The prior of the components is flat.
    #[error("the prior of the components is flat, so the posterior is improper and cannot be sampled: give a prior")]
    FlatPrior,
    /// There is no chain or no draw.
    #[error("{name} is 0: it must be at least 1")]
    Zero {
        /// The setting.
        name: &'static str,
    },
    /// There are no starting points.
    #[error(transparent)]
    Seeding(#[from] SeedingError),
    /// A scale matrix lost its positive definiteness to rounding.
    #[error("chain {chain}, scan {scan}: {source}")]
    Degenerate {
        /// The chain, from 0.
        chain: usize,
        /// The scan, from 0.
        scan: u64,
        /// The component and its pivot.
        source: Degenerate,
    },
    /// The log-likelihood is not finite: the data or the prior leave the range of doubles.
    #[error("chain {chain}, scan {scan}: the log-likelihood is {value}")]
    NotFinite {
        /// The chain, from 0.
        chain: usize,
        /// The scan, from 0.
        scan: u64,
        /// Its value.
        value: f64,
    },
}
