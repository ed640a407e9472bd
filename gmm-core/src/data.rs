//! The observed rows: n points in R^d, checked once so that nothing later has to.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use thiserror::Error;

/// Rows of one task in a pass over all of them.
const CHUNK: usize = 1 << 16;

/// Rows of finite numbers, row after row: in memory of their own, or in memory that something else owns, such as a
/// mapped file ([`Data::shared`]).
///
/// ```
/// use gmm_core::Data;
/// let data = Data::from_rows(&[vec![1.0, 2.0], vec![3.0, 5.0]])?;
/// assert_eq!((data.n(), data.d()), (2, 2));
/// assert_eq!(data.row(1), &[3.0, 5.0]);
/// assert_eq!(data.means(), vec![2.0, 3.5]);
/// # Ok::<(), gmm_core::DataError>(())
/// ```
#[derive(Clone)]
pub struct Data {
    values: Values,
    n: usize,
    d: usize,
    /// Computed when first asked for.
    standard_deviations: OnceLock<Vec<f64>>,
}

#[derive(Clone)]
enum Values {
    Owned(Vec<f64>),
    Shared(Arc<dyn AsRef<[f64]> + Send + Sync>),
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Data").field("n", &self.n).field("d", &self.d).finish_non_exhaustive()
    }
}

/// Two tables are equal when their values are, wherever they are stored.
impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        self.d == other.d && self.values() == other.values()
    }
}

/// Why numbers are not [`Data`]. Rows and columns count from 0.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum DataError {
    /// There is no row, or rows have no column.
    #[error("there are no data: {n} rows of {d} columns")]
    Empty {
        /// Number of rows.
        n: usize,
        /// Number of columns.
        d: usize,
    },
    /// The rows do not all have the same number of columns.
    #[error("row {row} has {found} columns where {expected} were expected")]
    Ragged {
        /// The offending row.
        row: usize,
        /// Its number of columns.
        found: usize,
        /// The number of columns of the first row.
        expected: usize,
    },
    /// A value is NaN or infinite.
    #[error("row {row}, column {column}: {value} is not a finite number")]
    NotFinite {
        /// The row of the value.
        row: usize,
        /// The column of the value.
        column: usize,
        /// The value.
        value: f64,
    },
    /// A value is so large that its square leaves the range of a double.
    #[error("row {row}, column {column}: {value:e} is beyond {limit:e}; rescale the column", limit = Data::LARGEST)]
    TooLarge {
        /// The row of the value.
        row: usize,
        /// The column of the value.
        column: usize,
        /// The value.
        value: f64,
    },
}

impl Data {
    /// The largest magnitude of a value: squares of differences, summed over rows, stay finite.
    ///
    /// With x the limit a sum of squares over n rows of d columns reaches `4 n d x^2`, and the square of a sum, by which a
    /// scatter is brought to another centre, `4 n^2 d x^2`. At 1e150 the latter leaves the range of doubles (1.8e308)
    /// beyond a few thousand rows; at 1e100 there is room for any n.
    pub const LARGEST: f64 = 1e100;

    /// Data from `n * d` values, row after row.
    ///
    /// # Errors
    /// [`DataError`] if there is no row or column, the last row is not whole, or a value is not finite
    /// or beyond [`Data::LARGEST`].
    pub fn new(values: Vec<f64>, d: usize) -> Result<Self, DataError> {
        Self::checked(Values::Owned(values), d)
    }

    /// Data in memory that something else owns: `n * d` values, row after row, which must not change.
    ///
    /// ```
    /// use std::sync::Arc;
    /// let data = gmm_core::Data::shared(Arc::new([1.0, 2.0, 3.0, 5.0]), 2)?;
    /// assert_eq!(data.row(1), &[3.0, 5.0]);
    /// # Ok::<(), gmm_core::DataError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Data::new`].
    pub fn shared(values: Arc<dyn AsRef<[f64]> + Send + Sync>, d: usize) -> Result<Self, DataError> {
        Self::checked(Values::Shared(values), d)
    }

