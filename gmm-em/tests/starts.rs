//! Where restarts begin: each kind of start, what fits a model, short runs.
#![allow(clippy::unwrap_used)]

use gmm_core::{
    ComponentPrior, Covariance, Data, Mixture, Model, Prior, Rule, Seeding, Shape, Streams, Structure, Workspace,
    seed_mixture, sweep,
};
use gmm_em::{
    Ascent, Em, EmError, Gradient, Objective, Outcome, PointEstimate, Start, StartError, Starts, Stop, check, climb,
    fit,
};
use reference::{Family, data as rows_of, flat_model, table};

fn faithful() -> Data {
    rows_of(&table("faithful").rows)
}

fn ln_likelihood(data: &Data, model: &Model, mixture: &Mixture) -> f64 {
    let mut statistics = model.blank_statistics();
    sweep(data, mixture, Rule::Responsibilities, &mut statistics, &mut Workspace::new()).ln_likelihood
}

/// On a pool of its own.
fn on<A: Ascent>(threads: usize, model: &Model, data: &Data, settings: &A, seed: u64) -> PointEstimate {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| fit(model, data, settings, &Streams::new(seed), &|_| {}).unwrap())
}

#[test]
fn restarts_begin_where_they_are_told_to_and_say_so() {
    let (data, model) = (faithful(), flat_model(Family::Full, None, 2, 2, 1.0));
    let (plus, rows) = (Seeding::KMeansPlusPlus, Seeding::RandomRows);
    let cases = [
        (Starts::default(), [plus, plus, plus]),
        (Starts::KMeansPlusPlus, [plus, plus, plus]),
        (Starts::RandomRows, [rows, rows, rows]),
        (Starts::RandomResponsibilities, [Seeding::RandomResponsibilities; 3]),
        (Starts::Alternate, [plus, rows, plus]),
    ];
    for (starts, seedings) in cases {
        let em = Em { restarts: 3, starts: starts.clone(), ..Em::default() };
        let estimate = fit(&model, &data, &em, &Streams::new(3), &|_| {}).unwrap();
        for (r, (restart, seeding)) in estimate.restarts.iter().zip(seedings).enumerate() {
            assert_eq!(restart.start, Start::Drawn(seeding), "{starts:?}");
            let start = seed_mixture(&model, &data, seeding, &mut Streams::new(3).rng(r as u64)).unwrap();
            let alone = climb(&model, &data, start, &em, &mut Workspace::new(), |_, _| {});
            assert_eq!((&alone.mixture, alone.sweeps), (&restart.mixture, restart.sweeps), "{starts:?}");
        }
        assert_eq!(estimate, on(3, &model, &data, &em, 3));
    }
    assert_eq!((Em::default().starts, Gradient::default().starts), (Starts::KMeansPlusPlus, Starts::KMeansPlusPlus));
}

#[test]
fn random_responsibilities_lead_to_the_optimum_in_every_structure() {
    let data = faithful();
    let known = Some(vec![vec![0.2, 0.0], vec![0.0, 40.0]]);
    let families = [Family::Full, Family::Diag, Family::Iso, Family::Tied, Family::SharedDiag, Family::SharedIso];
    for family in families.into_iter().chain([Family::Constant]) {
        let model = flat_model(family, known.as_ref(), 2, 2, 1.0);
        let with = |starts| Em { restarts: 20, starts, ..Em::default() };
        let by_seeds = fit(&model, &data, &with(Starts::Alternate), &Streams::new(1), &|_| {}).unwrap();
        let estimate = fit(&model, &data, &with(Starts::RandomResponsibilities), &Streams::new(1), &|_| {}).unwrap();
        let difference = estimate.objective - by_seeds.objective;
        assert!(difference.abs() < 1e-6, "{family:?}: {difference:e}");
    }
}

/// Two components of faithful's size, far from what EM finds.
fn somewhere(covariances: Vec<Covariance>) -> Mixture {
    Mixture::new(vec![0.3, 0.7], vec![vec![2.5, 60.0], vec![4.0, 70.0]], covariances).unwrap()
}

