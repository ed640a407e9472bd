//! `gmm select`: the grid, its order, its best, and what it leaves on disk.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

fn config(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("configs").join(name)
}

fn gmm(arguments: &[&str]) -> std::process::Output {
    Command::new(assert_cmd::cargo::cargo_bin!("gmm")).args(arguments).output().unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn select(config: &Path, out: &Path, more: &[&str]) -> (Value, String) {
    let mut arguments = vec!["select", config.to_str().unwrap(), "--out", out.to_str().unwrap()];
    arguments.extend(more);
    let output = gmm(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let name = config.file_stem().unwrap().to_str().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (json(&out.join(format!("{name}-selection/selection.json"))), text)
}

/// The best of these structures in mclust 6.0.0 (tolerance 1e-12) is EEE with three components, BIC -2314.29567838 in its
/// sign; VVV with two has -2322.19174310.
#[test]
fn faithful_has_the_best_model_that_mclust_finds() {
    let folder = tempfile::tempdir().unwrap();
    let (selection, text) = select(&config("faithful.ron"), folder.path(), &["--components", "1-4"]);
    let fits = selection["fits"].as_array().unwrap();
    // With one component tied is free.
    assert_eq!(fits.len(), 3 + 3 * 6);
    let bic = |fit: &Value| fit["bic"].as_f64().unwrap();
    assert!(fits.windows(2).all(|pair| bic(&pair[0]) <= bic(&pair[1])));
    assert_eq!(selection["best"]["bic"], "3 Tied(Full)");
    assert!((bic(&fits[0]) - 2_314.295_678).abs() < 1e-5, "{}", fits[0]["bic"]);
    let two = fits.iter().find(|fit| fit["name"] == "2 Free(Full)").unwrap();
    assert!((bic(two) - 2_322.191_743).abs() < 1e-5, "{}", two["bic"]);
    for criterion in ["aic", "bic", "icl"] {
        let of = |fit: &Value| fit[criterion].as_f64().unwrap();
        let best = fits.iter().find(|fit| fit["name"] == selection["best"][criterion]).unwrap();
        assert!(fits.iter().all(|fit| of(fit) >= of(best)), "{criterion}");
    }
    assert!(text.contains("Best by BIC: 3 Tied(Full)."), "{text}");
}

#[test]
fn the_grid_is_the_same_bits_on_any_number_of_threads_and_an_experiment_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let grid = ["--components", "2,1", "--covariances", "Tied(Diagonal),Free(Isotropic)", "--quiet", "--threads"];
    let [one, two] = ["1", "2"].map(|threads| {
        let more = [&grid[..], &[threads]].concat();
        let (mut selection, text) = select(&config("iris.ron"), &folder.path().join(threads), &more);
        assert_eq!(text, "");
        for fit in selection["fits"].as_array_mut().unwrap() {
            fit.as_object_mut().unwrap().remove("seconds").unwrap();
        }
        selection
    });
    assert_eq!(one, two);
    // One component, tied or free, has two shapes here.
    assert_eq!(one["fits"].as_array().unwrap().len(), 4);
    let used = folder.path().join("1/iris-selection/experiment.ron");
    let out = folder.path().join("run");
    assert!(gmm(&["run", used.to_str().unwrap(), "--out", out.to_str().unwrap(), "--quiet"]).status.success());
    let run = json(&out.join("iris/summary.json"));
    for fit in one["fits"].as_array().unwrap() {
        let same = run["fits"].as_array().unwrap().iter().find(|other| other["name"] == fit["name"]).unwrap();
        assert_eq!(same["ln_likelihood"], fit["ln_likelihood"]);
        assert_eq!(same["mixture"], fit["mixture"]);
    }
}

/// Three groups of three equal rows and one beside them: five components of their own variance always collapse.
#[test]
fn a_cell_that_fails_is_listed_with_its_reason_and_the_others_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("points.ron");
    let rows: Vec<String> = (0..12).map(|i| format!("{}", i / 4 * 10 + [0, 0, 0, 1][i % 4])).collect();
    std::fs::write(folder.path().join("points.csv"), format!("x\n{}\n", rows.join("\n"))).unwrap();
    let text = "Experiment(name: \"points\", seed: 1, data: Csv(path: \"points.csv\"),
        model: (components: 1, covariance: Free(Full)), fits: [Em(restarts: 3)])";
    std::fs::write(&config, text).unwrap();
    let arguments =
        ["select", config.to_str().unwrap(), "--out", folder.path().to_str().unwrap(), "--components", "1,5"];
    let output = gmm(&arguments);
    assert_eq!(output.status.code(), Some(1));
    let selection = json(&folder.path().join("points-selection/selection.json"));
    assert!(selection["fits"].as_array().unwrap().iter().any(|fit| fit["name"] == "1 Free(Full)"));
    let failures = selection["failures"].as_array().unwrap();
    let failed = failures.iter().find(|failure| failure["fit"] == "5 Free(Full)").unwrap();
    assert!(failed["reason"].as_str().unwrap().contains("collapsed"), "{failed}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("failed: 5 Free(Full)"));
}

