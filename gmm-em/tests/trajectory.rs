//! The mixtures that an estimate came along are those of its climb.
#![allow(clippy::unwrap_used, clippy::panic)]

use gmm_core::{Data, Mixture, Model, Prior, Seeding, Shape, Streams, Structure, Workspace, seed_mixture};
use gmm_em::{
    Acceleration, Adam, Ascent, Em, Frame, Gradient, NoTrajectory, Objective, Optimizer, PointEstimate, Singularities,
    Starts, Stepwise, climb, fit, trajectory,
};
use reference::{Family, data, flat_model, table};

/// The objective of a mixture, from its definition.
fn objective(model: &Model, data: &Data, objective: Objective, mixture: &Mixture) -> f64 {
    let ln_likelihood: f64 = data.rows().map(|row| mixture.ln_density(row)).sum();
    match objective {
        Objective::Likelihood => ln_likelihood,
        Objective::Posterior => ln_likelihood + model.ln_prior(mixture),
    }
}

fn faithful(k: usize) -> (Model, Data) {
    let data = data(&table("faithful").rows);
    (Model::with_default_prior(k, Structure::Free(Shape::Full), &data).unwrap(), data)
}

/// Fits, and takes the trajectory with room for all records and with room for some.
fn check<A: Ascent>(model: &Model, data: &Data, settings: &A, seed: u64) -> (PointEstimate, Vec<Frame>) {
    let streams = Streams::new(seed);
    let estimate = fit(model, data, settings, &streams, &|_| {}).unwrap();
    let all = trajectory(model, data, settings, &streams, &estimate, usize::MAX).unwrap();
    assert_eq!(all.len(), estimate.trace.len());
    for (frame, value) in all.iter().zip(&estimate.trace) {
        assert!((frame.objective - value).abs() <= 1e-9 * value.abs(), "{frame:?}: {value}");
        // Of a part with more components than were left, the model is another.
        if frame.mixture.k() == model.k() {
            let found = objective(model, data, settings.plan().objective, &frame.mixture);
            assert!((found - value).abs() <= 1e-9 * value.abs(), "{found} where the record has {value}");
        }
    }
    let last = &all[all.len() - 1];
    assert_eq!(
        (&last.mixture, last.objective, last.iteration),
        (&estimate.mixture, estimate.objective, estimate.iterations)
    );
    assert_eq!(last.part + 1, estimate.parts.len());
    for (part, first) in estimate.parts.iter().enumerate() {
        assert_eq!(all[*first].part, part);
        if part > 0 {
            assert_eq!((all[first - 1].part, all[first - 1].iteration), (part - 1, all[*first].iteration));
        }
    }
    for most in [0, 1, 2, 7, 50] {
        let some = trajectory(model, data, settings, &streams, &estimate, most).unwrap();
        assert!(some.len() <= most && some.len() >= most.min(all.len()) / 2, "{} of {most}", some.len());
        assert!(some.iter().all(|frame| all.contains(frame)));
        assert!(some.windows(2).all(|pair| (pair[0].part, pair[0].iteration) < (pair[1].part, pair[1].iteration)));
        if let Some(end) = some.last() {
            assert_eq!(end, last);
        }
    }
    (estimate, all)
}

#[test]
fn each_method_is_followed_to_its_estimate_bit_for_bit() {
    let (model, data) = faithful(3);
    for objective in [Objective::Likelihood, Objective::Posterior] {
        let em = Em { objective, restarts: 4, ..Em::default() };
        let (_, frames) = check(&model, &data, &em, 1);
        assert!(frames.iter().enumerate().all(|(i, frame)| frame.part > 0 || frame.iteration == i));
        check(&model, &data, &Em { acceleration: Acceleration::Squarem, ..em }, 1);
        let stepwise = Stepwise { objective, restarts: 3, block: 50, ..Stepwise::default() };
        check(&model, &data, &stepwise, 2);
        check(&model, &data, &Gradient { objective, restarts: 3, ..Gradient::default() }, 3);
    }
    let optimizer = Optimizer::Adam(Adam::default());
    let adam =
        Gradient { objective: Objective::Posterior, optimizer, batch: Some(100), log_every: 7, ..Gradient::default() };
    check(&model, &data, &Gradient { max_iterations: 300, restarts: 2, ..adam }, 4);
}

