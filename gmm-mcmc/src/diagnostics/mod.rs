//! Convergence diagnostics of Markov chains: R-hat, effective sample sizes, Monte Carlo standard errors.
//!
//! They know no model. Each takes one quantity as chains x draws: a slice with one slice of draws per chain, all of
//! the same length, warm-up removed. Chains are split in halves first (the middle draw of an odd number is left
//! out), so a drift within a chain shows as a disagreement between its halves.
//!
//! Where a diagnostic has no value the result is NaN: no chains, chains of different lengths, too few draws, a draw
//! that is not finite, a quantity that never changes, 2^32 draws or more. Nothing here fails otherwise.
//!
//! The definitions are those of the paper, and the numbers are those on which the packages arviz 0.23 (Python) and
//! posterior 1.4 (R) agree. Where the two differ:
//!
//! - A constant quantity has no R-hat, no effective sample size and no standard error: NaN, as posterior's `NA`.
//!   (arviz: effective sample size N, standard error 0.)
//! - One chain has an R-hat, between its two halves, as in posterior. (arviz: NaN.)
//! - Very short chains are treated as in arviz, down to halves of 5 draws; below that there is no effective sample
//!   size, since both packages' values then do not depend on the draws.
//! - A quantile that no draw exceeds has no effective sample size and does not count in [`ess_tail`]. (posterior: the
//!   tail is `NA`; arviz: it counts as N.) So the tail of a quantity with few values, such as a number of occupied
//!   components, has a value. In the same way draws that are all at one distance from their median leave the folded
//!   part out of [`r_hat_rank`].
//! - [`mcse_sd`] is that of posterior and of arviz 0.23; arviz-stats has another estimate.
//!
//! ```
//! use gmm_mcmc::diagnostics::{ess_bulk, mcse_mean, r_hat_rank};
//!
//! // Two chains around different levels.
//! let low: Vec<f64> = (0..200).map(|draw| f64::from(draw * 37 % 101)).collect();
//! let high: Vec<f64> = low.iter().map(|value| value + 50.0).collect();
//! assert!(r_hat_rank(&[&low, &low]) < 1.01);
//! assert!(r_hat_rank(&[&low, &high]) > 1.2);
//! assert!(ess_bulk(&[&low, &high]) < ess_bulk(&[&low, &low]));
//! assert!(mcse_mean(&[&low, &high]) > mcse_mean(&[&low, &low]));
//! ```
//!
//! Paper: Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), Rank-normalization, folding, and localization: an
//! improved R-hat for assessing convergence of MCMC, Bayesian Analysis 16(2), 667-718.

mod beta;
mod draws;
mod order;
mod quantile;
mod rank;
mod ranked;

mod autocovariance;

mod rhat;

mod ess;

mod mcse;

pub use ess::{ess_bulk, ess_mean, ess_median, ess_quantile, ess_tail};
pub use mcse::{mcse_mean, mcse_median, mcse_quantile, mcse_sd};
pub use quantile::quantile;
pub(crate) use quantile::quantile_of_ordered;
pub(crate) use rank::NormalScores;
pub(crate) use ranked::Ranked;
pub use rhat::{r_hat_identity, r_hat_rank, r_hat_split};
