//! How well a posterior predicts rows: the log pointwise predictive density, WAIC, and leave-one-out cross-validation by
//! Pareto-smoothed importance sampling.

mod pareto;
mod smoothing;

mod accuracy;

pub use accuracy::{Expected, PredictiveAccuracy, PredictiveError, predictive_accuracy};
pub use pareto::GeneralisedPareto;
pub use smoothing::{SmoothedWeights, smooth};
