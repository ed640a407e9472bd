//! Rank normalisation: draws replaced by normal scores of their ranks among all draws.

use statrs::function::erf::erfc_inv;

use super::draws::Draws;

/// The draws as normal scores of their ranks, `z = Phi^-1((r - 3/8) / (S + 1/4))` with S draws in all.
///
/// Equal draws share the mean of their ranks. The fractions are Blom's.
pub(super) fn rank_normalised(draws: &Draws) -> Draws {
    let n = draws.values().len() as f64;
    let scores = ranks(draws.values()).into_iter().map(|rank| normal_quantile((rank - 0.375) / (n + 0.25)));
    draws.with_values(scores.collect())
}

/// The distances of the draws from their median, which make a difference in spread one in location.
pub(super) fn folded(draws: &Draws) -> Draws {
    let median = super::quantile(draws.values(), 0.5);
    draws.map(|value| (value - median).abs())
}

/// The ranks of the values, from 1; equal values share the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&left, &right| values[left].total_cmp(&values[right]));
    let mut ranks = vec![0.0; values.len()];
    let mut n_below = 0;
    for ties in order.chunk_by(|&left, &right| values[left] == values[right]) {
        let rank = n_below as f64 + 0.5 * (ties.len() as f64 + 1.0);
        ties.iter().for_each(|&index| ranks[index] = rank);
        n_below += ties.len();
    }
    ranks
}

/// The quantile function of the standard normal distribution.
fn normal_quantile(probability: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * probability)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_the_mean_of_their_ranks() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0, 3.0]), [4.0, 1.0, 4.0, 2.0, 4.0]);
        assert_eq!(ranks(&[0.0, -0.0]), [1.5, 1.5]);
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
        let draws = Draws::new(&[[5.0, -1.0, 2.0], [100.0, 3.0, 2.5]]).unwrap();
        let mut scores = rank_normalised(&draws).values().to_vec();
        scores.sort_unstable_by(f64::total_cmp);
        for index in 0..3 {
            assert!((scores[index] + scores[5 - index]).abs() < 1e-15);
        }
    }

    #[test]
    fn folding_measures_the_distance_from_the_median_of_all_chains() {
        let draws = Draws::new(&[[0.0, 1.0], [2.0, 9.0]]).unwrap();
        assert_eq!(folded(&draws).values(), [1.5, 0.5, 0.5, 7.5]);
    }
}
