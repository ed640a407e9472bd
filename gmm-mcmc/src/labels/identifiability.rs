//! How well components keep their labels over the draws.

use std::ops::Range;

use gmm_core::{Data, Label};
use rayon::prelude::*;

use super::LabelError;
use super::classifier::{Classifier, Order, row_tasks};
use super::error::check;
use crate::Draws;

/// How well the components keep their labels over the relabelled draws, from the mean allocation probabilities of the
/// rows,
///
/// ```text
/// q_ij = mean_s p_s,i,j                       row i, component j as listed, draw s
/// a_i  = argmax_j q_ij                        the component that row i is assigned to
/// overall         = mean_i q_i,a_i            from 1 / K to 1
/// by_component[j] = mean_(i: a_i = j) q_ij    from 1 / K to 1; none if no row is assigned to j
/// ```
///
/// A row has a low `q_i,a_i` for either of two reasons: under every draw it may belong to several components, because
/// they overlap; or draws are sure, but not of the same label. `within_draws` holds what the first alone would give,
///
/// ```text
/// within_draws    = mean_i mean_s max_j p_s,i,j   at least `overall`
/// ```
///
/// so that `overall / within_draws`, see [`kept`](Self::kept), tells of the labels alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Identifiability {
    /// The mean over all rows.
    pub overall: f64,
    /// The mean over the rows assigned to each component (K).
    pub by_component: Vec<Option<f64>>,
    /// Rows assigned to each component (K).
    pub n_rows: Vec<usize>,
    /// How sure single draws are of their allocations.
    pub within_draws: f64,
}

impl Identifiability {
    /// Below this overall score summaries of components mean little: one part in five of the allocations of a row lies
    /// with another component than its own. Were that the share of draws in which two components are exchanged, the
    /// posterior means of both would be off by a fifth of the distance between them.
    pub const OVERALL_LIMIT: f64 = 0.8;

    /// Below this score of its own the summary of a component means little, and so it does where no row is assigned to
    /// it: a component that takes all rows has a high score, which is no credit to the others. At one half another
    /// component holds its label as often. (Galaxies, default prior: 1.00 for each of three components; 0.58 for the
    /// second of four, overall 0.83; six components have 0.78 overall.)
    pub const COMPONENT_LIMIT: f64 = 0.7;

    /// `overall / within_draws`, from 1 / K to 1: 1 if draws that are sure of an allocation are sure of the same label.
    /// If this is high and `overall` is low, then components overlap but keep their labels, and the limits are too
    /// strict.
    pub fn kept(&self) -> f64 {
        self.overall / self.within_draws
    }

    /// Whether no summary of a single component means much.
    pub fn is_low(&self) -> bool {
        self.overall < Self::OVERALL_LIMIT
    }

    /// The components whose own score is below the limit, or that no row is assigned to.
    pub fn low_components(&self) -> Vec<usize> {
        let is_low = |score: &Option<f64>| score.is_none_or(|score| score < Self::COMPONENT_LIMIT);
        self.by_component.iter().enumerate().filter(|(_, score)| is_low(score)).map(|(j, _)| j).collect()
    }
}

/// What some rows contribute.
struct Part {
    /// n x K.
    probabilities: Vec<f64>,
    /// Over the rows: the mean over the draws of the probability of the most probable component.
    within_draws: f64,
}

/// What a closure makes of each part, in the order of the rows.
fn for_each_part(draws: &Draws, data: &Data, mut each: impl FnMut(Part)) -> Result<(), LabelError> {
    check(draws, data)?;
    for wave in row_tasks(draws, data).chunks(2 * rayon::current_num_threads()) {
        let parts: Vec<_> = wave.par_iter().map(|rows| part(draws, data, rows.clone())).collect();
        parts.into_iter().try_for_each(|part| part.map(&mut each))?;
    }
    Ok(())
}

