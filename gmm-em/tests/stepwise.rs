//! Stepwise EM: the optima of batch EM, losses against theory, priors, order of rows, records, ends, settings.
#![allow(clippy::unwrap_used)]

use gmm_core::{
    Covariance, Data, Mixture, Model, Rule, Seeding, Shape, Streams, Structure, Workspace, seed_mixture, sweep,
};
use gmm_em::{
    Acceleration, Climb, Collapse, CollapseReason, Coordinates, Em, EmError, Objective, Outcome, Stepwise, Stop, climb,
    fit, stepwise,
};
use rand::RngExt;
use reference::{Family, data as rows_of, flat_model, map_cases, maximum_likelihood_cases, mixture, table};

/// All passes, without an end before.
fn passes(objective: Objective, passes: usize, block: usize) -> Stepwise {
    Stepwise { objective, passes, block, tolerance: 0.0, log_every: passes, ..Stepwise::default() }
}

fn run(model: &Model, data: &Data, start: &Mixture, settings: &Stepwise, seed: u64) -> Climb {
    stepwise(model, data, start.clone(), settings, &Streams::new(seed), &mut Workspace::new(), |_, _| {})
}

/// Where batch EM ends from a mixture, as far up as rounding allows.
fn top(model: &Model, data: &Data, start: &Mixture, objective: Objective) -> Climb {
    let acceleration = Acceleration::Squarem;
    let em = Em { objective, acceleration, tolerance: 1e-15, max_iterations: 100_000, ..Em::default() };
    climb(model, data, start.clone(), &em, &mut Workspace::new(), |_, _| {})
}

/// A mixture moved by up to a tenth of a unit in each coordinate.
fn nearby(model: &Model, data: &Data, mixture: &Mixture) -> Mixture {
    let mut coordinates = Coordinates::new(model, data);
    let mut x = vec![0.0; coordinates.n()];
    coordinates.write(mixture, &mut x);
    let mut rng = Streams::new(5).rng(0);
    x.iter_mut().for_each(|x| *x += rng.random_range(-0.1..0.1));
    let mut moved = model.blank_mixture();
    coordinates.read(&x, &mut moved).unwrap();
    moved
}

/// The mean loss that theory allows after so many passes of m blocks, see [`stepwise`]: `m gamma p / 4`.
fn expected_loss(settings: &Stepwise, climb: &Climb, model: &Model) -> f64 {
    let blocks = climb.iterations / settings.passes;
    let gamma = (climb.iterations as f64 + 2.0).powf(-settings.exponent);
    blocks as f64 * gamma * model.n_parameters() as f64 / 4.0
}

/// Blocks drawn without replacement, and averaged, leave far less than the theory of independent blocks allows; a tenth of
/// it bounds every case after 300 passes. Independent of theory the loss must fall at least as fast as gamma.
#[test]
fn the_batch_optimum_of_every_case_is_approached_as_the_steps_shrink() {
    let (mut seen, mut sums) = (0, [0.0; 2]);
    for case in maximum_likelihood_cases() {
        let name = &case.case;
        let data = rows_of(&table(&case.dataset).rows);
        let model = flat_model(case.family, case.fixed_covariance.as_ref(), case.n_components, case.dimension, 1.0);
        let stored = mixture(&model, &case.weights, &case.means, &case.covariances);
        let best = top(&model, &data, &stored, Objective::Likelihood).objective();
        let start = nearby(&model, &data, &stored);
        let from_start = top(&model, &data, &start, Objective::Likelihood);
        assert!((from_start.objective() - best).abs() < 1e-6, "{name}: another basin");
        for average in [true, false] {
            let mut losses = vec![best - from_start.trace[0]];
            for n_passes in [3, 30, 300] {
                let block = data.n().div_ceil(10);
                let settings = Stepwise { average, ..passes(Objective::Likelihood, n_passes, block) };
                let end = run(&model, &data, &start, &settings, 9);
                assert_eq!(end.outcome, Outcome::Stopped(Stop::MaxIterations), "{name}");
                let loss = best - end.objective();
                assert!(loss > -1e-9 * (1.0 + best.abs()), "{name}: above the optimum by {:e}", -loss);
                let allowed = expected_loss(&settings, &end, &model);
                let share = if n_passes == 300 { 0.1 } else { 1.0 };
                assert!(loss <= share * allowed, "{name}, {n_passes} passes: loss {loss:e}, {allowed:e} expected");
                losses.push(loss.max(1e-9));
            }
            // Ten times the passes: gamma falls to 10^-0.6 = 0.25 of what it was.
            let falling = losses[1] < losses[0] && losses[2..].iter().zip(&losses[1..]).all(|(b, a)| *b < 0.25 * a);
            assert!(falling, "{name}, average {average}: {losses:?}");
            sums[usize::from(average)] += losses[2].ln();
        }
        seen += 1;
    }
    assert!(seen >= 50, "{seen} cases");
    // After 30 passes averaging leaves less than a third, taken over all cases.
    assert!(sums[1] < sums[0] - f64::from(seen) * 3f64.ln(), "{sums:?}");
}

