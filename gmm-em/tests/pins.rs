//! Pins of the information criteria and of the eigenvalue rule of collapse, on numbers known beforehand.

#![allow(clippy::unwrap_used)]

use gmm_core::{Covariance, Data, Mixture, Model, Shape, Streams, Structure};
use gmm_em::{Collapse, CollapseReason, CollapseRule, Criteria, Em, EmError, Outcome, PointEstimate, fit};

#[test]
fn the_criteria_of_known_numbers_are_those_worked_out_by_hand() {
    let criteria = Criteria::new(-100.0, -2.0, 5, 50);
    // ln 50 = 3.912023005428146.
    assert_eq!(criteria.aic, 210.0);
    assert!((criteria.bic - 219.560_115_027_140_73).abs() < 1e-10);
    assert!((criteria.icl - 223.560_115_027_140_73).abs() < 1e-10);
}

#[test]
fn icl_of_a_fit_is_bic_less_twice_the_log_of_the_largest_responsibilities() {
    let covariance = Covariance::full(&[[1.0, 0.3], [0.3, 1.0]]).unwrap();
    let truth = Mixture::new(vec![0.6, 0.4], vec![vec![0.0, 0.0], vec![2.0, 2.0]], vec![covariance]).unwrap();
    let mut rng = Streams::new(81).rng(0);
    let mut values = vec![0.0; 600];
    values.chunks_mut(2).for_each(|row| {
        truth.sample(&mut rng, row);
    });
    let data = Data::new(values, 2).unwrap();
    for (structure, n_parameters) in [(Structure::Free(Shape::Full), 11), (Structure::Tied(Shape::Diagonal), 7)] {
        let model = Model::with_default_prior(2, structure, &data).unwrap();
        let em = Em { restarts: 4, ..Em::default() };
        let estimate = fit(&model, &data, &em, &Streams::new(82), &|_| {}).unwrap();
        let (mut ln_likelihood, mut ln_classification) = (0.0, 0.0);
        for row in data.rows() {
            ln_likelihood += estimate.mixture.ln_density(row);
            ln_classification += estimate.mixture.responsibilities(row).into_iter().fold(0.0, f64::max).ln();
        }
        assert!(ln_classification < -10.0, "the clusters overlap: {ln_classification}");
        let aic = -2.0 * ln_likelihood + 2.0 * f64::from(n_parameters);
        let bic = -2.0 * ln_likelihood + f64::from(n_parameters) * 300f64.ln();
        assert!((estimate.criteria.aic - aic).abs() < 1e-8);
        assert!((estimate.criteria.bic - bic).abs() < 1e-8);
        assert!((estimate.criteria.icl - (bic - 2.0 * ln_classification)).abs() < 1e-8);
    }
}

/// Sixty rows in a round cluster, and sixty far from it on a line of the given thickness: symmetric about the line, so
/// that the covariance of its rows is diagonal with the smaller entry `thickness^2`.
fn round_and_thin(thickness: f64) -> Data {
    let round = (0..60).map(|i| {
        let angle = f64::from(i) * std::f64::consts::TAU / 60.0;
        let radius = if i % 2 == 0 { 1.0 } else { 2.0 };
        [10.0 + radius * angle.cos(), 10.0 + radius * angle.sin()]
    });
    let thin = (0..60).map(|i| [f64::from(i / 2) / 15.0, if i % 2 == 0 { thickness } else { -thickness }]);
    Data::from_rows(&round.chain(thin).collect::<Vec<_>>()).unwrap()
}

/// The thickness at which the smallest eigenvalue on scaled data is the given one.
fn thickness_of(eigenvalue: f64) -> f64 {
    round_and_thin(0.0).standard_deviations()[1] * eigenvalue.sqrt()
}

fn fit_two(data: &Data, collapse: CollapseRule) -> Result<PointEstimate, EmError> {
    let model = Model::with_default_prior(2, Structure::Free(Shape::Full), data).unwrap();
    fit(&model, data, &Em { restarts: 8, collapse, ..Em::default() }, &Streams::new(83), &|_| {})
}

fn collapses(result: &Result<PointEstimate, EmError>) -> Vec<Collapse> {
    match result {
        Err(EmError::AllCollapsed { collapses, .. }) => collapses.clone(),
        Err(_) => Vec::new(),
        Ok(estimate) => estimate
            .restarts
            .iter()
            .filter_map(|restart| match &restart.outcome {
                Outcome::Collapsed(collapse) => Some(collapse.clone()),
                _ => None,
            })
            .collect(),
    }
}

/// Whether the estimate is one component of half the rows on each cluster, the thin one of the given eigenvalue.
fn is_the_thin_one(estimate: &PointEstimate, data: &Data, eigenvalue: f64) -> bool {
    let smallest = |k| estimate.mixture.covariance(k).smallest_scaled_eigenvalue(data.standard_deviations());
    (estimate.mixture.weights()[0] - 0.5).abs() < 1e-9
        && (f64::min(smallest(0), smallest(1)) / eigenvalue - 1.0).abs() < 0.01
}

#[test]
fn a_component_of_many_rows_that_is_too_thin_has_collapsed_by_its_eigenvalue() {
    for eigenvalue in [1e-6, 5e-5] {
        let data = round_and_thin(thickness_of(eigenvalue));
        let result = fit_two(&data, CollapseRule::default());
        let by_eigenvalue = collapses(&result).into_iter().any(|collapse| match collapse.reason {
            CollapseReason::Eigenvalue { value, limit } => limit == 1e-4 && (value / eigenvalue - 1.0).abs() < 0.01,
            _ => false,
        });
        assert!(by_eigenvalue, "{eigenvalue}: {result:?}");
        assert!(!result.is_ok_and(|estimate| is_the_thin_one(&estimate, &data, eigenvalue)));
    }
}

#[test]
fn a_thin_component_is_accepted_above_the_limit_and_by_a_lower_limit() {
    let lower = CollapseRule { min_eigenvalue: 1e-9, ..CollapseRule::default() };
    for (eigenvalue, rule) in [(1e-6, lower.clone()), (5e-5, lower), (2e-4, CollapseRule::default())] {
        let data = round_and_thin(thickness_of(eigenvalue));
        let estimate = fit_two(&data, rule).unwrap();
        assert!(matches!(estimate.restarts[estimate.best].outcome, Outcome::Stopped(_)));
        assert!(is_the_thin_one(&estimate, &data, eigenvalue), "{eigenvalue}: {:?}", estimate.mixture);
    }
}
