//! Effective sample sizes: how many independent draws would estimate a quantity as well.

use super::autocovariance::Autocovariance;
use super::draws::{Draws, mean, variance};
use super::rank::NormalScores;
use super::ranked::Ranked;

/// Halves of chains shorter than this have no effective sample size: the paper's sequence of pairs of lags would end
/// before it starts.
const MIN_DRAWS_PER_HALF: usize = 5;

/// The effective sample size of rank-normalised draws: how well the chains mix in the bulk of the distribution.
///
/// Exists for quantities without a mean, too, and does not change under a monotone transformation. The paper asks
/// for 100 per chain.
///
/// For the estimate and for when it is NaN see [`ess_mean`].
///
/// Paper: Vehtari et al. (2021), section 4.1.
pub fn ess_bulk<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    Ranked::new(chains, &NormalScores::default()).map_or(f64::NAN, |ranked| ranked.ess_bulk())
}

/// The effective sample size of the mean: N independent draws have a mean with as small an error.
///
/// ```text
/// N / tau,   tau = -1 + 2 sum_j min(P_0, .., P_j) + rho_2J,   P_j = rho_2j + rho_(2j+1),   j < J
/// rho_t = 1 - (W - C_t) / V,   V = W (n - 1) / n + B / n
/// ```
///
/// with N draws in all, in halves of chains of n draws each; C_t the mean autocovariance at lag t, W the mean
/// variance and B n times the variance of the means; J the first pair whose sum is not positive (Geyer's initial
/// monotone sequence). `rho_2J` counts where it is positive. At most `N log10(N)`, for chains whose draws alternate.
///
/// NaN with fewer than 10 draws a chain, or if all draws are the same.
///
/// Papers: Vehtari et al. (2021), section 3.2; Geyer (1992), Practical Markov chain Monte Carlo, Statistical Science
/// 7, 473-483.
pub fn ess_mean<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    Draws::new(chains).map_or(f64::NAN, |draws| ess_of_mean(&draws))
}

/// The effective sample size of the median, [`ess_quantile`] at 0.5.
pub fn ess_median<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    ess_quantile(chains, 0.5)
}

/// The effective sample size of a quantile: that of the mean of the indicators `x <= quantile`.
///
/// NaN, further to what [`ess_mean`] says, for a probability outside [0, 1] and if no draw exceeds the quantile.
///
/// Paper: Vehtari et al. (2021), section 4.3.
pub fn ess_quantile<C: AsRef<[f64]>>(chains: &[C], probability: f64) -> f64 {
    Ranked::new(chains, &NormalScores::default()).map_or(f64::NAN, |ranked| ranked.ess_quantile(probability))
}

/// The effective sample size in the tails: the smaller one of those of the 5 % and the 95 % quantile.
///
/// A quantile that no draw exceeds does not count; NaN if neither counts.
///
/// Paper: Vehtari et al. (2021), section 4.3.
pub fn ess_tail<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    Ranked::new(chains, &NormalScores::default()).map_or(f64::NAN, |ranked| ranked.ess_tail())
}

impl Ranked<'_> {
    /// [`ess_bulk`] of these draws.
    pub(crate) fn ess_bulk(&self) -> f64 {
        self.scores().map_or(f64::NAN, effective_sample_size)
    }

    /// [`ess_tail`] of these draws.
    pub(crate) fn ess_tail(&self) -> f64 {
        // The minimum passes over a NaN.
        self.ess_quantile(0.05).min(self.ess_quantile(0.95))
    }

    /// [`ess_quantile`] of these draws.
    pub(super) fn ess_quantile(&self, probability: f64) -> f64 {
        let quantile = self.quantile(probability);
        if quantile.is_nan() {
            return f64::NAN;
        }
        ess_of_mean(&self.draws().map(|value| f64::from(value <= quantile)))
    }
}

/// [`ess_mean`] of draws that are checked already.
pub(super) fn ess_of_mean(draws: &Draws) -> f64 {
    draws.split().map_or(f64::NAN, |split| effective_sample_size(&split))
}

