//! Point estimates of Gaussian mixtures, maximum likelihood and MAP: by expectation-maximisation, or by gradient
//! ascent.
//!
//! [`fit`] climbs from several starts, each with its own random stream and record, and returns the best that did not
//! collapse, with an atlas of the [`modes`] that they reached; where they start, [`Starts`] says; what is done about a
//! collapse, or against it, [`Singularities`], and a ledger of [`Singularity`] what was done. [`climb`] is one climb of EM
//! from a given mixture, sped up by an [`Acceleration`] if asked for, [`ascend`] one along gradients ([`Adam`] or
//! [`Lbfgs`], in unconstrained [`Coordinates`]), [`stepwise`] one of EM with an M-step after every block of rows. All
//! work on any of the nine covariance structures of [`gmm_core`], through the same sweep and the same posterior: EM goes
//! to its mode, a gradient is its slope. [`trajectory()`] gives the mixtures that an estimate came along, [`uncertainty()`] gives standard errors and intervals of an estimate.
//!
//! ```
//! use gmm_core::{Data, Model, Shape, Streams, Structure};
//! use gmm_em::{Em, Gradient, Objective, fit};
//! let rows: Vec<[f64; 1]> = (0..40).map(|i| [f64::from(i % 20) / 10.0 + if i < 20 { 0.0 } else { 8.0 }]).collect();
//! let data = Data::from_rows(&rows)?;
//! let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
//! let settings = Em { objective: Objective::Posterior, ..Em::default() };
//! let estimate = fit(&model, &data, &settings, &Streams::new(1), &|_| {})?;
//! assert!((estimate.mixture.weights()[0] - 0.5).abs() < 1e-6);
//! assert_eq!(estimate.restarts.len(), 20);
//!
//! let settings = Gradient { objective: Objective::Posterior, ..Gradient::default() };
//! let other = fit(&model, &data, &settings, &Streams::new(1), &|_| {})?;
//! assert!((other.objective - estimate.objective).abs() < 1e-6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod collapse;
mod criteria;
mod settings;
mod singularities;
mod starts;

mod constraint;
mod ledger;
mod map;

mod squarem;
mod step;

mod climb;
mod gradient;
mod stepwise;

mod ascent;

mod atlas;
mod divergence;
mod fit;
mod observer;
mod remedy;
mod saddle;
mod trajectory;

mod uncertainty;

pub use ascent::{Ascent, Plan};
pub use atlas::{Mode, ModeKind, modes};
pub use climb::{Climb, EmError, Outcome, check, climb};
pub use collapse::{Collapse, CollapseReason, CollapseRule};
pub use criteria::Criteria;
pub use fit::{PointEstimate, Progress, Restart, fit};
pub use gradient::{Adam, Coordinates, Decay, Gradient, Lbfgs, Optimizer, Unreachable, ascend};
pub use settings::{Acceleration, Em, Objective, Stop};
pub use singularities::{Action, Ending, Singularities, Singularity};
pub use starts::{Start, StartError, Starts};
pub use step::Step;
pub use stepwise::{Stepwise, stepwise};
pub use trajectory::{Frame, NoTrajectory, trajectory};
pub use uncertainty::{
    Interval, MAX_PARAMETERS, NoStandardErrors, Parameter, StandardErrors, Uncertainty, least_replicates,
    observed_information, uncertainty,
};
