//! What a pass over rows adds up.

use crate::Shape;

/// Sums over rows: moments of each component about a centre, and the log-likelihood.
#[derive(Debug, Clone)]
pub(crate) struct Sums {
    /// Of each component in turn `sum w z z'` in the packed entries of the shape, `sum w z` (d) and `sum w`, for weights w
    /// and differences z to a centre. For a full shape that is the packed lower triangle of `sum w (z, 1) (z, 1)'`.
    moments: Vec<f64>,
    d: usize,
    /// Of one component.
    length: usize,
    /// Base 2: the largest log joint density of each row, and the logarithm of the sum relative to it.
    pub(crate) log2_largest: f64,
    pub(crate) log2_relative: f64,
}

impl Sums {
    pub(crate) fn new() -> Self {
        Self { moments: Vec::new(), d: 0, length: 0, log2_largest: 0.0, log2_relative: 0.0 }
    }

    /// Zeros for K components; allocates only when they need more room than any before.
    pub(crate) fn clear(&mut self, shape: Shape, k: usize, d: usize) {
        (self.d, self.length) = (d, shape.n_entries(d) + d + 1);
        self.moments.clear();
        self.moments.resize(k * self.length, 0.0);
        (self.log2_largest, self.log2_relative) = (0.0, 0.0);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.moments.iter_mut().zip(&other.moments).for_each(|(a, b)| *a += b);
        self.log2_largest += other.log2_largest;
        self.log2_relative += other.log2_relative;
    }

    /// The moments of component k: second, first and weight.
    #[inline(always)]
    pub(crate) fn moments_mut(&mut self, k: usize) -> &mut [f64] {
        &mut self.moments[k * self.length..(k + 1) * self.length]
    }

    /// The same apart: `sum w z z'`, `sum w z`, `sum w`.
    pub(crate) fn parts(&self, k: usize) -> (&[f64], &[f64], f64) {
        let moments = &self.moments[k * self.length..(k + 1) * self.length];
        let (rest, weight) = (&moments[..self.length - 1], moments[self.length - 1]);
        let (second, first) = rest.split_at(rest.len() - self.d);
        (second, first, weight)
    }
}
