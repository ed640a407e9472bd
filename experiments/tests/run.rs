//! Whole runs of the program: what is on disk afterwards, the same bits on any number of threads, kills, failures.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use serde_json::Value;

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("configs")
}

fn run(arguments: &[&str]) -> std::process::Output {
    Command::new(assert_cmd::cargo::cargo_bin!("gmm")).args(arguments).output().unwrap()
}

fn run_config(config: &Path, out: &Path, more: &[&str]) -> std::process::Output {
    let mut arguments = vec!["run", config.to_str().unwrap(), "--out", out.to_str().unwrap()];
    arguments.extend(more);
    run(&arguments)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Everything below a folder that must be the same in two runs: bytes by path, times taken out of the summary.
fn results(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn collect(root: &Path, folder: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(root, &path, into);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                into.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    let mut all = BTreeMap::new();
    collect(folder, folder, &mut all);
    all.remove("manifest.json");
    for timed in ["report.html", "report.json"] {
        all.remove(timed);
    }
    let mut summary: Value = serde_json::from_slice(&all["summary.json"]).unwrap();
    for fit in summary["fits"].as_array_mut().unwrap() {
        fit.as_object_mut().unwrap().remove("seconds").unwrap();
    }
    all.insert("summary.json".into(), serde_json::to_vec(&summary).unwrap());
    all
}

/// An experiment with simulated data, all kinds of fits, in a folder of its own.
fn small_experiment(folder: &Path) -> PathBuf {
    let config = folder.join("small.ron");
    std::fs::write(
        &config,
        r#"Experiment(
            name: "small", seed: 12345678901234567890,
            data: Simulate(n: 9000, mixture: (weights: [1, 2], means: [[0, 0], [2.5, 1]],
                covariances: [Isotropic(1), Full([[1, 0.3], [0.3, 0.5]])])),
            model: (components: 2, covariance: Free(Full), prior: (concentration: 1.5)),
            fits: [
                Em(restarts: 3),
                Em(objective: Posterior, restarts: 3, model: (covariance: Tied(Diagonal))),
                Gibbs(chains: 3, warmup: 30, draws: 40, evidence: [], accuracy: false),
                Gibbs(name: "known", chains: 2, warmup: 5, draws: 20, evidence: [], accuracy: false, model: (components: 3,
                    covariance: Known(Isotropic(0.7)), prior: (components: Conjugate(kappa: 0.1)))),
                Gradient(restarts: 2, optimizer: Adam(step: 0.2), batch: 500, max_iterations: 40, log_every: 15),
                Gradient(restarts: 2),
            ],
        )"#,
    )
    .unwrap();
    config
}

#[test]
fn results_are_the_same_bits_on_any_number_of_threads_and_from_experiment_ron() {
    let folder = tempfile::tempdir().unwrap();
    let config = small_experiment(folder.path());
    let outputs: Vec<PathBuf> = ["one", "two", "again"].iter().map(|name| folder.path().join(name)).collect();
    assert!(run_config(&config, &outputs[0], &["--threads", "1", "--quiet"]).status.success());
    assert!(run_config(&config, &outputs[1], &["--threads", "2", "--quiet"]).status.success());
    let used = outputs[0].join("small/experiment.ron");
    assert!(run_config(&used, &outputs[2], &["--quiet"]).status.success());
    let [one, two, again] = [0, 1, 2].map(|i| results(&outputs[i].join("small")));
    assert!(one.keys().any(|name| name.starts_with("draws-gibbs.zarr/posterior/means/c")), "{:?}", one.keys());
    for (name, bytes) in &one {
        assert!(two[name] == *bytes, "{name} differs between one and two threads");
        assert!(again[name] == *bytes, "{name} differs when experiment.ron is run again");
    }
    assert_eq!(one.len(), two.len());
    assert_eq!(one.len(), again.len());
    let other = folder.path().join("other");
    assert!(run_config(&config, &other, &["--seed", "7", "--quiet"]).status.success());
    assert_ne!(results(&other.join("small"))["data.csv"], one["data.csv"]);
}

#[test]
fn the_summary_holds_every_field_of_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let output = run_config(&small_experiment(folder.path()), folder.path(), &[]);
    assert!(output.status.success());
    let results = folder.path().join("small");
    for name in ["experiment.ron", "summary.json", "report.html", "manifest.json", "data.csv", "draws-gibbs.zarr"] {
        assert!(results.join(name).exists(), "{name} is missing");
    }
    let summary = json(&results.join("summary.json"));
    assert_eq!(summary["schema_version"], 1);
    assert_eq!(summary["seed"], 12_345_678_901_234_567_890_u64);
    assert_eq!(summary["data"]["n"], 9000);
    assert_eq!(summary["data"]["columns"], serde_json::json!(["x1", "x2"]));
    assert_eq!(summary["data"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(summary["truth"]["weights"].as_array().unwrap().len(), 2);
    // Times stand in the manifest; of Gibbs sampling those of its phases, parts of the whole.
    let manifest = json(&folder.path().join("small/manifest.json"));
    for (timing, sampled) in manifest["fits"].as_array().unwrap().iter().zip([false, false, true, true]) {
        assert_eq!(timing["phases"].is_object(), sampled);
        if sampled {
            let phases = ["starts", "sampling", "summaries"].map(|phase| timing["phases"][phase].as_f64().unwrap());
            assert!(phases.iter().all(|seconds| *seconds > 0.0), "{timing}");
            assert!(phases.iter().sum::<f64>() <= timing["seconds"].as_f64().unwrap(), "{timing}");
        }
    }
    let fits = summary["fits"].as_array().unwrap();
    let names: Vec<&str> = fits.iter().map(|fit| fit["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["em", "map", "gibbs", "known", "adam", "lbfgs"]);
    for fit in fits {
        for field in [
            "method",
            "objective",
            "model",
            "mixture",
            "ln_likelihood",
            "ln_posterior",
            "n_parameters",
            "aic",
            "bic",
            "icl",
            "seconds",
            "stop",
            "iterations",
            "posterior",
            "evidence",
            "lppd",
            "waic",
            "loo",
            "holdout",
        ] {
            assert!(fit.get(field).is_some(), "{field} is missing");
        }
        let k = fit["model"]["components"].as_u64().unwrap() as usize;
        assert_eq!(fit["mixture"]["means"].as_array().unwrap().len(), k);
        assert_eq!(fit["mixture"]["covariances"][k - 1][1].as_array().unwrap().len(), 2);
        assert_eq!(fit["model"]["prior"]["concentration"], serde_json::json!(vec![1.5; k]));
        let p = fit["n_parameters"].as_f64().unwrap();
        let bic = -2.0 * fit["ln_likelihood"].as_f64().unwrap() + p * 9000f64.ln();
        assert!((fit["bic"].as_f64().unwrap() - bic).abs() < 1e-9 * bic);
    }
    assert_eq!(fits[0]["objective"], "likelihood");
    assert_eq!(fits[1]["model"]["tying"], "tied");
    assert_eq!(fits[1]["model"]["shape"], "diagonal");
    assert_eq!(fits[1]["n_parameters"], 1 + 4 + 2);
    assert_eq!(fits[3]["model"]["tying"], "known");
    assert_eq!(fits[3]["n_parameters"], 2 + 6);
    assert!(fits[3]["model"]["prior"]["components"]["dof"].is_null());
    // Records at 0, 15, 30, and at the end.
    assert_eq!(
        (&fits[4]["method"], &fits[4]["iterations"], &fits[4]["log_every"]),
        (&"gradient".into(), &40.into(), &15.into())
    );
    assert_eq!(fits[4]["trace"].as_array().unwrap().len(), 4);
    assert_eq!(fits[2]["posterior"]["chains"], 3);
    assert_eq!(fits[2]["posterior"]["draws"], 40);
    let quantities = fits[2]["posterior"]["quantities"].as_array().unwrap();
    let names: Vec<&str> = quantities.iter().map(|q| q["name"].as_str().unwrap()).collect();
    for name in ["ln_likelihood", "n_occupied", "sum_squared_weights", "weights[1]", "means[1,1]", "covariances[0,0,1]"]
    {
        assert!(names.contains(&name), "{name} is missing");
    }
    let comparison = summary["comparison"].as_array().unwrap();
    assert_eq!(comparison.iter().filter(|row| row["against"] == "truth").count(), 6);
    assert_eq!(comparison.len(), 6 + 15);
    let text = String::from_utf8(output.stdout).unwrap();
    for word in ["truth", "gibbs", "ln L", "BIC", "ARI", "90 % covers", "R-hat"] {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
    assert!(text.contains("warning: gibbs: effective sample size below 400: "), "{text}");
}

#[test]
fn all_configs_that_ship_are_valid() {
    let in_folder = |folder: PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let all = in_folder(configs()).chain(in_folder(configs().join("studies")));
    let configs: Vec<PathBuf> = all.filter(|path| path.is_file()).collect();
    assert!(configs.len() >= 12);
    for config in configs {
        let output = run(&["check", config.to_str().unwrap()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_known_figures_of_one_to_five_are_reproduced() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run_config(&configs().join("one-to-five.ron"), folder.path(), &["--quiet"]).status.success());
    let summary = json(&folder.path().join("one-to-five/summary.json"));
    let close = |value: &Value, expected: f64| {
        assert!((value.as_f64().unwrap() - expected).abs() < 1e-6, "{value} where {expected} was expected");
    };
    close(&summary["truth_ln_likelihood"], -14_590.394_767);
    close(&summary["fits"][0]["ln_likelihood"], -14_590.172_784);
    // EM, Adam from one random start, L-BFGS.
    for (i, method) in [(1, "em"), (2, "gradient"), (3, "gradient")] {
        assert_eq!(summary["fits"][i]["method"], method);
        close(&summary["fits"][i]["ln_posterior"], -14_590.360_851);
    }
    assert_eq!(summary["fits"][2]["restarts"].as_array().unwrap().len(), 1);
    let against_truth = &summary["comparison"][5];
    assert_eq!((&against_truth["fit"], &against_truth["coverage"]["of"]), (&"gibbs".into(), &6.into()));
}

/// The five families, each by EM and along gradients: the same optima.
#[test]
fn gradients_lead_to_the_optimum_of_em_in_every_family() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run_config(&configs().join("families.ron"), folder.path(), &["--quiet"]).status.success());
    let summary = json(&folder.path().join("families/summary.json"));
    for family in 0..5 {
        let [em, gradient] = [family, family + 5].map(|i| &summary["fits"][i]);
        assert_eq!(gradient["name"], format!("gradient {}", em["name"].as_str().unwrap()));
        let [a, b] = [em, gradient].map(|fit| fit["ln_likelihood"].as_f64().unwrap());
        assert!((a - b).abs() < 1e-6, "{}: {a} and {b}", em["name"]);
    }
}

/// Real data with labels, a covariance of each kind; the reference maxima of iris for two components.
#[test]
fn iris_is_fitted_and_compared_with_its_species() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run_config(&configs().join("iris.ron"), folder.path(), &["--quiet"]).status.success());
    let summary = json(&folder.path().join("iris/summary.json"));
    let two = summary["fits"].as_array().unwrap().iter().find(|fit| fit["name"] == "two components").unwrap();
    assert!((two["ln_likelihood"].as_f64().unwrap() + 214.354_704_37).abs() < 1e-5);
    let rows = summary["comparison"].as_array().unwrap();
    let ari = |name: &str| {
        let row = rows.iter().find(|row| row["fit"] == name && row["against"] == "labels").unwrap();
        row["adjusted_rand_index"].as_f64().unwrap()
    };
    assert!(ari("em") > 0.85 && (ari("two components") - 0.568_115_942).abs() < 1e-6, "{}", ari("two components"));
}

#[test]
fn a_run_killed_at_any_moment_leaves_only_whole_files() {
    let folder = tempfile::tempdir().unwrap();
    let config = small_experiment(folder.path());
    let out = folder.path().join("out");
    let mut killed = 0;
    for milliseconds in [1, 5, 20, 40, 60, 80, 120, 160, 240, 320, 480, 640] {
        let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("gmm"))
            .args(["run", config.to_str().unwrap(), "--quiet", "--out", out.to_str().unwrap()])
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let done = out.join("small");
        if done.exists() {
            // Whatever stands under the name is complete.
            json(&done.join("manifest.json"));
            assert_eq!(json(&done.join("summary.json"))["fits"].as_array().unwrap().len(), 6);
        }
        let partial = out.join(".small.partial");
        for name in ["summary.json", "manifest.json"] {
            if partial.join(name).exists() {
                json(&partial.join(name));
            }
        }
    }
    assert!(killed >= 3, "only {killed} runs were still going when killed");
    assert!(run_config(&config, &out, &["--quiet"]).status.success());
    let left: Vec<_> =
        std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|name| name == "small" || name == ".small.lock"), "{left:?}");
}