#[test]
fn the_mode_is_approached_and_a_prior_counts_once_whatever_the_block() {
    for case in map_cases() {
        let data = rows_of(&table(&case.dataset).rows);
        let model = case.prior.model(case.family, case.n_components);
        let stored = mixture(&model, &case.weights, &case.means, &case.covariances);
        let start = nearby(&model, &data, &stored);
        let best = top(&model, &data, &start, Objective::Posterior).objective();
        for blocks in [1, 4, 12] {
            let settings = passes(Objective::Posterior, 300, data.n().div_ceil(blocks));
            let end = run(&model, &data, &start, &settings, 10);
            let loss = best - end.objective();
            let allowed = expected_loss(&settings, &end, &model);
            assert!(loss > -1e-9 * (1.0 + best.abs()) && loss < 0.1 * allowed, "{}: {loss:e}", case.case);
        }
    }
}

/// Three clusters in the plane, sorted by cluster.
fn sorted_clusters(n: usize) -> Data {
    let mut rng = Streams::new(21).rng(0);
    let tilted = |a: f64| Covariance::full(&[[1.0, a], [a, 1.0]]).unwrap();
    let means = vec![vec![0.0, 0.0], vec![3.0, 2.0], vec![-2.0, 3.0]];
    let truth = Mixture::new(vec![0.4, 0.3, 0.3], means, vec![tilted(0.3), tilted(-0.3), tilted(0.0)]).unwrap();
    let mut values = vec![0.0; 2 * n];
    values.chunks_mut(2).enumerate().for_each(|(i, row)| truth.sample_component(3 * i / n, &mut rng, row));
    Data::new(values, 2).unwrap()
}

#[test]
fn rows_in_any_order_lead_to_the_optimum_in_every_structure() {
    let data = sorted_clusters(4000);
    for shape in Shape::ALL {
        let known = Covariance::new(Covariance::isotropic(2, 1.1).unwrap().as_symmetric().project(shape)).unwrap();
        for structure in [Structure::Free(shape), Structure::Tied(shape), Structure::Known(known)] {
            let model = Model::with_default_prior(3, structure, &data).unwrap();
            let start = seed_mixture(&model, &data, Seeding::KMeansPlusPlus, &mut Streams::new(3).rng(0)).unwrap();
            for objective in [Objective::Likelihood, Objective::Posterior] {
                let best = top(&model, &data, &start, objective).objective();
                let settings = passes(objective, 60, 250);
                let end = run(&model, &data, &start, &settings, 11);
                let (loss, what) = (best - end.objective(), model.structure());
                let allowed = 0.1 * expected_loss(&settings, &end, &model);
                assert!(loss > -1e-6 && loss < allowed, "{what:?}, {objective:?}: {loss:e} and {allowed:e}");
            }
        }
    }
}

