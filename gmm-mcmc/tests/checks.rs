//! Posterior predictive checks against closed forms, and what they flag and do not.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use gmm_core::{
    ComponentPrior, Covariance, Data, Mixture, Model, NormalInverseWishart, Prior, Shape, Streams, Structure,
};
use gmm_mcmc::predictive::{Check, CheckError, Checks, Statistic, predictive_checks};
use gmm_mcmc::{Draws, Gibbs, sample};
use gmm_sim::{Sizes, simulate};
use rand::RngExt;
use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};

const COLUMN: usize = 0;

fn draws(model: &Model, data: &Data, n_draws: usize, seed: u64) -> Draws {
    let settings = Gibbs { chains: 2, warmup: 100, draws: n_draws, ..Gibbs::default() };
    sample(model, data, &settings, &[], &Streams::new(seed), &|_| {}).unwrap()
}

fn of(checks: &[Check], statistic: Statistic) -> &Check {
    checks.iter().find(|check| check.statistic == statistic).unwrap()
}

/// The usual checks of a model with the default prior of k components.
fn usual(data: &Data, k: usize, replicates: usize) -> Vec<Check> {
    let model = Model::with_default_prior(k, Structure::Free(Shape::Full), data).unwrap();
    let settings = Checks { replicates, ..Checks::usual(data.d()) };
    predictive_checks(&draws(&model, data, 500, 11), data, &settings, &Streams::new(12)).unwrap()
}

/// One component of known variance v: `mu | x ~ N(m, v / (kappa + n))`, and the distributions of the statistics of n
/// replicated rows are known given mu.
#[test]
fn one_component_of_known_variance_has_its_predictive_probabilities_in_closed_form() {
    let (n, v, kappa, prior_mean) = (20, 2.0, 5.0, 1.5);
    let mut rng = Streams::new(5).rng(0);
    let values: Vec<f64> = (0..n).map(|_| 3.0 * (rng.random::<f64>() + rng.random::<f64>() - 1.0)).collect();
    let data = Data::new(values.clone(), 1).unwrap();
    let components = ComponentPrior::Conjugate(NormalInverseWishart::new(vec![prior_mean], kappa, None).unwrap());
    let prior = Prior { weights: Model::dirichlet(vec![1.0]).unwrap(), components };
    let known = Structure::Known(Covariance::isotropic(1, v).unwrap());
    let draws = draws(&Model::new(1, known, prior).unwrap(), &data, 8000, 1);
    let settings = Checks { replicates: usize::MAX, ..Checks::usual(1) };
    let checks = predictive_checks(&draws, &data, &settings, &Streams::new(2)).unwrap();

    let rows = n as f64;
    let mean = data.means()[0];
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    let largest = values.iter().copied().fold(f64::MIN, f64::max);
    let (centre, sd) = ((kappa * prior_mean + rows * mean) / (kappa + rows), (v / (kappa + rows)).sqrt());
    let (normal, chi_squared) = (Normal::standard(), |dof: f64| ChiSquared::new(dof).unwrap());
    // The mean of a function of mu over its posterior, by the midpoint rule.
    let over_mu = |f: &dyn Fn(f64) -> f64| -> f64 {
        (0..4000).map(|i| f(centre + sd * normal.inverse_cdf((f64::from(i) + 0.5) / 4000.0))).sum::<f64>() / 4000.0
    };
    let sd_of_means = (v / (kappa + rows) + v / rows).sqrt();
    let expected = [
        (Statistic::Mean { column: COLUMN }, 1.0 - normal.cdf((mean - centre) / sd_of_means)),
        (Statistic::Sd { column: COLUMN }, 1.0 - chi_squared(rows - 1.0).cdf(squares / v)),
        (Statistic::Maximum { column: COLUMN }, 1.0 - over_mu(&|mu| normal.cdf((largest - mu) / v.sqrt()).powi(n))),
        (
            // A higher density is a smaller sum of squares.
            Statistic::MeanLnDensity,
            over_mu(&|mu| chi_squared(rows).cdf((squares + rows * (mean - mu).powi(2)) / v)),
        ),
    ];
    let all = 16_000.0f64;
    for (statistic, upper) in expected {
        let check = of(&checks, statistic);
        // Draws are independent: the error is binomial. 4.5 of it, false alarm 7e-6 each.
        let error = (upper * (1.0 - upper) / all).sqrt();
        assert!((check.upper.value - upper).abs() < 4.5 * error, "{statistic}: {} where {upper}", check.upper);
        assert!((check.upper.mcse / error - 1.0).abs() < 0.25, "{statistic}: {} where {error}", check.upper);
        assert!((check.upper.value + check.lower.value - 1.0).abs() < 1e-12);
        assert_eq!(check.two_sided.value, 2.0 * check.upper.value.min(check.lower.value));
        assert!((0.02..0.98).contains(&upper), "{statistic}: {upper} shows nothing");
    }
    let replicated = of(&checks, Statistic::Mean { column: COLUMN }).replicated;
    // The error of a quantile is sqrt(p (1 - p) / S) / density: 0.0167 sd at 5 %, 0.0099 sd at the median.
    for (found, z, error) in
        [(replicated.q5, -1.6449, 0.0167), (replicated.q50, 0.0, 0.0099), (replicated.q95, 1.6449, 0.0167)]
    {
        assert!((found - centre - z * sd_of_means).abs() < 4.5 * error * sd_of_means, "{replicated:?}");
    }
    let observed = of(&checks, Statistic::Mean { column: COLUMN }).observed;
    assert_eq!((observed.q5, observed.q50, observed.q95), (mean, mean, mean));
    let observed = of(&checks, Statistic::MeanLnDensity).observed;
    assert!(observed.q5 < observed.q50 && observed.q50 < observed.q95);
}

