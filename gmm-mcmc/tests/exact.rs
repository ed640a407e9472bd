//! Eight rows, every allocation enumerated: the evidence to 1e-10, and Gibbs, blocked, collapsed and tempered, within Monte
//! Carlo error of it.
#![allow(clippy::unwrap_used)]

use gmm_core::{Covariance, Data, Model, Seeding, Shape, Statistics, Streams, Structure, log_sum_exp, seed_mixture};
use gmm_mcmc::diagnostics::mcse_mean;
use gmm_mcmc::{Kind, Scan, TemperedScan, Tempering};
use rayon::prelude::*;
use reference::{ExactCase, FiniteMixture, data, exact_cases};

/// Posterior expectations, in the order in which `of_scan` lists them.
struct Exact {
    ln_evidence: f64,
    names: Vec<String>,
    expectations: Vec<f64>,
}

fn pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(|j| (0..j).map(move |i| (i, j)))
}

/// All K^n labelled allocations with their weight `p(x, z)`, densities of rows raised to a power. What is expected of parameters
/// is so for power 1 alone.
fn enumerate(model: &Model, rows: &Data, entry: &FiniteMixture, power: f64) -> Exact {
    let (n, k) = (rows.n(), model.k());
    let mut ln_joint = Vec::new();
    let mut terms: Vec<Vec<f64>> = Vec::new();
    for code in 0..k.pow(n as u32) {
        let labels: Vec<usize> = (0..n).map(|i| code / k.pow(i as u32) % k).collect();
        let statistics = Statistics::from_partition(rows, &labels, model.shape(), k);
        let mut posterior = model.posterior(&statistics);
        posterior.update_tempered(&statistics, power);
        ln_joint.push(posterior.ln_marginal().unwrap());
        let occupied = statistics.weights().iter().filter(|n| **n > 0.0).count();
        let mut term: Vec<f64> = pairs(n).map(|(i, j)| f64::from(u8::from(labels[i] == labels[j]))).collect();
        term.extend((1..=k).map(|m| f64::from(u8::from(m == occupied))));
        let concentration: Vec<f64> = statistics.weights().iter().map(|n| n + entry.concentration).collect();
        let total: f64 = concentration.iter().sum();
        term.push(concentration.iter().map(|a| a * (a + 1.0)).sum::<f64>() / (total * (total + 1.0)));
        let weights = posterior.predictive_weights();
        let components: Vec<_> = (0..k).map(|c| posterior.predictive(c).unwrap()).collect();
        for point in &entry.predictive_points {
            term.push((0..k).map(|c| weights[c] * components[c].ln_density(point).exp()).sum());
        }
        terms.push(term);
    }
    let ln_evidence = log_sum_exp(&ln_joint);
    let mut expectations = vec![0.0; terms[0].len()];
    for (ln, term) in ln_joint.iter().zip(&terms) {
        let p = (ln - ln_evidence).exp();
        expectations.iter_mut().zip(term).for_each(|(e, t)| *e += p * t);
    }
    let mut names: Vec<String> = pairs(n).map(|(i, j)| format!("rows {i} and {j} together")).collect();
    names.extend((1..=k).map(|m| format!("{m} occupied")));
    names.push("sum of squared weights".into());
    names.extend(entry.predictive_points.iter().map(|point| format!("predictive density at {point:?}")));
    Exact { ln_evidence, names, expectations }
}

/// The same quantities in the state of a chain.
fn of_scan(scan: &Scan<'_>, entry: &FiniteMixture) -> Vec<f64> {
    let (labels, mixture) = (scan.labels(), scan.mixture());
    let mut values: Vec<f64> = pairs(labels.len()).map(|(i, j)| f64::from(u8::from(labels[i] == labels[j]))).collect();
    values.extend((1..=mixture.k()).map(|m| f64::from(u8::from(m == scan.n_occupied()))));
    values.push(mixture.weights().iter().map(|w| w * w).sum());
    values.extend(entry.predictive_points.iter().map(|point| mixture.ln_density(point).exp()));
    values
}

