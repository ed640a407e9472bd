//! Undoing label switching: which component of a draw is which of a pivot partition.

use gmm_core::{Assignment, Dirichlet, Label};

/// Equivalence-class representatives (Papastamoulis & Iliopoulos 2010): the assignment of the K labels of a pivot
/// partition to the K components of a draw that makes the two partitions agree on the most rows. Entry j is the
/// component of the draw that takes the place of pivot label j.
///
/// Components are exchangeable only where their concentrations are equal; others are never exchanged.
///
/// ```
/// use gmm_core::Model;
/// let weights = Model::dirichlet(vec![1.0; 2])?;
/// assert_eq!(gmm_mcmc::match_components(&[0, 0, 1], &[1, 1, 0], &weights), vec![1, 0]);
/// # Ok::<(), gmm_core::ModelError>(())
/// ```
pub fn match_components(pivot: &[Label], labels: &[Label], weights: &Dirichlet) -> Vec<usize> {
    ComponentMatcher::new(pivot, weights).match_components(labels).to_vec()
}

/// Rows that follow each other are often in the same components: counted in one place, each would wait for the last.
const WAYS: usize = 4;

/// Matches draw after draw with one pivot partition, without allocating.
#[derive(Debug)]
pub(crate) struct ComponentMatcher<'a> {
    pivot: &'a [Label],
    concentration: &'a [f64],
    /// Rows by pivot label and component of the draw, K x K; every fourth row in the same place.
    counts: Vec<[u32; WAYS]>,
    costs: Vec<f64>,
    assignment: Assignment,
}

impl<'a> ComponentMatcher<'a> {
    /// For a pivot (n) and the prior of the weights.
    pub(crate) fn new(pivot: &'a [Label], weights: &'a Dirichlet) -> Self {
        let k = weights.k();
        Self {
            pivot,
            concentration: weights.concentration(),
            counts: vec![[0; WAYS]; k * k],
            costs: vec![0.0; k * k],
            assignment: Assignment::new(),
        }
    }

    /// [`match_components`] for the labels of a draw (n).
    pub(crate) fn match_components(&mut self, labels: &[Label]) -> &[usize] {
        let k = self.concentration.len();
        self.counts.fill([0; WAYS]);
        for (pivot, labels) in self.pivot.chunks(WAYS).zip(labels.chunks(WAYS)) {
            for (way, (pivot, label)) in pivot.iter().zip(labels).enumerate() {
                self.counts[usize::from(*pivot) * k + usize::from(*label)][way] += 1;
            }
        }
        let forbidden = (self.pivot.len() * k + 1) as f64;
        for (i, (cost, count)) in self.costs.iter_mut().zip(&self.counts).enumerate() {
            *cost = match self.concentration[i / k] == self.concentration[i % k] {
                true => -count.iter().copied().map(f64::from).sum::<f64>(),
                false => forbidden,
            };
        }
        self.assignment.solve(&self.costs, k)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm_core::Model;

    #[test]
    fn the_permutation_that_agrees_on_most_rows_is_found() {
        let pivot = [0, 0, 0, 1, 1, 2, 2, 2];
        let labels = [2, 2, 1, 0, 0, 1, 1, 1];
        let symmetric = Model::dirichlet(vec![1.0; 3]).unwrap();
        assert_eq!(match_components(&pivot, &labels, &symmetric), [2, 0, 1]);
    }

    #[test]
    fn a_matcher_forgets_the_draw_before() {
        let weights = Model::dirichlet(vec![1.0; 3]).unwrap();
        let pivot: Vec<Label> = (0..50).map(|i| i % 3).collect();
        let mut matcher = ComponentMatcher::new(&pivot, &weights);
        for shift in [1, 1, 1, 2, 0, 2] {
            let labels: Vec<Label> = pivot.iter().map(|label| (label + shift) % 3).collect();
            assert_eq!(matcher.match_components(&labels), match_components(&pivot, &labels, &weights));
        }
    }

    #[test]
    fn components_with_different_concentrations_keep_their_places() {
        let pivot = [0, 0, 1, 1, 2, 2];
        let labels = [2, 2, 0, 0, 1, 1];
        let weights = Model::dirichlet(vec![1.0, 2.0, 1.0]).unwrap();
        assert_eq!(match_components(&pivot, &labels, &weights), [2, 1, 0]);
    }
}
