//! The policies at singularities: what they hold, what they write down, and that nothing stops them.
#![allow(clippy::unwrap_used, clippy::panic)]

use gmm_core::{
    Covariance, Data, DataError, Eigen, Mixture, Model, Seeding, Shape, Streams, Structure, Symmetric, Workspace,
    seed_mixture,
};
use gmm_em::{
    Acceleration, Action, Climb, CollapseReason, Em, EmError, Ending, Gradient, Objective, Outcome, PointEstimate,
    Singularities, Singularity, Stop, climb, fit,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rand::RngExt;
use reference::{Family, data, flat_model, maximum_likelihood_cases, mixture, regularised_cases, table};

const FLOOR: Singularities = Singularities::FloorEigenvalues(0.04);
const RATIO: Singularities = Singularities::BoundRatio(30.0);

fn run(model: &Model, data: &Data, em: &Em) -> Result<PointEstimate, EmError> {
    fit(model, data, em, &Streams::new(1), &|_| {})
}

fn galaxies(policy: Singularities) -> PointEstimate {
    let rows = data(&table("galaxies").rows);
    let em = Em { restarts: 30, singularities: policy, ..Em::default() };
    run(&flat_model(Family::Full, None, 5, 1, 1.0), &rows, &em).unwrap()
}

/// Smallest and largest eigenvalue over all covariances.
fn eigenvalues(mixture: &Mixture) -> (f64, f64) {
    let values: Vec<f64> =
        mixture.covariances().iter().flat_map(|c| Eigen::of(c.as_symmetric()).values().to_vec()).collect();
    (values.iter().copied().fold(f64::INFINITY, f64::min), values.iter().copied().fold(0.0, f64::max))
}

#[test]
fn a_constant_on_the_diagonal_gives_what_scikit_learn_reaches() {
    let maxima = maximum_likelihood_cases();
    for case in regularised_cases() {
        let name = &case.case;
        let maximum = maxima.iter().find(|maximum| maximum.case == *name).unwrap();
        let rows = data(&table(&case.dataset).rows);
        let model = flat_model(case.family, None, case.n_components, case.dimension, 1.0);
        let start = mixture(&model, &maximum.weights, &maximum.means, &maximum.covariances);
        let singularities = Singularities::Regularise(case.constant);
        // One by one: the objective settles long before the parameters do.
        let em = Em { tolerance: 0.0, max_iterations: 1, singularities, ..Em::default() };
        let (mut workspace, mut ended) = (Workspace::new(), None);
        for _ in 0..case.iterations {
            let start = ended.take().map_or_else(|| start.clone(), |climb: Climb| climb.mixture);
            ended = Some(climb(&model, &rows, start, &em, &mut workspace, |_, _| {}));
        }
        let found = ended.unwrap();
        assert!(matches!(found.outcome, Outcome::Stopped(_)), "{name}: {:?}", found.outcome);
        let expected = mixture(&model, &case.weights, &case.means, &case.covariances);
        let off = (found.ln_likelihood - case.ln_likelihood).abs() / (1.0 + case.ln_likelihood.abs());
        assert!(off < 1e-8, "{name}: ln L is off by {off:e}");
        for k in 0..case.n_components {
            let (s, t) = (found.mixture.covariance(k).as_symmetric(), expected.covariance(k).as_symmetric());
            let off = (found.mixture.weights()[k] / expected.weights()[k] - 1.0).abs();
            assert!(off < 1e-8, "{name}: weight {k} is off by {off:e}");
            for i in 0..case.dimension {
                let sd = t.get(i, i).sqrt();
                let off = (found.mixture.mean(k)[i] - expected.mean(k)[i]).abs() / expected.mean(k)[i].abs().max(sd);
                assert!(off < 1e-8, "{name}: mean {k}, {i} is off by {off:e}");
                for j in 0..=i {
                    let off = (s.get(i, j) - t.get(i, j)).abs() / (sd * t.get(j, j).sqrt());
                    assert!(off < 1e-8, "{name}: covariance {k}, {i}, {j} is off by {off:e}");
                }
            }
        }
    }
}

/// One component: without a constant the variance 1 of the rows. At the constant c = (1 + sqrt(5)) / 2 the step from c to
/// 1 + c loses all that can be lost.
#[test]
fn a_constant_on_the_diagonal_lowers_the_objective_by_no_more_than_its_bound() {
    let rows = Data::from_rows(&[[-1.0], [1.0], [-1.0], [1.0]]).unwrap();
    let model = flat_model(Family::Full, None, 1, 1, 1.0);
    let golden = 0.5 * (1.0 + 5f64.sqrt());
    let after = |constant: f64, variance: f64| {
        let start = Covariance::full(&[[variance]]).unwrap();
        let start = Mixture::new(vec![1.0], vec![vec![0.0]], vec![start]).unwrap();
        let em = Em { singularities: Singularities::Regularise(constant), ..Em::default() };
        climb(&model, &rows, start, &em, &mut Workspace::new(), |_, _| {})
    };
    let mut most: f64 = 0.0;
    for constant in [0.1, 0.5, 1.0, golden, 2.0, 10.0] {
        for variance in [0.1, 0.5, 1.0, golden, 2.0, 10.0] {
            let found = after(constant, variance);
            assert_eq!(found.outcome, Outcome::Stopped(Stop::Converged), "{constant} from {variance}");
            assert!((found.mixture.covariance(0).as_symmetric().entries()[0] - 1.0 - constant).abs() < 1e-12);
            most = most.max((found.trace[0] - found.trace[1]) / 4.0);
        }
    }
    let bound = 0.5 * (golden.ln() + 1.0 - 2.0 / golden);
    assert!((most - bound).abs() < 1e-12 && bound < 0.1226, "{most} and {bound}");
}

/// A model of every structure, flat and with a prior.
fn models(k: usize, d: usize, data: &Data) -> Vec<(Model, Objective)> {
    let mut models = Vec::new();
    for shape in Shape::ALL {
        for structure in [Structure::Free(shape), Structure::Tied(shape)] {
            let model = Model::with_default_prior(k, structure, data).unwrap();
            assert_eq!(model.d(), d);
            models.push((model.without_prior(), Objective::Likelihood));
            models.push((model, Objective::Posterior));
        }
    }
    models
}

/// What an M-step maximises, as a function of the covariances alone.
fn expected_ln_density(posterior: &gmm_core::Posterior, covariances: &[Covariance]) -> f64 {
    let term = |(index, covariance): (usize, &Covariance)| {
        let ln_det = match covariance.shape() {
            Shape::Isotropic => covariance.as_symmetric().entries()[0].ln(),
            Shape::Full | Shape::Diagonal => covariance.ln_det(),
        };
        -0.5 * (posterior.mode_divisor(index) * ln_det + covariance.trace_of_solve(posterior.scale(index)))
    };
    covariances.iter().enumerate().map(term).sum()
}

/// Clusters of six, five and four rows in columns of different spread, so that modes and their divisors are uneven.
fn uneven(seed: u64) -> Data {
    let mut rng = Streams::new(seed).rng(0);
    let mut row = |i: usize| {
        let cluster = usize::from(i >= 6) + usize::from(i >= 11);
        let centre = 4.0 * cluster as f64;
        [0, 1, 2].map(|j| centre + [0.05, 0.6, 2.0][(j + cluster) % 3] * rng.random_range(-1.0..1.0))
    };
    Data::from_rows(&(0..15).map(&mut row).collect::<Vec<_>>()).unwrap()
}

#[test]
fn an_m_step_beats_all_other_covariances_within_the_constraint() {
    let mut active = 0;
    for seed in 0..4 {
        let data = uneven(200 + seed);
        for (model, objective) in models(3, 3, &data) {
            for policy in [FLOOR, RATIO] {
                let mut rng = Streams::new(seed).rng(1);
                let start = seed_mixture(&model, &data, Seeding::KMeansPlusPlus, &mut rng).unwrap();
                let em = Em { objective, max_iterations: 1, singularities: policy, ..Em::default() };
                // One step to be within the constraint, one more to be looked at.
                let start = climb(&model, &data, start, &em, &mut Workspace::new(), |_, _| {}).mixture;
                let next = climb(&model, &data, start.clone(), &em, &mut Workspace::new(), |_, _| {}).mixture;
                let mut statistics = model.blank_statistics();
                gmm_core::sweep(
                    &data,
                    &start,
                    gmm_core::Rule::Responsibilities,
                    &mut statistics,
                    &mut Workspace::new(),
                );
                let posterior = model.posterior(&statistics);
                let found = expected_ln_density(&posterior, next.covariances());
                let (least, most) = eigenvalues(&next);
                match policy {
                    Singularities::FloorEigenvalues(floor) => assert!(least >= floor * (1.0 - 1e-12), "{least}"),
                    Singularities::BoundRatio(ratio) => {
                        assert!(most <= ratio * least * (1.0 + 1e-12), "{least} {most}")
                    }
                    _ => {}
                }
                let mut free = model.blank_mixture();
                posterior.mode(&mut free).unwrap();
                active += usize::from(expected_ln_density(&posterior, free.covariances()) > found + 1e-6);
                let beats = |others: &[Symmetric], what: &str| {
                    let others: Vec<Covariance> = others.iter().map(|s| Covariance::new(s.clone()).unwrap()).collect();
                    let other = expected_ln_density(&posterior, &others);
                    assert!(
                        found >= other - 1e-10 * other.abs(),
                        "{:?}, {policy:?}, {what}: {found} {other}",
                        model.structure()
                    );
                };
                let clamped = |matrix: &Symmetric, (low, high): (f64, f64)| {
                    let (mut eigen, mut matrix) = (Eigen::of(matrix), matrix.clone());
                    eigen.values_mut().iter_mut().for_each(|value| *value = value.clamp(low, high));
                    eigen.write(&mut matrix);
                    matrix
                };
                let bounds = |t: f64| match policy {
                    Singularities::BoundRatio(ratio) => (t, t * ratio),
                    _ => (0.04, f64::INFINITY),
                };
                // A grid of the least eigenvalue over the modes.
                for i in 0..400 {
                    let t = (f64::from(i) * 0.05 - 14.0).exp();
                    let others: Vec<Symmetric> =
                        free.covariances().iter().map(|c| clamped(c.as_symmetric(), bounds(t))).collect();
                    beats(&others, "grid");
                }
                // Random steps from the optimum, brought back into the constraint.
                for _ in 0..200 {
                    let size = 10f64.powf(rng.random_range(-4.0..0.0));
                    let t = least * (size * rng.random_range(-1.0..1.0f64)).exp();
                    let mut moved = |c: &Covariance| {
                        let matrix = c.as_symmetric();
                        let entries: Vec<f64> =
                            matrix.entries().iter().map(|x| x + size * least * rng.random_range(-1.0..1.0)).collect();
                        let mut other = matrix.clone();
                        other.set_entries(&entries);
                        clamped(&other, bounds(t))
                    };
                    let others: Vec<Symmetric> = next.covariances().iter().map(&mut moved).collect();
                    beats(&others, "random");
                }
            }
        }
    }
    assert!(active > 20, "the constraint was active {active} times");
}

#[test]
fn constraints_hold_at_the_end_and_the_objective_rises_to_it() {
    let data = uneven(210);
    for (model, objective) in models(3, 3, &data) {
        for policy in [FLOOR, RATIO] {
            let em = Em { objective, singularities: policy, restarts: 6, ..Em::default() };
            let estimate = run(&model, &data, &em).unwrap();
            assert!(estimate.restarts.iter().all(|r| r.outcome == Outcome::Stopped(Stop::Converged)));
            let (least, most) = eigenvalues(&estimate.mixture);
            match policy {
                Singularities::BoundRatio(ratio) => assert!(most <= ratio * least * (1.0 + 1e-12)),
                _ => assert!(least >= 0.04 * (1.0 - 1e-12)),
            }
            monotone(&estimate, &data, policy);
        }
    }
}

/// No fall within a climb but of rounding, or as far as is allowed.
fn monotone(estimate: &PointEstimate, data: &Data, policy: Singularities) {
    monotone_but_for(1e-9, estimate, data, policy);
}

fn monotone_but_for(rounding: f64, estimate: &PointEstimate, data: &Data, policy: Singularities) {
    let prior = if estimate.model.is_proper() { 50.0 } else { 0.0 };
    let allowed = match policy {
        Singularities::Regularise(_) => {
            0.1226 * (data.n() as f64 + prior * estimate.model.k() as f64) * data.d() as f64
        }
        _ => 0.0,
    };
    let ends = estimate.parts.iter().skip(1).copied().chain([estimate.trace.len()]);
    for (start, end) in estimate.parts.iter().zip(ends) {
        // Rounding has no bound in the step into a singularity, at which a climb ends and another goes on.
        let end = if end < estimate.trace.len() { end.saturating_sub(1).max(*start) } else { end };
        for pair in estimate.trace[*start..end].windows(2) {
            let rounding = rounding * ((data.n() * data.d()) as f64 + pair[0].abs());
            assert!(pair[1] >= pair[0] - rounding - allowed, "{policy:?}: {} after {}", pair[1], pair[0]);
        }
    }
}

fn ended(estimate: &PointEstimate) -> usize {
    estimate.restarts.iter().filter(|restart| matches!(restart.outcome, Outcome::Collapsed(_))).count()
}

fn count(estimate: &PointEstimate, is: impl Fn(&Action) -> bool) -> usize {
    estimate.singularities.iter().filter(|event| is(&event.action)).count()
}

#[test]
fn a_restart_that_fails_is_written_down_as_it_ended() {
    let estimate = galaxies(Singularities::Fail);
    assert!(ended(&estimate) > 0);
    assert_eq!(estimate.singularities.len(), ended(&estimate));
    for event in &estimate.singularities {
        let Outcome::Collapsed(collapse) = &estimate.restarts[event.restart].outcome else { panic!("{event}") };
        assert_eq!((event.iteration, event.component), (collapse.iteration, collapse.component));
        assert_eq!(event.action, Action::RestartEnded(Ending::Policy));
        assert_eq!(event.condition_number, Some(1.0).filter(|_| event.smallest_eigenvalue > Some(0.0)));
        match collapse.reason {
            CollapseReason::Eigenvalue { value, .. } => {
                assert!((event.smallest_eigenvalue.unwrap() / value - 1.0).abs() < 1e-12);
            }
            CollapseReason::EffectiveRows { value, .. } => assert_eq!(event.effective_rows, Some(value)),
            CollapseReason::Singular | CollapseReason::NotFinite => {}
        }
    }
    assert_eq!(estimate.model.k(), 5);
    let event = &estimate.singularities[0];
    assert!(event.to_string().starts_with(&format!("restart {}, iteration", event.restart)), "{event}");
    assert!(event.to_string().ends_with(": the restart ended"), "{event}");
}

#[test]
fn policies_within_m_steps_keep_all_restarts_and_say_where_they_acted() {
    for policy in [FLOOR, Singularities::Regularise(0.01), RATIO] {
        let estimate = galaxies(policy);
        assert_eq!(ended(&estimate), 0, "{policy:?}");
        assert!(!estimate.singularities.is_empty());
        let acted = |action: &Action| match policy {
            Singularities::FloorEigenvalues(min) => *action == Action::FlooredTo { min },
            Singularities::Regularise(constant) => *action == Action::Added { constant },
            _ => matches!(action, Action::RatioBoundedTo { ratio } if *ratio == 30.0),
        };
        assert!(count(&estimate, acted) > 0, "{policy:?}: {:?}", estimate.singularities);
        assert_eq!(count(&estimate, |action| acted(action) || *action == Action::Kept), estimate.singularities.len());
        let (least, most) = eigenvalues(&estimate.mixture);
        match policy {
            Singularities::FloorEigenvalues(min) => assert!(least >= min),
            Singularities::Regularise(constant) => assert!(least >= constant),
            _ => assert!(most <= 30.0 * least * (1.0 + 1e-12)),
        }
        // The same component is written down again only after it recovered: far less than once an iteration.
        let iterations: usize = estimate.restarts.iter().map(|restart| restart.iterations).sum();
        assert!(estimate.singularities.len() * 10 < iterations, "{policy:?}: {}", estimate.singularities.len());
        let ordered =
            |pair: &[Singularity]| (pair[0].restart, pair[0].iteration) <= (pair[1].restart, pair[1].iteration);
        assert!(estimate.singularities.windows(2).all(ordered));
        monotone(&estimate, &data(&table("galaxies").rows), policy);
    }
}

#[test]
fn the_ledger_says_when_a_variance_met_the_floor() {
    // One component on each pair; the second is closer than the floor allows.
    let rows = Data::from_rows(&[[0.0], [1.0], [20.0], [20.1]]).unwrap();
    let model = flat_model(Family::Full, None, 2, 1, 1.0);
    let unit = Covariance::isotropic(1, 1.0).unwrap();
    let unit = Covariance::new(unit.as_symmetric().to_full()).unwrap();
    let start = Mixture::new(vec![0.5, 0.5], vec![vec![0.4], vec![20.0]], vec![unit.clone(), unit]).unwrap();
    let collapse = gmm_em::CollapseRule { min_eigenvalue: 1e-9, min_rows: Some(1.0) };
    let em = Em { singularities: FLOOR, collapse, ..Em::default() };
    let found = climb(&model, &rows, start, &em, &mut Workspace::new(), |_, _| {});
    let [event] = &found.singularities[..] else { panic!("{:?}", found.singularities) };
    assert_eq!((event.restart, event.iteration, event.component), (0, 1, 1));
    assert_eq!(event.action, Action::FlooredTo { min: 0.04 });
    assert!((event.effective_rows.unwrap() - 2.0).abs() < 1e-9);
    let variance = rows.standard_deviations()[0].powi(2);
    assert!((event.smallest_eigenvalue.unwrap() / (0.0025 / variance) - 1.0).abs() < 1e-9);
    assert_eq!(event.condition_number, Some(1.0));
    assert_eq!(found.mixture.covariance(1).as_symmetric().entries(), [0.04]);
    assert!((found.mixture.covariance(0).as_symmetric().entries()[0] - 0.25).abs() < 1e-9);
}

#[test]
fn components_that_collapse_are_reset_and_the_climb_goes_on() {
    let rows = data(&table("galaxies").rows);
    let (failed, estimate) = (galaxies(Singularities::Fail), galaxies(Singularities::ResetComponent));
    assert!(ended(&estimate) < ended(&failed), "{} and {}", ended(&estimate), ended(&failed));
    let is_reset = |action: &Action| matches!(action, Action::MeanReset { .. });
    assert!(count(&estimate, is_reset) > 0);
    for (restart, (record, failed)) in estimate.restarts.iter().zip(&failed.restarts).enumerate() {
        let events: Vec<_> = estimate.singularities.iter().filter(|event| event.restart == restart).collect();
        let mut seen: Vec<usize> = Vec::new();
        for (i, event) in events.iter().enumerate() {
            match event.action {
                Action::MeanReset { row } => {
                    assert!(seen.iter().all(|other| rows.row(*other) != rows.row(row)), "row {row} again");
                    seen.push(row);
                }
                Action::RestartEnded(ending) => assert_eq!((ending, i), (Ending::ResetsSpent, events.len() - 1)),
                _ => panic!("{event}"),
            }
        }
        assert!(seen.len() <= Singularities::RESETS);
        // The first event is that of the restart that fails; what follows is counted on.
        match (&failed.outcome, events.first()) {
            (Outcome::Collapsed(collapse), Some(first)) => {
                assert_eq!((first.iteration, first.component), (collapse.iteration, collapse.component));
                assert!(record.iterations >= failed.iterations && record.sweeps > failed.sweeps);
            }
            (_, None) => assert_eq!(record, failed),
            (outcome, Some(event)) => panic!("{outcome:?}, {event}"),
        }
        assert!(events.windows(2).all(|pair| pair[0].iteration <= pair[1].iteration));
        assert!(events.iter().all(|event| event.iteration <= record.iterations));
    }
    monotone(&estimate, &rows, Singularities::ResetComponent);
}

#[test]
fn a_reset_goes_to_the_worst_explained_row() {
    // Three rows alike hold a component until it has no spread; row 4 is the farthest from the other.
    let rows = Data::from_rows(&[[0.0], [1.0], [2.0], [3.0], [9.0], [40.0], [40.0], [40.0]]).unwrap();
    let model = flat_model(Family::Iso, None, 2, 1, 1.0);
    let em = Em { restarts: 1, singularities: Singularities::ResetComponent, ..Em::default() };
    let result = run(&model, &rows, &em);
    let estimate = result.unwrap();
    let first = &estimate.singularities[0];
    assert_eq!(first.action, Action::MeanReset { row: 4 }, "{first}");
    assert!((first.effective_rows.unwrap() - 3.0).abs() < 1e-6);
    assert_eq!(estimate.parts.len(), 1 + estimate.singularities.len());
    assert_eq!(estimate.trace.len(), estimate.iterations + estimate.parts.len());
    // A climb takes one sweep more than it has M-steps.
    assert_eq!(estimate.restarts[0].sweeps, estimate.iterations + estimate.parts.len());
}

#[test]
fn components_that_collapse_are_removed_and_the_model_says_so() {
    let rows = data(&table("galaxies").rows);
    let estimate = galaxies(Singularities::RemoveComponent);
    assert_eq!(ended(&estimate), 0);
    for (restart, record) in estimate.restarts.iter().enumerate() {
        let events: Vec<_> = estimate.singularities.iter().filter(|event| event.restart == restart).collect();
        assert_eq!(record.mixture.k(), 5 - events.len());
        for (i, event) in events.iter().enumerate() {
            assert_eq!(event.action, Action::ComponentRemoved { left: 4 - i });
        }
    }
    assert!(estimate.restarts.iter().any(|record| record.mixture.k() < 5));
    let k = estimate.mixture.k();
    assert_eq!((estimate.model.k(), estimate.n_parameters), (k, 3 * k - 1));
    let bic = -2.0 * estimate.ln_likelihood + (3 * k - 1) as f64 * (rows.n() as f64).ln();
    assert!((estimate.criteria.bic - bic).abs() < 1e-9);
    // Two clusters of equal rows: one component must go, and then the other is a sound one of all rows.
    let pairs = Data::from_rows(&[[0.0], [0.0], [0.0], [0.0], [5.0], [5.0], [5.0], [5.0], [4.9]]).unwrap();
    let model = flat_model(Family::Full, None, 2, 1, 1.0);
    let em = Em { singularities: Singularities::RemoveComponent, ..Em::default() };
    let estimate = run(&model, &pairs, &em).unwrap();
    assert_eq!((estimate.model.k(), estimate.mixture.k(), estimate.n_parameters), (1, 1, 2));
    let aic = -2.0 * estimate.ln_likelihood + 4.0;
    assert!((estimate.criteria.aic - aic).abs() < 1e-9, "of the model that is left: {:?}", estimate.criteria);
    assert!((estimate.mixture.mean(0)[0] - 24.9 / 9.0).abs() < 1e-12);
    assert_eq!(estimate.singularities.len(), em.restarts);
}

#[test]
fn concentrations_go_with_their_components() {
    let rows = Data::from_rows(&[[0.0], [1.0], [2.0], [3.0], [40.0], [40.0], [40.0]]).unwrap();
    let weights = Model::dirichlet(vec![2.0, 3.0]).unwrap();
    let prior = gmm_core::Prior { weights, components: gmm_core::ComponentPrior::Flat };
    let model = Model::new(1, Structure::Free(Shape::Diagonal), prior).unwrap();
    let em = Em { objective: Objective::Posterior, singularities: Singularities::RemoveComponent, ..Em::default() };
    let estimate = run(&model, &rows, &em).unwrap();
    let event = &estimate.singularities.iter().find(|event| event.restart == estimate.best).unwrap();
    let left = [3.0, 2.0][event.component];
    assert_eq!(estimate.model.prior().weights.concentration(), [left]);
    // The Dirichlet density of one weight is 1.
    assert!((estimate.objective - estimate.ln_likelihood).abs() < 1e-12);
}

#[test]
fn a_shared_covariance_has_no_component_to_reset_or_remove() {
    // One column is almost the other: the shared covariance is too thin for the rule.
    let row = |i: u32| {
        let along = f64::from(i % 7) + f64::from(i / 20) * 9.0;
        [along, along + 1e-4 * f64::from(i % 3)]
    };
    let thin = Data::from_rows(&(0..40).map(row).collect::<Vec<_>>()).unwrap();
    let model = flat_model(Family::Tied, None, 2, 2, 1.0);
    for singularities in [Singularities::ResetComponent, Singularities::RemoveComponent] {
        let em = Em { restarts: 3, singularities, ..Em::default() };
        let result = run(&model, &thin, &em);
        let Err(EmError::AllCollapsed { collapses, .. }) = result else { panic!("{result:?}") };
        assert_eq!(collapses.len(), 3);
    }
}

#[test]
fn gradients_reset_and_remove_as_em_does_and_refuse_the_rest() {
    let rows = data(&table("galaxies").rows);
    let model = flat_model(Family::Full, None, 5, 1, 1.0);
    let ascend = |singularities| {
        let settings = Gradient { restarts: 12, singularities, ..Gradient::default() };
        fit(&model, &rows, &settings, &Streams::new(1), &|_| {})
    };
    let failed = ascend(Singularities::Fail).unwrap();
    assert!(ended(&failed) > 0 && failed.singularities.len() == ended(&failed));
    let removed = ascend(Singularities::RemoveComponent).unwrap();
    assert_eq!(ended(&removed), 0);
    assert_eq!(removed.restarts.iter().map(|r| 5 - r.mixture.k()).sum::<usize>(), removed.singularities.len());
    let reset = ascend(Singularities::ResetComponent).unwrap();
    assert!(count(&reset, |action| matches!(action, Action::MeanReset { .. })) > 0);
    for policy in [FLOOR, Singularities::Regularise(0.1), RATIO] {
        let error = ascend(policy).unwrap_err();
        assert!(matches!(error, EmError::Setting { name: "singularities", .. }), "{error}");
        assert!(error.to_string().contains("no M-step"), "{error}");
    }
}

#[test]
fn numbers_out_of_range_are_refused() {
    let rows = data(&table("galaxies").rows);
    let model = flat_model(Family::Full, None, 2, 1, 1.0);
    let refused = |singularities| {
        let error = run(&model, &rows, &Em { singularities, ..Em::default() }).unwrap_err();
        assert!(matches!(error, EmError::Setting { name: "singularities", .. }), "{error}");
    };
    for x in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        refused(Singularities::FloorEigenvalues(x));
        refused(Singularities::Regularise(x));
        refused(Singularities::BoundRatio(x));
    }
    refused(Singularities::BoundRatio(0.999));
    let one = Em { singularities: Singularities::BoundRatio(1.0), ..Em::default() };
    let mixture = run(&model, &rows, &one).unwrap().mixture;
    let variance = |k: usize| mixture.covariance(k).as_symmetric().entries()[0];
    assert!((variance(0) / variance(1) - 1.0).abs() < 1e-14);
    // A ratio of 1 is one shared variance.
    let tied = run(&flat_model(Family::SharedIso, None, 2, 1, 1.0), &rows, &Em::default()).unwrap();
    assert!((tied.mixture.covariance(0).as_symmetric().entries()[0] / variance(0) - 1.0).abs() < 1e-5);
}