fn all_cases() -> Vec<(String, Model, ExactCase, FiniteMixture)> {
    let cases: Vec<ExactCase> = exact_cases();
    assert_eq!(cases.len(), 8, "one case in one dimension, seven families in two");
    // The known covariance is 0.5 I: the same case in all three shapes.
    let mut all = Vec::new();
    for case in cases {
        for entry in case.finite_mixture.clone() {
            let model = case.model(entry.n_components, entry.concentration);
            let name = format!("{} K={} a={}", case.case, entry.n_components, entry.concentration);
            if let Structure::Known(covariance) = model.structure() {
                for shape in [Shape::Diagonal, Shape::Isotropic] {
                    let known = Covariance::new(covariance.as_symmetric().project(shape)).unwrap();
                    let other = Model::new(model.d(), Structure::Known(known), model.prior().clone()).unwrap();
                    all.push((format!("{name} {shape:?}"), other, case.clone(), entry.clone()));
                }
            }
            all.push((name, model, case.clone(), entry));
        }
    }
    all
}

#[test]
fn enumeration_from_marginals_equals_the_stored_evidence_and_expectations() {
    for (name, model, case, entry) in all_cases() {
        let exact = enumerate(&model, &data(&case.data_rows), &entry, 1.0);
        assert!((exact.ln_evidence - entry.ln_evidence).abs() < 1e-10, "{name}: {}", exact.ln_evidence);
        let mut stored: Vec<f64> = pairs(case.data_rows.len()).map(|(i, j)| entry.coclustering[i][j]).collect();
        stored.extend(&entry.p_occupied);
        stored.push(entry.e_sum_squared_weights);
        stored.extend(&entry.predictive_density);
        for ((what, ours), stored) in exact.names.iter().zip(&exact.expectations).zip(&stored) {
            assert!((ours - stored).abs() < 1e-10, "{name}, {what}: {ours} where {stored} is stored");
        }
    }
}

/// Compares chains x draws x quantities with what is expected of the first quantities, each within `limit` standard errors;
/// returns how many were compared.
fn compare(name: &str, exact: &Exact, chains: &[Vec<Vec<f64>>], limit: f64) -> usize {
    let mut comparisons = 0;
    for q in 0..chains[0][0].len() {
        let (what, expected) = (&exact.names[q], exact.expectations[q]);
        let values: Vec<Vec<f64>> = chains.iter().map(|chain| chain.iter().map(|draw| draw[q]).collect()).collect();
        let total = (chains.len() * chains[0].len()) as f64;
        let mean = values.iter().flatten().sum::<f64>() / total;
        let mcse = mcse_mean(&values);
        if mcse.is_nan() {
            // An event that never changed: it must be that rare (or its opposite).
            assert!(total * (mean - expected).abs() < 8.0, "{name}, {what}: always {mean}, expected {expected}");
            continue;
        }
        comparisons += 1;
        // An event that was seen a few times says little of its own rate: its standard error is at least that of independent
        // draws with the exact one.
        let is_event = values.iter().flatten().all(|value| *value == 0.0 || *value == 1.0);
        let least = if is_event { (expected * (1.0 - expected) / total).sqrt() } else { 0.0 };
        let error = mcse.max(least);
        assert!(
            (mean - expected).abs() < limit * error,
            "{name}, {what}: {mean} where {expected} was expected, standard error {error:e}"
        );
    }
    comparisons
}

