//! The log score of rows that were not fitted.

use gmm_core::{Data, Mixture, Symmetric};
use rayon::prelude::*;

use super::PredictiveError;
use super::accuracy::set_mixture;
use crate::Draws;

/// Rows of one task. Each takes up all draws again.
const ROWS: usize = 64;

/// How well rows are predicted that were not fitted: the logarithm of the predictive density at each of them. The score is
/// proper: no forecast is expected to have a higher one than that from which the rows come (Gneiting & Raftery 2007).
///
/// ```text
/// of a point estimate   ln p(x_i | theta)
/// of a posterior        ln mean_s p(x_i | theta_s)
/// ```
///
/// ```
/// use gmm_core::{Covariance, Data, Mixture};
/// use gmm_mcmc::predictive::LogScore;
/// let mixture = Mixture::new(vec![1.0], vec![vec![0.0]], vec![Covariance::isotropic(1, 1.0)?])?;
/// let score = LogScore::of_mixture(&mixture, &Data::from_rows(&[[1.0], [-1.0]])?)?;
/// let expected = -0.5 * (2.0 * std::f64::consts::PI).ln() - 0.5;
/// assert!((score.mean() - expected).abs() < 1e-12 && score.standard_error() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LogScore {
    terms: Vec<f64>,
}

impl LogScore {
    /// That of a mixture, such as a point estimate. Runs in the current rayon pool.
    ///
    /// # Errors
    /// [`PredictiveError::Columns`].
    pub fn of_mixture(mixture: &Mixture, data: &Data) -> Result<Self, PredictiveError> {
        check_columns(mixture.d(), data)?;
        let terms = (0..data.n()).into_par_iter().with_min_len(ROWS).map(|i| mixture.ln_density(data.row(i))).collect();
        Ok(Self { terms })
    }

    /// That of a posterior, from its draws. Averages over draws are taken as they come: memory grows with the rows and with the
    /// draws, not with their product. Runs in the current rayon pool; nothing depends on the number of threads.
    ///
    /// # Errors
    /// [`PredictiveError`]: other columns, or a draw that is no mixture.
    pub fn of_draws(draws: &Draws, data: &Data) -> Result<Self, PredictiveError> {
        check_columns(draws.model().d(), data)?;
        let starts: Vec<usize> = (0..data.n()).step_by(ROWS).collect();
        let groups = starts.into_par_iter().map(|start| averages(draws, data, start..(start + ROWS).min(data.n())));
        let groups: Vec<Result<Vec<f64>, PredictiveError>> = groups.collect();
        Ok(Self { terms: groups.into_iter().collect::<Result<Vec<_>, _>>()?.concat() })
    }

    /// The log density at each row.
    pub fn terms(&self) -> &[f64] {
        &self.terms
    }

    /// The sum over the rows.
    pub fn total(&self) -> f64 {
        self.terms.iter().sum()
    }

    /// The mean over the rows.
    pub fn mean(&self) -> f64 {
        self.total() / self.terms.len() as f64
    }

    /// The standard error of that mean, from the spread of the rows; NaN of a single row.
    pub fn standard_error(&self) -> f64 {
        let (n, mean) = (self.terms.len() as f64, self.mean());
        let squares: f64 = self.terms.iter().map(|term| (term - mean).powi(2)).sum();
        (squares / (n - 1.0) / n).sqrt()
    }

    /// How much better than another the same rows are predicted, row by row; none if there are not as many rows. Its standard
    /// error is that of the difference, far below those of the two scores where they are good at the same rows.
    pub fn minus(&self, other: &Self) -> Option<Self> {
        let terms = || self.terms.iter().zip(&other.terms).map(|(a, b)| a - b).collect();
        (self.terms.len() == other.terms.len()).then(|| Self { terms: terms() })
    }
}

fn check_columns(expected: usize, data: &Data) -> Result<(), PredictiveError> {
    match data.d() == expected {
        true => Ok(()),
        false => Err(PredictiveError::Columns { found: data.d(), expected }),
    }
}

/// The log of the mean density at some rows.
fn averages(draws: &Draws, data: &Data, rows: std::ops::Range<usize>) -> Result<Vec<f64>, PredictiveError> {
    let (n_chains, n_draws) = (draws.chains().len(), draws.n_draws());
    let mut sums = vec![RunningSum::default(); rows.len()];
    let mut mixture = draws.model().blank_mixture();
    let mut matrix = Symmetric::zeros(mixture.shape(), mixture.d());
    for place in (0..n_chains).flat_map(|chain| (0..n_draws).map(move |draw| (chain, draw))) {
        set_mixture(draws, place, &mut mixture, &mut matrix)?;
        sums.iter_mut().zip(rows.clone()).for_each(|(sum, row)| sum.add(mixture.ln_density(data.row(row))));
    }
    let ln_all = ((n_chains * n_draws) as f64).ln();
    Ok(sums.into_iter().map(|sum| sum.ln() - ln_all).collect())
}

/// A sum of numbers given by their logarithms, in units of the largest so far.
#[derive(Debug, Clone, Copy)]
struct RunningSum {
    ln_largest: f64,
    sum: f64,
}

impl Default for RunningSum {
    fn default() -> Self {
        Self { ln_largest: f64::NEG_INFINITY, sum: 0.0 }
    }
}

impl RunningSum {
    fn add(&mut self, ln: f64) {
        if ln > self.ln_largest {
            self.sum = self.sum * (self.ln_largest - ln).exp() + 1.0;
            self.ln_largest = ln;
        } else if ln != f64::NEG_INFINITY {
            self.sum += (ln - self.ln_largest).exp();
        }
    }

    fn ln(self) -> f64 {
        self.ln_largest + self.sum.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm_core::log_sum_exp;

    #[test]
    fn a_running_sum_is_that_of_all_at_once_in_any_order() {
        let all = [-700.0, -3.0, f64::NEG_INFINITY, -745.0, 2.5, 2.5, -1e4];
        for turn in 0..all.len() {
            let mut order = all;
            order.rotate_left(turn);
            let mut sum = RunningSum::default();
            order.iter().for_each(|ln| sum.add(*ln));
            assert!((sum.ln() - log_sum_exp(&all)).abs() < 1e-14, "{order:?}");
        }
        let mut nothing = RunningSum::default();
        nothing.add(f64::NEG_INFINITY);
        assert_eq!(nothing.ln(), f64::NEG_INFINITY);
    }

    #[test]
    fn differences_are_row_by_row() {
        let score = |terms: &[f64]| LogScore { terms: terms.to_vec() };
        let (a, b) = (score(&[-1.0, -9.0, -2.0]), score(&[-2.0, -10.0, -3.0]));
        assert_eq!((a.total(), a.mean()), (-12.0, -4.0));
        assert!((a.standard_error() - (38f64 / 2.0 / 3.0).sqrt()).abs() < 1e-12);
        let difference = a.minus(&b).unwrap();
        assert_eq!((difference.mean(), difference.standard_error()), (1.0, 0.0));
        assert_eq!(a.minus(&score(&[1.0])), None);
        assert!(score(&[1.0]).standard_error().is_nan());
    }
}
