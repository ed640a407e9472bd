//! Weighted, centred sufficient statistics of each component, with a merge that loses nothing.

use crate::covariance::scratch;
use crate::{Data, Shape, Symmetric};

/// For each of K components: total weight, weighted mean (d) and weighted scatter about that mean.
///
/// ```text
/// N_k = sum_i r_ik,   xbar_k = sum_i r_ik x_i / N_k,   W_k = sum_i r_ik (x_i - xbar_k)(x_i - xbar_k)'
/// ```
///
/// Scatter keeps what its shape needs: the matrix, its diagonal, or its trace. Merging follows Chan, Golub &
/// LeVeque (1979), never raw sums of squares.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    weights: Vec<f64>,
    /// K x d.
    means: Vec<f64>,
    scatters: Vec<Symmetric>,
    d: usize,
}

impl Statistics {
    /// Statistics of no rows.
    pub fn new(shape: Shape, k: usize, d: usize) -> Self {
        Self { weights: vec![0.0; k], means: vec![0.0; k * d], scatters: vec![Symmetric::zeros(shape, d); k], d }
    }

    /// Statistics of a partition: row i belongs to component `labels[i]`, below `k`.
    pub fn from_partition(data: &Data, labels: &[usize], shape: Shape, k: usize) -> Self {
        let mut statistics = Self::new(shape, k, data.d());
        for (row, &label) in data.rows().zip(labels) {
            statistics.push(label, 1.0, row);
        }
        statistics
    }

    /// Sets all to those of no rows.
    pub fn clear(&mut self) {
        self.weights.fill(0.0);
        self.means.fill(0.0);
        self.scatters.iter_mut().for_each(Symmetric::clear);
    }

    /// Statistics of all rows in one component.
    pub fn of_all(data: &Data, shape: Shape) -> Self {
        let of_chunk = |rows: &[f64]| {
            let mut statistics = Self::new(shape, 1, data.d());
            rows.chunks_exact(data.d()).for_each(|row| statistics.push(0, 1.0, row));
            statistics
        };
        let mut all = Self::new(shape, 1, data.d());
        data.in_chunks(of_chunk, |statistics| all.merge(&statistics));
        all
    }

    /// Number of components K.
    pub fn k(&self) -> usize {
        self.weights.len()
    }

    /// Dimension d.
    pub fn d(&self) -> usize {
        self.d
    }

    /// Total weights N (K).
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Mean (d) of component k; meaningless where its weight is 0.
    pub fn mean(&self, k: usize) -> &[f64] {
        &self.means[k * self.d..(k + 1) * self.d]
    }

    /// Scatter of component k about its mean.
    pub fn scatter(&self, k: usize) -> &Symmetric {
        &self.scatters[k]
    }

    /// Adds a row (d) with a weight to component k.
    pub fn push(&mut self, k: usize, weight: f64, row: &[f64]) {
        if weight <= 0.0 {
            return;
        }
        let before = self.weights[k];
        self.weights[k] += weight;
        let mean = &mut self.means[k * self.d..(k + 1) * self.d];
        let (mut stack, mut heap) = ([0.0; 64], Vec::new());
        let difference = scratch(&mut stack, &mut heap, row.len());
        let fraction = weight / self.weights[k];
        for ((z, m), x) in difference.iter_mut().zip(mean).zip(row) {
            *z = x - *m;
            *m += fraction * *z;
        }
        self.scatters[k].add_outer(before * fraction, difference);
    }

    /// Multiplies the weight of every row by a factor: the statistics of a sample of rows then stand for all.
    pub fn scale(&mut self, factor: f64) {
        self.weights.iter_mut().for_each(|weight| *weight *= factor);
        self.scatters.iter_mut().for_each(|scatter| scatter.scale(factor));
    }

    /// Merges the statistics of other rows into these.
    pub fn merge(&mut self, other: &Self) {
        debug_assert_eq!((self.k(), self.d), (other.k(), other.d));
        for k in 0..self.k() {
            let (a, b) = (self.weights[k], other.weights[k]);
            if b <= 0.0 {
                continue;
            }
            let fraction = b / (a + b);
            let mean = &mut self.means[k * self.d..(k + 1) * self.d];
            let difference: Vec<f64> = other.mean(k).iter().zip(mean.iter()).map(|(y, x)| y - x).collect();
            mean.iter_mut().zip(&difference).for_each(|(m, x)| *m += fraction * x);
            self.scatters[k].add_scaled(1.0, &other.scatters[k]);
            self.scatters[k].add_outer(a * fraction, &difference);
            self.weights[k] = a + b;
        }
    }

    /// Sets component k from sums about a centre c: `weight`, `first = sum r (x - c)` (d) and the packed
    /// entries `second = sum r (x - c)(x - c)'`. A component without weight keeps the centre as its mean.
    pub(crate) fn set_from_sums(&mut self, k: usize, centre: &[f64], weight: f64, first: &[f64], second: &[f64]) {
        self.weights[k] = weight;
        let mean = &mut self.means[k * self.d..(k + 1) * self.d];
        let scatter = &mut self.scatters[k];
        // Below the smallest normal number a quotient of sums has no digits.
        if weight < f64::MIN_POSITIVE {
            self.weights[k] = 0.0;
            mean.copy_from_slice(centre);
            scatter.clear();
            return;
        }
        scatter.entries_mut().copy_from_slice(second);
        scatter.add_outer(-1.0 / weight, first);
        for ((m, c), s) in mean.iter_mut().zip(centre).zip(first) {
            *m = c + s / weight;
        }
        // What cancels to below zero is zero.
        for j in 0..self.d {
            if let Some(index) = scatter.shape().index(j, j) {
                let entry = &mut scatter.entries_mut()[index];
                *entry = entry.max(0.0);
            }
        }
    }
}
