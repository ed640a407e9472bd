//! WAIC and PSIS-LOO against closed forms and against R's loo; log scores against all densities at once and by quadrature.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use gmm_core::{
    ComponentPrior, Data, InverseWishart, Model, NormalInverseWishart, Prior, Shape, Statistics, Streams, Structure,
    Symmetric,
};
use gmm_em::{Em, Objective};
use gmm_mcmc::predictive::{LogScore, PredictiveError, predictive_accuracy, smooth};
use gmm_mcmc::{Draws, Gibbs, sample};
use rand::RngExt;

/// R's loo 2.5.1, function `psis`.
#[test]
fn smoothed_weights_are_those_of_loo() {
    let cases = reference::smoothing_cases();
    assert!(cases.len() == 12 && cases.iter().any(|case| case.pareto_k > 0.7));
    for case in cases {
        let smoothed = smooth(&case.ln_ratios(), case.r_eff);
        let what = format!("{} draws, shape {}, efficiency {}", case.draws, case.shape, case.r_eff);
        let close = |found: f64, expected: f64| {
            assert!((found - expected).abs() < 1e-9 * (1.0 + expected.abs()), "{what}: {found} where {expected}");
        };
        close(smoothed.shape, case.pareto_k);
        let largest = smoothed.ln_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        close(largest, case.largest);
        close(smoothed.ln_weights.iter().map(|w| (2.0 * w).exp()).sum(), case.sum_of_squares);
        for (found, expected) in smoothed.ln_weights.iter().zip(&case.first) {
            close(*found, *expected);
        }
    }
}

fn rows(n: usize, d: usize, seed: u64) -> Data {
    let mut rng = Streams::new(seed).rng(0);
    let values = (0..n * d).map(|_| (0..4).map(|_| rng.random::<f64>()).sum()).collect();
    Data::new(values, d).unwrap()
}

fn draws(model: &Model, data: &Data, settings: &Gibbs, seed: u64) -> Draws {
    sample(model, data, settings, &[], &Streams::new(seed), &|_| {}).unwrap()
}

/// With one component the predictive densities with and without a row are known.
#[test]
fn one_component_has_its_predictive_densities_in_closed_form() {
    for structure in [Structure::Free(Shape::Full), Structure::Tied(Shape::Diagonal), Structure::Free(Shape::Isotropic)]
    {
        let data = rows(25, 2, 3);
        let model = Model::with_default_prior(1, structure, &data).unwrap();
        let ln_density = |rows: &Data, x: &[f64]| {
            let statistics = Statistics::of_all(rows, model.shape());
            model.posterior(&statistics).predictive(0).unwrap().ln_density(x)
        };
        let lppd: f64 = data.rows().map(|x| ln_density(&data, x)).sum();
        let left_out = |i: usize| {
            let others: Vec<&[f64]> = (0..data.n()).filter(|j| *j != i).map(|j| data.row(j)).collect();
            ln_density(&Data::from_rows(&others).unwrap(), data.row(i))
        };
        let loo: f64 = (0..data.n()).map(left_out).sum();
        let settings = Gibbs { chains: 4, warmup: 50, draws: 4000, ..Gibbs::default() };
        let found: Vec<_> =
            (0..8).map(|seed| predictive_accuracy(&draws(&model, &data, &settings, seed), &data).unwrap()).collect();
        // The standard error over eight runs, each of 16,000 independent draws; 4.5 of these.
        let check = |what: &str, values: Vec<f64>, expected: f64, bias: f64| {
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let error = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt();
            assert!((mean - expected).abs() < 4.5 * error + bias, "{what}: {mean} +- {error}, not {expected}");
        };
        check("lppd", found.iter().map(|accuracy| accuracy.lppd).collect(), lppd, 1e-3);
        check("loo", found.iter().map(|accuracy| accuracy.loo.elpd).collect(), loo, 5e-3);
        for accuracy in found {
            assert_eq!((accuracy.pareto_k.len(), accuracy.n_unreliable()), (25, 0));
            assert!((accuracy.loo.effective_parameters - (accuracy.lppd - accuracy.loo.elpd)).abs() < 1e-12);
            // WAIC is close where rows have little weight each, and always a little below LOO's count of parameters.
            assert!((accuracy.waic.elpd - loo).abs() < 0.3, "{} and {loo}", accuracy.waic.elpd);
        }
    }
}

#[test]
fn a_row_far_from_all_others_is_called_unreliable() {
    let mut values: Vec<f64> = rows(40, 1, 5).values().to_vec();
    values.push(60.0);
    let data = Data::new(values, 1).unwrap();
    let model = Model::with_default_prior(1, Structure::Free(Shape::Full), &data).unwrap();
    let found = predictive_accuracy(
        &draws(&model, &data, &Gibbs { chains: 2, warmup: 50, draws: 1000, ..Gibbs::default() }, 1),
        &data,
    );
    let found = found.unwrap();
    let worst = (0..41).max_by(|&a, &b| found.pareto_k[a].total_cmp(&found.pareto_k[b])).unwrap();
    assert_eq!(worst, 40);
    assert!(found.pareto_k[40] > found.k_limit && found.n_unreliable() >= 1, "{:?}", found.pareto_k);
    assert!((found.k_limit - (1.0 - 1.0 / 2000f64.log10())).abs() < 1e-12);
}

