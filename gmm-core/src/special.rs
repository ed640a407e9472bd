//! Special functions that densities of mixtures need and statrs does not have.

use statrs::function::gamma::ln_gamma;

/// The logarithm of the multivariate gamma function of dimension d at a, for a > (d - 1) / 2.
///
/// ```text
/// ln Gamma_d(a) = d (d - 1) / 4 ln(pi) + sum_{j=1..d} ln Gamma(a + (1 - j) / 2)
/// ```
pub fn ln_multivariate_gamma(d: usize, a: f64) -> f64 {
    let pairs = (d * (d.saturating_sub(1))) as f64 / 4.0;
    pairs * std::f64::consts::PI.ln() + (0..d).map(|j| ln_gamma(a - j as f64 / 2.0)).sum::<f64>()
}

/// `ln sum_i exp(x_i)` without overflow; minus infinity for an empty slice or all-impossible terms.
pub fn log_sum_exp(x: &[f64]) -> f64 {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return largest;
    }
    largest + x.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_multivariate_gamma_function_is_gamma_in_one_dimension_and_obeys_its_recursion() {
        assert_eq!(ln_multivariate_gamma(1, 2.5), ln_gamma(2.5));
        // Gamma_d(a) = pi^((d-1)/2) Gamma(a) Gamma_{d-1}(a - 1/2)
        let by_recursion = std::f64::consts::PI.ln() + ln_gamma(4.0) + ln_multivariate_gamma(2, 3.5);
        assert!((ln_multivariate_gamma(3, 4.0) - by_recursion).abs() < 1e-14);
    }

    #[test]
    fn log_sum_exp_survives_large_and_impossible_terms() {
        assert_eq!(log_sum_exp(&[1000.0, 1000.0]), 1000.0 + 2.0f64.ln());
        assert_eq!(log_sum_exp(&[f64::NEG_INFINITY, -5.0]), -5.0);
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
    }
}
