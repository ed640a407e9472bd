//! Eigenvalues and eigenvectors of a symmetric matrix in its shape.

use crate::{Shape, Symmetric};

/// Sweeps of Jacobi's method: it converges quadratically, in six to ten; what is left then is rounding.
const SWEEPS: usize = 40;

/// `M = sum_l value_l v_l v_l'` with orthonormal v, in the shape of M: for `Diagonal` the axes, for `Isotropic` one value
/// of multiplicity d.
///
/// By Jacobi's method with the stopping rule `|m_ij| <= eps sqrt(m_ii m_jj)`, which finds the small eigenvalues of a
/// positive definite matrix as precisely as those of its correlations, however different the units of the columns are
/// (Demmel & Veselic 1992, "Jacobi's method is more accurate than QR").
///
/// ```
/// use gmm_core::{Eigen, Symmetric};
/// let mut matrix = Symmetric::full(&[[2.0, 1.0], [1.0, 2.0]])?;
/// let mut eigen = Eigen::of(&matrix);
/// assert!((eigen.values()[0] - 1.0).abs() < 1e-15 && (eigen.values()[1] - 3.0).abs() < 1e-15);
/// assert!((eigen.vector(0, 2)[0] + eigen.vector(0, 2)[1]).abs() < 1e-15);
/// eigen.values_mut()[0] = 3.0;
/// eigen.write(&mut matrix);
/// assert!((matrix.get(0, 0) - 3.0).abs() < 1e-15 && matrix.get(1, 0).abs() < 1e-15);
/// # Ok::<(), gmm_core::NotAMatrix>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Eigen {
    values: Vec<f64>,
    /// d x d, vector after vector; nothing but for `Full`.
    vectors: Vec<f64>,
}

impl Eigen {
    /// The eigenvalues of a matrix, in no particular order, and their vectors. Where an entry is not finite neither are
    /// they.
    pub fn of(matrix: &Symmetric) -> Self {
        let d = matrix.d();
        match matrix.shape() {
            Shape::Diagonal | Shape::Isotropic => Self { values: matrix.entries().to_vec(), vectors: Vec::new() },
            Shape::Full => {
                let mut m: Vec<f64> = (0..d * d).map(|i| matrix.get(i / d, i % d)).collect();
                let mut vectors: Vec<f64> = (0..d * d).map(|i| if i / d == i % d { 1.0 } else { 0.0 }).collect();
                for _ in 0..SWEEPS {
                    if !rotate_all(&mut m, &mut vectors, d) {
                        break;
                    }
                }
                Self { values: (0..d).map(|i| m[i * d + i]).collect(), vectors }
            }
        }
    }

    /// The eigenvalues: d, for `Isotropic` 1.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The eigenvalues, to be changed.
    pub fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// The vector of the value in a place (d); for `Diagonal` and `Isotropic` the axis of that number.
    pub fn vector(&self, place: usize, d: usize) -> Vec<f64> {
        match self.vectors.chunks_exact(d.max(1)).nth(place) {
            Some(vector) => vector.to_vec(),
            None => (0..d).map(|i| if i == place { 1.0 } else { 0.0 }).collect(),
        }
    }

    /// Writes the matrix of these values and vectors to one of the same shape and dimension.
    pub fn write(&self, matrix: &mut Symmetric) {
        let d = matrix.d();
        if matrix.shape() != Shape::Full {
            return matrix.entries_mut().copy_from_slice(&self.values);
        }
        matrix.clear();
        for (value, vector) in self.values.iter().zip(self.vectors.chunks_exact(d)) {
            matrix.add_outer(*value, vector);
        }
    }
}

