//! Eight rows, every allocation enumerated: the evidence to 1e-10, and Gibbs within Monte Carlo error of it.
#![allow(clippy::unwrap_used)]

use gmm_core::{Covariance, Data, Model, Seeding, Shape, Statistics, Streams, Structure, log_sum_exp, seed_mixture};
use gmm_mcmc::Scan;
use gmm_mcmc::diagnostics::mcse_mean;
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

/// All K^n labelled allocations with their weight `p(x, z)`.
fn enumerate(model: &Model, rows: &Data, entry: &FiniteMixture) -> Exact {
    let (n, k) = (rows.n(), model.k());
    let mut ln_joint = Vec::new();
    let mut terms: Vec<Vec<f64>> = Vec::new();
    for code in 0..k.pow(n as u32) {
        let labels: Vec<usize> = (0..n).map(|i| code / k.pow(i as u32) % k).collect();
        let statistics = Statistics::from_partition(rows, &labels, model.shape(), k);
        let posterior = model.posterior(&statistics);
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
        let exact = enumerate(&model, &data(&case.data_rows), &entry);
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

/// 20,000 draws in each of 4 chains. Each comparison has a false alarm of 6e-5; the seed is fixed.
#[test]
fn gibbs_agrees_with_the_enumeration_within_four_standard_errors() {
    let (n_chains, n_draws) = (4, 20_000);
    let mut comparisons = 0;
    for (name, model, case, entry) in all_cases().into_iter().filter(|(.., entry)| entry.n_components > 1) {
        let rows = data(&case.data_rows);
        let exact = enumerate(&model, &rows, &entry);
        let chains: Vec<Vec<Vec<f64>>> = (0..n_chains)
            .map(|chain| {
                let streams = Streams::new(11).named(&name).split(chain);
                let start = seed_mixture(&model, &rows, Seeding::RandomRows, &mut streams.rng(0)).unwrap();
                let mut scan = Scan::new(&model, &rows, start, streams);
                let mut step = |_: usize| {
                    scan.step().unwrap();
                    of_scan(&scan, &entry)
                };
                (0..200).for_each(|i| drop(step(i)));
                (0..n_draws).map(step).collect()
            })
            .collect();
        for (q, (what, expected)) in exact.names.iter().zip(&exact.expectations).enumerate() {
            let values: Vec<Vec<f64>> = chains.iter().map(|chain| chain.iter().map(|draw| draw[q]).collect()).collect();
            let total = (n_chains as usize * n_draws) as f64;
            let mean = values.iter().flatten().sum::<f64>() / total;
            let mcse = mcse_mean(&values);
            if mcse.is_nan() {
                // An event that never changed: it must be that rare (or its opposite).
                assert!(total * (mean - expected).abs() < 8.0, "{name}, {what}: always {mean}, expected {expected}");
                continue;
            }
            comparisons += 1;
            assert!(
                (mean - expected).abs() < 4.0 * mcse,
                "{name}, {what}: {mean} where {expected} was expected, standard error {mcse:e}"
            );
        }
    }
    assert!(comparisons > 600, "{comparisons}");
}