/// Each frame against a climb from the same start that is stopped there.
#[test]
fn frames_of_em_are_the_ends_of_shorter_climbs() {
    let (model, data) = faithful(2);
    let em = Em { objective: Objective::Posterior, restarts: 1, ..Em::default() };
    let (_, frames) = check(&model, &data, &em, 8);
    let start = seed_mixture(&model, &data, Seeding::KMeansPlusPlus, &mut Streams::new(8).rng(0)).unwrap();
    assert_eq!(frames[0].mixture, start);
    for frame in &frames[1..frames.len() - 1] {
        let short = Em { max_iterations: frame.iteration, ..em.clone() };
        let end = climb(&model, &data, start.clone(), &short, &mut Workspace::new(), |_, _| {});
        assert_eq!(end.mixture, frame.mixture);
    }
}

#[test]
fn components_are_followed_through_resets_and_removals() {
    let rows = data(&table("galaxies").rows);
    let model = flat_model(Family::Full, None, 5, 1, 1.0);
    let (mut parts, mut removals) = (0, 0);
    for singularities in [Singularities::RemoveComponent, Singularities::ResetComponent] {
        for seed in 0..12 {
            let em = Em { restarts: 1, singularities, ..Em::default() };
            if fit(&model, &rows, &em, &Streams::new(seed), &|_| {}).is_err() {
                continue;
            }
            let (estimate, frames) = check(&model, &rows, &em, seed);
            parts += estimate.parts.len() - 1;
            for first in &estimate.parts[1..] {
                let (before, after) = (&frames[first - 1].mixture, &frames[*first].mixture);
                removals += before.k() - after.k();
                // All but the component that was put elsewhere, or those split, stay where they are and in their places.
                let stay = (0..after.k()).filter(|j| before.mean(*j) == after.mean(*j)).count();
                assert!(stay + 2 >= after.k(), "{before:?} {after:?}");
                if before.k() > after.k() {
                    assert_eq!(stay, after.k());
                }
            }
        }
    }
    assert!(parts > 3 && removals > 0, "{parts} parts, {removals} removals");
}

/// Under unequal concentrations another numbering may be better; then the climb goes on from there.
#[test]
fn components_are_followed_into_another_numbering() {
    let (model, data) = faithful(2);
    let prior = Prior { weights: Model::dirichlet(vec![1.0, 4.0]).unwrap(), ..model.prior().clone() };
    let model = Model::new(2, Structure::Free(Shape::Full), prior).unwrap();
    let em = Em { objective: Objective::Posterior, restarts: 1, ..Em::default() };
    let found = fit(&model, &data, &em, &Streams::new(1), &|_| {}).unwrap();
    // The larger weight on the smaller concentration.
    let em = Em { starts: Starts::Given(found.mixture.permuted(&[1, 0])), ..em };
    let streams = Streams::new(1);
    let estimate = fit(&model, &data, &em, &streams, &|_| {}).unwrap();
    assert_eq!(estimate.parts.len(), 2);
    let frames = trajectory(&model, &data, &em, &streams, &estimate, 1000).unwrap();
    assert_eq!(frames[frames.len() - 1].mixture, estimate.mixture);
    let (before, after) = (&frames[estimate.parts[1] - 1].mixture, &frames[estimate.parts[1]].mixture);
    assert_eq!((before.means(), before.covariances()), (after.means(), after.covariances()));
    assert!(
        frames.iter().all(|frame| frame.mixture.mean(0)[0] > frame.mixture.mean(1)[0])
            || frames.iter().all(|frame| frame.mixture.mean(0)[0] < frame.mixture.mean(1)[0])
    );
}

#[test]
fn the_trajectory_of_another_fit_is_refused() {
    let (model, data) = faithful(2);
    let em = Em { objective: Objective::Posterior, restarts: 2, ..Em::default() };
    let estimate = fit(&model, &data, &em, &Streams::new(1), &|_| {}).unwrap();
    let other = trajectory(&model, &data, &em, &Streams::new(2), &estimate, 10);
    assert!(matches!(other, Err(NoTrajectory::Another { .. })), "{other:?}");
    let wrong = trajectory(&model, &data, &Em { restarts: 0, ..em }, &Streams::new(1), &estimate, 10);
    assert!(matches!(wrong, Err(NoTrajectory::Climb(_))), "{wrong:?}");
}
