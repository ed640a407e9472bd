//! Identities that hold for every shape and tying: Bayes' theorem, predictive densities, merges, modes.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Case, cases, data, partition};
use gmm_core::{ComponentPrior, Data, Mixture, Rule, Shape, Statistics, Structure, Workspace, sweep};

fn statistics(case: &Case, data: &Data, labels: &[usize]) -> Statistics {
    Statistics::from_partition(data, labels, case.model.shape(), case.model.k())
}

/// `ln p(x, z | w, mu, S)` from densities row by row.
fn ln_complete_likelihood(mixture: &Mixture, data: &Data, labels: &[usize]) -> f64 {
    data.rows().zip(labels).map(|(row, &k)| mixture.ln_joint(row)[k]).sum()
}

/// The log density of the posterior at a mixture: the prior density of a model whose hyperparameters are the
/// posterior's. Computed from `ln_prior` alone: prior(theta) x likelihood / marginal must equal it for *every* theta.
#[test]
fn prior_times_likelihood_over_marginal_is_the_same_density_whatever_the_parameters() {
    // For the right marginal, ln prior + ln likelihood - ln marginal integrates to 1; its *shape* is checked against
    // the posterior's own updates in one row at a time: p(x2 | x1) = m(x1, x2) / m(x1) below. Here: adding a row
    // multiplies prior x likelihood by that row's density, for any parameters.
    for case in cases(2, 3) {
        let (data, labels) = (data(12, 2), partition(12, 3));
        let all = case.model.posterior(&statistics(&case, &data, &labels));
        let mut rng = gmm_core::Streams::new(5).rng(0);
        let mut density = |_: usize| {
            let mut theta = case.model.blank_mixture();
            case.model.posterior(&statistics(&case, &data, &labels)).draw(&mut rng, &mut theta).unwrap();
            let ln_posterior = case.posterior_ln_density(&data, &labels, &theta);
            let ln_bayes = case.model.ln_prior(&theta) + ln_complete_likelihood(&theta, &data, &labels)
                - all.ln_marginal().unwrap();
            (ln_posterior, ln_bayes)
        };
        for i in 0..5 {
            let (ln_posterior, ln_bayes) = density(i);
            assert!(
                (ln_posterior - ln_bayes).abs() < 1e-10 * (1.0 + ln_bayes.abs()),
                "{}: posterior {ln_posterior}, prior x likelihood / marginal {ln_bayes}",
                case.name
            );
        }
    }
}

#[test]
fn the_predictive_density_is_a_ratio_of_marginals() {
    for d in [1, 2, 4] {
        for case in cases(d, 3) {
            let (data, labels) = (data(13, d), partition(13, 3));
            let n = data.n() - 1;
            let head = Data::new(data.values()[..n * d].to_vec(), d).unwrap();
            let before = case.model.posterior(&statistics(&case, &head, &labels[..n]));
            for k in 0..3 {
                let mut with = labels.clone();
                with[n] = k;
                let after = case.model.posterior(&statistics(&case, &data, &with));
                let ratio = after.ln_marginal().unwrap() - before.ln_marginal().unwrap();
                let predictive =
                    before.predictive_weights()[k].ln() + before.predictive(k).unwrap().ln_density(data.row(n));
                assert!((ratio - predictive).abs() < 1e-11, "{} d={d}: {ratio} and {predictive}", case.name);
            }
        }
    }
}

#[test]
fn statistics_merged_in_any_split_agree() {
    for shape in Shape::ALL {
        let (data, labels) = (data(101, 3), partition(101, 4));
        let whole = Statistics::from_partition(&data, &labels, shape, 4);
        for split in [1, 2, 50, 99] {
            let part = |from: usize, to: usize| {
                let rows = Data::new(data.values()[from * 3..to * 3].to_vec(), 3).unwrap();
                Statistics::from_partition(&rows, &labels[from..to], shape, 4)
            };
            let mut merged = part(0, split);
            merged.merge(&part(split, 101));
            for k in 0..4 {
                assert_eq!(merged.weights()[k], whole.weights()[k]);
                for (a, b) in merged.mean(k).iter().zip(whole.mean(k)) {
                    assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0));
                }
                for (a, b) in merged.scatter(k).entries().iter().zip(whole.scatter(k).entries()) {
                    assert!((a - b).abs() <= 1e-12 * whole.scatter(k).entries()[0].abs());
                }
            }
        }
    }
}

