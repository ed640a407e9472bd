//! Point estimates as the program runs them: starts, policies at singularities, acceleration, standard errors, optima.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

fn gmm(arguments: &[&str]) -> std::process::Output {
    Command::new(assert_cmd::cargo::cargo_bin!("gmm")).args(arguments).output().unwrap()
}

/// A config `name.ron` in a folder.
fn write(folder: &Path, name: &str, data: &str, components: usize, fits: &str) -> PathBuf {
    let path = folder.join(format!("{name}.ron"));
    let text = format!(
        "Experiment(name: {name:?}, seed: 1, data: {data}, model: (components: {components}, covariance: Free(Full)),
            fits: [{fits}])"
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn csv(name: &str) -> String {
    format!("Csv(path: {:?})", data(name).to_str().unwrap())
}

/// The status, what was printed, and the summary.
fn run(config: &Path) -> (Option<i32>, String, Value) {
    let folder = config.parent().unwrap();
    let output = gmm(&["run", config.to_str().unwrap(), "--out", folder.join("out").to_str().unwrap()]);
    let summary = folder.join("out").join(config.file_stem().unwrap()).join("summary.json");
    let summary = std::fs::read(summary).map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).unwrap());
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text, summary)
}

fn fits(summary: &Value) -> &Vec<Value> {
    summary["fits"].as_array().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

/// Five components on the galaxies collapse under most starts of plain EM.
#[test]
fn each_policy_does_what_it_says_and_says_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let policies = [
        ("Fail", "restart_ended"),
        ("ResetComponent", "mean_reset"),
        ("RemoveComponent", "component_removed"),
        ("FloorEigenvalues(0.01)", "floored"),
        ("Regularise(0.01)", "regularised"),
        ("BoundRatio(100)", "ratio_bounded"),
    ];
    let text = policies.map(|(policy, action)| format!("Em(name: {action:?}, restarts: 20, singularities: {policy})"));
    let config = write(folder.path(), "policies", &csv("galaxies.csv"), 5, &text.join(", "));
    let (status, text, summary) = run(&config);
    assert_eq!(status, Some(0), "{text}");
    for (fit, (policy, action)) in fits(&summary).iter().zip(policies) {
        let events = fit["singularities"].as_array().unwrap();
        assert!(events.iter().any(|event| event["action"] == action), "{policy}: {events:?}");
        for event in events {
            assert_eq!(event["fit"], action);
            assert!(number(&event["restart"]) < 20.0 && number(&event["component"]) < 5.0);
            assert!(number(&event["iteration"]) >= 0.0 && number(&event["effective_rows"]) <= 82.0);
            assert!(event["smallest_eigenvalue"].is_number() && event["detail"].is_string(), "{event}");
        }
        let count = |outcome: &str| {
            fit["restarts"].as_array().unwrap().iter().filter(|restart| restart["outcome"] == outcome).count()
        };
        if policy == "Fail" {
            assert_eq!(count("collapsed"), events.len());
        } else {
            assert_eq!(count("collapsed"), 0, "{policy}");
        }
        let variances: Vec<f64> =
            fit["mixture"]["covariances"].as_array().unwrap().iter().map(|matrix| number(&matrix[0][0])).collect();
        let (least, most) = variances.iter().fold((f64::INFINITY, 0.0), |(a, b): (f64, f64), v| (a.min(*v), b.max(*v)));
        match policy {
            "FloorEigenvalues(0.01)" | "Regularise(0.01)" => assert!(least >= 0.01 * (1.0 - 1e-12), "{variances:?}"),
            "BoundRatio(100)" => assert!(most / least <= 100.0 * (1.0 + 1e-12), "{variances:?}"),
            _ => {}
        }
        // Every restart is in one of the modes; the best optimum is the estimate.
        let modes = fit["modes"].as_array().unwrap();
        assert_eq!(modes.iter().map(|mode| number(&mode["count"])).sum::<f64>(), 20.0);
        assert!((number(&modes[0]["objective"]) - number(&fit["ln_likelihood"])).abs() < 1e-9);
        assert_eq!(modes[0]["kind"], "optimum");
        assert!(modes.iter().all(|mode| mode["collapsed"] == (mode["kind"] == "collapsed")));
        assert!(text.contains(&format!("{action}: {} near-singular event", events.len())), "{policy}: {text}");
    }
    // Where a constraint holds the estimate there is no maximum to take standard errors from.
    let floored = &fits(&summary)[3]["standard_errors"];
    assert!(floored["method"].is_null() && floored["reason"].as_str().unwrap().contains("policy"), "{floored}");
}

