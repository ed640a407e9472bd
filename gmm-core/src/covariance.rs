//! A positive definite covariance with its factor: the verbs that densities and draws are written on.

use nalgebra::DMatrix;
use thiserror::Error;

use crate::{NotAMatrix, Shape, Symmetric, triangle};

/// A covariance matrix S in one of the three shapes, with its whitening factor T.
///
/// ```text
/// T S T' = I,   T = inverse Cholesky factor (Full) | 1 / standard deviations (Diagonal) | 1 / sd (Isotropic)
/// ```
///
/// ```
/// use gmm_core::Covariance;
/// let covariance = Covariance::full(&[[4.0, 2.0], [2.0, 3.0]])?;
/// assert!((covariance.ln_det() - 8.0f64.ln()).abs() < 1e-15);
/// let mut y = [0.0; 2];
/// covariance.whiten(&[2.0, 1.0], &mut y);
/// assert_eq!(y, [1.0, 0.0]);
/// # Ok::<(), gmm_core::NotPositiveDefinite>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Covariance {
    matrix: Symmetric,
    /// Packed as the matrix is: lower triangle, diagonal, or one number.
    whitener: Vec<f64>,
    ln_det: f64,
}

/// Why a matrix is not a covariance.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NotPositiveDefinite {
    /// A pivot of the Cholesky factorisation is not positive.
    #[error("the matrix is not positive definite: pivot {pivot} of its Cholesky factorisation is {value}")]
    Pivot {
        /// The index of the pivot, from 0.
        pivot: usize,
        /// Its value.
        value: f64,
    },
    /// It is not a symmetric matrix at all.
    #[error(transparent)]
    NotAMatrix(#[from] NotAMatrix),
}

impl Covariance {
    /// A covariance from a symmetric matrix, of the matrix's shape.
    ///
    /// # Errors
    /// [`NotPositiveDefinite`] with the failing pivot.
    pub fn new(matrix: Symmetric) -> Result<Self, NotPositiveDefinite> {
        let whitener = vec![0.0; matrix.entries().len()];
        let mut covariance = Self { matrix, whitener, ln_det: 0.0 };
        covariance.factorise()?;
        Ok(covariance)
    }

    /// A full covariance from its rows.
    ///
    /// # Errors
    /// [`NotPositiveDefinite`] if the rows are no symmetric positive definite matrix.
    pub fn full<R: AsRef<[f64]>>(rows: &[R]) -> Result<Self, NotPositiveDefinite> {
        Self::new(Symmetric::full(rows)?)
    }

    /// A diagonal covariance from its variances.
    ///
    /// # Errors
    /// [`NotPositiveDefinite`] unless all variances are positive and finite.
    pub fn diagonal(variances: Vec<f64>) -> Result<Self, NotPositiveDefinite> {
        Self::new(Symmetric::diagonal(variances)?)
    }

    /// The covariance v I in d dimensions.
    ///
    /// # Errors
    /// [`NotPositiveDefinite`] unless d and v are positive and v is finite.
    pub fn isotropic(d: usize, v: f64) -> Result<Self, NotPositiveDefinite> {
        Self::new(Symmetric::isotropic(d, v)?)
    }

    /// The unit covariance of a shape, a place to write others into.
    pub(crate) fn unit(shape: Shape, d: usize) -> Self {
        let mut matrix = Symmetric::zeros(shape, d);
        set_unit(shape, matrix.entries_mut(), d);
        let whitener = matrix.entries().to_vec();
        Self { matrix, whitener, ln_det: 0.0 }
    }

    /// Sets the covariance to `scale / divisor`, without allocating.
    ///
    /// # Errors
    /// [`NotPositiveDefinite`]; the covariance must not be used then.
    pub(crate) fn set_to_quotient(&mut self, scale: &Symmetric, divisor: f64) -> Result<(), NotPositiveDefinite> {
        debug_assert_eq!(self.shape(), scale.shape());
        for (entry, s) in self.matrix.entries_mut().iter_mut().zip(scale.entries()) {
            *entry = s / divisor;
        }
        self.factorise()
    }

    /// Sets the covariance to `factor * other`, of the same shape and dimension, without allocating.
    pub(crate) fn set_to_multiple(&mut self, other: &Self, factor: f64) {
        debug_assert_eq!((self.shape(), self.d()), (other.shape(), other.d()));
        let root = factor.sqrt();
        self.matrix.entries_mut().iter_mut().zip(other.matrix.entries()).for_each(|(m, o)| *m = factor * o);
        self.whitener.iter_mut().zip(&other.whitener).for_each(|(t, o)| *t = o / root);
        self.ln_det = other.ln_det + self.d() as f64 * factor.ln();
    }

