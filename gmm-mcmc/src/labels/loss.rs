//! Distances of partitions.

use gmm_core::contingency_table;

/// What a wrong partition costs.
///
/// With the numbers of rows `n_j` and `m_k` of the sets of two partitions and `n_jk` of those in both,
///
/// ```text
/// VariationOfInformation   (1/n)        [ sum_j f(n_j) + sum_k f(m_k) - 2 sum_jk f(n_jk) ],   f(x) = x ln x
/// Binder                   (2/(n(n-1))) [ same ],                                             f(x) = x (x - 1) / 2
/// ```
///
/// The variation of information (Meila 2007) is in nats, from 0 to ln n. Binder's loss (1978), with equal costs of
/// joining and of separating two rows wrongly, is the share of pairs of rows that one partition joins and the other
/// separates, which is 1 minus the Rand index. It tends to estimates with many small sets, so the former is the default
/// (Wade & Ghahramani 2018).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PartitionLoss {
    /// The variation of information.
    #[default]
    VariationOfInformation,
    /// Binder's loss.
    Binder,
}

impl PartitionLoss {
    /// The distance of two partitions of the same rows, given by labels. 0 for partitions that are equal up to the
    /// names of their sets.
    ///
    /// ```
    /// use gmm_mcmc::PartitionLoss;
    /// let (a, b) = ([0usize, 0, 1, 1], [1usize, 1, 1, 1]);
    /// assert!((PartitionLoss::VariationOfInformation.between(&a, &b) - 2f64.ln()).abs() < 1e-15);
    /// assert_eq!(PartitionLoss::Binder.between(&a, &b), 4.0 / 6.0);
    /// ```
    pub fn between<A, B>(self, a: &[A], b: &[B]) -> f64
    where
        A: Copy + Into<usize>,
        B: Copy + Into<usize>,
    {
        let n_sets = |labels: &mut dyn Iterator<Item = usize>| labels.max().map_or(0, |label| label + 1);
        let k_a = n_sets(&mut a.iter().map(|&label| label.into()));
        let k_b = n_sets(&mut b.iter().map(|&label| label.into()));
        let table = contingency_table(a, k_a, b, k_b);
        let of_sets = |set: &mut dyn Iterator<Item = u64>| self.of_set(set.sum());
        let rows: f64 = (0..k_a).map(|i| of_sets(&mut table[i * k_b..(i + 1) * k_b].iter().copied())).sum();
        let columns: f64 = (0..k_b).map(|j| of_sets(&mut (0..k_a).map(|i| table[i * k_b + j]))).sum();
        let both: f64 = table.iter().map(|count| self.of_set(*count)).sum();
        self.scale(a.len()) * (rows + columns - 2.0 * both).max(0.0)
    }

    /// f of the formula.
    pub(super) fn of_set(self, n: u64) -> f64 {
        let x = n as f64;
        match self {
            _ if n < 2 => 0.0,
            Self::VariationOfInformation => x * x.ln(),
            Self::Binder => x * (x - 1.0) / 2.0,
        }
    }

    /// What stands before the bracket; 0 where there is only one partition.
    pub(super) fn scale(self, n: usize) -> f64 {
        let n = n as f64;
        match self {
            _ if n < 2.0 => 0.0,
            Self::VariationOfInformation => 1.0 / n,
            Self::Binder => 2.0 / (n * (n - 1.0)),
        }
    }

    /// `f(x + 1) - f(x)` for x = 0..n.
    pub(super) fn gains(self, n: usize) -> Vec<f64> {
        (0..=n as u64).map(|x| self.of_set(x + 1) - self.of_set(x)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variation_of_information_is_two_joint_entropies_less_those_of_the_parts() {
        let (a, b) = ([0usize, 0, 0, 1, 1, 2], [0usize, 1, 1, 1, 1, 0]);
        let entropy = |counts: &[f64]| -counts.iter().map(|n| n / 6.0 * (n / 6.0).ln()).sum::<f64>();
        let (of_a, of_b, joint) = (entropy(&[3.0, 2.0, 1.0]), entropy(&[2.0, 4.0]), entropy(&[1.0, 2.0, 2.0, 1.0]));
        let expected = 2.0 * joint - of_a - of_b;
        assert!((PartitionLoss::VariationOfInformation.between(&a, &b) - expected).abs() < 1e-14);
    }

    #[test]
    fn binders_loss_counts_pairs_on_which_partitions_differ() {
        let (a, b) = ([0usize, 0, 0, 1, 1, 2], [3usize, 1, 1, 1, 1, 3]);
        let pairs = (0..6).flat_map(|i| (0..i).map(move |j| (i, j)));
        let differ = pairs.filter(|(i, j)| (a[*i] == a[*j]) != (b[*i] == b[*j])).count();
        assert!((PartitionLoss::Binder.between(&a, &b) - differ as f64 / 15.0).abs() < 1e-15);
    }

    #[test]
    fn partitions_that_differ_by_names_alone_are_equal() {
        for loss in [PartitionLoss::VariationOfInformation, PartitionLoss::Binder] {
            assert_eq!(loss.between(&[0usize, 1, 1, 2], &[2usize, 0, 0, 7]), 0.0);
            assert_eq!(loss.between(&[0usize], &[3usize]), 0.0);
            assert_eq!(loss.between::<usize, usize>(&[], &[]), 0.0);
        }
    }
}
