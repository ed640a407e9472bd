//! The files agree with themselves: sizes, counts, criteria, and the likelihood of the stored parameters.

#![allow(clippy::panic, clippy::expect_used, reason = "test helpers may panic, as tests may")]

use reference::{
    Family, Scale, diagnostic_chains, diagnostics_cases, exact_cases, map_cases, map_flat_components_cases,
    maximum_likelihood_cases, posterior_cases, regularised_cases, relabelling_cases, separated_posterior_cases, table,
};

/// The log density of a normal, by a Cholesky factor that is computed anew.
fn ln_normal(x: &[f64], mean: &[f64], covariance: &[Vec<f64>]) -> f64 {
    let d = x.len();
    let mut factor = vec![vec![0.0; d]; d];
    let mut whitened = vec![0.0; d];
    let mut result = -0.5 * d as f64 * (2.0 * std::f64::consts::PI).ln();
    for i in 0..d {
        for j in 0..=i {
            let rest = covariance[i][j] - (0..j).map(|l| factor[i][l] * factor[j][l]).sum::<f64>();
            factor[i][j] = if i == j { rest.sqrt() } else { rest / factor[j][j] };
        }
        let rest = x[i] - mean[i] - (0..i).map(|l| factor[i][l] * whitened[l]).sum::<f64>();
        whitened[i] = rest / factor[i][i];
        result -= 0.5 * whitened[i] * whitened[i] + factor[i][i].ln();
    }
    result
}

fn ln_likelihood(rows: &[Vec<f64>], weights: &[f64], means: &[Vec<f64>], covariances: &[Vec<Vec<f64>>]) -> f64 {
    let ln_density = |row: &Vec<f64>| {
        let terms: Vec<f64> =
            (0..weights.len()).map(|k| weights[k].ln() + ln_normal(row, &means[k], &covariances[k])).collect();
        let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        largest + terms.iter().map(|term| (term - largest).exp()).sum::<f64>().ln()
    };
    rows.iter().map(ln_density).sum()
}

fn assert_close(actual: f64, expected: f64, tolerance: f64, what: &str) {
    let bound = tolerance * (1.0 + expected.abs());
    assert!((actual - expected).abs() <= bound, "{what}: {actual} instead of {expected}");
}

fn assert_scale_fits(scale: &Scale, family: Family, dimension: usize, case: &str) {
    match (scale, family) {
        (Scale::Matrix(matrix), Family::Full | Family::Tied) => {
            assert_eq!(matrix.len(), dimension, "{case}");
            assert!(matrix.iter().all(|row| row.len() == dimension), "{case}");
        }
        (Scale::Diagonal(diagonal), Family::Diag | Family::SharedDiag) => {
            assert_eq!(diagonal.len(), dimension, "{case}")
        }
        (Scale::Number(_), Family::Iso | Family::SharedIso) => {}
        _ => panic!("{case}: the scale {scale:?} is not of the form of {family:?}"),
    }
}

#[test]
fn every_maximum_likelihood_case_has_the_likelihood_and_the_criteria_of_its_parameters() {
    let cases = maximum_likelihood_cases();
    assert_eq!(cases.len(), 51);
    for case in &cases {
        let rows = table(&case.dataset).rows;
        assert_eq!((rows.len(), rows[0].len()), (case.n_rows, case.dimension), "{}", case.case);
        assert_eq!(case.n_parameters, case.family.n_parameters(case.n_components, case.dimension), "{}", case.case);
        assert_eq!(case.fixed_covariance.is_some(), case.family == Family::Constant, "{}", case.case);
        assert_close(case.weights.iter().sum(), 1.0, 1e-12, &case.case);
        let recomputed = ln_likelihood(&rows, &case.weights, &case.means, &case.covariances);
        assert_close(recomputed, case.ln_likelihood, 1e-12, &case.case);
        let n_parameters = case.n_parameters as f64;
        assert_close(case.bic, -2.0 * case.ln_likelihood + n_parameters * (case.n_rows as f64).ln(), 1e-12, &case.case);
        assert_close(case.aic, -2.0 * case.ln_likelihood + 2.0 * n_parameters, 1e-12, &case.case);
    }
}

