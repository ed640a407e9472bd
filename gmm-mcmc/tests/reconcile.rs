//! Point estimates beside posterior draws: the regular limit, and the reasons where it is far.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use gmm_core::{
    ComponentPrior, Covariance, Data, InverseWishart, Mixture, Model, NormalInverseWishart, Prior, Shape, Streams,
    Structure, Symmetric,
};
use gmm_em::{CollapseRule, Em, Objective, PointEstimate, StandardErrors, fit, uncertainty};
use gmm_mcmc::reconcile::{
    Optimum, Point, Points, Reason, Reconciled, Sign, Situation, Standing, identifiability, reconcile,
};
use gmm_mcmc::{Draws, Gibbs, MonteCarlo, Quantity, levels, sample};
use gmm_sim::{Sizes, simulate};
use statrs::distribution::{ContinuousCDF, Gamma};

/// Rows of two normal distributions in one dimension.
fn rows(weights: [f64; 2], means: [f64; 2], n: usize, seed: u64) -> (Data, Mixture) {
    let unit = vec![Covariance::isotropic(1, 1.0).unwrap()];
    let truth = Mixture::new(weights.to_vec(), means.map(|mean| vec![mean]).to_vec(), unit).unwrap();
    let sizes = weights.map(|w| (w * n as f64).round() as usize).to_vec();
    (simulate(&truth, &Sizes::Exact(sizes), &mut Streams::new(seed).rng(0)).unwrap().data, truth)
}

fn estimate(model: &Model, data: &Data, objective: Objective) -> PointEstimate {
    let settings = Em { objective, restarts: 4, ..Em::default() };
    let mut estimate = fit(model, data, &settings, &Streams::new(3), &|_| {}).unwrap();
    estimate.mixture = estimate.mixture.permuted(&estimate.mixture.order_by_mean());
    estimate
}

fn quantity(draws: &Draws, name: &str) -> Quantity {
    draws.quantities().into_iter().find(|quantity| quantity.name == name).unwrap()
}

/// All parameters of a model of two components in one dimension, by both objectives and sampled.
fn reconciled(model: &Model, data: &Data, truth: &Mixture, settings: &Gibbs) -> Vec<Reconciled> {
    let [ml, map] = [Objective::Likelihood, Objective::Posterior].map(|objective| estimate(model, data, objective));
    let draws = sample(model, data, settings, std::slice::from_ref(&map.mixture), &Streams::new(4), &|_| {}).unwrap();
    let intervals = [(&ml, Objective::Likelihood), (&map, Objective::Posterior)].map(|(estimate, objective)| {
        let (how, rule) = (StandardErrors::Observed, CollapseRule::default());
        let found = uncertainty(model, data, &estimate.mixture, objective, how, &rule, 0.9, &Streams::new(5));
        found.unwrap().intervals
    });
    let sure = identifiability(data, &map.mixture);
    gmm_em::Parameter::all(model)
        .into_iter()
        .zip(&intervals[0])
        .zip(&intervals[1])
        .map(|((parameter, ml_interval), map_interval)| {
            let component = match parameter {
                gmm_em::Parameter::Weight { component }
                | gmm_em::Parameter::Mean { component, .. }
                | gmm_em::Parameter::Covariance { component, .. } => component,
            };
            let point = |interval: &gmm_em::Interval| {
                Some(Point::with_standard_error(interval.estimate, interval.standard_error))
            };
            let points =
                Points { truth: Some(parameter.value(truth)), ml: point(ml_interval), map: point(map_interval) };
            let situation = Situation {
                chains_disagree: levels(&draws).disagree,
                ml: Standing::of_ml(ml.ln_likelihood, &quantity(&draws, "ln_likelihood")),
                map: Standing::of_map(map.objective, &quantity(&draws, "ln_posterior"), model.n_parameters()),
                identifiability: Some(sure[component]),
            };
            assert_eq!(map_interval.name, parameter.to_string());
            reconcile(&quantity(&draws, &parameter.to_string()), &points, &situation)
        })
        .collect()
}

