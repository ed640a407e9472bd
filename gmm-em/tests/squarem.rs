//! SQUAREM against plain EM: optima, rising traces, sweeps saved, convergence as strict, singularities.
#![allow(clippy::unwrap_used)]

use gmm_core::{
    Covariance, Data, Mixture, Model, Rule, Seeding, Shape, Streams, Structure, Workspace, seed_mixture, sweep,
};
use gmm_em::{Acceleration, Climb, Em, EmError, Objective, Outcome, Stop, climb, fit};
use reference::{
    Family, data as rows_of, flat_model, map_cases, map_flat_components_cases, maximum_likelihood_cases, table,
};

fn squarem(em: &Em) -> Em {
    Em { acceleration: Acceleration::Squarem, ..em.clone() }
}

fn simulated(mixture: &Mixture, n: usize, seed: u64) -> Data {
    let mut rng = Streams::new(seed).rng(0);
    let mut values = vec![0.0; n * mixture.d()];
    values.chunks_mut(mixture.d()).for_each(|row| {
        mixture.sample(&mut rng, row);
    });
    Data::new(values, mixture.d()).unwrap()
}

/// Two normals two standard deviations apart, and three in the plane that overlap as much.
fn ridges() -> [(Data, Model); 2] {
    let one = Covariance::isotropic(1, 1.0).unwrap();
    let line = Mixture::new(vec![0.5, 0.5], vec![vec![0.0], vec![2.0]], vec![one]).unwrap();
    let tilted = |a: f64| Covariance::full(&[[1.0, a], [a, 1.0]]).unwrap();
    let means = vec![vec![0.0, 0.0], vec![1.5, 1.0], vec![-1.0, 1.5]];
    let plane = Mixture::new(vec![0.4, 0.3, 0.3], means, vec![tilted(0.3), tilted(-0.3), tilted(0.0)]).unwrap();
    [
        (simulated(&line, 2000, 1), flat_model(Family::Full, None, 2, 1, 1.0)),
        (simulated(&plane, 2000, 2), flat_model(Family::Full, None, 3, 2, 1.0)),
    ]
}

/// A climb of plain EM and one of SQUAREM from the same start.
fn both(model: &Model, data: &Data, em: &Em, seed: u64) -> [Climb; 2] {
    let seeding = if seed.is_multiple_of(2) { Seeding::KMeansPlusPlus } else { Seeding::RandomRows };
    let start = seed_mixture(model, data, seeding, &mut Streams::new(seed).rng(0)).unwrap();
    [em.clone(), squarem(em)].map(|em| climb(model, data, start.clone(), &em, &mut Workspace::new(), |_, _| {}))
}

/// By how much the objective never falls: the sizes of the tests' data leave rounding far below.
fn assert_rises(climb: &Climb, what: &str) {
    let fallen = climb.trace.windows(2).find(|pair| pair[1] < pair[0] - 1e-12 * (1.0 + pair[0].abs()));
    assert!(fallen.is_none(), "{what}: {fallen:?}");
    assert_eq!(climb.iterations + 1, climb.trace.len(), "{what}");
    assert!(climb.sweeps >= climb.trace.len(), "{what}: {} sweeps", climb.sweeps);
}

/// Fits by both from the same starts; returns their sweeps.
fn assert_same_optimum(name: &str, model: &Model, data: &Data, em: &Em, streams: &Streams) -> [usize; 2] {
    let [plain, fast] = [em.clone(), squarem(em)].map(|em| fit(model, data, &em, streams, &|_| {}).unwrap());
    let difference = fast.objective - plain.objective;
    assert!(difference.abs() <= 1e-6, "{name}: off by {difference:e}");
    [plain, fast].map(|estimate| estimate.restarts.iter().map(|restart| restart.sweeps).sum())
}

#[test]
fn the_optima_of_every_case_are_those_of_plain_em_from_the_same_starts_in_fewer_sweeps() {
    let mut sweeps = [0, 0];
    let mut add = |[plain, fast]: [usize; 2]| sweeps = [sweeps[0] + plain, sweeps[1] + fast];
    let likelihood = Em { restarts: 60, max_iterations: 100_000, ..Em::default() };
    for case in maximum_likelihood_cases() {
        let rows = rows_of(&table(&case.dataset).rows);
        let model = flat_model(case.family, case.fixed_covariance.as_ref(), case.n_components, case.dimension, 1.0);
        add(assert_same_optimum(&case.case, &model, &rows, &likelihood, &Streams::new(1).named(&case.case)));
    }
    let posterior = Em { objective: Objective::Posterior, ..likelihood };
    for case in map_cases() {
        let rows = rows_of(&table(&case.dataset).rows);
        let model = case.prior.model(case.family, case.n_components);
        add(assert_same_optimum(&case.case, &model, &rows, &posterior, &Streams::new(2)));
    }
    for case in map_flat_components_cases() {
        let rows = rows_of(&table(&case.dataset).rows);
        let model = flat_model(case.family, None, case.n_components, case.dimension, case.concentration);
        add(assert_same_optimum(&case.case, &model, &rows, &posterior, &Streams::new(3)));
    }
    assert!(sweeps[1] * 3 < sweeps[0], "{sweeps:?}");
}