#[test]
fn every_regularised_case_has_the_likelihood_of_its_parameters_and_starts_at_a_maximum() {
    let cases = regularised_cases();
    assert_eq!(cases.len(), 37);
    let maxima = maximum_likelihood_cases();
    for case in &cases {
        let rows = table(&case.dataset).rows;
        // Banknotes have means a thousand times their sd, which sums of raw squares in scikit-learn feel.
        let recomputed = ln_likelihood(&rows, &case.weights, &case.means, &case.covariances);
        assert_close(recomputed, case.ln_likelihood, 1e-10, &case.case);
        let maximum = maxima.iter().find(|maximum| maximum.case == case.case).expect("a maximum");
        let (n, d, k) = (case.n_rows, case.dimension, case.n_components);
        assert_eq!((n, d, k), (maximum.n_rows, maximum.dimension, maximum.n_components), "{}", case.case);
        assert_eq!(case.family, maximum.family, "{}", case.case);
        assert!(case.ln_likelihood < maximum.ln_likelihood + 1e-10, "{}", case.case);
    }
}

#[test]
fn every_posterior_mode_has_the_likelihood_of_its_parameters_and_a_scale_of_the_form_of_its_family() {
    let cases = map_cases();
    assert_eq!(cases.len(), 20);
    for case in &cases {
        let rows = table(&case.dataset).rows;
        assert_eq!((rows.len(), rows[0].len()), (case.n_rows, case.dimension), "{}", case.case);
        assert_eq!(case.prior.mean.len(), case.dimension, "{}", case.case);
        assert_scale_fits(&case.prior.scale, case.family, case.dimension, &case.case);
        let recomputed = ln_likelihood(&rows, &case.weights, &case.means, &case.covariances);
        assert_close(recomputed, case.ln_likelihood, 1e-12, &case.case);
    }
    for case in map_flat_components_cases() {
        let rows = table(&case.dataset).rows;
        let recomputed = ln_likelihood(&rows, &case.weights, &case.means, &case.covariances);
        assert_close(recomputed, case.ln_likelihood, 1e-12, &case.case);
        // Dirichlet(2, 2): the density is 6 w_1 w_2.
        assert_eq!((case.n_components, case.concentration), (2, 2.0));
        let ln_dirichlet = (6.0 * case.weights[0] * case.weights[1]).ln();
        assert_close(recomputed + ln_dirichlet, case.ln_posterior, 1e-12, &case.case);
    }
}

#[test]
fn every_posterior_case_names_the_quantities_that_its_points_and_pairs_promise() {
    let (cases, separated) = (posterior_cases(), separated_posterior_cases());
    assert_eq!((cases.len(), separated.len()), (5, 2));
    assert!(cases.iter().all(|case| case.n_runs.is_none()) && separated.iter().all(|case| case.n_runs.is_some()));
    for case in cases.iter().chain(&separated) {
        let rows = case.data();
        assert_eq!((rows.len(), rows[0].len()), (case.n_rows, case.dimension), "{}", case.case);
        assert_scale_fits(&case.prior.scale, case.family, case.dimension, &case.case);
        for m in 1..=case.predictive_points.len() {
            assert!(case.quantities.contains_key(&format!("pred_density[{m}]")), "{}", case.case);
        }
        for [i, j] in &case.pairs {
            assert!(case.quantities.contains_key(&format!("P_same[{i},{j}]")), "{}", case.case);
        }
        for (name, quantity) in &case.quantities {
            assert!(quantity.mcse_mean > 0.0 && quantity.sd > 0.0, "{} {name}", case.case);
        }
    }
}

#[test]
fn the_eight_rows_of_the_sampled_case_are_those_of_the_exact_one() {
    let sampled = posterior_cases().into_iter().find(|case| case.case == "C0_faithful8_2d").unwrap();
    let exact = exact_cases().into_iter().find(|case| case.case == "D2_faithful8_2d_full").unwrap();
    for (left, right) in sampled.data().iter().zip(&exact.data_rows) {
        left.iter().zip(right).for_each(|(left, right)| assert_close(*left, *right, 1e-15, "row"));
    }
    // The sampled value of a quantity that is known exactly lies within its Monte Carlo error.
    let known = exact.finite_mixture.iter().find(|mixture| mixture.n_components == 2).unwrap();
    let estimate = sampled.quantities["sum_w2"];
    assert!((estimate.mean - known.e_sum_squared_weights).abs() < 4.0 * estimate.mcse_mean);
}