fn part(draws: &Draws, data: &Data, rows: Range<usize>) -> Result<Part, LabelError> {
    let (k, n) = (draws.model().k(), rows.len());
    let all = Classifier::new(draws, Order::Listed).of_all_draws(data, rows)?;
    let mut probabilities = vec![0.0; n * k];
    let mut within_draws = 0.0;
    for of_draw in all.chunks_exact(n * k) {
        probabilities.iter_mut().zip(of_draw).for_each(|(sum, p)| *sum += p);
        within_draws += of_draw.chunks_exact(k).map(|p| p.iter().copied().fold(0.0, f64::max)).sum::<f64>();
    }
    let n_draws = draws.n_all() as f64;
    probabilities.iter_mut().for_each(|sum| *sum /= n_draws);
    Ok(Part { probabilities, within_draws: within_draws / n_draws })
}

/// The most probable component of a row, the first of equals, and its probability.
fn most_probable(probabilities: &[f64]) -> (usize, f64) {
    let better = |best: (usize, f64), (j, p): (usize, &f64)| if *p > best.1 { (j, *p) } else { best };
    probabilities.iter().enumerate().fold((0, 0.0), better)
}

impl Draws {
    /// The probabilities that each row came from each component, averaged over the relabelled draws: q of
    /// [`Identifiability`], n x K, components as listed.
    ///
    /// Costs O(draws n K d^2).
    ///
    /// # Errors
    /// [`LabelError`]: other data than the draws', or a draw that is no mixture.
    pub fn allocation_probabilities(&self, data: &Data) -> Result<Vec<f64>, LabelError> {
        let mut all = Vec::with_capacity(data.n() * self.model().k());
        for_each_part(self, data, |part| all.extend(part.probabilities))?;
        Ok(all)
    }

    /// The most probable component of each row (n) by [`allocation_probabilities`](Self::allocation_probabilities).
    ///
    /// # Errors
    /// As there.
    pub fn classification(&self, data: &Data) -> Result<Vec<Label>, LabelError> {
        let k = self.model().k();
        let mut all = Vec::with_capacity(data.n());
        for_each_part(self, data, |part| {
            all.extend(part.probabilities.chunks_exact(k).map(|row| most_probable(row).0 as Label));
        })?;
        Ok(all)
    }

    /// How well the components keep their labels, from [`allocation_probabilities`](Self::allocation_probabilities)
    /// that are not kept: O(threads 2^21) numbers.
    ///
    /// ```
    /// use gmm_core::{Data, Model, Shape, Streams, Structure};
    /// use gmm_mcmc::{Gibbs, sample};
    /// let rows: Vec<[f64; 1]> = (0..40).map(|i| [f64::from(i % 20) / 10.0 + if i < 20 { 0.0 } else { 8.0 }]).collect();
    /// let data = Data::from_rows(&rows)?;
    /// let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
    /// let draws = sample(&model, &data, &Gibbs::default(), &[], &Streams::new(1), &|_| {})?;
    /// let identifiability = draws.identifiability(&data)?;
    /// assert!(identifiability.overall > 0.95 && identifiability.low_components().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`LabelError`]: other data than the draws', or a draw that is no mixture.
    pub fn identifiability(&self, data: &Data) -> Result<Identifiability, LabelError> {
        let k = self.model().k();
        let (mut sums, mut n_rows, mut within_draws) = (vec![0.0; k], vec![0; k], 0.0);
        for_each_part(self, data, |part| {
            for row in part.probabilities.chunks_exact(k) {
                let (j, probability) = most_probable(row);
                sums[j] += probability;
                n_rows[j] += 1;
            }
            within_draws += part.within_draws;
        })?;
        let n = data.n() as f64;
        let mean = |(sum, rows): (&f64, &usize)| (*rows > 0).then(|| sum / *rows as f64);
        Ok(Identifiability {
            overall: sums.iter().sum::<f64>() / n,
            by_component: sums.iter().zip(&n_rows).map(mean).collect(),
            n_rows,
            within_draws: within_draws / n,
        })
    }
}
