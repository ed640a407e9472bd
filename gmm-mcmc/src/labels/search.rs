//! A greedy search for the partition with the least expected loss.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use super::PartitionLoss;
use super::contingency::{Partitions, Tables};

/// Clusters that a run at most takes apart and puts together anew.
const MOST_ZEALOUS: usize = 10;

/// One run of SALSO (Dahl, Johnson & Mueller 2022): the cluster of each row.
///
/// ```text
/// start        rows in random order, each to the cluster that adds least to the loss of those before, or (`random`) to
///              clusters at random
/// sweetening   rows in random order, each taken out and put where it adds least; until a scan moves none
/// zealous      clusters in random order, at most 10: all rows of one taken out and put, in random order, where they add least, then
///              sweetened; undone unless the loss fell
/// ```
pub(super) fn run(
    partitions: &Partitions,
    loss: PartitionLoss,
    most_clusters: usize,
    random: bool,
    rng: &mut impl Rng,
) -> Found {
    let mut tables = Tables::new(partitions, loss, most_clusters);
    let mut rows: Vec<usize> = (0..partitions.n()).collect();
    if random {
        let n_clusters = rng.random_range(1..=most_clusters);
        rows.iter().for_each(|row| tables.insert(*row, rng.random_range(0..n_clusters)));
    } else {
        rows.shuffle(rng);
        allocate(&mut tables, &rows);
    }
    sweeten(&mut tables, &mut rows, rng);
    let mut best = tables.expected_loss();
    let mut kept = tables.clone();
    let mut clusters: Vec<usize> = (0..most_clusters).filter(|j| tables.sizes()[*j] > 0).collect();
    clusters.shuffle(rng);
    for cluster in clusters.into_iter().take(MOST_ZEALOUS) {
        let mut members: Vec<usize> =
            (0..partitions.n()).filter(|row| tables.clusters()[*row] == Some(cluster)).collect();
        members.iter().for_each(|row| _ = tables.remove(*row));
        members.shuffle(rng);
        allocate(&mut tables, &members);
        sweeten(&mut tables, &mut rows, rng);
        let loss = tables.expected_loss();
        if loss < best - 1e-12 {
            best = loss;
            kept.copy(&tables);
        } else {
            tables.copy(&kept);
        }
    }
    Found { clusters: by_first_row(kept.clusters()), expected_loss: best, losses: kept.losses() }
}

/// Where a run ended.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// The cluster of each row; clusters are numbered in the order of their first rows.
    pub(super) clusters: Vec<usize>,
    pub(super) expected_loss: f64,
    /// Against each partition.
    pub(super) losses: Vec<f64>,
}

/// Puts rows that are nowhere where each adds least, one after the other.
fn allocate(tables: &mut Tables<'_>, rows: &[usize]) {
    for row in rows {
        let cluster = tables.best(*row, None);
        tables.insert(*row, cluster);
    }
}

/// Moves rows until none moves; the loss falls with every move.
fn sweeten(tables: &mut Tables<'_>, rows: &mut [usize], rng: &mut impl Rng) {
    loop {
        rows.shuffle(rng);
        let mut moved = false;
        for row in rows.iter() {
            let old = tables.remove(*row);
            let new = tables.best(*row, old);
            tables.insert(*row, new);
            moved |= Some(new) != old;
        }
        if !moved {
            return;
        }
    }
}

/// Numbers clusters in the order of their first rows.
fn by_first_row(clusters: &[Option<usize>]) -> Vec<usize> {
    let mut names: Vec<Option<usize>> = Vec::new();
    clusters
        .iter()
        .map(|cluster| {
            let at = names.iter().position(|name| name == cluster);
            at.unwrap_or_else(|| {
                names.push(*cluster);
                names.len() - 1
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm_core::Streams;

    /// All partitions of n rows.
    fn all_partitions(n: usize, most_clusters: usize) -> Vec<Vec<usize>> {
        let mut all = vec![vec![0]];
        for _ in 1..n {
            let longer = |labels: &Vec<usize>| {
                let new = labels.iter().max().unwrap() + 1;
                let labels = labels.clone();
                (0..=new.min(most_clusters - 1)).map(move |label| [&labels[..], &[label]].concat())
            };
            all = all.iter().flat_map(longer).collect();
        }
        all
    }

    /// Partitions of seven rows: noisy copies of one, or anything.
    fn drawn(case: u64, noise: f64) -> Vec<Vec<usize>> {
        let mut rng = Streams::new(5).rng(case);
        let centre: Vec<usize> = (0..7).map(|_| rng.random_range(0..3)).collect();
        let mut label = |old: &usize| if rng.random::<f64>() < noise { rng.random_range(0..4) } else { *old };
        (0..25).map(|_| centre.iter().map(&mut label).collect()).collect()
    }

    #[test]
    fn of_seven_rows_runs_find_the_best_of_all_partitions() {
        assert_eq!(all_partitions(7, 7).len(), 877);
        let mut single_runs = 0;
        for case in 0..40 {
            let drawn = drawn(case, [0.1, 0.3, 0.6, 1.0][case as usize % 4]);
            let partitions = Partitions::new(&drawn);
            for (loss, most_clusters) in [
                (PartitionLoss::VariationOfInformation, 7),
                (PartitionLoss::Binder, 7),
                (PartitionLoss::VariationOfInformation, 2),
                (PartitionLoss::Binder, 3),
            ] {
                let expected = |labels: &Vec<usize>| {
                    drawn.iter().map(|other| loss.between(labels, other)).sum::<f64>() / drawn.len() as f64
                };
                let least = all_partitions(7, most_clusters).iter().map(expected).fold(f64::INFINITY, f64::min);
                let runs: Vec<Found> = (0..16)
                    .map(|r| run(&partitions, loss, most_clusters, r % 2 == 1, &mut Streams::new(6).rng(r)))
                    .collect();
                for found in &runs {
                    // What is said of a partition is true of it.
                    assert!((found.expected_loss - expected(&found.clusters)).abs() < 1e-12);
                    for (own, other) in found.losses.iter().zip(&drawn) {
                        assert!((own - loss.between(&found.clusters, other)).abs() < 1e-12);
                    }
                    assert!(found.expected_loss > least - 1e-12);
                }
                let best = runs.iter().map(|found| found.expected_loss).fold(f64::INFINITY, f64::min);
                assert!(best < least + 1e-12, "case {case}, {loss:?}: {best} where {least} can be had");
                single_runs += runs.iter().filter(|found| found.expected_loss < least + 1e-12).count();
            }
        }
        // Of 2560.
        assert!(single_runs > 2000, "{single_runs}");
    }

    #[test]
    fn clusters_are_numbered_by_their_first_rows() {
        assert_eq!(by_first_row(&[Some(4), Some(0), Some(4), Some(2)]), [0, 1, 0, 2]);
    }
}