#[test]
fn data_without_a_maximum_have_one_under_the_policies_that_bound_it() {
    let constant = Data::from_rows(&[[1.0, 3.0], [2.0, 3.0], [4.0, 3.0], [5.0, 3.0], [5.5, 3.0]]).unwrap();
    let twice = Data::from_rows(&[[0.0, 1.0], [0.0, 1.0], [5.0, 2.0], [5.0, 2.0]]).unwrap();
    for family in [Family::Full, Family::Diag, Family::Tied, Family::SharedDiag] {
        let (one, two) = (flat_model(family, None, 1, 2, 1.0), flat_model(family, None, 2, 2, 1.0));
        for (policy, for_constant, for_twice) in [
            (Singularities::Fail, false, false),
            (Singularities::ResetComponent, false, false),
            (Singularities::RemoveComponent, false, false),
            (FLOOR, true, true),
            (Singularities::Regularise(0.04), true, true),
            (RATIO, true, false),
        ] {
            let em = Em { singularities: policy, ..Em::default() };
            match run(&one, &constant, &em) {
                Ok(_) => assert!(for_constant, "{policy:?}"),
                Err(error) => {
                    assert_eq!((error, for_constant), (EmError::ConstantColumn { column: 1 }, false), "{policy:?}");
                }
            }
            match run(&two, &twice, &em) {
                Ok(estimate) => {
                    assert!(for_twice, "{policy:?}");
                    assert!((eigenvalues(&estimate.mixture).0 / 0.04 - 1.0).abs() < 1e-9);
                }
                Err(error) => {
                    let expected = EmError::FewDistinctRows { distinct: 2, k: 2 };
                    assert_eq!((error, for_twice), (expected, false), "{policy:?}");
                }
            }
        }
    }
}

