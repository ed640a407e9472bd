//! A scan over the rows with parameters integrated out.

use gmm_core::planted::{Defect, sound};
use gmm_core::{Collapsed, Data, Degenerate, Label, Model, Statistics};
use rand::{Rng, RngExt};

/// In which order the rows are visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// From the first row to the last.
    Forward,
    /// From the last row to the first: the scan that undoes one of the other order, in distribution.
    Backward,
}

/// Row after row is allocated given all others.
#[derive(Debug)]
pub(crate) struct RowScan {
    collapsed: Collapsed,
    ln_weights: Vec<f64>,
}

impl RowScan {
    /// For a model, densities of rows raised to a power.
    pub(crate) fn new(model: &Model, power: f64) -> Result<Self, Degenerate> {
        Ok(Self { collapsed: Collapsed::new(model, power)?, ln_weights: vec![0.0; model.k()] })
    }

    /// Visits every row once, in the order asked for, and leaves the statistics of the new allocations in `statistics`, which must hold those
    /// of the old ones.
    ///
    /// The factors are computed from the statistics first, so rounding adds up over one scan at most: over as many
    /// updates as rows move. That takes O(n d^2), where the visits take O(n K d^2).
    pub(crate) fn scan(
        &mut self,
        data: &Data,
        order: Order,
        labels: &mut [Label],
        statistics: &mut Statistics,
        rng: &mut impl Rng,
    ) -> Result<(), Degenerate> {
        self.collapsed.set(statistics)?;
        for visit in 0..labels.len() {
            let i = match order {
                Order::Forward => visit,
                Order::Backward => labels.len() - 1 - visit,
            };
            let (row, own) = (data.row(i), usize::from(labels[i]));
            let counted_in = sound(Some(own), Defect::CollapsedKeepsOwnRow, None);
            let counted = self.collapsed.ln_weights(row, counted_in, &mut self.ln_weights);
            if !counted {
                collect(data, labels, Some(i), statistics);
                self.collapsed.set(statistics)?;
                self.collapsed.ln_weights(row, None, &mut self.ln_weights);
            }
            let new = draw_index(&mut self.ln_weights, rng);
            if !counted {
                self.collapsed.push(row, new);
            } else if new != own {
                if !self.collapsed.remove(row, own) {
                    collect(data, labels, Some(i), statistics);
                    self.collapsed.set(statistics)?;
                }
                self.collapsed.push(row, new);
            }
            labels[i] = new as Label;
        }
        collect(data, labels, None, statistics);
        Ok(())
    }
}

/// The statistics of an allocation of all rows but one.
fn collect(data: &Data, labels: &[Label], without: Option<usize>, statistics: &mut Statistics) {
    statistics.clear();
    for (i, (row, label)) in data.rows().zip(labels).enumerate() {
        if without != Some(i) {
            statistics.push(usize::from(*label), 1.0, row);
        }
    }
}

/// Draws an index with these log probabilities, up to a common constant; they are overwritten.
fn draw_index(ln_weights: &mut [f64], rng: &mut impl Rng) -> usize {
    let largest = ln_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut total = 0.0;
    for weight in ln_weights.iter_mut() {
        total += (*weight - largest).exp();
        *weight = total;
    }
    let at = rng.random::<f64>() * total;
    // The first cumulative sum beyond; the last index takes what rounding leaves.
    ln_weights.iter().position(|sum| at < *sum).unwrap_or(ln_weights.len() - 1)
}
