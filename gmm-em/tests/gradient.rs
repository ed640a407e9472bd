//! Gradient ascent: the gradient against differences of the objective, optima, scales, singularities, settings.
#![allow(clippy::unwrap_used)]

use gmm_core::{
    ComponentPrior, Covariance, Data, InverseWishart, Mixture, Model, NormalInverseWishart, Prior, Rule, Seeding,
    Shape, Streams, Structure, Symmetric, Workspace, seed_mixture, sweep,
};
use gmm_em::{
    Adam, CollapseReason, Coordinates, Decay, Em, EmError, Gradient, Lbfgs, Objective, Optimizer, Outcome, Starts,
    Stop, ascend, fit,
};
use rand::RngExt;
use reference::{data as rows_of, flat_model, table};

fn matrix(d: usize) -> Symmetric {
    let entry = |i: usize, j: usize| if i == j { 1.0 + 0.3 * i as f64 } else { 0.2 / (1 + i + j) as f64 };
    Symmetric::full(&(0..d).map(|i| (0..d).map(|j| entry(i, j)).collect()).collect::<Vec<Vec<f64>>>()).unwrap()
}

/// All nine structures with a proper prior that treats no component or column like another.
fn models(d: usize, k: usize) -> Vec<Model> {
    let mut models = Vec::new();
    for shape in Shape::ALL {
        let known = Covariance::new(matrix(d).project(shape)).unwrap();
        for structure in [Structure::Free(shape), Structure::Tied(shape), Structure::Known(known)] {
            let covariance = match structure {
                Structure::Known(_) => None,
                _ => Some(InverseWishart::new(d as f64 + 3.0, matrix(d).project(shape)).unwrap()),
            };
            let mean = (0..d).map(|j| 0.3 * j as f64 - 0.2).collect();
            let conjugate = NormalInverseWishart::new(mean, 0.7, covariance).unwrap();
            let weights = Model::dirichlet((0..k).map(|k| 1.5 + 0.5 * k as f64).collect()).unwrap();
            let prior = Prior { weights, components: ComponentPrior::Conjugate(conjugate) };
            models.push(Model::new(d, structure, prior).unwrap());
        }
    }
    models
}

/// Three clusters in columns of different scales and offsets.
fn clusters(n: usize, d: usize) -> Data {
    let mut rng = Streams::new(91).rng(0);
    let value = |i: usize, noise: f64| {
        let (row, column) = (i / d, i % d);
        (((row % 3) as f64 - 1.0) * 1.5 + noise + 0.2 * column as f64) * 3f64.powi(column as i32 - 1) + column as f64
    };
    Data::new((0..n * d).map(|i| value(i, rng.random_range(-1.5..1.5))).collect(), d).unwrap()
}

fn objective_at(model: &Model, data: &Data, objective: Objective, mixture: &Mixture) -> f64 {
    let mut statistics = model.blank_statistics();
    let totals = sweep(data, mixture, Rule::Responsibilities, &mut statistics, &mut Workspace::new());
    totals.ln_likelihood + if objective == Objective::Posterior { model.ln_prior(mixture) } else { 0.0 }
}

#[test]
fn the_gradient_is_the_limit_of_differences_of_the_objective_in_every_structure() {
    for (d, k) in [(1, 2), (3, 3), (5, 1)] {
        let data = clusters(70, d);
        for model in models(d, k) {
            for objective in [Objective::Likelihood, Objective::Posterior] {
                let model = if objective == Objective::Posterior { model.clone() } else { model.without_prior() };
                let mut coordinates = Coordinates::new(&model, &data);
                let n = coordinates.n();
                assert_eq!(n, model.n_parameters());
                let mut rng = Streams::new(92).rng(d as u64);
                let start = seed_mixture(&model, &data, Seeding::RandomRows, &mut rng).unwrap();
                let mut x = vec![0.0; n];
                coordinates.write(&start, &mut x);
                x.iter_mut().for_each(|x| *x += rng.random_range(-0.4..0.4));

                let mut mixture = model.blank_mixture();
                coordinates.read(&x, &mut mixture).unwrap();
                let mut statistics = model.blank_statistics();
                sweep(&data, &mixture, Rule::Responsibilities, &mut statistics, &mut Workspace::new());
                let mut gradient = vec![0.0; n];
                coordinates.gradient(&model.posterior(&statistics), &mixture, &mut gradient);

                let largest = gradient.iter().fold(0.0, |most: f64, g| most.max(g.abs()));
                assert!(largest > 1.0);
                for i in 0..n {
                    let mut at = |h: f64| {
                        let mut moved = x.clone();
                        moved[i] += h;
                        coordinates.read(&moved, &mut mixture).unwrap();
                        objective_at(&model, &data, objective, &mixture)
                    };
                    let h = 2e-3;
                    let difference = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
                    assert!(
                        (gradient[i] - difference).abs() < 1e-6 * (gradient[i].abs() + 1e-2 * largest),
                        "{:?}, {objective:?}, coordinate {i} of {n}: {} and {difference}",
                        model.structure(),
                        gradient[i]
                    );
                }
            }
        }
    }
}