    fn checked(values: Values, d: usize) -> Result<Self, DataError> {
        let all = values.as_slice();
        let n = all.len().checked_div(d).unwrap_or(0);
        if n == 0 {
            return Err(DataError::Empty { n, d });
        }
        if n * d != all.len() {
            return Err(DataError::Ragged { row: n, found: all.len() - n * d, expected: d });
        }
        if let Some(i) = first_unusable(all) {
            let (row, column, value) = (i / d, i % d, all[i]);
            return Err(match value.is_finite() {
                true => DataError::TooLarge { row, column, value },
                false => DataError::NotFinite { row, column, value },
            });
        }
        Ok(Self { values, n, d, standard_deviations: OnceLock::new() })
    }

    /// Data from rows of equal length.
    ///
    /// # Errors
    /// [`DataError`], as [`Data::new`], and if the rows differ in length.
    pub fn from_rows<R: AsRef<[f64]>>(rows: &[R]) -> Result<Self, DataError> {
        let d = rows.first().map_or(0, |row| row.as_ref().len());
        for (row, found) in rows.iter().map(|row| row.as_ref().len()).enumerate() {
            if found != d {
                return Err(DataError::Ragged { row, found, expected: d });
            }
        }
        Self::new(rows.iter().flat_map(|row| row.as_ref()).copied().collect(), d)
    }

    /// Replaces these rows by the given ones of other data (at least one), in memory that is reused.
    ///
    /// ```
    /// use gmm_core::Data;
    /// let all = Data::new(vec![1.0, 2.0, 3.0, 4.0], 1)?;
    /// let mut batch = Data::new(vec![0.0], 1)?;
    /// batch.copy_rows(&all, [3, 1])?;
    /// assert_eq!(batch.values(), [4.0, 2.0]);
    /// # Ok::<(), gmm_core::DataError>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::Empty`] if there is no row to copy; nothing is changed then.
    ///
    /// # Panics
    /// If `other` has no such row: a fault of the caller's code, not of data.
    pub fn copy_rows(&mut self, other: &Self, rows: impl IntoIterator<Item = usize>) -> Result<(), DataError> {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return Err(DataError::Empty { n: 0, d: other.d });
        }
        let mut values = match std::mem::replace(&mut self.values, Values::Owned(Vec::new())) {
            Values::Owned(values) => values,
            Values::Shared(_) => Vec::new(),
        };
        values.clear();
        rows.for_each(|row| values.extend_from_slice(other.row(row)));
        (self.n, self.d) = (values.len() / other.d, other.d);
        self.values = Values::Owned(values);
        self.standard_deviations = OnceLock::new();
        Ok(())
    }

    /// Number of rows.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Number of columns.
    pub fn d(&self) -> usize {
        self.d
    }

    /// Row `i`, of length d.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.values()[i * self.d..(i + 1) * self.d]
    }

    /// All rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values().chunks_exact(self.d)
    }

    /// All `n * d` values, row after row.
    pub fn values(&self) -> &[f64] {
        self.values.as_slice()
    }

    /// Column means (d), computed about the first row so that a common offset costs no digits.
    pub fn means(&self) -> Vec<f64> {
        let origin = self.row(0);
        let sums = self.sums(|row, sums| {
            for j in 0..row.len() {
                sums[j] += row[j] - origin[j];
            }
        });
        sums.iter().zip(origin).map(|(sum, o)| o + sum / self.n as f64).collect()
    }

    /// Column standard deviations (d), with divisor n; 0 for a constant column.
    pub fn standard_deviations(&self) -> &[f64] {
        self.standard_deviations.get_or_init(|| {
            let (means, first) = (self.means(), self.row(0));
            let sums = self.sums(|row, sums| {
                for j in 0..row.len() {
                    sums[j] += (row[j] - means[j]).powi(2);
                }
            });
            let is_constant = |j: usize| self.rows().all(|row| row[j] == first[j]);
            let sd = |j: usize| if is_constant(j) { 0.0 } else { (sums[j] / self.n as f64).sqrt() };
            (0..self.d).map(sd).collect()
        })
    }

    /// Adds up d numbers over all rows.
    fn sums(&self, add_row: impl Fn(&[f64], &mut [f64]) + Sync) -> Vec<f64> {
        let of_chunk = |rows: &[f64]| {
            let mut sums = vec![0.0; self.d];
            rows.chunks_exact(self.d).for_each(|row| add_row(row, &mut sums));
            sums
        };
        let mut total = vec![0.0; self.d];
        self.in_chunks(of_chunk, |sums| total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum));
        total
    }

    /// One pass over the rows: chunks of fixed size in parallel, what they give in order, so that nothing depends on the
    /// number of threads.
    pub(crate) fn in_chunks<T: Send>(&self, of_chunk: impl Fn(&[f64]) -> T + Sync, mut add: impl FnMut(T)) {
        let size = self.d.saturating_mul(CHUNK);
        if self.n <= CHUNK {
            return add(of_chunk(self.values()));
        }
        // In waves: what chunks give is not held for all of them.
        for rows in self.values().chunks(size.saturating_mul(4 * rayon::current_num_threads().max(1))) {
            rows.par_chunks(size).map(&of_chunk).collect::<Vec<T>>().into_iter().for_each(&mut add);
        }
    }
}

