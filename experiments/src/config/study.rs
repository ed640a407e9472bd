//! A study as written: data, model and fits of an experiment, with lists where things vary between cells.

use serde::{Deserialize, Serialize};

use super::schema::{
    Covariance, Fit, Mixture, MixtureWeights, Prior, Separation, Shape, default_condition, default_shape,
    default_widening,
};

/// A study: a grid of cells, in each of which as many data sets are simulated and fitted as there are replicates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// Names the study and its folder of results.
    pub name: String,
    /// The one seed that every random stream is derived from.
    pub seed: u64,
    /// Data sets of each cell.
    pub replicates: usize,
    /// Fresh rows of the truth by which each fit is judged; 0 for none.
    #[serde(default = "default_test_rows")]
    pub test_rows: usize,
    /// Where the rows come from.
    pub data: StudyData,
    /// The model that every fit starts from.
    #[serde(default)]
    pub model: StudyModel,
    /// What is run on each data set, in this order.
    pub fits: Vec<Fit>,
}

/// One value, or several of which each makes cells of its own: written `500` or `[100, 400, 1600]`.
///
/// The reader of configs puts a value that is written alone in a list, so that this reads lists only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Varied<T>(pub Vec<T>);

impl<T> Varied<T> {
    /// A value that does not vary.
    pub fn one(value: T) -> Self {
        Self(vec![value])
    }
}

/// The fields of a study that hold one value or a list of values.
pub(super) const VARIED: [(&str, &[&str]); 2] = [
    (
        "data",
        &["n", "components", "dims", "separation", "weights", "shape", "tied", "condition", "outliers", "widening"],
    ),
    ("model", &["components", "covariance", "prior"]),
];

/// Where the rows of a study come from: there is a truth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum StudyData {
    /// Rows of a given mixture, the same in all replicates.
    Simulate {
        /// Number of rows.
        n: Varied<usize>,
        /// What they are drawn from.
        mixture: Mixture,
    },
    /// Rows of a mixture made at random whose components are a given way apart.
    SimulateSeparated {
        /// Number of rows, outliers included.
        n: Varied<usize>,
        /// Number of components of the truth.
        components: Varied<usize>,
        /// Number of columns.
        dims: Varied<usize>,
        /// How far components are apart.
        separation: Varied<Separation>,
        /// The weights.
        #[serde(default = "equal")]
        weights: Varied<MixtureWeights>,
        /// The shape of the covariances.
        #[serde(default = "full")]
        shape: Varied<Shape>,
        /// Whether all components have the same covariance.
        #[serde(default = "free")]
        tied: Varied<bool>,
        /// The ratio of the largest to the smallest eigenvalue of a covariance.
        #[serde(default = "condition")]
        condition: Varied<f64>,
        /// The share of the rows that come from no component.
        #[serde(default = "no_outliers")]
        outliers: Varied<f64>,
        /// How much wider than the rows the box of outliers is on each side, as a share of its extent.
        #[serde(default = "widening")]
        widening: Varied<f64>,
        /// Whether each replicate has a mixture of its own.
        #[serde(default)]
        mixtures: Mixtures,
    },
}

/// How many mixtures are made at random.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mixtures {
    /// One for each replicate.
    #[default]
    EachReplicate,
    /// One for all replicates, the same in cells that differ in rows, outliers or fits only.
    Once,
}

/// The model that the fits of a study start from; what is left out is that of the truth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename = "Model")]
pub struct StudyModel {
    /// Number of components, K.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub components: Option<Varied<usize>>,
    /// Shape and tying of the covariances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covariance: Option<Varied<Covariance>>,
    /// Left out: the default prior.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prior: Option<Varied<Prior>>,
}

fn default_test_rows() -> usize {
    1000
}

fn equal() -> Varied<MixtureWeights> {
    Varied::one(MixtureWeights::Equal)
}

fn full() -> Varied<Shape> {
    Varied::one(default_shape())
}

fn free() -> Varied<bool> {
    Varied::one(false)
}

fn condition() -> Varied<f64> {
    Varied::one(default_condition())
}

fn no_outliers() -> Varied<f64> {
    Varied::one(0.0)
}

fn widening() -> Varied<f64> {
    Varied::one(default_widening())
}