/// Where components do not overlap, allocations are known.
#[test]
fn the_information_is_the_curvature_at_the_mode_of_components_far_apart() {
    let near = clusters(90, 3);
    let far = |(i, x): (usize, &f64)| x + if (i / 3) % 3 == 0 { 300.0 } else { 0.0 };
    let data = Data::new(near.values().iter().enumerate().map(far).collect(), 3).unwrap();
    for model in models(3, 2) {
        let em = Em { objective: Objective::Posterior, tolerance: 1e-15, ..Em::default() };
        let mut mixture = fit(&model, &data, &em, &Streams::new(94), &|_| {}).unwrap().mixture;
        let mut coordinates = Coordinates::new(&model, &data);
        let n = coordinates.n();
        let (mut x, mut information) = (vec![0.0; n], vec![0.0; n]);
        coordinates.write(&mixture, &mut x);
        let mut statistics = model.blank_statistics();
        sweep(&data, &mixture, Rule::Responsibilities, &mut statistics, &mut Workspace::new());
        coordinates.information(&model.posterior(&statistics), &mixture, &mut information);
        for i in 0..n {
            let mut slope = |h: f64| {
                let (mut moved, mut gradient) = (x.clone(), vec![0.0; n]);
                moved[i] += h;
                coordinates.read(&moved, &mut mixture).unwrap();
                sweep(&data, &mixture, Rule::Responsibilities, &mut statistics, &mut Workspace::new());
                coordinates.gradient(&model.posterior(&statistics), &mixture, &mut gradient);
                gradient[i]
            };
            let curvature = (slope(-1e-5) - slope(1e-5)) / 2e-5;
            let what = format!("{:?}, coordinate {i}", model.structure());
            assert!((information[i] / curvature - 1.0).abs() < 1e-6, "{what}: {} and {curvature}", information[i]);
        }
    }
}

#[test]
fn coordinates_lead_back_to_the_mixture_in_every_structure() {
    let data = clusters(70, 3);
    for model in models(3, 3) {
        let mut coordinates = Coordinates::new(&model, &data);
        let mut rng = Streams::new(93).rng(0);
        let x: Vec<f64> = (0..coordinates.n()).map(|_| rng.random_range(-2.0..2.0)).collect();
        let mut mixture = model.blank_mixture();
        coordinates.read(&x, &mut mixture).unwrap();
        assert!((mixture.weights().iter().sum::<f64>() - 1.0).abs() < 1e-15);
        assert!((x[0] - (mixture.weights()[0] / mixture.weights()[2]).ln()).abs() < 1e-14);
        if let Structure::Known(covariance) = model.structure() {
            assert_eq!(mixture.covariances(), std::slice::from_ref(covariance));
        }
        let mut back = vec![0.0; x.len()];
        coordinates.write(&mixture, &mut back);
        for (x, back) in x.iter().zip(&back) {
            assert!((x - back).abs() < 1e-12, "{:?}: {x} and {back}", model.structure());
        }
    }
}

#[test]
fn coordinates_beyond_the_range_of_doubles_are_refused_and_far_weights_stay_positive() {
    let data = clusters(70, 2);
    for model in models(2, 2) {
        let mut coordinates = Coordinates::new(&model, &data);
        let mut mixture = model.blank_mixture();
        for i in 0..coordinates.n() {
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let mut x = vec![0.0; coordinates.n()];
                x[i] = bad;
                // Weights without bound have a limit that is a mixture, but for NaN.
                assert!(coordinates.read(&x, &mut mixture).is_err() || i == 0 && bad == f64::NEG_INFINITY);
            }
        }
        let mut x = vec![0.0; coordinates.n()];
        for far in [-1e4, 1e4] {
            x[0] = far;
            coordinates.read(&x, &mut mixture).unwrap();
            assert!(mixture.weights().iter().all(|w| *w > 0.0));
        }
    }
}