#[test]
fn policies_do_not_depend_on_the_number_of_threads() {
    for policy in [FLOOR, RATIO, Singularities::ResetComponent, Singularities::RemoveComponent] {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| galaxies(policy))
        };
        assert_eq!(on(1), on(3));
    }
}

/// Rows that are hard in one way or another, or a value beyond what data may be.
#[derive(Debug, Clone, Copy)]
enum Hardship {
    Duplicates,
    ConstantColumn,
    FewRows,
    Collinear,
    Scale(i32),
    Scales,
    Outlier(i32),
    ManyComponents,
}

fn hard_data(hardship: Hardship, d: usize, k: usize, seed: u64) -> Result<(Data, usize), DataError> {
    let mut rng = Streams::new(seed).rng(0);
    let (n, k) = match hardship {
        Hardship::FewRows => (d.max(k), k),
        Hardship::ManyComponents => (9, 8),
        _ => (18, k),
    };
    let mut rows: Vec<Vec<f64>> =
        (0..n).map(|i| (0..d).map(|_| 3.0 * (i % 3) as f64 + rng.random_range(-1.0..1.0)).collect()).collect();
    let last = d - 1;
    match hardship {
        Hardship::Duplicates => (0..n).for_each(|i| rows[i] = rows[i % 5].clone()),
        Hardship::ConstantColumn => rows.iter_mut().for_each(|row| row[last] = 0.1),
        Hardship::Collinear => rows.iter_mut().for_each(|row| row[last] = 2.0 * row[0] - 1.0),
        Hardship::Scale(power) => rows.iter_mut().flatten().for_each(|x| *x *= 10f64.powi(power)),
        Hardship::Scales => rows.iter_mut().for_each(|row| {
            row[0] *= 1e-150;
            row[last] *= 1e90;
        }),
        Hardship::Outlier(power) => rows[0] = vec![10f64.powi(power); d],
        Hardship::FewRows | Hardship::ManyComponents => {}
    }
    Data::from_rows(&rows).map(|data| (data, k))
}

