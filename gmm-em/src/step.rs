//! What a climb shows of itself on the way.

use gmm_core::Mixture;

/// One record of a climb.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Iterations so far, 0 at the start.
    pub iteration: usize,
    /// The objective.
    pub objective: f64,
    /// Where it was taken.
    pub mixture: &'a Mixture,
}