/// The 6,000 rows of a mixture 1:5, two normals, Dirichlet(2, 2) weights, and the mode of the posterior.
fn one_to_five() -> (Data, Model, f64) {
    let data = rows_of(&table("jax_seed_mixture").rows);
    (data, flat_model(reference::Family::Iso, None, 2, 1, 2.0), -14_590.360_850_855)
}

fn adam(adam: Adam, max_iterations: usize) -> Gradient {
    Gradient {
        optimizer: Optimizer::Adam(adam),
        objective: Objective::Posterior,
        restarts: 1,
        tolerance: 1e-13,
        max_iterations,
        ..Gradient::default()
    }
}

#[test]
fn both_optimisers_end_at_the_mode_of_one_to_five() {
    let (data, model, mode) = one_to_five();
    let decay = Decay::Exponential { half_life: 50.0 };
    let source = Adam { weights_step: 0.5, components_step: 0.5, decay, ..Adam::default() };
    let lbfgs =
        Gradient { tolerance: 1e-14, optimizer: Optimizer::Lbfgs(Lbfgs::default()), ..adam(source.clone(), 1000) };
    for (settings, bound) in [(adam(source, 1000), 1e-6), (adam(Adam::default(), 2000), 1e-6), (lbfgs, 1e-8)] {
        for starts in [Starts::RandomRows, Starts::KMeansPlusPlus] {
            let settings = Gradient { starts, ..settings.clone() };
            let estimate = fit(&model, &data, &settings, &Streams::new(3), &|_| {}).unwrap();
            assert!((estimate.objective - mode).abs() < bound, "{settings:?}: {}", estimate.objective);
            assert!(estimate.iterations <= settings.max_iterations);
        }
    }
}

#[test]
fn steps_without_decay_stay_farther_from_the_mode() {
    let (data, model, mode) = one_to_five();
    let error = |decay| {
        let settings = adam(Adam { weights_step: 0.5, components_step: 0.5, decay, ..Adam::default() }, 300);
        mode - fit(&model, &data, &settings, &Streams::new(3), &|_| {}).unwrap().objective
    };
    let (constant, decaying) = (error(Decay::Constant), error(Decay::Exponential { half_life: 15.0 }));
    assert!(decaying < 0.1 * constant, "{decaying} and {constant}");
}

#[test]
fn minibatches_come_near_the_mode_and_depend_on_their_streams_alone() {
    let (data, model, mode) = one_to_five();
    let decay = Decay::Exponential { half_life: 300.0 };
    let settings = Gradient { batch: Some(200), log_every: 500, ..adam(Adam { decay, ..Adam::default() }, 3000) };
    let run = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(&model, &data, &settings, &Streams::new(seed), &|_| {}).unwrap())
    };
    let estimate = run(1, 5);
    assert!(estimate.objective <= mode + 1e-9 && estimate.objective > mode - 0.5, "{}", estimate.objective);
    assert_eq!((estimate.stop, estimate.iterations, estimate.trace.len()), (Stop::MaxIterations, 3000, 7));
    assert!(estimate.trace[0] < mode - 10.0, "{:?}", estimate.trace);
    assert_eq!(estimate, run(3, 5));
    assert_ne!(estimate.mixture, run(1, 6).mixture);
    // A prior counts once, whatever the size of a batch.
    let strong = flat_model(reference::Family::Iso, None, 2, 1, 200.0);
    let em = Em { objective: Objective::Posterior, ..Em::default() };
    let mode = fit(&strong, &data, &em, &Streams::new(5), &|_| {}).unwrap().objective;
    let estimate = fit(&strong, &data, &settings, &Streams::new(5), &|_| {}).unwrap();
    assert!(estimate.objective <= mode + 1e-6 && estimate.objective > mode - 0.5, "{} and {mode}", estimate.objective);
    // All rows at once are no sample.
    let all = Gradient { batch: Some(data.n()), ..adam(Adam::default(), 100) };
    let none = Gradient { batch: None, ..all.clone() };
    let fitted = |settings| fit(&model, &data, settings, &Streams::new(5), &|_| {}).unwrap();
    assert_eq!(fitted(&all), fitted(&none));
}

