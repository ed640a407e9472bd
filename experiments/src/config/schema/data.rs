//! Where the rows of an experiment come from, as written.

use serde::{Deserialize, Serialize};

use super::Shape;
use super::separated::{MixtureWeights, Separation, default_condition, default_shape, default_widening};

/// Where the rows come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Data {
    /// A comma-separated file with a header.
    Csv {
        /// The file, relative to the folder of the config.
        path: String,
        /// The columns to fit; left out: all numeric columns.
        #[serde(skip_serializing_if = "Option::is_none")]
        columns: Option<Vec<String>>,
        /// A column of known classes: compared with, never fitted.
        #[serde(skip_serializing_if = "Option::is_none")]
        labels: Option<String>,
        /// The mixture that the rows are known to come from.
        #[serde(skip_serializing_if = "Option::is_none")]
        truth: Option<Mixture>,
    },
    /// A NumPy array in a `.npy` file, of n rows and d columns (or one column) of numbers. It is mapped, not copied,
    /// where it holds little-endian float64 row after row and all columns are fitted in order.
    Npy {
        /// The file, relative to the folder of the config.
        path: String,
        /// The columns to fit, counted from 0 and named `x0`, `x1`, ..; left out: all but the labels.
        #[serde(skip_serializing_if = "Option::is_none")]
        columns: Option<Vec<usize>>,
        /// A column of known classes, each a number: compared with, never fitted.
        #[serde(skip_serializing_if = "Option::is_none")]
        labels: Option<usize>,
        /// The mixture that the rows are known to come from.
        #[serde(skip_serializing_if = "Option::is_none")]
        truth: Option<Mixture>,
    },
    /// A Parquet file, decoded piece by piece into a temporary file.
    Parquet {
        /// The file, relative to the folder of the config.
        path: String,
        /// The columns to fit, of floating-point numbers or integers; left out: all of these but the labels.
        #[serde(skip_serializing_if = "Option::is_none")]
        columns: Option<Vec<String>>,
        /// A column of known classes, of texts, numbers or truth values: compared with, never fitted.
        #[serde(skip_serializing_if = "Option::is_none")]
        labels: Option<String>,
        /// The mixture that the rows are known to come from.
        #[serde(skip_serializing_if = "Option::is_none")]
        truth: Option<Mixture>,
    },
    /// Rows drawn from a given mixture.
    Simulate {
        /// Number of rows; may be left out when `sizes` is given.
        #[serde(skip_serializing_if = "Option::is_none")]
        n: Option<usize>,
        /// What the rows are drawn from.
        mixture: Mixture,
        /// The exact number of rows of each component, instead of numbers drawn by the weights.
        #[serde(skip_serializing_if = "Option::is_none")]
        sizes: Option<Vec<usize>>,
        /// A seed of its own for the data; left out: derived from the seed of the experiment.
        #[serde(skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
    },
    /// Rows drawn from a mixture made at random: equal weights, means uniform in a ball about the origin, covariances whose
    /// axes are turned at random and have standard deviations uniform in 0.5 to 1.5.
    SimulateInBall {
        /// Number of rows.
        n: usize,
        /// Number of components; left out: those of the model.
        #[serde(skip_serializing_if = "Option::is_none")]
        components: Option<usize>,
        /// Number of columns.
        dims: usize,
        /// Radius of the ball.
        radius: f64,
        /// A seed of its own for the data; left out: derived from the seed of the experiment.
        #[serde(skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
    },
    /// Rows drawn from a mixture made at random whose components are a given way apart: means uniform in a cube, covariances
    /// of a given shape and condition, scaled so that they have the separation.
    SimulateSeparated {
        /// Number of rows, outliers included.
        n: usize,
        /// Number of components; left out: those of the model.
        #[serde(skip_serializing_if = "Option::is_none")]
        components: Option<usize>,
        /// Number of columns.
        dims: usize,
        /// How far components are apart.
        separation: Separation,
        /// The weights.
        #[serde(default)]
        weights: MixtureWeights,
        /// The shape of the covariances.
        #[serde(default = "default_shape")]
        shape: Shape,
        /// Whether all components have the same covariance.
        #[serde(default)]
        tied: bool,
        /// The ratio of the largest to the smallest eigenvalue of a covariance, at least 1.
        #[serde(default = "default_condition")]
        condition: f64,
        /// The share of the rows that come from no component but are uniform in a box around the others, which they follow.
        #[serde(default)]
        outliers: f64,
        /// How much wider than the other rows that box is on each side, as a share of its extent.
        #[serde(default = "default_widening")]
        widening: f64,
        /// A seed of its own for the data; left out: derived from the seed of the experiment.
        #[serde(skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
        /// A seed of its own for the mixture; left out: that of the data.
        #[serde(skip_serializing_if = "Option::is_none")]
        mixture_seed: Option<u64>,
    },
    /// Rows drawn from a mixture that is itself drawn from the prior of the model.
    SimulateFromPrior {
        /// Number of rows.
        n: usize,
        /// A seed of its own for the data; left out: derived from the seed of the experiment.
        #[serde(skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
    },
}

/// A mixture of K normal distributions in d dimensions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixture {
    /// K weights.
    pub weights: Vec<f64>,
    /// K means of d numbers.
    pub means: Vec<Vec<f64>>,
    /// K covariances.
    pub covariances: Vec<Matrix>,
}

/// A symmetric matrix, written in the shortest form that holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Matrix {
    /// All d rows.
    Full(Vec<Vec<f64>>),
    /// The d diagonal entries.
    Diagonal(Vec<f64>),
    /// One number, repeated along the diagonal.
    Isotropic(f64),
}
