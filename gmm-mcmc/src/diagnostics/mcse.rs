//! Monte Carlo standard errors: how far the estimates from a finite number of draws are off.

use super::beta::beta_quantile;
use super::draws::{Draws, mean, variance};
use super::ess::ess_of_mean;
use super::rank::NormalScores;
use super::ranked::Ranked;

/// The probability of a standard normal below -1, to the digits that the other packages use.
const BELOW_MINUS_ONE: f64 = 0.158_655_3;

/// The Monte Carlo standard error of the mean of all draws.
///
/// ```text
/// sd / sqrt(ess_mean)
/// ```
///
/// NaN where [`ess_mean`](super::ess_mean()) is.
///
/// Paper: Vehtari et al. (2021), section 3.2.
pub fn mcse_mean<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    Draws::new(chains).map_or(f64::NAN, |draws| mcse_of_mean(&draws))
}

/// [`mcse_mean`] of draws that are checked already.
fn mcse_of_mean(draws: &Draws) -> f64 {
    let (standardised, scale) = draws.standardised();
    scale * (variance(standardised.values()) / ess_of_mean(&standardised)).sqrt()
}

impl Ranked<'_> {
    /// [`mcse_mean`] of these draws.
    pub(crate) fn mcse_mean(&self) -> f64 {
        mcse_of_mean(self.draws())
    }
}

/// The Monte Carlo standard error of the standard deviation of all draws.
///
/// By the delta method, with the deviations c from the mean:
///
/// ```text
/// sqrt((mean(c^4) - mean(c^2)^2) / (4 mean(c^2) ess_mean(c^2)))
/// ```
///
/// NaN where [`ess_mean`](super::ess_mean()) of the squared deviations is.
///
/// Paper: Kenney and Keeping (1951), Mathematics of Statistics, volume 2, page 141, for the variance of a standard
/// deviation; as the R package posterior computes it.
pub fn mcse_sd<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    let Some(draws) = Draws::new(chains) else { return f64::NAN };
    let (standardised, scale) = draws.standardised();
    let centre = mean(standardised.values());
    let squares = standardised.map(|value| (value - centre).powi(2));
    let mean_square = mean(squares.values());
    // mean(c^4) - mean(c^2)^2 is the variance of the squares; computed as one it cannot be negative.
    let variance_of_squares = mean(squares.map(|square| (square - mean_square).powi(2)).values());
    scale * (variance_of_squares / (4.0 * mean_square * ess_of_mean(&squares))).sqrt()
}

/// The Monte Carlo standard error of the median of all draws, [`mcse_quantile`] at 0.5.
pub fn mcse_median<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    mcse_quantile(chains, 0.5)
}

/// The Monte Carlo standard error of a quantile of all draws.
///
/// Half the distance between two order statistics of the S draws, those at the probabilities a and b,
///
/// ```text
/// a, b = quantiles of Beta(E p + 1, E (1 - p) + 1) at Phi(-1), Phi(1),   E = ess_quantile(p)
/// (x_(ceil(b S)) - x_(floor(a S))) / 2
/// ```
///
/// NaN where [`ess_quantile`](super::ess_quantile()) is.
///
/// Paper: Vehtari et al. (2021), section 4.4.
pub fn mcse_quantile<C: AsRef<[f64]>>(chains: &[C], probability: f64) -> f64 {
    let none = NormalScores::default();
    let Some(ranked) = Ranked::new(chains, &none) else { return f64::NAN };
    let ess = ranked.ess_quantile(probability);
    if ess.is_nan() {
        return f64::NAN;
    }
    let (below, above) = (ess * probability + 1.0, ess * (1.0 - probability) + 1.0);
    let n = ranked.draws().values().len();
    let lower_rank = (beta_quantile(below, above, BELOW_MINUS_ONE) * n as f64).floor() as usize;
    let upper_rank = (beta_quantile(below, above, 1.0 - BELOW_MINUS_ONE) * n as f64).ceil() as usize;
    let order_statistic = |rank: usize| ranked.order_statistic(rank.clamp(1, n) - 1);
    0.5 * (order_statistic(upper_rank) - order_statistic(lower_rank))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Error = fn(&[Vec<f64>]) -> f64;
    const ERRORS: [Error; 3] = [mcse_mean, mcse_sd, mcse_median];

    /// A sequence without much correlation, the same on every machine.
    fn scattered(n_draws: u32, start: u32) -> Vec<f64> {
        (0..n_draws).map(|draw| f64::from((draw + start) * 7919 % 1009)).collect()
    }

    #[test]
    fn standard_errors_scale_with_the_quantity_and_ignore_its_offset() {
        let chains = [scattered(200, 1), scattered(200, 500)];
        for (offset, scale) in [(2f64.powi(30), 1.0), (0.0, 1e-200), (-3.0, 1e200)] {
            let moved: Vec<Vec<f64>> =
                chains.iter().map(|chain| chain.iter().map(|value| offset + scale * value).collect()).collect();
            for error in ERRORS {
                assert!((error(&moved) / (scale * error(&chains)) - 1.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn the_standard_error_of_an_extreme_quantile_stays_within_the_draws() {
        let chains = [scattered(200, 1), scattered(200, 500)];
        for probability in [1e-6, 1.0 - 1e-6] {
            let error = mcse_quantile(&chains, probability);
            assert!(error.is_nan() || (0.0..=504.0).contains(&error));
        }
    }

    #[test]
    fn a_standard_error_without_a_value_is_nan() {
        assert!(mcse_mean::<Vec<f64>>(&[]).is_nan());
        for error in ERRORS {
            assert!(error(&[scattered(9, 1), scattered(9, 5)]).is_nan());
            assert!(error(&[vec![2.5; 100], vec![2.5; 100]]).is_nan());
            assert!(error(&[vec![f64::NAN; 100]]).is_nan());
        }
        assert!(mcse_quantile(&[scattered(100, 1)], 2.0).is_nan());
    }
}
