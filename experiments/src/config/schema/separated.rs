//! The fields of data from a mixture whose separation is given.

use serde::{Deserialize, Serialize};

/// How far the components of a mixture that is made at random are apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Separation {
    /// The average over pairs of the probability that rows of one are taken for the other, both ways (Maitra & Melnykov
    /// 2010).
    AverageOverlap(f64),
    /// The largest over pairs.
    MaximumOverlap(f64),
    /// The least over pairs of the distance of means in units of `sqrt(d lambda)`, lambda the largest eigenvalue of both
    /// covariances (Dasgupta 1999).
    C(f64),
}

/// The weights of a mixture that is made at random.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum MixtureWeights {
    /// All the same.
    #[default]
    Equal,
    /// One for each component, up to a factor.
    Given(Vec<f64>),
}

pub(crate) fn default_shape() -> super::Shape {
    super::Shape::Full
}

pub(crate) fn default_condition() -> f64 {
    10.0
}

pub(crate) fn default_widening() -> f64 {
    0.1
}