/// The first value that is not finite or beyond [`Data::LARGEST`].
fn first_unusable(values: &[f64]) -> Option<usize> {
    let usable = |x: &f64| x.abs() <= Data::LARGEST;
    let in_chunk = |(index, chunk): (usize, &[f64])| {
        // Without a branch in the loop: it is vectorised.
        let all_usable = chunk.iter().fold(true, |all, x| all & usable(x));
        if all_usable { None } else { chunk.iter().position(|x| !usable(x)).map(|i| index * CHUNK + i) }
    };
    match values.len() <= CHUNK {
        true => in_chunk((0, values)),
        false => values.par_chunks(CHUNK).enumerate().find_map_first(in_chunk),
    }
}

impl Values {
    fn as_slice(&self) -> &[f64] {
        match self {
            Values::Owned(values) => values,
            Values::Shared(values) => (**values).as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_table_of_finite_numbers_is_refused_with_its_place() {
        let no_rows: [Vec<f64>; 0] = [];
        assert_eq!(Data::from_rows(&no_rows), Err(DataError::Empty { n: 0, d: 0 }));
        assert_eq!(
            Data::from_rows(&[vec![1.0, 2.0], vec![3.0]]),
            Err(DataError::Ragged { row: 1, found: 1, expected: 2 })
        );
        assert!(matches!(
            Data::from_rows(&[vec![1.0, 2.0], vec![3.0, f64::NAN]]),
            Err(DataError::NotFinite { row: 1, column: 1, .. })
        ));
        assert!(matches!(Data::new(vec![1e150], 1), Err(DataError::TooLarge { row: 0, column: 0, .. })));
        assert!(matches!(Data::new(vec![1.0, 2.0, 3.0], 2), Err(DataError::Ragged { row: 1, .. })));
    }

    #[test]
    fn many_rows_are_checked_and_added_up_as_few_are() {
        let n = 3 * CHUNK + 17;
        let mut values: Vec<f64> = (0..2 * n).map(|i| 1e9 + (i % 1000) as f64).collect();
        let data = Data::new(values.clone(), 2).unwrap();
        let mean = |j: usize| (0..n).map(|i| values[2 * i + j] - 1e9).sum::<f64>() / n as f64;
        assert!((data.means()[0] - 1e9 - mean(0)).abs() < 1e-6);
        let mean_1 = mean(1);
        let square = (0..n).map(|i| (values[2 * i + 1] - 1e9 - mean_1).powi(2)).sum::<f64>();
        assert!((data.standard_deviations()[1] - (square / n as f64).sqrt()).abs() < 1e-6);
        let on_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let fresh = Data::new(values.clone(), 2).unwrap();
            pool.install(|| (fresh.means(), fresh.standard_deviations().to_vec()))
        };
        assert_eq!(on_threads(1), on_threads(3));
        values[5 * CHUNK] = f64::NAN;
        values[5 * CHUNK - 1] = -1e101;
        let place = 5 * CHUNK - 1;
        let expected = DataError::TooLarge { row: place / 2, column: place % 2, value: -1e101 };
        assert_eq!(Data::new(values, 2), Err(expected));
    }

    #[test]
    fn a_constant_column_has_standard_deviation_zero_at_any_offset() {
        let data = Data::from_rows(&[[0.1 + 1e9, 1.0], [0.1 + 1e9, 2.0], [0.1 + 1e9, 4.0]]).unwrap();
        assert_eq!(data.standard_deviations()[0], 0.0);
        assert!((data.standard_deviations()[1] - (14.0f64 / 9.0).sqrt()).abs() < 1e-15);
    }
}
