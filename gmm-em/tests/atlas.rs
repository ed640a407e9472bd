//! The mode atlas: which restarts ended together.
#![allow(clippy::unwrap_used)]

use gmm_core::Seeding;
use gmm_core::{ComponentPrior, Covariance, Data, Mixture, Model, Prior, Shape, Streams, Structure};
use gmm_em::{
    Ascent, Collapse, CollapseReason, Em, Gradient, Mode, ModeKind, Objective, Outcome, Plan, PointEstimate, Restart,
    Start, Starts, Stop, fit, modes,
};
use rand::RngExt;
use reference::{Family, data as rows_of, flat_model, table};

fn em(restarts: usize, starts: Starts) -> Em {
    Em { restarts, starts, ..Em::default() }
}

fn fitted<A: Ascent>(model: &Model, data: &Data, settings: &A) -> PointEstimate {
    fit(model, data, settings, &Streams::new(12), &|_| {}).unwrap()
}

/// What holds for every atlas.
fn check(estimate: &PointEstimate) {
    let mut all: Vec<usize> = estimate.modes.iter().flat_map(|mode| mode.restarts.clone()).collect();
    all.sort_unstable();
    assert_eq!(all, (0..estimate.restarts.len()).collect::<Vec<_>>());
    let best = &estimate.modes[0];
    assert_eq!((&best.mixture, best.objective), (&estimate.mixture, estimate.objective));
    assert!(best.restarts.contains(&estimate.best));
    let collapsed = estimate.modes.iter().position(Mode::is_collapsed).unwrap_or(estimate.modes.len());
    assert!(estimate.modes[..collapsed].windows(2).all(|pair| pair[0].objective >= pair[1].objective));
    for mode in &estimate.modes {
        assert!(mode.restarts.is_sorted() && !mode.restarts.is_empty());
        for restart in mode.restarts.iter().map(|&r| &estimate.restarts[r]) {
            assert_eq!(mode.is_collapsed(), matches!(restart.outcome, Outcome::Collapsed(_)));
        }
    }
}

fn optima(estimate: &PointEstimate) -> Vec<&Mode> {
    estimate.modes.iter().filter(|mode| mode.kind == ModeKind::Optimum).collect()
}

fn sorted_means(mixture: &Mixture) -> Vec<f64> {
    mixture.permuted(&mixture.order_by_mean()).means().to_vec()
}

#[test]
fn the_optima_of_galaxies_and_faithful_are_told_apart() {
    let galaxies = |k| (rows_of(&table("galaxies").rows), flat_model(Family::Full, None, k, 1, 1.0));
    let faithful = (rows_of(&table("faithful").rows), flat_model(Family::Full, None, 3, 2, 1.0));
    for (data, model) in [galaxies(3), galaxies(4), galaxies(5), galaxies(6), faithful] {
        let what = format!("K = {}, d = {}", model.k(), model.d());
        let settings = em(150, Starts::Alternate);
        let estimate = fitted(&model, &data, &settings);
        check(&estimate);
        let optima = optima(&estimate);
        assert!(optima.len() >= 2, "{what}: {} optima", optima.len());
        let spread = data.standard_deviations();
        for (i, mode) in optima.iter().enumerate() {
            // Restarts of one optimum agree, by another measure than the atlas has.
            let means = sorted_means(&mode.mixture);
            for restart in mode.restarts.iter().map(|&r| &estimate.restarts[r]) {
                let there = sorted_means(&restart.mixture);
                let far = means.iter().zip(&there).enumerate().map(|(j, (x, y))| (x - y).abs() / spread[j % data.d()]);
                let far = far.fold(0.0, f64::max);
                assert!(far < 0.01, "{what}: {far}");
                assert!((mode.objective - restart.objective).abs() < 1e-4, "{what}");
            }
            // Those of different optima do not.
            for other in &optima[..i] {
                let there = sorted_means(&other.mixture);
                let far = means.iter().zip(&there).enumerate().map(|(j, (x, y))| (x - y).abs() / spread[j % data.d()]);
                let gap = other.objective - mode.objective;
                assert!(gap > 1e-4 || far.fold(0.0, f64::max) > 0.01, "{what}: the same optimum twice, {gap:e} apart");
            }
        }
        // Climbs that go on ten thousand times as far towards the limit end in the same groups, but for one that rested
        // at a saddle.
        let tight = fitted(&model, &data, &Em { tolerance: 1e-14, max_iterations: 100_000, ..settings });
        let stayed = |r: &usize| (tight.restarts[*r].objective - estimate.restarts[*r].objective).abs() < 1e-4;
        let groups = |e| -> Vec<Vec<usize>> {
            let groups = self::optima(e).into_iter().map(|mode| mode.restarts.iter().copied().filter(stayed).collect());
            groups.filter(|group: &Vec<usize>| !group.is_empty()).collect()
        };
        assert_eq!(groups(&tight), groups(&estimate), "{what}");
        let kept: usize = groups(&tight).iter().map(Vec::len).sum();
        let found: usize = optima.iter().map(|mode| mode.restarts.len()).sum();
        assert!(kept + 1 >= found, "{what}: {kept} of {found}");
    }
}