fn structures(data: &Data) -> Vec<Structure> {
    let d = data.d();
    let variances: Vec<f64> = data.standard_deviations().iter().map(|sd| (sd * sd).max(1e-300)).collect();
    let mut full = Symmetric::zeros(Shape::Full, d);
    for (j, variance) in variances.iter().enumerate() {
        full.set_entries(&{
            let mut entries = full.entries().to_vec();
            entries[Shape::Full.index(j, j).unwrap()] = *variance;
            entries
        });
    }
    let known = |shape| Structure::Known(Covariance::new(full.project(shape)).unwrap());
    let of = |shape| [Structure::Free(shape), Structure::Tied(shape), known(shape)];
    Shape::ALL.into_iter().flat_map(of).collect()
}

fn is_finite(estimate: &PointEstimate) -> bool {
    let mixture = &estimate.mixture;
    let numbers = mixture.weights().iter().chain(mixture.means());
    let entries = mixture.covariances().iter().flat_map(|c| c.as_symmetric().entries());
    let criteria = [estimate.criteria.aic, estimate.criteria.bic, estimate.criteria.icl];
    let scalars = [estimate.objective, estimate.ln_likelihood];
    let events = estimate.singularities.iter().flat_map(|event| {
        [event.effective_rows, event.smallest_eigenvalue, event.condition_number].into_iter().flatten()
    });
    numbers.chain(entries).chain(&estimate.trace).chain(&criteria).chain(&scalars).all(|x| x.is_finite())
        && events.into_iter().all(f64::is_finite)
}