/// Bernstein & von Mises. What is left is of order 1/n in the ratio and 1/sqrt(n) in the quantile, and largest for a
/// variance of N rows: given these, an inverse gamma distribution of shape a = (nu + N) / 2 and rate b, whose joint mode with the mean is
/// b / (a + 3/2), with the standard error mode / sqrt(a + 3/2). So
///
/// ```text
/// ratio = (a - 1) sqrt(a - 2) / (a + 3/2)^(3/2) ~ 1 - 4.25 / a,   P(v < mode) = P(Gamma(a) > a + 3/2) ~ 1/2 - 0.73 / sqrt(a)
/// ```
#[test]
fn with_many_rows_of_separated_components_points_and_posterior_agree() {
    for (n, draws) in [(500, 2000), (5000, 1000), (50_000, 500)] {
        let (data, truth) = rows([0.4, 0.6], [0.0, 8.0], n, 1);
        let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data).unwrap();
        let settings = Gibbs { chains: 4, warmup: 50, draws, ..Gibbs::default() };
        let found = reconciled(&model, &data, &truth, &settings);
        assert_eq!(found.len(), 6);
        let least = 0.2 * n as f64;
        for parameter in &found {
            let (ml, map) = (parameter.ml.unwrap(), parameter.map.unwrap());
            let what = format!("{n} rows, {parameter}: {ml:?}, {map:?}, skewness {}", parameter.skewness);
            // 72 figures that are all but independent: 4.5 errors, false alarm 5e-4 in all.
            let near = |found: MonteCarlo, expected: f64, bias: f64| {
                assert!((found.value - expected).abs() < 4.5 * found.mcse + bias, "{what}: {found}, not {expected}");
                assert!(found.mcse < 0.02, "{what}: {found}");
            };
            for point in [ml, map] {
                near(point.ratio.unwrap(), 1.0, 5.0 / least);
                near(point.below, 0.5, 0.75 / least.sqrt());
            }
            let weight = match parameter.posterior.name.as_str() {
                "covariances[0,0,0]" => 0.4,
                "covariances[1,0,0]" => 0.6,
                _ => 0.0,
            };
            if weight > 0.0 {
                let a = 0.5 * (3.0 + weight * n as f64);
                near(map.ratio.unwrap(), (a - 1.0) * (a - 2.0).sqrt() / (a + 1.5).powf(1.5), 0.0);
                near(map.below, 1.0 - Gamma::new(a, 1.0).unwrap().cdf(a + 1.5), 0.0);
            }
            assert_eq!(parameter.reason, Reason::Agree, "{what}");
            // 18 parameters, half of them independent: false alarm 1e-3.
            assert!(parameter.truth.unwrap().distance.abs() < 4.0, "{what}");
        }
    }
}

/// A prior that draws means towards 5 with the weight of ten rows each.
fn pulling(structure: Structure, covariance: Option<InverseWishart>) -> Model {
    let components = NormalInverseWishart::new(vec![5.0], 10.0, covariance).unwrap();
    let weights = Model::dirichlet(vec![1.0, 1.0]).unwrap();
    Model::new(1, structure, Prior { weights, components: ComponentPrior::Conjugate(components) }).unwrap()
}

#[test]
fn a_strong_prior_is_said_to_pull() {
    let (data, truth) = rows([0.5, 0.5], [0.0, 10.0], 40, 2);
    let model = pulling(Structure::Known(Covariance::isotropic(1, 1.0).unwrap()), None);
    let found = reconciled(&model, &data, &truth, &Gibbs { chains: 2, draws: 2000, ..Gibbs::default() });
    assert_eq!(found.len(), 4);
    for parameter in &found {
        let (ml, map) = (parameter.ml.unwrap(), parameter.map.unwrap());
        let what = format!("{parameter}: {ml:?}, {map:?}");
        // From a mean of 20 rows a third of the way to 5; the posterior variance is 1 / 30.
        let by = |ml: f64| (5.0 - ml) / 3.0 * 30f64.sqrt();
        match parameter.posterior.name.as_str() {
            "weights[0]" | "weights[1]" => assert_eq!(parameter.reason, Reason::Agree, "{what}"),
            _ => {
                let Reason::PriorPull { by: found } = parameter.reason else { unreachable!("{what}") };
                assert!((found / by(ml.value) - 1.0).abs() < 0.05, "{what}");
                // The standard error of ML is sqrt(1 / 20), that of MAP sqrt(1 / 30).
                let widths = parameter.further.as_slice();
                let ratio = 1.5f64.sqrt();
                assert!(
                    matches!(widths, [Reason::PriorWidth { ml, map }]
                        if (ml / map / ratio - 1.0).abs() < 1e-4 && (map - 1.0).abs() < 0.05),
                    "{what}"
                );
                assert!(map.distance.abs() < 0.1, "{what}");
            }
        }
    }
}

