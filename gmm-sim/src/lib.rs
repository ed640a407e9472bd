//! Synthetic data from Gaussian mixtures with known parameters.
//!
//! [`simulate`] draws rows of a given mixture, the allocations random or of exact sizes, and keeps the labels;
//! [`mixture_from_prior`] draws the mixture itself from a model's prior, for calibration; [`mixture_in_ball`] makes one
//! with means in a ball, [`separated_mixture`] one whose components are a given way apart, by their [`overlap`] or by
//! [`c_separation`]. [`add_outliers`] adds rows that come from no component.
//!
//! ```
//! use gmm_core::{Covariance, Mixture, Streams};
//! use gmm_sim::{Sizes, simulate};
//! let mixture = Mixture::new(
//!     vec![0.5, 0.5],
//!     vec![vec![0.0], vec![9.0]],
//!     vec![Covariance::isotropic(1, 1.0)?],
//! )?;
//! let simulation = simulate(&mixture, &Sizes::Exact(vec![2, 3]), &mut Streams::new(1).rng(0))?;
//! assert_eq!(simulation.labels, [0, 0, 1, 1, 1]);
//! assert_eq!(simulation.data.n(), 5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ball;
mod outliers;
mod overlap;
mod prior;
mod quadratic_form;
mod rotation;
mod separated;
mod simulate;

pub use ball::{BallError, mixture_in_ball};
pub use outliers::add_outliers;
pub use overlap::{Overlap, overlap};
pub use prior::{PriorError, mixture_from_prior};
pub use separated::{Design, DesignError, Separation, c_separation, separated_mixture};
pub use simulate::{Simulation, SimulationError, Sizes, simulate};
