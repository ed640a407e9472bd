//! Pareto-smoothed importance weights.

use gmm_core::log_sum_exp;

use super::GeneralisedPareto;

/// A tail of fewer ratios is not fitted.
const LEAST_TAIL: usize = 5;

/// Importance weights with a smoothed tail.
#[derive(Debug, Clone, PartialEq)]
pub struct SmoothedWeights {
    /// The logarithms of the weights, which add up to 1.
    pub ln_weights: Vec<f64>,
    /// The shape of the generalised Pareto distribution of the largest ratios: how heavy their tail is. Infinite where
    /// there are too few, or they are all the same.
    pub shape: f64,
}

/// Smooths importance weights, given the logarithms of S ratios and how many independent draws one of them is worth (at
/// most 1): the largest `min(0.2 S, 3 sqrt(S / efficiency))` are replaced by the expected order statistics of a generalised Pareto
/// distribution fitted to them, and none is let above the largest ratio (Vehtari, Simpson, Gelman, Yao & Gabry 2024).
///
/// ```
/// let even = gmm_mcmc::predictive::smooth(&[0.0; 100], 1.0);
/// assert!(even.ln_weights.iter().all(|w| (w + 100f64.ln()).abs() < 1e-12));
/// ```
pub fn smooth(ln_ratios: &[f64], efficiency: f64) -> SmoothedWeights {
    let n = ln_ratios.len();
    let largest = ln_ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut ln_weights: Vec<f64> = ln_ratios.iter().map(|ratio| ratio - largest).collect();
    let tail = (0.2 * n as f64).min(3.0 * (n as f64 / efficiency).sqrt()).ceil() as usize;
    let shape = match tail >= LEAST_TAIL && tail < n {
        true => smooth_tail(&mut ln_weights, tail),
        false => f64::INFINITY,
    };
    let total = log_sum_exp(&ln_weights);
    ln_weights.iter_mut().for_each(|w| *w -= total);
    SmoothedWeights { ln_weights, shape }
}

/// Replaces the largest `tail` of log ratios, whose largest is 0, and returns the shape.
fn smooth_tail(ln_ratios: &mut [f64], tail: usize) -> f64 {
    let mut order: Vec<usize> = (0..ln_ratios.len()).collect();
    let below = ln_ratios.len() - tail;
    // The largest below the tail in its place, the tail behind it.
    order.select_nth_unstable_by(below - 1, |&a, &b| ln_ratios[a].total_cmp(&ln_ratios[b]));
    let threshold = ln_ratios[order[below - 1]].exp();
    let order = &mut order[below..];
    // Of equal ratios the earlier comes first, so that the result does not depend on the selection.
    order.sort_unstable_by(|&a, &b| ln_ratios[a].total_cmp(&ln_ratios[b]).then(a.cmp(&b)));
    let excesses: Vec<f64> = order.iter().map(|&i| ln_ratios[i].exp() - threshold).collect();
    let spread = ln_ratios[order[tail - 1]] - ln_ratios[order[0]];
    let Some(fit) = GeneralisedPareto::fit(&excesses).filter(|_| spread.abs() > f64::MIN_POSITIVE) else {
        return f64::INFINITY;
    };
    for (rank, &i) in order.iter().enumerate() {
        let p = (rank as f64 + 0.5) / tail as f64;
        ln_ratios[i] = (threshold + fit.quantile(p)).ln().min(0.0);
    }
    fit.shape
}