/// At the fixed point of sweep and mode the derivative of ln L + ln prior along every parameter vanishes.
#[test]
fn the_gradient_of_the_log_posterior_vanishes_at_the_map() {
    for d in [1, 2] {
        for case in cases(d, 2) {
            let data = data(60, d);
            let mut mixture = common::start(&case.model, &data);
            let (mut statistics, mut workspace) = (case.model.blank_statistics(), Workspace::new());
            for _ in 0..20_000 {
                sweep(&data, &mixture, Rule::Responsibilities, &mut statistics, &mut workspace);
                case.model.posterior(&statistics).mode(&mut mixture).unwrap();
            }
            let mut objective = |m: &Mixture| {
                let ln_l = sweep(&data, m, Rule::Responsibilities, &mut statistics, &mut workspace).ln_likelihood;
                ln_l + case.model.ln_prior(m)
            };
            let learned = !matches!(case.model.structure(), Structure::Known(_));
            for (direction, ahead, behind, step) in common::perturbations(&mixture, learned) {
                let slope = (objective(&ahead) - objective(&behind)) / (2.0 * step);
                // Central differences of a function of size 1e3 with step 1e-4 have an error of about 1e-8 / 1e-4.
                assert!(slope.abs() < 2e-4, "{} d={d}, {direction}: slope {slope}", case.name);
            }
        }
    }
}

#[test]
fn in_one_dimension_the_three_shapes_agree_to_the_last_digits() {
    let data = data(80, 1);
    let labels = partition(80, 3);
    let of = |name: &str| cases(1, 3).into_iter().find(|case| case.name == name).unwrap();
    for tying in ["Free", "Tied", "Known"] {
        let results: Vec<Vec<f64>> = Shape::ALL
            .iter()
            .map(|shape| {
                let case = of(&format!("{tying}({shape:?})"));
                let mut statistics = statistics(&case, &data, &labels);
                let mut posterior = case.model.posterior(&statistics);
                let mut theta = case.model.blank_mixture();
                posterior.draw(&mut gmm_core::Streams::new(3).rng(0), &mut theta).unwrap();
                let mut mode = case.model.blank_mixture();
                posterior.mode(&mut mode).unwrap();
                let totals = sweep(&data, &theta, Rule::Responsibilities, &mut statistics, &mut Workspace::new());
                let mut all = vec![
                    posterior.ln_marginal().unwrap(),
                    posterior.predictive(1).unwrap().ln_density(&[0.3]),
                    case.model.ln_prior(&theta),
                    totals.ln_likelihood,
                    statistics.scatter(2).entries()[0],
                ];
                all.extend(theta.means().iter().chain(mode.means()));
                all.extend((0..3).map(|k| theta.covariance(k).as_symmetric().get(0, 0)));
                all.extend((0..3).map(|k| mode.covariance(k).as_symmetric().get(0, 0)));
                all
            })
            .collect();
        for other in &results[1..] {
            for (a, b) in results[0].iter().zip(other) {
                assert!((a - b).abs() <= 4.0 * f64::EPSILON * a.abs(), "{tying}: {a} and {b}");
            }
        }
    }
}

#[test]
fn the_flat_prior_has_the_maximum_likelihood_mode_and_no_marginal() {
    for case in cases(2, 2) {
        let (data, labels) = (data(30, 2), partition(30, 2));
        let flat = case.model.without_prior();
        assert!(matches!(flat.prior().components, ComponentPrior::Flat));
        let statistics = statistics(&case, &data, &labels);
        let posterior = flat.posterior(&statistics);
        let mut mode = flat.blank_mixture();
        posterior.mode(&mut mode).unwrap();
        assert!(posterior.ln_marginal().is_none() && posterior.predictive(0).is_none());
        for k in 0..2 {
            assert_eq!(mode.weights()[k], statistics.weights()[k] / 30.0);
            assert_eq!(mode.mean(k), statistics.mean(k));
        }
        let full = |k: usize| Statistics::from_partition(&data, &labels, Shape::Full, 2).scatter(k).clone();
        let mut expected = full(0);
        match flat.structure() {
            Structure::Free(_) => expected.scale(1.0 / statistics.weights()[0]),
            Structure::Tied(_) => {
                expected.add_scaled(1.0, &full(1));
                expected.scale(1.0 / 30.0);
            }
            Structure::Known(_) => continue,
        }
        let expected = expected.project(flat.shape());
        for (a, b) in mode.covariance(0).as_symmetric().entries().iter().zip(expected.entries()) {
            assert!((a - b).abs() < 1e-13 * b.abs().max(1.0), "{}: {a} and {b}", case.name);
        }
    }
}