#[test]
fn both_methods_find_one_atlas_and_threads_change_nothing() {
    let (data, model) = (rows_of(&table("galaxies").rows), flat_model(Family::Full, None, 3, 1, 1.0));
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fitted(&model, &data, &em(100, Starts::Alternate)))
    };
    let estimate = on(1);
    assert_eq!(estimate, on(3));
    let gradient = Gradient { restarts: 100, starts: Starts::Alternate, ..Gradient::default() };
    let other = fitted(&model, &data, &gradient);
    check(&other);
    // Not the same counts: the basins differ. But the optima that either reaches often are optima of both.
    let often = |estimate: &PointEstimate| {
        let often = optima(estimate).into_iter().filter(|mode| mode.restarts.len() >= 10);
        often.map(|mode| mode.objective).collect::<Vec<_>>()
    };
    let (often, theirs) = (often(&estimate), often(&other));
    assert!(often.len() >= 2, "{often:?}");
    for (mine, all) in [(&often, &other), (&theirs, &estimate)] {
        for objective in mine {
            assert!(optima(all).iter().any(|mode| (mode.objective - objective).abs() < 1e-5), "{objective}");
        }
    }
}

#[test]
fn mirrored_optima_of_equal_objective_are_two_modes() {
    // Three clusters for two components: two share one, the left ones or the right ones.
    let noise = |i: i32| f64::from(i * 37 % 101) / 50.0 - 1.0;
    let half: Vec<f64> = (0..60).map(|i| 6.0 + noise(i)).chain((0..30).map(noise)).collect();
    let values: Vec<f64> = half.iter().copied().chain(half.iter().map(|x| -x)).collect();
    let data = Data::new(values, 1).unwrap();
    let estimate = fitted(&flat_model(Family::Full, None, 2, 1, 1.0), &data, &em(40, Starts::Alternate));
    check(&estimate);
    let [first, second, ..] = optima(&estimate)[..] else { panic!("{:?}", estimate.modes) };
    assert!((first.objective - second.objective).abs() < 1e-6);
    assert!(first.restarts.len() >= 5 && second.restarts.len() >= 5);
    let mirrored: Vec<f64> = sorted_means(&second.mixture).iter().rev().map(|x| -x).collect();
    let difference = sorted_means(&first.mixture).iter().zip(&mirrored).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
    assert!(difference < 1e-3, "{:?}, {:?}", first.mixture, second.mixture);
}

#[test]
fn units_and_offsets_of_the_columns_change_no_group() {
    let data = rows_of(&table("faithful").rows);
    let model = flat_model(Family::Full, None, 3, 2, 1.0);
    let groups = |data: &Data| {
        let estimate = fitted(&model, data, &em(60, Starts::KMeansPlusPlus));
        estimate.modes.iter().map(|mode| mode.restarts.clone()).collect::<Vec<_>>()
    };
    let scaled = data.values().iter().enumerate().map(|(i, x)| if i % 2 == 0 { x * 1024.0 } else { x / 4096.0 });
    assert_eq!(groups(&data), groups(&Data::new(scaled.collect(), 2).unwrap()));
}

#[test]
fn each_restart_keeps_the_outline_of_its_way() {
    let data = rows_of(&table("galaxies").rows);
    let estimate = fitted(&flat_model(Family::Full, None, 6, 1, 1.0), &data, &em(60, Starts::Alternate));
    for restart in &estimate.restarts {
        let trace = &restart.trace;
        assert_eq!(trace.last().copied(), Some((restart.iterations, restart.objective)));
        assert!(trace[0].0 == 0 && trace.len() <= 200 && trace.is_sorted_by_key(|entry| entry.0));
    }
    // The whole of a short one, and of a long one some of all ages: few lie far from the one before.
    let best = &estimate.restarts[estimate.best].trace;
    assert!(
        best.iter().all(|(iteration, objective)| estimate.parts.len() > 1 || estimate.trace[*iteration] == *objective)
    );
    let long = estimate.restarts.iter().find(|restart| restart.iterations > 400 && restart.trace.len() > 2).unwrap();
    assert!(long.trace.len() > 100, "{}", long.trace.len());
    assert!(long.trace.windows(2).all(|pair| pair[1].0 <= pair[0].0 + 1 + pair[0].0 / 10), "{:?}", long.trace);
    let short = estimate.restarts.iter().find(|restart| restart.iterations < 150).unwrap();
    assert!(short.trace.len() > short.iterations);
}

