//! How much the components of a mixture overlap.

use gmm_core::Mixture;
use nalgebra::{DMatrix, DVector, SymmetricEigen};

use crate::quadratic_form::QuadraticForm;

/// The overlaps of the components of a mixture (Maitra & Melnykov 2010).
#[derive(Debug, Clone, PartialEq)]
pub struct Overlap {
    /// `P(w_j phi_j(X) > w_i phi_i(X))` for X from component i, at (i, j): K x K, 0 on the diagonal. The probability that a row
    /// of component i is rather taken for one of j.
    pub misclassified: Vec<Vec<f64>>,
    /// The mean over pairs of the sum of both probabilities; 0 for one component.
    pub average: f64,
    /// The largest of these sums; 0 for one component.
    pub maximum: f64,
}

/// Computes the overlaps, by inversion of the characteristic function of the difference of log densities, a quadratic
/// form in normal variables.
///
/// ```
/// use gmm_core::{Covariance, Mixture};
/// let means = vec![vec![0.0], vec![2.0]];
/// let mixture = Mixture::new(vec![0.5, 0.5], means, vec![Covariance::isotropic(1, 1.0)?])?;
/// // Both ways the normal probability beyond one standard deviation.
/// assert!((gmm_sim::overlap(&mixture).maximum - 2.0 * 0.15865525393145707).abs() < 1e-13);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn overlap(mixture: &Mixture) -> Overlap {
    let k = mixture.k();
    let mut misclassified = vec![vec![0.0; k]; k];
    let mut sums = Vec::new();
    for i in 0..k {
        for j in 0..i {
            misclassified[i][j] = misclassification(mixture, i, j);
            misclassified[j][i] = misclassification(mixture, j, i);
            sums.push(misclassified[i][j] + misclassified[j][i]);
        }
    }
    Overlap {
        misclassified,
        average: sums.iter().sum::<f64>() / sums.len().max(1) as f64,
        maximum: sums.iter().copied().fold(0.0, f64::max),
    }
}

/// With X = mu_i + L z, T the whitening factor of j and `A = T L`, `delta = T (mu_i - mu_j)`, in the axes of A'A (eigenvalues
/// lambda): w_j phi_j exceeds w_i phi_i where
///
/// ```text
/// sum_l (lambda_l - 1) u_l^2 + 2 (A' delta)_l u_l  <  2 ln(w_j / w_i) + ln|S_i| - ln|S_j| - |delta|^2
/// ```
fn misclassification(mixture: &Mixture, i: usize, j: usize) -> f64 {
    let (d, w) = (mixture.d(), mixture.weights());
    let (own, other) = (mixture.covariance(i), mixture.covariance(j));
    // Columns of A: the whitened images of the axes of z.
    let mut a = DMatrix::zeros(d, d);
    let mut column = vec![0.0; d];
    for l in 0..d {
        let mut axis = vec![0.0; d];
        axis[l] = 1.0;
        own.unwhiten(&mut axis);
        other.whiten(&axis, &mut column);
        a.column_mut(l).copy_from_slice(&column);
    }
    let difference: Vec<f64> = mixture.mean(i).iter().zip(mixture.mean(j)).map(|(x, y)| x - y).collect();
    other.whiten(&difference, &mut column);
    let delta = DVector::from_column_slice(&column);
    let eigen = SymmetricEigen::new(a.tr_mul(&a));
    let b = eigen.eigenvectors.tr_mul(&a.tr_mul(&delta));
    let rounding = 4.0 * d as f64 * f64::EPSILON;
    let terms = eigen.eigenvalues.iter().zip(b.iter()).map(|(lambda, b)| {
        let c = lambda - 1.0;
        (if c.abs() <= rounding { 0.0 } else { c }, *b)
    });
    let threshold = 2.0 * (w[j] / w[i]).ln() + own.ln_det() - other.ln_det() - delta.norm_squared();
    QuadraticForm::new(terms.collect()).below(threshold)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm_core::{Covariance, Streams};

    #[test]
    fn misclassified_rows_are_as_many_as_computed() {
        let covariances = vec![
            Covariance::full(&[[1.0, 0.6], [0.6, 1.0]]).unwrap(),
            Covariance::full(&[[0.3, -0.1], [-0.1, 2.0]]).unwrap(),
            Covariance::full(&[[4.0, 0.0], [0.0, 0.05]]).unwrap(),
        ];
        let means = vec![vec![0.0, 0.0], vec![1.5, 1.0], vec![0.0, 0.3]];
        let mixture = Mixture::new(vec![0.2, 0.5, 0.3], means, covariances).unwrap();
        let found = overlap(&mixture);
        let mut rng = Streams::new(3).rng(0);
        let draws = 100_000;
        let mut row = [0.0; 2];
        let mut sums = Vec::new();
        for i in 0..3 {
            let mut counts = [0; 3];
            for _ in 0..draws {
                mixture.sample_component(i, &mut rng, &mut row);
                let ln_joint = mixture.ln_joint(&row);
                (0..3).for_each(|j| counts[j] += i32::from(ln_joint[j] > ln_joint[i]));
            }
            for j in 0..3 {
                let p = found.misclassified[i][j];
                let share = f64::from(counts[j]) / f64::from(draws);
                // 6 comparisons at 4.5 standard errors: a false alarm in 24,000 seeds.
                assert!((share - p).abs() <= 4.5 * (p * (1.0 - p) / f64::from(draws)).sqrt(), "{i}, {j}: {p}, {share}");
                if j < i {
                    sums.push(p + found.misclassified[j][i]);
                }
            }
        }
        assert!((found.average - sums.iter().sum::<f64>() / 3.0).abs() < 1e-15);
        assert_eq!(found.maximum, sums.iter().copied().fold(0.0, f64::max));
    }

    #[test]
    fn components_far_apart_do_not_overlap_and_twins_cannot_be_told_apart() {
        let unit = || Covariance::isotropic(2, 1.0).unwrap();
        let mixture = |x: f64| Mixture::new(vec![0.5; 2], vec![vec![0.0; 2], vec![x, 0.0]], vec![unit()]).unwrap();
        assert!(overlap(&mixture(40.0)).maximum < 1e-80);
        assert_eq!(overlap(&mixture(0.0)).maximum, 1.0);
        assert_eq!(overlap(&Mixture::new(vec![1.0], vec![vec![0.0; 2]], vec![unit()]).unwrap()).average, 0.0);
    }
}