#[test]
fn the_result_depends_on_the_streams_and_not_on_threads_or_records() {
    let data = sorted_clusters(60_000);
    let model = Model::with_default_prior(3, Structure::Free(Shape::Full), &data).unwrap();
    let settings = Stepwise { restarts: 2, ..passes(Objective::Posterior, 3, 20_000) };
    let on = |threads, seed, settings: &Stepwise| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(&model, &data, settings, &Streams::new(seed), &|_| {}).unwrap())
    };
    let estimate = on(1, 5, &settings);
    assert_eq!(estimate, on(3, 5, &settings));
    let each = on(1, 5, &Stepwise { log_every: 1, ..settings.clone() });
    assert_eq!(estimate.mixture, each.mixture);
    // The same starts, in another order of the rows.
    let start = seed_mixture(&model, &data, Seeding::RandomRows, &mut Streams::new(5).rng(0)).unwrap();
    let [a, b] = [1, 2].map(|seed| run(&model, &data, &start, &settings, seed));
    assert!(a.trace[0] == b.trace[0] && a.mixture != b.mixture);
}

#[test]
fn records_stand_at_the_start_every_so_many_passes_and_at_the_end() {
    let data = rows_of(&table("faithful").rows);
    let model = flat_model(Family::Full, None, 2, 2, 1.0);
    let start = seed_mixture(&model, &data, Seeding::KMeansPlusPlus, &mut Streams::new(8).rng(0)).unwrap();
    let with = |log_every, block| {
        let settings = Stepwise { log_every, ..passes(Objective::Likelihood, 10, block) };
        let mut seen = Vec::new();
        let report = |iteration: usize, objective: f64| seen.push((iteration, objective));
        let end = stepwise(&model, &data, start.clone(), &settings, &Streams::new(9), &mut Workspace::new(), report);
        (end, seen)
    };
    // 272 rows: three blocks.
    let (each, _) = with(1, 100);
    assert_eq!((each.iterations, each.trace.len(), each.log_every, each.sweeps), (30, 11, 3, 21));
    let (some, seen) = with(4, 100);
    assert_eq!((some.iterations, some.log_every, some.sweeps), (30, 12, 14));
    assert_eq!(seen.iter().map(|(iteration, _)| *iteration).collect::<Vec<_>>(), [0, 12, 24, 30]);
    assert_eq!(some.trace, [0, 4, 8, 10].map(|pass| each.trace[pass]));
    assert_eq!(some.trace, seen.iter().map(|(_, objective)| *objective).collect::<Vec<_>>());
    let mut statistics = model.blank_statistics();
    let totals = sweep(&data, &some.mixture, Rule::Responsibilities, &mut statistics, &mut Workspace::new());
    assert_eq!((some.objective(), some.ln_likelihood), (totals.ln_likelihood, totals.ln_likelihood));
    // A block larger than the data is all rows.
    assert_eq!(with(1, 272).0, with(1, usize::MAX).0);
}

/// A step of EM on all rows gains no more than the tolerance where stepwise EM calls itself converged, however short its
/// own steps have become.
#[test]
fn convergence_is_a_slope_on_all_rows_that_promises_nothing() {
    let mut ends = [0, 0];
    for case in maximum_likelihood_cases().into_iter().filter(|case| case.n_components > 1) {
        let data = rows_of(&table(&case.dataset).rows);
        let model = flat_model(case.family, case.fixed_covariance.as_ref(), case.n_components, case.dimension, 1.0);
        let stored = mixture(&model, &case.weights, &case.means, &case.covariances);
        let start = nearby(&model, &data, &stored);
        // One block and an exponent of 1: steps of 1/t that are short long before the optimum.
        for (exponent, blocks) in [(1.0, 1), (0.7, 10)] {
            let settings = Stepwise {
                exponent,
                tolerance: 1e-6,
                log_every: 1,
                average: false,
                ..passes(Objective::Likelihood, 200, data.n().div_ceil(blocks))
            };
            let end = run(&model, &data, &start, &settings, 12);
            let one = Em { max_iterations: 1, tolerance: 0.0, ..Em::default() };
            let step = climb(&model, &data, end.mixture.clone(), &one, &mut Workspace::new(), |_, _| {});
            let (gain, bound) = (step.objective() - end.objective(), 1e-6 * (1.0 + end.objective().abs()));
            match end.outcome {
                Outcome::Stopped(Stop::Converged) => {
                    ends[0] += 1;
                    assert!(gain < 2.0 * bound, "{}, {exponent}: {} tolerances", case.case, gain / bound);
                    assert!(end.trace.len() >= 3);
                }
                Outcome::Stopped(Stop::MaxIterations) => ends[1] += 1,
                other => panic!("{}: {other:?}", case.case),
            }
        }
    }
    assert!(ends[0] > 10 && ends[1] > 0, "{ends:?}");
    // Noise of few passes is not taken for an end.
    let data = rows_of(&table("faithful").rows);
    let model = flat_model(Family::Full, None, 3, 2, 1.0);
    let settings = Stepwise { passes: 5, block: 30, restarts: 4, ..Stepwise::default() };
    let estimate = fit(&model, &data, &settings, &Streams::new(13), &|_| {}).unwrap();
    assert_eq!((estimate.stop, estimate.aitken_limit), (Stop::MaxIterations, f64::INFINITY));
}

