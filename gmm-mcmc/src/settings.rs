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
    /// What a scan draws.
    pub kind: Kind,
    /// Number of chains, at least 1.
    pub chains: usize,
    /// Scans of each chain before draws are kept.
    pub warmup: usize,
    /// Draws kept of each chain, at least 1.
    pub draws: usize,
    /// Whether each chain is the cold one of several at rising temperatures, for posteriors with separate modes.
    pub tempering: Option<Tempering>,
}

/// What a Gibbs scan draws. Draws of either are draws of the same posterior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Parameters given all allocations, and all allocations given parameters (Diebolt & Robert 1994): one pass over rows that do
    /// not wait for each other.
    #[default]
    Blocked,
    /// One allocation after the other given all others, parameters integrated out (Neal 2000, algorithm 3), in the order
    /// of the rows; then parameters given allocations. A scan moves farther and takes longer, on one thread.
    Collapsed,
}

/// Parallel tempering of each chain. See [`TemperedScan`](crate::TemperedScan) for what is tempered and how rungs swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tempering {
    /// Rungs of the ladder from the posterior to the prior, both counted: at least 2. Twice the communication barrier that a run
    /// reports, plus one, is a good number (Syed et al. 2022).
    pub rungs: usize,
}

impl Default for Tempering {
    /// 8 rungs.
    fn default() -> Self {
        Self { rungs: 8 }
    }
}

impl Default for Gibbs {
    /// 4 chains of 500 warm-up scans and 1000 draws, blocked, not tempered.
    fn default() -> Self {
        Self { kind: Kind::Blocked, chains: 4, warmup: 500, draws: 1000, tempering: None }
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
    /// A ladder has no two rungs.
    #[error("tempering with {rungs} rungs: there must be at least 2, the posterior and the prior")]
    Rungs {
        /// The setting.
        rungs: usize,
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