    /// Sets the whitening factor T by `fill` and the matrix from it, `S = inverse(T) inverse(T)'`. `scratch`
    /// has as many entries as the factor.
    pub(crate) fn set_whitener(&mut self, scratch: &mut [f64], fill: impl FnOnce(&mut [f64])) {
        fill(&mut self.whitener);
        let d = self.d();
        match self.shape() {
            Shape::Full => {
                triangle::set_identity(scratch, d);
                triangle::divide_right(scratch, &self.whitener, d);
                triangle::outer(scratch, self.matrix.entries_mut(), d);
            }
            Shape::Diagonal | Shape::Isotropic => {
                for (entry, t) in self.matrix.entries_mut().iter_mut().zip(&self.whitener) {
                    *entry = (1.0 / t) * (1.0 / t);
                }
            }
        }
        self.set_ln_det();
    }

    /// Sets the covariance by its Cholesky factor, `S = L L'`, packed as the entries of the shape are: the lower
    /// triangle of L, the standard deviations, or the one standard deviation. Does not allocate.
    ///
    /// ```
    /// use gmm_core::Covariance;
    /// let mut covariance = Covariance::full(&[[1.0, 0.0], [0.0, 1.0]])?;
    /// covariance.set_factor(&[2.0, 1.0, 3.0])?;
    /// assert_eq!(covariance.as_symmetric().entries(), [4.0, 2.0, 10.0]);
    /// assert!((covariance.ln_det() - 36.0f64.ln()).abs() < 1e-15);
    /// # Ok::<(), gmm_core::NotPositiveDefinite>(())
    /// ```
    ///
    /// # Errors
    /// [`NotPositiveDefinite::Pivot`] unless the diagonal is positive and matrix and inverse factor are finite; the
    /// covariance must not be used then.
    pub fn set_factor(&mut self, factor: &[f64]) -> Result<(), NotPositiveDefinite> {
        let (d, shape) = (self.d(), self.shape());
        let pivot = |i: usize| shape.index(i, i).map_or(f64::NAN, |index| factor[index]);
        let not_positive = |pivot: usize, value: f64| Err(NotPositiveDefinite::Pivot { pivot, value });
        if let Some(i) = (0..d).find(|&i| !(pivot(i) > 0.0 && pivot(i).is_finite())) {
            return not_positive(i, pivot(i));
        }
        match shape {
            Shape::Full => {
                triangle::set_identity(&mut self.whitener, d);
                triangle::divide_right(&mut self.whitener, factor, d);
                triangle::outer(factor, self.matrix.entries_mut(), d);
            }
            Shape::Diagonal | Shape::Isotropic => {
                self.whitener.iter_mut().zip(factor).for_each(|(t, sd)| *t = 1.0 / sd);
                self.matrix.entries_mut().iter_mut().zip(factor).for_each(|(v, sd)| *v = sd * sd);
            }
        }
        self.set_ln_det();
        let finite = |x: &[f64]| x.iter().all(|x| x.is_finite());
        let positive = |i: usize| self.matrix.get(i, i) > 0.0;
        match finite(&self.whitener) && finite(self.matrix.entries()) && (0..d).all(positive) {
            true => Ok(()),
            false => not_positive(0, self.matrix.get(0, 0)),
        }
    }

    /// Writes the Cholesky factor L of `S = L L'` to `factor`, packed as [`set_factor`](Self::set_factor) reads it.
    pub fn write_factor(&self, factor: &mut [f64]) {
        match self.shape() {
            Shape::Full => {
                triangle::set_identity(factor, self.d());
                triangle::divide_right(factor, &self.whitener, self.d());
            }
            Shape::Diagonal | Shape::Isotropic => {
                factor.iter_mut().zip(&self.whitener).for_each(|(sd, t)| *sd = 1.0 / t);
            }
        }
    }