#[test]
fn climbs_into_a_singularity_are_recorded_and_are_not_the_best() {
    let data = rows_of(&table("galaxies").rows);
    let model = flat_model(Family::Full, None, 5, 1, 1.0);
    let settings = Stepwise { restarts: 60, ..passes(Objective::Likelihood, 60, 20) };
    let estimate = fit(&model, &data, &settings, &Streams::new(1), &|_| {}).unwrap();
    let collapsed = estimate.restarts.iter().filter(|r| matches!(r.outcome, Outcome::Collapsed(_))).count();
    assert!(collapsed > 0 && collapsed < 60, "{collapsed} of 60 collapsed");
    assert!(estimate.restarts.iter().all(|restart| restart.objective.is_finite()));

    // Two points, each many times: without noise the likelihood has no maximum, and some end before the passes do.
    let data = Data::from_rows(&[[0.0], [0.0], [0.0], [0.0], [5.0], [5.0], [5.0], [5.0], [4.9]]).unwrap();
    let model = flat_model(Family::Full, None, 2, 1, 1.0);
    let mut ended = 0;
    for seed in 0..20 {
        let start = seed_mixture(&model, &data, Seeding::RandomRows, &mut Streams::new(seed).rng(0)).unwrap();
        let end = run(&model, &data, &start, &Stepwise { block: 4, log_every: 7, ..settings.clone() }, seed);
        // Whatever happened, the mixture is the last that was recorded.
        let mut statistics = model.blank_statistics();
        let totals = sweep(&data, &end.mixture, Rule::Responsibilities, &mut statistics, &mut Workspace::new());
        assert_eq!(end.objective(), totals.ln_likelihood);
        ended += usize::from(matches!(
            end.outcome,
            Outcome::Collapsed(Collapse { reason: CollapseReason::Singular, iteration, .. }) if iteration < 60 * 3
        ));
    }
    assert!(ended > 0);
}

/// Duplicated rows, constant and collinear columns, as many rows as components, far outliers; blocks of single rows.
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
                    let start = seed_mixture(&model, data, Seeding::RandomRows, &mut Streams::new(2).rng(0)).unwrap();
                    for block in [1, 7, 100] {
                        let end = run(&model, data, &start, &passes(objective, 50, block), 3);
                        let what = format!("set {set}, {:?}, {objective:?}: {:?}", model.structure(), end.outcome);
                        assert!(end.trace.iter().all(|x| x.is_finite()), "{what}");
                        assert!(!end.ln_likelihood.is_nan(), "{what}");
                        assert!(end.mixture.covariances().iter().all(|c| c.ln_det().is_finite()), "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let data = sorted_clusters(30);
    let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data).unwrap();
    let usual = Stepwise::default();
    let cases = [
        ("restarts", Stepwise { restarts: 0, ..usual.clone() }),
        ("passes", Stepwise { passes: 0, ..usual.clone() }),
        ("block", Stepwise { block: 0, ..usual.clone() }),
        ("log_every", Stepwise { log_every: 0, ..usual.clone() }),
        ("tolerance", Stepwise { tolerance: f64::NAN, ..usual.clone() }),
        ("exponent", Stepwise { exponent: 0.5, ..usual.clone() }),
        ("exponent", Stepwise { exponent: 1.1, ..usual.clone() }),
        ("exponent", Stepwise { exponent: f64::NAN, ..usual }),
    ];
    for (expected, settings) in cases {
        match fit(&model, &data, &settings, &Streams::new(1), &|_| {}) {
            Err(EmError::Setting { name, .. }) => assert_eq!(name, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
}
