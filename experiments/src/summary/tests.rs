use gmm_core::{Shape, Streams};
use gmm_em::Objective;
use gmm_mcmc::predictive::{Checks, Spread, Statistic, predictive_checks};
use gmm_mcmc::{CoClustering, PartitionSearch};
use serde_json::{Value, json};

use super::*;
use crate::config::parse;
use crate::progress::Progress;
use crate::reconciled::reconcile_all;
use crate::resolve::resolve;
use crate::run::run;

/// An experiment on 60 rows in two groups, and what came out.
fn ran(fits: &str) -> (Experiment, Outcome) {
    let folder = tempfile::tempdir().unwrap();
    let value = |i: usize, a: usize| ((i * a) % 101) as f64 / 50.0 + if i.is_multiple_of(3) { 2.5 } else { 0.0 };
    let rows: String = (0..60).map(|i| format!("{},{}\n", value(i, 37), value(i, 11))).collect();
    std::fs::write(folder.path().join("rows.csv"), format!("a,b\n{rows}")).unwrap();
    let text = format!(
        "Experiment(name: \"e\", seed: 1, data: Csv(path: \"rows.csv\"),
            model: (components: 2, covariance: Free(Full)), fits: [{fits}])"
    );
    let (written, source) = parse("test.ron", &text).unwrap();
    let experiment = resolve(written, &source, folder.path(), folder.path()).unwrap();
    let fits = experiment.fits.iter().map(|fit| run(&experiment, fit, &Progress::hidden()).unwrap()).collect();
    (experiment, Outcome { fits, failures: Vec::new() })
}

fn json_of(experiment: &Experiment, outcome: &Outcome) -> Value {
    serde_json::from_str(&Summary::new(experiment, outcome).to_json().unwrap()).unwrap()
}