    fn factorise(&mut self) -> Result<(), NotPositiveDefinite> {
        let d = self.d();
        match self.shape() {
            Shape::Full => {
                let mut stack = [0.0; 64];
                let mut heap = Vec::new();
                let l = scratch(&mut stack, &mut heap, self.whitener.len());
                l.copy_from_slice(self.matrix.entries());
                factorise(Shape::Full, l, d)?;
                triangle::set_identity(&mut self.whitener, d);
                triangle::divide_right(&mut self.whitener, l, d);
            }
            Shape::Diagonal | Shape::Isotropic => {
                self.whitener.copy_from_slice(self.matrix.entries());
                factorise(self.matrix.shape(), &mut self.whitener, d)?;
                self.whitener.iter_mut().for_each(|t| *t = 1.0 / *t);
            }
        }
        self.set_ln_det();
        match self.ln_det.is_finite() {
            true => Ok(()),
            false => Err(NotPositiveDefinite::Pivot { pivot: 0, value: self.matrix.get(0, 0) }),
        }
    }

    fn set_ln_det(&mut self) {
        let d = self.d();
        let ln_t: f64 = match self.shape() {
            Shape::Full => (0..d).map(|i| self.whitener[triangle::row(i) + i].ln()).sum(),
            Shape::Diagonal => self.whitener.iter().map(|t| t.ln()).sum(),
            Shape::Isotropic => d as f64 * self.whitener[0].ln(),
        };
        self.ln_det = -2.0 * ln_t;
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        self.matrix.shape()
    }

    /// The dimension d.
    pub fn d(&self) -> usize {
        self.matrix.d()
    }

    /// The matrix in its shape.
    pub fn as_symmetric(&self) -> &Symmetric {
        &self.matrix
    }

    /// The matrix in full, d x d.
    pub fn to_matrix(&self) -> DMatrix<f64> {
        self.matrix.to_matrix()
    }

    /// The whitening factor T, packed as the matrix's entries are.
    pub fn whitener(&self) -> &[f64] {
        &self.whitener
    }

    /// The logarithm of the determinant.
    pub fn ln_det(&self) -> f64 {
        self.ln_det
    }

    /// `y = T x`: standardised coordinates of a difference x (d).
    pub fn whiten(&self, x: &[f64], y: &mut [f64]) {
        match self.shape() {
            Shape::Full => triangle::multiply(&self.whitener, x, y),
            Shape::Diagonal => {
                for ((y, x), t) in y.iter_mut().zip(x).zip(&self.whitener) {
                    *y = t * x;
                }
            }
            Shape::Isotropic => {
                for (y, x) in y.iter_mut().zip(x) {
                    *y = self.whitener[0] * x;
                }
            }
        }
    }

    /// `x = T' y`: what [`whiten`](Self::whiten) is on the other side, so that `inverse(S) x = T' T x`.
    pub fn whiten_transposed(&self, y: &[f64], x: &mut [f64]) {
        match self.shape() {
            Shape::Full => {
                x.fill(0.0);
                for (i, y) in y.iter().enumerate() {
                    x.iter_mut().zip(triangle::row_of(&self.whitener, i)).for_each(|(x, t)| *x += t * y);
                }
            }
            Shape::Diagonal | Shape::Isotropic => self.whiten(y, x),
        }
    }

    /// `x <- inverse(T) x`, in place: gives standard normal coordinates (d) this covariance.
    pub fn unwhiten(&self, x: &mut [f64]) {
        match self.shape() {
            Shape::Full => triangle::solve(&self.whitener, x),
            Shape::Diagonal => x.iter_mut().zip(&self.whitener).for_each(|(x, t)| *x /= t),
            Shape::Isotropic => x.iter_mut().for_each(|x| *x /= self.whitener[0]),
        }
    }

    /// `|T (x - centre)|^2`, the squared Mahalanobis distance.
    pub fn squared_distance(&self, x: &[f64], centre: &[f64]) -> f64 {
        let difference = |j: usize| x[j] - centre[j];
        let d = self.d();
        match self.shape() {
            Shape::Full => {
                let row = |i: usize| triangle::row_of(&self.whitener, i).iter().enumerate();
                let y = |i: usize| row(i).map(|(j, t)| t * difference(j)).sum::<f64>();
                (0..d).map(|i| y(i).powi(2)).sum()
            }
            Shape::Diagonal => (0..d).map(|j| (self.whitener[j] * difference(j)).powi(2)).sum(),
            Shape::Isotropic => (0..d).map(|j| (self.whitener[0] * difference(j)).powi(2)).sum(),
        }
    }