#[test]
fn on_a_ridge_most_sweeps_are_saved() {
    for ((data, model), factor) in ridges().into_iter().zip([12, 6]) {
        let mut sweeps = [0, 0];
        for seed in 0..10 {
            let [plain, fast] = both(&model, &data, &Em { max_iterations: 100_000, ..Em::default() }, seed);
            assert_eq!(fast.outcome, Outcome::Stopped(Stop::Converged));
            assert!((plain.objective() - fast.objective()).abs() < 2e-6, "seed {seed}");
            assert_rises(&fast, "ridge");
            sweeps = [sweeps[0] + plain.sweeps, sweeps[1] + fast.sweeps];
        }
        assert!(sweeps[1] * factor < sweeps[0], "{sweeps:?}");
    }
}

/// What plain EM, pursued as far as rounding allows, still gains where SQUAREM has converged, and where its limit is.
#[test]
fn convergence_is_as_strict_as_that_of_plain_em() {
    let mut cases: Vec<(String, Data, Model)> = Vec::new();
    for case in maximum_likelihood_cases().into_iter().filter(|case| case.n_components > 1) {
        let model = flat_model(case.family, case.fixed_covariance.as_ref(), case.n_components, case.dimension, 1.0);
        cases.push((case.case, rows_of(&table(&case.dataset).rows), model));
    }
    cases.extend(ridges().map(|(data, model)| ("ridge".to_owned(), data, model)));
    let mut seen = 0;
    for (name, data, model) in &cases {
        for seed in 0..4 {
            let em = Em { max_iterations: 100_000, tolerance: 1e-8, ..Em::default() };
            let [plain, fast] = both(model, data, &em, seed);
            let bound = 1e-8 * (1.0 + fast.objective().abs());
            let exact = Em { tolerance: 1e-15, ..em };
            let pursued = |from: &Climb| {
                let end = climb(model, data, from.mixture.clone(), &exact, &mut Workspace::new(), |_, _| {});
                (end.objective() - from.objective(), end)
            };
            // No rate foretells how a saddle is left, and plain EM stops there as well.
            if fast.outcome != Outcome::Stopped(Stop::Converged) || pursued(&plain).0 > 1.5 * bound {
                continue;
            }
            let (gain, end) = pursued(&fast);
            seen += 1;
            assert!(gain <= 1.5 * bound, "{name}, seed {seed}: {} tolerances are left", gain / bound);
            assert!(fast.aitken_limit - fast.objective() <= bound, "{name}");
            assert!(end.objective() <= fast.aitken_limit + 0.5 * bound, "{name}, seed {seed}: beyond the limit");
        }
    }
    assert!(seen > 3 * cases.len(), "{seen} of {} cases", cases.len());
}

#[test]
fn the_trace_rises_to_the_mode_in_every_structure() {
    let data = ridges()[1].0.clone();
    let small = Data::new(data.values()[..600].to_vec(), 2).unwrap();
    let full = Covariance::full(&[[1.0, 0.2], [0.2, 1.2]]).unwrap();
    for shape in Shape::ALL {
        let known = Covariance::new(full.as_symmetric().project(shape)).unwrap();
        for structure in [Structure::Free(shape), Structure::Tied(shape), Structure::Known(known)] {
            let model = Model::with_default_prior(3, structure, &small).unwrap();
            for objective in [Objective::Likelihood, Objective::Posterior] {
                let what = format!("{:?}, {objective:?}", model.structure());
                let em = Em { objective, restarts: 12, max_iterations: 100_000, ..Em::default() };
                let [plain, fast] = [em.clone(), squarem(&em)].map(|em| {
                    let estimate = fit(&model, &small, &em, &Streams::new(7), &|_| {}).unwrap();
                    (estimate.objective, estimate.restarts.iter().map(|restart| restart.sweeps).sum::<usize>())
                });
                assert!((plain.0 - fast.0).abs() < 1e-6, "{what}: {} and {}", plain.0, fast.0);
                assert!(fast.1 < plain.1, "{what}: {} and {} sweeps", plain.1, fast.1);
                for seed in 0..4 {
                    let [_, fast] = both(&model, &small, &em, seed);
                    assert_rises(&fast, &what);
                    let mut statistics = model.blank_statistics();
                    let rule = Rule::Responsibilities;
                    let totals = sweep(&small, &fast.mixture, rule, &mut statistics, &mut Workspace::new());
                    assert_eq!(totals.ln_likelihood, fast.ln_likelihood, "{what}");
                }
            }
        }
    }
}

