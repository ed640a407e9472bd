//! The settings of EM, and how a climb can stop.

use crate::{CollapseRule, Singularities, Starts};

/// What is maximised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Objective {
    /// ln L: maximum likelihood. The priors of the model are not used.
    #[default]
    Likelihood,
    /// ln L + ln prior: the mode of the joint posterior density of (w, mu, S).
    Posterior,
}

/// How EM is sped up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acceleration {
    /// It is not.
    #[default]
    None,
    /// Squared extrapolation of its steps, kept only where the objective rises (Varadhan & Roland 2008): the same optima,
    /// most often in fewer sweeps. Not with [`Singularities::Regularise`], which maximises nothing.
    Squarem,
}

/// Settings of [`fit`](crate::fit).
#[derive(Debug, Clone, PartialEq)]
pub struct Em {
    /// What is maximised.
    pub objective: Objective,
    /// Number of climbs, each from its own start; at least 1.
    pub restarts: usize,
    /// A climb has converged when the gain of an iteration *and* the gain still to come, by Aitken's
    /// extrapolation, are both at most `tolerance * (1 + |objective|)`. Under acceleration the gain is that of a step of EM,
    /// and the rate the slowest of the last ten cycles.
    pub tolerance: f64,
    /// The most iterations of one climb, of which a restart may hold several; at least 1.
    pub max_iterations: usize,
    /// How EM is sped up.
    pub acceleration: Acceleration,
    /// How the restarts start.
    pub starts: Starts,
    /// When a component counts as collapsed. Used only without a prior on the components.
    pub collapse: CollapseRule,
    /// What is done then, or against it.
    pub singularities: Singularities,
}

impl Default for Em {
    /// Likelihood, 20 restarts, tolerance 1e-10, at most 10,000 iterations, starts by k-means++, the default rule, and
    /// a restart that collapses ends.
    fn default() -> Self {
        Self {
            objective: Objective::default(),
            restarts: 20,
            tolerance: 1e-10,
            max_iterations: 10_000,
            acceleration: Acceleration::default(),
            starts: Starts::default(),
            collapse: CollapseRule::default(),
            singularities: Singularities::default(),
        }
    }
}

/// Why a climb ended. Neither is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Within the tolerance.
    Converged,
    /// Out of iterations.
    MaxIterations,
}
