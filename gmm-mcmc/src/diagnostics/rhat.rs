//! R-hat, the ratio of the spread of all draws to the spread within chains.

use super::draws::{Draws, mean, variance};
use super::rank::NormalScores;
use super::ranked::Ranked;

/// R-hat of split, rank-normalised chains: the one to report.
///
/// ```text
/// max(R-hat of z,  R-hat of z folded)        z = Phi^-1((r - 3/8) / (S + 1/4))
/// ```
///
/// where r is the rank of a draw among all S draws; the first finds chains that differ in location, the second, on
/// the distances from the median, those that differ in spread. Heavy tails do no harm, and a monotone transformation
/// of the quantity changes the first not at all. Chains agree where it is below 1.01.
///
/// Infinite if every half is constant and they are not all the same; NaN with fewer than 4 draws a chain, or if all
/// draws are the same. Below 1 by chance.
///
/// Paper: Vehtari et al. (2021), sections 4.1 and 4.2.
pub fn r_hat_rank<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    Ranked::new(chains, &NormalScores::default()).map_or(f64::NAN, |ranked| ranked.r_hat())
}

impl Ranked<'_> {
    /// [`r_hat_rank`] of these draws.
    pub(crate) fn r_hat(&self) -> f64 {
        let bulk = self.scores().map_or(f64::NAN, r_hat);
        let tail = self.folded_scores().map_or(f64::NAN, |folded| r_hat(&folded));
        // The maximum passes over a NaN: draws that all have one distance from the median are in agreement there.
        bulk.max(tail)
    }
}

/// R-hat of split chains, without ranks: for quantities with a variance.
///
/// Defined as [`r_hat_identity`] on the halves of the chains. NaN with fewer than 4 draws a chain, or if all draws
/// are the same.
///
/// Paper: Gelman et al. (2013), Bayesian Data Analysis, third edition, section 11.4.
pub fn r_hat_split<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    Draws::new(chains).and_then(|draws| draws.split()).map_or(f64::NAN, |split| r_hat(&split.standardised().0))
}

/// R-hat of whole chains, as it was first defined.
///
/// ```text
/// sqrt((B / W + n - 1) / n)
/// ```
///
/// with n draws in a chain, W the mean of the chains' variances and B n times the variance of their means. NaN with
/// fewer than 2 chains or 2 draws a chain, or if all draws are the same.
///
/// Paper: Gelman and Rubin (1992), Inference from iterative simulation using multiple sequences, Statistical Science
/// 7, 457-472.
pub fn r_hat_identity<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    Draws::new(chains).map_or(f64::NAN, |draws| r_hat(&draws.standardised().0))
}

fn r_hat(draws: &Draws) -> f64 {
    let n = draws.n_draws() as f64;
    // The variances of one draw and of one chain are 0 / 0.
    let means: Vec<f64> = draws.chains().map(mean).collect();
    let variances: Vec<f64> = draws.chains().map(variance).collect();
    let between = n * variance(&means);
    let within = mean(&variances);
    ((between / within + n - 1.0) / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sequence without much correlation, the same on every machine.
    fn scattered(n_draws: u32, start: u32) -> Vec<f64> {
        (0..n_draws).map(|draw| f64::from((draw + start) * 7919 % 1009)).collect()
    }

    #[test]
    fn two_draws_in_two_chains_follow_the_formula() {
        // Means 1 and 4, variances 2 and 8: B = 2 * 4.5, W = 5.
        let expected = ((9.0_f64 / 5.0 + 1.0) / 2.0).sqrt();
        assert!((r_hat_identity(&[[0.0, 2.0], [2.0, 6.0]]) - expected).abs() < 1e-15);
    }

    #[test]
    fn a_difference_in_spread_is_seen_by_the_folded_ranks_alone() {
        let narrow: Vec<f64> = scattered(400, 1).iter().map(|value| value - 504.0).collect();
        let wide: Vec<f64> = narrow.iter().map(|value| 5.0 * value).collect();
        assert!(r_hat_split(&[&narrow, &wide]) < 1.01);
        assert!(r_hat_rank(&[&narrow, &wide]) > 1.1);
    }

    #[test]
    fn a_drift_within_one_chain_is_seen_by_splitting_alone() {
        let drifting: Vec<f64> = scattered(400, 1).iter().enumerate().map(|(i, x)| x + 5.0 * i as f64).collect();
        assert!(r_hat_identity(&[&drifting, &drifting]) < 1.0);
        assert!(r_hat_split(&[&drifting, &drifting]) > 1.5);
        assert!(r_hat_split(&[&drifting]) > 1.5);
        assert!(r_hat_identity(&[&drifting]).is_nan());
    }

    #[test]
    fn an_offset_or_a_scale_does_not_change_r_hat() {
        let chains = [scattered(100, 1), scattered(100, 500)];
        let (rank, split) = (r_hat_rank(&chains), r_hat_split(&chains));
        // Powers of two, so that distances from the median that are equal stay equal.
        for (offset, scale) in [(2f64.powi(30), 1.0), (0.0, 2f64.powi(-700)), (0.0, 2f64.powi(700))] {
            let moved: Vec<Vec<f64>> =
                chains.iter().map(|chain| chain.iter().map(|value| offset + scale * value).collect()).collect();
            assert!((r_hat_split(&moved) - split).abs() < 1e-12);
            assert!((r_hat_rank(&moved) - rank).abs() < 1e-12);
        }
    }

    #[test]
    fn chains_stuck_in_different_places_have_an_infinite_r_hat() {
        let stuck = [[1.0; 10], [2.0; 10], [3.0; 10]];
        assert_eq!(r_hat_split(&stuck), f64::INFINITY);
        assert_eq!(r_hat_rank(&stuck), f64::INFINITY);
    }

    #[test]
    fn two_values_at_equal_distance_from_the_median_have_the_r_hat_of_their_ranks() {
        let signs = [[1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0, -1.0]; 2];
        assert!((r_hat_rank(&signs) - r_hat_split(&signs)).abs() < 1e-14);
    }

    #[test]
    fn r_hat_without_a_value_is_nan() {
        assert!(r_hat_rank::<Vec<f64>>(&[]).is_nan());
        for n_draws in 0..4 {
            let chains = [scattered(n_draws, 1), scattered(n_draws, 5)];
            assert!(r_hat_rank(&chains).is_nan());
            assert!(r_hat_split(&chains).is_nan());
            assert_eq!(r_hat_identity(&chains).is_nan(), n_draws < 2);
        }
        let constant = [[2.5; 100]; 4];
        for value in [r_hat_rank(&constant), r_hat_split(&constant), r_hat_identity(&constant)] {
            assert!(value.is_nan());
        }
        assert!(r_hat_rank(&[vec![1.0; 8], vec![2.0; 9]]).is_nan());
    }
}
