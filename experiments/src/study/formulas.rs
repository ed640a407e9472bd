//! Performance measures with their Monte Carlo standard errors (Morris, White & Crowther 2019, table 6).
//!
//! Replicates are independent, parameters of a replicate are not: where parameters are pooled, a replicate gives one number,
//! the mean over its parameters, and Monte Carlo errors are taken over these numbers.

/// A measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figure {
    /// Its value; NaN without replicates.
    pub(super) value: f64,
    /// Its Monte Carlo standard error; NaN where there are too few replicates for one.
    pub(super) mcse: f64,
    /// Replicates.
    pub(super) n: usize,
}

/// Bias (of errors), and mean of anything that a replicate has one of.
///
/// ```text
/// value = mean(x),   mcse = sqrt( sum (x - mean)^2 / (n (n - 1)) )
/// ```
pub(super) fn mean(values: &[f64]) -> Figure {
    let n = values.len() as f64;
    let value = average(values);
    Figure { value, mcse: (squares_about(values, value) / (n * (n - 1.0))).sqrt(), n: values.len() }
}

/// A share of replicates.
///
/// ```text
/// value = p,   mcse = sqrt( p (1 - p) / n )
/// ```
pub(super) fn share(values: &[bool]) -> Figure {
    let n = values.len() as f64;
    let p = values.iter().filter(|value| **value).count() as f64 / n;
    Figure { value: p, mcse: (p * (1.0 - p) / n).sqrt(), n: values.len() }
}

/// The empirical standard error of one parameter, from its errors. The Monte Carlo error is that of normal errors.
///
/// ```text
/// value = sqrt( sum (e - mean)^2 / (n - 1) ),   mcse = value / sqrt( 2 (n - 1) )
/// ```
pub(super) fn empirical_se(errors: &[f64]) -> Figure {
    let n = errors.len() as f64;
    let value = (squares_about(errors, average(errors)) / (n - 1.0)).sqrt();
    Figure { value, mcse: value / (2.0 * (n - 1.0)).sqrt(), n: errors.len() }
}

/// The root of the mean over replicates of squares, one for each: of the mean squared error, and, of squared standard errors,
/// the model standard error. By the delta method
///
/// ```text
/// value = sqrt(mean(s)),   mcse = mcse(mean(s)) / (2 value)
/// ```
///
/// which for standard errors is the formula of the paper, `sqrt( Var(s) / (4 n value^2) )`.
pub(super) fn root_mean(squares: &[f64]) -> Figure {
    let of_squares = mean(squares);
    let value = of_squares.value.sqrt();
    Figure { value, mcse: of_squares.mcse / (2.0 * value), n: squares.len() }
}

/// The empirical standard error of pooled parameters: `errors` has those of one replicate in each row, of the same parameters.
///
/// ```text
/// d_r = mean over parameters of (e_rp - mean over replicates of e_p)^2
/// value = sqrt( n / (n - 1) mean(d) ),   mcse = sqrt(n / (n - 1)) mcse(sqrt(mean(d)))
/// ```
///
/// Of one parameter the value is that of [`empirical_se`].
pub(super) fn pooled_empirical_se(errors: &[Vec<f64>]) -> Figure {
    let parameters = errors.first().map_or(0, Vec::len);
    let means: Vec<f64> = (0..parameters)
        .map(|p| average(&errors.iter().filter_map(|row| row.get(p).copied()).collect::<Vec<_>>()))
        .collect();
    let squares: Vec<f64> = errors
        .iter()
        .map(|row| average(&row.iter().zip(&means).map(|(e, mean)| (e - mean).powi(2)).collect::<Vec<_>>()))
        .collect();
    let n = errors.len() as f64;
    let correction = (n / (n - 1.0)).sqrt();
    let Figure { value, mcse, n } = root_mean(&squares);
    Figure { value: correction * value, mcse: correction * mcse, n }
}

/// The mean; NaN of nothing.
pub(super) fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The middle value, or the mean of the two in the middle; none of nothing.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    Some(0.5 * (sorted[last / 2] + sorted[last.div_ceil(2)]))
}

fn squares_about(values: &[f64], center: f64) -> f64 {
    values.iter().map(|x| (x - center).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_figure(found: Figure, value: f64, mcse: f64, n: usize) {
        assert!((found.value - value).abs() < 1e-14 && (found.mcse - mcse).abs() < 1e-14, "{found:?}");
        assert_eq!(found.n, n);
    }

    /// Errors 1, -1, 2, 4: mean 3/2, squares about it 1/4 + 25/4 + 1/4 + 25/4 = 13, sum of squares 22.
    const ERRORS: [f64; 4] = [1.0, -1.0, 2.0, 4.0];

    #[test]
    fn measures_are_those_of_the_table_computed_by_hand() {
        assert_figure(mean(&ERRORS), 1.5, (13.0f64 / 12.0).sqrt(), 4);
        assert_figure(empirical_se(&ERRORS), (13.0f64 / 3.0).sqrt(), (13.0f64 / 3.0).sqrt() / 6.0f64.sqrt(), 4);
        // Squares 1, 1, 4, 16: mean 11/2, squares about it 81/4 + 81/4 + 9/4 + 441/4 = 153.
        let squares = ERRORS.map(|e| e * e);
        let rmse = 5.5f64.sqrt();
        assert_figure(root_mean(&squares), rmse, (153.0f64 / 12.0).sqrt() / (2.0 * rmse), 4);
        // The model standard error of the paper: Var = 51, sqrt(51 / (4 * 4 * 5.5)).
        assert_figure(root_mean(&squares), rmse, (51.0f64 / (4.0 * 4.0 * 5.5)).sqrt(), 4);
        assert_figure(share(&[true, true, true, false]), 0.75, (0.75f64 * 0.25 / 4.0).sqrt(), 4);
        assert_eq!(median(&ERRORS), Some(1.5));
        assert_eq!((median(&ERRORS[..3]), median(&[])), (Some(1.0), None));
    }

    #[test]
    fn pooled_spread_is_that_of_the_parameters_about_their_own_means() {
        let alone: Vec<Vec<f64>> = ERRORS.iter().map(|e| vec![*e]).collect();
        assert!((pooled_empirical_se(&alone).value - empirical_se(&ERRORS).value).abs() < 1e-14);
        // A second parameter of another mean and twice the spread: variances 13/3 and 52/3 are averaged.
        let both: Vec<Vec<f64>> = ERRORS.iter().map(|e| vec![*e, 100.0 - 2.0 * e]).collect();
        let found = pooled_empirical_se(&both);
        assert!((found.value - (65.0f64 / 6.0).sqrt()).abs() < 1e-12);
        // d_r = (1 + 4) / 2 times 1/4, 25/4, 1/4, 25/4: mean 65/8, squares about it 4 (15/2)^2 = 225.
        let expected = (4.0f64 / 3.0).sqrt() * (225.0f64 / 12.0).sqrt() / (2.0 * (65.0f64 / 8.0).sqrt());
        assert!((found.mcse - expected).abs() < 1e-12);
    }

    #[test]
    fn too_few_replicates_have_no_error() {
        let one = mean(&[3.0]);
        assert!(one.value == 3.0 && one.mcse.is_nan());
        assert!(mean(&[]).value.is_nan() && empirical_se(&[1.0]).value.is_nan() && share(&[]).value.is_nan());
    }
}
