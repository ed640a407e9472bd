//! Several tests at one level.

/// Which of several hypotheses are rejected, so that the probability of rejecting any true one is at most `level`, whatever
/// their dependence (Holm 1979): the smallest p-value against `level / m`, the next against `level / (m - 1)`, and so on up to the
/// first that is not rejected. NaN is never rejected.
///
/// ```
/// assert_eq!(gmm_verify::holm(&[0.04, 0.001, 0.02], 0.05), [true, true, true]);
/// assert_eq!(gmm_verify::holm(&[0.04, 0.001, 0.03], 0.05), [false, true, false]);
/// ```
pub fn holm(p_values: &[f64], level: f64) -> Vec<bool> {
    let m = p_values.len();
    let mut order: Vec<usize> = (0..m).collect();
    let or_last = |i: usize| if p_values[i].is_nan() { f64::INFINITY } else { p_values[i] };
    order.sort_by(|&a, &b| or_last(a).total_cmp(&or_last(b)));
    let mut rejected = vec![false; m];
    for (place, i) in order.into_iter().enumerate() {
        if p_values[i].is_nan() || p_values[i] > level / (m - place) as f64 {
            break;
        }
        rejected[i] = true;
    }
    rejected
}

/// The two-sided p-value of a t statistic with so many degrees of freedom; NaN of NaN.
pub(crate) fn t_p_value(t: f64, dof: f64) -> f64 {
    if t.is_nan() || dof.is_nan() {
        return f64::NAN;
    }
    if t.is_infinite() {
        return 0.0;
    }
    // P(|T| > t) = I_x(dof / 2, 1 / 2) for x = dof / (dof + t^2).
    statrs::function::beta::beta_reg(0.5 * dof, 0.5, dof / (dof + t * t))
}

/// The mean and its squared standard error.
pub(crate) fn mean_and_squared_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, squares / (n * (n - 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_of_t_are_those_of_the_tables() {
        // Two-sided 5 % points of Student's t.
        for (dof, t) in [(1.0, 12.706_204_736), (10.0, 2.228_138_852), (100.0, 1.983_971_519)] {
            assert!((t_p_value(t, dof) - 0.05).abs() < 1e-9);
        }
        assert_eq!(t_p_value(f64::INFINITY, 5.0), 0.0);
        assert!(t_p_value(f64::NAN, 5.0).is_nan());
    }

    #[test]
    fn nothing_is_rejected_of_nothing_or_of_not_a_number() {
        assert!(holm(&[], 0.05).is_empty());
        assert_eq!(holm(&[f64::NAN, 0.01], 0.05), [false, true]);
    }
}
