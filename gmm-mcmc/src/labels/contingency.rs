//! Drawn partitions, and the contingency tables of one more partition with each of them.

use super::PartitionLoss;

/// Partitions of n rows, in the form in which a search needs them.
#[derive(Debug, Clone)]
pub(super) struct Partitions {
    n: usize,
    n_partitions: usize,
    /// Row after row: for each partition the number of the row's set, counted through the sets of all partitions.
    sets: Vec<u32>,
    /// The rows of each set, through all partitions.
    sizes: Vec<u32>,
    /// Where the sets of each partition begin, and where those of the last one end.
    starts: Vec<usize>,
}

impl Partitions {
    /// Of labels, partition after partition, each of n rows. The names of the sets do not matter.
    pub(super) fn new<L: Copy + Into<usize>>(labels: &[Vec<L>]) -> Self {
        let (n, n_partitions) = (labels.first().map_or(0, Vec::len), labels.len());
        let mut sets = vec![0; n * n_partitions];
        let (mut sizes, mut starts) = (Vec::new(), vec![0]);
        let mut names: Vec<Option<u32>> = Vec::new();
        for (s, labels) in labels.iter().enumerate() {
            names.clear();
            for (i, label) in labels.iter().enumerate() {
                let label: usize = (*label).into();
                if names.len() <= label {
                    names.resize(label + 1, None);
                }
                let set = *names[label].get_or_insert_with(|| {
                    sizes.push(0);
                    sizes.len() as u32 - 1
                });
                sizes[set as usize] += 1;
                sets[i * n_partitions + s] = set;
            }
            starts.push(sizes.len());
        }
        Self { n, n_partitions, sets, sizes, starts }
    }

    pub(super) fn n(&self) -> usize {
        self.n
    }

    /// The most sets of any partition.
    pub(super) fn most_sets(&self) -> usize {
        self.starts.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0)
    }

    /// The sets of a row.
    fn of_row(&self, row: usize) -> &[u32] {
        &self.sets[row * self.n_partitions..(row + 1) * self.n_partitions]
    }
}

/// A partition of some of the rows into clusters, and the rows that each cluster shares with each set of each drawn
/// partition.
#[derive(Debug, Clone)]
pub(super) struct Tables<'a> {
    partitions: &'a Partitions,
    loss: PartitionLoss,
    gains: Vec<f64>,
    most_clusters: usize,
    /// The cluster of each row.
    clusters: Vec<Option<usize>>,
    sizes: Vec<u32>,
    /// Sets of all partitions x clusters.
    shared: Vec<u32>,
    /// What a row gains from the sets that it shares with each cluster, summed over the partitions.
    sums: Vec<f64>,
}

impl<'a> Tables<'a> {
    /// No row is in a cluster yet.
    pub(super) fn new(partitions: &'a Partitions, loss: PartitionLoss, most_clusters: usize) -> Self {
        Self {
            partitions,
            loss,
            gains: loss.gains(partitions.n),
            most_clusters,
            clusters: vec![None; partitions.n],
            sizes: vec![0; most_clusters],
            shared: vec![0; partitions.sizes.len() * most_clusters],
            sums: vec![0.0; most_clusters],
        }
    }

    /// The cluster of each row.
    pub(super) fn clusters(&self) -> &[Option<usize>] {
        &self.clusters
    }

    /// The rows of each cluster; some may be empty.
    pub(super) fn sizes(&self) -> &[u32] {
        &self.sizes
    }

    /// Becomes a copy of other tables of the same partitions.
    pub(super) fn copy(&mut self, other: &Self) {
        self.clusters.copy_from_slice(&other.clusters);
        self.sizes.copy_from_slice(&other.sizes);
        self.shared.copy_from_slice(&other.shared);
    }

    /// Puts a row that is nowhere into a cluster.
    pub(super) fn insert(&mut self, row: usize, cluster: usize) {
        self.clusters[row] = Some(cluster);
        self.sizes[cluster] += 1;
        for set in self.partitions.of_row(row) {
            self.shared[*set as usize * self.most_clusters + cluster] += 1;
        }
    }

    /// Takes a row out of its cluster, which is returned.
    pub(super) fn remove(&mut self, row: usize) -> Option<usize> {
        let cluster = self.clusters[row].take()?;
        self.sizes[cluster] -= 1;
        for set in self.partitions.of_row(row) {
            self.shared[*set as usize * self.most_clusters + cluster] -= 1;
        }
        Some(cluster)
    }

    /// The cluster, one of those in use or the first empty one, in which a row that is nowhere adds least to the
    /// expected loss of the rows that are somewhere; `own`, where that is given, unless another is better by more than
    /// rounding.
    pub(super) fn best(&mut self, row: usize, own: Option<usize>) -> usize {
        let used = self.sizes.iter().rposition(|size| *size > 0).map_or(0, |last| last + 1);
        let candidates = (used + 1).min(self.most_clusters);
        let sums = &mut self.sums[..candidates];
        sums.fill(0.0);
        for set in self.partitions.of_row(row) {
            let shared = &self.shared[*set as usize * self.most_clusters..][..candidates];
            sums.iter_mut().zip(shared).for_each(|(sum, shared)| *sum += self.gains[*shared as usize]);
        }
        let n_partitions = self.partitions.n_partitions as f64;
        let cost = |j: usize| self.gains[self.sizes[j] as usize] - 2.0 * self.sums[j] / n_partitions;
        let better = |best: (usize, f64), j: usize| {
            let cost = cost(j);
            if cost < best.1 - LEAST_GAIN { (j, cost) } else { best }
        };
        let first = own.filter(|own| *own < candidates).unwrap_or(0);
        (0..candidates).fold((first, cost(first)), better).0
    }

    /// The loss of the clusters, all rows being in one, against each partition.
    pub(super) fn losses(&self) -> Vec<f64> {
        let f = |count: &u32| self.loss.of_set(u64::from(*count));
        let clusters: f64 = self.sizes.iter().map(f).sum();
        let of_partition = |w: &[usize]| {
            let sets: f64 = self.partitions.sizes[w[0]..w[1]].iter().map(f).sum();
            let both: f64 = self.shared[w[0] * self.most_clusters..w[1] * self.most_clusters].iter().map(f).sum();
            self.loss.scale(self.partitions.n) * (clusters + sets - 2.0 * both).max(0.0)
        };
        self.partitions.starts.windows(2).map(of_partition).collect()
    }

    /// The mean of [`losses`](Self::losses).
    pub(super) fn expected_loss(&self) -> f64 {
        self.losses().iter().sum::<f64>() / self.partitions.n_partitions as f64
    }
}

/// What a change must gain, in units of f of the loss.
const LEAST_GAIN: f64 = 1e-9;
