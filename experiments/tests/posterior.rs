//! What is computed of posteriors: ladders, evidences, numbers of components, predictive accuracy, and held-out rows.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use gmm_core::{Covariance, Data, Mixture, Model, Shape, Structure};
use gmm_mcmc::evidence::enumerate;
use serde_json::{Value, json};

fn gmm(folder: &Path, arguments: &[&str]) -> std::process::Output {
    Command::new(assert_cmd::cargo::cargo_bin!("gmm")).current_dir(folder).args(arguments).output().unwrap()
}

/// Runs a config that must succeed; what is in its folder of results, and what was printed.
fn run(folder: &Path, config: &str, more: &[&str]) -> (Value, PathBuf, String) {
    std::fs::write(folder.join("c.ron"), config).unwrap();
    let output = gmm(folder, &[&["run", "c.ron"], more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results = folder.join("results/p");
    (json_of(&results.join("summary.json")), results, String::from_utf8(output.stdout).unwrap())
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn list(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn warnings(fit: &Value) -> Vec<&str> {
    fit["warnings"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect()
}

#[track_caller]
fn close(found: &Value, expected: f64, tolerance: f64) {
    assert!((number(found) - expected).abs() <= tolerance, "{found} where {expected} was expected");
}

/// Few rows of one column, in two groups; their evidence is known by enumeration.
const FEW: [f64; 9] = [-2.4, -2.1, -1.9, -1.5, 0.8, 1.9, 2.0, 2.3, 2.9];

fn csv(folder: &Path, rows: &[f64]) {
    let rows: String = rows.iter().map(|x| format!("{x}\n")).collect();
    std::fs::write(folder.join("rows.csv"), format!("x\n{rows}")).unwrap();
}

/// An experiment on `rows.csv`; `more` are fields of the experiment.
fn config(more: &str, components: usize, fits: &str) -> String {
    format!(
        "Experiment(name: \"p\", seed: 3, data: Csv(path: \"rows.csv\"), {more}
            model: (components: {components}, covariance: Free(Full)), fits: [{fits}])"
    )
}

#[test]
fn evidences_and_probabilities_of_k_are_those_of_enumeration() {
    let folder = tempfile::tempdir().unwrap();
    csv(folder.path(), &FEW);
    let fits = "Gibbs(name: \"1\", model: (components: 1), evidence: [Chib()]), Gibbs(name: \"2\"),
        Gibbs(name: \"2 tempered\", kind: Collapsed, tempering: (rungs: 5)), Gibbs(name: \"3\", model: (components: 3)),
        Gibbs(name: \"tied\", model: (covariance: Tied(Full)), evidence: [])";
    let (summary, _, printed) = run(folder.path(), &config("prior_of_k: Poisson(rate: 2),", 2, fits), &[]);
    let data = Data::from_rows(&FEW.map(|x| [x])).unwrap();
    let exact = |k| {
        let model = Model::with_default_prior(k, Structure::Free(Shape::Full), &data).unwrap();
        enumerate(&model, &data).unwrap().ln_evidence
    };
    for (i, k) in [1, 2, 2, 3].into_iter().enumerate() {
        let found = summary["fits"][i]["evidence"].as_array().unwrap();
        let methods: Vec<&str> = found.iter().map(|estimate| estimate["method"].as_str().unwrap()).collect();
        assert_eq!(methods, if i == 0 { &["chib"][..] } else { &["bridge", "chib"] });
        for estimate in found {
            let se = number(&estimate["se"]);
            assert!(se < 0.05 && (k == 1 || se > 0.0), "{estimate}");
            close(&estimate["ln_evidence"], exact(k), 5.0 * se + 1e-9);
            assert_eq!((&estimate["permutations"], &estimate["reason"]), (&json!("all"), &Value::Null));
        }
    }
    assert_eq!(summary["fits"][4]["evidence"], json!([]));
    // Of the two fits of two components the tempered one counts; K - 1 of Poisson(2): 1, 2, 2.
    assert_eq!(summary["components"]["prior"], "Poisson(rate: 2)");
    let rows = summary["components"]["rows"].as_array().unwrap();
    let of = |field: &str| -> Vec<Value> { rows.iter().map(|row| row[field].clone()).collect() };
    assert_eq!(of("fit"), ["1", "2 tempered", "3"]);
    assert_eq!((of("method"), of("group")), (vec![json!("chib"), json!("bridge"), json!("bridge")], vec![json!(0); 3]));
    let joint = [1, 2, 3].map(|k| exact(k).exp() * [0.2, 0.4, 0.4][k - 1]);
    for (k, row) in rows.iter().enumerate() {
        close(&row["prior"], [0.2, 0.4, 0.4][k], 1e-12);
        let se = number(&row["probability_se"]);
        assert!(se > 0.0 && se < 0.02, "{row}");
        close(&row["probability"], joint[k] / joint.iter().sum::<f64>(), 5.0 * se);
    }
    for words in ["Evidence (", "Number of components (", "Poisson(rate: 2)", "Tempering (", "bridge sampling"] {
        assert!(printed.contains(words), "{words} is not in\n{printed}");
    }
}

#[test]
fn ladders_are_in_the_summary_and_few_round_trips_have_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    csv(folder.path(), &FEW);
    let fits = "Gibbs(chains: 3, draws: 400, kind: Collapsed, tempering: (rungs: 4)), Gibbs(chains: 2, draws: 20),
        Gibbs(chains: 3, draws: 60, tempering: (rungs: 3))";
    let (summary, results, printed) = run(folder.path(), &config("", 2, fits), &[]);
    let [long, plain, short] = [0, 1, 2].map(|i| &summary["fits"][i]);
    assert_eq!((&long["posterior"]["kind"], &plain["posterior"]["kind"]), (&json!("collapsed"), &json!("blocked")));
    assert!(plain["posterior"]["tempering"].is_null());
    let rungs = [long, short].map(|fit| &fit["posterior"]["tempering"]["rungs"]);
    assert_eq!(rungs, [4, 3]);
    let chains = long["posterior"]["tempering"]["chains"].as_array().unwrap();
    assert_eq!(chains.len(), 3);
    for chain in chains {
        let (powers, rates) = (list(&chain["powers"]), list(&chain["swap_rates"]));
        assert!(powers.len() == 4 && powers[0] == 1.0 && powers[3] == 0.0 && powers.is_sorted_by(|a, b| a > b));
        assert!(rates.len() == 3 && rates.iter().all(|rate| *rate > 0.05 && *rate <= 1.0), "{rates:?}");
        close(&chain["barrier"], rates.iter().map(|rate| 1.0 - rate).sum(), 1e-12);
        assert_eq!(chain["scans"], 400);
        assert!((10..200).contains(&chain["round_trips"].as_u64().unwrap()), "{chain}");
    }
    assert!(!warnings(long).iter().any(|warning| warning.contains("round trips")), "{long}");
    let few = warnings(short).into_iter().find(|warning| warning.starts_with("few round trips")).unwrap();
    let chains = short["posterior"]["tempering"]["chains"].as_array().unwrap();
    let trips: Vec<u64> = chains.iter().map(|chain| chain["round_trips"].as_u64().unwrap()).collect();
    assert!(trips.iter().sum::<u64>() > 0, "a sum is told from the least: {trips:?}");
    let trips: Vec<String> = trips.iter().map(u64::to_string).collect();
    assert!(few.contains(&format!("({} by chain, 10 are the least", trips.join(", "))), "{few}");
    assert!(printed.contains("few round trips between posterior and prior"), "{printed}");
    let sampler = json_of(&results.join("draws-gibbs.zarr/posterior/zarr.json"))["attributes"].to_string()
        + &json_of(&results.join("draws-gibbs.zarr/zarr.json"))["attributes"].to_string();
    assert!(sampler.contains("collapsed Gibbs, tempered with 4 rungs"), "{sampler}");
}

/// With eighteen components that a few rows do not tell apart, not all permutations can be summed.
#[test]
fn an_estimate_that_fails_is_a_reason_and_not_a_failed_fit() {
    let folder = tempfile::tempdir().unwrap();
    csv(folder.path(), &(0..24).map(|i| f64::from(i * i % 7)).collect::<Vec<_>>());
    let fits = "Gibbs(chains: 1, warmup: 5, draws: 20, accuracy: false,
        evidence: [Bridge(components: 2, proposals: 5), Chib(points: 1, most_exchanging: 2, sampled: 3)])";
    let (summary, ..) = run(folder.path(), &config("", 18, fits), &[]);
    let fit = &summary["fits"][0];
    let [bridge, chib] = [0, 1].map(|i| &fit["evidence"][i]);
    assert!(bridge["ln_evidence"].is_null() && bridge["se"].is_null() && bridge["permutations"].is_null());
    let reason = bridge["reason"].as_str().unwrap();
    assert!(reason.contains("more than 16 of 18 components exchange at once"), "{reason}");
    assert!(warnings(fit).contains(&format!("no evidence by bridge sampling: {reason}").as_str()), "{fit}");
    assert!(chib["reason"].is_null() && chib["ln_evidence"].is_f64() && chib["permutations"] == 3, "{chib}");
    for field in ["waic", "loo", "lppd", "holdout"] {
        assert!(fit[field].is_null(), "{field}");
    }
    assert!(summary["components"].is_null());
}

/// Rows of two groups and their places: every third is far from the others.
fn rows(n: usize) -> Vec<f64> {
    let spread = |i: usize| ((i * 37) % 101) as f64 / 50.0;
    (0..n).map(|i| spread(i) + if i.is_multiple_of(3) { 6.0 } else { 0.0 }).collect()
}

fn mixture_of(fit: &Value) -> Mixture {
    let (means, covariances) = (&fit["mixture"]["means"], &fit["mixture"]["covariances"]);
    let k = means.as_array().unwrap().len();
    let covariance = |c: usize| Covariance::full(&[list(&covariances[c][0])]).unwrap();
    let means = (0..k).map(|c| list(&means[c])).collect();
    Mixture::new(list(&fit["mixture"]["weights"]), means, (0..k).map(covariance).collect()).unwrap()
}

/// The numbers of one chain of an array of draws of two components.
fn chain(draws: &Path, array: &str, chain: usize, dims: usize) -> Vec<f64> {
    let bytes = std::fs::read(draws.join("posterior").join(array).join(format!("c.{chain}{}", ".0".repeat(dims))));
    bytes.unwrap().chunks_exact(8).map(|eight| f64::from_le_bytes(eight.try_into().unwrap())).collect()
}

/// `ln mean_s p(x | theta_s)` of two chains of two components.
fn ln_average(draws: &Path, x: f64) -> f64 {
    let densities = (0..2).flat_map(|c| {
        let (weights, means) = (chain(draws, "weights", c, 2), chain(draws, "means", c, 3));
        let variances = chain(draws, "covariances", c, 4);
        let density = |i: usize| {
            let normal = (-0.5 * (x - means[i]).powi(2) / variances[i]).exp();
            weights[i] * normal / (2.0 * std::f64::consts::PI * variances[i]).sqrt()
        };
        (0..weights.len() / 2).map(|t| density(2 * t) + density(2 * t + 1)).collect::<Vec<_>>()
    });
    let densities: Vec<f64> = densities.collect();
    (densities.iter().sum::<f64>() / densities.len() as f64).ln()
}

const BOTH: &str = "Em(restarts: 3), Em(objective: Posterior, restarts: 3),
    Gibbs(chains: 2, warmup: 50, draws: 60, evidence: [])";

#[test]
fn held_out_rows_are_not_seen_and_judge_every_fit() {
    let folder = tempfile::tempdir().unwrap();
    let all = rows(61);
    csv(folder.path(), &all);
    let (before, results, printed) = run(folder.path(), &config("holdout: 0.2,", 2, BOTH), &[]);
    let text = std::fs::read_to_string(results.join("held-out.csv")).unwrap();
    let places: Vec<usize> = text.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert_eq!((places.len(), &before["data"]["n"], &before["data"]["n_held_out"]), (12, &json!(49), &json!(12)));
    let held_out: Vec<f64> = places.iter().map(|place| all[*place]).collect();
    let fitted: Vec<[f64; 1]> = (0..61).filter(|i| !places.contains(i)).map(|i| [all[i]]).collect();
    // The likelihoods are those of the other rows alone, and so is the prior.
    let data = Data::from_rows(&fitted).unwrap();
    let prior = Model::with_default_prior(2, Structure::Free(Shape::Full), &data).unwrap();
    let gmm_core::ComponentPrior::Conjugate(prior) = &prior.prior().components else { panic!() };
    let mut scores = Vec::new();
    for fit in before["fits"].as_array().unwrap() {
        let mixture = mixture_of(fit);
        close(&fit["ln_likelihood"], fitted.iter().map(|row| mixture.ln_density(row)).sum(), 1e-9);
        assert_eq!(list(&fit["model"]["prior"]["components"]["mean"]), prior.mean());
        assert_eq!(
            list(&fit["model"]["prior"]["components"]["scale"][0]),
            prior.covariance().unwrap().scale().entries()
        );
        let terms: Vec<f64> = match fit["method"] == "gibbs" {
            true => held_out.iter().map(|x| ln_average(&results.join("draws-gibbs.zarr"), *x)).collect(),
            false => held_out.iter().map(|x| mixture.ln_density(&[*x])).collect(),
        };
        let (total, mean) = (terms.iter().sum::<f64>(), terms.iter().sum::<f64>() / 12.0);
        close(&fit["holdout"]["ln_density"], total, 1e-9);
        close(&fit["holdout"]["mean"], mean, 1e-10);
        let se = (terms.iter().map(|term| (term - mean).powi(2)).sum::<f64>() / 11.0 / 12.0).sqrt();
        close(&fit["holdout"]["se"], se, 1e-10);
        assert_eq!(fit["holdout"]["n"], 12);
        scores.push(terms);
    }
    let rows = before["comparison"].as_array().unwrap();
    let row = rows.iter().find(|row| row["fit"] == "em" && row["against"] == "gibbs").unwrap();
    let differences: Vec<f64> = scores[0].iter().zip(&scores[2]).map(|(a, b)| a - b).collect();
    let mean = differences.iter().sum::<f64>() / 12.0;
    close(&row["held_out_difference"], mean, 1e-10);
    let squares: f64 = differences.iter().map(|x| (x - mean).powi(2)).sum();
    close(&row["held_out_se"], (squares / 11.0 / 12.0).sqrt(), 1e-10);
    assert!(printed.contains("49 rows of 1") && printed.contains("12 held out") && printed.contains("Held-out rows ("));

    // The posterior of the fitted rows: lppd and WAIC from the draws on disk.
    let lppd: f64 = fitted.iter().map(|row| ln_average(&results.join("draws-gibbs.zarr"), row[0])).sum();
    let gibbs = &before["fits"][2];
    close(&gibbs["lppd"], lppd, 1e-9);
    for (name, criterion) in [("waic", "waic"), ("loo", "looic")] {
        close(&gibbs[name]["p"], lppd - number(&gibbs[name]["elpd"]), 1e-9);
        close(&gibbs[name][criterion], -2.0 * number(&gibbs[name]["elpd"]), 1e-9);
    }
    let k = gibbs["loo"]["pareto_k"].as_array().unwrap();
    assert_eq!(k.len(), 49);
    let limit = number(&gibbs["loo"]["k_limit"]);
    let high = k.iter().filter(|k| k.as_f64().is_none_or(|k| k > limit)).count();
    assert_eq!(gibbs["loo"]["n_unreliable"], high);
    let warned =
        warnings(gibbs).iter().any(|w| w.starts_with(&format!("Pareto k above {limit:.2} for {high} of 49 rows")));
    assert_eq!(warned, high > 0);

    // Other values in the held-out rows change what judges, not what is judged.
    let mut changed = all.clone();
    places.iter().for_each(|place| changed[*place] = 1.0 + 0.1 * *place as f64);
    csv(folder.path(), &changed);
    let (after, ..) = run(folder.path(), &config("holdout: 0.2,", 2, BOTH), &["--quiet"]);
    for (one, other) in before["fits"].as_array().unwrap().iter().zip(after["fits"].as_array().unwrap()) {
        for field in ["model", "mixture", "ln_likelihood", "posterior", "waic", "loo", "bic"] {
            assert_eq!(one[field], other[field], "{field}");
        }
        assert_ne!(one["holdout"], other["holdout"]);
    }
}

/// Simulated rows are on disk as they came, and the results again from `experiment.ron`, on any number of threads.
#[test]
fn held_out_rows_of_simulated_data_are_the_same_again_and_move_with_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    // With everything that is computed by default.
    let simulated = config("holdout: 0.25,", 2, &BOTH.replace(", evidence: []", "")).replace(
        "Csv(path: \"rows.csv\")",
        "Simulate(n: 80, seed: 5, mixture: (weights: [1, 2], means: [[0], [4]], covariances: [Isotropic(1), Isotropic(1)]))",
    );
    let without = |mut summary: Value| {
        for fit in summary["fits"].as_array_mut().unwrap() {
            fit.as_object_mut().unwrap().remove("seconds").unwrap();
        }
        summary
    };
    let files = |results: &Path| ["data.csv", "held-out.csv"].map(|name| std::fs::read(results.join(name)).unwrap());
    let (one, results, _) = run(folder.path(), &simulated, &["--threads", "1"]);
    let (written, used) = (files(&results), std::fs::read_to_string(results.join("experiment.ron")).unwrap());
    let (two, ..) = run(folder.path(), &simulated, &["--threads", "2"]);
    let (again, results, _) = run(folder.path(), &used, &[]);
    let one = without(one);
    assert_eq!((&one, &one), (&without(two), &without(again)));
    assert_eq!(files(&results), written);
    let whole = simulated.replace("holdout: 0.25,", "");
    let (all, results, _) = run(folder.path(), &whole, &[]);
    assert_eq!(std::fs::read(results.join("data.csv")).unwrap(), written[0]);
    assert_eq!(all["data"]["sha256"], one["data"]["sha256"]);
    assert!(!results.join("held-out.csv").exists() && all["fits"][0]["holdout"].is_null());
    let truth = one["comparison"].as_array().unwrap().iter().find(|row| row["against"] == "truth").unwrap();
    assert!(truth["held_out_difference"].is_f64());
    let (_, results, _) = run(folder.path(), &simulated, &["--seed", "4"]);
    let moved = files(&results);
    assert!(moved[0] == written[0] && moved[1] != written[1]);
}

#[test]
fn check_says_what_would_be_computed() {
    let folder = tempfile::tempdir().unwrap();
    csv(folder.path(), &rows(40));
    let fits =
        "Gibbs(), Gibbs(name: \"t\", kind: Collapsed, tempering: (rungs: 6), evidence: [Chib()], accuracy: false,
            labels: Stephens, partition: Off, checks: [Maximum(\"x\")]),
        Gibbs(name: \"long\", draws: 2000000), Gibbs(name: \"short\", draws: 19)";
    std::fs::write(folder.path().join("c.ron"), config("holdout: 0.1,", 2, fits)).unwrap();
    let output = gmm(folder.path(), &["check", "c.ron"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[0].contains("36 rows of 1") && lines[0].ends_with(", 4 held out"), "{text}");
    let ends = [
        "; Gibbs, 4 chains of 500 warm-up scans and 1000 draws; evidence by bridge sampling and Chib’s estimate; WAIC and \
         leave-one-out; partition by variation of information; 9 predictive checks",
        "; collapsed Gibbs, 4 chains of 6 rungs of 500 warm-up scans and 1000 draws; evidence by Chib’s estimate; labels by \
         Stephens’ algorithm; 1 predictive check",
        // Too long and too short to be told what no one asked for, but for replicated data, of which there are a thousand
        // tables.
        " 2000000 draws; 9 predictive checks",
        " 19 draws",
    ];
    for (line, end) in lines[1..].iter().zip(ends) {
        assert!(line.ends_with(end), "{line}");
    }
}
