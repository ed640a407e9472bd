//! The quantile function of the beta distribution.

use statrs::function::beta::beta_reg;

/// The value below which a draw of Beta(a, b) lies with the given probability, for a and b of at least 1 and a sum up
/// to 1e7, beyond which statrs cuts the continued fraction of the distribution function off too early.
///
/// By bisection to the last digit, 60 steps or so: the inverse in statrs does not end for some parameters, such as
/// a = 9, b = 7.9e6.
pub(super) fn beta_quantile(a: f64, b: f64, probability: f64) -> f64 {
    let (mut below, mut above) = (0.0, 1.0);
    loop {
        let middle = 0.5 * (below + above);
        if middle <= below || middle >= above {
            return middle;
        }
        if beta_reg(a, b, middle) < probability {
            below = middle;
        } else {
            above = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_quantiles_invert_closed_forms() {
        for probability in [1e-3_f64, 0.158_655_3, 0.5, 0.841_344_7, 1.0 - 1e-3] {
            let power = probability.powf(0.25);
            assert!((beta_quantile(4.0, 1.0, probability) - power).abs() < 1e-13);
            assert!((beta_quantile(1.0, 4.0, 1.0 - probability) - (1.0 - power)).abs() < 1e-13);
        }
    }

    #[test]
    fn beta_quantiles_exist_for_every_effective_sample_size_and_probability() {
        for ess in [1.0, 80.0, 4e4, 7_924_465.962_305_571] {
            for probability in [0.0, 1e-6, 0.05, 0.5, 1.0] {
                let (a, b) = (ess * probability + 1.0, ess * (1.0 - probability) + 1.0);
                let (lower, upper) = (beta_quantile(a, b, 0.158_655_3), beta_quantile(a, b, 0.841_344_7));
                let mean = a / (a + b);
                assert!(0.0 < lower && lower < mean && mean < upper && upper < 1.0, "{ess} {probability}");
            }
        }
    }
}