#[test]
fn steps_out_of_iterations_are_counted_and_reported_in_order() {
    let (data, model) = &ridges()[1];
    let start = seed_mixture(model, data, Seeding::RandomRows, &mut Streams::new(3).rng(0)).unwrap();
    for max_iterations in 1..40 {
        let em = Em { max_iterations, ..squarem(&Em::default()) };
        let mut seen = Vec::new();
        let report = |iteration: usize, objective: f64| seen.push((iteration, objective));
        let ended = climb(model, data, start.clone(), &em, &mut Workspace::new(), report);
        assert_eq!((ended.outcome, ended.iterations), (Outcome::Stopped(Stop::MaxIterations), max_iterations));
        assert_eq!(seen, ended.trace.iter().copied().enumerate().collect::<Vec<_>>());
    }
}

#[test]
fn climbs_into_a_singularity_are_recorded_and_are_not_the_best() {
    let data = rows_of(&table("galaxies").rows);
    let model = flat_model(Family::Full, None, 5, 1, 1.0);
    let em = squarem(&Em { restarts: 60, ..Em::default() });
    let estimate = fit(&model, &data, &em, &Streams::new(1), &|_| {}).unwrap();
    let collapsed = estimate.restarts.iter().filter(|r| matches!(r.outcome, Outcome::Collapsed(_))).count();
    assert!(collapsed > 0 && collapsed < 60, "{collapsed} of 60 collapsed");
    assert!(matches!(estimate.restarts[estimate.best].outcome, Outcome::Stopped(Stop::Converged)));

    let data = Data::from_rows(&[[0.0], [0.0], [0.0], [0.0], [5.0], [5.0], [5.0], [5.0], [4.9]]).unwrap();
    let model = flat_model(Family::Full, None, 2, 1, 1.0);
    let error = fit(&model, &data, &squarem(&Em::default()), &Streams::new(1), &|_| {}).unwrap_err();
    let EmError::AllCollapsed { collapses, .. } = &error else { panic!("{error}") };
    assert_eq!(collapses.len(), 20);
}

/// Duplicated rows, constant and collinear columns, as many rows as components, far outliers.
#[test]
fn hopeless_data_end_in_a_typed_outcome_without_nan() {
    let rows = |n: usize, row: &dyn Fn(f64) -> [f64; 3]| {
        Data::from_rows(&(0..n).map(|i| row((i * 37 % 101) as f64)).collect::<Vec<_>>()).unwrap()
    };
    let sets = [
        rows(40, &|x| [(x / 50.0).round(), (x / 40.0).round(), 0.0]),
        rows(40, &|x| [x, 2.0 * x + 1.0, x * x]),
        rows(2, &|x| [x, x * x, 1.0]),
        rows(40, &|x| [x * 1e95, x * 1e-95, (x * 0.1).cos()]),
        rows(40, &|x| [if x == 0.0 { 1e90 } else { x }, x.sin(), x.cos()]),
    ];
    for (set, data) in sets.iter().enumerate() {
        for shape in Shape::ALL {
            for structure in [Structure::Free(shape), Structure::Tied(shape)] {
                let Ok(proper) = Model::with_default_prior(2, structure, data) else { continue };
                for (model, objective) in
                    [(proper.without_prior(), Objective::Likelihood), (proper, Objective::Posterior)]
                {
                    let em = Em { objective, max_iterations: 500, ..squarem(&Em::default()) };
                    let start = seed_mixture(&model, data, Seeding::RandomRows, &mut Streams::new(2).rng(0)).unwrap();
                    let ended = climb(&model, data, start, &em, &mut Workspace::new(), |_, _| {});
                    let what = format!("set {set}, {:?}, {objective:?}: {:?}", model.structure(), ended.outcome);
                    assert!(ended.trace.iter().all(|x| x.is_finite()), "{what}");
                    assert!(!ended.aitken_limit.is_nan(), "{what}");
                }
            }
        }
    }
}

#[test]
fn climbs_do_not_depend_on_the_number_of_threads() {
    let truth = Mixture::new(
        vec![0.5, 0.5],
        vec![vec![0.0, 0.0], vec![2.0, 1.0]],
        vec![Covariance::isotropic(2, 1.0).unwrap()],
    )
    .unwrap();
    let data = simulated(&truth, 20_000, 4);
    let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data).unwrap();
    let em = squarem(&Em { objective: Objective::Posterior, restarts: 2, ..Em::default() });
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(&model, &data, &em, &Streams::new(5), &|_| {}).unwrap())
    };
    assert_eq!(on(1), on(3));
}
