//! Singularities, hopeless data and settings out of range.
#![allow(clippy::unwrap_used)]

use gmm_core::{Data, Model, Shape, Streams, Structure};
use gmm_em::{CollapseReason, CollapseRule, Em, EmError, Objective, Outcome, fit};
use reference::{Family, data, flat_model, table};

fn likelihood(model: &Model, data: &Data, em: &Em) -> Result<gmm_em::PointEstimate, EmError> {
    fit(model, data, em, &Streams::new(1), &|_| {})
}

#[test]
fn restarts_that_collapsed_are_recorded_and_are_not_the_best() {
    let rows = data(&table("galaxies").rows);
    let model = flat_model(Family::Full, None, 5, 1, 1.0);
    let estimate = likelihood(&model, &rows, &Em { restarts: 60, ..Em::default() }).unwrap();
    let collapsed: Vec<_> = estimate.restarts.iter().filter(|r| matches!(r.outcome, Outcome::Collapsed(_))).collect();
    assert!(!collapsed.is_empty() && collapsed.len() < 60, "{} of 60 collapsed", collapsed.len());
    assert!(matches!(estimate.restarts[estimate.best].outcome, Outcome::Stopped(_)));
    assert!(collapsed.iter().any(|r| r.objective > estimate.objective), "no collapsed climb was higher");
}

#[test]
fn when_all_restarts_collapse_the_error_says_what_to_do() {
    // Two points, each many times, and one row between that belongs to either.
    let data = Data::from_rows(&[[0.0], [0.0], [0.0], [0.0], [5.0], [5.0], [5.0], [5.0], [4.9]]).unwrap();
    let error = likelihood(&flat_model(Family::Full, None, 2, 1, 1.0), &data, &Em::default()).unwrap_err();
    let EmError::AllCollapsed { collapses, .. } = &error else { panic!("{error}") };
    assert_eq!(collapses.len(), 20);
    let message = error.to_string();
    for advice in ["prior", "tie", "fewer components"] {
        assert!(message.contains(advice), "{message}");
    }
    // With a prior the same data have an answer.
    let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data).unwrap();
    let map = Em { objective: Objective::Posterior, ..Em::default() };
    let estimate = fit(&model, &data, &map, &Streams::new(1), &|_| {}).unwrap();
    assert!((estimate.mixture.weights().iter().copied().fold(0.0, f64::max) - 5.0 / 9.0).abs() < 1e-3);
}

#[test]
fn the_rule_can_be_set() {
    let rows = data(&table("galaxies").rows);
    let model = flat_model(Family::Full, None, 3, 1, 1.0);
    let usual = likelihood(&model, &rows, &Em { restarts: 60, ..Em::default() }).unwrap();
    assert!((usual.ln_likelihood + 203.179_227_965).abs() < 1e-6);
    // The best maximum rests on 2.99985 rows: a rule that asks for 4 refuses it.
    let strict = CollapseRule { min_rows: Some(4.0), ..CollapseRule::default() };
    let other = likelihood(&model, &rows, &Em { restarts: 60, collapse: strict, ..Em::default() }).unwrap();
    assert!(other.ln_likelihood < usual.ln_likelihood - 1.0);
    let refused = other.restarts.iter().any(|r| match &r.outcome {
        Outcome::Collapsed(c) => matches!(c.reason, CollapseReason::EffectiveRows { limit, .. } if limit == 4.0),
        Outcome::Stopped(_) | Outcome::Decreased { .. } => false,
    });
    assert!(refused);
}

#[test]
fn data_without_a_maximum_and_settings_out_of_range_are_refused() {
    let data = Data::from_rows(&[[1.0, 3.0], [2.0, 3.0], [4.0, 3.0], [5.0, 3.0]]).unwrap();
    let full = flat_model(Family::Full, None, 1, 2, 1.0);
    assert_eq!(likelihood(&full, &data, &Em::default()), Err(EmError::ConstantColumn { column: 1 }));
    // One variance for both columns has a maximum all the same.
    let isotropic = flat_model(Family::Iso, None, 1, 2, 1.0);
    let estimate = likelihood(&isotropic, &data, &Em::default()).unwrap();
    assert!((estimate.mixture.covariance(0).as_symmetric().get(0, 0) - 2.5 / 2.0).abs() < 1e-12);

    let twice = Data::from_rows(&[[0.0], [0.0], [5.0], [5.0]]).unwrap();
    let two = flat_model(Family::Tied, None, 2, 1, 1.0);
    assert_eq!(likelihood(&two, &twice, &Em::default()), Err(EmError::FewDistinctRows { distinct: 2, k: 2 }));
    let model = flat_model(Family::Iso, None, 5, 2, 1.0);
    assert!(matches!(likelihood(&model, &data, &Em::default()), Err(EmError::Seeding(_))));
    let sparse = flat_model(Family::Iso, None, 2, 2, 0.5);
    let map = Em { objective: Objective::Posterior, ..Em::default() };
    let error = likelihood(&sparse, &data, &map);
    assert_eq!(error, Err(EmError::Concentration { component: 0, value: 0.5 }));
    for (name, em) in [
        ("restarts", Em { restarts: 0, ..Em::default() }),
        ("max_iterations", Em { max_iterations: 0, ..Em::default() }),
        ("tolerance", Em { tolerance: f64::NAN, ..Em::default() }),
    ] {
        let error = likelihood(&isotropic, &data, &em);
        assert!(matches!(error, Err(EmError::Setting { name: found, .. }) if found == name), "{name}");
    }
}

#[test]
fn out_of_iterations_is_a_stop_with_an_estimate() {
    let rows = data(&table("faithful").rows);
    let model = flat_model(Family::Full, None, 2, 2, 1.0);
    let estimate = likelihood(&model, &rows, &Em { max_iterations: 3, ..Em::default() }).unwrap();
    assert_eq!(estimate.stop, gmm_em::Stop::MaxIterations);
    assert_eq!(estimate.trace.len(), 4);
}

/// Outliers make covariances with condition numbers of 1e10 and more: rounding then moves the objective.
#[test]
fn an_outlier_does_not_stop_the_fit() {
    for far in [1e5, 1e6, 1e7] {
        let mut rows: Vec<[f64; 2]> = (0..200)
            .map(|i| [f64::from(i * 37 % 101) * 0.03 + f64::from(i % 2) * 8.0, f64::from(i * 53 % 97) * 0.03])
            .collect();
        rows.push([far, far]);
        let data = Data::from_rows(&rows).unwrap();
        for structure in [Structure::Free(Shape::Full), Structure::Tied(Shape::Full)] {
            let model = Model::with_default_prior(3, structure, &data).unwrap();
            let map = Em { objective: Objective::Posterior, ..Em::default() };
            let estimate = fit(&model, &data, &map, &Streams::new(1), &|_| {});
            assert!(estimate.is_ok(), "{far:e}: {}", estimate.unwrap_err());
        }
    }
}