/// The effective sample size of the mean of chains that are split already.
fn effective_sample_size(draws: &Draws) -> f64 {
    if draws.n_draws() < MIN_DRAWS_PER_HALF || draws.is_constant() {
        return f64::NAN;
    }
    let (draws, _) = draws.standardised();
    let n = draws.n_draws() as f64;
    let autocovariance = Autocovariance::new(&draws);
    let means: Vec<f64> = draws.chains().map(mean).collect();
    let within = autocovariance.at(0) * n / (n - 1.0);
    let total = autocovariance.at(0) + variance(&means);
    if total.is_nan() {
        // Differences between the draws overflow.
        return f64::NAN;
    }
    let correlation = |lag: usize| 1.0 - (within - autocovariance.at(lag)) / total;

    let mut pair = [1.0, correlation(1)];
    let mut last_lag = 1;
    let mut smallest_sum = f64::INFINITY;
    let mut sum_of_sums = 0.0;
    while last_lag + 3 < draws.n_draws() && pair[0] + pair[1] > 0.0 {
        smallest_sum = smallest_sum.min(pair[0] + pair[1]);
        sum_of_sums += smallest_sum;
        pair = [correlation(last_lag + 1), correlation(last_lag + 2)];
        last_lag += 2;
    }
    let at_the_end = if pair[0] > 0.0 || pair[0] + pair[1] >= 0.0 { pair[0] } else { 0.0 };

    let n_values = draws.values().len() as f64;
    let tau = (-1.0 + 2.0 * sum_of_sums + at_the_end).max(1.0 / n_values.log10());
    n_values / tau
}

#[cfg(test)]
mod tests {
    use super::*;

    type Measure = fn(&[Vec<f64>]) -> f64;
    const MEASURES: [Measure; 4] = [ess_bulk, ess_tail, ess_mean, ess_median];

    /// A sequence without much correlation, the same on every machine.
    fn scattered(n_draws: u32, start: u32) -> Vec<f64> {
        (0..n_draws).map(|draw| f64::from((draw + start) * 7919 % 1009)).collect()
    }

    #[test]
    fn draws_that_alternate_are_worth_no_more_than_their_number_times_its_logarithm() {
        let alternating: Vec<f64> = (0..500).map(|draw| f64::from(draw % 2)).collect();
        let expected = 1000.0 * 3.0;
        assert!((ess_mean(&[&alternating, &alternating]) - expected).abs() < 1e-9);
    }

    #[test]
    fn chains_stuck_in_different_places_are_worth_half_a_draw_per_half_chain() {
        // Every correlation is 1: tau is twice the length of a half, less 2 lags that are not reached.
        let stuck: Vec<Vec<f64>> = (0..4).map(|chain| vec![f64::from(chain); 10_000]).collect();
        let ess = ess_mean(&stuck);
        assert!((ess - 4.0).abs() < 0.01, "{ess}");
        assert!((ess_bulk(&stuck) - ess).abs() < 1e-9);
    }

    #[test]
    fn a_monotone_transformation_changes_neither_the_bulk_nor_the_tail() {
        let chains = [scattered(300, 1), scattered(300, 77)];
        let transformed: Vec<Vec<f64>> =
            chains.iter().map(|chain| chain.iter().map(|value| (0.5 * value).exp()).collect()).collect();
        assert_eq!(ess_bulk(&chains), ess_bulk(&transformed));
        assert_eq!(ess_tail(&chains), ess_tail(&transformed));
        assert_ne!(ess_mean(&chains), ess_mean(&transformed));
    }

    #[test]
    fn a_tail_that_no_draw_exceeds_does_not_count() {
        // One draw in eight is 0 and the rest are 1: the 95 % quantile is the maximum.
        let chains: Vec<Vec<f64>> = (0..2)
            .map(|chain| scattered(400, chain * 300).iter().map(|value| f64::from(value % 8.0 > 0.0)).collect())
            .collect();
        assert!(ess_quantile(&chains, 0.95).is_nan());
        assert_eq!(ess_tail(&chains), ess_quantile(&chains, 0.05));
        assert!(ess_tail(&chains) > 0.0);
    }

    #[test]
    fn an_effective_sample_size_without_a_value_is_nan() {
        assert!(ess_bulk::<Vec<f64>>(&[]).is_nan());
        for n_draws in 0..10 {
            let chains = [scattered(n_draws, 1), scattered(n_draws, 5)];
            for ess in MEASURES {
                assert!(ess(&chains).is_nan(), "{n_draws}");
            }
        }
        assert!(ess_bulk(&[scattered(10, 1), scattered(10, 5)]).is_finite());
        for ess in MEASURES {
            assert!(ess(&[vec![2.5; 100], vec![2.5; 100]]).is_nan());
            assert!(ess(&[vec![f64::NAN; 100], scattered(100, 1)]).is_nan());
        }
        assert!(ess_mean(&[[f64::MAX, f64::MIN].repeat(10)]).is_nan());
        assert!(ess_quantile(&[scattered(100, 1)], -0.1).is_nan());
        assert!(ess_quantile(&[scattered(100, 1)], f64::NAN).is_nan());
    }

    #[test]
    fn very_small_and_very_large_draws_have_the_effective_sample_size_of_others() {
        let chains = [scattered(100, 1), scattered(100, 500)];
        for scale in [1e-200, 1e200] {
            let scaled: Vec<Vec<f64>> =
                chains.iter().map(|chain| chain.iter().map(|value| scale * value).collect()).collect();
            assert!((ess_mean(&scaled) / ess_mean(&chains) - 1.0).abs() < 1e-12);
        }
    }
}