#[test]
fn every_exact_case_holds_probabilities() {
    let cases = exact_cases();
    assert_eq!(cases.len(), 8);
    for case in &cases {
        let dimension = case.data_rows[0].len();
        assert_eq!(case.prior.fixed_covariance.is_some(), case.family == Family::Constant, "{}", case.case);
        assert_eq!(case.prior.dof.is_none(), case.family == Family::Constant, "{}", case.case);
        match &case.prior.scale {
            Some(scale) => assert_scale_fits(scale, case.family, dimension, &case.case),
            None => assert_eq!(case.family, Family::Constant),
        }
        for mixture in &case.finite_mixture {
            assert_eq!(mixture.p_occupied.len(), mixture.n_components, "{}", case.case);
            assert_close(mixture.p_occupied.iter().sum(), 1.0, 1e-12, &case.case);
            assert_eq!(mixture.coclustering.len(), case.data_rows.len(), "{}", case.case);
            assert_eq!(mixture.predictive_points.len(), mixture.predictive_density.len(), "{}", case.case);
        }
    }
}

#[test]
fn every_set_of_chains_has_the_size_that_its_name_says() {
    let cases = diagnostics_cases();
    assert_eq!(cases.len(), 11);
    for case in &cases {
        let chains = diagnostic_chains(&case.name);
        let size = format!("{}x{}", chains.len(), chains[0].len());
        assert!(case.name.ends_with(&size), "{} is {size}", case.name);
        let n_nan = chains.iter().flatten().filter(|value| value.is_nan()).count();
        assert_eq!(n_nan, usize::from(case.name.starts_with("with_nan")), "{}", case.name);
    }
    let constant = cases.iter().find(|case| case.name == "constant_4x100").unwrap();
    assert!(constant.differ["rhat_rank"]["posterior"].is_nan());
    assert_eq!(constant.differ["ess_bulk"]["arviz"], 400.0);
}

#[test]
#[should_panic(expected = "cannot read")]
fn a_data_set_that_does_not_exist_is_named_in_the_panic() {
    table("no_such_data_set");
}

#[test]
fn the_relabelling_case_has_the_objective_and_the_means_of_its_permutations() {
    for case in relabelling_cases() {
        let (k, rows) = (case.n_components, table(&case.dataset).rows);
        assert_eq!((rows.len(), case.dimension, case.allocations.len()), (case.n_rows, 1, case.draws), "{}", case.case);
        assert!(case.allocations.iter().all(|labels| labels.len() == rows.len()), "{}", case.case);
        // Draw x row x label.
        let relabelled: Vec<Vec<Vec<f64>>> = (0..case.draws)
            .map(|s| {
                let probabilities = |row: &Vec<f64>| {
                    let density = |j: &usize| {
                        let variance = vec![vec![case.variances[s][*j]]];
                        case.weights[s][*j] * ln_normal(row, &[case.means[s][*j]], &variance).exp()
                    };
                    let densities: Vec<f64> = case.stephens[s].iter().map(density).collect();
                    let sum: f64 = densities.iter().sum();
                    densities.iter().map(|density| density / sum).collect()
                };
                rows.iter().map(probabilities).collect()
            })
            .collect();
        let mut objective = 0.0;
        for (i, j) in (0..rows.len()).flat_map(|i| (0..k).map(move |j| (i, j))) {
            let of_draws: Vec<f64> = relabelled.iter().map(|draw| draw[i][j]).filter(|p| *p > 0.0).collect();
            let mean = of_draws.iter().sum::<f64>() / case.draws as f64;
            objective += of_draws.iter().map(|p| p * (p / mean).ln()).sum::<f64>();
        }
        assert_close(objective, case.objective, 1e-11, &case.case);
        for (j, means) in case.relabelled_means.iter().enumerate() {
            for (values, expected) in [&case.weights, &case.means, &case.variances].iter().zip(means) {
                let sum: f64 = (0..case.draws).map(|s| values[s][case.stephens[s][j]]).sum();
                assert_close(sum / case.draws as f64, *expected, 1e-9, &case.case);
            }
        }
    }
}
