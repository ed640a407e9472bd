//! The Bayesian Gaussian mixture model, once, for every method that fits it.
//!
//! ```text
//! w             ~ Dirichlet(a_1, ..., a_K)
//! (mu_k, S_k)   ~ conjugate prior (mean m0, kappa, dof nu, scale Psi)
//! z_i | w       ~ Categorical(w)
//! x_i | z_i = k ~ Normal(mu_k, S_k),      x_i in R^d, i = 1..n
//! ```
//!
//! The map, in the order of dependence:
//!
//! - [`Data`]: the rows, finite, validated once; [`Streams`]: independent random streams from one seed.
//! - [`Shape`], [`Symmetric`], [`Covariance`], [`Eigen`], [`Structure`]: what a covariance can look like, and who shares it.
//! - [`Mixture`]: weights, means and covariances; densities, responsibilities, sampling.
//! - [`Statistics`]: weighted, centred sufficient statistics with an exact merge.
//! - [`sweep`]: the one pass over the rows that EM and Gibbs sampling share.
//! - [`RowDensities`]: log densities of the same rows under many mixtures, by the kernel of the sweep.
//! - [`Model`] (the priors) and [`Posterior`] (their conjugate update: its mode is EM's M-step, a draw of
//!   it is the parameter step of Gibbs sampling).
//! - [`Collapsed`]: the same posterior with one row after the other taken out and put back, parameters integrated out.
//! - [`seed_mixture`]: starting points; [`adjusted_rand_index`], [`optimal_assignment`]: comparing answers.
//!
//! Nothing here prints, opens a file, reads a clock or creates a generator that it was not handed.

mod data;
#[doc(hidden)]
pub mod planted;
mod streams;

mod shape;
mod symmetric;
mod triangle;

mod covariance;
mod eigen;
mod mixture;
mod statistics;

mod instruction_set;
mod simd;
mod uniforms;

mod parameters;
mod sums;

mod kernel;

mod densities;
mod sweep;

mod dirichlet;
mod special;

mod collapsed;
mod model;
mod normal_inverse_wishart;
mod posterior;
mod predictive;

mod assignment;
mod initialisation;
mod matching;
mod partition;

pub use assignment::{Assignment, optimal_assignment};
pub use collapsed::Collapsed;
pub use covariance::{Covariance, NotPositiveDefinite};
pub use data::{Data, DataError};
pub use densities::{DensitySums, RowDensities, ln_densities};
pub use dirichlet::Dirichlet;
pub use eigen::Eigen;
pub use initialisation::{Seeding, SeedingError, seed_mixture};
pub use instruction_set::InstructionSet;
pub use matching::{bhattacharyya_distance, match_mixture};
pub use mixture::{Mixture, MixtureError};
pub use model::{ComponentPrior, Model, ModelError, Prior};
pub use normal_inverse_wishart::{InverseWishart, NormalInverseWishart};
pub use partition::{adjusted_rand_index, contingency_table};
pub use posterior::{Degenerate, Posterior};
pub use predictive::Predictive;
pub use shape::{Shape, Structure};
pub use special::{ln_multivariate_gamma, log_sum_exp};
pub use statistics::Statistics;
pub use streams::Streams;
pub use sweep::{Label, MAX_COMPONENTS, Rule, SweepTotals, Workspace, sweep};
pub use symmetric::{NotAMatrix, Symmetric};
