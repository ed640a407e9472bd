//! The partition of the rows that is closest to all that the posterior holds for possible.

use gmm_core::{Data, Label, MAX_COMPONENTS, Rule, Streams, Workspace, sweep};
use rayon::prelude::*;

use super::classifier::{Classifier, Order};
use super::contingency::Partitions;
use super::error::check;
use super::search::run;
use super::{LabelError, PartitionLoss};
use crate::Draws;
use crate::diagnostics::mcse_mean;

/// The most rows that a partition is searched for. A scan over so many rows, with 1000 drawn partitions and ten
/// clusters, takes 10^8 steps, and a run takes some ten scans.
pub const MOST_PARTITION_ROWS: usize = 10_000;

/// How to search for a partition.
///
/// ```
/// use gmm_mcmc::{PartitionLoss, PartitionSearch};
/// let binder = PartitionSearch { loss: PartitionLoss::Binder, ..PartitionSearch::default() };
/// assert_eq!((binder.draws, binder.runs, binder.max_clusters), (1000, 16, None));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionSearch {
    /// What a wrong partition costs.
    pub loss: PartitionLoss,
    /// At most so many draws are taken, as many of each chain and evenly spaced; at least 1.
    pub draws: usize,
    /// Runs of the search from different starts, at least 1.
    pub runs: usize,
    /// The most clusters that the estimate may have, at least 1; if none, the most that a drawn partition has.
    pub max_clusters: Option<usize>,
}

impl Default for PartitionSearch {
    /// The variation of information, 1000 draws, 16 runs, no more clusters than drawn partitions have.
    fn default() -> Self {
        Self { loss: PartitionLoss::default(), draws: 1000, runs: 16, max_clusters: None }
    }
}

/// A partition with a small expected loss.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionEstimate {
    /// The cluster of each row (n); clusters are numbered in the order of their first rows and are no components.
    pub clusters: Vec<Label>,
    /// The number of clusters.
    pub n_clusters: usize,
    /// The most clusters that it could have had.
    pub max_clusters: usize,
    /// The mean loss against the drawn partitions. As the partition was chosen for being close to just these, its
    /// expected loss under the posterior is a little larger.
    pub expected_loss: f64,
    /// The Monte Carlo standard error of that mean for this partition; NaN for chains too short to tell.
    pub standard_error: f64,
    /// Partitions that were drawn.
    pub n_draws: usize,
    /// Runs of the search.
    pub n_runs: usize,
    /// Of these, the runs that ended with this very partition: if it is one of many, others may be better still.
    pub n_found: usize,
}

