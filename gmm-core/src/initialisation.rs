//! Starting points: K rows as seeds and every row to the nearest, or every row to all components at random.

use std::ops::Range;

use rand::Rng;
use rand::RngExt;
use rand::seq::index;
use rand_distr::{Distribution, Exp1};
use thiserror::Error;

use crate::{Covariance, Data, Mixture, Model, Shape, Statistics, Structure, Symmetric};

/// How a starting point is drawn. Distances are taken after scaling columns to unit standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seeding {
    /// k-means++ (Arthur & Vassilvitskii 2007): each next seed with probability proportional to its squared
    /// distance from the nearest seed so far.
    KMeansPlusPlus,
    /// K rows at random, without replacement, as seeds.
    RandomRows,
    /// The responsibilities of each row from a flat Dirichlet distribution, then an M-step.
    ///
    /// The means of the components differ by about `sqrt((K - 1) / (K + 1) / m)` standard deviations of m rows: with
    /// all of many rows a start would sit at the saddle where all components are equal. So the start looks at no more
    /// than `2 K (d + 1)` rows, twice as many as a covariance of each component needs. Components overlap even so, and
    /// it is EM that has to tell them apart: the start takes longer than from seeds, and reaches the best optimum less
    /// often.
    RandomResponsibilities,
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

/// A starting point for EM or a chain, from the rows alone: the priors have no part in it.
///
/// With seeds, every row joins its nearest seed, and each component gets the share and the mean of its rows. All
/// components get the same covariance, that of the rows about their component's mean, in the model's shape. Of more
/// than 10,000 rows a random sample is used. The pooled covariance is small when the seeds lie in different clusters,
/// so the components see different rows from the first step on. Starting instead from the covariance of all rows draws
/// tied means together to the symmetric saddle where all components are equal.
///
/// With random responsibilities, components that have their own covariance get that of their rows about their mean.
///
/// In either case a thousandth of the columns' variances is added to the covariances, which may be singular without.
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
    let most = match seeding {
        Seeding::KMeansPlusPlus | Seeding::RandomRows => SAMPLE.max(10 * k),
        Seeding::RandomResponsibilities => 2 * k * (d + 1),
    };
    let rows: Vec<&[f64]> = match data.n() > most {
        true => index::sample(rng, data.n(), most).into_iter().map(|i| data.row(i)).collect(),
        false => data.rows().collect(),
    };
    let sds = data.standard_deviations();
    let mut statistics = Statistics::new(Shape::Full, k, d);
    let seeds = match seeding {
        Seeding::KMeansPlusPlus | Seeding::RandomRows => {
            let (seeds, labels) = choose_seeds(&rows, k, seeding, sds, rng);
            for (row, label) in rows.iter().zip(&labels) {
                statistics.push(*label, 1.0, row);
            }
            seeds
        }
        Seeding::RandomResponsibilities => {
            share(&rows, &mut statistics, rng);
            (0..k).collect()
        }
    };

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
    let own = seeding == Seeding::RandomResponsibilities && matches!(model.structure(), Structure::Free(_));
    if !matches!(model.structure(), Structure::Known(_)) {
        for (component, covariance) in covariances.iter_mut().enumerate() {
            let of = if own { component..component + 1 } else { 0..k };
            if let Ok(start) = Covariance::new(covariance_within(&statistics, of, sds).project(model.shape())) {
                *covariance = start;
            }
        }
    }
    Ok(model.best_numbering(&mixture).unwrap_or(mixture))
}

