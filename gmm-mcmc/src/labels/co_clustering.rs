//! The posterior probabilities that rows come from the same component.

use gmm_core::{Data, Streams};
use rand::RngExt;
use rayon::prelude::*;

use super::LabelError;
use super::classifier::{Classifier, Order};
use super::error::check;
use crate::Draws;

/// The most rows of which all pairs are looked at: two million pairs, 16 MB.
pub const MOST_SIMILARITY_ROWS: usize = 2000;

/// Probabilities that are held at once (2 MiB).
const MOST_NUMBERS: usize = 1 << 18;

/// The posterior probabilities that two rows come from the same component,
///
/// ```text
/// pi_ij = mean_s sum_k p_s,i,k p_s,j,k      i != j
/// ```
///
/// the mean over the draws s of their probabilities given parameters, not of drawn allocations, and so with a smaller
/// Monte Carlo error (Rao-Blackwell). Labels do not matter.
#[derive(Debug, Clone, PartialEq)]
pub enum CoClustering {
    /// Of all pairs of rows.
    All(SimilarityMatrix),
    /// Of pairs of rows chosen at random, because there are more than [`MOST_SIMILARITY_ROWS`] rows.
    Pairs(Vec<PairProbability>),
}

/// The probabilities of all pairs of rows, symmetric, 1 on the diagonal.
#[derive(Debug, Clone, PartialEq)]
pub struct SimilarityMatrix {
    n: usize,
    /// Row i up to i - 1.
    entries: Vec<f64>,
}

impl SimilarityMatrix {
    /// The number of rows.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The probability that the rows i and j come from the same component.
    pub fn get(&self, i: usize, j: usize) -> f64 {
        match (i.max(j), i.min(j)) {
            (i, j) if i == j => 1.0,
            (i, j) => self.entries[i * (i - 1) / 2 + j],
        }
    }
}

/// The probability of one pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairProbability {
    /// Two different rows.
    pub rows: [usize; 2],
    /// The probability that they come from the same component.
    pub together: f64,
}

impl Draws {
    /// The posterior probabilities that two rows come from the same component: of all pairs if there are at most
    /// [`MOST_SIMILARITY_ROWS`] rows, else of so many pairs of different rows, each drawn uniformly with `streams`.
    ///
    /// Costs O(draws n K (d^2 + n)) and n^2 / 2 numbers, or O(draws pairs K d^2).
    ///
    /// ```
    /// use gmm_core::{Data, Model, Shape, Streams, Structure};
    /// use gmm_mcmc::{CoClustering, Gibbs, sample};
    /// let rows: Vec<[f64; 1]> = (0..40).map(|i| [f64::from(i % 20) / 10.0 + if i < 20 { 0.0 } else { 8.0 }]).collect();
    /// let data = Data::from_rows(&rows)?;
    /// let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
    /// let draws = sample(&model, &data, &Gibbs::default(), &[], &Streams::new(1), &|_| {})?;
    /// let CoClustering::All(matrix) = draws.co_clustering(&data, 1000, &Streams::new(2))? else { unreachable!() };
    /// assert!(matrix.get(0, 19) > 0.9 && matrix.get(0, 20) < 0.1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`LabelError`]: other data than the draws', no pair where pairs are chosen, or a draw that is no mixture.
    pub fn co_clustering(&self, data: &Data, pairs: usize, streams: &Streams) -> Result<CoClustering, LabelError> {
        check(self, data)?;
        match (data.n(), pairs) {
            (..=MOST_SIMILARITY_ROWS, _) => all_pairs(self, data).map(CoClustering::All),
            (_, 0) => Err(LabelError::Zero { name: "pairs" }),
            (n, _) => some_pairs(self, data, &choose(n, pairs, streams)).map(CoClustering::Pairs),
        }
    }
}