/// No condition number is below 1.
fn is_conditioned(estimate: &PointEstimate) -> bool {
    estimate.singularities.iter().filter_map(|event| event.condition_number).all(|condition| condition >= 1.0)
}

/// Fits data in all structures, under all policies and both objectives, and judges what comes out.
fn endure(hardship: Hardship, d: usize, k: usize, seed: u64, size: f64) {
    let (data, k) = match hard_data(hardship, d, k, seed) {
        Ok(found) => found,
        Err(error) => {
            assert!(matches!((hardship, error), (Hardship::Scale(101..), DataError::TooLarge { .. })));
            return;
        }
    };
    // Numbers of the policies in the units of the data.
    let largest = data.standard_deviations().iter().map(|sd| sd * sd).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let number = (size * largest).clamp(1e-300, 1e300);
    for structure in structures(&data) {
        for policy in [
            Singularities::Fail,
            Singularities::ResetComponent,
            Singularities::RemoveComponent,
            Singularities::FloorEigenvalues(number),
            Singularities::Regularise(number),
            Singularities::BoundRatio(1.0 / size),
        ] {
            for objective in [Objective::Likelihood, Objective::Posterior] {
                let flat = || {
                    let weights = Model::dirichlet(vec![1.5; k]).unwrap();
                    let components = gmm_core::ComponentPrior::Flat;
                    Model::new(d, structure.clone(), gmm_core::Prior { weights, components }).unwrap()
                };
                // Where the data do not give a prior: one of the weights alone.
                let model = Model::with_default_prior(k, structure.clone(), &data).unwrap_or_else(|_| flat());
                let acceleration = match policy {
                    Singularities::Regularise(_) => Acceleration::None,
                    _ => [Acceleration::None, Acceleration::Squarem][seed as usize % 2],
                };
                let em = Em { objective, restarts: 2, max_iterations: 100, singularities: policy, ..Em::default() };
                let em = Em { acceleration, ..em };
                let what =
                    || format!("{hardship:?}, {d}, {k}, {seed}, {size:e}: {structure:?}, {policy:?}, {objective:?}");
                let held = matches!(policy, Singularities::FloorEigenvalues(_) | Singularities::Regularise(_));
                match run(&model, &data, &em) {
                    Ok(estimate) => {
                        assert!(is_finite(&estimate) && is_conditioned(&estimate), "{}: {estimate:?}", what());
                        // Densities are as precise as eps times the condition number.
                        let condition = match hardship {
                            Hardship::Outlier(power) => 10f64.powi(2 * power + 1),
                            _ => 10.0 / size,
                        };
                        monotone_but_for(1e-12 + f64::EPSILON * condition, &estimate, &data, policy);
                        for (restart, record) in estimate.restarts.iter().enumerate() {
                            let decreased = matches!(record.outcome, Outcome::Decreased { .. });
                            assert!(!decreased, "{}: {:?}", what(), record.outcome);
                            let end = |event: &&Singularity| {
                                event.restart == restart && matches!(event.action, Action::RestartEnded(_))
                            };
                            let collapsed = usize::from(matches!(record.outcome, Outcome::Collapsed(_)));
                            assert_eq!(estimate.singularities.iter().filter(end).count(), collapsed, "{}", what());
                            assert!(!held || collapsed == 0, "{}: {:?}", what(), record.outcome);
                        }
                        let (least, most) = eigenvalues(&estimate.mixture);
                        let known = matches!(structure, Structure::Known(_));
                        match policy {
                            _ if known => {}
                            Singularities::FloorEigenvalues(min) | Singularities::Regularise(min) => {
                                assert!(least >= min - 1e-13 * most, "{}: {least:e}", what());
                            }
                            Singularities::BoundRatio(ratio) => {
                                assert!(most / ratio <= least * (1.0 + 1e-9) + 1e-13 * most, "{}", what());
                            }
                            _ => {}
                        }
                    }
                    Err(EmError::AllCollapsed { .. }) => assert!(!held, "{}: all collapsed", what()),
                    Err(EmError::ConstantColumn { .. }) => assert!(!policy.acts_in_m_step(), "{}", what()),
                    Err(EmError::FewDistinctRows { .. }) => assert!(!held, "{}", what()),
                    Err(error) => panic!("{}: {error}", what()),
                }
                if policy.acts_in_m_step() {
                    continue;
                }
                let gradient = Gradient {
                    objective,
                    restarts: 1,
                    max_iterations: 40,
                    singularities: policy,
                    ..Gradient::default()
                };
                match fit(&model, &data, &gradient, &Streams::new(2), &|_| {}) {
                    Ok(estimate) => {
                        assert!(is_finite(&estimate) && is_conditioned(&estimate), "{}: {estimate:?}", what())
                    }
                    Err(EmError::AllCollapsed { collapses, .. }) => assert_eq!(collapses.len(), 1),
                    Err(EmError::ConstantColumn { .. } | EmError::FewDistinctRows { .. }) => {}
                    Err(error) => panic!("{}, along gradients: {error}", what()),
                }
            }
        }
    }
}

#[test]
fn hard_data_end_in_a_finite_answer_or_a_typed_error_under_every_policy() {
    let hardship = prop_oneof![
        Just(Hardship::Duplicates),
        Just(Hardship::ConstantColumn),
        Just(Hardship::FewRows),
        Just(Hardship::Collinear),
        prop::sample::select(vec![-150, -100, -20, 20, 60, 99, 150]).prop_map(Hardship::Scale),
        Just(Hardship::Scales),
        prop::sample::select(vec![3, 6, 12, 50]).prop_map(Hardship::Outlier),
        Just(Hardship::ManyComponents),
    ];
    let size = prop::sample::select(vec![1e-2, 1e-4, 1e-6, 1e-10]);
    let cases = (hardship, 1usize..5, 1usize..4, 0u64..1000, size);
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
        .run(&cases, |(hardship, d, k, seed, size)| {
            endure(hardship, d, k, seed, size);
            Ok(())
        })
        .unwrap();
}

/// Each is 108 fits by EM and 54 along gradients.
const CASES: u32 = 100;