#[test]
fn the_weights_and_the_components_have_steps_of_their_own() {
    let (data, model, _) = one_to_five();
    let mut rng = Streams::new(7).rng(0);
    let start = seed_mixture(&model, &data, Seeding::RandomRows, &mut rng).unwrap();
    let run = |weights_step, components_step| {
        let settings = adam(Adam { weights_step, components_step, ..Adam::default() }, 20);
        ascend(&model, &data, start.clone(), &settings, &Streams::new(7), &mut Workspace::new(), |_, _| {}).mixture
    };
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
    let (still, moved) = (run(0.0, 0.1), run(0.1, 0.0));
    assert!(close(still.weights(), start.weights()) && !close(still.means(), start.means()));
    assert!(!close(moved.weights(), start.weights()) && close(moved.means(), start.means()));
}

#[test]
fn the_trace_has_the_start_every_so_many_iterations_and_the_end() {
    let data = rows_of(&table("faithful").rows);
    let model = flat_model(reference::Family::Full, None, 2, 2, 1.0);
    let streams = Streams::new(8);
    let start = seed_mixture(&model, &data, Seeding::KMeansPlusPlus, &mut streams.rng(0)).unwrap();
    let run = |log_every| {
        let settings = Gradient { log_every, tolerance: 1e-14, ..Gradient::default() };
        let mut seen = Vec::new();
        let report = |iteration: usize, objective: f64| seen.push((iteration, objective));
        let climb = ascend(&model, &data, start.clone(), &settings, &streams, &mut Workspace::new(), report);
        (climb, seen)
    };
    let (each, _) = run(1);
    assert_eq!(each.outcome, Outcome::Stopped(Stop::Converged));
    assert_eq!(each.trace.len(), each.iterations + 1);
    assert!((each.trace[0] - objective_at(&model, &data, Objective::Likelihood, &start)).abs() < 1e-9);
    assert!(each.trace.windows(2).all(|pair| pair[1] >= pair[0] - 1e-12 * pair[0].abs()), "{:?}", each.trace);
    assert_eq!(each.objective(), objective_at(&model, &data, Objective::Likelihood, &each.mixture));
    for log_every in [7, 10_000] {
        let (some, seen) = run(log_every);
        assert_eq!(some.mixture, each.mixture);
        let mut expected: Vec<usize> = (0..=each.iterations).step_by(log_every).collect();
        expected.extend((each.iterations % log_every != 0).then_some(each.iterations));
        assert_eq!(seen.iter().map(|(iteration, _)| *iteration).collect::<Vec<_>>(), expected);
        assert_eq!(some.trace, expected.iter().map(|&iteration| each.trace[iteration]).collect::<Vec<_>>());
        let pairs = expected.iter().map(|&iteration| (iteration, each.trace[iteration]));
        assert_eq!(some.outline(1000), pairs.collect::<Vec<_>>());
    }
}

#[test]
fn units_and_offsets_of_the_columns_change_nothing_but_rounding() {
    for structure in [Structure::Free(Shape::Full), Structure::Tied(Shape::Full), Structure::Free(Shape::Diagonal)] {
        let data = clusters(150, 3);
        let prior = || Prior { weights: Model::dirichlet(vec![1.0; 3]).unwrap(), components: ComponentPrior::Flat };
        let model = Model::new(3, structure, prior()).unwrap();
        let lbfgs = Gradient { restarts: 6, tolerance: 1e-13, ..Gradient::default() };
        let adam = Gradient { restarts: 2, objective: Objective::Likelihood, ..adam(Adam::default(), 300) };
        for settings in [lbfgs, adam] {
            let fitted = |data: &Data| fit(&model, data, &settings, &Streams::new(9), &|_| {}).unwrap();
            let plain = fitted(&data);
            let weights = |mixture: &Mixture| mixture.permuted(&mixture.order_by_mean()).weights().to_vec();
            // Powers of two: the starts are the same rows.
            for scales in [[2f64.powi(300), 1.0, 2f64.powi(-300)], [2f64.powi(-40), 2f64.powi(20), 8.0]] {
                let scaled = data.values().iter().enumerate().map(|(i, x)| x * scales[i % 3]).collect();
                let other = fitted(&Data::new(scaled, 3).unwrap());
                let ln_scale = data.n() as f64 * scales.iter().map(|s| s.ln()).sum::<f64>();
                let difference = other.objective + ln_scale - plain.objective;
                assert!(difference.abs() < 1e-6, "{scales:?}: {difference}");
                for (a, b) in weights(&other.mixture).iter().zip(weights(&plain.mixture)) {
                    assert!((a - b).abs() < 1e-4, "{scales:?}: {a} and {b}");
                }
            }
            let shifted = Data::new(data.values().iter().map(|x| x + 1e6).collect(), 3).unwrap();
            assert!((fitted(&shifted).objective - plain.objective).abs() < 1e-5);
        }
    }
}

