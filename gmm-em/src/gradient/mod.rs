//! Gradient ascent of the likelihood or the posterior in unconstrained coordinates.

mod coordinates;
mod settings;

mod point;

mod adam;
mod line_search;

mod lbfgs;

mod loss;

mod ascend;

use point::{Point, Progress};

pub use ascend::ascend;
pub(crate) use ascend::{ascend_in_steps, check};
pub use coordinates::{Coordinates, Unreachable};
pub use settings::{Adam, Decay, Gradient, Lbfgs, Optimizer};
