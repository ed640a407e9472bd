//! Starting points: K rows as seeds, every row to the nearest, one pooled covariance.

use rand::Rng;
use rand::RngExt;
use rand::seq::index;
use thiserror::Error;

use crate::{Covariance, Data, Mixture, Model, Shape, Statistics, Structure, Symmetric};

/// How the K seed rows are chosen. Distances are taken after scaling columns to unit standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seeding {
    /// k-means++ (Arthur & Vassilvitskii 2007): each next seed with probability proportional to its squared
    /// distance from the nearest seed so far.
    KMeansPlusPlus,
    /// K rows at random, without replacement.
    RandomRows,
}

/// Why there is no starting point.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SeedingError {
    /// There are fewer rows than components.
    #[error("{k} components need at least as many rows, but there are only {n}")]
    TooFewRows {
        /// Number of components.
        k: usize,
        /// Number of rows.
        n: usize,
    },
}

/// Seeding looks at no more rows than this (or ten for each component), drawn at random: a start need not be better, and
/// costs less than the first sweep.
const SAMPLE: usize = 10_000;

/// A starting point for EM or a chain: seeds are chosen, every row joins its nearest seed, and each component gets
/// the share and the mean of its rows. All components get the same covariance, that of the rows about their
/// component's mean, in the model's shape. Of more than 10,000 rows a random sample is used.
///
/// The pooled covariance is small when the seeds lie in different clusters, so the components see different rows
/// from the first step on. Starting instead from the covariance of all rows draws tied means together to
/// the symmetric saddle where all components are equal.
///
/// # Errors
/// [`SeedingError`] if there are fewer rows than components.
pub fn seed_mixture<R: Rng + ?Sized>(
    model: &Model,
    data: &Data,
    seeding: Seeding,
    rng: &mut R,
) -> Result<Mixture, SeedingError> {
    let (k, d) = (model.k(), model.d());
    if data.n() < k {
        return Err(SeedingError::TooFewRows { k, n: data.n() });
    }
    let most = SAMPLE.max(10 * k);
    let rows: Vec<&[f64]> = match data.n() > most {
        true => index::sample(rng, data.n(), most).into_iter().map(|i| data.row(i)).collect(),
        false => data.rows().collect(),
    };
    let sds = data.standard_deviations();
    let (seeds, labels) = choose_seeds(&rows, k, seeding, sds, rng);

    let mut statistics = Statistics::new(Shape::Full, k, d);
    for (row, label) in rows.iter().zip(&labels) {
        statistics.push(*label, 1.0, row);
    }
    let n = rows.len() as f64;
    let mut mixture = model.blank_mixture();
    let (weights, means, covariances) = mixture.parts_mut();
    for component in 0..k {
        // Half a row for every component: a duplicate of another seed attracts none.
        weights[component] = (statistics.weights()[component] + 0.5) / (n + 0.5 * k as f64);
        let mean = match statistics.weights()[component] > 0.0 {
            true => statistics.mean(component),
            false => rows[seeds[component]],
        };
        means[component * d..(component + 1) * d].copy_from_slice(mean);
    }
    if !matches!(model.structure(), Structure::Known(_)) {
        let pooled = pooled_covariance(&statistics, sds, n);
        for covariance in covariances {
            if let Ok(start) = Covariance::new(pooled.project(model.shape())) {
                *covariance = start;
            }
        }
    }
    Ok(model.best_numbering(&mixture).unwrap_or(mixture))
}

