//! The config as written: plain data, one type for each group of fields that a user can write.

mod data;
mod defaults;
mod fit;
mod model;
mod point;
mod separated;

use serde::{Deserialize, Serialize};

pub use data::{Data, Matrix, Mixture};
pub use fit::{Column, Evidence, Fit, Kind, Partition, PriorOfK, Relabelling, Statistic, Tempering};
pub use model::{ComponentPrior, Concentration, Covariance, Model, ModelOverride, Prior, Shape};
pub use point::{Acceleration, Collapse, Decay, Init, Objective, Optimizer, Singularities, StandardErrors};
pub use separated::{MixtureWeights, Separation};
pub(crate) use separated::{default_condition, default_shape, default_widening};

/// One experiment: a data set, a model, and the fits to run on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Names the experiment and its folder of results.
    pub name: String,
    /// The one seed that every random stream is derived from.
    pub seed: u64,
    /// Where the rows come from.
    pub data: Data,
    /// The share of the rows, drawn at random, that no fit sees and all are judged by; left out: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holdout: Option<f64>,
    /// The model that every fit starts from.
    pub model: Model,
    /// The prior probabilities of numbers of components, where evidences compare some.
    #[serde(default)]
    pub prior_of_k: PriorOfK,
    /// What is run on the data, in this order.
    pub fits: Vec<Fit>,
}