#[test]
fn labels_partitions_and_checks_are_what_the_library_says() {
    let (experiment, outcome) =
        ran("Gibbs(chains: 2, warmup: 30, draws: 50, evidence: [], accuracy: false, partition: Binder,
            checks: [Quantile(1, 0.9), Correlation(\"b\", \"a\"), LowestLnDensity])");
    let (summary, data) = (json_of(&experiment, &outcome), &experiment.data.data);
    let (found, gibbs) = (&summary["fits"][0], outcome.fits[0].gibbs.as_ref().unwrap());
    let streams = Streams::new(1).named("fits").named("gibbs");
    let identifiability = gibbs.draws.identifiability(data).unwrap();
    let expected = json!({
        "overall": identifiability.overall,
        "by_component": identifiability.by_component,
        "kept": identifiability.kept(),
        "low": identifiability.is_low(),
        "low_components": identifiability.low_components(),
    });
    assert_eq!(found["posterior"]["identifiability"], expected);
    let search = PartitionSearch { loss: gmm_mcmc::PartitionLoss::Binder, ..PartitionSearch::default() };
    let partition = gibbs.draws.partition(data, &search, &streams.named("partition")).unwrap();
    let expected = json!({
        "loss": "binder",
        "clusters": partition.clusters,
        "n_clusters": partition.n_clusters,
        "expected_loss": partition.expected_loss,
        "mcse": partition.standard_error,
        "runs": 16,
        "found_by": partition.n_found,
    });
    assert_eq!(found["posterior"]["partition"], expected);
    let CoClustering::All(matrix) = gibbs.draws.co_clustering(data, 1, &Streams::new(0)).unwrap() else { panic!() };
    assert!(matches!(&gibbs.partition().unwrap().co_clustering, CoClustering::All(own) if *own == matrix));
    let statistics = vec![
        Statistic::Quantile { column: 1, probability: 0.9 },
        Statistic::Correlation { first: 1, second: 0 },
        Statistic::LowestLnDensity,
    ];
    let checks = Checks { statistics, replicates: 1000 };
    let checks = predictive_checks(&gibbs.draws, data, &checks, &streams.named("checks")).unwrap();
    assert_eq!(found["checks"].as_array().unwrap().len(), 3);
    for (found, check) in found["checks"].as_array().unwrap().iter().zip(&checks) {
        let spread = |spread: Spread| json!({ "q5": spread.q5, "q50": spread.q50, "q95": spread.q95 });
        let expected = json!({
            "statistic": check.statistic.to_string(),
            "observed": spread(check.observed),
            "replicated": spread(check.replicated),
            "upper": check.upper.value,
            "lower": check.lower.value,
            "two_sided": check.two_sided.value,
            "mcse": check.two_sided.mcse,
        });
        assert_eq!(*found, expected);
    }
}

#[test]
fn point_estimates_are_placed_among_the_draws_of_the_same_parameter() {
    let (experiment, mut outcome) = ran(
        "Em(restarts: 3), Em(objective: Posterior, restarts: 3), Gibbs(chains: 2, warmup: 30, draws: 60, evidence: [])",
    );
    let all = reconcile_all(&experiment.data, &outcome.fits);
    let found = json_of(&experiment, &outcome)["reconciliation"][0].clone();
    let gibbs = outcome.fits[2].gibbs.as_ref().unwrap();
    assert_eq!(found["parameters"].as_array().unwrap().len(), 12);
    for parameter in found["parameters"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        let quantity = gibbs.draws.quantities().into_iter().find(|quantity| quantity.name == name).unwrap();
        let summary = gibbs.quantity(name).unwrap();
        assert_eq!(parameter["mean"].as_f64(), Some(summary.mean));
        assert_eq!(parameter["q95"].as_f64(), Some(summary.q95));
        for (point, fit) in [("ml", &outcome.fits[0]), ("map", &outcome.fits[1])] {
            let intervals = &fit.observed().unwrap().intervals;
            let interval = intervals.iter().find(|interval| interval.name == name).unwrap();
            let value = parameter[point].as_f64().unwrap();
            assert_eq!(value, interval.estimate, "{name}");
            let below = quantity.values.iter().flatten().filter(|x| **x < value).count() as f64 / 120.0;
            assert!((parameter[format!("{point}_below")].as_f64().unwrap() - below).abs() < 1e-12, "{name}");
            let ratio = interval.standard_error / summary.sd;
            assert!((parameter[format!("{point}_ratio")].as_f64().unwrap() - ratio).abs() < 1e-12, "{name}");
        }
        assert_eq!(parameter["reason"] == "agree", parameter["words"].as_str().unwrap().contains(" agree"));
    }
    assert!(found["truth"].is_null() && all.len() == 1);

    // Components of a point estimate in another order are the same components.
    let point = &mut outcome.fits[0];
    point.mixture = point.mixture.permuted(&[1, 0]);
    let uncertainty = point.point.as_mut().unwrap().uncertainty.as_mut().unwrap().as_mut().unwrap();
    for interval in &mut uncertainty.intervals {
        let other = |c: char| if c == '0' { '1' } else { '0' };
        let at = interval.name.find('[').unwrap() + 1;
        let own = interval.name.remove(at);
        interval.name.insert(at, other(own));
    }
    assert_eq!(reconcile_all(&experiment.data, &outcome.fits), all);
}

#[test]
fn only_optima_of_the_same_model_stand_beside_a_posterior() {
    let (experiment, outcome) =
        ran("Em(name: \"other prior\", objective: Posterior, restarts: 2, model: (prior: (concentration: 2))),
        Em(name: \"tied\", restarts: 2, model: (covariance: Tied(Full))),
        Em(name: \"three\", restarts: 2, model: (components: 3)),
        Em(name: \"held\", restarts: 2, singularities: FloorEigenvalues(0.4)),
        Gibbs(chains: 1, warmup: 30, draws: 30, evidence: [], partition: Off, checks: []),
        Em(name: \"no errors\", restarts: 2, standard_errors: Off, model: (prior: (concentration: 3))),
        Em(name: \"errors\", restarts: 2)");
    let all = reconcile_all(&experiment.data, &outcome.fits);
    // ML ignores the prior; of two at the same optimum the one that has standard errors counts.
    assert_eq!((all.len(), all[0].ml.as_deref(), all[0].map.as_deref()), (1, Some("errors"), None));
    assert!(all[0].parameters.iter().all(|p| p.map.is_none() && p.ml_ratio.is_some()));
    assert!(all[0].summary.starts_with("ML (errors) agrees with the posterior in "), "{}", all[0].summary);
    let alone = |names: &[&str]| {
        let fits = outcome.fits.iter().filter(|fit| names.contains(&fit.name.as_str()));
        assert!(fits.clone().any(|fit| fit.point.as_ref().is_some_and(|p| p.objective == Objective::Likelihood)));
        assert!(fits.clone().all(|fit| fit.model.shape() == Shape::Full));
        fits.count()
    };
    assert_eq!(alone(&["other prior", "tied", "three", "held"]), 4);
}