// Atlases of restarts made by hand.

fn plan(objective: Objective) -> Plan {
    Em { objective, ..Em::default() }.plan()
}

fn restart(mixture: &Mixture, objective: f64, outcome: Outcome) -> Restart {
    let start = Start::Drawn(Seeding::RandomRows);
    Restart { start, outcome, iterations: 10, sweeps: 11, objective, trace: Vec::new(), mixture: mixture.clone() }
}

fn converged(mixture: &Mixture, objective: f64) -> Restart {
    restart(mixture, objective, Outcome::Stopped(Stop::Converged))
}

fn model(concentration: &[f64]) -> Model {
    let weights = Model::dirichlet(concentration.to_vec()).unwrap();
    Model::new(2, Structure::Free(Shape::Full), Prior { weights, components: ComponentPrior::Flat }).unwrap()
}

/// Three components of unequal weights, the second moved by so many standard deviations.
fn mixture(moved: f64) -> Mixture {
    let covariance = |v: f64| Covariance::full(&[[v, 0.3 * v], [0.3 * v, 2.0 * v]]).unwrap();
    let means = vec![vec![0.0, 0.0], vec![5.0 + moved * 2.0, 1.0], vec![0.0, 9.0]];
    Mixture::new(vec![0.5, 0.3, 0.2], means, vec![covariance(1.0), covariance(4.0), covariance(0.1)]).unwrap()
}

#[test]
fn permuted_copies_are_one_mode_unless_concentrations_tell_them_apart() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let restarts: Vec<Restart> = orders.iter().map(|o| converged(&mixture(0.0).permuted(o), -500.0)).collect();
    let groups = |concentration: &[f64], objective| {
        let modes = modes(&restarts, &model(concentration), 1000, &plan(objective));
        modes.into_iter().map(|mode| mode.restarts).collect::<Vec<_>>()
    };
    let one = vec![vec![0, 1, 2, 3, 4, 5]];
    assert_eq!(groups(&[2.0, 2.0, 2.0], Objective::Posterior), one);
    assert_eq!(groups(&[1.0, 2.0, 3.0], Objective::Likelihood), one);
    let each: Vec<Vec<usize>> = (0..6).map(|r| vec![r]).collect();
    assert_eq!(groups(&[1.0, 2.0, 3.0], Objective::Posterior), each);
    // The first two may be exchanged: what counts is which component is third.
    assert_eq!(groups(&[1.0, 1.0, 3.0], Objective::Posterior), vec![vec![0, 2], vec![1, 4], vec![3, 5]]);
}

#[test]
fn objectives_and_mixtures_must_both_agree() {
    let groups = |restarts: &[Restart]| {
        let modes = modes(restarts, &model(&[1.0; 3]), 1000, &plan(Objective::Likelihood));
        modes.into_iter().map(|mode| mode.restarts).collect::<Vec<_>>()
    };
    let weights = |w: f64| {
        let mut other = mixture(0.0);
        other.set_weights(&[w, 0.8 - w, 0.2]).unwrap();
        other
    };
    let thicker = |factor: f64| {
        let other = mixture(0.0);
        let mut matrix = other.covariance(1).as_symmetric().clone();
        matrix.scale(factor);
        let covariances =
            vec![other.covariance(0).clone(), Covariance::new(matrix).unwrap(), other.covariance(2).clone()];
        let means = (0..3).map(|k| other.mean(k).to_vec()).collect();
        Mixture::new(other.weights().to_vec(), means, covariances).unwrap()
    };
    let zero = mixture(0.0);
    for (name, other, objective, same) in [
        ("the same", zero.clone(), -500.0, true),
        ("within what the tolerance leaves", zero.clone(), -500.0 + 1e-7, true),
        ("another objective", zero.clone(), -500.0 + 1e-3, false),
        ("a mean a little off", mixture(0.01), -500.0, true),
        ("a mean elsewhere", mixture(0.5), -500.0, false),
        ("a weight a little off", weights(0.501), -500.0, true),
        ("other weights", weights(0.4), -500.0, false),
        ("a covariance a little off", thicker(1.01), -500.0, true),
        ("another covariance", thicker(1.5), -500.0, false),
    ] {
        let found = groups(&[converged(&zero, -500.0), converged(&other, objective)]);
        assert_eq!(found.len(), if same { 1 } else { 2 }, "{name}");
    }
}