#[test]
fn a_given_mixture_is_where_the_only_climb_starts() {
    let (data, model) = (faithful(), flat_model(Family::Full, None, 2, 2, 1.0));
    let wide = Covariance::full(&[[1.0, 3.0], [3.0, 100.0]]).unwrap();
    let narrow = Covariance::full(&[[0.5, -1.0], [-1.0, 50.0]]).unwrap();
    let mixture = somewhere(vec![wide, narrow]);
    let em = Em { restarts: 1, starts: Starts::Given(mixture.clone()), ..Em::default() };
    let estimate = fit(&model, &data, &em, &Streams::new(1), &|_| {}).unwrap();
    assert_eq!(estimate.restarts[0].start, Start::Given);
    assert_eq!(estimate.trace[0], ln_likelihood(&data, &model, &mixture));
    assert!(estimate.objective > estimate.trace[0] + 10.0);
    let gradient = Gradient { restarts: 1, starts: em.starts.clone(), ..Gradient::default() };
    let other = fit(&model, &data, &gradient, &Streams::new(1), &|_| {}).unwrap();
    assert!((other.trace[0] - estimate.trace[0]).abs() < 1e-9 && (other.objective - estimate.objective).abs() < 1e-6);

    // From its own end there is nothing left to do.
    let again = Em { starts: Starts::Given(estimate.mixture.clone()), ..em };
    let again = fit(&model, &data, &again, &Streams::new(2), &|_| {}).unwrap();
    assert!(again.iterations <= 2, "{} iterations", again.iterations);
    assert!((again.objective - estimate.objective).abs() < 1e-7);
}

#[test]
fn covariances_of_another_shape_are_brought_into_the_model_s() {
    let data = faithful();
    let full = |v: f64| Covariance::full(&[[v, 0.5], [0.5, 3.0 * v]]).unwrap();
    let diagonal = |v: f64| Covariance::diagonal(vec![v, 3.0 * v]).unwrap();
    let isotropic = |v: f64| Covariance::isotropic(2, v).unwrap();
    let as_full = |c: Covariance| Covariance::new(c.as_symmetric().to_full()).unwrap();
    let cases: Vec<(Structure, Vec<Covariance>, Vec<Covariance>)> = vec![
        // Wider: exactly.
        (
            Structure::Free(Shape::Full),
            vec![isotropic(2.0), isotropic(5.0)],
            vec![as_full(isotropic(2.0)), as_full(isotropic(5.0))],
        ),
        (
            Structure::Free(Shape::Diagonal),
            vec![isotropic(2.0), isotropic(5.0)],
            vec![Covariance::diagonal(vec![2.0; 2]).unwrap(), Covariance::diagonal(vec![5.0; 2]).unwrap()],
        ),
        // Narrower: the diagonal, the mean of the variances.
        (Structure::Free(Shape::Diagonal), vec![full(2.0), full(5.0)], vec![diagonal(2.0), diagonal(5.0)]),
        (Structure::Free(Shape::Isotropic), vec![full(2.0), full(5.0)], vec![isotropic(4.0), isotropic(10.0)]),
        (Structure::Tied(Shape::Isotropic), vec![diagonal(2.0)], vec![isotropic(4.0)]),
        // One for all, and all equal.
        (Structure::Free(Shape::Full), vec![full(2.0)], vec![full(2.0), full(2.0)]),
        (Structure::Tied(Shape::Full), vec![full(2.0), full(2.0)], vec![full(2.0)]),
        (Structure::Known(full(2.0)), vec![full(2.0), full(2.0)], vec![full(2.0)]),
        (Structure::Known(diagonal(2.0)), vec![as_full(diagonal(2.0))], vec![diagonal(2.0)]),
    ];
    for (structure, given, expected) in cases {
        let prior = Prior { weights: Model::dirichlet(vec![1.0; 2]).unwrap(), components: ComponentPrior::Flat };
        let model = Model::new(2, structure.clone(), prior).unwrap();
        let em = Em { restarts: 1, starts: Starts::Given(somewhere(given)), ..Em::default() };
        let estimate = fit(&model, &data, &em, &Streams::new(1), &|_| {}).unwrap();
        let expected = ln_likelihood(&data, &model, &somewhere(expected));
        assert_eq!(estimate.trace[0], expected, "{structure:?}");
        assert_eq!(estimate.mixture.shape(), structure.shape());
        assert_eq!(estimate.mixture.covariances().len(), structure.n_covariances(2));
    }
}

