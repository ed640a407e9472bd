//! Rank normalisation: draws replaced by normal scores of their ranks among all draws.

use rayon::prelude::*;
use statrs::function::erf::erfc_inv;

use super::draws::Draws;

/// The normal scores of the ranks among S draws, `z = Phi^-1((r - 3/8) / (S + 1/4))`. The fractions are Blom's.
///
/// They are the same for every quantity: one table serves all.
#[derive(Clone, Debug, Default)]
pub(crate) struct NormalScores {
    /// Of the ranks 1 to S.
    of_rank: Vec<f64>,
}

impl NormalScores {
    /// The scores of ranks among so many draws, computed in the current rayon pool.
    pub(crate) fn new(n_values: usize) -> Self {
        let score = |place| normal_score((place + 1) as f64, n_values);
        Self { of_rank: (0..n_values).into_par_iter().map(score).collect() }
    }

    /// The number S of draws.
    pub(super) fn n_values(&self) -> usize {
        self.of_rank.len()
    }

    /// The draws as normal scores of their ranks, given their places in increasing order. Equal draws share the mean of
    /// their ranks.
    pub(super) fn of(&self, draws: &Draws, order: &[u32]) -> Draws {
        let values = draws.values();
        let mut scores = vec![0.0; values.len()];
        let mut n_below = 0;
        for ties in order.chunk_by(|&left, &right| values[left as usize] == values[right as usize]) {
            let score = match ties.len() {
                1 => self.of_rank[n_below],
                n => normal_score(n_below as f64 + 0.5 * (n as f64 + 1.0), values.len()),
            };
            ties.iter().for_each(|&place| scores[place as usize] = score);
            n_below += ties.len();
        }
        draws.with_values(scores)
    }
}

/// The normal score of a rank, from 1, among so many.
fn normal_score(rank: f64, n_values: usize) -> f64 {
    normal_quantile((rank - 0.375) / (n_values as f64 + 0.25))
}

/// The quantile function of the standard normal distribution.
fn normal_quantile(probability: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * probability)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::order::increasing_order;

    fn scores<const N: usize>(chains: &[[f64; N]]) -> Vec<f64> {
        let draws = Draws::new(chains).unwrap();
        let order = increasing_order(draws.values());
        NormalScores::new(draws.values().len()).of(&draws, &order).values().to_vec()
    }

    #[test]
    fn equal_values_share_the_mean_of_their_ranks() {
        let expected = [4.0, 1.0, 4.0, 2.0, 4.0].map(|rank| normal_quantile((rank - 0.375) / 5.25));
        assert_eq!(scores(&[[3.0, 1.0, 3.0, 2.0, 3.0]]), expected);
        assert_eq!(scores(&[[0.0, -0.0]]), [normal_quantile(1.125 / 2.25); 2]);
    }

    #[test]
    fn the_normal_quantile_has_full_precision_where_ranks_need_it() {
        // Python: statistics.NormalDist().inv_cdf(p).
        let expected = [
            (1e-6, -4.753424308822899),
            (1.56e-4, -3.605127261976763),
            (0.3, -0.5244005127080407),
            (0.5, 0.0),
            (0.99, 2.3263478740408408),
        ];
        for (probability, value) in expected {
            assert!((normal_quantile(probability) - value).abs() < 1e-14, "{probability}");
        }
    }

    #[test]
    fn normal_scores_of_distinct_draws_are_symmetric_about_zero() {
        let mut scores = scores(&[[5.0, -1.0, 2.0], [100.0, 3.0, 2.5]]);
        scores.sort_unstable_by(f64::total_cmp);
        for index in 0..3 {
            assert!((scores[index] + scores[5 - index]).abs() < 1e-15);
        }
    }
}
