//! Pareto-smoothed importance weights as R's loo computes them.

use serde::Deserialize;

use crate::file;

/// The smoothed weights of one set of log ratios, which [`ln_ratios`](Self::ln_ratios) makes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmoothingCase {
    /// The number of ratios.
    pub draws: usize,
    /// The seed of the generator.
    pub seed: u64,
    /// The shape of the generalised Pareto distribution that the ratios come from.
    pub shape: f64,
    /// The relative efficiency of the draws.
    pub r_eff: f64,
    /// The estimated shape.
    pub pareto_k: f64,
    /// The largest log weight.
    pub largest: f64,
    /// The sum of squared weights.
    pub sum_of_squares: f64,
    /// The first five log weights.
    pub first: Vec<f64>,
    /// The ratios that were smoothed.
    pub tail_len: usize,
}

impl SmoothingCase {
    /// The log ratios: `ln(((1 - u)^-k - 1) / k + 1e-3)` for u of the generator `x <- 16807 x mod (2^31 - 1)`.
    pub fn ln_ratios(&self) -> Vec<f64> {
        let mut x = self.seed;
        let mut next = || {
            x = 16_807 * x % 2_147_483_647;
            x as f64 / 2_147_483_647.0
        };
        let ratio = |u: f64| ((-self.shape * (-u).ln_1p()).exp_m1() / self.shape + 1e-3).ln();
        (0..self.draws).map(|_| ratio(next())).collect()
    }
}

/// All cases of `psis.json`.
pub fn smoothing_cases() -> Vec<SmoothingCase> {
    file::json("psis.json")
}