    /// `out = T M T'` for a sum of squares M of the same shape (for `Isotropic` M is a trace), as is `out`.
    pub fn whiten_squares(&self, m: &Symmetric, out: &mut Symmetric) {
        debug_assert_eq!((self.shape(), self.d()), (m.shape(), m.d()));
        let out = out.entries_mut();
        match self.shape() {
            Shape::Full => {
                let (mut stack, mut heap) = ([0.0; 64], Vec::new());
                let product = scratch(&mut stack, &mut heap, self.d());
                for i in 0..self.d() {
                    // Row i of T M, then of T M T'.
                    product.fill(0.0);
                    for (a, t) in triangle::row_of(&self.whitener, i).iter().enumerate() {
                        product.iter_mut().enumerate().for_each(|(j, p)| *p += t * m.get(a, j));
                    }
                    for j in 0..=i {
                        let row = triangle::row_of(&self.whitener, j);
                        out[triangle::row(i) + j] = row.iter().zip(product.iter()).map(|(t, p)| t * p).sum();
                    }
                }
            }
            Shape::Diagonal | Shape::Isotropic => {
                for ((out, t), m) in out.iter_mut().zip(&self.whitener).zip(m.entries()) {
                    *out = t * t * m;
                }
            }
        }
    }

    /// `trace(inverse(S) M)` for a sum of squares M of the same shape (for `Isotropic` M is a trace).
    pub fn trace_of_solve(&self, m: &Symmetric) -> f64 {
        debug_assert_eq!((self.shape(), self.d()), (m.shape(), m.d()));
        match self.shape() {
            Shape::Full => {
                // t M t' for a row t of T, from the lower triangle of M.
                let quadratic = |t: &[f64]| -> f64 {
                    let term = |a: usize| {
                        let m = triangle::row_of(m.entries(), a);
                        let below: f64 = m[..a].iter().zip(t).map(|(m, t)| m * t).sum();
                        t[a] * (m[a] * t[a] + 2.0 * below)
                    };
                    (0..t.len()).map(term).sum()
                };
                (0..self.d()).map(|i| quadratic(triangle::row_of(&self.whitener, i))).sum()
            }
            Shape::Diagonal | Shape::Isotropic => self.whitener.iter().zip(m.entries()).map(|(t, m)| t * t * m).sum(),
        }
    }

    /// The smallest eigenvalue after dividing row and column j by `scales[j]`: on data with unit standard
    /// deviations when `scales` are theirs. Entries of `scales` that are 0 count as 1.
    pub fn smallest_scaled_eigenvalue(&self, scales: &[f64]) -> f64 {
        let scale = |j: usize| if scales[j] > 0.0 { scales[j] } else { 1.0 };
        let d = self.d();
        match self.shape() {
            Shape::Full => {
                let scaled = DMatrix::from_fn(d, d, |i, j| self.matrix.get(i, j) / scale(i) / scale(j));
                scaled.symmetric_eigenvalues().min()
            }
            Shape::Diagonal | Shape::Isotropic => {
                (0..d).map(|j| self.matrix.get(j, j) / scale(j) / scale(j)).fold(f64::INFINITY, f64::min)
            }
        }
    }
}

/// Replaces the packed entries of a matrix by those of its Cholesky factor: lower triangular, or square roots.
///
/// # Errors
/// [`NotPositiveDefinite::Pivot`]; the entries are then of no use.
pub(crate) fn factorise(shape: Shape, entries: &mut [f64], d: usize) -> Result<(), NotPositiveDefinite> {
    let not_positive = |(pivot, value)| NotPositiveDefinite::Pivot { pivot, value };
    match shape {
        Shape::Full => triangle::cholesky(entries, d).map_err(not_positive),
        Shape::Diagonal | Shape::Isotropic => {
            for (pivot, value) in entries.iter_mut().enumerate() {
                if !(*value > 0.0 && value.is_finite()) {
                    return Err(not_positive((pivot, *value)));
                }
                *value = value.sqrt();
            }
            Ok(())
        }
    }
}

/// Fills the packed entries of a shape with those of the identity.
pub(crate) fn set_unit(shape: Shape, entries: &mut [f64], d: usize) {
    match shape {
        Shape::Full => triangle::set_identity(entries, d),
        Shape::Diagonal | Shape::Isotropic => entries.fill(1.0),
    }
}