#[test]
fn threads_and_groups_of_rows_change_nothing() {
    let data = rows(700, 2, 7);
    let model = Model::with_default_prior(3, Structure::Free(Shape::Full), &data).unwrap();
    let draws = draws(&model, &data, &Gibbs { chains: 2, warmup: 20, draws: 100, ..Gibbs::default() }, 2);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| predictive_accuracy(&draws, &data)).unwrap()
    };
    let one = on(1);
    assert_eq!(one, on(3));
    // The terms of rows do not depend on the rows beside them.
    let part = Data::new(data.values()[..2 * 10].to_vec(), 2).unwrap();
    assert_eq!(predictive_accuracy(&draws, &part).unwrap().pareto_k, one.pareto_k[..10]);
    let narrow = Data::new(vec![1.0, 2.0], 1).unwrap();
    assert_eq!(predictive_accuracy(&draws, &narrow), Err(PredictiveError::Columns { found: 1, expected: 2 }));
}

/// Two groups, with a prior that keeps variances of the size of the data.
fn two_groups(d: usize) -> (Model, Data) {
    let rows = rows(40, d, 9);
    let apart = |(i, x): (usize, &f64)| x + if i < 20 * d { 0.0 } else { 4.0 };
    let data = Data::new(rows.values().iter().enumerate().map(apart).collect(), d).unwrap();
    let scale =
        InverseWishart::new(d as f64 + 8.0, Symmetric::isotropic(d, 6.0).unwrap().project(Shape::Full)).unwrap();
    let conjugate = NormalInverseWishart::new(vec![4.0; d], 0.5, Some(scale)).unwrap();
    let prior =
        Prior { weights: Model::dirichlet(vec![2.0; 2]).unwrap(), components: ComponentPrior::Conjugate(conjugate) };
    (Model::new(d, Structure::Free(Shape::Full), prior).unwrap(), data)
}

#[test]
fn log_scores_are_those_of_all_densities_at_once() {
    for structure in [Structure::Free(Shape::Full), Structure::Tied(Shape::Diagonal), Structure::Free(Shape::Isotropic)]
    {
        let data = rows(30, 2, 11);
        let model = Model::with_default_prior(3, structure, &data).unwrap();
        let draws = draws(&model, &data, &Gibbs { chains: 2, warmup: 20, draws: 50, ..Gibbs::default() }, 4);
        // More rows than one task has.
        let new = rows(150, 2, 12);
        let score = LogScore::of_draws(&draws, &new).unwrap();
        assert_eq!(score.terms().len(), 150);
        for (x, term) in new.rows().zip(score.terms()) {
            let places = (0..2).flat_map(|chain| (0..50).map(move |draw| (chain, draw)));
            let densities = places.map(|(chain, draw)| draws.mixture(chain, draw).unwrap().ln_density(x).exp());
            let expected = (densities.sum::<f64>() / 100.0).ln();
            assert!((term - expected).abs() < 1e-12 * (1.0 + expected.abs()), "{term}, not {expected}");
        }
        // Rows that were fitted: the log pointwise predictive density of WAIC.
        let fitted = LogScore::of_draws(&draws, &data).unwrap().total();
        assert!((fitted - predictive_accuracy(&draws, &data).unwrap().lppd).abs() < 1e-10);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(pool.install(|| LogScore::of_draws(&draws, &new)).unwrap(), score);
        let narrow = Data::new(vec![1.0, 2.0], 1).unwrap();
        let columns = Err(PredictiveError::Columns { found: 1, expected: 2 });
        assert_eq!(LogScore::of_draws(&draws, &narrow), columns);
        assert_eq!(LogScore::of_mixture(&draws.mixture(0, 0).unwrap(), &narrow), columns);
    }
}

/// The trapezoidal rule, which is exact but for rounding for densities this smooth that vanish at the ends.
#[test]
fn predictive_densities_integrate_to_one() {
    for (d, step, half) in [(1, 0.05, 1000_i32), (2, 0.25, 120)] {
        let (model, data) = two_groups(d);
        let draws = draws(&model, &data, &Gibbs { chains: 2, warmup: 50, draws: 40, ..Gibbs::default() }, 6);
        let em = Em { objective: Objective::Posterior, ..Em::default() };
        let mode = gmm_em::fit(&model, &data, &em, &Streams::new(1), &|_| {}).unwrap().mixture;
        let axis = || (-half..=half).map(|i| 4.0 + step * f64::from(i));
        let grid: Vec<f64> = match d {
            1 => axis().collect(),
            _ => axis().flat_map(|x| axis().flat_map(move |y| [x, y])).collect(),
        };
        let grid = Data::new(grid, d).unwrap();
        for score in [LogScore::of_draws(&draws, &grid).unwrap(), LogScore::of_mixture(&mode, &grid).unwrap()] {
            let integral = score.terms().iter().map(|ln| ln.exp()).sum::<f64>() * step.powi(d as i32);
            assert!((integral - 1.0).abs() < 1e-9, "d = {d}: {integral}");
        }
    }
}
