//! The evidence `ln m(y)`, the marginal likelihood of a model: by two estimates from posterior draws, and exactly for few
//! rows; and what it says of the number of components.
//!
//! ```text
//! m(y) = integral L(y | theta) p(theta) dtheta,   theta = (w, mu, S)
//! ```
//!
//! Components can be numbered in K! ways, and under a symmetric prior the posterior is the same under each. Draws of a
//! sampler visit few of these numberings, so both estimates are averaged over all of them.
//!
//! ```
//! use gmm_core::{Data, Model, Shape, Streams, Structure};
//! use gmm_mcmc::evidence::{Estimate, enumerate, evidence};
//! use gmm_mcmc::{Gibbs, sample};
//! let data = Data::from_rows(&[[0.0], [0.5], [1.0], [5.0], [5.5], [6.0]])?;
//! let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
//! let draws = sample(&model, &data, &Gibbs::default(), &[], &Streams::new(1), &|_| {})?;
//! let exact = enumerate(&model, &data)?.ln_evidence;
//! for estimate in [Estimate::Bridge(Default::default()), Estimate::Chib(Default::default())] {
//!     let evidence = evidence(&data, &draws, &estimate, &Streams::new(2))?;
//!     assert!((evidence.ln_evidence - exact).abs() < 0.05 && evidence.standard_error < 0.05);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Both take the draws as draws of the whole posterior. A mode that no chain has visited is missing from both estimates, and from
//! their standard errors: one of probability p costs -ln(1 - p). Chains that sit in modes of their own, in proportions that are not those of the posterior, bias
//! Chib's estimate by as much as the proportions are wrong and bridge sampling by less; the standard error, large then, is no
//! measure of it.

mod permanent;

mod conditional;

mod allocations;

mod bridge;
mod chib;
mod exact;

mod components;

use gmm_core::{Data, Degenerate, Model, ModelError, Streams};
use rayon::prelude::*;
use thiserror::Error;

use crate::diagnostics::mcse_mean;
use crate::{Draws, NotAMixture};

pub use bridge::Bridge;
pub use chib::Chib;
pub use components::{NoProbabilities, PriorOfK, ProbabilityOfK, probabilities_of_k};
pub use exact::{Enumeration, MOST_ROWS, enumerate};

/// The most components that may exchange at once in a sum over all permutations; it costs K 2^(K-1).
pub const MOST_EXCHANGING: usize = 16;

/// The least number of draws in each chain.
pub const LEAST_DRAWS: usize = 20;

/// How to estimate an evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Estimate {
    /// Bridge sampling.
    Bridge(Bridge),
    /// Chib's estimate.
    Chib(Chib),
}

impl Estimate {
    /// About how many operations it takes for n rows and so many draws of all chains, each of about a nanosecond:
    ///
    /// ```text
    /// Bridge   (draws / 2 + proposals) (components D + n R)
    /// Chib     draws (2 points D + n R)
    /// D = K^2 (4 e + 80) + 4 K 2^K       the density of a point given allocations
    /// R = K (e / 2 + 20)                 a row's share of a sweep;  e = entries of a covariance
    /// ```
    ///
    /// as if all components exchanged; where they are far apart it takes less.
    pub fn operations(&self, model: &Model, n: usize, draws: usize) -> f64 {
        let (k, entries) = (model.k() as f64, model.shape().n_entries(model.d()) as f64);
        let density = k * k * (4.0 * entries + 80.0) + 4.0 * k * k.exp2();
        let sweep = n as f64 * k * (entries / 2.0 + 20.0);
        match self {
            Self::Bridge(Bridge { components, proposals }) => {
                (draws as f64 / 2.0 + *proposals as f64) * (*components as f64 * density + sweep)
            }
            Self::Chib(Chib { points, .. }) => draws as f64 * (2.0 * *points as f64 * density + sweep),
        }
    }
}

/// An estimate of the evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// `ln m(y)`, with all constants.
    pub ln_evidence: f64,
    /// Its Monte Carlo standard error; 0 where the estimate is exact, as for one component.
    pub standard_error: f64,
    /// The numberings of the components that were averaged over.
    pub permutations: Permutations,
}

/// The numberings of the components that an estimate is averaged over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permutations {
    /// All K!.
    All,
    /// For some draws a sample of this size.
    Sampled {
        /// Permutations for each draw.
        n: usize,
    },
}

impl Evidence {
    /// The difference to another estimate of the same evidence, from independent random numbers, in units of its standard
    /// error. Differences within the rounding of a sum of logarithms, 1e-9 of its size, are 0.
    pub fn discrepancy(&self, other: &Self) -> f64 {
        let difference = (self.ln_evidence - other.ln_evidence).abs();
        let error = self.standard_error.hypot(other.standard_error);
        if difference <= 1e-9 * (1.0 + self.ln_evidence.abs()) { 0.0 } else { difference / error }
    }
}