/// Where all restarts collapse the fit fails, and what was seen is kept.
#[test]
fn the_events_of_a_fit_that_failed_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let fits = "Em(name: \"bad\", restarts: 3, model: (components: 9)), Em(name: \"good\", restarts: 2)";
    let config = write(folder.path(), "failed", &csv("galaxies.csv"), 2, fits);
    let (status, text, summary) = run(&config);
    assert_eq!(status, Some(1), "{text}");
    assert_eq!(summary["failures"][0]["fit"], "bad");
    let events = summary["failures"][0]["singularities"].as_array().unwrap();
    let mut restarts: Vec<f64> = events.iter().map(|event| number(&event["restart"])).collect();
    restarts.dedup();
    assert_eq!(restarts, [0.0, 1.0, 2.0]);
    assert_eq!(summary["fits"][0]["name"], "good");
}

/// Components that were removed are gone from the model as well.
#[test]
fn an_estimate_that_lost_components_has_a_smaller_model() {
    let folder = tempfile::tempdir().unwrap();
    let fits = "Em(restarts: 1, init: RandomRows, singularities: RemoveComponent)";
    let config = write(folder.path(), "removed", &csv("galaxies.csv"), 12, fits);
    let (status, text, summary) = run(&config);
    assert_eq!(status, Some(0), "{text}");
    let fit = &fits_of_one(&summary);
    let k = number(&fit["model"]["components"]) as usize;
    assert!(k < 12, "{k}");
    assert_eq!(fit["mixture"]["weights"].as_array().unwrap().len(), k);
    assert_eq!(fit["n_parameters"], 3 * k - 1);
    let bic = -2.0 * number(&fit["ln_likelihood"]) + (3 * k - 1) as f64 * 82f64.ln();
    assert!((number(&fit["bic"]) - bic).abs() < 1e-9);
    assert!(text.contains(&format!("{} of 12 components collapsed and were removed", 12 - k)), "{text}");
}

fn fits_of_one(summary: &Value) -> Value {
    assert_eq!(fits(summary).len(), 1);
    summary["fits"][0].clone()
}