#[test]
fn a_start_that_does_not_fit_is_refused_and_says_why() {
    let data = faithful();
    let unit = || Covariance::isotropic(2, 1.0).unwrap();
    let other = || Covariance::isotropic(2, 1.5).unwrap();
    let known = Some(vec![vec![1.0, 0.0], vec![0.0, 1.0]]);
    let three = Mixture::new(vec![1.0; 3], vec![vec![0.0, 0.0]; 3], vec![unit()]).unwrap();
    let flat = Mixture::new(vec![1.0; 2], vec![vec![0.0]; 2], vec![Covariance::isotropic(1, 1.0).unwrap()]).unwrap();
    let empty = Mixture::new(vec![1.0, 0.0], vec![vec![0.0, 0.0]; 2], vec![unit()]).unwrap();
    let cases = [
        (Family::Full, three, StartError::Components { found: 3, expected: 2 }, "3 components"),
        (Family::Full, flat, StartError::Dimension { found: 1, expected: 2 }, "dimension 1"),
        (Family::Full, empty, StartError::Weight { component: 1 }, "component 1 of the start has weight 0"),
        (Family::Tied, somewhere(vec![unit(), other()]), StartError::NotTied { component: 1 }, "covariance 1"),
        (Family::Constant, somewhere(vec![unit(), other()]), StartError::NotKnown { component: 1 }, "covariance 1"),
        (Family::Constant, somewhere(vec![other()]), StartError::NotKnown { component: 0 }, "covariance 0"),
    ];
    for (family, mixture, expected, words) in cases {
        let model = flat_model(family, known.as_ref(), 2, 2, 1.0);
        let em = Em { restarts: 1, starts: Starts::Given(mixture), ..Em::default() };
        let error = check(&model, &data, &em).unwrap_err();
        assert_eq!(error, EmError::Start(expected));
        assert!(error.to_string().contains(words), "{error}");
        let gradient = Gradient { restarts: 1, starts: em.starts.clone(), ..Gradient::default() };
        assert_eq!(fit(&model, &data, &gradient, &Streams::new(1), &|_| {}), Err(error));
    }
}

#[test]
fn settings_of_starts_out_of_range_are_refused_by_name() {
    let (data, model) = (faithful(), flat_model(Family::Full, None, 2, 2, 1.0));
    let given = Starts::Given(somewhere(vec![Covariance::isotropic(2, 1.0).unwrap()]));
    for (expected, starts) in [
        ("restarts", given),
        ("runs", Starts::BestOfShort { runs: 0, iterations: 5 }),
        ("iterations", Starts::BestOfShort { runs: 5, iterations: 0 }),
    ] {
        let error = check(&model, &data, &Em { restarts: 2, starts, ..Em::default() });
        assert!(matches!(&error, Err(EmError::Setting { name, .. }) if *name == expected), "{expected}: {error:?}");
    }
}

/// Short runs for each restart.
const RUNS: usize = 8;