/// All pairs: the products of the probabilities under some draws at a time.
fn all_pairs(draws: &Draws, data: &Data) -> Result<SimilarityMatrix, LabelError> {
    let (n, k, n_all) = (data.n(), draws.model().k(), draws.n_all());
    let at_once = (MOST_NUMBERS / (n * k)).clamp(1, n_all);
    let mut entries = vec![0.0; n * (n - 1) / 2];
    for first in (0..n_all).step_by(at_once) {
        let numbers = first..(first + at_once).min(n_all);
        let width = numbers.len() * k;
        let classifiers: Vec<_> = numbers
            .into_par_iter()
            .map(|number| {
                let mut classifier = Classifier::new(draws, Order::Weights);
                classifier.set(number).map(|()| classifier)
            })
            .collect();
        let classifiers = classifiers.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut probabilities = vec![0.0; n * width];
        probabilities.par_chunks_exact_mut(width).enumerate().for_each(|(i, of_row)| {
            for (classifier, out) in classifiers.iter().zip(of_row.chunks_exact_mut(k)) {
                classifier.probabilities(data.row(i), out);
            }
        });
        let (of_row, mut rest) = (|i: usize| &probabilities[i * width..(i + 1) * width], entries.as_mut_slice());
        let mut rows = Vec::with_capacity(n);
        for i in 1..n {
            let (row, others) = rest.split_at_mut(i);
            rows.push((i, row));
            rest = others;
        }
        rows.into_par_iter().for_each(|(i, row)| {
            row.iter_mut().enumerate().for_each(|(j, sum)| *sum += dot(of_row(i), of_row(j)));
        });
    }
    entries.iter_mut().for_each(|sum| *sum = (*sum / n_all as f64).min(1.0));
    Ok(SimilarityMatrix { n, entries })
}

/// A scalar product in eight sums that need not wait for each other.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        (0..8).for_each(|i| sums[i] += a[i] * b[i]);
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// Pairs of different rows, each with the same probability.
fn choose(n: usize, pairs: usize, streams: &Streams) -> Vec<[usize; 2]> {
    let mut rng = streams.named("pairs").rng(0);
    let pair = |_| {
        let (i, j) = (rng.random_range(0..n), rng.random_range(0..n - 1));
        [i, if j < i { j } else { j + 1 }]
    };
    (0..pairs).map(pair).collect()
}

/// These pairs, some at a time under all draws.
fn some_pairs(draws: &Draws, data: &Data, pairs: &[[usize; 2]]) -> Result<Vec<PairProbability>, LabelError> {
    let (k, n_all) = (draws.model().k(), draws.n_all());
    let tasks: Vec<_> = pairs
        .par_chunks(64)
        .map(|pairs| {
            let mut classifier = Classifier::new(draws, Order::Weights);
            let mut probabilities = vec![0.0; 2 * k];
            let mut sums = vec![0.0; pairs.len()];
            for number in 0..n_all {
                classifier.set(number)?;
                for (sum, rows) in sums.iter_mut().zip(pairs) {
                    let (a, b) = probabilities.split_at_mut(k);
                    classifier.probabilities(data.row(rows[0]), a);
                    classifier.probabilities(data.row(rows[1]), b);
                    *sum += a.iter().zip(b).map(|(a, b)| a * *b).sum::<f64>();
                }
            }
            let probability = |(rows, sum): (&[usize; 2], &f64)| PairProbability {
                rows: *rows,
                together: (sum / n_all as f64).min(1.0),
            };
            Ok(pairs.iter().zip(&sums).map(probability).collect::<Vec<_>>())
        })
        .collect();
    Ok(tasks.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_of_different_rows_and_all_are_as_likely() {
        let mut counts = [[0; 5]; 5];
        for [i, j] in choose(5, 20_000, &Streams::new(1)) {
            counts[i][j] += 1;
        }
        for (i, j) in (0..5).flat_map(|i| (0..5).map(move |j| (i, j))) {
            // 1000 expected, sd 31.
            assert!(if i == j { counts[i][j] == 0 } else { (850..1150).contains(&counts[i][j]) }, "{counts:?}");
        }
    }
}