#[test]
fn a_component_of_no_rows_may_be_anywhere() {
    let with = |weight: f64, moved: f64| {
        let mut other = mixture(moved);
        other.set_weights(&[0.8 - weight, weight, 0.2]).unwrap();
        other
    };
    let together = |a: &Mixture, b: &Mixture| {
        let restarts = [converged(a, -500.0), converged(b, -500.0)];
        modes(&restarts, &model(&[1.0; 3]), 1000, &plan(Objective::Likelihood)).len() == 1
    };
    for (a, b) in [(0.0, 0.0), (1e-9, 0.0), (1e-9, 1e-7), (1e-300, 1e-12)] {
        assert!(together(&with(a, 0.0), &with(b, 3.0)), "{a:e}, {b:e}");
        assert!(!together(&with(a, 0.0), &with(0.05, 3.0)), "{a:e}");
    }
    // Ten rows of a thousand are enough to tell where it is.
    assert!(!together(&with(0.01, 0.0), &with(0.01, 3.0)));
}

#[test]
fn collapses_are_one_entry_for_each_reason_and_climbs_out_of_iterations_join_their_optimum() {
    let collapse = |reason| Outcome::Collapsed(Collapse { component: 1, iteration: 9, reason });
    let rows = |value| collapse(CollapseReason::EffectiveRows { value, limit: 3.5 });
    let unfinished = Outcome::Stopped(Stop::MaxIterations);
    let restarts = [
        restart(&mixture(1.0), 900.0, collapse(CollapseReason::Singular)),
        converged(&mixture(0.0), -500.0),
        restart(&mixture(2.0), -450.0, rows(2.0)),
        restart(&mixture(0.0), -500.0 + 1e-8, unfinished.clone()),
        restart(&mixture(7.0), -300.0, unfinished.clone()),
        restart(&mixture(3.0), -440.0, rows(1.0)),
        restart(&mixture(0.0), -500.0, Outcome::Decreased { iteration: 3, from: 0.0, to: -500.0 }),
        restart(&mixture(4.0), f64::NEG_INFINITY, collapse(CollapseReason::NotFinite)),
    ];
    let modes = modes(&restarts, &model(&[1.0; 3]), 1000, &plan(Objective::Likelihood));
    let found: Vec<(&ModeKind, &[usize], f64)> =
        modes.iter().map(|mode| (&mode.kind, &mode.restarts[..], mode.objective)).collect();
    let kinds = [
        ModeKind::Unfinished,
        ModeKind::Optimum,
        ModeKind::Collapsed(CollapseReason::EffectiveRows { value: 2.0, limit: 3.5 }),
        ModeKind::Collapsed(CollapseReason::Singular),
        ModeKind::Collapsed(CollapseReason::NotFinite),
        ModeKind::Decreased,
    ];
    let expected: Vec<(&ModeKind, &[usize], f64)> = vec![
        (&kinds[0], &[4], -300.0),
        (&kinds[1], &[1, 3], -500.0 + 1e-8),
        (&kinds[2], &[2, 5], -440.0),
        (&kinds[3], &[0], 900.0),
        (&kinds[4], &[7], f64::NEG_INFINITY),
        (&kinds[5], &[6], -500.0),
    ];
    assert_eq!(found, expected);
    assert_eq!(modes[2].mixture, mixture(3.0));
    assert_eq!(modes.iter().map(Mode::is_collapsed).collect::<Vec<_>>(), [false, false, true, true, true, false]);
}

/// A hundred thousand restarts at a hundred optima: compared with each other they would take minutes.
#[test]
fn many_restarts_are_grouped_in_any_order() {
    let n_modes = 100;
    let mut rng = Streams::new(5).rng(0);
    let orders = [[0, 1, 2], [2, 0, 1], [1, 2, 0]];
    let restarts: Vec<Restart> = (0..100_000)
        .map(|r| {
            // Pairs of optima have the same objective.
            let place = (r * 7919) % n_modes;
            let objective = -1000.0 - (place / 2) as f64 * 1e-3 - rng.random_range(0.0..1e-7);
            let at = mixture(place as f64 + rng.random_range(-1e-3..1e-3));
            converged(&at.permuted(&orders[r % 3]), objective)
        })
        .collect();
    let modes = modes(&restarts, &model(&[1.0; 3]), 1000, &plan(Objective::Likelihood));
    assert_eq!(modes.len(), n_modes);
    for mode in &modes {
        let place = (mode.restarts[0] * 7919) % n_modes;
        assert_eq!(mode.restarts.len(), 1000);
        assert!(mode.restarts.iter().all(|r| (r * 7919) % n_modes == place));
    }
}
