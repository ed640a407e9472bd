//! Does the sampler sample the posterior of a model, and are the optima of EM optima? Tests that can say no.
//!
//! - [`sbc`]: simulation-based calibration. The rank of the truth among posterior draws is uniform, exactly, however slowly
//!   the chain mixes.
//! - [`geweke`]: two simulators of parameters and data agree, one of which is the sampler.
//! - [`exact`]: on a few rows the sampler and the evidences agree with a sum over all partitions.
//! - [`optima`]: at each optimum the slope vanishes and every direction leads down; the objective rose on the way there.
//! - [`verdict`]: what is a finding, at one rate of false alarms for all parts together.
//!
//! [`verify()`] runs all of them.
//!
//! Parameters and data come from [`Simulator`], a second and plain writing-down of the model, which draws nothing as the tested
//! posterior does. All p-values are exact, or conservative, or those of t-tests over independent runs, in which autocorrelation is
//! accounted for whatever it is. Replications, chains and runs depend on their index alone, so they can be made in any order, on any
//! number of threads, and at different times.
//!
//! ```
//! use gmm_core::{Data, Model, Shape, Streams, Structure};
//! use gmm_mcmc::Kind;
//! use gmm_verify::sbc::{self, Sbc};
//! let data = Data::from_rows(&[[0.0], [0.5], [1.0], [5.0], [5.5], [6.0]])?;
//! let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
//! let settings = Sbc { rows: 20, replications: 100, ..Sbc::default() };
//! let ranks = sbc::replications(&model, &settings, &Streams::new(1), &|_| {});
//! let calibration = sbc::calibration(&model, &settings, &ranks, 0.01);
//! assert!(calibration.quantities.iter().all(|quantity| quantity.p_value > 1e-4));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(test)]
mod test_models;

#[cfg(test)]
mod planted;

mod failure;
mod simulator;

mod chain;
mod quantities;

mod multiplicity;
mod progress;

pub mod band;

pub mod exact;
pub mod geweke;
pub mod optima;
pub mod sbc;

pub mod verdict;

mod verify;

pub use failure::Failure;
pub use multiplicity::holm;
pub use progress::{Part, Progress};
pub use simulator::{Joint, Simulator};
pub use verdict::{Finding, Verdict};
pub use verify::{Estimate, Settings, Verification, verify};