/// Shares every row among all components, by responsibilities from a flat Dirichlet distribution.
fn share<R: Rng + ?Sized>(rows: &[&[f64]], statistics: &mut Statistics, rng: &mut R) {
    let mut responsibilities = vec![0.0; statistics.k()];
    for row in rows {
        // Gaps between sorted uniform numbers would do too; exponential variables need no sorting.
        for r in &mut responsibilities {
            *r = Exp1.sample(rng);
        }
        let total: f64 = responsibilities.iter().sum();
        responsibilities.iter().enumerate().for_each(|(k, r)| statistics.push(k, r / total, row));
    }
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

/// The covariance of the rows of some components about their component's mean, plus a thousandth of the columns'
/// variances (1 for a constant column) so that it is positive definite.
fn covariance_within(statistics: &Statistics, components: Range<usize>, sds: &[f64]) -> Symmetric {
    let n: f64 = statistics.weights()[components.clone()].iter().sum();
    let mut within = Symmetric::zeros(Shape::Full, sds.len());
    for k in components {
        within.add_scaled(1.0 / n, statistics.scatter(k));
    }
    for (j, sd) in sds.iter().enumerate() {
        let mut axis = vec![0.0; sds.len()];
        axis[j] = 1.0;
        within.add_outer(if *sd > 0.0 { 1e-3 * sd * sd } else { 1.0 }, &axis);
    }
    within
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
        for seeding in [Seeding::KMeansPlusPlus, Seeding::RandomRows, Seeding::RandomResponsibilities] {
            let start = seed_mixture(&model(3, 2), &data, seeding, &mut Streams::new(1).rng(0)).unwrap();
            assert!(start.ln_density(&[1.0, 5.0]).is_finite());
        }
        let error = seed_mixture(&model(4, 2), &data, Seeding::RandomRows, &mut Streams::new(1).rng(0));
        assert_eq!(error, Err(SeedingError::TooFewRows { k: 4, n: 3 }));
    }

    /// Rows of N(0, 1) x N(0, 9).
    fn normal_rows(n: usize) -> Data {
        let covariance = Covariance::diagonal(vec![1.0, 9.0]).unwrap();
        let normal = Mixture::new(vec![1.0], vec![vec![0.0, 0.0]], vec![covariance]).unwrap();
        let (mut rng, mut values) = (Streams::new(3).rng(0), vec![0.0; 2 * n]);
        values.chunks_mut(2).for_each(|row| {
            normal.sample(&mut rng, row);
        });
        Data::new(values, 2).unwrap()
    }

    #[test]
    fn random_responsibilities_are_flat_and_keep_components_apart_however_many_rows_there_are() {
        let (k, n_starts) = (3, 400);
        let mut widths = Vec::new();
        for n in [18, 50_000] {
            let (data, model) = (normal_rows(n), model(k, 2));
            let (mut weights, mut means, mut variances) = (0.0, 0.0, 0.0);
            for seed in 0..n_starts {
                let mut rng = Streams::new(seed).rng(0);
                let start = seed_mixture(&model, &data, Seeding::RandomResponsibilities, &mut rng).unwrap();
                assert_eq!(start.covariances().len(), k);
                assert_ne!(start.covariance(0), start.covariance(1));
                for component in 0..k {
                    weights += (start.weights()[component] - 1.0 / 3.0).powi(2);
                    means += (start.mean(component)[1] - start.distribution_mean()[1]).powi(2) / 9.0;
                    variances += start.covariance(component).as_symmetric().get(1, 1) / 9.0;
                }
            }
            // A responsibility has variance (K - 1) / K^2 / (K + 1) = 1 / 18; weights are (N_k + 1/2) / (n + K / 2), of
            // the 18 = 2 K (d + 1) rows that a start looks at.
            let count = (n_starts * k as u64) as f64;
            let expected = 18.0 / 18.0 / 19.5f64.powi(2);
            // The standard error is about 0.06 of it.
            assert!((weights / count / expected - 1.0).abs() < 0.25, "{n}: {}", weights / count / expected);
            widths.push((means / count, variances / count));
        }
        // About (K - 1) / (K + 1) / m = 1 / 36 in units of the variance, for few rows as for many.
        for (means, variances) in widths {
            assert!((0.5 / 36.0..2.0 / 36.0).contains(&means), "{means}");
            assert!((0.5..1.5).contains(&variances), "{variances}");
        }
    }

    #[test]
    fn random_responsibilities_give_tied_components_one_covariance() {
        let data = normal_rows(100);
        let prior = Prior { weights: Model::dirichlet(vec![1.0; 2]).unwrap(), components: ComponentPrior::Flat };
        let model = Model::new(2, Structure::Tied(Shape::Diagonal), prior).unwrap();
        let mut rng = Streams::new(4).rng(0);
        let start = seed_mixture(&model, &data, Seeding::RandomResponsibilities, &mut rng).unwrap();
        assert_eq!((start.covariances().len(), start.shape()), (1, Shape::Diagonal));
        assert_ne!(start.mean(0), start.mean(1));
    }
}
