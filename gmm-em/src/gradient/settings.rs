//! The settings of gradient ascent and of its optimisers.

use crate::{CollapseRule, Objective, Singularities, Starts};

/// Settings of [`fit`](crate::fit) by gradient ascent.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient {
    /// How steps are chosen.
    pub optimizer: Optimizer,
    /// What is maximised.
    pub objective: Objective,
    /// Rows of a minibatch, drawn anew without replacement for each step; `None` for all rows. Only with [`Adam`].
    pub batch: Option<usize>,
    /// Number of ascents, each from its own start; at least 1.
    pub restarts: usize,
    /// An ascent on all rows has converged when, in two iterations in a row, the gain *and* the gain that the optimiser
    /// expects still to come are at most `tolerance * (1 + |objective|)`. With minibatches it takes all its iterations.
    pub tolerance: f64,
    /// The most iterations of one ascent; at least 1. One that rounding keeps from rising although its gradient is not
    /// small ends as if these were spent.
    pub max_iterations: usize,
    /// The objective on all rows is recorded at the start, after every so many iterations, and at the end; at least 1.
    /// With minibatches each record costs a pass over the rows.
    pub log_every: usize,
    /// How the restarts start.
    pub starts: Starts,
    /// When a component counts as collapsed. Used only without a prior on the components.
    pub collapse: CollapseRule,
    /// What is done then: one of the policies that need no M-step.
    pub singularities: Singularities,
}

impl Default for Gradient {
    /// L-BFGS on the likelihood, all rows, 20 restarts, tolerance 1e-10, at most 1000 iterations, a record every 10,
    /// starts by k-means++.
    fn default() -> Self {
        Self {
            optimizer: Optimizer::default(),
            objective: Objective::default(),
            batch: None,
            restarts: 20,
            tolerance: 1e-10,
            max_iterations: 1000,
            log_every: 10,
            starts: Starts::default(),
            collapse: CollapseRule::default(),
            singularities: Singularities::default(),
        }
    }
}

/// How steps are chosen from gradients.
#[derive(Debug, Clone, PartialEq)]
pub enum Optimizer {
    /// Adam: for minibatches.
    Adam(Adam),
    /// L-BFGS: for all rows.
    Lbfgs(Lbfgs),
}

impl Default for Optimizer {
    /// L-BFGS.
    fn default() -> Self {
        Self::Lbfgs(Lbfgs::default())
    }
}

/// Adam (Kingma & Ba 2015): steps along a running mean of gradients, each coordinate divided by the root of a running
/// mean of squared gradients.
///
/// ```text
/// m_t = beta1 m_{t-1} + (1 - beta1) g_t,   v_t = beta2 v_{t-1} + (1 - beta2) g_t^2
/// mhat_t = m_t / (1 - beta1^t),   vhat_t = v_t / (1 - beta2^t)
/// x_{t+1} = x_t - step decay(t) mhat_t / (sqrt(vhat_t) + epsilon)
/// ```
///
/// g is the gradient of the loss, `-objective / n`. A coordinate moves by about its step, so the last steps, and with
/// them the distance from the optimum, are as small as the decay makes them.
#[derive(Debug, Clone, PartialEq)]
pub struct Adam {
    /// The first step of the coordinates of the weights (log ratios); not negative, 0 leaves the weights as they are.
    pub weights_step: f64,
    /// The first step of the coordinates of means (in standard deviations of the columns) and covariances (logarithms);
    /// not negative.
    pub components_step: f64,
    /// The decay of the mean of gradients, in [0, 1).
    pub beta1: f64,
    /// The decay of the mean of squared gradients, in [0, 1).
    pub beta2: f64,
    /// What keeps the divisor from 0; positive.
    pub epsilon: f64,
    /// How the steps shrink.
    pub decay: Decay,
}

impl Default for Adam {
    /// Steps 0.1 that halve every 100 iterations, beta 0.9 and 0.999, epsilon 1e-8.
    fn default() -> Self {
        Self {
            weights_step: 0.1,
            components_step: 0.1,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            decay: Decay::Exponential { half_life: 100.0 },
        }
    }
}

/// How steps shrink with the iteration t = 1, 2, ...
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decay {
    /// They do not: the last iterates stay about a step away from the optimum.
    Constant,
    /// `1 / sqrt(t)`, under which regret bounds hold (Kingma & Ba 2015, theorem 4.1).
    InverseSqrt,
    /// `2^(-(t - 1) / half_life)`: ends at a point, which is the optimum if it is no farther from the start than the
    /// steps add up to, about `1.44 half_life` of the first.
    Exponential {
        /// Iterations in which steps halve; positive.
        half_life: f64,
    },
}

impl Decay {
    /// The factor of the step of iteration t, from 1.
    pub fn factor(self, t: usize) -> f64 {
        match self {
            Decay::Constant => 1.0,
            Decay::InverseSqrt => 1.0 / (t as f64).sqrt(),
            Decay::Exponential { half_life } => (-(t as f64 - 1.0) / half_life).exp2(),
        }
    }
}

/// Limited-memory BFGS with a line search for the strong Wolfe conditions (Nocedal & Wright 2006, algorithms 7.5, 3.5,
/// 3.6). The inverse Hessian starts from the information that rows and allocations would hold
/// ([`Coordinates::information`](crate::Coordinates::information)), as in Jamshidian & Jennrich (1997): what EM's steps
/// correspond to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lbfgs {
    /// How many of the latest steps the inverse Hessian is built from; at least 1.
    pub memory: usize,
}

impl Default for Lbfgs {
    /// 10 steps.
    fn default() -> Self {
        Self { memory: 10 }
    }
}
