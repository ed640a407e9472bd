//! The sample quantile that interpolates between order statistics.

/// The sample quantile of type 7 (Hyndman and Fan), the default of R and NumPy.
///
/// With the order statistics `x_(1) <= .. <= x_(n)`:
///
/// ```text
/// h = (n - 1) p,   i = floor(h),   quantile = x_(i+1) + (h - i) (x_(i+2) - x_(i+1))
/// ```
///
/// NaN without values, with a NaN among them, and for a probability outside [0, 1].
///
/// ```
/// use gmm_mcmc::diagnostics::quantile;
///
/// assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 0.5), 2.5);
/// assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 1.0), 4.0);
/// ```
///
/// Paper: Hyndman and Fan (1996), Sample quantiles in statistical packages, The American Statistician 50, 361-365.
pub fn quantile(values: &[f64], probability: f64) -> f64 {
    if values.is_empty() || values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    quantile_of_ordered(|r| sorted[r], sorted.len(), probability)
}

/// [`quantile`] of n values, at least one, none of them NaN, given the r-th smallest, r from 0.
pub(crate) fn quantile_of_ordered(order_statistic: impl Fn(usize) -> f64, n: usize, probability: f64) -> f64 {
    if !(0.0..=1.0).contains(&probability) {
        return f64::NAN;
    }
    let last = n - 1;
    let position = last as f64 * probability;
    let index = (position.floor() as usize).min(last);
    let fraction = position - index as f64;
    let (below, above) = (order_statistic(index), order_statistic((index + 1).min(last)));
    // Ties must give the tied value itself: what is at most the quantile is counted later.
    if fraction == 0.0 || below == above { below } else { below + fraction * (above - below) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_between_order_statistics() {
        // R: quantile(c(10, 1, 7, 3, 2), c(0, 0.05, 0.3, 0.5, 0.95, 1)).
        let values = [10.0, 1.0, 7.0, 3.0, 2.0];
        let expected = [(0.0, 1.0), (0.05, 1.2), (0.3, 2.2), (0.5, 3.0), (0.95, 9.4), (1.0, 10.0)];
        for (probability, value) in expected {
            assert!((quantile(&values, probability) - value).abs() < 1e-14, "{probability}");
        }
    }

    #[test]
    fn a_quantile_between_equal_values_is_exactly_that_value() {
        assert_eq!(quantile(&[0.1; 7], 0.37), 0.1);
        assert_eq!(quantile(&[f64::INFINITY, 1.0, f64::INFINITY], 0.9), f64::INFINITY);
    }

    #[test]
    fn a_quantile_that_does_not_exist_is_nan() {
        assert!(quantile(&[], 0.5).is_nan());
        assert!(quantile(&[1.0, f64::NAN], 0.5).is_nan());
        assert!(quantile(&[1.0, 2.0], 1.1).is_nan());
        assert!(quantile(&[1.0, 2.0], f64::NAN).is_nan());
        assert_eq!(quantile(&[3.0], 0.2), 3.0);
    }
}
