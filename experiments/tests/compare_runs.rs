//! `gmm compare`: runs side by side, and folders that are none.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

fn gmm(arguments: &[&str]) -> Output {
    Command::new(assert_cmd::cargo::cargo_bin!("gmm")).args(arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs a small simulation and returns its folder of results.
fn run(out: &Path, name: &str, seed: u64, data: &str, fits: &str) -> PathBuf {
    let config = out.join(format!("{name}.ron"));
    let ron = format!(
        "Experiment(name: {name:?}, seed: {seed}, data: {data}, model: (components: 2, covariance: Free(Full)), \
         fits: [{fits}])"
    );
    std::fs::write(&config, ron).unwrap();
    let done = gmm(&["run", text(&config), "--out", text(out), "--quiet"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    out.join(name)
}

const TABLE: &str = "Csv(path: \"rows.csv\", columns: [\"a\", \"b\"])";
const EM: &str = "Em(objective: Posterior, restarts: 3)";

/// Two clusters, the second of half the rows.
fn write_rows(out: &Path) {
    let row = |i: u32| {
        let far = if i.is_multiple_of(3) { 6.0 } else { 0.0 };
        format!("{},{}\n", f64::from(i * 7 % 13) / 5.0 + far, f64::from(i * 5 % 11) / 4.0 - far)
    };
    let rows: String = (0..60).map(row).collect();
    std::fs::write(out.join("rows.csv"), format!("a,b\n{rows}")).unwrap();
}

/// Compares folders, and returns the JSON, the page and the terminal's text.
fn compare(out: &Path, folders: &[&Path]) -> (Value, String, String) {
    let target = out.join("side by side");
    let mut arguments = vec!["compare"];
    arguments.extend(folders.iter().map(|folder| text(folder)));
    arguments.extend(["--out", text(&target)]);
    let done = gmm(&arguments);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let json = serde_json::from_slice(&std::fs::read(target.join("comparison.json")).unwrap()).unwrap();
    let page = std::fs::read_to_string(target.join("comparison.html")).unwrap();
    (json, page, String::from_utf8(done.stdout).unwrap())
}

fn refused(folders: &[&Path]) -> String {
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("nothing");
    let mut arguments = vec!["compare", "--out", text(&target)];
    arguments.extend(folders.iter().map(|folder| text(folder)));
    let done = gmm(&arguments);
    assert_eq!(done.status.code(), Some(2));
    assert!(!target.exists());
    // Messages are folded to the width of a terminal.
    let words = String::from_utf8(done.stderr).unwrap();
    words.replace('\u{2502}', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn identical_runs_compare_as_identical_and_others_do_not() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path();
    write_rows(out);
    let gibbs = format!("{EM}, Gibbs(chains: 2, warmup: 50, draws: 100)");
    let first = run(out, "first", 1, TABLE, &gibbs);
    let again = run(out, "again", 1, TABLE, &gibbs);
    let other = run(out, "other", 2, TABLE, &gibbs);
    let (json, page, shown) = compare(out, &[&first, &again]);
    assert_eq!((&json["identical"], &json["same_rows"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!(json["runs"][1]["results_of"], 1);
    assert!(shown.contains("identical results") && page.contains("identical results"), "{shown}");
    let (json, page, shown) = compare(out, &[&first, &other]);
    assert_eq!((&json["identical"], &json["same_rows"]), (&Value::Bool(false), &Value::Bool(true)));
    assert!(!shown.contains("identical results"));
    // Every number is that of the run.
    let summary: Value = serde_json::from_slice(&std::fs::read(other.join("summary.json")).unwrap()).unwrap();
    let rows = json["fits"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    for (row, fit) in rows[2..].iter().zip(summary["fits"].as_array().unwrap()) {
        assert_eq!(row["run"], 2);
        for (name, field) in [("fit", "name"), ("ln_likelihood", "ln_likelihood"), ("bic", "bic"), ("icl", "icl")] {
            assert_eq!(row[name], fit[field], "{name}");
        }
        assert_eq!(row["loo"]["value"], fit["loo"].get("elpd").cloned().unwrap_or(Value::Null));
    }
    assert!(rows[3]["worst_r_hat"].as_f64().unwrap() > 0.9 && rows[3]["least_ess"].as_f64().unwrap() > 1.0);
    let parameters = &json["parameters"][0];
    assert_eq!(parameters["fits"].as_array().unwrap().len(), 4);
    assert_eq!(parameters["parameters"].as_array().unwrap().len(), 2 + 4 + 4);
    for row in parameters["parameters"].as_array().unwrap() {
        let values: Vec<f64> =
            row["values"].as_array().unwrap().iter().map(|v| v["estimate"].as_f64().unwrap()).collect();
        assert!(values.iter().all(|x| (x - values[0]).abs() < 0.5 + 0.3 * values[0].abs()), "{row}");
        let [lower, upper] = ["lower", "upper"].map(|end| row["values"][3][end].as_f64().unwrap());
        assert!(lower < values[3] && values[3] < upper, "{row}");
    }
    assert!(!page.contains("<script") && !page.contains("http"));
    assert!(shown.lines().count() < 60, "{shown}");
}

#[test]
fn components_are_matched_whatever_their_order() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path();
    write_rows(out);
    let first = run(out, "first", 1, TABLE, EM);
    let second = run(out, "second", 1, TABLE, EM);
    // The same results with their components in the other order.
    let path = second.join("summary.json");
    let mut summary: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for part in ["weights", "means", "covariances"] {
        summary["fits"][0]["mixture"][part].as_array_mut().unwrap().reverse();
    }
    std::fs::write(&path, serde_json::to_vec(&summary).unwrap()).unwrap();
    let (json, ..) = compare(out, &[&first, &second]);
    assert_eq!(json["identical"], false);
    for row in json["parameters"][0]["parameters"].as_array().unwrap() {
        assert_eq!(row["values"][0]["estimate"], row["values"][1]["estimate"], "{row}");
    }
}

#[test]
fn likelihoods_of_different_rows_are_left_out_and_said_to_be() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path();
    write_rows(out);
    let first = run(out, "first", 1, TABLE, EM);
    let simulated = "Simulate(n: 80, mixture: (weights: [0.5, 0.5], means: [[0.0, 0.0], [5.0, 5.0]], \
                     covariances: [Isotropic(1.0), Isotropic(1.0)]))";
    let second = run(out, "second", 1, simulated, EM);
    let turned = run(out, "turned", 1, "Csv(path: \"rows.csv\", columns: [\"b\", \"a\"])", EM);
    for (other, why) in [(&second, "other data"), (&turned, "other columns")] {
        let (json, page, shown) = compare(out, &[&first, other]);
        assert_eq!(json["same_rows"], false);
        for fit in json["fits"].as_array().unwrap() {
            for left_out in ["ln_likelihood", "bic", "icl", "held_out", "loo", "ln_evidence"] {
                assert_eq!(fit[left_out], Value::Null, "{left_out}");
            }
            assert!(fit["seconds"].is_number());
        }
        assert!(shown.contains(why) && page.contains(why) && !shown.contains("ln L "), "{shown}");
    }
    // Distances to the truth are each run's own.
    let (json, ..) = compare(out, &[&first, &second]);
    assert_eq!(json["fits"][0]["to_truth"], Value::Null);
    assert!(json["fits"][1]["to_truth"]["means"].as_f64().unwrap() < 1.0);
}

#[test]
fn one_folder_is_shown_alone() {
    let out = tempfile::tempdir().unwrap();
    write_rows(out.path());
    let first = run(out.path(), "first", 1, TABLE, EM);
    let (json, _, shown) = compare(out.path(), &[&first]);
    assert_eq!((&json["identical"], json["fits"].as_array().unwrap().len()), (&Value::Bool(false), 1));
    assert!(shown.contains("One run"), "{shown}");
}

#[test]
fn folders_without_results_of_a_run_are_refused_with_what_they_hold() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path();
    write_rows(out);
    let good = run(out, "good", 1, TABLE, EM);
    let missing = out.join("missing");
    assert!(refused(&[&good, &missing]).contains("could not read"));
    let file = good.join("summary.json");
    assert!(refused(&[&file]).contains("is a file"));
    let folder = out.join("folder");
    std::fs::create_dir(&folder).unwrap();
    assert!(refused(&[&good, &folder]).contains("no summary.json"));
    for (name, command) in
        [("study.json", "gmm study"), ("verification.json", "gmm verify"), ("selection.json", "gmm select")]
    {
        std::fs::write(folder.join(name), "{}").unwrap();
        let message = refused(&[&good, &folder]);
        assert!(message.contains(command), "{message}");
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    let summary = std::fs::read_to_string(&file).unwrap();
    let with = |text: &str| {
        std::fs::write(folder.join("summary.json"), text).unwrap();
        refused(&[&good, &folder])
    };
    assert!(with(&summary[..summary.len() / 2]).contains("damaged"));
    assert!(with(&summary.replacen("\"schema_version\": 1", "\"schema_version\": 9", 1)).contains("schema_version 9"));
    assert!(with(&summary.replacen("\"bic\":", "\"bit\":", 1)).contains("fits[0].bic is missing"));
    assert!(with(&summary.replacen("\"n\": 60", "\"n\": \"many\"", 1)).contains("data.n is \"many\""));
    let mut all: Value = serde_json::from_str(&summary).unwrap();
    all["fits"][0]["mixture"]["covariances"][1][0][0] = Value::from(-1.0);
    assert!(with(&all.to_string()).contains("fits[0].mixture.covariances[1] is no covariance"));
    all["fits"][0]["mixture"]["covariances"] = Value::Array(Vec::new());
    assert!(with(&all.to_string()).contains("fits[0].mixture has 0 covariances for 2 means"));
}