/// em-EM of a restart written out with the public parts: the start, the winner, the sweeps, and whether a run that
/// collapsed was higher.
fn by_hand(model: &Model, data: &Data, iterations: usize, restart: u64) -> (Mixture, usize, usize, bool) {
    let mut rng = Streams::new(6).rng(restart);
    let short = Em { max_iterations: iterations, ..Em::default() };
    let ends: Vec<_> = (0..RUNS)
        .map(|_| {
            let start = seed_mixture(model, data, Seeding::RandomRows, &mut rng).unwrap();
            climb(model, data, start, &short, &mut Workspace::new(), |_, _| {})
        })
        .collect();
    let sweeps = ends.iter().map(|end| end.sweeps).sum();
    let by_height = |a: &usize, b: &usize| ends[*a].objective().total_cmp(&ends[*b].objective());
    let sound = |run: &usize| matches!(ends[*run].outcome, Outcome::Stopped(_));
    let highest = (0..RUNS).max_by(by_height).unwrap();
    let run = (0..RUNS).filter(sound).max_by(by_height).unwrap();
    (ends[run].mixture.clone(), run, sweeps, run != highest)
}

#[test]
fn em_em_climbs_from_the_highest_of_its_short_runs_that_did_not_collapse() {
    let data = rows_of(&table("galaxies").rows);
    let model = flat_model(Family::Full, None, 5, 1, 1.0);
    let (mut winners, mut passed_over) = (Vec::new(), 0);
    for iterations in [5, 100] {
        let em = Em { restarts: 8, starts: Starts::BestOfShort { runs: RUNS, iterations }, ..Em::default() };
        let estimate = on(1, &model, &data, &em, 6);
        for (r, restart) in estimate.restarts.iter().enumerate() {
            let (start, run, sweeps, collapsed) = by_hand(&model, &data, iterations, r as u64);
            assert_eq!(restart.start, Start::Short { run });
            let end = climb(&model, &data, start, &em, &mut Workspace::new(), |_, _| {});
            assert_eq!((end.iterations, end.objective()), (restart.iterations, restart.objective));
            assert_eq!(restart.sweeps, sweeps + end.sweeps);
            winners.push(run);
            passed_over += usize::from(collapsed);
        }
        assert_eq!(estimate, on(3, &model, &data, &em, 6));

        // Gradients have the same starts.
        let gradient = Gradient { restarts: 8, starts: em.starts.clone(), ..Gradient::default() };
        let other = on(2, &model, &data, &gradient, 6);
        let starts = |of: &PointEstimate| of.restarts.iter().map(|restart| restart.start).collect::<Vec<_>>();
        assert_eq!(starts(&other), starts(&estimate));
        assert_eq!(other, on(1, &model, &data, &gradient, 6));
    }
    assert!(passed_over > 0);
    winners.sort_unstable();
    winners.dedup();
    assert!(winners.len() > 2, "{winners:?}");
}

#[test]
fn where_all_short_runs_collapse_the_restart_does_too() {
    // Two points, each many times, and one row between that belongs to either.
    let data = Data::from_rows(&[[0.0], [0.0], [0.0], [0.0], [5.0], [5.0], [5.0], [5.0], [4.9]]).unwrap();
    let model = flat_model(Family::Full, None, 2, 1, 1.0);
    let starts = Starts::BestOfShort { runs: 4, iterations: 50 };
    let error = fit(&model, &data, &Em { starts, ..Em::default() }, &Streams::new(1), &|_| {}).unwrap_err();
    let EmError::AllCollapsed { collapses, .. } = &error else { panic!("{error}") };
    assert_eq!(collapses.len(), 20);
}

#[test]
fn em_em_reaches_the_best_optimum_more_often_than_random_rows() {
    let (data, objective) = (rows_of(&table("iris").rows), Objective::Posterior);
    let model = Model::with_default_prior(3, Structure::Free(Shape::Full), &data).unwrap();
    let hits = |starts| {
        let em = Em { objective, restarts: 60, starts, ..Em::default() };
        let estimate = fit(&model, &data, &em, &Streams::new(9), &|_| {}).unwrap();
        assert_eq!(estimate.stop, Stop::Converged);
        (estimate.objective, estimate.modes[0].restarts.len())
    };
    let ((low, rows), (high, short)) =
        (hits(Starts::RandomRows), hits(Starts::BestOfShort { runs: 10, iterations: 10 }));
    assert!(high >= low - 1e-6 && short > 2 * rows, "{low} {rows}, {high} {short}");
}
