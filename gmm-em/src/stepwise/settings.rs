//! The settings of stepwise EM.

use crate::{CollapseRule, Objective, Singularities, Starts};

/// Settings of [`fit`](crate::fit) by stepwise EM.
#[derive(Debug, Clone, PartialEq)]
pub struct Stepwise {
    /// What is maximised.
    pub objective: Objective,
    /// Number of climbs, each from its own start; at least 1.
    pub restarts: usize,
    /// The most passes over the rows; at least 1.
    pub passes: usize,
    /// The most rows between two M-steps; at least 1. A pass is cut into as few blocks as that allows.
    pub block: usize,
    /// The exponent a of the step `(t + 2)^-a` of block t = 1, 2, ..; above 0.5, at most 1. Near 0.5 the start is forgotten
    /// fast, near 1 the noise of the blocks.
    pub exponent: f64,
    /// Whether the estimate comes from the statistics averaged over the blocks so far, late ones counting more, instead of
    /// from the last ones.
    pub average: bool,
    /// A climb has converged when, at two records in a row, the objective changed by no more than `tolerance * (1 +
    /// |objective|)` since the record before *and* its slope on all rows promises no larger gain. 0 takes all passes, after
    /// which no saddle is looked for.
    pub tolerance: f64,
    /// The objective on all rows is recorded at the start, after every so many passes, and at the end; at least 1. Each
    /// record costs a pass.
    pub log_every: usize,
    /// How the restarts start.
    pub starts: Starts,
    /// When a component counts as collapsed. Used only without a prior on the components.
    pub collapse: CollapseRule,
    /// What is done then: none of the policies that act within the M-steps of plain EM.
    pub singularities: Singularities,
}

impl Default for Stepwise {
    /// Likelihood, 20 restarts, 20 passes in blocks of 1000 rows, exponent 0.6, averaged, tolerance 1e-10, a record every
    /// pass.
    fn default() -> Self {
        Self {
            objective: Objective::default(),
            restarts: 20,
            passes: 20,
            block: 1000,
            exponent: 0.6,
            average: true,
            tolerance: 1e-10,
            log_every: 1,
            starts: Starts::default(),
            collapse: CollapseRule::default(),
            singularities: Singularities::default(),
        }
    }
}