#[test]
fn ascents_into_a_singularity_are_recorded_and_are_not_the_best() {
    let data = rows_of(&table("galaxies").rows);
    let model = flat_model(reference::Family::Full, None, 5, 1, 1.0);
    let settings = Gradient { restarts: 60, ..Gradient::default() };
    let estimate = fit(&model, &data, &settings, &Streams::new(1), &|_| {}).unwrap();
    let collapsed = estimate.restarts.iter().filter(|r| matches!(r.outcome, Outcome::Collapsed(_))).count();
    assert!(collapsed > 0 && collapsed < 60, "{collapsed} of 60 collapsed");
    assert!(matches!(estimate.restarts[estimate.best].outcome, Outcome::Stopped(_)));
    assert!(estimate.restarts.iter().all(|r| r.objective.is_finite()));

    let data = Data::from_rows(&[[0.0], [0.0], [0.0], [0.0], [5.0], [5.0], [5.0], [5.0], [4.9]]).unwrap();
    let model = flat_model(reference::Family::Full, None, 2, 1, 1.0);
    let adam = Gradient { objective: Objective::Likelihood, restarts: 20, ..adam(Adam::default(), 2000) };
    for settings in [Gradient::default(), adam] {
        let error = fit(&model, &data, &settings, &Streams::new(1), &|_| {}).unwrap_err();
        let EmError::AllCollapsed { collapses, .. } = &error else { panic!("{error}") };
        assert_eq!(collapses.len(), 20);
        // L-BFGS stops when a component is thin beyond return.
        let stopped = collapses.iter().any(|c| c.reason == CollapseReason::Singular && c.iteration < 200);
        assert!(stopped || settings.optimizer != Optimizer::default(), "{error:?}");
    }
}

/// Duplicated rows, constant and collinear columns, fewer rows than columns, K near n, far outliers.
#[test]
fn hopeless_data_end_in_a_typed_outcome_without_nan() {
    let rows = |n: usize, row: &dyn Fn(f64) -> [f64; 3]| {
        Data::from_rows(&(0..n).map(|i| row((i * 37 % 101) as f64)).collect::<Vec<_>>()).unwrap()
    };
    let sets = [
        rows(40, &|x| [(x / 50.0).round(), (x / 40.0).round(), 0.0]),
        rows(40, &|x| [x, 2.0 * x + 1.0, x * x]),
        rows(2, &|x| [x, x * x, 1.0]),
        rows(4, &|x| [x, x * x, x.sin()]),
        rows(40, &|x| [x * 1e95, x * 1e-95, (x * 0.1).cos()]),
        rows(40, &|x| [if x == 0.0 { 1e90 } else { x }, x.sin(), x.cos()]),
    ];
    for (set, data) in sets.iter().enumerate() {
        let mut models: Vec<Model> = models(3, 2);
        models.extend(models.clone().iter().map(Model::without_prior));
        for model in models {
            let proper = model.is_proper();
            let objective = if proper { Objective::Posterior } else { Objective::Likelihood };
            let adam = Gradient { objective, restarts: 1, ..adam(Adam::default(), 200) };
            let batches = Gradient { batch: Some(1), ..adam.clone() };
            let lbfgs = Gradient { objective, restarts: 1, max_iterations: 200, ..Gradient::default() };
            let start = seed_mixture(&model, data, Seeding::RandomRows, &mut Streams::new(2).rng(0)).unwrap();
            for settings in [adam, batches, lbfgs] {
                let streams = Streams::new(3);
                let climb = ascend(&model, data, start.clone(), &settings, &streams, &mut Workspace::new(), |_, _| {});
                let what = format!("set {set}, {:?}, {:?}: {:?}", model.structure(), settings.optimizer, climb.outcome);
                assert!(climb.trace.iter().all(|x| x.is_finite()), "{what}");
                assert!(climb.mixture.weights().iter().all(|w| w.is_finite()), "{what}");
                assert!(climb.mixture.covariances().iter().all(|c| c.ln_det().is_finite()), "{what}");
                assert!(!climb.ln_likelihood.is_nan() && !climb.aitken_limit.is_nan(), "{what}");
                let _ = fit(&model, data, &settings, &streams, &|_| {});
            }
        }
    }
}