#[test]
fn a_cell_that_the_data_cannot_have_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("three.csv"), "x\n1\n2\n4\n").unwrap();
    let config = folder.path().join("three.ron");
    let text = "Experiment(name: \"three\", seed: 1, data: Csv(path: \"three.csv\"),
        model: (components: 1, covariance: Free(Full)), fits: [Em()])";
    std::fs::write(&config, text).unwrap();
    let out = folder.path().to_str().unwrap();
    let output = gmm(&["select", config.to_str().unwrap(), "--components", "1-4", "--out", out]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("failed: 3 Free(Full): only 3 distinct rows"), "{text}");
    let selection = json(&folder.path().join("three-selection/selection.json"));
    assert!(selection["fits"].as_array().unwrap().iter().any(|fit| fit["name"] == "1 Free(Full)"));
    let failures = selection["failures"].as_array().unwrap();
    assert!(failures.iter().any(|failure| failure["fit"] == "4 Tied(Full)"), "{failures:?}");
}

/// The grid takes the settings of the first point estimate, whatever its method.
#[test]
fn every_kind_of_point_estimate_can_be_the_pattern() {
    let folder = tempfile::tempdir().unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/faithful.csv");
    for (fits, algorithm) in [
        ("Gibbs(), StepwiseEm(name: \"x\", restarts: 2, passes: 3)", "stepwise_em"),
        ("Gradient(restarts: 2)", "lbfgs"),
        ("Em(restarts: 2, acceleration: Squarem, model: (prior: (concentration: 2.0)))", "squarem"),
        ("Gibbs()", "em"),
    ] {
        let config = folder.path().join("pattern.ron");
        let text = format!(
            "Experiment(name: \"pattern\", seed: 1, data: Csv(path: {:?}), model: (components: 1, covariance: Free(Full)),
                fits: [{fits}])",
            data.to_str().unwrap()
        );
        std::fs::write(&config, text).unwrap();
        let (selection, _) = select(&config, folder.path(), &["--components", "1-2", "--covariances", "Free(Full)"]);
        let fits = selection["fits"].as_array().unwrap();
        let mut names: Vec<&str> = fits.iter().map(|fit| fit["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["1 Free(Full)", "2 Free(Full)"], "{algorithm}");
        assert!(fits.iter().all(|fit| fit["algorithm"] == algorithm), "{algorithm}");
    }
}

#[test]
fn lists_that_mean_nothing_are_refused_with_status_2() {
    for more in [["--components", "0"], ["--components", "3-1"], ["--covariances", "Free(Fuul)"]] {
        let output = gmm(&["select", config("iris.ron").to_str().unwrap(), more[0], more[1]]);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(more[0]));
    }
}
