//! Does the sampler sample what it should? Geweke's joint test and simulation-based calibration for all nine structures.
//!
//! Long: run by `cargo test -- --ignored`.
#![allow(clippy::unwrap_used)]

use gmm_core::{
    ComponentPrior, Covariance, Data, InverseWishart, Mixture, Model, NormalInverseWishart, Prior, Shape, Streams,
    Structure, Symmetric,
};
use gmm_mcmc::Scan;
use gmm_mcmc::diagnostics::mcse_mean;
use rayon::prelude::*;

const N: usize = 12;
const D: usize = 2;
const K: usize = 2;

/// All nine structures under a prior that is informative enough for all moments used here to exist.
fn models() -> Vec<(String, Model)> {
    let scale = Symmetric::full(&[[6.0, 1.5], [1.5, 4.0]]).unwrap();
    let mut models = Vec::new();
    for shape in Shape::ALL {
        let mut known = scale.project(shape);
        known.scale(0.2);
        let known = Structure::Known(Covariance::new(known).unwrap());
        for (tying, structure) in [("Free", Structure::Free(shape)), ("Tied", Structure::Tied(shape)), ("Known", known)]
        {
            let covariance = match structure {
                Structure::Known(_) => None,
                _ => Some(InverseWishart::new(14.0, scale.project(shape)).unwrap()),
            };
            let conjugate = NormalInverseWishart::new(vec![1.0, -2.0], 0.5, covariance).unwrap();
            let prior = Prior {
                weights: Model::dirichlet(vec![2.0; K]).unwrap(),
                components: ComponentPrior::Conjugate(conjugate),
            };
            models.push((format!("{tying}({shape:?})"), Model::new(D, structure, prior).unwrap()));
        }
    }
    models
}

/// Functions of parameters and data, symmetric in the components.
fn functions(mixture: &Mixture, data: &Data, ln_likelihood: f64) -> Vec<f64> {
    let mean = mixture.distribution_mean();
    let ln_dets: f64 = (0..K).map(|k| mixture.covariance(k).ln_det()).sum();
    let means = data.means();
    vec![
        mixture.weights().iter().map(|w| w * w).sum(),
        mean[0],
        mean[1],
        mean[0] * mean[1],
        mixture.distribution_covariance(&mean, 0, 0).ln(),
        mixture.distribution_covariance(&mean, 0, 1),
        mixture.distribution_covariance(&mean, 1, 1).ln(),
        ln_dets,
        (mixture.mean(0)[0] - mixture.mean(1)[0]).abs(),
        means[0],
        means[1] * means[1],
        data.standard_deviations()[0],
        mean[0] * means[0],
        mean[1] * means[1],
        ln_likelihood,
    ]
}

fn ln_likelihood(mixture: &Mixture, data: &Data) -> f64 {
    data.rows().map(|row| mixture.ln_density(row)).sum()
}

fn prior_draw(model: &Model, rng: &mut impl rand::Rng) -> Mixture {
    let mut mixture = model.blank_mixture();
    model.posterior(&model.blank_statistics()).draw(rng, &mut mixture).unwrap();
    mixture
}

fn simulate(mixture: &Mixture, rng: &mut impl rand::Rng) -> Data {
    let mut values = vec![0.0; N * D];
    for row in values.chunks_mut(D) {
        mixture.sample(rng, row);
    }
    Data::new(values, D).unwrap()
}