/// The indices of k seed rows, and for each row the seed that is nearest.
fn choose_seeds<R: Rng + ?Sized>(
    rows: &[&[f64]],
    k: usize,
    seeding: Seeding,
    sds: &[f64],
    rng: &mut R,
) -> (Vec<usize>, Vec<usize>) {
    let scales: Vec<f64> = sds.iter().map(|sd| if *sd > 0.0 { 1.0 / sd } else { 1.0 }).collect();
    let squared_distance =
        |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).zip(&scales).map(|((a, b), s)| ((a - b) * s).powi(2)).sum() };
    let mut seeds: Vec<usize> = Vec::with_capacity(k);
    let mut nearest = vec![(f64::INFINITY, 0usize); rows.len()];
    for component in 0..k {
        let uniform_choice = |rng: &mut R| loop {
            let row = rng.random_range(0..rows.len());
            if !seeds.contains(&row) {
                return row;
            }
        };
        let total: f64 = nearest.iter().map(|(distance, _)| distance).sum();
        let seed = match seeding {
            Seeding::KMeansPlusPlus if component > 0 && total > 0.0 => {
                let mut left = rng.random::<f64>() * total;
                let far = nearest.iter().rposition(|(distance, _)| *distance > 0.0).unwrap_or(0);
                (0..far)
                    .find(|&i| {
                        left -= nearest[i].0;
                        left < 0.0
                    })
                    .unwrap_or(far)
            }
            // The first seed, random rows, and data with fewer distinct rows than components.
            _ => uniform_choice(rng),
        };
        seeds.push(seed);
        for (row, near) in rows.iter().zip(&mut nearest) {
            let distance = squared_distance(row, rows[seed]);
            if distance < near.0 {
                *near = (distance, component);
            }
        }
    }
    (seeds, nearest.into_iter().map(|(_, component)| component).collect())
}

/// The covariance of the rows about their component's mean, plus a thousandth of the columns' variances (1 for a
/// constant column) so that it is positive definite.
fn pooled_covariance(statistics: &Statistics, sds: &[f64], n: f64) -> Symmetric {
    let mut pooled = Symmetric::zeros(Shape::Full, sds.len());
    for k in 0..statistics.k() {
        pooled.add_scaled(1.0 / n, statistics.scatter(k));
    }
    for (j, sd) in sds.iter().enumerate() {
        let mut axis = vec![0.0; sds.len()];
        axis[j] = 1.0;
        pooled.add_outer(if *sd > 0.0 { 1e-3 * sd * sd } else { 1.0 }, &axis);
    }
    pooled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ComponentPrior, Prior, Streams};

    fn model(k: usize, d: usize) -> Model {
        let prior = Prior { weights: Model::dirichlet(vec![1.0; k]).unwrap(), components: ComponentPrior::Flat };
        Model::new(d, Structure::Free(Shape::Full), prior).unwrap()
    }

    #[test]
    fn k_means_plus_plus_finds_one_seed_in_each_far_cluster() {
        let rows: Vec<[f64; 1]> = (0..90).map(|i| [f64::from(i / 30) * 100.0 + f64::from(i % 30) * 0.01]).collect();
        let data = Data::from_rows(&rows).unwrap();
        for seed in 0..20 {
            let mut rng = Streams::new(seed).rng(0);
            let start = seed_mixture(&model(3, 1), &data, Seeding::KMeansPlusPlus, &mut rng).unwrap();
            let order = start.order_by_mean();
            for (k, &component) in order.iter().enumerate() {
                assert!((start.mean(component)[0] - (100.0 * k as f64 + 0.145)).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn duplicated_and_constant_rows_still_give_a_valid_start() {
        let data = Data::from_rows(&[[1.0, 5.0], [1.0, 5.0], [1.0, 5.0]]).unwrap();
        for seeding in [Seeding::KMeansPlusPlus, Seeding::RandomRows] {
            let start = seed_mixture(&model(3, 2), &data, seeding, &mut Streams::new(1).rng(0)).unwrap();
            assert!(start.ln_density(&[1.0, 5.0]).is_finite());
        }
        let error = seed_mixture(&model(4, 2), &data, Seeding::RandomRows, &mut Streams::new(1).rng(0));
        assert_eq!(error, Err(SeedingError::TooFewRows { k: 4, n: 3 }));
    }
}