#[test]
fn a_stored_result_is_where_another_fit_starts() {
    let folder = tempfile::tempdir().unwrap();
    let first = write(folder.path(), "first", &csv("faithful.csv"), 2, "Em()");
    let (status, text, before) = run(&first);
    assert_eq!(status, Some(0), "{text}");
    let warm = "Em(name: \"warm\", init: Stored(results: \"out/first\", fit: \"em\")),
        Gradient(name: \"from the file\", init: Stored(results: \"out/first/summary.json\", fit: \"em\")),
        Em(name: \"tied\", model: (covariance: Tied(Full)), init: Given(weights: [1, 2], means: [[2, 55], [4.3, 80]],
            covariances: [Diagonal([0.1, 30]), Diagonal([0.1, 30])]))";
    let second = write(folder.path(), "second", &csv("faithful.csv"), 2, warm);
    let (status, text, after) = run(&second);
    assert_eq!(status, Some(0), "{text}");
    for fit in &fits(&after)[..2] {
        assert_eq!(fit["restarts"].as_array().unwrap().len(), 1);
        assert!(number(&fit["iterations"]) <= 4.0, "{fit}");
        let gain = number(&fit["ln_likelihood"]) - number(&before["fits"][0]["ln_likelihood"]);
        assert!((-1e-9..1e-6).contains(&gain), "{gain}");
    }
    assert!((number(&fits(&after)[2]["ln_likelihood"]) + 1_140.186_759).abs() < 1e-5);
    // experiment.ron holds the start itself: the old results may go.
    std::fs::remove_dir_all(folder.path().join("out/first")).unwrap();
    let used = folder.path().join("out/second/experiment.ron");
    let again = folder.path().join("again");
    let output = gmm(&["run", used.to_str().unwrap(), "--out", again.to_str().unwrap(), "--quiet"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let again: Value = serde_json::from_slice(&std::fs::read(again.join("second/summary.json")).unwrap()).unwrap();
    for (one, other) in fits(&after).iter().zip(fits(&again)) {
        assert_eq!(one["mixture"], other["mixture"]);
    }
}

#[test]
fn starts_that_cannot_be_are_refused_with_status_2() {
    let folder = tempfile::tempdir().unwrap();
    let first = write(folder.path(), "first", &csv("faithful.csv"), 3, "Em(restarts: 2)");
    assert_eq!(run(&first).0, Some(0));
    std::fs::write(folder.path().join("text.json"), "not json").unwrap();
    let given = "Given(weights: [1, 1], means: [[2, 55], [4, 80]], covariances: [Diagonal([1, 1]), Diagonal([1, 2])])";
    let cases = [
        ("Em(init: Stored(results: \"nowhere\", fit: \"em\"))".to_owned(), ["fits[0].init.results", "nowhere"]),
        ("Em(init: Stored(results: \"text.json\", fit: \"em\"))".to_owned(), ["fits[0].init.results", "not a summary"]),
        (
            "Em(init: Stored(results: \"out/first\", fit: \"eM\"))".to_owned(),
            ["fits[0].init.fit", "did you mean \"em\""],
        ),
        ("Em(init: Stored(results: \"out/first\", fit: \"em\"))".to_owned(), ["fits[0].init", "3 components"]),
        (format!("Em(init: {given}, restarts: 5)"), ["fits[0].restarts", "must be 1"]),
        (format!("Em(init: {given}, model: (covariance: Tied(Full)))"), ["fits[0].init", "one for all"]),
        (given.replacen("[1, 1]", "[1, 0]", 1).replace("Given", "Em(init: Given") + ")", ["fits[0].init", "weight 0"]),
        (given.replacen("[2, 55]", "[2]", 1).replace("Given", "Em(init: Given") + ")", ["fits[0].init", "dimension"]),
        ("Em(init: BestOfShort(runs: 0))".to_owned(), ["fits[0].init", "at least 1"]),
        ("Em(singularities: FloorEigenvalues(0))".to_owned(), ["fits[0].singularities", "positive"]),
        ("Em(singularities: BoundRatio(0.5))".to_owned(), ["fits[0].singularities", "at least 1"]),
        ("Gradient(singularities: Regularise(0.1))".to_owned(), ["fits[0].singularities", "no M-step"]),
        (
            "Em(acceleration: Squarem, singularities: Regularise(0.1))".to_owned(),
            ["fits[0].singularities", "acceleration"],
        ),
        ("StepwiseEm(exponent: 0.5)".to_owned(), ["fits[0].exponent", "above 0.5"]),
        ("StepwiseEm(block: 0)".to_owned(), ["fits[0].block", "at least 1"]),
        ("StepwiseEm(passes: 0)".to_owned(), ["fits[0].passes", "at least 1"]),
        (
            "Em(standard_errors: ParametricBootstrap(replicates: 5))".to_owned(),
            ["fits[0].standard_errors.replicates", "at least 20"],
        ),
        (
            "Em(singularities: FloorEigenvalues(0.1), standard_errors: WeightedBootstrap())".to_owned(),
            ["fits[0].standard_errors", "policy"],
        ),
        (
            "Em(standard_errors: WeightedBootstrap(replicates: 99999999))".to_owned(),
            ["fits[0].standard_errors.replicates", "limit"],
        ),
    ];
    for (fit, expected) in cases {
        let config = write(folder.path(), "second", &csv("faithful.csv"), 2, &fit);
        let (status, text, _) = run(&config);
        let text = text.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(status, Some(2), "{fit}: {text}");
        for words in expected {
            assert!(text.contains(words), "{words} is not said of {fit}: {text}");
        }
    }
}

#[test]
fn standard_errors_of_all_four_kinds_are_of_the_same_size_and_name_the_same_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let kinds = ["Observed", "Sandwich", "ParametricBootstrap(replicates: 99)", "WeightedBootstrap(replicates: 99)"];
    let text = kinds.map(|kind| format!("Em(restarts: 2, standard_errors: {kind})")).join(", ");
    let config =
        write(folder.path(), "errors", &csv("faithful.csv"), 2, &(text + ", Em(standard_errors: Off), Gibbs()"));
    let (status, text, summary) = run(&config);
    assert_eq!(status, Some(0), "{text}");
    let names = |rows: &Value| -> Vec<String> {
        let names = rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned());
        names.filter(|name| ["weights", "means", "covariances"].iter().any(|head| name.starts_with(head))).collect()
    };
    let of_gibbs = names(&fits(&summary)[5]["posterior"]["quantities"]);
    assert_eq!(of_gibbs.len(), 12);
    let methods = ["observed", "sandwich", "parametric_bootstrap", "weighted_bootstrap"];
    for (fit, method) in fits(&summary).iter().zip(methods) {
        let found = &fit["standard_errors"];
        assert_eq!((&found["method"], &found["level"]), (&method.into(), &0.9.into()));
        assert_eq!(names(&found["intervals"]), of_gibbs, "{method}");
        let first = &fits(&summary)[0]["standard_errors"]["intervals"];
        for (row, of_observed) in found["intervals"].as_array().unwrap().iter().zip(first.as_array().unwrap()) {
            let [estimate, se, lower, upper] =
                ["estimate", "standard_error", "lower", "upper"].map(|field| number(&row[field]));
            assert!(lower < estimate && estimate < upper, "{row}");
            let ratio = se / number(&of_observed["standard_error"]);
            assert!((0.6..1.6).contains(&ratio), "{method}: {row} against {of_observed}");
        }
    }
    assert!(fits(&summary)[4]["standard_errors"].is_null());
    assert!(text.contains("estimate or posterior mean [90 % interval]"), "{text}");
}