#[test]
fn a_fit_that_fails_is_listed_and_the_others_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    // Four points, each twice: two tied components on them are fine under a prior, free ones collapse.
    std::fs::write(folder.path().join("data.csv"), "x\n0\n0\n0\n0\n5\n5\n5\n5\n4.9\n").unwrap();
    let config = folder.path().join("c.ron");
    std::fs::write(
        &config,
        r#"(name: "fails", seed: 1, data: Csv(path: "data.csv"), model: (components: 2, covariance: Free(Full)),
            fits: [Em(), Em(objective: Posterior)])"#,
    )
    .unwrap();
    let output = run_config(&config, folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let summary = json(&folder.path().join("fails/summary.json"));
    assert_eq!(summary["fits"].as_array().unwrap().len(), 1);
    assert_eq!(summary["fits"][0]["name"], "map");
    assert_eq!(summary["failures"][0]["fit"], "em");
    let manifest = json(&folder.path().join("fails/manifest.json"));
    assert_eq!(manifest["complete"], false);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("failed: em: all 20 restarts collapsed"), "{text}");
}

/// One row under a given prior: the posterior mode in closed form.
#[test]
fn one_row_under_a_given_prior_has_the_closed_form_answer() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data.csv"), "x\n3\n").unwrap();
    let config = folder.path().join("c.ron");
    let prior = "(components: Conjugate(mean: [1], kappa: 1, dof: 4, scale: Full([[2]])))";
    std::fs::write(
        &config,
        format!(
            "(name: \"one\", seed: 1, data: Csv(path: \"data.csv\"),
              model: (components: 1, covariance: Free(Full), prior: {prior}), fits: [Em(objective: Posterior)])"
        ),
    )
    .unwrap();
    let output = run_config(&config, folder.path(), &["--quiet"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mixture = &json(&folder.path().join("one/summary.json"))["fits"][0]["mixture"];
    assert_eq!(mixture["means"][0][0], 2.0);
    // scale 2 + 1/2 (3 - 1)^2 = 4, divided by dof 4 + 1 row + d + 2.
    assert_eq!(mixture["covariances"][0][0][0], 4.0 / 8.0);
}

#[test]
fn quiet_is_quiet_and_help_teaches() {
    let folder = tempfile::tempdir().unwrap();
    let output = run_config(&small_experiment(folder.path()), folder.path(), &["--quiet"]);
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    for word in ["Experiment(", "gmm run", "check", "Exit status", "summary.json"] {
        assert!(help.contains(word), "{word}");
    }
    assert_eq!(run(&["run"]).status.code(), Some(2));
    assert_eq!(run(&["run", "x.ron", "--threads", "0"]).status.code(), Some(2));
}

/// A disk that fills up, by a limit on the size of files: what was computed is still printed, the old results stay.
#[test]
#[cfg(unix)]
fn a_full_disk_ends_the_writing_but_not_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let config = small_experiment(folder.path());
    let out = folder.path().join("out");
    assert!(run_config(&config, &out, &["--quiet"]).status.success());
    let before = results(&out.join("small"));
    let limited = |blocks: &str| {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" run \"$1\" --seed 5 --out \"$2\"");
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .args([assert_cmd::cargo::cargo_bin!("gmm"), config.as_path(), out.as_path()])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8_lossy(&output.stderr).replace('│', " ");
        let words = stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("File too large"), "{stderr}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    limited("8");
    // Everything fits into files of 256 blocks but the draws of the first sampler.
    let long =
        std::fs::read_to_string(&config).unwrap().replace("draws: 40", "draws: 30000").replace("n: 9000", "n: 90");
    let long = long.replace("batch: 500", "batch: 50");
    std::fs::write(&config, long).unwrap();
    let text = limited("256");
    assert!(text.contains("3 chains x 30000 draws") && text.contains("2 chains x 20 draws"), "{text}");
    assert_eq!(results(&out.join("small")), before, "the old results are still there");
}
