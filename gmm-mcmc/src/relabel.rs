//! Undoing label switching: which component of a draw is which of a pivot partition.

use gmm_core::{Dirichlet, Label, contingency_table, optimal_assignment};

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
    let k = weights.k();
    let counts = contingency_table(pivot, k, labels, k);
    let concentration = weights.concentration();
    let forbidden = (pivot.len() * k + 1) as f64;
    let costs: Vec<f64> = counts
        .iter()
        .enumerate()
        .map(|(i, count)| match concentration[i / k] == concentration[i % k] {
            true => -(*count as f64),
            false => forbidden,
        })
        .collect();
    optimal_assignment(&costs, k)
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
    fn components_with_different_concentrations_keep_their_places() {
        let pivot = [0, 0, 1, 1, 2, 2];
        let labels = [2, 2, 0, 0, 1, 1];
        let weights = Model::dirichlet(vec![1.0, 2.0, 1.0]).unwrap();
        assert_eq!(match_components(&pivot, &labels, &weights), [2, 1, 0]);
    }
}
