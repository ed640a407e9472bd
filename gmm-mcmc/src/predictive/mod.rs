//! How well a posterior predicts rows: the log pointwise predictive density, WAIC, and leave-one-out cross-validation by
//! Pareto-smoothed importance sampling; the log score of rows that were not fitted; and whether data replicated from it look
//! like those observed.

mod pareto;
mod smoothing;

mod accuracy;
mod log_score;

mod statistic;

mod checks;

pub use accuracy::{Expected, PredictiveAccuracy, PredictiveError, predictive_accuracy};
pub use checks::{Check, CheckError, Checks, Spread, predictive_checks};
pub use log_score::LogScore;
pub use pareto::GeneralisedPareto;
pub use smoothing::{SmoothedWeights, smooth};
pub use statistic::Statistic;
