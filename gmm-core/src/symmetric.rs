//! A symmetric matrix in one of the three shapes: covariances, prior scales and scatter matrices alike.

use nalgebra::DMatrix;
use thiserror::Error;

use crate::Shape;
use crate::covariance::factorise;

/// A symmetric d x d matrix of a given [`Shape`].
///
/// The entries are stored compactly: the lower triangle by rows for `Full`, the diagonal for `Diagonal`,
/// one number v for `Isotropic`. As a *matrix* the last is v I; as a *sum of squares* it is the trace, which
/// is what the conjugate update of an isotropic covariance needs (see [`Symmetric::add_outer`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Symmetric {
    shape: Shape,
    d: usize,
    entries: Vec<f64>,
}

/// Why rows of numbers are not a symmetric matrix.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NotAMatrix {
    /// There is no entry.
    #[error("the matrix has no entries")]
    Empty,
    /// A row has the wrong length.
    #[error("row {row} of the matrix has {found} entries where {expected} were expected")]
    NotSquare {
        /// The offending row, from 0.
        row: usize,
        /// Its length.
        found: usize,
        /// The number of rows.
        expected: usize,
    },
    /// The entries (i, j) and (j, i) differ.
    #[error("the matrix is not symmetric: entry [{i}, {j}] is {upper}, entry [{j}, {i}] is {lower}")]
    NotSymmetric {
        /// Row of the upper entry.
        i: usize,
        /// Column of the upper entry.
        j: usize,
        /// Entry (i, j).
        upper: f64,
        /// Entry (j, i).
        lower: f64,
    },
    /// An entry is NaN or infinite.
    #[error("entry [{i}, {j}] of the matrix is {value}, not a finite number")]
    NotFinite {
        /// Row of the entry.
        i: usize,
        /// Column of the entry.
        j: usize,
        /// The entry.
        value: f64,
    },
}

impl Symmetric {
    /// The zero matrix.
    pub fn zeros(shape: Shape, d: usize) -> Self {
        Self { shape, d, entries: vec![0.0; shape.n_entries(d)] }
    }

    /// A full matrix from its rows.
    ///
    /// # Errors
    /// [`NotAMatrix`] unless the rows form a symmetric matrix of finite numbers (relative difference of
    /// mirrored entries at most 1e-12).
    pub fn full<R: AsRef<[f64]>>(rows: &[R]) -> Result<Self, NotAMatrix> {
        let d = rows.len();
        if d == 0 {
            return Err(NotAMatrix::Empty);
        }
        for (row, entries) in rows.iter().map(AsRef::as_ref).enumerate() {
            if entries.len() != d {
                return Err(NotAMatrix::NotSquare { row, found: entries.len(), expected: d });
            }
        }
        let at = |i: usize, j: usize| rows[i].as_ref()[j];
        let mut matrix = Self::zeros(Shape::Full, d);
        for i in 0..d {
            for j in 0..=i {
                let (lower, upper) = (at(i, j), at(j, i));
                if !lower.is_finite() {
                    return Err(NotAMatrix::NotFinite { i, j, value: lower });
                }
                if !upper.is_finite() {
                    return Err(NotAMatrix::NotFinite { i: j, j: i, value: upper });
                }
                if (lower - upper).abs() > 1e-12 * lower.abs().max(upper.abs()) {
                    return Err(NotAMatrix::NotSymmetric { i: j, j: i, upper, lower });
                }
                matrix.entries[crate::triangle::row(i) + j] = lower;
            }
        }
        Ok(matrix)
    }

    /// A diagonal matrix.
    ///
    /// # Errors
    /// [`NotAMatrix`] if there is no entry or one is not finite.
    pub fn diagonal(entries: Vec<f64>) -> Result<Self, NotAMatrix> {
        if entries.is_empty() {
            return Err(NotAMatrix::Empty);
        }
        match entries.iter().position(|v| !v.is_finite()) {
            Some(i) => Err(NotAMatrix::NotFinite { i, j: i, value: entries[i] }),
            None => Ok(Self { shape: Shape::Diagonal, d: entries.len(), entries }),
        }
    }

