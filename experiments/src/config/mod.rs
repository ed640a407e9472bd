//! The config as written: RON text to plain data and back, with errors that show the place and the remedy.
//!
//! Nothing here knows what the numbers mean. Whether weights sum to one, or a matrix is positive definite, is checked
//! where an [`Experiment`] is resolved with its data; that check reports through [`Source::error_at`].

mod error;
mod explain;
mod faults;
mod fields;
mod layout;
mod lists;
mod locate;
mod outline;
mod parse;
mod schema;
mod study;
mod words;

pub use error::{ConfigError, Source};
pub(crate) use layout::packed;
pub use layout::{study_to_ron, to_ron};
pub use parse::{Config, load, load_any, load_study, parse, parse_any, parse_study};
pub use schema::{
    Acceleration, Collapse, Column, ComponentPrior, Concentration, Covariance, Data, Decay, Evidence, Experiment, Fit,
    Init, Kind, Matrix, Mixture, MixtureWeights, Model, ModelOverride, Objective, Optimizer, Partition, Prior,
    PriorOfK, Relabelling, Separation, Shape, Singularities, StandardErrors, Statistic, Tempering,
};
pub use study::{Mixtures, Study, StudyData, StudyModel, Varied};
pub(crate) use words::nearest;