/// Why there is no evidence.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NoEvidence {
    /// The prior of the components is flat.
    #[error("the prior of the components is flat, so there is no evidence: give a prior")]
    FlatPrior,
    /// The data are not those of the draws or of the model.
    #[error("the data have {found} {what} where {expected} were expected")]
    OtherData {
        /// Rows or columns.
        what: &'static str,
        /// Their number.
        found: usize,
        /// That of the draws or of the model.
        expected: usize,
    },
    /// Chains are too short to be halved and have standard errors.
    #[error("{found} draws of each chain are too few for an evidence: there must be at least {LEAST_DRAWS}")]
    TooFewDraws {
        /// Draws of each chain.
        found: usize,
    },
    /// A setting is 0.
    #[error("{name} is 0: it must be at least 1")]
    Zero {
        /// The setting.
        name: &'static str,
    },
    /// There are too many partitions to enumerate.
    #[error("{n} rows have too many partitions to enumerate: there may be at most {most}")]
    TooManyRows {
        /// Number of rows.
        n: usize,
        /// The bound.
        most: usize,
    },
    /// There are too many permutations to sum over.
    #[error(
        "more than {most} of {k} components exchange at once, too many for a sum over all permutations; Chib's estimate \
         under equal concentrations can sample them"
    )]
    TooManyComponents {
        /// Number of components.
        k: usize,
        /// The bound.
        most: usize,
    },
    /// A marginal of the rows of a partition is not a finite number.
    #[error("the marginal likelihood of a partition of the rows leaves the range of doubles")]
    NoMarginal,
    /// A draw is not a mixture any more.
    #[error("chain {chain}, draw {draw}: {source}")]
    NotAMixture {
        /// The chain, from 0.
        chain: usize,
        /// The draw, from 0.
        draw: usize,
        /// What it is.
        source: NotAMixture,
    },
    /// The posterior given the allocations of a draw has no density.
    #[error("chain {chain}, draw {draw}: given its allocations, {source}")]
    Conditional {
        /// The chain, from 0.
        chain: usize,
        /// The draw, from 0.
        draw: usize,
        /// What is missing.
        source: ModelError,
    },
    /// A draw of the proposal lost its positive definiteness to rounding.
    #[error("proposal {proposal}: {source}")]
    Proposal {
        /// The proposal, from 0.
        proposal: usize,
        /// The component and its pivot.
        source: Degenerate,
    },
    /// A log density is not finite.
    #[error("{what} {number}: the log ratio of densities is {value}")]
    NotFinite {
        /// A draw, counted through all chains, or a proposal.
        what: &'static str,
        /// Its number, from 0.
        number: usize,
        /// The value.
        value: f64,
    },
    /// The posterior density at the points of Chib's estimate is 0 or not a number.
    #[error("the log posterior density at the points of Chib's estimate is {value}: sample more permutations or draws")]
    NoOrdinate {
        /// Its value.
        value: f64,
    },
    /// The fixed-point iteration of bridge sampling did not converge: proposal and posterior hardly overlap.
    #[error("bridge sampling still changed by {change:e} after {iterations} iterations: use more components or draws")]
    NotConverged {
        /// Iterations.
        iterations: usize,
        /// The last change of the log evidence.
        change: f64,
    },
}

/// Estimates the evidence of the draws' model from draws of its posterior given `data`, with random numbers from `streams`.
/// The result does not depend on the number of threads.
///
/// # Errors
/// [`NoEvidence`]: other data than the draws', fewer than [`LEAST_DRAWS`] draws in each chain, settings that are 0, too many
/// components, numbers that leave the range of doubles, or a bridge that does not converge.
pub fn evidence(data: &Data, draws: &Draws, how: &Estimate, streams: &Streams) -> Result<Evidence, NoEvidence> {
    let (n, d) = (draws.pivot().len(), draws.model().d());
    for (what, found, expected) in [("rows", data.n(), n), ("columns", data.d(), d)] {
        if found != expected {
            return Err(NoEvidence::OtherData { what, found, expected });
        }
    }
    if draws.n_draws() < LEAST_DRAWS {
        return Err(NoEvidence::TooFewDraws { found: draws.n_draws() });
    }
    match how {
        Estimate::Bridge(bridge) => bridge.estimate(data, draws, &streams.named("bridge")),
        Estimate::Chib(chib) => chib.estimate(data, draws, &streams.named("chib")),
    }
}

/// The Monte Carlo standard error of the mean of chains: 0 where there is no variation but rounding.
fn error_of_mean(chains: &[&[f64]]) -> f64 {
    if is_constant(&chains.concat()) { 0.0 } else { mcse_mean(chains) }
}

/// Whether positive numbers, at least one, differ by no more than the rounding of a density.
fn is_constant(values: &[f64]) -> bool {
    let (least, most) =
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), x| (least.min(*x), most.max(*x)));
    most - least <= 1e-9 * most
}

/// What parallel tasks give, or the first error in their order.
fn in_order<T: Send>(tasks: impl IndexedParallelIterator<Item = Result<T, NoEvidence>>) -> Result<Vec<T>, NoEvidence> {
    let results: Vec<Result<T, NoEvidence>> = tasks.collect();
    results.into_iter().collect()
}