impl Draws {
    /// The partition of the rows with the least posterior expected loss, as far as a greedy search finds it: SALSO
    /// (Dahl, Johnson & Mueller 2022).
    ///
    /// ```text
    /// argmin_c mean_s loss(c, c_s),    c_s the partition by allocations z ~ p(z | theta_s, x)
    /// ```
    ///
    /// With theta_s from the posterior, c_s is from the posterior of the partition, so that the sampler need not keep
    /// its allocations. Each run starts with rows one after the other where they add least to the loss (every other
    /// run: with random clusters), then moves single rows until none gains, then takes clusters apart and puts them
    /// together anew. Labels of components do not matter, nor does the relabelling.
    ///
    /// To look at a row costs O(draws clusters), a scan O(draws n clusters). Holds up to 6 n draws bytes, and for each run
    /// under way 8 bytes for each cluster and set of each drawn partition.
    ///
    /// ```
    /// use gmm_core::{Data, Model, Shape, Streams, Structure};
    /// use gmm_mcmc::{Gibbs, PartitionSearch, sample};
    /// let rows: Vec<[f64; 1]> = (0..40).map(|i| [f64::from(i % 20) / 10.0 + if i < 20 { 0.0 } else { 8.0 }]).collect();
    /// let data = Data::from_rows(&rows)?;
    /// let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
    /// let draws = sample(&model, &data, &Gibbs::default(), &[], &Streams::new(1), &|_| {})?;
    /// let estimate = draws.partition(&data, &PartitionSearch::default(), &Streams::new(2))?;
    /// assert_eq!(estimate.n_clusters, 2);
    /// assert!(estimate.clusters.iter().enumerate().all(|(i, cluster)| usize::from(*cluster) == i / 20));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`LabelError`]: other data than the draws', more than [`MOST_PARTITION_ROWS`] rows, settings that are 0, or a
    /// draw that is no mixture.
    pub fn partition(
        &self,
        data: &Data,
        search: &PartitionSearch,
        streams: &Streams,
    ) -> Result<PartitionEstimate, LabelError> {
        check(self, data)?;
        let settings =
            [("draws", search.draws), ("runs", search.runs), ("max_clusters", search.max_clusters.unwrap_or(1))];
        if let Some((name, _)) = settings.into_iter().find(|(_, value)| *value == 0) {
            return Err(LabelError::Zero { name });
        }
        if data.n() > MOST_PARTITION_ROWS {
            return Err(LabelError::TooManyRows { n: data.n(), most: MOST_PARTITION_ROWS });
        }
        let numbers = spaced(self, search.draws);
        let partitions = Partitions::new(&draw_partitions(self, data, &numbers, &streams.named("allocations"))?);
        let most = search.max_clusters.unwrap_or(partitions.most_sets()).min(data.n()).min(MAX_COMPONENTS);
        let streams = streams.named("runs");
        let runs: Vec<_> = (0..search.runs)
            .into_par_iter()
            .map(|r| run(&partitions, search.loss, most, r % 2 == 1, &mut streams.rng(r as u64)))
            .collect();
        // The first of the best.
        let best = runs.iter().reduce(|best, run| if run.expected_loss < best.expected_loss { run } else { best });
        let Some(best) = best else { return Err(LabelError::Zero { name: "runs" }) };
        let chains: Vec<&[f64]> =
            best.losses.chunks(best.losses.len() / self.chains().len().min(numbers.len())).collect();
        Ok(PartitionEstimate {
            clusters: best.clusters.iter().map(|cluster| *cluster as Label).collect(),
            n_clusters: best.clusters.iter().max().map_or(0, |last| last + 1),
            max_clusters: most,
            expected_loss: best.expected_loss,
            standard_error: error_of_mean(&chains),
            n_draws: numbers.len(),
            n_runs: runs.len(),
            n_found: runs.iter().filter(|run| run.clusters == best.clusters).count(),
        })
    }
}

/// At most so many draws, counted through all chains: as many of each chain (of the first ones, if there are more
/// chains), evenly spaced.
fn spaced(draws: &Draws, most: usize) -> Vec<usize> {
    let chains = draws.chains().len().min(most);
    let of_chain = (most / chains).min(draws.n_draws());
    let number = |chain, i| chain * draws.n_draws() + i * draws.n_draws() / of_chain;
    (0..chains).flat_map(|chain| (0..of_chain).map(move |i| number(chain, i))).collect()
}

/// Allocations of the rows under these draws.
fn draw_partitions(
    draws: &Draws,
    data: &Data,
    numbers: &[usize],
    streams: &Streams,
) -> Result<Vec<Vec<Label>>, LabelError> {
    let work = || (Classifier::new(draws, Order::Weights), draws.model().blank_statistics(), Workspace::new());
    let drawn: Vec<_> = numbers
        .par_iter()
        .map_init(work, |(classifier, statistics, workspace), number| {
            classifier.set(*number)?;
            let mut labels = vec![0; data.n()];
            let rule = Rule::Draw { streams, sweep: *number as u64, labels: &mut labels };
            sweep(data, &classifier.mixture(), rule, statistics, workspace);
            Ok(labels)
        })
        .collect();
    drawn.into_iter().collect()
}

/// The Monte Carlo standard error of the mean of chains: 0 where there is no variation but rounding.
fn error_of_mean(chains: &[&[f64]]) -> f64 {
    let all = chains.iter().flat_map(|chain| chain.iter());
    let (least, most) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(*x), b.max(*x)));
    if most - least <= 1e-12 { 0.0 } else { mcse_mean(chains) }
}