/// The same prior where variances are learned: one wide component about 5 is more probable than two that are drawn away from
/// their rows, and EM climbs to the two.
#[test]
fn an_optimum_below_the_draws_is_said_to_lie_in_another_mode() {
    let (data, truth) = rows([0.5, 0.5], [0.0, 10.0], 40, 2);
    let covariance = InverseWishart::new(3.0, Symmetric::isotropic(1, 1.0).unwrap()).unwrap();
    let model = pulling(Structure::Free(Shape::Isotropic), Some(covariance));
    let found = reconciled(&model, &data, &truth, &Gibbs { chains: 2, draws: 1000, ..Gibbs::default() });
    for parameter in &found {
        assert!(matches!(parameter.reason, Reason::AnotherMode(_)), "{parameter}");
        assert!(parameter.to_string().contains("mode") || parameter.to_string().contains("chains"), "{parameter}");
    }
}

#[test]
fn few_rows_of_overlapping_components_are_said_to_overlap() {
    let (data, truth) = rows([0.5, 0.5], [0.0, 2.2], 120, 4);
    let model = Model::with_default_prior(2, Structure::Tied(Shape::Full), &data).unwrap();
    let found = reconciled(&model, &data, &truth, &Gibbs { chains: 2, draws: 2000, ..Gibbs::default() });
    for parameter in &found {
        let what = format!("{parameter}: {:?}, {:?}", parameter.ml, parameter.map);
        let said = |reason: &Reason| matches!(reason, Reason::Overlap { .. } | Reason::Skewness { .. });
        assert!(parameter.reasons().any(said), "{what}");
        assert_ne!(parameter.reason, Reason::Agree, "{what}");
    }
}

/// One variance of few rows: an inverse gamma distribution, of which all is known.
#[test]
fn a_variance_of_few_rows_is_said_to_be_skewed() {
    let data = Data::new((0..12).map(f64::from).collect(), 1).unwrap();
    let model = Model::with_default_prior(1, Structure::Free(Shape::Full), &data).unwrap();
    let settings = Gibbs { chains: 2, warmup: 10, draws: 4000, ..Gibbs::default() };
    let draws = sample(&model, &data, &settings, &[], &Streams::new(1), &|_| {}).unwrap();
    let map = estimate(&model, &data, Objective::Posterior).mixture.covariance(0).as_symmetric().get(0, 0);
    let points = Points { map: Some(Point::new(map)), ..Points::default() };
    let found = reconcile(&quantity(&draws, "covariances[0,0,0]"), &points, &Situation::default());
    assert!(matches!(found.reason, Reason::Skewness { skewness } if skewness > 1.0), "{found}");
    assert!(found.further.is_empty());
    // Shape (3 + 12) / 2 = 7.5, joint mode at rate / 9: P(v < mode) = P(Gamma(7.5) > 9) = 0.2521.
    let below = found.map.unwrap().below;
    assert!((below.value - 0.2521).abs() < 4.5 * below.mcse && below.mcse < 0.01, "{below}");
    // With one component all weights are 1.
    let points = |at: f64| Points { ml: Some(Point::with_standard_error(at, 0.0)), ..Points::default() };
    let weights = quantity(&draws, "weights[0]");
    let found = reconcile(&weights, &points(1.0), &Situation::default());
    assert_eq!((found.reason, found.ml.unwrap().below.value), (Reason::Agree, 0.5));
    assert!(found.ml.unwrap().ratio.is_none() && found.skewness.is_nan());
    assert_eq!(reconcile(&weights, &points(0.5), &Situation::default()).reason, Reason::NoSpread);
}

/// Draws of a symmetric distribution of standard deviation 0.2890 about 1/2, hardly correlated.
fn uniform() -> Quantity {
    let chain = |start: u32| (0..1009).map(|i| f64::from((i + start) * 7919 % 1009) / 1008.0).collect();
    Quantity { name: "means[1,0]".to_owned(), values: vec![chain(1), chain(500)] }
}

