//! The config as written: RON text to plain data and back, with errors that show the place and the remedy.
//!
//! Nothing here knows what the numbers mean. Whether weights sum to one, or a matrix is positive definite, is checked
//! where an [`Experiment`] is resolved with its data; that check reports through [`Source::error_at`].

mod error;
mod explain;
mod faults;
mod fields;
mod layout;
mod locate;
mod outline;
mod parse;
mod schema;
mod words;

pub use error::{ConfigError, Source};
pub use layout::to_ron;
pub use parse::{load, parse};
pub use schema::{
    Acceleration, Collapse, Column, ComponentPrior, Concentration, Covariance, Data, Decay, Evidence, Experiment, Fit,
    Init, Kind, Matrix, Mixture, Model, ModelOverride, Objective, Optimizer, Partition, Prior, PriorOfK, Relabelling,
    Shape, Singularities, StandardErrors, Statistic, Tempering,
};
pub(crate) use words::nearest;