/// Working memory of a given length: on the stack when it fits, so that small problems do not allocate.
pub(crate) fn scratch<'a>(stack: &'a mut [f64], heap: &'a mut Vec<f64>, length: usize) -> &'a mut [f64] {
    if length <= stack.len() {
        &mut stack[..length]
    } else {
        heap.resize(length, 0.0);
        heap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_that_are_no_covariances_are_refused_with_the_pivot() {
        let error = Covariance::full(&[[1.0, 2.0], [2.0, 1.0]]).unwrap_err();
        assert_eq!(error, NotPositiveDefinite::Pivot { pivot: 1, value: -3.0 });
        assert!(Covariance::diagonal(vec![1.0, 0.0]).is_err());
        assert!(Covariance::isotropic(2, -1.0).is_err());
        assert!(Covariance::isotropic(2, f64::NAN).is_err());
    }

    #[test]
    fn the_determinant_of_a_tiny_covariance_in_many_dimensions_does_not_underflow() {
        let covariance = Covariance::isotropic(100, 1e-10).unwrap();
        assert!((covariance.ln_det() - 100.0 * 1e-10f64.ln()).abs() < 1e-9);
        let full = Covariance::new(covariance.as_symmetric().to_full()).unwrap();
        assert!((full.ln_det() - covariance.ln_det()).abs() < 1e-9);
    }

    #[test]
    fn unwhitening_undoes_whitening_in_every_shape() {
        let full = Covariance::full(&[[2.0, 0.3], [0.3, 1.0]]).unwrap();
        for shape in Shape::ALL {
            let covariance = Covariance::new(full.as_symmetric().project(shape)).unwrap();
            let x = [0.7, -1.1];
            let mut y = [0.0; 2];
            covariance.whiten(&x, &mut y);
            covariance.unwhiten(&mut y);
            for j in 0..2 {
                assert!((x[j] - y[j]).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn a_covariance_set_by_its_factor_equals_the_one_set_by_its_matrix() {
        let full = Covariance::full(&[[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.5]]).unwrap();
        for shape in Shape::ALL {
            let expected = Covariance::new(full.as_symmetric().project(shape)).unwrap();
            let mut actual = Covariance::unit(shape, 3);
            let mut scratch = vec![0.0; shape.n_entries(3)];
            actual.set_whitener(&mut scratch, |t| t.copy_from_slice(expected.whitener()));
            for (a, e) in actual.as_symmetric().entries().iter().zip(expected.as_symmetric().entries()) {
                assert!((a - e).abs() < 1e-15, "{shape:?}: {a} and {e}");
            }
            assert_eq!(actual.ln_det(), expected.ln_det());
        }
    }

    #[test]
    fn a_covariance_set_by_its_cholesky_factor_is_the_one_that_was_factorised() {
        let full = Covariance::full(&[[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.5]]).unwrap();
        for shape in Shape::ALL {
            let expected = Covariance::new(full.as_symmetric().project(shape)).unwrap();
            let mut factor = vec![0.0; shape.n_entries(3)];
            expected.write_factor(&mut factor);
            let mut actual = Covariance::unit(shape, 3);
            actual.set_factor(&factor).unwrap();
            let pairs = actual.as_symmetric().entries().iter().zip(expected.as_symmetric().entries());
            for (a, e) in pairs.chain(actual.whitener().iter().zip(expected.whitener())) {
                assert!((a - e).abs() < 1e-14, "{shape:?}: {a} and {e}");
            }
            assert!((actual.ln_det() - expected.ln_det()).abs() < 1e-14);
            for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-320, 1e-200, 1e200] {
                factor[0] = bad;
                assert!(actual.set_factor(&factor).is_err(), "{shape:?}: {bad}");
            }
        }
    }

    #[test]
    fn whitened_squares_and_transposes_agree_with_the_traces_and_products_they_stand_for() {
        let full = Covariance::full(&[[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.5]]).unwrap();
        let (x, y) = ([0.7, -1.1, 0.4], [1.0, 2.0, -0.5]);
        for shape in Shape::ALL {
            let covariance = Covariance::new(full.as_symmetric().project(shape)).unwrap();
            let mut squares = Symmetric::zeros(shape, 3);
            squares.add_outer(1.5, &x);
            squares.add_outer(0.5, &y);
            let mut whitened = Symmetric::zeros(shape, 3);
            covariance.whiten_squares(&squares, &mut whitened);
            let trace: f64 = match shape {
                Shape::Isotropic => whitened.entries()[0],
                Shape::Full | Shape::Diagonal => (0..3).map(|i| whitened.get(i, i)).sum(),
            };
            assert!((trace - covariance.trace_of_solve(&squares)).abs() < 1e-14, "{shape:?}");
            let (mut tx, mut ty) = ([0.0; 3], [0.0; 3]);
            covariance.whiten(&x, &mut tx);
            covariance.whiten_transposed(&y, &mut ty);
            let dot = |a: &[f64; 3], b: &[f64; 3]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            assert!((dot(&tx, &y) - dot(&x, &ty)).abs() < 1e-15, "{shape:?}");
        }
    }
}