/// Three components on Old Faithful: EM creeps along a ridge.
#[test]
fn squarem_and_stepwise_em_come_to_the_optimum_of_em() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Em(init: Alternate), Em(name: \"squarem\", init: Alternate, acceleration: Squarem),
        StepwiseEm(init: Alternate, block: 34, passes: 400, log_every: 100),
        Em(name: \"short\", init: BestOfShort(runs: 5), restarts: 10),
        Em(name: \"responsibilities\", init: RandomResponsibilities)";
    let config = write(folder.path(), "ridge", &csv("faithful.csv"), 3, text);
    let (status, text, summary) = run(&config);
    assert_eq!(status, Some(0), "{text}");
    let ln_likelihoods: Vec<f64> = fits(&summary).iter().map(|fit| number(&fit["ln_likelihood"])).collect();
    for i in [0, 1, 3, 4] {
        assert!((ln_likelihoods[i] + 1_114.439_873).abs() < 1e-4, "{ln_likelihoods:?}");
    }
    assert!((ln_likelihoods[2] + 1_114.439_873).abs() < 0.05, "{ln_likelihoods:?}");
    let [em, squarem] = [0, 1].map(|i| number(&fits(&summary)[i]["sweeps"]));
    assert!(squarem < 0.6 * em, "{squarem} sweeps against {em}");
    assert_eq!(fits(&summary)[2]["method"], "em");
    assert!(text.contains("stepwise"), "{text}");
}
