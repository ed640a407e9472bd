//! A number estimated from draws, with its Monte Carlo standard error.

use std::fmt;

use crate::diagnostics::{ess_mean, mcse_mean};

/// A number estimated from draws, with its Monte Carlo standard error; both NaN where there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MonteCarlo {
    /// The estimate.
    pub value: f64,
    /// Its Monte Carlo standard error.
    pub mcse: f64,
}

impl fmt::Display for MonteCarlo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} +- {:.4}", self.value, self.mcse)
    }
}

impl MonteCarlo {
    const NONE: Self = Self { value: f64::NAN, mcse: f64::NAN };

    /// A probability: the mean over all draws (chains x draws) of a `score` from 0 to 1.
    ///
    /// The error is [`mcse_mean`] of the scores. Scores that are all 0 or all 1, or too few for it, do not tell how they are
    /// correlated; with E the effective sample size of the draws themselves, at most their number S (S where they have none),
    ///
    /// ```text
    /// mcse = sqrt(q (1 - q) / E),   q = (E value + 1) / (E + 2)
    /// ```
    ///
    /// so that an event never seen in E independent draws has probability 0 with an error of about 1/E.
    pub(crate) fn probability(draws: &[Vec<f64>], score: impl Fn(f64) -> f64) -> Self {
        let n = draws.iter().map(Vec::len).sum::<usize>() as f64;
        if n == 0.0 || draws.iter().flatten().any(|x| x.is_nan()) {
            return Self::NONE;
        }
        let scores: Vec<Vec<f64>> = draws.iter().map(|chain| chain.iter().map(|x| score(*x)).collect()).collect();
        let value = scores.iter().flatten().sum::<f64>() / n;
        let mcse = mcse_mean(&scores);
        if mcse.is_finite() {
            return Self { value, mcse };
        }
        let independent = ess_mean(draws);
        let independent = if independent.is_finite() { independent.min(n) } else { n };
        let shrunk = (independent * value + 1.0) / (independent + 2.0);
        Self { value, mcse: (shrunk * (1.0 - shrunk) / independent).sqrt() }
    }

    /// The probability of lying below `x`; draws that equal it count half.
    pub(crate) fn probability_below(draws: &[Vec<f64>], x: f64) -> Self {
        if x.is_nan() {
            return Self::NONE;
        }
        Self::probability(draws, |draw| match draw == x {
            true => 0.5,
            false => f64::from(draw < x),
        })
    }

    /// Twice the smaller of two probabilities, at most 1.
    pub(crate) fn two_sided(a: Self, b: Self) -> Self {
        let smaller = if a.value <= b.value { a } else { b };
        // Written so that NaN stays.
        let value = if smaller.value > 0.5 { 1.0 } else { 2.0 * smaller.value };
        Self { value, mcse: 2.0 * smaller.mcse }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scattered(start: u32) -> Vec<f64> {
        (0..1009).map(|draw| f64::from((draw + start) * 7919 % 1009)).collect()
    }

    #[test]
    fn probabilities_are_parts_of_draws_and_ties_count_half() {
        let draws = [scattered(1), scattered(500)];
        let found = MonteCarlo::probability_below(&draws, 100.0);
        assert!((found.value - 100.5 / 1009.0).abs() < 1e-14);
        assert!(found.mcse > 0.0 && found.mcse < 0.02);
        assert_eq!(MonteCarlo::probability_below(&[vec![2.0; 20]], 2.0).value, 0.5);
    }

    #[test]
    fn an_event_never_seen_has_an_error_all_the_same() {
        let draws = [scattered(1), scattered(500)];
        let expected = (1.0 / 2020.0 * (2019.0 / 2020.0) / 2018.0f64).sqrt();
        for (x, value) in [(-1.0, 0.0), (2000.0, 1.0)] {
            let found = MonteCarlo::probability_below(&draws, x);
            assert_eq!(found.value, value);
            assert!(found.mcse >= expected * (1.0 - 1e-9) && found.mcse < 2e-3, "{found}");
        }
        // Draws that hardly move are worth few.
        let slow: Vec<f64> = (0..1000).map(|i| (f64::from(i) / 200.0).sin()).collect();
        assert!(MonteCarlo::probability_below(&[slow], -2.0).mcse > 0.02);
    }

    #[test]
    fn what_has_no_value_is_nan() {
        let nan = |found: MonteCarlo| found.value.is_nan() && found.mcse.is_nan();
        assert!(nan(MonteCarlo::probability_below(&[], 1.0)));
        assert!(nan(MonteCarlo::probability_below(&[vec![1.0, f64::NAN]], 1.0)));
        assert!(nan(MonteCarlo::probability_below(&[vec![1.0, 2.0]], f64::NAN)));
        assert!(nan(MonteCarlo::two_sided(MonteCarlo::NONE, MonteCarlo::NONE)));
        let at = |value| MonteCarlo { value, mcse: 0.01 };
        assert_eq!(MonteCarlo::two_sided(at(0.9), at(0.1)), MonteCarlo { value: 0.2, mcse: 0.02 });
        assert_eq!(MonteCarlo::two_sided(at(0.6), at(0.6)).value, 1.0);
    }
}