#[test]
fn an_outlier_is_flagged_by_the_extremes_and_by_the_lowest_density_not_by_what_is_fitted() {
    let mut rng = Streams::new(6).rng(0);
    let mut values: Vec<f64> = (0..200).map(|_| (0..4).map(|_| rng.random::<f64>()).sum()).collect();
    // One of 100 rows of two columns.
    values[30] = 9.0;
    let checks = usual(&Data::new(values, 2).unwrap(), 1, 1000);
    for statistic in [Statistic::Maximum { column: 0 }, Statistic::Kurtosis { column: 0 }] {
        let check = of(&checks, statistic);
        assert!(check.is_extreme(0.01) && check.upper.value < 0.005, "{check:?}");
    }
    let lowest = of(&checks, Statistic::LowestLnDensity);
    assert!(lowest.is_extreme(0.01) && lowest.upper.value > 0.995, "{lowest:?}");
    for statistic in [Statistic::Mean { column: 0 }, Statistic::Sd { column: 1 }, Statistic::Maximum { column: 1 }] {
        assert!(!of(&checks, statistic).is_extreme(0.2), "{:?}", of(&checks, statistic));
    }
}

#[test]
fn skewness_is_flagged_under_one_component_and_reproduced_by_three() {
    let mut rng = Streams::new(7).rng(0);
    let values: Vec<f64> = (0..300).map(|_| -(1.0 - rng.random::<f64>()).ln()).collect();
    let data = Data::new(values, 1).unwrap();
    let skewness = Statistic::Skewness { column: COLUMN };
    let (one, three) = (usual(&data, 1, 1000), usual(&data, 3, 1000));
    assert!(of(&one, skewness).is_extreme(0.01) && of(&one, skewness).upper.value == 0.0);
    assert!(of(&one, Statistic::Minimum { column: COLUMN }).is_extreme(0.01));
    assert!(of(&three, skewness).two_sided.value > 0.05, "{:?}", of(&three, skewness));
    // A normal distribution has the mean and variance of any data, and so says nothing of them.
    for statistic in [Statistic::Mean { column: COLUMN }, Statistic::Sd { column: COLUMN }] {
        assert!(of(&one, statistic).two_sided.value > 0.8, "{:?}", of(&one, statistic));
    }
}