/// 4 chains; each comparison within 4 standard errors, a false alarm of 6e-5; the seed is fixed.
fn check_scans(kind: Kind, n_draws: usize) {
    let comparisons: usize = all_cases()
        .into_par_iter()
        .filter(|(.., entry)| entry.n_components > 1)
        .map(|(name, model, case, entry)| {
            let rows = data(&case.data_rows);
            let exact = enumerate(&model, &rows, &entry, 1.0);
            let chains: Vec<Vec<Vec<f64>>> = (0..4)
                .map(|chain| {
                    let streams = Streams::new(11).named(&name).split(chain);
                    let start = seed_mixture(&model, &rows, Seeding::RandomRows, &mut streams.rng(0)).unwrap();
                    let mut scan = Scan::of_kind(kind, &model, &rows, start, streams).unwrap();
                    let mut step = |_: usize| {
                        scan.step().unwrap();
                        of_scan(&scan, &entry)
                    };
                    (0..200).for_each(|i| drop(step(i)));
                    (0..n_draws).map(step).collect()
                })
                .collect();
            compare(&name, &exact, &chains, 4.0)
        })
        .sum();
    assert!(comparisons > 600, "{comparisons}");
}

#[test]
fn gibbs_agrees_with_the_enumeration_within_four_standard_errors() {
    check_scans(Kind::Blocked, 20_000);
}

#[test]
fn collapsed_gibbs_agrees_with_the_enumeration_within_four_standard_errors() {
    check_scans(Kind::Collapsed, 10_000);
}

/// What is expected of the allocations on each rung under its power; of the cold rung's parameters too if so asked. Some
/// 4000 comparisons, each with a false alarm of 7e-6 at 4.5 standard errors.
fn check_rungs(kind: Kind, n_draws: usize, with_parameters: bool) {
    let comparisons: usize = all_cases()
        .into_par_iter()
        .filter(|(.., entry)| entry.n_components > 1)
        .map(|(name, model, case, entry)| {
            let rows = data(&case.data_rows);
            let ladder = Tempering { rungs: 4 };
            let n_of_allocations = rows.n() * (rows.n() - 1) / 2 + model.k();
            // Of each chain the powers and, rung by rung, draws x quantities.
            let chains: Vec<_> = (0..2)
                .map(|chain| {
                    let streams = Streams::new(12).named(&name).split(chain);
                    let start = seed_mixture(&model, &rows, Seeding::RandomRows, &mut streams.rng(0)).unwrap();
                    let mut scans = TemperedScan::new(kind, ladder, &model, &rows, start, streams).unwrap();
                    // The powers that a warm-up finds differ from chain to chain, which pooled draws must not.
                    let mut draws: Vec<Vec<Vec<f64>>> = vec![Vec::with_capacity(n_draws); ladder.rungs];
                    (0..200).for_each(|_| scans.step().unwrap());
                    for _ in 0..n_draws {
                        scans.step().unwrap();
                        for (draws, rung) in draws.iter_mut().zip(scans.rungs()) {
                            draws.push(of_scan(rung, &entry));
                        }
                        let first = usize::from(with_parameters);
                        draws[first..].iter_mut().for_each(|d| d.last_mut().unwrap().truncate(n_of_allocations));
                    }
                    (scans.swaps().powers, draws)
                })
                .collect();
            let powers = chains[0].0.clone();
            assert!(chains.iter().all(|chain| chain.0 == powers));
            (0..ladder.rungs)
                .map(|r| {
                    let exact = enumerate(&model, &rows, &entry, powers[r]);
                    let draws: Vec<Vec<Vec<f64>>> = chains.iter().map(|(_, draws)| draws[r].clone()).collect();
                    compare(&format!("{name}, power {}", powers[r]), &exact, &draws, 4.5)
                })
                .sum::<usize>()
        })
        .sum();
    assert!(comparisons > 2400, "{comparisons}");
}

#[test]
fn all_rungs_of_a_ladder_agree_with_the_enumeration() {
    check_rungs(Kind::Blocked, 5000, false);
}

#[test]
#[ignore = "long: half a minute"]
fn all_rungs_and_the_parameters_of_the_cold_one_agree_with_the_enumeration() {
    check_rungs(Kind::Blocked, 20_000, true);
}

#[test]
#[ignore = "long: half a minute"]
fn all_rungs_of_a_collapsed_ladder_agree_with_the_enumeration() {
    check_rungs(Kind::Collapsed, 15_000, true);
}
