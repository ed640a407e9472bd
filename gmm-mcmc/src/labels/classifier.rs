//! The classification probabilities of rows under one stored draw after the other.

use std::cmp::Ordering;
use std::f64::consts::TAU;
use std::ops::Range;

use gmm_core::{Data, Mixture, Symmetric};

use super::LabelError;
use crate::Draws;

/// Numbers that a task may hold at once: probabilities of some rows under all draws (16 MiB).
const MOST_NUMBERS: usize = 1 << 21;

/// The most rows of one task.
const MOST_ROWS: usize = 64;

/// The order in which the components of a draw are looked at. Each depends on how the sampler numbered them by
/// the permutation at most, so that sums over components are the same bits under any numbering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Of the pivot labels.
    Pivot,
    /// As they are listed.
    Listed,
    /// By falling weight, whatever the relabelling.
    Weights,
}

/// Classifies rows under a draw.
pub(super) struct Classifier<'a> {
    draws: &'a Draws,
    order: Order,
    mixture: Mixture,
    matrix: Symmetric,
    /// The components in their order, and `ln w_k - ln |2 pi S_k| / 2`.
    components: Vec<(usize, f64)>,
    /// In the order, as they are stored: the mixture's are divided by their sum, whose rounding depends on the
    /// numbering.
    weights: Vec<f64>,
}

impl<'a> Classifier<'a> {
    /// Of no draw yet.
    pub(super) fn new(draws: &'a Draws, order: Order) -> Self {
        let model = draws.model();
        let (mixture, matrix) = (model.blank_mixture(), Symmetric::zeros(model.shape(), model.d()));
        Self { draws, order, mixture, matrix, components: vec![(0, 0.0); model.k()], weights: Vec::new() }
    }

    /// Takes up a draw, counted through all chains.
    pub(super) fn set(&mut self, number: usize) -> Result<(), LabelError> {
        let (chain, draw) = (number / self.draws.n_draws(), number % self.draws.n_draws());
        let read = self.draws.read(chain, draw, &mut self.matrix, &mut self.mixture);
        read.map_err(|source| LabelError::NotAMixture { chain, draw, source })?;
        let permutation = self.draws.permutation(chain, draw);
        for (j, (component, _)) in self.components.iter_mut().enumerate() {
            *component = match self.order {
                Order::Pivot => usize::from(permutation[j]),
                Order::Listed => usize::from(permutation[self.draws.order()[j]]),
                Order::Weights => j,
            };
        }
        let stored = self.draws.draw(chain, draw);
        let stored = stored.weights();
        if self.order == Order::Weights {
            let mixture = &self.mixture;
            self.components.sort_by(|(a, _), (b, _)| {
                let mut means = mixture.mean(*a).iter().zip(mixture.mean(*b)).map(|(a, b)| a.total_cmp(b));
                let by_means = || means.find(|order| order.is_ne()).unwrap_or(Ordering::Equal);
                stored[*b].total_cmp(&stored[*a]).then_with(by_means)
            });
        }
        self.weights.clear();
        for (component, ln_constant) in &mut self.components {
            let ln_det = self.mixture.covariance(*component).ln_det();
            *ln_constant = stored[*component].ln() - 0.5 * (self.mixture.d() as f64 * TAU.ln() + ln_det);
            self.weights.push(stored[*component]);
        }
        Ok(())
    }

    /// The draw that was taken up, its components in the order.
    pub(super) fn mixture(&self) -> Mixture {
        let order: Vec<usize> = self.components.iter().map(|(component, _)| *component).collect();
        let mut mixture = self.mixture.permuted(&order);
        // They are those of a mixture: `set` has taken them up.
        let _ = mixture.set_weights(&self.weights);
        mixture
    }

    /// The component in place j of the order, as the sampler numbered it.
    #[cfg(test)]
    pub(super) fn component(&self, j: usize) -> usize {
        self.components[j].0
    }

    /// The probabilities (K) that a row came from each component, in the order.
    pub(super) fn probabilities(&self, row: &[f64], out: &mut [f64]) {
        let mut largest = f64::NEG_INFINITY;
        for (out, (k, ln_constant)) in out.iter_mut().zip(&self.components) {
            *out = ln_constant - 0.5 * self.mixture.covariance(*k).squared_distance(row, self.mixture.mean(*k));
            largest = largest.max(*out);
        }
        let mut sum = 0.0;
        for out in out.iter_mut() {
            *out = (*out - largest).exp();
            sum += *out;
        }
        out.iter_mut().for_each(|out| *out /= sum);
    }

    /// The probabilities of some rows under all draws, draw x row x component.
    pub(super) fn of_all_draws(&mut self, data: &Data, rows: Range<usize>) -> Result<Vec<f64>, LabelError> {
        let k = self.components.len();
        let mut all = vec![0.0; self.draws.n_all() * rows.len() * k];
        for (number, of_draw) in all.chunks_exact_mut(rows.len() * k).enumerate() {
            self.set(number)?;
            for (row, out) in rows.clone().zip(of_draw.chunks_exact_mut(k)) {
                self.probabilities(data.row(row), out);
            }
        }
        Ok(all)
    }
}

/// The rows of each task that looks at all draws.
pub(super) fn row_tasks(draws: &Draws, data: &Data) -> Vec<Range<usize>> {
    let rows = (MOST_NUMBERS / (draws.n_all() * draws.model().k())).clamp(1, MOST_ROWS);
    (0..data.n()).step_by(rows).map(|start| start..(start + rows).min(data.n())).collect()
}