/// One sweep: rotates every pair of axes whose entry is not negligible. Says whether there was one.
fn rotate_all(m: &mut [f64], vectors: &mut [f64], d: usize) -> bool {
    let mut rotated = false;
    for p in 0..d {
        for q in p + 1..d {
            let (mpp, mqq, mpq) = (m[p * d + p], m[q * d + q], m[p * d + q]);
            if mpq.abs() <= f64::EPSILON * mpp.abs().sqrt() * mqq.abs().sqrt() {
                continue;
            }
            rotated = true;
            let cotangent = (mqq - mpp) / (2.0 * mpq);
            let t = cotangent.signum() / (cotangent.abs() + cotangent.hypot(1.0));
            let cosine = 1.0 / t.hypot(1.0);
            let sine = t * cosine;
            for r in (0..d).filter(|r| *r != p && *r != q) {
                let (a, b) = (m[r * d + p], m[r * d + q]);
                let (a, b) = (cosine * a - sine * b, sine * a + cosine * b);
                (m[r * d + p], m[p * d + r], m[r * d + q], m[q * d + r]) = (a, a, b, b);
            }
            (m[p * d + p], m[q * d + q]) = (mpp - t * mpq, mqq + t * mpq);
            (m[p * d + q], m[q * d + p]) = (0.0, 0.0);
            for j in 0..d {
                let (a, b) = (vectors[p * d + j], vectors[q * d + j]);
                (vectors[p * d + j], vectors[q * d + j]) = (cosine * a - sine * b, sine * a + cosine * b);
            }
        }
    }
    rotated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Streams;
    use rand::RngExt;

    fn random(d: usize, rank: usize, scales: &[f64]) -> Symmetric {
        let mut rng = Streams::new(31).rng((d + 100 * rank) as u64);
        let mut matrix = Symmetric::zeros(Shape::Full, d);
        for _ in 0..rank {
            let v: Vec<f64> = (0..d).map(|j| scales[j % scales.len()] * rng.random_range(-1.0..1.0)).collect();
            matrix.add_outer(1.0, &v);
        }
        matrix
    }

    #[test]
    fn values_and_orthonormal_vectors_give_the_matrix_back() {
        for (d, rank) in [(1, 1), (2, 2), (3, 1), (5, 9), (12, 4), (30, 40)] {
            let matrix = random(d, rank, &[1.0]);
            let eigen = Eigen::of(&matrix);
            let mut back = matrix.clone();
            eigen.write(&mut back);
            let size = matrix.entries().iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            for (x, y) in matrix.entries().iter().zip(back.entries()) {
                assert!((x - y).abs() < 1e-13 * size, "{d}: {x} and {y}");
            }
            for a in eigen.vectors.chunks_exact(d) {
                for b in eigen.vectors.chunks_exact(d) {
                    let dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                    let expected = if std::ptr::eq(a, b) { 1.0 } else { 0.0 };
                    assert!((dot - expected).abs() < 1e-13, "{d}: {dot}");
                }
            }
            let zeros = eigen.values().iter().filter(|value| value.abs() < 1e-13 * size).count();
            assert_eq!(zeros, d.saturating_sub(rank));
        }
    }

    #[test]
    fn small_eigenvalues_keep_their_digits_whatever_the_units() {
        // To first order in the ratio of units: the small eigenvalue is what is left of its variance by regression.
        let matrix = Symmetric::full(&[[1e200, 0.5e20], [0.5e20, 1e-160]]).unwrap();
        let eigen = Eigen::of(&matrix);
        let smallest = eigen.values().iter().copied().fold(f64::INFINITY, f64::min);
        assert!((smallest / 0.75e-160 - 1.0).abs() < 1e-14, "{smallest:e}");
        let mut back = matrix.clone();
        eigen.write(&mut back);
        for (x, y) in matrix.entries().iter().zip(back.entries()) {
            assert!((x / y - 1.0).abs() < 1e-14, "{x:e} and {y:e}");
        }
        // Columns of units 1e6 apart: the determinant is the product of the values.
        let graded = random(6, 9, &[1e-6, 1.0, 1e6]);
        let ln_det = crate::Covariance::new(graded.clone()).unwrap().ln_det();
        let sum: f64 = Eigen::of(&graded).values().iter().map(|value| value.ln()).sum();
        assert!((sum - ln_det).abs() < 1e-11, "{sum} and {ln_det}");
    }

    #[test]
    fn what_is_not_finite_ends() {
        let mut matrix = random(3, 3, &[1.0]);
        matrix.scale(f64::INFINITY);
        assert!(Eigen::of(&matrix).values().iter().any(|value| !value.is_finite()));
    }
}
