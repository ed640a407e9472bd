//! Posteriors against independent samplers (JAGS, NumPyro's NUTS, bayesm).
#![allow(clippy::unwrap_used, clippy::panic)]

use gmm_core::{Mixture, Seeding, Streams, seed_mixture};
use gmm_em::{Em, Objective, fit};
use gmm_mcmc::Scan;
use gmm_mcmc::diagnostics::{mcse_mean, mcse_sd, r_hat_rank};
use rayon::prelude::*;
use reference::{PosteriorCase, data, posterior_cases};

/// The value of a quantity, by its name in the reference files (indices from 1, rows from 0).
fn value(name: &str, case: &PosteriorCase, rows: &[Vec<f64>], sorted: &Mixture, scan: &Scan<'_>) -> f64 {
    let (head, indices) = name.split_once('[').unwrap_or((name, ""));
    let at: Vec<usize> = indices.trim_end_matches(']').split(',').filter_map(|i| i.parse().ok()).collect();
    let one = |i: usize| at[i] - 1;
    match head {
        "w_desc" => {
            let mut weights = sorted.weights().to_vec();
            weights.sort_by(|a, b| b.total_cmp(a));
            weights[one(0)]
        }
        "by_mean.w" => sorted.weights()[one(0)],
        "by_mean.mu" => sorted.mean(one(0))[one(1)],
        "by_mean.Sigma" => sorted.covariance(one(0)).as_symmetric().get(one(1), one(2)),
        "by_mean.logdetSigma" => sorted.covariance(one(0)).ln_det(),
        "sum_w2" => sorted.weights().iter().map(|w| w * w).sum(),
        "mixture_mean" => sorted.distribution_mean()[one(0)],
        "mixture_cov" => sorted.distribution_covariance(&sorted.distribution_mean(), one(0), one(1)),
        "loglik" => scan.ln_likelihood(),
        "logprior" => scan.ln_posterior() - scan.ln_likelihood(),
        "logjoint" => scan.ln_posterior(),
        "P_same" => {
            let (r, s) = (sorted.responsibilities(&rows[at[0]]), sorted.responsibilities(&rows[at[1]]));
            r.iter().zip(&s).map(|(r, s)| r * s).sum()
        }
        "pred_density" => sorted.ln_density(&case.predictive_points[one(0)]).exp(),
        _ => panic!("unknown quantity {name}"),
    }
}

fn check(name: &str, n_draws: usize) {
    let case = posterior_cases().into_iter().find(|case| case.case == name).unwrap();
    let rows = case.data();
    let data = data(&rows);
    let model = case.prior.model(case.family, case.n_components);
    let em = Em { objective: Objective::Posterior, ..Em::default() };
    let streams = Streams::new(6).named(name);
    let optimum = fit(&model, &data, &em, &streams.named("start"), &|_| {}).unwrap().mixture;
    let names: Vec<&String> = case.quantities.keys().collect();
    let chains: Vec<Vec<Vec<f64>>> = (0..4u64)
        .into_par_iter()
        .map(|chain| {
            let streams = streams.split(chain);
            let start = match chain % 2 {
                0 => optimum.clone(),
                _ => seed_mixture(&model, &data, Seeding::RandomRows, &mut streams.rng(0)).unwrap(),
            };
            let mut scan = Scan::new(&model, &data, start, streams);
            let mut columns = vec![Vec::with_capacity(n_draws); names.len()];
            for draw in 0..n_draws + 1000 {
                scan.step().unwrap();
                if draw >= 1000 {
                    let sorted = scan.mixture().permuted(&scan.mixture().order_by_mean());
                    for (column, name) in columns.iter_mut().zip(&names) {
                        column.push(value(name, &case, &rows, &sorted, &scan));
                    }
                }
            }
            columns
        })
        .collect();
    let mut failures = Vec::new();
    for (q, name) in names.iter().enumerate() {
        let stored = case.quantities[*name];
        let values: Vec<&[f64]> = chains.iter().map(|chain| chain[q].as_slice()).collect();
        assert!(r_hat_rank(&values) < 1.01, "{name}: R-hat {}", r_hat_rank(&values));
        let all = values.concat();
        let n = all.len() as f64;
        let mean = all.iter().sum::<f64>() / n;
        let sd = (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        for (what, ours, ours_se, theirs, theirs_se) in [
            ("mean", mean, mcse_mean(&values), stored.mean, stored.mcse_mean),
            ("sd", sd, mcse_sd(&values), stored.sd, stored.mcse_sd.unwrap()),
        ] {
            let error = ours_se.hypot(theirs_se);
            if (ours - theirs).abs() > 4.0 * error {
                failures
                    .push(format!("{what} of {name}: {ours} where {theirs} was expected, combined error {error:e}"));
            }
        }
    }
    assert!(failures.len() * 50 <= 2 * names.len(), "{name}: {failures:#?}");
}

#[test]
fn the_posterior_of_eight_rows_agrees_with_three_samplers() {
    check("C0_faithful8_2d", 20_000);
}

#[test]
fn the_posterior_of_faithful_agrees_with_three_samplers() {
    check("C1_faithful_std_K2_full", 10_000);
}

#[test]
fn the_posterior_of_overlapping_components_agrees_with_three_samplers() {
    check("C5_overlap2d_K2", 20_000);
}

#[test]
fn the_posterior_with_diagonal_covariances_agrees_with_two_samplers() {
    check("C6_faithful_std_K2_diag", 10_000);
}

#[test]
fn the_posterior_with_a_tied_covariance_agrees_with_two_samplers() {
    check("C6_faithful_std_K2_tied", 10_000);
}