/// Geweke 2004: parameters and data drawn from the joint distribution directly, and by alternating the sampler's scan
/// with data given parameters, have the same moments. 15 functions x 9 structures, 4.5 standard errors each: a false
/// alarm in 1 of 1000 seeds.
#[test]
#[ignore = "long: about a minute"]
fn the_two_simulators_of_the_joint_distribution_agree() {
    let n_draws = 20_000;
    let failures: Vec<String> = models()
        .into_par_iter()
        .flat_map_iter(|(name, model)| {
            let streams = Streams::new(2004).named(&name);
            let mut rng = streams.rng(0);
            let direct: Vec<Vec<f64>> = (0..n_draws)
                .map(|_| {
                    let mixture = prior_draw(&model, &mut rng);
                    let data = simulate(&mixture, &mut rng);
                    functions(&mixture, &data, ln_likelihood(&mixture, &data))
                })
                .collect();
            let chains: Vec<Vec<Vec<f64>>> = (0..4u64)
                .map(|chain| {
                    let streams = streams.split(chain);
                    let mut rng = streams.rng(1);
                    let mut mixture = prior_draw(&model, &mut rng);
                    (0..n_draws as u64)
                        .map(|t| {
                            let data = simulate(&mixture, &mut rng);
                            // The scan: allocations given parameters, parameters given allocations.
                            let mut scan = Scan::new(&model, &data, mixture.clone(), streams.split(t));
                            scan.step().unwrap();
                            mixture = scan.mixture().clone();
                            functions(&mixture, &data, scan.ln_likelihood())
                        })
                        .collect()
                })
                .collect();
            (0..direct[0].len())
                .filter_map(|f| {
                    let exact: Vec<f64> = direct.iter().map(|draw| draw[f]).collect();
                    let sampled: Vec<Vec<f64>> =
                        chains.iter().map(|chain| chain.iter().map(|draw| draw[f]).collect()).collect();
                    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
                    let variance = exact.iter().map(|x| (x - mean(&exact)).powi(2)).sum::<f64>() / n_draws as f64;
                    let error = (variance / n_draws as f64).sqrt().hypot(mcse_mean(&sampled));
                    let difference = mean(&sampled.concat()) - mean(&exact);
                    (difference.abs() > 4.5 * error)
                        .then(|| format!("{name}, function {f}: differs by {:.1} standard errors", difference / error))
                })
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Talts et al. 2018, with the log-likelihood of the data as Modrak et al. 2023 advise: the rank of the true value among
/// posterior draws is uniform. Chi-squared over 20 bins, 3 quantities x 9 structures, each at the 1e-4 level.
#[test]
#[ignore = "long: about a minute"]
fn ranks_of_the_truth_among_posterior_draws_are_uniform() {
    let (n_simulations, n_draws, thin, bins) = (2000, 99, 8, 20);
    let failures: Vec<String> = models()
        .into_par_iter()
        .flat_map_iter(|(name, model)| {
            let streams = Streams::new(2018).named(&name);
            let mut counts = vec![vec![0u32; bins]; 3];
            for simulation in 0..n_simulations {
                let streams = streams.split(simulation);
                let mut rng = streams.rng(0);
                let truth = prior_draw(&model, &mut rng);
                let data = simulate(&truth, &mut rng);
                let quantities = |mixture: &Mixture, ln_likelihood: f64| {
                    let squares = mixture.weights().iter().map(|w| w * w).sum::<f64>();
                    [ln_likelihood, squares, mixture.distribution_mean()[0]]
                };
                let expected = quantities(&truth, ln_likelihood(&truth, &data));
                // Started at the truth, the chain is stationary from the first scan on.
                let mut scan = Scan::new(&model, &data, truth, streams);
                let mut ranks = [0; 3];
                for _ in 0..n_draws {
                    (0..thin).for_each(|_| scan.step().unwrap());
                    let drawn = quantities(scan.mixture(), scan.ln_likelihood());
                    for q in 0..3 {
                        ranks[q] += usize::from(drawn[q] < expected[q]);
                    }
                }
                for q in 0..3 {
                    counts[q][ranks[q] * bins / (n_draws + 1)] += 1;
                }
            }
            (0..3)
                .filter_map(|q| {
                    let expected = n_simulations as f64 / bins as f64;
                    let statistic: f64 = counts[q].iter().map(|c| (f64::from(*c) - expected).powi(2) / expected).sum();
                    // The 1 - 1e-4 quantile of chi-squared with 19 degrees of freedom.
                    (statistic > 50.79).then(|| format!("{name}, quantity {q}: chi-squared {statistic:.1}"))
                })
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(failures.is_empty(), "{failures:#?}");
}