#[test]
fn each_rule_holds_up_to_its_threshold() {
    let sd = 0.2890;
    let at = |z: f64| Some(Point::new(0.5 + z * sd));
    let reason = |ml, map, situation| reconcile(&uniform(), &Points { truth: None, ml, map }, &situation).reason;
    let plain = Situation::default();
    assert_eq!(reason(at(-0.24), at(0.24), plain), Reason::Agree);
    assert!(matches!(reason(at(-0.26), at(0.0), plain), Reason::PriorPull { by } if (by - 0.26).abs() < 0.01));
    assert!(
        matches!(reason(at(0.9), at(0.8), plain), Reason::Unexplained { distance, ratio: None } if distance > 0.89)
    );
    assert!(matches!(reason(None, at(0.3), plain), Reason::Unexplained { .. }));
    // Uniform draws have no tails beyond 1.73 sd.
    let tail = |of| move |reason| matches!(reason, Reason::AnotherMode(Sign::Tail { of: found, .. }) if found == of);
    assert!(tail(Optimum::Map)(reason(at(0.0), at(1.8), plain)));
    assert!(tail(Optimum::Ml)(reason(at(-1.8), None, plain)));
    assert!(matches!(reason(at(-1.8), at(0.0), plain), Reason::PriorPull { by } if by > 1.7));
    assert!(!tail(Optimum::Map)(reason(None, at(1.7), plain)));

    let with_errors = |ml: f64, map: f64| {
        let [ml, map] = [ml, map].map(|error| Some(Point::with_standard_error(0.5, error * sd)));
        reason(ml, map, plain)
    };
    assert_eq!(with_errors(1.08, 0.92), Reason::Agree);
    assert!(matches!(with_errors(1.3, 1.0), Reason::PriorWidth { ml, map } if ml > 1.25 && map < 1.05));
    assert!(matches!(with_errors(1.3, 1.2), Reason::Unexplained { ratio: Some(ratio), .. } if ratio > 1.25));
    assert_eq!(with_errors(f64::NAN, -1.0), Reason::Agree);

    let overlap = |identifiability| Situation { identifiability: Some(identifiability), ..plain };
    assert!(matches!(reason(at(0.0), at(0.3), overlap(0.89)), Reason::Overlap { .. }));
    assert!(matches!(reason(at(0.0), at(0.3), overlap(0.91)), Reason::PriorPull { .. }));
    assert_eq!(reason(at(0.0), at(0.1), overlap(0.5)), Reason::Agree);
}

#[test]
fn signs_of_another_mode_come_before_all_else_and_reasons_in_their_order() {
    let agree = Points { truth: Some(0.1), ml: Some(Point::new(0.5)), map: Some(Point::new(0.51)) };
    let sign = |points: &Points, situation: Situation| match reconcile(&uniform(), points, &situation).reason {
        Reason::AnotherMode(sign) => Some(sign),
        _ => None,
    };
    let (plain, higher) = (Situation::default(), Some(Standing::Higher { by: 30.0 }));
    assert_eq!(sign(&agree, plain), None);
    assert_eq!(sign(&agree, Situation { chains_disagree: true, map: higher, ..plain }), Some(Sign::Levels));
    let (of, standing) = (Optimum::Map, Standing::Higher { by: 30.0 });
    assert_eq!(sign(&agree, Situation { map: higher, ..plain }), Some(Sign::Objective { of, standing }));
    let (of, standing) = (Optimum::Ml, Standing::Lower { by: 2.0 });
    assert_eq!(sign(&agree, Situation { ml: Some(standing), ..plain }), Some(Sign::Objective { of, standing }));
    // A standing of a fit that there is not says nothing.
    assert_eq!(sign(&Points { map: None, ..agree }, Situation { map: higher, ..plain }), None);

    let mut apart = uniform();
    apart.values[1].iter_mut().for_each(|x| *x += 0.5);
    let found = reconcile(&apart, &agree, &plain);
    assert!(matches!(found.reason, Reason::AnotherMode(Sign::RHat { r_hat }) if r_hat > 1.1), "{found}");

    let points = Points { truth: None, ml: Some(Point::new(-0.3)), map: Some(Point::new(1.2)) };
    let found = reconcile(&uniform(), &points, &Situation { identifiability: Some(0.6), ..plain });
    let words = found.to_string();
    let expected = [
        "means[1,0]: MAP lies outside the draws, +2.4 posterior sd from their mean: in another mode; ",
        "the component overlaps with others (rows are its own with probability 0.60)",
        "; the prior moves the optimum by +5.19 posterior sd, from ML to MAP",
    ];
    let places: Vec<Option<usize>> = expected.iter().map(|part| words.find(part)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{words}");
}

#[test]
fn what_is_not_finite_or_missing_gives_no_reason_of_its_own() {
    let plain = Situation::default();
    let nowhere = Points { truth: Some(0.2), ml: Some(Point::new(f64::NAN)), map: None };
    let found = reconcile(&uniform(), &nowhere, &plain);
    assert_eq!(found.reason, Reason::NoPoint);
    assert!(found.ml.unwrap().below.value.is_nan() && (found.truth.unwrap().below.value - 0.2).abs() < 0.01);
    let map = Points { map: Some(Point::new(0.5)), ..nowhere };
    assert_eq!(reconcile(&uniform(), &map, &plain).reason, Reason::Agree);
    for values in [vec![], vec![vec![]], vec![vec![1.0]], vec![vec![1.0, f64::NAN, 2.0]], vec![vec![f64::INFINITY; 20]]]
    {
        let found = reconcile(&Quantity { name: "x".into(), values }, &map, &plain);
        assert_eq!(found.reason, Reason::NoSpread, "{found:?}");
        assert!(found.map.unwrap().ratio.is_none());
    }
}