#[test]
fn the_symmetric_saddle_is_left() {
    let data = rows_of(&table("iris").rows);
    let one = flat_model(reference::Family::Tied, None, 1, 4, 1.0);
    let two = flat_model(reference::Family::Tied, None, 2, 4, 1.0);
    let settings = Gradient { restarts: 30, ..Gradient::default() };
    let single = fit(&one, &data, &settings, &Streams::new(4), &|_| {}).unwrap().objective;
    let estimate = fit(&two, &data, &settings, &Streams::new(4), &|_| {}).unwrap();
    assert!(estimate.restarts.iter().all(|restart| restart.objective > single + 1e-3));
}

#[test]
fn both_methods_start_from_the_same_mixtures() {
    let data = clusters(150, 2);
    let model = &models(2, 3)[0];
    let streams = Streams::new(11);
    let first = |progress: &std::sync::Mutex<Vec<(usize, f64)>>| {
        let mut seen = progress.lock().unwrap().clone();
        // Of a restart that climbs again the first time counts.
        seen.sort_by_key(|(restart, _)| *restart);
        seen.dedup_by_key(|(restart, _)| *restart);
        seen
    };
    let (em, gradient) = (std::sync::Mutex::new(Vec::new()), std::sync::Mutex::new(Vec::new()));
    let record = |seen: &std::sync::Mutex<Vec<(usize, f64)>>, p: gmm_em::Progress| {
        if p.iteration == 0 && !p.finished {
            seen.lock().unwrap().push((p.restart, p.objective));
        }
    };
    let objective = Objective::Posterior;
    fit(model, &data, &Em { objective, restarts: 5, ..Em::default() }, &streams, &|p| record(&em, p)).unwrap();
    fit(model, &data, &Gradient { objective, restarts: 5, ..Gradient::default() }, &streams, &|p| record(&gradient, p))
        .unwrap();
    let (em, gradient) = (first(&em), first(&gradient));
    assert_eq!((em.len(), gradient.len()), (5, 5));
    for ((a, x), (b, y)) in em.iter().zip(&gradient) {
        assert!(a == b && (x - y).abs() < 1e-9 * x.abs(), "{a}: {x}, {b}: {y}");
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let data = clusters(30, 2);
    let model = &models(2, 2)[0];
    let with = |change: &dyn Fn(&mut Gradient)| {
        let mut settings = Gradient::default();
        change(&mut settings);
        settings
    };
    let adam = |change: &dyn Fn(&mut Adam)| {
        let mut adam = Adam::default();
        change(&mut adam);
        with(&|s| s.optimizer = Optimizer::Adam(adam.clone()))
    };
    let cases = [
        ("restarts", with(&|s| s.restarts = 0)),
        ("max_iterations", with(&|s| s.max_iterations = 0)),
        ("tolerance", with(&|s| s.tolerance = f64::NAN)),
        ("log_every", with(&|s| s.log_every = 0)),
        ("batch", with(&|s| s.batch = Some(10))),
        ("batch", Gradient { batch: Some(0), ..adam(&|_| {}) }),
        ("batch", Gradient { batch: Some(31), ..adam(&|_| {}) }),
        ("memory", with(&|s| s.optimizer = Optimizer::Lbfgs(Lbfgs { memory: 0 }))),
        ("weights_step", adam(&|a| a.weights_step = -0.1)),
        ("components_step", adam(&|a| a.components_step = f64::INFINITY)),
        ("beta1", adam(&|a| a.beta1 = 1.0)),
        ("beta2", adam(&|a| a.beta2 = -0.5)),
        ("epsilon", adam(&|a| a.epsilon = 0.0)),
        ("half_life", adam(&|a| a.decay = Decay::Exponential { half_life: 0.0 })),
    ];
    for (expected, settings) in cases {
        match fit(model, &data, &settings, &Streams::new(1), &|_| {}) {
            Err(EmError::Setting { name, .. }) => assert_eq!(name, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
}
