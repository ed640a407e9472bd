//! Draws whose labels switch, and the permutations that undo it.

use serde::Deserialize;

use crate::file;

/// Draws of a mixture in one dimension with one variance each component, and their relabelling. Everything counts from 0.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelabellingCase {
    /// The name of the case.
    pub case: String,
    /// The name of the data set, for [`table`](crate::table()).
    pub dataset: String,
    /// The number of rows.
    #[serde(rename = "n")]
    pub n_rows: usize,
    /// The number of columns.
    #[serde(rename = "d")]
    pub dimension: usize,
    /// The number of components.
    #[serde(rename = "k")]
    pub n_components: usize,
    /// The number of draws.
    pub draws: usize,
    /// The weights, draw x component.
    pub weights: Vec<Vec<f64>>,
    /// The means, draw x component.
    pub means: Vec<Vec<f64>>,
    /// The variances, draw x component.
    pub variances: Vec<Vec<f64>>,
    /// The allocations, draw x row.
    pub allocations: Vec<Vec<u16>>,
    /// The draw whose allocations are the pivot of `ecr`.
    pub pivot: usize,
    /// Entry j of a draw: its component that takes label j, by equivalence-class representatives.
    pub ecr: Vec<Vec<usize>>,
    /// The same by the algorithm of Stephens (2000).
    pub stephens: Vec<Vec<usize>>,
    /// What that algorithm minimises, `sum_s sum_ij p_s,i,nu(j) ln(p_s,i,nu(j) / q_ij)`, at `stephens`.
    pub objective: f64,
    /// Weight, mean and variance of each label, averaged over the draws relabelled by `stephens`.
    pub relabelled_means: Vec<[f64; 3]>,
}

/// All relabelling cases.
pub fn relabelling_cases() -> Vec<RelabellingCase> {
    file::json("relabelling.json")
}