    /// The matrix v I in d dimensions.
    ///
    /// # Errors
    /// [`NotAMatrix`] if d is 0 or v is not finite.
    pub fn isotropic(d: usize, v: f64) -> Result<Self, NotAMatrix> {
        if d == 0 {
            return Err(NotAMatrix::Empty);
        }
        if !v.is_finite() {
            return Err(NotAMatrix::NotFinite { i: 0, j: 0, value: v });
        }
        Ok(Self { shape: Shape::Isotropic, d, entries: vec![v] })
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The dimension d.
    pub fn d(&self) -> usize {
        self.d
    }

    /// The stored entries: lower triangle by rows, diagonal, or the one number.
    pub fn entries(&self) -> &[f64] {
        &self.entries
    }

    pub(crate) fn entries_mut(&mut self) -> &mut [f64] {
        &mut self.entries
    }

    /// Entry (i, j) of the matrix.
    pub fn get(&self, i: usize, j: usize) -> f64 {
        self.shape.index(i, j).map_or(0.0, |index| self.entries[index])
    }

    /// The matrix in full, d x d.
    pub fn to_matrix(&self) -> DMatrix<f64> {
        DMatrix::from_fn(self.d, self.d, |i, j| self.get(i, j))
    }

    /// The rows of the matrix in full.
    pub fn to_rows(&self) -> Vec<Vec<f64>> {
        (0..self.d).map(|i| (0..self.d).map(|j| self.get(i, j)).collect()).collect()
    }

    /// The same matrix stored as `Full`.
    pub fn to_full(&self) -> Self {
        let mut full = Self::zeros(Shape::Full, self.d);
        for i in 0..self.d {
            for j in 0..=i {
                full.entries[crate::triangle::row(i) + j] = self.get(i, j);
            }
        }
        full
    }

    /// The part of a full matrix that a shape keeps as a *covariance*: all, the diagonal, or the mean of
    /// the diagonal.
    pub fn project(&self, shape: Shape) -> Self {
        let mut out = Self::zeros(shape, self.d);
        match shape {
            Shape::Full => return self.to_full(),
            Shape::Diagonal => (0..self.d).for_each(|i| out.entries[i] = self.get(i, i)),
            Shape::Isotropic => {
                out.entries[0] = (0..self.d).map(|i| self.get(i, i)).sum::<f64>() / self.d as f64;
            }
        }
        out
    }

    /// Whether all eigenvalues exceed a number, by the Cholesky factorisation of the matrix less that multiple of the
    /// identity; up to rounding of the matrix.
    pub fn exceeds(&self, least: f64) -> bool {
        let mut rest = self.entries.clone();
        let axes = if self.shape == Shape::Isotropic { 1 } else { self.d };
        for i in 0..axes {
            if let Some(index) = self.shape.index(i, i) {
                rest[index] -= least;
            }
        }
        factorise(self.shape, &mut rest, self.d).is_ok()
    }

    /// The smallest and the largest eigenvalue after dividing row and column j by `scales[j]`, entries of `scales` that are
    /// 0 counting as 1, as in [`Covariance::smallest_scaled_eigenvalue`](crate::Covariance::smallest_scaled_eigenvalue).
    /// `None` where they are not finite numbers.
    pub fn scaled_eigenvalue_range(&self, scales: &[f64]) -> Option<(f64, f64)> {
        let scale = |j: usize| if scales[j] > 0.0 { scales[j] } else { 1.0 };
        let entry = |i: usize, j: usize| self.get(i, j) / scale(i) / scale(j);
        if (0..self.d).any(|i| (0..=i).any(|j| !entry(i, j).is_finite())) {
            return None;
        }
        let range = match self.shape {
            Shape::Full => {
                let values = DMatrix::from_fn(self.d, self.d, entry).symmetric_eigenvalues();
                (values.min(), values.max())
            }
            Shape::Diagonal | Shape::Isotropic => {
                let of = |(least, most): (f64, f64), x: f64| (least.min(x), most.max(x));
                (0..self.d).map(|j| entry(j, j)).fold((f64::INFINITY, f64::NEG_INFINITY), of)
            }
        };
        (range.0.is_finite() && range.1.is_finite()).then_some(range)
    }

    /// Adds `weight * v v'` as the shape sees it: all products, the squares, or the sum of squares.
    pub fn add_outer(&mut self, weight: f64, v: &[f64]) {
        match self.shape {
            Shape::Full => {
                let mut entries = self.entries.iter_mut();
                for i in 0..self.d {
                    for (entry, vj) in entries.by_ref().take(i + 1).zip(v) {
                        *entry += weight * v[i] * vj;
                    }
                }
            }
            Shape::Diagonal => {
                for (entry, x) in self.entries.iter_mut().zip(v) {
                    *entry += weight * x * x;
                }
            }
            Shape::Isotropic => self.entries[0] += weight * v.iter().map(|x| x * x).sum::<f64>(),
        }
    }

    /// Adds `factor * other`, entry by entry. Both must have the same shape and dimension.
    pub fn add_scaled(&mut self, factor: f64, other: &Self) {
        debug_assert_eq!((self.shape, self.d), (other.shape, other.d));
        for (entry, x) in self.entries.iter_mut().zip(&other.entries) {
            *entry += factor * x;
        }
    }

    /// Multiplies every entry.
    pub fn scale(&mut self, factor: f64) {
        self.entries.iter_mut().for_each(|x| *x *= factor);
    }

    /// Sets every entry from another matrix of the same shape, without allocating.
    pub fn copy_from(&mut self, other: &Self) {
        debug_assert_eq!((self.shape, self.d), (other.shape, other.d));
        self.entries.copy_from_slice(&other.entries);
    }

    /// Sets the stored entries; the lengths must agree.
    pub fn set_entries(&mut self, entries: &[f64]) {
        self.entries.copy_from_slice(entries);
    }

    /// Sets every entry to zero.
    pub fn clear(&mut self) {
        self.entries.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_no_symmetric_matrix_are_refused_with_the_entry() {
        let none: [[f64; 0]; 0] = [];
        assert_eq!(Symmetric::full(&none), Err(NotAMatrix::Empty));
        assert_eq!(
            Symmetric::full(&[vec![1.0, 2.0], vec![2.0]]),
            Err(NotAMatrix::NotSquare { row: 1, found: 1, expected: 2 })
        );
        assert_eq!(
            Symmetric::full(&[[1.0, 2.0], [3.0, 4.0]]),
            Err(NotAMatrix::NotSymmetric { i: 0, j: 1, upper: 2.0, lower: 3.0 })
        );
        assert!(matches!(Symmetric::diagonal(vec![1.0, f64::INFINITY]), Err(NotAMatrix::NotFinite { i: 1, .. })));
    }

    #[test]
    fn eigenvalues_are_bounded_by_what_they_exceed_and_scale_with_the_columns() {
        // Eigenvalues 1 and 3.
        let full = Symmetric::full(&[[2.0, 1.0], [1.0, 2.0]]).unwrap();
        assert!(full.exceeds(0.999) && !full.exceeds(1.001));
        let (least, most) = full.scaled_eigenvalue_range(&[1.0, 0.0]).unwrap();
        assert!((least - 1.0).abs() < 1e-14 && (most - 3.0).abs() < 1e-14);
        // The correlation is a half.
        let (least, most) = full.project(Shape::Full).scaled_eigenvalue_range(&[2f64.sqrt(), 2f64.sqrt()]).unwrap();
        assert!((least - 0.5).abs() < 1e-14 && (most - 1.5).abs() < 1e-14);
        let diagonal = Symmetric::diagonal(vec![4.0, 3.0]).unwrap();
        assert!(diagonal.exceeds(2.9) && !diagonal.exceeds(3.1));
        assert_eq!(diagonal.scaled_eigenvalue_range(&[4.0, 1.0]), Some((0.25, 3.0)));
        let isotropic = Symmetric::isotropic(2, 4.0).unwrap();
        assert!(isotropic.exceeds(3.9) && !isotropic.exceeds(4.1));
        assert_eq!(isotropic.scaled_eigenvalue_range(&[4.0, 1.0]), Some((0.25, 4.0)));
        let mut infinite = isotropic;
        infinite.scale(f64::INFINITY);
        assert_eq!(infinite.scaled_eigenvalue_range(&[1.0, 1.0]), None);
    }

    #[test]
    fn the_shapes_of_an_outer_product_are_parts_of_the_full_one() {
        let v = [1.0, -2.0, 0.5];
        let mut full = Symmetric::zeros(Shape::Full, 3);
        full.add_outer(2.0, &v);
        let mut diagonal = Symmetric::zeros(Shape::Diagonal, 3);
        diagonal.add_outer(2.0, &v);
        let mut trace = Symmetric::zeros(Shape::Isotropic, 3);
        trace.add_outer(2.0, &v);
        assert_eq!(full.get(1, 0), -4.0);
        assert_eq!(full.project(Shape::Diagonal), diagonal);
        assert_eq!(trace.entries()[0], 3.0 * full.project(Shape::Isotropic).entries()[0]);
    }
}
