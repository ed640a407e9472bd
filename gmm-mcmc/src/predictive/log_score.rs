//! The log score of rows that were not fitted.

use std::ops::Range;

use gmm_core::{Data, DensitySums, Mixture, RowDensities, Symmetric, ln_densities};
use rayon::prelude::*;

use super::PredictiveError;
use crate::Draws;

/// Rows of one task: a block of the kernel.
const ROWS: usize = 512;

/// Tasks that there are at least, if there are as many draws: where there are few rows each task takes some of the draws.
const TASKS: usize = 32;

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
        let mut terms = vec![0.0; data.n()];
        ln_densities(data, mixture, &mut terms);
        Ok(Self { terms })
    }

    /// That of a posterior, from its draws. Averages over draws are taken as they come: memory grows with the rows and with the
    /// draws, not with their product. Runs in the current rayon pool; nothing depends on the number of threads.
    ///
    /// # Errors
    /// [`PredictiveError`]: other columns, or a draw that is no mixture.
    pub fn of_draws(draws: &Draws, data: &Data) -> Result<Self, PredictiveError> {
        check_columns(draws.model().d(), data)?;
        let (groups, all) = (data.n().div_ceil(ROWS), draws.chains().len() * draws.n_draws());
        let stretches = TASKS.div_ceil(groups).min(all);
        let tasks = (0..groups * stretches).into_par_iter().map(|task| {
            let (group, stretch) = (task / stretches, task % stretches);
            let rows = group * ROWS..((group + 1) * ROWS).min(data.n());
            // Products of 128 bits, which no counts overflow.
            let bound = |stretch: usize| (stretch as u128 * all as u128 / stretches as u128) as usize;
            sums(draws, data, rows, bound(stretch)..bound(stretch + 1))
        });
        let sums = tasks.collect::<Vec<_>>().into_iter().collect::<Result<Vec<_>, _>>()?;
        let ln_all = (all as f64).ln();
        let mut terms = Vec::with_capacity(data.n());
        for sums in sums.chunks(stretches) {
            let mut total = sums[0].clone();
            sums[1..].iter().for_each(|sums| total.merge(sums));
            terms.extend(total.ln().into_iter().map(|ln| ln - ln_all));
        }
        Ok(Self { terms })
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

/// The sums of densities at some rows under some draws, counted chain after chain.
fn sums(draws: &Draws, data: &Data, rows: Range<usize>, some: Range<usize>) -> Result<DensitySums, PredictiveError> {
    let (d, n_draws) = (data.d(), draws.n_draws());
    let mut sums = DensitySums::new(rows.len());
    let mut packed = RowDensities::new(&data.values()[rows.start * d..rows.end * d], d);
    let mut mixture = draws.model().blank_mixture();
    let mut matrix = Symmetric::zeros(mixture.shape(), d);
    for (chain, draw) in some.map(|s| (s / n_draws, s % n_draws)) {
        let read = draws.read(chain, draw, &mut matrix, &mut mixture);
        read.map_err(|source| PredictiveError::Mixture { chain, draw, source })?;
        packed.add_to(&mixture, &mut sums);
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

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
