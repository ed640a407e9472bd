//! What the labels of components are worth, and what can be said of the rows without them.
//!
//! Given parameters the allocations of rows are independent, so everything here is computed from the stored parameters
//! and the rows:
//!
//! ```text
//! p_ik = w_k Normal(x_i | mu_k, S_k) / sum_l w_l Normal(x_i | mu_l, S_l)
//! ```
//!
//! Some rows or some draws are looked at together, so that memory never grows with draws x rows x components.
//! Everything runs in the current rayon pool, and nothing depends on the number of threads.

mod error;
mod relabelling;

mod classifier;

mod identifiability;
mod stephens;

mod co_clustering;

mod contingency;
mod loss;
mod partition;
mod search;

#[cfg(test)]
mod invariance;

pub use co_clustering::{CoClustering, MOST_SIMILARITY_ROWS, PairProbability, SimilarityMatrix};
pub use error::LabelError;
pub use identifiability::Identifiability;
pub use loss::PartitionLoss;
pub use partition::{MOST_PARTITION_ROWS, PartitionEstimate, PartitionSearch};
pub use relabelling::Relabelling;
pub use stephens::StephensReport;