/// Over three tables 51 probabilities, of which at most 2 % each would be below 0.01 if they were as far from uniform as they
/// can be: far fewer are, being conservative.
#[test]
fn data_from_the_model_have_no_extreme_probabilities() {
    let covariances =
        vec![Covariance::full(&[[1.0, 0.6], [0.6, 1.0]]).unwrap(), Covariance::diagonal(vec![0.5, 2.0]).unwrap()];
    let mixture = Mixture::new(vec![0.3, 0.7], vec![vec![0.0, 0.0], vec![3.0, 1.0]], covariances).unwrap();
    let mut central = 0;
    for seed in 0..3 {
        let simulation = simulate(&mixture, &Sizes::Total(150), &mut Streams::new(seed).rng(0)).unwrap();
        let checks = usual(&simulation.data, 2, 400);
        assert_eq!(checks.len(), 17);
        for check in &checks {
            assert!(check.two_sided.value > 0.01, "{}: {}", check.statistic, check.two_sided);
            central += usize::from((0.25..0.75).contains(&check.upper.value));
        }
    }
    // Half if they were uniform, 25.5 -+ 3.6.
    assert!(central > 33, "{central} of 51 in the central half");
}

#[test]
fn threads_change_nothing_and_streams_do() {
    let mut rng = Streams::new(8).rng(0);
    let data = Data::new((0..120).map(|_| rng.random::<f64>()).collect(), 2).unwrap();
    let model = Model::with_default_prior(2, Structure::Tied(Shape::Full), &data).unwrap();
    let draws = draws(&model, &data, 101, 3);
    let settings = |replicates| Checks { replicates, ..Checks::usual(2) };
    let on = |threads: usize, replicates: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| predictive_checks(&draws, &data, &settings(replicates), &Streams::new(seed))).unwrap()
    };
    let one = on(1, 60, 4);
    assert_eq!(one, on(3, 60, 4));
    assert_ne!(one, on(1, 60, 5));
    assert_ne!(one, on(1, 62, 4));
    // As many of each chain; and no draw twice.
    assert_eq!(one, on(2, 59, 4));
    assert_eq!(on(2, 202, 4), on(2, usize::MAX, 4));
}

#[test]
fn what_cannot_be_checked_is_refused_or_has_no_value() {
    let data = Data::new(vec![1.0, 2.0, 2.0, 2.0, 4.0, 2.0, 3.0, 2.0], 2).unwrap();
    let prior = Data::new(vec![1.0, 2.0, 2.0, 0.0, 4.0, 1.0, 3.0, 2.0], 2).unwrap();
    let model = Model::with_default_prior(1, Structure::Free(Shape::Full), &prior).unwrap();
    let draws = draws(&model, &data, 50, 1);
    let check = |data: &Data, statistic: Statistic, replicates: usize| {
        let settings = Checks { statistics: vec![statistic], replicates };
        predictive_checks(&draws, data, &settings, &Streams::new(1)).map(|mut checks| checks.remove(0))
    };
    let mean = Statistic::Mean { column: 0 };
    let narrow = Data::new(vec![1.0, 2.0], 1).unwrap();
    assert_eq!(check(&narrow, mean, 9), Err(CheckError::Columns { found: 1, expected: 2 }));
    assert_eq!(check(&data, mean, 0), Err(CheckError::NoReplicates));
    let statistic = Statistic::Correlation { first: 0, second: 2 };
    assert_eq!(check(&data, statistic, 9), Err(CheckError::NoColumn { statistic, column: 2, d: 2 }));
    let statistic = Statistic::Correlation { first: 1, second: 1 };
    assert_eq!(check(&data, statistic, 9), Err(CheckError::SameColumn { statistic }));
    let statistic = Statistic::Quantile { column: 1, probability: 1.5 };
    assert_eq!(check(&data, statistic, 9), Err(CheckError::Probability { statistic, probability: 1.5 }));
    // The second column is constant: no replicated one is.
    let skewness = check(&data, Statistic::Skewness { column: 1 }, 9).unwrap();
    assert!(skewness.upper.value.is_nan() && skewness.two_sided.value.is_nan() && skewness.observed.q50.is_nan());
    assert!(skewness.replicated.q50.is_finite() && !skewness.is_extreme(0.5));
}
